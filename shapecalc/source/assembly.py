"""Values built from events, without recursion: counted, bounded, with every mistake recorded."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from shapecalc.errors import Mark, Problem, Problems, Source, did_you_mean
from shapecalc.source.values import At, ListValue, MapValue, Scalar, Value, short

__all__ = ["MAX_DEPTH", "MAX_VALUES", "StopReadingError", "TreeBuilder", "depth_problem"]

MAX_DEPTH = 100
"""The maximum nesting of lists and mappings."""
MAX_VALUES = 2_000_000
"""The maximum number of values of a text, with its aliases expanded."""


class StopReadingError(Exception):
    """A problem that ends the reading."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Frame:
    """A list or a mapping that is not closed yet; `seen` is None for a list.

    `numbers` are keys of a mapping that are no words, as long as it has nothing else: it is a set, `{784, 10}`.
    """

    __slots__ = ("anchor", "at", "begun", "contents", "height", "is_set", "key", "merges", "numbers", "seen")

    def __init__(self, at: At, is_map: bool, anchor: str | None, begun: int) -> None:
        self.at = at
        self.anchor = anchor
        self.begun = begun  # how many values came before
        self.contents: list[Any] = []  # values, or the pairs of a mapping
        self.seen: dict[str, Scalar] | None = {} if is_map else None
        self.key: Scalar | None = None
        self.merges = False
        self.height = 1
        self.is_set = True
        self.numbers: list[Scalar] = []


_ITEM = ", or write each as an item of its own, with a `- ` before it"
_OPEN = (None, 0, 0)
_MOST_MEANT = 20  # unknown aliases that are read as the nearest anchor, so that no other problem follows from them
_Anchored: TypeAlias = "tuple[Value | None, int, int]"


