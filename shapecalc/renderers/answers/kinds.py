"""The kinds of layer as a list, and one kind as a page: its arguments, formulas and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.escaping import json_text, markdown
from shapecalc.layers.base.arguments import REQUIRED
from shapecalc.questions.explain.kinds import arguments_of, axes_of, examples_of, families, inputs_of
from shapecalc.renderers.answers.examples import as_yaml
from shapecalc.renderers.blocks import Code, Items, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.drawing import TableLine
from shapecalc.renderers.explanations.markdown import markdown_doc, markdown_list
from shapecalc.renderers.explanations.text import text_lines
from shapecalc.text.cells import PROSE, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.questions.explain.kinds import Kind
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_families", "draw_html", "draw_json", "draw_markdown", "draw_text"]

VERSION = 1


def draw_families(width: int | None = None) -> str:
    """Return the list of kinds, family by family, with a line for each."""
    width = width or PROSE
    lines = []
    for doc, kinds in families().values():
        lines += [*wrap(doc, width)]
        room = max([len(cls.kind) for cls in kinds])
        for cls in kinds:
            first, *rest = wrap(cls.summary(), max(width - room - 4, 20))
            lines += [f"  {cls.kind:{room}}  {first}", *[" " * (room + 4) + part for part in rest]]
        lines.append("")
    return "\n".join([*lines, "`shapecalc layers KIND` shows the arguments, formulas and examples of a kind."])


def draw_text(kind: Kind, width: int | None = None) -> str:
    """Return the page of a kind as text."""
    width = min(max(width or PROSE, 40), PROSE)
    lines = [kind.name, "─" * width]
    for paragraph in kind.doc.split("\n\n"):
        lines += [*_indented(" ".join(paragraph.split()), width), ""]
    facts = [("also", ", ".join(kind.also)), ("family", kind.family), ("inputs", inputs_of(kind))]
    for label, words in [*facts, ("axes", axes_of(kind))]:
        lines += _indented(words, width, 12, f"  {label}") if words else []
    if kind.arguments:
        lines += ["", "arguments"]
        room = max([len(argument.name) for argument in kind.arguments])
        signs = max([len(argument.symbol) for argument in kind.arguments])
        for argument in kind.arguments:
            start = f"  {argument.name:{room}}  {argument.symbol:{signs}}".rstrip()
            indent = room + signs + (6 if signs else 4)
            lines += _indented(argument.doc, width, indent, start)
            lines += _indented(_facts(argument), width, indent)
    if kind.rules:
        lines += ["", "formulas", *_indented(_rules_heading(kind), width), *text_lines(kind.rules, width)]
    if kind.layers:
        lines += ["", "expands to the layers", *[f"  {line}" for line in kind.layers.splitlines()]]
    lines += ["", "examples"] if kind.examples else []
    for written, result, source in _examples(kind):
        lines += [*_indented(written, width), *_indented(result, width, 6), *_indented(f"({source})", width, 6)]
    return "\n".join(lines)


def draw_markdown(kind: Kind) -> str:
    """Return the page of a kind as Markdown."""
    lines = [f"### `{kind.name}`", ""]
    for paragraph in kind.doc.split("\n\n"):
        lines += [markdown_doc(" ".join(paragraph.split())), ""]
    lines += [f"Also: {', '.join([f'`{word}`' for word in kind.also])}.", ""] if kind.also else []
    for sentence in _on_inputs(kind):
        lines += [sentence, ""]
    if kind.arguments:
        lines += ["| argument | symbol | meaning | value | default | also |", "|---|---|---|---|---|---|"]
        lines += [_row(argument) for argument in kind.arguments]
        lines.append("")
    if kind.rules:
        lines += [f"Formulas: {markdown(_rules_heading(kind))}.", "", *markdown_list(kind.rules), ""]
    lines += ["It expands to the layers:", "", "```yaml", kind.layers.rstrip(), "```", ""] if kind.layers else []
    lines += ["Examples:", ""] if kind.examples else []
    for written, result, source in _examples(kind):
        lines.append(f"- `{written}`: {markdown(result)} ({markdown(source)})")
    return "\n".join(lines)


def draw_html(kind: Kind) -> str:
    """Return the page of a kind as a fragment of HTML."""
    blocks: list[Block] = [Title(kind.name)]
    blocks += [Paragraph(" ".join(paragraph.split())) for paragraph in kind.doc.split("\n\n")]
    blocks += [Paragraph(f"Also: {', '.join(kind.also)}.")] if kind.also else []
    blocks += map(Paragraph, _on_inputs(kind))
    if kind.arguments:
        lines = [
            TableLine((one.name, one.symbol, one.doc, one.expected, _default(one), ", ".join(one.also)))
            for one in kind.arguments
        ]
        blocks.append(Table(("argument", "symbol", "meaning", "value", "default", "also"), lines))
    if kind.rules:
        blocks += [Paragraph(f"Formulas: {_rules_heading(kind)}."), Code(text_lines(kind.rules, PROSE))]
    blocks += [Code(kind.layers.rstrip().split("\n"), "yaml")] if kind.layers else []
    examples = [f"{written}: {result} ({source})" for written, result, source in _examples(kind)]
    return draw_blocks([*blocks, *([Items(examples)] if examples else [])], "html")


def draw_json(kinds: Sequence[Kind]) -> str:
    """Return kinds as JSON, with a line for each."""
    entries = [f"    {json_text(_entry(kind))}" for kind in kinds]
    return f'{{\n  "version": {VERSION},\n  "kinds": [\n' + ",\n".join(entries) + "\n  ]\n}"


def _entry(kind: Kind) -> dict[str, Any]:
    rules: list[dict[str, str]] = []
    for line in kind.rules:
        written = text_lines([line._replace(label="")], 10_000)[0].strip()
        rules.append({"label": line.label or rules[-1]["label"], "rule": written})
    return {
        "kind": kind.name,
        "family": kind.family,
        "summary": kind.summary,
        "doc": kind.doc,
        "also": list(kind.also),
        "inputs": list(kind.inputs),
        **({"spatial_axes": list(kind.ranks)} if kind.ranks else {}),
        "arguments": arguments_of(kind),
        "rules": rules,
        **({"layers": kind.layers} if kind.layers else {}),
        "examples": examples_of(kind),
    }


def _on_inputs(kind: Kind) -> list[str]:
    """Return sentences on the inputs of a kind: how many, if not one, and their axes."""
    numbers = [] if kind.inputs == (1, 1) else [f"Inputs: {inputs_of(kind)}."]
    return [*numbers, f"Axes of the input: {axes_of(kind)}."] if kind.ranks else numbers


def _row(argument: Argument) -> str:
    also = ", ".join([f"`{word}`" for word in argument.also])
    expected = markdown(argument.expected)
    cells = (f"`{argument.name}`", markdown(argument.symbol), markdown(argument.doc), expected,
             _default(argument), also)  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _default(argument: Argument) -> str:
    if argument.default is REQUIRED:
        return "required"
    if argument.default_from:
        return f"as {argument.default_from}"
    if argument.default is None:
        return "none"
    return str(argument.default).lower() if isinstance(argument.default, bool) else str(argument.default)


def _facts(argument: Argument) -> str:
    """Return the values of an argument, its default, and its names in other libraries."""
    default = _default(argument)
    default = {"required": "required", "none": "not set by default"}.get(default, f"default {default}")
    also = f"; also {', '.join(argument.also)}" if argument.also else ""
    return f"{argument.expected}; {default}{also}"


def _rules_heading(kind: Kind) -> str:
    letters = ", ".join([f"{letter} {meaning}" for letter, meaning in kind.letters.items()])
    numbered = "" if kind.inputs[1] == 1 else "several inputs are numbered; "
    return f"{letters}; {numbered}shown for an input like that of the first example"


def _examples(kind: Kind) -> Iterator[tuple[str, str, str]]:
    """Yield each example: its specification, its result, and the source of the figures."""
    for entry in examples_of(kind):
        arguments = ", ".join([f"{name}: {_spelled(value)}" for name, value in entry["arguments"].items()])
        written = f"{kind.name}: {{{arguments}}}" if arguments else kind.name
        inputs = ", ".join([show_size(sizes) for sizes in entry["inputs"]])
        outputs = ", ".join([show_size(sizes) for sizes in entry["outputs"]])
        counts = [f"{entry[what]:,} {word}" for what, word in _COUNTS if entry[what]]
        result = f"{inputs} → {outputs}" if inputs else outputs
        layout = " (HWC)" if entry["layout"] == "HWC" else ""
        yield written, "; ".join([result + layout, *counts]), entry["source"]


_COUNTS = (("params", "params"), ("buffers", "buffers"), ("macs", "MACs"))


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value
    return as_yaml(value) if isinstance(value, dict) else json_text(value)


def _indented(text: str, width: int, indent: int = 2, start: str = "") -> list[str]:
    """Return a text wrapped after an indent, its first line after `start`."""
    parts = wrap(text, max(width - indent, 20))
    return [f"{start:{indent}}{part}" if i == 0 else " " * indent + part for i, part in enumerate(parts)]
