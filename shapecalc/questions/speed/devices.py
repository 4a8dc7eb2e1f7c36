"""Devices: their memory bandwidth and peak rates, from a bundled file, a file of the user's own, or a mapping.

A device's file states `bandwidth` (bytes per second of its main memory) and, under `peak`, the rate of multiplications
and additions for each number format: dense, as datasheets have them without structured sparsity. A multiply-accumulate
is two operations. `name`, `memory` (its size), `source` and `note` are optional.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, SpecError, UsageError, did_you_mean
from shapecalc.language.files import bundled_folder, read_bytes
from shapecalc.source import MapValue, Scalar, read_object, read_text, short
from shapecalc.text import given as callers
from shapecalc.text.units import parse_bits, parse_bytes, parse_rate

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.errors import Hint, Mark
    from shapecalc.source import Value

__all__ = ["Device", "Peak", "bundled_devices", "device_text", "find_device"]

_FOLDER = "devices"
_ENDINGS = (".yaml", ".yml")
_KEYS = ("name", "bandwidth", "memory", "peak", "source", "note")
_LIST = "`shapecalc devices` lists the bundled ones"
_EXAMPLES = {"bandwidth": "3.35 TB/s", "peak": "989.4 TFLOP/s, or 1979 TOP/s", "memory": "80 GB"}
_LINES = {"bandwidth": "bandwidth: 3.35 TB/s", "peak": "peak: {fp16: 989.4 TFLOP/s}"}
_LARGEST = 10**24


class Peak(NamedTuple):
    """The peak rate of a number format: operations per second, a multiply-accumulate being two of them."""

    format: str
    bits: int
    rate: int


class Device(NamedTuple):
    """A device: bytes per second of its memory, its size in bytes (None: not stated), and the peak of each format.

    `key` is the name of a bundled device.
    """

    key: str
    name: str
    bandwidth: int
    memory: int | None
    peaks: tuple[Peak, ...]
    source: str = ""
    note: str = ""

    def peak_at(self, bits: int | Fraction) -> Peak:
        """Return the fastest peak of a format of at least so many bits; if none is so wide, of the widest ones.

        Elements of fewer bits than a format can be computed in it, so that no arithmetic on them needs to be slower.
        """
        wide = [peak for peak in self.peaks if peak.bits >= bits]
        widest = max(peak.bits for peak in self.peaks)
        return max(wide or [peak for peak in self.peaks if peak.bits == widest], key=lambda peak: peak.rate)

    def to_dict(self) -> dict[str, Any]:
        """Return the device in the form of the JSON contract."""
        return {**self._asdict(), "peaks": {peak.format: peak.rate for peak in self.peaks}}


def bundled_devices() -> list[str]:
    """Return the names of the bundled devices, in alphabetical order."""
    folder = os.path.join(bundled_folder(), _FOLDER)
    files = os.listdir(folder) if os.path.isdir(folder) else ()
    return sorted(file.removesuffix(_ENDINGS[0]) for file in files if file.endswith(_ENDINGS[0]))


def device_text(name: str) -> str:
    """Return the file of a bundled device, to start one from. Errors: `UsageError` for an unknown one."""
    return read_bytes(_path(_bundled(name))).decode("utf-8")


def find_device(given: Any) -> Device:
    """Return a device: of the name of a bundled one, of a path, or of a mapping with the keys of a file.

    Errors: `UsageError` if there is none, `SpecError` with every problem of a file.
    """
    if isinstance(given, Device):
        return given
    if isinstance(given, Mapping):
        return _read(*read_object(given, "<device>"), "")
    if not isinstance(given, (str, os.PathLike)):
        raise UsageError(f"the device must be a name, a path or a mapping, not {callers.short(given)}")
    path = os.fspath(given)
    if path.endswith(_ENDINGS) or os.sep in path:
        if not os.path.exists(path):
            raise UsageError(Problem(f"there is no file {path}", hint=_LIST))
        content = read_bytes(path)
        if not content.strip():
            raise SpecError([Problem(f"{path} is empty", hint=f"write for instance {_LINES['bandwidth']}")])
        return _read(*read_text(content, path), "")
    key = _bundled(path)
    return _read(*read_text(read_bytes(_path(key)), f"{key}.yaml"), key)


def _bundled(name: str) -> str:
    known = bundled_devices()
    key = "-".join(name.lower().replace("_", " ").replace("-", " ").split())
    if key in known:
        return key
    hint = did_you_mean(key, known, _LIST, lists=False)
    raise UsageError(Problem(f"there is no device {name}", hint=hint))


def _path(key: str) -> str:
    return os.path.join(bundled_folder(), _FOLDER, f"{key}.yaml")


def _read(value: Value | None, problems: list[Problem], key: str) -> Device:
    """Return the device of a file. Errors: `SpecError` with every problem."""
    reader = _Reader(problems)
    device = reader.device(value, key)
    if reader.problems or device is None:
        raise SpecError(reader.problems)
    return device


class _Reader:
    """Reads a device, and collects the problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = list(problems)

    def device(self, value: Value | None, key: str) -> Device | None:
        """Return the device of a file; incomplete, or none, where there are problems."""
        if not isinstance(value, MapValue):
            mark = value.mark if value else None
            if value or not self.problems:
                self._wrong("a device is a mapping, with bandwidth and peak", mark, _LINES["bandwidth"])
            return None
        for word, _ in value.pairs:
            if word.text not in _KEYS:
                self._wrong(f"a device has no {word.text}", word.mark, did_you_mean(word.text, _KEYS))
        for needed in ("bandwidth", "peak"):
            if value.get(needed) is None:
                self._wrong(f"the device has no {needed}", value.mark, f"write for instance {_LINES[needed]}")
        memory = value.get("memory")
        return Device(
            key, self._text(value.get("name")) or key, self._rate(value.get("bandwidth"), "bandwidth", of_bytes=True),
            None if memory is None else self._bytes(memory), self._peaks(value.get("peak")),
            self._text(value.get("source")), self._text(value.get("note")),
        )  # fmt: skip

    def _peaks(self, value: Value | None) -> tuple[Peak, ...]:
        if value is None:
            return ()
        if not isinstance(value, MapValue) or not value.pairs:
            self._wrong("peak is a mapping of number formats to rates", value.mark, "write {fp16: 989.4 TFLOP/s}")
            return ()
        return tuple([
            Peak(word.text, self._bits(word), self._rate(rate, f"the peak of {word.text}", of_bytes=False))
            for word, rate in value.pairs
        ])  # fmt: skip

    def _bits(self, word: Scalar) -> int:
        try:
            bits = parse_bits(word.text, "a number format")
        except UsageError:
            bits = 0
        if not isinstance(bits, int) or not bits:
            self._wrong(
                f"{short(word.text)} is not a number format", word.mark, "write for instance fp16, bf16, int8 or tf32"
            )
            return 1
        return bits

    def _rate(self, value: Value | None, what: str, *, of_bytes: bool) -> int:
        if value is None:
            return 1
        found = parse_rate(value.text, of_bytes=of_bytes) if isinstance(value, Scalar) else None
        if found is None or found >= _LARGEST:
            shown = short(value.text) if isinstance(value, Scalar) else "a list or a mapping"
            example = _EXAMPLES["bandwidth" if of_bytes else "peak"]
            self._wrong(f"{what} is {shown}", value.mark, f"write a rate with its unit: {example}")
            return 1
        return found

    def _bytes(self, value: Value) -> int:
        try:
            return parse_bytes(value.text if isinstance(value, Scalar) else value, "memory")
        except UsageError:
            shown = short(value.text) if isinstance(value, Scalar) else "a list or a mapping"
            self._wrong(f"memory is {shown}", value.mark, f"write its size with its unit: {_EXAMPLES['memory']}")
            return 1

    def _text(self, value: Value | None) -> str:
        if value is None:
            return ""
        if isinstance(value, Scalar) and value.value is not None:
            return value.text
        self._wrong("this is not a text", value.mark, "write it in quotes")
        return ""

    def _wrong(self, message: str, mark: Mark | None, hint: str | Hint) -> None:
        self.problems.append(Problem(message, mark, hint=hint))
