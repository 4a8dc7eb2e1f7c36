"""`shapecalc diff`: layer by layer what differs between two networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import emit, emit_json, load_network, output_option, terminal_width, wants_color

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Show layer by layer what differs between two networks.")
@click.argument("first", metavar="SPEC")
@click.argument("second", metavar="[SPEC]", required=False)
@click.option("--set", "both", metavar="NAME=VALUE", multiple=True, help="A variable's value in both.")
@click.option("--set-a", metavar="NAME=VALUE", multiple=True, help="A variable's value in the first.")
@click.option("--set-b", metavar="NAME=VALUE", multiple=True, help="A variable's value in the second.")
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="The input size of both.")
@click.option("--input-a", metavar="SIZE", multiple=True, help="The input size of the first.")
@click.option("--input-b", metavar="SIZE", multiple=True, help="The input size of the second.")
@click.option("--all", "everything", is_flag=True, help="Show the layers that are the same, too.")
@click.option("--format", "format_", type=click.Choice(["table", "json", "markdown"]), default="table",
              help="How to write it.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the networks differ.")
@output_option
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    first: str, second: str | None, both: Sequence[str], set_a: Sequence[str], set_b: Sequence[str],
    inputs: Sequence[str], input_a: Sequence[str], input_b: Sequence[str], everything: bool, format_: str,
    exit_code: bool, output: str | None,
) -> int:  # fmt: skip
    """Show layer by layer what differs between two networks, two settings of variables, or two input sizes.

    With one SPEC, it is compared with itself: `diff resnet50 --set-b width_per_group=128`. Layers are matched by
    name and kind, then by kind. The exit status is 0 whether or not they differ; with --exit-code it is 1 where a
    layer, an input, an output or a sum does. The names of the networks may differ.
    """
    from shapecalc.questions.compare import diff  # noqa: PLC0415
    from shapecalc.renderers.difference import draw_difference  # noqa: PLC0415

    if second is None and not (set_a or set_b or input_a or input_b):
        raise click.UsageError("give a second SPEC, or what differs: --set-b NAME=VALUE or --input-b SIZE")
    before = load_network(first, [*inputs, *input_a], _merged(both, set_a))
    after = load_network(second or first, [*inputs, *input_b], _merged(both, set_b))
    difference = diff(before.infer(), after.infer(layout=before.graph.layout))
    status = 1 if exit_code and not difference.is_empty else 0
    if format_ == "json":
        emit_json(difference.to_dict(), output)
        return status
    to_screen = output is None and format_ == "table"
    text = draw_difference(
        difference, format_, terminal_width() if to_screen else None, color=wants_color() and to_screen,
        everything=everything,
    )  # fmt: skip
    emit(text, output, format_)
    return status


def _merged(both: Sequence[str], own: Sequence[str]) -> list[str]:
    """Return settings of which those of one side go before those of both."""
    named = {pair.partition("=")[0].strip() for pair in own}
    return [*[pair for pair in both if pair.partition("=")[0].strip() not in named], *own]
