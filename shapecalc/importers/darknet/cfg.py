"""The text of a darknet cfg: sections in their order, and the options of each, with the lines that they are on.

It is read as darknet reads it: spaces count nowhere, a line that begins with `#` or `;` is a comment and what stands
behind a value is none, of an option that is repeated the first counts, and a number ends where its digits end.
Source: `read_cfg` in src/parser.c and src/option_list.c of AlexeyAB/darknet and pjreddie/darknet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import LayerError, Mark, Problem, Source, SpecError, did_you_mean
from shapecalc.importers.files import broken, check_first_bytes
from shapecalc.importers.tensors import UncoveredError
from shapecalc.importers.understanding import few_warnings

if TYPE_CHECKING:
    from shapecalc.errors import Problems

__all__ = [
    "COMMENTS",
    "FORMAT",
    "LARGEST",
    "MOST_BYTES",
    "NET",
    "SIZES",
    "UNKNOWN_SECTION",
    "Cfg",
    "CfgSection",
    "Option",
    "OptionError",
    "UnknownSectionError",
    "read_cfg",
    "sections_in",
]

FORMAT = "a darknet cfg"
MOST_BYTES = 4 * 2**20
_MOST_SECTIONS = 100_000
LARGEST = 2**31
_NUMBER = re.compile(r"[+-]?\d+")
_MOST_DIGITS = 16
_LONGEST = 40
NET = ("net", "network")
SIZES = ("channels", "height", "width", "inputs")
"""The options of [net] that are read here: all others are of training."""


COMMENTS = "write the comment on a line of its own: darknet takes what stands behind a value as a part of it"
UNKNOWN_SECTION = 'darknet prints "Type not recognized", and its output has no size'


class OptionError(LayerError):
    """An option of a section has a value that cannot be; `mark` is its line, if it is written."""

    def __init__(self, message: str, mark: Mark | None = None, why: tuple[str, ...] = (), hint: str = "") -> None:
        self.mark = mark
        super().__init__(message, why, hint)


class UnknownSectionError(OptionError, UncoveredError):
    """A section is none that darknet has."""


class Option(NamedTuple):
    """The value of an option as it is written, without spaces, and its line."""

    name: str
    text: str
    mark: Mark

    def number(self, text: str | None = None) -> int:
        """Return the whole number that the value, or a part of it, begins with. Errors: `OptionError`."""
        written = self.text if text is None else text
        found = _NUMBER.match(written)
        if not found:
            shown = f"{written[:_LONGEST]}…" if len(written) > _LONGEST else written
            what = f"{shown} is not a whole number" if written else "a number is missing"
            raise OptionError(f"{self.name}: {what}", self.mark, ("darknet would read it as 0",))
        if len(found[0]) > _MOST_DIGITS or not -LARGEST <= int(found[0]) < LARGEST:
            shown = f"{written[:_LONGEST]}…" if len(written) > _LONGEST else written
            raise OptionError(f"{self.name}: {shown} is too large: darknet counts to {LARGEST - 1:,}", self.mark)
        return int(found[0])

    def numbers(self) -> list[int]:
        """Return the list of whole numbers, which ends at a comment. Errors: `OptionError`."""
        return [self.number(part) for part in re.split("[#;]", self.text)[0].split(",")]


class CfgSection(NamedTuple):
    """One section: its type as it is written between the brackets, its line, and its options by their names."""

    type: str
    mark: Mark
    options: dict[str, Option]
    written: str

    def check(self) -> None:
        """Check that there is nothing but the type in brackets on the line. Errors: `OptionError`."""
        if self.written != f"[{self.type}]":
            what = f"darknet has no section {self.written[:_LONGEST]}"
            hint = COMMENTS if "]" in self.written else f"write [{self.type[:_LONGEST]}]"
            raise UnknownSectionError(what, self.mark, (UNKNOWN_SECTION,), hint)


class Cfg(NamedTuple):
    """A file: its text, the options of the network, the sections of its layers, and what darknet reads otherwise."""

    source: Source
    net: CfgSection
    sections: tuple[CfgSection, ...]
    warnings: Problems


def sections_in(head: bytes, *, only_first: bool = False) -> list[str]:
    """Return the types of the sections that the text of a file has; or of that which it begins with, after comments."""
    found = []
    for line in _decoded(head).splitlines():
        packed = "".join(line.split())
        if packed[:1] == "[":
            found.append(packed[1:].partition("]")[0])
        if only_first and packed and packed[0] not in "#;":
            break
    return found


def read_cfg(data: bytes, name: str) -> Cfg:
    """Return the sections of a file. Errors: `SpecError`."""
    check_first_bytes(data, name, FORMAT)
    if len(data) > MOST_BYTES:
        raise broken(name, FORMAT, f"it is longer than {MOST_BYTES // 2**20} MiB")
    text = _decoded(data)
    if "\0" in text:
        raise broken(name, FORMAT, "it is binary, not text")
    source = Source(name, text)
    warnings = few_warnings()
    sections = _sections(source, warnings)
    if not sections or sections[0].written not in (f"[{net}]" for net in NET):
        first = sections[0] if sections else None
        found = f"its first section is {first.written[:_LONGEST]}, not [net]" if first else "it has no section"
        hint = "begin it with [net], width=, height= and channels="
        if first and first.type:
            hint = str(did_you_mean(first.type, NET, hint, lists=False))
        if first and first.type.lower() in NET:
            hint = "write [net], in lower case" if first.type not in NET else COMMENTS
        raise SpecError(Problem(f"{name} is not a network: {found}", first.mark if first else None, hint=hint))
    return Cfg(source, sections[0], tuple(sections[1:]), warnings)


def _decoded(data: bytes) -> str:
    """Return the text of a file. Comments are in any encoding, and darknet reads none of them."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _sections(source: Source, warnings: Problems) -> list[CfgSection]:
    sections: list[CfgSection] = []
    for number, line in enumerate(source.text.splitlines(), 1):
        packed = "".join(line.split())
        if not packed or packed[0] in "#;":
            continue
        written = line.strip()
        mark = Mark(source, number, len(line) - len(line.lstrip()) + 1, len(written))
        if packed[0] == "[":
            if len(sections) > _MOST_SECTIONS:
                raise SpecError(Problem(f"there are more than {_MOST_SECTIONS:,} sections", mark))
            sections.append(CfgSection(packed[1:].partition("]")[0], mark, {}, packed))
            continue
        name, equals, value = packed.partition("=")
        if not sections:
            hint = "begin it with [net]"
            raise SpecError(Problem("there is something before the first section", mark, hint=hint))
        options = sections[-1].options
        if not equals:
            warnings.append(Problem("darknet ignores this line: it is neither key=value nor a [section]", mark))
        elif name in options:
            first = options[name]
            if first.text == value or (len(sections) == 1 and name not in SIZES):
                continue
            message = f"{name} is repeated: darknet takes the first, {name}={first.text[:_LONGEST]}"
            warnings.append(Problem(message, mark, also=(("the first:", first.mark),)))
        else:
            options[name] = Option(name, value, mark)
    return sections
