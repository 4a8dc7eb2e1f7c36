"""The application: the files of the page, the text that it begins with, and requests, which workers answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from shapecalc.errors import ShapecalcError
from shapecalc.escaping import clean
from shapecalc.server.bodies import Bodies, FullError, LateError, LongError
from shapecalc.server.guard import API, RequestGuard
from shapecalc.server.page_files import page_files
from shapecalc.server.pool import BusyError, DiedError, Limits, Pool, SlowError
from shapecalc.server.replies import AnswerReply, failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

__all__ = ["LiveServer", "overtaken"]

_PAGE, _NUMBER, _DO = "x-shapecalc-page", "x-shapecalc-number", "x-shapecalc-do"
_MOST_PAGES = 1_000
"""Pages whose newest request is remembered."""
_JSON = "application/json"
_GONE = Response(status_code=499)
"""For a client that has ended: nobody reads it."""


def overtaken() -> Response:
    """Return the reply to a request that a newer one of the same page has overtaken."""
    return failed(409, "a newer request has overtaken this one", kind="overtaken")


class _Asked(NamedTuple):
    """A request of a page that is worked out: its number, and what stops it."""

    number: int
    stop: asyncio.Event


class LiveServer:
    """What is served: `begin` returns the text that the page begins with, `folder` has the files that it may use."""

    def __init__(self, begin: Callable[[], dict[str, Any]], folder: str = "", limits: Limits | None = None) -> None:
        self.begin = begin
        self.limits = limits or Limits()
        self.pool = Pool(self.limits, folder)
        self.bodies = Bodies(self.limits.bodies)
        self.newest: OrderedDict[tuple[str, str], _Asked] = OrderedDict()
        self.files = page_files()

    def guarded(self, token: str, hosts: Collection[str], port: int) -> RequestGuard:
        """Return the application, with the checks of who may ask."""
        routes = [
            Mount(
                API.rstrip("/"),
                routes=[
                    Route("/start", self._start, methods=["GET"]),
                    Route("/answer", self._answer, methods=["POST"]),
                    Route("/read", self._read, methods=["POST"]),
                ],
            ),
            Route("/{path:path}", self._file, methods=["GET"]),
        ]
        return RequestGuard(
            Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=_HANDLERS), token, hosts, port
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.pool.start()
        try:
            yield
        finally:
            await self.pool.close()

    async def _file(self, request: Request) -> Response:
        found = self.files.get(request.scope["path"])
        return found.reply() if found else failed(404, "there is no such page")

    async def _start(self, _: Request) -> Response:
        try:
            return JSONResponse({"ok": True, **await run_in_threadpool(self.begin)})
        except ShapecalcError as error:
            problem = error.problems[0]
            return failed(500, clean(problem.headline), clean(problem.hint))

    async def _answer(self, request: Request) -> Response:
        limits = self.limits
        return await self._worked_out(request, limits.body, limits.arrival, limits.seconds)

    async def _read(self, request: Request) -> Response:
        limits = self.limits
        return await self._worked_out(request, limits.file, limits.file_arrival, limits.file_seconds)

    async def _worked_out(self, request: Request, most: int, arrival: float, seconds: float) -> Response:
        """Return the answer to a request of at most so many bytes, or why there is none."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            return failed(415, "a request is JSON", f"its content-type is {_JSON}")
        try:
            async with self.bodies.read(request, most, arrival) as body:
                return await self._of_newest(request, body, seconds)
        except LongError:
            hint = "open a large file with `shapecalc serve FILE`" if most == self.limits.file else ""
            reply = failed(413, f"this is more than {most / 2**20:g} MiB, which is as much as is read", hint)
        except LateError:
            reply = failed(408, f"the request has not arrived within {arrival:g} seconds")
        except (BusyError, FullError):
            reply = failed(503, "too many requests wait", "try again in a moment", kind="busy")
        except SlowError:
            reply = failed(503, f"this takes more than {seconds:g} seconds: it was stopped", kind="slow")
        except DiedError:
            reply = failed(503, "what works this out has ended: it may need too much memory", kind="died")
        except ClientDisconnect:
            reply = _GONE
        return reply

    async def _of_newest(self, request: Request, body: bytearray, seconds: float) -> Response:
        """Return the answer to a request, unless a newer one of the same page comes before it."""
        page, number = request.headers.get(_PAGE, ""), request.headers.get(_NUMBER, "")
        if not page or not (number.isascii() and number.isdigit() and len(number) < 16):
            return await self._while_wanted(request, body, seconds, None)
        key = (page[:64], request.headers.get(_DO, "")[:32])
        before = self.newest.get(key)
        if before is not None:
            if before.number >= int(number):
                return overtaken()
            before.stop.set()
        asked = self.newest[key] = _Asked(int(number), asyncio.Event())
        self.newest.move_to_end(key)
        if len(self.newest) > _MOST_PAGES:
            self.newest.popitem(last=False)
        return await self._while_wanted(request, body, seconds, asked.stop)

    async def _while_wanted(
        self, request: Request, body: bytearray, seconds: float, stop: asyncio.Event | None
    ) -> Response:
        """Return the answer to a request, unless it is stopped or its client ends before."""
        work = asyncio.ensure_future(self.pool.answer(body, seconds))
        gone = asyncio.ensure_future(_ended(request))
        stopped = asyncio.ensure_future(stop.wait()) if stop else None
        waiting = {one for one in (work, gone, stopped) if one}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return AnswerReply(work.result(), self.bodies)
            return overtaken() if stopped and stopped.done() else _GONE
        finally:
            for one in waiting:
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError, BusyError, SlowError, DiedError):
                await work


async def _ended(request: Request) -> None:
    """Wait until the client of a request, whose body was read, has ended."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _unknown(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    messages = {404: "there is no such page", 405: "this is not asked for in that way"}
    return failed(status, messages.get(status, "this could not be worked out"))


_HANDLERS: Any = {404: _unknown, 405: _unknown, 500: _unknown}
