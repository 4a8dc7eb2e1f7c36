"""The matrices of a network beside which adapters can stand, and what they are called.

Which matrices a layer has is declared by its kind (`Layer.projections`). For a network that was read from a config.json
the names of its family say what they are in the library: one matrix here may be several modules there (queries, keys
and values of BERT), or several be one (gate and up of Phi-3). An adapter stands beside a module of the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.model.naming import library_shapes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from shapecalc.layers.base.layer import Projection
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["Matrix", "is_called", "matrices_of", "unused_modules"]

_WEIGHT = ".weight"
_AXES = 2


class Matrix(NamedTuple):
    """A matrix: its key in the layer ("": the layer itself), its names here, that of its module in the library.

    `is_linear` is whether peft has it among all linear layers: not where experts were never layers of their own.
    """

    key: str
    names: tuple[str, ...]
    module: str
    projection: Projection
    is_linear: bool = True


def is_called(names: Iterable[str], target: str) -> bool:
    """Return whether a target is one of the names or the end of one, from a dot on."""
    return any(f".{name}".endswith(f".{target}") for name in names)


def matrices_of(report: Report) -> list[list[Matrix]]:
    """Return the matrices of every layer: in the library's parts where its names are known, otherwise in those here.

    A module that is several matrices here stands with the first of them.
    """
    found: list[list[Matrix]] = []
    never = _never_linear(report)
    holders: dict[str, tuple[int, int, int]] = {}  # of a module: the owner of its weights, the layer, the place there
    for index, row in enumerate(report.rows):
        owner = _owner(report, index)
        own: list[Matrix] = []
        found.append(own)
        for part in _parts(report, row, report.rows[owner]):
            matrix = part._replace(is_linear=index not in never)
            held = holders.get(matrix.module, (owner, -1, 0)) if matrix.module else (owner, -1, 0)
            if held[0] == owner and held[1] != index:  # the first, or the same weights used again
                holders[matrix.module] = (owner, index, len(own))
                own.append(matrix)
            else:
                found[held[1]][held[2]] = _joined(found[held[1]][held[2]], matrix)
    return found


def unused_modules(report: Report) -> list[str]:
    """Return the modules of the library whose matrices are stored in the network, and not read."""
    naming = report.graph.naming
    found: list[str] = []
    for row in report.rows if naming is not None else ():
        read = row.node.layer.read_weights(*row.sizing.inputs) if row.node.layer else {}
        unread = {f"{row.name}.{key}": own for key, own in row.sizing.weight_shapes.items() if read.get(key) == (0,)}
        there = library_shapes(naming, {name: own for name, own in unread.items() if naming.knows(name)})
        found += [
            name.removesuffix(_WEIGHT) for name, own in there.items() if name.endswith(_WEIGHT) and len(own) == _AXES
        ]
    return found


def _never_linear(report: Report) -> set[int]:
    """Return the layers of experts that are one tensor in every checkpoint, and their routers (gpt-oss)."""
    naming = report.graph.naming
    found: set[int] = set()
    for index, row in enumerate(report.rows):
        chosen_by = row.node.layer.routed_by if row.node.layer else None
        if chosen_by is None or naming is None:
            continue
        if not any(naming.is_many(f"{row.name}.{key}") for key in _projections(row)):
            router = row.node.inputs[chosen_by].node
            while router >= 0 and not _projections(report.rows[router]) and report.rows[router].node.inputs:
                router = report.rows[router].node.inputs[0].node
            found |= {index, router}
    return found


def _owner(report: Report, index: int) -> int:
    """Return the layer whose matrices a layer uses: itself, also if it uses a table as a matrix."""
    shares = report.rows[index].node.shares
    return shares if shares >= 0 and _projections(report.rows[shares]) else index


def _projections(row: Row) -> dict[str, Projection]:
    return row.node.layer.projections(*row.sizing.inputs) if row.node.layer else {}


def _joined(matrix: Matrix, other: Matrix) -> Matrix:
    wider = matrix.projection.out_features + other.projection.out_features
    return matrix._replace(
        names=(*matrix.names, *other.names), projection=matrix.projection._replace(out_features=wider)
    )


def _parts(report: Report, row: Row, owner: Row) -> Iterable[Matrix]:
    """Yield the matrices of a layer, each divided into modules of the library."""
    for key, projection in _projections(row).items():
        names = _names(report, row, key, projection)
        modules = _modules(report, owner, key)
        if not modules:
            yield Matrix(key, names, "", projection)
        for module in modules:
            part = projection._replace(out_features=projection.out_features // len(modules))
            yield Matrix(module if len(modules) > 1 else key, names, module, part)


def _modules(report: Report, owner: Row, key: str) -> list[str]:
    """Return the modules of the library that a matrix is; none where it has no names, or they are no matrices."""
    naming = report.graph.naming
    for weight in (f"{key}{_WEIGHT}", f"{key}_weight", key) if key else ("weight",):
        name, sizes = f"{owner.name}.{weight}", owner.sizing.weight_shapes.get(weight)
        if naming is not None and sizes is not None and naming.knows(name):
            there = library_shapes(naming, {name: sizes})
            if weight == key:  # a parameter of experts
                return list(there)
            if all(full.endswith(_WEIGHT) and len(shape) == _AXES for full, shape in there.items()):
                return [full.removesuffix(_WEIGHT) for full in there]
    return []


def _names(report: Report, row: Row, key: str, projection: Projection) -> tuple[str, ...]:
    """Return all names here of a matrix of a layer, and those that it commonly has elsewhere."""
    from shapecalc.layers import find_kind

    if key:
        return tuple([f"{row.name}.{word}" for word in (key, *projection.also)])
    around = find_kind(report.graph.blocks[row.block].kind) if row.block >= 0 else None
    parts: Mapping[str, Collection[str]] = getattr(around, "also_parts", {})
    path, _, last = row.name.rpartition(".")
    return tuple([f"{path}.{word}".lstrip(".") for word in (last, *parts.get(last, ()))])
