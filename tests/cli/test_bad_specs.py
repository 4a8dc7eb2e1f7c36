"""Errors as features: every bad specification of `tests/bad_specs/`, with the whole text of its error."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import run

import shapecalc
from shapecalc.errors import ShapecalcError

FOLDER = Path(__file__).parent.parent / "bad_specs"
SPECS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def error_text(spec: str) -> str:
    """Return the error text of a specification."""
    try:
        shapecalc.load(spec).check()
    except ShapecalcError as error:
        return str(error)
    return ""


SLOW = {"repeat_too_often_within"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in SPECS]
)
def test_error_text(name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    printed = error_text(f"{name}.yaml") + "\n"
    file = FOLDER / f"{name}.txt"
    if request.config.getoption("--renew"):
        file.write_text(printed, encoding="utf-8")
    assert printed == file.read_text(encoding="utf-8")
    ran = run("check", f"{name}.yaml")
    assert (ran.status, ran.err) == (1, printed)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_every_error_has_a_location_and_a_message(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    for problem in text.rstrip("\n").split("\n\n"):
        place, _, headline = problem.splitlines()[0].partition(": ")
        assert place.partition(":")[0].endswith(".yaml"), problem
        assert headline[:1].strip(), problem
        assert len(headline) < 200, problem
        assert not headline.endswith("."), problem


def test_every_golden_text_has_a_specification() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == SPECS
