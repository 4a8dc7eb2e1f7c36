"""Running the server: its socket, its address, and how it ends."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from shapecalc.errors import Problem, UsageError
from shapecalc.server.application import LiveServer
from shapecalc.server.connections import WatchedConnection
from shapecalc.server.guard import is_loopback
from shapecalc.server.pool import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIRST_PORT", "ServerAddress", "listen", "run"]

FIRST_PORT = 8765
_PORTS = 20
"""How many ports are tried where none is given."""
_BACKLOG = 128
_SECONDS_TO_END = 2


class ServerAddress:
    """The socket that is listened on, and the address that the page is opened with."""

    def __init__(self, opened: socket.socket, host: str) -> None:
        self.socket = opened
        self.host = host
        self.port: int = opened.getsockname()[1]
        self.token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """The address of the page. The token is behind #: no browser sends that part, nor is it in any log."""
        return f"http://{self._shown}:{self.port}/#token={self.token}"

    @property
    def _shown(self) -> str:
        if self.host in ("0.0.0.0", "::", ""):  # noqa: S104  (compared, not listened on)
            return socket.gethostname()
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def hosts(self) -> list[str]:
        """The names that requests may be for, besides those of this machine: `*` for any address in numbers."""
        if is_loopback(self.host):
            return []
        return ["*", self._shown.lower(), self.host.lower()]


def listen(host: str, port: int | None) -> ServerAddress:
    """Return the address of a server that listens on a port, or on the first that is free. Errors: `UsageError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(FIRST_PORT, FIRST_PORT + _PORTS) if port is None else (port,)
    reason = ""
    for one in ports:
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((host, one))
            opened.listen(_BACKLOG)
            opened.setblocking(False)
            return ServerAddress(opened, host)
        except (OSError, OverflowError) as error:
            opened.close()
            reason = getattr(error, "strerror", "") or str(error)
    where = f"port {port}" if port is not None else f"ports {FIRST_PORT} to {FIRST_PORT + _PORTS - 1}"
    hint = "choose another with --port, or 0 for any that is free"
    raise UsageError(Problem(f"{where} of {host} cannot be listened on: {reason}", hint=hint))


def run(
    address: ServerAddress, begin: Callable[[], dict[str, Any]], folder: str, ready: Callable[[], None],
    limits: Limits | None = None,
) -> None:  # fmt: skip
    """Serve until a signal ends it. `ready` is called when requests are answered; the rest is as for `LiveServer`.

    Errors: `UsageError` if it does not start.
    """
    limits = limits or Limits()
    live = LiveServer(begin, folder, limits)
    connection = type("Connection", (WatchedConnection,), {"most_seconds": limits.stall})
    config = uvicorn.Config(
        live.guarded(address.token, address.hosts, address.port), http=connection, ws="none", loop="asyncio",
        log_config=None, log_level="critical", access_log=False, server_header=False, proxy_headers=False,
        limit_concurrency=limits.connections, timeout_keep_alive=15, h11_max_incomplete_event_size=32 * 2**10,
        timeout_graceful_shutdown=_SECONDS_TO_END, lifespan="on",
    )  # fmt: skip
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # that a process has ended before it was to be is no news
    server = _Server(config, ready)
    with contextlib.suppress(SystemExit):  # of uvicorn, where it does not start
        server.run(sockets=[address.socket])
    if not server.started:
        raise UsageError(
            Problem("no process starts that works requests out", hint="see whether memory is limited here")
        )


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._ready()
