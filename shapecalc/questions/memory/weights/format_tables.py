"""The tables of formats of weights, as data: types of blocks, mixtures, scales, each with its source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.layers.base.roles import (
    ATTENTION_OUTPUT,
    EXPERTS_DOWN,
    EXPERTS_UP,
    FEED_FORWARD_DOWN,
    FEED_FORWARD_UP,
    FROM_LATENT,
    KEY,
    MIXER,
    OUTPUT,
    POSITIONS,
    PROJECTION,
    QUERY,
    QUERY_KEY_VALUE,
    ROUTER,
    VALUE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.questions.memory.weights.tensors import Tensor, Traits

__all__ = [
    "EXPERTS", "GGML_IN_PLACE", "GGML_TYPES", "GGUF_ALWAYS", "GGUF_KEPT", "GGUF_MIXTURES", "GGUF_SOURCE", "OUTPUT",
    "SCALED", "Rule", "Scale", "grouped",
]  # fmt: skip

# GGUF: llama.cpp at commit 007dbbf (2026).

GGUF_SOURCE = "llama.cpp, ggml-common.h and llama-quant.cpp"

GGML_TYPES = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2),
    "q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34), "iq4_nl": (32, 18),
    "mxfp4": (32, 17), "q2_k": (256, 84), "q3_k": (256, 110), "q4_k": (256, 144), "q5_k": (256, 176),
    "q6_k": (256, 210), "iq3_s": (256, 110), "iq4_xs": (256, 136),
}  # fmt: skip
"""The elements of a block of each type, and its bytes: quantised elements, scales and minimums (ggml-common.h)."""

GGML_IN_PLACE = {
    "q2_k": "q4_0", "q3_k": "q4_0", "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0", "iq3_s": "iq4_nl",
    "iq4_xs": "iq4_nl",
    **dict.fromkeys(("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4"), "f16"),
}  # fmt: skip
"""The type in place of one whose blocks do not divide a row (llama-quant.cpp, tensor_type_fallback)."""

GGUF_KEPT = frozenset((POSITIONS, ROUTER))
"""The roles of matrices that are not quantised (llama-quant.cpp, tensor_allows_quantization)."""


class Rule(NamedTuple):
    """A type for tensors of a role: if a condition holds, and if `types` are those chosen so far (none: any).

    No rule follows one that is `final`.
    """

    type: str
    when: Callable[[Tensor, Traits], bool] | None = None
    types: tuple[str, ...] = ()
    final: bool = False


def _first(part: int) -> Callable[[Tensor, Traits], bool]:
    """Return the condition of the first layers: one of so many parts of all."""
    return lambda tensor, _: tensor.number < tensor.numbered // part


def _first_few(number: int) -> Callable[[Tensor, Traits], bool]:
    return lambda tensor, _: tensor.number < number


def _more(tensor: Tensor, _: Traits) -> bool:
    """Return whether a layer is of the first or the last eighth, or every third between (use_more_bits)."""
    index, eighth = tensor.number, tensor.numbered // 8
    return index < eighth or index >= 7 * tensor.numbered // 8 or (index - eighth) % 3 == 2


def _shared(_: Tensor, traits: Traits) -> bool:
    """Return whether at least four heads of queries share one of keys and values."""
    return traits.sharing >= 4


def _of_70b(_: Tensor, traits: Traits) -> bool:
    """Return whether the network is a "70B": 80 layers, with shared heads."""
    return traits.layers == 80 and traits.sharing > 1


def _of_8_experts(_: Tensor, traits: Traits) -> bool:
    return traits.experts == 8


_EIGHT_EXPERTS = Rule("q8_0", _of_8_experts, final=True)
_SEVENTY = Rule("q5_k", _of_70b, ("q3_k", "q4_k"))
_VALUES = (VALUE, QUERY_KEY_VALUE, FROM_LATENT)
_DOWN = (FEED_FORWARD_DOWN, EXPERTS_DOWN)

GGUF_ALWAYS: dict[str, tuple[Rule, ...]] = {KEY: (_EIGHT_EXPERTS,)}
"""Rules of every mixture, before its own."""


def _mixture(
    base: str,
    values: Sequence[Rule] = (),
    down: Sequence[Rule] = (),
    output: Sequence[Rule] = (),
    *,
    wide: bool = False,
) -> tuple[str, dict[str, tuple[Rule, ...]]]:
    """Return a mixture: its base type, and the rules of each role. `wide` has output scores in its own type."""
    rules: dict[str, tuple[Rule, ...]] = dict.fromkeys(_VALUES, (*values, _SEVENTY, _EIGHT_EXPERTS))
    rules |= dict.fromkeys(_DOWN, tuple(down))
    rules[ATTENTION_OUTPUT] = tuple(output)
    if not wide:
        rules[OUTPUT] = (Rule("q6_k"),)
    return base, rules


_FIVE_OF_EIGHT = Rule("q5_k", _of_8_experts, final=True)

GGUF_MIXTURES: dict[str, tuple[str, dict[str, tuple[Rule, ...]]]] = {
    "q4_0": _mixture("q4_0"),
    "q4_1": _mixture("q4_1"),
    "q5_0": _mixture("q5_0"),
    "q5_1": _mixture("q5_1"),
    "q8_0": _mixture("q8_0", wide=True),
    "q2_k": _mixture("q2_k", [Rule("q3_k"), Rule("q4_k", _shared)], [Rule("q3_k")], [_FIVE_OF_EIGHT, Rule("q3_k")]),
    "q3_k_s": _mixture("q3_k", output=[_FIVE_OF_EIGHT]),
    "q3_k_m": _mixture("q3_k", [Rule("q4_k"), Rule("q5_k", _first_few(2))], [Rule("q4_k"), Rule("q5_k", _first(16))],
                       [_FIVE_OF_EIGHT, Rule("q4_k")]),
    "q3_k_l": _mixture("q3_k", [Rule("q5_k")], [Rule("q5_k")],
                       [Rule("q3_k", _of_8_experts, final=True), Rule("q5_k")]),
    "q4_k_s": _mixture("q4_k", [Rule("q5_k", _first_few(4))], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
    "q4_k_m": _mixture("q4_k", [Rule("q6_k", _more)], [Rule("q6_k", _more)], [_FIVE_OF_EIGHT]),
    "q5_k_s": _mixture("q5_k"),
    "q5_k_m": _mixture("q5_k", [Rule("q6_k", _more)], [Rule("q6_k", _more)]),
    "q6_k": _mixture("q6_k"),
    "iq3_s": _mixture("iq3_s", [Rule("q4_k", _shared)], output=[_FIVE_OF_EIGHT]),
    "iq4_nl": _mixture("iq4_nl", [Rule("q5_k", _shared)], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
    "iq4_xs": _mixture("iq4_xs", [Rule("q5_k", _shared)], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
}  # fmt: skip
"""Mixtures of llama.cpp without an importance matrix (llama-quant.cpp, llama_tensor_get_type_impl), in lower case.

