"""The arguments of layer kinds: what each may be, its default, and its one-line doc.

A kind declares its arguments as class attributes; reading, checking, the JSON Schema, the docs and the command line
are all made from these declarations. Names are PyTorch's; `also` lists Keras' names for the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.dims import within
from shapecalc.errors import LayerError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ATTENTION",
    "CHANNELS_OUT",
    "CROPPING",
    "DILATION",
    "GROUPS",
    "KERNEL",
    "MAX_SIZE",
    "OUTPUT_PADDING",
    "PADDING",
    "REQUIRED",
    "STATED",
    "STRIDE",
    "Argument",
    "Choice",
    "Count",
    "Flag",
    "Integer",
    "Number",
    "Stated",
    "Text",
]

MAX_SIZE = 10**12
"""The maximum size of one axis: no real tensor has a longer one."""

REQUIRED: Any = object()
"""The default of an argument that has none."""

# Roles: the meaning of an argument to its layer. Arguments with the same name have the same role in all kinds.
STATED = "a size that is inferred from the input, and checked if given"
KERNEL = "the size of a window"
STRIDE = "the step of a window"
DILATION = "the distance between a window's taps"
PADDING = "the elements added around the input, or cropped from the output of a transposed window"
OUTPUT_PADDING = "the elements added at the end of the output of a transposed window"
CROPPING = "the elements cropped from the edges"
GROUPS = "the parts that the channels are split into"
CHANNELS_OUT = "the channels of the output"
ATTENTION = "the implementation of attention"
HEADS = "the heads that the features are split into"
KV_HEADS = "the heads of keys and values, where these are fewer"


class Argument:
    """One argument of a kind: what it may be, its default, its doc.

    `also` are other libraries' names for it; `symbol` is its usual symbol in formulas; `always` shows it in
    reports even when it has its default; `default_from` names the argument whose value is its default;
    `role` is its meaning to the layer, for questions about arguments of any kind; `replaces` names the argument
    that has no effect where this one is given.
    """

    words: tuple[str, ...] = ()
    numeric = False
    is_mapping = False
    """Whether it may be a mapping of names to values."""
    is_layer = False
    """Whether it is a layer, with arguments of its own."""
    expected = "a value"

    def __init__(
        self,
        doc: str,
        default: Any = REQUIRED,
        *,
        also: Sequence[str] = (),
        symbol: str = "",
        always: bool = False,
        default_from: str = "",
        role: str = "",
        replaces: str = "",
    ) -> None:
        self.doc = doc
        self.default = default
        self.also = tuple(also)
        self.symbol = symbol
        self.always = always or default is REQUIRED
        self.default_from = default_from
        self.role = role
        self.replaces = replaces
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        # A layer keeps its values in its __dict__, which takes precedence; so this is reached only on the class.
        return self

    @property
    def required(self) -> bool:
        """Whether a layer of the kind requires it."""
        return self.default is REQUIRED

    def normalise(self, value: Any) -> Any:
        """Return the value as layers keep it.

        Errors: `LayerError` where it is not what the argument may be.
        """
        if value is None and self.default is None:
            return None
        return self.read(value)

    def read(self, value: Any) -> Any:
        """Return a value that is set as layers keep it."""
        raise NotImplementedError

    def expand(self, value: Any, rank: int) -> Any:
        """Return the value as a report shows it for a layer over `rank` spatial axes."""
        return list(value) if isinstance(value, tuple) else value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value."""
        raise NotImplementedError

    def refuse(self, value: Any) -> LayerError:
        """Return the error for a value of the wrong type."""
        return LayerError(f"{self.name} must be {self.expected}, not {show(value)}", argument=self.name, found=value)


