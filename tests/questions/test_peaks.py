"""Live memory as eager PyTorch runs (`--in-place torch`), against its own peaks (data/peaks.json)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from record_peaks import NETWORKS, record

import shapecalc

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "peaks.json").read_text(encoding="utf-8"))["peaks"]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_is_that_of_eager_pytorch(name: str) -> None:
    spec, size, _ = NETWORKS[name]
    found = shapecalc.load(spec, input=size).memory(in_place="torch")
    assert found.activations.peak == RECORDED[name]
    assert found.in_place == ("torch",)


def test_what_pytorch_holds_is_more_than_what_is_needed() -> None:
    spec, size, _ = NETWORKS["resnet18"]
    network = shapecalc.load(spec)
    peaks = [network.memory(input=size, in_place=words).activations.peak for words in ("all", "none", "torch")]
    assert peaks == sorted(set(peaks))


def test_the_inputs_of_modules_are_alive_in_training_too() -> None:
    frozen = {"conv": {"out_channels": 50, "kernel_size": 1}, "frozen": True}
    network = shapecalc.load([{"max_pool": 3}, frozen], input="4x9x9")
    peaks = [network.memory(training=True, in_place=words).training.peak for words in ("torch", "none")]
    assert peaks == [(4 * 81 + 4 * 9 + 50 * 9) * 4, (4 * 9 + 50 * 9) * 4]
    network = shapecalc.load(NETWORKS["resnet18"][0])
    kept = [network.memory(training=True, in_place=words).training.kept for words in ("torch", "none")]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("options", [{"in_place": "torch,relu"}, {"in_place": "torch", "order": "best"}])
def test_torch_is_a_choice_of_its_own(options: dict[str, str]) -> None:
    with pytest.raises(shapecalc.UsageError):
        shapecalc.load("lenet5").memory(**options)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_the_record_agrees_with_the_installed_pytorch() -> None:
    pytest.importorskip("torch")
    assert record() == RECORDED


def test_the_input_of_a_block_is_released_when_it_returns() -> None:
    wide, narrow = ({"conv": {"out_channels": channels, "kernel_size": 1}} for channels in (64, 4))
    spec = {"input": "4x8x8", "layers": [wide, {"block": None, "name": "block"}, wide],
            "blocks": {"block": {"layers": [narrow, narrow]}}}  # fmt: skip
    found = shapecalc.load(spec).memory(in_place="torch").activations
    assert (found.peak, found.at) == ((4 + 64 + 4 + 4) * 8 * 8 * 4, "block.conv2")  # the network's input, the block's
