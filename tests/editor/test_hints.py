"""Inlay hints and code lenses: sizes and parameters of every layer; figures are those of papers, and of torchvision."""

from __future__ import annotations

import pytest
from edited import analysis, bundled, labels

import shapecalc
from shapecalc.editor.hints import hints, lenses, title_of_variant
from shapecalc.editor.layers import items_of

# LearnOpenCV's table of AlexNet's layers: sizes, and parameters as weights and biases.
ALEXNET = [
    (9, "→ 55×55×96 · 34,944 params"),
    (11, "→ 55×55×96"),
    (12, "→ 27×27×96"),
    (13, "→ 27×27×256 · 614,656 params"),
    (15, "→ 27×27×256"),
    (16, "→ 13×13×256"),
    (17, "→ 13×13×384 · 885,120 params"),
    (19, "→ 13×13×384"),
    (20, "→ 13×13×384 · 1,327,488 params"),
    (22, "→ 13×13×384"),
    (23, "→ 13×13×256 · 884,992 params"),
    (25, "→ 13×13×256"),
    (26, "→ 6×6×256"),
    (27, "→ 4096 · 37,752,832 params"),
    (28, "→ 4096"),
    (29, "→ 4096"),
    (30, "→ 4096 · 16,781,312 params"),
    (31, "→ 4096"),
    (32, "→ 4096"),
    (33, "→ 1000 · 4,097,000 params"),
    (34, "→ 1000"),
]

# torchvision 0.28's resnet50: the first and the last of the layers of each line, and the range of their parameters.
RESNET50 = [
    "→ 256×56×56 … 2048×7×7 · ×16",
    "→ 64×56×56 … 512×7×7 · 4,096 … 1,048,576 params · ×16",
    "→ 64×56×56 … 512×7×7 · 128 … 1,024 params · ×16",
    "→ 64×56×56 … 512×7×7 · ×16",
    "→ 64×56×56 … 512×7×7 · 36,864 … 2,359,296 params · ×16",
    "→ 64×56×56 … 512×7×7 · 128 … 1,024 params · ×16",
    "→ 64×56×56 … 512×7×7 · ×16",
    "→ 256×56×56 … 2048×7×7 · 16,384 … 1,048,576 params · ×16",
    "→ 256×56×56 … 2048×7×7 · 512 … 4,096 params · ×16",
    "→ 256×56×56 … 2048×7×7 · 16,896 … 2,101,248 params · ×4",
    "→ 256×56×56 … 2048×7×7 · ×16",
    "→ 256×56×56 … 2048×7×7 · 16,384 … 2,097,152 params · ×4",
    "→ 256×56×56 … 2048×7×7 · 512 … 4,096 params · ×4",
    "→ 256×56×56 … 2048×7×7 · 70,400 … 6,039,552 params · ×16",
    "→ 64×112×112 · 9,408 params",
    "→ 64×112×112 · 128 params",
    "→ 64×112×112",
    "→ 64×56×56",
    "→ 256×56×56 … 2048×7×7 · 215,808 … 14,964,736 params · ×4",
    "→ 2048×1×1",
    "→ 2048",
    "→ 1000 · 2,049,000 params",
]


def test_alexnet():
    assert labels(bundled("alexnet")) == ALEXNET


def test_resnet50_says_the_first_and_the_last_of_175_layers():
    found = bundled("resnet")
    assert [label for _, label in labels(found)] == RESNET50
    assert sum(len(item.copies) for item in items_of(found).values() if not item.is_block) == 175


@pytest.mark.parametrize("name", ["alexnet", "resnet", "unet", "gpt2", "mobilenet_v2", "vit"])
def test_the_layers_behind_the_hints_are_all_layers(name):
    """Laws: each layer is in one item, and the parameters of all items are those of the network."""
    found = bundled(name)
    layers = [item for item in items_of(found).values() if not item.is_block]
    rows = [row.name for item in layers for copy in item.copies for row in copy.rows]
    assert sorted(rows) == sorted(row.name for row in found.report.rows)
    assert sum(copy.total.params for item in layers for copy in item.copies) == found.report.total.params
    for item in items_of(found).values():
        for copy in item.copies:
            line = found.report.line(copy.name)
            assert line is None or line.total.params == copy.total.params


