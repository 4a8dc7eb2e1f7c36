"""The files of sweeps: what stood there and what is finished both stay, one process writes, what is resumed is this sweep's."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cli.running import run

pytest.importorskip("numpy")

ALEXNET = Path(__file__).parents[2] / "benchmarks" / "alexnet_width.yaml"
SWEEP = ("sweep", ALEXNET, "--set", "width=16:76:2", "--input", "{227,240}x=x3")
LONG = ("sweep", ALEXNET, "--set", "width=16:4015", "--input", "{64:4063}x=x3")  # that ends only when it is told to
COMMAND = [
    sys.executable,
    "-c",
    "from shapecalc.questions.sweep import plan; plan._MOST_ROWS = 1000\nfrom shapecalc.cli import main; main()",
]
ENDINGS = ("csv", "jsonl", "parquet")
HERE = tuple(ending for ending in ENDINGS if ending != "parquet" or find_spec("pyarrow"))
"""The formats that can be written with the installed packages."""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits are other things there")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # pyarrow's own


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(name):
    """The compared part of the rows of a file."""
    data = Path(name).read_bytes()
    if data[:4] == b"PAR1":
        return pytest.importorskip("pyarrow.parquet").read_table(name).to_pylist()
    return data


def whole(ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    assert run(*SWEEP, "-o", f"whole.{ending}").status == 0
    found = rows_of(f"whole.{ending}")
    os.remove(f"whole.{ending}")
    return found


# -- what is resumed


def ran_again(name, *more):
    return run(*SWEEP, "-o", name, "--resume", *more)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_file_is_created(ending):
    due = whole(ending)
    assert ran_again(f"rows.{ending}").status == 0
    assert rows_of(f"rows.{ending}") == due
    assert os.listdir() == [f"rows.{ending}"]


@pytest.mark.parametrize("ending", ["csv", pytest.param("jsonl", marks=pytest.mark.slow)])
def test_a_file_truncated_anywhere_is_resumed(ending):
    due = whole(ending)
    ends = [index + 1 for index, byte in enumerate(due) if byte == 10]
    for offset in (0, 1, ends[0] - 1, ends[0], ends[0] + 1, ends[3] + 7, ends[19], ends[20], ends[20] + 1, ends[21] - 1,
                  ends[40] + 5, ends[-2], len(due) - 1, len(due)):  # fmt: skip
        for name in (f"rows.{ending}", f"rows.{ending}.part")[offset % 2 :][:1]:
            Path(name).write_bytes(due[:offset])
            ran = ran_again(f"rows.{ending}")
            assert ran.status == 0, (offset, ran.err)
            assert rows_of(f"rows.{ending}") == due
            assert os.listdir() == [f"rows.{ending}"]


def test_a_complete_file_is_unchanged():
    for ending in HERE:
        whole(ending)
        assert run(*SWEEP, "-o", f"rows.{ending}").status == 0
        before = os.stat(f"rows.{ending}")
        ran = ran_again(f"rows.{ending}")
        assert ran.err == f"rows.{ending} is complete: there was nothing left to do\n"
        assert os.stat(f"rows.{ending}").st_mtime_ns == before.st_mtime_ns
        assert os.stat(f"rows.{ending}").st_ino == before.st_ino
        os.remove(f"rows.{ending}")
        assert os.listdir() == []


def test_the_part_file_is_resumed_before_the_file():
    due = whole("csv")
    Path("rows.csv").write_bytes(b"the old one")
    Path("rows.csv.part").write_bytes(due[:500])
    assert "from variant" in ran_again("rows.csv").err
    assert rows_of("rows.csv") == due
    assert os.listdir() == ["rows.csv"]


def test_a_part_file_is_not_overwritten_without_resume():
    due = whole("csv")
    for ending in HERE:
        Path(f"rows.{ending}").write_bytes(b"old")
        Path(f"rows.{ending}.part").write_bytes(due[:500])
        ran = run(*SWEEP, "-o", f"rows.{ending}")
        assert (ran.status, ran.err) == (
            2,
            f"rows.{ending}.part is there already: a sweep was interrupted, or is still running\n"
            "   continue it with --resume; to start again, remove it first\n",
        )
        assert Path(f"rows.{ending}").read_bytes() == b"old"
        assert Path(f"rows.{ending}.part").read_bytes() == due[:500]


def test_resuming_with_a_condition_compares_matching_rows():
    where = ("--where", "width % 8 == 0 and input_height == 240")
    assert run(*SWEEP, *where, "-o", "rows.csv").status == 0
    due = Path("rows.csv").read_bytes()
    assert due.count(b"\n") == 9
    for offset in range(0, len(due), 37):
        Path("rows.csv").write_bytes(due[:offset])
        ran = ran_again("rows.csv", *where)
        assert ran.status == 0, (offset, ran.err)
        assert Path("rows.csv").read_bytes() == due


def test_resuming_with_a_condition_checks_the_order_of_rows():
    where = ("--where", "width % 10 != 0")
    assert run(*SWEEP, *where, "-o", "rows.csv").status == 0
    due = Path("rows.csv").read_bytes()
    lines = due.splitlines(keepends=True)
    assert len(lines) == 51
    Path("rows.csv").write_bytes(b"".join(lines[:-1]))
    assert ran_again("rows.csv", *where).status == 0
    assert Path("rows.csv").read_bytes() == due
    for wrong in ([*lines[:24], lines[25], lines[24], *lines[26:]], [*lines[:30], lines[29], *lines[30:]]):
        Path("rows.csv").write_bytes(b"".join(wrong))
        assert "are not numbered as those of this sweep" in ran_again("rows.csv", *where).err


def test_a_sweep_without_rows_has_a_header():
    Path("rows.csv").write_bytes(b"")
    assert ran_again("rows.csv", "--where", "params < 5").status == 0
    assert Path("rows.csv").read_bytes() == whole("csv").splitlines(keepends=True)[0]


def foreign(due, ending):
    """Files that are not the beginning of this sweep."""
    lines = due.splitlines(keepends=True)
    number = 45 if ending == "csv" else 44
    line = lines[number]
    deep = b"[" * 100_000 + b"]" * 100_000
    yield b'{"mine":1}'
    yield b'{"mine":1}\n'
    yield b"x" * 300_000
    yield b"\n"
    yield b" " + due
    yield due.replace(b"\n", b"\r\n")
    yield b"\xef\xbb\xbf" + due
    yield "héritage\n".encode("latin-1")
    yield deep
    yield due.decode().encode("utf-16")
    yield due + b"x"
    yield due + lines[-1]
    yield due + due
    yield b"".join([*lines[:-1][:30], *lines[:-1], lines[-1]])
    yield b"".join([*lines[:30], *lines[31:]])
    yield b"".join([*lines[:30], lines[31], lines[30], *lines[32:]])
    for end in (lines[-1], b""):
        for wrong in (
            line.replace(b"227", b"228"),
            line.replace(b"true", b"\xff\xfe"),
            line.replace(b"44", b"1e999", 1),
            line.replace(b"44", b"Infinity", 1),
            line.replace(b"44", b"NaN", 1),
            line.replace(b"44", b"-1", 1),
            line.replace(b"44", b"44.5", 1),
            line.replace(b"44", b"9" * 18, 1),
            line.replace(b"44", b"9" * 5_000, 1),
            line.replace(b"44", deep, 1),
            line.replace(b"44", b"true", 1),
            b"x" * 300_000 + b"\n",
            b"x" * 300_000,
            b'"' + b"a\n" * 40_000 + b'"\n',
            line[:10] + b"x",
            b"\0" * 70_000,
        ):
            assert wrong not in (line, b"")
            yield b"".join(lines[:number]) + wrong + end
    yield b"".join([*lines[:2], *lines[3:]])
    yield b"".join([*lines[:-3], *lines[-2:]])
    yield b"".join([*lines[:-21], *lines[-20:]])
    if ending == "jsonl":
        yield lines[0].replace(b'"variant": 0', b'"variant": 0, "variant": 5') + b"".join(lines[1:])
        yield lines[0].replace(b'{"variant": 0, ', b"{") + b"".join(lines[1:])
    else:
        yield due.replace(b"variant,width", b"width,variant", 1)
        yield due.replace(b"width", b"width,width", 1)
        yield b"a,b\n1,2\n"


@pytest.mark.parametrize("ending", ["csv", pytest.param("jsonl", marks=pytest.mark.slow)])
def test_a_foreign_or_edited_file_is_rejected_unchanged(ending):
    due = whole(ending)
    for number, wrong in enumerate(foreign(due, ending)):
        for name in (f"rows.{ending}", f"rows.{ending}.part")[number % 2 :][:1]:
            Path(name).write_bytes(wrong)
            ran = ran_again(f"rows.{ending}")
            assert (ran.status, ran.out) == (2, ""), (number, wrong[:300])
            assert ran.err.startswith(f"{name} cannot be continued: "), (number, wrong[:300])
            assert "give the same specification" in ran.err
            assert Path(name).read_bytes() == wrong
            assert os.listdir() == [name]
            os.remove(name)


def parquet_files():
    """Tables that are not the beginning of this sweep, made from its own rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert run(*SWEEP, "-o", "own.parquet").status == 0
    own = pq.read_table("own.parquet")
    os.remove("own.parquet")

    def having(index, name, value):
        rows = own.to_pylist()
        rows[index][name] = value
        return pa.Table.from_pylist(rows, schema=own.schema)

    text = pa.array([str(value) for value in own["params"].to_pylist()])
    column = own.schema.get_field_index("params")
    yield own.set_column(column, "params", text)
    yield own.set_column(column, "params", own["params"].cast(pa.float64()))
    yield own.set_column(column, "params", pa.array([[1]] * len(own)))
    yield own.append_column("params", text)
    yield own.append_column("mine", text)
    yield own.select(["variant", "params"])
    yield own.select(own.column_names[::-1])
    yield pa.table({"mine": [1]})
    yield pa.table({"variant": pa.array([None, None], pa.int64())})
    for value in (None, -1, 5, 2**62):
        yield having(0, "variant", value)
        yield having(-1, "variant", value)
        yield having(len(own) - 20, "variant", value)
    yield having(-1, "params", None)
    yield having(3, "output", "1001")
    yield pa.concat_tables([own, own])
    yield own.slice(1)


