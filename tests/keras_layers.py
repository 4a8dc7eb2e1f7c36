"""What shapecalc answers of a model of Keras, layer by layer of the file, to compare with what Keras answers."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """One layer of the file: the output of its last row, and the sums of its rows."""

    output: tuple
    params: int
    trainable: int
    macs: int


def answers(report):
    """Return the layers of the file by their locations, as `layer[3] Conv2D conv1`."""
    rows = {}
    for row in report.rows:
        rows.setdefault(row.node.mark.path, []).append(row)
    return {
        path: Answer(
            many[-1].output_shapes[0] if many[-1].output_shapes else (),
            sum(row.params for row in many),
            sum(0 if row.node.frozen else row.weights + row.biases for row in many),
            sum(row.macs for row in many),
        )
        for path, many in rows.items()
    }
