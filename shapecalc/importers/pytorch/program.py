"""A program of torch.export: nodes of ATen operations, what its tensors are, and the sizes that it states of them.

A saved archive and a program in memory are both read to this.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["BUFFER", "CONSTANT", "PARAMETER", "AtenNode", "Program", "ProgramGraph", "Ref", "StoredInput", "bits_of",
           "is_float"]  # fmt: skip

PARAMETER, BUFFER, CONSTANT = "parameter", "buffer", "constant"

_FLOATS = frozenset((6, 7, 8, 9, 10, 11, 13, 29, 30, 31, 32, 33))
"""The numbers of types of fractions: `ScalarType` of torch/_export/serde/schema.py, PyTorch 2.13."""

_BITS = {1: 8, 2: 8, 3: 16, 4: 32, 5: 64, 6: 16, 7: 32, 8: 64, 13: 16, 28: 16, 29: 8, 30: 8, 31: 8, 32: 8, 33: 8}
"""The bits of an element by the numbers of types, of the same source."""
_USUAL = 32


class Ref(NamedTuple):
    """The name of a tensor, or of a number, as an argument."""

    name: str


class AtenNode(NamedTuple):
    """One operation: its full name (`aten.conv2d.default`), arguments by their names, and names of its outputs.

    `module` is the path of the module that it is in (`layer1.0.conv1`), `line` the line of source (`net.py:12`).
    """

    target: str
    arguments: dict[str, Any]
    outputs: tuple[str, ...]
    module: str = ""
    line: str = ""


class StoredInput(NamedTuple):
    """A tensor that the module holds: its name there, what it is, its size.

    `identity` is the same for two names of one tensor; `bits` are those of an element.
    """

    name: str
    kind: str
    dims: tuple[int, ...]
    trainable: bool = False
    identity: str = ""
    bits: int = _USUAL


class ProgramGraph(NamedTuple):
    """A graph: names of its inputs, nodes in order, outputs, and the stated sizes of tensors and values of numbers.

    A size, or a number, is an expression where it depends on a dynamic dimension.
    """

    inputs: tuple[str, ...]
    nodes: tuple[AtenNode, ...]
    outputs: tuple[Any, ...]
    stated: dict[str, tuple[int | str, ...]]
    numbers: dict[str, int | str]


class Program(NamedTuple):
    """A whole program: its graph, its inputs, the tensors that it holds, and ranges of dynamic dimensions."""

    graph: ProgramGraph
    inputs: tuple[str, ...]
    stored: dict[str, StoredInput]
    ranges: dict[str, tuple[int | None, int | None]]
    version: str = ""
    notes: tuple[str, ...] = ()


def is_float(dtype: Any) -> bool:
    """Return whether the number of a type is that of fractions."""
    return dtype in _FLOATS


def bits_of(dtype: Any) -> int:
    """Return the bits of an element by the number of a type."""
    return _BITS.get(dtype, _USUAL)
