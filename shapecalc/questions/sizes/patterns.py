"""The pattern of legal and exact sizes: from those that are tried one by one to those far beyond."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypeAlias

from shapecalc.dims import DIVIDES, LESS, UP_TO
from shapecalc.dims.lists import Many, values_of
from shapecalc.errors import Problem, UsageError
from shapecalc.layers.base.arguments import MAX_SIZE
from shapecalc.model.generic_inference import GenericReport, infer_generic
from shapecalc.questions.sizes.periodic import SizeSet, find_pattern
from shapecalc.questions.sizes.scanning import scan, varies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.model.graph import Graph

__all__ = ["find_pattern_of"]

_FIRST = 512
_LAST = 16384
_DOUBLINGS = 8
_MOST_WORK = 9_000_000
"""The maximum number of candidates' tensors inferred to find one pattern: seconds. Large networks try fewer sizes."""

_MOST_TENSORS = 5_000
"""The maximum number of tensors between the layers of a network."""

_REGION = 2_048
"""The number of sizes tried after each at which a constraint changes."""

_AROUND = 256
_FAR_TURNS = (0, 1, 2, 3, 5, 10, 100, 1000)
_STEPS = 64
_MOST_LISTED = 65_536

Vary: TypeAlias = "Callable[[Sequence[int]], Graph]"


def find_pattern_of(vary: Vary, known: Sequence[int] = ()) -> tuple[SizeSet, SizeSet]:
    """Return which numbers are legal and which exact: `vary` returns the graph with many of them on one axis.

    Every number is tried until there is a pattern, or to 16,384. Beyond, numbers are tried after each at which a
    constraint changes, and around those that are `known` to be of interest.
    """
    legal, precise = _patterns_at_first(vary)
    try:
        return _completed(legal, precise, _bounded(vary), known)
    except _TooMuchError:
        return legal._replace(complete=False), precise._replace(complete=False)


class _TooMuchError(Exception):
    """The limit of work is reached for sizes beyond those that are tried one by one."""


def _bounded(vary: Vary) -> Vary:
    """Return the same function, which raises `_TooMuchError` at its limit of work."""
    left = _MOST_WORK // 3

    def vary_while_it_lasts(sizes: Sequence[int]) -> Graph:
        nonlocal left
        graph = vary(sizes)
        left -= _tensors(graph) * len(sizes)
        if left < 0:
            raise _TooMuchError
        return graph

    return vary_while_it_lasts


def _completed(legal: SizeSet, precise: SizeSet, vary: Vary, known: Sequence[int]) -> tuple[SizeSet, SizeSet]:
    """Return sets that are correct for small numbers, extended to all numbers."""
    turns = _turns(vary, legal.searched)
    far = [FarRegion(max(1, n - _AROUND), n + _AROUND + 1, vary) for n in known if n > legal.searched]
    regions = [FarRegion(a, b, vary) for a, b in zip((legal.searched + 1, *turns), (*turns, 0), strict=True)]
    # If legal numbers are too rare for a pattern, something divides by more than was tried.
    is_rare = not legal.period and any(regions[-1].undivided())
    return _beyond(legal, regions, far, 0, is_rare=is_rare), _beyond(precise, regions, far, 1, is_rare=is_rare)


class FarRegion:
    """The numbers from one on and below another (0: no end); the first of them are tried on demand."""

    def __init__(self, first: int, end: int, vary: Vary) -> None:
        self.first, self.end, self._vary = first, end, vary
        self._flags: tuple[list[bool], list[bool]] = ([], [])

    def flags(self, which: int, most: int = 0) -> list[bool]:
        """Return which of the numbers are legal (0) or exact (1): of the first 2,048, or as many as requested."""
        most = most or _REGION
        count = min(most, self.end - self.first) if self.end else most
        if len(self._flags[0]) < count:
            self._flags = scan(self._vary(range(self.first, self.first + count)), count)
        return self._flags[which]

    def scanned(self, numbers: Sequence[int]) -> tuple[list[bool], list[bool]]:
        """Return which of some numbers are legal, and which exact."""
        return scan(self._vary(numbers), len(numbers))

    def undivided(self) -> list[bool]:
        """Return which would be legal without constraints of divisibility."""
        return scan(self._vary(range(self.first, self.first + _REGION)), _REGION, divides=False)[0]

    def divisions(self, numbers: Sequence[int]) -> list[tuple[int, Sequence[int]]]:
        """Return the constraints of divisibility: the divisor (0: it varies), and the dividend for each number."""
        asked = infer_generic(self._vary(numbers), counts=False).constraints
        pairs = [(one.left, one.right) for one in asked if one.relation == DIVIDES and varies(one)]
        return [(left if type(left) is int else 0, values_of(right, len(numbers))) for left, right in pairs]

    def members(self, which: int, most: int = 0) -> list[int]:
        """Return the numbers that are legal, or exact, among those tried."""
        return [self.first + i for i, flag in enumerate(self.flags(which, most)) if flag]

    def agrees(self, sizes: SizeSet, which: int) -> bool:
        """Return whether a set agrees with the numbers that were tried."""
        return all(flag == (self.first + i in sizes) for i, flag in enumerate(self.flags(which)))


