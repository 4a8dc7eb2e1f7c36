"""The inputs of an imported file: their sizes, dynamic dimensions, and where the batch is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import plain_of
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.importers.tensors import LOST, Batch
from shapecalc.layers.base.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AS_STATED", "NOWHERE", "SECOND", "InputSizes", "ValueInfo", "input_tensors"]

_LARGEST = 2**31


class ValueInfo(NamedTuple):
    """A tensor with the sizes that the file states: numbers, names of dimensions, "" for unknown; None for no sizes."""

    name: str
    dims: tuple[int | str, ...] | None
    type: int = 0


class InputSizes(NamedTuple):
    """The sizes of the inputs without the batch, and where that is; its size in the file; dynamic dimensions.

    `named` are the names of the batch's dimension; `unknown` are inputs without a size; `are_others` is whether a size
    is another than the file's own.
    """

    inputs: dict[str, tuple[Shape, Batch]]
    batch: int
    variables: dict[str, int]
    named: frozenset[str]
    unknown: tuple[str, ...]
    are_others: bool

    def stated(self, info: ValueInfo | None) -> tuple[tuple[int, ...], bool] | None:
        """Return the sizes that the file states of a tensor, and whether its first is named as the batch is.

        None if not all of them are known.
        """
        if info is None or info.dims is None:
            return None
        first = info.dims[0] if info.dims else 0
        dims = [self.batch if size in self.named else self.variables.get(size, size) if isinstance(size, str) else size
                for size in info.dims]  # fmt: skip
        sizes = [size for size in dims if isinstance(size, int) and 0 <= size < _LARGEST]
        return (tuple(sizes), first in self.named) if len(sizes) == len(dims) else None


AS_STATED, SECOND, NOWHERE = "as stated", "second", "nowhere"
"""Where the batch may be: where names and operations say, or else the first axis; the second of three; nowhere."""


def input_tensors(
    infos: list[ValueInfo], axes: Mapping[str, int], variables: Mapping[str, Any],
    given: Mapping[str, tuple[Any, ...]], problems: list[Problem], name: str,
) -> InputSizes:  # fmt: skip
    """Return the sizes of these inputs, with given ones in place of the file's own. `axes` are those of the batch.

    Errors: `UsageError` for an input or a dimension that does not exist.
    """
    _check_names(infos, variables, given)
    only = {infos[0].name: given[""]} if "" in given and infos else {}
    sizes = {**only, **{key: value for key, value in given.items() if key}}
    named = frozenset(
        [size for info in infos if (at := axes[info.name]) >= 0 and isinstance(size := (info.dims or ())[at], str)]
    )
    known = {key: plain_of(value, f"the structure of {name}", _HINT) for key, value in variables.items()}
    are_others = _bind(infos, axes, sizes, known, name)
    batch = _batch_size(infos, axes)
    axes = {info.name: at if at >= 0 and _may_be_batch((info.dims or ())[at], batch) else -1
            for info in infos for at in (axes[info.name],)}  # fmt: skip
    found: dict[str, tuple[Shape, Batch]] = {}
    unknown = []
    for info in infos:
        shape = _shape(info, axes[info.name], sizes.get(info.name), known, problems, name)
        if shape is None:
            unknown.append(info.name)
        else:
            found[info.name] = (shape, Batch(axes[info.name], own=True) if axes[info.name] >= 0 else LOST)
    dynamic = {size for info in infos for size in info.dims or () if isinstance(size, str) and size} - named
    return InputSizes(
        found, batch, {key: known[key] for key in sorted(dynamic) if key in known}, named, tuple(unknown), are_others
    )


_HINT = "give sizes and variables their values: --input, --set"


def _bind(
    infos: list[ValueInfo], axes: Mapping[str, int], given: Mapping[str, Any], known: dict[str, int], name: str
) -> bool:
    """Note what dynamic dimensions are in given sizes; return whether a size is another than the file's own."""
    are_others = False
    for info in infos:
        own = [size for axis, size in enumerate(info.dims or ()) if axis != axes[info.name]]
        for stated, size in zip(own, given.get(info.name, ()), strict=False):
            plain = plain_of(size, f"the structure of {name}", _HINT)
            if isinstance(stated, str):
                known[stated] = plain
            elif plain != stated:
                are_others = True
    return are_others


def _check_names(infos: list[ValueInfo], variables: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    names = [info.name for info in infos]
    for key in given:
        if key and key not in names:
            raise UsageError(Problem(f"there is no input {key}", hint=did_you_mean(key, names)))
    if "" in given and len(names) > 1:
        size = "x".join(map(str, given[""]))
        raise UsageError(Problem(f"name the input that is {size}: {', '.join(names)}", hint=f"write {names[0]}={size}"))
    dimensions = dict.fromkeys(size for info in infos for size in info.dims or () if isinstance(size, str) and size)
    for key in variables:
        if key not in dimensions:
            hint = did_you_mean(key, dimensions, "all dimensions of its inputs are numbers")
            raise UsageError(Problem(f"there is no variable {key} to set", hint=hint))


def _batch_size(infos: list[ValueInfo], axes: Mapping[str, int]) -> int:
    """Return the size of the batch in the file: one for all inputs, or else 1."""
    found = set()
    for info in infos:
        at = axes[info.name]
        if at >= 0:
            size = (info.dims or ())[at]
            found.add(size if isinstance(size, int) else 1)
    only = found.pop() if len(found) == 1 else 1
    return only if 0 < only < _LARGEST else 1


def _may_be_batch(size: int | str, batch: int) -> bool:
    """Return whether the axis of this size may be that of the batch: it has its size, or is dynamic."""
    return isinstance(size, str) or size == batch


def _shape(
    info: ValueInfo,
    at: int,
    given: tuple[Any, ...] | None,
    known: Mapping[str, int],
    problems: list[Problem],
    name: str,
) -> Shape | None:
    """Return the size of an input without the batch; None for a problem."""
    sizes: list[Any] = [size for axis, size in enumerate(info.dims or ()) if axis != at]
    if given is not None:
        if info.dims is not None and len(given) != len(sizes):
            text, due = "x".join(map(str, given)), "x".join(str(size or "?") for size in sizes)
            raise UsageError(
                Problem(f"the input {info.name} has {len(sizes)} axes without the batch, {due}: not {text}")
            )
        sizes = [plain_of(size, f"the structure of {name}", _HINT) for size in given]
    elif info.dims is None:
        hint = f"give it: --input {info.name}=3x224x224, without the batch"
        problems.append(Problem(f"{name} does not state the size of its input {info.name}", hint=hint))
        return None
    sizes = [known.get(size, size) if isinstance(size, str) else size for size in sizes]
    missing = [size for size in sizes if not isinstance(size, int)]
    if missing:
        shown = "×".join(str(size) if isinstance(size, int) else str(size) or "?" for size in sizes)
        example = "x".join(str(size) if isinstance(size, int) else "224" for size in sizes)
        named = "".join([f" --set {one}=224" for one in dict.fromkeys(missing) if one])
        named = f", or{named}" if named else ""
        problems.append(
            Problem(
                f"the size of the input {info.name} of {name} is dynamic: {shown}",
                hint=f"give it: --input {example}{named}",
            )
        )
        return None
    wrong = next((size for size in sizes if not 1 <= size < _LARGEST), None)
    if wrong is not None:
        problems.append(Problem(f"the input {info.name} of {name} has an axis of the impossible size {wrong}"))
        return None
    return Shape(tuple(sizes), is_map=len(sizes) >= 3)
