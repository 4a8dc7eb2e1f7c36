"""`shapecalc schema`: the JSON Schema of a specification, for editors."""

from __future__ import annotations

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.output import emit
from shapecalc.escaping import json_text

__all__ = ["command"]


@click.command(short_help="Print the JSON Schema of a specification, for editors.")
@output_formats("json")
def command(format_: str, output: str | None) -> None:
    """Print the JSON Schema of a specification, with the arguments and docs of every kind.

    With it, an editor with YAML support completes and checks files whose first line is
    `# yaml-language-server: $schema=shapecalc.schema.json`.
    """
    from shapecalc.language.schema import specification_schema

    emit(json_text(specification_schema(), 1), output, format_)
