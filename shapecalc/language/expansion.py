"""Expanded blocks, cached: one used again with the same arguments is copied instead of expanded again."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, did_you_mean
from shapecalc.language.reports import TooMuchError
from shapecalc.language.scope import Flow, Pending, Scope, declared_names, full_name
from shapecalc.language.values import bad
from shapecalc.model.graph import Block, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.language.entries import Effort, Entry
    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["MAX_LAYERS", "Expansion", "Inside", "Proto", "Written", "key_of"]


class Proto:
    """A node whose references may not be resolved yet."""

    __slots__ = ("block", "frozen", "held", "inputs", "layer", "mark", "name", "uses")

    def __init__(
        self,
        name: str,
        layer: Layer | None,
        inputs: tuple[Flow, ...],
        mark: Mark,
        uses: tuple[tuple[str, Mark], ...],
        block: int,
        frozen: bool,
        held: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.layer = layer
        self.inputs = inputs
        self.mark = mark
        self.uses = uses
        self.block = block
        self.frozen = frozen
        self.held = held


class Inside(NamedTuple):
    """The range of a block's layers among the nodes, and its outputs."""

    flows: tuple[Flow, ...]
    start: int
    stop: int


class Expansion(NamedTuple):
    """One expanded block: its nodes, the blocks within it, and the ranges of both (its own is the first of `insides`).

    `inputs` are its input tensors, `prefix` is the scoped name that every name in it begins with, `uses` the uses of
    the block, `mark` the common location of everything in it (None, except for a composite), `kinds` the blocks that
    are used within.
    """

    nodes: tuple[Proto, ...]
    blocks: tuple[Block, ...]
    insides: tuple[Inside, ...]
    inputs: tuple[Flow, ...]
    prefix: str
    uses: tuple[tuple[str, Mark], ...]
    mark: Mark | None
    first: int
    kinds: frozenset[str]
    argument: Any

    @classmethod
    def of(
        cls,
        nodes: Sequence[Proto],
        blocks: Sequence[Block],
        insides: Sequence[Inside],
        inputs: tuple[Flow, ...],
        scope: Scope,
        argument: Any,
    ) -> Expansion | None:
        """Return an expansion that can be copied; None for one whose inputs are not resolved yet.

        `argument` is kept alive as long as the expansion, if its identity is the key.
        """
        start = insides[0].start
        given = [flow for inside in insides for flow in inside.flows]
        for flow in (*given, *[flow for node in nodes for flow in node.inputs]):
            if flow not in inputs and (isinstance(flow, Pending) or flow.node < start):
                return None
        if any(flow in inputs[:index] for index, flow in enumerate(inputs)):
            return None  # which of the two a layer uses is ambiguous
        return cls(
            tuple(nodes), tuple(blocks), tuple(insides), inputs, scope.prefix, scope.uses, scope.mark, scope.block,
            frozenset([block.kind for block in blocks]), argument,
        )  # fmt: skip

    def copy(self, start: int, scope: Scope, flow: tuple[Flow, ...]) -> tuple[list[Proto], list[Block], list[Inside]]:
        """Return the nodes, the blocks within, and the range of each, the block itself first, for another use.

        `scope` is the block's own at that use, `start` the index of its first node, `flow` its inputs.
        """
        move = self._mover(start, flow)
        old, new, further = len(self.prefix), scope.prefix, scope.block - self.first
        all_uses: dict[int, tuple[tuple[str, Mark], ...]] = {}
        beyond = len(self.uses)
        nodes = []
        for node in self.nodes:
            uses = all_uses.get(id(node.uses))
            if uses is None:
                uses = all_uses[id(node.uses)] = (*node.uses[: len(node.uses) - beyond], *scope.uses)
            inputs = tuple([move(ref) for ref in node.inputs])
            mark = scope.mark or node.mark
            nodes.append(
                Proto(
                    new + node.name[old:], node.layer, inputs, mark, uses, node.block + further, node.frozen, node.held
                )
            )
        blocks = [Block(new + name[old:], kind, outer + further) for name, kind, outer in self.blocks]
        shift = start - self.insides[0].start
        insides = [
            Inside(tuple([move(ref) for ref in inside.flows]), inside.start + shift, inside.stop + shift)
            for inside in self.insides
        ]
        return nodes, blocks, insides

    def _mover(self, start: int, flow: tuple[Flow, ...]) -> Callable[[Flow], Flow]:
        """Return a function that moves references to a block at `start` whose inputs are `flow`."""
        moved: dict[Flow, Flow] = dict(zip(self.inputs, flow, strict=True))
        shift = start - self.insides[0].start

        def move(ref: Flow) -> Flow:
            found = moved.get(ref)
            if found is None:
                assert isinstance(ref, Reference)  # else it would not have been cached
                found = moved[ref] = Reference(ref.node + shift, ref.output)
            return found

        return move


