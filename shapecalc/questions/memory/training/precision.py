"""The precision of training: the bits of weights, activations, gradients, and of what the optimizer keeps.

`mixed` is that of Micikevicius et al. 2018 (arXiv:1710.03740) as ZeRO counts it (Rajbhandari et al. 2020,
arXiv:1910.02054, section 3.1): weights and gradients of 16 bits, and of 32 bits a master copy of the weights and the
state; with Adam 2 + 2 + 4 + 4 + 4 = 16 bytes a parameter. `amp` is PyTorch's autocast: weights, gradients and state of
32 bits, and for each step a 16-bit copy of the weights of layers that multiply; only these layers compute in 16 bits,
and what is added to a tensor of 32 bits has 32. `bf16` and `fp16` have all in 16 bits, the state too, as
`torch.optim` keeps it in the type of the parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["PRECISIONS", "Precision", "read_precision"]


class Precision(NamedTuple):
    """The bits of weights, activations, and the optimizer's state; whether there is a master copy, or autocast."""

    name: str
    weights: int | Fraction
    activations: int | Fraction
    state: int
    master: bool = False
    autocast: bool = False

    def with_weights(self, bits: int | Fraction) -> Precision:
        """Return it for weights of other bits: the state of the optimizer has those too, if they are 16 or more."""
        return (
            self if bits == self.weights else self._replace(weights=bits, state=int(bits) if bits in (16, 64) else 32)
        )


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("fp32", 32, 32, 32),
        Precision("bf16", 16, 16, 16),
        Precision("fp16", 16, 16, 16),
        Precision("amp", 32, 32, 32, autocast=True),
        Precision("mixed", 16, 16, 32, master=True),
    )
}
"""Every precision by its name."""


def read_precision(given: Any, *, mixed_precision: bool) -> Precision:
    """Return the precision of a name (none: fp32), or of mixed precision. Errors: `UsageError`."""
    if given is None:
        return PRECISIONS["mixed" if mixed_precision else "fp32"]
    name = read_string(given, "precision").lower()
    if name not in PRECISIONS:
        raise UsageError(Problem(f"there is no precision {given}", hint=did_you_mean(given, PRECISIONS)))
    if mixed_precision and name != "mixed":
        raise UsageError(Problem(f"mixed precision is not {name}", hint="leave one of the two out"))
    return PRECISIONS[name]
