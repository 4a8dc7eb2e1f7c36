"""State-space layers and linear attention: a recurrence over a sequence, whose state does not grow with the sequence.

Multiply-accumulates are those of the projections, of the causal convolution, and of the recurrence step by step, in
which each product with an element of the state, or that is added to one, counts once. With the state-space equations

    h ← Ā·h + B̄·x        y = C·h        (Gu & Dao 2023, Mamba, equations 2a and 2b)

these are 3 for each element of the state at each position. What is element-wise around them (the step size Δ, the
discretisation exp(Δ·A) and Δ·x, the skip connection D·x, norms, gates) is not counted, as in other recurrent layers.
Kernels that multiply matrices over chunks of the sequence, or that scan it in parallel, have other MACs.

What the backward pass needs is what the CUDA kernels save that these layers are trained with; they recompute the
convolution and the states. Plain PyTorch operations save every state: more than ten times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, ceil_div, prod, total
from shapecalc.layers.base.arguments import HEADS, Flag, Integer, Stated
from shapecalc.layers.base.dependence import AxisDependence, Look, rearranged
from shapecalc.layers.base.layer import TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.base.roles import MIXER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "recurrences"

__all__ = ["GatedDeltaNet", "Mamba", "Mamba2"]

_FLOAT_BITS = 32
"""Bits of what the kernels save in single precision, whatever the activations have: states, and sums of norms."""

_SCANNED = 2048
"""After how many positions mamba_ssm's selective scan saves its states (selective_scan.cpp: n_chunks)."""

_DELTA_CHUNK = 64
"""Positions in a chunk of flash-linear-attention's chunk_gated_delta_rule."""


class _StateSpace(Layer):
    """What these layers share: projections in and out, a causal convolution, and a recurrence with a state."""

    sequences = True
    of_map = "to_tokens"
    weight_roles: ClassVar = dict.fromkeys(
        ("in_proj.weight", "x_proj.weight", "dt_proj.weight", "out_proj.weight", "in_proj_qkvz.weight",
         "in_proj_ba.weight"), MIXER,
    )  # fmt: skip
    activates = True
    saves = TRAINED

    d_model = Stated("features of the input and of the output", also=["hidden_size"])

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        if self.d_model is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.d_model, "features of the input", "d_model")

    def output(self, x: Shape) -> Shape:
        return x.plain(*x.sizes)

    def weights(self, x: Shape) -> WeightShapes:
        return {**self._matrices(x), "conv1d.weight": self._filters(x), **self._vectors(x)}

    def _matrices(self, x: Shape) -> WeightShapes:
        """Return the weights of the projections, each of which every position passes through once."""
        raise NotImplementedError

    def _filters(self, x: Shape) -> tuple[Dim, ...]:
        """Return the size of the depthwise convolution's weight."""
        raise NotImplementedError

    def _vectors(self, x: Shape) -> WeightShapes:
        """Return the other weights: those of the recurrence and of the norm, and biases."""
        raise NotImplementedError

    def _step(self, x: Shape) -> Dim:
        """Return the MACs of one step of the recurrence."""
        return 3 * self._state(x)

    def _state(self, x: Shape) -> Dim:
        """Return the elements of the recurrence's state."""
        raise NotImplementedError

    def macs(self, output: Shape, x: Shape) -> Dim:
        projections = total(prod(sizes) for sizes in self._matrices(x).values())
        return prod(x.sizes[:-1]) * (projections + prod(self._filters(x)) + self._step(x))

    def state_cache(self, x: Shape) -> Dim:
        """Return how many elements a decoder keeps: the convolution's last inputs, and the recurrence's state."""
        return prod(x.sizes[:-2]) * prod(self._filters(x)) + self.recurrent_state(x)

    def recurrent_state(self, x: Shape) -> Dim:
        """Return the elements of the recurrence's state, which transformers keeps in fp32."""
        return prod(x.sizes[:-2]) * self._state(x)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        """Return that each position depends on those up to it, as in a causal convolution as long as the sequence."""
        causal = AxisDependence((range(1 - x.sizes[-2], 1),), 1)
        return [rearranged(0, x, {axis: axis for axis in range(x.rank - 1)}, {x.rank - 2: causal})]


