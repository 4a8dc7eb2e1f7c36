"""Embeddings, learned and constant tensors: looked up, added or prepended.

A look-up multiplies nothing: none of these has MACs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import DIVIDES, EQUAL, LESS, UP_TO, Constraint
from shapecalc.layers.base.arguments import Flag, Integer, Number, Stated
from shapecalc.layers.base.dependence import Look, rearranged, shifted
from shapecalc.layers.base.layer import FEATURES_LAST, NOTHING, TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.base.roles import POSITIONS, TOKENS
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "embeddings"

__all__ = [
    "ClassToken",
    "ConstantTensor",
    "Embedding",
    "MaskToken",
    "Parameter",
    "PositionEmbedding",
    "RotaryEmbedding",
    "SinusoidalEmbedding",
    "UnusedParameter",
]


class Embedding(Layer):
    """Embedding: replaces each token id of the input by a row of a learned table.

    The input (length) becomes (length, embedding_dim); any other input also gains a last axis.
    """

    kind = "embedding"
    in_calls = ("num_embeddings", "embedding_dim", "padding_idx")
    in_keras_calls = ("num_embeddings", "embedding_dim")
    weight_roles: ClassVar = {"weight": TOKENS}
    looks_up = True
    saves = TRAINED

    num_embeddings = Integer("rows of the table: the size of the vocabulary", also=["input_dim"], symbol="V")
    embedding_dim = Integer("features of a row", also=["output_dim"], symbol="D")
    padding_idx = Integer("index of the padding token (-1: the last row); changes no count", None, minimum=-(10**12))

    examples = (
        Example({"num_embeddings": 10, "embedding_dim": 6}, (4,), (4, 6), 60, 0, "PyTorch 2.13.0, run"),
        Example({"num_embeddings": 30522, "embedding_dim": 768}, (128,), (128, 768), 23_440_896, 0,
                "BERT-base's word embeddings, transformers"),
    )  # fmt: skip

    @property
    def axis_order_out(self) -> str:
        return FEATURES_LAST

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if self.padding_idx is not None:
            yield Constraint(self.padding_idx, LESS, self.num_embeddings, "padding_idx", "num_embeddings")
            yield Constraint(-self.num_embeddings, UP_TO, self.padding_idx, "", "padding_idx")

    def output(self, x: Shape) -> Shape:
        return x.plain(*x.sizes, self.embedding_dim)

    def weights(self, x: Shape) -> WeightShapes:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def read_weights(self, x: Shape) -> WeightShapes:
        return {"weight": (1, self.embedding_dim)}

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {i: i for i in range(x.rank)})]


class PositionEmbedding(Layer):
    """Learned position embedding: adds a learned vector to every position of the input.

    The input is (…, length, features). Without `num_positions` the table has one row for each position of the input, as
    in vision transformers; with it the table is as long as the longest sequence, as in BERT and GPT-2. With
    `interpolate` a table of any length is resized to that of the input, as in DINOv2. With `offset` the first rows are
    of no position, as in OPT, RoBERTa and BART, whose positions count from 2: the longest sequence is shorter by them.
    """

    kind = "position_embedding"
    sequences = True
    saves = NOTHING
    also = ("positional_embedding", "learned_position_embedding")
    weight_roles: ClassVar = {"weight": POSITIONS}
    elementwise = True

    num_positions = Integer("rows of the table; as many as the input has positions by default", None,
                            also=["sequence_length", "max_position_embeddings"], symbol="P")  # fmt: skip
    embedding_dim = Stated("features of a row", also=["output_dim"])
    interpolate = Flag("resize the table to the length of the input", False)
    offset = Integer("first rows of the table, which no position uses; none by default", None, minimum=0)

    examples = (
        Example({}, (197, 768), (197, 768), 151_296, 0, "ViT-B/16, torchvision"),
        Example({"num_positions": 1024}, (10, 768), (10, 768), 786_432, 0, "GPT-2's wpe, transformers"),
        Example({"num_positions": 514, "offset": 2}, (512, 768), (512, 768), 394_752, 0,
                "RoBERTa-base's position_embeddings, transformers 5.24.0"),
        Example({"num_positions": 257, "interpolate": True}, (1370, 384), (1370, 384), 98_688, 0,
                "Dinov2Config(hidden_size=384, image_size=224) on 518×518, transformers 5.24.0"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        if self.num_positions is not None and self.offset is not None:
            yield Constraint(self.offset, LESS, self.num_positions, "offset", "num_positions")
        longest = self.longest_sequence()
        if longest is not None:
            limit = "num_positions" if self.offset is None else "num_positions − offset"
            yield Constraint(x.sizes[-2], UP_TO, longest, "length of the input", limit)
        if self.embedding_dim is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.embedding_dim, "features of the input", "embedding_dim")

    @property
    def _spare(self) -> Any:
        return 0 if self.offset is None else self.offset

    def longest_sequence(self) -> int | None:
        if self.interpolate or self.num_positions is None:
            return None
        longest: int = self.num_positions - self._spare
        return longest

    def weights(self, x: Shape) -> WeightShapes:
        rows = x.sizes[-2] + self._spare if self.num_positions is None else self.num_positions
        return {"weight": (rows, x.sizes[-1])}

    def read_weights(self, x: Shape) -> WeightShapes:
        return {"weight": (x.sizes[-2], x.sizes[-1])}


class SinusoidalEmbedding(Layer):
    """Sinusoidal position embedding: adds sines and cosines of every position; no parameters.

    The table is computed, not stored, so it is not a buffer here (some implementations register one).
    """

    kind = "sinusoidal_embedding"
    sequences = True
    saves = NOTHING
    also = ("sinusoidal_position_embedding", "positional_encoding")
    elementwise = True

    examples = (Example({}, (50, 512), (50, 512), 0, 0, "Vaswani et al. 2017, section 3.5"),)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        yield from ()


class RotaryEmbedding(Layer):
    """Rotary position embedding (RoPE): rotates pairs of features of queries or keys by an angle of the position.

    It has no parameters and changes no size. Write it once before an attention layer, to rotate its queries and keys.
    `rotary_dim` says that only the first features of each head are rotated (GPT-J, GPT-NeoX, Phi).
    """

    kind = "rotary_embedding"
    in_calls = ()  # others begin with the features of a head
    sequences = True
    view = True  # what is rotated are queries and keys, which attention counts
    saves = NOTHING
    also = ("rope", "rotary_position_embedding")

    base = Number("base of the frequencies", 10_000.0, minimum=0, also=["theta"])
    rotary_dim = Integer("features of a head that are rotated; all by default", None, also=["rotary_ndims"])

    examples = (Example({}, (32, 10, 128), (32, 10, 128), 0, 0, "Su et al. 2021, section 3.2"),)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        if self.rotary_dim is not None:
            yield Constraint(2, DIVIDES, self.rotary_dim, "a pair", "rotary_dim")
            yield Constraint(self.rotary_dim, UP_TO, x.sizes[-1], "rotary_dim", "features of the input")

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {i: i for i in range(x.rank - 1)})]


class Parameter(Layer):
    """Learned tensor of a given size, the same for every sample. It has no input; other layers use it by its name.

    The size is without a batch axis; for instance a query of DETR's decoder is `parameter: [100, 256]`.
    """

    kind = "parameter"
    view = True
    saves = NOTHING
    also = ("learned_parameter",)
    inputs = (0, 0)

    shape = Sizes("size of the tensor; [] for a scalar", scalar=True, also=["size"])

    examples = (Example({"shape": [100, 256]}, [], (100, 256), 25_600, 0, "DETR's object queries, Carion et al. 2020"),)

    def output(self) -> Shape:
        return Shape(self.shape)

    def weights(self) -> WeightShapes:
        return {"weight": self.shape}


class UnusedParameter(Layer):
    """Learned tensor that a network stores and counts, but does not use: returns its input unchanged.

    Classes of transformers have such tensors: a second bias where the scores of tokens are not tied, or a vision
    transformer for which there is no image.
    """

    kind = "unused_parameter"
    is_unused = True
    view = True
    elementwise = True
    saves = NOTHING

    shape = Sizes("size of the tensor; [] for a scalar", scalar=True, also=["size"])

    examples = (
        Example({"shape": [30522]}, (6, 30522), (6, 30522), 30_522, 0,
                "cls.predictions.bias of BertForMaskedLM with tie_word_embeddings: false, transformers 5.24.0"),
    )  # fmt: skip

    def weights(self, x: Shape) -> WeightShapes:
        return {"weight": self.shape}

    def read_weights(self, *inputs: Any, **_: Any) -> WeightShapes:
        return {"weight": (0,)}


class ConstantTensor(Layer):
    """Constant tensor of a given size, the same for every sample: not learned, no parameter. It has no input.

    With `buffer: true` it is stored with the model: a mask, or a table of positions (PyTorch's `register_buffer`).
    Without, it is computed as the network runs: zeros as an initial state or as queries (`torch.zeros`; ONNX has
    `Constant` and `ConstantOfShape`). Its memory is then that of one activation, whatever the batch. The size is
    without a batch axis.
    """

    kind = "constant"
    saves = NOTHING
    also = ("constant_tensor", "constant_of_shape")
    inputs = (0, 0)

    shape = Sizes("size of the tensor; [] for a scalar", scalar=True, also=["size"])
    buffer = Flag("store it with the model, as a buffer", False)

    examples = (
        Example({"shape": [100, 256]}, [], (100, 256), source="DETR's decoder input: zeros, as its queries"),
        Example({"shape": [2401], "buffer": True}, [], (2401,), buffers=2_401,
                source="Swin-T's relative_position_index of a 7×7 window, torchvision"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.__dict__["view"] = self.buffer

    def output(self) -> Shape:
        return Shape(self.shape)

    def buffers(self) -> WeightShapes:
        return {"value": self.shape} if self.buffer else {}


class ClassToken(Layer):
    """Class token: prepends learned tokens to a sequence (length, features), as in vision transformers."""

    kind = "class_token"
    sequences = True
    saves = NOTHING
    also = ("cls_token", "prefix_tokens")

    num_tokens = Integer("number of tokens", 1)

    examples = (
        Example({}, (196, 768), (197, 768), 768, 0, "ViT-B/16, torchvision"),
        Example({"num_tokens": 2}, (196, 768), (198, 768), 1_536, 0, "DeiT's class and distillation tokens, timm"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        yield from ()

    def output(self, x: Shape) -> Shape:
        return x.plain(*x.sizes[:-2], x.sizes[-2] + self.num_tokens, x.sizes[-1])

    def weights(self, x: Shape) -> WeightShapes:
        return {"weight": (self.num_tokens, x.sizes[-1])}

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {i: i for i in range(x.rank)}, {x.rank - 2: shifted(-self.num_tokens)})]


class MaskToken(Layer):
    """Mask token: in masked image modelling, takes the place of hidden patches; others are returned unchanged.

    The input is (…, features): a sequence, or a feature map with the channels last. Nothing is hidden at inference; the
    token is a parameter of the model all the same (BEiT, DINOv2, SimMIM).
    """

    kind = "mask_token"
    saves = NOTHING
    elementwise = True

    examples = (Example({}, (196, 768), (196, 768), 768, 0, "ViTForMaskedImageModeling, transformers 5.24.0"),)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "positions and features")
        yield from ()

    def weights(self, x: Shape) -> WeightShapes:
        return {"weight": (x.sizes[-1],)}
