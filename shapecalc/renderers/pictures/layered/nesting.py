"""Clusters within clusters: each is laid out by itself, from the inside outwards."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.layered.channels import Channels
from shapecalc.renderers.pictures.layered.columns import place_across
from shapecalc.renderers.pictures.layered.ordering import order
from shapecalc.renderers.pictures.layered.parts import BORDER, STRAIGHT, UNSEEN, Arrangement, Cluster, Placed
from shapecalc.renderers.pictures.layered.ranks import Link, make_rows
from shapecalc.renderers.pictures.layered.wrapping import longest_piece, page_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.renderers.pictures.layered.parts import Card
    from shapecalc.renderers.pictures.scene import Point

__all__ = ["lay_out"]

_INNER = (2.5, 1.0, 0.7, 0.5)  # how much longer than a page clusters are that are wrapped
_CLUSTER = 0.05  # what a cluster that is wrapped costs, of the size of the page
_MANY = 400  # cards: of larger graphs there is only one layout


class _Port(NamedTuple):
    """Where edges of a start cross the border of a cluster: at its top, or at its bottom."""

    start: str
    is_top: bool


_End = str | _Port
_Local = tuple[_End, _End, str]
"""An edge within one cluster: its ends there, and the start that it is of."""


class _Inside:
    """A cluster, laid out: its size, where its members and ports are, and the lines within it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.edges: dict[_Local, None] = {}
        self.width = self.height = self.head_end = 0.0
        self.places: dict[str, Point] = {}
        self.ports: dict[_Port, float] = {}
        self.lines: dict[_Local, list[Point]] = {}


def lay_out(
    top: Cluster, edges: Iterable[tuple[str, str]], below: Iterable[tuple[str, str]] = (), *, turned: bool = False
) -> Arrangement:
    """Return the layout of a cluster and of all that is in it.

    Of pairs of `below` the second is below the first, without a line. `turned` lays it out from left to right: sizes
    are those on the picture, and heads stay at the top.
    """
    joined = [(start, end, start) for start, end in edges] + [(start, end, UNSEEN) for start, end in below]
    best, least = Arrangement(0.0, 0.0, {}, {}, {}), inf
    for inner in _INNER:
        nest = _Nest(top, joined, turned=turned, inner=inner)
        found = nest.arranged()
        across, along = (found.height, found.width) if turned else (found.width, found.height)
        size = max(page_size(across, along, turned=turned), 1.0) * (1 + _CLUSTER * nest.wrapped_clusters)
        if size < least:
            best, least = found, size
        if not nest.is_longer(min(_INNER)) or len(nest.cards) > _MANY or least <= 1.0:
            break
    return best


