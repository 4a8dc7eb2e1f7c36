"""The inputs of an imported file: their sizes, dynamic dimensions, and where the batch is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import plain_of
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.importers.dimensions import fitting, size_of, solved, symbols_of
from shapecalc.importers.tensors import LOST, Batch
from shapecalc.layers.base.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["InputSizes", "ValueInfo", "called", "input_tensors", "shown_dims"]

_LARGEST = 2**31


class ValueInfo(NamedTuple):
    """A tensor with the sizes that the file states: numbers, names of dimensions, "" for unknown; None for no sizes.

    `example` is the size that a hint writes for one that is not stated.
    """

    name: str
    dims: tuple[int | str, ...] | None
    type: int = 0
    example: str = "3x224x224"


class InputSizes(NamedTuple):
    """The sizes of the inputs without the batch, and where that is; its size in the file; dynamic dimensions.

    `named` are the names of the batch's dimension; `unknown` are inputs without a size; `are_others` is whether a size
    is another than the file's own; `notes` are on batches that were given; `are_apart` is whether the axes that are
    read as the batch have several sizes, none of which is 1 or dynamic; `usual` are sizes for dynamic inputs.
    """

    inputs: dict[str, tuple[Shape, Batch]]
    batch: int
    variables: dict[str, int]
    named: frozenset[str]
    unknown: tuple[str, ...]
    are_others: bool
    notes: tuple[str, ...] = ()
    are_apart: bool = False
    usual: Mapping[str, tuple[int, ...]] = {}

    def dims(self, info: ValueInfo) -> list[int | str]:
        """Return the sizes that the file states of a tensor, with those of dynamic dimensions that are known."""
        return [size_of(size, self.variables) for size in info.dims or ()]

    def stated(self, info: ValueInfo | None) -> tuple[tuple[int, ...], bool] | None:
        """Return the sizes that the file states of a tensor, and whether its first is named as the batch is.

        None if not all of them are known.
        """
        if info is None or info.dims is None:
            return None
        first = info.dims[0] if info.dims else 0
        dims = [self.batch if size in self.named else size_of(size, self.variables) for size in info.dims]
        sizes = [size for size in dims if isinstance(size, int) and 0 <= size < _LARGEST]
        return (tuple(sizes), first in self.named) if len(sizes) == len(dims) else None


def input_tensors(
    infos: list[ValueInfo], axes: Mapping[str, int], variables: Mapping[str, Any],
    given: Mapping[str, tuple[Any, ...]], problems: list[Problem], name: str, others: Iterable[str] = (),
) -> InputSizes:  # fmt: skip
    """Return the sizes of these inputs, with given ones in place of the file's own. `axes` are those of the batch.

    `others` are further names that could be set. Errors: `UsageError` for an input or a dimension that does not exist.
    """
    _check_names(infos, variables, given, others)
    found_sizes = _batch_sizes(infos, axes)
    only_size = next(iter(found_sizes)) if len(found_sizes) == 1 else 1
    batch = only_size if 0 < only_size < _LARGEST else 1
    known = {key: plain_of(value, f"the structure of {name}", _HINT) for key, value in variables.items()}
    only = {infos[0].name: given[""]} if "" in given and infos else {}
    sizes, notes = _without_batch(infos, axes, {**only, **{key: value for key, value in given.items() if key}}, batch)
    named = frozenset(
        [size for info in infos if (at := axes[info.name]) >= 0 and isinstance(size := (info.dims or ())[at], str)]
    )
    notes += [_note(known[key]) for key in sorted(named) if known.get(key, 1) > 1]
    are_others = _bind(infos, axes, sizes, known, name)
    axes = {info.name: at if at >= 0 and _may_be_batch((info.dims or ())[at], batch) else -1
            for info in infos for at in (axes[info.name],)}  # fmt: skip
    found: dict[str, tuple[Shape, Batch]] = {}
    unknown = []
    dynamic: dict[str, list[int | str]] = {}
    for info in infos:
        shape = _shape(info, axes[info.name], sizes.get(info.name), known, problems, name, dynamic)
        if shape is None:
            unknown.append(info.name)
        else:
            found[info.name] = (shape, Batch(axes[info.name], own=True) if axes[info.name] >= 0 else LOST)
    usual = _usual(dynamic)
    if dynamic:
        problems.append(_dynamic(dynamic, usual, known, name, is_only=len(infos) == 1))
    own = {key: known[key] for key in sorted(known) if key not in named}
    are_apart = len(found_sizes) > 1 and 1 not in found_sizes
    return InputSizes(
        found, batch, own, named, tuple(unknown), are_others, tuple(dict.fromkeys(notes)), are_apart, usual
    )


_HINT = "give sizes and variables their values: --input, --set"


def _settable(size: int | str) -> tuple[str, ...]:
    """Return the variables of a dimension that can be set: those of an expression, or its own name."""
    return (symbols_of(size) or (size,)) if isinstance(size, str) and size else ()


def _note(batch: int) -> str:
    return f"the given batch of {batch:,} is left out: --batch {batch} multiplies MACs and bytes by it"


def _without_batch(
    infos: Sequence[ValueInfo], axes: Mapping[str, int], given: Mapping[str, Sequence[Any]], batch: int
) -> tuple[dict[str, tuple[Any, ...]], list[str]]:
    """Return given sizes without the batch, which may be written with it or without; and notes on those left out."""
    found, notes = {}, []
    for info in infos:
        if info.name not in given:
            continue
        sizes, at = tuple(given[info.name]), axes[info.name]
        if at >= 0 and len(sizes) == len(info.dims or ()):
            own, sizes = sizes[at], (*sizes[:at], *sizes[at + 1 :])
            if type(own) is int and own not in (1, batch):
                notes.append(_note(own))
        found[info.name] = sizes
    return found, notes


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
                symbol, value = solved(stated, plain) or (stated, plain)
                if known.get(symbol, value) != value and symbol != stated:  # another input has another size
                    symbol, value = stated, plain
                known.update({symbol: value} if stated else {})  # without a name it is no other's
            elif plain != stated:
                are_others = True
    return are_others


def _check_names(
    infos: list[ValueInfo], variables: Mapping[str, Any], given: Mapping[str, Any], others: Iterable[str]
) -> None:
    names = [info.name for info in infos]
    for key in given:
        if key and key not in names:
            raise UsageError(Problem(f"there is no input {key}", hint=did_you_mean(key, names)))
    if "" in given and len(names) > 1:
        size = "x".join(map(str, given[""]))
        raise UsageError(Problem(f"name the input that is {size}: {', '.join(names)}", hint=f"write {names[0]}={size}"))
    known = dict.fromkeys(symbol for info in infos for size in info.dims or () for symbol in _settable(size))
    known.update(dict.fromkeys(others))
    for key in variables:
        if key not in known:
            hint = did_you_mean(key, known, "all dimensions of its inputs are numbers")
            raise UsageError(Problem(f"there is no variable {key} to set", hint=hint))


def _batch_sizes(infos: list[ValueInfo], axes: Mapping[str, int]) -> set[int]:
    """Return the sizes of the batch in the file, 1 for a dynamic one: one for all inputs, if it is found."""
    sizes = [(info.dims or ())[axes[info.name]] for info in infos if axes[info.name] >= 0]
    return {size if isinstance(size, int) else 1 for size in sizes}


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
    dynamic: dict[str, list[int | str]],
) -> Shape | None:
    """Return the size of an input without the batch; None for a problem, or for one that is still `dynamic`."""
    own: list[Any] = [size for axis, size in enumerate(info.dims or ()) if axis != at]
    if given is not None:
        if info.dims is not None and len(given) != len(own):
            raise UsageError(_other_rank(info, at, own, given))
        plain = [plain_of(size, f"the structure of {name}", _HINT) for size in given]
        _check_layout(info, own, plain)
        own = plain
    elif info.dims is None:
        call = f'(input={{"{info.name}": "{info.example}"}} in Python)'
        hint = f"give it: --input {info.name}={info.example} {call}, without the batch"
        problems.append(Problem(f"{name} does not state the size of its input {info.name}", hint=hint))
        return None
    sizes = [size_of(size, known) for size in own]
    if any(isinstance(size, str) for size in sizes):
        dynamic[info.name] = sizes
        return None
    whole = [size for size in sizes if isinstance(size, int)]
    wrong = next((size for size in whole if not 1 <= size < _LARGEST), None)
    if wrong is not None:
        problems.append(Problem(f"{called(info.name)} of {name} has an axis of the impossible size {wrong}"))
        return None
    return Shape(tuple(whole), is_map=len(whole) >= 3)


def called(name: str) -> str:
    """Return what an input is called in errors: `the input x`, and one that is named so just `the input`."""
    return "the input" if name == "input" else f"the input {name}"


def shown_dims(sizes: Sequence[Any], sign: str = "×") -> str:
    """Return sizes that may be expressions of dimensions as a text."""
    words = [str(size).replace("*", "·") or "?" for size in sizes]
    return sign.join([f"({one})" if " + " in one or " - " in one else one for one in words]) or "a scalar"


def _other_rank(info: ValueInfo, at: int, own: Sequence[Any], given: Sequence[Any]) -> Problem:
    """Return the problem of a given size with another number of axes."""
    with_batch = f", or with it {shown_dims(info.dims or ())}" if at >= 0 else ""
    which = "without the batch " if at >= 0 else ""
    return Problem(f"{called(info.name)} is {which}{shown_dims(own)}{with_batch}: not {shown_dims(given)}")


def _check_layout(info: ValueInfo, own: Sequence[int | str], given: Sequence[int]) -> None:
    """Check that given sizes are not in the other layout: 3x224x224 where the file states ?×?×3. Errors: `UsageError`.

    They are if they agree with more of the file's own sizes once their first axis is the last, or their last the first.
    """

    def agreement(sizes: Sequence[int]) -> int:
        return sum(size == stated for size, stated in zip(sizes, own, strict=False))

    best = max([*given[1:], *given[:1]], [*given[-1:], *given[:-1]], key=agreement)
    if agreement(best) > agreement(given):
        message = f"{called(info.name)} is {shown_dims(own)} in the file, not {shown_dims(given)}"
        raise UsageError(Problem(message, hint=f"did you mean {shown_dims(best, 'x')}?"))


def _usual(inputs: Mapping[str, Sequence[int | str]]) -> dict[str, tuple[int, ...]]:
    """Return sizes that inputs with dynamic dimensions may have."""
    return {
        key: tuple([one if isinstance(one, int) else fitting(one, _example(own, i))[0] for i, one in enumerate(own)])
        for key, own in inputs.items()
    }


_FRAMES = 16


def _example(own: Sequence[Any], axis: int) -> int:
    """Return a size that an axis may have: few where it may be that of the frames of a clip."""
    if len(own) >= 4 and axis < 2:
        return _FRAMES
    return 224 if len(own) >= 3 else 128


def _dynamic(
    inputs: Mapping[str, Sequence[int | str]],
    sizes: Mapping[str, Sequence[int]],
    known: Mapping[str, int],
    name: str,
    *,
    is_only: bool,
) -> Problem:
    """Return the problem of inputs with dynamic dimensions, and how to give them; `is_only` is if there is no other."""
    usual: dict[str, int] = {}
    examples = {key: "x".join(map(str, found)) for key, found in sizes.items()}
    for own in inputs.values():
        values = dict(pair for i, one in enumerate(own) if isinstance(one, str)
                      for pair in fitting(one, _example(own, i))[1].items())  # fmt: skip
        usual = {**{symbol: value for symbol, value in values.items() if symbol not in known}, **usual}
    if is_only:
        (only,) = examples.values()
        hint = f'give it: --input {only} (input="{only}" in Python)'
    else:
        listed = ", ".join(f'"{key}": "{one}"' for key, one in examples.items())
        given = " ".join(f"--input {key}={one}" for key, one in examples.items())
        hint = f"give {'it' if len(inputs) == 1 else 'them'}: {given} (input={{{listed}}} in Python)"
    if usual and all(isinstance(one, int) or symbols_of(one) for own in inputs.values() for one in own):
        hint += f", or{''.join(f' --set {symbol}={size}' for symbol, size in usual.items())}"
    if len(inputs) > 1:
        every = ", ".join(f"{key} is {shown_dims(own)}" for key, own in inputs.items())
        return Problem(f"the sizes of inputs of {name} are dynamic: {every}", hint=hint)
    ((key, own),) = inputs.items()
    return Problem(f"the size of {called(key)} of {name} is dynamic: {shown_dims(own)}", hint=hint)
