"""The config.json of a model: against transformers, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_configs import CLASSES, FIELDS, INPUTS, PARTLY_COUNTED, TOKENS, record
from searching import some

import shapecalc
from shapecalc.language.configs import model_types

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "configs.json").read_text(encoding="utf-8"))["models"]
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 32,
         "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}  # fmt: skip


def written(folder: Path, config: Any) -> str:
    text = config if isinstance(config, str) else json.dumps(config, indent=2)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("number", some(range(len(RECORDED)), 40))
def test_parameters_and_macs_are_those_of_transformers(number: int, tmp_path: Path) -> None:
    model = RECORDED[number]
    report = inferred(written(tmp_path, model["config"]), model.get("inputs", {"text": [TOKENS]}))
    assert report.total.params == model["params"]
    assert report.total.macs == model.get("macs", report.total.macs)
    output = list(next(iter(report.outputs.values())))
    if model["config"]["architectures"] not in (["CLIPModel"], ["SiglipModel"]):  # one image and one text: no axes
        assert output == model.get("output", output)


def inferred(path: str, inputs: dict[str, list[int]]) -> shapecalc.Report:
    """Return the report for inputs in PyTorch's order of axes, whichever the family is written in."""
    only = next(iter(inputs.values()))
    return shapecalc.load(path).infer(input=only if len(inputs) == 1 else inputs, layout="CHW")


def test_every_type_is_recorded() -> None:
    assert {model["config"]["model_type"] for model in RECORDED} == set(FIELDS) == set(model_types())
    assert sum("macs" in model for model in RECORDED) > 180
    assert sum("output" in model for model in RECORDED) > 100


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_is_recorded(kind: str) -> None:
    recorded = [model["config"]["architectures"] for model in RECORDED if model["config"]["model_type"] == kind]
    assert {name for names in recorded for name in names} == set(CLASSES[kind])


@pytest.mark.elsewhere
def test_the_record_is_that_of_the_installed_transformers() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert record()["models"] == RECORDED


SHARED = Path(__file__).parents[3] / "shared" / "data" / "formats" / "huggingface"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files of others are not here")
def test_files_of_the_hub_are_exact() -> None:
    import gzip

    types, exact = set(model_types()), []
    for folder in sorted(SHARED.iterdir()):
        if not (folder / "truth.json.gz").is_file():
            continue
        truth = json.loads(gzip.decompress((folder / "truth.json.gz").read_bytes()))
        if truth["model_type"] not in types:
            continue
        of = INPUTS.get(truth["model_type"], {"text": ("input_ids", []), "image": ("pixel_values", [])})
        names = {word: name for name, (word, _) in of.items() if word != "attention_mask"}
        given = truth.get("inputs", {"input_ids": [1, TOKENS]})
        inputs = {names[word]: sizes[1:] for word, sizes in given.items() if word in names}
        report = inferred(str(folder), inputs)
        assert report.total.params == truth["params"], folder.name
        if truth.get("output"):
            assert list(next(iter(report.outputs.values()))) == truth["output"][1:], folder.name
        if truth["model_type"] not in PARTLY_COUNTED:
            assert report.total.macs == truth.get("macs", report.total.macs), folder.name
        exact.append(folder.name)
    assert len(exact) >= 33


def test_a_folder_and_its_file_are_the_same_network_with_the_name_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    path = written(folder, LLAMA)
    one, other = shapecalc.load(path).infer(), shapecalc.load(f"{path}/config.json").infer()
    assert one.total == other.total
    assert one.name == other.name == "my-llama"
    assert shapecalc.load(written(folder, {**LLAMA, "_name_or_path": "meta/Llama-X"})).name == "Llama-X"


def test_variables_and_inputs_override_the_config(tmp_path: Path) -> None:
    path = written(tmp_path, LLAMA)
    assert shapecalc.load(path).infer(vars={"seq": 7}).outputs == {"lm_head": (7, 100)}
    assert shapecalc.load(path).infer(vars={"layers": 3}).total.params > shapecalc.load(path).infer().total.params


