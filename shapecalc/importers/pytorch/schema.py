"""From the JSON of an archive to a program.

Source of the fields: torch/_export/serde/schema.py of PyTorch 2.1 to 2.13 (major versions 1 to 8).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.collection import new_tuple
from shapecalc.errors import SpecError
from shapecalc.importers.files import broken
from shapecalc.importers.pytorch.archive import FORMAT, Archive
from shapecalc.importers.pytorch.expressions import text_of
from shapecalc.importers.pytorch.program import (
    BUFFER,
    CONSTANT,
    PARAMETER,
    AtenNode,
    Program,
    ProgramGraph,
    Ref,
    StoredInput,
    bits_of,
)

if TYPE_CHECKING:
    from shapecalc.checkpoints.exported import HeldTensor

__all__ = ["is_own_code", "line_of", "module_of", "program_of"]

_VERSIONS = range(1, 9)
_DEEPEST = 16
_MOST_NODES = 1_000_000
_MOST_AXES = 64
_LARGEST = 2**40
_SPECS = {"parameter": (PARAMETER, "parameter_name"), "buffer": (BUFFER, "buffer_name"),
          "tensor_constant": (CONSTANT, "tensor_constant_name")}  # fmt: skip
_OWN_CODE = re.compile(r"(^|[/\\])torch[/\\](nn|fx|export|utils|autograd|_\w+|\w+\.py)\b|eval_with_key")
"""Files of PyTorch itself."""
_WRONG = (KeyError, TypeError, AttributeError, ValueError, IndexError)
"""What reading JSON of another form raises."""
_NUMBERS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


class _WrongError(Exception):
    """A part of the JSON that is not as it must be; the text says what."""


def program_of(archive: Archive, name: str) -> Program:
    """Return the program of an archive. Errors: `SpecError` for JSON that is none, or of an unknown version."""
    document = archive.program
    try:
        major = _version(document)
        if major not in _VERSIONS:
            hint = "a newer shapecalc may read it; PyTorch 2.1 to 2.14 write the versions 1 to 8"
            raise broken(name, FORMAT, f"it has version {major} of its schema, which is not known", hint=hint)
        return _Reader(archive.held).program(document)
    except SpecError:
        raise
    except _WrongError as error:
        raise broken(name, FORMAT, str(error)) from None
    except _WRONG as error:
        raise broken(
            name, FORMAT, f"its program is not as it must be ({type(error).__name__}: {str(error)[:80]})"
        ) from None
    except RecursionError:
        raise broken(name, FORMAT, "its program is nested too deeply") from None


def _version(document: Any) -> Any:
    if not isinstance(document, dict) or "graph_module" not in document:
        raise _WrongError("its JSON has no graph_module")
    found = document.get("schema_version", 1)
    return found.get("major") if isinstance(found, dict) else found


_SINGLE = frozenset(("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor"))
_LISTED = frozenset(("as_tensors", "as_sym_ints", "as_optional_tensors", "as_sym_floats", "as_sym_bools"))
_PLAIN = frozenset(("as_int", "as_bool", "as_string", "as_ints", "as_bools", "as_strings", "as_operator"))
_NAMELESS = frozenset(("as_none", "as_int", "as_float", "as_string", "as_bool"))
"""The sorts of arguments: one tensor or number, lists of them, what is as it is written; of outputs without a name."""


class _Reader:
    def __init__(self, held: dict[str, HeldTensor]) -> None:
        self.held = held
        self.count = 0
        self.first: dict[str, str] = {}
        self.lines: dict[str, str] = {}
        self.modules: dict[str, str] = {}
        self.refs: dict[str, Ref] = {}
        self.sizes: dict[tuple[int | str, ...], tuple[int | str, ...]] = {}
        """Sizes that are possible: each is kept once."""

    def program(self, document: dict[str, Any]) -> Program:
        module = document["graph_module"]
        graph = self.graph(module["graph"], 0)
        stored, inputs, values = self._signature(module["signature"], module["graph"], graph)
        graph.numbers.update(values)
        ranges = {text_of(key): (_bound(one, "min"), _bound(one, "max"))
                  for key, one in document.get("range_constraints", {}).items()}  # fmt: skip
        return Program(graph, inputs, stored, ranges, str(document.get("torch_version", "")))

    def graph(self, document: dict[str, Any], depth: int) -> ProgramGraph:
        if depth > _DEEPEST:
            raise _WrongError("its graphs are nested too deeply")
        nodes = document["nodes"]
        self.count += len(nodes)
        if self.count > _MOST_NODES:
            raise _WrongError(f"it has more than {_MOST_NODES:,} nodes")
        found = []
        try:
            for node in nodes:
                found.append(self._node(node, depth))  # noqa: PERF401  (their number, where one is wrong)
        except _WRONG as error:
            message = f"its node[{len(found)}] is not as it must be ({type(error).__name__}: {str(error)[:80]})"
            raise _WrongError(message) from None
        stated = {key: self._sizes(key, one) for key, one in document.get("tensor_values", {}).items()}
        numbers: dict[str, int | str] = {}
        for part in ("sym_int_values", "sym_bool_values", "sym_float_values"):
            numbers.update({key: _number(one) for key, one in document.get(part, {}).items()})
        inputs = tuple([name for one in document["inputs"] for name in self._names(one)])
        outputs = tuple([value for one in document["outputs"] for value in _flat(self._value(one, depth))])
        return ProgramGraph(inputs, tuple(found), outputs, stated, numbers)

    def _node(self, node: dict[str, Any], depth: int) -> AtenNode:
        target = node["target"]
        if not isinstance(target, str):
            raise TypeError(target)
        arguments = {}
        for i, one in enumerate(node["inputs"]):
            arguments[one["name"] or f"[{i}]"] = self._value(one["arg"], depth)
        outputs = tuple([name for one in node["outputs"] for name in self._names(one)])
        metadata = node.get("metadata") or {}
        module, trace = metadata.get("nn_module_stack") or "", metadata.get("stack_trace") or ""
        if module not in self.modules:
            self.modules[module] = module_of([entry.split(",")[:2] for entry in str(module).split(";")])
        if trace not in self.lines:
            self.lines[trace] = line_of(str(trace))
        target = target.removeprefix("torch.ops.")
        return new_tuple(AtenNode, (target, arguments, outputs, self.modules[module], self.lines[trace]))

    def _value(self, document: dict[str, Any], depth: int) -> Any:  # noqa: PLR0911  (one for each sort)
        """Return an argument: a number, a text, the name of a tensor, a list, a graph; None for what is no size."""
        ((kind, value),) = document.items() if len(document) == 1 else (_only(document),)
        if kind in _SINGLE:
            return self._one(value)
        if kind in _LISTED:
            return [self._one(one) for one in value]
        if kind == "as_nested_tensors":
            return [[self._one(one) for one in row] for row in value]
        if kind in _PLAIN:
            return value
        if kind == "as_float":
            return _NUMBERS.get(value, value) if isinstance(value, str) else value
        if kind == "as_floats":
            return [_NUMBERS.get(one, one) if isinstance(one, str) else one for one in value]
        if kind == "as_graph":
            return self.graph(value["graph"], depth + 1)
        return None

    def _one(self, document: Any) -> Any:
        """Return the reference to one tensor or number, or the number itself."""
        if not isinstance(document, dict):
            return document
        name = document.get("name")
        if name is None:
            name = document.get("as_name")
        if isinstance(name, str):
            return self.refs.get(name) or self.refs.setdefault(name, new_tuple(Ref, (name,)))
        kind, value = _only(document)
        if kind == "as_tensor":
            return Ref(value) if isinstance(value, str) else self._one(value)  # version 2.2 has the name alone
        return None if kind == "as_none" else value

    def _names(self, document: dict[str, Any]) -> list[str]:
        """Return the names that an output stands for: none for one that is neither a tensor nor a number."""
        kind, value = _only(document)
        if kind == "as_tensor" and type(value) is dict and type(value.get("name")) is str:
            return [value["name"]]
        if kind in _NAMELESS:
            return [""]
        return [one.name if isinstance(one, Ref) else "" for one in map(self._one, _flat(value))]

    def _sizes(self, name: str, meta: dict[str, Any]) -> tuple[int | str, ...]:
        """Return the stated sizes of a tensor."""
        sizes = meta.get("meta", meta)["sizes"]
        if len(sizes) > _MOST_AXES:
            raise _WrongError(f"its tensor {name} has {len(sizes)} axes")
        found = tuple([size.get("as_int") for size in sizes])
        if None in found:  # not numbers alone
            found = tuple(map(_number, sizes))
        known = self.sizes.get(found)
        if known is not None:
            return known
        for size in found:
            if not (0 <= size < _LARGEST if type(size) is int else type(size) is str):
                raise _WrongError(f"its tensor {name} has the impossible size {'×'.join(map(str, found))[:80]}")
        self.sizes[found] = found
        return found

    def _signature(
        self, signature: dict[str, Any], document: dict[str, Any], graph: ProgramGraph
    ) -> tuple[dict[str, StoredInput], tuple[str, ...], dict[str, Any]]:
        """Return the stored tensors by their names in the graph, the names of the inputs, and those that are values."""
        stored: dict[str, StoredInput] = {}
        inputs: list[str] = []
        values: dict[str, Any] = {}
        for spec in signature["input_specs"] if "input_specs" in signature else _old_specs(signature):
            kind, value = _only(spec)
            if kind in _SPECS:
                sort, key = _SPECS[kind]
                own = value["arg"]["name"]
                meta = document["tensor_values"].get(own) or {}
                stored[own] = self._stored(value[key], sort, graph.stated.get(own), meta)
            elif kind == "user_input":
                sort, arg = _only(value["arg"])
                if sort == "as_tensor":
                    inputs.append(arg["name"])
            elif kind == "constant_input":
                values[value["name"]] = _only(value["value"])[1]
        return stored, tuple(inputs), values

    def _stored(self, name: Any, sort: str, dims: Any, meta: dict[str, Any]) -> StoredInput:
        name = str(name)
        held = self.held.get(name)
        if dims is None or str in map(type, dims):
            raise _WrongError(f"it does not state the size of {name}")
        first = self.first.setdefault(held.identity, name) if held else name
        trainable = bool(meta.get("requires_grad"))
        if held and held.trainable is not None:  # version 2.2 states in its pickle alone what is trained
            trainable = held.trainable
        return new_tuple(StoredInput, (name, sort, dims, trainable, first, bits_of(meta.get("dtype"))))


def _old_specs(signature: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs of a signature as versions before 2.2 wrote it, in the later form."""
    specs: list[dict[str, Any]] = [
        {"parameter": {"arg": {"name": own}, "parameter_name": name}}
        for own, name in signature["inputs_to_parameters"].items()
    ]
    specs += [{"buffer": {"arg": {"name": own}, "buffer_name": name}}
              for own, name in signature["inputs_to_buffers"].items()]  # fmt: skip
    specs += [{"user_input": {"arg": {"as_tensor": {"name": own}}}} for own in signature["user_inputs"]]
    return specs


