"""The rows of a sweep as files that are written a part at a time: CSV, JSON Lines, Parquet; and how one goes on.

A file holds the number of every variant, so it tells by itself how far it came: `resume` works out its first and its
last rows again and compares, which shows whether the sweep is the same, and the writing goes on behind them.
"""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError, Problem, UsageError
from shapecalc.escaping import csv_cell, json_text
from shapecalc.sweeping.cells import COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.sweeping.plan import Plan
    from shapecalc.sweeping.result import Sweep
    from shapecalc.sweeping.selection import Condition

__all__ = ["FORMATS", "ParquetFile", "TextFile", "resume_text", "text_of"]

FORMATS = ("csv", "jsonl", "parquet")
VERSION = 1
"""The version of the JSON contract."""

_COMPARED = 20
"""Rows at each end of a file that are worked out again before it is continued."""

_TAIL = 65_536


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


class TextFile:
    """A file of CSV or JSON Lines; each part is written as a whole, and stays."""

    def __init__(self, path: str, format_: str, names: Sequence[str], keep: int = 0) -> None:
        self.format = format_
        try:
            self.stream = open(path, "r+b" if keep else "wb")  # noqa: SIM115  (closed by `close`)
            self.stream.truncate(keep)
            self.stream.seek(keep)
        except OSError as error:
            raise UsageError(Problem(f"{path} cannot be written: {error.strerror or error}")) from None
        if not keep:
            self.stream.write(header_of(names, format_).encode())

    def write(self, part: Sweep) -> None:
        """Add rows. Errors: `UsageError` where the disk is full."""
        try:
            self.stream.write(text_of(part, self.format).encode())
            self.stream.flush()
        except OSError as error:
            raise UsageError(Problem(f"{self.stream.name} cannot be written: {error.strerror or error}")) from None

    def close(self) -> None:
        """Close the file."""
        self.stream.close()


