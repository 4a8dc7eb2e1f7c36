"""Where a node of an ONNX file is: its location for errors, and the modules that it is in."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from shapecalc.importers.blocks import relative
from shapecalc.importers.tensors import NodePlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.onnx.messages import NodeMessage
    from shapecalc.importers.tensors import Constant

__all__ = ["place_by_weights", "place_of"]

_SCOPES = "pkg.torch.onnx.name_scopes"
_BLOCKED = "_nchwc"
"""What onnxruntime adds to the name of an output, which a convolution with channels in blocks then has."""
_LONGEST = 4096


def place_of(node: NodeMessage, where: str) -> NodePlace:
    """Return the location of a node: `node[3] Gemm /fc/Gemm`, the modules around it, and its own name."""
    path = " ".join([part for part in (where, node.op, node.name) if part])
    scopes = _scopes(node.metadata[_SCOPES]) if _SCOPES in node.metadata else ()
    if len(scopes) > 1:
        return NodePlace(path, tuple(scopes[-2].split(".")) if scopes[-2] else (), node.name.removeprefix("node_"))
    around, _, own = node.name.removesuffix(_BLOCKED).rstrip("/").rpartition("/")
    blocks = _blocks(around)
    own = own.removesuffix("_output_0") if node.name.endswith(_BLOCKED) else own
    if blocks:
        return NodePlace(path, blocks, own.lower())
    name = own.removeprefix("node_")
    return NodePlace(path, (), name.lower() if name.startswith(node.op) else name)


@lru_cache(maxsize=1024)
def _blocks(text: str) -> tuple[str, ...]:
    """Return the modules that the name of a node says it is in: `layer1`, `0` of `/layer1/layer1.0`."""
    return tuple(".".join(relative([part for part in text.split("/") if part])).split(".")) if text.strip("/") else ()


def place_by_weights(place: NodePlace, weights: Sequence[Constant]) -> NodePlace:
    """Return the location of a node without modules around it, with those in the names of its weights.

    `features.0.1.weight` and `features.0.1.bias` are those of the layer 1 in the block features.0.
    """
    if place.blocks or not weights:
        return place
    names = [name for weight in weights for name in weight.sources]
    layers = {name.rpartition(".")[0] for name in names}
    if len(layers) != 1 or any("/" in name or ":" in name or " " in name for name in names):
        return place
    *blocks, own = layers.pop().split(".")
    return place._replace(blocks=tuple(blocks), name=own) if own and all(blocks) else place


def _scopes(text: str) -> list[str]:
    """Return the modules that PyTorch's exporter notes of a node, as a list of Python: `['', 'layer1', 'conv2d']`."""
    if not text or len(text) > _LONGEST:
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
