"""Caffe's prototxt files: what is read, how it is shown, and what is said of files that are wrong."""

from __future__ import annotations

import random
import re
import time
import tracemalloc
from textwrap import dedent

import pytest
from running import run

import shapecalc
from shapecalc.errors import ShapecalcError, ShapeError, SpecError, UsageError
from shapecalc.importers.caffe.text import ProtoText, read_text_format

INPUT = 'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {} }} }} }}\n'

LENET = """\
name: "LeNet"
layer {
  name: "data"
  type: "Input"
  top: "data"
  input_param { shape: { dim: 64 dim: 1 dim: 28 dim: 28 } }
}
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  param { lr_mult: 1 }
  param { lr_mult: 2 }
  convolution_param {
    num_output: 20
    kernel_size: 5
    stride: 1
    weight_filler { type: "xavier" }
  }
}
layer {
  name: "pool1"
  type: "Pooling"
  bottom: "conv1"
  top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 }
}
layer {
  name: "ip1"
  type: "InnerProduct"
  bottom: "pool1"
  top: "ip1"
  inner_product_param { num_output: 10 }
}
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "prob" type: "Softmax" bottom: "ip1" top: "prob" }
"""


def dims(*sizes):
    return " ".join(f"dim: {size}" for size in sizes)


def of_size(*sizes):
    return INPUT.format(dims(*sizes))


def loaded(text, **options):
    return shapecalc.load(text.encode(), **options)


def report_of(text, **options):
    return loaded(text, **options).infer()


def one(kind, sizes, arguments="", tops=("x",)):
    """The report of one layer of a type on an input of these sizes, with the batch."""
    named = " ".join(f'top: "{top}"' for top in tops)
    return report_of(f'{of_size(*sizes)}layer {{ name: "x" type: "{kind}" bottom: "data" {named} {arguments} }}')


def problem_of(text, error=SpecError, **options):
    with pytest.raises(error) as caught:
        report_of(text, **options)
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


def test_a_file_is_a_specification_for_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet.prototxt").write_text(LENET)
    report = shapecalc.load("lenet.prototxt").infer()
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("conv1", "conv", (20, 24, 24)), ("pool1", "max_pool", (20, 12, 12)), ("ip1", "fc", (10,)),
        ("relu1", "relu", (10,)), ("prob", "softmax", (10,)),
    ]  # fmt: skip
    assert (report.name, report.total.params, report.total.macs) == ("LeNet", 520 + 28_810, 288_000 + 28_800)
    assert list(report.outputs) == ["prob"]
    assert report.notes[:2] == ("6 Caffe layers: 6 layers, 0 unknown", "the batch of 64 in the file is left out")
    for words in ("summary", "check", "explain", "memory", "sizes", "rf", "formula", "speed --device h100"):
        command, *options = words.split()
        ran = run(command, "lenet.prototxt", *options)
        assert (ran.status, ran.err) == (0, ""), words
    assert "lenet.prototxt: LeNet, 29,330 parameters" in run("check", "lenet.prototxt").out
    assert "line 10: C_out = 20 (out_channels)" in run("explain", "lenet.prototxt", "conv1").out


def test_a_file_is_found_by_its_name_or_by_its_layers(tmp_path):
    path = tmp_path / "train.pt"
    path.write_text(LENET)
    assert shapecalc.load(str(path)).infer().total.params == 29_330
    assert run("summary", "-", text=LENET).status == 0
    assert run("summary", "-", text="layers:\n- relu\ninput: 3x4x4\n").status == 0
    (tmp_path / "net.prototxt").write_text("layers: [relu]")
    with pytest.raises(SpecError, match="a layer must be a message in braces, not relu"):
        shapecalc.load(str(tmp_path / "net.prototxt"))


def test_formulas_and_legal_sizes_are_those_of_any_input():
    net = loaded(LENET)
    assert "every size from 5 on" in str(net.legal_sizes()), "a window of 2 on 1 position, rounded up, is one"
    assert "params = 200·⌊(H − 3)/2⌋·⌊(W − 3)/2⌋ + 530" in str(net.formula(what="params"))
    assert net.infer(input="1x32x32").total.params == 520 + 20 * 14 * 14 * 10 + 10


# The text format.


def test_the_text_format(tmp_path):
    text = """
    # a comment
    name: "a" 'b' "\\x41\\101\\n"  # adjacent texts are one
    layer < name: 'data', type: "Input"; top: "data" input_param: { shape: < dim: [2, 0x3] dim: 010 dim: [] dim: 8 > } >
    layer: { name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param { num_output: 4; kernel_size: [3, 5], bias_term: f pad_h: 1 pad_w: 0 group: 1 engine: CAFFE
                          weight_filler { std: 1.e-2f mean: -.5 value: -inf } } }
    layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0x1 } }
    """
    path = tmp_path / "net.prototxt"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    report = shapecalc.load(str(path)).infer()
    assert report.name.strip() == "abAA"
    assert report.graph.inputs["data"].sizes == (3, 8, 8)
    assert report["c"].output_shape == (4, 8, 4)
    assert report["c"].params == 4 * 3 * 15
    assert report["r"].kind == "leaky_relu"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('layer {\n  name: "a"\n', "<bytes>:2:11: the file ends within layer, which begins in line 1\n"
         '    2 │   name: "a"\n      │           ^\n   close it with }: check that the file is whole'),
        ("layer { }\n}", "<bytes>:2:1: } closes nothing that is open\n    2 │ }\n      │ ^"),
        ("layer { name }", "<bytes>:1:9: name has no value\n    1 │ layer { name }\n      │         ^^^^\n"
         "   write name: and the value, or name { … }"),
        ('layer { name: "a }\n', '<bytes>:1:15: a text in quotes has no end on its line\n    1 │ layer { name: "a }\n'
         "      │               ^"),
        ("layer { name: }", "<bytes>:1:15: name has no value: there is } in its place\n    1 │ layer { name: }\n"
         "      │               ^"),
        ("layer { dim: [1 2] }", "<bytes>:1:17: the list of dim has no end\n    1 │ layer { dim: [1 2] }\n"
         "      │                 ^\n   write ] after its last value"),
        ("layer { a: [{ }] }", "<bytes>:1:13: a has no value: there is { in its place\n    1 │ layer { a: [{ }] }\n"
         "      │             ^\n   a list of messages is written as several a { … }"),
        ("layer { ! }", "<bytes>:1:9: '!' has no meaning here\n    1 │ layer { ! }\n      │         ^"),
        ("layer { 3: 4 }", "<bytes>:1:9: the name of a field is expected, not 3\n    1 │ layer { 3: 4 }\n"
         "      │         ^"),
        ("layer { name: 'x' }", "<bytes>:1:1: the layer x has no type\n    1 │ layer { name: 'x' }\n      │ ^^^^^\n"
         '   write for instance type: "ReLU"'),
        ("layer { type: 4 }", "<bytes>:1:15: type must be a text in quotes, not 4\n    1 │ layer { type: 4 }\n"
         "      │               ^"),
    ],
)  # fmt: skip
def test_broken_text(text, message):
    assert problem_of(text) == message


