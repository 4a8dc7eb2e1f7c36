"""A layer's explanation as the lines of a page, for every format to write in its own way.

A line has a label (`output`, `params`) and items: words, names from the specification, and what is mathematics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.dims import BROADCASTS
from shapecalc.explain.leaves import LETTERS, OUTPUT
from shapecalc.explain.reasons import DEFAULT, GIVEN
from shapecalc.explain.working import BIASES, BUFFERS, MACS, MEMORY, OUTPUTS, PARAMS, WEIGHTS
from shapecalc.notation import NAME, TEXT, Tree, chain, with_names, with_numbers, with_symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.errors import Mark
    from shapecalc.explain import LayerExplanation
    from shapecalc.explain.reasons import Source, Symbol
    from shapecalc.explain.working import Check, Quantity, Working
    from shapecalc.notation import Expression

__all__ = ["KEPT", "Bytes", "Chain", "Item", "Line", "Name", "Relation", "Sizes", "lines_of", "reason_lines",
           "rule_lines"]  # fmt: skip

KEPT = "\N{NO-BREAK SPACE}"
"""A space at which no line is broken."""

_TENSORS_TOLD = 2


class Name(str):
    """A name from the specification, or of an argument."""

    __slots__ = ()


class Chain(NamedTuple):
    """Equals: a symbol (or none), a rule, the rule with numbers, …, the number."""

    symbol: str
    trees: tuple[Tree, ...]


class Relation(NamedTuple):
    """What holds of two numbers."""

    left: Tree
    sign: str
    right: Tree


class Sizes(NamedTuple):
    """The sizes of a tensor: H_in×W_in×C_in = 227×227×3."""

    symbols: tuple[str, ...]
    values: tuple[int, ...]


class Bytes(NamedTuple):
    """A number of bytes."""

    number: int


Item: TypeAlias = "str | Chain | Relation | Sizes | Bytes"


class Line(NamedTuple):
    """One line of a layer's explanation."""

    label: str
    items: tuple[Item, ...]


def lines_of(layer: LayerExplanation) -> list[Line]:
    """Return the lines that explain a layer, under its heading."""
    lines: list[Line] = []
    if OUTPUTS in layer.what:
        lines += _output_lines(layer)
    lines += _cost_lines(layer)
    if MEMORY in layer.what:
        lines += _memory_lines(layer)
    if OUTPUTS in layer.what:
        lines += _labelled("checked", _checks(layer.working.checks))
    return lines + reason_lines(layer)


def reason_lines(layer: LayerExplanation, *, brief: bool = False) -> list[Line]:
    """Return the lines that tell where a layer's numbers come from; `brief`: what gives its input, and its place."""
    if not brief:
        return _labelled("where", _reasons(layer))
    rows = [tuple(_source(layer, index, source)) for index, source in enumerate(layer.sources)]
    mark = layer.row.node.mark
    if rows and mark is not None and mark.line:
        rows[-1] = (*rows[-1], f"; {_line(mark, layer.file)}")
    return _labelled("where", rows)


def rule_lines(working: Working) -> list[Line]:
    """Return the rules of a layer without its numbers, and what must hold of them."""
    lines: list[Line] = []
    for number, axes in enumerate(working.outputs, 1):
        told: dict[Any, list[Quantity]] = {}
        for quantity in axes:
            told.setdefault((quantity.role, TEXT.write(_roles(quantity.rule))), []).append(quantity)
        label = "output" if len(working.outputs) == 1 else f"output {number}"
        lines += _labelled(label, [tuple(_rules(alike)) for alike in told.values()])
    counts = working.counts
    lines += _labelled("tensors", [(Name(t.tensor), ": ", _rule(t)) for t in working.tensors])
    lines += [Line(what if what != MACS else "MACs", (_rule(counts[what]),)) for what in (PARAMS, BUFFERS, MACS)
              if counts[what].value]  # fmt: skip
    needs: dict[Any, list[Check]] = {}
    for check in working.checks:
        needs.setdefault(_check_likeness(check)[:3], []).append(check)
    return lines + _labelled("needs", [tuple(_needed(alike)) for alike in needs.values()])


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
    """Return an expression with the roles of its symbols in place of their names: H_in and W_in are one."""
    return with_names(expression, lambda leaf: leaf.origin.role)


def _labelled(label: str, rows: Iterable[Sequence[Item]]) -> list[Line]:
    """Return rows as lines, the first of them with the label."""
    return [Line("" if i else label, tuple(items)) for i, items in enumerate(rows)]


