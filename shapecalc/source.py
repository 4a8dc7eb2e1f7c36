"""Specifications as values with marks: YAML text, or plain Python objects, read safely and in linear time.

A value is a `Scalar`, a `ListValue` or a `MapValue`; each knows the place that it was read from. Nothing that stands in
the text can run code, recurse, or grow beyond the limits below. What is wrong is returned, all of it, not raised.
This is the only module that knows YAML. Its plain words mean what YAML 1.2 says; a word that YAML readers disagree
about stays text and carries a `trap`, a sentence for whoever expected something else of it.
"""

from __future__ import annotations

import gc
import operator
import re
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.errors import Mark, Problem, Source, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.error import MarkedYAMLError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_PROBLEMS",
    "MAX_VALUES",
    "ListValue",
    "MapValue",
    "Scalar",
    "Value",
    "read_object",
    "read_text",
]

MAX_BYTES = 64 * 2**20
"""How long a text may be."""
MAX_DEPTH = 100
"""How deep lists and mappings may be nested."""
MAX_VALUES = 2_000_000
"""How many values a text may hold, counting what its aliases stand for."""
MAX_DIGITS = 40
"""How many digits an integer may have."""
MAX_PROBLEMS = 100
"""How many problems of one text are listed."""

_SHOWN = 40  # characters of a text that are shown in a message


class Scalar:
    """A number, a word, true, false or nothing: what it means (`value`) and how it was written (`text`)."""

    __slots__ = ("mark", "quoted", "text", "trap", "value")

    def __init__(self, value: float | str | None, text: str, mark: Mark, quoted: bool = False, trap: str = "") -> None:
        self.value = value
        self.text = text
        self.mark = mark
        self.quoted = quoted
        self.trap = trap

    def __repr__(self) -> str:
        return f"Scalar({_short(self.text)!r})"


class ListValue:
    """A list of values."""

    __slots__ = ("items", "mark")

    def __init__(self, items: list[Value], mark: Mark) -> None:
        self.items = items
        self.mark = mark

    def __repr__(self) -> str:
        return f"ListValue({len(self.items)} items)"


class MapValue:
    """A mapping from words to values, in the order written; no word stands twice."""

    __slots__ = ("_index", "mark", "pairs")

    def __init__(self, pairs: list[tuple[Scalar, Value]], mark: Mark) -> None:
        self.pairs = pairs
        self.mark = mark
        self._index: dict[str, Value] | None = None

    def get(self, key: str) -> Value | None:
        """Return the value of a key, or None where there is no such key."""
        if self._index is None:
            self._index = {scalar.text: value for scalar, value in self.pairs}
        return self._index.get(key)

    def keys(self) -> list[str]:
        """Return the keys in the order written."""
        return [scalar.text for scalar, _ in self.pairs]

    def __repr__(self) -> str:
        return f"MapValue({len(self.pairs)} pairs)"


Value: TypeAlias = Scalar | ListValue | MapValue


def read_text(text: str | bytes, name: str) -> tuple[Value | None, list[Problem]]:
    """Read YAML (or JSON, which is YAML) and return its value and all that is wrong with it.

    The value is None where nothing could be read. `name` is what errors call the text, such as its file name.
    """
    source = Source(name)
    builder = _Builder(source)
    try:
        source.text = _decode(text, source)
        _check_text(source)
        with _collector_paused():
            _read_events(source, builder)
    except _StopReadingError as stop:
        return None, [*builder.listed(), stop.problem]
    return builder.root, builder.listed()


def read_object(obj: object, name: str = "<dict>") -> tuple[Value | None, list[Problem]]:
    """Turn Python's own dicts, lists, texts and numbers into values; their marks name the path to them."""
    builder = _Builder(Source(name))
    try:
        with _collector_paused():
            _read_objects(obj, builder)
    except _StopReadingError as stop:
        return None, [*builder.listed(), stop.problem]
    return builder.root, builder.listed()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the search for circular garbage: reading makes none, and the search would take most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


