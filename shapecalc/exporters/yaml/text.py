"""Items of a list of layers as text, in lines that are not too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.structure.parts import Local, Variable
from shapecalc.exporters.yaml.layout import arrange
from shapecalc.exporters.yaml.operations import is_left_out
from shapecalc.exporters.yaml.scope import name_items, preorder
from shapecalc.exporters.yaml.values import UnwritableError, mapping, reference, value_text, word
from shapecalc.layers import find_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.exporters.structure.parts import Definition, Item
    from shapecalc.exporters.yaml.layout import Element
    from shapecalc.exporters.yaml.scope import Names
    from shapecalc.layers.base.layer import Layer

__all__ = ["WIDTH", "DefinitionText"]

WIDTH = 118
_ALONE = (int, float, Variable)
"""The values that need no name, as in `fc: 10`."""


def kind_of(item: Item) -> type[Layer] | None:
    """Return the kind of an item; None for the use of a block."""
    return None if item.definition else find_kind(item.kind)


def is_merge(item: Item) -> bool:
    """Return whether an item is written with branches."""
    cls = kind_of(item)
    return cls is not None and cls.branches


class DefinitionText:
    """The items of one definition as text. `known` has the names of those that it uses, and gets its own.

    Items that are `is_plain` need no name that is only their kind.
    """

    def __init__(
        self,
        definition: Definition,
        inputs: Sequence[str],
        known: dict[int, Names],
        is_plain: Callable[[Item], bool],
    ) -> None:
        self.definition = definition
        self.known = known
        self.elements = arrange(definition.items, is_merge)
        order = [*preorder(self.elements)]
        self.names = known[id(definition)] = name_items(definition, order, inputs, is_plain)
        self.variables = frozenset(definition.parameters)

    def lines(self) -> list[str]:
        """Return the list of layers. Errors: `UnwritableError`."""
        return [*self._list(self.elements, Local(-1))]

    def reference(self, local: Local) -> str:
        """Return a tensor as it is written in `from:` and in lists of branches."""
        return reference(self.names.of(self.definition, local, self.known))

    def _list(self, elements: Sequence[Element], flow: Local) -> Iterator[str]:
        for element in elements:
            yield from self._element(element, flow)
            flow = element.output

    def _element(self, element: Element, flow: Local) -> Iterator[str]:
        item = self.definition.items[element.item]
        own = self._layer_keys(element.item, item)
        arguments = self._arguments(item)
        head = item.definition.name if item.definition else item.kind
        if element.branches:
            if element.source != flow and element.source is not None:
                own["from"] = self.reference(element.source)
            deep = "    " if not arguments else "      "
            yield f"- {head}:" if not arguments else f"- {head}:\n    branches:"
            for branch in element.branches:
                yield from _indented(self._branch(branch, element.source), deep)
            for name, text in arguments.items():
                yield f"    {name}: {text}"
        else:
            yield from self._plain(item, head, arguments, own, flow)
        for key, text in own.items():
            yield f"  {key}: {text}"

    def _branch(self, branch: Any, source: Local | None) -> list[str]:
        """Return a branch of a merge, as an item of the list of them."""
        if isinstance(branch, Local):
            return [f"- {self.reference(branch)}"]
        if not branch:
            return ["- []"]
        assert source is not None
        first, *rest = [line for text in self._list(branch, source) for line in text.split("\n")]
        return [f"- {first}", *[f"  {line}" for line in rest]]

    def _plain(
        self, item: Item, head: str, arguments: dict[str, str], own: dict[str, str], flow: Local
    ) -> Iterator[str]:
        """Yield an item without branches in it, and complete its layer-level keys."""
        inputs = item.inputs
        cls = kind_of(item)
        text = ""
        if not inputs:
            if cls is not None and cls.inputs != (0, 0):
                raise UnwritableError(f"a layer of kind {item.kind} has no input")
        elif inputs != (flow,):
            refs = [self.reference(x) for x in inputs]
            if cls is None or not cls.branches or len(inputs) == 1:
                own["from"] = refs[0] if len(refs) == 1 else f"[{', '.join(refs)}]"
            elif len(inputs) == 2 and inputs[0] == flow and not arguments and "[" not in refs[1]:
                text = refs[1]
            elif arguments:
                arguments = {"branches": f"[{', '.join(refs)}]", **arguments}
            else:
                text = f"[{', '.join(refs)}]"
        yield from _written(head, arguments, text, self._alone(item, arguments), has_keys=bool(own))

    def _arguments(self, item: Item) -> dict[str, str]:
        if item.definition:
            parameters = item.definition.parameters
            return {
                name: value_text(given, self.variables)
                for name, given in item.arguments.items()
                if not (parameters[name].has_default and given == parameters[name].default
                        and type(given) is type(parameters[name].default))
            }  # fmt: skip
        return {
            name: value_text(given, self.variables)
            for name, given in item.arguments.items()
            if not is_left_out(item.kind, item.arguments, name)
        }

    def _alone(self, item: Item, arguments: Mapping[str, str]) -> bool:
        """Return whether the only argument is written without its name, as in `fc: 10`."""
        if len(arguments) != 1:
            return False
        (name,) = arguments
        if item.definition:
            return name == next(iter(item.definition.parameters)) and not arguments[name].startswith("[")
        cls = find_kind(item.kind)
        first = cls.first_argument(item.kind) if cls and not cls.branches else None
        return first is not None and first.name == name and type(item.arguments[name]) in _ALONE

    def _layer_keys(self, index: int, item: Item) -> dict[str, str]:
        own: dict[str, str] = {}
        if self.names.written[index]:
            text = self.names.written[index]
            own["name"] = f'"{text}"' if text.startswith("{") else word(text) if "{" not in text else text
        if item.repeat != 1:
            own["repeat"] = value_text(item.repeat)
        if item.part.share:
            own["share"] = self._owner(*item.part.share)
        if item.frozen:
            own["frozen"] = "true"
        if item.held:
            names = [word(name) for name in sorted(item.held)]
            own["uncounted"] = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        return own

    def _owner(self, start: int, stop: int) -> str:
        """Return the name of the layer or block whose weights a part uses."""
        definition, body = self.definition, self.definition.body
        if not body.start <= start or stop > body.stop:
            raise UnwritableError("weights are shared with a layer outside of the block")
        path = []
        while True:
            names = self.known[id(definition)]
            index = next(i for i, one in enumerate(definition.items) if one.part.start <= start < one.part.stop)
            item = definition.items[index]
            length = item.part.length
            copy, first = divmod(start - item.part.start, length)
            if item.part.count > 1 and not names.copies[index]:
                raise UnwritableError("weights are shared with one of a variable number of copies")
            path.append(names.copies[index][copy] if item.part.count > 1 else names.last[index])
            if first == 0 and stop - start == length:
                return word(".".join(path))
            if item.definition is None:
                raise UnwritableError("weights are shared with a part of a block")
            definition = item.definition
            start, stop = definition.body.start + first, definition.body.start + first + stop - start


def _written(head: str, arguments: Mapping[str, str], text: str, alone: bool, *, has_keys: bool) -> Iterator[str]:
    if alone:
        text = next(iter(arguments.values()))
    elif arguments:
        text = mapping(arguments)
    if not text:
        yield f"- {head}:" if has_keys else f"- {head}"
    elif len(text) + len(head) + 4 <= WIDTH or not arguments or alone:
        yield f"- {head}: {text}"
    else:
        yield f"- {head}:"
        for key, one in arguments.items():
            yield f"    {word(key)}: {one}"


def _indented(lines: Sequence[str], by: str) -> Iterator[str]:
    for text in lines:
        for line in text.split("\n"):
            yield by + line
