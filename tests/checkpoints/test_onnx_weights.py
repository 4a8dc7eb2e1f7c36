"""ONNX files as checkpoints: the tensors that they store, from their headers."""

from __future__ import annotations

import contextlib
import random

import pytest
from crafted_checkpoints import write_safetensors
from crafted_onnx import BOOL, INT8, INT64, as_tensor, field, graph, model, node, small, tensor, value, write
from running import run

import shapecalc
from shapecalc.errors import CheckpointError, ShapecalcError


def held(data, folder):
    return shapecalc.weights(write(folder, data))


def with_weights(*weights, nodes=()):
    return model(nodes, [value("x", [1, 4])], [value("y", None)], weights=weights)


def test_names_types_and_bytes_are_those_of_the_file(tmp_path):
    found = held(small(), tmp_path)
    assert (found.format, found.total.params, found.total.bytes) == ("ONNX", 162, 648)
    assert [(one.name, one.dtype, one.shape, one.params, one.bytes) for one in found.weights] == [
        ("conv.weight", "F32", (4, 3, 3, 3), 108, 432), ("conv.bias", "F32", (4,), 4, 16),
        ("fc.weight", "F32", (10, 4), 40, 160), ("fc.bias", "F32", (10,), 10, 40),
    ]  # fmt: skip
    assert found.notes == ("The elements of 4 of its tensors are in other files.",)


def test_a_file_is_compared_with_a_network(tmp_path):
    path = str(write(tmp_path, small(), "network.bin"))
    names = {"conv.weight": [4, 3, 3, 3], "conv.bias": [4], "fc.weight": [11, 4], "fc.bias": [11]}
    other = small(fc_weight=tensor("fc.weight", names["fc.weight"]), fc_bias=tensor("fc.bias", names["fc.bias"]))
    ran = run("weights", path, "--against", str(write(tmp_path, other)))
    assert ran.status == 1
    assert "other size  fc.weight  10×4        11×4" in ran.out


def test_a_dynamic_size_of_the_network_is_given(tmp_path):
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    path = str(
        write(tmp_path, model(nodes, [value("x", ["N", "t", 4])], [value("y", None)], weights=[tensor("w", [4, 5])]))
    )
    assert "give it: --input 128x4" in run("weights", path, "--against", path).err
    assert run("weights", path, "--against", path, "--input", "9x4").err == ""


def test_a_file_has_no_variants(tmp_path):
    path = str(write(tmp_path, small()))
    ran = run("summary", f"{path}:small")
    assert ran.err == f"{path} has no variant small\n   variants are of specifications: write {path}\n"


def test_whole_numbers_are_parameters_where_they_are_quantised_weights(tmp_path):
    nodes = [node("DequantizeLinear", ["q", "s", "z"], ["w"]), node("MatMul", ["x", "w"], ["y"]),
             node("QLinearConv", ["x", "s", "z", "k", "ks", "kz", "s", "z"], ["c"]),
             node("DequantizeLinear", ["n", "s", "z"], ["m"])]  # fmt: skip
    weights = [tensor("q", [4, 6], kind=INT8), tensor("s", [6]), tensor("z", [6], kind=INT8), tensor("n", [], [3], INT8),
               tensor("k", [2, 3, 1, 1], kind=INT8), tensor("ks", []), tensor("kz", [], kind=INT8),
               tensor("sizes", [2], [1, 6], INT64), tensor("flags", [3], [1, 0, 1], BOOL), tensor("one", [], [0.5])]  # fmt: skip
    found = {one.name: one for one in held(with_weights(*weights, nodes=nodes), tmp_path).weights}
    assert {name: (one.params, one.bytes, one.overhead, one.tensors) for name, one in found.items()} == {
        "q": (24, 24, 24 + 6, 3), "k": (6, 6, 4 + 1, 3), "n": (0, 1, 0, 1), "sizes": (0, 16, 0, 1), "flags": (0, 3, 0, 1),
        "one": (0, 4, 0, 1),
    }  # fmt: skip


