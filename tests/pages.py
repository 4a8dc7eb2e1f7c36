"""The pages of the documentation, and the blocks of code on them."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DOCS", "DOCUMENTS", "ROOT", "blocks_of"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def blocks_of(page, language):
    """Return the blocks of a page in a language, in order."""
    text = page.read_text(encoding="utf-8")
    return [body for found, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
            if found == language]  # fmt: skip