def test_a_variant():
    found = bundled("resnet", "resnet18")
    assert found.variant == "resnet18"
    assert found.report.total.params == 11_689_512  # torchvision
    assert "→ 1000 · 513,000 params" in [label for _, label in labels(found)]


def test_hints_are_behind_the_items():
    found = analysis("""
        input: 3x8x8
        layers:
        - conv: {out_channels: 4, kernel_size: 3}  # a comment
        - add: [[{batch_norm: {}}, relu], []]
        - {conv: {out_channels: 2, kernel_size: 1}, name: "last # one"}
        - transformer_encoder_layer: {d_model: 6, num_heads: 2, dim_feedforward: 8}
    """)
    lines = found.text.text.split("\n")
    shown = [(lines[hint.position.line][: hint.position.character][-12:], hint.label) for hint in hints(found)]
    assert shown == [
        ("nel_size: 3}", "→ 4×6×6 · 112 params"),
        ("tch_norm: {}", "→ 4×6×6 · 8 params"),
        ("m: {}}, relu", "→ 4×6×6"),
        (", relu], []]", "→ 4×6×6"),
        ("nel_size: 1}", "→ 2×6×6 · 10 params"),
        ("dforward: 8}", "→ 2×6×6 · 302 params"),
    ]


def test_only_lines_that_are_shown():
    assert len(hints(bundled("alexnet"), (8, 10))) == 2


def test_copies_with_several_sizes_and_the_tooltip():
    found = analysis("""
        input: 3x16x16
        layers:
        - conv: {out_channels: 8 * (i + 1), kernel_size: 3}
          repeat: 3
    """)
    (hint,) = hints(found)
    assert hint.label == "→ 8×14×14 … 24×10×10 · 224 … 3,480 params · ×3"
    assert hint.tooltip.splitlines() == [
        "conv1: 3×16×16 → 8×14×14, 224 params, 42,336 MACs",
        "conv2: 8×14×14 → 16×12×12, 1,168 params, 165,888 MACs",
        "conv3: 16×12×12 → 24×10×10, 3,480 params, 345,600 MACs",
        "all 3: 4,872 params",
    ]


def test_the_output_of_a_block_is_what_is_used_of_it():
    """Not that of its last layer, where `outputs:` names another."""
    found = analysis("""
        input: 3x8x8
        blocks:
          both:
            layers:
            - conv: {out_channels: 4, kernel_size: 3}
              name: a
            - flatten
            - fc: 2
              name: b
            outputs: [a, b]
        layers:
        - both:
          name: first
        - add: ["first[0]", "first[0]"]
        outputs: [add1, "first[1]"]
    """)
    assert (12, "→ 4×6×6, 2 · 402 params") in labels(found)


def test_lenses_have_the_totals():
    found = bundled("resnet")
    titles = {lens.title for lens in lenses(found)}
    assert "resnet50: 3×224×224 → 1000 · 175 layers · 25,557,032 params · 4,089,184,256 MACs" in titles
    assert "used 16 times · 23,498,496 params in all" in titles
    assert "not used" in titles
    variants = [lens.variant for lens in lenses(found) if lens.variant]
    assert variants[:2] == ["resnet50", "resnet18"]
    assert title_of_variant(found, "resnet18") == "11,689,512 params · 1,814,073,344 MACs · show this variant"
    assert title_of_variant(found, "resnet50").endswith("MACs · shown")


def test_sizes_are_those_of_summary():
    """In the layout of the specification, and with the counts of the report."""
    report = shapecalc.load("alexnet").infer()
    for (_, label), row in zip(labels(bundled("alexnet")), report.rows, strict=True):
        assert label.startswith(f"→ {'×'.join(map(str, row.output_shape))}")
