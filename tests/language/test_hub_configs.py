"""Files as the hub has them: fields left out, fields of older versions, objects within them, against transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_configs import CLASSES, PARTLY_COUNTED
from record_hub_configs import record
from record_parameter_shapes import expanded
from searching import some

import shapecalc
from shapecalc.model.naming import library_shapes

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "hub_configs.json").read_text("utf-8"))["models"]


def written(folder: Path, config: Any) -> str:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


ALWAYS = ("qwen3-next-80b", "gpt2-double-heads", "bart-decoder", "whisper-decoder", "whisper-audio-weighted",
          "wav2vec2-superb-sv", "gemma-3-4b", "mamba-with-intermediate-size", "resnet-18", "siglip-so400m-384")  # fmt: skip
"""Of what no other record has the like."""
ORDERED = sorted(RECORDED, key=lambda model: model["name"] not in ALWAYS)


@pytest.mark.parametrize("model", [*ORDERED[: len(ALWAYS)], *some(ORDERED[len(ALWAYS) :], 30)], ids=lambda m: m["name"])
def test_a_file_of_the_hub_is_what_transformers_builds_of_it(model: dict[str, Any], tmp_path: Path) -> None:
    net, inputs = shapecalc.load(written(tmp_path, model["config"])), model.get("inputs") or {}
    only = next(iter(inputs.values()), None)
    report = net.infer(input=inputs if len(inputs) > 1 else only, layout="CHW")
    assert report.total.params == model["params"]
    assert report.parameter_shapes("library") == expanded(model["shapes"])
    if model["config"]["model_type"] not in PARTLY_COUNTED:
        assert report.total.macs == model.get("macs", report.total.macs)
    if report.graph.outputs and model["name"].partition("-")[0] not in ("clip", "siglip", "siglip2"):  # no axes
        assert list(next(iter(report.outputs.values()))) == model.get("output", [*next(iter(report.outputs.values()))])


def test_every_model_of_the_record_has_its_own_name_and_most_have_macs() -> None:
    assert len({model["name"] for model in RECORDED}) == len(RECORDED) > 100
    assert sum("macs" in model for model in RECORDED) > 90


@pytest.mark.elsewhere
def test_the_record_is_that_of_the_installed_transformers() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert record("gemma")["models"] == [model for model in RECORDED if "gemma" in model["name"]]


TOWER = {"model_type": "siglip_vision_model", "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 32, "patch_size": 8, "vision_use_head": False}  # fmt: skip
TEXT = {"model_type": "gemma3_text", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "sliding_window": 8}  # fmt: skip
GEMMA3 = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "mm_tokens_per_image": 4,
          "text_config": TEXT, "vision_config": TOWER}  # fmt: skip


def test_an_image_has_the_places_of_tokens(tmp_path: Path) -> None:
    """428,800 MACs are those of transformers 5.24 for 10 tokens, of which 4 are the image's (CPU, FlopCounterMode / 2)."""
    net = shapecalc.load(written(tmp_path, GEMMA3))
    seen, text = net.infer(vars={"with_image": True, "seq": 10}), net.infer(vars={"seq": 10})
    assert (seen.total.macs, list(seen.outputs.values())) == (428_800, [(10, 100)])
    assert seen.total.params == text.total.params
    assert seen.parameter_shapes("library") == text.parameter_shapes("library")
    assert list(seen.graph.inputs) == ["text", "image"]
    assert list(text.graph.inputs) == ["text"]
    with pytest.raises(shapecalc.ShapeError, match=r"start of the slice \(=4\) must be less than its end \(=3\)"):
        net.infer(vars={"with_image": True, "seq": 3})


def test_without_an_image_its_weights_are_stored_and_not_read(tmp_path: Path) -> None:
    whole = shapecalc.load(written(tmp_path, GEMMA3))
    alone = shapecalc.load(written(tmp_path, {**GEMMA3, "architectures": ["Gemma3ForCausalLM"]}))
    assert alone.infer().total.macs == whole.infer().total.macs
    assert alone.infer().total.params < whole.infer().total.params
    names = alone.infer().parameter_shapes("library")
    assert names == shapecalc.load(
        written(tmp_path, {**TEXT, "architectures": ["Gemma3ForCausalLM"]})
    ).infer().parameter_shapes("library")
    bytes_read = [net.speed("h100", context=100).decoding.weights for net in (whole, alone)]
    assert bytes_read[0] == bytes_read[1]


