"""Recurrent layers: one node for each layer, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.table import NoCounterpartError, writes

if TYPE_CHECKING:
    from shapecalc.exporters.onnx.table import LayerSite

_GATES = {"lstm": 4, "gru": 3, "rnn": 1}


@writes(*_GATES)
def _recurrent(site: LayerSite) -> Any:
    given, kind = site.given, site.layer.kind
    if given.get("proj_size"):
        raise NoCounterpartError("ONNX has no proj_size, which projects the hidden state")
    if given["merge_mode"] != "concat":
        raise NoCounterpartError(f"merge_mode {given['merge_mode']}: ONNX stacks the two directions")
    length, width = site.x.sizes
    hidden, directions = given["hidden_size"], 2 if given["bidirectional"] else 1
    x, states = site.transpose(site.names[0], (1, 0, 2)), _states(site, directions)
    lasts: list[list[str]] = []
    y = ""
    for layer in range(given["num_layers"]):
        attributes: dict[str, Any] = {"hidden_size": hidden}
        if directions == 2:
            attributes["direction"] = "bidirectional"
        if given.get("nonlinearity") == "relu":
            attributes["activations"] = ["Relu"] * directions
        if kind == "gru" and given["reset_after"]:
            attributes["linear_before_reset"] = 1
        w, r, bias, peephole = _weights(site, layer, width)
        inputs = [x, w, r, bias, "", *[state[layer] for state in states]]
        inputs += [*[""] * (7 - len(inputs)), peephole] if peephole else []
        while not inputs[-1]:
            del inputs[-1]
        outputs = site.op(kind.upper(), *inputs, outputs=3 if kind == "lstm" else 2, **attributes)
        y, *last = outputs
        lasts.append(last)
        width = directions * hidden
        x = _joined(site, y, length, directions, hidden)
    every = site.transpose(x, (1, 0, 2))
    numbers = zip(*lasts, strict=True)
    joined = [site.op("Concat", *one, axis=0) if len(one) > 1 else one[0] for one in numbers]
    ends_ = [site.transpose(one, (1, 0, 2)) for one in joined]
    if not given["return_sequences"]:
        every = _last_step(site, every, hidden, directions)
    return [every, *ends_]


def _last_step(site: LayerSite, every: str, hidden: int, directions: int) -> str:
    """Add the last output of each direction: that of the second one is at the first step."""
    numbers = site.graph.number
    forward = site.op("Gather", every, numbers(-1), axis=1)
    if directions == 1:
        return str(forward)
    backward = site.op("Gather", every, numbers(0), axis=1)
    return str(
        site.op("Concat", site.slice(forward, 1, 0, hidden), site.slice(backward, 1, hidden, 2 * hidden), axis=1)
    )


def _joined(site: LayerSite, y: str, length: int, directions: int, hidden: int) -> str:
    """Add the joining of the directions, of (length, directions, batch, hidden)."""
    if directions == 1:
        return str(site.op("Squeeze", y, site.graph.numbers(1)))
    turned = site.op("Transpose", y, perm=[0, 2, 1, 3])
    return str(site.op("Reshape", turned, site.graph.numbers(length, -1, 2 * hidden)))


def _states(site: LayerSite, directions: int) -> list[list[str]]:
    """Return the initial states of each layer, with the batch as the second axis."""
    found = []
    for i in range(1, len(site.names)):
        moved = site.transpose(site.whole(i), (1, 0, 2))
        count = site.given["num_layers"]
        parts = (site.op("Split", moved, site.graph.numbers(*[directions] * count), outputs=count, axis=0)
                 if count > 1 else [moved])  # fmt: skip
        found.append(list(parts))
    return found


def _weights(site: LayerSite, layer: int, width: int) -> list[str]:
    """Return the inputs W, R, B and P of a layer, each with the directions as its first axis; empty for none."""
    given, names, hidden = site.given, site.weights, site.given["hidden_size"]
    directions, rows = 2 if given["bidirectional"] else 1, _GATES[site.layer.kind] * hidden
    found = [site.joint(f"weight_ih_l{layer}", (directions, rows, width)),
             site.joint(f"weight_hh_l{layer}", (directions, rows, hidden)), "", ""]  # fmt: skip
    if f"bias_hh_l{layer}" in names:
        found[2] = site.joint(f"bias_l{layer}", (directions, 2 * rows))
    elif f"bias_ih_l{layer}" in names:
        found[2] = site.op("Concat", site.joint(f"bias_l{layer}", (directions, rows)),
                           site.graph.filled((directions, rows)), axis=1)  # fmt: skip
    if f"peephole_l{layer}" in names:
        found[3] = site.joint(f"peephole_l{layer}", (directions, 3 * hidden))
    return found
