"""Formats of stored weights: against the sizes of published files, and block by block."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import shapecalc
from shapecalc.layers import KINDS
from shapecalc.layers.base import roles
from shapecalc.layers.base.shape import Shape
from shapecalc.questions.memory.weights.format_tables import SCALED
from shapecalc.questions.memory.weights.formats import format_names, parse_format, read_bits
from shapecalc.questions.memory.weights.gguf_tables import IN_PLACE, MIXTURES, TYPES
from shapecalc.questions.memory.weights.stored_bytes import read_storing, used_bytes, weight_bytes
from shapecalc.questions.memory.weights.tensors import tensors_of, traits_of


def bytes_of(spec: Any, weights: Any, weights_of: Any = (), **variables: Any) -> int:
    report = shapecalc.load(spec, vars=variables).infer()
    return sum(weight_bytes(report, read_storing(weights, weights_of)))


# Files of Meta-Llama-3-8B-Instruct, quantised without an importance matrix: ls -l of them at
# huggingface.co/ddh0/UnquantizedEmbeddingTesting, sizes.txt. A file is its tensors and a header (metadata, with the
# vocabulary), which is the same for all types: the 16-bit file of 16,068,890,912 bytes has 2 for each of 8,030,261,248
# parameters, and 2 more for each of 65 norms of 4,096, which are 32-bit.
LLAMA_3_8B = {"q2_k": 3_179_131_168, "q3_k_s": 3_664_498_976, "q3_k_m": 4_018_917_664, "q3_k_l": 4_321_956_128,
              "q4_k_s": 4_692_668_704, "q4_k_m": 4_920_733_984}  # fmt: skip
HEADER = 16_068_890_912 - 2 * 8_030_261_248 - 2 * 65 * 4_096


@pytest.mark.parametrize("name", LLAMA_3_8B)
def test_files_of_llama_3_8b(name: str) -> None:
    assert HEADER == 7_835_936
    assert bytes_of("llama-3-8b", name) == LLAMA_3_8B[name] - HEADER


# Files of ThomasBaruzier/Meta-Llama-3.1-8B-Instruct-GGUF on the Hugging Face hub, made with an importance matrix: the
# sizes of its commits. Their headers are alike. Every mixture of llama.cpp with "iq" in its name, but iq4_nl, is there.
GUIDED_LLAMA_3_1_8B = {
    "iq1_s": 2_019_628_256, "iq1_m": 2_161_972_448, "iq2_xxs": 2_399_212_768, "iq2_xs": 2_605_782_240,
    "iq2_s": 2_758_489_312, "iq2_m": 2_948_281_568, "q2_k": 3_179_132_128, "iq3_xxs": 3_274_912_992,
    "iq3_xs": 3_518_747_872, "iq3_s": 3_682_325_728, "iq3_m": 3_784_824_032, "iq4_xs-imatrix": 4_447_663_328,
}  # fmt: skip


@pytest.mark.parametrize("name", GUIDED_LLAMA_3_1_8B)
def test_files_made_with_an_importance_matrix(name: str) -> None:
    assert GUIDED_LLAMA_3_1_8B[name] - bytes_of("llama-3-8b", name) == 7_836_896


# Bits of a weight of Llama 3.1 8B: llama.cpp's tools/quantize/README.md, without an importance matrix where possible.
README_OF_QUANTIZE = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403, "iq2_m": 2.9294,
    "iq3_xxs": 3.2548, "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628, "iq4_xs": 4.4597, "iq4_nl": 4.6818,
    "q2_k_s": 2.9697, "q2_k": 3.1593, "q3_k_s": 3.6429, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944,
    "q5_k_s": 5.5704, "q5_k_m": 5.7036, "q6_k": 6.5633, "q8_0": 8.5008,
}  # fmt: skip


@pytest.mark.parametrize("name", README_OF_QUANTIZE)
def test_bits_of_a_weight_in_mixtures(name: str) -> None:
    assert round(8 * bytes_of("llama-3-8b", name) / 8_030_261_248, 4) == README_OF_QUANTIZE[name]


@pytest.mark.parametrize(
    ("spec", "name", "size", "header"),
    [
        # bartowski/Meta-Llama-3.1-70B-Instruct-GGUF: the sizes of its commits
        ("llama-3-70b", "iq2_xxs", 19_097_389_632, 7_866_944),
        ("llama-3-70b", "iq2_m", 24_119_294_112, 7_862_432),
        ("llama-3-70b", "iq3_m", 31_937_034_400, 7_862_432),
        ("llama-3-70b", "iq4_xs-imatrix", 37_902_661_792, 7_862_432),
        # Artefact2/Mixtral-8x7B-v0.1-GGUF; its routers have 16 bits, as models were converted then
        ("mixtral-8x7b", "iq2_xxs", 12_554_298_752, 779_648 - 2 * 32 * 8 * 4_096),
        ("mixtral-8x7b", "iq2_xs", 13_921_641_856, 779_648 - 2 * 32 * 8 * 4_096),
        ("mixtral-8x7b", "iq3_xxs", 18_240_406_912, 779_648 - 2 * 32 * 8 * 4_096),
        ("mixtral-8x7b", "iq4_xs-imatrix", 25_078_482_304, 779_648 - 2 * 32 * 8 * 4_096),
    ],
)
def test_other_files_made_with_an_importance_matrix(spec: str, name: str, size: int, header: int) -> None:
    assert size - bytes_of(spec, name) == header


def test_what_an_importance_matrix_changes() -> None:
    """mradermacher/Meta-Llama-3.1-8B-Instruct-i1-GGUF, Q4_0: 4.68 GB, of which 4.66 without the matrix."""
    assert [round((bytes_of("llama-3-8b", name) + HEADER) / 1e9, 2) for name in ("q4_0", "q4_0-imatrix")] == [
        4.66,
        4.68,
    ]
    eighth = 4 * 4_096 * 14_336 // 32  # blocks of the second layers of the first 4 feed-forward networks of 32
    wider = bytes_of("llama-3-8b", "q5_0-imatrix") - bytes_of("llama-3-8b", "q5_0")
    assert wider == eighth * (24 - 22)
    narrower = bytes_of("llama-3-8b", "iq4_nl") - bytes_of("llama-3-8b", "iq4_nl-imatrix")
    assert narrower == eighth * 22 - eighth * 18  # q5_k has 176 bytes for 256
    assert parse_format("Q4_K_M-imatrix").name == "q4_k_m"


def test_rows_of_the_scores_of_tokens_that_blocks_do_not_divide() -> None:
    """llama-quant.cpp: q8_0, whatever else the output would have; 896 is no multiple of 256."""
    spec: Any = {"input": [4], "layers": [{"embedding": {"num_embeddings": 50, "embedding_dim": 896}},
                                          {"linear": {"out_features": 50, "bias": False}}]}  # fmt: skip
    rows = shapecalc.load(spec).memory(weights="iq2_m").layers
    assert [row.weights for row in rows] == [50 * 896 // 32 * 18, 50 * 896 // 32 * 34]  # iq4_nl, q8_0


def test_llama_3_8b_in_q4_k_m_has_4_58_gib() -> None:
    """The file published by bartowski and by QuantFactory has 4,920,734,272 bytes, with 7.8 MB of metadata."""
    assert 7_836_000 < 4_920_734_272 - bytes_of("llama-3-8b", "q4_k_m") < 7_837_000
    assert f"{shapecalc.load('llama-3-8b').memory(weights='q4_k_m').weights / 2**30:.2f}" == "4.58"


# Sizes in GB, of huggingface.co/second-state/Meta-Llama-3.1-8B-GGUF (llama.cpp b3613): as above with its header.
@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [("q4_0", 4.66), ("q5_0", 5.6), ("q5_k_s", 5.6), ("q5_k_m", 5.73), ("q6_k", 6.6), ("q8_0", 8.54),
     ("iq4_xs", 4.48)],  # MaziyarPanahi/Meta-Llama-3-8B-Instruct-GGUF
)  # fmt: skip
def test_sizes_of_llama_3_8b(name: str, gigabytes: float) -> None:
    assert round((bytes_of("llama-3-8b", name) + HEADER) / 1e9, 2) == gigabytes


# Files of Qwen/Qwen3-8B-GGUF on the Hugging Face hub, in bytes; their headers are alike but for a few letters.
QWEN3_8B = {"q4_k_m": 5_027_783_488, "q5_0": 5_720_761_152, "q5_k_m": 5_851_112_224, "q6_k": 6_725_899_040,
            "q8_0": 8_709_518_112}  # fmt: skip


@pytest.mark.parametrize("name", QWEN3_8B)
def test_files_of_qwen3_8b(name: str) -> None:
    found = bytes_of("qwen3-0.6b", name, hidden=4096, feed_forward=12288, layers=36, heads=32, tied=False)
    assert 5_956_384 <= QWEN3_8B[name] - found <= 5_956_416


def test_rows_that_blocks_do_not_divide_have_another_type() -> None:
    """bartowski/Qwen2.5-0.5B-Instruct-GGUF, Q4_K_M: 397,808,192 bytes. Its width of 896 is no multiple of 256.

    The header is that of the vocabulary of Qwen, as above.
    """
    assert 5_940_000 < 397_808_192 - bytes_of("qwen2.5-0.5b", "q4_k_m") < 5_960_000


def test_a_tied_table_of_tokens_has_the_type_of_the_output() -> None:
    """bartowski/Llama-3.2-1B-Instruct-GGUF, Q4_K_M: 807,694,464 bytes; the vocabulary is that of Llama 3."""
    assert 7_820_000 < 807_694_464 - bytes_of("llama-3.2-1b", "q4_k_m") < 7_840_000


@pytest.mark.parametrize(
    ("spec", "name", "gigabytes"),
    [
        ("llama-3-70b", "q4_k_m", 42.52),  # bartowski/Meta-Llama-3.1-70B-Instruct-GGUF, with 0.008 GB of metadata
        ("llama-3-70b", "q5_k_m", 49.95),
        ("llama-3-70b", "q6_k", 57.89),
        ("llama-3-70b", "q8_0", 74.98),
        ("mixtral-8x7b", "q4_0", 26.44),  # TheBloke/Mixtral-8x7B-v0.1-GGUF
        ("mixtral-8x7b", "q8_0", 49.62),
    ],
)
def test_sizes_of_other_files(spec: str, name: str, gigabytes: float) -> None:
    assert bytes_of(spec, name) / 1e9 == pytest.approx(gigabytes, abs=0.014)


def test_gpt_oss_20b_in_mxfp4() -> None:
    """openai/gpt-oss-20b: three safetensors of 13,761,316,904 bytes, which are the tensors and 52 KB of headers."""
    found = bytes_of("gpt-oss-20b", "mxfp4")
    assert 50_000 < 4_792_272_488 + 4_798_702_184 + 4_170_342_232 - found < 55_000
    assert f"{found / 2**30:.1f}" == "12.8"


def test_deepseek_v3_in_fp8() -> None:
    """By arithmetic: 8 bits and a scale of 32 for 128×128 weights, but 16 bits for tables, norms and routers."""
    embeddings = 2 * 129_280 * 7_168
    routers = 58 * 256 * 7_168
    norms = 61 * (2 * 7_168 + 1_536 + 512) + 7_168
    wide = embeddings + routers + norms
    narrow = 671_026_404_352 - wide
    tiles = 0
    for rows, columns, number in (
        (1_536, 7_168, 61), (24_576, 1_536, 61), (32_768, 512, 61), (7_168, 16_384, 61), (18_432, 7_168, 6),
        (7_168, 18_432, 3), (4_096, 7_168, 58 * 256), (7_168, 2_048, 58 * 257), (2_048, 7_168, 58 * 2),
    ):  # fmt: skip
        tiles += rows // 128 * (columns // 128) * number
    tiles += 5 * 56 * 61  # 576×7,168: the last tiles are not full
    assert bytes_of("deepseek-v3", "fp8-block128") == narrow + 2 * wide + 4 * tiles
    assert round(bytes_of("deepseek-v3", "fp8-block128") / 1e9) == 673


def test_what_a_token_reads_is_in_the_format_of_each_tensor() -> None:
    """Mixtral in q4_k_m: two of eight experts in their own types, of the table of tokens one row; routers in 32 bits."""
    report = shapecalc.load("mixtral-8x7b").infer()
    storing = read_storing("q4_k_m")
    every, least = used_bytes(report, storing), used_bytes(report, storing, least=True)
    assert every == weight_bytes(report, storing)
    found = {row.name: (all_, some) for row, all_, some in zip(report.rows, every, least, strict=True)}
    assert found["embed_tokens"] == (32_000 * 4096 * 144 // 256, 4096 * 144 // 256)
    experts = [sizes for name, sizes in found.items() if name.endswith("experts")]
    assert len({*experts}) == 2  # in some layers the second matrices have q6_k
    assert all(all_ == 4 * some for all_, some in experts)
    assert all(all_ == some for name, (all_, some) in found.items() if name.endswith("gate") or "norm" in name)
    gpt2 = shapecalc.load("gpt2").infer()
    used = dict(zip([row.name for row in gpt2.rows], used_bytes(gpt2, read_storing("q4_k_m"), least=True), strict=True))
    assert (used["wte"], used["lm_head"]) == (768 * 210 // 256, 50_257 * 768 * 210 // 256)  # tied: q6_k


LINEAR: Any = {"input": [3, 256], "layers": [{"linear": {"out_features": 192, "bias": False}}]}
WEIGHTS = 256 * 192


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("nf4", 4 + Fraction(32, 64)),
        ("nf4-dq", 4 + Fraction(8, 64) + Fraction(32, 64 * 256)),  # 4.127 (QLoRA, section 3)
        ("awq-g128", 4 + Fraction(16 + 4, 128)),
        ("awq-g64", 4 + Fraction(16 + 4, 64)),
        ("awq", 4 + Fraction(16 + 4, 128)),
        ("awq-gall", 4 + Fraction(16 + 4, 256)),
        ("gptq-int8-g32", 8 + Fraction(16 + 8, 32) + Fraction(32, 192)),
        ("llm.int8", 8 + Fraction(32, 256)),
        ("fp8-tensor", 8 + Fraction(32, WEIGHTS)),
        ("fp8-block128", 8 + Fraction(32 * 2 * 2, WEIGHTS)),
        ("q8_0", Fraction(34 * 8, 32)),
        ("q4_k_s", Fraction(144 * 8, 256)),
        ("4.5", Fraction(9, 2)),
        (5, 5),
        ("int4", 4),
    ],
)
def test_bits_of_a_weight(name: Any, bits: Fraction) -> None:
    found = shapecalc.load(LINEAR).memory(weights=name)
    assert found.weights == WEIGHTS * bits / 8
    assert found.widths.weights == bits


def test_the_blocks_of_llama_cpp() -> None:
    """Bits per weight as in the comments of ggml-common.h."""
    bits = {"q4_0": 4.5, "q4_1": 5, "q5_0": 5.5, "q5_1": 6, "q8_0": 8.5, "q2_k": 2.625, "q3_k": 3.4375, "q4_k": 4.5,
            "q5_k": 5.5, "q6_k": 6.5625, "iq1_s": 1.5625, "iq1_m": 1.75, "iq2_xxs": 2.0625, "iq2_xs": 2.3125,
            "iq2_s": 2.5625, "iq3_xxs": 3.0625, "iq4_nl": 4.5, "iq4_xs": 4.25, "iq3_s": 3.4375, "mxfp4": 4.25, "f16": 16,
            "bf16": 16, "f32": 32}  # fmt: skip
    assert {name: 8 * size / elements for name, (elements, size) in TYPES.items()} == bits
    assert {*IN_PLACE.values()} <= {*TYPES}
    used = {base for base, _ in MIXTURES.values()}
    used |= {rule.type for _, rules in MIXTURES.values() for some in rules.values() for rule in some}
    assert used <= {*TYPES}


def test_layers_by_name() -> None:
    base = bytes_of("llama-3-8b", "q4_k_m")
    head = 128_256 * 4_096
    assert bytes_of("llama-3-8b", "q4_k_m", ["lm_head=16"]) == base + 2 * head - head * 210 // 256
    assert bytes_of("llama-3-8b", "q4_k_m", {"lm_head": "q8_0"}) == base + head * 34 // 32 - head * 210 // 256
    # a tensor in iq2_s is that, though most tensors of a file in iq2_s are iq2_xs
    assert bytes_of("llama-3-8b", "q4_k_m", {"lm_head": "iq2_s"}) == base + head * 82 // 256 - head * 210 // 256
    # a block, and the last pattern that fits
    attention = 41_943_040
    assert bytes_of("llama-3-8b", 8, ["layers.*.attention=4"]) == 8_030_261_248 - 32 * attention // 2
    assert bytes_of("llama-3-8b", 8, ["layers.*=4", "layers.*.attention=8"]) == bytes_of(
        "llama-3-8b", 8, ["layers.*.mlp=4", "layers.*.rms_norm*=4"]
    )
    assert bytes_of("llama-3-8b", 16, ["embed_tokens=nf4"]) == 2 * 8_030_261_248 - 2 * head + head * 9 // 16


def test_what_is_asked_for_is_said() -> None:
    found = shapecalc.load("llama-3-8b").memory(weights="q4_k_m", weights_of="lm_head=16")
    text = " ".join(found.render(width=100).split())
    assert "Weights: q4_k_m (llama.cpp, ggml-common.h and llama-quant.cpp); lm_head: 16, on average 5.51 bits" in text
    printed = found.to_dict()
    assert printed["bits"]["weights"] == 5.5118
    assert printed["weight_format"]["others"] == {"lm_head": "16"}
    assert "weight_format" not in shapecalc.load("llama-3-8b").memory(weights=16).to_dict()


def roles_in(spec: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in tensors_of(shapecalc.load(spec).infer()):
        for tensor in row:
            found[tensor.role] = found.get(tensor.role, 0) + 1
    return found


def test_what_projections_are() -> None:
    deepseek = roles_in("deepseek-v3")
    expected = {roles.ROUTER: 58, roles.EXPERTS_DOWN: 58, roles.FEED_FORWARD_DOWN: 61, roles.FEED_FORWARD_UP: 122,
                roles.OUTPUT: 1, roles.TOKENS: 1, roles.FROM_LATENT: 61}  # fmt: skip
    assert {role: deepseek[role] for role in expected} == expected
    assert roles.PROJECTION not in deepseek
    gpt2 = roles_in("gpt2")  # its feed-forward network is not one layer of a kind, and its output shares a table
    assert (gpt2[roles.FEED_FORWARD_UP], gpt2[roles.FEED_FORWARD_DOWN], gpt2[roles.POSITIONS]) == (12, 12, 1)
    assert roles.OUTPUT not in gpt2
    assert roles_in("mamba-130m")[roles.MIXER] == 4 * 24


def test_projections_after_one_another_are_no_feed_forward_network() -> None:
    spec = {"input": [4, 8], "layers": [{"linear": 4}, {"linear": 8}, "relu", {"linear": 3}]}
    found = [tensor.role for row in tensors_of(shapecalc.load(spec).infer()) for tensor in row if tensor.role]
    assert found == [roles.PROJECTION, roles.FEED_FORWARD_UP, roles.FEED_FORWARD_DOWN]


def test_types_with_eight_experts() -> None:
    """llama-quant.cpp: keys and values are q8_0, attention's output q5_k, and routers are not quantised."""
    report = shapecalc.load("mixtral-8x7b").infer()
    found = dict(zip([row.name for row in report.rows], weight_bytes(report, read_storing("q3_k_m")), strict=True))
    square, narrow = 4096 * 4096, 1024 * 4096
    assert found["layers.5.self_attn"] == square * 110 // 256 + 2 * narrow * 34 // 32 + square * 176 // 256
    assert found["layers.5.mlp.gate"] == 8 * 4096 * 4


