"""`--output` of every command: complete or not at all, never over its own input, `-` for the screen."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from crafted_checkpoints import write_safetensors
from running import run

from shapecalc.cli import cli

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from shapecalc.cli import main; main()"]

# The arguments of each command that writes a file; SPEC is a specification.
COMMANDS = {
    "check": ("SPEC",),
    "compare": ("SPEC", "SPEC"),
    "devices": ("h100",),
    "convert": ("SPEC", "--to", "dot"),
    "diff": ("SPEC", "SPEC"),
    "draw": ("SPEC",),
    "explain": ("SPEC",),
    "formula": ("SPEC",),
    "layer": ("relu", "--input", "3"),
    "layers": ("relu",),
    "memory": ("SPEC",),
    "rf": ("SPEC",),
    "schema": (),
    "sizes": ("SPEC",),
    "specs": ("lenet5_fc",),
    "solve": ("SPEC", "--fix"),
    "speed": ("SPEC", "--device", "h100"),
    "summary": ("SPEC",),
    "sweep": ("SPEC", "--input", "3x{8,9}x="),
    "weights": ("CHECKPOINT",),
}
SPEC = "use: parts/block.yaml\ninput: 3x8x8\nlayers:\n  - b\n"
BLOCK = "blocks:\n  b: [{conv: {out_channels: 4, kernel_size: 3}}, relu]\n"


def has_output(command):
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), "relu")
    return any(option.name == "output" for option in command.params)


def test_every_command_that_writes_files_has_a_case():
    context = click.Context(cli)
    writing = {name for name in cli.list_commands(context) if has_output(cli.get_command(context, name))}
    assert writing == {*COMMANDS, "changes"}  # that needs a repository: tests/cli/test_changes.py


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("parts")
    Path("parts/block.yaml").write_text(BLOCK, encoding="utf-8")
    Path("net.yaml").write_text(SPEC, encoding="utf-8")
    write_safetensors(Path("parts/model.safetensors"), {"fc.weight": ("F32", (2, 3))})
    return tmp_path


def words_of(name):
    files = {"SPEC": "net.yaml", "CHECKPOINT": "parts/model.safetensors"}
    return [name, *(files.get(word, word) for word in COMMANDS[name])]


def everything(folder):
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_has_the_same_content_as_the_screen(spec, name):
    shown = run(*words_of(name))
    assert run(*words_of(name), "-o", "-") == shown
    assert not os.path.exists("-")
    if name == "sweep":
        shown = run(*words_of(name), "--format", "table")
    Path("out").write_text("old", encoding="utf-8")
    written = run(*words_of(name), "-o", "out")
    assert (written.status, written.out, written.err) == (shown.status, "", shown.err)
    assert Path("out").read_text(encoding="utf-8") == shown.out
    assert sorted(os.listdir()) == ["net.yaml", "out", "parts"]
    assert run(*words_of(name), "-o", "").status == 2


@pytest.mark.parametrize("name", [name for name in COMMANDS if "SPEC" in COMMANDS[name]])
@pytest.mark.parametrize("target", ["net.yaml", "parts/block.yaml"])
def test_no_command_overwrites_its_specification(spec, name, target):
    before = everything(".")
    given = ["--format", "svg" if name == "draw" else "json"]
    if name == "convert":  # which can write .yaml
        given = ["--to", "yaml"]
    else:
        assert "no format has the suffix .yaml" in run(*words_of(name), "-o", f"./{target}").err
    ran = run(*words_of(name), "-o", f"./{target}", *given)
    assert (ran.status, ran.out) == (2, "")
    assert f"./{target} is an input of this command: it is not overwritten" in ran.err
    assert everything(".") == before


@pytest.mark.parametrize("words", [("memory", "net.svg"), ("speed", "net.svg", "--device", "h100")])
def test_a_plot_over_the_specification_leaves_the_output_too(spec, words):
    shutil.copyfile("net.yaml", "net.svg")
    Path("old.json").write_bytes(b"old")
    before = everything(".")
    ran = run(*words, "-o", "old.json", "--plot", "net.svg")
    assert (ran.status, ran.out) == (2, "")
    assert "net.svg is an input of this command: it is not overwritten" in ran.err
    assert everything(".") == before


def test_standard_input_and_bundled_files_are_not_overwritten(spec, monkeypatch):
    before = everything(".")
    with open("net.yaml", "rb") as stream:
        ended = subprocess.run(
            [*COMMAND, "summary", "-", "--format", "text", "-o", "parts/../net.yaml"],
            stdin=stream,
            capture_output=True,
            check=False,
        )
    assert ended.returncode in (1, 2)  # on its own it has no block of another file
    Path("alone.yaml").write_text("input: 3\nlayers: [relu]\n", encoding="utf-8")
    with open("alone.yaml", "rb") as stream:
        ended = subprocess.run(
            [*COMMAND, "summary", "-", "--format", "text", "-o", "alone.yaml"],
            stdin=stream,
            capture_output=True,
            check=False,
        )
    assert ended.returncode == 2
    assert b"alone.yaml is an input of this command" in ended.stderr
    os.remove("alone.yaml")
    from shapecalc.language import files as locate

    bundled = shutil.copytree(locate.bundled_folder(), "bundled")
    monkeypatch.setattr(locate, "bundled_folder", lambda: str(bundled))
    specs = everything(bundled)
    assert (
        "is an input of this command" in run("summary", "lenet5", "--format", "text", "-o", "bundled/lenet5.yaml").err
    )
    assert everything(bundled) == specs
    shutil.rmtree("bundled")
    assert everything(".") == before


def test_files_read_are_tracked_per_command(spec):
    assert run("summary", "net.yaml").status == 0
    assert run("schema", "--format", "json", "-o", "net.yaml").status == 0
    assert Path("net.yaml").read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "check"])  # whose answer is what is wrong
def test_an_error_leaves_the_old_file(spec, name):
    Path("net.yaml").write_text("input: 3x8x8\nlayers: [conv: {out_channels: x}]\n", encoding="utf-8")
    Path("out").write_text("old", encoding="utf-8")
    wrong = [*words_of(name), "--nonsense"] if "SPEC" not in COMMANDS[name] else words_of(name)
    assert run(*wrong, "-o", "out").status in (1, 2)
    assert Path("out").read_text(encoding="utf-8") == "old"
    assert sorted(os.listdir()) == ["net.yaml", "out", "parts"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such limits there")
@pytest.mark.parametrize("name", ["schema", "summary"])
def test_a_full_disk_leaves_the_old_file(spec, name):
    Path("out").write_text("old", encoding="utf-8")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    ended = subprocess.run(
        [*COMMAND, *words_of(name), "-o", "out"], capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert (ended.returncode, ended.stderr) == (2, "out cannot be written: File too large\n")
    assert Path("out").read_text(encoding="utf-8") == "old"
    assert sorted(os.listdir()) == ["net.yaml", "out", "parts"]


SLOW = """
import sys
from shapecalc import files
from shapecalc.cli import main

