"""docs/convert.md has every kind that cannot be written for PyTorch and Keras, with the reason."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from numbers_of_kinds import plain_kinds
from test_onnx_export import EXAMPLES, spec_of

import shapecalc
from shapecalc.exporters.sites import NAMED
from shapecalc.exporters.source.reasons import _OF_BOTH, _OF_ONE, reason_of
from shapecalc.layers import KINDS

DOC = (Path(__file__).parents[2] / "docs" / "convert.md").read_text(encoding="utf-8")
FRAMEWORKS = {"PyTorch": "pytorch", "Keras": "keras"}


def table(framework):
    """The rows of the table: the layers, and why they cannot be written."""
    section = DOC.split(f"## {framework} source\n")[1].split("\n## ")[0]
    rows = section.split("| layer | why it cannot be written |\n|---|---|\n")[1].split("\n\n")[0]
    return [tuple(row.strip("| ").split(" | ")) for row in rows.splitlines()]


def writers(framework):
    import_module(f"shapecalc.exporters.{FRAMEWORKS[framework]}")
    return import_module(f"shapecalc.exporters.{FRAMEWORKS[framework]}.table").WRITERS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_kind_is_written_or_in_the_table_with_its_reason(framework):
    whole = {}
    for layers, why in table(framework):
        if re.fullmatch(r"(`\w+`(, )?)+", layers):
            whole |= dict.fromkeys(re.findall(r"`(\w+)`", layers), why)
    written = {*writers(framework), NAMED}
    left = {kind: reason_of(kind, framework) for kind in plain_kinds() if kind not in written}
    assert whole == left
    assert {*_OF_BOTH, *_OF_ONE[framework]} <= {*left}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_kind_of_which_an_example_is_refused_is_in_the_table(framework):
    named = {word for layers, _ in table(framework) for word in re.findall(r"`(\w+)`", layers)}
    for kind, index in EXAMPLES:
        if KINDS[kind].inputs != (0, 0) and kind not in named:
            shapecalc.load(spec_of(kind, index)).convert(FRAMEWORKS[framework])