def test_a_foreign_parquet_file_is_rejected_unchanged():
    pq = pytest.importorskip("pyarrow.parquet")
    for number, table in enumerate(parquet_files()):
        for name in ("rows.parquet", "rows.parquet.part")[number % 2 :][:1]:
            pq.write_table(table, name)
            before = Path(name).read_bytes()
            ran = ran_again("rows.parquet")
            assert ran.status == 2, (number, ran.err)
            assert ran.err.startswith(f"{name} cannot be continued: "), (number, ran.err)
            assert Path(name).read_bytes() == before
            assert os.listdir() == [name]
            os.remove(name)


@pytest.mark.parametrize("cut", [0, 1, 4, 100, -1, -8, -100])
def test_a_broken_parquet_file_is_rejected_unchanged(cut):
    whole("parquet")
    assert run(*SWEEP, "-o", "rows.parquet").status == 0
    data = bytearray(Path("rows.parquet").read_bytes())
    for wrong in (bytes(data[:cut]), bytes(data[:cut]) + b"\xff" * 40 + bytes(data[cut:])):
        Path("rows.parquet").write_bytes(wrong)
        ran = ran_again("rows.parquet")
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith("rows.parquet cannot be continued: ")
        assert Path("rows.parquet").read_bytes() == wrong
        assert os.listdir() == ["rows.parquet"]


