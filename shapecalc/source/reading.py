"""From text to values: the events of a YAML text, passed to the builder. This module imports yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Mark, Problem, Source
from shapecalc.source.assembly import MAX_DEPTH, StopReadingError, TreeBuilder, depth_problem
from shapecalc.source.decoding import UNREADABLE
from shapecalc.source.values import At, Scalar, as_list, short
from shapecalc.source.words import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.error import MarkedYAMLError

__all__ = ["check_characters", "error_line", "read_events"]


_WORDS_KEPT = 4096


def read_events(source: Source, builder: TreeBuilder) -> None:
    """Pass the events of a YAML text to the builder."""
    import yaml  # only when YAML is read: it costs start-up time

    try:
        try:
            _feed(yaml, source.text, builder)
        except yaml.MarkedYAMLError:
            from shapecalc.source.colons import with_colons  # only for text that is not valid YAML

            text = with_colons(source.text)
            if text == source.text:
                raise
            builder.restart()
            _feed(yaml, text, builder)
        if builder.is_dashed:
            _check_dashes(builder)
    except yaml.MarkedYAMLError as error:
        from shapecalc.source.syntax import syntax_problem

        _check_dashes(builder, error)
        problem = _nesting_problem(error, builder) or syntax_problem(error, source)
        raise StopReadingError(problem) from None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        words = " ".join(str(error).split())
        raise StopReadingError(Problem(f"this is not YAML: {words}", Mark(source, 0, 0))) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.value is None and not root.text):
        held = "has only comments" if "#" in source.text else "is empty"
        hint = "a specification has an input:, such as 3x224x224, and a list under layers:"
        raise StopReadingError(Problem(f"the file {held}", Mark(source, 0, 0), hint=hint))


def _feed(yaml: Any, text: str, builder: TreeBuilder) -> None:
    steps = {getattr(yaml, name): step for name, step in _STEPS.items()}
    plain, put = yaml.ScalarEvent, builder.put
    for event in _events(yaml, text):
        kind = type(event)
        builder.read_to = event.end_mark.index
        if kind is plain:
            value = _scalar(event, builder)
            if value is None:
                continue
            put(value)
            if event.anchor:
                builder.anchors[event.anchor] = (value, 1, 0)
        elif kind in steps:
            steps[kind](event, builder)


def _events(yaml: Any, text: str) -> Iterator[Any]:
    """Return the events of a text, as `yaml.parse` does, without its two calls more for each."""
    return iter(getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_event, None)


def error_line(text: str) -> int:
    """Return the line, from 0, where YAML stops to read a text; -1 if it reads all of it. No values are made."""
    import yaml

    try:
        for _ in _events(yaml, text):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.context_mark if "simple key" in (error.context or "") else error.problem_mark
        return int(mark.line) if mark else 0
    except (yaml.YAMLError, UnicodeError, ValueError):
        return 0
    return -1


def _nesting_problem(error: MarkedYAMLError, builder: TreeBuilder) -> Problem | None:
    """Return the problem of a text that is nested too deep up to where yaml stopped; None for any other.

    yaml reads ahead, and may have a limit of nesting of its own: it can stop before the builder has seen how deep the
    text is. The text before that is read again, separately, and only its depth is counted.
    """
    import yaml

    depth = 0
    end = error.problem_mark.index if error.problem_mark else 0
    ahead = builder.source.text[builder.read_to : end]
    if len(builder.stack) + sum(map(ahead.count, "[{-:?")) <= MAX_DEPTH:  # no deeper than that
        return None
    try:
        for event in _events(yaml, builder.source.text[:end]):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return depth_problem(Mark(*_at(event, builder)))
    except yaml.YAMLError:
        return None
    return None


def _check_dashes(builder: TreeBuilder, error: MarkedYAMLError | None = None) -> None:
    """Refuse a text with items that have no space after their dash; for an error of yaml, where they are before it."""
    from shapecalc.source.dashes import dash_problems  # only for what is wrong

    problems = dash_problems(builder.source)
    place = problems[0].mark if problems else None
    if place and (error is None or not error.problem_mark or place.line <= error.problem_mark.line + 1):
        *others, last = problems
        builder.restart()  # what else was found follows from these
        builder.problems += others
        raise StopReadingError(last)


def _begin_document(event: Any, builder: TreeBuilder) -> None:
    if builder.root is not None:
        mark = Mark(*_at(event, builder))
        hint = "one file is one specification: remove the `---` and what follows it, or move that to another file"
        raise StopReadingError(Problem("a second document begins here", mark, hint=hint))


def _scalar(event: Any, builder: TreeBuilder) -> Scalar | None:
    """Return the scalar of an event; a plain word that came before, as most did, is read in the fewest steps."""
    known = builder.words.get(event.value)
    if known is None or event.style or event.tag is not None:
        return _new_scalar(event, event.value, builder)
    text, value, trap, length = known
    start = event.start_mark
    return Scalar(value, text, (builder.source, start.line + 1, start.column + 1, length, ""), False, trap)


def _new_scalar(event: Any, text: str, builder: TreeBuilder) -> Scalar | None:
    """Return the scalar of an event; None for a part of a text that was reported as a whole."""
    at = _at(event, builder, event.tag)
    if builder.cut and at[1] == builder.cut[0] and at[2] <= builder.cut[1]:
        return None
    if event.style:
        check_characters(text, Mark(*at), builder)
        return Scalar(text, text, at, quoted=True)
    if text.endswith(","):
        return _without_comma(text, at, builder)
    value, trap = resolve(text)
    if event.end_mark.line != event.start_mark.line:
        _check_tabs(event, builder)
    if text[:1] == "-" and text[1:2] not in "-. 0123456789":
        builder.is_dashed = True
    if "(" in text and text.count("(") > text.count(")"):
        whole = _whole_of_cut(text, Mark(*at), builder)
        if whole:
            return whole
    elif _is_read_alike(text) and len(builder.words) < _WORDS_KEPT and not builder.cut:
        builder.words[text] = (text, value, trap, at[3])
    return Scalar(value, text, at, False, trap)


def _without_comma(text: str, at: At, builder: TreeBuilder) -> Scalar:
    """Report a text with a comma at its end, as values have in Python and JSON, and return it without the comma."""
    from shapecalc.source.syntax import comma_problem

    source, line, column, length, _ = at
    is_last = source.line(line)[column + length - 2 :][:1] == ","  # not where the text continues below
    builder.problems.append(comma_problem(Mark(source, line, column + length - 1) if is_last else Mark(*at)))
    kept = text.rstrip(", ")
    value, trap = resolve(kept)
    return Scalar(value, kept, at, False, trap)


def _is_read_alike(text: str) -> bool:
    """Return whether a plain word is always read alike: it is in one line, and no comma cuts it."""
    return not any(sign in text for sign in " \n(")


def _whole_of_cut(text: str, mark: Mark, builder: TreeBuilder) -> Scalar | None:
    """Report a text that a comma within its brackets cuts, as it does `(3, 3)` in { } and [ ], and return it whole."""
    start = mark.column - 1
    line = builder.source.line(mark.line)[start : start + _LONGEST_CUT]
    end = _end_of_brackets(line)
    if not end:
        return None
    builder.cut = (mark.line, mark.column + end)
    whole = mark._replace(length=end)
    shown = short(line[:end])
    if text.startswith("("):
        listed = short(as_list(line[:end]))
        hint = (
            f"write a list: {listed}" if listed else "write a list, in [ ], with quotes around what has a comma itself"
        )
        problem = Problem(f"`{shown}` is a tuple", whole, hint=hint)
    else:
        message = f"`{shown}` is cut at its comma, which separates items in {{ }} and [ ]"
        problem = Problem(message, whole, hint=f'put it in quotes: "{shown}"')
    builder.problems.append(problem)
    builder.words.clear()  # every word from here on is looked at: it may be a part of this one
    return Scalar(line[:end], line[:end], whole)  # so that it is not taken for a value that was left out


_LONGEST_CUT = 300
"""Letters that are looked through for the end of a text: a line may have a million of them."""


def _end_of_brackets(line: str) -> int:
    """Return the length of a text up to where its brackets are closed; 0 where they are not."""
    depth = 0
    for index, character in enumerate(line):
        depth += (character == "(") - (character == ")")
        if character == ")" and not depth:
            return index + 1
        if character in "#'\"":
            break
    return 0


def check_characters(text: str, mark: Mark, builder: TreeBuilder) -> None:
    """Check for control characters from escapes such as "backslash e", which would reach the user's terminal."""
    found = UNREADABLE.search(text)
    if found:
        message = f"the text contains the control character U+{ord(found[0]):04X}"
        builder.problems.append(Problem(message, mark, hint="remove it"))


