"""Layers around a layer or a model: TimeDistributed, Bidirectional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer
from shapecalc.importers.keras.records import read_layer
from shapecalc.importers.keras.structure import RecordError
from shapecalc.importers.tensors import Batch, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.keras.calls import LayerCall

__all__ = ["inner_call"]

_STEPS = Batch(0)
"""The batch is a factor of the first axis: every step is a sample of its own."""
_MERGES = {"concat": "concat", "sum": "add", "mul": "mul", "ave": "average"}


def inner_call(call: LayerCall, inputs: Sequence[Any], name: str = "layer", within: Any = None) -> LayerCall:
    """Return the call of the layer that an argument of a wrapper is (or a dict, `within`). Errors: `LayerError`."""
    try:
        record = read_layer((within or call.config).get(name), "", 1)
    except RecordError as error:
        raise LayerError(f"its {name}: {error.message}") from None
    found = call.of(record._replace(key=f"{call.record.key}/{name}", path=call.record.path), inputs)
    found.kwargs = {key: value for key, value in call.kwargs.items() if key != "initial_state"}
    return found


@layer("TimeDistributed")
def _time_distributed(call: LayerCall) -> Any:
    """A layer at every step: the steps are samples of a larger batch."""
    x = call.data()
    if x.shape.rank < 1 or (x.shape.rank < 2 and not x.batch.own):
        raise LayerError(f"it needs steps of time, but its input is {x.shape.text}")
    steps = x.shape.sizes[: 1 if x.batch.own else 2]
    if not x.batch.own:
        x = call.one("flatten", x, name="steps", start_dim=1, end_dim=2)
    inner = inner_call(call, [x._replace(batch=_STEPS)])
    found = call.importing.converted(inner)
    outputs = [found] if isinstance(found, Data) else list(found)
    if any(not isinstance(y, Data) or y.batch != _STEPS for y in outputs):
        raise NotCoveredError("its layer moves the steps to another axis")
    if len(steps) == 1:
        return [y._replace(batch=OWN) for y in outputs]
    return [
        call.one("unflatten", y, batch=_STEPS, name="steps_back", dim=1, unflattened_size=list(steps)) for y in outputs
    ]


@layer("Bidirectional")
def _bidirectional(call: LayerCall) -> Any:
    """A recurrent layer in both directions."""
    from shapecalc.importers.keras.recurrent import KINDS, recurrent

    x, states = call.data(), call.inputs[1:]
    forward = inner_call(call, call.inputs)
    mode = call.argument("merge_mode")
    if mode is not None and (not isinstance(mode, str) or mode not in _MERGES):
        raise call.wrong("merge_mode", "concat, sum, mul, ave or null")
    if forward.record.op in KINDS and not _differs(call, forward):
        return recurrent(forward, merge_mode="none" if mode is None else mode)
    half = len(states) // 2
    backward = inner_call(call, [x, *states[half:]], "backward_layer" if call.argument("backward_layer") else "layer")
    backward.record = backward.record._replace(key=f"{call.record.key}/backward")
    forward.inputs = (x, *states[:half])
    backward.place = call.part("backward")
    one, other = (_several(call.importing.converted(each)) for each in (forward, backward))
    if mode is None:
        return [one[0], other[0], *one[1:], *other[1:]]
    x = one[0]
    more: dict[str, Any] = (
        {"dim": -1 if call.importing.is_last or x.shape.rank < 3 else "channels"} if mode == "concat" else {}
    )
    return [call.one(_MERGES[mode], x, other[0], name="merge", **more), *one[1:], *other[1:]]


def _several(found: Any) -> list[Any]:
    return [found] if isinstance(found, Data) else list(found)


def _differs(call: LayerCall, forward: LayerCall) -> bool:
    """Return whether the layer of the other direction is of another size than the first."""
    if call.argument("backward_layer") is None:
        return False
    backward = inner_call(call, [], "backward_layer")
    names = ("units", "use_bias", "reset_after")
    return backward.record.op != forward.record.op or any(backward.argument(n) != forward.argument(n) for n in names)
