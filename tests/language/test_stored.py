"""How a config.json says that its weights are stored is the default of `memory`, and said."""

from __future__ import annotations

import json
from typing import Any

import pytest

import shapecalc
from shapecalc.language.stored import read_stored

CONFIG = {"model_type": "llama", "hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
          "intermediate_size": 512, "vocab_size": 1000}  # fmt: skip


def memory(tmp_path: Any, **fields: Any) -> Any:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **fields}), encoding="utf-8")
    return shapecalc.load(tmp_path).memory()


@pytest.mark.parametrize(("field", "type_", "bits"), [("torch_dtype", "bfloat16", 16), ("dtype", "float16", 16),
                                                      ("dtype", "float32", 32), ("dtype", None, 32)])  # fmt: skip
def test_the_type_of_a_config_is_the_default(tmp_path: Any, field: str, type_: Any, bits: int) -> None:
    found = memory(tmp_path, **{field: type_})
    assert found.widths[:2] == (bits, bits)
    assert found.widths.buffers == 32
    text = " ".join(found.render(width=100).split())
    said = f"Weights: {bits} bits, as config.json says; shared parameters are counted once."
    assert (said in text) == (type_ is not None)


def test_what_is_asked_for_takes_precedence(tmp_path: Any) -> None:
    memory(tmp_path, torch_dtype="bfloat16")
    network = shapecalc.load(tmp_path)
    assert network.memory(weights=8, activations=32).widths[:2] == (8, 32)
    assert network.memory(training=True).widths[:2] == (32, 32)
    assert network.memory(weights="nf4").weight_format.origin == ""


