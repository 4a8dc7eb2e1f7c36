"""YAML's errors in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Mark, Problem, Source
from shapecalc.source.brackets import CLOSING, unclosed
from shapecalc.source.decoding import mark_at
from shapecalc.source.values import short

if TYPE_CHECKING:
    from yaml.error import MarkedYAMLError

__all__ = ["comma_problem", "syntax_problem", "tabs_problem"]


def comma_problem(mark: Mark) -> Problem:
    """Return the problem of a comma at the end of a value, as Python and JSON have it."""
    return Problem("a value ends with a comma", mark, hint="remove the comma")


def tabs_problem(source: Source, number: int) -> Problem | None:
    """Return the problem of a line that is indented with tabs; None for any other."""
    line = source.line(number)
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" not in indent:
        return None
    mark = Mark(source, number, indent.index("\t") + 1, indent.count("\t"))
    return Problem("the line is indented with tabs", mark, hint="indent with spaces")


def _mark_of(mark: Any, source: Source) -> Mark:
    """Return a mark of yaml as a `Mark`; one after the last line moves to the end of the text."""
    line, column = mark.line + 1, mark.column + 1
    if not source.line(line):
        written = source.text.rstrip()
        if source.text[: len(written)].count("\n") < line - 1:
            return mark_at(source, max(0, len(written) - 1))
    return Mark(source, line, column)


def syntax_problem(error: MarkedYAMLError, source: Source) -> Problem:  # noqa: PLR0911  (one for each mistake)
    """Return yaml's error in plain words."""
    found = error.problem_mark or error.context_mark
    mark = _mark_of(found, source) if found else Mark(source, 0, 0)
    begin = _mark_of(error.context_mark, source) if error.context_mark else mark
    tabs = tabs_problem(source, mark.line)
    other = tabs or _comment_of_others(source, mark, begin)
    if other:
        return other
    problem, context = error.problem or "", error.context or ""
    slip = _slip(mark, begin, problem, context) or (_section(source) if "document start" in problem else None)
    if slip:
        return slip
    if "flow" not in context and re.fullmatch(r",\s*(#.*)?", source.line(mark.line)[mark.column - 1 :]):
        return comma_problem(mark)
    if "flow" in context:
        return _unclosed_bracket(begin, mark)
    if "quoted scalar" in context and "escape" not in problem and "hex" not in problem:
        return Problem("the quote is not closed", begin, hint="close it with the same quote that opens it")
    is_item = "block collection" in context and source.line(mark.line).lstrip().startswith("- ")
    if is_item or ("block mapping" in context and _WHOLE.match(source.line(mark.line))):
        return _not_indented(mark)
    glued = _glued(source, begin.line) if "simple key" in context else None
    if glued:
        return glued
    for words, message, hint in _SYNTAX:
        if words in problem or words in context:
            at = begin if words == "simple key" else mark
            return Problem(message.format(_character(at)), at, hint=hint)
    return Problem(f"this is not YAML: {problem}", mark, why=(context,) if context else ())


def _section(source: Source) -> Problem | None:
    """Return the problem of a file of INI or TOML, which begins with a section: `[tool]`; None for any other."""
    lines = enumerate(source.text.splitlines())
    number, first = next(((i, line.strip()) for i, line in lines if line.strip()[:1] not in ("", "#", ";")), (0, ""))
    if not re.fullmatch(r"\[\[?[\w.\" -]+\]\]?", first):
        return None
    message = f"`{short(first)}` begins a section of INI or TOML, and a specification is YAML"
    hint = "write `key: value`; a network of Darknet begins with [net]"
    return Problem(message, Mark(source, number + 1, 1, len(first)), hint=hint)


