"""A decoder's time to its first token, and its decoding steps: bounds on both.

For the first token the last position alone has to pass through what follows the last attention; all positions pass
through what that depends on. Scores that the causal mask or a window hides need not be computed. A decoding step reads
the weights once for the batch (of routed experts at least those of one token, of a looked-up table one row) and what is
cached of every sample. What else it moves, one position's activations, may stay on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.cache import cache_of, check_length
from shapecalc.questions.memory.plan import stored
from shapecalc.questions.memory.serving import decoding as serving
from shapecalc.questions.memory.weights.stored_bytes import used_bytes
from shapecalc.questions.speed.results import Decoding, ElementBits, Prompt, Roofline, Routing
from shapecalc.questions.speed.work import needed_macs, once_each, weights_at_most
from shapecalc.text.units import MOST_TOKENS

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.questions.memory.cache import Cache
    from shapecalc.questions.memory.weights.stored_bytes import Storing

__all__ = ["BoundedDecoder", "decoder_of"]


class BoundedDecoder(NamedTuple):
    """A decoder at the length of its report (its prompt), and at one token."""

    prompt: Report
    token: Report
    cache: Cache
    roofline: Roofline
    widths: ElementBits
    storing: Storing

    def first_token(self) -> Prompt:
        """Return the bound on the time to the first token after the prompt."""
        tokens = serving.length_of(self.prompt)
        assert tokens is not None  # `_run_of` refuses others
        last = self._macs_of_a_token(tokens - 1)
        whole = needed_macs(self.prompt)
        macs = sum(
            all_ if needs else one for all_, one, needs in zip(whole, last, self._before_attention(), strict=True)
        )
        weights = once_each(self.token, used_bytes(self.token, self.storing, least=True))
        return Prompt(tokens, self.roofline.bound(weights, macs))

    def step(self, context: int) -> Decoding:
        """Return the bound on a decoding step after `context` tokens in every sample."""
        batch = self.token.batch
        macs = sum(self._macs_of_a_token(context))
        cached = batch * self._cached(context)
        weights = once_each(self.token, used_bytes(self.token, self.storing, least=True))
        step = Decoding(context, batch, weights, cached, self.roofline.bound(weights + cached, macs))
        total = self.token.total
        if batch == 1 or total.active_params == total.params:
            return step
        most = once_each(self.token, weights_at_most(self.token, self.storing, batch))
        spread = self.roofline.bound(most + cached, macs)
        return step._replace(spread=Routing(most, spread, batch / spread.seconds))

    def _cached(self, context: int) -> int:
        """Return the bytes of one sample's cache that a step reads: a window holds the new token too."""
        past = sum(each * (min(context, window - 1) if window else context) for window, each in self.cache.past.items())
        return stored(past, self.widths.kv_cache) + self.cache.states

    def _macs_of_a_token(self, context: int) -> list[int]:
        """Return the multiply-accumulates of every layer for one token more in every sample."""
        found = []
        for row, own in zip(self.token.rows, needed_macs(self.token), strict=True):
            layer = row.node.layer
            assert layer is not None
            window = layer.cache_window()
            past = min(context, window - 1) if window else context
            found.append(own + self.token.batch * past * layer.past_macs(*row.sizing.inputs))
        return found

    def _before_attention(self) -> list[bool]:
        """Return for each layer whether an attention, or a recurrence, needs its output at every position."""
        needed = [False] * len(self.token.rows)
        for index in range(len(needed) - 1, -1, -1):
            if needed[index] or _caches(self.token, index):
                for ref in self.token.rows[index].node.inputs:
                    if ref.node >= 0:
                        needed[ref.node] = True
        return needed


def decoder_of(
    report: Report,
    roofline: Roofline,
    widths: ElementBits,
    storing: Storing,
    prompt: int | None,
) -> BoundedDecoder | None:
    """Return the decoder of a report, for prompts of `prompt` tokens (None: as many as its input has).

    It is None for a network that caches nothing.
    Errors: `UsageError` for a prompt that cannot be, and where the network is not a decoder alone.
    """
    cache = cache_of(report, widths.kv_cache, widths.activations)
    if not cache.past and not cache.states:
        return None
    if cache.source or len(report.graph.inputs) != 1:
        why = "attends to a source, or has several inputs"
        raise UsageError(
            Problem(f"{report.name or 'the network'} {why}: bounds on decoding are those of decoders alone")
        )
    if prompt is None:
        whole = report
    else:
        check_tokens(prompt, "prompt", 1, cache.limit)
        whole = _run_of(report, prompt)
    return BoundedDecoder(whole, _run_of(report, 1), cache, roofline, widths, storing)


def check_tokens(tokens: int, what: str, least: int, positions: int | None, *, more: int = 0) -> None:
    """Check a number of tokens, and `more`. Errors: `UsageError` for too few, and for more than the network reaches."""
    if tokens < least:
        hint = f"give a number of tokens from {least} to {MOST_TOKENS:,}"
        raise UsageError(Problem(f"{what} is {tokens!r}", hint=hint))
    check_length(tokens, what, positions, more=more)


def _run_of(report: Report, tokens: int) -> Report:
    """Return the report of a run over so many tokens. Errors: `UsageError` if no input has the length as an axis."""
    if serving.length_of(report) == tokens:
        return report
    decoder = serving.decoder_of(report)
    if decoder.axes:
        return decoder.run_of(tokens)
    raise UsageError(
        Problem(
            f"the length of {report.name or 'the network'} cannot be changed to {tokens:,}",
            why=("a decoding step is the network at an input of one token",),
            hint="write the specification so that every size follows from that of its input",
        )
    )


def _caches(report: Report, index: int) -> bool:
    row = report.rows[index]
    assert row.node.layer is not None
    return bool(row.node.layer.kv_cache(*row.sizing.inputs) or row.node.layer.state_cache(*row.sizing.inputs))
