"""Functions of single elements, reductions of axes, and Einstein summations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.table import (
    NoCounterpartError,
    broadcast,
    broadcast_in_own_order,
    call,
    in_own_order,
    module,
    reduced_in_own_order,
    writes,
)
from shapecalc.exporters.sites import einsum_equation
from shapecalc.layers.base.axis_numbers import axis_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_OF_ONE = {
    "abs": "{0}.abs()", "exponential": "{0}.exp()", "relu2": "torch.relu({0}).square()",
    "quick_gelu": "{0} * torch.sigmoid(1.702 * {0})", "sqrt_softplus": "F.softplus({0}).sqrt()",
    "laplace": "0.5 * (1 + torch.erf(({0} - 0.707107) / (0.282095 * 2**0.5)))",
}  # fmt: skip
_MODULES = {
    "leaky_relu": ("nn.LeakyReLU", "negative_slope"), "elu": ("nn.ELU", "alpha"), "gelu": ("nn.GELU", "approximate"),
    "celu": ("nn.CELU", "alpha"), "hardshrink": ("nn.Hardshrink", "lambd"), "softshrink": ("nn.Softshrink", "lambd"),
    "hardtanh": ("nn.Hardtanh", "min_val", "max_val"), "threshold": ("nn.Threshold", "threshold", "value"),
    "rrelu": ("nn.RReLU", "lower", "upper"), "log_sigmoid": ("nn.LogSigmoid",), "tanhshrink": ("nn.Tanhshrink",),
}  # fmt: skip


def _text(text: str) -> Callable[[Site], Operation]:
    return lambda _: call(text)


def _module(name: str, *arguments: str) -> Callable[[Site], Operation]:
    return lambda site: module(name, **{one: site.given[one] for one in arguments})


for _kind, _function in _OF_ONE.items():
    writes(_kind)(_text(_function))
for _kind, _names in _MODULES.items():
    writes(_kind)(_module(*_names))


@writes("glu")
def _glu(site: Site) -> Operation:
    return module("nn.GLU", dim=site.axis(site.given["dim"]))


_SIGNS = {"equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
          "pow": "**", "remainder": "%"}  # fmt: skip
_TRUTHS = {"logical_and": "&", "logical_or": "|", "logical_xor": "^"}
_NUMBERS = ("pow", "remainder")
"""Functions by a sign whose output is a number; that of the others is true or false."""


@writes("pointwise")
@broadcast_in_own_order
def _pointwise(site: Site) -> Operation:
    """Write a function; what is true or false is 1 or 0, as it may be added and multiplied."""
    name, other = site.given["function"], site.other
    number = ".long()" if site.integers else ".float()"
    operands = [*broadcast(site), *(["{other}"] if other is not None else [])]
    more = {"other": other} if other is not None else {}
    if name in _SIGNS:
        text = f" {_SIGNS[name]} ".join(operands)
        return call(text if name in _NUMBERS else f"({text}){number}", **more)
    if name in _TRUTHS:
        return call(f"({f' {_TRUTHS[name]} '.join([f'{one}.bool()' for one in operands])}){number}")
    if name == "where":
        return call(f"torch.where({operands[0]}.bool(), {', '.join(operands[1:])})", **more)
    if name in ("logical_not", "isnan"):
        return call(f"(~{{0}}.bool()){number}" if name == "logical_not" else f"{{0}}.isnan(){number}")
    if name == "cast":
        return call(f"{{0}}{number}")
    return call(f"torch.{name}({', '.join(operands)})", **more)


_REDUCTIONS = {
    "sum": "{0}.sum({axes})", "max": "{0}.amax({axes})", "min": "{0}.amin({axes})", "var": "{0}.var({axes})",
    "std": "{0}.std({axes})", "logsumexp": "{0}.logsumexp({axes})", "sum_square": "{0}.square().sum({axes})",
    "log_sum": "{0}.sum({axes}).log()", "any": "{0}.bool().any({axes}).float()",
    "all": "{0}.bool().all({axes}).float()",
    "l1": "torch.linalg.vector_norm({0}, 1, {axes})", "l2": "torch.linalg.vector_norm({0}, 2, {axes})",
    "prod": "{0}.prod({axes})",
}  # fmt: skip


@writes("sum", "max", "min", "reduce")
@reduced_in_own_order
def _reduce(site: Site) -> Operation:
    name = site.given.get("function") or site.layer.kind
    dims = sorted(site.axis(axis + 1) for axis in site.layer._axes(site.x))  # type: ignore[attr-defined]  # noqa: SLF001
    if not dims:
        return call("{0}")
    if name == "prod" and len(dims) > 1:
        raise NoCounterpartError("a product over several axes")
    keep = ", keepdim={keepdim}" if site.given["keepdim"] else ""
    forward = _REDUCTIONS[name].replace("{axes}", "{dim}" + keep)
    more = {"keepdim": True} if keep else {}
    return call(forward, dim=dims[0] if len(dims) == 1 else tuple(dims), **more)


@writes("argmax", "argmin")
@reduced_in_own_order
def _arg(site: Site) -> Operation:
    dim, keep = site.given["dim"], site.given["keepdim"]
    if dim is None and keep:
        raise NoCounterpartError("the position in all elements, with axes of size 1")
    x = "{0}.flatten(1)" if dim is None else "{0}"
    axis = 1 if dim is None else site.axis(axis_index(dim, site.x) + 1)
    return call(f"{x}.{site.layer.kind}({{dim}}, keepdim={{keepdim}})", dim=axis, keepdim=keep)


@writes("einsum")
@in_own_order
def _einsum(site: Site) -> Operation:
    plan = site.layer._plan(site.inputs)  # type: ignore[attr-defined]  # noqa: SLF001
    equation = einsum_equation(plan.terms, plan.result, [True] * len(plan.terms))
    inputs = ", ".join([f"{{{i}}}" for i in range(len(site.inputs))])
    return call(f'torch.einsum("{equation}", {inputs})')


@writes("normalize")
def _normalize(site: Site) -> Operation:
    given, dim = site.given, site.given["dim"]
    if given["scale"] != "none":
        raise NoCounterpartError("a learned scale")
    axes = sorted(site.axis(one) for one in (dim if isinstance(dim, tuple) else (dim,)))
    if len(axes) > 1:
        raise NoCounterpartError("several axes")
    return call("F.normalize({0}, {p}, {dim}, {eps})", p=given["p"], dim=axes[0], eps=given["eps"])
