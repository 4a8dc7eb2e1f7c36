"""PyTorch source of single layers and of imported programs: sizes, parameters and values are PyTorch's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from functions_of_kinds import FUNCTIONS
from test_onnx_export import EXAMPLES, spec_of
from test_pytorch_source import check, made, torch  # noqa: F401  (a fixture)

import shapecalc
from shapecalc.layers import KINDS

pytestmark = pytest.mark.torch

RECORDED = Path(__file__).parent.parent / "data" / "pt2"

NOT_WRITTEN = {
    "accuracy", "conv_lstm", "deformable_conv", "disentangled_attention", "gated_delta_net", "locally_connected", "loss",
    "mamba", "mamba2", "multi_head_latent_attention", "named_operation", "opaque", "prior_box",
    "relative_position_bias", "roi_align",
}  # fmt: skip
SOME_NOT_WRITTEN = {
    ("conv", "parametrization spectral_norm_keras"), ("experts", "bias True"),
    ("slice", "a negative step"), ("layer_norm", "several axes"), ("pad", "axes that are not spatial"),
    ("avg_pool", "dilation"),
    ("recurrent", "one bias"), ("lstm", "peephole"), ("gru", "reset_after False"), ("gru_cell", "one bias"), ("rnn_cell", "one bias"),
    ("normalize", "a learned scale"), ("window_reverse", "windows that are a feature map"),
    ("fractional_max_pool", "one spatial axis"),
}  # fmt: skip
"""Kinds of which some examples cannot be written, with a part of the reason."""


@pytest.mark.parametrize(("kind", "index"), EXAMPLES)
def test_every_example_of_a_kind_runs_or_is_refused(kind, index, torch):  # noqa: F811
    net = shapecalc.load(spec_of(kind, index))
    if kind in NOT_WRITTEN or KINDS[kind].inputs == (0, 0):
        return
    try:
        check(torch, net)
    except shapecalc.UsageError as error:
        assert any(kind == one and why in str(error) for one, why in SOME_NOT_WRITTEN), error  # noqa: PT017


@pytest.mark.parametrize("kind", sorted(NOT_WRITTEN))
def test_what_has_no_counterpart_is_refused_by_name(kind):
    with pytest.raises(shapecalc.UsageError, match=rf"\({kind}\) cannot be written for PyTorch: "):
        shapecalc.load(spec_of(kind, 0)).convert("pytorch")


OF_PYTORCH = {
    "unfold: {kernel_size: [2, 3], stride: 2, padding: 1}": "F.unfold(x, (2, 3), stride=2, padding=1)",
    "lp_pool: {kernel_size: [2, 3]}": "F.lp_pool2d(x, 2.0, (2, 3))", "up_sampling: 2": "F.interpolate(x, scale_factor=2)",
    "prelu": "x.clamp(min=0) + 0.25 * x.clamp(max=0)", "prelu: {per: element}": "F.leaky_relu(x, 0.25)",
    "prelu: {shared_axes: [2, 3]}": "F.leaky_relu(x, 0.25)", "normalization: {axis: [1, 3]}": "x",
    "normalization: {buffer: false}": "x",
}  # fmt: skip
"""Layers as in `FUNCTIONS`, that others have not."""


@pytest.mark.parametrize("layer", [*FUNCTIONS, *OF_PYTORCH])
def test_values_are_those_of_pytorch(layer, torch):  # noqa: F811
    x = torch.randn(2, 8, 8, 6) * 2
    x = x.abs() if "rsqrt" in layer else x
    net = shapecalc.load({"inputs": {"x": [8, 8, 6]}, "layers": [yaml.safe_load(layer)]})
    try:
        model = made(torch, net.convert("pytorch"), "cpu")
    except shapecalc.UsageError as error:
        assert "a negative step" in str(error)  # noqa: PT017
        return
    due = eval({**FUNCTIONS, **OF_PYTORCH}[layer], {"x": x, "torch": torch, "F": torch.nn.functional})
    torch.testing.assert_close(model(x), due, atol=2e-5, rtol=1e-4)


PAIRS = {
    "matmul: {transpose_b: true}": ([(5, 4), (7, 4)], "a @ b.transpose(-2, -1)"),
    "bmm": ([(3, 5, 4), (3, 4, 2)], "a @ b"),
    "stack: {dim: 2}": ([(5, 4), (5, 4)], "torch.stack([a, b], 2)"),
    "gather: {dim: 1}": ([(9, 4), (3, 2)], "torch.stack([one[at.long()] for one, at in zip(a, b)])"),
    "gather: {dim: 2}": ([(9, 5), (3,)], "torch.stack([one[:, at.long()] for one, at in zip(a, b)])"),
    "gather: {dim: 1, mode: elements}": ([(9, 4), (3, 2)], "a.gather(1, b.long())"),
    "einsum: 'blf,bsf->bls'": ([(5, 4), (7, 4)], "a @ b.transpose(1, 2)"),
    "pointwise: {function: greater}": ([(5, 4), (4,)], "(a > b[:, None]).float()"),
    "pointwise: {function: atan2}": ([(5, 4), (5, 4)], "torch.atan2(a, b)"),
    "pointwise: {function: logical_xor}": ([(5, 4), (5, 4)], "((a != 0) ^ (b != 0)).float()"),
    "pointwise: {function: where, other: 2}": ([(5, 4), (5, 4)], "torch.where(a != 0, b, 2)"),
}  # fmt: skip
"""Layers on two tensors of whole numbers from 0 to 4, and what they are in PyTorch."""


@pytest.mark.parametrize("layer", PAIRS)
def test_values_of_two_tensors_are_those_of_pytorch(layer, torch):  # noqa: F811
    sizes, due = PAIRS[layer]
    item = yaml.safe_load(layer)
    item = {item: None} if isinstance(item, str) else item
    inputs = dict(zip("ab", map(list, sizes), strict=True))
    net = shapecalc.load({"inputs": inputs, "layers": [{**item, "from": ["a", "b"]}]})
    a, b = [torch.randint(0, 4, (2, *size)).float() for size in sizes]
    found = made(torch, net.convert("pytorch"), "cpu")(a, b)
    torch.testing.assert_close(found, eval(due, {"a": a, "b": b, "torch": torch}))


def test_masks_of_attention(torch):  # noqa: F811
    sdpa = {"scaled_dot_product_attention": None, "from": ["q", "k", "k", "n"], "name": "a"}
    causal = {"scaled_dot_product_attention": {"enable_gqa": True, "is_causal": True}, "from": ["q", "k", "k"]}
    inputs = {"q": [2, 5, 4], "k": [1, 7, 4], "n": [5, 7]}
    net = shapecalc.load(
        {"inputs": inputs, "layers": [sdpa, causal], "outputs": ["a", "scaled_dot_product_attention1"]}
    )
    q, k, n = [torch.randn(2, *size) for size in inputs.values()]
    found = made(torch, net.convert("pytorch"), "cpu")(q, k, n)
    attend = torch.nn.functional.scaled_dot_product_attention
    torch.testing.assert_close(found[0], attend(q, k, k, n[:, None]))
    torch.testing.assert_close(found[1], attend(q, k, k, is_causal=True, enable_gqa=True))


def test_what_is_the_same_for_every_sample_is_joined_with_what_is_not(torch):  # noqa: F811
    layers = [{"parameter": [2, 4], "name": "p"}, {"concat": {"dim": 1}, "from": ["p", "x"]}, {"stack": {"dim": 1}}]
    check(torch, shapecalc.load({"inputs": {"x": [5, 4]}, "layers": layers}))


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_states_of_recurrent_layers(kind, torch):  # noqa: F811
    """Initial states are inputs and last ones outputs, with the batch first; or the last step is the output."""
    states = {"h": [4, 3], **({"c": [4, 3]} if kind == "lstm" else {})}
    arguments = {"hidden_size": 3, "num_layers": 2, "bidirectional": True}
    layer = {kind: arguments, "from": ["x", *states], "name": "it"}
    last = {kind: {**arguments, "return_sequences": False}, "from": "x", "name": "last"}
    names = [f"it[{number}]" for number in range(len(states) + 1)]
    net = shapecalc.load({"inputs": {"x": [5, 4], **states}, "layers": [layer, last], "outputs": [*names, "last"]})
    model = made(torch, check(torch, net), "cpu")
    x, *given = [torch.randn(2, *size) for size in ([5, 4], *states.values())]
    *found, end = model(x, *given)
    own = getattr(torch.nn, kind.upper())
    given = [one.transpose(0, 1).contiguous() for one in given]
    y, after = own.forward(model.it, x, tuple(given) if kind == "lstm" else given[0])
    due = [y, *[one.transpose(0, 1) for one in (after if kind == "lstm" else [after])]]
    for mine, its in zip(found, due, strict=True):
        torch.testing.assert_close(mine, its)
    y, after = own.forward(model.last, x)
    after = after[0] if kind == "lstm" else after
    torch.testing.assert_close(end, torch.cat([after[-2], after[-1]], -1))


@pytest.mark.parametrize("with_states", [True, False])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_a_recurrent_layer_over_a_cell_computes_what_the_whole_layer_does(kind, with_states, torch):  # noqa: F811
    """PyTorch's own layer with the weights of the cell: its outputs at every step, at the last, and its states."""
    states = ({"h": [3], **({"c": [3]} if kind == "lstm" else {})}) if with_states else {}
    cell = {f"{kind}_cell": {"hidden_size": 3}}
    layer = {"recurrent": {"cell": cell}, "from": ["x", *states], "name": "it"}
    last = {"recurrent": {"cell": cell, "return_sequences": False}, "from": "x", "name": "last"}
    names = [f"it[{number}]" for number in range(3 if kind == "lstm" else 2)]
    net = shapecalc.load({"inputs": {"x": [5, 4], **states}, "layers": [layer, last], "outputs": [*names, "last"]})
    model = made(torch, check(torch, net), "cpu")
    x, *given = [torch.randn(2, *size) for size in ([5, 4], *states.values())]
    *found, end = model(x, *given)

    def whole(module, *given):
        own = getattr(torch.nn, kind.upper())(4, 3, batch_first=True)
        own.load_state_dict({f"{name}_l0": one for name, one in module.state_dict().items()})
        before = [one[None] for one in given]
        y, after = own(x, (tuple(before) if kind == "lstm" else before[0]) if before else None)
        return [y, *[one[0] for one in (after if kind == "lstm" else [after])]]

    for mine, its in zip(found, whole(model.it, *given), strict=True):
        torch.testing.assert_close(mine, its)
    torch.testing.assert_close(end, whole(model.last)[0][:, -1])


