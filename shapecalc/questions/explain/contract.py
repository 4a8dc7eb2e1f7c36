"""A layer's explanation as the JSON contract has it; see docs/explain.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims.notation import LATEX, TEXT, chain, with_numbers, with_symbols
from shapecalc.questions.explain.leaves import INPUT
from shapecalc.questions.explain.working import OUTPUTS

if TYPE_CHECKING:
    from shapecalc.errors import Mark
    from shapecalc.questions.explain import LayerExplanation
    from shapecalc.questions.explain.reasons import Symbol
    from shapecalc.questions.explain.working import Check, Quantity

__all__ = ["VERSION", "layer_entry"]

VERSION = 1
"""The version of the JSON contract."""


def layer_entry(layer: LayerExplanation) -> dict[str, Any]:
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
        "buffers": row.buffers,
        "macs": row.macs,
        **({"shares": row.shares} if row.shares else {}),
        **({"same_as": layer.same_as} if layer.same_as else {}),
        "formulas": [_formula(quantity) for quantity in layer.quantities],
        "checks": [_checked(check) for check in layer.working.checks] if OUTPUTS in layer.what else [],
        "symbols": [_symbol(layer, symbol) for symbol in layer.symbols],
        "settings": {setting.name: setting.value for setting in layer.settings},
        "left_out": layer.left_out,
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