Not among the rules: the exceptions for Falcon.
"""


# Checkpoints of Hugging Face.

EXPERTS = frozenset((EXPERTS_UP, EXPERTS_DOWN))
MATRICES = EXPERTS | {
    ATTENTION_OUTPUT, FEED_FORWARD_DOWN, FEED_FORWARD_UP, FROM_LATENT, KEY, MIXER, PROJECTION, QUERY, QUERY_KEY_VALUE,
    VALUE,
}  # fmt: skip
"""The roles of the linear layers that are quantised: all but tables, routers and the scores of tokens."""


class Scale(NamedTuple):
    """A number of some bits for each tile of a matrix: of so many rows and columns (0: all of them).

    With `rows` -1 a tile is that many elements of the flattened tensor.
    """

    bits: int
    rows: int
    columns: int

    def number(self, sizes: Sequence[int]) -> int:
        """Return how many there are for a tensor of matrices."""
        *leading, rows, columns = sizes
        if self.rows < 0:
            return -(-math.prod(sizes) // self.columns)
        return math.prod(leading) * -(-rows // (self.rows or rows)) * -(-columns // (self.columns or columns))


_NF4 = "QLoRA (Dettmers et al. 2023), section 3: blocks of 64 weights; bitsandbytes"

SCALED: dict[str, tuple[int, tuple[Scale, ...], frozenset[str], str]] = {
    "nf4": (4, (Scale(32, -1, 64),), MATRICES, _NF4),
    "nf4-dq": (4, (Scale(8, -1, 64), Scale(32, -1, 64 * 256)), MATRICES, f"{_NF4}, with double quantisation"),
    "llm.int8": (8, (Scale(32, 1, 0),), MATRICES, "LLM.int8() (Dettmers et al. 2022): a scale for each row"),
    "fp8-tensor": (8, (Scale(32, 0, 0),), MATRICES, "float8_e4m3fn with one scale for each matrix"),
    "fp8-block128": (8, (Scale(32, 128, 128),), MATRICES, "DeepSeek-V3: e4m3 with a scale for 128×128 weights"),
    "mxfp4": (4, (Scale(8, 1, 32),), EXPERTS, "gpt-oss: experts in OCP MXFP4, a scale of 8 bits for 32 weights"),
}  # fmt: skip


def grouped(method: str, bits: int, size: int) -> tuple[int, tuple[Scale, ...], frozenset[str], str]:
    """Return the table entry of AWQ or GPTQ: groups of so many input features (0: all) share a scale and a zero.

    Scales are of 16 bits, zeros as wide as weights; GPTQ also stores the group of each input feature, in 32 bits.
    """
    scales = [Scale(16, 1, size), Scale(bits, 1, size)]
    if method == "gptq":
        scales.append(Scale(32, 0, 1))
    papers = {
        "awq": "AWQ (Lin et al. 2023), as AutoAWQ stores it",
        "gptq": "GPTQ (Frantar et al. 2022), as AutoGPTQ stores it",
    }
    return bits, tuple(scales), MATRICES, papers[method]
