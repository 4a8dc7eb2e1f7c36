"""Receptive fields: against networks run in numpy with each input changed, and against published ones."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import numpy as np
import pytest
from dependencies import changed_by

import shapecalc
from shapecalc.errors import SpecError, UsageError
from shapecalc.layers import KINDS
from shapecalc.receptive_field import receptive_fields
from shapecalc.sight import HERE, Sight, adaptive, everywhere, resized, transposed


def fields_of(layers, size, **rest):
    return receptive_fields(shapecalc.load(layers, input=size, **rest).infer())


def told(field):
    return field.size, field.jump, field.padding


# What is known from elsewhere.

DISTILL = "Araujo, Norris & Sim, Distill 2019, table of receptive fields"


@pytest.mark.parametrize(
    ("spec", "layer", "expected", "source"),
    [
        ("vgg16", "pool5", (212, 32, 90), DISTILL),
        ("alexnet", "max_pool3", (195, 32, 64), DISTILL + " (alexnet_v2)"),
        ("inception_v3", "Mixed_7c.concat1", (1311, 32, 618), DISTILL),
        ("resnet50_caffe", "layer4", (483, 32, 239), DISTILL + " (resnet_v1_50)"),
        ("resnet50_v1", "layer4", (483, 32, 241), DISTILL + ", with PyTorch's padding"),
        ("resnet101_keras", "conv5", (1027, 32, 513), DISTILL + " (resnet_v1_101), with Keras' padding"),
        ("resnet152_keras", "conv5", (1507, 32, 753), DISTILL + " (resnet_v1_152), with Keras' padding"),
        ("resnet18", "layer4", (435, 32, 217), "torchvision's, by its authors' issue 2018 and others"),
        ("resnet34", "layer4", (899, 32, 449), "likewise"),
        ("resnet50", "layer4", (427, 32, 213), "likewise"),
        ("resnet101", "layer4", (971, 32, 485), "likewise"),
        ("resnet152", "layer4", (1451, 32, 725), "likewise"),
        ("mobilenet_v2", "head", (491, 32, 245), "by arithmetic from Sandler et al. 2018, table 2"),
        ("wavenet", "score", (5117, 1, 5116), "five times 1 + 2 + 4 + … + 512, and 2"),
    ],
)
def test_published_fields(spec, layer, expected, source):
    assert {told(field) for field in receptive_fields(shapecalc.load(spec).infer())[layer]} == {expected}, source


# Against what numpy says changes.


def random_layers(rng, rank, depth=5):
    """Return layers that keep or change one to three channels over space, with branches among them."""

    def some(*choices):
        return rng.choice(choices)

    def per_axis(*choices):
        return [some(*choices) for _ in range(rank)] if rng.random() < 0.3 else some(*choices)

    def window(padded):
        layer = {"kernel_size": per_axis(1, 2, 3, 4, 5), "stride": per_axis(1, 1, 2, 3), "dilation": per_axis(1, 1, 1, 2, 3)}
        pads = [0, 1, 2, [[some(0, 1, 2), some(0, 1, 3)] for _ in range(rank)], "same", "valid"]
        return {**layer, "padding": some(*pads, "causal") if rank == 1 and padded else some(*pads)}

    def plain():
        kind = some("conv", "conv", "conv", "max_pool", "avg_pool", "transposed_conv", "upsample", "pixel_unshuffle",
                    "pixel_shuffle", "pad", "crop", "slice", "roll", "relu", "batch_norm", "adaptive_avg_pool")  # fmt: skip
        if kind == "conv":
            return {kind: {"out_channels": some(1, 2, 4), **window(padded=True),
                           "padding_mode": some("zeros", "zeros", "zeros", "circular", "reflect", "replicate")}}  # fmt: skip
        if kind.endswith("_pool") and kind != "adaptive_avg_pool":
            pool = window(padded=False)
            if kind == "avg_pool":
                del pool["dilation"]
            return {kind: {**pool, **({"ceil_mode": True} if rng.random() < 0.3 else {})}}
        if kind == "transposed_conv":
            stride, dilation = some(1, 2, 3), some(1, 1, 2)
            extra = {"output_padding": some(*range(max(stride, dilation)))} if rng.random() < 0.4 else {}
            padding = some(0, 1, 2) if extra else some(0, 1, 2, "same", "valid")
            return {kind: {"out_channels": 2, "kernel_size": some(1, 2, 3, 4, 5), "stride": stride,
                           "dilation": dilation, "padding": padding, **extra}}  # fmt: skip
        if kind == "upsample":
            size = {"size": per_axis(5, 8, 13, 17)} if rng.random() < 0.3 else {"scale_factor": some(2, 3, 1.5, 0.5)}
            mode = some("nearest", "linear" if rank == 1 else "bilinear")
            corners = {"align_corners": True} if mode != "nearest" and "size" in size and rng.random() < 0.5 else {}
            return {kind: {**size, "mode": mode, **corners}}
        arguments = {
            "pixel_unshuffle": lambda: some(2, 3),
            "pixel_shuffle": lambda: 2,
            "pad": lambda: {"padding": [[some(0, 1, 2), some(-1, 0, 2)] for _ in range(rank)],
                            "mode": some("zeros", "reflect", "replicate", "circular")},
            "crop": lambda: [[some(0, 1), some(0, 2)] for _ in range(rank)],
            "slice": lambda: {"dim": -1, "start": some(0, 1, 2), "step": some(1, 2)},
            "roll": lambda: {"shifts": [some(-2, 1, 3)], "dims": [-1]},
            "adaptive_avg_pool": lambda: some(3, 4, 7),
        }  # fmt: skip
        return {kind: arguments[kind]()} if kind in arguments else kind

    def branch():
        stride, width = some(1, 1, 2), some(1, 2)
        first = {"conv": {"out_channels": width, "kernel_size": 3, "stride": stride, "padding": 1}}
        other = [{"conv": {"out_channels": width, "kernel_size": some(1, 5), "padding": "same", "stride": stride}}]
        if rng.random() < 0.3:
            other = [{"avg_pool": {"kernel_size": stride, "stride": stride, "padding": "same"}},
                     {"conv": {"out_channels": width, "kernel_size": 1}}]  # fmt: skip
        return {some("add", "concat"): [[first, *(["relu"] if rng.random() < 0.2 else [])], other]}

    layers = [{"conv": {"out_channels": 4, "kernel_size": some(1, 2)}}]
    for _ in range(rng.randint(1, depth)):
        layer = branch() if rng.random() < 0.25 else plain()
        if "pixel_shuffle" in layer:  # it deals channels out to places: a place is then less than all channels see
            layers.append({"conv": {"out_channels": 4, "kernel_size": 1}})
        layers.append(layer)
    return layers


def random_reports(seeds, size, rank):
    for seed in seeds:
        rng = random.Random(seed)
        layers = random_layers(rng, rank)
        try:
            report = shapecalc.load(layers, input=size).infer()
        except (SpecError, shapecalc.ShapeError):
            continue
        if max(row.sizing.outputs[0].elements for row in report) < 4_000:
            yield seed, layers, report


def span(changes, axis):
    """Return the first and last place along an axis that a place is changed by; None for none."""
    along = np.flatnonzero(changes.any(axis=tuple(i for i in range(changes.ndim) if i != axis)))
    return (int(along[0]), int(along[-1])) if along.size else None


def seen_spans(fields, name, place):
    return {region.axis: (region.first, region.last) for region in fields.region(name, place)}


AXES = {1: ["length"], 2: ["height", "width"]}


def check_regions(report, rank, rng, most=12):
    fields, changed = receptive_fields(report), changed_by(report)
    for row in report:
        sizes = row.sizing.outputs[0].sizes[1:]
        places = [tuple(place) for place in np.ndindex(*sizes)]
        for place in places if len(places) <= most else rng.sample(places, most):
            changes = changed[row.name][(*[slice(None)] * rank, *place)]
            expected = {axis: span(changes, i) for i, axis in enumerate(AXES[rank]) if changes.any()}
            at = place if fields.places(row.name) else ()
            assert seen_spans(fields, row.name, at) == expected, (row.name, row.kind, place)


def test_regions_are_what_changes_a_place_along_one_axis():
    tried = 0
    for seed, layers, report in random_reports(range(400), "4x23", 1):
        try:
            check_regions(report, 1, random.Random(seed))
        except AssertionError as error:
            raise AssertionError(f"{seed}: {layers}") from error
        tried += 1
    assert tried > 150


def test_regions_are_what_changes_a_place_along_two_axes():
    tried = 0
    for seed, layers, report in random_reports(range(1000, 1200), "4x9x11", 2):
        try:
            check_regions(report, 2, random.Random(seed), most=5)
        except AssertionError as error:
            raise AssertionError(f"{seed}: {layers}") from error
        tried += 1
    assert tried > 60
