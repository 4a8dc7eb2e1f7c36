"""The names that a pickle of a state dict may have, and the stand-ins that come of them.

Source: what PyTorch writes: `torch/_utils.py`, `torch/serialization.py`, `torch/_weights_only_unpickler.py` of version
2.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.contents import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INERT", "KNOWN", "AllowedName", "Inert", "SparseParts", "TensorStorage", "TensorView", "set_entry"]


class Inert:
    """What a file may name, and what is of no interest: an option of training, a date, an array of numpy."""

    __slots__ = ()


class TensorStorage:
    """The bytes that tensors are views of: their type (empty: bytes alone), key in the file, and number of elements."""

    __slots__ = ("dtype", "elements", "key")

    def __init__(self, dtype: str, key: str, elements: int) -> None:
        self.dtype, self.key, self.elements = dtype, key, elements


class TensorView:
    """A tensor: its type and sizes, and which elements of its storage it is; one without data has no storage.

    `trainable` is whether a parameter is one that is trained; None for a tensor that is no parameter.
    """

    __slots__ = ("dtype", "offset", "shape", "storage", "strides", "trainable")

    def __init__(self, storage: TensorStorage | None, dtype: str, offset: Any, shape: Any, strides: Any) -> None:
        self.storage, self.dtype, self.offset, self.shape, self.strides = storage, dtype, offset, shape, strides
        self.trainable: bool | None = None


class SparseParts(dict[str, TensorView]):
    """The tensors that a sparse one is stored as, by their names in PyTorch: the last has the values."""


class AllowedName:
    """A name that a file may call: `make` returns what comes of its arguments."""

    __slots__ = ("dtype", "make")

    def __init__(self, make: Callable[..., Any], dtype: str = "") -> None:
        self.make, self.dtype = make, dtype


INERT = Inert()


def _inert(*_: Any) -> Inert:
    return INERT


def _view(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorView:
    if not isinstance(storage, TensorStorage):
        raise TypeError
    return TensorView(storage, storage.dtype, offset, shape, strides)


def _view_of_type(storage: Any, offset: Any, shape: Any, strides: Any, *more: Any) -> TensorView:
    dtype = next(item.dtype for item in more if isinstance(item, AllowedName))
    found = _view(storage, offset, shape, strides)
    found.dtype = dtype
    return found


def _without_data(dtype: Any, shape: Any, strides: Any, *_: Any) -> TensorView:
    if not isinstance(dtype, AllowedName):
        raise TypeError
    return TensorView(None, dtype.dtype, 0, shape, strides)


_PARTS = {2: ("indices", "values"), 3: ("compressed_indices", "plain_indices", "values")}
"""The parts of a sparse tensor of coordinates, and of one of compressed rows or columns, by their number."""


def _sparse(_: Any, parts: Any, *__: Any) -> SparseParts:
    if not isinstance(parts, tuple):
        raise TypeError
    views = [part for part in parts if isinstance(part, TensorView)]
    if len(views) not in _PARTS:
        raise TypeError
    return SparseParts(zip(_PARTS[len(views)], views, strict=True))


def _first(value: Any, *_: Any) -> Any:
    return value


def _parameter(value: Any, trainable: Any = True, *_: Any) -> Any:
    if isinstance(value, TensorView):
        value.trainable = bool(trainable)
    return value


def _subclass(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    if not isinstance(function, AllowedName) or not isinstance(arguments, tuple) or function.make is _subclass:
        raise TypeError
    return function.make(*arguments)


def _mapping(*items: Any) -> dict[Any, Any]:
    pairs = items[0] if items and isinstance(items[0], (list, dict)) else []
    found: dict[Any, Any] = {}
    for pair in pairs.items() if isinstance(pairs, dict) else pairs:
        key, value = pair
        set_entry(found, key, value)
    return found


def set_entry(target: Any, key: Any, value: Any) -> None:
    """Set an entry of a dict; keys that are no plain value get a name of their own."""
    if isinstance(target, dict):
        is_plain = isinstance(key, (str, int, float, bytes, type(None)))
        target[key if is_plain else f"<{type(key).__name__} {len(target)}>"] = value
    elif not isinstance(target, Inert):
        raise TypeError


KNOWN: dict[tuple[str, str], AllowedName] = {
    ("torch._utils", "_rebuild_tensor"): AllowedName(_view),
    ("torch._utils", "_rebuild_tensor_v2"): AllowedName(_view),
    ("torch._utils", "_rebuild_tensor_v3"): AllowedName(_view_of_type),
    ("torch._utils", "_rebuild_qtensor"): AllowedName(_view),
    ("torch._utils", "_rebuild_parameter"): AllowedName(_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): AllowedName(_parameter),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): AllowedName(_without_data),
    ("torch._utils", "_rebuild_sparse_tensor"): AllowedName(_sparse),
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): AllowedName(_inert),
    ("torch._tensor", "_rebuild_from_type_v2"): AllowedName(_subclass),
    ("torch.nn.parameter", "Parameter"): AllowedName(_first),
    ("torch.serialization", "_get_layout"): AllowedName(_inert),
    ("torch", "Size"): AllowedName(_first),
    ("collections", "OrderedDict"): AllowedName(_mapping),
    ("collections", "defaultdict"): AllowedName(lambda *_: {}),
    ("builtins", "dict"): AllowedName(_mapping),
    ("argparse", "Namespace"): AllowedName(_inert),
    ("types", "SimpleNamespace"): AllowedName(_inert),
    ("torch.storage", "UntypedStorage"): AllowedName(_inert, "U8"),
    ("torch", "UntypedStorage"): AllowedName(_inert, "U8"),
    **{("torch", name): AllowedName(_inert, dtype) for name, dtype in TYPES.items()},
    **{("torch", f"{name.title()}Storage"): AllowedName(_inert, dtype) for name, dtype in TYPES.items()},
    ("torch", "BFloat16Storage"): AllowedName(_inert, "BF16"),
    ("torch", "ComplexFloatStorage"): AllowedName(_inert, "C64"),
    ("torch", "ComplexDoubleStorage"): AllowedName(_inert, "C128"),
    ("torch", "ByteStorage"): AllowedName(_inert, "U8"),
    ("torch", "CharStorage"): AllowedName(_inert, "I8"),
    ("torch", "QInt8Storage"): AllowedName(_inert, "QI8"),
    ("torch", "QUInt8Storage"): AllowedName(_inert, "QU8"),
    ("torch", "QInt32Storage"): AllowedName(_inert, "QI32"),
}
"""The names that a file may have, and what comes of them. Nothing of another name is made, or called."""

_PYTHON = ("set", "frozenset", "list", "tuple", "int", "float", "complex", "bytearray", "slice", "range", "bool", "str")
_NUMPY = ("dtype", "ndarray", "_reconstruct", "scalar", "_frombuffer")
for _name in _PYTHON:
    KNOWN["builtins", _name] = AllowedName(_inert)
for _module in (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
):
    for _name in _NUMPY:
        KNOWN[_module, _name] = AllowedName(_inert)
for _module, _name in (
    ("torch", "device"), ("torch", "per_tensor_affine"), ("torch", "per_channel_affine"), ("torch", "strided"),
    ("torch", "contiguous_format"), ("torch", "channels_last"), ("torch", "preserve_format"), ("_codecs", "encode"),
    ("collections", "Counter"), ("collections", "deque"), ("datetime", "datetime"), ("datetime", "timedelta"),
    ("pathlib", "PosixPath"), ("pathlib", "WindowsPath"), ("pathlib", "Path"), ("decimal", "Decimal"), ("uuid", "UUID"),
):  # fmt: skip
    KNOWN[_module, _name] = AllowedName(_inert)
