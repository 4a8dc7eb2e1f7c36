"""The tables of GGUF's formats of weights, as data: types of blocks, and mixtures of types, with their source.

llama.cpp at commit 007dbbf (2026). An importance matrix changes few choices: those of the four mixtures that are here
twice. Types that cannot do without one (`iq1_s` to `iq3_xs`, `q2_k_s`) are made with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.layers.base.roles import (
    ATTENTION_OUTPUT,
    EXPERTS_DOWN,
    EXPERTS_UP,
    FEED_FORWARD_DOWN,
    FEED_FORWARD_UP,
    FROM_LATENT,
    KEY,
    OUTPUT,
    POSITIONS,
    QUERY,
    QUERY_KEY_VALUE,
    ROUTER,
    TOKENS,
    VALUE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.questions.memory.weights.tensors import Tensor, Traits

__all__ = ["GUIDED", "IN_PLACE", "KEPT", "MIXTURES", "SOURCE", "TYPES", "Rule"]

SOURCE = "llama.cpp, ggml-common.h and llama-quant.cpp"

TYPES = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2),
    "q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34), "iq4_nl": (32, 18),
    "mxfp4": (32, 17), "q2_k": (256, 84), "q3_k": (256, 110), "q4_k": (256, 144), "q5_k": (256, 176),
    "q6_k": (256, 210), "iq1_s": (256, 50), "iq1_m": (256, 56), "iq2_xxs": (256, 66), "iq2_xs": (256, 74),
    "iq2_s": (256, 82), "iq3_xxs": (256, 98), "iq3_s": (256, 110), "iq4_xs": (256, 136),
}  # fmt: skip
"""The elements of a block of each type, and its bytes: quantised elements, scales and minimums (ggml-common.h)."""

IN_PLACE = {
    "q2_k": "q4_0", "q3_k": "q4_0", "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0",
    **dict.fromkeys(
        ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_xs"), "iq4_nl"),
    **dict.fromkeys(("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4"), "f16"),
}  # fmt: skip
"""The type in place of one whose blocks do not divide a row (llama-quant.cpp, tensor_type_fallback)."""

KEPT = frozenset((POSITIONS, ROUTER))
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


def _inner(tensor: Tensor, _: Traits) -> bool:
    """Return whether a layer is neither of the first nor of the last eighth."""
    return tensor.numbered // 8 <= tensor.number < 7 * tensor.numbered // 8


def _more(tensor: Tensor, traits: Traits) -> bool:
    """Return whether a layer is of the first or the last eighth, or every third between (use_more_bits)."""
    return not _inner(tensor, traits) or (tensor.number - tensor.numbered // 8) % 3 == 2


def _shared(_: Tensor, traits: Traits) -> bool:
    """Return whether at least four heads of queries share one of keys and values."""
    return traits.sharing >= 4


def _shared_or_routed(_: Tensor, traits: Traits) -> bool:
    return traits.sharing >= 4 or traits.experts >= 4


def _of_70b(_: Tensor, traits: Traits) -> bool:
    """Return whether the network is a "70B": 80 layers, with shared heads."""
    return traits.layers == 80 and traits.sharing > 1


def _of_8_experts(_: Tensor, traits: Traits) -> bool:
    return traits.experts == 8


def _more_of_8_experts(tensor: Tensor, traits: Traits) -> bool:
    return traits.experts == 8 and _more(tensor, traits)


def _divided(tensor: Tensor, _: Traits) -> bool:
    """Return whether rows are no whole number of blocks of 256."""
    return tensor.sizes[-1] % 256 != 0


_EIGHT_EXPERTS = Rule("q8_0", _of_8_experts, final=True)
_FIVE_OF_EIGHT = Rule("q5_k", _of_8_experts, final=True)
_SEVENTY = Rule("q5_k", _of_70b, ("q3_k", "q4_k"))
_OUTPUT_OF_FIVE = (Rule("q5_k"), Rule("q8_0", _divided))

_VALUES = (VALUE, QUERY_KEY_VALUE, FROM_LATENT)
_UP = (FEED_FORWARD_UP, EXPERTS_UP)
_DOWN = (FEED_FORWARD_DOWN, EXPERTS_DOWN)

_Mixture = tuple[str, dict[str, tuple[Rule, ...]]]


def _mixture(
    base: str,
    values: Sequence[Rule] = (),
    down: Sequence[Rule] = (),
    attended: Sequence[Rule] = (),
    *,
    up: Sequence[Rule] = (),
    queries: Sequence[Rule] = (),
    tokens: str = "",
    output: Sequence[Rule] = (Rule("q6_k"),),
) -> _Mixture:
    """Return a mixture: its base type, and the rules of each role.

    `attended` are those of attention's output; `queries` those of queries, and of keys if there are not 8 experts.
    """
    rules: dict[str, tuple[Rule, ...]] = dict.fromkeys(_VALUES, (*values, _SEVENTY, _EIGHT_EXPERTS))
    rules |= dict.fromkeys(_DOWN, tuple(down)) | dict.fromkeys(_UP, tuple(up))
    rules |= {KEY: (_EIGHT_EXPERTS, *queries), QUERY: tuple(queries)}
    return base, {
        **rules,
        ATTENTION_OUTPUT: tuple(attended),
        TOKENS: (Rule(tokens),) if tokens else (),
        OUTPUT: tuple(output),
    }


def _narrow(base: str, tokens: str, wider: str, attended: str) -> _Mixture:
    """Return a mixture of one or two bits, whose rules are others than those of all the rest."""
    mixture = _mixture(base, down=[Rule(wider, _first(8))], tokens=tokens, output=_OUTPUT_OF_FIVE,
                       attended=[_FIVE_OF_EIGHT, Rule(attended)])  # fmt: skip
    rules = {**mixture[1], **dict.fromkeys(_VALUES, (Rule(wider), Rule("q4_k", _shared_or_routed)))}
    return base, {**rules, KEY: (Rule("q4_k", _of_8_experts),)}


MIXTURES: dict[str, _Mixture] = {
    "q4_0": _mixture("q4_0"),
    "q4_0-imatrix": _mixture("q4_0", down=[Rule("q4_1", _first(8))]),
    "q4_1": _mixture("q4_1"),
    "q5_0": _mixture("q5_0"),
    "q5_0-imatrix": _mixture("q5_0", down=[Rule("q5_1", _first(8))]),
    "q5_1": _mixture("q5_1"),
    "q8_0": _mixture("q8_0", output=()),
    "q2_k": _mixture("q2_k", [Rule("q3_k"), Rule("q4_k", _shared)], [Rule("q3_k")], [_FIVE_OF_EIGHT, Rule("q3_k")]),
    "q2_k_s": _mixture("q2_k", [Rule("q4_k", _shared)], [Rule("q4_k", _first(8))]),
    "q3_k_s": _mixture("q3_k", attended=[_FIVE_OF_EIGHT]),
    "q3_k_m": _mixture("q3_k", [Rule("q4_k"), Rule("q5_k", _first_few(2))], [Rule("q4_k"), Rule("q5_k", _first(16))],
                       [_FIVE_OF_EIGHT, Rule("q4_k")]),
    "q3_k_l": _mixture("q3_k", [Rule("q5_k")], [Rule("q5_k")],
                       [Rule("q3_k", _of_8_experts, final=True), Rule("q5_k")]),
    "q4_k_s": _mixture("q4_k", [Rule("q5_k", _first_few(4))], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
    "q4_k_m": _mixture("q4_k", [Rule("q6_k", _more)], [Rule("q6_k", _more)], [_FIVE_OF_EIGHT]),
    "q5_k_s": _mixture("q5_k"),
    "q5_k_m": _mixture("q5_k", [Rule("q6_k", _more)], [Rule("q6_k", _more)]),
    "q6_k": _mixture("q6_k"),
    "iq1_s": _narrow("iq1_s", tokens="q2_k", wider="q2_k", attended="iq2_xxs"),
    "iq1_m": _narrow("iq1_m", tokens="q2_k", wider="q2_k", attended="iq2_xxs"),
    "iq2_xxs": _narrow("iq2_xxs", tokens="q2_k", wider="q2_k", attended="iq2_xxs"),
    "iq2_xs": _narrow("iq2_xs", tokens="q2_k", wider="q2_k", attended="iq2_xs"),
    "iq2_s": _narrow("iq2_xs", tokens="iq3_s", wider="iq3_s", attended="iq3_s"),
    "iq2_m": _narrow("iq2_s", tokens="iq3_s", wider="iq3_s", attended="iq3_s"),
    "iq3_xxs": _mixture("iq3_xxs", [Rule("q4_k", _shared)], attended=[_FIVE_OF_EIGHT, Rule("iq3_s")],
                        queries=[Rule("iq2_s")], tokens="iq3_s", output=_OUTPUT_OF_FIVE),
    "iq3_xs": _mixture("iq3_s", [Rule("q4_k", _shared)], attended=[_FIVE_OF_EIGHT], up=[Rule("iq3_xxs", _inner)],
                       queries=[Rule("iq3_xxs")]),
    "iq3_s": _mixture("iq3_s", [Rule("q4_k", _shared)], attended=[_FIVE_OF_EIGHT]),
    "iq3_m": _mixture("iq3_s", [Rule("q4_k")], [Rule("q4_k", _first(8)), Rule("q4_k", _more_of_8_experts)],
                      [_FIVE_OF_EIGHT, Rule("q4_k")]),
    "iq4_nl": _mixture("iq4_nl", [Rule("q5_k", _shared)], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
    "iq4_nl-imatrix": _mixture("iq4_nl", [Rule("q5_k", _shared)], attended=[_FIVE_OF_EIGHT]),
    "iq4_xs": _mixture("iq4_xs", [Rule("q5_k", _shared)], [Rule("q5_k", _first(8))], [_FIVE_OF_EIGHT]),
    "iq4_xs-imatrix": _mixture("iq4_xs", [Rule("q5_k", _shared)], attended=[_FIVE_OF_EIGHT]),
}  # fmt: skip
"""Mixtures of llama.cpp (llama-quant.cpp, llama_tensor_get_type_impl), in lower case.

Not among the rules: the exceptions for Falcon.
"""

GUIDED = "-imatrix"
"""What a name ends with if the file is made with an importance matrix; most mixtures are the same with one."""
