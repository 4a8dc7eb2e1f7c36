"""PyTorch source: a module as a person would have written it. No framework is needed to write it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.arguments import NORM, UNCOUNTED, default_of
from shapecalc.exporters.pytorch.code import RESERVED, ClassText
from shapecalc.exporters.pytorch.helpers import HELPERS
from shapecalc.exporters.pytorch.sequences import with_states
from shapecalc.exporters.pytorch.table import WRITERS, torch_size
from shapecalc.exporters.sites import NoCounterpartError, sites_of
from shapecalc.exporters.source import defined, first_possible, input_names, names_of, title_of
from shapecalc.exporters.source.bodies import FLOW, ModuleSource
from shapecalc.exporters.source.operations import operations_of, without_uncounted
from shapecalc.exporters.source.scales import with_scales
from shapecalc.exporters.ties import ties_of
from shapecalc.layers.base.shape import CHW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.exporters.sites import Site
    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.exporters.ties import Tie
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["write"]

for _family in ("windows", "pointwise", "functions", "shapes", "indexing", "sequences", "further"):
    import_module(f"shapecalc.exporters.pytorch.{_family}")


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the source of a module of PyTorch with the layers of a report.

    Errors: `UsageError` with the first layer that PyTorch has no counterpart for.
    """
    sites = [*sites_of(report, CHW)]
    written: list[Operation] = []
    ties: dict[int, dict[str, Tie]] = {}
    known = ties_of(report)

    def finish(row: Row, site: Site, operation: Operation) -> Operation:
        own = known.get(len(written), {})
        tied = {name: tie for name, tie in own.items() if _has(operation, name) and _has(written[tie.node], tie.weight)}
        if tied:
            ties[len(written)] = tied
        written.append(_finished(row, site, operation, tied))
        return written[-1]

    operations = operations_of(report, sites, WRITERS, "PyTorch", finish)
    operations = with_scales(
        report, sites, with_states(report, operations), lambda scale, shift: {"affine": True} if scale and shift else {}
    )
    return first_possible(report, "PyTorch", lambda level: _source(report, operations, level, ties))


def _finished(row: Row, site: Site, operation: Operation, ties: Mapping[str, Tie]) -> Operation:
    """Return an operation with how its weight is computed, and those of its weights that are no parameters, nor tied.

    Errors: `NoCounterpartError`.
    """
    more: dict[str, Any] = {}
    norm, held = site.given.get(NORM, "none"), tuple(sorted(row.node.held - ties.keys()))
    if norm != "none":
        name = norm.removesuffix("_last")
        if name not in ("weight_norm", "spectral_norm") or held or not operation.kind.startswith("nn."):
            raise NoCounterpartError(f"{NORM} {norm}")
        more[NORM] = (name, 0 if name == norm else len(site.weights["original1"]) - 1)
    elif (
        held
        and re.match(r"nn\.(?!Parameter\b|MultiheadAttention\b)", operation.kind)
        and not operation.arguments.get("one_bias")
    ):
        more[UNCOUNTED] = held
    elif held:
        return without_uncounted(row, site, operation)
    return operation._replace(arguments={**operation.arguments, **more}) if more else operation


def _has(operation: Operation, name: str) -> bool:
    """Return whether an operation is a module of PyTorch with a weight of this name, by itself."""
    return operation.kind.startswith("nn.") and name in ("weight", "bias") and not operation.arguments.get("pad")


def _source(report: Report, operations: Sequence[Operation], level: int, ties: Mapping[int, Mapping[str, Tie]]) -> str:
    graph = report.graph
    definitions, needed = defined(report, operations, default_of, level)
    names = _class_names(report, definitions)
    main = definitions[-1]
    used = {one.kind.partition("|")[0] for one in operations}
    used |= {name for name in ("one_bias", UNCOUNTED) if any(one.arguments.get(name) for one in operations)}
    texts = [HELPERS[name].strip() for name in HELPERS if name in used]
    inputs = input_names(report, RESERVED, first=FLOW)
    program = ModuleSource(report, names, needed, lambda node, output: torch_size(report.shape_of(node, output)))
    for definition in definitions:
        is_main = definition is main
        text = ClassText(program, definition, inputs if is_main else (), ties if is_main else {})
        texts.append("\n".join(text.lines("" if not is_main else title_of(report))))
    body = "\n\n\n".join(texts)
    sizes = ", ".join("×".join(map(str, (1, *torch_size(shape)))) for shape in graph.inputs.values())
    imports = ["import torch"] if "torch." in body else []
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    norms = ["from torch.nn.utils import parametrizations"] if "parametrizations." in body else []
    shown = f"The input is {sizes}, with the batch first." if len(graph.inputs) == 1 else f"The inputs are {sizes}."
    note = "Comments have the sizes of one sample; in a class, those of its first use."
    doc = f'"""{title_of(report)}\n\n{shown}\n{note}\n"""'
    return "\n".join([doc, "", *imports, "from torch import nn", *norms, "", "", body]) + "\n"


def _class_names(report: Report, definitions: Sequence[Definition]) -> dict[int, str]:
    def name_of(stem: str) -> str:
        word = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", stem))
        return re.sub(r"^\d+", "", word) or "Network"

    return names_of(report, definitions, name_of, {*HELPERS, "F"})
