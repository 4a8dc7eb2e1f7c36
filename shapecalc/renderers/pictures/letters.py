"""The widths of letters in Helvetica, and in fonts made to its measure (Arial, Liberation Sans, Nimbus Sans).

Source: the metrics that Adobe published for Helvetica and Helvetica-Bold (Helvetica.afm, Helvetica-Bold.afm, version
002.000), in thousandths of the size. Writers fit each text into the width computed here, whatever font a reader has.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category

from shapecalc.escaping import clean
from shapecalc.text.cells import cell_width

__all__ = ["FONTS", "fitted", "text_width", "unstacked", "wrapped"]

FONTS = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif"
"""The fonts of pictures, as CSS has them."""

_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
"""From the blank to the tilde, in the order of ASCII."""

_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip

_OTHERS = {"×": 584, "·": 278, "−": 584, "–": 556, "—": 1000, "…": 1000, "≤": 549, "≥": 549, "→": 1000}
_CELL = 600  # of a letter that Helvetica lacks, or any other: what a cell of a terminal takes
_CELL_OF_WIDE = 520  # half of an ideograph, with a little room
_STACK = 3  # marks on a letter: Hebrew and Vietnamese have so many
_LONGEST = 2_000  # letters of a text that is wrapped


@lru_cache(4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text, in the unit of its size."""
    table = _BOLD if bold else _REGULAR
    thousandths = 0
    for character in text:
        code = ord(character) - 32
        if 0 <= code < len(table):
            thousandths += table[code]
        else:
            cells = cell_width(character)
            thousandths += _OTHERS.get(character) or cells * (_CELL_OF_WIDE if cells > 1 else _CELL)
    return thousandths * size / 1000


def fitted(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return a text with its middle left out if it is wider than the room."""
    if text_width(text, size, bold=bold) <= room:
        return text
    low, high = 0, min(len(text), int(room / size * 6) + 2)  # a letter is wider than a sixth of its size
    while low < high:
        kept = (low + high + 1) // 2
        if text_width(_cut(text, kept), size, bold=bold) <= room:
            low = kept
        else:
            high = kept - 1
    return _cut(text, low)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Return a text as lines that are no wider than this; a word that is wider has its middle left out."""
    lines: list[str] = []
    for word in clean(text)[:_LONGEST].split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(word, size, width))
    return lines


def unstacked(text: str) -> str:
    """Return a text without marks on top of more than three others, which would reach into the lines above it."""
    if text.isascii():
        return text
    kept: list[str] = []
    for character in text:
        is_mark = category(character) in ("Mn", "Me")
        if not (is_mark and len(kept) >= _STACK and all(category(one) in ("Mn", "Me") for one in kept[-_STACK:])):
            kept.append(character)
    return "".join(kept)


def _cut(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    return f"{text[:head]}…{text[len(text) - (kept - head) :]}"
