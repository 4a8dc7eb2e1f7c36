"""PyTorch source: a module as a person would have written it. No framework is needed to write it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.arguments import default_of
from shapecalc.exporters.pytorch.code import ClassText
from shapecalc.exporters.pytorch.helpers import HELPERS
from shapecalc.exporters.pytorch.table import WRITERS, torch_size
from shapecalc.exporters.sites import sites_of
from shapecalc.exporters.source import defined, first_possible, input_names, names_of, title_of
from shapecalc.exporters.source.bodies import ModuleSource
from shapecalc.exporters.source.operations import operations_of
from shapecalc.exporters.source.scales import with_scales
from shapecalc.layers.base.shape import CHW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.model.report import Report

__all__ = ["write"]

for _family in ("windows", "pointwise", "functions", "shapes", "indexing", "sequences", "further"):
    import_module(f"shapecalc.exporters.pytorch.{_family}")


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the source of a module of PyTorch with the layers of a report.

    Errors: `UsageError` with the first layer that PyTorch has no counterpart for.
    """
    sites = [*sites_of(report, CHW)]
    operations = operations_of(report, sites, WRITERS, "PyTorch")
    operations = with_scales(
        report, sites, operations, lambda scale, shift: {"affine": True} if scale and shift else {}
    )
    return first_possible(report, "PyTorch", lambda level: _source(report, operations, level))


def _source(report: Report, operations: Sequence[Operation], level: int) -> str:
    graph = report.graph
    definitions, needed = defined(report, operations, default_of, level)
    names = _class_names(report, definitions)
    main = definitions[-1]
    used = {one.kind.partition("|")[0] for one in operations}
    used |= {"one_bias"} if any(one.arguments.get("one_bias") for one in operations) else set()
    texts = [HELPERS[name].strip() for name in HELPERS if name in used]
    inputs = input_names(report, ("self",))
    program = ModuleSource(report, names, needed, lambda node, output: torch_size(report.shape_of(node, output)))
    for definition in definitions:
        is_main = definition is main
        text = ClassText(program, definition, inputs if is_main else ())
        texts.append("\n".join(text.lines("" if not is_main else title_of(report))))
    body = "\n\n\n".join(texts)
    sizes = ", ".join("×".join(map(str, (1, *torch_size(shape)))) for shape in graph.inputs.values())
    imports = ["import torch"] if "torch." in body else []
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    shown = f"The input is {sizes}, with the batch first." if len(graph.inputs) == 1 else f"The inputs are {sizes}."
    note = "Comments have the sizes of one sample; in a class, those of its first use."
    doc = f'"""{title_of(report)}\n\n{shown}\n{note}\n"""'
    return "\n".join([doc, "", *imports, "from torch import nn", "", "", body]) + "\n"


def _class_names(report: Report, definitions: Sequence[Definition]) -> dict[int, str]:
    def name_of(stem: str) -> str:
        word = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", stem))
        return re.sub(r"^\d+", "", word) or "Network"

    return names_of(report, definitions, name_of, {*HELPERS, "F"})
