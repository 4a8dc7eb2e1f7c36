"""Hints for expressions that are written as in other tools: `$width`, `{width}`, `2width`, `3x3`, `(3, 3)`, `50%`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecalc.errors import Hint

__all__ = ["slip_hint"]


def _listed(found: re.Match[str]) -> str:
    separator = r"\s*,\s*" if "," in found[1] else r"\s*x\s*"
    return f"write a list: [{', '.join(re.split(separator, found[1].strip(' ,')))}]"


_WHOLE = (
    (r"(?=[${])\$?\(?\{{0,2}\s*([A-Za-z_]\w*)\s*\}{0,2}\)?", lambda found: f"write the variable alone: `{found[1]}`"),
    (r"\$?\{+\s*([^{},:]*[A-Za-z_][^{},:]*?)\s*\}+", lambda found: f"write the expression alone: `{found[1]}`"),
    (r"(?a:(\d+(\s*x\s*\d+)+))", _listed),
    (r"…|\.\.\.", lambda found: f"write the value itself in place of {found[0]}"),
    (r"(\w+) [x×] (\w+)", lambda found: f"write `{found[1]} * {found[2]}` to multiply"),
    (r"([^?:]+?)\s*\?\s*([^?:]+?)\s*:\s*([^?:]+)", lambda found: f"write `{found[2]} if {found[1]} else {found[3]}`"),
    (r"((\S+) if (?:(?!\belse\b).)+)", lambda found: f"write `{found[1]} else …`, with what it is otherwise"),
    (r"(?a:(\d+)\s*[x×])", lambda found: f"write {found[1]} alone"),
    (r"(?a:\d+[\dx× ]*x[\dx× ]*)", lambda _: "sizes are written as 3x224x224"),
    (r"(?a:0,(\d+))", lambda found: f"write 0.{found[1]}"),
    (r"(?a:(\d+(?:\s*,\s*\d+)+))", _listed),
    (r"\(((?:\s*-?\w+\s*,)+\s*(?:-?\w+\s*)?)\)", _listed),
    (r"(?a:(\d+(?:\.\d+)?)\s*%)", lambda found: f"write a fraction: {float(found[1]) / 100:g}"),
)
"""What a whole text looks like, and its hint."""

_PRODUCT = re.compile(r"(?a:(?<![\w.])(\d+)(?!e\d)([a-z_]\w*))", re.IGNORECASE)
_UNITS = "kKmMgGbB"
_LONGEST = 200


def slip_hint(text: str, hint: str | Hint) -> str | Hint:
    """Return the hint for a text that is no expression: for one of these slips, or else the given one."""
    if len(text) > _LONGEST:
        return hint
    plain = text.strip()
    for pattern, write in _WHOLE:
        found = re.fullmatch(pattern, plain)
        if found:
            return write(found)
    product = _PRODUCT.search(plain)
    if product and not hint and product[2] not in _UNITS:
        return f"write `{product[1]} * {product[2]}` to multiply"
    return hint
