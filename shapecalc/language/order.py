"""Resolution of references: names looked up, cycles found, nodes ordered by computation, unused ones reported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from shapecalc.errors import Problem, count_noun
from shapecalc.language.scope import Flow, Pending
from shapecalc.model.graph import Node, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.builder import GraphBuilder, Proto

__all__ = ["Settled", "settle"]

_LISTED = 6
_Key: TypeAlias = tuple[int, str, int | str]
"""A name in its scope, and the number of the output."""


class Settled:
    """The nodes of a network with resolved references, and its outputs; `notes` are about what was left out."""

    def __init__(self, nodes: tuple[Node, ...], outputs: tuple[Reference, ...], notes: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.outputs = outputs
        self.notes = notes


def settle(builder: GraphBuilder, outputs: Sequence[Flow], *, stated: bool, inputs: Mapping[str, Mark]) -> Settled:
    """Return the nodes in the order of computation.

    `stated` is whether the specification names its outputs: then layers that they do not need are left out, with a
    note; otherwise an unused layer is a problem. Problems are added to the builder's.
    """
    protos = builder.nodes
    known: dict[_Key, Reference | None] = {}
    settled = [tuple([_follow(flow, builder, known, node) for flow in one.inputs]) for node, one in enumerate(protos)]
    ends = tuple(ref for ref in (_follow(flow, builder, known, len(protos)) for flow in outputs) if ref is not None)
    shares = _shares(builder)
    order = _order(protos, settled, builder)
    needed = _needed(settled, ends, shares)
    notes: tuple[str, ...] = ()
    broken = bool(builder.problems)
    if stated and ends:
        notes = _left_out(protos, needed)
        order = [index for index in order if index in needed]
    elif not broken:
        _report_unused(protos, settled, needed, builder, list(inputs))
    if not broken:
        notes += _unused_inputs(
            [settled[index] for index in order], ends, inputs, builder, stated=stated and bool(ends)
        )
    place = {old: new for new, old in enumerate(order)}
    nodes = tuple([_node(protos[old], settled[old], shares.get(old, -1), place) for old in order])
    ends = tuple(_moved(ref, place) for ref in ends if ref.node < 0 or ref.node in place)
    return Settled(nodes, ends, notes)


def _node(proto: Proto, inputs: tuple[Reference | None, ...], owner: int, place: dict[int, int]) -> Node:
    refs = tuple([_moved(ref, place) for ref in inputs if ref is not None])
    layer = proto.layer if len(refs) == len(inputs) else None
    mark, uses = proto.mark, proto.uses
    return Node(proto.name, layer, refs, mark, uses, place.get(owner, -1), proto.frozen, proto.block, proto.held)


def _moved(ref: Reference, place: dict[int, int]) -> Reference:
    return ref if ref.node < 0 or place[ref.node] == ref.node else Reference(place[ref.node], ref.output)


def _dependents(builder: GraphBuilder, node: int) -> set[int]:
    """Return a node and the later ones that depend on it: none where layers or problems are many, for it takes long."""
    found: set[int] = set()
    is_quick = len(builder.problems) < _MANY and len(builder.nodes) <= _MANY_NODES
    for index in range(node, len(builder.nodes) if is_quick else node):
        inputs = builder.nodes[index].inputs
        if index == node or any(isinstance(flow, Reference) and flow.node in found for flow in inputs):
            found.add(index)
    return found


_MANY, _MANY_NODES = 20, 1_000


def _follow(flow: Flow, builder: GraphBuilder, known: dict[_Key, Reference | None], node: int) -> Reference | None:
    """Return the tensor of a reference, through names that refer to names; if there is none, report it and return None.

    `node` is the index of the layer with this input; the outputs of those that depend on it cannot be meant.
    Resolved names are kept in `known`: chains of names may be long, and many names may share one.
    """
    passed: dict[_Key, None] = {}
    found: Reference | None = None
    while isinstance(flow, Pending):
        key = (id(flow.scope), flow.name, flow.output)
        if key in known:
            found = known[key]
            break
        if key in passed:
            builder.report(Problem(f"{flow.name} refers to itself", flow.mark), flow.scope)
            break
        passed[key] = None
        further = builder.look_up(flow, partial(_dependents, builder, node))
        if isinstance(further, Problem):
            builder.report(further, flow.scope)
            break
        flow = further
    else:
        found = flow
    if found is not None:
        known.update(dict.fromkeys(passed, found))
    return found


def _shares(builder: GraphBuilder) -> dict[int, int]:
    """Return, for each node that shares the weights of another, the index of that other."""
    shares: dict[int, int] = {}
    for start, stop, pending in builder.shares:
        found = builder.look_up(pending)
        span = pending.scope.spans.get(pending.name)
        if span is None:
            problem = found if isinstance(found, Problem) else Problem(f"{pending.name} is not a layer", pending.mark)
            builder.report(problem, pending.scope)
            continue
        theirs = range(*span)
        if span == (start, stop):
            builder.report(Problem(f"{pending.name} cannot share its own weights", pending.mark), pending.scope)
        elif not _are_alike(builder.nodes[start:stop], builder.nodes[span[0] : span[1]]):
            reason = "its layers are not those of the one that shares them"
            builder.report(Problem(f"the weights of {pending.name} do not fit: {reason}", pending.mark), pending.scope)
        else:
            shares.update(zip(range(start, stop), theirs, strict=True))
    return _first_owners(shares, builder)


def _first_owners(shares: dict[int, int], builder: GraphBuilder) -> dict[int, int]:
    """Return the owner of the weights of each node: sharing with a sharing layer means sharing with its owner."""
    owners: dict[int, int] = {}
    cycles: set[int] = set()
    for node in shares:
        path: dict[int, None] = {}
        at = node
        while at in shares and at not in path and at not in owners and at not in cycles:
            path[at] = None
            at = shares[at]
        if at in path:
            proto = builder.nodes[node]
            hint = "give one of them its own weights"
            builder.problems.append(
                Problem("layers share each other's weights in a cycle", proto.mark, proto.name, hint=hint)
            )
        if at in path or at in cycles:
            cycles.update(path)
        else:
            owners.update(dict.fromkeys(path, owners.get(at, at)))
    return owners


def _are_alike(mine: Sequence[Proto], theirs: Sequence[Proto]) -> bool:
    """Return whether layers may share weights: blocks of the same kinds in order, or any two single layers.

    (A language model's last linear layer uses the embedding's table; sizes are checked when they are known.)
    """
    if len(mine) == len(theirs) == 1:
        return True
    return len(mine) == len(theirs) and all(_kind(a) == _kind(b) for a, b in zip(mine, theirs, strict=True))


def _kind(proto: Proto) -> str:
    return proto.layer.kind if proto.layer else "?"


def _order(
    protos: Sequence[Proto],
    inputs: Sequence[tuple[Reference | None, ...]],
    builder: GraphBuilder,
) -> list[int]:
    """Return the nodes in topological order: the written order if possible."""
    if all(ref is None or ref.node < index for index, refs in enumerate(inputs) for ref in refs):
        return list(range(len(protos)))
    import heapq  # rare: for specifications with forward references

    takers: dict[int, list[int]] = {}
    waits = [0] * len(protos)
    for index, refs in enumerate(inputs):
        for ref in refs:
            if ref is not None and ref.node >= 0:
                takers.setdefault(ref.node, []).append(index)
                waits[index] += 1
    ready = [index for index, count in enumerate(waits) if not count]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for taker in takers.get(index, ()):
            waits[taker] -= 1
            if not waits[taker]:
                heapq.heappush(ready, taker)
    if len(order) < len(protos):
        _report_cycle(protos, inputs, set(order), builder)
        return []
    return order


def _report_cycle(
    protos: Sequence[Proto], inputs: Sequence[tuple[Reference | None, ...]], done: set[int], builder: GraphBuilder
) -> None:
    """Report one cycle among the nodes that could not be ordered."""
    index = next(i for i in range(len(protos)) if i not in done)
    path: dict[int, None] = {}
    while index not in path:
        path[index] = None
        index = next(ref.node for ref in inputs[index] if ref is not None and ref.node >= 0 and ref.node not in done)
    cycle = list(path)[list(path).index(index) :][::-1]
    start = cycle.index(min(cycle))
    cycle = [*cycle[start:], *cycle[:start]]
    names = [protos[i].name for i in cycle]
    shown = names if len(names) <= _LISTED else [*names[: _LISTED - 1], "…", names[-1]]
    first = protos[cycle[0]]
    builder.problems.append(
        Problem(
            f"the layers form a cycle: {' → '.join([*shown, names[0]])}",
            first.mark,
            first.name,
            hint="a network has no cycles: change the input (from:) of one of them to an earlier layer",
        )
    )


def _needed(
    inputs: Sequence[tuple[Reference | None, ...]], outputs: Sequence[Reference], shares: dict[int, int]
) -> set[int]:
    """Return the nodes that the outputs depend on."""
    needed: set[int] = set()
    waiting = [ref.node for ref in outputs if ref.node >= 0]
    while waiting:
        index = waiting.pop()
        if index in needed:
            continue
        needed.add(index)
        waiting += [ref.node for ref in inputs[index] if ref is not None and ref.node >= 0]
        if index in shares:
            waiting.append(shares[index])
    return needed


def _left_out(protos: Sequence[Proto], needed: set[int]) -> tuple[str, ...]:
    names = [proto.name for index, proto in enumerate(protos) if index not in needed]
    if not names:
        return ()
    shown = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return (f"left out, since the outputs do not need it: {count_noun(len(names), 'layer')} ({shown})",)


def _report_unused(
    protos: Sequence[Proto],
    inputs: Sequence[tuple[Reference | None, ...]],
    needed: set[int],
    builder: GraphBuilder,
    names: Sequence[str],
) -> None:
    """Report the layers whose output is not used: not those that only lead to such a layer."""
    used = {ref.node for refs in inputs for ref in refs if ref is not None}
    unused = [index for index in range(len(protos)) if index not in needed and index not in used]
    if not unused:
        return
    from shapecalc.model.copies import gathered  # only if there are problems

    builder.problems += gathered(
        Problem(
            "the output of this layer is not used",
            protos[index].mark,
            protos[index].name,
            hint=_one_branch(protos, inputs, index, names)
            or f"use it in a later layer (from: {protos[index].name}), list it under outputs:, or remove the layer",
            also=protos[index].uses,
        )
        for index in unused
    )


def _one_branch(
    protos: Sequence[Proto], inputs: Sequence[tuple[Reference | None, ...]], index: int, names: Sequence[str]
) -> str:
    """Return the hint that the next layer merges one branch, which the unused layer should be the other of.

    `names` are those of the network's inputs; a block refers to what is outside it as `input`.
    """
    after = protos[index + 1] if index + 1 < len(protos) else None
    if after is None or not after.layer or not after.layer.branches or len(inputs[index + 1]) != 1:
        return ""
    (ref,) = inputs[index + 1]
    scope = after.name[: after.name.rfind(".") + 1]
    if ref is None or not protos[index].name.startswith(scope):
        return ""
    given = protos[ref.node].name if ref.node >= 0 else "" if scope else names[-1 - ref.node]
    other = given.removeprefix(scope) if given.startswith(scope) and given else "input"
    own = protos[index].name.removeprefix(scope)
    item = f"{after.layer.kind}: {other}"
    return f"{after.name} has one branch: write `- {item}`, without brackets, to merge it with {own}"


def _unused_inputs(
    inputs: Sequence[tuple[Reference | None, ...]],
    outputs: Sequence[Reference],
    marks: Mapping[str, Mark],
    builder: GraphBuilder,
    *,
    stated: bool,
) -> tuple[str, ...]:
    """Return a note on inputs that no layer uses, if the outputs are stated; otherwise they are a problem.

    Files written by programs have such inputs: the outputs do not depend on them.
    """
    used = {ref.node for refs in inputs for ref in refs if ref is not None} | {ref.node for ref in outputs}
    unused = [name for index, name in enumerate(marks) if -1 - index not in used]
    if unused and stated:
        shown = ", ".join(unused[:_LISTED]) + (", …" if len(unused) > _LISTED else "")
        return (f"not used, since the outputs do not need it: {count_noun(len(unused), 'input')} ({shown})",)
    for name in unused:
        hint = f"use it in a layer: from: {name}"
        which = "the input" if name == "input" else f"the input {name}"
        builder.problems.append(Problem(f"{which} is not used", marks[name], hint=hint))
    return ()
