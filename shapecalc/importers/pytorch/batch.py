"""Where the batch is in the inputs of a program of torch.export: the first axis of the example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.importers.inputs import NOWHERE, SECOND
from shapecalc.importers.pytorch.operations import split_target
from shapecalc.importers.pytorch.program import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.pytorch.program import Program

__all__ = ["batch_axes"]

_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_MAPS = {"conv1d": 2, "conv2d": 3, "conv3d": 4, "max_pool2d": 3, "avg_pool2d": 3}


def batch_axes(infos: Sequence[ValueInfo], program: Program, reading: str) -> Mapping[str, int]:
    """Return the axis of the batch in each input; -1 for none."""
    firsts = {info.dims[0] for info in infos if info.dims and len(info.dims) > 1}
    only = next(iter(firsts)) if len(firsts) == 1 else None
    return {info.name: _axis(info, program, reading, only) for info in infos}


def _axis(info: ValueInfo, program: Program, reading: str, first: int | str | None) -> int:
    dims = info.dims or ()
    if reading == NOWHERE or not dims:
        return -1
    if len(dims) == 1:  # one number for each sample
        return 0 if dims[0] == first and first != 1 else -1
    users = [node for node in program.graph.nodes if next(iter(node.arguments.values()), None) == Ref(info.name)]
    if any(_MAPS.get(split_target(node.target)[0]) == len(dims) for node in users):
        return -1  # a map without the batch
    if len(dims) != 3:
        return 0
    is_recurrent = any(
        split_target(node.target)[0] in _RECURRENT and not node.arguments.get("batch_first") for node in users
    )
    is_alone = dims[1] == 1 and isinstance(dims[0], int) and dims[0] > 1
    return 1 if reading == SECOND or is_recurrent or is_alone else 0
