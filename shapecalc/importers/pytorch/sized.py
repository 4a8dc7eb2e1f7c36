"""Operations without parameters, MACs or a kind here, and with outputs whose size follows from their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.picking import check_put, scattered_into
from shapecalc.importers.pytorch.arguments import unknown_size
from shapecalc.importers.pytorch.operations import operation
from shapecalc.importers.tensors import LOST, Batch, Constant, Data, on_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.pytorch.operations import AtenCall

__all__ = ["picked_together"]


@operation("cumsum", "cumprod", "logcumsumexp", "index_add", "index_copy", "index_fill", "index_reduce", "_fft_c2c",
           "tril", "triu",
           "fft_fftshift", "fft_ifftshift")  # fmt: skip
def _as_large(call: AtenCall) -> Data:
    """An operation whose output has the size of its first input."""
    return _sized(call, call.x())


@operation("histc")
def _counted(call: AtenCall) -> Data:
    """How many elements are in each range: of the whole input."""
    x = call.x()
    if call.frame.batch > 1 and x.batch.axis >= 0:
        raise NotCoveredError("it counts the elements of all samples of the batch")
    return _sized(call, x, [call.number("bins", 100)], LOST)


@operation("bincount")
def _counted_ids(call: AtenCall) -> Data:
    """How often each id is there: of as many ids as `minlength` says, which a model gives for its experts."""
    x, least = call.x(), call.number("minlength", 0)
    if least <= 0:
        raise unknown_size(
            call.node, "it has as many elements as the largest id says: minlength= sets how many there are"
        )
    if call.frame.batch > 1 and x.batch.axis >= 0:
        raise NotCoveredError("it counts the ids of all samples of the batch")
    return _sized(call, x, [least], LOST)


@operation("one_hot")
def _one_hot(call: AtenCall) -> Data:
    """Ids as vectors with a one: of as many elements as there are classes."""
    x, classes = call.x(), call.number("num_classes", -1)
    if classes < 0:
        raise unknown_size(call.node, "it has as many classes as the largest id says: num_classes= sets how many")
    return _sized(call, x, (*x.shape.sizes, classes), x.batch)


@operation("index_put")
def _put(call: AtenCall) -> Data:
    """Elements that are put at positions along several axes."""
    indices = [one for one in call.get("indices", []) if one is not None]
    return _sized(call, scattered_into(call, call.tensor() or call.x(), [*indices, *call.inputs[2:]]))


@operation("scatter", "scatter_add", "scatter_reduce")
def _scattered(call: AtenCall) -> Data:
    """Elements that are put into a tensor."""
    return _sized(call, scattered_into(call, call.tensor() or call.x(), call.inputs[1:]))


def _sized(call: AtenCall, x: Data, sizes: Sequence[Any] | None = None, batch: Batch | None = None) -> Data:
    """Return an operation on all inputs, of which x is the first, with these sizes, or those of x."""
    flat = [one for value in call.inputs[1:] for one in (value if isinstance(value, list) else [value])]
    others = [one for one in flat if isinstance(one, Data)]
    if batch is None:
        check_put(call, x, others)
    more: dict[str, Any] = {} if sizes is None else {"output_sizes": [tuple(sizes)]}
    return call.one("named_operation", x, *others, batch=batch, op_type=call.name, **more)


@operation("pairwise_distance", "cosine_similarity")
def _of_pairs(call: AtenCall) -> Data:
    """A number for each two vectors along an axis: the last of a distance, the second by default of a similarity."""
    is_distance = call.name == "pairwise_distance"
    a, b = call.x("x1"), call.x("x2")
    rank, keeps = max(a.rank, b.rank), is_distance and call.flag("keepdim", False)
    operands, batch = call.frame.aligned(call.place, (a, b))
    at = call.frame.axis(-1 if is_distance else call.number("dim", 1), rank)
    if batch.own and at == batch.axis:
        raise NotCoveredError("it works along the axis of the batch")
    full = max((x.shape.sizes for x in operands), key=len)
    sizes = [max(x.shape.sizes[i - len(full)] for x in operands if x.shape.rank >= len(full) - i)
             for i in range(len(full))]  # fmt: skip
    own = at - (batch.own and batch.axis < at)
    sizes[own : own + 1] = [1] if keeps else []
    batch = batch._replace(axis=batch.axis - (not keeps and batch.axis > at)) if batch.axis >= 0 else batch
    return call.one("named_operation", *operands, batch=batch, op_type=call.name, output_sizes=[tuple(sizes)])


@operation("cdist", "_cdist_forward")
def _of_all_pairs(call: AtenCall) -> Data:
    """The distance of each vector of one tensor to each of another: … × P × M and … × R × M make … × P × R."""
    a, b = call.x("x1"), call.x("x2")
    is_alike = a.rank == b.rank and (b.batch.axis < 0 or a.batch == b.batch)
    if not is_alike and b.rank != 2:
        raise NotCoveredError("its two inputs have the batch on different axes")
    count = b.shape.sizes[call.frame.within(b, -2) - 1]
    at = call.frame.within(a, -1) - 1
    sizes = (*a.shape.sizes[:at], count)
    return call.one("named_operation", a, b, op_type="cdist", output_sizes=[sizes])


@operation("unfold", "unfold_copy")
def _windows(call: AtenCall) -> Data:
    """Tensor.unfold: pieces of an axis, each on a new last axis."""
    x, size, step = call.x(), call.number("size", 1), call.number("step", 1)
    at = call.frame.within(x, call.number("dimension", 0)) - 1
    if step < 1 or not 0 < size <= x.shape.sizes[at]:
        raise LayerError(f"it cuts pieces of {size}, {step} apart, of an axis of {x.shape.sizes[at]}")
    count = (x.shape.sizes[at] - size) // step + 1
    return _sized(call, x, (*on_axis(x.shape.sizes, at, count), size))


@operation("affine_grid_generator")
def _grid(call: AtenCall) -> Data:
    """Positions in a map of a stated size, batch × height × width × 2, of a matrix for each sample."""
    x, size = call.x("theta"), call.ints("size")
    if x.batch != Batch(0, own=True):
        raise NotCoveredError("its matrices are not one for each sample")
    return _sized(call, x, (*size[2:], len(size) - 2))


@operation("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_hfft", "fft_ihfft")
def _fourier(call: AtenCall) -> Data:
    length = call.get("n")
    return _transformed(call, [call.number("dim", -1)], None if length is None else [call.number("n", 1)])


@operation(*(f"fft_{half}fft{rank}" for half in ("", "i", "r", "ir") for rank in "2n"))
def _fourier_of_several_axes(call: AtenCall) -> Data:
    lengths = None if call.get("s") is None else call.ints("s")
    every = range(-(len(lengths) if lengths else call.x().rank), 0)
    axes = call.ints("dim", (-2, -1) if call.name.endswith("2") else tuple(every))
    return _transformed(call, axes, lengths)


def _transformed(call: AtenCall, axes: Sequence[int], lengths: Sequence[int] | None) -> Data:
    """Return a Fourier transform along some axes: of the last, that of real numbers has half the frequencies."""
    x = call.x()
    sizes, is_real = x.shape.sizes, call.name.removeprefix("fft_")[:2]
    for i, axis in enumerate(axes):
        at = call.frame.within(x, axis) - 1
        length = lengths[i] if lengths else -1
        size = length if length > 0 else sizes[at]
        if i == len(axes) - 1 and is_real in ("rf", "ih"):
            size = size // 2 + 1
        elif i == len(axes) - 1 and is_real in ("ir", "hf") and length <= 0:
            size = 2 * (sizes[at] - 1)
        sizes = on_axis(sizes, at, size)
    return _sized(call, x, sizes)


@operation("_fft_r2c", "_fft_c2r")
def _decomposed(call: AtenCall) -> Data:
    x, axes = call.x(), call.ints("dim")
    at = call.frame.within(x, axes[-1]) - 1
    size = x.shape.sizes[at]
    if call.name == "_fft_c2r":
        size = call.number("last_dim_size", 1)
    elif call.flag("onesided", True):
        size = size // 2 + 1
    return _sized(call, x, on_axis(x.shape.sizes, at, size))


@operation("stft")
def _short_fourier(call: AtenCall) -> Data:
    """Frequencies × frames, complex, of the samples of a wave."""
    x, length = call.x(), call.number("n_fft", 1)
    at = call.frame.within(x, -1) - 1
    frames = (x.shape.sizes[at] - length) // call.number("hop_length", max(length // 4, 1)) + 1
    is_real = call.get("return_complex") is False
    frequencies = length // 2 + 1 if call.flag("onesided", True) else length
    return _sized(call, x, (*x.shape.sizes[:at], frequencies, frames, *((2,) if is_real else ())))


@operation("view_as_complex", "view_as_real", "view_as_complex_copy")
def _as_complex(call: AtenCall) -> Data:
    """Pairs of real numbers on the last axis as complex ones, or the other way round."""
    x = call.x()
    if call.name == "view_as_real":
        return _sized(call, x, (*x.shape.sizes, 2))
    if x.shape.sizes[-1:] != (2,) or call.frame.within(x, -1) != x.shape.rank:
        raise LayerError("its last axis is not one of pairs")
    return _sized(call, x, x.shape.sizes[:-1])


def picked_together(call: AtenCall, x: Data, given: Sequence[tuple[int, Any]]) -> Data:
    """Return the elements at positions along several axes: those of one element together, `x[:, i, j]`.

    The positions are broadcast. Their axes stand where the first of the axes of x was that they are of, if these follow
    each other, and else in front.
    """
    frame, tensors = call.frame, [one for _, one in given]
    axes = [axis for axis, _ in given]
    if not all(isinstance(one, (Data, Constant)) for one in tensors):
        raise NotCoveredError("its positions are not all tensors")
    full = [one.full(frame.batch) for one in tensors]
    rank = max(map(len, full))
    sizes = [max(one[at - rank + len(one)] for one in full if at - rank + len(one) >= 0) for at in range(rank)]
    first = axes[0] if axes == [*range(axes[0], axes[-1] + 1)] else 0
    own = [rank - len(dims) + one.batch.axis for one, dims in zip(tensors, full, strict=True)
           if isinstance(one, Data) and one.batch.axis >= 0]  # fmt: skip
    if any(isinstance(one, Data) and not one.batch.own for one in tensors if one.batch.axis >= 0):
        raise NotCoveredError("its positions have the batch on an axis with others")
    rows = [*x.full(frame.batch)]
    kept = [axis for axis in range(x.rank) if axis not in axes]
    before = sum(axis < first for axis in kept)
    found = [*[rows[axis] for axis in kept[:before]], *sizes, *[rows[axis] for axis in kept[before:]]]
    batch = x.batch
    if x.batch.axis in axes and x.batch.axis >= 0:
        # one position or more of each sample: its own index varies along the axis that the batch has in the output
        index = full[axes.index(x.batch.axis)]
        at = rank - len(index)
        if not x.batch.own or sizes[at : at + 1] != [frame.batch] or any(axis != at for axis in own):
            raise NotCoveredError("it picks from all samples of the batch")
        batch = Batch(before + at, own=True)
    elif own:
        raise NotCoveredError("it picks positions that differ from sample to sample from each")
    elif x.batch.axis >= 0:
        number = kept.index(x.batch.axis)
        batch = x.batch._replace(axis=number + (rank if number >= before else 0))
    if batch.own:
        del found[batch.axis]
    return _sized(call, x, found, batch)
