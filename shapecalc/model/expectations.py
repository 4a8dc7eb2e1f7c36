"""Expectations of a specification (`expect:`), checked against its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import prod
from shapecalc.errors import Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers.base.shape import CHW
from shapecalc.model.graph import BYTES, OF_LAYERS, OF_NETWORKS, Bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.model.graph import Expectation
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine

__all__ = ["unmet_expectations"]

_BYTES_PER_ELEMENT = 4
_MOST = 100


def unmet_expectations(report: Report, memory: Callable[[], int]) -> list[Problem]:
    """Return a problem for every expectation of the network's specification that is not met.

    `memory` returns the bytes that the network needs; it is called only if there is an expectation of them.
    """
    problems: list[Problem] = []
    unknown: set[tuple[str, str]] = set()
    outputs = report.outputs

    def names() -> list[str]:
        return [row.name for row in report.rows] + [block.name for block in report.graph.blocks]

    for expectation in report.graph.expectations:
        if len(problems) > _MOST:
            problems.append(Problem(f"more than {_MOST} expectations are not met: the rest are not checked"))
            break
        try:
            found = memory() if expectation.what == "memory" else _found(expectation.what, report, outputs)
        except KeyError as missing:
            name = missing.args[0]
            sort, known = ("layer or block", names) if expectation.what.startswith("layer.") else ("output", outputs)
            if (sort, name) not in unknown:  # once, however many figures of it are expected
                unknown.add((sort, name))
                mark, hint = expectation.name_mark or expectation.mark, did_you_mean(name, known)
                problems.append(Problem(f"there is no {sort} {name}", mark, hint=hint))
            continue
        met = (
            not expectation.expected.unmet(found)
            if isinstance(expectation.expected, Bounds)
            else found == expectation.expected
        )
        if not met:
            problems.append(_broken(expectation, found, report.layout))
    return problems


def _broken(expectation: Expectation, found: Any, layout: str) -> Problem:
    if isinstance(found, tuple):
        message = f"{expectation.what} is {_size(found)}, expected {_size(expectation.expected)}"
        turned = (*found[1:], *found[:1]) if layout == CHW else (*found[-1:], *found[:-1])
        hint, own = "", "x".join(map(str, found))
        if len(found) > 2 and found != turned == expectation.expected:
            hint = f"channels come {'first' if layout == CHW else 'last'} here: write {own}"
        elif expectation.expected[1:] == found:
            hint = f"sizes are without the batch axis: write {own}"
        return Problem(message, expectation.mark, "expect", hint=hint)
    unit = " bytes" if expectation.what.rpartition(".")[2] in _IN_BYTES else ""
    if isinstance(expectation.expected, Bounds):
        unmet = expectation.expected.unmet(found)
        why = tuple([_apart(found, number, f"{number:,}{unit}") for number in unmet if number != found])
        return Problem(
            f"{expectation.what} is {found:,}{unit}, expected {expectation.expected.text}",
            expectation.mark,
            "expect",
            why=why,
        )
    why = (_apart(found, expectation.expected, "expected"),)
    text = f"{expectation.what} is {found:,}{unit}, expected {expectation.expected:,}"
    problem = Problem(text, expectation.mark, "expect", why=why)
    mark = expectation.mark
    line = mark.source.line(mark.line) if mark and mark.line else ""
    written = line[mark.column - 1 :][: mark.length].strip("'\"") if mark else ""
    if not unit or not written or written.isdecimal() or found > expectation.expected:
        return problem
    return problem._replace(hint=clean(f'for a limit, write "<= {written}"'))  # 1 MB: seldom met to the byte


_IN_BYTES = [name for name, sort in {**OF_NETWORKS, **OF_LAYERS}.items() if sort == BYTES]


def _apart(found: int, number: int, words: str) -> str:
    difference = found - number
    return f"that is {abs(difference):,} {'more' if difference > 0 else 'fewer'} than {words}"


def _size(sizes: tuple[Any, ...]) -> str:
    return "×".join(map(str, sizes))


def _found(what: str, report: Report, outputs: dict[str, tuple[Any, ...]]) -> Any:
    """Return the figure of an expectation. Errors: `KeyError` for an unknown name."""
    if what.startswith("layer."):
        name, _, field = what.removeprefix("layer.").rpartition(".")
        line = report.line(name)
        if line is None:
            raise KeyError(name)
        return _OF_LINE[field](line) if field in _OF_LINE else getattr(line.total, field)
    if what.startswith("outputs."):
        return tuple(outputs[what.removeprefix("outputs.")])
    if what == "output":
        return tuple(next(iter(outputs.values())))
    if what == "layers":
        return len(report.rows)
    return getattr(report.total, what)


_OF_LINE: dict[str, Callable[[ReportLine], Any]] = {
    "input": lambda line: tuple(line.input_shapes[0]) if line.input_shapes else (),
    "output": lambda line: tuple(line.output_shapes[0]),
    "in_features": lambda line: line.rows[0].in_features if line.input_shapes else 0,
    "out_features": lambda line: prod(line.output_shapes[0]),
    "output_bytes": lambda line: line.activations * _BYTES_PER_ELEMENT,
}
