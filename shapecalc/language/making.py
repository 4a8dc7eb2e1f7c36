"""The layer of an item: its arguments are read, mistakes reported, equal layers made once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Mark, Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.entries import NO_WORK, OWN_WORDS, Entry, beside_hint, constant_of, listed
from shapecalc.language.values import BadValueError, argument_value, bad, is_plain, word
from shapecalc.layers.base.cell import Cell
from shapecalc.layers.base.layer import Composite, Layer, stated_rank
from shapecalc.source import MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shapecalc.errors import Hint
    from shapecalc.language.scope import Scope
    from shapecalc.source import Value

__all__ = ["Maker", "uncounted_weights"]


class Maker:
    """Makes layers, and reports their problems. Equal layers are one object."""

    def __init__(self, report: Callable[[Problem, Scope], None]) -> None:
        self.report = report
        self._layers: dict[Any, Layer] = {}
        self._constant: dict[Any, Layer] = {}
        self._wrong: set[int] = set()

    def layer(
        self, cls: type[Layer], entry: Entry, value: Value | None, scope: Scope, variables: Mapping[str, Any]
    ) -> Layer | None:
        """Return the layer of an item, as `make` does, at once where arguments written alike were read before."""
        if id(value) in self._wrong:
            return None
        if entry.constant is None:
            return self.make(cls, entry, value, scope, variables)
        key = (cls, entry.kind, entry.constant)
        found = self._constant.get(key)
        if found is None:
            found = self.make(cls, entry, value, scope, variables)
            if found is not None:
                self._constant[key] = found
            elif value is not None:
                self._wrong.add(id(value))
        return found

    def make(
        self, cls: type[Layer], entry: Entry, value: Value | None, scope: Scope, variables: Mapping[str, Any]
    ) -> Layer | None:
        """Return the layer that an item describes; if it is wrong, report the problems and return None."""
        values = self._arguments(cls, entry, value, scope, variables)
        if values is None:
            return None
        try:
            words = _words_of(cls, value)
            key = (cls, stated_rank(entry.kind) and entry.kind, tuple(values.items()), words)
            layer = self._layers.get(key)
            if layer is None:
                layer = self._layers[key] = cls(**values).under_name(entry.kind).under_words(words)
        except TypeError:  # a value without a hash: an array
            layer = cls(**values).under_name(entry.kind)
        except LayerError as error:
            problem = error.at(entry.mark, entry.kind)
            if isinstance(value, Scalar) and value.value is not None and error.argument not in values:
                from shapecalc.language.lone_values import hint_for_missing  # only when something is wrong

                problem = problem._replace(hint=hint_for_missing(entry.kind, cls, value.text) or problem.hint)
            self.report(problem, scope)
            return None
        return layer

    def _arguments(
        self, cls: type[Layer], entry: Entry, value: Value | None, scope: Scope, variables: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Return the arguments of an item; if one is wrong, report the problems and return None."""
        pairs: list[tuple[str, Value]] = []
        names, good = cls.argument_names(), True
        if isinstance(value, MapValue):
            given: dict[str, Mark] = {}
            for key, item in value.pairs:
                name = names.get(key.text)
                if name is None:
                    problem = Problem(
                        f"there is no argument {key.text}", key.mark, entry.kind, hint=_hint(key.text, item, cls)
                    )
                    self.report(problem, scope)
                    good = False
                elif name in given:
                    words = "one argument is given twice" + (f": {key.text} is {name}" if key.text != name else "")
                    also = (("first here:", given[name]),)
                    self.report(Problem(words, key.mark, entry.kind, hint="remove one of the two", also=also), scope)
                    good = False
                else:
                    given[name] = key.mark
                    pairs.append((name, item))
        elif value is not None and not (isinstance(value, Scalar) and value.value is None and not value.quoted):
            first = cls.first_argument(entry.kind)
            if first is None:
                of = f"write its inputs as a list, {entry.kind}: [a, b]; a number changes no size: remove the item"
                problem = Problem(
                    f"{cls.kind} has no arguments", value.mark, entry.kind, hint=of if cls.branches else ""
                )
                self.report(problem, scope)
                return None
            pairs.append((first.name, value))
        values = {}
        for name, item in pairs:
            argument = cls.arguments[name]
            try:
                if isinstance(argument, Cell):
                    values[name] = self._cell(item, argument, scope, variables)
                    good = good and values[name] is not None
                else:
                    values[name] = argument_value(item, argument, variables)
            except BadValueError as error:
                problem = error.problem
                habit = _hint_for_lone_value(entry.kind, cls, item, scope) if item is value else ""
                hint = habit or _hint_for_name(problem, cls, name, pairs) or problem.hint
                self.report(problem._replace(subject=problem.subject or entry.kind, hint=hint), scope)
                good = False
        return values if good else None

    def _cell(self, value: Value, argument: Cell, scope: Scope, variables: Mapping[str, Any]) -> Layer | None:
        """Return the layer that an argument is; if its own arguments are wrong, report the problems and return None.

        Errors: `BadValueError` if it is no cell.
        """
        is_variable = isinstance(value, Scalar) and value.text in variables and is_plain(value)
        alone = not isinstance(value, MapValue) or len(value.pairs) != 1
        if is_variable or (alone and not (isinstance(value, Scalar) and isinstance(value.value, str))):
            found: Layer = argument_value(value, argument, variables)
            return found
        key, given = value.pairs[0] if isinstance(value, MapValue) else (value, None)
        assert isinstance(key, Scalar)
        try:
            cls = argument.kind_of(key.text)
        except LayerError as error:
            raise BadValueError(
                error.at(key.mark)._replace(hint=_hint_for_cell(key.text, argument) or error.hint)
            ) from None
        constant = () if given is None else constant_of(given)
        return self.layer(cls, Entry(key.text, key.mark, given, {}, NO_WORK, constant), given, scope, variables)


