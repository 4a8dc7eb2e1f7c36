"""What names begin with in a checkpoint and not in a network, or the reverse: the prefixes that align them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from shapecalc.model.naming import library_shapes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shapecalc.checkpoints import StoredTensor
    from shapecalc.model.report import Report

__all__ = ["aligned"]

_SHARE = 0.3
"""A prefix begins as many names as this share of the tensors of the smaller side: an optimizer may be beside them."""
_LEVELS = 3
_MOST_PREFIXES = 12


def aligned(found: Mapping[str, StoredTensor], report: Report) -> tuple[tuple[str, str], dict[str, tuple[int, ...]]]:
    """Return the prefixes in the checkpoint and in the network without which most names are the same; and the names."""
    ours, naming = _parameter_shapes(report, _tails(found)), report.graph.naming
    expected = library_shapes(naming, ours, found) if naming else ours
    best, prefixes = len(expected.keys() & found.keys()), ("", "")
    if best * 2 < len(expected):
        least = _SHARE * min(len(found), len(expected))
        for theirs, own in product(_prefixes(found, least), _prefixes(expected, least)):
            stripped = {name.removeprefix(theirs) for name in found}
            if naming and own in ("", naming.base):
                shapes = library_shapes(naming._replace(base="" if own else naming.base), ours, stripped)
            else:
                shapes = {name.removeprefix(own): shape for name, shape in expected.items()}
            count = len(shapes.keys() & stripped)
            if count > best:
                best, prefixes, chosen = count, (theirs, own), shapes
        if prefixes != ("", ""):
            return prefixes, chosen
    return prefixes, expected


def _parameter_shapes(report: Report, known: Mapping[str, tuple[int, ...] | None]) -> dict[str, tuple[int, ...]]:
    """Return the sizes of parameters by their names in the report.

    Those of an imported layer have their names and sizes in the file, if some of these are known, and the others not
    all or otherwise: an exporter may name what it folds after another layer.
    """
    ours = report.tensor_shapes()
    stored: dict[str, dict[str, tuple[int, ...]]] = {}
    for row in report.rows:
        tensors = report.graph.tensors.get(row.name, {})
        if not known.keys().isdisjoint(tensors):
            named = [f"{row.name}.{name}" for name in row.sizing.weight_shapes]
            theirs = _renamed(tensors, row.sizing.weight_shapes, known) if not row.node.held else tensors
            own = zip(named, row.sizing.weight_shapes.values(), strict=True)
            is_named = all(known.get(name) == tuple(shape) for name, shape in own)
            stored.update(dict.fromkeys(() if is_named else named, theirs))
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in ours.items():
        found.update(stored.get(name, {name: shape}))
    return found


def _renamed(
    tensors: Mapping[str, tuple[int, ...]], own: Mapping[str, tuple[Any, ...]], known: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a layer with the weight that an exporter stored transposed, under a name of its own.

    TorchScript's exporter does so for products: the name is that of the bias, and the size that of the layer.
    """
    biases = [name for name in tensors if name.endswith(_BIAS) and name in known]
    wanted = [weight for name in biases if (weight := name.removesuffix(_BIAS) + _WEIGHT) in known]
    shape = tuple(own.get(_WEIGHT, ()))
    is_one = len(wanted) == 1 and wanted[0] not in tensors
    turned = [name for name, sizes in tensors.items() if is_one and name not in known and sizes[::-1] == shape]
    return {
        wanted[0] if name in turned else name: shape if name in turned else sizes for name, sizes in tensors.items()
    }


_WEIGHT, _BIAS = "weight", "bias"


def _tails(found: Mapping[str, StoredTensor]) -> dict[str, tuple[int, ...] | None]:
    """Return the sizes of tensors by their names, also without the first modules in them, which may be a prefix."""
    parts = [(name.split("."), one.shape) for name, one in found.items()]
    tails = {
        ".".join(words[level:]): shape
        for words, shape in parts
        for level in range(min(_LEVELS + 1, len(words)), -1, -1)
    }
    return {**tails, **{name: one.shape for name, one in found.items()}}


def _prefixes(names: Collection[str], least: float) -> list[str]:
    """Return what at least some number of names begin with, up to a few modules deep; nothing is the first."""
    counts: dict[str, int] = {}
    for name in names:
        parts = name.split(".")
        for level in range(1, min(_LEVELS, len(parts) - 1) + 1):
            prefix = ".".join(parts[:level]) + "."
            counts[prefix] = counts.get(prefix, 0) + 1
    often = [prefix for prefix, count in counts.items() if count >= least]
    return ["", *sorted(often, key=lambda prefix: -counts[prefix])[:_MOST_PREFIXES]]
