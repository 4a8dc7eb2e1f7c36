"""`shapecalc schema`: the JSON Schema of a specification, for editors."""

from __future__ import annotations

import click

from shapecalc.cli.options import emit, output_option
from shapecalc.escaping import json_text

__all__ = ["command"]


@click.command(short_help="Print the JSON Schema of a specification, for editors.")
@output_option
def command(output: str | None) -> None:
    """Print the JSON Schema of a specification, with every kind's arguments and docs.

    An editor that speaks YAML completes and checks with it a file whose first line is
    `# yaml-language-server: $schema=shapecalc.schema.json`.
    """
    from shapecalc.language.schema import specification_schema

    emit(json_text(specification_schema(), 1), output, "json")
