"""What the function of a section works on: its options, the tensors before it, and layers that it adds."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, did_you_mean
from shapecalc.importers.darknet.cfg import COMMENTS, LARGEST, UNKNOWN_SECTION, Option, OptionError, UnknownSectionError
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Constant, Data, NodePlace, Unsized

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Hint
    from shapecalc.importers.darknet.cfg import CfgSection
    from shapecalc.importers.frame import Frame

    Function = Callable[["SectionCall"], "SectionOutput"]

__all__ = ["SectionCall", "SectionKind", "SectionOutput", "UnknownSizeError", "find_section", "section"]


class SectionOutput(NamedTuple):
    """The output of a section.

    `is_map` is whether darknet knows its width, height and channels, and not its length alone.
    """

    data: Data
    is_map: bool = True

    @property
    def sizes(self) -> tuple[int, ...]:
        """Its sizes, C×H×W of a map."""
        return self.data.shape.sizes

    @property
    def elements(self) -> int:
        """How many elements it has: `outputs` in darknet."""
        return prod(self.sizes)


class SectionKind(NamedTuple):
    """A type of section: its name, its function, and the options that darknet reads and that change no size.

    `is_head` is whether its output is one of the network, although sections follow.
    """

    name: str
    function: Function
    ignored: frozenset[str]
    is_head: bool


class UnknownSizeError(Exception):
    """A section works on the output of one whose size is not known."""

    def __init__(self, tensor: Unsized) -> None:
        self.tensor = tensor
        super().__init__(tensor)


_ANYWHERE = """clip onlyforward dont_update burnin_update stopbackward train_only_bn dontload dontloadscales
learning_rate truth dontsave numload smooth"""
_kinds: OperationTable[SectionKind] = OperationTable("darknet", ("windows", "merges", "recurrent", "heads"))


def section(*names: str, ignored: str = "", is_head: bool = False) -> Callable[[Function], Function]:
    """Return a decorator that registers the function of a type of section, under its name and its other names."""

    def add(function: Function) -> Function:
        kind = SectionKind(names[0], function, frozenset(f"{ignored} {_ANYWHERE}".split()), is_head)
        _kinds.add(names, kind)
        return function

    return add


def find_section(name: str) -> SectionKind:
    """Return a type of section. Errors: `OptionError` for one that darknet does not know."""
    found = _kinds.find(name)
    if found is None:
        hint = str(did_you_mean(name, _kinds.names, lists=False))
        message = f"darknet has no section [{name[:40]}]"
        raise UnknownSectionError(message, why=(UNKNOWN_SECTION,), hint=hint)
    return found


class SectionCall:
    """A section, and what is known where it stands."""

    def __init__(
        self,
        section: CfgSection,
        kind: SectionKind,
        outputs: Sequence[SectionOutput | Unsized],
        before: SectionOutput | Unsized,
        frame: Frame,
        previous: CfgSection | None = None,
    ) -> None:
        self.section = section
        self.kind = kind
        self.index = len(outputs)
        self.frame = frame
        self.previous = previous
        self.warnings: list[Problem] = []
        self.agreeing = 0
        self.place = NodePlace(f"[{section.type}]", (f"{self.index}_{kind.name}",), kind.name, section.mark)
        self._outputs = outputs
        self._before = before
        self._read = {*kind.ignored}

    # Its options.

    def option(self, name: str) -> Option | None:
        """Return an option, if it is written."""
        self._read.add(name)
        return self.section.options.get(name)

    def number(self, name: str, default: int = 0, least: int | None = None) -> int:
        """Return an option that is a whole number, at least so large. Errors: `OptionError`."""
        option = self.option(name)
        value = default if option is None else option.number()
        if least is not None and value < least and option:
            raise OptionError(f"{name} is {value}: it must be at least {least}", option.mark)
        return value

    def counted(self, name: str) -> int:
        """Return an option that is the number of outputs: 1 where it is left out, with a warning, as in darknet."""
        if self.option(name) is None:
            self.warn(f"{name} is left out: darknet takes 1")
        return self.number(name, 1, 1)

    def word(self, name: str, default: str) -> str:
        """Return an option that is a word, with what stands behind it."""
        option = self.option(name)
        return option.text if option else default

    def warn(self, message: str, name: str = "", hint: str | Hint = "") -> None:
        """Add a warning on an option, or on the section."""
        option = self.section.options.get(name)
        mark = option.mark if option else self.section.mark
        self.warnings.append(Problem(message, mark, f"[{self.section.type}]", hint=hint))

    @property
    def known(self) -> set[str]:
        """The names of the options that darknet reads here."""
        return self._read

    def unused(self) -> list[Option]:
        """Return the options that nobody reads."""
        return [option for name, option in self.section.options.items() if name not in self._read]

    # The tensors before it.

    @property
    def x(self) -> SectionOutput:
        """The output of the section before. Errors: `UnknownSizeError`."""
        if isinstance(self._before, Unsized):
            raise UnknownSizeError(self._before)
        return self._before

    def map(self) -> SectionOutput:
        """Return the output of the section before as a map. Errors: `OptionError`, `UnknownSizeError`."""
        return self.as_map(self.x)

    def as_map(self, x: SectionOutput) -> SectionOutput:
        """Return a tensor as a map: a fully connected layer outputs one of 1×1. Errors: `OptionError`."""
        if not x.is_map:
            message = f"it needs a map, and the output before it is a list of {x.elements:,} elements"
            raise OptionError(message, why=("darknet keeps no width, height and channels of it",))
        if len(x.sizes) > 1:
            return x
        return self.emit("unflatten", x, dim=1, unflattened_size=(*x.sizes, 1, 1))

    def layers(self, name: str) -> list[int]:
        """Return the numbers of the sections that an option refers to. Errors: `OptionError`."""
        option = self.option(name)
        if option is None:
            raise OptionError(f"{name} is missing: it says which layers it reads")
        return [self._layer(option, number) for number in option.numbers()]

    def _layer(self, option: Option, number: int) -> int:
        index = self.index + number if number < 0 else number
        own = f"this is layer {self.index}"
        if index < 0:
            message = f"{option.name}: {number} is {-number} layers back, and {own}"
            raise OptionError(message, option.mark, hint="layers are counted from 0, without [net]")
        if index >= self.index:
            what = "this layer itself" if index == self.index else f"layer {index}, which is not before it"
            hint = "layers are counted from 0, without [net]; negative numbers count back from this one"
            raise OptionError(f"{option.name}: {number} is {what}: {own}", option.mark, hint=hint)
        return index

    def output(self, index: int) -> SectionOutput:
        """Return the output of a section. Errors: `UnknownSizeError`."""
        found = self._outputs[index]
        if isinstance(found, Unsized):
            raise UnknownSizeError(found)
        return found

    # Its layers.

    def emit(
        self,
        kind: str,
        *inputs: SectionOutput,
        name: str = "",
        weights: str = "",
        is_map: bool = True,
        **arguments: Any,
    ) -> SectionOutput:
        """Add a layer, and return its output. `weights` is the name of its weights, by which others share them.

        Errors: `LayerError`, `FailedError`.
        """
        place = self.place._replace(name=name or kind)
        held = [Constant((), None, (weights,), learned=True)] if weights else []
        ((ref, shape),) = self.frame.emit(place, kind, arguments, [x.data for x in inputs], held)
        found = SectionOutput(Data(ref, shape), is_map)
        if found.elements >= LARGEST:
            raise OptionError(f"its output would have {found.elements:,} elements: darknet counts to {LARGEST - 1:,}")
        return found

    def flat(self, x: SectionOutput) -> SectionOutput:
        """Return a tensor as a list of its elements."""
        return x._replace(is_map=False) if len(x.sizes) == 1 else self.emit("flatten", x, is_map=False)

    def constant(self, *sizes: int, name: str) -> SectionOutput:
        """Add a tensor that is not learned: the state before the first step."""
        return self.emit("constant", name=name, shape=sizes)

    def activated(self, x: SectionOutput, default: str, option: str = "activation") -> SectionOutput:
        """Return a tensor after the activation that is written, or else by default."""
        word = self.word(option, default)
        found = _ACTIVATIONS.get(word)
        if found is None:
            begin = re.split("[#;]", word)[0]
            hint = COMMENTS if begin in _ACTIVATIONS else did_you_mean(begin, _ACTIVATIONS, lists=False)
            self.warn(f"darknet has no activation {word[:40]}: it takes relu", option, hint)
            found = "relu"
        if not found:
            return x
        arguments: dict[str, Any] = {"dim": 1} if found == "softmax" else {}
        if word in _SLOPES:
            arguments["negative_slope"] = _SLOPES[word]
        return self.emit(found, x, is_map=x.is_map, **arguments)

    def normalised(self, x: SectionOutput, weights: str = "") -> SectionOutput:
        """Return a tensor after batch normalisation: scales, biases, and the rolling mean and variance."""
        return self.emit("batch_norm", x, weights=weights, is_map=x.is_map)

    def connected(self, x: SectionOutput, outputs: int, name: str = "fc") -> SectionOutput:
        """Return the output of a fully connected layer, with its batch normalisation."""
        is_normalised = self.number("batch_normalize") != 0
        bias: dict[str, Any] = {"bias": False} if is_normalised else {}
        found = self.emit("fc", x, name=name, out_features=outputs, **bias)
        return self.normalised(found) if is_normalised else found

    def fitted(self, x: SectionOutput, sizes: tuple[int, ...]) -> SectionOutput:
        """Return a tensor with other sizes: of a larger one every n-th position, and the first channels.

        A smaller one is filled with zeros.
        """
        for axis, (own, due) in enumerate(zip(x.sizes, sizes, strict=True), 1):
            if own > due:
                step = own // due if axis > 1 and due else 1
                more: dict[str, Any] = {"step": step} if step > 1 else {}
                x = self.emit("slice", x, dim=axis, end=step * due, **more)
            elif own < due:
                x = self.emit("pad", x, padding=[[0, due - own]], dim=[axis])
        return x

    def check_groups(self, name: str, groups: int, size: int, what: str) -> None:
        """Check that a number of groups divides a size. Errors: `OptionError`."""
        if size % groups:
            option = self.option(name)
            raise OptionError(f"{name}={groups} does not divide the {size:,} {what}", option.mark if option else None)


_ACTIVATIONS = {
    "linear": "", "relu": "relu", "relu6": "relu6", "leaky": "leaky_relu", "logistic": "sigmoid", "tanh": "tanh",
    "elu": "elu", "selu": "selu", "gelu": "gelu", "swish": "silu", "silu": "silu", "mish": "mish", "hard_mish": "mish",
    "loggy": "tanh", "hardtan": "hardtanh", "lhtan": "hardtanh", "plse": "hardsigmoid", "relie": "leaky_relu",
    "ramp": "leaky_relu", "revleaky": "leaky_relu", "stair": "softsign", "normalize_channels": "softmax",
    "normalize_channels_softmax": "softmax", "normalize_channels_softmax_maxval": "softmax",
}  # fmt: skip
"""Activations of darknet as layers here. The rare ones that no other library has are the nearest ones: no size, no
parameter and no MAC depends on it.
"""
_SLOPES = {"leaky": 0.1, "relie": 0.01, "ramp": 0.1, "revleaky": 0.1}
