"""The loss at the end of a training step: cross-entropy of the scores (logits) that a network outputs.

PyTorch's `cross_entropy` computes the logarithm of the softmax in 32 bits, saves that for the backward pass with the
index of each target (8 bytes), and in the backward pass makes the gradient of that and then the gradient of the scores.
Scores of fewer bits are first copied to fp32, as the losses of transformers do. Networks that end with another layer
than one of scores have no loss here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report

__all__ = ["CROSS_ENTROPY", "LOSSES", "LossBytes", "layers_of_scores", "loss_bytes", "read_loss", "scores_of"]

CROSS_ENTROPY = "cross_entropy"
LOSSES = (CROSS_ENTROPY, "none")
_TARGET = 8
_WIDE = 4


class LossBytes(NamedTuple):
    """What the loss of some scores needs, in bytes: the scores, what it saves, and what its two passes need besides.

    `forward` is the copy of the scores in fp32, `backward` the two gradients, of which one becomes that of the scores.
    """

    scores: int = 0
    saved: int = 0
    forward: int = 0
    backward: int = 0


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


def loss_bytes(report: Report, scores: Reference, bits: int | Fraction) -> LossBytes:
    """Return what the loss of some scores needs, where they have this number of bits; along the last axis."""
    sizes = report.shape_of(scores.node, scores.output).sizes
    elements = int(prod(sizes)) * report.batch
    wide, targets = _WIDE * elements, _TARGET * int(prod(sizes[:-1])) * report.batch
    copy = wide if bits < 8 * _WIDE else 0
    return LossBytes(elements * bits // 8, wide + targets, copy, 2 * wide if copy else wide)
