"""Files that a command reads and writes: each that is written is complete, or the previous content stays.

Content is written to a file next to the named one, which it replaces at the end (`OutputFile`). Targets that cannot be
replaced (a device, a pipe, the file of standard output) are written directly. A file that the command has read is never
overwritten: every module reads files through `input_file`, which records them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from types import TracebackType
    from typing import BinaryIO

__all__ = [
    "OutputFile",
    "Target",
    "cannot_write",
    "check_writable",
    "created_file",
    "find_target",
    "input_file",
    "inputs_noted",
    "note_beside",
    "note_input",
    "opened_file",
    "refuse_input",
    "write_file",
]

_DESCRIPTOR = r"/(dev|proc/[^/]+)/fd/\d+"
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_IN_PLACE = frozenset({errno.EBUSY, errno.EXDEV})
"""Errors of replacing a file that can be written: it is a mount point."""

_read: list[os.stat_result] | None = None
"""The files that the current command has read, or that belong to one, under any name; None in the library."""


@contextlib.contextmanager
def inputs_noted() -> Iterator[None]:
    """Record every file that is read from here on, so that it is not overwritten."""
    global _read  # noqa: PLW0603  (a command is the whole process)
    _read = []
    try:
        yield
    finally:
        _read = None


def note_input(stream: BinaryIO) -> None:
    """Record that a file is read."""
    if _read is not None:
        with contextlib.suppress(OSError, ValueError):  # without a descriptor it is not a file
            _read.append(os.fstat(stream.fileno()))


def input_file(path: str | int) -> BinaryIO:
    """Return a file, by its name or descriptor, that is open for reading and recorded as read. Errors: `OSError`."""
    stream = open(path, "rb")  # noqa: SIM115  (the caller closes it)
    note_input(stream)
    return stream


def note_beside(folder: str, name: str) -> None:
    """Record that a file in the folder of another, or below it, belongs to that one, though it is not read.

    Names of files elsewhere are left alone: a file from a stranger may name anything.
    """
    if _read is None or re.search(r"[\\:\0]|^/|(^|/)\.\.(/|$)", name):
        return
    with contextlib.suppress(OSError, ValueError):
        _read.append(os.stat(os.path.join(folder, name)))


class Target(NamedTuple):
    """The target of a name: `path` is without symbolic links, `status` is None if it does not exist yet.

    `is_straight` is whether it can only be written to, not replaced.
    """

    name: str
    path: str
    status: os.stat_result | None
    is_straight: bool = False


def find_target(name: str) -> Target:
    """Return the target of a file to write. Errors: `UsageError` if it must not be written."""
    try:
        status = os.stat(name)
    except FileNotFoundError:
        if not os.path.basename(name):
            raise _refusal(name, errno.EISDIR if name else errno.ENOENT) from None
        return Target(name, os.path.realpath(name), None)
    except (OSError, ValueError) as error:
        raise cannot_write(name, error) from None
    if stat.S_ISDIR(status.st_mode):
        raise _refusal(name, errno.EISDIR)
    if stat.S_ISBLK(status.st_mode):
        raise UsageError(Problem(f"{name} cannot be written: it is a disk, not a file"))
    refuse_input(name, status)
    if not os.access(name, os.W_OK):
        raise _refusal(name, errno.EACCES)
    is_descriptor = re.fullmatch(_DESCRIPTOR, os.path.abspath(name)) is not None
    straight = is_descriptor or not stat.S_ISREG(status.st_mode) or _descriptor_of(status) is not None
    return Target(name, name if straight else os.path.realpath(name), status, straight)


def refuse_input(name: str, status: os.stat_result) -> None:
    """Check that the command has not read a file: its output would replace its input. Errors: `UsageError`."""
    if stat.S_ISREG(status.st_mode) and any(os.path.samestat(status, read) for read in _read or ()):
        message = f"{name} is an input of this command: it is not overwritten"
        raise UsageError(Problem(message, hint="name another file to write to"))


def _descriptor_of(status: os.stat_result) -> int | None:
    """Return the standard stream that goes to a file, if one does."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(status, os.fstat(descriptor)):
                return descriptor
    return None


def _refusal(name: str, number: int) -> UsageError:
    return cannot_write(name, OSError(number, os.strerror(number)))


def cannot_write(name: str, error: Exception) -> UsageError:
    """Return the error of a file that cannot be written."""
    if isinstance(error, BrokenPipeError):
        raise error  # the reader has closed the pipe: not an error of the command
    reason = getattr(error, "strerror", None) or error
    return UsageError(Problem(f"{name or repr(name)} cannot be written: {reason}"))


