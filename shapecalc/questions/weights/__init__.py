"""What a checkpoint holds: parameters and bytes by module and by type, from its headers alone."""

from __future__ import annotations

import os
from collections import Counter
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.checkpoints import StoredTensor, read_checkpoint
from shapecalc.checkpoints.contents import BITS
from shapecalc.errors import UsageError
from shapecalc.model.answer import Answer
from shapecalc.questions.weights.packing import unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["StoredTensor", "TypeTotal", "Weights", "weights"]

VERSION = 1
"""The version of the JSON contract."""


class TypeTotal(NamedTuple):
    """The sums over the weights of one type. `learned` are the bytes of what has parameters, with its scales."""

    dtype: str
    tensors: int
    params: int
    bytes: int
    overhead: int
    learned: int
    is_packed: bool

    @property
    def bits(self) -> float:
        """The bits of a parameter, scales and zero points included; 0 without parameters."""
        return self.learned * 8 / self.params if self.params else 0.0


class Weights(Answer):
    """What a checkpoint holds. `weights` are all of them; `total` and `types` the sums; Immutable.

    `format` is its format, `files` how many files were read and `size` their bytes; `missing` the shards that are not
    there, with the names of their tensors.
    """

    drawn_by = "answers.weights.draw_weights"
    table = "tensors"
    __slots__ = (
        "containers",
        "files",
        "format",
        "missing",
        "name",
        "notes",
        "path",
        "size",
        "total",
        "types",
        "weights",
    )

    def __init__(self, path: str) -> None:
        found = read_checkpoint(path)
        self.path = path
        self.name = os.path.basename(path.rstrip("/")) or path
        self.format, self.files, self.size = found.format, found.files, found.size
        self.missing = found.missing
        self.containers = {f"{name}.": name for name in found.containers}
        self.weights: Sequence[StoredTensor] = unpacked(found.tensors, found.containers)
        self.types = _totals(self.weights)
        self.total = _sum(self.types)
        self.notes: tuple[str, ...] = tuple(found.notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.name,
            "format": self.format,
            "files": self.files,
            "size": self.size,
            **({"complete": False, "missing": {name: list(names) for name, names in self.missing.items()}}
               if self.missing else {}),
            **self.notes_to_dict(),
            "tensors": [_entry(weight) for weight in self.weights],
            "dtypes": [{"dtype": kind.dtype, **_sums(kind)} for kind in self.types],
            "total": _sums(self.total),
        }  # fmt: skip


def _entry(weight: StoredTensor) -> dict[str, Any]:
    return {
        "name": weight.name,
        "dtype": weight.dtype,
        "shape": None if weight.shape is None else list(weight.shape),
        "params": weight.params,
        "bytes": weight.bytes,
        "overhead": weight.overhead,
        "tensors": weight.tensors,
        **({"shares": weight.shares} if weight.shares else {}),
    }


def _sums(kind: TypeTotal) -> dict[str, Any]:
    bits = {"bits_per_param": round(kind.bits, 6)} if kind.params else {}
    return {"tensors": kind.tensors, "params": kind.params, "bytes": kind.bytes, "overhead": kind.overhead, **bits}


def _totals(weights: Sequence[StoredTensor]) -> tuple[TypeTotal, ...]:
    """Return the sums of each type, those with the most bytes first."""
    sums: dict[str, list[int]] = {}
    for (dtype, *numbers, is_packed), count in Counter(map(_COUNTED, weights)).items():
        own = sums.setdefault(dtype, [0, 0, 0, 0, 0, is_packed or dtype not in BITS])
        _, params, size, overhead = numbers
        for index, number in enumerate((*numbers, size + overhead if params else 0)):
            own[index] += number * count
    found = [
        TypeTotal(dtype, tensors, params, size, overhead, learned, bool(is_packed))
        for dtype, (tensors, params, size, overhead, learned, is_packed) in sums.items()
    ]
    return tuple(sorted(found, key=lambda kind: -kind.bytes - kind.overhead))


def _sum(kinds: Sequence[TypeTotal]) -> TypeTotal:
    tensors, params, size, overhead, learned = (sum(map(itemgetter(index), kinds)) for index in range(1, 6))
    return TypeTotal("", tensors, params, size, overhead, learned, any(kind.is_packed for kind in kinds))


_COUNTED = attrgetter("dtype", "tensors", "params", "bytes", "overhead", "is_packed")


def weights(path: str | os.PathLike[str]) -> Weights:
    """Return what a checkpoint holds, from its headers alone: parameters and bytes of each tensor, module and type.

    `path` is a file of safetensors, GGUF, ONNX or PyTorch (a state dict), an index of shards, or the folder of a model.
    No tensor's data is read, and nothing in a file is run. Errors: `UsageError` for what cannot be read;
    `ShapecalcError` for a file of another format, or a broken one.
    """
    if not isinstance(path, (str, os.PathLike)):
        from shapecalc.text.given import short

        raise UsageError(f"the path must be a path, not {short(path)}")
    return Weights(os.fspath(path))
