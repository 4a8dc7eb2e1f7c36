"""A sweep of the command line: its size, its rows (to a file or gathered), and its messages."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from shapecalc.errors import Problem, UsageError, count_noun
from shapecalc.files import check_writable, find_target, write_file
from shapecalc.questions.sweep.cells import Cells
from shapecalc.questions.sweep.files import TextFile, header_of, text_of
from shapecalc.questions.sweep.gathering import Gathering, Wish
from shapecalc.questions.sweep.parquet import ParquetFile, load_pyarrow, write_parquet
from shapecalc.questions.sweep.part_file import undisturbed
from shapecalc.questions.sweep.plan import comparable
from shapecalc.questions.sweep.selection import read_objectives, read_order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future
    from multiprocessing.connection import Connection

    from shapecalc.questions.sweep.plan import SweepPlan
    from shapecalc.questions.sweep.result import Sweep

__all__ = ["Job", "Size", "process_pool"]

_EXCESSIVE_ROWS = 20_000_000
_EXCESSIVE_SECONDS = 3_600
_LONG_ROWS = 2_000_000
_LONG_SECONDS = 5
_SECONDS_PER_ROW = {"text": 4e-7, "csv": 3e-6, "json": 1e-5, "jsonl": 1e-5, "parquet": 1e-6}
_BYTES_PER_CELL = {"text": 0, "csv": 9, "json": 11, "jsonl": 11, "parquet": 5}


class Size(NamedTuple):
    """The size of a sweep: rows, bytes of its file, estimated seconds; `free` are the free bytes of the disk."""

    rows: int
    bytes: int
    seconds: float
    free: int

    @property
    def is_long(self) -> bool:
        """Whether to announce it before it starts."""
        return self.rows > _LONG_ROWS or self.seconds > _LONG_SECONDS

    @property
    def is_excessive(self) -> bool:
        """Whether it is over the size limit."""
        return self.rows > _EXCESSIVE_ROWS or self.seconds > _EXCESSIVE_SECONDS or self.bytes > self.free

    @property
    def why(self) -> str:
        """The reason why it is over the limit."""
        if self.bytes > self.free:
            return f"the disk has {_bytes(self.free)} left"
        return "use fewer values or longer steps, or run a part of it at a time"

    def __str__(self) -> str:
        written = f", about {_bytes(self.bytes)} to write" if self.bytes else ""
        return f"{count_noun(self.rows, 'variant')}{written}, about {_duration(self.seconds)}"


class Job:
    """One sweep with its options. `start` is the variant that it begins with."""

    def __init__(  # noqa: PLR0913  (each is an option of the command)
        self, plan: SweepPlan, *, where: str | None, pareto: str, sort: str, top: int | None, output: str | None,
        format: str, resume: bool, plot: str | None, shown: int,  # noqa: A002
    ) -> None:  # fmt: skip
        self.plan, self.output, self.format, self.plot = plan, output, format, plot
        if plot and not pareto:
            pareto = "params,macs"
        known = comparable(plan.columns)
        self.objectives = read_objectives(pareto, known) if pareto else []
        if plot and len(self.objectives) != 2:
            message = f"a plot has two axes, not {len(self.objectives)}"
            raise UsageError(Problem(message, hint="--pareto params,macs"))
        if sort:
            read_order(sort, known)
        is_cut = format == "text" and not pareto and top is None
        self.shown = shown if format == "text" and top is None else None
        self.wish = Wish(plan.condition(where) if where else None, pareto, sort, shown if is_cut else top)
        self.is_gathered = format in ("text", "json") or self.wish.needs_all or top is not None
        self.gathering = Gathering(plan, self.wish, tuple(name for name, _ in self.objectives) if plot else ())
        if resume and (self.is_gathered or not output):
            hint = "name it: --output FILE.csv, without --sort, --top and --pareto"
            raise UsageError(Problem("--resume continues a file of all rows", hint=hint))
        self.start = self.done = 0
        self._resumes = resume
        self._file: Any = None
        self._size: Size | None = None
        self._result: Sweep | None = None
        self._first, self._seconds = self._try_first()
        self._check_files()

    def _try_first(self) -> tuple[Sweep, float]:
        """Return the row of the first variant, and its time: it reveals errors of --where."""
        grid = self.plan.grid
        began = time.perf_counter()
        results = Cells(self.plan.network.origin, grid).work_out(((0, 1),) * len(grid.axes))
        seconds = time.perf_counter() - began
        row = self.plan.rows(0, results)
        row.kept(self.wish.condition)
        return row, seconds

    def _check_files(self) -> None:
        """Check that files will be writable, before anything is computed or opened."""
        if self.format == "parquet":
            load_pyarrow()
        if self.output and self.is_gathered:
            check_writable(self.output)

    def result(self) -> Sweep:
        """Return the gathered rows, when the work is done."""
        if self._result is None:
            self._result = self.gathering.result()
        return self._result

    def size(self) -> Size:
        """Return the size of the sweep; one variant is computed to estimate the time."""
        if self._size is None:
            grid, each = self.plan.grid, self._seconds
            slow = self.plan.slow_axes()
            builds = int(np.prod([float(grid.shape[axis]) for axis in slow])) if slow else 1
            builds = max(builds, grid.rows // 2**18)
            seconds = builds * each * 2 + grid.rows * _SECONDS_PER_ROW[self.format]
            size = 0 if self.is_gathered else grid.rows * len(self.plan.columns) * _BYTES_PER_CELL[self.format]
            if self.wish.needs_all and self.wish.top is None and not self.wish.pareto:
                size = 0
            self._size = Size(grid.rows, size, seconds, self._free())
        return self._size

    def _free(self) -> int:
        if self.output and not (target := find_target(self.output)).is_straight:
            with contextlib.suppress(OSError):
                return shutil.disk_usage(os.path.dirname(target.path)).free
        return 2**63

    def run(self, executor: Executor | None, stream: Any) -> Iterator[int]:
        """Run the sweep; yield the number of variants done after each part. Rows go to the file, or to the stream."""
        self._open(stream)
        for part in self.plan.run(executor, self.start):
            rows = self.gathering.add(part)
            if self.is_gathered:
                self.gathering.keep(rows)
            elif self._file is not None:
                self._file.write(rows)
            else:
                stream.write(text_of(rows, self.format))
            self.done = self.start + self.gathering.seen
            yield self.done

    def _open(self, stream: Any) -> None:
        """Open the file to which rows are written one part at a time."""
        if self.is_gathered:
            return
        condition = self.wish.condition
        if self.output is None:
            stream.write(header_of(self.plan.columns, self.format))
        elif self.format == "parquet":
            self._file = ParquetFile(self.output, self.plan, condition, resumes=self._resumes)
        else:
            self._file = TextFile(self.output, self.format, self.plan, condition, resumes=self._resumes)
        self.start = self._file.start if self._file is not None else 0

    def finish(self) -> None:
        """Rename the file to its own name, or write the gathered rows to it."""
        if self._file is not None:
            self._file.finish()
        elif self.output and self.format == "parquet":
            write_parquet(self.output, self.plan, self.result())
        elif self.output and self.format != "text":
            write_file(self.output, self.text().encode("utf-8", "replace"))

    @property
    def part(self) -> str:
        """The file of finished rows of an incomplete sweep; empty if there is none."""
        return self._file.part if self._file is not None else ""

    def leave(self) -> None:
        """Close the file before its end; written rows stay, for --resume to continue."""
        if self._file is not None:
            self._file.leave()

    def picture(self) -> tuple[str, list[str], Any, Any, list[str]]:
        """Return the data of a plot of the front: title, columns, points of all rows, the front's, labels."""
        rows = self.gathering.front()
        names = [name for name, _ in self.objectives]
        points = np.stack([rows[name].astype(float) for name in names], axis=1)
        labels = [self.plan.grid.describe(int(row)) for row in rows["variant"]]
        return self.title(), names, self.gathering.cloud(), points, labels

    def text(self) -> str:
        """Return the gathered rows as text."""
        return header_of(self.plan.columns, self.format) + text_of(self.result(), self.format)

    def title(self) -> str:
        """Return the title of the sweep."""
        words = [f"{self.plan.network.name or 'network'}: {count_noun(self.plan.grid.rows, 'variant')}"]
        if self.wish.condition is not None:
            words.append(f"{self.gathering.kept:,} where {self.wish.condition.text}")
        if self.wish.pareto:
            self.result()
            words.append(f"{self.gathering.on_front:,} on the front of {self.wish.pareto}")
        return ", ".join(words)

    def interruption(self, word: str = "interrupted") -> str:
        """Return the message of an interrupted sweep."""
        message = f"{word} after {max(self.done, self.start):,} of {count_noun(self.plan.grid.rows, 'variant')}"
        if self.part:
            return f"{message}; finished rows are in {self.part}: continue with the same command and --resume"
        if self.output or self.plot:
            return f"{message}; nothing was written"
        return f"{message}; the results shown are of those" if self.is_gathered else message

    def conclusion(self) -> str:
        """Return the message on the content of a file."""
        rows = len(self.result()) if self.is_gathered else self.gathering.kept
        if self._resumes:
            if not rows:
                return f"{self.output} is complete: there was nothing left to do"
            return f"{self.output}: {count_noun(rows, 'more row')}, from variant {self.start:,} on"
        return f"{self.output}: {count_noun(rows, 'row')}"


