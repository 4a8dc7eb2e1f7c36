"""The names of parameters in transformers, as families declare them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from crafted_checkpoints import write_safetensors
from record_configs import CLASSES
from record_parameter_shapes import expanded, folded, record
from searching import some

import shapecalc
from shapecalc.language.configs import model_types
from shapecalc.model.naming import Naming, library_shapes

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "parameter_shapes.json").read_text("utf-8"))["models"]


TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 50, **TINY}
VIT = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "image_size": 32, **TINY}
SEGFORMER = {
    "model_type": "segformer",
    "architectures": ["SegformerForImageClassification"],
    "hidden_sizes": [8, 8, 10, 8],
}
SAVED = [name for names in CLASSES.values() for name in names if name != "SwinBackbone"]
"""Classes that transformers saves as a whole: it saves the last norm of that one with a prefix, and the rest without."""


SMALL = {
    "gemma3": {
        "text_config": {**TINY, "vocab_size": 60, "num_key_value_heads": 1, "head_dim": 8},
        "vision_config": {**TINY, "image_size": 28, "patch_size": 14},
        "mm_tokens_per_image": 4,
    }
}
"""Fields for models that would be made, and saved, with billions of parameters."""


def written(folder: Path, config: object) -> str:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("number", some(range(len(RECORDED)), 60))
def test_names_and_sizes_are_those_of_transformers(number: int, tmp_path: Path) -> None:
    model = RECORDED[number]
    report = shapecalc.load(written(tmp_path, model["config"])).infer()
    assert report.parameter_shapes("library") == expanded(model["shapes"])


def test_every_type_and_class_is_recorded() -> None:
    recorded = {model["config"]["model_type"] for model in RECORDED}
    assert recorded == set(model_types())  # so each of them states its names
    assert {name for names in CLASSES.values() for name in names} <= {
        name for model in RECORDED for name in model["config"]["architectures"]
    }
    assert sum("name" in model for model in RECORDED) == 33


def test_the_record_is_compact_without_loss() -> None:
    shapes = {"a.0.w": [1], "a.1.w": [1], "a.3.w": [1], "a.0.v": [2], "b": [3], "c.0.d.1.w": [1], "c.1.d.1.w": [1]}
    assert folded(shapes) == {
        "a": {"0": {"w": [1], "v": [2]}, "1": {"w": [1]}, "3": {"w": [1]}}, "b": [3], "c": {"0-1": {"d": {"1": {"w": [1]}}}}
    }  # fmt: skip
    assert expanded(folded(shapes)) == {name: tuple(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ("x.[* - 1].*", {"base.x.5.w": (4, 6)}),
        ("x.[* // 4 * 3].[= % 4].*", {"base.x.3.2.w": (4, 6)}),
        ("x.*.* ^T", {"base.x.6.w": (6, 4)}),
        ("/x.*.* ^J ^1", {"x.6.w": (1, 24)}),
        ("x.*.* ^1 ^1", {"base.x.6.w": (1, 1, 4, 6)}),
        ("x.*.* ^1 ^F", {"base.x.6.w": (1, 24)}),
        ("x.#.* ^0", {f"base.x.{i}.6": () for i in range(4)}),
        ("x.*.a + x.*.b + /c ^1 + d", {"base.x.6.a": (1, 6), "base.x.6.b": (1, 6), "c": (1, 1, 6), "base.d": (1, 6)}),
        ("x.#.a + x.#.b", {f"base.x.{i}.{part}": (3,) for i in range(4) for part in "ab"}),
    ],
)
def test_the_notation(theirs: str, found: dict[str, tuple[int, ...]]) -> None:
    assert library_shapes(Naming({"layer*.?.*": [theirs]}, "base."), {"layer6.norm1.w": (4, 6)}) == found


def test_tensors_of_one_name_are_joined_before_they_are_changed() -> None:
    naming = Naming({"?.*": ["both ^T"]})
    assert library_shapes(naming, {"k.w": (2, 5), "v.w": (3, 5)}) == {"both": (5, 5)}
    assert library_shapes(naming, {"k.w": (2, 7), "v.w": (3, 7)}) == {"both": (7, 5)}


def test_of_alternatives_the_one_that_is_there_is_meant() -> None:
    naming = Naming({"a.*": ["new", "old ^T", "oldest"]})
    assert library_shapes(naming, {"a.w": (2, 5)}) == {"new": (2, 5)}
    assert library_shapes(naming, {"a.w": (2, 5)}, {"old"}) == {"old": (5, 2)}
    assert library_shapes(naming, {"a.w": (2, 5)}, {"oldest", "other"}) == {"oldest": (2, 5)}


def test_a_parameter_without_a_name_is_an_error() -> None:
    with pytest.raises(shapecalc.UsageError, match=r"other\.w has no name in the library"):
        library_shapes(Naming({"layer.*": ["x"]}), {"layer.w": (1,), "other.w": (1,)})


@pytest.mark.elsewhere
def test_the_record_is_that_of_the_installed_transformers() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert record()["models"] == [model for model in RECORDED if "name" not in model]


@pytest.mark.parametrize(
    ("config", "older"),
    [
        (BERT, {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}),
        (VIT, {
            "vit.layers.": "vit.encoder.layer.", "attention.o_proj": "attention.output.dense", "mlp.fc1": "intermediate.dense",
            "q_proj": "attention.query", "k_proj": "attention.key", "v_proj": "attention.value", "mlp.fc2": "output.dense",
        }),
        (SEGFORMER, {
            "layernorm_before": "layer_norm_1", "layernorm_after": "layer_norm_2", "o_proj": "output.dense",
            "q_proj": "self.query", "k_proj": "self.key", "v_proj": "self.value", "fc1": "dense1", "fc2": "dense2",
            "sequence_reduction.sequence_reduction": "self.sr", "sequence_reduction": "self",
            r"stages\.(\d)\.blocks": r"encoder.block.\1", r"stages\.(\d)\.patch_embeddings": r"encoder.patch_embeddings.\1",
            r"stages\.(\d)\.layer_norm": r"encoder.layer_norm.\1",
        }),
    ],
    ids=lambda value: value.get("model_type", ""),
)  # fmt: skip
def test_names_of_older_checkpoints(config: dict[str, Any], older: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    net = shapecalc.load(str(tmp_path))
    held: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, shape in net.infer().parameter_shapes("library").items():
        for new, old in older.items():
            name = re.sub(new, old, name)
        held[name] = "F32", shape
    assert not any(re.search(new, name) for new in older for name in held)
    comparison = net.compare_weights(write_safetensors(tmp_path / "m.safetensors", held))
    assert comparison.is_same
    assert comparison.matching == len(held)
    last = max(name for name in held if name.endswith("bias"))
    held[last] = "F32", (7,)
    (mismatch,) = net.compare_weights(write_safetensors(tmp_path / "m.safetensors", held)).mismatches
    assert (mismatch.kind, mismatch.names) == ("size", (last,))


@pytest.mark.elsewhere
@pytest.mark.parametrize("name", some(SAVED, 6))
def test_a_checkpoint_that_transformers_saves_is_the_same(name: str, tmp_path: Path) -> None:
    """It saves some under their older names: the query of ViT as `attention.attention.query`, not `attention.q_proj`."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = next(model["config"] for model in RECORDED if model["config"]["architectures"] == [name])
    config = {**config, **SMALL.get(config["model_type"], {})}
    path = written(tmp_path, config)
    made = transformers.AutoConfig.from_pretrained(path)
    getattr(transformers, name)._from_config(made).save_pretrained(tmp_path)
    written(tmp_path, config)
    comparison = shapecalc.load(path).compare_weights(tmp_path)
    assert comparison.is_same, [mismatch.names for mismatch in comparison.mismatches]
    assert not comparison.has_other_prefix


