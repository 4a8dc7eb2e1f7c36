"""What to change where a network does not fit: options with which it needs less of flash or SRAM, each tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import UsageError
from shapecalc.questions.memory.small_devices.results import OptionChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.questions.memory.results import Memory

__all__ = ["changes_of"]

_FOLD: dict[str, Any] = {"fold_batch_norm": True}
_IN_PLACE: dict[str, Any] = {"in_place": "all,depthwise,residual"}
_PATCHES: dict[str, Any] = {"patches": "auto"}
_NARROW: dict[str, Any] = {"activations": 8}
_EXACT = (_IN_PLACE, {**_FOLD, **_IN_PLACE}, {**_FOLD, **_IN_PLACE, **_PATCHES})
_FOR_SRAM = (*_EXACT, *({**change, **_NARROW} for change in _EXACT))
_FOR_FLASH = tuple({**_FOLD, "weights": bits} for bits in (16, 8, 4))
"""What is tried, in this order, until it fits."""


def changes_of(found: Memory, options: Mapping[str, Any], place: Callable[..., Memory]) -> tuple[OptionChange, ...]:
    """Return for each budget that is not met the first change that meets it, or the one that needs the least.

    `place` returns the memory with other options.
    """
    if found.placement is None:
        return ()
    unmet = [("flash", _FOR_FLASH), ("sram", _FOR_SRAM)]
    tried = [
        _first(list(_tried(budget, tries, found, options, place)))
        for budget, tries in unmet
        if not getattr(found.placement, budget).fits
    ]
    return tuple([change for change in tried if change])


def _first(changes: Sequence[OptionChange]) -> OptionChange | None:
    return next((change for change in changes if change.fits), min(changes, key=lambda one: one.bytes, default=None))


def _tried(
    budget: str,
    tries: Sequence[Mapping[str, Any]],
    found: Memory,
    options: Mapping[str, Any],
    place: Callable[..., Memory],
) -> Iterator[OptionChange]:
    """Yield changes that need less than is needed now."""
    now = getattr(found.placement, budget).total
    for other in tries:
        if all(_is_given(options, name, value) for name, value in other.items()):
            continue
        try:
            changed = place(**{**options, **other})
        except UsageError:  # it contradicts another option, or no stage can run in patches
            continue
        assert changed.placement is not None
        part = getattr(changed.placement, budget)
        if part.total >= now:
            continue
        now = part.total
        yield OptionChange(budget, tuple(_written(options, other, changed)), part.total, part.fits)
        if part.fits:
            return


def _is_given(options: Mapping[str, Any], name: str, value: Any) -> bool:
    return str(options.get(name)) == str(value)


def _written(options: Mapping[str, Any], other: Mapping[str, Any], changed: Memory) -> Iterator[str]:
    """Yield the options of the command line that are new or other than they were."""
    for name, value in other.items():
        folds_none = changed.placement is not None and not changed.placement.folded
        if _is_given(options, name, value) or (name in _FOLD and folds_none):
            continue
        if name in _PATCHES and changed.patches:
            yield f"--patches {'x'.join(map(str, changed.patches.counts))}"
        else:
            yield f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