def _check_tabs(event: Any, builder: TreeBuilder) -> None:
    """Check for plain text that continues in a line indented with tabs: it was meant as a separate line."""
    from shapecalc.source.syntax import tabs_problem

    for line in range(event.start_mark.line + 2, event.end_mark.line + 2):
        tabs = tabs_problem(builder.source, line)
        if tabs:
            builder.problems.append(tabs)
            return


_STEPS: dict[str, Callable[[Any, TreeBuilder], None]] = {
    "MappingStartEvent": lambda event, builder: builder.open(_at(event, builder, event.tag), True, event.anchor),
    "SequenceStartEvent": lambda event, builder: builder.open(_at(event, builder, event.tag), False, event.anchor),
    "MappingEndEvent": lambda _, builder: builder.close(),
    "SequenceEndEvent": lambda _, builder: builder.close(),
    "AliasEvent": lambda event, builder: builder.alias(event.anchor, Mark(*_at(event, builder))),
    "DocumentStartEvent": _begin_document,
}


def _at(event: Any, builder: TreeBuilder, tag: str | None = None) -> At:
    """Return the location of an event; a tag on it is a problem."""
    start, end = event.start_mark, event.end_mark
    line, column, source = start.line, start.column, builder.source
    length = end.column - column if end.line == line else len(source.line(line + 1)) - column
    at = (source, line + 1, column + 1, length if length > 0 else 1, "")
    if tag is not None:
        shown = short(tag.replace("tag:yaml.org,2002:", "!!"))
        message = f"the tag `{shown}` is not read: a specification is plain values"
        builder.problems.append(Problem(message, Mark(*at), hint="remove the tag, or put the text in quotes"))
    return at
