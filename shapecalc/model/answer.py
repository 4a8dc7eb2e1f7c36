"""The answer of a question renders itself: the only import upwards, to the renderers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.errors import MissingExtraError, Problem, UsageError
from shapecalc.escaping import clean

__all__ = ["Answer"]


class Answer:
    """An answer that displays itself: `print(answer)`, a table in a notebook, Markdown, JSON, a data frame. Immutable.

    `drawn_by` is the function of `renderers` that draws it, after its module (`answers.memory.draw_memory`); `table` is
    the list of `to_dict()` that is its table, for a data frame; `has_formulas` is whether a notebook displays Markdown,
    whose formulas all of them typeset, in place of HTML, whose formulas some do not.
    """

    __slots__ = ()
    drawn_by: ClassVar[str] = ""
    table: ClassVar[str] = ""
    has_formulas: ClassVar[bool] = False

    def __repr__(self) -> str:
        name = clean(getattr(self, "name", ""))
        return f"<{type(self).__name__}{f' of {name}' if name else ''}: print() shows it>"

    if not TYPE_CHECKING:  # which would find every attribute then

        def __getattr__(self, name: str) -> Any:
            """Raise the `AttributeError` of Python; of a sum, it says where that is: `report.total.params`."""
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in ("params", "macs", "trainable", "buffers") and hasattr(self, "total"):
                message += f": write .total.{name}"
            raise AttributeError(message)

    def __str__(self) -> str:
        return self.render()

    def render(self, format: str = "text", **options: Any) -> str:  # noqa: A002  (the option's own name)
        """Return the answer as text, json, markdown, html, or another of its formats; options are the renderer's.

        Errors: `UsageError` for a format or an option that it does not have.
        """
        from shapecalc.renderers import show  # a renderer is loaded when first used

        return show(self, format, **options)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        raise NotImplementedError

    def notes_to_dict(self) -> dict[str, Any]:
        """Return the key of `notes` in every JSON contract: what is valid but probably a mistake; empty without any."""
        notes = getattr(self, "notes", ())
        return {"notes": list(notes)} if notes else {}

    def to_markdown(self, **options: Any) -> str:
        """Return the answer as Markdown, its tables as GitHub reads them. Errors: as `render`."""
        return self.render("markdown", **options)

    def to_dataframe(self) -> Any:
        """Return the table of the answer as a pandas data frame, a column for each key of its JSON.

        Keys within keys are joined by dots: `arguments.kernel_size`. Errors: `MissingExtraError` without pandas,
        `UsageError` for an answer without a table.
        """
        if not self.table:
            raise UsageError(Problem(f"{type(self).__name__} has no table", hint="to_dict() has all of it"))
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("a data frame", "pandas", "dataframe") from None
        return pd.json_normalize(self.to_dict()[self.table])

    def draw(self, style: str = "", **options: Any) -> Any:
        """Return a picture of the answer, as `shapecalc draw` makes it: `report.draw("volumes").save("net.svg")`.

        `style` is that of `shapecalc draw --style`, by default the first that draws such an answer; options are those
        of the style. A notebook shows the picture.
        Errors: `UsageError` for an unknown style or option, or an answer that no style draws.
        """
        from shapecalc.renderers import picture_of  # loaded when first used

        return picture_of(self, style, **options)

    def _repr_html_(self) -> str | None:
        """Return the answer for a notebook; None where it displays Markdown, since it would prefer HTML to that."""
        return None if self.has_formulas else self.render("html")

    def _repr_markdown_(self) -> str | None:
        return self.render("markdown") if self.has_formulas else None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return the answer as text: for IPython's terminal, and where a notebook is shown without HTML."""
        return {"text/plain": str(self)}
