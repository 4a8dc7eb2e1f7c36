"""From a specification to PyTorch source, and from its module back: the same parameters, MACs, sizes and layers."""

from __future__ import annotations

import math

import pytest
from searching import some
from test_pytorch_source import inputs_of, made, torch  # noqa: F401  (a fixture)

import shapecalc

NETWORKS = [
    "mlp", "resnet18", "whisper-tiny", "llama-3.2-1b", "clip-vit-base-patch32", "dinov2-small", "albert-base-v2",
    "lenet5_1998", "autoencoder", "dcgan_generator", "siamese", "unet", "vgg16_fcn", "squeezenet1_1", "ds_cnn_s",
    "r3d_18", "ssd300_vgg16", "shufflenet_v2_x0_5", "wavenet", "convnext_tiny", "regnet_x_400mf", "mobilenet_v3_small",
    "yolov3", "pythia-160m", "gpt2", "vit_b_32", "segformer-b0", "swin_t", "wav2vec2-base",
]  # fmt: skip

DIFFERENT = {
    "clip-vit-base-patch32": (0, -512, "the product of two vectors is written as an element-wise one and a sum"),
    "dinov2-small": (-384, 0, "the token of masked patches is in the module, but not used by its forward"),
    "wav2vec2-base": (-768, 0, "the vector of masked steps is in the module, but not used by its forward"),
}
"""How many parameters and MACs more the module has, and why."""

PARTS = ("multi_head_attention", "window_attention")
"""Layers that are several in PyTorch source: projections, and what is between them."""


def sequence(report):
    """The parameters of each layer that has some, in order; of a layer of `PARTS` those of all of its parts in one."""
    found = []
    for row in report.rows:
        sizes = sorted(tuple(size for size in one if size > 1) for one in row.sizing.weight_shapes.values())
        if sizes:
            found.append((row.kind, sum(map(math.prod, sizes)), sizes))
    return found


def matched(before, after):
    """Whether both have the same layers, where those of `PARTS` are the sum of several."""
    rest = iter(after)
    for kind, count, sizes in before:
        if kind not in PARTS:
            if next(rest, (0, 0, 0))[1:] != (count, sizes):
                return False
            continue
        while count > 0:
            count -= next(rest, (0, count + 1))[1]
        if count:
            return False
    return next(rest, None) is None


@pytest.mark.torch
@pytest.mark.parametrize("name", some(NETWORKS, 7))
def test_a_module_is_read_as_it_was_written(name, torch):  # noqa: F811
    net = shapecalc.load(name, vars={"seq": 128} if name == "llama-3.2-1b" else None)
    before = net.infer()
    after = shapecalc.from_torch(made(torch, net.convert("pytorch")), *inputs_of(torch, net, 2)).infer()
    params, macs, _ = DIFFERENT.get(name, (0, 0, ""))
    assert after.total.params == before.total.params + params
    assert after.total.macs == before.total.macs + macs
    assert any(", 0 unknown; " in note for note in after.notes)
    outputs = [[one.shape_of(*ref).in_layout("CHW") for ref in one.graph.outputs] for one in (before, after)]
    assert outputs[0] == outputs[1]
    assert name in DIFFERENT or matched(sequence(before), sequence(after))
