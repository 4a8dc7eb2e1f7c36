"""Hostile input to the real command: a clear error or a right answer, in bounded time and memory, never a traceback."""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from running import run
from searching import some

from shapecalc.language import files as locate

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = [sys.executable, "-c", "from shapecalc.__main__ import main; main()"]
SECONDS = 40  # twice what is promised, for a busy machine
MEMORY = 1_800 * 2**20


class Ended(NamedTuple):
    status: int
    out: bytes
    err: str


def shapecalc(*arguments: object, seconds: int = SECONDS, **rest: Any) -> Ended:
    """Run the command in a separate process, with little time and memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    command = [*COMMAND, *map(str, arguments)]
    rest.setdefault("env", {name: value for name, value in os.environ.items() if name != "COLUMNS"})  # not wrapped
    ended = subprocess.run(command, capture_output=True, preexec_fn=limit, timeout=10 * seconds, check=False, **rest)
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


HEAD = "input: 8\nlayers:\n"


def nested_blocks(count: int, body: str, last: str) -> str:
    blocks = "".join(f"  b{i}: {body.format(i + 1)}\n" for i in range(count))
    return f"{HEAD}  - b0\nblocks:\n{blocks}  b{count}: {last}\n"


def chain(count: int, last: str) -> str:
    """Return a spec in which the input of every layer is the one below it."""
    items = "".join(f"  - relu:\n    name: n{i}\n    from: n{i + 1}\n" for i in range(count))
    return f"{HEAD}{items}  - relu:\n    name: n{count}\n    from: {last}\noutputs: n0\n"


ALIASES = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 20))
FAN = "".join(f"  - linear: 4\n    name: n{i}\n    from: input\n" for i in range(20_000))
NAMES = ", ".join(f"n{i}" for i in range(20_000))

# The mistake, and a part of the error.
WRONG: dict[str, tuple[str | bytes | Callable[[], str | bytes], str]] = {
    "empty": ("", "the file is empty"),
    "only space": (" \n" * 1000, "the file is empty"),
    "random bytes": (random.Random(1).randbytes(10**6), "the file is binary, not text"),
    "zeros": (b"\0" * 10**7, "the file is binary, not text"),
    "a program": (lambda: Path(sys.executable).read_bytes()[: 2**22], "the file is binary, not text"),
    "not UTF-8": ("name: Größe\n".encode("latin-1") + HEAD.encode() + b"  - relu\n", "the file is not UTF-8 text"),
    "an alias bomb": (f"a0: &a0 [x]\n{ALIASES}{HEAD}  - relu\n", "more than 2,000,000 values once their aliases"),
    "an alias in itself": (f"{HEAD}  - &a [*a]\n", "is inside its own anchor"),
    "code": ("!!python/object/apply:os.system ['touch owned']\n", "the tag `!!python/object/apply:os.system`"),
    "10,000 brackets": (HEAD + "  " + "[" * 10_000 + "]" * 10_000, "nested more than 100 deep"),
    "10,000 braces": ("{a: " * 10_000 + "1" + "}" * 10_000, "nested more than 100 deep"),
    "10,000 dashes": ("- " * 10_000 + "a\n", "nested more than 100 deep"),
    "10,000 indents": ("".join(" " * i + "a:\n" for i in range(10_000)), "nested more than 100 deep"),
    "10,000 parentheses": (f"{HEAD}  - fc: {'(' * 10_000}1{')' * 10_000}\n", "at most 1,000"),
    "10,000 minus signs": (f"{HEAD}  - fc: {'-' * 900}1\n", "nested more than 50 deep"),
    "branches in branches": (
        f"{HEAD}  - add:\n" + "".join("  " * (2 + 2 * i) + "- - add:\n" for i in range(90)),
        "nested more than 100 deep",
    ),
    "blocks in blocks": (nested_blocks(1000, "[b{}]", "[relu]"), "more than 40 deep"),
    "700,000 layers of two lines": (
        lambda: HEAD + "  - relu:\n      inplace: false\n" * 700_000,
        "more than 2,000,000 values",
    ),
    "half a million in a line": ("input: 8\nlayers: [" + "relu, " * 500_000 + "relu]\n", "more than 100,000 layers"),
    "repeat a million": (f"{HEAD}  - relu:\n    repeat: 1000000\n", "beyond the 100,000 layers"),
    "repeat a billion": (f"{HEAD}  - relu:\n    repeat: 10**9\n", "beyond the 100,000 layers"),
    "repeats in repeats": (
        nested_blocks(3, "{{layers: [{{b{}: , repeat: 400}}]}}", "[relu]"),
        "more than 100,000",
    ),
    "blocks that double": (nested_blocks(35, "[b{0}, b{0}]", "[relu]"), "more than"),
    "empty blocks that double": (nested_blocks(35, "[b{0}, b{0}]", "[]"), "more than"),
    "repeats of nothing": (
        nested_blocks(2, "{{layers: [{{b{}: , repeat: 80000}}]}}", "{layers: [{relu: , when: false}]}"),
        "more than",
    ),
    "lists that double": (
        "input: 8\nvars:\n  a0: [1, 1]\n"
        + "".join(f"  a{i}: [a{i - 1}, a{i - 1}]\n" for i in range(1, 60))
        + "layers:\n  - reshape: a59\n",
        "a list of more than 10,000 values",
    ),
    "a long list in every block": (
        f"input: 8\nvars: {{a: [{', '.join(['1'] * 9_999)}]}}\nblocks:\n"
        '  b: {args: {x: required}, layers: [{fc: "sum(x)"}]}\nlayers:\n  - b: a\n    repeat: 80000\n',
        "more than 300,000 steps",
    ),
    "9**9**9": (f"{HEAD}  - fc: 9**9**9\n", "the exponent of `9**9**9`"),
    "a product without end": (f"{HEAD}  - fc: {'*'.join(['999999'] * 40)}\n", "is too large"),
    "a number of a million digits": (f"{HEAD}  - fc: {'9' * 10**6}\n", "a number of 1,000,000 digits"),
    "sizes that grow": (
        "input: 3x8x8\nlayers:\n  - upsample: 1000000000000\n    repeat: 2000\n",
        "the maximum is 10^30",
    ),
    "100,000 axes": (
        f"input: {'x'.join(['2'] * 100_000)}\nlayers:\n  - relu\n",
        "has 100,000 entries: the maximum is 64",
    ),
    "100,000 variables": (
        "input: 8\nvars:\n" + "".join(f"  v{i}: {i}\n" for i in range(100_000)) + "layers: [relu]\n",
        "there are 100,000 variables",
    ),
    "10^12 pieces": ("input: 1000000000000\nlayers:\n  - chunk: 1000000000000\n", "the maximum is 10,000"),
    "a long ring": (chain(50_000, "n0"), "the layers form a cycle"),
    "names that lead nowhere": (
        HEAD + "".join(f"  - linear: 4\n    name: n{i}\n    from: nowhere{i}\n" for i in range(20_000)),
        "… and 51 more problems",
    ),
    "unknown kinds": (HEAD + "".join(f"  - linaer{i}: 4\n" for i in range(20_000)), "… and 51 more problems"),
    "unknown keys": ("".join(f"layrs{i}: 1\n" for i in range(200_000)), "did you mean layers?"),
    "keys given twice": (f"{HEAD}  - relu\n" + "a: 1\n" * 200_000, "`a` is given twice"),
    "a word of 5 MB": (f"{HEAD}  - {'a' * 5_000_000}\n", "there is no kind of layer called aaa"),
    "a key of 5 MB": ("a" * 5_000_000 + ": 1\n", "is not allowed here"),
    "a quote that does not close": ('"' + "a\n" * 500_000, "the quote is not closed"),
    "a file of 65 MB": (lambda: "# x\n" * (65 * 2**18), "a specification is at most 64 MiB"),
    "a wide sum that does not fit": (
        f"{HEAD}{FAN}  - linear: 5\n    name: odd\n    from: input\n  - add: [{NAMES}, odd]\n",
        "its inputs differ along axis 1: 4 and 5",
    ),
    "windows that do not fit": (
        "input: 3x8x8\nlayers:\n"
        + "".join(f"  - conv: {{out_channels: 4, kernel_size: {i + 9}}}\n    from: input\n" for i in range(2_000))
        + f"outputs: [{', '.join(f'conv{i + 1}' for i in range(2_000))}]\n",
        "the 9×9 window does not fit its 8×8 input",
    ),
    "unknown aliases": (
        HEAD + "".join(f"  - &a{i} relu\n" for i in range(15_000)) + "".join(f"  - *b{i}\n" for i in range(15_000)),
        "the alias `*b0` names no anchor",
    ),
    "an unknown argument again and again": (
        f"{HEAD}  - {{linear: {{out_features: 8, bais: true}}, repeat: 100000}}\n",
        "did you mean bias?",
    ),
    "unknown names in a block used again and again": (
        "input: 8\nblocks:\n  b: [linear: 8, {relu: , from: nowhere}, linaer: 3]\nlayers:\n  - {b: , repeat: 30000}\n",
        "did you mean linear?",
    ),
    "shares of nothing": (
        HEAD + "".join(f"  - {{linear: 8, name: n{i}, share: m{i}}}\n" for i in range(15_000)),
        "no layer, block or input is called m0",
    ),
    "names all alike": (
        HEAD
        + "".join(f"  - {{linear: 8, name: {i:016b}{'ab' * 20}, from: input}}\n" for i in range(5_000))
        + "".join(f"  - {{linear: 8, from: {i:016b}{'ba' * 20}}}\n" for i in range(100)),
        "no layer, block or input is called 0000000000000000bababababa",
    ),
    "layers that nothing takes": (
        HEAD + "  - {linear: 4, from: input}\n" * 20_000,
        "… and 51 more problems",
    ),
    "lists compared": (
        f"input: 8\nvars: {{a: [[{', '.join(['1'] * 9_990)}]]}}\nlayers:\n"
        "  - {fc: '8 if a[0] == a[0] else 4', repeat: 80000}\n",
        "more than 300,000 steps",
    ),
    "sums of a list in a list": (
        f"input: 8\nvars: {{a: [[{', '.join(['1'] * 9_990)}]]}}\nlayers:\n  - {{fc: 'sum(a[0]) + i', repeat: 80000}}\n",
        "more than 300,000 steps",
    ),
    "long expressions again and again": (
        f"{HEAD}  - {{fc: 'max(i, {', '.join(['1'] * 99)})', repeat: 96000}}\n",
        "more than 300,000 steps",
    ),
    "blocks, each with an argument of its own": (
        "input: 8\nblocks:\n  a: {args: {x: 1}, layers: [linear: x]}\n  b: {args: {x: 1}, layers: [a: x]}\n"
        "layers:\n  - {b: i + 1, repeat: 48000}\n",
        "more than 300,000 steps",
    ),
    "a for of 30,000 names": (
        f"{HEAD}  - linear: 8\n    for:\n" + "".join(f"      x{i}: [1, 2]\n" for i in range(30_000)),
        "for has 30,000 names: at most 200",
    ),
    "variants that are all wrong": (
        "input: 8\nvars: {w: 3}\nlayers:\n  - linear: w\nvariants:\n"
        + "".join(f"  v{i}: {{vars: {{{', '.join(f'ww{k}: 1' for k in range(50))}}}}}\n" for i in range(400)),
        "there is no variable ww0 to set",
    ),
    "variants with expectations, each of which is of nothing": (
        "input: 8\nlayers:\n  - linear: 3\nvariants:\n"
        + "".join(
            f"  v{i}:\n    expect:\n      layer:\n"
            + "".join(f"        linaer{k}: {{params: {i}}}\n" for k in range(99))
            for i in range(999)
        ),
        "did you mean linear1?",
    ),
    "variants that all fail in their own way": (
        "input: 8\nvars: {w: 3}\nlayers:\n"
        + "  - linear: w / 7\n" * 99
        + "variants:\n"
        + "".join(f"  v{i}: {{vars: {{w: {7 * i + 1}}}}}\n" for i in range(999)),
        "whole number",
    ),
    "expectations of nothing": (
        f"{HEAD}  - linear: 4\n    repeat: 20000\nexpect:\n  layer:\n"
        + "".join(f"    linaer{i}: {{params: 3}}\n" for i in range(20_000)),
        "did you mean linear1?",
    ),
}


# Each takes a process of its own, and most take seconds: those that do not, one of a sort, are always run.
QUICK = {
    "empty",
    "random bytes",
    "not UTF-8",
    "an alias bomb",
    "10,000 brackets",
    "repeat a billion",
    "9**9**9",
    "windows line ends",
}


def cases(table: dict[str, Any]) -> list[Any]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in table]


@pytest.mark.parametrize("name", cases(WRONG))
def test_hostile_files_are_rejected_with_an_error(name: str, tmp_path: Path) -> None:
    given, words = WRONG[name]
    given = given() if callable(given) else given
    file = tmp_path / "spec.yaml"
    file.write_bytes(given.encode() if isinstance(given, str) else given)
    ended = shapecalc("check", file, cwd=tmp_path)
    assert (ended.status, ended.err.count("Traceback")) == (1, 0), ended.err[-2000:]
    assert words in " ".join(ended.err.split())
    assert len(ended.err) < 100_000
    assert ended.err.isprintable() or {c for c in ended.err if not c.isprintable()} == {"\n"}
    assert os.listdir(tmp_path) == ["spec.yaml"]


RIGHT: dict[str, tuple[str, int]] = {
    "100,000 layers": (f"{HEAD}  - linear: 8\n    repeat: 100000\n", 7_200_000),
    "a concat of 20,000": (f"{HEAD}{FAN}  - concat: [{NAMES}]\n", 20_000 * 36),
    "20,000 branches": ("input: 8x4x4\nlayers:\n  - concat:\n" + "      - [{conv: {out_channels: 4, kernel_size: 1}}]\n" * 20_000, 720_000),
    "50,000 references forward": (chain(50_000, "input"), 0),
    "50,000 shares of shares": (
        f"{HEAD}  - fc: 8\n    name: s0\n" + "".join(f"  - fc: 8\n    name: s{i}\n    share: s{i - 1}\n" for i in range(1, 50_000)),
        72,
    ),
    "20,000 shares of what follows": (
        HEAD + "".join(f"  - {{fc: 8, name: s{i}, share: s{i + 1}}}\n" for i in range(20_000)) + "  - {fc: 8, name: s20000}\n",
        72,
    ),
    "names that stand for names": (
        HEAD + "".join(f"  - {{relu: , name: n{i}, from: n{i + 1}, when: false}}\n" for i in range(8_000))
        + "  - {relu: , name: n8000, from: input}\n" + "".join(f"  - {{fc: 3, name: m{i}, from: n{i}}}\n" for i in range(8_000))
        + f"  - concat: [{', '.join(f'm{i}' for i in range(8_000))}]\n",
        216_000,
    ),
    "20,000 blocks": ("input: 8\nblocks:\n" + "".join(f"  b{i}: [linear: 1]\n" for i in range(20_000)) + "layers:\n" + "".join(f"  - b{i}\n" for i in range(20_000)), 40_007),
    "20,000 expectations": (
        f"{HEAD}  - linear: 8\n    repeat: 20000\nexpect:\n  layer:\n" + "".join(f"    linear{i + 1}: {{params: 72}}\n" for i in range(20_000)),
        1_440_000,
    ),
    "a billion billions": ("input: 1000000000000\nlayers:\n  - linear: {out_features: 1000000000000, bias: false}\n", 10**24),
    "windows line ends": (f"\ufeff{HEAD}  - fc: 8\n".replace("\n", "\r\n"), 72),
}  # fmt: skip


def test_cases_that_always_run_exist() -> None:
    assert {*WRONG, *RIGHT} >= QUICK


@pytest.mark.parametrize("name", cases(RIGHT))
def test_large_files_are_read(name: str, tmp_path: Path) -> None:
    text, params = RIGHT[name]
    file = tmp_path / "spec.yaml"
    file.write_bytes(text.encode())
    ended = shapecalc("check", file)
    assert (ended.status, ended.err) == (0, "")
    assert f"{params:,} parameters" in ended.out.decode()


@pytest.mark.slow
def test_the_memory_of_a_variant_is_released_for_the_next(tmp_path: Path) -> None:
    """One of 30,000 layers needs 57 MiB of address space, six that are kept 174."""
    file = tmp_path / "spec.yaml"
    file.write_text("input: 8\nvars: {w: 3}\nlayers:\n  - {linear: w, repeat: 30000}\n")
    code = "import shapecalc, sys\nfor w in range(1, 7): shapecalc.load(sys.argv[1], vars={'w': w}).infer()"
    limits = f'ulimit -v {120 * 2**10}; exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", limits, "sh", sys.executable, "-c", code, file], capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["linear: w", "linear: w / 7", "conv: {out_channels: w, kernel: 3}"])
def test_check_of_many_variants_reports_how_many_were_checked(layer: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    variants = "".join(f"  v{i}: {{vars: {{w: {i + 1}}}}}\n" for i in range(1_000))
    file.write_text(f"input: 8\nvars: {{w: 3}}\nlayers:\n  - {{{layer}, repeat: 39999}}\nvariants:\n{variants}")
    ended = shapecalc("check", file)
    assert ended.status == 1
    assert "the variants are too large to check all together: only 3 of 1,000 were checked" in ended.err


@pytest.mark.slow
def test_time_is_linear_in_fan_out(tmp_path: Path) -> None:
    import shapecalc as library

    def seconds(count: int) -> float:
        gc.collect()
        text = f"{HEAD}" + "".join(f"  - linear: 4\n    name: n{i}\n    from: input\n" for i in range(count))
        text += f"  - concat: [{', '.join(f'n{i}' for i in range(count))}]\n"
        begun = time.process_time()
        library.load(text).infer()
        return time.process_time() - begun

    gc.disable()  # the command searches for garbage seldom
    try:
        assert min(seconds(20_000) for _ in range(3)) < 6 * min(seconds(5_000) for _ in range(3))
    finally:
        gc.enable()


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = shapecalc("summary", tmp_path / "none.yaml")
    assert (missing.status, " ".join(missing.err.split())) == (2, f"there is no file {tmp_path / 'none.yaml'}")
    folder = shapecalc("summary", tmp_path)
    assert (folder.status, " ".join(folder.err.split())) == (2, f"{tmp_path} is a directory, not a file")
    file = tmp_path / "secret.yaml"
    file.write_text(HEAD)

    def refuse(path: Any, *arguments: Any, **rest: Any) -> Any:  # root may read everything
        if str(path) == str(file):
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **rest)

    opened = os.open
    monkeypatch.setattr(os, "open", refuse)
    ran = run("summary", file)
    assert (ran.status, " ".join(ran.err.split())) == (2, f"{file} may not be read: permission denied")


@pytest.mark.slow
def test_devices_and_unopened_pipes_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    monkeypatch.setattr(locate, "_SECONDS_FOR_A_WRITER", 0.2)
    ran = run("check", pipe)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"nothing is written to the pipe {pipe}")
    for device in ("/dev/zero", "/dev/null"):
        ran = run("summary", device)
        assert (ran.status, ran.err.splitlines()[0]) == (2, f"{device} is neither a file nor a pipe")
    connection = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    connection.bind("net.sock")
    assert run("summary", "net.sock").status == 2
    connection.close()


@pytest.mark.slow
def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)

    def write() -> None:
        with open(pipe, "w") as stream:
            time.sleep(0.3)
            stream.write(f"{HEAD}  - linear: 8\n")

    writer = threading.Thread(target=write)
    writer.start()
    ran = run("check", pipe)
    writer.join()
    assert (ran.status, ran.out) == (0, f"ok     {pipe}: pipe, 72 parameters, no expectations\n")
    ended = subprocess.run(
        ["bash", "-c", '"$@" <(sleep 0.3; printf "input: 8\nlayers: [linear: 8]\n")', "bash", *COMMAND, "check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert "72 parameters" in ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_unwritable_output(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [*COMMAND, "summary", "alexnet"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (2, b"the output cannot be written: No space left on device\n")
    to_file = shapecalc("summary", "alexnet", "--output", tmp_path / "no" / "file")
    assert (to_file.status, to_file.err) == (
        2,
        f"{tmp_path / 'no' / 'file'} cannot be written: No such file or directory\n",
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("args", [("summary", "nowhere"), ("summary", "--bogus")])
def test_unwritable_standard_error(args: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([*COMMAND, *args], stderr=full, check=False).returncode == 2


@pytest.mark.parametrize("closed", some(["<&-", ">&-", "2>&-"], 1))
def test_closed_streams(closed: str) -> None:
    script = f'"$@" {closed}'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, "summary", "-"], capture_output=True, input=b"", check=False
    )
    assert ended.returncode in (1, 2)
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "how",
    [
        ["summary"],
        pytest.param(["summary", "--format", "json"], marks=pytest.mark.slow),
        pytest.param(["summary", "--format", "csv"], marks=pytest.mark.slow),
    ],
)
def test_a_closed_pipe_ends_the_command_quietly(how: list[str], tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text(f"{HEAD}  - linear: 8\n    repeat: 5000\n")
    with subprocess.Popen([*COMMAND, *how, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.7])
def test_an_interrupt_ends_the_command_quietly(seconds: float, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with subprocess.Popen([*COMMAND, "check", str(pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with suppress(BrokenPipeError), open(pipe, "w") as stream:  # which opens when it is being read
            stream.write(f"{HEAD}  - linear: 8\n    repeat: 80000\n")
            if seconds == 0:  # it waits for the end of the file
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)
        if seconds:  # it works on what it read
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err.strip()) == (130, b"", b"")
