"""Specifications as values with marks: YAML text, or plain Python objects, read safely and in linear time.

    bytes ──decoding──▶ text ──reading──▶ events ──assembly──▶ values        (objects, for Python's own dicts)

A value is a `Scalar`, a `ListValue` or a `MapValue`; each knows the place that it was read from. Nothing that stands in
the text can run code, recurse, or grow beyond the limits below. What is wrong is returned, all of it, not raised.
This is the only part of shapecalc that knows YAML. Its plain words mean what YAML 1.2 says; a word that YAML parsers
disagree about stays text and has a `trap`, a sentence for readers who expected something else.
"""

from __future__ import annotations

from shapecalc.errors import MAX_PROBLEMS, Problem, Source
from shapecalc.source.assembly import MAX_DEPTH, MAX_VALUES, StopReadingError, TreeBuilder
from shapecalc.source.decoding import MAX_BYTES, check_text, decode
from shapecalc.source.reading import read_events
from shapecalc.source.values import ListValue, MapValue, Scalar, Value, short
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
    "read_object",
    "read_text",
    "short",
]


def read_text(text: str | bytes, name: str) -> tuple[Value | None, list[Problem]]:
    """Read YAML (or JSON, which is YAML) and return its value and its problems.

    The value is None where nothing could be read. `name` is the name of the text in errors, such as its file name.
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
    """Turn Python's own dicts, lists, texts and numbers into values; their marks name the path to them."""
    from shapecalc.source.objects import read_objects

    builder = TreeBuilder(Source(name))
    try:
        read_objects(obj, builder)
    except StopReadingError as stop:
        return None, [*builder.problems.listed(), stop.problem]
    return builder.root, builder.problems.listed()