@pytest.mark.slow
def test_a_parquet_file_with_a_changed_byte_never_raises_a_traceback():
    whole("parquet")
    assert run(*SWEEP, "-o", "rows.parquet").status == 0
    data = Path("rows.parquet").read_bytes()
    for offset in range(3, len(data), 397):
        wrong = bytearray(data)
        wrong[offset] ^= 0x55
        Path("rows.parquet").write_bytes(wrong)
        ran = ran_again("rows.parquet")
        assert ran.status in (0, 2), ran.err
        assert ran.status == 0 or Path("rows.parquet").read_bytes() == wrong
        assert os.listdir() == ["rows.parquet"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("other", ENDINGS)
def test_a_file_of_another_format_is_rejected(ending, other):
    whole(ending)
    whole(other)
    assert run(*SWEEP, "--format", other, "-o", "rows").status == 0
    before = Path("rows").read_bytes()
    ran = ran_again("rows", "--format", ending)
    assert (ran.status == 0) == (ending == other)
    assert "rows cannot be continued: " in ran.err or ending == other
    assert Path("rows").read_bytes() == before


@posix
def test_outputs_that_cannot_be_resumed_are_rejected():
    for ending in HERE:
        whole(ending)
        ran = ran_again("/dev/null", "--format", ending)
        assert (ran.status, ran.err.splitlines()[0]) == (
            2,
            "/dev/null cannot be continued: it is not a regular file",
        )


# -- what is checked before anything is opened


@pytest.mark.parametrize(
    "options",
    [
        ("--where", "params + macs"),
        ("--where", "params < 'a'"),
        ("--where", "params <"),
        ("--sort", "prams"),
        ("--pareto", "params"),
        ("--top", "0"),
        ("--plot", "front.txt"),
        ("--plot", "no/front.svg"),
        ("--plot", "net.svg"),
        ("--resume", "--sort", "params"),
        ("--set", "width=5:1"),
    ],
)
@pytest.mark.parametrize("name", ["old.csv", "old.json", "old.parquet", "old.txt"])
def test_a_usage_error_leaves_the_old_file(options, name):
    pytest.importorskip("pyarrow")
    Path("net.svg").write_bytes(ALEXNET.read_bytes())
    Path(name).write_bytes(b"old")
    command = [SWEEP[0], "net.svg", *SWEEP[4:]] if "--set" in options else [SWEEP[0], "net.svg", *SWEEP[2:]]
    ran = run(*command, *options, "-o", name)
    assert (ran.status, ran.out) == (2, ""), ran.err
    assert Path(name).read_bytes() == b"old"
    assert Path("net.svg").read_bytes() == ALEXNET.read_bytes()
    assert sorted(os.listdir()) == ["net.svg", name]


def test_a_wrong_condition_is_an_error_before_the_first_row():
    for options in ((), ("-o", "/dev/stdout")):
        command = [*COMMAND, *map(str, SWEEP), "--where", "params + macs", "--format", "csv", *options]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith("`params + macs` is not true or false")


def test_the_plot_and_the_rows_are_two_files():
    Path("x").mkdir()
    ran = run(*SWEEP, "--plot", "x/../both.svg", "-o", "both.svg", "--format", "json")
    assert (ran.status, ran.err) == (2, "--plot and --output are both both.svg\n   name two files\n")
    assert os.listdir() == ["x"]


@pytest.mark.parametrize("name", ["no/rows.csv", "no/rows.json", "no/rows.txt"])
def test_a_missing_folder_is_an_error_before_the_first_row(name, monkeypatch):
    from shapecalc.questions.sweep.gathering import Gathering

    monkeypatch.setattr(Gathering, "add", lambda *_: pytest.fail("the work has begun"))
    ran = run(*SWEEP, "-o", name)
    assert ran.status == 2
    assert "cannot be written: No such file or directory" in ran.err


def test_a_condition_that_fails_later_keeps_finished_rows(monkeypatch):
    from shapecalc.questions.sweep import plan

    monkeypatch.setattr(plan, "_MOST_ROWS", 1)
    monkeypatch.setattr(plan, "_NUMBERS", 1)
    Path("rows.csv").write_bytes(b"old")
    command = (
        "sweep",
        "resnet18",
        "--set",
        "classes=1:600",
        "--set",
        "width=64,65",
        "--where",
        "1 / (classes - 300) < 5",
    )
    ran = run(*command, "-o", "rows.csv")
    assert Path("rows.csv").read_bytes() == b"old" or ran.status == 0


# -- interruptions


def finished(part):
    """The number of complete lines of a part file; for Parquet, whether it has content."""
    with contextlib.suppress(FileNotFoundError):
        return Path(part).stat().st_size > 20_000
    return False


def interrupted(number, name, *options):
    """Start a long sweep, interrupt it after its first rows, and return its status and messages."""
    command = [*COMMAND, *map(str, LONG), "-o", name, *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and not finished(f"{name}.part"):
            time.sleep(0.01)
        process.send_signal(number)
        printed = process.communicate(timeout=120)[1]  # which ends when the workers have let go of the pipe as well
    return process.returncode, printed


@posix
@pytest.mark.parametrize(
    ("number", "ending", "options"),
    [
        (signal.SIGINT, "csv", ()),
        (signal.SIGTERM, "jsonl", ()),
        (signal.SIGINT, "parquet", ()),
        (signal.SIGTERM, "csv", ("--jobs", "2")),
        (signal.SIGKILL, "csv", ("--jobs", "2")),
    ],
)
def test_an_interrupt_keeps_the_old_file_and_finished_rows(number, ending, options):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    name = f"rows.{ending}"
    Path(name).write_bytes(b"old")
    status, printed = interrupted(number, name, *options)
    assert status == (-number if number == signal.SIGKILL else 128 + number), printed
    assert "Traceback" not in printed
    if number != signal.SIGKILL:
        assert "interrupted after" in printed
        assert f"finished rows are in {name}.part: continue with the same command and --resume" in printed
    assert Path(name).read_bytes() == b"old"
    assert sorted(os.listdir()) == [name, f"{name}.part"]
    if ending == "parquet":
        rows = rows_of(f"{name}.part")
    elif ending == "csv":
        text = Path(f"{name}.part").read_bytes().rpartition(b"\n")[0].decode()
        rows = [{"variant": int(row["variant"])} for row in csv.DictReader(io.StringIO(text))]
    else:
        text = Path(f"{name}.part").read_bytes().rpartition(b"\n")[0].decode()
        rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) > 100
    assert [row["variant"] for row in rows] == list(range(len(rows)))


@posix
def test_an_interrupt_before_the_first_row_leaves_no_file():
    Path("rows.csv").write_bytes(b"old")
    script = "from shapecalc.questions.sweep.gathering import Gathering\ndef add(*_): raise KeyboardInterrupt\nGathering.add = add\nfrom shapecalc.cli import main; main()"
    for ending in HERE:
        Path(f"rows.{ending}").write_bytes(b"old")
        command = [sys.executable, "-c", script, *map(str, SWEEP), "-o", f"rows.{ending}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (130, "interrupted after 0 of 62 variants; nothing was written\n")
        assert Path(f"rows.{ending}").read_bytes() == b"old"
    assert len(os.listdir()) == len(HERE)


@pytest.mark.parametrize("name", ["rows.json", "rows.txt"])
def test_sorted_rows_are_written_at_the_end(name, monkeypatch):
    from shapecalc.questions.sweep.gathering import Gathering

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Gathering, "keep", interrupt)
    Path(name).write_bytes(b"old")
    ran = run(*SWEEP, "-o", name)
    assert (ran.status, ran.out, ran.err) == (130, "", "interrupted after 0 of 62 variants; nothing was written\n")
    assert Path(name).read_bytes() == b"old"
    assert os.listdir() == [name]


def test_sorted_rows_are_shown_on_the_screen(monkeypatch):
    from shapecalc.questions.sweep.gathering import Gathering

    def keep(self, part):
        kept(self, part)
        raise KeyboardInterrupt

    kept = Gathering.keep
    monkeypatch.setattr(Gathering, "keep", keep)
    ran = run(*SWEEP, "--sort", "params", "--format", "csv")
    assert ran.status == 130
    assert ran.out.count("\n") == 63
    assert "the results shown are of those" in ran.err


@posix
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_disk_that_fills_up(ending):
    import resource

    pytest.importorskip("pyarrow")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    name = f"rows.{ending}"
    Path(name).write_bytes(b"old")
    command = [*COMMAND, *map(str, LONG), "-o", name]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert ended.returncode == 2
    assert f"{name}.part cannot be written: File too large" in ended.stderr
    assert Path(name).read_bytes() == b"old"
    # what Parquet file has no end cannot be read
    assert sorted(os.listdir()) == ([name, f"{name}.part"] if ending == "csv" else [name])
    assert ("stopped after" in ended.stderr) == (ending == "csv")


# -- more than one process


@posix
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_two_sweeps_cannot_write_one_file(options):
    due = whole("csv")
    Path("rows.csv").write_bytes(due[:300] if options else b"old")
    script = (
        "import sys, time\nfrom shapecalc.questions.sweep.gathering import Gathering\nadd = Gathering.add\n"
        "def slowly(self, part):\n    sys.stdin.read()\n    return add(self, part)\n"
        "Gathering.add = slowly\nfrom shapecalc.cli import main; main()"
    )
    command = [sys.executable, "-c", script, *map(str, SWEEP), "-o", "rows.csv", *options]
    pair = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        for _ in range(2)
    ]
    while all(process.poll() is None for process in pair):  # one of them ends at once, the other waits for a word
        time.sleep(0.01)
    printed = [process.communicate(timeout=60)[1] for process in pair]
    assert sorted(process.returncode for process in pair) == [0, 2], printed
    assert any("rows.csv.part is there already" in one or "another sweep is writing" in one for one in printed)
    assert Path("rows.csv").read_bytes() == due
    assert os.listdir() == ["rows.csv"]


