"""The sizes of the inputs of a specification."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.values import BadValueError, argument_value, bad, describe
from shapecalc.layers.base.layer import FEATURES_LAST
from shapecalc.layers.base.shape import CHW, Shape
from shapecalc.model.graph import ONE_AXIS
from shapecalc.model.readings import is_batch_of_images
from shapecalc.source import ListValue, MapValue, Scalar, flow_text, short
from shapecalc.text.units import without_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.errors import Hint, Mark
    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Node
    from shapecalc.source import Value

__all__ = ["input_shape", "missing_input", "notes_on_products", "product_note", "switches_of", "unnamed_inputs"]

_NAMED_AXES = ("depth", "height", "width", "length")


def input_shape(value: Value, layout: str, variables: Mapping[str, Any], argument: Argument) -> Shape:
    """Return the size of an input: `227x227x3`, a list, or a mapping of height, width and channels."""
    last = layout == "HWC"
    if isinstance(value, MapValue):
        return _mapped_shape(value, last, variables, argument)
    try:
        sizes = argument_value(value, argument, variables)
    except BadValueError as error:
        hint = _hint_without_batch(value, argument, variables) or _hint_for_sizes(value, variables)
        if isinstance(value, Scalar) and value.value is None:
            hint = f"write for instance {'224x224x3' if last else '3x224x224'}"
        raise BadValueError(error.problem._replace(hint=hint or error.problem.hint)) from None
    return Shape(sizes, last, is_map=len(sizes) >= 3)


def product_note(value: Value, layout: str) -> str:
    """Return the note on the size of an input that is a product: `3*32*32` is one axis; empty for any other.

    A batch before the sizes of an image is left out.
    """
    (value,) = value.items if isinstance(value, ListValue) and len(value.items) == 1 else (value,)
    if not isinstance(value, Scalar) or not re.fullmatch(r"(?a:\d+(\s*\*\s*\d+)+)", value.text.strip()):
        return ""
    factors = value.text.replace(" ", "").split("*")
    found = prod(map(int, factors))
    is_batch = is_batch_of_images(Shape(tuple(map(int, factors)), layout != CHW, is_map=True))
    batch, sizes = (factors[0], factors[1:]) if is_batch else ("", factors)
    if_batch = f", if {batch} is the batch" if is_batch else ""
    return f"{ONE_AXIS} {found:,}: write {'x'.join(sizes)} for {len(sizes)} axes{if_batch}"


def notes_on_products(notes: Sequence[str], nodes: Sequence[Node]) -> Sequence[str]:
    """Return the notes on inputs that are products, without those that are features, as the layers show.

    All that read the inputs may have one axis, and learn from it; or 28*28 is before no layer that needs more axes.
    """
    readers = [node.layer for node in nodes if any(ref.node < 0 for ref in node.inputs)]
    is_needed = any(node.layer and _needs_length(node.layer) for node in nodes) or any(
        layer and (layer.expected_ranks() or (0,))[0] for layer in readers
    )
    if readers and all(
        layer and layer.expected_ranks() is None and layer.required_arguments() and not _needs_length(layer)
        for layer in readers
    ):
        return ()
    return [note for note in notes if is_needed or not note.endswith(_TWO_AXES)]


def _needs_length(layer: Layer) -> bool:
    return layer.sequences or (layer.axis_order == FEATURES_LAST and bool(layer.required_arguments()))


_TWO_AXES = " for 2 axes"


def unnamed_inputs(value: Value) -> tuple[dict[str, Value], Problem]:
    """Return inputs without names under those that a block has for its own, `input` and `input2`, and their problem.

    There is one if it is a size. References to them may have these names already.
    """
    items = value.items if isinstance(value, ListValue) else [value]
    if isinstance(value, Scalar) and value.value is None:
        found: dict[str, Value] = {}
    elif all(isinstance(item, Scalar) and str(item.value).isdecimal() for item in items):
        found = {"input": value}
    else:
        found = {f"input{number}" if number > 1 else "input": item for number, item in enumerate(items, 1)}
    given = ", ".join(f"{name}: {flow_text(item)}" for name, item in found.items())
    hint = (
        f"write `{given}` for one input" if len(found) == 1 else f"write `inputs: {{{given}}}`, with names of your own"
    )
    if not found or len(given) > _LONGEST:
        hint = "write for instance inputs: {left: 3x224x224, right: 3x224x224}"
    message = f"inputs is a mapping of names to sizes, not {describe(value)}"
    return found, Problem(message, value.mark, hint=clean(hint))


def missing_input(mark: Mark, layout: str, *, is_list: bool) -> Problem:
    """Return the problem of a specification without an input, which may be only a list of layers."""
    size = "3x224x224" if layout == CHW else "224x224x3"
    top = "at the top, and `layers:` above the list," if is_list else "at the top,"
    hint = f"write for instance `input: {size}` {top} or give --input (input= of load() in Python)"
    return Problem("the input size is missing", mark, hint=hint)


def _hint_without_batch(value: Value, argument: Argument, variables: Mapping[str, Any]) -> str:
    """Return the hint for sizes of which all but the first are good: None, -1 or N is the batch."""
    rest: Value | None = None
    if isinstance(value, ListValue):
        first = value.items[0] if len(value.items) > 1 else None
        rest = ListValue(value.items[1:], value.mark) if isinstance(first, Scalar) and not first.quoted else None
    elif sizes_alone := without_batch(value.text) if isinstance(value, Scalar) else "":
        rest = Scalar(sizes_alone, sizes_alone, value.mark)
    if rest is None:
        return ""
    try:
        sizes = argument_value(rest, argument, variables)
    except BadValueError:
        return ""
    return f"sizes are given without the batch axis: write {'x'.join(map(str, sizes))}"


def _hint_for_sizes(value: Value, variables: Mapping[str, Any]) -> str:
    """Return the hint for sizes with another sign between them, or for one that is no number; empty for others."""
    items = value.items if isinstance(value, ListValue) else [value]
    text = "x".join([item.text if isinstance(item, Scalar) else "[]" for item in items[:_LONGEST]])
    if len(text) > _LONGEST:
        return ""
    sizes = re.split(r"\s*[xX×*:;/]\s*|\s+", text.strip())
    if len(sizes) > 1 and all(size.isdecimal() or size in variables for size in sizes):
        has_names = any(size in variables for size in sizes)
        written = f"[{', '.join(sizes)}]" if has_names else "x".join(sizes)
        return f"write {written}" if isinstance(value, Scalar) and written != text and "0" not in sizes else ""
    if len(sizes) < 2 or not all(re.fullmatch(r"(?a:\d+)|[?_]|None|none|null|[HWhw]", size) for size in sizes):
        return ""
    known = [size if size.isdecimal() else _SIZE for size in sizes]
    return f"each size is a number: write for instance {'x'.join(known)}"


_LONGEST = 100
_SIZE = "224"
_LETTERS = {"c": "channels", "d": "depth", "f": "features", "h": "height", "l": "length", "w": "width"}


def _hint_for_axis(word: str, value: MapValue, known: tuple[str, ...]) -> str | Hint:
    """Return the hint for a word that is no axis: where none of the words beside it is one, they are inputs."""
    if word.lower().startswith("batch"):
        return "sizes are given without the batch axis"
    letters = [_LETTERS.get(key.text.lower(), "") for key, _ in value.pairs]
    if all(letters):
        sizes = [short(item.text) if isinstance(item, Scalar) else "…" for _, item in value.pairs]
        named = ", ".join(f"{name}: {size}" for name, size in zip(letters, sizes, strict=True))
        return f"write {{{named}}}"
    if any(key.text in known or did_you_mean(key.text, known, lists=False) for key, _ in value.pairs):
        return did_you_mean(word, known)
    return "inputs that have names are written under `inputs:`"


def _mapped_shape(value: MapValue, last: bool, variables: Mapping[str, Any], argument: Argument) -> Shape:
    known = (*_NAMED_AXES, "channels", "features")
    found: dict[str, Any] = {}
    for key, item in value.pairs:
        if key.text not in known:
            raise bad(f"an input has no axis {key.text}", key.mark, _hint_for_axis(key.text, value, known))
        sizes = argument_value(item, argument, variables)
        if len(sizes) != 1:
            raise bad(f"{key.text} must be one size", item.mark)
        found[key.text] = sizes[0]
    if "features" in found and len(found) == 1:
        return Shape((found["features"],), last)
    spatial = tuple(found[axis] for axis in _NAMED_AXES if axis in found)
    if "channels" not in found or not spatial or "features" in found:
        hint = "give channels, and height and width (or length, or depth, height and width); or features alone"
        if found.keys() == {"length", "features"}:
            hint = f"a sequence is length × features: write {found['length']}x{found['features']}"
        raise bad(f"{' and '.join(found) or 'nothing'} alone do not define an input", value.mark, hint)
    return Shape((1,), last).map_of(found["channels"], spatial)


def switches_of(left_out: Mapping[str, Value], settings: Value | None) -> dict[str, str]:
    """Return the variables, declared as false, with which inputs that are left out are there; and these inputs."""
    pairs = settings.pairs if isinstance(settings, MapValue) else ()
    declared = {key.text for key, value in pairs if isinstance(value, Scalar) and value.text == "false"}
    conditions = {name: item.get("when") for name, item in left_out.items() if isinstance(item, MapValue)}
    return {when.text: name for name, when in conditions.items() if isinstance(when, Scalar) and when.text in declared}
