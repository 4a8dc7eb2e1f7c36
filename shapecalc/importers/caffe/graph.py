"""From a Caffe net to a graph: every layer in turn, with the tensors (blobs) that are known by then."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem, UsageError, count_noun, did_you_mean
from shapecalc.importers.alike import AlikeNodes
from shapecalc.importers.blocks import graph_of
from shapecalc.importers.caffe.blocks import in_blocks
from shapecalc.importers.caffe.inputs import BlobError, BlobSizes, input_blobs, is_source, regions_of, sized
from shapecalc.importers.caffe.messages import PHASES, BadFieldError, State
from shapecalc.importers.caffe.operations import CaffeCall, CaffeFrame, find_layer_type, likeness_of
from shapecalc.importers.caffe.types import NAMES, check_counts, check_type
from shapecalc.importers.call import Guard
from shapecalc.importers.frame import FailedError, NotCoveredError
from shapecalc.importers.tensors import Batch, Data, NodePlace, UncoveredError, Unsized
from shapecalc.importers.understanding import LAYER, Understanding
from shapecalc.model.graph import Graph, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.caffe.inputs import InputBlob
    from shapecalc.importers.caffe.messages import CaffeLayer, Net

__all__ = ["NetImport", "read_state"]


def read_state(net: Net, variables: Mapping[str, Any]) -> State:
    """Return the state of a net with these variables: phase, level, stage. Errors: `UsageError`."""
    for key in variables:
        if key not in ("phase", "level", "stage"):
            hint = did_you_mean(key, ("phase", "level", "stage"))
            raise UsageError(Problem(f"there is no variable {key} to set", hint=hint))
    phase, level, stage = (variables.get(name) for name in ("phase", "level", "stage"))
    if phase is not None and str(phase).upper() not in PHASES:
        raise UsageError(Problem(f"phase must be train or test, not {phase}", hint="write --set phase=train"))
    if level is not None and type(level) is not int:
        raise UsageError(Problem(f"level must be a whole number, not {level}"))
    stages = net.state.stages if stage is None else frozenset([stage] if isinstance(stage, str) else map(str, stage))
    return State(net.state.phase if phase is None else str(phase).upper(), net.state.level if level is None else level,
                 stages)  # fmt: skip


class NetImport:
    """One import of a net in a state, with sizes of its inputs."""

    def __init__(self, net: Net, state: State, given: Mapping[str, tuple[Any, ...]]) -> None:
        self.net = net
        self.state = state
        self.problems: list[Problem] = []
        self.layers: list[CaffeLayer] = []
        self.blobs: list[InputBlob] = []
        self.notes: list[str] = []
        self.understanding = Understanding("Caffe layer", has_arithmetic=False)
        self.understanding.warnings += net.warnings
        try:
            self.layers = [layer for layer in net.layers if layer.is_in(state)]
            self.blobs = input_blobs(net, self.layers)
        except BadFieldError as error:
            self.problems.append(Problem(error.message, net.file.mark(error.entry.at, error.entry.length)))
        self.given = self._named(given)
        self.uncovered: list[str] = []
        self.paths: Counter[str] = Counter()
        self.regions = regions_of(self.layers)
        self.makers = {top: layer.name for layer in self.layers for top in layer.tops if top not in layer.bottoms}
        try:
            self.sizes = sized(self.blobs, self.layers, self.given)
        except BlobError as error:
            self.sizes = BlobSizes({}, 1, [])
            mark = net.file.mark(*error.layer.location) if error.layer else None
            self.problems.append(Problem(error.message if mark else f"{error.message} in {net.file.source.name}", mark))
        self.frame = CaffeFrame(net.file, self.sizes.batch)
        self.alike = AlikeNodes(self.frame)

    def _named(self, given: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        """Return the given sizes by the names of their inputs: one without a name is of the only one with axes."""
        named_sizes = {name: sizes for name, sizes in given.items() if name}
        if "" in given:
            free = [blob.name for blob in self.blobs if blob.dims is None or len(blob.dims) > 1]
            free = free or [blob.name for blob in self.blobs]
            text = "x".join(map(str, given[""]))
            if len(free) != 1 and not self.problems:
                names = ", ".join(free) or "the net has none"
                hint = f"write {free[0]}={text}" if free else ""
                raise UsageError(Problem(f"name the input that is {text}: {names}", hint=hint))
            named_sizes.update(dict.fromkeys(free[:1], given[""]))
        return named_sizes

    @property
    def is_complete(self) -> bool:
        """Whether every input of every layer is the output of one before it: so it is in the phase that is meant."""
        known = {blob.name for blob in self.blobs if blob.layer is None}
        for layer in self.layers:
            if not known.issuperset(layer.bottoms):
                return False
            known.update(layer.tops)
        return bool(self.layers)

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        name = self.net.file.source.name
        scope: dict[str, Any] = {}
        for blob, (shape, batch) in self.sizes.inputs.items():
            scope[blob] = self.frame.add_input(blob, shape, batch)
        self.frame.guessed = {
            scope[x.name].ref for x in self.blobs if x.is_guess and x.name in scope and x.name not in self.given
        }
        self._report_unsized()
        sources = {
            top: scope.pop(top) for layer in self.layers if is_source(layer) for top in layer.tops if top in scope
        }
        unused: dict[str, None] = {}
        if not self.blobs and not self.problems:
            self._report_no_input()
        if not self.problems:
            for layer in self.layers:
                if is_source(layer):
                    self.understanding.counts[LAYER] += 1
                    self._check_source(layer)
                    scope.update({top: sources.pop(top) for top in layer.tops if top in sources})
                else:
                    self._add(layer, scope, unused)
            self._check_given()
        outputs = [blob for blob in unused if isinstance(scope[blob], (Data, Unsized)) and scope[blob].ref.node >= 0]
        if not self.frame.nodes and not self.problems:
            self.problems.append(Problem(f"{name} has no layer but inputs, in the phase {self.state.phase}"))
        graph = graph_of(
            self.frame, name, [scope[blob].ref for blob in outputs], in_blocks(self.frame.places), title=self.net.name,
            output_names=tuple(outputs), notes=tuple(self._notes()),
            warnings=tuple(self.understanding.warnings.listed()),
        )  # fmt: skip
        return graph, self.problems

    def _report_no_input(self) -> None:
        """Add the problem of a net in which no layer reads data."""
        others = [layer for layer in self.net.layers if is_source(layer)]
        message = f"{self.net.file.source.name} has no input: no layer reads data"
        hint = 'a net for use begins with layer { type: "Input" top: "data" input_param { shape { … } } }'
        if others:
            message += f" in the phase {self.state.phase}, at level {self.state.level}"
            rules = [rule for layer in others for rule in layer.message.messages("include")]
            stages = dict.fromkeys(f"--set stage={value.text}" for rule in rules for value in rule.all("stage"))
            hint = f"choose another state: {', '.join(['--set phase=train', *stages][:8])}"
        self.problems.append(Problem(message, hint=hint))

    def _report_unsized(self) -> None:
        """Add a problem for each input without a size."""
        name = self.net.file.source.name
        for blob in self.sizes.unknown:
            self.frame.inputs.setdefault(blob.name, self._placeholder())
            layer = blob.layer
            mark = self.net.file.mark(*layer.location) if layer else None
            of = f"the layer {layer.name} ({layer.type})" if layer else name
            example = f"{blob.name}=3x224x224"
            self.problems.append(Problem(f"{of} does not state the size of {blob.name}", mark,
                                         hint=f"give it, without the batch: --input {example}"))  # fmt: skip

    @staticmethod
    def _placeholder() -> Any:
        from shapecalc.layers.base.shape import UNKNOWN

        return UNKNOWN

    def _check_given(self) -> None:
        """Raise for a given size that is of no input, nor of a layer whose size is not known."""
        names = [*[blob.name for blob in self.blobs], *self.uncovered]
        wrong = next((name for name in self.given if name not in names), None)
        if wrong is not None:
            known = [top for layer in self.layers for top in layer.tops]
            hint = f"its inputs are {', '.join(names)}" if wrong in known else did_you_mean(wrong, names)
            what = (
                f"{wrong} is not an input: its size is worked out" if wrong in known else f"there is no input {wrong}"
            )
            raise UsageError(Problem(what, hint=hint))

    def _notes(self) -> list[str]:
        """Return what is said under the report."""
        found = [self.understanding.note(with_stated=False)]
        left_out = len(self.net.layers) - len(self.layers)
        if left_out:
            found.append(f"the layers of phase {self.state.phase} are shown; {count_noun(left_out, 'layer')} of other "
                         f"phases, levels or stages {'is' if left_out == 1 else 'are'} left out")  # fmt: skip
        if self.sizes.batch > 1:
            found.append(f"the batch of {self.sizes.batch:,} in the file is left out")
        found += [f"{blob.assumed} are assumed for {blob.name}: the file does not state how many" for blob in self.blobs
                  if blob.assumed and blob.name not in self.given]  # fmt: skip
        shared = self.frame.shared_tensors()
        return [*found, *self.notes, *([shared] if shared else [])]

    # The layers.

    def _add(self, layer: CaffeLayer, scope: dict[str, Any], unused: dict[str, None]) -> None:
        """Add a layer to the graph, and its outputs to the scope."""
        path = f"{layer.type} {layer.name}"
        self.paths[path] += 1
        path += f" ({self.paths[path]})" if self.paths[path] > 1 else ""
        self.frame.layer = layer
        before = len(self.frame.nodes)
        place = NodePlace(path, (), layer.name, self.net.file.mark(*layer.location, path))
        found = self._results(layer, place, scope)
        for name in layer.bottoms:
            unused.pop(name, None)
        self.understanding.counts[self.understanding.sort_of(self.frame.nodes[before:], found, LAYER)] += 1
        for name, tensor in zip(layer.tops, found, strict=False):
            scope[name] = tensor
            unused[name] = None

    def _check_source(self, layer: CaffeLayer) -> None:
        """Add a problem for a layer that reads data, and whose type is spelled in another way."""
        try:
            check_type(layer)
        except LayerError as error:
            self.problems.append(error.at(self.net.file.mark(*layer.location), layer.name))

    def _results(self, layer: CaffeLayer, place: NodePlace, scope: Mapping[str, Any]) -> Sequence[Any]:
        """Return the outputs of a layer; of one that cannot be read as many as it has names for."""
        before = len(self.frame.nodes)
        inputs = [scope[name] for name in layer.bottoms if name in scope]
        try:
            check_type(layer)
            _check_names(layer, scope, self.makers)
            check_counts(layer)
            return self._converted(layer, place, inputs)
        except FailedError as error:
            return [Unsized(Reference(error.index))] * max(len(layer.tops), 1)
        except BadFieldError as error:
            place = place._replace(mark=self.net.file.mark(error.entry.at, error.entry.length, place.path))
            problem: LayerError = error
        except LayerError as error:
            problem = error
        self.frame.forget(before)
        refs = tuple([x.ref for x in inputs])
        return [self.frame.unresolved(place, layer.type, refs, problem)] * max(len(layer.tops), 1)

    def _converted(self, layer: CaffeLayer, place: NodePlace, inputs: Sequence[Any]) -> Sequence[Any]:
        if any(isinstance(x, Unsized) for x in inputs):
            raise LayerError("the size of its input is not known")
        before = len(self.frame.nodes)
        like = likeness_of(layer, inputs)
        if again := self.alike.again(like, place):
            return again
        call = CaffeCall(layer, place, inputs, self.frame)
        operation = find_layer_type(layer.key)
        reason = "no layer here does what it does"
        if operation:
            try:
                with Guard(layer.type):
                    found = operation(call)
            except NotCoveredError as error:
                self.frame.forget(before)
                reason = str(error)
            else:
                self.notes += call.notes
                several = [found] if isinstance(found, Data) else list(found)
                if len(several) < len(layer.tops):
                    tops = count_noun(len(layer.tops), "top")
                    raise LayerError(f"it has {tops}, but {len(several) or 'no'} output{'s' * (len(several) != 1)}")
                if not call.notes:
                    self.alike.note(like, before, several)
                return several
        return self._opaque(call, reason)

    def _opaque(self, call: CaffeCall, reason: str) -> Sequence[Data]:
        """Return the outputs of a layer that is none here, with the sizes that are given for them."""
        tops = call.layer.tops
        if not tops:
            return []
        self.uncovered += tops
        missing = [top for top in tops if top not in self.given]
        if missing:
            is_known = find_layer_type(call.layer.key) is not None
            example = "300x5" if missing[0] in self.regions else "256x14x14"
            hint = f"give it, without the batch: --input {missing[0]}={example}"
            raise UncoveredError(
                f"{call.layer.type} is not covered, and nothing states the size of its output {missing[0]}",
                (reason,),
                did_you_mean(call.layer.type, () if is_known else NAMES, hint, lists=False),
            )
        sizes = [[*self.given[top]] for top in tops]
        code = call.param("python_param").text("layer")
        return call.emit("opaque", *call.inputs, batch=Batch(0, own=True), output_sizes=sizes,
                         op_type=f"{call.layer.type} {code}".rstrip())  # fmt: skip


def _check_names(layer: CaffeLayer, scope: Mapping[str, Any], makers: Mapping[str, str]) -> None:
    """Check the names of inputs and outputs, as Caffe does. Errors: `LayerError`."""
    for index, name in enumerate(layer.bottoms):
        if name not in scope:
            message = f"unknown bottom blob {name} (bottom index {index}): it is the output of no layer before it"
            later = makers.get(name)
            hint = f"move the layer {later} before it" if later else did_you_mean(name, list(scope), lists=False)
            raise LayerError(message, hint=hint)
    tops: set[str] = set()
    for index, name in enumerate(layer.tops):
        in_place = layer.bottoms[index : index + 1] == [name]
        if (name in scope and not in_place) or name in tops:
            message = f"its output {name} (top) is that of another layer too: each name has one layer"
            raise LayerError(message, hint="rename it; a layer that works in place has the name as its bottom too")
        tops.add(name)
