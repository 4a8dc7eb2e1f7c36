"""Tensors of whole numbers: what an embedding looks up, or a gather picks, and all that it is computed of."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.exporters.integers import IntegerTensors

EMBEDDING = {"embedding": {"num_embeddings": 50, "embedding_dim": 8}}
SPECS = {
    "clamped": ([{"minimum": {"other": 19}}, EMBEDDING], {"x", "minimum1"}),
    "masked": ([{"pointwise": {"function": "equal", "other": 3}, "name": "m"}, {"constant": {"shape": []}, "name": "c"},
                {"pointwise": {"function": "where"}, "from": ["m", "c", "x"]}, EMBEDDING], {"x", "c", "pointwise1"}),
    "shifted": ([{"slice": {"dim": 1, "end": -1}, "name": "s"}, {"constant": {"shape": [1]}, "name": "c"},
                 {"concat": {"dim": 1}, "from": ["c", "s"]}, EMBEDDING], {"x", "s", "c", "concat1"}),
    "padded": ([{"pad": {"padding": [[1, 0]], "dim": 1}}, EMBEDDING], {"x", "pad1"}),
    "a truth as an index": ([{"pointwise": {"function": "not_equal", "other": 1}}, {"add": {"other": 2}}, EMBEDDING],
                            {"pointwise1", "add1"}),
    "half of it": ([{"mul": {"other": 0.5}}, {"add": {"other": 1}}, EMBEDDING], {"add1"}),
    "the largest": ([{"top_k": {"k": 2}, "name": "t"}, {"embedding": EMBEDDING["embedding"], "from": "t[1]"}], {"t[1]"}),
    "gathered": ([EMBEDDING, {"gather": {"dim": 1}, "from": ["embedding1", "x"]}], {"x"}),
    "positions of what is no padding": ([{"pointwise": {"function": "not_equal", "other": 1}},
        {"named_operation": {"op_type": "cumsum"}}, {"mul": None, "from": ["named_operation1", "pointwise1"]}, EMBEDDING],
        {"pointwise1", "named_operation1", "mul1"}),
    "the token of each sample": ([EMBEDDING, {"argmax": {"dim": 1}, "from": "x", "name": "a"},
        {"named_operation": {"op_type": "index", "output_sizes": [8]}, "from": ["embedding1", "a"]}], {"x", "a"}),
    "also a fraction": ([EMBEDDING, {"linear": 8, "from": "x"}], {"x"}),
}  # fmt: skip


def load(name):
    both = {"outputs": ["embedding1", "linear1"]} if name == "also a fraction" else {}
    return shapecalc.load({"inputs": {"x": [12]}, "layers": SPECS[name][0], **both})


@pytest.mark.parametrize("name", SPECS)
def test_what_indices_are_computed_of_is_of_whole_numbers(name):
    report = load(name).infer()
    names = {}
    for ref in IntegerTensors(report).tensors:
        name_of = report.rows[ref.node].name if ref.node >= 0 else "x"
        several = ref.node >= 0 and len(report.rows[ref.node].sizing.outputs) > 1
        names[f"{name_of}[{ref.output}]" if several else name_of] = True
    assert {*names} == SPECS[name][1]


def test_keras_and_pytorch_have_whole_numbers_in_source():
    assert 'keras.Input((12,), dtype="int32")' in load("masked").convert("keras")
    assert 'Constant((), dtype="int32")' in load("masked").convert("keras")
    assert "Constant((), integer=True)" in load("masked").convert("pytorch")
    assert "self.embedding((x * 0.5).long())" not in load("half of it").convert("pytorch")
    assert ").long()" in load("a truth as an index").convert("pytorch")


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SPECS)
def test_pytorch_runs(name):
    torch = pytest.importorskip("torch")
    names = {}
    exec(compile(load(name).convert("pytorch"), "<source>", "exec"), names)
    classes = [one for one in names.values() if isinstance(one, type) and one.__module__ == "builtins"]
    network = load(name)
    x = torch.zeros(2, *network.graph.inputs["x"].sizes)
    with torch.no_grad():
        found = classes[-1]().eval()(x if name in ("the largest", "half of it") else x.long())
    found = found if isinstance(found, tuple) else (found,)
    report = network.infer()
    assert [tuple(one.shape[1:]) for one in found] == [report.shape_of(*ref).sizes for ref in report.graph.outputs]


@pytest.mark.elsewhere
@pytest.mark.parametrize("name", SPECS)
def test_onnx_runs_with_the_type_of_the_input(name):
    np, ort = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    written = load(name).convert("onnx")
    onnx.checker.check_model(onnx.load_from_string(written), full_check=True)
    session = ort.InferenceSession(written, providers=["CPUExecutionProvider"])
    (x,) = session.get_inputs()
    is_whole = "x" in SPECS[name][1]
    assert x.type == ("tensor(int64)" if is_whole else "tensor(float)")
    session.run(None, {"x": np.zeros((2, *x.shape[1:]), np.int64 if is_whole else np.float32)})


@pytest.mark.elsewhere
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_onnx_picks_at_the_positions_of_each_sample(dim):
    np, ort = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    net = shapecalc.load({"inputs": {"x": [4, 5, 6], "i": [2, 3]}, "layers": [
        {"gather": {"dim": dim}, "from": ["x", "i"]}]})  # fmt: skip
    chance = np.random.default_rng(0)
    x, i = chance.normal(size=(2, 4, 5, 6)).astype(np.float32), chance.integers(0, 4, (2, 2, 3))
    session = ort.InferenceSession(net.convert("onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x, "i": i})
    np.testing.assert_array_equal(found, [np.take(one, at, axis=dim - 1) for one, at in zip(x, i, strict=True)])


@pytest.mark.elsewhere
@pytest.mark.parametrize("dim", [1, 2])
def test_onnx_picks_at_constant_positions_with_gather(dim):
    """As Swin's relative positions, of which torchvision has a buffer, and Whisper's positions."""
    np, ort = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    net = shapecalc.load({"inputs": {"x": [5, 4]}, "layers": [
        {"constant": {"shape": [7], "buffer": True}}, {"gather": {"dim": dim}, "from": ["x", "constant1"]}]})  # fmt: skip
    written = net.convert("onnx")
    assert b"GatherND" not in written
    session = ort.InferenceSession(written, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    (found,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(found, np.take(x, [0] * 7, axis=dim))
