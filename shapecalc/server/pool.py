"""The pool of workers: each request is worked out in another process, which can be ended without harm to others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import NamedTuple

import shapecalc
from shapecalc.server.worker import HEAD, MOST_BYTES

__all__ = ["BusyError", "DiedError", "Limits", "Pool", "SlowError"]

_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(shapecalc.__file__)))
_GRACE = 1.0
"""Seconds that a request may still take that is not wanted any more, before its worker is ended."""
_SUDDEN = 0.2
"""Seconds within which a worker that had ended already is found to have."""
_SECONDS_TO_START = 60.0
_MARGIN = 5.0
_MOST_STARTS = 3
"""How often a worker that does not start is started again."""


class Limits(NamedTuple):
    """What requests may cost: seconds and bytes of memory of one, how many are worked out at once, and how many wait.

    `patience` is how many seconds one waits; `body` and `file` are the maximum lengths in bytes of a request and of one
    with files, `bodies` of all that are held at once, with those of replies; `arrival` and `file_arrival` the seconds
    until one has arrived; `stall` those after which a connection is ended that sends no head of a request, or reads
    nothing of a reply.
    """

    seconds: float = 10.0
    file_seconds: float = 60.0
    memory: int = 2**30
    workers: int = max(2, min(4, os.cpu_count() or 2))
    waiting: int = 128
    patience: float = 30.0
    body: int = 4 * 2**20
    file: int = 96 * 2**20
    bodies: int = 256 * 2**20
    arrival: float = 20.0
    file_arrival: float = 120.0
    stall: float = 20.0
    connections: int = 400


class BusyError(Exception):
    """Too many requests wait, or this one has waited too long."""


class SlowError(Exception):
    """A request took too long: its worker was ended."""


class DiedError(Exception):
    """The worker of a request ended before it answered, or none starts."""


class _Worker:
    """A process that answers one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, body: bytes | bytearray) -> bytes:
        """Return the answer to a request. Errors: `DiedError` if the process ends."""
        requests = self.process.stdin
        assert requests is not None
        try:
            requests.write(len(body).to_bytes(HEAD, "big"))
            requests.write(body)
            await requests.drain()
            return await self.receive()
        except (ConnectionError, asyncio.IncompleteReadError):
            raise DiedError from None

    async def receive(self) -> bytes:
        """Return what the process sends next. Errors: `IncompleteReadError` if it ends, `DiedError` for too much."""
        answers = self.process.stdout
        assert answers is not None
        length = int.from_bytes(await answers.readexactly(HEAD), "big")
        if length > MOST_BYTES:
            raise DiedError
        return await answers.readexactly(length)

    async def end(self) -> None:
        """End the process."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
        await self.process.wait()


class Pool:
    """Workers that wait for requests. One that was ended is replaced at once."""

    def __init__(self, limits: Limits, folder: str = "") -> None:
        self.limits = limits
        self.folder = folder
        self.waiting = 0
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        self._workers: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def start(self) -> None:
        """Start all workers, and wait until one is ready. Errors: `DiedError` if none starts."""
        for _ in range(self.limits.workers):
            self._keep(self._add())
        first = await self._idle.get()
        if first is None:
            raise DiedError
        self._idle.put_nowait(first)

    async def close(self) -> None:
        """End all workers."""
        self._is_closed = True
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, *[worker.end() for worker in self._workers], return_exceptions=True)

    @property
    def processes(self) -> list[int]:
        """The ids of the processes."""
        return [worker.process.pid for worker in self._workers]

    async def answer(self, body: bytes | bytearray, seconds: float) -> bytes:
        """Return the answer to a request; where its worker has ended by itself, that of another one.

        Workers may all have ended while they were idle; but a request that ends those at work is tried twice only.

        When the caller is cancelled, the worker is free again soon. Errors: `BusyError`, `SlowError`, `DiedError`.
        """
        now = asyncio.get_running_loop().time
        for number in range(self.limits.workers + 1):
            started = now()
            try:
                return await self._answer(body, seconds)
            except DiedError:
                if number and now() - started > _SUDDEN:
                    raise
        raise DiedError

    async def _answer(self, body: bytes | bytearray, seconds: float) -> bytes:
        worker = await self._free()
        asked = asyncio.ensure_future(worker.ask(body))
        try:
            done, _ = await asyncio.wait({asked}, timeout=seconds)
        except asyncio.CancelledError:
            self._keep(self._finish(worker, asked))
            raise
        if not done:
            await self._replace(worker, asked)
            raise SlowError
        try:
            found = asked.result()
        except DiedError:
            await self._replace(worker, asked)
            raise
        self._idle.put_nowait(worker)
        return found

    async def _free(self) -> _Worker:
        """Return a worker that is idle. Errors: `BusyError`, `DiedError`."""
        if self.waiting >= self.limits.waiting:
            raise BusyError
        self.waiting += 1
        try:
            while True:
                worker = await asyncio.wait_for(self._idle.get(), self.limits.patience)
                if worker is None:
                    raise DiedError
                if worker.process.returncode is None:
                    return worker
                await self._replace(worker)  # it has ended while it was idle
        except asyncio.TimeoutError:
            raise BusyError from None
        finally:
            self.waiting -= 1

    async def _finish(self, worker: _Worker, asked: asyncio.Future[bytes]) -> None:
        """Wait a little for an answer that is not wanted any more, so that the worker need not be replaced."""
        done, _ = await asyncio.wait({asked}, timeout=_GRACE)
        if done and asked.exception() is None:
            self._idle.put_nowait(worker)
        else:
            await self._replace(worker, asked)

    async def _replace(self, worker: _Worker, asked: asyncio.Future[bytes] | None = None) -> None:
        """End a worker; another one starts meanwhile."""
        self._workers.discard(worker)
        if not self._is_closed:
            self._keep(self._add())
        await worker.end()
        if asked is not None:
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, DiedError):
                await asked

    async def _add(self) -> None:
        """Start a worker; where none starts, whoever waits is told."""
        for _ in range(_MOST_STARTS):
            worker = await self._started()
            self._workers.add(worker)
            try:
                await asyncio.wait_for(worker.receive(), _SECONDS_TO_START)
                self._idle.put_nowait(worker)
                return
            except asyncio.CancelledError:
                await worker.end()
                raise
            except (asyncio.TimeoutError, asyncio.IncompleteReadError, DiedError):
                self._workers.discard(worker)
                await worker.end()
        self._idle.put_nowait(None)

    async def _started(self) -> _Worker:
        seconds = max(self.limits.seconds, self.limits.file_seconds) + _MARGIN
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shapecalc.server.worker", self.folder, str(self.limits.memory), str(seconds),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd=_PARENT,  # -m puts it on the path first
            start_new_session=True,  # Ctrl-C ends the server, which ends them
        )  # fmt: skip
        return _Worker(process)

    def _keep(self, work: object) -> None:
        """Run a coroutine to its end, whoever started it."""
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
