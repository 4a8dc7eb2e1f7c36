"""Pictures of single networks, against the figures of their papers; what is merged, folded, said, and refused."""

from __future__ import annotations

import math
import tracemalloc

import pytest
from scene_laws import around
from searching import FAMILY_ENDS
from test_volumes import Drawn, check_apart, check_edges, check_lengths, drawn, picture_of

import shapecalc
from shapecalc.errors import ShapeError, UsageError
from shapecalc.renderers.pictures.scene import Label
from shapecalc.renderers.pictures.volumes.captions import short_names
from shapecalc.renderers.pictures.volumes.feature_map import Sides
from shapecalc.renderers.pictures.volumes.maps import feature_maps
from shapecalc.renderers.pictures.volumes.places import places_in_row, places_in_u
from shapecalc.renderers.pictures.volumes.scaling import SHORTEST, Lengths


def shown(picture: Drawn) -> list[str]:
    """The sizes on a picture, as papers write them: 55×55×96."""
    texts = [(picture.label("size", i), picture.label("channels", i)) for i in range(len(picture.maps))]
    return ["×".join(filter(None, both)) for both in texts]


def named(picture: Drawn, name: str) -> int:
    return next(i for i, one in enumerate(picture.maps) if one.name == name)


def middle(picture: Drawn, name: str) -> tuple[float, float]:
    outline = around(*picture.silhouettes[named(picture, name)])
    return (outline.left + outline.right) / 2, (outline.top + outline.bottom) / 2


def notes(picture: Drawn) -> str:
    return " ".join(label.text for label in picture.labels if label.key == "notes")


def inferred(tmp_path, text):
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return shapecalc.load(str(path)).infer()


def test_alexnet_is_as_in_its_paper():
    """Krizhevsky, Sutskever & Hinton 2012, section 3.5 and figure 2, without the division into two GPUs."""
    _, picture = picture_of("alexnet")
    assert shown(picture) == [
        "227×227×3", "55×55×96", "27×27×96", "27×27×256", "13×13×256", "13×13×384", "13×13×384", "13×13×256",
        "6×6×256", "4096", "4096", "1000",
    ]  # fmt: skip
    assert picture.captions(1) == ["conv1", "conv 11×11 /4", "+ relu", "34,944 params"]
    assert picture.captions(9) == ["fc1", "fc", "+ relu, dropout", "37,752,832 params"]


@pytest.mark.parametrize(
    ("scale", "length"), [("sqrt", math.sqrt), ("linear", float), ("log", lambda size: math.log2(size + 1))]
)
def test_lengths_are_to_the_scale(scale, length):
    _, picture = picture_of("vgg16", scale=scale)
    whole, other = picture.length(0, "down"), picture.length(named(picture, "pool1"), "down")
    assert other / whole == pytest.approx(length(112) / length(224))
    wide, narrow = (picture.length(named(picture, name), "across") for name in ("conv4_1", "conv3_1"))
    assert wide / narrow == pytest.approx(length(512) / length(256))
    bar = picture.length(named(picture, "fc6"), "down")
    assert wide / bar == pytest.approx(length(512) / length(4096)), "features are as long as channels"


def test_windows_are_drawn_in_their_inputs():
    _, picture = picture_of("alexnet")
    assert sorted(picture.windows) == [(i, i + 1) for i in range(8)]
    window = around(*picture.windows[0, 1].points)
    back = picture.length(0, "back") * math.sqrt(11 / 227)
    assert window.right - window.left == pytest.approx(back)
    assert window.bottom - window.top == pytest.approx(picture.length(0, "down") * math.sqrt(11 / 227) + back)
    rays = [line for line in picture.lines if line.ends == ("0", "1")]
    assert len(rays) == 4
    assert len({ray.end for ray in rays}) == 1


def test_only_a_window_over_the_map_itself_is_drawn(tmp_path):
    text = "input: 3x16x16\nblocks:\n  up:\n    layers: [{upsample: 2}, {conv: {out_channels: 4, kernel_size: 3}}]\n"
    more = "layers: [up, {transposed_conv: {out_channels: 4, kernel_size: 4, stride: 2, padding: 1}}, {conv: {out_channels: 4, kernel_size: 1}}]\n"
    picture = drawn(inferred(tmp_path, text + more))
    assert picture.windows == {}
    assert len(picture.lines) == 3


