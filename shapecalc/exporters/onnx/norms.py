"""Normalisations, learned scales and reductions: functions of whole axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.onnx.table import OWN, NoCounterpartError, writes
from shapecalc.layers.base.axis_numbers import CHANNELS, axis_index, axis_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.onnx.table import LayerSite

__all__ = ["normalise_rms"]


def _scale_and_shift(site: LayerSite, size: int) -> tuple[str, str]:
    """Return a scale and a shift of each channel: learned, or 1 and 0 where they are not."""
    scale = site.weight("weight") if "weight" in site.weights else site.graph.filled((size,), 1.0)
    shift = site.weight("bias") if "bias" in site.weights else site.graph.filled((size,))
    return scale, shift


@writes("batch_norm")
def _batch_norm(site: LayerSite) -> str:
    given, x = site.given, site.names[0]
    if not given["track_running_stats"]:
        raise NoCounterpartError("it has no running statistics: it normalises by those of the batch")
    axis = 1 if given["axis"] == CHANNELS else site.axis(given["axis"])
    rank = site.x.rank + 1
    size = site.size(site.x)[axis - 1]
    scale, shift = _scale_and_shift(site, size)
    mean, variance = site.graph.filled((size,)), site.graph.filled((size,), 1.0)
    order = [0, axis, *[i for i in range(1, rank) if i != axis]]
    moved = x if axis == 1 else site.transpose(x, order)
    found = site.op("BatchNormalization", moved, scale, shift, mean, variance, epsilon=float(given["eps"]))
    return found if axis == 1 else site.transpose(found, [order.index(i) for i in range(rank)])


@writes("instance_norm")
def _instance_norm(site: LayerSite) -> str:
    scale, shift = _scale_and_shift(site, site.x.channels)
    if site.given["track_running_stats"]:
        mean, variance = site.graph.filled((site.x.channels,)), site.graph.filled((site.x.channels,), 1.0)
        eps = float(site.given["eps"])
        return str(site.op("BatchNormalization", site.names[0], scale, shift, mean, variance, epsilon=eps))
    return str(site.op("InstanceNormalization", site.names[0], scale, shift, epsilon=float(site.given["eps"])))


@writes("group_norm")
def _group_norm(site: LayerSite) -> str:
    """As PyTorch's exporter writes it: an instance norm of groups, then the scale and the shift of channels."""
    groups, size = site.given["num_groups"], site.size(site.x)
    parts = site.reshape(site.names[0], (groups, -1))
    one, none = site.graph.filled((groups,), 1.0), site.graph.filled((groups,))
    found = site.op("InstanceNormalization", parts, one, none, epsilon=float(site.given["eps"]))
    return _affine(site, site.reshape(found, size), 1)


def _affine(site: LayerSite, x: str, axis: int) -> str:
    """Add the learned scale and shift of an axis, those that there are."""
    rank = site.x.rank + 1
    for name, op in (("weight", "Mul"), ("bias", "Add")):
        if name in site.weights:
            x = site.op(op, x, site.per_axis_weight(name, axis, rank))
    return x


def _last_axes(site: LayerSite) -> tuple[int, ...]:
    """Return the axes that are normalised, by their indices without the batch."""
    return tuple(site.layer._axes(site.x))  # type: ignore[attr-defined]  # noqa: SLF001


@writes("layer_norm", order=OWN)
def _layer_norm(site: LayerSite) -> str:
    axes, rank = _last_axes(site), site.x.rank
    others = [i for i in range(rank) if i not in axes]
    order = [0, *[i + 1 for i in (*others, *axes)]]
    moves = order != list(range(rank + 1))
    x = site.transpose(site.names[0], order) if moves else site.names[0]
    sizes = tuple(site.x.sizes[axis] for axis in axes)
    scale = site.weight("weight") if "weight" in site.weights else site.graph.filled(sizes, 1.0)
    shift = [site.weight("bias")] if "bias" in site.weights else []
    found = site.op("LayerNormalization", x, scale, *shift, axis=-len(axes), epsilon=float(site.given["eps"]))
    return site.transpose(found, [order.index(i) for i in range(rank + 1)]) if moves else found


def normalise_rms(site: LayerSite, x: str, axes: Sequence[int], eps: float) -> str:
    """Add a division by the root mean square over axes, the batch being 0."""
    square = site.op("ReduceMean", site.op("Mul", x, x), axes=list(axes), keepdims=1)
    root = site.op("Sqrt", site.op("Add", square, site.graph.number(float(eps))))
    return str(site.op("Div", x, root))


@writes("rms_norm", order=OWN)
def _rms_norm(site: LayerSite) -> str:
    axes, rank = _last_axes(site), site.x.rank
    found = normalise_rms(site, site.names[0], [axis + 1 for axis in axes], site.given["eps"])
    for name, op in (("weight", "Mul"), ("bias", "Add")):
        if name in site.weights:
            found = site.op(op, found, _weight_of(site, name, axes, rank))
    return found


