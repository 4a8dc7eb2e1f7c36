"""Words of PyTorch, Keras and other programs that are no kind or argument here, and what to write in their place."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import KERNEL
from shapecalc.layers.base.layer import normalise_word

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.layers.base.layer import Layer

__all__ = ["changes_nothing", "hint_for_foreign_argument", "hint_for_foreign_kind", "sliced", "tiled"]

# The words of each line, and the hint; {kind} is the kind, {0} what is given in a call or after the colon.
_KINDS = """
layernorm2d layernorm3d channelnorm | write `- layer_norm: {axis: channels}`
input inputlayer placeholder | an input is not a layer: remove the item, and write `input:` with its size at the top
bidirectional | write `bidirectional: true` among the arguments of the LSTM or GRU
timedistributed | write the layer within it alone: linear works at every position of a sequence
rearrange reduce | write reshape and permute in its place, with sizes: `shapecalc layers reshape permute`
weightnorm | write `parametrization: weight_norm` among the arguments of the layer
spectralnorm | write `parametrization: spectral_norm` among the arguments of the layer
residual skip shortcut skipconnection | write `- add:` with its branches: the layers as a list, and [] for the input
parallel | write `- concat:` or `- add:` with its branches, each a list of layers
modulelist moduledict | list the layers here, or name them as a block under `blocks:`
lambda | write the layers that it computes
zeros ones empty randn rand | write `- parameter:` if it is learned, or else `- constant:`, with its size without batch
transformerencoder | write `- transformer_encoder_layer: {…}`, with `repeat:` below it for the number of layers
transformerdecoder | write `- transformer_decoder_layer: {…}`, with `repeat:` below it for the number of layers
transformer | write transformer_encoder_layer and transformer_decoder_layer, with `repeat:` for the number of layers
layers sequence | layers that repeat are a block: name them under `blocks:`; then `- NAME`, and `repeat:` below it
pwconv pointwiseconv pointwiseconv2d | write `- conv: {out_channels: …, kernel_size: 1}`
pool pooling | write max_pool or avg_pool
norm normalization | write batch_norm, layer_norm or group_norm
"""
_ARGUMENTS = """
batch_first time_major | remove it: sizes have no batch axis, and a sequence is (length, features)
input_length | remove it: the length is that of its input
data_format | remove it; where the channels are last, write `layout: HWC` at the top
device | remove it: it changes no size and no count
dtype | remove it: it changes no size and no count; the bits of an element are options of `shapecalc memory`
inplace | remove it: it changes no size; `shapecalc memory --in-place` counts it
requires_grad trainable | write `frozen: true` beside {kind}, not under it, where its weights are not trained
num_layers num_blocks | write `repeat:` beside {kind}, not under it, for several in sequence
input_shape batch_input_shape input_dim | remove it: the size of the input is `input:` at the top
attn_mask attention_mask mask src_mask tgt_mask | remove it: a mask changes no size; a causal one is `is_causal: true`
key_padding_mask src_key_padding_mask | remove it: a mask changes no size
query key value | write `from: [QUERY, KEY, VALUE]` below it, each the name of a layer, or one for all
expect | expectations are at the top of the file; those of a layer are `expect: {layer: {NAME: {output: …}}}`
act use_act | an activation is a layer of its own: write `- relu` as the next item
bn use_bn batch_norm norm use_norm | a normalisation is a layer of its own: write `- batch_norm` as the next item
kernel_initializer bias_initializer initializer | remove it: it changes no size and no count
kernel_regularizer bias_regularizer kernel_constraint bias_constraint | remove it: it changes no size and no count
"""
_PRODUCTS = ("dot", "batchdot")
_SHORTCUTS = ("residual", "skip", "shortcut", "skipconnection")
_LOSS = re.compile(r"\w*(loss|crossentropy)\w*")
_LOSS_HINT = "remove it: a loss has no part in the sizes of a network"
_WINDOW = re.compile(r"([a-z_]*[a-z])_?(\d+)x(\d+)")


@cache
def _table(text: str) -> dict[str, str]:
    pairs = (line.split(" | ") for line in text.strip().splitlines())
    return {word: hint for words, hint in pairs for word in words.split()}


def hint_for_foreign_kind(word: str, given: Sequence[str] = (), known: Collection[str] = (), written: str = "") -> str:
    """Return the hint for a name of another program, with the values `given` for it; empty for others.

    `known` are the names of layers and inputs; `written` is what is after the name in the text, with its colon.
    """
    plain = normalise_word(word)
    if plain in _SHORTCUTS and given and all(name in known for name in given):
        listed = given[0] if len(given) == 1 else f"[{', '.join(given)}]"
        return f"write `- add: {listed}`"
    if plain in _PRODUCTS:
        listed = ", ".join(given) if given and all(name in known for name in given) else "a, b"
        return (
            f"write `- matmul: [{listed}]`, or of vectors `- mul: [{listed}]`, then `- sum: {{dim: 1, keepdim: true}}`"
        )
    if _LOSS.fullmatch(plain):
        return _LOSS_HINT
    if plain == "select":
        return _selected(given)
    alone = given[0] if len(given) == 1 and given[0].isdecimal() else ""
    return _table(_KINDS).get(plain, "") or _window(word.lower(), alone) or _numbered(word, written)


def _numbered(word: str, written: str) -> str:
    """Return the hint for the name of a layer in place of its kind: `conv1`."""
    kind = word.rstrip("0123456789").rstrip("_")
    return f"write `- {kind}{written}`, with `name: {word}` below it" if kind != word and find_kind(kind) else ""


def _selected(given: Sequence[str]) -> str:
    """Return the hint for `select(1, -1)`: what `[:, -1]` is."""
    dim, index = (*given, "", "")[:2]
    is_short = re.fullmatch(r"[1-9]", dim) and len(given) == 2
    hint = sliced(f"[{':,' * int(dim)}{index}]") if is_short else ""
    return hint or "write `- slice: {dim: …, start: …, end: …}` for the index and the next one, then `- squeeze: …`"


def _window(word: str, alone: str) -> str:
    """Return the hint for a kind with the size of its window in its name: `conv3x3`."""
    found = _WINDOW.fullmatch(word)
    cls = find_kind(found[1]) if found else None
    name = next((name for name, argument in cls.arguments.items() if argument.role == KERNEL), "") if cls else ""
    if not found or not cls or not name:
        return ""
    size = found[2] if found[2] == found[3] else f"[{found[2]}, {found[3]}]"
    required = {one: "…" for one in cls.required_arguments() if one != name}
    if len(required) == 1 and alone:
        required = dict.fromkeys(required, alone)
    given = ", ".join(f"{one}: {value}" for one, value in {**required, name: size}.items())
    return f"write `- {found[1]}: {{{given}}}`"


def hint_for_foreign_argument(text: str, cls: type[Layer]) -> str:
    """Return the hint for an argument of another program; empty for others."""
    return cls.mistaken.get(text, "") or _table(_ARGUMENTS).get(text, "").replace("{kind}", cls.kind)


def changes_nothing(text: str, cls: type[Layer]) -> bool:
    """Return whether an argument of another program is one that is only to be removed: `batch_first`, `device`."""
    return hint_for_foreign_argument(text, cls).startswith("remove it")


def tiled(times: str) -> str:
    """Return the hint for repeats of a tensor, with the numbers as they are written: `2, 1`."""
    return f"write `- tile: [{times}]` to repeat the input along its axes"


_INDEX = re.compile(r"\s*(-?\d*)\s*(:?)\s*(-?\d*)\s*")


def sliced(text: str) -> str:
    """Return the hint for an index as Python writes it, `[:, 0]`; empty for any other text."""
    parts = text.strip()[1:-1].split(",") if re.fullmatch(r"\s*\[[-\d:,\s]+\]\s*", text) else []
    items = []
    for axis, part in enumerate(parts):
        found = _INDEX.fullmatch(part)
        if not found or not axis:
            continue
        start, colon, end = found.groups()
        if not colon and start:
            last = int(start) + 1
            stop = f", end: {last}" if last else ""
            items += [f"`- slice: {{dim: {axis}, start: {start}{stop}}}`", f"`- squeeze: {axis}`"]
        elif start or end:
            given = (f", start: {start}" if start else "") + (f", end: {end}" if end else "")
            items.append(f"`- slice: {{dim: {axis}{given}}}`")
    return f"write {', then '.join(items)}" if len(items) in (1, 2) else ""
