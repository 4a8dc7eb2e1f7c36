"""Records what PyTorch saves for the backward pass: `python tests/record_saved_tensors.py > tests/data/saved_tensors.json`.

Every kind of layer once or more, in training, forward, on the CPU, under `torch.autograd.graph.saved_tensors_hooks`.
Tensors in the same storage count once; parameters and buffers do not count. Tensors other than inputs and outputs of
the layer are recorded in bytes, by the width of an element, for each sample; those saved once whatever the batch (found
by running a second batch) separately. Recurrent layers run without oneDNN, which has its own workspace.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CASES", "NETWORKS", "UNEVEN", "UNRECORDED", "Case", "record", "record_networks"]


class Case(NamedTuple):
    """A layer as in a specification, and the code of its PyTorch counterpart, with `nn`, `F`, `torch`.

    `shapes` are those of the inputs, without the batch axis.
    """

    kind: str
    arguments: dict[str, Any]
    shapes: list[list[int]]
    code: str

    @property
    def name(self) -> str:
        """The name of the case in the record."""
        return f"{self.kind} {json.dumps(self.arguments)} {self.shapes}"


MAP = [[4, 6, 6]]
SEQUENCE = [[5, 8]]
HEADS = [[2, 5, 4], [2, 7, 4], [2, 7, 4]]

# The PyTorch names of element-wise functions of one tensor.
_FUNCTIONS = {
    "relu": "F.relu", "relu6": "F.relu6", "leaky_relu": "F.leaky_relu", "rrelu": "nn.RReLU()", "elu": "F.elu",
    "selu": "F.selu", "celu": "F.celu", "gelu": "F.gelu",
    "gelu_new": "lambda x: 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * torch.pow(x, 3.0))))", "quick_gelu": "lambda x: x * torch.sigmoid(1.702 * x)",
    "abs": "torch.abs", "silu": "F.silu", "mish": "F.mish", "sigmoid": "torch.sigmoid", "log_sigmoid": "F.logsigmoid",
    "tanh": "torch.tanh", "tanhshrink": "F.tanhshrink", "softplus": "F.softplus", "softsign": "F.softsign",
    "hardswish": "F.hardswish", "hardsigmoid": "F.hardsigmoid", "hardtanh": "F.hardtanh", "hardshrink": "F.hardshrink",
    "softshrink": "F.softshrink", "threshold": "nn.Threshold(0, 0)", "exponential": "torch.exp",
    "softmax": "nn.Softmax(-1)", "softmin": "nn.Softmin(-1)", "log_softmax": "nn.LogSoftmax(-1)",
    "identity": "nn.Identity()", "relu2": "lambda x: torch.square(F.relu(x))",
    "laplace": "lambda x: 0.5 * (1.0 + torch.erf((x - 0.707107).div(0.282095 * 2**0.5)))",
    "sqrt_softplus": "lambda x: F.softplus(x).sqrt()",
}  # fmt: skip


def _cases() -> Iterator[Case]:
    for kind, code in _FUNCTIONS.items():
        yield Case(kind, {}, MAP, code)
    for word in ("relu", "silu", "linear"):
        yield Case("activation", {"function": word}, MAP, {"linear": "nn.Identity()"}.get(word, f"F.{word}"))
    yield Case("gelu", {"approximate": "tanh"}, MAP, "nn.GELU('tanh')")
    yield Case("relu", {"max_value": 6}, MAP, "nn.Hardtanh(0, 6)")
    yield Case("prelu", {}, MAP, "nn.PReLU()")
    yield Case("glu", {"dim": 1}, MAP, "nn.GLU(1)")
    yield Case("dropout", {"p": 0.5}, MAP, "nn.Dropout(0.5)")
    yield Case("dropout", {"p": 0}, MAP, "nn.Dropout(0.0)")
    yield Case("stochastic_depth", {"p": 0.5}, MAP, "Depth(0.5)")
    yield Case("stochastic_depth", {"p": 0.5, "mode": "batch"}, MAP, "Depth(0.5, 'batch')")
    yield Case("stochastic_depth", {"p": 0}, MAP, "Depth(0.0)")

    for rank, size in ((1, [6]), (2, [6, 6]), (3, [4, 4, 4])):
        plain = {"out_channels": 3, "kernel_size": 3}
        yield Case("conv", plain, [[4, *size]], f"nn.Conv{rank}d(4, 3, 3)")
        yield Case("transposed_conv", plain, [[4, *size]], f"nn.ConvTranspose{rank}d(4, 3, 3)")
    for mode in ("zeros", "reflect", "replicate", "circular"):
        for padding, said in ((1, 1), ([[1, 1], [2, 2]], (1, 2)), ("same", "'same'"), (0, 0)):
            arguments = {"out_channels": 3, "kernel_size": 3, "padding": padding, "padding_mode": mode}
            yield Case("conv", arguments, MAP, f"nn.Conv2d(4, 3, 3, padding={said}, padding_mode='{mode}')")
    odd = {"out_channels": 3, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"}
    for rank, size in ((1, [6]), (3, [4, 4, 4])):
        yield Case("conv", odd, [[4, *size]], f"nn.Conv{rank}d(4, 3, 3, padding=1, padding_mode='reflect')")
    yield Case(
        "conv", {"out_channels": 3, "kernel_size": 4, "padding": "same"}, MAP, "nn.Conv2d(4, 3, 4, padding='same')"
    )
    yield Case("conv", {"out_channels": 3, "kernel_size": 3, "padding": "causal"}, [[4, 6]],
               "nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(4, 3, 3))")  # fmt: skip
    yield Case("conv", {"out_channels": 4, "kernel_size": 3, "groups": 2, "bias": False}, MAP,
               "nn.Conv2d(4, 4, 3, groups=2, bias=False)")  # fmt: skip
    yield Case("depthwise_conv", {"kernel_size": 3, "depth_multiplier": 2}, MAP, "nn.Conv2d(4, 8, 3, groups=4)")
    yield Case("separable_conv", {"out_channels": 3, "kernel_size": 3, "depth_multiplier": 2}, MAP,
               "nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, bias=False), nn.Conv2d(8, 3, 1))")  # fmt: skip
    yield Case(
        "separable_conv",
        {"out_channels": 3, "kernel_size": 4, "padding": "same"},
        MAP,
        "nn.Sequential(nn.Conv2d(4, 4, 4, groups=4, bias=False, padding='same'), nn.Conv2d(4, 3, 1))",
    )

    for function, kind in (("fc", "nn.Sequential(nn.Flatten(), nn.Linear(144, 3))"), ("linear", "nn.Linear(6, 3)")):
        yield Case(function, {"out_features": 3}, MAP, kind)
    yield Case("einsum_dense", {"equation": "ab,bcd->acd", "output_shape": [-1, 3, 4], "bias_axes": "cd"}, SEQUENCE,
               "Dense('nab,bcd->nacd', (8, 3, 4), (3, 4))")  # fmt: skip
    yield Case("embedding", {"num_embeddings": 9, "embedding_dim": 4}, [[5]], "nn.Embedding(9, 4)")
    yield Case("position_embedding", {}, SEQUENCE, "Add(5, 8)")
    yield Case("position_embedding", {"num_positions": 9}, SEQUENCE, "Looked(9, 8)")
    yield Case("sinusoidal_embedding", {}, SEQUENCE, "Table(5, 8)")
    yield Case("rotary_embedding", {}, SEQUENCE, "Rotated(5, 8)")
    yield Case("class_token", {}, SEQUENCE, "Token(8)")
    yield Case("layer_scale", {}, SEQUENCE, "Scale(8)")
    yield Case("layer_scale", {"bias": True}, SEQUENCE, "Scale(8, bias=True)")
    yield Case("layer_scale", {"bias": True, "scale": False}, SEQUENCE, "Add(8)")
    yield Case("bias_add", {}, SEQUENCE, "Add(8)")
    yield Case("normalization", {"axis": -1}, SEQUENCE, "Standardised(8)")
    yield Case("normalize", {}, MAP, "F.normalize")
    yield Case("normalize", {"p": 1, "dim": 3}, MAP, "lambda x: F.normalize(x, 1, 3)")
    yield Case("normalize", {"scale": "channel"}, MAP, "Sequence(F.normalize, Scale(4, 1, 1))")

    pair = [[4, 6], [4, 6]]
    for kind, code in {
        "add": "lambda x, y: x + y", "mul": "lambda x, y: x * y", "sub": "lambda x, y: x - y",
        "div": "lambda x, y: x / y", "maximum": "torch.maximum", "minimum": "torch.minimum",
        "average": "lambda x, y: (x + y) / 2", "concat": "lambda x, y: torch.cat([x, y], 1)",
        "stack": "lambda x, y: torch.stack([x, y], 1)",
    }.items():  # fmt: skip
        yield Case(kind, {}, pair, code)
    for name in ("sqrt rsqrt reciprocal expm1 tan square log log1p log2 log10 erf sin cos asin acos atan sinh cosh neg floor "
                 "ceil round trunc sign logical_not isnan").split():  # fmt: skip
        yield Case("pointwise", {"function": name}, MAP, f"torch.{name}")
    yield Case("pointwise", {"function": "cast"}, MAP, "lambda x: x.half()")
    short = {"less": "lt", "equal": "eq", "not_equal": "ne", "less_equal": "le", "greater": "gt", "greater_equal": "ge"}
    for name in ("pow", "fmod", "remainder", *short):
        code = f"torch.{short.get(name, name)}"
        yield Case("pointwise", {"function": name}, pair, code)
        yield Case("pointwise", {"function": name, "other": 2}, MAP, f"lambda x: {code}(x, 2)")
    for name in ("atan2", "logical_and", "logical_or", "logical_xor"):
        yield Case("pointwise", {"function": name}, pair, f"torch.{name}")
    where = "lambda c, x, y: torch.where(c > 0, x, y)"
    yield Case("pointwise", {"function": "where"}, [[1, 6], [4, 6], [4, 6]], where)
    yield Case("pointwise", {"function": "where", "other": 0}, pair, "lambda c, x: torch.where(c > 0, x, 0)")
    three = [[4, 6]] * 3
    yield Case("mul", {}, three, "lambda x, y, z: x * y * z")
    yield Case("maximum", {}, three, "lambda x, y, z: torch.maximum(torch.maximum(x, y), z)")
    yield Case("minimum", {}, three, "lambda x, y, z: torch.minimum(torch.minimum(x, y), z)")
    for kind in ("add", "mul", "maximum", "minimum"):
        yield Case(kind, {}, [[4, 6]], "lambda x: x")
    yield Case("mul", {}, [[4, 6, 6], [4, 1, 1]], "lambda x, y: x * y")
    yield Case("matmul", {}, [[2, 3, 4], [2, 4, 5]], "torch.matmul")
    yield Case("bmm", {}, [[3, 4], [4, 5]], "torch.bmm")
    for kind, code in {"add": "x + 2", "mul": "x * 2", "sub": "2 - x", "maximum": "x.clamp(min=2)",
                       "minimum": "x.clamp(max=2)"}.items():  # fmt: skip
        yield Case(kind, {"other": 2}, [[4, 6]], f"lambda x: {code}")
    yield Case("bilinear", {"out_features": 4}, [[3, 5], [3, 6]], "nn.Bilinear(5, 6, 4)")
    yield Case("matmul", {"transpose_b": True}, [[3, 4], [5, 4]], "lambda x, y: x @ y.mT")
    yield Case("einsum", {"equation": "hid,hjd->hij"}, [[2, 3, 4], [2, 5, 4]],
               "lambda x, y: torch.einsum('bhid,bhjd->bhij', x, y)")  # fmt: skip

    for rank in (1, 2, 3):
        shape = [[4, *[4] * rank]]
        yield Case("batch_norm", {}, shape, f"nn.BatchNorm{rank}d(4)")
        yield Case("instance_norm", {}, shape, f"nn.InstanceNorm{rank}d(4)")
        yield Case("max_pool", {"kernel_size": 2}, shape, f"nn.MaxPool{rank}d(2)")
        yield Case("avg_pool", {"kernel_size": 2}, shape, f"nn.AvgPool{rank}d(2)")
        yield Case("adaptive_avg_pool", {"output_size": 2}, shape, f"nn.AdaptiveAvgPool{rank}d(2)")
        yield Case("adaptive_avg_pool", {"output_size": 1}, shape, f"nn.AdaptiveAvgPool{rank}d(1)")
        yield Case("adaptive_max_pool", {"output_size": 2}, shape, f"nn.AdaptiveMaxPool{rank}d(2)")
        yield Case("lp_pool", {"kernel_size": 2}, shape, f"nn.LPPool{rank}d(2, 2)")
        yield Case("circular_pad", {"padding": 1}, shape, f"nn.CircularPad{rank}d(1)")
        yield Case("reflection_pad", {"padding": 1}, shape, f"nn.ReflectionPad{rank}d(1)")
        yield Case("replication_pad", {"padding": 1}, shape, f"nn.ReplicationPad{rank}d(1)")
        for mode, code in (("zeros", "constant"), ("reflect", "reflect"), ("replicate", "replicate"),
                           ("circular", "circular")):  # fmt: skip
            widths = (1,) * (2 * rank)
            yield Case("pad", {"padding": 1, "mode": mode}, shape, f"lambda x: F.pad(x, {widths}, mode='{code}')")
    for norm_type in (1, 3, 2.5):
        yield Case("lp_pool", {"kernel_size": 2, "norm_type": norm_type}, MAP, f"nn.LPPool2d({norm_type}, 2)")
    yield Case("instance_norm", {"affine": True}, MAP, "nn.InstanceNorm2d(4, affine=True)")
    yield Case("group_norm", {"num_groups": 2}, MAP, "nn.GroupNorm(2, 4)")
    yield Case("layer_norm", {}, SEQUENCE, "nn.LayerNorm(8)")
    yield Case("layer_norm", {"normalized_shape": [6, 6]}, MAP, "nn.LayerNorm([6, 6])")
    yield Case("layer_norm", {"axis": "channels"}, MAP,
               "Sequence(lambda x: x.permute(0, 2, 3, 1), nn.LayerNorm(4), lambda x: x.permute(0, 3, 1, 2))")  # fmt: skip
    yield Case("rms_norm", {}, SEQUENCE, "nn.RMSNorm(8)")
    yield Case("rms_norm", {"elementwise_affine": False}, SEQUENCE, "nn.RMSNorm(8, elementwise_affine=False)")
    for word in ("upcast", "fp32", "variance"):  # which differ for inputs of fewer bits alone
        yield Case("rms_norm", {"implementation": word}, SEQUENCE, "Unfused(8)")
    yield Case("local_response_norm", {"size": 3}, MAP, "nn.LocalResponseNorm(3)")
    yield Case("fractional_max_pool", {"kernel_size": 2, "output_size": 3}, MAP,
               "nn.FractionalMaxPool2d(2, output_size=3)")  # fmt: skip
    yield Case("global_avg_pool", {}, MAP, "lambda x: x.mean((2, 3))")
    yield Case("global_max_pool", {}, MAP, "lambda x: x.amax((2, 3))")
    for kind, code in {"mean": "x.mean(2)", "sum": "x.sum(2)", "max": "x.amax(2)", "min": "x.amin(2)"}.items():
        yield Case(kind, {"dim": 2}, MAP, f"lambda x: {code}")
    for function, code in {
        "l1": "torch.linalg.vector_norm(x, 1, 2)", "l2": "torch.linalg.vector_norm(x, 2, 2)", "prod": "x.prod(2)",
        "logsumexp": "x.logsumexp(2)", "var": "x.var(2)", "std": "x.std(2)", "sum_square": "x.square().sum(2)",
        "log_sum": "x.sum(2).log()", "any": "x.any(2)", "all": "x.all(2)",
    }.items():  # fmt: skip
        yield Case("reduce", {"function": function, "dim": 2}, MAP, f"lambda x: {code}")

    for kind, arguments, code in (
        ("crop", {"size": 4}, "lambda x: x[:, :, 1:5, 1:5]"),
        ("unfold", {"kernel_size": 2}, "nn.Unfold(2)"),
        ("to_tokens", {}, "lambda x: x.flatten(2).mT"),
        ("gather_patches", {}, "lambda x: torch.cat([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)"),
        ("flatten", {}, "nn.Flatten()"),
        ("reshape", {"shape": [8, 18]}, "lambda x: x.reshape(-1, 8, 18)"),
        ("unflatten", {"dim": 1, "sizes": [2, 2]}, "nn.Unflatten(1, (2, 2))"),
        ("permute", {"dims": [2, 3, 1]}, "lambda x: x.permute(0, 2, 3, 1)"),
        ("transpose", {"dim0": 1, "dim1": 2}, "lambda x: x.transpose(1, 2)"),
        ("unsqueeze", {"dim": 1}, "lambda x: x.unsqueeze(1)"),
        ("up_sampling", {"size": 2}, "nn.Upsample(scale_factor=2)"),
        ("upsample", {"scale_factor": 2}, "nn.Upsample(scale_factor=2)"),
        ("upsample", {"scale_factor": 2, "mode": "bilinear"}, "nn.Upsample(scale_factor=2, mode='bilinear')"),
        ("upsample", {"scale_factor": 2, "mode": "bicubic"}, "nn.Upsample(scale_factor=2, mode='bicubic')"),
        ("pixel_shuffle", {"upscale_factor": 2}, "nn.PixelShuffle(2)"),
        ("pixel_unshuffle", {"downscale_factor": 2}, "nn.PixelUnshuffle(2)"),
        ("channel_shuffle", {"groups": 2}, "nn.ChannelShuffle(2)"),
        ("slice", {"dim": 2, "start": 1}, "lambda x: x[:, :, 1:]"),
        ("slice", {"dim": 2, "step": -1}, "lambda x: x.flip(2)"),
        ("split", {"sizes": [1, 3]}, "lambda x: x.split([1, 3], 1)"),
        ("chunk", {"chunks": 2}, "lambda x: x.chunk(2, 1)"),
        ("tile", {"dims": [2, 1, 1]}, "lambda x: x.repeat(1, 2, 1, 1)"),
        ("roll", {"shifts": [1], "dims": [2]}, "lambda x: x.roll(1, 2)"),
        ("window_partition", {"window_size": 3}, "Windows(3)"),
        ("gather", {"index": [0, 2]}, "lambda x: x.index_select(1, torch.tensor([0, 2]))"),
        ("gather", {"index": 1, "keepdim": False}, "lambda x: x.select(1, 1)"),
    ):
        yield Case(kind, arguments, MAP, code)
    yield Case("top_k", {"k": 2}, MAP, "lambda x: x.topk(2)[0]")
    yield Case("gather", {"dim": 1, "mode": "elements"}, [[5, 4], [2, 3]], "lambda x, y: x.gather(1, y)")
    yield Case("grid_sample", {}, [[4, 6, 6], [3, 5, 2]], "F.grid_sample")
    yield Case("squeeze", {"dim": 1}, [[1, 6]], "lambda x: x.squeeze(1)")
    yield Case("expand", {"sizes": [3, 6]}, [[1, 6]], "lambda x: x.expand(-1, 3, 6)")
    yield Case("repeat_vector", {"n": 3}, [[6]], "lambda x: x.unsqueeze(1).repeat(1, 3, 1)")
    yield Case("fold", {"output_size": 6, "kernel_size": 2}, [[16, 25]], "nn.Fold(6, 2)")
    yield Case("to_map", {}, [[36, 4], [4, 6, 6]], "lambda x, y: x.mT.unflatten(2, y.shape[2:])")
    yield Case("window_reverse", {"window_size": 3}, [[4, 9, 4], [4, 6, 6]], "Unwindowed(3)")

    for kind, name in (("rnn", "RNN"), ("lstm", "LSTM"), ("gru", "GRU")):
        for more, said in (({}, ""), ({"num_layers": 3}, ", num_layers=3"),
                           ({"num_layers": 2, "bidirectional": True}, ", num_layers=2, bidirectional=True"),
                           ({"bias": False}, ", bias=False"),
                           ({"num_layers": 2, "dropout": 0.5}, ", num_layers=2, dropout=0.5")):  # fmt: skip
            yield Case(kind, {"hidden_size": 7, **more}, SEQUENCE, f"First(nn.{name}(8, 7{said}))")
    yield Case("rnn", {"hidden_size": 7, "nonlinearity": "relu"}, SEQUENCE,
               "First(nn.RNN(8, 7, nonlinearity='relu'))")  # fmt: skip
    yield Case("lstm", {"hidden_size": 7, "proj_size": 3}, SEQUENCE, "First(nn.LSTM(8, 7, proj_size=3))")

    for mode, function in (("sum", "torch.add"), ("mul", "torch.mul"), ("ave", "lambda a, b: (a + b) / 2")):
        yield Case("lstm", {"hidden_size": 7, "bidirectional": True, "merge_mode": mode}, SEQUENCE,
                   f"First(Merged(nn.LSTM(8, 7, bidirectional=True), {function}))")  # fmt: skip
    for kind, name, states in (("rnn", "RNN", 1), ("gru", "GRU", 1), ("lstm", "LSTM", 2)):
        yield Case(
            kind, {"hidden_size": 7, "num_layers": 2}, [*SEQUENCE, *[[2, 7]] * states], f"Begun(nn.{name}(8, 7, 2))"
        )

    for norm, gate in (("head", False), ("width", False), ("none", True), ("head", True)):
        arguments = {"num_heads": 2, "bias": False, "head_dim": 4, "qk_norm": norm, "gate": gate}
        yield Case("multi_head_attention", arguments, SEQUENCE, f"Normed(8, 2, {norm!r}, gate={gate})")
    for q in (0, 7):
        arguments = {"num_heads": 2, "kv_lora_rank": 5, "qk_nope_head_dim": 6, "qk_rope_head_dim": 2, "v_head_dim": 8,
                     **({"q_lora_rank": q} if q else {})}  # fmt: skip
        yield Case("multi_head_latent_attention", arguments, SEQUENCE, f"Latent(8, 2, 5, 6, 2, 8, {q})")
    for more in ({}, {"p2c": False}, {"share_att_key": False}, {"share_att_key": False, "c2p": False}):
        said = ", ".join(f"{name}={value}" for name, value in more.items())
        yield Case("disentangled_attention", {"num_heads": 2, **more}, [[5, 8], [6, 8]], f"Disentangled(8, 2, {said})")
    for gated, sizes in ((True, [[5, 8], [5, 4]]), (False, [[5, 8], [5, 4]]), (True, [[2, 7, 8], [2, 7, 4]])):
        arguments = {"num_experts": 4, "top_k": 2, "hidden_dim": 12, "gated": gated}
        yield Case("experts", arguments, sizes, f"Experts({sizes[0][-1]}, 4, 2, 12, gated={gated})")
    arguments = {"num_experts": 4, "top_k": 2, "hidden_dim": 12, "limit": 7.0, "bias": True}
    yield Case("experts", arguments, [[5, 8], [5, 4]], "Experts(8, 4, 2, 12, limit=7.0)")
    yield Case("grouped_linear", {"num_groups": 4, "out_features": 64}, [[12, 32], [4]], "InGroups(4, 32, 64)")
    for more in ({"rotary": True}, {"rotary": True, "contiguous_heads": True}, {"contiguous_heads": True}):
        said = ", ".join(f"{name}={value}" for name, value in more.items())
        yield Case("multi_head_attention", {"num_heads": 2, "bias": False, **more}, SEQUENCE, f"Packed(8, 2, {said})")
    for more in ({"softcap": 50.0}, {"sinks": True}):
        eager = {"num_heads": 4, "num_kv_heads": 2, "bias": False, "attn_implementation": "eager", **more}
        yield Case("multi_head_attention", eager, SEQUENCE, f"Limited(8, 4, 2, {next(iter(more))}=True)")
    yield Case("layer_norm", {"bias": False, "implementation": "fp32"}, SEQUENCE, "Centred(8)")
    yield Case("softcap", {"cap": 30.0}, SEQUENCE, "lambda x: torch.tanh(x / 30.0) * 30.0")
    yield Case("disentangled_attention", {"num_heads": 2, "dropout": 0.5}, [[5, 8], [6, 8]],
               "Disentangled(8, 2, dropout=0.5)")  # fmt: skip
    for kind, name, states in (("rnn_cell", "RNNCell", 1), ("gru_cell", "GRUCell", 1), ("lstm_cell", "LSTMCell", 2)):
        yield Case(kind, {"hidden_size": 7}, [[8]], f"nn.{name}(8, 7)")
        yield Case(kind, {"hidden_size": 7}, [[8], *[[7]] * states], f"Stepped(nn.{name}(8, 7))")
        cell = {"cell": {kind: {"hidden_size": 7}}}
        yield Case("recurrent", cell, SEQUENCE, f"Looped(nn.{name}(8, 7))")
        yield Case("recurrent", cell, [*SEQUENCE, *[[7]] * states], f"Looped(nn.{name}(8, 7))")
        yield Case("recurrent", {**cell, "return_sequences": False}, [[1, 8]], f"Looped(nn.{name}(8, 7), last=True)")

    yield Case("scaled_dot_product_attention", {}, HEADS, "F.scaled_dot_product_attention")
    yield Case("scaled_dot_product_attention", {"is_causal": True}, [[2, 5, 4]] * 3,
               "lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2}, SEQUENCE, "First(Attention(8, 2))")
    yield Case("multi_head_attention", {"num_heads": 2}, [[5, 8], [7, 8]], "First(Attention(8, 2))")
    yield Case(
        "multi_head_attention", {"num_heads": 2}, [[5, 8], [7, 6], [7, 4]], "First(Attention(8, 2, kdim=6, vdim=4))"
    )
    yield Case("multi_head_attention", {"num_heads": 4, "num_kv_heads": 2, "bias": False}, SEQUENCE, "Grouped(8, 4, 2)")
    for dropout in (0.0, 0.5):
        eager = {"num_heads": 4, "num_kv_heads": 2, "bias": False, "dropout": dropout, "attn_implementation": "eager"}
        yield Case("multi_head_attention", eager, SEQUENCE, f"Eager(8, 4, 2, {dropout})")
        yield Case("scaled_dot_product_attention", {"attn_implementation": "eager", "dropout_p": dropout}, HEADS,
                   f"lambda q, k, v: F.dropout(F.softmax(q @ k.mT * 0.5, -1), {dropout}) @ v")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2, "add_zero_attn": True}, SEQUENCE,
               "First(Attention(8, 2, add_zero_attn=True))")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2, "need_weights": True}, SEQUENCE,
               "First(Attention(8, 2, need_weights=True))")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2, "need_weights": True, "dropout": 0.5}, [[5, 8], [7, 8]],
               "First(Attention(8, 2, need_weights=True, dropout=0.5))")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2, "add_bias_kv": True}, [[5, 8], [7, 8]],
               "First(Attention(8, 2, add_bias_kv=True))")  # fmt: skip
    yield Case("window_attention", {"num_heads": 2, "window_size": 3}, [[4, 9, 8]], "WindowAttention(8, 2, 3)")
    yield Case("window_attention", {"num_heads": 2, "window_size": 3, "position": "none"}, [[4, 9, 8]],
               "WindowAttention(8, 2, 3, table=False)")  # fmt: skip
    yield Case("window_attention", {"num_heads": 2, "window_size": 3, "position": "mlp"}, [[4, 9, 8]],
               "CosineAttention(8, 2, 3)")  # fmt: skip
    yield Case("relative_position_bias", {"num_buckets": 9}, [[2, 5, 5]], "Bias(2, 5, 9)")

    layer = {"d_model": 8, "nhead": 2, "dim_feedforward": 12}
    for more in ({}, {"norm_first": True}, {"activation": "gelu"}, {"dropout": 0}):
        said = ", ".join(f"{word}={value!r}" for word, value in {**layer, **more}.items())
        yield Case("transformer_encoder_layer", {**layer, **more}, SEQUENCE, f"First(Fused(nn.TransformerEncoderLayer({said})))")  # fmt: skip
        yield Case("transformer_decoder_layer", {**layer, **more}, [[5, 8], [7, 8]], f"First(Fused(nn.TransformerDecoderLayer({said})))")  # fmt: skip
    yield Case("feed_forward", {"dim": 8, "hidden_dim": 12, "dropout": 0.5}, SEQUENCE,
               "nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Dropout(), nn.Linear(12, 8), nn.Dropout())")  # fmt: skip
    yield Case("swiglu", {"dim": 8, "hidden_dim": 12}, SEQUENCE, "SwiGlu(8, 12)")
    yield Case("squeeze_excitation", {"input_channels": 4, "squeeze_channels": 2}, MAP, "Squeeze(4, 2)")
    yield Case("patch_embedding", {"embed_dim": 8, "patch_size": 3}, MAP,
               "Sequence(nn.Conv2d(4, 8, 3, 3), lambda x: x.flatten(2).mT)")  # fmt: skip


def _uneven() -> Iterator[Case]:
    """Layers with different axes, inputs or options, so that a mix-up changes the result."""
    uneven = {"out_channels": 3, "kernel_size": [3, 4], "padding": "same"}
    yield Case("conv", uneven, MAP, "nn.Conv2d(4, 3, (3, 4), padding='same')")
    yield Case("conv", {**uneven, "padding_mode": "circular"}, MAP,
               "nn.Conv2d(4, 3, (3, 4), padding='same', padding_mode='circular')")  # fmt: skip
    yield Case("separable_conv", {"out_channels": 3, "kernel_size": 3}, MAP,
               "nn.Sequential(nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.Conv2d(4, 3, 1))")  # fmt: skip
    yield Case("adaptive_avg_pool", {"output_size": [1, 2]}, MAP, "nn.AdaptiveAvgPool2d((1, 2))")
    yield Case("multi_head_attention", {"num_heads": 2, "add_zero_attn": True, "add_bias_kv": True}, SEQUENCE,
               "First(Attention(8, 2, add_zero_attn=True, add_bias_kv=True))")  # fmt: skip
    yield Case("multi_head_attention", {"num_heads": 2, "add_zero_attn": True, "need_weights": True}, SEQUENCE,
               "First(Attention(8, 2, add_zero_attn=True, need_weights=True))")  # fmt: skip
    yield Case("lstm", {"hidden_size": 7, "num_layers": 2, "proj_size": 3}, [*SEQUENCE, [2, 3], [2, 7]],
               "Begun(nn.LSTM(8, 7, 2, proj_size=3))")  # fmt: skip


_KERNELS = "it is trained with CUDA kernels, which recompute: tests/layers/test_state_space.py has what they save"

UNRECORDED = {
    "parameter": "it has no input, and is a parameter itself",
    "constant": "it has no input, and is not learned",
    "unused_parameter": "it is not used",
    "argmax": "its output has no gradient",
    "argmin": "its output has no gradient",
    "mask_token": "without a mask nothing runs",
    "deformable_conv": "PyTorch has none: it is torchvision's",
    "roi_align": "PyTorch has none: it is torchvision's",
    "max_unpool": "of its inputs it keeps the indices alone, which the max pooling keeps",
    "opaque": "what it saves is unknown",
    "named_operation": "what it saves depends on which it is",
    "loss": "PyTorch has a function for each loss, and none with the name as an argument",
    "accuracy": "its output has no gradient",
    "prior_box": "it depends on no values",
    "conv_lstm": "PyTorch has none: it is Keras'",
    "mamba": _KERNELS,
    "mamba2": _KERNELS,
    "gated_delta_net": _KERNELS,
    "moe": "made of linear, activation and experts, which are recorded",
    "locally_connected": "PyTorch has none: it is Keras'",
    "patch_merging": "made of gather_patches, layer_norm and linear, which are recorded",
    "shifted_window_attention": "made of roll, window_partition, window_attention and window_reverse, which are recorded",
}
"""Kinds that have no record, and why."""

CASES = {case.name: case for case in (*_cases(), *_uneven())}
"""Every case by its name."""

UNEVEN = [case.name for case in _uneven()]


NETWORKS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "alexnet_torchvision": ("alexnet_torchvision", {"input": "3x128x128"}, "AlexNet()"),
    "resnet18": ("resnet18", {"input": "3x64x64"}, "ResNet18()"),
    "vit": ("vit_b_16", {"input": "3x32x32", "vars": {"patch": 8, "depth": 2, "heads": 4, "hidden": 32, "mlp": 64}},
            "VisionTransformer(8, 2, 4, 32, 64)"),
    "transformer": (
        {
            "inputs": {"source": [9, 16], "target": [5, 16]},
            "layers": [
                {"transformer_encoder_layer": {"d_model": 16, "nhead": 4, "dim_feedforward": 24}, "from": "source",
                 "name": "encoder", "repeat": 2},
                {"transformer_decoder_layer": {"d_model": 16, "nhead": 4, "dim_feedforward": 24},
                 "from": ["target", "encoder"]},
                {"linear": 30},
            ],
        },
        {},
        "Transformer(16, 4, 24, 30)",
    ),
    "lstm": ({"input": [7, 6], "layers": [{"lstm": {"hidden_size": 5, "num_layers": 2}, "name": "lstm"},
                                          {"linear": 4, "from": "lstm[0]"}], "outputs": ["linear1"]}, {},
             "Read(6, 5, 4)"),
}  # fmt: skip
"""Whole networks: a specification, its variables and input, and the code of its module."""


def _modules() -> dict[str, Any]:
    """Return the names for the code of cases: modules without a class in PyTorch, as in other libraries."""
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812  (as everyone calls it)

    def normal(*sizes: int) -> Any:
        return nn.Parameter(torch.randn(*sizes))

    class Depth(nn.Module):
        """torchvision.ops.stochastic_depth."""

        def __init__(self, p: float, mode: str = "row") -> None:
            super().__init__()
            self.p, self.mode = p, mode

        def forward(self, x: Any) -> Any:
            if self.p == 0:
                return x
            noise = torch.empty([x.shape[0] if self.mode == "row" else 1, *[1] * (x.ndim - 1)]).bernoulli_(1 - self.p)
            return x * noise.div_(1 - self.p)

    class Add(nn.Module):
        def __init__(self, *sizes: int) -> None:
            super().__init__()
            self.weight = normal(1, *sizes)

        def forward(self, x: Any) -> Any:
            return x + self.weight

    class Looked(nn.Module):
        def __init__(self, positions: int, features: int) -> None:
            super().__init__()
            self.table = nn.Embedding(positions, features)

        def forward(self, x: Any) -> Any:
            return x + self.table(torch.arange(x.shape[1]))

    class Table(nn.Module):
        def __init__(self, *sizes: int) -> None:
            super().__init__()
            self.register_buffer("table", torch.randn(*sizes))

        def forward(self, x: Any) -> Any:
            return x + self.table

    class Rotated(nn.Module):
        """transformers' apply_rotary_pos_emb."""

        def __init__(self, *sizes: int) -> None:
            super().__init__()
            self.register_buffer("cos", torch.randn(*sizes))
            self.register_buffer("sin", torch.randn(*sizes))

        def forward(self, x: Any) -> Any:
            a, b = x.chunk(2, -1)
            return x * self.cos + torch.cat([-b, a], -1) * self.sin

    class Token(nn.Module):
        def __init__(self, features: int) -> None:
            super().__init__()
            self.token = normal(1, 1, features)

        def forward(self, x: Any) -> Any:
            return torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)

    class Scale(nn.Module):
        def __init__(self, *sizes: int, bias: bool = False) -> None:
            super().__init__()
            self.weight = normal(*sizes)
            self.bias = normal(*sizes) if bias else None

        def forward(self, x: Any) -> Any:
            return x * self.weight if self.bias is None else x * self.weight + self.bias

    class Dense(nn.Module):
        """Keras' EinsumDense."""

        def __init__(self, equation: str, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
            super().__init__()
            self.equation, self.kernel, self.bias = equation, normal(*kernel), normal(*bias)

        def forward(self, x: Any) -> Any:
            return torch.einsum(self.equation, x, self.kernel) + self.bias

    class Merged(nn.Module):
        """A bidirectional layer as in Keras, whose directions are joined by a function."""

        def __init__(self, layer: Any, function: Any) -> None:
            super().__init__()
            self.layer, self.function = layer, function

        def forward(self, x: Any) -> Any:
            return self.function(*self.layer(x)[0].chunk(2, -1))

    class Standardised(nn.Module):
        def __init__(self, features: int) -> None:
            super().__init__()
            self.register_buffer("mean", torch.randn(features))
            self.register_buffer("deviation", torch.rand(features))

        def forward(self, x: Any) -> Any:
            return (x - self.mean) / self.deviation

    class Sequence(nn.Module):
        def __init__(self, *parts: Any) -> None:
            super().__init__()
            self.parts = parts
            self.held = nn.ModuleList([part for part in parts if isinstance(part, nn.Module)])

        def forward(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x

    class Windows(nn.Module):
        def __init__(self, side: int) -> None:
            super().__init__()
            self.side = side

        def forward(self, x: Any) -> Any:
            n, c, h, w = x.shape
            s = self.side
            return x.reshape(n, c, h // s, s, w // s, s).permute(0, 2, 4, 3, 5, 1).reshape(n, -1, s * s, c)

    class Unwindowed(Windows):
        def forward(self, x: Any, like: Any) -> Any:
            n, c, h, w = like.shape
            s = self.side
            return x.reshape(n, h // s, w // s, s, s, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)

    class Attention(nn.Module):
        def __init__(self, width: int, heads: int, *, need_weights: bool = False, **words: Any) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(width, heads, **words)
            self.need_weights = need_weights

        def forward(self, *inputs: Any) -> Any:
            q, k, v = inputs[0], inputs[min(1, len(inputs) - 1)], inputs[-1]
            found = self.attention(q, k, v, need_weights=self.need_weights)
            return found if self.need_weights else found[0]

    class Grouped(nn.Module):
        """Grouped-query attention, as transformers' LlamaAttention with sdpa."""

        def __init__(self, width: int, heads: int, kv_heads: int) -> None:
            super().__init__()
            self.head = width // heads
            self.q = nn.Linear(width, width, bias=False)
            self.k, self.v = (nn.Linear(width, kv_heads * self.head, bias=False) for _ in range(2))
            self.out = nn.Linear(width, width, bias=False)

        def forward(self, x: Any) -> Any:
            q, k, v = (part(x).unflatten(-1, (-1, self.head)).transpose(1, 2) for part in (self.q, self.k, self.v))
            return self.out(F.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2).flatten(2))

    class Eager(Grouped):
        """The same with eager attention: keys and values are repeated, and scores stored."""

        def __init__(self, width: int, heads: int, kv_heads: int, dropout: float) -> None:
            super().__init__(width, heads, kv_heads)
            self.repeats, self.dropout = heads // kv_heads, dropout

        def forward(self, x: Any) -> Any:
            q, k, v = (part(x).unflatten(-1, (-1, self.head)).transpose(1, 2) for part in (self.q, self.k, self.v))
            k, v = (part.repeat_interleave(self.repeats, 1) for part in (k, v))
            scores = F.softmax(q @ k.mT * self.head**-0.5, dim=-1, dtype=torch.float32).to(q.dtype)
            return self.out((F.dropout(scores, self.dropout) @ v).transpose(1, 2).flatten(2))

    class Limited(Grouped):
        """Eager attention whose scores are capped, as in Gemma 2, or have sinks, as in gpt-oss."""

        def __init__(
            self, width: int, heads: int, kv_heads: int, *, softcap: bool = False, sinks: bool = False
        ) -> None:
            super().__init__(width, heads, kv_heads)
            self.repeats, self.softcap = heads // kv_heads, softcap
            self.sinks = normal(heads) if sinks else None

        def forward(self, x: Any) -> Any:
            q, k, v = (part(x).unflatten(-1, (-1, self.head)).transpose(1, 2) for part in (self.q, self.k, self.v))
            k, v = (part.repeat_interleave(self.repeats, 1) for part in (k, v))
            scores = q @ k.mT * self.head**-0.5
            if self.softcap:
                scores = torch.tanh(scores / 50.0) * 50.0
            if self.sinks is not None:
                scores = torch.cat([scores, self.sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)], -1)
                scores = scores - scores.max(-1, keepdim=True).values
            scores = F.softmax(scores, -1)
            scores = scores if self.sinks is None else scores[..., :-1]
            return self.out((scores @ v).transpose(1, 2).flatten(2))

    class Packed(nn.Module):
        """Attention as in Phi-3 and GPT-NeoX: one matrix of queries, keys and values; rotated, with a copy of each head."""

        def __init__(self, width: int, heads: int, *, rotary: bool = False, contiguous_heads: bool = False) -> None:
            super().__init__()
            self.heads, self.contiguous = heads, contiguous_heads
            self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.rotary = Rotated(1, 1, width // heads) if rotary else None

        def forward(self, x: Any) -> Any:
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
            if self.rotary is not None:
                q, k = self.rotary(q), self.rotary(k)
            if self.contiguous and self.rotary is not None:
                q, k = torch.cat([q], -1), torch.cat([k], -1)
            mixed = F.scaled_dot_product_attention(q, k, v)
            if self.contiguous and self.rotary is None:
                mixed = mixed.contiguous()
            return self.out(mixed.transpose(1, 2).flatten(2))

    class Centred(nn.Module):
        """transformers' CohereLayerNorm."""

        def __init__(self, features: int) -> None:
            super().__init__()
            self.weight = normal(features)

        def forward(self, x: Any) -> Any:
            mean = x.mean(-1, keepdim=True)
            variance = (x - mean).pow(2).mean(-1, keepdim=True)
            return self.weight * ((x - mean) * torch.rsqrt(variance + 1e-5))

    class Unfused(nn.Module):
        """transformers' LlamaRMSNorm."""

        def __init__(self, features: int) -> None:
            super().__init__()
            self.weight = normal(features)

        def forward(self, x: Any) -> Any:
            wide = x.to(torch.float32)
            wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
            return self.weight * wide.to(x.dtype)

    class Normed(nn.Module):
        """Attention whose queries and keys are normalised and whose output is gated: transformers' Qwen3Next, OLMo 2."""

        def __init__(self, width: int, heads: int, norm: str = "none", *, gate: bool = False) -> None:
            super().__init__()
            self.heads, self.norm, head = heads, norm, width // heads
            self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
            self.gate = nn.Linear(width, width, bias=False) if gate else None
            size = {"head": head, "width": width}.get(norm)
            self.norms = nn.ModuleList([nn.RMSNorm(size) for _ in range(2)]) if size else None

        def forward(self, x: Any) -> Any:
            parts = [part(x) for part in (self.q, self.k, self.v)]
            if self.norm == "width":
                parts[:2] = [norm(part) for norm, part in zip(self.norms, parts[:2], strict=True)]
            parts = [part.unflatten(-1, (self.heads, -1)) for part in parts]
            if self.norm == "head":
                parts[:2] = [norm(part) for norm, part in zip(self.norms, parts[:2], strict=True)]
            mixed = F.scaled_dot_product_attention(*[part.transpose(1, 2) for part in parts]).transpose(1, 2).flatten(2)
            return self.out(mixed if self.gate is None else mixed * torch.sigmoid(self.gate(x)))

    class Latent(nn.Module):
        """transformers' DeepseekV3Attention with sdpa, which is fused here only where values are as wide as keys."""

        def __init__(self, width: int, heads: int, latent: int, nope: int, rope: int, value: int, q: int = 0) -> None:
            super().__init__()
            self.heads, self.latent, self.nope, self.rope, self.value = heads, latent, nope, rope, value
            queries = heads * (nope + rope)
            self.q = nn.Linear(width, queries, bias=False) if not q else nn.Sequential(
                nn.Linear(width, q, bias=False), nn.RMSNorm(q), nn.Linear(q, queries, bias=False))  # fmt: skip
            self.kv_a, self.norm = nn.Linear(width, latent + rope, bias=False), nn.RMSNorm(latent)
            self.kv_b = nn.Linear(latent, heads * (nope + value), bias=False)
            self.out = nn.Linear(heads * value, width, bias=False)
            self.rotary = Rotated(1, 1, rope)

        def forward(self, x: Any) -> Any:
            queries = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            plain, turned = queries.split([self.nope, self.rope], -1)
            latent, key = self.kv_a(x).split([self.latent, self.rope], -1)
            turned, key = self.rotary(turned), self.rotary(key[:, None])
            inside = self.kv_b(self.norm(latent)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            keys, values = inside.split([self.nope, self.value], -1)
            keys = torch.cat([keys, key.expand(-1, self.heads, -1, -1)], -1)
            mixed = F.scaled_dot_product_attention(torch.cat([plain, turned], -1), keys, values)
            return self.out(mixed.transpose(1, 2).flatten(2))

    class Disentangled(nn.Module):
        """transformers' DisentangledSelfAttention of DeBERTa-v2, with its output projection, without dropout and mask."""

        def __init__(
            self, width: int, heads: int, *, share_att_key: bool = True, c2p: bool = True, p2c: bool = True,
            dropout: float = 0.0,
        ) -> None:  # fmt: skip
            super().__init__()
            self.heads, self.c2p, self.p2c, self.dropout = heads, c2p, p2c, dropout
            self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
            self.pos_k = self.k if share_att_key else nn.Linear(width, width) if c2p else None
            self.pos_q = self.q if share_att_key else nn.Linear(width, width) if p2c else None

        def split(self, x: Any) -> Any:
            return x.unflatten(-1, (self.heads, -1)).transpose(1, 2).flatten(0, 1)

        def forward(self, x: Any, table: Any) -> Any:
            q, k, v = (self.split(part(x)) for part in (self.q, self.k, self.v))
            table = table[:1]  # one table serves a batch
            at = torch.arange(x.shape[1])
            near = (at[:, None] - at[None]).clamp(-3, 2) + 3
            scores = q @ (k.transpose(1, 2) / 2.0)
            if self.c2p:
                keys = self.split(self.pos_k(table)).repeat(len(x), 1, 1)
                scores = scores + (q @ keys.transpose(1, 2)).gather(-1, near.expand(len(q), -1, -1)) / 2.0
            if self.p2c:
                queries = self.split(self.pos_q(table)).repeat(len(x), 1, 1)
                found = (k @ queries.transpose(1, 2)).gather(-1, (5 - near).expand(len(q), -1, -1))
                scores = scores + found.transpose(1, 2) / 2.0
            mixed = F.dropout(scores.softmax(-1), self.dropout) @ v
            return self.out(mixed.unflatten(0, (-1, self.heads)).transpose(1, 2).flatten(2))

    class Experts(nn.Module):
        """transformers' MixtralExperts and the choice of its router, by grouped_mm; with a limit GptOssExperts."""

        def __init__(
            self, width: int, experts: int, top_k: int, inside: int, *, gated: bool = True, limit: Any = None
        ) -> None:
            super().__init__()
            self.top_k, self.gated, self.limit = top_k, gated, limit
            self.bias = None if limit is None else normal(experts, 2 * inside)
            self.up, self.down = normal(experts, (1 + gated) * inside, width), normal(experts, width, inside)

        def forward(self, x: Any, scores: Any) -> Any:
            tokens = x.reshape(-1, x.shape[-1])
            weights, chosen = scores.reshape(len(tokens), -1).topk(self.top_k, -1)
            weights = weights / weights.sum(-1, keepdim=True)
            chosen, order = chosen.reshape(-1).sort()
            ends = torch.histc(chosen.float(), len(self.up), 0, len(self.up) - 1).cumsum(0, dtype=torch.int32)
            inside = F.grouped_mm(tokens[order // self.top_k], self.up.mT, offs=ends)
            if self.bias is not None:
                inside.add_(self.bias[chosen])
            found = F.grouped_mm(self.gate(inside), self.down.mT, offs=ends) * weights.reshape(-1)[order, None]
            back = torch.empty_like(order)
            back[order] = torch.arange(len(order))
            return found[back].view(len(tokens), self.top_k, -1).sum(1).reshape(x.shape)

        def gate(self, inside: Any) -> Any:
            if not self.gated:
                return F.silu(inside)
            if self.limit is None:
                gate, up = inside.chunk(2, -1)
                return F.silu(gate) * up
            gate, up = inside[..., ::2], inside[..., 1::2]
            gate, up = gate.clamp(max=self.limit), up.clamp(-self.limit, self.limit)
            return (up + 1) * (gate * torch.sigmoid(gate * 1.702))

    class InGroups(nn.Module):
        """Rows in groups, each with a weight of its own: those of one sample after the other."""

        def __init__(self, groups: int, width: int, features: int) -> None:
            super().__init__()
            self.weight = normal(groups, features, width)

        def forward(self, rows: Any, offsets: Any) -> Any:
            pairs = zip(rows, offsets, strict=True)
            return torch.stack([F.grouped_mm(x, self.weight.mT, offs=ends) for x, ends in pairs])

    class WindowAttention(nn.Module):
        """torchvision's shifted_window_attention, between partition and reverse."""

        def __init__(self, width: int, heads: int, side: int, *, table: bool = True) -> None:
            super().__init__()
            self.heads, self.side = heads, side
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.table = normal((2 * side - 1) ** 2, heads) if table else None
            self.register_buffer("index", torch.randint(0, (2 * side - 1) ** 2, (side**4,)))

        def forward(self, x: Any) -> Any:
            n, windows, tokens, width = x.shape
            x = x.reshape(n * windows, tokens, width)
            qkv = self.qkv(x).reshape(n * windows, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
            q, k, v = qkv[0], qkv[1], qkv[2]
            scores = self.scores(q, k)
            if self.table is not None:
                bias = self.table[self.index].view(tokens, tokens, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
                scores = scores + bias
            mixed = F.softmax(scores, dim=-1).matmul(v).transpose(1, 2).reshape(n * windows, tokens, width)
            return self.proj(mixed).reshape(n, windows, tokens, width)

        def scores(self, q: Any, k: Any) -> Any:
            return (q * q.shape[-1] ** -0.5).matmul(k.transpose(-2, -1))

    class CosineAttention(WindowAttention):
        """The same with the logit scale of Swin v2; the bias is that of a table, which is saved once in either case."""

        def __init__(self, width: int, heads: int, side: int) -> None:
            super().__init__(width, heads, side)
            self.scale = normal(heads, 1, 1)

        def scores(self, q: Any, k: Any) -> Any:
            scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
            return scores * torch.clamp(self.scale, max=4.6).exp()

    class First(nn.Module):
        """A layer that expects the length before the batch, as PyTorch's sequence layers do by default."""

        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, *inputs: Any) -> Any:
            return self.layer(*(x.transpose(0, 1) for x in inputs))

    class Begun(nn.Module):
        """A recurrent layer with initial states as inputs."""

        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any, *states: Any) -> Any:
            states = tuple(state.transpose(0, 1) for state in states)
            return self.layer(x.transpose(0, 1), states if len(states) > 1 else states[0])

    class Stepped(Begun):
        """A recurrent cell with initial states as inputs."""

        def forward(self, x: Any, *states: Any) -> Any:
            return self.layer(x, states if len(states) > 1 else states[0])

    class Looped(nn.Module):
        """A loop over a recurrent cell: its output after every step, or after the last, and its states.

        They are copies of what the cell computed, as those of PyTorch's recurrent layers.
        """

        def __init__(self, cell: Any, *, last: bool = False) -> None:
            super().__init__()
            self.cell = cell
            self.last = last

        def forward(self, x: Any, *states: Any) -> Any:
            found, given = [], states if len(states) > 1 else states[0] if states else None
            for step in x.unbind(1):
                given = self.cell(step, given)
                found.append(given[0] if isinstance(given, tuple) else given)
            last = given if isinstance(given, tuple) else (given,)
            return tuple(one.clone() for one in (found[-1] if self.last else torch.stack(found, 1), *last))

    def AlexNet() -> Any:  # noqa: N802  (as torchvision's class)
        """torchvision.models.AlexNet."""
        conv, pool = nn.Conv2d, nn.MaxPool2d(3, 2)
        return nn.Sequential(
            conv(3, 64, 11, 4, 2), nn.ReLU(), pool, conv(64, 192, 5, padding=2), nn.ReLU(), pool,
            conv(192, 384, 3, padding=1), nn.ReLU(), conv(384, 256, 3, padding=1), nn.ReLU(),
            conv(256, 256, 3, padding=1), nn.ReLU(), pool, nn.AdaptiveAvgPool2d(6), nn.Flatten(),
            nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, 1000),
        )  # fmt: skip

    class Basic(nn.Module):
        """torchvision's BasicBlock."""

        def __init__(self, width: int, out: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
                nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
            )  # fmt: skip
            down = stride > 1 or width != out
            self.down = (
                nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if down else None
            )

        def forward(self, x: Any) -> Any:
            return F.relu(self.body(x) + (x if self.down is None else self.down(x)))

    def ResNet18() -> Any:  # noqa: N802  (as torchvision's function)
        widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
                  (512, 512, 1)]  # fmt: skip
        return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                             *(Basic(*width) for width in widths), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Linear(512, 1000))  # fmt: skip

    class VisionTransformer(nn.Module):
        """torchvision.models.VisionTransformer, whose blocks are pre-norm encoder layers without dropout."""

        def __init__(self, patch: int, depth: int, heads: int, hidden: int, mlp: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, hidden, patch, patch)
            self.token, self.positions = normal(1, 1, hidden), normal(1, (32 // patch) ** 2 + 1, hidden)
            self.layers = nn.ModuleList(
                [nn.TransformerEncoderLayer(hidden, heads, mlp, 0.0, "gelu", batch_first=True, norm_first=True)
                 for _ in range(depth)]
            )  # fmt: skip
            self.norm, self.head = nn.LayerNorm(hidden), nn.Linear(hidden, 1000)

        def forward(self, x: Any) -> Any:
            x = self.conv(x).flatten(2).permute(0, 2, 1)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
            for layer in self.layers:
                x = layer(x)
            return self.head(self.norm(x)[:, 0])

    class Transformer(nn.Module):
        def __init__(self, width: int, heads: int, hidden: int, words: int) -> None:
            super().__init__()
            self.encoder = nn.ModuleList([Fused(nn.TransformerEncoderLayer(width, heads, hidden)) for _ in range(2)])
            self.decoder = Fused(nn.TransformerDecoderLayer(width, heads, hidden))
            self.head = nn.Linear(width, words)

        def forward(self, source: Any, target: Any) -> Any:
            source, target = source.transpose(0, 1), target.transpose(0, 1)
            for layer in self.encoder:
                source = layer(source)
            return self.head(self.decoder(target, source))

    class Read(nn.Module):
        def __init__(self, width: int, hidden: int, out: int) -> None:
            super().__init__()
            self.lstm, self.linear = nn.LSTM(width, hidden, 2), nn.Linear(hidden, out)

        def forward(self, x: Any) -> Any:
            return self.linear(self.lstm(x.transpose(0, 1))[0])

    class Bias(nn.Module):
        def __init__(self, heads: int, length: int, buckets: int) -> None:
            super().__init__()
            self.table = nn.Embedding(buckets, heads)
            self.register_buffer("buckets", torch.randint(0, buckets, (length, length)))

        def forward(self, x: Any) -> Any:
            return x + self.table(self.buckets).permute(2, 0, 1)

    class Fused(nn.Module):
        """A transformer layer without dropout in its attention: the CPU's fused attention has none."""

        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer
            for part in layer.modules():
                if isinstance(part, nn.MultiheadAttention):
                    part.dropout = 0.0

        def forward(self, *inputs: Any) -> Any:
            return self.layer(*inputs)

    class SwiGlu(nn.Module):
        def __init__(self, width: int, hidden: int) -> None:
            super().__init__()
            self.w1, self.w3 = (nn.Linear(width, hidden, bias=False) for _ in range(2))
            self.w2 = nn.Linear(hidden, width, bias=False)

        def forward(self, x: Any) -> Any:
            return self.w2(F.silu(self.w1(x)) * self.w3(x))

    class Squeeze(nn.Module):
        """torchvision.ops.SqueezeExcitation."""

        def __init__(self, channels: int, between: int) -> None:
            super().__init__()
            self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, between, 1), nn.ReLU(),
                                       nn.Conv2d(between, channels, 1), nn.Sigmoid())  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.scale(x) * x

    return {**locals(), "torch": torch, "nn": nn, "F": F}


class Saved(NamedTuple):
    """What a forward pass saves: inputs and outputs by their numbers, parameters, and bytes of the rest by width."""

    inputs: set[int]
    outputs: set[int]
    parameters: set[str]
    rest: dict[int, int]


def _run(module: Any, inputs: list[Any]) -> Saved:
    import torch

    kept: list[Any] = []

    def pack(tensor: Any) -> Any:
        kept.append(tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.backends.mkldnn.flags(enabled=False),
    ):
        found = module(*inputs)
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    outputs = [part for output in outputs for part in (output if isinstance(output, tuple) else [output])]
    named = [*module.named_parameters(), *module.named_buffers()] if hasattr(module, "named_parameters") else []
    parameters = {_at(tensor): name for name, tensor in named}
    places = {_at(tensor): ("outputs", i) for i, tensor in enumerate(outputs)}
    places.update({_at(tensor): ("inputs", i) for i, tensor in enumerate(inputs)})
    saved = Saved(set(), set(), set(), {})
    for tensor in {_at(tensor): tensor for tensor in kept}.values():
        where, number = places.get(_at(tensor), ("", 0))
        if _at(tensor) in parameters:
            saved.parameters.add(parameters[_at(tensor)])
        elif where:
            getattr(saved, where).add(number)
        else:
            bits = 8 * tensor.element_size()
            saved.rest[bits] = saved.rest.get(bits, 0) + tensor.untyped_storage().nbytes()
    return saved


def _at(tensor: Any) -> int:
    return tensor.untyped_storage().data_ptr()


def _inputs(case: Case, batch: int) -> list[Any]:
    import torch

    if case.kind == "embedding":
        return [torch.randint(0, case.arguments["num_embeddings"], (batch, *shape)) for shape in case.shapes]
    if case.code.startswith(("First(", "Begun(")):
        first = [torch.randn(length, batch, *rest, requires_grad=True) for length, *rest in case.shapes]
        return [x.transpose(0, 1) for x in first]
    if case.kind == "gather" and len(case.shapes) > 1:
        x, positions = case.shapes
        return [torch.randn(batch, *x, requires_grad=True), torch.zeros(batch, *positions, dtype=torch.long)]
    if case.kind == "grouped_linear":
        (rows, features), (groups,) = case.shapes
        ends = torch.linspace(0, rows, groups, dtype=torch.int32).repeat(batch, 1)
        return [torch.randn(batch, rows, features, requires_grad=True), ends]
    return [torch.randn(batch, *shape, requires_grad=True) for shape in case.shapes]


def _dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    import torch

    return torch.native_dropout(x, p, True)[0] if training and 0 < p < 1 else x


@contextmanager
def _gpu_dropout() -> Iterator[None]:
    """Replace dropout by that of a GPU, with a mask of one byte per element; on the CPU it is of floats."""
    import torch

    own = torch.nn.functional.dropout
    torch.nn.functional.dropout = _dropout
    try:
        yield
    finally:
        torch.nn.functional.dropout = own


def record() -> dict[str, dict[str, Any]]:
    """Return what PyTorch saves for every case, with its parameters trained and frozen."""
    import torch

    torch.manual_seed(0)
    names, entries = _modules(), {}
    with _gpu_dropout():
        for case in CASES.values():
            module = eval(case.code, names)
            entries[case.name] = {"code": case.code, **_entry(module, case)}
            parameters = [*module.parameters()] if hasattr(module, "parameters") else []
            if parameters and case.kind != "embedding":  # whose input has no gradient
                for parameter in parameters:
                    parameter.requires_grad_(False)
                entries[case.name]["frozen"] = _entry(module, case)
    return entries


def record_networks() -> dict[str, int]:
    """Return the bytes that PyTorch saves for every network for one sample, inputs included."""
    import torch

    torch.manual_seed(0)
    names = _modules()
    found = {}
    with _gpu_dropout():
        for name, (spec, words, code) in NETWORKS.items():
            module = eval(code, names)
            sizes = [[int(n) for n in words["input"].split("x")]] if "input" in words else _sizes(spec)
            two, four = (_bytes(module, sizes, batch) for batch in (2, 4))
            found[name] = (four - two) // 2
    return found


def _sizes(spec: dict[str, Any]) -> list[list[int]]:
    return [*spec["inputs"].values()] if "inputs" in spec else [spec["input"]]


def _bytes(module: Any, sizes: list[list[int]], batch: int) -> int:
    import torch

    first = len(sizes[0]) == 2  # sequences have their length before the batch
    shapes = [(batch, *size) if not first else (size[0], batch, *size[1:]) for size in sizes]
    inputs = [torch.randn(*shape).transpose(0, 1) if first else torch.randn(*shape) for shape in shapes]
    saved = _run(module, inputs)
    held = sum(inputs[i].untyped_storage().nbytes() for i in saved.inputs)
    outputs = module(*inputs) if saved.outputs else None
    return held + sum(saved.rest.values()) + (outputs.untyped_storage().nbytes() if saved.outputs else 0)


def _entry(module: Any, case: Case) -> dict[str, Any]:
    two, four = (_run(module, _inputs(case, batch)) for batch in (2, 4))
    assert two[:3] == four[:3], case.name
    widths = {bits: (four.rest[bits] - two.rest[bits]) // 2 for bits in sorted(two.rest)}
    once = {bits: two.rest[bits] - 2 * each for bits, each in widths.items()}
    return {
        "inputs": sorted(two.inputs),
        "outputs": sorted(two.outputs),
        "parameters": sorted(two.parameters),
        "sample": {str(bits): each for bits, each in widths.items() if each},
        "once": {str(bits): size for bits, size in once.items() if size},
    }


if __name__ == "__main__":
    import torch

    source = f"PyTorch {torch.__version__} on the CPU, run by tests/record_saved_tensors.py; bytes, by the bits of an element"
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in record().items()]
    cases = ",\n".join(lines)
    print(
        f'{{\n "source": {json.dumps(source)},\n "networks": {json.dumps(record_networks())},\n "cases": {{\n{cases}\n }}\n}}'
    )