class _Selective(_StateSpace):
    """What both versions of Mamba share."""

    conv_kernel = Integer("size of the causal convolution's window", 4, also=["d_conv"], symbol="k")
    use_bias = Flag("learned biases of the projections in and out", False, also=["bias"])
    use_conv_bias = Flag("learned bias of each channel of the convolution", True, also=["conv_bias"])

    def _biases(self, x: Shape) -> WeightShapes:
        shapes: WeightShapes = {"conv1d.bias": self._filters(x)[:1]} if self.use_conv_bias else {}
        if self.use_bias:
            shapes |= {f"{name}.bias": self._matrices(x)[f"{name}.weight"][:1] for name in ("in_proj", "out_proj")}
        return shapes


class Mamba(_Selective):
    """Mamba's mixer: a selective state space, whose step size and matrices B and C are projections of the input.

    The input is (…, length, features). It is the block of Gu & Dao 2023 without its norm and residual connection; names
    of arguments and weights are those of transformers, also-names those of mamba_ssm. Each of expand·d_model channels
    has its own state of `state_size` elements. A decoder keeps these and `conv_kernel` positions of each channel, as in
    transformers, for a sequence of any length.
    """

    kind = "mamba"
    also = ("mamba_mixer", "mamba_block")
    in_calls = ("d_model", "state_size", "conv_kernel", "expand")

    state_size = Integer("elements of the state of each channel", 16, also=["d_state"], symbol="N")
    expand = Integer("channels inside, as a multiple of d_model", 2, symbol="E")
    time_step_rank = Integer("features from which the step sizes are projected; d_model / 16, rounded up, by default",
                             None, also=["dt_rank"], symbol="r")  # fmt: skip
    inner_norms = Flag("RMS normalisation of the step sizes, B and C, as in Jamba", False,
                       also=["mamba_inner_layernorms"])  # fmt: skip

    examples = (
        Example({}, (10, 768), (10, 768), 3_770_880, 38_154_240,
                "mamba-130m, transformers 5.24.0; MACs by its flop counter and arithmetic"),
        Example({"state_size": 5, "expand": 3, "time_step_rank": 7, "use_bias": True, "conv_kernel": 2}, (6, 20),
                (6, 20), 5_780, 36_360, "transformers 5.24.0; MACs by its flop counter and arithmetic"),
        Example({"inner_norms": True}, (10, 4096), (10, 4096), 105_308_448, 1_055_457_280,
                "Jamba-v0.1, transformers 5.24.0; MACs by arithmetic"),
    )  # fmt: skip

    def _inner(self, x: Shape) -> Dim:
        return self.expand * x.sizes[-1]

    def _rank(self, x: Shape) -> Dim:
        return ceil_div(x.sizes[-1], 16) if self.time_step_rank is None else self.time_step_rank

    def _matrices(self, x: Shape) -> WeightShapes:
        width, inner, rank = x.sizes[-1], self._inner(x), self._rank(x)
        return {
            "in_proj.weight": (2 * inner, width),
            "x_proj.weight": (rank + 2 * self.state_size, inner),
            "dt_proj.weight": (inner, rank),
            "out_proj.weight": (width, inner),
        }

    def _filters(self, x: Shape) -> tuple[Dim, ...]:
        return self._inner(x), 1, self.conv_kernel

    def _vectors(self, x: Shape) -> WeightShapes:
        inner = self._inner(x)
        widths = {"dt": self._rank(x), "b": self.state_size, "c": self.state_size} if self.inner_norms else {}
        norms = {f"{name}_layernorm.weight": (width,) for name, width in widths.items()}
        return {**self._biases(x), "dt_proj.bias": (inner,), "A_log": (inner, self.state_size), "D": (inner,), **norms}

    def _state(self, x: Shape) -> Dim:
        return self._inner(x) * self.state_size

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        """Return what mamba_ssm's mamba_inner_fn saves: xz, x_dbl, copies of B and C, the scan's output and states."""
        inner, leading = self._inner(x), prod(x.sizes[:-2])
        each = 3 * inner + self._rank(x) + 4 * self.state_size
        states = leading * ceil_div(x.sizes[-2], _SCANNED) * (2 * self._state(x))
        return [(prod(x.sizes[:-1]) * each, 0), (states, _FLOAT_BITS)]


