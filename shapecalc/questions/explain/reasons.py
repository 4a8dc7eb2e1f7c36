"""The origins of a layer's numbers: the layer of its input, the arguments, the lines of the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.notation import SYMBOL
from shapecalc.layers.base.arguments import Count, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.questions.explain.leaves import ARGUMENT, BATCH, INPUT, LETTERS, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapecalc.dims.notation import Expression
    from shapecalc.dims.traces import Trace
    from shapecalc.errors import Mark
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.explain.working import Working

__all__ = [
    "DEFAULT",
    "GIVEN",
    "InputSource",
    "Makers",
    "Setting",
    "Symbol",
    "settings_of",
    "sources_of",
    "symbols_of",
]  # fmt: skip

GIVEN = "given"
DEFAULT = "default"


class InputSource(NamedTuple):
    """The origin of an input of a layer: a layer or an input of the network, the sizes, and the line of the latter.

    `made` is the layer, and the product, of axes that a layer further up computed as a product (6·6·256 features);
    `mark` is None for the output of a layer, and for an overridden size.
    """

    name: str
    sizes: tuple[int, ...]
    is_input: bool = False
    mark: Mark | None = None
    made: tuple[Made, ...] = ()


class Made(NamedTuple):
    """A size that a layer computed from others: its symbol, the layer, and the product."""

    symbol: str
    layer: str
    rule: Expression


class Symbol(NamedTuple):
    """A symbol in a layer's rules, its value, its meaning, and its origin.

    `origin` is `input`, `output`, `given` (an argument), `default` (one at its default) or `batch`; `argument` the
    name of the argument; `source` the number of the input.
    """

    symbol: str
    value: int
    meaning: str
    origin: str
    argument: str = ""
    source: int = -1


class Setting(NamedTuple):
    """An argument that is not a number in a rule, but changes the rule: `bias: false`, `padding: same`."""

    name: str
    value: Any
    doc: str


def symbols_of(layer: Layer, leaves: Iterable[Trace]) -> tuple[Symbol, ...]:
    """Return the symbols that are used, the input's first."""
    found: dict[str, Symbol] = {}
    for size in leaves:
        found.setdefault(size.symbol, _symbol(layer, size))
    places = {
        INPUT: -1,
        OUTPUT: len(layer.arguments),
        BATCH: len(layer.arguments) + 1,
        **{name: i for i, name in enumerate(layer.arguments)},
    }
    return tuple(sorted(found.values(), key=lambda symbol: (places[symbol.argument or symbol.origin], symbol.source)))


def _symbol(layer: Layer, size: Trace) -> Symbol:
    origin = size.origin
    if origin.sort == ARGUMENT:
        argument = layer.arguments[origin.name]
        where = DEFAULT if is_default(layer, origin.name) else GIVEN
        return Symbol(size.symbol, size.value, f"{origin.name}: {argument.doc}", where, origin.name)
    if origin.sort == BATCH:
        return Symbol(size.symbol, size.value, "samples in a batch", BATCH)
    axis = LETTERS.get(size.symbol[0], f"axis {size.symbol}")
    number = "" if size.symbol.endswith(("_in", "_out")) else f" {origin.place + 1}"
    whole = f"the {origin.sort}" if not number else f"{origin.sort}{number}"
    return Symbol(size.symbol, size.value, f"{axis} of {whole}", origin.sort, source=origin.place)


def is_default(layer: Layer, name: str) -> bool:
    """Return whether an argument has its default."""
    argument, value = layer.arguments[name], layer.__dict__[name]
    if argument.default_from and argument.default is None:
        return bool(value == layer.__dict__[argument.default_from])
    return value == argument.default or (isinstance(value, tuple) and all(v == argument.default for v in value))


def settings_of(layer: Layer, used: Iterable[str]) -> tuple[Setting, ...]:
    """Return the arguments that are not at their default and not among the numbers of the rules."""
    names = set(used)
    found = []
    for name, argument in layer.arguments.items():
        value = layer.__dict__[name]
        if name in names or value is None or is_default(layer, name):
            continue
        is_number = isinstance(argument, Integer) and not isinstance(argument, (AxisNumber, AxisNumbers, Count))
        if not (is_number and not isinstance(value, str)):
            found.append(Setting(name, value, argument.doc))
    return tuple(found)


def sources_of(
    report: Report, row: Row, working: Working, marks: dict[str, Mark], makers: Makers
) -> tuple[InputSource, ...]:
    """Return the origin of each input of a layer."""
    found = []
    for index, (reference, sizes) in enumerate(zip(row.node.inputs, row.input_shapes, strict=True)):
        name = report.graph.name_of(reference)
        if reference.node < 0:
            found.append(InputSource(name, sizes, is_input=True, mark=marks.get(name)))
            continue
        made = []
        for axis, size in enumerate(working.inputs[index]):
            maker = makers.of((*reference, axis))
            if maker is not None:
                made.append(Made(size.symbol, *maker))
        found.append(InputSource(name, sizes, made=tuple(made)))
    return tuple(found)


class Makers:
    """The layers that computed sizes of a network as a product: a flattening. Each is found once.

    `at` returns the working of a node.
    """

    def __init__(self, graph: Graph, at: Callable[[int], Working]) -> None:
        self._graph = graph
        self._at = at
        self._known: dict[tuple[int, int, int], tuple[str, Expression] | None] = {}

    def of(self, size: tuple[int, int, int]) -> tuple[str, Expression] | None:
        """Return the layer that computed a size (node, output, axis) as a product of input sizes, and the product.

        A size that a layer does not change was computed by an earlier layer.
        """
        way = []
        while size not in self._known:
            way.append(size)
            if size[0] < 0:
                self._known[size] = None
                break
            before = self._before(size)
            if before is None:
                self._known[size] = self._product(size)
                break
            size = before
        found = self._known[size]
        self._known.update(dict.fromkeys(way, found))
        return found

    def _before(self, size: tuple[int, int, int]) -> tuple[int, int, int] | None:
        """Return the size that this one is equal to; None if it was computed."""
        node, output, axis = size
        working = self._at(node)
        leaf = working.axes[output][axis].symbol
        if leaf is None or leaf.origin.sort != INPUT:
            return None
        came = leaf.origin.place
        reference = self._graph.nodes[node].inputs[came]
        return (*reference, next(i for i, other in enumerate(working.inputs[came]) if other is leaf))

    def _product(self, size: tuple[int, int, int]) -> tuple[str, Expression] | None:
        node, output, axis = size
        rule = self._at(node).axes[output][axis]
        factors = rule.terms[0].factors if len(rule.terms) == 1 else ()
        if len(factors) > 1 and all(atom.sort == SYMBOL and _comes_in(atom.leaf) for atom in factors):
            return self._graph.nodes[node].name, rule
        return None


def _comes_in(leaf: Trace | None) -> bool:
    return leaf is not None and leaf.origin.sort == INPUT
