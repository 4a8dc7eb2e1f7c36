"""`shapecalc weights`: what a checkpoint holds, from its headers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import completed, depth_option, input_option, set_option
from shapecalc.cli.output import emit_answer
from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Show what a checkpoint holds, from its headers alone.")
@click.argument("path", metavar="FILE", shell_complete=completed("checkpoints"))
@click.option(
    "--against",
    metavar="SPEC",
    shell_complete=completed("specs"),
    help="Show which tensors are missing, extra or of another size than those of a network, or of a config.json.",
)
@input_option
@set_option
@depth_option()
@click.option(
    "--fold/--no-fold",
    default=None,
    help="Show modules that are repeated and alike as one line.  [default: fold, except in CSV]",
)
@output_formats("text", "json", "csv", "markdown", "html")
def command(
    path: str, against: str | None, inputs: Sequence[str], settings: Sequence[str], depth: int | str | None,
    fold: bool | None, format_: str, output: str | None,
) -> int:  # fmt: skip
    """Show what a checkpoint holds, from its headers alone: parameters and bytes by module and by type.

    FILE is a file of safetensors, GGUF or ONNX, a state dict of PyTorch (.pt, .pth, .bin), an archive of torch.export
    (.pt2), an index of shards (model.safetensors.index.json), or the folder of one of these. No tensor's data is read,
    and no code is run.
    """
    from shapecalc.questions.weights import weights

    if (inputs or settings) and against is None:
        option = "--input" if inputs else "--set"
        raise UsageError(Problem(f"{option} is for the network of --against", hint=f"name one, or leave {option} out"))
    found = weights(path)
    if against is not None:
        from shapecalc.cli.options import load_network

        comparison = load_network(against, inputs, settings).compare_weights(found)
        emit_answer(comparison, output, format_, found.name)
        return 0 if comparison.is_same else 1
    emit_answer(found, output, format_, found.name, depth=depth, fold=fold)
    return 1 if found.missing else 0
