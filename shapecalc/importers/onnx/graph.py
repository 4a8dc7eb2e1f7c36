"""From an ONNX model to a graph: every node in turn, with the tensors that are known by then."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem, UsageError, count_noun
from shapecalc.importers.alike import AlikeNodes
from shapecalc.importers.blocks import graph_of, network_outputs
from shapecalc.importers.call import Guard
from shapecalc.importers.combining import as_rows
from shapecalc.importers.each import worked
from shapecalc.importers.frame import FailedError, Frame, NotCoveredError
from shapecalc.importers.inputs import input_tensors
from shapecalc.importers.onnx.arity import missing_input
from shapecalc.importers.onnx.batch import batch_axes, sequences_of
from shapecalc.importers.onnx.factors import made_of, sized, weights_in
from shapecalc.importers.onnx.given import input_values, may_have_value
from shapecalc.importers.onnx.inlining import Inlining
from shapecalc.importers.onnx.messages import GraphMessage
from shapecalc.importers.onnx.opaque import GivenSizes, opaque, reason_of
from shapecalc.importers.onnx.operations import NodeCall, every_output
from shapecalc.importers.onnx.operations import operation as operations
from shapecalc.importers.onnx.order import cycle_text, in_order
from shapecalc.importers.onnx.places import place_of
from shapecalc.importers.onnx.repeats import of_each_sample, stored
from shapecalc.importers.onnx.sequences import TensorList
from shapecalc.importers.onnx.uses import TensorUses
from shapecalc.importers.onnx.values import fold, folds
from shapecalc.importers.onnx.widths import stored_as
from shapecalc.importers.readings import AS_STATED, NOWHERE
from shapecalc.importers.tensors import Constant, Data, Unsized, sizes_text
from shapecalc.importers.understanding import ARITHMETIC, LAYER, Understanding
from shapecalc.model.graph import Graph, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.onnx.messages import FunctionMessage, Model
    from shapecalc.importers.tensors import NodePlace

__all__ = ["Importing"]

_OWN_DOMAINS = ("", "ai.onnx")
_VERSIONS = 7, 24
_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast", "DequantizeLinear",
          "QuantizeLinear", "Dropout", "ScatterND")  # fmt: skip
"""Operations after which a weight is still that weight."""
_FOLDED = frozenset(("Shape", "Size", *_MOVES))
"""Operations that are folded even where what they work on is learned."""
_PRODUCTS = ("Gemm", "MatMul")
_OF_DATA = frozenset((Data, TensorList))
_OF_MASKS = ("ScatterND", "ScatterElements", "Scatter", "Where", "Equal", "Less", "LessOrEqual", "Greater",
             "GreaterOrEqual", "And", "Or", "Not")  # fmt: skip
"""Operations by which a file makes masks of constants: what is made by them alone is not learned."""


class Importing(Inlining):
    """One import of a model, with sizes of its inputs."""

    def __init__(
        self,
        name: str,
        model: Model,
        variables: Mapping[str, Any],
        inputs: Mapping[str, tuple[Any, ...]],
        reading: str = AS_STATED,
    ) -> None:
        super().__init__()
        self.name = name
        self.model = model
        self.problems: list[Problem] = []
        infos = [info for info in model.graph.inputs if info.name not in model.graph.weights]
        self.values = input_values(infos, variables)
        sized = [info for info in infos if info.name not in self.values]
        axes = batch_axes(sized, model.graph, reading)
        self.given = {key: value for key, value in variables.items() if key in self.values}
        dimensions = {key: value for key, value in variables.items() if key not in self.values}
        others = [info.name for info in infos if may_have_value(info)]
        self.known = GivenSizes(inputs, axes, model.graph)
        self.sequences = sequences_of(sized, axes)
        self.sizes = input_tensors(sized, axes, dimensions, self.known.of_inputs, self.problems, name, others)
        self.reading = reading
        self.is_as_stated = not self.sizes.are_others
        self.frame = Frame(name, self.sizes.batch, repeats=(0, 1))
        self.alike = AlikeNodes(self.frame)
        self.understanding = Understanding(is_dynamic=bool(self.sizes.variables))
        self.factors: set[str] = set()
        self.are_repeated = self.frame.batch > 1 and any(model.repeated.values())
        self.made: set[str] = set()
        self.cycles: dict[str, str] = {}

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        b = self.frame.batch
        scope: dict[str, Any] = {
            name: stored(self.model, weight, b) for name, weight in self.model.graph.weights.items()
        }
        scope.update(self.values)
        for name, (shape, batch) in self.sizes.inputs.items():
            scope[name] = self.frame.add_input(name, shape, batch)
        wrong = [name for name in self.sizes.unknown if name not in scope]
        scope.update({name: Unsized(Reference(-1)) for name in wrong})
        outputs: list[Reference] = []
        names: list[str] = []
        if not self.problems:
            self.run(self.model.graph, scope, "", self.model.opset, 0)
            self.known.check()
            outputs, names = self._outputs(scope)
        graph = graph_of(
            self.frame, self.name, outputs, output_names=tuple(names), notes=tuple(self._notes()),
            variables={**self.sizes.variables, **self.given}, sequences=self.sequences,
            stored=stored_as(self.model.graph, self.frame, self.name),
            warnings=tuple(self.understanding.warnings.listed()), includes_batch=self.reading == NOWHERE,
            tensors={name: (name, weight.dims) for name, weight in self.model.graph.weights.items()}, is_folded=True,
        )  # fmt: skip
        return graph, self.problems

    def _outputs(self, scope: Mapping[str, Any]) -> tuple[list[Reference], list[str]]:
        """Return the outputs of the network: a constant is none."""
        for info in self.model.graph.outputs:
            if scope.get(info.name) is None:
                message = f"the output {info.name} of {self.name} is the output of none of its nodes"
                self.understanding.warnings.append(Problem(message, hint="onnx.checker refuses such a file"))
        if not self.frame.nodes:
            self.problems.append(Problem(f"{self.name} has no layer: none of its nodes depends on an input"))
        found = [(info.name, scope.get(info.name)) for info in self.model.graph.outputs]
        if self.frame.batch == 1 and any(at.own for _, at in self.sizes.inputs.values()):
            self.understanding.lost_outputs = sum(
                isinstance(x, Data) and not (x.batch.own or x.batch.is_fixed) for _, x in found
            )
        lists = {name: x.tensors for name, x in found if isinstance(x, TensorList)}
        each = [(f"{name}[{i}]", one) for name, tensors in lists.items() for i, one in enumerate(tensors)]
        return network_outputs(self.frame, [*((name, x) for name, x in found if name not in lists), *each])

    def _notes(self) -> list[str]:
        understood = self.understanding.note(with_stated=self.is_as_stated)
        shared = ", ".join(filter(None, (self.frame.shared_tensors(), self._factors())))
        left_out = [f"the batch of {self.sizes.batch} in the file is left out"] if self.sizes.batch > 1 else []
        if self.reading == NOWHERE:
            left_out = ["where the batch is could not be found: sizes and MACs are of the whole input of the file"]
        unread = (
            *self.frame.notes,
            *self.model.notes,
            *(self.model.unread if self.understanding.unclear else ()),
        )
        return [understood, *left_out, *self.sizes.notes, *([shared] if shared else []), *unread, *self._versions()]

    def _versions(self) -> list[str]:
        """Return the note on a version of ONNX' operations that is not one of those which are known."""
        opset, (first, last) = self.model.opset, _VERSIONS
        if first <= opset <= last:
            return []
        return [f"the file is of opset {opset}: operations are read as in opsets {first} to {last}"]

    def _factors(self) -> str:
        """Return the note on stored tensors of which the file computes weights, in place of which these count."""
        stored = self.model.graph.weights
        held = self.frame.owners.held() if self.factors else frozenset()
        names = [name for name in self.factors if name in stored and name not in held]
        if not names:
            return ""
        elements = sum(prod(stored[name].dims) for name in names)
        of = f"{count_noun(len(names), 'stored tensor')} ({elements:,} elements)"
        return f"the weights that the file computes of {of} are counted, and not these"

    # The nodes.

    def run(
        self, graph: GraphMessage | FunctionMessage, scope: dict[str, Any], path: str, opset: int, depth: int
    ) -> None:
        """Work through the nodes of a graph, and put their outputs into the scope."""
        outputs = {info if isinstance(info, str) else info.name for info in graph.outputs}
        uses = TensorUses(graph.nodes, outputs, scope, self.model.scales)
        absorbed: set[str] = set()

        def late(number: int, name: str, maker: int) -> None:
            needed, by = (place_of(graph.nodes[one], f"{path}node[{one}]").path for one in (maker, number))
            message = f"{by} uses the output {name} of {needed}, which is after it: the nodes are read in another order"
            self.understanding.warnings.append(Problem(message, hint="onnx.checker refuses such a file"))

        def cyclic(numbers: Sequence[int]) -> None:
            paths = [place_of(graph.nodes[one], f"{path}node[{one}]").path for one in numbers]
            cycle = cycle_text(paths)
            self.cycles |= {name: cycle for one in numbers for name in graph.nodes[one].outputs}

        for number, node in in_order(graph.nodes, scope, uses.users, late, cyclic):
            if not node.outputs or node.outputs[0] in absorbed:
                self.understanding.counts[LAYER if node.outputs else ARITHMETIC] += 1
                continue
            place = place_of(node, f"{path}node[{number}]")
            call = NodeCall(node, place, [scope.get(name) if name else None for name in node.inputs], opset, self.frame)
            call.uses = uses
            before = len(self.frame.nodes)
            if self.are_repeated:
                call.inputs = of_each_sample(call)
            found = self._results(call, scope, f"{place.path}: ", depth)
            if found is None:  # inlined: its own nodes were counted
                continue
            self.understanding.count(self.frame.nodes[before:], found)
            scope.update(zip(node.outputs, found, strict=False))
            scope.pop("", None)  # an output that is left out
            if call.absorbed and not any(isinstance(x, Unsized) for x in found):
                absorbed.update(call.absorbed)
                if len(call.absorbed) > 1:  # it has other axes in the file
                    scope.pop(node.outputs[0])
                scope[call.absorbed[-1]] = found[0]
            if self.is_as_stated and isinstance(graph, GraphMessage):
                self._compare(call, found, graph, place)

    def _results(self, call: NodeCall, scope: dict[str, Any], path: str, depth: int) -> Sequence[Any] | None:
        """Return the outputs of a node; None where it was inlined."""
        node, taken, before = call.node, call.inputs, len(self.frame.nodes)
        if wrong := self._wrong(call, scope, depth):
            return self._failed(call, taken, LayerError(wrong))
        like = call.likeness
        if again := self.alike.again(like, call.place, call.place_with):
            return again
        try:
            with Guard(node.op):
                if self.inline(call, scope, path, depth):
                    return None
                found = self._converted(call)
            self.alike.note(like, before, found)
            return found
        except FailedError as error:
            return [Unsized(Reference(error.index))] * max(len(node.outputs), 1)
        except (LayerError, UsageError) as error:
            self.frame.forget(before)
            problem = error if isinstance(error, LayerError) else LayerError(error.problems[0].message)
            return self._failed(call, taken, problem)

    def _wrong(self, call: NodeCall, scope: Mapping[str, Any], depth: int) -> str:
        """Return what is wrong with the inputs or the outputs of a node; empty if nothing is."""
        if depth == 0:
            if not self.made.isdisjoint(call.node.outputs):
                twice = [name for name in call.node.outputs if name in self.made and name]
                if twice:
                    return f"its output {twice[0]} is also that of a node before it"
            self.made.update(call.node.outputs)
        for name in call.node.inputs:
            if name in self.cycles and name not in scope:
                return f"its input {name} depends on itself, in a cycle: {self.cycles[name]}"
            if name and name not in scope:
                return f"its input {name} is the output of no node before it"
        if Unsized in map(type, call.inputs):
            return "the size of its input is not known"
        node = call.node
        is_own = node.domain in _OWN_DOMAINS and (node.domain, node.op) not in self.model.functions
        return missing_input(node.op, call.inputs) if is_own else ""

    def _failed(self, call: NodeCall, taken: Sequence[Any], error: LayerError) -> list[Any]:
        refs = [x.ref for x in taken if isinstance(x, (Data, Unsized))]
        return [self.frame.unresolved(call.place, call.node.op, refs, error)] * max(len(call.node.outputs), 1)

    def _converted(self, call: NodeCall) -> Sequence[Any]:
        """Return the outputs of a node: folded, as layers, or as an opaque one."""
        node = call.node
        is_own = node.domain in _OWN_DOMAINS
        if is_own and folds.find(node.op) is not None and (node.op in _FOLDED or not _use_learned(call)):
            known = fold(call)
            if known is not None:
                return [known]
        operation = operations.find(node.op if is_own else f"{node.domain}.{node.op}")
        if node.inputs and _OF_DATA.isdisjoint(map(type, call.inputs)):
            first, learned = call.inputs[0], _use_learned(call)
            is_base = node.op.startswith("Scatter") and isinstance(first, Constant) and first.learned
            if node.op in _OF_MASKS and not is_base:
                call.inputs = tuple([x._replace(learned=False) if isinstance(x, Constant) else x for x in call.inputs])
                learned = False
            if not learned or node.op in _MOVES or operation is None or call.uses.feed_weights(node.outputs[0]):
                return self._folded(call, operation)
            if node.op != "Gather":  # what is made of learned tensors is computed each time
                is_product = node.op in _PRODUCTS and isinstance(first, Constant)
                call.inputs = (as_rows(call, first) if is_product else call.data(0), *call.inputs[1:])
        reason = "" if operation else reason_of(node.op)
        if operation:
            before, inputs = len(self.frame.nodes), call.inputs
            try:
                return every_output(call, worked(call, operation))
            except NotCoveredError as error:
                self.frame.forget(before)
                call.inputs, call.absorbed, reason = inputs, (), str(error)
        return opaque(call, self.model.graph, self.sizes, self.known, reason)

    def _folded(self, call: NodeCall, operation: Any) -> Sequence[Any]:
        """Return the sizes of an output that is the same for every input: a weight that was moved, or a constant."""
        scratch = Frame(self.name)
        first = call.inputs[0]
        trial = NodeCall(call.node, call.place, call.inputs, call.opset, scratch)
        trial.is_of_constants = True
        if isinstance(first, Constant):
            from shapecalc.layers.base.shape import Shape

            own = scratch.add_input("x", Shape(first.dims), Data(Reference(-1), Shape(())).batch)
            trial.inputs = (own, *call.inputs[1:])
        try:
            found = operation(trial) if operation else None
        except NotCoveredError:
            found = None
        except FailedError:
            every = " and ".join(sizes_text(x.dims) for x in call.inputs if isinstance(x, Constant))
            raise LayerError(f"its inputs {every} do not fit together") from None
        if found is None:
            reason = "its output is not known, though it depends on no input"
            return opaque(call, self.model.graph, self.sizes, self.known, reason)
        many = [found] if isinstance(found, (Data, Constant)) else found
        if isinstance(first, Constant) and call.node.op in _MOVES and first.sources:
            return [sized(x)._replace(sources=first.sources, learned=first.learned) for x in many]
        constants = [x for x in call.inputs if isinstance(x, Constant)]
        self.factors.update(weights_in(constants))
        return [made_of(constants, sized(x), self.model.graph.weights) for x in many]

    def _compare(self, call: NodeCall, found: Sequence[Any], graph: GraphMessage, place: NodePlace) -> None:
        """Compare the sizes of outputs with those that the file states."""
        node = call.node
        names = (call.absorbed[-1], *node.outputs[1:]) if call.absorbed else node.outputs
        for name, tensor in zip(names, found, strict=False):
            info = graph.stated.get(name)
            if info is None or info.dims is None or not isinstance(tensor, Data):
                continue
            full = tensor.full(self.frame.batch)
            stated = info.dims if info.dims == full else self.sizes.dims(info)
            self.understanding.compare(name, stated, full, lambda: self.frame.mark(place), node.op)


def _use_learned(call: NodeCall) -> bool:
    """Return whether an input of a node is learned."""
    return any(isinstance(x, Constant) and x.learned for x in call.inputs)