def _output_lines(layer: LayerExplanation) -> list[Line]:
    outputs = layer.working.outputs
    lines: list[Line] = []
    for number, axes in enumerate(outputs, 1):
        label = "output" if len(outputs) == 1 else f"output {number}"
        if not axes:
            lines.append(Line(label, ("a single number",)))
        elif all(_passes(quantity) for quantity in axes) and len(layer.working.inputs) == 1:
            lines.append(Line(label, ("every size as it comes in",)))
        else:
            lines += _labelled(label, _axes(axes))
    return lines


def _passes(quantity: Quantity) -> bool:
    """Tell whether an axis goes out as it came in: H_out is H_in."""
    leaf = quantity.rule.symbol
    return leaf is not None and leaf.symbol == f"{quantity.symbol[0]}_in"


def _axes(axes: Sequence[Quantity]) -> Iterator[tuple[Item, ...]]:
    """Yield the axes of an output, those that differ in nothing but the name of the axis as one."""
    told: dict[Any, list[Quantity]] = {}
    for quantity in axes:
        told.setdefault(_likeness(quantity), []).append(quantity)
    for first, *others in told.values():
        yield (_equation(first),)
        items: list[Item] = []
        for other in others:
            items += [*([" and "] if items else []), Chain(other.symbol, (chain(other.rule)[-1],))]
        if items:
            yield (*items, " by the same rule")


def _likeness(quantity: Quantity) -> Any:
    """Return what is equal for axes that are worked out alike."""
    return quantity.role, TEXT.write(_roles(quantity.rule)), TEXT.write(with_numbers(quantity.rule))


def _equation(quantity: Quantity) -> Chain:
    trees = chain(quantity.rule)
    if trees[0].sort == NAME and trees[0].name == quantity.symbol:
        trees = trees[1:]
    return Chain(quantity.symbol, trees)


def _cost_lines(layer: LayerExplanation) -> list[Line]:
    counts, what = layer.working.counts, layer.what
    lines: list[Line] = []
    none: list[str] = []
    if PARAMS in what:
        if layer.row.shares and counts[PARAMS].value:
            words: tuple[Item, ...] = ("none of its own: it uses those of ", Name(layer.row.shares))
            lines.append(Line("params", words))
        elif counts[PARAMS].value:
            lines += _param_lines(layer)
        else:
            none.append("parameters")
        if layer.row.buffers:
            lines += _buffer_lines(layer)
    if MACS in what:
        if counts[MACS].value:
            lines.append(Line("MACs", (_equation(counts[MACS]),)))
        else:
            none.append("MACs")
    if none:
        lines.append(Line("costs", (" and ".join([f"no {sort}" for sort in none]),)))
    return lines


def _param_lines(layer: LayerExplanation) -> Iterator[Line]:
    counts, tensors = layer.working.counts, layer.working.tensors
    if len(tensors) > _TENSORS_TOLD:
        yield from _labelled("tensors", _tensors(tensors))
    if counts[WEIGHTS].value and counts[BIASES].value:
        yield Line("weights", (_equation(counts[WEIGHTS]),))
        yield Line("biases", (_equation(counts[BIASES]),))
    note = (": frozen, not trained",) if layer.row.node.frozen else ()
    yield Line("params", (_equation(counts[PARAMS]), *note))


def _buffer_lines(layer: LayerExplanation) -> list[Line]:
    names: list[Item] = []
    for tensor in layer.working.buffer_tensors:
        names += [", " if names else " (", Name(tensor.tensor)]
    return [Line("buffers", (_equation(layer.working.counts[BUFFERS]), *names, ": kept, not learned)"))]


def _tensors(tensors: Sequence[Quantity]) -> Iterator[tuple[Item, ...]]:
    """Yield the learned tensors, those of one rule together."""
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


def _memory_lines(layer: LayerExplanation) -> list[Line]:
    counts = layer.working.counts
    memory = counts[MEMORY]
    lines = [Line("memory", (_equation(memory), " bytes", *_units(memory.value), " for what it gives"))]
    params, buffers = layer.row.params, layer.row.buffers
    for number, words in ((params, " for its parameters"), (buffers, " for its buffers")):
        if number:
            trees = (_product(4, number), Tree("number", 4 * number))
            lines.append(Line("", (Chain("", trees), " bytes", *_units(4 * number), words)))
    return lines


def _product(*numbers: int) -> Tree:
    return Tree("product", 0, "", tuple([Tree("number", number) for number in numbers]))


