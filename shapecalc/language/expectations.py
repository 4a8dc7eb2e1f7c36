"""`expect:`: what a specification says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Misfit, Problem, Problems, did_you_mean
from shapecalc.language.values import BadValueError, bad, describe, plain
from shapecalc.model.graph import Claim
from shapecalc.source import MapValue, Scalar

if TYPE_CHECKING:
    from typing import Any

    from shapecalc.source import Value

__all__ = ["COUNTS", "read_claims"]

COUNTS = ("weights", "biases", "params", "trainable", "buffers", "macs", "layers")
"""What can be claimed of a network as a number; `output` and `outputs` are sizes, `layer` has claims for one each."""

_LAYER_COUNTS = ("weights", "biases", "params", "trainable", "buffers", "macs")


def read_claims(value: Value) -> tuple[tuple[Claim, ...], Problems]:
    """Return the claims under `expect:`, and what is wrong with them.

    A claim is `params`, …, `output` (of the one output), `outputs.NAME`, or `layer.NAME.params`, `layer.NAME.output`.
    """
    claims: list[Claim] = []
    problems = Problems()
    _read(value, "", (*COUNTS, "output", "outputs", "layer"), claims, problems)
    return tuple(claims), problems


def _read(value: Value, prefix: str, known: tuple[str, ...], claims: list[Claim], problems: Problems) -> None:
    if not isinstance(value, MapValue):
        problems.append(Problem(f"expect is a mapping such as {{params: 61706}}, not {describe(value)}", value.mark))
        return
    for key, item in value.pairs:
        word = key.text
        if known and word not in known:
            problems.append(Problem(f"nothing called {word} can be claimed", key.mark, mend=did_you_mean(word, known)))
        elif word in ("layer", "outputs") and not prefix:
            _read(item, f"{word}.", (), claims, problems)
        elif prefix == "layer.":
            _read(item, f"layer.{word}.", (*_LAYER_COUNTS, "output"), claims, problems)
        else:
            try:
                sizes = word == "output" or prefix == "outputs."
                expected = _sizes(item) if sizes else _number(item)
                claims.append(Claim(f"{prefix}{word}", expected, item.mark))
            except BadValueError as error:
                problems.append(error.problem)


def _number(value: Value) -> int:
    found = value.value if isinstance(value, Scalar) else None
    if type(found) is not int or found < 0:
        mend = "take away the quotes" if isinstance(value, Scalar) and value.quoted else ""
        raise bad(f"a claim is a whole number, not {describe(value)}", value.mark, mend)
    return found


def _sizes(value: Value) -> tuple[int, ...]:
    from shapecalc.layers.base.sizes import Sizes

    argument = Sizes("a size", scalar=True)
    argument.name = "a claimed size"
    try:
        found: Any = argument.normalise(plain(value, {}))
    except Misfit as misfit:
        raise BadValueError(misfit.at(value.mark)) from None
    return tuple(found)