def resume_text(path: str, format_: str, plan: Plan, condition: Condition | None) -> tuple[int, int]:
    """Return the variant to go on with, and how many bytes of the file to keep.

    Errors: `UsageError` where the file is not the beginning of this sweep.
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        top = stream.read(_TAIL)
        stream.seek(max(0, size - _TAIL))
        tail = stream.read()
    keep = size - (len(tail) - (tail.rfind(b"\n") + 1))
    header = header_of(plan.columns, format_).encode()
    if not top.startswith(header[: len(top)]):
        raise _other(path, "its columns are not those of this sweep")
    first = top[len(header) : top.rfind(b"\n") + 1].splitlines(keepends=True)[:_COMPARED]
    last = tail[: tail.rfind(b"\n") + 1].splitlines(keepends=True)[-_COMPARED:]
    last = [line for line in last if line != header]
    if not first or not last:
        return 0, 0
    for lines in (first, last):
        _compare(path, format_, plan, condition, [line.decode() for line in lines], at_start=lines is first)
    return _variant(path, format_, last[-1].decode()) + 1, keep


def _compare(
    path: str, format_: str, plan: Plan, condition: Condition | None, lines: list[str], *, at_start: bool
) -> None:
    """Raise where lines of a file are not what this sweep gives."""
    start = 0 if at_start else _variant(path, format_, lines[0])
    end = _variant(path, format_, lines[-1])
    if not 0 <= start <= end < plan.grid.rows:
        raise _other(path, "its rows are not those of this sweep")
    due: list[str] = []
    for part in plan.run(start=start):
        rows = part.rows(part["variant"] <= end).kept(condition)
        due += text_of(rows, format_).splitlines(keepends=True)
        if part["variant"][-1] >= end:
            break
    if due != lines:
        raise _other(path, "worked out again, its rows are others")


def _variant(path: str, format_: str, line: str) -> int:
    try:
        return int(json.loads(line)["variant"] if format_ == "jsonl" else line.partition(",")[0])
    except (ValueError, KeyError, TypeError):
        raise _other(path, "its rows are not those of a sweep") from None


def _other(path: str, why: str) -> UsageError:
    mend = "give the same specification, --set, --input, --where and --format; or another --output"
    return UsageError(Problem(f"{path} cannot be continued: {why}", mend=mend))


class ParquetFile:
    """A Parquet file; each part is a row group. It can be read only once it is closed."""

    def __init__(self, path: str, plan: Plan, condition: Condition | None = None, *, resume: bool = False) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ModuleNotFoundError:
            raise MissingExtraError("writing Parquet", "pyarrow", "parquet") from None
        self._pa = pa
        self.path = path
        self.start = 0
        old = _opened(pq, path) if resume else None
        self.schema = self._schema(plan)
        self.target = f"{path}.part" if old else path
        try:
            self.writer = pq.ParquetWriter(self.target, self.schema)
        except OSError as error:
            raise UsageError(Problem(f"{path} cannot be written: {error.strerror or error}")) from None
        if old is not None:
            self._take_over(old, plan, condition)

    def _schema(self, plan: Plan) -> Any:
        pa = self._pa
        kinds = {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "O": pa.string()}
        sample = next(iter(plan.run()))
        return pa.schema([(name, kinds[sample[name].dtype.kind] if name not in COUNTS else pa.int64())
                          for name in plan.columns])  # fmt: skip

    def _take_over(self, old: Any, plan: Plan, condition: Condition | None) -> None:
        """Copy the rows that are there, and see that they are of this sweep."""
        last = 0
        for index in range(old.num_row_groups):
            table = old.read_row_group(index)
            if table.schema.names != self.schema.names:
                raise self._refusal("its columns are not those of this sweep")
            self.writer.write_table(table.cast(self.schema))
            if index in (0, old.num_row_groups - 1) and table.num_rows:
                rows = table.to_pylist()
                begin = 0 if index == 0 else rows[0]["variant"]
                last = rows[-1]["variant"]
                if last >= plan.grid.rows or rows != self._due(plan, condition, begin, last):
                    raise self._refusal("worked out again, its rows are others")
        self.start = last + 1 if old.num_row_groups else 0

    def _refusal(self, why: str) -> UsageError:
        self.writer.close()
        os.remove(self.target)
        return _other(self.path, why)

    def _due(self, plan: Plan, condition: Condition | None, begin: int, end: int) -> list[Any]:
        due: list[Any] = []
        for part in plan.run(start=begin):
            due += self._table(part.rows(part["variant"] <= end).kept(condition)).to_pylist()
            if part["variant"][-1] >= end:
                break
        return due

    def _table(self, part: Sweep) -> Any:
        pa = self._pa
        columns = []
        for name, field in zip(part.names, self.schema, strict=True):
            values = part[name]
            hidden = None if part["valid"].all() or name not in (*COUNTS, "output") else ~part["valid"]
            try:
                given = [str(value) for value in values.tolist()] if pa.types.is_string(field.type) else values
                columns.append(pa.array(given, type=field.type, mask=hidden))
            except (OverflowError, pa.ArrowInvalid):
                raise UsageError(
                    Problem(f"{name} goes beyond 64 bits, which Parquet cannot hold", mend="write CSV or JSON Lines")
                ) from None
        return pa.table(columns, schema=self.schema)

    def write(self, part: Sweep) -> None:
        """Add rows."""
        if len(part):
            self.writer.write_table(self._table(part))

    def close(self) -> None:
        """Close the file, so that it can be read."""
        self.writer.close()
        if self.target != self.path:
            os.replace(self.target, self.path)


def _opened(pq: Any, path: str) -> Any:
    try:
        return pq.ParquetFile(path)
    except OSError as error:
        raise UsageError(Problem(f"{path} cannot be continued: {error}")) from None
    except Exception:  # noqa: BLE001  (of pyarrow's own kinds, whatever it finds wrong)
        raise _other(path, "it was not closed, or is no Parquet") from None
