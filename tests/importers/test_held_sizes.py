"""Inputs of which stored weights fix some sizes: these are held in questions about the others."""

from __future__ import annotations

import json

import pytest

import shapecalc
from shapecalc.errors import UsageError


def two_inputs(tmp_path):
    """A Keras model of an image and of five features, as Keras 3 writes it."""

    def one(kind, name, inbound=(), **config):
        keras = {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "name": name}
        tensors = [{"class_name": "__keras_tensor__", "config": {"shape": None, "dtype": "float32",
                    "keras_history": [of, 0, 0]}} for of in inbound]  # fmt: skip
        args = [tensors if len(tensors) > 1 else tensors[0]] if tensors else []
        nodes = [{"args": args, "kwargs": {}}] if inbound else []
        return {**keras, "inbound_nodes": nodes}

    layers = [
        one("InputLayer", "img", batch_shape=[None, 32, 32, 3]),
        one("InputLayer", "meta", batch_shape=[None, 5]),
        one("Conv2D", "conv", ["img"], filters=8, kernel_size=[3, 3], strides=[2, 2]),
        one("GlobalAveragePooling2D", "mean", ["conv"]),
        {**one("Dense", "of_meta", ["meta"], units=8), "build_config": {"input_shape": [None, 5]}},
        one("Concatenate", "cat", ["mean", "of_meta"], axis=-1),
        one("Dense", "c", ["cat"], units=3),
    ]
    config = {"name": "net", "layers": layers, "input_layers": [["img", 0, 0], ["meta", 0, 0]],
              "output_layers": [["c", 0, 0]]}  # fmt: skip
    file = tmp_path / "net.json"
    file.write_text(json.dumps({"module": "keras", "class_name": "Functional", "config": config}))
    return file


def test_an_input_that_weights_fix_is_held(tmp_path):
    """Computed by hand: 8 filters of 3×3×3 at stride 2, and matrices of 5×8 and 16×3."""
    network = shapecalc.load(two_inputs(tmp_path))
    formula = network.formula()
    note = "the size 5 of meta is held: of_meta is right for it only"
    assert formula.written("text")["params"] == "323"
    assert formula.written("text")["macs"] == "216·⌊(H − 1)/2⌋·⌊(W − 1)/2⌋ + 88"
    assert [symbol.name for symbol in formula.symbols] == ["H", "W"]
    assert formula.notes[-1] == note
    assert network.formula("H", what="params").written("text") == {"params": "323"}
    sizes = network.legal_sizes()
    assert [(entry.inputs, entry.axes, entry.legal.smallest) for entry in sizes.axes] == [
        (("img",), ("height", "width"), 3)
    ]
    assert sizes.notes[-1] == note
    fits = shapecalc.solve(two_inputs(tmp_path), find={"input": range(8, 65, 8)}, macs=20_000)
    assert [dict(one.settings)["input"] for one in fits.solutions] == [16, 8]


torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.export import Dim  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402


def exported(module, example, dynamic=None):
    program = torch.export.export(module.eval(), (example,), dynamic_shapes=dynamic)
    return shapecalc.from_torch(program, tuple(example.shape[1:]))


class Lines(nn.Module):
    """A network that reads lines of text: the height is fixed by the weights of a linear layer, the width is free."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4 * 16, 8)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1, 2).transpose(1, 2)).relu()


@pytest.mark.torch
def test_one_axis_of_an_image_is_held():
    module = Lines()
    formula = exported(module, torch.zeros(2, 1, 16, 24), dynamic=({0: Dim.AUTO, 3: Dim.AUTO},)).formula(what="macs")
    assert [symbol.name for symbol in formula.symbols] == ["W"]
    assert "the size 16 of x is held: fc is right for it only" in formula.notes
    for width in (24, 56):
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 1, 16, width))
        macs = formula.formulas["macs"]
        (symbol,) = macs.free_symbols
        assert macs.subs(symbol, width) == counter.get_total_flops() // 2


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.pos = nn.Conv2d(3, 8, 8, 8), nn.Parameter(torch.zeros(1, 16, 8))

    def forward(self, x):
        return self.conv(x).flatten(2).transpose(1, 2).add(self.pos).relu()


@pytest.mark.torch
@pytest.mark.parametrize("dynamic", [None, ({2: Dim.AUTO, 3: Dim.AUTO},)])
@pytest.mark.parametrize(
    ("module", "layer"),
    [(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 5), nn.ReLU()), "2"), (Patches(), "add")],
)
def test_where_weights_fix_every_size_the_reason_is_named(module, layer, dynamic):
    """The hint on how to export for other sizes would not help: with it, the weights are the same."""
    network = exported(module, torch.zeros(1, 3, 32, 32), dynamic=dynamic)
    with pytest.raises(UsageError) as caught:
        network.formula()
    (problem,) = caught.value.problems
    assert problem.message == f"{layer} of program has weights that are right for one size of the input only"
    assert (
        problem.hint == "convert --to yaml writes a specification, in which the sizes of weights follow from the input"
    )
    assert shapecalc.load(network.convert("yaml")).formula(what="params").formulas


@pytest.mark.torch
def test_weights_that_are_computed_of_weights_fit_any_size():
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv1d(6, 8, 3)), nn.ReLU())
    formula = exported(module, torch.zeros(1, 6, 40)).formula()
    assert formula.written("text")["macs"] == "144·L − 288"
    assert formula.written("text")["params"] == str(sum(one.numel() for one in module.parameters()))
