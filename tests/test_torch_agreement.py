"""Against PyTorch on the CPU: random arguments and inputs, valid and invalid, are accepted or rejected by both.

What both accept has one output size, one number of parameters and one of buffers. Every kind that PyTorch has a module
or a function for is drawn (`test_every_kind_is_sampled_or_has_no_counterpart`), with inputs of any number of axes. Modules are in
training, with a batch of two. The CPU is asked: the meta device accepts more. Where we differ on purpose, `DIFFERENCES` says why,
and each difference must be met.
"""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import shapecalc
from shapecalc.errors import LayerError, ShapecalcError
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.layer import Composite, stated_rank
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.nn import functional as F  # noqa: E402, N812

pytestmark = pytest.mark.torch

DRAWS = 100
"""The number of layers of each sort."""

BATCH = 2
Draw = random.Random
Sizes = tuple[int, ...]


class Trial(NamedTuple):
    """A layer, its inputs without the batch axis, and its PyTorch counterpart.

    `module` makes the module, or returns the function; `batched` is false for a function without a batch axis.
    """

    word: str
    arguments: dict[str, Any]
    inputs: tuple[Sizes, ...]
    module: Callable[[], Callable[..., Any]]
    batched: bool = True
    integers: bool = False

    def __str__(self) -> str:
        return f"{self.word} {self.arguments} on {self.inputs}"


class Result(NamedTuple):
    """The sizes of the outputs, parameters, and buffers."""

    outputs: tuple[Sizes, ...]
    params: int
    buffers: int


def ours(trial: Trial) -> Result | str:
    """Return our result for a layer, or our error."""
    cls = find_kind(trial.word)
    assert cls, f"no kind is called {trial.word}"
    try:
        if issubclass(cls, Composite):
            names = [f"x{i}" for i in range(len(trial.inputs))]
            inputs = dict(zip(names, map(list, trial.inputs), strict=True))
            report = shapecalc.load(
                {"inputs": inputs, "layers": [{trial.word: trial.arguments, "from": names}]}
            ).infer()
            return Result((tuple(report.rows[-1].sizing.outputs[0].sizes),), report.total.params, report.total.buffers)
        layer = cls(**trial.arguments).under_name(trial.word)
        sizing = size_layer(layer, tuple(map(Shape, trial.inputs)))
    except (LayerError, ShapecalcError) as refusal:
        return str(refusal)
    return Result(tuple(shape.sizes for shape in sizing.outputs), sizing.weights + sizing.biases, sizing.buffers)


REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, ZeroDivisionError, NotImplementedError)


def theirs(trial: Trial) -> Result | str:
    """Return PyTorch's result for a layer, or its error; a warning of a future error counts as an error."""
    made = torch.zeros if not trial.integers else lambda sizes: torch.zeros(sizes, dtype=torch.long)
    tensors = [made((BATCH, *sizes) if trial.batched else sizes) for sizes in trial.inputs]
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        try:
            module = trial.module()
            output = module(*tensors)
        except REFUSALS as refusal:
            return f"{type(refusal).__name__}: {refusal}"
    if any("deprecated and will result in an error" in str(warning.message) for warning in caught):
        return "deprecated"
    outputs = tuple(tuple(one.shape)[1 if trial.batched else 0 :] for one in _tensors(output))
    if any(0 in sizes for sizes in outputs):
        return f"nothing comes out: {outputs}"
    params = buffers = 0
    if isinstance(module, nn.Module):
        params = sum(parameter.numel() for parameter in module.parameters())
        buffers = sum(b.numel() for name, b in module.named_buffers() if not name.endswith("num_batches_tracked"))
    return Result(outputs, params, buffers)


def _tensors(output: Any) -> list[Any]:
    return [output] if isinstance(output, torch.Tensor) else [one for one in output if isinstance(one, torch.Tensor)]


# Random layers.


def sizes(draw: Draw, rank: int, most: int = 7) -> Sizes:
    return tuple(draw.randint(1, most) for _ in range(rank))


def near(draw: Draw, rank: int) -> int:
    """Draw a number of axes: mostly the right one."""
    return max(0, rank + draw.choice((0, 0, 0, 0, 0, -1, 1)))


def each(draw: Draw, rank: int, least: int, most: int) -> Any:
    """Draw a number, or one for each axis, seldom of another number of axes."""
    if draw.random() < 0.6:
        return draw.randint(least, most)
    return tuple(draw.randint(least, most) for _ in range(near(draw, rank) if draw.random() < 0.2 else rank))


def sometimes(draw: Draw, chance: float, **arguments: Any) -> dict[str, Any]:
    """Draw a few of the arguments."""
    return {name: value for name, value in arguments.items() if draw.random() < chance}


def made(name: str, **arguments: Any) -> Callable[[], Any]:
    return lambda: getattr(nn, name)(**arguments)


def called(function: Callable[..., Any], *after: Any, **arguments: Any) -> Callable[[], Any]:
    return lambda: lambda *tensors: function(*tensors, *after, **arguments)


def module(name: str, arguments: dict[str, Any], *inputs: Sizes) -> Trial:
    return Trial(name, arguments, inputs, made(name, **arguments))


FUNCTIONS = (
    "ReLU ReLU6 LeakyReLU RReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Tanhshrink Softplus Softsign Hardswish "
    "Hardsigmoid Hardtanh Hardshrink Softshrink Identity AlphaDropout FeatureAlphaDropout Dropout"
).split()


