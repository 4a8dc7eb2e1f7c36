"""Locations of specifications: a path, the bare name of a bundled one or of a family member, standard input."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.files import input_file, note_input

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_BYTES",
    "STDIN", "Found", "bundled_folder", "bundled_keys", "bundled_members", "find_bundled", "find_config",
    "hint_for_network", "is_config", "locate", "no_such_spec", "read_bytes",
]  # fmt: skip

STDIN = "-"
"""The name of standard input."""
_CONFIG = "config.json"
_MODEL_TYPE = rb'"model_type"\s*:'
_LAYERS = rb'"layers"\s*:\s*\['
_ENDINGS = (".yaml", ".yml")
_ENDING = ".yaml"
"""The suffix of the bundled files."""
_BLOCK = r"(?m)^{}:[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n|#[^\n]*\n)*)"
"""A key of a file, and the lines below it that are its value."""
_MEMBER = r"(?m)^  (['\"]?)([A-Za-z0-9_.+-]+)\1:"
MAX_BYTES = 64 * 2**20
"""As much as is read of a specification, or of a pipe."""
_SECONDS_FOR_A_WRITER = 10


class Found(NamedTuple):
    """A specification that was found: its path (- for standard input), its name in errors, and the family member.

    `instead` is a warning that it is the bundled one where a file or folder of its name may have been meant.
    """

    path: str
    name: str
    variant: str = ""
    instead: tuple[Problem, ...] = ()


def bundled_folder() -> str:
    """Return the folder of the bundled specifications: next to the package in a checkout, in it when installed."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "specs")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "specs")


def locate(spec: str) -> Found:
    """Return the location of a specification: of a file, or of a bundled one by its name.

    `FILE:VARIANT` is a member of the family that a file describes. `NAME.yaml`, as the bundled files are called, is the
    bundled one with a warning if there is no such file here; no other path is. So is a name that a folder with a
    config.json has too. Errors: `UsageError` for an unknown name.
    """
    if spec == STDIN:
        return Found(STDIN, "<stdin>")
    if os.path.exists(spec) and not (os.path.isdir(spec) and find_bundled(spec)):
        return Found(spec, spec)
    found = _member_of_file(spec)
    if found:
        return found
    found = find_bundled(spec)
    if found:
        bare = spec.removesuffix(_ENDING)
        if bare != spec:
            message = f"there is no file {spec} here: this is the bundled specification {bare}"
            return found._replace(instead=(Problem(message, hint=_copy_hint(bare)),))
        if os.path.isfile(os.path.join(spec, _CONFIG)):  # a clone of the hub's gpt2
            message = f"this is the bundled specification {spec}, not the {_CONFIG} in the folder {spec}"
            return found._replace(instead=(Problem(message, hint=f"write ./{spec} for the folder"),))
        return found
    if other := _with_other_ending(spec):
        raise UsageError(Problem(f"there is no file {spec}", hint=f"did you mean {other}?"))
    bare, suffix = os.path.splitext(os.path.basename(spec))
    if suffix or not _is_bare(spec):
        meant = next((name for name in (bare, bare + suffix) if find_bundled(name)), "")
        hint = f"{meant} is a bundled specification: {_copy_hint(meant)}" if meant else ""
        from shapecalc.suggestions import nearest_file  # only when something is wrong

        hint = hint or nearest_file(spec)
        if hint or not _is_bare(spec):
            raise UsageError(Problem(f"there is no file {spec}", hint=hint))
    raise no_such_spec(spec, f"there is no file {spec}, and no bundled specification of that name")


def _member_of_file(spec: str) -> Found | None:
    """Return the location of `FILE:VARIANT`, where there is such a file; None for any other word."""
    file, _, variant = spec.rpartition(":")
    if not file or not variant or not (os.path.exists(file) or find_bundled(file)):
        return None
    found = locate(file)
    return None if found.variant else found._replace(variant=variant)


def find_config(spec: str) -> str:
    """Return the path of the config.json that a folder means, or a JSON file's own; empty for any other."""
    if find_bundled(spec) and os.path.isdir(spec):  # a folder hides no bundled network: ./gpt2 is the folder
        return ""
    if spec.endswith(".json"):
        return spec if os.path.isfile(spec) else ""
    path = os.path.join(spec, _CONFIG)
    return path if os.path.isdir(spec) and os.path.isfile(path) else ""


def is_config(content: bytes) -> bool:
    """Return whether a content is the config of a model, whatever its file is called: JSON with a model_type.

    A specification may be JSON too: it has a list of layers.
    """
    start = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return start == b"{" and bool(re.search(_MODEL_TYPE, content)) and not re.search(_LAYERS, content)


def _copy_hint(name: str) -> str:
    return f"`shapecalc init {name}` writes a copy"


def hint_for_network(name: str) -> str:
    """Return the hint for a bundled network in place of a part of one; empty for any other name."""
    is_bundled = find_bundled(name) is not None
    return f"{name} is a whole network, not a part of one: {_copy_hint(name)}, to be changed" if is_bundled else ""


