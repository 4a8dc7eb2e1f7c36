"""Where the batch is in the inputs of an ONNX file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.importers.readings import NOWHERE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.onnx.messages import GraphMessage, NodeMessage

__all__ = ["batch_axes", "sequences_of"]

_BATCH = re.compile(r"(?i).*batch.*|b|bs|bsz|nb")
"""Names of the dimension of the batch, wherever it is."""
_FIRST_BATCH = re.compile(r"(?i)n|unk__\d+|none|\?|s\d+|")
"""Names that it has as the first dimension; N also as the second of three, where the first is no batch of 1."""
_LENGTH = re.compile(r"(?i)t|l|.*(seq|len|time|frame|token|step).*")
"""Names of the dimension of a sequence's length."""
_RECURRENT = ("LSTM", "GRU", "RNN")
_IDS = (6, 7)
"""The types of whole numbers, of 32 and 64 bits."""
_OF_MAPS = re.compile(r".*Conv(Transpose|Integer)?|(Global)?(Max|Average)Pool|(Batch|Instance)Normalization")
"""Operations on maps: their input has its batch first."""


def batch_axes(infos: Sequence[ValueInfo], graph: GraphMessage, reading: str) -> dict[str, int]:
    """Return the axis of the batch in each input; -1 for none. A list as long as it has a number for each sample."""
    if reading == NOWHERE:
        return dict.fromkeys([info.name for info in infos], -1)
    are_recurrent = any(node.op in _RECURRENT for node in graph.nodes)
    said = _said(infos, graph) if are_recurrent else {}
    axes = {info.name: _batch_axis(info, graph, reading, said, are_recurrent=are_recurrent) for info in infos}
    axes = _of_one_size(infos, axes)
    sizes = {(info.dims or ())[at] for info in infos if (at := axes[info.name]) >= 0}
    are_lists = not sizes and all(len(info.dims or ()) == 1 and info.type in _IDS for info in infos)
    if are_lists:  # an id for each sample
        sizes = {(info.dims or ())[0] for info in infos}
    lists = [
        info.name for info in infos if info.dims and info.dims == tuple(sizes) and (are_lists or info.dims != (1,))
    ]
    return {**axes, **dict.fromkeys(lists, 0)}


def _of_one_size(infos: Sequence[ValueInfo], axes: dict[str, int]) -> dict[str, int]:
    """Return where the batch is with the size that it has in maps, or that is the second of states of one layer."""
    found = {info.name: (info.dims or ())[at] for info in infos if (at := axes[info.name]) >= 0}
    of_maps = {found[info.name] for info in infos if info.name in found and len(info.dims or ()) >= _OF_IMAGES}
    several = set(found.values()) - (set() if of_maps else {1})
    if len(set(found.values())) < 2 or len(of_maps or several) != 1 or any(type(size) is str for size in several):
        return axes
    (size,) = of_maps or several
    others = {info.name: 1 if len(info.dims or ()) == _OF_SEQUENCES and (info.dims or ())[1] == size else -1
              for info in infos if found.get(info.name, size) != size}  # fmt: skip
    return {**axes, **others} if of_maps or -1 not in others.values() else axes


_OF_IMAGES, _OF_SEQUENCES = 4, 3
"""The axes of images with their batch, which is the first, and of sequences."""


def _batch_axis(
    info: ValueInfo, graph: GraphMessage, reading: str, said: Mapping[str, int], *, are_recurrent: bool
) -> int:
    """Return the axis of the batch in an input: the first, if it may be one; -1 for none."""
    dims = info.dims or ()
    if not dims:
        return -1
    named = next((axis for axis, size in enumerate(dims) if isinstance(size, str) and _BATCH.fullmatch(size)), -1)
    if named < 0 and info.name in said:
        return said[info.name]
    first = dims[0] if isinstance(dims[0], str) else None
    if named >= 0 or len(dims) == 1:
        return named if named >= 0 or not first or not _FIRST_BATCH.fullmatch(first) else 0
    is_length = first is not None and bool(_LENGTH.fullmatch(first))
    is_state = reading == SECOND and dims[0] == 1 and are_recurrent
    if len(dims) == 3 and (dims[0] != 1 or is_state):
        users = [node for node in graph.nodes if info.name in node.inputs[:1]]
        if any(_OF_MAPS.fullmatch(node.op) for node in users):
            return 0
        is_second = isinstance(dims[1], str) and (dims[1] in ("n", "N") or is_length)
        is_alone = dims[1] == 1 and (is_length or (isinstance(dims[0], int) and dims[0] > 1))
        if reading == SECOND or is_second or is_alone:
            return 1
    return -1 if is_length and len(dims) == 2 else 0


