"""A layer kind from its declaration: arguments, rules, examples.

The rules are those of the kind's first example, run on traced numbers, with a symbol for every numeric argument, and
flags and words at their defaults.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.arguments import Choice, Flag
from shapecalc.layers.base.layer import Composite, stated_rank
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.base.ranks import ranks_text
from shapecalc.layers.base.shape import HWC, Shape
from shapecalc.questions.explain.leaves import LETTERS
from shapecalc.questions.explain.lines import rule_lines
from shapecalc.questions.explain.working import Working, work

if TYPE_CHECKING:
    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Example, Layer
    from shapecalc.questions.explain.items import ExplanationLine

__all__ = ["Kind", "arguments_of", "axes_of", "examples_of", "families", "inputs_of", "kind_of"]


class Kind(NamedTuple):
    """The description of a kind. A composite has no `rules`, but the `layers` that it expands into."""

    name: str
    family: str
    summary: str
    doc: str
    also: tuple[str, ...]
    inputs: tuple[int, int | None]
    ranks: tuple[int, int | None] | None
    arguments: tuple[Argument, ...]
    rules: tuple[ExplanationLine, ...]
    letters: dict[str, str]
    layers: str
    examples: tuple[Example, ...]


def families() -> dict[str, tuple[str, list[type[Layer]]]]:
    """Return the families: the description of each, and its kinds."""
    found: dict[str, tuple[str, list[type[Layer]]]] = {}
    for cls in KINDS.values():
        doc = sys.modules[cls.__module__].__doc__ or ""
        found.setdefault(cls.family, (doc.strip().partition("\n")[0], []))[1].append(cls)
    return found


def kind_of(cls: type[Layer]) -> Kind:
    """Return the description of a kind."""
    layers = _dedented(cls.layers) if issubclass(cls, Composite) else ""
    working = None if layers or not cls.examples else _example_working(cls, cls.examples[0])
    rules = tuple(rule_lines(working)) if working else ()
    return Kind(
        cls.kind,
        cls.family,
        cls.summary(),
        _dedented(cls.__doc__ or ""),
        cls.also,
        cls.inputs,
        cls.ranks,
        tuple(cls.arguments.values()),
        rules,
        _letters(working) if working else {},
        layers,
        cls.examples,
    )


def _example_working(cls: type[Layer], example: Example) -> Working:
    """Return the rules of a kind: of its first example, with one number for all axes, flags and words at defaults."""
    inputs = example.input if isinstance(example.input, list) else [example.input]
    shapes = [Shape(tuple(sizes), example.layout == HWC, len(sizes) > 2) for sizes in inputs]
    names = cls.argument_names()
    given = {names[word]: value for word, value in example.arguments.items()}
    general = {name: _for_all_axes(cls.arguments[name], value) for name, value in given.items()
               if not isinstance(cls.arguments[name], (Flag, Choice))}  # fmt: skip
    try:
        return work(cls(**general), shapes, general=True)
    except LayerError:
        return work(cls(**given), shapes, general=True)


def _for_all_axes(argument: Argument, value: Any) -> Any:
    if not isinstance(argument, PerAxis) or not isinstance(value, list):
        return value
    first = value[0]
    return first[0] if isinstance(first, list) else first


def _letters(working: Working) -> dict[str, str]:
    """Return the letters of axes in the rules, with their meanings."""
    symbols = [size.symbol for sizes in working.inputs for size in sizes]
    symbols += [quantity.symbol for output in working.outputs for quantity in output]
    used = {symbol[0] for symbol in symbols}
    return {letter: meaning for letter, meaning in LETTERS.items() if letter in used}


def _dedented(text: str) -> str:
    lines = text.strip("\n").rstrip().splitlines()
    depth = min([len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()], default=0)
    return "\n".join([lines[0].strip() if i == 0 and not line.startswith(" " * max(depth, 1)) else line[depth:]
                      for i, line in enumerate(lines)])  # fmt: skip


def inputs_of(kind: Kind) -> str:
    """Return the number of inputs of a kind: `1`, `1 to 3`, `1 or more`."""
    fewest, most = kind.inputs
    return f"{fewest}" if most == fewest else f"{fewest} or more" if most is None else f"{fewest} to {most}"


def axes_of(kind: Kind) -> str:
    """Return how many axes the input has, where it is a feature map: `channels and 1, 2 or 3 spatial axes`."""
    if kind.ranks is None:
        return ""
    stated = any(stated_rank(word) for word in kind.also)
    named = "; as many as a name with 1d, 2d or 3d in it states" if stated else ""
    return f"channels and {ranks_text(kind.ranks)}{named}"


def arguments_of(kind: Kind) -> list[dict[str, Any]]:
    """Return the arguments as the JSON contract has them."""
    return [
        {
            "name": argument.name,
            **({"symbol": argument.symbol} if argument.symbol else {}),
            "doc": argument.doc,
            "expected": argument.expected,
            "required": argument.required,
            **({} if argument.required else {"default": argument.default}),
            **({"default_from": argument.default_from} if argument.default_from else {}),
            "also": list(argument.also),
            "schema": argument.schema(),
        }
        for argument in kind.arguments
    ]


def examples_of(kind: Kind) -> list[dict[str, Any]]:
    """Return the examples as the JSON contract has them: inputs and outputs are lists of sizes."""
    return [
        {
            "arguments": example.arguments,
            "layout": example.layout,
            "inputs": [list(sizes) for sizes in _listed(example.input)],
            "outputs": [list(sizes) for sizes in _listed(example.output)],
            "params": example.params,
            "buffers": example.buffers,
            "macs": example.macs,
            "source": example.source,
        }
        for example in kind.examples
    ]


def _listed(sizes: tuple[int, ...] | list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return sizes if isinstance(sizes, list) else [sizes]