def test_an_image_does_not_limit_the_context(tmp_path: Path) -> None:
    """Its table of positions has 16 rows, and is none of the text's."""
    net = shapecalc.load(written(tmp_path, GEMMA3))
    assert net.memory(context=1000, vars={"with_image": True, "seq": 10}).context.tokens == 1000


WRONG = {
    "another tower": ({**GEMMA3, "vision_config": {**TOWER, "model_type": "clip_vision_model"}},
                      'model_type is "clip_vision_model": it must be another word'),
    "no object": ({**GEMMA3, "text_config": 3}, "text_config is 3: it must be an object of fields"),
    "within": ({**GEMMA3, "text_config": {**TEXT, "vocab_size": -1}}, "vocab_size is -1: it must be a whole number"),
    "no tokens": ({**GEMMA3, "mm_tokens_per_image": 0}, "mm_tokens_per_image is 0: mm_tokens_per_image > 0 must hold"),
    "the tower as a type": ({**TOWER, "model_type": "_vision_tower"}, "model_type _vision_tower is not known"),
    "attention to a source": ({"model_type": "gpt2", "add_cross_attention": True}, "add_cross_attention is true: not add"),
    "an activation with weights": ({"model_type": "llama", "hidden_act": "xielu"}, 'hidden_act is "xielu": it must be'),
    "lists of another length": ({"model_type": "wav2vec2", "tdnn_kernel": [5]}, "tdnn_kernel is [5]: len(tdnn_kernel)"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str, tmp_path: Path) -> None:
    config, message = WRONG[name]
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(written(tmp_path, config)).infer()
    assert message in str(caught.value)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_weighted_sum_has_one_weight_for_each_layer_and_its_input(layers: int, tmp_path: Path) -> None:
    config = {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForSequenceClassification"], "hidden_size": 32,
              "num_attention_heads": 4, "intermediate_size": 48, "num_hidden_layers": layers, "conv_dim": [8],
              "conv_stride": [5], "conv_kernel": [10], "num_conv_pos_embedding_groups": 4}  # fmt: skip
    plain, weighted = (
        shapecalc.load(written(tmp_path, {**config, "use_weighted_layer_sum": has})).infer() for has in (False, True)
    )
    assert weighted.total.params - plain.total.params == layers + 1
    assert weighted.parameter_shapes("library")["layer_weights"] == (layers + 1,)


def test_classes_of_the_record_are_known_beside_those_of_the_other() -> None:
    assert {"GPT2DoubleHeadsModel", "BartForCausalLM", "WhisperForCausalLM", "Wav2Vec2ForXVector"} <= {
        name for model in RECORDED for name in model["config"]["architectures"]
    } - {name for names in CLASSES.values() for name in names}


@pytest.mark.parametrize(
    ("fields", "activation"),
    [
        ({"feed_forward_proj": "gated-gelu"}, "gelu_new"),  # as T5Config has it, whatever the word says
        ({"feed_forward_proj": "gated-silu"}, "silu"),
        ({"is_gated_act": True}, "relu"),
    ],
)
def test_the_gates_of_t5(fields: dict[str, Any], activation: str, tmp_path: Path) -> None:
    report = shapecalc.load(written(tmp_path, {"model_type": "t5", "num_layers": 1, **fields})).infer()
    assert {row.node.layer.function for row in report.rows if row.kind == "activation"} == {activation}
    assert any("swiglu" in row.name for row in report.rows)


def test_a_checkpoint_of_gemma3_on_the_hub_has_older_names(tmp_path: Path) -> None:
    """Those of google/gemma-3-4b-it: the vision transformer is within another module, the text model first."""
    report = shapecalc.load(written(tmp_path, {**GEMMA3, "tie_word_embeddings": False})).infer()
    new = report.parameter_shapes("library")
    for tower in ("vision_tower.", "vision_tower.vision_model."):
        old = {
            name.replace("model.vision_tower.", tower)
            .replace("model.language_model.", "language_model.model.")
            .replace("model.multi_modal", "multi_modal")
            .replace("lm_head", "language_model.lm_head"): shape
            for name, shape in new.items()
        }
        assert library_shapes(report.graph.naming, report.parameter_shapes(), old) == old
