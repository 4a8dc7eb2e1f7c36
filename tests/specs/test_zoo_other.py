"""Vision transformers, segmentation, detection, video, audio and the rest of the zoo: totals known elsewhere, and laws.

(That every member meets its expectations is tested in `test_specs`, ViT and FCN layer by layer in
`test_torchvision_models`.)
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

import shapecalc

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc import Report

# torchvision 0.28's metadata: parameters, and thousand million MACs rounded to three places.
DOCUMENTED = {
    "vit_b_16": (86_567_656, 17.564),
    "vit_b_32": (88_224_232, 4.409),
    "vit_l_16": (304_326_632, 61.555),
    "vit_l_32": (306_535_400, 15.378),
    "vit_h_14": (632_045_800, 167.295),
    "swin_t": (28_288_354, 4.491),
    "swin_s": (49_606_258, 8.741),
    "swin_b": (87_768_224, 15.431),
    "swin_v2_t": (28_351_570, 5.94),
    "swin_v2_s": (49_737_442, 11.546),
    "swin_v2_b": (87_930_848, 20.325),
    "maxvit_t": (30_919_624, 5.558),
    "ssd300_vgg16": (35_641_826, 34.858),
    "r3d_18": (33_371_472, 40.697),
    "mc3_18": (11_695_440, 43.343),
    "r2plus1d_18": (31_505_325, 40.519),
}


def infer(name: str, **overrides: Any) -> Report:
    return shapecalc.load(name).infer(**overrides)


@pytest.mark.parametrize("name", some(DOCUMENTED, 8))
def test_totals_are_those_that_torchvision_documents(name: str) -> None:
    total = infer(name).total
    assert (total.params, round(total.macs / 10**9, 3)) == DOCUMENTED[name]


# ── vision transformers ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "side", "params", "macs"),
    [
        ("vit_b_16", 384, 86_859_496, 55.484),
        ("vit_l_16", 512, 305_174_504, 361.986),
        ("vit_h_14", 518, 633_470_440, 1016.717),
    ],
)
def test_a_larger_image_is_a_longer_sequence_with_more_positions(
    name: str, side: int, params: int, macs: float
) -> None:
    """torchvision's metadata of its SWAG weights, which are for larger images."""
    total = infer(name, input=(3, side, side)).total
    assert (total.params, round(total.macs / 10**9, 3)) == (params, macs)


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t"])
def test_macs_of_windows_grow_with_the_area(name: str) -> None:
    """Attention inside windows: four times the area, four times the MACs (except for the network that computes v2's biases)."""
    side, once = 224, 768 * 1000  # the input of the last layer is the mean of the map
    if name == "swin_v2_t":
        side = 256
        once += sum(15 * 15 * 512 * (2 + heads) * depth for heads, depth in ((3, 2), (6, 2), (12, 6), (24, 2)))
    small, large = (infer(name, input=(side * n, side * n, 3)).total for n in (1, 2))
    assert large.params == small.params
    assert large.macs - once == 4 * (small.macs - once)


def test_swin_pads_to_whole_windows() -> None:
    report = infer("swin_t", input="250x250x3")
    assert report["stage1.0.attn.window_partition1"].output_shapes == [(81, 49, 96)]  # 62×62 in 9×9 windows
    assert report["stage1.0.attn.window_reverse1"].output_shapes == [(62, 62, 96)]


def test_every_second_block_of_swin_is_shifted() -> None:
    rows = infer("swin_t").rows
    rolled = Counter(row.name.split(".attn")[0] for row in rows if row.kind == "roll")
    assert sorted(rolled) == ["stage1.1", "stage2.1", "stage3.1", "stage3.3", "stage3.5", "stage4.1"]
    assert set(rolled.values()) == {2}


# ── segmentation ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_unet_is_figure_1() -> None:
    report = infer("unet")
    assert [report[f"down{n}.conv2"].output_shapes[0] for n in (1, 2, 3, 4)] == [
        (64, 568, 568), (128, 280, 280), (256, 136, 136), (512, 64, 64),
    ]  # fmt: skip
    assert report["bottom.conv2"].output_shapes == [(1024, 28, 28)]
    assert [report[f"up{n}.concat1"].output_shapes[0] for n in (4, 3, 2, 1)] == [
        (1024, 56, 56), (512, 104, 104), (256, 200, 200), (128, 392, 392),
    ]  # fmt: skip
    assert report.outputs == {"score": (2, 388, 388)}


@pytest.mark.parametrize("side", [188, 252, 572, 700])
def test_unet_outputs_184_less_than_any_legal_size(side: int) -> None:
    """Valid convolutions: the sizes that stay even on the way down are 16·k + 12."""
    assert infer("unet", input=(1, side, side)).outputs == {"score": (2, side - 184, side - 184)}


def test_unet_rejects_an_odd_side() -> None:
    with pytest.raises(shapecalc.ShapeError, match="differ along height"):
        infer("unet", input="1x500x500")


