"""PyTorch source: it runs, and has the sizes and parameters of the report; PyTorch itself says so."""

from __future__ import annotations

import re

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

ZOO = [name for _, name in bundled_members()]

CANNOT: dict[str, str] = {}


def cannot(name):
    """The reason for which a network of the zoo cannot be written; empty for one that can."""
    return next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")


@pytest.fixture
def torch():
    found = pytest.importorskip("torch")
    found.manual_seed(0)
    return found


def made(torch, source):
    """The module of a source, on the meta device; and the number of samples that its input has."""
    names: dict[str, object] = {}
    exec(compile(source, "<source>", "exec"), names)  # noqa: S102  (that is what the test is about)
    classes = [one for one in names.values() if isinstance(one, type) and one.__module__ == "builtins"]
    with torch.device("meta"):
        return classes[-1]().eval()


def inputs_of(torch, net, batch):
    graph = net.graph
    indices = {ref.node for node in graph.nodes if node.layer.looks_up for ref in node.inputs}
    return [
        torch.zeros(batch, *shape.in_layout("CHW"), device="meta",
                    dtype=torch.int64 if -1 - number in indices else torch.float32)
        for number, shape in enumerate(graph.inputs.values())
    ]  # fmt: skip


def check(torch, net, batch=2):
    """Enforce that a module has the parameters, and all of its modules the sizes, of the report, in order."""
    source = net.convert("pytorch")
    model = made(torch, source)
    report = net.infer()
    assert sum(one.numel() for one in model.parameters()) == report.total.weights + report.total.biases
    trainable = sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert trainable == report.total.trainable
    seen = []
    for one in model.modules():
        if not [*one.children()] or type(one).__name__ == "Attention":
            one.register_forward_hook(lambda module, _, y: seen.append((type(module).__name__, y)))
    outputs = model(*inputs_of(torch, net, batch))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    expected = [report.shape_of(*ref).in_layout("CHW") for ref in report.graph.outputs]
    assert [tuple(y.shape[1:]) for y in outputs] == expected
    sizes = [tuple((y[0] if isinstance(y, tuple) else y).shape[1:]) for name, y in seen if "Pad" not in name]
    rows = iter([[shape.in_layout("CHW") for shape in row.sizing.outputs] for row in report.rows])
    for size in sizes:
        assert any(size in shapes for shapes in rows), f"{size} is not, or not in order"
    return source


@pytest.mark.torch
@pytest.mark.parametrize("name", some(ZOO, 14))
def test_the_zoo_runs_and_agrees(name, torch):
    net = shapecalc.load(name)
    reason = cannot(name)
    if reason:
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason)):
            net.convert("pytorch")
        return
    check(torch, net)
