"""What is left out of a written network: layers that no output depends on, and what measures its outputs."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.importers.onnx import read_bytes
from shapecalc.layers import KINDS
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Graph, Node, Reference
from shapecalc.network import Network

ReLU, Linear, Accuracy, Loss, Add, Pointwise = [
    KINDS[kind] for kind in ("relu", "linear", "accuracy", "loss", "add", "pointwise")
]


class Made:
    """An origin with a graph that is no file's."""

    name = "made"

    def __init__(self, graph):
        self.graph = graph

    def build(self, *_):
        return self.graph, []


def network(nodes, outputs, inputs=("x",)):
    nodes = tuple(Node(name, layer, tuple(Reference(i) for i in refs)) for name, layer, refs in nodes)
    sizes = {name: Shape((4,)) for name in inputs}
    return Network(Made(Graph("made", sizes, nodes, tuple(map(Reference, outputs)), is_written=False)))


UNUSED = network(
    [("mask", Pointwise(function="not_equal", other=0), [-1]), ("fc", Linear(out_features=4), [-1]),
     ("again", ReLU(), [0]), ("end", ReLU(), [1])], [3],
)  # fmt: skip


@pytest.mark.parametrize("to", ["yaml", "pytorch", "keras"])
def test_layers_that_no_output_depends_on_are_left_out(to):
    text = UNUSED.convert(to)
    assert text.startswith("# Left out, as no output depends on it: mask (pointwise), again (relu).\n")
    assert "20 parameters" in text or "params: 20" in text
    assert "not_equal" not in text
    assert "!= 0" not in text


def test_of_many_some_are_named():
    nodes = [("fc", Linear(out_features=4), [-1]), *[(f"r{i}", ReLU(), [0]) for i in range(6)]]
    text = network(nodes, [0]).convert("yaml")
    assert text.startswith("# Left out, as no output depends on it: r0 (relu), r1 (relu), r2 (relu), r3 (relu) and 2 ")


DEAD = network(
    [("fc", Linear(out_features=4), [-1]), ("r", ReLU(), [0]), ("own", Linear(out_features=2), [1]),
     ("end", ReLU(), [0])], [3],
)  # fmt: skip


def test_an_unused_layer_with_parameters_stays_where_the_format_has_it():
    assert not DEAD.convert("pytorch").startswith("#")
    assert "30 parameters" in DEAD.convert("pytorch")
    assert DEAD.convert("pytorch").count("nn.Linear(") == 2
    assert Network(read_bytes(DEAD.convert("onnx"), "a.onnx")).infer().total.params == 30


@pytest.mark.parametrize(("to", "total"), [("yaml", "params: 20\n"), ("keras", "20 parameters")])
def test_elsewhere_it_is_left_out_with_its_parameters(to, total):
    """A model of Keras has the layers that its outputs depend on, and so has a specification."""
    text = DEAD.convert(to)
    assert text.startswith(
        "# Left out, as no output depends on it: r (relu), own (linear). "
        "The network that was given has 10 more parameters, in what is left out.\n"
    )
    assert total in text
    assert text.lower().count("linear" if to == "yaml" else "dense(") == (2 if to == "yaml" else 1)


def test_pictures_have_all_layers():
    assert "mask" in UNUSED.convert("mermaid")
    assert "mask" in UNUSED.convert("dot")


MEASURED = [("fc", Linear(out_features=4), [-2]), ("score", ReLU(), [0]), ("aux", Linear(out_features=4), [0]),
            ("flat", ReLU(), [-1]), ("accuracy", Accuracy(), [1, -1]), ("loss", Loss(), [1, 3]),
            ("aux_loss", Loss(), [-1, 2])]  # fmt: skip


def test_measures_are_left_out_with_their_labels():
    net = network(MEASURED, [4, 5, 6], ("label", "data"))
    text = net.convert("pytorch")
    assert text.startswith(
        "# Left out, as for training alone: accuracy (accuracy), loss (loss), aux_loss (loss). "
        "Left out, as no output depends on it: flat (relu).\n"
    )
    assert "def forward(self, x):" in text
    assert "return score, x\n" in text
    found = Network(read_bytes(net.convert("onnx"), "a.onnx")).infer()
    assert found.outputs == {"score": (4,), "aux": (4,)}
    assert [*found.inputs] == ["data"]
    assert "accuracy" in net.convert("yaml")
    assert net.convert("keras").count("keras.Input(") == 1


def test_outputs_beside_measures_stay_outputs():
    net = network([("fc", Linear(out_features=4), [-1]), ("prob", ReLU(), [0]), ("loss", Loss(), [0, -2])],
                  [1, 2], ("x", "label"))  # fmt: skip
    assert "return x\n" in net.convert("pytorch")
    assert "relu" in net.convert("pytorch").lower()


def test_what_is_measured_within_the_network_is_an_output_where_there_is_no_other():
    net = network([("fc", Linear(out_features=4), [-1]), ("loss", Loss(), [0]), ("own", Loss(), [0, -1])], [1])
    assert "return" in net.convert("pytorch")
    assert "nn.Linear(4, 4)" in net.convert("pytorch")


@pytest.mark.parametrize("to", ["pytorch", "keras", "onnx"])
def test_a_sum_of_losses_and_a_loss_alone_are_refused(to):
    fc, loss = ("fc", Linear(out_features=4), [-1]), ("loss", Loss(), [0])
    with pytest.raises(shapecalc.UsageError, match="it is computed in training alone"):
        network([fc, loss, ("sum", Add(), [1, 1])], [2]).convert(to)
    with pytest.raises(shapecalc.UsageError, match="it is computed in training alone"):
        network([("loss", Loss(), [-1])], [0]).convert(to)


def test_weights_of_what_is_left_out_are_kept_for_those_that_share_them():
    fc = Linear(out_features=4)
    nodes = tuple(
        Node(name, layer, (Reference(i),), shares=owner)
        for name, layer, i, owner in [("r", ReLU(), -1, -1), ("a", fc, -1, -1), ("b", fc, 1, 1), ("c", ReLU(), 1, -1)]
    )
    net = Network(Made(Graph("made", {"x": Shape((4,))}, nodes, (Reference(2),), is_written=False)))
    assert "share: a" in net.convert("yaml")


def test_statistics_stay_and_outputs_lose_the_names_of_measures():
    norm = ("norm", KINDS["batch_norm"](affine=False), [0])
    net = network([("fc", Linear(out_features=4), [-1]), norm, ("end", ReLU(), [0])], [2])
    assert "BatchNorm" in net.convert("pytorch")
    graph = network([("fc", Linear(out_features=4), [-1]), ("a", Loss(), [0]), ("b", Loss(), [0])], [1, 2]).graph
    named = Network(Made(graph._replace(output_names=("first", "second"))))
    assert "return x\n" in named.convert("pytorch")
    assert Network(read_bytes(named.convert("onnx"), "a.onnx")).infer().outputs == {"fc": (4,)}
