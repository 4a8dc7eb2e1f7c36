"""Errors: marks into a source, problems, and the exceptions that carry them.

    ShapecalcError            every error of this package
    ├── SpecError             the text is not a specification
    ├── ShapeError            the sizes of the network do not fit
    ├── ExpectationError      the network does not meet its `expect:`
    ├── CheckpointError       the file of weights is broken, or of another format
    ├── UsageError            a file, name or option that does not exist, or is not valid
    └── MissingExtraError     an optional dependency is not installed

An error has facts (`problems`); its text is generated when it is shown. Marks, problems and errors are in one file, as
each uses the ones before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MAX_PROBLEMS",
    "CheckpointError",
    "ExpectationError",
    "Hint",
    "Insertion",
    "LayerError",
    "Mark",
    "MissingExtraError",
    "Problem",
    "Problems",
    "Proposal",
    "ShapeError",
    "ShapecalcError",
    "Source",
    "SpecError",
    "UsageError",
    "count_noun",
    "did_you_mean",
    "hint_of",
]


class Source:
    """A text that a specification is read from, with its name in errors."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        self.text = text
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its end; empty if there is no such line."""
        if self._lines is None:
            self._lines = self.text.splitlines()
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""


class Mark(NamedTuple):
    """A location in a source: line and column from 1; line 0 if the source is not text but Python objects."""

    source: Source
    line: int
    column: int
    length: int = 1
    path: str = ""

    def __str__(self) -> str:
        name = clean(self.source.name)
        if self.line:
            return f"{name}:{self.line}:{self.column}"
        return f"{name}: {clean(self.path)}" if self.path else name

    def excerpt(self, columns: int | None = None) -> list[str]:
        """Return the marked line with carets under the marked words; empty for Python objects.

        A line longer than that many columns (or than 110 characters) is shown around the mark.
        """
        text = self.source.line(self.line) if self.line else ""
        if not text:
            return []
        start = self.column - 1
        width = max(1, min(self.length, len(text) - start))
        room = min(_EXCERPT_WIDTH, max((columns or _EXCERPT_WIDTH + _GUTTER) - _GUTTER, _LEFT + 1))
        if len(text) > room:
            left = max(0, min(start - _LEFT, start + width + 1 - room))
            shown, start = text[left : left + room], start - left
            width = max(1, min(width, len(shown) - start))
            before, behind = "…" if left and start else "", "…" if len(text) > left + room > start + width else ""
            text = before + shown[len(before) : len(shown) - len(behind)] + behind
        shown = "".join(c if c.isprintable() else " " for c in text)
        return [f"{self.line:>5} │ {shown}", f"      │ {' ' * start}{'^' * width}"]


_EXCERPT_WIDTH = 110
_GUTTER = 8
_LEFT = 20


class Hint:
    """A hint that is computed only when it is shown: most of a thousand problems are not."""

    __slots__ = ("_text", "_work")

    def __init__(self, work: Callable[[], str]) -> None:
        self._work: Callable[[], str] | None = work
        self._text = ""

    def __str__(self) -> str:
        work = self._work
        if work is not None:  # two threads may both do the work, with the same result
            self._text = work()
            self._work = None
        return self._text

    def __repr__(self) -> str:
        return repr(str(self))

    def __bool__(self) -> bool:
        return bool(str(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, Hint)) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class _Facts(NamedTuple):
    message: str
    mark: Mark | None = None
    subject: str = ""
    why: tuple[str, ...] = ()
    hint: str | Hint = ""
    also: tuple[tuple[str, Mark], ...] = ()
    layer: str = ""
    too_small: bool = False
    copies: int = 1


class Problem(_Facts):
    """One problem: its location, message, reasons, and hint.

    `also` are related locations; `layer` names the layer; `too_small` is whether a larger input of
    the network might fix it; `copies` is how many copies of a repeated layer have it.
    """

    __slots__ = ()

    @property
    def hint(self) -> str:
        """The hint; a `Hint` is computed now."""
        return str(self[4])

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def headline(self) -> str:
        """The problem in one line, without its location."""
        copies = f" (in {self.copies:,} copies)" if self.copies > 1 else ""
        return (f"{self.subject}: {self.message}" if self.subject else self.message) + copies

    def lines(self, level: str = "", columns: int | None = None) -> list[str]:
        """Return the whole text of the problem, each line clean: location and headline, the line itself, why, hint.

        `level` is its level, if it is not an error: `warning`; cited lines are cut to that many columns.
        """
        is_in_path = self.mark is not None and not self.mark.line and self.mark.path.endswith(f" {self.subject}")
        headline = self._replace(subject="").headline if is_in_path else self.headline
        headline = _cut(f"{level}: {headline}" if level else headline)
        lines = [f"{self.mark}: {headline}" if self.mark else headline]
        if self.mark:
            lines += self.mark.excerpt(columns)
        lines += [f"   {_cut(line)}" for line in (*self.why, *filter(None, self.hint.split("\n")))]
        for words, mark in self.also:
            lines.append(f"   {_cut(words)} {mark}")
            lines += mark.excerpt(columns)
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the problem for the JSON contracts."""
        mark = self.mark
        return {
            "file": mark.source.name if mark else None,
            "line": mark.line or None if mark else None,
            "column": mark.column if mark and mark.line else None,
            "path": mark.path or None if mark else None,
            "layer": self.layer or None,
            "copies": self.copies,
            "message": self.headline,
            "why": list(self.why),
            "hint": self.hint or None,
        }


