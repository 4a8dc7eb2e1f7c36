"""One text as a page shows it: with variables, input sizes and a batch that were set beside it, not in it."""

from __future__ import annotations

import json
import time
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from shapecalc.editor.analysis import Analysis
from shapecalc.editor.positions import Position, Range, TextEdit, applied, end_of_value
from shapecalc.errors import Problem, ShapecalcError, ShapeError, UsageError
from shapecalc.escaping import clean
from shapecalc.language.members import NOTHING_EDITED
from shapecalc.language.values import BadValueError, plain
from shapecalc.network import Network
from shapecalc.source import read_text, short, shown_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.document import Document
    from shapecalc.model.report import Report
    from shapecalc.source import Value

__all__ = ["UNSET", "ShownText", "TextSettings", "written_variable"]

_SECONDS = 0.2
"""The time for trying a text without one of its settings, to find the one that makes it wrong."""


class TextSettings(NamedTuple):
    """What is set beside a text: variables, input sizes (by name), the batch, and the layout that sizes are shown in.

    Names that the text does not have any more are left out: it may have been edited since.
    """

    variables: Mapping[str, Any] = {}
    inputs: Mapping[str, Any] = {}
    batch: int = 1
    layout: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return not self.variables and not self.inputs and self.batch == 1 and not self.layout


_T = TypeVar("_T")

UNSET = TextSettings()


