"""Calls of Python, as in `nn.Conv2d(3, 64, 7)` or `x = F.relu(x)`: their parts, and what their arguments are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.language.foreign import changes_nothing
from shapecalc.language.tensors import RUNNING, read_operand
from shapecalc.layers.base.arguments import STATED
from shapecalc.source import ListValue, MapValue, as_list, read_text, short

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["EQUALS", "LONGEST", "Call", "NamedArguments", "named", "read_call", "split_parts", "written"]

LONGEST = 300
"""The maximum length of texts that are read as a call."""

EQUALS = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s*", re.DOTALL)
_TARGET = re.compile(r"\s*((?:\w+\.)*(\w+))(?:\s*,\s*\(?[\w., ]+\)?)?\s*=(?!=)\s*(?=\S+\()", re.DOTALL)
_CALLEE = re.compile(r"\s*((?:\w+\.)*)(\w+)\s*")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_CONSTANTS = ("True", "False", "true", "false", "null", "None")
_OF_VARIABLES = re.compile(r"\w+(\s*(\*|//|\+|-)\s*\w+)+")
_LAZY = re.compile(r"Lazy([A-Z]\w+)")
_PRODUCT = re.compile(r"\d+(\s*(\*|//|\+|-)\s*\d+)+")
_KERAS, _TORCH = ("tf", "tensorflow", "keras", "layers"), ("torch", "nn", "F", "functional")
_FUNCTIONS = re.compile(r"(.*\.)?(F|functional)\.|torch\.|tf\.(nn\.)?|keras\.ops\.|ops\.")


class Call(NamedTuple):
    """A call: what is before the name, the name, the arguments, and the name of the attribute that it is assigned to.

    `arguments` is None without brackets, as in `nn.ReLU`; `operands` are what the layer is applied to: `Add()([x, y])`.
    """

    prefix: str
    word: str
    arguments: tuple[str, ...] | None
    target: str = ""
    operands: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it calls an attribute of the module: `self.conv1(x)`."""
        return self.prefix.startswith("self.")

    @property
    def is_of_library(self) -> bool:
        """Whether it is a class or a function of a framework, not a method of a tensor."""
        return any(word in (*_KERAS, *_TORCH) for word in self.prefix.split("."))

    @property
    def is_function(self) -> bool:
        """Whether it is a function of a framework, on tensors: not a class, nor a method."""
        return _FUNCTIONS.fullmatch(self.prefix) is not None

    @property
    def is_functional(self) -> bool:
        """Whether it is a function of PyTorch's `functional`, not a class."""
        return self.is_of_library and any(word in ("F", "functional") for word in self.prefix.split("."))

    @property
    def owner(self) -> str:
        """The tensor that it is a method of: `x` of `x.view(-1, 8)`; empty for other calls."""
        is_method = self.word.islower() and not self.is_of_library and self.prefix.count(".") == 1
        return self.prefix[:-1] if is_method and not self.is_own else ""

    def of_input(self, cls: type[Layer] | None, known: Collection[str] = ()) -> Call | None:
        """Return the call with its input among the operands, as that of `F.relu(x)`; None for a layer's own call.

        `known` are the names of layers and inputs.
        """
        if self.operands:
            return self
        is_function = self.is_own or self.is_function
        if not self.arguments:
            return None
        first = self.arguments[0]
        if not is_function and not self.prefix and self.word.islower() and cls:
            is_tensor = first in (*RUNNING, *known) or not cls.required_arguments()
            is_function = is_tensor and (_is_name(first) or bool(read_operand(first, known).item))
        if not is_function or EQUALS.fullmatch(first):
            return None
        return self._replace(arguments=self.arguments[1:], operands=(first,))


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and text not in _CONSTANTS


def read_call(text: str) -> Call | None:
    """Return the call that a text is, or a bare name; None for any other text."""
    if len(text) > LONGEST:
        return None
    assigned = _TARGET.match(text)
    start = assigned.end() if assigned else 0
    found = _CALLEE.match(text, start)
    if not found:
        return None
    target = assigned[2] if assigned and assigned[1] != assigned[2] else ""
    rest = text[found.end() :]
    if not rest:
        return _not_lazy(Call(found[1], found[2], None, target))
    end = _closing(rest)
    behind = rest[end:].strip()
    if not end or (behind and _closing(behind) != len(behind)):  # layers are called in turn: Dense(10)(x)
        return None
    operands = tuple(split_parts(behind[1:-1]))
    is_named = assigned and (not operands or "," in assigned[0])  # `x = Dense(10)(x)` is only the tensor that follows
    if not target and assigned and is_named and found[2][:1].isupper():  # not what a function returns
        target = assigned[2]
    return _not_lazy(Call(found[1], found[2], tuple(split_parts(rest[1 : end - 1])), target, operands))


def _not_lazy(call: Call) -> Call:
    """Return the call of PyTorch's `LazyConv2d` as one of `Conv2d`, whose first argument is not stated."""
    found = _LAZY.fullmatch(call.word)
    if not found:
        return call
    arguments = call.arguments and ("…", *call.arguments)
    return call._replace(prefix=call.prefix or "nn.", word=found[1], arguments=arguments)


