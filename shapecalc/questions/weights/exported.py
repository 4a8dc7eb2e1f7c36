"""Why the tensors of an ONNX file are not those of its checkpoint: what exporters fold or leave out.

Sources: PyTorch 2.13's TorchScript exporter (torch/csrc/jit/passes/onnx: eval_peephole, deduplicate_initializers), and
the optimizer of onnxscript 0.7 that the newer one runs (rewriter/rules/fusion/_fuse_batchnorm.py; constant folding).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shapecalc.checkpoints import StoredTensor
    from shapecalc.model.report import Report

__all__ = ["BothSides", "notes_of", "reasons_of"]

_Shape = tuple[int, ...]
_WEIGHT, _BIAS, _MEAN = "weight", "bias", "running_mean"
FOLDED = "fold batch norms into the layers before them"
ZEROS = "leave out biases of zeros"
MERGED = "store tensors with equal elements once"
RENAMED = "store what they fold under names of its own, or transposed"
COPIED = "store a tied weight again, transposed"

REASONS = (FOLDED, ZEROS, MERGED, RENAMED, COPIED)


class BothSides(NamedTuple):
    """The tensors of both sides by their names: of the checkpoint, and the sizes of those of the network."""

    found: Mapping[str, StoredTensor]
    expected: Mapping[str, _Shape]
    optional: Mapping[str, _Shape]

    def matches(self, name: str) -> bool:
        """Return whether both sides have a tensor, of the same size."""
        return name in self.expected and name in self.found and self.found[name].shape == self.expected[name]


def reasons_of(
    extra: Mapping[str, _Shape], missing: Mapping[str, _Shape], sides: BothSides, report: Report
) -> dict[str, str]:
    """Return the reasons for which an exporter of ONNX makes tensors of the checkpoint extra, or leaves others out."""
    reasons = dict(_folded(extra, missing, sides))
    reasons |= {name: ZEROS for name in extra.keys() - reasons.keys() if _is_bias(name, sides)}
    merged = Counter(_size(shape) for name, shape in sides.optional.items() if name not in sides.found)
    for name in [name for name in extra if name not in reasons]:
        if merged[_size(extra[name])]:
            merged[_size(extra[name])] -= 1
            reasons[name] = MERGED
    tables, named = _tables(sides, report), _named_by_exporters(report)
    for name, shape in missing.items():
        if name in reasons or name not in named:
            continue
        other = next((one for one in extra if one not in reasons and _size(extra[one]) == _size(shape)), "")
        if other:
            reasons |= {name: RENAMED, other: RENAMED}
        elif _size(shape) in tables:
            reasons[name] = COPIED
    return reasons


def notes_of(reasons: Iterable[str]) -> list[str]:
    """Return what exporters of ONNX do that makes differences, and how many, of the reason of each difference."""
    counts = Counter(reasons)
    made = ", ".join([f"{reason} ({counts[reason]:,})" for reason in REASONS if counts[reason]])
    rest = "" if counts[""] else " Nothing else differs: it may be exported from the checkpoint."
    return [f"The network is an ONNX file, whose exporters {made}.{rest}"] if made else []


def _folded(extra: Mapping[str, _Shape], missing: Mapping[str, _Shape], sides: BothSides) -> Iterator[tuple[str, str]]:
    """Yield the scales and shifts of batch norms that the network has not, and the biases that it has for them."""
    rest: Counter[_Shape] = Counter()
    for name, shape in extra.items():
        stem, _, part = name.rpartition(".")
        mean = f"{stem}.{_MEAN}"
        if part in (_WEIGHT, _BIAS) and mean in sides.found and mean not in sides.optional:
            yield name, FOLDED
            rest[shape] += part == _BIAS
    for name, shape in missing.items():
        if name.endswith(f".{_BIAS}") and sides.matches(name.removesuffix(_BIAS) + _WEIGHT) and rest[shape]:
            rest[shape] -= 1
            yield name, FOLDED


def _is_bias(name: str, sides: BothSides) -> bool:
    """Return whether a tensor may be a bias of a layer that the network has without one."""
    weight, sizes = name.removesuffix(_BIAS) + _WEIGHT, sides.found[name].shape or ()
    return name.endswith(_BIAS) and sides.matches(weight) and len(sizes) == 1 and sizes[0] in sides.expected[weight]


def _size(shape: Iterable[int]) -> _Shape:
    """Return the sizes of a tensor whatever the order of its axes is, without those of 1."""
    return (*sorted(size for size in shape if size != 1),)


def _tables(sides: BothSides, report: Report) -> set[_Shape]:
    """Return the sizes of the tables that the checkpoint has too."""
    names = [f"{row.name}.{_WEIGHT}" for row in report.rows if row.node.layer and row.node.layer.looks_up]
    return {_size(sides.expected[name]) for name in names if sides.matches(name)}


def _named_by_exporters(report: Report) -> set[str]:
    """Return the names of parameters that are not those of a module: `val_3`, `onnx::MatMul_7`."""
    names = set()
    for row in report.rows:
        made = {name: _size(sizes) for name, sizes in report.graph.tensors.get(row.name, {}).items() if "." not in name}
        own = row.sizing.weight_shapes.items()
        names |= {*made, *[f"{row.name}.{name}" for name, shape in own if _size(shape) in made.values()]}
    return names
