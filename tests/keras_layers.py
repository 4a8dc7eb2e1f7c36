"""What Keras and shapecalc answer of a model, in the same form, to compare them layer by layer."""

from __future__ import annotations

from math import prod
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
            tuple(many[-1].output_shapes[0]) if many[-1].output_shapes else (),
            sum(row.params for row in many),
            sum(0 if row.node.frozen else row.weights + row.biases for row in many),
            sum(row.macs for row in many),
        )
        for path, many in rows.items()
    }


def answer_of(model):
    """Return what Keras answers: totals, sizes of outputs, and of each layer its parameters and outputs.

    Sizes are with the batch. The outputs are those of layers that are called once.
    """
    layers = {}
    for layer in model.layers:
        nodes = layer._inbound_nodes
        calls = [node for node in nodes if _inputs(node)]
        outputs = [list(x.shape) for x in _outputs(calls[0])] if len(calls) == 1 else []
        layers[layer.name] = [layer.count_params(), outputs]
    return {
        "params": model.count_params(),
        "trainable": sum(prod(weight.shape) for weight in model.trainable_weights),
        "outputs": [list(x.shape) for x in model.outputs],
        "layers": layers,
    }


def _inputs(node):
    return node.input_tensors if hasattr(node, "arguments") else node.parent_nodes


def _outputs(node):
    found = node.output_tensors if hasattr(node, "arguments") else node.outputs
    return list(found) if isinstance(found, (list, tuple)) else [found]


def slim(config):
    """Return a config without what changes no size: initializers, regularizers, constraints, types."""
    if isinstance(config, list):
        return [slim(one) for one in config]
    if not isinstance(config, dict):
        return config
    ends = ("_initializer", "_regularizer", "_constraint")
    return {
        key: slim(value) for key, value in config.items() if not key.endswith(ends) and key != "quantization_config"
    }


def compare(network, answer, *, of_samples=True):
    """Check that the totals, the sizes of the outputs and every layer are as Keras answers.

    Without `of_samples` the batch is merged with another axis somewhere, where sizes here have that axis.
    """
    report = network.infer(convention="keras")
    assert report.total.params == answer["params"]
    plain = network.infer()
    frozen = sum(row.params for row in plain.rows if row.node.frozen)
    assert plain.total.params - frozen == answer["trainable"]
    outputs = [report.rows[ref.node].output_shapes[ref.output] for ref in report.graph.outputs]
    assert len(outputs) == len(answer["outputs"])
    for found, due in zip(outputs, answer["outputs"], strict=True):
        assert agrees(found, due[1:]), (found, due)
    params, last = {}, {}
    for path, one in answers(report).items():
        name = path.partition(": ")[0].rpartition(" ")[2]
        params[name] = params.get(name, 0) + one.params
        if ": " not in path:
            last[name] = one.output
    for name, (count, due) in answer["layers"].items():
        if name in params:
            assert params[name] == count, name
        if of_samples and name in last and len(due) == 1:
            assert agrees(last[name], due[0][1:]), (name, last[name], due)


def agrees(found, due):
    """Whether a size is that of Keras, in which None is any."""
    return len(found) == len(due) and all(size in (None, mine) for mine, size in zip(found, due, strict=True))