def test_a_file_that_is_none(tmp_path):
    def said(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            shapecalc.load(str(path))
        return str(caught.value).replace(f"{tmp_path}/", "")

    assert said("solver.prototxt", b'net: "models/train_val.prototxt"\nbase_lr: 0.01\n') == (
        "solver.prototxt is a solver of Caffe, not a net: it names models/train_val.prototxt\n   give the file of the net"
    )
    assert said("solver.prototxt", b"base_lr: 0.01\n") == "solver.prototxt is a solver of Caffe, not a net"
    assert said("a.caffemodel", b"\x0a\x07AlexNet\x00\xa2\x06") == (
        "a.caffemodel cannot be read as a Caffe net: it is binary: the weights of a net are in a .caffemodel, its layers "
        "in a .prototxt\n   check that the file is whole, and that it is a Caffe net"
    )
    assert "it is empty" in said("a.prototxt", b"  \n")
    assert "it has no layer" in said("a.prototxt", b'name: "x"\n')
    assert "it is a web page" in said("a.prototxt", b"<!DOCTYPE html><html>")
    assert "it is compressed (gzip)" in said("a.prototxt", b"\x1f\x8b\x08")
    deep = b"layer " + b"{ a " * 1000
    assert "messages are nested more than 64 deep" in said("a.prototxt", deep)


# Names of inputs and outputs.


def test_names_that_do_not_fit():
    body = LENET.replace('bottom: "pool1"', 'bottom: "pol1"')
    text = problem_of(body, ShapeError)
    assert text == (
        "<bytes>:31:9: ip1 (InnerProduct): unknown bottom blob pol1 (bottom index 0): it is the output of no layer before "
        'it\n   31 │   type: "InnerProduct"\n      │         ^^^^^^^^^^^^^^\n   did you mean pool1?'
    )
    body = LENET.replace('top: "pool1"', 'top: "conv1"', 1).replace('bottom: "conv1"', 'bottom: "data"', 1)
    with pytest.raises(ShapeError) as caught:
        report_of(body)
    assert str(caught.value.problems[0]).splitlines()[0] == (
        "<bytes>:24:9: pool1 (Pooling): its output conv1 (top) is that of another layer too: each name has one layer"
    )
    assert "it has 2 tops, but 1 output" in problem_of(
        of_size(1, 3, 4, 4) + 'layer { name: "r" type: "ReLU" bottom: "data" top: "a" top: "b" }', ShapeError
    )


def test_fields_that_no_message_has():
    body = LENET.replace("stride: 1", "strid: 1").replace('pool1"\n  type', 'pool1"\n  botom: "a"\n  type')
    warnings = [str(warning) for warning in report_of(body).graph.warnings]
    assert warnings[0] == (
        "<bytes>:18:5: convolution_param has no field strid: it is ignored, and Caffe refuses the file\n"
        "   18 │     strid: 1\n      │     ^^^^^\n   did you mean stride?"
    )
    assert warnings[1].splitlines()[0] == (
        "<bytes>:24:3: a layer has no field botom: it is ignored, and Caffe refuses the file"
    )
    many = report_of(LENET.replace("stride: ", "strid: ")).graph.warnings
    assert [warning.message.partition(":")[0] for warning in many] == [
        "convolution_param has no field strid", "pooling_param has no field strid"
    ]  # fmt: skip


# Phases, and inputs.

PHASES = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 12 } data_param { batch_size: 8 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST stage: "deep" }
  transform_param { crop_size: 16 force_gray: true } data_param { batch_size: 4 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST not_stage: "deep" }
  transform_param { crop_size: 14 mean_value: 1 mean_value: 2 } data_param { batch_size: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 5 } }
layer { name: "extra" type: "ReLU" bottom: "ip" top: "ip" include { min_level: 2 } include { max_level: -1 } }
layer { name: "drop" type: "Dropout" bottom: "ip" top: "ip" exclude { phase: TEST } exclude { phase: TRAIN max_level: 0 } }
layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.mark.parametrize(
    ("variables", "size", "names"),
    [
        ({}, (2, 14, 14), "ip acc loss"),
        ({"phase": "train"}, (3, 12, 12), "ip loss"),
        ({"phase": "TEST", "stage": "deep"}, (1, 16, 16), "ip acc loss"),
        ({"stage": ["deep", "more"]}, (1, 16, 16), "ip acc loss"),
        ({"level": 2}, (2, 14, 14), "ip extra acc loss"),
        ({"level": -1}, (2, 14, 14), "ip extra acc loss"),
        ({"level": 1, "phase": "train"}, (3, 12, 12), "ip drop loss"),
    ],
)
def test_the_layers_of_a_state(variables, size, names):
    report = report_of(PHASES, vars=variables)
    assert report.graph.inputs["data"].sizes == size
    assert [row.name for row in report.rows] == names.split()
    assert report.graph.inputs["label"].sizes == ()


def test_what_is_said_of_a_state():
    notes = report_of(PHASES, vars={"phase": "train"}).notes
    assert notes[1:4] == (
        "the layers of phase TRAIN are shown; 5 layers of other phases, levels or stages are left out",
        "the batch of 8 in the file is left out",
        "3 channels are assumed for data: the file does not state how many",
    )
    assert not any("assumed" in note for note in report_of(PHASES).notes)
    for variables, message in (
        ({"phase": "both"}, "phase must be train or test, not both\n   write --set phase=train"),
        ({"phas": "train"}, "there is no variable phas to set\n   did you mean phase?"),
        ({"level": "two"}, "level must be a whole number, not two"),
    ):
        with pytest.raises(UsageError) as caught:
            report_of(PHASES, vars=variables)
        assert str(caught.value) == message
    state = "state { phase: TRAIN }\n" + PHASES
    assert report_of(state).graph.inputs["data"].sizes == (3, 12, 12)
    assert report_of(state, vars={"phase": "test"}).graph.inputs["data"].sizes == (2, 14, 14)
    numbered = PHASES.replace("phase: TRAIN", "phase: 0").replace("phase: TEST", "phase: 1")
    assert [row.name for row in report_of(numbered).rows] == ["ip", "acc", "loss"]
    assert "phase must be one of TRAIN, TEST, not DEPLOY" in problem_of(PHASES.replace("TRAIN", "DEPLOY", 1))


def test_a_state_without_inputs():
    never = PHASES.replace("phase: TRAIN }", 'phase: TRAIN stage: "a" }').replace("phase: TEST not_", "phase: TEST ")
    assert problem_of(never) == (
        "<bytes> has no input: no layer reads data in the phase TEST, at level 0\n"
        "   choose another state: --set phase=train, --set stage=a, --set stage=deep"
    )
    assert report_of(never, vars={"stage": "a", "phase": "train"}).graph.inputs["data"].sizes == (3, 12, 12)
    assert problem_of("\nlayer {" + RELU.partition("{")[2]).startswith(
        "<bytes> has no input: no layer reads data\n   a net for use begins with layer"
    )


def test_a_file_of_one_phase_is_shown_in_it():
    only = PHASES.replace("phase: TEST", 'phase: TEST stage: "never"')
    report = report_of(only)
    assert [row.name for row in report.rows] == ["ip", "loss"]
    assert (
        "the layers of phase TRAIN are shown; 5 layers of other phases, levels or stages are left out" in report.notes
    )


RELU = 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }'


@pytest.mark.parametrize(
    ("head", "sizes"),
    [
        ('input: "data" input_dim: 1 input_dim: 3 input_dim: 5 input_dim: 7', {"data": (3, 5, 7)}),
        ('input: "data" input: "info" input_dim: [1, 3, 5, 7, 1, 2, 1, 1]', {"data": (3, 5, 7), "info": (2, 1, 1)}),
        ('input: "data" input_shape { dim: [4, 3, 5] }', {"data": (3, 5)}),
        ('layer { name: "d" type: "Input" top: "data" top: "b" input_param { shape { dim: [2, 6] } } }',
         {"data": (6,), "b": (6,)}),
        ('layer { name: "d" type: "DummyData" top: "data" top: "b" dummy_data_param { num: 2 channels: 3 channels: 4 '
         "height: 5 width: 6 } }", {"data": (3, 5, 6), "b": (4, 5, 6)}),
        ('layer { name: "d" type: "DummyData" top: "data" dummy_data_param { shape { dim: [2, 9] } } }', {"data": (9,)}),
        ('layer { name: "d" type: "MemoryData" top: "data" top: "label" memory_data_param { batch_size: 2 channels: 3 '
         "height: 5 width: 6 } }", {"data": (3, 5, 6), "label": ()}),
        ('layer { name: "d" type: "ImageData" top: "data" top: "label" image_data_param { batch_size: 2 new_height: 5 '
         "new_width: 6 is_color: false } }", {"data": (1, 5, 6), "label": ()}),
        ('layer { name: "d" type: "ImageData" top: "data" top: "label" transform_param { crop_size: 4 } '
         "image_data_param { batch_size: 2 new_height: 5 new_width: 6 } }", {"data": (3, 4, 4), "label": ()}),
        ('layer { name: "d" type: "WindowData" top: "data" top: "label" window_data_param { batch_size: 2 crop_size: 9 } '
         "}", {"data": (3, 9, 9), "label": ()}),
        ('layer { name: "d" type: "AnnotatedData" top: "data" top: "label" data_param { batch_size: 2 } transform_param '
         "{ resize_param { height: 300 width: 200 } } }", {"data": (3, 300, 200), "label": (1, 1, 8)}),
        ('layer { name: "d" type: "Data" top: "data" input_param { shape { dim: [10, 3, 227, 227] } } }',
         {"data": (3, 227, 227)}),
    ],
)  # fmt: skip
def test_sizes_of_inputs(head, sizes):
    report = report_of(f"{head}\n{RELU}")
    assert {name: shape.sizes for name, shape in report.graph.inputs.items()} == sizes


