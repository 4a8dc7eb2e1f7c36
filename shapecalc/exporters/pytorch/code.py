"""Definitions as classes: a constructor with the modules, and a readable `forward`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.arguments import UNCOUNTED, construct
from shapecalc.exporters.pytorch.helpers import HELPERS
from shapecalc.exporters.pytorch.sequences import LAST_STEP
from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.bodies import FLOW, SHORTCUT, BodyText, attributes_of, filled
from shapecalc.exporters.source.values import code_of
from shapecalc.exporters.structure.parts import Variable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from shapecalc.exporters.source.bodies import ModuleSource
    from shapecalc.exporters.structure.parts import Definition, Item
    from shapecalc.exporters.ties import Tie

__all__ = ["RESERVED", "ClassText"]

_WIDTH = 116
_OF_MODULES = frozenset({
    "self", "forward", "training", "t_destination", "add_module", "apply", "bfloat16", "buffers",
    "call_super_init", "children", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr",
    "float", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu",
    "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
    "named_parameters", "parameters", "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
    "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train", "type", "xpu",
    "zero_grad",
})  # fmt: skip
"""What every module has, in small letters: no names of those within it."""
RESERVED = frozenset(
    {"self", "torch", "F", "nn", "range", "len", "float", "zip", "layer", "parametrizations", *HELPERS}
)
"""What code within `forward` may use: no names of variables."""


class ClassText(BodyText):
    """The class of a definition; that of the network makes the ties between weights of its modules, by their layers."""

    def __init__(
        self, program: ModuleSource, definition: Definition, inputs: Sequence[str] = (),
        ties: Mapping[int, Mapping[str, Tie]] = {},
    ) -> None:  # fmt: skip
        self.ties = ties
        super().__init__(program, definition, inputs)

    has_an_input = False

    @property
    def reserved_attributes(self) -> Collection[str]:
        return _OF_MODULES

    @property
    def reserved(self) -> Collection[str]:
        return RESERVED

    def output_count(self, item: Item) -> int:
        """Return how many tensors an item outputs: a recurrent layer of which the last step is used, that alone."""
        return 1 if item.kind.endswith(LAST_STEP) else super().output_count(item)

    def lines(self, doc: str) -> Iterator[str]:
        """Yield the lines of the class."""
        yield f"class {self.names[id(self.definition)]}(nn.Module):"
        if doc:
            yield f'    """{doc}"""'
            yield ""
        inits = [*self._constructor()]
        if inits:
            yield f"    def __init__({', '.join(['self', *self.parameters()])}):"
            yield "        super().__init__()"
            yield from inits
            yield ""
        yield f"    def forward({', '.join(['self', *self.input_names()])}):"
        yield from self._forward()

    def _constructor(self) -> Iterator[str]:
        kept: dict[str, None] = {}
        texts = []
        for index, item in enumerate(self.definition.items):
            name, _, forward = item.kind.partition("|")
            for key, value in item.arguments.items() if not item.definition else ():
                if isinstance(value, Variable) and re.search(rf"\{{\*?{key}\}}", forward):
                    kept[value.name] = None
            is_counted = item.part.share or not (item.definition or name)
            if is_counted and isinstance(item.repeat, Variable):
                kept[item.repeat.name] = None
            if item.definition or name:
                texts += self._module(index, item, name)
        yield from [f"        self.{name} = {name}" for name in kept]
        yield from texts
        for node, tied in self.ties.items():
            for weight, tie in tied.items():
                yield f"        {self._path(node)}.{weight} = {self._path(tie.node)}.{tie.weight}"

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
        return f"{self.names[id(item.definition)]}({', '.join(self.definition_arguments(item))})"

    @staticmethod
    def _is_chain(item: Item) -> bool:
        return bool(item.definition) or item.kind.endswith("|{m}({0})")

    # Weights that are shared.

    def _owner(self, item: Item) -> tuple[str, Item]:
        """Return the module whose weights an item uses, and its item. Errors: `NoCounterpartError`."""
        assert item.part.share
        text = "self"
        for definition, index, copy in self.owner(item.part.share):
            owner = definition.items[index]
            text += f".{attributes_of(definition, self.reserved_attributes)[index]}" + (
                f"[{copy}]" if owner.repeat != 1 else ""
            )
        return text, owner

    def _path(self, node: int) -> str:
        """Return the module of a layer within the network."""
        definition, text = self.definition, "self"
        while True:
            index = next(i for i, one in enumerate(definition.items) if one.part.start <= node < one.part.stop)
            item = definition.items[index]
            copy, first = divmod(node - item.part.start, item.part.length)
            text += f".{attributes_of(definition, self.reserved_attributes)[index]}"
            text += f"[{copy}]" if item.repeat != 1 else ""
            if item.definition is None:
                return text
            definition, node = item.definition, item.definition.body.start + first

    def _tie(self, index: int, item: Item, name: str, owner: tuple[str, Item]) -> list[str]:
        """Return what makes an item use the weights of another: nothing, if that other is used itself."""
        if self._reuses(item, owner[1]):
            return []
        tied = {"nn.Linear", "nn.Embedding"}
        if item.definition or {name, owner[1].kind.partition("|")[0]} - tied or "bias" not in item.arguments:
            raise NoCounterpartError("weights of another kind of layer", item.part.start)
        attribute = f"        self.{self.attributes[index]}"
        return [f"{attribute} = {construct(name, item.arguments)}", f"{attribute}.weight = {owner[0]}.weight"]

    @staticmethod
    def _reuses(item: Item, owner: Item) -> bool:
        """Return whether an item is another call of the same module: a cell without a state, and then with one."""
        one, other = ((each.definition, _module_name(each), _own(each)) for each in (item, owner))
        return one == other

    # The forward pass.

    def _forward(self) -> Iterator[str]:
        if self.tensors.keeps_input:
            yield f"        {SHORTCUT} = {FLOW}"
        for index, item in enumerate(self.definition.items):
            yield from self._statement(index, item)
        outputs = [self.tensor(local) for local in self.needed[id(self.definition)]]
        yield f"        return {', '.join(outputs)}"

    def _statement(self, index: int, item: Item) -> Iterator[str]:
        inputs = [self.tensor(local) for local in item.inputs]
        if index == 0:
            inputs = [FLOW if name == SHORTCUT else name for name in inputs]
        target = self.tensors.items[index]
        attribute = f"self.{self.attributes[index]}"
        if item.part.share and (item.definition or item.kind[0] != "|"):
            path, owner = self._owner(item)
            attribute = path if self._reuses(item, owner) else attribute
        size = self.size(item)
        if item.repeat != 1 and (item.part.share or not self._is_chain(item)):
            yield from self._loop(item, attribute, inputs, target, size)
            return
        text = f"{attribute}({', '.join(inputs)})" if item.repeat != 1 else self._call(item, attribute, inputs)
        if text != target:
            yield f"        {target} = {text}{size}"
        if note := item.arguments.get("note"):
            yield f"        # {note}"

    @staticmethod
    def _call(item: Item, attribute: str, inputs: Sequence[str]) -> str:
        return f"{attribute}({', '.join(inputs)})" if item.definition else _filled(item, attribute, inputs)

    def _loop(self, item: Item, attribute: str, inputs: Sequence[str], target: str, size: str) -> Iterator[str]:
        """Yield the calls of copies that are no chain of modules, or that are all the same module."""
        if inputs != [target]:
            yield f"        {target} = {inputs[0]}"
        if item.part.share or not _module_name(item):
            yield f"        for _ in range({code_of(item.repeat, 'self.')}):"
        else:
            yield f"        for layer in {attribute}:"
            attribute = "layer"
        yield f"            {target} = {self._call(item, attribute, [target])}{size}"


def _own(item: Item) -> dict[str, Any]:
    """Return the arguments of an item, but for which weights of the owner are not counted."""
    return {name: value for name, value in item.arguments.items() if name != UNCOUNTED}


def _module_name(item: Item) -> str:
    return item.kind.partition("|")[0]


def _filled(item: Item, attribute: str, inputs: Sequence[str]) -> str:
    return filled(item.kind.partition("|")[2], item.arguments, attribute, inputs, "self.")


def _broken(begin: str, text: str) -> Iterator[str]:
    """Yield an assignment, on several lines where it is too long for one."""
    head, bracket, rest = text.partition("(")
    if len(begin) + len(text) <= _WIDTH or not bracket or head.startswith("nn.Sequential"):
        yield begin + text
    else:
        yield f"{begin}{head}("
        yield f"            {rest[:-1]}"
        yield "        )"
