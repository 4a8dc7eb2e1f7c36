"""Notes on layers that are valid but probably a mistake: PyTorch, with its batch axis, would refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.layers.base.arguments import Stated
from shapecalc.layers.base.layer import FEATURES_LAST, Layer
from shapecalc.layers.base.ranks import names_of_axes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph, Node, Reference
    from shapecalc.model.rows import Sizing

__all__ = ["axis_of_join", "doubts_of", "on_token_ids"]


class _Flow(NamedTuple):
    """What is known of a layer's output: the order of its axes, the layer that made it, whether it has a batch axis."""

    order: str = ""
    maker: int = -1
    has_batch: bool = True


_UNKNOWN = _Flow()
_LEARNED = _Flow(has_batch=False)


def doubts_of(graph: Graph, sizings: Sequence[Sizing], used: Collection[tuple[int, int]] = ()) -> tuple[str, ...]:
    """Return the notes on the layers of a network: of several for the same reason the first, and how many more.

    Of a part of a network, `used` are the outputs of its layers that the others use.
    """
    if not graph.is_written:
        return _of_unknown(graph, sizings)
    flows: list[_Flow] = []
    found: dict[str, list[str]] = {}
    orders: dict[int, tuple[str, str, bool]] = {}
    cut: list[int] = []
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        layer = node.layer
        assert layer is not None
        order = orders.get(id(layer))
        if order is None:
            order = orders[id(layer)] = _orders_of(layer)
        if order[2] and len(node.inputs) == 1:  # most layers
            ref = node.inputs[0]
            flow = _UNKNOWN if ref.node < 0 else flows[ref.node] if not ref.output else _origin(flows[ref.node], 1)
            if not order[0] or not flow.order or flow.order == order[0]:
                if order[1] or (flow.order and not layer.elementwise):
                    flow = _flow(layer, order[1], sizing, (flow,), len(flows))
                flows.append(flow)
                continue
        read = [_UNKNOWN if ref.node < 0 else _origin(flows[ref.node], ref.output) for ref in node.inputs]
        flows.append(_flow(layer, order[1], sizing, read, len(flows)))
        for reason, doubt in _reasons(graph, node, layer, sizing, read, order[0]):
            found.setdefault(reason, []).append(f"{node.name} {doubt}")
        if layer.view and len(sizing.outputs) > 1:
            cut.append(len(flows) - 1)
    if cut:
        found.update(_on_pieces(graph, sizings, cut, used))
    return tuple([_first(each) for each in found.values()])


def _orders_of(layer: Layer) -> tuple[str, str, bool]:
    """Return the orders of the axes that a layer reads and makes, and whether only these can be doubted."""
    is_plain = type(layer).doubt is Layer.doubt and not (layer.branches or layer.view or layer.looks_up)
    return layer.axis_order, "" if layer.elementwise else layer.axis_order_out, is_plain


def _on_pieces(
    graph: Graph, sizings: Sequence[Sizing], cut: Sequence[int], elsewhere: Collection[tuple[int, int]]
) -> dict[str, list[str]]:
    """Return the notes on layers that cut their input to pieces (their indices), of which only the first is used."""
    used = {(ref.node, ref.output) for node in graph.nodes for ref in node.inputs} | {*graph.outputs, *elsewhere}
    lost = [i for i in cut if not any((i, output) in used for output in range(1, len(sizings[i].outputs)))]
    names = [(graph.nodes[i].name, len(sizings[i].outputs)) for i in lost]
    notes = [
        f"{name} has {count} outputs, of which only the first is used: {name}[1] is the next" for name, count in names
    ]
    return {"pieces": notes} if notes else {}


def _origin(flow: _Flow, output: int) -> _Flow:
    """Return what is known of an output of a layer: of another than the first only whether it has a batch axis."""
    return flow if not output else _UNKNOWN if flow.has_batch else _LEARNED


def _of_unknown(graph: Graph, sizings: Sequence[Sizing]) -> tuple[str, ...]:
    """Return the note on the layers whose counts are unknown."""
    found: tuple[list[str], list[str]] = [], []  # first those of which least is known
    for node, sizing in zip(graph.nodes, sizings, strict=True):
        if node.layer is not None and node.layer.is_unknown:
            found[not node.layer.has_unknown_weights].append(f"{node.name} {node.layer.doubt(*sizing.inputs)}")
    return (_first([*found[0], *found[1]]),) if any(found) else ()


def _first(doubts: Sequence[str]) -> str:
    return doubts[0] + (f" (and {count_noun(len(doubts) - 1, 'layer')} more)" if len(doubts) > 1 else "")