def test_the_class_of_a_text_model_is_the_base_of_a_type_of_texts(tmp_path: Path) -> None:
    for name in ("Gemma3TextModel", "Gemma3Model"):
        config = {"model_type": "gemma3_text", "architectures": [name]}
        assert "lm_head" not in shapecalc.load(written(tmp_path, config)).infer().parameter_shapes()
    with pytest.raises(shapecalc.SpecError, match="CLIPTextModel is not a class that is known"):
        shapecalc.load(written(tmp_path, {"model_type": "clip", "architectures": ["CLIPTextModel"]}))


def test_names_of_the_report_are_those_of_layers_and_weights() -> None:
    shapes = shapecalc.load("alexnet").infer().parameter_shapes()
    assert list(shapes.items())[:2] == [("conv1.weight", (96, 3, 11, 11)), ("conv1.bias", (96,))]


def test_shared_parameters_count_once() -> None:
    report = shapecalc.load("gpt2").infer()
    assert not any(name.startswith("lm_head") for name in report.parameter_shapes())
    assert report.tensor_shapes("shared") == {"lm_head.weight": (50257, 768)}


def test_a_network_without_names_of_a_library() -> None:
    with pytest.raises(shapecalc.UsageError, match="AlexNet has no names of a library"):
        shapecalc.load("alexnet").infer().parameter_shapes("library")
    with pytest.raises(shapecalc.UsageError, match="names is 'theirs'"):
        shapecalc.load("alexnet").infer().parameter_shapes("theirs")
