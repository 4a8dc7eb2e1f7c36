"""Values of a specification as plain Python: words, numbers, expressions; every mistake with its location."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem
from shapecalc.escaping import clean
from shapecalc.layers.base.arguments import show
from shapecalc.source import ListValue, MapValue, Scalar, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shapecalc.errors import Hint, Mark, Problems
    from shapecalc.language.expressions import ExpressionError
    from shapecalc.layers.base.arguments import Argument
    from shapecalc.source import Value

__all__ = [
    "BadValueError",
    "argument_value",
    "condition",
    "evaluate",
    "is_plain",
    "items_within",
    "named_pairs",
    "plain",
    "word",
]

_NAME = "name"
MAX_ITEMS = 10_000
"""The maximum number of values of a list."""

_SIZES = r"(?a:\d+(\s*[x×]\s*\d+)+)"
_DOTTED = r"[^\W\d]\w*(\.\w+)*"
"""A word, or the name of a layer within a block: `layer2.3`."""
_NUMBER_TEXT = r"(?a:[-+]?\d[\d_]*(\.\d*)?([eE][-+]?\d+)?)"
_SWITCHES = {"yes": True, "on": True, "y": True, "no": False, "off": False, "n": False}
_LETTERS = ("y", "n", "Y", "N")  # variables, where a number is due


class BadValueError(Exception):
    """A value of the wrong type; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


def bad(message: str, mark: Mark, hint: str | Hint = "", why: tuple[str, ...] = ()) -> BadValueError:
    """Return the error for a value at a location."""
    return BadValueError(Problem(message, mark, why=why, hint=hint))


def describe(value: Value) -> str:
    """Return the type of a value in the words of an error."""
    if isinstance(value, MapValue):
        return "a mapping (key: value)"
    if isinstance(value, ListValue):
        return "a list"
    if value.value is None:
        return "null"
    return f"'{short(value.text)}'" if isinstance(value.value, str) else short(value.text)


def trapped(message: str, scalar: Scalar, *, due: str) -> BadValueError:
    """Return the error for a word that YAML parsers disagree about; `due` is a number, a word, or "" for either."""
    why, write, hint = scalar.trap.partition(": write ")
    if not write:
        return bad(message, scalar.mark, why=(why,))
    first, _, second = hint.partition(", or ")
    if scalar.text.lower() in _SWITCHES:  # 'no' in quotes for the word, or false
        first, second = "", first
    chosen = hint if not due else second if due == "a word" else first
    return bad(message, scalar.mark, f"write {chosen}" if chosen else "", (why,))


def word(value: Value, what: str) -> str:
    """Return a value that must be a word or a name."""
    if not isinstance(value, Scalar) or value.value is None or value.text == "":
        raise bad(f"{what} must be a word, not {describe(value)}", value.mark)
    if not value.quoted and value.trap and value.text.lower() not in _SWITCHES:  # y, no: allowed as words
        raise trapped(f"{what} must be a word, not {describe(value)}", value, due="a word")
    if isinstance(value.value, bool):
        hint = f"write '{value.text}' in quotes for the word"
        raise bad(f"{what} must be a word, not {value.text}", value.mark, hint)
    return value.text


def evaluate(scalar: Scalar, variables: Mapping[str, Any]) -> Any:
    """Return the value of a scalar that should be a number: itself, or the value of its expression."""
    if not isinstance(scalar.value, str):
        return scalar.value
    if scalar.text in variables and is_plain(scalar):
        return variables[scalar.text]
    if scalar.trap and scalar.text not in _LETTERS:
        raise trapped(f"{describe(scalar)} is not a number", scalar, due="a number")
    if scalar.quoted and re.fullmatch(_NUMBER_TEXT, scalar.text.strip()):
        raise bad(f"'{scalar.text}' is text, not a number", scalar.mark, "remove the quotes")
    from shapecalc.language.expressions import ExpressionError, parse

    try:
        return parse(scalar.text).evaluate(variables)
    except ExpressionError as error:
        raise bad(error.message, _part(scalar, error), error.hint) from None


def is_plain(scalar: Scalar) -> bool:
    """Return whether a text may be a variable's name: in YAML without quotes; in Python all texts have them."""
    return not scalar.quoted or not scalar.mark.line


def _part(scalar: Scalar, error: ExpressionError) -> Mark:
    mark = scalar.mark
    offset = error.offset
    if offset is None or scalar.quoted or not mark.line or "\n" in scalar.text or offset >= mark.length:
        return mark
    return mark._replace(column=mark.column + offset, length=max(1, min(error.length, mark.length - offset)))


