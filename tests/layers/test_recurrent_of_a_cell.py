"""The recurrent layer of any cell: against the layers with a loop of their own, Keras, PyTorch, and a cell made here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from sizing import outputs, parameters, sized

import shapecalc
from shapecalc.dims import total
from shapecalc.errors import LayerError, ShapeError, SpecError
from shapecalc.language.schema import specification_schema
from shapecalc.layers import KINDS
from shapecalc.layers.base import layer as registry
from shapecalc.layers.base.arguments import Integer
from shapecalc.layers.base.layer import INPUTS, Layer
from shapecalc.layers.base.shape import Shape
from shapecalc.questions.memory.serving.decoding import length_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS = {"rnn": "rnn_cell", "lstm": "lstm_cell", "gru": "gru_cell"}


def of(cell: str, length: int = 9, size: int = 5, *, sequences: bool = True, **arguments: Any) -> Any:
    return sized("recurrent", (length, size), cell={cell: arguments}, return_sequences=sequences)


def network(item: Any, size: tuple[int, int] = (9, 5), **rest: Any) -> Any:
    return shapecalc.load({"input": [*size], **rest, "layers": [item]})


@pytest.mark.parametrize("convention", ["torch", "keras"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("kind", CELLS)
def test_of_the_cells_of_rnn_lstm_and_gru_it_is_these_layers(
    kind: str, sequences: bool, bias: bool, convention: str
) -> None:
    words = {"hidden_size": 4, "bias": bias, "convention": convention}
    found = of(CELLS[kind], sequences=sequences, **words)
    due = sized(kind, (9, 5), return_sequences=sequences, **words)
    assert (found.weights, found.biases, found.macs) == (due.weights, due.biases, due.macs)
    assert outputs(found)[0] == outputs(due)[0]
    assert [(1, *sizes) for sizes in outputs(found)[1:]] == outputs(due)[1:], "the states, of one layer and direction"


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("frozen", [True, False])
def test_it_saves_for_the_backward_pass_what_these_layers_do(kind: str, frozen: bool) -> None:
    """But for the first states: an LSTM has zeros for each, its cell the same for both (PyTorch 2.13.0)."""

    def kept(layer: dict[str, Any]) -> int:
        layers = [{"linear": 5}, {**layer, "frozen": frozen}, {"linear": 3}]
        found = shapecalc.load({"input": [9, 5], "layers": layers}).memory(training=True, loss="none")
        return int(found.training.kept)

    less = 4 * 4 if kind == "lstm" and not frozen else 0
    more = 4 * 9 * 5 if kind == "rnn" and frozen else 0  # the declaration of rnn_cell is an upper bound where frozen
    assert kept({"recurrent": {"cell": {CELLS[kind]: 4}}}) == kept({kind: 4}) - less + more


@pytest.mark.parametrize(("cell", "words", "params"), [
    ("LSTMCell", {}, 208), ("LSTMCell", {"use_bias": False}, 192), ("GRUCell", {}, 168), ("SimpleRNNCell", {}, 52),
])  # fmt: skip
@pytest.mark.parametrize("sequences", [True, False])
def test_parameters_and_outputs_of_keras_rnn_of_a_cell(
    cell: str, words: dict[str, Any], params: int, sequences: bool
) -> None:
    """Keras 3.15.1, run: RNN(LSTMCell(4), return_sequences=…, return_state=True) and so on, on an input of 10×8."""
    item = {"recurrent": {"cell": {cell: {"units": 4, "convention": "keras", **words}}, "return_sequences": sequences}}
    row = network(item, (10, 8)).infer().rows[0]
    assert row.params == params
    assert list(row.output_shapes) == [(10, 4) if sequences else (4,), *[(4,)] * (2 if cell == "LSTMCell" else 1)]


def test_stacked_cells_of_keras_are_layers_in_sequence() -> None:
    """Keras 3.15.1, run: RNN([LSTMCell(4), LSTMCell(6)]) on an input of 10×8 has 472 parameters and outputs 6."""
    layers = [
        {"recurrent": {"cell": {"lstm_cell": {"units": 4, "convention": "keras"}}}},
        {"recurrent": {"cell": {"lstm_cell": {"units": 6, "convention": "keras"}}, "return_sequences": False}},
    ]
    report = shapecalc.load({"input": [10, 8], "layers": layers}).infer()
    assert report.total.params == 472
    assert report.rows[-1].output_shapes[0] == (6,)


@pytest.mark.torch
def test_a_loop_over_a_cell_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(5)
    for turn in range(12):
        kind, name = list(zip(CELLS.values(), ("RNNCell", "LSTMCell", "GRUCell"), strict=True))[turn % 3]
        length, size, hidden, bias = rng.randint(1, 6), rng.randint(1, 6), rng.randint(1, 6), rng.random() < 0.5
        module = getattr(torch.nn, name)(size, hidden, bias=bias)
        steps, state = [], None
        for step in torch.randn(length, size):
            state = module(step, state)
            steps.append(state[0] if isinstance(state, tuple) else state)
        states = state if isinstance(state, tuple) else (state,)
        found = of(kind, length, size, hidden_size=hidden, bias=bias)
        assert outputs(found) == [tuple(torch.stack(steps).shape), *(tuple(one.shape) for one in states)]
        assert found.weight_shapes == {name: tuple(p.shape) for name, p in module.named_parameters()}
        assert found.weights + found.biases == parameters(module)


@pytest.mark.parametrize("cell", CELLS.values())
def test_costs_of_a_cell_are_those_of_each_step(cell: str) -> None:
    one, step = of(cell, 1, hidden_size=4), sized(cell, (5,), hidden_size=4)
    assert (one.weights, one.macs, outputs(one)[1:]) == (step.weights, step.macs, outputs(step))
    assert of(cell, 7, hidden_size=4).macs == 7 * one.macs
    assert of(cell, 7, hidden_size=4).weights == one.weights


@pytest.mark.parametrize("written", ["lstm_cell", "LSTMCell", "lstm-cell"])
@pytest.mark.parametrize("given", [4, {"hidden_size": 4}, {"units": 4}])
def test_a_cell_is_written_as_an_item_is(written: str, given: Any) -> None:
    row = network({"recurrent": {"cell": {written: given}}}).infer().rows[0]
    assert row.params == 4 * (4 * 5 + 4 * 4 + 2 * 4)
    assert row.arguments == {"cell": "lstm_cell", "hidden_size": 4}


def test_variables_in_the_arguments_of_a_cell() -> None:
    text = "input: 9x5\nvars: {h: 4}\nlayers:\n- recurrent: {cell: {lstm_cell: {hidden_size: 2 * h}}}\n"
    due = {h: sized("lstm", (9, 5), hidden_size=2 * h) for h in (1, 2, 3)}
    assert shapecalc.load(text).formula(["h"], what=["params"]).to_dict()["text"]["params"] == "16·h² + 56·h"
    swept = shapecalc.sweep(text, vars={"h": [1, 2, 3]})
    assert [(one["params"], one["macs"]) for one in swept] == [(d.weights + d.biases, d.macs) for d in due.values()]


def test_a_cell_may_be_the_value_of_a_variable() -> None:
    text = "input: 9x5\nvars: {cell: {lstm_cell: 4}}\nlayers:\n- recurrent: {cell: cell}\n"
    assert shapecalc.load(text).infer().total == network({"lstm": 4}).infer().total
    with pytest.raises(SpecError, match="hidden_size is missing") as caught:
        shapecalc.load(text.replace("{lstm_cell: 4}", "lstm_cell")).infer()
    assert caught.value.problems[0].why[0] == "cell is the text 'lstm_cell'"


def test_initial_states_are_further_inputs() -> None:
    found = sized("recurrent", (9, 5), (4,), (4,), cell={"lstm_cell": 4})
    assert outputs(found) == [(9, 4), (4,), (4,)]
    layers = [{"recurrent": {"cell": {"gru_cell": 4}}, "from": ["a", "b", "c"]}]
    with pytest.raises((ShapeError, SpecError), match="1 to 2 inputs, but has 3"):
        shapecalc.load({"inputs": {"a": [9, 5], "b": [4], "c": [4]}, "layers": layers}).infer()


def test_its_state_is_kept_for_a_sequence_of_any_length() -> None:
    """Keras and PyTorch hand on the states alone: a hidden and a cell state of 4 elements in fp16."""
    for length in (9, 900):
        net = network({"recurrent": {"cell": {"lstm_cell": 4}}}, (length, 5))
        memory = net.memory(activations=16, weights=16)
        assert (memory.kv_cache, memory.state_cache) == (0, 2 * 4 * 2)


@pytest.mark.parametrize(
    ("layer", "elements"),
    [
        ({"lstm": {"hidden_size": 8, "num_layers": 2}}, 2 * 2 * 8),  # h_n and c_n of nn.LSTM: (2, 8) each
        ({"lstm": {"hidden_size": 8, "proj_size": 3}}, 3 + 8),
        ({"gru": {"hidden_size": 8, "num_layers": 3}}, 3 * 8),
        ({"rnn": {"hidden_size": 8, "return_sequences": False}}, 8),
        ({"lstm": {"hidden_size": 8, "bidirectional": True}}, 0),  # it begins at the end: there is no next step
        ({"recurrent": {"cell": {"lstm_cell": 8}}}, 2 * 8),
    ],
)
def test_the_states_that_pytorch_hands_on_are_kept_by_a_decoder(layer: dict[str, Any], elements: int) -> None:
    for length in (9, 900):
        memory = network(layer, (length, 5)).memory(activations=16, weights=16)
        assert (memory.kv_cache, memory.state_cache) == (0, elements * 2)


def test_the_steps_of_a_recurrence_come_first() -> None:
    assert KINDS["recurrent"].step_axis == KINDS["conv_lstm"].step_axis == 0
    net = network({"conv_lstm": {"out_channels": 4, "kernel_size": 3, "padding": 1}}, (9, 3, 6, 7))
    assert length_of(net.infer()) == 9


def test_a_convolutional_lstm_keeps_two_maps() -> None:
    memory = network({"conv_lstm": {"out_channels": 4, "kernel_size": 3, "padding": 1}}, (9, 3, 6, 7)).memory()
    assert memory.state_cache == 2 * 4 * 6 * 7 * 4


@pytest.mark.parametrize("layer", [{"lstm": 8}, {"recurrent": {"cell": {"gru_cell": 8}}}, {"rnn": 8}])
def test_a_language_model_of_a_recurrence_goes_on_by_one_token(layer: dict[str, Any]) -> None:
    layers = [{"embedding": {"num_embeddings": 10, "embedding_dim": 5}}, layer, {"linear": 10}]
    net = shapecalc.load({"input": [50], "layers": layers})
    found = net.memory(context=30)
    assert found.context is not None
    assert found.context.bytes == found.state_cache == net.memory().state_cache > 0
    assert found.total == net.memory(input=[1]).total + found.state_cache


def test_explain_has_the_symbols_of_the_cell() -> None:
    text = network({"recurrent": {"cell": {"gru_cell": 4}, "return_sequences": False}}).explain().render(width=100)
    assert "MACs      L_in·(3·H·F_in + 3·H²) = 9·(3·4·5 + 3·4²) = 9·(60 + 48) = 972" in text
    assert "H = 4 (hidden_size), cell = gru_cell, return_sequences = false" in text


ERRORS = [
    ("{cell: linear}", "5: recurrent: cell must be a cell, but linear is not a step of a recurrence", "^^^^^^",
     "cells are rnn_cell, lstm_cell, gru_cell; one of your own is a block: docs/language.md, Recurrent cells"),
    ("{cell: lstm}", "recurrent: cell must be a cell, but lstm is not a step of a recurrence", "^^^^",
     "did you mean lstm_cell?"),
    ("{cell: {lstm_cel: 4}}", "cell must be a cell, but there is no kind of layer called lstm_cel", "^^^^^^^^",
     "did you mean lstm_cell?"),
    ("{cell: {lstm_cell: {hidden_size: 4, bais: false}}}", "lstm_cell: there is no argument bais", "^^^^",
     "did you mean bias?"),
    ("{cell: {lstm_cell: {hidden_size: 0}}}", "lstm_cell: hidden_size must be a whole number of at least 1, not 0", "^",
     ""),
    ("{cell: lstm_cell}", "lstm_cell: hidden_size is missing", "^^^^^^^^^",
     "give hidden_size: a whole number of at least 1"),
    ("{cell: [lstm_cell, gru_cell]}", "recurrent: cell must be one cell, not a list", "^",
     "for cells on top of each other, write a layer for each: return_sequences: false only in the last"),
    ("{cell: 4}", "recurrent: cell must be a cell with its arguments, such as {lstm_cell: {hidden_size: 64}}, not 4",
     "^", ""),
    ("{hidden_size: 4}", "recurrent: there is no argument hidden_size", "^^^^^^^^^^^",
     "it is an argument of the cell: write cell: {lstm_cell: {hidden_size: …}}"),
    ("{cell: LSTMCell(64)}", "there is no kind of layer called LSTMCell(64)", "^^^^^^^^^^^^",
     "write cell: {LSTMCell: {hidden_size: 64}}"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message", "marked", "hint"), ERRORS, ids=[case[0] for case in ERRORS])
def test_what_is_no_cell_is_refused_at_its_location(given: str, message: str, marked: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: 9x5\nlayers:\n- recurrent: {given}\n").infer()
    (problem,) = caught.value.problems
    assert message.removeprefix("5: ") in problem.headline
    assert problem.hint.endswith(hint)
    assert bool(hint) == bool(problem.hint)
    assert problem.mark is not None
    assert problem.mark.excerpt()[1].split()[-1] == marked


@pytest.mark.parametrize(("given", "hint"), [
    ("- keras.layers.RNN(keras.layers.LSTMCell(64), return_sequences=True)",
     "write `- recurrent: {cell: {LSTMCell: {hidden_size: 64}}, return_sequences: true}`"),
    ("- RNN(cell=GRUCell(units=4))", "write `- recurrent: {cell: {GRUCell: {hidden_size: 4}}}`"),
    ("- rnn: {cell: lstm_cell}",
     "rnn has its own cell; Keras' RNN(cell) is `recurrent`: write `- recurrent: {cell: {lstm_cell: {…}}}`"),
    ("- nn.LSTMCell(8, 64)", "write `- LSTMCell: {input_size: 8, hidden_size: 64}`"),
])  # fmt: skip
def test_keras_rnn_of_a_cell_gets_the_hint(given: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: 9x5\nlayers:\n{given}\n").infer()
    assert [problem.hint for problem in caught.value.problems] == [hint]


@pytest.mark.parametrize(("inputs", "message", "hint"), [
    ([(9,)], "recurrent needs a length and the input of each step, but its input is 9",
     "write `- unsqueeze: 2` before it, for one feature at each step; or an embedding, for token ids"),
    ([(9, 5, 3)], "at each step, lstm_cell needs one axis of features, but its input is 5×3",
     "add a permute and a reshape or flatten before it"),
    ([(9, 5), (1, 4)], "at each step, lstm_cell needs one axis of features, but its state is 1×4",
     "a state has no axis of layers and directions: write `- squeeze: 1` before it"),
    ([(9, 5), (3,)], "features of the state (=3) must equal hidden_size (=4)", ""),
])  # fmt: skip
def test_inputs_that_do_not_fit(inputs: list[tuple[int, ...]], message: str, hint: str) -> None:
    with pytest.raises(LayerError) as caught:
        sized("recurrent", *inputs, cell={"lstm_cell": 4})
    assert message in str(caught.value)
    assert not hint or caught.value.hint == hint


@pytest.mark.parametrize("written", [
    "{cell: {lstm_cell: {hidden_size: 4, input_size: 7}}}",
    "\n    cell:\n      lstm_cell:\n        input_size: 7\n        hidden_size: 4",
])  # fmt: skip
def test_solve_corrects_an_argument_of_the_cell(written: str) -> None:
    text = f"input: 9x5\nlayers:\n- recurrent: {written}\n"
    net = shapecalc.load(text)
    with pytest.raises(ShapeError, match="input_size: 5 would fit, or leave it out"):
        net.infer()
    found = shapecalc.solve(text, fix=True).to_dict()
    change = found["fixes"][0]["changes"][0]
    assert (change["argument"], change["new"]) == ("input_size", 5)
    assert change["new_line"] == change["old_line"].replace("input_size: 7", "input_size: 5")


def test_the_schema_knows_the_arguments_of_each_cell() -> None:
    forms = specification_schema()["$defs"]["kind.recurrent"]["anyOf"][-1]["properties"]["cell"]["anyOf"]
    found = forms[-1]["properties"]
    assert found.keys() == {word for cls in KINDS.values() if cls.is_cell for word in (cls.kind, *cls.also)}
    assert found["simple_rnn_cell"] == {"$ref": "#/$defs/kind.rnn_cell"}
    assert (forms[-1]["minProperties"], forms[-1]["maxProperties"]) == (1, 1)


@pytest.fixture
def made_up() -> Iterator[None]:
    """A cell as another file would declare it: two states of different sizes, of which the first is the output."""

    class Other(Layer):
        kind = "other_cell"
        inputs = (1, 3)
        is_cell = True
        saves = INPUTS
        size = Integer("features of the output")
        return_size = Integer("features of the second state", 3)

        def output(self, x: Shape, *states: Shape) -> Any:
            return x.plain(self.size), x.plain(self.return_size)

        def weights(self, x: Shape, *states: Shape) -> Any:
            return {"w": (self.size, x.sizes[0])}

        def buffers(self, x: Shape, *states: Shape) -> Any:
            return {"table": (self.size,)}

        def macs(self, output: Any, x: Shape, *states: Shape) -> Any:
            return self.size * x.sizes[0]

        def kept(self, output: Any, x: Shape, *states: Shape) -> Any:
            return [(2 * self.size, 8), (self.size - total(s.elements for s in states[:1]), 0)]  # the first: zeros

        def read_weights(self, x: Shape, *states: Shape) -> Any:
            return {"w": (1, x.sizes[0])}

        def doubt(self, x: Shape, *states: Shape) -> str:
            return "is made up"

    yield
    KINDS.pop("other_cell", None)
    registry.KINDS.pop("other_cell", None)
    registry._also_names.pop("othercell", None)
    del Other


@pytest.mark.usefixtures("made_up")
def test_any_kind_that_says_that_it_is_a_cell_can_be_run() -> None:
    net = network({"recurrent": {"cell": {"other_cell": {"size": 6}}}})
    row = net.infer().rows[0]
    assert (row.params, row.buffers, row.macs) == (6 * 5, 6, 9 * 6 * 5)
    assert list(row.output_shapes) == [(9, 6), (6,), (3,)]
    layer = KINDS["recurrent"](cell={"other_cell": {"size": 6}})
    x, given = Shape((9, 5)), (Shape((6,)), Shape((3,)))
    assert layer.saved(x) == INPUTS
    states = 6 + 3

    def elements(*inputs: Shape) -> dict[int, int]:
        found: dict[int, int] = {}
        for n, bits in layer.kept(layer.output(*inputs), *inputs):
            found[bits] = found.get(bits, 0) + n
        return found

    assert elements(x) == {8: 9 * 12, 0: 8 * states + 6}, "the states before each step, once"
    assert elements(x, *given) == {8: 9 * 12, 0: 8 * states}, "the first ones are inputs"
    assert (layer.state_cache(x), layer.features_in(x)) == (states, 5)
    assert layer.read_weights(x) == {"w": (1, 5)}
    assert layer.axis_order == KINDS["lstm"](hidden_size=4).axis_order
    assert layer.doubt(x) == "is made up"


def test_no_argument_of_a_cell_has_the_name_of_one_of_the_layer() -> None:
    cells = [cls for cls in KINDS.values() if cls.is_cell]
    assert [cls.kind for cls in cells] == [*CELLS.values()]
    for cls in cells:
        assert not cls.arguments.keys() & KINDS["recurrent"].arguments.keys()
        plain = cls(hidden_size=4)
        states = plain.output(Shape((5,)))
        states = (states,) if isinstance(states, Shape) else states
        assert cls.inputs[1] == 1 + len(states), "its outputs are the states after it, its further inputs those before"
        list(plain.constraints(Shape((5,)), *states))
