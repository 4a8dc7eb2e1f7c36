"""Escaping of untrusted text (names, values, paths) for each medium that it is written in.

Every function returns one line without line breaks, invisible characters or terminal commands, and without anything
that the medium would interpret. Letters of any script stay as they are.

| medium                  | function                                      |
|-------------------------|-----------------------------------------------|
| text, comments in code  | `clean`, for lines `join_lines`               |
| logs of CI              | `defuse`, for all of a text as it is printed  |
| Markdown                | `markdown`, for code spans `markdown_code`    |
| LaTeX                   | `latex`                                       |
| HTML, SVG               | `html`                                        |
| CSV                     | `csv_cell`                                    |
| JSON                    | `json_text`, for many values `json_lines`     |
| GitHub's annotations    | `github`, for their properties `github_property` |
| Python's source         | `python_names`                                |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "clean",
    "csv_cell",
    "defuse",
    "github",
    "github_property",
    "html",
    "join_lines",
    "json_escape",
    "json_lines",
    "json_text",
    "latex",
    "markdown",
    "markdown_code",
    "python_names",
]

_DELETE = 0x7F
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that are invisible, though they count as printable: fillers, joiners, the blank of Braille."""


def clean(text: str) -> str:
    """Return a text safe to print: invisible characters (escapes, line breaks, marks of direction) made visible."""
    if text.isprintable() and (text.isascii() or not any(c in text for c in _BLANK)):
        return text
    return "".join([c if _is_seen(c) else _visible(c) for c in text])


def _is_seen(character: str) -> bool:
    return character.isprintable() and character not in _BLANK


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(0x2400 + code)  # the control pictures: ␛ ␊ ␉
    if code == _DELETE:
        return "␡"
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, each of them clean: each stays one line, whatever is in it."""
    return "\n".join(map(clean, lines))


def defuse(text: str) -> str:
    r"""Return a text for people in which no line commands the CI that shows it: `\::error`, `#\#[error]`.

    GitHub reads lines that begin with `::`, after any spaces, as commands; it and Azure also `##[…]` and `##vso[…]`
    anywhere.
    """
    if "::" in text:
        text = re.sub(r"(?m)^([^\S\n]*)(?=::)", r"\1\\", text)
    return re.sub(r"##(?=\w*\[)", r"#\\#", text) if "##" in text else text


_MARKDOWN = r"[\\`*\[\]<>|&~$!#]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|:(?=//)|(?i:(?<=www))\."


def markdown(text: str) -> str:
    """Return a text without markup in Markdown."""
    return re.sub(_MARKDOWN, r"\\\g<0>", clean(text))


def markdown_code(text: str) -> str:
    """Return a text as a code span, fenced by more backticks than it has in a row."""
    text = clean(text)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", text))))
    return f"{fence} {text} {fence}"


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "-": "{}-",
    "::": ":{:}", "[": "{[}", "*": "{*}",  # after the \\ of the row above, these would be read as its argument
    "×": r"$\times$", "·": r"$\cdot$", "…": r"\ldots{}", "−": r"$-$", "–": "--", "→": r"$\to$", "≤": r"$\le$",
    "✓": r"\checkmark{}",
    "⌊": r"$\lfloor$", "⌋": r"$\rfloor$", "⌈": r"$\lceil$", "⌉": r"$\rceil$", "√": r"$\surd$", "Φ": r"$\Phi$",
    "²": r"$^2$", "ˣ": r"$^x$", "⁻": r"$^-$", "ᵀ": r"$^T$", "“": "``", "”": "''",
    "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip
_LATEX_SPECIAL = (  # two hyphens would be a dash; two colons at the beginning of a line command some CI
    f"[{re.escape(''.join(_LATEX).replace('-', '').replace('::', ''))}]|(?<=-)-|::"
)


def latex(text: str) -> str:
    """Return a text without markup in LaTeX, outside of math mode."""
    text = re.sub("[␀-␡]", "?", clean(text))
    return re.sub(_LATEX_SPECIAL, lambda found: _LATEX[found[0]], text)


def html(text: str) -> str:
    """Return a text escaped for HTML and SVG, also between quotes."""
    from html import escape

    return escape(clean(text))


_FORMULA = r"\s*(?:[=+\-@＝＋－＠]|::)"
_NUMBER = r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?"


def csv_cell(text: str) -> str:
    """Return a text as a cell: with an apostrophe before what a spreadsheet or CI would execute.

    Numbers stay.
    """
    text = clean(text)
    runs = re.match(_FORMULA, text) and not re.fullmatch(_NUMBER, text)
    return f"'{text}" if runs else text


def json_text(value: Any, indent: int | None = None) -> str:
    r"""Return a value as JSON in which everything is visible: invisible characters are written `\u202e`."""
    import json

    return _visible_json(json.dumps(value, ensure_ascii=False, indent=indent))


def _visible_json(text: str) -> str:
    flat = text.replace("\n", "")
    if clean(flat) is flat:
        return text
    return re.sub(r"[^\n -~]", lambda found: found[0] if _is_seen(found[0]) else json_escape(found[0]), text)


def json_lines(values: Iterable[Any]) -> list[str]:
    """Return values as JSON, each as `json_text` returns it, in less time: there may be tens of thousands."""
    import json

    lines = [*map(json.JSONEncoder(ensure_ascii=False).encode, values)]
    flat = "".join(lines)
    return lines if clean(flat) is flat else [*map(_visible_json, lines)]


def json_escape(character: str) -> str:
    r"""Return a character of a JSON text as `\u00e9`, or as two of them."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join([f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)])


def github(text: str) -> str:
    """Return a text, of one line or several, as the message of an annotation."""
    lines = [clean(line).replace("%", "%25") for line in text.split("\n")]
    return "%0A".join(lines)


def github_property(text: str) -> str:
    """Return a text as a property of an annotation: a file, a title."""
    return github(clean(text)).replace(":", "%3A").replace(",", "%2C")


_PYTHON_USED = frozenset({"max", "min", "__debug__"})
"""Names that no parameter may have, besides keywords: those that formulas use, and one that Python reserves."""


def python_names(names: Iterable[str]) -> dict[str, str]:
    """Return a valid parameter name for each name, all different as Python reads them (NFKC)."""
    from keyword import iskeyword
    from unicodedata import normalize

    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        word = "".join([c if _is_seen(c) and f"a{c}".isidentifier() else "_" for c in normalize("NFKC", name)])
        word = word if word.isidentifier() else f"_{word}"
        while iskeyword(word) or word in _PYTHON_USED or word in found.values():
            word += "_"
        found[name] = word
    return found
