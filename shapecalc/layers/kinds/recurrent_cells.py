"""Cells of recurrent layers: one step, for networks that run them in a loop of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import EQUAL, Constraint, Dim, prod, total
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Choice, Flag, Integer, Stated
from shapecalc.layers.base.layer import BOTH, TRAINED, Example, Layer, WeightShapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "recurrences"

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _Cell(Layer):
    """What cells share: they differ in the number of gates and of states.

    The weights are those of a recurrent layer of one direction, at one step. Steps in a row are layers with `share`.
    """

    inputs = (1, 2)
    in_calls: ClassVar[tuple[str, ...] | None] = ("input_size", "hidden_size", "bias")
    in_keras_calls: ClassVar[tuple[str, ...] | None] = ("hidden_size",)
    activates = True
    is_cell = True
    saves = TRAINED
    gates: ClassVar[int] = 1
    kept_of_step: ClassVar[int] = 0
    """How many tensors of the hidden size a step saves for the backward pass, with initial states of zeros."""

    hidden_size = Integer("features of the hidden state", also=["units"], symbol="H")
    input_size = Stated("features of the input")
    bias = Flag("learned biases in every gate", True, also=["use_bias"])
    convention = Choice("torch: two biases for each gate; keras: one (but two in a GRU)", ("torch", "keras"), "torch")

    @property
    def _biases(self) -> tuple[str, ...]:
        return ("bias_ih", "bias_hh") if self.convention == "torch" else ("bias_ih",)

    def constraints(self, x: Shape, *states: Shape) -> Iterator[Constraint]:
        for name, given in (("input", x), *(("state", state) for state in states)):
            if given.rank != 1:
                raise LayerError(
                    f"{self.kind} needs one axis of features, but its {name} is {given.text}",
                    hint="it is one step: the layer without `_cell` runs over a sequence",
                )
        if self.input_size is not None:
            yield Constraint(x.sizes[0], EQUAL, self.input_size, "features of the input", "input_size")
        for state in states:
            yield Constraint(state.sizes[0], EQUAL, self.hidden_size, "features of the state", "hidden_size")

    def output(self, x: Shape, *states: Shape) -> Any:
        return x.plain(self.hidden_size)

    def weights(self, x: Shape, *states: Shape) -> WeightShapes:
        rows = self.gates * self.hidden_size
        shapes: WeightShapes = {"weight_ih": (rows, x.sizes[0]), "weight_hh": (rows, self.hidden_size)}
        return {**shapes, **(dict.fromkeys(self._biases, (rows,)) if self.bias else {})}

    def macs(self, output: Any, x: Shape, *states: Shape) -> Dim:
        return total(prod(sizes) for name, sizes in self.weights(x).items() if name.startswith("weight"))

    def features_in(self, x: Shape, *states: Shape) -> Dim:
        return x.sizes[0]

    def kept(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        return [(self.kept_of_step * self.hidden_size - total(state.elements for state in states[1:]), 0)]

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        return [(self.hidden_size - total(state.elements for state in states[:1]), 0)]  # zeros, if no state is given


class RNNCell(_Cell):
    """Cell of an Elman recurrent layer: one step of `rnn`. A second input, where given, is the state before it."""

    kind = "rnn_cell"
    also = ("simple_rnn_cell",)
    in_calls = ("input_size", "hidden_size", "bias", "nonlinearity")
    in_keras_calls = ("hidden_size", "nonlinearity")
    saves = BOTH

    nonlinearity = Choice("activation of the state", ("tanh", "relu"), "tanh", also=["activation"])

    examples = (
        Example({"hidden_size": 7}, (5,), (7,), 98, 84, "PyTorch 2.13.0, run; MACs by arithmetic"),
        Example({"hidden_size": 7, "convention": "keras"}, (5,), (7,), 91, 84,
                "Keras 3.15.1, SimpleRNNCell, run; MACs by arithmetic"),
    )  # fmt: skip


class LSTMCell(_Cell):
    """Cell of a long short-term memory: one step of `lstm`; the outputs are the hidden and the cell state.

    Further inputs, where given, are the hidden and the cell state before the step.
    """

    kind = "lstm_cell"
    inputs = (1, 3)
    gates = 4
    kept_of_step = 6

    examples = (
        Example({"hidden_size": 7}, (5,), [(7,), (7,)], 392, 336,
                "PyTorch 2.13.0, run; MACs by arithmetic"),
    )  # fmt: skip

    def output(self, x: Shape, *states: Shape) -> Any:
        return x.plain(self.hidden_size), x.plain(self.hidden_size)

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        return []  # without initial states, both are the same zeros


class GRUCell(_Cell):
    """Cell of a gated recurrent unit: one step of `gru`. A second input, where given, is the state before it."""

    kind = "gru_cell"
    gates = 3
    kept_of_step = 6

    examples = (
        Example({"hidden_size": 7}, (5,), (7,), 294, 252, "PyTorch 2.13.0, run; MACs by arithmetic"),
        Example({"hidden_size": 7, "convention": "keras"}, (5,), (7,), 294, 252,
                "Keras 3.15.1, GRUCell, run; MACs by arithmetic"),
    )  # fmt: skip

    @property
    def _biases(self) -> tuple[str, ...]:
        return ("bias_ih", "bias_hh")
