"""Which nodes of a graph others depend on, and how often each is read."""

from __future__ import annotations

import shapecalc

TEXT = """
input: 8
layers:
- linear: {out_features: 8, name: a}
- linear: {out_features: 8}
  share: a
  from: input
  name: b
- relu
outputs: [relu1]
"""


def test_a_node_needs_the_holder_of_its_weights():
    graph = shapecalc.load(TEXT.replace("{out_features: 8, name: a}", "8\n  name: a")).graph
    names = [node.name for node in graph.nodes]
    assert names == ["a", "b", "relu1"]
    assert graph.needed_for([2]) >= {0, 1, 2}
    assert graph.needed_for([0]) == {0, -1}


def test_every_input_and_output_reads_a_node():
    graph = shapecalc.load("input: 8\nlayers:\n- relu\n- add: [relu1, relu1, input]\noutputs: [add1, relu1]\n").graph
    assert graph.readers() == {0: 3, -1: 2, 1: 1}
