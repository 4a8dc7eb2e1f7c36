"""The three sorts of tensor of an imported graph, and where the batch is in them.

Data is what a node outputs; a constant is a weight (only its size is known) or a value (small
numbers that are known, as sizes and axes), which is folded.
"""

from __future__ import annotations

from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.errors import Mark
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Reference

__all__ = [
    "FIXED", "LOST", "NO_BATCH", "Batch", "Constant", "Data", "FailedError", "JoinedBatchError", "NodePlace",
    "NotCoveredError", "UncoveredError", "Unsized", "batch_after", "common_axis", "fits", "inferred_sizes", "on_axis",
    "rearrangement", "sizes_text",
]  # fmt: skip


class NotCoveredError(Exception):
    """A node is used in a way that no layer here is: it is opaque. The text says why."""


class FailedError(Exception):
    """A layer was added whose sizes cannot be: inference reports why. `index` is that of its node."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(index)


class UncoveredError(LayerError):
    """A node is none that is read, and its output has no size: the error of nodes after it is another."""


class Batch(NamedTuple):
    """Where the batch is in a tensor: an axis of its own, or a factor of one; `outer` are the factors before it there.

    -1 is nowhere: the tensor is that of one sample, or it is not followed any more (in batches of one).
    """

    axis: int = -1
    own: bool = False
    outer: int = 1

    @property
    def is_fixed(self) -> bool:
        """Whether the tensor depends on no input: a first axis of 1 is not the batch."""
        return self.outer <= 0


LOST = Batch()
FIXED = Batch(outer=0)
"""Of a tensor that depends on no input: an axis of it may be the batch, where it was made for each sample."""
NO_BATCH = Batch(outer=-1)
"""Of a tensor that depends on no input, nor on their sizes, as one that the file holds: no axis of it is the batch."""


class Data(NamedTuple):
    """A tensor that a layer outputs: its size without the batch, and where that is."""

    ref: Reference
    shape: Shape
    batch: Batch = LOST

    def full(self, batch: int) -> tuple[Any, ...]:
        """Return the sizes as the file has them, with the batch."""
        sizes, at = self.shape.sizes, self.batch.axis
        if at < 0:
            return sizes
        return (*sizes[:at], batch, *sizes[at:]) if self.batch.own else on_axis(sizes, at, sizes[at] * batch)

    @property
    def rank(self) -> int:
        """The number of axes as the file has them."""
        return self.shape.rank + self.batch.own


class Constant(NamedTuple):
    """A tensor that is the same for every input: its sizes; its elements, if they are known; the tensors it is made of.

    `learned` is whether it is one of the weights that the file holds, and not made by an operation; `unread` says in
    which other file its elements are, and why they were not read there; `is_of_no_batch` is whether no axis is the
    batch, though it is none of these weights; `is_computed` is whether it is no weight, whatever it is multiplied by;
    `is_range` is whether it counts along its only axis that is longer than 1; `repeated` is the axis along which a
    weight is the same for each sample of the batch; `parts` are the tensors that it has some elements of: what is
    joined of all of them is learned again.
    """

    dims: tuple[int, ...]
    items: tuple[Any, ...] | None = None
    sources: tuple[str, ...] = ()
    learned: bool = False
    unread: str = ""
    is_of_no_batch: bool = False
    is_computed: bool = False
    is_range: bool = False
    repeated: int = -1
    parts: tuple[str, ...] = ()

    @property
    def batch(self) -> Batch:
        """Where the batch is: nowhere."""
        return NO_BATCH if self.learned or self.is_of_no_batch else FIXED

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.dims)

    def full(self, batch: int) -> tuple[Any, ...]:  # noqa: ARG002  (as that of data)
        """Return the sizes."""
        return self.dims


class JoinedBatchError(NotCoveredError):
    """Several samples of a layer are one of the network: it can be used on one after the other.

    `x` has them all; `others` are inputs that are the same for all samples, as they are for those of one.
    """

    def __init__(self, x: Data, others: Mapping[Data, Data] = MappingProxyType({})) -> None:
        self.x = x
        self.others = others
        super().__init__("the first axis of its input is not the batch alone")


class Unsized(NamedTuple):
    """A tensor whose size could not be worked out: the node that outputs it."""

    ref: Reference


class NodePlace(NamedTuple):
    """Where a node is: its location for errors, the blocks around it, its own name; in a text, its line."""

    path: str
    blocks: tuple[str, ...]
    name: str
    mark: Mark | None = None


def on_axis(sizes: Sequence[Any], axis: int, size: Any) -> tuple[Any, ...]:
    """Return sizes with another one on an axis."""
    return (*sizes[:axis], size, *sizes[axis + 1 :])


def rearrangement(before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
    """Return the kind, and its arguments, that makes sizes of others: one that does not name them, if there is one.

    Then the layer is right for other sizes of the input too.
    """
    if len(after) == 1:
        return "flatten", {}
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(new) == 1 and len(old) > 1:
        return "flatten", {"start_dim": start + 1, "end_dim": start + len(old)}
    if set(old) == {1} and not new:
        return "squeeze", {"dim": list(range(start + 1, start + len(old) + 1))}
    if new == (1,) and not old:
        return "unsqueeze", {"dim": start + 1}
    if len(old) == 1 and len(new) > 1:
        return "unflatten", {"dim": start + 1, "unflattened_size": new}
    return "reshape", {"shape": after}


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    """Return how many sizes two lists have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def batch_after(x: Data, full: tuple[int, ...], b: int) -> Batch:
    """Return where the batch, of size b, is once a tensor has other sizes: what stands before it stays before it.

    Errors: `LayerError` where it could not be followed.
    """
    at = x.batch.axis
    if x.batch.is_fixed:
        return x.batch
    if at < 0:
        return Batch(0, own=True) if b == 1 and full[:1] == (1,) else LOST
    own = x.full(b)
    before = prod(own[:at]) * x.batch.outer
    products = [prod(full[:i]) for i in range(len(full))]
    for i, size in enumerate(full):
        if size == b and products[i] == before:
            return Batch(i, own=True)
    stays = [i for i, size in enumerate(full) if products[i] == prod(own[:at]) and size == own[at]]
    if stays and not x.batch.own:
        return x.batch._replace(axis=stays[0])
    found = [
        Batch(i, outer=before // products[i])
        for i, size in enumerate(full)
        if products[i] and before % products[i] == 0 and size and size % (before // products[i] * b) == 0
    ]
    if not found:
        if b == 1:
            return LOST
        raise LayerError(f"the batch of {b} could not be followed from {sizes_text(own)} to {sizes_text(full)}")
    # In a batch of one several are possible: it joins what stands before it where what follows stays as it is.
    joined = full[found[0].axis + 1 :] == own[at + 1 :] if x.batch.own else True
    return found[0] if joined or not before > 1 else found[-1]


def common_axis(operands: Sequence[Data | Constant], rank: int, b: int) -> int:
    """Return the axis of the batch, of size b, of operands that are broadcast to so many axes; -1 for none.

    Errors: `NotCoveredError` where it is not the same in all of them, `LayerError` where a size cannot be.
    """
    axes = [rank - x.rank + x.batch.axis for x in operands if isinstance(x, Data) and x.batch.own]
    for at in axes:
        if all(fits(x, at - (rank - x.rank), b) for x in operands):
            return at
    if not axes or b == 1:  # the only sample is an axis of size 1 like any other
        return -1
    every = " and ".join(sizes_text(x.full(b)) for x in operands)
    apart = [x for x in operands if not fits(x, axes[0] - (rank - x.rank), b)]
    if not all(x.batch.is_fixed for x in apart):
        raise NotCoveredError(f"its inputs {every} have the batch on different axes")
    raise LayerError(f"its inputs {every} differ along the batch axis")


def fits(x: Data | Constant, axis: int, b: int) -> bool:
    """Return whether a tensor can be combined with one whose batch, of size b, is along this axis: -1 is before all."""
    if x.batch.own and b > 1:
        return x.batch.axis == axis
    return axis < 0 or x.full(b)[axis] in (1, b if x.batch == FIXED else 1)


def sizes_text(sizes: Sequence[Any]) -> str:
    """Return the sizes of a tensor as a text: one that is not known is `?`."""
    return "×".join("?" if size is None else str(size) for size in sizes) or "a scalar"


def inferred_sizes(what: str, given: Sequence[int], elements: int, sizes: Sequence[int] | None = None) -> list[int]:
    """Return the sizes of a reshape, of which one may be given as -1: what the others leave of the elements.

    `what` they are called, and those that were `given`, are for the error; `sizes` are these as they are meant, if
    otherwise. Errors: `LayerError` for others, and where they do not divide the elements.
    """
    found = [*(given if sizes is None else sizes)]
    be, do = ("are", "do") if what.endswith("s") else ("is", "does")
    if found.count(-1) > 1 or min(found, default=0) < -1:
        raise LayerError(f"its {what} {given} {be} not valid: one of them may be -1, no other less than 0")
    if -1 in found:
        known = prod(size for size in found if size != -1)
        if not known or elements % known:
            raise LayerError(f"its {what} {given} {do} not divide the {elements:,} elements of its input")
        found[found.index(-1)] = elements // known
    return found
