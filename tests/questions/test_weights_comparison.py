"""A checkpoint against a network: the same, missing, extra, of another size, joined, divided, with another prefix."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from crafted_checkpoints import write_gguf, write_safetensors

import shapecalc

CONFIG = Path(__file__).parents[2] / "docs" / "tiny" / "config.json"
SPEC = """
name: small
input: 3x8x8
vars: {classes: 10}
layers:
  - conv: {out_channels: 4, kernel_size: 3}
    name: conv1
  - batch_norm:
    name: bn1
  - flatten
  - linear: classes
    name: fc
"""
Tensors = dict[str, tuple[str, tuple[int, ...]]]


@cache
def network(**variables: Any) -> Any:
    return shapecalc.load(str(CONFIG), vars=variables or None)


@cache
def own_tensors() -> Tensors:
    return {name: ("F32", shape) for name, shape in network().infer().parameter_shapes("library").items()}


def tensors() -> Tensors:
    return dict(own_tensors())


def compared(folder: Path, held: Tensors, net: Any = None) -> Any:
    return (net or network()).compare_weights(write_safetensors(folder / "m.safetensors", held))


def kinds(found: Any) -> list[tuple[str, str, int]]:
    return [(one.kind, one.pattern, len(one.names)) for one in found.mismatches]


def test_the_same(tmp_path: Path) -> None:
    found = compared(tmp_path, tensors())
    assert found.is_same
    assert (found.matching, found.mismatches, found.prefixes, found.notes) == (39, (), ("", ""), ())
    assert str(found).splitlines() == ["m.safetensors against tiny", "", "39 tensors of the same name and size."]


def test_another_size_names_axis_and_variable(tmp_path: Path) -> None:
    found = compared(tmp_path, tensors(), network(vocab=120))
    assert not found.is_same
    assert kinds(found) == [("size", "model.embed_tokens.weight", 1), ("size", "lm_head.weight", 1)]
    assert (found.mismatches[0].found, found.mismatches[0].expected) == ((100, 16), (120, 16))
    assert found.mismatches[0].hint == "axis 0: 100 instead of 120 (vocab)"


def test_missing_and_extra_in_all_layers_are_one_line_each(tmp_path: Path) -> None:
    held = {name: one for name, one in tensors().items() if "o_proj" not in name}
    held.update({f"model.layers.{i}.self_attn.q_norm.weight": ("F32", (4,)) for i in range(4)})
    found = compared(tmp_path, held)
    assert kinds(found) == [
        ("missing", "model.layers.*.self_attn.o_proj.weight", 4), ("extra", "model.layers.*.self_attn.q_norm.weight", 4),
    ]  # fmt: skip
    assert "35 tensors of the same name and size, 4 missing from the checkpoint, 4 extra in the checkpoint." in str(
        found
    )


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    held = tensors()
    held["model.layers.2.mlp.up_projj.weight"] = held.pop("model.layers.2.mlp.up_proj.weight")
    found = compared(tmp_path, held)
    assert found.mismatches[0].hint == "is it model.layers.2.mlp.up_projj.weight?"
    held["model.layers.2.mlp.up_projj.weight"] = ("F32", (1, 1))
    assert compared(tmp_path, held).mismatches[0].hint == ""


def test_transposed(tmp_path: Path) -> None:
    held = {
        name: (kind, shape[::-1]) if "up_proj" in name else (kind, shape) for name, (kind, shape) in tensors().items()
    }
    (found,) = compared(tmp_path, held).mismatches
    assert (found.pattern, len(found.names), found.hint) == ("model.layers.*.mlp.up_proj.weight", 4, "transposed")
    held = {name: (kind, (640,)) if "up_proj" in name else (kind, shape) for name, (kind, shape) in tensors().items()}
    assert compared(tmp_path, held).mismatches[0].hint == "the same elements in other axes"
    held = {name: (kind, (64,)) if "up_proj" in name else (kind, shape) for name, (kind, shape) in tensors().items()}
    assert compared(tmp_path, held).mismatches[0].hint == "1 axes instead of 2"


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "net.a.b."])
def test_another_prefix_is_one_sentence(prefix: str, tmp_path: Path) -> None:
    found = compared(tmp_path, {f"{prefix}{name}": one for name, one in tensors().items()})
    assert (found.mismatches, found.prefixes, found.matching) == ((), (prefix, ""), 39)
    assert not found.is_same
    text = " ".join(str(found).split())
    assert f'Names begin with "{prefix}" in the checkpoint, and not in the network.' in text


def test_a_prefix_and_other_differences(tmp_path: Path) -> None:
    held = {f"module.{name}": one for name, one in tensors().items() if "norm.weight" not in name}
    held["other"] = ("F32", (1,))
    assert kinds(compared(tmp_path, held)) == [
        ("missing", "model.layers.*.input_layernorm.weight", 4),
        ("missing", "model.layers.*.post_attention_layernorm.weight", 4), ("missing", "model.norm.weight", 1),
        ("extra", "other", 1),
    ]  # fmt: skip


def test_a_checkpoint_of_the_base_model_is_no_difference(tmp_path: Path) -> None:
    held = {name.removeprefix("model."): one for name, one in tensors().items()}
    found = compared(tmp_path, held)
    assert found.is_same
    assert found.prefixes == ("", "model.")
    assert found.notes == ('The checkpoint is of the base model: its names are without "model.".',)
    base = tmp_path / "base"
    base.mkdir()
    config = json.loads(CONFIG.read_text("utf-8")) | {"architectures": ["LlamaModel"]}
    (base / "config.json").write_text(json.dumps(config))
    own = {name: one for name, one in tensors().items() if name != "lm_head.weight"}
    assert compared(tmp_path, own, shapecalc.load(str(base))).prefixes == ("model.", "")


def test_joined_and_divided(tmp_path: Path) -> None:
    held = {
        name: one for name, one in tensors().items() if not any(part in name for part in ("q_proj", "k_proj", "v_proj"))
    }
    held.update({f"model.layers.{i}.self_attn.qkv_proj.weight": ("F32", (32, 16)) for i in range(4)})
    (found,) = compared(tmp_path, held).mismatches
    assert (found.kind, found.pattern, len(found.names)) == ("joined", "model.layers.*.self_attn.qkv_proj.weight", 4)
    assert [name.split(".")[4] for name in found.others] == ["q_proj", "k_proj", "v_proj"]
    held["model.layers.0.self_attn.qkv_proj.weight"] = ("F32", (33, 16))
    assert {one.kind for one in compared(tmp_path, held).mismatches} == {"joined", "missing", "extra"}


def test_divided(tmp_path: Path) -> None:
    net = shapecalc.load([{"linear": 12, "name": "b.qkv"}, {"linear": 12, "name": "b.o"}], input=[4])
    held: Tensors = {
        f"b.{n}.{leaf}": ("F32", (4, 4) if leaf == "weight" else (4,)) for n in "qkv" for leaf in ("weight", "bias")
    }
    held.update({"b.o.weight": ("F32", (12, 12)), "b.o.bias": ("F32", (12,))})
    found = compared(tmp_path, held, net)
    assert kinds(found) == [("divided", "b.qkv.weight", 1), ("divided", "b.qkv.bias", 1)]
    assert "b.qkv.weight is in the checkpoint b.q.weight, b.k.weight, b.v.weight." in str(found)


def test_a_tied_head_may_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "tied"
    folder.mkdir()
    config = json.loads(CONFIG.read_text("utf-8")) | {"tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    net = shapecalc.load(str(folder))
    assert compared(tmp_path, tensors(), net).is_same
    held = {name: one for name, one in tensors().items() if name != "lm_head.weight"}
    assert compared(tmp_path, held, net).is_same
    held["lm_head.weight"] = ("F32", (99, 16))
    assert kinds(compared(tmp_path, held, net)) == [("size", "lm_head.weight", 1)]


def test_experts_packed_or_one_by_one(tmp_path: Path) -> None:
    config = {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24, "num_local_experts": 3}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    net = shapecalc.load(str(tmp_path))
    packed = {name: ("F32", shape) for name, shape in net.infer().parameter_shapes("library").items()}
    assert compared(tmp_path, packed, net).is_same
    older: Tensors = {}
    for name, (kind, shape) in packed.items():
        start, found, _ = name.partition("mlp.experts.")
        for expert in range(3) if found else ():
            own = f"{start}block_sparse_moe.experts.{expert}"
            older |= {
                f"{own}.w1.weight": (kind, (24, 16)),
                f"{own}.w3.weight": (kind, (24, 16)),
                f"{own}.w2.weight": (kind, (16, 24)),
            }
        if not found:
            older[name.replace("mlp.gate", "block_sparse_moe.gate")] = kind, shape
    found = compared(tmp_path, older, net)
    assert found.is_same
    assert found.matching == len(older)


def test_a_checkpoint_of_deepseek_with_its_buffers_and_scales(tmp_path: Path) -> None:
    config = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "vocab_size": 50, "hidden_size": 16,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 24,
              "first_k_dense_replace": 1, "n_routed_experts": 4, "num_experts_per_tok": 2,
              "moe_intermediate_size": 8}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    net = shapecalc.load(str(tmp_path))
    held: Tensors = {}
    for name, shape in net.infer().parameter_shapes("library").items():
        held[name] = "F8_E4M3" if name.endswith("proj.weight") else "BF16", shape
        if name.endswith("proj.weight"):
            held[f"{name}_scale_inv"] = "F32", (1, 1)
    held["model.layers.1.mlp.gate.e_score_correction_bias"] = "F32", (4,)
    found = compared(tmp_path, held, net)
    assert found.is_same
    assert shapecalc.weights(tmp_path / "m.safetensors").total.params == net.infer().total.params
    held["model.layers.1.mlp.gate.e_score_correction_bias"] = "F32", (5,)
    assert kinds(compared(tmp_path, held, net)) == [("size", "model.layers.1.mlp.gate.e_score_correction_bias", 1)]


def test_a_packed_checkpoint_is_compared_by_what_it_represents(tmp_path: Path) -> None:
    net = shapecalc.load([{"linear": 16, "name": "fc"}], input=[128])
    held: Tensors = {
        "fc.qweight": ("I32", (16, 16)),
        "fc.qzeros": ("I32", (1, 2)),
        "fc.scales": ("F16", (1, 16)),
        "fc.bias": ("F32", (16,)),
    }
    assert compared(tmp_path, held, net).is_same
    held = {"fc.weight": ("U8", (1024, 1)), "fc.weight.absmax": ("F32", (32,)), "fc.bias": ("F32", (16,))}
    assert compared(tmp_path, held, net).is_same
    held["fc.weight"] = ("U8", (1000, 1))
    assert kinds(compared(tmp_path, held, net)) == [("size", "fc.weight", 1)]


def test_packed_experts_of_gpt_oss_are_transposed(tmp_path: Path) -> None:
    config = {"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"], "vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 1,
              "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 32, "num_local_experts": 2,
              "num_experts_per_tok": 2}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    net = shapecalc.load(str(tmp_path))
    held: Tensors = {}
    for name, shape in net.infer().parameter_shapes("library").items():
        if name.endswith("_proj") and "experts" in name:
            experts, inputs, outputs = shape
            held[f"{name}_blocks"] = "U8", (experts, outputs, inputs // 32, 16)
            held[f"{name}_scales"] = "U8", (experts, outputs, inputs // 32)
        else:
            held[name] = "BF16", shape
    assert compared(tmp_path, held, net).is_same
    held["model.layers.0.mlp.experts.down_proj_blocks"] = "U8", (2, 63, 1, 16)
    held["model.layers.0.mlp.experts.down_proj_scales"] = "U8", (2, 63, 1)
    assert kinds(compared(tmp_path, held, net)) == [("size", "model.layers.0.mlp.experts.down_proj", 1)]


def test_a_specification_by_the_names_of_its_layers(tmp_path: Path) -> None:
    net = shapecalc.load(SPEC)
    held: Tensors = {"conv1.weight": ("F32", (4, 3, 3, 3)), "conv1.bias": ("F32", (4,)), "bn1.weight": ("F32", (4,)),
                     "bn1.bias": ("F32", (4,)), "bn1.running_mean": ("F32", (4,)), "bn1.running_var": ("F32", (4,)),
                     "bn1.num_batches_tracked": ("I64", ()), "fc.weight": ("F32", (10, 144)), "fc.bias": ("F32", (10,))}  # fmt: skip
    assert compared(tmp_path, held, net).is_same
    held["fc.weight"], held["bn1.running_mean"] = ("F32", (1000, 144)), ("F32", (5,))
    found = compared(tmp_path, held, net)
    assert kinds(found) == [("size", "fc.weight", 1), ("size", "bn1.running_mean", 1)]
    assert found.mismatches[0].hint == "axis 0: 1,000 instead of 10 (classes)"


@pytest.mark.slow  # the optimizer imports much of PyTorch
@pytest.mark.torch
def test_a_file_of_pytorch_with_its_state_dict_beside_others(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential()
    for name, module in {
        "conv1": torch.nn.Conv2d(3, 4, 3),
        "bn1": torch.nn.BatchNorm2d(4),
        "fc": torch.nn.Linear(144, 10),
    }.items():
        net.add_module(name, module)
    optimizer = torch.optim.Adam(net.parameters())
    torch.save({"state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}, tmp_path / "m.pt")
    found = shapecalc.load(SPEC).compare_weights(tmp_path / "m.pt")
    assert found.is_same
    assert found.notes == ("Only what the checkpoint has under state_dict was compared.",)
    parallel = {f"module.{name}": value for name, value in net.state_dict().items()}
    for held, notes in (
        (parallel, ()),
        ({"model": parallel, "epoch": 3}, ("Only what the checkpoint has under model was compared.",)),
    ):
        torch.save(held, tmp_path / "m.pt")
        found = shapecalc.load(SPEC).compare_weights(tmp_path / "m.pt")
        assert (found.is_same, found.prefixes, found.mismatches, found.notes) == (False, ("module.", ""), (), notes)


def test_missing_shards_are_said(tmp_path: Path) -> None:
    names = list(tensors())
    for number, own in ((1, names[:20]), (2, names[20:])):
        write_safetensors(
            tmp_path / f"model-0000{number}-of-00002.safetensors", {name: tensors()[name] for name in own}
        )
    assert network().compare_weights(tmp_path).is_same
    (tmp_path / "model-00001-of-00002.safetensors").unlink()
    found = network().compare_weights(tmp_path)
    assert found.notes == ("1 file of the checkpoint is missing: its tensors are missing here too.",)
    assert sum(len(one.names) for one in found.mismatches) == 20


def test_the_answer_in_all_its_forms(tmp_path: Path) -> None:
    found = compared(tmp_path, tensors(), network(vocab=120))
    contract = found.to_dict()
    assert json.loads(found.render("json")) == contract
    assert contract["same"] is False
    assert contract["mismatches"][0] == {
        "kind": "size", "names": ["model.embed_tokens.weight"], "checkpoint_shape": [100, 16], "network_shape": [120, 16],
        "hint": "axis 0: 100 instead of 120 (vocab)",
    }  # fmt: skip
    assert found.render("csv").splitlines()[1] == "size,model.embed_tokens.weight,100x16,120x16"
    assert "| other size | model.embed_tokens.weight | 100×16 | 120×16 |" in found.to_markdown()
    assert "<td" in found.render("html")


def test_names_of_llama_cpp(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"blk.0.attn_q.weight": ("F32", (16, 16))})
    assert network().compare_weights(path).notes == (
        "Names in GGUF are those of llama.cpp: tensors cannot be matched by them.",
    )


def test_very_many_differences_are_fast(tmp_path: Path) -> None:
    held: Tensors = {f"a{i}.{'bcdefgh'[i % 7]}.w{i}": ("F32", (1 + i % 50,)) for i in range(5_000)}
    found = compared(tmp_path, held)
    assert len(found.mismatches) > 5_000
    assert "more lines: all are in JSON and CSV." in str(found)


def adam(torch: Any, held: dict[str, Any]) -> dict[str, Any]:
    """The state of Adam, as `torch.optim.Adam.state_dict()` has it: three tensors a parameter."""
    state = {
        i: {"step": torch.tensor(1.0), "exp_avg": torch.zeros_like(one), "exp_avg_sq": torch.zeros_like(one)}
        for i, one in enumerate(held.values())
    }
    return {"state": state, "param_groups": [{"params": [*state]}]}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("around", "prefix", "optimizer"),
    [
        ("state_dict", "", "optimizer"), ("model_state_dict", "", "optimizer_state_dict"), ("model", "", "optim"),
        ("state_dict", "module.", "optimizer"), ("state_dict", "model.", "optimizer_states"),
    ],
)  # fmt: skip
def test_the_state_of_adam_beside_the_tensors(around: str, prefix: str, optimizer: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    held = {f"{prefix}{name}": torch.zeros(shape) for name, (_, shape) in tensors().items()}
    torch.save({"epoch": 3, optimizer: [adam(torch, held)], around: held}, tmp_path / "m.pt")
    found = network().compare_weights(tmp_path / "m.pt")
    assert (found.matching, found.mismatches, found.prefixes) == (39, (), (prefix, ""))
    assert found.notes == (f"Only what the checkpoint has under {around} was compared.",)
    assert found.is_same == (not prefix)


@pytest.mark.torch
def test_copies_of_tied_tensors_are_no_difference(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    held = {name: torch.zeros(shape) for name, (_, shape) in tensors().items()}
    table = held["model.embed_tokens.weight"]
    first = {"encoder.embed_tokens.weight": table, **held, "decoder.embed_tokens.weight": table}
    torch.save(first, tmp_path / "m.pt")
    found = network().compare_weights(tmp_path / "m.pt")
    assert found.is_same
    assert found.matching == 39
    assert found.notes == ("2 more tensors share their elements with one of the network: tied, and no difference.",)
    torch.save({**held, "tied": table}, tmp_path / "m.pt")
    assert network().compare_weights(tmp_path / "m.pt").notes == (
        "1 more tensor shares its elements with one of the network: tied, and no difference.",
    )
    others = {"part": table[:50], "clone": table.clone(), "new": (new := torch.zeros(3)), "tied_new": new}
    torch.save({**held, **others}, tmp_path / "m.pt")
    found = network().compare_weights(tmp_path / "m.pt")
    assert kinds(found) == [("extra", name, 1) for name in others]
    assert found.notes == ()


def test_a_prefix_is_found_among_many_that_begin_fewer_names(tmp_path: Path) -> None:
    net = shapecalc.load([{"linear": 3, "name": "fc"}], input=[4])
    held: Tensors = {f"part{i}.w": ("F32", (1,)) for i in range(30)}
    held.update({"net.fc.weight": ("F32", (3, 4)), "net.fc.bias": ("F32", (3,))})
    found = compared(tmp_path, held, net)
    assert (found.matching, found.prefixes) == (2, ("net.", ""))


def test_a_specification_has_names_of_its_own(tmp_path: Path) -> None:
    """A checkpoint of transformers against a bundled Llama: most differ, and without a prefix too."""
    found = compared(tmp_path, tensors(), shapecalc.load("llama-3-8b"))
    assert found.prefixes == ("", "")
    assert not found.is_same
    assert ["A specification has names of its own: compare with the config.json" in note for note in found.notes] == [
        True
    ]
    assert not compared(tmp_path, tensors(), network(vocab=120)).notes


def test_names_of_a_specification_that_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    net = shapecalc.load(SPEC)
    held = {f"net.{name}": ("F32", shape) for name, shape in net.infer().parameter_shapes().items()}
    found = compared(tmp_path, held, net)
    assert (found.prefixes, found.notes) == (("net.", ""), ())
    few = dict(list(held.items())[:2])
    assert not compared(tmp_path, few, net).notes, "a part of a checkpoint"
