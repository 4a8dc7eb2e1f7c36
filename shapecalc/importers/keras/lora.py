"""Layers of Keras with LoRA enabled: their own weights are frozen, and two smaller ones beside them are trained.

Keras adds the product of both to the weights; here, as in PEFT, they are two layers, whose output is added: the same
output, parameters and trained parameters. Source: Keras 3.15, `enable_lora` of `Dense`, `EinsumDense`, `Embedding`, and
convolutions.
"""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.importers.frame import NotCoveredError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data

__all__ = ["LoraLayers", "adapted", "einsum_adapter"]


class LoraLayers(NamedTuple):
    """The arguments of the layer that reads the input, which is of the same kind, and the second layer."""

    first: dict[str, Any]
    kind: str
    second: dict[str, Any]


def adapted(
    call: LayerCall, x: Data, kind: str, own: dict[str, Any], adapter: Callable[[int], LoraLayers], *,
    bias: dict[str, Any], no_bias: dict[str, Any],
) -> Data:  # fmt: skip
    """Return the output of a layer with these arguments; with its `adapter` of a rank, if LoRA is enabled.

    `bias` are the arguments of its bias, which stays trained; `no_bias` are those of a layer without one.
    """
    rank = call.whole("lora_rank", 0)
    if not rank:
        return call.one(kind, x, **own, **bias)
    parts, frozen = adapter(rank), call.frozen
    call.frozen = True
    base = call.one(kind, x, **own, **no_bias)
    call.frozen = frozen
    down = call.one(kind, x, name="lora_a", **parts.first, **no_bias)
    up = call.one(parts.kind, down, name="lora_b", **parts.second, **bias)
    return call.one("add", base, up, name="lora")


def einsum_adapter(equation: str, shape: Sequence[int], rank: int) -> LoraLayers:
    """Return the adapter of an `EinsumDense`: the last axis of its kernel is cut to the rank.

    Errors: `NotCoveredError` where that is not an axis of the output alone.
    """
    left, _, output = equation.partition("->")
    given, _, kernel = left.partition(",")
    last = kernel[-1:]
    at = len(output) - output.rfind(last)
    if not last.isalpha() or output.count(last) != 1 or last in given or at > len(shape):
        raise NotCoveredError(f"its adapters of LoRA do not fit its equation {equation}")
    new = next(letter for letter in ascii_letters if letter not in equation)
    inner = output.replace(last, new)
    sizes = [*shape[: len(shape) - at], rank, *shape[len(shape) - at + 1 :]]
    return LoraLayers(
        {"equation": f"{given},{kernel[:-1]}{new}->{inner}", "output_shape": sizes},
        "einsum_dense",
        {"equation": f"{inner},{new}{last}->{output}", "output_shape": list(shape)},
    )
