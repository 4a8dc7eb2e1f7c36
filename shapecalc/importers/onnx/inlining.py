"""Nodes that stand for others: functions, an `If` whose condition is known, loops whose number of turns is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.messages import GraphMessage
from shapecalc.importers.onnx.sequences import stacked
from shapecalc.importers.onnx.uses import with_attributes
from shapecalc.importers.picking import at_positions
from shapecalc.importers.tensors import Constant, Data, Unsized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import FunctionMessage, Model
    from shapecalc.importers.onnx.operations import NodeCall
    from shapecalc.importers.understanding import Understanding

__all__ = ["Inlining"]

_DEEPEST = 16
_MOST_INLINED = 50_000
_MOST_OF_LOOPS = 10_000
"""The most nodes that all loops of a file stand for: those of their bodies, as often as they run."""


class Inlining:
    """An import, as far as it works through the nodes that one node stands for."""

    model: Model
    frame: Frame
    understanding: Understanding

    def __init__(self) -> None:
        self.inlined = 0
        self.turned = 0
        self.functions: list[str] = []
        self.lengths: dict[tuple[str, str], int] = {}

    def run(
        self, graph: GraphMessage | FunctionMessage, scope: dict[str, Any], path: str, opset: int, depth: int
    ) -> None:
        """Work through the nodes of a graph, and put their outputs into the scope."""
        raise NotImplementedError

    def inline(self, call: NodeCall, scope: dict[str, Any], path: str, depth: int) -> bool:
        """Work through the nodes that a node stands for; False where it stands for none."""
        node, is_own = call.node, call.node.domain in ("", "ai.onnx")
        function = self.model.functions.get((node.domain, node.op))
        if function is None and not (is_own and node.op in ("If", "Loop", "Scan")):
            return False
        if depth >= _DEEPEST:
            raise LayerError(f"its functions are nested more than {_DEEPEST} deep", (" → ".join(self.functions),))
        if function is not None:
            self._function(call, function, scope, path, depth)
            return True
        return self._branch(call, scope, path, depth) if node.op == "If" else self._loop(call, scope, path, depth)

    def _function(
        self, call: NodeCall, function: FunctionMessage, scope: dict[str, Any], path: str, depth: int
    ) -> None:
        node = call.node
        self._check_length(self._length((node.domain, node.op)))
        self.inlined += len(function.nodes)
        inner = dict(zip(function.inputs, call.inputs, strict=False))
        nodes = tuple([with_attributes(one, node.attributes, function.defaults) for one in function.nodes])
        self.functions.append(node.op)
        self.run(function._replace(nodes=nodes), inner, path, function.opset, depth + 1)
        self.functions.pop()
        scope.update({out: inner.get(name) for out, name in zip(node.outputs, function.outputs, strict=False)})

    def _branch(self, call: NodeCall, scope: dict[str, Any], path: str, depth: int) -> bool:
        condition = call.inputs[0]
        if not isinstance(condition, Constant) or not condition.items:
            return False
        branch = call.attribute("then_branch" if condition.items[0] else "else_branch")
        if not isinstance(branch, GraphMessage):
            raise LayerError("it has no branch for its condition")
        scope.update(zip(call.node.outputs, self._once(call, branch, {}, scope, path, depth), strict=False))
        return True

    def _once(
        self, call: NodeCall, body: GraphMessage, own: dict[str, Any], scope: dict[str, Any], path: str, depth: int
    ) -> list[Any]:
        """Return the outputs of a graph within a node, which may use all tensors around it."""
        self.inlined += len(body.nodes)
        self._check_length(0)
        inner = {**scope, **{weight.name: weight.constant() for weight in body.weights.values()}, **own}
        self.run(body, inner, path, call.opset, depth + 1)
        return [inner.get(info.name) for info in body.outputs]

    def _check_length(self, more: int) -> None:
        if self.inlined + more > _MOST_INLINED:
            raise LayerError(f"its functions stand for more than {_MOST_INLINED:,} nodes")

    def _length(self, key: tuple[str, str], depth: int = 0) -> int:
        """Return how many nodes a function stands for, with those of the functions that it calls."""
        function = self.model.functions.get(key)
        if function is None or depth > _DEEPEST:  # one that calls itself has its error where it is too deep
            return 0
        if key not in self.lengths:
            self.lengths[key] = 0
            calls = [(one.domain, one.op) for one in function.nodes]
            self.lengths[key] = len(calls) + sum([self._length(one, depth + 1) for one in calls])
        return self.lengths[key]

    # Loops: their bodies one after the other. What they output at each turn is stacked.

    def _loop(self, call: NodeCall, scope: dict[str, Any], path: str, depth: int) -> bool:
        """Work through a loop; False where the number of its turns, or the size of what it outputs, is not known."""
        body, before = call.attribute("body"), len(self.frame.nodes)
        if not isinstance(body, GraphMessage):
            return False
        counts = self.understanding.counts.copy()
        try:
            turns = _Turns(call, body) if call.node.op == "Loop" else _Steps(call, body)
            first = None
            for own in turns:
                self.turned += len(body.nodes) + 1
                if self.turned > _MOST_OF_LOOPS:
                    raise NotCoveredError("it stands for too many nodes")  # noqa: TRY301
                found = self._once(call, body, own, scope, path, depth)
                if any(x is None or isinstance(x, Unsized) for x in found):
                    raise NotCoveredError("the size of its output is not known")  # noqa: TRY301
                turns.take(found)
                first = first or self.understanding.counts.copy()
            outputs = turns.outputs()
        except NotCoveredError:
            self.frame.forget(before)
            self.understanding.counts = counts
            return False
        self.understanding.counts = first or counts  # its nodes once, however often they run
        scope.update(zip(call.node.outputs, outputs, strict=False))
        return True


class _Turns:
    """The turns of a Loop: what its body has as inputs in each, and what it has output so far."""

    def __init__(self, call: NodeCall, body: GraphMessage) -> None:
        self.call, self.body = call, body
        most, self.goes_on = (call.inputs[i] if i < len(call.inputs) else None for i in (0, 1))
        self.most = _MOST_OF_LOOPS if most is None else _known(most)
        self.is_bounded = most is not None
        self.carried = list(call.inputs[2:])
        self.kept: list[list[Any]] = [[] for _ in body.outputs[1 + len(self.carried) :]]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = [info.name for info in self.body.inputs]
        for number in range(int(self.most)):
            if not (self.is_bounded and self.goes_on is None) and not _known(self.goes_on):
                return
            condition = Constant((), (True,)) if self.goes_on is None else self.goes_on
            yield dict(zip(names, (Constant((), (number,)), condition, *self.carried), strict=False))

    def take(self, found: list[Any]) -> None:
        """Note what the body has output in a turn: whether there is another one, and its tensors."""
        if self.call.inputs[1] is not None or not self.is_bounded:
            self.goes_on = found[0]
        count = len(self.carried)
        self.carried = found[1 : 1 + count]
        for kept, x in zip(self.kept, found[1 + count :], strict=True):
            kept.append(x)

    def outputs(self) -> list[Any]:
        """Return the outputs of the node. Errors: `NotCoveredError` where there was no turn."""
        return [*self.carried, *(stacked(self.call, kept, 0) for kept in self.kept)]


class _Steps(_Turns):
    """The steps of a Scan, one for each slice of its inputs."""

    def __init__(self, call: NodeCall, body: GraphMessage) -> None:
        self.call, self.body = call, body
        count = call.number("num_scan_inputs", 0)
        first = len(call.inputs) - count
        self.carried, self.scanned = list(call.inputs[:first]), call.inputs[first:]
        self.kept = [[] for _ in body.outputs[first:]]
        self.axes = call.numbers("scan_input_axes") or [0] * count
        self.backward = call.numbers("scan_input_directions") or [0] * count
        if not self.scanned or first < 0 or call.opset < 9 or len(self.axes) != count or len(self.backward) != count:
            raise LayerError("it has not the inputs that it scans")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = [info.name for info in self.body.inputs]
        frame = self.call.frame
        sizes = {x.full(frame.batch)[frame.axis(axis, x.rank)] for x, axis in zip(self.scanned, self.axes, strict=True)}
        if len(sizes) != 1:
            raise LayerError(f"it scans axes of different sizes: {' and '.join(map(str, sorted(sizes)))}")
        steps = sizes.pop()
        if steps * len(self.body.nodes) > _MOST_OF_LOOPS:
            raise NotCoveredError("it stands for too many nodes")
        for step in range(steps):
            own = [self._slice(x, axis, steps - 1 - step if back else step)
                   for x, axis, back in zip(self.scanned, self.axes, self.backward, strict=True)]  # fmt: skip
            yield dict(zip(names, (*self.carried, *own), strict=False))

    def _slice(self, x: Any, axis: int, step: int) -> Data:
        if not isinstance(x, Data):
            raise NotCoveredError("it scans a constant")
        return at_positions(self.call, x, Constant((), (step,)), self.call.frame.axis(axis, x.rank))

    def take(self, found: list[Any]) -> None:
        """Note the states and the tensors that the body has output in a step."""
        count = len(self.carried)
        self.carried = found[:count]
        for kept, x in zip(self.kept, found[count:], strict=True):
            kept.append(x)

    def outputs(self) -> list[Any]:
        """Return the outputs of the node. Errors: `NotCoveredError` where there was no step."""
        axes = self.call.numbers("scan_output_axes") or [0] * len(self.kept)
        return [*self.carried, *(stacked(self.call, kept, axis) for kept, axis in zip(self.kept, axes, strict=True))]


def _known(x: Any) -> Any:
    """Return the only element of a constant. Errors: `NotCoveredError` where it is not known."""
    if not isinstance(x, Constant) or not x.items:
        raise NotCoveredError("how often it runs is only known when it does")
    return x.items[0]