def _beyond(
    sizes: SizeSet, regions: Sequence[FarRegion], far: Sequence[FarRegion], which: int, *, is_rare: bool
) -> SizeSet:
    """Return a set that is correct for small numbers, extended to those of all regions."""
    wrong = next((i for i, region in enumerate(regions) if not region.agrees(sizes, which)), len(regions))
    last = regions[-1]
    if wrong == len(regions) and not is_rare:
        return _with_members(sizes, far, which)
    if sizes.period and not any(any(region.flags(which)) for region in regions[wrong:]):
        return sizes._replace(end=regions[wrong].first - 1)
    irregular = [n for n in range(1, regions[0].first) if n in sizes]
    complete = True
    for region in regions[:-1]:
        is_listed = not any(region.flags(which)) or region.end - region.first <= _MOST_LISTED
        irregular += region.members(which, _MOST_LISTED if is_listed and any(region.flags(which)) else 0)
        complete = complete and is_listed
    pattern = _pattern_of(last, which)
    if pattern is None:
        complete = complete and not is_rare
        found = SizeSet((*irregular, *last.members(which)), 0, 0, (), sizes.searched, complete=complete)
    else:
        irregular += pattern.irregular
        found = pattern._replace(irregular=tuple(irregular), searched=sizes.searched, complete=complete)
    return _with_members(found.folded(), far, which)


def _pattern_of(region: FarRegion, which: int) -> SizeSet | None:
    """Return the pattern of a region without end: from its members, or from the constraints of divisibility."""
    for most in (_REGION, _LAST):
        pattern = find_pattern(region.flags(which, most), final=False)
        if pattern is not None:
            return pattern.moved(region.first - 1)
    divided = _divided_pattern(region)
    return _exact_part(region, divided) if divided is not None and which else divided


