"""Connections: those of clients that send, or read, too slowly are ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["WatchedConnection"]

_EVERY = 2.0
"""Seconds between two looks at a connection."""


class WatchedConnection(H11Protocol):
    """A connection that is ended if the head of a request does not arrive, or nothing of a reply is read, for a while.

    Bodies have a time of their own (`bodies`), and so have connections that are kept open (uvicorn's).
    """

    most_seconds = 20.0
    """The seconds of that while."""
    _watch: asyncio.TimerHandle | None = None
    _since = 0.0
    _left = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._watch = self.loop.call_later(_EVERY, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        left = self.transport.get_write_buffer_size()
        is_working = self.cycle is not None and not self.cycle.response_complete
        if left < self._left or (is_working and not left) or (not left and self._is_kept_open()):
            self._since = self.loop.time()
        self._left = left
        if self.loop.time() - self._since > self.most_seconds:
            self.transport.abort()
            return
        self._watch = self.loop.call_later(_EVERY, self._look)

    def _is_kept_open(self) -> bool:
        """Return whether uvicorn waits for another request, and ends the connection itself."""
        return self.timeout_keep_alive_task is not None
