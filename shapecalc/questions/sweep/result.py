"""The result of a sweep: a row for each variant, columns as numpy arrays. Immutable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import Problem, UsageError
from shapecalc.model.answer import Answer
from shapecalc.questions.sweep.cells import COUNTS
from shapecalc.questions.sweep.selection import check_column, front, order, read_condition, read_objectives, read_order
from shapecalc.text.given import plain, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.questions.sweep.axes import SweepGrid
    from shapecalc.questions.sweep.selection import RowCondition

__all__ = ["Sweep"]

VERSION = 1
"""The version of the JSON of `to_dict()`."""

_SHOWN_IN_NOTEBOOKS = 100


class Sweep(Answer):
    """The rows of a sweep, one per variant, in order of their numbers unless they were sorted.

    `sweep["params"]` is a column as an array (0 for a variant that is not `valid`); `sweep.names` are all columns: the
    `variant`'s number, the settings that vary, `params`, `macs`, `buffers`, `activations`, `memory` (bytes of weights,
    buffers and live activations at their peak, as fp32), `output` (a string: `1000`, `256x6x6`, several with `; `) and
    `valid`.
    """

    __slots__ = ("_columns", "_sizes", "grid", "names")
    drawn_by = "answers.sweep.draw_result"
    table = "rows"

    def __init__(self, names: Sequence[str], columns: dict[str, Any], sizes: dict[Any, Any], grid: SweepGrid) -> None:
        for array in (*columns.values(), *sizes.values()):
            array.flags.writeable = False
        self.names = tuple(names)
        self._columns = columns
        self._sizes = sizes
        self.grid = grid

    def __len__(self) -> int:
        return len(self._columns["variant"])

    def __repr__(self) -> str:
        return f"<Sweep: {len(self):,} variants, {int(self['valid'].sum()):,} of them valid>"

    def __getitem__(self, name: str) -> Any:
        """Return a column. Errors: `UsageError` for an unknown one, with the nearest name."""
        check_column(name, self.names)
        if name == "output" and "output" not in self._columns:
            column = self._output()
            column.flags.writeable = False
            self._columns["output"] = column
        return self._columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = [self[name].tolist() for name in self.names]
        for row in zip(*lists, strict=True):
            found = dict(zip(self.names, row, strict=True))
            if not found["valid"]:
                found.update(dict.fromkeys((*COUNTS, "output")))
            yield found

    def _repr_html_(self) -> str:
        """Return the first rows for a notebook: a page with a million would not respond."""
        return self.render("html", top=_SHOWN_IN_NOTEBOOKS)

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as one object: what `render("json")` writes."""
        return {"version": VERSION, **self.notes_to_dict(), "rows": self.to_dicts()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake, of the network with the first sizes."""
        return self.grid.notes

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return every row as a dict of plain values; the costs of a variant that is not valid are None."""
        return list(self)

    def settings(self, row: int) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """Return the variables and the input sizes of a row, as `vars` and `input` of `infer`.

        A negative number counts from the last row. Errors: `UsageError` if there is no such row.
        """
        row = plain(row)
        if type(row) is not int or not -len(self) <= row < len(self):
            last = f"rows are 0 to {len(self) - 1}" if len(self) else "the sweep has no rows"
            raise UsageError(Problem(f"there is no row {short(row)}", hint=last))
        return self.grid.at(int(self._columns["variant"][row]))

    def rows(self, chosen: Any) -> Sweep:
        """Return the rows of a slice, an array of numbers or an array of truth values. Errors: `UsageError`."""
        try:
            chosen = [chosen] if not isinstance(chosen, slice) and np.ndim(chosen) == 0 else chosen
            columns = {name: array[chosen] for name, array in self._columns.items()}
        except (IndexError, TypeError, ValueError):
            hint = f"a slice, numbers from 0 to {len(self) - 1}, or {len(self)} truth values"
            raise UsageError(Problem(f"{short(chosen)} are not rows", hint=hint)) from None
        return Sweep(self.names, columns, {key: array[chosen] for key, array in self._sizes.items()}, self.grid)

    def where(self, expression: str) -> Sweep:
        """Return the rows for which an expression is true; invalid ones only if it mentions `valid`."""
        return self.kept(read_condition(expression, [name for name in self.names if name != "output"]))

    def kept(self, condition: RowCondition | None) -> Sweep:
        """Return the rows for which a condition is true."""
        if condition is None:
            return self
        columns = {name: self._columns[name] for name in condition.names}
        if "valid" in columns:
            return self.rows(condition.holds(columns, len(self)))
        good = self._columns["valid"].copy()
        good[good] = condition.holds({name: array[good] for name, array in columns.items()}, int(good.sum()))
        return self.rows(good)

    def sort(self, by: str | Iterable[str]) -> Sweep:
        """Return the rows in an order: `params,-macs` is by parameters, then the most MACs first; invalid ones last."""
        columns = self._columns
        keys = [("invalid", 1), *read_order(by, [name for name in self.names if name != "output"])]
        return self.rows(order({**columns, "invalid": ~columns["valid"]}, keys))

    def pareto(self, objectives: str | Iterable[str]) -> Sweep:
        """Return the Pareto front: the rows that no other dominates in, say, `params,macs`, smaller being better.

        A leading `+` is for columns where larger is better: `params,+macs`.
        """
        valid = self.rows(self._columns["valid"])
        known = [name for name in self.names if name != "output"]
        return valid.rows(front({name: valid[name] for name in known}, read_objectives(objectives, known)))

    def _output(self) -> Any:
        """Return the sizes of the outputs as strings."""
        if not len(self):
            return np.zeros(0, dtype=object)
        keys = sorted(self._sizes)
        columns = [self._sizes[key] for key in keys]
        if not keys:
            return np.full(len(self), "", dtype=object)
        if any(column.dtype == object for column in columns):  # which numpy has no order of rows for
            rows = zip(*[column.tolist() for column in columns], strict=True)
            found = np.array([_sizes_text(keys, row) for row in rows], dtype=object)
        else:
            unique, inverse = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
            texts = np.array([_sizes_text(keys, row) for row in unique.tolist()], dtype=object)
            found = texts[inverse.reshape(-1)]
        return np.where(self._columns["valid"], found, "")


def _sizes_text(keys: Sequence[tuple[int, int]], row: Sequence[int]) -> str:
    outputs: dict[int, list[str]] = {}
    for (output, _), size in zip(keys, row, strict=True):
        if size:
            outputs.setdefault(output, []).append(str(size))
    return "; ".join("x".join(sizes) for sizes in outputs.values())