def test_types_with_eight_experts_of_iq3_m() -> None:
    """llama-quant.cpp: the second layers of experts are q4_k in the first and last eighths, and every third between."""
    report = shapecalc.load("mixtral-8x7b").infer()
    found = dict(zip([row.name for row in report.rows], weight_bytes(report, read_storing("iq3_m")), strict=True))
    each = 8 * 4096 * 14_336 // 256
    narrow, wide = each * (2 * 110 + 110), each * (2 * 110 + 144)
    sizes = [size for name, size in found.items() if name.endswith("experts")]
    assert len(sizes) == 32
    assert [i for i, size in enumerate(sizes) if size == wide] == [
        0,
        1,
        2,
        3,
        6,
        9,
        12,
        15,
        18,
        21,
        24,
        27,
        *range(28, 32),
    ]
    assert {*sizes} == {narrow, wide}


def test_numbers_of_tensors() -> None:
    rows = tensors_of(shapecalc.load("deepseek-v3").infer())
    downs = [tensor for row in rows for tensor in row if tensor.role in (roles.EXPERTS_DOWN, roles.FEED_FORWARD_DOWN)]
    # an expert and the shared expert of a layer have the same number
    assert [tensor.number for tensor in downs[:7]] == [0, 1, 2, 3, 3, 4, 4]
    assert {tensor.numbered for tensor in downs} == {61}
    traits = traits_of(tensors_of(shapecalc.load("mixtral-8x7b").infer()))
    assert traits == (4, 8, 32, False)
    assert traits_of(tensors_of(shapecalc.load("gpt2").infer())).tied


