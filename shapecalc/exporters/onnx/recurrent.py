"""Recurrent layers: one node for each layer, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.table import NotExpressibleError, writes

if TYPE_CHECKING:
    from shapecalc.exporters.onnx.table import Site

_GATES = {"lstm": 4, "gru": 3, "rnn": 1}


@writes(*_GATES)
def _recurrent(site: Site) -> Any:
    given, kind = site.given, site.layer.kind
    if given.get("proj_size"):
        raise NotExpressibleError("ONNX has no proj_size, which projects the hidden state")
    if given["merge_mode"] not in ("concat", "none") or (given["merge_mode"] == "none"):
        raise NotExpressibleError(f"merge_mode {given['merge_mode']}: ONNX stacks the two directions")
    length, width = site.x.sizes
    hidden, directions = given["hidden_size"], 2 if given["bidirectional"] else 1
    x, states = site.transpose(site.names[0], (1, 0, 2)), _states(site, directions)
    lasts: list[list[str]] = []
    y = ""
    for layer in range(given["num_layers"]):
        ends = [f"l{layer}", f"l{layer}_reverse"][:directions]
        attributes: dict[str, Any] = {"hidden_size": hidden}
        if directions == 2:
            attributes["direction"] = "bidirectional"
        if given.get("nonlinearity") == "relu":
            attributes["activations"] = ["Relu"] * directions
        if kind == "gru" and given["reset_after"]:
            attributes["linear_before_reset"] = 1
        inputs = _weights(site, ends, width, hidden)
        outputs = site.op(kind.upper(), x, *inputs, *_initial(states, layer, inputs), outputs=3 if kind == "lstm" else 2,
                          **attributes)  # fmt: skip
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


def _last_step(site: Site, every: str, hidden: int, directions: int) -> str:
    """Add the last output of each direction: that of the second one is at the first step."""
    numbers = site.model.number
    forward = site.op("Gather", every, numbers(-1), axis=1)
    if directions == 1:
        return str(forward)
    backward = site.op("Gather", every, numbers(0), axis=1)
    return str(site.op("Concat", site.slice(forward, 1, 0, hidden), site.slice(backward, 1, hidden, 2 * hidden), axis=1))


def _joined(site: Site, y: str, length: int, directions: int, hidden: int) -> str:
    """Add the joining of the directions, of (length, directions, batch, hidden)."""
    if directions == 1:
        return str(site.op("Squeeze", y, site.model.numbers(1)))
    turned = site.op("Transpose", y, perm=[0, 2, 1, 3])
    return str(site.op("Reshape", turned, site.model.numbers(length, -1, 2 * hidden)))


def _states(site: Site, directions: int) -> list[list[str]]:
    """Return the initial states of each layer, with the batch as the second axis."""
    found = []
    for i in range(1, len(site.names)):
        moved = site.transpose(site.whole(i), (1, 0, 2))
        count = site.given["num_layers"]
        parts = (site.op("Split", moved, site.model.numbers(*[directions] * count), outputs=count, axis=0)
                 if count > 1 else [moved])  # fmt: skip
        found.append(list(parts))
    return found


def _initial(states: list[list[str]], layer: int, inputs: list[str]) -> list[str]:
    """Return the inputs of a layer after its weights: lengths of sequences (none), and its states."""
    peephole = inputs[3:]
    del inputs[3:]
    own = [state[layer] for state in states]
    if not own and not peephole:
        return []
    return ["", *own, *[""] * (2 - len(own) if peephole else 0), *peephole]


def _weights(site: Site, ends: list[str], width: int, hidden: int) -> list[str]:
    """Add the weights W, R and B (and P) of a layer, each with an axis for the directions."""
    rows = _GATES[site.layer.kind] * hidden
    names = set(site.weights)
    found = []
    for word, sizes in (("weight_ih", (rows, width)), ("weight_hh", (rows, hidden))):
        parts = [site.op("Reshape", site.weight(f"{word}_{end}"), site.model.numbers(1, *sizes)) for end in ends]
        found.append(parts[0] if len(parts) == 1 else site.op("Concat", *parts, axis=0))
    if f"bias_ih_{ends[0]}" not in names:
        found.append("")
    else:
        parts = []
        for end in ends:
            second = f"bias_hh_{end}"
            own = site.weight(second) if second in names else site.model.filled((rows,))
            both = site.op("Concat", site.weight(f"bias_ih_{end}"), own, axis=0)
            parts.append(site.op("Reshape", both, site.model.numbers(1, 2 * rows)))
        found.append(parts[0] if len(parts) == 1 else site.op("Concat", *parts, axis=0))
    if f"peephole_{ends[0]}" in names:
        sizes_ = site.model.numbers(1, 3 * hidden)
        parts = [site.op("Reshape", site.weight(f"peephole_{end}"), sizes_) for end in ends]
        found.append(parts[0] if len(parts) == 1 else site.op("Concat", *parts, axis=0))
    return found