# ── the values as they are put together ───────────────────────────────────────────────────────────────────────────


class _StopReadingError(Exception):
    """What was found ends the reading."""

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


class _Builder:
    """Puts values together from events, without recursion; counts them and holds their limits."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Value | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.total = 0
        self.problems: list[Problem] = []
        self.unlisted = 0
        # What follows a key that was refused belongs to nothing; it is read, and left.
        self.refused = Scalar(None, "", Mark(source, 0, 0))

    def add_problem(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.unlisted += 1

    def listed(self) -> list[Problem]:
        """Return the problems; where they are too many, the last says how many more there are."""
        if not self.unlisted:
            return self.problems
        return [*self.problems, Problem(f"{self.unlisted:,} more problems like these are not listed")]

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
        self.count(1, scalar.mark)
        if anchor:
            self.anchors[anchor] = (scalar, 1, 0)
        self.put(scalar, 1, 0)

    def alias(self, anchor: str, mark: Mark) -> None:
        """Add the value that an anchor names: the same one, not a copy."""
        if anchor not in self.anchors:
            mend = did_you_mean(anchor, self.anchors) or f"name a value with `&{anchor}` above this line"
            self.add_problem(Problem(f"the alias `*{anchor}` names no anchor", mark, mend=mend))
            self.put(Scalar(None, "", mark), 1, 0)
            return
        value, size, height = self.anchors[anchor]
        if value is None:
            raise _StopReadingError(
                Problem(
                    f"the alias `*{anchor}` stands inside its own anchor",
                    mark,
                    why=("the value would contain itself, without end",),
                    mend="write out what is meant here",
                )
            )
        self.count(size, mark, " once their aliases are written out")
        self.check_depth(height, mark)
        self.put(value, size, height)

    def count(self, size: int, mark: Mark, words: str = "") -> None:
        self.total += size
        if self.total > MAX_VALUES:
            message = f"the specification holds more than {MAX_VALUES:,} values{words}"
            raise _StopReadingError(Problem(message, mark, mend="`repeat:` and blocks say the same in fewer"))

    def check_depth(self, height: int, mark: Mark) -> None:
        if len(self.stack) + height > MAX_DEPTH:
            message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
            raise _StopReadingError(Problem(message, mark, mend="give the inner parts a name under `blocks:`"))

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
            self.add_problem(_bad_key(value))
            return self.refused
        text = value.text
        if text in seen:
            self.add_problem(
                Problem(
                    f"`{_short(text)}` is given twice",
                    value.mark,
                    mend="keep one of the two",
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
        """Return the pairs of a mapping with those that `<<` brings in; what is written out wins."""
        taken = set(frame.seen or ())
        pairs: list[tuple[Scalar, Value]] = []
        for key, value in frame.pairs:
            if key.text != "<<" or key.quoted:
                pairs.append((key, value))
                continue
            for part in value.items if isinstance(value, ListValue) else [value]:
                if not isinstance(part, MapValue):
                    message = "`<<` brings in the keys of a mapping, or of a list of mappings"
                    self.add_problem(Problem(message, part.mark, mend="name a mapping, as in `<<: *name`"))
                    continue
                for inner, given in part.pairs:
                    if inner.text not in taken:
                        taken.add(inner.text)
                        pairs.append((inner, given))
        return pairs


def _bad_key(value: Value) -> Problem:
    if not isinstance(value, Scalar):
        kind = "list" if isinstance(value, ListValue) else "mapping"
        mend = "put a key that begins with `[` or `{` in quotes"
        return Problem(f"a key is a word, not a {kind}", value.mark, mend=mend)
    if not value.text:
        return Problem("a key is missing before the `:`", value.mark, mend="write the key, or remove the line")
    shown = _short(value.text)
    kind = "nothing" if value.value is None else "true or false" if isinstance(value.value, bool) else "a number"
    return Problem(f"a key is a word: `{shown}` is {kind}", value.mark, mend=f"write '{shown}' in quotes for the word")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


# ── what a plain word means ───────────────────────────────────────────────────────────────────────────────────────


def _words() -> dict[str, tuple[float | str | None, str]]:
    words: dict[str, tuple[float | str | None, str]] = {"": (None, ""), "~": (None, "")}
    meanings: tuple[tuple[str, float | None], ...] = (("true", True), ("false", False), ("null", None))
    for word, value in meanings:
        words |= dict.fromkeys((word, word.capitalize(), word.upper()), (value, ""))
    for word in ("yes", "no", "on", "off", "y", "n"):
        meant = "true" if word in ("yes", "on", "y") else "false"
        for cased in (word, word.capitalize(), word.upper()):
            trap = f"`{cased}` means {meant} to many YAML readers: write '{cased}' in quotes for the word, or {meant}"
            words[cased] = (cased, trap)
    for word in (".inf", ".Inf", ".INF"):
        words |= {sign + word: (float(sign + "inf"), "") for sign in ("", "+", "-")}
    words |= {word: (float("nan"), "") for word in (".nan", ".NaN", ".NAN")}
    return words


_WORDS = _words()
_INTEGER = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = re.compile(r"[-+]?0(?:x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NUMBER_BEGINS = frozenset("0123456789+-.")


def _resolve(text: str) -> tuple[float | str | None, str]:
    """Return what a plain word means, and its trap where YAML readers disagree."""
    known = _WORDS.get(text)
    if known is not None:
        return known
    if text[0] not in _NUMBER_BEGINS:
        return text, ""
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text), ""
    if _BASED.fullmatch(text) or _SIXTIES.fullmatch(text):
        return text, _number_trap(text)
    return text, ""


def _integer(text: str) -> tuple[int | str, str]:
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) > MAX_DIGITS:
        return text, _long_trap(len(digits))
    if len(digits) > 1 and digits[0] == "0":
        meant = int(text.replace("_", ""))
        return text, f"`{text}` is octal to some YAML readers, decimal to others: write {meant}, or '{text}' in quotes"
    return int(text), ""


def _long_trap(digits: int) -> str:
    return f"a number of {digits:,} digits is beyond any size: at most {MAX_DIGITS} digits"


def _number_trap(text: str) -> str:
    if len(text) > MAX_DIGITS:
        return _long_trap(len(text))
    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-").replace("_", "")
    meant: float = 0
    if ":" in text:
        for part in digits.split(":"):
            meant = meant * 60 + (float(part) if "." in part else int(part))
    else:
        meant = int(digits[2:] or "0", {"x": 16, "o": 8, "b": 2}[digits[1]])
    meant *= sign
    return f"`{text}` is {meant} to some YAML readers, text to others: write {meant}, or '{text}' in quotes"


# ── from bytes to text ────────────────────────────────────────────────────────────────────────────────────────────

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.1, section 4.1
_TAG_DIRECTIVE = re.compile("(?:^|[\n\r\x85\u2028\u2029])%TAG")


def _decode(text: str | bytes, source: Source) -> str:
    if len(text) > MAX_BYTES:
        size = f"{len(text) / 2**20:,.1f} MiB"
        mend = f"a specification is at most {MAX_BYTES // 2**20} MiB"
        raise _StopReadingError(Problem(f"the text is {size} long", Mark(source, 0, 0), mend=mend))
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    is_wide = text[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return text.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in text and not is_wide:
            raise _StopReadingError(_binary(source)) from None
        if is_wide:
            raise _StopReadingError(
                Problem("the file is not UTF-16 text", Mark(source, 0, 0), mend="save it as UTF-8")
            ) from None
        start = error.start
        source.text = text.decode("utf-8-sig", "replace")
        place = _place(source, len(text[:start].decode("utf-8-sig")))
        message = f"the file is not UTF-8 text: it holds the byte 0x{text[start]:02X}"
        raise _StopReadingError(Problem(message, place, mend="save it as UTF-8")) from None


def _binary(source: Source) -> Problem:
    return Problem("the file is binary, not text", Mark(source, 0, 0), mend="a specification is YAML, saved as UTF-8")


def _check_text(source: Source) -> None:
    """Refuse what no YAML reader should be asked to read."""
    text = source.text
    if "\0" in text:
        raise _StopReadingError(_binary(source))
    found = _UNREADABLE.search(text)
    if found:
        message = f"the character U+{ord(found[0]):04X} cannot stand in YAML"
        raise _StopReadingError(Problem(message, _place(source, found.start()), mend="remove it"))
    found = _TAG_DIRECTIVE.search(text)
    if found:  # reading these takes the square of their number
        message = "a `%TAG` directive is not read: a specification is plain values"
        raise _StopReadingError(Problem(message, _place(source, found.end() - 1), mend="remove the line"))


def _place(source: Source, offset: int) -> Mark:
    lines = (source.text[:offset] + "x").splitlines()
    return Mark(source, len(lines), len(lines[-1]))


# ── from text to values ───────────────────────────────────────────────────────────────────────────────────────────


def _read_events(source: Source, builder: _Builder) -> None:
    """Feed the events of a YAML text to the builder."""
    import yaml  # noqa: PLC0415  (only when YAML is read: it costs start-up time)

    try:
        for event in yaml.parse(source.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            step = _STEPS.get(type(event).__name__)
            if step is not None:
                step(event, builder)
    except yaml.MarkedYAMLError as error:
        raise _StopReadingError(_syntax_problem(error, source)) from None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        words = " ".join(str(error).split())
        raise _StopReadingError(Problem(f"this is not YAML: {words}", Mark(source, 0, 0))) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.value is None and not root.text):
        held = "holds only comments" if "#" in source.text else "is empty"
        message = f"the file {held}: a specification needs at least `layers:`"
        raise _StopReadingError(Problem(message, Mark(source, 0, 0)))


def _begin_document(event: Any, builder: _Builder) -> None:
    if builder.root is not None:
        mark = _event_mark(event, builder.source)
        mend = "one file is one specification: remove the `---`"
        raise _StopReadingError(Problem("a second document begins here", mark, mend=mend))


def _add_scalar(event: Any, builder: _Builder) -> None:
    mark = _checked_mark(event, builder)
    text = event.value
    if event.style:
        _check_characters(text, mark, builder)
        builder.scalar(Scalar(text, text, mark, quoted=True), event.anchor)
        return
    if event.end_mark.line != event.start_mark.line:
        _check_tabs(event, builder)
    value, trap = _resolve(text)
    builder.scalar(Scalar(value, text, mark, False, trap), event.anchor)


def _check_characters(text: str, mark: Mark, builder: _Builder) -> None:
    """Refuse what an escape such as "backslash e" can bring into a text: it would reach the reader's terminal."""
    found = _UNREADABLE.search(text)
    if found:
        message = f"the text holds the control character U+{ord(found[0]):04X}"
        builder.add_problem(Problem(message, mark, mend="remove it"))


