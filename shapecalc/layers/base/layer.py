"""A layer kind: one class that declares everything that shapecalc knows about it.

A kind is a subclass of `Layer` with a `kind` name, `Argument`s as class attributes, and formulas as methods. Each
formula takes the input shapes and returns sizes; it is plain arithmetic on dimensions (see `dims`), so that it runs on
ints, traced numbers, symbols and columns alike. Reading, the JSON Schema, the docs, `explain` and the property tests
follow from the declaration: adding a kind touches one file of `layers/`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from shapecalc.dims import Dim, total
from shapecalc.errors import LayerError, did_you_mean
from shapecalc.layers.base.arguments import REQUIRED, Argument
from shapecalc.layers.base.dependence import aligned, everything

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.dependence import Look
    from shapecalc.layers.base.shape import Shape

__all__ = [
    "AS_INPUT",
    "BOTH",
    "CHANNELS_FIRST",
    "DERIVED",
    "FEATURES_LAST",
    "INPUTS",
    "IN_FP32",
    "KINDS",
    "NOTHING",
    "OUTPUTS",
    "TRAINED",
    "UPCAST",
    "WIDENED",
    "Composite",
    "Example",
    "Layer",
    "Projection",
    "WeightShapes",
    "is_bias",
    "normalise_word",
    "registered",
    "stated_rank",
]

WeightShapes = dict[str, tuple[Dim, ...]]


class Example(NamedTuple):
    """A worked example of a kind, with figures from a source.

    `input` is one shape, or a list of them for a kind with several inputs; `output` is one shape, or a list of them
    for a kind with several outputs. All are without the batch axis, in `layout`.
    """

    arguments: dict[str, Any]
    input: tuple[int, ...] | list[tuple[int, ...]]
    output: tuple[int, ...] | list[tuple[int, ...]]
    params: int = 0
    macs: int = 0
    source: str = ""
    layout: str = "CHW"
    buffers: int = 0


class Projection(NamedTuple):
    """A matrix that multiplies each position of an input, or of what is computed inside (`input` is -1).

    `also` are its names in other libraries, `joins` how many matrices it is in some of them. With a `count` it is so
    many in one tensor of three axes, of which each position passes through some (experts). `is_kept` is whether what is
    computed inside is saved for the backward pass anyway, as the output of flash attention.
    """

    in_features: Dim
    out_features: Dim
    positions: Dim
    input: int = 0
    also: tuple[str, ...] = ()
    joins: int = 1
    count: Dim = 1
    is_kept: bool = False


INPUTS = "inputs"
OUTPUTS = "outputs"
BOTH = "inputs and outputs"
NOTHING = "nothing"
TRAINED = "inputs, for trained weights"
DERIVED = "inputs, for their own gradient"
UPCAST = "inputs, in fp32"

IN_FP32 = "in fp32"
AS_INPUT = "in the type of the input"

WIDENED = -1
"""The bits, in `Layer.kept`, of an fp32 copy of what has fewer bits: nothing where activations have 32 already."""

CHANNELS_FIRST = "channels first"
FEATURES_LAST = "features last"

KINDS: dict[str, type[Layer]] = {}
"""Every kind by its name; `shapecalc.layers` fills it."""

_also_names: dict[str, str] = {}


class Layer:
    """One layer: its arguments, and the formulas of its sizes and counts. Immutable.

    Class attributes that a kind declares besides its arguments:
    `kind`, its name; `also`, other names; `is_a`, other kinds by whose names `--kind` finds it too; `sorts`, names
    for the element-wise kinds of its family together: `activations`;
    `inputs`, the minimum and maximum number of inputs (None: any); `input_names`, what they are, for errors;
    `ranks`, those of spatial axes of its first input (None: any), where that is a feature map;
    `elementwise`, whether every output element depends on one element of each input at the same position;
    `activates`, whether activations are a part of it, as in the gates of an LSTM, not layers that follow it;
    `is_cell`, whether it is one step of a recurrence, whose outputs are the states after it, the first of them what it
    outputs, and whose further inputs are the states before it;
    `is_sum`, whether its output is the sum of its inputs, and `accumulates`, whether each element of its output is a
    sum of products that can start from an element of another tensor, onto which the layer can add its output;
    `view`, whether its outputs are its input's memory, so that nothing is written (or, without an
    input, its weights); `only_training`, whether it has an effect only in training; `is_unused`, whether its weights
    are stored only, and it returns its input unchanged;
    `is_unknown`, whether its MACs are not known, which is no count of 0, nor its parameters, unless it says
    otherwise (`has_unknown_weights`); `measures`, whether its output
    is how good others are (a loss, an accuracy);
    `saves`, what the backward pass needs again: INPUTS, OUTPUTS, BOTH, NOTHING, TRAINED: its inputs, for the
    gradient of its weights alone, DERIVED: its inputs, for their own gradient alone, or UPCAST: its inputs, or copies
    of them in fp32 where they have fewer bits; `scores`, whether its output, as that of a network, is usually the
    scores of classes, of which a loss is computed; `in_losses`, whether losses of PyTorch compute it of their input, so
    that models leave it out; `autocast`, how PyTorch's autocast computes it: IN_FP32, or
    AS_INPUT, in the type of its input (otherwise a layer that multiplies is computed in 16 bits, and any other in the
    widest type of its inputs and weights); `looks_up`, whether its weights are a table of rows, which several devices
    can share; `untrained`, those of its weights that are not trained though it is not frozen; `branches`, whether it is
    written with branches or references (add, concat); `operator`, Python's sign for it; `in_calls`, its arguments by
    position in calls of PyTorch, where these are not only the required ones or the first, and `in_keras_calls` in those
    of Keras, where these are others; `torch_name`, its name in PyTorch, where Keras' differs only in its capitals;
    `on_batch_axis`, the hint for axis number 0 where the layer then changes the batch axis alone;
    `mistaken`, hints for words that are no arguments of it, but of kinds like it, and under an argument of its own
    for a name that is no variable; `sequences`, whether its inputs are (…, length, features) and never feature maps,
    and `of_map`, the item that makes a map such an input; `step_axis`,
    the axis of its first input along which a decoder resumes, where it keeps anything for that; `is_causal`, whether
    each position attends to none after it, as in a decoder; `along_channels`, the argument that makes it work along
    channels instead of the last axis; `weight_roles`, the roles of its weights by name (`layers/base/roles.py`),
    and `routed_by`, the index of the input by which experts are chosen; `called_by`, the argument that says what a kind
    for many functions does, as pictures call it; `group`, the role of its colour, if it is not the `GROUP` of its file;
    `examples`.
    """

    kind: ClassVar[str] = ""
    family: ClassVar[str] = ""
    also: ClassVar[tuple[str, ...]] = ()
    is_a: ClassVar[tuple[str, ...]] = ()
    sorts: ClassVar[tuple[str, ...]] = ()
    arguments: ClassVar[dict[str, Argument]] = {}
    _words: ClassVar[dict[str, str]] = {}
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    input_names: ClassVar[tuple[str, ...]] = ()
    ranks: ClassVar[tuple[int, int | None] | None] = None
    elementwise: ClassVar[bool] = False
    activates: ClassVar[bool] = False
    is_cell: ClassVar[bool] = False
    is_sum: ClassVar[bool] = False
    accumulates: ClassVar[bool] = False
    view: ClassVar[bool] = False
    is_unknown: ClassVar[bool] = False
    only_training: ClassVar[bool] = False
    is_unused: ClassVar[bool] = False
    measures: ClassVar[bool] = False
    saves: ClassVar[str] = INPUTS
    scores: ClassVar[bool] = False
    of_scores: ClassVar[bool] = False
    in_losses: ClassVar[bool] = False
    autocast: ClassVar[str] = ""
    looks_up: ClassVar[bool] = False
    untrained: ClassVar[frozenset[str]] = frozenset()
    branches: ClassVar[bool] = False
    operator: ClassVar[str] = ""
    in_calls: ClassVar[tuple[str, ...] | None] = None
    in_keras_calls: ClassVar[tuple[str, ...] | None] = None
    torch_name: ClassVar[str] = ""
    on_batch_axis: ClassVar[str] = ""
    mistaken: ClassVar[Mapping[str, str]] = {}
    sequences: ClassVar[bool] = False
    step_axis: ClassVar[int] = -2
    of_map: ClassVar[str] = ""
    is_causal: Any = False
    along_channels: ClassVar[str] = ""
    weight_roles: ClassVar[Mapping[str, str]] = {}
    routed_by: ClassVar[int | None] = None
    called_by: ClassVar[str] = ""
    group: ClassVar[str] = ""
    examples: ClassVar[tuple[Example, ...]] = ()
    name_used: str = ""
    """The name that the layer was made under, if that implies a rank: `Conv2d`."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        own = {name: value for name, value in cls.__dict__.items() if isinstance(value, Argument)}
        cls.arguments = _ordered(cls.arguments, own)
        also = {word: name for name, argument in cls.arguments.items() for word in argument.also}
        cls._words = {**also, **{name: name for name in cls.arguments}}
        cls.family = cls.__module__.rpartition(".")[2]
        if cls.__dict__.get("kind"):
            register(cls)

    def __init__(self, **values: Any) -> None:
        read: dict[str, Any] = {}
        for name, argument in self.arguments.items():
            value = values.pop(name, REQUIRED)
            if value is REQUIRED:
                value = argument.default
                if value is REQUIRED:
                    hint = f"give {name}: {argument.expected}"
                    raise LayerError(f"{name} is missing", (f"{name}: {argument.doc}",), hint, name)
                if value is not None:
                    value = argument.read(value)
            else:
                value = argument.normalise(value)
            if value is None and argument.default_from:
                value = read[argument.default_from]
            read[name] = value
        if values:
            name = next(iter(values))
            raise LayerError(
                f"{self.kind} has no argument {name}", hint=did_you_mean(name, self.arguments), argument=name
            )
        self.__dict__.update(read)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a layer does not change: {name} of {self.kind}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.values().items())})"

    @property
    def word(self) -> str:
        """What the layer is in one word: its kind; of a kind for many functions, the function."""
        return str(getattr(self, self.called_by) or self.kind) if self.called_by else self.kind

    @property
    def detail(self) -> str:
        """What is said of it on a box of its own in a picture, in a few words; empty for nothing."""
        return ""

    def values(self) -> dict[str, Any]:
        """Return the value of every argument."""
        return {name: self.__dict__[name] for name in self.arguments}

    def with_values(self, values: Mapping[str, Any]) -> Layer:
        """Return a layer of this kind with these values for its arguments, which are not checked."""
        layer = object.__new__(type(self))
        layer.__dict__.update(self.__dict__)
        layer.__dict__.update(values)
        return layer

    def under_name(self, word: str) -> Layer:
        """Return the layer as made under a name of its kind: the input is checked against the rank of such a name."""
        return self if stated_rank(word) is None else self.with_values({"name_used": word})

    def under_words(self, words: Collection[str]) -> Layer:
        """Return the layer as made with these names of arguments, for `doubt`: those of another library."""
        return self

    def expected_ranks(self) -> tuple[int, int | None] | None:
        """Return the minimum and maximum number of spatial axes of the input, from the layer's name and arguments."""
        return self.ranks_under(self.name_used)

    @classmethod
    def ranks_under(cls, word: str) -> tuple[int, int | None] | None:
        """Return the minimum and maximum number of spatial axes of the input for a name, which may imply it."""
        rank = stated_rank(word)
        return cls.ranks if rank is None else (rank, rank)

    @classmethod
    def expects_rank(cls, rank: int, word: str = "") -> bool:
        """Return whether the input may have that many spatial axes if the layer is made under a name."""
        ranks = cls.ranks_under(word)
        return ranks is None or (ranks[0] <= rank and (ranks[1] is None or rank <= ranks[1]))

    @staticmethod
    def spatial_rank(x: Shape) -> int:
        """Return how many spatial axes an input has: all but the channels."""
        return x.rank - 1

    @classmethod
    def argument_names(cls) -> dict[str, str]:
        """Return arguments by name: their own names and those of other libraries."""
        return cls._words

    @classmethod
    def argument_roles(cls) -> dict[str, str]:
        """Return the names of the kind's arguments by role."""
        return {argument.role: name for name, argument in cls.arguments.items() if argument.role}

    @classmethod
    def required_arguments(cls) -> tuple[str, ...]:
        """Return the names of the arguments without a default."""
        return tuple([name for name, argument in cls.arguments.items() if argument.required])

    def part_with(self, argument: str) -> tuple[str, Layer] | None:
        """Return the layer within it that has an argument, and the argument that this layer is; None for its own."""
        return None

    @classmethod
    def first_argument(cls, word: str = "") -> Argument | None:  # noqa: ARG003  (a kind may decide by its name)
        """Return the argument of a value alone, as in `fc: 10`, where the layer is called `word`."""
        return next(iter(cls.arguments.values()), None)

    # The formulas. Every shape is without the batch axis. A kind names its inputs: (x), (*inputs).
    # (The `**_` is only for the type checker: it lets a kind do so.)

    def constraints(self, *inputs: Any, **_: Any) -> Iterable[Constraint]:
        """Return the constraints on the sizes."""
        return ()

    def output(self, *inputs: Any, **_: Any) -> Any:
        """Return the output shape, or a tuple of them for a kind with several outputs."""
        return inputs[0]

    def weights(self, *inputs: Any, **_: Any) -> WeightShapes:
        """Return the learned tensors, by name; the names of biases contain `bias`."""
        return {}

    @property
    def has_unknown_weights(self) -> bool:
        """Whether its parameters are not known, as those of an unknown operation."""
        return self.is_unknown

    def active_weights(self, *inputs: Any, **_: Any) -> WeightShapes:
        """Return the learned tensors with the sizes that one token uses: `weights`, unless experts are routed."""
        return self.weights(*inputs)

    def read_weights(self, *inputs: Any, **_: Any) -> WeightShapes:
        """Return the learned tensors with the sizes that are read for one token at least: a row of a looked-up table.

        They are `active_weights` by default. For several tokens they are read once if all use the same.
        """
        return self.active_weights(*inputs)

    def buffers(self, *inputs: Any, **_: Any) -> WeightShapes:
        """Return the buffers, by name: tensors that are stored but not trained, such as running statistics."""
        return {}

    def projections(self, *inputs: Any, **_: Any) -> dict[str, Projection]:
        """Return the matrices that it multiplies positions with, which LoRA adapts, by name ("": the layer itself)."""
        return {}

    def macs(self, output: Any, *inputs: Any, **_: Any) -> Dim:
        """Return the multiply-accumulates for one sample."""
        return 0

    def works_by_channel(self, *inputs: Any, **_: Any) -> bool:
        """Return whether each output channel depends on the same input channel alone: it may overwrite that."""
        return False

    def with_bias(self) -> Layer | None:
        """Return the layer with a learned bias for each output channel, if it is a weighted sum; else None."""
        return None

    @property
    def scales_channels(self) -> bool:
        """Whether at inference it only scales and shifts each channel by constants, which a layer before it can do."""
        return False

    def needed_macs(self, output: Any, *inputs: Any, **_: Any) -> int:
        """Return `macs` without those of attention scores that a causal mask or a window hides; on plain ints."""
        macs: int = self.macs(output, *inputs)
        return macs

    def past_macs(self, *inputs: Any, **_: Any) -> Dim:
        """Return the multiply-accumulates that a cached position adds to those of one token; 0 without a KV cache."""
        return 0

    def kv_cache(self, *inputs: Any, **_: Any) -> Dim:
        """Return how many elements a decoder caches for each past position: 0 except for causal attention."""
        return 0

    def longest_sequence(self) -> int | None:
        """Return the length of the longest sequence that it works on: that of a table of positions; None for any."""
        return None

    def cache_window(self) -> int | None:
        """Return how many past positions a decoder needs at most in its cache; None for all."""
        return None

    def cross_kv_cache(self, *inputs: Any, **_: Any) -> tuple[Dim, Dim]:
        """Return what a decoder caches of the source that this layer attends to: elements per position, and positions.

        Whether the layer is in a decoder and attends to a source is decided by the network.
        """
        return 0, 0

    def score_heads(self, *inputs: Any, **_: Any) -> Dim:
        """Return how many scores attention has for each pair of a query and a key: one for each head; else 0.

        The length of the queries is the axis before the last of the first input, that of the keys of the second, or of
        the only one.
        """
        return 0

    def states_after(self, *inputs: Any, **_: Any) -> tuple[Shape, ...]:
        """Return the states of a recurrence after a step, with which the next step begins."""
        return ()

    def state_cache(self, *inputs: Any, **_: Any) -> Dim:
        """Return how many elements a decoder keeps for a sequence of any length: the states of a recurrence."""
        return total(state.elements for state in self.states_after(*inputs))

    def recurrent_state(self, *inputs: Any, **_: Any) -> Dim:
        """Return how many elements of `state_cache` are in fp32, whatever the activations have."""
        return 0

    def kept(self, output: Any, *inputs: Any, **_: Any) -> Iterable[tuple[Dim, int]]:
        """Return what the backward pass needs for one sample besides what `saves` names: elements, and bits of each.

        0 bits are those of the activations (attention's scores); others have their own width (the indices of a pool),
        and `WIDENED` is an fp32 copy that is made where activations have fewer bits.
        With `kept_for_weights` and `saved` (only for plain ints) that is what PyTorch saves, as recorded in
        tests/data/saved_tensors.json.
        """
        return ()

    def kept_for_weights(self, output: Any, *inputs: Any, **_: Any) -> Iterable[tuple[Dim, int]]:
        """Return what the backward pass needs in addition if the layer's weights are trained, in the same form."""
        return ()

    def saved(self, *inputs: Any, **_: Any) -> str:
        """Return what the backward pass needs again for these inputs: `saves` by default."""
        return self.saves

    def looks(self, output: Any, *inputs: Any, **_: Any) -> Iterable[Look]:
        """Return how the output depends on its inputs, on plain ints; on all of them by default."""
        if self.elementwise:
            return [aligned(i, x, output) for i, x in enumerate(inputs)]
        return [everything(i, x) for i, x in enumerate(inputs)]

    def output_names(self) -> tuple[str, ...]:
        """Return the names of its outputs, by which references may name them; empty where they have only numbers."""
        return ()

    def otherwise(self, *inputs: Any, **_: Any) -> Mapping[str, Any]:
        """Return values of arguments that may be meant where it or a layer after it does not fit, by their names."""
        return {}

    def doubt(self, *inputs: Any, **_: Any) -> str:
        """Return a note on a valid input that is probably a mistake; empty by default."""
        return ""

    @property
    def axis_order(self) -> str:
        """How it reads the axes of its first input: CHANNELS_FIRST (in CHW), FEATURES_LAST, or "" for any order."""
        return CHANNELS_FIRST if self.ranks is not None else ""

    @property
    def axis_order_out(self) -> str:
        """The order of the axes of its first output, if it makes them: as in `axis_order`."""
        return self.axis_order

    @property
    def is_written_in_place(self) -> bool:
        """Whether it is written to work in place, as PyTorch's `inplace=True`."""
        return False

    def axis_letters(self, *inputs: Any, **_: Any) -> tuple[str, ...]:
        """Return the letters of the axes of inputs, the first ones, and of the output in `explain`; empty: the usual.

        The usual ones are those of a feature map, or of a sequence of features.
        """
        return "", ""

    # Derived from the formulas.

    def features_in(self, *inputs: Any, **_: Any) -> Dim:
        """Return the number of input features: all elements of the input, flattened."""
        return inputs[0].elements

    def shown_arguments(self, x: Shape | None) -> dict[str, Any]:
        """Return the arguments as a report shows them: the effective ones that are not at their default."""
        rank = len(x.spatial) if x and x.sizes else 0
        shown = {}
        for name, argument in self.arguments.items():
            value = self.__dict__[name]
            if value is not None and (argument.always or value != argument.default):
                shown[name] = argument.expand(value, rank)
        return shown

    @classmethod
    def summary(cls) -> str:
        """Return the kind's one-line doc."""
        return (cls.__doc__ or "").strip().partition("\n")[0]


