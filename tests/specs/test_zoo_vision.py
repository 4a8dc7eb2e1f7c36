"""The convolutional families of the zoo against torchvision's documentation, Keras and the papers.

Their expectations are tested in `test_specs.py`, their layers against torchvision in `test_torchvision_models.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

FAMILIES = (
    "convnext", "densenet", "efficientnet", "inception", "mnasnet", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3",
    "regnet", "resnet", "resnet_keras", "shufflenet_v2",
)  # fmt: skip
MEMBERS = [member for path, member in bundled_members() if os.path.basename(path).removesuffix(".yaml") in FAMILIES]

# torchvision's documentation: parameters, and its GFLOPS (10⁹ MACs) to three decimal places.
DOCUMENTED = {
    "convnext_base": (88_591_464, 15.355),
    "convnext_large": (197_767_336, 34.361),
    "convnext_small": (50_223_688, 8.684),
    "convnext_tiny": (28_589_128, 4.456),
    "densenet121": (7_978_856, 2.834),
    "densenet161": (28_681_000, 7.728),
    "densenet169": (14_149_480, 3.36),
    "densenet201": (20_013_928, 4.291),
    "efficientnet_b0": (5_288_548, 0.386),
    "efficientnet_b1": (7_794_184, 0.687),
    "efficientnet_b2": (9_109_994, 1.088),
    "efficientnet_b3": (12_233_232, 1.827),
    "efficientnet_b4": (19_341_616, 4.394),
    "efficientnet_b5": (30_389_784, 10.266),
    "efficientnet_b6": (43_040_704, 19.068),
    "efficientnet_b7": (66_347_960, 37.746),
    "efficientnet_v2_l": (118_515_272, 56.08),
    "efficientnet_v2_m": (54_139_356, 24.582),
    "efficientnet_v2_s": (21_458_488, 8.366),
    "mnasnet0_5": (2_218_512, 0.104),
    "mnasnet0_75": (3_170_208, 0.215),
    "mnasnet1_0": (4_383_312, 0.314),
    "mnasnet1_3": (6_282_256, 0.526),
    "mobilenet_v2": (3_504_872, 0.301),
    "mobilenet_v3_large": (5_483_032, 0.217),
    "mobilenet_v3_small": (2_542_856, 0.057),
    "regnet_x_16gf": (54_278_536, 15.941),
    "regnet_x_1_6gf": (9_190_136, 1.603),
    "regnet_x_32gf": (107_811_560, 31.736),
    "regnet_x_3_2gf": (15_296_552, 3.177),
    "regnet_x_400mf": (5_495_976, 0.414),
    "regnet_x_800mf": (7_259_656, 0.8),
    "regnet_x_8gf": (39_572_648, 7.995),
    "regnet_y_128gf": (644_812_894, 127.518),
    "regnet_y_16gf": (83_590_140, 15.912),
    "regnet_y_1_6gf": (11_202_430, 1.612),
    "regnet_y_32gf": (145_046_770, 32.28),
    "regnet_y_3_2gf": (19_436_338, 3.176),
    "regnet_y_400mf": (4_344_144, 0.402),
    "regnet_y_800mf": (6_432_512, 0.834),
    "regnet_y_8gf": (39_381_472, 8.473),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnext101_32x8d": (88_791_336, 16.414),
    "resnext101_64x4d": (83_455_272, 15.46),
    "resnext50_32x4d": (25_028_904, 4.23),
    "shufflenet_v2_x0_5": (1_366_792, 0.04),
    "shufflenet_v2_x1_0": (2_278_604, 0.145),
    "shufflenet_v2_x1_5": (3_503_624, 0.296),
    "shufflenet_v2_x2_0": (7_393_996, 0.583),
    "wide_resnet101_2": (126_886_696, 22.753),
    "wide_resnet50_2": (68_883_240, 11.398),
}


@pytest.mark.parametrize("member", some(MEMBERS, 12))
def test_every_specification_has_expectations(member: str) -> None:
    expectations = {expectation.what.partition(".")[0] for expectation in shapecalc.load(member).graph.expectations}
    assert {"params", "buffers", "macs"} < expectations
    assert expectations & {"output", "outputs"}


@pytest.mark.parametrize("member", some(DOCUMENTED, 12))
def test_totals_are_those_that_torchvision_documents(member: str) -> None:
    total = shapecalc.load(member).infer().total
    assert (total.params, round(total.macs / 10**9, 3)) == DOCUMENTED[member]


@pytest.mark.parametrize(
    ("member", "printed"),
    [
        ("resnet50_keras", 25_636_712),
        ("resnet101_keras", 44_707_176),
        ("resnet152_keras", 60_419_944),
        ("mobilenet_v1", 4_253_864),
        ("mobilenet_v1_0_75", 2_601_976),
        ("mobilenet_v1_0_5", 1_342_536),
        ("mobilenet_v1_0_25", 475_544),
    ],
)
def test_totals_that_keras_prints_count_running_statistics(member: str, printed: int) -> None:
    total = shapecalc.load(member).infer().total
    assert total.params + total.buffers == printed


@pytest.mark.parametrize(
    ("side", "millions"),
    [(224, 569), (192, 418), (160, 291), (128, 186)],
)
def test_mobilenet_v1_at_the_resolutions_of_its_paper(side: int, millions: int) -> None:
    """Table 7 of Howard et al. 2017, which has 290 for 160: 290.7 cut, where the others are rounded."""
    total = shapecalc.load("mobilenet_v1", input=(3, side, side)).infer().total
    assert round(total.macs / 10**6) == millions


def test_resnet_v1_strides_in_the_first_convolution() -> None:
    """The same weights, on a smaller map: 3.86 against 4.09 thousand million MACs, as Keras and torchvision differ."""
    first = shapecalc.load("resnet50_v1").infer()
    assert first.total == shapecalc.load("resnet50", vars={"stride_in_1x1": True}).infer().total
    assert first["layer2.0.conv1"].output_shapes == [(128, 28, 28)]
    assert shapecalc.load("resnet50").infer()["layer2.0.conv1"].output_shapes == [(128, 56, 56)]
    keras = shapecalc.load("resnet50_keras").infer()
    assert first.total.macs == keras.total.macs
    assert keras.total.params - first.total.params == 26_560  # one bias for each channel of each convolution


def test_caffe_pools_without_padding_and_rounds_up() -> None:
    report = shapecalc.load("resnet50_caffe").infer()
    assert report["max_pool1"].output_shapes == [(64, 56, 56)]


def test_second_classifier_is_switched_off_by_a_variable() -> None:
    whole, used = (shapecalc.load("inception_v3", vars={"aux": aux}).infer() for aux in (True, False))
    assert list(whole.outputs.values()) == [(1000,), (1000,)]
    assert used.total == shapecalc.load("inception_v3_no_aux").infer().total


def test_regnet_widths_follow_the_papers_rule() -> None:
    """Radosavovic et al. 2020, equations 2 to 4: widths on a line, taken to steps, made multiples of the group width."""
    from math import log

    rules = {  # depth, w_0, w_a, w_m, group width: the figures in torchvision's constructors
        "regnet_y_400mf": (16, 48, 27.89, 2.09, 8),
        "regnet_y_32gf": (20, 232, 115.89, 2.53, 232),
        "regnet_x_8gf": (23, 80, 49.56, 2.88, 120),
        "regnet_x_32gf": (23, 320, 69.86, 2.0, 168),
    }
    for member, (depth, start, slope, step, group) in rules.items():
        widths = []
        for block in range(depth):
            steps = round(log((start + slope * block) / start) / log(step))
            width = round(start * step**steps / 8) * 8
            few = min(group, width)
            rounded = max(few, int(width + few / 2) // few * few)
            widths.append(rounded + few if rounded < 0.9 * width else rounded)
        variables = shapecalc.load(member).graph.variables
        stages = [
            width for width, count in zip(variables["widths"], variables["depths"], strict=True) for _ in range(count)
        ]
        assert stages == widths, member


def test_the_documented_reconciliation_of_resnet50() -> None:
    """Each line of the table in docs/conventions.md, from the two networks themselves."""
    ours = {line.name: line.total for line in shapecalc.load("resnet50").infer().lines(1) if line.total.params}
    theirs = {line.name: line.total for line in shapecalc.load("resnet50_keras").infer().lines(1) if line.total.params}
    document = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
    assert len(ours) == len(theirs) == 7
    for (name, mine), (other, keras) in zip(ours.items(), theirs.items(), strict=True):
        cells = [name, mine.params, keras.params - mine.params, keras.buffers, keras.params + keras.buffers, other]
        line = " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
        assert f"| {line} |" in document