def test_padding_changes_no_parameter_of_unet() -> None:
    valid, padded = infer("unet"), infer("unet_padded")
    assert valid.total.params == padded.total.params == 31_030_658
    assert not [row for row in padded.rows if row.kind == "crop"]
    assert infer("unet_padded", input="1x96x160").outputs == {"score": (2, 96, 160)}


@pytest.mark.parametrize(
    ("name", "params", "buffers", "macs"),
    [
        ("fcn_resnet50", 35_322_218, 54_656, 152_716_512_000),
        ("fcn_resnet101", 54_314_346, 106_880, 232_737_606_400),
        ("deeplabv3_resnet50", 42_004_074, 57_216, 178_721_945_088),
        ("deeplabv3_resnet101", 60_996_202, 109_440, 258_743_039_488),
    ],
)
def test_the_auxiliary_head_is_switched_on_by_a_variable(name: str, params: int, buffers: int, macs: int) -> None:
    """torchvision 0.28 with aux_loss=True, run; the parameters are those of its documentation."""
    report = infer(name, vars={"aux": True})
    assert (report.total.params, report.total.buffers, report.total.macs) == (params, buffers, macs)
    assert report.outputs == {"out": (21, 520, 520), "aux_out": (21, 520, 520)}


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_segmentation_has_the_size_of_its_image(name: str) -> None:
    """torchvision's `_SimpleSegmentationModel` interpolates to `x.shape[-2:]`: also where that is no multiple of 8."""
    assert infer(name, input="3x225x301", vars={"aux": True}).outputs == dict.fromkeys(
        ("out", "aux_out"), (21, 225, 301)
    )


def test_the_dilated_resnet_stays_at_an_eighth() -> None:
    report = infer("deeplabv3_resnet50", input="3x480x640")
    assert report["backbone.layer4.2.conv3"].output_shapes == [(2048, 60, 80)]
    assert report.outputs == {"out": (21, 480, 640)}
    dilations = {row.name: row.arguments.get("dilation") for row in report.rows if row.name.endswith("conv2")}
    assert [dilations[f"backbone.layer{n}.conv2"] for n in ("3.0", "3.1", "4.0", "4.1")] == [
        None,
        [2, 2],
        [2, 2],
        [4, 4],
    ]


# ── detection ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ssd_has_8732_boxes() -> None:
    report = infer("ssd300_vgg16")
    assert report.outputs == {"boxes": (8732, 4), "scores": (8732, 91)}
    maps = [row.input_shapes[0] for row in report.rows if row.name.startswith("head") and row.kind == "conv"]
    assert maps == 2 * [(512, 38, 38), (1024, 19, 19), (512, 10, 10), (256, 5, 5), (256, 3, 3), (256, 1, 1)]


def test_ssd_on_pascal_voc_is_the_papers() -> None:
    """For 21 classes implementations in PyTorch and Keras print 26,285,486 parameters."""
    assert infer("ssd300_vgg16", vars={"classes": 21}).total.params == 26_285_486


def test_yolov3_agrees_with_its_weight_file() -> None:
    """yolov3.weights: 248,007,048 bytes, of which 20 are a header; all others are floats of four bytes."""
    total = infer("yolov3").total
    assert (248_007_048 - 20) // 4 == total.params + total.buffers == 62_001_757


@pytest.mark.parametrize(("side", "billions"), [(320, 38.97), (416, 65.86), (608, 140.69)])
def test_yolov3_agrees_with_its_published_cost(side: int, billions: float) -> None:
    """pjreddie.com/darknet/yolo: operations, two for each multiply-accumulate."""
    assert round(2 * infer("yolov3", input=(3, side, side)).total.macs / 10**9, 2) == billions


def test_yolov3_outputs_three_scales() -> None:
    assert infer("yolov3", vars={"classes": 20}).outputs == {
        "large": (75, 13, 13), "medium": (75, 26, 26), "small": (75, 52, 52),
    }  # fmt: skip


# ── video and audio ───────────────────────────────────────────────────────────────────────────────────────────────


def test_more_frames_cost_more_macs_and_no_parameters() -> None:
    short, long = (infer("r3d_18", input=(3, frames, 112, 112)).total for frames in (16, 32))
    assert short.params == long.params
    fully_connected = 512 * 400
    assert long.macs - fully_connected == 2 * (short.macs - fully_connected)


def test_factored_windows_have_about_as_many_parameters() -> None:
    """Tran et al. 2018, section 3.5: the channels between are chosen to keep the count."""
    whole, factored = infer("r3d_18"), infer("r2plus1d_18")
    one = whole["layer1.0.conv1.conv1"].params
    two = sum(factored[f"layer1.0.conv1.conv{n}"].params for n in (1, 2))
    assert one == two == 110_592


def test_mixed_convolutions_keep_the_number_of_frames() -> None:
    assert infer("mc3_18")["layer4.1.relu2"].output_shapes == [(512, 16, 7, 7)]
    assert infer("r3d_18")["layer4.1.relu2"].output_shapes == [(512, 2, 7, 7)]


@pytest.mark.parametrize("samples", [1, 100, 5117])
def test_wavenet_outputs_every_sample(samples: int) -> None:
    report = infer("wavenet", vars={"samples": samples})
    assert report.outputs == {"score": (256, samples)}
    assert report.total.macs * 16_000 == infer("wavenet").total.macs * samples


