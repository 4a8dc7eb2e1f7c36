"""What a checkpoint holds: packed weights, modules, sums; and how it differs from a network."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from crafted_checkpoints import write_gguf, write_safetensors

import shapecalc
from shapecalc.checkpoints import StoredTensor
from shapecalc.questions.weights.modules import lines_of, tree_of
from shapecalc.questions.weights.packing import unpacked

if TYPE_CHECKING:
    from pathlib import Path

Tensors = dict[str, tuple[str, tuple[int, ...]]]


def held(folder: Path, tensors: Tensors) -> Any:
    return shapecalc.weights(write_safetensors(folder / "m.safetensors", tensors))


# A linear layer of 4,096 → 11,008 features in groups of 128, as each library writes it. Bits are those that the libraries
# and papers state: 4.25 with zero points of 4 bits and scales of 16 (GPTQ, AWQ: 4 + (16 + 4) / 128 = 4.156), 4.127 for NF4
# with double quantisation (QLoRA, section 3: 0.127 bits a parameter), 4.25 for MXFP4 (4 + 8 / 32).
PACKED: dict[str, tuple[Tensors, str, tuple[int, ...] | None, float]] = {
    "GPTQ": (
        {"l.qweight": ("I32", (512, 11008)), "l.qzeros": ("I32", (32, 1376)), "l.scales": ("F16", (32, 11008)),
         "l.g_idx": ("I32", (4096,))}, "GPTQ-4", (11008, 4096), 4.159157,
    ),
    "GPTQ of 8 bits": (
        {"l.qweight": ("I32", (1024, 11008)), "l.qzeros": ("I32", (32, 2752)), "l.scales": ("F16", (32, 11008))},
        "GPTQ-8", (11008, 4096), 8.1875,
    ),
    "GPTQ of 3 bits": (
        {"l.qweight": ("I32", (384, 11008)), "l.qzeros": ("I32", (32, 1032)), "l.scales": ("F16", (32, 11008))},
        "GPTQ-3", (11008, 4096), 3.148438,
    ),
    "AWQ": (
        {"l.qweight": ("I32", (4096, 1376)), "l.qzeros": ("I32", (32, 1376)), "l.scales": ("F16", (32, 11008))},
        "AWQ-4", (11008, 4096), 4.15625,
    ),
    "NF4": (
        {"l.weight": ("U8", (22544384, 1)), "l.weight.absmax": ("U8", (704512,)), "l.weight.quant_map": ("F32", (16,)),
         "l.weight.nested_absmax": ("F32", (2752,)), "l.weight.nested_quant_map": ("F32", (256,)),
         "l.weight.quant_state.bitsandbytes__nf4": ("U8", (88,))}, "NF4", None, 4.127162,
    ),
    "int8": (
        {"l.weight": ("I8", (11008, 4096)), "l.SCB": ("F32", (11008,)), "l.weight_format": ("U8", ())},
        "I8", (11008, 4096), 8.007813,
    ),
    "MXFP4": (
        {"e.gate_up_proj_blocks": ("U8", (2, 64, 90, 16)), "e.gate_up_proj_scales": ("U8", (2, 64, 90))},
        "MXFP4", (2, 64, 2880), 4.25,
    ),
    "fp8": (
        {"l.weight": ("F8_E4M3", (256, 384)), "l.weight_scale_inv": ("F32", (2, 3))}, "F8_E4M3", (256, 384), 8.001953,
    ),
    "fp8 of a tensor": (
        {"l.weight": ("F8_E4M3", (8, 4)), "l.weight_scale": ("F32", ()), "l.input_scale": ("F32", ())},
        "F8_E4M3", (8, 4), 10.0,
    ),
    "fp8 of ComfyUI": (
        {"l.weight": ("F8_E4M3", (8, 4)), "l.scale_weight": ("F32", ())}, "F8_E4M3", (8, 4), 9.0,
    ),
    "compressed-tensors": (
        {"l.weight_packed": ("I32", (64, 16)), "l.weight_scale": ("BF16", (64, 1)), "l.weight_shape": ("I64", (2,))},
        "INT4", (64, 128), 4.140625,
    ),
    "NVFP4": (
        {"l.weight_packed": ("U8", (64, 64)), "l.weight_scale": ("F8_E4M3", (64, 8)), "l.weight_global_scale": ("F32", (1,))},
        "NVFP4", (64, 128), 4.503906,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PACKED)
def test_packed_weights(case: str, tmp_path: Path) -> None:
    tensors, dtype, shape, bits = PACKED[case]
    found = held(tmp_path, {**tensors, "other.weight": ("F32", (3,))})
    weight, other = found.weights
    params = 11008 * 4096 if shape is None else weight.params
    assert (weight.dtype, weight.shape, weight.params) == (dtype, shape, params)
    assert weight.tensors == len(tensors)
    assert weight.represents == ("e.gate_up_proj" if case == "MXFP4" else "l.weight")
    kind = next(kind for kind in found.types if kind.dtype == dtype)
    assert round(kind.bits, 6) == bits
    assert (other.params, other.overhead, found.total.tensors) == (3, 0, len(tensors) + 1)


@pytest.mark.parametrize(
    "tensors",
    [
        {"l.qweight": ("I32", (4, 8))},
        {"l.qweight": ("I32", (4, 8)), "l.scales": ("F16", (0, 0))},
        {"l.qweight": ("I32", (4,)), "l.scales": ("F16", (8,))},
        {"l.qweight": ("I32", (4, 8)), "l.scales": ("F16", (1, 900))},
        {"e_blocks": ("U8", (4, 2)), "e_scales": ("U8", (5,))},
        {"e_blocks": ("U8", (4,)), "e_scales": ("U8", ())},
        {"e_blocks": ("U8", (4, 2)), "f": ("U8", (4, 2)), "f_scales": ("U8", (4,))},
        {"l.weight": ("BF16", (4, 2)), "l.weight_scale": ("F32", ())},
        {"l.weight": ("F32", (4, 2)), "l.weight.absmax": ("F32", (4,))},
        {"qweight": ("I32", (1, 1)), "scales": ("F16", (1, 4_000))},
    ],
)
def test_what_only_looks_packed_is_what_it_is(tensors: Tensors, tmp_path: Path) -> None:
    found = held(tmp_path, tensors)
    assert [(weight.name, weight.shape) for weight in found.weights] == [(n, s) for n, (_, s) in tensors.items()]
    assert not found.total.is_packed


def test_types_of_gguf_have_their_scales_within(tmp_path: Path) -> None:
    found = shapecalc.weights(write_gguf(tmp_path / "m.gguf", {"a": ("Q4_K", (2, 256)), "b": ("I32", (4,))}))
    assert [(kind.dtype, kind.params, kind.bits) for kind in found.types] == [("Q4_K", 512, 4.5), ("I32", 0, 0.0)]
    assert found.total.is_packed


def test_what_is_no_parameter(tmp_path: Path) -> None:
    tensors: Tensors = {"bn.weight": ("F32", (4,)), "bn.running_mean": ("F32", (4,)), "bn.num_batches_tracked": ("I64", ()),
                        "rotary.inv_freq": ("F32", (8,)), "h.attn.bias": ("F32", (9,)), "attn.bias": ("F32", (9,)),
                        "my_running_mean": ("F32", (5,)), "running_mean": ("F32", (5,)), "mask": ("BOOL", (2,))}  # fmt: skip
    found = held(tmp_path, tensors)
    assert {weight.name for weight in found.weights if weight.params} == {"bn.weight", "my_running_mean"}
    assert found.total.params == 9
    assert found.total.bytes == 16 + 16 + 8 + 32 + 36 + 36 + 20 + 20 + 2
    assert found.total.bits == 32


def test_the_state_of_an_optimizer_is_no_parameter() -> None:
    tensors = [
        StoredTensor(name, "F32", (2,), 2, 8) for name in ("state_dict.w", "optimizer.state.0.exp_avg", "optim.w")
    ]
    assert [weight.params for weight in unpacked(tensors, ["state_dict", "optimizer", "optimizer.state"])] == [2, 0, 2]
    assert [weight.params for weight in unpacked(tensors)] == [2, 2, 2]


def test_names_that_no_utf8_has() -> None:  # a pickle may have any
    tensors = [StoredTensor(f"\ud800.{name}", "F32", (2,), 2, 8) for name in ("running_mean", "weight")]
    assert [weight.params for weight in unpacked(tensors)] == [0, 2]


# ---- modules ---------------------------------------------------------------------------------------------------------


def weight(name: str, *shape: int) -> StoredTensor:
    count = 1
    for size in shape:
        count *= size
    return StoredTensor(name, "F32", shape, count, 4 * count)


def shown(weights: list[StoredTensor], depth: int | None, *, folds: bool = True) -> list[tuple[str, int, int]]:
    return [(line.name, line.copies, line.params) for line in lines_of(tree_of(weights, folds=folds), depth)]


STACK = [weight("model.embed.weight", 5, 2), *[weight(f"model.layers.{i}.{part}.weight", 2, 2)
         for i in (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9) for part in ("a", "b")], weight("head.weight", 3)]  # fmt: skip


def test_blocks_that_are_alike_are_one_line() -> None:
    assert shown(STACK, 1) == [("model.embed.weight", 1, 10), ("model.layers.0–11", 12, 96), ("head.weight", 1, 3)]
    assert shown(STACK, None)[1:3] == [("model.layers.0–11.a.weight", 12, 48), ("model.layers.0–11.b.weight", 12, 48)]


def test_blocks_that_are_alike_but_for_the_order_of_their_weights_are_one_line() -> None:
    weights = [weight(name, size) for name, size in (("m.0.a", 2), ("m.0.b", 3), ("m.1.b", 3), ("m.1.a", 2))]
    assert shown(weights, 1) == [("m.0–1", 2, 10)]


def test_a_block_that_differs_divides_the_run() -> None:
    for changed in (weight("model.layers.3.b.weight", 4, 1), weight("model.layers.3.b.weight", 4)):
        others = [changed if one.name == changed.name else one for one in STACK]
        assert [line[:2] for line in shown(others, 1)][1:4] == [
            ("model.layers.0–2", 3), ("model.layers.3", 1), ("model.layers.4–11", 8),
        ]  # fmt: skip
    gap = [one for one in STACK if ".3." not in one.name]
    assert [line[0] for line in shown(gap, 1)][1:3] == ["model.layers.0–2", "model.layers.4–11"]


def test_without_folding_each_is_a_line_in_the_order_of_numbers() -> None:
    assert [line[0] for line in shown(STACK, 1, folds=False)][1:-1] == [f"model.layers.{i}" for i in range(12)]


@pytest.mark.parametrize("depth", [1, 2, 3, None])
@pytest.mark.parametrize("folds", [True, False])
def test_lines_add_up_at_any_depth(depth: int | None, folds: bool) -> None:
    names = [
        "a",
        "a.b",
        "a.b.c",
        "a.0.b",
        "a.1.b",
        "x..y",
        "",
        ".",
        "a.0",
        "m.0.e.0.w",
        "m.0.e.1.w",
        "m.1.e.0.w",
        "m.1.e.1.w",
    ]
    weights = [weight(name, 1 + i % 3) for i, name in enumerate(names)]
    lines = list(lines_of(tree_of(weights, folds=folds), depth))
    assert sum(line.params for line in lines) == sum(one.params for one in weights)
    assert sum(line.weights for line in lines) == len(names)


def test_experts_within_layers() -> None:
    weights = [weight(f"m.{i}.e.{j}.w", 2) for i in range(3) for j in range(4)]
    assert shown(weights, 1) == [("m.0–2", 3, 24)]
    assert shown(weights, 2) == [("m.0–2.e.0–3.w", 12, 24)]


def test_members_are_the_same_in_any_order_of_the_names() -> None:
    names = [
        "l.1.a",
        "l.1.b",
        "l.1.",
        "l.1",
        "l.10.a",
        "l.2.a",
        "12.w",
        "12.0.w",
        "\nx",
        "m.w",
        "m.v",
        ".1.x",
        "l.1.0.w",
        "l.",
        "l..w",
    ]
    draw = random.Random(3)
    found = set()
    for _ in range(200):
        draw.shuffle(names)
        lines = [(depth, shown([weight(name, 1) for name in names], depth, folds=False)) for depth in (1, 2, None)]
        found.add(tuple((depth, line) for depth, one in lines for line in sorted(one)))
    assert len(found) == 1
    assert len([line for depth, line in found.pop() if depth is None]) == len(names)


def test_names_of_very_many_parts() -> None:
    weights = [weight("a." * 100_000 + "w", 2), weight("a." * 100_000 + "v", 2), weight("a.b." + "9" * 10_000, 1)]
    assert sum(line[2] for line in shown(weights, None)) == 5


def test_deeper_has_no_fewer_lines() -> None:
    counts = [len(shown(STACK, depth)) for depth in (1, 2, 3, 4, None)]
    assert all(first <= second for first, second in pairwise(counts))


# ---- the answer ------------------------------------------------------------------------------------------------------


def test_the_answer_in_all_its_forms(tmp_path: Path) -> None:
    found = held(tmp_path, {"a.0.w": ("F32", (2, 3)), "a.1.w": ("F32", (2, 3)), "b": ("BF16", (4,))})
    assert json.loads(found.render("json")) == found.to_dict()
    assert found.to_dict()["total"] == {
        "tensors": 3, "params": 16, "bytes": 56, "overhead": 0, "bits_per_param": 28.0,
    }  # fmt: skip
    assert found.to_dict()["tensors"][0] == {
        "name": "a.0.w", "dtype": "F32", "shape": [2, 3], "params": 6, "bytes": 24, "overhead": 0, "tensors": 1,
    }  # fmt: skip
    assert found.render("csv").splitlines() == [
        "name,dtype,shape,params,bytes,overhead,tensors,shares", "a.0.w,F32,2x3,6,24,0,1,", "a.1.w,F32,2x3,6,24,0,1,",
        "b,BF16,4,4,8,0,1,",
    ]  # fmt: skip
    assert "| a.0–1.w ×2 | F32 | 2×3 | 12 | 48 B |" in found.to_markdown()
    assert "<td" in found._repr_html_()
    assert "a.0–1.w ×2" in str(found)
    assert repr(found) == "<Weights of m.safetensors: print() shows it>"


def test_a_data_frame(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    frame = held(tmp_path, {"a": ("F32", (2, 3)), "b": ("BF16", (4,))}).to_dataframe()
    assert list(frame["params"]) == [6, 4]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"depth": 0}, "depth is 0"), ({"depth": "two"}, "depth is two"), ({"x": 1}, "no such option")],
)
def test_wrong_options(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(shapecalc.UsageError, match=words):
        held(tmp_path, {"a": ("F32", (2,))}).render(**options)


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(shapecalc.UsageError, match="there is no format pdf"):
        held(tmp_path, {"a": ("F32", (2,))}).render("pdf")
    with pytest.raises(shapecalc.UsageError, match="the path must be a path, not 3"):
        shapecalc.weights(3)
    assert shapecalc.weights(tmp_path / "m.safetensors").total.params == 2


def test_an_empty_checkpoint(tmp_path: Path) -> None:
    found = held(tmp_path, {})
    assert found.total.params == 0
    assert "0 tensors" in str(found)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # quantised tensors are on their way out
def test_quantised_tensors_of_pytorch_have_parameters_and_an_empty_dict_has_none(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    kinds = {"QI8": torch.qint8, "QU8": torch.quint8, "QI32": torch.qint32}
    held = {name: torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, kind) for name, kind in kinds.items()}
    torch.save(held, tmp_path / "m.pt")
    found = shapecalc.weights(tmp_path / "m.pt")
    assert [(one.name, one.dtype, one.params, one.bytes) for one in found.weights] == [
        ("QI8", "QI8", 6, 6), ("QU8", "QU8", 6, 6), ("QI32", "QI32", 6, 24),
    ]  # fmt: skip
    torch.save({}, tmp_path / "m.pt")
    text = str(shapecalc.weights(tmp_path / "m.pt"))
    assert text.splitlines() == ["m.pt · PyTorch · 0 tensors", "", "It holds no tensors."]