PYTHON = """
layer { name: "in" type: "Python" top: "data" top: "label" top: "boxes" python_param { module: "m" layer: "L" } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "own" type: "Python" bottom: "ip" bottom: "boxes" top: "rois" python_param { module: "m" layer: "P" } }
layer { name: "sum" type: "Reduction" bottom: "rois" top: "sum" reduction_param { axis: 1 } }
"""


def test_labels_are_what_is_used_as_labels_alone():
    data = 'layer { type: "HDF5Data" top: "data" top: "y" top: "z" hdf5_data_param { batch_size: 4 } }\n'
    loss = 'layer { type: "SoftmaxWithLoss" bottom: "data" bottom: "z" top: "loss" }\n'
    other = 'layer { type: "EuclideanLoss" bottom: "data" bottom: "y" top: "other" }\n'
    body = data + loss + other
    missing = [problem.message.split()[-1] for problem in problems_of(body)]
    assert missing == ["data", "y"]
    both = body + 'layer { type: "ReLU" bottom: "z" top: "r" }'
    assert [problem.message.split()[-1] for problem in problems_of(both)] == ["data", "y", "z"]
    report = report_of(body, input={"data": (7,), "y": (7,)})
    assert report.graph.inputs["z"].sizes == ()


def problems_of(text):
    with pytest.raises(SpecError) as caught:
        report_of(text)
    return caught.value.problems


def test_the_channels_of_images_are_assumed_where_nothing_states_them():
    def is_assumed(kind, more=""):
        layer = f'layer {{ type: "{kind}" top: "data" transform_param {{ crop_size: 4 {more} }} }}'
        return any("assumed" in note for note in report_of(f"{layer}\n{RELU}").notes)

    assert is_assumed("Data")
    assert is_assumed("Data", "mean_value: 4")
    assert not any(
        (is_assumed("ImageData"), is_assumed("WindowData"), is_assumed("Data", "force_gray: true"),
         is_assumed("Data", "force_color: true"), is_assumed("Data", "mean_value: 4 mean_value: 4 mean_value: 4"))
    )  # fmt: skip


def test_sizes_that_the_file_does_not_state():
    with pytest.raises(SpecError) as caught:
        report_of(PYTHON)
    assert [problem.message for problem in caught.value.problems] == [
        "the layer in (Python) does not state the size of data", "the layer in (Python) does not state the size of boxes"
    ]  # fmt: skip
    assert str(caught.value.problems[0]) == (
        "<bytes>:2:26: the layer in (Python) does not state the size of data\n"
        '    2 │ layer { name: "in" type: "Python" top: "data" top: "label" top: "boxes" python_param { module: "m" layer: '
        '"L"…\n      │                          ^^^^^^^^\n   give it, without the batch: --input data=3x224x224'
    )
    sizes = {"data": (3, 4, 4), "boxes": (9, 4)}
    with pytest.raises(ShapeError) as caught:
        report_of(PYTHON, input=sizes)
    first = caught.value.problems[0]
    assert (first.headline, first.hint) == (
        "own (Python): Python is not covered, and nothing states the size of its output rois",
        "give it, without the batch: --input rois=256x14x14",
    )
    assert first.why[0] == "its sizes are computed by Python code (m.P), which is not run"
    with pytest.raises(ShapeError) as caught:  # without a module
        report_of(PYTHON.replace('module: "m" layer: "P"', ""), input=sizes)
    assert caught.value.problems[0].why[0] == "its sizes are computed by Python code, which is not run"
    report = report_of(PYTHON, input={**sizes, "rois": (300, 5)})
    assert (report["own"].kind, report["own"].output_shape, report["sum"].output_shape) == ("opaque", (300, 5), ())
    assert report.notes[0] == "5 Caffe layers: 4 layers, 1 unknown"
    for wrong, message in (
        ({"roi": (300, 5)}, "there is no input roi\n   did you mean rois?"),
        ({"ip": (300, 5)}, "ip is not an input: its size is worked out\n   its inputs are data, label, boxes, rois"),
    ):
        with pytest.raises(UsageError) as caught:
            report_of(PYTHON, input={**sizes, **wrong})
        assert str(caught.value) == message


def test_the_batch_of_a_file_that_does_not_state_sizes():
    """A Reshape may name it: 32 samples of 6 are 32 of 2×3."""
    report = report_of(
        'layer { type: "HDF5Data" top: "data" top: "label" hdf5_data_param { batch_size: 32 } }'
        'layer { type: "Reshape" bottom: "data" top: "x" reshape_param { shape { dim: [32, 2, 3] } } }'
        'layer { type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "loss" }', input="6",
    )  # fmt: skip
    assert (report.rows[0].output_shape, report.graph.inputs["label"].sizes) == ((2, 3), ())
    assert "the batch of 32 in the file is left out" in report.notes


def test_sizes_that_are_given():
    assert report_of(PHASES, input="1x9x9").graph.inputs["data"].sizes == (1, 9, 9), "a label has no axes"
    with pytest.raises(UsageError, match="name the input that is 3x9: data, boxes"):
        report_of(PYTHON, input="3x9")
    text = problem_of(LENET, input="1x3x28x28")
    assert text == "the input data is 1×28×28 without the batch: not 1×3×28×28 in <bytes>"
    assert "an axis of the impossible size -3" in problem_of(of_size(1, -3, 4, 4) + RELU)
    assert "dim must be at most 2,147,483,647, not 99999999999" in problem_of(of_size(1, 99999999999) + RELU)
    assert "dim must be a whole number, not 1.5" in problem_of(of_size(1, 1.5) + RELU)


# Layers: sizes that Caffe's own tests expect (src/caffe/test/test_*_layer.cpp), parameters by arithmetic.


def of_caffe(arguments, sizes, expected, params=0, top=0):
    kind, _, rest = arguments.partition(" ")
    return pytest.param(kind, rest, sizes, expected, params, top, id=arguments)


MAP = (2, 3, 6, 4)
BLOB = (2, 3, 6, 5)
KERNEL = "kernel_size: 3 stride: 2"