def test_what_is_quantised_at_run_time_and_tables_that_are_looked_up_first(tmp_path):
    """The scales of a product's columns, and of an LSTM's directions, are no parameters; the rows of a table are."""
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("Mul", ["s", "ws"], ["scale"]),
             node("MatMulInteger", ["q", "w", "z", "wz"], ["i"]), node("Mul", ["i", "scale"], ["m"]),
             node("Mul", ["m", "g"], ["n"]),
             node("Gather", ["t", "ids"], ["e"]), node("Transpose", ["e"], ["f"]),
             node("DequantizeLinear", ["f", "ts", "tz"], ["d"]),
             node("DynamicQuantizeLSTM", ["d", "lw", "lr", "", "", "", "", "", "lws", "lwz", "lrs", "lrz"], ["y"])]  # fmt: skip
    weights = [tensor("w", [6, 4], kind=INT8), tensor("wz", [4], kind=INT8), tensor("ws", [4]), tensor("g", [4]),
               tensor("t", [50, 6], kind=INT8), tensor("ts", []), tensor("tz", [], kind=INT8),
               tensor("lw", [2, 6, 20], kind=INT8), tensor("lr", [2, 5, 20], kind=INT8),
               *(tensor(name, [2], kind=kind) for name, kind in (("lws", 1), ("lwz", INT8), ("lrs", 1), ("lrz", INT8)))]  # fmt: skip
    found = {one.name: one for one in held(with_weights(*weights, nodes=nodes), tmp_path).weights}
    assert {name: (one.params, one.overhead) for name, one in found.items()} == {
        "w": (24, 4), "ws": (0, 0), "g": (4, 0), "t": (300, 5), "lw": (240, 10), "lr": (200, 10),
    }  # fmt: skip


def test_constants_and_sparse_tensors_are_there_and_texts_are_not(tmp_path):
    constant = node("Constant", [], ["bias"], value=as_tensor(tensor("", [8])))
    sparse = field(1, tensor("sparse", [3])) + field(3, 40) + field(3, 50)
    words = graph([constant], [value("x", [1])], [value("y", None)], weights=[tensor("t", [2], kind=8)]) + field(
        15, sparse
    )
    found = held(field(1, 8) + field(2, "tests") + field(7, words) + field(8, field(2, 17)), tmp_path)
    assert [(one.name, one.shape, one.params) for one in found.weights] == [
        ("bias", (8,), 8),
        ("sparse", (40, 50), 2000),
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (with_weights(tensor("w", [3, -4])), "its tensor w cannot have its shape: a size is -4"),
        (with_weights(tensor("w", [3], kind=99)), "its tensor w is of the type 99, which is not known"),
        (with_weights(tensor("w", [2**40, 2**40])), "its tensor w cannot have its shape: it has 2^63 elements or more"),
        (with_weights(tensor("w", [2]), tensor("w", [3])), "it has two tensors of the name w"),
        (small()[:-40], "it is not an ONNX file, or a broken one: "),
    ],
)
def test_wrong_files(data, text, tmp_path):
    with pytest.raises(CheckpointError) as error:
        held(data, tmp_path)
    assert text in str(error.value)


def test_changed_files_are_errors_or_checkpoints(tmp_path):
    chance = random.Random(0)
    for _ in range(150):
        data = bytearray(small())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        with contextlib.suppress(ShapecalcError):
            held(bytes(data), tmp_path)


def products(*weights, **names):
    """Two fully connected layers that share their bias, the second with the weight `onnx::MatMul_7`, 4×3."""
    nodes = [node("MatMul", ["x", "a"], ["1"], "/first/MatMul"), node("Add", ["1", "b"], ["2"], "/first/Add"),
             node("MatMul", ["2", "onnx::MatMul_7"], ["3"], "/deep/other/MatMul"),
             node("Add", ["3", names.get("bias", "net.fc.bias")], ["y"], "/deep/other/Add")]  # fmt: skip
    return model(nodes, [value("x", [1, 5])], [value("y", None)], weights=weights)


def against(folder, network, tensors):
    write(folder, network)
    write_safetensors(folder / "w.safetensors", {name: ("F32", shape) for name, shape in tensors.items()})
    comparison = shapecalc.load(folder / "model.onnx").compare_weights(folder / "w.safetensors")
    return [(one.kind, one.names[0], one.expected, one.found) for one in comparison.mismatches], comparison