def check_writable(name: str) -> None:
    """Check before long work that a file will be writable. Errors: `UsageError`."""
    if not find_target(name).is_straight:
        OutputFile(name).discard()


def write_file(name: str, data: bytes) -> None:
    """Write a file as a whole. Errors: `UsageError`, and the previous content stays."""
    with OutputFile(name) as file:
        file.write(data)


class OutputFile:
    """A file that replaces the named one when it is complete: at the end of a `with` without an error, or by `keep`.

    Errors: `UsageError` if it cannot be written.
    """

    closed = False

    def __init__(self, name: str) -> None:
        self.target = find_target(name)
        self.written = 0
        self._temporary = ""
        self._is_in_place = False
        try:
            self._stream = self._open()
        except OSError as error:
            raise cannot_write(name, error) from None

    @property
    def name(self) -> str:
        """Its name in errors."""
        return self.target.name

    def _open(self) -> FileIO:
        """Return the stream that is written to, without a buffer."""
        status = self.target.status
        if self.target.is_straight:
            assert status is not None
            own = _descriptor_of(status)
            if own is None:
                return opened_file(self.target.path, os.O_WRONLY | os.O_APPEND)
            return open(os.dup(own), "wb", buffering=0)
        try:
            return self._create(os.path.dirname(self.target.path))
        except PermissionError:
            if status is None:
                raise
        import tempfile  # only if the file is writable, but not its folder

        self._is_in_place = True
        return self._create(tempfile.gettempdir())

    def _create(self, folder: str) -> FileIO:
        self._temporary = os.path.join(folder, f".shapecalc-{os.urandom(6).hex()}.tmp")
        try:
            return created_file(self._temporary, self.target.status)
        except BaseException:
            _remove(self._temporary)
            raise

    def write(self, data: bytes) -> int:
        """Write all the bytes."""
        view = memoryview(data).cast("B")
        try:
            done = 0
            while done < len(view):
                done += self._stream.write(view[done:]) or 0
        except OSError as error:
            raise self._failure(error) from None
        self.written += done
        return done

    def _failure(self, error: OSError) -> UsageError:
        return cannot_write(self.name, error)

    def tell(self) -> int:
        """Return how many bytes were written; a pipe could not."""
        return self.written

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def keep(self, path: str = "") -> None:
        """Rename the file to its own name, or to another."""
        try:
            if not self.target.is_straight:
                self._replace_target(path or self.target.path)
            self._close()
        except OSError as error:
            self.leave()
            raise self._failure(error) from None
        except BaseException:
            self.leave()
            raise

    def _replace_target(self, path: str) -> None:
        os.fsync(self._stream.fileno())
        self._close_on_windows()
        try:
            if not self._is_in_place:
                os.replace(self._temporary, path)
                self._temporary = ""
                return
        except OSError as error:
            if error.errno not in _IN_PLACE:
                raise
        self._copy(path)

    def _copy(self, path: str) -> None:
        """Write to the old file itself, if it cannot be replaced."""
        import shutil

        with open(self._temporary, "rb") as source, open(path, "r+b") as old:
            shutil.copyfileobj(source, old)
            old.truncate()
        _remove(self._temporary)

    def leave(self) -> None:
        """End without a complete file: remove what was written so far."""
        self.discard()

    def discard(self) -> None:
        """Remove what was written."""
        self._close_on_windows()
        if self._temporary:
            _remove(self._temporary)
        self._close()

    def _close_on_windows(self) -> None:
        """Close a file before it is renamed or removed, where that is required; elsewhere it stays locked till then."""
        if os.name == "nt":
            self._close()

    def _close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self._stream.close()

    def __enter__(self) -> OutputFile:  # noqa: PYI034  (Python 3.10 has no Self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


def opened_file(path: str, flags: int, mode: int = 0o666) -> FileIO:
    """Return a file opened with flags that the modes of `open` do not have. It is unbuffered."""
    return open(os.open(path, flags | _FLAGS, mode), "wb" if flags & os.O_WRONLY else "r+b", buffering=0)


def created_file(path: str, like: os.stat_result | None) -> FileIO:
    """Return a new file with the permissions and the owner of another; those of any new file without one."""
    mode = 0o666 if like is None else 0o600
    stream = opened_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    try:
        if like is not None:
            if hasattr(os, "fchown"):
                with contextlib.suppress(OSError):
                    os.fchown(stream.fileno(), like.st_uid, like.st_gid)
            os.chmod(path, stat.S_IMODE(like.st_mode))
    except BaseException:
        stream.close()
        _remove(path)
        raise
    return stream


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)
