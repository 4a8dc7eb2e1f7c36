"""From a specification to a graph: layers, references, branches, blocks, repetition, expressions.

    text ──source──▶ values with marks ──document──▶ parts ──compilation, builder──▶ nodes ──order──▶ Graph

Every problem of a specification is found in one reading; `Specification.build` returns them with the part that could be
built, so that its sizes can be checked too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.language.compilation import Compilation
from shapecalc.language.document import Document, read_document
from shapecalc.language.values import BadValueError, plain
from shapecalc.model.graph import Graph
from shapecalc.source import read_object, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shapecalc.errors import Hint, Problem
    from shapecalc.language.document import Reader
    from shapecalc.source import Value

__all__ = ["Specification", "read_plain", "read_specification", "specification_of"]


class Specification:
    """A specification, read from text or objects, before its variables have their values. Immutable."""

    def __init__(
        self, name: str, document: Document | None, unreadable: Sequence[Problem], problems: Sequence[Problem] = ()
    ) -> None:
        self.name = name
        self.document = document
        self.unreadable = {_location(problem): problem for problem in unreadable}
        self.problems = self.besides_unreadable([*unreadable, *problems])
        self.unreadable = {place: p for p in self.problems if (place := _location(p)) in self.unreadable}

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of the members of a family; empty for a single network."""
        return tuple(self.document.variants) if self.document else ()

    def besides_unreadable(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return problems without those of a text that could not be read: what is wrong with it has been reported.

        One without a hint has that of what follows from it.
        """
        if not self.unreadable:
            return tuple(problems)
        own: list[Problem] = []
        hints: dict[Any, str | Hint] = {}
        for problem in problems:
            place = _location(problem)
            if self.unreadable.get(place, problem) is problem:
                own.append(problem)
            else:
                hints.setdefault(place, problem.hint)
        return tuple([p if p.hint else p._replace(hint=hints.get(_location(p), "")) for p in own])

    def build(
        self,
        variables: Mapping[str, Any] | None = None,
        *,
        inputs: Mapping[str, tuple[Any, ...]] | None = None,
        variant: str = "",
        in_part: bool = False,
    ) -> tuple[Graph, list[Problem]]:
        """Return the graph with these variables and input sizes, and all problems.

        Where variables or blocks are wrong, it has no layers; `in_part` it has those that do not use them, and then
        problems follow from others.

        `inputs` are sizes, in the layout of the specification, in place of its own; the name "" stands for the only
        input. Expectations are those of the unchanged specification: none if anything is overridden.
        """
        if self.document is None:
            return Graph(self.name, {}, (), ()), list(self.problems)
        compilation = Compilation(
            self.name, self.document, self.problems, variables or {}, inputs or {}, variant, in_part=in_part
        )
        graph, problems = compilation.graph()
        return graph, list(self.besides_unreadable(problems))


def read_specification(given: Any, name: str, reader: Reader | None = None) -> Specification:
    """Return the specification of a text, or of Python objects (a dict, a list of layers)."""
    value, problems = read_text(given, name) if isinstance(given, (str, bytes)) else read_object(given, name)
    return specification_of(value, problems, name, reader)


def specification_of(
    value: Value | None, problems: Sequence[Problem], name: str, reader: Reader | None
) -> Specification:
    """Return the specification of a value, or of a text without one, and of the problems of the reading."""
    if value is None:
        return Specification(name, None, problems)
    document, wrong = read_document(value, reader)
    return Specification(name, document, problems, wrong)


def _location(problem: Problem) -> tuple[Any, ...]:
    mark = problem.mark
    return (mark.source.name, mark.line, mark.column, mark.path) if mark else (id(problem),)


def read_plain(text: str) -> Any:
    """Return a text of YAML as plain Python. Errors: `ValueError`."""
    value, problems = read_text(text, "")
    try:
        return None if value is None or problems else plain(value, {})
    except BadValueError as error:
        raise ValueError(text) from error