@pytest.mark.parametrize(("found", "mismatches"), [
    ((3, 4), []), ((3, 5), [("size", "net.fc.weight", (3, 4), (3, 5))]),
])  # fmt: skip
def test_a_weight_that_was_stored_transposed_is_that_beside_the_bias(tmp_path, found, mismatches):
    """`onnx::MatMul_7` 4×3 is `net.fc.weight` 3×4 of PyTorch, as its TorchScript exporter writes products."""
    network = products(
        tensor("a", [5, 4]), tensor("b", [4]), tensor("onnx::MatMul_7", [4, 3]), tensor("net.fc.bias", [3])
    )
    names = {"a": (5, 4), "b": (4,), "net.fc.weight": found, "net.fc.bias": (3,)}
    assert against(tmp_path, network, names)[0] == mismatches
    wrapped = {f"module.{name}": shape for name, shape in names.items()}
    assert against(tmp_path, network, wrapped)[0] == [
        (kind, name, *sizes) for kind, name, *sizes in mismatches
    ]  # the prefix is a difference of its own


def test_tensors_that_the_exporter_merged_are_named(tmp_path):
    """Equal tensors, as the zeros of untrained biases, are stored once: the others are extra in the state dict."""
    network = products(tensor("a", [5, 4]), tensor("b", [4]), tensor("onnx::MatMul_7", [4, 4]), bias="b")
    names = {"a": (5, 4), "b": (4,), "first.weight": (4, 5), "other.fc.bias": (4,), "z.bias": (4,)}
    found, comparison = against(tmp_path, network, names)
    assert ("extra", "other.fc.bias", None, (4,)) in found
    assert "store tensors with equal elements once (1)" in comparison.notes[0]


FOLDS, ZEROS = "fold batch norms into the layers before them", "leave out biases of zeros"
RENAMES, COPIES = "store what they fold under names of its own, or transposed", "store a tied weight again, transposed"
NORM = {f"bn.{part}": (8,) for part in ("weight", "bias", "running_mean", "running_var")}


def conv(*weights, last=(("fc.weight", [4, 8]),)):
    """A convolution with the weights of an ONNX file, then a fully connected layer, fc.weight 4×8, without a bias."""
    nodes = [node("Conv", ["x", *[name for name, _ in weights]], ["1"], "/conv/Conv", kernel_shape=[3, 3]),
             node("GlobalAveragePool", ["1"], ["2"]), node("Flatten", ["2"], ["3"]),
             node("Gemm", ["3", *[name for name, _ in last]], ["y"], "/fc/Gemm", transB=1)]  # fmt: skip
    held = [tensor(name, dims) for name, dims in (*weights, *last)]
    return model(nodes, [value("x", [1, 3, 8, 8])], [value("y", None)], weights=held)


def tied(head):
    """An embedding, token.weight 9×4, and a product with `head`, which is no weight of a module."""
    nodes = [node("Gather", ["token.weight", "x"], ["1"], "/token/Gather"),
             node("MatMul", ["1", "val_3"], ["y"], "/head/MatMul")]  # fmt: skip
    return model(nodes, [value("x", [1, 5], INT64)], [value("y", None)],
                 weights=[tensor("token.weight", [9, 4]), tensor("val_3", head)])  # fmt: skip


KERNEL, CONV, FC = ("conv.weight", [8, 3, 3, 3]), {"conv.weight": (8, 3, 3, 3)}, {"fc.weight": (4, 8)}