@pytest.mark.parametrize(
    ("classes", "output"),
    [
        (["LlamaForCausalLM"], (128, 100)),
        (["LlamaModel"], (128, 32)),
        (["LlamaForSequenceClassification"], (3,)),
        (["LlamaForTokenClassification"], (128, 3)),
        ([], (128, 100)),
        (None, (128, 100)),
        (["GPT2LMHeadModel"], (128, 100)),
    ],
)
def test_the_class_decides_on_the_head(classes: Any, output: tuple[int, int], tmp_path: Path) -> None:
    config = {**LLAMA, "architectures": classes, "id2label": {"0": "a", "1": "b", "2": "c"}}
    assert list(shapecalc.load(written(tmp_path, config)).infer().outputs.values()) == [output]


def windows(config: dict[str, Any], folder: Path) -> list[int | None]:
    report = shapecalc.load(written(folder, config)).infer()
    return [row.node.layer.window for row in report if row.kind == "multi_head_attention"]


def test_windows_follow_the_types_of_the_layers(tmp_path: Path) -> None:
    assert windows(LLAMA, tmp_path) == [None, None]
    mistral = {**LLAMA, "model_type": "mistral", "num_key_value_heads": 4}
    assert windows(mistral, tmp_path) == [4096, 4096]
    assert windows({**mistral, "sliding_window": None}, tmp_path) == [None, None]
    assert windows({**mistral, "sliding_window": 16}, tmp_path) == [16, 16]
    gemma = {**LLAMA, "model_type": "gemma2", "num_hidden_layers": 3, "sliding_window": 8}
    assert windows(gemma, tmp_path) == [8, None, 8]
    types = ["full_attention", "sliding_attention", "full_attention"]
    assert windows({**gemma, "layer_types": types}, tmp_path) == [None, 8, None]
    gemma3 = {**LLAMA, "model_type": "gemma3_text", "num_hidden_layers": 7, "sliding_window": 8}
    assert windows(gemma3, tmp_path) == [8, 8, 8, 8, 8, None, 8]
    assert windows({**gemma3, "sliding_window_pattern": 3}, tmp_path) == [8, 8, None, 8, 8, None, 8]
    qwen = {**LLAMA, "model_type": "qwen2", "num_hidden_layers": 4, "sliding_window": 8, "max_window_layers": 2,
            "num_key_value_heads": 4}  # fmt: skip
    assert windows(qwen, tmp_path) == [None] * 4
    assert windows({**qwen, "use_sliding_window": True}, tmp_path) == [None, None, 8, 8]
    moe = {**qwen, "use_sliding_window": True, "num_experts": 4, "num_experts_per_tok": 2}
    assert windows({**moe, "model_type": "qwen2_moe", "max_window_layers": 3}, tmp_path) == [8, None, 8, None]
    assert windows({**moe, "model_type": "qwen3_moe"}, tmp_path) == [8] * 4
    assert windows({**LLAMA, "sliding_window": 8}, tmp_path) == [None, None]  # no field of its class
    assert windows({**LLAMA, "model_type": "phi3", "sliding_window": 8}, tmp_path) == [8, 8]


def test_fields_have_other_names_in_some_classes(tmp_path: Path) -> None:
    bloom = {"model_type": "bloom", "hidden_size": 64, "vocab_size": 99}
    short = shapecalc.load(written(tmp_path, {**bloom, "n_layer": 3, "n_head": 4})).infer().total
    long = shapecalc.load(written(tmp_path, {**bloom, "num_hidden_layers": 3, "num_attention_heads": 4})).infer().total
    assert short == long
    with pytest.raises(shapecalc.SpecError, match="num_hidden_layers is -1"):
        shapecalc.load(written(tmp_path, {**bloom, "num_hidden_layers": -1}))