@contextlib.contextmanager
def process_pool(jobs: int) -> Iterator[Executor]:
    """Yield worker processes. They end when this one does, however that ends, and only then.

    Errors: `UsageError` if one of them is killed.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    class Pool(ProcessPoolExecutor):
        """Processes that ignore the terminal's signals: their parent handles them."""

        def submit(self, *work: Any, **options: Any) -> Future[Any]:
            with undisturbed():
                return super().submit(*work, **options)

    context = multiprocessing.get_context("spawn")
    heard, word = context.Pipe(duplex=False)
    with undisturbed():  # there is one more process, which cleans up after the others
        executor = Pool(jobs, context, _follow_parent, (heard,))
    try:
        yield executor
    except BrokenProcessPool:
        hint = "if there was not enough memory, use fewer --jobs"
        raise UsageError(Problem("one of the processes that --jobs started was killed", hint=hint)) from None
    finally:
        word.close()
        executor.shutdown(cancel_futures=True)
        heard.close()


def _follow_parent(heard: Connection) -> None:
    """Ignore interrupts, which the parent handles, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(heard,), daemon=True).start()


def _end_with_parent(heard: Connection) -> None:
    """Stop at once when the parent closes the pipe, or is killed; a process that is killed may hang its parent."""
    import multiprocessing

    with contextlib.suppress(EOFError, OSError):
        heard.recv()
    Cells.is_stopped = True
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _bytes(number: int) -> str:
    amount, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:,.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def _duration(seconds: float) -> str:
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 1.5 * length:
            return count_noun(round(seconds / length), unit)
    return count_noun(max(1, round(seconds)), "second")
