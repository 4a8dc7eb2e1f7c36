"""What combines tensors: products, element-wise operations; and reductions and choices along axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.tensors import FIXED, LOST, Batch, Constant, Data, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.call import ImportedCall

__all__ = [
    "as_rows",
    "einsum",
    "is_number",
    "linear",
    "merged",
    "number_in",
    "product",
    "reduced",
    "rows",
]


def linear(call: ImportedCall, x: Data, weight: Constant, features: tuple[int, int], bias: Constant | None) -> Data:
    """Return a fully connected layer from so many features to so many."""
    inputs, outputs = features
    weights = [weight] if bias is None else [weight, bias]
    more: dict[str, Any] = {"bias": False} if bias is None else {}
    return call.one("linear", x, out_features=outputs, in_features=inputs, weights=weights, **more)


def rows(call: ImportedCall, x: Data) -> Data:
    """Return an input whose last axis is features, not the batch. Errors: `NotCoveredError`."""
    if not (x.batch.axis >= x.rank - 1 and (x.batch.own or call.frame.batch > 1)):
        return x
    if call.frame.batch > 1:
        raise NotCoveredError("it sums over the samples of the batch")
    return call.frame.whole(call.place, x)


def as_rows(call: ImportedCall, x: Constant) -> Data:
    """Return a constant that is multiplied by weights: where it has equal rows, as many as the batch, a row of each.

    As the first states of a cell, which exporters store with the batch of their example.
    """
    frame, items = call.frame, x.items
    row = x.dims[1:]
    is_of_each = frame.batch > 1 and x.batch == FIXED and bool(row) and x.dims[0] == frame.batch
    if not is_of_each or (items is not None and items != items[: math.prod(row)] * frame.batch):
        return call.as_data(x)
    return frame.as_data(call.place, x, row)._replace(batch=Batch(0, own=True))


def product(call: ImportedCall, a: Data | Constant, b: Data | Constant) -> Data:
    """Return the product of two tensors, of which one may be a constant. Errors: `LayerError`, `NotCoveredError`."""
    rank = max(a.rank, b.rank)
    sides = []
    for x in (a, b):
        at = rank - x.rank + x.batch.axis if isinstance(x, Data) and x.batch.own else -1
        sides.append(at)
    is_row = isinstance(a, Data) and a.rank == 2 and a.batch == Batch(0, own=True) and sides[1] < 0 and b.rank == 2
    at = max(sides)
    if sides in ([rank - 2, -1], [-1, rank - 1]) and not is_row:
        return _of_rows(call, a, b, at)
    mixed = at >= rank - 2 or (min(sides) >= 0 and sides[0] != sides[1])
    apart = [x for x in (a, b) if at >= 0 and not fits(x, at - (rank - x.rank), call.frame.batch)]
    if (mixed or apart) and not is_row:
        if call.frame.batch > 1:
            return _across_samples(call, a, b, () if mixed else apart)
        a, b = (call.frame.whole(call.place, x) if isinstance(x, Data) else x for x in (a, b))
        at = -1
    data = []
    for x in (a, b):
        axis = at - (rank - x.rank)
        covers = not is_row and at >= 0 and axis >= 0 and not (isinstance(x, Data) and x.batch.own)
        if isinstance(x, Constant):
            dims = (*x.dims[:axis], *x.dims[axis + 1 :]) if covers else x.dims
            data.append(call.frame.as_data(call.place, x, dims))
        else:
            data.append(call.frame.one_sample(call.place, x, axis) if covers else x)
    if at >= 0:
        return call.one("matmul", *data, batch=Batch(0 if is_row else at, own=True))
    batch = call.frame.carried(data, rank)
    data = call.frame.of_joined(call.place, data, rank) if not mixed else data
    if call.frame.batch > 1 and batch.axis >= rank - 2:
        raise NotCoveredError("it multiplies samples of the batch with each other")
    return call.one("matmul", *data, batch=batch)


def _across_samples(call: ImportedCall, a: Data | Constant, b: Data | Constant, apart: Sequence[Any]) -> Data:
    """Return a product that compares each sample with all of the batch, as CLIP does images with texts.

    Only where the batch is sure, as that of maps: rows of a sequence that is taken for one are compared so as well.
    Errors: `LayerError`, `NotCoveredError` for other products of samples with each other.
    """
    frame, are_maps = call.frame, any(shape.rank >= _OF_MAPS for shape in call.frame.inputs.values())
    if are_maps and (a.batch, b.batch) == (Batch(0, own=True), Batch(1, own=True)):
        frame.notes[f"where samples are compared with each other, each is with the {frame.batch} of the batch"] = None
        one, other = call.as_data(a), call.as_data(b)
        sizes = [(*other.shape.sizes, frame.batch)]
        every = call.one("named_operation", other, batch=LOST, output_sizes=sizes, op_type="batch")
        return call.one("matmul", one, every, batch=one.batch)
    if apart and isinstance(apart[0], Constant):
        raise LayerError("its inputs differ along the batch axis")
    raise NotCoveredError("it multiplies samples of the batch with each other")


_OF_MAPS = 3
"""The axes of a map without its batch."""


def _of_rows(call: ImportedCall, a: Data | Constant, b: Data | Constant, at: int) -> Data:
    """Return the product of which samples are rows of the first, or columns of the second, as that of one of them."""
    data = [call.frame.of_size_one(call.place, call.as_data(x)) for x in (a, b)]
    found = call.one("matmul", *data, batch=LOST)
    return call.frame.without_axis(call.place, found, at)._replace(batch=Batch(at, own=True))


def einsum(call: ImportedCall, equation: str, operands: Sequence[Data | Constant]) -> Data:
    """Return an Einstein summation of tensors. Errors: `NotCoveredError`."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise NotCoveredError(f"its equation is {equation}")
    if not arrow:  # its output has the letters that are there once, in alphabetical order, behind what has none
        once = sorted(letter for letter in left if letter.isalpha() and left.count(letter) == 1)
        right = "".join(["..." if "..." in left else "", *once])
        equation = f"{left}->{right}"
    owned = [(term, x) for term, x in zip(terms, operands, strict=True) if isinstance(x, Data) and x.batch.own]
    fixed = [x.batch.is_fixed for x in operands]
    data = [call.as_data(x) for x in operands]
    if owned and _is_under_ellipsis(terms, right, operands):
        return call.one("einsum", *data, batch=Batch(0, own=True), equation=equation)
    letters = {term[x.batch.axis] if x.batch.axis < len(term) else "" for term, x in owned}
    letter = next(iter(letters), "")
    axes = [term.find(letter) if is_fixed and letter else -1 for term, is_fixed in zip(terms, fixed, strict=True)]
    others = [at for at, x in zip(axes, data, strict=True) if at >= 0 and x.rank > at and fits(x, at, call.frame.batch)]
    is_followed = len(letters) == 1 and letter.isalpha() and letter in right
    is_followed = is_followed and "".join(terms).count(letter) == len(owned) + len(others)
    if "." in equation:
        is_followed = is_followed and right[:1] == letter and all(x.batch.axis == 0 for _, x in owned) and not others
    if owned and not is_followed:
        if call.frame.batch > 1:
            raise NotCoveredError("the batch is not an axis of all of its terms")
        data = [call.frame.whole(call.place, x) for x in data]
        owned = []
    if owned:  # the batch is left out, so that every term has as many letters as its input has axes
        equation = equation.replace(letter, "")
        data = [call.frame.one_sample(call.place, x, at) if at >= 0 else x for at, x in zip(axes, data, strict=True)]
    batch = Batch(right.index(letter), own=True) if owned else LOST
    batch = call.frame.carried(data, 0) if all(fixed) else batch
    return call.one("einsum", *data, batch=batch, equation=equation)


