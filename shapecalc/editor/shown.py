"""One text as a page shows it: with variables, input sizes and a batch that were set beside it, not in it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from shapecalc.editor.analysis import Analysis
from shapecalc.errors import Problem, ShapecalcError, ShapeError, UsageError
from shapecalc.language.members import NOTHING_EDITED
from shapecalc.language.values import BadValueError, plain
from shapecalc.network import Network
from shapecalc.source import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.model.report import Report

__all__ = ["UNSET", "ShownText", "TextSettings"]


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
        document = self.document
        if self.settings.is_empty or document is None or self.recovered is not None:
            return super()._outcome
        try:
            network = Network(self.member, self._variables()).with_overrides(
                self._sizes() or None, None, self.settings.layout
            )
            report = network.infer(batch=self.settings.batch, layout=self.settings.layout)
        except ShapeError as error:
            return network, error.report, error.problems, network.warnings
        except UsageError as error:
            mark = document.marks.get("vars", document.mark)
            wrong = [one if one.mark else one._replace(mark=mark) for one in error.problems]
            found, part, problems, warnings = super()._outcome
            return found, part, (*wrong, *problems), warnings
        except ShapecalcError as error:
            alone = super()._outcome
            return alone if alone[0] is None else (None, None, error.problems, ())  # wrong without the settings too
        return network, report, (), network.warnings

    def without_settings(self) -> Analysis:
        """Return what is known of the text alone."""
        return self if self.settings.is_empty else Analysis(self.text.text, self.path, self.asked, self.edited)

    def numbered(self, own: Analysis, found: Mapping[int, _T]) -> dict[int, _T]:
        """Return what was found for problems of the text alone, by the places of these among those with settings."""
        if own is self:
            return dict(found)
        place = {_fact(problem): index for index, problem in enumerate(self.problems)}
        pairs = [(place.get(_fact(own.problems[index])), one) for index, one in found.items()]
        return {index: one for index, one in pairs if index is not None}

    def _variables(self) -> dict[str, Any]:
        assert self.document is not None
        given = self.settings.variables
        return {name: read_value(name, given[name]) for name in self.document.variables if name in given}

    def _sizes(self) -> dict[str, Any]:
        """Return the sizes that are set, of the inputs that there are."""
        sizes = dict(self.settings.inputs)
        document = self.document
        assert document is not None
        if "inputs" in document.keys:
            known = getattr(document.keys["inputs"], "pairs", ())
            names = {key.text for key, _ in known}
            return {name: size for name, size in sizes.items() if name in names}
        only = [sizes[name] for name in ("", "input") if name in sizes]
        return {"": only[0]} if only else {}


def read_value(name: str, given: Any) -> Any:
    """Return the value of a variable: a text is read as in a specification. Errors: `UsageError`."""
    if not isinstance(given, str):
        return given
    value, problems = read_text(given, name)
    try:
        if value is None or problems:
            raise UsageError(problems or f"{name} has no value")
        return plain(value, {})
    except BadValueError as error:
        raise UsageError(error.problem) from None


def _fact(problem: Problem) -> tuple[int, int, str]:
    mark = problem.mark
    return (mark.line if mark else 0, mark.column if mark else 0, problem.headline)
