"""The recurrent layer of any cell: a layer that is one step, run over the length of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import Dim, total
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Flag
from shapecalc.layers.base.cell import Cell
from shapecalc.layers.base.layer import BOTH, FEATURES_LAST, INPUTS, NOTHING, OUTPUTS, TRAINED, Example, Layer
from shapecalc.layers.base.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.layer import WeightShapes

GROUP = "recurrences"

__all__ = ["Recurrent"]

_OF_CELL = ("inputs", "activates", "autocast", "untrained", "weight_roles")
"""What is true of the layer if it is of its cell."""


class Recurrent(Layer):
    """Recurrent layer of any cell: it runs a cell, a layer that is one step, over the length of its input.

    As Keras' `RNN(cell)`, and as a loop over an `nn.LSTMCell`. The input is (length, …), with the input of the cell at
    each step; the outputs are the first state of the cell after every step, and all its states after the last
    (`recurrent1[1]`, …). Further inputs, where given, are the states before the first step. The arguments of the cell
    are also those of the layer, in reports and for `solve`.
    """

    kind = "recurrent"
    also = ("recurrent_layer",)
    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    saves = TRAINED
    step_axis = 0
    mistaken: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("hidden_size", "units", "input_size", "use_bias"),
        "it is an argument of the cell: write cell: {lstm_cell: {hidden_size: …}}",
    )

    cell = Cell("layer that is one step, with its arguments")
    return_sequences = Flag("output every step; false outputs only the last step, Keras' default", True)

    examples = (
        Example({"cell": {"lstm_cell": {"hidden_size": 7}}}, (4, 5), [(4, 7), (7,), (7,)], 392, 1_344,
                "PyTorch 2.13.0, a loop over nn.LSTMCell, run; MACs by arithmetic"),
        Example({"cell": {"rnn_cell": {"hidden_size": 7}}, "return_sequences": False}, (6, 5), [(7,), (7,)], 98, 504,
                "PyTorch 2.13.0, a loop over nn.RNNCell, run; MACs by arithmetic"),
    )  # fmt: skip

    _given: Layer
    """The cell as it was given; the values of its arguments are those of this layer."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        cell: Layer = self.__dict__["cell"]
        self.__dict__.update(
            {name: getattr(cell, name) for name in _OF_CELL}
            | cell.values()
            | {"cell": cell.kind, "_given": cell, "arguments": {**type(self).arguments, **cell.arguments}}
        )

    def part_with(self, argument: str) -> tuple[str, Layer] | None:
        return ("cell", self._cell) if argument in self._given.arguments else None

    @property
    def _cell(self) -> Layer:
        return self._given.with_values({name: self.__dict__[name] for name in self._given.arguments})

    @property
    def axis_order(self) -> str:
        return self._given.axis_order or FEATURES_LAST

    def _step(self, x: Shape) -> Shape:
        """Return the input of one step."""
        if x.rank < 2:
            message = f"{self.kind} needs a length and the input of each step, but its input is {x.text}"
            raise LayerError(message, hint=_one_feature if x.rank == 1 else "")
        return Shape(x.sizes[1:], x.channels_last, is_map=x.rank > 2)

    def states_after(self, x: Shape, *states: Shape) -> tuple[Shape, ...]:
        """Return the states after a step: the outputs of the cell."""
        after = self._cell.output(self._step(x))
        return (after,) if isinstance(after, Shape) else tuple(after)

    def constraints(self, x: Shape, *states: Shape) -> Iterator[Constraint]:
        step = self._step(x)
        try:
            yield from self._cell.constraints(step, *states)
        except LayerError as error:  # of the number of axes
            message = f"at each step, {error.message}"
            if step.rank > 1:
                raise LayerError(message, hint="add a permute and a reshape or flatten before it") from None
            number = next((i for i, state in enumerate(states, 1) if state.rank == 2), 0)
            raise LayerError(message, error.why, _without_axis(number) if number else error.hint) from None

    def output(self, x: Shape, *states: Shape) -> Any:
        after = self.states_after(x)
        first = after[0]
        return (x.plain(x.sizes[0], *first.sizes) if self.return_sequences else first, *after)

    def weights(self, x: Shape, *states: Shape) -> WeightShapes:
        return self._cell.weights(self._step(x), *states)

    def read_weights(self, x: Shape, *states: Shape) -> WeightShapes:
        return self._cell.read_weights(self._step(x), *states)

    def buffers(self, x: Shape, *states: Shape) -> WeightShapes:
        return self._cell.buffers(self._step(x), *states)

    def macs(self, output: Any, x: Shape, *states: Shape) -> Dim:
        cell, step = self._cell, self._step(x)
        return x.sizes[0] * cell.macs(cell.output(step), step, *states)

    def features_in(self, x: Shape, *states: Shape) -> Dim:
        return self._cell.features_in(self._step(x))

    def doubt(self, x: Shape, *states: Shape) -> str:
        return self._cell.doubt(self._step(x), *states)

    def saved(self, x: Shape, *states: Shape) -> str:
        """Return what the cell saves, of the inputs alone: the outputs of its steps are in `kept`."""
        saved = self._cell.saved(self._step(x), *states)
        return {OUTPUTS: NOTHING, BOTH: INPUTS}.get(saved, saved)

    def kept(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        """Return what each step saves, and the states that it saves as its inputs or outputs.

        The states before a further step are what the one before it computed: they are kept once, and are no inputs of
        the layer. A cell saves zeros in place of states that are not given, where it saves these whatever is trained.
        """
        cell, step = self._cell, self._step(x)
        out, further = cell.output(step), x.sizes[0] - 1
        found = [*cell.kept(out, step, *states), *_times(further, cell.kept(out, step))]
        saved, sizes = cell.saved(step), self.state_cache(x)
        if saved in (OUTPUTS, BOTH):
            return [*found, (x.sizes[0] * sizes, 0)]
        return [*found, (further * self._states_between(x), 0)] if saved not in (NOTHING, TRAINED) else found

    def kept_for_weights(self, output: Any, x: Shape, *states: Shape) -> list[tuple[Dim, int]]:
        cell, step = self._cell, self._step(x)
        out, further, after = cell.output(step), x.sizes[0] - 1, self.states_after(x)
        found = [*cell.kept_for_weights(out, step, *states), *_times(further, cell.kept_for_weights(out, step, *after))]
        return [*found, (further * self._states_between(x), 0)] if cell.saved(step) == TRAINED else found

    def _states_between(self, x: Shape) -> Dim:
        """Return the elements of the states before a further step that `kept` of the cell does not have."""
        cell, step, after = self._cell, self._step(x), self.states_after(x)
        out = cell.output(step)
        zeros = total(n for n, _ in cell.kept(out, step)) - total(n for n, _ in cell.kept(out, step, *after))
        return self.state_cache(x) - zeros


def _times(steps: Dim, kept: Iterable[tuple[Dim, int]]) -> list[tuple[Dim, int]]:
    return [(steps * elements, bits) for elements, bits in kept]


def _one_feature(place: Callable[[Insertion], str]) -> str:
    return f"{place(Insertion('unsqueeze: 2'))}, for one feature at each step; or an embedding, for token ids"


def _without_axis(number: int) -> Callable[[Callable[[Insertion], str]], str]:
    """Return the hint for a state with an axis of layers, as those of an LSTM have it."""
    return lambda place: f"a state has no axis of layers and directions: {place(Insertion('squeeze: 1', number))}"