TESTS_OF_CAFFE = [
    of_caffe("Convolution convolution_param { num_output: 4 kernel_size: 3 stride: 2 }", MAP, (4, 2, 1), 4 * 27 + 4),
    of_caffe("Deconvolution convolution_param { num_output: 4 kernel_size: 3 stride: 2 }", MAP, (4, 13, 9), 4 * 27 + 4),
    of_caffe(f"Pooling pooling_param {{ {KERNEL} }}", BLOB, (3, 3, 2)),
    of_caffe(f"Pooling pooling_param {{ {KERNEL} pad: 1 pool: AVE }}", BLOB, (3, 4, 3)),
    of_caffe("Pooling pooling_param { global_pooling: true pool: AVE }", BLOB, (3, 1, 1)),
    of_caffe(f"Im2col convolution_param {{ {KERNEL} }}", BLOB, (27, 2, 2)),
    of_caffe("Flatten", BLOB, (90,)),
    of_caffe("Flatten flatten_param { axis: 2 }", BLOB, (3, 30)),
    of_caffe("Flatten flatten_param { end_axis: -2 }", BLOB, (18, 5)),
    of_caffe("Reshape reshape_param { shape { dim: [0, -1, 1, 1] } }", BLOB, (90, 1, 1)),
    of_caffe("Reshape reshape_param { shape { dim: [0, 0, 0, 0] } }", BLOB, (3, 6, 5)),
    of_caffe("Reshape reshape_param { shape { dim: [0, 3, 10, -1] } }", BLOB, (3, 10, 3)),
    of_caffe("Reshape reshape_param { axis: 1 shape { dim: [3, 10, -1] } }", BLOB, (3, 10, 3)),
    of_caffe("Reshape reshape_param { axis: 2 num_axes: 0 shape { dim: [1, 1, 1] } }", BLOB, (3, 1, 1, 1, 6, 5)),
    of_caffe("Reshape reshape_param { axis: -1 num_axes: 0 shape { dim: [1, 1, 1] } }", BLOB, (3, 6, 5, 1, 1, 1)),
    of_caffe("Reshape reshape_param { axis: 1 num_axes: 2 shape { dim: -1 } }", BLOB, (18, 5)),
    of_caffe("SPP spp_param { pyramid_height: 3 }", (2, 3, 9, 8), (63,)),
    of_caffe("SPP spp_param { pyramid_height: 5 }", (4, 3, 1024, 765), (1023,)),
    of_caffe("ArgMax", (10, 10, 20, 20), (1, 1, 1)),
    of_caffe("ArgMax argmax_param { out_max_val: true top_k: 5 }", (10, 10, 20, 20), (2, 5, 1)),
    of_caffe("ArgMax argmax_param { axis: -2 }", (10, 10, 20, 20), (10, 1, 20)),
    of_caffe("ArgMax argmax_param { axis: 2 top_k: 5 }", (10, 10, 20, 20), (10, 5, 20), top=1),
    of_caffe("ArgMax argmax_param { axis: 2 top_k: 5 out_max_val: true }", (10, 10, 20, 20), (10, 5, 20)),
]

BY_ARITHMETIC = [
    of_caffe("Convolution convolution_param { num_output: 6 kernel_h: 3 kernel_w: 1 stride_h: 2 stride_w: 1 pad_h: 1 "
             "group: 3 bias_term: false }", BLOB, (6, 3, 5), 6 * 3),
    of_caffe("Convolution convolution_param { num_output: 2 kernel_size: 3 dilation: 2 pad: [2, 1] }", BLOB, (2, 6, 3),
             2 * 27 + 2),
    of_caffe("Convolution convolution_param { num_output: 2 kernel_size: 3 }", (1, 3, 8), (2, 6), 2 * 9 + 2),
    of_caffe("Convolution convolution_param { num_output: 2 kernel_size: 3 force_nd_im2col: true }", (1, 3, 8, 8, 8),
             (2, 6, 6, 6), 2 * 81 + 2),
    of_caffe("DepthwiseConvolution convolution_param { num_output: 3 kernel_size: 3 }", BLOB, (3, 4, 3), 27 + 3),
    of_caffe("Deconvolution convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 group: 3 }", BLOB,
             (3, 12, 10), 48 + 3),
    of_caffe("Pooling pooling_param { kernel_size: 2 stride: 3 pad_h: 1 pad_w: 0 }", (1, 3, 13, 11), (3, 5, 4)),
    of_caffe("Pooling pooling_param { kernel_size: 2 stride: 3 pad_h: 1 pad_w: 0 }", (1, 3, 13, 6), (3, 5, 2)),
    of_caffe("Pooling pooling_param { kernel_size: 3 pad: 2 round_mode: FLOOR }", (1, 3, 5, 5), (3, 7, 7)),
    of_caffe("Pooling pooling_param { kernel_size: 1 stride: 2 pad_h: 0 }", (1, 3, 4, 4), (3, 3, 3)),
    of_caffe("Pooling pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }", (1, 3, 5, 5), (3, 2, 2)),
    of_caffe("Pooling pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }", (1, 3, 5, 5), (3, 2, 2)),
    of_caffe("Pooling pooling_param { kernel_size: 2 stride: 2 pool: STOCHASTIC }", (1, 3, 5, 5), (3, 3, 3)),
    of_caffe("InnerProduct inner_product_param { num_output: 7 }", BLOB, (7,), 7 * 91),
    of_caffe("InnerProduct inner_product_param { num_output: 7 axis: 2 transpose: true }", BLOB, (3, 7), 7 * 31),
    of_caffe("InnerProduct inner_product_param { num_output: 7 axis: -1 bias_term: false }", BLOB, (3, 6, 7), 35),
    of_caffe("MarginInnerProduct margin_inner_product_param { num_output: 7 }", BLOB, (7,), 7 * 90),
    of_caffe("Reshape reshape_param { axis: 1 shape { dim: [0, -1] } }", BLOB, (3, 30)),
    of_caffe("Embed embed_param { num_output: 10 input_dim: 5 }", (4, 7), (7, 10), 60),
    of_caffe("Embed embed_param { num_output: 10 input_dim: 5 bias_term: false }", (4, 7), (7, 10), 50),
    of_caffe("Scale", BLOB, (3, 6, 5), 3),
    of_caffe("Scale scale_param { bias_term: true axis: 1 num_axes: 2 }", BLOB, (3, 6, 5), 36),
    of_caffe("Scale scale_param { num_axes: -1 }", BLOB, (3, 6, 5), 90),
    of_caffe("Scale scale_param { num_axes: 0 bias_term: true }", BLOB, (3, 6, 5), 2),
    of_caffe("Bias bias_param { axis: 3 }", BLOB, (3, 6, 5), 5),
    of_caffe("BatchNorm batch_norm_param { use_global_stats: true eps: 0.001 }", BLOB, (3, 6, 5)),
    of_caffe("BatchNorm batch_norm_param { scale_bias: true }", BLOB, (3, 6, 5), 6),
    of_caffe("BN bn_param { bn_mode: INFERENCE }", BLOB, (3, 6, 5), 6),
    of_caffe("PReLU", BLOB, (3, 6, 5), 3),
    of_caffe("PReLU prelu_param { channel_shared: true }", BLOB, (3, 6, 5), 1),
    of_caffe("Normalize norm_param { across_spatial: false channel_shared: false }", BLOB, (3, 6, 5), 3),
    of_caffe("Normalize norm_param { }", BLOB, (3, 6, 5), 1),
    of_caffe("MVN", BLOB, (3, 6, 5)),
    of_caffe("MVN mvn_param { across_channels: true }", BLOB, (3, 6, 5)),
    of_caffe("LRN lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }", BLOB, (3, 6, 5)),
    of_caffe("Reduction", BLOB, ()),
    of_caffe("Reduction reduction_param { axis: 1 operation: MEAN }", BLOB, ()),
    of_caffe("Reduction reduction_param { axis: -1 operation: 2 }", BLOB, (3, 6)),
    of_caffe("Tile tile_param { axis: 1 tiles: 3 }", BLOB, (9, 6, 5)),
    of_caffe("Permute permute_param { order: [0, 2, 3, 1] }", BLOB, (6, 5, 3)),
    of_caffe("Permute permute_param { order: [0, 3] }", BLOB, (5, 3, 6)),
    of_caffe("PriorBox prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 aspect_ratio: 3 }", BLOB,
             (2, 30 * 6 * 4)),
    of_caffe("PriorBox prior_box_param { min_size: 30 aspect_ratio: 2 flip: false }", BLOB, (2, 30 * 2 * 4)),
    of_caffe("Interp interp_param { zoom_factor: 8 }", BLOB, (3, 41, 33)),
    of_caffe("Interp interp_param { shrink_factor: 2 pad_beg: -1 }", BLOB, (3, 3, 2)),
    of_caffe("Interp interp_param { height: 9 width: 4 }", BLOB, (3, 9, 4)),
    of_caffe("Upsample upsample_param { scale: 3 }", BLOB, (3, 18, 15)),
    of_caffe("Reorg reorg_param { stride: 2 }", (1, 3, 6, 4), (12, 3, 2)),
    of_caffe("Reorg reorg_param { stride: 2 reverse: true }", (1, 4, 3, 2), (1, 6, 4)),
    of_caffe("ShuffleChannel shuffle_channel_param { group: 3 }", BLOB, (3, 6, 5)),
    of_caffe("Local local_param { num_output: 2 kernel_size: 3 }", BLOB, (2, 4, 3), 12 * (2 * 27 + 2)),
    of_caffe("Softmax softmax_param { axis: -1 }", BLOB, (3, 6, 5)),
    of_caffe("DetectionOutput detection_output_param { keep_top_k: 200 }", BLOB, (1, 1, 7)),
    of_caffe("DetectionEvaluate detection_evaluate_param { num_classes: 21 background_label_id: 0 }", BLOB, (1, 21, 5)),
    of_caffe("EuclideanLoss", BLOB, ()),
    of_caffe("SmoothL1Loss", BLOB, ()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "sizes", "expected", "params", "top"), [*TESTS_OF_CAFFE, *BY_ARITHMETIC])
