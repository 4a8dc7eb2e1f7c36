"""A network: a specification, the graph that it builds, and the questions that can be asked of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import ClaimError, Mark, Problem, ShapecalcError, ShapeError, SpecError, UsageError
from shapecalc.fitting import advised, layout_doubt
from shapecalc.inference import infer, sizings_of
from shapecalc.locate import locate, read_bytes
from shapecalc.shape import CHW, HWC, LAYOUTS, Shape
from shapecalc.spec import Specification, read_specification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.explain import Explanation
    from shapecalc.formula import Formulas
    from shapecalc.graph import Graph
    from shapecalc.memory import Memory
    from shapecalc.receptive_field import ReceptiveFields
    from shapecalc.report import Report
    from shapecalc.sizes import LegalSizes
    from shapecalc.source import Value
    from shapecalc.spec.document import Reader

__all__ = ["Member", "Network", "in_features", "load", "members", "parse_sizes", "read_layout"]


class Network:
    """A network that was read and is right as a specification; `infer()` works out its sizes and counts.

    `graph` is the network with its variables at the values it was loaded with.
    """

    def __init__(
        self,
        specification: Specification,
        *,
        variant: str = "",
        variables: Mapping[str, Any] | None = None,
        inputs: Mapping[str, tuple[int, ...]] | None = None,
        file: str = "",
    ) -> None:
        self.specification = specification
        self.variant = variant
        self.file = file
        self._variables = dict(variables or {})
        self._inputs = dict(inputs or {})
        self.graph = self._build(self._variables, self._inputs)

    def __repr__(self) -> str:
        return f"<Network {self.name}: {len(self.graph.nodes)} layers>"

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.graph.name

    def infer(
        self,
        *,
        input: Any = None,  # noqa: A002  (the word of the specification)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        layout: str = "",
        convention: str = "torch",
    ) -> Report:
        """Return the report: the size of every tensor, the counts of every layer.

        `input` overrides the input size (`"3x256x256"`, a list, or a mapping for several inputs), in the layout of
        the report; `vars` overrides variables; `batch` multiplies MACs; `layout` (CHW or HWC) is how sizes are shown;
        `convention` keras counts running statistics into parameters, as Keras does.
        Errors: `ShapeError` where sizes do not fit, `SpecError` for a variable that is not there, `UsageError`.
        """
        layout = read_layout(layout)
        if type(batch) is not int or not 1 <= batch <= 10**9:
            raise UsageError(f"batch must be a whole number of at least 1, not {batch!r}")
        graph = self.with_overrides(input, vars, layout).graph
        try:
            return infer(graph, batch=batch, layout=layout, convention=convention)
        except ShapeError as error:
            raise ShapeError(advised(graph, error.problems)) from None

    def memory(
        self,
        *,
        input: Any = None,  # noqa: A002  (the word of the specification)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        **options: Any,
    ) -> Memory:
        """Return how many bytes the network takes: `net.memory(batch=8, optimizer="adamw", budget="24GiB")`.

        The options are those of `shapecalc.memory.memory`: bits of `weights`, `activations`, `buffers`; `in_place`,
        `order`, `training`, `optimizer`, `mixed_precision`, `budget`. Errors: as `infer`, and `UsageError`.
        """
        from shapecalc.memory import memory  # noqa: PLC0415  (loaded when first used)

        return memory(self.infer(input=input, vars=vars, batch=batch), **options)

    def receptive_field(
        self,
        *,
        input: Any = None,  # noqa: A002  (the word of the specification)
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        layout: str = "",
    ) -> ReceptiveFields:
        """Return the receptive fields of all layers: `net.receptive_field()["conv5"]`.

        Errors: as `infer`, and `UsageError` for a network whose inputs have no space.
        """
        from shapecalc.receptive_field import receptive_fields  # noqa: PLC0415  (loaded when first used)

        return receptive_fields(self.infer(input=input, vars=vars, layout=layout))

    def with_overrides(self, input: Any = None, vars: Mapping[str, Any] | None = None, layout: str = "") -> Network:  # noqa: A002
        """Return the network with another input size or other variables; itself where there are none."""
        if not vars and input is None:
            return self
        variables = {**self._variables, **(vars or {})}
        inputs = {**self._inputs, **self._read_inputs(input, layout or self.graph.layout)}
        return Network(self.specification, variant=self.variant, variables=variables, inputs=inputs, file=self.file)

    def _read_inputs(self, given: Any, layout: str) -> dict[str, tuple[int, ...]]:
        if given is None:
            return {}
        pairs = dict(given) if isinstance(given, dict) else {"": given}
        return {name: self._in_own_layout(parse_sizes(sizes), layout) for name, sizes in pairs.items()}

    def _in_own_layout(self, sizes: tuple[int, ...], layout: str) -> tuple[int, ...]:
        own = self.graph.layout if hasattr(self, "graph") else layout
        return Shape(sizes, layout == HWC, is_map=len(sizes) >= 3).in_layout(own)

    def _build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[int, ...]]) -> Graph:
        graph, problems = self.specification.build(variables, inputs=inputs, variant=self.variant)
        if problems:
            raise SpecError(_in_order([*problems, *sizings_of(graph)[1]], self.specification.name), graph.steps)
        doubt = layout_doubt(graph)
        return graph._replace(notes=(*graph.notes, doubt)) if doubt else graph

    def check(self) -> Report:
        """Return the report, where all that the specification claims of itself under `expect:` is so.

        Errors: `ClaimError` with every claim that is not, and as `infer`.
        """
        from shapecalc.claims import broken_claims  # noqa: PLC0415  (loaded by the question that needs it)

        report = self.infer()
        problems = broken_claims(report)
        if problems:
            raise ClaimError(problems)
        return report

    def problems(self) -> tuple[Problem, ...]:
        """Return what keeps the sizes of the network from being worked out: nothing where all is well."""
        try:
            self.infer()
        except ShapeError as error:
            return error.problems
        return ()

    def explain(self, layers: Sequence[str] = (), *, what: Sequence[str] = (), layout: str = "") -> Explanation:
        """Return the arithmetic of every number: the rule, the rule with this network's numbers, the reasons.

        `layers` names layers and blocks (all by default); `what` is some of params, output, macs, output_bytes.
        Errors: as `infer`; `UsageError` for a layer that is not there.
        """
        from shapecalc.explain import explain  # noqa: PLC0415  (loaded by the question that needs it)

        return explain(self, layers or None, what or None, layout=layout)

    @property
    def overridden_inputs(self) -> dict[str, tuple[int, ...]]:
        """The input sizes that were given in place of the specification's, by name (the one input: "")."""
        return dict(self._inputs)

    def legal_sizes(self) -> LegalSizes:
        """Return which input sizes the network takes: the legal ones, and those that no rounding touches."""
        from shapecalc.sizes import find_sizes  # noqa: PLC0415  (a question is loaded when it is asked)

        return find_sizes(self.graph)

    def formula(self, symbols: Sequence[str] = (), *, what: Sequence[str] = (), layer: str = "") -> Formulas:
        """Return closed formulas of the network, or of one layer: see `shapecalc.formula`.

        `symbols` are H, W (D, L) for axes of the input, N for the batch, or variables; `what` are of output, params,
        macs, weights, biases, trainable, buffers.
        Errors: `UsageError` for a symbol that cannot be one, `MissingExtraError` without sympy.
        """
        from shapecalc.formula import find_formulas  # noqa: PLC0415  (it loads sympy)

        return find_formulas(self.graph, self.rebuilt, symbols, what, layer)

    def reread(self, text: str) -> Network:
        """Return the network of another text of the specification, with the same overrides. Errors: `SpecError`."""
        reader = _reader(self.file, self.specification.name) if self.file and self.file != "-" else None
        return Network(
            read_specification(text, self.specification.name, reader),
            variant=self.variant,
            variables=self._variables,
            inputs=self._inputs,
            file=self.file,
        )

    def rebuilt(self, variables: Mapping[str, Any]) -> tuple[Graph, list[Problem]]:
        """Return the graph with variables of any kind of number, and what is wrong with it."""
        return self.specification.build({**self._variables, **variables}, inputs=self._inputs, variant=self.variant)


