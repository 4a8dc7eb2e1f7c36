"""Recurrent cells written as blocks, one copy for each step with shared weights, against the kinds that have a loop."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.errors import ShapeError, SpecError


def of(kind, inputs, name):
    return {kind: {}, "from": inputs, "name": name}


def products(gates):
    return [
        {"linear": f"{gates} * hidden", "from": "input", "name": "of_input"},
        {"linear": f"{gates} * hidden", "from": "input2", "name": "of_state"},
    ]


ELMAN = [*products(1), {"add": ["of_input", "of_state"]}, "tanh"]
GRU = [
    *products(3),
    {"chunk": 3, "from": "of_input", "name": "x"},
    {"chunk": 3, "from": "of_state", "name": "s"},
    {"add": ["x[0]", "s[0]"]},
    {"sigmoid": {}, "name": "reset"},
    {"add": ["x[1]", "s[1]"]},
    {"sigmoid": {}, "name": "update"},
    {"mul": ["reset", "s[2]"], "name": "kept"},
    {"add": ["x[2]", "kept"]},
    {"tanh": {}, "name": "new"},
    {"sub": ["input2", "new"]},
    {"mul": ["sub1", "update"], "name": "held"},
    {"add": ["new", "held"]},
]
LSTM = [
    *products(4),
    {"add": ["of_input", "of_state"]},
    {"chunk": 4, "name": "gates"},
    of("sigmoid", "gates[0]", "in"),
    of("sigmoid", "gates[1]", "forget"),
    of("tanh", "gates[2]", "new"),
    of("sigmoid", "gates[3]", "out"),
    {"mul": ["forget", "input3"], "name": "remembered"},
    {"mul": ["in", "new"], "name": "added"},
    {"add": ["remembered", "added"], "name": "c"},
    of("tanh", "c", "bounded"),
    {"mul": ["bounded", "out"], "name": "h"},
]
CELLS = {
    "rnn": ({"layers": ELMAN}, {"layers": [{"rnn_cell": "hidden", "from": ["input", "input2"]}]}),
    "gru": ({"layers": GRU}, {"layers": [{"gru_cell": "hidden", "from": ["input", "input2"]}]}),
    "lstm": (
        {"layers": LSTM, "outputs": ["h", "c"]},
        {
            "layers": [{"lstm_cell": "hidden", "from": ["input", "input2", "input3"], "name": "s"}],
            "outputs": ["s", "s[1]"],
        },
    ),
}


def unrolled(cell, *, steps=5, size=3, hidden=4, first="hidden"):
    """Return a network that runs a cell over the steps of a sequence; its last output is the state after the last."""
    states = len(cell.get("outputs", "h"))
    before = [f"step{{i}}[{k}]" for k in range(states)]
    layers = [
        {"constant": {"size": first}, "name": "zeros"},
        {"chunk": "steps", "from": "input", "name": "parts"},
        {"flatten": {}, "repeat": "steps", "from": "parts[{i}]", "name": "x{i}"},
        {"cell": {}, "from": ["x0", *["zeros"] * states], "name": "step0"},
        {"cell": {}, "repeat": "steps - 1", "from": ["x{i + 1}", *before], "name": "step{i + 1}", "share": "step0"},
    ]
    document = {"input": [steps, size], "vars": {"steps": steps, "hidden": hidden}, "blocks": {"cell": cell}}
    return shapecalc.load({**document, "layers": layers})


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(("steps", "size", "hidden"), [(1, 3, 4), (2, 5, 7), (9, 8, 2)])
def test_a_cell_of_ones_own_counts_as_the_kind_does(kind, steps, size, hidden):
    loop = {kind: {"hidden_size": hidden, "return_sequences": False}}
    mine, with_cells = [unrolled(cell, steps=steps, size=size, hidden=hidden) for cell in CELLS[kind]]
    networks = [mine, with_cells, shapecalc.load({"input": [steps, size], "layers": [loop]})]
    totals = [network.infer().total for network in networks]
    assert totals[0] == totals[1] == totals[2]
    assert mine.infer().rows[-1].output_shapes[0] == (hidden,)
    assert len({network.memory(weights=16).weights for network in networks}) == 1


@pytest.mark.parametrize(("kind", "params"), [("rnn", 98), ("lstm", 392), ("gru", 294)])
def test_parameters_of_pytorch_cells(kind, params):
    """RNNCell(5, 7), LSTMCell(5, 7) and GRUCell(5, 7) of PyTorch 2.13.0."""
    assert unrolled(CELLS[kind][0], steps=6, size=5, hidden=7).infer().total.params == params


@pytest.mark.parametrize("kind", CELLS)
def test_what_is_saved_grows_by_the_same_for_every_step(kind):
    networks = [unrolled(CELLS[kind][0], steps=steps) for steps in (4, 5, 6)]
    kept = [network.memory(training=True, loss="none").training.kept for network in networks]
    assert kept[2] - kept[1] == kept[1] - kept[0] > 0
    live = [network.memory().activations.peak for network in networks]
    assert [live[1] - live[0], live[2] - live[1]] == [3 * 4] * 2, "at inference only the input is longer"


@pytest.mark.parametrize("kind", CELLS)
def test_its_formula_is_that_of_the_kind(kind):
    loop = shapecalc.load({"input": [5, 3], "vars": {"hidden": 4}, "layers": [{kind: "hidden"}]})
    found = [one.formula(["hidden"], what=["params", "macs"]).to_dict() for one in (unrolled(CELLS[kind][0]), loop)]
    assert found[0]["text"] == found[1]["text"]


def test_a_state_of_another_size_than_the_cell_outputs():
    with pytest.raises(ShapeError) as error:
        unrolled({"layers": ELMAN}, first=2).infer()
    message = "step1.of_state (linear): it shares the weights of step0.of_state, whose sizes are not the ones it needs"
    assert message in str(error.value)
    assert "it needs weight 4×4, bias 4; step0.of_state has weight 4×2, bias 4" in str(error.value)


def test_a_cell_without_a_state():
    with pytest.raises(SpecError) as error:
        unrolled({"layers": [{"linear": "hidden", "from": "input"}, "tanh"]}).infer()
    assert "step1.tanh1: the output of this layer is not used" in str(error.value)
