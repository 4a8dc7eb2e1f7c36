"""Graph to sizes on any kind of number: constraints are collected as data, and raise nothing.

`inference` works on ints, where a constraint that is not met is an error at once. Here the sizes may be symbols,
columns or ints, and the constraints are returned: symbols assume them, columns mask by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import EQUAL, UP_TO, Constraint, UndecidedError, holds, one_of
from shapecalc.errors import LayerError, Problem, ShapeError
from shapecalc.layers.base.shape import Shape
from shapecalc.model.checks import check_inputs
from shapecalc.model.inference import counted, problem_at, walk
from shapecalc.model.rows import Sizing, Totals, own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.dims import Dim
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph, Node

__all__ = ["Condition", "GenericReport", "infer_generic", "size_on_any"]


class Condition(NamedTuple):
    """A constraint, and the index of the node that has it."""

    node: int
    constraint: Constraint


class GenericReport(NamedTuple):
    """The sizes of every layer of a graph, and their constraints.

    Constraints between plain ints are left out if they are met.
    """

    graph: Graph
    sizings: tuple[Sizing, ...]
    conditions: tuple[Condition, ...]

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The constraints, without their layers."""
        return tuple([condition.constraint for condition in self.conditions])

    def totals(self) -> Totals:
        """Return the sums over all layers for one sample; shared parameters count once, as in a report."""
        sums: list[Dim] = [0] * len(Totals._fields)
        for node, sizing in zip(self.graph.nodes, self.sizings, strict=True):
            mine = own(node, sizing)
            params = mine.weights + mine.biases
            active, trainable = params - mine.inactive, 0 if node.frozen else params
            row = Totals(mine.weights, mine.biases, params, active, trainable, mine.buffers, mine.macs)
            for i, value in enumerate(row):
                if type(value) is not int or value:
                    sums[i] = sums[i] + value
        return Totals(*sums)

    def output(self, node: int, output: int = 0) -> Shape:
        """Return a tensor's shape: an output of a node, or (negative `node`) an input of the network."""
        return list(self.graph.inputs.values())[-1 - node] if node < 0 else self.sizings[node].outputs[output]


def infer_generic(graph: Graph, *, counts: bool = True, simplify: Callable[[Dim], Dim] | None = None) -> GenericReport:
    """Return the sizes of every layer of a graph whose sizes are of any kind of number, and their constraints.

    Without `counts` only sizes are computed: parameters and MACs are 0. `simplify` is applied to every size before it
    is used.

    Errors: `ShapeError` for what no number could fix: inputs with the wrong number of axes, a wrong number of inputs.
    """
    conditions: list[Condition] = []
    problems: list[Problem] = []

    def size(index: int, node: Node, layer: Layer, inputs: tuple[Shape, ...]) -> Sizing:
        try:
            found, constraints = size_on_any(layer, inputs, counts=counts, simplify=simplify)
        except LayerError as error:
            raise ShapeError(problem_at(node, error)) from None
        conditions.extend([Condition(index, constraint) for constraint in constraints])
        return found

    sizings = [sizing for sizing in walk(graph, size, problems) if sizing is not None]
    if problems:
        raise ShapeError(problems)
    if counts:
        conditions += _shared_weights(graph, sizings)
    return GenericReport(graph, tuple(sizings), tuple(conditions))


def size_on_any(
    layer: Layer, inputs: tuple[Shape, ...], *, counts: bool = True, simplify: Callable[[Dim], Dim] | None = None
) -> tuple[Sizing, list[Constraint]]:
    """Return the results of the formulas of a layer, and the constraints that are not trivial.

    Errors: `LayerError` for what no number could fix; its text is computed on ints, as it may depend on the sizes.
    """
    try:
        return _sized(layer, inputs, counts=counts, simplify=simplify)
    except (LayerError, UndecidedError):
        _check_on_ints(layer, inputs)
        raise


def _check_on_ints(layer: Layer, inputs: tuple[Shape, ...]) -> None:
    """Check what does not depend on the numbers, at one of their values. Errors: `LayerError`."""
    plain = [x._replace(sizes=tuple(map(one_of, x.sizes))) for x in inputs]
    values = {name: tuple(map(one_of, v)) if isinstance(v, tuple) else one_of(v) for name, v in layer.values().items()}
    sized = layer.with_values(values)
    check_inputs(sized, plain)
    tuple(sized.constraints(*plain))
    sized.output(*plain)


def _sized(
    layer: Layer, inputs: tuple[Shape, ...], *, counts: bool, simplify: Callable[[Dim], Dim] | None
) -> tuple[Sizing, list[Constraint]]:
    check_inputs(layer, inputs)
    constraints = [constraint for constraint in layer.constraints(*inputs) if not _is_trivial(constraint)]
    output = layer.output(*inputs)
    outputs = (output,) if isinstance(output, Shape) else tuple(output)
    if simplify:
        outputs = tuple([shape._replace(sizes=tuple(map(_plainly(simplify), shape.sizes))) for shape in outputs])
        output = outputs[0] if isinstance(output, Shape) else outputs
    for shape in outputs:
        if not any(shape is x for x in inputs):
            positive = [Constraint(1, UP_TO, size, "", "a size of the output") for size in shape.sizes]
            constraints += [constraint for constraint in positive if not _is_trivial(constraint)]
    if not counts:
        return Sizing(inputs, outputs, {}, {}, 0, 0, 0, 0), constraints
    return counted(layer, inputs, output), constraints


def _plainly(simplify: Callable[[Dim], Dim]) -> Callable[[Dim], Dim]:
    return lambda size: size if type(size) is int else simplify(size)


def _is_trivial(constraint: Constraint) -> bool:
    left, right = constraint.left, constraint.right
    if left is right and constraint.relation != "<":
        return True
    return type(left) is int and type(right) is int and holds(constraint)


def _shared_weights(graph: Graph, sizings: Sequence[Sizing]) -> Iterator[Condition]:
    """Yield the conditions that a layer and the one whose weights it shares have tensors of the same sizes."""
    for index, (node, sizing) in enumerate(zip(graph.nodes, sizings, strict=True)):
        if node.shares < 0:
            continue
        mine, theirs = (list(s.weight_shapes.values()) for s in (sizing, sizings[node.shares]))
        if [len(sizes) for sizes in mine] != [len(sizes) for sizes in theirs]:
            name = graph.nodes[node.shares].name
            raise ShapeError(problem_at(node, LayerError(f"it shares the weights of {name}, which has other tensors")))
        if all(type(size) is int for sizes in (*mine, *theirs) for size in sizes):
            mine, theirs = sorted(mine), sorted(theirs)
        for ours, others in zip(mine, theirs, strict=True):
            for a, b in zip(ours, others, strict=True):
                constraint = Constraint(a, EQUAL, b, "size of its weights", "that of the weights it shares")
                if not _is_trivial(constraint):
                    yield Condition(index, constraint)
