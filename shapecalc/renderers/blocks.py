"""An answer as blocks (titles, tables, paragraphs, notes, lists, code), and blocks as text, Markdown and HTML.

One list of blocks has all three formats.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean, html, markdown
from shapecalc.renderers.drawing import TableLine, draw_html, draw_lines, draw_markdown, draw_texts
from shapecalc.text.cells import PROSE, wrap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = [
    "BLOCK_FORMATS",
    "Block",
    "Code",
    "Details",
    "Items",
    "Note",
    "Paragraph",
    "Table",
    "Title",
    "check_format",
    "draw_blocks",
]

BLOCK_FORMATS = ("text", "markdown", "html")
"""The formats that blocks are written in."""


class Title(NamedTuple):
    """The title of an answer, or of a part of it."""

    text: str


class Paragraph(NamedTuple):
    """A paragraph of text."""

    text: str


class Note(NamedTuple):
    """A note below an answer: as text, notes follow each other without blank lines."""

    text: str


class Items(NamedTuple):
    """A list of sentences."""

    texts: Sequence[str]


class Code(NamedTuple):
    """Lines that are kept as they are."""

    lines: Sequence[str]
    language: str = ""


class Table(NamedTuple):
    """A table: the columns with indices in `numbers` are right-aligned, `total` is under a rule at its end."""

    headings: Sequence[str]
    lines: Sequence[TableLine]
    total: Sequence[str] = ()
    numbers: Collection[int] = ()
    gap: int = 2


class Details(NamedTuple):
    """Blocks that a page shows when its title is clicked; text has all of them."""

    title: str
    blocks: Sequence[Block]


Block = Title | Paragraph | Note | Items | Code | Table | Details


def draw_blocks(blocks: Iterable[Block], format_: str, width: int | None = None, *, color: bool = False) -> str:
    """Return blocks as text, its prose within `width` cells; as Markdown; or as a fragment of HTML.

    Errors: `UsageError` for another format.
    """
    check_format(format_, BLOCK_FORMATS)
    if format_ == "markdown":
        return "\n\n".join(map(_markdown, blocks))
    if format_ == "html":
        return "\n".join(map(_html, blocks))
    room = width or PROSE
    drawn, last = "", None
    for block in blocks:
        gap = "\n" if isinstance(block, Note | Title) and isinstance(last, type(block)) else "\n\n"
        text = draw_blocks(_flat(block), format_, width, color=color) if isinstance(block, Details) else ""
        drawn += (gap if last is not None else "") + (text or _text(block, room, color=color))
        last = block
    return drawn


def _flat(details: Details) -> list[Block]:
    return [Title(details.title), *details.blocks]


def check_format(format_: str, formats: Sequence[str]) -> None:
    """Check that a format is one of these. Errors: `UsageError`, with the nearest."""
    if format_ not in formats:
        raise UsageError(Problem(f"there is no format {format_}", hint=did_you_mean(format_, formats)))


def _text(block: Block, width: int, *, color: bool) -> str:
    assert not isinstance(block, Details)
    if isinstance(block, Table):
        return draw_lines(
            block.headings, block.lines, total=block.total, numbers=block.numbers, gap=block.gap, color=color
        )
    if isinstance(block, Code):
        return "\n".join([f"   {clean(line)}" for line in block.lines])
    if isinstance(block, Items):
        return "\n".join([part for text in block.texts for part in wrap(f"- {clean(text)}", width, hang=2)])
    if isinstance(block, Title):
        lines = wrap(clean(block.text), width, hang=2)
        return "\n".join(draw_texts(lines, "bold") if color else lines)
    return "\n".join(wrap(clean(block.text), width))


def _markdown(block: Block) -> str:
    if isinstance(block, Table):
        lines = [*block.lines, TableLine(block.total, "bold")] if block.total else block.lines
        return draw_markdown(block.headings, lines, numbers=block.numbers)
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(block.lines))), default=0))
        return "\n".join([f"{fence}{block.language}", *map(clean, block.lines), fence])
    if isinstance(block, Items):
        return "\n".join([f"- {markdown(text)}" for text in block.texts])
    if isinstance(block, Details):
        inner = "\n\n".join(map(_markdown, block.blocks))
        return f"<details><summary>{html(block.title)}</summary>\n\n{inner}\n\n</details>"
    return f"**{markdown(block.text)}**" if isinstance(block, Title) else markdown(block.text)


def _html(block: Block) -> str:
    if isinstance(block, Table):
        return draw_html(block.headings, block.lines, total=block.total, numbers=block.numbers)
    if isinstance(block, Code):
        lines = "\n".join(map(html, block.lines))
        return f"<pre>{lines}</pre>"
    if isinstance(block, Items):
        return "\n".join(["<ul>", *[f"<li>{html(text)}</li>" for text in block.texts], "</ul>"])
    if isinstance(block, Details):
        inner = "\n".join(map(_html, block.blocks))
        return f"<details><summary>{html(block.title)}</summary>\n{inner}\n</details>"
    return f"<p><strong>{html(block.text)}</strong></p>" if isinstance(block, Title) else f"<p>{html(block.text)}</p>"
