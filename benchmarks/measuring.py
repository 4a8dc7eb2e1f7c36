"""How the benchmarks measure: whole processes in turn, and the time of the processor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 15
SHAPECALC = [sys.executable, "-c", "from shapecalc.__main__ import main; main()"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

Result = tuple[str, float, float, str]
"""The name of a measurement, its figure, its limit (negative: a minimum), and its unit."""


_STARTER = """
import os, sys, time
start = time.perf_counter()
no_output = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[no_output])
_, status, usage = os.wait4(child, 0)
print(status, time.perf_counter() - start, usage.ru_maxrss)
"""


def process(command: list[str]) -> tuple[float, float]:
    """Return the wall seconds and the peak memory (MiB) of a whole process.

    It is started by a small process: what Linux says of a child's memory begins with that of the one that starts it.
    """
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, *command]
    ran = subprocess.run(starter, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, check=True)
    status, seconds, memory = map(float, ran.stdout.split())
    if status:
        raise SystemExit(f"{command} failed")
    return seconds, memory / 1024


def paired(command: list[str], other: list[str], runs: int = RUNS) -> tuple[float, float]:
    """Return the median of the ratios of time, and the difference of median peak memory in MiB, of two commands."""
    process(command), process(other)
    pairs = [(process(command), process(other)) for _ in range(runs)]
    times = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    memory = [statistics.median(pair[side][1] for pair in pairs) for side in (0, 1)]
    return times[0] / times[1], memory[0] - memory[1]


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def reference() -> None:
    """Do some work of the sort that all of Python does, against which others are compared on any machine."""
    known: dict[tuple[str, str, int], list[int]] = {}
    for i in range(200_000):
        known.setdefault(("node", str(i & 4095), i & 15), []).append(i)


def compared(function: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return the seconds of the processor, and their ratio to those of `reference`: the best of so many, in turn."""
    pairs = [(processor(function), processor(reference)) for _ in range(runs)]
    seconds, other = (min(column) for column in zip(*pairs, strict=True))
    return seconds, seconds / other


def processor(function: Callable[[], object]) -> float:
    """Return the seconds of the processor, which other processes do not slow."""
    start = time.process_time()
    function()
    return time.process_time() - start
