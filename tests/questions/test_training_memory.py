"""Memory to train: the loss, optimizers, precision, checkpointing, LoRA and several devices."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import shapecalc

LORA = json.loads((Path(__file__).parent.parent / "data" / "lora.json").read_text(encoding="utf-8"))
GIGA = 10**9


def training(net: Any, **options: Any) -> Any:
    """Return what training needs of a network, or of one by its name."""
    network = net if hasattr(net, "memory") else shapecalc.load(net)
    return network.memory(**{"training": True, **options}).training


def stack(layers: int = 2, hidden: int = 64, heads: int = 4, seq: int = 32) -> Any:
    """Return a GPT as in Megatron: LayerNorm, attention and a feed-forward network with GELU, dropout after each."""
    spec = {
        "name": "gpt", "input": [seq],
        "layers": [
            {"embedding": {"num_embeddings": 512, "embedding_dim": hidden}, "name": "embed"},
            {"layer": None, "name": "layers", "repeat": layers}, {"layer_norm": {}}, {"linear": 512, "name": "head"},
        ],
        "blocks": {"layer": {"layers": [
            {"add": [["layer_norm", {"multi_head_attention": {"num_heads": heads, "dropout": 0.1, "is_causal": True}},
                      {"dropout": 0.1}], []]},
            {"add": [["layer_norm", {"feed_forward": {"dim": hidden, "hidden_dim": 4 * hidden, "activation": "gelu"}},
                      {"dropout": 0.1}], []]},
        ]}},
    }  # fmt: skip
    return shapecalc.load(spec)


# The loss.


def test_the_loss_is_cross_entropy_of_the_logits() -> None:
    spec = {"input": [5], "layers": [{"embedding": {"num_embeddings": 7, "embedding_dim": 4}}, {"linear": 7}]}
    found = training(spec, batch=3)
    logits = 3 * 5 * 7 * 4
    assert found.scores == logits
    assert found.loss_saved == logits + 3 * 5 * 8  # the log-softmax, and an int64 for each target
    assert (found.loss, found.at, found.direction) == ("cross_entropy", "the loss", "backward")
    assert found.loss_at_peak == found.loss_saved + logits  # and the gradient of the log-softmax
    assert found.activation_gradients == logits
    without = training(spec, batch=3, loss="none")
    assert (without.loss, without.scores, without.loss_saved, without.loss_at_peak) == ("none", 0, 0, 0)
    assert without.kept == found.kept


def test_the_loss_of_16_bits_has_16_bits() -> None:
    """As `F.cross_entropy` of bf16 (PyTorch 2.13, run): the log-softmax and its gradient are bf16."""
    spec = {"input": [5], "layers": [{"linear": {"out_features": 700, "bias": False}}]}
    found = training(spec, precision="bf16")
    assert (found.scores, found.loss_bits) == (700 * 2, 16)
    assert found.loss_at_peak == (700 * 2 + 8) + 700 * 2
    assert training(spec, precision="amp").loss_at_peak == (700 * 4 + 8) + 2 * 700 * 4  # gradients in fp32, then bf16


@pytest.mark.parametrize(("last", "bits"), [({"linear": 7}, 32), ({"linear": 3}, 16)])
def test_a_decoder_that_scores_words_copies_them_to_fp32(last: Any, bits: int) -> None:
    attention = {"multi_head_attention": {"num_heads": 2, "is_causal": True}}
    spec = {"input": [5], "layers": [{"embedding": {"num_embeddings": 7, "embedding_dim": 4}}, attention, last]}
    assert training(spec, precision="bf16").loss_bits == bits
    text = str(shapecalc.load(spec).memory(training=True, precision="bf16"))
    assert ("as transformers computes that of causal language models" in " ".join(text.split())) == (bits == 32)


@pytest.mark.parametrize("last", ["relu", {"conv": {"out_channels": 2, "kernel_size": 1}}])
def test_what_is_no_score_has_no_loss(last: Any) -> None:
    assert (
        training({"input": "3x4x4", "layers": [{"conv": {"out_channels": 2, "kernel_size": 1}}, last]}).loss == "none"
    )


def test_a_bias_of_tied_scores_does_not_hide_them() -> None:
    layers = [{"embedding": {"num_embeddings": 7, "embedding_dim": 4}, "name": "table"},
              {"linear": {"out_features": 7, "bias": False}, "share": "table"},
              {"add": [[], [{"parameter": [7]}]]}]  # fmt: skip
    assert training({"input": [5], "layers": layers}).scores == 5 * 7 * 4


# Optimizers and precision.

MATRIX = {"input": [100], "layers": [{"linear": {"out_features": 50}}]}
N = 100 * 50 + 50


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [("sgd", 0), ("momentum", 4 * N), ("lion", 4 * N), ("adamw", 8 * N), ("amsgrad", 12 * N),
     ("adafactor", 4 * (100 + 50 + 50)), ("muon", 8 * N),  # of one layer, which is the last, muon is adamw
     ("adam8bit", 2 * (5000 + 4 * 20) + 8 * 50), ("lion8bit", 5000 + 4 * 20 + 4 * 50)],
)  # fmt: skip
def test_the_state_of_an_optimizer(optimizer: str, state: int) -> None:
    """For 8 bits: a byte a value and an fp32 scale for each 256; the 50 biases, fewer than 4,096, keep 32 bits."""
    assert training(MATRIX, optimizer=optimizer).state == state


def test_muon_has_one_value_for_hidden_matrices() -> None:
    spec = {"input": [100], "layers": [{"linear": {"out_features": 50}}, "relu", {"linear": {"out_features": 10}}]}
    assert training(spec, optimizer="muon").state == 4 * (5000 + 2 * (50 + 500 + 10))


@pytest.mark.parametrize(
    ("precision", "weights", "gradients", "state"),
    [("fp32", 4, 4, 8), ("bf16", 2, 2, 4), ("fp16", 2, 2, 4), ("amp", 4, 4, 8), ("mixed", 2, 2, 12)],
)
def test_the_bytes_of_a_parameter(precision: str, weights: int, gradients: int, state: int) -> None:
    """ZeRO's 16 for mixed precision (Rajbhandari et al. 2020); torch.optim's state has the type of the parameters."""
    found = shapecalc.load(MATRIX).memory(precision=precision)
    assert (found.weights, found.training.gradients, found.training.state) == (weights * N, gradients * N, state * N)
    assert found.training.weight_copies == (2 * N if precision == "amp" else 0)


def test_the_state_may_have_other_bits() -> None:
    assert training(MATRIX, precision="bf16", state_bits=32).state == 8 * N
    assert training(MATRIX, state_bits="bf16").state == 4 * N
    assert training(MATRIX, weights=16).state == 4 * N


def test_autocast_copies_a_shared_table_once() -> None:
    layers = [{"embedding": {"num_embeddings": 9, "embedding_dim": 4}, "name": "table"}, {"layer_norm": {}},
              {"linear": {"out_features": 9, "bias": False}, "share": "table"}]  # fmt: skip
    assert training({"input": [5], "layers": layers}, precision="amp").weight_copies == 9 * 4 * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [({"optimizer": "adan"}, "there is no optimizer adan"), ({"precision": "fp64"}, "there is no precision fp64"),
     ({"loss": "mse"}, "there is no loss mse"), ({"attention": "paged"}, "attention cannot be paged"),
     ({"optimizer": "adam8bit", "state_bits": 16}, "adam8bit has a state of 8 bits, not 16"),
     ({"precision": "amp", "weights": 16}, "amp has weights of 32 bits, not 16"),
     ({"precision": "amp", "activations": 16}, "amp chooses the bits of activations itself"),
     ({"precision": "bf16", "mixed_precision": True}, "mixed precision is not bf16"),
     ({"checkpoint": "layers.9"}, "there is no block layers.9 to checkpoint"), ({"checkpoint": 0}, "checkpoint is 0"),
     ({"checkpoint": ","}, "checkpoint is ','"), ({"lora": "targets=head"}, "LoRA has no rank"),
     ({"lora": "rank=-1"}, "the rank of LoRA is '-1'"), ({"lora": "rank=2,targets=nose"}, "LoRA has no target nose"),
     ({"lora": "rank=2,targets="}, "LoRA has no targets"), ({"lora": "rank=2,alpha=3"}, "LoRA has no alpha"),
     ({"lora": "rank=2,dropout=x"}, "the dropout of LoRA is 'x'"), ({"lora": 2.5}, "LoRA is 2.5"),
     ({"zero": 4}, "zero is 4"), ({"devices": 0}, "devices is 0"),
     ({"devices": 6, "tensor": 4}, "6 devices cannot be divided into groups of 4 (tensor)"),
     ({"sequence": True}, "sequence parallelism goes with tensor parallelism"),
     ({"pipeline": 2, "zero": 2}, "stage 2 of ZeRO does not go with a pipeline"),
     ({"pipeline": 3}, "gpt has 2 blocks for 3 stages of a pipeline")],
)  # fmt: skip
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(shapecalc.UsageError) as error:
        stack().memory(**options)
    assert str(error.value).startswith(message)


# Checkpointing.


def test_of_a_checkpointed_block_only_the_input_is_kept() -> None:
    """2·s·b·h bytes a layer, as Korthikanti et al. 2022, section 5, have it for full recomputation."""
    kept = [training(stack(layers), precision="bf16", checkpoint="blocks", batch=3).kept for layers in (2, 4)]
    assert kept[1] - kept[0] == 2 * (2 * 32 * 3 * 64)


def test_several_blocks_are_recomputed_as_one() -> None:
    found = [training(stack(8), precision="bf16", checkpoint=every) for every in (1, 2, 4)]
    assert [each.segments for each in found] == [8, 4, 2]
    inputs = 2 * 32 * 64
    assert found[0].kept - found[1].kept == 4 * inputs
    assert found[1].kept - found[2].kept == 2 * inputs


def test_recomputing_needs_one_segment_at_a_time() -> None:
    """The peak is what is kept, and what one block keeps without checkpointing, and gradients."""
    options = {"loss": "none", "in_place": "none"}
    whole = training(stack(8), **options)
    found = training(stack(8), checkpoint="blocks", **options)
    block = (whole.kept - training(stack(6), **options).kept) // 2
    assert found.kept + block <= found.peak <= found.kept + block + 4 * 4 * 32 * 64 * 4
    assert found.direction in {"backward", "recomputing"}
    assert training(stack(8), checkpoint="layers.7", **options).kept < whole.kept
    assert training(stack(8), checkpoint="layers.*", **options).kept == found.kept
    assert training(stack(8), checkpoint="none", **options) == whole


def test_a_network_without_blocks_has_none_to_checkpoint() -> None:
    with pytest.raises(shapecalc.UsageError, match="AlexNet has no blocks to checkpoint"):
        training("alexnet", checkpoint="blocks")


def test_stages_of_a_pipeline_recompute_blocks_of_their_own() -> None:
    one = training(stack(8), pipeline=2, checkpoint="layers.*", microbatches=1)
    assert one.segments == 4
    assert training(stack(8), pipeline=2, checkpoint="layers.0", microbatches=1).kept > one.kept


def test_a_block_of_one_layer_is_not_checkpointed(tmp_path: Path) -> None:
    """The final norm of Llama is one. PyTorch (gradient_checkpointing_enable) saves 19,440 bytes, 4 of each token more."""
    from record_language_models import TOKENS
    from test_language_model_training import memory

    found = memory("llama", tmp_path, checkpoint="blocks").training
    assert (found.segments, found.kept) == (2, 19_440 - 4 * TOKENS)


@pytest.mark.parametrize(("fields", "kept"), [({}, 15_059_968), ({"hidden_dropout_prob": 0}, 15_059_968 - 5 * 98_304)])
def test_dropout_of_a_config_is_counted(fields: dict[str, Any], kept: int, tmp_path: Path) -> None:
    """BERT-base of 2 layers, 128 tokens: PyTorch's saved tensors for a sample in `.train()`, as on a GPU.

    Recorded as in tests/record_language_models.py; there the mask of a dropout is a byte for each of 128·768 elements.
    """
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "num_hidden_layers": 2, **fields}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = shapecalc.load(tmp_path / "config.json").memory(training=True, vars={"seq": 128}, loss="none").training
    assert found.kept == pytest.approx(kept, rel=0.001)


# LoRA.


@pytest.mark.parametrize("case", LORA["trainable"])
def test_adapters_have_the_parameters_of_peft(case: str) -> None:
    spec, rank, targets = case.split()
    found = training(spec, lora=f"rank={rank},targets={targets}", vars={"seq": 16})
    assert found.trainable == LORA["trainable"][case]
    assert (found.adapters, found.gradients, found.state) == tuple(4 * each * found.trainable for each in (1, 1, 2))


@pytest.mark.parametrize("case", LORA["modules"])
def test_adapters_of_a_config_are_beside_the_modules_of_the_library(case: str, tmp_path: Path) -> None:
    """Queries, keys and values of BERT have three; gate and up of Phi-3 have one; a pattern is a name's end."""
    (tmp_path / "config.json").write_text(json.dumps(LORA["modules"][case]["config"]), encoding="utf-8")
    targets = case.split()[1].split(",")
    found = shapecalc.load(tmp_path / "config.json").memory(lora={"rank": 4, "targets": targets}).training
    assert found.trainable == LORA["modules"][case]["trainable"]


