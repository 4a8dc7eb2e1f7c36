"""Definitions as functions, which call layers on tensors: Keras' functional API."""

from __future__ import annotations

import re
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING

from shapecalc.exporters.keras.arguments import construct
from shapecalc.exporters.keras.helpers import HELPERS
from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.bodies import FLOW, SHORTCUT, BodyText, attributes_of, filled
from shapecalc.exporters.source.values import code_of
from shapecalc.exporters.structure.parts import Local

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from shapecalc.exporters.source.bodies import ModuleSource
    from shapecalc.exporters.structure.parts import Definition, Item

__all__ = ["RESERVED", "FunctionText", "LayerNames"]

_WIDTH = 118
_FUSES = re.compile(r"layers\.(Conv\dD(Transpose)?|DepthwiseConv\dD|Dense)\|(.*;)?\{m\}\(\{0\}\)$")
_ACTIVATIONS = {"layers.ReLU": "relu", "layers.Activation": "", "layers.Softmax": "softmax"}
RESERVED = frozenset({"inputs", "name", "i", "layers", "ops", "keras", "range", "rotate", *HELPERS})
"""What a function may use: no names of variables."""
_OF_KERAS = frozenset({
    "activation", "add", "average", "average_pooling", "concatenate", "cropping", "divide", "dropout", "elu",
    "flatten", "gelu", "get_item", "global_average_pooling", "global_max_pooling", "leaky_re_lu", "matmul",
    "max_pooling", "maximum", "mean", "minimum", "multiply", "pad", "permute", "re_lu", "relu", "reshape",
    "resizing", "roll", "sigmoid", "softmax", "split", "square", "stack", "subtract", "sum", "tanh",
    "true_divide", "up_sampling", "zero_padding",
})  # fmt: skip
"""The names that Keras gives to layers without names, followed by a number."""


class LayerNames:
    """Which layers have names: those with weights, and blocks with such in them; none, if two would be the same."""

    def __init__(self, program: ModuleSource, main: Definition) -> None:
        self.weighted = [bool(row.sizing.weight_shapes) or row.buffers > 0 for row in program.report.rows]
        self.are_given = True
        self.main = main
        found = [*self._all(main, "")]
        clashes = any(re.sub(r"(_?[123]d)?(_\d+)?$", "", name) in _OF_KERAS for name in found)
        self.are_given = not clashes and len({*found}) == len(found)

    def has(self, item: Item) -> bool:
        """Return whether an item has a name."""
        return self.are_given and any(self.weighted[item.part.start : item.part.stop])

    def _all(self, definition: Definition, prefix: str) -> Iterator[str]:
        """Yield the names of all layers in a definition whose own name is the prefix."""
        for own, item in zip(attributes_of(definition), definition.items, strict=True):
            if not self.has(item) or (item.part.share and not item.definition):
                continue
            many = item.repeat if isinstance(item.repeat, int) else max(definition.parameters[item.repeat.name].values)
            for number in range(many):
                name = f"{prefix}{own}" + (f"_{number}" if item.repeat != 1 else "")
                if not item.definition:
                    yield name
                elif not item.part.share:
                    yield from self._all(item.definition, f"{name}_")


