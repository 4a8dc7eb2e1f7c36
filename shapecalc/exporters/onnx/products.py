"""Fully connected layers, matrix products and Einstein summations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.onnx.table import OWN, writes
from shapecalc.exporters.sites import einsum_equation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.onnx.table import LayerSite


@writes("linear", order=OWN)
def _linear(site: LayerSite) -> str:
    site.refuse("parametrization")
    bias = site.weight("bias") if "bias" in site.weights else None
    return site.project(site.names[0], site.weight("weight"), bias, site.x.rank)


@writes("fc")
def _fc(site: LayerSite) -> str:
    site.refuse("parametrization")
    x = site.names[0] if site.x.rank == 1 else site.op("Flatten", site.names[0], axis=1)
    return site.project(x, site.weight("weight"), site.weight("bias") if "bias" in site.weights else None, 1)


@writes("matmul", "bmm", order=OWN)
def _matmul(site: LayerSite) -> str:
    """A vector is a matrix of one row, or of one column, whose axis is then removed."""
    operands = []
    for number, (name, shape, word) in enumerate(
        zip(site.names, site.inputs, ("transpose_a", "transpose_b"), strict=True)
    ):
        x, sizes = name, list(shape.sizes)
        if site.given.get(word):
            x = site.transpose(x, [*range(len(sizes) - 1), len(sizes), len(sizes) - 1])
            sizes[-2:] = sizes[:-3:-1]
        if len(sizes) == 1:
            sizes = [1, *sizes] if number == 0 else [*sizes, 1]
            x = site.reshape(x, sizes)
        operands.append((x, sizes))
    rank = max(len(sizes) for _, sizes in operands)
    left, right = [x if len(sizes) == rank else site.reshape(x, [*[1] * (rank - len(sizes)), *sizes])
                   for x, sizes in operands]  # fmt: skip
    found = site.op("MatMul", left, right)
    is_whole = all(shape.rank > 1 for shape in site.inputs)
    return str(found) if is_whole else site.reshape(found, site.outputs[0].sizes)


@writes("bilinear", order=OWN)
def _bilinear(site: LayerSite) -> str:
    places = [f"axis {i}" for i in range(site.x.rank - 1)]
    terms = [[*places, "first"], ["out", "first", "second"], [*places, "second"]]
    x, y = site.names
    found = _summed(site, terms, [*places, "out"], [x, site.weight("weight"), y])
    return str(site.op("Add", found, site.weight("bias"))) if "bias" in site.weights else found


@writes("einsum", order=OWN)
def _einsum(site: LayerSite) -> str:
    plan = site.layer._plan(site.inputs)  # type: ignore[attr-defined]  # noqa: SLF001
    return _summed(site, plan.terms, plan.result, site.names)


@writes("einsum_dense", order=OWN)
def _einsum_dense(site: LayerSite) -> str:
    plan = site.layer._plan(site.x)  # type: ignore[attr-defined]  # noqa: SLF001
    found = _summed(site, plan.terms, plan.result, [site.names[0], site.weight("weight")])
    if "bias" not in site.weights:
        return found
    letters, last = site.given["bias_axes"], plan.result
    sizes = [size if letter in letters else 1 for letter, size in zip(last, site.outputs[0].sizes, strict=True)]
    while sizes and sizes[0] == 1 and last[len(last) - len(sizes)] not in letters:
        del sizes[0]
    bias = site.weight("bias")
    fits = tuple(sizes) == site.weights["bias"]
    return str(site.op("Add", found, bias if fits else site.op("Reshape", bias, site.graph.numbers(*sizes))))


def _summed(site: LayerSite, terms: Sequence[Sequence[str]], result: Sequence[str], names: Sequence[str]) -> str:
    """Add an Einstein summation of terms without the batch; a tensor that is the same for every sample has none."""
    has_batch = [name not in site.graph.weights_alone for name in names]
    equation = einsum_equation(terms, result, has_batch)
    return str(site.op("Einsum", *names, equation=equation))