def _weight_of(site: LayerSite, name: str, axes: Sequence[int], rank: int) -> str:
    """Return a weight of several axes, with axes of size 1 for those after the first of them."""
    tensor, sizes = site.weight(name), [1] * rank
    for axis, size in zip(axes, site.weights[name], strict=True):
        sizes[axis] = size
    sizes = sizes[min(axes) :]
    return tensor if tuple(sizes) == site.weights[name] else site.op("Reshape", tensor, site.graph.numbers(*sizes))


@writes("layer_scale", "bias_add", order=OWN)
def _layer_scale(site: LayerSite) -> str:
    axes, found = site.layer._axes(site.x), site.names[0]  # type: ignore[attr-defined]  # noqa: SLF001
    if list(axes) != sorted(axes):
        raise NoCounterpartError("its axes are not in the order of those of its input")
    for name, op in (("weight", "Mul"), ("bias", "Add")):
        if name in site.weights:
            found = site.op(op, found, _weight_of(site, name, axes, site.x.rank))
    return found


@writes("normalize", order=OWN)
def _normalize(site: LayerSite) -> str:
    given, x = site.given, site.names[0]
    axes = [axis + 1 for axis in axis_indices(given["dim"], site.x)]
    if given["p"] not in (1, 2):
        raise NoCounterpartError(f"ONNX has no norm with p={given['p']}")
    norm = site.op("ReduceL2" if given["p"] == 2 else "ReduceL1", x, axes=axes, keepdims=1)
    found = site.op("Div", x, site.op("Max", norm, site.graph.number(float(given["eps"]))))
    if given["scale"] == "none":
        return str(found)
    if given["scale"] == "one":
        return str(site.op("Mul", found, site.weight("weight")))
    return str(site.op("Mul", found, _weight_of(site, "weight", [site.x.channel_axis], site.x.rank)))


@writes("normalization", order=OWN)
def _normalization(site: LayerSite) -> str:
    """By constants, which are no weights: a mean of 0 and a deviation of 1 in place of what is stored."""
    axes = () if site.given["per_tensor"] else axis_indices(site.given["axis"], site.x, "axis")
    sizes = [size if i in axes else 1 for i, size in enumerate(site.x.sizes)]
    centred = site.op("Sub", site.names[0], site.graph.filled(sizes))
    return str(site.op("Div", centred, site.graph.filled(sizes, 1.0)))


_REDUCTIONS = {"mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "l1": "ReduceL1", "l2": "ReduceL2",
               "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp", "sum_square": "ReduceSumSquare",
               "log_sum": "ReduceLogSum"}  # fmt: skip


@writes("mean", "sum", "max", "min", "reduce", order=OWN)
def _reduce(site: LayerSite) -> str:
    dims, x = site.given["dim"], site.names[0]
    axes = [axis + 1 for axis in (range(site.x.rank) if dims is None else axis_indices(dims, site.x))]
    keep = int(site.given["keepdim"])
    if not axes:
        return x
    name = site.given.get("function") or site.layer.kind
    if name == "sum":
        return str(site.op("ReduceSum", x, site.graph.numbers(*sorted(axes)), keepdims=keep))
    if name in _REDUCTIONS:
        return str(site.op(_REDUCTIONS[name], x, axes=sorted(axes), keepdims=keep))
    if name in ("var", "std"):
        distance = site.op("Sub", x, site.op("ReduceMean", x, axes=sorted(axes), keepdims=1))
        count = 1
        for axis in axes:
            count *= site.x.sizes[axis - 1]
        total = site.op("ReduceSumSquare", distance, axes=sorted(axes), keepdims=keep)
        found = site.scale(total, 1 / max(count - 1, 1))
        return found if name == "var" else str(site.op("Sqrt", found))
    truth = site.op("Cast", site.op("Cast", x, to=9), to=1)  # any, all
    return str(site.op("ReduceMax" if name == "any" else "ReduceMin", truth, axes=sorted(axes), keepdims=keep))


@writes("argmax", "argmin", order=OWN)
def _arg(site: LayerSite) -> str:
    op, dim, keep = ("ArgMax" if site.layer.kind == "argmax" else "ArgMin"), site.given["dim"], site.given["keepdim"]
    if dim is not None:
        found = site.op(op, site.names[0], axis=axis_index(dim, site.x) + 1, keepdims=int(keep))
    else:
        flat = site.reshape(site.names[0], (-1,))
        found = site.op(op, flat, axis=1, keepdims=0)
        found = site.reshape(found, site.outputs[0].sizes)
    return str(found)
