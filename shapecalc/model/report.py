"""The report of a network: a row for every layer, and the totals. Immutable; renderers draw it."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from shapecalc.dims import Dim, total
from shapecalc.errors import Problem, ShapeError, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers.base.shape import Shape
from shapecalc.model.answer import Answer
from shapecalc.model.graph import Graph
from shapecalc.model.rows import ReportLine, Row, Sizing, Totals, sum_rows

__all__ = ["Report", "check_depth"]

VERSION = 1
"""The version of the JSON contract."""


def check_depth(depth: Any) -> int | None:
    """Return a depth to which blocks are expanded; None for all, as `all` too. Errors: `UsageError`."""
    if depth is None or (isinstance(depth, int) and depth >= 1):
        return depth
    if isinstance(depth, str):  # as the command takes it
        if depth == "all":
            return None
        if depth.isascii() and depth.isdigit() and int(depth[:_DIGITS]):
            return int(depth[:_DIGITS])
    raise UsageError(Problem(f"depth is {depth}", hint="give a whole number of at least 1, or all"))


_DIGITS = 9  # no network is as deep as such a number


class Report(Answer):
    """Sizes and counts of a whole network. Immutable.

    `report["fc1"]` is the row of a layer; `report.rows` all of them, in the order of computation; `report.total` the
    sums; `report.to_dict()` the JSON contract. `batch` is the number of samples that MACs are for; `layout` (CHW or
    HWC) the one that sizes are shown in; `convention` is how parameters are counted (torch, keras).

    The report of a network with a shape error (`error.report`) has the layers that could be inferred: `problems` are
    the errors, `missing` is the number of other layers.
    """

    drawn_by = "render"
    table = "layers"
    __slots__ = (
        "_ancestries", "_by_name", "_doubt", "_in_blocks", "_notes", "batch", "convention", "graph", "layout",
        "missing", "problems", "rows", "total", "unfinished", "used",
    )  # fmt: skip

    def __init__(
        self, graph: Graph, rows: tuple[Row, ...], total: Totals, layout: str, batch: int = 1, convention: str = "torch"
    ) -> None:
        self.graph = graph
        self.rows = rows
        self.total = total
        self.layout = layout
        self.batch = batch
        self.convention = convention
        self.problems: tuple[Problem, ...] = ()
        self.missing = 0
        self.unfinished: frozenset[int] = frozenset()
        self.used: frozenset[tuple[int, int]] = frozenset()
        self._by_name: dict[str, Row] = {}
        self._ancestries: dict[int, list[int]] = {}
        self._in_blocks: dict[str, tuple[int, list[Row]]] = {}
        self._notes: tuple[str, ...] | None = None
        self._doubt: Callable[[Graph, Sequence[Sizing]], str] | None = None

    def cut_short(
        self, problems: Iterable[Problem], missing: int, unfinished: Iterable[int], used: Iterable[tuple[int, int]] = ()
    ) -> "Report":
        """Return the same as a partial report: the problems, and the layers that could not be inferred.

        `missing` is how many these are, `unfinished` are the blocks that they stand in, `used` the outputs that they
        use, each by its layer and its number (those known already, if there are none).
        """
        partial = Report(self.graph, self.rows, self.total, self.layout, self.batch, self.convention)
        partial.problems = tuple(problems)
        partial.missing = missing
        partial.unfinished = frozenset(unfinished)
        partial.used = frozenset(used) or self.used
        return partial

    def with_doubt(self, doubt: Callable[[Graph, Sequence[Sizing]], str]) -> "Report":
        """Return this report, with a note, then the only one, that is asked for without others, or on sequences."""
        self._doubt = doubt
        return self

    @property
    def is_complete(self) -> bool:
        """Whether every layer could be inferred."""
        return not self.problems

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.graph.name

    @property
    def samples(self) -> str:
        """What MACs and bytes are for, in words: one sample, or a batch."""
        return f"for {self.graph.sample}" if self.batch == 1 else f"for a batch of {self.batch:,}"

    @property
    def inputs(self) -> dict[str, tuple[Dim, ...]]:
        """The sizes of the network's inputs, in the report's layout."""
        return {name: shape.in_layout(self.layout) for name, shape in self.graph.inputs.items()}

    @property
    def outputs(self) -> dict[str, tuple[Dim, ...]]:
        """The sizes of the network's outputs, in the report's layout."""
        return {
            name: self.shape_of(ref.node, ref.output).in_layout(self.layout)
            for name, ref in self.graph.named_outputs().items()
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake, and what was left out."""
        if self._notes is None:
            from shapecalc.model.doubts import doubts_of  # sizes alone are wanted far more often

            sizings = [row.sizing for row in self.rows]
            found = doubts_of(self.graph, sizings, self.used)
            layers = [row.node.layer for row in self.rows if row.node.layer]
            asked = not self.graph.notes and (not found or any(layer.sequences for layer in layers))
            first = self._doubt and asked and self._doubt(self.graph, sizings)
            self._notes = (*self.graph.notes, *((first,) if first else found))  # from the first axis others follow
        return self._notes

    def shape_of(self, node: int, output: int = 0) -> Shape:
        """Return a tensor's shape: an output of a node, or (negative `node`) an input of the network."""
        if node < 0:
            return list(self.graph.inputs.values())[-1 - node]
        return self.rows[node].sizing.outputs[output]

    def __getitem__(self, name: str) -> Row:
        """Return the row of a layer. Errors: `UsageError` for an unknown layer, with the nearest name."""
        if not isinstance(name, str):
            from shapecalc.text.given import read_string  # only for the error

            read_string(name, "the name of a layer")
        rows = self._rows_by_name()
        if name not in rows:
            raise UsageError(
                Problem(f"{self.name or 'the network'} has no layer {name}", hint=did_you_mean(name, rows))
            )
        return rows[name]

    def __contains__(self, item: object) -> bool:
        """Return whether the report has a layer of this name, or this row."""
        return item in self._rows_by_name() if isinstance(item, str) else any(row is item for row in self.rows)

    def _rows_by_name(self) -> dict[str, Row]:
        if not self._by_name:
            self._by_name.update((row.name, row) for row in self.rows)
        return self._by_name

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        costs = f"{self.total.params:,} params, {self.total.macs:,} MACs"
        return f"<Report {clean(self.name)}: {len(self.rows)} layers, {costs}>"

    @property
    def max_depth(self) -> int:
        """The depth at which every block is expanded: 1 where there are none."""
        return 1 + max((len(self._ancestry(row.block)) for row in self.rows), default=0)

    def _ancestry(self, block: int) -> list[int]:
        """Return the blocks that contain this one, outermost first, and itself."""
        known = self._ancestries.get(block)
        if known is None:
            parents = self._ancestry(self.graph.blocks[block].parent) if block >= 0 else []
            known = self._ancestries[block] = [*parents, block] if block >= 0 else []
        return known

    def blocks_of(self, row: Row) -> tuple[str, ...]:
        """Return the names of the blocks that contain a layer, outermost first."""
        return tuple([self.graph.blocks[block].name for block in self._ancestry(row.block)])

    def lines(self, depth: int | None = None, closed: Collection[str] = ()) -> list[ReportLine]:
        """Return the lines shown at a depth: 1 collapses every outermost block to one line; None (all) expands all.

        Blocks of the kinds that are `closed` are one line at any depth. An unfinished block is none: it would look
        finished.
        Errors: `UsageError` for another depth than a whole number of at least 1.
        """
        depth = check_depth(depth)
        groups: list[tuple[int, list[Row]]] = []
        for row in self.rows:
            is_open = row.block < 0 or (depth is None and not closed)
            block = -1 if is_open else self._collapsed(row.block, depth, closed)
            if block >= 0 and groups and groups[-1][0] == block:
                groups[-1][1].append(row)
            else:
                groups.append((block, [row]))
        return [self._line(block, rows) for block, rows in groups]

    def _collapsed(self, block: int, depth: int | None, closed: Collection[str]) -> int:
        """Return the outermost block around a layer of this block that is shown as one line, or -1."""
        for level, around in enumerate(self._ancestry(block), 1):
            is_deep = depth is not None and level >= depth
            if around not in self.unfinished and (is_deep or self.graph.blocks[around].kind in closed):
                return around
        return -1

    def line(self, name: str) -> ReportLine | None:
        """Return the line of a layer or of a block of that name; None where there is none."""
        if not isinstance(name, str):
            return None
        if not self._in_blocks and self.graph.blocks:
            for row in self.rows:
                for block in self._ancestry(row.block):
                    self._in_blocks.setdefault(self.graph.blocks[block].name, (block, []))[1].append(row)
        if name in self._in_blocks:
            return self._line(*self._in_blocks[name])
        rows = self._rows_by_name()
        return self._line(-1, [rows[name]]) if name in rows else None

    def _line(self, block: int, rows: list[Row]) -> ReportLine:
        first, last = rows[0], rows[-1]
        if block < 0:
            return ReportLine(first.name, first.kind, first.input_shapes, first.output_shapes, first.total,
                        first.activations, first.arguments, first.shares, (first,))  # fmt: skip
        name, kind, _ = self.graph.blocks[block]
        activations = total(row.activations for row in rows)
        shapes = first.input_shapes, last.output_shapes
        return ReportLine(name, kind, *shapes, sum_rows(rows), activations, {}, "", tuple(rows), is_block=True)

    def parameter_shapes(self, names: str = "report") -> dict[str, tuple[int, ...]]:
        """Return the sizes of every parameter tensor, by name: `{"conv1.weight": (64, 3, 7, 7), …}`, shared ones once.

        `names` are those of the report (the layer's, a dot, the weight's), or with `"library"` those of the library
        whose config.json the network was read from, where its tensors may be joined, divided or transposed.
        Errors: `UsageError` for a network without names of a library.
        """
        shapes = self.tensor_shapes()
        if names == "report":
            return shapes
        if names != "library":
            raise UsageError(Problem(f"names is {names!r}", hint="names are those of the report or of the library"))
        naming = self.graph.naming
        if naming is None:
            hint = "they are known for a config.json whose family declares them"
            raise UsageError(Problem(f"{self.name or 'the network'} has no names of a library", hint=hint))
        from shapecalc.model.naming import library_shapes

        return library_shapes(naming, shapes)

    def tensor_shapes(self, sort: str = "parameters") -> dict[str, tuple[int, ...]]:
        """Return the sizes of tensors by the names of the report: `parameters`, `buffers`, or `shared` parameters."""
        found: dict[str, tuple[int, ...]] = {}
        for row in self.rows:
            found.update({f"{row.name}.{name}": tuple(shape) for name, shape in row.tensor_shapes(sort).items()})
        return found

    @property
    def in_features(self) -> Dim:
        """The `in_features` of a fully connected layer after this network.

        Errors: `UsageError` where the network has several outputs, `ShapeError` where its output is not known.
        """
        if not self.graph.outputs:
            raise ShapeError(self.problems, self)
        ref, *others = self.graph.outputs
        if others:
            names = list(self.outputs)
            message = f"{self.name or 'the network'} has several outputs: {', '.join(names)}"
            raise UsageError(Problem(message, hint=f'use one of them: net.infer()["{names[0]}"].out_features'))
        return self.shape_of(ref.node, ref.output).elements

    def to_dict(self) -> dict[str, Any]:
        """Return the report in the form of the JSON contract."""
        blocks = self._block_entries()
        return {
            "version": VERSION,
            "name": self.name,
            "layout": self.layout,
            **self.batch_to_dict(),
            **({"convention": self.convention} if self.convention != "torch" else {}),
            **self.gap_to_dict(),
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in self.inputs.items()},
            "layers": [row.to_dict() for row in self.rows],
            **({"blocks": blocks} if blocks else {}),
            "outputs": {name: list(sizes) for name, sizes in self.outputs.items()},
            "total": self.total._asdict(),
        }

    def batch_to_dict(self) -> dict[str, Any]:
        """Return the key of a batch in every JSON contract; empty for one sample."""
        return {"batch": self.batch} if self.batch != 1 else {}

    def gap_to_dict(self) -> dict[str, Any]:
        """Return the keys of a partial report in every JSON contract; empty for a complete one."""
        if self.is_complete:
            return {}
        problems = [problem.to_dict() for problem in self.problems]
        return {"complete": False, "missing": self.missing, "problems": problems}

    def _block_entries(self) -> list[dict[str, Any]]:
        members: dict[int, list[Row]] = {}
        for row in self.rows:
            block = row.block
            while block >= 0:
                members.setdefault(block, []).append(row)
                block = self.graph.blocks[block].parent
        return [
            {
                "name": self.graph.blocks[index].name,
                "kind": self.graph.blocks[index].kind,
                "first": rows[0].name,
                "last": rows[-1].name,
                **sum_rows(rows)._asdict(),
            }
            for index, rows in sorted(members.items())
        ]
