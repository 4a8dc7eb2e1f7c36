"""A list, such as that of the bundled networks, as a table that fits the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.escaping import clean
from shapecalc.renderers.blocks import Note, Table, draw_blocks
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import PROSE, cell_width, cut_off

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["ListedNetwork", "draw_networks", "listing"]

_GAP = 3
_MINIMUM = 10
"""The minimum width of a text that is cut."""


class ListedNetwork(NamedTuple):
    """One entry of the list of bundled networks."""

    name: str
    title: str
    family: str
    task: str
    inputs: dict[str, tuple[int, ...]]
    params: int
    macs: int
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return the network in the form of the JSON contract."""
        return {**self._asdict(), "inputs": {name: list(sizes) for name, sizes in self.inputs.items()}}


def draw_networks(
    networks: Sequence[ListedNetwork], format_: str, width: int | None = None, *, color: bool = False
) -> str:
    """Return the list of bundled networks: as text within 100 columns where no width is given, as prose is."""
    rows = [(n.name, _inputs(n), f"{n.params:,}", f"{n.macs:,}", n.task, n.source) for n in networks]
    headings = ("name", "input", "params", "MACs", "task", "source")
    room = (width or PROSE) if format_ == "text" else None
    table = listing(headings, rows, numbers=(2, 3), spare=(5, 4), cut=(1, 4), width=room)
    left_out = [heading for heading in headings if heading not in table.headings]
    notes = [Note(f"Left out: {' and '.join(left_out)}; --format json and markdown have all.")] if left_out else []
    return draw_blocks([table, *notes], format_, room, color=color)


def _inputs(network: ListedNetwork) -> str:
    """Return the sizes of the inputs; several alike are counted."""
    shown = [show_size(sizes) for sizes in network.inputs.values()]
    return f"{len(shown)} of {shown[0]}" if len(shown) > 1 and len(set(shown)) == 1 else ", ".join(shown)


def listing(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    spare: Sequence[int] = (),
    cut: Collection[int] = (),
    width: int | None = None,
) -> Table:
    """Return a table of texts: the columns with indices in `numbers` are right-aligned.

    `width` is the terminal's columns; None is unlimited. On a narrower one the columns `spare` are left out, in that
    order, and those in `cut` and the last one are cut; numbers and names are never cut or wrapped.
    """
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = {
        i: max(cell_width(cell) for cell in (heading, *(row[i] for row in rows))) for i, heading in enumerate(headings)
    }
    cut = {*cut, len(headings) - 1}.difference(numbers)
    if width is not None:
        widths = _widths_that_fit(widths, spare, cut, width)
    lines = [TableLine([cut_off(row[index], room) for index, room in widths.items()]) for row in (headings, *rows)]
    heading, *body = lines
    kept = list(widths)
    to_the_right = [kept.index(index) for index in numbers if index in widths]
    return Table(heading.cells, body, numbers=to_the_right, gap=_GAP)


def _widths_that_fit(widths: Mapping[int, int], spare: Sequence[int], cut: set[int], room: int) -> dict[int, int]:
    """Return the columns that are shown, with the width of each."""
    kept = dict(widths)
    for index in (*spare, None):
        shortest = {i: min(width, _MINIMUM) if i in cut else width for i, width in kept.items()}
        if _total(shortest) <= room or index is None:
            break
        del kept[index]
    for index in sorted(cut.intersection(kept), reverse=True):
        beyond = _total(kept) - room
        if beyond > 0:
            kept[index] = max(kept[index] - beyond, min(kept[index], _MINIMUM))
    return kept


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
