"""What the nodes of a program do with its tensors."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.importers.pytorch.operations import split_target
from shapecalc.importers.pytorch.program import PARAMETER, ProgramGraph, Ref
from shapecalc.importers.widths import stored_as

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from shapecalc.importers.pytorch.program import AtenNode, Program, StoredInput
    from shapecalc.model.graph import Stored

__all__ = ["PRODUCTS", "Uses", "note_on_unused", "parameter_widths", "refs_of", "unused_parameters"]

_WEIGHTS = (
    "weight",
    "bias",
    "params",
    "w_ih",
    "w_hh",
    "b_ih",
    "b_hh",
    "qkv_weight",
    "qkv_bias",
    "proj_weight",
    "proj_bias",
)
"""Names of arguments that are weights."""
_FACTORS = {
    "addmm": ("self", "mat2"),
    "mm": ("mat2",),
    "matmul": ("other",),
    "bmm": ("mat2",),
    "_grouped_mm": ("mat2",),
}
"""Arguments that are weights, if they are stored tensors of two axes."""
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "addbmm", "matmul", "linear", "einsum")
"""Operations whose MACs count, also where they compute a weight of parameters: those that PyTorch's counter counts."""


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, list):
        for one in value:
            yield from _refs(one)


def refs_of(node: AtenNode) -> list[str]:
    """Return the names of the tensors and numbers that a node uses."""
    found: list[str] = []
    for value in node.arguments.values():
        if isinstance(value, Ref):
            found.append(value.name)
        elif isinstance(value, list):
            found += _refs(value)
    return found


def unused_parameters(program: Program, used: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return the names and sizes of the parameters that the module holds and no node uses."""
    held = {one.identity for key, one in program.stored.items() if key in used}
    spare = {one.identity: one for key, one in program.stored.items()
             if one.kind == PARAMETER and one.identity not in held}  # fmt: skip
    return {one.name: one.dims for one in spare.values()}


def note_on_unused(spare: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the note on parameters that no node uses."""
    if not spare:
        return []
    first, elements = next(iter(spare)), sum(map(prod, spare.values()))
    shown = first if len(spare) == 1 else f"{first} and {len(spare) - 1:,} more"
    return [f"not used, and not counted: {shown} ({count_noun(elements, 'parameter')})"]


def parameter_widths(stored: Mapping[str, StoredInput], held: Collection[str], name: str) -> Stored | None:
    """Return how wide the parameters are that layers hold; None if all have 32 bits. Both by their identities."""
    return stored_as(
        [(one.name, one.bits, prod(one.dims)) for key, one in stored.items() if one.kind == PARAMETER and key in held],
        name,
    )


class Uses:
    """Which tensors of a graph are used, and which become weights of a layer."""

    def __init__(self, graph: ProgramGraph, constants: Iterable[str] = ()) -> None:
        self._constants = constants
        self.refs = [refs_of(node) for node in graph.nodes]
        """The names of the tensors and numbers that each node uses."""
        self.names = {name for refs in self.refs for name in refs}
        self.outputs = [name for one in graph.outputs for name in _refs(one)]
        self.names.update(self.outputs)
        self._weights: set[str] | None = None
        self._graph = graph

    def feed_weights(self, outputs: Iterable[str]) -> bool:
        """Return whether one of these becomes a weight of a layer, perhaps after further operations."""
        if self._weights is None:
            self._weights = _weights_of(self._graph, self._constants)
        return any(name in self._weights for name in outputs)


def _weights_of(graph: ProgramGraph, constants: Iterable[str]) -> set[str]:
    """Return the tensors that become weights, of those that depend on no input.

    Of a linear layer the product of parameters is none: it is multiplied by as any other output of a layer.
    """
    known = {*constants, *graph.numbers}
    for node in graph.nodes:
        if known.issuperset(refs_of(node)):
            known.update(node.outputs)
    found: set[str] = set()
    needed: set[str] = set()  # by layers whose weights are stored, as those of convolutions
    for node in reversed(graph.nodes):
        op = split_target(node.target)[0]
        if op != "embedding":
            for key in (*_WEIGHTS, *_FACTORS.get(op, ())):
                names = [name for name in _refs(node.arguments.get(key)) if name in known]
                most = 3 if op in ("bmm", "_grouped_mm") else 2
                found.update(name for name in names if key in _WEIGHTS or len(graph.stated.get(name, ())) <= most)
                needed.update(names if key in _WEIGHTS and op != "linear" else ())
        if not needed.isdisjoint(node.outputs):
            needed.update(refs_of(node))
        elif op in PRODUCTS:
            found.difference_update(node.outputs)
        if not found.isdisjoint(node.outputs):
            found.update(refs_of(node))
    return found
