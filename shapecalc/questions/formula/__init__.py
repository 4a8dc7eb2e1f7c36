"""Closed formulas: sizes, parameters and MACs of a network in symbols, verified before they are shown.

The layers' own formulas are run on symbols; floors within floors are collapsed. Their conditions are stated as the
valid values of each symbol (found by trying them) and as conditions between several symbols.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import symbols as symbolic
from shapecalc.errors import Problem, ShapeError, UsageError, did_you_mean
from shapecalc.escaping import python_names
from shapecalc.model.advice import advised
from shapecalc.model.answer import Answer
from shapecalc.model.generic_inference import GenericReport, infer_generic
from shapecalc.model.inference import infer, sizings_of
from shapecalc.questions.formula.conditions import joint_conditions
from shapecalc.questions.formula.floors import Collapse
from shapecalc.questions.formula.symbols import BATCH, SymbolInUse, default_names, find_symbol, refusal, trials
from shapecalc.questions.formula.writers import WRITERS
from shapecalc.questions.sizes import with_sizes
from shapecalc.text.given import read_names, read_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.questions.formula.refitted import Refitted
    from shapecalc.questions.sizes.periodic import SizeSet

    Rebuild = Callable[[Mapping[str, Any]], tuple[Graph, list[Problem]]]

__all__ = ["QUANTITIES", "Formulas", "SymbolInUse", "find_formulas"]

VERSION = 1
"""The version of the JSON contract."""

QUANTITIES = ("output", "params", "macs", "active_params", "weights", "biases", "trainable", "buffers")
"""The quantities with formulas."""

_POINTS = 24


class _FormulasFields(NamedTuple):
    name: str
    layer: str
    symbols: tuple[SymbolInUse, ...]
    formulas: dict[str, Any]
    conditions: tuple[str, ...]
    verified: int
    ranges: dict[str, tuple[int, int]]
    notes: tuple[str, ...] = ()


class Formulas(Answer, _FormulasFields):
    """Closed formulas of a network or of one layer.

    `formulas` has, by quantity, an expression of sympy, or for `output` one tuple of them for each output.
    `conditions` are between several symbols; `verified` is at how many points inference agreed, and
    `ranges` the smallest and largest value of each symbol among these.
    """

    __slots__ = ()
    drawn_by = "answers.formula.draw_formulas"
    has_formulas = True

    def python_names(self) -> dict[str, str]:
        """Return for each symbol its name in Python: `lambda_` for lambda."""
        return python_names(symbol.name for symbol in self.symbols)

    def written(self, notation: str) -> dict[str, Any]:
        """Return the formulas as text, latex or python: strings, for `output` a list of sizes for each output."""
        writer = WRITERS[notation]
        names = self.python_names() if notation == "python" else {}
        renamed = {symbolic.symbol(old): symbolic.symbol(new) for old, new in names.items() if old != new}

        def write(expression: Any) -> str:
            return writer(expression.xreplace(renamed) if renamed and hasattr(expression, "xreplace") else expression)

        return {
            what: {name: [write(size) for size in sizes] for name, sizes in found.items()}
            if isinstance(found, dict)
            else write(found)
            for what, found in self.formulas.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        python = self.python_names()
        return {
            "version": VERSION,
            "name": self.name,
            **({"layer": self.layer} if self.layer else {}),
            **self.notes_to_dict(),
            "symbols": {
                symbol.name: {
                    "meaning": symbol.meaning,
                    "given": symbol.given,
                    "valid": symbol.domain.to_dict() if symbol.domain else None,
                    **({"python": python[symbol.name]} if python[symbol.name] != symbol.name else {}),
                }
                for symbol in self.symbols
            },
            **{notation: self.written(notation) for notation in WRITERS},
            "conditions": list(self.conditions),
            "verified": {"points": self.verified, "ranges": {k: list(v) for k, v in self.ranges.items()}},
        }


def find_formulas(
    graph: Graph, rebuild: Rebuild, names: str | Iterable[str] = (), what: str | Iterable[str] = (), layer: str = "",
    layout: str = "", refit: Refitted | None = None,
) -> Formulas:  # fmt: skip
    """Return closed formulas of a network, or of one of its layers or blocks, in the symbols of these names.

    `rebuild` returns the graph with other values for variables. Without names they are the input's spatial axes. Sizes
    are in the layout, by default that of the graph. `refit` is how numbers of its layers grow with its input.
    Errors: `UsageError` for an unknown symbol or quantity; `ShapeError`; `MissingExtraError` without sympy.
    """
    names, what = read_names(names, "symbols"), read_names(what, "what")
    for word in what:
        if word not in QUANTITIES:
            raise UsageError(Problem(f"there is no formula of {word}", hint=did_you_mean(word, QUANTITIES)))
    where = _nodes_of(graph, layer) if read_string(layer, "layer") else []
    _check_fits(graph)
    layout = layout or graph.layout
    used = [
        find_symbol(graph, rebuild, name, refit or with_sizes) for name in dict.fromkeys(names) or default_names(graph)
    ]
    residues = {symbolic.symbol(u.name): rest for u in used if (rest := _residue(u.domain)) is not None}
    collapse = Collapse(residues)
    inferred = infer_generic(_symbolic_graph(graph, rebuild, used, refit), simplify=collapse)
    quantities = what or QUANTITIES[:3]
    found = _quantities(inferred, where, quantities, collapse, layout, batch=any(u.name == BATCH for u in used))
    minima = {symbolic.symbol(u.name): u.domain.smallest for u in used if u.domain and u.domain.smallest}
    conditions = joint_conditions(inferred.constraints, collapse, minima, WRITERS["text"])
    answer = Formulas(graph.name, layer, tuple(used), found, conditions, 0, {}, graph.notes)
    verified, ranges = _verify(answer, graph, rebuild, layout, refit)
    return answer._replace(verified=verified, ranges=ranges)


def _nodes_of(graph: Graph, layer: str) -> list[int]:
    """Return the indices of a layer, or of all layers of a block; blocks come first, as in reports."""
    found = [
        index
        for index, node in enumerate(graph.nodes)
        if any(graph.blocks[block].name == layer for block in graph.blocks_around([node]))
    ] or [index for index, node in enumerate(graph.nodes) if node.name == layer]
    if not found:
        names = [*(node.name for node in graph.nodes), *(block.name for block in graph.blocks)]
        raise UsageError(
            Problem(f"{graph.name or 'the network'} has no layer {layer}", hint=did_you_mean(layer, names))
        )
    return found


def _check_fits(graph: Graph) -> None:
    """Check that a network has no shape error at its own sizes. Errors: `ShapeError`, as of inference."""
    problems = sizings_of(graph)[1]
    if problems:
        raise ShapeError(advised(graph, problems))


def _symbolic_graph(graph: Graph, rebuild: Rebuild, used: Sequence[SymbolInUse], refit: Refitted | None) -> Graph:
    variables = {u.name: symbolic.symbol(u.name) for u in used if u.is_variable}
    if variables:
        graph, problems = rebuild(variables)
        if problems:
            raise UsageError(refusal(", ".join(variables), problems[0]))
    return (refit or with_sizes)(graph, {axis: symbolic.symbol(u.name) for u in used for axis in u.places})


def _residue(domain: SizeSet | None) -> tuple[int, int] | None:
    """Return the common remainder of the legal values of a symbol, and the divisor."""
    if domain is None or domain.period < 2 or len(domain.residues) != 1 or domain.irregular:
        return None
    return domain.residues[0] % domain.period, domain.period


def _quantities(
    inferred: GenericReport, where: Sequence[int], what: Sequence[str], collapse: Collapse, layout: str, *, batch: bool
) -> dict[str, Any]:
    import sympy  # `symbols` has checked that it is installed

    def polished(value: Any) -> Any:
        return sympy.expand(collapse(value))

    graph = inferred.graph
    if not where:
        outputs = {name: inferred.output(ref.node, ref.output) for name, ref in graph.named_outputs().items()}
        counts = inferred.totals()._asdict()
    else:
        node, sizing = graph.nodes[where[-1]], inferred.sizings[where[-1]]
        outputs = {f"{node.name}[{i}]" if i else node.name: shape for i, shape in enumerate(sizing.outputs)}
        nodes, sizings = zip(*[(graph.nodes[index], inferred.sizings[index]) for index in where], strict=True)
        counts = inferred._replace(graph=graph._replace(nodes=nodes), sizings=sizings).totals()._asdict()
    found: dict[str, Any] = {}
    for word in what:
        if word == "output":
            found[word] = {
                name: tuple(collapse(size) for size in shape.in_layout(layout)) for name, shape in outputs.items()
            }
        else:
            value = polished(counts[word])
            found[word] = sympy.expand(value * symbolic.symbol(BATCH)) if batch and word == "macs" else value
    return found


def _verify(
    answer: Formulas, graph: Graph, rebuild: Rebuild, layout: str, refit: Refitted | None
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Compare the formulas with plain inference at many points; return their number, and the ranges of values.

    Errors: `ShapeError` if they differ anywhere, or if there is no point to compare at.
    """
    choices = [trials(symbol) for symbol in answer.symbols]
    longest = max((len(choice) for choice in choices), default=1)
    points = dict.fromkeys(
        tuple(choice[(turn * (1 + i) + shift * i) % len(choice)] for i, choice in enumerate(choices))
        for shift in range(4)
        for turn in range(longest)
    )
    agreed: list[tuple[int, ...]] = []
    for point in itertools.islice(points, _POINTS * 2):
        values = dict(zip((symbol.name for symbol in answer.symbols), point, strict=True))
        if len(agreed) < _POINTS and _agrees(answer, values, graph, rebuild, layout, refit):
            agreed.append(point)
    if not agreed:
        raise ShapeError("the network has shape errors at all sizes chosen to verify its formulas")
    columns = zip(*agreed, strict=True)
    return len(agreed), {
        symbol.name: (min(column), max(column)) for symbol, column in zip(answer.symbols, columns, strict=True)
    }


