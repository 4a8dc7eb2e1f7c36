"""Completions of kinds on the live page: what is inserted, and in which order they are listed."""

from __future__ import annotations

import pytest

from shapecalc.editor.engine import answer


def complete(line, character=None):
    text = f"input: 1x28x28\nlayers:\n{line}\n"
    position = {"line": 2, "character": len(line) if character is None else character}
    found = answer({"do": "complete", "text": text, "name": "a.yaml", "position": position})
    return {one["label"]: one["snippet"] for one in found["items"]}


@pytest.mark.parametrize(
    ("kind", "snippet"),
    [
        ("conv", "conv: {out_channels: ${out_channels}, kernel_size: ${kernel_size}}"),
        ("fc", "fc: ${out_features}"),
        ("embedding", "embedding: {num_embeddings: ${num_embeddings}, embedding_dim: ${embedding_dim}}"),
        ("relu", ""),
    ],
)
def test_required_arguments_are_fields(kind, snippet):
    assert complete("  - ")[kind] == snippet
    assert complete("  - {}", 5)[kind] == snippet


@pytest.mark.parametrize("line", ["  - : {out_channels: 3}", "  -  # a comment", "  - , relu]"])
def test_there_are_none_before_other_text(line):
    assert not any(complete(line, 4).values())


def test_arguments_have_no_fields():
    assert not any(complete("  - conv: {").values())


def test_kinds_that_are_used_most_are_the_first():
    assert [*complete("  - ")][:2] == ["conv", "relu"]
    assert next(iter(complete("  - conv: {"))) == "out_channels"