def _closing(text: str) -> int:
    """Return the length of the brackets that a text begins with; 0 if it begins with none, or they are not closed."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return index + 1 if character == ")" else 0
    return 0


def split_parts(text: str) -> list[str]:
    """Return the arguments of a call; of those within brackets or quotes none is divided."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if character == quote or (character in "'\"" and not quote):
            quote = "" if quote else character
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


class NamedArguments(NamedTuple):
    """The arguments of a call as YAML, the values left without a name, and arguments that the kind does not have."""

    shown: str
    left: list[str]
    strange: dict[str, str]


def named(
    cls: type[Layer], parts: Sequence[str], call: Call | None = None, *, is_function: bool = False
) -> NamedArguments:
    """Return the arguments of a call with their names.

    A value has the name of its position only where all of them fit. Required arguments without a value are `…`.
    """
    given = {found[1]: found[2] for part in parts if (found := EQUALS.fullmatch(part))}
    plain = [part for part in parts if not EQUALS.fullmatch(part)]
    names = cls.argument_names()
    known = {names[word]: written(cls, names[word], value) for word, value in given.items() if word in names}
    required = [name for name in cls.required_arguments() if name not in known]
    at = _by_position(cls, plain, known, required, call, is_function=is_function) if plain else None
    if at is not None:
        known, plain = {**known, **at}, []
    known = {**dict.fromkeys(required, "…"), **known}
    in_order = dict.fromkeys((*(cls.in_calls or ()), *cls.arguments))
    shown = ", ".join(f"{name}: {known[name]}" for name in in_order if name in known)
    if plain and "…" not in shown:
        shown += ", …" if shown else "…"
    strange = {word: value for word, value in given.items() if word not in names and not changes_nothing(word, cls)}
    return NamedArguments(shown, plain, strange)


def _by_position(
    cls: type[Layer],
    plain: list[str],
    known: dict[str, str],
    required: list[str],
    call: Call | None,
    *,
    is_function: bool,
) -> dict[str, str] | None:
    """Return the values of a call by the names of their positions; None where they do not fit.

    Where they fit in the orders of several frameworks, they are the required arguments, or the first.
    """
    framework, is_certain = _framework(call, cls)
    fitting: list[dict[str, str]] = []
    for order in _orders(cls, framework)[: 1 if is_certain else None]:
        sizes = {name for name in order if cls.arguments[name].role == STATED}
        if is_function and sizes:  # a function has the weights in these positions
            continue
        at = {name: written(cls, name, part) for name, part in zip(order, plain, strict=False)}
        at = {name: value for name, value in at.items() if name not in sizes or value != "…"}  # it is inferred
        is_whole = {*required} <= at.keys() or (is_certain and cls.in_calls is not None)
        if is_whole and len(plain) <= len(order) and not known.keys() & at.keys() and "…" not in at.values():
            if framework:
                return at
            fitting += [at] if at not in fitting else []
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    default = (required if len(plain) == len(required) else []) if required else [*cls.arguments][:1]
    at = {name: written(cls, name, part) for name, part in zip(default, plain, strict=False)}
    return at if len(at) == len(plain) and not known.keys() & at.keys() and "…" not in at.values() else None


def _framework(call: Call | None, cls: type[Layer]) -> tuple[str, bool]:
    """Return the framework that a call is spelt for, and whether that is certain: `nn.Conv2d` is, `Conv2d` is not."""
    if call is None:
        return "", False
    if cls.torch_name and call.word.lower() == cls.torch_name.lower() and call.word[:1].isupper():
        return "torch" if call.word == cls.torch_name else "keras", False
    words = call.prefix.split(".")
    for framework, own in (("keras", _KERAS), ("torch", _TORCH)):
        if any(word in own for word in words):
            return framework, True
    end = call.word[-2:]
    spelt = {"d": "torch", "D": "keras"}.get(end[1:], "") if end[:1].isdigit() else ""
    return spelt, False


def _orders(cls: type[Layer], framework: str) -> list[tuple[str, ...]]:
    """Return the orders of arguments by position that a call may have, that of its framework first."""
    if cls.in_calls is None:
        return [cls.required_arguments() or (*cls.arguments,)[:1]]
    orders = [cls.in_calls, cls.in_calls if cls.in_keras_calls is None else cls.in_keras_calls]
    return orders[::-1] if framework == "keras" else orders


def written(cls: type[Layer], name: str, text: str) -> str:
    """Return the value of an argument in a call as YAML writes it; `…` where the argument would not take it."""
    argument = cls.arguments[name]
    yaml = text if text[:1] in "'\"" else {"None": "null"}.get(text, as_list(text))
    if argument.numeric and _PRODUCT.fullmatch(yaml):
        return short(yaml)
    if _is_name(yaml) and yaml not in argument.words:
        return yaml if argument.required else "…"  # a variable
    if argument.required and argument.numeric and _OF_VARIABLES.fullmatch(yaml):
        return short(yaml)
    value, problems = read_text(f"[{yaml}]", "") if yaml else (None, [])
    if problems or not isinstance(value, ListValue) or len(value.items) != 1:
        return "…"
    try:
        argument.normalise(_plain(value.items[0]))
    except LayerError:
        return "…"
    return short(yaml.replace("True", "true").replace("False", "false"))


def _plain(value: Value) -> Any:
    if isinstance(value, MapValue):
        return {}
    return [_plain(item) for item in value.items] if isinstance(value, ListValue) else value.value
