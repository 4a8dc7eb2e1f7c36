"""ONNX: the package onnx accepts every file, and onnxruntime runs them, with the sizes of the report."""

from __future__ import annotations

import pytest
from functions_of_kinds import FUNCTIONS
from test_onnx_export import EXAMPLES, KINDS_THAT_CANNOT, ZOO, cannot, spec_of

import shapecalc
from shapecalc.layers import KINDS

onnx = pytest.importorskip("onnx")
np = pytest.importorskip("numpy")

pytestmark = [pytest.mark.elsewhere, pytest.mark.slow]

RUN = [
    ("lenet5", {}), ("alexnet_torchvision", {}), ("resnet18", {}), ("mobilenet_v2", {}), ("googlenet", {}),
    ("shufflenet_v2_x0_5", {}), ("swin_t", {}), ("dinov2-small", {}), ("gpt2", {"seq": 16, "vocab": 50, "layers": 2}),
    ("t5-small", {}), ("dcgan_generator", {}), ("squeezenet1_1", {}), ("seq2seq_lstm", {}),
]  # fmt: skip
SPECS = {
    "lstm": {"inputs": {"x": [5, 4]}, "layers": [{"lstm": {"hidden_size": 3, "num_layers": 2, "bidirectional": True}}]},
    "last step": {"inputs": {"x": [5, 4]}, "layers": [
        {"gru": {"hidden_size": 3, "bidirectional": True, "return_sequences": False}}]},
    "grouped attention": {"inputs": {"x": [6, 16]}, "layers": ["rotary_embedding", {"multi_head_attention": {
        "num_heads": 4, "num_kv_heads": 2, "rotary": True, "is_causal": True, "window": 3, "qk_norm": "head",
        "softcap": 5, "sinks": True, "gate": True}}]},
    "attention with everything else": {"inputs": {"x": [6, 16], "y": [7, 12]}, "layers": [
        {"multi_head_attention": {"num_heads": 4, "add_bias_kv": True, "add_zero_attn": True, "need_weights": True,
                                  "qk_norm": "heads", "qk_norm_bias": True}, "from": ["x", "y"]}]},
    "distances": {"inputs": {"x": [6, 16]}, "layers": [
        {"multi_head_attention": {"num_heads": 4, "relative_buckets": 8}},
        {"multi_head_attention": {"num_heads": 4, "alibi": True, "is_causal": True, "relative_buckets": 8}},
        {"multi_head_attention": {"num_heads": 4, "window": 3, "qk_norm": "width"}}]},
    "masks": {"inputs": {"x": [6, 16], "m": [6, 6], "q": [2, 5, 4], "k": [1, 7, 4], "n": [5, 7]}, "layers": [
        {"multi_head_attention": {"num_heads": 4, "attn_mask": True}, "from": ["x", "m"]},
        {"scaled_dot_product_attention": None, "from": ["q", "k", "k", "n"]},
        {"scaled_dot_product_attention": {"enable_gqa": True, "is_causal": True}, "from": ["q", "k", "k"]}],
        "outputs": ["multi_head_attention1", "scaled_dot_product_attention1", "scaled_dot_product_attention2"]},
    "many buckets": {"inputs": {"x": [6, 16]}, "layers": [
        {"multi_head_attention": {"num_heads": 4, "relative_buckets": buckets}} for buckets in (1, 2, 512)]},
    "whole numbers": {"inputs": {"x": [6]}, "layers": [
        {"unflatten": {"dim": 1, "unflattened_size": [2, 3]}}, {"slice": {"dim": 1, "end": 1}}, "flatten", "dropout",
        {"embedding": {"num_embeddings": 5, "embedding_dim": 4}, "name": "e"},
        {"add": None, "from": ["x", "x"]}, {"embedding": {"num_embeddings": 5, "embedding_dim": 4}}],
        "outputs": ["e", "slice1", "embedding1"]},
    "pools": {"inputs": {"x": [3, 13, 14]}, "layers": [
        {"max_pool": {"kernel_size": 3, "stride": 2, "rounding": "caffe"}},
        {"avg_pool": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}},
        {"adaptive_avg_pool": [3, 2]}]},
    "maps with channels last": {"layout": "HWC", "inputs": {"x": [14, 14, 3]}, "layers": [
        {"conv": {"out_channels": 8, "kernel_size": 3, "padding": "same", "stride": 2}}, "layer_norm",
        {"linear": 6}, {"slice": {"dim": 1, "end": 4}}, "flatten", {"fc": 2}]},
    "maps of different ranks with channels last": {"layout": "HWC", "inputs": {"x": [5, 4, 3], "y": [2, 5, 4, 3]}, "layers": [
        {"add": None, "from": ["x", "y"]}]},
    "what is the same for every sample": {"inputs": {"x": [5, 4]}, "layers": [
        {"parameter": [2, 4], "name": "p"}, {"concat": {"dim": 1}, "from": ["p", "x"]}, "class_token",
        "position_embedding", "sinusoidal_embedding"]},
    "indices": {"inputs": {"x": [5, 8]}, "layers": [{"top_k": {"k": 2}, "name": "t"}, {"argmax": {"dim": -1}, "from": "x"}],
                "outputs": ["t[0]", "t[1]", "argmax1"]},
}  # fmt: skip


