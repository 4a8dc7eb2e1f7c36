"""`shapecalc sweep`: the cost of every combination of variables and input sizes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli import status_of
from shapecalc.cli.formats import output_formats, plot_option
from shapecalc.cli.options import (
    DIRECTION,
    WholeNumber,
    batch_option,
    completed,
    layout_option,
    read_settings,
    spec_argument,
)
from shapecalc.cli.output import check_plot, complain, emit, layout_of, warn, write_to_screen
from shapecalc.cli.serving import asked_of_memory, memory_options
from shapecalc.errors import Problem, ShapecalcError, UsageError, count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.questions.sweep.driver import Job
    from shapecalc.questions.sweep.plan import SweepPlan

__all__ = ["command"]

_PAGES = ("text", "markdown", "html")
"""Formats that show the first rows; the others contain all of them."""


def _plan_of(
    spec: str, settings: Sequence[str], inputs: Sequence[str], batch: int = 1, layout: str = "", **memory: Any
) -> SweepPlan:
    """Return the plan of the sweep that the command describes. Errors: `ShapecalcError`."""
    from shapecalc.network import plan_sweep

    return plan_sweep(spec, _read_sets(settings), _read_inputs(inputs), batch, layout, **memory)


@click.command(short_help="Evaluate every combination of variables and input sizes.")
@spec_argument()
@click.argument("more", metavar="", nargs=-1)
@click.option("--set", "settings", metavar="NAME=VALUES", multiple=True,
              shell_complete=completed("settings"),
              help="Try these values of a variable: 2,3,4 or FROM:TO:STEP. May be repeated.")  # fmt: skip
@click.option("--input", "inputs", metavar="SIZES", multiple=True,
              help="Try these input sizes: 3x{128:256:32}x= (= repeats the size before it); NAME=SIZES for one of "
              "several inputs.")  # fmt: skip
@batch_option
@memory_options
@layout_option
@click.option(
    "--where",
    metavar="EXPR",
    shell_complete=completed("condition", _plan_of),
    help="Keep only rows that meet a condition: 'params < 5M and macs < 300M'.",
)
@click.option(
    "--pareto",
    metavar="LIST",
    shell_complete=completed("rows", _plan_of, "+"),
    help="Keep only the Pareto front that minimises params,macs; +x maximises x.",
)
@click.option(
    "--sort",
    metavar="LIST",
    shell_complete=completed("rows", _plan_of, "-"),
    help=f"Sort by columns (params,-macs), {DIRECTION.format('params')}.",
)
@click.option("--top", type=WholeNumber(1), metavar="N", help="Keep only the first N rows.")
@plot_option("the Pareto front")
@output_formats("text", "json", "jsonl", "csv", "parquet", "markdown", "html")
@click.option("--resume", is_flag=True, help="Resume after the last row of the --output file.")
@click.option("--jobs", type=WholeNumber(1, 256), default=1, show_default=True, metavar="N", help="Use N processes.")
@click.option(
    "--yes",
    is_flag=True,
    help="Run even more than 20 million variants, or more than an hour, or more than fits on the disk.",
)
def command(spec: str, more: Sequence[str], settings: Sequence[str], inputs: Sequence[str], **options: Any) -> int:
    """Evaluate every combination of variables and input sizes: parameters, MACs, memory and output size.

    Columns for --where, --sort and --pareto: variant (its number), the settings that vary, params, active_params, macs,
    buffers, activations, memory (the total of `shapecalc memory` with the same options), valid (no shape error).
    """
    if more:  # a shell expands --input 3x{64,96}x64 without quotes to --input 3x64x64 3x96x64
        hint = "put braces in quotes, so that the shell does not expand them: --input '3x{64,96}x64'"
        from shapecalc.questions.sweep.selection import hint_for_order  # numpy is an extra

        hint = hint_for_order(f"{options['sort'] or ''} {more[0]}") or hint
        raise UsageError(Problem(f"unexpected argument {more[0]}", hint=hint))
    from shapecalc.questions.sweep.driver import Job  # numpy is an extra
    from shapecalc.renderers.answers.sweep import ROWS_SHOWN

    format_, output = options["format_"], options["output"]
    if format_ == "parquet" and not output:
        raise UsageError(Problem("Parquet cannot be shown on the screen", hint="name a file: --output sweep.parquet"))
    memory = asked_of_memory(options)
    plan = _plan_of(spec, settings, inputs, options["batch"], options["layout"] or "", **memory)
    if options["plot"]:
        check_plot(options["plot"], output, "plotting a front")
    warn(plan.network.graph.warnings)
    job = Job(
        plan, where=options["where"], pareto=options["pareto"] or "", sort=options["sort"] or "", top=options["top"],
        output=output, format="text" if format_ in _PAGES else format_, resume=options["resume"],
        plot=options["plot"], shown=ROWS_SHOWN,
    )  # fmt: skip
    _announce(job, yes=options["yes"])
    interruption = _run(job, options["jobs"])
    if interruption is None or not (output or options["plot"]):
        if format_ in _PAGES:
            from shapecalc.renderers.answers.sweep import draw_sweep

            drawn = draw_sweep(job, _reason(job), format_, **layout_of(output, format_))
            emit(drawn, output, format_, job.title())
        elif output is None and job.is_gathered:
            emit(job.text(), format_=format_)
    if interruption is not None:
        complain([job.interruption()])
        return status_of(interruption)
    if output and format_ not in _PAGES:
        complain([job.conclusion()])
    return 0


class _Screen:
    """Standard output for the rows of a format."""

    def __init__(self, format_: str) -> None:
        self.format = format_

    def write(self, text: str) -> None:
        """Write rows."""
        write_to_screen(text, self.format)


def _read_sets(settings: Sequence[str]) -> dict[str, Any]:
    from shapecalc.questions.sweep.axes import parse_values

    found: dict[str, Any] = {}
    for pair in settings:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier() or not text.strip():
            hint = "write for instance --set width=16:128:16"
            raise UsageError(Problem(f"--set {pair} is not NAME=VALUES", hint=hint))
        if name in found:
            raise UsageError(Problem(f"the variable {name} is set twice", hint="list its values with commas"))
        values = parse_values(text, f"--set {name}", lambda one, name=name: read_settings([f"{name}={one}"])[name])
        found[name] = values[0] if len(values) == 1 else values
    return found


def _read_inputs(texts: Sequence[str]) -> Any:
    named: dict[str, str] = {}
    for text in texts:
        name, equals, sizes = text.partition("=")
        if not equals or not name.isidentifier() or not sizes:  # in 3x{64,128}x= the sign stands for a size
            name, sizes = "", text
        if name in named:
            raise UsageError(
                Problem("the sizes of one input are given twice", hint="list them within braces: 3x{128,160}x=")
            )
        named[name] = sizes
    return named or None


def _announce(job: Job, *, yes: bool) -> None:
    """Print the size of a large sweep. Errors: `UsageError` for one over the size limit, without --yes."""
    size = job.size()
    if size.is_excessive and not yes:
        message = f"the sweep exceeds the size limit: {size}"
        raise UsageError(Problem(message, why=(size.why,), hint="--yes runs it without the limit"))
    if size.is_long:
        complain([str(size)])


def _run(job: Job, jobs: int) -> KeyboardInterrupt | None:
    """Run the sweep, and complete its files; return the interruption, if there was one."""
    try:
        _work(job, jobs)
        job.finish()
        if job.plot:
            from shapecalc.renderers.pictures import Picture
            from shapecalc.renderers.pictures.charts.front import draw_front

            Picture(draw_front(*job.picture())).save(job.plot)
    except KeyboardInterrupt as interruption:
        job.leave()
        return interruption
    except BaseException as error:
        job.leave()
        if isinstance(error, ShapecalcError) and job.part:
            complain([job.interruption("stopped")])
        raise
    return None


def _work(job: Job, jobs: int) -> None:
    from shapecalc.renderers.progress import progress

    is_wanted = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and job.size().is_long
    from shapecalc.questions.sweep.driver import process_pool

    stream = _Screen(job.format) if job.output is None else None
    with (
        process_pool(jobs) if jobs > 1 else contextlib.nullcontext() as executor,
        progress("variants", job.plan.grid.rows, start=job.start, is_wanted=is_wanted) as show,
    ):
        for done in job.run(executor, stream):
            show(done)


def _reason(job: Job) -> list[str]:
    """Return why the first invalid variant has a shape error."""
    row = job.gathering.first_wrong
    if row is None:
        return []
    variables, inputs = job.plan.grid.at(row)
    try:
        job.plan.grid.question.total(job.plan.network.infer(vars=variables, input=inputs or None).graph)
    except ShapecalcError as error:
        problem = error.problems[0]
        number = job.gathering.seen - job.gathering.valid
        wrong = ("has a shape error", "have shape errors")
        if isinstance(error, UsageError):
            wrong = ("is not valid", "are not valid")
        words = f"{count_noun(number, 'variant')} {wrong[number != 1]}"
        return [f"{words}; the first, {job.plan.grid.describe(row)}: {problem.headline}"]
    return []
