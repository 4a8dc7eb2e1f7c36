"""Files that are written over a long time: FILE.part, which is locked, and kept after an interruption."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError
from shapecalc.files import OutputFile, cannot_write, created_file, opened_file, refuse_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

__all__ = ["PartFile", "undisturbed"]

_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class PartFile(OutputFile):
    """A file that is written over a long time, as FILE.part next to it, which `leave` keeps.

    It is locked: only one process writes to it. With `resumes`, an existing one is continued (`was_there`); without, it
    is an error. Errors: `UsageError`.
    """

    def __init__(self, name: str, *, resumes: bool = False) -> None:
        self.resumes = resumes
        self.was_there = False
        super().__init__(name)

    @property
    def part(self) -> str:
        """The name of FILE.part in errors."""
        name = self.target.name
        return self._temporary if os.path.islink(name) else f"{name}.part" if self._temporary else name

    def _create(self, folder: str) -> FileIO:
        self._temporary = os.path.join(folder, f"{os.path.basename(self.target.path)}.part")
        while True:
            try:
                stream = self._reopened() if self.resumes else None
                self.was_there = stream is not None
                stream = stream or created_file(self._temporary, self.target.status)
            except FileExistsError:
                if self.resumes:
                    continue  # another process created it first
                message = f"{self.part} is there already: a sweep was interrupted, or is still running"
                hint = "continue it with --resume; to start again, remove it first"
                raise UsageError(Problem(message, hint=hint)) from None
            except OSError as error:
                raise cannot_write(self.part, error) from None
            if not _lock(stream):
                stream.close()
                raise UsageError(Problem(f"another sweep is writing to {self.part}"))
            if self._is_there(stream):
                return stream
            stream.close()  # the other process has finished in between

    def _reopened(self) -> FileIO | None:
        """Return the existing file, if there is one."""
        try:
            stream = opened_file(self._temporary, os.O_RDWR | _CAREFUL)
        except FileNotFoundError:
            return None
        status = os.fstat(stream.fileno())
        try:
            refuse_input(self.part, status)
        except UsageError:
            stream.close()
            raise
        if stat.S_ISREG(status.st_mode):
            return stream
        stream.close()
        raise UsageError(Problem(f"{self.part} cannot be continued: it is not a file"))

    def _is_there(self, stream: FileIO) -> bool:
        try:
            return os.path.samestat(os.stat(self._temporary), os.fstat(stream.fileno()))
        except FileNotFoundError:
            return False

    def _failure(self, error: OSError) -> UsageError:
        return cannot_write(self.part, error)

    @property
    def stream(self) -> FileIO:
        """The existing content, to be read."""
        return self._stream

    def resume_at(self, offset: int) -> None:
        """Truncate the file at a position, and continue from there."""
        try:
            self._stream.seek(offset)
            self._stream.truncate()
        except OSError as error:
            raise self._failure(error) from None

    def leave(self) -> None:
        """Close an incomplete file: what was written so far stays in FILE.part."""
        self._close()


def _lock(stream: FileIO) -> bool:
    """Lock a file until it is closed; return False if another process has. On systems without locks, none has."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(2**62)  # beyond all content, where a lock blocks no reader
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            stream.seek(0)
        return True
    import fcntl

    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Delay the signals that end a command until the end of the `with`; processes started in it ignore them.

    They are blocked for these processes, and also delayed by handlers, since other threads receive what this one
    blocks.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: handler for number in numbers if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN)
    }
    heard: list[int] = []
    for number in before:
        signal.signal(number, lambda number, _: heard.append(number))
    can_block = hasattr(signal, "pthread_sigmask")  # Windows cannot
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers) if can_block else ()
    try:
        yield
    finally:
        if can_block:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in heard[:1]:
            signal.raise_signal(number)