@pytest.fixture
def ort():
    found = pytest.importorskip("onnxruntime")
    found.set_default_logger_severity(4)
    return found


def checked(written):
    """The model of a file, which onnx accepts: with the sizes that it works out itself."""
    model = onnx.load_from_string(written)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    return model


def check_run(ort, net, batch=2):
    """Enforce that onnxruntime's outputs have the sizes of the report, with the batch first."""
    written = net.convert("onnx")
    checked(written)
    session = ort.InferenceSession(written, providers=["CPUExecutionProvider"])
    types = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
    feeds = {one.name: np.zeros([batch if size == "N" else size for size in one.shape], types[one.type])
             for one in session.get_inputs()}  # fmt: skip
    report = net.infer()
    assert [tuple(one.shape[1:]) for one in session.get_inputs()] == [
        shape.in_layout("CHW") for shape in net.graph.inputs.values()
    ]
    found = session.run(None, feeds)
    assert [one.shape[1:] for one in found] == [report.shape_of(*ref).in_layout("CHW") for ref in report.graph.outputs]
    assert all(one.shape[0] == batch for one in found)
    return found


@pytest.mark.parametrize("name", [name for name in ZOO if not cannot(name)])
def test_onnx_accepts_the_zoo(name):
    checked(shapecalc.load(name).convert("onnx"))


@pytest.mark.parametrize(("name", "variables"), RUN)
def test_the_zoo_runs(name, variables, ort):
    check_run(ort, shapecalc.load(name, vars=variables), batch=1)


@pytest.mark.parametrize("name", SPECS)
def test_small_networks_run(name, ort):
    check_run(ort, shapecalc.load(SPECS[name]))


@pytest.mark.parametrize(("kind", "index"), [one for one in EXAMPLES if one[0] not in KINDS_THAT_CANNOT])
def test_every_kind_runs(kind, index, ort):
    net = shapecalc.load(spec_of(kind, index))
    try:
        net.convert("onnx")
    except shapecalc.UsageError:
        return
    if KINDS[kind].inputs == (0, 0):
        return  # it depends on no input, and has no batch
    if net.infer().total.macs < 300_000_000:
        check_run(ort, net)


# What it computes: with random weights in place of those that are left out.


def computed(ort, written, feeds, weights=(), also=()):
    """The outputs of a file, with these weights by name; and further tensors of it."""
    model = onnx.load_from_string(written)
    stored = dict(weights)
    for node in [*model.graph.node]:
        if node.output[0] in stored:
            model.graph.node.remove(node)
            model.graph.initializer.append(onnx.numpy_helper.from_array(stored[node.output[0]], node.output[0]))
    model.graph.output.extend([onnx.ValueInfoProto(name=name) for name in also])
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def random_weights(net, seed=0):
    """A random array for each weight of a network, by its name."""
    chance = np.random.default_rng(seed)
    return {name: chance.normal(size=sizes).astype(np.float32) * 0.3
            for name, sizes in net.infer().parameter_shapes().items()}  # fmt: skip


@pytest.mark.parametrize("layer", FUNCTIONS)
def test_values_are_those_of_pytorch(layer, ort):
    torch = pytest.importorskip("torch")
    import yaml

    x = np.random.default_rng(1).normal(size=(2, 8, 8, 6)).astype(np.float32) * 2
    x = abs(x) if "rsqrt" in layer else x
    net = shapecalc.load({"inputs": {"x": [8, 8, 6]}, "layers": [yaml.safe_load(layer)]})
    (found,) = computed(ort, net.convert("onnx"), {"x": x})
    given = {"x": torch.from_numpy(x), "torch": torch, "F": torch.nn.functional}
    np.testing.assert_allclose(found, eval(FUNCTIONS[layer], given).numpy(), atol=2e-5, rtol=1e-4)