@pytest.mark.parametrize("features", [6, 7])
def test_sines_of_positions(features, torch):  # noqa: F811
    """Vaswani et al. 2017, section 3.5, with the sines before the cosines, as in their code (tensor2tensor)."""
    net = shapecalc.load({"input": [5, features], "layers": ["sinusoidal_embedding"]})
    model = made(torch, check(torch, net), "cpu")
    x = torch.randn(2, 5, features)
    due = torch.zeros(5, features + features % 2)
    half = due.shape[1] // 2
    for position in range(5):
        for pair in range(half):
            angle = torch.tensor(position / 10_000 ** (2 * pair / features))
            due[position, pair], due[position, half + pair] = angle.sin(), angle.cos()
    torch.testing.assert_close(model(x), x + due[:, :features])


@pytest.mark.parametrize("kind", ["lstm_cell", "gru_cell", "rnn_cell"])
def test_cells(kind, torch):  # noqa: F811
    states = {"h": [3], **({"c": [3]} if kind == "lstm_cell" else {})}
    check(torch, shapecalc.load({"inputs": {"x": [4], **states}, "layers": [{kind: 3, "from": ["x", *states]}]}))


def test_groups_of_rows_are_multiplied_as_pytorch_does(torch):  # noqa: F811
    layers = [{"grouped_linear": {"num_groups": 4, "out_features": 8}, "from": ["x", "ends"]}]
    mine = made(
        torch, shapecalc.load({"inputs": {"x": [9, 16], "ends": [4]}, "layers": layers}).convert("pytorch"), "cpu"
    )
    (weight,) = (one.uniform_(-1, 1) for one in mine.state_dict().values())
    x, ends = torch.randn(2, 9, 16), torch.tensor([[2, 2, 5, 9], [0, 9, 9, 9]], dtype=torch.int32)
    due = [torch.nn.functional.grouped_mm(rows, weight.mT, offs=own) for rows, own in zip(x, ends, strict=True)]
    torch.testing.assert_close(mine(x, ends), torch.stack(due))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted(RECORDED.glob("*.pt2"))])
