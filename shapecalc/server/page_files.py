"""The files of the page, which the package contains: read once, so that no path of a request is one of a file."""

from __future__ import annotations

import mimetypes
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from importlib.abc import Traversable

__all__ = ["PageFile", "page_files"]

_INDEX = "index.html"
_HASHED = "assets/"
"""The folder of files whose names change with their content."""
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".html": "text/html",
          ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm",
          ".woff2": "font/woff2"}  # fmt: skip
"""Media types that must not depend on the settings of this machine."""


class PageFile(NamedTuple):
    """A file of the page: its content, its media type, and whether its name changes with its content."""

    content: bytes
    type: str
    is_hashed: bool

    def reply(self) -> Response:
        """Return the file as a reply."""
        kept = "private, max-age=31536000, immutable" if self.is_hashed else "no-cache"
        return Response(self.content, media_type=self.type, headers={"cache-control": kept})


def page_files() -> dict[str, PageFile]:
    """Return every file of the page by its path: `/` is its index."""
    found = {f"/{name}": file for name, file in _below(files("shapecalc.server") / "page", "")}
    found["/"] = found[f"/{_INDEX}"]
    return found


def _below(folder: Traversable, prefix: str) -> list[tuple[str, PageFile]]:
    found: list[tuple[str, PageFile]] = []
    for item in folder.iterdir():
        name = prefix + item.name
        if item.is_dir():
            found += _below(item, f"{name}/")
        else:
            found.append((name, PageFile(item.read_bytes(), _type_of(name), name.startswith(_HASHED))))
    return found


def _type_of(name: str) -> str:
    suffix = f".{name.rpartition('.')[2].lower()}"
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
