"""Definitions as source: the names of what is in them, the variables of their tensors, the sizes in comments."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.outputs import inner_local
from shapecalc.exporters.source.values import code_of
from shapecalc.exporters.structure.parts import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from shapecalc.exporters.structure.parts import Definition, Item, Local
    from shapecalc.model.report import Report

__all__ = ["FLOW", "SHORTCUT", "BodyText", "ModuleSource", "attributes_of", "filled"]

FLOW, SHORTCUT = "x", "shortcut"


class ModuleSource(NamedTuple):
    """What all definitions of a source have in common.

    `names` are those of their classes or functions, `needed` the outputs of each, both by the identity of the
    definition; `size_of(node, output)` returns the size of a tensor in the framework.
    """

    report: Report
    names: dict[int, str]
    needed: dict[int, list[Local]]
    size_of: Callable[[int, int], Sequence[int]]


class _Tensors(NamedTuple):
    """The variables of a body: those of its inputs, and the one that each item's output is assigned to."""

    inputs: list[str]
    items: list[str]
    keeps_input: bool


class BodyText:
    """The text of a definition, whose inputs may have names."""

    has_an_input: ClassVar[bool] = True
    """Whether a block of parameters and constants alone has an input all the same."""

    def __init__(self, program: ModuleSource, definition: Definition, inputs: Sequence[str] = ()) -> None:
        self.program = program
        self.report = program.report
        self.names = program.names
        self.needed = program.needed
        self.definition = definition
        self.uses: dict[int, set[int]] = {}
        """The items that use each item, or input (negative); one after the last for outputs."""
        self.attributes = attributes_of(definition, self.reserved_attributes)
        names = [FLOW, *[f"x{i}" for i in range(2, len(definition.body.inputs) + 1)]]
        has_none = not (self.has_an_input or definition.body.inputs)
        self.tensors = self._variables([*inputs] or ([] if has_none else names))

    def input_names(self) -> list[str]:
        return [
            FLOW if index == 0 and self.tensors.keeps_input else name for index, name in enumerate(self.tensors.inputs)
        ]

    def parameters(self) -> list[str]:
        """Return the parameters of the definition: those with defaults after the others."""
        found = self.definition.parameters.values()
        required = [one.name for one in found if not one.has_default]
        return required + [f"{one.name}={code_of(one.default)}" for one in found if one.has_default]

    def definition_arguments(self, item: Item) -> list[str]:
        """Return the arguments of the use of a definition."""
        assert item.definition
        parameters = item.definition.parameters
        texts = []
        is_named = False
        for one in sorted(parameters.values(), key=lambda one: one.has_default):
            value = item.arguments[one.name]
            if one.has_default and type(value) is type(one.default) and value == one.default:
                is_named = True
                continue
            is_named = is_named or one.has_default
            texts.append(f"{one.name}={code_of(value)}" if is_named else code_of(value))
        return texts

    @property
    def reserved(self) -> Collection[str]:
        """Names that are none of a variable."""
        return self.reserved_attributes

    @property
    def reserved_attributes(self) -> Collection[str]:
        """Names that are none of an item."""
        return ()

    # Weights that are shared.

    def owner(self, share: tuple[int, int]) -> list[tuple[Definition, int, int]]:
        """Return where the owner of shared weights is, from here inwards: a definition, its item, and which copy.

        Errors: `NoCounterpartError`.
        """
        start, stop = share
        definition = self.definition
        if not definition.body.start <= start < stop <= definition.body.stop:
            raise NoCounterpartError("weights of a layer outside of its block", start)
        path = []
        while True:
            index = next(i for i, one in enumerate(definition.items) if one.part.start <= start < one.part.stop)
            owner = definition.items[index]
            copy, first = divmod(start - owner.part.start, owner.part.length)
            path.append((definition, index, copy))
            if first == 0 and stop - start == owner.part.length:
                return path
            if owner.definition is None:
                raise NoCounterpartError("weights of a part of a block")
            definition = owner.definition
            start, stop = definition.body.start + first, definition.body.start + first + stop - start

    # Tensors.

    def _variables(self, inputs: list[str]) -> _Tensors:
        items, last = self.definition.items, len(self.definition.items)
        uses = self.uses
        for index, item in enumerate(items):
            for local in item.inputs:
                uses.setdefault(local.part, set()).add(index)
        for local in self.needed[id(self.definition)]:
            uses.setdefault(local.part, set()).add(last)
        keeps = inputs[:1] == [FLOW] and not uses.get(-1, set()) <= {0}
        taken = {*inputs, *self.reserved, FLOW, SHORTCUT}
        names = []
        for index in range(last):
            if uses.get(index, set()) <= {index + 1} and not self.is_several(items[index]):
                names.append(FLOW)
                continue
            name = stem = self.attributes[index]
            while name in taken:
                name = f"{stem}_"
                stem = name
            taken.add(name)
            names.append(name)
        if keeps:
            inputs = [SHORTCUT, *inputs[1:]]
        return _Tensors(inputs, names, keeps)

    def is_several(self, item: Item) -> bool:
        """Return whether the output of an item is several tensors."""
        if item.definition:
            return len(self.needed[id(item.definition)]) > 1
        return self.output_count(item) > 1

    def output_count(self, item: Item) -> int:
        """Return how many tensors the operation of an item outputs."""
        return len(self.report.rows[item.part.stop - 1].sizing.outputs)

    def tensor(self, local: Local) -> str:
        """Return the expression of a tensor."""
        if local.part < 0:
            return self.tensors.inputs[-1 - local.part]
        item, name = self.definition.items[local.part], self.tensors.items[local.part]
        if item.definition:
            outputs = self.needed[id(item.definition)]
            if len(outputs) == 1:
                return name
            return f"{name}[{outputs.index(inner_local(item.definition, local.back, local.output))}]"
        return f"{name}[{local.output}]" if self.is_several(item) else name

    def size(self, item: Item) -> str:
        """Return the comment with the sizes of the outputs of an item."""
        if item.definition:
            outputs = [self._node_size(item, local) for local in self.needed[id(item.definition)]]
        else:
            outputs = [self._size_text(item.part.stop - 1, number) for number in range(self.output_count(item))]
        return f"  # {', '.join(outputs)}"

    def _node_size(self, item: Item, local: Local) -> str:
        assert item.definition
        inner = item.definition.items[local.part] if local.part >= 0 else None
        assert inner
        node = item.part.stop - 1 - (item.definition.body.stop - 1 - (inner.part.stop - 1 - local.back))
        return self._size_text(node, local.output)

    def _size_text(self, node: int, output: int) -> str:
        return "×".join(map(str, self.program.size_of(node, output))) or "scalar"