def test_recorded_programs_run(path, torch):  # noqa: F811
    check(torch, shapecalc.load(str(path)))


@pytest.mark.parametrize("name", ["maps", "recurrent", "attention"])
def test_recorded_programs_compute_what_their_modules_do(name, torch):  # noqa: F811
    """With the same weights; PyTorch's own modules are those that the programs were recorded of."""
    import record_pt2

    module = getattr(record_pt2, name.title())().eval()
    mine = made(torch, shapecalc.load(str(RECORDED / f"{name}.pt2")).convert("pytorch"), "cpu")
    left = dict(mine.named_parameters())
    with torch.no_grad():
        for own, tensor in module.named_parameters():
            ends = {*own.split(".")[-2:]}
            fits = [key for key, one in left.items() if one.numel() == tensor.numel()]
            best = max(fits, key=lambda key: len(ends & {*key.split(".")[-2:]}))
            left.pop(best).copy_(tensor.uniform_(-1, 1).reshape(left_size(mine, best)))
        x = torch.randn(5, 2, 10) if name == "recurrent" else torch.randn(2, 3, 16, 16)
        due, found = module(x), mine(x.transpose(0, 1) if name == "recurrent" else x)
    for its, one in zip(*[y if isinstance(y, tuple) else (y,) for y in (due, found)], strict=True):
        torch.testing.assert_close(one, its, atol=1e-4, rtol=1e-4)


