"""Graph to Report: every layer's formulas applied, in the order of computation.

A shape error is a `Problem`; layers that depend on it are left out, all others are still inferred, so that one run
finds all errors. Equal layers with equal inputs are computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shapecalc.dims import EQUAL, holds, prod
from shapecalc.errors import Hint, LayerError, Problem, ShapeError, count_noun, hint_of
from shapecalc.layers.base.arguments import show
from shapecalc.layers.base.layer import Layer, normalise_word, stated_rank
from shapecalc.layers.base.ranks import wrong_rank
from shapecalc.layers.base.shape import HWC, UNKNOWN, Shape
from shapecalc.model.report import Report, Row, Sizing, Totals, count, own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.dims import Constraint, Dim
    from shapecalc.model.graph import Graph, Node

MAX_ELEMENTS = 10**30
"""The maximum number of elements of a tensor: products of a few of these can still be shown."""

__all__ = ["check_inputs", "counted", "infer", "problem_at", "size_layer", "sizings_of", "walk"]


def infer(graph: Graph, *, batch: int = 1, layout: str = "", convention: str = "torch") -> Report:
    """Return the report of a network.

    `batch` multiplies MACs; `layout` (CHW or HWC) is how sizes are shown, the network's own by default.
    Errors: `ShapeError` with every shape error, and the report of all layers that could be inferred.
    """
    sizings, problems = sizings_of(graph)
    layout = layout or graph.layout
    if not problems:
        return _report(graph, cast("list[Sizing]", sizings), batch, layout, convention)
    from shapecalc.model.partial import inferred_part  # only after a shape error

    part, known = inferred_part(graph, sizings)
    report = _report(part, known, batch, layout, convention)
    raise ShapeError(problems, report.cut_short(problems, len(sizings) - len(known)))


def _report(graph: Graph, sizings: Sequence[Sizing], batch: int, layout: str, convention: str) -> Report:
    """Return the report of a network whose sizes are known."""
    rows = []
    sums = [0, 0, 0, 0, 0, 0]
    doubts = []
    counts_statistics = convention == "keras"
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        macs = sizing.macs * batch
        from_ = tuple([graph.name_of(ref) for ref in node.inputs])
        weights, biases, buffers = own(node, sizing)[4:7]
        shares = graph.nodes[node.shares].name if node.shares >= 0 else ""
        statistics = buffers if counts_statistics else 0
        rows.append(Row(node.name, node, sizing, from_, weights, biases, buffers, macs, layout, shares, statistics))
        if node.layer is not None and type(node.layer).doubt is not Layer.doubt:
            doubt = node.layer.doubt(*sizing.inputs)
            doubts += [f"{node.name} {doubt}"] if doubt else []
        sums[0] += weights
        sums[1] += biases
        sums[2] += weights + biases + statistics
        sums[3] += 0 if node.frozen else weights + biases
        sums[4] += buffers
        sums[5] += macs
    if doubts:
        more = f" (and {count_noun(len(doubts) - 1, 'layer')} more)" if len(doubts) > 1 else ""
        graph = graph._replace(notes=(*graph.notes, doubts[0] + more))
    return Report(graph, tuple(rows), Totals(*sums), layout, batch, convention)


def sizings_of(graph: Graph) -> tuple[list[Sizing | None], list[Problem]]:
    """Return the sizes of every layer (None where they could not be inferred), and the problems."""
    problems: list[Problem] = []

    def size(_: int, node: Node, layer: Layer, inputs: tuple[Shape, ...]) -> Sizing | None:
        try:
            return size_layer(layer, inputs)
        except LayerError as error:
            from shapecalc.model.partial import is_made_of_others, with_inputs  # only for shape errors

            if node.block >= 0 and is_made_of_others(graph.blocks[node.block].kind):
                error.hint = ""  # it would be about layers that the user has not written
            error.why = with_inputs(graph, node, inputs, error)
            problems.append(problem_at(node, error))
            return None

    sizings = walk(graph, size, problems)
    problems += _shared_weights(graph, sizings)
    return sizings, problems


def walk(
    graph: Graph, size: Callable[[int, Node, Layer, tuple[Shape, ...]], Sizing | None], problems: list[Problem]
) -> list[Sizing | None]:
    """Return the results of `size(index, node, layer, inputs)` for every layer of a graph, in order.

    It is called once for equal layers with equal inputs, and not for a layer whose inputs are unknown (its result is
    None). References to outputs that a layer does not have, those of the network's outputs too, are added to the
    problems.
    """
    shapes = list(graph.inputs.values())
    sizings: list[Sizing | None] = []
    known: dict[tuple[int, tuple[Shape, ...]], Sizing] = {}
    for index, node in enumerate(graph.nodes):
        inputs = _inputs_of(node, graph, shapes, sizings, problems)
        if node.layer is None or len(inputs) < len(node.inputs):
            sizings.append(None)
            continue
        key = (id(node.layer), tuple(inputs))
        found = known.get(key)
        if found is None:
            found = size(index, node, node.layer, key[1])
            if found is None:
                sizings.append(None)
                continue
            if not inputs and graph.layout == HWC:  # a layer without an input cannot know the layout
                found = found._replace(outputs=tuple(shape._replace(channels_last=True) for shape in found.outputs))
            known[key] = found
        sizings.append(found)
    for ref in graph.outputs:
        sizing = sizings[ref.node] if ref.node >= 0 else None
        if sizing is not None and ref.output >= len(sizing.outputs):
            giver = graph.nodes[ref.node]
            error = _no_such_output(giver, ref.output, len(sizing.outputs))
            problems.append(error.at(giver.mark, "outputs", giver.name))
    return sizings


def _inputs_of(
    node: Node, graph: Graph, shapes: Sequence[Shape], sizings: Sequence[Sizing | None], problems: list[Problem]
) -> list[Shape]:
    """Return the input shapes of a layer, without those that are unknown."""
    inputs = []
    for ref in node.inputs:
        if ref.node < 0:
            shape = shapes[-1 - ref.node]
            if shape is not UNKNOWN:
                inputs.append(shape)
            continue
        sizing = sizings[ref.node]
        if sizing is None:
            continue
        if ref.output < len(sizing.outputs):
            inputs.append(sizing.outputs[ref.output])
        else:
            giver = graph.nodes[ref.node]
            problems.append(problem_at(node, _no_such_output(giver, ref.output, len(sizing.outputs))))
    return inputs


def size_layer(layer: Layer, inputs: tuple[Shape, ...]) -> Sizing:
    """Return the results of the formulas of a layer for inputs of plain ints.

    Errors: `LayerError` with the first problem.
    """
    check_inputs(layer, inputs)
    for constraint in layer.constraints(*inputs):
        if not holds(constraint):
            raise _with_hint(constraint, layer, inputs)
    output = layer.output(*inputs)
    outputs = (output,) if isinstance(output, Shape) else output
    for shape in outputs:
        if shape.sizes and min(shape.sizes) < 1:
            raise LayerError(f"its output would be {shape.text}: every axis must be at least 1", too_small=True)
        if shape.elements > MAX_ELEMENTS:
            raise LayerError(f"its output would have {show(shape.elements)} elements: the maximum is 10^30")
    return counted(layer, inputs, output)


def counted(layer: Layer, inputs: tuple[Shape, ...], output: Any) -> Sizing:
    """Return the sizes and counts of a layer whose output is known."""
    outputs = (output,) if isinstance(output, Shape) else tuple(output)
    weight_shapes, buffer_shapes = layer.weights(*inputs), layer.buffers(*inputs)
    weights, biases = count(weight_shapes)
    buffers: Dim = sum(prod(sizes) for sizes in buffer_shapes.values()) if buffer_shapes else 0
    macs = layer.macs(output, *inputs)
    return Sizing(inputs, outputs, weight_shapes, buffer_shapes, weights, biases, buffers, macs)


def _with_hint(constraint: Constraint, layer: Layer, inputs: tuple[Shape, ...]) -> LayerError:
    """Return the error of a constraint that is not met, with only those of its proposals that fix the layer."""
    error = constraint.error()
    error.sides = (constraint.left, constraint.right)
    stated = [proposal for proposal in error.proposals if proposal.argument in layer.arguments]

    def work() -> str:
        hint = hint_of(
            proposal
            for proposal in stated
            if all(_would_do(layer, proposal.argument, value, inputs) for value in proposal.values)
        )
        batch = _without_batch(layer, inputs[0]) if stated and constraint.relation == EQUAL else ""
        if not batch:
            return hint
        return batch if inputs[0].sizes[0] == 1 else "; ".join(filter(None, (batch, hint)))

    if error.proposals:
        error.hint = Hint(work)
    return error


def _would_do(layer: Layer, name: str, value: Any, inputs: tuple[Shape, ...]) -> bool:
    """Return whether a layer fits with another value for an argument, and for those that default to it."""
    try:
        value = layer.arguments[name].normalise(value)
        takers = {
            taker: value
            for taker, argument in layer.arguments.items()
            if argument.default_from == name and getattr(layer, taker) == getattr(layer, name)
        }
        changes = [{name: value}, {**takers, name: value}] if takers else [{name: value}]
        return all(holds(c) for values in changes for c in layer.with_values(values).constraints(*inputs))
    except LayerError:
        return False


def check_inputs(layer: Layer, inputs: Sequence[Shape]) -> None:
    """Check the number of inputs of a layer, and their numbers of axes against the rank in its name.

    Errors: `LayerError`.
    """
    _check_number(layer, len(inputs))
    ranks = layer.expected_ranks()
    if ranks is None or not inputs:
        return
    rank = layer.spatial_rank(inputs[0])
    if not layer.expects_rank(rank, layer.name_used):
        hint = _rank_hint(layer, inputs[0], rank) if layer.name_used else ""
        raise wrong_rank(layer.name_used or layer.kind, inputs[0], ranks, hint)


def _check_number(layer: Layer, found: int) -> None:
    fewest, most = layer.inputs
    if fewest <= found and (most is None or found <= most):
        return
    if most == fewest:
        due = count_noun(fewest, "input")
    elif most is None:
        due = f"at least {count_noun(fewest, 'input')}"
    else:
        due = f"{fewest} to {count_noun(most, 'input')}"
    hint = "combine them with add or concat first" if most == 1 else ""
    raise LayerError(f"{layer.kind} expects {due}, but has {found}", hint=hint)


def _rank_hint(layer: Layer, x: Shape, rank: int) -> str:
    """Return the hint for an input of another rank than the layer's name implies: no batch axis, another name."""
    hint = _without_batch(layer, x)
    if hint and (x.sizes[0] == 1 or _differs(layer, x)):
        return hint
    if hint and stated_rank(layer.name_used) == 2 and x.without_first_axis().channels in _IMAGE_CHANNELS:
        return hint
    if not layer.expects_rank(rank) or not _fits(layer.with_values({"name_used": ""}), x):
        return ""
    other = layer.name_used.replace(f"{stated_rank(layer.name_used)}", f"{rank}", 1)
    known = normalise_word(other) in map(normalise_word, layer.also)
    return f"use {other if known else layer.kind}" + (
        f", or {layer.kind} for any number of spatial axes" if known else ""
    )


