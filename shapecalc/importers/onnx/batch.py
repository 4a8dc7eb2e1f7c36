"""Where the batch is in the inputs of an ONNX file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.importers.inputs import NOWHERE, SECOND

if TYPE_CHECKING:
    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.onnx.messages import GraphMessage

__all__ = ["batch_axis"]

_BATCH = re.compile(r"(?i)(.*batch.*|n|b|bs|bsz|unk__\d+|none|\?|s0|)")
"""Names of the dimension of the batch, as the first of an input."""
_RECURRENT = ("LSTM", "GRU", "RNN")


def batch_axis(info: ValueInfo, graph: GraphMessage, reading: str) -> int:
    """Return the axis of the batch in an input: the first, if it may be one; -1 for none."""
    dims = info.dims or ()
    if reading == NOWHERE:
        return -1
    if len(dims) < 2:
        return 0 if dims and isinstance(dims[0], str) and dims[0] and _BATCH.fullmatch(dims[0]) else -1
    named = next((axis for axis, size in enumerate(dims) if isinstance(size, str) and "batch" in size.lower()), -1)
    if named >= 0 or len(dims) != 3:
        return max(named, 0)
    users = [node for node in graph.nodes if info.name in node.inputs[:1]]
    is_recurrent = any(node.op in _RECURRENT and "layout" not in node.attributes for node in users)
    is_alone = dims[1] == 1 and isinstance(dims[0], int) and dims[0] > 1
    return 1 if reading == SECOND or is_recurrent or is_alone else 0
