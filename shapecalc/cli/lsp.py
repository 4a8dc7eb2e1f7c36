"""`shapecalc lsp`: the language server, for editors."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(short_help="Serve an editor: sizes behind every layer, errors with fixes.")
@click.option("--stdio", is_flag=True, help="Serve over standard input and output, as is done without it.")
def command(stdio: bool) -> None:  # noqa: ARG001  (editors pass it)
    """Run the language server, which an editor starts: see docs/editor.md.

    It shows the output size and the parameters of every layer, errors with fixes, and the arithmetic of each layer, and
    completes kinds, arguments and names. It needs pygls: pip install 'shapecalc-nn[lsp]'.
    """
    from shapecalc.editor.server import serve

    serve()
