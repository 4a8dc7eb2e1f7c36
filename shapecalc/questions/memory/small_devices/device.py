"""Small devices: weights in flash, activations in SRAM, each with a budget of its own.

Flash holds what does not change. Of weights of at most 8 bits, biases are 32-bit integers and each output channel has a
scale in fp32, as in integer-only inference (Jacob et al. 2018, arXiv:1712.05877; TensorFlow Lite's quantisation
specification): the accumulator of int8 products has 32 bits. A format with a name has its scales within the bytes
of its tensors, and its own bits of biases. SRAM holds the activations at their peak, and what a decoder caches at a
context. The program itself, and its buffers, are not counted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError
from shapecalc.layers.base.layer import is_bias
from shapecalc.model.inference import infer
from shapecalc.questions.memory import memory
from shapecalc.questions.memory.in_place import ALL, TORCH, read_in_place
from shapecalc.questions.memory.plan import stored
from shapecalc.questions.memory.small_devices.changes import changes_of
from shapecalc.questions.memory.small_devices.folding import fold_norms
from shapecalc.questions.memory.small_devices.results import Flash, Placement, Sram
from shapecalc.questions.memory.small_devices.stage_search import read_patches, run_patched
from shapecalc.questions.memory.training.options import TRAINING, read_training
from shapecalc.questions.memory.weights.stored_bytes import choose_storing, formats_of_layers, tensor_bytes
from shapecalc.text.given import read_flag
from shapecalc.text.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.model.report import Report
    from shapecalc.questions.memory.results import Memory
    from shapecalc.questions.memory.small_devices.patches import PatchedRun
    from shapecalc.questions.memory.weights.stored_bytes import Storing

__all__ = ["memory_on_device"]

_QUANTISED = 8
"""Weights of at most so many bits are integers with scales."""

_BIAS_BITS, _SCALE_BITS = 32, 32


class _Asked(NamedTuple):
    """The options of small devices, as they are given."""

    flash: int | None
    sram: int | None
    folds: bool
    patches: Any


def memory_on_device(
    report: Report, *, flash: Any = None, sram: Any = None, fold_batch_norm: bool = False, patches: Any = None,
    **options: Any,
) -> Memory:  # fmt: skip
    """Return the bytes that a network needs, as `memory`, and whether they fit a device's flash and SRAM.

    `flash` and `sram` are budgets, bytes as an int or `"320KiB"`. `fold_batch_norm` folds batch normalisations into the
    convolutions before them. `patches` run the first stage patch by patch: `"4x4"`, or `"4x4,stage3"` with the layer or
    block that ends it, or `"auto"`. Other options are those of `memory`.
    Errors: as `memory`, and `UsageError` for an invalid option or one that contradicts another.
    """
    asked = _Asked(
        None if flash is None else parse_bytes(flash, "the flash"),
        None if sram is None else parse_bytes(sram, "the SRAM"),
        read_flag(fold_batch_norm, "fold_batch_norm"), patches,
    )  # fmt: skip
    if not asked.folds and asked[:2] == (None, None) and patches is None:
        return memory(report, **options)
    _check(options, asked)
    found = _placed(report, asked, options)
    given = {**options, "fold_batch_norm": asked.folds, "patches": patches}
    changes = changes_of(found, given, partial(_changed, report, asked))
    return found._replace(placement=found.placement and found.placement._replace(changes=changes))


def _changed(report: Report, asked: _Asked, *, fold_batch_norm: bool, patches: Any, **options: Any) -> Memory:
    """Return the memory with other options and the same budgets. Errors: `UsageError`, if they contradict others."""
    asked = asked._replace(folds=fold_batch_norm, patches=patches)
    _check(options, asked)
    return _placed(report, asked, options)


def _placed(report: Report, asked: _Asked, options: dict[str, Any]) -> Memory:
    """Return the memory with what flash and SRAM hold."""
    folded = 0
    if asked.folds:
        graph = fold_norms(report.graph)
        folded = len(report.graph.nodes) - len(graph.nodes)
        report = infer(graph, batch=report.batch, layout=report.layout, convention=report.convention)
    found = memory(report, **options)
    if asked.patches is not None:
        _, may = read_in_place(options.get("in_place", ALL))
        run = run_patched(report, read_patches(asked.patches), found.widths.activations, may, asked.sram)
        found = _patched(found, report, run)
    return found._replace(placement=_placement(found, report, asked, folded, options))


_SERVING = ("context", "prefill", "logits", "table", "contexts", "batches")


def _check(options: dict[str, Any], asked: _Asked) -> None:
    """Check that the options do not contradict each other. Errors: `UsageError`."""
    given = (
        "patches" if asked.patches is not None else "folded batch normalisations" if asked.folds else "flash and SRAM"
    )
    if read_training(**{name: value for name, value in options.items() if name in TRAINING}):
        raise UsageError(Problem(f"{given} are for inference, not for training", hint="leave one of the two out"))
    if asked.patches is None:
        return
    usuals = {"order": "given", "budget": None, **dict.fromkeys(_SERVING), "attention": "flash"}
    for name, usual in usuals.items():
        if options.get(name, usual) not in (usual, None, False, ()):
            raise UsageError(Problem(f"patches do not go with {name}", hint="leave one of the two out"))
    if read_in_place(options.get("in_place", ALL))[0] == (TORCH,):
        raise UsageError(Problem("patches do not run as eager PyTorch does", hint="leave --in-place torch out"))


def _patched(found: Memory, report: Report, patched: PatchedRun) -> Memory:
    """Return the memory with the activations of a run in patches."""
    layers = list(found.layers)
    names = {row.name: index for index, row in enumerate(report.rows)}
    for i, layer in enumerate(layers):
        if layer.live is not None and names[layer.name] in patched.live:
            node = names[layer.name]
            layers[i] = layer._replace(live=patched.live[node], overwrites=patched.overwrites[node])
    peak = found.activations._replace(peak=patched.peak, at=patched.at, held=patched.held, overwritten="")
    return found._replace(activations=peak, layers=tuple(layers), patches=patched.patches)


def _placement(found: Memory, report: Report, asked: _Asked, folded: int, options: Mapping[str, Any]) -> Placement:
    storing, _ = choose_storing(report, options.get("weights"), options.get("weights_of", ()))
    flash = _flash(found, report, asked.flash, storing)
    sram = Sram(found.activations.peak, found.context.bytes if found.context else 0, asked.sram)
    return Placement(flash, sram, asked.folds, folded)


def _flash(found: Memory, report: Report, budget: int | None, storing: Storing) -> Flash:
    """Return what flash holds. A tensor's first axis is that of its output channels."""
    weights, biases, channels = 0, 0, 0
    columns = zip(report.rows, tensor_bytes(report, storing), formats_of_layers(report, storing), strict=True)
    for row, tensors, format_ in columns:
        is_quantised = format_.bits is not None and format_.bits <= _QUANTISED
        for name, size in tensors.items():
            sizes = row.sizing.weight_shapes[name]
            if is_bias(name):
                biases += stored(prod(sizes), _BIAS_BITS) if is_quantised else size
            else:
                weights += size
                channels += sizes[0] if is_quantised and len(sizes) > 1 else 0
    return Flash(weights, biases, stored(channels, _SCALE_BITS), found.buffers, budget)
