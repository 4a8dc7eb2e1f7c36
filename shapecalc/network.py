"""A network: a specification, its graph, and the questions about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shapecalc.collection import uncollected
from shapecalc.errors import ExpectationError, Problem, ShapecalcError, ShapeError, SpecError, UsageError, count_noun
from shapecalc.escaping import clean
from shapecalc.language.files import locate
from shapecalc.language.members import find_origin
from shapecalc.layers import find_kind
from shapecalc.layers.base.ranks import ranks_text
from shapecalc.layers.base.shape import HWC, Shape, read_layout
from shapecalc.layers.base.sizes import parse_sizes
from shapecalc.model.advice import advised, input_doubt, may_be_doubted, override_doubt
from shapecalc.model.inference import infer, sizings_of
from shapecalc.model.readings import batch_note

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph
    from shapecalc.model.origin import Origin, TextOrigin
    from shapecalc.model.report import Report
    from shapecalc.questions.compare import Comparison, Difference
    from shapecalc.questions.explain import Explanation
    from shapecalc.questions.formula import Formulas
    from shapecalc.questions.memory import Memory
    from shapecalc.questions.receptive_field import ReceptiveFields
    from shapecalc.questions.sizes import LegalSizes
    from shapecalc.questions.solve import BudgetSolutions, Fixes, WindowSolutions
    from shapecalc.questions.speed import Speed
    from shapecalc.questions.sweep import Sweep, SweepPlan
    from shapecalc.questions.weights.comparison import WeightsComparison

__all__ = ["Network", "from_keras", "from_torch", "in_features", "kind_of", "load", "plan_sweep", "solve", "sweep"]


CONVENTIONS = ("torch", "keras")
"""How parameters are counted."""


class Network:
    """A network from a valid origin, such as a specification; `infer()` computes its sizes and counts.

    `graph` is the network with `variables` and `inputs` (by name, the one input: "") in place of the origin's.
    """

    def __init__(
        self,
        origin: Origin,
        variables: Mapping[str, Any] | None = None,
        inputs: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.origin = origin
        self.variables = dict(variables or {})
        self.inputs = dict(inputs or {})
        graph = self._build()
        self._overridden = self._override_doubt(graph) if self.inputs else ""
        doubt = self._overridden or (input_doubt(graph) if graph.is_written else "")
        self.graph = graph._replace(notes=(*graph.notes, doubt)) if doubt else graph

    def __repr__(self) -> str:
        return f"<Network {clean(self.name)}: {len(self.graph.nodes)} layers>"

    def _repr_html_(self) -> str:
        """Return the table of its layers, as a notebook shows it; up to the failure, where there is a shape error."""
        try:
            report = self.infer()
        except ShapeError as error:
            report = error.report
        return str(report._repr_html_())

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.graph.name

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is valid but probably a mistake, such as an unused variable."""
        return self.graph.warnings

    def infer(
        self,
        *,
        input: Any = None,  # noqa: A002  (the specification's name)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        layout: str = "",
        convention: str = "torch",
    ) -> Report:
        """Return the report: the size of every tensor, the counts of every layer.

        `input` overrides the input size (`"3x256x256"`, a list, or a mapping for several inputs), in the layout of
        the report; `vars` overrides variables; `batch` multiplies MACs; `layout` (CHW or HWC) is how sizes are shown;
        `convention` keras adds running statistics to the parameters, as Keras does.
        Errors: `ShapeError` (its `report` has every layer that could be inferred),
        `SpecError` for an unknown variable, `UsageError`.
        """
        layout = read_layout(layout)
        batch = _check_batch(batch)
        if not isinstance(convention, str) or convention not in CONVENTIONS:
            raise UsageError(f"convention must be {' or '.join(CONVENTIONS)}, not {convention}")
        network = self.with_overrides(input, vars, layout)
        if network is not self:
            return network.infer(batch=batch, layout=layout, convention=convention)
        graph = self.graph
        try:
            with uncollected():
                report = infer(graph, batch=batch, layout=layout, convention=convention)
            return report.with_doubt(batch_note)
        except ShapeError as error:
            from shapecalc.model.copies import gathered  # only where something is wrong

            problems = advised(graph, gathered(error.problems), self._overridden)
            raise ShapeError(
                problems, error.report.cut_short(problems, error.report.missing, error.report.unfinished)
            ) from None

    def memory(
        self,
        *,
        input: Any = None,  # noqa: A002  (the specification's name)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        layout: str = "",
        **options: Any,
    ) -> Memory:
        """Return how many bytes the network needs: `net.memory(batch=8, optimizer="adamw", budget="24GiB")`.

        The options are those of `shapecalc memory`: bits of `weights`, `activations`, `buffers`;
        `in_place`, `order`, `attention`, `budget`; of serving a decoder `context`, `kv_bits`, `prefill`, `logits`,
        `table`, `contexts`, `batches`; of training `training`, `optimizer`, `precision`, `mixed_precision`,
        `state_bits`, `loss`, `checkpoint`, `lora`, `devices`, `zero`, `tensor`, `sequence`, `pipeline`,
        `microbatches`, `expert`; and for small devices `flash` and `sram` budgets,
        `fold_batch_norm`, `patches`.
        Errors: as `infer`, and `UsageError`.
        """
        import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
        from shapecalc.questions.memory.small_devices.device import memory_on_device

        return memory_on_device(self.infer(input=input, vars=vars, batch=batch, layout=layout), **options)

    def speed(
        self,
        device: Any,
        *,
        input: Any = None,  # noqa: A002  (the specification's name)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        layout: str = "",
        **options: Any,
    ) -> Speed:
        """Return lower bounds on the time that the network needs on a device: `net.speed("h100", batch=8)`.

        `device` is the name of a bundled device (`shapecalc devices` lists them), the path of a file, or a mapping with
        its keys. The options are those of `shapecalc speed`: bits of `weights`, `activations`,
        `kv_bits`; `prompt` and `context`, in tokens, for a decoder.
        Errors: as `infer`, `UsageError`, and `SpecError` for a wrong file of a device.
        """
        from shapecalc.questions.speed import speed

        return speed(self.infer(input=input, vars=vars, batch=batch, layout=layout), device=device, **options)

    def receptive_field(
        self,
        *,
        input: Any = None,  # noqa: A002  (the specification's name)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        layout: str = "",
    ) -> ReceptiveFields:
        """Return the receptive fields of all layers: `net.receptive_field()["conv5"]`.

        Errors: as `infer`, and `UsageError` for a network whose inputs have no spatial axes.
        """
        from shapecalc.questions.receptive_field import receptive_fields

        return receptive_fields(self.infer(input=input, vars=vars, layout=layout))

    def with_overrides(self, input: Any = None, vars: Mapping[str, Any] | None = None, layout: str = "") -> Network:  # noqa: A002
        """Return the network with another input size or other variables; itself where there are none."""
        given = _variables(vars)
        if input is None and not given:
            return self
        variables = {**self.variables, **given}
        last = (layout or self.graph.layout) == HWC
        sizes = {name: self._in_own_layout(size, last) for name, size in _sizes_by_name(input).items()}
        return Network(self.origin, variables, {**self.inputs, **sizes})

    def _in_own_layout(self, sizes: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
        return Shape(sizes, channels_last, is_map=len(sizes) >= 3).in_layout(self.graph.layout)

    @uncollected()
    def _build(self) -> Graph:
        graph, problems = self.origin.build(self.variables, self.inputs)
        if problems:
            from shapecalc.model.copies import gathered  # only where something is wrong

            wrong = gathered(sizings_of(graph)[1])
            if wrong:
                wrong = advised(graph, wrong)
            every = gathered([*problems, *wrong])
            raise SpecError(_in_order(every, self.origin.name), graph.steps, graph.warnings)
        return graph

    def _override_doubt(self, graph: Graph) -> str:
        """Return the note that sizes given for an image have another number of axes than those in the specification."""
        if not graph.is_written or not may_be_doubted(graph):
            return ""
        own, problems = self.origin.build(self.variables, {})
        return "" if problems else override_doubt(graph, own.inputs)

    def check(self) -> Report:
        """Return the report, if all expectations of the specification (`expect:`) are met.

        Errors: `ExpectationError` with every expectation that is not met, and as `infer`.
        """
        report = self.infer()
        problems = self.unmet(report)
        if problems:
            raise ExpectationError(problems)
        return report

    def unmet(self, report: Report) -> list[Problem]:
        """Return a problem for every expectation of the specification that is not met.

        Errors: `UsageError` for another thing than a report.
        """
        if not hasattr(report, "graph"):
            raise UsageError(f"expectations are checked against a report, not {type(report).__name__}")
        from shapecalc.model.expectations import unmet_expectations

        def memory() -> int:
            from shapecalc.questions.memory import memory  # only for an expectation of it

            return memory(report).total

        return unmet_expectations(report, memory)

    def problems(self) -> tuple[Problem, ...]:
        """Return the shape errors of the network: empty if there are none."""
        try:
            self.infer()
        except ShapeError as error:
            return error.problems
        return ()

    def explain(
        self, layers: str | Iterable[str] = (), *, what: str | Iterable[str] = (), layout: str = "", back: bool = False,
        batch: int = 1,
    ) -> Explanation:  # fmt: skip
        """Return how every size and count is computed: the formula, the formula with values, the origins of the values.

        `layers` names layers and blocks (all by default); `what` is some of params, output, macs, output_bytes.
        `back` follows the sizes of a named layer's input back to the input of the network. MACs and bytes are for a
        `batch`. Errors: as `infer`; `UsageError` for an unknown layer.
        """
        from shapecalc.questions.explain import explain

        return explain(self, layers, what, layout=layout, back=back, batch=batch)

    def compare(self, *others: Any, batch: int = 1, layout: str = "") -> Comparison:
        """Return this network and others side by side: totals, their ratios to this one's, parameters and MACs by kind.

        The others are networks, or what `load` reads: `net.compare("vgg16", batch=8)`. MACs and activations are for a
        `batch`; `layout` is how sizes are shown, by default that of each. Errors: as `load` and `infer`.
        """
        from shapecalc.questions.compare import compare

        return compare([load(network).infer(batch=batch, layout=layout) for network in (self, *others)])

    def diff(self, other: Any, *, depth: int | None = None, batch: int = 1, layout: str = "") -> Difference:
        """Return what differs in another network, layer by layer; blocks are compared whole below a `depth`.

        The other is a network, or what `load` reads. MACs and activations are for a `batch`; `layout` is how sizes are
        shown, by default that of this network. Errors: as `load` and `infer`.
        """
        from shapecalc.questions.compare import diff

        shown = read_layout(layout) or self.graph.layout
        before, after = (load(one).infer(batch=batch, layout=shown) for one in (self, other))
        return diff(before, after, depth)

    def convert(self, to: str, *, depth: int | str | None = None) -> str | bytes:
        """Return the network in another format, as the text of a file: `net.convert("dot", depth=1)`.

        `to` is yaml, a specification in which blocks and repeats are found again; pytorch, the source of a module;
        onnx, a model without weights, of which it returns the bytes; dot or mermaid, pictures in which blocks are
        expanded to a `depth` (None or "all": all of them); or scalesim or timeloop, the layers for these simulators.
        Errors: as `infer`; `UsageError` for an unknown format, and for a network that the format cannot express.
        """
        from shapecalc.exporters import convert

        return convert(self.infer(), to, depth, lambda text: load(text).infer())

    def compare_weights(self, checkpoint: Any) -> WeightsComparison:
        """Return which tensors of a checkpoint are missing, extra or of another size than the network's parameters.

        The checkpoint is what `shapecalc.weights` reads, or its answer. Names are those of the report
        (`conv1.weight`), or of a config.json those of its library. Errors: as `infer` and `shapecalc.weights`.
        """
        from shapecalc.questions.weights import Weights, weights
        from shapecalc.questions.weights.comparison import compare_weights

        return compare_weights(checkpoint if isinstance(checkpoint, Weights) else weights(checkpoint), self.infer())

    def legal_sizes(self) -> LegalSizes:
        """Return which input sizes the network accepts: the legal ones, and those without rounding.

        Errors: `ShapeError`, that of its own size, if no size is legal; `UsageError` for too many inputs.
        """
        from shapecalc.questions.sizes import find_sizes

        return find_sizes(self._of_any_size(), self._overridden)

    def formula(
        self, symbols: str | Iterable[str] = (), *, what: str | Iterable[str] = (), layer: str = "", layout: str = ""
    ) -> Formulas:
        """Return closed formulas of the network, or of one layer or block.

        `symbols` are H, W (D, L) for axes of the input, N for the batch, or variables; `what` are of output, params,
        macs, active_params, weights, biases, trainable, buffers. `layout` (CHW or HWC) is the order of the axes of the
        output.
        Errors: `UsageError` for a symbol that cannot be one, `MissingExtraError` without sympy.
        """
        from shapecalc.questions.formula import find_formulas  # it loads sympy
        from shapecalc.questions.formula.refitted import refitted
        from shapecalc.text.given import read_names

        symbols = read_names(symbols, "symbols")
        problem = None if symbols == ("N",) else self._of_one_size()
        refit = refitted(self.graph, self._read_with) if problem else None
        graph = self._with_held_axes(problem) if problem and refit is None else self.graph
        layout = read_layout(layout) or self.graph.layout
        return find_formulas(graph, self.rebuilt, symbols, what, layer, layout, refit)

    def reread(self, text: str) -> Network:
        """Return the network of another text of the specification, with the same overrides.

        Errors: `SpecError`; `UsageError` for an origin without a text.
        """
        return Network(self._text_origin().reread(text), self.variables, self.inputs)

    def _read_with(self, inputs: Mapping[str, tuple[int, ...]]) -> Graph | None:
        """Return the graph with other sizes of its inputs; None if it cannot be read with these."""
        try:
            graph, problems = self.origin.build(self.variables, inputs)
        except UsageError:
            return None
        return None if problems else graph

    def _of_any_size(self) -> Graph:
        """Return the graph with layers that are the same for any size of its free axes. Errors: `UsageError`."""
        problem = self._of_one_size()
        return self._with_held_axes(problem) if problem else self.graph

    def _with_held_axes(self, problem: Problem) -> Graph:
        """Return the graph with the axes held that its layers differ with. Errors: `UsageError` if none is free."""
        from shapecalc.model.origin import held_graph

        graph = held_graph(self)
        if graph is None:
            raise UsageError(problem)
        return graph

    def _of_one_size(self) -> Problem | None:
        """Return the problem of an imported file whose nodes compute with its input size.

        Those of a specification are the same for any size, as questions about several sizes at once need it.
        """
        from shapecalc.model.origin import first_difference, has_text, has_weights_for

        if has_text(self.origin):
            return None
        layer = first_difference(self)
        if layer and has_weights_for(self, layer):
            message = f"{layer} of {clean(self.origin.name)} has weights that are right for one size of the input only"
            hint = "convert --to yaml writes a specification, in which the sizes of weights follow from the input"
            return Problem(message, why=("the file stores them: with another size it does not fit",), hint=hint)
        if layer:
            message = f"{layer} of {clean(self.origin.name)} has numbers that are right for one size of the input only"
            why = ("of another size the file's layers are not the same: there is no formula for all sizes",)
            own = getattr(self.origin, "hint_on_sizes", "")
            hint = own or "summary --input and sweep --input work out each size by itself"
            return Problem(message, why=why, hint=hint)
        return None

    def _text_origin(self) -> TextOrigin:
        """Return the origin, which has a text. Errors: `UsageError` for one without."""
        from shapecalc.model.origin import has_text

        if has_text(self.origin):
            return self.origin
        message = f"{clean(self.origin.name)} is not a specification in YAML: only such a text can be changed"
        raise UsageError(Problem(message, hint="shapecalc convert writes one of it: --to yaml -o FILE"))

    def rebuilt(self, variables: Mapping[str, Any]) -> tuple[Graph, list[Problem]]:
        """Return the graph with variables of any kind of number, and its problems."""
        return self.origin.build({**self.variables, **variables}, self.inputs)


def _variables(given: Any) -> dict[str, Any]:
    """Return the variables that are given, as Python's own numbers. Errors: `UsageError` where it is no mapping."""
    if given is None or (isinstance(given, dict) and not given):
        return {}
    from shapecalc.text.given import plain, read_mapping

    return {name: plain(value) for name, value in read_mapping(given, "vars").items()}


def _sizes_by_name(given: Any) -> dict[str, tuple[int, ...]]:
    """Return the sizes that are given for the inputs of a network; the only one is called "". Errors: `UsageError`."""
    if given is None:
        return {}
    pairs = given if isinstance(given, Mapping) else {"": given}
    return {name: parse_sizes(sizes) for name, sizes in pairs.items()}


def _check_batch(batch: Any) -> int:
    if type(batch) is not int:
        from shapecalc.text.given import plain  # a number of numpy

        batch = plain(batch)
    if type(batch) is not int or not 1 <= batch <= 10**9:
        raise UsageError(f"batch must be a whole number of at least 1, not {batch!r}")
    return batch


def _in_order(problems: Sequence[Problem], file: str) -> list[Problem]:
    """Return the problems in the order of the source: first those of the specification's own file."""

    def location(problem: Problem) -> tuple[int, str, int, int]:
        mark = problem.mark
        return (int(mark.source.name != file), mark.source.name, mark.line, mark.column) if mark else (2, "", 0, 0)

    return sorted(problems, key=location)


def load(
    spec: Any,
    *,
    input: Any = None,  # noqa: A002  (the specification's name)
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    variant: str = "",
) -> Network:
    """Return the network of a specification, or of a file of another format: PyTorch, ONNX, Keras, Caffe, darknet.

    `spec` is a path (of a specification, a config.json, or a file of another format), the bare name of a bundled
    specification (`"alexnet"`), `"-"` for standard input, text with line breaks, the bytes of a file, a dict of the
    same form as a specification, or a list of layers (which needs `input`). `input` and `vars` override the input size
    and variables (of a file also its dynamic dimensions, and the values of small inputs). `variant` is a member of the
    family that the specification describes under `variants:`;
    `load("family.yaml:small")` is `load("family.yaml", variant="small")`.
    Errors: `UsageError` if there is no such file or variant, `SpecError` with every problem of the text.
    """
    if variant:
        from shapecalc.text.given import read_string

        variant = read_string(variant, "variant")
    if isinstance(spec, Network):
        chosen = Network(find_origin(spec.origin, variant), spec.variables, spec.inputs) if variant else spec
        return chosen.with_overrides(input, vars)
    with uncollected():
        return Network(find_origin(spec, variant), _variables(vars), _sizes_by_name(input))


def from_torch(module: Any, *example_inputs: Any, **keyword_inputs: Any) -> Network:
    """Return the network of a module of PyTorch: `from_torch(net, torch.zeros(1, 3, 32, 32))`.

    It is called with these examples. An example is a tensor, of which only the size and type matter (a note says where
    its values do), with the batch as its first axis; or a size without the batch: `from_torch(net, "3x32x32")`. A
    `torch.export.ExportedProgram` is given alone, or with sizes for its dynamic dimensions. Nothing is computed, and
    the module stays as it is: torch.export follows a copy of its structure, in evaluation mode, on fake tensors. Of a
    module that cannot be exported those within it that can are shown one after the other, with a note.
    Errors: `UsageError` for what is no module, or fails with these examples; `MissingExtraError` without PyTorch.
    """
    from shapecalc.importers.pytorch.export import export_module  # it loads PyTorch

    origin, sizes = export_module(module, example_inputs, keyword_inputs)
    return Network(origin, None, sizes)


def from_keras(model: Any, *, input: Any = None) -> Network:  # noqa: A002  (the specification's name)
    """Return the network of a model of Keras: `from_keras(keras.applications.MobileNetV2(weights=None))`.

    It is a functional or sequential model of Keras 2 or 3, with any backend, which is asked for its config: nothing is
    computed. Layers of other code than Keras are opaque, with the sizes that Keras knows. `input` is the input size, as
    for `load`, without the batch: a model with dynamic sizes needs it.
    Errors: `UsageError` for what is no such model, `SpecError` for one whose layers are in its Python code.
    """
    from shapecalc.importers.keras.live import origin_of  # few programs have such a model

    return Network(origin_of(model), None, _sizes_by_name(input))


def in_features(spec: Any, *, input: Any = None, vars: Mapping[str, Any] | None = None) -> int:  # noqa: A002
    """Return the number of output features of a network, flattened: the `in_features` of a layer after a flatten.

    `spec` and the rest are as for `load`: `nn.Linear(shapecalc.in_features("features.yaml"), 10)`. For an
    `nn.Linear` on the last axis alone, as in a transformer or after an LSTM, it is the last size of the output:
    `shapecalc.load("features.yaml").infer().rows[-1].output_shapes[0][-1]`.
    Errors: as `load` and `Network.infer`.
    """
    return int(load(spec, input=input, vars=vars).infer().in_features)


def sweep(
    spec: Any,
    *,
    vars: Mapping[str, Any] | None = None,  # noqa: A002  (the specification's name)
    input: Any = None,  # noqa: A002
    where: str | None = None,
    batch: int = 1,
    layout: str = "",
    executor: Executor | None = None,
    **memory: Any,
) -> Sweep:
    """Return what every combination of variables and input sizes costs: a row each, columns as numpy arrays.

    `spec` is as for `load`. `vars` has for each variable a value, or several (a list, a range, an array; for a number
    also the command's `"16:128:16"`); `input` is a
    size, a list of sizes, or a string such as `"3x{128:256:32}x="`; or a mapping of such for several inputs. `where`
    keeps the rows for which an expression holds: `"params < 5M and macs < 300M"`. MACs and memory are for a `batch` of
    samples; `layout` (CHW or HWC) is the order of the axes of sizes, of `input` too. `executor` is any
    `concurrent.futures.Executor`: a process pool, or a Dask cluster's `client.get_executor()`. Others are options of
    `Network.memory`, whose total memory is: `weights="q4_k_m"`, `activations=16`, `context="8k"`.
    Errors: `UsageError`, `SpecError` where the specification itself is wrong; a variant that is wrong is a row that
    is not `valid`. `MissingExtraError` without numpy.
    """
    from shapecalc.questions.sweep import joined  # it loads numpy
    from shapecalc.text.given import read_string

    where = "" if where is None else read_string(where, "where")
    plan = plan_sweep(spec, vars, input, batch, layout, **memory)
    condition = plan.condition(where) if where else None
    return joined(plan, [part.kept(condition) for part in plan.run(executor)])


def plan_sweep(
    spec: Any,
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    input: Any = None,  # noqa: A002
    batch: int = 1,
    layout: str = "",
    **memory: Any,
) -> SweepPlan:
    """Return the plan of a sweep, to be run part by part. Arguments and errors are those of `sweep`."""
    from shapecalc.questions.sweep import make_plan
    from shapecalc.text.given import read_mapping

    variables = read_mapping(vars, "vars")
    layout = read_layout(layout)

    source = spec if isinstance(spec, Network) else find_origin(spec)  # once: it may be standard input
    first = _first_values(source.origin if isinstance(source, Network) else source, variables)

    def sized(sizes: Any) -> Network:
        opened = load(source, vars=first) if layout else load(source, input=sizes, vars=first)
        return opened.with_overrides(sizes, None, layout) if layout else opened

    return make_plan(sized, variables, input, memory, _check_batch(batch), layout)


def solve(  # noqa: PLR0913  (one for each option of the question)
    target: Any,
    *,
    input: Any = None,  # noqa: A002  (the command's name)
    output: Any = None,
    find: Mapping[str, Any] | str | Iterable[str] = (),
    params: Any = None,
    macs: Any = None,
    memory: Any = None,
    bits: Any = None,
    batch: int = 1,
    fix: bool = False,
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    **fixed: Any,
) -> WindowSolutions | BudgetSolutions | Fixes:
    """Return the arguments, variables or changes that lead to a given result.

    - `solve("conv", input=227, output=55, stride=4)`: the arguments of a kind that lead to an output size.
    - `solve("unet", find=["width"], params="5M")`: the variables that meet budgets of `params`, `macs`, `memory`;
      `find={"width": range(16, 129, 8), "input": None}` sets which values to try, fractions too, also as the command
      does: `"16:128:8"`. MACs and memory are for a `batch`; memory is the total of `Network.memory` with the options of
      it that are given (`weights="q4_k_m"`, `context="8k"`), or with `bits` for every element.
    - `solve("mine.yaml", fix=True)`: the smallest changes that fix a specification.

    Errors: `UsageError` for an invalid question; as `load`.
    """
    from shapecalc.questions import solve as backwards
    from shapecalc.text.given import read_flag, read_mapping, read_names

    cls = kind_of(target)
    if cls is not None:
        if input is None or output is None:
            raise UsageError(
                Problem(f"to solve {cls.kind}, give its input and output sizes", hint="input=227, output=55")
            )
        sizes = _sizes(input)
        _check_rank(cls, target, sizes)
        is_of_volumes = (
            bool(cls.ranks_under(target)) and cls.expects_rank(3, target) and not cls.expects_rank(2, target)
        )
        return backwards.solve_window(cls, sizes, _sizes(output), fixed, is_of_volumes=is_of_volumes)
    asked = {**dict.fromkeys(("weights", "activations", "buffers"), bits), **fixed}
    question = backwards.read_question(target, asked, _check_batch(batch), is_needed=memory is not None)
    network = load(target, input=input, vars=vars)
    if read_flag(fix, "fix"):
        return _fixes(network)
    given = {"params": params, "macs": macs, "memory": memory}
    budgets = {what: backwards.read_budget(what, amount) for what, amount in given.items() if amount is not None}
    if not budgets:
        raise UsageError(Problem(f"give a budget for {network.name}", hint=", ".join(backwards.BUDGETS)))
    if isinstance(find, Mapping):
        wanted = {name: backwards.read_values(name, values) for name, values in read_mapping(find, "find").items()}
    else:
        wanted = dict(map(backwards.read_range, read_names(find, "find")))
    if not wanted:
        known = ", ".join([*network.graph.variables, backwards.INPUT])
        hint = f"choose some with --for (find= in Python): {known}"
        raise UsageError(Problem("name the variables to find", hint=hint))
    graph = network._of_any_size() if backwards.INPUT in wanted else network.graph  # noqa: SLF001  (this module's)
    answer = backwards.solve_budget(graph, network.rebuilt, wanted, budgets, question)
    if not answer.searched or answer.solutions or answer.minimum:
        return answer
    return answer._replace(notes=(*answer.notes, *_why_none_fits(network)))


def _why_none_fits(network: Network) -> Iterator[str]:
    """Yield notes on a network whose settings all have a shape error: that with its own values, and where to look."""
    try:
        network.infer()
    except ShapeError as error:
        yield f"with the values of the specification: {error.problems[0].headline}"
        if network.inputs:
            yield "`shapecalc sizes` lists the input sizes that fit (legal_sizes() in Python)"


def _first_values(origin: Origin, tried: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first value of each variable that is tried, with which an imported file is opened.

    Its dynamic dimensions have no values of their own; a specification has its own.
    """
    from shapecalc.model.origin import has_text

    if not tried or has_text(origin):
        return {}
    found: dict[str, Any] = {}
    for name, values in tried.items():
        if isinstance(values, str):
            number = re.match(r"\s*(\d+)", values)
            found.update({name: int(number[1])} if number else {})
        elif values is not None:
            found[name] = next(iter(values), None) if isinstance(values, Iterable) else values
    return {name: value for name, value in found.items() if value is not None}


def kind_of(target: Any) -> type[Layer] | None:
    """Return the kind of layer that a target names; None for a specification, which takes precedence."""
    if not isinstance(target, str) or "\n" in target:
        return None
    try:
        locate(target)
    except ShapecalcError:
        return find_kind(target)
    return None


def _check_rank(cls: type[Layer], word: str, sizes: Sequence[int]) -> None:
    """Raise a `UsageError` for another number of sizes than the name of a kind implies."""
    ranks, rank = cls.ranks_under(word), len(sizes)
    if ranks and not cls.expects_rank(rank, word):
        hint = ""
        if rank == 1 and type(ranks[0]) is int:
            hint = f"write {'x'.join(map(str, [*sizes] * ranks[0]))}"
        elif rank > ranks[0]:
            from shapecalc.questions.solve import spatial_part

            rest = spatial_part(sizes, ranks[0] if ranks[0] == ranks[1] else 2)
            what = "the first are channels" if rest == tuple(sizes[1:]) else "the others are channels and the batch"
            hint = f"write {'x'.join(map(str, rest))}, if {what}"
        found = f"{word} needs {ranks_text(ranks)}, but its input has {count_noun(rank, 'size')}"
        raise UsageError(Problem(found, hint=hint))


def _sizes(given: Any) -> tuple[int, ...]:
    return parse_sizes([given] if isinstance(given, int) else given)


def _fixes(network: Network) -> Fixes:
    def reread(text: str) -> Graph | None:
        try:
            return network.reread(text).graph
        except ShapecalcError:
            return None

    from shapecalc.questions.solve import find_fixes

    network._text_origin()  # noqa: SLF001  (this module's)
    names = list(network.graph.inputs)
    try:
        notes = network.infer().notes
    except ShapeError as error:
        notes = error.report.notes if error.report else ()
    return find_fixes(network.graph, reread, [name or names[0] for name in network.inputs], notes)