class _Nest:
    """The layout as it grows: `inner` is how much longer than a page a cluster is before it is wrapped."""

    def __init__(
        self, top: Cluster, edges: Iterable[tuple[str, str, str]], *, turned: bool, inner: float = 1.0
    ) -> None:
        self.top = top
        self.turned = turned
        self.wrapped_clusters = 0
        self.insides: dict[str, _Inside] = {}
        self.around: dict[str, str] = {}
        self.index: dict[str, int] = {}
        self.cards: dict[str, Card] = {}
        self.inner_first: list[_Inside] = []
        self.routes: dict[tuple[str, str], list[tuple[str, _Local]]] = {}
        self._collect(top)
        self.longest = longest_piece(top, turned=turned)
        self.inner = inner * self.longest
        for start, end, of in edges:
            self._add(start, end, of)

    def _collect(self, cluster: Cluster) -> None:
        inside = self.insides[cluster.key] = _Inside(cluster)
        for index, member in enumerate(cluster.members):
            self.around[member.key] = cluster.key
            self.index[member.key] = index
            if isinstance(member, Cluster):
                self._collect(member)
            else:
                self.cards[member.key] = member
        self.inner_first.append(inside)

    def _ancestry(self, key: str) -> list[str]:
        """Return what is around a card, outermost first, and itself."""
        found = [key]
        while (key := self.around.get(key, "")) != "":
            found.append(key)
        return found[::-1]

    def _add(self, start: str, end: str, of: str) -> None:
        """Add an edge to every cluster that it goes through; `of` is the start with which it shares a line."""
        if (start, end) in self.routes or start == end:
            return
        starts, ends = self._ancestry(start), self._ancestry(end)
        common = 1
        while starts[common] == ends[common]:
            common += 1
        goes_up = self.index[starts[common]] > self.index[ends[common]]
        leaving, entering = _Port(of, is_top=goes_up), _Port(of, is_top=not goes_up)
        parts: list[tuple[str, _Local]] = [
            *[(starts[i], (starts[i + 1], leaving, of)) for i in reversed(range(common, len(starts) - 1))],
            (starts[common - 1], (starts[common], ends[common], of)),
            *[(ends[i], (entering, ends[i + 1], of)) for i in range(common, len(ends) - 1)],
        ]
        for cluster, local in parts:
            self.insides[cluster].edges[local] = None
        if of != UNSEEN:
            self.routes[start, end] = parts

    def arranged(self) -> Arrangement:
        """Return the layout of everything."""
        for inside in self.inner_first:
            self._arrange(inside)
        places: dict[str, Placed] = {}
        for inside in reversed(self.inner_first):
            key = inside.cluster.key
            at = places[key] if key in places else Placed(0.0, 0.0, inside.width, inside.height)
            places[key] = at
            for member, (x, y) in inside.places.items():
                places[member] = Placed(at.x + x, at.y + y, *self._size(member))
        whole = self.insides[self.top.key]
        routes = {edge: self._route(parts, places) for edge, parts in self.routes.items()}
        if not self.turned:
            heads = {key: places[key].x + inside.head_end for key, inside in self.insides.items()}
            return Arrangement(whole.width, whole.height, places, routes, heads)
        heads = {key: places[key].y + inside.height for key, inside in self.insides.items()}
        return Arrangement(
            whole.height, whole.width,
            {key: Placed(one.y, one.x, one.height, one.width) for key, one in places.items()},
            {edge: tuple([(y, x) for x, y in points]) for edge, points in routes.items()}, heads,
        )  # fmt: skip

    def is_longer(self, inner: float) -> bool:
        """Return whether a cluster is longer than a part of a page."""
        return any(inside.height > inner * self.longest for inside in self.inner_first[:-1])

    def _size(self, key: str) -> tuple[float, float]:
        """Return the size of a member: across the direction of layout, and along it."""
        if key in self.insides:
            return self.insides[key].width, self.insides[key].height
        card = self.cards[key]
        return (card.height, card.width) if self.turned else (card.width, card.height)

    def _arrange(self, inside: _Inside) -> None:
        """Lay out one cluster, whose members are laid out."""
        members = [member.key for member in inside.cluster.members]
        found = dict.fromkeys(end for edge in inside.edges for end in edge[:2] if isinstance(end, _Port))
        tops, bottoms = [one for one in found if one.is_top], [one for one in found if not one.is_top]
        nodes: list[_End] = [*tops, *members, *bottoms]
        number = {node: index for index, node in enumerate(nodes)}
        sizes = [(0.0, 0.0) if isinstance(node, _Port) else self._size(node) for node in nodes]
        links = {}
        for edge in inside.edges:
            start, end, of = edge
            goes_up = number[start] > number[end]
            ports = self._port(start, of, is_top=goes_up), self._port(end, of, is_top=not goes_up)
            links[edge] = Link(number[start], number[end], of, *ports)
        rows = make_rows(sizes, [*links.values()], len(tops), len(bottoms))
        order(rows)
        fixed = [isinstance(node, _Port) or node in self.insides for node in nodes]
        channels = Channels(rows, place_across(rows), fixed)
        is_top = inside.cluster is self.top
        torn = {number[key] for key in members if key in self.cards and self.cards[key].follows}
        if breaks := channels.wrapped(None if is_top else self.inner, torn, turned=self.turned):
            channels = Channels(rows, place_across(rows, breaks), fixed, breaks)
            self.wrapped_clusters += not is_top
        right, down = self._frame(inside, channels, [channels.place(number[one])[0] for one in tops])
        for node in nodes:
            x, y = channels.place(number[node])
            if isinstance(node, _Port):
                inside.ports[node] = x + right
            else:
                inside.places[node] = x + right, y + down
        for edge, link in links.items():
            segments, is_up = rows.paths[link]
            points = [(x + right, y + down) for x, y in channels.path(segments)]
            inside.lines[edge] = points[::-1] if is_up else points
        self._reach_borders(inside)

    def _port(self, end: _End, of: str, *, is_top: bool) -> float:
        """Return where on a member an edge is: at a port of a cluster, from its middle."""
        if isinstance(end, _Port) or end not in self.insides:
            return 0.0
        inside = self.insides[end]
        return inside.ports.get(_Port(of, is_top), inside.width / 2) - inside.width / 2

    def _frame(self, inside: _Inside, channels: Channels, entries: list[float]) -> tuple[float, float]:
        """Set the size of a cluster; return how far what is in it moves to the right and down."""
        cluster, wide, height = inside.cluster, channels.width, channels.height
        if cluster is self.top:
            inside.width, inside.height = wide, height
            return 0.0, 0.0
        if self.turned:
            inside.width = cluster.head + wide + BORDER
            inside.height = max(height + 2 * BORDER, cluster.before + cluster.after)
            return cluster.head, (inside.height - height) / 2
        right = max(BORDER, cluster.before - min(entries, default=cluster.before))
        room = max(entries) + cluster.after if entries else cluster.before + cluster.after - right
        inside.width = inside.head_end = right + max(wide + BORDER, room)
        if room > wide + BORDER and len(entries) > 1:
            *_, before, last = sorted(entries)
            if last - before >= cluster.after:  # between lines rather than right of them
                inside.width, inside.head_end = right + max(wide, last) + BORDER, right + last
        inside.height = cluster.head + height + BORDER
        return right, cluster.head

    def _reach_borders(self, inside: _Inside) -> None:
        """Draw lines on to the border of a cluster."""
        for (start, end, _), points in inside.lines.items():
            if isinstance(start, _Port):
                points.insert(0, (points[0][0], 0.0 if start.is_top else inside.height))
            if isinstance(end, _Port):
                points.append((points[-1][0], 0.0 if end.is_top else inside.height))

    def _route(self, parts: list[tuple[str, _Local]], places: dict[str, Placed]) -> tuple[Point, ...]:
        points: list[Point] = []
        for cluster, local in parts:
            at = places[cluster]
            points += [(x + at.x, y + at.y) for x, y in self.insides[cluster].lines[local]]
        return tuple(_corners(points))


def _corners(points: list[Point]) -> list[Point]:
    """Return points without those on a straight line between their neighbours."""
    found: list[Point] = []
    for point in points:
        if found and _is_same(found[-1], point):
            continue
        if len(found) > 1 and _is_straight(found[-2], found[-1], point):
            found[-1] = point
        else:
            found.append(point)
    return found


def _is_same(one: Point, other: Point) -> bool:
    return _is_level(one, other, 0) and _is_level(one, other, 1)


def _is_straight(one: Point, middle: Point, other: Point) -> bool:
    return any(_is_level(one, middle, axis) and _is_level(middle, other, axis) for axis in (0, 1))


def _is_level(one: Point, other: Point, axis: int) -> bool:
    return abs(one[axis] - other[axis]) < STRAIGHT
