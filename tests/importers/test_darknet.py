"""Darknet's cfg files: what is read, how it is shown, and what is said of files that are wrong."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import defaultdict
from math import prod
from pathlib import Path

import pytest
from crafted_darknet import CASES, CONV, NET, cfg
from running import run

import shapecalc
from shapecalc.errors import ShapecalcError, ShapeError, SpecError, UsageError

RECORD = json.loads((Path(__file__).parents[1] / "data" / "darknet.json").read_text(encoding="utf-8"))
SQUARE = "[net]\nwidth=16\nheight=16\nchannels=4\n"


def report_of(text, **options):
    return shapecalc.load(text.encode(), **options).infer()


def by_section(report):
    rows = defaultdict(list)
    for row in report.rows:
        rows[int(row.name.partition("_")[0])].append(row)
    return rows


def outputs(report):
    return [rows[-1].output_shape for rows in by_section(report).values()]


def counts(report):
    return [sum(row.params for row in rows) for rows in by_section(report).values()]


def warned(text):
    return [str(problem) for problem in shapecalc.load(text.encode()).warnings]


def error_of(text):
    with pytest.raises(ShapecalcError) as error:
        report_of(text)
    return str(error.value)


# What darknet itself makes of them.

STORED = {"batchnorm": "pjreddie's darknet does not store the biases of a [batchnorm], which it trains"}
SIZED = {"routes": "of maps of different sizes it keeps the channels of the first, but no width and height"}
"""Where the record and the report differ, and why."""


@pytest.mark.parametrize("name", CASES)
def test_sizes_and_stored_numbers_are_those_of_darknet(name):
    assert name in RECORD
    sections = by_section(report_of(CASES[name]))
    assert len(sections) == len(RECORD[name])
    for rows, truth in zip(sections.values(), RECORD[name], strict=True):
        shape = rows[-1].output_shape
        assert prod(shape) == truth["outputs"], rows[0].name
        if all(truth["out"]):
            assert shape in (tuple(truth["out"]), (truth["outputs"],)), rows[0].name
        stored = sum(row.params + row.buffers for row in rows)
        if "batchnorm" in rows[0].name:
            stored -= rows[0].output_shape[0]
        assert stored == truth["floats"], rows[0].name


def test_every_section_of_pjreddie_is_recorded():
    from shapecalc.importers.darknet import calls

    known = {calls.find_section(name).name for name in calls._kinds.names}
    tried = {row.partition("]")[0] for text in CASES.values() for row in text.replace(" ", "").split("[")}
    tried = {calls.find_section(name).name for name in tried if name in calls._kinds.names}
    only_alexey = {"local_avgpool", "conv_lstm", "history", "scale_channels", "sam", "Gaussian_yolo", "contrastive",
                   "implicit", "empty", "control_channels", "shift_channels", "alternate_channels"}  # fmt: skip
    assert known - tried == only_alexey


# The dialect of AlexeyAB, and YOLOR's: by their sources (src/parser.c, src/maxpool_layer.c, src/shortcut_layer.c, …).


def test_strides_per_axis_replace_the_stride():
    report = report_of(cfg("conv filters=2 size=3 pad=1 stride=2 stride_x=4", "maxpool size=2 stride_y=2", net=SQUARE))
    assert outputs(report) == [(2, 8, 4), (2, 4, 4)]


def test_dilation_widens_the_padding_too():
    report = report_of(cfg("conv filters=2 size=3 pad=1 dilation=3", "conv filters=2 size=1 dilation=4", net=SQUARE))
    assert outputs(report) == [(2, 16, 16)] * 2
    assert report.rows[0].arguments["dilation"] == [3, 3]
    assert "dilation" not in report.rows[2].arguments, "a window of 1 has none"


def test_products_of_bits_have_no_groups():
    report = report_of(cfg("conv filters=2 size=1 groups=2 xnor=1", "conv filters=2 size=1 groups=0", net=SQUARE))
    assert counts(report) == [2 * 4 + 2, 2 * 2 + 2]
    assert counts(report_of(cfg("conv filters=2 size=1 groups=2 xnor=0", net=SQUARE))) == [2 * 2 + 2]


def test_a_shared_index_shares_all_weights():
    first, second = CONV, CONV.replace("stride=1", "share_index=-2\ndilation=2")
    report = report_of(cfg(first, CONV, second, CONV.replace("size=3", "share_index=1\nsize=3"), net=SQUARE + ""))
    assert counts(report)[0] == 8 * 4 * 9 + 16
    assert counts(report)[1] == 8 * 8 * 9 + 16
    report = report_of(cfg(CONV, CONV, CONV.replace("size=3", "share_index=-1\nsize=3"), net=SQUARE))
    assert counts(report) == [8 * 4 * 9 + 16, 8 * 8 * 9 + 16, 0]
    assert report.rows[6].shares == "1_convolutional.conv"
    report = report_of(cfg(CONV, CONV, CONV.replace("size=3", "share_index=1\nsize=3"), net=SQUARE))
    assert counts(report)[2] == 0


def test_antialiasing_moves_the_stride_into_a_blur():
    report = report_of(
        cfg("conv filters=2 size=3 pad=1 stride=2 antialiasing=1 activation=linear",
            "maxpool size=2 stride=2 antialiasing=1", "maxpool size=2 stride=2 antialiasing=2", net=SQUARE)
    )  # fmt: skip
    assert [(row.name, row.output_shape) for row in report.rows] == [
        ("0_convolutional.conv", (2, 16, 16)), ("0_convolutional.blur", (2, 8, 8)), ("1_maxpool.max_pool", (2, 8, 8)),
        ("1_maxpool.blur", (2, 4, 4)), ("2_maxpool.max_pool", (2, 4, 4)), ("2_maxpool.blur", (2, 2, 2)),
    ]  # fmt: skip
    assert report.total.params == 2 * 4 * 9 + 2, "its weights are fixed"
    assert [row.arguments["kernel_size"] for row in report.rows if row.name.endswith("blur")] == [[3, 3]] * 2 + [[2, 2]]


def test_a_pool_over_channels():
    report = report_of(cfg("conv filters=10 size=1", "maxpool maxpool_depth=1 out_channels=4 size=1", net=SQUARE))
    assert outputs(report)[1] == (4, 16, 16)
    assert [row.kind for row in report.rows[2:]] == ["pad", "unflatten", "max"], "no channel is left out"
    assert outputs(report_of(cfg("local_avgpool size=4 stride=4", "local_avg stride=2", net=SQUARE))) == [
        (4, 4, 4), (4, 2, 2)]  # fmt: skip


@pytest.mark.parametrize(("sort", "count"), [("per_feature", 3), ("per_layer", 3), ("per_channel", 24), ("none", 0)])
def test_a_shortcut_of_several_layers_has_weights(sort, count):
    report = report_of(cfg(CONV, CONV, CONV, f"shortcut from=-2,0 weights_type={sort} activation=mish", net=SQUARE))
    assert counts(report)[3] == count
    assert outputs(report)[3] == (8, 16, 16)
    assert report.rows[-1].kind == "mish"


def test_groups_of_a_route_are_parts_of_its_channels():
    report = report_of(cfg(CONV, "route layers=-1 groups=2 group_id=1", "route layers=0,1 groups=4", net=SQUARE))
    assert outputs(report)[1:] == [(4, 16, 16), (3, 16, 16)]
    assert report.rows[3].arguments == {"dim": 1, "start": 4, "end": 8}


def test_squeeze_and_excitation_and_attention():
    report = report_of(
        cfg(CONV, "avgpool", "conv filters=8 size=1", "scale_channels from=0", "conv filters=1 size=1",
            "scale_channels from=-2 scale_wh=1", "sam from=0", "shift_channels from=1", "control_channels from=1",
            "alternate_channels from=1", "silence", "empty", net=SQUARE)
    )  # fmt: skip
    large = (8, 16, 16)
    assert outputs(report) == [
        large, (8, 1, 1), (8, 1, 1), large, (1, 16, 16), large, large, large, large, (16, 16, 16), (16, 16, 16),
        (16, 16, 16),
    ]  # fmt: skip


def test_implicit_knowledge_is_learned():
    report = report_of(
        cfg("implicit filters=6 atoms=2", "implicit_add filters=8", "implicit_mul filters=8", "route layers=1",
            "conv filters=8 size=1", "control_channels from=2", net=SQUARE)
    )  # fmt: skip
    assert outputs(report) == [(6, 2, 1), (8, 1, 1), (8, 1, 1), (8, 1, 1), (8, 1, 1), (8, 1, 1)]
    assert counts(report) == [12, 8, 8, 0, 72, 0]


@pytest.mark.parametrize(
    ("options", "parts"),
    [("", [4] * 4 + [6] * 4), ("peephole=1", [4] * 4 + [6] * 7)],
)
def test_a_convolutional_lstm_has_a_convolution_for_each_part(options, parts):
    report = report_of(cfg(f"conv_lstm output=6 size=3 pad=1 batch_normalize=1 activation=leaky {options}", net=SQUARE))
    assert outputs(report) == [(6, 16, 16)]
    assert counts(report) == [sum(6 * channels * 9 + 12 for channels in parts)]
    assert report.total.macs == sum(6 * channels * 9 * 256 for channels in parts)


def test_the_bottleneck_of_a_convolutional_lstm():
    report = report_of(cfg("conv_lstm output=4 size=3 pad=1 bottleneck=1", net=SQUARE))
    assert counts(report) == [4 * 8 * 9 + 4 + 4 * (4 * 4 * 9 + 4)]


def test_recurrent_sections_are_one_step():
    report = report_of(
        cfg("rnn output=8 hidden=5", "gru output=3", "lstm output=2", net="[net]\ninputs=7\ntime_steps=9\n")
    )
    assert outputs(report) == [(8,), (3,), (2,)]
    assert counts(report) == [7 * 5 + 5 * 5 + 5 * 8 + 18, 3 * (8 * 3 + 9 + 6), 4 * (3 * 2 + 4 + 4)]
    assert "sizes and MACs are of one of its 9 time steps" in report.notes
    assert outputs(report_of(cfg("history history_size=3", "history history_size=1", net=SQUARE))) == [(12, 16, 16)] * 2


def test_a_crnn_after_a_list_of_features():
    sections = "rnn output=9 hidden=9", "crnn size=1 pad=0 output=5 hidden=6", "connected output=2", "softmax", "cost"
    report = report_of(cfg(*sections, net="[net]\ninputs=4\n"))
    assert outputs(report) == [(9,), (5, 1, 1), (2,), (2,), (2,)]


def test_activations_are_named_or_the_nearest():
    words = ["linear", "leaky", "swish", "mish", "normalize_channels", "stair", "relie", "logistic"]
    report = report_of(cfg(*(f"activation activation={word}" for word in words), net=SQUARE))
    kinds = ["identity", "leaky_relu", "silu", "mish", "softmax", "softsign", "leaky_relu", "sigmoid"]
    assert [row.kind for row in report.rows] == kinds
    assert report.rows[1].arguments["negative_slope"] == 0.1
    assert "negative_slope" not in report.rows[6].arguments, "it is PyTorch's default, 0.01"
    text = cfg("activation activation=rellu#typo", net=SQUARE)
    assert report_of(text).rows[0].kind == "relu"
    assert warned(text) == [
        "<bytes>:6:1: [activation]: darknet has no activation rellu#typo: it takes relu\n"
        "    6 │ activation=rellu#typo\n"
        "      │ ^^^^^^^^^^^^^^^^^^^^^\n"
        "   did you mean relu?"
    ]


def test_a_comment_behind_a_value_is_a_part_of_it():
    text = cfg("activation activation=leaky#wasmish", net=SQUARE)
    assert report_of(text).rows[0].kind == "relu"
    assert warned(text) == [
        "<bytes>:6:1: [activation]: darknet has no activation leaky#wasmish: it takes relu\n"
        "    6 │ activation=leaky#wasmish\n"
        "      │ ^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "   write the comment on a line of its own: darknet takes what stands behind a value as a part of it"
    ]
    assert report_of(cfg("conv size=3#x stride=1;y filters=2", net=SQUARE)).rows[0].output_shape == (2, 14, 14)
    assert "weights_type is per_layer#x" in error_of(cfg("avg", "avg", "shortcut from=-2 weights_type=per_layer#x"))


@pytest.mark.parametrize(
    ("line", "found", "hint"),
    [
        ("[avg] # head", "[avg]#head", "write the comment on a line of its own"),
        ("[avg", "[avg", "write [avg]"),
    ],
)
def test_a_section_is_the_whole_line(line, found, hint):
    text = error_of(f"{SQUARE}{line}\n")
    assert f"darknet has no section {found}\n" in text
    assert 'darknet prints "Type not recognized"' in text
    assert hint in text


def test_the_first_section_is_the_whole_line():
    for line, hint in (("[net] # x", "write the comment on a line"), ("[NET]", "write [net], in lower case")):
        with pytest.raises(SpecError, match="its first section is ") as error:
            shapecalc.load((SQUARE.replace("[net]", line) + "[avg]\n").encode())
        assert hint in str(error.value), line


def test_other_sizes_of_what_reads_all_features():
    """A cfg holds no weights: that a fully connected layer has others for another size is no mistake."""
    sections = (CONV, "maxpool size=2 stride=2", "connected output=10", "gru output=4", "rnn output=3", "softmax")
    network = shapecalc.load(cfg(*sections, net=SQUARE).encode())
    assert "⌊" in str(network.formula())
    assert network.infer(input="4x20x30").total.params > network.infer().total.params
    local = shapecalc.load(cfg(CONV, "local filters=2 size=3", net=SQUARE).encode())
    assert "params = " in str(local.formula())


def test_a_number_that_is_too_large():
    text = error_of(SQUARE.replace("height=16", "height=1000000000000") + "[avg]\n")
    assert "<bytes>:3:1: [net]: height: 1000000000000 is too large: darknet counts to 2,147,483,647" in text
    assert "is too large" in error_of(SQUARE + "[avg]\n[route]\nlayers=" + "9" * 5_000)


def test_variables_that_a_cfg_has_not(tmp_path):
    (tmp_path / "a.cfg").write_text(cfg("avg", net=SQUARE), encoding="utf-8")
    _, _, err = run("solve", str(tmp_path / "a.cfg"), "--for", "width", "--macs", "10")
    assert err == "there is no variable width: the file has none\n   write --for input\n"


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (".cfg", "it is a cfg of darknet"),
        (".prototxt", "it is a net of Caffe"),
        (".weights", "the weights of a darknet network are not read"),
        (".caffemodel", "the weights of a Caffe net are not read"),
    ],
)
def test_weights_of_a_network_without_a_checkpoint(tmp_path, end, found):
    path = tmp_path / f"a{end}"
    path.write_bytes(b"[net]\nwidth=3\n")
    code, _, err = run("weights", str(path))
    assert code == 1
    assert found in err
    assert "shapecalc summary" in err


def test_a_slip_in_an_option_has_a_hint():
    (warning, *_) = [text for text in warned(cfg("conv fitlers=16 size=3", net=SQUARE)) if "fitlers" in text]
    assert "did you mean filters?" in warning


def test_masks_and_anchors_of_a_detector():
    head = "yolo mask={} classes=2 num={} anchors={}"
    conv = "conv filters=14 size=1"
    assert not warned(cfg(conv, head.format("0,1", 2, "1,2,3,4"), net=SQUARE.replace("16", "32")))
    text = error_of(cfg(conv, head.format("1,2", 2, "1,2,3,4"), net=SQUARE))
    assert "mask: 2 is not one of its num=2 boxes" in text
    assert "boxes are counted from 0: write num=3" in text
    (warning,) = warned(cfg(conv, head.format("0,1", 3, "1,2,3,4"), net=SQUARE.replace("16", "32")))
    assert "it has 2 anchors, but num=3: each box needs its width and height" in warning


def test_warnings_are_counted_where_there_are_many():
    found = warned(f"{SQUARE}[avg]\n" + "junk\n" * 300 + "".join(f"o{i}=1\n" for i in range(50)))
    assert len(found) == 21
    assert found[-1] == "330 more warnings like these are not listed"
    assert len(warned(f"{SQUARE}[avg]\n" + "junk\n" * 20)) == 20
    assert warned(f"{SQUARE}[avg]\n" + "junk\n" * 21)[-1] == "1 more warning like these is not listed"


def test_heads_are_outputs_of_the_network():
    report = report_of(CASES["yolo"])
    assert list(report.outputs) == ["2_yolo", "5_yolo"]
    assert "6 sections: 6 layers, 0 unknown; 2 stated sizes agree" in report.notes
    gaussian = cfg("conv filters=22 size=1", "Gaussian_yolo mask=0,2 classes=2", "contrastive classes=2", net=SQUARE)
    assert list(report_of(gaussian).outputs) == ["1_Gaussian_yolo", "2_contrastive"]


def test_a_softmax_is_over_all_elements_or_the_channels():
    report = report_of(cfg("softmax", net=SQUARE))
    assert [(row.kind, row.output_shape) for row in report.rows] == [("flatten", (1024,)), ("softmax", (1024,))]
    report = report_of(cfg("softmax spatial=1", "upsample", net=SQUARE).replace("[upsample]", "[cost]"))
    assert outputs(report) == [(4, 16, 16)] * 2
    assert outputs(report_of(cfg("softmax groups=8", net=SQUARE))) == [(1024,)]


def test_odd_padding_is_at_the_end_and_no_part_of_a_mean():
    rows = report_of(cfg("maxpool size=2 stride=1", "local_avgpool size=4 stride=1", net=SQUARE)).rows
    assert rows[0].arguments["padding"] == [[0, 1], [0, 1]]
    assert rows[1].arguments["padding"] == [[1, 2], [1, 2]]
    assert rows[1].arguments["count_include_pad"] is False


def test_a_padded_local_layer_keeps_the_size():
    """src/local_layer.c: ⌊(h − 1)/stride⌋ + 1 with padding."""
    assert outputs(report_of(cfg("local filters=2 size=4 pad=1", "local filters=2 size=6 pad=1 stride=4", net=SQUARE))) == [
        (2, 16, 16), (2, 4, 4)]  # fmt: skip


def test_what_is_left_out_is_as_in_darknet():
    report = report_of(cfg("history", "implicit", net=SQUARE))
    assert outputs(report)[:2] == [(16, 16, 16), (128, 1, 1)]
    classes = cfg("conv filters=75 size=1", "yolo num=3", "conv filters=25 size=1", "region", net=SQUARE)
    assert "4 sections: 4 layers, 0 unknown; 2 stated sizes agree" in report_of(classes).notes
    assert [row.kind for row in report_of(cfg("avg", "softmax", net=SQUARE)).rows] == ["global_avg_pool", "softmax"]
    assert [row.kind for row in report_of(cfg("conv filters=2 cbn=1", net=SQUARE)).rows][1] == "batch_norm"


def test_a_larger_map_is_thinned_out_for_a_shortcut():
    """src/blas.c, shortcut_cpu: every n-th position, and the first channels."""
    rows = report_of(cfg(CONV, "conv filters=4 size=1 stride=2 activation=linear", "shortcut from=0", net=SQUARE)).rows
    assert [row.arguments for row in rows if row.kind == "slice"] == [
        {"dim": 1, "end": 4}, {"dim": 2, "end": 16, "step": 2}, {"dim": 3, "end": 16, "step": 2}]  # fmt: skip


def test_a_map_is_added_to_a_list_by_channels():
    assert outputs(report_of(cfg(CONV, "conn output=6", "shortcut from=0", net=SQUARE)))[2] == (6, 1, 1)
    assert outputs(report_of(cfg("cost", "route layers=0,0", net=SQUARE)))[1] == (2048,)


def test_parts_of_recurrent_sections():
    kinds = [row.kind for row in report_of(cfg("gru output=3", net="[net]\ninputs=4\n")).rows]
    assert [kinds.count(kind) for kind in ("fc", "add", "mul", "sub", "sigmoid", "tanh")] == [6, 4, 2, 1, 2, 1]
    kinds = [row.kind for row in report_of(cfg("lstm output=3", net="[net]\ninputs=4\n")).rows]
    assert [kinds.count(kind) for kind in ("fc", "add", "mul", "sigmoid", "tanh")] == [8, 5, 3, 3, 2]
    kinds = [row.kind for row in report_of(cfg("crnn output=3", net=SQUARE)).rows]
    assert [kinds.count(kind) for kind in ("conv", "add", "sigmoid")] == [3, 1, 3], "its default activation"
    kinds = [row.kind for row in report_of(cfg("conv_lstm output=4 size=3 pad=1 bottleneck=1", net=SQUARE)).rows]
    assert [kinds.count(kind) for kind in ("conv", "sigmoid", "tanh")] == [5, 3, 3]


def test_smaller_by_a_negative_stride_is_a_sum():
    (row,) = report_of(cfg("upsample stride=-2", net=SQUARE)).rows
    assert (row.kind, row.arguments["divisor_override"], row.output_shape) == ("avg_pool", 1, (4, 8, 8))


def test_options_that_change_no_size_are_known():
    assert not warned(cfg("conv filters=2 bin_output=1 flipped=0 stopbackward=1 weights=a", "dropout probability=.5"))


def test_a_list_ends_at_a_comment():
    assert outputs(report_of(cfg("avg", "route layers=0#,5", "route layers=0;,5", net=SQUARE))) == [(4, 1, 1)] * 3


# How it is read and shown.


def test_a_file_is_a_specification_for_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.cfg").write_text(cfg(CONV, "maxpool size=2 stride=2", "avgpool", net=SQUARE), encoding="utf-8")
    report = shapecalc.load("tiny.cfg").infer()
    assert [(row.name, row.kind) for row in report.rows] == [
        ("0_convolutional.conv", "conv"), ("0_convolutional.batch_norm", "batch_norm"),
        ("0_convolutional.leaky_relu", "leaky_relu"), ("1_maxpool", "max_pool"), ("2_avgpool", "global_avg_pool"),
    ]  # fmt: skip
    assert report.name == "tiny"
    for words in ("summary", "check", "explain", "memory", "sizes", "rf", "formula", "speed --device h100"):
        command, *options = words.split()
        ran = run(command, "tiny.cfg", *options)
        assert (ran.status, ran.err) == (0, ""), words
    assert "line 5: C_out = 8" in run("explain", "tiny.cfg", "0_convolutional.conv").out
    assert "0_convolutional  block" in run("summary", "tiny.cfg", "--depth", "1").out


@pytest.mark.parametrize(
    "data",
    [
        NET.encode(), b"\xef\xbb\xbf" + NET.encode(), NET.replace("\n", "\r\n").encode(), b"\n# c\n ;d\n" + NET.encode(),
        NET.replace("[net]", " [network ] ").encode(), "# Größe\n".encode("latin-1") + NET.encode(),
    ],
)  # fmt: skip
def test_it_is_found_by_its_first_section(data, tmp_path):
    data += b"[avg]\n"
    assert outputs(shapecalc.load(data).infer()) == [(3, 1, 1)]
    (tmp_path / "network.txt").write_bytes(data)
    assert outputs(shapecalc.load(tmp_path / "network.txt").infer()) == [(3, 1, 1)]
    assert run("check", "-", text=data).status == 0


def test_a_text_is_read_like_a_file():
    assert outputs(shapecalc.load(NET + "[avg]\n").infer()) == [(3, 1, 1)]
    with pytest.raises(SpecError, match=r"<text>:1:1: \[net\]: it does not state the size"):
        shapecalc.load("[net]\n[avg]\n")


def test_utf_16_is_read_from_a_file_with_its_name(tmp_path):
    (tmp_path / "a.cfg").write_bytes((NET + "[avg]\n").encode("utf-16"))
    assert outputs(shapecalc.load(tmp_path / "a.cfg").infer()) == [(3, 1, 1)]


def test_other_files_with_this_name_are_not_darknet(tmp_path):
    spec, config = tmp_path / "spec.cfg", tmp_path / "tox.cfg"
    spec.write_text("input: 8\nlayers: [relu]\n", encoding="utf-8")
    assert shapecalc.load(spec).infer().rows[0].kind == "relu"
    config.write_text("[metadata]\nname = x\n", encoding="utf-8")
    with pytest.raises(SpecError) as error:
        shapecalc.load(config)
    assert "darknet" not in str(error.value)


def test_another_size_of_the_input():
    text = cfg(CONV, "maxpool size=2 stride=2", net=SQUARE)
    network = shapecalc.load(text.encode())
    assert outputs(network.infer(input="4x20x30")) == [(8, 20, 30), (8, 10, 15)]
    assert outputs(network.infer(input={"input": (4, 8, 8)}))[1] == (8, 4, 4)
    with pytest.raises(UsageError, match="the input is 4×16×16: not 16×16"):
        network.infer(input="16x16")
    with pytest.raises(UsageError, match="there is no input x"):
        network.infer(input={"x": (4, 8, 8)})
    with pytest.raises(UsageError, match="there is no variable width to set"):
        network.infer(vars={"width": 3})
    with pytest.raises(UsageError, match="the input is 7: not 7×7"):
        report_of("[net]\ninputs=7\n[conn]\n", input="7x7")


def test_another_size_changes_what_depends_on_it():
    """A map that is fitted to another: which elements are left out depends on the size."""
    text = cfg(CONV, "conv filters=4 size=3 stride=2 pad=1", "shortcut from=0", net=SQUARE)
    for size in (16, 18, 30):
        assert outputs(shapecalc.load(text.encode()).infer(input=(4, size, size)))[2] == (4, size // 2, size // 2)


def test_what_is_probably_a_mistake_is_a_warning():
    assert warned(NET + "width=25\nheight=16\n[conv]\nstrid=2\nfilters 32\n[conv]\nfilters=2\nfilters=3\nstrid=1\n") == [
        "<bytes>:5:1: width is repeated: darknet takes the first, width=24\n"
        "    5 │ width=25\n"
        "      │ ^^^^^^^^\n"
        "   the first: <bytes>:2:1\n"
        "    2 │ width=24\n"
        "      │ ^^^^^^^^",
        "<bytes>:9:1: darknet ignores this line: it is neither key=value nor a [section]\n"
        "    9 │ filters 32\n"
        "      │ ^^^^^^^^^^",
        "<bytes>:12:1: filters is repeated: darknet takes the first, filters=2\n"
        "   12 │ filters=3\n"
        "      │ ^^^^^^^^^\n"
        "   the first: <bytes>:11:1\n"
        "   11 │ filters=2\n"
        "      │ ^^^^^^^^^",
        "<bytes>:7:1: [conv]: filters is left out: darknet takes 1\n"
        "    7 │ [conv]\n"
        "      │ ^^^^^^",
        "<bytes>:8:1: [convolutional]: darknet has no option strid here, and ignores it (in 2 copies)\n"
        "    8 │ strid=2\n"
        "      │ ^^^^^^^\n"
        "   did you mean stride?",
    ]  # fmt: skip


def test_options_of_training_are_not_looked_at():
    assert not warned(NET + "batch=1\nbatch=64\nbatchh=3\n[avg]\n")


def test_a_detector_needs_multiples_of_32():
    sections = "conv filters=14 size=1", "yolo mask=0,1 classes=2"
    assert warned(cfg(*sections)) == [
        "<bytes>:1:1: [net]: width 24 and height 16 are not both multiples of 32, as YOLO needs\n"
        "    1 │ [net]\n"
        "      │ ^^^^^"
    ]
    assert not warned(cfg(*sections, net=SQUARE.replace("16", "64")))
    assert not warned(cfg("conv filters=14 size=1"))
    assert not shapecalc.load(cfg(*sections).encode(), input=(3, 32, 64)).warnings


def test_maps_of_different_sizes_are_joined_with_a_warning():
    text = cfg(CONV, "maxpool size=2 stride=2", "route layers=-1,0")
    assert outputs(report_of(text))[2] == (8 * (24 * 16 + 12 * 8),)
    assert warned(text) == [
        "<bytes>:16:1: [route]: maps of different sizes are joined as a list of elements: 8×8×12, 8×16×24\n"
        "   16 │ layers=-1,0\n"
        "      │ ^^^^^^^^^^^"
    ]


# Errors.

ERRORS = {
    "the head does not fit": (
        cfg(CONV, "conv filters=255 size=1", "yolo mask=0,1,2 classes=1"),
        "<bytes>:17:1: 2_yolo (yolo): its input has 255 channels, but classes=1 and mask=0,1,2 need 18\n"
        "   17 │ classes=1\n"
        "      │ ^^^^^^^^^\n"
        "   for each box 5 + 1: (1 + 5)·3 = 18\n"
        "   its input is 255×16×24 from 1_convolutional.sigmoid\n"
        "   write filters=18 in line 13, or classes=80 here",
    ),
    "the head does not fit in another way": (
        cfg("conv filters=4 size=1", "maxpool size=1", "region classes=3 num=5"),
        "<bytes>:11:1: 2_region (region): its input has 4 channels, but classes=3 and num=5 need 40\n"
        "   11 │ classes=3\n"
        "      │ ^^^^^^^^^\n"
        "   for each box 5 + 3: (3 + 5)·5 = 40\n"
        "   its input is 4×16×24 from 1_maxpool\n"
        "   it needs 40 channels before it",
    ),
    "a detector of YOLOv1": (
        cfg("connected output=10", "detection side=2 num=1 classes=2 coords=4"),
        "<bytes>:7:1: 1_detection (detection): its input has 10 elements, but side=2, num=1 and classes=2 need 28\n"
        "    7 │ [detection]\n"
        "      │ ^^^^^^^^^^^\n"
        "   side²·((1 + coords)·num + classes) = 2²·((1 + 4)·1 + 2) = 28\n"
        "   its input is 10 from 0_connected.sigmoid\n"
        "   write output=28 in line 6",
    ),
    "an unknown section": (
        cfg(CONV, "convolutionl filters=3"),
        "<bytes>:12:1: 1_convolutionl (convolutionl): darknet has no section [convolutionl]\n"
        "   12 │ [convolutionl]\n"
        "      │ ^^^^^^^^^^^^^^\n"
        '   darknet prints "Type not recognized", and its output has no size\n'
        "   its input is 8×16×24 from 0_convolutional.leaky_relu\n"
        "   did you mean convolutional?",
    ),
    "too far back": (
        cfg(CONV, "route layers=-1,-5"),
        "<bytes>:13:1: 1_route (route): layers: -5 is 5 layers back, and this is layer 1\n"
        "   13 │ layers=-1,-5\n"
        "      │ ^^^^^^^^^^^^\n"
        "   its input is 8×16×24 from 0_convolutional.leaky_relu\n"
        "   layers are counted from 0, without [net]",
    ),
    "ahead": (
        cfg(CONV, "shortcut from=7"),
        "<bytes>:13:1: 1_shortcut (shortcut): from: 7 is layer 7, which is not before it: this is layer 1\n"
        "   13 │ from=7\n"
        "      │ ^^^^^^\n"
        "   its input is 8×16×24 from 0_convolutional.leaky_relu\n"
        "   layers are counted from 0, without [net]; negative numbers count back from this one",
    ),
    "itself": (
        cfg(CONV, "route layers=1"),
        "<bytes>:13:1: 1_route (route): layers: 1 is this layer itself: this is layer 1\n"
        "   13 │ layers=1\n"
        "      │ ^^^^^^^^\n"
        "   its input is 8×16×24 from 0_convolutional.leaky_relu\n"
        "   layers are counted from 0, without [net]; negative numbers count back from this one",
    ),
    "no layers": (
        cfg("avg", "route"),
        "<bytes>:6:1: 1_route (route): layers is missing: it says which layers it reads\n"
        "    6 │ [route]\n"
        "      │ ^^^^^^^\n"
        "   its input is 3×1×1 from 0_avgpool",
    ),
    "an empty number": (
        cfg("avg", "route layers=0,"),
        "<bytes>:7:1: 1_route (route): layers: a number is missing\n"
        "    7 │ layers=0,\n"
        "      │ ^^^^^^^^^\n"
        "   darknet would read it as 0\n"
        "   its input is 3×1×1 from 0_avgpool",
    ),
    "no such group": (
        cfg("avg", "route layers=0 groups=2 group_id=2"),
        "<bytes>:9:1: 1_route (route): group_id is 2, but there are groups=2\n"
        "    9 │ group_id=2\n"
        "      │ ^^^^^^^^^^\n"
        "   its input is 3×1×1 from 0_avgpool\n"
        "   groups are counted from 0: write at most 1",
    ),
    "groups that do not divide": (
        cfg("conv filters=4 size=1 groups=2"),
        "<bytes>:8:1: 0_convolutional (conv): groups=2 does not divide the 3 channels of its input\n"
        "    8 │ groups=2\n"
        "      │ ^^^^^^^^",
    ),
    "nothing": (
        cfg("conv filters=0"),
        "<bytes>:6:1: 0_convolutional (conv): filters is 0: it must be at least 1\n"
        "    6 │ filters=0\n"
        "      │ ^^^^^^^^^",
    ),
    "a word": (
        cfg("maxpool size=two"),
        "<bytes>:6:1: 0_maxpool (maxpool): size: two is not a whole number\n"
        "    6 │ size=two\n"
        "      │ ^^^^^^^^\n"
        "   darknet would read it as 0",
    ),
    "a huge number": (
        cfg("conv filters=99999999999"),
        "<bytes>:6:1: 0_convolutional (conv): filters: 99999999999 is too large: darknet counts to 2,147,483,647\n"
        "    6 │ filters=99999999999\n"
        "      │ ^^^^^^^^^^^^^^^^^^^",
    ),
    "a stride of 0": (
        cfg("upsample stride=0"),
        "<bytes>:6:1: 0_upsample (upsample): stride is 0: it must be at least 1, or negative to divide\n"
        "    6 │ stride=0\n"
        "      │ ^^^^^^^^",
    ),
    "weights of no sort": (
        cfg("avg", "shortcut from=0 weights_type=per_pixel"),
        "<bytes>:8:1: 1_shortcut (shortcut): weights_type is per_pixel: it can be none, per_feature or per_channel\n"
        "    8 │ weights_type=per_pixel\n"
        "      │ ^^^^^^^^^^^^^^^^^^^^^^\n"
        "   its input is 3×1×1 from 0_avgpool",
    ),
    "two layers in place of one": (
        cfg("avg", "sam from=0,0"),
        "<bytes>:7:1: 1_sam (sam): from has 2 layers: it is one\n"
        "    7 │ from=0,0\n"
        "      │ ^^^^^^^^\n"
        "   its input is 3×1×1 from 0_avgpool",
    ),
    "no map": (
        cfg("softmax", "avg"),
        "<bytes>:6:1: 1_avgpool (avg): it needs a map, and the output before it is a list of 1,152 elements\n"
        "    6 │ [avg]\n"
        "      │ ^^^^^\n"
        "   darknet keeps no width, height and channels of it\n"
        "   its input is 1152 from 0_softmax.softmax",
    ),
    "no map after lists are joined": (
        cfg("softmax", "route layers=0,0", "conv"),
        "<bytes>:8:1: 2_convolutional (conv): it needs a map, and the output before it is a list of 2,304 elements\n"
        "    8 │ [conv]\n"
        "      │ ^^^^^^\n"
        "   darknet keeps no width, height and channels of it\n"
        "   its input is 2304 from 1_route",
    ),
    "no map after an activation of a list": (
        cfg("softmax", "activation activation=leaky", "maxpool"),
        "<bytes>:8:1: 2_maxpool (maxpool): it needs a map, and the output before it is a list of 1,152 elements\n"
        "    8 │ [maxpool]\n"
        "      │ ^^^^^^^^^\n"
        "   darknet keeps no width, height and channels of it\n"
        "   its input is 1152 from 1_activation",
    ),
    "no whole number of classes": (
        cfg("conv filters=256 size=1", "yolo mask=0,1,2 classes=1"),
        "<bytes>:10:1: 1_yolo (yolo): its input has 256 channels, but classes=1 and mask=0,1,2 need 18\n"
        "   10 │ classes=1\n"
        "      │ ^^^^^^^^^\n"
        "   for each box 5 + 1: (1 + 5)·3 = 18\n"
        "   its input is 256×16×24 from 0_convolutional.sigmoid\n"
        "   write filters=18 in line 6",
    ),
    "no size": (
        "[net]\nwidth=4\nheight=0\n[avg]\n",
        "<bytes>:1:1: [net]: it does not state the size of the input: channels and height are missing or 0\n"
        "    1 │ [net]\n"
        "      │ ^^^^^\n"
        "   write width=416, height=416 and channels=3, or inputs=256",
    ),
    "a negative size": (
        "[net]\nwidth=-4\n",
        "<bytes>:2:1: [net]: width is -4: no size is\n"
        "    2 │ width=-4\n"
        "      │ ^^^^^^^^",
    ),
    "no layer": (NET, "<bytes> has no layer: there is no section after [net]"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_points_at_its_line(name):
    text, message = ERRORS[name]
    assert error_of(text) == message


def test_what_does_not_depend_on_an_error_is_reported():
    with pytest.raises(ShapeError) as error:
        report_of(cfg(CONV, "conv filters=0", "route layers=1", "route layers=0", "avg"))
    rows = error.value.report.rows
    assert [row.name for row in rows][-1] == "4_avgpool"
    assert rows[-1].output_shape == (8, 1, 1)
    assert len(error.value.problems) == 1


def test_a_section_with_an_error_leaves_no_layers():
    with pytest.raises(ShapeError) as error:
        report_of(cfg("connected output=4", "region classes=1"))
    names = [node.name for node in shapecalc.load(cfg("connected output=4", "region classes=1").encode()).graph.nodes]
    assert names == ["0_connected.fc", "0_connected.sigmoid", "1_region"]
    assert len(error.value.problems) == 1


def test_files_beside_a_cfg_are_named(tmp_path):
    files = {
        "yolo.weights": (b"\0\0\0\0\2\0\0\0\5\0\0\0", "it holds the weights of a darknet network, not its layers"),
        "coco.data": (b"classes= 80\ntrain = a.txt\n", "it is a list of the files of a data set"),
        "coco.names": (b"person\nbicycle\n", "it is a list of the names of classes"),
    }
    for name, (data, message) in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SpecError) as error:
            shapecalc.load(path)
        assert str(error.value) == (
            f"{path} cannot be read as a darknet cfg: {message}\n   give the .cfg that it belongs to"
        )
    for name in ("spec.data", "spec.weights", "spec.names"):
        (tmp_path / name).write_text("input: 8\nlayers: [relu]\n", encoding="utf-8")
        assert shapecalc.load(tmp_path / name).infer().rows[0].kind == "relu"


def test_a_file_without_net(tmp_path):
    path = tmp_path / "a.cfg"
    for text, message in (
        ("[convolutional]\nsize=3\n", f"{path}:1:1: {path} is not a network: its first section is [convolutional], not [net]\n"
                                      "    1 │ [convolutional]\n      │ ^^^^^^^^^^^^^^^\n"
                                      "   begin it with [net], width=, height= and channels="),
        ("width=3\n[net]\n", f"{path}:1:1: there is something before the first section\n"
                             "    1 │ width=3\n      │ ^^^^^^^\n   begin it with [net]"),
        ("[nett]\nwidth=3\n[convolutional]\n", f"{path}:1:1: {path} is not a network: its first section is [nett], not [net]\n"
                                                "    1 │ [nett]\n      │ ^^^^^^\n   did you mean net?"),
        ("batch=64\nwidth=3\n[convolutional]\n", f"{path}:1:1: there is something before the first section\n"
                                                 "    1 │ batch=64\n      │ ^^^^^^^^\n   begin it with [net]"),
        (" \n", f"{path} is not a network: it has no section\n   begin it with [net], width=, height= and channels="),
        ("[net]\0", f"{path} cannot be read as a darknet cfg: it is binary, not text\n"
                    "   check that the file is whole, and that it is a darknet cfg"),
    ):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SpecError) as error:
            shapecalc.load(path)
        assert str(error.value) == message


# Time, and broken files.


@pytest.mark.slow
def test_ten_thousand_sections_take_linear_time():
    text = cfg(
        "conv filters=4 size=1 activation=leaky",
        *["shortcut from=-1", "route layers=-1,-2", "conv filters=4 size=1"] * 3_300,
    )
    begin = time.process_time()
    report_of(text)
    assert time.process_time() - begin < 3


def test_sizes_are_bounded():
    """Routes that double the channels: darknet's numbers have 31 bits, and these would have hundreds."""
    begin = time.process_time()
    message = error_of(cfg("conv filters=3 size=1", *["route layers=-1,-1"] * 400))
    assert message.startswith(
        "<bytes>:48:1: 21_route (route): its output would have 2,415,919,104 elements: darknet counts"
    )
    with pytest.raises(ShapecalcError, match="its output would have 9,223,372,028,264,841,218 elements"):
        report_of(cfg("conv filters=2147483647 size=1 stride=1").replace("24", "2147483647").replace("16", "2"))
    with pytest.raises(SpecError, match="it is longer than 4 MiB"):
        report_of(NET + "#" * 2**22)
    with pytest.raises(ShapeError):
        report_of(cfg("avg", "route layers=" + "0," * 500_000 + "7"))
    assert time.process_time() - begin < 5


