"""The results of small devices: what is in flash and in SRAM, and a stage that runs in patches. In bytes."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Flash", "OptionChange", "Patches", "Placement", "Sram"]


class Patches(NamedTuple):
    """A stage that runs in patches: how many along each axis, and the layer that ends it.

    `stage` and `rest` are the peaks of activations in it and after it; `input` is the size of the part of the network's
    input that the largest patch depends on. `macs` are those of the stage as a whole, `macs_in_patches` those of all
    patches, which overlap.
    """

    counts: tuple[int, ...]
    end: str
    stage: int
    rest: int
    input: tuple[int, ...]
    macs: int
    macs_in_patches: int


class Flash(NamedTuple):
    """What flash holds: weights, biases, scales of quantised weights, buffers; and its budget, if there is one."""

    weights: int
    biases: int
    scales: int
    buffers: int
    budget: int | None

    @property
    def total(self) -> int:
        """The sum of all."""
        return self.weights + self.biases + self.scales + self.buffers

    @property
    def fits(self) -> bool:
        """Whether it is within the budget: also where there is none."""
        return self.budget is None or self.total <= self.budget


class Sram(NamedTuple):
    """What SRAM holds: the activations at their peak, what a decoder caches at a context; and its budget, if any."""

    activations: int
    cache: int
    budget: int | None

    @property
    def total(self) -> int:
        """The sum of both."""
        return self.activations + self.cache

    @property
    def fits(self) -> bool:
        """Whether it is within the budget: also where there is none."""
        return self.budget is None or self.total <= self.budget


class OptionChange(NamedTuple):
    """Options with which flash or SRAM (`part`) need so many bytes, and whether these fit."""

    part: str
    options: tuple[str, ...]
    bytes: int
    fits: bool


class Placement(NamedTuple):
    """A network on a small device: flash and SRAM; whether batch normalisations are folded, and how many were.

    `changes` are what to change where it does not fit.
    """

    flash: Flash
    sram: Sram
    folds: bool
    folded: int
    changes: tuple[OptionChange, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether both are within their budgets."""
        return self.flash.fits and self.sram.fits

    def to_dict(self) -> dict[str, Any]:
        """Return it in the form of the JSON contract."""
        parts = {}
        for name, part in (("flash", self.flash), ("sram", self.sram)):
            parts[name] = {**part._asdict(), "total": part.total, "fits": part.fits}
        changes = [{**change._asdict(), "options": list(change.options)} for change in self.changes]
        return {**parts, "fold_batch_norm": self.folds, "folded": self.folded, "changes": changes}