MAX_PROBLEMS = 100
"""The maximum number of problems of one specification that are listed."""


class Problems(list[Problem]):
    """Problems in the order found: the first ones (`most`), and the number of the rest. `noun` is what they are."""

    def __init__(self, problems: Iterable[Problem] = (), most: int = MAX_PROBLEMS, noun: str = "problem") -> None:
        super().__init__()
        self.unlisted = 0
        self.most = most
        self.noun = noun
        self.extend(problems)

    def append(self, problem: Problem) -> None:
        """Add a problem, up to the maximum that is listed."""
        if len(self) < self.most:
            super().append(problem)
        else:
            self.unlisted += 1

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add problems, up to the maximum that is listed."""
        for problem in problems:
            self.append(problem)
        self.unlisted += problems.unlisted if isinstance(problems, Problems) else 0

    def __iadd__(self, problems: Iterable[Problem]) -> Problems:  # type: ignore[override,misc]  # noqa: PYI034
        self.extend(problems)
        return self

    def listed(self) -> list[Problem]:
        """Return the problems; if there are too many, the last one is about the rest."""
        if not self.unlisted:
            return list(self)
        is_one = self.unlisted == 1
        rest = f"{self.unlisted:,} more {self.noun}{'' if is_one else 's'} like these {'is' if is_one else 'are'}"
        return [*self, Problem(f"{rest} not listed")]


def _cut(text: str) -> str:
    return clean(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


_LONGEST = 300


class Proposal(NamedTuple):
    """A change of one argument that may fix an error, if each of `values` does."""

    text: str
    argument: str
    values: tuple[Any, ...]


def hint_of(proposals: Iterable[Proposal]) -> str:
    """Return the hint of proposals: the first one for each argument."""
    texts: dict[str, str] = {}
    for proposal in proposals:
        texts.setdefault(proposal.argument, proposal.text)
    first, *others = texts.values() or [""]
    return ", or ".join([f"{first} would fit", *others]) if first else ""


class Insertion(NamedTuple):
    """A layer that makes an input fit: the item as it is written (`permute: [2, 1]`), and the index of the input.

    `due` are the sizes that the input must have, where another output of the same layer may be meant. `after` is a
    second layer below it (`batch_norm`), `when` the condition of both. `instead` is the condition that the layers of
    the branch have, where they are there already: `when` replaces it.
    """

    item: str
    input: int = 0
    due: tuple[Any, ...] = ()
    after: str = ""
    when: str = ""
    instead: str = ""

    @property
    def kind(self) -> str:
        """The kind of the layer."""
        return self.item.partition(":")[0]

    def before(self, layer: str = "it") -> str:
        """Return where to write it, while only the layer that needs it is known."""
        return f"write {self.items()} before {layer}"

    def items(self, source: str = "", name: str = "") -> str:
        """Return it as items of a list, of which the first names its input, and the last has a name, if given."""
        return " and ".join([f"`- {pairs if given else item}`" for item, pairs, given in self._written(source, name)])

    def branch(self, source: str = "") -> str:
        """Return it as a branch in brackets, that begins with the layer of a name, if given."""
        return f"[{', '.join([pairs for _, pairs, _ in self._written(source, '')])}]"

    def _written(self, source: str, name: str) -> list[tuple[str, str, bool]]:
        """Return each layer as an item, in braces, and whether it has layer-level keys, which braces are for."""
        items = [item for item in (self.item, self.after) if item]
        found = []
        for left, item in enumerate(items, 1 - len(items)):
            keys = {"from": source if item == self.item else "", "when": self.when, "name": "" if left else name}
            given = "".join(f", {key}: {value}" for key, value in keys.items() if value)
            kind = item if ":" in item else f"{item}: {{}}"
            found.append((item, f"{{{kind}{given}}}", bool(given)))
        return found


class LayerError(Exception):
    """The error of a layer or an argument about its numbers, before its location is known.

    A `hint` that has to say where another layer is to be inserted is a function of a text for each `Insertion`.

    `proposals` are for a caller that can try them and make a hint; `too_small` is whether a larger input would fit;
    `found` is the invalid value, if it is one of a list; `sides` are the two numbers that disagree.
    """

    def __init__(
        self,
        message: str,
        why: tuple[str, ...] = (),
        hint: str | Hint | Callable[[Callable[[Insertion], str]], str] = "",
        argument: str = "",
        *,
        proposals: tuple[Proposal, ...] = (),
        too_small: bool = False,
        found: Any = None,
        sides: tuple[Any, ...] = (),
    ) -> None:
        self.message = message
        self.why = why
        self._placed: Callable[[Callable[[Insertion], str]], str] | None = None
        self._hint: str | Hint = ""
        if isinstance(hint, (str, Hint)):
            self._hint = hint
        else:
            self.suggest(hint)
        self.argument = argument
        self.proposals = proposals
        self.too_small = too_small
        self.found = found
        self.sides = sides
        super().__init__(message)

    @property
    def hint(self) -> str:
        """The hint; a `Hint` is computed now."""
        return str(self._hint)

    @hint.setter
    def hint(self, hint: str | Hint) -> None:
        self._hint = hint

    def insertions(self) -> list[Insertion]:
        """Return the layers that the hint inserts."""
        found: list[Insertion] = []

        def place(layer: Insertion) -> str:
            found.append(layer)
            return ""

        if self._placed:
            self._placed(place)
        return found

    def suggest(self, hint: Callable[[Callable[[Insertion], str]], str]) -> None:
        """Set a hint that has to say where another layer is to be inserted."""
        self._placed = hint
        self.place(lambda layer: layer.before())

    def place(self, text: Callable[[Insertion], str]) -> None:
        """Complete a hint on layers that are inserted: `text` says where one is written."""
        placed = self._placed
        if placed is not None:
            self._hint = Hint(lambda: placed(text))

    def at(self, mark: Mark | None, subject: str = "", layer: str = "") -> Problem:
        """Return this as a problem at a location."""
        return Problem(self.message, mark, subject, self.why, self._hint, layer=layer, too_small=self.too_small)


class ShapecalcError(Exception):
    """Every error of this package; `problems` are all of them, in the order of the source."""

    exit_status = 1

    def __init__(self, problems: Problem | str | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)


class SpecError(ShapecalcError):
    """The text is not a specification: its YAML, its keys, its names or its values are wrong.

    `steps` is how many steps of expansion were made until then; `warnings` are those of what was read.
    """

    def __init__(
        self, problems: Problem | str | Iterable[Problem], steps: int = 0, warnings: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(problems)
        self.steps = steps
        self.warnings = warnings


class ShapeError(ShapecalcError):
    """The sizes of the network do not fit; `report` has all layers that could be inferred."""

    def __init__(self, problems: Problem | str | Iterable[Problem], report: Any = None) -> None:
        super().__init__(problems)
        self.report = report


class ExpectationError(ShapecalcError):
    """The network does not meet its `expect:`."""


class CheckpointError(ShapecalcError):
    """The file of weights is broken, or of another format."""


class UsageError(ShapecalcError):
    """A file, name or option that does not exist, or is not valid."""

    exit_status = 2


class MissingExtraError(ShapecalcError):
    """An optional dependency is not installed; the text names the command that installs it."""

    exit_status = 2

    def __init__(self, purpose: str, package: str, extra: str = "") -> None:
        target = f"'shapecalc-nn[{extra}]'" if extra else package
        super().__init__(
            Problem(f"{purpose} needs {package}, which is not installed", hint=f"install it with: pip install {target}")
        )


def did_you_mean(
    word: str, known: Iterable[str] | Callable[[], Iterable[str]], otherwise: str = "", *, lists: bool = True
) -> Hint:
    """Return the hint for an unknown word: the nearest known one, or else the list of them.

    `otherwise` is the hint if there is no word to suggest; without `lists` also instead of the list. `known` must not
    change until the hint is shown, or be a function.
    """

    def work() -> str:
        from shapecalc.suggestions import list_of_words, nearest_word  # only if there are problems

        words = dict.fromkeys(map(clean, known() if callable(known) else known))
        near = nearest_word(word, words) if isinstance(word, str) else ""  # a caller may pass anything
        return near or (list_of_words(words) if lists else "") or otherwise

    return Hint(work)


def count_noun(number: int, noun: str) -> str:
    """Return `1 layer`, `2 layers`, `1,000 layers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
