"""An editor's answers on a specification of 500 lines, each after an edit: they take at most 50 ms.

That is on a machine on which reading and inferring the same network takes 20 ms; on any other, an answer takes at most
2.5 times as long as these. `python benchmarks/editor.py` prints the times and exits with 1 above that limit.
"""

import sys
import time

import shapecalc
from shapecalc.editor.analysis import Analysis
from shapecalc.editor.completion import completions
from shapecalc.editor.diagnostics import diagnostics
from shapecalc.editor.hints import hints, lenses
from shapecalc.editor.hover import hover
from shapecalc.editor.navigation import definition, references
from shapecalc.editor.positions import Position

LIMIT = 2.5
TIMES = 7


def text_of(lines, width=16, last="relu"):
    """A network of so many lines: a block, convolutions of several widths, and merges."""
    head = f"""\
input: 3x64x64
vars: {{width: 16}}
blocks:
  cell:
    args: {{channels: required}}
    layers:
    - conv: {{out_channels: channels, kernel_size: 3, padding: 1}}
    - batch_norm
    - relu
layers:
- conv: {{out_channels: {width}, kernel_size: 3, padding: 1}}
  name: first""".splitlines()
    body = []
    while len(head) + len(body) < lines - 4:
        number = len(body)
        conv = f"{{out_channels: {16 + number % 9}, kernel_size: 1}}"
        body += [f"- cell: {{channels: width * {1 + number % 7}}}", f"- conv: {conv}", f"  name: c{number}"]
        body.append(f"- add: [[relu], c{number}]")
    return "\n".join([*head, *body, f"- {last}", ""])


def with_mistakes(text):
    """The text with a brace that is not closed in twelve of its lines."""
    lines = text.splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith("- conv") and number > 15]
    for number in found[:: len(found) // 11]:
        lines[number] = "- conv: {out_channels: 8, kernel_size:"
    return "\n".join([*lines, ""])


ANSWERS = {
    "reading and inference": lambda found: shapecalc.load(found.text.text).infer(),
    "diagnostics": diagnostics,
    "diagnostics of an error": diagnostics,
    "inlay hints": hints,
    "inlay hints of a broken text": hints,
    "inlay hints of a text with twelve mistakes": hints,
    "code lenses": lenses,
    "hover": lambda found: hover(found, Position(100, 3)),
    "completion": lambda found: completions(found, Position(100, 9)),
    "definition": lambda found: definition(found, Position(10, 5)),
    "references": lambda found: references(found, Position(11, 10)),
}
LAST = {"diagnostics of an error": "rleu", "inlay hints of a broken text": "conv: {out_cha"}


def measured():
    """The best time of each answer to a text that has just changed, in seconds of the processor."""
    found = {}
    for name, answer in ANSWERS.items():
        times = []
        for turn in range(TIMES):
            text = text_of(500, 16 + turn, LAST.get(name, "relu"))
            if "twelve" in name:
                text = with_mistakes(text)
            start = time.process_time()
            answer(Analysis(text))
            times.append(time.process_time() - start)
        found[name] = min(times)
    return found


def main():
    text = text_of(500)
    print(f"{text.count(chr(10))} lines, {len(Analysis(text).report.rows)} layers; limit {LIMIT}×")
    found = measured()
    whole = found["reading and inference"]
    for name, seconds in found.items():
        verdict = "" if seconds <= LIMIT * whole else "  TOO SLOW"
        print(f"{1000 * seconds:7.1f} ms {seconds / whole:6.2f}×  {name}{verdict}")
    return max(found.values()) > LIMIT * whole


if __name__ == "__main__":
    sys.exit(main())
