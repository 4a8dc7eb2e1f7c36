"""The rows of a report: what was inferred of one layer, what a line of a report shows, and their sums."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from shapecalc.dims import Dim, prod, total
from shapecalc.errors import Problem, UsageError, count_noun, did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers.base.layer import Layer, WeightShapes, is_bias
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Node

__all__ = ["ReportLine", "Row", "Sizing", "Totals", "can_share", "count", "inactive_of", "layers_in_words", "once",
           "own", "sum_rows"]  # fmt: skip

_T = TypeVar("_T")


class Sizing(NamedTuple):
    """The results of the formulas of one layer for its input shapes.

    `inactive` is how many weights and biases one token does not use: those of the experts that it is not routed to.
    """

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    weight_shapes: WeightShapes
    buffer_shapes: WeightShapes
    weights: Dim
    biases: Dim
    buffers: Dim
    macs: Dim
    inactive: Dim = 0

    @property
    def output(self) -> Any:
        """What the methods of a layer expect as its output: the shape, or all of them where it has several."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs


def own(node: Node, sizing: Sizing) -> Sizing:
    """Return the counts of a layer: no weights or buffers if it shares another's, so that they count once."""
    if node.shares >= 0:
        return sizing._replace(weight_shapes={}, buffer_shapes={}, weights=0, biases=0, buffers=0, inactive=0)
    if not node.held:
        return sizing
    shapes = {name: sizes for name, sizes in sizing.weight_shapes.items() if name not in node.held}
    weights, biases = count(shapes)
    inactive = inactive_of(node.layer, sizing.inputs, weights + biases, node.held) if node.layer else 0
    return sizing._replace(weight_shapes=shapes, weights=weights, biases=biases, inactive=inactive)


def inactive_of(layer: Layer, inputs: tuple[Shape, ...], params: Dim, held: Collection[str] = ()) -> Dim:
    """Return how many of its `params` one token does not use: all but the active weights that are not `held`."""
    if type(layer).active_weights is Layer.active_weights:
        return 0
    active = layer.active_weights(*inputs)
    return params - sum(count({name: sizes for name, sizes in active.items() if name not in held}))


def can_share(sizing: Sizing, owner: Sizing) -> bool:
    """Return whether the weights of a layer have the sizes of those of another, whatever their names."""
    return sorted(sizing.weight_shapes.values()) == sorted(owner.weight_shapes.values())


def layers_in_words(rows: "Sequence[Row]") -> str:
    """Return the first of several layers, with its kind, and how many more there are."""
    more = f" and {count_noun(len(rows) - 1, 'more layer')}" if len(rows) > 1 else ""
    return f"{clean(rows[0].name)} ({rows[0].kind}){more}"


class Totals(NamedTuple):
    """Sums of counts: over a network, a block, or one layer.

    `active_params` are the parameters that one token uses: all, unless it is routed to some of the experts.
    """

    weights: Dim
    biases: Dim
    params: Dim
    active_params: Dim
    trainable: Dim
    buffers: Dim
    macs: Dim


