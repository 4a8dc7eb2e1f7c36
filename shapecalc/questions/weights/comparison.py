"""A checkpoint against a network: which tensors are missing, extra or of another size."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.model.answer import Answer
from shapecalc.model.naming import library_shapes
from shapecalc.questions.weights.exported import BothSides, notes_of, reasons_of
from shapecalc.questions.weights.prefixes import aligned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shapecalc.checkpoints import StoredTensor
    from shapecalc.model.report import Report
    from shapecalc.questions.weights import Weights

__all__ = ["Mismatch", "WeightsComparison", "compare_weights"]

VERSION = 1
"""The version of the JSON contract."""
_Shape = tuple[int, ...]
_MOST_NAMES = 2_000


class Mismatch(NamedTuple):
    """Tensors that differ in one and the same way: `kind` is missing, extra, size, joined or divided.

    `names` are those in the network, or of extra and joined tensors in the checkpoint; `others` are the tensors that a
    joined one is in the network, or a divided one in the checkpoint. `expected` are the sizes in the network, `found`
    in the checkpoint. `hint` is what may be meant; `reason` why it is no difference of the networks, where an exporter
    of ONNX makes it.
    """

    kind: str
    names: tuple[str, ...]
    expected: _Shape | None
    found: _Shape | None
    hint: str = ""
    others: tuple[str, ...] = ()
    reason: str = ""

    @property
    def pattern(self) -> str:
        """The name, with asterisks for numbers where there are several."""
        return self.names[0] if len(self.names) == 1 else _pattern(self.names[0])


class WeightsComparison(Answer):
    """How the tensors of a checkpoint differ from the parameters of a network: `mismatches`, empty if they do not.

    `matching` is how many tensors are the same; `prefixes` what names begin with in the checkpoint and in the network
    that is not compared; `has_other_prefix` is whether a program that loads it would fail for that.
    """

    drawn_by = "answers.weights_comparison.draw_comparison"
    table = "mismatches"
    __slots__ = ("checkpoint", "has_other_prefix", "matching", "mismatches", "name", "notes", "prefixes")

    def __init__(
        self, checkpoint: str, name: str, matching: int, mismatches: Sequence[Mismatch], prefixes: tuple[str, str],
        notes: Sequence[str], *, has_other_prefix: bool,
    ) -> None:  # fmt: skip
        self.checkpoint = checkpoint
        self.name = name
        self.matching = matching
        self.mismatches = tuple(mismatches)
        self.prefixes = prefixes
        self.notes = tuple(notes)
        self.has_other_prefix = has_other_prefix

    @property
    def is_same(self) -> bool:
        """Whether the network could load the checkpoint; for an ONNX file, whether it may be exported from it."""
        return not self.has_other_prefix and all(one.reason for one in self.mismatches)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.name,
            "checkpoint": self.checkpoint,
            "same": self.is_same,
            "matching": self.matching,
            "prefixes": {"checkpoint": self.prefixes[0], "network": self.prefixes[1]},
            **self.notes_to_dict(),
            "mismatches": [
                {
                    "kind": one.kind,
                    "names": list(one.names),
                    "checkpoint_shape": None if one.found is None else list(one.found),
                    "network_shape": None if one.expected is None else list(one.expected),
                    **({"others": list(one.others)} if one.others else {}),
                    "hint": one.hint or None,
                    **({"reason": one.reason} if one.reason else {}),
                }
                for one in self.mismatches
            ],
        }


def compare_weights(weights: Weights, report: Report) -> WeightsComparison:
    """Return how a checkpoint differs from the network of a report, under the library's names where they are known.

    Tensors that may be left out (shared ones, buffers) are compared where they are there; what has no parameters
    (`num_batches_tracked`) may be extra.
    """
    notes: list[str] = []
    found = {weight.represents or weight.name: weight for weight in weights.weights}
    base = report.graph.naming.base if report.graph.naming else ""
    (theirs, own), expected = aligned(found, report)
    if weights.format != "GGUF" and _has_other_names(report, expected, {name.removeprefix(theirs) for name in found}):
        (theirs, own), expected = ("", ""), report.tensor_shapes()
        notes.append(
            f"Most names of {report.name or 'the network'} are not in the checkpoint. A specification has names of its "
            "own: compare with the config.json of the model, which is read with the names of its library."
        )
    container = max([key for key in weights.containers if theirs.startswith(key)], key=len, default="")
    inside = {name.removeprefix(theirs): one for name, one in found.items() if name.startswith(container)}
    optional = {
        name.removeprefix(own): shape
        for sort in ("shared", "buffers")
        for name, shape in _named(report, report.tensor_shapes(sort), inside).items()
    }
    copies = _tied_copies(inside, {*expected, *optional})
    others = {name: weight for name, weight in inside.items() if name not in copies}
    mismatches, matching = _mismatches(others, expected, optional)
    if report.graph.is_folded:
        extra = {one.names[0]: one.found or () for one in mismatches if one.kind == "extra"}
        missing = {one.names[0]: one.expected or () for one in mismatches if one.kind == "missing"}
        reasons = reasons_of(extra, missing, BothSides(others, expected, optional), report)
        mismatches = [one._replace(reason=reasons.get(one.names[0], "")) for one in mismatches]
    prefixes = theirs.removeprefix(container), own
    is_of_base = bool(base) and (
        prefixes == ("", base) or (prefixes == (base, "") and not any(name.startswith(base) for name in expected))
    )
    if container:
        notes.append(f"Only what the checkpoint has under {weights.containers[container]} was compared.")
    if copies:
        words = "tensor shares its" if len(copies) == 1 else "tensors share their"
        notes.append(f"{len(copies):,} more {words} elements with one of the network: tied, and no difference.")
    notes += notes_of(one.reason for one in mismatches)
    if weights.missing:
        files = count_noun(len(weights.missing), "file")
        words = "is missing: its" if len(weights.missing) == 1 else "are missing: their"
        notes.append(f"{files} of the checkpoint {words} tensors are missing here too.")
    if weights.format == "GGUF" and not matching:
        notes.append("Names in GGUF are those of llama.cpp: tensors cannot be matched by them.")
    if is_of_base:
        side = "checkpoint" if own else "network"
        notes.append(f'The {side} is of the base model: its names are without "{base}".')
    return WeightsComparison(
        weights.name, report.name, matching, _with_hints(_folded(mismatches), report), prefixes, notes,
        has_other_prefix=prefixes != ("", "") and not is_of_base,
    )  # fmt: skip


def _has_other_names(report: Report, expected: Mapping[str, _Shape], found: Collection[str]) -> bool:
    """Return whether names are those of a specification, and most are not in a checkpoint, also not in a part of it."""
    is_of_library = report.graph.naming is not None or not report.graph.is_written
    return not is_of_library and 2 * len(expected.keys() & found) < min(len(expected), len(found))


def _named(report: Report, shapes: dict[str, _Shape], there: Collection[str]) -> dict[str, _Shape]:
    naming = report.graph.naming
    if naming is None:
        return shapes
    known = {}
    for name, shape in shapes.items():
        theirs = library_shapes(naming, {name: shape}, there) if naming.knows(name) else {}
        known.update(theirs)
    return known


def _mismatches(
    found: Mapping[str, StoredTensor], expected: Mapping[str, _Shape], optional: Mapping[str, _Shape]
) -> tuple[list[Mismatch], int]:
    """Return a mismatch for each tensor that differs, and how many are the same."""
    mismatches, matching = [], 0
    for name, shape in expected.items():
        weight = found.get(name)
        if weight is None:
            mismatches.append(Mismatch("missing", (name,), shape, None))
        elif _is_of(weight, shape):
            matching += 1
        else:
            mismatches.append(Mismatch("size", (name,), shape, _shape(weight)))
    for name, weight in found.items():
        if name in expected:
            continue
        if name in optional:
            if not _is_of(weight, optional[name]):
                mismatches.append(Mismatch("size", (name,), optional[name], _shape(weight)))
        elif weight.params or weight.shares:
            mismatches.append(Mismatch("extra", (name,), None, _shape(weight)))
    return _joined(mismatches), matching


def _tied_copies(found: Mapping[str, StoredTensor], own: Collection[str]) -> set[str]:
    """Return the tensors that the network has not, and that are wholly the elements of one which it has."""
    shapes = {weight.name: weight.shape for weight in found.values()}
    groups: dict[str, list[str]] = {}
    for name, weight in found.items():
        holder = weight.shares or weight.name
        if shapes.get(holder) == weight.shape:
            groups.setdefault(holder, []).append(name)
    tied = [names for names in groups.values() if any(name in own for name in names)]
    return {name for names in tied for name in names if name not in own}


def _shape(weight: StoredTensor) -> _Shape:
    """Return the sizes of a weight; its elements in one axis where its sizes are not in the header."""
    return (weight.params,) if weight.shape is None else weight.shape


def _is_of(weight: StoredTensor, shape: _Shape) -> bool:
    """Return whether a weight has these sizes; packed experts may have their last axes swapped, as in gpt-oss."""
    if weight.shape is None:
        return weight.params == prod(shape)
    is_swapped = weight.dtype == "MXFP4" and (*weight.shape[:-2], *weight.shape[:-3:-1]) == shape
    return weight.shape == shape or is_swapped


def _joined(mismatches: list[Mismatch]) -> list[Mismatch]:
    """Return the mismatches, with the parts of one module that are one tensor on the other side as one."""
    modules: dict[tuple[str, str], tuple[list[Mismatch], list[Mismatch]]] = {}
    for one in mismatches:
        name = one.names[0].rsplit(".", 2)
        if one.kind != "size" and len(name) > 1:
            modules.setdefault((name[0], name[-1]), ([], []))[one.kind == "extra"].append(one)
    gone: set[str] = set()
    found = []
    for missing, extra in modules.values():
        for kind, wholes, singles in (("joined", extra, missing), ("divided", missing, extra)):
            for whole in wholes:
                own = _parts_of(whole, [part for part in singles if part.names[0] not in gone])
                if own:
                    names = tuple(part.names[0] for part in own)
                    gone.update((whole.names[0], *names))
                    found.append(whole._replace(kind=kind, others=names))
    return [*[one for one in mismatches if one.names[0] not in gone], *found]


_PARTS = (2, 3)
"""How many tensors may be one: gate and up; queries, keys and values."""


def _parts_of(whole: Mismatch, parts: Sequence[Mismatch]) -> Sequence[Mismatch]:
    """Return the tensors that follow one another and have the elements of one; none if there are no such."""
    size = prod(whole.expected or whole.found or ())
    sizes = [prod(part.expected or part.found or ()) for part in parts]
    for count in _PARTS:
        for start in range(len(parts) - count + 1):
            if size and sum(sizes[start : start + count]) == size:
                return parts[start : start + count]
    return ()


def _pattern(name: str) -> str:
    return re.sub(r"(?<![^.])\d+(?![^.])", "*", name)


def _folded(mismatches: Iterable[Mismatch]) -> list[Mismatch]:
    """Return the mismatches with those that differ in numbers of names alone as one."""
    groups: dict[Any, list[Mismatch]] = {}
    for one in mismatches:
        key = (one.kind, _pattern(one.names[0]), one.reason, one.expected, one.found, tuple(map(_pattern, one.others)))
        groups.setdefault(key, []).append(one)
    return [own[0]._replace(names=tuple(name for one in own for name in one.names)) for own in groups.values()]


def _with_hints(mismatches: list[Mismatch], report: Report) -> list[Mismatch]:
    """Return the mismatches with hints: which variable a size is, which extra tensor a missing one may be."""
    extra = {one.pattern: one for one in mismatches if one.kind == "extra"}
    hints = []
    for one in mismatches:
        hint = ""
        if one.kind == "size" and one.expected and one.found:
            hint = _on_sizes(one.expected, one.found, report)
        elif one.kind == "missing" and extra and not one.reason and len(mismatches) <= _MOST_NAMES:
            hint = _near(one, extra)
        hints.append(one._replace(hint=hint))
    return hints


def _on_sizes(expected: _Shape, found: _Shape, report: Report) -> str:
    """Return how sizes differ: transposed, or in one axis, with the variable of the network that it is."""
    if expected == found[::-1]:
        return "transposed"
    if prod(expected) == prod(found):
        return "the same elements in other axes"
    if len(expected) != len(found):
        return f"{len(found)} axes instead of {len(expected)}"
    axes = [axis for axis, (wanted, held) in enumerate(zip(expected, found, strict=True)) if wanted != held]
    words = []
    for axis in axes:
        names = [
            name for name, value in report.graph.variables.items() if value == expected[axis] and value is not True
        ]
        variable = f" ({names[0]})" if len(names) == 1 else ""
        words.append(f"axis {axis}: {found[axis]:,} instead of {expected[axis]:,}{variable}")
    return ", ".join(words)


def _near(missing: Mismatch, extra: Mapping[str, Mismatch]) -> str:
    """Return the hint for a missing tensor: an extra one of its sizes, of the nearest name."""
    from shapecalc.suggestions import meant_word

    alike = {name: one for name, one in extra.items() if one.found == missing.expected}
    near = meant_word(missing.pattern, dict.fromkeys(alike)) if alike else ""
    if not near:
        bare = missing.pattern.rpartition(".")[0]
        near = next((name for name in alike if name.rpartition(".")[0] == bare), "")
    return f"is it {near}?" if near else ""
