"""Against PyTorch: random layers have the same shapes, parameters and MACs, or are rejected by both.

Hundreds of layers a run, seeded. What we accept is compared on the meta device; what we reject is run on the CPU, which
must reject it too (the meta device accepts more).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers import find_kind
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

LAYERS = 400
"""The number of layers of each sort."""

Draw = random.Random
Config = tuple[str, dict[str, Any], tuple[int, ...]]


def each(draw: Draw, rank: int, least: int, most: int) -> int | tuple[int, ...]:
    """Draw a number, or one for each axis."""
    if draw.random() < 0.5:
        return draw.randint(least, most)
    return tuple(draw.randint(least, most) for _ in range(rank))


def spatial(draw: Draw, rank: int, most: int = 24) -> tuple[int, ...]:
    return tuple(draw.randint(1, most if rank < 3 else 12) for _ in range(rank))


def conv(draw: Draw) -> Config:
    rank, groups = draw.randint(1, 3), draw.choice((1, 1, 2, 3))
    channels = groups * draw.randint(1, 4) + draw.choice((0, 0, 0, 0, 0, 0, 1))
    kwargs: dict[str, Any] = {
        "in_channels": channels, "out_channels": groups * draw.randint(1, 4), "kernel_size": each(draw, rank, 1, 6),
        "stride": each(draw, rank, 1, 4), "padding": each(draw, rank, 0, 3), "dilation": each(draw, rank, 1, 3),
        "groups": groups, "bias": draw.random() < 0.7,
        "padding_mode": draw.choice(("zeros", "zeros", "zeros", "reflect", "replicate", "circular")),
    }  # fmt: skip
    if draw.random() < 0.2:
        kwargs["padding"] = draw.choice(("same", "valid"))
        kwargs["stride"] = 1 if kwargs["padding"] == "same" else kwargs["stride"]
    return f"Conv{rank}d", kwargs, (channels, *spatial(draw, rank))


def transposed(draw: Draw) -> Config:
    rank, groups = draw.randint(1, 3), draw.choice((1, 1, 2, 3))
    channels = groups * draw.randint(1, 4)
    kwargs = {
        "in_channels": channels, "out_channels": groups * draw.randint(1, 4), "kernel_size": each(draw, rank, 1, 5),
        "stride": each(draw, rank, 1, 4), "padding": each(draw, rank, 0, 2), "dilation": each(draw, rank, 1, 3),
        "output_padding": each(draw, rank, 0, 2), "groups": groups, "bias": draw.random() < 0.7,
    }  # fmt: skip
    return f"ConvTranspose{rank}d", kwargs, (channels, *spatial(draw, rank, 9))


def max_pool(draw: Draw) -> Config:
    rank = draw.randint(1, 3)
    kwargs = {
        "kernel_size": each(draw, rank, 1, 6), "stride": each(draw, rank, 1, 4), "padding": each(draw, rank, 0, 3),
        "dilation": each(draw, rank, 1, 3), "ceil_mode": draw.random() < 0.5,
    }  # fmt: skip
    if draw.random() < 0.3:
        del kwargs["stride"]
    return f"MaxPool{rank}d", kwargs, (draw.randint(1, 3), *spatial(draw, rank))


def avg_pool(draw: Draw) -> Config:
    word, kwargs, shape = max_pool(draw)
    del kwargs["dilation"]
    kwargs["count_include_pad"] = draw.random() < 0.5
    return word.replace("Max", "Avg"), kwargs, shape


def lp_pool(draw: Draw) -> Config:
    rank = draw.randint(1, 3)
    kwargs = {"norm_type": 2, "kernel_size": draw.randint(1, 5), "stride": draw.randint(1, 4)}
    return f"LPPool{rank}d", {**kwargs, "ceil_mode": draw.random() < 0.5}, (2, *spatial(draw, rank))


def adaptive_pool(draw: Draw) -> Config:
    rank = draw.randint(1, 3)
    size: Any = each(draw, rank, 1, 9)
    if isinstance(size, tuple) and rank > 1 and draw.random() < 0.3:
        size = (None, *size[1:])
    return f"Adaptive{draw.choice(('Max', 'Avg'))}Pool{rank}d", {"output_size": size}, (2, *spatial(draw, rank))


def fractional_pool(draw: Draw) -> Config:
    rank = draw.randint(2, 3)
    kwargs: dict[str, Any] = {"kernel_size": each(draw, rank, 1, 4)}
    if draw.random() < 0.5:
        kwargs["output_size"] = each(draw, rank, 1, 9)
    else:
        kwargs["output_ratio"] = tuple(round(draw.uniform(0.1, 0.95), 2) for _ in range(rank))
    return f"FractionalMaxPool{rank}d", kwargs, (2, *spatial(draw, rank))


def upsample(draw: Draw) -> Config:
    rank = draw.randint(1, 3)
    if draw.random() < 0.3:
        return "Upsample", {"size": each(draw, rank, 1, 30)}, (2, *spatial(draw, rank))
    factors = tuple(round(draw.uniform(0.3, 3), draw.randint(0, 2)) or 0.5 for _ in range(rank))
    return "Upsample", {"scale_factor": draw.choice((factors, factors[0]))}, (2, *spatial(draw, rank))


def pad(draw: Draw) -> Config:
    rank = draw.randint(1, 3)
    word = draw.choice(("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"))
    least = -2 if word == "ZeroPad" else 0
    flat = tuple(draw.randint(least, 4) for _ in range(2 * rank))
    return f"{word}{rank}d", {"padding": flat}, (2, *spatial(draw, rank, 9))


def norm(draw: Draw) -> Config:
    rank, groups = draw.randint(1, 3), draw.randint(1, 4)
    channels = groups * draw.randint(1, 4)
    shape = (channels, *(size + 1 for size in spatial(draw, rank, 8)))
    affine = draw.random() < 0.6
    return draw.choice((
        (f"BatchNorm{rank}d", {"num_features": channels, "affine": affine, "track_running_stats": not affine}, shape),
        (f"InstanceNorm{rank}d", {"num_features": channels, "affine": affine, "track_running_stats": affine}, shape),
        ("GroupNorm", {"num_groups": groups, "num_channels": channels, "affine": affine}, shape),
        ("LayerNorm", {"normalized_shape": list(shape[-rank:]), "elementwise_affine": affine, "bias": affine}, shape),
        ("RMSNorm", {"normalized_shape": list(shape[-rank:])}, shape),
        ("LocalResponseNorm", {"size": draw.randint(1, 5)}, shape),
        ("PReLU", {"num_parameters": draw.choice((1, channels))}, shape),
    ))  # fmt: skip


def arranged(draw: Draw) -> Config:
    r, groups = draw.randint(1, 3), draw.randint(1, 3)
    shape = (groups * draw.randint(1, 6) * draw.choice((r * r, 1)), r * draw.randint(1, 5), r * draw.randint(1, 5))
    start, end = draw.choice(((1, -1), (2, -1), (1, 2), (2, 2), (-3, -2), (3, 2)))
    return draw.choice((
        ("PixelShuffle", {"upscale_factor": r}, shape),
        ("PixelUnshuffle", {"downscale_factor": draw.randint(1, 3)}, shape),
        ("ChannelShuffle", {"groups": draw.randint(1, 3)}, shape),
        ("Flatten", {"start_dim": start, "end_dim": end}, shape),
        ("Unflatten", {"dim": 1, "unflattened_size": (groups, -1)}, shape),
        ("GLU", {"dim": draw.choice((1, -1, -2))}, shape),
        ("Linear", {"in_features": shape[-1], "out_features": r, "bias": r > 1}, shape),
        ("Softmax", {"dim": draw.choice((1, -1, 3))}, shape),
        ("Dropout2d", {"p": 0.1}, shape),
    ))  # fmt: skip


SORTS: dict[str, Callable[[Draw], Config]] = {
    maker.__name__: maker
    for maker in (conv, transposed, max_pool, avg_pool, lp_pool, adaptive_pool, fractional_pool, upsample, pad, norm,
                  arranged)
}  # fmt: skip
CPU_ONLY = ("fractional_pool", "adaptive_pool")  # their checks and shapes are the CPU's alone


def ours(config: Config) -> Any:
    word, kwargs, shape = config
    cls = find_kind(word)
    assert cls, f"no kind is called {word}"
    kwargs = dict(kwargs)
    if "Pad" in word:
        flat = kwargs["padding"]
        kwargs["padding"] = [[flat[i], flat[i + 1]] for i in range(len(flat) - 2, -1, -2)]
    return size_layer(cls(**kwargs).under_name(word), (Shape(shape),))


def theirs(config: Config, device: str) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]], int]:
    word, kwargs, shape = config
    module = getattr(nn, word)(**kwargs).to(device).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(torch.zeros((2, *shape), device=device))
    params = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    return tuple(output.shape[1:]), params, counter.get_total_flops() // 2 // 2


def is_refused(config: Config) -> bool:
    """Return whether the CPU rejects a layer, or returns an empty tensor, which is an error here."""
    try:
        shape, *_ = theirs(config, "cpu")
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return True
    return 0 in shape


LIMITS = {
    "smaller than kernel size (kT": "3-D mean pools ask for an input as large as the kernel, whatever the padding",
    "fractional_max_pool3d_out(): pool": "the 3-D one asks for one number more than its 2-D brother",
}
"""Words of errors that are PyTorch's own limit, each with the limit: 1-D and 2-D layers do not have it."""


