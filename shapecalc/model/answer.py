"""The answer of a question renders itself: the only import upwards, to the renderers."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Answer"]


class Answer:
    """An answer that can be drawn in formats. `drawn_by` is the module of `renderers` that does so."""

    __slots__ = ()
    drawn_by: ClassVar[str] = ""

    def render(self, format: str, **options: Any) -> str:  # noqa: A002  (the option's own name)
        """Return the answer in a format; the options are those of its renderer. Errors: `UsageError`."""
        from shapecalc.renderers import show

        return show(self, format, **options)
