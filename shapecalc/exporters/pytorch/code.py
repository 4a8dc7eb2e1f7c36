"""Definitions as classes: a constructor with the modules, and a readable `forward`."""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.exporters.pytorch.arguments import code_of, construct
from shapecalc.exporters.pytorch.outputs import inner_local
from shapecalc.exporters.pytorch.table import NoCounterpartError, torch_size
from shapecalc.exporters.structure.parts import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.exporters.structure.parts import Definition, Item, Local
    from shapecalc.model.report import Report

__all__ = ["ClassText"]

_WIDTH = 116
_FLOW, _SHORTCUT = "x", "shortcut"


class _Tensors(NamedTuple):
    """The variables of a `forward`: those of its inputs, and the one that each item's output is assigned to."""

    inputs: list[str]
    items: list[str]
    keeps_input: bool


class ClassText:
    """The class of a definition. `needed` are the outputs of all definitions, `names` those of their classes."""

    def __init__(
        self,
        report: Report,
        definition: Definition,
        names: dict[int, str],
        needed: dict[int, list[Local]],
        inputs: Sequence[str] = (),
    ) -> None:
        self.report = report
        self.definition = definition
        self.names = names
        self.needed = needed
        self.attributes = _attributes(definition)
        self.tensors = self._variables(
            [*inputs] or [_FLOW, *[f"x{i}" for i in range(2, len(definition.body.inputs) + 1)]]
        )

    def lines(self, doc: str) -> Iterator[str]:
        """Yield the lines of the class."""
        yield f"class {self.names[id(self.definition)]}(nn.Module):"
        if doc:
            yield f'    """{doc}"""'
            yield ""
        inits = [*self._constructor()]
        if inits:
            yield f"    def __init__({', '.join(['self', *self._parameters()])}):"
            yield "        super().__init__()"
            yield from inits
            yield ""
        yield f"    def forward({', '.join(['self', *self._inputs()])}):"
        yield from self._forward()

    def _inputs(self) -> list[str]:
        return [
            _FLOW if index == 0 and self.tensors.keeps_input else name for index, name in enumerate(self.tensors.inputs)
        ]

    def _parameters(self) -> list[str]:
        """Return the parameters of the constructor: those with defaults after the others."""
        found = self.definition.parameters.values()
        required = [one.name for one in found if not one.has_default]
        return required + [f"{one.name}={code_of(one.default)}" for one in found if one.has_default]

    def _constructor(self) -> Iterator[str]:
        kept: dict[str, None] = {}
        texts = []
        for index, item in enumerate(self.definition.items):
            name, _, forward = item.kind.partition("|")
            for key, value in item.arguments.items() if not item.definition else ():
                if isinstance(value, Variable) and re.search(rf"\{{\*?{key}\}}", forward):
                    kept[value.name] = None
            if not item.definition and not name and isinstance(item.repeat, Variable):
                kept[item.repeat.name] = None
            if item.definition or name:
                texts += self._module(index, item, name)
        yield from [f"        self.{name} = {name}" for name in kept]
        yield from texts

    def _module(self, index: int, item: Item, name: str) -> list[str]:
        if item.part.share and (owner := self._owner(item)):
            return self._tie(index, item, name, owner)
        text = self._constructed(item, name)
        if item.frozen:
            text += ".requires_grad_(False)"
        if item.repeat != 1:
            count = code_of(item.repeat)
            container = "nn.Sequential(*[{}])" if self._is_chain(item) else "nn.ModuleList([{}])"
            text = container.format(f"{text} for _ in range({count})")
        return [*_broken(f"        self.{self.attributes[index]} = ", text)]

    def _constructed(self, item: Item, name: str) -> str:
        if not item.definition:
            return construct(name, item.arguments)
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
        return f"{self.names[id(item.definition)]}({', '.join(texts)})"

    @staticmethod
    def _is_chain(item: Item) -> bool:
        return bool(item.definition) or item.kind.endswith("|{m}({0})")

    # Weights that are shared.

    def _owner(self, item: Item) -> tuple[str, Item]:
        """Return the module whose weights an item uses, and its item. Errors: `NoCounterpartError`."""
        assert item.part.share
        start, stop = item.part.share
        definition, path = self.definition, "self"
        if not definition.body.start <= start < stop <= definition.body.stop:
            raise NoCounterpartError("weights of a layer outside of its block")
        while True:
            attributes = _attributes(definition)
            index = next(i for i, one in enumerate(definition.items) if one.part.start <= start < one.part.stop)
            owner = definition.items[index]
            copy, first = divmod(start - owner.part.start, owner.part.length)
            path += f".{attributes[index]}" + (f"[{copy}]" if owner.repeat != 1 else "")
            if first == 0 and stop - start == owner.part.length:
                return path, owner
            if owner.definition is None:
                raise NoCounterpartError("weights of a part of a block")
            definition = owner.definition
            start, stop = definition.body.start + first, definition.body.start + first + stop - start

    def _tie(self, index: int, item: Item, name: str, owner: tuple[str, Item]) -> list[str]:
        """Return what makes an item use the weights of another: nothing, if that other is used itself."""
        if self._reuses(item, owner[1]):
            return []
        tied = {"nn.Linear", "nn.Embedding"}
        if item.definition or {name, owner[1].kind.partition("|")[0]} - tied or "bias" not in item.arguments:
            raise NoCounterpartError("weights of another kind of layer")
        attribute = f"        self.{self.attributes[index]}"
        return [f"{attribute} = {construct(name, item.arguments)}", f"{attribute}.weight = {owner[0]}.weight"]

    @staticmethod
    def _reuses(item: Item, owner: Item) -> bool:
        return (item.definition, item.kind, item.arguments) == (owner.definition, owner.kind, owner.arguments)

    # The forward pass.

    def _variables(self, inputs: list[str]) -> _Tensors:
        items, last = self.definition.items, len(self.definition.items)
        uses: dict[int, set[int]] = {}
        for index, item in enumerate(items):
            for local in item.inputs:
                uses.setdefault(local.part, set()).add(index)
        for local in self.needed[id(self.definition)]:
            uses.setdefault(local.part, set()).add(last)
        keeps = inputs[0] == _FLOW and not uses.get(-1, set()) <= {0}
        taken = {*inputs, _FLOW, _SHORTCUT, "self"}
        names = []
        for index in range(last):
            if uses.get(index, set()) <= {index + 1} and not self._is_several(items[index]):
                names.append(_FLOW)
                continue
            name = stem = self.attributes[index]
            while name in taken:
                name = f"{stem}_"
                stem = name
            taken.add(name)
            names.append(name)
        if keeps:
            inputs = [_SHORTCUT, *inputs[1:]]
        return _Tensors(inputs, names, keeps)

    def _is_several(self, item: Item) -> bool:
        """Return whether the output of an item is several tensors."""
        if item.definition:
            return len(self.needed[id(item.definition)]) > 1
        return len(self.report.rows[item.part.start].sizing.outputs) > 1

    def _tensor(self, local: Local) -> str:
        if local.part < 0:
            return self.tensors.inputs[-1 - local.part]
        item, name = self.definition.items[local.part], self.tensors.items[local.part]
        if item.definition:
            outputs = self.needed[id(item.definition)]
            if len(outputs) == 1:
                return name
            return f"{name}[{outputs.index(inner_local(item.definition, local.back, local.output))}]"
        return f"{name}[{local.output}]" if self._is_several(item) else name

    def _forward(self) -> Iterator[str]:
        if self.tensors.keeps_input:
            yield f"        {_SHORTCUT} = {_FLOW}"
        for index, item in enumerate(self.definition.items):
            yield from self._statement(index, item)
        outputs = [self._tensor(local) for local in self.needed[id(self.definition)]]
        yield f"        return {', '.join(outputs)}"

    def _statement(self, index: int, item: Item) -> Iterator[str]:
        inputs = [self._tensor(local) for local in item.inputs]
        if index == 0:
            inputs = [_FLOW if name == _SHORTCUT else name for name in inputs]
        target = self.tensors.items[index]
        attribute = f"self.{self.attributes[index]}"
        if item.part.share and (item.definition or item.kind[0] != "|"):
            path, owner = self._owner(item)
            attribute = path if self._reuses(item, owner) else attribute
        size = self._size(item)
        if item.repeat != 1 and not self._is_chain(item):
            name, _, _ = item.kind.partition("|")
            count = code_of(item.repeat, "self.")
            if inputs != [target]:
                yield f"        {target} = {inputs[0]}"
            yield f"        for layer in {attribute}:" if name else f"        for _ in range({count}):"
            yield f"            {target} = {_filled(item, 'layer', [target])}{size}"
            return
        text = f"{attribute}({', '.join(inputs)})" if item.definition else _filled(item, attribute, inputs)
        if item.repeat != 1:
            text = f"{attribute}({', '.join(inputs)})"
        if text != target:
            yield f"        {target} = {text}{size}"

    def _size(self, item: Item) -> str:
        """Return the comment with the sizes of the outputs of an item."""
        if item.definition:
            outputs = [self._node_size(item, local) for local in self.needed[id(item.definition)]]
        else:
            shapes = self.report.rows[item.part.stop - 1].sizing.outputs
            outputs = ["×".join(map(str, torch_size(shape))) or "scalar" for shape in shapes]
        return f"  # {', '.join(outputs)}"

    def _node_size(self, item: Item, local: Local) -> str:
        assert item.definition
        inner = item.definition.items[local.part] if local.part >= 0 else None
        assert inner
        node = item.part.stop - 1 - (item.definition.body.stop - 1 - (inner.part.stop - 1 - local.back))
        return "×".join(map(str, torch_size(self.report.shape_of(node, local.output)))) or "scalar"