def _check_tabs(event: Any, builder: _Builder) -> None:
    """Refuse a plain text that goes on in a line indented with tabs: it was to be a line of its own."""
    for line in range(event.start_mark.line + 2, event.end_mark.line + 2):
        tabs = _tabs(builder.source, line)
        if tabs:
            builder.add_problem(tabs)
            return


def _tabs(source: Source, number: int) -> Problem | None:
    line = source.line(number)
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" not in indent:
        return None
    mark = Mark(source, number, indent.index("\t") + 1, indent.count("\t"))
    return Problem("tabs stand where spaces are due", mark, mend="indent with spaces")


_STEPS: dict[str, Callable[[Any, _Builder], None]] = {
    "ScalarEvent": _add_scalar,
    "MappingStartEvent": lambda event, builder: builder.open(_checked_mark(event, builder), True, event.anchor),
    "SequenceStartEvent": lambda event, builder: builder.open(_checked_mark(event, builder), False, event.anchor),
    "MappingEndEvent": lambda _, builder: builder.close(),
    "SequenceEndEvent": lambda _, builder: builder.close(),
    "AliasEvent": lambda event, builder: builder.alias(event.anchor, _event_mark(event, builder.source)),
    "DocumentStartEvent": _begin_document,
}


def _event_mark(event: Any, source: Source) -> Mark:
    start, end = event.start_mark, event.end_mark
    line, column = start.line, start.column
    length = end.column - column if end.line == line else len(source.line(line + 1)) - column
    return Mark(source, line + 1, column + 1, length if length > 0 else 1)


