"""An explanation as text, JSON, Markdown, LaTeX or HTML.

Each format is one module of this folder, named as the format, with one function `draw(explanation, width) -> str`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.renderers import ALSO

if TYPE_CHECKING:
    from shapecalc.questions.explain import Explanation

__all__ = ["FORMATS", "render"]

FORMATS: tuple[str, ...] = ("text", "json", "markdown", "latex", "html")
"""Every format, and the module that draws it."""


def render(explanation: Explanation, format: str = "text", *, width: int | None = None) -> str:  # noqa: A002
    """Return an explanation in a format, without a line break at its end.

    `width` is the terminal's, for text: 80 columns if it is None. Errors: `UsageError` for an unknown format.
    """
    format = ALSO.get(format, format)  # noqa: A001
    if format not in FORMATS:
        raise UsageError(Problem(f"there is no format {format}", hint=did_you_mean(format, FORMATS)))
    drawn: str = import_module(f"shapecalc.renderers.explanations.{format}").draw(explanation, width)
    return drawn
