"""Caffe nets that Caffe refuses, or that are strange: what is said of them."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from running import run
from test_caffe import dims, loaded, of_size

import shapecalc
from shapecalc.errors import ShapecalcError

MAP = of_size(1, 3, 8, 8)


def layer(type_, *bottoms, top="y", more="", name="x"):
    tops = "".join(f' top: "{one}"' for one in ([top] if isinstance(top, str) else top))
    inputs = "".join(f' bottom: "{one}"' for one in bottoms)
    return f'layer {{ name: "{name}" type: "{type_}"{inputs}{tops} {more} }}\n'


def error_of(text):
    with pytest.raises(ShapecalcError) as error:
        loaded(text).infer()
    return str(error.value)


def warned(text):
    return [str(problem) for problem in loaded(text).warnings]


# Time and memory.


def test_deep_names_are_cut():
    name = "/".join(["a"] * 16_000)
    tracemalloc.start()
    network = loaded(MAP + "".join(layer("ReLU", "data", top=f"y{i}", name=f"{name}/{i}") for i in range(3)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    (first, *_) = network.graph.nodes
    assert first.name.endswith("a/0")
    assert len(network.graph.blocks) == 24
    assert first.name.count("a") == 16_000, "what is deeper stays in the last name"


def test_many_outputs_of_one_layer():
    start = time.process_time()
    tops = [f"t{i}" for i in range(50_000)]
    report = loaded(MAP + layer("Split", "data", top=tops) + layer("ReLU", "t7")).infer()
    assert time.process_time() - start < 10
    assert [row.kind for row in report.rows] == ["relu"]
    assert "its output t3 (top) is that of another layer too" in error_of(
        MAP + layer("Split", "data", top=["t1", "t3", "t3"])
    )


def test_warnings_are_counted_where_there_are_many():
    found = warned(MAP + layer("ReLU", "data", more=" ".join(f"f{i}: 1" for i in range(5_000))))
    assert len(found) == 21
    assert "a layer has no field f0:" in found[0]
    assert found[-1] == "4,980 more warnings like these are not listed"


# Losses and heads.


def with_labels(predictions, labels, loss="SoftmaxWithLoss", more=""):
    inputs = f'input: "x" input_shape {{ {dims(*predictions)} }}\ninput: "l" input_shape {{ {dims(*labels)} }}\n'
    return inputs + layer(loss, "x", "l", more=more)


@pytest.mark.parametrize(
    ("loss", "predictions", "labels", "more"),
    [
        ("SoftmaxWithLoss", (4, 10), (4,), ""),
        ("SoftmaxWithLoss", (4, 10), (4, 1, 1, 1), ""),
        ("SoftmaxWithLoss", (4, 10, 5, 6), (4, 1, 5, 6), ""),
        ("SoftmaxWithLoss", (4, 5, 10), (4, 5), "softmax_param { axis: 2 }"),
        ("Accuracy", (4, 10), (4,), "accuracy_param { top_k: 10 }"),
        ("Accuracy", (4, 5, 10), (4, 5), "accuracy_param { axis: -1 }"),
        ("InfogainLoss", (4, 10), (4,), ""),
        ("EuclideanLoss", (4, 10), (4, 10, 1, 1), ""),
        ("SigmoidCrossEntropyLoss", (4, 3, 2), (4, 6), ""),
        ("HingeLoss", (4, 10), (4,), ""),
    ],
)
def test_losses_whose_inputs_fit(loss, predictions, labels, more):
    assert loaded(with_labels(predictions, labels, loss, more)).infer().rows[-1].output_shape == ()


@pytest.mark.parametrize(
    ("loss", "predictions", "labels", "more", "found", "hint"),
    [
        ("SoftmaxWithLoss", (4, 10), (4, 10), "", "4 predictions, but 40 labels: its input is 4×10, with the classes on "
         "axis 1, and its labels are 4×10", "a label is the number of a class: one for each prediction, not one number "
         "for each class"),
        ("SoftmaxWithLoss", (4, 10, 5, 6), (4,), "", "120 predictions, but 4 labels", "a label for each position"),
        ("SoftmaxWithLoss", (4, 10, 5, 6), (4, 1, 2, 2), "", "120 predictions, but 16 labels", "must be 120 labels"),
        ("SoftmaxWithLoss", (4, 5, 10), (4, 5), "", "40 predictions, but 20 labels", "must be 40 labels"),
        ("Accuracy", (4, 10), (4, 2), "", "4 predictions, but 8 labels", "must be 4 labels"),
        ("Accuracy", (4, 10), (4,), "accuracy_param { top_k: 11 }", "top_k 11 is more than its 10 classes", ""),
        ("EuclideanLoss", (4, 10), (4,), "", "its inputs differ: input 1 is 10, input 2 is a scalar",
         "both must have the same size, of 1 number for each sample"),
        ("SigmoidCrossEntropyLoss", (4, 3, 2), (4, 5), "", "its inputs differ: input 1 is 3×2, input 2 is 5", "of 5 numbers"),
        ("ContrastiveLoss", (4, 3), (4, 2), "", "its inputs differ: input 1 is 3, input 2 is 2", ""),
    ],
)  # fmt: skip
def test_losses_whose_inputs_differ(loss, predictions, labels, more, found, hint):
    text = error_of(with_labels(predictions, labels, loss, more))
    assert f"x ({loss}): {found}" in text
    assert hint in text


def test_labels_of_unknown_size_are_not_checked():
    data = (
        'layer { name: "d" type: "DenseImageData" top: "x" top: "l" image_data_param { new_height: 4 new_width: 4 } }\n'
    )
    assert loaded(data + layer("SoftmaxWithLoss", "x", "l")).infer()
    hdf5 = 'layer { name: "d" type: "HDF5Data" top: "x" top: "l" hdf5_data_param { batch_size: 2 } }\n'
    text = hdf5 + layer("SoftmaxWithLoss", "x", "l")
    assert loaded(text, input={"x": (3, 4, 4)}).infer()
    assert loaded(text, input={"x": (3, 4, 4), "l": (1, 4, 4)}).infer()
    with pytest.raises(ShapecalcError, match="32 predictions, but 24 labels"):
        loaded(text, input={"x": (3, 4, 4), "l": (1, 4, 3)}).infer()


def ssd(*, loc=8, conf=6, more="", head="DetectionOutput", param="detection_output_param"):
    """A detector with two heads: two boxes for each position of each, three classes."""
    found = of_size(2, 3, 8, 8) + layer(
        "Pooling", "data", top="half", more="pooling_param { kernel_size: 2 stride: 2 }"
    )
    for source in ("data", "half"):
        for name, numbers in (("loc", loc if source == "half" else 8), ("conf", conf if source == "half" else 6)):
            top = f"{source}_{name}"
            window = f"convolution_param {{ num_output: {numbers} kernel_size: 1 }}"
            found += layer("Convolution", source, top=top, name=top, more=window)
            order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
            found += layer("Permute", top, top=f"{top}_p", name=f"{top}_p", more=order)
            found += layer("Flatten", f"{top}_p", top=f"{top}_f", name=f"{top}_f")
        boxes = "prior_box_param { min_size: 2 max_size: 4 }"
        found += layer("PriorBox", source, "data", top=f"{source}_box", name=f"{source}_box", more=boxes)
    for name, axis in (("loc_f", 1), ("conf_f", 1), ("box", 2)):
        parts = [f"{source}_{name}" for source in ("data", "half")]
        found += layer("Concat", *parts, top=name, name=name, more=f"concat_param {{ axis: {axis} }}")
    tops = "l" if head == "MultiBoxLoss" else "d"
    return found + layer(head, "loc_f", "conf_f", "box", top=tops, name="head", more=f"{param} {{ {more} }}")


OF_LOSS = {"head": "MultiBoxLoss", "param": "multibox_loss_param"}


def test_a_detector_of_ssd_whose_numbers_fit():
    assert loaded(ssd(more="num_classes: 3")).infer().rows[-1].output_shape == (1, 1, 7)
    assert loaded(ssd(more="num_classes: 3", **OF_LOSS)).infer().rows[-1].output_shape == ()


def test_a_detector_of_ssd_whose_classes_are_others():
    text = error_of(ssd(more="num_classes: 4"))
    assert "head (DetectionOutput): its input 2 has 480 confidences, but 160 prior boxes need 640" in text
    assert "for each prior box num_classes=4: 160·4 = 640" in text
    assert (
        "write num_output: 8 in data_conf (line 6), which has 6: data_box makes 2 boxes at each of 64 positions" in text
    )


def test_a_detector_of_ssd_with_one_wrong_head():
    text = error_of(ssd(more="num_classes: 3", loc=12, **OF_LOSS))
    assert "head (MultiBoxLoss): its input 1 has 704 locations, but 160 prior boxes need 640" in text
    assert "for each prior box 4: 160·4 = 640" in text
    assert "write num_output: 8 in half_loc (line 10), which has 12" in text
    shared = error_of(ssd(more="num_classes: 3 share_location: false"))
    assert "need 1,920" in shared
    assert "for each prior box 4·3: 160·12 = 1,920" in shared
    assert "it has no num_classes" in error_of(ssd())


# What Caffe refuses.


@pytest.mark.parametrize(
    ("text", "found", "hint"),
    [
        (layer("convolution", "data"), "Caffe has no layer type convolution: it is case-sensitive",
         'write type: "Convolution"'),
        (layer("Relu", "data"), "Caffe has no layer type Relu", 'write type: "ReLU"'),
        (layer("INNER_PRODUCT", "data"), "no layer type INNER_PRODUCT", 'write type: "InnerProduct"'),
        (layer("SoftmaxLoss", "data"), "no layer type SoftmaxLoss", 'write type: "SoftmaxWithLoss"'),
        (layer("Convolutoin", "data"), "Convolutoin is not covered, and nothing states the size", "did you mean Convolution?"),
        (layer("Pooling", "data", more="pooling_param { global_pooling: true kernel_size: 3 }"),
         "it has both global_pooling and kernel_size", "leave out kernel_size"),
        (layer("Pooling", "data", more="pooling_param { global_pooling: true stride: 2 }"),
         "it has both global_pooling and stride", "leave out stride"),
        (layer("ReLU", "data", top=()), "it has no output (top)", 'write top: "data"'),
        (layer("Concat", "data", top=()), "it has no output (top)", 'write top: "x"'),
        (layer("ReLU", "data", "data"), "it has 2 inputs (bottom): ReLU takes one", ""),
        (layer("ReLU"), "it has no input (bottom): ReLU takes one", ""),
        (layer("LRN", "data", more="lrn_param { local_size: 4 }"), "local_size must be odd, not 4", "write 3 or 5"),
        (layer("Convolution", "data", more="convolution_param { num_output: 0 kernel_size: 1 }"),
         "num_output must be at least 1, not 0", ""),
    ],
)  # fmt: skip
def test_what_caffe_refuses(text, found, hint):
    error = error_of(MAP + text)
    assert found in error
    assert hint in error


def test_wrong_numbers_are_cited_on_their_own_line():
    more = "convolution_param {\n  kernel_size: 1\n  num_output: -2\n}"
    assert "<bytes>:4:15: x (Convolution): num_output must be at least 1, not -2" in error_of(
        MAP + layer("Convolution", "data", more=more)
    )


def test_the_older_dialect_has_types_in_upper_case():
    old = MAP.replace("layer", "layers").replace('"Input"', "DUMMY_DATA").replace("input_param", "dummy_data_param")
    assert loaded(old + 'layers { name: "r" type: RELU bottom: "data" top: "r" }').infer()
    text = error_of(old + 'layers { name: "r" type: ReLU bottom: "data" top: "r" }')
    assert "Caffe has no layer type ReLU: it is case-sensitive" in text
    assert "write type: RELU" in text
    assert "write type: SOFTMAX_LOSS" in error_of(
        old + 'layers { name: "r" type: SoftmaxWithLoss bottom: "data" bottom: "data" top: "r" }'
    )


def test_an_input_is_spelled_too():
    assert 'write type: "Input"' in error_of(MAP.replace('"Input"', '"input"') + layer("ReLU", "data"))


def test_an_input_that_comes_later():
    text = error_of(of_size(1, 3) + layer("ReLU", "late", top="late2") + of_size(1, 3).replace('"data"', '"late"'))
    assert "unknown bottom blob late (bottom index 0): it is the output of no layer before it" in text
    assert "move the layer late before it" in text


def test_two_dialects_in_one_file():
    (warning,) = warned(MAP + 'layers { name: "r" type: RELU bottom: "data" top: "r" }')
    assert "the file has both layer { } and layers { }: Caffe ignores those of layer" in warning


@pytest.mark.parametrize("batch", [1, 4])
def test_a_parameter_has_the_batch_as_its_first_axis(batch):
    shape = f"parameter_param {{ shape {{ {dims(batch, 3, 8, 8)} }} }}"
    text = of_size(batch, 3, 8, 8) + layer("Parameter", top="p", name="p", more=shape)
    window = "convolution_param { num_output: 4 kernel_size: 3 }"
    for inputs in (("data", "p"), ("p", "data")):
        body = layer("Eltwise", *inputs, top="s", name="s") + layer("Convolution", "s", top="c", name="c", more=window)
        rows = {row.name: row for row in loaded(text + body).infer().rows}
        assert rows["p"].params == batch * 192
        assert rows["s"].output_shape == (3, 8, 8)
        assert rows["c"].output_shape == (4, 6, 6)


def test_regions_of_python_code():
    roi = "roi_pooling_param { pooled_w: 2 pooled_h: 2 }"
    text = MAP + layer("Python", "data", top="rois", name="p") + layer("ROIPooling", "data", "rois", more=roi)
    assert "--input rois=300x5" in error_of(text)
    assert loaded(text, input={"rois": (300, 5)}).infer().rows[-1].output_shape == (300, 3, 2, 2)


def test_the_second_input_of_a_recurrent_layer():
    begin = f'input: "x" input_shape {{ {dims(5, 4, 7)} }}\ninput: "cont" input_shape {{ %s }}\n'
    more = "recurrent_param { num_output: 3 }"
    lstm = layer("LSTM", "x", "cont", more=more)
    assert loaded(begin % dims(5, 4) + lstm).infer()
    text = error_of(begin % dims(6, 4) + lstm)
    assert "x (LSTM): its second input (cont) is 6×4, but its first is 5×4×7" in text
    assert "it must be 5×4" in text
    text = error_of(begin % dims(5, 4) + layer("LSTM", "x", more=more))
    assert "x (LSTM): its second input (cont) is missing" in text
    assert 'add bottom: "cont", of 5×4' in text


def test_phases_cannot_be_swept(tmp_path):
    (tmp_path / "a.prototxt").write_text(MAP + layer("ReLU", "data"), encoding="utf-8")
    _, _, err = run("sweep", str(tmp_path / "a.prototxt"), "--set", "phase=train,test")
    assert "there is no variable phase to set" in err
    assert "sweep its input, or run summary --set phase=… for each: the file has no variables that vary" in err


def test_a_text_of_utf_16(tmp_path):
    path = tmp_path / "a.prototxt"
    path.write_bytes((MAP + layer("ReLU", "data")).encode("utf-16"))
    assert shapecalc.load(path).infer().rows[-1].kind == "relu"


def test_input_dims_are_four_for_each_input():
    body = layer("ReLU", "x")
    text = error_of('input: "x"\ninput_dim: 1 input_dim: 3 input_dim: 8\n' + body)
    assert "<bytes>:2:38: there are 3 values of input_dim for 1 input" in text
    assert "each input has four" in text


def test_outputs_are_bounded():
    window = "convolution_param { num_output: 2147483647 kernel_size: 1 }"
    assert "Caffe counts to 2,147,483,647" in error_of(MAP + layer("Convolution", "data", more=window))


# Windows.


@pytest.mark.parametrize(
    ("fields", "found", "most"),
    [
        ("kernel_size: 3 pad: 3", "pad 3 is not less than kernel_size 3", 2),
        ("kernel_size: 2 pad: 5 pool: AVE", "pad 5 is not less than kernel_size 2", 1),
        ("kernel_h: 4 kernel_w: 2 pad: 2", "pad 2 is not less than kernel_size 2", 1),
        ("kernel_h: 4 kernel_w: 2 pad_h: 3 pad_w: 2", "pad 2 is not less than kernel_size 2", 1),
    ],
)
def test_a_pool_with_as_much_padding_as_its_kernel_is_an_error_as_in_caffe(fields, found, most):
    """CHECK_LT(pad_h_, kernel_h_) in PoolingLayer::LayerSetUp of pooling_layer.cpp."""
    text = error_of(MAP + layer("Pooling", "data", more=f"pooling_param {{ {fields} }}"))
    assert f"x (Pooling): {found}: a window would be padding alone, and Caffe stops" in text
    assert text.splitlines()[-1].strip() == f"pad must be at most {most}"
    assert "padding_limit" not in text


@pytest.mark.parametrize("fields", ["kernel_size: 3 pad: 2", "kernel_h: 4 kernel_w: 2 pad_h: 3 pad_w: 1"])
def test_a_pool_may_have_less_padding_than_its_kernel(fields):
    assert loaded(MAP + layer("Pooling", "data", more=f"pooling_param {{ {fields} }}")).infer()


# Inputs.


def test_an_input_without_a_batch_is_the_hint_where_axes_lack():
    pool = layer("Pooling", "data", more="pooling_param { kernel_size: 3 }")
    assert "the first dim of data is taken for the batch: write dim: 1 before its dims" in error_of(
        of_size(3, 9, 9) + pool
    )
    vector = 'input: "r" input_shape { dim: 1 dim: 5 dim: 6 }\n'
    flat = vector + layer("Flatten", "data", top="f") + layer("Pooling", "f", more="pooling_param { kernel_size: 3 }")
    assert "is taken for the batch" not in error_of(MAP + flat)


def test_the_layer_of_an_input_with_an_impossible_size_is_marked():
    data = layer("Input", top="data", name="d", more="input_param { shape { dim: 1 dim: 3 dim: 0 } }")
    assert error_of(data + layer("ReLU", "data")).startswith(
        "<bytes>:1:25: the input data has an axis of the impossible size 0\n"
    )
