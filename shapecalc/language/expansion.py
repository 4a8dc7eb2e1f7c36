"""What a block comes to, kept: one used again with the same arguments is copied in place of being written out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.language.scope import Flow, Pending
from shapecalc.model.graph import Block, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.scope import Scope
    from shapecalc.layers.base.layer import Layer

__all__ = ["Expansion", "Inside", "Proto", "key_of"]


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
