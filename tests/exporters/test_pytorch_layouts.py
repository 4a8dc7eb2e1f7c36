"""PyTorch source of what other frameworks order otherwise: channels last, one bias in every gate, padding `same`."""

from __future__ import annotations

import pytest
from test_pruning import Made
from test_pytorch_source import check, made, torch  # noqa: F401  (a fixture)

import shapecalc
from shapecalc.layers import KINDS
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Graph, Node, Reference
from shapecalc.network import Network

pytestmark = pytest.mark.torch


def chain(shape, *layers):
    """A network whose input is a tensor in the order of Keras."""
    nodes = tuple(
        Node(
            f"{kind}{index}",
            KINDS[kind](**given),
            (Reference(index - 1), *[Reference(-1)] * (kind in ("add", "matmul"))),
        )
        for index, (kind, given) in enumerate(layers)
    )
    graph = Graph("chain", {"x": shape}, nodes, (Reference(len(nodes) - 1),), "HWC", is_written=False)
    return Network(Made(graph))


SEQUENCE = Shape((20, 4), is_map=False, channels_last=True)
MAP = Shape((6, 5, 4), is_map=True, channels_last=True)
CHAINS = {
    "sequences": (SEQUENCE, [
        ("conv", {"out_channels": 8, "kernel_size": 3}), ("max_pool", {"kernel_size": 2}), ("relu", {}),
        ("global_avg_pool", {}), ("linear", {"out_features": 3})],
        lambda m, x, f: m[-1](f.max_pool1d(m[0](x.mT), 2).relu().mean(2))),
    "to a map": (Shape((24,), is_map=False, channels_last=True), [
        ("linear", {"out_features": 120}), ("reshape", {"shape": [6, 5, 4]}),
        ("conv", {"out_channels": 3, "kernel_size": 2})],
        lambda m, x, f: m[1](m[0](x).reshape(-1, 6, 5, 4).permute(0, 3, 1, 2))),
    "from a map": (MAP, [("relu", {}), ("reshape", {"shape": [30, 4]}), ("linear", {"out_features": 2})],
                   lambda m, x, f: m[0](x.relu().permute(0, 2, 3, 1).reshape(-1, 30, 4))),
    "axes of a map": (MAP, [("permute", {"dims": [3, 1, 2]}), ("flatten", {"start_dim": 1, "end_dim": 2})],
                      lambda m, x, f: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2).flatten(1, 2)),
    "a vector for a map": (MAP, [("mean", {"dim": [1, 2]}), ("add", {})], lambda m, x, f: x + x.mean((2, 3), keepdim=True)),
    "products": (MAP, [("relu", {}), ("matmul", {"transpose_b": True})],
                 lambda m, x, f: (y := x.permute(0, 2, 3, 1)).relu() @ y.mT),
    "a map and what is none": (Shape((5, 2, 4), is_map=False, channels_last=True), [
        ("reshape", {"shape": [40]}), ("reshape", {"shape": [5, 2, 4]}), ("add", {})], lambda m, x, f: 2 * x),
    "a mean": (MAP, [("mean", {"dim": [1]})], lambda m, x, f: x.mean(2).mT),
    "a maximum": (MAP, [("max", {"dim": [2]})], lambda m, x, f: x.amax(3).mT),
    "a row": (MAP, [("gather", {"index": [1], "keepdim": False})], lambda m, x, f: x[:, :, 1].mT),
    "an axis of size 1": (MAP, [("unsqueeze", {"dim": 1}), ("squeeze", {"dim": [1]}), ("tile", {"dims": [1, 1, 2]})],
                          lambda m, x, f: x.repeat(1, 2, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_channels_last(name, torch):  # noqa: F811
    shape, layers, due = CHAINS[name]
    net = chain(shape, *layers)
    model = made(torch, check(torch, net), "cpu")
    x = torch.randn(2, *shape.in_layout("CHW"))
    leaves = [one for one in model.modules() if [*one.parameters(recurse=False)]]
    found, due = model(x), due(leaves, x, torch.nn.functional)
    is_map = net.infer().shape_of(len(layers) - 1).is_map and found.shape != due.shape
    torch.testing.assert_close(found.movedim(1, -1) if is_map else found, due, rtol=1e-4, atol=1e-5)


def test_what_counts_axes_of_sequences_and_maps_at_once_is_refused(torch):  # noqa: F811
    nodes = (Node("up", KINDS["upsample"](), (Reference(-1), Reference(-1))),)
    net = Network(Made(Graph("n", {"x": SEQUENCE}, nodes, (Reference(0),), "HWC", is_written=False)))
    with pytest.raises(shapecalc.UsageError, match="several sequences with channels last"):
        net.convert("pytorch")


@pytest.mark.parametrize(("kind", "bias"), [("lstm", True), ("lstm", False), ("rnn", True), ("gru", True)])
@pytest.mark.parametrize("form", ["every step", "last step", "both directions", "states"])
def test_one_bias_in_every_gate(kind, bias, form, torch):  # noqa: F811
    layer = {"hidden_size": 3, "convention": "keras", "bias": bias, "num_layers": 2}
    layer |= {"return_sequences": form != "last step", "bidirectional": form == "both directions"}
    net = shapecalc.load({"input": [5, 4], "layers": [{kind: layer, "name": "it"}],
                          "outputs": ["it[1]" if form == "states" else "it"]})  # fmt: skip
    source = check(torch, net)
    assert ("one_bias(" in source) == (bias and kind != "gru")
    model = made(torch, source, "cpu")
    assert not any(key.startswith("it.bias_hh") for key in model.state_dict()) or kind == "gru"
    own = getattr(torch.nn, kind.upper())(4, 3, 2, batch_first=True, bias=bias, bidirectional=form == "both directions")
    own.load_state_dict({**own.state_dict(), **{key[3:]: one for key, one in model.state_dict().items()}})
    with torch.no_grad():
        for key, one in own.named_parameters():
            one.mul_(0 if key.startswith("bias_hh") and kind != "gru" else 1)
    x = torch.randn(2, 5, 4)
    y, after = own(x)
    after = (after[0] if kind == "lstm" else after).transpose(0, 1)
    due = {"last step": y[:, -1], "states": after}.get(form, y)
    torch.testing.assert_close(model(x), due)
    sum(one.sum() for one in [model(x)]).backward()


@pytest.mark.parametrize(
    ("kernel", "stride", "size", "cut"),
    [(3, 2, 14, True), (4, 2, 14, False), (5, 1, 7, False), (2, 2, 14, False), (2, 3, 21, False), (5, 2, 14, True)],
)
def test_transposed_convolutions_with_padding_same_remove_as_keras_does(kernel, stride, size, cut, torch):  # noqa: F811
    """Of what is more than stride · size, half at the start and the rest at the end."""
    layer = {"out_channels": 2, "kernel_size": kernel, "stride": stride, "padding": "same"}
    net = shapecalc.load({"input": [3, 7, 7], "layers": [{"transposed_conv": layer, "name": "it"}]})
    model = made(torch, source := check(torch, net), "cpu")
    assert ("[..., :" in source) == cut
    x = torch.randn(2, 3, 7, 7)
    full = torch.nn.functional.conv_transpose2d(x, model.it.weight, model.it.bias, stride)
    before = max(kernel - stride, 0) // 2
    full = torch.nn.functional.pad(full, (0, max(stride - kernel, 0)) * 2, value=0)[..., before:, before:]
    found, due = model(x), full[..., :size, :size]
    inner = slice(None) if kernel >= stride else slice(0, -1)
    torch.testing.assert_close(found[..., inner, inner], due[..., inner, inner])


def test_a_copy_that_is_an_output_too_is_no_repeat(torch):  # noqa: F811
    conv = {"out_channels": 3, "kernel_size": 3, "padding": 1, "stride": 2}
    nodes = [Node("a", KINDS["conv"](**conv), (Reference(-1),))]
    nodes += [Node(f"a_{i}", nodes[0].layer, (Reference(i - 2),), shares=0) for i in (2, 3)]
    outputs = tuple(Reference(i) for i in range(3))
    graph = Graph("n", {"x": Shape((3, 32, 32), is_map=True)}, tuple(nodes), outputs, is_written=False)
    check(torch, Network(Made(graph)))
    layers = [
        {"conv": conv, "name": "a"},
        {"conv": conv, "name": "b", "share": "a"},
        {"conv": conv, "name": "c", "share": "a"},
    ]
    check(torch, shapecalc.load({"input": [3, 32, 32], "layers": layers, "outputs": ["a", "b", "c"]}))
