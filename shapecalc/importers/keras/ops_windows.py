"""Operations on feature maps, and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer, when
from shapecalc.importers.keras.operations import operation, whole_values

if TYPE_CHECKING:
    from shapecalc.importers.keras.operations import OpsCall
    from shapecalc.importers.tensors import Data


def _as_layer(op: OpsCall, title: str, config: dict[str, Any]) -> Any:
    """Return the outputs of the layer that does the same."""
    record = op.call.record._replace(op=title, config={"data_format": op.argument("data_format"), **config})
    function = layer.find(title)
    assert function is not None, title
    return function(op.call.of(record, [op.x]))


@operation("MaxPool", "AveragePool")
def _pool(op: OpsCall) -> Any:
    title = "MaxPooling" if op.name == "MaxPool" else "AveragePooling"
    config = {"pool_size": op.argument(("pool_size", "ksize")), "strides": op.argument("strides"),
              "padding": op.argument("padding")}  # fmt: skip
    return _as_layer(op, f"{title}{_rank(op)}D", config)


@operation("AdaptiveMaxPool", "AdaptiveAveragePool")
def _adaptive(op: OpsCall) -> Any:
    title = "Max" if "Max" in op.name else "Average"
    return _as_layer(op, f"Adaptive{title}Pooling{_rank(op)}D", {"output_size": op.argument("output_size")})


def _rank(op: OpsCall) -> int:
    rank = op.x.rank - 2
    if not 1 <= rank <= 3:
        raise NotCoveredError(f"its input has {op.x.rank} axes")
    return rank


@operation("Resize")
def _resize(op: OpsCall) -> Any:
    size = whole_values(op.argument("size", 1))
    if size is None or len(size) != 2:
        raise NotCoveredError("its size is computed from data")
    config = {"height": size[0], "width": size[1], "interpolation": op.argument(("interpolation", "method"))}
    return _as_layer(op, "Resizing", config)


@operation("DepthToSpace", "SpaceToDepth")
def _shuffle(op: OpsCall) -> Data:
    record = op.call.record._replace(config={"data_format": op.argument("data_format")})
    call = op.call.of(record, [op.x])
    x, lead = call.as_map(call.data(), 2)
    if lead:
        raise NotCoveredError("its input has an axis before the spatial ones")
    factor = op.whole("block_size", 1, 2)
    kind, name = (
        ("pixel_shuffle", "upscale_factor") if op.name == "DepthToSpace" else ("pixel_unshuffle", "downscale_factor")
    )
    arguments: dict[str, Any] = {name: factor}
    return call.as_it_was(call.one(kind, x, **arguments), lead, 2)


@operation("DotProductAttention")
def _attention(op: OpsCall) -> Data:
    """Queries, keys and values of length × heads × features."""
    given = [op.as_data(op.operand(name, i)) for i, name in enumerate(("query", "key", "value"))]
    if any(x.batch != OWN or x.shape.rank != 3 for x in given):
        raise NotCoveredError("its inputs are not length × heads × features")
    heads = [op.call.one("permute", x, name="heads_first", dims=[2, 1, 3]) for x in given]
    more = when(op.flag("is_causal"), is_causal=True)
    if heads[0].shape.sizes[0] != heads[1].shape.sizes[0]:
        more["enable_gqa"] = True
    mixed = op.call.one("scaled_dot_product_attention", *heads, **more)
    return op.call.one("permute", mixed, name="heads_last", dims=[2, 1, 3])
