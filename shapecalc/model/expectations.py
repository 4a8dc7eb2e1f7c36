"""Claims of a specification (`expect:`) held against what is worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, did_you_mean

if TYPE_CHECKING:
    from shapecalc.model.graph import Claim
    from shapecalc.model.report import Report

__all__ = ["broken_claims"]


def broken_claims(report: Report) -> list[Problem]:
    """Return a problem for every claim of the network's specification that is not so."""
    problems: list[Problem] = []
    outputs = report.outputs

    def names() -> list[str]:
        return [row.name for row in report.rows] + [block.name for block in report.graph.blocks]

    for claim in report.graph.claims:
        if len(problems) > _MOST:
            problems.append(Problem(f"more than {_MOST} claims are not so: no more are looked at"))
            break
        try:
            found = _found(claim, report, outputs)
        except KeyError as missing:
            name = missing.args[0]
            mend = did_you_mean(name, names if claim.what.startswith("layer.") else outputs)
            problems.append(Problem(f"there is no {name} to claim anything of", claim.mark, mend=mend))
            continue
        if found != claim.expected:
            problems.append(_broken(claim, found))
    return problems


_MOST = 100


def _broken(claim: Claim, found: Any) -> Problem:
    if isinstance(found, tuple):
        message = f"{claim.what} is {_size(found)}, not {_size(claim.expected)}"
        return Problem(message, claim.mark, "expect")
    difference = found - claim.expected
    return Problem(
        f"{claim.what} is {found:,}, not {claim.expected:,}",
        claim.mark,
        "expect",
        why=(f"that is {abs(difference):,} {'more' if difference > 0 else 'fewer'} than claimed",),
    )


def _size(sizes: tuple[Any, ...]) -> str:
    return "×".join(map(str, sizes))


def _found(claim: Claim, report: Report, outputs: dict[str, tuple[Any, ...]]) -> Any:
    what = claim.what
    if what.startswith("layer."):
        name, _, field = what.removeprefix("layer.").rpartition(".")
        line = report.line(name)
        if line is None:
            raise KeyError(name)
        return tuple(line.output_shapes[0]) if field == "output" else getattr(line.total, field)
    if what.startswith("outputs."):
        return tuple(outputs[what.removeprefix("outputs.")])
    if what == "output":
        return tuple(next(iter(outputs.values())))
    if what == "layers":
        return len(report.rows)
    return getattr(report.total, what)