def _in_order(problems: Sequence[Problem], file: str) -> list[Problem]:
    """Return the problems in the order of the source: first those of the specification's own file."""

    def place(problem: Problem) -> tuple[int, str, int, int]:
        mark = problem.mark
        return (int(mark.source.name != file), mark.source.name, mark.line, mark.column) if mark else (2, "", 0, 0)

    return sorted(problems, key=place)


def load(spec: Any, *, input: Any = None, vars: Mapping[str, Any] | None = None) -> Network:  # noqa: A002
    """Return the network that a specification describes.

    `spec` is a path, the bare name of a bundled specification (`"alexnet"`), `"-"` for standard input, text with
    line breaks, a dict as YAML would give, or a list of layers (which wants `input`). `input` and `vars` override the
    input size and variables.
    Errors: `UsageError` where there is no such file, `SpecError` with every problem of the text.
    """
    if isinstance(spec, Network):
        return spec.with_overrides(input, vars)
    specification, variant, file = _read(spec)
    inputs: dict[str, tuple[int, ...]] = {}
    if input is not None:
        pairs = input if isinstance(input, dict) else {"": input}
        inputs = {name: parse_sizes(sizes) for name, sizes in pairs.items()}
    return Network(specification, variant=variant, variables=vars, inputs=inputs, file=file)


