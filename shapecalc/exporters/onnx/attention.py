"""Attention, as matrix products: projections, scores, softmax, and the weighted sum of the values."""

from __future__ import annotations

from math import floor, log, log2
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.embeddings import positions, rotated
from shapecalc.exporters.onnx.norms import normalise_rms
from shapecalc.exporters.onnx.table import NoCounterpartError, writes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.onnx.table import LayerSite

__all__ = ["NORM_EPS", "attend", "buckets", "joined", "mask_of"]

_HIDDEN = -3.4028234663852886e38
NORM_EPS = 1e-6
_FARTHEST = 128
"""The distance from which on all are in T5's last bucket."""


def _distances(site: LayerSite, length: int, keys: int) -> str:
    """Add how far each key (a column) is behind each query (a row)."""
    rows = site.op("Reshape", positions(site, length), site.graph.numbers(length, 1))
    return str(site.op("Sub", rows, positions(site, keys)))


def mask_of(site: LayerSite, length: int, keys: int, window: int | None, *, is_causal: bool) -> str:
    """Add what is added to the scores: a large negative number where a key is hidden from a query."""
    key = ("mask", length, keys, window, is_causal)
    cache = site.graph.cache
    if key not in cache:
        distances, number = _distances(site, length, keys), site.graph.number
        hidden: list[str] = []
        if is_causal:
            hidden.append(site.op("Less", distances, number(0.0)))
        if window is not None:
            far = distances if is_causal else site.op("Abs", distances)
            hidden.append(site.op("Greater", far, number(float(window - 1 if is_causal else window // 2))))
        where = hidden[0] if len(hidden) == 1 else site.op("Or", *hidden)
        cache[key] = site.op("Where", where, number(_HIDDEN), number(0.0))
    return cache[key]


def _slopes(heads: int) -> list[float]:
    """Return ALiBi's slopes: Press et al. 2021, section 3; for other numbers of heads as their code."""
    whole = 2 ** floor(log2(heads))
    found = [2 ** (-8 * (i + 1) / whole) for i in range(whole)]
    return found + [2 ** (-4 * (2 * i + 1) / whole) for i in range(heads - whole)]


def buckets(site: LayerSite, length: int, keys: int, count: int, *, is_causal: bool) -> str:
    """Add T5's bucket of the distance of each query and key (Raffel et al. 2019, section 2.1)."""
    key = ("buckets", length, keys, count, is_causal)
    cache = site.graph.cache
    if key in cache:
        return cache[key]
    number, behind = site.graph.number, _distances(site, length, keys)
    half = count if is_causal else count // 2
    near = max(half // 2, 1)
    far = site.op("Max", behind, number(0.0)) if is_causal else site.op("Abs", behind)
    logs = site.op("Log", site.scale(site.op("Max", far, number(1.0)), 1 / near))
    more = site.op("Floor", site.scale(logs, (half - near) / log(max(_FARTHEST, near + 1) / near)))
    large = site.op("Min", site.op("Add", more, number(float(near))), number(float(half - 1)))
    found = site.op("Where", site.op("Less", far, number(float(near))), far, large)
    if not is_causal:
        ahead = site.op("Cast", site.op("Less", behind, number(0.0)), to=1)
        found = site.op("Add", found, site.scale(ahead, float(half)))
    cache[key] = site.op("Cast", found, to=7)
    return cache[key]


def attend(
    site: LayerSite,
    tensors: tuple[str, str, str],
    leading: Sequence[int],
    heads: tuple[int, int],
    lengths: tuple[int, int],
    widths: tuple[int, int],
    change: Callable[[str], str] | None = None,
    weigh: Callable[[str], str] | None = None,
) -> tuple[str, str]:
    """Add attention of queries (…, heads, length, width) to fewer heads of keys and values.

    `change` works on the scores (…, heads, length, keys), `weigh` makes weights of them (a softmax by default).
    Returns the result (…, heads, length, width of the values), and the weights.
    """
    (q, k, v), (h, kv), (length, keys), (width, v_width) = tensors, heads, lengths, widths
    groups = h // kv
    q = site.scale(q, width**-0.5)
    rank = len(leading) + 4
    shared = kv not in (1, h)
    if shared:
        q = site.reshape(q, (*leading, kv, groups, length, width))
        k = site.reshape(k, (*leading, kv, 1, keys, width))
        v = site.reshape(v, (*leading, kv, 1, keys, v_width))
        rank += 1
    turned = site.transpose(k, [*range(rank - 2), rank - 1, rank - 2])
    scores = site.op("MatMul", q, turned)
    if shared:
        scores = site.reshape(scores, (*leading, h, length, keys))
    scores = change(scores) if change else scores
    weights = weigh(scores) if weigh else site.op("Softmax", scores, axis=-1)
    used = site.reshape(weights, (*leading, kv, groups, length, keys)) if shared else weights
    found = site.op("MatMul", used, v)
    return site.reshape(found, (*leading, h, length, v_width)) if shared else str(found), str(weights)


class _Heads:
    """The parts of multi-head attention."""

    def __init__(self, site: LayerSite) -> None:
        self.site = site
        given, tensors = site.given, len(site.inputs) - (1 if site.given["attn_mask"] else 0)
        self.q, self.k, self.v = ((0, 0, 0), (0, 1, 1), (0, 1, 2))[tensors - 1]
        self.width = site.x.sizes[-1]
        self.heads = given["num_heads"]
        self.kv = given["num_kv_heads"] or self.heads
        self.head = given["head_dim"] or self.width // self.heads
        self.v_head = given["v_head_dim"] or self.head
        self.leading = tuple(site.x.sizes[:-2])
        self.length = site.x.sizes[-2]
        self.keys = site.inputs[self.k].sizes[-2]

    def projections(self) -> list[str]:
        """Add the projections to queries, keys and values."""
        site, weights = self.site, self.site.weights
        sizes = self.heads * self.head, self.kv * self.head, self.kv * self.v_head
        if "in_proj_weight" in weights:
            bias = site.weight("in_proj_bias") if "in_proj_bias" in weights else None
            every = site.project(site.names[0], site.weight("in_proj_weight"), bias)
            parts = list(site.op("Split", every, site.graph.numbers(*sizes), outputs=3, axis=-1))
        else:
            pairs = zip("qkv", (self.q, self.k, self.v), strict=True)
            parts = [site.project(site.names[i], site.weight(f"{word}_proj_weight")) for word, i in pairs]
        return [self._biased(part, f"{word}_proj_bias") for word, part in zip("qkv", parts, strict=True)]

    def _biased(self, x: str, name: str) -> str:
        return self.site.op("Add", x, self.site.weight(name)) if name in self.site.weights else x

    def normalised(self, x: str, name: str, heads: int, *, is_split: bool) -> str:
        """Add the normalisation of queries or keys, over all features or over those of each head."""
        site, how = self.site, self.site.given["qk_norm"]
        if how == "none" or (how == "width") == is_split:
            return x
        x = self._normalisation(x)
        for word, op in (("weight", "Mul"), ("bias", "Add")):
            if f"{name}.{word}" in site.weights:
                tensor = site.weight(f"{name}.{word}")
                if how == "heads":
                    tensor = site.op("Reshape", tensor, site.graph.numbers(heads, 1, self.head))
                x = site.op(op, x, tensor)
        return x

    def _normalisation(self, x: str) -> str:
        site = self.site
        if site.given["qk_norm_bias"]:  # a layer norm
            x = site.op("Sub", x, site.op("ReduceMean", x, axes=[-1], keepdims=1))
        return normalise_rms(site, x, [-1], NORM_EPS)

    def split(self, x: str, length: int, heads: int, width: int) -> str:
        """Add the division into heads: (…, heads, length, width)."""
        parts = self.site.reshape(x, (*self.leading, length, heads, width))
        n = len(self.leading) + 1
        return self.site.transpose(parts, [*range(n), n + 1, n, n + 2])

    def rotated(self, x: str, length: int) -> str:
        """Add the rotation by positions, if there is one."""
        site = self.site
        if not site.given["rotary"]:
            return x
        if site.rotary is None:
            raise NoCounterpartError("a rotation without a rotary_embedding before it, whose base is needed")
        return rotated(
            site, x, length, self.head, site.rotary.given["rotary_dim"] or self.head, float(site.rotary.given["base"])
        )

    def further(self, k: str, v: str) -> tuple[str, str]:
        """Add a learned key and value, and ones of zeros, where they are asked for."""
        site = self.site
        for word, is_one in (("bias_kv", site.given["add_bias_kv"]), ("zero", site.given["add_zero_attn"])):
            if is_one:
                pair = []
                for x, name, width in ((k, "bias_k", self.head), (v, "bias_v", self.v_head)):
                    sizes = (self.kv, 1, width)
                    own = site.weight(name) if word == "bias_kv" else site.graph.filled(sizes)
                    own = site.op("Reshape", own, site.graph.numbers(*sizes))
                    shape = site.op("Slice", site.op("Shape", x), site.graph.numbers(0),
                                    site.graph.numbers(len(self.leading) + 1), site.graph.numbers(0))  # fmt: skip
                    full = site.op("Concat", shape, site.graph.numbers(*sizes), axis=0)
                    pair.append(site.op("Concat", x, site.op("Expand", own, full), axis=-2))
                k, v = pair
                self.keys += 1
        return k, v

    def change(self, scores: str) -> str:
        """Add what changes the scores: biases, limits and masks."""
        site, given = self.site, self.site.given
        if given["softcap"] is not None:
            cap = float(given["softcap"])
            scores = site.scale(site.op("Tanh", site.scale(scores, 1 / cap)), cap)
        if given["relative_buckets"] is not None:
            at = buckets(site, self.length, self.keys, given["relative_buckets"], is_causal=given["is_causal"])
            table = site.op("Gather", site.weight("relative_attention"), at, axis=0)
            scores = site.op("Add", scores, site.op("Transpose", table, perm=[2, 0, 1]))
        if given["alibi"]:
            slopes = site.op(
                "Reshape", site.graph.fractions(*_slopes(self.heads)), site.graph.numbers(self.heads, 1, 1)
            )
            scores = site.op("Sub", scores, site.op("Mul", slopes, _distances(site, self.length, self.keys)))
        if given["attn_mask"]:
            rank, mask = len(self.leading) + 3, site.inputs[-1]
            own = site.names[-1]
            scores = site.op("Add", scores, own if mask.rank == rank else
                             site.reshape(own, (*[1] * (rank - mask.rank), *mask.sizes)))  # fmt: skip
        if given["is_causal"] or given["window"] is not None:
            hidden = mask_of(site, self.length, self.keys, given["window"], is_causal=given["is_causal"])
            scores = site.op("Add", scores, hidden)
        return scores

    def weigh(self, scores: str) -> str:
        """Add the softmax; with sinks, a learned score takes a part of it."""
        site = self.site
        if not site.given["sinks"]:
            return str(site.op("Softmax", scores, axis=-1))
        own = site.op("Reshape", site.weight("sinks"), site.graph.numbers(self.heads, 1, 1))
        column = site.op("Add", site.scale(site.slice(scores, -1, 0, 1), 0.0), own)
        weights = site.op("Softmax", site.op("Concat", scores, column, axis=-1), axis=-1)
        return site.slice(weights, -1, 0, self.keys)


@writes("multi_head_attention")
def _multi_head_attention(site: LayerSite) -> Any:
    parts = _Heads(site)
    q, k, v = parts.projections()
    q = parts.normalised(q, "q_norm", parts.heads, is_split=False)
    k = parts.normalised(k, "k_norm", parts.kv, is_split=False)
    q = parts.normalised(parts.split(q, parts.length, parts.heads, parts.head), "q_norm", parts.heads, is_split=True)
    k = parts.normalised(parts.split(k, parts.keys, parts.kv, parts.head), "k_norm", parts.kv, is_split=True)
    v = parts.split(v, parts.keys, parts.kv, parts.v_head)
    q, k = parts.rotated(q, parts.length), parts.rotated(k, parts.keys)
    k, v = parts.further(k, v)
    found, weights = attend(site, (q, k, v), parts.leading, (parts.heads, parts.kv), (parts.length, parts.keys),
                             (parts.head, parts.v_head), parts.change, parts.weigh)  # fmt: skip
    mixed = joined(site, found, parts.leading, parts.length, parts.heads * parts.v_head)
    if site.given["gate"]:
        gate = parts._biased(site.project(site.names[0], site.weight("gate_proj_weight")), "gate_proj_bias")  # noqa: SLF001
        mixed = site.op("Mul", mixed, site.op("Sigmoid", gate))
    bias = site.weight("out_proj.bias") if "out_proj.bias" in site.weights else None
    y = site.project(mixed, site.weight("out_proj.weight"), bias)
    if not site.given["need_weights"]:
        return y
    return [y, site.op("ReduceMean", weights, axes=[len(parts.leading) + 1], keepdims=0)]


def joined(site: LayerSite, x: str, leading: Sequence[int], length: int, width: int) -> str:
    """Add the joining of heads: (…, heads, length, width) to (…, length, features)."""
    n = len(leading) + 1
    return site.reshape(site.transpose(x, [*range(n), n + 1, n, n + 2]), (*leading, length, width))


@writes("scaled_dot_product_attention")
def _scaled_dot_product_attention(site: LayerSite) -> str:
    q, k, v = site.inputs[:3]
    if site.given["enable_gqa"]:
        heads, leading = (q.sizes[-3], k.sizes[-3]), tuple(q.sizes[:-3])
    else:
        heads, leading = (1, 1), tuple(q.sizes[:-2])

    def change(scores: str) -> str:
        for name, mask in zip(site.names[3:], site.inputs[3:], strict=True):
            sizes = (*[1] * (q.rank - mask.rank), *mask.sizes)
            scores = site.op("Add", scores, name if mask.rank == q.rank else site.reshape(name, sizes))
        if site.given["is_causal"]:
            scores = site.op("Add", scores, mask_of(site, q.sizes[-2], k.sizes[-2], None, is_causal=True))
        return scores

    names = list(site.names[:3])
    for i, x in enumerate(site.inputs[:3]):
        if x.rank != q.rank:
            names[i] = site.reshape(names[i], (*[1] * (q.rank - x.rank), *x.sizes))
    if site.given["enable_gqa"]:
        return attend(site, tuple(names), leading, heads, (q.sizes[-2], k.sizes[-2]),  # type: ignore[arg-type]
                       (q.sizes[-1], v.sizes[-1]), change)[0]  # fmt: skip
    order = [*range(q.rank - 1), q.rank, q.rank - 1]
    scores = site.op("MatMul", site.scale(names[0], q.sizes[-1] ** -0.5), site.transpose(names[1], order))
    return str(site.op("MatMul", site.op("Softmax", change(scores), axis=-1), names[2]))