def activation(draw: Draw) -> Iterator[Trial]:
    shape = sizes(draw, draw.randint(0, 5))
    channels = shape[0] if shape else 1
    yield module(draw.choice(FUNCTIONS), {}, shape)
    yield module("Threshold", {"threshold": 0.1, "value": 20.0}, shape)
    yield module(f"Dropout{draw.randint(1, 3)}d", {}, shape)
    yield module("Softmax2d", {}, shape)
    dim = draw.choice((1, 2, 3, 4, -1, -2, -3))
    yield module(draw.choice(("Softmax", "Softmin", "LogSoftmax", "GLU")), {"dim": dim}, shape)
    yield module("PReLU", {"num_parameters": draw.choice((1, channels, channels, channels + 1))}, shape)
    word, function = draw.choice((("abs", torch.abs), ("exponential", torch.exp)))
    yield Trial(word, {}, (shape,), called(function))
    yield Trial("quick_gelu", {}, (shape,), called(lambda x: x * torch.sigmoid(1.702 * x)))
    yield Trial("relu2", {}, (shape,), called(lambda x: torch.square(F.relu(x))))
    yield Trial("laplace", {}, (shape,), called(lambda x: 0.5 * (1.0 + torch.erf((x - 0.707107) / 0.398942))))
    yield Trial("sqrt_softplus", {}, (shape,), called(lambda x: F.softplus(x).sqrt()))
    yield Trial("gelu_new", {}, (shape,), called(lambda x: F.gelu(x, approximate="tanh")))
    yield Trial("activation", {"function": "gelu"}, (shape,), called(F.gelu))
    yield Trial("activation", {"function": "hard_silu"}, (shape,), called(F.hardswish))


def conv(draw: Draw) -> Iterator[Trial]:
    rank, groups = draw.randint(1, 3), draw.choice((1, 1, 2, 3))
    channels = groups * draw.randint(1, 3) + draw.choice((0, 0, 0, 0, 0, 1))
    arguments: dict[str, Any] = {
        "in_channels": channels + draw.choice((0,) * 9 + (1,)), "out_channels": groups * draw.randint(1, 3),
        "kernel_size": each(draw, rank, 1, 4), "groups": groups, "bias": draw.random() < 0.7,
        **sometimes(draw, 0.5, stride=each(draw, rank, draw.choice((0, 1, 1, 1, 1)), 3), padding=each(draw, rank, 0, 3),
                    dilation=each(draw, rank, 1, 3)),
    }  # fmt: skip
    if draw.random() < 0.2:
        arguments["padding"] = draw.choice(("same", "valid"))
    shape = (channels, *sizes(draw, near(draw, rank), 8))
    modes = {"padding_mode": draw.choice(("zeros", "zeros", "reflect", "replicate", "circular"))}
    yield module(f"Conv{rank}d", {**arguments, **modes}, shape)
    yield _normalised(draw, f"Conv{rank}d", arguments, shape)
    arguments.pop("padding", None)
    yield _normalised(draw, f"ConvTranspose{rank}d", arguments, shape)
    extra = sometimes(draw, 0.5, output_padding=each(draw, rank, 0, 2), padding=each(draw, rank, 0, 2))
    yield module(f"ConvTranspose{rank}d", {**arguments, **extra}, shape)


def _normalised(draw: Draw, word: str, arguments: dict[str, Any], shape: Sizes) -> Trial:
    """Return a layer with a weight that is normalised."""
    name = draw.choice(("weight_norm", "spectral_norm"))
    make = getattr(nn.utils.parametrizations, name)
    return Trial(word, {**arguments, "parametrization": name}, (shape,), lambda: make(getattr(nn, word)(**arguments)))


def pool(draw: Draw) -> Iterator[Trial]:
    rank = draw.randint(1, 3)
    shape = (draw.randint(1, 3), *sizes(draw, near(draw, rank), 9))
    arguments: dict[str, Any] = {
        "kernel_size": each(draw, rank, 1, 4), "ceil_mode": draw.random() < 0.4,
        **sometimes(draw, 0.6, stride=each(draw, rank, 1, 4)),
    }  # fmt: skip
    padded = {**arguments, **sometimes(draw, 0.5, padding=each(draw, rank, 0, 2))}
    yield module(f"MaxPool{rank}d", {**padded, **sometimes(draw, 0.5, dilation=each(draw, rank, 1, 3))}, shape)
    yield module(f"MaxPool{rank}d", {**padded, "return_indices": True}, shape)
    yield from _sampled(draw, rank, shape)
    yield module(f"AvgPool{rank}d", {**padded, "count_include_pad": draw.random() < 0.5}, shape)
    if rank > 1 or not any(
        isinstance(value, tuple) for value in arguments.values()
    ):  # (LPPool1d takes one number alone)
        yield module(f"LPPool{rank}d", {"norm_type": draw.choice((0, 1, 2, 2, 3.5, -1)), **arguments}, shape)
    size = each(draw, rank, draw.choice((0, 1, 1, 1)), 6)
    if isinstance(size, tuple) and rank > 1 and draw.random() < 0.3:
        size = (None, *size[1:])
    yield module(f"Adaptive{draw.choice(('Max', 'Avg'))}Pool{rank}d", {"output_size": size}, shape)
    if rank > 1:
        asked = draw.choice(({"output_size": each(draw, rank, 1, 6)},
                             {"output_ratio": tuple(round(draw.uniform(0.1, 1.05), 2) for _ in range(rank))}))  # fmt: skip
        yield module(f"FractionalMaxPool{rank}d", {"kernel_size": each(draw, rank, 1, 3), **asked}, shape)
    means = called(lambda x: x.mean(tuple(range(2, x.ndim)))), called(lambda x: x.amax(tuple(range(2, x.ndim))))
    which = draw.randrange(2)
    image = (2, *sizes(draw, draw.randint(1, 3)))
    yield Trial(("global_avg_pool", "global_max_pool")[which], {}, (image,), means[which])


