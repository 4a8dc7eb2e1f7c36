"""Specifications as values with marks: YAML text, or plain Python objects, read safely and in linear time.

    bytes ──decoding──▶ text ──reading──▶ events ──assembly──▶ values        (objects, for Python's own dicts)

A value is a `Scalar`, a `ListValue` or a `MapValue`; each has the location that it was read from. No text can run code,
recurse, or grow beyond the limits below. All problems are returned, not raised. This is the only part of shapecalc that
uses YAML. Plain scalars follow YAML 1.2; one that YAML parsers disagree about stays a string and has a `trap`, a
sentence for readers who expected something else.
"""

from __future__ import annotations

from shapecalc.errors import MAX_PROBLEMS, Problem, Source
from shapecalc.source.assembly import MAX_DEPTH, MAX_VALUES, StopReadingError, TreeBuilder
from shapecalc.source.decoding import MAX_BYTES, check_text, decode
from shapecalc.source.reading import read_events
from shapecalc.source.values import ListValue, MapValue, Scalar, Value, as_list, flow_text, short, shown_value, words_in
from shapecalc.source.words import MAX_DIGITS

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_PROBLEMS",
    "MAX_VALUES",
    "ListValue",
    "MapValue",
    "Scalar",
    "Value",
    "as_list",
    "flow_text",
    "read_object",
    "read_text",
    "short",
    "shown_value",
    "words_in",
]


def read_text(text: str | bytes, name: str) -> tuple[Value | None, list[Problem]]:
    """Read YAML (or JSON, which is YAML) and return its value and its problems.

    The value is None if nothing could be read. `name` is the name of the text in errors, such as its file name.
    """
    source = Source(name)
    builder = TreeBuilder(source)
    try:
        source.text = decode(text, source)
        check_text(source)
        read_events(source, builder)
    except StopReadingError as stop:
        return None, [*builder.problems.listed(), stop.problem]
    return builder.root, builder.problems.listed()


def read_object(obj: object, name: str = "<dict>") -> tuple[Value | None, list[Problem]]:
    """Convert Python dicts, lists, strings and numbers to values; their marks are paths within the object."""
    from shapecalc.source.objects import read_objects

    builder = TreeBuilder(Source(name))
    try:
        read_objects(obj, builder)
    except StopReadingError as stop:
        return None, [*builder.problems.listed(), stop.problem]
    return builder.root, builder.problems.listed()
