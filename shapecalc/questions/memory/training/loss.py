"""The loss at the end of a training step: cross-entropy of the scores (logits) that a network outputs.

PyTorch's `cross_entropy` computes the logarithm of the softmax in the type of the scores, saves that for the backward
pass with the index of each target (8 bytes), and in the backward pass makes the gradient of that and then the gradient
of the scores. Scores of fewer than 32 bits are first copied to fp32 by autocast, and by the loss of causal language
models in transformers: decoders that attend to no source, whose scores are of words; not by that of other models, as
BERT and T5 (tests/data/losses.json). Networks that end with another layer than one of scores have no loss here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.cache import cache_of
from shapecalc.questions.memory.plan import stored
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report

__all__ = ["CROSS_ENTROPY", "LOSSES", "LossBytes", "layers_of_scores", "loss_bytes", "read_loss", "scores_of",
           "scores_of_words"]  # fmt: skip

CROSS_ENTROPY = "cross_entropy"
LOSSES = (CROSS_ENTROPY, "none")
_TARGET = 8
_FP32 = 32


class LossBytes(NamedTuple):
    """What the loss of some scores needs, in bytes: the scores, what it saves, and what its two passes need besides.

    `forward` is the copy of the scores in fp32, `backward` the two gradients, of which one becomes that of the scores.
    `bits` are those of an element of the log-softmax.
    """

    scores: int = 0
    saved: int = 0
    forward: int = 0
    backward: int = 0
    bits: int | Fraction = _FP32

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """All bytes."""
        return self.scores, self.saved, self.forward, self.backward

    def divided(self, parts: int) -> LossBytes:
        """Return the part of each of several devices."""
        scores, saved, forward, backward = [-(-size // parts) for size in self.sizes]
        return LossBytes(scores, saved, forward, backward, self.bits)


def read_loss(given: Any) -> str:
    """Return the loss of that name; by default cross-entropy. Errors: `UsageError`."""
    name = CROSS_ENTROPY if given is None else read_string(given, "loss").lower().replace("-", "_")
    if name not in LOSSES:
        raise UsageError(Problem(f"there is no loss {given}", hint=did_you_mean(given, LOSSES)))
    return name


def scores_of(report: Report) -> list[Reference]:
    """Return the outputs of the network that are scores of classes: of a layer of scores, or that and a bias."""
    return [output for output in report.graph.outputs if _computes(report, output) >= 0]


def layers_of_scores(report: Report) -> set[int]:
    """Return the layers that compute these scores, without what follows them: the matrix, not its bias."""
    return {_computes(report, output) for output in report.graph.outputs} - {-1}


def _computes(report: Report, output: Reference) -> int:
    """Return the layer of scores that an output is of; -1 for none."""
    reference = output
    while reference.node >= 0:
        node = report.rows[reference.node].node
        layer = node.layer
        if layer is not None and layer.scores:
            return reference.node
        if layer is None or not (layer.branches or layer.view or layer.of_scores) or not node.inputs:
            break
        reference = node.inputs[0]
    return -1


def scores_of_words(report: Report) -> set[int]:
    """Return the layers whose scores are of the words of a table in the network: transformers' output embeddings."""
    tables = [row.sizing.weight_shapes for row in report.rows if row.node.layer and row.node.layer.looks_up]
    words = {sizes[0] for shapes in tables for sizes in shapes.values()}
    return {index for index in layers_of_scores(report) if report.rows[index].sizing.outputs[0].sizes[-1] in words}


def _is_causal_language_model(report: Report, scores: Reference) -> bool:
    """Return whether scores are of the next word after each token, by a decoder that attends to no source."""
    cache = cache_of(report, _FP32, _FP32)
    return (
        bool(cache.past or cache.states) and not cache.source and _computes(report, scores) in scores_of_words(report)
    )


def loss_bytes(report: Report, scores: Reference, bits: int | Fraction, *, autocast: bool = False) -> LossBytes:
    """Return what the loss of some scores needs, where they have this number of bits; along the last axis."""
    sizes = report.shape_of(scores.node, scores.output).sizes
    elements = int(prod(sizes)) * report.batch
    is_copied = bits < _FP32 and (autocast or _is_causal_language_model(report, scores))
    own = _FP32 if is_copied else bits
    wide, targets = stored(elements, own), _TARGET * int(prod(sizes[:-1])) * report.batch
    copy = wide if is_copied else 0
    return LossBytes(stored(elements, bits), wide + targets, copy, 2 * wide if copy else wide, own)