def filled(forward: str, arguments: Mapping[str, Any], attribute: str, inputs: Sequence[str], prefix: str = "") -> str:
    """Return the expression `forward` with its inputs, arguments and module in it; variables have the prefix."""

    def fill(found: re.Match[str]) -> str:
        word = found[1]
        if word == "m":
            return attribute
        if word == "*":
            return ", ".join(inputs)
        if word.isdigit():
            return inputs[int(word)]
        value = arguments[word.lstrip("*")]
        if word[0] != "*":
            return code_of(value, prefix)
        if isinstance(value, Variable):
            return f"*{code_of(value, 'self.')}"
        return ", ".join([code_of(one, prefix) for one in value])

    return re.sub(r"\{(m|\*|\d+|\*?[a-z_]\w*)\}", fill, forward)


def attributes_of(definition: Definition, reserved: Iterable[str] = ()) -> list[str]:
    """Return the names of items: theirs, or their kinds with a number."""
    taken = {FLOW, *reserved, *definition.parameters}
    found = []
    for item in definition.items:
        name = _python_name(item)
        number = 1
        own = name
        while own in taken or iskeyword(own):
            number += 1
            own = f"{name}_{number}" if name[-1].isdigit() else f"{name}{number}"
        taken.add(own)
        found.append(own)
    return found


def _python_name(item: Item) -> str:
    """Return the name of an item as one of Python; of what it is, where it has none or a number."""
    name = re.sub(r"\W+", "_", (item.names or [""])[0], flags=re.ASCII).strip("_").lower()
    if item.repeat != 1:
        name = re.sub(r"_?\d+$", "", name)
    if name and not name[0].isdigit():
        return name
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", item.word).lower()
    return f"{word}_{name}".rstrip("_")
