"""Channels between rows: where lines end on boxes, and the height at which each goes across."""

from __future__ import annotations

from bisect import insort
from math import inf
from typing import TYPE_CHECKING

from shapecalc.renderers.pictures.layered.parts import ARROW_ROOM, CHANNEL, LANE, STRAIGHT
from shapecalc.renderers.pictures.layered.tracks import Crossbar, Tracks, order_of
from shapecalc.renderers.pictures.layered.wrapping import ABOVE, BELOW, Cut, pieces_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from shapecalc.renderers.pictures.layered.ranks import Rows, Stretch
    from shapecalc.renderers.pictures.scene import Point

__all__ = ["Channels"]

_INSET = 9.0
_SMALL = 10.0


class Channels:
    """Rows and the channels below them from top to bottom, where each node is, and the corners of each segment.

    `fixed` are nodes whose lines end where the segments say: those with ports. Before the rows of `breaks` a new piece
    begins, beside the one before; they have the number of lines that go on there. `width` and `height` are of it all.
    """

    def __init__(
        self, rows: Rows, across: Sequence[float], fixed: Sequence[bool], breaks: Mapping[int, int] | None = None
    ) -> None:
        self.rows = rows
        self.across = across
        self.breaks = breaks or {}
        self.ends: dict[Stretch, float] = {}
        for node in range(rows.real):
            self._spread(node, is_fixed=fixed[node])
        self.tops = [0.0] * len(rows.rank)
        self.tracks: dict[tuple[int, Hashable], float] = {}
        self.asides: dict[tuple[int, Hashable], Point] = {}
        self.row_tops: list[float] = []
        self.row_ends: list[float] = []
        self._stack()
        self._lift()
        self.sides = [self._reach(row) for row in rows.rows]
        self.row_tops += self.row_ends[-1:] or [0.0]
        self.pieces, self.width, self.height = pieces_of(self.sides, self.row_tops, self.breaks)
        self.piece = [index for index, piece in enumerate(self.pieces) for _ in range(piece.first, piece.end)]
        self.short = {key: rank for row in self.breaks for key, rank in self._shortened(row - 1)}

    def wrapped(self, longest: float | None, torn: AbstractSet[int], *, turned: bool) -> dict[int, int]:
        """Return the breaks with which it would be in pieces: see `wrapping`. Nodes of `torn` follow those above."""
        cuts = {
            row: Cut(count, not torn.isdisjoint(self.rows.rows[row]))
            for row in range(1, len(self.rows.rows))
            if (count := self._lines_before(row))
        }
        sides = [self._room(row) for row in self.rows.rows]
        return wrapped(sides, self.row_tops, cuts, longest, turned=turned)

    def place(self, node: int) -> Point:
        """Return where the upper left corner of a node is."""
        piece = self.pieces[self.piece[self.rows.rank[node]]]
        return self.across[node] - self.rows.widths[node] / 2 + piece.right, self.tops[node] + piece.down

    def path(self, segments: Sequence[Stretch]) -> list[Point]:
        """Return the corners of a line."""
        points: list[Point] = []
        ranks = [self.rows.rank[one.upper] for one in segments]
        from_to = {self.short[rank, one.net]: rank for one, rank in zip(segments, ranks, strict=True)
                   if (rank, one.net) in self.short}  # fmt: skip
        left = -1  # up to where it is beside the piece already
        for index, (one, rank) in enumerate(zip(segments, ranks, strict=True)):
            start, end = self._start(one), self._end(one)
            if rank < left:
                continue
            here, there = self.pieces[self.piece[rank]], self.pieces[self.piece[rank + 1]]
            top, bottom = self.tops[one.upper] + self.rows.heights[one.upper], self.tops[one.lower]
            if here is there and abs(start - end) < STRAIGHT and 0 < index < len(segments) - 1:
                continue  # straight through a row
            track = self.tracks.get((rank, one.net), top)
            if here is there:
                aside, at = self.asides.get((rank, one.net), (start, top))
                own = [(start, top), (start, at), (aside, at), (aside, track), (end, track), (end, bottom)]
                if left := from_to.get(rank, 0):
                    own[4:] = []
                points += [(x + here.right, y + here.down) for x, y in own]
                continue
            outer, upper = self._turns(rank, one.net)
            below, lane = self.row_ends[rank] + here.down + BELOW + LANE * outer, here.lane + LANE * outer
            above = self.row_tops[rank + 1] + there.down - ABOVE - LANE * upper
            start, end = start + here.right, end + there.right
            if left == rank:
                points += [(lane, points[-1][1]), (lane, above)]
            else:
                points += [(start, top + here.down), (start, below), (lane, below), (lane, above)]
            points += [(end, above), (end, bottom + there.down)]
        return points

    def _lines_before(self, row: int) -> int:
        """Return how many lines go on from the row above, if a piece may end between the two; otherwise 0.

        What nothing goes on from stays with what it is of, and what depends on nothing with what it is for.
        """
        above, below = self.rows.rows[row - 1], self.rows.rows[row]
        if any(node < self.rows.real and not self.rows.heights[node] for node in above + below):
            return 0  # ports are on a border
        goes_on = [any(one.is_seen for one in self.rows.downs[node]) for node in below]
        if not all(self.rows.ups[node] for node in above) or not all(goes_on):
            return 0
        joined = {(one.net, one.upper) for node in below for one in self.rows.ups[node]}
        return len(joined) if len(joined) == len({net for net, _ in joined}) else 0

    def _shortened(self, rank: int) -> Iterator[tuple[tuple[int, Hashable], int]]:
        """Yield the lines after a row that need not go down beside the piece, and from which row they go out of it.

        Those are outermost, from where they begin: nothing is beside them.
        """
        crossing = {one.net: one for node in self.rows.rows[rank] for one in self.rows.downs[node]}
        last = self.pieces[self.piece[rank]].first - 1
        gone: set[Hashable] = set()
        for net, one in sorted(crossing.items(), key=lambda item: -self._start(item[1])):
            above, node, is_alone = one, one.upper, True
            while node >= self.rows.real and self.rows.rank[node] > last:
                is_alone &= len(self.rows.downs[node]) == 1
                (above,) = self.rows.ups[node]
                node = above.upper
            first = self.rows.rank[node]
            if first <= last or first == rank or (first, net) not in self.tracks:
                return
            beside = [one for upper in self.rows.rows[first] for one in self.rows.downs[upper]
                      if one.net != net and one.net not in gone]  # fmt: skip
            if any(max(self._start(one), self._end(one)) > self._end(above) for one in beside):
                return
            yield (rank, net), first
            last = first
            gone |= {net} if is_alone else set()

    def _turns(self, rank: int, net: Hashable) -> tuple[int, int]:
        """Return where a line is among those that go on to the next piece, so that those in the same order never cross.

        First where it goes up beside the piece, from the inside outwards, then above the next piece, upwards.
        """
        starts: dict[Hashable, float] = {}
        ends: dict[Hashable, float] = {}
        for node in self.rows.rows[rank]:
            for one in self.rows.downs[node]:
                starts[one.net] = self._start(one)
                ends[one.net] = min(self._end(one), ends.get(one.net, inf))
        outer = sum(start > starts[net] for start in starts.values())
        return outer, sorted(ends, key=ends.__getitem__).index(net)

    def _room(self, row: Sequence[int]) -> tuple[float, float]:
        """Return where a row would begin and end if the lines beside it were near to it."""
        boxes = [index for index, node in enumerate(row) if node < self.rows.real]
        if not boxes:
            return self._reach(row)
        left, right = self._reach(row[boxes[0] : boxes[-1] + 1])
        return left - LANE * boxes[0], right + LANE * (len(row) - 1 - boxes[-1])

    def _reach(self, row: Sequence[int]) -> tuple[float, float]:
        """Return where a row begins and ends, from left to right."""
        left = min(self.across[node] - self.rows.widths[node] / 2 for node in row)
        return left, max(self.across[node] + self.rows.widths[node] / 2 for node in row)

    def _start(self, one: Stretch) -> float:
        return self.across[one.upper] + one.upper_port

    def _end(self, one: Stretch) -> float:
        return self.ends.get(one, self.across[one.lower] + one.lower_port)

    def _spread(self, node: int, *, is_fixed: bool) -> None:
        """Choose where lines end on a box: straight below where they come from, apart from one another."""
        lines = sorted(self.rows.ups[node], key=self._start)
        if is_fixed or not lines:
            return
        middle, room = self.across[node], self.rows.widths[node] / 2
        room -= min(_INSET, room / 2)
        apart = min(LANE, room / (len(lines) // 2)) if len(lines) > 1 else 0.0
        at = [max(-room, min(self._start(one) - middle, room)) for one in lines]
        if len(lines) == 1 and (self.rows.rank[node] in self.breaks or abs(self._start(lines[0]) - middle) > room):
            at = [0.0]
        for index in range(1, len(at)):
            at[index] = max(at[index], at[index - 1] + apart)
        limit = room
        for index in reversed(range(len(at))):
            at[index] = limit = min(at[index], limit)
            limit -= apart
        self.ends.update({one: middle + x for one, x in zip(lines, at, strict=True)})

    def _stack(self) -> None:
        """Place the rows from top to bottom."""
        y = 0.0
        for rank, row in enumerate(self.rows.rows):
            height = max(self.rows.heights[node] for node in row)
            for node in row:
                self.tops[node] = y + self._down(node, height)
            for node in row:
                if node >= self.rows.real:
                    self.rows.heights[node] = height
            self.row_tops.append(y)
            y += height
            self.row_ends.append(y)
            if rank + 1 < len(self.rows.rows):
                y = self._channel(rank, y)

    def _down(self, node: int, height: float) -> float:
        """Return how far a node is below the top of its row: near to where most of its lines are, if it is far."""
        room = height - self.rows.heights[node]
        if node >= self.rows.real:
            return 0.0
        ups, downs = len(self.rows.ups[node]), len(self.rows.downs[node])
        if ups and room < 2 * CHANNEL:
            return room / 2
        return room if downs > ups else 0.0

    def _lift(self) -> None:
        """Move up what is straight below the only node that it depends on, if it fits into the row of that one."""
        row_of = list(self.rows.rank)
        for rank, row in enumerate(self.rows.rows):
            for node in row if rank not in self.breaks else ():
                above = self._straight_above(node)
                y = self.tops[above] + self.rows.heights[above] + CHANNEL
                if above >= 0 and y + self.rows.heights[node] <= self.row_ends[row_of[above]]:
                    self.tops[node], row_of[node] = y, row_of[above]

    def _straight_above(self, node: int) -> int:
        """Return the only node that a box depends on, if it is as wide and for that box only; otherwise -1."""
        ups, heights = self.rows.ups[node], self.rows.heights
        if node >= self.rows.real or len(ups) != 1 or len(self.rows.downs[node]) > 1 or self._is_bent(ups[0]):
            return -1
        above = ups[0].upper
        if above >= self.rows.real or len(self.rows.downs[above]) > 1 or not (heights[above] and heights[node]):
            return -1
        room = (self.rows.widths[above] - self.rows.widths[node]) / 2
        return above if abs(self.across[node] - self.across[above]) <= room else -1

    def _channel(self, rank: int, y: float) -> float:
        """Choose the heights of the lines below a row; return where the next row begins."""
        nets: dict[Hashable, list[Stretch]] = {}
        for node in self.rows.rows[rank]:
            for one in self.rows.downs[node]:
                nets.setdefault(one.net, []).append(one)
        bent = {net: line for net, line in nets.items() if any(self._is_bent(one) for one in line)}
        is_end = any(node < self.rows.real and self.rows.heights[node] for node in self.rows.rows[rank + 1])
        if not bent:
            return y + (CHANNEL if is_end else _SMALL)
        taken = sorted(x for line in nets.values() for one in line for x in (self._start(one), self._end(one)))
        tracks = self._tracks(rank, bent, taken)
        for net, track in tracks.items():
            self.tracks[rank, net] = y + _SMALL + LANE * track
            if (rank, net) in self.asides:
                x, above = self.asides[rank, net]
                self.asides[rank, net] = x, y + _SMALL + LANE * above
        return y + _SMALL + LANE * max(tracks.values()) + ARROW_ROOM

    def _is_bent(self, one: Stretch) -> bool:
        return abs(self._start(one) - self._end(one)) > STRAIGHT

    def _tracks(self, rank: int, nets: dict[Hashable, list[Stretch]], taken: list[float]) -> dict[Hashable, int]:
        """Return a track for each line that goes across: apart where they overlap, and with few crossings.

        A line is above those that end where it starts. Where that goes in a circle, it first moves aside, on a track of
        its own, to where no line is: all of the channel begin and end where it is `taken`.
        """
        spans = {}
        for net, line in nets.items():
            start, ends = self._start(line[0]), [self._end(one) for one in line]
            spans[net] = Crossbar(min(start, *ends), max(start, *ends), start, tuple(ends))
        waiting = sorted(nets, key=lambda net: spans[net].order)
        above = order_of(spans)
        tracks = Tracks()
        placed: dict[Hashable, int] = {}
        while waiting:
            net = next((one for one in waiting if not above[one]), waiting[0])
            for other in above[net]:
                span = spans[other]
                aside = span.aside(taken)
                low, high = min(span.start, aside), max(span.start, aside)
                self.asides[rank, other] = aside, tracks.place(Crossbar(low, high, span.start, ()))
                insort(taken, aside)
                spans[other] = span._replace(low=min(span.low, low), high=max(span.high, high), start=aside)
            is_moved = bool(above[net])
            waiting.remove(net)
            placed[net] = tracks.place(spans.pop(net))
            if is_moved:
                above = order_of(spans)
            for others in above.values():
                others.discard(net)
        return placed