def _is_under_ellipsis(terms: Sequence[str], right: str, operands: Sequence[Data | Constant]) -> bool:
    """Return whether the batch is the first of the axes without letters, in front of all terms that have it."""
    hidden = [x.rank - len(term.replace("...", "")) for term, x in zip(terms, operands, strict=True)]
    most = max(hidden)
    return right.startswith("...") and all(
        term.startswith("...") and count == most and x.batch == Batch(0, own=True)
        if isinstance(x, Data) and x.batch.own
        else count < most
        for term, x, count in zip(terms, operands, hidden, strict=True)
    )


def is_number(x: Any) -> bool:
    """Return whether an operand is one number, the same for every element."""
    return isinstance(x, Constant) and not x.learned and all(size == 1 for size in x.dims)


def merged(call: ImportedCall, kind: str, given: Sequence[Data | Constant]) -> Data:
    """Return a sum, product or the like of tensors that are broadcast. Errors: `LayerError`."""
    rank = max(x.rank for x in given)
    data = [x for x in given if isinstance(x, Data)]
    numbers = [x for x in given if is_number(x)]
    if len(data) == 1 and len(given) == 2:
        x = data[0]
        if numbers and x.rank == rank:  # with a number: x − 2 is x + (−2), x / 2 is x · ½
            first, number = given[0] is x, number_in(numbers[0])
            if kind in ("add", "mul", "maximum", "minimum"):
                return call.one(kind, x, **_other(number))
            if kind == "sub" and (first or number is not None):
                return call.one("add" if first else "sub", x, **_other(-number if first and number else number))
            if kind == "div" and first:
                return call.one("mul", x, **_other(1 / number if number else None))
            if kind == "div" and number == 1:
                return call.one("pointwise", x, function="reciprocal")
        scaled = _scaled(call, kind, x, next((w for w in given if isinstance(w, Constant)), None))
        if scaled is not None:
            return scaled
    operands, batch = call.frame.aligned(call.place, given)
    return call.one(kind, *operands, batch=batch)