def test_matrices_of_a_layer_that_the_library_has_as_one_have_one_adapter() -> None:
    from shapecalc.model.naming import Naming
    from shapecalc.questions.memory.training.matrices import matrices_of

    layer = {"multi_head_attention": {"num_heads": 4, "num_kv_heads": 2}, "name": "mix"}
    report = shapecalc.load({"input": [8, 64], "layers": [layer]}).infer()
    names = {f"mix.{one}_proj_weight": ("attn.qkv.weight",) for one in "qkv"}
    report.graph = report.graph._replace(naming=Naming(names))
    found = [(m.module, m.projection.in_features, m.projection.out_features) for m in matrices_of(report)[0]]
    assert found == [("attn.qkv", 64, 64 + 2 * 32), ("", 64, 64)]


def test_names_here_are_targets_too_where_the_library_has_others(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}), encoding="utf-8")
    net = shapecalc.load(path)
    assert net.memory(lora="rank=4,targets=in_proj").training.trainable == 12 * 3 * 4 * (768 + 768)
    assert net.memory(lora="rank=4,targets=layer.0.feed_forward.mlp.linear1").training.trainable == 4 * (768 + 3_072)
    assert net.memory(lora="rank=4,targets=layer.3.output.dense").training.trainable == 4 * (768 + 3_072)
    with pytest.raises(shapecalc.UsageError, match="LoRA has no target queri") as caught:
        net.memory(lora="rank=4,targets=queri")
    assert caught.value.problems[0].hint == "did you mean query?"