def plain(value: Value, variables: Mapping[str, Any]) -> Any:
    """Return any value as plain Python, expressions evaluated; words that are not variables stay words."""
    if isinstance(value, Scalar) and value.text in variables and is_plain(value):
        return variables[value.text]
    found = _plain(value, variables)
    if isinstance(found, (list, dict)) and _is_larger(found, MAX_ITEMS):
        raise bad(f"it is a list of more than {MAX_ITEMS:,} values", value.mark)
    return found


def _is_larger(found: list[Any] | dict[str, Any], limit: int) -> bool:
    """Return whether nested lists have more values than the limit, without counting many more."""
    waiting, count = [found], 0
    while waiting:
        part = waiting.pop()
        count += len(part)
        if count > limit:
            return True
        waiting += [
            item for item in (part.values() if isinstance(part, dict) else part) if isinstance(item, (list, dict))
        ]
    return False


def _plain(value: Value, variables: Mapping[str, Any]) -> Any:  # noqa: PLR0911  (one for each sort of value)
    if isinstance(value, ListValue):
        return [_plain(item, variables) for item in value.items]
    if isinstance(value, MapValue):
        return {key.text: _plain(item, variables) for key, item in value.pairs}
    if isinstance(value.value, str):
        if re.fullmatch(_SIZES, value.text):
            return value.text
        if value.text in variables and is_plain(value):
            return variables[value.text]
        if value.quoted:  # within {…}, YAML requires quotes around depths[0] and max(1, width)
            return _quoted(value, variables)
        if value.trap:
            due = "" if value.text.isidentifier() else "a number"
            raise trapped(f"{describe(value)} is not a number or a word", value, due=due)
        return value.text if re.fullmatch(_DOTTED, value.text) else evaluate(value, variables)
    return value.value


def _quoted(scalar: Scalar, variables: Mapping[str, Any]) -> Any:
    """Return the value of a text in quotes: of an expression of variables, or else the text."""
    if scalar.text.isidentifier() or scalar.text.isdigit():
        return scalar.text
    from shapecalc.language.expressions import ExpressionError, parse

    try:
        expression = parse(scalar.text)
    except ExpressionError:
        return scalar.text
    if not expression.names or not expression.names <= variables.keys():
        return scalar.text
    return evaluate(scalar, variables)


def argument_value(value: Value, argument: Argument, variables: Mapping[str, Any]) -> Any:
    """Return the value of a layer's argument, read as the argument is declared.

    Errors: `BadValueError` with the location.
    """
    raw = _raw(value, argument, variables)
    try:
        return argument.normalise(raw)
    except LayerError as error:
        problem = _at_its_place(error, value, raw)
        sizes = _sizes_taken(raw, argument) if isinstance(raw, str) and re.fullmatch(_SIZES, raw) else None
        if sizes:
            problem = problem._replace(hint=f"write a list: {sizes}")
        raise BadValueError(problem) from None


def _sizes_taken(text: str, argument: Argument) -> list[int] | None:
    """Return the sizes of `3x3` where an argument would take them as a list."""
    from shapecalc.text.units import read_sizes  # only when something is wrong

    sizes = read_sizes(text)
    try:
        argument.normalise(sizes)
    except LayerError:
        return None
    return sizes


def _at_its_place(error: LayerError, value: Value, raw: Any) -> Problem:
    """Return the problem of an invalid value: at its own location within a list, and with its expression."""
    culprit, found = _culprit(value, raw, error.found) or (value, raw)
    problem = error.at(culprit.mark)
    if not isinstance(culprit, Scalar) or not isinstance(culprit.value, str) or found == culprit.text:
        return problem
    rounded = "// gives the quotient rounded down" if "/" in culprit.text else f"write floor({culprit.text}) or ceil(…)"
    hint = rounded if isinstance(found, float) else error.hint
    of_loop = "; i counts from 0" if re.search(r"\bi\b", culprit.text) else ""
    if of_loop and found == 0:
        hint = hint or "write " + re.sub(r"\bi\b", "i + 1" if culprit.text == "i" else "(i + 1)", culprit.text)
    return problem._replace(why=(f"{short(culprit.text)} is {show(found)}{of_loop}", *problem.why), hint=hint)


def _culprit(value: Value, raw: Any, found: Any) -> tuple[Value, Any] | None:
    """Return the part of a value that was read as the invalid one, with its raw value."""
    if isinstance(value, ListValue) and isinstance(raw, (list, tuple)):
        pairs = zip(value.items, raw, strict=False)
        return next((c for c in (_culprit(item, part, found) for item, part in pairs) if c), None)
    return (value, raw) if raw is found or (type(raw) is type(found) and raw == found) else None


