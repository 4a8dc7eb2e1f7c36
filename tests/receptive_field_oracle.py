"""Which inputs change an output: networks are run in numpy, on positive numbers, and again with each input changed.

It is independent of the code for receptive fields: convolutions are loops over taps, and every layer is implemented
from its definition. A maximum is computed as a sum, since a change below the maximum would be invisible. Arrays are
(samples, channels, space…); sample 0 is unchanged, in each other one position of the input is changed in all channels.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

__all__ = ["changed_by"]


def changed_by(report, seed=0):
    """Return, for every layer, which of its positions (axes after the channels) each position of the input changes.

    The result is a boolean array for each layer: axes of input positions, then of output positions. One input, CHW.
    """
    rng = np.random.default_rng(seed)
    shape = next(iter(report.graph.inputs.values())).sizes
    x = rng.uniform(1, 2, shape)
    positions = list(itertools.product(*map(range, shape[1:])))
    batch = np.repeat(x[None], len(positions) + 1, axis=0)
    for number, position in enumerate(positions, start=1):
        batch[(number, slice(None), *position)] += 1.0
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
    """Pad the spatial axes, or (negative) crop them."""
    for axis, (before, after) in enumerate(zip(befores, afters, strict=True), start=2):
        indices = range(-before, x.shape[axis] + after)
        x = np.stack([_take_position(x, index, axis, mode) for index in indices], axis=axis)
    return x


def _take_position(x, index, axis, mode):
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
    """Yield the elements at each tap of the window, at all its positions: arrays of the output's size."""
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
    from shapecalc.layers.base.shape import Shape

    return Shape(x.shape[1:], is_map=True)


def _transposed(layer, rng, x):
    """Add a window at every position of the input, and crop the padding."""
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
    if layer.mode == "area":
        return _adaptive(layer, rng, x)
    result = layer.output(_shape(x)).sizes[1:]
    factors = _each(layer.scale_factor, x.ndim - 2) if layer.scale_factor is not None else [None] * len(result)
    for axis, (m, factor) in enumerate(zip(result, factors, strict=True), start=2):
        n = x.shape[axis]
        rate = 1 / factor if factor else n / m
        y = []
        for position in range(m):
            if layer.mode == "nearest-exact":
                y.append(np.take(x, min(math.floor((position + 0.5) * rate + 1e-9), n - 1), axis))
                continue
            if layer.mode == "nearest":
                y.append(np.take(x, min(math.floor(position * rate + 1e-9), n - 1), axis))
                continue
            at = (position * (n - 1) / max(m - 1, 1)) if layer.align_corners else max((position + 0.5) * rate - 0.5, 0)
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
    """Crop negative padding first, as PyTorch's `_pad_circular` does; then wrap around."""
    sides = [side if isinstance(side, tuple) else (side, side) for side in _each(layer.padding, x.ndim - 2)]
    x = _pad(x, [min(a, 0) for a, _ in sides], [min(b, 0) for _, b in sides])
    return _pad(x, [max(a, 0) for a, _ in sides], [max(b, 0) for _, b in sides], "circular")


