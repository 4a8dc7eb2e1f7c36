"""Composites: their examples, and PyTorch's own transformer layers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sizing import parameters, torch_macs

import shapecalc
from shapecalc.errors import ShapecalcError
from shapecalc.layers.base.layer import KINDS, Composite, Example

COMPOSITES = {kind: cls for kind, cls in KINDS.items() if issubclass(cls, Composite)}
EXAMPLES = [(kind, example) for kind, cls in COMPOSITES.items() for example in cls.examples]


def _report(kind: str, shapes: list[tuple[int, ...]], arguments: dict[str, Any], layout: str = "CHW") -> Any:
    names = [f"in{number}" for number in range(len(shapes))]
    inputs = {name: list(shape) for name, shape in zip(names, shapes, strict=True)}
    layer = {kind: arguments, "from": names, "name": "it"}
    return shapecalc.load({"layout": layout, "inputs": inputs, "layers": [layer]}).infer()


def test_every_composite_has_an_example() -> None:
    assert all(cls.examples for cls in COMPOSITES.values())


@pytest.mark.parametrize(("kind", "example"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_example(kind: str, example: Example) -> None:
    shapes = example.input if isinstance(example.input, list) else [example.input]
    report = _report(kind, shapes, example.arguments, example.layout)
    assert list(report.outputs.values()) == [example.output]
    found = (report.total.params, report.total.macs, report.total.buffers)
    assert found == (example.params, example.macs, example.buffers)


@pytest.mark.parametrize("kind", ["transformer_encoder_layer", "transformer_decoder_layer"])
def test_the_position_of_the_norm_changes_no_count(kind: str) -> None:
    shapes = [(5, 16), (7, 16)][: COMPOSITES[kind].inputs[0]]
    after, before = (_report(kind, shapes, {"d_model": 16, "nhead": 4, "norm_first": first}) for first in (False, True))
    assert after.total == before.total
    assert sorted(row.name for row in after) == sorted(row.name for row in before)
    assert after.rows[-1].kind == "layer_norm"
    assert before.rows[0].kind == "layer_norm"


def test_a_wrong_width_is_rejected() -> None:
    with pytest.raises(ShapecalcError, match="features of the input"):
        _report("transformer_encoder_layer", [(5, 12)], {"d_model": 16, "nhead": 4})


@pytest.mark.torch
def test_transformer_layers_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(11)
    for turn in range(24):
        heads = rng.randint(1, 4)
        width, hidden, bias, first = (
            heads * rng.randint(1, 5),
            rng.randint(1, 20),
            rng.random() < 0.5,
            rng.random() < 0.5,
        )
        rest = {"dim_feedforward": hidden, "bias": bias, "norm_first": first}
        name, kind = (("Encoder", "encoder"), ("Decoder", "decoder"))[turn % 2]
        shapes = [(rng.randint(1, 7), width) for _ in range(1 + turn % 2)]
        module = getattr(torch.nn, f"Transformer{name}Layer")(width, heads, batch_first=True, **rest)
        tensors = [torch.randn(1, *shape) for shape in shapes]
        report = _report(f"transformer_{kind}_layer", shapes, {"d_model": width, "nhead": heads, **rest})
        assert list(report.outputs.values()) == [tuple(module(*tensors).shape[1:])]
        assert report.total.params == parameters(module)
        assert report.total.macs == torch_macs(module, *tensors)
        ours = sorted(sizes for row in report for sizes in row.sizing.weight_shapes.values())
        theirs = sorted(tuple(parameter.shape) for parameter in module.parameters())
        assert ours == theirs or turn % 2  # cross-attention in the decoder has separate projections
