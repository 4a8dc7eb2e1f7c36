"""How wide weights and activations are, as files of PyTorch and Keras say, and modules in memory."""

from __future__ import annotations

import pytest
from crafted_pt2 import T, archive, meta, node, program

import shapecalc

HALF, BFLOAT, DOUBLE, SINGLE = 6, 13, 8, 7
"""Numbers of types: `ScalarType` of torch/_export/serde/schema.py."""


def two_layers(conv, fc):
    """A network of 112 parameters of one type, and 40 of another."""
    nodes = [
        node("aten.conv2d.default", "c", "conv", input=T("x"), weight=T("p_conv_weight"), bias=T("p_conv_bias")),
        node("aten.mean.dim", "m", self=T("c"), dim=[2, 3]),
        node("aten.linear.default", "y", "fc", input=T("m"), weight=T("p_fc_weight"), bias=None),
    ]
    tensors = {"x": (1, 3, 8, 8), "c": (1, 4, 6, 6), "m": (1, 4), "y": (1, 10), "p_conv_weight": (4, 3, 3, 3),
               "p_conv_bias": (4,), "p_fc_weight": (10, 4)}  # fmt: skip
    document = program(nodes, tensors, params=[name for name in tensors if name.startswith("p_")])
    for name, one in document["graph_module"]["graph"]["tensor_values"].items():
        dims = tensors[name]
        kind = fc if name in ("p_fc_weight", "y") else conv
        one.update(meta(dims, kind, learned=name.startswith("p_")))
    return shapecalc.load(archive(document))


@pytest.mark.parametrize(
    ("conv", "fc", "weights", "activations"),
    [(SINGLE, SINGLE, None, None), (HALF, HALF, 152 * 2, "16"), (BFLOAT, BFLOAT, 152 * 2, "16"),
     (DOUBLE, DOUBLE, 152 * 8, "64"), (HALF, SINGLE, 112 * 2 + 40 * 4, "16"), (SINGLE, HALF, 112 * 4 + 40 * 2, "32")],
)  # fmt: skip
def test_an_archive_states_the_types_of_its_tensors(conv, fc, weights, activations):
    network = two_layers(conv, fc)
    stored = network.infer().graph.stored
    assert (stored and stored.activations) == activations
    assert network.memory().weights == (weights or 152 * 4)


def test_the_table_says_that_memory_counts_other_bytes():
    half = " ".join(str(two_layers(HALF, HALF).infer()).split())
    assert "in fp32 (elements × 4 bytes; 1 KiB is 1,024 bytes); memory counts 16 bits, as <bytes> says." in half
    assert "memory counts" not in str(two_layers(SINGLE, SINGLE).infer())


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64", "float32"])
def test_a_module_in_memory_has_the_types_of_its_tensors(kind):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 10))
    module.to(getattr(torch, kind))
    network = shapecalc.from_torch(module, torch.zeros(1, 3, 8, 8, dtype=getattr(torch, kind)))
    own = sum(one.numel() * one.element_size() for one in module.parameters())
    assert network.memory().weights == own


def keras_model(policy, last="float32"):
    """A model as Keras 3 writes it, of 80 parameters in each of two layers."""
    conv = {"name": "conv", "filters": 8, "kernel_size": [3, 3], "dtype": policy}
    dense = {"name": "fc", "units": 10, "use_bias": False, "dtype": last}
    layers = [("InputLayer", {"batch_shape": [None, 8, 8, 1], "name": "x"}), ("Conv2D", conv),
              ("GlobalAveragePooling2D", {"name": "mean", "dtype": policy}), ("Dense", dense)]  # fmt: skip
    listed = [{"module": "keras.layers", "class_name": kind, "config": config} for kind, config in layers]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": listed}}


def policy(name):
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}


@pytest.mark.parametrize(
    ("name", "last", "weights", "activations"),
    [("float32", "float32", 160 * 4, None), ("mixed_float16", "float32", 160 * 4, "16"),
     ("mixed_bfloat16", "mixed_bfloat16", 160 * 4, "16"), ("float16", "float16", 160 * 2, "16"),
     ("bfloat16", "float32", 80 * 2 + 80 * 4, "16"), ("float64", "float64", 160 * 8, "64")],
)  # fmt: skip
def test_keras_states_policies_of_types(name, last, weights, activations, tmp_path):
    """Mixed policies have weights in float32: keras.io/api/mixed_precision."""
    import json

    for form in (policy, str):
        file = tmp_path / "net.json"
        file.write_text(json.dumps(keras_model(form(name), form(last))))
        network = shapecalc.load(file)
        stored = network.infer().graph.stored
        assert (stored and stored.activations) == activations
        assert network.memory().weights == weights
