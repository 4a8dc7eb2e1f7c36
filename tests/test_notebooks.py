"""The tutorial as a notebook: it runs, and its stored outputs are those of the program (`pytest --renew` renews them)."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
NEEDED = os.environ.get("SHAPECALC_REQUIRE_NOTEBOOK")


def cells_of(tag="", sort="code"):
    cells = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == sort and (not tag or tag in tags_of(cell))]


def tags_of(cell):
    return cell["metadata"].get("tags", ())


def output_of(cell):
    return json.dumps(cell["outputs"], ensure_ascii=False)


def test_the_stored_outputs_are_those_of_the_program(request, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # a notebook has no terminal; workers of pytest-xdist say 80
    if not NEEDED:
        for module in ("nbclient", "ipykernel", "sympy"):
            pytest.importorskip(module)
    import nbformat
    from nbclient import NotebookClient

    stored = nbformat.read(TUTORIAL, as_version=4)
    nbformat.validate(stored)
    has_torch = bool(NEEDED or find_spec("torch"))
    run = nbformat.from_dict(
        {**stored, "cells": [c for c in stored.cells if has_torch or "needs-torch" not in tags_of(c)]}
    )
    metadata = dict(run.metadata)
    NotebookClient(run, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    run.metadata = nbformat.from_dict(metadata)  # without the version of Python
    for cell in run.cells:
        cell.metadata.pop("execution", None)  # the time
    if request.config.getoption("--renew"):
        assert has_torch, "the whole notebook is renewed"
        nbformat.write(run, TUTORIAL)
        stored = run
    for cell in run.cells:
        before = next(other for other in stored.cells if other.id == cell.id)
        assert cell == before, cell.source


def test_the_tutorial_has_what_it_promises():
    every = " ".join(map(output_of, cells_of()))
    for words in (
        "227 → 55 → 27 → 27 → 13 → 13 → 13 → 13 → 6", "9,216 features, 37,752,832 parameters", "(True, True)",
        r"F_{\\mathrm{out}}", r"\\left\\lfloor", "<svg", "<table",
    ):  # fmt: skip
        assert words in every, words
    assert all(cell["outputs"] or "%load_ext" in "".join(cell["source"]) for cell in cells_of())
    assert "2,880" in output_of(cells_of("needs-torch")[0]) or "28,810" in output_of(cells_of("needs-torch")[0])


def test_only_the_mistake_is_an_error():
    wrong = [cell for cell in cells_of() if any(output["output_type"] == "error" for output in cell["outputs"])]
    assert wrong == cells_of("raises-exception")
    (error,) = [output for output in wrong[0]["outputs"] if output["output_type"] == "error"]
    assert error["traceback"][0].startswith("cell:9:5: conv3 (conv): the 5×5 window does not fit its 4×4 input")
    assert "Traceback" not in "".join(error["traceback"])
    assert "would fit" in error["traceback"][-1]


def test_links_of_the_tutorial_are_absolute():
    text = "".join("".join(cell["source"]) for cell in cells_of(sort="markdown"))
    assert text.count("](https://") == text.count("](") > 1