class FunctionText(BodyText):
    """The function of a definition; that of the network itself makes its inputs and the model."""

    def __init__(
        self, program: ModuleSource, definition: Definition, named: LayerNames, inputs: Sequence[str] = ()
    ) -> None:
        self.named = named
        super().__init__(program, definition, inputs)
        self.is_main = definition is named.main
        self.models = self._owners()
        self.fused = self._fused()

    @property
    def reserved(self) -> Collection[str]:
        return {*RESERVED, *self.names.values()}

    def output_count(self, item: Item) -> int:
        """Return how many tensors an item outputs: a recurrent layer its states only if they are used."""
        return 1 if item.kind.endswith("{m}({0})") else super().output_count(item)

    def has_name(self) -> bool:
        """Return whether the function has a parameter for the name of what it makes."""
        return not self.is_main and any(self.named.has(item) for item in self.definition.items)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the function, without those that make inputs and the model."""
        name = ["name"] if self.has_name() else []
        own = self.parameters()
        required = [one for one in own if "=" not in one]
        parameters = [*self.input_names(), *required, *name, *[one for one in own if "=" in one]]
        yield from _broken(f"def {self.names[id(self.definition)]}({', '.join(parameters)})", "", ":")
        yield from self.body()
        yield f"    return {', '.join(self.outputs())}"

    def body(self) -> Iterator[str]:
        """Yield the statements."""
        if self.tensors.keeps_input:
            yield f"    {SHORTCUT} = {FLOW}"
        for index, item in enumerate(self.definition.items):
            if index + 1 not in self.fused:
                yield from self._statement(index, item)

    def outputs(self) -> list[str]:
        """Return the expressions of the outputs."""
        return [self.tensor(local) for local in self.needed[id(self.definition)]]

    # Weights that are shared.

    def _owners(self) -> dict[int, str]:
        """Return the variables of layers and models whose weights other items use, by the index of the item."""
        found = {}
        for item in self.definition.items:
            if item.part.share and (item.definition or item.kind[0] != "|"):
                index = self._owner_of(item)
                end = "model" if item.definition else "layer"
                found[index] = f"{self.attributes[index]}_{end}"
        return found

    def _owner_of(self, item: Item) -> int:
        """Return the index of the item whose weights an item uses. Errors: `NoCounterpartError`."""
        assert item.part.share
        path = self.owner(item.part.share)
        index = path[0][1]
        owner = self.definition.items[index]
        if len(path) > 1 or owner.repeat != 1:
            raise NoCounterpartError("weights of a layer within a block")
        if self._is_reversed(item, owner):
            return index
        if (item.definition, item.kind, item.arguments) != (owner.definition, owner.kind, owner.arguments):
            raise NoCounterpartError("weights of another kind of layer")
        return index

    @staticmethod
    def _is_reversed(item: Item, owner: Item) -> bool:
        """Return whether an item multiplies by the table of an embedding."""
        return (
            item.kind == "layers.Dense|{m}({0})"
            and owner.kind.startswith("layers.Embedding|")
            and item.arguments == {"units": owner.arguments["input_dim"], "use_bias": False}
        )

    # Statements.

    def _fused(self) -> dict[int, str]:
        """Return the activations that are arguments of the layer before them, by the index of the activation."""
        found = {}
        items = self.definition.items
        for index, (item, after) in enumerate(pairwise(items)):
            name = after.kind.partition("|")[0]
            alone = item.repeat == after.repeat == 1 and not item.part.share and index not in self.models
            if (
                alone
                and name in _ACTIVATIONS
                and _FUSES.match(item.kind)
                and after.inputs == (Local(index),)
                and self.uses.get(index) == {index + 1}
                and (name == "layers.Activation" or not {**after.arguments, "axis": -1}.keys() - {"axis"})
                and after.arguments.get("axis", -1) == -1
            ):
                found[index + 1] = code_of(_ACTIVATIONS[name] or after.arguments["activation"])
        return found

    def _statement(self, index: int, item: Item) -> Iterator[str]:
        activation = {}
        if index in self.fused:
            activation = {"activation": self.fused[index]}
            layer = self.definition.items[index - 1]
            made = self._made(index - 1, layer, activation)
        else:
            layer = item
            made = self._made(index, item, {})
        inputs = [self.tensor(local) for local in layer.inputs]
        if layer is self.definition.items[0]:
            inputs = [FLOW if name == SHORTCUT else name for name in inputs]
        target = self.tensors.items[index]
        size = self.size(item)
        if index in self.models:
            yield f"    {self.models[index]} = {self._constructed(index, item, {}, inputs)}"
        if item.repeat != 1:
            if inputs != [target]:
                yield f"    {target} = {inputs[0]}"
            yield f"    for {'i' if self._is_counted(item) else '_'} in range({code_of(item.repeat)}):"
            steps = self._steps(layer, made, [target])
            yield from self._assigned(target, steps, size, "        ")
        else:
            yield from self._assigned(target, self._steps(layer, made, inputs), size, "    ")

    def _is_counted(self, item: Item) -> bool:
        return self.named.has(item) and not item.part.share

    @staticmethod
    def _assigned(target: str, steps: Sequence[str], size: str, indent: str) -> Iterator[str]:
        """Yield assignments, on several lines where they are too long for one."""
        *before, last = steps
        for step in before:
            yield f"{indent}{target} = {step}"
        if last == target:
            return
        text = f"{indent}{target} = {last}"
        found = re.fullmatch(r"([\w.]+)\((.*)\)\(([^()]*)\)", last)
        if len(text) + len(size) <= _WIDTH or (not found and len(text) <= _WIDTH):
            yield text + size
            return
        if not found:
            yield from _broken(text, indent, size)
            return
        layer, arguments, inputs = found.groups()
        if arguments:
            yield f"{indent}{target} = {layer}("
            yield from _wrapped(arguments, indent)
        else:
            yield f"{indent}{target} = {layer}()("
        if len(indent) + len(inputs) + len(size) <= _WIDTH - 4 and arguments:
            yield f"{indent})({inputs}){size}"
            return
        if arguments:
            yield f"{indent})("
        yield from _wrapped(inputs, indent)
        yield f"{indent}){size}"

    def _steps(self, item: Item, made: str, inputs: Sequence[str]) -> list[str]:
        """Return the expressions of an item, one after the other: each is the input of the next."""
        if not item.inputs:
            inputs = [self._like()]
        if item.definition:
            return [made.replace("{*}", ", ".join(inputs))]
        forward = item.kind.partition("|")[2]
        if item.part.share and item.kind[0] != "|":
            owner = self.definition.items[self._owner_of(item)]
            if self._is_reversed(item, owner):
                forward = "{m}({0}, reverse=True)"
        forward = forward.replace("{name}", made) if not item.kind.partition("|")[0] else forward
        steps = []
        target = ""
        for number, step in enumerate(forward.split(";")):
            several = number and forward.count("{m}") > 1
            own = re.sub(r'name=(f?)"([^"]*)"', rf'name=\1"\2_{number + 1}"', made) if several else made
            steps.append(filled(step, item.arguments, own, [target] if target else inputs))
            index = self.definition.items.index(item)
            target = self.tensors.items[index + 1 if index + 1 in self.fused else index]
        return steps

    def _like(self) -> str:
        """Return a tensor that has a batch: the first input."""
        return self.tensors.inputs[0]

    def _name(self, index: int, item: Item) -> str:
        """Return the name of what an item makes, as code."""
        own = self.attributes[index]
        counter = "_{i}" if item.repeat != 1 else ""
        if not self.has_name():
            return f'f"{own}{counter}"' if counter else f'"{own}"'
        return f'f"{{name}}_{own}{counter}"'

    def _made(self, index: int, item: Item, activation: dict[str, str]) -> str:
        """Return the expression of an item's layer; of a block the call, with `{*}` for its inputs."""
        if item.part.share and (item.definition or item.kind[0] != "|"):
            variable = self.models[self._owner_of(item)]
            return self._called(variable, item)
        if index in self.models:
            return self._called(self.models[index], item)
        if item.definition:
            return f"{self.names[id(item.definition)]}({', '.join(['{*}', *self._block_arguments(index, item)])})"
        if not item.kind.partition("|")[0]:
            return self._name(index, item) if self.named.has(item) else "None"
        return self._constructed(index, item, activation, [])

    @staticmethod
    def _called(variable: str, item: Item) -> str:
        if not item.definition:
            return variable
        return f"{variable}([{{*}}])" if len(item.inputs) > 1 else f"{variable}({{*}})"

    def _block_arguments(self, index: int, item: Item) -> list[str]:
        name = [f"name={self._name(index, item)}"] if self.named.has(item) else []
        return [*self.definition_arguments(item), *name]

    def _constructed(self, index: int, item: Item, activation: dict[str, str], inputs: Sequence[str]) -> str:
        if item.definition:
            arguments = [f"[{', '.join(inputs)}]", *self._block_arguments(index, item)]
            return f"as_model({self.names[id(item.definition)]}, {', '.join(arguments)})"
        name, _, forward = item.kind.partition("|")
        if index in self.models and any(
            one.part.share and self._is_reversed(one, item) and self._owner_of(one) == index
            for one in self.definition.items
        ):
            name = "layers.ReversibleEmbedding"
        used = frozenset(re.findall(r"\{(pad|cropping)\}", forward))
        extra = dict(activation)
        if item.frozen:
            extra["trainable"] = "False"
        if self.named.has(item):
            extra["name"] = self._name(index, item)
        return construct(name, item.arguments, extra, used)


def _broken(text: str, indent: str, end: str) -> Iterator[str]:
    """Yield a call, on several lines where it is too long for one."""
    head, bracket, rest = text.partition("(")
    if len(text) <= _WIDTH or not rest.endswith(")"):
        yield text + end
        return
    yield head + bracket
    yield from _wrapped(rest[:-1], indent)
    yield f"{indent}){end}"


def _wrapped(text: str, indent: str) -> list[str]:
    """Return what is within brackets on lines of its own."""
    inner = f"{indent}    "
    return wrap(
        text, _WIDTH, initial_indent=inner, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
    )