class TreeBuilder:
    """Builds values from events, without recursion; counts them and enforces the limits."""

    def __init__(self, source: Source) -> None:
        self.source = source
        # The value of an invalid key is read and ignored.
        self.refused = Scalar(None, "", Mark(source, 0, 0))
        self.restart()

    def restart(self) -> None:
        """Release everything that was built."""
        self.root: Value | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.total = 0
        self.words: dict[str, tuple[str, float | str | None, str, int]] = {}
        self.problems = Problems()
        self.read_to = 0
        """How many characters of the text have been read."""
        self.is_dashed = False
        """Whether a word begins with a dash, without a space after it."""
        self.cut: tuple[int, int] | None = None
        """The line, and the last column, of a text that a comma cut."""

    def open(self, at: At, is_map: bool, anchor: str | None = None) -> None:
        """Open a list or a mapping."""
        if len(self.stack) >= MAX_DEPTH:
            raise StopReadingError(depth_problem(Mark(*at)))
        if anchor:
            self.anchors[anchor] = _OPEN
        self.stack.append(_Frame(at, is_map, anchor, self.total))
        self.total += 1

    def close(self) -> None:
        """Close the list or mapping that was opened last."""
        frame = self.stack.pop()
        value: Value
        if frame.seen is None:
            value = ListValue(frame.contents, frame.at)
        elif frame.numbers:
            value = self._of_set(frame)
        else:
            value = MapValue(self.merged(frame) if frame.merges else frame.contents, frame.at)
        self.total -= 1  # it was counted when it began
        self.put(value)
        if frame.anchor:
            self.anchors[frame.anchor] = (value, self.total - frame.begun, frame.height)
        if self.stack and frame.height >= self.stack[-1].height:
            self.stack[-1].height = frame.height + 1

    def alias(self, anchor: str, mark: Mark) -> None:
        """Add the value that an anchor names: the same one, not a copy."""
        if anchor not in self.anchors:
            above = partial(islice, self.anchors, len(self.anchors))
            hint = did_you_mean(anchor, above, f"name a value with `&{anchor}` above this line")
            self.problems.append(Problem(f"the alias `*{anchor}` names no anchor", mark, hint=hint))
            from shapecalc.suggestions import meant_word  # only when something is wrong

            anchor = meant_word(anchor, self.anchors) if len(self.problems) <= _MOST_MEANT else ""
            if not anchor or self.anchors[anchor][0] is None:
                self.put(Scalar(None, "", mark))
                return
        value, size, height = self.anchors[anchor]
        if value is None:
            raise StopReadingError(
                Problem(
                    f"the alias `*{anchor}` is inside its own anchor",
                    mark,
                    why=("the value would contain itself",),
                    hint="remove the alias, or write what it stands for",
                )
            )
        if len(self.stack) + height > MAX_DEPTH:
            raise StopReadingError(depth_problem(mark))
        self.total += size - 1
        self.put(value, mark, " once their aliases are written out")
        if self.stack:
            self.stack[-1].height = max(self.stack[-1].height, height + 1)

    def put(self, value: Value, mark: Mark | None = None, words: str = "") -> None:
        """Count a finished value, up to the maximum of a text, and hand it to the list or mapping around it."""
        self.total += 1
        if self.total > MAX_VALUES:
            message = f"the specification has more than {MAX_VALUES:,} values{words}"
            raise StopReadingError(Problem(message, mark or value.mark, hint="use `repeat:` or blocks"))
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        if frame.seen is None:
            frame.contents.append(value)
        elif frame.key is None:
            frame.key = self.key(value, frame, frame.seen)
        else:
            if frame.key is not self.refused:
                frame.contents.append((frame.key, value))
            elif not isinstance(value, Scalar) or value.text or value.quoted:
                self._no_set(frame, is_key=True)
            frame.key = None

    def key(self, value: Value, frame: _Frame, seen: dict[str, Scalar]) -> Scalar:
        """Return the value as a key, or `refused` if it cannot be one."""
        if value is self.refused:
            return self.refused
        if not isinstance(value, Scalar) or type(value.value) is not str or not value.text:
            if frame.is_set and not seen and isinstance(value, Scalar) and value.text:
                frame.numbers.append(value)
            else:
                self._no_set(frame)
                self.problems.append(_bad_key(value))
            return self.refused
        text = value.text
        if text in seen:
            if not self._is_list_without_dashes():
                self.problems.append(
                    Problem(
                        f"`{short(text)}` is given twice",
                        value.mark,
                        hint="keep one of the two" + (_ITEM if self._is_item() else ""),
                        also=(("first given at", seen[text].mark),),
                    )
                )
            return self.refused
        if text == "<<" and not value.quoted:
            frame.merges = True
        if not seen:
            if frame.numbers:
                self._no_set(frame)
            if 0 < value.at[1] == frame.at[1] and value.at[2] == frame.at[2]:
                frame.at = value.at  # a block mapping begins with its first key, and is marked by it
        seen[text] = value
        return value

    def _is_item(self) -> bool:
        """Return whether the mapping that is read is an item of a list."""
        return len(self.stack) > 1 and self.stack[-2].seen is None

    def _is_list_without_dashes(self) -> bool:
        """Return whether the mapping that is read is `layers:`: its reader reports that it must be a list."""
        key = self.stack[0].key if len(self.stack) == 2 else None
        return key is not None and key.text == "layers"

    def _no_set(self, frame: _Frame, *, is_key: bool = False) -> None:
        """Report the keys of a mapping that are numbers: it is no set, since it has words or values too.

        `is_key` is whether the last of them has a value.
        """
        keys = frame.numbers[-1:] if is_key else []
        self.problems += [_bad_key(value, is_alone=value not in keys) for value in frame.numbers]
        frame.numbers, frame.is_set = [], False

    def _of_set(self, frame: _Frame) -> Value:
        """Report a set of numbers, and return the value or the list that it means."""
        first, *others = frame.numbers
        shown = short(", ".join(value.text for value in frame.numbers))
        if others:  # the hint is that for the list, if the reader has one
            message = f"`{{{shown}}}` has values without keys: a list is written in [ ]"
            self.problems.append(Problem(message, Mark(*frame.at)))
            return ListValue([*frame.numbers], frame.at)
        hint = f"write {shown} without the braces"
        self.problems.append(Problem(f"`{{{shown}}}` has a value without a key", Mark(*frame.at), hint=hint))
        return first

    def merged(self, frame: _Frame) -> list[tuple[Scalar, Value]]:
        """Return the pairs of a mapping with those that `<<` merges; keys of the mapping itself win."""
        merged_keys = set(frame.seen or ())
        pairs: list[tuple[Scalar, Value]] = []
        for key, value in frame.contents:
            if key.text != "<<" or key.quoted:
                pairs.append((key, value))
                continue
            for part in value.items if isinstance(value, ListValue) else [value]:
                if not isinstance(part, MapValue):
                    message = "`<<` merges the keys of a mapping, or of a list of mappings"
                    self.problems.append(Problem(message, part.mark, hint="name a mapping, as in `<<: *name`"))
                    continue
                for inner, given in part.pairs:
                    if inner.text not in merged_keys:
                        merged_keys.add(inner.text)
                        pairs.append((inner, given))
        return pairs


def depth_problem(mark: Mark) -> Problem:
    """Return the problem of a text that is nested too deep."""
    message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
    return Problem(message, mark, hint="give the inner parts a name under `blocks:`")


def _bad_key(value: Value, *, is_alone: bool = False) -> Problem:
    """Return the problem of a key that is not a word; of one that `is_alone` nothing follows."""
    if not isinstance(value, Scalar):
        kind = "list" if isinstance(value, ListValue) else "mapping"
        hint = "put a key that begins with `[` or `{` in quotes"
        return Problem(f"a key is a word, not a {kind}", value.mark, hint=hint)
    if not value.text:
        return Problem("a key is missing before the `:`", value.mark, hint="write the key, or remove the line")
    shown = short(value.text)
    kind = "null" if value.value is None else "true or false" if isinstance(value.value, bool) else "a number"
    hint = f"write '{shown}' in quotes for the word, or a key before it: `key: {shown}`"
    if is_alone:
        hint = f"write the key that it belongs to before it: `key: {shown}`"
    if value.mark.source.line(value.mark.line)[: value.mark.column - 1].endswith(tuple(f"{n}," for n in range(10))):
        hint = "a comma within { } ends a value: write a number without separators, or in quotes"
    return Problem(f"a key is a word: `{shown}` is {kind}", value.mark, hint=hint)
