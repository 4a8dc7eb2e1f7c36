"""An explanation as plain text, laid out as in lecture notes: equations broken at equals signs, symbols explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.dims.notation import TEXT
from shapecalc.escaping import clean, join_lines
from shapecalc.questions.explain.items import KEPT, Bytes, Chain, Relation, SizesItem
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.explanations.page import broken, ending, legend, sections, title, totals
from shapecalc.text.cells import cell_width, prose_width, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.questions.explain import Explanation
    from shapecalc.questions.explain.items import ExplanationLine, Item

__all__ = ["draw", "text_lines"]

_WIDTH = 80
_WIDEST = 100
_INDENT = 2
_LABEL = 9


def draw(explanation: Explanation, width: int | None = None) -> str:
    """Return the explanation as text of at most `width` columns."""
    width = min(max(width or _WIDTH, 40), _WIDEST)
    several = len(explanation) > 1
    lines = [*wrap(title(explanation), width, hang=2), ""] if several else []
    lines += _wrapped(" ".join(legend(explanation)), width) if several else []
    for section in sections(explanation):
        lines += ["", *_heading(f"{section.name} · {section.kind}", section.sizes, width)]
        for paragraph in section.doc:
            lines += [*_wrapped(clean(paragraph), width), ""]
        lines += text_lines(section.lines, width)
    sums = totals(explanation)
    if sums:
        lines += ["", *_heading(ending(explanation), "", width), *text_lines(sums, width)]
    if not several:
        lines += ["", *_wrapped(" ".join(legend(explanation)), width)]
    for note in explanation.notes:
        lines += ["", *_wrapped(clean(note), width)]
    return join_lines(lines).strip("\n")


def _heading(words: str, sizes: str, width: int) -> list[str]:
    """Return the heading of a layer: its name and kind, and on the right its input and output sizes."""
    room = width - cell_width(words) - cell_width(sizes)
    if room >= 2:
        lines = [(words + " " * room + sizes).rstrip()]
    else:
        lines = [*wrap(words, width, hang=2), *[" " * _INDENT + part for part in wrap(sizes, width - _INDENT)]]
    return [*lines, "─" * width]


def _wrapped(text: str, width: int) -> list[str]:
    return [" " * _INDENT + part for part in wrap(text, width - _INDENT)] if text else []


def text_lines(lines: Iterable[ExplanationLine], width: int) -> list[str]:
    """Return lines with their labels, broken to fit a width."""
    found = []
    for line in lines:
        start = " " * _INDENT + line.label.ljust(_LABEL) + " "
        for part in _broken(line.items, width - len(start)):
            found.append((start + part).rstrip())
            start = " " * len(start)
    return found


def _broken(items: Sequence[Item], room: int) -> list[str]:
    """Return a line in parts that fit: equations broken before equals signs, prose between words."""
    first = items[0] if items else ""
    if isinstance(first, Chain) and len(first.trees) > 1:
        rest = "".join(map(_written, items[1:]))
        return _equation(first, rest, room)
    text = "".join([_kept(item, room - _INDENT) for item in items])
    parts = [text] if prose_width(text) <= room else wrap(text, room - _INDENT)
    return [(" " * _INDENT if i else "") + part.replace(KEPT, " ") for i, part in enumerate(parts)]


def _equation(chain: Chain, rest: str, room: int) -> list[str]:
    """Return an equation on one line, or with its rule on the first and the numbers below, equals signs aligned."""
    start = f"{chain.symbol} = " if chain.symbol else ""
    indent = " " * max(len(start) - 2, 0)
    lines: list[str] = []
    for sides in broken(chain, room, prose_width(rest)):
        lines.append((f"{indent}= " if lines else start) + " = ".join([TEXT.write(side) for side in sides]))
    lines[-1] += rest
    return [part for line in lines for part in _hung(line, len(indent) + 2, room)]


def _hung(line: str, indent: int, room: int) -> list[str]:
    """Return a line that is too long broken between terms, further lines indented."""
    if prose_width(line) <= room:
        return [line]
    lead = line[: len(line) - len(line.lstrip())]
    first, *others = wrap(line.lstrip(), room - max(len(lead), indent))
    return [lead + first, *[" " * indent + part for part in others]]


def _kept(item: Item, room: int) -> str:
    """Return an item that stays on one line if it fits: an equation is broken before equals signs."""
    if isinstance(item, str):
        return KEPT.join(map(clean, item.split(KEPT)))
    written = _written(item)
    if isinstance(item, Chain) and len(item.trees) == 1 and prose_width(written) <= room:
        return written.replace(" ", KEPT)  # a symbol and its value
    parts = written.split(" = ")
    kept = [part.replace(" ", KEPT) if prose_width(part) + 2 <= room else part for part in parts]
    return f" ={KEPT}".join(kept) if isinstance(item, Chain) else f"{KEPT}={KEPT}".join(kept)


def _written(item: Item) -> str:
    if isinstance(item, str):
        return clean(item)
    if isinstance(item, Chain):
        return TEXT.chain(*item)
    if isinstance(item, Relation):
        return TEXT.comparison(*item)
    if isinstance(item, SizesItem):
        return TEXT.sizes(*item) if item.values else "a number"
    if isinstance(item, Bytes):
        return show_bytes(item.number)
    raise AssertionError(item)
