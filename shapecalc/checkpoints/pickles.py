"""A reader of pickles that can run nothing: names become stand-ins from a list, or an error that names them.

It does not use Python's `pickle`, which imports what a file names, calls it, and makes tables of any size.
Source: the opcodes of Python's `pickletools`.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.allowed import INERT, KNOWN, AllowedName, Inert, TensorStorage, set_entry
from shapecalc.checkpoints.contents import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.errors import CheckpointError

__all__ = ["read_pickle"]

_MOST_STEPS = 6_000_000
_LONGEST_TEXT = 2**20
_MOST_DIGITS = 40


_MARK = object()


def read_pickle(path: str, content: Any, start: int = 0) -> tuple[Any, int]:
    """Return what a pickle at a position of a file holds, and the position behind it. Nothing is imported or called.

    Tensors are `TensorView`, all else that it may name is `Inert`. Errors: `CheckpointError` for another name, a broken
    pickle, or one that is too long.
    """
    return _Interpreter(path, content, start).run()


class _Interpreter:
    """The machine of pickles: a stack, a memo, and a position in the content."""

    def __init__(self, path: str, content: Any, start: int) -> None:
        self.path, self.content, self.at, self.size = path, content, start, len(content)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> tuple[Any, int]:
        """Return the result, and the position behind it."""
        start = self.at
        try:
            for _ in range(_MOST_STEPS):
                code = self.content[self.at]
                self.at += 1
                if code == _STOP:
                    return self.top(), self.at
                _ACTIONS[code](self)
        except KeyError:
            raise self.wrong(f"byte {self.at - 1:,} is not one that such files have") from None
        except (IndexError, TypeError, ValueError, AttributeError, StopIteration, OverflowError, RecursionError):
            where = "it ends early" if self.at >= self.size else f"it breaks off at byte {self.at - start:,}"
            raise self.wrong(where) from None
        raise self.wrong(f"it has more than {_MOST_STEPS:,} steps")

    def wrong(self, words: str) -> CheckpointError:
        """Return the error of a broken pickle."""
        return broken(self.path, f"its pickle cannot be read: {words}", "the file is cut short, or no state dict")

    def take(self, count: int) -> bytes:
        """Return the next bytes. Errors: `IndexError` behind the end."""
        if count > self.size - self.at:
            self.at = self.size
            raise IndexError
        self.at += count
        found: bytes = self.content[self.at - count : self.at]
        return found

    def number(self, width: int) -> int:
        """Return the next number of some bytes, without a sign."""
        return int.from_bytes(self.take(width), "little")

    def byte(self) -> int:
        """Return the next byte. Errors: `IndexError` behind the end."""
        self.at += 1
        found: int = self.content[self.at - 1]
        return found

    def line(self, encoding: str = "utf-8") -> str:
        """Return the text up to the next line break."""
        end = self.content.find(b"\n", self.at, self.at + _LONGEST_TEXT)
        if end < 0:
            raise IndexError
        return self.take(end + 1 - self.at)[:-1].decode(encoding)

    def text(self, width: int) -> None:
        """Push a text, after its length of some bytes."""
        length = self.number(width)
        if length > _LONGEST_TEXT:
            raise ValueError
        self.stack.append(self.take(length).decode("utf-8", "surrogatepass"))

    def skip(self, width: int) -> None:
        """Push a stand-in for bytes, after their length."""
        length = self.number(width)
        if length > self.size - self.at:
            raise IndexError
        self.at += length
        self.stack.append(INERT)

    def marked(self) -> list[Any]:
        """Return what is above the last mark, and take it off with the mark."""
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                found = self.stack[index + 1 :]
                del self.stack[index:]
                return found
        raise IndexError

    def top(self) -> Any:
        """Return the last value, which stays."""
        if self.stack[-1] is _MARK:
            raise IndexError
        return self.stack[-1]

    def find(self, module: Any, name: Any) -> None:
        """Push the stand-in of a name. Errors: `CheckpointError` for one that is not known."""
        module = {"__builtin__": "builtins"}.get(module, module)
        known = KNOWN.get((module, name)) if isinstance(module, str) and isinstance(name, str) else None
        if known is None:
            shown = f"{module}.{name}"[:200]
            raise broken(
                self.path, f"its pickle names {shown}, which is not part of a state dict: nothing of it was run",
                "save the tensors alone: torch.save(model.state_dict(), FILE), or as safetensors",
            )  # fmt: skip
        self.stack.append(known)

    def call(self) -> None:
        """Replace a name and its arguments by what comes of it."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, AllowedName) or not isinstance(arguments, tuple):
            raise TypeError
        self.stack.append(function.make(*arguments))

    def load_storage(self) -> None:
        """Replace a persistent id by the storage that it describes."""
        found = self.stack.pop()
        word, kind, key, _, elements = found[:5]
        if word != "storage" or not isinstance(kind, AllowedName) or not kind.dtype or type(elements) is not int:
            raise TypeError
        self.stack.append(TensorStorage(kind.dtype, str(key), elements))

    def put(self, index: int) -> None:
        """Remember the last value."""
        self.memo[index] = self.top()

    def build(self) -> None:
        """Drop the state of a value: of what is read here none has any."""
        self.stack.pop()
        self.top()

    def append_all(self, items: list[Any]) -> None:
        """Add items to a list."""
        target = self.top()
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Inert):
            raise TypeError

    def set_all(self, items: list[Any]) -> None:
        """Set entries of a dict: keys and values in turn."""
        target = self.top()
        for key, value in zip(items[::2], items[1::2], strict=True):
            set_entry(target, key, value)

    def pop(self) -> None:
        """Drop the last value, or mark."""
        self.stack.pop()

    def push_tuple(self, count: int) -> None:
        """Replace the last values by a tuple of them."""
        if len(self.stack) < count or _MARK in self.stack[-count:]:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def new_object(self, *, has_keywords: bool) -> None:
        """Replace a class and its arguments by an object."""
        if has_keywords:
            self.stack.pop()
        self.call()