WITH_WEIGHTS = {
    "conv: {out_channels: 6, kernel_size: 3, stride: 2, padding: [[1, 0], [2, 1]], dilation: 2, groups: 2}":
        "F.conv2d(F.pad(x, (2, 1, 1, 0)), weight, bias, 2, 0, 2, 2)",
    "conv: {out_channels: 6, kernel_size: 3, padding: 1, padding_mode: reflect}":
        "F.conv2d(F.pad(x, (1, 1, 1, 1), mode='reflect'), weight, bias)",
    "transposed_conv: {out_channels: 6, kernel_size: 3, stride: 2, padding: 1, output_padding: 1, groups: 2}":
        "F.conv_transpose2d(x, weight, bias, 2, 1, 1, 2)",
    "fc: 3": "F.linear(x.flatten(1), weight, bias)",
    "linear: 3": "F.linear(x, weight, bias)",
    "batch_norm": "x / (1 + 1e-5) ** 0.5 * weight[:, None, None] + bias[:, None, None]",
    "instance_norm: {affine: true}": "F.instance_norm(x, None, None, weight, bias)",
    "group_norm: 4": "F.group_norm(x, 4, weight, bias)",
    "layer_norm": "F.layer_norm(x, (6,), weight, bias)",
    "layer_norm: {axis: channels}":
        "F.layer_norm(x.movedim(1, -1), (8,), weight, bias).movedim(-1, 1)",
    "layer_norm: {axis: [1, 3]}": "F.layer_norm(x.permute(0, 2, 1, 3), (8, 6), weight, bias).permute(0, 2, 1, 3)",
    "rms_norm": "F.rms_norm(x, (6,), weight, 1e-5)",
    "layer_scale": "x * weight[:, None, None]",
    "bias_add": "x + bias[:, None, None]",
    "prelu: {per: channel}": "F.prelu(x, weight)",
    "einsum_dense: {equation: 'abcd,dce->abe', output_shape: [8, 3], bias_axes: e}":
        "torch.einsum('abcd,dce->abe', x, weight) + bias",
    "mask_token": "x",
}  # fmt: skip


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_weights_are_used_as_in_pytorch(layer, ort):
    torch = pytest.importorskip("torch")
    import yaml

    x = np.random.default_rng(1).normal(size=(2, 8, 8, 6)).astype(np.float32)
    item = yaml.safe_load(layer)
    item = {item: None} if isinstance(item, str) else item
    net = shapecalc.load({"inputs": {"x": [8, 8, 6]}, "layers": [{**item, "name": "it"}]})
    weights = random_weights(net)
    (found,) = computed(ort, net.convert("onnx"), {"x": x}, weights)
    given = {"x": torch.from_numpy(x), "torch": torch, "F": torch.nn.functional,
             **{name.removeprefix("it."): torch.from_numpy(value) for name, value in weights.items()}}  # fmt: skip
    np.testing.assert_allclose(found, eval(WITH_WEIGHTS[layer], given).numpy(), atol=2e-5, rtol=1e-4)


def attention_of(ort, seed=0, **arguments):
    """The outputs of a layer of attention on 5×16, and its input and weights as tensors of PyTorch."""
    torch = pytest.importorskip("torch")
    rotary = [{"rotary_embedding": {"base": 500}}] if arguments.get("rotary") else []
    net = shapecalc.load({"inputs": {"x": [5, 16]}, "layers": [
        *rotary, {"multi_head_attention": {"num_heads": 4, **arguments}, "name": "it"}],
        "outputs": ["it[0]", "it[1]"] if arguments.get("need_weights") else ["it"]})  # fmt: skip
    x, weights = np.random.default_rng(seed).normal(size=(2, 5, 16)).astype(np.float32), random_weights(net)
    found = computed(ort, net.convert("onnx"), {"x": x}, weights)
    given = {name.removeprefix("it."): torch.from_numpy(value) for name, value in weights.items()}
    return torch, found, torch.from_numpy(x), given


@pytest.mark.parametrize("more", [{}, {"add_bias_kv": True, "add_zero_attn": True}, {"need_weights": True}])
def test_attention_is_that_of_pytorch(more, ort):
    torch, found, x, weights = attention_of(ort, **more)
    more.pop("need_weights", None)
    module = torch.nn.MultiheadAttention(16, 4, batch_first=True, **more)
    module.load_state_dict(weights)
    for mine, its in zip(found, module(x, x, x), strict=False):
        np.testing.assert_allclose(mine, its.detach().numpy(), atol=1e-5)


