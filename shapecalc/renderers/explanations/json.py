"""An explanation as JSON: `explanation.to_dict()`, the stable contract, with one line for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.renderers.json import write_contract

if TYPE_CHECKING:
    from shapecalc.questions.explain import Explanation

__all__ = ["draw"]


def draw(explanation: Explanation, width: int | None = None) -> str:  # noqa: ARG001  (the same for every format)
    """Return the explanation as JSON."""
    return write_contract(explanation.to_dict())