@pytest.mark.parametrize(
    "fields",
    [
        {"rope_scaling": None, "rope_theta": 10000},
        {"rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [1.0]}},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 3]}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
        {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0},
                             "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    ],
)  # fmt: skip
def test_known_rotations_change_no_count(fields: dict[str, Any], tmp_path: Path) -> None:
    totals = [shapecalc.load(written(tmp_path, {**LLAMA, **own})).infer().total for own in ({}, fields)]
    assert totals[0] == totals[1]


def test_an_unknown_rotation_has_the_known_ones_as_its_hint(tmp_path: Path) -> None:
    for word, hint in (("banana", "known here: default, dynamic, linear"), ("lineal", "did you mean linear?")):
        with pytest.raises(shapecalc.SpecError) as caught:
            shapecalc.load(written(tmp_path, {**LLAMA, "rope_scaling": {"rope_type": word}}))
        assert str(caught.value.problems[0].hint).startswith(hint)


@pytest.mark.parametrize("field", ["num_key_value_heads", "head_dim", "sliding_window", "pad_token_id"])
def test_fields_that_may_be_null_have_their_defaults(field: str, tmp_path: Path) -> None:
    without = {name: value for name, value in LLAMA.items() if name != field}
    totals = [shapecalc.load(written(tmp_path, {**without, **own})).infer().total for own in ({}, {field: None})]
    assert totals[0] == totals[1]


def test_deepseek_v3_has_671_billion_parameters_of_which_37_6_are_active(tmp_path: Path) -> None:
    """The class's defaults: 671,026,404,352 as published with the weights; its cache is 70,272 bytes a token."""
    net = shapecalc.load(written(tmp_path, {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"]}))
    total = net.infer().total
    assert total.params == 671_026_404_352
    assert round(total.active_params / 1e9, 1) == 37.6
    assert net.memory(activations=16, vars={"seq": 1}).kv_cache == 70_272


WRONG = {
    "truncated": ('{"model_type": "llama", "hidden', "config.json:1:25: it is not JSON: unterminated string starting at"),
    "empty": ("", "config.json:1:1: it is not JSON: expecting value"),
    "a field twice": ('{"model_type": "llama",\n "vocab_size": 3,\n "a": {"vocab_size": 4},\n "vocab_size": 5}',
                      "config.json:4:2: vocab_size is there twice"),
    "a field twice within another": ('{"model_type": "llama",\n "rope_scaling": {"type": "a", "type": "b"}}',
                                     "config.json:2:32: type is there twice"),
    "a list": ("[1]", "config.json:1:1: it is not an object of fields"),
    "without a type": ({"hidden_size": 4}, "config.json has no model_type"),
    "type not a text": ({"model_type": 3}, "config.json:2:3: model_type is 3: it must be a text"),
    "unknown type": ({**LLAMA, "model_type": "lama"}, "config.json:2:3: model_type lama is not known"),
    "negative": ({**LLAMA, "num_hidden_layers": -3},
                 "config.json:9:3: num_hidden_layers is -3: it must be a whole number from 0 to 1,000,000,000"),
    "huge": ({**LLAMA, "vocab_size": 10**30}, "config.json:6:3: vocab_size is 1000000000000000000000000000000: "),
    "a fraction": ({**LLAMA, "hidden_size": 1.5}, "config.json:7:3: hidden_size is 1.5: it must be a whole number"),
    "a text": ({**LLAMA, "hidden_size": "big"}, 'config.json:7:3: hidden_size is "big": it must be a whole number'),
    "no flag": ({**LLAMA, "attention_bias": 1}, "attention_bias is 1: it must be true or false"),
    "nonsense": ({**LLAMA, "hidden_size": {"a": [1]}}, 'hidden_size is {"a": [1]}: it must be a whole number'),
    "a mixed list": ({**LLAMA, "model_type": "gemma2", "layer_types": [1, "a"]},
                     'layer_types is [1, "a"]: it must be a list of whole numbers or of texts'),
    "no list": ({**LLAMA, "model_type": "gemma2", "layer_types": 1}, "layer_types is 1: it must be a list of "),
    "nested deeply": ('{"model_type":' + "[" * 100_000, "its nesting is too deep"),
    "a number that is too long": ('{"model_type": ' + "1" * 10_000 + "}", "a number in it is too long"),
    "heads that do not divide": ({**LLAMA, "num_attention_heads": 4, "num_key_value_heads": 3},
                                 "num_kv_heads (=3) must divide num_heads (=4)"),
    "double heads": ({**LLAMA, "architectures": ["LlamaDoubleHeadsModel"]}, "LlamaDoubleHeadsModel is not a class that is known"),
    "a class as a text": ({**LLAMA, "architectures": "LlamaModel"}, 'architectures is "LlamaModel": it must be a list'),
    "an unknown rotation": ({**LLAMA, "rope_scaling": {"type": "banana"}},
                            'config.json:12:5: type is "banana": it must be a known type of rotation'),
    "a rotation that is no text": ({**LLAMA, "rope_scaling": {"type": 5}}, ":5: type is 5: it must be a known type"),
    "a rotation that is not an object": ({**LLAMA, "rope_scaling": "yes"}, 'rope_scaling is "yes": it must be an object'),
    "an unknown rotation of version 5": ({**LLAMA, "rope_parameters": {"rope_type": "nope", "rope_theta": 1e4}},
                                         'config.json:12:5: rope_type is "nope": it must be'),
    "an unknown rotation of a type of layer": (
        {**LLAMA, "model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_type": "lineal"}}},
        'config.json:13:7: rope_type is "lineal": it must be a known type'),
    "an unknown rotation of a part": ({"model_type": "gemma3", "text_config": {"rope_scaling": {"rope_type": "x"}}},
                                      'config.json:5:7: rope_type is "x"'),
    "a base that is no number": ({**LLAMA, "rope_theta": "x"}, 'config.json:11:3: rope_theta is "x": it must be a number'),
    "a size that is null": ({**LLAMA, "hidden_size": None}, "config.json:7:3: hidden_size is null: it must be a whole"),
    "layers that are null, by another name": (
        {"model_type": "gpt2", "n_layer": None}, "config.json:3:3: n_layer is null: it must be a whole number"),
    "an unknown head": ({**LLAMA, "architectures": ["LlamaForFlying"]},
                        "config.json:3:3: LlamaForFlying is not a class that is known"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_its_place(name: str, tmp_path: Path) -> None:
    config, message = WRONG[name]
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(written(tmp_path, config)).infer()
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("llamma", "did you mean llama?"),
        ("Lama", "did you mean llama?"),
        ("llaam", "did you mean llama?"),
        ("qwen3moe", "did you mean qwen3_moe?"),
        ("qwen4", "a type of its own; near in name are qwen3, qwen2"),
        ("gemma4", "a type of its own; near in name are gemma, gemma3, gemma2"),
        ("mamballama", "a type of its own; near in name are "),
        ("zzz", "known types: albert, "),
    ],
)
def test_an_unknown_type_names_near_ones(kind: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(written(tmp_path, {**LLAMA, "model_type": kind}))
    assert str(caught.value.problems[0].hint).startswith(hint)
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(written(tmp_path, {**LLAMA, "model_type": "zzzz"}))
    assert str(caught.value.problems[0].hint).startswith("known types: albert, bart, bert, bloom, ")


def test_a_shape_error_names_the_config(tmp_path: Path) -> None:
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(written(tmp_path, {**LLAMA, "num_key_value_heads": 3})).infer()
    text = str(caught.value).replace(f"{tmp_path}/", "")
    assert "with the fields of this config: config.json:2:3\n" in text


def test_a_folder_hides_no_bundled_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpt2").mkdir()
    written(tmp_path / "gpt2", LLAMA)
    monkeypatch.chdir(tmp_path)
    bundled = shapecalc.load("gpt2")
    assert bundled.infer().total.params == 124_439_808
    assert [warning.hint for warning in bundled.warnings] == ["write ./gpt2 for the folder"]
    assert not shapecalc.load("./gpt2").warnings
    assert shapecalc.load("./gpt2").infer().outputs == {"lm_head": (128, 100)}


def test_every_field_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(written(tmp_path, {**LLAMA, "hidden_size": "a", "vocab_size": -1}))
    assert len(caught.value.problems) == 2


def test_auto_is_the_default_of_the_class(tmp_path: Path) -> None:
    mamba = {"model_type": "mamba", "hidden_size": 40, "num_hidden_layers": 1, "vocab_size": 10}
    params = [
        shapecalc.load(written(tmp_path, {**mamba, **rank})).infer().total.params
        for rank in ({}, {"time_step_rank": "auto"}, {"time_step_rank": 3}, {"time_step_rank": 4})
    ]
    assert params[0] == params[1] == params[2] < params[3]  # 40 / 16, rounded up
