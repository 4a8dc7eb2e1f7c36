"""What all charts have: a title of two lines above, and notes below, as wide as there is room."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.pictures.letters import fitted, text_width, wrapped
from shapecalc.renderers.pictures.scene import Dots, Label, Rectangle, Scene, outline_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["NOTE", "TEXT", "chart", "legend", "name_and_inputs"]

TEXT, NOTE = 11.0, 10.0
"""The sizes of the texts of charts, and of notes."""

_TITLE, _LINE = 15.0, 15.0


def chart(marks: Sequence[Mark], title: str, about: str, notes: Iterable[str] = ()) -> Scene:
    """Return the scene of a chart with a title, what it is about, and notes."""
    found = outline_of(marks)
    left = floor(found.left)  # so that what is at whole pixels stays there
    width = max(found.width, 360.0)
    above = wrapped(about, TEXT, width)
    y = found.top - 18 - _LINE * len(above)
    head = [Label(left, y, fitted(clean(title), _TITLE, width, bold=True), _TITLE, bold=True, key="title")]
    head += [
        Label(left, y + _LINE * (i + 1) + 2, line, TEXT, color="quiet", key="about") for i, line in enumerate(above)
    ]
    below = [line for note in notes for line in wrapped(note, NOTE, width)]
    foot = [
        Label(left, found.bottom + 22 + 14 * i, line, NOTE, color="quiet", key="note") for i, line in enumerate(below)
    ]
    return Scene.around([*head, *marks, *foot], clean(title), clean(about), margin=20)


def legend(entries: Iterable[tuple[str, str]], right: float, y: float, radius: float = 0.0) -> Iterator[Mark]:
    """Yield words with their colours, from the right end leftwards: dots with a radius, squares without one."""
    x = right
    for words, fill in entries:
        x -= text_width(words, NOTE)
        key = f"legend {fill}"
        yield Label(x, y, words, NOTE, color="quiet", key=key)
        yield (
            Dots(((x - 8, y - 3.5),), radius, fill, key=key)
            if radius
            else Rectangle(x - 14, y - 8, 9, 9, fill, "", key=key)
        )
        x -= 30


def name_and_inputs(name: str, inputs: Mapping[str, Sequence[int]], batch: int = 1) -> str:
    """Return the title of a chart of a network: its name and the sizes of its inputs."""
    sizes = [f"{clean(one)} {show_size(size)}" for one, size in inputs.items()]
    words = [clean(name), ", ".join(sizes), f"batch {batch:,}" if batch != 1 else ""]
    return " · ".join(filter(None, words))
