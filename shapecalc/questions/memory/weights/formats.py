"""Formats of stored weights: their true bits, with scales and blocks, and which tensors each stores wider.

A number of bits is the same for all tensors. A GGUF file (llama.cpp) has blocks of 32 or 256 elements with their
scales; its mixtures (`q4_k_m`) store some tensors in wider types. Formats of checkpoints (nf4, AWQ, GPTQ, fp8, mxfp4)
store the matrices of some roles in few bits with scales, and all other tensors in 16 bits. The tables are in
`gguf_tables` and `format_tables`, with their sources.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers.base.roles import OUTPUT, TOKENS
from shapecalc.questions.memory.plan import stored
from shapecalc.questions.memory.weights import format_tables as tables
from shapecalc.questions.memory.weights import gguf_tables as gguf
from shapecalc.text.units import parse_bits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from shapecalc.questions.memory.weights.format_tables import Scale
    from shapecalc.questions.memory.weights.gguf_tables import Rule
    from shapecalc.questions.memory.weights.tensors import Tensor, Traits

__all__ = ["Format", "Scaled", "Uniform", "format_names", "parse_format", "read_bits"]

_WIDE_BITS, _VECTOR_BITS = 16, 32
_MATRIX = 2
"""The axes of a matrix: tensors of fewer are stored in full."""


class Format(Protocol):
    """How weights are stored."""

    @property
    def name(self) -> str:
        """Its name, as `--weights` has it."""

    @property
    def source(self) -> str:
        """Where its figures are from, or what it is; empty for a number of bits."""

    @property
    def bits(self) -> int | Fraction | None:
        """The bits of every element, if they are the same for all tensors."""

    def bytes_of(self, tensor: Tensor, traits: Traits) -> int:
        """Return the bytes of a tensor."""

    def bytes_if_chosen(self, tensor: Tensor) -> int:
        """Return the bytes of a tensor that is stored so by name (`--weights-of`), whatever its role."""


class Uniform(NamedTuple):
    """The same bits for every element of every tensor."""

    bits: int | Fraction
    name: str = ""
    source: str = ""

    def bytes_of(self, tensor: Tensor, traits: Traits) -> int:  # noqa: ARG002
        """Return the bytes of a tensor, rounded up."""
        return stored(math.prod(tensor.sizes), self.bits)

    def bytes_if_chosen(self, tensor: Tensor) -> int:
        """Return the bytes of a tensor, rounded up."""
        return stored(math.prod(tensor.sizes), self.bits)


class Mixture(NamedTuple):
    """A mixture of llama.cpp: a type of blocks, and the roles of tensors that have other types.

    A row that the blocks do not divide has another type in its place. Vectors and tensors without a role are 32-bit.
    """

    name: str
    base: str
    rules: dict[str, tuple[Rule, ...]]
    source: str = gguf.SOURCE
    bits: None = None

    def bytes_of(self, tensor: Tensor, traits: Traits) -> int:
        """Return the bytes of a tensor."""
        if len(tensor.sizes) < _MATRIX or not tensor.role or tensor.role in gguf.KEPT:
            return stored(math.prod(tensor.sizes), _VECTOR_BITS)
        return _in_blocks(self._type(tensor, traits), tensor.sizes)

    def bytes_if_chosen(self, tensor: Tensor) -> int:
        """Return the bytes of a tensor in the type that gives the mixture its name."""
        return _in_blocks(self.name if self.name in gguf.TYPES else self.base, tensor.sizes)

    def _type(self, tensor: Tensor, traits: Traits) -> str:
        role = tensor.role
        if role == TOKENS and traits.tied:
            role = OUTPUT
        chosen = self.base
        for rule in self.rules.get(role, ()):
            if rule.types and chosen not in rule.types:
                continue
            if rule.when is None or rule.when(tensor, traits):
                chosen = rule.type
                if rule.final:
                    break
        return chosen


def _in_blocks(type_: str, sizes: Sequence[int]) -> int:
    """Return the bytes of a tensor in a type of blocks, or in the one that stands in for it where rows do not fit."""
    while True:
        elements, size = gguf.TYPES[type_]
        if sizes[-1] % elements == 0 or type_ not in gguf.IN_PLACE:
            return -(-math.prod(sizes) // elements) * size
        type_ = gguf.IN_PLACE[type_]


class Scaled(NamedTuple):
    """Matrices of some roles with few bits and scales; all other tensors with 16 bits."""

    name: str
    element: int
    scales: tuple[Scale, ...]
    roles: frozenset[str]
    source: str
    bits: None = None

    def bytes_of(self, tensor: Tensor, traits: Traits) -> int:  # noqa: ARG002
        """Return the bytes of a tensor, with its scales."""
        if tensor.role not in self.roles:
            return stored(math.prod(tensor.sizes), _WIDE_BITS)
        return self.bytes_if_chosen(tensor)

    def bytes_if_chosen(self, tensor: Tensor) -> int:
        """Return the bytes of a tensor, with its scales, if it is a matrix."""
        if len(tensor.sizes) < _MATRIX:
            return stored(math.prod(tensor.sizes), _WIDE_BITS)
        scales = sum(stored(scale.number(tensor.sizes), scale.bits) for scale in self.scales)
        return stored(math.prod(tensor.sizes), self.element) + scales


_GROUPED = re.compile(r"(awq|gptq)(?:-int([348]))?(?:-g(\d{1,6}|all))?", re.ASCII)
_DEFAULT_GROUP = 128


def parse_format(given: Any, what: str = "weights") -> Format:
    """Return a format: of a number of bits (4, "4.5", "int8", "bf16"), or a name ("q4_k_m", "nf4", "awq-g128").

    Errors: `UsageError` for anything else.
    """
    word = given.strip().lower().replace("-k-", "_k_") if isinstance(given, str) else ""
    mixture = word if word in gguf.MIXTURES else word.removesuffix(gguf.GUIDED)
    if mixture in gguf.MIXTURES:
        return Mixture(mixture, *gguf.MIXTURES[mixture])
    if word in tables.SCALED:
        return Scaled(word, *tables.SCALED[word])
    grouped = _GROUPED.fullmatch(word)
    if grouped:
        method, bits, group = grouped.groups()
        size = 0 if group == "all" else int(group or _DEFAULT_GROUP)
        if group != "all" and not size:
            raise UsageError(Problem(f"{given} has groups of 0 weights", hint=f"write for instance {method}-g128"))
        return Scaled(word, *tables.grouped(method, int(bits or 4), size))
    if word and re.match(r"[a-z]", word) and not re.fullmatch(r"(?:u?int|fp|bf|float|bfloat|f)\d+", word):
        hint = did_you_mean(word, format_names())
        raise UsageError(Problem(f"the format of {what} is {given!r}, which is not known", hint=hint))
    return Uniform(parse_bits(given, what))


def read_bits(given: Any, what: str) -> int | Fraction:
    """Return the bits of an element: of a number, or of a type of blocks without a mixture (`q8_0`: 8.5).

    Errors: `UsageError`.
    """
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in gguf.TYPES:
        from fractions import Fraction

        elements, size = gguf.TYPES[word]
        return Fraction(8 * size, elements)
    try:
        return parse_bits(given, what)
    except UsageError as error:
        problem = error.problems[0]._replace(hint="write for instance 16, 8 or 4.5; or q8_0, q4_0, fp8, bf16")
        raise UsageError(problem) from None


def format_names() -> list[str]:
    """Return the names of formats, but for those with groups of any size."""
    return [*gguf.MIXTURES, *tables.SCALED, "awq-g128", "gptq-g128"]
