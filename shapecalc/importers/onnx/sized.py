"""Operations without parameters, MACs or a kind here, and with outputs whose size follows from their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import merged, reduced
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.picking import boxes_of_samples, check_put, scattered_into
from shapecalc.importers.tensors import LOST, Batch, Data, on_axis

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@operation("CumSum", "CumProd", "Trilu", "ReverseSequence", "TensorScatter", "Bernoulli",
           "RandomNormalLike", "RandomUniformLike", "EyeLike", "RotaryEmbedding",
           "MeanVarianceNormalization", "RegexFullMatch")  # fmt: skip
def _as_large(call: NodeCall) -> Data:
    """An operation whose output has the size of its first input."""
    return _sized(call, call.data(0))


@operation("ScatterElements", "Scatter", "ScatterND")
def _scattered(call: NodeCall) -> Data:
    """Elements that are put into a tensor."""
    return _sized(call, scattered_into(call, call.given(0) or call.data(0), call.inputs[1:]))


def _sized(call: NodeCall, x: Data, sizes: tuple[int, ...] | None = None, batch: Batch | None = None) -> Data:
    """Return an operation on all inputs, of which x is the first, with these sizes, or those of x."""
    others = [found for found in call.inputs[1:] if isinstance(found, Data)]
    if batch is None:
        check_put(call, x, others)
    more: dict[str, Any] = {} if sizes is None else {"output_sizes": [sizes]}
    return call.one("named_operation", x, *others, batch=batch, op_type=call.node.op, **more)


@operation("SwiGLU")
def _swiglu(call: NodeCall) -> Data:
    """silu(αA)·B."""
    return merged(call, "mul", [call.one("silu", call.data(0)), call.data(1)])


@operation("StringConcat")
def _texts(call: NodeCall) -> Data:
    return merged(call, "add", [call.data(0), call.data(1)])


@operation("GlobalLpPool")
def _global_norm(call: NodeCall) -> Data:
    x, p = call.as_map(), call.number("p", 2)
    if p not in (1, 2):
        raise NotCoveredError(f"its p is {p}")
    return reduced(call, x, "reduce", range(2, x.rank), keeps=True, more={"function": f"l{p}"})


@operation("CenterCropPad")
def _center_crop_pad(call: NodeCall) -> Data:
    x, due = call.data(0), call.items(1)
    axes = call.numbers("axes") or list(range(x.rank))
    if due is None or len(due) != len(axes):
        raise LayerError("it has not a size for each axis")
    sizes = x.shape.sizes
    for axis, size in zip(axes, due, strict=True):
        index = call.frame.index(x, axis)
        if index >= 0:
            sizes = on_axis(sizes, index, int(size))
        elif size != call.frame.batch:
            raise NotCoveredError("it cuts or pads the batch")
    return _sized(call, x, sizes)


@operation("Det")
def _determinant(call: NodeCall) -> Data:
    x = call.data(0)
    if x.shape.rank < 2 or x.batch.axis >= x.rank - 2:
        raise LayerError("its input is not a stack of square matrices")
    return _sized(call, x, x.shape.sizes[:-2])


@operation("Multinomial")
def _drawn(call: NodeCall) -> Data:
    x = call.data(0)
    return _sized(call, x, (*x.shape.sizes[:-1], call.number("sample_size", 1)))


@operation("AffineGrid")
def _grid(call: NodeCall) -> Data:
    """Positions in a map of a stated size, batch × height × width × 2, of a matrix for each sample."""
    x, due = call.data(0), call.items(1)
    if due is None or x.batch != Batch(0, own=True):
        raise NotCoveredError("its matrices are not one for each sample")
    return _sized(call, x, (*(int(size) for size in due[2:]), len(due) - 2))


@operation("MaxRoiPool")
def _max_of_boxes(call: NodeCall) -> Data:
    x, stored, size = call.as_map(), call.constant(1), call.numbers("pooled_shape")
    boxes = boxes_of_samples(call, call.as_data(stored._replace(learned=False)) if stored else call.data(1))
    return _sized(call, x, (boxes.shape.sizes[0], x.shape.channels, *size), boxes.batch)


@operation("DFT")
def _fourier(call: NodeCall) -> Data:
    """Along an axis: real or complex (2) numbers to complex ones, or half of these. Source: ONNX 1.23, operator DFT."""
    x, length = call.data(0), call.items(1)
    given = call.items(2) if call.opset >= 20 else None
    axis = int(given[0]) if given else call.number("axis", -2 if call.opset >= 20 else 1)
    at = call.frame.within(x, axis) - 1
    size, is_half = int(length[0]) if length else x.shape.sizes[at], call.number("onesided", 0)
    is_back = bool(is_half and call.number("inverse", 0))
    if is_back and not length:
        size = 2 * (size - 1)
    elif is_half and not is_back:
        size = size // 2 + 1
    return _sized(call, x, (*on_axis(x.shape.sizes, at, size)[:-1], 1 if is_back else 2))


@operation("STFT")
def _short_fourier(call: NodeCall) -> Data:
    """Frames × frequencies × 2 of a signal, length × 1 or 2. Source: ONNX 1.23, operator STFT."""
    x, step, window, length = call.data(0), call.items(1), call.given(2), call.items(3)
    size = int(length[0]) if length else window.full(1)[0] if window is not None else 0
    if x.batch != Batch(0, own=True) or not step or size < 1:
        raise LayerError("it has no length of its frames, or its input no batch")
    frames = (x.shape.sizes[0] - size) // int(step[0]) + 1
    return _sized(call, x, (frames, size // 2 + 1 if call.number("onesided", 1) else size, 2))


@operation("TfIdfVectorizer")
def _counts_of_words(call: NodeCall) -> Data:
    x = call.data(0)
    call.frame.within(x, -1)
    return _sized(call, x, (*x.shape.sizes[:-1], max(call.numbers("ngram_indexes"), default=0) + 1))


@operation("Compress")
def _chosen(call: NodeCall) -> Data:
    x, kept = call.data(0), call.constant(1)
    if kept is None or kept.items is None or call.attribute("axis") is None:
        raise NotCoveredError("how many slices it keeps is only known when it runs")
    at = call.frame.within(x, call.number("axis", 0))
    return call.one("gather", x, index=[i for i, one in enumerate(kept.items) if one], dim=at)


@operation("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")
def _loss(call: NodeCall) -> Any:
    """One number, or one for each label; and the logarithms of the probabilities."""
    x, labels = call.data(0), call.data(1)
    own = [one for one in (labels, call.given(2)) if isinstance(one, Data)]
    if call.word("reduction", "mean") == "none":
        found = call.one("named_operation", x, *own, batch=labels.batch, op_type=call.node.op,
                         output_sizes=[labels.shape.sizes])  # fmt: skip
    else:
        found = call.one("loss", x, *own, batch=LOST)
    if len(call.node.outputs) < 2:
        return found
    return [found, call.one("log_softmax", x, dim=call.frame.within(x, 1))]
