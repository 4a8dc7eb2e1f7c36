"""From text to values: the events of a YAML text, fed to the builder. This is where yaml is imported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Mark, Problem, Source
from shapecalc.source.assembly import MAX_DEPTH, StopReadingError, TreeBuilder, depth_problem
from shapecalc.source.decoding import UNREADABLE
from shapecalc.source.syntax import syntax_problem, tabs_problem
from shapecalc.source.values import Scalar, short
from shapecalc.source.words import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml.error import MarkedYAMLError

__all__ = ["check_characters", "read_events"]


def read_events(source: Source, builder: TreeBuilder) -> None:
    """Feed the events of a YAML text to the builder."""
    import yaml  # only when YAML is read: it costs start-up time

    try:
        try:
            _feed(yaml, source.text, builder)
        except yaml.MarkedYAMLError:
            from shapecalc.source.colons import with_colons  # only for what is no YAML as it stands

            text = with_colons(source.text)
            if text == source.text:
                raise
            builder.restart()
            _feed(yaml, text, builder)
        if builder.is_dashed:
            _check_dashes(builder)
    except yaml.MarkedYAMLError as error:
        _check_dashes(builder, error)
        problem = _nesting_problem(error, source) or syntax_problem(error, source)
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
    for event in yaml.parse(text, Loader=_loader(yaml)):
        step = steps.get(type(event))
        if step is not None:
            step(event, builder)


def _loader(yaml: Any) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _nesting_problem(error: MarkedYAMLError, source: Source) -> Problem | None:
    """Return the problem of a text that is nested too deep up to where yaml stopped; None for any other.

    yaml reads ahead, and may have a limit of nesting of its own: it can stop before the builder has seen how deep the
    text is. What stands before that is read again, by itself, and only its depth is counted.
    """
    import yaml

    depth = 0
    end = error.problem_mark.index if error.problem_mark else 0
    try:
        for event in yaml.parse(source.text[:end], Loader=_loader(yaml)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return depth_problem(_event_mark(event, source))
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
        mark = _event_mark(event, builder.source)
        hint = "one file is one specification: remove the `---`"
        raise StopReadingError(Problem("a second document begins here", mark, hint=hint))


def _add_scalar(event: Any, builder: TreeBuilder) -> None:
    mark = _checked_mark(event, builder)
    if builder.cut and mark.line == builder.cut[0] and mark.column <= builder.cut[1]:
        return  # a part of a text that was reported as a whole
    text = event.value
    if event.style:
        check_characters(text, mark, builder)
        builder.scalar(Scalar(text, text, mark, quoted=True), event.anchor)
        return
    if event.end_mark.line != event.start_mark.line:
        _check_tabs(event, builder)
    if text[:1] == "-" and text[1:2] not in "-. 0123456789":
        builder.is_dashed = True
    if "(" in text and text.count("(") > text.count(")") and _is_cut(text, mark, builder):
        return
    value, trap = resolve(text)
    builder.scalar(Scalar(value, text, mark, False, trap), event.anchor)


def _is_cut(text: str, mark: Mark, builder: TreeBuilder) -> bool:
    """Return whether a comma within its brackets cuts a text, as it does `(3, 3)` in { } and [ ]; then report it."""
    start = mark.column - 1
    line = builder.source.line(mark.line)[start : start + _LONGEST_CUT]
    end = _end_of_brackets(line)
    if not end:
        return False
    builder.cut = (mark.line, mark.column + end)
    whole = mark._replace(length=end)
    shown = short(line[:end])
    if text.startswith("("):
        problem = Problem(f"`{shown}` is a tuple", whole, hint=f"write a list: [{shown[1:-1]}]")
    else:
        message = f"`{shown}` is cut at its comma, which separates items in {{ }} and [ ]"
        problem = Problem(message, whole, hint=f'put it in quotes: "{shown}"')
    builder.problems.append(problem)
    builder.scalar(Scalar(None, "", whole))
    return True


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
    """Refuse what an escape such as "backslash e" can bring into a text: it would reach the reader's terminal."""
    found = UNREADABLE.search(text)
    if found:
        message = f"the text contains the control character U+{ord(found[0]):04X}"
        builder.problems.append(Problem(message, mark, hint="remove it"))


def _check_tabs(event: Any, builder: TreeBuilder) -> None:
    """Refuse a plain text that goes on in a line indented with tabs: it was to be a line of its own."""
    for line in range(event.start_mark.line + 2, event.end_mark.line + 2):
        tabs = tabs_problem(builder.source, line)
        if tabs:
            builder.problems.append(tabs)
            return


_STEPS: dict[str, Callable[[Any, TreeBuilder], None]] = {
    "ScalarEvent": _add_scalar,
    "MappingStartEvent": lambda event, builder: builder.open(_checked_mark(event, builder), True, event.anchor),
    "SequenceStartEvent": lambda event, builder: builder.open(_checked_mark(event, builder), False, event.anchor),
    "MappingEndEvent": lambda _, builder: builder.close(),
    "SequenceEndEvent": lambda _, builder: builder.close(),
    "AliasEvent": lambda event, builder: builder.alias(event.anchor, _event_mark(event, builder.source)),
    "DocumentStartEvent": _begin_document,
}


_mark_of = partial(tuple.__new__, Mark)  # as `Mark(...)`, in half the time: there is one for every word


def _event_mark(event: Any, source: Source) -> Mark:
    start, end = event.start_mark, event.end_mark
    line, column = start.line, start.column
    length = end.column - column if end.line == line else len(source.line(line + 1)) - column
    return _mark_of((source, line + 1, column + 1, length if length > 0 else 1, ""))


def _checked_mark(event: Any, builder: TreeBuilder) -> Mark:
    """Return the mark of an event; a tag on it is a problem."""
    mark = _event_mark(event, builder.source)
    if event.tag is not None:
        tag = short(event.tag.replace("tag:yaml.org,2002:", "!!"))
        message = f"the tag `{tag}` is not read: a specification is plain values"
        builder.problems.append(Problem(message, mark, hint="remove the tag, or put the text in quotes"))
    return mark
