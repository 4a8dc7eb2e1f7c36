"""Composites: kinds made of other kinds. Each declares its arguments and, in the specification language, its layers."""

from __future__ import annotations

from shapecalc.layers.base.arguments import Choice, Flag, Integer, Number
from shapecalc.layers.base.layer import Composite, Example
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.kinds.activation import Activation

GROUP = "collapsed"

__all__ = [
    "FeedForward",
    "PatchEmbedding",
    "PatchMerging",
    "SqueezeExcitation",
    "SwiGlu",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
]

_PARTS = {
    "linear1": ("fc1", "c_fc", "fc_in", "up_proj", "dense_h_to_4h", "wi"),
    "linear2": ("fc2", "c_proj", "fc_out", "down_proj", "dense_4h_to_h", "wo"),
}
"""Other libraries' names for the two layers of a feed-forward network."""
_GATED_PARTS = {"w1": ("gate_proj", "wi_0"), "w3": ("up_proj", "wi_1"), "w2": ("down_proj", "wo")}
"""Other libraries' names for the three layers of a gated one."""

_FUNCTIONS = Activation.arguments["function"].words


class FeedForward(Composite):
    """Feed-forward network of a transformer: two linear layers on the last axis, an activation between them."""

    kind = "feed_forward"
    also = ("mlp", "ffn", "position_wise_feed_forward")
    also_parts = _PARTS

    dim = Integer("features of the input and of the output", also=["d_model"])
    hidden_dim = Integer("features between the two layers", also=["dim_feedforward", "intermediate_size"])
    activation = Choice("activation between the two linear layers", _FUNCTIONS, "gelu")
    bias = Flag("learned biases in both linear layers", True, also=["use_bias"])
    dropout = Number("fraction dropped in training, after each linear layer", 0.0, minimum=0, maximum=1)
    activation_dropout = Number("fraction dropped after the activation, if it is another", None, minimum=0, maximum=1,
                                default_from="dropout")  # fmt: skip

    layers = """
    - linear: {out_features: hidden_dim, in_features: dim, bias: bias}
      name: linear1
    - activation: activation
    - dropout: activation_dropout
      when: activation_dropout > 0
    - linear: {out_features: dim, bias: bias}
      name: linear2
    - dropout: dropout
      when: dropout > 0
    """

    examples = (
        Example({"dim": 768, "hidden_dim": 3072}, (197, 768), (197, 768), 4_722_432, 929_562_624,
                "ViT-B/16's MLP block, torchvision; MACs by PyTorch's flop counter"),
    )  # fmt: skip


class SwiGlu(Composite):
    """Gated feed-forward network: down(activation(gate(x)) · up(x)); SwiGLU with SiLU, as in Llama."""

    kind = "swiglu"
    also = ("gated_feed_forward", "gated_mlp", "geglu")
    also_parts = _GATED_PARTS

    dim = Integer("features of the input and of the output", also=["d_model"])
    hidden_dim = Integer("features between the linear layers", also=["dim_feedforward", "intermediate_size"])
    activation = Choice("activation of the gate", _FUNCTIONS, "silu")
    bias = Flag("learned biases in all three linear layers", False, also=["use_bias"])
    dropout = Number("fraction of the gated features that is dropped in training", 0.0, minimum=0, maximum=1)

    layers = """
    - mul:
      - - linear: {out_features: hidden_dim, in_features: dim, bias: bias}
          name: w1
        - activation: activation
      - - linear: {out_features: hidden_dim, bias: bias}
          name: w3
    - dropout: dropout
      when: dropout > 0
    - linear: {out_features: dim, bias: bias}
      name: w2
    """

    examples = (
        Example({"dim": 4096, "hidden_dim": 11008}, (1, 4096), (1, 4096), 135_266_304, 135_266_304,
                "Llama-2-7B, transformers: three matrices of 4096×11008"),
    )  # fmt: skip


_FEED_FORWARD = """
    - add:
      - - layer_norm: {eps: layer_norm_eps, bias: bias}
          when: norm_first
        - linear: {out_features: dim_feedforward, bias: bias}
          name: linear1
        - activation: activation
        - dropout: dropout
          when: dropout > 0
        - linear: {out_features: d_model, bias: bias}
          name: linear2
        - dropout: dropout
          when: dropout > 0
      - []
    - layer_norm: {eps: layer_norm_eps, bias: bias}
      when: not norm_first
    """
