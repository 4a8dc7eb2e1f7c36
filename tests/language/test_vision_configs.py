"""The config.json of vision, multimodal and hybrid models: classes, nested configs, what is wrong with one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import shapecalc

if TYPE_CHECKING:
    from pathlib import Path

VIT = {"model_type": "vit", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96,
       "image_size": 32, "patch_size": 8}  # fmt: skip
TOWER = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}


def written(folder: Path, config: Any) -> str:
    text = config if isinstance(config, str) else json.dumps(config, indent=2)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return str(folder)


def inferred(folder: Path, config: dict[str, Any], *classes: str, **overrides: Any) -> shapecalc.Report:
    return shapecalc.load(written(folder, {**config, "architectures": list(classes)})).infer(**overrides)


OUTPUTS = [
    (VIT, "ViTModel", {"last_hidden_state": (17, 48), "pooler_output": (48,)}),
    (VIT, "ViTForImageClassification", {"head": (2,)}),
    (VIT, "ViTForMaskedImageModeling", {"reconstruction": (3, 64, 64)}),  # 16 pixels for each of 4×4 patches
    (
        {**VIT, "model_type": "deit"},
        "DeiTModel",
        {"last_hidden_state": (18, 48), "pooler_output": (48,)},
    ),
    ({**VIT, "model_type": "deit", "num_labels": 7}, "DeiTForImageClassificationWithTeacher", {"logits": (7,)}),
    ({**VIT, "model_type": "dinov2"}, "Dinov2Backbone", {"feature_map": (48, 4, 4)}),
    ({**VIT, "model_type": "dinov2"}, "Dinov2Model", {"last_hidden_state": (17, 48)}),
    ({"model_type": "resnet"}, "ResNetBackbone", {"layer4": (2048, 7, 7)}),
    (
        {"model_type": "resnet", "out_indices": [2, 3], "out_features": ["stage2", "stage3"]},
        "ResNetBackbone",
        {"layer2": (512, 28, 28), "layer3": (1024, 14, 14)},
    ),
    ({"model_type": "resnet"}, "ResNetModel", {"last_hidden_state": (2048, 7, 7), "pooler_output": (2048, 1, 1)}),
    ({"model_type": "convnext", "out_indices": [1]}, "ConvNextBackbone", {"feature1": (96, 56, 56)}),
    ({"model_type": "convnext"}, "ConvNextModel", {"last_hidden_state": (768, 7, 7), "pooler_output": (768,)}),
    ({"model_type": "swin"}, "SwinModel", {"last_hidden_state": (49, 768), "pooler_output": (768,)}),
    ({"model_type": "segformer"}, "SegformerForSemanticSegmentation", {"logits": (2, 128, 128)}),
    ({"model_type": "segformer", "reshape_last_stage": False}, "SegformerModel", {"last_hidden_state": (256, 256)}),
    ({"model_type": "clip_text_model"}, "CLIPTextModelWithProjection", {"text_embedding": (512,)}),
    ({"model_type": "clip_vision_model"}, "CLIPVisionModel", {"last_hidden_state": (50, 768), "pooler_output": (768,)}),
    ({"model_type": "siglip_vision_model", "vision_use_head": False}, "SiglipVisionModel",
     {"last_hidden_state": (196, 768)}),
    ({"model_type": "siglip", "num_labels": 3}, "SiglipForImageClassification",
     {"classifier": (3,), "pooler_output": (768,)}),
]  # fmt: skip


@pytest.mark.parametrize(("config", "name", "outputs"), OUTPUTS)
def test_the_class_decides_on_the_outputs(config: Any, name: str, outputs: Any, tmp_path: Path) -> None:
    """Sizes as the classes' docstrings have them (transformers 5.24), without the batch axis."""
    assert inferred(tmp_path, config, name).outputs == outputs


def test_without_a_class_it_is_the_base_model(tmp_path: Path) -> None:
    assert "pooler_output" in inferred(tmp_path, VIT).outputs
    assert list(inferred(tmp_path, {**TOWER, "model_type": "clip_text_model"}).outputs) == [
        "last_hidden_state",
        "pooler_output",
    ]


