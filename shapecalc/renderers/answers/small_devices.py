"""Flash and SRAM of a small device, and a stage that runs in patches: as a table and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.answers.serving import cache_name
from shapecalc.renderers.blocks import Paragraph, Table
from shapecalc.renderers.cells import NOTHING, show_bytes, show_size
from shapecalc.renderers.drawing import TableLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.questions.memory import Memory
    from shapecalc.questions.memory.small_devices.results import Flash, OptionChange, Patches, Sram
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_placement", "placement_notes"]


def draw_placement(memory: Memory) -> list[Block]:
    """Return what flash and SRAM hold, and whether it fits; nothing for a network that is not on a small device."""
    placement = memory.placement
    if placement is None:
        return []
    flash = placement.flash
    parts = [("weights", flash.weights), ("biases", flash.biases), ("scales", flash.scales), ("buffers", flash.buffers)]
    shown = [(name, size) for name, size in parts if size or name == "weights"]
    lines = [TableLine((f"  {name}", f"{size:,}", show_bytes(size), "", ""), "dim") for name, size in shown]
    rows = [_line("flash", flash), *lines, _line("SRAM", placement.sram)]
    held = [("activations, at the peak", placement.sram.activations)]
    held += [(cache_name(memory, memory.context.tokens), placement.sram.cache)] if memory.context else []
    rows += [TableLine((f"  {name}", f"{size:,}", show_bytes(size), "", ""), "dim") for name, size in held]
    table = Table(("Device", "bytes", "", "budget", "fits"), rows, numbers=(1, 2, 3))
    said = [_patches(memory.patches)] if memory.patches else []
    said += [_change(change) for change in placement.changes]
    said += [_UNCHANGED[name] for name, part in (("flash", placement.flash), ("SRAM", placement.sram))
             if not part.fits and not any(change.part == name.lower() for change in placement.changes)]  # fmt: skip
    return [table, *map(Paragraph, said)]


_NAMES = {"flash": "flash", "sram": "SRAM"}
_UNCHANGED = {
    "flash": "Folding and weights of 4 bits do not lower what flash needs: use a smaller network.",
    "SRAM": "In-place layers, folding, patches and activations of 8 bits do not lower what SRAM needs: use a smaller "
            "network or input, or a shorter context.",
}  # fmt: skip


def _change(change: OptionChange) -> str:
    fits = "which fits" if change.fits else "which does not fit either: use a smaller network or input"
    return f"With {' '.join(change.options)} {_NAMES[change.part]} needs {show_bytes(change.bytes)}, {fits}."


def _line(name: str, part: Flash | Sram) -> TableLine:
    budget = NOTHING if part.budget is None else show_bytes(part.budget)
    fits = (
        NOTHING if part.budget is None else "yes" if part.fits else f"no: {show_bytes(part.total - part.budget)} more"
    )
    return TableLine((name, f"{part.total:,}", show_bytes(part.total), budget, fits), "" if part.fits else "bold")


def _patches(patches: Patches) -> str:
    counts, more = show_size(patches.counts), patches.macs_in_patches - patches.macs
    share = f"{more / patches.macs:.0%}" if patches.macs else "0%"
    return (
        f"Up to {clean(patches.end)} the network runs in {counts} patches. A patch depends on up to "
        f"{show_size(patches.input)} of the input, with its halo; halos overlap, which adds {more:,} MACs ({share}) to "
        f"the {patches.macs:,} of these layers. Activations peak at {show_bytes(patches.stage)} there, and at "
        f"{show_bytes(patches.rest)} in the rest."
    )


def placement_notes(memory: Memory) -> Iterator[str]:
    """Yield sentences on what flash and SRAM include."""
    placement = memory.placement
    if placement is None:
        return
    scales = "biases have 32 bits, and each output channel has a scale in fp32" if placement.flash.scales else ""
    held = "activations, and what the decoder caches" if memory.context else "activations"
    yield f"Flash: weights and buffers{f'; {scales}' if scales else ''}. SRAM: {held}. The program is not counted."
    if placement.folds:
        yield (
            f"{count_noun(placement.folded, 'batch normalisation')} folded into the convolutions before them, which "
            "have biases instead."
        )
    if memory.patches:
        yield "In patches, the output of the stage is in memory as a whole, and of the input only the part of a patch."
