"""The pages of the layer kinds: one for each family, and a list of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import shapecalc
from shapecalc.questions.explain.kinds import families, kind_of
from shapecalc.renderers.answers.kinds import draw_markdown
from shapecalc.renderers.explanations.markdown import markdown_doc

if TYPE_CHECKING:
    from shapecalc.layers.base.layer import Layer

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
            drawing = picture(cls)
            if drawing:
                found[f"kinds/{cls.kind}.svg"] = drawing
                pages += [f"![The feature maps of the first example of {cls.kind}, to scale]({cls.kind}.svg)", ""]
        found[f"kinds/{family}.md"] = "\n".join(pages)
        words = ", ".join([f"[`{cls.kind}`](kinds/{family}.md#{cls.kind})" for cls in classes])
        listed += [f"- [{title(doc)}](kinds/{family}.md)  \n  {words}"]
    listed += ["", "```{toctree}", ":hidden:", "", *[f"kinds/{family}" for family in families()], "```", ""]
    found["kinds.md"] = "\n".join(listed)
    return found


def title(doc: str) -> str:
    """Return the title of the page of a family: how its description begins."""
    return _TITLE_ENDS.split(doc)[0]


def picture(cls: type[Layer]) -> str:
    """Return the picture of the first example of a kind, where it changes the size of a feature map; else nothing."""
    example = cls.examples[0] if cls.examples else None
    if example is None or not isinstance(example.input, tuple) or not isinstance(example.output, tuple):
        return ""
    if len(example.input) < 3 or example.output in ((), example.input):
        return ""
    layer = json.dumps({cls.kind: example.arguments})
    size = "x".join(map(str, example.input))
    text = f"name: {cls.kind}\nlayout: {example.layout}\ninput: {size}\nlayers: [{layer}]\n"
    return str(shapecalc.load(text).infer().draw("volumes").svg)
