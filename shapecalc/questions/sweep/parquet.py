"""The rows of a sweep as a Parquet file, a row group at a time; and resuming it."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError, Problem, ShapecalcError, UsageError
from shapecalc.files import OutputFile
from shapecalc.questions.sweep.cells import COUNTS
from shapecalc.questions.sweep.files import COMPARED, due_rows, not_this_sweep, opened_for_reading
from shapecalc.questions.sweep.part_file import PartFile, undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from shapecalc.questions.sweep.plan import SweepPlan
    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.questions.sweep.selection import RowCondition

__all__ = ["ParquetFile", "load_pyarrow", "write_parquet"]

_BATCH = 65_536
"""Rows of a Parquet file that are copied at once."""


class ParquetFile:
    """A Parquet file; each part is a row group. It can be read only once it is closed.

    `start` is the variant to begin with: after an earlier sweep, if this one `resumes` it. Errors:
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
            if self._file.was_there:  # its rows are copied to another file, as none can be appended
                self._sink = OutputFile(path)
            self._writer = self._tables.writer(self._sink)
            if resumes:
                self._resume(plan, condition)
        except BaseException:
            self._drop()
            raise

    @property
    def part(self) -> str:
        """The file of the rows until they are complete; empty if there are none yet."""
        return self._file.part if self._file.was_there or (self._has_rows and not self._is_broken) else ""

    def _resume(self, plan: SweepPlan, condition: RowCondition | None) -> None:
        """Copy the rows of FILE.part, or else of FILE."""
        target = self._file.target
        if target.is_straight:
            raise not_this_sweep(target.name, "it is not a regular file")
        if self._file.was_there:
            self._take_over(self._file.stream, self._file.part, plan, condition)
        elif target.status is not None:
            with opened_for_reading(target) as old:
                self._take_over(old, target.name, plan, condition)
            self._is_whole = True

    def _take_over(self, stream: BinaryIO, name: str, plan: SweepPlan, condition: RowCondition | None) -> None:
        """Copy the existing rows, and check that they are of this sweep."""
        first: list[Any] = []
        last: list[Any] = []
        with _refusing(name):
            old = load_pyarrow()[1].ParquetFile(stream)
            if not old.schema_arrow.equals(self._tables.schema):
                raise not_this_sweep(name, "its columns are not those of this sweep")
            if old.metadata.num_rows > plan.grid.rows:
                raise not_this_sweep(name, "it has more rows than this sweep")
            for batch in old.iter_batches(batch_size=_BATCH):
                first += batch.slice(0, COMPARED - len(first)).to_pylist()
                last = (last + batch.slice(max(0, len(batch) - COMPARED)).to_pylist())[-COMPARED:]
                self._writer.write_batch(batch)
        for rows in (first, last):
            begin = rows[0]["variant"] if rows is last and rows else 0
            due = islice(due_rows(plan, condition, begin), len(rows)) if type(begin) is int and begin >= 0 else ()
            if [self._tables.table(row).to_pylist()[0] for row in due] != rows:
                raise not_this_sweep(name, "its rows are different when computed again")
        self.start = last[-1]["variant"] + 1 if last else 0
        self._has_rows = self.start > 0

    def write(self, part: Sweep) -> None:
        """Add rows. Errors: `UsageError` if the disk is full, or a number is beyond 64 bits."""
        if len(part):
            table = self._tables.table(part)
            self._is_whole, self._is_broken = False, True
            with undisturbed():
                self._writer.write_table(table)
                self._has_rows, self._is_broken = True, False

    def finish(self) -> None:
        """Rename the file to its own name; a complete one is left unchanged."""
        if self._is_whole:
            self._drop()
            return
        self._writer.close()
        self._sink.keep()
        if self._sink is not self._file:
            self._file.discard()

    def leave(self) -> None:
        """Close an incomplete file: its rows stay in FILE.part, unless it could not be read."""
        if not self._has_rows or self._is_broken:
            self._drop()
            return
        try:
            self._writer.close()
            if self._sink is not self._file and not self._sink.closed:
                self._sink.keep(self._file.part)
            self._file.leave()
        except BaseException:  # without its footer it is not readable
            self._drop()
            raise

    def _drop(self) -> None:
        """Restore the state before the sweep."""
        if self._sink is not self._file:
            self._sink.discard()
        if self._file.was_there:
            self._file.leave()
        else:
            self._file.discard()
        with contextlib.suppress(Exception):  # an open writer would write when it is deleted
            if self._writer is not None:
                self._writer.close()


class _Tables:
    """The rows of a sweep as pyarrow tables."""

    def __init__(self, plan: SweepPlan) -> None:
        self._pa, self._pq = load_pyarrow()
        pa = self._pa
        kinds = {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64(), "O": pa.string()}
        sample = next(iter(plan.run()))
        self.schema = pa.schema([(name, kinds[sample[name].dtype.kind] if name not in COUNTS else pa.int64())
                                 for name in plan.columns])  # fmt: skip

    def writer(self, file: OutputFile) -> Any:
        """Return the writer of tables to a file."""
        return self._pq.ParquetWriter(file, self.schema)

    def table(self, part: Sweep) -> Any:
        """Return rows as a table. Errors: `UsageError` if a number is beyond 64 bits."""
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
                    Problem(
                        f"{name} has values beyond 64 bits, which Parquet cannot store", hint="write CSV or JSON Lines"
                    )
                ) from None
        return pa.table(columns, schema=self.schema)


def _plain(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()


def write_parquet(path: str, plan: SweepPlan, rows: Sweep) -> None:
    """Write all rows to a file. Errors: `UsageError`."""
    tables = _Tables(plan)
    with OutputFile(path) as file, tables.writer(file) as writer:
        writer.write_table(tables.table(rows))


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn any error of pyarrow into the error for an unreadable file."""
    try:
        yield
    except (ShapecalcError, MemoryError):
        raise
    except OSError as error:
        raise UsageError(Problem(f"{name} cannot be continued: {error}")) from None
    except Exception:  # noqa: BLE001  (of pyarrow's own kinds)
        raise not_this_sweep(name, "it was not closed, or is not Parquet") from None


def load_pyarrow() -> tuple[Any, Any]:
    """Return pyarrow and its module for Parquet. Errors: `MissingExtraError`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise MissingExtraError("writing Parquet", "pyarrow", "parquet") from None
    return pa, pq