@pytest.mark.parametrize("sort", SORTS)
def test_random_layers_agree_with_pytorch(sort: str) -> None:
    draw = random.Random(f"shapecalc {sort}")
    answered = refused = 0
    for _ in range(LAYERS):
        config = SORTS[sort](draw)
        try:
            sizing = ours(config)
        except LayerError:
            assert is_refused(config), config
            refused += 1
            continue
        try:
            shape, params, macs = theirs(config, "cpu" if sort in CPU_ONLY else "meta")
        except RuntimeError as error:
            if not any(words in str(error) for words in LIMITS):
                raise
            continue
        assert sizing.outputs[0].sizes == shape, config
        assert sizing.weight_shapes == params, config
        if sort in ("conv", "transposed") or config[0] == "Linear":
            assert sizing.macs == macs, config
        answered += 1
    assert answered > LAYERS // 3
    assert refused > 0 or sort in ("norm", "adaptive_pool", "lp_pool", "upsample")


def test_every_pytorch_module_is_known_or_deliberately_omitted() -> None:
    unknown = {
        name
        for name, cls in vars(nn).items()
        if isinstance(cls, type) and issubclass(cls, nn.Module) and not name.startswith(("Lazy", "_"))
        and "Loss" not in name and not find_kind(name)
    }  # fmt: skip
    assert unknown == {name for names in LEFT_OUT.values() for name in names.split()}


LEFT_OUT = {
    "containers, which are blocks here": "Module Sequential ModuleList ModuleDict ParameterList ParameterDict Container "
    "DataParallel",
    "whole models, which are specs here": "Transformer TransformerEncoder TransformerDecoder",
    "bases of other classes": "RNNCellBase RNNBase",
    "give a number for two inputs, as losses do": "CosineSimilarity PairwiseDistance",
    "not there yet": "EmbeddingBag CrossMapLRN2d",
}
"""Modules of PyTorch that have no kind, and why."""