def _cropped(layer, rng, x):
    if layer.size is not None:
        starts = [(n - m) // 2 for n, m in zip(x.shape[2:], _each(layer.size, x.ndim - 2), strict=True)]
        where = [slice(s, s + m) for s, m in zip(starts, _each(layer.size, x.ndim - 2), strict=True)]
        return x[(slice(None), slice(None), *where)]
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


def _gathered_at(layer, rng, x, index=None):
    """Read listed positions; those of a second input, which are anywhere, by a sum over the axis."""
    if index is None:
        found = np.take(x, layer.index, layer.dim)
        return found if layer.keepdim else found.squeeze(layer.dim)
    if layer.mode == "elements":
        others = tuple(slice(size) for i, size in enumerate(index.shape) if i != layer.dim)
        return x.sum(layer.dim)[others][(*[slice(None)] * layer.dim, None)] * index
    rest = x.ndim - layer.dim - 1
    at = index.reshape(len(x), *(1,) * (layer.dim - 1), *index.shape[1:], *(1,) * rest)
    return x.sum(layer.dim).reshape(*x.shape[: layer.dim], *(1,) * (index.ndim - 1), *x.shape[layer.dim + 1 :]) * at


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
    "gather": _gathered_at,
    "relu": lambda layer, rng, x: x,
    "batch_norm": lambda layer, rng, x: 2 * x + 1,
    "identity": lambda layer, rng, x: x,
    "instance_norm": lambda layer, rng, x: _normed(x, tuple(range(2, x.ndim))),
    "layer_norm": lambda layer, rng, x: _normed(x, (1,) if layer.axis == "channels" else (x.ndim - 1,)),
    "softmax": lambda *given: _soft(*given),  # noqa: PLW0108  (it stands below)
    "linear": lambda layer, rng, x: x @ rng.uniform(0.5, 1.5, (x.shape[-1], layer.out_features)),
    "bilinear": lambda layer, rng, x, y: np.einsum(
        "bli,oij,blj->blo", x, rng.uniform(0.5, 1.5, (layer.out_features, x.shape[-1], y.shape[-1])), y
    ),
    "permute": lambda layer, rng, x: x.transpose(0, *layer.dims),
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


def run_kind(layer, values):
    """Run one layer on its inputs, samples of each; weights are the same at every call."""
    if layer.kind in _SAMPLE_BY_SAMPLE:
        return np.stack([_SAMPLE_BY_SAMPLE[layer.kind](layer, x) for x in values[0]])
    run = _RUN.get(layer.kind) or _MORE.get(layer.kind)
    if run is None:
        assert layer.elementwise, f"{layer.kind} is not known here"
        return values[0] * 2 + 1
    return run(layer, np.random.default_rng(7), *values)


def _response_normed(layer, rng, x):
    if layer.norm_region == "across_channels":
        return x / (1 + x.sum(axis=1, keepdims=True))
    half = layer.size // 2
    padded = np.pad(x, [(0, 0), (0, 0), *[(half, half)] * (x.ndim - 2)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, [layer.size] * (x.ndim - 2), tuple(range(2, x.ndim)))
    return x / (1 + windows.sum(axis=tuple(range(x.ndim, windows.ndim))))


def _depthwise(layer, rng, x):
    return sum(tap * rng.uniform(0.5, 1.5) for tap in _windows(layer, x, layer.padding_mode))


def _separable(layer, rng, x):
    weight = rng.uniform(0.5, 1.5, (layer.out_channels, x.shape[1]))
    return np.einsum("oc,bc...->bo...", weight, _depthwise(layer, rng, x))


def _fractional(layer, rng, x):
    result = layer.output(_shape(x)).sizes[1:]
    starts = [[i * (n - layer.kernel_size) // (m - 1) for i in range(m - 1)] + [n - layer.kernel_size]
              for n, m in zip(x.shape[2:], result, strict=True)]  # fmt: skip
    taps = itertools.product(range(layer.kernel_size), repeat=len(result))
    return sum(x[(slice(None), slice(None), *np.ix_(*[np.add(s, t) for s, t in zip(starts, tap, strict=True)]))]
               for tap in taps)  # fmt: skip


def _columns(layer, x):
    """Return the windows of a map as columns, as PyTorch's unfold."""
    taps = np.stack([tap[0] for tap in _windows(layer, x[None])], axis=1)
    return taps.reshape(x.shape[0] * taps.shape[1], -1)


def _folded_back(layer, x):
    """Fold columns back: the transpose of unfold, which is linear, position by position."""
    result = layer.output(_plain(x)).sizes
    back = np.zeros(result)
    for position in np.ndindex(*result):
        one = np.zeros(result)
        one[position] = 1.0
        back[position] = (_columns(layer, one) * x).sum()
    return back


def _plain(x):
    from shapecalc.layers.base.shape import Shape

    return Shape(x.shape)


def _conv_lstm(layer, x):
    """Sum, step by step, a window over the frame and a centred one over the state; the gates change no window."""
    from types import SimpleNamespace

    kernel = _each(layer.kernel_size, x.ndim - 2)
    centred = SimpleNamespace(kernel_size=kernel, stride=1, dilation=1, padding=0)
    hidden, steps = 0, []
    for frame in x:
        new = sum(tap.sum(axis=1, keepdims=True) for tap in _windows(layer, frame[None]))
        if steps:
            padded = _pad(hidden, [(k - 1) // 2 for k in kernel], [k // 2 for k in kernel])
            new = new + sum(_windows(centred, padded))
        hidden = new
        steps.append(np.repeat(hidden, layer.out_channels, axis=1)[0])
    return np.stack(steps) if layer.return_sequences else steps[-1]


def _gathered(layer, rng, x):
    patch = _each(layer.patch_size, x.ndim - 2)
    x = _pad(x, [0] * len(patch), [-n % side for n, side in zip(x.shape[2:], patch, strict=True)])
    taps = itertools.product(*map(range, patch))
    strided = [[slice(t, None, side) for t, side in zip(tap, patch, strict=True)] for tap in taps]
    return np.concatenate([x[(slice(None), slice(None), *where)] for where in strided], axis=1)


def _up_sampled(layer, rng, x):
    from types import SimpleNamespace

    sizes = [n * r for n, r in zip(x.shape[2:], _each(layer.size, x.ndim - 2), strict=True)]
    as_upsample = SimpleNamespace(mode=layer.interpolation, scale_factor=None, align_corners=None,
                                  output=lambda x: SimpleNamespace(sizes=(x.sizes[0], *sizes)))  # fmt: skip
    return _resize(as_upsample, rng, x)


def _group_normed(layer, rng, x):
    groups = x.reshape(x.shape[0], layer.num_groups, -1)
    return _normed(groups, (2,)).reshape(x.shape)


def _soft(layer, rng, x):
    return np.exp(x / 3) / np.exp(x / 3).sum(_axis(layer.dim, x), keepdims=True) * (1 + x)


def _gated(layer, rng, x):
    one, other = np.split(x, 2, axis=_axis(layer.dim, x))
    return one * other


def _reduced(layer, rng, x):
    dims = layer.dim if isinstance(layer.dim, tuple) else (layer.dim,)
    return x.sum(tuple(dim % x.ndim for dim in dims), keepdims=layer.keepdim)


def _average(layer, rng, *xs):
    return sum(xs) / len(xs)


def _attention(layer, rng, q, *others):
    """Sum the keys and values within the window, times the query."""
    k, v = (others[0], others[-1]) if others else (q, q)
    before = v.shape[-2] if layer.window is None else layer.window - 1 if layer.is_causal else layer.window // 2
    after = 0 if layer.is_causal and layer.window else before
    distance = np.arange(v.shape[-2])[None] - np.arange(q.shape[-2])[:, None]
    seen = (distance >= -before) & (distance <= after)
    return (
        (q.sum(-1, keepdims=True) + 1)
        * (seen @ (k.sum(-1, keepdims=True) * v.sum(-1, keepdims=True)))
        * np.ones(q.shape[-1])
    )


def _recurrence(layer, rng, x):
    """Add up the steps of a sequence, each with those before it."""
    return np.cumsum(x.sum(-1, keepdims=True), axis=-2) * np.ones(x.shape[-1])


def _stretched(layer, x):
    sizes = layer.output(_plain(x[0])).sizes
    return np.broadcast_to(x.reshape(len(x), *(1,) * (len(sizes) + 1 - x.ndim), *x.shape[1:]), (len(x), *sizes))


def _einsum_dense(layer, rng, x):
    equation = layer.equation
    if "..." not in equation and len(equation.partition(",")[0]) < x.ndim:
        equation = "z" + equation.replace("->", "->z")
    return np.einsum(equation, x, np.ones(layer.weights(_plain(x[0]))["weight"]))


def _unpooled(layer, rng, x, indices):
    """Add each element to every position of its window, one of which its index is."""
    spatial = layer.output(_shape(x), _shape(indices)).sizes[1:]
    kernel, stride, pad = (_each(getattr(layer, word), 2) for word in ("kernel_size", "stride", "padding"))
    whole = np.zeros(
        (
            *x.shape[:2],
            *[(n - 1) * s + k + max(m, 0) for n, s, k, m in zip(x.shape[2:], stride, kernel, spatial, strict=True)],
        )
    )
    for at in itertools.product(*map(range, kernel)):
        where = [slice(t, t + (n - 1) * s + 1, s) for t, n, s in zip(at, x.shape[2:], stride, strict=True)]
        whole[(slice(None), slice(None), *where)] += x * indices
    return whole[(slice(None), slice(None), *[slice(p, p + m) for p, m in zip(pad, spatial, strict=True)])]


def _aligned_boxes(layer, rng, x, boxes):
    size = _each(layer.output_size, 2)
    values = x.sum((2, 3))[:, None] * boxes.sum(2)[:, :, None]
    return np.broadcast_to(values[..., None, None], (*values.shape, *size))


_MORE = {
    "max_unpool": _unpooled,
    "roi_align": _aligned_boxes,
    "prior_box": lambda layer, rng, x: np.ones((len(x), *layer.output(_shape(x)).sizes)),
    "grid_sample": lambda layer, rng, x, grid: x.sum((2, 3))[:, :, None, None] * grid.sum(3)[:, None],
    "einsum_dense": _einsum_dense,
    "locally_connected": lambda layer, rng, x: _depthwise(layer, rng, x)[:, :1].repeat(layer.out_channels, axis=1),
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
    "deformable_conv": lambda layer, rng, x, offset: _conv(layer, rng, x) + offset.sum(axis=1, keepdims=True),
    "lp_pool": _pool,
    "fractional_max_pool": _fractional,
    "adaptive_max_pool": _adaptive,
    "gather_patches": _gathered,
    "reflection_pad": _padded,
    "replication_pad": _padded,
    "up_sampling": _up_sampled,
    "channel_shuffle": lambda layer, rng, x: x,
    "local_response_norm": _response_normed,
    "group_norm": _group_normed,
    "rms_norm": lambda layer, rng, x: _normed(x, (x.ndim - 1,)),
    "normalize": lambda layer, rng, x: _normed(x, (1,) if layer.dim == "channels" else layer.dim),
    "softmin": _soft,
    "log_softmax": _soft,
    "glu": _gated,
    "sum": _reduced,
    "max": _reduced,
    "min": _reduced,
    "argmax": _reduced,
    "argmin": _reduced,
    "reduce": _reduced,
    "top_k": lambda layer, rng, x: np.stack([x.sum(layer.dim)] * layer.k, axis=layer.dim),
    "sub": lambda layer, rng, x, y: x - 3 * y,
    "div": lambda layer, rng, x, y: x / y,
    "maximum": _average,
    "minimum": _average,
    "average": _average,
    "pointwise": _average,
    "stack": lambda layer, rng, *xs: np.stack(xs, axis=layer.dim),
    "reshape": lambda layer, rng, x: x.reshape(len(x), *layer.output(_plain(x[0])).sizes),
    "unflatten": lambda layer, rng, x: x.reshape(len(x), *layer.output(_plain(x[0])).sizes),
    "squeeze": lambda layer, rng, x: x.reshape(len(x), *layer.output(_plain(x[0])).sizes),
    "unsqueeze": lambda layer, rng, x: x.reshape(len(x), *layer.output(_plain(x[0])).sizes),
    "transpose": lambda layer, rng, x: x.swapaxes(layer.dim0, layer.dim1),
    "split": lambda layer, rng, x: np.take(x, range(layer.sizes[0]), layer.dim),
    "chunk": lambda layer, rng, x: np.array_split(x, layer.chunks, axis=layer.dim)[0],
    "expand": lambda layer, rng, x: _stretched(layer, x),
    "tile": lambda layer, rng, x: np.tile(x, (1, *layer.dims)),
    "repeat_vector": lambda layer, rng, x: np.stack([x] * layer.n, axis=1),
    "to_tokens": lambda layer, rng, x: x.swapaxes(1, 2),
    "class_token": lambda layer, rng, x: np.concatenate([np.ones_like(x[:, :1]), x], axis=1),
    "position_embedding": lambda layer, rng, x: x + 1,
    "mask_token": lambda layer, rng, x: x + 0,
    "multi_head_attention": _attention,
    "mamba": _recurrence,
    "mamba2": _recurrence,
    "gated_delta_net": _recurrence,
    "grouped_linear": lambda layer, rng, x, offsets: (
        x @ rng.uniform(0.5, 1.5, (x.shape[-1], layer.out_features)) * offsets.sum(-1)[:, None, None]
    ),
    "experts": lambda layer, rng, x, scores: (x.sum(-1) * scores.sum(-1))[..., None] * np.ones(x.shape[-1]),
}
"""Further kinds, each with its own function; all pools are sums, since a change below a maximum would be invisible."""

_SAMPLE_BY_SAMPLE = {
    "unfold": _columns,
    "fold": _folded_back,
    "conv_lstm": _conv_lstm,
    "flatten": lambda layer, x: x.reshape(layer.output(_plain(x)).sizes),
}
