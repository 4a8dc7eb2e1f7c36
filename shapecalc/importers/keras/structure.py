"""The structure of a model: its layers, and the calls of them on tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.importers.keras.trees import CallRecord, TensorRef

__all__ = ["INPUT", "PROJECTIONS", "LayerRecord", "ModelRecord", "RecordError"]

INPUT = "InputLayer"
PROJECTIONS = "adapted projections"
"""Of a model in memory, in the config of attention: its projections, where they have adapters of LoRA."""
_OF_TENSORFLOW = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


class RecordError(Exception):
    """A config is none of a model: where, and what is wrong."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{path}: {message}" if path else message)


class LayerRecord(NamedTuple):
    """A layer: its class, name and arguments, its location, the calls of it, and the model that it is, if it is one.

    `op` is its class without the package that it is registered in; `is_own` is whether it is one of Keras itself;
    `build` is what the file states of the sizes that it was built for; `key` is the same for the same layer
    only; `is_op` is whether it is an operation of `keras.ops`; `weights` are the names and sizes of the parameters of
    one in memory, None in a file.
    """

    op: str
    title: str
    is_own: bool
    name: str
    config: Mapping[str, Any]
    path: str
    calls: tuple[CallRecord, ...]
    build: Mapping[str, Any]
    model: ModelRecord | None
    key: str
    is_op: bool = False
    weights: tuple[tuple[str, tuple[int, ...]], ...] | None = None

    @property
    def is_operation(self) -> bool:
        """Whether it is an operation, of `keras.ops` or TensorFlow, and no layer."""
        return self.is_op or self.op in _OF_TENSORFLOW


class ModelRecord(NamedTuple):
    """A model: its layers in the order of the file, its inputs (with their names in a dict, or else empty), outputs."""

    name: str
    layers: tuple[LayerRecord, ...]
    inputs: tuple[tuple[str, TensorRef], ...]
    outputs: Any
    is_sequential: bool
    build: Mapping[str, Any]
