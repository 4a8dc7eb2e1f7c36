"""Receptive fields: against networks run in numpy with each input changed, and against published ones."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import numpy as np
import pytest
from receptive_field_oracle import changed_by
from searching import some, turns

import shapecalc
from shapecalc.errors import SpecError, UsageError
from shapecalc.layers import KINDS
from shapecalc.layers.base.dependence import HERE, AxisDependence, adaptive, resized, transposed
from shapecalc.questions.receptive_field import receptive_fields


def fields_of(layers, size, **rest):
    return receptive_fields(shapecalc.load(layers, input=size, **rest).infer())


def numbers_of(field):
    return field.size, field.jump, field.padding


# Published figures.

DISTILL = "Araujo, Norris & Sim, Distill 2019, table of receptive fields"
TORCHVISION = "torchvision 0.28 on PyTorch 2.13, run: where the input's gradient is not 0"


PUBLISHED = [
    ("vgg16", "pool5", (212, 32, 90), DISTILL),
    ("alexnet", "max_pool3", (195, 32, 64), DISTILL + " (alexnet_v2)"),
    ("inception_v3", "Mixed_7c.concat1", (1311, 32, 618), DISTILL),
    ("resnet50_caffe", "layer4", (483, 32, 239), DISTILL + " (resnet_v1_50)"),
    ("resnet50_v1", "layer4", (483, 32, 241), DISTILL + ", with PyTorch's padding"),
    ("resnet101_keras", "conv5", (1027, 32, 513), DISTILL + " (resnet_v1_101), with Keras' padding"),
    ("resnet152_keras", "conv5", (1507, 32, 753), DISTILL + " (resnet_v1_152), with Keras' padding"),
    ("resnet18", "layer4", (435, 32, 217), TORCHVISION),
    ("resnet34", "layer4", (899, 32, 449), TORCHVISION),
    ("resnet50", "layer4", (427, 32, 213), TORCHVISION),
    ("resnet101", "layer4", (971, 32, 485), TORCHVISION),
    ("resnet152", "layer4", (1451, 32, 725), TORCHVISION),
    ("mobilenet_v2", "head", (491, 32, 245), TORCHVISION),
    ("densenet121", "relu2", (2071, 32, 1021), TORCHVISION),
    ("shufflenet_v2_x1_0", "relu2", (527, 32, 263), TORCHVISION),
    ("wavenet", "score", (5117, 1, 5116), "five times 1 + 2 + 4 + … + 512, and 2"),
]


@pytest.mark.parametrize(("spec", "layer", "expected", "source"), some(PUBLISHED, 5))
def test_published_fields(spec, layer, expected, source):
    assert {numbers_of(field) for field in receptive_fields(shapecalc.load(spec).infer())[layer]} == {expected}, source


# Against changes of the output in numpy.


def random_layers(rng, rank, depth=5):
    """Return layers that keep or change one to three channels over space, with branches among them."""

    def some(*choices):
        return rng.choice(choices)

    def per_axis(*choices):
        return [some(*choices) for _ in range(rank)] if rng.random() < 0.3 else some(*choices)

    def window(padded):
        layer = {
            "kernel_size": per_axis(1, 2, 3, 4, 5),
            "stride": per_axis(1, 1, 2, 3),
            "dilation": per_axis(1, 1, 1, 2, 3),
        }
        pads = [0, 1, 2, [[some(0, 1, 2), some(0, 1, 3)] for _ in range(rank)], "same", "valid"]
        return {**layer, "padding": some(*pads, "causal") if rank == 1 and padded else some(*pads)}

    def plain():
        kind = some("conv", "conv", "conv", "max_pool", "avg_pool", "transposed_conv", "upsample", "pixel_unshuffle",
                    "pixel_shuffle", "pad", "crop", "slice", "roll", "relu", "batch_norm", "adaptive_avg_pool")  # fmt: skip
        if kind == "conv":
            return {kind: {"out_channels": some(1, 2, 4), **window(padded=True),
                           "padding_mode": some("zeros", "zeros", "zeros", "circular", "reflect", "replicate")}}  # fmt: skip
        if kind.endswith("_pool") and kind != "adaptive_avg_pool":
            pool = window(padded=False)
            if kind == "avg_pool":
                del pool["dilation"]
            return {kind: {**pool, **({"ceil_mode": True} if rng.random() < 0.3 else {})}}
        if kind == "transposed_conv":
            stride, dilation = some(1, 2, 3), some(1, 1, 2)
            extra = {"output_padding": some(*range(max(stride, dilation)))} if rng.random() < 0.4 else {}
            padding = some(0, 1, 2) if extra else some(0, 1, 2, "same", "valid")
            return {kind: {"out_channels": 2, "kernel_size": some(1, 2, 3, 4, 5), "stride": stride,
                           "dilation": dilation, "padding": padding, **extra}}  # fmt: skip
        if kind == "upsample":
            size = {"size": per_axis(5, 8, 13, 17)} if rng.random() < 0.3 else {"scale_factor": some(2, 3, 1.5, 0.5)}
            mode = some("nearest", "linear" if rank == 1 else "bilinear")
            corners = {"align_corners": True} if mode != "nearest" and "size" in size and rng.random() < 0.5 else {}
            return {kind: {**size, "mode": mode, **corners}}
        arguments = {
            "pixel_unshuffle": lambda: some(2, 3),
            "pixel_shuffle": lambda: 2,
            "pad": lambda: {"padding": [[some(0, 1, 2), some(-1, 0, 2)] for _ in range(rank)],
                            "mode": some("zeros", "reflect", "replicate", "circular")},
            "crop": lambda: [[some(0, 1), some(0, 2)] for _ in range(rank)],
            "slice": lambda: {"dim": -1, "start": some(0, 1, 2), "step": some(1, 2)},
            "roll": lambda: {"shifts": [some(-2, 1, 3)], "dims": [-1]},
            "adaptive_avg_pool": lambda: some(3, 4, 7),
        }  # fmt: skip
        return {kind: arguments[kind]()} if kind in arguments else kind

    def branch():
        stride, width = some(1, 1, 2), some(1, 2)
        first = {"conv": {"out_channels": width, "kernel_size": 3, "stride": stride, "padding": 1}}
        other = [{"conv": {"out_channels": width, "kernel_size": some(1, 5), "padding": "same", "stride": stride}}]
        if rng.random() < 0.3:
            other = [{"avg_pool": {"kernel_size": stride, "stride": stride, "padding": "same"}},
                     {"conv": {"out_channels": width, "kernel_size": 1}}]  # fmt: skip
        return {some("add", "concat"): [[first, *(["relu"] if rng.random() < 0.2 else [])], other]}

    layers = [{"conv": {"out_channels": 4, "kernel_size": some(1, 2)}}]
    for _ in range(rng.randint(1, depth)):
        layer = branch() if rng.random() < 0.25 else plain()
        if "pixel_shuffle" in layer:  # it rearranges channels: a position depends on some of them
            layers.append({"conv": {"out_channels": 4, "kernel_size": 1}})
        layers.append(layer)
    return layers


def random_reports(seeds, size, rank):
    for seed in seeds:
        rng = random.Random(seed)
        layers = random_layers(rng, rank)
        try:
            report = shapecalc.load(layers, input=size).infer()
        except (SpecError, shapecalc.ShapeError):
            continue
        if max(row.sizing.outputs[0].elements for row in report) < 4_000:
            yield seed, layers, report


def span(changes, axis):
    """Return the first and last position along an axis that change a position; None for none."""
    along = np.flatnonzero(changes.any(axis=tuple(i for i in range(changes.ndim) if i != axis)))
    return (int(along[0]), int(along[-1])) if along.size else None


def seen_spans(fields, name, position):
    return {region.axis: (region.first, region.last) for region in fields.region(name, position)}


AXES = {1: ["length"], 2: ["height", "width"]}


def check_regions(report, rank, rng, most=12):
    fields, changed = receptive_fields(report), changed_by(report)
    for row in report:
        sizes = row.sizing.outputs[0].sizes[1:]
        positions = [tuple(position) for position in np.ndindex(*sizes)]
        for position in positions if len(positions) <= most else rng.sample(positions, most):
            changes = changed[row.name][(*[slice(None)] * rank, *position)]
            expected = {axis: span(changes, i) for i, axis in enumerate(AXES[rank]) if changes.any()}
            at = position if fields.places(row.name) else ()
            assert seen_spans(fields, row.name, at) == expected, (row.name, row.kind, position)


@turns(30, 250)
def test_regions_agree_with_changed_outputs_along_one_axis(turns):
    tried = 0
    for seed, layers, report in random_reports(range(turns), "4x21", 1):
        try:
            check_regions(report, 1, random.Random(seed))
        except AssertionError as error:
            raise AssertionError(f"{seed}: {layers}") from error
        tried += 1
    assert tried > turns * 0.48


@turns(12, 120)
def test_regions_agree_with_changed_outputs_along_two_axes(turns):
    tried = 0
    for seed, layers, report in random_reports(range(1000, 1000 + turns), "4x8x9", 2):
        try:
            check_regions(report, 2, random.Random(seed), most=5)
        except AssertionError as error:
            raise AssertionError(f"{seed}: {layers}") from error
        tried += 1
    assert tried > turns / 3


ENLARGING = {"transposed_conv", "upsample", "pixel_shuffle"}


@turns(8, 60)
def test_size_jump_and_padding_agree_with_positions_far_from_the_edges(turns):
    tried = 0
    for _, layers, report in random_reports(range(2000, 2000 + turns), "4x160", 1):
        fields, changed = receptive_fields(report), changed_by(report)
        enlarges = any(row.kind in ENLARGING for row in report)
        for row in report:
            (field,) = fields[row.name]
            spans = {}
            for position in range(row.sizing.outputs[0].sizes[1]):
                start = position * field.jump - field.padding
                if start > field.size + 20 and start + 2 * field.size + 20 < 160:
                    spans[position] = span(changed[row.name][:, position], 0)
            if field.sees_all or not field.aligned or len(spans) < 8 or not all(spans.values()):
                continue
            tried += 1
            assert max(last - first + 1 for first, last in spans.values()) == field.size, (layers, row.name)
            for position, (first, last) in spans.items():
                start = position * field.jump - field.padding
                assert abs(first - start) < field.size + 2, (layers, row.name)
                assert enlarges or (first, last) == (start, start + field.size - 1), (layers, row.name)
    assert tried > turns * 1.6


# Laws, and layers that see more than windows.


def test_branches_with_equal_strides_are_one_field_and_others_are_misaligned():
    pooled = [{"max_pool": 2}, {"upsample": 2}]
    fields = fields_of([{"conv": {"out_channels": 3, "kernel_size": 1}}, {"add": [pooled, []]}], "3x24x24")
    assert fields.misaligned == ()
    assert numbers_of(fields["add1"][0]) == (2, 1, 0)

    shrunk = [{"conv": {"out_channels": 3, "kernel_size": 2, "stride": 2}}, {"upsample": {"size": [23, 24]}}]
    fields = fields_of([{"conv": {"out_channels": 3, "kernel_size": 1}}, {"add": [shrunk, []]}, "relu"], "3x23x24")
    height, width = fields["relu1"]
    assert (width.aligned, height.aligned) == (True, False)
    assert [(found.layer, found.axis, set(found.jumps)) for found in fields.misaligned] == [
        ("add1", "height", {Fraction(1), Fraction(22, 23)})
    ]
    # the last position is at 22, and sees through the other branch from 20 on
    assert height.size == 3


def test_a_global_gate_is_reported_next_to_the_local_field():
    layers = [
        {"conv": {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}},
        {"squeeze_excitation": {"input_channels": 8, "squeeze_channels": 2}},
        {"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}},
        {"global_avg_pool": {"keepdims": True}},
        "flatten",
        {"fc": 10},
    ]
    fields = fields_of(layers, "3x32x32")
    for field in fields["conv2"]:
        assert (field.sees_all, *numbers_of(field)) == (True, 7, 2, 3)
    for field in fields["fc1"]:
        assert (field.sees_all, *numbers_of(field)) == (True, 32, 0, 0)
    assert [(region.first, region.last) for region in fields.region("conv2", (3, 3))] == [(0, 31)] * 2


def test_whole_axes_end_where_windows_end():
    fields = fields_of([{"conv": {"out_channels": 2, "kernel_size": 3, "stride": 4}}, "flatten", {"fc": 3}], "1x12x11")
    assert [field.size for field in fields["fc1"]] == [11, 11]
    assert [(region.first, region.last) for region in fields.region("fc1")] == [(0, 10)] * 2


LAST = [{"slice": {"dim": 2, "start": -1}}, {"squeeze": 2}]
CORNER = [{"crop": {"size": [5, 3]}}, "flatten"]
GATE = {"mul": [[], [{"crop": {"size": 4}}, {"global_avg_pool": {"keepdims": True}}]]}


@pytest.mark.parametrize(
    ("layers", "input_", "expected", "shown"),
    [
        ([{"conv": {"out_channels": 8, "kernel_size": 3, "padding": "causal"}}, *LAST], "1x784", [(3, 3, False)], "3"),
        ([{"crop": {"size": 2}}, "flatten"], "3x8x2", [(2, 2, False), (2, 2, True)], "2×all"),
        ([{"conv": {"out_channels": 2, "kernel_size": 3}}, *CORNER], "1x32x5", [(7, 7, False), (5, 5, True)], "7×all"),
        ([{"conv": {"out_channels": 2, "kernel_size": 3, "stride": 4}}, "flatten"], "1x12x11", [(11, 11, False), (11, 11, True)],
         "11×all"),
        ([{"conv": {"out_channels": 2, "kernel_size": 3, "padding": 1}}, GATE], "1x9x4", [(3, 6, False), (3, 4, True)],
         "3+6×3+all"),
    ],
)  # fmt: skip
def test_what_all_positions_see_is_the_whole_axis_only_if_it_is(layers, input_, expected, shown):
    fields = fields_of(layers, input_)
    last = fields.report.rows[-1].name
    assert [(field.size, field.common, field.sees_all) for field in fields[last]] == expected
    drawn = fields.render()
    assert [line.split()[3] for line in drawn.splitlines() if line.startswith(last)] == [shown]
    note = "An RF without an effective stride, or after a +: the positions that all positions of the layer see"
    assert note in " ".join(drawn.split())
    assert note not in " ".join(fields_of(["flatten"], "3x8x8").render().split())


@pytest.mark.parametrize(
    ("layer", "kind", "sees_all"),
    [
        ("batch_norm", "batch_norm1", [False, False]),
        ("instance_norm", "instance_norm1", [True, True]),
        ({"group_norm": 2}, "group_norm1", [True, True]),
        ({"layer_norm": {"axis": "channels"}}, "layer_norm1", [False, False]),
        ({"layer_norm": {"axis": -1}}, "layer_norm1", [False, True]),
        ({"softmax": {"dim": 2}}, "softmax1", [True, False]),
        ({"mean": {"dim": 2, "keepdim": True}}, "mean1", [True, False]),
        ({"linear": 5}, "linear1", [False, True]),
        ({"deformable_conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}}, "deformable_conv1", [True, True]),
    ],
)
def test_layers_that_see_whole_axes(layer, kind, sees_all):
    given = [{"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}}]
    if "deformable" in kind:
        given += [{"conv": {"out_channels": 18, "kernel_size": 1}, "name": "offset"}]
        layer = {**layer, "from": ["conv1", "offset"]}
    fields = fields_of([*given, layer], "3x16x16")
    assert [field.sees_all for field in fields[kind]] == sees_all


def test_axes_are_followed_through_permutes_and_reshapes():
    layers = [
        {"conv": {"out_channels": 6, "kernel_size": [3, 5]}},
        {"permute": [2, 3, 1]},
        {"linear": 6},
        {"permute": [2, 1, 3]},  # width, height, channels
        {"reshape": [10, 14, 2, 3]},
        {"reshape": [10, 14, 6]},
    ]
    fields = fields_of(layers, "3x16x14")
    named = {field.axis: numbers_of(field) for field in fields["reshape2"]}
    assert named == {"height": (3, 1, 0), "width": (5, 1, 0)}
    assert fields.places("reshape2") == (10, 14)
    assert {region.axis: (region.first, region.last) for region in fields.region("reshape2", (9, 0))} == {
        "height": (0, 2),
        "width": (9, 13),
    }


def test_selected_positions_are_followed():
    layers = [
        {"conv": {"out_channels": 6, "kernel_size": 3}},  # 6×14×12
        {"gather": {"dim": 2, "index": 4, "keepdim": False}},  # row 4
        {"gather": {"dim": 2, "index": [0, 9]}},  # columns 0 and 9 of it
        {"slice": {"dim": 2, "step": -1}},
    ]
    fields = fields_of(layers, "3x16x14")
    assert [(field.size, field.jump) for field in fields["slice1"]] == [(3, 0), (3, 0)]
    for position, columns in ((0, (9, 11)), (1, (0, 2))):
        found = {region.axis: (region.first, region.last) for region in fields.region("slice1", (position,))}
        assert found == {"height": (4, 6), "width": columns}


def test_every_kind_declares_its_dependence():
    """Every look names an input, and has a valid dependence for each of its axes."""
    from numbers_of_kinds import plain_kinds, samples

    for kind in plain_kinds():
        for layer, shapes, _ in samples(KINDS[kind]):
            output = layer.output(*shapes)
            first = output if hasattr(output, "sizes") else output[0]
            for look in layer.looks(output, *shapes):
                x = shapes[look.input]
                assert len(look.axes) == x.rank, kind
                for (dependence, axis), size in zip(look.axes, x.sizes, strict=True):
                    assert -1 <= axis < first.rank, kind
                    assert dependence.seen, kind
                    assert axis >= 0 or (dependence.advance == 0 and dependence.at(0).stop <= size), kind
                axes = [axis for _, axis in look.axes if axis >= 0]
                # The columns of unfold have two axes of the map along one of theirs.
                assert len(axes) == len(set(axes)) or kind == "unfold", kind


def test_dependences():
    assert HERE.at(7) == range(7, 8)
    assert transposed(3, 2, 1, 1) == AxisDependence((range(1), range(2)), 1)
    assert transposed(2, 3, 1, 0).seen == (range(1), range(1), range(1, 1)) or not transposed(2, 3, 1, 0).at(2)
    assert [*transposed(3, 1, 2, 2).at(5)] == [3, 5, 7]
    assert adaptive(7, 3) == AxisDependence((range(3), range(2, 5), range(4, 7)), 7)
    assert resized(4, 8).at(5) == range(2, 3)
    assert resized(4, 8, 2).at(5) == range(2, 4)
    assert resized(3, 5, 2, corners=True).at(2) == range(1, 2)
    cubic, due = (
        resized(5, 10, 4),
        [(0, 1), (0, 2), (0, 2), (0, 3), (0, 3), (1, 4), (1, 4), (2, 4), (2, 4), (3, 4)],
    )
    assert [(max(at[0], 0), min(at[-1], 4)) for at in map(cubic.at, range(10))] == due, TORCHVISION


# The library and its errors.


def test_receptive_field_of_a_network():
    fields = shapecalc.load("vgg16").receptive_field()
    assert numbers_of(fields["pool5"][0]) == (212, 32, 90)
    assert repr(fields) == f"<ReceptiveFields {fields.report.name}: 39 layers>"
    assert fields.places("pool5") == (7, 7)
    region = fields.region("pool5", (0, 3))[0]
    assert (region.input, region.axis, region.first, region.last, region.size) == ("input", "height", 0, 121, 122)


def test_each_input_has_its_own_field():
    fields = shapecalc.load("siamese").receptive_field()
    assert {field.input for field in fields["left_tower"]} == {"left"}
    last = fields[fields.report.rows[-1].name]
    assert {(field.input, field.sees_all) for field in last} == {("left", True), ("right", True)}


def test_json_has_the_documented_keys():
    fields = shapecalc.load("dcgan_generator").receptive_field()
    printed = json.loads(json.dumps(fields.to_dict()))
    assert list(printed) == ["version", "name", "layout", "inputs", "layers", "misaligned"]
    last = printed["layers"][-1]
    assert list(last) == ["name", "kind", "output_shapes", "receptive_field"]


@pytest.mark.parametrize(
    ("name", "position", "message"),
    [
        ("conv9", (0, 0), "has no layer conv9"),
        ("pool5", (7, 0), "pool5 has 7×7 positions, but none at 7×0"),
        ("pool5", (1,), "pool5 has 7×7 positions, but none at 1"),
        ("pool5", (-1, 0), "none at -1×0"),
        ("fc8", (1,), "fc8 has no positions: all of it depends on the same input"),
    ],
)
def test_positions_outside_the_output(name, position, message):
    with pytest.raises(UsageError, match=message):
        shapecalc.load("vgg16").receptive_field().region(name, position)


def test_networks_without_spatial_axes_have_no_fields():
    with pytest.raises(UsageError, match="no input has channels and spatial axes"):
        shapecalc.load("bert-base-uncased").receptive_field()


def test_a_pattern_without_a_period_is_rejected():
    layers = [{"conv": {"out_channels": 1, "kernel_size": 1}}, {"upsample": {"size": 9973}}]
    layers += [{"max_pool": {"kernel_size": 1, "stride": 2}}, {"upsample": {"size": 9967}}]
    with pytest.raises(UsageError, match="repeats only after"):
        fields_of(layers, "1x9949")


def test_a_branch_with_its_window_in_padding_is_not_seen():
    layers = [
        {"pad": {"padding": [[0, 6], [0, 0]]}},
        {"add": [[{"crop": [[0, 6], [0, 4]]}], [{"crop": [[6, 0], [3, 1]]}]]},
    ]
    fields = fields_of(layers, "1x6x7")
    assert seen_spans(fields, "add1", (0, 0)) == {"height": (0, 0), "width": (0, 0)}
    # of the whole layer too: no window of the second branch reaches the input
    fields = fields_of([*layers, "flatten", {"fc": 3}], "1x6x7")
    assert seen_spans(fields, "fc1", ()) == {"height": (0, 5), "width": (0, 2)}
    assert [(field.size, field.sees_all) for field in fields["fc1"]] == [(6, True), (3, False)]
    fields = fields_of([layers[0], {"crop": [[6, 0], [3, 1]]}, "flatten", {"fc": 3}], "1x6x7")
    assert (fields["fc1"], fields.region("fc1")) == ((), ())


def test_the_field_of_a_whole_layer_reaches_the_edges():
    layers = [
        {"conv": {"out_channels": 2, "kernel_size": [1, 3], "padding": [1, 0], "stride": 2}},
        "flatten",
        {"fc": 2},
    ]
    fields = fields_of(layers, "2x6x7")  # its first rows are in the padding, the next at 1, 3 and 5
    assert [(field.padding, field.size) for field in fields["fc1"]] == [(-1, 5), (0, 7)]


def edgy_layers(rng):
    """Return layers with more padding than their windows cover, crops, and gaps; some in branches."""

    def some(*choices):
        return rng.choice(choices)

    def pad():
        return {"pad": {"padding": [[some(0, 1, 3), some(0, 2, -1)], [some(0, -1, 4), some(0, 1, 3)]]}}

    def conv():
        return {"conv": {"out_channels": 2, "kernel_size": [some(1, 2, 3), some(1, 2, 3)], "stride": some(1, 1, 2),
                         "padding": [some(0, 1, 3), some(0, 1, 4)]}}  # fmt: skip

    def circular():
        return {"circular_pad": {"padding": [[some(-2, 1, 2), some(-2, 1)], [some(0, 1, 2), some(-2, -1, 2)]]}}

    def transposed():
        return {"transposed_conv": {"out_channels": 2, "kernel_size": [some(1, 2, 3), some(2, 3)],
                                    "stride": [some(1, 2, 3), some(1, 2)], "dilation": [some(1, 2, 3), some(1, 3)]}}  # fmt: skip

    def crop():
        return {"crop": [[some(0, 1, 2), some(0, 2, 3)], [some(0, 1, 3), some(0, 1, 2)]]}

    def branches():
        return {some("add", "concat"): [[conv(), *([conv()] if rng.random() < 0.5 else [])], [some(pad, conv, crop)()]]}

    return [some(conv, pad, crop, circular, transposed, branches)() for _ in range(rng.randint(1, 4))]


@pytest.mark.slow
def test_regions_at_the_edges_and_of_all_positions():
    tried = 0
    for seed in range(260):
        rng = random.Random(seed)
        layers = edgy_layers(rng)
        try:
            report = shapecalc.load(layers, input="1x5x6").infer()
        except (SpecError, shapecalc.ShapeError):
            continue
        if max(row.sizing.outputs[0].elements for row in report) > 500:
            continue
        try:
            check_regions(report, 2, rng, most=8)
        except AssertionError as error:
            raise AssertionError(f"{seed}: {layers}") from error
        report = shapecalc.load([*layers, "flatten", {"fc": 1}], input="1x5x6").infer()
        due = changed_by(report)["fc1"]
        whole = {axis: span(due, i) for i, axis in enumerate(AXES[2]) if due.any()}
        found = {
            field.axis: (-field.padding, field.size - field.padding - 1) for field in receptive_fields(report)["fc1"]
        }
        assert found == whole, (seed, layers)
        tried += 1
    assert tried > 60


def test_sizes_are_the_maximum_over_irregular_lanes():
    """A transposed window with more dilation than stride sees further back at some positions than at earlier ones."""
    layers = [
        {"transposed_conv": {"out_channels": 1, "kernel_size": 2, "stride": 2, "dilation": 3}},
        {"conv": {"out_channels": 1, "kernel_size": 2}},
    ]
    report = shapecalc.load(layers, input="1x40").infer()
    (field,) = receptive_fields(report)["conv1"]
    changed = changed_by(report)["conv1"]
    spans = [span(changed[:, position], 0) for position in range(20, 40)]
    assert field.size == max(last - first + 1 for first, last in spans)


def test_sizes_where_fields_shrink_between_positions():
    """Every second position sees the input through both branches, the others only through the narrow one."""
    layers = [
        {"conv": {"out_channels": 1, "kernel_size": 5, "padding": [[0, 4]]}, "from": "input"},
        {"conv_transpose": {"out_channels": 1, "kernel_size": 1, "stride": 2, "output_padding": 1}, "name": "wide"},
        {"upsample": 2, "from": "input", "name": "narrow"},
        {"add": ["wide", "narrow"], "name": "both"},
        {"conv": {"out_channels": 1, "kernel_size": 2, "stride": 2}, "name": "pair"},
    ]
    report = shapecalc.load(layers, input="1x32").infer()
    assert numbers_of(receptive_fields(report)["pair"][0]) == (5, 1, 0)
    check_regions(report, 1, random.Random(0))


def test_a_field_over_diverging_lanes_is_the_widest():
    """One branch moves by 2 with each position, the other by 1: they are furthest apart at the end."""
    layers = [
        {"conv": {"out_channels": 1, "kernel_size": 1, "stride": 2}, "from": "input", "name": "fast"},
        {"crop": {"cropping": [[0, 16]]}, "from": "input", "name": "slow"},
        {"add": ["fast", "slow"], "name": "both"},
    ]
    fields = fields_of(layers, "1x32")
    assert [(field.size, field.jump, field.aligned) for field in fields["both"]] == [(16, 2, False)]
    assert seen_spans(fields, "both", (15,)) == {"length": (15, 30)}


def test_chained_windows_have_a_common_period():
    fields = fields_of([{"conv": {"out_channels": 2, "kernel_size": 1}}, {"unfold": {"kernel_size": 3}}], "1x6x7")
    height, width = fields["unfold1"]
    assert (height.size, height.jump, width.size, width.jump) == (3, Fraction(1, 5), 3, 0)
    assert seen_spans(fields, "unfold1", (7,)) == {"height": (1, 3), "width": (2, 4)}


def test_work_is_bounded_over_the_whole_network(monkeypatch):
    monkeypatch.setattr("shapecalc.questions.receptive_field.tracing.Work.__init__.__defaults__", (50,))
    with pytest.raises(UsageError, match="take too much work"):
        fields_of([{"conv": {"out_channels": 1, "kernel_size": 3}}] * 20, "1x64x64")


def test_with_too_many_gaps_only_the_ends_are_reported(monkeypatch):
    layers = [{"conv": {"out_channels": 1, "kernel_size": 3, "dilation": 2}},
              {"transposed_conv": {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": 1}}]  # fmt: skip
    fields = fields_of(layers, "1x30x30")
    before = [fields.region("transposed_conv1", (at, at)) for at in range(9, 13)]
    monkeypatch.setattr("shapecalc.questions.receptive_field.positions.Gaps.afford", lambda *_: False)
    assert [fields.region("transposed_conv1", (at, at)) for at in range(9, 13)] == before
