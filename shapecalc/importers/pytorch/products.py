"""Matrix products: with weights, fully connected layers; of two tensors, products of their own; and attention."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import einsum, linear, merged, product, rows
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.operations import operation
from shapecalc.importers.rearranging import of_each_sample, permuted
from shapecalc.importers.tensors import LOST, Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.pytorch.operations import AtenCall

    Tensor = Data | Constant


def _pair(call: AtenCall, first: str, second: str) -> tuple[Tensor, Tensor]:
    a, b = call.tensor(first), call.tensor(second)
    if a is None or b is None:
        raise LayerError(f"it needs two tensors, {first} and {second}")
    return of_each_sample(call, a) if _is_weight(b) else a, b


def _is_weight(x: Tensor | None) -> bool:
    return isinstance(x, Constant) and x.learned and x.rank == 2


@operation("linear")
def _linear(call: AtenCall) -> Data:
    x, weight, bias = call.tensor("input", "self"), call.tensor("weight"), call.tensor("bias")
    if weight is None or x is None:
        raise LayerError("it has no weight")
    x = call.as_data(of_each_sample(call, x))
    is_plain = bias is None or (isinstance(bias, Constant) and bias.rank == 1 and bias.learned)
    if isinstance(weight, Constant) and _is_weight(weight) and is_plain:
        features = (weight.dims[1], weight.dims[0])
        return linear(call, rows(call, x), weight, features, bias if isinstance(bias, Constant) else None)
    if isinstance(weight, Constant):
        turned: Tensor = weight._replace(dims=weight.dims[::-1])
    else:
        turned = permuted(call, weight, list(range(weight.rank))[::-1])
    found = product(call, x, turned)
    return found if bias is None else merged(call, "add", [found, bias])


@operation("addmm", "baddbmm", "addbmm", "addmv")
def _add_product(call: AtenCall) -> Data:
    names = {"addmm": ("mat1", "mat2"), "addmv": ("mat", "vec")}.get(call.name, ("batch1", "batch2"))
    a, b = _pair(call, *names)
    bias = call.tensor("self")
    is_linear = isinstance(a, Data) and _is_weight(b) and isinstance(bias, Constant) and bias.learned
    if is_linear and isinstance(a, Data) and isinstance(b, Constant) and isinstance(bias, Constant):
        features = (b.dims[0], b.dims[1])
        if bias.dims == features[1:]:
            return linear(call, rows(call, a), b, features, bias)
    found = _multiplied(call, a, b)
    return found if bias is None else merged(call, "add", [found, bias])


@operation("mm", "bmm", "matmul", "mv", "linalg_matmul")
def _matmul(call: AtenCall) -> Data:
    second = {"mm": "mat2", "bmm": "mat2", "mv": "vec"}.get(call.name, "other")
    return _multiplied(call, *_pair(call, "self", second))


def _is_repeated(call: AtenCall, weight: Constant) -> bool:
    """Return whether a weight is one of two axes that is repeated along a new first one: a linear layer as `bmm`."""
    stored = call.stored.get(weight.sources[0]) if len(weight.sources) == 1 else None
    return stored is not None and weight.rank == 3 and prod(stored.dims) == prod(weight.dims[1:])


def _multiplied(call: AtenCall, a: Tensor, b: Tensor) -> Data:
    if isinstance(b, Constant) and _is_repeated(call, b):
        b = b._replace(dims=b.dims[1:])
    if isinstance(a, Data) and isinstance(b, Constant) and _is_weight(b):
        return linear(call, rows(call, a), b, (b.dims[0], b.dims[1]), None)
    if b.rank == 1:
        if isinstance(b, Constant) and b.learned and isinstance(a, Data):
            found = linear(call, rows(call, a), b, (b.dims[0], 1), None)
        else:
            full = (*b.full(call.frame.batch), 1)
            column = b._replace(dims=full) if isinstance(b, Constant) else call.frame.reshape(call.place, b, full)
            found = product(call, a, column)
        return call.frame.reshape(call.place, found, found.full(call.frame.batch)[:-1])
    if a.rank == 1:
        raise NotCoveredError("its first input is a vector")
    return product(call, a, b)


@operation("_grouped_mm", "transformers.grouped_mm_fallback")
def _grouped(call: AtenCall) -> Data:
    """Rows in groups, each multiplied by a weight of its own: of experts, as transformers exports them."""
    x, weight, offsets = call.x("self", "input"), call.tensor("mat2", "weight"), call.x("offs")
    if not isinstance(weight, Constant) or weight.rank != 3 or call.get("bias") is not None:
        raise NotCoveredError("it has not one weight for each group of rows")
    if call.frame.batch > 1 and (x.batch.axis >= 0 or offsets.batch.axis >= 0):
        raise NotCoveredError("its groups are of the rows of all samples of the batch")
    data = call.frame.whole(call.place, x), call.frame.whole(call.place, offsets)
    groups, features, outputs = weight.dims
    sizes: dict[str, Any] = {"num_groups": groups, "in_features": features, "out_features": outputs}
    chosen = _chosen(call, offsets, groups)
    return call.one("grouped_linear", *data, weights=[weight], **sizes, top_k=chosen)


def _chosen(call: AtenCall, offsets: Data, groups: int) -> int:
    """Return how many groups each token has a row in: the top k of the router; all of them where none is found."""
    near, seen = [offsets.ref.node], 0
    while seen < len(near) <= _MOST_FOLLOWED:
        node = call.frame.nodes[near[seen]]
        seen += 1
        given: dict[str, Any] = node.layer.values() if node.layer and node.layer.kind == "top_k" else {}
        if given.get("largest") and given["k"] <= groups:  # sorted in the other direction are the rows
            return int(given["k"])
        near += [ref.node for ref in node.inputs if ref.node >= 0 and ref.node not in near]
    return groups


_MOST_FOLLOWED = 64


@operation("einsum")
def _einsum(call: AtenCall) -> Data:
    tensors = call.get("tensors", call.get("operands", []))
    equation = str(call.get("equation", "")).replace(" ", "")
    if "->" not in equation and "." not in equation:
        letters = [c for c in sorted(set(equation)) if c.isalpha() and equation.count(c) == 1]
        equation += "->" + "".join(letters)
    return einsum(call, equation, [x for x in tensors if isinstance(x, (Data, Constant))])


@operation("bilinear")
def _bilinear(call: AtenCall) -> Data:
    a, b, weight, bias = (call.tensor(name) for name in ("input1", "input2", "weight", "bias"))
    known = isinstance(weight, Constant) and weight.learned and (bias is None or isinstance(bias, Constant))
    if not known or not isinstance(weight, Constant) or a is None or b is None:
        raise NotCoveredError("its weight is computed from data")
    pair, batch = call.frame.aligned(call.place, (a, b))
    if batch.own and batch.axis >= a.rank - 1:
        raise NotCoveredError("it sums over the samples of the batch")
    sizes = dict(zip(("out_features", "in1_features", "in2_features"), weight.dims, strict=True))
    more: dict[str, Any] = {"bias": False} if bias is None else {}
    return call.one("bilinear", *pair, batch=batch, weights=call.weights("weight", "bias"), **sizes, **more)


@operation("dot", "vdot", "inner")
def _dot(call: AtenCall) -> Data:
    a, b = _pair(call, "self", "tensor" if call.name == "dot" else "other")
    if a.rank != 1 or b.rank != 1:
        raise NotCoveredError("its inputs are not vectors")
    return einsum(call, "i,i->", [a, b])


@operation("outer", "ger")
def _outer(call: AtenCall) -> Data:
    a, b = _pair(call, "self", "vec2")
    return einsum(call, "i,j->ij", [a, b])


@operation("scaled_dot_product_attention", "_scaled_dot_product_flash_attention",
           "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
           "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math",
           "_scaled_dot_product_fused_attention_overrideable", "_flash_attention_forward",
           "_efficient_attention_forward")  # fmt: skip
def _attention(call: AtenCall) -> Data:
    if call.name.endswith("_forward"):
        raise NotCoveredError("its inputs are length × heads × features")
    q, k, v = (call.x(name) for name in ("query", "key", "value"))
    owner = next((x.batch for x in (q, k, v) if x.batch.own), None)
    if owner is not None:  # the same queries, or values, for each sample
        q, k, v = (
            call.frame.one_sample(call.place, x, owner.axis)._replace(batch=owner) if x.batch.is_fixed else x
            for x in (q, k, v)
        )
    if len({x.batch for x in (q, k, v)}) > 1:
        if call.frame.batch > 1:
            raise NotCoveredError("its inputs have the batch on different axes")
        q, k, v = (call.frame.whole(call.place, x) for x in (q, k, v))
    if any(x.batch.own and x.batch.axis >= x.rank - 2 for x in (q, k, v)):
        if call.frame.batch > 1:
            raise NotCoveredError("the batch is among its last two axes")
        q, k, v = (call.frame.whole(call.place, x) for x in (q, k, v))
    mask = call.tensor("attn_mask", "attn_bias")
    data = [q, k, v]
    if mask is not None and prod_of(mask) > 1:
        data.append(_mask(call, mask, q))
    arguments: dict[str, Any] = {}
    heads = -3 if q.shape.rank >= 3 else None
    if call.flag("enable_gqa", False) and heads is not None and q.shape.sizes[heads] != k.shape.sizes[heads]:
        arguments["enable_gqa"] = True
    if call.flag("is_causal", False):
        arguments["is_causal"] = True
    batch = next((x.batch for x in (q, k, v) if not x.batch.is_fixed), q.batch)
    return call.one("scaled_dot_product_attention", *data, batch=batch, **arguments)


def prod_of(x: Tensor) -> int:
    """Return the number of elements of a tensor."""
    found = 1
    for size in x.full(1):
        found *= size
    return found


def _mask(call: AtenCall, mask: Tensor, q: Data) -> Data:
    """Return the mask of an attention without the batch axis that its queries have."""
    at = q.batch.axis - (q.rank - mask.rank) if q.batch.own else -1
    if not q.batch.own and q.batch.axis >= 0:
        found = call.as_data(mask)
        return call.frame.first_part(
            call.place, found, q.batch.axis - (q.rank - mask.rank), q.shape.sizes[q.batch.axis]
        )
    if isinstance(mask, Constant):
        if at >= 0 and mask.dims[at] not in (1, call.frame.batch):
            raise LayerError(f"its mask has {mask.dims[at]} along the batch axis")
        dims = (*mask.dims[:at], *mask.dims[at + 1 :]) if at >= 0 else mask.dims
        return call.frame.as_data(call.place, mask, dims)
    if at >= 0 and not mask.batch.own:
        return call.frame.one_sample(call.place, mask, at)
    if mask.batch.own and mask.batch.axis != at:
        return call.frame.whole(call.place, mask)
    return mask


@operation("_transformer_encoder_layer_fwd")
def _encoder_layer(call: AtenCall) -> Data:
    """An encoder layer as one operation: PyTorch 2.2 exports it so."""
    x = call.x("src")
    if x.batch not in (Batch(0, own=True), LOST) or x.shape.rank != 2:
        raise NotCoveredError("the batch is not its first axis")
    first, gelu = call.flag("norm_first", False), call.flag("use_gelu", False)
    y = _normed(call, x, "1") if first else x
    heads: dict[str, Any] = {"embed_dim": call.number("embed_dim", 1), "num_heads": call.number("num_heads", 1)}
    y = call.one("multi_head_attention", y, weights=call.weights(*_HEADS), **heads)
    x = call.one("add", x, y)
    x = y = x if first else _normed(call, x, "1")
    y = _normed(call, y, "2") if first else y
    for i, activation in ((1, "gelu" if gelu else "relu"), (2, "")):
        weight, bias = (call.weight(f"ffn_{part}_{i}") for part in ("weight", "bias"))
        if weight is None:
            raise LayerError("it has not all of its weights")
        y = linear(call, y, weight, (weight.dims[1], weight.dims[0]), bias)
        y = call.one(activation, y) if activation else y
    x = call.one("add", x, y)
    return x if first else _normed(call, x, "2")


_HEADS = ("qkv_weight", "qkv_bias", "proj_weight", "proj_bias")


def _normed(call: AtenCall, x: Data, number: str) -> Data:
    weights = call.weights(f"norm_weight_{number}", f"norm_bias_{number}")
    return call.one("layer_norm", x, weights=weights, normalized_shape=[x.shape.sizes[-1]])


@operation("_native_multi_head_attention")
def _native_attention(call: AtenCall) -> Data:
    q, k, v = (call.tensor(name) for name in ("query", "key", "value"))
    if q != k or k != v or not isinstance(q, Data):
        raise NotCoveredError("its queries, keys and values differ")
    if q.batch not in (Batch(0, own=True), LOST):
        raise NotCoveredError("the batch is not its first axis")
    heads: dict[str, Any] = {"embed_dim": call.number("embed_dim", 1), "num_heads": call.number("num_head", 1)}
    return call.one("multi_head_attention", q, weights=call.weights(*_HEADS), **heads)
