"""ONNX's own tests of its operations (the package onnx): every size that is worked out is the one that they state.

Their weights are inputs of the network; here all inputs after the first, or the first two or three, are stored in the file,
as a network stores its weights.
"""

from __future__ import annotations

import copy
from collections import Counter

import pytest

from shapecalc.importers import import_bytes
from shapecalc.importers.onnx.graph import Importing
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.values import folds
from shapecalc.importers.readings import AS_STATED, NOWHERE
from shapecalc.importers.tensors import Constant, Data

onnx = pytest.importorskip("onnx")

pytestmark = [pytest.mark.elsewhere, pytest.mark.slow]


class Scope(Importing):
    def run(self, graph, scope, path, opset, depth):
        super().run(graph, scope, path, opset, depth)
        if depth == 0:
            self.scope = scope


def with_stored_inputs(case, first):
    """The model of a case, with all inputs but the first ones stored."""
    found = copy.deepcopy(case.model)
    del found.graph.input[:]
    given = case.data_sets[0][0] if case.data_sets else []
    for number, info in enumerate(case.model.graph.input):
        value = given[number] if number < len(given) else None
        if number < first or value is None or not info.type.HasField("tensor_type"):
            found.graph.input.append(info)
            continue
        tensor = value if isinstance(value, onnx.TensorProto) else onnx.numpy_helper.from_array(value)
        tensor.name = info.name
        found.graph.initializer.append(tensor)
    return found


def outcome(case, first, reading):
    """What becomes of a case: "sizes" where all are worked out, "opaque", or "none". Fails for a wrong size."""
    model = with_stored_inputs(case, first)
    file = import_bytes(model.SerializeToString(), f"{case.name}.onnx")
    found = Scope(case.name, file.model, {}, {}, reading)
    graph, problems = found.graph()
    if problems:
        return "none"
    for info in case.model.graph.output:
        tensor, due = found.scope.get(info.name), tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        if not isinstance(tensor, (Data, Constant)):
            return "none"
        assert tensor.full(found.frame.batch) == due, (case.name, info.name, graph.nodes)
    return "opaque" if any(node.layer.is_unknown for node in graph.nodes) else "sizes"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_operation_has_another_size_than_onnx_states():
    from onnx.backend.test.loader import load_model_tests

    counts = Counter()
    for case in load_model_tests(kind="node"):
        several = range(1, min(len(case.model.graph.input), 3) + 1) or (1,)
        found = {outcome(case, first, reading) for first in several for reading in (AS_STATED, NOWHERE)}
        counts["sizes" if "sizes" in found else "opaque" if "opaque" in found else "none"] += 1
    assert counts["sizes"] > 1_350, counts


NOT_READ = {
    "what it finds or keeps is known when it runs": "NonMaxSuppression NonZero StringSplit Unique",
    "of texts and files": "ImageDecoder StringNormalizer",
    "of sequences, with a body": "SequenceMap",
    "from opset 25 on": "BitCast CausalConvWithState FlexAttention LinearAttention",
}


def test_every_operation_of_onnx_is_read_but_for_these():
    own = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == "" and not schema.deprecated}
    inlined = {"If", "Loop", "Scan"}
    unread = {name for name in own if operation.find(name) is None and folds.find(name) is None} - inlined
    assert unread <= set(" ".join(NOT_READ.values()).split())