def _read(spec: Any) -> tuple[Specification, str, str]:
    if isinstance(spec, str) and "\n" in spec and not os.path.exists(spec):
        return read_specification(spec, "<text>"), "", ""
    if isinstance(spec, (str, os.PathLike)):
        found = locate(os.fspath(spec))
        reader = None if found.path == "-" else _reader(found.path, found.name)
        specification = read_specification(read_bytes(found.path, found.name), found.name, reader)
        variant = found.variant
        if not variant and specification.variants:
            variant = _default_variant(specification)
        return specification, variant, found.path
    if isinstance(spec, bytes):
        return read_specification(spec, "<bytes>"), "", ""
    if isinstance(spec, (dict, list, tuple)):
        return read_specification(spec, "<layers>" if not isinstance(spec, dict) else "<dict>"), "", ""
    raise UsageError(f"a specification is a path, a name, text, a dict or a list of layers, not {type(spec).__name__}")


class Member(NamedTuple):
    """One network that a specification stands for: itself, or a member of the family that it describes."""

    specification: Specification
    variant: str
    file: str

    def load(self, vars: Mapping[str, Any] | None = None) -> Network:  # noqa: A002
        """Return the network. Errors: `SpecError`."""
        return Network(self.specification, variant=self.variant, variables=vars, file=self.file)


def members(spec: str) -> list[Member]:
    """Return every network that a path or bare name stands for: all the members, for the file of a family.

    Errors: `UsageError` where there is no such file.
    """
    found = locate(spec)
    specification, _, file = _read(spec)
    if found.variant or not specification.variants:
        return [Member(specification, found.variant, file)]
    names = list(specification.variants)
    if specification.document is not None and "expect" in specification.document.keys:
        names.insert(0, "")
    return [Member(specification, name, file) for name in names]


def _default_variant(specification: Specification) -> str:
    """Return the member that a family's file stands for: that of its own variables, or else the first."""
    document = specification.document
    return "" if document is None or "expect" in document.keys else specification.variants[0]


def _reader(path: str, shown: str) -> Reader:
    """Return what reads the files that a specification uses: from its own folder and below, and nowhere else.

    `shown` is how errors call the specification, and so what is beside it.
    """
    root = os.path.realpath(os.path.dirname(os.path.abspath(path)))

    def read(name: str, mark: Mark) -> tuple[Value | None, list[Problem]]:
        from shapecalc.source import read_text  # noqa: PLC0415

        try:
            target = os.path.realpath(os.path.join(root, name))
            is_inside = os.path.commonpath((root, target)) == root
            is_file = os.path.isfile(target)
        except (OSError, ValueError):  # a name that no file can have
            is_inside, is_file = True, False
        if not is_inside:
            mend = "a file is used from the specification's own folder, or one below it"
            return None, [Problem(f"{name} is outside the folder of the specification", mark, mend=mend)]
        if not is_file:
            mend = "its name is relative to the file that uses it"
            return None, [Problem(f"there is no file {name} beside the specification", mark, mend=mend)]
        try:
            return read_text(read_bytes(target), os.path.join(os.path.dirname(shown), name))
        except ShapecalcError as error:
            return None, [problem._replace(mark=mark) for problem in error.problems]

    return read


def in_features(spec: Any, *, input: Any = None, vars: Mapping[str, Any] | None = None) -> int:  # noqa: A002
    """Return the number of features behind a network: the `in_features` of the fully connected layer to come.

    `spec` and the rest are as for `load`: `nn.Linear(shapecalc.in_features("features.yaml"), 10)`.
    Errors: as `load` and `Network.infer`.
    """
    return int(load(spec, input=input, vars=vars).infer().in_features)


def read_layout(layout: str) -> str:
    """Return a layout's name as it is kept. Errors: `UsageError` for another than CHW and HWC."""
    name = layout.upper()
    if name and name not in LAYOUTS:
        raise UsageError(f"layout must be {CHW.lower()} or {HWC.lower()}, not {layout}")
    return name


def parse_sizes(given: Any) -> tuple[int, ...]:
    """Return sizes from `3x224x224`, a list, or one number. Errors: `UsageError`."""
    from shapecalc.arguments import Sizes as SizesArgument  # noqa: PLC0415
    from shapecalc.errors import Misfit  # noqa: PLC0415
    from shapecalc.source import short  # noqa: PLC0415
    from shapecalc.units import read_sizes  # noqa: PLC0415

    argument = SizesArgument("sizes", scalar=True)
    argument.name = "an input size"
    if isinstance(given, str):
        if given.strip() == "[]":
            return ()
        sizes = read_sizes(given)
        if sizes is None:
            raise UsageError(Problem(f"'{short(given)}' is not a size", mend="write sizes as 3x224x224"))
        given = sizes
    try:
        return tuple(argument.normalise(given))
    except Misfit as misfit:
        raise UsageError(Problem(misfit.message, why=misfit.why, mend=misfit.mend)) from None
