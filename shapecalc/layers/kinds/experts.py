"""Mixture of experts: of many feed-forward networks, a router chooses a few for each token.

All experts are parameters, but a token uses only `top_k` of them: these are its active parameters, and only their
multiply-accumulates are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import EQUAL, UP_TO, Constraint, Dim, prod
from shapecalc.layers.base.arguments import Choice, Flag, Integer, Number, Stated
from shapecalc.layers.base.dependence import Look, rearranged
from shapecalc.layers.base.layer import NOTHING, Composite, Example, Layer, Projection, WeightShapes
from shapecalc.layers.base.ranks import need_rank, same_leading
from shapecalc.layers.base.roles import EXPERTS_DOWN, EXPERTS_UP
from shapecalc.layers.kinds.activation import Activation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "matrices"

__all__ = ["Experts", "MixtureOfExperts"]

_FUNCTIONS = Activation.arguments["function"].words
_INDEX_BITS = 64


class Experts(Layer):
    """Routed experts: feed-forward networks of which each token uses the `top_k` with the largest scores.

    The first input is (…, length, features), the second the router's scores (…, length, num_experts): `moe` is both
    together. The output is the sum of the chosen experts' outputs, weighted by their scores. The weights are stacked,
    one matrix of each expert above the other, as in transformers; a gated expert (SwiGLU) has `gate_up_proj`, the
    matrices of its gate and of its input in one. MACs are those of the `top_k` experts of each token.
    """

    kind = "experts"
    also = ("routed_experts",)
    sequences = True
    of_map = "to_tokens"
    weight_roles: ClassVar = {"gate_up_proj": EXPERTS_UP, "up_proj": EXPERTS_UP, "down_proj": EXPERTS_DOWN}
    routed_by = 1
    saves = NOTHING
    inputs = (2, 2)

    num_experts = Integer("number of experts", also=["num_local_experts", "n_routed_experts"], symbol="E")
    top_k = Integer("experts that each token uses", also=["num_experts_per_tok"], symbol="k")
    hidden_dim = Integer("features inside an expert", also=["moe_intermediate_size", "intermediate_size"], symbol="f")
    embed_dim = Stated("features of the input")
    gated = Flag("gated experts of three matrices (SwiGLU), not two", True)
    activation = Choice("activation in an expert", _FUNCTIONS, "silu")
    limit = Number("limit of what a gate multiplies, which is clamped (gpt-oss); none by default", None, minimum=0,
                   also=["swiglu_limit"])  # fmt: skip
    bias = Flag("learned biases in the experts", False, also=["use_bias"])
    correction_bias = Flag(
        "a bias of the scores by which experts are chosen, adjusted without gradients: a buffer (DeepSeek-V3)", False
    )

    examples = (
        Example({"num_experts": 8, "top_k": 2, "hidden_dim": 14336}, [(5, 4096), (5, 8)], (5, 4096),
                1_409_286_144, 1_761_607_680, "Mixtral-8x7B's experts, transformers 5.24.0; MACs by its flop counter"),
        Example({"num_experts": 32, "top_k": 4, "hidden_dim": 2880, "bias": True}, [(1, 2880), (1, 32)], (1, 2880),
                796_538_880, 99_532_800, "gpt-oss-20b's experts, transformers 5.24; MACs by arithmetic"),
    )  # fmt: skip

    @property
    def detail(self) -> str:
        return f"{self.num_experts:,} experts, top {self.top_k:,}"

    def constraints(self, x: Shape, scores: Shape) -> Iterator[Constraint]:
        for tensor in (x, scores):
            need_rank(self.kind, tensor, 1, "features")
        if self.embed_dim is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.embed_dim, "features of the input", "embed_dim")
        yield Constraint(scores.sizes[-1], EQUAL, self.num_experts, "features of the scores", "num_experts")
        yield Constraint(self.top_k, UP_TO, self.num_experts, "top_k", "num_experts")
        yield from same_leading(x, scores, 1, "the tokens", "the scores")

    def weights(self, x: Shape, scores: Shape) -> WeightShapes:
        return self._stacked(self.num_experts, x.sizes[-1])

    def active_weights(self, x: Shape, scores: Shape) -> WeightShapes:
        return self._stacked(self.top_k, x.sizes[-1])

    def _stacked(self, experts: Dim, width: Dim) -> WeightShapes:
        first, inside = ("gate_up_proj", 2 * self.hidden_dim) if self.gated else ("up_proj", self.hidden_dim)
        shapes: WeightShapes = {first: (experts, inside, width), "down_proj": (experts, width, self.hidden_dim)}
        if self.bias:
            shapes |= {f"{first}_bias": (experts, inside), "down_proj_bias": (experts, width)}
        return shapes

    def buffers(self, x: Shape, scores: Shape) -> WeightShapes:
        return {"e_score_correction_bias": (self.num_experts,)} if self.correction_bias else {}

    def projections(self, x: Shape, scores: Shape) -> dict[str, Projection]:
        width, routed, number = x.sizes[-1], self._routed(x), self.num_experts
        down = Projection(self.hidden_dim, width, routed, -1, ("w2",), count=number)
        if not self.gated:
            return {"up_proj": Projection(width, self.hidden_dim, routed, -1, ("w1",), count=number), "down_proj": down}
        joined = Projection(width, 2 * self.hidden_dim, routed, -1, ("w1", "w3", "gate_proj", "up_proj"), 2, number)
        return {"gate_up_proj": joined, "down_proj": down}

    def macs(self, output: Shape, x: Shape, scores: Shape) -> Dim:
        matrices = 3 if self.gated else 2
        return self._routed(x) * (matrices * x.sizes[-1] * self.hidden_dim)

    def _routed(self, x: Shape) -> Dim:
        """Return how many pairs of a token and one of its experts there are."""
        return prod(x.sizes[:-1]) * self.top_k

    def kept(self, output: Shape, x: Shape, scores: Shape) -> list[tuple[Dim, int]]:
        inside = (3 if self.limit is None else 6) if self.gated else 1  # clamped and multiplied step by step
        routed = self._routed(x)
        each = inside * self.hidden_dim + x.sizes[-1] + 2  # with its score, before and after they are normalised
        return [(routed * each + prod(x.sizes[:-1]), 0), (4 * routed, _INDEX_BITS)]

    def kept_for_weights(self, output: Shape, x: Shape, scores: Shape) -> list[tuple[Dim, int]]:
        routed = self._routed(x)
        return [(routed * (x.sizes[-1] + self.hidden_dim), 0), (routed if self.bias else 0, _INDEX_BITS)]

    def looks(self, output: Shape, x: Shape, scores: Shape) -> list[Look]:
        return [rearranged(i, y, {axis: axis for axis in range(y.rank - 1)}) for i, y in enumerate((x, scores))]


class MixtureOfExperts(Composite):
    """Mixture of experts: a router, the experts that it chooses for each token, and experts that all tokens share.

    `hidden_dim` is the width of one routed expert. The router is a linear layer with softmax (Mixtral, Qwen) or sigmoid
    (DeepSeek-V3) scores. `shared_experts` are added for every token, as one network of their total width (DeepSeek),
    with `shared_gate` multiplied by a gate of its own (Qwen2-MoE).
    """

    kind = "moe"
    also = ("mixture_of_experts", "sparse_moe")

    dim = Integer("features of the input and of the output", also=["d_model"])
    num_experts = Integer("number of routed experts", also=["num_local_experts", "n_routed_experts"])
    top_k = Integer("routed experts that each token uses", also=["num_experts_per_tok"])
    hidden_dim = Integer("features inside a routed expert", also=["moe_intermediate_size", "intermediate_size"])
    gated = Flag("gated experts of three matrices (SwiGLU), not two", True)
    activation = Choice("activation in an expert", _FUNCTIONS, "silu")
    limit = Number("limit of what a gate multiplies, which is clamped (gpt-oss); none by default", None, minimum=0,
                   also=["swiglu_limit"])  # fmt: skip
    bias = Flag("learned biases in the experts", False, also=["use_bias"])
    scoring = Choice("what the router's outputs become: softmax, sigmoid", ("softmax", "sigmoid"), "softmax",
                     also=["scoring_func"])  # fmt: skip
    router_bias = Flag("learned bias of the router", False)
    router_upcast = Flag("the router computes in fp32 (DeepSeek); changes no size", False)
    correction_bias = Flag("a buffer that adjusts which experts are chosen (DeepSeek-V3)", False)
    shared_experts = Integer("experts that every token uses", 0, minimum=0, also=["n_shared_experts"])
    shared_hidden_dim = Integer("features inside a shared expert", None, default_from="hidden_dim",
                                also=["shared_expert_intermediate_size"])  # fmt: skip
    shared_bias = Flag("learned biases in the shared experts", None, default_from="bias")
    shared_gate = Flag("multiply the shared experts' output by a learned gate from 0 to 1 (Qwen2-MoE)", False)

    layers = """
    - linear: {out_features: num_experts, in_features: dim, bias: router_bias, upcast: router_upcast}
      name: gate
    - activation: scoring
      name: scores
    - experts: {num_experts: num_experts, top_k: top_k, hidden_dim: hidden_dim, gated: gated, activation: activation,
                limit: limit, bias: bias, correction_bias: correction_bias}
      name: experts
      from: [input, scores]
    - add:
      - []
      - - swiglu: {dim: dim, hidden_dim: shared_experts * shared_hidden_dim, activation: activation,
                   bias: shared_bias}
          name: shared_experts
          from: input
          when: gated
        - feed_forward: {dim: dim, hidden_dim: shared_experts * shared_hidden_dim, activation: activation,
                   bias: shared_bias}
          name: shared_experts
          when: not gated
        - mul:
          - - linear: {out_features: 1, bias: false}
              name: shared_expert_gate
              from: input
            - sigmoid
          - []
          when: shared_gate
      when: shared_experts > 0
    """

    examples = (
        Example({"dim": 4096, "num_experts": 8, "top_k": 2, "hidden_dim": 14336}, (1, 4096), (1, 4096),
                1_409_318_912, 352_354_304, "Mixtral-8x7B's block, transformers 5.24.0; MACs by its flop counter"),
    )  # fmt: skip
