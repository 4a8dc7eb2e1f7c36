"""PyTorch source: a module as a person would have written it. No framework is needed to write it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.exporters.pytorch.arguments import default_of
from shapecalc.exporters.pytorch.code import ClassText
from shapecalc.exporters.pytorch.helpers import HELPERS
from shapecalc.exporters.pytorch.outputs import needed_outputs
from shapecalc.exporters.pytorch.table import ROTARY, WRITERS, NoCounterpartError, Site, torch_size
from shapecalc.exporters.structure import DEEPEST, find_structure
from shapecalc.exporters.structure.names import name_definitions
from shapecalc.exporters.structure.parts import Local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.model.report import Report

__all__ = ["write"]

LEVELS = (DEEPEST, 1, 0)
"""The levels of structure that are tried: a network of which a short source cannot be written may have a longer one."""

for _family in ("windows", "pointwise", "shapes", "sequences"):
    import_module(f"shapecalc.exporters.pytorch.{_family}")


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the source of a module of PyTorch with the layers of a report.

    Errors: `UsageError` with the first layer that PyTorch has no counterpart for.
    """
    operations = _operations(report)
    why = ""
    for level in LEVELS:
        try:
            return _source(report, operations, level)
        except NoCounterpartError as error:  # noqa: PERF203  (three levels)
            why = str(error)
    raise UsageError(Problem(f"{clean(report.name)} cannot be written for PyTorch: {why}"))


def _operations(report: Report) -> list[Operation]:
    found: list[Operation] = []
    rotary: Site | None = None
    used: dict[int, set[int]] = {}
    for ref in (*report.graph.outputs, *[ref for node in report.graph.nodes for ref in node.inputs]):
        used.setdefault(ref.node, set()).add(ref.output)
    for row in report.rows:
        site = Site.of(row, rotary, used.get(len(found), frozenset()))
        rotary = site if row.kind == ROTARY else rotary
        try:
            site.check_order()
            found.append(WRITERS.get(row.kind, _refuse)(site))
        except NoCounterpartError as error:
            message = f"{clean(row.name)} ({row.kind}) cannot be written for PyTorch: {error}"
            raise UsageError(Problem(message, row.node.mark)) from None
    return found


def _refuse(_: Site) -> Operation:
    raise NoCounterpartError("there is no such module")


def _source(report: Report, operations: Sequence[Operation], level: int) -> str:
    graph = report.graph
    definitions = find_structure(graph, operations, default_of, level)
    name_definitions(graph, definitions, lambda _: True)
    names = _class_names(report, definitions)
    main = definitions[-1]
    needed = needed_outputs(definitions, [_local(main, ref.node, ref.output) for ref in graph.outputs])
    used = {one.kind.partition("|")[0] for one in operations}
    texts = [HELPERS[name].strip() for name in HELPERS if name in used]
    inputs = _input_names(report)
    for definition in definitions:
        is_main = definition is main
        text = ClassText(report, definition, names, needed, inputs if is_main else ())
        texts.append("\n".join(text.lines("" if not is_main else _title(report))))
    body = "\n\n\n".join(texts)
    sizes = ", ".join("×".join(map(str, (1, *torch_size(shape)))) for shape in graph.inputs.values())
    imports = ["import torch"] if "torch." in body else []
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    shown = f"The input is {sizes}, with the batch first." if len(graph.inputs) == 1 else f"The inputs are {sizes}."
    note = "Comments have the sizes of one sample; in a class, those of its first use."
    doc = f'"""{_title(report)}\n\n{shown}\n{note}\n"""'
    return "\n".join([doc, "", *imports, "from torch import nn", "", "", body]) + "\n"


def _title(report: Report) -> str:
    total = report.total
    name = clean(report.name).replace("\\", "/").replace('"', "'") or "A network"
    return f"{name}: {total.weights + total.biases:,} parameters, {total.macs // report.batch:,} MACs."


def _local(main: Definition, node: int, output: int) -> Local:
    if node < 0:
        return Local(node)
    index = next(i for i, item in enumerate(main.items) if item.part.start <= node < item.part.stop)
    return Local(index, main.items[index].part.stop - 1 - node, output)


def _class_names(report: Report, definitions: Sequence[Definition]) -> dict[int, str]:
    taken = {*HELPERS, "F"}
    found = {}
    for definition in reversed(definitions):
        stem = definition.name or report.name
        word = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", stem))
        word = re.sub(r"^\d+", "", word) or "Network"
        name, number = word, 1
        while name in taken:
            number += 1
            name = f"{word}{number}"
        taken.add(name)
        found[id(definition)] = name
    return found


def _input_names(report: Report) -> list[str]:
    if len(report.graph.inputs) == 1:
        return ["x"]
    from shapecalc.escaping import python_names

    return [*python_names([f"{name}_input" if name == "self" else name for name in report.graph.inputs]).values()]
