"""The projection of a shortcut: a 1×1 convolution on an input of a merge, in the terms of its other branch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Hint, Insertion
from shapecalc.escaping import clean
from shapecalc.layers.base.arguments import CHANNELS_OUT, STRIDE
from shapecalc.layers.base.merge_hints import times
from shapecalc.model.copies import alike
from shapecalc.model.inference import inputs_of, sizings_of
from shapecalc.model.locations import argument_words, location_of
from shapecalc.model.shortcut_conditions import condition_of, condition_within, has_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from shapecalc.errors import Mark, Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph, Node
    from shapecalc.model.rows import Sizing
    from shapecalc.model.shortcut_conditions import ShortcutCondition

__all__ = ["ShortcutProjection", "hints_on_shortcuts", "projection_of"]

_ARGUMENT = "project"
_BOTH = 2
_MOST_WORK = 100_000  # copies found × nodes

_PROJECTED, _STRIDED = "a 1×1 convolution", "a stride of"


class ShortcutProjection(NamedTuple):
    """The layers that make the inputs of a merge equal, on one of them, and the copies of the merge that need them.

    If not all do, and no argument of their block decides it, `argument` is one to add: false by default, and in each
    use of the block at a mark as given; `declared` is where the arguments of the block are. `condition` is that of the
    copies that need them, if the arguments that the block has decide it.
    """

    layers: Insertion
    nodes: tuple[int, ...]
    argument: str = ""
    uses: tuple[tuple[Mark, str], ...] = ()
    declared: Mark | None = None
    condition: ShortcutCondition | None = None


def hints_on_shortcuts(
    graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]
) -> Callable[[int, Problem], Problem] | None:
    """Return what says in the problem of a merge where its projection is written; None where there is no merge."""
    if not any(node.layer and node.layer.branches and node.layer.elementwise for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            hint = problem.hint
            at = max(hint.find(_PROJECTED), hint.find(_STRIDED))
            found = projection_of(graph, sizings(), index) if at >= 0 else None
            if found is None:
                return hint
            layers, node = found.layers, graph.nodes[index]
            place = location_of(layers, graph, index, sizings())
            if layers.instead:
                place = f"write `when: {layers.when}` in place of `when: {layers.instead}`"
            elif found.condition and not has_condition(node):
                alone = f"`when: {found.condition.agrees}` beside {clean(node.kind)}"
                place += f"\nor, as in MobileNet, add only where they are equal: write {alone}"
            return f"{hint[:at]}{_PROJECTED} would make them equal: {place}{_argument_text(graph, index, found)}"

        return problem._replace(hint=Hint(work))

    return with_hint


def _argument_text(graph: Graph, index: int, found: ShortcutProjection) -> str:
    """Return what a hint says of the argument that a block needs: where it is declared, and where it is given."""
    if not found.argument:
        return ""
    block = clean(graph.blocks[graph.nodes[index].block].kind)
    lines: dict[str, list[str]] = {}
    for mark, value in found.uses:
        lines.setdefault(value, []).append(str(mark.line))
    given = ", and ".join(
        f"`{found.argument}: {value}` in line{'s' if len(at) > 1 else ''} {' and '.join(at)}"
        for value, at in lines.items()
    )
    return f"\nonly some copies need it: `{found.argument}: false` under the args of {block}, and {given}"


def projection_of(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> ShortcutProjection | None:
    """Return the 1×1 convolution on an input of an element-wise merge of two that makes them equal; None for none.

    With equal channels it is meant only where the larger input is what the other is computed from: any other branch
    can have the stride itself. Where the other branch ends with a convolution without bias and a normalisation, so does
    the shortcut, as those of ResNet do.
    """
    node = graph.nodes[index]
    shapes = inputs_of(node, graph, list(graph.inputs.values()), sizings, [])
    is_merge = node.layer is not None and node.layer.branches and node.layer.elementwise
    if not is_merge or len(node.inputs) != 2 or len(shapes) != 2 or not all(x.is_map and x.spatial for x in shapes):
        return None
    wrong = _projected(shapes)
    due, own = shapes[1 - wrong], shapes[wrong]
    factor = _factor(due, own)
    if not factor:
        return None
    is_source = node.inputs[wrong].node in {ref for ref, _ in _branch(graph, node.inputs[1 - wrong].node)}
    if due.channels == own.channels and not is_source:
        return None
    every = alike(graph, index)
    needed = {index: factor, **_copies_that_differ(graph, sizings, every, wrong)}
    channels = _given(graph, index, 1 - wrong, CHANNELS_OUT, due.channels)
    strided, factor = max(needed.items(), key=lambda pair: pair[1])
    stride = _given(graph, strided, 1 - wrong, STRIDE, factor) if factor > 1 else None
    norm = _normalisation(graph, sizings, index, 1 - wrong)
    arguments = [f"out_channels: {channels.text}", "kernel_size: 1"]
    arguments += [f"stride: {stride.text}"] if stride else []
    arguments += ["bias: false"] if norm else []
    layers = Insertion(f"conv: {{{', '.join(arguments)}}}", wrong, after=norm)
    step = stride or _given(graph, index, 1 - wrong, STRIDE, 1)
    old = condition_within(node, wrong)  # other copies have a projection by it
    condition = condition_of(graph, every, needed, own.channels, (channels.text, step.text), is_exact=not old)
    if condition and old:
        more = " or ".join(f"{a} != {b}" for a, b in condition.pairs if f"{a} != {b}" not in old)
        layers = layers._replace(when=f"{old} or {more}", instead=old)
        return ShortcutProjection(layers, tuple(sorted(needed)), condition=condition)
    if condition and len(needed) < len(every):
        layers = layers._replace(when=condition.differs)
        return ShortcutProjection(layers, tuple(sorted(needed)), condition=condition)
    return _for_some(graph, every, {*needed}, layers, stride)._replace(condition=condition)


def _factor(due: Shape, own: Shape) -> int:
    """Return the stride with which a convolution of one position has the sizes that are due; 0 for none."""
    factor = 1 if due.spatial == own.spatial else times(due.spatial[0], own.spatial[0])
    return factor if factor and tuple(-(-size // factor) for size in own.spatial) == due.spatial else 0


def _normalisation(graph: Graph, sizings: Sequence[Sizing | None], index: int, branch: int) -> str:
    """Return the kind of the normalisation that a branch ends with, after a layer without bias; empty for none."""
    end, before, *_ = [*_branch(graph, graph.nodes[index].inputs[branch].node), (-1, 0), (-1, 0)]
    norm = graph.nodes[end[0]].layer if end[0] >= 0 else None
    sizing = sizings[before[0]] if before[0] >= 0 else None
    is_norm = norm is not None and norm.scales_channels and not norm.required_arguments()
    return norm.kind if norm and is_norm and sizing and sizing.weights and not sizing.biases else ""


def _for_some(
    graph: Graph, every: tuple[int, ...], needed: Collection[int], layers: Insertion, stride: _Given | None
) -> ShortcutProjection:
    """Return the projection of a merge with the condition of the copies that need it, if some do not.

    That is a stride other than 1, if the stride is in variables and differs just there; otherwise an argument is added.
    """
    node = graph.nodes[every[0]]
    if len(needed) == len(every) or not node.mark or not node.mark.source.text:
        return ShortcutProjection(layers, every)
    if stride and stride.giver:
        other = {i for i in every if _value_at(graph, i, 1 - layers.input, stride) != 1}
        if other == needed:
            text = stride.text if stride.text.isidentifier() else f"({stride.text})"
            return ShortcutProjection(layers._replace(when=f"{text} != 1"), tuple(sorted(needed)))
    if not node.uses:
        is_first = [*needed] == [every[0]]
        return (
            ShortcutProjection(layers._replace(when="i == 0"), every[:1])
            if is_first
            else ShortcutProjection(layers, every)
        )
    uses = _uses(graph, every, needed)
    arguments = argument_words(node.mark.source.text, node.mark, graph.blocks[node.block].kind)
    if not uses or arguments is None or _ARGUMENT in arguments.keys():  # noqa: SIM118  (of a `MapValue`)
        return ShortcutProjection(layers, every)
    return ShortcutProjection(layers._replace(when=_ARGUMENT), tuple(sorted(needed)), _ARGUMENT, uses, arguments.mark)


def _copies_that_differ(
    graph: Graph, sizings: Sequence[Sizing | None], every: Sequence[int], wrong: int
) -> dict[int, int]:
    """Return the copies of a merge whose inputs differ, with the stride of the projection that each needs.

    Those before have had theirs: the other input, which is due, is taken twice.
    """
    found: dict[int, int] = {}
    nodes = list(graph.nodes)
    trial, known = graph, list(graph.inputs.values())
    while True:
        shapes = {i: inputs_of(nodes[i], trial, known, sizings, []) for i in every if sizings[i] is None}
        new = {i: _factor(pair[1 - wrong], pair[wrong]) for i, pair in shapes.items() if len(pair) == _BOTH}
        if not new or len(found) * len(nodes) > _MOST_WORK:
            return found
        found.update(new)
        for i in new:
            nodes[i] = nodes[i]._replace(inputs=(nodes[i].inputs[1 - wrong],) * 2)
        trial = graph._replace(nodes=tuple(nodes))
        sizings = sizings_of(trial)[0]


def _uses(graph: Graph, every: Sequence[int], needed: Collection[int]) -> tuple[tuple[Mark, str], ...]:
    """Return the uses of a block of which some copies need what the others do not, each with the condition for it.

    Empty where there is none: in a use that is repeated it must be all of the copies, or the first of each.
    """
    copies: dict[Mark, dict[Any, list[int]]] = {}
    for i in every:
        (_, mark), *around = graph.nodes[i].uses
        copies.setdefault(mark, {}).setdefault((*around, _enclosing(graph, i)), []).append(i)
    found = []
    for mark, groups in copies.items():
        of_use = {i for group in groups.values() for i in group}
        if of_use <= {*needed}:
            found.append((mark, "true"))
        elif of_use & {*needed} == {group[0] for group in groups.values()}:
            found.append((mark, "i == 0"))
        elif of_use & {*needed}:
            return ()
    return tuple(found)


def _enclosing(graph: Graph, index: int) -> int:
    """Return the block around the block of a layer."""
    return graph.blocks[graph.nodes[index].block].parent


def _projected(shapes: Sequence[Shape]) -> int:
    """Return which of two inputs is projected: the one with larger maps, or of equal ones that with fewer channels."""
    x, y = shapes
    if x.spatial != y.spatial:
        return 0 if x.spatial > y.spatial else 1
    return 0 if x.channels < y.channels else 1


def _branch(graph: Graph, index: int) -> Iterator[tuple[int, int]]:
    """Yield the layers of a branch from its end, each with its number from there, up to one of several inputs.

    The input of the network, if the branch begins there, is the last.
    """
    number = 0
    while True:
        yield index, number
        if index < 0 or len(graph.nodes[index].inputs) != 1:
            return
        index, number = graph.nodes[index].inputs[0].node, number + 1


class _Given(NamedTuple):
    """A number of a branch as it is written, with its variables: `planes * 4`; and the layer and argument with it."""

    text: str
    giver: Node | None = None
    argument: str = ""


def _given(graph: Graph, index: int, branch: int, role: str, value: int) -> _Given:
    """Return a number as it is written for an argument of a layer of a branch; as it is where that has no variables."""
    node = graph.nodes[index]
    for i, _ in _branch(graph, node.inputs[branch].node):
        giver = graph.nodes[i] if i >= 0 else None
        if giver is None or giver.layer is None or giver.block != node.block:
            break
        name = giver.layer.argument_roles().get(role)
        given = getattr(giver.layer, name) if name else None
        if name and given in (value, (value,) * len(given if isinstance(given, tuple) else ())):
            words = [word for word, own in giver.layer.argument_names().items() if own == name]
            found = _text_of(giver.mark, words)
            if found:
                return _Given(found, giver, name)
    return _Given(str(value))


def _value_at(graph: Graph, index: int, branch: int, given: _Given) -> Any:
    """Return the value that a number of a branch has in a copy of the merge; 1 where its layer is not there."""
    for i, _ in _branch(graph, graph.nodes[index].inputs[branch].node):
        node = graph.nodes[i] if i >= 0 else None
        if node and node.layer and given.giver and node.mark == given.giver.mark:
            value = getattr(node.layer, given.argument, 1)
            return value if not isinstance(value, tuple) or len({*value}) > 1 else value[0]
    return 1


def _text_of(mark: Mark | None, words: Sequence[str]) -> str:
    """Return what is written for an argument (by any of its names) in the item at a mark, if that has variables."""
    if mark is None or not mark.line:
        return ""
    number, line = mark.line, mark.source.line(mark.line)[mark.column - 1 :]
    pattern = re.compile(rf"(?:^|[\s{{,])(?:{'|'.join(map(re.escape, words))})\s*:\s*([^,{{}}\[\]\"'#]+)")
    while line.strip():
        found = pattern.search(line)
        if found:
            text = found[1].strip()
            return text if re.search(r"[A-Za-z_]", text) else ""
        number += 1
        line = mark.source.line(number)
        if len(line) - len(line.lstrip()) < mark.column - 1 or line.lstrip().startswith("- "):
            break
    return ""