def _divided_pattern(region: FarRegion) -> SizeSet | None:
    """Return the legal numbers of a region where they are rare: those that solve the congruences and fit otherwise."""
    free = find_pattern(region.undivided(), final=False)
    if free is None:
        return None
    for turns in range(1, _STEPS + 1):
        step = turns * free.period
        starts = range(region.first + free.start - 1, region.first + free.start - 1 + step)
        progressions = [(n, step) for n in starts if n - region.first + 1 in free]
        solved = _solved(region, progressions)
        if solved is not None:
            break
    else:
        return None
    whole = math.lcm(*[step for _, step in solved])
    if not solved or sum(whole // step for _, step in solved) > _REGION:
        return None
    far = [n + turn * step for n, step in solved for turn in _FAR_TURNS]
    if not all(region.scanned(far)[0]):
        return None
    members = [n + turn * step for n, step in solved for turn in range(whole // step)]
    first = min(starts[0] + (n - starts[0]) % whole for n in members)
    return SizeSet((), first, whole, tuple(sorted(first + (n - first) % whole for n in members)), 0)


def _solved(region: FarRegion, progressions: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Return those numbers of progressions (first and step) that meet all constraints of divisibility.

    Dividends must grow evenly along each; None if one does not, or if a divisor varies.
    """
    done, found = 0, progressions
    while True:
        more = []
        for first, step in found:
            divisions = region.divisions([first + turn * step for turn in range(_STEPS)])
            if done >= len(divisions):
                return found
            divisor, values = divisions[done]
            growth = values[1] - values[0]
            if not divisor or any(b - a != growth for a, b in itertools.pairwise(values)):
                return None
            common = math.gcd(growth, divisor)
            if values[0] % common == 0:
                rest = divisor // common
                turn = -(values[0] // common) * pow(growth // common, -1, rest) % rest
                more.append((first + turn * step, step * rest))
        if not found:
            return found
        done, found = done + 1, more


def _exact_part(region: FarRegion, legal: SizeSet) -> SizeSet | None:
    """Return those members of a pattern that are exact."""
    each = len(legal.residues)
    if each > _STEPS:
        return None
    members = list(itertools.islice(legal.members(), each * _STEPS))
    pattern = find_pattern(region.scanned(members)[1], final=False)
    if pattern is None:
        return None
    turns = math.lcm(pattern.period, each) // each
    first = -(-(pattern.start - 1) // each) * each
    chosen = [n for i, n in enumerate(members[first : first + turns * each], first + 1) if i in pattern]
    irregular = [n for i, n in enumerate(members[:first], 1) if i in pattern]
    return SizeSet(tuple(irregular), chosen[0], turns * legal.period, tuple(chosen), 0)


def _with_members(sizes: SizeSet, far: Sequence[FarRegion], which: int) -> SizeSet:
    """Return the set with members that were found outside it, marked as incomplete."""
    more = [n for region in far for n in region.members(which) if n not in sizes]
    if not more or sizes.period:
        return sizes if not more else sizes._replace(complete=False)
    return sizes._replace(irregular=tuple(sorted({*sizes.irregular, *more})), complete=False)


def _turns(vary: Vary, low: int) -> list[int]:
    """Return the numbers above `low` at which a constraint changes between met and unmet.

    Only inequalities, and constraints with one constant side, change at single numbers: divisibility, and merged maps
    of equal sizes, repeat with a period.
    """
    found: set[int] = set()
    doublings = itertools.takewhile(lambda n: n <= MAX_SIZE, (low << turn for turn in itertools.count()))
    spans: list[Sequence[int]] = [[*doublings, MAX_SIZE]]
    while spans:
        points = spans.pop()
        for i in _changes(infer_generic(vary(points), counts=False), len(points)):
            a, b = points[i], points[i + 1]
            if b - a == 1:
                found.add(b)
            elif b > a:
                spans.append(sorted({a + (b - a) * step // _STEPS for step in range(_STEPS + 1)}))
    return sorted(found)


def _changes(inferred: GenericReport, count: int) -> list[int]:
    """Return the numbers, in order, after which a constraint changes."""
    found: set[int] = set()
    for left, relation, right, *_ in inferred.constraints:
        a, b = values_of(left, count), values_of(right, count)
        if relation in (UP_TO, LESS):
            states = [x <= y if relation == UP_TO else x < y for x, y in zip(a, b, strict=True)]
        elif relation == DIVIDES or (isinstance(left, Many) and isinstance(right, Many)):
            continue
        else:
            states = [(x > y) - (x < y) for x, y in zip(a, b, strict=True)]
        found.update(i for i in range(count - 1) if states[i] != states[i + 1])
    return sorted(found)


def _patterns_at_first(vary: Vary) -> tuple[SizeSet, SizeSet]:
    """Return which numbers are legal and which exact, from trying every one until there is a pattern."""
    count = 0
    legal: list[bool] = []
    precise: list[bool] = []
    limit = _FIRST
    while True:
        graph = vary(range(count + 1, limit + 1))
        last = _last(graph)
        more_legal, more_exact = scan(graph, limit - count)
        legal += more_legal
        precise += more_exact
        count, final = limit, limit >= last
        patterns = find_pattern(legal, final=final), find_pattern(precise, final=final or not any(legal[-limit // 2 :]))
        limit *= 2
        if patterns[0] is not None and patterns[1] is not None:
            beyond = _disagreement(vary, patterns[0]) if limit <= last else 0
            if not beyond:
                return patterns[0], patterns[1]
            limit = max(limit, 1 << (2 * beyond - 1).bit_length())


def _last(graph: Graph) -> int:
    """Return the largest size that is tried on a network. Errors: `UsageError` if even a few sizes take too long."""
    tensors = _tensors(graph)
    if tensors > _MOST_TENSORS:
        raise UsageError(
            Problem(
                f"{graph.name or 'the network'} has {tensors:,} tensors between its layers: sizes are searched among "
                f"at most {_MOST_TENSORS:,}",
                hint="use a part of it, or repeat its blocks less often",
            )
        )
    return min(_LAST, _MOST_WORK // max(tensors, 1))


def _tensors(graph: Graph) -> int:
    return sum([1 + len(node.inputs) for node in graph.nodes])


def _disagreement(vary: Vary, sizes: SizeSet) -> int:
    """Return a size beyond what was searched at which the set is wrong, at doubling distances; 0 for none."""
    period = max(1, sizes.period)
    starts = [sizes.start + (sizes.searched << turn) // period * period for turn in range(_DOUBLINGS)]
    tried = [start + residue - sizes.start for start in starts for residue in (sizes.residues[:2] or (sizes.start,))]
    legal, _ = scan(vary(tried), len(tried))
    return next((size for size, is_legal in zip(tried, legal, strict=True) if is_legal != (size in sizes)), 0)
