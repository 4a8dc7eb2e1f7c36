"""How much random and exhaustive tests search: little in every run, more in CI."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from shapecalc.language.files import bundled_members

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FAMILIES", "FAMILY_ENDS", "NETWORKS", "WHOLE", "examples", "some", "turns"]


WHOLE = [True]
"""Whether this run may include `slow` tests: set by `conftest` before any test is collected."""


_MEMBERS = list(bundled_members())
FAMILIES = {path: [name for _, name in pairs] for path, pairs in groupby(_MEMBERS, lambda pair: pair[0])}
"""Every bundled file, with the names of its networks."""
NETWORKS = [name for _, name in _MEMBERS]
"""Every bundled network."""
FAMILY_ENDS = [members[i] for members in FAMILIES.values() for i in sorted({0, len(members) - 1})]
"""The first and the last network of every bundled file: what is drawn of those between them looks alike."""


def examples(times: float) -> settings:
    """Return the settings of a property that costs little (`times` above 1) or much (below): see `conftest`."""
    return settings(max_examples=max(2, round(times * settings.default.max_examples)))


def turns(few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize a search by its number of `turns`: `few` always, `many` in CI."""
    return pytest.mark.parametrize("turns", [few, pytest.param(many, marks=pytest.mark.slow)])


def some(values: Iterable[Any], few: int) -> list[Any]:
    """Return the values of a parameter with many similar ones: `few` of them always, all of them in CI."""
    every = list(values)
    quick = {i * len(every) // few for i in range(few)}
    if not WHOLE[0]:  # deselected tests are not even collected, which would take longer than many tests
        return [every[i] for i in sorted(quick)]
    return [
        value if i in quick else pytest.param(*(value if type(value) is tuple else (value,)), marks=pytest.mark.slow)
        for i, value in enumerate(every)
    ]