@pytest.mark.parametrize("nested", [{}, {"text_config": None, "vision_config": None}, {"text_config": {}}])
def test_towers_that_are_missing_have_the_defaults_of_their_classes(nested: Any, tmp_path: Path) -> None:
    report = inferred(tmp_path, {"model_type": "clip", **nested}, "CLIPModel")
    assert report.total.params == 151_277_313  # openai/clip-vit-base-patch32
    assert report.total.macs == shapecalc.load("clip-vit-base-patch32").infer().total.macs


def test_the_old_names_of_nested_configs_come_first(tmp_path: Path) -> None:
    """As `CLIPConfig` does: text_config_dict is a whole config, in the place of text_config."""
    old = {"text_config_dict": {"hidden_size": 768, "num_attention_heads": 12}, "text_config": {"hidden_size": 1}}
    new = {"text_config": {"hidden_size": 768, "num_attention_heads": 12}}
    one, other = (inferred(tmp_path, {"model_type": "clip", **config}, "CLIPModel") for config in (old, new))
    assert one.total == other.total


def test_one_tower_has_one_input(tmp_path: Path) -> None:
    sizes = [[*shapecalc.load(written(tmp_path, {"model_type": kind})).graph.inputs] for kind in
             ("clip", "clip_text_model", "clip_vision_model")]  # fmt: skip
    assert sizes == [["image", "text"], ["text"], ["image"]]
    with pytest.raises(shapecalc.UsageError, match="there is no input text"):
        shapecalc.load(written(tmp_path, {"model_type": "clip_vision_model"}), input={"text": [7]})


def test_images_have_another_size_where_the_class_allows_it(tmp_path: Path) -> None:
    with pytest.raises(shapecalc.ShapeError, match="num_positions"):
        inferred(tmp_path, VIT, input="3x40x40")
    dinov2 = {**VIT, "model_type": "dinov2"}
    large, own = inferred(tmp_path, dinov2, input="3x64x64"), inferred(tmp_path, dinov2)
    assert large.total.params == own.total.params
    assert large.outputs["last_hidden_state"] == (65, 48)


def test_swin_reads_images_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    net = shapecalc.load(written(tmp_path, {"model_type": "swin"}))
    assert net.infer(input=[3, 224, 224], layout="CHW").total == net.infer(input=[224, 224, 3]).total
    with pytest.raises(shapecalc.ShapeError, match="in_channels"):
        net.infer(input=[3, 224, 224])


def kinds(folder: Path, config: dict[str, Any]) -> list[str]:
    report = shapecalc.load(written(folder, config)).infer()
    return [row.kind for row in report if row.kind in ("mamba", "gated_delta_net", "multi_head_attention", "experts")]


def test_hybrids_mix_their_layers(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
             "vocab_size": 50, "num_experts": 4, "num_experts_per_tok": 2}  # fmt: skip
    jamba = {**sizes, "model_type": "jamba", "num_hidden_layers": 4, "attn_layer_period": 3, "attn_layer_offset": 1}
    assert kinds(tmp_path, jamba) == ["mamba", "multi_head_attention", "experts", "mamba", "mamba", "experts"]
    shifted = {**jamba, "expert_layer_period": 4, "expert_layer_offset": 0}
    assert kinds(tmp_path, shifted) == ["mamba", "experts", "multi_head_attention", "mamba", "mamba"]
    qwen = {**sizes, "model_type": "qwen3_next", "num_hidden_layers": 4, "mlp_only_layers": [0, 1, 2, 3]}
    delta = "gated_delta_net"
    assert kinds(tmp_path, qwen) == [delta, delta, delta, "multi_head_attention"]
    assert kinds(tmp_path, {**qwen, "full_attention_interval": 2}) == [delta, "multi_head_attention"] * 2
    types = ["full_attention", "linear_attention", "linear_attention", "linear_attention"]
    assert kinds(tmp_path, {**qwen, "layer_types": types}) == ["multi_head_attention", delta, delta, delta]


