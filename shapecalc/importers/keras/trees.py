"""The arguments of a call: tensors in lists and dicts, and constants, from the forms of all versions of Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Array", "CallRecord", "SliceKey", "TensorRef", "array_of", "changed", "changed_tree", "from_nodes", "tensors_of",
    "with_stated",
]  # fmt: skip

_DEEPEST = 24
_CONSTANT = "_CONSTANT_VALUE"
_MOST_ITEMS = 2**16


class TensorRef(NamedTuple):
    """An output of a call of a layer, and its size with the batch, if the file states it."""

    layer: str
    call: int
    output: int
    shape: tuple[Any, ...] | None = None


class Array(NamedTuple):
    """A tensor that is stored in the config: its sizes, and its elements if they are few."""

    dims: tuple[int, ...]
    items: tuple[Any, ...] | None


class SliceKey(NamedTuple):
    """A slice of an axis: `1:3`."""

    start: Any
    stop: Any
    step: Any


class CallRecord(NamedTuple):
    """A call of a layer: its arguments, as trees of lists and dicts; `is_old` is whether as Keras 1 and 2 write it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_old: bool = False


def tensors_of(tree: Any) -> list[TensorRef]:
    """Return the tensors in a tree, in order; those of a dict in the order of its keys."""
    found: list[TensorRef] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, found: list[TensorRef]) -> None:
    kind = type(tree)
    if kind is TensorRef:
        found.append(tree)
    elif kind is list or kind is tuple:
        for one in tree:
            _collect(one, found)
    elif kind is dict:
        for key in sorted(tree):
            _collect(tree[key], found)


def from_nodes(nodes: Any) -> tuple[CallRecord, ...]:
    """Return the calls of a layer from its `inbound_nodes`, in any form."""
    if not isinstance(nodes, list):
        return ()
    return tuple([_call(node) for node in nodes if node not in (None, [], {})])


def with_stated(calls: tuple[CallRecord, ...], built_for: Any) -> tuple[CallRecord, ...]:
    """Return the calls, where the tensors of the first have the sizes that the layer was built for.

    Keras 3 states those of every tensor.
    """
    if not calls or not calls[0].is_old or not isinstance(built_for, list):
        return calls
    refs = tensors_of(calls[0].args)
    shapes = built_for if all(isinstance(one, list) for one in built_for) else [built_for]
    if not refs or len(shapes) != len(refs) or not all(_is_shape(shape) for shape in shapes):
        return calls
    known = {ref: ref._replace(shape=tuple(shape)) for ref, shape in zip(refs, shapes, strict=True)}
    return (changed(calls[0], lambda ref: known.get(ref, ref)), *calls[1:])


def changed(call: CallRecord, change: Callable[[TensorRef], TensorRef]) -> CallRecord:
    """Return a call on other tensors."""
    return call._replace(args=tuple([changed_tree(one, change) for one in call.args]),
                         kwargs=changed_tree(call.kwargs, change))  # fmt: skip


def changed_tree(tree: Any, change: Callable[[TensorRef], TensorRef]) -> Any:
    """Return a tree with other tensors."""
    if isinstance(tree, TensorRef):
        return change(tree)
    if isinstance(tree, dict):
        return {key: changed_tree(one, change) for key, one in tree.items()}
    return [changed_tree(one, change) for one in tree] if type(tree) is list else tree


def _is_shape(given: list[Any]) -> bool:
    return all(size is None or type(size) is int for size in given)


def _call(node: Any) -> CallRecord:
    if isinstance(node, dict) and "args" in node and isinstance(node["args"], list):
        kwargs = node.get("kwargs")
        read = {key: _value(value) for key, value in kwargs.items()} if isinstance(kwargs, dict) else {}
        return CallRecord(tuple([_value(one) for one in node["args"]]), read)
    found: dict[str, Any] = {}
    tree = _old_tree(node, found)
    return CallRecord((tree[0] if isinstance(tree, list) and len(tree) == 1 else tree,), found, is_old=True)


def _old_tree(node: Any, kwargs: dict[str, Any], depth: int = 0) -> Any:
    """Return the tree of a node as Keras 2 and 1 write it, and note the further arguments of the call."""
    if depth > _DEEPEST:
        return None
    if isinstance(node, dict):
        return {str(key): _old_tree(one, kwargs, depth + 1) for key, one in node.items()}
    if not isinstance(node, list):
        return node
    if _is_tensor(node):
        more = node[3] if len(node) == 4 and isinstance(node[3], dict) else {}
        for key, value in more.items():
            kwargs.setdefault(key, _value(value))
        if node[0] == _CONSTANT:
            return _value(node[2])
        return TensorRef(node[0], node[1], node[2])
    return [_old_tree(one, kwargs, depth + 1) for one in node]


def _is_tensor(node: list[Any]) -> bool:
    """Return whether a list is a tensor: the name of a layer, the number of its call, that of the output."""
    if len(node) not in (3, 4) or not isinstance(node[0], str):
        return False
    if node[0] == _CONSTANT:
        return True
    return type(node[1]) is int and type(node[2]) is int and (len(node) == 3 or isinstance(node[3], dict))


def _value(raw: Any, depth: int = 0) -> Any:
    """Return an argument: a tensor, an array, a slice, a list of them, or a plain value."""
    if depth > _DEEPEST:
        return None
    if isinstance(raw, list):
        if not _is_tensor(raw):
            return [_value(one, depth + 1) for one in raw]
        return _value(raw[2], depth + 1) if raw[0] == _CONSTANT else TensorRef(raw[0], raw[1], raw[2])
    return _object(raw, depth) if isinstance(raw, dict) else raw


def _object(raw: dict[str, Any], depth: int) -> Any:
    """Return what an object with a class is, as Keras 3 writes tensors, slices and tuples; or the object."""
    config, kind = raw.get("config"), raw.get("class_name")
    fields = config if isinstance(config, dict) else raw
    if kind == "__keras_tensor__":
        return _tensor(fields)
    if kind in ("__tensor__", "__numpy__"):
        return array_of(fields.get("value"))
    if kind == "__ellipsis__":
        return ...
    if kind == "__tuple__":
        return _value(fields.get("items") or fields.get("value"), depth + 1)
    if kind == "__slice__" or set(raw) == {"start", "stop", "step"}:
        return SliceKey(*[_value(fields.get(key), depth + 1) for key in ("start", "stop", "step")])
    return {str(key): _value(value, depth + 1) for key, value in raw.items()}


def _tensor(fields: dict[str, Any]) -> Any:
    history, shape = fields.get("keras_history"), fields.get("shape")
    if not isinstance(history, list) or not _is_tensor(history):
        return None
    return TensorRef(history[0], history[1], history[2], tuple(shape) if isinstance(shape, list) else None)


def array_of(value: Any) -> Array:
    """Return nested lists as an array. Where they are uneven, what is deeper is left out."""
    dims: list[int] = []
    inner = value
    while isinstance(inner, list) and len(dims) < _DEEPEST:
        dims.append(len(inner))
        inner = inner[0] if inner else None
    items = _flat(value, []) if 0 not in dims else []
    return Array(tuple(dims), tuple(items) if len(items) <= _MOST_ITEMS else None)


def _flat(value: Any, found: list[Any]) -> list[Any]:
    if not isinstance(value, list):
        found.append(value)
        return found
    for one in value:
        if len(found) > _MOST_ITEMS:
            break
        _flat(one, found)
    return found