def test_a_unet_is_a_u_with_its_skips_along_levels():
    """Ronneberger, Fischer & Brox 2015, figure 1: five levels, a skip from left to right in each but the lowest."""
    _, picture = picture_of("unet")
    lefts, rights = ["down1", "down2", "down3", "down4"], ["up1", "up2", "up3", "up4"]
    levels = [middle(picture, name)[1] for name in [*lefts, "bottom"]]
    assert levels == sorted(levels)
    assert len(set(levels)) == 5
    for left, right in zip(lefts, rights, strict=True):
        assert middle(picture, left)[1] == pytest.approx(middle(picture, right)[1])
        ends = (str(named(picture, left)), str(named(picture, right)))
        (arrow,) = [line for line in picture.lines if line.ends == ends]
        assert arrow.start[1] == arrow.end[1]
        assert len(arrow.steps) == 1, "it is straight"
    across = [middle(picture, name)[0] for name in [*lefts, "bottom", *rights[::-1]]]
    assert across == sorted(across)


@pytest.mark.parametrize("name", ["unet", "unet_padded", "autoencoder", "yolov3"])
def test_what_falls_and_rises_is_a_u(name):
    maps = feature_maps(shapecalc.load(name).infer(), 1)
    lanes = [point.lane for point in places_in_u(maps)]
    lowest = lanes.index(max(lanes))
    assert max(lanes) > 1
    assert lanes[:lowest] == sorted(lanes[:lowest])
    assert lanes[lowest:] == sorted(lanes[lowest:], reverse=True)


@pytest.mark.parametrize(
    "name", ["resnet50", "dcgan_generator", "ssd300_vgg16", "mlp", "bert-base-uncased", "fcn_resnet50", "wavenet"]
)
def test_what_only_falls_or_rises_is_no_u(name):
    assert places_in_u(feature_maps(shapecalc.load(name).infer(), 1)) is None


def test_branches_are_in_lanes_below():
    """Szegedy et al. 2015, figure 5: four branches, of 1, 2, 3 and 2 maps, between the same two maps."""
    maps = feature_maps(shapecalc.load("inception_v3").infer(), 2)
    points = places_in_row(maps)
    assert len({*points}) == len(maps)
    begin, end = (
        next(i for i, one in enumerate(maps) if one.name == name) for name in ("max_pool2", "Mixed_5b.concat1")
    )
    between = [points[i] for i in range(begin + 1, end)]
    assert sorted([point.lane for point in between].count(lane) for lane in range(4)) == [1, 2, 2, 3]
    assert points[begin].lane == points[end].lane == 0
    assert all(points[begin].column < point.column < points[end].column for point in between)


def test_long_networks_are_in_rows_of_about_one_length():
    _, picture = picture_of("vgg16")
    back = [line for line in picture.lines if line.end[0] < line.start[0]]
    assert [line.ends for line in back] == [("9", "10")]
    right = [max(around(*picture.silhouettes[i]).right for i in part) for part in (range(10), range(10, 18))]
    assert min(right) > 0.8 * max(right)


def test_layers_that_keep_the_size_belong_to_the_map_before():
    _, picture = picture_of("resnet50", depth="all")
    index = named(picture, "layer1.1.conv3")
    assert picture.captions(index)[1:] == ["conv 1×1", "+ batch_norm, add, relu", "16,896 params"]
    assert len(picture.maps[index].sources) == 2, "the skip connection ends there"
    assert "layer1.0.add1" in {one.name for one in picture.maps}, "a sum of two branches is a map of its own"


