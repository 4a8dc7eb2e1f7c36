"""The part of a network that could be inferred after a shape error, and the inputs of the layers with errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import Hint, LayerError
from shapecalc.layers.base.arguments import show
from shapecalc.layers.base.layer import KINDS, Composite
from shapecalc.model.checks import NO_BATCH
from shapecalc.model.graph import Reference
from shapecalc.model.locations import has_from, location_of
from shapecalc.model.rows import can_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.dims import Dim
    from shapecalc.errors import Insertion, Problem
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph, Node
    from shapecalc.model.rows import Sizing

__all__ = [
    "in_terms_of",
    "in_variables",
    "inferred_part",
    "is_made_of_others",
    "makers_of",
    "reads_input_of_composite",
    "sharing_hint",
    "with_doubt_of_input",
    "with_inputs",
]


def inferred_part(
    graph: Graph, sizings: Sequence[Sizing | None]
) -> tuple[Graph, list[Sizing], frozenset[tuple[int, int]]]:
    """Return the graph of the layers whose sizes are known, and these sizes: of every branch up to its shape error.

    Also the outputs in it that the other layers use, each by its layer there and its number.

    A layer is inferred only if all its inputs are, so all references stay within the part. A layer that shares the
    weights of one that is not in it, or whose weights have other sizes, counts them itself. Expectations are of the
    whole network, so the part has none.
    """
    known = {index: sizing for index, sizing in enumerate(sizings) if sizing is not None}
    new_index = {old: new for new, old in enumerate(known)}

    def moved(ref: Reference) -> Reference:
        return ref if ref.node < 0 else Reference(new_index[ref.node], ref.output)

    nodes = []
    for index, sizing in known.items():
        node = graph.nodes[index]
        owner = known.get(node.shares)
        shares = new_index[node.shares] if owner and can_share(sizing, owner) else -1
        nodes.append(node._replace(inputs=tuple([moved(ref) for ref in node.inputs]), shares=shares))
    outputs = {
        name: moved(ref)
        for name, ref in graph.named_outputs().items()
        if ref.node < 0 or (ref.node in known and ref.output < len(known[ref.node].outputs))
    }
    part = graph._replace(
        nodes=tuple(nodes), outputs=tuple(outputs.values()), output_names=tuple(outputs), expectations=()
    )
    others = [node for node, sizing in zip(graph.nodes, sizings, strict=True) if sizing is None]
    used = frozenset((new_index[ref.node], ref.output) for node in others for ref in node.inputs if ref.node in known)
    return part, list(known.values()), used


def is_made_of_others(kind: str) -> bool:
    """Return whether a block is a composite: its layers are not written in the specification."""
    cls = KINDS.get(kind)
    return cls is not None and issubclass(cls, Composite)


def in_terms_of(
    error: LayerError, graph: Graph, index: int, sizings: Callable[[], Sequence[Sizing | None]]
) -> LayerError:
    """Return an error within a composite in terms of its own arguments: `d_model`, not the `embed_dim` that it sets.

    A hint is left out unless it is about one of them, or inserts a layer that stands before the whole composite as
    well: the layers within are not written in the specification.
    """
    kind = graph.blocks[graph.nodes[index].block].kind
    cls = KINDS[kind]
    assert issubclass(cls, Composite)
    message, hint = error.message, error.hint
    found = ""
    for name, own in re.findall(r"(\w+): (\w+)\b", cls.layers):
        if own in cls.arguments:
            message = re.sub(rf"\b{name} \(=", f"{own} (=", message)
            proposed = re.fullmatch(rf"{name}: (\w+(?: or \w+)?) would fit.*", hint)
            found = f"{own}: {proposed[1]} would fit" if proposed else found
    inserted: str | Hint = ""
    if error.insertions():
        error.place(lambda layer: _location_before_composite(layer, graph, index, sizings()))
        (layer, *_) = error.insertions()
        inserted = Hint(lambda: error.hint if _input_of_composite(graph, index, sizings(), layer.input) else "")
    return LayerError(message, error.why, found or inserted, too_small=error.too_small, sides=error.sides)


def reads_input_of_composite(graph: Graph, index: int, sizings: Sequence[Sizing | None]) -> bool:
    """Return whether the layer before the composite is what a layer in it reads, in its sizes unchanged.

    It is not if the layer has several inputs, or the composite names its input.
    """
    ref = _input_of_composite(graph, index, sizings) if len(graph.nodes[index].inputs) == 1 else None
    return ref == Reference(_first_of_composite(graph, index) - 1) and not has_from(graph.nodes[index].mark)


def _first_of_composite(graph: Graph, index: int) -> int:
    """Return the first layer of the composite that a layer is in."""
    block = graph.nodes[index].block
    while index > 0 and graph.nodes[index - 1].block == block:
        index -= 1
    return index


def _input_of_composite(
    graph: Graph, index: int, sizings: Sequence[Sizing | None], number: int = 0
) -> Reference | None:
    """Return the input of the composite that an input of a layer in it is, in its sizes unchanged; None if none."""
    first = _first_of_composite(graph, index)
    ref = graph.nodes[index].inputs[number]
    is_alone = len(graph.nodes[index].inputs) == 1
    while ref.node >= first:
        sizing = sizings[ref.node]
        if not is_alone or sizing is None or [x.sizes for x in sizing.inputs] != [sizing.outputs[ref.output].sizes]:
            return None
        ref = graph.nodes[ref.node].inputs[0]
    return ref


def _location_before_composite(layer: Insertion, graph: Graph, index: int, sizings: Sequence[Sizing | None]) -> str:
    """Return the text that says where to write a layer on the input of the composite that a layer is in; or empty."""
    ref, first = _input_of_composite(graph, index, sizings, layer.input), _first_of_composite(graph, index)
    if ref is None:
        return ""
    node = graph.nodes[index]
    within = [one for one in graph.nodes[first:] if one.block == node.block]
    outer = [*dict.fromkeys(ref for one in within for ref in one.inputs if ref.node < first)]
    whole = node._replace(inputs=tuple(outer), block=graph.blocks[node.block].parent)
    written = graph._replace(nodes=(*graph.nodes[:first], whole, *graph.nodes[first + 1 :]))
    return location_of(layer._replace(input=outer.index(ref)), written, first, sizings)


def in_variables(problem: Problem, fields: Mapping[str, Sequence[str]]) -> Problem:
    """Return a problem whose hint names the variable that is written for an argument: `context: 2048 would fit`.

    Of a network that a config sets, the hint names the fields that the argument follows from, if there are any.
    """
    mark = problem.mark
    if mark is None or not mark.line:
        return problem
    if fields and (hint := _in_fields(problem.message, mark.source.line(mark.line), fields)):
        return problem._replace(hint=hint)

    def work() -> str:
        found = re.match(r"(\w+)(?=: \d+(?: or \d+)? would fit)", problem.hint)
        line = mark.source.line(mark.line) if found else ""
        written = re.search(rf"\b{found[1]}: *([A-Za-z_]\w*) *[,}}]", line) if found else None
        return problem.hint.replace(found[1], written[1], 1) if found and written else problem.hint

    return problem._replace(hint=Hint(work))


def _in_fields(message: str, line: str, fields: Mapping[str, Sequence[str]]) -> str:
    """Return the hint on an argument in the message, if its value in the line follows from fields of a config."""
    for argument in re.findall(r"[a-z]\w+", message):
        written = re.search(rf"[{{ ]{argument}: *(\"[^\"]*\"|[^,}}]*)", line)
        words = re.findall(r"[A-Za-z_]\w*", written[1]) if written else ()
        if found := [*dict.fromkeys(field for word in words for field in fields.get(word, ()))]:
            them = "it" if len(found) == 1 else "them"
            return f"{argument} follows from {' and '.join(found)} of the config: change {them} there, or the input"
    return ""


def with_inputs(graph: Graph, node: Node, inputs: tuple[Shape, ...], error: LayerError) -> tuple[str, ...]:
    """Return why a layer does not fit, with the origins of its inputs; as products where features disagree.

    A line of the error that has only the sizes of several inputs is replaced.
    """
    if all(ref.node < 0 for ref in node.inputs):
        return error.why  # the input of the network is known to the reader
    described: list[str] = []
    sizes = {f"input {number} is {shape.text}" for number, shape in enumerate(inputs, 1)}
    why = [line for line in error.why if not sizes.issuperset(line.split(", "))]
    for shape, ref in zip(inputs[:_GIVEN], node.inputs, strict=False):
        whole = f" = {shape.elements:,}" if shape.rank > 1 and shape.elements in error.sides else ""
        which = "its input" if len(inputs) == 1 else f"input {len(described) + 1}"
        described.append(f"{which} is {shape.text}{whole} from {graph.name_of(ref)}")
    more = len(inputs) - len(described)
    return (*why, f"{', '.join(described)}{f', and {more:,} more' if more else ''}")


def with_doubt_of_input(
    problem: Problem, graph: Graph, node: Node, sizings: Callable[[], Sequence[Sizing | None]]
) -> Problem:
    """Return the problem of a layer, with the doubt about the one that made its input as its hint.

    That is done if it has no hint, or only the one that its input has a batch axis; the doubt about one that cuts its
    input comes before any other hint. Between the two layers may be such that work on each element.
    """

    def work() -> str:
        own = "" if problem.hint.startswith(NO_BATCH) else problem.hint
        for index in makers_of(graph, node):
            giver, sizing = graph.nodes[index], sizings()[index]
            doubt = giver.layer.doubt(*sizing.inputs) if giver.layer and sizing else ""
            is_cut = bool(giver.layer and giver.layer.view and sizing and len(sizing.outputs) > 1)
            if doubt and (is_cut or not own):
                return "\notherwise ".join(filter(None, (f"{giver.name} {doubt}", own)))
        return problem.hint

    return problem._replace(hint=Hint(work))


def makers_of(graph: Graph, node: Node) -> Iterator[int]:
    """Yield the layer whose output a layer reads first, and past those that work on each element the ones before."""
    refs = node.inputs
    while refs and refs[0].node >= 0:
        yield refs[0].node
        giver = graph.nodes[refs[0].node]
        refs = giver.inputs if giver.layer and giver.layer.elementwise and len(giver.inputs) == 1 else ()


def sharing_hint(node: Node, sizing: Sizing, of: Node, owner: Sizing) -> str:
    """Return the hint for a layer that shares the weights of another with other sizes: the argument that would fit.

    It is a flag that is set, as of a bias, or an argument that the other layer has another value for.
    """
    layer, other = node.layer, of.layer
    assert layer is not None
    assert other is not None
    given = other.values() if type(layer) is type(other) else {}
    due = sorted(owner.weight_shapes.values())
    for name, value in layer.values().items():
        for trial in [given[name]] if name in given else [False] if value is True else []:
            try:
                found = layer.with_values({name: trial}).weights(*sizing.inputs)
            except LayerError:
                continue
            if sorted(found.values()) == due:
                hint = f"{name}: {show(trial)} would fit"
                lost = [sizes for sizes in sizing.weight_shapes.values() if sizes not in due]
                if trial is not False or len(lost) != 1:
                    return hint
                own = f"{node.name.rpartition('.')[2]}_{name}"
                return (
                    f"{hint}; for one of its own, write `- {{parameter: {[*lost[0]]}, name: {own}}}` and "
                    f"`- add: [{node.name.rpartition('.')[2]}, {own}]` after it"
                )
    resized = _resized(layer, sizing, due)
    return resized or f"give it the same input sizes and arguments as {of.name}, or weights of its own"


def _resized(layer: Layer, sizing: Sizing, due: Sequence[tuple[Dim, ...]]) -> str:
    """Return the hint on one number, with no bias where the layer has one, that makes the weights of a layer `due`.

    That is the width of a head that is tied to an embedding.
    """
    plain = {name: False for name, value in layer.values().items() if value is True}
    numbers = [name for name, value in layer.values().items() if type(value) is int]
    for name in numbers:
        for size in dict.fromkeys(size for sizes in due for size in sizes):
            for flags in ({}, plain):
                try:
                    found = layer.with_values({name: size, **flags}).weights(*sizing.inputs)
                except LayerError:
                    continue
                if sorted(found.values()) == due:
                    given = [f"{name}: {size}", *(f"{flag}: false" for flag in flags)]
                    return f"{' and '.join(given)} would fit"
    return ""


_GIVEN = 4