def _sampled(draw: Draw, rank: int, shape: Sizes) -> Iterator[Trial]:
    """Yield layers that read or write positions that are data; all positions are 0."""
    stride, padding = tuple(draw.randint(1, 4) for _ in range(rank)), draw.randint(0, 2)
    window: dict[str, Any] = {"kernel_size": draw.randint(1, 4), **sometimes(draw, 0.5, stride=stride, padding=padding)}
    arguments = {**window, **sometimes(draw, 0.4, output_size=[draw.randint(1, 20) for _ in range(rank)])}
    indices = tuple(size + draw.choice((0,) * 9 + (1,)) for size in shape)

    def unpool(x: Any, y: Any) -> Any:
        size = arguments.get("output_size")
        layer = getattr(nn, f"MaxUnpool{rank}d")(**window)
        return layer(x, y.long(), None if size is None else [*x.shape[:2], *size])

    yield Trial(f"MaxUnpool{rank}d", arguments, (shape, indices), lambda: unpool)
    grid = (*sizes(draw, near(draw, len(shape) - 1), 5), len(shape) - 1 + draw.choice((0, 0, 0, 1)))
    mode = draw.choice(("bilinear", "nearest", "bicubic"))
    yield Trial("grid_sample", {"mode": mode}, (shape, grid), called(F.grid_sample, mode=mode, align_corners=False))


def pad(draw: Draw) -> Iterator[Trial]:
    rank = draw.randint(1, 3)
    shape = (draw.randint(1, 3), *sizes(draw, near(draw, rank), 6))
    word = draw.choice(("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad"))
    flat = tuple(draw.randint(*draw.choice(((-2, 3), (-7, 7), (0, 3)))) for _ in range(2 * rank))
    pairs = [[flat[i], flat[i + 1]] for i in range(len(flat) - 2, -1, -2)]
    given: dict[str, Any] = {"padding": flat, **({"value": 0.5} if word == "ConstantPad" else {})}
    yield Trial(f"{word}{rank}d", {**given, "padding": pairs}, (shape,), made(f"{word}{rank}d", **given))
    any_shape = sizes(draw, draw.randint(1, 4), 5)
    axes = draw.sample(range(1, len(any_shape) + 1), draw.randint(1, len(any_shape)))
    sides = {axis: (draw.randint(-3, 3), draw.randint(-3, 3)) for axis in axes}
    all_sides = [side for axis in range(len(any_shape), 0, -1) for side in sides.get(axis, (0, 0))]
    arguments = {"padding": [list(sides[axis]) for axis in axes], "dim": axes}
    yield Trial("pad", arguments, (any_shape,), called(F.pad, all_sides))
    before, after = draw.randint(0, 3), draw.randint(0, 3)
    sound = (2, draw.randint(1, 9))
    crop = {"cropping": [[before, after]]}
    yield Trial("crop", crop, (sound,), called(F.pad, (-before, -after)))


def norm(draw: Draw) -> Iterator[Trial]:
    rank, groups = draw.randint(1, 3), draw.randint(1, 3)
    shape = (groups * draw.randint(1, 3), *sizes(draw, near(draw, rank), draw.choice((1, 5))))
    channels = shape[0] + draw.choice((0,) * 9 + (1,))
    flags = {"affine": draw.random() < 0.5, "track_running_stats": draw.random() < 0.5}
    yield module(f"BatchNorm{rank}d", {"num_features": channels, **flags}, shape)
    yield module(f"InstanceNorm{rank}d", {"num_features": channels, **flags}, shape)
    any_shape = sizes(draw, draw.randint(0, 5), 6)
    count = any_shape[0] if any_shape else 1
    yield module("GroupNorm", {"num_groups": groups, "num_channels": count, "affine": flags["affine"]}, any_shape)
    last = list(any_shape[len(any_shape) - draw.randint(0, len(any_shape)) :]) or [3]
    last[0] += draw.choice((0, 0, 0, 1))
    yield module("LayerNorm", {"normalized_shape": last, "bias": flags["affine"]}, any_shape)
    yield module("RMSNorm", {"normalized_shape": last, "elementwise_affine": flags["affine"]}, any_shape)
    dim = _dim(draw, len(any_shape))
    yield Trial("normalize", {"p": groups, "dim": dim}, (any_shape,), called(F.normalize, groups, dim))
    yield module("LocalResponseNorm", {"size": draw.randint(1, 5)}, any_shape)


