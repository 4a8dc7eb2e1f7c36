"""From a program of torch.export in memory to the same program as an archive is read to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.pytorch.program import (
    BUFFER,
    CONSTANT,
    PARAMETER,
    AtenNode,
    Program,
    ProgramGraph,
    Ref,
    StoredInput,
)
from shapecalc.importers.pytorch.schema import line_of, module_of
from shapecalc.importers.widths import USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bits_of", "live_program"]

_KINDS = {"PARAMETER": PARAMETER, "BUFFER": BUFFER, "CONSTANT_TENSOR": CONSTANT}
_LARGEST = 2**62


def live_program(exported: Any) -> Program:
    """Return the program of a `torch.export.ExportedProgram`."""
    module = exported.graph_module
    graph = _graph(module)
    stored: dict[str, StoredInput] = {}
    inputs: list[str] = []
    first: dict[int, str] = {}
    tensors = {**exported.constants, **exported.state_dict}
    for spec in exported.graph_signature.input_specs:
        name, kind = getattr(spec.arg, "name", ""), spec.kind.name
        if kind in _KINDS:
            tensor = tensors.get(spec.target)
            identity = first.setdefault(id(tensor), spec.target) if tensor is not None else spec.target
            trainable = bool(getattr(tensor, "requires_grad", False))
            dims = tuple([int(size) for size in graph.stated.get(name, ())])
            stored[name] = StoredInput(spec.target, _KINDS[kind], dims, trainable, identity, bits_of(tensor))
        elif kind == "USER_INPUT" and name in graph.stated:
            inputs.append(name)
        elif kind == "USER_INPUT" and getattr(spec.arg, "value", None) is not None:
            graph.numbers[name] = spec.arg.value
    ranges = {str(key): (_bound(span.lower), _bound(span.upper)) for key, span in exported.range_constraints.items()}
    return Program(graph, tuple(inputs), stored, ranges)


def bits_of(tensor: Any) -> int:
    """Return the bits of an element of a tensor; of none, the usual ones."""
    return USUAL if tensor is None else 8 * int(tensor.element_size())


def _bound(number: Any) -> int | None:
    try:
        found = int(number)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
    return found if abs(found) < _LARGEST else None


def _graph(module: Any) -> ProgramGraph:
    """Return the graph of a module of torch.fx."""
    nodes: list[AtenNode] = []
    stated: dict[str, tuple[int | str, ...]] = {}
    numbers: dict[str, int | str] = {}
    inputs: list[str] = []
    outputs: tuple[Any, ...] = ()
    for node in module.graph.nodes:
        value = node.meta.get("val")
        _note(node.name, value, stated, numbers)
        if node.op == "placeholder":
            inputs.append(node.name)
        elif node.op == "output":
            outputs = tuple(_flat(_argument(node.args, module)))
        elif node.op == "call_function" and getattr(node.target, "__name__", "") != "getitem":
            nodes.append(_node(node, value, module))
    return ProgramGraph(tuple(inputs), tuple(nodes), outputs, stated, numbers)


def _note(name: str, value: Any, stated: dict[str, tuple[int | str, ...]], numbers: dict[str, int | str]) -> None:
    """Note the size of a tensor, or the value of a number."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        stated[name] = tuple([_size(size) for size in value.shape])
    elif type(value).__name__ in ("SymInt", "SymFloat", "SymBool"):
        numbers[name] = str(value.node.expr)
    elif type(value) in (int, float, bool):
        numbers[name] = value


def _size(size: Any) -> int | str:
    """Return a size: a number also where the export found that a dynamic one has one value only."""
    text = "" if isinstance(size, int) else str(size.node.expr)
    return int(size) if not text or text.isdecimal() else text


def _node(node: Any, value: Any, module: Any) -> AtenNode:
    """Return one node with its arguments by their names, and the names of its outputs, as an archive has them."""
    outputs: tuple[str, ...] = (node.name,)
    if isinstance(value, (list, tuple)):
        taken = {user.args[1]: user.name for user in node.users if getattr(user.target, "__name__", "") == "getitem"}
        outputs = tuple([taken.get(i, f"{node.name}_unused_{i}") for i in range(len(value))])
    elif value is None and not node.users:
        outputs = ()
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = module_of([["", str(stack[-1][0])]]) if stack else ""
    return AtenNode(
        _target(node.target), _arguments(node, module), outputs, path, line_of(node.meta.get("stack_trace") or "")
    )


def _target(target: Any) -> str:
    if hasattr(target, "_schema"):
        return str(target)
    name = getattr(target, "__name__", str(target))
    space = str(getattr(target, "__module__", ""))
    return (
        f"higher_order.{name}"
        if "higher_order" in space or "HigherOrder" in type(target).__name__
        else f"_operator.{name}"
    )


def _arguments(node: Any, module: Any) -> dict[str, Any]:
    schema = getattr(node.target, "_schema", None)
    names = [one.name for one in schema.arguments] if schema is not None else []
    names += [f"[{i}]" for i in range(len(names), len(node.args))]
    found = {name: _argument(value, module) for name, value in zip(names, node.args, strict=False)}
    return {**found, **{name: _argument(value, module) for name, value in node.kwargs.items()}}


def _argument(value: Any, module: Any) -> Any:
    """Return an argument as that of an archive: a number, a text, a list, a reference, a graph; None for the rest."""
    if value is None or type(value) in (int, float, bool, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_argument(one, module) for one in value]
    if isinstance(value, dict):
        return [_argument(one, module) for one in value.values()]
    if hasattr(value, "op") and hasattr(value, "meta"):
        inner = getattr(module, str(value.target), None) if value.op == "get_attr" else None
        return _graph(inner) if hasattr(inner, "graph") else Ref(value.name)
    return None


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value