def _behind_item(mark: Mark) -> Problem | None:
    """Return the problem of a second item on the line of the first, `- conv: {…}, relu`; None for any other."""
    line = mark.source.line(mark.line)
    before, rest = line[: mark.column - 1].rstrip(), line[mark.column - 1 :]
    found = re.match(r"[,;]? *(?:- +)?([\w.-]+(?:: .*)?|)", rest)
    if not re.match(r"\s*- .*[}\]]$", before) or not found or not rest.strip():
        return None
    times = re.fullmatch(r"[x*×] *(\d+)", rest.strip())
    hint = f"write it on a line of its own: `- {short(found[1])}`" if found[1] else ""
    if re.match(r"[a-z_]+: [^{[]", found[1]):  # a key of the item, or a layer
        hint = f"write `{short(found[1])}` on a line of its own below it, or `- {short(found[1])}` if it is a layer"
    if times:
        hint = f"write `repeat: {times[1]}` below it, beside the kind"
    hint = hint or "write each item on a line of its own"
    return Problem(f"more text follows the `{before[-1]}` that ends this item", mark, hint=hint)


def _comment_of_others(source: Source, mark: Mark, begin: Mark) -> Problem | None:
    """Return the problem of a comment with `//`: at the mark, or a line of it there or above; None for any other."""
    at = [(mark.line, mark.column - 1), *[(number, 0) for number in (mark.line, mark.line - 1, begin.line)]]
    for number, start in at:
        line = source.line(number) if number > 0 else ""
        rest = line[start:].lstrip()
        if rest.startswith("//"):
            slashes = Mark(source, number, len(line) - len(rest) + 1, 2)
            return Problem("a comment begins with #, not //", slashes, hint="write `#` in place of `//`")
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _not_indented(mark: Mark) -> Problem:
    above = mark.source.line(mark.line - 1)
    if mark.column == 1 and mark.source.line(mark.line).startswith("- ") and re.match(r"[\w.-]+: +[^\s#]", above):
        return Problem("a list begins here without a key", mark, hint="write its key above it, such as `layers:`")
    is_closed = above.rstrip().endswith("}") and _indent(above) < mark.column - 1
    hint = "write it within the { } of the line above" if is_closed else ""
    item = re.match(r"( *(?:- +)+)([\w.-]+):", above) if is_closed else None
    if item and mark.source.line(mark.line).lstrip().startswith("- "):
        hint = f"an item is indented as those before it: by {item[1].find('-')}, not {mark.column - 1}"
    elif item:
        due, found, kind = len(item[1]), mark.column - 1, short(item[2])
        hint = f"a key beside {kind} is indented by {due}, not {found}"
        hint += f"; an argument of {kind} is written within the {{ }} of the line above" if found > due else ""
    message = "this line is not indented like its neighbours"
    return Problem(message, mark, hint=hint or "indent it exactly as the keys or items beside it")


_WHOLE = re.compile(r"\s*(- |[\w.-]+:(\s|$))")  # a line that is valid by itself: an item, or a key


def _glued(source: Source, number: int, end: int = 0) -> Problem | None:
    """Return the problem of a key without a space after its colon, before column `end` of a line; None for others."""
    line = source.line(number)
    found = re.match(r"(\s*(?:- +)*)([\w-]+):(?=[^\s/])", line)
    if not found or (end and end <= found.end()):
        return None
    hint = f"write `{found[1].lstrip()}{found[2]}: {short(line[found.end() :].strip())}`"
    return Problem("a space is missing after this `:`", Mark(source, number, found.end(), 1), hint=hint)


def _slip(mark: Mark, begin: Mark, problem: str, context: str) -> Problem | None:
    """Return the problem of a sign too many or too few; None for any other."""
    if "flow" not in context and _character(mark) in CLOSING.values():
        return Problem(f"this `{_character(mark)}` closes nothing", mark, hint="remove it")
    behind = _behind_item(mark) if "block" in context else None
    if behind:
        return behind
    if "mapping values" in problem:
        return _slip_above(mark, mark.source) or _slip_of_colon(mark)
    return _without_dash(begin) if "simple key" in context else None