def _only(document: dict[str, Any]) -> tuple[str, Any]:
    """Return what is set of a union: the key and value."""
    if len(document) == 1:
        for item in document.items():
            return item
    found = next(((key, value) for key, value in document.items() if value is not None), None)
    if found is None:
        raise ValueError("nothing is set")
    return found


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number(document: dict[str, Any]) -> Any:
    """Return a number, or the expression of one that depends on a dynamic dimension."""
    kind, value = _only(document)
    return text_of(value["expr_str"]) if kind == "as_expr" else value


def _bound(document: dict[str, Any], which: str) -> int | None:
    found = document.get(f"{which}_val", document.get(which))
    return found if isinstance(found, int) and abs(found) < 2**62 else None


_INDEX = re.compile(r"\[['\"]?([^\]'\"]*)['\"]?\]")


def module_of(stack: list[list[str]]) -> str:
    """Return the path of the innermost of the modules around a node: `layer1.0.conv1`."""
    path = stack[-1][1] if stack and len(stack[-1]) > 1 else ""
    if path.startswith("_empty_nn_module_stack"):
        return ""
    path = path.removeprefix("L['self']").removeprefix("L__self__")  # of versions before 2.3
    path = _INDEX.sub(r".\1", path) if "[" in path else path
    return ".".join([part.partition("@")[0] for part in path.split(".") if part])


_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')


def is_own_code(path: str) -> bool:
    """Return whether a file is one of PyTorch itself."""
    return _OWN_CODE.search(path) is not None


def line_of(trace: str) -> str:
    """Return the last line of a trace that is not PyTorch's own: `net.py:12`; empty where there is none."""
    frames = _FRAME.findall(trace)
    own = [frame for frame in frames if not is_own_code(frame[0])]
    if not own:
        return ""
    path, line = own[-1]
    file = path.replace("\\", "/").rpartition("/")[2]
    return f"{file}:{line}"
