"""Nodes that are no layer here: opaque ones, with the sizes that the file states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import plain_of
from shapecalc.errors import LayerError, Problem, UsageError
from shapecalc.importers.onnx.given import may_have_value, value_like
from shapecalc.importers.onnx.uses import captured_by, inputs_behind
from shapecalc.importers.tensors import LOST, Batch, Data, UncoveredError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.importers.inputs import InputSizes, ValueInfo
    from shapecalc.importers.onnx.messages import GraphMessage, NodeMessage
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["GivenSizes", "opaque", "reason_of"]

_FOUND = "how many it finds is only known when it runs"
_KEPT = "how many {} it keeps is only known when it runs"
_COUNTED = {"NonZero": _FOUND, "Unique": _FOUND, "NonMaxSuppression": _KEPT.format("boxes"),
            "Compress": _KEPT.format("slices")}  # fmt: skip
"""Operations whose output has no batch, and a size that depends on the data."""
_REASONS = {**_COUNTED, "If": "its condition is computed from data", "Scan": "it has more steps than are worked out",
            "Loop": "how often it runs is only known when it does"}  # fmt: skip
_KEEP = ("ConcatFromSequence", "Cast", "CastLike", "Identity")
"""Operations whose output has the size that is stated for the list of tensors that is their input."""
_SOME = 100
_INFERRED = ("If", "Scan")
"""Of these ONNX' own shape inference may know the size, if the file does not state it."""


def reason_of(op: str) -> str:
    """Return why an operation is none that is read."""
    return _REASONS.get(op, "no layer here does what it does")


class GivenSizes:
    """Sizes that are given as those of inputs: of inputs, and of outputs of nodes that are no layers here."""

    def __init__(self, given: Mapping[str, tuple[Any, ...]], names: Collection[str], graph: GraphMessage) -> None:
        others = {key for key in given if key and key not in names}
        made = {name for node in graph.nodes for name in node.outputs} if others else set()
        self.of_inputs = {key: sizes for key, sizes in given.items() if key not in others or key not in made}
        self._of_outputs = {key: sizes for key, sizes in given.items() if key not in self.of_inputs}
        self._used: set[str] = set()

    def of(self, name: str) -> tuple[int, ...] | None:
        """Return the size that is given for the output of a node."""
        if name not in self._of_outputs:
            return None
        self._used.add(name)
        return tuple(
            [plain_of(size, f"the size of {name}", "give sizes as numbers") for size in self._of_outputs[name]]
        )

    def check(self) -> None:
        """Check that the given sizes were needed. Errors: `UsageError`."""
        for name in self._of_outputs:
            if name not in self._used:
                raise UsageError(Problem(f"{name} is not an input: its size is worked out", hint="leave it out"))


def opaque(call: NodeCall, graph: GraphMessage, inputs: InputSizes, given: GivenSizes, reason: str) -> Sequence[Any]:
    """Return the outputs of a node that is not a layer here, with the sizes that are given, or that the file states.

    Errors: `LayerError` where there are none, or none for these sizes of the inputs.
    """
    captured = [call.uses.scope.get(name) for name in captured_by(call.node)]
    data = list(dict.fromkeys(x for x in (*call.inputs, *captured) if isinstance(x, Data)))
    op = f"{call.node.domain}.{call.node.op}" if call.node.domain else call.node.op
    has_batch = any(x.batch.own for x in data) and call.node.op not in _COUNTED
    first = data[0].rank if data else 0
    found: list[tuple[tuple[int, ...], Batch]] = []
    for i, name in enumerate(call.node.outputs):
        info, sizes = _stated(call, name, graph), given.of(name)
        stated = None if inputs.are_others else inputs.stated(info)
        stated = stated if call.is_used(i) else ((1,), False)
        if sizes is not None:
            rank = len(info.dims) if info is not None and info.dims is not None else 0
            is_whole = len(sizes) == rank or (not rank and sizes[:1] == (call.frame.batch,) and len(sizes) == first)
            own = has_batch and not is_whole
            found.append(
                (sizes, Batch(0, own=True)) if own else _placed((sizes, False), call.frame.batch, own=has_batch)
            )
        elif stated is not None and 0 not in stated[0]:
            found.append(_placed(stated, call.frame.batch, own=has_batch))
        else:
            raise _unsized(call, name, reason, graph, inputs)
    outputs = call.frame.emit(call.place, "opaque", {"output_sizes": [one for one, _ in found], "op_type": op}, data)
    return [Data(ref, shape, batch) for (ref, shape), (_, batch) in zip(outputs, found, strict=True)]


