"""Which inputs change an output: networks run in numpy, on positive numbers, and run again with each input changed.

Nothing here knows of receptive fields: convolutions are loops over taps, and every layer is written anew from its
definition. A maximum is taken as a sum, since a change below the maximum would not be seen. Arrays are (samples,
channels, space…); sample 0 is unchanged, each other one has one place of the input changed in all channels.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

__all__ = ["changed_by"]


def changed_by(report, seed=0):
    """Return, for every layer, which of its places (axes after the channels) each place of the input changes.

    The result is a boolean array for each layer: input places (their axes), then output places. One input, CHW.
    """
    rng = np.random.default_rng(seed)
    shape = next(iter(report.graph.inputs.values())).sizes
    x = rng.uniform(1, 2, shape)
    places = list(itertools.product(*map(range, shape[1:])))
    batch = np.repeat(x[None], len(places) + 1, axis=0)
    for number, place in enumerate(places, start=1):
        batch[(number, slice(None), *place)] += 1.0
    values = []
    found = {}
    for row in report.rows:
        inputs = [values[ref.node] if ref.node >= 0 else batch for ref in row.node.inputs]
        value = _RUN[row.kind](row.node.layer, rng, *inputs)
        assert value.shape[1:] == row.sizing.outputs[0].sizes, (row.name, value.shape)
        values.append(value)
        change = ~np.isclose(value[1:], value[:1], rtol=1e-9, atol=0)
        found[row.name] = change.any(axis=1).reshape(*shape[1:], *value.shape[2:])
    return found


def _each(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def _pad(x, befores, afters, mode="zeros"):
    """Put numbers around the spatial axes, or (negative) take some off."""
    for axis, (before, after) in enumerate(zip(befores, afters, strict=True), start=2):
        indices = range(-before, x.shape[axis] + after)
        x = np.stack([_take(x, index, axis, mode) for index in indices], axis=axis)
    return x


def _take(x, index, axis, mode):
    size = x.shape[axis]
    if not 0 <= index < size:
        if mode == "zeros":
            return np.zeros_like(np.take(x, 0, axis))
        index = {"circular": index % size, "replicate": min(max(index, 0), size - 1),
                 "reflect": -index if index < 0 else 2 * (size - 1) - index}[mode]  # fmt: skip
    return np.take(x, index, axis)


def _paddings(layer, x, reaches, strides):
    """Return the padding before and after each axis, long enough after it for windows that are rounded up."""
    rank = x.ndim - 2
    padding = getattr(layer, "padding", 0)
    if padding == "same":
        totals = [max((math.ceil(n / s) - 1) * s + r - n, 0)
                  for n, s, r in zip(x.shape[2:], strides, reaches, strict=True)]  # fmt: skip
        return [t // 2 for t in totals], [t - t // 2 for t in totals]
    if padding == "causal":
        return [reaches[0] - 1], [0]
    sides = [
        side if isinstance(side, tuple) else (side, side) for side in _each(0 if padding == "valid" else padding, rank)
    ]
    return [side[0] for side in sides], [side[1] for side in sides]


def _windows(layer, x, mode="zeros", sizes=None):
    """Yield what stands at each tap of the window, at all its positions: arrays of the output's places."""
    rank = x.ndim - 2
    kernel, stride, dilation = (_each(getattr(layer, word, 1), rank) for word in ("kernel_size", "stride", "dilation"))
    reaches = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    befores, afters = _paddings(layer, x, reaches, stride)
    x = _pad(x, befores, afters, mode)
    if sizes is None:
        sizes = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reaches, stride, strict=True)]
    more = [max((m - 1) * s + r - n, 0) for m, s, r, n in zip(sizes, stride, reaches, x.shape[2:], strict=True)]
    x = _pad(x, [0] * rank, more)
    for tap in itertools.product(*map(range, kernel)):
        where = [slice(t * d, t * d + (m - 1) * s + 1, s)
                 for t, d, m, s in zip(tap, dilation, sizes, stride, strict=True)]  # fmt: skip
        yield x[(slice(None), slice(None), *where)]


