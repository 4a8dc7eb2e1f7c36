"""The rows of a sweep as files that are written a part at a time: CSV, JSON Lines, Parquet; and how one goes on.

Rows go to FILE.part, which takes the place of FILE at the end. A file holds the number of every variant, so it tells
by itself how far it came: its first and its last rows are worked out again and compared, which shows whether the sweep
is the same, and the writing goes on behind them.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import MissingExtraError, Problem, ShapecalcError, UsageError
from shapecalc.escaping import csv_cell, json_text
from shapecalc.files import OutputFile, PartFile, undisturbed
from shapecalc.questions.sweep.cells import COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from shapecalc.files import Target
    from shapecalc.questions.sweep.plan import SweepPlan
    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.questions.sweep.selection import RowCondition

__all__ = ["ParquetFile", "TextFile", "header_of", "load_pyarrow", "text_of", "write_parquet"]

VERSION = 1
"""The version of the JSON contract."""

_COMPARED = 20
"""Rows at each end of a file that are worked out again before it is continued."""

_TAIL = 65_536
"""Bytes at the end of a file, at the least, in which its last rows are looked for."""

_BLOCK = 2**20
"""Bytes of a file that are looked through, or copied, at once."""

_BATCH = 65_536
"""Rows of a Parquet file that are copied at once."""

_VARIANT = {"csv": re.compile(rb"(?m)^(\d{1,18}),"), "jsonl": re.compile(rb'(?m)^\{"variant": (\d{1,18}), ')}
"""What a row begins with: the number of its variant."""


def text_of(part: Sweep, format_: str) -> str:
    """Return rows as text, a line each; as JSON within one object."""
    if format_ == "json":
        rows = ",\n".join(f"  {json_text(_entry(row))}" for row in part)
        return f'{{"version": {VERSION}, "rows": [\n{rows}\n]}}\n'
    if format_ == "jsonl":
        return "".join(f"{json_text(_entry(row))}\n" for row in part)
    return _csv_lines(zip(*[_cells(part, name) for name in part.names], strict=True))


def header_of(names: Sequence[str], format_: str) -> str:
    """Return what stands at the top of a file."""
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
    """Return a row as JSON has it: the sizes of each output as a list."""
    text = row["output"]
    sizes = None if text is None else [[int(size) for size in one.split("x")] for one in text.split("; ") if one]
    return {**row, "output": sizes}


def _encoded(part: Sweep, format_: str) -> bytes:
    return text_of(part, format_).encode("utf-8", "replace")


class TextFile:
    """A file of CSV or JSON Lines; each part of a sweep is written as a whole, and stays.

    `start` is the variant to begin with: where an earlier sweep came to, if this one `resumes` it. Errors:
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
        """The file in which the rows are until they are all there; nothing where there are none yet."""
        return self._file.part if self._has_rows or self._file.was_there else ""

    def _resume(self, plan: SweepPlan, condition: RowCondition | None) -> int:
        """Go on behind the last row of FILE.part, or else of FILE; return how many bytes stay."""
        target, keep = self._file.target, 0
        if target.is_straight:
            raise _other(target.name, "it is no file that keeps what is written")
        if self._file.was_there:
            self.start, keep = _place(self._file.stream, self._file.part, self.format, plan, condition)
            self._file.go_on_at(keep)
        elif target.status is not None:
            with _reading(target) as old:
                self.start, keep = _place(old, target.name, self.format, plan, condition)
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
        """Add rows. Errors: `UsageError` where the disk is full."""
        if len(part):
            self._has_rows, self._is_whole = True, False
            self._file.write(_encoded(part, self.format))

    def finish(self) -> None:
        """Put the file in its place; one that is whole already is left alone."""
        if self._is_whole:
            self._file.discard()
        else:
            self._file.keep()

    def leave(self) -> None:
        """Close the file before its end: the rows that there are stay in FILE.part."""
        if self.part:
            self._file.leave()
        else:
            self._file.discard()


def _reading(target: Target) -> BinaryIO:
    try:
        return open(target.path, "rb")
    except OSError as error:
        raise UsageError(Problem(f"{target.name} cannot be continued: {error.strerror or error}")) from None


def _due(plan: SweepPlan, condition: RowCondition | None, start: int) -> Iterator[Sweep]:
    """Yield the rows of a sweep from a variant on, one at a time."""
    for part in plan.run(start=start):
        rows = part.kept(condition)
        for index in range(len(rows)):
            yield rows.rows(slice(index, index + 1))


