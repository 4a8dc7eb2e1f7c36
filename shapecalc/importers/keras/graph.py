"""From a model of Keras to a graph: every call of a layer in turn, with the tensors that are known by then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem, UsageError, count_noun
from shapecalc.importers.alike import AlikeNodes
from shapecalc.importers.blocks import graph_of, network_outputs
from shapecalc.importers.call import Guard
from shapecalc.importers.frame import FailedError, Frame, NotCoveredError
from shapecalc.importers.keras.calls import OWN, LayerCall, free_name, layer, likeness_of
from shapecalc.importers.keras.inputs import input_shapes
from shapecalc.importers.keras.order import ordered
from shapecalc.importers.keras.policies import Policies, weights_of
from shapecalc.importers.keras.structure import INPUT
from shapecalc.importers.keras.trees import Array, TensorRef, tensors_of
from shapecalc.importers.tensors import Batch, Constant, Data, NodePlace, UncoveredError, Unsized
from shapecalc.importers.understanding import UNKNOWN, UNSIZED, Understanding
from shapecalc.layers.base.shape import HWC
from shapecalc.model.graph import Graph, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.keras.structure import LayerRecord, ModelRecord
    from shapecalc.importers.keras.trees import CallRecord

__all__ = ["ModelImport"]

_DEEPEST = 32
_MOST_CALLS = 200_000
_MOST_OUTPUTS = 1024
_ALSO = ("query", "value", "key", "initial_state", "inputs")
"""Arguments by name that are inputs of layers; others, as masks, change no size."""


class _Scope:
    """What is known while the layers of a model are worked through: the outputs of its calls, and where it is."""

    def __init__(self, model: ModelRecord, blocks: tuple[str, ...], *, frozen: bool) -> None:
        self.model = model
        self.blocks = blocks
        self.frozen = frozen
        self.found: dict[tuple[str, int], Sequence[Any]] = {}
        self.names = {one.name for one in model.layers}
        self.taken = {_own_name(one) for one in model.layers}
        self.stated: dict[tuple[str, int], dict[int, tuple[Any, ...]]] = {}
        trees = [model.outputs, *[(call.args, call.kwargs) for one in model.layers for call in one.calls]]
        for ref in (ref for tree in trees for ref in tensors_of(tree)):
            if ref.shape is not None and 0 <= ref.output < _MOST_OUTPUTS:
                self.stated.setdefault((ref.layer, ref.call), {})[ref.output] = ref.shape

    def name_of_call(self, record: LayerRecord, number: int) -> str:
        """Return the name of a further call of a layer: it has its own rows, or block."""
        found = free_name(_own_name(record), self.taken, number + 1)
        self.taken.add(found)
        return found

    def resolved(self, tree: Any) -> Any:
        """Return a tree with the tensors in place of what refers to them. Errors: `LayerError`."""
        kind = type(tree)
        if kind is TensorRef:
            return self._tensor(tree)
        if kind is list or kind is tuple:
            return [self.resolved(one) for one in tree]
        if kind is dict:
            return {key: self.resolved(one) for key, one in tree.items()}
        return Constant(tree.dims, tree.items) if kind is Array else tree

    def _tensor(self, ref: TensorRef) -> Any:
        outputs = self.found.get((ref.layer, ref.call))
        if outputs is None:
            known = ref.layer in self.names
            why = "before it" if known else "of this model"
            raise LayerError(f"its input {ref.layer} is the output of no layer {why}")
        if not 0 <= ref.output < len(outputs):
            raise LayerError(f"its input is output {ref.output} of {ref.layer}, which has {len(outputs)}")
        return outputs[ref.output]


class ModelImport:
    """One import of a model, with sizes of its inputs."""

    def __init__(
        self,
        name: str,
        model: ModelRecord,
        layout: str,
        variables: Mapping[str, Any],
        inputs: Mapping[str, tuple[Any, ...]],
    ) -> None:
        self.name = name
        self.model = model
        self.is_last = layout == HWC
        self.layout = layout
        self.problems: list[Problem] = []
        self.sizes = input_shapes(model, layout, variables, inputs, self.problems, name)
        self.is_as_stated = not self.sizes.are_others
        self.frame = Frame(name, self.sizes.batch)
        self.alike = AlikeNodes(self.frame)
        self.understanding = Understanding("node", has_arithmetic=False)
        self.calls = 0
        self.depth = 0
        self.policies = Policies()

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        outputs: list[Reference] = []
        names: list[str] = []
        if not self.problems:
            scope = _Scope(self.model, (), frozen=False)
            for name, (shape, _) in self.sizes.inputs.items():
                scope.found[name, 0] = [self.frame.add_input(name, shape, OWN)]
            self._run(scope)
            outputs, names = self._outputs(scope)
        else:
            self.frame.inputs.update({name: shape for name, (shape, _) in self.sizes.inputs.items()})
        stored = self.policies.stored(self.frame, self.name)
        graph = graph_of(
            self.frame, self.name, outputs, title=self.model.name, layout=self.layout, output_names=tuple(names),
            notes=tuple(self._notes()), warnings=tuple(self.understanding.warnings.listed()), stored=stored,
            tensors=weights_of(self.frame) if stored and stored.widths else None,
        )  # fmt: skip
        return graph, self.problems

    def _outputs(self, scope: _Scope) -> tuple[list[Reference], list[str]]:
        """Return the outputs of the network: what could not be found is none."""
        outputs: list[tuple[str, Any]] = []
        for ref in tensors_of(self.model.outputs):
            try:
                outputs.append((f"{ref.layer}_{ref.output}" if ref.output else ref.layer, scope.resolved(ref)))
            except LayerError as error:  # noqa: PERF203  (which output it is, is said)
                self.problems.append(Problem(f"an output of {self.name} is wrong: {error.message}"))
        if not self.frame.nodes and not self.problems:
            self.problems.append(Problem(f"{self.name} has no layer besides its inputs"))
        refs, names = network_outputs(self.frame, outputs)
        return refs, names if len(set(names)) == len(names) else []

    def _notes(self) -> list[str]:
        understood = self.understanding.note(with_stated=self.is_as_stated)
        left_out = [f"the batch of {self.sizes.batch} in the file is left out"] if self.sizes.batch > 1 else []
        shared, quantised = self.frame.shared_tensors(), len(self.policies.quantised)
        scales = [f"{count_noun(quantised, 'layer')} quantised: the scales are not counted"] if quantised else []
        return [understood, *left_out, *([shared] if shared else []), *scales]

    # The layers.

    def _run(self, scope: _Scope) -> None:
        """Work through the calls of the layers of a model."""
        for record, number, call in ordered(scope.model):
            if record.op == INPUT:
                continue
            self.calls += 1
            if self.calls > _MOST_CALLS:
                raise _too_many(self.name)
            scope.found[record.name, number] = self._results(record, number, call, scope)
            if self.is_as_stated:
                self._compare(record, number, scope)

    def _results(self, record: LayerRecord, number: int, call: CallRecord, scope: _Scope) -> Sequence[Any]:
        """Return the outputs of a call."""
        own = _own_name(record) if number == 0 else scope.name_of_call(record, number)
        place = NodePlace(record.path, scope.blocks, own)
        before = len(self.frame.nodes)
        count = self.understanding.counts
        asked = scope.stated.get((record.name, number), {})
        outputs = max(asked, default=0) + 1
        refs: tuple[Reference, ...] = ()
        try:
            args, kwargs = scope.resolved(list(call.args)), scope.resolved(call.kwargs)
            inputs = _flat([args, *[kwargs[name] for name in _ALSO if name in kwargs]])
            refs = tuple([x.ref for x in inputs if isinstance(x, (Data, Unsized))])
            _check_sized(inputs)
            like = likeness_of(record, call, inputs, frozen=scope.frozen)
            found: Sequence[Any] | None = self.alike.again(like, place)
            if found is None:
                made = LayerCall(record, place, inputs, self, frozen=scope.frozen)
                made.args, made.kwargs, made.stated, made.names = tuple(args), kwargs, asked, scope.taken
                with Guard(record.op):
                    found = self._known(made)
                self.alike.note(like, before, found)
        except FailedError as error:
            count[UNSIZED] += 1
            return [Unsized(Reference(error.index))] * outputs
        except (LayerError, UsageError, RecursionError) as error:
            self.frame.forget(before)
            count[UNKNOWN if isinstance(error, UncoveredError) else UNSIZED] += 1
            return [self.frame.unresolved(place, record.op, refs, _layer_error(error))] * outputs
        if record.model is None:
            self.understanding.count(self.frame.nodes[before:], found)
            self.policies.note(record, range(before, len(self.frame.nodes)), found)
        return found

    def _known(self, call: LayerCall) -> Sequence[Any]:
        """Return the outputs of a call: as layers, or as an opaque one of stated sizes."""
        before = len(self.frame.nodes)
        try:
            found = self.converted(call)
        except NotCoveredError as error:
            self.frame.forget(before)
            return self._opaque(call, str(error))
        return [found] if isinstance(found, (Data, Constant)) else list(found)

    def converted(self, call: LayerCall) -> Any:
        """Return the outputs of a call of a layer, a model or an operation. Errors: `NotCoveredError`."""
        record = call.record
        if record.model is not None:
            return self._nested(call, record.model)
        if not record.is_own:
            raise NotCoveredError("it is a layer of other code than Keras")
        if record.is_operation:
            from shapecalc.importers.keras.operations import convert  # few models have one

            return convert(call)
        function = layer.find(record.op)
        if function is None:
            raise NotCoveredError("no layer here does what it does")
        return function(call)

    def _nested(self, call: LayerCall, model: ModelRecord) -> Any:
        """Return the outputs of a model that is a layer."""
        if self.depth >= _DEEPEST:
            raise LayerError(f"models are nested more than {_DEEPEST} deep")
        scope = _Scope(model, (*call.place.blocks, call.place.name), frozen=call.frozen)
        given = _by_name(call, model)
        if len(given) != len(model.inputs):
            raise LayerError(f"it has {len(model.inputs)} inputs, but is called on {len(given)}")
        for (_, ref), tensor in zip(model.inputs, given, strict=True):
            scope.found[ref.layer, ref.call] = [tensor]
        self.depth += 1
        self._run(scope)
        self.depth -= 1
        return _flat(scope.resolved(model.outputs))

    def _opaque(self, call: LayerCall, reason: str) -> Sequence[Any]:
        """Return the outputs of a layer that is unknown here, with the sizes that the file states."""
        data = [x for x in call.inputs if isinstance(x, Data)]
        sizes = [call.stated.get(i) for i in range(max(call.stated, default=0) + 1)]
        if call.record.op == "Lambda" and sizes == [None] and isinstance(call.argument("output_shape"), list):
            sizes = [(None, *call.argument("output_shape"))]
        kind = "opaque"
        if call.record.is_op:
            from shapecalc.importers.keras.operations import WITHOUT_MACS  # few models have one

            if call.record.op in WITHOUT_MACS:  # of real and imaginary parts one may be stated
                kind, sizes = "named_operation", [shape or next(filter(None, sizes), None) for shape in sizes]
        if not self.is_as_stated:
            sizes = [None]
        if any(shape is None or not _is_known(shape) for shape in sizes):
            which = " for other sizes of the inputs" if not self.is_as_stated else ""
            hint = "shapecalc.from_keras(model) reads it of the model itself" if not which else ""
            raise UncoveredError(
                f"{call.record.title} is not covered, and the file does not state the size of its output{which}",
                (reason,),
                hint,
            )
        steps = data[0].shape.sizes[:1] if data and data[0].batch == Batch(0) else ()
        shapes = [[*steps, *shape[1:]] for shape in sizes if shape]
        own = call.record.weights if kind == "opaque" else None
        more: dict[str, Any] = {} if own is None else {"weight_sizes": own}
        return call.emit(kind, *data, output_sizes=shapes, op_type=call.record.title, **more)

    def _compare(self, record: LayerRecord, number: int, scope: _Scope) -> None:
        """Compare the sizes of the outputs of a call with those that the file states."""
        stated = scope.stated.get((record.name, number), {})
        for output, tensor in enumerate(scope.found[record.name, number]):
            shape = stated.get(output)
            if shape is not None and isinstance(tensor, Data):
                full = tensor.full(self.frame.batch)
                if len(full) > 1 and full[1:] == shape[1:] and len(full) == len(shape):
                    self.understanding.agreeing += 1
                    continue
                self.understanding.compare(
                    record.name, [None, *shape[1:]], full,
                    lambda: self.frame.mark(NodePlace(record.path, (), record.name)), record.op,
                )  # fmt: skip


_OF_TENSORFLOW = re.compile(r"^tf\.|compat\.v\d\.|__operators__\.")


def _own_name(record: LayerRecord) -> str:
    """Return the name of a layer: of an operation of TensorFlow without what they all have, as `tf.__operators__`."""
    return (_OF_TENSORFLOW.sub("", record.name) if "." in record.name else "") or record.name


def _check_sized(inputs: Sequence[Any]) -> None:
    """Check that all inputs have sizes. Errors: `LayerError`."""
    if Unsized in map(type, inputs):
        raise LayerError("the size of its input is not known")


def _is_known(shape: Sequence[Any]) -> bool:
    """Return whether all sizes but that of the batch are stated, and possible."""
    return len(shape) > 0 and all(type(size) is int and 0 < size < 2**31 for size in shape[1:])


def _flat(tree: Any) -> list[Any]:
    """Return the tensors in a tree, in order."""
    if isinstance(tree, (Data, Constant, Unsized)):
        return [tree]
    if isinstance(tree, dict):
        return [one for key in sorted(tree) for one in _flat(tree[key])]
    return [one for part in tree for one in _flat(part)] if type(tree) in (list, tuple) else []


def _by_name(call: LayerCall, model: ModelRecord) -> list[Any]:
    """Return the tensors that a model is called on: those of a dict by the names of its inputs."""
    first = call.args[0] if call.args else None
    keys = [key or ref.layer for key, ref in model.inputs]
    if isinstance(first, dict) and set(first) == set(keys):
        return [one for key in keys for one in _flat(first[key])]
    return _flat(list(call.args)) or list(call.inputs)


def _layer_error(error: Exception) -> LayerError:
    if isinstance(error, LayerError):
        return error
    if isinstance(error, UsageError):
        return LayerError(error.problems[0].message)
    return LayerError("its config is nested too deeply")


def _too_many(name: str) -> UsageError:
    return UsageError(Problem(f"{name} stands for more than {_MOST_CALLS:,} calls of layers"))
