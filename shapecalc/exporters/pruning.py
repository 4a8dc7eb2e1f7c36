"""What is left out of a network when it is written: layers that no output depends on, and measures of its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.model.graph import Reference
from shapecalc.model.inference import infer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from shapecalc.model.graph import Graph, Node
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["pruned"]

_SHOWN = 4


def pruned(report: Report, *, measures: bool, keeps_unused: bool) -> tuple[Report, str]:
    """Return a report without layers that no output depends on, and sentences about them; empty if there are none.

    In a format that `keeps_unused`, those with parameters or MACs stay. With `measures`, losses and accuracies that are
    outputs are left out too, with the inputs that they alone read; what they measure is an output then.
    """
    graph = report.graph
    outputs, measured = _without_measures(graph, _learned(report)) if measures else (graph.outputs, set())
    needed = graph.needed_for([ref.node for ref in outputs] + (_counted(report, measured) if keeps_unused else []))
    spare = [row for index, row in enumerate(report.rows) if index not in needed and index not in measured]
    if not spare and not measured:
        return report, ""
    sentences = []
    if measured:
        rows = [report.rows[index] for index in sorted(measured)]
        sentences.append(f"Left out, as for training alone: {_names(rows)}.")
    if spare:
        sentences.append(f"Left out, as no output depends on it: {_names(spare)}.")
        params = sum(row.weights + row.biases for row in spare)
        if params:
            sentences.append(f"The network that was given has {params:,} more parameters, in what is left out.")
    small = _kept(graph, needed, outputs, _read_by_measures_alone(graph, needed, outputs) if measured else set())
    return infer(small, batch=report.batch, layout=report.layout, convention=report.convention), " ".join(sentences)


def _names(rows: Sequence[Row]) -> str:
    names = [f"{clean(row.name)} ({row.kind})" for row in rows[:_SHOWN]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {count_noun(more, 'more layer')}" if more else "")


def _measures(node: Node) -> bool:
    return node.layer is not None and node.layer.measures


def _learned(report: Report) -> set[int]:
    """Return the layers that have parameters, or depend on others that have."""
    found: set[int] = set()
    for index, row in enumerate(report.rows):
        if row.sizing.weight_shapes or any(ref.node in found for ref in row.node.inputs):
            found.add(index)
    return found


def _without_measures(graph: Graph, learned: set[int]) -> tuple[tuple[Reference, ...], set[int]]:
    """Return the outputs, with what is measured in place of measures that nothing reads, and these measures.

    What is learned is measured, against labels and the like.
    """
    left_out: set[int] = set()
    readers: dict[int, set[int]] = {}
    for index, node in enumerate(graph.nodes):
        for ref in node.inputs:
            readers.setdefault(ref.node, set()).add(index)
    for index in range(len(graph.nodes) - 1, -1, -1):
        if _measures(graph.nodes[index]) and readers.get(index, set()) <= left_out:
            left_out.add(index)
    found = [ref for ref in graph.outputs if ref.node not in left_out]
    refs = [ref for index in sorted(left_out) for ref in graph.nodes[index].inputs if ref.node in learned - left_out]
    ends = [ref for ref in refs if readers[ref.node] <= left_out] or ([] if found else refs[-1:])
    outputs = (*dict.fromkeys([*found, *ends]),)
    return (outputs, left_out) if outputs else (graph.outputs, set())


def _counted(report: Report, left_out: Collection[int]) -> list[int]:
    """Return the layers with parameters or MACs, and those of which these are unknown."""
    found = []
    for index, row in enumerate(report.rows):
        counts = row.weights or row.biases or row.buffers or row.macs
        is_unknown = row.node.layer is None or row.node.layer.is_unknown
        if index not in left_out and (counts or is_unknown):
            found.append(index)
    return found


def _read_by_measures_alone(graph: Graph, needed: Collection[int], outputs: Sequence[Reference]) -> set[int]:
    """Return the inputs that nothing reads any more, though something did."""
    before = {ref.node for node in graph.nodes for ref in node.inputs if ref.node < 0}
    kept = {ref.node for index in needed if index >= 0 for ref in graph.nodes[index].inputs}
    return before - kept - {ref.node for ref in outputs}


def _kept(graph: Graph, needed: Collection[int], outputs: Sequence[Reference], inputs: Collection[int]) -> Graph:
    """Return the graph with these nodes, and without these inputs."""
    order = [index for index in range(len(graph.nodes)) if index in needed]
    names = [name for number, name in enumerate(graph.inputs, 1) if -number not in inputs]
    places = {old: new for new, old in enumerate(order)} | {-1: -1}
    given = {-number: -1 - names.index(name) for number, name in enumerate(graph.inputs, 1) if name in names}
    nodes = [
        graph.nodes[old]._replace(
            inputs=tuple(_moved(graph.nodes[old].inputs, places, given)), shares=places[graph.nodes[old].shares]
        )
        for old in order
    ]
    same = [*outputs] == [*graph.outputs]
    return graph._replace(
        nodes=tuple(nodes),
        inputs={name: graph.inputs[name] for name in names},
        outputs=tuple(_moved(outputs, places, given)),
        output_names=graph.output_names if same else (),
        expectations=(),
    )


def _moved(refs: Sequence[Reference], places: Mapping[int, int], given: Mapping[int, int]) -> Iterator[Reference]:
    for ref in refs:
        yield Reference(places[ref.node] if ref.node >= 0 else given[ref.node], ref.output)
