"""Networks as source of a framework in Python: what PyTorch's and Keras' have in common."""

from __future__ import annotations

from keyword import kwlist
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean, python_names
from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.bodies import FLOW, SHORTCUT
from shapecalc.exporters.source.outputs import needed_outputs
from shapecalc.exporters.structure import DEEPEST, find_structure
from shapecalc.exporters.structure.names import name_definitions
from shapecalc.exporters.structure.parts import Local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.model.report import Report

__all__ = ["LEVELS", "defined", "first_possible", "input_names", "names_of", "title_of"]

LEVELS = (DEEPEST, 1, 0)
"""The levels of structure that are tried: a network of which a short source cannot be written may have a longer one."""


def first_possible(report: Report, framework: str, source: Callable[[int], str]) -> str:
    """Return the source at the first level of structure that has one. Errors: `UsageError` where none has."""
    found = None
    for level in LEVELS:
        try:
            return source(level)
        except NoCounterpartError as error:  # noqa: PERF203  (three levels)
            found = error
    assert found
    row = report.rows[found.node] if found.node >= 0 else None
    name = f"{row.name} ({row.kind})" if row else report.name
    problem = Problem(f"{clean(name)} cannot be written for {framework}: {found}", row.node.mark if row else None)
    raise UsageError(problem)


def defined(
    report: Report, operations: Sequence[Operation], default_of: Callable[[str, str], Any], level: int
) -> tuple[list[Definition], dict[int, list[Local]]]:
    """Return the definitions of a network, the network itself last, and the tensors of each that others use."""
    graph = report.graph
    definitions = find_structure(graph, operations, default_of, level)
    name_definitions(graph, definitions, lambda _: True)
    outputs = [_local(definitions[-1], ref.node, ref.output) for ref in graph.outputs]
    return definitions, needed_outputs(definitions, outputs)


def _local(main: Definition, node: int, output: int) -> Local:
    if node < 0:
        return Local(node)
    index = next(i for i, item in enumerate(main.items) if item.part.start <= node < item.part.stop)
    return Local(index, main.items[index].part.stop - 1 - node, output)


def names_of(
    report: Report, definitions: Sequence[Definition], name_of: Callable[[str], str], taken: Iterable[str]
) -> dict[int, str]:
    """Return the names of definitions in the source, all different, by their identity."""
    used = {*taken, *kwlist}
    found = {}
    for definition in reversed(definitions):
        word = name_of(definition.name or report.name)
        name, number = word, 1
        while name in used:
            number += 1
            name = f"{word}{number}"
        used.add(name)
        found[id(definition)] = name
    return found


def input_names(report: Report, taken: Iterable[str], *, first: str = "") -> list[str]:
    """Return the names of the inputs of a network in the source: `x`, if there is one.

    Of several none is the variable that outputs are assigned to, unless it is the `first`, which may have that name.
    """
    if len(report.graph.inputs) == 1:
        return [FLOW]
    used = {*taken, FLOW, SHORTCUT}
    if next(iter(report.graph.inputs)) == first:
        used.remove(first)
    return [*python_names([f"{name}_input" if name in used else name for name in report.graph.inputs]).values()]


def title_of(report: Report) -> str:
    """Return the name of a network with its totals, as a line within a docstring."""
    total = report.total
    name = clean(report.name).replace("\\", "/").replace('"', "'") or "A network"
    return f"{name}: {total.weights + total.biases:,} parameters, {total.macs // report.batch:,} MACs."
