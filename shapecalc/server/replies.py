"""Replies of the server: JSON that is not kept by any cache."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

__all__ = ["answered", "failed"]


def failed(status: int, message: str, hint: str = "", **more: str) -> Response:
    """Return the reply to a request that is not answered, in the form of the answers of the engine."""
    error = {"message": message, "why": [], "hint": hint, **more}
    return JSONResponse({"ok": False, "error": error}, status)


def answered(content: bytes) -> Response:
    """Return the reply with an answer, which is JSON."""
    return Response(content, media_type="application/json")
