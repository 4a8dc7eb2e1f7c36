"""Operations by their names: the sizes of their outputs are stated, and their costs are unknown, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Text
from shapecalc.layers.base.layer import Example, Layer
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.sizes import NamedSizes

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = "others"

__all__ = ["NamedOperation", "Opaque"]


class _WeightSizes(NamedSizes):
    """Sizes of weights: an empty list says that there are none."""

    def read(self, value: Any) -> Any:
        return () if isinstance(value, (list, tuple, dict)) and not value else super().read(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().schema()["anyOf"], {"type": "array", "maxItems": 0}]}


class _Operation(Layer):
    """Operation with outputs of stated sizes, which may have names."""

    inputs: ClassVar[tuple[int, int | None]] = (0, None)
    output_sizes: Any

    def output(self, *inputs: Shape) -> Any:
        shapes = tuple([_like(sizes, inputs) for _, sizes in self.output_sizes])
        return shapes if len(shapes) > 1 else shapes[0]

    def output_names(self) -> tuple[str, ...]:
        return tuple([name for name, _ in self.output_sizes])


class Opaque(_Operation):
    """Operation of any sort, with outputs of stated sizes: of another library, or written by hand.

    Its outputs may have names: `output_sizes: {boxes: 100x4, scores: 100}` are `opaque1[boxes]` and
    `opaque1[scores]`, or `opaque1[0]` and `opaque1[1]`. Its MACs are unknown, and its parameters too without
    `weight_sizes`: they are not in the totals, and a note says so.
    """

    kind = "opaque"
    is_unknown = True

    output_sizes = NamedSizes("size of the output; of several a list of sizes, or sizes by their names")
    op_type = Text("name of the operation", None)
    weight_sizes = _WeightSizes(
        "sizes of its weights, by their names or as a list, [] for none; unknown by default", None
    )

    examples = (
        Example({"output_sizes": [7], "weight_sizes": {"w": [3, 7], "v": [7]}}, (3,), (7,), 28,
                source="by declaration: the sizes are stated"),
        Example({"output_sizes": {"boxes": [100, 4], "scores": [100]}, "op_type": "NonMaxSuppression"},
                [(900, 4), (900, 80)], [(100, 4), (100,)], source="by declaration: the sizes are stated"),
        Example({"output_sizes": [7, 7, 3]}, (3, 7, 7), (7, 7, 3), source="by declaration: the sizes are stated"),
    )  # fmt: skip

    def weights(self, *inputs: Shape) -> Any:
        return {name or f"weight{i}": sizes for i, (name, sizes) in enumerate(self.weight_sizes or (), 1)}

    @property
    def has_unknown_weights(self) -> bool:
        return self.weight_sizes is None

    def doubt(self, *inputs: Shape) -> str:
        what = f" ({self.op_type})" if self.op_type else ""
        unknown = "parameters and MACs" if self.has_unknown_weights else "MACs"
        return f"is opaque{what}: its {unknown} are unknown, and not in the totals"


class NamedOperation(_Operation):
    """Operation without parameters and MACs, by its name: cumsum, scatter, one_hot.

    Its output has the size of its first input, or the sizes that are stated, as those of `opaque`.
    """

    kind = "named_operation"
    called_by = "op_type"

    output_sizes = NamedSizes("size of the output, or a list of sizes; by default that of the first input", None)
    op_type = Text("name of the operation", None)

    examples = (
        Example({"op_type": "cumsum"}, (5, 4), (5, 4), 0, 0, source="PyTorch 2.13.0, torch.cumsum, run"),
        Example({"op_type": "OneHot", "output_sizes": [5, 10]}, (5,), (5, 10), 0, 0, source="ONNX 1.23.2, OneHot, run"),
    )

    def output(self, *inputs: Shape) -> Any:
        if self.output_sizes is None:
            if not inputs:
                raise LayerError("it has neither an input nor output_sizes", hint="write output_sizes: 3x224x224")
            return inputs[0]
        return super().output(*inputs)

    def output_names(self) -> tuple[str, ...]:
        return () if self.output_sizes is None else super().output_names()


def _like(sizes: tuple[int, ...], inputs: Sequence[Shape]) -> Shape:
    """Return the shape of sizes as they are written: in the layout of the first input, if it is a map of that rank."""
    first = inputs[0] if inputs else Shape(sizes)
    return first._replace(sizes=sizes, is_map=first.is_map and first.rank == len(sizes))
