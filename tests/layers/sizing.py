"""Helpers for tests of kinds: a kind on plain shapes, and PyTorch's shapes, parameters and MACs."""

from __future__ import annotations

from typing import Any

import shapecalc.layers  # noqa: F401  (fills the registry)
from shapecalc.layers import find_kind
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer


def sized(kind: str, *inputs: tuple[int, ...], layout: str = "CHW", **arguments: Any) -> Any:
    """Return the sizing of a layer of a kind on inputs of these sizes."""
    cls = find_kind(kind)
    assert cls is not None, f"no kind {kind}"
    layer = cls(**arguments).under_name(kind)
    shapes = tuple(Shape(sizes, layout == "HWC") for sizes in inputs)
    return size_layer(layer, shapes)


def outputs(sizing: Any) -> list[tuple[int, ...]]:
    """Return the sizes of the outputs."""
    return [shape.sizes for shape in sizing.outputs]


def parameters(module: Any) -> int:
    """Return the number of parameters of a PyTorch module."""
    return sum(parameter.numel() for parameter in module.parameters())


def torch_macs(function: Any, *inputs: Any, **rest: Any) -> int:
    """Return the MACs of PyTorch's FLOP counter, for the operations that it counts."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    torch.backends.mha.set_fastpath_enabled(False)
    with (
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False, allow_tf32=None),
    ):
        function(*inputs, **rest)
    return int(counter.get_total_flops()) // 2