def left_size(module, name):
    return module.get_parameter(name).shape


MODELS = ["vit_b_16", "shufflenet_v2_x1_0"]
if os.environ.get("SHAPECALC_ALL_MODELS"):
    MODELS += ["resnet50", "mobilenet_v3_large", "densenet121", "swin_t", "convnext_tiny", "inception_v3", "googlenet",
               "regnet_y_400mf", "efficientnet_b0", "r3d_18"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_models_of_torchvision_are_written_and_run(name, torch):  # noqa: F811
    from vision_models import models

    make = models.video.r3d_18 if name == "r3d_18" else getattr(models, name)
    size = (1, 3, 16, 112, 112) if name == "r3d_18" else (1, 3, 224, 224)
    options = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):  # which computes its widths with tensors
        net = shapecalc.from_torch(make(weights=None, **options).eval(), torch.zeros(size))
    check(torch, net)


def test_the_positions_of_maxima_are_those_of_pytorch(torch):  # noqa: F811
    """As SegNet returns them, with the size before the pooling."""
    pool = {"max_pool": {"kernel_size": 3, "stride": 2, "return_indices": True}, "name": "p"}
    unpool = {"max_unpool": {"kernel_size": 3, "stride": 2, "output_size": [9, 8]}, "from": ["relu1", "p[1]"]}
    net = shapecalc.load({"input": "3x9x8", "layers": [pool, "relu", unpool]})
    model, x = made(torch, net.convert("pytorch"), "cpu"), torch.randn(2, 3, 9, 8)
    y, positions = torch.nn.functional.max_pool2d(x, 3, 2, return_indices=True)
    due = torch.nn.functional.max_unpool2d(y.relu(), positions, 3, 2, output_size=(9, 8))
    torch.testing.assert_close(model(x), due)
    padded = {"max_pool": {"kernel_size": 3, "stride": 2, "padding": "same", "return_indices": True}, "name": "p"}
    net = shapecalc.load({"input": "3x8x8", "layers": [padded], "outputs": ["p", "p[1]"]})
    with pytest.raises(shapecalc.UsageError, match="positions in an input that is padded before"):
        net.convert("pytorch")


@pytest.mark.parametrize("how", ["weight_norm", "weight_norm_last", "spectral_norm"])
@pytest.mark.parametrize("layer", [{"conv": {"out_channels": 6, "kernel_size": 3, "groups": 2}}, {"linear": 6},
                                   {"transposed_conv": {"out_channels": 6, "kernel_size": 2}}])  # fmt: skip
