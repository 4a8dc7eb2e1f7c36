"""Windowed attention: laws, and whole Swin transformers that agree exactly with torchvision."""

from __future__ import annotations

from typing import Any

import pytest
from sizing import outputs, sized

import shapecalc
from shapecalc.errors import LayerError


@pytest.mark.parametrize(("layout", "shape"), [("HWC", (30, 20, 8)), ("CHW", (8, 30, 20))])
def test_window_reverse_undoes_window_partition(layout: str, shape: tuple[int, ...]) -> None:
    (windows,) = outputs(sized("window_partition", shape, layout=layout, window_size=7))
    assert windows == (5 * 3, 49, 8)
    assert outputs(sized("window_reverse", windows, shape, layout=layout, window_size=7)) == [shape]


def test_window_attention_without_positions_is_multi_head_attention() -> None:
    window = sized("window_attention", (16, 49, 96), num_heads=3, window_size=7, position="none")
    plain = sized("multi_head_attention", (16, 49, 96), num_heads=3)
    assert (window.weights, window.biases, window.macs) == (plain.weights, plain.biases, plain.macs)


def test_the_bias_table_is_relative_position_bias() -> None:
    without = sized("window_attention", (16, 49, 96), num_heads=3, window_size=7, position="none")
    within = sized("window_attention", (16, 49, 96), num_heads=3, window_size=7)
    apart = sized("relative_position_bias", (3, 49, 49), window_size=7)
    assert (within.weights - without.weights, within.buffers) == (apart.weights, apart.buffers)


@pytest.mark.parametrize(
    ("kind", "arguments", "shapes", "message"),
    [
        ("window_attention", {"num_heads": 5, "window_size": 7}, [(4, 49, 96)], "num_heads (=5) must divide channels"),
        ("window_attention", {"num_heads": 3, "window_size": 8}, [(4, 49, 96)],
         "tokens in a window (=49) must equal window_size squared (=64)"),
        ("window_reverse", {"window_size": 7}, [(5, 49, 96), (96, 14, 14)],
         "windows of the input (=5) must equal windows on the map (=4)"),
        ("window_partition", {"window_size": [7, 7, 7]}, [(96, 14, 14)], "window_size has 3 entries"),
        ("relative_position_bias", {}, [(3, 49, 49)], "needs one of window_size and num_buckets"),
        ("relative_position_bias", {"window_size": 7}, [(3, 50, 50)], "length of the scores (=50) must equal"),
    ],
)  # fmt: skip
def test_invalid_inputs(kind: str, arguments: dict[str, Any], shapes: list[tuple[int, ...]], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), tuple(Shape(sizes) for sizes in shapes))
    assert message in str(caught.value)


def _attention(dim: int, heads: int, window: int, shift: int, mlp: bool) -> list[Any]:
    attend = {"shifted_window_attention": {
        "num_heads": heads, "window_size": window, "shift_size": shift, "position": "mlp" if mlp else "table"}}  # fmt: skip
    forward = {"feed_forward": {"dim": dim, "hidden_dim": 4 * dim}}
    parts = (
        [[attend, "layer_norm"], [forward, "layer_norm"]] if mlp else [["layer_norm", attend], ["layer_norm", forward]]
    )
    return [{"add": [part, []]} for part in parts]


def _swin(window: int, mlp: bool) -> dict[str, Any]:
    layers: list[Any] = [{"conv": {"out_channels": 96, "kernel_size": 4, "stride": 4}}, "layer_norm"]
    for stage, depth in enumerate((2, 2, 6, 2)):
        dim = 96 * 2**stage
        if stage:
            layers.append({"patch_merging": {"dim": dim // 2, "norm_after": mlp}})
        for block in range(depth):
            layers += _attention(dim, 3 * 2**stage, window, window // 2 * (block % 2), mlp)
    layers += ["layer_norm", "global_avg_pool", {"linear": 1000}]
    return {"layout": "HWC", "input": [224, 224, 3], "layers": layers}


@pytest.mark.parametrize(
    ("window", "mlp", "params", "macs", "buffers"),
    [
        (7, False, 28_288_354, 4_490_566_656, 28_812),  # swin_t: torchvision's docs say 28288354 and 4.49 GFLOPS
        (8, True, 28_351_570, 4_938_464_256, 54_552),  # swin_v2_t at 224; torchvision's 5.94 GFLOPS are at 256
    ],
)
def test_swin_agrees_with_torchvision(window: int, mlp: bool, params: int, macs: int, buffers: int) -> None:
    """The figures are of torchvision's models run on the meta device under PyTorch 2.13.0's flop counter."""
    total = shapecalc.load(_swin(window, mlp)).infer().total
    assert (total.params, total.macs, total.buffers) == (params, macs, buffers)