def resize(draw: Draw) -> Iterator[Trial]:
    rank = draw.randint(1, 3)
    shape = (draw.randint(1, 3), *sizes(draw, near(draw, rank), 8))
    factor = draw.choice((2, 0.5, 1.5, tuple(round(draw.uniform(0.2, 2.5), 2) for _ in range(rank))))
    mode = draw.choice(("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"))
    asked: dict[str, Any] = draw.choice(({"scale_factor": factor}, {"size": each(draw, rank, 1, 9)}))
    arguments = {**asked, "mode": mode, **sometimes(draw, 0.3, align_corners=draw.random() < 0.5)}
    yield module("Upsample", arguments, shape)
    yield module(
        draw.choice(("UpsamplingNearest2d", "UpsamplingBilinear2d")), {"scale_factor": draw.choice((2, 0.5))}, shape
    )
    r = draw.randint(1, 3)
    whole = (draw.choice((1, r, r * r)) * draw.randint(1, 3), *(size * draw.choice((1, r)) for size in shape[1:]))
    yield module("PixelShuffle", {"upscale_factor": r}, whole)
    yield module("PixelUnshuffle", {"downscale_factor": r}, whole)
    yield module("ChannelShuffle", {"groups": r}, whole)
    kernel, stride = each(draw, 2, 1, 3), each(draw, 2, 1, 3)
    window = {"kernel_size": kernel, "stride": stride, **sometimes(draw, 0.4, padding=1, dilation=2)}
    image = (draw.randint(1, 3), *sizes(draw, near(draw, 2), 7))
    yield module("Unfold", window, image)
    yield from _fold(draw, window)
    yield Trial("up_sampling", {"size": r, "interpolation": "nearest"}, (shape,),
                called(F.interpolate, scale_factor=float(r)))  # fmt: skip


def _fold(draw: Draw, window: dict[str, Any]) -> Iterator[Trial]:
    size = each(draw, 2, 3, 7)
    columns = draw.randint(1, 3) * 4
    places = draw.randint(1, 9)
    try:  # mostly as many columns and places as there are
        pair = size if isinstance(size, tuple) else (size, size)
        columns, places = nn.Unfold(**window)(torch.zeros(1, draw.randint(1, 3), *pair)).shape[1:]
    except REFUSALS:
        pass
    shape = (columns + draw.choice((0, 0, 0, 1)), places + draw.choice((0, 0, 0, 1)))
    yield module("Fold", {"output_size": size, **window}, shape)


def connected(draw: Draw) -> Iterator[Trial]:
    shape = sizes(draw, draw.randint(0, 4))
    width = (shape[-1] if shape else 1) + draw.choice((0, 0, 0, 1))
    yield module(
        "Linear", {"in_features": width, "out_features": draw.randint(1, 5), "bias": draw.random() < 0.5}, shape
    )
    wide = {"in_features": width, "out_features": draw.randint(1, 5)}
    yield _normalised(draw, "Linear", wide, shape)
    rows = draw.randint(1, 6)
    table = {
        "num_embeddings": rows,
        "embedding_dim": draw.randint(1, 4),
        **sometimes(draw, 0.7, padding_idx=draw.randint(-8, 8)),
    }
    yield Trial("Embedding", table, (shape,), made("Embedding", **table), integers=True)
    elements = 1
    for size in shape:
        elements *= size
    yield Trial("fc", {"out_features": 3, "in_features": elements}, (shape,),
                lambda: nn.Sequential(nn.Flatten(), nn.Linear(elements, 3)))  # fmt: skip


def _dim(draw: Draw, rank: int) -> int:
    """Draw the number of an axis, seldom of one that is not there; never the batch's."""
    return draw.choice([d for d in range(-rank - 2, rank + 3) if d not in (0, -rank - 1)])


def arranged(draw: Draw) -> Iterator[Trial]:
    rank = draw.randint(0, 4)
    shape = sizes(draw, rank, draw.choice((2, 5)))
    one, other = _dim(draw, rank), _dim(draw, rank)
    yield module("Flatten", {"start_dim": one, "end_dim": other}, shape)
    yield Trial("transpose", {"dim0": one, "dim1": other}, (shape,), called(torch.transpose, one, other))
    order = [*draw.sample(range(1, rank + 1), rank), *draw.choice(((), (), (), (1,)))]
    if order:
        yield Trial("permute", {"dims": [0, *order]}, (shape,), called(lambda x: x.permute(0, *order)))
    dims = tuple(_dim(draw, rank) for _ in range(draw.randint(1, 2)))
    yield Trial("squeeze", {"dim": list(dims)}, (shape,), called(torch.squeeze, dims))
    yield Trial("unsqueeze", {"dim": one}, (shape,), called(torch.unsqueeze, one))
    wanted = [draw.choice((1, 2, 3, 4, -1)) for _ in range(draw.randint(1, 3))]
    yield Trial("reshape", {"shape": wanted}, (shape,), called(lambda x: x.reshape(BATCH, *wanted)))
    yield Trial("unflatten", {"dim": one, "unflattened_size": wanted}, (shape,), called(torch.unflatten, one, wanted))
    stretched = [draw.choice((size, -1, 4)) for size in shape]
    stretched = [draw.randint(1, 3)] * draw.choice((0, 0, 1)) + stretched
    if stretched:
        yield Trial("expand", {"sizes": stretched}, (shape,), called(lambda x: x.expand(*stretched)), batched=False)
        times = [draw.randint(1, 3) for _ in stretched]
        yield Trial("tile", {"dims": times}, (shape,), called(lambda x: x.tile(times)), batched=False)
    shifts = [draw.randint(-3, 3) for _ in range(draw.randint(1, 2))]
    yield Trial("roll", {"shifts": shifts, "dims": list(dims)}, (shape,), called(torch.roll, shifts, dims))
    yield from _cut(draw, shape, one)