def test_roles_are_of_weights_that_kinds_have() -> None:
    known = {value for name, value in vars(roles).items() if name.isupper()}
    for cls in KINDS.values():
        assert {*cls.weight_roles.values()} <= known
        if not cls.weight_roles or cls.__dict__.get("weight_roles") is None:
            continue
        names: set[str] = set()
        for example in cls.examples:
            layer = cls(**example.arguments)
            shapes = example.input if isinstance(example.input, list) else [example.input]
            names |= {*layer.weights(*[Shape(sizes) for sizes in shapes])}
        assert names & {*cls.weight_roles}


def test_every_kind_with_a_cache_has_scores() -> None:
    for cls in KINDS.values():
        if "is_causal" not in cls.arguments or not cls.examples:
            continue
        example = cls.examples[0]
        shapes = [Shape(sizes) for sizes in (example.input if isinstance(example.input, list) else [example.input])]
        layer = cls(**{**example.arguments, "is_causal": True})
        if cls.kv_cache is not cls.__mro__[-2].kv_cache:
            assert layer.score_heads(*shapes) > 0


@pytest.mark.parametrize("name", [*format_names(), "gptq-int4-gall", "Q4_K_M", " NF4 "])
def test_every_format_has_a_source(name: str) -> None:
    format_ = parse_format(name)
    assert format_.source
    assert format_.name == name.strip().lower()
    assert format_.bits is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("q4_k_x", "the format of weights is 'q4_k_x', which is not known"),
        ("awq-g0", "awq-g0 has groups of 0 weights"),
        ("4.25.1", "the bits of weights are '4.25.1': they must be a number from 1 to 64"),
        ("0.5", "the bits of weights are '0.5'"),
        (float("nan"), "the bits of weights are nan"),
        (None, "the bits of weights are None"),
    ],
)
def test_formats_that_are_not_known(given: Any, message: str) -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        parse_format(given)
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("weights_of", "message"),
    [
        ("lm_head", "'lm_head' is not GLOB=BITS"),
        ("=4", "'=4' is not GLOB=BITS"),
        ("head*=4", "no layer or block with weights of its own is named head*"),
        ("lm_head=thin", "the format of lm_head is 'thin', which is not known"),
    ],
)
def test_patterns_that_cannot_be(weights_of: str, message: str) -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        shapecalc.load("llama-3-8b").memory(weights_of=weights_of)
    assert caught.value.problems[0].message == message