def _stated(call: NodeCall, name: str, graph: GraphMessage) -> ValueInfo | None:
    """Return what the file states of the size of a tensor, or of what it has become once nodes only joined it."""
    after = call.uses.only_user(name)
    while name not in graph.stated and after is not None and after.op in _KEEP:
        name = after.outputs[0]
        after = call.uses.only_user(name)
    return graph.stated.get(name)


def _unsized(call: NodeCall, name: str, reason: str, graph: GraphMessage, inputs: InputSizes) -> LayerError:
    """Return the error of a node whose output has no size: which inputs would decide it, or how to give it."""
    node, is_own = call.node, call.node.domain in ("", "ai.onnx")
    has_batch = node.op not in _COUNTED
    hint = (
        f"give it{', without the batch' if has_batch else ''}: --input {name}={_example(call, graph.stated.get(name))}"
    )
    is_inferred = is_own and (node.op in _INFERRED or node.op not in _REASONS)
    if is_inferred and not inputs.are_others and len(graph.stated) == len(graph.outputs):
        hint += ", or have onnx.shape_inference.infer_shapes write it into the file"
    is_of_values = node.op in _REASONS or "computed from data" in reason
    deciding = _deciding(node, graph, inputs) if is_of_values else []
    if deciding:
        reason = f"{reason}, of the input {' and '.join(info.name for info in deciding)}"
        hint = "give its value: " + " ".join(f"--value {value_like(info, inputs.inputs)}" for info in deciding)
    what = "it is" if is_own else f"{node.domain}.{node.op} is"
    which = "for other sizes of the inputs" if inputs.are_others else name
    return UncoveredError(
        f"{what} not covered, and the file does not state the size of its output {which}".rstrip(), (reason,), hint
    )


def _example(call: NodeCall, info: ValueInfo | None) -> str:
    """Return how a size may be written for an output: where the file states a part of it, with that."""
    first = next((x.shape.sizes for x in call.inputs if isinstance(x, Data)), ())
    tensor = call.given(0)
    counted = {"NonMaxSuppression": (_SOME, 3), "NonZero": (tensor.rank if tensor else 1, _SOME)}
    sizes: Sequence[Any] = counted.get(call.node.op, (_SOME,)) if call.node.op in _COUNTED else first
    if info is not None and info.dims:
        own = info.dims if call.node.op in _COUNTED else info.dims[1:]
        sizes = [size if isinstance(size, int) else _SOME for size in own]
    return "x".join(map(str, sizes)) or str(_SOME)


def _deciding(node: NodeMessage, graph: GraphMessage, inputs: InputSizes) -> list[ValueInfo]:
    """Return the inputs that may have values, were given none, and decide what a node of ONNX itself does."""
    if node.domain not in ("", "ai.onnx"):
        return []
    infos = {info.name: info for info in graph.inputs if info.name not in graph.weights}
    found = [name for one in node.inputs[node.op != "If" :] for name in inputs_behind(graph.nodes, one, infos)]
    return [infos[name] for name in dict.fromkeys(found) if name in inputs.inputs and may_have_value(infos[name])]


def _placed(found: tuple[tuple[int, ...], bool], batch: int, *, own: bool) -> tuple[tuple[int, ...], Batch]:
    """Return sizes without the batch, and where that is: in front, where it is one of the inputs'."""
    sizes, is_named = found
    return (sizes[1:], Batch(0, own=True)) if sizes[:1] == (batch,) and (own or is_named) else (sizes, LOST)
