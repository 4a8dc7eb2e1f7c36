"""Bodies of requests: read up to a length, within a time, and not too many at once, together with those of replies."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

__all__ = ["Bodies", "FullError", "LateError", "LongError"]


_DIGITS = 20  # no length has more


class LongError(Exception):
    """A body is longer than it may be."""


class LateError(Exception):
    """A body has not arrived in time."""


class FullError(Exception):
    """The bodies of other requests take all the room."""


class Bodies:
    """The bodies of requests and replies that are held, of which all together have a maximum length."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    @asynccontextmanager
    async def read(self, request: Request, most: int, seconds: float) -> AsyncIterator[bytearray]:
        """Read a body, and hold it for a while. Errors: `LongError`, `LateError`, `FullError`."""
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length[:_DIGITS]) > most:
            raise LongError
        body = bytearray()
        try:
            await asyncio.wait_for(self._fill(body, request, most), seconds)
        except asyncio.TimeoutError:
            self.held -= len(body)
            raise LateError from None
        except BaseException:
            self.held -= len(body)
            raise
        try:
            yield body
        finally:
            self.held -= len(body)

    async def _fill(self, body: bytearray, request: Request, most: int) -> None:
        async for part in request.stream():
            body += part
            self.held += len(part)
            if len(body) > most:
                raise LongError
            if self.held > self.most:
                raise FullError