def test_merged_maps_have_all_parameters():
    for name in ("resnet50", "alexnet", "unet", "wavenet"):
        for depth in (1, "all"):
            report = shapecalc.load(name).infer()
            assert sum(one.params for one in feature_maps(report, depth)) == report.total.params


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["conv1", "fc"], ["conv1", "fc"]),
        (["Mixed_5b.conv_norm3.conv1", "Mixed_5c.conv_norm3.conv1"], ["…5b.conv_norm3.conv1", "…5c.conv_norm3.conv1"]),
        (["inception_3a.branch2.conv", "inception_3a.branch2_reduce.conv"], ["…3a.branch2.conv", "…3a…2_reduce.conv"]),
        (["layer1.0.downsample.conv1", "layer1.0.conv1", "layer2.0.downsample.conv1"],
         ["…1…downsample.conv1", "layer1.0.conv1", "layer2.0…conv1"]),
    ],
)  # fmt: skip
def test_long_names_keep_what_they_differ_by(names, short):
    assert short_names(names) == short


def test_crops_are_a_part_of_their_arrows():
    _, picture = picture_of("unet", depth="all")
    assert not any("crop" in one.name for one in picture.maps)
    assert "Layers on arrows, not drawn: up4.crop1 (down4.conv2 → up4.concat1), up3.crop1 (" in notes(picture)


def test_only_what_has_no_weights_and_is_beside_the_way_is_a_part_of_an_arrow(tmp_path):
    names = {one.name for one in feature_maps(shapecalc.load("t5-small").infer(), 1)}
    assert "target_embedding" in names, "its weights are those of the other embedding"
    text = "input: 3x16x16\nlayers:\n  - {conv: {out_channels: 4, kernel_size: 3, padding: 1}, name: wide}\n"
    more = "  - max_pool: 2\n  - {upsample: 2, name: up}\n  - {concat: [wide, up], name: both}\n"
    assert {"up", "both"} <= {one.name for one in feature_maps(inferred(tmp_path, text + more), 1)}


@pytest.mark.parametrize(("depth", "shared"), [(1, "shared params"), ("all", "weights of t1.conv1")])
def test_shared_parameters_are_said_as_in_the_graph(depth, shared, tmp_path):
    tower = "tower:\n    layers: [{conv: {out_channels: 8, kernel_size: 3, padding: 1}}, relu]\n"
    layers = "[{tower: {}, name: t1}, {tower: {}, name: t2, from: input, share: t1}, {concat: [t1, t2]}]"
    report = inferred(tmp_path, f"input: 3x32x32\nblocks:\n  {tower}layers: {layers}\n")
    graph = report.draw("graph", depth=depth).scene
    assert shared in [mark.text for mark in graph.marks if isinstance(mark, Label)]
    picture = drawn(report, depth=depth)
    assert [picture.captions(index)[-1] for index in (1, 2)] == ["224 params", shared]


def test_shared_weights_are_said_beside_the_parameters_of_what_follows():
    """Lewis et al. 2020, as in transformers: of the table only one copy, of the learned positions one on each side."""
    _, picture = picture_of("bart-base")
    captions = picture.captions(named(picture, "target_embedding"))
    positions, norm = (1024 + 2) * 768, 2 * 768
    assert captions[-2:] == ["weights of shared", f"{positions + norm:,} params"]
    assert picture.captions(named(picture, "shared"))[-1] == f"{50265 * 768 + positions + norm:,} params"


def test_a_dilation_is_said_where_the_window_that_is_drawn_is_wider_than_its_kernel(tmp_path):
    """Liu et al. 2016, section 3.1: fc6 of VGG is a convolution of 3×3 with holes, here 6 positions apart."""
    _, picture = picture_of("ssd300_vgg16")
    assert " ".join(picture.captions(named(picture, "fc6"))[1:-1]) == "conv_relu 3×3, dilation 6"
    convs = [
        "{conv: {out_channels: 8, kernel_size: 3, stride: 2, dilation: [1, 2]}}",
        "{conv: {out_channels: 8, kernel_size: [1, 3], dilation: [5, 1]}}",
        "{conv: {out_channels: 8, kernel_size: 1, dilation: 4}}",
    ]
    picture = drawn(inferred(tmp_path, f"input: 3x64x64\nlayers: [{', '.join(convs)}]\n"))
    shown_kinds = [" ".join(picture.captions(index)[1:-1]) for index in (1, 2, 3)]
    assert shown_kinds == ["conv 3×3 /2, dilation 1×2", "conv 1×3", "conv 1×1"]
    conv = "{conv: {out_channels: 3, kernel_size: 3, dilation: dilation, padding: same}}"
    wide = f"wide:\n    args: {{dilation: required}}\n    layers: [{conv}]\n"
    layers = "[{wide: {dilation: 2 ** (i % 4)}, repeat: 8, name: wide}]"
    picture = drawn(inferred(tmp_path, f"input: 3x64x64\nblocks:\n  {wide}layers: {layers}\n"))
    assert picture.captions(2)[1:-1] == ["wide 3×3", "dilation 2"], "what tells blocks apart is said once"