@pytest.mark.parametrize(("network", "tensors", "reasons"), [
    # torch 2.13 with dynamo=False, and a convolution without a bias: it has one that stands for the norm
    (conv(("onnx::Conv_20", [8, 3, 3, 3]), ("onnx::Conv_21", [8])), CONV | FC | NORM,
     {"bn.weight": FOLDS, "bn.bias": FOLDS, "conv.bias": FOLDS}),
    (conv(KERNEL, ("conv.bias", [8])), {**CONV, **FC, **NORM, "conv.bias": (8,)},
     {"bn.weight": FOLDS, "bn.bias": FOLDS}),
    (conv(KERNEL, ("conv.bias", [8])), CONV | FC, {"conv.bias": ""}),  # without a batch norm it is missing
    (conv(KERNEL, ("conv.bias", [8])), CONV | FC | {"bn.weight": (8,), "bn.bias": (8,)},
     {"conv.bias": "", "bn.weight": "", "bn.bias": ""}),
    (conv(KERNEL, ("conv.bias", [8])), {"conv.weight": (8, 3, 5, 5), **FC, **NORM},
     {"conv.weight": "", "conv.bias": "", "bn.weight": FOLDS, "bn.bias": FOLDS}),
    (conv(KERNEL, ("conv.bias", [8]), last=(("fc.weight", [8, 8]), ("fc.bias", [8]))),  # one norm for two biases
     {**CONV, "fc.weight": (8, 8), **NORM}, {"conv.bias": FOLDS, "fc.bias": "", "bn.weight": FOLDS, "bn.bias": FOLDS}),
    (conv(KERNEL), {**CONV, **FC, "fc.bias": (4,)}, {"fc.bias": ZEROS}),
    (conv(KERNEL), {**CONV, **FC, "fc.bias": (5,)}, {"fc.bias": ""}),
    (conv(KERNEL), {**CONV, **FC, "other.bias": (4,)}, {"other.bias": ""}),
    (conv(KERNEL), {**CONV, "fc.weight": (5, 8), "fc.bias": (5,)}, {"fc.weight": "", "fc.bias": ""}),
    # with dynamo=True what is folded is called val_3
    (tied([4, 9]), {"token.weight": (9, 4)}, {"head.weight": COPIES}),
    (tied([4, 10]), {"token.weight": (9, 4)}, {"head.weight": ""}),
    (tied([4, 9]), {"token.weight": (9, 4), "out.kernel": (1, 9, 4)}, {"head.weight": RENAMES, "out.kernel": RENAMES}),
])  # fmt: skip
def test_what_exporters_make_is_no_difference_of_the_networks(tmp_path, network, tensors, reasons):
    comparison = against(tmp_path, network, tensors)[1]
    assert {name: one.reason for one in comparison.mismatches for name in one.names} == reasons
    assert comparison.is_same == all(reasons.values())
    assert {one.get("reason", "") for one in comparison.to_dict()["mismatches"]} == {*reasons.values()}
    note = " ".join(comparison.notes)
    assert all(reason in note for reason in reasons.values())
    assert ("may be exported from the checkpoint" in note) == comparison.is_same
    ran = run("weights", str(tmp_path / "w.safetensors"), "--against", str(tmp_path / "model.onnx"))
    assert ran.status == (0 if comparison.is_same else 1)


def test_a_kernel_that_is_named_after_the_batch_norm_folded_into_it(tmp_path):
    """onnxscript 0.7 names the node of the two after the norm: its weight is not bn.weight, but conv.weight."""
    network = model(
        [node("Conv", ["x", "conv.weight"], ["y"], "/bn/Conv", kernel_shape=[3, 3])],
        [value("x", [1, 3, 8, 8])], [value("y", None)], weights=[tensor("conv.weight", [8, 3, 3, 3])],
    )  # fmt: skip
    found, comparison = against(tmp_path, network, CONV | NORM)
    assert found == [("extra", "bn.weight", None, (8,)), ("extra", "bn.bias", None, (8,))]
    assert comparison.is_same


def test_a_product_whose_bias_is_that_of_another_layer(tmp_path):
    """Its weight is not the one beside the bias that the exporter stored once for both: that has another size."""
    nodes = [node("Gemm", ["x", "fc.weight", "fc.bias"], ["1"], "/fc/Gemm", transB=1),
             node("MatMul", ["1", "onnx::MatMul_7"], ["2"], "/other/MatMul"),
             node("Add", ["2", "fc.bias"], ["y"], "/other/Add")]  # fmt: skip
    held = {"fc.weight": (4, 4), "fc.bias": (4,)}
    weights = [tensor(name, dims) for name, dims in {**held, "onnx::MatMul_7": [4, 4]}.items()]
    network = model(nodes, [value("x", [1, 4])], [value("y", None)], weights=weights)
    comparison = against(tmp_path, network, {**held, "other.kernel": (4, 4), "other.bias": (4,)})[1]
    assert {name: one.reason for one in comparison.mismatches for name in one.names} == {
        "onnx::MatMul_7": RENAMES,
        "other.kernel": RENAMES,
    }


def test_other_files_than_onnx_have_no_such_reasons(tmp_path):
    spec = tmp_path / "net.yaml"
    spec.write_text("name: net\ninput: 8\nlayers:\n  - linear: {out_features: 4, bias: false}\n    name: fc\n")
    path = write_safetensors(tmp_path / "w.safetensors", {"fc.weight": ("F32", (4, 8)), "fc.bias": ("F32", (4,))})
    assert not shapecalc.load(spec).compare_weights(path).is_same