def _ordered(inherited: dict[str, Argument], own: dict[str, Argument]) -> dict[str, Argument]:
    """Return the arguments of a kind: required ones first, its own before those it shares."""
    required = {name: argument for name, argument in {**own, **inherited}.items() if argument.required}
    return {**required, **inherited, **own}


def is_bias(name: str) -> bool:
    """Return whether a learned tensor of that name is a bias."""
    return "bias" in name


def register(cls: type[Layer]) -> None:
    """Add a kind to the registry. Errors: `ValueError` for a name that is already in use."""
    if cls.kind in KINDS:
        raise ValueError(f"two kinds are called {cls.kind}")
    for word in (cls.kind, *cls.also):
        key = normalise_word(word)
        if _also_names.get(key, cls.kind) != cls.kind:
            raise ValueError(f"two kinds are called {word}: {_also_names[key]} and {cls.kind}")
        _also_names[key] = cls.kind
    KINDS[cls.kind] = cls


def normalise_word(word: str) -> str:
    """Return a kind's name as it is compared: `MaxPool2d`, `max-pool` and `max_pool` are equal except for the `2d`."""
    return word.lower().replace("_", "").replace("-", "")


_STATED = re.compile(r"[123](?=d)")


def stated_rank(word: str) -> int | None:
    """Return how many spatial axes a kind's name states: 2 for `Conv2d` or `conv2d_transpose`, None for `conv`."""
    found = _STATED.search(word.lower())
    return int(found[0]) if found else None


def registered(word: str) -> type[Layer] | None:
    """Return the kind of that name or also-name among those that are loaded, or None: `layers.find_kind` loads them."""
    return KINDS.get(_also_names.get(normalise_word(word), ""))


class Composite(Layer):
    """A kind made of other kinds: it declares its arguments and, as text of the specification language, its layers.

    `layers` is the `layers:` of a block with the kind's arguments; the kind expands into those layers as
    a block does, and has no formulas of its own.
    """

    layers: ClassVar[str] = ""
    also_parts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The names of its layers in other libraries, by their own."""