def _cut(draw: Draw, shape: Sizes, dim: int) -> Iterator[Trial]:
    start, end = draw.randint(-12, 12), draw.choice((None, draw.randint(-12, 12)))
    step = draw.randint(1, 3)

    def slice_(x: Any) -> Any:
        return x.movedim(dim, 0)[start:end:step].movedim(0, dim)

    arguments = {"dim": dim, "start": start, "step": step, **({"end": end} if end is not None else {})}
    yield Trial("slice", arguments, (shape,), lambda: slice_)
    pieces = [draw.randint(1, 3) for _ in range(draw.randint(1, 3))]
    sizes = pieces if len(pieces) > 1 else pieces[0]  # one number is the size of every piece
    yield Trial("split", {"sizes": pieces, "dim": dim}, (shape,), called(torch.split, sizes, dim))
    count = draw.randint(1, 4)

    def chunk(x: Any) -> Any:
        made = torch.chunk(x, count, dim)
        assert len(made) == count, "fewer pieces than asked for"
        return made

    yield Trial("chunk", {"chunks": count, "dim": dim}, (shape,), lambda: chunk)
    yield from _gathered(draw, shape, dim)


def _gathered(draw: Draw, shape: Sizes, dim: int) -> Iterator[Trial]:
    index = [draw.randint(-5, 4) for _ in range(draw.randint(1, 3))]
    listed = called(lambda x: x.movedim(dim, 0)[index].movedim(0, dim))
    yield Trial("gather", {"index": index, "dim": dim}, (shape,), listed)
    yield Trial(
        "gather", {"index": index[0], "dim": dim, "keepdim": False}, (shape,), called(torch.select, dim, index[0])
    )
    positions = sizes(draw, draw.randint(0, 3), 3)

    def by_data(x: Any, y: Any) -> Any:
        axis = dim % x.ndim - 1
        there = [axis + i for i in range(len(positions))]
        pairs = zip(x.movedim(dim, 1), y.long(), strict=True)
        return torch.stack([one[at].movedim([*range(len(positions))], there) for one, at in pairs])

    yield Trial("gather", {"dim": dim}, (shape, positions), lambda: by_data)
    alike = tuple(max(1, size + draw.choice((0, 0, 0, -1, 1))) for size in shape) or positions
    yield Trial(
        "gather", {"dim": dim, "mode": "elements"}, (shape, alike), called(lambda x, y: x.gather(dim, y.long()))
    )


def reduced(draw: Draw) -> Iterator[Trial]:
    rank = draw.randint(0, 4)
    shape = sizes(draw, rank)
    dims = tuple(_dim(draw, rank) for _ in range(draw.randint(1, 2)))
    keep = draw.random() < 0.5
    word = draw.choice(("mean", "sum", "amax", "amin"))
    yield Trial(word, {"dim": list(dims), "keepdim": keep}, (shape,), called(getattr(torch, word), dims, keep))
    yield Trial("argmax", {"dim": dims[0], "keepdim": keep}, (shape,), called(torch.argmax, dims[0], keep))
    yield Trial("argmin", {"keepdim": keep, "dim": dims[0]}, (shape,), called(torch.argmin, dims[0], keep))
    function, norm = draw.choice((("l1", 1), ("l2", 2)))
    reduce = {"dim": list(dims), "keepdim": keep}
    yield Trial(
        "reduce", {"function": function, **reduce}, (shape,), called(torch.linalg.vector_norm, norm, dims, keep)
    )
    other = draw.choice(("logsumexp", "any", "all"))
    yield Trial("reduce", {"function": other, **reduce}, (shape,), called(getattr(torch, other), dims, keep))
    k = draw.randint(1, 5)
    yield Trial("top_k", {"k": k, "dim": dims[0]}, (shape,), called(torch.topk, k, dims[0]))


def merged(draw: Draw) -> Iterator[Trial]:
    whole = sizes(draw, draw.randint(0, 4), 4)
    inputs = []
    for _ in range(draw.randint(1, 3)):
        part = tuple(draw.choice((size, size, size, 1)) for size in whole[draw.choice((0, 0, 0, 1)) :])
        inputs.append(tuple(size + draw.choice((0,) * 15 + (1,)) for size in part))
    words: dict[str, Callable[[Any, Any], Any]] = {
        "add": torch.add, "mul": torch.mul, "maximum": torch.maximum, "minimum": torch.minimum,
    }  # fmt: skip
    word = draw.choice(list(words))

    def folded(first: Any, *others: Any) -> Any:
        for other in others:
            first = words[word](first, other)
        return first

    yield Trial(word, {}, tuple(inputs), lambda: folded, batched=False)
    pair = (inputs[0], inputs[-1])
    yield Trial("sub", {}, pair, called(torch.sub), batched=False)
    yield Trial("div", {}, pair, called(torch.div), batched=False)
    yield Trial("average", {}, pair, called(lambda a, b: (a + b) / 2), batched=False)
    one, two = draw.choice((("rsqrt", "atan2"), ("erf", "fmod"), ("log1p", "pow"), ("reciprocal", "logical_and")))
    yield Trial("pointwise", {"function": one}, (inputs[0],), called(getattr(torch, one)), batched=False)
    yield Trial("pointwise", {"function": two}, pair, called(getattr(torch, two)), batched=False)
    yield Trial("pointwise", {"function": "less", "other": 0}, (inputs[0],), called(torch.lt, 0), batched=False)
    three = (*pair, draw.choice(inputs))
    yield Trial(
        "pointwise", {"function": "where"}, three, called(lambda c, a, b: torch.where(c > 0, a, b)), batched=False
    )
    dim = _dim(draw, len(whole))
    alike = tuple(tuple(size + draw.choice((0,) * 9 + (1,)) for size in whole) for _ in range(draw.randint(1, 3)))
    yield Trial("concat", {"dim": dim}, alike, lambda: lambda *tensors: torch.cat(tensors, dim))
    yield Trial("stack", {"dim": dim}, alike, lambda: lambda *tensors: torch.stack(tensors, dim))