def test_the_kernel_of_a_block_is_said_that_transposes_its_input():
    """Baevski et al. 2020, section 4.2: the relative positions are by a convolution with a kernel of 128."""
    _, picture = picture_of("wav2vec2-base")
    assert picture.captions(named(picture, "pos_conv_embed"))[1] == "positions, kernel 128"
    assert picture.captions(named(picture, "feature_extractor.0"))[1] == "conv_layer, kernel 10 /5"


def test_a_block_is_drawn_with_its_last_output():
    """Redmon & Farhadi 2018: others use an inner map of a neck too, of half as many channels."""
    _, picture = picture_of("yolov3")
    assert shown(picture)[named(picture, "neck5")] == "13×13×1024"


def test_of_two_ways_that_with_most_parameters_is_the_main_one():
    maps = feature_maps(shapecalc.load("bert-base-uncased").infer(), 1)
    lanes = {one.name: point.lane for one, point in zip(maps, places_in_row(maps), strict=True)}
    assert (lanes["tokens"], lanes["segments"]) == (0, 1)


def test_repeated_blocks_are_one_map():
    _, picture = picture_of("wavenet")
    assert "layer.1–48 ×48" in {one.name for one in picture.maps}
    assert "dilation 1–512" in picture.captions(named(picture, "layer.1–48 ×48"))
    assert "Blocks are collapsed; expand with --depth 2." in notes(picture)


def test_further_outputs_that_are_read_are_written():
    """van den Oord et al. 2016, figure 4: each layer has a skip connection to the sum at the end."""
    _, picture = picture_of("wavenet")
    assert "each also outputs skips 16000×512" in " ".join(picture.captions(named(picture, "layer.1–48 ×48")))
    assert picture.captions(named(picture, "conv1"))[1] == "conv, kernel 1", "a number alone would be a name"


def test_a_recurrence_is_its_sequence_also_where_its_state_alone_is_read():
    """Sutskever, Vinyals & Le 2014: 25 words, four layers of 1,000 cells, whose last states the decoder receives."""
    _, picture = picture_of("seq2seq_lstm")
    encoder = named(picture, "encoder")
    assert shown(picture)[encoder] == "25×1000"
    assert "outputs h_n 4×1000, c_n 4×1000" in " ".join(picture.captions(encoder))


def test_one_block_around_all_others_is_expanded():
    """He, Gao & Chen 2021: 12 layers of DeBERTa-v3-base, in one encoder with the embeddings of distances."""
    _, picture = picture_of("deberta-v3-base")
    assert "relative.layer.0–11 ×12" in {one.name for one in picture.maps}
    assert "Blocks are collapsed; expand with --depth 3." in notes(picture)
    assert "relative" in {one.name for one in picture_of("deberta-v3-base", depth=1)[1].maps}


def test_what_is_stored_but_not_used_is_not_drawn():
    _, picture = picture_of("gemma-3-4b")
    assert "+ vision_tower" not in " ".join(label.text for label in picture.labels)
    unused = "vision_tower (416,866,032 params), projector (2,950,272 params)."
    assert f"Stored but not used, and not drawn: {unused}" in notes(picture)


def test_each_of_several_outputs_is_marked():
    _, picture = picture_of("yolov3")
    outputs = [one.name for index, one in enumerate(picture.maps) if "output" in picture.captions(index)]
    assert outputs == ["large", "medium", "small"]
    _, picture = picture_of("alexnet")
    assert not any("output" in picture.captions(index) for index in range(len(picture.maps)))