@posix
def test_a_killed_process_is_an_error():
    script = (
        "import os, signal, multiprocessing as m\nfrom shapecalc.questions.sweep import plan\n"
        "from shapecalc.cli import main\n"
        "class Killing:\n    def __reduce__(self): return os.kill, (0, 0)\n"
        "def work_out(payload, ranges): os.kill(os.getpid(), signal.SIGKILL)\n"
        "work_out.__module__ = '__main__'\nplan.work_out = work_out\n"
        "if __name__ == '__main__': main()"
    )
    Path("script.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "script.py", *map(str, SWEEP), "-o", "rows.csv", "--jobs", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (ended.returncode, ended.stderr) == (
        2,
        "one of the processes that --jobs started was killed\n   if there was not enough memory, use fewer --jobs\n",
    )
    assert os.listdir() == ["script.py"]


def wait_until_stopped():
    from shapecalc.questions.sweep.cells import Cells

    deadline = time.monotonic() + 15
    while not Cells.is_stopped and time.monotonic() < deadline:
        time.sleep(0.01)
    return Cells.is_stopped


def test_processes_stop_when_the_sweep_is_interrupted():
    from shapecalc.questions.sweep.driver import process_pool

    with pytest.raises(KeyboardInterrupt), process_pool(1) as executor:  # noqa: PT012
        work = executor.submit(wait_until_stopped)
        while not work.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert work.result(timeout=0) is True


