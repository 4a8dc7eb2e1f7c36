"""Small devices: figures of the MCUNet papers, regions against receptive fields, folding against its definition."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from running import run

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.model.graph import Reference
from shapecalc.questions.memory.small_devices.folding import fold_norms
from shapecalc.questions.memory.small_devices.regions import divided, regions_of
from shapecalc.questions.memory.small_devices.stage_search import read_patches

KIB = 1024
INT8 = {"weights": 8, "activations": 8}
MOBILENET = shapecalc.load("mobilenet_v2")


def network(layers, size="4x8x8", **rest):
    return shapecalc.load({"input": [int(n) for n in size.split("x")], "layers": layers, **rest})


def conv(out, kernel, **rest):
    return {"conv": {"out_channels": out, "kernel_size": kernel, **rest}}


# The papers.


def test_mobilenet_v2_as_in_mcunet_v2():
    """Lin et al. 2021 (arXiv:2110.15352), figure 1: 1,372 kB in int8; 196 KiB in and 1,176 KiB out of one layer."""
    found = MOBILENET.memory(**INT8, in_place="all,depthwise")
    assert found.activations.peak == 1_372 * KIB == (16 + 96) * 112 * 112
    assert found.activations.at == "stage2.0.expand.conv1"
    with_residuals = MOBILENET.memory(**INT8, in_place="all,depthwise,residual", fold_batch_norm=True)
    assert with_residuals.activations.peak == 1_372 * KIB
    without = MOBILENET.memory(**INT8)
    assert without.activations.peak == 1_470 * KIB == 96 * (112 * 112 + 56 * 56)
    assert without.activations.at == "stage2.0.depthwise.conv1"


def test_mobilenet_v2_in_patches():
    """Their 4×4 patches: 172 kB is the depthwise convolution at 28×28, beside the shortcut that waits meanwhile.

    So count the authors themselves: `count_peak_activation_size` of github.com/mit-han-lab/mcunet leaves the shortcut out
    while the block narrows ("can we omit the residual here? reuse the output?").
    """
    found = MOBILENET.memory(**INT8, in_place="all,depthwise,residual", fold_batch_norm=True, patches="4x4,stage3.0")
    waiting, inside = 32 * 28 * 28, 6 * 32 * 28 * 28
    assert found.activations.peak == found.patches.rest == waiting + inside + 28 * 28
    assert round(found.activations.peak / KIB) == round((waiting + inside) / KIB) == 172
    assert found.activations.at == "stage3.1.depthwise.conv1"
    apart = MOBILENET.memory(**INT8, in_place="all,depthwise", fold_batch_norm=True, patches="4x4,stage3.0")
    assert apart.activations.peak == waiting + inside + waiting == 196 * KIB
    assert apart.activations.at == "stage3.1.project"
    assert found.patches.input == (3, 75, 75)
    assert found.patches.stage < found.patches.rest
    assert found.patches.macs < found.patches.macs_in_patches < 1.5 * found.patches.macs
    chosen = MOBILENET.memory(**INT8, in_place="all,depthwise,residual", fold_batch_norm=True, patches="4x4")
    assert chosen.activations.peak <= found.activations.peak


# Depthwise convolutions in place.


def test_a_depthwise_convolution_overwrites_its_input_by_channel():
    """The input, and one channel of the output: N + 1 channels in place of 2N (MCUNet, Lin et al. 2020, figure 5)."""
    layers = [conv(16, 1), conv(16, 3, padding=1, groups=16), conv(2, 1)]
    plain = network(layers).memory(**INT8)
    assert plain.activations.peak == 2 * 16 * 64
    found = network(layers).memory(**INT8, in_place="depthwise")
    assert [layer.live for layer in found.layers] == [(4 + 16) * 64, (16 + 1) * 64, (16 + 2) * 64]
    assert found.layers[1].overwrites == "conv1"
    batch = network(layers).memory(**INT8, in_place="depthwise", batch=3)
    assert [layer.live for layer in batch.layers] == [3 * 20 * 64, (3 * 16 + 1) * 64, 3 * 18 * 64]


def test_with_a_stride_the_input_stays_until_all_channels_are_done():
    layers = [conv(16, 1), conv(16, 3, padding=1, groups=16, stride=2), conv(2, 1)]
    found = network(layers).memory(**INT8, in_place="depthwise")
    assert [layer.live for layer in found.layers] == [(4 + 16) * 64, 16 * 64 + 16, (16 + 2) * 16]


@pytest.mark.parametrize("other", [
    conv(16, 3, padding=1, groups=8),
    conv(32, 3, padding=1, groups=16),
    conv(16, 3, padding=1),
    {"max_pool": {"kernel_size": 3, "padding": 1, "stride": 1}},
])  # fmt: skip
def test_no_other_layer_works_by_channel(other):
    layers = [conv(16, 1), other, conv(2, 1)]
    assert network(layers).memory(**INT8, in_place="depthwise") == network(layers).memory(
        **INT8, in_place="none"
    )._replace(in_place=("depthwise",))


def test_keras_depthwise_kinds_work_by_channel():
    layers = [conv(16, 1), {"depthwise_conv": {"kernel_size": 3, "padding": 1}}, conv(2, 1)]
    assert network(layers).memory(**INT8, in_place="depthwise").layers[1].live == 17 * 64
    layers[1]["depthwise_conv"]["depth_multiplier"] = 2
    assert network(layers).memory(**INT8, in_place="depthwise").layers[1].live == 48 * 64


def test_an_input_that_is_read_again_is_not_overwritten():
    layers = [conv(16, 1), {"add": [[conv(16, 3, padding=1, groups=16)], []]}]
    assert network(layers).memory(**INT8, in_place="all,depthwise").activations.peak == 2 * 16 * 64


def test_depthwise_goes_with_all_or_alone():
    for words in ("none,depthwise", "all,relu", "all,depthwise,relu"):
        with pytest.raises(UsageError, match="in place"):
            network([conv(2, 1)]).memory(in_place=words)
    assert "depthwise convolutions, by channel, run in place" in " ".join(
        str(network(["relu"]).memory(in_place="all,depthwise")).split()
    )
    layers = [conv(16, 1), conv(16, 3, padding=1, groups=16), conv(2, 1)]
    with pytest.raises(UsageError, match="best order"):
        network(layers).memory(in_place="depthwise", order="best")
    trained = network(layers).memory(in_place="depthwise", training=True).training
    assert trained == network(layers).memory(in_place="none", training=True).training, "its input is saved"


# Folding.


def test_folding_leaves_a_bias_in_place_of_a_normalisation():
    layers = [conv(8, 3, bias=False), "batch_norm", "relu", {"linear": 5}]
    net = network(layers)
    report = net.infer()
    folded = fold_norms(report.graph)
    assert [node.name for node in folded.nodes] == ["conv1", "relu1", "linear1"]
    found = net.memory(fold_batch_norm=True)
    assert found.buffers == 0
    assert found.weights == 4 * (8 * 4 * 9 + 8 + 6 * 5 + 5)
    assert found.placement.folded == 1
    assert net.memory().weights - found.weights == 4 * 8, "a weight and a bias for each channel, for one bias"
    assert [layer.name for layer in found.layers] == ["conv1", "relu1", "linear1"]


def test_parameters_of_folded_networks():
    """Each of C channels of a normalisation has a weight and a bias; a bias of the convolution takes their place."""
    for name, norms, channels in (("mobilenet_v2", 52, 17_056), ("resnet18", 20, 4_800), ("resnet50", 53, 26_560)):
        net = shapecalc.load(name)
        found = net.memory(fold_batch_norm=True)
        assert found.placement.folded == norms
        assert found.weights == 4 * (net.infer().total.params - channels)
        assert found.buffers == 0


@pytest.mark.parametrize(("layers", "folded"), [
    (["batch_norm", conv(4, 1)], 0),  # nothing before it
    ([conv(4, 1), "relu", "batch_norm"], 0),
    ([conv(4, 1), {"batch_norm": {"track_running_stats": False}}], 0),
    ([conv(4, 1), "instance_norm"], 0),
    ([{"max_pool": 2}, "batch_norm"], 0),
    ([{"name": "c", **conv(4, 1)}, "batch_norm", {"add": "c"}], 0),
    ([conv(4, 1, parametrization="weight_norm"), "batch_norm"], 0),
    ([conv(4, 1), "batch_norm", "batch_norm"], 1),
    ([conv(4, 1), "batch_norm", conv(4, 1), "batch_norm"], 2),
    ([{"transposed_conv": {"out_channels": 4, "kernel_size": 2}}, "batch_norm"], 1),
    ([{"depthwise_conv": {"kernel_size": 2}}, "batch_norm"], 1),
])  # fmt: skip
def test_what_is_folded(layers, folded):
    assert network(layers).memory(fold_batch_norm=True).placement.folded == folded


def test_shared_convolutions_are_not_folded():
    layers = [conv(4, 1), "batch_norm", {"conv": {"out_channels": 4, "kernel_size": 1}, "share": "conv1"}, "batch_norm"]
    assert network(layers).memory(fold_batch_norm=True).placement.folded == 0


# Flash and SRAM.


def test_flash_of_integers_has_biases_of_32_bits_and_scales():
    net = network([conv(8, 3), {"linear": 5}])
    flash = net.memory(**INT8, flash="1MiB").placement.flash
    assert (flash.weights, flash.biases, flash.scales) == (8 * 4 * 9 + 6 * 5, 4 * (8 + 5), 4 * (8 + 5))
    wide = net.memory(flash="1MiB").placement.flash
    assert (wide.weights, wide.biases, wide.scales) == (4 * (8 * 4 * 9 + 6 * 5), 4 * 13, 0)
    assert wide.total == net.memory().weights
    narrow = net.memory(weights=4, activations=8, flash="1MiB").placement.flash
    assert (narrow.weights, narrow.biases, narrow.scales) == (4 * 4 * 9 + 3 * 5, 4 * 13, 4 * 13)


@pytest.mark.parametrize(("flash", "sram", "fits"), [
    (None, None, True), (3_614_208, 1_404_928, True), (3_614_207, 1_404_928, False), (3_614_208, 1_404_927, False),
    (None, "2MiB", True), ("1MiB", None, False),
])  # fmt: skip
def test_budgets(flash, sram, fits):
    found = MOBILENET.memory(**INT8, in_place="all,depthwise", fold_batch_norm=True, flash=flash, sram=sram)
    assert found.placement.fits == fits
    assert json.loads(json.dumps(found.to_dict()))["placement"]["flash"]["total"] == 3_614_208


def test_the_exit_status_is_whether_it_fits():
    words = ("memory", "lenet5", "--weights", "8", "--activations", "8")
    fits = run(*words, "--flash", "64KiB", "--sram", "8KiB")
    assert (fits.status, fits.err) == (0, "")
    ran = run(*words, "--flash", "64KiB", "--sram", "1KiB", columns=80)
    assert ran.status == 1
    assert "no: " in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert run(*words, "--sram", "1KiB", "--format", "json").status == 1
    assert run(*words, "--flash", "no").status == 2
    for format_ in ("markdown", "html"):
        assert "SRAM" in run(*words, "--sram", "8KiB", "--format", format_).out


# Regions and patches.


@pytest.mark.parametrize(("name", "layer"), [("alexnet", "conv5"), ("mobilenet_v2", "stage3.0.project"), ("unet", "bottom"),
                                             ("resnet18", "layer2.0.conv2")])  # fmt: skip
def test_the_region_of_one_position_is_its_receptive_field(name, layer):
    report = shapecalc.load(name).infer()
    row = next((row for row in report.rows if row.name == layer), None)
    if row is None:
        row = next(row for row in report.rows if row.kind == "conv" and row.output_shapes[0][0] >= 8)
    index = report.rows.index(row)
    fields = shapecalc.load(name).receptive_field()
    shape = row.sizing.outputs[0]
    spatial = [axis for axis in range(shape.rank) if axis != shape.channel_axis]
    for place in ((0, 0), (3, 5), tuple(shape.sizes[axis] - 1 for axis in spatial)):
        patch = [range(size) for size in shape.sizes]
        for axis, position in zip(spatial, place, strict=True):
            patch[axis] = range(position, position + 1)
        found = regions_of(report, index, tuple(patch))[Reference(-1)]
        (source,) = report.graph.inputs.values()
        seen = [found[axis] for axis in range(source.rank) if axis != source.channel_axis]
        expected = [(region.first, region.last) for region in fields.region(row.name, place)]
        assert [(part.start, part.stop - 1) for part in seen] == expected


def test_patches_cover_a_map_once():
    shape = network([conv(2, 1)], "4x7x10").infer().rows[0].sizing.outputs[0]
    for counts in ((1, 1), (2, 3), (7, 10), (3, 4)):
        covered = [(y, x) for region in divided(shape, counts) for y in region[1] for x in region[2]]
        assert sorted(covered) == [(y, x) for y in range(7) for x in range(10)]


def test_patches_by_hand():
    """Two 3×3 convolutions of 8×8, in patches of 4×4: 6×6 and 5×5 (of it) at the borders."""
    layers = [conv(6, 3, padding=1), conv(2, 3, padding=1), conv(1, 1)]
    found = network(layers).memory(**INT8, patches="2x2,conv2", in_place="none")
    assert found.patches.input == (4, 6, 6), "4 positions, one more for each window inside the map"
    first = 4 * 36 + 6 * 25  # the input of a corner's patch, and what it needs of the first convolution
    second = 6 * 25  # its output goes straight to the buffer
    whole = 2 * 64
    assert found.patches.stage == whole + max(first, second)
    assert found.patches.rest == whole + 64
    assert found.activations.peak == whole + first
    assert found.patches.macs == 64 * (4 * 9 * 6 + 6 * 9 * 2)
    assert found.patches.macs_in_patches == 4 * (25 * 4 * 9 * 6 + 16 * 6 * 9 * 2)


def test_one_patch_computes_nothing_twice():
    found = network([conv(6, 3, padding=1), conv(2, 3, padding=1), conv(1, 1)]).memory(**INT8, patches="1x1,conv2")
    assert found.patches.macs == found.patches.macs_in_patches
    assert found.patches.input == (4, 8, 8)


def test_a_layer_that_sees_everything_makes_patches_useless():
    layers = [conv(6, 3, padding=1), {"mul": [[{"adaptive_avg_pool": 1}, conv(6, 1)], []]}, conv(2, 1), conv(1, 1)]
    found = network(layers).memory(**INT8, patches="2x2,conv3", in_place="none")
    assert found.patches.input == (4, 8, 8)


@pytest.mark.parametrize("grid", ["2x2", "3x3", "4x4", "6x6", "8x8"])
@pytest.mark.parametrize("words", ["none", "all,depthwise,residual"])
def test_no_other_stage_has_a_lower_peak(grid, words):
    layers = [conv(8, 3, stride=2, padding=1), {"add": [[conv(8, 3, padding=1), conv(8, 1)], []]}, "relu",
              conv(12, 3, stride=2, padding=1), conv(16, 5, padding=2), {"max_pool": {"kernel_size": 2}}, "relu", {"fc": 3}]  # fmt: skip
    net = network(layers, "3x72x72")
    peaks = {}
    for row in net.infer().rows:
        with contextlib.suppress(UsageError):
            peaks[row.name] = net.memory(**INT8, in_place=words, patches=f"{grid},{row.name}").activations.peak
    chosen = net.memory(**INT8, in_place=words, patches=grid)
    assert chosen.activations.peak == min(peaks.values()) == peaks[chosen.patches.end]
    assert len(peaks) > 3


@pytest.mark.slow
def test_patches_by_themselves():
    """Without a budget the lowest peak, in few patches; within one the fewest patches that fit."""
    options = {**INT8, "in_place": "all,depthwise,residual", "fold_batch_norm": True}
    grids = ["2x2", "3x3", "4x4", "5x5", "6x6", "8x8"]
    peaks = {grid: MOBILENET.memory(**options, patches=grid).activations.peak for grid in grids}
    lowest = min(grids, key=peaks.__getitem__)
    for sram, grid in (
        (None, lowest),
        ("100KiB", lowest),
        (peaks["3x3"], "3x3"),
        (peaks["3x3"] - 1, "4x4"),
        ("1MiB", "2x2"),
    ):
        found = MOBILENET.memory(**options, patches="auto", sram=sram)
        assert "x".join(map(str, found.patches.counts)) == grid, sram
        assert found.activations.peak == peaks[grid]
    assert MOBILENET.memory(**options, patches="auto,stage2").patches.end == "stage2.1.add1"
    assert network([conv(6, 3, padding=1), conv(2, 3, padding=1)], "4x32").memory(patches="auto").patches.counts[0] > 1


@pytest.mark.parametrize(("given", "words"), [
    ("auto,nowhere", "has no layer nowhere"), ("auto,classifier", "has no 1 spatial axes"),
    ("auto,stage2.1.expand.conv1", "which is inside the stage"),
])  # fmt: skip
def test_stages_that_no_grid_divides(given, words):
    with pytest.raises(UsageError, match=words):
        MOBILENET.memory(**INT8, patches=given)


# What to change.


@pytest.mark.slow
def test_what_to_change_where_it_does_not_fit():
    found = MOBILENET.memory(**INT8, flash="2MiB", sram="256KiB")
    for change in found.placement.changes:
        options = dict(option.removeprefix("--").split(" ") for option in change.options if " " in option)
        assert "--fold-batch-norm" in change.options
        again = MOBILENET.memory(
            **{**INT8, "fold_batch_norm": True, **{name.replace("-", "_"): value for name, value in options.items()}}
        )
        needs = {"flash": again.weights, "sram": again.activations.peak}[change.part]
        assert change.bytes == needs if change.part == "sram" else change.bytes >= needs
        assert change.fits
    assert [change.part for change in found.placement.changes] == ["flash", "sram"]
    text = " ".join(str(found).split())
    assert "With --fold-batch-norm --weights 4 flash needs 1.79 MiB, which fits." in text
    assert (
        "With --fold-batch-norm --in-place all,depthwise,residual --patches 3x3 SRAM needs 246 KiB, which fits." in text
    )
    assert json.loads(json.dumps(found.to_dict()))["placement"]["changes"][1]["fits"]


@pytest.mark.slow
def test_the_smallest_change_is_shown():
    """In-place layers are enough for 1,400 KiB, 8-bit activations come last; a network without norms folds none."""
    (change,) = MOBILENET.memory(**INT8, sram="1400KiB").placement.changes
    assert change.options == ("--in-place all,depthwise,residual",)
    (change,) = MOBILENET.memory(sram="300KiB").placement.changes
    assert change.options[-1] == "--activations 8"
    (change,) = network([conv(8, 3), "relu", {"linear": 5}]).memory(flash=600).placement.changes
    assert change.options == ("--weights 8",)


@pytest.mark.slow
def test_where_nothing_helps():
    found = shapecalc.load("gpt2").memory(weights=4, activations=8, context=512, sram="1MiB", flash="1MiB")
    assert found.placement.changes == ()
    text = " ".join(str(found).split())
    assert "Folding and weights of 4 bits do not lower what flash needs" in text
    assert "do not lower what SRAM needs: use a smaller network or input, or a shorter context." in text
    (change,) = MOBILENET.memory(**INT8, sram="10KiB").placement.changes
    assert not change.fits
    assert "which does not fit either" in " ".join(str(MOBILENET.memory(**INT8, sram="10KiB")).split())


def test_one_axis():
    found = network([conv(6, 3, padding=1), conv(2, 3, padding=1)], "4x32").memory(**INT8, patches="4,conv2")
    assert found.patches.input == (4, 12)
    assert read_patches("4x4,stage3") == ((4, 4), "stage3")
    assert read_patches([2, 3]) == ((2, 3), "")
    assert read_patches("2×2") == ((2, 2), "")


@pytest.mark.parametrize(("given", "words"), [
    ("4", "has no 1 spatial axes"), ("", "patches are"), ("0x4", "patches are"), ("4x4x", "patches are"),
    ("999x4", "patches are"), ("x", "patches are"), (3, "patches are"), ("4x4,nowhere", "has no layer nowhere"),
    ("16x16,stage7", "are more than the positions"), ("2x2,classifier", "has no 2 spatial axes"),
    ("2x2,stage2.1.expand.conv1", "which is inside the stage"),
])  # fmt: skip
def test_patches_that_cannot_be(given, words):
    with pytest.raises(UsageError) as error:
        MOBILENET.memory(**INT8, patches=given if given != "4" else "4,stage3.0")
    assert words in str(error.value)


@pytest.mark.parametrize("options", [
    {"patches": "2x2", "training": True}, {"flash": "1MiB", "optimizer": "adam"}, {"fold_batch_norm": True, "mixed_precision": True},
    {"patches": "2x2", "order": "best"}, {"patches": "2x2", "budget": "1MiB"}, {"sram": "x"}, {"sram": -3}, {"flash": 0.5},
    {"fold_batch_norm": 3},
])  # fmt: skip
def test_options_that_contradict_each_other(options):
    with pytest.raises(UsageError):
        MOBILENET.memory(**options)


def test_a_network_without_maps_has_no_stage():
    with pytest.raises(UsageError, match="no stage can run in patches"):
        network([{"linear": 3}], "8").memory(patches="2x2")


NAMED = {"q8_0": (69_632, 1_024), "nf4": (36_864, 512), "awq-g128": (34_048, 512), "fp16": (131_072, 512)}


@pytest.mark.parametrize(("format_", "weights", "biases"), [(name, *sizes) for name, sizes in NAMED.items()])
def test_named_formats_have_their_own_scales(format_, weights, biases):
    """256 rows of 8 blocks of 34 bytes (ggml-common.h); 1,024 scales of fp32; 512 scales of 16 bits, zeros of 4."""
    net = shapecalc.load({"input": [256], "layers": [{"linear": 256}]})
    found = net.memory(weights=format_, flash="1MiB")
    assert found.placement.flash[:4] == (weights, biases, 0, 0)
    assert found.placement.flash.total == found.weights


def test_each_layer_is_split_by_its_own_format():
    net = shapecalc.load({"input": [256], "layers": [{"linear": 256, "name": "a"}, {"linear": 256, "name": "b"}]})
    found = net.memory(weights="q8_0", weights_of=["b=8"], flash="1MiB")
    assert found.placement.flash[:4] == (69_632 + 65_536, 1_024 + 1_024, 1_024, 0)
    with pytest.raises(UsageError, match="is named c"):
        net.memory(weights="q8_0", weights_of=["c=8"], flash="1MiB")


def test_sram_holds_the_cache():
    found = shapecalc.load("gpt2").memory(weights=8, activations=8, context=512, sram="1MiB")
    sram = found.placement.sram
    assert sram.cache == found.context.bytes == 512 * 12 * 2 * 768  # keys and values of 12 layers
    assert sram.total == sram.activations + sram.cache
    assert not sram.fits
    assert sram.activations < 2**20
    text = found.render(width=100)
    assert "  KV cache, 512 past tokens" in text
    assert "SRAM: activations, and what the decoder caches." in " ".join(text.split())
    assert found.to_dict()["placement"]["sram"]["cache"] == sram.cache


def test_the_cache_decides_the_exit_status():
    asked = ("memory", "gpt2", "--weights", "8", "--activations", "8", "--sram", "8MiB")
    assert run("memory", *asked[1:], "--context", "64").status == 0
    assert run("memory", *asked[1:], "--context", "512").status == 1


@pytest.mark.parametrize("given", ["4", "4,stage3.0"])
def test_one_number_of_patches_is_to_be_two(given):
    with pytest.raises(UsageError) as error:
        MOBILENET.memory(**INT8, patches=given)
    assert error.value.problems[0].hint == "write 4x4"