def test_the_answer_says_where_peft_may_count_others(tmp_path: Path) -> None:
    """Where the names of the library are known and there are no experts, there is nothing to say."""
    bundled = shapecalc.load("gpt2").memory(lora="rank=4,targets=c_attn", vars={"seq": 8}).notes
    assert any("is one matrix here, with one adapter; where a library has it as 3" in note for note in bundled)
    assert not shapecalc.load("gpt2").memory(lora="rank=4,targets=linear1", vars={"seq": 8}).notes
    for kind, name, words in (("bert", "BertModel", ""), ("gpt2", "GPT2LMHeadModel", ""),
                              ("gpt_oss", "GptOssForCausalLM", ""),
                              ("qwen2_moe", "Qwen2MoeForCausalLM", "all-linear adapts experts and routers here")):  # fmt: skip
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"model_type": kind, "architectures": [name]}), encoding="utf-8")
        notes = [note for note in shapecalc.load(path).memory(lora=4).notes if note.startswith("LoRA")]
        assert (len(notes) == 1 and words in notes[0]) if words else not notes


@pytest.mark.parametrize("targets", ["q_proj", "all-linear"])
def test_the_answer_says_that_unused_weights_have_no_adapters(targets: str, tmp_path: Path) -> None:
    """Gemma 3 without an image: its vision transformer is stored. peft 0.21 has 1,792 parameters beside q_proj, run."""
    tower = {"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 2,
             "image_size": 32, "patch_size": 8, "vision_use_head": False}  # fmt: skip
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8, "vocab_size": 100,
            "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    config = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "mm_tokens_per_image": 4,
              "text_config": text, "vision_config": tower}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    net = shapecalc.load(tmp_path / "config.json")
    options = {"training": True, "lora": f"rank=8,targets={targets}"}
    without, seen = net.memory(**options), net.memory(**options, vars={"with_image": True, "seq": 10})
    assert [note for note in without.notes if note.startswith("LoRA")] == [
        "LoRA: modules that are stored and not used (model.vision_tower.encoder.layers.0.self_attn.q_proj) have no "
        "adapters here, but in peft: with the input image they are used, --set with_image=true"
    ]
    assert not [note for note in seen.notes if note.startswith("LoRA")]
    if targets == "q_proj":
        assert (without.training.trainable, seen.training.trainable) == (1024, 1792)
    with pytest.raises(shapecalc.UsageError, match="modules of the target fc1 are stored in the network, and not used"):
        net.memory(training=True, lora="rank=8,targets=fc1")