def number_in(x: Any) -> float | None:
    """Return the number that an operand is, if it is known and finite."""
    number = x.items[0] if isinstance(x, Constant) and x.items else None
    if isinstance(number, bool):
        return int(number)
    return number if isinstance(number, (int, float)) and math.isfinite(number) else None


def _other(number: float | None) -> dict[str, Any]:
    return {} if number is None else {"other": number}


def _scaled(call: ImportedCall, kind: str, x: Data, weight: Constant | None) -> Data | None:
    """Return a learned factor, or a learned number that is added, of each position of one axis; None for others."""
    if weight is None or not weight.learned or kind not in ("mul", "add") or weight.rank > x.rank:
        return None
    axes = [axis for axis, size in enumerate(weight.dims, x.rank - weight.rank) if size != 1]
    if len(axes) != 1:
        return None
    index = call.frame.index(x, axes[0])
    if index < 0 or x.shape.sizes[index] != weight.dims[axes[0] - (x.rank - weight.rank)]:
        return None
    return call.one("bias_add" if kind == "add" else "layer_scale", x, dim=index + 1, weights=[weight])


def reduced(
    call: ImportedCall, x: Data, kind: str, axes: Sequence[int], *, keeps: bool, more: dict[str, Any] | None = None
) -> Data:
    """Return a tensor without these axes, or with size 1 there. Errors: `NotCoveredError`."""
    axes = [call.frame.axis(axis, x.rank) for axis in axes]
    if any(call.frame.index(x, axis) < 0 for axis in axes) and call.frame.batch == 1:
        x = call.frame.whole(call.place, x)
    dims: Any = [call.frame.within(x, axis) for axis in axes]
    batch = x.batch
    if not keeps and batch.axis >= 0:
        batch = batch._replace(axis=batch.axis - sum(axis < batch.axis for axis in axes))
    if batch.axis in axes and not batch.own and x.batch.axis in axes:
        batch = LOST
    of_space = x.shape.is_map and not x.shape.channels_last
    if keeps and kind == "mean" and of_space and dims == list(range(2, x.shape.rank + 1)):
        return call.one("global_avg_pool", x, keepdims=True)
    if "arg" in kind:
        dims = dims[0]
    return call.one(kind, x, batch=batch, dim=dims, keepdim=keeps, **(more or {}))