class Row(NamedTuple):
    """One layer of a report. Counts are exact; MACs are for the whole batch, sizes are without the batch axis.

    `from_` names the inputs of the layer; a layer that shares another's weights (`shares` is its name) has none of its
    own. `statistics` are the buffers that the convention adds to the parameters. `block` is the index of the innermost
    block of the report that contains it, or -1.
    """

    name: str
    node: Node
    sizing: Sizing
    from_: tuple[str, ...]
    weights: Dim
    biases: Dim
    buffers: Dim
    macs: Dim
    layout: str = "CHW"
    shares: str = ""
    statistics: Dim = 0

    def __repr__(self) -> str:
        sizes = [", ".join("×".join(map(str, s)) for s in shapes) for shapes in (self.input_shapes, self.output_shapes)]
        return f"<Row {clean(self.name)}: {self.kind} {' → '.join(sizes)}, {self.params:,} params, {self.macs:,} MACs>"

    @property
    def kind(self) -> str:
        """The name of the layer's kind."""
        return self.node.kind

    @property
    def block(self) -> int:
        """The index of the innermost block that contains the layer, or -1."""
        return self.node.block

    def tensor_shapes(self, sort: str) -> WeightShapes:
        """Return the sizes of the layer's own `parameters` or `buffers`, or of its parameters that are `shared`."""
        every, mine = self.sizing.weight_shapes, own(self.node, self.sizing)
        rest = {name: shape for name, shape in every.items() if name not in mine.weight_shapes}
        return {"parameters": mine.weight_shapes, "buffers": mine.buffer_shapes, "shared": rest}[sort]

    @property
    def params(self) -> Dim:
        """Weights and biases; with the convention of Keras, running statistics too."""
        return self.weights + self.biases + self.statistics

    @property
    def active_params(self) -> Dim:
        """Parameters that one token uses: all, unless it is routed to some of the experts."""
        return self.params if self.shares else self.params - own(self.node, self.sizing).inactive

    @property
    def trainable(self) -> Dim:
        """Parameters that are not frozen."""
        return 0 if self.node.frozen else self.weights + self.biases

    @property
    def is_unknown(self) -> bool:
        """Whether its MACs, and perhaps its parameters, are unknown: the counts are then 0, and not the layer's."""
        unknown: bool = self._layer.is_unknown
        return unknown

    @property
    def has_unknown_weights(self) -> bool:
        """Whether its parameters are unknown."""
        unknown: bool = self._layer.has_unknown_weights
        return unknown

    @property
    def total(self) -> Totals:
        """The counts of the layer."""
        params, active = self.params, self.active_params
        return Totals(self.weights, self.biases, params, active, self.trainable, self.buffers, self.macs)

    @property
    def input_shapes(self) -> list[tuple[Dim, ...]]:
        """The sizes of the inputs, in the report's layout."""
        return [shape.in_layout(self.layout) for shape in self.sizing.inputs]

    @property
    def output_shapes(self) -> list[tuple[Dim, ...]]:
        """The sizes of the outputs, in the report's layout."""
        return [shape.in_layout(self.layout) for shape in self.sizing.outputs]

    @property
    def input_shape(self) -> tuple[Dim, ...]:
        """The sizes of the one input. Errors: `UsageError` for none, or several."""
        return self._only(self.input_shapes, "input")

    @property
    def output_shape(self) -> tuple[Dim, ...]:
        """The sizes of the one output. Errors: `UsageError` for several."""
        return self._only(self.output_shapes, "output")

    def _only(self, shapes: list[tuple[Dim, ...]], what: str) -> tuple[Dim, ...]:
        if len(shapes) != 1:
            hint = f"{what}_shapes has all of them, {what}_shapes[0] the first" if shapes else ""
            raise UsageError(Problem(f"{self.name} has {count_noun(len(shapes), what)}, not one", hint=hint))
        return shapes[0]

    def __getattr__(self, name: str) -> Any:
        meant = _MEANT.get(name) or did_you_mean(name, _attributes(type(self)), lists=False)
        hint = f": {meant}" if meant and not name.startswith("_") else ""
        raise AttributeError(f"a row has no attribute {name!r}{hint}", name=name, obj=self)

    @property
    def activations(self) -> Dim:
        """The number of elements of the outputs for one sample."""
        return total(shape.elements for shape in self.sizing.outputs)

    @property
    def in_features(self) -> Dim:
        """The number of input features: for `linear` the last axis, for any other kind all, flattened."""
        return self._layer.features_in(*self.sizing.inputs)

    @property
    def out_features(self) -> Dim:
        """The number of output features, flattened."""
        return self.sizing.outputs[0].elements

    @property
    def arguments(self) -> dict[str, Any]:
        """The effective arguments, without those at a common default."""
        shown: dict[str, Any] = self._layer.shown_arguments(self.sizing.inputs[0] if self.sizing.inputs else None)
        return shown

    def looks(self) -> Any:
        """Return how the outputs depend on the inputs: the layer's `Look`s."""
        return self._layer.looks(self.sizing.output, *self.sizing.inputs)

    @property
    def _layer(self) -> Any:
        return self.node.layer

    def to_dict(self) -> dict[str, Any]:
        """Return the layer in the form of the JSON contract."""
        return {
            "name": self.name,
            "kind": self.kind,
            "from": list(self.from_),
            "input_shapes": [list(shape) for shape in self.input_shapes],
            "output_shapes": [list(shape) for shape in self.output_shapes],
            "weights": self.weights,
            "biases": self.biases,
            "params": self.params,
            "active_params": self.active_params,
            "trainable": not self.node.frozen,
            "buffers": self.buffers,
            "macs": self.macs,
            **(dict.fromkeys(_COUNTS) if self.has_unknown_weights else {"macs": None} if self.is_unknown else {}),
            "arguments": self.arguments,
            **({"shares": self.shares} if self.shares else {}),
        }


_COUNTS = ("weights", "biases", "params", "active_params", "buffers", "macs")

_MEANT = {
    **dict.fromkeys(("shape", "output", "out_shape"), "its output size is output_shape"),
    **dict.fromkeys(("input", "in_shape"), "its input size is input_shape"),
}
"""Attributes that a row does not have, and what may have been meant."""


def _attributes(cls: type) -> list[str]:
    return [name for name in dir(cls) if not name.startswith("_")]


class ReportLine(NamedTuple):
    """One line of a report as it is shown: a layer, a whole block in one, or `copies` of either that are alike.

    At any depth the lines add up to the totals of the report.
    """

    name: str
    kind: str
    input_shapes: list[tuple[Dim, ...]]
    output_shapes: list[tuple[Dim, ...]]
    total: Totals
    activations: Dim
    arguments: dict[str, Any]
    shares: str
    rows: tuple[Row, ...]
    copies: int = 1
    is_block: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether the MACs of all of its layers are unknown."""
        return bool(self.rows) and all(row.is_unknown for row in self.rows)

    @property
    def has_unknown_weights(self) -> bool:
        """Whether the parameters of all of its layers are unknown."""
        return bool(self.rows) and all(row.has_unknown_weights for row in self.rows)


def once(work: Callable[[Row], _T]) -> Callable[[Row], _T]:
    """Return a function of the layers of a report that is worked out once for those that are equal, with equal inputs.

    They have one and the same sizing.
    """
    known: dict[int, _T] = {}

    def result(row: Row) -> _T:
        key = id(row.sizing)
        if key not in known:
            known[key] = work(row)
        return known[key]

    return result


def sum_rows(rows: list[Row] | tuple[Row, ...]) -> Totals:
    """Return the sums over rows."""
    return Totals(
        total(row.weights for row in rows),
        total(row.biases for row in rows),
        total(row.params for row in rows),
        total(row.active_params for row in rows),
        total(row.trainable for row in rows),
        total(row.buffers for row in rows),
        total(row.macs for row in rows),
    )


def count(shapes: WeightShapes) -> tuple[Dim, Dim]:
    """Return how many weights and how many biases tensors of these shapes have."""
    weights: Dim = 0
    biases: Dim = 0
    for name, sizes in shapes.items():
        if is_bias(name):
            biases = biases + prod(sizes)
        else:
            weights = weights + prod(sizes)
    return weights, biases