def test_adapters_of_experts_are_added_to_copies_of_their_weights() -> None:
    spec = {"input": [8, 16], "layers": [{"moe": {"dim": 16, "num_experts": 4, "top_k": 2, "hidden_dim": 32}}] * 2}
    net = shapecalc.load(spec)
    found = net.memory(lora="rank=2,targets=gate_up_proj", precision="bf16").training
    assert found.trainable == 2 * 4 * 2 * (16 + 2 * 32)  # in each layer and expert
    assert found.adapted == 2 * (4 * 2 * 32 * 16) * 2
    assert net.memory(lora="rank=2,targets=w1,w3", precision="bf16").training.trainable == 2 * found.trainable
    for checkpoint, layers in (("moe*", 1), ("moe1", 2), (2, 2)):
        recomputed = net.memory(lora="rank=2,targets=gate_up_proj", precision="bf16", checkpoint=checkpoint).training
        assert recomputed.adapted == layers * (4 * 2 * 32 * 16) * 2
    divided = net.memory(lora="rank=2,targets=gate_up_proj", precision="bf16", expert=4).training
    assert 4 * divided.adapted == found.adapted
    with pytest.raises(
        shapecalc.UsageError, match="w1 and w3 are one tensor in experts, so LoRA adapts both or"
    ) as caught:
        net.memory(lora="rank=2,targets=w1,w2")
    assert caught.value.problems[0].hint == "add w3 to the targets, or use gate_up_proj"
    with pytest.raises(shapecalc.UsageError, match="adapters beside experts have no dropout"):
        net.memory(lora="rank=2,targets=down_proj,dropout=0.1")
    assert not net.memory(lora="rank=2,targets=gate,dropout=0.1").training.adapted


