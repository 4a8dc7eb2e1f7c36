"""Keras source: a model of the functional API as a person would have written it. No framework is needed to write it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.exporters.integers import IntegerTensors
from shapecalc.exporters.keras.arguments import default_of
from shapecalc.exporters.keras.code import RESERVED, FunctionText, LayerNames
from shapecalc.exporters.keras.helpers import HELPERS
from shapecalc.exporters.keras.table import WRITERS, keras_sites
from shapecalc.exporters.source import defined, first_possible, input_names, names_of, title_of
from shapecalc.exporters.source.bodies import FLOW, SHORTCUT, ModuleSource
from shapecalc.exporters.source.operations import operations_of, without_uncounted
from shapecalc.exporters.source.scales import with_scales
from shapecalc.layers.base.shape import HWC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.model.report import Report

__all__ = ["write"]

for _family in ("windows", "pointwise", "shapes", "sequences", "functions", "further"):
    import_module(f"shapecalc.exporters.keras.{_family}")


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the source of a model of Keras with the layers of a report.

    Errors: `UsageError` with the first layer that Keras has no counterpart for.
    """
    sites = [*keras_sites(report)]
    operations = operations_of(report, sites, WRITERS, "Keras", without_uncounted)
    operations = with_scales(report, sites, operations, lambda scale, shift: {"center": shift, "scale": scale})
    return first_possible(report, "Keras", lambda level: _source(report, sites, operations, level))


def _source(report: Report, sites: Sequence[Site], operations: Sequence[Operation], level: int) -> str:
    definitions, needed = defined(report, operations, default_of, level)
    variables = {name for one in definitions for name in one.parameters} | {FLOW, SHORTCUT}
    variables |= {f"{FLOW}{i}" for i in range(2, 1 + max(len(one.body.inputs) for one in definitions))}
    names = names_of(report, definitions, _function_name, {*RESERVED, *variables})
    main = definitions[-1]

    def size_of(node: int, output: int) -> Sequence[int]:
        shape = report.shape_of(node, output) if node < 0 else sites[node].outputs[output]
        return shape.in_layout(HWC)

    program = ModuleSource(report, names, needed, size_of)
    named = LayerNames(program, main)
    texts = ["\n".join(FunctionText(program, definition, named).lines()) for definition in definitions[:-1]]
    texts.append("\n".join(_model(program, main, named)))
    body = "\n\n\n".join(texts)
    helpers = [text.strip() for name, text in HELPERS.items() if re.search(rf"(?<![\w.]){name}\(", body)]
    body = "\n\n\n".join([*helpers, body])
    imports = [name for name in ("layers", "ops") if f"{name}." in body]
    lines = ["import keras"] + ([f"from keras import {', '.join(imports)}"] if imports else [])
    return "\n".join([*_header(report), "", *lines, "", "", body]) + "\n"


def _header(report: Report) -> Iterator[str]:
    yield f'"""{title_of(report)}'
    yield ""
    yield "Comments have the sizes of one sample; in a function, those of its first use."
    shapes = [shape for row in report.rows for shape in row.sizing.outputs]
    if report.layout != HWC and any(shape.is_map and shape.rank > 1 for shape in shapes):
        yield "Feature maps are H×W×C, not C×H×W as in the network that was given: flattened, they have another order."
    yield '"""'


def _model(program: ModuleSource, main: Definition, named: LayerNames) -> Iterator[str]:
    """Yield the lines of the function that returns the model."""
    report = program.report
    graph = report.graph
    given = input_names(report, {*RESERVED, *program.names.values()})
    is_one = len(given) == 1
    given = ["inputs"] if is_one else given
    yield f"def {program.names[id(main)]}():"
    integers = IntegerTensors(report).tensors
    for number, (name, shape) in enumerate(zip(given, graph.inputs.values(), strict=True)):
        sizes = ", ".join(map(str, shape.in_layout(HWC)))
        more = ', dtype="int32"' if (-1 - number, 0) in integers else ""
        more += "" if is_one else f', name="{name}"'
        yield f"    {name} = keras.Input(({sizes}{',' if shape.rank == 1 else ''}){more})"
    text = FunctionText(program, main, named, given)
    yield from text.body()
    outputs = text.outputs()
    inputs = "inputs" if is_one else f"[{', '.join(given)}]"
    result = outputs[0] if len(outputs) == 1 else f"[{', '.join(outputs)}]"
    yield f'    return keras.Model({inputs}, {result}, name="{_model_name(report.name)}")'


def _function_name(stem: str) -> str:
    word = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    word = re.sub(r"^[\d_]+", "", word)
    return word or "network"


def _model_name(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "network"
