"""The rows of a sweep as files that are written a part at a time: CSV, JSON Lines; and resuming them.

Rows are written to FILE.part, which replaces FILE at the end. A file contains the number of every variant, so it shows
how far the sweep came. To resume it, its first and last rows are computed again and compared, to check that the sweep
is the same; new rows are appended.
"""

from __future__ import annotations

import csv
import io
import os
import re
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import csv_cell, json_text
from shapecalc.questions.sweep.cells import COUNTS
from shapecalc.questions.sweep.part_file import PartFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from shapecalc.files import Target
    from shapecalc.questions.sweep.plan import SweepPlan
    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.questions.sweep.selection import RowCondition

__all__ = ["COMPARED", "TextFile", "due_rows", "header_of", "not_this_sweep", "opened_for_reading", "text_of"]

VERSION = 1
"""The version of the JSON contract."""

COMPARED = 20
"""Rows at each end of a file that are computed again before it is resumed."""

_TAIL = 65_536
"""Minimum number of bytes at the end of a file that are searched for its last rows."""

_BLOCK = 2**20
"""The number of bytes of a file that are searched, or copied, at once."""

_VARIANT = {"csv": re.compile(rb"(?m)^(\d{1,18}),"), "jsonl": re.compile(rb'(?m)^\{"variant": (\d{1,18}), ')}
"""The beginning of a row: the number of its variant."""


def text_of(part: Sweep, format_: str) -> str:
    """Return rows as text, one per line; as JSON in one object."""
    if format_ == "json":
        rows = ",\n".join(f"  {json_text(_entry(row))}" for row in part)
        notes = "".join([f'"{key}": {json_text(value)}, ' for key, value in part.notes_to_dict().items()])
        return f'{{"version": {VERSION}, {notes}"rows": [\n{rows}\n]}}\n'
    if format_ == "jsonl":
        return "".join(f"{json_text(_entry(row))}\n" for row in part)
    return _csv_lines(zip(*[_cells(part, name) for name in part.names], strict=True))


def header_of(names: Sequence[str], format_: str) -> str:
    """Return the header of a file."""
    return _csv_lines([[csv_cell(name) for name in names]]) if format_ == "csv" else ""


def _csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue()


