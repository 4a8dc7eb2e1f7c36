"""Recurrent layers: LSTM, GRU and RNN over a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.each import check_joined
from shapecalc.importers.frame import JoinedBatchError, NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import Batch, Constant, Data, sizes_text

if TYPE_CHECKING:
    from shapecalc.importers.onnx.messages import NodeMessage
    from shapecalc.importers.onnx.operations import NodeCall

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_PROJECTED = ("ONNX' LSTM has no projection (proj_size): PyTorch's exporter leaves its weights out",)


@operation(*_GATES)
def _recurrent(call: NodeCall) -> Any:
    weights = [call.given(1), call.given(2), call.given(3), call.given(7)]
    if any(isinstance(weight, Data) for weight in weights):
        raise NotCoveredError("its weights are computed from data")
    w, r, bias, peephole = weights
    if not isinstance(w, Constant) or not isinstance(r, Constant) or w.rank != 3 or r.rank != 3:
        raise LayerError("it needs weights W and R of three axes")
    directions, rows, features = w.dims
    hidden = call.number("hidden_size", r.dims[2])
    if rows != _GATES[call.node.op] * hidden or r.dims != (directions, rows, hidden):
        why = _PROJECTED if call.node.op == "LSTM" and r.dims == (directions, rows, r.dims[2]) else ()
        raise LayerError(f"its weights {w.dims} and {r.dims} are not those of a hidden size of {hidden}", why)
    _check_sizes(call, directions, rows, hidden)
    arguments: dict[str, Any] = {"hidden_size": hidden, "input_size": features}
    if directions == 2:
        arguments["bidirectional"] = True
    if bias is None:
        arguments["bias"] = False
    if peephole is not None:
        arguments["peephole"] = True
    first = call.number("layout", 0) == 1
    call.inputs = (*call.inputs[:5], *[_state(call, one) for one in call.inputs[5:7]], *call.inputs[7:])
    at = 0 if first else 1
    check_joined(call, call.data(0), at, call.inputs[5:7], at)
    states = [_without_batch(call, found, at) for found in call.inputs[5:7] if isinstance(found, Data)]
    x = _without_batch(call, call.data(0), at)
    taken = [found for found in weights if isinstance(found, Constant)]
    found = call.emit(call.node.op.lower(), x, *states, batch=Batch(1, own=True), weights=taken, **arguments)
    y, *last = found
    last = [state._replace(batch=Batch(0 if first else 1, own=True)) for state in last]
    return [_all_steps(call, y, directions, hidden, first=first), *last]


def _state(call: NodeCall, state: Any) -> Any:
    """Return a first state: a layer of its own where it is stored and not 0, as what is learned is."""
    is_learned = isinstance(state, Constant) and state.learned and any(state.items or ())
    return call.as_data(state) if is_learned else state


def _check_sizes(call: NodeCall, directions: int, rows: int, hidden: int) -> None:
    """Check the sizes of what a layer may have. Errors: `LayerError`."""
    for i, name, size in ((3, "bias B is", 2 * rows), (7, "peephole weights P are", 3 * hidden)):
        found = call.given(i)
        if found is not None and found.full(1) != (directions, size):
            raise LayerError(f"its {name} {sizes_text(found.full(1))}, not {directions}×{size}")
    for i, name in ((5, "hidden"), (6, "cell")):
        state = call.given(i)
        size = state.full(call.frame.batch)[-1] if state is not None and state.rank else hidden
        if size != hidden:
            why = _PROJECTED if name == "cell" else ()
            raise LayerError(f"its first {name} state has {size} features, but its hidden size is {hidden}", why)


def _without_batch(call: NodeCall, x: Data, axis: int) -> Data:
    """Return a tensor whose batch is at an axis. Errors: `LayerError`."""
    if x.batch == Batch(axis, own=True):
        return x
    if not x.batch.own and x.batch.axis == axis and x.shape.sizes[axis] > 1:
        raise JoinedBatchError(x)
    full = x.full(call.frame.batch)
    if call.frame.batch > 1 or len(full) != 3 or full[axis] != 1:
        raise LayerError(
            f"its input is {'×'.join(map(str, full))}, with the batch not along axis {axis}, where it expects it"
        )
    return call.frame.without_axis(call.place, call.frame.whole(call.place, x), axis)


def _all_steps(call: NodeCall, y: Data, directions: int, hidden: int, *, first: bool) -> Data:
    """Return the states of all steps: with an axis for the directions, which a node after it often removes."""
    after = call.uses.only_user(call.node.outputs[0]) if call.node.outputs[0] else None
    at = 2 if first else 1
    if after is not None and directions == 1 and after.op == "Squeeze":
        axes = call.uses.scope.get(after.inputs[1]) if len(after.inputs) > 1 else None
        listed = after.attributes["axes"].value if "axes" in after.attributes else getattr(axes, "items", None)
        if listed is not None and list(listed) == [at]:
            call.absorbed = (after.outputs[0],)
            return y._replace(batch=Batch(0 if first else 1, own=True))
    joined = None if first or after is None else _joined_directions(call, after, directions * hidden)
    if joined:
        call.absorbed = joined
        return y
    if not call.node.outputs[0]:
        return y
    sizes = (y.shape.sizes[0], directions, hidden)
    return call.one("reshape", y, batch=Batch(0 if first else 2, own=True), shape=sizes)


def _joined_directions(call: NodeCall, after: NodeMessage, features: int) -> tuple[str, ...]:
    """Return the outputs of two nodes that join the directions: length × 1 × batch × hidden, then the batch second.

    PyTorch's newer exporter writes the length of its example into the second: then the file is right for that alone,
    and the module for others. Empty for other nodes.
    """
    last = call.uses.only_user(after.outputs[0])
    perm = after.attributes.get("perm")
    if after.op != "Transpose" or perm is None or perm.value != [0, 2, 1, 3] or last is None or last.op != "Reshape":
        return ()
    target = call.uses.scope.get(last.inputs[1]) if last.inputs[:1] == after.outputs and len(last.inputs) > 1 else None
    sizes = list(target.items or ()) if isinstance(target, Constant) else []
    if len(sizes) != 3 or sizes[1] not in (-1, 0, call.frame.batch) or sizes[2] not in (-1, features):
        return ()
    return after.outputs[0], last.outputs[0]
