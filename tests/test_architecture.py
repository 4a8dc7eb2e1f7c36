"""The house: imports only go down, heavy libraries load only when used, the public API is what it says."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import shapecalc

PACKAGE = Path(shapecalc.__file__).parent

# From the roof to the ground. A module imports only from rows below its own, or from its own.
FLOORS = [
    ["__main__"],
    ["cli"],
    ["solver", "sweeping"],
    ["network"],
    ["renderers"],
    ["explain", "formula", "solving", "sizes", "memory", "receptive_field", "compare", "fitting"],
    ["claims", "schema", "notation", "evaluation", "progressions"],
    ["inference"],
    ["report"],
    ["spec"],
    ["locate"],
    ["layers"],
    ["graph"],
    ["layer"],
    ["window", "axes", "sight"],
    ["arguments", "shape", "source", "units"],
    ["dims", "files"],
    ["errors"],
    ["escaping"],
]
FLOOR = {module: len(FLOORS) - number for number, row in enumerate(FLOORS) for module in row}

# Arrows that go up, each with its reason.
EXCEPTIONS = {
    ("report", "renderers"): "a notebook asks the report itself for its HTML",
    ("explain", "renderers"): "and an explanation for its text",
}

# Which part may import which library.
LIBRARIES = {"yaml": {"source"}, "rich": {"renderers"}, "sympy": {"dims", "formula"}, "numpy": {"dims", "sweeping"},
             "click": {"cli"}}  # fmt: skip


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, whether at its top or in a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "shapecalc":
                found.update(f"shapecalc.{alias.name}" for alias in node.names)
    return found


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def arrows_up(files: list[tuple[str, set[str]]]) -> list[tuple[str, str]]:
    up = []
    for part, modules in files:
        for module in modules:
            names = module.split(".")
            if names[0] != "shapecalc" or len(names) == 1 or names[1] not in FLOOR or names[1] == part:
                continue
            if FLOOR[names[1]] > FLOOR[part] and (part, names[1]) not in EXCEPTIONS:
                up.append((part, names[1]))
    return up


def test_every_module_has_its_floor():
    assert {part_of(path) for path in FILES} <= set(FLOOR)


def test_imports_only_go_down():
    assert arrows_up([(part_of(path), imports_of(path)) for path in FILES]) == []


def test_that_test_can_fail():
    assert arrows_up([("dims", {"shapecalc.spec.builder"})]) == [("dims", "spec")]


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_has_its_one_place(library):
    users = {part_of(path) for path in FILES if library in {name.split(".")[0] for name in imports_of(path)}}
    assert users <= LIBRARIES[library]


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in result.stdout.splitlines()[-1].split()}


HEAVY = {"yaml", "rich", "numpy", "sympy", "torch"}


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import shapecalc") & (HEAVY | {"click"})


def test_help_loads_nothing_heavy():
    code = """
import contextlib, io
sys.argv = ["shapecalc", "--help"]
from shapecalc.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
    assert not loaded_by(code) & HEAVY


def test_inference_of_ints_loads_neither_numpy_nor_sympy():
    loaded = loaded_by('import shapecalc; shapecalc.load("alexnet").infer()')
    assert "yaml" in loaded, "so the test can see what is loaded"
    assert not loaded & {"numpy", "sympy", "rich"}


def test_a_table_loads_of_rich_what_it_draws_with():
    assert "rich" in loaded_by(
        'import shapecalc; from shapecalc.renderers import render; render(shapecalc.load("alexnet").infer(), color=True)'
    )


def test_public_names_are_few_and_all_there():
    assert len(shapecalc.__all__) <= 12
    assert sorted(shapecalc.__all__) == shapecalc.__all__
    for name in shapecalc.__all__:
        assert getattr(shapecalc, name).__doc__, name
    assert set(shapecalc.__all__) <= set(dir(shapecalc))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        shapecalc.nothing  # noqa: B018