@pytest.mark.parametrize("case", LORA["saved"])
def test_adapters_keep_what_peft_saves(case: str, tmp_path: Path) -> None:
    from test_language_model_training import memory

    kind, rank, targets = case.split()
    found = memory(kind, tmp_path, lora={"r": int(rank), "target_modules": targets.split(",")}).training
    assert found.kept == pytest.approx(LORA["saved"][case], rel=0.03)
    assert found.adapted == pytest.approx(
        LORA["once"].get(case, 0), abs=2_000
    )  # tables of rotations are saved once too


def test_adapters_beside_weights_of_4_bits() -> None:
    """QLoRA (Dettmers et al. 2023): weights at 4 bits, and all that is trained at 16."""
    found = shapecalc.load("llama-2-7b").memory(lora="rank=8,targets=q_proj,v_proj", weights=4, precision="bf16",
                                                vars={"seq": 16})  # fmt: skip
    assert found.weights * 2 == 6_738_415_616
    assert found.training.adapters == 2 * 4_194_304
    assert found.training.state == 4 * 4_194_304


@pytest.mark.parametrize("weights", ["nf4", "q4_k_m", "awq-g128"])
def test_adapters_beside_weights_in_a_named_format(weights: str) -> None:
    """The frozen weights have the bytes that they have when they are served, on several devices a part of them."""
    network = shapecalc.load("llama-3-8b")
    options = {"lora": 16, "precision": "bf16", "vars": {"seq": 64}, "weights": weights}
    served, alone = network.memory(weights=weights).weights, network.memory(**options)
    divided = network.memory(**options, devices=8, zero=3).training
    assert alone.weights == alone.training.weights == served
    assert alone.training.adapters == 2 * alone.training.trainable
    assert divided.weights == pytest.approx(served / 8, abs=len(alone.layers) * 4)
    assert divided.adapters * 8 == alone.training.adapters
    with pytest.raises(shapecalc.UsageError, match="weights in a format of stored weights cannot be trained"):
        network.memory(training=True, weights=weights)


def test_weights_of_different_bits_are_trained_each_with_its_own() -> None:
    found = training(stack(), weights_of=["head=16"])
    bits = {name: 2 if name == "head" else 4 for name in ("head", "others")}
    head, others = 512 * 64 + 512, found.trainable - (512 * 64 + 512)
    assert found.weights == found.gradients == head * bits["head"] + others * bits["others"]


def test_bits_of_the_state_may_be_a_fraction() -> None:
    found = shapecalc.load(MATRIX).memory(training=True, state_bits=4.5)
    assert '"state_bits": 4.5' in json.dumps(found.to_dict())
    assert "keeps its state in 4.5 bits" in found.render(width=100)


def test_mixed_precision_of_adapters_leaves_the_weights_as_they_are() -> None:
    found = stack().memory(lora=4, precision="mixed", weights=4)
    assert (found.widths.weights, found.training.adapters) == (4, 2 * found.training.trainable)


def test_weights_of_few_bits_are_trained_only_beside_adapters() -> None:
    with pytest.raises(shapecalc.UsageError, match="weights of 4 bits cannot be trained"):
        stack().memory(training=True, weights=4)


def test_activations_beside_adapters_have_gradients_too() -> None:
    with pytest.raises(shapecalc.UsageError, match="activations of 4 bits cannot be trained"):
        stack().memory(lora=4, activations=4)


