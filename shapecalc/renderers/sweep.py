"""The rows of a sweep as a table, with a title above and what is left out below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.renderers.blocks import Note, Title, draw_blocks
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.listing import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.questions.sweep.driver import Job

__all__ = ["draw_sweep"]

_NOTHING = "–"


def draw_sweep(job: Job, wrong: Sequence[str], format_: str, width: int | None = None, *, color: bool = False) -> str:
    """Return the rows that a sweep gathered; `wrong` says why the first invalid variant is invalid."""
    rows = _listed(job)
    if not rows.cells:
        return draw_blocks(
            [Title(job.title()), *map(Note, ("no row is left", *wrong))], format_, width, color=color
        )  # fmt: skip
    table = listing(rows.headings, rows.cells, numbers=rows.numbers, width=width)
    return draw_blocks([Title(job.title()), table, *map(Note, (*rows.footer, *wrong))], format_, width, color=color)


class _Listing(NamedTuple):
    """A table: headings, rows of texts, which columns are numbers, and the lines below."""

    headings: tuple[str, ...]
    cells: list[tuple[str, ...]]
    numbers: tuple[int, ...]
    footer: list[str]


def _listed(job: Job) -> _Listing:
    """Return the rows that a sweep gathered, as a table has them."""
    rows = job.result().rows(slice(job.shown))
    grid = job.plan.grid
    names = [name for name, axis in grid.variables.items() if grid.shape[axis] > 1]
    varying = any(axis.is_input for axis in grid.axes)
    inputs = [name for name in grid.inputs if varying]
    headings = (*names, *(name or "input" for name in inputs), "params", "MACs", "memory", "output")
    cells = []
    for row in rows:
        variables, sizes = grid.at(row["variant"])
        own = [_shown(variables[name]) for name in names] + ["×".join(map(str, sizes[name])) for name in inputs]
        cells.append((*own, *_costs(row)))
    settings = len(names) + len(inputs)
    first = [i for i in range(len(names)) if all(_is_number(cell[i]) for cell in cells)]
    return _Listing(headings, cells, (*first, *range(settings, settings + 3)), _footer(job, len(rows)))


def _costs(row: dict[str, Any]) -> tuple[str, ...]:
    if not row["valid"]:
        return (_NOTHING, _NOTHING, _NOTHING, "does not fit")
    return (f"{row['params']:,}", f"{row['macs']:,}", show_bytes(row["memory"]), row["output"].replace("x", "×"))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


_MEMORY = (
    "Memory: weights, buffers and live activations at their peak, for one sample in fp32; the total of `shapecalc "
    "memory`."
)


def _footer(job: Job, shown: int) -> list[str]:
    lines = [_MEMORY]
    left = (len(job.result()) if job.wish.pareto else job.gathering.kept) - shown
    if left > 0 and job.shown is not None:
        lines.insert(0, f"… and {count_noun(left, 'more row')}; choose rows with --where, --sort, --top or --pareto, "
                        "or write all with --output FILE.csv")  # fmt: skip
    return lines
