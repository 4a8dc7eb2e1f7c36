"""A module that torch.export cannot export: the modules in it that it can, one after the other, as they are called.

Each is exported by itself. What is computed between them is not known: an opaque node stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.pytorch.live import bits_of, live_program
from shapecalc.importers.pytorch.program import PARAMETER, AtenNode, Program, ProgramGraph, Ref, StoredInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["hooked_program"]

_MOST_CALLS = 100_000


class _Recorded:
    """One call of a module: its path, the module, its inputs, its output tensors, and the calls within it.

    `packed` is the sequence of several lengths that it was called with: its input is then the padded one.
    """

    def __init__(self, path: str, module: Any, given: Any, packed: Any = None) -> None:
        self.path = path
        self.module = module
        self.given = given
        self.packed = packed
        self.outputs: list[Any] = []
        self.inner: list[_Recorded] = []


def hooked_program(torch: Any, fresh: Callable[[], Any], given: Sequence[Any], named: Mapping[str, Any]) -> Program:
    """Return the program of the calls of modules, in copies that `fresh` makes. Errors: whatever `forward` raises."""
    recorder = _Recorder(torch, fresh)
    root = recorder.run(given, named)
    return _Chain(torch, recorder.module).program(root)


class _Recorder:
    """Runs a module, and notes which modules are called."""

    def __init__(self, torch: Any, fresh: Callable[[], Any]) -> None:
        self.torch = torch
        self.fresh = fresh
        self.module = fresh()
        self.open: list[_Recorded] = []
        self.count = 0

    def run(self, given: Sequence[Any], named: Mapping[str, Any]) -> _Recorded:
        """Return the call of the whole: on the meta device where that is possible, and else as it is."""
        own = [*self.module.named_parameters(), *self.module.named_buffers()]
        state = {name: one.to("meta") for name, one in own}
        pytree = self.torch.utils._pytree  # noqa: SLF001  (its trees have no public name)
        inputs = (tuple(given), dict(named))
        moved = pytree.tree_map_only(self.torch.Tensor, lambda one: one.to("meta"), inputs)
        try:
            return self._recorded(moved, lambda: self.torch.func.functional_call(self.module, state, *moved))
        except Exception:
            if any(one.device.type == "meta" for _, one in own):
                raise
            self.module = self.fresh()  # the other may hold tensors of the meta device
            return self._recorded(inputs, lambda: self.module(*given, **named))

    def _recorded(self, inputs: Any, work: Any) -> _Recorded:
        root = _Recorded("", self.module, inputs)
        self.open, self.count = [root], 0
        handles = []
        for path, one in self.module.named_modules():
            if path:
                handles.append(one.register_forward_pre_hook(self._begin(path), with_kwargs=True))
                handles.append(one.register_forward_hook(self._end, with_kwargs=True))
        try:
            root.outputs = tensors_of(self.torch, work())
        finally:
            for handle in handles:
                handle.remove()
        return root

    def _begin(self, path: str) -> Any:
        def begin(module: Any, args: Any, kwargs: Any) -> Any:
            packed = args[0] if args else kwargs.get("input")
            if not isinstance(module, self.torch.nn.RNNBase) or not isinstance(packed, self._rnn.PackedSequence):
                self.open.append(_Recorded(path, module, (args, kwargs)))
                return None
            padded, _ = self._rnn.pad_packed_sequence(packed, module.batch_first)
            given = ((padded, *args[1:]), kwargs) if args else ((), {**kwargs, "input": padded})
            self.open.append(_Recorded(path, module, given, packed))
            return given

        return begin

    def _end(self, module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        del args, kwargs
        call = self.open.pop()
        call.outputs = tensors_of(self.torch, output)
        self.count += 1
        if self.count <= _MOST_CALLS:
            self.open[-1].inner.append(call)
        if call.packed is None:
            return None
        _, lengths = self._rnn.pad_packed_sequence(call.packed)
        is_sorted = call.packed.sorted_indices is None
        packed = self._rnn.pack_padded_sequence(output[0], lengths, module.batch_first, enforce_sorted=is_sorted)
        return packed, output[1]

    @property
    def _rnn(self) -> Any:
        return self.torch.nn.utils.rnn


def tensors_of(torch: Any, value: Any) -> list[Any]:
    """Return the tensors within arguments or results."""
    leaves = torch.utils._pytree.tree_leaves(value)  # noqa: SLF001  (its trees have no public name)
    return [one for one in leaves if isinstance(one, torch.Tensor)]


class _Chain:
    """The graphs of calls, joined to one."""

    def __init__(self, torch: Any, module: Any) -> None:
        self.torch = torch
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []
        self.nodes: list[AtenNode] = []
        self.stated: dict[str, tuple[int | str, ...]] = {}
        self.stored: dict[str, StoredInput] = {}
        self.last = ""
        self.modules = dict(module.named_modules(remove_duplicate=False))
        every = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
        first: dict[int, str] = {}
        self.identities = {name: first.setdefault(id(one), name) for name, one in every}

    def program(self, root: _Recorded) -> Program:
        """Return the whole program."""
        examples = tensors_of(self.torch, root.given)
        inputs = tuple([self._name(one, f"input_{i + 1}" if i else "input") for i, one in enumerate(examples)])
        self.last = inputs[0] if inputs else ""
        for call in root.inner:
            self._add(call)
        outputs = tuple([Ref(self._found(result, "")) for result in root.outputs])
        self._own("", recurse=True)  # what no node has is not used
        graph = ProgramGraph(inputs, tuple(self.nodes), outputs, self.stated, {})
        return Program(graph, inputs, self.stored, {})

    def _name(self, tensor: Any, name: str) -> str:
        self.names[id(tensor)] = name
        self.kept.append(tensor)  # so that its identity stays its own
        self.stated[name] = tuple([int(size) for size in tensor.shape])
        return name

    def _found(self, tensor: Any, path: str) -> str:
        """Return the name of a tensor; one that no module made is made of the last one, by what is not known."""
        own = self.names.get(id(tensor))
        if own is None:
            own = self._name(tensor, f"between_{len(self.nodes)}")
            arguments, owner = {"input": Ref(self.last)} if self.last else {}, path.rpartition(".")[0]
            self.nodes.append(AtenNode("forward", arguments | self._own(owner), (own,), owner))
        return own

    def _own(self, path: str, *, recurse: bool = False) -> dict[str, Ref]:
        """Return the parameters of a module, as arguments, that no node has so far; they are then stored.

        Those of the modules in it are its own only where these are not called: `recurse`.
        """
        found: dict[str, Ref] = {}
        module = self.modules.get(path)
        known = {one.identity for one in self.stored.values()}
        for name, tensor in module.named_parameters(recurse=recurse) if module is not None else ():
            whole = f"{path}.{name}" if path else name
            identity = self.identities.get(whole, whole)
            if identity not in known:
                dims = tuple([int(size) for size in tensor.shape])
                own = StoredInput(whole, PARAMETER, dims, bool(tensor.requires_grad), identity, bits_of(tensor))
                self.stored[f"own_{whole}"] = own
                found[name] = Ref(f"own_{whole}")
        return found

    def _add(self, call: _Recorded) -> None:
        """Add the nodes of a call that can be exported by itself, and else those of the calls within it."""
        if not call.outputs:
            return
        if call.packed is not None:
            self._pad(tensors_of(self.torch, call.given)[0])
        inputs = [self._found(one, call.path) for one in tensors_of(self.torch, call.given)]
        part = self._part(call)
        suffix = f"_{len(self.nodes)}"
        if part is not None and len(part.inputs) == len(inputs):
            outputs = [self._name(one, f"out{suffix}_{i}") for i, one in enumerate(call.outputs)]
            self._join(part, call, suffix, inputs, outputs)
            self.last = outputs[0]
        elif call.inner:
            for one in call.inner:
                self._add(one)
            outputs = [self._found(one, f"{call.path}.") for one in call.outputs]
            self.last = outputs[0]
        else:
            outputs = [self._name(one, f"out{suffix}_{i}") for i, one in enumerate(call.outputs)]
            arguments = {f"input{i}": Ref(name) for i, name in enumerate(inputs)}
            arguments |= self._own(call.path, recurse=True)
            self.nodes.append(AtenNode(type(call.module).__name__, arguments, tuple(outputs), call.path))
            self.last = outputs[0]

    def _pad(self, padded: Any) -> None:
        """Take a padded sequence for the last tensor, if that has its size: it was packed, with its lengths."""
        if self.stated.get(self.last) == tuple(padded.shape):
            self.names[id(padded)] = self.last
            self.kept.append(padded)

    def _part(self, call: _Recorded) -> Program | None:
        """Return the program of a module by itself, if it can be exported."""
        args, kwargs = call.given
        device = next((one.device for one in (*call.module.parameters(), *call.module.buffers())), None)

        def like(tensor: Any) -> Any:
            return self.torch.empty_like(tensor, device=device or tensor.device)

        pytree = self.torch.utils._pytree  # noqa: SLF001
        try:
            args, kwargs = pytree.tree_map_only(self.torch.Tensor, like, (tuple(args), dict(kwargs)))
            return live_program(self.torch.export.export(call.module, args, kwargs, strict=False))
        except Exception:  # noqa: BLE001  (then those within it are shown)
            return None

    def _join(self, part: Program, call: _Recorded, suffix: str, inputs: list[str], outputs: list[str]) -> None:
        """Add the nodes of a part, with names of their own."""
        names = dict(zip(part.inputs, inputs, strict=True))
        ends = [one.name for one in part.graph.outputs if isinstance(one, Ref)]
        names.update({end: name for end, name in zip(ends, outputs, strict=False) if end not in names})
        for key, one in part.stored.items():
            own, name = f"{key}{suffix}", f"{call.path}.{one.name}"
            names[key] = own
            self.stored[own] = one._replace(name=name, identity=self.identities.get(name, name))
        for key, dims in part.graph.stated.items():
            self.stated[names.setdefault(key, f"{key}{suffix}")] = dims
        for node in part.graph.nodes:
            arguments = {key: _renamed(value, names) for key, value in node.arguments.items()}
            made = tuple([names.setdefault(one, f"{one}{suffix}") for one in node.outputs])
            path = ".".join(filter(None, (call.path, node.module)))
            self.nodes.append(node._replace(arguments=arguments, outputs=made, module=path))
        for end, output in zip(ends, outputs, strict=False):
            if names[end] != output:  # it returns one of its inputs
                self.names = {key: names[end] if name == output else name for key, name in self.names.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Ref):
        return Ref(names.get(value.name, value.name))
    return [_renamed(one, names) for one in value] if isinstance(value, list) else value