def test_a_window_over_a_whole_side_leaves_it_its_colour():
    """LeCun et al. 1998, figure 2: the maps of S4 are 5×5, and so are the kernels of C5."""
    for name in ("lenet5", "lenet5_1998", "vgg16_fcn", "dcgan_discriminator"):
        _, picture = picture_of(name)
        fills = {mark.fill: (source, mark) for (source, _), mark in picture.windows.items()}
        assert set(fills) == {"paper", ""}
        source, covering = fills[""]
        side = around(*picture.silhouettes[source][2:5])
        assert around(*covering.points).bottom - around(*covering.points).top > 0.9 * (side.bottom - side.top)


def test_subsampling_is_a_pool_with_a_window():
    """LeCun et al. 1998: a mean over 2×2, times a coefficient and plus a bias of its map, which is no convolution."""
    _, picture = picture_of("lenet5_1998")
    assert [(picture.maps[i].name, picture.maps[i].fill) for i in (2, 4)] == [("s2", "pools"), ("s4", "pools")]
    assert {(1, 2), (3, 4)} <= set(picture.windows)
    assert picture.captions(2)[1] == "subsampling 2×2 /2"


def test_the_first_of_several_copies_has_a_window():
    _, picture = picture_of("vgg16")
    copies = named(picture, "conv5_1–3 ×3")
    assert (copies - 1, copies) in picture.windows
    assert picture.captions(copies)[1] == "conv3x3", "not its size again"


def test_a_block_that_looks_further_than_its_window_has_none():
    """Radford et al. 2021: the patches of CLIP's image encoder are 32×32, but attention sees all of the image."""
    _, picture = picture_of("clip-vit-base-patch32")
    assert not picture.windows
    assert picture.captions(named(picture, "vision_model"))[1] == "87,456,000 params"
    assert (0, 1) in picture_of("vit_b_32")[1].windows, "the convolution alone"


def test_blocks_that_are_repeated_in_turn_are_a_map_each():
    """Qiu et al. 2025, Qwen3-Next: three layers of linear attention, then one of full attention, twelve times."""
    _, picture = picture_of("qwen3-next-80b-a3b")
    at = [index for index, one in enumerate(picture.maps) if one.name.startswith("layers.")]
    assert [picture.captions(index)[:-1] for index in at] == [
        ["layers.0–2, 4–6, …, 44–46", "×36", "decoder_layer", "gated_delta_net"],
        ["layers.3, 7, …, 47 ×12", "decoder_layer", "multi_head_attention"],
    ]  # fmt: skip
    assert [picture.captions(index)[-1] for index in at] == [
        "59,347,139,328 params in all", "19,704,920,064 params in all",
    ]  # fmt: skip
    scene = shapecalc.load("qwen3-next-80b-a3b").infer().draw("volumes").scene
    notes = " ".join(mark.text for mark in scene.marks if mark.key == "notes")
    assert "Boxes that are repeated in turn: layers.0–47, 12 times." in notes
    assert [one.sources for one in picture.maps[at[0] : at[0] + 3]] == [(1,), (2,), (3,)], "none reads what is after it"


def test_sequences_are_flat_and_tokens_have_no_features():
    _, picture = picture_of("gpt2")
    assert shown(picture) == ["1024", "1024×768", "1024×768", "1024×50257"]
    assert {picture.length(i, "back") for i in range(4)} == {5.0}
    assert len({picture.length(i, "down") for i in range(4)}) == 1


def test_what_an_input_is_is_decided_by_the_layers_that_read_it():
    assert shown(picture_of("wavenet")[1])[0] == "16000×256", "channels × length, as convolutions read it"


@pytest.mark.parametrize("depth", [1, 2])
def test_what_was_transposed_back_is_channels_by_length(depth):
    """Baevski et al. 2020, the large model: a layer norm over the channels between convolutions of raw audio."""
    _, picture = picture_of("wav2vec2-large-lv60", depth=depth)
    last = named(picture, "feature_extractor.0" if depth == 1 else "feature_extractor.0.conv1")
    assert shown(picture)[last] == "3199×512"
    ends = [text for text in shown(picture) if text.startswith("49×")]
    assert ends[0] == "49×512", "also before it is made a sequence of tokens"
    assert not [text for text in shown(picture) if text.startswith("512×")]


