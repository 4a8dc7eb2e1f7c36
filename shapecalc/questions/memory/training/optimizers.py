"""The state of optimizers, tensor by tensor: how many values each keeps, and with which bits.

PyTorch's `torch.optim` keeps its state in the parameter's own type; with mixed precision (ZeRO, Megatron) a master copy
of the weights and the state have 32 bits. 8-bit optimizers are those of bitsandbytes 0.45 (Dettmers et al. 2021,
arXiv:2110.02861): a byte a value and an fp32 scale for each block of 256; tensors of fewer than 4,096 elements keep 32
bits. Adafactor (Shazeer and Stern 2018, arXiv:1804.04235) has a value for each row and each column of a matrix. Muon
(torch.optim.Muon, 2.9) has the momentum of matrices; other tensors, the first and the last layer have AdamW's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.plan import stored
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from shapecalc.dims import Dim

__all__ = ["OPTIMIZERS", "Optimizer", "Trained", "read_optimizer"]

_BLOCK = 256
_SMALLEST = 4_096
_FP32 = 32


class Trained(NamedTuple):
    """A tensor that is trained: its sizes, and whether it is the matrix of a hidden layer.

    `parts` are those that it is divided into, of which a device has one.
    """

    sizes: tuple[Dim, ...]
    is_hidden: bool
    parts: int = 1

    @property
    def elements(self) -> int:
        """The number of elements that a device has."""
        return -(-int(prod(self.sizes)) // self.parts)


class Optimizer(NamedTuple):
    """An optimizer: the values that it keeps for each trained parameter, and how.

    `in_bytes` is whether they have 8 bits and scales, `factored` whether matrices have a value for each row and column
    alone, `others` the values of tensors that are no hidden matrices, where they have others.
    """

    name: str
    values: int
    in_bytes: bool = False
    factored: bool = False
    others: int | None = None

    def state(self, tensors: Iterable[Trained], bits: int | Fraction) -> int:
        """Return the bytes of the state of some tensors, whose values have this number of bits otherwise."""
        return sum(self._of(tensor, bits) for tensor in tensors)

    def _of(self, tensor: Trained, bits: int | Fraction) -> int:
        elements = tensor.elements
        if self.in_bytes:
            if elements < _SMALLEST:
                return self.values * stored(elements, _FP32)
            return self.values * (elements + stored(-(-elements // _BLOCK), _FP32))
        if self.factored and len(tensor.sizes) > 1:
            rows, columns = tensor.sizes[-2:]
            whole = int(prod(tensor.sizes[:-2])) * (rows + columns)
            return stored(-(-whole // tensor.parts), bits)
        values = self.values if self.others is None or tensor.is_hidden else self.others
        return stored(values * elements, bits)


OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("none", 0), Optimizer("sgd", 0), Optimizer("momentum", 1), Optimizer("rmsprop", 1),
        Optimizer("adagrad", 1), Optimizer("adadelta", 2), Optimizer("lion", 1), Optimizer("adam", 2),
        Optimizer("adamw", 2), Optimizer("amsgrad", 3), Optimizer("nadam", 2), Optimizer("radam", 2),
        Optimizer("adamax", 2), Optimizer("adafactor", 1, factored=True), Optimizer("muon", 1, others=2),
        Optimizer("adam8bit", 2, in_bytes=True), Optimizer("adamw8bit", 2, in_bytes=True),
        Optimizer("lion8bit", 1, in_bytes=True),
    )
}  # fmt: skip
"""Every optimizer by its name; values are its momentum, its mean square, or both (Adam)."""


def read_optimizer(name: str) -> Optimizer:
    """Return an optimizer by its name: `AdamW` and `adamw_8bit` too. Errors: `UsageError` for an unknown one."""
    known = (
        read_string(name, "optimizer").lower().replace("_", "").replace("-", "")
    )  # PyTorch's classes are Adam, AdamW
    if known not in OPTIMIZERS:
        raise UsageError(Problem(f"there is no optimizer {name}", hint=did_you_mean(name, OPTIMIZERS)))
    return OPTIMIZERS[known]