def test_a_shared_layer_has_no_format() -> None:
    with pytest.raises(shapecalc.UsageError, match="no layer or block with weights of its own is named lm_head"):
        shapecalc.load("gpt2").memory(weights_of="lm_head=16")


def test_formats_are_not_trained() -> None:
    with pytest.raises(shapecalc.UsageError, match="weights in a format of stored weights cannot be trained"):
        shapecalc.load("llama-3-8b").memory(weights="q8_0", training=True)


def test_bits_of_caches() -> None:
    assert [read_bits(given, "x") for given in ("q8_0", "q4_0", 8, "fp16")] == [Fraction(17, 2), Fraction(9, 2), 8, 16]
    found = shapecalc.load("llama-3-8b").memory(kv_bits="q8_0", activations=16, context=1000)
    assert found.context is not None
    assert found.context.bytes == 1000 * 65_536 * 34 // 32
    assert found.to_dict()["kv_cache_bits"] == 8.5
    assert {*SCALED} & {*TYPES} == {"mxfp4"}


def test_fractions_are_shown_as_decimal_numbers() -> None:
    found = shapecalc.load("llama-3-8b").memory(weights="4.5", weights_of={"lm_head": "16", "layers.1": "2.25"})
    assert found.weight_format is not None
    assert found.weight_format.name == "4.5 bits"
    assert found.weight_format.others == {"lm_head": "16", "layers.1": "2.25"}
    assert "Weights: 4.5 bits; lm_head: 16; layers.1: 2.25, on average" in " ".join(found.render(width=200).split())


def test_a_format_without_use_is_said() -> None:
    note = "mxfp4 is for matrices of experts, and this network has none: all parameters have 16 bits"
    assert shapecalc.load("llama-3-8b").memory(weights="mxfp4").notes[-1:] == (note,)
    assert shapecalc.load("gpt-oss-20b").memory(weights="mxfp4").notes == ()
    assert shapecalc.load("llama-3-8b").memory(weights="nf4").notes == ()


def test_the_error_of_bits_of_caches_names_blocks() -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        shapecalc.load("gpt2").memory(kv_bits="q8", context=5)
    assert "q8_0, q4_0" in str(caught.value.problems[0].hint)
