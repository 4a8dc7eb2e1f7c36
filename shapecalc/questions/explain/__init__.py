"""How every size and count of a network is computed: the rule, the rule with numbers, and the origins of the numbers.

    Report ──leaves──▶ layers of traced numbers ──working──▶ rules ──reasons──▶ Explanation ──lines──▶ renderers

It is produced by running the layers' own formulas on traced numbers (see `dims.traces`); no kind has its own texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.model.answer import Answer
from shapecalc.model.rows import Totals, once, sum_rows
from shapecalc.questions.explain.back import trails_of
from shapecalc.questions.explain.layer import VERSION, LayerExplanation
from shapecalc.questions.explain.reasons import Makers, settings_of, sources_of, symbols_of
from shapecalc.questions.explain.working import MACS, OUTPUT_BYTES, OUTPUTS, PARAMS, Working, work
from shapecalc.text.given import read_flag, read_names, read_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.model.origin import NetworkLike
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["VERSION", "WHAT", "Explanation", "LayerExplanation", "explain", "explain_report"]

WHAT = (OUTPUTS, PARAMS, MACS, OUTPUT_BYTES)
"""The quantities to choose from; all but output_bytes are shown by default."""

_SHOWN = (OUTPUTS, PARAMS, MACS)

_MOST_LAYERS = 20_000
"""The maximum number of layers that are explained at a time: seconds."""

_MOST_FOLLOWED = 100
"""The maximum number of layers that are traced back at a time: each chain may be as long as the network."""


class Explanation(Answer):
    """The arithmetic of a network, layer by layer. Immutable.

    `explanation["conv1"]` is a layer's; `explanation.layers` all of them; `text`, `markdown` and `latex` write it,
    `to_dict()` is the JSON contract. `asked` are the named layers and blocks; empty if all are explained.
    """

    __slots__ = ("asked", "layers", "report", "total", "what")
    drawn_by = "explanations.render"
    has_formulas = True

    def __init__(
        self, report: Report, layers: tuple[LayerExplanation, ...], what: tuple[str, ...], asked: tuple[str, ...] = ()
    ) -> None:
        self.report = report
        self.layers = layers
        self.what = what
        self.asked = asked
        self.total: Totals = sum_rows([layer.row for layer in layers])

    def __iter__(self) -> Iterator[LayerExplanation]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, name: str) -> LayerExplanation:
        """Return the explanation of a layer. Errors: `UsageError` for an unknown layer."""
        read_string(name, "the name of a layer")
        for layer in self.layers:
            if layer.name == name:
                return layer
        hint = did_you_mean(name, [layer.name for layer in self.layers])
        raise UsageError(Problem(f"no layer {name} is explained here", hint=hint))

    def __repr__(self) -> str:
        return f"<Explanation {clean(self.report.name)}: {len(self.layers)} layers>"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake."""
        return self.report.notes

    @property
    def text(self) -> str:
        """The explanation as plain text, 80 columns wide."""
        return self.render("text")

    @property
    def markdown(self) -> str:
        """The explanation as Markdown, with formulas between dollars."""
        return self.render("markdown")

    @property
    def latex(self) -> str:
        """The explanation as a LaTeX document."""
        return self.render("latex")

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation in the form of the JSON contract."""
        report = self.report
        return {
            "version": VERSION,
            "name": report.name,
            "layout": report.layout,
            **report.batch_to_dict(),
            **report.gap_to_dict(),
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in report.inputs.items()},
            "layers": [layer.to_dict() for layer in self.layers],
            "total": self.total._asdict(),
        }


def explain(
    network: NetworkLike, layers: str | Iterable[str] | None = None, what: str | Iterable[str] | None = None, *,
    layout: str = "", back: bool = False, batch: int = 1,
) -> Explanation:  # fmt: skip
    """Return how the numbers of a network are computed.

    `layers` names layers or blocks, all by default; `what` is some of `output`, `params`, `macs`, `output_bytes`: all
    but the last by default. `layout` is how sizes are shown; MACs and bytes are for a `batch`. `back` follows the sizes
    of a named layer's input back to the input of the network.
    Errors: `ShapeError`; `UsageError` for an unknown layer or another `what`, or for layers
    to follow back of which none, or very many, are named.
    """
    _wanted(what)  # before any work
    return explain_report(network.infer(layout=layout, batch=batch), layers, what, back=back)


def explain_report(
    report: Report, layers: str | Iterable[str] | None = None, what: str | Iterable[str] | None = None, *,
    back: bool = False,
) -> Explanation:  # fmt: skip
    """Return how the numbers of a report are computed, also of a partial one. As `explain`."""
    wanted, back = _wanted(what), read_flag(back, "back")
    asked = () if layers is None else read_names(layers, "layers")
    chosen = _chosen(report, asked)
    if len(chosen) > _MOST_LAYERS:
        message = f"these are {len(chosen):,} layers: at most {_MOST_LAYERS:,} are explained at a time"
        raise UsageError(Problem(message, hint="name layers or blocks: shapecalc explain SPEC LAYER"))
    if back and not 0 < len(chosen) * bool(asked) <= _MOST_FOLLOWED:
        message = f"sizes are traced back from at most {_MOST_FOLLOWED} layers" if asked else "no layer is named"
        raise UsageError(Problem(message, hint="name the layer to trace back: shapecalc explain SPEC LAYER --back"))
    is_whole = what is None or not read_names(what, "what")
    explained = _explained(report, chosen, wanted, is_whole=is_whole, back=back)
    return Explanation(report, explained, wanted, asked)


def _wanted(what: str | Iterable[str] | None) -> tuple[str, ...]:
    asked = () if what is None else read_names(what, "what")
    asked = asked or _SHOWN
    for word in asked:
        if word not in WHAT:
            raise UsageError(Problem(f"{word} cannot be explained", hint=did_you_mean(word, WHAT)))
    return tuple([word for word in WHAT if word in asked])


def _chosen(report: Report, names: Sequence[str]) -> list[Row]:
    """Return the rows of the layers and blocks that are named, in the order of computation."""
    if not names:
        return list(report.rows)
    known = {row.name for row in report.rows}
    blocks = {block.name: index for index, block in enumerate(report.graph.blocks)}
    wanted, inside = set(), set()
    for name in names:
        if name in known:
            wanted.add(name)
        elif name in blocks:
            inside.add(blocks[name])
        elif copies := [row.name for row in report.rows if row.name.startswith(f"{name}.")]:
            wanted.update(copies)
        else:
            hint = did_you_mean(name, [*known, *blocks])
            raise UsageError(Problem(f"{report.name or 'the network'} has no layer {name}", hint=hint))
    return [row for row in report.rows if row.name in wanted or _is_inside(report, row.block, inside)]


def _is_inside(report: Report, block: int, blocks: set[int]) -> bool:
    while block >= 0:
        if block in blocks:
            return True
        block = report.graph.blocks[block].parent
    return False


def _explained(
    report: Report, rows: Sequence[Row], what: tuple[str, ...], *, is_whole: bool, back: bool
) -> tuple[LayerExplanation, ...]:
    marks = report.graph.input_marks
    first: dict[int, str] = {}

    @once
    def working_of(row: Row) -> Working:
        assert row.node.layer is not None  # all layers of an inferred network are valid
        return work(row.node.layer, row.sizing.inputs, batch=report.batch)

    def at(node: int) -> Working:
        return working_of(report.rows[node])

    makers = Makers(report.graph, at)
    found: list[LayerExplanation] = []
    for row in rows:
        working = working_of(row)
        assert row.node.layer is not None
        leaves = _leaves(working, what)
        symbols = symbols_of(row.node.layer, leaves)
        used = [symbol.argument for symbol in symbols]
        sources = sources_of(report, row, working, marks, makers)
        settings = settings_of(row.node.layer, used)
        same = first.setdefault(id(working), row.name)
        same = "" if same == row.name or row.shares else same
        trails, left = trails_of(report.graph, row, working, at) if back else ((), 0)
        found.append(
            LayerExplanation(
                row, working, what, is_whole, sources, symbols, settings, same, report.graph.file, trails, left
            )
        )
    return tuple(found)


def _leaves(working: Working, what: Sequence[str]) -> list[Any]:
    """Return the leaves of the rules that are shown, and of the checks."""
    rules = [quantity.rule for quantity in working.shown(what)]
    if OUTPUTS in what:
        rules += [side for check in working.checks for side in (check.left, check.right)]
    return [leaf for rule in rules for leaf in rule.leaves()]
