"""The notes under a report: the totals in words, the convention, and what was not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.layers.base.shape import HWC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.report import Report

__all__ = ["footer", "incomplete", "opening"]

_LISTED = 3
_SPATIAL_AXES = {2: "L", 3: "HW", 4: "DHW"}
"""The letters of the spatial axes of a feature map, by its number of axes."""


def footer(report: Report, columns: Sequence[str], closed: int = 0, depth: int | None = None) -> list[str]:
    """Return the lines under a report shown with these columns, with `closed` collapsed blocks."""
    lines = [
        incomplete(report),
        _params(report),
        _operations(report, columns),
        _sizes(report, columns),
        _shared(report),
    ]
    if closed and depth:
        lines.append(opening(closed, depth))
    return [*filter(None, lines), *map(clean, report.notes)]


def opening(closed: int, depth: int) -> str:
    """Return the note on how to expand the collapsed blocks, each shown as one line."""
    return f"{count_noun(closed, 'block')} collapsed; expand with --depth {depth + 1}"


def incomplete(report: Report, *, totals: bool = True) -> str:
    """Return how many layers could not be inferred, and what `totals` then cover; empty for a complete report."""
    if report.is_complete:
        return ""
    if not report.missing:
        count = len(report.problems)
        verb = "is" if count == 1 else "are"
        return f"Incomplete: there {verb} {count_noun(count, 'error')}, though every layer could be inferred."
    layers = count_noun(len(report.rows) + report.missing, "layer")
    rest = "; totals cover the others" if totals else ""
    return f"Incomplete: {report.missing:,} of {layers} could not be inferred{rest}."


def _params(report: Report) -> str:
    total = report.total
    statistics = total.params - total.weights - total.biases  # what `--convention keras` counts as parameters
    made_of = f"{count_noun(total.weights, 'weight')} + {total.biases:,} bias{'' if total.biases == 1 else 'es'}"
    if statistics:
        made_of += f" + {statistics:,} running statistics, as Keras counts"
    words = [f"{count_noun(total.params, 'parameter')} ({made_of})"]
    if total.active_params != total.params:
        words.append(f"{total.active_params:,} active per token")
    if total.trainable != total.params:
        words.append(f"{total.trainable:,} trainable")
    if total.buffers > statistics:
        names = {name for row in report.rows for name in row.sizing.buffer_shapes}
        what = "running statistics" if all(name.startswith("running_") for name in names) else "stored, not trained"
        words.append(f"{count_noun(total.buffers - statistics, 'buffer element')} ({what})")
    return " · ".join(words)


def _operations(report: Report, columns: Sequence[str]) -> str:
    macs = report.total.macs
    number = f"{2 * macs:,} FLOPs = 2 × {count_noun(macs, 'MAC')}" if "flops" in columns else count_noun(macs, "MAC")
    return (
        f"{number} {report.samples}: convolutions, fully connected layers, attention and recurrent gates; biases, "
        "normalisation, activations and pooling are not counted."
    )


def _sizes(report: Report, columns: Sequence[str]) -> str:
    graph = report.graph
    has_maps = graph.is_written or any(shape.is_map for shape in graph.inputs.values())  # heads × tokens are no map
    ranks = {shape.rank for row in report.rows for shape in row.sizing.outputs if shape.is_map and has_maps}
    layouts = [_in_layout(_SPATIAL_AXES[rank], report.layout) for rank in sorted(ranks) if rank in _SPATIAL_AXES]
    end = "with the batch of the example." if report.graph.includes_batch else "without the batch axis."
    sizes = " ".join(["Sizes are", *([" or ".join(layouts) + ","] if layouts else []), end])
    if not {"output_bytes", "output_bytes_share"}.intersection(columns):
        return sizes
    own = graph.stored.activations if graph.stored else ""
    others = (
        f"; memory counts {own} bits, as {clean(graph.stored.origin)} says"
        if graph.stored and own not in ("", "32")
        else ""
    )
    return (
        f"{sizes} Bytes: the output of each layer {report.samples}, in fp32 (elements × 4 bytes; 1 KiB is 1,024 bytes)"
        f"{others}."
    )


def _in_layout(axes: str, layout: str) -> str:
    return "×".join(f"{axes}C" if layout == HWC else f"C{axes}")


def _shared(report: Report) -> str:
    pairs = [f"{clean(user)} uses the weights of {clean(owner)}" for user, owner in _shares(report)]
    if not pairs:
        return ""
    more = f", and {len(pairs) - _LISTED:,} more" if len(pairs) > _LISTED else ""
    return f"Shared weights are counted once: {', '.join(pairs[:_LISTED])}{more}."


def _shares(report: Report) -> list[tuple[str, str]]:
    """Return pairs of user and owner of shared weights: blocks, if one shares all its weights with another."""
    with_weights = [row for row in report.rows if row.sizing.weight_shapes]
    owners = {row.name: row.shares for row in with_weights if row.shares}
    own = [row.name for row in with_weights if not row.shares] if owners else []
    pairs: dict[tuple[str, str], None] = {}
    for user, owner in owners.items():
        mine, theirs = user.split("."), owner.split(".")
        while len(mine) > 1 and len(theirs) > 1 and mine[-1] == theirs[-1]:
            prefix = ".".join(mine[:-1]) + "."
            if any(name.startswith(prefix) for name in own):
                break
            mine.pop()
            theirs.pop()
        pairs[".".join(mine), ".".join(theirs)] = None
    return list(pairs)
