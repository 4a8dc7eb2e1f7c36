"""Activations and other functions of single elements, of one or several tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import is_number, merged, number_in
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.operations import operation, scalar
from shapecalc.importers.rearranging import expanded, repeated_axis
from shapecalc.importers.tensors import FIXED, Constant, Data, on_axis

if TYPE_CHECKING:
    from shapecalc.importers.pytorch.operations import AtenCall

_ACTIVATIONS = {
    **{name: name for name in ("relu", "relu6", "sigmoid", "tanh", "softplus", "softsign", "hardswish", "hardsigmoid",
                               "mish", "selu", "silu", "log_sigmoid", "tanhshrink", "abs", "rrelu")},
    "exp": "exponential", "log_sigmoid_forward": "log_sigmoid", "rrelu_with_noise": "rrelu", "absolute": "abs",
}  # fmt: skip
_FUNCTIONS = {
    **{name: name for name in ("sqrt", "rsqrt", "reciprocal", "expm1", "tan", "square", "log", "log1p", "log2", "log10",
                               "erf", "sin", "cos", "asin", "acos", "atan", "sinh", "cosh", "neg", "floor", "ceil",
                               "round", "trunc", "sign", "logical_not", "isnan")},
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "negative": "neg", "special_erf": "erf", "sgn": "sign",
    "bitwise_not": "logical_not", "isinf": "isnan", "isfinite": "isnan", "fix": "trunc", "special_expm1": "expm1",
}  # fmt: skip
_OF_TWO = {
    "pow": "pow", "atan2": "atan2", "arctan2": "atan2", "fmod": "fmod", "remainder": "remainder", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor", "__and__": "logical_and",
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor", "__or__": "logical_or",
    "__xor__": "logical_xor", "isclose": "equal", "float_power": "pow",
    "equal": "equal", "not_equal": "not_equal", "less": "less", "less_equal": "less_equal", "greater": "greater",
    "greater_equal": "greater_equal", "__lshift__": "remainder", "__rshift__": "remainder",
    "bitwise_left_shift": "remainder", "bitwise_right_shift": "remainder",
}  # fmt: skip
_MERGES = {"add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div",
           "divide": "div", "true_divide": "div", "floor_divide": "div", "maximum": "maximum", "minimum": "minimum",
           "rsub": "sub", "fmax": "maximum", "fmin": "minimum"}  # fmt: skip


@operation(*_ACTIVATIONS)
def _activation(call: AtenCall) -> Data:
    return call.one(_ACTIVATIONS[_plain(call, _ACTIVATIONS)], call.x())


def _plain(call: AtenCall, table: dict[str, str]) -> str:
    """Return the name of an operation in a table: that of one in place is without its last `_`."""
    return call.name if call.name in table else call.name[:-1]


@operation(*_FUNCTIONS)
def _function(call: AtenCall) -> Data:
    return call.one("pointwise", call.x(), function=_FUNCTIONS[_plain(call, _FUNCTIONS)])


@operation("gelu")
def _gelu(call: AtenCall) -> Data:
    more: dict[str, Any] = {"approximate": "tanh"} if call.get("approximate") == "tanh" else {}
    return call.one("gelu", call.x(), **more)


_WITH_NUMBERS: dict[str, tuple[str, float]] = {
    "leaky_relu": ("negative_slope", 0.01), "elu": ("alpha", 1.0), "celu": ("alpha", 1.0),
    "threshold": ("threshold", 0.0), "hardshrink": ("lambd", 0.5), "softshrink": ("lambd", 0.5),
}  # fmt: skip


ELEMENTWISE = frozenset((*_ACTIVATIONS, *_FUNCTIONS, *_OF_TWO, *_MERGES, *_WITH_NUMBERS, "gelu", "clamp", "hardtanh"))
"""Operations on single elements, whose output has the axes of their first input if it has as many."""


@operation(*_WITH_NUMBERS)
def _with_number(call: AtenCall) -> Data:
    kind = _plain(call, dict.fromkeys(_WITH_NUMBERS, ""))
    name, default = _WITH_NUMBERS[kind]
    arguments: dict[str, Any] = {name: call.real(name, default)}
    return call.one(kind, call.x(), **arguments)


@operation("hardtanh", "clamp", "clip", "clamp_min", "clamp_max")
def _clamp(call: AtenCall) -> Data:
    x = call.x()
    is_hardtanh = call.name.startswith("hardtanh")
    low = call.get("min_val" if is_hardtanh else "min", -1.0 if is_hardtanh else None)
    high = call.get("max_val" if is_hardtanh else "max", 1.0 if is_hardtanh else None)
    low, high = None if low == -math.inf else low, None if high == math.inf else high
    bounds = [one for one in (low, high) if isinstance(one, (Data, Constant)) and not is_number(one)]
    if bounds:
        kind = "minimum" if high is bounds[0] else "maximum"
        return merged(call, kind, [x, bounds[0]])
    if (low, high) == (0, 6):
        return call.one("relu6", x)
    if low == 0 and high is None:
        return call.one("relu", x)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low < high:
        return call.one("hardtanh", x, min_val=low, max_val=high)
    if (low is None) != (high is None):
        return merged(call, "minimum" if low is None else "maximum", [x, scalar(high if low is None else low)])
    return call.one("hardtanh", x)


@operation("prelu", "_prelu_kernel")
def _prelu(call: AtenCall) -> Data:
    x, slope = call.x(), call.weight("weight")
    if slope is None:
        raise LayerError("it has no weight")
    sizes = [size for size in slope.dims if size != 1]
    if not sizes:
        return call.one("prelu", x, num_parameters=1, weights=[slope])
    if len(sizes) > 1 or x.shape.channels != sizes[0]:
        raise NotCoveredError(f"its weight has the size {'×'.join(map(str, slope.dims))}")
    return call.one("prelu", x, num_parameters=sizes[0], weights=[slope])


@operation("glu")
def _glu(call: AtenCall) -> Data:
    x = call.x()
    return call.one("glu", x, dim=call.frame.within(x, call.number("dim", -1)))


@operation(*_OF_TWO)
def _of_two(call: AtenCall) -> Data:
    function = _OF_TWO[_plain(call, _OF_TWO)]
    a, b = _operand(call, 0), _operand(call, 1)
    number = b.items[0] if isinstance(b, Constant) and is_number(b) and b.items else float("inf")
    if isinstance(a, Data) and b.rank <= a.rank and math.isfinite(number):
        return call.one("pointwise", a, function=function, other=int(number) if isinstance(number, bool) else number)
    operands, batch = call.frame.aligned(call.place, (a, b))
    return call.one("pointwise", *operands, batch=batch, function=function)


def _operand(call: AtenCall, index: int) -> Data | Constant:
    """Return an operand: a tensor or a number. Errors: `LayerError`."""
    found = call.inputs[index] if index < len(call.inputs) else None
    if type(found) in (int, float, bool):
        return scalar(found)
    if not isinstance(found, (Data, Constant)):
        raise LayerError(f"its operand {index + 1} is neither a tensor nor a number")
    return found


@operation(*_MERGES)
def _merge(call: AtenCall) -> Data:
    kind = _MERGES[_plain(call, _MERGES)]
    given = [_operand(call, 0), _operand(call, 1)]
    if call.name == "rsub":
        given.reverse()
    if is_number(given[0]) and isinstance(given[1], Data):
        number = number_in(given[0])
        if kind == "sub" and number is None:
            return call.one("add", given[1])  # a − x is (−x) + a
        if kind == "div":
            inverse = call.one("pointwise", given[1], function="reciprocal")
            return inverse if number == 1 else merged(call, "mul", [given[0], inverse])
    return merged(call, kind, _for_each_sample(call, given))


def _for_each_sample(call: AtenCall, given: list[Data | Constant]) -> list[Data | Constant]:
    """Return operands with the batch, where a constant that is made for each sample is all that has it.

    So `torch.zeros(5, x.size(1), 16) + query`, where the query is a parameter. `i + arange(b) * n` has the number of
    each sample, to pick from what they have in common.
    """
    if _MERGES[_plain(call, _MERGES)] in ("add", "sub"):
        given = [x._replace(is_of_no_batch=False) if isinstance(x, Constant) and x.is_range else x for x in given]
    made = [isinstance(x, Constant) and x.batch == FIXED for x in given]
    if sum(made) != 1 or not all(x.batch.is_fixed for x in given):
        return given
    i = made.index(False)
    full, own = given[1 - i].full(call.frame.batch), given[i].full(call.frame.batch)
    own = (1,) * (len(full) - len(own)) + own
    at = repeated_axis(call, own, full) if len(own) == len(full) else -1
    if at >= 0:
        given[i] = expanded(call, given[i], on_axis(own, at, full[at]))
    return given


@operation("where", "masked_fill", "masked_scatter")
def _where(call: AtenCall) -> Data:
    if call.name.startswith("masked"):
        given = [_operand(call, 1), _operand(call, 2), _operand(call, 0)]
    else:
        if len(call.inputs) != 3:
            raise NotCoveredError("how many positions it returns depends on data")
        given = [_operand(call, 0), _operand(call, 1), _operand(call, 2)]
    operands, batch = call.frame.aligned(call.place, given)
    return call.one("pointwise", *operands, batch=batch, function="where")


@operation("addcmul", "addcdiv")
def _add_product(call: AtenCall) -> Data:
    inner = merged(call, "mul" if "mul" in call.name else "div", [_operand(call, 1), _operand(call, 2)])
    return merged(call, "add", [_operand(call, 0), inner])


@operation("lerp")
def _lerp(call: AtenCall) -> Data:
    start = _operand(call, 0)
    step = merged(call, "mul", [_operand(call, 2), merged(call, "sub", [_operand(call, 1), start])])
    return merged(call, "add", [start, step])