"""The feed-forward part of a transformer layer."""


class _TransformerLayer(Composite):
    """What the transformer's layers share: their arguments, which are PyTorch's."""

    in_calls = ("d_model", "nhead", "dim_feedforward", "dropout", "activation", "layer_norm_eps")
    also_parts = _PARTS

    d_model = Integer("features of the input and of the output", also=["embed_dim", "dim"])
    nhead = Integer("heads of the attention", also=["num_heads"])
    dim_feedforward = Integer("features inside the feed-forward network", 2048,
                              also=["hidden_dim", "mlp_dim", "intermediate_size"])  # fmt: skip
    dropout = Number("fraction dropped in training", 0.1, minimum=0, maximum=1)
    activation = Choice("activation in the feed-forward network", _FUNCTIONS, "relu")
    layer_norm_eps = Number("added to the variance", 1e-5, minimum=0, also=["eps"])
    norm_first = Flag("normalise before each part (pre-norm), not after each sum", False)
    bias = Flag("learned biases in all layers", True)


class TransformerEncoderLayer(_TransformerLayer):
    """Transformer encoder layer: self-attention and a feed-forward network, each with a residual connection and a norm.

    Arguments and parameters are those of PyTorch's `nn.TransformerEncoderLayer`: the normalisation is applied after
    each sum, or before each part with `norm_first`. The input is (length, d_model).
    """

    kind = "transformer_encoder_layer"

    is_causal = Flag("self-attention is causal, as in a decoder without a source (GPT)", False, also=["causal"])

    layers = (
        """
    - add:
      - - layer_norm: {eps: layer_norm_eps, bias: bias}
          when: norm_first
        - multi_head_attention: {num_heads: nhead, embed_dim: d_model, bias: bias, dropout: dropout,
                               is_causal: is_causal}
          name: self_attn
        - dropout: dropout
          when: dropout > 0
      - []
    - layer_norm: {eps: layer_norm_eps, bias: bias}
      when: not norm_first
    """
        + _FEED_FORWARD
    )

    examples = (
        Example({"d_model": 16, "nhead": 4}, (5, 16), (5, 16), 68_752, 333_600,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"d_model": 768, "nhead": 12, "dim_feedforward": 3072, "norm_first": True, "activation": "gelu"},
                (197, 768), (197, 768), 7_087_872, 1_453_954_560,
                "ViT-B/16's encoder block, torchvision; MACs by PyTorch's flop counter"),
    )  # fmt: skip