def test_a_stopped_process_computes_no_more_rows(monkeypatch):
    from shapecalc.network import plan_sweep
    from shapecalc.questions.sweep.cells import Cells, StoppedError

    plan = plan_sweep(str(ALEXNET), {"width": [16, 32]}, None)
    monkeypatch.setattr(Cells, "is_stopped", True)
    with pytest.raises(StoppedError):
        list(plan.run())


@posix
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_closed_pipe_ends_the_command_quietly(jobs):
    command = [*COMMAND, *map(str, LONG), "--format", "csv", "--jobs", jobs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"variant,")
        process.stdout.close()
        printed = process.stderr.read()
    assert b"Traceback" not in printed
    assert b"Broken" not in printed
    assert process.returncode == 1


@posix
def test_a_closed_named_pipe_ends_the_sweep_quietly():
    os.mkfifo("pipe")
    command = [*COMMAND, *map(str, LONG), "--format", "csv", "-o", "pipe"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        with open("pipe", "rb") as reader:
            assert reader.readline().startswith(b"variant,")
        printed = process.stderr.read()
    assert b"Traceback" not in printed
    assert process.returncode == 1
    assert os.listdir() == ["pipe"]


@posix
@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_are_written_to_a_named_pipe(ending):
    due = whole(ending)
    os.mkfifo("pipe")
    with open("rows", "wb") as stream, subprocess.Popen(["cat", "pipe"], stdout=stream) as reader:
        assert run(*SWEEP, "--format", ending, "-o", "pipe").status == 0
        assert reader.wait(timeout=60) == 0
    assert rows_of("rows") == due


@posix
def test_standard_output_by_its_name():
    due = whole("csv")
    command = [*COMMAND, *map(str, SWEEP), "-o", "/dev/stdout", "--format", "csv"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, due)
    assert run(*SWEEP, "-o", "-", "--format", "csv").out == due.decode()
    assert os.listdir() == []


# -- pictures


HOSTILE = [
    "$\\evil$",
    "a\nb",
    "\u202e\u2028",
    "$",
    "_^{",
    "\\input{/etc/passwd}",
    "x: y: z",
    "名" * 300,
    "'\"<svg>&--",
    "\\frac{$x$}",
]


@pytest.mark.parametrize(("name", "ending"), list(zip(HOSTILE, ["svg", "png", "pdf"] * 9, strict=False)))
def test_a_name_in_a_plot_is_plain_text(name, ending):
    if ending != "svg":
        pytest.importorskip("matplotlib")
    spec = f"name: {json.dumps(name)}\nvars: {{w: 4}}\ninput: 3x8x8\nlayers: [{{conv: {{out_channels: w, kernel_size: 3}}}}]\n"
    Path("net.yaml").write_text(spec, encoding="utf-8")
    ran = run("sweep", "net.yaml", "--set", "w=1:9", "--plot", f"front.{ending}")
    assert (ran.status, ran.err) == (0, "")
    beginning = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    assert Path(f"front.{ending}").read_bytes().startswith(beginning)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", [HOSTILE[0], "\\frac{$x$}", "_^{&<>", "\x1b[31m\0\n\u202e\u2028"])
def test_all_labels_of_a_plot_are_plain_text(text):
    from shapecalc.renderers.pictures import Picture
    from shapecalc.renderers.pictures.charts.front import draw_front

    points = [(1.0, 9.0), (2.0, 5.0), (3.0, 1.0)]
    scene = draw_front(f"{text}: 3 variants where {text}", [text, text], points, points, [text] * 3)
    root = ET.fromstring(Picture(scene).svg)
    shown = ["".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert not any(sign in "".join(shown) for sign in "\n\x1b\0\u202e\u2028")
    if text.isascii() and text.isprintable():
        assert shown.count(text) >= 5, shown  # two axes, three labels
    if importlib.util.find_spec("matplotlib"):
        for ending in ("png", "pdf"):
            Picture(scene).save(f"front.{ending}")
