"""Modules in memory: exported by torch.export on fake tensors, so that nothing is computed and no weight is copied."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError, Problem, ShapecalcError, UsageError
from shapecalc.escaping import clean
from shapecalc.importers.pytorch import ExportedModule
from shapecalc.importers.pytorch.live import live_program
from shapecalc.importers.pytorch.schema import is_own_code
from shapecalc.layers.base.sizes import parse_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["export_module", "load_torch", "reason_of"]

_LONGEST = 200
_KERAS = ("keras", "tf_keras")


def load_torch() -> Any:
    """Return PyTorch. Errors: `MissingExtraError`."""
    try:
        import torch
        import torch.export
    except ImportError:
        raise MissingExtraError("reading a module of PyTorch", "torch") from None
    return torch


def export_module(
    module: Any, examples: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[ExportedModule, dict[str, tuple[int, ...]]]:
    """Return the origin of a module, called with these examples of its inputs; and given sizes of those of a program.

    Errors: `UsageError` for what is no module, or whose `forward` fails with these examples; `MissingExtraError`.
    """
    torch = load_torch()
    if isinstance(module, torch.export.ExportedProgram):
        program = live_program(module)
        if keywords or len(examples) > len(program.inputs):
            count = len(program.inputs)
            message = f"an exported program has its inputs: give sizes of them alone, at most {count}, by their order"
            raise UsageError(Problem(message, hint='from_torch(program), or from_torch(program, "3x224x224")'))
        return ExportedModule("program", program), dict(zip(program.inputs, map(_size, examples), strict=False))
    _check_module(torch, module, examples, keywords)
    name = clean(type(module).__name__)
    given = tuple([_example(torch, one, module) for one in examples])
    named = {key: _example(torch, one, module) for key, one in keywords.items()}
    copies: list[Any] = []

    def fresh() -> Any:
        """Return a copy in which no trial has left tensors."""
        copies.append(_copied(torch, source))
        return copies[-1]

    with _quiet(torch):
        source = _with_sizes(torch, module, given, named, examples)
        own = fresh()
        try:
            with _known_outputs(torch, own):
                return ExportedModule(name, live_program(torch.export.export(own, given, named, strict=False))), {}
        except Exception as error:  # noqa: BLE001  (whatever the user's forward, or torch.export, raises)
            reason = reason_of(torch, error, own)
        from shapecalc.importers.pytorch.hooks import hooked_program

        try:
            program = hooked_program(torch, fresh, given, named)
        except ShapecalcError:
            raise
        except Exception as error:  # noqa: BLE001
            raise UsageError(_failed(name, reason_of(torch, error, copies[-1]), given, examples)) from None
    note = (
        f"torch.export could not export {name} ({reason}): the modules in it that it could are shown one after the "
        "other, and what is computed between them is not known"
    )
    notes = [note]
    if "data-dependent" in reason:
        notes.append("which modules run depends on the values of the example: others may run with other values")
    return ExportedModule(name, program._replace(notes=tuple(notes))), {}


def _failed(name: str, reason: str, given: Sequence[Any], examples: Sequence[Any]) -> Problem:
    shapes = [one.shape for one in given if hasattr(one, "shape")]
    why = (f"its examples are {', '.join(['×'.join(map(str, shape)) for shape in shapes])}",) if shapes else ()
    return Problem(
        f"{name} fails with these inputs: {reason}", why=why, hint=_hint_on_examples(reason, examples, shapes)
    )


def _hint_on_examples(reason: str, examples: Sequence[Any], shapes: Sequence[Sequence[int]]) -> str:
    """Return the hint on examples with which a module fails: what an example is, as those given were meant."""
    (example,) = examples if len(examples) == 1 else (None,)
    zeros = [f"torch.zeros({', '.join(map(str, shape))})" for shape in shapes]
    if "Long" in reason and len(shapes) == 1:
        return f"ids are whole numbers: give {zeros[0][:-1]}, dtype=torch.long)"
    if len(shapes) == 1 and (isinstance(example, str) or type(example) is tuple):
        sizes = [*map(str, shapes[0][1:])]
        less = f'; write "{"x".join(sizes[1:])}" if its 1 is the batch' if sizes[0] == "1" and len(sizes) > 1 else ""
        return f'a size is given without the batch axis: "{"x".join(sizes)}" is {zeros[0]}{less}'
    if shapes:
        return "the first axis of an example is the batch"
    numbers = example if isinstance(example, list) else examples
    sizes = [*map(str, numbers)] if len(numbers) > 1 and all(type(one) is int for one in numbers) else []
    sizes = sizes[1:] if sizes[:1] == ["1"] else sizes or ["3", "224", "224"]
    tensor, size = f"torch.zeros(1, {', '.join(sizes)})", "x".join(sizes)
    return f'an example is a tensor, {tensor}, or its size without the batch, "{size}"'


def _check_module(torch: Any, module: Any, examples: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    if isinstance(module, type) and issubclass(module, torch.nn.Module):
        raise UsageError(Problem(f"from_torch expects a module, not the class {module.__name__}",
                                 hint=f"from_torch({module.__name__}(), example)"))  # fmt: skip
    if isinstance(module, torch.jit.ScriptModule):
        hint = "pass the module that torch.jit.script or torch.jit.trace was given"
        raise UsageError(Problem("from_torch expects the module itself, not its TorchScript", hint=hint))
    _check_own(torch, module)
    if not isinstance(module, torch.nn.Module):
        what = type(module).__name__
        raise UsageError(f"from_torch expects a torch.nn.Module, not {what}")
    if not examples and not keywords:
        raise UsageError(Problem(f"from_torch needs an example of the input of {type(module).__name__}",
                                 hint="from_torch(module, torch.zeros(1, 3, 224, 224)), or its size without the batch: "
                                 'from_torch(module, "3x224x224")'))  # fmt: skip


def _check_own(torch: Any, module: Any) -> None:
    """Check that no module is a layer of Keras: what torch.export sees of its weights are constants."""
    every = module.named_modules() if isinstance(module, torch.nn.Module) else [("", module)]
    for path, one in every:
        if any(cls.__module__.partition(".")[0] in _KERAS for cls in type(one).__mro__):
            name = clean(type(one).__name__)
            what = f"{clean(type(module).__name__)} holds the layer {clean(path)} of Keras" if path else ""
            message = what or f"from_torch expects a module of PyTorch, and {name} is one of Keras"
            raise UsageError(
                Problem(message, hint=f"shapecalc.from_keras reads models of Keras{', by themselves' if path else ''}")
            )


def _copied(torch: Any, module: Any) -> Any:
    """Return a module of the same structure for evaluation, whose tensors are those of the other: none is copied."""
    memo: dict[int, Any] = {}
    for one in module.modules():
        for tensor in (*one.parameters(recurse=False), *one.buffers(recurse=False), *vars(one).values()):
            if torch.nn.parameter.is_lazy(tensor):  # its own would be given a size
                memo[id(tensor)] = type(tensor)(tensor.requires_grad, tensor.data.device, tensor.data.dtype)
            elif isinstance(tensor, torch.Tensor):
                memo[id(tensor)] = tensor
    try:
        return copy.deepcopy(module, memo).eval()
    except Exception:  # noqa: BLE001  (an attribute that cannot be copied)
        return module  # export leaves it as it is


def _with_sizes(
    torch: Any, module: Any, given: Sequence[Any], named: Mapping[str, Any], examples: Sequence[Any]
) -> Any:
    """Return a module; of one with lazy layers, which have no weights before it is called, a copy that was called.

    The random numbers of these weights are not the user's. Errors: `UsageError` if it fails, or cannot be copied.
    """
    if not any(map(torch.nn.parameter.is_lazy, (*module.parameters(), *module.buffers()))):
        return module
    own, name = _copied(torch, module), clean(type(module).__name__)
    if own is module:
        message = f"{name} has lazy layers, whose sizes are not known before it is called, and it cannot be copied"
        raise UsageError(Problem(message, hint="call it once before: module(example)"))
    try:
        with torch.random.fork_rng(devices=[]):
            own(*given, **named)
    except Exception as error:  # noqa: BLE001  (whatever the user's forward raises)
        raise UsageError(_failed(name, reason_of(torch, error, own), given, examples)) from None
    return own


@contextmanager
def _known_outputs(torch: Any, module: Any) -> Iterator[None]:
    """Leave out of the output of a module what torch.export does not know the type of, such as a key-value cache."""

    def kept(leaf: Any) -> Any:
        return leaf if isinstance(leaf, (torch.Tensor, int, float, str)) else None

    hook = module.register_forward_hook(lambda *call: torch.utils._pytree.tree_map(kept, call[-1]))  # noqa: SLF001
    try:
        yield
    finally:
        hook.remove()


def _example(torch: Any, given: Any, module: Any) -> Any:
    """Return an example of an input: a tensor as it is, or one of a size without the batch."""
    first = next(iter(module.parameters()), None)
    device = first.device if first is not None else torch.device("cpu")
    if isinstance(given, torch.Tensor):
        return given.to(device) if device.type == "meta" else given
    if isinstance(given, torch.Size):
        return torch.zeros(1, device=device, dtype=_dtype(torch, module)).expand(given)
    is_size = isinstance(given, tuple) and bool(given) and all(type(size) is int for size in given)
    if is_size or isinstance(given, str):
        return torch.zeros(1, device=device, dtype=_dtype(torch, module)).expand(1, *parse_sizes(given))
    if isinstance(given, (list, tuple)):
        return type(given)([_example(torch, one, module) for one in given])
    if isinstance(given, dict):
        return {key: _example(torch, one, module) for key, one in given.items()}
    if hasattr(given, "__array__") and getattr(given, "shape", None):
        size = "x".join(map(str, given.shape[1:])) or "3x224x224"
        hint = (
            f'give torch.as_tensor(array), with the type that the module expects, or a size without the batch, "{size}"'
        )
        raise UsageError(Problem(f"an example is a tensor of PyTorch, not {type(given).__name__}", hint=hint))
    return given


def _dtype(torch: Any, module: Any) -> Any:
    """Return the type of fractions that a module computes with: that of its first parameter of fractions."""
    return next((one.dtype for one in module.parameters() if one.is_floating_point()), torch.get_default_dtype())


def _size(given: Any) -> tuple[int, ...]:
    """Return the size that is given of an input of a program, which may be a tensor."""
    return parse_sizes(tuple(given.shape) if hasattr(given, "shape") else given)


def reason_of(torch: Any, error: BaseException, module: Any) -> str:
    """Return where and why a module fails, in one line: `fc, net.py:12: mat1 and mat2 shapes cannot be multiplied`."""
    names = {id(one): name for name, one in module.named_modules()}
    path = line = ""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        owner = frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module) and names.get(id(owner)):
            path = names[id(owner)]
        file = frame.f_code.co_filename.replace("\\", "/")
        if frame.f_code.co_name == "forward" and not is_own_code(file):
            line = f"{file.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    text = next((one.strip() for one in str(error).splitlines() if one.strip()), type(error).__name__)
    text = text.partition("  (")[0].partition(" (unhinted")[0].rstrip(".")  # what follows is for PyTorch's developers
    where = ", ".join(filter(None, (path, line)))
    return clean(f"{where}: {text[:_LONGEST]}" if where else text[:_LONGEST])


@contextmanager
def _unprinted() -> Iterator[None]:
    with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        yield


@contextmanager
def _quiet(torch: Any) -> Iterator[None]:
    """Leave out what torch.export prints and warns of: what matters is in notes and errors."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), torch.no_grad(), _unprinted():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