def _hint_for_cell(text: str, argument: Cell) -> str:
    """Return the hint for a cell as a call, `nn.LSTMCell(8, 64)`; empty for any other text."""
    from shapecalc.language.calls import read_call  # only when something is wrong
    from shapecalc.language.translation import cell_of, is_cell

    call = read_call(text)
    return clean(f"write {argument.name}: {cell_of(call)}") if call and is_cell(call) else ""


def _words_of(cls: type[Layer], value: Value | None) -> tuple[str, ...]:
    """Return the names that arguments were written with, for a kind that distinguishes them."""
    if cls.under_words is Layer.under_words or not isinstance(value, MapValue):
        return ()
    return tuple(key.text for key, _ in value.pairs)


def _hint(text: str, value: Value, cls: type[Layer]) -> str | Hint:
    """Return the hint for an argument that a kind does not have."""
    if text in OWN_WORDS:
        return beside_hint(text, value, cls.kind)
    from shapecalc.language.habits import hint_for_argument  # only when something is wrong

    habit = hint_for_argument(text, value, cls)
    if habit:
        return habit
    by_letter = [name for name, argument in cls.arguments.items() if argument.symbol == text]
    if by_letter:
        return f"did you mean {by_letter[0]}?"
    from shapecalc.layers.base.synonyms import argument_meant  # only when something is wrong

    meant = argument_meant(text, cls.argument_names())
    if meant:
        return f"did you mean {meant}?"
    names = [*cls.argument_names(), *(["branches"] if cls.branches else [])]
    return did_you_mean(text, names) if names else f"{cls.kind} has no arguments"


def _hint_for_name(problem: Problem, cls: type[Layer], argument: str, pairs: list[tuple[str, Value]]) -> str:
    """Return the hint for a name that is no variable, in place of a number: of an argument beside it, or of the input.

    Empty for any other problem.
    """
    from shapecalc.language.foreign import hint_for_foreign_argument  # only when something is wrong
    from shapecalc.language.lone_values import hint_for_batch

    found = re.fullmatch(r"`(\w+)` is not a variable", problem.message)
    if not found:
        return ""
    of_batch = hint_for_batch(cls, argument, dict(pairs)[argument])
    if of_batch:
        return of_batch
    meant = cls.argument_names().get(found[1])
    if meant in (None, argument):
        return hint_for_foreign_argument(argument, cls)
    value = next((value for name, value in pairs if name == meant), None)
    if not isinstance(value, Scalar) or type(value.value) is not int:
        return hint_for_foreign_argument(argument, cls)
    own = f"arguments are not variables: write {value.text} for {found[1]}"
    return f"{own}, or give both a variable, {found[1]} under `vars:`"


def _hint_for_lone_value(kind: str, cls: type[Layer], value: Value, scope: Scope) -> str:
    text = value.text if isinstance(value, Scalar) and isinstance(value.value, str) else ""
    if text in scope.flows or text in scope.taken:  # `relu: conv1`
        return clean(f"{text} is a layer: write `- {{{kind}: {{}}, from: {text}}}`")
    from shapecalc.language.lone_values import hint_for_lone_value  # only when something is wrong

    return hint_for_lone_value(kind, cls, value)


def uncounted_weights(entry: Entry, cls: type[Layer] | None) -> frozenset[str]:
    """Return the weights of an item that are not counted. Errors: `BadValueError`, of a block for any."""
    value = entry.own.get("uncounted")
    if value is None:
        return frozenset()
    if cls is None or issubclass(cls, Composite):
        hint = "write it beside the layer in it that has the weights" if cls is None else "write its layers out"
        raise bad(f"{entry.kind} consists of layers: uncounted names the weights of a single one", value.mark, hint)
    if isinstance(value, Scalar) and isinstance(value.value, bool):
        raise bad(f"uncounted names weights, it is not {value.text}", value.mark, "write `uncounted: weight`")
    return frozenset([word(item, "uncounted") for item in listed(value)])