def _checked_mark(event: Any, builder: _Builder) -> Mark:
    """Return the mark of an event; a tag on it is a problem."""
    mark = _event_mark(event, builder.source)
    if event.tag is not None:
        tag = _short(event.tag.replace("tag:yaml.org,2002:", "!!"))
        message = f"the tag `{tag}` is not read: a specification is plain values"
        builder.add_problem(Problem(message, mark, mend="remove the tag, or put the text in quotes"))
    return mark


# ── YAML's errors in words ────────────────────────────────────────────────────────────────────────────────────────


def _mark_of(mark: Any, source: Source) -> Mark:
    """Return a mark of yaml's as ours; one behind the last line moves to the end of what is written."""
    line, column = mark.line + 1, mark.column + 1
    if not source.line(line):
        written = source.text.rstrip()
        if source.text[: len(written)].count("\n") < line - 1:
            return _place(source, max(0, len(written) - 1))
    return Mark(source, line, column)


def _syntax_problem(error: MarkedYAMLError, source: Source) -> Problem:
    """Say in the reader's words what yaml found wrong."""
    place = error.problem_mark or error.context_mark
    mark = _mark_of(place, source) if place else Mark(source, 0, 0)
    begin = _mark_of(error.context_mark, source) if error.context_mark else mark
    tabs = _tabs(source, mark.line)
    if tabs:
        return tabs
    problem, context = error.problem or "", error.context or ""
    if "flow" in context:
        return _unclosed_bracket(begin, mark)
    if "quoted scalar" in context and "escape" not in problem and "hex" not in problem:
        return Problem("the quote is not closed", begin, mend="close it with the same quote that opens it")
    for words, message, mend in _SYNTAX:
        if words in problem or words in context:
            at = begin if words == "simple key" else mark
            return Problem(message.format(_character(at)), at, mend=mend)
    return Problem(f"this is not YAML: {problem}", mark, why=(context,) if context else ())