# The fields are those of the configs of transformers' quantizers (transformers 5.24, utils/quantization_config.py).
@pytest.mark.parametrize(
    ("quantised", "name"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, "awq-int4-g64"),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "gptq-int8-gall"),
        ({"quant_method": "gptq"}, "gptq-int4-g128"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "nf4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True}, "nf4-dq"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "llm.int8"),
        ({"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}, "fp8-block128"),
        ({"quant_method": "fp8"}, "fp8-tensor"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
    ],
)
def test_formats_of_quantised_models(tmp_path: Any, quantised: dict[str, Any], name: str) -> None:
    found = memory(tmp_path, dtype="bfloat16", quantization_config=quantised)
    assert (found.weight_format.name, found.weight_format.origin) == (name, "config.json")
    assert found.widths.activations == 16
    assert found.weights == shapecalc.load(tmp_path).memory(weights=name).weights


@pytest.mark.parametrize(
    ("quantised", "shown"),
    [
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "compressed-tensors"),
        ({"quant_method": "awq", "bits": True}, "awq"),
        ({"quant_method": "awq", "bits": 4.0}, "awq"),
        ({"quant_method": "gptq", "group_size": 64.0}, "gptq"),
        ({"quant_method": "gptq", "group_size": 0}, "gptq"),
        ({"quant_method": "gptq", "group_size": 10**30}, "gptq"),
        ({"quant_method": "fp8", "weight_block_size": [64, 64]}, "fp8"),
        ({"quant_method": "bitsandbytes"}, "bitsandbytes"),
        ({"quant_method": ["x"]}, "of no known form"),
        ({"quant_method": "x" * 1000}, "of no known form"),
        ("nf4", "of no known form"),
        ([1], "of no known form"),
    ],
)
def test_what_is_not_read_is_said(tmp_path: Any, quantised: Any, shown: str) -> None:
    found = memory(tmp_path, dtype="bfloat16", quantization_config=quantised)
    note = f"the quantization_config of config.json ({shown}) is not read: give the format with --weights"
    assert found.notes == (note,)
    assert found.widths[:2] == (16, 16)
    assert shapecalc.load(tmp_path).memory(weights=4).notes == ()


def test_a_width_that_a_config_does_not_state_is_not_said_to_be_its(tmp_path: Any) -> None:
    found = memory(tmp_path, quantization_config={"quant_method": "hqq"})
    assert found.widths[:2] == (32, 32)
    assert found.notes == ("the quantization_config of config.json (hqq) is not read: give the format with --weights",)
    assert "as config.json says" not in " ".join(found.render(width=120).split())
    stated = memory(tmp_path, dtype="float32", quantization_config={"quant_method": "hqq"})
    assert "as config.json says" in " ".join(stated.render(width=120).split())


@pytest.mark.parametrize("type_", [5, ["bfloat16"], {}, "auto", ""])
def test_types_that_are_not_known_are_no_default(type_: Any) -> None:
    assert read_stored({"torch_dtype": type_}, "config.json") is None


@pytest.mark.parametrize("within", [False, True])
def test_a_context_beyond_the_stated_one_is_noted(tmp_path: Any, within: bool) -> None:
    limit = {"max_position_embeddings": 2048}
    memory(tmp_path, **({"text_config": limit} if within else limit))
    network = shapecalc.load(tmp_path)

    def text(**options: Any) -> str:
        return " ".join(network.memory(**options).render(width=100).split())

    words = "beyond the 2,048 tokens that config.json states"
    assert f"A context of 2,049 tokens is {words} (max_position_embeddings)." in text(context=2049)
    assert words not in text(context=2048)
    assert f"is {words}" in text(contexts="1k,4k")
    assert words not in text(contexts="1k,2k")
    assert f"past tokens, {words}." in text(budget="1GiB")
    assert words not in text(budget=network.memory(context=2048).total)
    assert network.memory().to_dict()["stated_context"] == {
        "tokens": 2048, "origin": "config.json", "field": "max_position_embeddings"
    }  # fmt: skip


def spec(context: str, variant: str = "") -> str:
    return f"""context: {context}
vars: {{seq: 16, wide: 2 * seq}}
inputs: {{text: [seq]}}
layers:
  - embedding: {{num_embeddings: 9, embedding_dim: 8}}
  - multi_head_attention: {{num_heads: 2, is_causal: true}}
variants: {{tiny: {{vars: {{seq: 32}}}}, long: {{context: 64, {variant}}}}}
"""


@pytest.mark.parametrize(
    ("context", "member", "tokens"),
    [("seq", "", 16), ("seq", "tiny", 32), ("seq", "long", 64), ("24", "", 24), ("24", "tiny", 24), ("wide", "", None)],
)
@pytest.mark.parametrize("variables", [{}, {"seq": 5}])
def test_the_context_of_a_spec_is_that_of_its_file(
    context: str, member: str, tokens: int | None, variables: dict[str, int]
) -> None:
    stated = shapecalc.load(spec(context), variant=member).memory(vars=variables).stated_context
    assert (stated and stated.tokens) == tokens
    if stated:
        assert stated.field == "context"


@pytest.mark.parametrize(
    ("context", "found"),
    [("0", "0"), ("-3", "-3"), ("2.5", "2.5"), ("sq", "'sq'"), ("true", "true"), ("[1]", "a list")],
)
def test_a_context_of_a_spec_that_is_no_length_is_an_error(context: str, found: str) -> None:
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(spec(context)).infer()
    message = f"context must be a whole number of at least 1, or the name of a variable, not {found}"
    assert caught.value.problems[0].message == message
    assert str(caught.value.problems[0].hint) == ("did you mean seq?" if context == "sq" else "")


@pytest.mark.parametrize(
    ("member", "tokens"),
    [("llama-2-7b", 4096), ("llama-3-8b", 8192), ("llama-3.2-1b", 131_072), ("mixtral-8x22b", 65_536),
     ("deepseek-v3", 163_840), ("gpt-oss-20b", 131_072), ("qwen3-0.6b", 40_960), ("gemma-2-9b", 8192)],
)  # fmt: skip
def test_bundled_members_state_the_max_position_embeddings_of_their_files_on_the_hub(member: str, tokens: int) -> None:
    found = shapecalc.load(member).memory(activations=16, vars={"seq": 1}, context=tokens + 1)
    assert found.stated_context is not None
    assert found.stated_context.tokens == tokens
    assert f"is beyond the {tokens:,} tokens that" in " ".join(found.render(width=120).split())


@pytest.mark.parametrize("stated", [None, "2048", 0, -1, True, 2048.0, [2048]])
def test_a_stated_context_that_is_no_number_is_none(tmp_path: Any, stated: Any) -> None:
    assert memory(tmp_path, max_position_embeddings=stated).stated_context is None


MATRIX = 256 * 256
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 64}
ATTENTION_SAVED = 4 * (
    2 * MATRIX - (MATRIX // 2 + MATRIX // 64 * 2 + MATRIX // 64 // 2)
)  # scales of 16 bits, zeros of 4
DOWN_SAVED = ATTENTION_SAVED // 2  # 512 rows of 256: two of four


# The fields are those of transformers 5.24, utils/quantization_config.py; what a name matches: quantizers_utils.py.
@pytest.mark.parametrize(
    ("modules", "more"),
    [
        ([], 0),
        (["lm_head", "model.embed_tokens"], 0),  # of 16 bits in any case
        (["model.layers.0.self_attn"], ATTENTION_SAVED),
        (["layers.0.self_attn"], ATTENTION_SAVED),
        (["model.layers.*.self_attn"], 2 * ATTENTION_SAVED),
        (["model.layers.0"], ATTENTION_SAVED + 3 * DOWN_SAVED),
        (["down_proj"], 2 * DOWN_SAVED),
        (["n_proj"], 2 * DOWN_SAVED),  # the end of a name, wherever it begins
        (["model.layers.1.mlp.down_proj"], DOWN_SAVED),
        (["layers.10", "model.layers.0.self", "visual"], 0),
        ([".*_proj"], 2 * (ATTENTION_SAVED + 3 * DOWN_SAVED)),
    ],
)
def test_modules_that_are_not_converted_have_16_bits(tmp_path: Any, modules: list[str], more: int) -> None:
    plain = memory(tmp_path, dtype="bfloat16", quantization_config=AWQ)
    found = memory(tmp_path, dtype="bfloat16", quantization_config={**AWQ, "modules_to_not_convert": modules})
    assert found.weights == plain.weights + more
    assert found.notes == ()
    assert found.weight_format.others == (dict.fromkeys(modules, "16") if more or "lm_head" in modules else {})


def test_exceptions_of_bitsandbytes(tmp_path: Any) -> None:
    nf4 = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    plain = memory(tmp_path, dtype="bfloat16", quantization_config=nf4)
    found = memory(tmp_path, dtype="bfloat16", quantization_config={**nf4, "llm_int8_skip_modules": ["o_proj"]})
    assert found.weights - plain.weights == 2 * (2 * MATRIX - MATRIX // 2 - MATRIX // 64 * 4)
    own = shapecalc.load(tmp_path).memory(weights_of=["layers.*.attention=8"])
    assert own.weights == plain.weights + 2 * 4 * (MATRIX - MATRIX // 2 - MATRIX // 64 * 4)  # a pattern goes before
    assert shapecalc.load(tmp_path).memory(weights="nf4").weights == plain.weights


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"dynamic": {"-:.*down.*": {}}}, "dynamic"),
        ({"lm_head": True}, "lm_head"),
        ({"modules_to_not_convert": "lm_head"}, "modules_to_not_convert"),
        ({"modules_to_not_convert": [1]}, "modules_to_not_convert"),
        ({"modules_to_not_convert": [""]}, "modules_to_not_convert"),
        ({"lm_head": True, "dynamic": {"x": {"bits": 8}}}, "dynamic, lm_head"),
    ],
)
def test_exceptions_that_are_not_read_are_said(tmp_path: Any, fields: dict[str, Any], shown: str) -> None:
    found = memory(tmp_path, dtype="bfloat16", quantization_config={"quant_method": "gptq", "bits": 4, **fields})
    assert found.notes == (f"exceptions in the quantization_config of config.json are not read: {shown}",)
    assert found.weight_format.name == "gptq-int4-g128"
    assert shapecalc.load(tmp_path).memory(weights=4).notes == ()


