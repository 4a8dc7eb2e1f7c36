"""The tree of pages: what `index.md` links to, section by section, then what is generated and what it does not name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["add_tree"]

_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_LINK = re.compile(r"^- \[([^]]+)\]\(([\w/-]+)\.md\)", re.MULTILINE)
REST = "Further pages"
"""The section of the pages that `index.md` does not name."""
GENERATED = "Reference"
"""The section of the generated pages."""


def add_tree(app: Any, name: str, source: list[str]) -> None:
    """Add the tree of pages to the text of the index: Sphinx' table of contents."""
    if name != "index":
        return
    intro, *parts = _SECTION.split(source[0])
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    named = {page for words in sections.values() for _, page in _LINK.findall(words)}
    found = sorted(page for page in app.env.found_docs - named - {"index"} if not page.startswith("reference/"))
    if found:
        sections[REST] = _links(app, found)
    sections[GENERATED] += _links(app, ["reference/kinds", "reference/commands", "reference/python"])
    source[0] = intro + "".join(
        f"## {title}\n{words.rstrip()}\n\n{_toctree(title, words)}\n" for title, words in sections.items()
    )


def _links(app: Any, pages: list[str]) -> str:
    return "".join(f"\n- [{_title(app, page)}]({page}.md)" for page in pages)


def _title(app: Any, page: str) -> str:
    return Path(app.env.doc2path(page)).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _toctree(title: str, words: str) -> str:
    """Return the tree of the pages that a section links to, under the words of its links."""
    pages = [f"{text} <{page}>" for text, page in _LINK.findall(words)]
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])
