"""A worker: a process that answers requests from its standard input, one after the other, with limited memory.

A request, and an answer, is its length in eight bytes and then JSON. The process that started it ends it when a request
takes too long, or is not wanted any more; when that process ends, so does this one.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from shapecalc.editor.engine import answer

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["HEAD", "MOST_BYTES", "main", "work"]

HEAD = 8
"""Bytes of the length of a request or an answer."""
MOST_BYTES = 32 * 2**20
"""The maximum length of an answer."""
_WORN = 400 * 2**20
"""The memory (bytes) above which a worker ends after its answer: another one takes its place."""
_WARM = {"do": "look", "text": "input: 3x8x8\nlayers: [conv: 4, batch_norm, relu, flatten, fc: 2]\n", "name": "a.yaml"}
_MANY_ALLOCATIONS = 50_000


def main() -> None:
    """Answer requests until the standard input ends. Arguments: the folder of files, bytes of memory, seconds."""
    folder, memory, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    _limit(memory)
    answer(_WARM, "")
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MANY_ALLOCATIONS)
    _send(out, b"")  # ready
    with contextlib.suppress(BrokenPipeError):
        work(sys.stdin.buffer, out, folder, seconds)


def work(requests: BinaryIO, out: int, folder: str, seconds: float = 0) -> None:
    """Answer requests until there are none, or until the process has grown."""
    while True:
        head = requests.read(HEAD)
        if len(head) < HEAD:
            return
        body = requests.read(int.from_bytes(head, "big"))
        _alarm(seconds)
        _send(out, _answered(body, folder))
        del body
        _alarm(0)
        if _peak() > _WORN:
            return


def _answered(body: bytes, folder: str) -> bytes:
    """Return the answer to a request as JSON. Whatever is wrong with it, there is one."""
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _failure("a request is JSON")
    except MemoryError:
        return _failure("not enough memory")
    try:
        written = json.dumps(answer(request, folder), ensure_ascii=True, separators=(",", ":")).encode("ascii")
    except (MemoryError, RecursionError, TypeError, ValueError) as error:
        return _failure("not enough memory" if isinstance(error, MemoryError) else "there is no such answer")
    return written if len(written) <= MOST_BYTES else _failure("the answer is too large for a page")


def _failure(message: str) -> bytes:
    return json.dumps({"ok": False, "error": {"message": message, "why": [], "hint": ""}}).encode()


def _send(out: int, content: bytes) -> None:
    view = memoryview(len(content).to_bytes(HEAD, "big") + content)
    while view:
        view = view[os.write(out, view) :]


def _limit(memory: int) -> None:
    """Limit the memory of this process, and keep it from writing files: where the system can (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    for name, most in (("RLIMIT_AS", memory), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        kind = getattr(resource, name, None)
        if kind is not None:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (most, most))


def _alarm(seconds: float) -> None:
    """End this process after so many seconds, even where the one that started it has ended; never for 0."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _peak() -> int:
    """Return the memory that this process has had at most, in bytes; 0 where that is not known."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
