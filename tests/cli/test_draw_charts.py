"""Charts on the command line: `draw --style …`, `memory --plot`."""

from __future__ import annotations

import pytest
from running import run


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("draw", "lenet5", "--style", "shares", "--of", "params"), "Where the parameters are, by layer"),
        (("draw", "gpt2", "--style", "shares", "--depth", "1"), "h.0–11 ×12"),
        (("draw", "lenet5", "--style", "memory"), "Live activations while each layer runs, in inference"),
        (
            ("draw", "lenet5", "--style", "receptive-field", "--layer", "c3", "--at", "0x0"),
            "effective stride 2, at 0×0",
        ),
    ],
)
def test_charts_are_drawn(words, shown, tmp_path):
    ran = run(*words, "-o", tmp_path / "net.svg")
    assert (ran.status, ran.err) == (0, "")
    assert shown in (tmp_path / "net.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("draw", "lenet5", "--style", "shares", "--of", "parms"), "there is no column parms"),
        (("draw", "lenet5", "--style", "shares", "--at", "0x0"), "the style shares has no option at"),
        (("draw", "lenet5", "--style", "receptive-field", "--layer", "c9"), "has no layer c9"),
        (("draw", "gpt2", "--style", "receptive-field"), "no receptive fields"),
        (("draw", "lenet5", "--style", "roofline"), "roofline"),
        (("memory", "lenet5", "--plot", "net.bmp"), "net.bmp is not a format of pictures"),
        (("memory", "lenet5", "--plot", "no/net.svg"), "no/net.svg"),
        (("memory", "lenet5", "--plot", "net.html", "-o", "net.html"), "--plot and --output are both net.html"),
        (("memory", "lenet5", "--plot", "./net.html", "-o", "net.html"), "--plot and --output are both net.html"),
    ],
)
def test_wrong_use(words, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run(*words, *([] if words[0] == "memory" else ["-o", "net.svg"]))
    assert (ran.status, ran.out) == (2, "")
    assert error in ran.err
    assert "Traceback" not in ran.err
    assert [*tmp_path.iterdir()] == []


def test_memory_is_plotted_with_its_options(tmp_path):
    path = tmp_path / "training.svg"
    ran = run("memory", "lenet5", "--optimizer", "adam", "--batch", "4", "--plot", path)
    assert ran.status == 0
    text = path.read_text(encoding="utf-8")
    for words in ("a step of training", "batch 4", "state of adam", "backward", "gradients of activations"):
        assert words in text, words
    assert "state of adam" in ran.out