def test_layers(kind, arguments, sizes, expected, params, top):
    report = one(kind, sizes, arguments)
    last = report.rows[-1]
    assert last.name == "x"
    assert last.output_shapes[top] == expected
    assert report.total.params == params
    assert not report.graph.warnings
    assert report.graph.outputs[0].output == top


@pytest.mark.parametrize(
    ("written", "kind", "arguments"),
    [
        ("AbsVal", "abs", {}),
        ("BNLL", "softplus", {}),
        ("Clip clip_param { min: -1 max: 2 }", "hardtanh", {"min_val": -1, "max_val": 2}),
        ("Clip clip_param { min: 0 max: 6 }", "relu6", {}),
        ("Dropout dropout_param { dropout_ratio: 0.3 }", "dropout", {"p": 0.3}),
        ("ELU elu_param { alpha: 2 }", "elu", {"alpha": 2}),
        ("Exp", "exponential", {}),
        ("Log", "pointwise", {"function": "log"}),
        ("Power power_param { power: 2 }", "pointwise", {"function": "pow", "other": 2}),
        ("Power power_param { scale: 2 }", "mul", {}),
        ("Power power_param { shift: 2 }", "add", {}),
        ("Power", "identity", {}),
        ("ReLU", "relu", {}),
        ("ReLU relu_param { negative_slope: 0.1 }", "leaky_relu", {"negative_slope": 0.1}),
        ("ReLU6", "relu6", {}),
        ("Sigmoid", "sigmoid", {}),
        ("Swish", "silu", {}),
        ("TanH", "tanh", {}),
        ("Threshold threshold_param { threshold: 0.5 }", "pointwise", {"function": "greater", "other": 0.5}),
        ("HardSwish", "hardswish", {}),
        ("LRN lrn_param { local_size: 3 alpha: 0.0001 }", "local_response_norm", {"size": 3}),
        ("LRN", "local_response_norm", {"alpha": 1}),
        ("LRN lrn_param { norm_region: 1 }", "local_response_norm", {"norm_region": "within_channel"}),
        ("Softmax", "softmax", {"dim": 1}),
        ("Normalize norm_param { }", "normalize", {"scale": "one", "dim": (1, 2, 3)}),
        ("MVN", "instance_norm", {"eps": 1e-9}),
        ("Pooling pooling_param { pool: AVE kernel_size: 3 pad: 1 }", "avg_pool", {"stride": 1, "padding": 1}),
        ("L2Loss", "loss", {"function": "L2Loss"}),
    ],
)
def test_kinds_and_their_arguments(written, kind, arguments):
    name, _, rest = written.partition(" ")
    row = one(name, BLOB, rest).rows[-1]
    assert row.kind == kind
    assert {name: row.node.layer.values()[name] for name in arguments} == arguments


def two(kind, one_size, other, arguments="", more=""):
    head = (
        f'{of_size(*one_size)}layer {{ type: "Input" top: "b" input_param {{ shape {{ {dims(*other)} }} }} }}\n{more}'
    )
    return report_of(f'{head}layer {{ name: "x" type: "{kind}" bottom: "data" bottom: "b" top: "x" {arguments} }}').rows


def test_layers_of_several_inputs():
    assert [row.kind for row in two("Eltwise", BLOB, BLOB)] == ["add"]
    assert [row.kind for row in two("Eltwise", BLOB, BLOB, "eltwise_param { operation: PROD }")] == ["mul"]
    assert [row.kind for row in two("Eltwise", BLOB, BLOB, "eltwise_param { operation: 2 }")] == ["maximum"]
    assert [row.kind for row in two("Eltwise", BLOB, BLOB, "eltwise_param { coeff: 1 coeff: -1 }")] == ["sub"]
    assert two("Concat", BLOB, (2, 5, 6, 5))[-1].output_shape == (8, 6, 5), "Caffe's test_concat_layer.cpp"
    assert one("Concat", BLOB).rows[0].kind == "concat", "of one input"
    assert two("Concat", (1, 5), (1, 5), "concat_param { axis: 0 }")[-1].output_shape == (2, 5), "in a batch of one"
    assert two("Concat", BLOB, (2, 3, 1, 5), "concat_param { concat_dim: 2 }")[-1].output_shape == (3, 7, 5)
    crop = two("Crop", (2, 4, 5, 4), (2, 3, 4, 2), "crop_param { axis: 1 }")
    assert crop[-1].output_shape == (3, 4, 2), "Caffe's test_crop_layer.cpp, cropping all but the batch"
    crop = two("Crop", (2, 4, 5, 4), (2, 3, 4, 2), "crop_param { axis: 2 offset: 1 offset: 2 }")
    assert (crop[-1].kind, crop[-1].output_shape) == ("crop", (4, 4, 2))
    assert crop[-1].node.layer.cropping == ((1, 0), (2, 0))
    with pytest.raises(ShapeError) as caught:
        two("Crop", (2, 4, 5, 4), (2, 3, 4, 2), "crop_param { axis: 2 offset: 1 offset: 3 }")
    assert caught.value.problems[0].message == "it cuts 2 from position 3 on, along axis 3, of which there are 4"
    with pytest.raises(ShapeError) as caught:
        two("Eltwise", BLOB, (2, 3, 1, 1))
    assert caught.value.problems[0].message == "its inputs differ: input 1 is 3×6×5, input 2 is 3×1×1"
    with pytest.raises(ShapeError) as caught:
        two("Scale", BLOB, (2, 4), "scale_param { axis: 0 }")
    assert caught.value.problems[0].message == "its second input 2×4 does not fit the axes of 2×3×6×5 from axis 0 on"
    scale = two("Scale", BLOB, (2, 3), "scale_param { axis: 0 }")
    assert [(row.kind, row.output_shape) for row in scale] == [("reshape", (3, 1, 1)), ("mul", (3, 6, 5))]
    flat = 'layer { name: "p" type: "Parameter" top: "w" parameter_param { shape { dim: 3 } } }'
    scale = report_of(
        f'{of_size(*BLOB)}{flat}layer {{ name: "x" type: "Scale" bottom: "data" bottom: "w" top: "x" scale_param '
        "{ bias_term: true } }"
    )
    assert (scale.rows[-1].output_shape, scale.total.params) == ((3, 6, 5), 6)
    flat = flat.replace("dim: 3", "dim: [3, 6]")
    scale = report_of(
        f'{of_size(*BLOB)}{flat}layer {{ name: "x" type: "Scale" bottom: "data" bottom: "w" top: "x" scale_param '
        "{ bias_term: true } }"
    )
    assert (scale.rows[-1].output_shape, scale.total.params) == ((3, 6, 5), 36), "as many biases as factors"
    unpool = report_of(
        f'{of_size(1, 3, 7, 8)}layer {{ type: "Pooling" name: "p" bottom: "data" top: "p" top: "mask" pooling_param '
        "{ kernel_size: 2 stride: 2 } }"
        'layer { type: "Upsample" name: "x" bottom: "p" bottom: "mask" top: "x" upsample_param { scale: 2 upsample_h: 7 '
        "upsample_w: 8 } }"
    ).rows
    assert [(row.kind, row.output_shapes[0]) for row in unpool] == [("max_pool", (3, 4, 4)), ("max_unpool", (3, 7, 8))]


AFTER = 'layer {{ name: "y" type: "{}" bottom: "x" top: "y" {} }}'


def after(first, then):
    """The last row of a layer on 2×3×6×5, then another."""
    kinds = [written.partition(" ") for written in (first, then)]
    body = f'layer {{ name: "x" type: "{kinds[0][0]}" bottom: "data" top: "x" {kinds[0][2]} }}'
    return report_of(of_size(*BLOB) + body + AFTER.format(kinds[1][0], kinds[1][2])).rows[-1]


