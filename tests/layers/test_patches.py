"""Patches of feature maps and boxes on them: laws, and PyTorch itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sizing import outputs, sized

from shapecalc.errors import LayerError


def test_folding_undoes_unfolding() -> None:
    window = {"kernel_size": [2, 3], "stride": 2, "padding": 1, "dilation": 2}
    for layout, shape in (("CHW", (3, 8, 9)), ("HWC", (8, 9, 3))):
        (columns,) = outputs(sized("unfold", shape, layout=layout, **window))
        assert outputs(sized("fold", columns, layout=layout, output_size=[8, 9], **window)) == [shape]


def test_an_unfolded_map_through_a_linear_layer_is_a_convolution() -> None:
    conv = sized("conv", (3, 8, 9), out_channels=5, kernel_size=3, stride=2)
    ((width, positions),) = outputs(sized("unfold", (3, 8, 9), kernel_size=3, stride=2))
    linear = sized("linear", (positions, width), out_features=5)
    assert (linear.weights, linear.biases, linear.macs) == (conv.weights, conv.biases, conv.macs)


def test_a_deformable_convolution_costs_what_a_convolution_does() -> None:
    conv = sized("conv", (4, 10, 10), out_channels=6, kernel_size=3, groups=2, bias=False)
    deformable = sized("deformable_conv", (4, 10, 10), (36, 8, 8), (18, 8, 8), out_channels=6, kernel_size=3, groups=2,
                       bias=False, offset_groups=2)  # fmt: skip
    assert outputs(deformable) == outputs(conv)
    assert (deformable.weight_shapes, deformable.macs) == (conv.weight_shapes, conv.macs)


def test_gathered_patches_keep_the_number_of_elements() -> None:
    (gathered,) = outputs(sized("gather_patches", (8, 6, 5), layout="HWC"))
    assert gathered == (4, 3, 20)
    assert outputs(sized("gather_patches", (5, 8, 6), layout="CHW", patch_size=[4, 2])) == [(40, 2, 3)]


def test_tokens_are_the_same_in_both_layouts() -> None:
    assert outputs(sized("to_tokens", (8, 4, 3))) == outputs(sized("to_tokens", (4, 3, 8), layout="HWC")) == [(12, 8)]


@pytest.mark.parametrize(("words", "boxes"), [
    ({}, 1), ({"aspect_ratio": [2, 3]}, 5), ({"aspect_ratio": [2, 3], "flip": False}, 3),
    ({"aspect_ratio": [1, 2, 0.5]}, 3), ({"max_size": 60}, 2),
    ({"min_size": [30, 60], "max_size": [60, 90], "aspect_ratio": 2}, 8),
])  # fmt: skip
def test_prior_boxes_are_those_of_every_ratio_and_size(words: dict[str, Any], boxes: int) -> None:
    """Caffe's PriorBoxLayer: a ratio that is 1 or the inverse of another is not counted twice."""
    found = sized("prior_box", (8, 5, 3), **{"min_size": 30, **words})
    assert outputs(found) == [(2, 5 * 3 * boxes * 4)]


@pytest.mark.parametrize(
    ("kind", "arguments", "shapes", "message"),
    [
        ("fold", {"output_size": [8, 9], "kernel_size": [2, 3]}, [(18, 48)],
         "positions of the input (=48) must equal windows in output_size (=49)"),
        ("fold", {"output_size": [8, 9], "kernel_size": [2, 3]}, [(20, 49)], "must divide rows of the input (=20)"),
        ("fold", {"output_size": [8, 9], "kernel_size": 2}, [(3, 8, 9)], "fold needs an input of two axes"),
        ("unfold", {"kernel_size": 9}, [(3, 8, 9)], "the 9×9 window does not fit its 8×9 input"),
        ("deformable_conv", {"out_channels": 5, "kernel_size": 3}, [(4, 10, 10), (9, 8, 8)],
         "channels of the offset (=9) must equal those the window needs (=18)"),
        ("deformable_conv", {"out_channels": 5, "kernel_size": 3}, [(4, 10, 10), (18, 10, 10)],
         "size of the offset (=10) must equal that of the output (=8)"),
        ("deformable_conv", {"out_channels": 5, "kernel_size": 3}, [(4, 10, 10)], "expects 2 to 3 inputs, but has 1"),
    ],
)  # fmt: skip
def test_invalid_inputs(kind: str, arguments: dict[str, Any], shapes: list[tuple[int, ...]], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), tuple(Shape(sizes) for sizes in shapes))
    assert message in str(caught.value)


@pytest.mark.torch
def test_unfold_and_fold_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(10)
    done = 0
    while done < 60:
        shape = (rng.randint(1, 4), rng.randint(1, 12), rng.randint(1, 12))
        window = {name: [rng.randint(least, 3) for _ in range(2)]
                  for name, least in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1))}  # fmt: skip
        try:
            columns = torch.nn.functional.unfold(torch.zeros(1, *shape), **window)
        except RuntimeError:
            with pytest.raises(LayerError):
                sized("unfold", shape, **window)
            continue
        done += 1
        assert outputs(sized("unfold", shape, **window)) == [tuple(columns.shape[1:])]
        back = torch.nn.functional.fold(columns, shape[1:], **window)
        assert outputs(sized("fold", tuple(columns.shape[1:]), output_size=list(shape[1:]), **window)) == [
            tuple(back.shape[1:])
        ]
