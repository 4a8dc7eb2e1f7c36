"""The boxes of the graph: what is written on each, and how large it is."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.exporters.chart import is_unused
from shapecalc.model.rows import sum_rows
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.palette import group_of
from shapecalc.renderers.pictures.scene import Label, Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.model.rows import Row
    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["CardText", "common_width", "of_rows", "of_terminal", "params_text"]

_SIZE = 12.0
_SMALL = 11.0
_PAD = 10.0
_GAP = 12.0
_NARROWEST = 132.0
_WIDEST = 236.0
_WIDEST_SIZE = 520.0
"""A box is as wide as its size needs, up to here."""

_WIDEST_NAME = 300.0
"""Or as its name needs, up to here."""

_BESIDE = 130.0
"""The room that parameters keep beside a long size."""

_ONE_LINE = 26.0
_TWO_LINES = 44.0
_LINE = 15.0
_STACKED = 4.0
_WORD = re.compile(r"[._ ]*[^._ ]+|.")
_MOST_WORDS = 24
_FEW = 7  # letters of a name that is cut: what so few are of can only be guessed


class CardText(NamedTuple):
    """What is written on a box: `kind name` above `size params`, or all on one line without parameters.

    Below them are lines of their own: `mark`, what tells it apart from those beside it, and `sized_by`, of which
    tensors it uses only the sizes. `fill` is the role of its colour; `copies` is how many it stands for: it has the
    parameters of each; `title` is all of it, for a pointer.
    """

    fill: str
    kind: str
    name: str
    size: str
    params: str
    title: str
    mark: str = ""
    copies: int = 1
    is_small: bool = False
    is_terminal: bool = False
    is_unknown: bool = False
    sized_by: str = ""

    @property
    def height(self) -> float:
        """The height of the box, with the edges of those behind it."""
        lines = (_TWO_LINES if self.params else _ONE_LINE) + _LINE * len(self._below)
        return lines + (_STACKED if self.copies > 1 else 0)

    @property
    def _below(self) -> dict[str, str]:
        """The lines below its size."""
        return {what: text for what, text in (("mark", self.mark), ("sized", self.sized_by)) if text}

    @property
    def natural_width(self) -> float:
        """The width at which nothing is cut."""
        above = text_width(self._head, _SIZE, bold=True) + (_GAP + text_width(self.name, _SMALL) if self.name else 0)
        below = text_width(self.size, _SIZE) + (_GAP + text_width(self.params, _SMALL) if self.params else 0)
        wide = max(above, below) if self.params else above + _GAP + below
        return self._around + max([wide, *[text_width(text, _SMALL) for text in self._below.values()]])

    @property
    def _least_width(self) -> float:
        """The width at which its size is not cut."""
        return self._around + text_width(self.size, _SIZE) + _GAP + self._beside

    @property
    def _beside(self) -> float:
        """The room that what is beside the size keeps."""
        wanted = text_width(self.params, _SMALL) if self.params else text_width(self._head, _SIZE, bold=True)
        if self.is_terminal and self.name:
            wanted += _GAP + text_width(self.name, _SMALL)
        return min(wanted, _BESIDE)

    @property
    def _around(self) -> float:
        return 2 * _PAD + (_STACKED if self.copies > 1 else 0)

    @property
    def _head(self) -> str:
        return f"{self.kind} ×{self.copies:,}" if self.copies > 1 else self.kind

    def width(self, common: float) -> float:
        """The width of the box where most have a common one."""
        least = min(self._least_width, _WIDEST_SIZE)
        if self.is_small or self.is_terminal:
            return _even(max(min(self.natural_width, _WIDEST), least))
        natural = (self._replace(name="") if self._is_numbered else self).natural_width
        return max(common, _even(max(least, min(natural, _WIDEST_NAME))))

    def marks(self, x: float, y: float, width: float, height: float, key: str) -> Iterator[Mark]:
        """Yield the box and its texts at a place."""
        if self.copies > 1:
            yield Rectangle(x, y, width, height, key=f"stacked {key}", stroke="")
            behind = x + _STACKED, y + _STACKED, width - _STACKED, height - _STACKED
            yield Rectangle(*behind, self.fill, "ink", 3.0)
            width, height = width - _STACKED, height - _STACKED
        radius = height / 2 if self.is_terminal else 3.0
        yield Rectangle(x, y, width, height, self.fill, "ink", radius, 1.0, self.is_unknown, self.title, f"box {key}")
        left, right, room = x + _PAD, x + width - _PAD, width - 2 * _PAD
        height -= _LINE * len(self._below)
        for number, (what, text) in enumerate(self._below.items()):
            words = _fitted(text, _SMALL, room)
            yield Label(left, y + height + 7.0 + _LINE * number, words, _SMALL, color="soft", key=f"{what} {key}")
        base = y + (17.0 if self.params else height / 2 + 4.2)
        size = _fitted(self.size, _SIZE, room - _GAP - self._beside)
        if self.params:
            yield Label(left, y + 34.0, size, _SIZE, key=f"size {key}")
            params = _whole_words(self.params, _SMALL, room - _GAP - text_width(size, _SIZE))
            yield Label(right, y + 34.0, params, _SMALL, "right", "ink", key=f"params {key}")
        else:
            yield Label(right, base, size, _SIZE, "right", key=f"size {key}")
            room -= text_width(size, _SIZE) + _GAP
        head = _fitted(self._head, _SIZE, room, bold=True)
        yield Label(left, base, head, _SIZE, bold=True, key=f"kind {key}")
        beside = text_width(head, _SIZE, bold=True)
        room -= beside + _GAP
        if name := self._shown_name(room):
            if self.params:
                yield Label(right, base, name, _SMALL, "right", "soft", key=f"name {key}")
            else:
                yield Label(left + beside + 6.0, base, name, _SMALL, "left", "soft", key=f"name {key}")

    def _shown_name(self, room: float) -> str:
        """Return the name, cut if it has to be; none if it is the kind with a number, or few letters are left."""
        shown = _whole_words(self.name, _SMALL, room)
        return shown if shown == self.name or (len(shown) > _FEW and not self._is_numbered) else ""

    @property
    def _is_numbered(self) -> bool:
        """Whether its name is its kind with a number."""
        return self.name.removeprefix(self.kind).isdigit()


def common_width(cards: Iterable[CardText]) -> float:
    """Return the width of most boxes: that of the widest, within limits."""
    natural = [card.natural_width for card in cards if not card.is_small and not card.is_terminal]
    return _even(min(max(natural, default=_NARROWEST), _WIDEST))


def of_terminal(name: str, size: Sequence[object], word: str) -> CardText:
    """Return the box of an input or an output of the network."""
    shown = show_size(size)
    return CardText("input", word, clean(name) if name != word else "", shown, "", f"{word} {clean(name)} {shown}",
                   is_terminal=True)  # fmt: skip


def of_rows(
    rows: Sequence[Row], name: str, kind: str, title: str, copies: int, *, is_block: bool, outputs: Sequence[str] = (),
    mark: str = "",
) -> CardText:  # fmt: skip
    """Return the box of a layer, of a block, or of several copies of either: the layers are those of one copy.

    `outputs` are the sizes of what leaves a block, without which they are those of its last layer; `mark` is what tells
    it apart from those beside it.
    """
    last = rows[-1]
    is_stored = all(map(is_unused, rows))
    size = "not used" if is_stored else ", ".join(outputs or [show_size(one) for one in last.output_shapes])
    fill = "collapsed" if is_block else group_of(last.node.layer)
    is_merge = fill == "merges" and not last.params
    params = params_text(rows, copies)
    return CardText(
        fill, clean(kind) or "?", "" if is_merge or _is_glued(name, kind, last) else clean(name), size, params,
        " · ".join(part for part in (clean(title), clean(kind), mark, size, params) if part), mark, copies, is_merge,
        is_unknown=any(row.is_unknown for row in rows),
    )  # fmt: skip


def params_text(rows: Sequence[Row], copies: int = 1) -> str:
    """Return the parameters of layers in words, of each copy where there are several; empty for none."""
    each = " each" if copies > 1 else ""
    if any(row.is_unknown for row in rows):
        return f"? params{each}"
    shared = next((row.shares for row in rows if row.shares and row.sizing.weight_shapes), "")
    params = sum_rows(tuple(rows)).params
    if params or not shared:
        return f"{count_noun(params, 'param')}{each}" if params else ""
    return f"weights of {clean(shared)}" if len(rows) == 1 else "shared params"


def _even(width: float) -> float:
    return 2.0 * ceil(width / 2)


def _is_glued(name: str, kind: str, row: Row) -> bool:
    """Return whether a name is the kind and a number, and says less than what is beside it: `relu61`, `activation1`."""
    is_default = name.removeprefix(row.kind).isdigit() and name.startswith(row.kind)
    return is_default and (kind != row.kind or kind[-1].isdigit())


def _whole_words(text: str, size: float, room: float) -> str:
    """Return a text that has room: with words left out of its middle, or letters if that is too little."""
    if text_width(text, size) <= room + 0.01:
        return text
    words = _WORD.findall(text)[:_MOST_WORDS]
    cuts = [(words[:start], words[end:]) for start in range(1, len(words)) for end in range(start + 1, len(words))]
    shorter = ["".join([*before, "…", "".join(after).lstrip("._ ")]) for before, after in cuts if before[-1] != " of"]
    fitting = [one for one in shorter if text_width(one, size) <= room]
    return max(fitting, key=len, default="") or _fitted(text, size, room)


def _fitted(text: str, size: float, room: float, *, bold: bool = False) -> str:
    return fitted(text, size, room + 0.01, bold=bold)