def test_a_hybrid_caches_in_its_attention_layers_alone(tmp_path: Path) -> None:
    """Jamba (Lieber et al. 2024, table 1): its cache has 4 GB at 256K tokens and 16 bits, where Mixtral has 32."""
    found = shapecalc.load("jamba-v0.1").memory(activations=16, vars={"seq": 1}, context=262_144)
    assert found.kv_cache == 4 * 2 * 8 * 128 * 2  # bytes a token
    assert found.context.bytes // 2**30 == 4


WRONG = {
    "heads": ({**VIT, "num_attention_heads": 5}, "config.json:5:3: num_attention_heads is 5: hidden_size % "
              "num_attention_heads == 0 must hold"),
    "no heads": ({**VIT, "num_attention_heads": 0}, "num_attention_heads is 0: hidden_size % num_attention_heads == 0"),
    "no patch": ({**VIT, "patch_size": [8, 0]}, "config.json:8:3: patch_size is [8, 0]: patch_size[0] > 0 and"),
    "image below a patch": ({**VIT, "image_size": 4}, "config.json:7:3: image_size is [4, 4]: image_size[0] >= patch"),
    "three sides": ({**VIT, "image_size": [8, 8, 8]}, "image_size is [8, 8, 8]: it must be a whole number, or two of"),
    "negative side": ({**VIT, "image_size": [8, -8]}, "image_size is [8, -8]: it must be a whole number, or two of"),
    "activation": ({**VIT, "hidden_act": "gleu"}, 'hidden_act is "gleu": it must be another word'),
    "activation of another sort": ({**VIT, "hidden_act": 3}, "hidden_act is 3: it must be a text"),
    "block": ({"model_type": "resnet", "layer_type": "fancy"}, 'layer_type is "fancy": it must be another word'),
    "heads of a stage": ({"model_type": "swin", "num_heads": [3, 6, 12, 25]}, "config.json:3:3: num_heads is [3, 6, 12, 25]: "
                         "len(num_heads) == len(depths) and embed_dim * 2 ** i % num_heads[i] == 0 must hold"),
    "heads of segformer": ({"model_type": "segformer", "num_attention_heads": [1, 3, 5, 8]}, "config.json:3:3: num_att"),
    "lists": ({"model_type": "swin", "depths": [2, 2]}, "config.json:3:3: num_heads is [3, 6, 12, 24]: len(num_heads) "),
    "stages": ({"model_type": "convnext", "num_stages": 3}, "depths is [3, 3, 9, 3]: len(depths) == num_stages must"),
    "widths": ({"model_type": "segformer", "hidden_sizes": [8]}, "hidden_sizes is [8]: len(hidden_sizes) == num_enc"),
    "a depth below 0": ({"model_type": "convnext", "depths": [3, -3, 9, 3]}, "depths is [3, -3, 9, 3]: it must be a "
                        "list of at least one item, each a whole number from 0 to 1,000,000,000"),
    "no depths": ({"model_type": "resnet", "depths": []}, "depths is []: it must be a list of at least one item"),
    "depths as a text": ({"model_type": "resnet", "depths": "3463"}, 'depths is "3463": it must be a list'),
    "a ratio below 0": ({"model_type": "swin", "mlp_ratio": -1.5}, "mlp_ratio is -1.5: it must be a number from 0 to"),
    "no ratio": ('{"model_type": "swin", "mlp_ratio": NaN}', "mlp_ratio is NaN: it must be a number from 0 to"),
    "an endless ratio": ('{"model_type": "swin", "mlp_ratio": 1e999}', "mlp_ratio is Infinity: it must be a number"),
    "nested list": ({"model_type": "clip", "text_config": [1]}, "config.json:3:3: text_config is [1]: it must be an obj"),
    "nested type": ({"model_type": "clip", "text_config": {"hidden_size": "x"}}, 'config.json:4:5: hidden_size is "x": '),
    "nested heads": ({"model_type": "clip", "num_attention_heads": 5, "vision_config": {"num_attention_heads": 7}},
                     "config.json:5:5: num_attention_heads is 7: hidden_size % num_attention_heads == 0 must hold"),
    "widths of towers": ({"model_type": "siglip", "vision_config": TOWER}, "with the fields of this config: config.json:2"),
    "a class of another type": ({**VIT, "architectures": ["ViTForCausalLM"]}, "ViTForCausalLM is not a class that is"),
    "a text tower for images": ({"model_type": "siglip_text_model", "architectures": ["SiglipVisionModel"]},
                                "SiglipVisionModel is not a class that is known"),
    "feature of no stage": ({"model_type": "resnet", "architectures": ["ResNetBackbone"], "out_indices": [5]},
                            "out_indices is [5]: task != 'backbone' or len(out_indices) == 0 or"),
    "names of features": ({"model_type": "swin", "architectures": ["SwinBackbone"], "out_features": ["stage2"]},
                          "out_features is [stage2]: task != 'backbone' or len(out_feat"),
    "layer types": ({"model_type": "qwen3_next", "layer_types": ["full_attention"]}, "layer_types is [full_attention]: "),
    "offset": ({"model_type": "jamba", "attn_layer_offset": 9}, "attn_layer_offset is 9: attn_layer_offset < attn_layer"),
    "period of 0": ({"model_type": "qwen3_next", "full_attention_interval": 0}, "full_attention_interval is 0: "),
    "heads of mamba2": ({"model_type": "mamba2", "num_heads": 9}, "num_heads is 9: num_heads * head_dim == hidden_size "),
    "as many layers as stars": ({**VIT, "num_hidden_layers": 10**9}, "with the fields of this config: config.json:2:3"),
    "a huge image": ({**VIT, "image_size": 10**9}, "with the fields of this config: config.json:2:3"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_its_place(name: str, tmp_path: Path) -> None:
    config, message = WRONG[name]
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(written(tmp_path, config)).infer()
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


def test_hints_on_a_size_name_the_fields_that_it_follows_from(tmp_path: Path) -> None:
    """Not the arguments of the family's own layers, which is not the file of the user."""
    fields = {"image_size": 32, "patch_size": 8, "hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    nested = {"model_type": "clip", "vision_config": fields, "text_config": {"num_hidden_layers": 1}}
    opt = {"model_type": "opt", "num_hidden_layers": 1, "max_position_embeddings": 64}
    cases: list[tuple[dict[str, Any], Any, dict[str, Any], str]] = [
        (VIT, "3x64x64", {}, "num_positions follows from image_size and patch_size of the config: change them there"),
        (nested, {"image": "3x64x64"}, {}, "num_positions follows from image_size and patch_size of the config"),
        (opt, None, {"seq": 80}, "num_positions follows from max_position_embeddings of the config: change it there"),
    ]
    for config, size, variables, hint in cases:
        with pytest.raises(shapecalc.ShapeError) as caught:
            shapecalc.load(written(tmp_path, config)).infer(input=size, vars=variables)
        assert hint in caught.value.problems[0].hint
        assert "would fit" not in caught.value.problems[0].hint


def test_every_nested_field_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    config = {"model_type": "clip", "projection_dim": -1, "text_config": {"vocab_size": "a"}, "vision_config": 3}
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(written(tmp_path, config))
    assert len(caught.value.problems) == 3


def test_the_convolution_of_mamba2_may_have_no_biases(tmp_path: Path) -> None:
    """One for each of num_heads·head_dim + 2·n_groups·state_size channels (Mamba2Mixer.conv_dim, transformers 5.24)."""
    config = {"model_type": "mamba2", "hidden_size": 64, "num_heads": 8, "head_dim": 16, "n_groups": 1, "state_size": 4,
              "num_hidden_layers": 3, "vocab_size": 10}  # fmt: skip
    with_biases, without = (
        inferred(tmp_path, {**config, "use_conv_bias": has}, "Mamba2ForCausalLM").total.params for has in (True, False)
    )
    assert with_biases - without == 3 * (8 * 16 + 2 * 4)
