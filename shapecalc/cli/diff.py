"""`shapecalc diff`: the differences between two networks, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    all_or_depth,
    batch_option,
    depth_option,
    layout_option,
    load_one_of,
    read_settings,
    settings_option,
    spec_argument,
)
from shapecalc.cli.output import emit_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.network import Network

__all__ = ["command"]


@click.command(short_help="Show the differences between two networks, by layer.")
@spec_argument("first")
@spec_argument("second", "[SPEC]", required=False)
@settings_option("--set", "both", help="Set a variable in both networks.")
@settings_option("--set-a", help="Set a variable in the first network.")
@settings_option("--set-b", help="Set a variable in the second network.")
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="Set the input size of both networks.")
@click.option("--input-a", metavar="SIZE", multiple=True, help="Set the input size of the first network.")
@click.option("--input-b", metavar="SIZE", multiple=True, help="Set the input size of the second network.")
@click.option("--all", "everything", is_flag=True, help="Show unchanged layers too.")
@batch_option
@layout_option
@depth_option("all")
@click.option("--exit-code", is_flag=True, help="Exit with status 1 if the networks differ.")
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    first: str, second: str | None, both: Sequence[str], set_a: Sequence[str], set_b: Sequence[str],
    inputs: Sequence[str], input_a: Sequence[str], input_b: Sequence[str], everything: bool, batch: int,
    layout: str | None, depth: int | str | None, exit_code: bool,
    format_: str, output: str | None,
) -> int:  # fmt: skip
    """Show, layer by layer, the differences between two networks, two settings of variables, or two input sizes.

    With one SPEC, compare it with itself: `diff resnet50 --set-b width_per_group=128`. Layers are matched by
    name and kind, then by kind. With --depth, blocks that stay collapsed are compared as a whole. The exit
    status is 0 even if the networks differ; with --exit-code it is 1 if a layer, an input, an output or a
    total differs. The names of the networks are not compared.
    """
    from shapecalc.questions.compare import diff

    if second is None and not (set_a or set_b or input_a or input_b):
        raise click.UsageError("give a second SPEC, or a change to compare: --set-b NAME=VALUE or --input-b SIZE")
    shared, is_one = read_settings(both), second in (None, first)

    def load(spec: str, which: str, sizes: Sequence[str], settings: Sequence[str]) -> Network:
        variables = {**shared, **read_settings(settings, f"--set-{which}")}
        name = f"the {'first' if which == 'a' else 'second'} network" if is_one else ""
        return load_one_of(spec, [*inputs, *sizes], variables, layout or "", name)

    before, after = load(first, "a", input_a, set_a), load(second or first, "b", input_b, set_b)
    shown = layout or before.graph.layout
    difference = diff(
        before.infer(batch=batch, layout=shown),
        after.infer(batch=batch, layout=shown),
        all_or_depth(depth),
    )
    title = " → ".join(report.name for report in (difference.before, difference.after))
    emit_answer(difference, output, format_, title, everything=everything)
    return 1 if exit_code and not difference.is_empty else 0
