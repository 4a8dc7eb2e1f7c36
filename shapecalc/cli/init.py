"""`shapecalc init`: a specification to start from."""

from __future__ import annotations

import os

import click

from shapecalc.cli.formats import check_name_of_specification
from shapecalc.cli.options import completed
from shapecalc.cli.output import complain, emit
from shapecalc.errors import Problem, UsageError

__all__ = ["command"]

_STARTER = "network.yaml"


@click.command(short_help="Write a specification to start from.")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completed("bundled"))
@click.option(
    "-o", "--output", "target", metavar="FILE", type=click.Path(),
    help="Write to FILE; - for the screen.  [default: NAME.yaml, or network.yaml]",
)  # fmt: skip
def command(name: str | None, target: str | None) -> None:
    """Write a copy of the bundled network NAME to start from; without NAME, a small commented example.

    Existing files are never overwritten. Files that the network uses are written to the same folder.
    """
    from shapecalc.language.copies import STARTER, starting_files  # after the options are validated

    files = starting_files(name) if name else {_STARTER: STARTER}
    own, *used = files
    if target == "-":
        emit(files[own], format_="yaml")
        return
    if target == "":
        raise click.BadParameter("the name of the file is empty", param_hint="'--output'")
    target = target or own
    check_name_of_specification(target)
    folder = os.path.dirname(target)
    paths = {target: files[own], **{os.path.join(folder, one): files[one] for one in used}}
    existing = [path for path in paths if os.path.lexists(path)]
    if existing:
        raise UsageError(Problem(f"{existing[0]} exists already", hint="choose another file: -o FILE"))
    for path, text in paths.items():
        emit(text, path, "yaml")
    also_written = f", and {', '.join(list(paths)[1:])}, which it uses" if used else ""
    complain([f"wrote {target}{also_written}", f"   to see it, run `shapecalc summary {target}`"])
