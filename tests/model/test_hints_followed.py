"""Hints that insert a layer, wherever the layer that needs it is written: edited as they say, the network is valid."""

from __future__ import annotations

import itertools
import re
import textwrap

import pytest

import shapecalc

# What does not fit, and the size of its input: a layer, as a list of lines.
FAULTS = {
    "channels last": ("100x64", "Conv1d: {in_channels: 64, out_channels: 32, kernel_size: 3}"),
    "a map": ("3x8x8", "Linear: {in_features: 192, out_features: 10}"),
    "a vector": ("12", "LSTM: {input_size: 1, hidden_size: 4}"),
    "a map as steps": ("3x8x8", "LSTM: {input_size: 3, hidden_size: 4}"),
}

JOINED = ["  name: it", "- concat:", "  - - flatten:", "      from: it", "  - - flatten:", "      from: other"]

# Where it is written.
PLACES = {
    "first": ["- ITEM"],
    "after another": ["- relu", "- ITEM"],
    "by the name of the input": ["- relu:", "  name: other", "- ITEM", "  from: input", *JOINED],
    "by the name of a layer": ["- relu:", "  name: first", "- tanh:", "  name: other", "- ITEM", "  from: first", *JOINED],
    "by a key before the kind": ["- relu:", "  name: first", "- tanh:", "  name: other", "- from: first", "  ITEM", *JOINED],
    "at the beginning of a branch": ["- concat:", "  - - ITEM", "    - flatten", "  - - flatten"],
    "within a branch": ["- concat:", "  - - relu", "    - ITEM", "    - flatten", "  - - flatten"],
    "from within a branch": ["- relu:", "  name: first", "- tanh", "- concat:", "  - - ITEM", "      from: first",
                             "    - flatten", "  - - flatten"],
}  # fmt: skip

TWO = {
    "the layer above and a name": ["- add: [[], LONG]"],
    "two names": ["- add:", "  from: [SHORT, LONG]"],
    "branches with names": ["- add: [SHORT, LONG]"],
    "one name": ["- add: LONG"],
    "a branch that is a list": ["- add:", "  - - relu", "    - tanh", "  - LONG"],
    "an empty branch": ["- add:", "  - - relu", "  - []"],
}


def written(size: str, lines: list[str], is_in_block: bool) -> str:
    body = "\n".join(lines)
    if is_in_block:
        return f"input: {size}\nblocks:\n  own:\n{textwrap.indent(body, '  ')}\nlayers:\n- own\n"
    return f"input: {size}\nlayers:\n{body}\n"


def followed(text: str, problem: object) -> str:
    """Return a specification edited as the hint of its problem says."""
    hint, mark = problem.hint, problem.mark
    lines = text.splitlines()
    at = mark.line - 1
    while "- " not in lines[at][: mark.column]:  # the item begins above: `- from: first`
        at -= 1
    before = re.search(r"write (`- .+`) before it(?:, and (\S+) in place of (\w+))?", hint)
    if before:
        items = re.findall(r"`- (.+?)`(?: and |$)", before[1])
        dash = lines[at].rindex("- ", 0, mark.column)
        if before[2]:
            end = next((i for i in range(at + 1, len(lines)) if lines[i].lstrip().startswith("- ")
                        and lines[i].index("- ") <= dash), len(lines))  # fmt: skip
            changed = "\n".join(lines[at:end])
            renamed, times = re.subn(rf"(?<=[\s\[]){re.escape(before[3])}(?=[\],\n]|$)", before[2], changed, count=1)
            assert times, (hint, text)
            lines[at:end] = renamed.split("\n")
        lead, rest = lines[at][:dash], lines[at][dash:]
        lines[at : at + 1] = [f"{lead if not i else ' ' * dash}- {item}" for i, item in enumerate(items)]
        lines.insert(at + len(items), " " * dash + rest)
        return "\n".join(lines)
    branch = re.search(r"write `(.+)` in place of (\S+)$", hint)
    assert branch, (hint, text)
    assert branch[2] in "\n".join(lines[at:]), (hint, text)
    return "\n".join([*lines[:at], *"\n".join(lines[at:]).replace(branch[2], branch[1], 1).split("\n")])


@pytest.mark.parametrize("is_in_block", [False, True])
@pytest.mark.parametrize(("fault", "place"), list(itertools.product(FAULTS, PLACES)))
def test_a_layer_before_another(fault: str, place: str, is_in_block: bool) -> None:
    size, item = FAULTS[fault]
    text = written(size, [line.replace("ITEM", item) for line in PLACES[place]], is_in_block)
    check(text)


@pytest.mark.parametrize("is_in_block", [False, True])
@pytest.mark.parametrize("place", TWO)
def test_a_layer_on_an_input_of_several(place: str, is_in_block: bool) -> None:
    strided = ["- relu:", "  name: long", "- conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}",
               "  name: short"]  # fmt: skip
    lines = [line.replace("LONG", "long").replace("SHORT", "short") for line in TWO[place]]
    if place == "an empty branch":
        strided, lines = ["- relu"], [line.replace("- relu", "- conv: {out_channels: 8, kernel_size: 1, stride: 2}")
                                      for line in lines]  # fmt: skip
    check(written("4x8x8", [*strided, *lines], is_in_block))
    if place != "an empty branch":
        check(written("4x8x8", [*strided[2:], *[line.replace("long", "input") for line in lines]], is_in_block))


def check(text: str) -> None:
    problems = [problem for problem in shapecalc.load(text).problems() if problem.hint]
    assert problems, text
    fixed = followed(text, problems[0])
    assert [str(problem) for problem in shapecalc.load(fixed).problems()] == [], (problems[0].hint, text, fixed)