def test_what_is_used_for_its_size_only_is_dashed():
    """Chen et al. 2017 enlarge the result to the size of the image; Xie et al. 2021 maps to that of the first."""
    for name, dashed in (("deeplabv3_resnet50", {("input", "out")}),
                         ("segformer-b0", {("stage1", "unify2"), ("stage1", "unify3"), ("stage1", "unify4")})):  # fmt: skip
        _, picture = picture_of(name)
        names = [one.name for one in picture.maps]
        found = {tuple(names[int(end)] for end in line.ends) for line in picture.lines if line.dashed}
        assert found == dashed
        assert "Dashed: only the size is used." in notes(picture)
    assert "Dashed" not in notes(picture_of("resnet50")[1])


@pytest.mark.parametrize(("name", "source", "target"), [("wav2vec2-base", "feature_projection", "add1"),
                                                        ("segformer-b0", "stage1", "unify4")])  # fmt: skip
def test_an_arrow_over_others_is_right_above_them(name, source, target):
    _, picture = picture_of(name)
    (line,) = [
        line for line in picture.lines if line.ends == (str(named(picture, source)), str(named(picture, target)))
    ]
    between = range(named(picture, source) + 1, named(picture, target))
    highest = min(picture.silhouettes[i][1][1] for i in between if picture.maps[i].sides.positions)
    assert 16 < highest - line.outline.top < 40


def test_captions_are_in_lines_not_cut():
    _, picture = picture_of("bert-base-uncased")
    assert picture.captions(0) == ["tokens", "input"]
    assert picture.captions(named(picture, "token_type_embeddings"))[0] == "token_type_embeddings"
    assert picture.captions(named(picture, "add1")) == [
        "add1", "add", "+ position_embedding,", "layer_norm, dropout", "394,752 params",
    ]  # fmt: skip
    _, picture = picture_of("lenet5")
    assert picture.captions(0) == ["input"], "a kind that is the name is not said again"
    texts = [label.text for name in FAMILY_ENDS[::4] for label in picture_of(name)[1].labels]
    assert not [text for text in texts if "…" in text.replace(", …,", "")]


def test_an_input_stands_right_before_its_use():
    maps = feature_maps(shapecalc.load("whisper-tiny").infer(), 1)
    columns = {one.name: point.column for one, point in zip(maps, places_in_row(maps), strict=True)}
    assert columns["tokens"] + 1 == columns["embed_tokens"] == columns["decoder.0–3 ×4"] - 1


def test_the_first_of_three_axes_is_written_only():
    _, picture = picture_of("r3d_18")
    assert shown(picture)[:2] == ["16×112×112×3", "16×56×56×64"]
    assert "Of more than two axes of positions, the last two are drawn." in notes(picture)


def test_hostile_names_do_no_harm():
    report = shapecalc.load("lenet5").infer()
    names = [
        "<script>alert(1)</script>",
        "]]>",
        "a\u202eb\x1b[31m",
        "x" * 10_000,
        f"{'i' * 10_000}.conv1",
        "",
        "層の名前" * 30,
        ".".join("ab" * 50),
    ]
    rows = tuple(
        row._replace(name=name, node=row.node._replace(name=name))
        for row, name in zip(report.rows, [*names, *(row.name for row in report.rows[len(names) :])], strict=True)
    )
    hostile = type(report)(report.graph, rows, report.total, report.layout)
    picture = drawn(hostile)
    check_apart(picture)
    assert picture.scene.width < 1300
    svg = hostile.draw("volumes").svg
    assert not any(bad in svg for bad in ("<script>", "]]>", "\u202e", "\x1b"))


