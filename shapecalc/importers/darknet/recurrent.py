"""Recurrent sections: one step, on the state before it. The parts are fully connected layers, or convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.importers.darknet.calls import section
from shapecalc.importers.darknet.windows import convolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.importers.darknet.calls import SectionCall, SectionOutput

    Part = Callable[[SectionOutput, int, str], SectionOutput]

__all__: list[str] = []


def _convolutions(call: SectionCall) -> Part:
    """Return the function of a part that is a convolution, to so many channels."""
    size, stride = call.number("size", 3, 1), call.number("stride", 1, 1)

    def part(x: SectionOutput, filters: int, name: str) -> SectionOutput:
        found = convolved(call, x, filters, [stride, stride], size=size, name=name)
        return call.activated(found, "logistic" if call.kind.name == "crnn" else "linear")

    return part


def _connected(call: SectionCall) -> Part:
    """Return the function of a part that is a fully connected layer."""

    def part(x: SectionOutput, outputs: int, name: str) -> SectionOutput:
        return call.connected(x, outputs, name)

    return part


@section("rnn", ignored="shortcut logistic")
def _rnn(call: SectionCall) -> SectionOutput:
    def part(x: SectionOutput, outputs: int, name: str) -> SectionOutput:
        return call.activated(call.connected(x, outputs, name), "logistic")

    return _elman(call, call.x, part)


@section("crnn", ignored="shortcut xnor")
def _crnn(call: SectionCall) -> SectionOutput:
    return _elman(call, call.map(), _convolutions(call))


def _elman(call: SectionCall, x: SectionOutput, part: Part) -> SectionOutput:
    """Return the output of a simple recurrence: of the input, of the state, and of their sum.

    The hidden state is as wide as the output where its width is not written: pjreddie's has no other.
    """
    suffix = "_filters" if "output_filters" in call.section.options else ""  # pjreddie's names of those of a crnn
    outputs = call.counted(f"output{suffix}")
    hidden = call.number(f"hidden{suffix}", outputs, 1)
    new = part(x, hidden, "input")
    state = call.constant(*new.sizes, name="state")
    return part(call.emit("add", new, part(state, hidden, "self")), outputs, "output")


@section("lstm")
def _lstm(call: SectionCall) -> SectionOutput:
    return _gated(call, call.x, _connected(call))


@section("conv_lstm", ignored="xnor state_constrain shortcut time_normalizer lstm_activation")
def _conv_lstm(call: SectionCall) -> SectionOutput:
    return _gated(call, call.map(), _convolutions(call))


def _gated(call: SectionCall, x: SectionOutput, part: Part) -> SectionOutput:
    """Return the hidden state of an LSTM. `u` are the parts of the input, `w` of the state, `v` of the cell.

    With a bottleneck, one part of the input and the state takes the place of both.
    """
    outputs = call.counted("output")
    has_peephole, has_bottleneck = call.number("peephole"), call.number("bottleneck")
    first = None if has_bottleneck else part(x, outputs, "uf")
    sizes = (outputs, *x.sizes[1:]) if first is None else first.sizes
    hidden, cell = (call.constant(*sizes, name=name) for name in ("hidden", "cell"))
    if first is None:
        x = call.emit("tanh", part(call.emit("concat", hidden, x, dim=1), outputs, "wf"))

    def gate(name: str, kind: str, seen: SectionOutput | None) -> SectionOutput:
        terms = [first if first is not None and name == "f" else part(x, outputs, f"u{name}")]
        if not has_bottleneck:
            terms.append(part(hidden, outputs, f"w{name}"))
        if has_peephole and seen is not None:
            terms.append(part(seen, outputs, f"v{name}"))
        return call.emit(kind, call.emit("add", *terms, name=f"{name}_sum"), name=name)

    forget, into, new = gate("f", "sigmoid", cell), gate("i", "sigmoid", cell), gate("g", "tanh", None)
    cell = call.emit("add", call.emit("mul", forget, cell), call.emit("mul", into, new))
    return call.emit("mul", gate("o", "sigmoid", cell), call.emit("tanh", cell))


@section("gru", ignored="tanh")
def _gru(call: SectionCall) -> SectionOutput:
    outputs, part = call.counted("output"), _connected(call)
    state = call.constant(outputs, name="state")

    def gate(name: str) -> SectionOutput:
        terms = part(call.x, outputs, f"u{name}"), part(state, outputs, f"w{name}")
        return call.emit("sigmoid", call.emit("add", *terms, name=f"{name}_sum"), name=name)

    update, reset = gate("z"), gate("r")
    seen = part(call.emit("mul", reset, state), outputs, "wh")
    new = call.emit("tanh", call.emit("add", part(call.x, outputs, "uh"), seen, name="h_sum"), name="h")
    kept = call.emit("mul", update, call.emit("sub", state, new))  # z·state + (1 − z)·new
    return call.emit("add", new, kept)


@section("history")
def _history(call: SectionCall) -> SectionOutput:
    """The maps of the last steps, joined along the channels."""
    x, steps = call.map(), call.number("history_size", 4, 1)
    if steps == 1:
        return call.emit("identity", x)
    past = call.constant((steps - 1) * x.sizes[0], *x.sizes[1:], name="past")
    return call.emit("concat", x, past, dim=1)
