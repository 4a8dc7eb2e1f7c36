"""Weights that are computed from others: weight and spectral normalisation, as PyTorch's parametrizations.

Weight normalisation (Salimans & Kingma 2016) learns the lengths of the weight's parts along one axis, the first by
default, apart from their directions: one more parameter each. Spectral normalisation (Miyato et al. 2018) divides the
weight by its largest singular value, which two stored vectors approximate: buffers, one for each side of the weight as
a matrix, or only the one of the outputs, as in Keras. Computing the weight is not counted in MACs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import prod
from shapecalc.layers.base.arguments import Choice

if TYPE_CHECKING:
    from shapecalc.layers.base.layer import WeightShapes
    from shapecalc.layers.base.shape import Shape

__all__ = ["Parametrization", "Parametrized"]

_NONE, _WEIGHT_NORM, _SPECTRAL_NORM = "none", "weight_norm", "spectral_norm"
_LAST = "weight_norm_last"
_OF_KERAS = "spectral_norm_keras"
_WEIGHT = "weight"


class Parametrization(Choice):
    """How the weight of a layer is computed: it is learned itself, or normalised."""

    def __init__(self) -> None:
        super().__init__(
            "how the weight is normalised: weight_norm learns its lengths and directions separately (weight_norm_last: "
            "along the last axis, not the first); spectral_norm has two vectors as buffers, spectral_norm_keras one",
            (_NONE, _WEIGHT_NORM, _LAST, _SPECTRAL_NORM, _OF_KERAS),
            _NONE,
            also=["parameterization"],
        )


class Parametrized:
    """What layers with the argument share: their learned tensors are derived from those without a parametrization."""

    parametrization: Any
    outputs_axis: ClassVar[int] = 0
    """The axis of the weight that is that of the outputs."""

    @property
    def is_plain(self) -> bool:
        """Whether the weight is learned itself, so that it can be scaled."""
        return bool(self.parametrization == _NONE)

    def learned(self, x: Shape) -> WeightShapes:
        """Return the learned tensors, but for the parametrization."""
        raise NotImplementedError

    def weights(self, x: Shape, *_: Shape) -> WeightShapes:
        """Return the learned tensors: `Layer.weights`."""
        shapes = self.learned(x)
        if self.parametrization not in (_WEIGHT_NORM, _LAST):
            return shapes
        sizes = shapes.pop(_WEIGHT)
        ones = (1,) * (len(sizes) - 1)
        lengths = (sizes[0], *ones) if self.parametrization == _WEIGHT_NORM else (*ones, sizes[-1])
        return {"original0": lengths, "original1": sizes, **shapes}

    def buffers(self, x: Shape, *_: Shape) -> WeightShapes:
        """Return the tensors that are stored, but not learned: `Layer.buffers`."""
        if self.parametrization not in (_SPECTRAL_NORM, _OF_KERAS):
            return {}
        sizes, axis = self.learned(x)[_WEIGHT], self.outputs_axis
        if self.parametrization == _OF_KERAS:
            return {"u": (sizes[0],)}  # the last axis of Keras' kernel: of a transposed convolution that of the input
        return {"u": (sizes[axis],), "v": (prod(size for i, size in enumerate(sizes) if i != axis),)}