HARD = {
    "huge": "input: 3x1000000x1000000\nlayers: [{conv: {out_channels: 100000000, kernel_size: 1}}, global_avg_pool, {fc: 1000000000000}]",
    "flat": "input: 3x4x1000\nlayers: [{conv: {out_channels: 8, kernel_size: 3, padding: 1}}, {max_pool: [1, 4]}, {fc: 5}]",
    "sequence": "input: 100x16\nlayers: [{lstm: 32}, {fc: 5}]",
    "alone": "input: 10\nlayers: [relu]",
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("scale", ["sqrt", "linear", "log"])
def test_laws_of_hard_cases(name, scale, tmp_path):
    picture = drawn(inferred(tmp_path, HARD[name] + "\n"), scale=scale)
    check_apart(picture)
    check_edges(picture)
    check_lengths(picture)
    if name == "huge":
        assert picture.captions(3)[-1] == "100,000,001,000,000,000,000 params", "counts are never cut"


def test_empty_tensors_and_scalars_have_a_length():
    lengths = Lengths.fitting([Sides(0, (0, 0)), Sides(0)], "linear")
    assert (lengths.of_positions(0), lengths.of_channels(0)) == (SHORTEST, SHORTEST)


def test_a_partial_report_shows_what_was_inferred(tmp_path):
    text = "input: 3x8x8\nlayers: [{conv: {out_channels: 8, kernel_size: 3}}, {conv: {out_channels: 8, kernel_size: 9}}, relu]\n"
    with pytest.raises(ShapeError) as error:
        inferred(tmp_path, text)
    assert shown(drawn(error.value.report)) == ["8×8×3", "6×6×8"]


def test_too_many_maps_are_refused(tmp_path):
    text = "input: 8x4x4\nlayers:\n" + "  - conv: {out_channels: 4, kernel_size: 1}\n" * 3_000
    report = inferred(tmp_path, text)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="3,001 feature maps at this depth: more than 150") as error:
            report.draw("volumes")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "draw it in the style graph" in str(error.value)
    assert peak < 20 << 20, "a map has no set of all those before it"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "lin"}, "there is no scale lin\n   did you mean linear?"),
        ({"depth": 0}, "depth is 0"),
        ({"direction": "down"}, "the style volumes has no option direction"),
    ],
)
def test_wrong_options_are_errors(options, message):
    with pytest.raises(UsageError) as error:
        shapecalc.load("lenet5").infer().draw("volumes", **options)
    assert message in str(error.value)


def test_labels_are_legible():
    for name in ("alexnet", "unet", "bert-base-uncased"):
        _, picture = picture_of(name)
        assert min(mark.size for mark in picture.scene.marks if isinstance(mark, Label)) >= 9


@pytest.mark.parametrize(("name", "tallest"), [("ssd300_vgg16", 1.2), ("segformer", 1.1)])
def test_branches_in_different_columns_share_their_height(name, tallest):
    """The heads of SSD stand below one another: each begins right below the arrow of the one before it."""
    scene = shapecalc.load(name).infer().draw("volumes").scene
    assert scene.height < tallest * scene.width


def test_heads_are_below_their_maps_and_their_lines_join():
    """Liu et al. 2016, figure 2: six maps, each with a head for boxes and one for scores, all of which are collected."""
    _, picture = picture_of("ssd300_vgg16")
    for heads, gathered in ((range(1, 7), "boxes"), (range(7, 13), "scores")):
        indices = [named(picture, f"head{number}") for number in heads]
        assert len({round(middle(picture, f"head{number}")[1], 3) for number in heads}) == 1, "they are in one lane"
        lines = [line for line in picture.lines if line.ends[1] == str(named(picture, gathered))]
        assert sorted(int(line.ends[0]) for line in lines) == indices
        joined = [line.steps[-3:] for line in lines if len(line.steps) > 1]
        assert len(joined) == 5, "the last is right beside it"
        assert len(set(joined)) == 1, "the last corner is that of all"


def test_dashed_lines_have_a_track_of_their_own():
    """Xie et al. 2021: the first stage is read by one layer of the decoder; three others use its size."""
    _, picture = picture_of("segformer-b0")
    of_stage = [line for line in picture.lines if line.ends[0] == str(named(picture, "stage1"))]
    uprights = {
        line.dashed: {round(step[-1][0]) for step in line.steps[1:3]} for line in of_stage if len(line.steps) > 3
    }
    assert uprights[True].isdisjoint(uprights[False])


def test_rows_and_boxes_are_chosen_for_a_slide():
    """Wide networks are in rows, and boxes smaller where texts are larger for it; a few boxes are in one row."""
    for name, rows in (("lenet5", 1), ("vgg16", 2), ("squeezenet1_0", 2), ("wav2vec2-base", 2)):
        _, picture = picture_of(name)
        assert 1 + sum(line.end[0] < line.start[0] for line in picture.lines) == rows
    assert picture_of("lenet5")[1].length(0, "down") == pytest.approx(170)
    assert picture_of("vgg16")[1].length(0, "down") < 170


