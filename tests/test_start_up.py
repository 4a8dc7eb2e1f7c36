"""The modules that the package and its commands load: start-up is most of the time of a command.

Imports may stand within functions, so that each command loads what it needs and no more. tests/data/start_up.json has
the modules of the most frequent entry points; `pytest --renew` renews it: check the new ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RECORD = Path(__file__).parent / "data" / "start_up.json"
COMMAND = """
import contextlib, io
sys.argv = {words}
from shapecalc.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
WAYS = {
    "import shapecalc": "import shapecalc",
    **{
        words: COMMAND.format(words=words.split())
        for words in ("shapecalc --help", "shapecalc summary alexnet", "shapecalc weights docs/tiny")
    },
}
HEAVY = {"yaml", "rich", "numpy", "sympy", "torch"}
SLOW = {"asyncio", "dataclasses", "decimal", "difflib", "fractions", "importlib.metadata", "importlib.resources", "json",
        "logging", "multiprocessing", "pathlib", "pickle", "shutil", "subprocess", "tempfile", "unittest"}  # fmt: skip
"""Modules of Python that cost a millisecond or more; none of them is needed for a summary."""


def loaded_by(code):
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint()\nprint(*set(sys.modules) - before)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    return set(result.stdout.splitlines()[-1].split())


def tops(modules):
    return {name.split(".")[0] for name in modules}


@pytest.mark.parametrize("way", WAYS)
def test_loaded_modules_are_those_recorded(way, request):
    loaded = loaded_by(WAYS[way])
    own = sorted(name for name in loaded if name.split(".")[0] == "shapecalc")
    foreign = sorted(name for name in tops(loaded) & {*HEAVY, "click"})
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    if request.config.getoption("--renew"):
        record[way] = {"shapecalc": own, "others": foreign}
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    assert record[way] == {"shapecalc": own, "others": foreign}


def test_the_recorded_start_up_is_short():
    """So that `--renew` cannot record modules that must not be loaded."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert record["import shapecalc"] == {"shapecalc": ["shapecalc"], "others": []}
    assert record["shapecalc --help"]["others"] == ["click"]
    assert record["shapecalc summary alexnet"]["others"] == ["click", "yaml"]
    assert record["shapecalc weights docs/tiny"]["others"] == ["click"]
    for way in WAYS:
        questions = [name for name in record[way]["shapecalc"] if name.startswith("shapecalc.questions.")]
        assert all("weights docs" in way and name.startswith("shapecalc.questions.weights") for name in questions), way
    needless = ("layers", "language", "source", "dims", "network", "model.graph")
    needless = tuple(f"shapecalc.{part}" for part in needless)
    assert not [name for name in record["shapecalc weights docs/tiny"]["shapecalc"] if name.startswith(needless)]
    kinds = {name.rpartition(".")[2] for name in record["shapecalc summary alexnet"]["shapecalc"] if ".kinds." in name}
    assert kinds == {"activation", "conv", "linear", "pool"}, "the families that the network has"


@pytest.mark.parametrize("way", WAYS)
def test_no_slow_standard_module_is_loaded(way):
    """Except those of click and yaml, which differ between versions (click's help gets the width from shutil)."""
    more = {"shapecalc --help": ", shutil", "shapecalc weights docs/tiny": ", json"}  # its header is JSON
    needed = loaded_by(f"import click, yaml{more.get(way, '')}")
    assert (loaded_by(WAYS[way]) - needed) & SLOW == set()


def test_inference_of_ints_loads_neither_numpy_nor_sympy():
    loaded = tops(loaded_by('import shapecalc; shapecalc.load("alexnet").infer()'))
    assert "yaml" in loaded, "so the test can see what is loaded"
    assert not loaded & {"numpy", "sympy", "rich"}


def test_assertions_load_a_framework_only_with_a_model():
    assert not tops(loaded_by("from shapecalc.testing import assert_matches")) & {*HEAVY, "keras", "pytest"} - {"yaml"}


def test_a_table_loads_only_part_of_rich():
    assert "rich" in tops(
        loaded_by(
            'import shapecalc; from shapecalc.renderers import render; render(shapecalc.load("alexnet").infer(), color=True)'
        )
    )


def test_those_tests_can_fail():
    assert {"shapecalc.layers.kinds.attention", "json"} <= loaded_by("import json, shapecalc.layers.kinds.attention")