def _character(mark: Mark) -> str:
    return mark.source.line(mark.line)[mark.column - 1 : mark.column]


def _unclosed_bracket(begin: Mark, mark: Mark) -> Problem:
    bracket = _character(begin) if _character(begin) in "[{" else "["
    closing = "}" if bracket == "{" else "]"
    return Problem(
        f"a `,` or a `{closing}` is missing here",
        mark,
        mend=f"separate what stands between `{bracket}` and `{closing}` by commas, and close it",
        also=((f"the `{bracket}` stands at", begin),) if begin != mark else (),
    )


# What yaml says (its C and its Python reader word things differently), what it means, and the mend.
_SYNTAX = (
    (
        "mapping values are not allowed",
        "a `key: value` cannot stand here",
        "indent the line as its neighbours are; a text that holds `: ` stands in quotes",
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
        "this line is indented like the items of a list, but is none",
        "begin it with `- `, or indent it as the lines that it belongs to",
    ),
    (
        "block mapping",
        "this line is indented like a key, but is none",
        "write `key: value`, or indent it as the lines that it belongs to",
    ),
    ("document start", "something follows where the text should end", "a specification is one mapping"),
    ("undefined tag handle", "a word that begins with `!` is a tag, which is not read", "put the text in quotes"),
    ("scanning a tag", "a word that begins with `!` is a tag, which is not read", "put the text in quotes"),
    ("scanning an alias", "`*` begins an alias here, and no name follows it", "put the text in quotes"),
    ("scanning an anchor", "`&` begins an anchor here, and no name follows it", "put the text in quotes"),
    ("quoted scalar", "YAML does not know this escape", "double the backslash, or use single quotes"),
    ("block scalar", "a text that begins with `|` or `>` stands on the lines below it", "put the text in quotes"),
    ("directive", "a line that begins with `%` is a directive of YAML's own", "remove the line"),
    ("YAML document", "a line that begins with `%` is a directive of YAML's own", "remove the line"),
)


