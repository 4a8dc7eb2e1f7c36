"""Recurrent layers over a sequence (length, features), stacked, in one or both directions.

At every step each gate multiplies the step's input and the hidden state by its own matrices: these products are the
multiply-accumulates. The element-wise rest of a cell is not counted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import EQUAL, LESS, Constraint, Dim, prod, total
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Choice, Count, Flag, Integer, Number, Stated
from shapecalc.layers.base.layer import FEATURES_LAST, TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.sequence_hints import length_hint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from shapecalc.layers.base.shape import Shape

GROUP = "recurrences"

__all__ = ["GRU", "LSTM", "RNN"]


_CONCAT = "concat"
_NONE = "none"


class _Recurrent(Layer):
    """What the recurrent layers share: they differ in the number of gates and of states."""

    inputs = (1, 2)
    in_calls: ClassVar[tuple[str, ...] | None] = ("input_size", "hidden_size", "num_layers", "bias")
    in_keras_calls: ClassVar[tuple[str, ...] | None] = ("hidden_size",)
    activates = True
    gates: ClassVar[int] = 1
    saves = TRAINED
    kept_of_step: ClassVar[int] = 1
    """How many tensors of the hidden size each step of a layer saves for the backward pass."""

    hidden_size = Integer("features of the hidden state", also=["units"], symbol="H")
    input_size = Stated("features of the input")
    num_layers = Count("number of stacked layers", 1)
    bias = Flag("learned biases in every gate", True, also=["use_bias"])
    dropout = Number("fraction dropped between the layers in training", 0.0, minimum=0, maximum=1)
    bidirectional = Flag("add a second pass, from the end of the sequence to its beginning", False)
    merge_mode = Choice("how the two directions are joined: concat (PyTorch), or as in Keras; none: an output of each",
                        (_CONCAT, "sum", "mul", "ave", _NONE), _CONCAT)  # fmt: skip
    convention = Choice("torch: two biases for each gate; keras: one (but two in a GRU with reset_after)",
                        ("torch", "keras"), "torch")  # fmt: skip
    return_sequences = Flag("output every step; false outputs only the last step, Keras' default", True)

    _unsaid: tuple[str, ...] = ()
    """Of a layer that is written with Keras' words, the arguments with another default there that are not written."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.merge_mode != _CONCAT and not self.bidirectional:
            raise LayerError(
                f"merge_mode {self.merge_mode} joins two directions, but there is one",
                hint="give bidirectional: true, or leave merge_mode out",
                argument="merge_mode",
            )
        if self.merge_mode == _NONE and self.num_layers > 1:
            raise LayerError(
                f"with merge_mode none the first of {self.num_layers} layers has two outputs, but the next one input",
                hint="write the layers one by one, or use another merge_mode",
                argument="merge_mode",
            )

    @property
    def axis_order(self) -> str:
        return FEATURES_LAST

    def under_words(self, words: Collection[str]) -> Layer:
        unsaid = tuple([word for word in ("convention", "return_sequences") if word not in words])
        return self.with_values({"_unsaid": unsaid}) if "units" in words and unsaid else self

    def otherwise(self, *_: Shape) -> Mapping[str, Any]:
        return {"return_sequences": True}

    def doubt(self, *_: Shape) -> str:
        found = []
        if "convention" in self._unsaid and self.bias and self._two_biases and "reset_after" not in self.arguments:
            found.append("has two biases in every gate, as in PyTorch; Keras, which says `units`, has one: "
                         "convention: keras")  # fmt: skip
        says_torch = self.convention == "torch" and "convention" not in self._unsaid
        if "return_sequences" in self._unsaid and not says_torch:
            which = "" if found else ", which says `units`,"
            found.append(f"outputs every step; Keras{which} outputs only the last: return_sequences: false")
        return ", and ".join(found)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _width(self) -> Dim:
        """The features of a layer's output: of both directions, as they are joined."""
        return self._directions * self._state if self.merge_mode == _CONCAT else self._state

    @property
    def _state(self) -> Dim:
        """The features of the output hidden state: the projection's, if there is one."""
        return self.hidden_size

    @property
    def _two_biases(self) -> bool:
        return bool(self.convention == "torch")

    def _widths(self, x: Shape) -> list[Dim]:
        """Return the number of input features of each layer."""
        return [x.sizes[-1]] + [self._width] * (self.num_layers - 1)

    def _states(self, x: Shape) -> tuple[Shape, ...]:
        return (x.plain(self.num_layers * self._directions, self._state),)

    def constraints(self, x: Shape, *states: Shape) -> Iterator[Constraint]:
        if x.rank != 2:
            message = f"{self.kind} needs a length and features, but its input is {x.text}"
            raise LayerError(message, hint=length_hint(x, self.input_size))
        if self.input_size is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.input_size, "features of the input", "input_size")
        for number, (given, due) in enumerate(zip(states, self._states(x), strict=False), 1):
            if given.rank != due.rank:
                raise LayerError(
                    f"an initial state of {self.kind} has {given.rank} axes instead of 2: layers and features"
                )
            unmet = partial(self._unmet, number, given, due)
            for size, expected in zip(given.sizes, due.sizes, strict=True):
                yield Constraint(size, EQUAL, expected, "an axis of the initial state", "that of the state", unmet)

    def _unmet(self, number: int, given: Shape, due: Shape) -> LayerError:
        """Return the error of an initial state of another size."""
        message = f"its initial state is {given.text}, but must be {due.text}: num_layers·directions × hidden_size"
        cells = Insertion(f"slice: {{dim: 1, end: {due.sizes[0]}}}", number, due.sizes)
        if given.sizes[0] > due.sizes[0] and given.sizes[1] == due.sizes[1]:
            return LayerError(message, (), lambda place: f"for the state of one direction or layer, {place(cells)}")
        return LayerError(message)

    def output(self, x: Shape, *states: Shape) -> Any:
        joined = x.plain(x.sizes[0], self._width) if self.return_sequences else x.plain(self._width)
        return (*([joined] * (2 if self.merge_mode == _NONE else 1)), *self._states(x))

    def states_after(self, x: Shape, *states: Shape) -> tuple[Shape, ...]:
        """Return the states of every layer; none of two directions, which need the end of the sequence."""
        return () if self.bidirectional else self._states(x)

    def output_names(self) -> tuple[str, ...]:
        return "output", "h_n"

    def weights(self, x: Shape, *states: Shape) -> WeightShapes:
        shapes: WeightShapes = {}
        rows = self.gates * self.hidden_size
        for layer, width in enumerate(self._widths(x)):
            for reverse in ("", "_reverse")[: self._directions]:
                end = f"l{layer}{reverse}"
                shapes[f"weight_ih_{end}"] = (rows, width)
                shapes[f"weight_hh_{end}"] = (rows, self._state)
                if self.bias:
                    shapes[f"bias_ih_{end}"] = (rows,)
                    if self._two_biases:
                        shapes[f"bias_hh_{end}"] = (rows,)
                shapes.update(self._further(end))
        return shapes

    def _further(self, end: str) -> WeightShapes:
        """Return further weights of one layer in one direction."""
        return {}

    def macs(self, output: Any, x: Shape, *states: Shape) -> Dim:
        matrices: Dim = 0
        for name, sizes in self.weights(x).items():
            if name.startswith("weight"):
                matrices = matrices + prod(sizes)
        return x.sizes[0] * matrices

    def features_in(self, x: Shape, *states: Shape) -> Dim:
        return x.sizes[-1]

    def kept(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        """Return what the layers save of each step, and the masks of the dropout between them.

        That is PyTorch's own loop over the steps; oneDNN and cuDNN keep a workspace, whose size they do not document.
        A given initial cell state is an input.
        """
        steps = x.sizes[0] * self._cells * self.kept_of_step * self.hidden_size - total(s.elements for s in states[1:])
        masks = x.sizes[0] * self._between if 0 < self.dropout < 1 else 0
        factors = x.sizes[0] * self._cells * self._state if self.merge_mode == "mul" else 0  # both directions' outputs
        return [(steps + masks + factors, 0)]

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        """Return the factors of the matrices: states before every step, and the inputs of further layers."""
        own = x.sizes[0] * self._cells * self._state - total(s.elements for s in states[:1])
        return [(own + x.sizes[0] * self._between, 0)]

    @property
    def _cells(self) -> Dim:
        return self.num_layers * self._directions

    @property
    def _between(self) -> Dim:
        """The features passed from one layer to the next, in total."""
        return (self.num_layers - 1) * self._width


class RNN(_Recurrent):
    """Elman recurrent layer: the new state is tanh (or ReLU) of W·input + U·state + bias.

    The input is (length, features); the outputs are all states, and the last state of every layer and direction
    (`rnn1[1]`). A second input, where given, is the initial state. PyTorch adds two biases, Keras one: `convention`.
    """

    kind = "rnn"
    also = ("simple_rnn",)
    mistaken: ClassVar[Mapping[str, str]] = {
        "cell": "rnn has its own cell; Keras' RNN(cell) is `recurrent`: write `- recurrent: {cell: {lstm_cell: {…}}}`"
    }
    in_calls = ("input_size", "hidden_size", "num_layers", "nonlinearity", "bias")
    in_keras_calls = ("hidden_size", "nonlinearity")

    nonlinearity = Choice("activation of the state", ("tanh", "relu"), "tanh", also=["activation"])

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        first = 0 if states else self._cells * self._state  # the state after a step is that before the next
        return [(first + x.sizes[0] * self._between, 0)]

    examples = (
        Example({"hidden_size": 7, "num_layers": 3, "bidirectional": True}, (6, 5), [(6, 14), (6, 7)], 840, 4_536,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip


class LSTM(_Recurrent):
    """Long short-term memory: four gates, a hidden state and a cell state.

    The input is (length, features); the outputs are all hidden states, and the last hidden and cell state of every
    layer and direction (`lstm1[1]`, `lstm1[2]`). Further inputs, where given, are the initial hidden and cell state.
    PyTorch adds two biases to every gate, Keras one: `convention`. `proj_size` makes the hidden state smaller by a
    learned matrix, as PyTorch does. With `peephole` the input, output and forget gates see the cell state, each through
    a factor for each feature, as in ONNX' LSTM with P (Gers et al. 2002).
    """

    kind = "lstm"
    inputs = (1, 3)
    gates = 4
    kept_of_step = 6  # four gates, the cell and its tanh

    proj_size = Integer("features that the hidden state is projected to; 0 for none", 0, minimum=0)
    peephole = Flag("let three gates see the cell state, by a learned factor of each feature", False,
                    also=["use_peepholes"])  # fmt: skip

    examples = (
        Example({"hidden_size": 7}, (4, 5), [(4, 7), (1, 7), (1, 7)], 392, 1_344,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"hidden_size": 7, "proj_size": 3, "num_layers": 2, "bidirectional": True}, (4, 5),
                [(4, 6), (4, 3), (4, 7)], 1_260, 4_144, "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"hidden_size": 7, "bias": False, "convention": "keras"}, (4, 5), [(4, 7), (1, 7), (1, 7)], 336, 1_344,
                "Keras 3.15.1, run; MACs by arithmetic"),
        Example({"hidden_size": 7, "peephole": True}, (4, 5), [(4, 7), (1, 7), (1, 7)], 413, 1_344,
                "ONNX' LSTM: W (1, 28, 5), R (1, 28, 7), B (1, 56), P (1, 21); MACs by arithmetic"),
    )  # fmt: skip

    def output_names(self) -> tuple[str, ...]:
        return "output", "h_n", "c_n"

    @property
    def _projects(self) -> bool:
        return not (type(self.proj_size) is int and self.proj_size == 0)

    @property
    def _state(self) -> Dim:
        return self.proj_size if self._projects else self.hidden_size

    def _states(self, x: Shape) -> tuple[Shape, ...]:
        return (*super()._states(x), x.plain(self.num_layers * self._directions, self.hidden_size))

    def _further(self, end: str) -> WeightShapes:
        projection = {f"weight_hr_{end}": (self.proj_size, self.hidden_size)} if self._projects else {}
        return {**projection, **({f"peephole_{end}": (3 * self.hidden_size,)} if self.peephole else {})}

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        projected = x.sizes[0] * self._cells * self.hidden_size if self._projects else 0
        return [*super().kept_for_weights(output, x, *states), (projected, 0)]

    def constraints(self, x: Shape, *states: Shape) -> Iterator[Constraint]:
        if self._projects:
            yield Constraint(self.proj_size, LESS, self.hidden_size, "proj_size", "hidden_size")
        yield from super().constraints(x, *states)


class GRU(_Recurrent):
    """Gated recurrent unit: three gates and a hidden state.

    The input is (length, features); the outputs are all states, and the last state of every layer and direction
    (`gru1[1]`). A second input, where given, is the initial state. PyTorch adds two biases to every gate. Keras does so
    with `reset_after` (its default), and one without: `convention` with `reset_after`. PyTorch has `reset_after` only.
    """

    kind = "gru"
    gates = 3
    kept_of_step = 6

    reset_after = Flag("apply the reset gate after the matrix product; only Keras has false", True)

    examples = (
        Example({"hidden_size": 7, "num_layers": 3, "bidirectional": True}, (6, 5), [(6, 14), (6, 7)], 2_520, 13_608,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"hidden_size": 7, "convention": "keras", "reset_after": False, "return_sequences": False}, (4, 5),
                [(7,), (1, 7)], 273, 1_008, "Keras 3.15.1, run; MACs by arithmetic"),
    )  # fmt: skip

    @property
    def _two_biases(self) -> bool:
        return bool(self.convention == "torch" or self.reset_after)

    def constraints(self, x: Shape, *states: Shape) -> Iterator[Constraint]:
        if self.convention == "torch" and not self.reset_after:
            raise LayerError(
                "PyTorch's GRU always applies its reset gate after the matrix product",
                hint="convention: keras has the other kind",
                argument="reset_after",
            )
        yield from super().constraints(x, *states)