def _flow(layer: Layer, order: str, sizing: Sizing, read: Sequence[_Flow], index: int) -> _Flow:
    """Return what is known of the first output of a layer, which has that order, from what is known of its inputs."""
    if not any(flow.has_batch for flow in read):
        return _LEARNED
    if order:
        return _Flow(order, index)
    known = [flow for flow in read if flow.order]
    if not known or any(flow.order != known[0].order for flow in known) or not _keeps_axes(layer, sizing):
        return _UNKNOWN
    return known[0]


def _keeps_axes(layer: Layer, sizing: Sizing) -> bool:
    """Return whether the axes of the first output are those of the first input."""
    x, output = sizing.inputs[0], sizing.outputs[0]
    return not layer.view and x.rank == output.rank and x.is_map <= output.is_map


def _reasons(
    graph: Graph, node: Node, layer: Layer, sizing: Sizing, read: Sequence[_Flow], order: str
) -> list[tuple[str, str]]:
    """Return the reasons to doubt a layer, which reads its input in that order of axes, each with its note."""
    found = []
    if type(layer).doubt is not Layer.doubt:
        doubt = layer.doubt(*sizing.inputs)
        found.append((layer.kind, "" if doubt and _is_part_of_another(graph, node) else doubt))
    if layer.branches:
        if len(read) == 1:
            has_number = layer.elementwise and any(value is not None for value in layer.values().values())
            found.append(("one branch", "" if has_number else _on_one_branch(graph, node, layer)))
        elif layer.is_sum and len(set(node.inputs)) == 1:
            found.append(("itself", _on_itself(graph, node, layer)))
        elif layer.elementwise and any(len(x.sizes) != len(sizing.inputs[0].sizes) for x in sizing.inputs):
            found.append(("batch axis", _on_ranks(sizing.inputs, read)))
        elif not layer.elementwise:
            note = _on_joined_length(graph, node, sizing.inputs, [flow.order for flow in read])
            found.append(("length", note))
    if layer.view and len(sizing.outputs) > 1:
        found.append(("pieces of the length", _on_cut_length(graph, node, layer, sizing, read[0].order)))
    if layer.looks_up:
        found.append(("token ids", on_token_ids(graph, node)))
    if order and read and read[0].order not in ("", order) and not _is_part_of_another(graph, node):
        found.append(("order of axes", _on_order(graph, layer, sizing.inputs[0], read[0])))
    return [(reason, doubt) for reason, doubt in found if doubt]


def _is_part_of_another(graph: Graph, node: Node) -> bool:
    """Return whether a layer is one of those of a composite: it is not written, so nothing can be put before it."""
    from shapecalc.model.partial import is_made_of_others  # only where something is doubtful

    return node.block >= 0 and is_made_of_others(graph.blocks[node.block].kind)


def on_token_ids(graph: Graph, node: Node) -> str:
    """Return the note on a table of rows that reads the rows of another as token ids; empty for any other layer."""
    if not node.layer or not node.layer.looks_up or not node.inputs or node.inputs[0].node < 0:
        return ""
    before = graph.nodes[node.inputs[0].node]
    if not before.layer or not before.layer.looks_up:
        return ""
    ids = graph.name_of(before.inputs[0]) if before.inputs else "…"
    return f"reads the features of {before.name} as token ids: write `from: {ids}` below it"


def _on_one_branch(graph: Graph, node: Node, layer: Layer) -> str:
    """Return the note on a merge of one input, whose other one was probably forgotten."""
    (ref,) = node.inputs
    scope = f"{graph.blocks[node.block].name}." if node.block >= 0 else ""
    given = graph.name_of(ref)
    is_own = ref.node >= 0 and given.startswith(scope)
    given = given.removeprefix(scope) if is_own or not scope else "input"
    other = "input" if is_own and (scope or list(graph.inputs) == ["input"]) else "…"
    return f"has one input: name the others too, as in {layer.kind}: [{given}, {other}]"


def _on_itself(graph: Graph, node: Node, layer: Layer) -> str:
    """Return the note on a sum of a tensor and itself: the name of the layer directly above it."""
    name = graph.name_of(node.inputs[0])
    return f"adds {name} to itself: name the other input too, as in {layer.kind}: [{name}, …]"