def _units(number: int) -> tuple[Item, ...]:
    return (" (", Bytes(number), ")") if number >= 1024 else ()


def _checks(checks: Sequence[Check]) -> Iterator[tuple[Item, ...]]:
    told: dict[Any, list[Check]] = {}
    for check in checks:
        told.setdefault(_check_likeness(check), []).append(check)
    for first, *others in told.values():
        yield (*_check(first), *((f"; {_others(others)} likewise",) if others else ()))


def _check_likeness(check: Check) -> Any:
    roles = [TEXT.write(_roles(side)) for side in (check.left, check.right)]
    return (*roles, check.relation, check.left.value, check.right.value)


def _others(checks: Sequence[Check]) -> str:
    """Return the axes that checks are about: `width`."""
    leaves = [leaf for check in checks for side in (check.left, check.right) for leaf in side.leaves()]
    axes = [LETTERS.get(leaf.symbol[0], "") for leaf in leaves if leaf.origin.role.endswith("space")]
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
    return Tree("number", expression.value)


def _reasons(layer: LayerExplanation) -> Iterator[tuple[Item, ...]]:
    symbols = layer.symbols
    for index, source in enumerate(layer.sources):
        if layer.is_whole or any(symbol.source == index and symbol.origin == "input" for symbol in symbols):
            yield tuple(_source(layer, index, source))
    outgoing = [symbol for symbol in symbols if symbol.origin == OUTPUT]
    if outgoing and OUTPUTS not in layer.what:
        yield (Sizes(tuple([s.symbol for s in outgoing]), tuple([s.value for s in outgoing])), ": what goes out")
    given = [symbol for symbol in symbols if symbol.origin == GIVEN]
    told = [*_arguments(given), *_settings(layer, comma=bool(given))]
    place = _place(layer)
    if told:
        yield (*((f"{place}: ",) if place else ()), *told)
    default = [symbol for symbol in symbols if symbol.origin == DEFAULT]
    if default:
        yield ("default: ", *_arguments(default))
    if layer.is_whole and layer.left_out:
        yield tuple(_left_out(layer.left_out))


def _source(layer: LayerExplanation, index: int, source: Source) -> Iterator[Item]:
    yield Sizes(layer.input_symbols[index], source.sizes)
    if source.is_input:
        yield ": the network's input" if len(layer.row.from_) == 1 else ": the network's input "
        if len(layer.row.from_) > 1:
            yield Name(source.name)
        if source.mark is not None and source.mark.line:
            yield f", {_line(source.mark, layer.file)}"
        return
    yield " from "
    yield Name(source.name)
    for made in source.made:
        yield ": " if made.layer == source.name else "; "
        yield Chain(made.symbol, (*chain(made.rule)[1:],))
        if made.layer != source.name:
            yield " was made by "
            yield Name(made.layer)


def _arguments(symbols: Sequence[Symbol]) -> list[Item]:
    """Return arguments as `k = 11 (kernel_size), s = 4 (stride)`."""
    items: list[Item] = []
    for i, symbol in enumerate(symbols):
        items += [*([", "] if items else []), Chain(symbol.symbol, (Tree("number", symbol.value),))]
        is_last = i + 1 == len(symbols) or symbols[i + 1].argument != symbol.argument
        if symbol.symbol != symbol.argument and is_last:
            items += [f"{KEPT}(", Name(symbol.argument), ")"]
    return items


def _settings(layer: LayerExplanation, *, comma: bool) -> list[Item]:
    items: list[Item] = []
    for setting in layer.settings:
        items += [*([", "] if items or comma else []), Name(setting.name), " ", Name(_shown(setting.value))]
    return items


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _left_out(left_out: dict[str, int]) -> Iterator[Item]:
    for i, (name, value) in enumerate(left_out.items()):
        if i:
            yield " and " if i == len(left_out) - 1 else ", "
        yield Name(name)
        yield f" {value}"
    yield ", by default: no effect"


def _place(layer: LayerExplanation) -> str:
    """Return where a layer stands: `line 9`, and what used the block that it is in."""
    mark = layer.row.node.mark
    if mark is None:
        return ""
    where = _line(mark, layer.file) if mark.line else mark.path
    for words, use in layer.row.node.uses[:1]:
        told = words.removeprefix("used here").strip(" ,:")
        where += f", in a block used in {_line(use, layer.file)}{f' {told}' if told else ''}"
    return where


def _line(mark: Mark, file: str) -> str:
    return f"line {mark.line:,}" if mark.source.name == file else f"{mark.source.name}, line {mark.line:,}"
