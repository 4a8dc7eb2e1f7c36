"""One run of a decoder that has a cache: a step of decoding (one new token), or a chunk of a prompt (prefill).

The decoder is inferred with that many tokens in place of its own sequence; all tokens before them are in the cache.
Its sequence is the axis of an input that all of its causal attention (or its recurrences) has as its length: only this
axis changes, so that the source of an encoder-decoder keeps its length, and no variable has to have a certain name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import ShapeError
from shapecalc.layers.base.roles import OUTPUT
from shapecalc.model.inference import infer
from shapecalc.questions.memory.plan import Storage, stored
from shapecalc.questions.memory.weights.tensors import roles_of_projections

if TYPE_CHECKING:
    from collections.abc import Collection
    from fractions import Fraction

    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = [
    "SCORE_BITS", "Decoder", "Scores", "decoder_of", "length_of", "scores_of", "with_length", "with_scores",
    "with_sizes_of", "without_idle",
]  # fmt: skip

SCORE_BITS = 32
"""Bits of the softmax of eager attention, in fp32 (transformers: eager_attention_forward)."""

_UNLIMITED = 0


class Scores(NamedTuple):
    """The scores of a layer of attention: `heads` of them for each pair of a query and a key.

    It has `queries`; its keys are all tokens up to the last one, but no more than those within the `window` of any
    query (0: all), or if they are not those of the decoder `keys`.
    """

    heads: int
    queries: int
    window: int
    keys: int = 0

    def elements(self, tokens: int) -> int:
        """Return the number of scores after that many tokens, those that run included."""
        within = self.window - 1 + self.queries  # the first query needs so many before it
        keys = self.keys or (min(tokens, within) if self.window else tokens)
        return self.heads * self.queries * keys

    def bytes(self, tokens: int, bits: int | Fraction) -> int:
        """Return the bytes of the scores, and of their softmax."""
        elements = self.elements(tokens)
        return stored(elements, bits) + stored(elements, SCORE_BITS)


class Decoder(NamedTuple):
    """A decoder, and the axes of inputs (name, axis) that its sequence is; empty where it is no axis of an input."""

    report: Report
    axes: tuple[tuple[str, int], ...]

    def run_of(self, tokens: int) -> Report:
        """Return the report of a run over that many tokens; its own where its sequence is no axis of an input."""
        if not self.axes:
            return self.report
        graph = with_length(self.report.graph, self.axes, tokens)
        return infer(graph, batch=self.report.batch, layout=self.report.layout)

    def idle(self) -> frozenset[int]:
        """Return the layers that do not run in a step of decoding: those of the source alone."""
        names = list(self.report.graph.inputs)
        own = {-1 - names.index(name) for name, _ in self.axes} or {-1 - i for i in range(len(names))}
        of_source: list[bool] = []
        runs: list[bool] = []
        for row in self.report.rows:
            before = [ref.node for ref in row.node.inputs]
            runs.append(any(node in own if node < 0 else runs[node] for node in before))
            of_source.append(any(node not in own if node < 0 else of_source[node] for node in before))
        return frozenset(i for i, (source, run) in enumerate(zip(of_source, runs, strict=True)) if source and not run)

    def after_output(self) -> frozenset[int]:
        """Return the layers that compute the scores of the next token: the output layer, and those after it."""
        roles = roles_of_projections(self.report)
        tail: set[int] = set()
        for index, row in enumerate(self.report.rows):
            if roles.get(index) == OUTPUT or any(ref.node in tail for ref in row.node.inputs):
                tail.add(index)
        return frozenset(tail)


def decoder_of(report: Report) -> Decoder:
    """Return a decoder with the axes of its sequence."""
    length = length_of(report)
    if length is None:
        return Decoder(report, ())
    graph = report.graph
    every = tuple(
        (name, axis) for name, shape in graph.inputs.items() for axis, size in enumerate(shape.sizes) if size == length
    )
    probed = 1 if length > 1 else 2
    candidates = [*((axis,) for axis in every), every]
    return Decoder(report, next((axes for axes in candidates if axes and _follows(graph, axes, probed)), ()))


def _follows(graph: Graph, axes: Collection[tuple[str, int]], length: int) -> bool:
    """Return whether all layers with a cache have a length if these axes of the inputs have it."""
    try:
        return length_of(infer(with_length(graph, axes, length))) == length
    except ShapeError:
        return False


def with_length(graph: Graph, axes: Collection[tuple[str, int]], length: int) -> Graph:
    """Return a network with another length of its sequence."""
    inputs = {
        name: shape._replace(
            sizes=tuple([length if (name, axis) in axes else size for axis, size in enumerate(shape.sizes)])
        )
        for name, shape in graph.inputs.items()
    }
    return graph._replace(inputs=inputs, warnings=())


def length_of(report: Report) -> int | None:
    """Return the length that all layers with a cache have in common: attention, or else recurrences."""
    for lengths in (_lengths(report, "kv_cache"), _lengths(report, "state_cache")):
        if lengths:
            return lengths.pop() if len(lengths) == 1 else None
    return None


def _lengths(report: Report, cache: str) -> set[int]:
    return {
        row.sizing.inputs[0].sizes[row.node.layer.step_axis]
        for row in report.rows
        if row.node.layer and getattr(row.node.layer, cache)(*row.sizing.inputs)
    }


def without_idle(plan: MemoryPlan, idle: Collection[int]) -> MemoryPlan:
    """Return a plan without the steps of some layers: what these write is not in memory."""
    if not idle:
        return plan
    kept = [index for index, step in enumerate(plan.steps) if step.node not in idle]
    number = {index: i for i, index in enumerate(kept)}
    gone = {storage for step in plan.steps if step.node in idle for storage in step.writes}
    gone |= {i for i in range(plan.inputs) if not number.keys() & plan.storages[i].users and plan.storages[i].users}

    def reduced(index: int, storage: Storage) -> Storage:
        users = frozenset(number[user] for user in storage.users if user in number)
        return storage._replace(size=0 if index in gone else storage.size, users=users)

    storages = tuple([reduced(i, storage) for i, storage in enumerate(plan.storages)])
    return plan._replace(storages=storages, steps=tuple([plan.steps[index] for index in kept]))


def with_sizes_of(plan: MemoryPlan, other: MemoryPlan, nodes: Collection[int]) -> MemoryPlan:
    """Return a plan in which what some layers write has the size that it has in another plan of the same steps."""
    written = {storage for step in plan.steps if step.node in nodes for storage in step.writes}
    pairs = zip(plan.storages, other.storages, strict=True)
    storages = tuple([theirs if i in written else ours for i, (ours, theirs) in enumerate(pairs)])
    return plan._replace(storages=storages)


def scores_of(row: Row) -> Scores | None:
    """Return the scores of a layer of attention; None for any other."""
    layer, inputs = row.node.layer, row.sizing.inputs
    assert layer is not None
    heads = layer.score_heads(*inputs)
    if not heads:
        return None
    queries = inputs[0].sizes[-2]
    if layer.kv_cache(*inputs):
        return Scores(heads, queries, layer.cache_window() or _UNLIMITED)
    _, source = layer.cross_kv_cache(*inputs)
    return Scores(heads, queries, _UNLIMITED, source or queries)


def with_scores(plan: MemoryPlan, report: Report, tokens: int | None, bits: int | Fraction) -> MemoryPlan:
    """Return a plan in which layers of attention have their scores in memory while they run.

    `tokens` are those up to the last one that runs; None without a cache: as many as run.
    """
    steps = []
    for step in plan.steps:
        scores = scores_of(report.rows[step.node])
        size = scores.bytes(scores.queries if tokens is None else tokens, bits) if scores else 0
        steps.append(step._replace(temporary=report.batch * size) if size else step)
    return plan._replace(steps=tuple(steps))
