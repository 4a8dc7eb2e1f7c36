"""The entry point: `shapecalc`, and `python -m shapecalc`."""

from __future__ import annotations

import gc
import signal

__all__ = ["main"]

_GARBAGE_COLLECTION_THRESHOLDS = (1_000_000, 50, 10)
"""New objects before the garbage collector runs: most commands end earlier; others must not grow without bound."""


def main() -> None:
    """Run the command line. Until it runs, Ctrl-C ends the process without a traceback of imports."""
    gc.set_threshold(*_GARBAGE_COLLECTION_THRESHOLDS)
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shapecalc.cli import main as run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