class TransformerDecoderLayer(_TransformerLayer):
    """Transformer decoder layer: self-attention, attention to an encoder's output, and a feed-forward network.

    Arguments and parameters are those of PyTorch's `nn.TransformerDecoderLayer`. The first input is the decoder's own
    sequence (length, d_model), the second the memory, the encoder's output (its length, d_model):
    `from: [decoder, encoder]`. Self-attention is causal here, for autoregressive decoding; PyTorch's `tgt_is_causal` is
    False, with a mask of the user's own.
    """

    kind = "transformer_decoder_layer"
    inputs = (2, 2)
    input_names = ("target", "memory")

    is_causal = Flag("causal self-attention; false where all tokens are decoded at once (DETR)", True,
                     also=["causal", "tgt_is_causal"])  # fmt: skip

    layers = (
        """
    - add:
      - - layer_norm: {eps: layer_norm_eps, bias: bias}
          from: input
          when: norm_first
        - multi_head_attention: {num_heads: nhead, embed_dim: d_model, bias: bias, dropout: dropout,
                               is_causal: is_causal}
          name: self_attn
        - dropout: dropout
          when: dropout > 0
      - []
    - layer_norm: {eps: layer_norm_eps, bias: bias}
      when: not norm_first
    - add:
      - - layer_norm: {eps: layer_norm_eps, bias: bias}
          when: norm_first
        - identity:
          name: query
        - multi_head_attention: {num_heads: nhead, embed_dim: d_model, kdim: d_model, vdim: d_model, bias: bias,
                                 dropout: dropout}
          name: multihead_attn
          from: [query, input2]
        - dropout: dropout
          when: dropout > 0
      - []
    - layer_norm: {eps: layer_norm_eps, bias: bias}
      when: not norm_first
    """
        + _FEED_FORWARD
    )

    examples = (
        Example({"d_model": 16, "nhead": 4}, [(5, 16), (7, 16)], (5, 16), 69_872, 340_864,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip


class SqueezeExcitation(Composite):
    """Squeeze-and-excitation: scales each channel by a factor from 0 to 1, computed from all channels.

    As `torchvision.ops.SqueezeExcitation`: the mean over space, two 1×1 convolutions with biases, a product.
    MobileNet v3 has `scale_activation: hardsigmoid`, EfficientNet `activation: silu`.
    """

    kind = "squeeze_excitation"
    also = ("se", "se_block", "squeeze_and_excitation")
    mistaken = dict.fromkeys(
        ("reduction", "reduction_ratio", "ratio", "r"),
        "write squeeze_channels: the channels of the input divided by the reduction",
    )

    input_channels = Integer("channels of the input", also=["channels"])
    squeeze_channels = Integer("channels between the two convolutions")
    activation = Choice("activation between the two convolutions", _FUNCTIONS, "relu")
    scale_activation = Choice("activation that outputs the factors from 0 to 1", _FUNCTIONS, "sigmoid")

    layers = """
    - mul:
      - - adaptive_avg_pool: 1
          name: avgpool
        - conv: {out_channels: squeeze_channels, kernel_size: 1, in_channels: input_channels}
          name: fc1
        - activation: activation
        - conv: {out_channels: input_channels, kernel_size: 1}
          name: fc2
        - activation: scale_activation
      - []
    """

    examples = (
        Example({"input_channels": 16, "squeeze_channels": 8, "scale_activation": "hardsigmoid"}, (16, 56, 56),
                (16, 56, 56), 280, 256, "MobileNet v3-S's first block, torchvision"),
    )  # fmt: skip


class PatchEmbedding(Composite):
    """Patch embedding: one convolution projects each patch of an image to a token, (patches, embed_dim)."""

    kind = "patch_embedding"
    in_calls = ()  # others begin with the size of the image
    also = ("patch_embed",)

    embed_dim = Integer("features of a token", also=["hidden_dim"])
    patch_size = PerAxis("side of a patch", 16)
    bias = Flag("learned biases of the convolution", True)

    layers = """
    - conv: {out_channels: embed_dim, kernel_size: patch_size, stride: patch_size, bias: bias}
      name: conv_proj
    - to_tokens
    """

    examples = (
        Example({"embed_dim": 768, "patch_size": 16}, (3, 224, 224), (196, 768), 590_592, 115_605_504,
                "ViT-B/16, torchvision"),
    )  # fmt: skip


class PatchMerging(Composite):
    """Patch merging: concatenates the channels of each 2×2 square and halves their number, as in Swin.

    The normalisation is applied before the linear layer (Swin), or after it with `norm_after` (Swin v2). The network
    must have `layout: HWC`, with the channels as the last axis.
    """

    kind = "patch_merging"

    dim = Integer("channels of the input; the output has twice as many")
    norm_after = Flag("normalise after the linear layer, as Swin v2", False)
    eps = Number("added to the variance", 1e-5, minimum=0)

    layers = """
    - gather_patches: 2
    - layer_norm: {eps: eps}
      when: not norm_after
    - linear: {out_features: 2 * dim, in_features: 4 * dim, bias: false}
      name: reduction
    - layer_norm: {eps: eps}
      when: norm_after
    """

    examples = (
        Example({"dim": 96}, (56, 56, 96), (28, 28, 192), 74_496, 57_802_752,
                "Swin-T's first patch merging, torchvision; MACs by PyTorch's flop counter", "HWC"),
        Example({"dim": 96, "norm_after": True}, (56, 56, 96), (28, 28, 192), 74_112, 57_802_752,
                "Swin v2-T's at 224, torchvision; MACs by PyTorch's flop counter", "HWC"),
    )  # fmt: skip
