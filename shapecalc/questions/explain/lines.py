"""A layer's explanation as lines, which every format writes in its own way.

A line has a label (`output`, `params`) and items: words, names from the specification, and what is mathematics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS
from shapecalc.dims.notation import NAME, NUMBER, PRODUCT, TEXT, Tree, chain, with_names, with_numbers, with_symbols
from shapecalc.questions.explain.items import Bytes, Chain, ExplanationLine, Name, Relation, labelled
from shapecalc.questions.explain.leaves import LETTERS, is_spatial
from shapecalc.questions.explain.where import reason_lines
from shapecalc.questions.explain.working import ACTIVE, BIASES, BUFFERS, MACS, OUTPUT_BYTES, OUTPUTS, PARAMS, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.dims.notation import Expression
    from shapecalc.questions.explain import LayerExplanation
    from shapecalc.questions.explain.items import Item
    from shapecalc.questions.explain.working import Check, Quantity, Working

__all__ = ["lines_of", "rule_lines"]

_TENSORS_TOLD = 2
_LABELS = {MACS: "MACs", ACTIVE: "active"}


def lines_of(layer: LayerExplanation) -> list[ExplanationLine]:
    """Return the lines that explain a layer, under its heading."""
    lines: list[ExplanationLine] = []
    if OUTPUTS in layer.what:
        lines += _output_lines(layer)
    lines += _cost_lines(layer)
    if OUTPUT_BYTES in layer.what:
        lines += _output_bytes_lines(layer)
    if OUTPUTS in layer.what:
        lines += labelled("checked", _checks(layer.working.checks))
    return lines + reason_lines(layer)


def rule_lines(working: Working) -> list[ExplanationLine]:
    """Return the rules of a layer without its numbers, and its constraints."""
    lines: list[ExplanationLine] = []
    for number, axes in enumerate(working.outputs, 1):
        groups: dict[Any, list[Quantity]] = {}
        for quantity in axes:
            groups.setdefault((quantity.role, TEXT.write(_roles(quantity.rule))), []).append(quantity)
        label = "output" if len(working.outputs) == 1 else f"output {number}"
        lines += labelled(label, [tuple(_rules(alike)) for alike in groups.values()])
    counts = working.counts
    lines += labelled("tensors", [(Name(t.tensor), ": ", _rule(t)) for t in working.tensors])
    shown = [what for what in (PARAMS, ACTIVE, BUFFERS, MACS) if what in counts and counts[what].value]
    lines += [ExplanationLine(_LABELS.get(what, what), (_rule(counts[what]),)) for what in shown]
    needs: dict[Any, list[Check]] = {}
    for check in working.checks:
        needs.setdefault(_check_likeness(check)[:3], []).append(check)
    return lines + labelled("needs", [tuple(_needed(alike)) for alike in needs.values()])


def _rules(alike: Sequence[Quantity]) -> Iterator[Item]:
    rule = _rule(alike[0])
    yield rule
    if rule.trees[0].name == alike[0].symbol:
        yield " as given"
    for i, other in enumerate(alike[1:], 1):
        yield "; " if i == 1 else " and "
        yield Chain("", (Tree(NAME, 0, other.symbol),))
    if len(alike) > 1:
        yield " likewise"


def _rule(quantity: Quantity) -> Chain:
    tree = with_symbols(quantity.rule)
    return Chain("" if tree.name == quantity.symbol else quantity.symbol, (tree,))


def _needed(alike: Sequence[Check]) -> Iterator[Item]:
    check = alike[0]
    sign = check.relation
    yield Relation(with_symbols(check.left), sign, with_symbols(check.right))
    names = [name for name in (check.left_name, check.right_name) if name and not name.isdigit()]
    if names:
        yield f" ({f' {sign} '.join(names)})"
    if len(alike) > 1:
        yield f"; {_others(alike[1:])} likewise"


def _roles(expression: Expression) -> Tree:
    """Return an expression with the roles of its symbols instead of their names: H_in and W_in are equal."""
    return with_names(expression, lambda leaf: leaf.origin.role)


def _output_lines(layer: LayerExplanation) -> list[ExplanationLine]:
    outputs = layer.working.outputs
    lines: list[ExplanationLine] = []
    for number, axes in enumerate(outputs, 1):
        label = "output" if len(outputs) == 1 else f"output {number}"
        if not axes:
            lines.append(ExplanationLine(label, ("a scalar",)))
        elif all(_passes(quantity) for quantity in axes) and len(layer.working.inputs) == 1:
            lines.append(ExplanationLine(label, ("same as the input",)))
        else:
            lines += labelled(label, _axes(axes))
    return lines


def _passes(quantity: Quantity) -> bool:
    """Return whether an axis of the output equals that of the input: H_out is H_in."""
    leaf = quantity.rule.symbol
    return leaf is not None and leaf.symbol == f"{quantity.symbol[0]}_in"


def _axes(axes: Sequence[Quantity]) -> Iterator[tuple[Item, ...]]:
    """Yield the axes of an output, with those that differ only in the name of the axis as one."""
    groups: dict[Any, list[Quantity]] = {}
    for quantity in axes:
        groups.setdefault(_likeness(quantity), []).append(quantity)
    for first, *others in groups.values():
        yield (_equation(first),)
        items: list[Item] = []
        for other in others:
            items += [*([" and "] if items else []), Chain(other.symbol, (chain(other.rule)[-1],))]
        if items:
            yield (*items, " by the same rule")


def _likeness(quantity: Quantity) -> Any:
    """Return a key that is equal for axes with the same computation."""
    return quantity.role, TEXT.write(_roles(quantity.rule)), TEXT.write(with_numbers(quantity.rule))


def _equation(quantity: Quantity) -> Chain:
    trees = chain(quantity.rule)
    if trees[0].sort == NAME and trees[0].name == quantity.symbol:
        trees = trees[1:]
    return Chain(quantity.symbol, trees)


def _cost_lines(layer: LayerExplanation) -> list[ExplanationLine]:
    counts, what = layer.working.counts, layer.what
    lines: list[ExplanationLine] = []
    none: list[str] = []
    if layer.row.has_unknown_weights:
        return [ExplanationLine("costs", ("unknown",))]
    if PARAMS in what:
        if layer.row.shares and counts[PARAMS].value:
            words: tuple[Item, ...] = ("none of its own: shared with ", Name(layer.row.shares))
            lines.append(ExplanationLine("params", words))
        elif counts[PARAMS].value:
            lines += _param_lines(layer)
        else:
            none.append("parameters")
        if layer.row.buffers:
            lines += _buffer_lines(layer)
    if MACS in what:
        if layer.row.is_unknown:
            lines.append(ExplanationLine("MACs", ("unknown",)))
        elif counts[MACS].value:
            lines.append(ExplanationLine("MACs", (_equation(counts[MACS]),)))
        else:
            none.append("MACs")
    if none:
        lines.append(ExplanationLine("costs", (" and ".join([f"no {sort}" for sort in none]),)))
    return lines


def _param_lines(layer: LayerExplanation) -> Iterator[ExplanationLine]:
    counts, tensors = layer.working.counts, layer.working.tensors
    if len(tensors) > _TENSORS_TOLD:
        yield from labelled("tensors", _tensors(tensors))
    if counts[WEIGHTS].value and counts[BIASES].value:
        yield ExplanationLine("weights", (_equation(counts[WEIGHTS]),))
        yield ExplanationLine("biases", (_equation(counts[BIASES]),))
    held = ", ".join(sorted(layer.row.node.held))
    note = (f": not counted ({held})",) if held else (": frozen, not trained",) if layer.row.node.frozen else ()
    yield ExplanationLine("params", (_equation(counts[PARAMS]), *note))
    if ACTIVE in counts:
        yield ExplanationLine("active", (_equation(counts[ACTIVE]), " for one token"))


def _buffer_lines(layer: LayerExplanation) -> list[ExplanationLine]:
    names: list[Item] = []
    for tensor in layer.working.buffer_tensors:
        names += [", " if names else " (", Name(tensor.tensor)]
    return [ExplanationLine("buffers", (_equation(layer.working.counts[BUFFERS]), *names, ": kept, not learned)"))]


def _tensors(tensors: Sequence[Quantity]) -> Iterator[tuple[Item, ...]]:
    """Yield the learned tensors, grouped by rule."""
    alike: dict[str, list[Quantity]] = {}
    for tensor in tensors:
        alike.setdefault(TEXT.write(with_symbols(tensor.rule)), []).append(tensor)
    for first, *others in alike.values():
        names: list[Item] = [Name(first.tensor)]
        for tensor in others[:2]:
            names += [", ", Name(tensor.tensor)]
        if len(others) > 2:
            names.append(f" and {len(others) - 2} more")
        yield (*names, ": each " if others else ": ", _equation(first))


def _output_bytes_lines(layer: LayerExplanation) -> list[ExplanationLine]:
    counts = layer.working.counts
    output = counts[OUTPUT_BYTES]
    lines = [ExplanationLine("bytes", (_equation(output), " bytes", *_units(output.value), " for its output"))]
    params, buffers = layer.row.params, layer.row.buffers
    for number, words in ((params, " for its parameters"), (buffers, " for its buffers")):
        if number:
            trees = (_product(4, number), Tree(NUMBER, 4 * number))
            lines.append(ExplanationLine("", (Chain("", trees), " bytes", *_units(4 * number), words)))
    return lines


def _product(*numbers: int) -> Tree:
    return Tree(PRODUCT, 0, "", tuple([Tree(NUMBER, number) for number in numbers]))


def _units(number: int) -> tuple[Item, ...]:
    return (" (", Bytes(number), ")") if number >= 1024 else ()


def _checks(checks: Sequence[Check]) -> Iterator[tuple[Item, ...]]:
    groups: dict[Any, list[Check]] = {}
    for check in checks:
        groups.setdefault(_check_likeness(check), []).append(check)
    for first, *others in groups.values():
        yield (*_check(first), *((f"; {_others(others)} likewise",) if others else ()))


def _check_likeness(check: Check) -> Any:
    roles = [TEXT.write(_roles(side)) for side in (check.left, check.right)]
    return (*roles, check.relation, check.left.value, check.right.value)


def _others(checks: Sequence[Check]) -> str:
    """Return the axes that checks are about: `width`."""
    leaves = [leaf for check in checks for side in (check.left, check.right) for leaf in side.leaves()]
    axes = [LETTERS.get(leaf.symbol[0], "") for leaf in leaves if is_spatial(leaf)]
    return " and ".join(dict.fromkeys(filter(None, axes))) or "others"


def _check(check: Check) -> tuple[Item, ...]:
    left, sign, right = with_symbols(check.left), check.relation, with_symbols(check.right)
    if sign == BROADCASTS:
        if check.left.value != check.right.value:
            repeated = (f" ✓ ({check.left_name}: repeated ", Chain("", (right,)), f" = {check.right.value:,} times)")
            return Relation(left, "=", _number(check.left)), *repeated
        sign = "="
    items: list[Item] = [Relation(left, sign, right)]
    if not (left.is_atomic and right.is_atomic and left.sort == right.sort != NAME):
        items += [": ", Relation(_number(check.left), sign, _number(check.right))]
    names = [name for name in (check.left_name, check.right_name) if name and not name.isdigit()]
    return (*items, " ✓", *((f" ({f' {sign} '.join(names)})",) if names else ()))


def _number(expression: Expression) -> Tree:
    return Tree(NUMBER, expression.value)