def _place(
    stream: BinaryIO, name: str, format_: str, plan: SweepPlan, condition: RowCondition | None
) -> tuple[int, int]:
    """Return the variant to go on with, and how many bytes of the file to keep.

    Whatever the file holds is compared with what it would have to be; a row that breaks off at the end is left out.
    Errors: `UsageError` where the file is not the beginning of this sweep.
    """
    size = stream.seek(0, os.SEEK_END)
    header = header_of(plan.columns, format_).encode()
    stream.seek(0)
    top = stream.read(len(header))
    if not header.startswith(top):
        raise _other(name, "its columns are not those of this sweep")
    if len(top) < len(header):
        return 0, 0
    rows = islice(_due(plan, condition, 0), _COMPARED)
    start, keep, has_more = _follow(stream, len(header), 0, size, name, format_, rows)
    if has_more:
        begin, first = _last_rows(stream, keep, size, format_) or (keep, start)
        if not _is_numbered(stream, (keep, begin), (start, first), format_, is_all=condition is None):
            raise _other(name, "its rows are not numbered as those of this sweep")
        start, keep, has_more = _follow(stream, begin, first, size, name, format_, _due(plan, condition, first))
    if has_more:
        raise _other(name, "it has more rows than this sweep")
    return start, keep


def _follow(
    stream: BinaryIO, at: int, start: int, size: int, name: str, format_: str, rows: Iterator[Sweep]
) -> tuple[int, int, bool]:
    """Compare what stands at a place with the rows that are due there, of the variants from `start` on.

    Return the variant behind them, the place behind them, and whether more follows. Errors: `UsageError`.
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
            raise _other(name, "worked out again, its rows are others")
        at += len(due)
        start = int(row["variant"][0]) + 1
    return start, at, False


def _last_rows(stream: BinaryIO, begin: int, size: int, format_: str) -> tuple[int, int] | None:
    """Return where one of the last rows begins, and its variant; None where none can be made out behind `begin`."""
    at = max(begin, size - max(_TAIL, 4 * begin))
    stream.seek(at)
    lines = stream.read(size - at).split(b"\n")
    places = list(accumulate([len(line) + 1 for line in lines], initial=at))
    for line, place in islice(zip(lines, places, strict=False), max(at > begin, len(lines) - 1 - _COMPARED), None):
        if found := _VARIANT[format_].match(line):
            return place, int(found[1])
    return None


def _is_numbered(
    stream: BinaryIO, places: tuple[int, int], variants: tuple[int, int], format_: str, *, is_all: bool
) -> bool:
    """Tell whether the rows between two places have the numbers between two variants: all of them, or some in order."""
    (at, end), (start, last) = places, variants
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


def _other(path: str, why: str) -> UsageError:
    mend = "give the same specification, --set, --input, --where and --format; or another --output"
    return UsageError(Problem(f"{path} cannot be continued: {why}", mend=mend))


class ParquetFile:
    """A Parquet file; each part is a row group. It can be read only once it is closed.

    `start` is the variant to begin with: where an earlier sweep came to, if this one `resumes` it. Errors:
    `UsageError` where the file is not the beginning of this sweep, or cannot be written.
    """

    def __init__(
        self, path: str, plan: SweepPlan, condition: RowCondition | None = None, *, resumes: bool = False
    ) -> None:
        self.start = 0
        self._has_rows = self._is_whole = self._is_broken = False
        self._tables = _Tables(plan)
        self._file = PartFile(path, resumes=resumes)
        self._sink: OutputFile = self._file
        self._writer: Any = None
        try:
            if self._file.was_there:  # its rows are copied to another, as none can be put behind them
                self._sink = OutputFile(path)
            self._writer = self._tables.writer(self._sink)
            if resumes:
                self._resume(plan, condition)
        except BaseException:
            self._drop()
            raise

    @property
    def part(self) -> str:
        """The file in which the rows are until they are all there; nothing where there are none yet."""
        return self._file.part if self._file.was_there or (self._has_rows and not self._is_broken) else ""

    def _resume(self, plan: SweepPlan, condition: RowCondition | None) -> None:
        """Copy the rows of FILE.part, or else of FILE."""
        target = self._file.target
        if target.is_straight:
            raise _other(target.name, "it is no file that keeps what is written")
        if self._file.was_there:
            self._take_over(self._file.stream, self._file.part, plan, condition)
        elif target.status is not None:
            with _reading(target) as old:
                self._take_over(old, target.name, plan, condition)
            self._is_whole = True

    def _take_over(self, stream: BinaryIO, name: str, plan: SweepPlan, condition: RowCondition | None) -> None:
        """Copy the rows that are there, and see that they are of this sweep."""
        first: list[Any] = []
        last: list[Any] = []
        with _refusing(name):
            old = load_pyarrow()[1].ParquetFile(stream)
            if not old.schema_arrow.equals(self._tables.schema):
                raise _other(name, "its columns are not those of this sweep")
            if old.metadata.num_rows > plan.grid.rows:
                raise _other(name, "it has more rows than this sweep")
            for batch in old.iter_batches(batch_size=_BATCH):
                first += batch.slice(0, _COMPARED - len(first)).to_pylist()
                last = (last + batch.slice(max(0, len(batch) - _COMPARED)).to_pylist())[-_COMPARED:]
                self._writer.write_batch(batch)
        for rows in (first, last):
            begin = rows[0]["variant"] if rows is last and rows else 0
            due = islice(_due(plan, condition, begin), len(rows)) if type(begin) is int and begin >= 0 else ()
            if [self._tables.table(row).to_pylist()[0] for row in due] != rows:
                raise _other(name, "worked out again, its rows are others")
        self.start = last[-1]["variant"] + 1 if last else 0
        self._has_rows = self.start > 0

    def write(self, part: Sweep) -> None:
        """Add rows. Errors: `UsageError` where the disk is full, or a number is beyond 64 bits."""
        if len(part):
            table = self._tables.table(part)
            self._is_whole, self._is_broken = False, True
            with undisturbed():
                self._writer.write_table(table)
                self._has_rows, self._is_broken = True, False

    def finish(self) -> None:
        """Put the file in its place; one that is whole already is left alone."""
        if self._is_whole:
            self._drop()
            return
        self._writer.close()
        self._sink.keep()
        if self._sink is not self._file:
            self._file.discard()

    def leave(self) -> None:
        """Close the file before its end: the rows that there are stay in FILE.part, unless it could not be read."""
        if not self._has_rows or self._is_broken:
            self._drop()
            return
        try:
            self._writer.close()
            if self._sink is not self._file and not self._sink.closed:
                self._sink.keep(self._file.part)
            self._file.leave()
        except BaseException:  # without its end no one could read it
            self._drop()
            raise

    def _drop(self) -> None:
        """Leave things as they were found."""
        if self._sink is not self._file:
            self._sink.discard()
        if self._file.was_there:
            self._file.leave()
        else:
            self._file.discard()
        with contextlib.suppress(Exception):  # a writer that is not closed writes when it is deleted
            if self._writer is not None:
                self._writer.close()


class _Tables:
    """The rows of a sweep as pyarrow has them."""

    def __init__(self, plan: SweepPlan) -> None:
        self._pa, self._pq = load_pyarrow()
        pa = self._pa
        kinds = {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "O": pa.string()}
        sample = next(iter(plan.run()))
        self.schema = pa.schema([(name, kinds[sample[name].dtype.kind] if name not in COUNTS else pa.int64())
                                 for name in plan.columns])  # fmt: skip

    def writer(self, file: OutputFile) -> Any:
        """Return what writes tables to a file."""
        return self._pq.ParquetWriter(file, self.schema)

    def table(self, part: Sweep) -> Any:
        """Return rows as a table. Errors: `UsageError` where a number is beyond 64 bits."""
        pa = self._pa
        columns = []
        for name, field in zip(part.names, self.schema, strict=True):
            values = part[name]
            hidden = None if part["valid"].all() or name not in (*COUNTS, "output") else ~part["valid"]
            try:
                given = list(map(_plain, values.tolist())) if pa.types.is_string(field.type) else values
                columns.append(pa.array(given, type=field.type, mask=hidden))
            except (OverflowError, pa.ArrowInvalid):
                raise UsageError(
                    Problem(f"{name} goes beyond 64 bits, which Parquet cannot hold", mend="write CSV or JSON Lines")
                ) from None
        return pa.table(columns, schema=self.schema)


def _plain(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()


def write_parquet(path: str, plan: SweepPlan, rows: Sweep) -> None:
    """Write rows as a whole file. Errors: `UsageError`."""
    tables = _Tables(plan)
    with OutputFile(path) as file, tables.writer(file) as writer:
        writer.write_table(tables.table(rows))


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Refuse a file for whatever pyarrow finds wrong with it."""
    try:
        yield
    except (ShapecalcError, MemoryError):
        raise
    except OSError as error:
        raise UsageError(Problem(f"{name} cannot be continued: {error}")) from None
    except Exception:  # noqa: BLE001  (of pyarrow's own kinds)
        raise _other(name, "it was not closed, or is no Parquet") from None


def load_pyarrow() -> tuple[Any, Any]:
    """Return pyarrow, and the part of it that is for Parquet. Errors: `MissingExtraError`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise MissingExtraError("writing Parquet", "pyarrow", "parquet") from None
    return pa, pq