def test_dropout_of_adapters_is_kept() -> None:
    without, with_dropout = (
        training(stack(), lora=f"rank=4,targets=linear1,dropout={p}", loss="none") for p in (0, 0.1)
    )
    assert with_dropout.kept - without.kept == 2 * 32 * 64  # the dropped input in place of it, and a mask of bytes


def test_a_layer_without_adapters_is_frozen() -> None:
    found = training(stack(), lora={"rank": 4, "targets": ["head"]})
    assert found.trainable == 4 * (64 + 512)
    assert found.kept == 32 * 64 * 4 + 32 * 4 * 4  # the input of the head, and the output of A


@pytest.mark.parametrize("options", [{}, {"pipeline": 2, "microbatches": 1}])
def test_a_head_that_shares_the_embedding_has_an_adapter_of_its_own(options: dict[str, Any]) -> None:
    """Rank 8 beside GPT-2's lm_head: peft 0.21 trains 8·(768 + 50,257) parameters."""
    net = shapecalc.load("gpt2")
    found = net.memory(lora="rank=8,targets=lm_head", vars={"seq": 16}, **options).training
    assert found.trainable == 408_200
    both = net.memory(lora="rank=8,targets=lm_head,linear1", vars={"seq": 16}).training
    assert both.trainable == 408_200 + 12 * 8 * (768 + 3_072)


# Several devices.


def test_zero_divides_what_the_paper_says() -> None:
    """Rajbhandari et al. 2020, figure 1: 7.5 billion parameters, 64 devices: 120, 31.4, 16.6 and 1.9 GB."""
    width = 86_600
    net = {"input": [1], "layers": [{"linear": {"out_features": width, "in_features": 1, "bias": False}},
                                    {"linear": {"out_features": width, "bias": False}}]}  # fmt: skip
    sums = []
    for stage in range(4):
        found = shapecalc.load(net).memory(precision="mixed", devices=64, zero=stage, loss="none")
        sums.append((found.weights + found.training.gradients + found.training.state) / GIGA)
    assert [round(each, 1) for each in sums] == [120.0, 31.4, 16.6, 1.9]


def test_zero_3_puts_one_layer_together() -> None:
    """DeepSpeed's estimate (stage3.py) adds 4 bytes for each parameter of the largest layer: 16-bit weight, gradient."""
    found = training(stack(hidden=64), precision="mixed", devices=8, zero=3)
    assert found.gathered == 4 * (512 * 64 + 512)
    assert training(stack(), precision="mixed", devices=8, zero=2).gathered == 0


def kept_by_megatron(**options: Any) -> float:
    """Return the bytes that a layer keeps, over s·b·h, without the statistics of its norms."""
    kept = [training(stack(layers), precision="bf16", batch=3, **options).kept for layers in (2, 4)]
    parts = options.get("tensor", 1) if options.get("sequence") else 1
    return (kept[1] - kept[0]) / 2 / (32 * 3 * 64) - 16 / 64 / parts


SCORES = 5 * 4 * 32 / 64


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_layer_keeps_what_megatron_says(parts: int) -> None:
    """Korthikanti et al. 2022, table 2: sbh(34 + 5as/h); with tensor and with sequence parallelism; selective."""
    assert kept_by_megatron(attention="eager", tensor=parts) == 10 + 24 / parts + SCORES / parts
    sums = 4 * 4 / 64 / parts  # flash attention keeps a sum for each query and head
    assert kept_by_megatron(tensor=parts) == 10 + 24 / parts + sums
    if parts > 1:
        assert kept_by_megatron(attention="eager", tensor=parts, sequence=True) == (34 + SCORES) / parts


@pytest.mark.parametrize(
    ("spec", "tensor", "message", "hint"),
    [("llama-3-8b", 3, "32 heads cannot be divided among 3 devices", "a divisor of 32: 2$"),
     ({"input": [4, 96], "layers": [{"mha": {"num_heads": 12, "num_kv_heads": 4}}]}, 6,
      "4 heads of keys and values cannot be divided among 6 devices", "a divisor of 4: 4, or a multiple of 4$"),
     ("gpt2", 8, "12 heads cannot be divided among 8 devices", "a divisor of 12: 6$")])  # fmt: skip
