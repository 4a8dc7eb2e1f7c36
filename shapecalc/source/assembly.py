"""Values built from events, without recursion: counted, bounded, every mistake kept."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TypeAlias

from shapecalc.errors import Mark, Problem, Problems, Source, did_you_mean
from shapecalc.source.values import ListValue, MapValue, Scalar, Value, short

__all__ = ["MAX_DEPTH", "MAX_VALUES", "StopReadingError", "TreeBuilder", "depth_problem"]

MAX_DEPTH = 100
"""How deep lists and mappings may be nested."""
MAX_VALUES = 2_000_000
"""The maximum number of values of a text, with those of its aliases."""


class StopReadingError(Exception):
    """A problem that ends the reading."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Frame:
    """A list or a mapping that is not closed yet; `seen` is None for a list."""

    __slots__ = ("anchor", "height", "items", "key", "mark", "merges", "pairs", "seen", "size")

    def __init__(self, mark: Mark, is_map: bool, anchor: str | None) -> None:
        self.mark = mark
        self.anchor = anchor
        self.items: list[Value] = []
        self.pairs: list[tuple[Scalar, Value]] = []
        self.seen: dict[str, Scalar] | None = {} if is_map else None
        self.key: Scalar | None = None
        self.merges = False
        self.size = 1
        self.height = 1


_OPEN = (None, 0, 0)
_Anchored: TypeAlias = "tuple[Value | None, int, int]"


class TreeBuilder:
    """Builds values from events, without recursion; counts them and enforces the limits."""

    def __init__(self, source: Source) -> None:
        self.source = source
        # The value of a refused key is read and ignored.
        self.refused = Scalar(None, "", Mark(source, 0, 0))
        self.restart()

    def restart(self) -> None:
        """Release everything that was built."""
        self.root: Value | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.total = 0
        self.problems = Problems()
        self.is_dashed = False
        """Whether a word begins with a dash, without a space after it."""
        self.cut: tuple[int, int] | None = None
        """The line, and the last column, of a text that a comma cut."""

    def open(self, mark: Mark, is_map: bool, anchor: str | None = None) -> None:
        """Begin a list or a mapping."""
        self.count(1, mark)
        self.check_depth(1, mark)
        if anchor:
            self.anchors[anchor] = _OPEN
        self.stack.append(_Frame(mark, is_map, anchor))

    def close(self) -> None:
        """End the list or mapping that was begun last."""
        frame = self.stack.pop()
        value: Value
        if frame.seen is None:
            value = ListValue(frame.items, frame.mark)
        else:
            value = MapValue(self.merged(frame) if frame.merges else frame.pairs, frame.mark)
        if frame.anchor:
            self.anchors[frame.anchor] = (value, frame.size, frame.height)
        self.put(value, frame.size, frame.height)

    def scalar(self, scalar: Scalar, anchor: str | None = None) -> None:
        """Add a scalar to what is open."""
        self.total += 1
        if self.total > MAX_VALUES:
            self.count(0, scalar.mark)
        if anchor:
            self.anchors[anchor] = (scalar, 1, 0)
        self.put(scalar, 1, 0)

    def alias(self, anchor: str, mark: Mark) -> None:
        """Add the value that an anchor names: the same one, not a copy."""
        if anchor not in self.anchors:
            above = partial(islice, self.anchors, len(self.anchors))
            hint = did_you_mean(anchor, above, f"name a value with `&{anchor}` above this line")
            self.problems.append(Problem(f"the alias `*{anchor}` names no anchor", mark, hint=hint))
            self.put(Scalar(None, "", mark), 1, 0)
            return
        value, size, height = self.anchors[anchor]
        if value is None:
            raise StopReadingError(
                Problem(
                    f"the alias `*{anchor}` is inside its own anchor",
                    mark,
                    why=("the value would contain itself",),
                    hint="write the value in full here",
                )
            )
        self.count(size, mark, " once their aliases are written out")
        self.check_depth(height, mark)
        self.put(value, size, height)

    def count(self, size: int, mark: Mark, words: str = "") -> None:
        """Count the added values, up to the maximum of a text."""
        self.total += size
        if self.total > MAX_VALUES:
            message = f"the specification has more than {MAX_VALUES:,} values{words}"
            raise StopReadingError(Problem(message, mark, hint="use `repeat:` or blocks"))

    def check_depth(self, height: int, mark: Mark) -> None:
        """Enforce the limit of nesting, for a value that is itself `height` deep."""
        if len(self.stack) + height > MAX_DEPTH:
            raise StopReadingError(depth_problem(mark))

    def put(self, value: Value, size: int, height: int) -> None:
        """Hand a finished value to the list or mapping around it."""
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        frame.size += size
        if height >= frame.height:
            frame.height = height + 1
        if frame.seen is None:
            frame.items.append(value)
        elif frame.key is None:
            frame.key = self.key(value, frame, frame.seen)
        else:
            if frame.key is not self.refused:
                frame.pairs.append((frame.key, value))
            frame.key = None

    def key(self, value: Value, frame: _Frame, seen: dict[str, Scalar]) -> Scalar:
        """Return the value as a key, or `refused` where it cannot be one."""
        if value is self.refused:
            return self.refused
        if not isinstance(value, Scalar) or type(value.value) is not str or not value.text:
            self.problems.append(_bad_key(value))
            return self.refused
        text = value.text
        if text in seen:
            self.problems.append(
                Problem(
                    f"`{short(text)}` is given twice",
                    value.mark,
                    hint="keep one of the two",
                    also=(("first given at", seen[text].mark),),
                )
            )
            return self.refused
        if text == "<<" and not value.quoted:
            frame.merges = True
        if not seen and value.mark.line and value.mark[1:3] == frame.mark[1:3]:
            frame.mark = value.mark  # a block mapping begins with its first key, and is marked by it
        seen[text] = value
        return value

    def merged(self, frame: _Frame) -> list[tuple[Scalar, Value]]:
        """Return the pairs of a mapping with those that `<<` merges; keys of the mapping itself win."""
        taken = set(frame.seen or ())
        pairs: list[tuple[Scalar, Value]] = []
        for key, value in frame.pairs:
            if key.text != "<<" or key.quoted:
                pairs.append((key, value))
                continue
            for part in value.items if isinstance(value, ListValue) else [value]:
                if not isinstance(part, MapValue):
                    message = "`<<` merges the keys of a mapping, or of a list of mappings"
                    self.problems.append(Problem(message, part.mark, hint="name a mapping, as in `<<: *name`"))
                    continue
                for inner, given in part.pairs:
                    if inner.text not in taken:
                        taken.add(inner.text)
                        pairs.append((inner, given))
        return pairs


def depth_problem(mark: Mark) -> Problem:
    """Return the problem of a text that is nested too deep."""
    message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
    return Problem(message, mark, hint="give the inner parts a name under `blocks:`")


def _bad_key(value: Value) -> Problem:
    if not isinstance(value, Scalar):
        kind = "list" if isinstance(value, ListValue) else "mapping"
        hint = "put a key that begins with `[` or `{` in quotes"
        return Problem(f"a key is a word, not a {kind}", value.mark, hint=hint)
    if not value.text:
        return Problem("a key is missing before the `:`", value.mark, hint="write the key, or remove the line")
    shown = short(value.text)
    kind = "nothing" if value.value is None else "true or false" if isinstance(value.value, bool) else "a number"
    hint = f"write '{shown}' in quotes for the word, or a key before it: `key: {shown}`"
    return Problem(f"a key is a word: `{shown}` is {kind}", value.mark, hint=hint)
