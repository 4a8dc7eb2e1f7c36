"""From a program of torch.export to a graph: every node in turn, with the tensors that are known by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.collection import new_tuple
from shapecalc.errors import LayerError, Problem, UsageError
from shapecalc.importers.alike import AlikeNodes
from shapecalc.importers.blocks import graph_of, network_outputs, without_reuse
from shapecalc.importers.call import Guard
from shapecalc.importers.each import worked
from shapecalc.importers.frame import FailedError, Frame, NotCoveredError
from shapecalc.importers.inputs import input_tensors
from shapecalc.importers.pytorch.arguments import constants_of, likeness_of, place_of, resolved, sorts_of, unknown_size
from shapecalc.importers.pytorch.expressions import depends_on_data, plain_size
from shapecalc.importers.pytorch.folding import Folding
from shapecalc.importers.pytorch.operations import AtenCall, find_operation, split_target
from shapecalc.importers.pytorch.program import PARAMETER, ProgramGraph, Ref
from shapecalc.importers.pytorch.ranges import HINT, exported_for, wrong_sizes
from shapecalc.importers.pytorch.unchanged import MOVES, NO_OUTPUT, WRAPPERS
from shapecalc.importers.pytorch.uses import PRODUCTS, Uses, note_on_unused, parameter_widths, unused_parameters
from shapecalc.importers.pytorch.values import is_made, made, number_of
from shapecalc.importers.pytorch.views import Views, is_view
from shapecalc.importers.tensors import LOST, Batch, Constant, Data, UncoveredError, Unsized
from shapecalc.importers.understanding import LAYER, Understanding
from shapecalc.model.graph import Graph, Node, Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.pytorch.batch import Reading
    from shapecalc.importers.pytorch.program import AtenNode, Program
    from shapecalc.importers.tensors import NodePlace

__all__ = ["ModuleImport"]

_DEEPEST = 16
_MOST_INLINED = 200_000


class ModuleImport:
    """One import of a program, with sizes of its inputs."""

    def __init__(
        self,
        name: str,
        program: Program,
        infos: list[ValueInfo],
        variables: Mapping[str, Any],
        inputs: Mapping[str, tuple[Any, ...]],
        reading: Reading,
    ) -> None:
        self.name = name
        self.program = program
        self.problems: list[Problem] = []
        self.infos = infos
        self.sizes = input_tensors(infos, reading.axes, variables, inputs, self.problems, name)
        self.symbols = {**self.sizes.variables, **dict.fromkeys(self.sizes.named, self.sizes.batch)}
        self.problems += wrong_sizes(name, infos, program.ranges, self.sizes.variables)
        self.reading = reading
        self.is_as_stated = not self.sizes.are_others
        self.frame = Frame(name, self.sizes.batch, reading.repeats)
        self.alike = AlikeNodes(self.frame)
        self.understanding = Understanding(is_dynamic=bool(self.sizes.variables))
        self.stored = {one.identity: one for one in program.stored.values()}
        self.is_trained = all(one.trainable for one in self.stored.values() if one.kind == PARAMETER)
        self.used: Collection[str] = ()
        self.folding = Folding(name, self.stored)
        self.views = Views()
        self.inlined = 0
        self.hinted = False
        self.notes: dict[str, None] = dict.fromkeys(program.notes)

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        rest = Constant((), is_of_no_batch=True)[4:]
        scope: dict[str, Any] = {
            key: new_tuple(Constant, (one.dims, None, (one.identity,), one.kind == PARAMETER, *rest))
            for key, one in self.program.stored.items()
        }
        for name, (shape, batch) in self.sizes.inputs.items():
            scope[name] = self.frame.add_input(name, shape, batch)
        scope.update({name: Unsized(Reference(-1)) for name in self.sizes.unknown if name not in scope})
        refs: list[Reference] = []
        names: list[str] = []
        if not self.problems:
            self._run(self.program.graph, scope, "", 0)
            refs, names = self._outputs(scope)
        self.unused = unused_parameters(self.program, self.used)
        whole = {one.name: one.dims for one in self.program.stored.values()}  # of a part, the tensor that it is of
        return graph_of(
            self.frame, self.name, refs, without_reuse(self.frame.places), output_names=tuple(names),
            notes=tuple(self._notes()), variables=self.sizes.variables, includes_batch=self.reading.is_lost,
            sequences=self.reading.sequences, warnings=tuple(self.understanding.warnings.listed()),
            tensors={key: (one.name, whole[one.name]) for key, one in self.stored.items()},
            stored=parameter_widths(self.stored, self.frame.owners.held(), self.name), unused=self.unused,
        ), self.problems  # fmt: skip

    def _outputs(self, scope: Mapping[str, Any]) -> tuple[list[Reference], list[str]]:
        """Return the outputs of the network: a constant is none."""
        if not self.frame.nodes:
            self.problems.append(Problem(f"{self.name} has no layer: none of its nodes depends on an input"))
        outputs = [one for one in self.program.graph.outputs if isinstance(one, Ref)]
        return network_outputs(self.frame, [(one.name, scope.get(one.name)) for one in outputs])

    def _notes(self) -> list[str]:
        understood = self.understanding.note(with_stated=self.is_as_stated)
        shared = self.frame.shared_tensors()
        left_out = [f"the batch of {self.sizes.batch} of the example is left out"] if self.sizes.batch > 1 else []
        if self.reading.is_lost:
            left_out = ["where the batch is could not be found: sizes and MACs are of the whole input of the example"]
        if lost := self.understanding.without_batch:
            what = "an unknown node" if lost == 1 else f"{lost:,} unknown nodes"
            left_out.append(f"where the batch is after {what} is not known: sizes and MACs there are of all samples")
        if other := exported_for(self.infos, self.reading.axes, self.sizes):
            left_out.append(other)
        shown = [*([shared] if shared else []), *note_on_unused(self.unused)]
        return [understood, *left_out, *shown, *self.notes, *self.frame.notes]

    # The nodes.

    def _run(self, graph: ProgramGraph, scope: dict[str, Any], path: str, depth: int) -> None:
        """Work through the nodes of a graph, and put their outputs into the scope."""
        uses = Uses(graph, [name for name, one in scope.items() if isinstance(one, Constant)])
        views, self.views = self.views, Views(uses.refs, uses.outputs)
        if not depth:
            self.used = uses.names
        scope.update({name: size for name, size in graph.numbers.items() if type(size) in (int, float, bool)})
        for number, node in enumerate(graph.nodes):
            place = place_of(node, f"{path}node[{number}]")
            before = len(self.frame.nodes)
            like = likeness_of(node, scope) if self.is_trained else None
            if again := self.alike.again(like, place):
                scope[node.outputs[0]] = again[0]
                self.understanding.counts[LAYER] += 1
                self._compare(node, node.outputs, scope, uses, graph, place)
                continue
            found = self._results(node, place, scope, uses, uses.refs[number], graph, depth)
            if found is None:  # inlined: its own nodes were counted
                continue
            self.alike.note(like, before, found)
            scope.update(zip(node.outputs, found, strict=False))
            scope.pop("", None)  # an output that is left out
            written = self._write(number, node, place, found, scope, graph)
            self.understanding.count(self._layers_at(place, before), found)
            self._compare(node, (*node.outputs[: len(found)], *written), scope, uses, graph, place)
        self.views = views

    def _results(
        self, node: AtenNode, place: NodePlace, scope: dict[str, Any], uses: Uses, names: Sequence[str],
        graph: ProgramGraph, depth: int,
    ) -> Sequence[Any] | None:  # fmt: skip
        """Return the outputs of a node that uses these names; None where it was inlined."""
        taken = [scope[name] for name in names if name in scope]
        before = len(self.frame.nodes)
        wrong = ""
        if len(taken) < len(names):
            missing = next(name for name in names if name not in scope)
            wrong = f"its input {missing} is the output of no node before it"
        elif Unsized in map(type, taken):
            wrong = "the size of its input is not known"
        if wrong:
            return self._failed(node, place, taken, LayerError(wrong))
        try:
            if self._inline(node, scope, place, depth):
                return None
            arguments = {name: resolved(value, scope) if isinstance(value, (Ref, list)) else value
                         for name, value in node.arguments.items()}  # fmt: skip
            call = AtenCall(node, place, arguments, self.frame, uses.names)
            call.stored = self.stored
            self.views.note(call)
            with Guard(split_target(node.target)[0]):
                return self._converted(call, uses, graph)
        except FailedError as error:
            return [Unsized(Reference(error.index))] * max(len(node.outputs), 1)
        except (LayerError, UsageError) as error:
            self.frame.forget(before)
            problem = error if isinstance(error, LayerError) else LayerError(error.problems[0].message)
            return self._failed(node, place, taken, problem)

    def _failed(self, node: AtenNode, place: NodePlace, taken: Sequence[Any], error: LayerError) -> Sequence[Any]:
        refs = [x.ref for x in taken if isinstance(x, (Data, Unsized))]
        if not self.is_as_stated and not error.hint and not self.hinted:
            self.hinted, error = True, LayerError(error.message, error.why, HINT)
        return [self.frame.unresolved(place, split_target(node.target)[0], refs, error)] * max(len(node.outputs), 1)

    def _converted(self, call: AtenCall, uses: Uses, graph: ProgramGraph) -> Sequence[Any]:
        """Return the outputs of a node: numbers, constants, layers, or an opaque one."""
        node, name = call.node, call.name
        if not node.outputs or name in NO_OUTPUT:
            return []
        if all(one in graph.numbers or not one for one in node.outputs):
            return [self._number(call, graph.numbers.get(one)) for one in node.outputs]
        if is_made(name):
            stated = self._stated(graph, node)
            found = made(call, stated[0])
            return [found] if found is not None else self._opaque(call, stated, "its size is computed from data")
        data, learned = sorts_of(call.arguments.values())
        work, plain = find_operation(name), name.removesuffix("_")
        if not data and plain not in MOVES and (not learned or uses.feed_weights(node.outputs)):
            is_of_weights = learned and all(x.learned for x in constants_of(call.arguments.values()))  # of any input
            stated = self._stated(graph, node) if self.is_as_stated or is_of_weights else [None]
            if learned and work and plain in PRODUCTS:
                worked(call, work)  # for its MACs: what it computes is a weight
            return self.folding.folded(call, work, stated, learned=learned)
        reason = "" if work else "no layer here does what it does"
        if depends_on_data([size for one in node.outputs for size in graph.stated.get(one, ())]):
            raise unknown_size(node, "it depends on the content of its input")
        if work:
            before = len(self.frame.nodes)
            try:
                return self._every_output(call, worked(call, work))
            except NotCoveredError as error:
                self.frame.forget(before)
                reason = str(error)
        return self._opaque(call, self._stated(graph, node), reason)

    def _number(self, call: AtenCall, stated: Any) -> Any:
        found = plain_size(stated, self.symbols) if isinstance(stated, str) else stated
        found = number_of(call) if found is None else found
        return Constant(()) if found is None else found

    def _stated(self, graph: ProgramGraph, node: AtenNode) -> list[Any]:
        """Return the sizes that the program states of each output of a node; None where they are not known."""
        found: list[Any] = []
        for name in node.outputs:
            sizes = [plain_size(size, self.symbols) for size in graph.stated.get(name, (None,))]
            found.append(None if None in sizes else tuple(sizes))
        return found

    def _every_output(self, call: AtenCall, found: Any) -> Sequence[Any]:
        several: Sequence[Any] = found if type(found) in (list, tuple) else [found]
        for i in range(len(several), len(call.node.outputs)):
            if call.is_used(i):
                raise NotCoveredError(f"its further output {call.node.outputs[i]} is used")
        return several

    def _opaque(self, call: AtenCall, stated: list[Any], reason: str) -> Sequence[Any]:
        """Return the outputs of a node that is not a layer here, with the sizes that the program states."""
        op = call.node.target.removesuffix(".default")
        if not self.is_as_stated:
            message = f"{op} is not covered, and the size of its output is not known for other sizes of the inputs"
            raise UncoveredError(message, (reason,))
        if None in stated:
            raise unknown_size(call.node, reason)
        full = [dims for dims in stated if 0 not in dims]
        if not full:
            return [Constant(dims) for dims in stated]
        data, _ = sorts_of(call.arguments.values())
        data += [call.as_data(x) for x in constants_of(call.arguments.values()) if x.learned]  # they count all the same
        b, axes = self.frame.batch, [x.batch.axis for x in data if x.batch.own]
        kept = [next((at for at in axes if dims[at : at + 1] == (b,)), -1) for dims in full]
        if b > 1 and axes:
            self.understanding.without_batch += kept.count(-1)
        batches = [Batch(at, own=True) if at >= 0 else LOST for at in kept]
        shapes = [(*dims[:at], *dims[at + 1 :]) if at >= 0 else dims for dims, at in zip(full, kept, strict=True)]
        found = self.frame.emit(call.place, "opaque", {"output_sizes": shapes, "op_type": op, "weight_sizes": []}, data)
        outputs = iter([Data(ref, shape, batch) for (ref, shape), batch in zip(found, batches, strict=True)])
        return [Constant(dims) if 0 in dims else next(outputs) for dims in stated]

    def _inline(self, node: AtenNode, scope: dict[str, Any], place: NodePlace, depth: int) -> bool:
        """Work through the nodes of a graph that a node runs: of `cond` those of its first branch."""
        if not node.target.startswith("higher_order."):
            return False
        name = node.target.split(".")[1]
        graphs = [value for value in node.arguments.values() if isinstance(value, ProgramGraph)]
        if not graphs or name not in (*WRAPPERS, "cond"):
            return False
        if depth >= _DEEPEST:
            raise LayerError(f"graphs are nested more than {_DEEPEST} deep")
        graph = graphs[0]
        self.inlined += len(graph.nodes)
        if self.inlined > _MOST_INLINED:
            raise LayerError(f"its graphs stand for more than {_MOST_INLINED:,} nodes")
        if name == "cond":
            self.notes["of each condition (torch.cond) the first branch is counted"] = None
        given = [value for value in node.arguments.values() if not isinstance(value, ProgramGraph)]
        flat = [one for value in given for one in (value if isinstance(value, list) else [value])]
        passed = [one for one in flat if isinstance(one, Ref)][-len(graph.inputs) :] if graph.inputs else []
        if name == "cond":
            passed = [one for value in given if isinstance(value, list) for one in value]
        inner = {key: resolved(value, scope) for key, value in zip(graph.inputs, passed, strict=False)}
        self._run(graph, inner, f"{place.path.partition(' ')[0]}: ", depth + 1)
        for out, one in zip(node.outputs, graph.outputs, strict=False):
            found = resolved(one, inner)
            scope[out] = Unsized(Reference(-1)) if isinstance(found, Ref) else found
        return True

    def _layers_at(self, place: NodePlace, before: int) -> list[Node]:
        """Return the layers that a node became: about those from an index on, as one before may have been left out."""
        added = range(max(before - 1, 0), len(self.frame.nodes))
        return [self.frame.nodes[i] for i in added if self.frame.places[i].path == place.path]

    def _write(
        self, number: int, node: AtenNode, place: NodePlace, found: Sequence[Any], scope: dict[str, Any],
        graph: ProgramGraph,
    ) -> list[str]:  # fmt: skip
        """Note what a node makes of its input if it works in place; return the names of others that it changes."""
        op = split_target(node.target)[0]
        if not op.endswith("_") or op.startswith("_") or is_view(op) or not found:
            return []

        def opaque(name: str, given: list[Any], reason: str) -> Any:
            of = node._replace(outputs=(name,))
            call = AtenCall(of, place, {"self": given[0], "src": given[1]}, self.frame, ())
            try:
                return self._opaque(call, self._stated(graph, of), reason)[0]
            except LayerError as error:
                return self._failed(of, place, (), error)[0]

        return self.views.write(number, node, place, found[0], scope, opaque)

    def _compare(
        self, node: AtenNode, names: Sequence[str], scope: Mapping[str, Any], uses: Uses, graph: ProgramGraph,
        place: NodePlace,
    ) -> None:  # fmt: skip
        """Compare the sizes of used outputs with those that the program states: before 2.8 it lied of unused ones."""
        if not self.is_as_stated:
            return
        for name in [one for one in names if one in uses.names]:
            dims, tensor = graph.stated.get(name), scope.get(name)
            if dims is not None and isinstance(tensor, (Data, Constant)):
                full = tensor.full(self.frame.batch)
                if dims == full:
                    self.understanding.agreeing += isinstance(tensor, Data) and name in node.outputs
                    continue
                sizes = [plain_size(size, self.symbols) for size in dims]
                self.understanding.compare(name, sizes, full, lambda: self.frame.mark(place), node.target)