def arrows(maps):
    return [(maps[source].name, one.name) for one in maps for source in one.sources]


def test_a_skip_connection_over_one_map_has_an_arrow_of_its_own(tmp_path):
    conv = "conv: {out_channels: 8, kernel_size: 3, padding: 1}"
    report = inferred(tmp_path, f"input: 8x9x9\nlayers: [{conv}, relu, {{add: [[{conv}, relu], []]}}, {conv}]")
    maps = feature_maps(report, "all")
    assert arrows(maps) == [
        ("input", "conv1"),
        ("conv1", "conv2"),
        ("conv2", "add1"),
        ("conv1", "add1"),
        ("add1", "conv3"),
    ]
    conv += ", relu"
    report = inferred(tmp_path, f"input: 8x9x9\nlayers: [{conv}, {{add: [[{conv}, {conv}], []]}}, relu]")
    maps = feature_maps(report, "all")
    assert arrows(maps) == [("input", "conv1"), ("conv1", "conv2"), ("conv2", "conv3"), ("conv1", "conv3")]
    assert [line.kind for line in maps[-1].merged] == ["relu", "add", "relu"]


@pytest.mark.parametrize(
    ("layers", "due"),
    [
        (
            "relu, {conv: {out_channels: 8, kernel_size: 1}, name: b}, {concat: [a, b], name: y}",
            "a→relu1 relu1→b a→y b→y",
        ),
        ("{sigmoid: {}, name: g}, {mul: [a, g], name: y}", "a→g a→y g→y"),
        ("{relu: {}, name: y}", ""),
    ],
)
def test_a_value_that_is_read_elsewhere_is_a_map_of_its_own(tmp_path, layers, due):
    conv = "{conv: {out_channels: 8, kernel_size: 1}, name: a}"
    maps = feature_maps(inferred(tmp_path, f"input: 8x9x9\nlayers: [{conv}, {layers}]\noutput: y"), "all")
    assert sorted(f"{source}→{name}" for source, name in arrows(maps)[1:]) == sorted(due.split())


def test_an_output_of_the_network_is_a_map_of_its_own(tmp_path):
    text = "input: 8x9x9\nlayers: [{conv: {out_channels: 8, kernel_size: 1}, name: a}, {relu: {}, name: b}]\noutputs: [a, b]"
    assert [one.name for one in feature_maps(inferred(tmp_path, text), "all")] == ["input", "a", "b"]


def test_a_map_ends_where_its_block_does(tmp_path):
    text = ("input: 8x9x9\nblocks: {b: [batch_norm, {conv: {out_channels: 8, kernel_size: 1}}, relu]}\n"
            "layers: [{b: {}, name: one}, {b: {}, name: two}, tanh]")  # fmt: skip
    maps = feature_maps(inferred(tmp_path, text), "all")
    assert [[line.name for line in one.merged] for one in maps] == [
        [], [], ["one.relu1"], [], ["two.relu1", "tanh1"],
    ]  # fmt: skip


@pytest.mark.parametrize("depth", [1, "all"])
def test_arrows_are_from_the_values_that_are_read(depth):
    """Over the zoo: what is read outside of its map is the last value of that, and each has an arrow of its own."""
    for name in FAMILY_ENDS:
        report = shapecalc.load(name).infer()
        maps = feature_maps(report, depth)
        owner = {id(row): number for number, one in enumerate(maps) for row in one.rows}
        ends = [{id(row) for row in ([one.line, *one.merged][-1] or one).rows} for one in maps]
        for number, one in enumerate(maps):
            drawn_before: set[int] = set()
            for line in filter(None, (one.line, *one.merged)):
                rows = [report.rows[ref.node] for row in line.rows for ref in row.node.inputs if ref.node >= 0]
                others = {owner[id(row)] for row in rows if owner.get(id(row), number) != number}
                assert all(id(row) in ends[owner[id(row)]] for row in rows if owner.get(id(row), number) != number), (
                    line.name
                )
                assert others.isdisjoint(drawn_before), line.name
                drawn_before |= others