EQUATIONS = (
    "ij,jk->ik",
    "bhid,bhjd->bhij",
    "...ij,...jk->...ik",
    "ii->i",
    "ij->ji",
    "ij,ij->",
    "i,j->ij",
    "ij,jk,kl->il",
)


class InGroups(nn.Module):
    """Rows in groups, each with a weight of its own."""

    def __init__(self, num_groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_groups, out_features, in_features))

    def forward(self, rows: Any, ends: Any) -> Any:
        return F.grouped_mm(rows, self.weight.mT, offs=ends.int())


def multiplied(draw: Draw) -> Iterator[Trial]:
    n, k, m = sizes(draw, 3, 4)
    leading = sizes(draw, draw.randint(0, 2), 3)
    a, b = (*leading, n, k), (*(draw.choice((s, s, s, 1)) for s in leading), k + draw.choice((0, 0, 0, 0, 1)), m)
    a, b = draw.choice(((a, b), (a, b), (a[-1:], b), (a, b[-2:-1]), (a[-1:], b[-2:-1])))
    yield Trial("matmul", {}, (a, b), called(torch.matmul), batched=False)
    ranks = max(len(a), len(b))

    def bmm(x: Any, y: Any) -> Any:
        joined = (x.flatten(0, -3), y.flatten(0, -3)) if ranks == 3 else (x, y)
        return torch.bmm(*joined).unflatten(0, (BATCH, -1)) if ranks == 3 else torch.bmm(*joined)

    yield Trial("bmm", {}, (a, b), lambda: bmm)
    pair = (*leading, draw.randint(1, 4)), (*(s + draw.choice((0,) * 9 + (1,)) for s in leading), draw.randint(1, 4))
    features = {"in1_features": pair[0][-1], "in2_features": pair[1][-1] + draw.choice((0,) * 9 + (1,)),
                "out_features": draw.randint(1, 4), "bias": draw.random() < 0.5}  # fmt: skip
    groups, width, out = draw.randint(1, 4), draw.choice((4, 8)), draw.choice((4, 8))  # of 16 bytes and 32
    grouped = (draw.randint(1, 5), width + draw.choice((0, 0, 0, 4))), (groups + draw.choice((0, 0, 0, 1)),)
    counts = {"num_groups": groups, "in_features": width, "out_features": out}
    yield Trial("grouped_linear", counts, grouped, lambda: InGroups(**counts), batched=False)
    yield Trial("bilinear", features, pair, lambda: nn.Bilinear(**features))
    equation = draw.choice(EQUATIONS)
    letters = {letter: draw.randint(1, 4) for letter in "bhidjkl"}
    terms = equation.partition("->")[0].split(",")
    shapes = tuple(
        tuple(letters[letter] + draw.choice((0,) * 15 + (1,)) for letter in term.replace("...", "")) for term in terms
    )
    yield Trial(
        "einsum",
        {"equation": equation},
        shapes,
        lambda: lambda *tensors: torch.einsum(equation, *tensors),
        batched=False,
    )