def _slip_above(mark: Mark, source: Source) -> Problem | None:
    """Return the problem of a key without a space after its colon, or, in the line above, without a colon."""
    line, above = source.line(mark.line), source.line(mark.line - 1)
    glued = _glued(source, mark.line, mark.column)
    if glued is None and _indent(above) == _indent(line):
        glued = _glued(source, mark.line - 1)
    if glued:
        return glued
    item = re.fullmatch(r"\s*((?:- +)+)([A-Za-z_][\w.-]*)\s*(?:#.*)?", above)
    if item and _indent(line) > item.end(1):
        at = Mark(source, mark.line - 1, item.start(2) + 1, len(item[2]))
        return Problem("a `:` is missing after this", at, hint=f"write `{item[1]}{item[2]}:`")
    indent, word = re.match(r"\s*", line), re.match(r"\s*[\w-]+", above)
    if not word or not indent or ":" in above or len(above) - len(above.lstrip()) != indent.end():
        return None
    found = Mark(source, mark.line - 1, indent.end() + 1, word.end() - indent.end())
    return Problem("a `:` is missing after this", found, hint="write `key: value`, with a space after the `:`")


def _slip_of_colon(mark: Mark) -> Problem | None:
    """Return the problem of a second colon where none may be: arguments without braces, a line too far to the right."""
    line, above = mark.source.line(mark.line), mark.source.line(mark.line - 1)
    before, behind = line[: mark.column - 1], line[mark.column - 1 :]
    apart = re.match(r"\s*((?:- +)+)([\w.-]+) *(?=[{\[])", before)
    if apart:
        given = re.sub(r"\s+#.*", "", line[apart.end() :]).strip()
        rest = short(given) if given[-1:] in "}]" else "{…}"
        at = Mark(mark.source, mark.line, apart.start(2) + 1, len(apart[2]))
        return Problem("a `:` is missing after this", at, hint=f"write `{apart[1]}{apart[2]}: {rest}`")
    found = re.fullmatch(r"\s*((?:- +)+[\w.-]+:) +([\w.-]+)", before)
    if found:
        given = re.sub(r"\s+#.*", "", behind).strip()
        message = f"{found[2]} is an argument: it is written within braces"
        at = Mark(mark.source, mark.line, found.start(2) + 1, len(found[2]))
        given = given[:-1] if given.endswith("}") and given.count("}") > given.count("{") else given
        return Problem(message, at, hint=f"write `{found[1]} {{{found[2]}{short(given)}}}`")
    if re.fullmatch(r"\s+[\w.-]+", before) and _indent(line) > _indent(above) and ":" in above:
        return _not_indented(Mark(mark.source, mark.line, _indent(line) + 1, len(before.strip())))
    return None


def _without_dash(mark: Mark) -> Problem | None:
    """Return the problem of a word alone below items of a list that begin where it does; None for any other."""
    line, number = mark.source.line(mark.line), mark.line - 1
    while number > 0 and (not mark.source.line(number).strip() or _indent(mark.source.line(number)) > _indent(line)):
        number -= 1
    above = mark.source.line(number) if number > 0 else ""
    if not above.lstrip().startswith("- ") or _indent(above) != _indent(line) or line.lstrip().startswith("-"):
        return None
    word = line.strip()
    return Problem("a `- ` is missing before this", mark._replace(length=len(word)), hint=f"write `- {short(word)}`")


def _character(mark: Mark) -> str:
    return mark.source.line(mark.line)[mark.column - 1 : mark.column]


