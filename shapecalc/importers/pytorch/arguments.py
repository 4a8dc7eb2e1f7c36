"""The arguments of a node: where it is, and the tensors and numbers that they name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shapecalc.importers.alike import likeness
from shapecalc.importers.pytorch.operations import split_target
from shapecalc.importers.pytorch.program import Ref
from shapecalc.importers.tensors import Constant, Data, NodePlace, UncoveredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import LayerError
    from shapecalc.importers.alike import Likeness
    from shapecalc.importers.pytorch.program import AtenNode

__all__ = ["constants_of", "likeness_of", "place_of", "resolved", "sorts_of", "unknown_size"]


_WEIGHTED = frozenset(("conv1d", "conv2d", "conv3d", "linear", "batch_norm", "layer_norm", "group_norm"))
_ALIKE = _WEIGHTED.union(("relu", "add", "mul", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "gelu", "silu",
                          "softmax"))  # fmt: skip
"""Operations that become the same layer wherever their arguments and the sizes of their tensors are equal."""
_VALUES = frozenset((int, float, bool, str, type(None)))


def likeness_of(node: AtenNode, scope: Mapping[str, Any]) -> Likeness | None:
    """Return what a node has in common with those that become the same layer; None where there may be no other."""
    op = split_target(node.target)[0]
    if op not in _ALIKE or len(node.outputs) != 1:
        return None
    arguments: list[Any] = [node.target]
    tensors = []
    for name, value in node.arguments.items():
        kind = type(value)
        if kind is Ref:
            arguments.append(name)
            tensors.append(scope.get(value.name, value))
        elif kind in _VALUES:
            arguments += name, value
        elif kind is list and _VALUES.issuperset(map(type, value)):
            arguments.append((name, *value))
        else:
            return None
    return likeness(tuple(arguments), tensors, with_weights=op in _WEIGHTED)


def place_of(node: AtenNode, where: str) -> NodePlace:
    """Return the location of a node: `node[3] conv2d layer1.0.conv1 (net.py:12)`, its modules, and its own name."""
    target, _, _, module, line = node
    op, own = _words_of(target)
    path = f"{where} {op}" if op else where
    if module:
        path += f" {module}"
    if line:
        path += f" ({line})"
    return NodePlace(path, tuple(module.split(".")) if module else (), own)


@lru_cache(maxsize=4096)
def _words_of(target: str) -> tuple[str, str]:
    """Return the name of an operation in a location, and that of its layer: without what says that it is in place."""
    op = split_target(target)[0].rpartition(".")[2]
    return op, op.strip("_") or op


def resolved(value: Any, scope: Mapping[str, Any]) -> Any:
    """Return an argument with the tensors and numbers that its names stand for."""
    if isinstance(value, Ref):
        return scope.get(value.name, value)
    return [resolved(one, scope) for one in value] if isinstance(value, list) else value


def constants_of(values: Any) -> list[Constant]:
    """Return the constants among arguments."""
    found = []
    for value in values:
        found += [x for x in (value if isinstance(value, list) else [value]) if isinstance(x, Constant)]
    return found


def sorts_of(values: Any) -> tuple[list[Data], bool]:
    """Return the data among arguments, and whether there is a learned constant."""
    data: list[Data] = []
    learned = False
    for value in values:
        if isinstance(value, (Data, Constant, list)):
            for x in value if isinstance(value, list) else (value,):
                if isinstance(x, Data):
                    data.append(x)
                elif isinstance(x, Constant) and x.learned:
                    learned = True
    return data, learned


def unknown_size(node: AtenNode, why: str) -> LayerError:
    """Return the error of a node whose output has a size that depends on the content of its inputs."""
    op = node.target.removesuffix(".default")
    return UncoveredError(f"the size of the output of {op} is not known before the network runs", (why,))
