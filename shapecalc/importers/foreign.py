"""Files that are no networks, or of formats that are not read: what they are, and what is read instead."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from shapecalc.errors import Problem, SpecError

__all__ = ["matches", "read", "read_bytes"]


class _Foreign(NamedTuple):
    """What files with these ends of names are, and the hint, in which FILE is the file."""

    suffixes: tuple[str, ...]
    what: str
    hint: str


_FORMATS = (
    _Foreign((".py", ".ipynb"), "source of Python, which is not run",
             "shapecalc.from_torch(module, example) and shapecalc.from_keras(model) read a model in memory; "
             "`shapecalc init` writes a specification to begin with"),
    _Foreign((".pb",), "a graph of TensorFlow, which is not read",
             'save the model with Keras: model.save("model.keras"); or convert it to ONNX with tf2onnx'),
    _Foreign((".tflite",), "a model of TensorFlow Lite, which is not read",
             "convert it: python -m tf2onnx.convert --tflite FILE --output model.onnx"),
    _Foreign((".safetensors", ".gguf"), "a checkpoint: weights, without the network",
             "shapecalc weights FILE shows what it holds"),
)  # fmt: skip


def matches(name: str, head: bytes) -> bool:  # noqa: ARG001
    """Return whether a file is one, by its name alone."""
    return any(name.lower().endswith(one.suffixes) for one in _FORMATS)


def read(path: str, name: str) -> NoReturn:  # noqa: ARG001
    """Refuse a file. Errors: `SpecError` that says what it is."""
    found = next(one for one in _FORMATS if name.lower().endswith(one.suffixes))
    raise SpecError(Problem(f"{name} is {found.what}", hint=found.hint.replace("FILE", name)))


read_bytes = read