def test_where_the_batch_is():
    swapped = "Permute permute_param { order: [1, 0] }"
    softmax = after(swapped, "Softmax softmax_param { axis: 0 }")
    assert (softmax.output_shape, softmax.node.layer.dim) == ((3, 6, 5), 1)
    assert after(swapped, "Flatten flatten_param { axis: 2 }").output_shape == (3, 30)
    assert after("Reduction", "Reshape reshape_param { shape { dim: [1] } }").output_shape in ((), (1,))
    merged = "Reshape reshape_param { shape { dim: [6, -1] } }"
    assert after(merged, "Reshape reshape_param { shape { dim: [2, 90] } }").output_shape == (90,)
    for first, then, message in (
        (swapped, "Softmax", "it works along axis 1, which is that of the batch"),
        ("Permute permute_param { order: [1, 2, 0, 3] }", "InnerProduct inner_product_param { num_output: 2 }",
         "it joins axes from 1 on, with that of the batch"),
        (swapped, "Pooling pooling_param { kernel_size: 2 }", "the first axis of its input is not the batch alone"),
    ):  # fmt: skip
        with pytest.raises(ShapeError) as caught:
            after(first, then)
        assert caught.value.problems[0].why[0] == message
    own = 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: [2, 3] } } }'
    with pytest.raises(ShapeError) as caught:
        report_of(f'{of_size(2, 3)}{own}layer {{ type: "Concat" bottom: "data" bottom: "p" top: "x" }}')
    assert caught.value.problems[0].why[0] == "the batch is not along the same axis of all its inputs"


def test_statistics_of_batch_normalisations():
    assert one("BatchNorm", BLOB).rows[0].buffers == 6
    assert one("BN", BLOB).rows[0].buffers == 6
    assert one("BN", BLOB, "bn_param { bn_mode: LEARN }").rows[0].buffers == 0, "SegNet's has none"


def test_layers_of_several_outputs():
    parts = one("Slice", (6, 12, 2, 3), "slice_param { slice_point: 3 }", ("x", "y")).rows[0]
    assert parts.output_shapes == [(3, 2, 3), (9, 2, 3)], "Caffe's test_slice_layer.cpp, TestSetupChannels"
    parts = one("Slice", (6, 12, 2, 3), "slice_param { slice_dim: 1 }", ("x", "y", "z")).rows[0]
    assert parts.output_shapes == [(4, 2, 3)] * 3
    batch = one("Slice", (6, 12, 2, 3), "slice_param { axis: 0 }", ("x", "y"))
    assert [row.output_shape for row in batch.rows] == [(12, 2, 3)] * 2
    assert "x cuts the batch into 2: one sample of each part is shown" in batch.notes
    body = RELU + 'layer { type: "Split" bottom: "r" top: "a" top: "b" } layer { type: "Silence" bottom: "a" }'
    report = report_of(of_size(2, 3) + body)
    assert ([row.kind for row in report.rows], [*report.outputs]) == (["relu"], ["b"])
    both = one("SoftmaxWithLoss", (2, 10), "", ("x", "y"))
    assert [row.kind for row in both.rows] == ["softmax"]


def test_losses_are_shown_as_such():
    head = of_size(5, 10) + 'layer { type: "Input" top: "label" input_param { shape { dim: 5 } } }'
    body = (
        f'{head} layer {{ name: "acc" type: "Accuracy" bottom: "data" bottom: "label" top: "acc" top: "per_class" }}'
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" top: "prob" }'
    )
    rows = report_of(body).rows
    assert [(row.name, row.kind, row.output_shape) for row in rows] == [
        ("acc", "accuracy", ()), ("acc_per_class", "opaque", (10,)), ("loss", "loss", ()), ("loss_softmax", "softmax", (10,))
    ]  # fmt: skip
    assert rows[2].node.layer.function == "SoftmaxWithLoss"
    alone = one("SoftmaxWithLoss", (5, 10))
    assert (alone.rows[0].kind, alone.rows[0].output_shape) == ("softmax", (10,))
    assert "x is a loss without labels, which Caffe refuses: shown as a softmax" in alone.notes
    python = report_of(head + 'layer { type: "Python" bottom: "data" bottom: "label" top: "l" loss_weight: 1 '
                       'python_param { module: "m" layer: "Focal" } }')  # fmt: skip
    assert python.rows[0].kind == "loss"


SEQUENCE = """
layer { name: "in" type: "Input" top: "data" top: "cont" input_param { shape { dim: [16, 8, 100] } shape { dim: [16, 8] } } }
layer { name: "lstm" type: "LSTM" bottom: "data" bottom: "cont" top: "lstm" recurrent_param { num_output: 256 } }
layer { name: "fc" type: "InnerProduct" bottom: "lstm" top: "fc" inner_product_param { num_output: 101 axis: 2 } }
layer { name: "rnn" type: "RNN" bottom: "fc" bottom: "cont" top: "rnn" recurrent_param { num_output: 3 } }
"""


def test_labels_are_shown_as_scalars(tmp_path):
    (tmp_path / "a.prototxt").write_text(PHASES)
    (tmp_path / "b.prototxt").write_text(PHASES.replace("num_output: 5", "num_output: 6"))
    paths = str(tmp_path / "a.prototxt"), str(tmp_path / "b.prototxt")
    assert "a, input 2×14×14, scalar" in run("diff", *paths).out
    assert "label scalar" in run("summary", paths[0]).out
    assert "2×14×14, scalar" in run("compare", *paths).out


def test_recurrent_layers():
    report = report_of(SEQUENCE)
    rows = [(row.name, row.kind, row.output_shapes[0], row.params) for row in report.rows]
    assert rows == [
        ("lstm", "lstm", (16, 256), 1024 * (100 + 256 + 1)), ("fc", "linear", (16, 101), 101 * 257),
        ("rnn_hidden", "rnn", (16, 3), 3 * (101 + 3 + 1)), ("rnn_output", "linear", (16, 3), 12), ("rnn", "tanh", (16, 3), 0),
    ]  # fmt: skip
    assert "the batch of 8 in the file is left out" in report.notes
    static = """
    input: "cont" input_shape { dim: 1 dim: 1000 } input: "words" input_shape { dim: 1 dim: 1000 }
    input: "image" input_shape { dim: 1000 dim: 30 }
    layer { name: "e" type: "Embed" bottom: "words" top: "e" embed_param { input_dim: 50 num_output: 20 bias_term: false } }
    layer { name: "l" type: "LSTM" bottom: "e" bottom: "cont" bottom: "image" top: "l" recurrent_param { num_output: 7 } }
    """
    rows = [(row.name, row.output_shapes[0], row.params) for row in report_of(dedent(static)).rows]
    assert rows == [("e", (1, 20), 1000), ("l_static", (28,), 28 * 30), ("l", (1, 7), 28 * (20 + 7 + 1))]
    merged = SEQUENCE.replace("dim: [16, 8, 100]", "dim: [128, 100]").replace('bottom: "data"', 'bottom: "r"')
    split = 'layer { type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: [16, 8, 100] } } }\n'
    merged = merged.replace('layer { name: "lstm"', split + 'layer { name: "lstm"')
    assert report_of(merged)["lstm"].output_shapes[0] == (16, 256), "frames of several videos, one after the other"
    exposed = SEQUENCE.replace('bottom: "cont" top: "lstm"', 'bottom: "cont" bottom: "h" bottom: "c" top: "lstm" top: "hT" '
                               'top: "cT"').replace("num_output: 256", "num_output: 256 expose_hidden: true")  # fmt: skip
    states = 'layer { type: "Input" top: "h" top: "c" input_param { shape { dim: [1, 8, 256] } } }'
    report = report_of(exposed.replace("layer", states + " layer", 1))
    assert report["lstm"].output_shapes == [(16, 256), (1, 256), (1, 256)]
    assert [*report.outputs] == ["hT", "cT", "rnn"]
    assert [row.name for row in report.rows][:2] == ["lstm", "fc"], "no input is the same at every step"
    unsized = """
    layer { type: "HDF5Data" top: "cont" top: "words" top: "target" hdf5_data_param { batch_size: 20 } }
    layer { name: "e" type: "Embed" bottom: "words" top: "e" embed_param { input_dim: 50 num_output: 20 bias_term: false } }
    layer { name: "l" type: "LSTM" bottom: "e" bottom: "cont" top: "l" recurrent_param { num_output: 7 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "l" bottom: "target" top: "loss" softmax_param { axis: 2 } }
    """
    report = report_of(dedent(unsized), input={"cont": (20,), "words": (20,)})
    assert (report["l"].output_shapes[0], report.total.params) == ((20, 7), 1000 + 28 * 28)
    text = problem_of(of_size(2, 3, 4) + 'layer { type: "LSTM" bottom: "data" top: "x" }', ShapeError)
    assert "its second input (cont) is missing: steps × samples" in text