def _filled(item: Item, attribute: str, inputs: Sequence[str]) -> str:
    """Return the expression of an item's output."""
    forward = item.kind.partition("|")[2]

    def fill(found: re.Match[str]) -> str:
        word = found[1]
        if word == "m":
            return attribute
        if word == "*":
            return ", ".join(inputs)
        if word.isdigit():
            return inputs[int(word)]
        value = item.arguments[word.lstrip("*")]
        if word[0] != "*":
            return code_of(value, "self.")
        if isinstance(value, Variable):
            return f"*{code_of(value, 'self.')}"
        return ", ".join([code_of(one, "self.") for one in value])

    return re.sub(r"\{(m|\*|\d+|\*?[a-z_]\w*)\}", fill, forward)


def _broken(begin: str, text: str) -> Iterator[str]:
    """Yield an assignment, on several lines where it is too long for one."""
    head, bracket, rest = text.partition("(")
    if len(begin) + len(text) <= _WIDTH or not bracket or head.startswith("nn.Sequential"):
        yield begin + text
    else:
        yield f"{begin}{head}("
        yield f"            {rest[:-1]}"
        yield "        )"


def _attributes(definition: Definition) -> list[str]:
    """Return the names of the modules and tensors of items: theirs, or their kinds with a number."""
    taken = {"self", _FLOW, "forward", "training", *definition.parameters}
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
