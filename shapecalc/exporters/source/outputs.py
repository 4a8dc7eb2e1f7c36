"""The outputs of blocks: in a source a block returns each tensor of it that is used outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.structure.parts import Local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.structure.parts import Definition

__all__ = ["inner_local", "needed_outputs"]


def inner_local(definition: Definition, back: int, output: int) -> Local:
    """Return the tensor of a node of a definition, `back` nodes before its last. Errors: `NoCounterpartError`."""
    body = definition.body
    node = body.stop - 1 - back
    index = next(i for i, item in enumerate(definition.items) if item.part.start <= node < item.part.stop)
    return Local(index, definition.items[index].part.stop - 1 - node, output)


def needed_outputs(definitions: Sequence[Definition], outputs: Sequence[Local]) -> dict[int, list[Local]]:
    """Return the tensors of each definition that are used outside of it; `outputs` are those of the network."""
    needed: dict[int, dict[Local, None]] = {id(one): {} for one in definitions}
    needed[id(definitions[-1])].update(dict.fromkeys(outputs))
    for definition in reversed(definitions):
        used = [local for item in definition.items for local in item.inputs]
        for local in dict.fromkeys([*used, *needed[id(definition)]]):
            if local.part < 0:
                continue
            if local.back >= definition.items[local.part].part.length:
                raise NoCounterpartError("a layer within one of several copies is used outside of it")
            inner = definition.items[local.part].definition
            if inner is None:
                continue
            needed[id(inner)][inner_local(inner, local.back, local.output)] = None
    return {key: [*locals_] for key, locals_ in needed.items()}
