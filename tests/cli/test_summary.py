"""`shapecalc summary` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys

import pytest
from running import run
from searching import some

from shapecalc.cli.output import wants_color

SMALL = "name: small\ninput: 3x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 3}\n- relu\n- fc: 10\n"


def test_the_table_of_alexnet():
    """LearnOpenCV's table of AlexNet, line by line: tests/data/paper_tables.json has it whole."""
    ran = run("summary", "alexnet", columns=80)
    assert (ran.status, ran.err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in ran.out.splitlines() if line.strip()}
    assert rows["conv1"] == ["conv", "55×55×96", "34,848", "96", "34,944", "105,415,200"]
    assert rows["max_pool3"][:2] == ["max_pool", "6×6×256"]
    assert rows["fc1"] == ["fc", "4096", "37,748,736", "4,096", "37,752,832", "37,748,736"]
    assert rows["total"] == ["62,367,776", "10,568", "62,378,344", "1,135,256,096"]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "llama-2-7b"])
def test_no_line_is_wider_than_the_terminal(name, columns):
    ran = run("summary", name, columns=columns)
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= columns


def test_a_wider_terminal_shows_more():
    assert "Kernel" not in run("summary", "alexnet", columns=80).out
    assert "Kernel" in run("summary", "alexnet", columns=140).out


def test_colour_only_on_a_terminal(monkeypatch):
    assert "\x1b[" in run("summary", "alexnet", columns=80, color=True).out
    assert "\x1b[" not in run("summary", "alexnet", color=True).out
    assert "\x1b[" not in run("summary", "alexnet", columns=80).out, "TERM=dumb"


def test_options():
    out = run("summary", "alexnet", "--batch", "2", "--layout", "chw", "--columns", "name,output,macs").out
    assert "96×55×55" in out
    assert "2,270,512,192" in out
    assert "Weights" not in out
    assert "2,270,512,192" in run("summary", "alexnet", "--flops").out
    assert "224×224×3" not in run("summary", "alexnet", "--input", "231x231x3").out


def test_depth():
    closed, opened = run("summary", "resnet18", "--depth", "1").out, run("summary", "resnet18", "--depth", "all").out
    assert "layer1.0.conv1" not in closed
    assert "layer1.0.conv1" in opened
    assert "11,689,512" in closed
    assert "--depth 2" in closed, "it says how to see more"


def test_standard_input_and_output_file(tmp_path):
    path = tmp_path / "out.json"
    ran = run("summary", "-", "--format", "json", "--output", path, text=SMALL)
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert json.loads(path.read_text())["total"]["params"] == 4 * 28 + 10 * (4 * 36 + 1)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("out.json", "{"),
        ("out.CSV", "name,kind"),
        ("out.md", "**small"),
        ("out.tex", "% \\usepackage"),
        ("out.html", "<!doctype html>\n<html"),
        ("out.svg", "<svg"),
        ("out.txt", "small ·"),
        ("out", "small ·"),
    ],
)
def test_the_suffix_of_the_output_file_sets_the_format(name, beginning, tmp_path):
    assert run("summary", "-", "-o", tmp_path / name, text=SMALL).status == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)
    assert run("summary", "-", "-o", tmp_path / name, "--format", "json", text=SMALL).status == 0
    assert json.loads((tmp_path / name).read_text(encoding="utf-8"))["name"] == "small"