def _agrees(
    answer: Formulas, values: Mapping[str, int], graph: Graph, rebuild: Rebuild, layout: str, refit: Refitted | None
) -> bool:
    """Return whether a point is valid, and check that inference agrees there. Errors: `ShapeError` if not."""
    variables = {s.name: values[s.name] for s in answer.symbols if s.is_variable}
    if variables:
        graph, problems = rebuild(variables)
        if problems:
            return False
    sizes = {axis: values[s.name] for s in answer.symbols for axis in s.places}
    resized = refit.reread(graph, sizes) if refit and sizes else with_sizes(graph, sizes)
    if resized is None:
        return False
    try:
        report = infer(resized, batch=values.get(BATCH, 1), layout=layout)
    except ShapeError:
        return False
    put = partial(_put_in, {symbolic.symbol(name): value for name, value in values.items()})
    line = report.line(answer.layer) if answer.layer else None
    for what, formula in answer.formulas.items():
        if what == "output":
            expected: Any = [list(s) for s in (line.output_shapes if line else report.outputs.values())]
            computed: Any = [[put(size) for size in sizes] for sizes in formula.values()]
        else:
            expected, computed = getattr(line.total if line else report.total, what), put(formula)
        if expected != computed:
            at = ", ".join(f"{name} = {value}" for name, value in values.items())
            raise ShapeError(
                f"no closed formula of {what} was found: at {at} it is {computed}, but inference computes {expected}"
            )
    return True


def _put_in(values: Mapping[Any, int], formula: Any) -> int:
    return int(formula.xreplace(values)) if hasattr(formula, "xreplace") else int(formula)
