"""Every classification, segmentation, video and optical flow model of torchvision, through `from_torch`, against PyTorch.

The size of every tensor is what torch.export states of it, parameters those of the module, MACs half of what PyTorch's
FLOP counter counts. Nothing is computed: the models are on the meta device.
"""

from __future__ import annotations

import re

import pytest
from alike_graphs import read_twice

import shapecalc
from shapecalc.network import Network

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402  (only where there is torch)
from vision_models import models  # noqa: E402  (only where there is torch)

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

FAMILIES = ("detection", "quantization")  # those left out: their outputs depend on data, or they are quantised
SIZES = {"segmentation": (1, 3, 128, 128), "optical_flow": (1, 3, 128, 128), "video": (1, 3, 16, 224, 224)}
UNUSED = {"googlenet": "aux", "inception_v3": "AuxLogits"}
"""Modules that are used only in training: their parameters are named in a note, and not counted."""
UNKNOWN = {"raft_large": 17, "raft_small": 17}
"""Operations that no layer is: pools and samplings of 256 maps of each sample, RAFT's correlation volumes."""


def family(model):
    return models.get_model_builder(model).__module__.split(".")[2]


NAMES = [name for name in models.list_models() if family(name) not in FAMILIES]


def built(model):
    """A model on the meta device; one that reads values of tensors while it is made is moved there."""
    options = {"weights": None, **({"weights_backbone": None} if family(model) == "segmentation" else {})}
    with torch.device("cpu" if model.startswith("regnet") else "meta"):
        return models.get_model(model, **options).eval().to("meta")


@pytest.fixture(autouse=True)
def _no_random_weights(monkeypatch):
    for name in ("trunc_normal_", "kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "xavier_uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)


@pytest.mark.parametrize("model", NAMES)
def test_a_model_of_torchvision(model, monkeypatch):
    module = built(model)
    size = SIZES.get(family(model), (1, 3, 299, 299) if model == "inception_v3" else (1, 3, 224, 224))
    examples = (torch.zeros(size, device="meta"),) * (2 if family(model) == "optical_flow" else 1)
    network = shapecalc.from_torch(module, *examples)
    read_twice(monkeypatch, lambda: Network(network.origin))
    report = network.infer()
    note = next(note for note in report.notes if " shape arithmetic, " in note)
    assert f", {UNKNOWN.get(model, 0)} unknown; " in note
    assert "do not" not in note

    graph = network.origin.program.graph
    own = [(row, int(re.search(r"node\[(\d+)\]", row.node.mark.path)[1])) for row in report.rows]
    # What a node writes into a view in place is its output; what the whole is afterwards comes after it.
    writes = {number for _, number in own if "_." in graph.nodes[number].target}
    last = {number: row for row, number in own if not (number in writes and row.kind in ("slice", "concat", "reshape"))}
    for number, row in last.items():
        stated = [graph.stated[name] for name in graph.nodes[number].outputs]
        for dims, shape in zip(stated, row.output_shapes, strict=False):
            with_batch = [(*shape[:i], 1, *shape[i:]) for i in range(len(shape) + 1)]
            assert dims in (shape, *with_batch), row

    unused = UNUSED.get(model)
    due = sum(one.numel() for name, one in module.named_parameters() if not unused or not name.startswith(unused))
    assert report.total.params == due
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*examples)
    assert report.total.macs == counter.get_total_flops() // 2