def _raw(value: Value, argument: Argument, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, Scalar):
        text = value.value
        if not isinstance(text, str) or text in argument.words:
            return text
        return _raw_text(value, argument, variables)
    if isinstance(value, ListValue):
        return [_raw(item, argument, variables) for item in value.items]
    if argument.is_mapping and value.pairs:
        return {key.text: _raw(item, argument, variables) for key, item in value.pairs}
    name = value.keys()[0] if len(value.pairs) == 1 else ""
    hint = f"write the variable alone: {argument.name}: {name}" if name in variables else ""
    raise bad(f"{argument.name} must be {argument.expected}, not {describe(value)}", value.mark, hint)


def _raw_text(scalar: Scalar, argument: Argument, variables: Mapping[str, Any]) -> Any:
    text = scalar.text
    if text in variables and is_plain(scalar):
        return variables[text]
    is_flag = argument.expected == "true or false"
    if scalar.trap and (is_flag or not argument.numeric or scalar.text not in _LETTERS):
        if is_flag and text.lower() in _SWITCHES:
            return _SWITCHES[text.lower()]
        due = "a number" if argument.numeric else "a word"
        raise trapped(f"{argument.name} must be {argument.expected}, not {describe(scalar)}", scalar, due=due)
    if not argument.numeric:
        return text
    if re.fullmatch(_SIZES, text):
        return text.replace(" ", "").replace("×", "x")
    if argument.words and text.isidentifier():
        return text  # an unknown word: the argument reports it
    try:
        return evaluate(scalar, variables)
    except BadValueError as error:
        why = (f"{argument.name} must be {argument.expected}",) if re.fullmatch(r"[\w.]+", text) else ()
        switch = _SWITCHES.get(text.lower()) if is_flag else None
        hint = error.problem.hint if switch is None else f"write {argument.name}: {str(switch).lower()}"
        raise BadValueError(error.problem._replace(why=why, hint=hint)) from None


def condition(value: Value, variables: Mapping[str, Any], what: str) -> bool:
    """Return a value that must be true or false."""
    if not isinstance(value, Scalar):
        raise bad(f"{what} must be true or false, not {describe(value)}", value.mark)
    if value.trap and value.text.lower() in _SWITCHES and value.text not in variables:
        return _SWITCHES[value.text.lower()]
    found = evaluate(value, variables)
    if not isinstance(found, bool):
        named = isinstance(value.value, str) and short(value.text)
        shown = f"but {named} is {show(found)}" if named else f"not {describe(value)}"
        due = f"{named} {'> 0' if isinstance(found, (int, float)) else '== …'}" if named else str(bool(found)).lower()
        hint = f"write {what}: {due}"
        if named and named.isidentifier() and found in (0, 1):
            hint = f"set {named} to {str(bool(found)).lower()}"
        raise bad(f"{what} must be true or false, {shown}", value.mark, clean(hint))
    return found


def items_within(values: Iterable[Any]) -> int:
    """Return how many items the lists among values have, nested lists included."""
    waiting = [value for value in values if isinstance(value, (list, tuple))]
    count = 0
    while waiting:
        items = waiting.pop()
        count += len(items)
        waiting += [item for item in items if isinstance(item, (list, tuple))]
    return count


def named_pairs(
    value: Value | None, what: str, problems: Problems, default: str = "", *, example: str = "{NAME: …}"
) -> list[tuple[Scalar, Value]]:
    """Return the pairs of a mapping of names. A list in place of one is a problem, and is read as what it means.

    Its items are mappings, or names that have the `default`. The hint for anything else is the `example`.
    """
    if value is None or (isinstance(value, Scalar) and value.value is None):
        return []
    if isinstance(value, MapValue):
        return value.pairs
    pairs: list[tuple[Scalar, Value]] = []
    hint = f"write it as {example}"
    for item in value.items if isinstance(value, ListValue) else ():
        named = item.get(_NAME) if isinstance(item, MapValue) else None
        if isinstance(item, MapValue) and isinstance(named, Scalar):
            pairs.append((named, MapValue([pair for pair in item.pairs if pair[0].text != _NAME], item.at)))
            hint = f"write each under its name: {{{named.text}: {{…}}}}"
        elif isinstance(item, MapValue) and len(item.pairs) == 1:
            pairs += item.pairs
            hint = "remove the dashes: each name is a key"
        elif default and isinstance(item, Scalar) and isinstance(item.value, str):
            pairs.append((item, Scalar(default, default, item.mark)))
    if default and pairs and hint.startswith("write"):
        hint = f"write {what}: {{{', '.join(f'{key.text}: {default}' for key, _ in pairs)}}}"
    problems.append(Problem(f"{what} is a mapping of names, not {describe(value)}", value.mark, hint=clean(hint)))
    return pairs