def key_of(value: Any) -> Any:
    """Return the key of an argument's value, which differs for 1, 1.0 and true. Errors: `TypeError`."""
    if isinstance(value, (list, tuple)):
        return tuple([key_of(item) for item in value])
    if value is None or type(value) in (int, bool, float, str):
        return (type(value), value)
    raise TypeError(value)


MAX_LAYERS = 100_000
"""The maximum number of layers of a network, with every repetition expanded."""

MAX_STEPS = 3 * MAX_LAYERS
"""The maximum number of items to expand, including empty blocks and layers left out.

A long expression, one that uses long lists, and a block with arguments count as several.
"""

_ITEMS_A_STEP = 10

MAX_NESTING = 40
"""The maximum nesting of blocks."""

MAX_NAME = 400
"""The maximum length of a name with those of the blocks around it."""

_MOST_ALIKE = 100  # layers of one name that a hint looks through


class Written:
    """The nodes expanded so far, within limits; a block that was expanded before is copied."""

    def __init__(self, blocks: Mapping[str, BlockDefinition]) -> None:
        self.blocks = blocks
        self.nodes: list[Proto] = []
        self.instances: list[Block] = []
        self.shares: list[tuple[int, int, Pending]] = []
        self._insides: list[Inside] = []
        self._expansions: dict[Any, Expansion] = {}
        self._named: dict[str, Inside] = {}
        self._alike: dict[str, list[str]] = {}
        self._taken: dict[int, set[str]] = {}
        self.steps = 0

    def _count_steps(self, entry: Entry, scope: Scope, work: Effort, lists: int) -> None:
        """Enforce the limit of steps, for some work with variables whose lists have this many items."""
        self._add_steps(1 + work.steps + work.walks * lists // _ITEMS_A_STEP, entry.mark, scope)

    def _add_steps(self, steps: int, mark: Mark, scope: Scope) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            message, hint = (
                f"expanding its blocks and repeats needs more than {MAX_STEPS:,} steps",
                "repeat it less often",
            )
            raise TooMuchError(Problem(message, mark, hint=hint, also=scope.uses))

    def _add(self, proto: Proto, scope: Scope) -> Reference:
        if len(self.nodes) >= MAX_LAYERS:
            message, hint = (
                f"the network has more than {MAX_LAYERS:,} layers",
                "leave some out, or repeat them less often",
            )
            raise TooMuchError(Problem(message, proto.mark, hint=hint, also=scope.uses))
        self.nodes.append(proto)
        return Reference(len(self.nodes) - 1)

    def _expansion(
        self, key: Any, argument: Any, inner: Scope, flow: tuple[Flow, ...], write_out: Callable[[], tuple[Flow, ...]]
    ) -> tuple[Flow, ...]:
        """Return the outputs of a block: expanded, or copied from an equal one that was expanded before."""
        start, shares = len(self.nodes), len(self.shares)
        known = self._expansions.get(key) if key is not None else None
        if known is not None and self._has_room_for(known) and not known.kinds & {*inner.stack}:
            nodes, blocks, insides = known.copy(start, inner, flow)
            self.nodes += nodes
            self.instances += blocks
            self._insides[inner.block :] = insides
            return insides[0].flows
        flows = write_out()
        self._insides[inner.block] = Inside(flows, start, len(self.nodes))
        if key is not None and known is None and len(self.shares) == shares:
            found = Expansion.of(
                self.nodes[start:],
                self.instances[inner.block + 1 :],
                self._insides[inner.block :],
                flow,
                inner,
                argument,
            )
            if found is not None:
                self._expansions[key] = found
        return flows

    def _inner_scope(
        self, kind: str, entries: Sequence[Value], scope: Scope, flow: tuple[Flow, ...], name: str, frozen: bool
    ) -> Scope:
        inputs = {f"input{i + 1}" if i else "input": tensor for i, tensor in enumerate(flow)}
        taken = self._taken.get(id(entries))
        if taken is None:
            taken = self._taken[id(entries)] = declared_names(entries)
        inner = Scope(f"{full_name(scope, name)}.", inputs, taken, scope.waiting)
        inner.stack = (*scope.stack, kind)
        inner.frozen = frozen
        inner.block = len(self.instances)
        self.instances.append(Block(full_name(scope, name), kind, scope.block))
        self._insides.append(Inside((), 0, 0))  # known once it is expanded
        return inner

    def _check_room(self, mark: Mark, scope: Scope) -> None:
        """Enforce the limits of blocks, for one more of them."""
        if len(scope.stack) >= MAX_NESTING:
            raise bad(f"blocks are nested more than {MAX_NESTING} deep", mark)
        if len(scope.prefix) > MAX_NAME:
            raise bad(f"the names of the blocks around it are more than {MAX_NAME} characters", mark)
        if len(self.instances) >= MAX_LAYERS:
            message, hint = (
                f"the network has more than {MAX_LAYERS:,} blocks",
                "leave some out, or repeat them less often",
            )
            raise TooMuchError(Problem(message, mark, hint=hint, also=scope.uses))

    def _has_room_for(self, known: Expansion) -> bool:
        """Return whether a copy stays within the limits; if not, the block is expanded, up to the limit."""
        layers, blocks = len(self.nodes) + len(known.nodes), len(self.instances) + len(known.blocks)
        return layers <= MAX_LAYERS and blocks <= MAX_LAYERS

    def look_up(self, pending: Pending, dependents: Callable[[], Collection[int]] = tuple) -> Flow | Problem:
        """Return what a name refers to, or its problem; `dependents` returns the nodes that cannot be meant.

        A name with dots may be inside a block: `layer2.0.conv1`, `layer2.0`.
        """
        scope, name = pending.scope, pending.name
        if "." in name and name not in scope.flows:
            inside = self._by_name().get(full_name(scope, name))
            if inside is not None:
                scope.define(name, inside.flows, (inside.start, inside.stop))
            elif scope.spans.get(owner := name.partition(".")[0]) and self._names_within(scope, owner):
                hint = did_you_mean(name, self._names_within(scope, owner))
                return Problem(f"no layer, block or input is called {name} here", pending.mark, hint=hint)
        return scope.look_up(pending, self.blocks, dependents, partial(self._within, scope, dependents))

    def _by_name(self) -> dict[str, Inside]:
        """Return all layers and blocks by their full names."""
        if not self._named:
            self._named = {node.name: Inside((Reference(i),), i, i + 1) for i, node in enumerate(self.nodes)}
            self._named.update(zip([block.name for block in self.instances], self._insides, strict=True))
        return self._named

    def _within(self, scope: Scope, dependents: Callable[[], Collection[int]], name: str) -> list[str]:
        """Return the layers and blocks of a name within the blocks of a scope, as they are referred to there."""
        prefix, end = scope.prefix, f".{name}"
        if not self._alike:  # whole names by what they end with, sorted
            for one in sorted(self._by_name()):
                self._alike.setdefault(one.rpartition(".")[2], []).append(one)
        alike = self._alike.get(name.rpartition(".")[2], ())
        first = bisect_left(alike, prefix)
        found = [one for one in alike[first : first + _MOST_ALIKE] if one.startswith(prefix) and one.endswith(end)]
        found.sort(key=lambda one: self._named[one].start)
        never = sorted(dependents()) if found else []
        spans = {one: (self._named[one].start, self._named[one].stop) for one in found}
        return [
            one.removeprefix(prefix) for one, (a, b) in spans.items() if bisect_left(never, a) == bisect_left(never, b)
        ]

    def _names_within(self, scope: Scope, block: str) -> list[str]:
        """Return the names of the layers and blocks within a block of a scope, as they are referred to there."""
        prefix = len(scope.prefix)
        return [name[prefix:] for name in self._named if name.startswith(full_name(scope, f"{block}."))]