def _cells(part: Sweep, name: str) -> list[Any]:
    values: list[Any] = part[name].tolist()
    if part[name].dtype == bool:
        return ["true" if value else "false" for value in values]
    if name in COUNTS and not part["valid"].all():
        return [value if good else "" for value, good in zip(values, part["valid"].tolist(), strict=True)]
    if part[name].dtype == object:
        return [csv_cell(value) if isinstance(value, str) else value for value in values]
    return values


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in the form of JSON: the sizes of each output as a list."""
    text = row["output"]
    sizes = None if text is None else [[int(size) for size in one.split("x")] for one in text.split("; ") if one]
    return {**row, "output": sizes}


def _encoded(part: Sweep, format_: str) -> bytes:
    return text_of(part, format_).encode("utf-8", "replace")


class TextFile:
    """A file of CSV or JSON Lines; each part of a sweep is written at once, and kept.

    `start` is the variant to begin with: after an earlier sweep, if this one `resumes` it. Errors:
    `UsageError` where the file is not the beginning of this sweep, or cannot be written.
    """

    def __init__(
        self, path: str, format_: str, plan: SweepPlan, condition: RowCondition | None = None, *, resumes: bool = False
    ) -> None:
        self.format = format_
        self.start = 0
        self._file = PartFile(path, resumes=resumes)
        self._has_rows = self._is_whole = False
        try:
            keep = self._resume(plan, condition) if resumes else 0
            if not keep:
                self._file.write(header_of(plan.columns, format_).encode())
        except BaseException:
            self.leave()
            raise

    @property
    def part(self) -> str:
        """The file of the rows until they are complete; empty if there are none yet."""
        return self._file.part if self._has_rows or self._file.was_there else ""

    def _resume(self, plan: SweepPlan, condition: RowCondition | None) -> int:
        """Resume after the last row of FILE.part, or else of FILE; return how many bytes stay."""
        target, keep = self._file.target, 0
        if target.is_straight:
            raise not_this_sweep(target.name, "it is not a regular file")
        if self._file.was_there:
            self.start, keep = _resume_position(self._file.stream, self._file.part, self.format, plan, condition)
            self._file.resume_at(keep)
        elif target.status is not None:
            with opened_for_reading(target) as old:
                self.start, keep = _resume_position(old, target.name, self.format, plan, condition)
                self._is_whole = keep > 0  # unless there are more rows to come
                old.seek(0)
                self._copy(old, keep)
        self._has_rows = self.start > 0
        return keep

    def _copy(self, old: BinaryIO, keep: int) -> None:
        while keep > 0 and (block := old.read(min(keep, _BLOCK))):
            self._file.write(block)
            keep -= len(block)

    def write(self, part: Sweep) -> None:
        """Add rows. Errors: `UsageError` if the disk is full."""
        if len(part):
            self._has_rows, self._is_whole = True, False
            self._file.write(_encoded(part, self.format))

    def finish(self) -> None:
        """Rename the file to its own name; a complete one is left unchanged."""
        if self._is_whole:
            self._file.discard()
        else:
            self._file.keep()

    def leave(self) -> None:
        """Close an incomplete file: its rows stay in FILE.part."""
        if self.part:
            self._file.leave()
        else:
            self._file.discard()


def opened_for_reading(target: Target) -> BinaryIO:
    """Return a file that is to be continued. Errors: `UsageError` if it cannot be read."""
    try:
        return open(target.path, "rb")
    except OSError as error:
        raise UsageError(Problem(f"{target.name} cannot be continued: {error.strerror or error}")) from None


def due_rows(plan: SweepPlan, condition: RowCondition | None, start: int) -> Iterator[Sweep]:
    """Yield the rows of a sweep from a variant on, one at a time."""
    for part in plan.run(start=start):
        rows = part.kept(condition)
        for index in range(len(rows)):
            yield rows.rows(slice(index, index + 1))


def _resume_position(
    stream: BinaryIO, name: str, format_: str, plan: SweepPlan, condition: RowCondition | None
) -> tuple[int, int]:
    """Return the variant to resume from, and how many bytes of the file to keep.

    The content of the file is compared with the expected rows; an incomplete last row is left out.
    Errors: `UsageError` if the file is not the beginning of this sweep.
    """
    size = stream.seek(0, os.SEEK_END)
    header = header_of(plan.columns, format_).encode()
    stream.seek(0)
    top = stream.read(len(header))
    if not header.startswith(top):
        raise not_this_sweep(name, "its columns are not those of this sweep")
    if len(top) < len(header):
        return 0, 0
    rows = islice(due_rows(plan, condition, 0), COMPARED)
    start, keep, has_more = _follow(stream, len(header), 0, size, name, format_, rows)
    if has_more:
        begin, first = _last_rows(stream, keep, size, format_) or (keep, start)
        if not _is_numbered(stream, (keep, begin), (start, first), format_, is_all=condition is None):
            raise not_this_sweep(name, "its rows are not numbered as those of this sweep")
        start, keep, has_more = _follow(stream, begin, first, size, name, format_, due_rows(plan, condition, first))
    if has_more:
        raise not_this_sweep(name, "it has more rows than this sweep")
    return start, keep


def _follow(
    stream: BinaryIO, at: int, start: int, size: int, name: str, format_: str, rows: Iterator[Sweep]
) -> tuple[int, int, bool]:
    """Compare the rows at a position with the expected ones, of the variants from `start` on.

    Return the variant after them, the position after them, and whether more follows. Errors: `UsageError`.
    """
    stream.seek(at)
    while at < size:
        row = next(rows, None)
        if row is None:
            return start, at, True
        due = _encoded(row, format_)
        found = stream.read(len(due))
        if found != due:
            if due.startswith(found):  # the file ends within the row
                break
            raise not_this_sweep(name, "its rows are different when computed again")
        at += len(due)
        start = int(row["variant"][0]) + 1
    return start, at, False


def _last_rows(stream: BinaryIO, begin: int, size: int, format_: str) -> tuple[int, int] | None:
    """Return the offset of one of the last rows, and its variant; None if none is found after `begin`."""
    at = max(begin, size - max(_TAIL, 4 * begin))
    stream.seek(at)
    lines = stream.read(size - at).split(b"\n")
    offsets = list(accumulate([len(line) + 1 for line in lines], initial=at))
    for line, offset in islice(zip(lines, offsets, strict=False), max(at > begin, len(lines) - 1 - COMPARED), None):
        if found := _VARIANT[format_].match(line):
            return offset, int(found[1])
    return None


def _is_numbered(
    stream: BinaryIO, offsets: tuple[int, int], variants: tuple[int, int], format_: str, *, is_all: bool
) -> bool:
    """Return whether the rows between two positions have the numbers between two variants: all, or some in order."""
    (at, end), (start, last) = offsets, variants
    stream.seek(at)
    rest = b""
    while at < end and len(rest) < _BLOCK:
        block = stream.read(min(_BLOCK, end - at))
        at += len(block)
        lines, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            numbers = np.array([start - 1, *map(int, _VARIANT[format_].findall(lines))], dtype=np.int64)
            steps = np.diff(numbers)
            if len(steps) != lines.count(b"\n") + 1 or not np.all(steps == 1 if is_all else steps > 0):
                return False
            start = int(numbers[-1]) + 1
    return at == end and not rest and (start == last if is_all else start <= last)


def not_this_sweep(path: str, why: str) -> UsageError:
    """Return the error of a file that is not the beginning of this sweep."""
    options = "--set, --input, --batch, --layout, --where, --format and options of memory"
    hint = f"give the same specification, {options}; or another --output"
    return UsageError(Problem(f"{path} cannot be continued: {why}", hint=hint))