# ── from Python objects to values ─────────────────────────────────────────────────────────────────────────────────


def _read_objects(obj: object, builder: _Builder) -> None:
    """Feed Python objects to the builder, without recursion."""
    source = builder.source
    walks: list[tuple[int, str, Iterator[tuple[str, object]]]] = []
    inside: set[int] = set()
    path, value = "", obj
    while True:
        walk = _contents(value, path)
        mark = Mark(source, 0, 0, 1, path)
        if walk is None:
            builder.scalar(_object_scalar(value, mark, builder))
        else:
            if id(value) in inside:
                raise _StopReadingError(Problem("a value contains itself", mark, mend="write out what is meant here"))
            inside.add(id(value))
            builder.open(mark, isinstance(value, Mapping))
            walks.append((id(value), path, walk))
        following = None
        while walks and following is None:
            identity, _, walk = walks[-1]
            following = next(walk, None)
            if following is None:
                builder.close()
                inside.discard(identity)
                walks.pop()
        if following is None:
            return
        path, value = following


class _BadKey(NamedTuple):
    """What stands in for a key of a dict that is not a text."""

    kind: str


def _contents(value: object, path: str) -> Iterator[tuple[str, object]] | None:
    """Return the path and value of everything in a list or a mapping; None for anything else."""
    if isinstance(value, Mapping):
        return _pairs(value, path)
    if isinstance(value, (list, tuple)) and not isinstance(value, _BadKey):
        return ((f"{path}[{index}]", item) for index, item in enumerate(value))
    return None


def _pairs(value: Mapping[Any, object], path: str) -> Iterator[tuple[str, object]]:
    for key, item in value.items():
        if isinstance(key, str):
            inner = f"{path}.{key}" if path else key
            yield inner, key
        else:
            inner = f"{path}.?" if path else "?"
            yield path, _BadKey(type(key).__name__)
        yield inner, item


def _object_scalar(value: object, mark: Mark, builder: _Builder) -> Scalar:
    if isinstance(value, _BadKey):
        message = f"a key is a text, not a value of type `{value.kind}`"
        builder.add_problem(Problem(message, mark, mend="write the key as a text"))
        return builder.refused
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # a number of numpy's, or of a library that does as numpy does
    if isinstance(value, str):
        _check_characters(value, mark, builder)
        return Scalar(str(value), str(value), mark, quoted=True)
    word = _object_word(value, mark)
    if word is not None:
        return word
    kind = type(value).__name__
    mend = "give a dict, a list, a text, a number, a bool or None"
    builder.add_problem(Problem(f"a value of type `{kind}` cannot stand in a specification", mark, mend=mend))
    return Scalar(None, kind, mark)


def _object_word(value: object, mark: Mark) -> Scalar | None:
    """Return a number, a bool or None as YAML would write it; None for anything else."""
    if value is None:
        return Scalar(None, "null", mark)
    if isinstance(value, bool):
        return Scalar(value, "true" if value else "false", mark)
    if isinstance(value, float):
        return Scalar(float(value), repr(float(value)), mark)
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # asked, not known
    except TypeError:
        return None
    if abs(number) < 10**MAX_DIGITS:
        return Scalar(number, str(number), mark)
    digits = int(number.bit_length() * 0.30103) + 1  # log10 of 2
    text = f"a number of {digits:,} digits"
    return Scalar(text, text, mark, False, _long_trap(digits))
