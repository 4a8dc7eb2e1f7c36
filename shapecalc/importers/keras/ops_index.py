"""Operations that pick positions of axes, and products of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import einsum, product
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.operations import operation, vector, whole_values
from shapecalc.importers.keras.trees import Array, SliceKey
from shapecalc.importers.picking import at_positions, picked
from shapecalc.importers.rearranging import cut, permuted
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.keras.operations import OpsCall

_FAR = 2**31


@operation("GetItem", "StridedSlice")
def _get_item(op: OpsCall) -> Any:
    x = op.operand(("x", "tensor", "input"), 0)
    given = op.argument(("key", "slice_spec"), 1)
    keys = list(given) if isinstance(given, list) else [given]
    if isinstance(x, Constant):
        return _of_values(x, keys)
    named = sum(key is not None and key is not ... for key in keys)
    if named > x.rank:
        raise LayerError(f"it indexes {named} axes of an input that has {x.rank}")
    if ... in keys:
        at = keys.index(...)
        keys[at : at + 1] = [SliceKey(None, None, None)] * (x.rank - named)
    axis = 0
    for key in keys:
        if key is None:
            x = op.unsqueezed(x, [axis])
            axis += 1
            continue
        x, kept = _along(op, x, key, axis)
        axis += kept
    return x


def _along(op: OpsCall, x: Any, key: Any, axis: int) -> tuple[Any, int]:
    """Return a tensor after the key of one axis, and whether that axis is still there."""
    if isinstance(key, SliceKey):
        if (key.start, key.stop, key.step) == (None, None, None):
            return x, 1
        start, stop, step = (_bound(one) for one in key)
        step = 1 if step is None else step
        if step == 0:
            raise LayerError(f"its step along axis {axis} is 0")
        start = (0 if step > 0 else _FAR) if start is None else start
        stop = (_FAR if step > 0 else -_FAR) if stop is None else stop
        return cut(op.call, x, axis, start, stop, step), 1
    if isinstance(key, (Data, Constant, Array, list)):
        tensor = key if isinstance(key, (Data, Constant)) else op.tensor(key)
        found = picked(op.call, x, tensor, axis) if isinstance(tensor, Data) else at_positions(op.call, x, tensor, axis)
        return found, tensor.rank
    if type(key) is not int:
        raise NotCoveredError("its index is not a whole number")
    return at_positions(op.call, x, Constant((), (key,)), axis), 0


def _bound(given: Any) -> int | None:
    """Return where a slice begins or ends. Errors: `NotCoveredError`."""
    found = None if given is None else whole_values(given)
    if given is not None and (found is None or len(found) != 1):
        raise NotCoveredError("where it cuts is computed from data")
    return found[0] if found else None


def _of_values(x: Constant, keys: list[Any]) -> Constant:
    """Return some of known values. Errors: `NotCoveredError`."""
    if len(keys) != 1 or x.items is None or x.rank != 1:
        raise NotCoveredError("it indexes a constant")
    key = keys[0]
    if isinstance(key, SliceKey):
        bounds = [one if one is None or type(one) is int else 0 for one in key]
        if bounds[2] == 0:
            raise NotCoveredError("its step is 0")
        found = list(x.items)[slice(*bounds)]
        return vector(found)
    values = whole_values(key)
    if values is None or len(values) != 1 or not -len(x.items) <= values[0] < len(x.items):
        raise NotCoveredError("its index is not known")
    return Constant((), (x.items[values[0]],))


@operation("Take", "Gather")
def _take(op: OpsCall) -> Any:
    x, index = op.operand(("x", "params"), 0), op.operand("indices", 1)
    given = op.argument("axis", 2)
    data = op.as_data(x)
    axis = op.call.frame.axis(op.whole("axis", 2, 0) if given is not None else 0, data.rank)
    return picked(op.call, data, index, axis) if isinstance(index, Data) else at_positions(op.call, data, index, axis)


@operation("TakeAlongAxis")
def _take_along(op: OpsCall) -> Any:
    x, index = op.x, op.as_data(op.operand("indices", 1))
    if x.batch != index.batch:
        raise NotCoveredError("its inputs have the batch on different axes")
    return op.one("gather", x, index, dim=op.call.frame.within(x, op.whole("axis", 2, -1)), mode="elements")


@operation("Matmul", "Dot")
def _matmul(op: OpsCall) -> Any:
    a, b = op.operand(("x1", "a", "x"), 0), op.operand(("x2", "b", "y"), 1)
    turned: list[Data | Constant] = []
    for tensor, name in ((a, "transpose_a"), (b, "transpose_b")):
        if op.flag(name, name.replace("transpose", "adjoint")):
            order = list(range(tensor.rank))
            order[-2:] = order[-2:][::-1]
            turned.append(permuted(op.call, op.as_data(tensor), order))
        else:
            turned.append(op.as_data(tensor) if isinstance(tensor, Constant) and tensor.rank == 2 else tensor)
    return product(op.call, *turned)


@operation("Einsum")
def _einsum(op: OpsCall) -> Data:
    operands = [op.tensor(one) for one in op.call.args if not isinstance(one, str)]
    equation = op.argument(("subscripts", "equation")) or next((a for a in op.call.args if isinstance(a, str)), "")
    return einsum(op.call, str(equation), operands)


@operation("TopK")
def _top_k(op: OpsCall) -> list[Data]:
    return op.call.emit("top_k", op.x, k=op.whole("k", 1, 1), dim=op.call.frame.within(op.x, -1))


@operation("OneHot")
def _one_hot(op: OpsCall) -> Data:
    x = op.as_data(op.operand(("x", "indices"), 0))
    if op.whole("axis", 2, -1) not in (-1, x.rank):
        raise NotCoveredError("its axis is not the last")
    sizes = [*x.shape.sizes, op.whole(("num_classes", "depth"), 1, 1)]
    return op.one("named_operation", x, output_sizes=[sizes], op_type=op.name)