def test_the_dilation_of_wavenet_doubles_in_each_layer() -> None:
    rows = {row.name: row for row in infer("wavenet").rows}
    dilations = [rows[f"layer.{i}.filter"].arguments.get("dilation", (1,))[0] for i in range(50)]
    assert dilations == [2**i for i in range(10)] * 5
    assert sum(dilations) + 1 + 1 == 5117, "samples that one answer depends on, with the first convolution's"


@pytest.mark.parametrize(("name", "millions"), [("ds_cnn_s", 5.4), ("ds_cnn_m", 19.8), ("ds_cnn_l", 56.9)])
def test_ds_cnn_agrees_with_hello_edge(name: str, millions: float) -> None:
    """Zhang et al. 2017 (recalled): operations, two for each multiply-accumulate and some for what is not counted here."""
    ours = 2 * infer(name).total.macs / 10**6
    assert 0.97 * millions < ours < millions


def test_ds_cnn_is_mlperf_tinys_under_keras_convention() -> None:
    total = infer("ds_cnn_s", convention="keras").total
    assert total.params == 24_908
    assert infer("ds_cnn_s").total.params == 23_756


# ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_siamese_towers_share_parameters_and_double_macs() -> None:
    report = infer("siamese")
    left, right = ([row for row in report.rows if row.name.startswith(f"{side}_tower.")] for side in ("left", "right"))
    assert [row.macs for row in left] == [row.macs for row in right]
    assert sum(row.params for row in left) == 38_951_745 - 4_097
    assert sum(row.params for row in right) == 0
    assert all(row.shares == other.name for row, other in zip(right, left, strict=True) if other.params)
    assert [row.kind for row in report.rows[-4:]] == ["sub", "abs", "fc", "sigmoid"], "section 3.1: |h₁ − h₂|, weighted"


@pytest.mark.parametrize("side", [28, 32, 64])
def test_an_autoencoder_outputs_the_size_of_its_input(side: int) -> None:
    report = infer("autoencoder", input=(1, side, side))
    assert list(report.outputs.values()) == [(1, side, side)]
    assert report["code"].activations == 64 * (side // 4 - 6) ** 2


def test_dcgan_outputs_the_input_size_of_its_discriminator() -> None:
    """pytorch/examples' dcgan: 3,576,704 and 2,765,568 parameters."""
    generator, discriminator = infer("dcgan_generator"), infer("dcgan_discriminator")
    assert list(generator.outputs.values()) == list(discriminator.inputs.values())
    assert (generator.total.params, discriminator.total.params) == (3_576_704, 2_765_568)


# ── where torchvision is installed ────────────────────────────────────────────────────────────────────────────────

WHOLE = {
    "MultiheadAttention",
    "ShiftedWindowAttention",
    "ShiftedWindowAttentionV2",
    "RelativePositionalMultiHeadAttention",
}
"""torchvision's attention is one layer here, though modules within it have its parameters."""

MODELS: dict[str, Callable[[Any], Any]] = {
    **{
        name: lambda models, name=name: getattr(models, name)()
        for name in DOCUMENTED
        if name.startswith(("vit", "swin", "maxvit"))
    },
    **{name: lambda models, name=name: getattr(models.video, name)() for name in ("r3d_18", "mc3_18", "r2plus1d_18")},
    **{
        name: lambda models, name=name: getattr(models.segmentation, name)(weights_backbone=None)
        for name in ("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101")
    },
    "ssd300_vgg16": lambda models: models.detection.ssd300_vgg16(weights_backbone=None),
}


def _modules(model: Any) -> list[Any]:
    """Return the modules with their own parameters, attention as a whole."""
    if type(model).__name__ in WHOLE or (not list(model.children()) and list(model.parameters())):
        return [model]
    return [found for child in model.children() for found in _modules(child)]


@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_torchvisions_layers_have_these_parameters_and_sizes(name: str) -> None:
    """Every layer with parameters, and their number: the parameters, and the elements of the output."""
    torch = pytest.importorskip("torch")
    from vision_models import models

    theirs: Counter[tuple[int, int]] = Counter()

    def note(module: Any, _inputs: Any, output: Any) -> None:
        given = output[0] if isinstance(output, tuple) else output
        theirs[sum(parameter.numel() for parameter in module.parameters()), given.numel()] += 1

    report = infer(name)
    (sizes,) = (shape.in_layout("CHW") for shape in report.graph.inputs.values())
    with torch.device("meta"), torch.no_grad():
        model = MODELS[name](models).eval()
        for module in _modules(model):
            module.register_forward_hook(note)
        image = torch.zeros(1, *sizes)
        if name.startswith("ssd"):
            model.head(list(model.backbone(image).values()))
        else:
            model(image)
    ours = Counter(
        (row.params, math.prod(row.sizing.outputs[0].sizes))
        for row in report.rows
        if row.params and row.kind not in ("class_token", "position_embedding", "layer_scale")
    )
    assert ours == theirs