def no_such_spec(spec: str, message: str) -> UsageError:
    """Return the error for an unknown specification, with the nearest bundled one."""
    from shapecalc.layers import find_kind  # only when something is wrong

    if find_kind(spec):
        here = f"`shapecalc layers {spec}` explains it, `shapecalc layer {spec}` computes one"
        return UsageError(Problem(message, hint=f"{spec} is a kind of layer: {here}"))
    members = [member for _, member in bundled_members()]
    last = spec.rpartition(".")[2].lower()
    meant = last if last != spec and find_bundled(last) else ""  # torchvision.models.resnet18
    hint = (
        f"did you mean {meant}?"
        if meant
        else did_you_mean(_bare(spec), members, "`shapecalc specs` lists the bundled ones", lists=False)
    )
    return UsageError(Problem(message, hint=hint))


def _with_other_ending(spec: str) -> str:
    """Return the file that has the name of one that does not exist, but .yaml or .yml at its end; empty for none."""
    return next((path for end in _ENDINGS if os.path.isfile(path := _bare(spec) + end)), "")


def _is_bare(spec: str) -> bool:
    return os.path.basename(spec) == spec


def _bare(spec: str) -> str:
    for ending in _ENDINGS:
        spec = spec.removesuffix(ending)
    return spec


def find_bundled(spec: str) -> Found | None:
    """Return the path of a bundled specification, `NAME` or `NAME.yaml`; None if there is none."""
    if not _is_bare(spec):
        return None
    bare = spec.removesuffix(_ENDING)
    path = os.path.join(bundled_folder(), bare + _ENDING)
    if os.path.isfile(path) and bare not in ("", ".", ".."):
        return Found(path, bare + _ENDING)
    for path, member in bundled_members():
        if member == bare:
            return Found(path, os.path.basename(path), member)
    return None


def bundled_members() -> Iterator[tuple[str, str]]:
    """Yield the path and the name of every bundled network: files, and the members that a family's file lists.

    Members are found in the text, without reading it as YAML: finding a name must be instant.
    """
    for path, members in bundled_keys("variants"):
        if members is None:
            yield path, os.path.basename(path).removesuffix(_ENDING)
        for member in members or ():
            yield path, member


def bundled_keys(key: str) -> tuple[tuple[str, list[str] | None], ...]:
    """Return the path of every bundled file, and the keys of the mapping that it has under a key; None without it.

    They are found in the text, without reading it as YAML.
    """
    return _keys_in(bundled_folder(), key)


@lru_cache(8)
def _keys_in(folder: str, key: str) -> tuple[tuple[str, list[str] | None], ...]:
    found = []
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if not file.endswith(_ENDING):
            continue
        path = os.path.join(folder, file)
        with open(path, encoding="utf-8") as stream:
            block = re.search(_BLOCK.format(key), stream.read())
        found.append((path, [match[2] for match in re.finditer(_MEMBER, block[1])] if block else None))
    return tuple(found)


def read_bytes(path: str, shown: str = "") -> bytes:
    """Return the content of a file, or of a pipe: standard input, or `<(…)` of a shell.

    Nothing else is read: no device, which may be endless, and no named pipe without a writer.
    Errors: `UsageError` if it cannot be read.
    """
    shown = shown or path
    try:
        if path == STDIN:
            if sys.stdin is None:
                raise UsageError("there is no standard input to read from")
            note_input(sys.stdin.buffer)
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        # Without a writer, opening a named pipe would block: O_NONBLOCK prevents that. Windows has no such pipes.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            start = _checked(descriptor, shown)
        except BaseException:
            os.close(descriptor)
            raise
        with input_file(descriptor) as stream:
            return start + stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        hint = "" if path == STDIN else _specifications_in(path)
        raise UsageError(Problem(f"{shown} is a directory, not a file", hint=hint)) from None
    except PermissionError:
        raise UsageError(Problem(f"{shown} may not be read: permission denied")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(Problem(f"{shown} cannot be read: {reason}")) from None


def _specifications_in(folder: str) -> str:
    """Return the hint for a folder with specifications; empty for any other."""
    with contextlib.suppress(OSError):
        endings = [ending for ending in (".yaml", ".yml") if any(name.endswith(ending) for name in os.listdir(folder))]
        return clean(f"its specifications are {os.path.join(folder, '*' + endings[0])}") if endings else ""
    return ""


def _checked(descriptor: int, shown: str) -> bytes:
    """Check that a file, or a pipe with a writer, was opened; return what was read for the check.

    A pipe is read as long as a writer has it open.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return b""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISFIFO(mode):
        raise UsageError(Problem(f"{shown} is neither a file nor a pipe", hint="pipe its content to -"))
    start, end = b"", time.monotonic() + _SECONDS_FOR_A_WRITER
    with contextlib.suppress(BlockingIOError):  # there is a writer, which has written nothing yet
        while not (start := os.read(descriptor, 1)):
            if time.monotonic() > end:
                message = f"nothing is written to the pipe {shown}"
                raise UsageError(
                    Problem(message, hint="start the program that writes to it first, or pipe its output to -")
                )
            time.sleep(0.02)
    os.set_blocking(descriptor, True)
    return start
