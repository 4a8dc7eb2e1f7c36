"""Answers backwards as text: arguments of a window, settings that meet budgets, changes of a specification."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.escaping import clean, join_lines
from shapecalc.renderers.drawing import TableLine, draw_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.questions.solve import BudgetSolution, BudgetSolutions, Fix, Fixes, WindowSolution, WindowSolutions

__all__ = ["draw_budget", "draw_fixes", "draw_window"]


def _size(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "×".join(map(_shown, value)) if len(set(map(str, value))) > 1 else _shown(value[0])
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if type(value) is int else str(value)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of numbers as the lines of a table."""
    drawn = draw_lines(headings, [TableLine(row) for row in rows], numbers=range(len(headings)))
    return [f"  {line}" for line in drawn.split("\n")]


def draw_window(answer: WindowSolutions, top: int) -> str:
    """Return which arguments give an output size, `top` of them."""
    fixed = "".join(f", {name} {_shown(value)}" for name, value in answer.fixed.items())
    asked = f"{answer.kind}, {_size(answer.input)} → {_size(answer.output)}{fixed}"
    searched = "; ".join(f"{name} {_spans(values)}" for name, values in answer.searched.items())
    footer = f"{answer.candidates:,} candidates tried: {searched}" if searched else ""
    if answer.solutions:
        shown = answer.solutions[:top]
        more = len(answer.solutions) - len(shown)
        lines = [asked, "", *_window_rows(shown)]
        lines += [f"  and {more:,} less usual (--top {len(answer.solutions)} shows all)"] if more else []
    else:
        lines = [f"{asked}: nothing in the range that was searched gives this"]
        lines += ["", "nearest:", *_window_rows(answer.nearest, output=True)] if answer.nearest else []
    return join_lines([*lines, "", *_wrap(footer)])


def _window_rows(solutions: Sequence[WindowSolution], *, output: bool = False) -> list[str]:
    names = list(solutions[0].arguments)
    headings = [*(["output"] if output else []), *names, "exact"]
    rows = [
        [
            *([_size(solution.output)] if output else []),
            *(_shown(solution.arguments[name]) for name in names),
            "yes" if solution.exact else "no",
        ]
        for solution in solutions
    ]
    return _table(headings, rows)


def _spans(values: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ", ".join(f"{a:,} to {b:,}" if b > a else f"{a:,}" for a, b in spans)


def _wrap(text: str, hang: str = "") -> list[str]:
    return textwrap.wrap(text, 80, subsequent_indent=hang)


def draw_budget(answer: BudgetSolutions, top: int) -> str:
    """Return which variables meet budgets, `top` settings of them."""
    units = {"params": "parameters", "macs": "MACs", "memory": "bytes"}
    asked = " and ".join(f"at most {most:,} {units[what]}" for what, most in answer.budgets.items())
    told = f"{answer.name}: {asked}"
    shown = answer.solutions[:top] or ((answer.least,) if answer.least else ())
    if not answer.solutions and answer.searched:
        told += ": no setting meets this" + ("; the least that there is:" if answer.least else "")
    lines = [*_wrap(clean(told), "  "), ""]
    if shown:
        lines += _table([*shown[0].settings, *(units[w] for w in answer.budgets), "used"], [_row(s) for s in shown])
    more = answer.meeting - len(shown)
    lines += [f"  and {more:,} more that need less"] if answer.solutions and more > 0 else []
    lines += [""] if shown else []
    return join_lines([*lines, *_wrap(_searched(answer)), *(line for note in _notes(answer) for line in _wrap(note))])


def _searched(answer: BudgetSolutions) -> str:
    ranges = []
    for name, (low, high, step, count) in answer.searched.items():
        steps = f" in steps of {_number(step)}" if step is not None and step != 1 else ""
        values = f"{count:,} values of " if step is None else ""
        ranges.append(f"{values}{name} from {_number(low)} to {_number(high)}{steps}")
    return f"searched: {', '.join(ranges)}; {answer.how}" if ranges else ""


def _notes(answer: BudgetSolutions) -> list[str]:
    bits = answer.bits
    options = "" if bits == 32 else f" --weights {bits} --activations {bits} --buffers {bits}"
    told = (
        "bytes: weights, buffers and live activations at their peak, for one sample, "
        f"{bits} bits a number, as `shapecalc memory{options}` totals them"
    )
    return [*([told] if "memory" in answer.budgets and answer.searched else []), *answer.notes]


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _row(solution: BudgetSolution) -> list[str]:
    amounts = [f"{amount:,}" for amount in solution.amounts.values()]
    return [*(_number(value) for value in solution.settings.values()), *amounts, f"{solution.used:,.1%}"]


def draw_fixes(answer: Fixes, top: int) -> str:
    """Return which changes make a specification right, `top` of them."""
    if not answer.problems:
        return clean(f"{answer.name}: every layer fits, there is nothing to fix")
    lines = [f"{answer.name}: {count_noun(len(answer.problems), 'problem')}"]
    lines += [f"  {problem.headline}" for problem in answer.problems[:top]]
    for number, fix in enumerate(answer.fixes[:top], 1):
        lines += ["", *_fix_lines(number, fix)]
    if not answer.fixes:
        lines += ["", "no one change, and no two, make every layer fit"]
    cut = "; there are more, and no time to try them all" if answer.is_cut_short else ""
    return join_lines([*lines, "", f"{answer.trials:,} changes tried{cut}; those shown were read and inferred anew"])


def _fix_lines(number: int, fix: Fix) -> list[str]:
    outputs = ", ".join(f"{name} {_size(sizes)}" for name, sizes in fix.outputs.items())
    lines = [f"{number}. {'; and '.join(change.text() for change in fix.changes)}"]
    for change in fix.changes:
        if change.edit:
            mark = {"-": change.edit.old, "+": change.edit.new}
            lines += [f"   {change.edit.line:>4} {sign} {line}" for sign, line in mark.items() if line]
    return [*lines, f"   output: {outputs}"]