@pytest.mark.slow
def test_too_many_sections_are_refused():
    with pytest.raises(SpecError, match="there are more than 100,000 sections"):
        report_of(NET + "[avg]\n" * 100_010)


MUTATED = [*CASES.values(), *(text for text, _ in ERRORS.values())]


@pytest.mark.parametrize("seed", range(6))
def test_a_broken_file_is_an_error_of_ours(seed):
    chance = random.Random(seed)
    for _ in range(120):
        text = chance.choice(MUTATED)
        data = mutated(text, chance)
        begin = time.process_time()
        with contextlib.suppress(ShapecalcError):
            report = shapecalc.load(data).infer()
            str(report)
        assert time.process_time() - begin < 5, data


def mutated(text, chance):
    """A file with some of its bytes, lines or numbers changed; it still begins as a cfg does."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(1, len(lines)), chance.randrange(1, len(lines))
        change = chance.randrange(6)
        if change == 0:
            del lines[at]
        elif change == 1:
            lines.insert(at, lines[other])
        elif change == 2:
            key, equals, _ = lines[at].partition("=")
            values = [
                "0",
                "-1",
                "-3",
                "1",
                "2",
                "7",
                "100",
                "2147483647",
                "99999999999999",
                "",
                "x",
                "1,,2",
                "1.5",
                "-0",
                "é",
            ]
            lines[at] = key + equals + chance.choice(values)
        elif change == 3:
            lines[at], lines[other] = lines[other], lines[at]
        elif change == 4:
            lines = lines[: max(at, 2)]
        else:
            lines[at] = lines[at][::-1]
        if len(lines) < 3:
            break
    data = bytearray("\n".join([text.splitlines()[0], *lines[1:]]).encode())
    for _ in range(chance.randrange(3)):
        data[chance.randrange(6, len(data)) if len(data) > 7 else -1] = chance.randrange(256)
    return bytes(data)