def test_devices_that_share_a_layer_have_whole_heads(spec: Any, tensor: int, message: str, hint: str) -> None:
    """Megatron-LM: num_attention_heads (and num_query_groups) must be multiples of the tensor parallel size."""
    with pytest.raises(shapecalc.UsageError, match=message) as caught:
        shapecalc.load(spec).memory(tensor=tensor, **({"vars": {"seq": 8}} if isinstance(spec, str) else {}))
    assert re.search(hint, caught.value.problems[0].hint)
    if isinstance(spec, str):  # with adapters too
        with pytest.raises(shapecalc.UsageError, match=message):
            shapecalc.load(spec).memory(tensor=tensor, vars={"seq": 8}, lora=4)


@pytest.mark.parametrize(("tensor", "heads"), [(4, 2), (8, 1), (16, 1), (32, 1)])
def test_heads_of_keys_and_values_are_repeated_on_more_devices(tensor: int, heads: int) -> None:
    """vLLM, layers/linear.py, QKVParallelLinear: a device has (num_heads / tp + 2·max(1, num_kv_heads / tp))·head_size rows."""
    net = shapecalc.load("llama-3-8b")
    found = net.memory(tensor=tensor, vars={"seq": 8}, precision="bf16").training
    queries, feed_forward, vocab = 32 // tensor, 3 * 4096 * 14336 // tensor, 128256 // tensor
    layer = (queries + 2 * heads) * 128 * 4096 + queries * 128 * 4096 + feed_forward + 2 * 4096
    assert found.weights == found.gradients == found.state // 2 == 2 * (32 * layer + 2 * vocab * 4096 + 4096)
    assert found.trainable == 8_030_261_248
    assert found.repeated_heads == (8 if tensor > 8 else 0)


