"""The pages of the layer kinds: one for each family, and a list of them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

import shapecalc
from shapecalc.cli import cli
from shapecalc.layers.base.layer import Composite
from shapecalc.questions.explain.kinds import families, kind_of
from shapecalc.renderers.answers.examples import as_yaml, example_command, example_lines
from shapecalc.renderers.answers.kinds import draw_markdown
from shapecalc.renderers.explanations.markdown import markdown_doc

if TYPE_CHECKING:
    from shapecalc.layers.base.layer import Example, Layer

__all__ = ["files"]

INTRO = """\
A page for each family; `shapecalc layers KIND` prints what it has on one kind. The names after *Also* are those of
PyTorch, Keras and others; capitals do not matter: `Conv2d`. Formulas come from the code that computes the numbers, run
on symbols. Each example names the source of its figures, and a test checks it."""

_TITLE_ENDS = re.compile(r"[:;.]| \(|, (?:then|and what) ")


def files() -> dict[str, str]:
    """Return the text of each file by its path."""
    found = {}
    listed = ["# Layer kinds", "", INTRO, ""]
    for family, (doc, classes) in families().items():
        pages = [f"# {title(doc)}", "", markdown_doc(doc), ""]
        for cls in classes:
            pages += [draw_markdown(kind_of(cls)).replace("### ", "## ", 1), ""]
            pages += worked_example(cls) if cls.examples else []
            if cls.examples:
                shown, found[f"kinds/{cls.kind}.svg"] = picture(cls)
                pages += [f"As a picture: {shown}.", "", f"![A picture of {cls.kind}]({cls.kind}.svg)", ""]
        found[f"kinds/{family}.md"] = "\n".join(pages)
        words = ", ".join([f"[`{cls.kind}`](kinds/{family}.md#{cls.kind})" for cls in classes])
        listed += [f"- [{title(doc)}](kinds/{family}.md)  \n  {words}"]
    listed += ["", "```{toctree}", ":hidden:", "", *[f"kinds/{family}" for family in families()], "```", ""]
    found["kinds.md"] = "\n".join(listed)
    return found


def title(doc: str) -> str:
    """Return the title of the page of a family: how its description begins."""
    return _TITLE_ENDS.split(doc)[0]


def picture(cls: type[Layer]) -> tuple[str, str]:
    """Return what is on the picture of the first example of a kind, and the picture.

    That of a composite is the graph of its layers; of a kind that changes the size of a map, both maps to scale; of
    any other the graph of the layer.
    """
    report = shapecalc.load(specification(cls, cls.examples[0])).infer()
    if issubclass(cls, Composite):
        return "the layers that it consists of", report.draw("graph", depth="all").svg
    if changes_a_map(cls.examples[0]):
        drawn = report.draw("volumes")
        if sum(mark.key.startswith("front ") for mark in drawn.scene.marks) > 1:
            return "its input and output to scale", drawn.svg
    return "its inputs and outputs with their sizes", report.draw("graph", direction="right").svg


def specification(cls: type[Layer], example: Example) -> dict[str, Any]:
    """Return the specification of a network of one layer, an example of a kind."""
    listed = example.input if isinstance(example.input, list) else [example.input]
    inputs = {f"input{i}" if i > 1 else "input": list(sizes) for i, sizes in enumerate(listed, 1)}
    layer = {cls.kind: example.arguments, **({"from": [*inputs]} if len(inputs) > 1 else {})}
    return {"name": cls.kind, "layout": example.layout, "inputs": inputs, "layers": [layer]}


def worked_example(cls: type[Layer]) -> list[str]:
    """Return the first example of a kind as a specification, and as a command with its output."""
    spec = specification(cls, cls.examples[0])
    (layer,) = spec["layers"]
    written = [
        f"name: {cls.kind}",
        *([f"layout: {spec['layout']}"] if spec["layout"] != "CHW" else []),
        "inputs:" if spec["inputs"] else "inputs: {}",
        *[f"  {name}: {as_yaml(sizes)}" for name, sizes in spec["inputs"].items()],
        "layers:",
        f"  - {cls.kind}: {as_yaml(layer[cls.kind])}" if layer[cls.kind] else f"  - {cls.kind}:",
        *([f"    from: {as_yaml(layer['from'])}"] if "from" in layer else []),
    ]
    options = [] if issubclass(cls, Composite) else ["--explain"]
    words = [*shlex.split(example_command(cls, cls.examples[0]))[1:], *options]
    ran = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    command = "\n".join(example_lines(cls))
    return ["The first example as a specification, and as a command with its output:", "",
            "```yaml", *written, "```", "",
            "```console", " ".join(["$", command, *options]), ran.output.rstrip(), "```", ""]  # fmt: skip


def changes_a_map(example: Example) -> bool:
    """Return whether a feature map is given, and another size is the output."""
    one_each = isinstance(example.input, tuple) and isinstance(example.output, tuple)
    return one_each and len(example.input) > 2 and example.output not in ((), example.input)
