"""The worked examples of kinds as commands to try."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.escaping import json_text
from shapecalc.layers.base.arguments import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.layers.base.layer import Example, Layer

__all__ = ["as_yaml", "draw_examples_to_try", "example_command", "example_lines"]

_WIDTH = 76
"""The width of a command to try, which fits any terminal."""


def draw_examples_to_try(cls: type[Layer]) -> str:
    """Return the end of the page of a kind: the command that computes its first example."""
    return "\n".join(["\n\ntry it", *[f"  {line}" for line in example_lines(cls)]]) if cls.examples else ""


def example_lines(cls: type[Layer]) -> list[str]:
    """Return the command that computes the first example of a kind, in lines that a shell reads as one."""
    if not cls.examples:
        return []
    first, *options = example_command(cls, cls.examples[0]).split(" --")
    lines = [first]
    for option in options:
        longer = f"{lines[-1]} --{option}"
        if len(longer) + 2 > _WIDTH:
            lines[-1] += " \\"
            lines.append(f"    --{option}")
        else:
            lines[-1] = longer
    return lines


def example_command(cls: type[Layer], example: Example) -> str:
    """Return the command that computes an example of a kind."""
    inputs = example.input if isinstance(example.input, list) else [example.input]
    words = ["shapecalc", "layer", cls.kind]
    words += [f"--input {'x'.join(map(str, sizes))}" for sizes in inputs]
    words += ["--layout hwc"] if example.layout == "HWC" else []
    return " ".join([*words, *_example_options(cls, example)])


def _example_options(cls: type[Layer], example: Example) -> Iterable[str]:
    arguments = cls.argument_names()
    for word, value in example.arguments.items():
        option = word.replace("_", "-")
        if isinstance(cls.arguments[arguments[word]], Flag):
            yield f"--{option}" if value else f"--no-{option}"
        elif cls.arguments[arguments[word]].is_layer:
            yield f"--{option} '{as_yaml(value)[1:-1]}'"
        elif isinstance(value, dict):
            yield from (f"--{option} {name}={_spelled(item)}" for name, item in value.items())
        else:
            yield f"--{option} {_spelled(value)}"


def as_yaml(value: Any) -> str:
    """Return plain data as a specification has it, in one line."""
    return re.sub(r'"([A-Za-z_]\w*)"', r"\1", json_text(value))


def _spelled(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "x".join([":".join(map(str, item)) if isinstance(item, (list, tuple)) else
                         "null" if item is None else str(item) for item in value])  # fmt: skip
    return f"'{value}'" if isinstance(value, str) and not value.isalnum() else str(value)
