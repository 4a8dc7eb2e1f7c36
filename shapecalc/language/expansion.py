"""What a block comes to, kept: one used again with the same arguments is copied in place of being written out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem
from shapecalc.language.reports import TooMuchError
from shapecalc.language.scope import Flow, Pending, full_name
from shapecalc.language.values import bad
from shapecalc.model.graph import Block, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.scope import Scope
    from shapecalc.layers.base.layer import Layer

__all__ = ["MAX_LAYERS", "Expansion", "Inside", "Proto", "Written", "key_of"]


class Proto:
    """A node whose references may not be settled yet."""

    __slots__ = ("block", "frozen", "inputs", "layer", "mark", "name", "uses")

    def __init__(
        self,
        name: str,
        layer: Layer | None,
        inputs: tuple[Flow, ...],
        mark: Mark,
        uses: tuple[tuple[str, Mark], ...],
        block: int,
        frozen: bool,
    ) -> None:
        self.name = name
        self.layer = layer
        self.inputs = inputs
        self.mark = mark
        self.uses = uses
        self.block = block
        self.frozen = frozen


class Inside(NamedTuple):
    """Where the layers of a block stand among the nodes, and what it gives."""

    flows: tuple[Flow, ...]
    start: int
    stop: int


class Expansion(NamedTuple):
    """One block written out: its nodes, the blocks within it, and where it (the first of `insides`) and they stood.

    `inputs` are the tensors that came in, `prefix` is the scoped name that every name in it begins with, `uses` what
    the block was used by, `mark` the one place of all that is in it, where it has one (a composite's), `kinds` the
    blocks that are used within.
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
        """Return an expansion that can be copied; None for one that takes what is not settled yet.

        `argument` is kept alive as long as the expansion is: where its identity is the key.
        """
        start = insides[0].start
        given = [flow for inside in insides for flow in inside.flows]
        for flow in (*given, *[flow for node in nodes for flow in node.inputs]):
            if flow not in inputs and (isinstance(flow, Pending) or flow.node < start):
                return None
        if any(flow in inputs[:index] for index, flow in enumerate(inputs)):
            return None  # which of the two a layer takes cannot be told
        return cls(
            tuple(nodes), tuple(blocks), tuple(insides), inputs, scope.prefix, scope.uses, scope.mark, scope.block,
            frozenset([block.kind for block in blocks]), argument,
        )  # fmt: skip

    def copy(self, start: int, scope: Scope, flow: tuple[Flow, ...]) -> tuple[list[Proto], list[Block], list[Inside]]:
        """Return the nodes, the blocks within, and where each stands, the block itself the first, for another use.

        `scope` is the block's own at that use, `start` the index of its first node, `flow` what comes in.
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
                Proto(new + node.name[old:], node.layer, inputs, mark, uses, node.block + further, node.frozen)
            )
        blocks = [Block(new + name[old:], kind, outer + further) for name, kind, outer in self.blocks]
        shift = start - self.insides[0].start
        insides = [
            Inside(tuple([move(ref) for ref in inside.flows]), inside.start + shift, inside.stop + shift)
            for inside in self.insides
        ]
        return nodes, blocks, insides

    def _mover(self, start: int, flow: tuple[Flow, ...]) -> Callable[[Flow], Flow]:
        """Return what a reference is where the block stands at `start` and takes `flow`."""
        moved: dict[Flow, Flow] = dict(zip(self.inputs, flow, strict=True))
        shift = start - self.insides[0].start

        def move(ref: Flow) -> Flow:
            found = moved.get(ref)
            if found is None:
                assert isinstance(ref, Reference)  # else it would not have been kept
                found = moved[ref] = Reference(ref.node + shift, ref.output)
            return found

        return move


def key_of(value: Any) -> Any:
    """Return what stands for an argument's value in a key, unlike for 1, 1.0 and true. Errors: `TypeError`."""
    if isinstance(value, (list, tuple)):
        return tuple([key_of(item) for item in value])
    if value is None or type(value) in (int, bool, float, str):
        return (type(value), value)
    raise TypeError(value)


MAX_LAYERS = 100_000
"""The most layers that one network may have, once every repetition is written out."""

MAX_NESTING = 40
"""The most blocks that may stand within one another."""

MAX_NAME = 400
"""The most characters of a name with those of the blocks that it stands in."""


class Written:
    """What is written out of a network so far, within its limits; a block that stands already is copied."""

    def __init__(self) -> None:
        self.nodes: list[Proto] = []
        self.instances: list[Block] = []
        self.shares: list[tuple[int, int, Pending]] = []
        self._insides: list[Inside] = []
        self._expansions: dict[Any, Expansion] = {}
        self._named: dict[str, Inside] = {}

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
        """Return what a block gives: written out, or where the same stands already, copied from there."""
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

    def _check_room(self, mark: Mark, scope: Scope) -> None:
        """Hold the limits of blocks, for one more of them."""
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
        """Tell whether a copy stays within the limits; what does not is written out, up to where the limit is."""
        layers, blocks = len(self.nodes) + len(known.nodes), len(self.instances) + len(known.blocks)
        return layers <= MAX_LAYERS and blocks <= MAX_LAYERS

    def look_up(self, pending: Pending) -> Flow | Problem:
        """Return what a name stands for, or what is wrong with it.

        A name with dots in it may be one inside of a block: `layer2.0.conv1`, `layer2.0`.
        """
        scope, name = pending.scope, pending.name
        if "." in name and name not in scope.flows:
            if not self._named:
                self._named = {node.name: Inside((Reference(i),), i, i + 1) for i, node in enumerate(self.nodes)}
                self._named.update(zip([block.name for block in self.instances], self._insides, strict=True))
            inside = self._named.get(full_name(scope, name))
            if inside is not None:
                scope.define(name, inside.flows, (inside.start, inside.stop))
        return scope.look_up(pending)
