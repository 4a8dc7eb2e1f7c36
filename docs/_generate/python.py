"""The page of the public Python names, from their docstrings."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import shapecalc
from shapecalc import testing
from shapecalc.renderers.explanations.markdown import markdown_doc

__all__ = ["files"]


def files() -> dict[str, str]:
    """Return the text of each file by its path."""
    found = {name: getattr(shapecalc, name) for name in shapecalc.__all__}
    classes = {name: one for name, one in found.items() if inspect.isclass(one)}
    errors = {name: one for name, one in classes.items() if issubclass(one, Exception)}
    lines = ["# Python", "",
             "All that `import shapecalc` offers, and `shapecalc.testing`; other names are private and may change.",
             "[Use it on my own nn.Module](../pytorch.md) and [Use it in a notebook](../notebooks.md) show it in use.",
             ""]  # fmt: skip
    for title, names in (("Functions", found.keys() - classes.keys()), ("Classes", classes.keys() - errors.keys()),
                         ("Errors", errors.keys())):  # fmt: skip
        lines += [f"## {title}", ""]
        for name in sorted(names):
            lines += described(name, found[name], "###", not issubclass(errors.get(name, int), Exception))
    lines += ["## In tests", "", "`from shapecalc.testing import assert_matches`", ""]
    lines += described("assert_matches", testing.assert_matches, "###")
    return {"python.md": "\n".join(lines)}


def described(name: str, thing: Any, level: str, has_signature: bool = True) -> list[str]:
    """Return a section: the name, the signature, the docstring, and the members of a class."""
    lines = [f"{level} `{name}`", ""]
    if inspect.isroutine(thing):
        lines += ["```python", f"{name}{signature(thing)}", "```", ""]
    lines += paragraphs(thing)
    if inspect.isclass(thing) and has_signature:
        for member, value in members(thing):
            lines += described(f"{name}.{member}", value, f"{level}#")
    return lines


def signature(function: Any) -> str:
    """Return the signature of a function, with a line for each parameter if it is long."""
    known = inspect.signature(function)
    parts = [_parameter(one) for one in known.parameters.values() if one.name != "self"]
    kinds = [one.kind for one in known.parameters.values() if one.name != "self"]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    line = f"({', '.join(parts)})"
    written = line if len(line) < 60 else "(\n" + "".join(f"    {part},\n" for part in parts) + ")"
    return f"{written} -> {_annotation(known.return_annotation)}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {_annotation(parameter.annotation)}{default}"


def _annotation(written: Any) -> str:
    """Return a type as in the source: of a module without postponed annotations it is evaluated."""
    return written if isinstance(written, str) else inspect.formatannotation(written).replace("typing.", "")


def members(cls: type) -> list[tuple[str, Any]]:
    """Return the methods and properties of a class that users call: others are for modules of shapecalc."""
    found = [(name, inspect.getattr_static(cls, name)) for name in dir(cls) if name in in_use()]
    return [(name, one) for name, one in found if inspect.isroutine(one) or isinstance(one, property)]


@cache
def in_use() -> set[str]:
    """Return the names of members, `infer` of `net.infer()`, that the README and the pages show in use."""
    root = Path(__file__).parents[2]
    texts = [root / "README.md", *root.glob("docs/*.md"), *root.glob("docs/*.ipynb")]
    return {name for text in texts for name in _MEMBER.findall(text.read_text(encoding="utf-8"))}


_MEMBER = re.compile(r"(?<=[\w)\]])\.([a-z]\w*)")


def paragraphs(thing: Any) -> list[str]:
    """Return a docstring as Markdown."""
    lines = []
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        if paragraph.startswith(">>>"):
            lines += ["```python", paragraph, "```", ""]
        else:
            for part in re.split(r"\n(?=Errors: |- )", paragraph):
                lines += [markdown_doc(" ".join(part.split())), ""]
    return lines
