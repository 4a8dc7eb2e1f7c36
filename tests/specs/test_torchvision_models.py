"""torchvision's models against the bundled specifications, layer by layer; and the comparison itself, which must fail."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from searching import some
from torchvision_models import FOLDER, compare, read, trimmed

import shapecalc

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "alexnet": ("alexnet_torchvision", {}),
    "convnext_tiny": ("convnext_tiny", {}),
    "densenet121": ("densenet121", {}),
    "efficientnet_b0": ("efficientnet_b0", {}),
    "fcn_resnet50": ("fcn_resnet50", {}),
    "googlenet__aux_logits_False": ("googlenet", {}),
    "inception_v3__aux_logits_False": ("inception_v3", {"aux": False}),
    "mnasnet1_0": ("mnasnet1_0", {}),
    "mobilenet_v2": ("mobilenet_v2", {}),
    "mobilenet_v3_small": ("mobilenet_v3_small", {}),
    "regnet_y_400mf": ("regnet_y_400mf", {}),
    "resnet18": ("resnet18", {}),
    "resnet50": ("resnet50", {}),
    "resnet50__num_classes_10": ("resnet50", {"classes": 10}),
    "resnext50_32x4d": ("resnext50_32x4d", {}),
    "shufflenet_v2_x1_0": ("shufflenet_v2_x1_0", {}),
    "squeezenet1_0": ("squeezenet1_0", {}),
    "squeezenet1_1": ("squeezenet1_1", {}),
    "vgg11": ("vgg11", {}),
    "vgg16": ("vgg16", {}),
    "vgg19_bn": ("vgg19_bn", {}),
    "vit_b_16": ("vit_b_16", {}),
    "wide_resnet50_2": ("wide_resnet50_2", {}),
}
"""Each record, and its bundled network and variables."""


@pytest.mark.parametrize("record", some(RECORDS, 10))
def test_agrees_with_torchvision_layer_by_layer(record: str) -> None:
    name, variables = RECORDS[record]
    assert compare(shapecalc.load(name, vars=variables).infer(), read(record)) == []


def test_every_record_is_compared() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(RECORDS)


def _call(model: dict[str, Any], path: str, word: str = "") -> dict[str, Any]:
    return next(
        call for call in model["calls"] if call["path"] == path and word in call.get("cls", "") + call.get("fn", "")
    )


def _other_size(model: dict[str, Any]) -> None:
    _call(model, "layer1.0.conv1")["out_shape"][2] += 1


def _other_kernel(model: dict[str, Any]) -> None:
    _call(model, "layer2.1.conv2")["weight"] = [128, 128, 1, 9]  # the same number of elements, and of MACs


def _other_kind(model: dict[str, Any]) -> None:
    _call(model, "layer3.0.relu")["cls"] = "SiLU"


def _other_params(model: dict[str, Any]) -> None:
    _call(model, "bn1")["params"] += 64


def _layer_left_out(model: dict[str, Any]) -> None:
    missing = _call(model, "layer1.1.bn2")
    model["calls"].remove(missing)
    (old,), (new,) = missing["out_ids"], missing["in_ids"]
    for call in model["calls"]:
        for end in ("in_ids", "out_ids"):
            call[end] = [new if tensor == old else tensor for tensor in call[end]]


def _layer_added(model: dict[str, Any]) -> None:
    model["calls"].insert(0, copy.deepcopy(_call(model, "layer1.0.relu")) | {"in_ids": [0], "out_ids": [0]})


def _shortcut_from_elsewhere(model: dict[str, Any]) -> None:
    """Connect the second block's shortcut to the input of the first one's: all sizes and counts are unchanged."""
    _call(model, "layer1.1", "add_")["in_ids"][1] = _call(model, "layer1.0.conv1")["in_ids"][0]


def _other_input(model: dict[str, Any]) -> None:
    model["input"][2] = 225


def _other_macs(model: dict[str, Any]) -> None:
    model["macs"] -= 1


def _other_buffers(model: dict[str, Any]) -> None:
    model["buffers"] += 1


@pytest.mark.parametrize(
    "change",
    [
        _other_size, _other_kernel, _other_kind, _other_params, _layer_left_out, _layer_added,
        _shortcut_from_elsewhere, _other_input, _other_macs, _other_buffers,
    ],
)  # fmt: skip
def test_the_comparison_detects_differences(change: Callable[[dict[str, Any]], None]) -> None:
    model = read("resnet18")
    change(model)
    found = compare(shapecalc.load("resnet18").infer(), model)
    assert found
    assert len(found) <= 4, "what only follows from a difference is not told as well"


def test_the_comparison_detects_another_order_of_branches() -> None:
    model = read("googlenet__aux_logits_False")
    _call(model, "inception3a", "cat")["in_ids"].reverse()
    assert len(compare(shapecalc.load("googlenet").infer(), model)) == 2


def test_the_order_of_a_sum_does_not_matter() -> None:
    model = read("resnet18")
    _call(model, "layer1.0", "add_")["in_ids"].reverse()
    assert compare(shapecalc.load("resnet18").infer(), model) == []


def test_a_record_has_all_compared_fields() -> None:
    call = {"path": "conv1", "cls": "Conv2d", "in_ids": [0], "out_ids": [1], "out_shape": [1, 8, 4, 4], "params": 80}
    printed = {"kind": "module", "hyper": {"bias": True}, "param_shapes": {"weight": [8, 1, 3, 3], "bias": [8]}}
    full = {"model": "one", "params": 80, "calls": [{**call, **printed, "in_shapes": [[1, 1, 6, 6]], "macs": 1152}]}
    kept = {**call, "in_shapes": [[1, 1, 6, 6]], "macs": 1152, "weight": [8, 1, 3, 3]}
    assert trimmed(full) == {**full, "calls": [kept]}
