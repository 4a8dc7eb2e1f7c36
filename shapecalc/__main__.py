"""The way in: `shapecalc`, and `python -m shapecalc`."""

from __future__ import annotations

import gc
import signal

__all__ = ["main"]

_GARBAGE_WORTH_A_SEARCH = 200_000
"""A command is over before it has made so many objects, as a rule; one that goes on must not grow without bound."""


def main() -> None:
    """Run the command line. Until it runs, Ctrl-C just ends the process: no traceback of what was being loaded."""
    gc.set_threshold(_GARBAGE_WORTH_A_SEARCH)
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shapecalc.cli import main as run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