def _on_ranks(inputs: Sequence[Shape], read: Sequence[_Flow]) -> str:
    """Return the note on inputs with different numbers of axes: in PyTorch the batch axis would be matched too."""
    pairs = list(zip(inputs, read, strict=True))
    few, of_few = min(pairs, key=lambda pair: (pair[0].rank, not pair[1].has_batch))
    many, of_many = max(pairs, key=lambda pair: (pair[0].rank, pair[1].has_batch))
    extra = many.rank - few.rank
    if not of_few.has_batch:  # without a batch axis it is matched in every sample
        return ""
    if not of_many.has_batch and all(size == 1 for size in many.sizes[:extra]):
        if not few.sizes:  # a learned scalar, written as [1]
            return ""
        own = ", ".join(map(str, many.sizes[extra:]))
        ones = "the 1" if extra == 1 else "the 1s"
        return (
            f"turns {few.text} into {many.text}: a parameter is written without the batch axis, "
            f"[{own}], without {ones} in front"
        )
    return (
        f"matches {few.text} with {many.text} from the last axis on, but PyTorch would match the batch axis of "
        f"{few.text} with the {many.sizes[extra - 1]}: a reshape to {many.rank} axes says which of them are meant"
    )


def _on_order(graph: Graph, layer: Layer, x: Shape, flow: _Flow) -> str:
    """Return the note on a layer that reads the axes of its input in another order than they were made in."""
    if x.channels_last or any(
        isinstance(argument, Stated) and layer.__dict__[name] is not None for name, argument in layer.arguments.items()
    ):
        return ""
    maker = graph.nodes[flow.maker].name
    swap = "put `- transpose: {dim0: 1, dim1: 2}` before it"
    if flow.order == FEATURES_LAST:
        if x.rank != 2:
            return ""
        return f"reads {x.text} as channels × length, but {maker} outputs length × features: {swap}"
    if x.rank < 2:
        return ""
    axes = f"channels × {' × '.join(names_of_axes(x.rank - 1))}"
    hint = layer.along_channels or (swap if x.rank == 2 else "put `- to_tokens` before it")
    return f"reads the last axis of {x.text} as features, but {maker} outputs {axes}: {hint}"


def axis_of_join(layer: Layer) -> str:
    """Return the argument that is the axis along which a layer joins its inputs, if it is left at the channels."""
    from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumber  # only where layers join others

    if not layer.branches or layer.elementwise:
        return ""
    axes = [name for name, argument in layer.arguments.items() if isinstance(argument, AxisNumber)]
    return next((name for name in axes if getattr(layer, name) == CHANNELS), "")


def _on_joined_length(graph: Graph, node: Node, inputs: Sequence[Shape], orders: Sequence[str]) -> str:
    """Return the note on a layer that joins sequences, all made from one of their length, along that; or empty.

    `orders` are those of the axes of its inputs.
    """
    name = axis_of_join(node.layer) if node.layer else ""
    if not name or any(
        order != FEATURES_LAST or x.rank != 2 or x.channels_last for order, x in zip(orders, inputs, strict=True)
    ):
        return ""
    if len({x.sizes[0] for x in inputs}) > 1 or len({_source(graph, ref) for ref in node.inputs}) > 1:
        return ""
    given = " and ".join(dict.fromkeys(x.text for x in inputs))
    return f"joins {given} along the length: {name}: -1 joins their features"


def _on_cut_length(graph: Graph, node: Node, layer: Layer, sizing: Sizing, order: str) -> str:
    """Return the note on a sequence that is cut along its length, where its features can be cut likewise; or empty.

    `order` is that of the axes of the input.
    """
    from shapecalc.layers.base.axis_numbers import AxisNumber  # only where layers cut others

    (x,), pieces = sizing.inputs, sizing.outputs
    ref = node.inputs[0]
    maker = graph.nodes[ref.node].layer if ref.node >= 0 else None
    is_of_features = maker is not None and type(maker).features_in is not Layer.features_in  # its last axis
    if x.rank != 2 or x.channels_last or not (order == FEATURES_LAST or is_of_features):
        return ""
    for name, value in layer.otherwise(x).items():
        is_axis = isinstance(layer.arguments[name], AxisNumber)
        others: Sequence[Shape] = layer.with_values({name: value}).output(x) if is_axis else ()
        if len(others) == len(pieces) and all(len({*each}) == 1 for each in (others, pieces)):
            sizes = f"cuts {x.text} along its length, to {pieces[0].text}"
            return f"{sizes}: {name}: {value} cuts the features, to {others[0].text}"
    return ""


def _source(graph: Graph, ref: Reference) -> Reference:
    """Return the tensor that a branch begins with: an input, or the output of a layer with several inputs."""
    while ref.node >= 0 and len(graph.nodes[ref.node].inputs) == 1:
        (ref,) = graph.nodes[ref.node].inputs
    return ref
