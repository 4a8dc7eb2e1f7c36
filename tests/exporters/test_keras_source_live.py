"""Keras source with Keras itself: it runs, and has the sizes, parameters and MACs of the report; and computes as PyTorch.

They run where Keras is installed with PyTorch: `KERAS_BACKEND=torch`. Without `SHAPECALC_REQUIRE_KERAS` they are skipped.
"""

from __future__ import annotations

import os
import re

import pytest
from test_keras_source import ZOO, cannot

import shapecalc
from shapecalc.exporters import source as exporter

IS_REQUIRED = bool(os.environ.get("SHAPECALC_REQUIRE_KERAS"))
pytestmark = pytest.mark.skipif(not IS_REQUIRED, reason="it takes minutes, and Keras: set SHAPECALC_REQUIRE_KERAS")

MEMBERS = [
    "lenet5", "lenet5_1998", "alexnet_caffe", "resnet18", "resnet50_keras", "mobilenet_v2", "unet", "unet_padded",
    "vit_b_16", "swin_t", "convnext_tiny", "siamese", "seq2seq_lstm", "gpt2", "albert-base-v2", "bert-base-cased",
    "llama-2-7b", "googlenet", "shufflenet_v2_x0_5", "segformer-b0", "dinov2-small", "autoencoder", "dcgan_generator",
    "ssd300_vgg16", "yolov3", "fcn_resnet50", "whisper-base", "wavenet", "cifar10_quick", "r3d_18", "t5-small",
]  # fmt: skip
MEMBERS = [name for name in MEMBERS if name in ZOO and not cannot(name)]
"""One of each architecture that has something of its own; all of them run with SHAPECALC_WHOLE_ZOO."""
if os.environ.get("SHAPECALC_WHOLE_ZOO"):
    MEMBERS = [name for name in ZOO if not cannot(name)]


@pytest.fixture
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.backend.clear_session()
    return keras


def made(keras, source, device="meta", **given):
    """The model of a source, on the meta device: without memory."""
    names = {"__name__": "net", **given}
    exec(compile(source, "<source>", "exec"), names)
    with keras.device(device):
        return names[re.findall(r"^def (\w+)\(\):$", source, re.MULTILINE)[-1]]()


def stored_in_keras(row):
    """The elements of a row that are weights in Keras: the indices of windows are not."""
    return row.weights + row.biases + (0 if row.kind == "window_attention" else row.buffers)


def check(keras, net):
    """Enforce that a model has the parameters and outputs of the report."""
    source = net.convert("keras")
    model = made(keras, source)
    report = net.infer()
    assert model.count_params() == sum(map(stored_in_keras, report.rows))
    trainable = sum(weight.value.numel() for weight in model.trainable_weights)
    assert trainable == report.total.trainable
    expected = [tuple(report.shape_of(*ref).in_layout("HWC")) for ref in report.graph.outputs]
    assert [tuple(one.shape[1:]) for one in model.outputs] == expected
    return source, model


def test_the_zoo_runs_and_agrees(keras):
    for name in MEMBERS:
        keras.backend.clear_session()
        check(keras, shapecalc.load(name))


def test_every_size_in_a_comment_is_that_of_the_tensor(keras, monkeypatch):
    """Of the source without blocks, which has a statement for each layer."""
    monkeypatch.setattr(exporter, "LEVELS", (0,))
    for name in MEMBERS[:: 1 if len(MEMBERS) > 100 else 2]:
        keras.backend.clear_session()
        source = shapecalc.load(name).convert("keras")
        seen = []

        def sized(y, text, seen=seen):
            tensors = y if isinstance(y, (tuple, list)) else [y]
            seen.append((["×".join(map(str, one.shape[1:])) or "scalar" for one in tensors], text.split(", ")))
            return y

        checked, count = re.subn(r"^(    \w+ = )(.+)  # (.+)$", r'\1sized(\2, "\3")', source, flags=re.MULTILINE)
        made(keras, checked, sized=sized)
        assert len(seen) == count > 0
        assert [found for found, _ in seen] == [text for _, text in seen]


def test_read_again_it_has_the_same_totals(keras):
    """Layers that are written into the source are of no known kind there: networks without them."""
    count = 0
    for name in MEMBERS:
        keras.backend.clear_session()
        net = shapecalc.load(name)
        source = net.convert("keras")
        if "layers.Layer)" in source:
            continue
        count += 1
        again = shapecalc.from_keras(made(keras, source)).infer()
        report = net.infer()
        assert again.total.macs == report.total.macs, name
        assert again.total.weights + again.total.biases == report.total.weights + report.total.biases, name
        assert again.total.buffers == report.total.buffers, name
        sizes = [shape.in_layout("HWC") for row in again.rows for shape in row.sizing.outputs]
        rows = iter(sizes)
        for row in report.rows:
            if row.weights or row.biases:
                assert tuple(row.sizing.outputs[0].in_layout("HWC")) in rows, (name, row.name)
    assert count > 15