class ShownText(Analysis):
    """What is known of a text with settings; without any it is that of the text alone."""

    def __init__(
        self,
        text: str,
        path: str = "",
        variant: str = "",
        edited: Mapping[str, str] = NOTHING_EDITED,
        settings: TextSettings = UNSET,
    ) -> None:
        super().__init__(text, path, variant, edited)
        self.settings = settings

    @cached_property
    def _outcome(self) -> tuple[Network | None, Report | None, tuple[Problem, ...], tuple[Problem, ...]]:
        if self.settings.is_empty or self.document is None or self.recovered is not None:
            return super()._outcome
        network, report, problems, warnings = self._with(self.settings)
        return network, report, self._explained(problems), warnings

    def _with(
        self, settings: TextSettings
    ) -> tuple[Network | None, Report | None, tuple[Problem, ...], tuple[Problem, ...]]:
        """Return the outcome of the text with settings."""
        layout = settings.layout
        try:
            variables, sizes = self._variables(settings), self._sizes(settings)
            network = Network(self.member, variables).with_overrides(sizes or None, None, layout)
            report = network.infer(batch=settings.batch, layout=layout)
        except ShapeError as error:
            return network, error.report, error.problems, network.warnings
        except UsageError as error:
            found, part, problems, warnings = super()._outcome
            return found, part, (*self._located(error.problems), *problems), warnings
        except ShapecalcError as error:
            alone = super()._outcome
            return alone if alone[0] is None else (None, None, error.problems, ())  # wrong without the settings too
        return network, report, (), network.warnings

    def _located(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return problems of settings, those without a location where the text has the size of its input."""
        assert self.document is not None
        marks = self.document.marks
        mark = marks.get("input") or marks.get("inputs") or self.document.mark
        return [one if one.mark else one._replace(mark=mark) for one in problems]

    def _explained(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Return the problems of a text that is right without its settings: the first says which of these is wrong."""
        if not problems or self.alone.problems:
            return problems
        first, *others = problems
        return (first._replace(why=(*first.why, *self._reasons())), *others)

    def _reasons(self) -> list[str]:
        """Return which of the settings, each by itself, would be right as it is in the text: else all of them."""
        settings = self.settings
        variables, inputs = settings.variables, settings.inputs
        own = self.alone.network.graph if self.alone.network else None
        found: dict[str, tuple[str, str, TextSettings]] = {}
        if own is None:  # of a text with only blocks
            return []
        for name in self._variables_set(settings):
            rest = settings._replace(variables={one: value for one, value in variables.items() if one != name})
            found[name] = (_shown(variables[name]), _shown(own.variables.get(name)), rest)
        for name, sizes in self._sizes(settings).items():
            rest = settings._replace(inputs={one: size for one, size in inputs.items() if name and one != name})
            shape = own.inputs[name or next(iter(own.inputs))]
            found[name or "input"] = (_shown(sizes), _shown(shape.in_layout(settings.layout or own.layout)), rest)
        if len(found) > 1:
            end = time.monotonic() + _SECONDS
            tried = takewhile(lambda _: time.monotonic() < end, found.items())
            alone = next((name for name, (_, _, rest) in tried if not self._with(rest)[2]), "")
            found = {alone: found[alone]} if alone else found
        if len(found) == 1:
            [(name, (now, before, _))] = found.items()
            return [f"{name} is set to {now}: with {before}, as in the text, there is no error"]
        changes = " and ".join(
            [f"{name} is set to {now} ({before} in the text)" for name, (now, before, _) in found.items()]
        )
        return [f"{changes}: with the values of the text there is no error"] if found else []

    @cached_property
    def alone(self) -> Analysis:
        """What is known of the text alone."""
        return self if self.settings.is_empty else Analysis(self.text.text, self.path, self.asked, self.edited)

    @cached_property
    def settled(self) -> str:
        """The text with what is set written in it; where that cannot be, with a comment that says it."""
        if self.settings.is_empty or self.document is None:
            return self.text.text
        variables, sizes = self.settings.variables, self._sizes(self.settings)
        written = {name: _written(variables[name]) for name in self._variables_set(self.settings)}
        places = [(written_variable(self.document, name, self.variant), text) for name, text in written.items()]
        for name, given in sizes.items():
            written[name or "input"] = text = given if isinstance(given, str) else "x".join(map(str, given))
            places += [(value, text) for value in _written_inputs(self.document, name, self.variant)]
        edits = [self._replaced(value.mark, text) for value, text in places if self.is_own(value.mark)]
        text = applied(self.text, tuple(edits))
        found = Analysis(text, self.path, self.asked, self.edited).report
        if _sums(found) == _sums(self.report):
            return text
        values = ", ".join([f"{name}: {value}" for name, value in written.items()])
        return f"# Shown with {clean(values)}\n{self.text.text}"

    def _replaced(self, mark: Mark, text: str) -> TextEdit:
        """Return the edit that writes another value at a mark."""
        start = self.text.range_of(mark).start
        return TextEdit(
            Range(start, Position(start.line, end_of_value(self.text.line(start.line), start.character))), text
        )

    def numbered(self, own: Analysis, found: Mapping[int, _T]) -> dict[int, _T]:
        """Return what was found for problems of the text alone, by the places of these among those with settings."""
        if own is self:
            return dict(found)
        place = {_fact(problem): index for index, problem in enumerate(self.problems)}
        pairs = [(place.get(_fact(own.problems[index])), one) for index, one in found.items()]
        return {index: one for index, one in pairs if index is not None}

    def _variables_set(self, settings: TextSettings) -> list[str]:
        assert self.document is not None
        return [name for name in self.document.variables if name in settings.variables]

    def _variables(self, settings: TextSettings) -> dict[str, Any]:
        """Return the values that are set, of the variables that there are. Errors: `UsageError`, at the variable."""
        found = {}
        for name in self._variables_set(settings):
            try:
                found[name] = read_value(name, settings.variables[name])
            except UsageError as error:  # noqa: PERF203  (each has its location)
                assert self.document is not None
                mark = written_variable(self.document, name, self.variant).mark
                raise UsageError(
                    [one._replace(message=f"{name}: {one.message}", mark=mark) for one in error.problems]
                ) from None
        return found

    def _sizes(self, settings: TextSettings) -> dict[str, Any]:
        """Return the sizes that are set, of the inputs that there are."""
        sizes = dict(settings.inputs)
        document = self.document
        assert document is not None
        if "inputs" in document.keys:
            known = getattr(document.keys["inputs"], "pairs", ())
            names = {key.text for key, _ in known}
            if len(names) == 1 and "" in sizes:
                sizes = {next(iter(names)): sizes[""], **sizes}
            return {name: size for name, size in sizes.items() if name in names}
        only = [sizes[name] for name in ("input", "") if name in sizes]
        return {"": only[0]} if only else {}


def written_variable(document: Document, name: str, variant: str) -> Value:
    """Return the value of a variable as it is written: in a variant before that of the whole."""
    settings = document.variants[variant].keys.get("vars") if variant in document.variants else None
    for key, value in getattr(settings, "pairs", ()):
        if key.text == name:
            found: Value = value
            return found
    return document.variables[name]


def read_value(name: str, given: Any) -> Any:
    """Return the value of a variable: a text is read as in a specification. Errors: `UsageError`."""
    if not isinstance(given, str):
        return given
    if not given.strip():
        raise UsageError("a value is missing")
    value, problems = read_text(given, name)
    try:
        if value is None or problems:
            raise UsageError(problems or f"{name} has no value")
        return plain(value, {})
    except BadValueError as error:
        raise UsageError(error.problem) from None


def _written_inputs(document: Document, name: str, variant: str) -> list[Value]:
    """Return the sizes of an input as they are written: of the only one in a variant before those of the whole."""
    own = document.variants[variant].keys.get("input") if variant in document.variants else None
    if not name:
        found = own or document.keys.get("input")
        return [found] if found else []
    return [value for key, value in getattr(document.keys.get("inputs"), "pairs", ()) if key.text == name]


def _sums(report: Report | None) -> tuple[Any, ...]:
    """Return what two reports that show the same have in common."""
    return (report.total, report.outputs) if report else ()


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any) -> str:
    """Return a value that is set as it is shown: sizes as 3×224×224."""
    if isinstance(value, (list, tuple)) and all(type(one) is int for one in value):
        return "×".join(map(str, value))
    return short(value if isinstance(value, str) else shown_value(value)) or "nothing"


def _fact(problem: Problem) -> tuple[int, int, str]:
    mark = problem.mark
    return (mark.line if mark else 0, mark.column if mark else 0, problem.headline)
