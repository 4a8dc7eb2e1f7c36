"""A network as a picture has it: nodes, groups within groups, and edges with sizes; blocks are expanded to a depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.model.report import check_depth
from shapecalc.model.rows import sum_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.dims import Dim
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = [
    "Chart", "Copies", "Edge", "Group", "RepeatedPeriod", "Vertex", "draw_chart", "is_unused", "read_inputs",
]  # fmt: skip


class Vertex(NamedTuple):
    """A layer, a collapsed block, an input or an output: its key, the lines of its label, and its layers.

    `outputs` are the sizes of the tensors that leave it, each tensor once.
    """

    key: str
    lines: tuple[str, ...]
    role: str
    rows: tuple[Row, ...] = ()
    outputs: tuple[str, ...] = ()


class Edge(NamedTuple):
    """A tensor from one vertex to another, with its size; `is_read`, whether more of it is used than that."""

    start: str
    end: str
    size: str
    is_read: bool = True


class Group(NamedTuple):
    """A block that is expanded, or the whole network: its key, title and kind, what is in it, in order.

    One of several `copies` is no block, but what is repeated in turn.
    """

    key: str
    title: str
    members: list[Vertex | Group]
    kind: str = ""
    copies: int = 1


class Chart(NamedTuple):
    """The picture: the network as a group, its edges."""

    group: Group
    edges: tuple[Edge, ...]


def draw_chart(report: Report, depth: int | str | None = None, copies: Copies | None = None) -> Chart:
    """Return the picture of a report in which blocks are expanded to a depth (1: none, None: all).

    Of `copies` only the first of each is drawn, with the layers of all, and a block that has one member is that member.
    """
    return _Drawing(report, check_depth(depth), copies).chart()


class RepeatedPeriod(NamedTuple):
    """Several blocks and layers that are repeated in turn: the numbers of the first ones, and how many copies."""

    title: str
    copies: int
    blocks: frozenset[int]
    layers: frozenset[int]


class Copies(NamedTuple):
    """Which layers are copies of others: `same` has for each the first one like it, or itself.

    `within` has for each layer the runs of copies that it is in, and in which copy of each. A tensor from one copy to
    another is none of the picture. `runs` has, by the name of the first of those that follow one another, the name of
    all and how many they are.
    """

    same: list[int]
    within: list[dict[int, int]]
    periods: tuple[RepeatedPeriod, ...] = ()
    runs: Mapping[str, tuple[str, int]] = {}

    def joins(self, start: int, end: int) -> bool:
        """Return whether a tensor goes from one copy to another."""
        one, other = self.within[start], self.within[end]
        return any(other.get(run, copy) != copy for run, copy in one.items())


def is_unused(row: Row) -> bool:
    """Return whether the weights of a layer are stored only: tensors pass it as if it were not there."""
    return bool(row.node.layer and row.node.layer.is_unused)


def read_inputs(row: Row) -> set[int]:
    """Return which inputs of a layer are used for more than their sizes, by their number."""
    return {look.input for look in row.looks()} if len(row.node.inputs) > 1 else {0}


class _Drawing:
    """The picture as it grows."""

    def __init__(self, report: Report, depth: int | None, copies: Copies | None) -> None:
        self.report = report
        self.depth = depth
        self.copies = copies
        self.groups = {-1: Group("g", report.name, [])}
        self.turns: dict[int, Group] = {}
        periods = [*enumerate(copies.periods)] if copies else []
        self.turn_of_block = {block: turn for turn, period in periods for block in period.blocks}
        self.turn_of_layer = {layer: turn for turn, period in periods for layer in period.layers}
        self.owner: list[str] = []
        self.members: dict[str, list[Row]] = {}
        self.leaving: dict[str, dict[tuple[int, int], str]] = {}

    def chart(self) -> Chart:
        report, top = self.report, self.groups[-1].members
        names = list(report.inputs)
        top += [Vertex(f"i{i}", (name,), "input") for i, name in enumerate(names)]
        for index, row in enumerate(report.rows):
            first = self.copies.same[index] if self.copies else index
            if first != index:
                self.owner.append(self.owner[first])
            else:
                self._add(index, row)
            self.members.setdefault(self.owner[index], []).append(row)
        top += [Vertex(f"o{i}", (name,), "output") for i, name in enumerate(report.outputs)]
        found = dict.fromkeys(self._edges())
        edges = tuple([edge for edge in found if edge.is_read or edge._replace(is_read=True) not in found])
        self._fill(self.groups[-1])
        return Chart(self.groups[-1], edges)

    def _add(self, index: int, row: Row) -> None:
        """Add the vertex of a layer, if it is not of a block that has one."""
        block = self._collapsed(row.block)
        key = f"b{block}" if block >= 0 else f"v{index}"
        self.owner.append(key)
        if key not in self.members:
            inside = self._around(block) if block >= 0 else self._turn(self.turn_of_layer.get(index), row.block)
            inside.members.append(Vertex(key, (), "block" if block >= 0 else "layer"))

    def _collapsed(self, block: int) -> int:
        """Return the outermost block that is one vertex, and has a layer with this innermost block in it; or -1."""
        if self.depth is None or block < 0:
            return -1
        around = [block]
        while (parent := self.report.graph.blocks[around[-1]].parent) >= 0:
            around.append(parent)
        return around[-self.depth] if len(around) >= self.depth else -1

    def _group(self, block: int) -> Group:
        found = self.groups.get(block)
        if found is None:
            name, kind, _ = self.report.graph.blocks[block]
            found = self.groups[block] = Group(f"g{block}", name, [], kind)
            self._around(block).members.append(found)
        return found

    def _around(self, block: int) -> Group:
        """Return the group that a block is in."""
        return self._turn(self.turn_of_block.get(block), self.report.graph.blocks[block].parent)

    def _turn(self, turn: int | None, block: int) -> Group:
        """Return the group of what is repeated in turn within a block, or that of the block itself."""
        if turn is None or not self.copies:
            return self._group(block)
        found = self.turns.get(turn)
        if found is None:
            title, copies = self.copies.periods[turn][:2]
            found = self.turns[turn] = Group(f"p{turn}", title, [], copies=copies)
            self._group(block).members.append(found)
        return found

    def _fill(self, group: Group) -> None:
        """Give vertices their layers and labels: all that are in a block are known now."""
        for index, member in enumerate(group.members):
            if isinstance(member, Group):
                self._fill(member)
                group.members[index] = self._only_member(member)
            elif member.key in self.members:
                rows = tuple(self.members[member.key])
                is_block = member.role == "block"
                name, kind = self.report.graph.blocks[int(member.key[1:])][:2] if is_block else _called(rows[0])
                lines = (name, *_facts(kind, sum_rows(rows).params, *rows))
                outputs = tuple(self.leaving.get(member.key, {}).values())
                group.members[index] = member._replace(lines=lines, rows=rows, outputs=outputs)

    def _only_member(self, group: Group) -> Vertex | Group:
        """Return the one member of a block, or the block itself if it has others, or one of both is repeated."""
        member, *others = group.members
        if not self.copies or others or group.copies > 1:
            return group
        name = member.title if isinstance(member, Group) else member.lines[0]
        is_repeated = any(self.copies.runs.get(one, ("", 1))[1] > 1 for one in (group.title, name))
        return group if is_repeated or (isinstance(member, Group) and member.copies > 1) else member

    def _edges(self) -> list[Edge]:
        found: list[Edge] = []
        for index, row in enumerate(self.report.rows):
            if is_unused(row):
                continue
            read = read_inputs(row)
            for number, written in enumerate(row.node.inputs):
                ref = self._made(written)
                if self.copies and ref.node >= 0 and self.copies.joins(ref.node, index):
                    continue
                start, end = self._key(ref.node), self.owner[index]
                if start != end or start.startswith("v"):
                    found.append(self._edge(ref, end, is_read=number in read))
        outputs = enumerate(self.report.graph.outputs)
        return [*found, *[self._edge(self._made(ref), f"o{number}") for number, ref in outputs]]

    def _made(self, ref: Reference) -> Reference:
        """Return where a tensor is made that passes layers with weights that are stored only."""
        while ref.node >= 0 and is_unused(self.report.rows[ref.node]):
            ref = self.report.rows[ref.node].node.inputs[0]
        return ref

    def _edge(self, ref: Reference, end: str, *, is_read: bool = True) -> Edge:
        """Return the edge of a tensor, which leaves its vertex; that of a copy is the one of the first."""
        start, size = self._key(ref.node), self._size(ref.node, ref.output)
        first = self.copies.same[ref.node] if self.copies and ref.node >= 0 else ref.node
        self.leaving.setdefault(start, {})[first, ref.output] = size
        return Edge(start, end, size, is_read)

    def _key(self, node: int) -> str:
        return self.owner[node] if node >= 0 else f"i{-1 - node}"

    def _size(self, node: int, output: int) -> str:
        return "×".join(map(str, self.report.shape_of(node, output).in_layout(self.report.layout))) or "scalar"


def _called(row: Row) -> tuple[str, str]:
    """Return the name of a layer, and what it is in one word."""
    return row.name, row.node.layer.word if row.node.layer else row.kind


def _facts(kind: str, params: Dim, *rows: Row) -> Sequence[str]:
    """Return the further lines of a label: the kind, and the parameters, if there are any or are unknown."""
    if any(row.is_unknown for row in rows):
        return kind, "? params"
    if len(rows) == 1 and rows[0].shares and rows[0].sizing.weight_shapes:
        return kind, f"shares {rows[0].shares}"
    return (kind, f"{params:,} params") if params else (kind,)