def _said(infos: Sequence[ValueInfo], graph: GraphMessage) -> dict[str, int]:
    """Return where recurrent layers say that the batch is in an input, which is followed from there to them."""
    traced = {info.name: (info.name, tuple(range(len(info.dims or ())))) for info in infos if info.dims}
    found: dict[str, int] = {}
    for node in graph.nodes:
        if node.op in _RECURRENT:
            at = 0 if _batch_first(node) else 1
            for name in (*node.inputs[:1], *node.inputs[5:7]):
                origin, axes = traced.get(name, ("", ()))
                if len(axes) == _OF_SEQUENCES and axes[at] >= 0:
                    found.setdefault(origin, axes[at])
        for name in node.inputs[:2] if node.op == "Gather" else node.inputs[:1]:
            if name in traced and (after := _after(node, graph, name, traced[name][1])) is not None:
                traced.update(dict.fromkeys(node.outputs, (traced[name][0], after)))
    return found


def _after(node: NodeMessage, graph: GraphMessage, name: str, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return which axes of an input those of the output of a node are, -1 for new ones; None where it is not known."""
    numbers = node.attributes.get("axes") or node.attributes.get("perm")
    listed: Any = numbers.value if numbers else None
    if listed is None and len(node.inputs) > 1 and node.op.endswith("queeze"):
        stored = graph.weights.get(node.inputs[1])
        listed = stored.items if stored is not None else _of_constant(node.inputs[1], graph)
    if node.op == "Transpose":
        order = listed or range(len(axes))[::-1]
        return tuple([axes[i] for i in order]) if sorted(order) == list(range(len(axes))) else None
    if node.op.endswith("queeze"):
        count = len(axes) + (len(listed or ()) if node.op == "Unsqueeze" else 0)
        at = {i % count for i in listed or () if -count <= i < count}
        if node.op == "Squeeze":
            return tuple([axis for i, axis in enumerate(axes) if i not in at]) if at else None
        rest = iter(axes)
        return tuple([-1 if i in at else next(rest) for i in range(count)])
    if node.op == "Gather":
        axis = node.attributes.get("axis")
        is_table = name == node.inputs[1] and node.inputs[0] in graph.weights and not (axis and axis.value)
        return (*axes, -1) if is_table else None
    return axes if node.op in _KEEPS or (node.op == "Add" and node.inputs[1] in graph.weights) else None


_KEEPS = frozenset(("Cast", "Identity", "Dropout", "Relu", "Tanh", "Sigmoid", "Gelu", "LayerNormalization", "MatMul",
                    "Gemm", "Slice", "Split"))  # fmt: skip
"""Operations whose output has the axes of their input, but for the last."""


def _of_constant(name: str, graph: GraphMessage) -> Any:
    """Return the elements of the output of a node that is a constant."""
    node = next((node for node in graph.nodes if node.outputs[:1] == (name,) and node.op == "Constant"), None)
    tensor = node.attributes.get("value") if node is not None else None
    return getattr(tensor.value, "items", None) if tensor else None


def sequences_of(infos: Iterable[ValueInfo], axes: Mapping[str, int]) -> frozenset[str]:
    """Return the inputs that are length × features for each sample: the batch is second, or only the length dynamic."""
    found = []
    for info in infos:
        dims, at = info.dims or (), axes[info.name]
        own = [size for axis, size in enumerate(dims) if axis != at]
        if len(own) == 2 and (at == 1 or [type(size) for size in own] == [str, int]):
            found.append(info.name)
    return frozenset(found)


def _batch_first(node: NodeMessage) -> bool:
    """Return whether a recurrent layer has its batch first: PyTorch's newer exporter states a layout of 0 as well."""
    layout = node.attributes.get("layout")
    return layout is not None and layout.value == 1
