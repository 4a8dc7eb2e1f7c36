"""The expectations of a specification: `expect:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import LayerError, Problem, Problems, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.values import BadValueError, bad, describe, plain
from shapecalc.model.graph import BYTES, COUNT, OF_LAYERS, OF_NETWORKS, SIZE, Bounds, Expectation
from shapecalc.source import ListValue, MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from shapecalc.source import Value

__all__ = ["read_expectations"]

_GROUPS = ("outputs", "layer")
_SUCH_AS = {COUNT: "5M, <= 300k, or > 2M and < 3M", BYTES: "<= 512KiB, or > 1MiB and < 24GiB"}


def read_expectations(value: Value) -> tuple[tuple[Expectation, ...], Problems]:
    """Return the expectations under `expect:`, and their problems.

    An expectation is `params`, …, `output` (of the one output), `outputs.NAME`, `layer.NAME.params`, …
    """
    expectations: list[Expectation] = []
    problems = Problems()
    for word, key, item in _pairs(value, problems):
        if word == "outputs":
            for name, named, size in _pairs(item, problems):
                _add(f"outputs.{name}", SIZE, size, expectations, problems, named)
        elif word == "layer":
            for name, named, figures in _pairs(item, problems):
                for figure, place, expected in _pairs(figures, problems):
                    _read(f"layer.{name}.", figure, place, expected, OF_LAYERS, expectations, problems, named)
        else:
            _read("", word, key, item, OF_NETWORKS, expectations, problems)
    return tuple(expectations), problems


def _pairs(value: Value, problems: Problems) -> list[tuple[str, Scalar, Value]]:
    if isinstance(value, MapValue):
        return [(key.text, key, item) for key, item in value.pairs]
    problems.append(Problem(f"expect is a mapping such as {{params: 61706}}, not {describe(value)}", value.mark))
    return []


def _read(
    prefix: str,
    word: str,
    key: Scalar,
    item: Value,
    known: Mapping[str, str],
    expectations: list[Expectation],
    problems: Problems,
    named: Scalar | None = None,
) -> None:
    if word == _GROUPS[1] + "s" and isinstance(item, MapValue):
        message = "layers is the number of layers, not a mapping (key: value)"
        group = f"write the figures of single layers under `{_GROUPS[1]}:`"
        problems.append(Problem(message, item.mark, hint=group))
    elif word in known:
        _add(f"{prefix}{word}", known[word], item, expectations, problems, named)
    else:
        hint = _of_layer(word, item) if not prefix else ""
        hint = hint or str(did_you_mean(word, [*known, *(() if prefix else _GROUPS)]))
        problems.append(Problem(f"there is no expectation called {word}", key.mark, hint=hint))


def _of_layer(word: str, item: Value) -> str:
    """Return the hint for figures of a layer that are not under `layer:`; empty for anything else."""
    if not isinstance(item, MapValue) or not any(key.text in OF_LAYERS for key, _ in item.pairs):
        return ""
    figures = ", ".join(
        [f"{key.text}: {value.text if isinstance(value, Scalar) else '…'}" for key, value in item.pairs]
    )
    return clean(f"the figures of a layer are under `{_GROUPS[1]}:`: write `{_GROUPS[1]}: {{{word}: {{{figures}}}}}`")


def _add(
    what: str,
    sort: str,
    item: Value,
    expectations: list[Expectation],
    problems: Problems,
    named: Scalar | None = None,
) -> None:
    try:
        expected = _sizes(item) if sort == SIZE else _figure(item, sort)
        expectations.append(Expectation(what, expected, item.mark, named.mark if named else None))
    except BadValueError as error:
        problems.append(error.problem)


def _figure(value: Value, sort: str) -> int | Bounds:
    """Return an expected figure: a whole number, or text with units and comparisons, `<= 5M`."""
    found = value.value if isinstance(value, Scalar) else None
    if type(found) is int and found >= 0:
        return found
    if not isinstance(value, Scalar) or not isinstance(found, str) or not value.text.strip() or value.trap:
        raise bad(
            f"an expectation is a whole number or a comparison such as '<= 5M', not {describe(value)}", value.mark
        )
    _check_not_in_quotes(value)
    parts = [_part(part, sort, value) for part in re.split(r"\band\b", value.text)]
    if len(parts) == 1 and parts[0][0] == "==":
        return parts[0][1]
    return Bounds(" ".join(value.text.split()), tuple(parts))


def _check_not_in_quotes(value: Value) -> None:
    """Refuse a whole number in quotes, as everywhere in the language. Errors: `BadValueError`."""
    if isinstance(value, Scalar) and value.quoted and value.text.strip().isdigit():
        raise bad(f"'{value.text}' is text, not a number", value.mark, "remove the quotes")


def _part(text: str, sort: str, value: Scalar) -> tuple[str, int]:
    """Return one comparison: its sign (== by default) and its number."""
    from shapecalc.text.comparisons import SIGNS, in_ascii, misspelt_comparison
    from shapecalc.text.units import parse_bytes, parse_count, read_whole  # most expectations are numbers

    written = text.strip()
    misspelt = misspelt_comparison(written)
    if misspelt:
        raise bad(f"`{written}` is not a comparison", value.mark, f"write `{misspelt.meant}`")
    text = in_ascii(written)
    span = re.fullmatch(r"([\d.,_]+\s?\w*?)\s*(?:-|–|\.\.\.?|:| to )\s*([\d.,_]+\s?\w*)", text)
    if span:
        unit = span[2].lstrip("0123456789.,_")
        first = span[1] + unit if span[1][-1].isdigit() else span[1]  # `1-2M` is 1M to 2M
        raise bad(f"`{written}` is not a comparison", value.mark, f"write '>= {first} and <= {span[2]}'")
    own = next((sign for sign in SIGNS if text.startswith(sign)), "")  # the long ones come first
    sign, number = own or "==", text[len(own) :].strip()
    whole = read_whole(number)
    if whole is not None:
        return sign, whole
    if not number:
        raise bad(f"`{value.text.strip()}` ends too early", value.mark, f"write for instance {_SUCH_AS[sort]}")
    if not number[0].isdigit():
        message = f"`{written}` is neither a number nor a comparison"
        raise bad(message, value.mark, f"write for instance {_SUCH_AS[sort]}")
    read = parse_bytes if sort == BYTES else parse_count
    try:
        return sign, read(number, "the expected figure")
    except UsageError as error:
        (problem,) = error.problems
        raise BadValueError(problem._replace(mark=value.mark)) from None


def _sizes(value: Value) -> tuple[int, ...]:
    from shapecalc.layers.base.sizes import Sizes

    argument = Sizes("a size", scalar=True)
    argument.name = "an expected size"
    for item in value.items if isinstance(value, ListValue) else [value]:
        _check_not_in_quotes(item)
    try:
        found: Any = argument.normalise(plain(value, {}))
    except LayerError as error:
        raise BadValueError(error.at(value.mark)) from None
    return tuple(found)