def test_normalised_weights_are_pytorch_s_parametrizations_and_read_again(layer, how, torch):  # noqa: F811
    ((kind, given),) = layer.items()
    given = given if isinstance(given, dict) else {"out_features": given}
    net = shapecalc.load({"input": "4x8x8", "layers": [{kind: {**given, "parametrization": how}}]})
    model = made(torch, check(torch, net), "cpu")
    (module,) = model.children()
    lengths = module.parametrizations.weight.original0.shape if how != "spectral_norm" else None
    due = net.infer().rows[0].sizing.weight_shapes
    assert lengths is None or tuple(lengths) == due["original0"]
    again = shapecalc.from_torch(model, torch.zeros(2, 4, 8, 8)).infer()
    assert again.total.params == net.infer().total.params
    if how != "spectral_norm":
        assert len(again.rows) == 1
        assert again.rows[0].sizing.weight_shapes == due


@pytest.mark.parametrize(("arguments", "inputs", "is_own"), [
    ({}, {"x": [5, 8]}, True), ({"bias": False}, {"x": [5, 8]}, True), ({}, {"x": [5, 8], "y": [7, 6]}, True),
    ({"head_dim": 4, "v_head_dim": 4}, {"x": [5, 8]}, True), ({"head_dim": 3}, {"x": [5, 8]}, False),
    ({"v_head_dim": 3}, {"x": [5, 8]}, False), ({"num_kv_heads": 1}, {"x": [5, 8]}, False),
    ({"qkv_bias": False}, {"x": [5, 8]}, False), ({"k_bias": False}, {"x": [5, 8]}, False),
    ({"out_bias": False}, {"x": [5, 8]}, False), ({"qk_norm": "head"}, {"x": [5, 8]}, False),
    ({"is_causal": True}, {"x": [5, 8]}, False), ({"window": 3}, {"x": [5, 8]}, False),
    ({}, {"x": [3, 5, 8]}, False),
])  # fmt: skip
def test_attention_is_pytorch_s_own_module_where_that_has_its_arguments(arguments, inputs, is_own, torch):  # noqa: F811
    layer = {"multi_head_attention": {"num_heads": 2, **arguments}, "from": [*inputs], "name": "it"}
    net = shapecalc.load({"inputs": inputs, "layers": [layer]})
    source = check(torch, net)
    assert ("nn.MultiheadAttention(" in source, "class Attention" in source) == (is_own, not is_own)
    if not is_own:
        return
    model, due = made(torch, source, "cpu"), torch.nn.functional.scaled_dot_product_attention
    tensors = [torch.randn(2, *size) for size in inputs.values()]
    own, x, y = model.it, tensors[0], tensors[-1]
    whole = own.in_proj_weight.chunk(3) if own.in_proj_weight is not None else (
        own.q_proj_weight, own.k_proj_weight, own.v_proj_weight,
    )  # fmt: skip
    biases = own.in_proj_bias.chunk(3) if own.in_proj_bias is not None else (0, 0, 0)
    heads = [
        (one @ weight.T + bias).unflatten(-1, (2, -1)).transpose(1, 2)
        for one, weight, bias in zip((x, y, y), whole, biases, strict=True)
    ]
    torch.testing.assert_close(model(*tensors), own.out_proj(due(*heads).transpose(1, 2).flatten(2)))


def test_queries_that_are_the_same_for_every_sample_attend_to_each(torch):  # noqa: F811
    """As those of DETR's decoder."""
    layers = [{"parameter": [3, 8], "name": "q"}, {"multi_head_attention": {"num_heads": 2}, "from": ["q", "x"]}]
    assert "nn.MultiheadAttention" in check(torch, shapecalc.load({"inputs": {"x": [5, 8]}, "layers": layers}))


def test_attention_with_rotated_queries_or_constant_weights_is_none_of_pytorch_s_own(torch):  # noqa: F811
    layers = ["rotary_embedding", {"multi_head_attention": {"num_heads": 2, "rotary": True}}]
    assert "nn.MultiheadAttention" not in check(torch, shapecalc.load({"input": "5x8", "layers": layers}))
    layers = [{"multi_head_attention": {"num_heads": 2}, "uncounted": "in_proj_bias"}]
    with pytest.raises(shapecalc.UsageError, match="some of its weights"):
        shapecalc.load({"input": "5x8", "layers": layers}).convert("pytorch")
