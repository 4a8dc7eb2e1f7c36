"""The library used from several threads at once, in processes that have not loaded it yet."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# All threads start with different questions, so that several of them load the lazy modules.
SCRIPT = """
import sys, threading
sys.setswitchinterval(1e-6)
import shapecalc

def table(network):
    from shapecalc.renderers import render
    return render(network.infer())

def listing():
    from shapecalc.layers import KINDS
    return list(KINDS)

def word(name):
    from shapecalc.layers import find_kind
    return find_kind(name).kind

def unknown():
    from shapecalc.errors import ShapecalcError
    try:
        shapecalc.load("input: 8\\nlayers:\\n  - rleu\\n")
    except ShapecalcError as error:
        return str(error)

QUESTIONS = [
    lambda: repr(shapecalc.load("alexnet").infer().total),
    lambda: repr(shapecalc.load("gpt2").infer().total),
    lambda: repr(shapecalc.load("resnet50").explain(["conv1"]).to_dict()),
    lambda: repr(shapecalc.load("unet").infer().to_dict()),
    lambda: shapecalc.in_features("vgg16"),
    lambda: table(shapecalc.load("lenet5")),
    lambda: repr(shapecalc.load("alexnet").memory().to_dict()),
    lambda: repr(shapecalc.load("alexnet").receptive_field().to_dict()),
    lambda: repr(shapecalc.load("gpt2").speed("h100").to_dict()),
    listing,
    lambda: word("MaxPool2d"),
    unknown,
    lambda: repr(shapecalc.load({"input": [8, 8], "layers": [{"swiglu": {"dim": 8, "hidden_dim": 16}}]}).infer().total),
]
FORMULA = lambda: str(shapecalc.load("lenet5").formula(["H"]).to_dict())

threads, given = int(sys.argv[1]), QUESTIONS + ([FORMULA] if sys.argv[2] == "formula" else [])
answers = [[] for _ in given]
barrier = threading.Barrier(threads)

def ask(index):
    question = given[index % len(given)]
    barrier.wait()
    try:
        answer = question()
    except BaseException as error:
        answer = repr(error)
    answers[index % len(given)].append(str(answer))

started = [threading.Thread(target=ask, args=(index,)) for index in range(threads)]
[thread.start() for thread in started]
[thread.join() for thread in started]
for question, found in zip(given, answers):
    found += [str(question())]  # by one thread, with everything loaded
    assert set(found) == {found[-1]}, found
"""


def ask(threads: int, formula: str = "") -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(threads), formula], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("threads", [8, pytest.param(32, marks=pytest.mark.slow)])
def test_many_threads_agree_with_one(threads):
    ask(threads)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [8, 32])
def test_many_threads_agree_with_one_repeatedly(threads):
    for turn in range(int(os.environ.get("SHAPECALC_TURNS", "8"))):
        ask(threads, "formula" if turn % 4 == 0 else "")


@pytest.mark.slow
def test_reading_leaves_no_reference_cycles():
    """A network is freed with its last reference, without the garbage collector, whose settings are unchanged."""
    script = """
import gc
import shapecalc
from shapecalc.errors import ShapecalcError

HEAD = "input: 8\\nlayers:\\n"
TEXTS = [
    HEAD + "  - linear: 8\\n" * 50,
    HEAD + "".join(f"  - relu:\\n    name: n{i}\\n    from: n{i + 1}\\n" for i in range(50))
    + "  - relu:\\n    name: n50\\n    from: input\\noutputs: n0\\n",
    HEAD + "".join(f"  - {{linear: 8, name: n{i}, share: n50}}\\n" for i in range(50)) + "  - {linear: 8, name: n50}\\n",
    HEAD + "".join(f"  - {{relu: , name: n{i}, from: n{i + 1}, when: false}}\\n" for i in range(50))
    + "  - {relu: , name: n50, from: input}\\n",
    HEAD + "".join(f"  - linaer{i}: 8\\n" for i in range(50)),
    HEAD + "".join(f"  - relu:\\n    from: m{i}\\n" for i in range(50)),
    "input: 8\\nblocks:\\n  b: {args: {x: 3}, layers: [linear: x, add: [input, [linear: x]]]}\\nlayers:\\n"
    + "".join(f"  - b: {i + 1}\\n" for i in range(50)),
    "input: 3x8x8\\nlayers:\\n" + "".join(f"  - conv: {{out_channels: 4, kernel_size: {9 + i}}}\\n" for i in range(9)),
    "input: 16x8\\nlayers:\\n  - transformer_encoder_layer: {d_model: 8, nhead: 2, dim_feedforward: 16}\\n" * 1,
    "input: [3, \\n",
]

def ask(text):
    try:
        shapecalc.load(text).infer()
    except ShapecalcError as error:
        str(error)

for text in TEXTS:
    ask(text)
    before, thresholds = gc.isenabled(), gc.get_threshold()
    gc.collect()
    gc.disable()
    ask(text)
    assert not gc.isenabled()
    left = gc.collect()
    gc.enable()
    assert left == 0, (left, text[:200])
    assert (before, gc.get_threshold()) == (True, thresholds)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
