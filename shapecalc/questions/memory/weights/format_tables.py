"""The tables of checkpoints' formats of weights, as data: bits of an element, scales, roles, each with its source."""

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
    PROJECTION,
    QUERY,
    QUERY_KEY_VALUE,
    VALUE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXPERTS", "SCALED", "Scale", "grouped"]

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
