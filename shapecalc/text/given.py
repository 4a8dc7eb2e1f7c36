"""What a caller of the library passes: a string, a flag, a name or several, a mapping, numbers of numpy; checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shapecalc.errors import UsageError
from shapecalc.escaping import clean

__all__ = ["plain", "read_flag", "read_mapping", "read_names", "read_string", "short"]

_SHOWN = 60


def read_string(given: Any, what: str) -> str:
    """Return a string that is given as `what`. Errors: `UsageError` for anything else."""
    if not isinstance(given, str):
        raise UsageError(f"{what} must be a string, not {short(given)}")
    return given


def read_flag(given: Any, what: str) -> bool:
    """Return a yes or no that is given as `what`: True, False, or one of numpy. Errors: `UsageError` for anything else.

    1 and 0 are yes and no too.
    """
    if given is True or given is False:
        return given
    found = given if isinstance(given, (list, tuple)) else plain(given)
    if isinstance(found, int) and found in (0, 1):
        return bool(found)
    raise UsageError(f"{what} must be true or false, not {short(given)}")


def read_names(given: Any, what: str) -> tuple[str, ...]:
    """Return the names that are given as `what`: one alone, or several. Errors: `UsageError` for anything else."""
    if isinstance(given, str):
        return (given,)
    names = tuple(given) if _is_iterable(given) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{what} must be a name or a list of names, not {short(given)}")
    return names


def read_mapping(given: Any, what: str) -> dict[str, Any]:
    """Return a mapping of names that is given as `what`, empty for None. Errors: `UsageError` for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UsageError(f"{what} must be a mapping of names to values, not {short(given)}")
    return dict(given)


def plain(value: Any) -> Any:
    """Return numbers and arrays of numpy, alone or in lists, as Python's own; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    convert = getattr(value, "tolist", None)
    return convert() if callable(convert) and not isinstance(value, type) else value


def _is_iterable(given: Any) -> bool:
    """Return whether a value can be gone through: not so a numpy array of no axes, which claims to be."""
    return isinstance(given, Iterable) and getattr(given, "ndim", 1) > 0


def short(given: Any) -> str:
    """Return what is given as an error shows it: on one line, and not endless."""
    text = " ".join(clean(repr(given)).split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
