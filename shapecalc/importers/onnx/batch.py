"""Where the batch is in the inputs of an ONNX file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
_OF_MAPS = re.compile(r".*Conv(Transpose|Integer)?|(Global)?(Max|Average)Pool|(Batch|Instance)Normalization")
"""Operations on maps: their input has its batch first."""


def batch_axes(infos: Sequence[ValueInfo], graph: GraphMessage, reading: str) -> dict[str, int]:
    """Return the axis of the batch in each input; -1 for none. A list as long as it has a number for each sample."""
    axes = {info.name: _batch_axis(info, graph, reading) for info in infos}
    sizes = {(info.dims or ())[at] for info in infos if (at := axes[info.name]) >= 0}
    alone = [info.name for info in infos if len(sizes) == 1 and info.dims == tuple(sizes) != (1,)]
    return {**axes, **dict.fromkeys(alone, 0)}


def _batch_axis(info: ValueInfo, graph: GraphMessage, reading: str) -> int:
    """Return the axis of the batch in an input: the first, if it may be one; -1 for none."""
    dims = info.dims or ()
    if reading == NOWHERE or not dims:
        return -1
    named = next((axis for axis, size in enumerate(dims) if isinstance(size, str) and _BATCH.fullmatch(size)), -1)
    first = dims[0] if isinstance(dims[0], str) else None
    if named >= 0 or len(dims) == 1:
        return named if named >= 0 or not first or not _FIRST_BATCH.fullmatch(first) else 0
    is_length = first is not None and bool(_LENGTH.fullmatch(first))
    is_state = reading == SECOND and dims[0] == 1 and any(node.op in _RECURRENT for node in graph.nodes)
    if len(dims) == 3 and (dims[0] != 1 or is_state):
        users = [node for node in graph.nodes if info.name in node.inputs[:1]]
        if any(_OF_MAPS.fullmatch(node.op) for node in users):
            return 0
        is_recurrent = any(node.op in _RECURRENT and not _batch_first(node) for node in users)
        is_second = isinstance(dims[1], str) and (dims[1] in ("n", "N") or is_length)
        is_alone = dims[1] == 1 and (is_length or (isinstance(dims[0], int) and dims[0] > 1))
        if reading == SECOND or is_recurrent or is_second or is_alone:
            return 1
    return -1 if is_length and len(dims) == 2 else 0


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
