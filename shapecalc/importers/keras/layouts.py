"""The layout of a model: channels last, unless all its layers that say so have channels first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.layers.base.shape import CHW, HWC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.importers.keras.structure import ModelRecord

__all__ = ["FIRST", "LAST", "layout_of"]

FIRST, LAST = "channels_first", "channels_last"


def layout_of(model: ModelRecord) -> str:
    """Return the layout in which most layers of a model need no permutation."""
    formats = list(_formats(model))
    return CHW if formats.count(FIRST) > formats.count(LAST) else HWC


def _formats(model: ModelRecord) -> Iterator[str]:
    for layer in model.layers:
        given = layer.config.get("data_format")
        if isinstance(given, str):
            yield given
        if layer.model is not None:
            yield from _formats(layer.model)
