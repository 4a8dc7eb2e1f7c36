"""An item that is only a word, or a call, with keys below it: `- relu` and, under it, `name: act`.

That is not valid YAML, which requires `- relu:`, but its meaning is clear. So if a text is not YAML, the colons are
inserted, and it is read again. (A call, `- nn.ReLU()`, is no layer either, but its own error says what to write.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["structural_lines", "with_colons"]

_CALL = r"[A-Za-z_][\w.]*(?: *= *[\w.]+)?\([^#:]*\)"
_ITEM = re.compile(rf"""( *(?:- +)+)(-?[A-Za-z_][\w.-]*|{_CALL}|"[^"\\]*"|'[^']*')([ \t\r]*(?:[ \t]#.*)?)$""")
_KEY = re.compile(r"( *)[A-Za-z_][\w.-]*:(?:\s|$)")
_NOTHING = re.compile(r"\s*(#.*)?$")
_TEXT_FOLLOWS = re.compile(r"(?:^|[ :-])[|>][-+0-9]*[ \t\r]*(?:#.*)?$")


def structural_lines(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the lines that are keys or items, each with its number from 0 and its indent.

    Left out are empty lines, comments, and the texts after `|` and `>`. The lines may change meanwhile.
    """
    prose = -1
    for number, line in enumerate(lines):
        if _NOTHING.match(line):
            continue
        indent = len(line) - len(line.lstrip(" "))
        if 0 <= prose < indent:
            continue
        prose = indent if _TEXT_FOLLOWS.search(line) else -1
        yield number, indent, line


def with_colons(text: str) -> str:
    """Return a text with a `:` after each item that is only a word and has keys below it, in its own column.

    No character before such a `:` moves, so marks stay valid. Texts after `|` and `>` are left as they are.
    """
    lines = text.split("\n")
    waiting: tuple[int, re.Match[str]] | None = None
    for number, _, line in structural_lines(lines):
        key = _KEY.match(line)
        if waiting and key and len(key[1]) == len(waiting[1][1]):
            above, item = waiting
            lines[above] = f"{item[1]}{item[2]}:{item[3]}"
        found = _ITEM.match(line)
        waiting = (number, found) if found else None
    return "\n".join(lines)
