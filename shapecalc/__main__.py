"""The way in: `shapecalc`, and `python -m shapecalc`."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command line. Until it runs, Ctrl-C just ends the process: no traceback of what was being loaded."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from shapecalc.cli import main as run  # noqa: PLC0415

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
