"""Disentangled attention: scores of contents, and of contents with the distances between their positions.

He et al. 2020 (DeBERTa), section 3.1, with the shared projections of DeBERTa-v2 and v3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import HEADS, Flag, Integer, Number, Stated
from shapecalc.layers.base.layer import FEATURES_LAST, TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.kinds.scaled_dot_product import attended, product_macs, scores_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.dependence import Look
    from shapecalc.layers.base.shape import Shape

GROUP = "attentions"

__all__ = ["DisentangledAttention"]


class DisentangledAttention(Layer):
    """Disentangled attention of DeBERTa: self-attention whose scores also compare contents with learned distances.

    The inputs are a sequence (…, length, features) and a table of embeddings of distances (distances, features), which
    all layers of a network share. A score is the sum of content to content, content to position (`c2p`: a query with
    the key of the distance) and position to content (`p2c`: a key with the query of the distance). The keys and queries
    of distances are projections of the table, by the weights of the contents with `share_att_key` (DeBERTa-v2 and v3),
    else by their own (v1). Each content is multiplied with all distances, of which the right ones are then gathered:
    MACs are L·distances·features for each of the two, and the table is projected in every layer, as transformers does
    (for a batch only once: with --batch MACs count it for each sample). Names of the weights are those of transformers.
    """

    kind = "disentangled_attention"
    also = ("disentangled_self_attention",)
    sequences = True
    saves = TRAINED
    inputs = (2, 2)
    input_names = ("sequence", "distances")

    num_heads = Integer("heads that the features are split into", symbol="h", role=HEADS)
    embed_dim = Stated("features of the sequence and of the output")
    share_att_key = Flag("project the distances by the weights of the contents", True)
    c2p = Flag("scores of contents with positions", True)
    p2c = Flag("scores of positions with contents", True)
    dropout = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)

    examples = (
        Example({"num_heads": 12}, [(32, 768), (512, 768)], (32, 768), 2_362_368, 706_215_936,
                "DeBERTa-v3-base, transformers 5.24.0; MACs by its flop counter"),
    )  # fmt: skip

    @property
    def axis_order(self) -> str:
        return FEATURES_LAST

    def constraints(self, x: Shape, distances: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        if distances.rank != 2:
            found = f"the table of distances has {distances.rank} axes"
            raise LayerError(f"{found}: {self.kind} expects distances and features", hint="use a parameter or its norm")
        if self.embed_dim is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.embed_dim, "features of the input", "embed_dim")
        yield Constraint(self.num_heads, DIVIDES, x.sizes[-1], "num_heads", "embed_dim")
        yield Constraint(distances.sizes[-1], EQUAL, x.sizes[-1], "features of the distances", "features of the input")

    def output(self, x: Shape, distances: Shape) -> Shape:
        return x.plain(*x.sizes)

    def weights(self, x: Shape, distances: Shape) -> WeightShapes:
        width = x.sizes[-1]
        names = ["query_proj", "key_proj", "value_proj"]
        if not self.share_att_key:
            names += ["pos_key_proj"] * self.c2p + ["pos_query_proj"] * self.p2c
        shapes: WeightShapes = {}
        for name in (*names, "dense"):
            shapes |= {f"{name}.weight": (width, width), f"{name}.bias": (width,)}
        return shapes

    @property
    def _projections(self) -> int:
        """The number of projections of the distances; with shared weights there are always both."""
        return 2 if self.share_att_key else [self.c2p, self.p2c].count(True)

    @property
    def _products(self) -> int:
        """The number of products of contents with distances."""
        return [self.c2p, self.p2c].count(True)

    def macs(self, output: Shape, x: Shape, distances: Shape) -> Dim:
        leading, (length, width), rows = prod(x.sizes[:-2]), x.sizes[-2:], distances.sizes[0]
        contents = 4 * length * width * width + product_macs(1, length, length, width, width)
        return leading * (contents + self._products * length * rows * width) + self._projections * rows * width * width

    def kept(self, output: Shape, x: Shape, distances: Shape) -> list[tuple[Dim, int]]:
        leading, (length, width), rows = prod(x.sizes[:-2]), x.sizes[-2:], distances.sizes[0]
        contents = (4 if self.p2c else 3) * length * width  # queries, values, and keys: scaled, and as they are
        gathered = self._products * rows * (self.num_heads * length + width)
        scores = scores_kept(leading * self.num_heads * length * length, self.dropout, in_fp32=False)
        return [(leading * (contents + gathered), 0), *scores]

    def kept_for_weights(self, output: Shape, x: Shape, distances: Shape) -> list[tuple[Dim, int]]:
        return [(prod(x.sizes), 0)]  # what the last projection reads

    def looks(self, output: Shape, x: Shape, distances: Shape) -> list[Look]:
        return [attended(0, x), attended(1, distances)]
