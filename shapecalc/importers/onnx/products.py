"""Matrix products: with weights, fully connected layers; of two tensors, products of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import LOST, Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


def _bias_after(call: NodeCall, features: int) -> Constant | None:
    """Return the bias that the only node after a product adds; that node is then a part of this one."""
    after = call.uses.only_user(call.node.outputs[0])
    if after is None or after.op != "Add" or after.domain or len(after.inputs) != 2:
        return None
    other = after.inputs[0] if after.inputs[1] == call.node.outputs[0] else after.inputs[1]
    bias = call.uses.scope.get(other)
    if not isinstance(bias, Constant) or not bias.sources or bias.dims != (features,):
        return None
    call.absorbed = after.outputs[0]
    return bias


def _linear(call: NodeCall, x: Data, weight: Constant, features: tuple[int, int], bias: Constant | None) -> Data:
    """Return a fully connected layer from so many features to so many."""
    inputs, outputs = features
    weights = [weight] if bias is None else [weight, bias]
    more: dict[str, Any] = {"bias": False} if bias is None else {}
    return call.one("linear", x, out_features=outputs, in_features=inputs, weights=weights, **more)


def _is_among_last(call: NodeCall, x: Data) -> bool:
    return x.batch.axis >= x.rank - 1 and (x.batch.own or call.frame.batch > 1)


@operation("MatMul", "MatMulInteger")
def _matmul(call: NodeCall) -> Data:
    a, b = call.given(0), call.given(1)
    if a is None or b is None:
        raise LayerError("it needs two inputs")
    if isinstance(a, Data) and isinstance(b, Constant) and b.rank == 2:
        a = _rows(call, a)
        return _linear(call, a, b, (b.dims[0], b.dims[1]), _bias_after(call, b.dims[1]))
    return _product(call, a, b)


def _rows(call: NodeCall, x: Data) -> Data:
    """Return an input whose last axis is features, not the batch. Errors: `NotCoveredError`."""
    if not _is_among_last(call, x):
        return x
    if call.frame.batch > 1:
        raise NotCoveredError("it sums over the samples of the batch")
    return call.frame.whole(call.place, x)


def _product(call: NodeCall, a: Data | Constant, b: Data | Constant) -> Data:
    """Return the product of two tensors, of which one may be a constant."""
    rank = max(a.rank, b.rank)
    sides = []
    for x in (a, b):
        at = rank - x.rank + x.batch.axis if isinstance(x, Data) and x.batch.own else -1
        sides.append(at)
    is_row = isinstance(a, Data) and a.rank == 2 and a.batch == Batch(0, own=True) and sides[1] < 0 and b.rank == 2
    at = max(sides)
    mixed = at >= rank - 2 or (min(sides) >= 0 and sides[0] != sides[1])
    if mixed and not is_row:
        if call.frame.batch > 1:
            raise NotCoveredError("it multiplies samples of the batch with each other")
        a, b = (call.frame.whole(call.place, x) if isinstance(x, Data) else x for x in (a, b))
        at = -1
    data = []
    for x in (a, b):
        axis = at - (rank - x.rank)
        covers = not is_row and at >= 0 and axis >= 0 and not (isinstance(x, Data) and x.batch.own)
        if covers and x.full(1)[axis] != 1:
            raise LayerError("its inputs differ along the batch axis")
        if isinstance(x, Constant):
            dims = (*x.dims[:axis], *x.dims[axis + 1 :]) if covers else x.dims
            data.append(call.frame.as_data(call.place, x, dims))
        else:
            data.append(call.frame.without_axis(call.place, x, axis) if covers else x)
    if at >= 0:
        return call.one("matmul", *data, batch=Batch(0 if is_row else at, own=True))
    carrier = next((x for x in data if x.batch.axis >= 0), None)
    batch = LOST if carrier is None else carrier.batch._replace(axis=carrier.batch.axis + rank - carrier.rank)
    if call.frame.batch > 1 and batch.axis >= rank - 2:
        raise NotCoveredError("it multiplies samples of the batch with each other")
    return call.one("matmul", *data, batch=batch)


@operation("Gemm")
def _gemm(call: NodeCall) -> Data:
    a, b, c = call.given(0), call.given(1), call.given(2)
    if call.number("transA", 0) or not isinstance(a, Data) or not isinstance(b, Constant):
        raise NotCoveredError("its first input is transposed, or its second computed from data")
    if b.rank != 2:
        raise LayerError(f"its second input has {b.rank} axes, not 2")
    inputs, outputs = b.dims[::-1] if call.number("transB", 0) else b.dims
    a = _rows(call, a)
    if c is None or (isinstance(c, Constant) and c.dims in ((outputs,), (1, outputs))):
        return _linear(call, a, b, (inputs, outputs), c if isinstance(c, Constant) else None)
    y = _linear(call, a, b, (inputs, outputs), None)
    operands, batch = call.frame.aligned(call.place, (y, c))
    return call.one("add", *operands, batch=batch)


@operation("Einsum")
def _einsum(call: NodeCall) -> Data:
    equation = call.word("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(call.inputs) or not arrow:
        raise NotCoveredError(f"its equation is {equation}")
    owned = [(term, x) for term, x in zip(terms, call.inputs, strict=True) if isinstance(x, Data) and x.batch.own]
    letters = {term[x.batch.axis] if x.batch.axis < len(term) else "" for term, x in owned}
    letter = next(iter(letters), "")
    is_first = all(x.batch.axis == 0 for _, x in owned) and right[:1] == letter and "." not in equation
    data = [call.data(i) for i in range(len(terms))]
    if owned and (len(letters) > 1 or not is_first or "".join(terms).count(letter) != len(owned)):
        if call.frame.batch > 1:
            raise NotCoveredError("the batch is not the first axis of all of its terms")
        data = [call.frame.whole(call.place, x) for x in data]
        owned = []
    if owned:  # the batch is left out, so that every term has as many letters as its input has axes
        equation = f"{','.join(term.replace(letter, '') for term in terms)}->{right[1:]}"
    return call.one("einsum", *data, batch=Batch(0, own=True) if owned else LOST, equation=equation)


@operation("Attention")
def _attention(call: NodeCall) -> Any:
    q, k, v = (call.data(i) for i in range(3))
    if {x.batch for x in (q, k, v)} != {Batch(0, own=True)} or q.rank != 4 or len(call.node.outputs) > 1:
        raise NotCoveredError("its inputs are no heads × length × features, or it has a cache")
    arguments: dict[str, Any] = {"enable_gqa": True} if q.shape.sizes[0] != k.shape.sizes[0] else {}
    if call.number("is_causal", 0):
        arguments["is_causal"] = True
    return call.one("scaled_dot_product_attention", q, k, v, **arguments)


def _without_scales(call: NodeCall, kept: tuple[int, ...]) -> None:
    """Leave out the scales and zero points of a quantised node, so that it is as the one that it stands for."""
    call.inputs = tuple([call.given(i) for i in kept])
    while call.inputs and call.inputs[-1] is None:
        call.inputs = call.inputs[:-1]


@operation("QLinearConv")
def _quantised_conv(call: NodeCall) -> Any:
    from shapecalc.importers.onnx.operations import find_operation

    _without_scales(call, (0, 3, 8))
    convolve = find_operation("Conv")
    assert convolve is not None
    return convolve(call)


@operation("QLinearMatMul")
def _quantised_matmul(call: NodeCall) -> Any:
    _without_scales(call, (0, 3))
    return _matmul(call)
