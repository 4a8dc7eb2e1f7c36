"""The rows of a sweep as a table, with a title above and a note on omitted rows below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.renderers.answers.serving import memory_note
from shapecalc.renderers.blocks import Note, Table, Title, draw_blocks
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.listing import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.questions.memory.totals import MemoryQuestion
    from shapecalc.questions.sweep.driver import Job
    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.renderers.blocks import Block

__all__ = ["ROWS_SHOWN", "draw_result", "draw_sweep"]

ROWS_SHOWN = 40
"""The maximum number of rows that are shown as text."""

_NOTHING = "–"


def draw_result(
    sweep: Sweep, format_: str = "text", width: int | None = None, *, color: bool = False, top: int | None = None
) -> str:
    """Return the rows of a sweep as a table, or the first `top` of them; as text only the first of very many."""
    shown = sweep.rows(slice(ROWS_SHOWN if format_ == "text" and top is None else top))
    notes = [_memory(sweep.grid.question)]
    if len(sweep) > len(shown):
        more = count_noun(len(sweep) - len(shown), "more row")
        notes.insert(0, f"… and {more}: where(), sort() and pareto() choose among them")
    return _drawn(count_noun(len(sweep), "variant"), shown, notes, format_, width, color=color)


def draw_sweep(job: Job, wrong: Sequence[str], format_: str, width: int | None = None, *, color: bool = False) -> str:
    """Return the rows that a sweep gathered; `wrong` is why the first invalid variant is invalid."""
    rows = job.result().rows(slice(job.shown))
    return _drawn(job.title(), rows, [*_footer(job, len(rows)), *wrong], format_, width, color=color)


def _drawn(
    title: str, rows: Sweep, notes: Sequence[str], format_: str, width: int | None, *, color: bool
) -> str:  # fmt: skip
    blocks: list[Block] = [Title(title), _table(rows, width) if len(rows) else Note("no row is left")]
    notes = notes if len(rows) else [note for note in notes if note != _memory(rows.grid.question)]
    return draw_blocks([*blocks, *map(Note, [*notes, *rows.notes])], format_, width, color=color)


def _table(rows: Sweep, width: int | None) -> Table:
    """Return the rows with the settings that vary, and their costs."""
    grid = rows.grid
    names = [name for name, axis in grid.variables.items() if grid.shape[axis] > 1]
    varying = any(axis.is_input for axis in grid.axes)
    inputs = [name for name in grid.inputs if varying]
    figures = {"params": "params", "active_params": "active per token", "macs": "MACs"}
    if all(row["active_params"] == row["params"] for row in rows):
        del figures["active_params"]
    headings = (*names, *(name or "input" for name in inputs), *figures.values(), "memory", "output")
    cells = []
    for row in rows:
        variables, sizes = grid.at(row["variant"])
        own = [_shown(variables[name]) for name in names] + [
            "×".join(map(str, grid.shown(sizes[name]))) for name in inputs
        ]
        cells.append((*own, *_costs(row, figures)))
    settings = len(names) + len(inputs)
    first = [i for i in range(len(names)) if all(_is_number(cell[i]) for cell in cells)]
    return listing(headings, cells, numbers=(*first, *range(settings, settings + len(figures) + 1)), width=width)


def _costs(row: dict[str, Any], figures: Iterable[str]) -> tuple[str, ...]:
    if not row["valid"]:
        return (*[_NOTHING for _ in figures], _NOTHING, "shape error")
    return (*[f"{row[name]:,}" for name in figures], show_bytes(row["memory"]), row["output"].replace("x", "×"))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _memory(question: MemoryQuestion) -> str:
    batch = " MACs are for the batch too." if question.batch > 1 else ""
    return f"Memory: {memory_note(question)}.{batch}"


def _footer(job: Job, shown: int) -> list[str]:
    lines = [_memory(job.plan.grid.question)]
    left = (len(job.result()) if job.wish.pareto else job.gathering.kept) - shown
    if left > 0 and job.shown is not None:
        lines.insert(0, f"… and {count_noun(left, 'more row')}; choose rows with --where, --sort, --top or --pareto, "
                        "or write all with --output FILE.csv")  # fmt: skip
    return lines