SHELL = f"{shlex.quote(sys.executable)} -m shapecalc summary alexnet"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk to write to")
@pytest.mark.parametrize("format_", some(["table", "json"], 1))
def test_a_full_disk_is_an_error(format_):
    ran = subprocess.run(
        ["sh", "-c", f"{SHELL} --format {format_} >/dev/full"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (2, "the output cannot be written: No space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="streams are closed by a POSIX shell")
@pytest.mark.parametrize(("closed", "status"), some([(">&-", 0), ("2>&-", 0), ("<&-", 0)], 1))
def test_without_a_standard_stream(closed, status):
    ran = subprocess.run(["sh", "-c", f"{SHELL} {closed}"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (status, "")


def test_csv_has_no_separators():
    rows = list(csv.DictReader(io.StringIO(run("summary", "alexnet", "--format", "csv").out)))
    fc1 = next(row for row in rows if row["name"] == "fc1")
    assert fc1["params"] == "37752832"


@pytest.mark.parametrize("format_", ["table", "json", "csv", "markdown", "latex", "html", "svg"])
def test_every_format(format_):
    ran = run("summary", "-", "--format", format_, text=SMALL)
    assert (ran.status, ran.err) == (0, "")
    assert "fc1" in ran.out
    assert ran.out.endswith("\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no bundled specification of that name"),
        (["alexnet", "--columns", "nmae"], "did you mean name?"),
        (["alexnet", "--depth", "0"], "'0' is not a depth"),
        (["alexnet", "--batch", "0"], "0 is not in the range"),
        (["alexnet", "--input", "big"], "'big' is not a size"),
        (["alexnet", "--set", "width"], "--set width is not NAME=VALUE"),
        (["resnet50", "--set", "width=1", "--set", "width=2"], "the variable width is set twice"),
        (["alexnet", "--output", "/nowhere/at/all"], "/nowhere/at/all cannot be written: No such file or directory"),
        (["alexnet", "--format", "xml"], "'xml' is not one of"),
        ([], "Missing argument 'SPEC'"),
    ],
)
def test_wrong_use_exits_with_2(arguments, words):
    ran = run("summary", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.err


def test_a_wrong_network_exits_with_1():
    ran = run("summary", "-", text=SMALL.replace("kernel_size: 3", "kernel_size: 9"))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("<stdin>:4:3: conv1 (conv): ")


def test_unknown_command():
    ran = run("summry")
    assert ran.status == 2
    assert "did you mean summary?" in ran.err


def test_version_and_help():
    import shapecalc

    assert run("--version").out == f"shapecalc {shapecalc.__version__}\n"
    assert "summary" in run("--help").out
    assert run().status == 2


def test_shares_in_json():
    layers = json.loads(run("summary", "alexnet", "--shares", "--format", "json").out)["layers"]
    fc1 = next(layer for layer in layers if layer["name"] == "fc1")
    assert fc1["params_share"] == round(37_752_832 / 62_378_344, 6)
    for share in ("params_share", "macs_share", "output_bytes_share"):
        assert sum(layer[share] for layer in layers) == pytest.approx(1, abs=1e-4)


def test_shares_of_flops_have_their_name():
    flops, macs = (run("summary", "alexnet", "--shares", *more).out for more in (["--flops"], []))
    assert flops.splitlines()[2] == macs.splitlines()[2].replace("MACs ", "FLOPs")
    assert flops.splitlines()[3:9] == macs.splitlines()[3:9]


@pytest.mark.parametrize("column", ["memory", "memory_share"])
def test_bytes_of_a_layer_are_output_bytes(column):
    ran = run("summary", "alexnet", "--columns", f"name,{column}")
    assert ran.status == 2
    assert f"there is no column {column}" in ran.err
    assert f"the column of a layer is {column.replace('memory', 'output_bytes')};" in ran.err
    assert "`shapecalc memory`" in " ".join(ran.err.split())


def test_help_lists_the_columns():
    from shapecalc.renderers import COLUMNS

    out = " ".join(run("summary", "--help").out.split())
    assert f"Columns: {', '.join(COLUMNS)}." in out


def test_wrong_overrides_are_usage_errors():
    two = "inputs: {left: 3x8x8, right: 3x8x8}\nlayers:\n- add: [left, right]\n"
    ran = run("summary", "-", "--input", "3x9x9", text=two)
    assert (ran.status, ran.err) == (
        2,
        'name the input that is 3x9x9: left, right\n   write left=3x9x9 (in Python {"left": "3x9x9"})\n',
    )
    ran = run("summary", "-", "--input", "x=3x9x9", text=SMALL)
    assert (ran.status, ran.err.splitlines()[0]) == (2, "there is no input x")
    ran = run("summary", "resnet50", "--set", "widht=3")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "there is no variable widht to set")


def test_an_ascii_terminal():
    import os
    import subprocess
    import sys

    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "shapecalc", "summary", "alexnet"]
    out = subprocess.run(command, capture_output=True, env=environment, check=True).stdout.decode("ascii")
    assert "227x227x3" in out
    assert "?" not in out


@pytest.mark.parametrize(
    ("environment", "on_terminal", "is_colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "0"}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_follows_the_terminal_and_the_environment(
    environment: dict[str, str], on_terminal: bool, is_colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    assert wants_color() is is_colored
