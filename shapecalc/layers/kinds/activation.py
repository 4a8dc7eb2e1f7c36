"""Activations and other element-wise layers: PReLU, GLU, softmax, dropout.

The ones without parameters are a table: the name of each, what it computes, its arguments. No argument changes a size
or a count; they are accepted so that a network can be written in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from shapecalc.dims import BROADCASTS, DIVIDES, Constraint, Dim
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Argument, Choice, Flag, Integer, Number
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers, axis_index, axis_of, once
from shapecalc.layers.base.dependence import Look, aligned, rearranged, shifted
from shapecalc.layers.base.layer import BOTH, IN_FP32, INPUTS, NOTHING, OUTPUTS, Example, Layer, WeightShapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "activations"

__all__ = ["Activation", "Dropout", "Glu", "PRelu"]


class _Function(Layer):
    """An activation: one function of each element, without parameters.

    `extra_saved` is how many tensors of the input's size the backward pass needs in addition to what `saves` names.
    """

    elementwise = True
    sorts = ("activations",)
    extra_saved: ClassVar[int] = 0

    @property
    def is_written_in_place(self) -> bool:
        return bool(self.__dict__.get("inplace", False))

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(self.extra_saved * x.elements, 0)] if self.extra_saved else []


class _Rectifier(_Function):
    """A rectifier that may have an upper limit: its derivative is computed from its output only if it has none."""

    in_calls = ("inplace",)

    max_value = Number("maximum of the output, as in Keras", None)

    def saved(self, x: Shape) -> str:
        return OUTPUTS if self.max_value is None else INPUTS


class _AlongAxis(_Function):
    """An activation whose elements along one axis depend on one another."""

    autocast = IN_FP32

    dim = AxisNumber("the axis along which elements are normalised, or channels; if not set, element-wise for `rf`",
                     None, channels=True, also=["axis"])  # fmt: skip

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        if self.dim is not None:
            axis_index(self.dim, x)
        return ()

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        looks = [aligned(0, x, output)]
        if self.dim is not None:
            axis = axis_index(self.dim, x)
            looks.append(rearranged(0, x, {i: i for i in range(x.rank) if i != axis}))
        return looks


class _Entry(NamedTuple):
    doc: str
    also: tuple[str, ...] = ()
    arguments: dict[str, tuple[str, float]] = {}  # noqa: RUF012  (an entry is never changed)
    base: type[_Function] = _Function


_FUNCTIONS = {
    "relu": _Entry("Rectified linear unit: max(0, x).", ("rectified_linear",), base=_Rectifier),
    "relu2": _Entry("Squared ReLU: max(0, x)².", ("squared_relu",)),
    "relu6": _Entry("ReLU with a maximum of 6: min(max(0, x), 6)."),
    "leaky_relu": _Entry(
        "Leaky ReLU: x above 0, a small slope times x below.",
        arguments={"negative_slope": ("the slope below 0", 0.01)},
    ),
    "rrelu": _Entry(
        "Randomised leaky ReLU: its slope below 0 is drawn at random in training.",
        arguments={"lower": ("minimum slope", 1 / 8), "upper": ("maximum slope", 1 / 3)},
    ),
    "elu": _Entry(
        "Exponential linear unit: x above 0, alpha·(eˣ − 1) below.", arguments={"alpha": ("scale below 0", 1.0)}
    ),
    "selu": _Entry("Scaled exponential linear unit, which keeps mean and variance."),
    "celu": _Entry("Continuously differentiable exponential linear unit.", arguments={"alpha": ("scale below 0", 1.0)}),
    "gelu": _Entry(
        "Gaussian error linear unit: x·Φ(x).",
        ("gelu_fast", "gelu_python", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_10"),
    ),
    "gelu_new": _Entry("GELU's approximation by tanh, made of several operations as in transformers' GPT-2."),
    "quick_gelu": _Entry("CLIP's approximation of GELU: x·sigmoid(1.702·x)."),
    "abs": _Entry("Absolute value.", ("absolute",)),
    "silu": _Entry("Sigmoid linear unit: x·sigmoid(x).", ("swish",)),
    "mish": _Entry("Mish: x·tanh(softplus(x))."),
    "sigmoid": _Entry("Sigmoid (logistic function): 1 / (1 + e⁻ˣ).", ("logistic",)),
    "log_sigmoid": _Entry("Logarithm of the sigmoid."),
    "tanh": _Entry("Hyperbolic tangent."),
    "tanhshrink": _Entry("x − tanh(x)."),
    "softcap": _Entry(
        "Soft limit of scores: cap·tanh(x / cap), as of the logits in Gemma 2.",
        ("logit_softcapping",),
        {"cap": ("the limit of the output", 30.0)},
    ),
    "softplus": _Entry(
        "Softplus, a smooth ReLU: log(1 + eˣ).",
        arguments={"beta": ("sharpness", 1.0), "threshold": ("above it the output is x itself", 20.0)},
    ),
    "sqrt_softplus": _Entry("Square root of softplus, of log(1 + eˣ).", ("sqrtsoftplus",)),
    "laplace": _Entry("Laplace function, MEGA's smooth squared ReLU: Φ((x − 0.7071) / 0.2821)."),
    "softsign": _Entry("x / (1 + |x|)."),
    "hardswish": _Entry("Hard swish, piecewise linear and quadratic: x·relu6(x + 3) / 6.", ("hard_silu",)),
    "hardsigmoid": _Entry("Hard sigmoid: a piecewise linear sigmoid."),
    "hardtanh": _Entry(
        "x clamped between two limits.",
        ("clip", "clamp"),
        {"min_val": ("the lower limit", -1.0), "max_val": ("the upper limit", 1.0)},
    ),
    "hardshrink": _Entry(
        "Hard shrinkage: 0 where |x| is at most lambd, x elsewhere.", arguments={"lambd": ("threshold", 0.5)}
    ),
    "softshrink": _Entry(
        "Soft shrinkage: x moved towards 0 by lambd.", arguments={"lambd": ("how far x is moved", 0.5)}
    ),
    "threshold": _Entry(
        "x above the threshold, a fixed value below.",
        arguments={"threshold": ("the threshold", 0.0), "value": ("the value below it", 0.0)},
    ),
    "exponential": _Entry("eˣ.", ("exp",)),
    "softmax": _Entry(
        "Softmax: positive values that sum to 1 along an axis.", ("softmax1d", "softmax2d"), base=_AlongAxis
    ),
    "softmin": _Entry("Softmax of the negated input.", base=_AlongAxis),
    "log_softmax": _Entry("Logarithm of the softmax.", base=_AlongAxis),
    "identity": _Entry("Identity: returns its input unchanged.", ("no_op", "pass_through")),
}


_KEEPS_ITS_OUTPUT = ("relu", "sigmoid", "tanh", "exponential", "softmax", "softmin", "log_softmax")
"""Functions whose derivative is computed from their output (PyTorch's derivatives.yaml)."""

_KEPT = {
    **dict.fromkeys(_KEEPS_ITS_OUTPUT, (OUTPUTS, 0)),
    **dict.fromkeys(("identity", "linear"), (NOTHING, 0)),
    "rrelu": (INPUTS, 1),  # the slopes that were drawn
    "log_sigmoid": (INPUTS, 1),  # exp(-|x|)
    "softsign": (INPUTS, 1),  # 1 + |x|
    "gelu_new": (INPUTS, 3),  # x/2, the hyperbolic tangent, and 1 + that
    "quick_gelu": (INPUTS, 1),  # the logistic function
    "tanhshrink": (NOTHING, 1),  # tanh(x)
    "softcap": (NOTHING, 1),  # tanh(x / cap)
    "relu2": (NOTHING, 1),  # relu(x)
    "laplace": (NOTHING, 1),  # what the error function is computed of
    "sqrt_softplus": (BOTH, 0),
}
"""What a function's backward pass needs again, and how many more tensors of its size; by default only its input."""


def _declare(name: str, entry: _Entry) -> type[_Function]:
    """Return the kind of one line of the table."""
    arguments: dict[str, Argument] = {word: Number(*given) for word, given in entry.arguments.items()}
    if "negative_slope" in arguments or name in ("elu", "celu"):
        slope = next(iter(arguments.values()))
        slope.also = ("alpha",) if name == "leaky_relu" else ()
    if name == "gelu":
        arguments["approximate"] = Choice("the exact function, or its approximation by tanh", ("none", "tanh"), "none")
    if entry.base is not _AlongAxis and name != "identity":
        arguments["inplace"] = Flag("write the output over the input; changes no size", False)
    example = Example({}, (64, 55, 55), (64, 55, 55), source="by definition")
    body = {"__doc__": entry.doc, "__module__": __name__, "kind": name, "also": entry.also, "examples": (example,),
            "saves": _KEPT.get(name, (INPUTS, 0))[0], "extra_saved": _KEPT.get(name, (INPUTS, 0))[1],
             "view": name == "identity", "group": "others" if name == "identity" else "",
             "of_scores": name == "softcap", "in_losses": name in ("softmax", "log_softmax", "sigmoid")}  # fmt: skip
    return type(name.title().replace("_", ""), (entry.base,), {**body, **arguments})


for _name, _entry in _FUNCTIONS.items():
    _class = _declare(_name, _entry)
    globals()[_class.__name__] = _class  # where pickle looks for it


class Activation(_Function):
    """An activation by the name of its function."""

    kind = "activation"
    called_by = "function"

    function = Choice(
        "the function",
        sorted({*_FUNCTIONS, "linear", *(word for entry in _FUNCTIONS.values() for word in entry.also)}),
        also=["activation"],
    )

    examples = (Example({"function": "tanh"}, (6, 28, 28), (6, 28, 28), source="LeCun et al. 1998, LeNet-5"),)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        names = {word: name for name, entry in _FUNCTIONS.items() for word in (name, *entry.also)}
        saves, extra = _KEPT.get(names.get(self.function, self.function), (INPUTS, 0))
        self.__dict__.update(saves=saves, extra_saved=extra)


class PRelu(_Function):
    """Parametric ReLU: x above 0, a learned slope times x below."""

    kind = "prelu"
    also = ("parametric_relu",)

    num_parameters = Integer("number of slopes: 1, or one for each channel (1 by default)", None)
    per = Choice("how slopes are shared: one for all elements, one per channel, one per element",
                 ("one", "channel", "element"), None)  # fmt: skip
    shared_axes = AxisNumbers("axes along which one slope is shared, with a slope for each element", None)
    init = Number("initial slope", 0.25)

    examples = (
        Example({"num_parameters": 6}, (6, 4), (6, 4), 6, source="PyTorch 2.13.0, run"),
        Example({"per": "element"}, (4, 5, 3), (4, 5, 3), 60, source="Keras 3.15.1, run", layout="HWC"),
        Example({"shared_axes": [1, 2]}, (4, 5, 3), (4, 5, 3), 3, source="Keras' docs of PReLU", layout="HWC"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        given = [name for name in ("num_parameters", "per", "shared_axes") if self.__dict__[name] is not None]
        if len(given) > 1 and not (given == ["per", "shared_axes"] and self.per == "element"):
            raise LayerError(f"{' and '.join(given)} both set the number of slopes", hint="give one of the two")

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        self._sizes(x)
        if self.num_parameters is not None:
            channels = x.channels if x.sizes else 1
            yield Constraint(self.num_parameters, BROADCASTS, channels, "num_parameters", "channels of the input")

    def _sizes(self, x: Shape) -> tuple[Dim, ...]:
        if self.per == "element" or self.shared_axes is not None:
            shared = [axis_of(axis, x.rank, "shared_axes") for axis in self.shared_axes or ()]
            once("shared_axes", shared)
            return tuple(1 if i in shared else size for i, size in enumerate(x.sizes))
        if self.per == "channel":
            return (x.channels,)
        return (1 if self.num_parameters is None else self.num_parameters,)

    def weights(self, x: Shape) -> WeightShapes:
        return {"weight": self._sizes(x)}


class Glu(Layer):
    """Gated linear unit: one half of an axis times the sigmoid of the other half."""

    kind = "glu"

    dim = AxisNumber("the axis that is halved, or channels", -1, channels=True, also=["axis"])

    examples = (
        Example({"dim": 1}, (6, 4), (3, 4), source="PyTorch's docs of GLU"),
        Example({}, (10, 512), (10, 256), source="Dauphin et al. 2017"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        axis = axis_index(self.dim, x)
        yield Constraint(2, DIVIDES, x.sizes[axis], "", f"size of axis {axis + 1}, which is halved")

    def output(self, x: Shape) -> Shape:
        axis = axis_index(self.dim, x)
        return x.with_axis(axis, x.sizes[axis] // 2)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        axis = axis_index(self.dim, x)
        every, half = {i: i for i in range(x.rank)}, x.sizes[axis] // 2
        return [rearranged(0, x, every, {axis: shifted(by)}) for by in (0, half)]


class Dropout(_Function):
    """Dropout: zeroes elements at random in training; returns its input unchanged at inference."""

    kind = "dropout"
    group = "others"
    in_calls = ("p", "inplace")
    in_keras_calls = ("p",)
    only_training = True
    saves = NOTHING
    also = ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "spatial_dropout1d",
            "spatial_dropout2d", "spatial_dropout3d", "gaussian_dropout")  # fmt: skip

    p = Number("probability of an element to be zeroed", 0.5, minimum=0, maximum=1, also=["rate"])
    inplace = Flag("write the output over the input; changes no size", False)

    examples = (Example({"p": 0.5}, (4096,), (4096,), source="by definition"),)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.__dict__["view"] = self.p == 0  # PyTorch's then returns its input, in training too

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.elements, 8)] if 0 < self.p < 1 else []  # the mask: a byte for each element, as on a GPU
