"""Functions of single elements, and reductions of axes, of `keras.ops`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.exporters.integers import TRUTHS
from shapecalc.exporters.keras.layouts import in_order_of_output, reduced_in_own_order
from shapecalc.exporters.keras.table import NoCounterpartError, call, writes
from shapecalc.exporters.source.operations import broadcast
from shapecalc.layers.base.axis_numbers import axis_index

if TYPE_CHECKING:
    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_NAMES = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "neg": "negative", "pow": "power",
          "remainder": "mod"}  # fmt: skip
"""Functions whose name in Keras is another."""


@writes("pointwise")
@in_order_of_output
def _pointwise(site: Site) -> Operation:
    name, other = site.given["function"], site.other
    number = "int32" if site.integers else "float32"
    operands = [*broadcast(site), *(["{other}"] if other is not None else [])]
    more = {"other": other} if other is not None else {}
    if name == "cast":
        return call(f'ops.cast({{0}}, "{number}")')
    if name == "fmod":  # with the sign of the first
        return call(f"ops.sign({operands[0]}) * ops.mod(ops.abs({operands[0]}), ops.abs({operands[1]}))", **more)
    if name == "reciprocal":
        return call("1 / {0}")
    if name == "where":
        operands[0] = f'ops.cast({operands[0]}, "bool")'
    text = f"ops.{_NAMES.get(name, name)}({', '.join(operands)})"
    return call(f'ops.cast({text}, "{number}")' if name in TRUTHS else text, **more)


_REDUCTIONS = {
    "sum": "ops.sum({0}, {axes})", "max": "ops.max({0}, {axes})", "min": "ops.min({0}, {axes})",
    "prod": "ops.prod({0}, {axes})", "logsumexp": "ops.logsumexp({0}, {axes})",
    "var": "ops.var({0}, {axes}) * {n} / {less}", "std": "ops.std({0}, {axes}) * ({n} / {less}) ** 0.5",
    "any": 'ops.cast(ops.any({0}, {axes}), "float32")', "all": 'ops.cast(ops.all({0}, {axes}), "float32")',
    "sum_square": "ops.sum(ops.square({0}), {axes})", "log_sum": "ops.log(ops.sum({0}, {axes}))",
    "l1": "ops.sum(ops.abs({0}), {axes})", "l2": "ops.sqrt(ops.sum(ops.square({0}), {axes}))",
}  # fmt: skip


@writes("sum", "max", "min", "reduce")
@reduced_in_own_order
def _reduce(site: Site) -> Operation:
    name = site.given.get("function") or site.layer.kind
    dims = sorted([site.axis(axis + 1) for axis in site.layer._axes(site.x)])  # type: ignore[attr-defined]  # noqa: SLF001
    if not dims:
        return call("{0}")
    more = {}
    if name in ("var", "std"):  # of n - 1 elements; those of Keras are of n
        n = prod(site.size(site.x)[axis - 1] for axis in dims)
        if n == 1:
            raise NoCounterpartError("the variance of one element")
        more = {"n": n, "less": n - 1}
    keep = ", keepdims=True" if site.given["keepdim"] else ""
    forward = _REDUCTIONS[name].replace("{axes}", "axis={axis}" + keep)
    return call(forward, axis=dims[0] if len(dims) == 1 else tuple(dims), **more)


@writes("argmax", "argmin")
@reduced_in_own_order
def _arg(site: Site) -> Operation:
    dim = site.given["dim"]
    if dim is None:
        raise NoCounterpartError("the position in all elements")
    keep = ", keepdims=True" if site.given["keepdim"] else ""
    return call(f"ops.{site.layer.kind}({{0}}, axis={{axis}}{keep})", axis=site.axis(axis_index(dim, site.x) + 1))


@writes("softmin")
def _softmin(site: Site) -> Operation:
    dim = site.given["dim"]
    return call("ops.softmax(-{0}, axis={axis})", axis=site.axis(-1 if dim is None else dim))


@writes("glu")
def _glu(site: Site) -> Operation:
    return call("ops.glu({0}, axis={axis})", axis=site.axis(site.given["dim"]))


@writes("laplace")
def _laplace(_: Site) -> Operation:
    return call("0.5 * (1 + ops.erf(({0} - 0.707107) / (0.282095 * 2**0.5)))")
