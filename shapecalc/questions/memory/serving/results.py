"""The results of serving a decoder: its cache at a context, what one run computes, a table of what fits. In bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Context", "FitTable", "ServedRun"]


class Context(NamedTuple):
    """The KV cache of the batch at a context: of `tokens` past tokens, `bytes` that are needed.

    `reserved` are the bytes if tokens outside the windows of attention are kept too.
    """

    tokens: int
    bytes: int
    reserved: int


class ServedRun(NamedTuple):
    """What the activations at a context are those of: a step of decoding, or a chunk of a prompt (prefill).

    `tokens` of each sample are computed at once; 0 where the network's own input is, because the length of its sequence
    is not the size of an axis of an input. `logits` are of the last token, or all; `attention` is flash or eager.
    `sources` are the sizes of the other inputs.
    """

    phase: str
    tokens: int
    logits: str
    attention: str
    sources: dict[str, tuple[int, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        return {**self._asdict(), "sources": {name: list(sizes) for name, sizes in self.sources.items()}}


class FitTable(NamedTuple):
    """Total bytes by context (rows) and batch (columns); what fits into `budget` bytes, if there is one.

    `largest_batch` is that at each context (0: none), `longest_context` that with each batch (0: none, None: any).
    """

    contexts: Sequence[int]
    batches: Sequence[int]
    totals: tuple[tuple[int, ...], ...]
    budget: int | None = None
    largest_batch: tuple[int, ...] = ()
    longest_context: tuple[int | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        limits = {"largest_batch": list(self.largest_batch), "longest_context": list(self.longest_context)}
        return {
            "contexts": list(self.contexts),
            "batches": list(self.batches),
            "totals": [list(row) for row in self.totals],
            **({} if self.budget is None else {"budget": self.budget, **limits}),
        }
