"""The answers of `solve`: arguments of a window, settings that meet budgets, changes that fix a specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.renderers.answers.serving import memory_note
from shapecalc.renderers.blocks import Code, Items, Note, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.cells import ARGUMENTS
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.amounts import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.questions.solve import BudgetSolution, BudgetSolutions, Fix, Fixes, WindowSolution, WindowSolutions
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_budget", "draw_fixes", "draw_window"]


def _size(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "×".join(map(_shown, value)) if len(set(map(str, value))) > 1 else _shown(value[0])
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if type(value) is int else str(value)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return rows of numbers as a table."""
    return Table(headings, [TableLine(row) for row in rows], numbers=range(len(headings)))


def draw_window(
    answer: WindowSolutions, format_: str = "text", top: int = 10, width: int | None = None, *, color: bool = False
) -> str:
    """Return the arguments that lead to an output size, `top` solutions."""
    asked = f"{answer.kind}, {_size(answer.input)} → {_size(answer.output)}"
    asked += f", {ARGUMENTS.shown(answer.fixed)}" if answer.fixed else ""
    searched = "; ".join(f"{name} {_spans(values)}" for name, values in answer.searched.items())
    footer = f"{count_noun(answer.candidates, 'candidate')} tried: {searched}" if searched else ""
    if answer.solutions:
        shown = answer.solutions[:top]
        more = len(answer.solutions) - len(shown)
        blocks: list[Block] = [Title(asked), _window_rows(shown)]
        blocks += (
            [Note(f"and {count_noun(more, 'less common solution')} (show all with --top {len(answer.solutions)})")]
            if more
            else []
        )
    else:
        blocks = [Title(f"{asked}: no solution in the search range")]
        blocks += [Paragraph("nearest:"), _window_rows(answer.nearest, output=True)] if answer.nearest else []
    notes = [*([footer] if footer else []), *([_EXACT] if answer.solutions or answer.nearest else []), *answer.notes]
    return draw_blocks([*blocks, *map(Note, notes)], format_, width, color=color)


_EXACT = "exact: every window ends at the edge of the padded input; no row is left out"


def _window_rows(solutions: Sequence[WindowSolution], *, output: bool = False) -> Table:
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
    return ", ".join(f"{a:,} to {b:,}" if b > a else f"{a:,}" for a, b in spans_of(values))


def draw_budget(
    answer: BudgetSolutions, format_: str = "text", top: int = 10, width: int | None = None, *, color: bool = False
) -> str:
    """Return the settings of variables that meet budgets, `top` of them."""
    units = {"params": "parameters", "macs": "MACs", "memory": "bytes"}
    asked = " and ".join(f"at most {most:,} {units[what]}" for what, most in answer.budgets.items())
    title = f"{answer.name}: {asked}"
    shown = answer.solutions[:top] or ((answer.minimum,) if answer.minimum else ())
    if not answer.solutions and answer.searched:
        title += ": no setting searched meets this"
        title += "; the minimum is:" if answer.minimum else "; each has a shape error"
    blocks: list[Block] = [Title(title)]
    if shown:
        headings = [*shown[0].settings, *(units[what] for what in answer.budgets), "used"]
        blocks.append(_table(headings, [_row(solution) for solution in shown]))
    more = answer.meeting - len(shown)
    notes = [f"and {more:,} more within the budget"] if answer.solutions and more > 0 else []
    notes += [*filter(None, [_searched(answer)]), *_notes(answer)]
    return draw_blocks([*blocks, *map(Note, notes)], format_, width, color=color)


def _searched(answer: BudgetSolutions) -> str:
    ranges = []
    for name, (low, high, step, count) in answer.searched.items():
        if count == 1:
            ranges.append(f"{name} {_number(low)}")
            continue
        steps = f" in steps of {_number(step)}" if step is not None and (step != 1 or type(low) is not int) else ""
        values = f"{count:,} values of " if step is None else ""
        ranges.append(f"{values}{name} from {_number(low)} to {_number(high)}{steps}")
    return f"searched: {', '.join(ranges)}; {answer.how}" if ranges else ""


def _notes(answer: BudgetSolutions) -> list[str]:
    note = f"bytes: {memory_note(answer.question)}"
    batch = answer.question.batch
    samples = [f"MACs: for a batch of {batch:,}"] if batch > 1 and "macs" in answer.budgets else []
    return [*samples, *([note] if "memory" in answer.budgets and answer.searched else []), *answer.notes]


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _row(solution: BudgetSolution) -> list[str]:
    amounts = [f"{amount:,}" for amount in solution.amounts.values()]
    return [*(_number(value) for value in solution.settings.values()), *amounts, f"{solution.used:,.1%}"]


def draw_fixes(
    answer: Fixes, format_: str = "text", top: int = 10, width: int | None = None, *, color: bool = False
) -> str:
    """Return the changes that fix a specification, `top` of them."""
    if not answer.problems and not answer.notes:
        title = Title(f"{answer.name}: no shape errors, nothing to fix")
        return draw_blocks([title], format_, width, color=color)
    found = (
        count_noun(len(answer.problems), "problem")
        if answer.problems
        else "no shape errors, but a note on what is likely one"
    )
    blocks: list[Block] = [Title(f"{answer.name}: {found}")]
    blocks.append(Items([problem.headline for problem in answer.problems[:top]] or list(answer.notes)))
    for number, fix in enumerate(answer.fixes[:top], 1):
        blocks += _fix_blocks(number, fix)
    if not answer.fixes and answer.problems:
        hints = [f"{problem.layer}: {problem.hint}" for problem in answer.problems[:top] if str(problem.hint)]
        follow = "; what the hints say, after which other errors may follow:" if hints else ""
        blocks += [Paragraph(f"no fix of one or two changes found{follow}"), *([Items(hints)] if hints else [])]
    cut = " (stopped early: there are too many to try all)" if answer.is_cut_short else ""
    verified = "; those shown were verified by inference" if answer.fixes else ""
    if answer.trials:
        blocks.append(Note(f"{count_noun(answer.trials, 'change')} tried{cut}{verified}"))
    return draw_blocks(blocks, format_, width, color=color)


def _fix_blocks(number: int, fix: Fix) -> Iterator[Block]:
    yield Paragraph(f"{number}. {'; and '.join(dict.fromkeys(change.text() for change in fix.changes))}")
    lines = []
    for change in sorted(fix.changes, key=lambda change: change.edit.line if change.edit else 0):
        if change.edit:
            mark = {"-": change.edit.old, "+": change.edit.new}
            for sign, text in mark.items():
                numbered = enumerate(text.splitlines(), change.edit.line)
                lines += [f"{number:>4} {sign} {line}" for number, line in numbered]
    outputs = ", ".join(f"{name} {_size(sizes)}" for name, sizes in fix.outputs.items())
    yield Code([*lines, f"output: {outputs}"])
