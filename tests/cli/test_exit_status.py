"""The exit status of commands is what docs/scripts.md says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from repositories import new_repository, write
from running import run

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "scripts.md").read_text(encoding="utf-8")

WARNED = "input: 4\nvars: {unused: 1}\nlayers: [{linear: 8}]\n"
CASES = {
    "a warning": (0, "summary", WARNED),
    "networks that differ": (0, "diff", "vgg16", "vgg19"),
    "an expectation that is met": (0, "check", "alexnet"),
    "a shape error": (1, "summary", DOCS / "shape_error.yaml"),
    "an error in a specification": (1, "summary", "input: 4\nlayers: [{no_such_kind: 8}]\n"),
    "a checkpoint that cannot be read": (1, "weights", DOCS / "scripts.md"),
    "an unknown option": (2, "summary", "alexnet", "--no-such-option"),
    "an unknown command": (2, "no_such_command"),
    "a file that does not exist": (2, "summary", "no_such.yaml"),
    "a question without a meaning": (2, "rf", "bert"),
}
"""What commands are given, and their exit status."""

NO = {
    "check": ("check", DOCS / "over_budget.yaml"),
    "diff --exit-code": ("diff", "--exit-code", "vgg16", "vgg19"),
    "changes --exit-code": ("changes", "HEAD", "--exit-code"),
    "weights --against": ("weights", DOCS / "tiny", "--against", "gpt2"),
    "solve": ("solve", "conv", "--input", "8", "--output", "800"),
    "memory --flash --sram": ("memory", "--flash", "1", "--sram", "1", "alexnet"),
}
"""The commands of which 1 is an answer."""


def given(words, folder):
    """The arguments, with a text of several lines in a file."""
    found = []
    for word in words:
        if "\n" in str(word):
            file = folder / "given.yaml"
            file.write_text(word, encoding="utf-8")
            word = file
        found.append(word)
    return found


@pytest.mark.parametrize("what", CASES)
def test_status(what, tmp_path):
    status, *words = CASES[what]
    ran = run(*given(words, tmp_path))
    assert (ran.status, bool(ran.err)) == (status, bool(status) or what == "a warning")


@pytest.mark.parametrize("what", NO)
def test_the_answer_no_is_1(what, tmp_path, monkeypatch):
    if what.startswith("changes"):
        monkeypatch.chdir(new_repository(tmp_path))
        write(tmp_path, {"net.yaml": "input: 4\nlayers: [relu]\n"})
    ran = run(*NO[what])
    assert ran.status == 1
    assert ran.out, "an answer"


def test_the_page_lists_them():
    assert re.findall(r"^\| `([^|]+)` \| ", PAGE, re.MULTILINE) == [*NO]
    assert re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE) == ["0", "1", "2", "130", "143"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_output_that_cannot_be_written_is_2():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "shapecalc", "summary", "lenet5"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("the output cannot be written: ")


@pytest.mark.skipif(os.name == "nt", reason="it has no such signals")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals(name, status, tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "shapecalc", "check", str(pipe)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process, suppress(BrokenPipeError), open(pipe, "w") as stream:  # which opens when it is being read
        stream.write("input: 4\n")
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, b"")
