"""`shapecalc serve`: a page that edits a specification and shows what follows from it, on this machine."""

from __future__ import annotations

import os
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import (
    WholeNumber,
    completed,
    input_option,
    read_inputs,
    read_settings,
    set_option,
)
from shapecalc.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.server.running import ServerAddress

__all__ = ["command"]

_NEEDED = ("starlette", "uvicorn")


@click.command(short_help="Edit a network in the browser, with its sizes beside it.")
@click.argument("spec", metavar="[SPEC]", required=False, shell_complete=completed("specs"))
@input_option
@set_option
@click.option(
    "--port", type=WholeNumber(0, 65535), metavar="N",
    help="Listen on this port; 0 is any that is free.  [default: the first free one from 8765]",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="HOST",
    help="Listen on another address than that of this machine for itself: others can then reach it.",
)  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Print the address only, without opening it.")
def command(
    spec: str | None, inputs: Sequence[str], settings: Sequence[str], port: int | None, host: str, *, no_browser: bool
) -> None:
    """Edit a network in the browser: the table, pictures, memory and receptive fields follow each keystroke.

    The page begins with SPEC, or with a small example. Files that SPEC uses are read from its own folder; the page
    saves nothing there: it downloads. Ctrl-C ends the server.

    Needs the extra serve: pip install 'shapecalc-nn[serve]'.
    """
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing:
        raise MissingExtraError("the live page", missing, "serve")
    from shapecalc.server.beginning import Beginning
    from shapecalc.server.guard import is_loopback
    from shapecalc.server.running import listen, run

    beginning = Beginning(spec or "", read_inputs(inputs), read_settings(settings))
    beginning.read()  # an error is one of the command
    address = listen(host, port)
    if not is_loopback(host):
        click.echo(
            f"Listening on {host}: whoever can reach this machine and has the address below can use it, and read the "
            "files that SPEC may use. The connection is not encrypted.",
            err=True,
        )

    def ready() -> None:
        click.echo(f"{address.url}\nCtrl-C ends it.")
        sys.stdout.flush()
        if not no_browser:
            _open(address)

    try:
        run(address, beginning.read, beginning.folder, ready)
    except KeyboardInterrupt as interruption:
        if type(interruption) is not KeyboardInterrupt:  # another signal than that of Ctrl-C
            raise
        click.echo("", err=True)


def _open(address: ServerAddress) -> None:
    """Open the page in a browser, if there is a screen for one: a browser of the terminal would take its place."""
    has_screen = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen:
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(address.url,), daemon=True).start()
