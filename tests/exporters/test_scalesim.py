"""SCALE-Sim's table: with the formula of SCALE-Sim itself, its rows have the multiply-accumulates of the report."""

from __future__ import annotations

import math
import re

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

CANNOT = {
    "olmoe-.*|deepseek-.*|qwen3-30b.*|mixtral-.*|gpt-oss-.*": "(experts)",
    "(jamba|mamba-).*": "(mamba)",
    "mamba2-.*": "(mamba2)",
    "qwen3-next-.*": "(gated_delta_net)",
    "ds_cnn_(m|l)": "its strides differ: 2 and 1",
    "deberta-.*": "(disentangled_attention)",
    "maxvit_t|swin_.*": "(window_attention)",
    "seq2seq_lstm": "(lstm)",
    "r3d_18|mc3_18|r2plus1d_18": "it has 3 spatial axes, not 2",
}
"""The networks of the zoo with a layer that has no rows, with the kind or the reason."""


def macs_of(text):
    """The multiply-accumulates of a table, as SCALE-Sim reads and counts it: scalesim 3.0.0, topology_utils.py.

    Rounding up (`ofmap_h`), and a row with DP in its name is one for each channel.
    """
    total = 0
    for line in text.splitlines()[1:]:
        name, *numbers = line.split(",")[:-1]
        height, width, rows, columns, channels, filters, stride = map(int, numbers)
        assert rows <= height
        assert columns <= width
        copies, channels = (channels, 1) if "DP" in name else (1, channels)
        positions = math.ceil((height - rows + stride) / stride) * math.ceil((width - columns + stride) / stride)
        total += copies * positions * rows * columns * channels * filters
    return total


@pytest.mark.parametrize("name", some([name for _, name in bundled_members()], 20))
def test_the_rows_have_the_macs_of_the_report(name):
    net = shapecalc.load(name)
    reason = next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")
    if reason:
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason)):
            net.convert("scalesim")
        return
    assert macs_of(net.convert("scalesim")) == net.infer().total.macs


LAYERS = [
    {"conv": {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}, "name": "a,DP"},
    {"depthwise_conv": {"kernel_size": [3, 1], "padding": "same"}},
    {"conv": {"out_channels": 8, "kernel_size": 1, "groups": 2}},
    {"transposed_conv": {"out_channels": 4, "kernel_size": 2, "stride": 2}},
    "relu",
    {"fc": 10},
]

TABLE = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
a_dp, 19, 19, 3, 3, 3, 8, 2,
depthwise_conv1_DP, 11, 9, 3, 1, 8, 1, 1,
conv1_group0, 9, 9, 1, 1, 4, 4, 1,
conv1_group1, 9, 9, 1, 1, 4, 4, 1,
transposed_conv1, 81, 1, 1, 1, 8, 16, 1,
fc1, 1, 1, 1, 1, 1296, 10, 1,
"""


def test_the_whole_table_padding_is_a_part_of_the_input():
    """18 wide with padding 1 on both sides is 20; the windows at a stride of 2 cover 19 of it."""
    net = shapecalc.load({"input": "3x18x18", "layers": LAYERS})
    assert net.convert("scalesim") == TABLE
    assert macs_of(TABLE) == net.infer().total.macs


def test_attention_is_two_products_in_each_head():
    net = shapecalc.load({"input": "6x8", "layers": [{"multi_head_attention": 2}]})
    table = net.convert("scalesim")
    assert macs_of(table) == net.infer().total.macs
    names = [line.partition(",")[0] for line in table.splitlines()]
    assert names[-4:] == [f"multi_head_attention1.{one}" for one in ("scores0", "scores1", "values0", "values1")]
    assert "\nmulti_head_attention1.scores1, 6, 1, 1, 1, 4, 6, 1,\n" in table
    assert "\nmulti_head_attention1.values1, 6, 1, 1, 1, 6, 4, 1,\n" in table


PRODUCTS = {
    "attention by hand": ({"q": [4, 6, 8], "k": [4, 9, 8]}, [
        {"matmul": {"transpose_b": True}, "from": ["q", "k"]}, "softmax", {"matmul": None, "from": ["softmax1", "k"]}],
        "matmul10, 6, 1, 1, 1, 8, 9, 1,", 2 * 4 * 6 * 9 * 8),
    "one matrix": ({"a": [6, 8], "b": [8, 5]}, [{"matmul": None, "from": ["a", "b"]}],
                   "matmul1, 6, 1, 1, 1, 8, 5, 1,", 6 * 8 * 5),
    "a vector": ({"a": [8], "b": [8, 5]}, [{"matmul": None, "from": ["a", "b"]}], "matmul1, ", 8 * 5),
    "heads": ({"q": [4, 6, 8], "k": [4, 9, 8], "v": [4, 9, 3]}, [
        {"scaled_dot_product_attention": None, "from": ["q", "k", "v"]}],
        "scaled_dot_product_attention1.values3, 6, 1, 1, 1, 9, 3, 1,", 4 * 6 * 9 * (8 + 3)),
    "weight norm": ({"x": [3, 8, 8]}, [{"conv": {"out_channels": 4, "kernel_size": 3, "parametrization": "weight_norm"}}],
                    "conv1, 8, 8, 3, 3, 3, 4, 1,", 36 * 27 * 4),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_tensors_have_a_row_for_each_matrix(name):
    inputs, layers, row, macs = PRODUCTS[name]
    net = shapecalc.load({"inputs": inputs, "layers": layers})
    table = net.convert("scalesim")
    assert any(line.startswith(row) for line in table.splitlines()), table
    assert macs_of(table) == net.infer().total.macs == macs
    assert net.convert("timeloop")


def test_a_separable_convolution_is_a_depthwise_and_a_pointwise_one():
    """Keras' SeparableConv2D, whose stride, dilation and padding are those of the first."""
    layer = {"separable_conv": {"out_channels": 16, "kernel_size": 3, "stride": 2, "padding": 1, "depth_multiplier": 2}}
    net = shapecalc.load({"input": "8x33x33", "layers": [{**layer, "name": "sep"}]})
    table = net.convert("scalesim")
    assert table.splitlines()[1:] == [
        "sep.depthwise_DP, 35, 35, 3, 3, 8, 2, 2,",
        "sep.pointwise, 17, 17, 1, 1, 16, 16, 1,",
    ]
    assert macs_of(table) == net.infer().total.macs == 17 * 17 * (9 * 16 + 16 * 16)
    line = {"separable_conv": {"out_channels": 4, "kernel_size": 5}}
    other = shapecalc.load({"input": "3x20", "layers": [line]})
    assert macs_of(other.convert("scalesim")) == other.infer().total.macs == 16 * (5 * 3 + 3 * 4)


def test_what_has_no_rows_is_refused():
    with pytest.raises(shapecalc.UsageError, match=r"locally_connected1 .* it is not a convolution"):
        shapecalc.load(
            {"input": "3x8x8", "layers": [{"locally_connected": {"out_channels": 4, "kernel_size": 3}}]}
        ).convert("scalesim")
    with pytest.raises(shapecalc.UsageError) as error:
        shapecalc.load({"name": "n", "input": [4], "layers": ["relu"]}).convert("scalesim")
    assert str(error.value) == "no layer of n multiplies: SCALE-Sim has nothing to simulate"
    unknown = {"opaque": {"op_type": "Strange", "output_sizes": {"y": [4]}}}
    with pytest.raises(shapecalc.UsageError, match="opaque1 \\(opaque\\) cannot be written for SCALE-Sim: "):
        shapecalc.load({"input": [8], "layers": [unknown]}).convert("scalesim")
