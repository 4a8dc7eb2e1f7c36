"""Fully connected layers, look-ups and recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.caffe.operations import layer_type
from shapecalc.importers.caffe.windows import outputs
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.tensors import Batch

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data


@layer_type("innerproduct", "margininnerproduct", "normalizedinnerproduct")
def _inner_product(call: CaffeCall) -> Data:
    param = "inner_product_param" if call.layer.key == "innerproduct" else "margin_inner_product_param"
    x, params = call.data(), call.param(param)
    axis = call.axis(x, "axis", param, 1)
    arguments: dict[str, Any] = {"out_features": outputs(params)}
    if not params.flag("bias_term", default=True) or call.layer.key != "innerproduct":
        arguments["bias"] = False
    index = 0 if x.batch.axis == axis - 1 == 0 and x.batch.own else call.frame.within(x, axis) - 1
    if x.batch.axis > axis - 1:
        raise NotCoveredError(f"it joins axes from {axis} on, with that of the batch")
    if index == 0:
        return call.one("fc", x, **arguments)
    if index < x.shape.rank - 1:
        x = call.one("flatten", x, part="flatten", start_dim=index + 1)
    return call.one("linear", x, **arguments)


@layer_type("embed")
def _embed(call: CaffeCall) -> Data:
    x, params = call.data(), call.param("embed_param")
    bias = params.flag("bias_term", default=True)
    table: dict[str, Any] = {"num_embeddings": params.integer("input_dim", 0, 1), "embedding_dim": outputs(params)}
    found = call.one("embedding", x, part="table" if bias else "", **table)
    return call.one("bias_add", found, dim=found.shape.rank) if bias else found


def _check_continuation(call: CaffeCall, x: Data) -> None:
    """Check the second input: for each step of each sample, whether its sequence goes on. Errors: `LayerError`."""
    sizes = "×".join(map(str, call.full(x)[:2]))
    if len(call.inputs) < 2:
        hint = f'add bottom: "cont", of {sizes}: 0 where a sequence begins, 1 where it goes on'
        raise LayerError("its second input (cont) is missing: steps × samples", hint=hint)
    own, cont = call.full(x), call.full(call.data(1))
    if own[:2] != cont:
        found = "×".join(map(str, cont)) or "a scalar"
        message = f"its second input (cont) is {found}, but its first is {'×'.join(map(str, own))}"
        raise LayerError(message, ("cont has one number for each step of each sample",), f"it must be {sizes}")


@layer_type("lstm", "rnn")
def _recurrent(call: CaffeCall) -> list[Data]:
    """A sequence of (steps, samples, features), and for each step whether it goes on; one bias for each gate.

    A third input is the same at every step: what it adds to all gates is computed once.
    """
    x, params, is_lstm = call.data(), call.param("recurrent_param"), call.layer.key == "lstm"
    _check_continuation(call, x)
    if x.batch != Batch(1, own=True):
        raise NotCoveredError("its input is not steps × samples × features, with the samples as the batch")
    call.data(1)
    hidden = outputs(params)
    states = 2 if is_lstm else 1
    exposed = params.flag("expose_hidden", default=False)
    further = call.inputs[2:]
    start = further[len(further) - states :] if exposed else ()
    static = further[: len(further) - len(start)]
    gates = (4 if is_lstm else 1) * hidden
    if static:
        same = static[0] if static[0].shape.rank == 1 else call.one("flatten", static[0], part="static_flatten")
        call.one("linear", same, out_features=gates, bias=False, part="static")
    flat = x if x.shape.rank == 2 else call.one("flatten", x, part="flatten", start_dim=2)
    found = call.emit("lstm" if is_lstm else "rnn", flat, *start, batch=x.batch, hidden_size=hidden,
                      convention="keras", part="" if is_lstm else "hidden")  # fmt: skip
    if not is_lstm:  # Caffe's has an output layer: tanh(W·state + bias)
        projected = call.one("linear", found[0], out_features=hidden, part="output")
        found[0] = call.one("tanh", projected)
    if len(call.layer.tops) > 1 + (states if exposed else 0):
        raise LayerError(f"it has {len(call.layer.tops)} outputs (top)")
    return found