REGIONS = """
input: "data" input_shape { dim: [1, 3, 32, 48] } input: "rois" input_shape { dim: [1, 5, 1, 1] }
layer { name: "roi" type: "ROIPooling" bottom: "data" bottom: "rois" top: "roi"
  roi_pooling_param { pooled_h: 7 pooled_w: 6 spatial_scale: 0.0625 } }
layer { name: "fc" type: "InnerProduct" bottom: "roi" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def test_layers_on_regions():
    report = report_of(REGIONS, input={"rois": (300, 5)})
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("roi_boxes", "slice", (300, 4)), ("roi", "roi_align", (300, 3, 7, 6)), ("fc_flatten", "flatten", (300, 126)),
        ("fc", "linear", (300, 4)), ("prob", "softmax", (300, 4)),
    ]  # fmt: skip
    assert report["fc"].macs == 300 * 126 * 4
    assert report_of(REGIONS)["fc"].output_shape == (1, 4)
    position = REGIONS.replace("ROIPooling", "PSROIPooling").replace(
        "roi_pooling_param { pooled_h: 7 pooled_w: 6", "psroi_pooling_param { output_dim: 21 group_size: 7"
    )
    assert report_of(position)["roi"].output_shape == (1, 21, 7, 7)


SHARED = """
layer {{ name: "one" type: "InnerProduct" bottom: "data" top: "one" {} inner_product_param {{ num_output: 5 }} }}
layer {{ name: "two" type: "InnerProduct" bottom: "data" top: "two" {} inner_product_param {{ num_output: 5 }} }}
"""


def test_parameters_that_layers_share_by_name():
    whole = 'param { name: "w" } param { name: "b" }'
    report = report_of(of_size(1, 7) + SHARED.format(whole, whole))
    assert (report.total.params, report["two"].node.shares) == (40, 0)
    first = 'param { name: "w" }'
    assert report_of(of_size(1, 7) + SHARED.format(first, first)).total.params == 35 + 5 + 5
    oldest = 'param: "w" param: "b" blobs_lr: 1'
    assert report_of(of_size(1, 7) + SHARED.format(oldest, oldest)).total.params == 40
    other = SHARED.format(whole, whole).replace("num_output: 5", "num_output: 6", 1)
    text = problem_of(of_size(1, 7) + other, ShapeError)
    assert "two (InnerProduct): its parameter w is 5×7 here, but 6×7 in the layer one, which shares it" in text


def test_parameters_that_are_not_learned():
    frozen = "param { lr_mult: 0 } param { lr_mult: 0 }"
    report = report_of(of_size(1, 7) + SHARED.format(frozen, "param { lr_mult: 0 } param { lr_mult: 2 }"))
    assert [row.node.frozen for row in report.rows] == [True, False]
    assert (report.total.params, report.total.trainable) == (80, 40)


# The older dialects.

V1 = """
layers < name: "mnist" type: DATA top: "data" top: "label" data_param < crop_size: 28 batch_size: 0x40 > include: { phase: TRAIN } >
layers { name: "mnist" type: DATA top: "data" top: "label" data_param { crop_size: 28 batch_size: 100 } include: { phase: TEST } }
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2 weight_decay: 1
  convolution_param { num_output: 20 kernel_size: 5 } }