def test_heads_that_are_repeated_are_said_and_have_adapters_and_activations() -> None:
    net = shapecalc.load("llama-3-8b")
    eight, sixteen = (net.memory(tensor=tensor, vars={"seq": 8}, lora="rank=4,targets=k_proj") for tensor in (8, 16))
    trained = 32 * 4 * (4096 + 8 * 128)
    assert eight.training.trainable == sixteen.training.trainable == trained
    assert eight.training.adapters == 4 * trained // 8
    assert sixteen.training.adapters == 4 * 32 * 4 * (4096 // 16 + 128)  # one head on each
    text = " ".join(sixteen.render(width=100).split())
    assert "8 heads of keys and values: on 2 devices each; each device has 1/8 of the cache below." in text
    one = shapecalc.load("falcon-7b").memory(vars={"seq": 8}, tensor=71, context=None).render(width=100)
    assert "1 head of keys and values: on 71 devices." in " ".join(one.split())
    attention = {"multi_head_attention": {"num_heads": 8, "num_kv_heads": 2, "bias": False}}
    kept = [shapecalc.load({"input": [10, 64], "layers": [attention]}).memory(tensor=t).training.kept for t in (2, 4)]
    inputs = 10 * 64 * 4
    assert kept[0] == inputs + 10 * 4 * (2 * 4 * 8 + 2 * 8 + 4)  # queries and output, one head of keys and of values
    assert kept[1] == inputs + 10 * 4 * (2 * 2 * 8 + 2 * 8 + 2)


def test_the_cache_is_not_said_to_be_that_of_one_device() -> None:
    net, said = shapecalc.load("llama-3-8b"), "The cache below is that of all devices which share a sample."
    assert said in " ".join(net.memory(tensor=8, vars={"seq": 8}).render(width=100).split())
    assert said not in " ".join(net.memory(devices=8, zero=3, vars={"seq": 8}).render(width=100).split())
    assert said not in " ".join(shapecalc.load(MATRIX).memory(tensor=2).render(width=100).split())


def test_weights_that_share_a_layer() -> None:
    net, hidden = stack(), 64
    whole = net.memory(training=True).weights
    half = net.memory(tensor=2).weights
    norms, row_biases = 5 * 2 * hidden, 2 * 2 * hidden
    assert half - 4 * (norms + row_biases) == (whole - 4 * (norms + row_biases)) // 2


def test_a_pipeline_has_microbatches_in_flight() -> None:
    """1F1B: the first of p stages has saved the activations of p microbatches (Narayanan et al. 2021)."""
    net = stack(8)
    one = training(net, pipeline=4, microbatches=1)
    four = training(net, pipeline=4, microbatches=8)
    assert four.stage == 0
    assert training(net, pipeline=4).peak == four.peak  # as many microbatches as stages, by default
    block = (training(stack(8)).kept - training(stack(6)).kept) // 2
    assert four.kept == 2 * block + 32 * 4  # two blocks, and the tokens
    assert four.peak > 4 * four.kept
    assert one.peak < four.peak


def test_stages_have_all_weights_together() -> None:
    net = stack(4)
    whole = net.memory(training=True).weights
    stage = net.memory(pipeline=2, microbatches=1)
    assert 0 < stage.weights < whole


def test_a_network_without_experts_has_none_to_divide() -> None:
    with pytest.raises(shapecalc.UsageError, match=r"^gpt has no experts to divide among 4 devices \(expert\)"):
        training(stack(), expert=4, devices=4)
    assert training(stack(), expert=1, devices=4).parallelism.expert == 1


def test_experts_are_divided() -> None:
    spec = {"input": [8, 16], "layers": [{"moe": {"dim": 16, "num_experts": 4, "top_k": 2, "hidden_dim": 32}}]}
    one, shared = (shapecalc.load(spec).memory(devices=4, expert=expert) for expert in (1, 4))
    experts = 4 * 4 * 3 * 16 * 32
    assert one.weights - shared.weights == experts * 3 // 4
    divided = shapecalc.load(spec).memory(devices=4, expert=4, zero=1)  # nothing is left to divide experts by
    assert shared.training.state - divided.training.state == 2 * 4 * 4 * 16 * 3 // 4


@pytest.mark.torch
@pytest.mark.parametrize("optimizer", ["adamw", "adagrad", "amsgrad", "adafactor", "adadelta", "nadam"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_state_is_that_of_torch(optimizer: str, precision: str) -> None:
    torch = pytest.importorskip("torch")
    classes = {"adamw": "AdamW", "adagrad": "Adagrad", "amsgrad": "Adam", "adafactor": "Adafactor",
               "adadelta": "Adadelta", "nadam": "NAdam"}  # fmt: skip
    layer = torch.nn.Linear(100, 50).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    words = {"amsgrad": True} if optimizer == "amsgrad" else {}
    made = getattr(torch.optim, classes[optimizer])(layer.parameters(), **words)
    layer(torch.ones(1, 100, dtype=layer.weight.dtype)).sum().backward()
    made.step()
    tensors = [value for state in made.state.values() for value in state.values() if torch.is_tensor(value)]
    state = sum(tensor.nbytes for tensor in tensors if tensor.numel() > 1)
    assert training(MATRIX, optimizer=optimizer, precision=precision).state == state


def test_limited_scores_are_scores() -> None:
    """Gemma 2: the loss is computed of a tanh of the logits, whose matrix is divided, and has no adapter."""
    layers = [{"embedding": {"num_embeddings": 40, "embedding_dim": 16}}, {"layer_norm": {}}, {"linear": 40}]
    plain, limited = (shapecalc.load({"input": [8], "layers": [*layers, *more]}) for more in ([], [{"softcap": 30}]))
    for options in ({}, {"tensor": 2}):
        before, found = (net.memory(training=True, **options).training for net in (plain, limited))
        assert (found.loss, found.scores, found.loss_saved) == ("cross_entropy", before.scores, before.loss_saved)
        assert (found.weights, found.trainable) == (before.weights, before.trainable)
        assert found.kept - before.kept == 8 * 40 * 4 // (2 if "tensor" in options else 1)  # the tanh
    with pytest.raises(shapecalc.UsageError, match="has no matrix that LoRA can adapt"):
        limited.memory(lora=2)


def test_latents_are_normalised_in_fp32() -> None:
    latent = {"num_heads": 2, "kv_lora_rank": 10, "qk_nope_head_dim": 6, "qk_rope_head_dim": 2, "v_head_dim": 8}
    fused, upcast = (
        training({"input": [9, 16], "layers": [{"mla": {**latent, "norm_implementation": name}}]}, precision="bf16")
        for name in ("fused", "upcast")
    )
    assert upcast.kept - fused.kept == 9 * (10 * 4 - (10 + 2) * 2)  # a copy, in place of a part of a wider tensor


@pytest.mark.parametrize("layer", ["dropout", "stochastic_depth"])
@pytest.mark.parametrize(("p", "outputs"), [(0, 0), (1, 1)])
def test_dropout_of_nothing_returns_its_input(layer: str, p: float, outputs: int) -> None:
    """PyTorch 2.13, run: `F.dropout(relu(x), 0)` saves nothing more; with 1 the next layer saves its output."""
    layers = [{"linear": 512}, "relu", {layer: {"p": p, **({"mode": "batch"} if layer != "dropout" else {})}}]
    spec = {"input": [128, 128], "layers": [*layers, {"linear": 128}]}
    assert training(spec).kept == 4 * 128 * (128 + 512 + outputs * 512)