def _unclosed_bracket(begin: Mark, mark: Mark) -> Problem:
    source, line = mark.source, mark.source.line(mark.line)
    lines = source.text.splitlines()
    opened, is_new = unclosed(lines, mark.line - 1, mark.column - 1 if mark.line < len(lines) else None)
    if opened:
        begin = Mark(source, opened[0] + 1, opened[1] + 1)
    bracket = _character(begin) if _character(begin) in CLOSING else "["
    closing = CLOSING[bracket]
    left = source.line(begin.line)[begin.column :].strip()
    is_new = mark.line > begin.line and (is_new or line.lstrip().startswith("- "))
    is_end = (
        opened is not None and mark.line >= len(source.text.rstrip().splitlines()) and not line[mark.column :].strip()
    )
    if is_new and (left or bracket == "{"):  # no item of a mapping has a dash
        message = f"the `{bracket}` is not closed on its line, and something new begins below"
        return Problem(message, begin, hint=_how_to_close(closing, left))
    if is_end and _character(mark) not in CLOSING.values():
        return Problem(f"the `{bracket}` is not closed", begin, hint=_how_to_close(closing, left))
    if line[mark.column - 1 :].startswith("- "):
        return Problem(f"an item within `{bracket}` and `{closing}` has no dash", mark, hint="remove the `- `")
    key = re.search(r"(?<=\s)[\w.-]+$", line[: mark.column - 1]) if _character(mark) == ":" else None
    if key:
        before = Mark(source, mark.line, key.start() + 1, len(key[0]))
        return Problem(f"a `,` is missing before {short(key[0])}", before, hint="separate the arguments by commas")
    return Problem(
        f"a `,` or a `{closing}` is missing here",
        mark,
        hint=_word_with_brackets(line, mark.column - 1)
        or f"separate the items between `{bracket}` and `{closing}` by commas, and close it",
        also=((f"the `{bracket}` is at", begin),) if begin != mark else (),
    )


def _how_to_close(closing: str, written: str) -> str:
    """Return the hint to close a bracket, of which the rest of its line is known."""
    name = re.search(r"(?:^|[\s,{])([\w-]+)\s*:$", re.sub(r"\s#.*", "", written).rstrip())
    return f"close it with `{closing}`, behind the value of {short(name[1])}" if name else f"close it with `{closing}`"


def _word_with_brackets(line: str, at: int) -> str:
    """Return the hint for `depths[0]` or `${width}` within brackets, which end there; empty for anything else."""
    word, behind = re.search(r"[\w.-]+$", line[:at]), re.match(r"\[[^][]*\]", line[at:])
    if word and behind:
        return f'put a word with brackets in quotes here: "{short(word[0] + behind[0])}"'
    variable = re.match(r"\{+\s*(\w+)\s*\}", line[at:]) if line[:at].endswith("$") else None
    return f"write the variable alone: `{variable[1]}`" if variable else ""


# yaml's message (its C and its Python reader have different ones), its meaning, and the hint.
_SYNTAX = (
    (
        "mapping values are not allowed",
        "a `key: value` is not allowed here",
        "indent the line like its neighbours; put a text with `: ` in quotes",
    ),
    ("simple key", "a `:` is missing after this", "write `key: value`, with a space after the `:`"),
    ("cannot start any token", "`{}` cannot begin a word", "put the text in quotes"),
    (
        "sequence entries are not allowed",
        "a list cannot begin here",
        "put its first `- ` on a line of its own, below the key",
    ),
    (
        "block collection",
        "this line is indented like the items of a list, but is not one",
        "begin it with `- `, or indent it like its neighbours",
    ),
    (
        "block mapping",
        "this line is indented like a key, but is not one",
        "write `key: value`, or indent it like its neighbours",
    ),
    ("document start", "there is more text after the end of the specification", "a specification is one mapping"),
    ("undefined tag handle", "a word that begins with `!` is a tag, which is not read", "put the text in quotes"),
    ("scanning a tag", "a word that begins with `!` is a tag, which is not read", "put the text in quotes"),
    ("scanning an alias", "`*` begins an alias here, but no name follows it", "put the text in quotes"),
    ("scanning an anchor", "`&` begins an anchor here, but no name follows it", "put the text in quotes"),
    ("quoted scalar", "this is not an escape of YAML", "double the backslash, or use single quotes"),
    ("block scalar", "a text after `|` or `>` must be on the lines below it", "put the text in quotes"),
    ("directive", "a line that begins with `%` is a directive of YAML's own", "remove the line"),
    ("YAML document", "a line that begins with `%` is a directive of YAML's own", "remove the line"),
)
