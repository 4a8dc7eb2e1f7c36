"""How far the tests that search go: a little way in every run, further in CI."""

from __future__ import annotations

import pytest
from hypothesis import settings

__all__ = ["examples", "turns"]


def examples(times: float) -> settings:
    """Return the settings of a property that costs little (`times` above 1) or much (below): see `conftest`."""
    return settings(max_examples=max(2, round(times * settings.default.max_examples)))


def turns(few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize a search of its own by how many `turns` it takes: `few` always, `many` in CI."""
    return pytest.mark.parametrize("turns", [few, pytest.param(many, marks=pytest.mark.slow)])
