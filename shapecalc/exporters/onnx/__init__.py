"""ONNX: a file that onnxruntime runs, with the sizes of every layer; weights are made of their sizes as it is loaded.

No package is needed to write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.exporters.integers import IntegerTensors
from shapecalc.exporters.onnx.builder import BATCH, NodeGraph
from shapecalc.exporters.onnx.messages import FLOAT, INT64, graph_message, model_message, value_info
from shapecalc.exporters.onnx.reasons import reason_of
from shapecalc.exporters.onnx.table import (
    ALIKE,
    MAP,
    LayerSite,
    Writer,
    find_writer,
    onnx_size,
)
from shapecalc.exporters.sites import NoCounterpartError, is_mixed, sites_of
from shapecalc.exporters.ties import ties_of
from shapecalc.layers.base.shape import CHW
from shapecalc.model.rows import layers_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.sites import Site
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["OPSET", "write"]

OPSET = 17
"""The lowest with LayerNormalization."""
_PARTLY = "some of its weights are constants, or those of another layer"
_IR = 10
"""The lowest in which nodes have metadata."""


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> bytes:
    """Return the bytes of a file with the layers of a report.

    Errors: `UsageError` with all layers that cannot be expressed.
    """
    return _Export(report).file()


class _Export:
    """The file as it grows."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.graph = report.graph
        self.builder = NodeGraph()
        self.tensors: dict[tuple[int, int], str] = {}
        self.infos: list[tuple[str, Shape]] = []
        self.refused: dict[tuple[str, str], list[Row]] = {}
        """The layers that cannot be expressed, by their kind and the reason."""
        rows = report.rows
        self.ties = {
            rows[index].name: {name: f"{rows[tie.node].name}.{tie.weight}" for name, tie in own.items()}
            for index, own in ties_of(report).items()
        }
        """The tensors that are weights of a layer, and of another before it, by its name and that of the weight."""

    def file(self) -> bytes:
        """Return the bytes of the file. Errors: `UsageError`."""
        from shapecalc import __version__

        inputs = self._inputs()
        for index, (row, site) in enumerate(zip(self.report.rows, sites_of(self.report, CHW), strict=True)):
            self._add(index, row, site)
        if self.refused:
            raise UsageError([_problem(rows, why) for (_, why), rows in self.refused.items()])
        outputs = self._outputs()
        made = {name for name, _ in outputs}
        infos = [self._info(name, shape) for name, shape in dict(self.infos).items() if name not in made]
        nodes = [node.message() for node in self.builder.nodes]
        constants = [message for _, message in self.builder.initializers.values()]
        graph = graph_message(self.graph.name or "network", nodes, constants, inputs,
                              [self._info(*one) for one in outputs], infos)  # fmt: skip
        doc = "Sizes without weights: every weight is zeros, as ConstantOfShape."
        return model_message(graph, _IR, OPSET, ("shapecalc", __version__), doc)

    def _inputs(self) -> list[bytes]:
        integers = IntegerTensors(self.report).tensors
        found = []
        for number, (name, shape) in enumerate(self.graph.inputs.items(), 1):
            tensor = self.tensors[-number, 0] = self.builder.take(name)
            if (-number, 0) in integers:
                self.builder.integers.add(tensor)
            found.append(self._info(tensor, shape))
        return found

    def _info(self, name: str, shape: Shape) -> bytes:
        first: int | str = 1 if name in self.builder.fixed else BATCH
        return value_info(name, INT64 if name in self.builder.integers else FLOAT, (first, *onnx_size(shape)))

    def _add(self, index: int, row: Row, where: Site) -> None:
        """Add the nodes of a layer."""
        self.builder.begin(self._path(row))
        try:
            found = self._written(row, where)
        except NoCounterpartError as error:
            self.refused.setdefault((row.kind, str(error)), []).append(row)
            found = [self.builder.take(row.name) for _ in row.sizing.outputs]
        names = [row.name if i == 0 else f"{row.name}[{i}]" for i in range(len(found))]
        if len(found) > 1:
            names[0] = f"{row.name}[0]"
        for number, tensor in enumerate(self.builder.finish(found, names)):
            self.tensors[index, number] = tensor
            self.infos.append((tensor, row.sizing.outputs[number]))

    def _written(self, row: Row, where: Site) -> Sequence[str]:
        writer = find_writer(where.layer.kind)
        if writer is None:
            raise NoCounterpartError(reason_of(where.layer.kind))
        if row.node.held - self.ties.get(row.name, {}).keys():
            raise NoCounterpartError(_PARTLY)
        names = [self.tensors[ref.node, ref.output] for ref in row.node.inputs]
        names = [
            self._cast(name, to_integers=where.casts[number]) if number in where.casts else name
            for number, name in enumerate(names)
        ]
        fixed = bool(names) and all(name in self.builder.fixed for name in names)
        before = len(self.builder.nodes)
        site = LayerSite(where, self.builder, row, names, self._owners(row))
        found = _as_map(site, writer) if writer.order in ("", MAP) else _in_own_order(site, writer)
        if not row.node.held <= site.used_weights:
            raise NoCounterpartError(_PARTLY)
        found = [found] if isinstance(found, str) else list(found)
        self.builder.integers.update([found[number] for number in where.integers])
        if fixed:
            self.builder.fixed.update([name for node in self.builder.nodes[before:] for name in node.outputs])
        return found

    def _cast(self, name: str, *, to_integers: bool) -> str:
        if to_integers == (name in self.builder.integers):
            return name
        found = str(self.builder.op("Cast", name, to=INT64 if to_integers else FLOAT))
        if to_integers:
            self.builder.integers.add(found)
        if name in self.builder.fixed:
            self.builder.fixed.add(found)
        return found

    def _owners(self, row: Row) -> dict[str, str]:
        """Return the tensors that are the weights of a layer: its own, or those of its owner by name or by size."""
        sizes = row.sizing.weight_shapes
        if not row.shares:
            return {name: f"{row.name}.{name}" for name in sizes} | self.ties.get(row.name, {})
        left, found = dict(self.report[row.shares].sizing.weight_shapes), {}
        for name, size in sizes.items():
            own = name if left.get(name) == size else next(key for key, value in left.items() if value == size)
            del left[own]
            found[name] = f"{row.shares}.{own}"
        return found

    def _path(self, row: Row) -> str:
        """Return the hierarchy of a layer: `/layer1/0/conv1`."""
        parts, block, name = [], row.block, row.name
        while block >= 0:
            own, _, parent = self.graph.blocks[block]
            parts.append(name.removeprefix(f"{own}."))
            name, block = own, parent
        return "/" + "/".join([part.replace("/", "_") for part in reversed([*parts, name])])

    def _outputs(self) -> list[tuple[str, Shape]]:
        """Return the outputs: a tensor that is an input or an output already gets another name."""
        found: dict[str, Shape] = {}
        inputs = {self.tensors[-number, 0] for number in range(1, len(self.graph.inputs) + 1)}
        self.builder.begin("")
        for name, ref in self.graph.named_outputs().items():
            tensor = self.tensors[ref.node, ref.output]
            if tensor in inputs or tensor in found:
                again = self.builder.op("Identity", tensor, name=name)
                for group in (self.builder.fixed, self.builder.integers):
                    group.update([again] if tensor in group else [])
                tensor = again
            found[tensor] = self.report.shape_of(ref.node, ref.output)
        return list(found.items())