def _conv(layer, rng, x):
    total = 0
    for tap in _windows(layer, x, layer.padding_mode):
        weight = rng.uniform(0.5, 1.5, (layer.out_channels, x.shape[1]))
        total = total + np.einsum("oc,bc...->bo...", weight, tap)
    return total


def _pool(layer, rng, x):
    rank = x.ndim - 2
    sizes = None
    if layer.rounding != "floor":
        axes = layer.axes(_shape(x))
        sizes = [axis.output() for axis in axes]
    return sum(tap * (i + 1) for i, tap in enumerate(_windows(layer, x, sizes=sizes))) if rank else x


def _shape(x):
    from shapecalc.shape import Shape

    return Shape(x.shape[1:], is_map=True)


def _transposed(layer, rng, x):
    """Lay a window at every place of the input, and take the padding off."""
    rank = x.ndim - 2
    kernel, stride, dilation = (_each(getattr(layer, word), rank) for word in ("kernel_size", "stride", "dilation"))
    result = layer.output(_shape(x)).sizes[1:]
    if layer.padding == "same":
        befores = [max(d * (k - 1) + 1 - s, 0) // 2 for k, s, d in zip(kernel, stride, dilation, strict=True)]
    else:
        befores = _each(0 if layer.padding == "valid" else layer.padding, rank)
    full = [max((n - 1) * s + d * (k - 1) + 1, m + b)
            for n, s, d, k, m, b in zip(x.shape[2:], stride, dilation, kernel, result, befores, strict=True)]  # fmt: skip
    y = np.zeros((x.shape[0], layer.out_channels, *full))
    for tap in itertools.product(*map(range, kernel)):
        weight = rng.uniform(0.5, 1.5, (layer.out_channels, x.shape[1]))
        where = [slice(t * d, t * d + (n - 1) * s + 1, s)
                 for t, d, n, s in zip(tap, dilation, x.shape[2:], stride, strict=True)]  # fmt: skip
        y[(slice(None), slice(None), *where)] += np.einsum("oc,bc...->bo...", weight, x)
    return y[(slice(None), slice(None), *[slice(b, b + m) for b, m in zip(befores, result, strict=True)])]


def _resize(layer, rng, x):
    result = layer.output(_shape(x)).sizes[1:]
    factors = _each(layer.scale_factor, x.ndim - 2) if layer.scale_factor is not None else [None] * len(result)
    for axis, (m, factor) in enumerate(zip(result, factors, strict=True), start=2):
        n = x.shape[axis]
        rate = 1 / factor if factor else n / m
        y = []
        for place in range(m):
            if layer.mode == "nearest":
                y.append(np.take(x, min(math.floor(place * rate + 1e-9), n - 1), axis))
                continue
            at = (place * (n - 1) / max(m - 1, 1)) if layer.align_corners else max((place + 0.5) * rate - 0.5, 0)
            low = min(math.floor(at + 1e-9), n - 1)
            part = max(at - low, 0)
            part = 0 if part < 1e-6 else part
            y.append(np.take(x, low, axis) * (1 - part) + np.take(x, min(low + 1, n - 1), axis) * part)
        x = np.stack(y, axis=axis)
    return x


def _adaptive(layer, rng, x):
    result = layer.output(_shape(x)).sizes[1:]
    for axis, m in enumerate(result, start=2):
        n = x.shape[axis]
        parts = [np.take(x, range(i * n // m, math.ceil((i + 1) * n / m)), axis).mean(axis) for i in range(m)]
        x = np.stack(parts, axis=axis)
    return x


def _shuffle(layer, rng, x):
    r, rank = layer.upscale_factor, x.ndim - 2
    y = x.reshape(x.shape[0], -1, *(r,) * rank, *x.shape[2:])
    order = [0, 1, *itertools.chain(*[(2 + rank + i, 2 + i) for i in range(rank)])]
    return y.transpose(order).reshape(x.shape[0], -1, *[n * r for n in x.shape[2:]])


def _unshuffle(layer, rng, x):
    r, rank = layer.downscale_factor, x.ndim - 2
    y = x.reshape(*x.shape[:2], *itertools.chain(*[(n // r, r) for n in x.shape[2:]]))
    order = [0, 1, *[3 + 2 * i for i in range(rank)], *[2 + 2 * i for i in range(rank)]]
    return y.transpose(order).reshape(x.shape[0], -1, *[n // r for n in x.shape[2:]])


def _padded(layer, rng, x):
    if layer.mode == "circular":
        return _circular(layer, rng, x)
    sides = [side if isinstance(side, tuple) else (side, side) for side in _each(layer.padding, x.ndim - 2)]
    return _pad(x, [side[0] for side in sides], [side[1] for side in sides], layer.mode)


def _circular(layer, rng, x):
    """Crop what is negative first, as PyTorch's `_pad_circular` does: what is left then goes round."""
    sides = [side if isinstance(side, tuple) else (side, side) for side in _each(layer.padding, x.ndim - 2)]
    x = _pad(x, [min(a, 0) for a, _ in sides], [min(b, 0) for _, b in sides])
    return _pad(x, [max(a, 0) for a, _ in sides], [max(b, 0) for _, b in sides], "circular")


def _cropped(layer, rng, x):
    sides = [side if isinstance(side, tuple) else (side, side) for side in _each(layer.cropping, x.ndim - 2)]
    return _pad(x, [-side[0] for side in sides], [-side[1] for side in sides])


def _normed(x, axes):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + 1e-5) + 5 * x


def _axis(dim, x):
    return 1 if dim == "channels" else dim


def _rolled(layer, rng, x):
    return np.roll(x, layer.shifts, [dim % x.ndim for dim in layer.dims])


def _sliced(layer, rng, x):
    return x[(*[slice(None)] * (layer.dim % x.ndim), slice(layer.start, layer.end, layer.step))]


_RUN = {
    "conv": _conv,
    "max_pool": _pool,
    "avg_pool": _pool,
    "transposed_conv": _transposed,
    "upsample": _resize,
    "adaptive_avg_pool": _adaptive,
    "pixel_shuffle": _shuffle,
    "pixel_unshuffle": _unshuffle,
    "pad": _padded,
    "circular_pad": _padded,
    "crop": _cropped,
    "roll": _rolled,
    "slice": _sliced,
    "relu": lambda layer, rng, x: x,
    "batch_norm": lambda layer, rng, x: 2 * x + 1,
    "identity": lambda layer, rng, x: x,
    "instance_norm": lambda layer, rng, x: _normed(x, tuple(range(2, x.ndim))),
    "layer_norm": lambda layer, rng, x: _normed(x, (1,) if layer.axis == "channels" else (x.ndim - 1,)),
    "softmax": lambda layer, rng, x: np.exp(x / x.max()) / np.exp(x / x.max()).sum(_axis(layer.dim, x), keepdims=True),
    "linear": lambda layer, rng, x: x @ rng.uniform(0.5, 1.5, (x.shape[-1], layer.out_features)),
    "permute": lambda layer, rng, x: x.transpose(layer.dims),
    "global_avg_pool": lambda layer, rng, x: x.mean(tuple(range(2, x.ndim)), keepdims=layer.keepdims),
    "mean": lambda layer, rng, x: x.mean(tuple(dim % x.ndim for dim in layer.dim), keepdims=layer.keepdim),
    "add": lambda layer, rng, *xs: sum(x * (i + 1) for i, x in enumerate(xs)),
    "mul": lambda layer, rng, *xs: math.prod(xs),
    "concat": lambda layer, rng, *xs: np.concatenate(xs, 1 if layer.dim == "channels" else layer.dim),
    "flatten": lambda layer, rng, x: x.reshape(x.shape[0], -1),
    "fc": lambda layer, rng, x: (
        x.reshape(x.shape[0], -1) @ rng.uniform(0.5, 1.5, (math.prod(x.shape[1:]), layer.out_features))
    ),
}