def slow(descriptor):
    sys.stderr.write("writing\\n")
    sys.stderr.flush()
    while True:
        time.sleep(0.01)

import time
files.os.fsync = slow
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", 1)])
def test_a_signal_during_writing_leaves_the_old_file(spec, number):
    Path("out").write_text("old", encoding="utf-8")
    command = [sys.executable, "-c", SLOW, "schema", "-o", "out"]
    heard = lambda: signal.signal(number, signal.SIG_DFL)  # noqa: E731  (whatever the caller of the tests ignores)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:  # noqa: PLW1509
        assert process.stderr.readline() == "writing\n"
        assert len(os.listdir()) == 4
        process.send_signal(number)
        try:
            printed = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert (process.returncode, printed.strip()) == (128 + number, "")
    assert Path("out").read_text(encoding="utf-8") == "old"
    assert sorted(os.listdir()) == ["net.yaml", "out", "parts"]


@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
def test_a_signal_that_the_caller_ignores_is_ignored(spec):
    command = [sys.executable, "-c", SLOW, "schema", "-o", "out"]
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731  (as nohup does)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=ignore) as process:  # noqa: PLW1509
        assert process.stderr.readline() == "writing\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


def test_signal_handlers_of_the_caller_are_restored(spec):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run("summary", "net.yaml")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout here")
def test_standard_output_by_its_name(spec):
    ended = subprocess.run([*COMMAND, "summary", "net.yaml", "-o", "/dev/stdout"], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode() == run("summary", "net.yaml").out


def test_a_name_that_is_not_utf8(spec):
    name = os.fsdecode(b"na\xffme")
    Path("odd.yaml").write_text('input: 3\nname: "\\uDC80"\nlayers: [relu]\n', encoding="utf-8")
    assert run("summary", "odd.yaml", "-o", name).status in (0, 1)
    assert run("summary", "net.yaml", "-o", name).status == 0
    assert os.path.exists(name)