def recurrent(draw: Draw) -> Iterator[Trial]:
    shape = sizes(draw, draw.choice((1, 2, 2, 2, 2, 3)))
    word, hidden = draw.choice(("RNN", "LSTM", "GRU")), draw.randint(1, 4)
    arguments: dict[str, Any] = {
        "input_size": shape[-1] + draw.choice((0,) * 7 + (1,)), "hidden_size": hidden,
        "num_layers": draw.randint(1, 2), "bias": draw.random() < 0.5, "bidirectional": draw.random() < 0.5,
    }  # fmt: skip
    if word == "LSTM" and draw.random() < 0.5:
        arguments["proj_size"] = draw.randint(0, 4)

    def make() -> Any:
        layer = getattr(nn, word)(**arguments, batch_first=True)

        class Run(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = layer

            def forward(self, x: Any) -> Any:
                if x.ndim != 3:
                    raise ValueError("an input of two axes would be taken for one without a batch")
                output, states = self.layer(x)
                states = states if isinstance(states, tuple) else (states,)
                return (output, *(state.movedim(1, 0) for state in states))

        return Run()

    yield Trial(word, arguments, (shape,), make)
    cell = {"input_size": shape[-1] + draw.choice((0,) * 7 + (1,)), "hidden_size": hidden, "bias": arguments["bias"]}
    states = [(hidden + draw.choice((0,) * 7 + (1,)),)] * draw.choice((0, 2 if word == "LSTM" else 1))

    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = getattr(nn, f"{word}Cell")(**cell)

        def forward(self, x: Any, *given: Any) -> Any:
            return self.layer(x, (given if len(given) > 1 else given[0]) if given else None)

    yield Trial(f"{word}Cell", cell, (shape[-draw.choice((1, 1, 1, 2)) :], *states), Step)


def attention(draw: Draw) -> Iterator[Trial]:
    heads = draw.randint(1, 3)
    width = heads * draw.randint(1, 3) + draw.choice((0,) * 7 + (1,))
    kdim, vdim = draw.choice(((width, width), sizes(draw, 2)))
    length, keys = sizes(draw, 2)
    arguments = {"embed_dim": width, "num_heads": heads, "kdim": kdim, "vdim": vdim, "bias": draw.random() < 0.5,
                 **sometimes(draw, 0.3, add_bias_kv=True, add_zero_attn=True)}  # fmt: skip
    wrong = (0,) * 9 + (1,)
    inputs = ((length, width + draw.choice(wrong)), (keys, kdim + draw.choice(wrong)),
              (keys + draw.choice(wrong), vdim + draw.choice(wrong)))  # fmt: skip

    class Run(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.MultiheadAttention(**arguments, batch_first=True)

        def forward(self, *tensors: Any) -> Any:
            return self.layer(*tensors)[0]

    yield Trial("MultiheadAttention", arguments, inputs, Run)
    d, v_d = sizes(draw, 2)
    groups = draw.choice((heads, heads, 1))
    q, k = (heads * draw.choice((1, 1, 2)), length, d), (groups, keys, d + draw.choice(wrong))
    v = (k[0], keys + draw.choice(wrong), v_d)
    gqa = draw.random() < 0.5
    yield Trial("sdpa", {"enable_gqa": gqa}, (q, k, v), called(F.scaled_dot_product_attention, enable_gqa=gqa))


def transformer(draw: Draw) -> Iterator[Trial]:
    heads = draw.randint(1, 3)
    width = heads * draw.randint(1, 3) + draw.choice((0,) * 7 + (1,))
    arguments = {"d_model": width, "nhead": heads, "dim_feedforward": draw.randint(1, 9), "bias": draw.random() < 0.5,
                 "norm_first": draw.random() < 0.5}  # fmt: skip
    wrong = (0,) * 5 + (1,)
    target, memory = (draw.randint(1, 5), width + draw.choice(wrong)), (draw.randint(1, 5), width + draw.choice(wrong))
    encoder, decoder = "TransformerEncoderLayer", "TransformerDecoderLayer"
    yield Trial(encoder, arguments, (target,), made(encoder, **arguments, batch_first=True))
    yield Trial(decoder, arguments, (target, memory), made(decoder, **arguments, batch_first=True))


SORTS: dict[str, Callable[[Draw], Iterator[Trial]]] = {
    maker.__name__: maker
    for maker in (activation, conv, pool, pad, norm, resize, connected, arranged, reduced, merged, multiplied, recurrent,
                  attention, transformer)
}  # fmt: skip


ANSWER = "Result("


class Difference(NamedTuple):
    """A deliberate difference to PyTorch: words of our error and of its error, when, why, and one example."""

    ours: str
    theirs: str
    reason: str
    example: Trial
    when: Callable[[Trial], bool] = lambda _: True

    def is_one(self, trial: Trial, mine: Result | str, other: Result | str) -> bool:
        return self.ours in str(mine) and self.theirs in str(other) and self.when(trial)


ANSWER = "Result("
WINDOW = {"kernel_size": 1}
SAME = {"in_channels": 1, "out_channels": 1, "kernel_size": 2, "stride": 2, "padding": "same"}
RATIO = {"kernel_size": 1, "output_size": (5, 3, 3)}
KINDS_2D = ("PixelShuffle", "PixelUnshuffle", "Unfold")


def _rank_of(trial: Trial) -> int:
    return 2 if trial.word in KINDS_2D else stated_rank(trial.word) or 0


DIFFERENCES = (
    Difference(
        "spatial ax", ANSWER, "without an axis for the channels it takes the batch's for it, as if nothing were batched",
        module("MaxPool2d", WINDOW, (3, 3)), lambda trial: len(trial.inputs[0]) == _rank_of(trial),
    ),
    Difference(
        "spatial ax", ANSWER, "these take further axes in front for more of the batch's, against their pages or not",
        module("PixelShuffle", {"upscale_factor": 2}, (5, 4, 3, 3)),
        lambda trial: len(trial.inputs[0]) > _rank_of(trial) + 1 and trial.word.rstrip("123d") in (
            "PixelShuffle", "PixelUnshuffle", "AdaptiveAvgPool", "UpsamplingNearest", "Dropout"),
    ),
    Difference(
        "spatial ax", ANSWER, "it pads the last axes of any input, whatever its own page and the name say",
        module("ZeroPad1d", {"padding": 1}, (3, 3, 3)), lambda trial: trial.word.startswith(("ZeroPad", "ConstantPad")),
    ),
    Difference("linear needs an input with at least one axis", ANSWER, "the batch axis would be its features",
               module("Linear", {"in_features": 2, "out_features": 3}, ())),
    Difference("is the batch axis", ANSWER, "sizes here are without the batch axis",
               module("Softmax", {"dim": -2}, (3,))),
    Difference(ANSWER, "requires at least 2 dimensions", "dropping one number a sample changes no size",
               module("FeatureAlphaDropout", {}, ())),
    Difference(ANSWER, "padding='same' is not supported", "TensorFlow pads so at a stride: docs/conventions.md",
               module("Conv1d", SAME, (1, 5))),
    Difference(ANSWER, "smaller than kernel size", "in 3-D alone it asks for an input as large as the kernel",
               module("AvgPool3d", {"kernel_size": 2, "ceil_mode": True}, (1, 7, 1, 5))),
    Difference(ANSWER, "fractional_max_pool3d_out", "in 3-D alone it asks for one element more",
               module("FractionalMaxPool3d", RATIO, (1, 9, 3, 7))),
    Difference(" has 1 number, but", ANSWER, "a list says one number for each axis; a number alone is for all",
               module("MaxPool2d", {"kernel_size": (2,)}, (1, 4, 4))),
    Difference("each spatial axis, not []", ANSWER, "an empty list says nothing",
               module("MaxPool1d", {"kernel_size": 2, "stride": ()}, (1, 4))),
    Difference("padding in mode circular", ANSWER, "what is left is too short, and it copies elements that are not set",
               Trial("CircularPad1d", {"padding": [[6, -3]]}, ((3, 6),), made("CircularPad1d", padding=(6, -3)))),
    Difference("must equal num_features", ANSWER, "it looks at num_features only where there are weights",
               module("BatchNorm1d", {"num_features": 3, "affine": False, "track_running_stats": False}, (2, 2))),
    Difference(ANSWER, "out of range", "a single number is flattened to one feature, as in Keras",
               module("Flatten", {}, ()), lambda trial: trial.inputs == ((),)),
    Difference("must equal 1", ANSWER, "it leaves axes of other sizes alone; what ours gives depends on no size",
               Trial("squeeze", {"dim": 1}, ((3,),), called(torch.squeeze, 1)), lambda trial: trial.word == "squeeze"),
    Difference("elsewhere", ANSWER, "an axis of 1 is not stretched in an equation, as the page says",
               Trial("einsum", {"equation": "i,i->i"}, ((1,), (2,)),
                     called(lambda a, b: torch.einsum("i,i->i", a, b)), batched=False)),
    Difference("that of the keys", ANSWER, "it reads beyond the shorter of keys and values",
               Trial("sdpa", {}, ((1, 3, 1), (1, 1, 1), (1, 2, 1)), called(F.scaled_dot_product_attention))),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # (tensors are tiny: threads would but wait for one another)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("sort", SORTS)
def test_both_accept_and_reject_the_same_with_equal_results(sort: str) -> None:
    draw = random.Random(f"shapecalc {sort}")
    accepted = refused = 0
    for _ in range(DRAWS):
        for trial in SORTS[sort](draw):
            mine, other = ours(trial), theirs(trial)
            accepted += mine == other
            refused += isinstance(mine, str) and isinstance(other, str)
            agree = mine == other or (isinstance(mine, str) and isinstance(other, str))
            assert agree or any(one.is_one(trial, mine, other) for one in DIFFERENCES), (
                f"{trial}\n    ours   {mine}\n    theirs {other}"
            )
    assert accepted > DRAWS // 3
    assert refused > DRAWS // 5


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: one.reason)
def test_every_listed_difference_is_real(difference: Difference) -> None:
    mine, other = ours(difference.example), theirs(difference.example)
    assert mine != other
    assert [one for one in DIFFERENCES if one.is_one(difference.example, mine, other)] == [difference]


def test_every_kind_is_sampled_or_has_no_counterpart() -> None:
    drawn = set()
    for sort, maker in SORTS.items():
        draw = random.Random(f"kinds {sort}")
        drawn |= {find_kind(trial.word).kind for _ in range(60) for trial in maker(draw)}
    assert set(KINDS) - drawn == {word for words in WITHOUT_COUNTERPART.values() for word in words.split()}


WITHOUT_COUNTERPART = {
    "torchvision's: tests/specs/test_torchvision_models.py": "deformable_conv feed_forward gather_patches patch_embedding "
    "patch_merging relative_position_bias roi_align shifted_window_attention squeeze_excitation stochastic_depth to_tokens "
    "window_attention window_partition window_reverse",
    "Keras': tests/layers/test_operations.py and the kinds' examples": "conv_lstm depthwise_conv einsum_dense "
    "locally_connected repeat_vector separable_conv",
    "Caffe's": "accuracy loss prior_box",
    "unknown": "named_operation opaque",
    "a loop over a cell: tests/layers/test_recurrent_of_a_cell.py": "recurrent",
    "transformers': tests/layers/test_state_space.py": "gated_delta_net mamba mamba2",
    "what each model writes for itself": "bias_add class_token constant disentangled_attention experts layer_scale moe multi_head_latent_attention "
    "normalization parameter position_embedding rotary_embedding softcap "
    "sinusoidal_embedding swiglu mask_token to_map unused_parameter",
}
"""Kinds without a single module or function in PyTorch."""
