"""Graph to Report: every layer's formulas applied, in the order of computation.

A shape error is a `Problem`; layers that depend on it are left out, all others are still inferred, so that one run
finds all errors. Equal layers with equal inputs are computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shapecalc.dims import holds, prod
from shapecalc.errors import LayerError, Problem, ShapeError, count_noun
from shapecalc.layers.base.arguments import show
from shapecalc.layers.base.shape import HWC, UNKNOWN, Shape
from shapecalc.model.checks import check_inputs, with_hint
from shapecalc.model.report import Report
from shapecalc.model.rows import Row, Sizing, Totals, can_share, count, inactive_of, own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.dims import Dim
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph, Node

MAX_ELEMENTS = 10**30
"""The maximum number of elements of a tensor: products of a few of these can still be shown."""

__all__ = ["counted", "infer", "inputs_of", "problem_at", "report_in_part", "size_layer", "sizings_of", "walk"]


def infer(graph: Graph, *, batch: int = 1, layout: str = "", convention: str = "torch") -> Report:
    """Return the report of a network.

    `batch` multiplies MACs; `layout` (CHW or HWC) is how sizes are shown, the network's own by default.
    Errors: `ShapeError` with every shape error, and the report of all layers that could be inferred.
    """
    sizings, problems = sizings_of(graph)
    layout = layout or graph.layout
    if not problems:
        return _report(graph, cast("list[Sizing]", sizings), batch, layout, convention)
    raise ShapeError(problems, report_in_part(graph, sizings, problems, batch, layout, convention))


def report_in_part(
    graph: Graph, sizings: Sequence[Sizing | None], problems: Sequence[Problem], batch: int = 1, layout: str = "",
    convention: str = "torch",
) -> Report:  # fmt: skip
    """Return the report of the layers of a graph whose sizes are known, which is cut short by problems."""
    from shapecalc.model.partial import inferred_part  # only where something is wrong

    part, known, used = inferred_part(graph, sizings)
    report = _report(part, known, batch, layout or graph.layout, convention)
    broken = [node for node, sizing in zip(graph.nodes, sizings, strict=True) if sizing is None]
    return report.cut_short(problems, len(broken), graph.blocks_around(broken), used)


def _report(graph: Graph, sizings: Sequence[Sizing], batch: int, layout: str, convention: str) -> Report:
    """Return the report of a network whose sizes are known."""
    rows = []
    counts_statistics = convention == "keras"
    names = [node.name for node in graph.nodes]
    all_weights = all_biases = all_statistics = inactive = frozen = all_buffers = all_macs = 0
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        macs = sizing.macs * batch
        from_ = tuple([names[ref[0]] if ref[0] >= 0 and not ref[1] else graph.name_of(ref) for ref in node.inputs])
        mine = own(node, sizing)
        weights, biases, buffers = mine[4:7]
        has_weights = sizing.weight_shapes or sizing.buffer_shapes
        shares = names[node.shares] if node.shares >= 0 and has_weights else ""
        statistics = buffers if counts_statistics else 0
        rows.append(Row(node.name, node, sizing, from_, weights, biases, buffers, macs, layout, shares, statistics))
        all_weights += weights
        all_biases += biases
        all_statistics += statistics
        inactive += 0 if shares else mine.inactive
        frozen += weights + biases if node.frozen else 0
        all_buffers += buffers
        all_macs += macs
    params = all_weights + all_biases + all_statistics
    trainable = all_weights + all_biases - frozen
    total = Totals(all_weights, all_biases, params, params - inactive, trainable, all_buffers, all_macs)
    return Report(graph, tuple(rows), total, layout, batch, convention)


def sizings_of(graph: Graph) -> tuple[list[Sizing | None], list[Problem]]:
    """Return the sizes of every layer (None where they could not be inferred), and the problems."""
    problems: list[Problem] = []

    def size(index: int, node: Node, layer: Layer, inputs: tuple[Shape, ...]) -> Sizing | None:
        try:
            return size_layer(layer, inputs)
        except LayerError as error:
            from shapecalc.model.locations import location_of  # only for shape errors
            from shapecalc.model.partial import (
                in_terms_of,
                in_variables,
                is_made_of_others,
                with_doubt_of_input,
                with_inputs,
            )

            if node.block >= 0 and is_made_of_others(graph.blocks[node.block].kind):
                error = in_terms_of(error, graph, index, lambda: sizings)
            else:
                error.place(lambda layer: location_of(layer, graph, index, sizings))
            error.why = with_inputs(graph, node, inputs, error)
            problem = in_variables(problem_at(node, error), graph.fields)
            problems.append(with_doubt_of_input(problem, graph, node, lambda: sizings))
            return None

    sizings = walk(graph, size, problems)
    problems += _weights_elsewhere(graph, sizings)
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
        inputs = inputs_of(node, graph, shapes, sizings, problems)
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


def inputs_of(
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
            raise with_hint(constraint, layer, inputs)
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
    inactive = inactive_of(layer, inputs, weights + biases)
    return Sizing(inputs, outputs, weight_shapes, buffer_shapes, weights, biases, buffers, macs, inactive)


def problem_at(node: Node, error: LayerError) -> Problem:
    """Return the problem of a layer, with its location in the source."""
    subject = f"{node.name} ({node.kind})" if node.layer and node.name != node.kind else node.name
    return error.at(node.mark, subject, node.name)._replace(also=node.uses)


def _no_such_output(giver: Node, output: int, outputs: int) -> LayerError:
    return LayerError(
        f"{giver.name} has {count_noun(outputs, 'output')}: there is no {giver.name}[{output}]",
        hint=f"its outputs are {giver.name}[0] to {giver.name}[{outputs - 1}]"
        if outputs > 1
        else f"write {giver.name} alone",
    )


def _weights_elsewhere(graph: Graph, sizings: Sequence[Sizing | None]) -> list[Problem]:
    """Return a problem for each layer that shares weights of other sizes, or has none of those that are uncounted."""
    problems = []
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        if node.held and sizing is not None and not node.held <= sizing.weight_shapes.keys():
            unknown, names = min(node.held - sizing.weight_shapes.keys()), ", ".join(sizing.weight_shapes)
            hint = f"its weights are {names}" if names else "remove `uncounted`"
            problems.append(problem_at(node, LayerError(f"it has no weight called {unknown}", hint=hint)))
        owner = sizings[node.shares] if node.shares >= 0 else None
        if sizing is None or owner is None:
            continue
        if not can_share(sizing, owner):
            from shapecalc.model.partial import sharing_hint  # only for shape errors

            of = graph.nodes[node.shares]
            message = f"it shares the weights of {of.name}, whose sizes are not the ones it needs"
            why = f"it needs {_tensors(sizing)}; {of.name} has {_tensors(owner)}"
            problems.append(problem_at(node, LayerError(message, (why,), sharing_hint(node, sizing, of, owner))))
    return problems


def _tensors(sizing: Sizing) -> str:
    shapes = [f"{name} {'×'.join(map(str, sizes))}" for name, sizes in sizing.weight_shapes.items()]
    return ", ".join(shapes) or "no weights"