def _push(value: Any) -> Callable[[_Interpreter], None]:
    return lambda machine: machine.stack.append(value)


def _integer(text: str) -> Any:
    """Return the number of a line; a stand-in for one that no size has."""
    if text in ("00", "01"):
        return text == "01"
    return int(text.removesuffix("L")) if len(text) <= _MOST_DIGITS else INERT


def _long(machine: _Interpreter, width: int) -> None:
    length = machine.number(width)
    found = machine.take(length)
    machine.stack.append(int.from_bytes(found, "little", signed=True) if length <= _MOST_DIGITS else INERT)


def _fetch(machine: _Interpreter, index: int) -> None:
    if index not in machine.memo:
        raise IndexError
    machine.stack.append(machine.memo[index])


def _find_above(machine: _Interpreter) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.find(module, name)


def _set_one(machine: _Interpreter) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_all([key, value])


_STOP = ord(".")
_ACTIONS: dict[int, Callable[[_Interpreter], Any]] = {
    ord(code): action
    for code, action in {
        "\x80": lambda m: m.take(1), "\x95": lambda m: m.take(8), "(": lambda m: m.stack.append(_MARK),
        "0": _Interpreter.pop, "1": _Interpreter.marked, "2": lambda m: m.stack.append(m.top()),
        "N": _push(None), "\x88": _push(True), "\x89": _push(False),
        ")": _push(()), "]": lambda m: m.stack.append([]), "}": lambda m: m.stack.append({}), "\x8f": _push(INERT),
        "K": lambda m: m.stack.append(m.byte()), "M": lambda m: m.stack.append(m.number(2)),
        "J": lambda m: m.stack.append(int.from_bytes(m.take(4), "little", signed=True)),
        "G": lambda m: m.stack.append(unpack_from(">d", m.take(8))[0]),
        "I": lambda m: m.stack.append(_integer(m.line())), "L": lambda m: m.stack.append(_integer(m.line())),
        "F": lambda m: m.stack.append(float(m.line())),
        "\x8a": lambda m: _long(m, 1), "\x8b": lambda m: _long(m, 4),
        "X": lambda m: m.text(4), "\x8c": lambda m: m.text(1), "\x8d": lambda m: m.text(8),
        "V": lambda m: m.stack.append(m.line("raw-unicode-escape")), "S": lambda m: m.stack.append(m.line()[1:-1]),
        "U": lambda m: m.text(1), "T": lambda m: m.text(4),
        "C": lambda m: m.skip(1), "B": lambda m: m.skip(4), "\x8e": lambda m: m.skip(8), "\x96": lambda m: m.skip(8),
        "c": lambda m: m.find(m.line(), m.line()), "\x93": _find_above, "R": _Interpreter.call,
        "\x81": lambda m: m.new_object(has_keywords=False), "\x92": lambda m: m.new_object(has_keywords=True),
        "b": _Interpreter.build, "Q": _Interpreter.load_storage,
        "q": lambda m: m.put(m.byte()), "r": lambda m: m.put(m.number(4)), "\x94": lambda m: m.put(len(m.memo)),
        "h": lambda m: _fetch(m, m.byte()), "j": lambda m: _fetch(m, m.number(4)),
        "p": lambda m: m.put(_integer(m.line())), "g": lambda m: _fetch(m, _integer(m.line())),
        "a": lambda m: m.append_all([m.stack.pop()]), "e": lambda m: m.append_all(m.marked()),
        "s": _set_one, "u": lambda m: m.set_all(m.marked()), "d": lambda m: m.stack.append(_pairs(m.marked())),
        "l": lambda m: m.stack.append(m.marked()), "t": lambda m: m.stack.append(tuple(m.marked())),
        "\x85": lambda m: m.push_tuple(1), "\x86": lambda m: m.push_tuple(2), "\x87": lambda m: m.push_tuple(3),
        "\x90": lambda m: m.marked() and None, "\x91": lambda m: m.marked() is not m.stack.append(INERT),
    }.items()
}  # fmt: skip
"""What each opcode does. Missing are those that no state dict has: classes without a call, and extensions."""


def _pairs(items: list[Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        set_entry(found, key, value)
    return found
