"""What is written below a feature map: its layer, the window, what follows it, the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.renderers.cells import UNKNOWN, show_size
from shapecalc.renderers.pictures.cards import params_text
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.scene import Label
from shapecalc.text.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.renderers.pictures.volumes.maps import FeatureMap

__all__ = ["LINE", "caption_of", "title_of"]

LINE = 13.0
"""The distance of lines."""
_ROOM = 104.0
_PARTS = 20
_NAME, _SMALL = 11.0, 9.5


def caption_of(one: FeatureMap, key: str) -> list[Label]:
    """Return the lines of a caption, from its top at the origin, around their middle."""
    lines = [_short(clean(one.name)), *[fitted(text, _SMALL, _ROOM) for text in _details(one)], *_count(one)]
    labels = []
    for number, text in enumerate(lines):
        size, color = (_SMALL, "quiet") if number else (_NAME, "ink")
        labels.append(
            Label(0, (number + 1) * LINE - 3, text, size, "middle", color, bold=not number, key=f"caption {key}")
        )
    return labels


def _short(name: str) -> str:
    """Return a name that fits: without the first blocks that it is in, or without its middle."""
    parts = name.split(".")
    shorter = [name, *[f"…{'.'.join(parts[number:])}" for number in range(1, min(len(parts), _PARTS))]]
    fitting = (text for text in shorter if text_width(text, _NAME, bold=True) <= _ROOM)
    return next(fitting, fitted(shorter[-1], _NAME, _ROOM, bold=True))


def _details(one: FeatureMap) -> Iterator[str]:
    if one.line is None:
        yield "input"
        return
    kind = clean(one.line.kind)
    axes = one.window if not one.line.is_block else ()
    if axes:
        kernel = show_size([axis.kernel for axis in axes])
        strides = [axis.stride for axis in axes]
        stride = show_size(strides if len(set(strides)) > 1 else strides[:1])
        kind += f" {kernel}" + (f" /{stride}" if stride != "1" else "")
    yield kind
    more = [clean(line.name if line.is_block else line.kind) for line in one.merged]
    if more:
        yield "+ " + ", ".join(dict.fromkeys(more))


def _count(one: FeatureMap) -> Iterator[str]:
    """Yield the number of parameters, which is never cut, or whose parameters its layers share."""
    if one.params is None:
        yield f"{UNKNOWN} params"
    elif one.params:
        yield f"{show_count(one.params)} param{'' if one.params == 1 else 's'}"
    else:
        shared = [params_text(line.rows) for line in (one.line, *one.merged) if line]
        yield from [fitted(text, _SMALL, _ROOM) for text in shared if text][:1]


def title_of(one: FeatureMap, sizes: str) -> str:
    """Return all about a map, for a pointer that rests on it."""
    return " · ".join([one.name, sizes, *_details(one), *_count(one)])
