"""What is live over time: a column for each step, the peak, and below the names of layers or of their blocks."""

from __future__ import annotations

import re
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.pictures.charts.axes import byte_axis, up
from shapecalc.renderers.pictures.charts.heads import NOTE, TEXT, legend
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.scene import Label, Rectangle, polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["LiveStep", "Timeline"]

_WIDE, _HIGH = 720, 200.0
_NARROWEST, _WIDEST = 480.0, 40
"""The width of the picture of few steps, and of a step."""

_NAMED = 13
"""Steps at least this wide have their names below."""

_Span = tuple[str, int, int]
"""A word, and from where to where its bracket is."""

_NUMBER = re.compile(r"(?<![0-9])[0-9]+[a-z]?$")
_LONGEST = 104.0
_FEW = 3
_START = "(start)"


class LiveStep(NamedTuple):
    """While a layer runs: its name, the blocks that it is in, outermost first, the pass, and the live bytes by sort."""

    name: str
    scopes: tuple[str, ...]
    direction: str
    parts: tuple[int, ...]

    @property
    def live(self) -> int:
        """All live bytes."""
        return sum(self.parts)


class Timeline:
    """Steps in order of execution; `sorts` are what is live, from below to above, and its colours.

    Of steps that have no room for a column each, `each` are one: that with the most live bytes.
    """

    def __init__(self, steps: Sequence[LiveStep], sorts: Mapping[str, str]) -> None:
        self.each = -(-len(steps) // _WIDE)
        self.runs = [steps[index : index + self.each] for index in range(0, len(steps), self.each)]
        self.columns = [max(run, key=lambda step: step.live) for run in self.runs]
        self.sorts = sorts
        count = len(self.columns)
        self.wide = min(_WIDE / count, _WIDEST)
        self.edges = [round(self.wide * index) for index in range(count + 1)]  # whole pixels: no seams between columns
        self.right = max(float(self.edges[-1]), _NARROWEST)
        self.peak = max(range(len(self.columns)), key=lambda index: self.columns[index].live)
        self.axis = byte_axis(self.columns[self.peak].live, "live", 0.0, -_HIGH)

    def marks(self) -> Iterator[Mark]:
        """Yield all of it."""
        yield from up(self.axis, 0.0, self.right, 36.0)
        for index in range(len(self.columns)):
            yield from self._column(index)
        yield from self._peak()
        yield polyline(((0, 0), (self.right, 0)), "quiet")
        used = [
            fill for index, fill in enumerate(self.sorts.items()) if any(step.parts[index] for step in self.columns)
        ]
        yield from legend(reversed(used), self.right, -_HIGH - 36)
        yield from self._names() if self.wide >= _NAMED else self._blocks()

    def _column(self, index: int) -> Iterator[Mark]:
        step, run = self.columns[index], self.runs[index]
        gap = 1 if self.wide >= 4 else 0
        title = " to ".join(dict.fromkeys([clean(one.name) or _START for one in (run[0], run[-1])]))
        title += f" ({step.direction})" if step.direction else ""
        below = 0
        for fill, amount in zip(self.sorts.values(), step.parts, strict=True):
            if amount:
                top, bottom = self.axis.at(below + amount), self.axis.at(below)
                left, right = self.edges[index : index + 2]
                yield Rectangle(
                    left, top, right - left - gap, bottom - top, fill, "",
                    title=f"{title}: {show_bytes(step.live)}", key=f"column {index} {fill}",
                )  # fmt: skip
                below += amount

    def _peak(self) -> Iterator[Mark]:
        step, x = self.columns[self.peak], sum(self.edges[self.peak : self.peak + 2]) / 2
        y = self.axis.at(step.live)
        name = fitted(clean(step.name), TEXT, 300, bold=True)
        when = f"while {name} runs" if step.name else "before the first layer runs"
        words = f"peak {show_bytes(step.live)} {when}{f', {step.direction}' if step.direction else ''}"
        half = text_width(words, TEXT, bold=True) / 2
        middle = max(min(x, self.right - half), half)
        yield polyline(((0, y), (self.right, y)), "ink", dashed=True, key="peak line")
        yield Label(middle, self.axis.end - 12, words, TEXT, "middle", bold=True, key="peak words")
        yield polyline(((x, self.axis.end - 9), (x, y)), "ink", arrow=5, key="peak")

    def _names(self) -> Iterator[Mark]:
        """Yield the name of each step, downwards: where some are too long, within the block below; then the passes."""
        words, blocks = [step.name for step in self.columns], [""] * len(self.columns)
        if any(text_width(clean(name), NOTE) > _LONGEST for name in words):
            blocks = self._within()
            words = [name.removeprefix(f"{block}.") for name, block in zip(words, blocks, strict=True)]
        bottom = 0.0
        for index, word in enumerate(words):
            name = fitted(clean(word) or _START, NOTE, _LONGEST)
            x = (index + 0.5) * self.wide - NOTE * 0.26
            yield Label(x, 7, name, NOTE, color="quiet", turned=90, key=f"step {index}")
            bottom = max(bottom, text_width(name, NOTE))
        yield from self._spans(blocks, 7 + bottom + 8)
        yield from self._spans(self._passes(), 7 + bottom + 8 + (22 if any(blocks) else 0))

    def _blocks(self) -> Iterator[Mark]:
        """Yield the blocks that the steps are in, and the passes below."""
        found = self._within()
        yield from self._spans(found, 7)
        yield from self._spans(self._passes(), 7 + (22 if any(found) else 0))

    def _within(self) -> list[str]:
        """Return the block that each step is in, as far down as it takes for a few."""
        deepest = max(len(step.scopes) for step in self.columns)
        found = [""] * len(self.columns)
        for depth in range(1, deepest + 1):
            found = [step.scopes[:depth][-1] if step.scopes else "" for step in self.columns]
            if len({*found}) > _FEW:
                break
        return found

    def _passes(self) -> list[str]:
        """Return the pass of each step: the first one, then all others, which alternate where blocks run again."""
        first, *others = dict.fromkeys(step.direction for step in self.columns)
        later = " and ".join(others)
        return [first if step.direction == first else later for step in self.columns]

    def _spans(self, words: Sequence[str], y: float) -> Iterator[Mark]:
        """Yield a bracket below each run of steps with the same word, and the word where it has room.

        Where not all of them have room, what follows the last dot does for all but the first within a block; where
        that has none either, those within a block are one, and those of which most have none and that differ only by a
        number at their end. Those of different passes are never one.
        """
        both = zip(words, [step.direction for step in self.columns], strict=True)
        passes = [
            [(word, len([*run])) for word, run in groupby(part, itemgetter(0))]
            for part in (list(group) for _, group in groupby(both, itemgetter(1)))
        ]
        for shorter in (_named_in_full, _named_by_ends, _named_together):
            named = [shorter(runs) for runs in passes]
            spans = self._placed([run for runs in named for run in runs])
            if all(map(_fits, spans)):
                break
        else:
            fit = iter([_fits(span) for span in spans])
            named = [_named_by_numbers(runs, [next(fit) for _ in runs]) for runs in named]
            spans = self._placed([run for runs in named for run in runs])
        for word, left, right in spans:
            if word and right - left >= 2:
                yield polyline(((left, y), (right, y)), "quiet", 1.5, key=f"span {word}")
                if _fits((word, left, right)):
                    yield Label((left + right) / 2, y + 13, word, NOTE, "middle", "quiet", key=f"span {word}")

    def _placed(self, named: Sequence[tuple[str, int]]) -> list[_Span]:
        ends = [0, *accumulate([count for _, count in named])]
        return [
            (word, self.edges[first], self.edges[last] - 2)
            for (word, _), first, last in zip(named, ends[:-1], ends[1:], strict=True)
        ]


def _fits(span: _Span) -> bool:
    """Return whether a word has room below its bracket, apart from the next word."""
    word, left, right = span
    return text_width(word, NOTE) <= right - left - 1


def _named_in_full(runs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(clean(word), count) for word, count in runs]


def _named_by_ends(runs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    found, parent = [], ""
    for word, count in runs:
        before, _, last = word.rpartition(".")
        found.append((clean(last if before and before == parent else word), count))
        parent = before
    return found


def _named_together(runs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    found = []
    for parent, group in groupby(runs, lambda run: run[0].rpartition(".")[0] or run[0]):
        alike = [*group]
        last = alike[-1][0].removeprefix(f"{parent}.")
        is_whole = any(word == parent for word, _ in alike)
        name = parent if is_whole else alike[0][0] if len(alike) == 1 else f"{alike[0][0]}–{last}"
        found.append((clean(name), sum(count for _, count in alike)))
    return found


def _named_by_numbers(named: Sequence[tuple[str, int]], fit: Sequence[bool]) -> list[tuple[str, int]]:
    """Return runs, those as one of which most do not fit and that differ only by a number: separable1–13.

    A number may have a letter after it: Mixed_5b–7c. What is between two of them, and in no block, is as if in one.
    """
    found = []
    stems = [_NUMBER.sub("", word) for word, _ in named]
    for index in range(1, len(stems)):
        following = next((stem for (word, _), stem in zip(named[index:], stems[index:], strict=True) if word), "")
        if not named[index][0] and following == stems[index - 1]:
            stems[index] = following
    for stem, group in groupby(zip(named, fit, stems, strict=True), itemgetter(2)):
        alike = [(run, one) for run, one, _ in group]
        words = [(word, one) for (word, _), one in alike if word]
        if (
            stem
            and len(words) > 1
            and all(word != stem for word, _ in words)
            and 2 * sum(one for _, one in words) < len(words)
        ):
            name = f"{words[0][0]}–{words[-1][0].removeprefix(stem)}"
            found.append((name, sum(count for (_, count), _ in alike)))
        else:
            found += [run for run, _ in alike]
    return found
