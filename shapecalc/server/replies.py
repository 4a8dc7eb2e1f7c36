"""Replies of the server: JSON that is kept by no cache, and is held until its reader has most of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from shapecalc.server.bodies import Bodies

__all__ = ["AnswerReply", "failed"]

_PART = 2**18
"""Bytes that are sent at once: the next part waits until the reader has room for it."""


def failed(status: int, message: str, hint: str = "", **more: str) -> Response:
    """Return the reply to a request that is not answered, in the form of the answers of the engine."""
    error = {"message": message, "why": [], "hint": hint, **more}
    return JSONResponse({"ok": False, "error": error}, status)


class AnswerReply(Response):
    """The reply with an answer, which is JSON. It counts among the bodies that are held until it is sent."""

    def __init__(self, content: bytes, bodies: Bodies) -> None:
        super().__init__(content, media_type="application/json")
        self.bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the reply in parts; none where too much is held already."""
        if self.bodies.held + len(self.body) > self.bodies.most:
            await failed(503, "too many answers wait to be read", "try again in a moment", kind="busy")(
                scope, receive, send
            )
            return
        self.bodies.held += len(self.body)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, max(len(self.body), 1), _PART):
                end = start + _PART
                more = end < len(self.body)
                await send({"type": "http.response.body", "body": self.body[start:end], "more_body": more})
        finally:
            self.bodies.held -= len(self.body)