def show(value: Any) -> str:
    """Return a value as an error quotes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"the text '{value if len(value) <= _SHOWN else value[:_SHOWN] + '…'}'"
    if isinstance(value, int) and abs(value) >= 10**15:
        return f"about 10^{len(str(abs(value))) - 1}" if abs(value) < 10**4000 else "a number of thousands of digits"
    text = str(list(value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_SHOWN = 60


def is_other_number(value: Any) -> bool:
    """Return whether a value is a dimension but not an int: traced, symbolic or an array."""
    return type(value) not in _PLAIN


_PLAIN = frozenset({int, float, bool, str, bytes, list, tuple, dict, type(None)})


class Integer(Argument):
    """A whole number within a range."""

    numeric = True

    def __init__(self, doc: str, default: Any = REQUIRED, *, minimum: int = 1, **rest: Any) -> None:
        super().__init__(doc, default, **rest)
        self.minimum = minimum
        self.expected = self.one = "a whole number" + (f" of at least {minimum}" if minimum > -MAX_SIZE else "")

    def read(self, value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            if is_other_number(value):
                return within(value, self.minimum, MAX_SIZE)
            raise self.refuse_number(value) if type(value) is float else self.refuse(value)
        if value < self.minimum:
            raise self.refuse_number(value)
        if value > MAX_SIZE:
            raise LayerError(f"{self.name} is {show(value)}: the maximum is 10^12", argument=self.name, found=value)
        return value

    def refuse_number(self, value: float | None) -> LayerError:
        """Return the error for a number that is out of range, or for what stands in place of one in a list."""
        return LayerError(f"{self.name} must be {self.one}, not {show(value)}", argument=self.name, found=value)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum}


class Stated(Integer):
    """A size that is inferred from the input, and checked if given."""

    def __init__(self, doc: str, **rest: Any) -> None:
        super().__init__(f"{doc}: inferred; checked if given", None, role=STATED, **rest)


class Count(Integer):
    """A whole number that decides the structure of a layer (a number of pieces), never a dimension of a formula."""

    most = 10_000

    def read(self, value: Any) -> Any:
        value = super().read(value)
        if type(value) is int and value > self.most:
            raise LayerError(f"{self.name} is {value:,}: the maximum is {self.most:,}", argument=self.name, found=value)
        return value


class Number(Argument):
    """A number, whole or not, within a range."""

    numeric = True

    def __init__(
        self, doc: str, default: Any = REQUIRED, *, minimum: float = -math.inf, maximum: float = math.inf, **rest: Any
    ) -> None:
        super().__init__(doc, default, **rest)
        self.minimum = minimum
        self.maximum = maximum
        low, high = minimum > -math.inf, maximum < math.inf
        self.expected = "a number" + (
            f" from {minimum:g} to {maximum:g}" if low and high else f" of at least {minimum:g}" if low else ""
        )

    def read(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if not isinstance(value, bool) and is_other_number(value):
                return within(value, self.minimum, self.maximum)
            raise self.refuse(value)
        if not self.minimum <= value <= self.maximum or not math.isfinite(value):
            error = self.refuse(value)
            if self.maximum == 1 and 2 <= value < 100:
                error.hint = f"it is a fraction: write {value / 100:g} for {value:g} %"
            raise error
        return value

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "number"}
        if self.minimum > -math.inf:
            schema["minimum"] = self.minimum
        if self.maximum < math.inf:
            schema["maximum"] = self.maximum
        return schema


class Flag(Argument):
    """True or false."""

    expected = "true or false"
    numeric = True

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            error = self.refuse(value)
            if value in (None, 0, 1):
                error.hint = f"write {self.name}: {show(bool(value))}"
            raise error
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


_LISTED = 12
"""The maximum number of words that an error lists."""


class Choice(Argument):
    """One of a few words."""

    def __init__(self, doc: str, words: Sequence[str], default: Any = REQUIRED, **rest: Any) -> None:
        super().__init__(doc, default, **rest)
        self.words = tuple(words)
        self.expected = "one of " + ", ".join(words)

    def read(self, value: Any) -> str:
        if value not in self.words:
            hint = did_you_mean(value, self.words) if isinstance(value, str) else ""
            many = len(self.words)
            expected = self.expected if many <= _LISTED else f"one of {', '.join(self.words[:3])}, … ({many} words)"
            raise LayerError(f"{self.name} must be {expected}, not {show(value)}", hint=hint, argument=self.name)
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


class Text(Argument):
    """A string."""

    expected = "a text"

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}
