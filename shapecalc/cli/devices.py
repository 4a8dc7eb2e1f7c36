"""`shapecalc devices`: the bundled devices of `shapecalc speed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats, read_show
from shapecalc.cli.options import completed
from shapecalc.cli.output import emit, emit_json, layout_of
from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="List the devices of `speed`, or print one.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option(
    "--show", metavar="NAME", is_eager=True, callback=read_show, shell_complete=completed("devices"),
    help="Print the file of a device, to write your own.",
)  # fmt: skip
@output_formats("text", "json", "markdown", "html")
def command(words: Sequence[str], show: str | None, format_: str, output: str | None) -> None:
    """List the bundled devices with their memory bandwidth and peak rates, or print the file of one.

    With WORD, list only devices with it in their name or source.
    """
    from shapecalc.questions.speed import bundled_devices, device_text, find_device  # it reads YAML

    if show is not None:
        if words:
            raise click.UsageError(f"--show prints one device: leave out {words[0]}")
        emit(device_text(show), output, "yaml")
        return
    devices = [find_device(name) for name in bundled_devices()]
    for word in words:
        devices = [one for one in devices if word.lower() in f"{one.key}\n{one.name}\n{one.source}".lower()]
    if not devices:
        raise UsageError(Problem("no bundled device matches", hint="`shapecalc devices` lists all"))
    if format_ == "json":
        emit_json({"version": 1, "devices": [device.to_dict() for device in devices]}, output)
    else:
        from shapecalc.renderers.answers.speed import draw_devices

        emit(draw_devices(devices, format_, **layout_of(output, format_)), output, format_, "Devices")
