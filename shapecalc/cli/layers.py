"""`shapecalc layers`: the kinds of layer, with their arguments, formulas and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import completed
from shapecalc.cli.output import emit, layout_of
from shapecalc.errors import Problem, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer

__all__ = ["command"]


@click.command(short_help="List the kinds of layer, or describe one.")
@click.argument("kinds", metavar="[KIND]...", nargs=-1, shell_complete=completed("kinds"))
@output_formats("text", "json", "markdown", "html")
def command(kinds: Sequence[str], format_: str, output: str | None) -> None:
    """List the kinds of layer, or show the arguments, formulas and examples of a KIND.

    Without a KIND, --format markdown, html and json describe all kinds in full.
    """
    from shapecalc.layers import KINDS
    from shapecalc.questions.explain.kinds import kind_of  # they load every family of kinds
    from shapecalc.renderers.answers import kinds as drawing
    from shapecalc.renderers.answers.examples import draw_examples_to_try

    width = layout_of(output, format_)["width"]
    if not kinds and format_ == "text":
        emit(drawing.draw_families(width), output)
        return
    found = [kind_of(_find(word)) for word in kinds] or [kind_of(cls) for cls in KINDS.values()]
    if format_ == "json":
        emit(drawing.draw_json(found), output, format_)
    elif format_ == "html":
        emit("\n".join(map(drawing.draw_html, found)), output, format_, "Kinds of layer")
    elif format_ == "markdown":
        emit("\n\n".join(map(drawing.draw_markdown, found)), output, format_)
    else:
        pages = [f"{drawing.draw_text(kind, width)}{draw_examples_to_try(KINDS[kind.name])}" for kind in found]
        emit("\n\n".join(pages), output)


def _find(word: str) -> type[Layer]:
    from shapecalc.layers import find_kind, kind_words

    cls = find_kind(word)
    if cls is None:
        hint = did_you_mean(word, kind_words, "`shapecalc layers` lists them", lists=False)
        raise UsageError(Problem(f"there is no kind of layer called {word}", hint=hint))
    return cls