_IMAGE_CHANNELS = (1, 3, 4)


def _without_batch(layer: Layer, x: Shape) -> str:
    """Return the hint to remove the first axis of an input: empty if the layer would not fit without it either."""
    rest = x.without_first_axis()
    if not rest.sizes or not _fits(layer, rest):
        return ""
    return f"sizes are given without the batch axis: write {rest.text}, not {x.text}"


def _fits(layer: Layer, x: Shape) -> bool:
    try:
        check_inputs(layer, [x])
        return all(type(c.left) is type(c.right) is int and holds(c) for c in layer.constraints(x))
    except LayerError:
        return False


def _differs(layer: Layer, x: Shape) -> bool:
    """Return whether an argument states another size than the input has: in_channels, num_features."""
    try:
        return any(c.relation == EQUAL and not holds(c) for c in layer.constraints(x))
    except LayerError:
        return False


def problem_at(node: Node, error: LayerError) -> Problem:
    """Return the problem of a layer, with its location in the source."""
    return error.at(node.mark, f"{node.name} ({node.kind})", node.name)._replace(also=node.uses)


def _no_such_output(giver: Node, output: int, outputs: int) -> LayerError:
    return LayerError(
        f"{giver.name} has {count_noun(outputs, 'output')}: there is no output {output}",
        hint=f"its outputs are {giver.name}[0] to {giver.name}[{outputs - 1}]"
        if outputs > 1
        else f"write {giver.name} alone",
    )


def _shared_weights(graph: Graph, sizings: Sequence[Sizing | None]) -> list[Problem]:
    """Return a problem for each layer that shares the weights of another whose tensors have other sizes."""
    problems = []
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        owner = sizings[node.shares] if node.shares >= 0 else None
        if sizing is None or owner is None:
            continue
        if sorted(sizing.weight_shapes.values()) != sorted(owner.weight_shapes.values()):
            name = graph.nodes[node.shares].name
            problems.append(
                problem_at(
                    node,
                    LayerError(
                        f"it shares the weights of {name}, whose sizes are not the ones it needs",
                        (f"it needs {_tensors(sizing)}; {name} has {_tensors(owner)}",),
                        f"give it the same input sizes and arguments as {name}, or weights of its own",
                    ),
                )
            )
    return problems


def _tensors(sizing: Sizing) -> str:
    shapes = [f"{name} {'×'.join(map(str, sizes))}" for name, sizes in sizing.weight_shapes.items()]
    return ", ".join(shapes) or "no weights"
