"""Who may ask: the page itself, from the address that the server was started for, with the token of this start."""

from __future__ import annotations

import ipaddress
import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from shapecalc.server.replies import failed

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["API", "TOKEN", "RequestGuard", "is_loopback"]

API = "/api/"
"""What the paths of requests begin with; any other is a file of the page."""
TOKEN = "x-shapecalc-token"  # noqa: S105  (the name of a header)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Inline styles are CodeMirror's, which sets positions of what is drawn; no script but the page's own runs."""
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, for itself alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class RequestGuard:
    """An application behind checks: the name of the host, the site that asks, and the token of a request."""

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str], port: int) -> None:
        self.app = app
        self.token = token.encode()
        self.hosts = frozenset(hosts)
        self.port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page opens a web socket
            await send({"type": "websocket.close"})
            return
        headers = Headers(scope=scope)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own[name] = value
                own.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope, headers)
        reply = failed(403, refusal) if refusal else self.app
        await reply(scope, receive, send_safely)

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        """Return why a request is refused; empty for one that is not."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return "this is not the address that the server was started for"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{hosts[0]}":
            return "a page of another site asks"
        is_request = scope["path"].startswith(API)
        site = headers.get("sec-fetch-site", "none")
        is_opened = not is_request and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not (is_opened and headers.get("sec-fetch-dest") == "document"):
            return "a page of another site asks"
        if is_request and not secrets.compare_digest(headers.get(TOKEN, "").encode("utf-8", "replace"), self.token):
            return "the token is wrong: open the address that `shapecalc serve` printed"
        return ""

    def _is_own(self, host: str) -> bool:
        """Return whether a host is one of the server's own names, with its port; a name of others may point here."""
        name, _, port = host.rpartition(":")
        if not name or port.endswith("]"):
            name, port = host, "80"
        if port != str(self.port):
            return False
        if name in _LOOPBACK or name.lower() in self.hosts:
            return True
        return "*" in self.hosts and _is_address(name)


def _is_address(name: str) -> bool:
    """Return whether a host is an address in numbers, which no other name can point to."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
