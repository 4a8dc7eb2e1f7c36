"""How the numbers of one layer are computed: the rules, their symbols, and the origins of its inputs.

As Python objects, and in the form of the JSON contract; see docs/explain.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.notation import LATEX, TEXT, chain, with_numbers, with_symbols
from shapecalc.escaping import clean
from shapecalc.questions.explain.leaves import INPUT
from shapecalc.questions.explain.working import OUTPUTS, WEIGHTS

if TYPE_CHECKING:
    from shapecalc.errors import Mark
    from shapecalc.model.rows import Row
    from shapecalc.questions.explain.back import Trail
    from shapecalc.questions.explain.reasons import InputSource, Setting, Symbol
    from shapecalc.questions.explain.working import Check, Quantity, Working

__all__ = ["VERSION", "LayerExplanation"]

VERSION = 1
"""The version of the JSON contract."""


class LayerExplanation(NamedTuple):
    """How the numbers of one layer are computed.

    `working` has the rules; `symbols` their symbols; `sources` the origin of each input; `settings` the
    arguments that decide on the rules; `trails` follow its input back, on request, except for `not_followed` of very
    many sizes. `same_as` names an earlier layer of the explanation with the same arithmetic.
    """

    row: Row
    working: Working
    what: tuple[str, ...]
    is_whole: bool
    sources: tuple[InputSource, ...]
    symbols: tuple[Symbol, ...]
    settings: tuple[Setting, ...]
    same_as: str = ""
    file: str = ""
    trails: tuple[Trail, ...] = ()
    not_followed: int = 0

    def __repr__(self) -> str:
        what = ", ".join(self.what)
        return f"<LayerExplanation of {clean(self.name)} ({self.kind}): {what}; render() of the explanation shows it>"

    @property
    def name(self) -> str:
        """The layer's scoped name."""
        return self.row.name

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return self.row.kind

    @property
    def doc(self) -> str:
        """The description of the kind, with its conventions: its docstring."""
        text = type(self.row.node.layer).__doc__ or ""
        return "\n".join([line.strip() for line in text.strip().splitlines()])

    @property
    def left_out(self) -> dict[str, int]:
        """The arguments at a default without effect."""
        used = {symbol.argument for symbol in self.symbols}
        names = {leaf.origin.name: leaf.value for leaf in self.working.left_out}
        return {name: value for name, value in names.items() if name not in used}

    @property
    def input_symbols(self) -> list[tuple[str, ...]]:
        """The symbols of the axes of each input, in the layout of the report."""
        pairs = zip(self.row.sizing.inputs, self.working.inputs, strict=True)
        shapes = [shape._replace(sizes=tuple(leaves)).in_layout(self.row.layout) for shape, leaves in pairs]
        return [tuple([leaf.symbol for leaf in sizes]) for sizes in shapes]

    @property
    def features(self) -> tuple[list[str], list[int]]:
        """The sizes whose product are the input features of a fully connected layer, and their symbols; else none.

        Such a layer has weights for each element of its input and each of something more, its output features.
        """
        weights = self.working.counts[WEIGHTS].rule
        factors = {id(leaf) for leaf in weights.leaves()} if len(weights.terms) == 1 else set()
        sizes = {id(leaf) for leaf in self.working.inputs[0]} if self.working.inputs else set()
        return (list(self.input_symbols[0]), list(self.row.input_shapes[0])) if sizes and sizes < factors else ([], [])

    @property
    def quantities(self) -> list[Quantity]:
        """The numbers that are explained, each with its rule."""
        return list(self.working.shown(self.what))

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation in the form of the JSON contract (docs/explain.md)."""
        return _entry(self)


def _entry(layer: LayerExplanation) -> dict[str, Any]:
    """Return the explanation of a layer."""
    row = layer.row
    return {
        "name": layer.name,
        "kind": layer.kind,
        **_place(row.node.mark),
        "from": list(row.from_),
        "input_shapes": [list(shape) for shape in row.input_shapes],
        "output_shapes": [list(shape) for shape in row.output_shapes],
        "params": row.params,
        "active_params": row.active_params,
        "buffers": row.buffers,
        "macs": row.macs,
        **({"shares": row.shares} if row.shares else {}),
        **({"same_as": layer.same_as} if layer.same_as else {}),
        "formulas": [_formula(quantity) for quantity in layer.quantities],
        "checks": [_checked(check) for check in layer.working.checks] if OUTPUTS in layer.what else [],
        "symbols": [_symbol(layer, symbol) for symbol in layer.symbols],
        "settings": {setting.name: setting.value for setting in layer.settings},
        "left_out": layer.left_out,
        **({"back": [trail.to_dict() for trail in layer.trails]} if layer.trails else {}),
        **({"not_followed": layer.not_followed} if layer.not_followed else {}),
    }


def _symbol(layer: LayerExplanation, symbol: Symbol) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "symbol": symbol.symbol,
        "value": symbol.value,
        "meaning": symbol.meaning,
        "origin": symbol.origin,
    }
    if symbol.argument:
        entry["argument"] = symbol.argument
    if symbol.origin != INPUT:
        return entry
    source = layer.sources[symbol.source]
    entry["from"] = source.name
    made = [made for made in source.made if made.symbol == symbol.symbol]
    if made:
        entry["made"] = {"by": made[0].layer, "numbers": TEXT.write(with_numbers(made[0].rule))}
    return {**entry, **_place(source.mark)}


def _formula(quantity: Quantity) -> dict[str, Any]:
    rule, numbers = with_symbols(quantity.rule), with_numbers(quantity.rule)
    entry: dict[str, Any] = {"what": quantity.what}
    if quantity.symbol:
        entry["symbol"] = quantity.symbol
        entry["output"] = int(quantity.tensor)
    elif quantity.tensor:
        entry["tensor"] = quantity.tensor
    return {
        **entry,
        "rule": TEXT.write(rule),
        "numbers": TEXT.write(numbers),
        "steps": [TEXT.write(tree) for tree in chain(quantity.rule)[2:-1]],
        "value": quantity.value,
        "latex": {"rule": LATEX.write(rule), "numbers": LATEX.write(numbers)},
    }


def _checked(check: Check) -> dict[str, Any]:
    sides = ((check.left, check.left_name), (check.right, check.right_name))
    left, right = [{"rule": TEXT.write(with_symbols(s)), "value": s.value, "meaning": name} for s, name in sides]
    return {"left": left, "relation": check.relation, "right": right}


def _place(mark: Mark | None) -> dict[str, Any]:
    return {"file": mark.source.name, "line": mark.line} if mark is not None and mark.line else {}