class Mamba2(_Selective):
    """Mamba-2's mixer (SSD): a selective state space of heads, each with one decay, and a gated RMS norm after it.

    The input is (…, length, features). It is the block of Dao & Gu 2024 without its norm and residual connection; names
    of arguments and weights are those of transformers, also-names those of mamba_ssm. The width inside is
    num_heads·head_dim, by default expand·d_model. Each head has a state of head_dim·state_size elements; the heads of
    one of `n_groups` share B and C (one group by default as in mamba_ssm; transformers' default is 8). A decoder keeps
    the states and `conv_kernel` positions of each channel of the convolution, for a sequence of any length.
    """

    kind = "mamba2"
    also = ("mamba2_mixer", "mamba2_block")
    in_calls = ("d_model", "state_size", "conv_kernel")

    state_size = Integer("elements of the state of each channel", 128, also=["d_state"], symbol="N")
    num_heads = Integer("heads; expand·d_model // head_dim by default", None, also=["nheads"], symbol="h",
                        replaces="expand", role=HEADS)  # fmt: skip
    head_dim = Integer("channels of each head", 64, also=["headdim"], symbol="P")
    n_groups = Integer("groups of heads that share B and C", 1, also=["ngroups"], symbol="g")
    expand = Integer("channels inside, as a multiple of d_model", 2, symbol="E")

    examples = (
        Example({}, (10, 768), (10, 768), 3_764_552, 43_509_760,
                "mamba2-130m, transformers 5.24.0; MACs by its flop counter and arithmetic"),
        Example({"num_heads": 6, "head_dim": 8, "n_groups": 2, "state_size": 5, "use_bias": True}, (6, 24), (6, 24),
                4_632, 30_432, "transformers 5.24.0; MACs by its flop counter and arithmetic"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield from super().constraints(x)
        if self.num_heads is None:
            yield Constraint(self.head_dim, DIVIDES, self.expand * x.sizes[-1], "head_dim", "expand·d_model")
        yield Constraint(self.n_groups, DIVIDES, self._heads(x), "n_groups", "num_heads")

    def _heads(self, x: Shape) -> Dim:
        return self.expand * x.sizes[-1] // self.head_dim if self.num_heads is None else self.num_heads

    def _inner(self, x: Shape) -> Dim:
        return self._heads(x) * self.head_dim

    def _convolved(self, x: Shape) -> Dim:
        """Return the channels of the convolution: x, B and C."""
        return self._inner(x) + 2 * self.n_groups * self.state_size

    def _matrices(self, x: Shape) -> WeightShapes:
        width, inner = x.sizes[-1], self._inner(x)
        return {
            "in_proj.weight": (inner + self._convolved(x) + self._heads(x), width),
            "out_proj.weight": (width, inner),
        }

    def _filters(self, x: Shape) -> tuple[Dim, ...]:
        return self._convolved(x), 1, self.conv_kernel

    def _vectors(self, x: Shape) -> WeightShapes:
        heads = (self._heads(x),)
        return {**self._biases(x), "dt_bias": heads, "A_log": heads, "D": heads, "norm.weight": (self._inner(x),)}

    def _state(self, x: Shape) -> Dim:
        return self._inner(x) * self.state_size

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        """Return what mamba_ssm's mamba_split_conv1d_scan_combined saves: zxbcdt, the scan's output, norms' sums."""
        positions, each = prod(x.sizes[:-1]), 2 * self._inner(x) + self._convolved(x) + self._heads(x)
        return [(positions * each, 0), (positions * self.n_groups, _FLOAT_BITS)]


class GatedDeltaNet(_StateSpace):
    """Gated delta rule: linear attention whose state decays and replaces what it holds for a key by the new value.

    The input is (…, length, features), as in Qwen3-Next (Yang, Kautz & Hatamizadeh 2025). A value head has a state S of
    key_head_dim·value_head_dim elements: S ← α·S, then S ← S + k·β(v − Sᵀk), and Sᵀq is read, which are 4
    multiply-accumulates for each element. A decoder keeps the states and the convolution's last inputs, for a sequence
    of any length. Names of arguments and weights are those of transformers; Qwen3.5 divides `in_proj_qkvz` and
    `in_proj_ba` in two each, with the same counts.
    """

    kind = "gated_delta_net"
    also = ("gated_delta_rule",)

    linear_num_value_heads = Integer("heads of the values, each with a state", also=["num_v_heads"], symbol="h_v")
    linear_num_key_heads = Integer(
        "heads of queries and keys; as many as of the values by default", None, also=["num_k_heads"],
        default_from="linear_num_value_heads", symbol="h_k",
    )  # fmt: skip
    linear_key_head_dim = Integer("features of each head's query and key", 128, also=["head_k_dim"], symbol="d_k")
    linear_value_head_dim = Integer("features of each head's value", 128, also=["head_v_dim"], symbol="d_v")
    linear_conv_kernel_dim = Integer("size of the causal convolution's window", 4, also=["conv_kernel", "conv_size"],
                                     symbol="k")  # fmt: skip

    examples = (
        Example({"linear_num_value_heads": 32, "linear_num_key_heads": 16}, (10, 2048), (10, 2048), 33_718_464,
                358_154_240, "Qwen3-Next-80B-A3B, transformers 5.24.0; MACs by its flop counter and arithmetic"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield from super().constraints(x)
        names = "linear_num_key_heads", "linear_num_value_heads"
        yield Constraint(self.linear_num_key_heads, DIVIDES, self.linear_num_value_heads, *names)

    @property
    def _keys(self) -> Dim:
        return self.linear_num_key_heads * self.linear_key_head_dim

    @property
    def _values(self) -> Dim:
        return self.linear_num_value_heads * self.linear_value_head_dim

    def _matrices(self, x: Shape) -> WeightShapes:
        width = x.sizes[-1]
        return {
            "in_proj_qkvz.weight": (2 * self._keys + 2 * self._values, width),
            "in_proj_ba.weight": (2 * self.linear_num_value_heads, width),
            "out_proj.weight": (width, self._values),
        }

    def _filters(self, x: Shape) -> tuple[Dim, ...]:
        return 2 * self._keys + self._values, 1, self.linear_conv_kernel_dim

    def _vectors(self, x: Shape) -> WeightShapes:
        heads = (self.linear_num_value_heads,)
        return {"dt_bias": heads, "A_log": heads, "norm.weight": (self.linear_value_head_dim,)}

    def _step(self, x: Shape) -> Dim:
        return 4 * self._state(x)

    def _state(self, x: Shape) -> Dim:
        return self.linear_num_value_heads * self.linear_key_head_dim * self.linear_value_head_dim

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        """Return what the kernels of transformers' layer save: causal_conv1d, chunk_gated_delta_rule and the norm.

        These are the convolution's input; normalised queries and keys, values, β and the chunks' matrices; the norm's
        input and gate. In single precision: the decays, before and after they are summed, and the sums of all norms.
        """
        positions, heads = prod(x.sizes[:-1]), self.linear_num_value_heads
        each = 4 * self._keys + 4 * self._values + (1 + _DELTA_CHUNK) * heads
        floats = 4 * heads + 2 * self.linear_num_key_heads
        return [(positions * each, 0), (positions * floats, _FLOAT_BITS)]

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(prod(x.sizes[:-1]) * self._values, 0)]  # the input of out_proj
