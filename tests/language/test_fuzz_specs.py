"""Fuzzing: bundled specifications with mutations, run by the commands; an error of ours, or an answer.

The slow test runs SHAPECALC_FUZZ_CASES (1,000) of them, which take 12 s, from SHAPECALC_FUZZ_SEED (0).
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from running import Ran, run
from searching import examples

from shapecalc.language.files import bundled_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(bundled_folder()).glob("*.yaml"))}
NAMES = sorted(TEXTS)
LINES = [line for text in TEXTS.values() for line in text.split("\n") if line.strip()]
TOKENS = """
0 -1 1 2 3 7 64 1.5 -0.5 .nan .inf 1000000000000 99999999999999999999 10**9 9**9**9 1//0 yes no true false null ~ ''
'3' "a b" [] {} [1] [1,2] [[1,2]] {a: 1} [a: 1] * *a &a !a !!int | > - -- ? : , # % @ ` ( ) + i input input[1] relu conv
fc add concat split batch_norm name from repeat for when share frozen layers blocks args vars expect output outputs
variants use required same valid channels 3x224x224 224x224x3 1x1 x × ½ é 日本 \t \\ \x00 \x07 \ufeff planes width depth
""".split(" ")
TOKENS = [token.strip("\n") for part in TOKENS for token in part.split("\n")]
EXTREMES = ["0", "-1", "1", "2", "3", "4", "8", "64", "96", "255", "1000000007", "1000000000000", "9" * 18, "9" * 45, "9" * 5000, "1e9", "1e999", "0.1",
            "-0", "007", "0x10", "1_000", "²", "٣", "+3", "10**18", "1/3"]  # fmt: skip
VALUES: list[Any] = [None, True, 0, -1, 10**12, 1.5, float("nan"), "", "x", "i", "3x4", "input", "1 + 1", [], {}, [[]], [1, [2, 3]],
                     {"relu": None}, [{"conv": {}}], {"repeat": 3}, "a" * 500, [0] * 70, {"layers": []}]  # fmt: skip

COMMANDS = [
    ["summary"], ["summary"], ["summary", "--format", "json"], ["summary", "--format", "csv", "--depth", "1"],
    ["summary", "--input", "3x224x224", "--layout", "chw"], ["check"], ["check", "--format", "json"],
    ["check", "--format", "github"], ["explain"], ["explain", "--format", "markdown"], ["memory"],
    ["memory", "--training", "--optimizer", "adam"], ["memory", "--layers"], ["rf"], ["rf", "--format", "json"],
]  # fmt: skip
FORMULAS = [["formula"], ["formula", "-s", "H"], ["sizes"]]  # a second or so each


def mutated(text: str, rng: random.Random) -> str:
    """Return the text with one more mutation."""
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(14)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(at, lines[other])
    elif how == 2:
        lines[at] = lines[other]
    elif how == 3:
        lines[at], lines[other] = lines[other], lines[at]
    elif how == 4:
        lines[at] = " " * rng.randint(0, 8) + lines[at].lstrip()
    elif how == 5:
        lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
    elif how == 6:
        place = rng.randint(0, len(lines[at]))
        lines[at] = lines[at][:place] + rng.choice(TOKENS) + lines[at][place:]
    elif how == 7:  # from another specification
        line = rng.choice(LINES)
        indent = len(lines[at]) - len(lines[at].lstrip())
        lines.insert(at, " " * indent + line.lstrip() if rng.random() < 0.7 else line)
    elif how in (8, 9, 10):
        numbers = list(re.finditer(r"\d+", text))
        if numbers:
            found = rng.choice(numbers)
            return text[: found.start()] + rng.choice(EXTREMES) + text[found.end() :]
    else:
        words = lines[at].split(" ")
        word = rng.randrange(len(words))
        if how == 11:
            words[word] = rng.choice(lines[other].split(" "))
        else:
            ending = words[word][-1:] if words[word][-1:] in ",}]:" else ""
            words[word] = rng.choice(TOKENS) + ending
        lines[at] = " ".join(words)
    return "\n".join(lines)


def spoiled(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with some of them changed, deleted or inserted."""
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(spoilt) + 1)
        spoilt[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return bytes(spoilt)


def restructured(text: str, rng: random.Random) -> str:
    """Return, as JSON, the values of a specification with one of them replaced, deleted or wrapped."""
    tree = yaml.safe_load(text)
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            keys = list(value if isinstance(value, dict) else range(len(value)))
            places += [(value, key) for key in keys]
            waiting += [value[key] for key in keys]
    for _ in range(rng.choice([1, 1, 2])):
        holder, key = rng.choice(places)
        how = rng.randrange(6)
        if (isinstance(holder, dict) and key not in holder) or (isinstance(holder, list) and key >= len(holder)):
            continue
        if how == 0:
            del holder[key]
        elif how == 1:
            holder[key] = [holder[key]]
        elif how == 2:
            holder[key] = {rng.choice(["layers", "relu", "a", "from", "repeat", "when"]): holder[key]}
        elif how == 3 and isinstance(holder, list):
            holder.insert(key, holder[rng.randrange(len(holder))])
        elif how == 4:
            donor, at = rng.choice(places)
            if (at in donor) if isinstance(donor, dict) else at < len(donor):
                holder[key] = json.loads(json.dumps(donor[at]))
        else:
            holder[key] = rng.choice(VALUES)
    return json.dumps(tree)


def case_of(seed: int, *, formulas: bool) -> tuple[bytes, list[str]]:
    """Return the file and the command of a seed."""
    rng = random.Random(seed)
    text = TEXTS[rng.choice(NAMES)]
    how = rng.randrange(10)
    if how == 0:
        data = spoiled(text.encode(), rng)
    elif how in (1, 2):
        data = restructured(text, rng).encode()
    else:
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            text = mutated(text, rng)
        data = text.encode("utf-8", "surrogatepass")
    return data, rng.choice(COMMANDS + (FORMULAS if formulas else []))


@contextmanager
def limited(seconds: int, words: str) -> Iterator[None]:
    """Fail what needs more processor time than that."""

    def stop(*_: object) -> None:
        raise AssertionError(f"more than {seconds} s: {words}")

    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def answer(seed: int, *, formulas: bool = False) -> Ran:
    """Return the result of the command of a seed on its file, and check the law."""
    data, words = case_of(seed, formulas=formulas)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.yaml"
        file.write_bytes(data)
        command = [words[0], file, *words[1:]]
        try:
            with limited(20, f"seed {seed}: {' '.join(words)}"):
                ran = run(*command)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {' '.join(words)}: {error!r}") from error
    assert ran.status in (0, 1, 2), (seed, words, ran)
    assert "Traceback" not in ran.err, (seed, words, ran)
    assert len(ran.err) < 200_000, (seed, words)
    errors = [part for part in ran.err.split("\n\n") if part.strip() and ": warning: " not in part.splitlines()[0]]
    if words[0] == "sizes" and ran.status == 1 and not errors:  # that no size is legal is an answer
        assert "none up to" in ran.out, (seed, words, ran)
    else:
        assert (ran.status == 0) == (not errors) or words[0] == "check", (seed, words, ran)
    return ran


@examples(1)
@given(seed=st.integers(0, 2**32))
def test_mutated_specifications_never_raise_a_traceback(seed: int) -> None:
    answer(seed)


@pytest.mark.slow
def test_many_mutated_specifications_never_raise_a_traceback() -> None:
    seeds = random.Random(os.environ.get("SHAPECALC_FUZZ_SEED", "0"))
    for _ in range(int(os.environ.get("SHAPECALC_FUZZ_CASES", "1000"))):
        answer(seeds.randrange(2**32), formulas=True)


@pytest.mark.slow
def test_some_mutations_are_errors_and_some_are_not() -> None:
    statuses = [answer(seed).status for seed in range(40)]
    assert 3 < statuses.count(0) < 20 < statuses.count(1)


if __name__ == "__main__":  # python tests/language/test_fuzz_specs.py SEED writes the file of a seed
    sys.stdout.buffer.write(case_of(int(sys.argv[1]), formulas=len(sys.argv) > 2)[0])
