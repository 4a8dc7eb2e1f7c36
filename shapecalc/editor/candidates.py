"""Ways to write a hint into a text: which of them is meant is found by trying."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.editor.positions import Range, TextEdit, end_of_value, indent_of
from shapecalc.layers import find_kind
from shapecalc.source.brackets import CLOSING, opened_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.editor.positions import EditedText
    from shapecalc.errors import Mark, Problem

__all__ = ["candidates"]

_NEAR = re.compile(r"did you mean (?:`([^`]+)`|([^\s?]+))\?")
_CODE = re.compile(r"`([^`…]+)`")
_WRITE = re.compile(
    r"\bwrite (?:a list: |the list as )?(?!for instance)([^`\s][^`;]*?)(?=, (?:not|or|here|if|and|for|in)\b|;|$)"
)
_VALUE = re.compile(r"\b(\w+): ([\w.×-]+) would fit")
_ITEM = re.compile(r"^\s*(?:- +)+")


def candidates(text: EditedText, problem: Problem) -> Iterator[tuple[str, tuple[TextEdit, ...]]]:
    """Yield titles and edits that may be what the hint of a problem says, the most likely first."""
    mark = problem.mark
    assert mark is not None
    place = _Place(text, mark)
    for hint in filter(None, problem.hint.split("\n")):
        near = _NEAR.search(hint)
        if near:
            word = near[1] or near[2]
            yield f"replace {place.word} by {word}", place.replace(place.marked, word)
        yield from _removals(place, hint)
        yield from _insertions(place, hint)
        written = [found[1] for found in _WRITE.finditer(hint)]
        for code in [*filter(_is_code, _CODE.findall(hint)), *written]:
            for part in place.parts(code):
                yield f"write {code}", part


def _is_code(code: str) -> bool:
    """Return whether a word of a hint may be what is written: a bracket, or the sign of an item, is named in it."""
    return code.strip() not in ("[", "]", "{", "}", "-", "")


def _removals(place: _Place, hint: str) -> Iterator[tuple[str, tuple[TextEdit, ...]]]:
    if "remove the quotes" in hint or "without the quotes" in hint:
        yield "remove the quotes", place.unquoted()
    if re.search(r"\bremove the comma\b", hint):
        yield "remove the comma", place.replace(place.marked, "")
    removed = re.search(r"\b(remove it|remove the (item|line|key|tag|alias|layer)|leave \w+ out|keep one)\b", hint)
    if removed and not _VALUE.search(hint):  # "in_channels: 3 would fit, or leave it out": not the layer that is marked
        for span in (place.pair, place.marked, place.lines):
            yield from ((removed[0], edits) for edits in place.without(span))
    if re.search(r"\bremove the `- `", hint):
        yield "remove the dash", place.replace((place.marked[0], place.marked[0] + 2), "")
    if re.match(r"close it with `.`", hint):
        signs = place.closing
        yield f"close it with {signs}", place.replace(place.end_of_line, signs)
    if "close it with the same quote" in hint:
        quote = place.text.text[place.marked[0]]
        for sign in dict.fromkeys((quote, quote + place.closing)):
            yield f"close it with {sign}", place.replace(place.end_of_line, sign)
    missing = re.search(r"between `.` and `(.)` by commas, and close it$", hint)
    if missing:
        yield f"close it with {missing[1]}", place.replace((place.marked[0], place.marked[0]), missing[1])


def _insertions(place: _Place, hint: str) -> Iterator[tuple[str, tuple[TextEdit, ...]]]:
    if "indent with spaces" in hint:
        yield "indent with spaces", place.without_tabs()
    spaced = re.search(r"space is missing|put a space", hint)
    if spaced:
        yield "add a space", place.replace((place.marked[1], place.marked[1]), " ")
    before = re.search(r"write (`- [^`…]+`(?: and `- [^`…]+`)*) before (?:it|\S+)$", hint)
    if before:
        items = _CODE.findall(before[1])
        yield f"write {' and '.join(items)} before it", place.insert_items(items)
    for code in re.findall(r"`([^`…]+)` (?:below|beside) ", hint):
        yield f"write {code} below it", place.insert_key(code)
    branch = re.search(r"write `([^`…]+)` in place of (\S+?)(?:;|$)", hint)
    if branch:
        yield f"write {branch[1]}", place.replace_within_item(branch[2], branch[1])
    for found in _VALUE.finditer(hint):
        yield f"write {found[1]}: {found[2]}", place.set_value(found[1], found[2])


class _Place:
    """The location of a problem in a text, and the parts around it, as offsets."""

    def __init__(self, text: EditedText, mark: Mark) -> None:
        self.text = text
        whole = text.range_of(mark)
        self.marked = (text.offset(whole.start), text.offset(whole.end))
        self.line = whole.start.line
        line = text.line(self.line)
        self.line_start = text.starts[self.line]
        found = re.search(r"(?:^|\s)#", line[whole.end.character :])
        code = line if not found else line[: whole.end.character + found.start()]
        self.line_end = self.line_start + len(code.rstrip())
        self.end_of_line = (self.line_end, self.line_end)
        self.word = text.text[slice(*self.marked)]
        self.value = (self.marked[0], max(self.marked[1], self._end_of_value(self.marked[0])))
        self.pair = self._pair()
        self.lines = self._lines_of_item()

    @property
    def closing(self) -> str:
        """What closes the brackets that are opened in the line up to its end, or up to an open quote."""
        line = self.text.text[self.line_start : self.line_end]
        at = self.marked[0] - self.line_start
        written = line[:at] if line[at : at + 1] in ("'", '"') else line
        return "".join(CLOSING[sign] for sign in reversed(opened_in(written)))

    def _end_of_value(self, start: int) -> int:
        line = self.text.text[self.line_start : self.line_end]
        return self.line_start + end_of_value(line, start - self.line_start)

    def _pair(self) -> tuple[int, int]:
        """Return the key and the value that the mark is on."""
        before = self.text.text[self.line_start : self.marked[0]]
        key = re.search(r"[\w.-]+\s*:\s*$", before)
        if key:
            return self.line_start + key.start(), self.value[1]
        after = re.match(r"[\w.-]+\s*:\s*", self.text.text[self.marked[0] : self.line_end])
        if after:
            start = self.marked[0] + after.end()
            return self.marked[0], self._end_of_value(start)
        return self.value

    def _lines_of_item(self) -> tuple[int, int]:
        """Return the innermost item around the mark, behind its dash, to the end of its last line; or the line."""
        character = self.marked[0] - self.line_start
        for number in range(self.line, -1, -1):
            line = self.text.line(number)
            found = _ITEM.match(line)
            dashes = [at for at, sign in enumerate(found[0]) if sign == "-" and at <= character] if found else []
            if dashes and (number == self.line or dashes[-1] < indent_of(self.text.line(self.line))):
                last = self.line
                while last + 1 < len(self.text.starts) and _is_within(self.text.line(last + 1), dashes[-1]):
                    last += 1
                begin = self.text.starts[number] + dashes[-1]
                begin += len(line[dashes[-1] :]) - len(line[dashes[-1] + 1 :].lstrip())
                end = self.text.starts[last] + len(self.text.line(last))
                return begin, self.line_end if last == self.line else end
        return self.line_start + indent_of(self.text.line(self.line)), self.line_end

    def replace(self, span: tuple[int, int], new: str) -> tuple[TextEdit, ...]:
        return (TextEdit(Range(self.text.position(span[0]), self.text.position(span[1])), new),)

    def parts(self, code: str) -> Iterator[tuple[TextEdit, ...]]:
        """Yield the edits that write a code in place of a part around the mark."""
        bare = code.removeprefix("- ")
        is_pair = re.match(r"[\w.-]+:( |$)", bare)
        spans = (self.pair, self.lines, self.value, self.marked) if is_pair else (self.value, self.pair, self.lines)
        if bare != code:
            spans = (self.lines, self.pair, self.value)
        for span in spans:
            yield self.replace(span, bare)
        if bare != code:
            yield self.insert_items([bare], after=True)
        elif is_pair:
            yield self.insert_key(bare)
            yield self.replace((0, 0), f"{bare}{self.newline}")
        if self.marked not in spans:
            yield self.replace(self.marked, bare)

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text.text else "\n"

    def without(self, span: tuple[int, int]) -> Iterator[tuple[TextEdit, ...]]:
        """Yield the edits that remove a part with the comma next to it, or with its line."""
        text = self.text.text
        after = re.compile(r"\s*,\s*").match(text, span[1])
        before = re.search(r"\s*,\s*$", text[: span[0]])
        if after:
            yield self.replace((span[0], after.end()), "")
        if before:
            yield self.replace((before.start(), span[1]), "")
        first = self.text.position(span[0]).line
        if not re.sub(r"[\s-]", "", self.text.line(first)[: self.text.position(span[0]).character]):
            last = self.text.position(span[1]).line
            end = self.text.starts[last + 1] if last + 1 < len(self.text.starts) else len(text)
            yield self.replace((self.text.starts[first], end), "")
        yield self.replace(span, "")

    def unquoted(self) -> tuple[TextEdit, ...]:
        start = self.marked[0]
        quote = self.text.text[start : start + 1]
        end = self.text.text.find(quote, start + 1) if quote in ("'", '"') else -1
        return self.replace((start, end + 1), self.text.text[start + 1 : end]) if end > 0 else ()

    def without_tabs(self) -> tuple[TextEdit, ...]:
        line = self.text.line(self.line)
        indent = line[: len(line) - len(line.lstrip())]
        return self.replace((self.line_start, self.line_start + len(indent)), indent.replace("\t", "  "))

    def insert_items(self, items: list[str], *, after: bool = False) -> tuple[TextEdit, ...]:
        """Return the edit that writes items before the item of the mark, or after it."""
        column = self.text.position(self.lines[0]).character
        line = self.text.line(self.text.position(self.lines[0]).line)
        dash = line.rfind("-", 0, column)
        if dash < 0:
            return ()
        indent, gap = " " * dash, line[dash + 1 : column] or " "
        written = [item.removeprefix("- ") for item in items]
        if after:
            new = "".join(f"{self.newline}{indent}-{gap}{item}" for item in written)
            return self.replace((self.lines[1], self.lines[1]), new)
        new = "".join(f"{item}{self.newline}{indent}-{gap}" for item in written)
        return self.replace((self.lines[0], self.lines[0]), new)

    def insert_key(self, pair: str) -> tuple[TextEdit, ...]:
        """Return the edit that writes a key below the item of the mark, or in its braces."""
        start, end = self.lines
        text = self.text.text
        if text[start : start + 1] == "{" and text[end - 1 : end] == "}":
            return self.replace((end - 1, end - 1), f", {pair}")
        indent = " " * self.text.position(start).character
        return self.replace((end, end), f"{self.newline}{indent}{pair}")

    def replace_within_item(self, old: str, new: str) -> tuple[TextEdit, ...]:
        start, end = self.lines
        at = self.text.text.find(old, start, end)
        return self.replace((at, at + len(old)), new) if at >= 0 else ()

    def set_value(self, name: str, value: str) -> tuple[TextEdit, ...]:
        start, end = self.lines
        found = re.search(rf"(?<![\w.]){re.escape(name)}: *([^,}}\n]*[^,}}\s])", self.text.text[start:end])
        if found:
            return self.replace((start + found.start(1), start + found.end(1)), value)
        if re.match(r"[\w.-]+: *\{.*[^{,\s] *\}$", self.text.text[slice(*self.pair)]):
            return self.replace((self.pair[1] - 1, self.pair[1] - 1), f", {name}: {value}")
        alone = re.match(r"([\w.-]+): *([\w.]+)$", self.text.text[slice(*self.pair)])
        cls = find_kind(alone[1]) if alone else None
        first = cls.first_argument(alone[1]) if cls and alone else None
        if first is None or alone is None:  # no layer with one argument, without its name
            return ()
        written = value if first.name == name else f"{{{first.name}: {alone[2]}, {name}: {value}}}"
        return self.replace((self.pair[0] + alone.start(2), self.pair[0] + alone.end(2)), written)


def _is_within(line: str, dash: int) -> bool:
    return bool(line.strip()) and indent_of(line) > dash