def test_grouped_rotated_attention(ort):
    """As Llama's: rotate_half of transformers, heads of keys shared by two each, a causal mask."""
    torch, (found,), x, weights = attention_of(ort, num_kv_heads=2, rotary=True, is_causal=True, bias=False)
    angles = torch.arange(5)[:, None] / 500 ** (torch.arange(0, 4, 2) / 4)
    cos, sin = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)

    def heads(name, count):
        return (x @ weights[name].T).unflatten(-1, (count, 4)).transpose(1, 2)

    def turned(y):
        return y * cos + torch.cat([-y[..., 2:], y[..., :2]], -1) * sin

    q, k, v = turned(heads("q_proj_weight", 4)), turned(heads("k_proj_weight", 2)), heads("v_proj_weight", 2)
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    np.testing.assert_allclose(found, y.transpose(1, 2).flatten(2) @ weights["out_proj.weight"].T, atol=1e-5)


@pytest.mark.parametrize(("arguments", "seen"), [
    ({"is_causal": True, "window": 2}, ["10000", "11000", "01100", "00110", "00011"]),
    ({"window": 3}, ["11000", "11100", "01110", "00111", "00011"]),
    ({"is_causal": True}, ["10000", "11000", "11100", "11110", "11111"]),
])  # fmt: skip
def test_masks_hide(arguments, seen, ort):
    """Fixed by hand: which keys (columns) each query (a row) attends to."""
    _, (_, weights), _, _ = attention_of(ort, need_weights=True, **arguments)
    assert ["".join("01"[int(one > 0)] for one in row) for row in weights[0]] == seen
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)


def test_sinks_take_weight_away(ort):
    _, (_, weights), _, _ = attention_of(ort, need_weights=True, sinks=True)
    assert (weights.sum(-1) < 0.95).all()


def index_of(ort, layers, inputs):
    """The positions at which a table of biases is read."""
    written = shapecalc.load({"inputs": inputs, "layers": layers}).convert("onnx")
    node = next(one for one in onnx.load_from_string(written).graph.node if one.op_type == "Gather")
    feeds = {name: np.zeros((1, *size), np.float32) for name, size in inputs.items()}
    return computed(ort, written, feeds, also=[node.input[1]])[-1]


def test_the_index_of_a_window(ort):
    """torchvision 0.28.0, swin_transformer.py: relative_position_index of a window of 2×3."""
    found = index_of(ort, [{"window_attention": {"num_heads": 1, "window_size": [2, 3]}}], {"x": [1, 6, 4]})
    coordinates = [(row, column) for row in range(2) for column in range(3)]
    expected = [[(a[0] - b[0] + 1) * 5 + a[1] - b[1] + 2 for b in coordinates] for a in coordinates]
    assert found.tolist() == expected


@pytest.mark.parametrize("is_causal", [False, True])
def test_buckets_of_t5(is_causal, ort):
    """T5Attention._relative_position_bucket of transformers 5.24.0, for 300 positions."""
    found = index_of(ort, [{"multi_head_attention": {"num_heads": 1, "relative_buckets": 32, "is_causal": is_causal}}],
                     {"x": [300, 4]})  # fmt: skip
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    torch = pytest.importorskip("torch")
    positions = torch.arange(300)
    due = t5.T5Attention._relative_position_bucket(positions[None] - positions[:, None], not is_causal, 32, 128)
    assert (found == due.numpy()).mean() > 0.999  # a logarithm may be rounded to the other side


@pytest.mark.parametrize(("heads", "powers"), [(8, [1, 2, 3, 4, 5, 6, 7, 8]), (6, [2, 4, 6, 8, 1, 3])])
def test_slopes_of_alibi(heads, powers):
    """Press et al. 2021, section 3, of 8 heads; build_alibi_tensor of transformers' BLOOM, of 6."""
    net = shapecalc.load({"inputs": {"x": [6, 24]}, "layers": [
        {"multi_head_attention": {"num_heads": heads, "alibi": True, "head_dim": 2}}]})  # fmt: skip
    node = next(one for one in onnx.load_from_string(net.convert("onnx")).graph.node if one.op_type == "Constant")
    assert onnx.numpy_helper.to_array(node.attribute[0].t).tolist() == [2.0**-power for power in powers]


def test_a_gate_is_a_sigmoid(ort):
    """With a value and a projection of ones, the output of each head is multiplied by the gate alone."""
    net = shapecalc.load({"inputs": {"x": [3, 4]}, "layers": [
        {"multi_head_attention": {"num_heads": 1, "gate": True, "bias": False}, "name": "it"}]})  # fmt: skip
    weights = {name: np.eye(4, dtype=np.float32) for name in net.infer().parameter_shapes()}
    weights["it.in_proj_weight"] = np.concatenate([np.eye(4, dtype=np.float32)] * 3)
    x = np.tile(np.arange(4, dtype=np.float32) - 2, (1, 3, 1))  # every position is alike
    (found,) = computed(ort, net.convert("onnx"), {"x": x}, weights)
    np.testing.assert_allclose(found, x / (1 + np.exp(-x)), atol=1e-6)
