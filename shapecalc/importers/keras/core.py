"""Fully connected layers, embeddings, and what rearranges axes."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.activations import activated
from shapecalc.importers.keras.calls import OWN, layer, when
from shapecalc.importers.keras.lora import LoraLayers, adapted, einsum_adapter

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data


@layer("Dense")
def _dense(call: LayerCall) -> Data:
    own, bias = {"out_features": call.whole("units")}, when(not call.flag("use_bias", default=True), bias=False)

    def adapter(rank: int) -> LoraLayers:
        return LoraLayers({"out_features": rank}, "linear", own)

    return activated(call, adapted(call, call.data(), "linear", own, adapter, bias=bias, no_bias={"bias": False}))


@layer("EinsumDense")
def _einsum_dense(call: LayerCall) -> Data:
    x = call.data()
    if x.batch != OWN:
        raise NotCoveredError("the batch is not an axis of its own")
    equation, sizes = call.word("equation", ""), call.listed("output_shape")
    bias = when(call.argument("bias_axes") is not None, bias_axes=call.word("bias_axes", ""))
    shape = [-1 if size is None else size for size in sizes]
    own = {"equation": equation, "output_shape": shape}
    adapter = partial(einsum_adapter, equation, shape)
    return activated(call, adapted(call, x, "einsum_dense", own, adapter, bias=bias, no_bias={}))


@layer("Embedding", "ReversibleEmbedding")
def _embedding(call: LayerCall) -> Data:
    rows, features = call.whole("input_dim"), call.whole("output_dim")
    if call.kwargs.get("reverse") is True:
        if call.argument("lora_rank"):
            raise NotCoveredError("it is the reverse of a table with adapters of LoRA")
        tied = call.flag("tie_weights", default=True)
        return call.one("linear", call.data(), out_features=rows, bias=False, shares="table" if tied else "reverse")
    own: dict[str, Any] = {"num_embeddings": rows, "embedding_dim": features}

    def adapter(rank: int) -> LoraLayers:
        return LoraLayers({**own, "embedding_dim": rank}, "linear", {"out_features": features, "bias": False})

    if call.argument("lora_rank"):
        return adapted(call, call.data(), "embedding", own, adapter, bias={}, no_bias={})
    return call.one("embedding", call.data(), **own, shares="table")


@layer("Flatten")
def _flatten(call: LayerCall) -> Data:
    x = call.data()
    return call.one("flatten", x) if x.batch.own else call.one("flatten", x, start_dim=2)


@layer("Reshape")
def _reshape(call: LayerCall) -> Data:
    x = call.data()
    shape = [-1 if size is None else size for size in call.listed("target_shape")]
    if x.batch.own:
        return call.one("reshape", x, shape=shape)
    inner = prod(x.shape.sizes[1:])
    known = prod(size for size in shape if size != -1)
    if -1 in shape and (not known or inner % known):
        raise LayerError(f"its target_shape {shape} does not divide the {inner:,} elements of its input")
    return call.one("reshape", x, shape=[x.shape.sizes[0], *[inner // known if size == -1 else size for size in shape]])


@layer("Permute")
def _permute(call: LayerCall) -> Data:
    x, dims = call.data(), call.listed("dims")
    if sorted(map(str, dims)) != sorted(map(str, range(1, x.rank))):
        raise LayerError(f"its dims {dims} are not an order of the {x.rank - 1} axes of its input besides the batch")
    lead = [] if x.batch.own else [1]
    return call.one("permute", x, dims=[*lead, *[axis + len(lead) for axis in dims]])


@layer("RepeatVector")
def _repeat(call: LayerCall) -> Data:
    x = call.data()
    if not x.batch.own:
        raise NotCoveredError("the batch is not an axis of its own")
    return call.one("repeat_vector", x, n=call.whole("n"))


@layer("Masking", "ActivityRegularization", "Identity", "Layer", "GaussianNoise")
def _unchanged(call: LayerCall) -> Data:
    return call.one("identity", call.data())


@layer("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout")
def _dropout(call: LayerCall) -> Data:
    return call.one("dropout", call.data(), p=call.real("rate", 0.5))


@layer("LayerScale")
def _layer_scale(call: LayerCall) -> Data:
    """The factors of ConvNeXt's blocks: a layer of Keras' own applications."""
    return call.one("layer_scale", call.data(), dim=-1, channels=call.whole("projection_dim"))


@layer("StochasticDepth")
def _stochastic_depth(call: LayerCall) -> Data:
    """That of ConvNeXt's blocks: a layer of Keras' own applications."""
    return call.one("stochastic_depth", call.data(), p=call.real("drop_path_rate", 0.0))


@layer("MaxoutDense")
def _maxout(call: LayerCall) -> Data:
    """The maximum of several fully connected layers: of Keras 1."""
    units, pieces = call.whole("units"), call.whole("nb_feature", 4)
    more: dict[str, Any] = {} if call.flag("use_bias", default=True) else {"bias": False}
    x = call.one("linear", call.data(), out_features=units * pieces, **more)
    split = call.one("unflatten", x, name="pieces", dim=-1, unflattened_size=[pieces, units])
    return call.one("max", split, name="max", dim=-2)
