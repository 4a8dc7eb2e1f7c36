"""Fully connected layers: every output feature is a weighted sum of every input feature."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import EQUAL, UP_TO, Constraint, Dim, prod
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Flag, Integer, Stated
from shapecalc.layers.base.dependence import Look, everything, rearranged
from shapecalc.layers.base.layer import TRAINED, WIDENED, Example, Layer, Projection, WeightShapes
from shapecalc.layers.base.parametrization import Parametrization, Parametrized
from shapecalc.layers.base.roles import PROJECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "matrices"

__all__ = ["Bilinear", "FullyConnected", "GroupedLinear", "Linear"]


class _Connected(Parametrized, Layer):
    """What fully connected layers share."""

    accumulates = True
    saves = TRAINED
    weight_roles: ClassVar = {"weight": PROJECTION}
    scores = True

    out_features = Integer("number of output features", also=["units"], symbol="F_out")
    bias = Flag("learned bias of each output feature", True, also=["use_bias"])
    in_features = Stated("features of the input")
    parametrization = Parametrization()

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if self.in_features is not None:
            names = "features of the input", "in_features"
            stated = Constraint(self.features_in(x), EQUAL, self.in_features, *names)
            yield stated._replace(own_error=lambda: self.unmet(stated, x))

    def unmet(self, stated: Constraint, x: Shape) -> LayerError:
        """Return the error if the features of the input are not `in_features`."""
        return stated.error()

    def learned(self, x: Shape) -> WeightShapes:
        weight = (self.out_features, self.features_in(x))
        return {"weight": weight, "bias": (self.out_features,)} if self.bias else {"weight": weight}


class FullyConnected(_Connected):
    """Fully connected layer: flattens its input; every output feature is a weighted sum of all elements."""

    kind = "fc"
    also = ("fully_connected", "fully_connected_layer", "inner_product")
    is_a = ("linear",)

    examples = (
        Example({"out_features": 4096}, (6, 6, 256), (4096,), 37_752_832, 37_748_736, "LearnOpenCV's table of AlexNet",
                "HWC"),
        Example({"out_features": 10, "bias": False}, (20,), (10,), 200, 200, "by definition"),
    )  # fmt: skip

    def unmet(self, stated: Constraint, x: Shape) -> LayerError:
        error = stated.error()
        if not x.is_map or self.in_features != x.channels:
            return error

        def forgotten(place: Callable[[Insertion], str]) -> str:
            pool = f"{place(Insertion('global_avg_pool'))}, for the mean of each channel"
            return f"{pool}; or leave in_features out, for all {x.elements:,} elements"

        return LayerError(error.message, error.why, forgotten)

    def output(self, x: Shape) -> Shape:
        return x.plain(self.out_features)

    def projections(self, x: Shape) -> dict[str, Projection]:
        return {"": Projection(x.elements, self.out_features, 1)}

    def macs(self, output: Shape, x: Shape) -> Dim:
        return x.elements * self.out_features


class Linear(_Connected):
    """Linear (dense) layer along the last axis, with the same weights at every position of the other axes."""

    kind = "linear"
    also = ("dense",)
    in_calls = ("in_features", "out_features", "bias")
    in_keras_calls = ("out_features",)

    upcast = Flag(
        "compute in fp32, with an fp32 copy of an input of fewer bits (as DeepSeek's routers); changes no size", False
    )

    examples = (
        Example({"out_features": 5}, (3, 7), (3, 5), 40, 105, "PyTorch 2.13.0, run; MACs by arithmetic"),
        Example({"units": 7, "use_bias": False}, (5,), (7,), 35, 35, "Keras 3.15.1, run; MACs by arithmetic"),
    )  # fmt: skip

    def output(self, x: Shape) -> Shape:
        return x.with_axis(-1, self.out_features)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if not x.sizes:
            raise LayerError("linear needs an input with at least one axis")
        yield from super().constraints(x)

    def features_in(self, x: Shape) -> Dim:
        return x.sizes[-1]

    def doubt(self, x: Shape) -> str:
        if not x.is_map or x.channels_last or self.in_features is not None:
            return ""
        return (
            f"works along the last axis of {x.text} alone: put `- flatten` before it, or use fc, for all its features"
        )

    def unmet(self, stated: Constraint, x: Shape) -> LayerError:
        if not x.is_map and self.in_features != x.elements:
            return super().unmet(stated, x)
        return LayerError(
            stated.error().message,
            ("linear works along the last axis alone, with the same weights at every position of the others",),
            partial(self._hint_for_map, x),
        )

    def _hint_for_map(self, x: Shape, place: Callable[[Insertion], str]) -> str:
        """Return the hint for a feature map: the pooling that was forgotten where its channels are due."""
        if x.is_map and self.in_features == x.channels and self.in_features != x.elements:
            pool = place(Insertion("global_avg_pool"))
            return f"{pool}, for the mean of each channel; or to_tokens, for linear at every position"
        return f"{place(Insertion('flatten'))}, for {x.elements:,} features; or fc, which flattens its input"

    def projections(self, x: Shape) -> dict[str, Projection]:
        return {"": Projection(x.sizes[-1], self.out_features, prod(x.sizes[:-1]))}

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.elements, WIDENED)] if self.upcast else []

    def macs(self, output: Shape, x: Shape) -> Dim:
        return prod(x.sizes) * self.out_features

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {i: i for i in range(x.rank - 1)})]


class GroupedLinear(Layer):
    """Linear layers without bias of groups of rows: each group of rows has a weight of its own, as experts have.

    The first input is (rows, features), sorted by groups; the second (num_groups) has the row at which each group ends,
    as `torch.nn.functional.grouped_mm` has `offs`. Each row is multiplied by one weight. A token is one row, or `top_k`
    rows, each for another of its experts: that many weights are active.
    """

    kind = "grouped_linear"
    also = ("grouped_mm",)
    inputs = (2, 2)
    input_names = ("rows", "offsets")
    branches = True
    sequences = True
    saves = TRAINED
    weight_roles: ClassVar = {"weight": PROJECTION}
    routed_by = 1

    num_groups = Integer("number of groups, and of weights", also=["num_experts", "num_gemms"], symbol="E")
    out_features = Integer("number of output features", also=["units"], symbol="F_out")
    in_features = Stated("features of the input")
    top_k = Integer("rows of one token, each in another group", 1, also=["num_experts_per_tok"], symbol="k")

    examples = (
        Example({"num_groups": 4, "out_features": 64}, [(12, 32), (4,)], (12, 64), 8_192, 24_576,
                "PyTorch 2.13.0, F.grouped_mm, run; MACs by its flop counter of each product"),
        Example({"num_groups": 8, "out_features": 28_672, "top_k": 2}, [(10, 4096), (8,)], (10, 28_672), 939_524_096,
                1_174_405_120, "gate_up_proj of Mixtral-8x7B for 5 tokens, transformers 5.24.0; MACs by arithmetic"),
    )  # fmt: skip

    def constraints(self, x: Shape, offsets: Shape) -> Iterator[Constraint]:
        if x.rank != 2 or offsets.rank != 1:
            raise LayerError(
                f"grouped_linear needs rows × features, and the ends of its groups, but its inputs are {x.text} and "
                f"{offsets.text}",
                hint="flatten the axes before the features of the first input, and select one offset for each group",
            )
        if self.in_features is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.in_features, "features of the input", "in_features")
        yield Constraint(offsets.sizes[0], EQUAL, self.num_groups, "size of the offsets", "num_groups")
        yield Constraint(self.top_k, UP_TO, self.num_groups, "top_k", "num_groups")

    def output(self, x: Shape, offsets: Shape) -> Shape:
        return x.with_axis(-1, self.out_features)

    def weights(self, x: Shape, offsets: Shape) -> WeightShapes:
        return {"weight": (self.num_groups, self.out_features, x.sizes[-1])}

    def active_weights(self, x: Shape, offsets: Shape) -> WeightShapes:
        return {"weight": (self.top_k, self.out_features, x.sizes[-1])}

    def projections(self, x: Shape, offsets: Shape) -> dict[str, Projection]:
        return {"": Projection(x.sizes[-1], self.out_features, x.sizes[0], count=self.num_groups)}

    def macs(self, output: Shape, x: Shape, offsets: Shape) -> Dim:
        return x.elements * self.out_features

    def looks(self, output: Shape, x: Shape, offsets: Shape) -> list[Look]:
        return [rearranged(0, x, {0: 0}), everything(1, offsets)]


class Bilinear(Layer):
    """Bilinear form of two inputs along their last axes: each output feature is the sum of x1[i]·w[i, j]·x2[j].

    The inputs have the same axes but for the last. Its MACs are those of the first with the weight, and of that with
    the second.
    """

    kind = "bilinear"
    inputs = (2, 2)
    input_names = ("first", "second")
    branches = True
    weight_roles: ClassVar = {"weight": PROJECTION}
    scores = True
    in_calls = ("in1_features", "in2_features", "out_features", "bias")

    out_features = Integer("number of output features", symbol="F_out")
    bias = Flag("learned bias of each output feature", True)
    in1_features = Stated("features of the first input")
    in2_features = Stated("features of the second input")

    examples = (
        Example({"out_features": 4}, [(7, 5), (7, 6)], (7, 4), 124, 1_008,
                "PyTorch 2.13.0, nn.Bilinear, run; MACs by its flop counter of the einsum"),
        Example({"in1_features": 5, "in2_features": 6, "out_features": 4, "bias": False}, [(5,), (6,)], (4,), 120, 144,
                "PyTorch 2.13.0, nn.Bilinear, run; MACs by its flop counter of the einsum"),
    )  # fmt: skip

    def constraints(self, a: Shape, b: Shape) -> Iterator[Constraint]:
        if not a.sizes or a.rank != b.rank:
            raise LayerError(
                f"bilinear needs two inputs with the same axes but for the last, but they are {a.text} and {b.text}"
            )
        for number, (one, other) in enumerate(zip(a.sizes[:-1], b.sizes[:-1], strict=True), 1):
            yield Constraint(other, EQUAL, one, f"axis {number} of the second input", "that of the first")
        for x, name in ((a, "in1_features"), (b, "in2_features")):
            if (stated := getattr(self, name)) is not None:
                which = "first" if x is a else "second"
                yield Constraint(x.sizes[-1], EQUAL, stated, f"features of the {which} input", name)

    def output(self, a: Shape, b: Shape) -> Shape:
        return a.with_axis(-1, self.out_features)

    def weights(self, a: Shape, b: Shape) -> WeightShapes:
        weight = (self.out_features, a.sizes[-1], b.sizes[-1])
        return {"weight": weight, "bias": (self.out_features,)} if self.bias else {"weight": weight}

    def macs(self, output: Shape, a: Shape, b: Shape) -> Dim:
        return output.elements * (a.sizes[-1] + 1) * b.sizes[-1]

    def looks(self, output: Shape, a: Shape, b: Shape) -> list[Look]:
        return [rearranged(number, x, {i: i for i in range(x.rank - 1)}) for number, x in enumerate((a, b))]