def _problem(rows: Sequence[Row], why: str) -> Problem:
    """Return the error of layers of a kind that cannot be expressed for one reason."""
    where = "" if "ONNX" in why else " as ONNX"
    return Problem(f"{layers_in_words(rows)} cannot be written{where}: {why}", rows[0].node.mark)


def _in_own_order(site: LayerSite, writer: Writer) -> Any:
    """Return what a function makes of tensors in the order of the report, back in that of ONNX.

    Maps that are alike and of which single elements are worked on stay as they are.
    """
    shapes = (*site.inputs, *site.outputs)
    mixed = [is_mixed(shape) for shape in shapes]
    are_alike = writer.order == ALIKE and all(mixed) and len({shape.rank for shape in shapes}) == 1
    if not any(mixed) or are_alike:
        return writer.function(site)
    site.layout = ""
    site.names = [site.to_own(name, shape) for name, shape in zip(site.names, site.inputs, strict=True)]
    found = writer.function(site)
    several = [found] if isinstance(found, str) else list(found)
    return [site.from_own(name, shape) for name, shape in zip(several, site.outputs, strict=True)]


def _as_map(site: LayerSite, writer: Writer) -> Any:
    """Return what a function makes of a tensor that it reads as a map with channels last, though it is not yet one."""
    x = site.inputs[0] if site.inputs else None
    reads_map = site.layer.ranks is not None or writer.order == MAP
    if x is None or not reads_map or not x.channels_last or x.is_map or x.rank < 2:
        return writer.function(site)
    as_map = x._replace(is_map=True)
    site.inputs = (as_map, *site.inputs[1:])
    site.names[0] = site.from_own(site.names[0], as_map)
    found, out = writer.function(site), site.outputs[0]
    is_alike = site.layer.ranks is not None and not out.is_map and out.rank == x.rank
    if not isinstance(found, str):
        return found
    return site.to_own(found, as_map) if is_alike else found