layers { name: "ip2" type: INNER_PRODUCT bottom: "conv1" top: "ip2" blobs_lr: 0 blobs_lr: 0 inner_product_param { num_output: 10 } }
layers { name: "acc" type: ACCURACY bottom: "ip2" bottom: "label" top: "acc" include: { phase: TEST } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip2" bottom: "label" top: "loss" }
"""

V0 = """
input: "data" input_dim: 10 input_dim: 3 input_dim: 227 input_dim: 227
layers { layer { name: "conv1" type: "conv" num_output: 96 kernelsize: 11 stride: 4 biasterm: false blobs_lr: 1. } bottom: "data" top: "conv1" }
layers { layer { name: "relu1" type: "relu" } bottom: "conv1" top: "conv1" }
layers { layer { name: "pool1" type: "pool" pool: AVE kernelsize: 3 stride: 2 } bottom: "conv1" top: "pool1" }
layers { layer { name: "norm1" type: "lrn" local_size: 3 } bottom: "pool1" top: "norm1" }
layers { layer { name: "pad2" type: "padding" pad: 2 } bottom: "norm1" top: "pad2" }
layers { layer { name: "fc" type: "innerproduct" num_output: 10 } bottom: "pad2" top: "fc" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.25 } bottom: "fc" top: "fc" }
layers { layer { name: "prob" type: "softmax" } bottom: "fc" top: "prob" }
"""


def test_two_dialects_in_one_file_are_in_their_order():
    body = (
        'layers { name: "b" type: RELU bottom: "data" top: "b" }\nlayer { name: "c" type: "TanH" bottom: "b" top: "c" }'
    )
    more = '\nlayers { name: "d" type: RELU bottom: "c" top: "d" }'
    assert [row.name for row in report_of(of_size(1, 3) + body + more).rows] == ["b", "c", "d"]


def test_the_older_dialects():
    report = report_of(V1)
    assert [(row.name, row.kind) for row in report.rows] == [
        ("conv1", "conv"), ("ip2", "fc"), ("acc", "accuracy"), ("loss", "loss")
    ]  # fmt: skip
    assert (report.total.params, report.total.trainable) == (1520 + 115_210, 1520)
    assert not report.graph.warnings
    report = report_of(V0)
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("conv1", "conv", (96, 55, 55)), ("relu1", "relu", (96, 55, 55)), ("pool1", "avg_pool", (96, 27, 27)),
        ("norm1", "local_response_norm", (96, 27, 27)), ("pad2", "pad", (96, 31, 31)), ("fc", "fc", (10,)),
        ("drop", "dropout", (10,)), ("prob", "softmax", (10,)),
    ]  # fmt: skip
    assert report.total.params == 96 * 363 + 96 * 31 * 31 * 10 + 10
    assert report["drop"].node.layer.p == 0.25
    assert not report.graph.warnings


# Names.


def test_blocks_are_what_names_have_before_a_slash():
    names = ("conv1", "conv1/bn", "conv1/relu", "pool1/3x3_s2", "inc/a/x", "inc/a/y", "inc/pool", "last", "last")
    body = of_size(1, 3, 4, 4)
    bottom = "data"
    for number, name in enumerate(names):
        body += f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "t{number}" }}\n'
        bottom = f"t{number}"
    report = report_of(body)
    assert [row.name for row in report.rows] == [
        "conv1.conv1", "conv1.bn", "conv1.relu", "pool1/3x3_s2", "inc.a.x", "inc.a.y", "inc.pool", "last", "last_2"
    ]  # fmt: skip
    assert [block.name for block in report.graph.blocks] == ["conv1", "inc", "inc.a"]


# Layers that are wrong.


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Convolution", "it has no kernel_size"),
        ("Convolution convolution_param { kernel_size: 3 }", "it has no num_output"),
        ("Convolution convolution_param { kernel_size: 3 num_output: 0 }", "num_output must be at least 1, not 0"),
        ("Convolution convolution_param { kernel_size: 3 kernel_h: 3 num_output: 1 }",
         "it needs both kernel_h and kernel_w, or kernel_size"),
        ("Convolution convolution_param { kernel_size: 3 kernel_h: 3 kernel_w: 3 num_output: 1 }",
         "it has both kernel_size and kernel_h or kernel_w: one of them is too much"),
        ("Convolution convolution_param { kernel_size: [1, 2, 3] num_output: 1 }",
         "it has 3 values of kernel_size for 2 spatial axes"),
        ("Convolution convolution_param { kernel_size: 0 num_output: 1 }", "kernel_size must be at least 1, not 0"),
        ("Convolution convolution_param { kernel_size: 3 num_output: 4 group: 2 }",
         "groups (=2) must divide channels of the input (=3)"),
        ("Convolution convolution_param { kernel_size: 9 num_output: 4 }", "the 9×9 window does not fit its 6×5 input"),
        ("Convolution convolution_param: 3", "convolution_param must be a message in braces, not 3"),
        ("Convolution convolution_param { kernel_size: 3 num_output: 4 bias_term: maybe }",
         "bias_term must be true or false, not maybe"),
        ("Pooling pooling_param { kernel_size: 3 pad: 3 }", "pad 3 is not less than kernel_size 3: a window would be padding alone, and Caffe stops"),
        ("Pooling pooling_param { kernel_size: 3 pool: MEAN }", "pool must be one of MAX, AVE, STOCHASTIC, not MEAN"),
        ('ReLU relu_param { negative_slope: "a" }', 'negative_slope must be a number, not "a"'),
        ("Softmax softmax_param { axis: 4 }", "there is no axis 4: its input has 4 axes"),
        ("Eltwise", "its input 1 is missing: it has 1 (bottom)"),
        ('Eltwise bottom: "data" eltwise_param { coeff: 1 }', "it has 1 values of coeff for 2 inputs"),
        ("Reshape reshape_param { shape { dim: [0, -1, -1] } }", "more than one of its dims is -1: only one can be inferred"),
        ("Reshape reshape_param { shape { dim: [0, 7, -1] } }",
         "its dims [0, 7, -1] do not divide the 180 elements of its input"),
        ("Reshape reshape_param { shape { dim: [0, 0, 0, 0, 0] } }",
         "its dim 4 of 0 keeps an axis that its input does not have"),
        ("Reshape reshape_param { axis: 9 }", "its axis and num_axes are beyond the 4 axes of its input"),
        ("Flatten flatten_param { axis: 3 end_axis: 2 }", "its end_axis 2 is before its axis 3"),
        ("Permute permute_param { order: [0, 0] }", "its order [0, 0] is not an arrangement of 4 axes"),
        ('Slice top: "y" slice_param { slice_point: [1, 2] }',
         "it has 2 values of slice_point for 2 outputs: it needs 1"),
        ('Slice top: "y" slice_param { slice_point: 3 }',
         "its slice_points [3] do not rise from 1 to below 3, the size of axis 1"),
        ('Slice top: "y"', "axis 1 of 3 cannot be cut into 2 equal parts"),
        ("Scale scale_param { num_axes: 4 }", "it has 4 axes from axis 1 on, but its input has 4 axes"),
        ("SPP", "pyramid_height must be between 1 and 16, not 0"),
        ("PriorBox", "it has no min_size"),
        ("Interp", "it has neither height and width, nor shrink_factor or zoom_factor"),
        ("Clip clip_param { min: 3 max: 1 }", "min 3 must be below max 1"),
        ("Parametr", "Parametr is not covered, and nothing states the size of its output x"),
    ],
)  # fmt: skip
def test_layers_that_are_wrong(written, message):
    kind, _, rest = written.partition(" ")
    with pytest.raises(ShapeError) as caught:
        one(kind, BLOB, rest)
    assert caught.value.problems[0].message == message
    assert caught.value.problems[0].mark.line == 2


def test_an_error_points_at_the_value():
    body = LENET.replace("kernel_size: 5", "kernel_size: five")
    with pytest.raises(ShapeError) as caught:
        report_of(body)
    assert str(caught.value.problems[0]) == (
        "<bytes>:17:18: conv1 (Convolution): kernel_size must be a whole number, not five\n"
        "   17 │     kernel_size: five\n      │                  ^^^^"
    )


def test_what_is_before_an_error_is_shown(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(LENET.replace('"InnerProduct"', '"Unheard"'))
    ran = run("summary", str(path))
    assert ran.status == 1
    assert "pool1  max_pool" in ran.out
    assert "6 Caffe layers: 3 layers, 1 unknown, 2 without a size" in ran.out
    assert "ip1 (Unheard): Unheard is not covered" in ran.err
    ran = run("summary", str(path), "--input", "ip1=99")
    assert (ran.status, "ip1    opaque" in ran.out) == (0, True)


# Files of strangers.


def broken(text, rng):
    """Return a text with a few things wrong: characters, lines and words deleted, doubled, changed, moved."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        choice = rng.randrange(7)
        if choice == 0:
            del lines[at]
        elif choice == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif choice == 2:
            lines = lines[: at + 1]
        elif choice == 3:
            line = lines[at]
            i = rng.randrange(len(line))
            lines[at] = line[:i] + rng.choice("{}<>:\"'[],;#-\0é0 9a\\") + line[i + rng.randint(0, 1) :]
        elif choice == 4:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = rng.choice(
                ["-1", "0", "4294967296", "1e400", "nan", "{", "}", '"data"', "TRAIN", "[", "0x", "true", "99999999"]
            )
            lines[at] = " ".join(words)
        elif choice == 5:
            lines[at] = lines[at].replace('"data"', '"x"').replace("5", "500000")
        else:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        if not lines:
            break
    return "".join(lines)


SOURCES = [LENET, PHASES, PYTHON, V1, V0, REGIONS, SEQUENCE, *[
    f'{of_size(*case.values[2])}layer {{ name: "x" type: "{case.values[0]}" bottom: "data" top: "x" {case.values[1]} }}\n'
    for case in (*TESTS_OF_CAFFE, *BY_ARITHMETIC)
]]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_a_broken_file_is_an_error_or_a_network(seed):
    rng = random.Random(seed)
    begin = time.process_time()
    for _ in range(120):
        text = broken(rng.choice(SOURCES), rng).replace(" ", rng.choice([" ", " ", "\n"]))
        try:
            net = shapecalc.load(text.encode(), **rng.choice([{}, {"input": "3x8x8"}, {"vars": {"phase": "train"}}]))
            str(net.infer())
        except ShapecalcError as error:
            said = str(error)
            assert said
    assert time.process_time() - begin < 60


def test_a_large_file_takes_bounded_time_and_memory():
    body = "".join(
        f'layer {{ name: "r{i}" type: "ReLU" bottom: "{f"t{i - 1}" if i else "data"}" top: "t{i}" }}\n'
        for i in range(5_000)
    )
    tracemalloc.start()
    begin = time.process_time()
    report = report_of(of_size(1, 3, 4, 4) + body)
    took, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(report.rows) == 5_000
    assert took < 20
    assert peak < 100e6
    begin = time.process_time()
    with pytest.raises(SpecError):
        report_of('layer { type: "ReLU" ' + "a { " * 1_000_000)
    with pytest.raises(SpecError):
        report_of('layer { x: "' + "\\\\" * 1_000_000)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    "text",
    [
        "a: 1 b: -2.5e3 c: 0x1F d: .5f }",
        'a: "x" b: "y z" c: \'q\' d: "1" "2" e: "\\n" }',
        "a: MAX b: true c: -inf d: [1, 2] e: 3x f: 1.2.3 }",
        "a : 1 b:2 c { d: 4 } e: < f: 5 > }",
        "a: b: 3 } g: 1",
    ],
)
def test_fields_are_read_alike_with_and_without_separators(text):
    """A field before the name of another is read at once, any other sign by sign."""

    def read(text):
        try:
            whole = read_text_format(ProtoText("a.prototxt", f"m {{ {text}"))
        except shapecalc.ShapecalcError as error:
            return str(error).partition(": ")[2].splitlines()[0]
        return [fields(whole)]

    def fields(message):
        return {name: [entry._replace(message=entry.message and fields(entry.message)) for entry in entries]
                for name, entries in message.fields.items()}  # fmt: skip

    assert read(text) == read(re.sub(r"(?<=[\w\"']) (?=[a-z]\w* ?:|\})", ",", text))
