"""What is known of one text of a specification: its problems, its network, and the sizes of all that is right.

Each part is worked out when first asked for, and once. A text that is wrong is known up to where it is: a YAML that
cannot be read is read without the item that is wrong, and layers that do not depend on a problem have sizes.
"""

from __future__ import annotations

import os
import time
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from shapecalc.collection import uncollected
from shapecalc.editor.positions import EditedText
from shapecalc.editor.recovery import recovered
from shapecalc.errors import Problem, ShapecalcError, ShapeError, SpecError
from shapecalc.language.block_files import is_of_blocks, problems_of_blocks
from shapecalc.language.members import NOTHING_EDITED, choose, read_edited
from shapecalc.model.inference import report_in_part, sizings_of
from shapecalc.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shapecalc.editor.recovery import Recovered
    from shapecalc.errors import Mark
    from shapecalc.language.document import Document
    from shapecalc.language.members import Member
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report

__all__ = ["MAX_CHARACTERS", "Analysis", "once_each"]

_T = TypeVar("_T")

MAX_CHARACTERS = 1_000_000
"""The maximum length of a text that is worked out while it is edited."""

_SECONDS = 0.5
"""The time within which a text with problems is expanded, to be expanded again for the sizes of what is right."""
_OF_SIZES = ("layout", "input", "inputs", "use")
"""Keys without which sizes would be those of another network."""
_UNTITLED = "<text>"


class Analysis:
    """One text of a specification, that of the file at `path` (empty if it has none), which may not be saved yet.

    `variant` is the member of a family that is shown (empty: the default one); `edited` are the texts of other files
    by their real paths, in place of what is saved.
    """

    def __init__(
        self, text: str, path: str = "", variant: str = "", edited: Mapping[str, str] = NOTHING_EDITED
    ) -> None:
        self.text = EditedText(text)
        self.path = path
        self.asked = variant
        self.edited = edited
        self.name = os.path.basename(path) or _UNTITLED
        self.results: dict[str, Any] = {}
        self.has_part = False

    @cached_property
    def member(self) -> Member:
        """The network of the text, which may have problems: of a family the chosen member."""
        return self._chosen(read_edited(self.text.text, self.path, self.name, self.edited))

    def _chosen(self, member: Member) -> Member:
        return choose(member, self.asked) if self.asked in member.specification.variants else member

    @cached_property
    def is_too_large(self) -> bool:
        """Whether the text is too long to be worked out while it is edited."""
        return len(self.text.text) > MAX_CHARACTERS

    @cached_property
    def recovered(self) -> Recovered | None:
        """The text without what keeps it from being read; None if it can be read, or if that is not found."""
        specification = self.member.specification
        if specification.document is not None or not specification.problems:
            return None
        return recovered(self.text.text, self.name, specification.problems[-1])

    @cached_property
    def readable(self) -> Member:
        """The network of what of the text can be read."""
        if self.recovered is None:
            return self.member
        return self._chosen(read_edited(self.recovered.value, self.path, self.name, self.edited))

    @property
    def document(self) -> Document | None:
        """The parts of what of the text can be read."""
        return None if self.is_too_large else self.readable.specification.document

    @property
    def variant(self) -> str:
        """The member of a family that is shown; empty where there is none."""
        return self.readable.variant

    @cached_property
    def network(self) -> Network | None:
        """The network, if its specification is valid; its sizes may not fit."""
        return self._outcome[0]

    @cached_property
    def report(self) -> Report | None:
        """The report of all layers whose sizes are known; None where there are none."""
        with uncollected():
            return self._report()

    def _report(self) -> Report | None:
        if not self.is_too_large and self.recovered is not None:
            return None if self.recovered.keys.intersection(_OF_SIZES) else _in_part(self.readable)
        return self._outcome[1] or (_in_part(self.member) if self.has_part else None)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """The errors of the text, in its order: also expectations that are not met."""
        with uncollected():
            return self._outcome[2]

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        """What is valid but probably a mistake, with its location."""
        return self._outcome[3]

    @cached_property
    def _outcome(self) -> tuple[Network | None, Report | None, tuple[Problem, ...], tuple[Problem, ...]]:
        if self.is_too_large:
            message = f"the text has {len(self.text.text):,} characters: an editor shows the sizes of at most"
            hint = "`shapecalc check` and `shapecalc summary` read a text of any length"
            return None, None, (Problem(f"{message} {MAX_CHARACTERS:,}", hint=hint),), ()
        if self.recovered is not None:
            return None, None, self._problems_of_recovered(), ()
        end = time.monotonic() + _SECONDS
        try:
            network = Network(self.member)
        except SpecError as error:
            self.has_part = time.monotonic() < end
            own = self.member.specification
            problems = problems_of_blocks(own) if is_of_blocks(own) else error.problems
            return None, None, problems, error.warnings
        except ShapecalcError as error:
            return None, None, error.problems, ()
        try:
            report: Report = network.infer()
        except ShapeError as error:
            return network, error.report, error.problems, network.warnings
        return network, report, tuple(network.unmet(report)), network.warnings

    def _problems_of_recovered(self) -> tuple[Problem, ...]:
        """Return the problems of the reading, and those of what is above it: the others may follow from these."""
        assert self.recovered is not None
        own = self.member.specification.problems
        try:
            Network(self.readable).infer()
        except ShapecalcError as error:
            end = self.recovered.first
            whole = self.document.mark if self.document else None
            above = [one for one in error.problems if one.mark and one.mark != whole]
            above = [one for one in above if one.mark and one.mark.line < end and self.is_own(one.mark)]
            return (*above, *[problem for problem in own if problem not in above])
        return own

    def is_own(self, mark: Mark) -> bool:
        """Return whether a mark is in this text, not in that of a file that it uses."""
        return mark.source.name == self.name and mark.line > 0

    @cached_property
    def graph(self) -> Graph | None:
        """The graph of the layers whose sizes are known."""
        return self.report.graph if self.report else None

    @property
    def uses_files(self) -> bool:
        """Whether the text uses blocks of other files."""
        return self.document is not None and "use" in self.document.keys

    def path_of(self, mark: Mark) -> str:
        """Return the path of the file that a mark is in; empty for one without."""
        if mark.source.name == self.name:
            return self.path
        return os.path.join(os.path.dirname(self.path), mark.source.name) if self.path else ""


def once_each(work: Callable[[Analysis], _T]) -> Callable[[Analysis], _T]:
    """Return a function of an analysis that is worked out once for each."""

    @wraps(work)
    def result(analysis: Analysis) -> _T:
        if work.__qualname__ not in analysis.results:
            analysis.results[work.__qualname__] = work(analysis)
        found: _T = analysis.results[work.__qualname__]
        return found

    return result


def _in_part(member: Member) -> Report | None:
    """Return the report of the layers of a network that are right; None if there are none."""
    try:
        graph, problems = member.specification.build({}, variant=member.variant, in_part=True)
    except ShapecalcError:
        return None
    sizings, wrong = sizings_of(graph)
    return report_in_part(graph, sizings, [*problems, *wrong]) if any(sizings) else None
