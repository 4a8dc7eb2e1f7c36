"""`shapecalc sweep` as it is run."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.running import run

import shapecalc

pytest.importorskip("numpy")

ALEXNET = Path(__file__).parents[2] / "benchmarks" / "alexnet_width.yaml"
SMALL = ("sweep", ALEXNET, "--set", "width=16:48:16", "--input", "{32,227}x=x3")

TABLE = """\
AlexNet, any width: 6 variants

width   input           params          MACs    memory   output
────────────────────────────────────────────────────────────────────
   16   32×32×3              –             –         –   shape error
   16   227×227×3   30,560,584   117,365,384   117 MiB   1000
   32   32×32×3              –             –         –   shape error
   32   227×227×3   40,702,632   335,259,920   156 MiB   1000
   48   32×32×3              –             –         –   shape error
   48   227×227×3   51,308,552   674,556,824   197 MiB   1000

Memory: weights, buffers and live activations at their peak, for one sample, at 32 bits per element;
the total of `shapecalc memory`.
3 variants have shape errors; the first, width 16, 32×32×3: max_pool2 (max_pool): the 3×3 window
does not fit its 2×2 input
"""


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_the_table():
    assert run(*SMALL) == (0, TABLE, "")


def test_csv_and_json_lines_have_the_same_rows():
    table = rows_of(run(*SMALL, "--format", "csv").out)
    lines = [json.loads(line) for line in run(*SMALL, "--format", "jsonl").out.splitlines()]
    assert len(table) == len(lines) == 6
    assert list(table[0]) == list(lines[0])
    for row, entry in zip(table, lines, strict=True):
        assert row["params"] == ("" if entry["params"] is None else str(entry["params"]))
        assert row["valid"] == str(entry["valid"]).lower()
        assert entry["output"] == ([[1000]] if entry["valid"] else None)


def test_json_is_one_object_of_the_same_rows(tmp_path):
    lines = [json.loads(line) for line in run(*SMALL, "--format", "jsonl").out.splitlines()]
    assert json.loads(run(*SMALL, "--format", "json").out) == {"version": 1, "rows": lines}
    file = tmp_path / "rows.json"
    assert run(*SMALL, "--top", "2", "-o", file).status == 0
    assert json.loads(file.read_text(encoding="utf-8"))["rows"] == lines[:2]


def test_where_sort_top_and_front():
    ran = run(*SMALL, "--where", "params < 45e6", "--sort", "-macs", "--format", "csv")
    assert [row["width"] for row in rows_of(ran.out)] == ["32", "16"]
    assert [row["width"] for row in rows_of(run(*SMALL, "--top", "2", "--format", "csv").out)] == ["16", "16"]
    ran = run(*SMALL, "--pareto", "params,+macs", "--format", "csv")
    assert [row["width"] for row in rows_of(ran.out)] == ["16", "32", "48"]
    assert "1 on the front of params,macs" in run(*SMALL, "--pareto", "params,macs").out
    assert "no row is left" in run(*SMALL, "--where", "params < 5").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "widht=1,2"), "there is no variable widht to set\n   did you mean width?"),
        (("--input", "32x32x3", "64x32x3"), "put braces in quotes, so that the shell does not expand them"),
        (("--set", "width"), "--set width is not NAME=VALUES"),
        (("--set", "width=5:1"), "the range 5:1 is empty"),
        (("--input", "{0,4}x=x3"), "'0' is not a size of at least 1"),
        (("--sort", "macs:desc"), "the sweep has no column macs:desc\n   write `--sort -macs`"),
        (("--sort", "-MACs_asc"), "the sweep has no column MACs_asc\n   write `--sort MACs`"),
        (("--sort", "macs", "desc"), "unexpected argument desc\n   write `--sort -macs`"),
        (("--sort", "macs", "32x32x3"), "unexpected argument 32x32x3\n   put braces in quotes"),
        (("desc",), "unexpected argument desc\n   put braces in quotes"),
        (("--sort", "prams"), "the sweep has no column prams"),
        (("--pareto", "params"), "a front needs two columns or more, not only params"),
        (("--format", "parquet"), "Parquet cannot be shown on the screen"),
        (("--resume",), "--resume continues a file of all rows"),
        (("--plot", "a.svg", "--pareto", "params,macs,memory"), "a plot has two axes, not 3"),
        (
            ("--set", "width=1:100000", "--input", "{100:100000}x=x3"),
            "the sweep exceeds the size limit: 9,990,100,000",
        ),
    ],
)
def test_wrong_use(options, message):
    ran = run("sweep", ALEXNET, *options)
    assert ran.status == 2
    assert message in ran.err
    assert ran.out == ""


def test_a_long_table_is_truncated_with_a_note():
    ran = run("sweep", ALEXNET, "--set", "width=1:100")
    assert len([line for line in ran.out.splitlines() if "MiB   1000" in line]) == 40
    assert "… and 60 more rows" in ran.out


LARGE = ("sweep", ALEXNET, "--set", "width=16:215", "--input", "{64:463}x=x3", "--where", "width % 2 == 0")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", pytest.param("jsonl", marks=pytest.mark.slow)])
def test_a_file_is_resumed(tmp_path, ending):
    whole, part = tmp_path / f"whole.{ending}", tmp_path / f"part.{ending}"
    assert run(*LARGE, "-o", whole).status == 0
    due = whole.read_bytes()
    for kept in (0, 20, 200, 5_000, 1_000_003, 10**9):
        part.write_bytes(due[:kept])
        ran = run(*LARGE, "-o", part, "--resume")
        assert ran.status == 0, (kept, ran.err)
        assert part.read_bytes() == due, kept
        assert ("nothing left to do" in ran.err) == (kept == 10**9)


@pytest.mark.slow
def test_a_file_of_another_sweep_is_not_resumed(tmp_path):
    file = tmp_path / "sweep.csv"
    assert run(*LARGE, "-o", file).status == 0
    before = file.read_bytes()
    for other in (
        ("sweep", ALEXNET, "--set", "width=17:215", "--input", "{64:463}x=x3", "--where", "width % 2 == 0"),
        (
            "sweep",
            ALEXNET,
            "--set",
            "width=16:215",
            "--input",
            "{64:463}x=x3",
            "--where",
            "width % 2 == 0 and width > 20",
        ),
        ("sweep", ALEXNET, "--set", "width=16:215", "--input", "{64:463}x=x3"),
        ("sweep", ALEXNET, "--set", "width=16:215", "--input", "{64:463}x64x3"),
        ("sweep", "alexnet", "--input", "{64:463}x=x3"),
    ):
        ran = run(*other, "-o", file, "--resume")
        assert ran.status == 2
        assert "cannot be continued" in ran.err
        assert file.read_bytes() == before


@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "sweep.parquet"
    assert run(*SMALL, "-o", file).status == 0
    rows = parquet.read_table(file).to_pylist()
    assert [row["params"] for row in rows] == [None, 30560584, None, 40702632, None, 51308552]
    assert run(*LARGE, "-o", file).status == 0
    whole = parquet.ParquetFile(file)
    part = tmp_path / "part.parquet"
    with parquet.ParquetWriter(part, whole.schema_arrow) as writer:
        writer.write_table(whole.read_row_group(0).slice(0, 12_345))
    assert run(*LARGE, "-o", part, "--resume").status == 0
    assert parquet.read_table(part).equals(parquet.read_table(file))
    assert "cannot be continued" in run(*SMALL, "-o", part, "--resume").err


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_plot(tmp_path):
    pytest.importorskip("matplotlib")
    for name, beginning in (("front.svg", b"<svg"), ("front.html", b"<!doctype html>"), ("front.png", b"\x89PNG")):
        ran = run(*SMALL, "--plot", tmp_path / name)
        assert ran.status == 0, ran.err
        assert (tmp_path / name).read_bytes().startswith(beginning)
    assert "is not a format of pictures" in run(*SMALL, "--plot", tmp_path / "front.txt").err


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
@pytest.mark.slow
def test_an_interrupt_keeps_finished_rows(tmp_path):
    file = tmp_path / "sweep.csv"
    words = ["sweep", ALEXNET, "--set", "width=16:4015", "--input", "{64:4063}x=x3", "-o", file]
    command = [sys.executable, "-c", "from shapecalc.cli import main; main()", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    part = tmp_path / "sweep.csv.part"
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 1_000):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "interrupted after" in printed
    assert "continue with the same command and --resume" in printed
    assert "Traceback" not in printed
    number = int(printed.partition("interrupted after ")[2].partition(" ")[0].replace(",", ""))
    text = part.read_bytes().rpartition(b"\n")[0]
    assert text.count(b"\n") >= number


@pytest.mark.slow
def test_processes():
    assert run(*SMALL, "--jobs", "2", "--format", "csv").out == run(*SMALL, "--format", "csv").out


def test_a_sweep_for_a_batch_is_what_summary_and_memory_compute():
    for words in (["unet", "--set", "width=2,4"], ["gpt2", "--set", "layers=1,2"]):
        rows = json.loads(run("sweep", *words, "--batch", "5", "--format", "json").out)["rows"]
        name, (variable, values) = words[0], words[-1].split("=")
        single = json.loads(run("sweep", *words, "--format", "json").out)["rows"]
        for row, one, value in zip(rows, single, values.split(","), strict=True):
            asked = [name, "--set", f"{variable}={value}", "--batch", "5", "--format", "json"]
            assert row["macs"] == json.loads(run("summary", *asked).out)["total"]["macs"] == 5 * one["macs"]
            assert row["memory"] == json.loads(run("memory", *asked).out)["total"]
            assert (row["params"], row["activations"]) == (one["params"], one["activations"])
    drawn = " ".join(run("sweep", "lenet5", "--batch", "5").out.split())
    assert (
        "for a batch of 5, at 32 bits per element; the total of `shapecalc memory --batch 5`. MACs are for the batch too."
        in drawn
    )
    assert "for one sample, at 32 bits per element; the total of `shapecalc memory`." in " ".join(
        run("sweep", "lenet5").out.split()
    )
    assert (
        "\n0,61706,61706,2082600,"
        in run("sweep", "lenet5", "--batch", "5", "--where", "macs > 2M", "--format", "csv").out
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"input": "{8,12}x9x3", "layout": "hwc"}, (["8x9x3", "12x9x3"], ["8x9x4", "12x9x4"])),
        ({"input": ["8x9x3", "12x9x3"], "layout": "HWC"}, (["8x9x3", "12x9x3"], ["8x9x4", "12x9x4"])),
        ({"input": ["8x9x3", "12x9x1x3"], "layout": "hwc"}, (["8x9x3", "12x9x1x3"], ["8x9x4", "12x9x1x4"])),
        ({"input": "3x{8,12}x9"}, (["3x8x9", "3x12x9"], ["4x8x9", "4x12x9"])),
    ],
)
def test_sizes_in_a_layout(given, shown):
    """Of the input, also where whole sizes vary, of the table and of outputs."""
    network = {"input": "3x8x9", "layers": [{"conv": {"out_channels": 4, "kernel_size": 1}}]}
    swept = shapecalc.sweep(network, **given)
    inputs, outputs = shown
    assert swept["output"].tolist() == outputs
    cells = [line.split() for line in swept.render().splitlines()[4:6]]
    assert [row[0] for row in cells] == [size.replace("x", "×") for size in inputs]
    own = (3, 12, 9, 1) if "12x9x1x3" in inputs else (3, 12, 9)
    assert list(swept.settings(1)[1].values()) == [own], "for infer()"
    if "input" in swept.names:
        assert swept["input"].tolist() == inputs


def test_the_layout_of_the_command():
    drawn = run("sweep", "alexnet", "--input", "3x{227:257:30}x=", "--layout", "chw").out
    assert "\n3×257×257   62,378,344 " in drawn
    drawn = run("sweep", "unet", "--set", "width=4,8", "--layout", "hwc", "--format", "csv").out
    assert drawn.splitlines()[1] == "0,4,121658,121658,599705488,0,20059936,13024488,388x388x2,true"


def test_a_context_that_is_too_long_for_a_variant(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "input: 4\nvars: {positions: 40}\nlayers:\n- embedding: {num_embeddings: 50, embedding_dim: 8}\n"
        "- position_embedding: {num_positions: positions}\n- mha: {num_heads: 2, is_causal: true}\n",
        encoding="utf-8",
    )
    ran = run("sweep", str(path), "--set", "positions=10,20,40", "--context", "19", "--weights", "8")
    assert ran.status == 0
    text = " ".join(ran.out.split())
    reason = "a context of 19 tokens and the next one are more than the 10 positions of the network"
    assert f"1 variant is not valid; the first, positions 10: {reason}" in text
    assert "the total of `shapecalc memory --weights 8 --context 19`." in text


def test_a_specification_on_standard_input_is_read_once():
    spec = "input: 3x32x32\nvars: {w: 8}\nlayers:\n- conv: {out_channels: w, kernel_size: 3}\n"
    ran = run("sweep", "-", "--set", "w=8,16", "--format", "csv", text=spec)
    assert (ran.status, [line.split(",")[1] for line in ran.out.splitlines()]) == (0, ["w", "8", "16"])