@pytest.mark.parametrize("name", ["(a+)+$", "a" * 201, "layers.1*", "*_proj", "model.layers.[01].mlp"])
def test_patterns_that_are_not_read_are_said(tmp_path: Any, name: str) -> None:
    found = memory(tmp_path, quantization_config={**AWQ, "modules_to_not_convert": ["down_proj", name]})
    assert found.notes == ("modules that config.json keeps unquantised are not all read",)


@pytest.mark.parametrize(
    ("module", "is_read", "matrices"),
    [("block_sparse_moe.experts", True, 6), ("mlp.experts", True, 6), ("layers.0.block_sparse_moe.experts.1", False, 0),
     ("layers.1.mlp.experts.down_proj", True, 1), ("gate", True, 0)],
)  # fmt: skip
def test_exceptions_of_experts(tmp_path: Any, module: str, is_read: bool, matrices: int) -> None:
    """The experts of a layer are one tensor here: an exception for one of them is said not to be read."""
    fields = {"model_type": "mixtral", "num_local_experts": 2, "num_key_value_heads": 4, "dtype": "bfloat16"}
    plain = memory(tmp_path, **fields, quantization_config=AWQ)
    found = memory(tmp_path, **fields, quantization_config={**AWQ, "modules_to_not_convert": [module]})
    assert bool(found.notes) is not is_read
    assert found.weights == plain.weights + matrices * 2 * DOWN_SAVED


@pytest.mark.parametrize("type_", ["int8", "float12", "weird"])
def test_types_that_are_not_known_are_said(tmp_path: Any, type_: str) -> None:
    found = memory(tmp_path, torch_dtype=type_)
    said = f"the dtype of config.json ({type_}) is not known: give --weights and --activations"
    assert found.notes == (said,)
    assert (found.widths[:2], found.weight_format) == ((32, 32), None)
    assert shapecalc.load(tmp_path).memory(weights=8).notes == ()


@pytest.mark.parametrize("modules", [[f"x{i}" for i in range(5001)], [f".*x{i}" for i in range(21)]])
def test_lists_that_are_too_long_are_not_read(tmp_path: Any, modules: list[str]) -> None:
    found = memory(tmp_path, quantization_config={**AWQ, "modules_to_not_convert": modules})
    assert found.notes == ("modules that config.json keeps unquantised are not all read",)
