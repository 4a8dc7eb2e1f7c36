"""Sets of sizes that repeat with a period, found from the members among the first sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.text.amounts import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["SizeSet", "find_pattern"]

_LISTED = 8
_PERIODS = 3  # how often a pattern must repeat to count as one


class SizeSet(NamedTuple):
    """A set of whole numbers from 1 on: some irregular ones, then a pattern that repeats, without end or up to one.

    `residues` are the members in the first period, which begins at `start`; with `period` 0 there are only irregular
    ones. Each size up to `searched` was tried; `end` is the last size of the pattern (0: it has no end). A set that is
    not `complete` may have unknown members beyond what was tried.
    """

    irregular: tuple[int, ...]
    start: int
    period: int
    residues: tuple[int, ...]
    searched: int
    end: int = 0
    complete: bool = True

    def __contains__(self, size: object) -> bool:
        if not isinstance(size, int):
            return False
        if not self.period or size < self.start:
            return size in self.irregular
        return (not self.end or size <= self.end) and (size - self.start) % self.period + self.start in self.residues

    @property
    def smallest(self) -> int:
        """The smallest member; 0 if there is none."""
        return next(iter((*self.irregular, *self.residues)), 0)

    def members(self) -> Iterator[int]:
        """Yield the members in order, without end if the pattern has none."""
        yield from self.irregular
        turn = 0
        while self.period and (not self.end or self.start + turn * self.period <= self.end):
            turns = (residue + turn * self.period for residue in self.residues)
            yield from (size for size in turns if not self.end or size <= self.end)
            turn += 1

    def nearest(self, size: int) -> tuple[int, ...]:
        """Return the members next to a size: below and above, or the size itself."""
        if size in self:
            return (size,)
        near = [n for n in self.irregular if n < size][-1:] + [n for n in self.irregular if n > size][:1]
        for residue in self.residues:
            turn = max(0, (size - residue) // self.period)
            if self.end:
                turn = min(turn, max(0, (self.end - residue) // self.period))
            near += [residue + turn * self.period, residue + (turn + 1) * self.period]
        below = max((n for n in near if n < size and n in self), default=0)
        above = min((n for n in near if n > size and n in self), default=0)
        return tuple(n for n in (below, above) if n)

    def text(self) -> str:
        """Return the sizes in words: `every size from 67 on`, `188 + 16·k`, `1 to 512`."""
        if not self.smallest:
            return f"none up to {self.searched}" + ("" if self.complete else "; beyond, not every size was tried")
        parts = _runs(self.irregular)
        if self.period == 1:
            parts.append(f"{self.start} to {self.end}" if self.end else f"every size from {self.start} on")
        elif self.period:
            parts.append(_arithmetic(self.residues, self.period) + (f" up to {self.end}" if self.end else ""))
        if len(parts) > 2 * _LISTED:
            parts = [*parts[:_LISTED], "…", *parts[-_LISTED:]]
        return ", ".join(parts) + ("" if self.complete else f"; beyond {self.searched}, not every size was tried")

    def to_dict(self) -> dict[str, Any]:
        """Return the set in the form of the JSON contract."""
        return {
            "text": self.text(),
            "smallest": self.smallest or None,
            "period": self.period or None,
            "start": self.start if self.period else None,
            "residues": list(self.residues),
            "irregular": list(self.irregular),
            "end": self.end or None,
            "searched": self.searched,
            "complete": self.complete,
        }

    def folded(self) -> SizeSet:
        """Return the same set with the earliest possible start of its pattern."""
        found, count = self, len(self.residues)
        while found.period and count and len(found.irregular) >= count:
            earlier = tuple([n - found.period for n in found.residues])
            if found.irregular[-count:] != earlier:
                break
            found = found._replace(irregular=found.irregular[:-count], start=earlier[0], residues=earlier)
        return found

    def moved(self, by: int) -> SizeSet:
        """Return the set with every member larger by a number."""
        irregular, residues = (tuple([n + by for n in numbers]) for numbers in (self.irregular, self.residues))
        return self._replace(irregular=irregular, residues=residues, start=self.start + by)


def _arithmetic(residues: Sequence[int], period: int) -> str:
    if residues == (period,):
        return f"multiples of {period}"
    runs = _runs(residues)
    if len(runs) > _LISTED:
        runs = [*runs[:_LISTED], "…"]
    first = ", ".join(runs)
    return f"{first} + {period}·k" if len(residues) == 1 else f"({first}) + {period}·k"


def _runs(numbers: Sequence[int]) -> list[str]:
    """Return sorted numbers as runs in words: `3`, `5 to 9`."""
    return [f"{a}" if a == b else f"{a} to {b}" if b > a + 1 else f"{a}, {b}" for a, b in spans_of(numbers)]


def find_pattern(belongs: Sequence[bool], *, final: bool) -> SizeSet | None:
    """Return the set whose members up to some number are known (`belongs[0]` is of size 1); None for no pattern yet.

    A pattern must repeat three times, and cover half of the known sizes. With `final` a set is returned even without
    one: it then has only the known members.
    """
    count, flags = len(belongs), bytes(belongs)
    for period in range(1, count // _PERIODS + 1):
        seen = max(_PERIODS * period, count // 2)
        if flags[count - seen + period :] != flags[count - seen : count - period]:
            continue
        index = count - 1
        while index >= period and belongs[index] == belongs[index - period]:
            index -= 1
        first = index - period + 1 if index >= period else 0
        if any(belongs[first:]):
            return _regular(belongs, first, period)
        break
    if not final:
        return None
    return SizeSet(tuple([i + 1 for i, member in enumerate(belongs) if member]), 0, 0, (), count)


def _regular(belongs: Sequence[bool], first: int, period: int) -> SizeSet:
    while not belongs[first]:  # a period begins with a member
        first += 1
    residues = tuple([i + 1 for i in range(first, first + period) if belongs[i]])
    irregular = tuple([i + 1 for i in range(first) if belongs[i]])
    return SizeSet(irregular, first + 1, period, residues, len(belongs))
