"""The language models of the zoo: against the transformers library, and the laws of length, vocabulary and cache."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

import shapecalc

if TYPE_CHECKING:
    from shapecalc import Report

# Parameters as transformers counts them (data/README.md, and the hub's model cards for the rest).
KNOWN = {
    "bert-base-uncased": 109_482_240,
    "bert-base-cased": 108_310_272,
    "bert-large-uncased": 335_141_888,
    "bert-large-cased": 333_579_264,
    "clip-vit-base-patch32": 151_277_313,
    "clip-vit-base-patch16": 149_620_737,
    "clip-vit-large-patch14": 427_616_513,
    "distilbert-base-uncased": 66_362_880,
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "llama-2-7b": 6_738_415_616,
    "llama-2-13b": 13_015_864_320,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "mamba-130m": 129_135_360,
    "mamba-370m": 371_516_416,
    "mamba-790m": 793_204_224,
    "mamba-1.4b": 1_372_178_432,
    "mamba-2.8b": 2_768_345_600,
    "mamba2-130m": 128_989_632,
    "mamba2-370m": 368_346_624,
    "mamba2-780m": 780_161_280,
    "mamba2-1.3b": 1_343_757_312,
    "mamba2-2.7b": 2_702_599_680,
    "mixtral-8x7b": 46_702_792_704,
    "mixtral-8x22b": 140_630_071_296,
    "roberta-base": 124_645_632,
    "roberta-large": 355_359_744,
    "t5-small": 60_506_624,
    "t5-base": 222_903_552,
    "t5-large": 737_668_096,
    "whisper-tiny": 37_760_640,
    "whisper-base": 72_593_920,
    "whisper-small": 241_734_912,
    "whisper-medium": 763_857_920,
    "whisper-large": 1_543_304_960,
}

ENCODERS = {
    "albert-base-v2": 11_683_584, "albert-xxlarge-v2": 222_595_584, "electra-small": 13_483_008,
    "deberta-v3-base": 183_831_552, "deberta-v3-small": 141_304_320, "modernbert-base": 149_655_232,
    "bart-base": 139_420_416, "bart-large": 406_291_456, "wav2vec2-base": 94_371_712, "wav2vec2-large": 315_428_992,
    "wav2vec2-large-lv60": 315_438_720,
}  # fmt: skip
"""Parameters of transformers 5.24, as below: of the base class, but ModernBertForMaskedLM and BART with its scores."""

HUB = {
    "llama-3.2-1b": 1_235_814_400, "mistral-7b": 7_241_732_096, "qwen2.5-0.5b": 494_032_768, "qwen3-0.6b": 596_049_920,
    "gemma-2b": 2_506_172_416, "gemma-2-9b": 9_241_705_984, "phi-2": 2_779_683_840, "olmo-2-7b": 7_298_617_344,
    "olmoe-1b-7b": 6_919_161_856, "falcon-7b": 6_921_720_704, "pythia-160m": 162_322_944, "gpt-j-6b": 6_050_882_784,
    "opt-125m": 125_239_296, "bloom-560m": 559_214_592, "mpt-7b": 6_649_286_656, "deepseek-v2-lite": 15_706_484_224,
    "deepseek-v3": 671_026_404_352, "qwen3-30b-a3b": 30_532_122_624, "gpt-oss-20b": 20_914_757_184,
    "jamba-v0.1": 51_570_323_328, "qwen3-next-80b-a3b": 79_674_391_296,
    "llama-3.2-3b": 3_212_749_824, "qwen2.5-7b": 7_615_616_512, "qwen3-8b": 8_190_735_360,
    "gemma-2-2b": 2_614_341_888, "gemma-2-27b": 27_227_128_320, "gemma-3-1b": 999_885_952,
    "gemma-3-4b": 4_300_079_472, "gemma-3-12b": 12_187_325_040, "gemma-3-27b": 27_432_406_640,
    "phi-3-mini-4k": 3_821_079_552, "phi-3-mini-128k": 3_821_079_552, "gpt-oss-120b": 116_829_156_672,
}  # fmt: skip
"""Parameters as transformers 5.24 counts them on the meta device, from the config of each on the hub."""


FILES = {
    model["name"]: model["config"]
    for model in json.loads((Path(__file__).parent.parent / "data" / "hub_configs.json").read_text("utf-8"))["models"]
}


def infer(name: str, **variables: Any) -> Report:
    return shapecalc.load(name).infer(vars=variables)


@pytest.mark.parametrize("name", some(KNOWN, 12))
def test_parameters_agree_with_transformers(name: str) -> None:
    assert infer(name).total.params == KNOWN[name]


@pytest.mark.parametrize("name", some(ENCODERS, 6))
def test_encoders_have_the_parameters_of_transformers(name: str) -> None:
    assert infer(name).total.params == ENCODERS[name]


@pytest.mark.parametrize("name", some(HUB, 6))
def test_members_of_the_hub_have_the_parameters_of_transformers(name: str) -> None:
    assert infer(name, seq=8).total.params == HUB[name]


def test_every_decoder_is_known() -> None:
    assert set(shapecalc.load("decoder").origin.specification.variants) == set(HUB)


@pytest.mark.parametrize(
    "name",
    ["llama-3.1-70b", "llama-3.2-3b", "gemma-2-2b", "gemma-3-1b", "gemma-3-4b", "gemma-3-12b", "gemma-3-27b",
     "phi-3-mini-4k", "gpt-oss-20b"],
)  # fmt: skip
def test_members_are_what_their_files_on_the_hub_are(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FILES[name]), "utf-8")
    member, file = shapecalc.load(name), shapecalc.load(str(tmp_path))
    ours, due = (network.infer(vars={"seq": 8}).total for network in (member, file))
    assert (ours.params, ours.active_params, ours.macs) == (due.params, due.active_params, due.macs)
    short, long = ({"weights": 16, "activations": 16, "vars": {"seq": 8}, "context": tokens} for tokens in (300, 8192))
    for words in (short, long):
        ours, due = (network.memory(training=False, **words) for network in (member, file))
        assert (ours.total, ours.kv_cache) == (due.total, due.kv_cache), "with its windows and few heads"
    ours, due = (
        network.memory(training=True, weights=32, activations=32, vars={"seq": 8}).training
        for network in (member, file)
    )
    assert ours.kept == due.kept


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────

STATE_SPACE = [name for name in KNOWN if name.startswith("mamba")]
ONE_LENGTH = [name for name in KNOWN if not name.startswith(("t5", "whisper")) and name not in STATE_SPACE]


@pytest.mark.parametrize("name", some(ONE_LENGTH, 3))
def test_length_changes_macs_quadratically_and_no_parameters(name: str) -> None:
    reports = [infer(name, seq=seq) for seq in (10, 20, 30, 40)]
    assert len({report.total.params for report in reports}) == 1
    macs = [report.total.macs for report in reports]
    first = [b - a for a, b in pairwise(macs)]
    second = [b - a for a, b in pairwise(first)]
    assert second[0] == second[1] > 0, "a polynomial of the second degree"
    squares = sum(
        2 * row.node.layer.num_heads * (row.sizing.inputs[0].sizes[-1] // row.node.layer.num_heads)
        for row in reports[0].rows
        if row.kind == "multi_head_attention" and row.sizing.inputs[0].sizes[0] == 10
    )
    assert second[0] == 2 * 10**2 * squares, "two products of L×L numbers in every layer"


@pytest.mark.parametrize("name", some(STATE_SPACE, 2))
def test_macs_of_a_state_space_model_are_linear_in_the_length(name: str) -> None:
    one, many = (infer(name, seq=seq).total for seq in (1, 5000))
    assert (many.macs, many.params) == (5000 * one.macs, one.params)


@pytest.mark.parametrize("name", ["t5-small", "whisper-tiny"])
def test_a_decoder_may_be_shorter_than_its_source(name: str) -> None:
    variables = {"target_seq": 7} if name == "t5-small" else {"seq": 7}
    short, whole = infer(name, **variables), infer(name)
    assert short.total.params == whole.total.params
    assert short.total.macs < whole.total.macs
    assert short.total.trainable == whole.total.trainable
    ((length, _),) = short.outputs.values()
    assert length == 7


@pytest.mark.parametrize("name", ["bert-base-uncased", "gpt2", "clip-vit-base-patch32", "whisper-tiny"])
def test_learned_positions_limit_the_length(name: str) -> None:
    context = shapecalc.load(name).graph.variables["context"]
    infer(name, seq=context)
    with pytest.raises(shapecalc.ShapeError, match="length of the input"):
        infer(name, seq=context + 1)


@pytest.mark.parametrize("name", ["gpt2", "t5-small", "llama-3-8b"])
def test_every_layer_costs_the_same(name: str) -> None:
    reports = [infer(name, layers=layers) for layers in (2, 3, 4)]
    for word in ("params", "macs"):
        two, three, four = (getattr(report.total, word) for report in reports)
        assert four - three == three - two > 0


@pytest.mark.parametrize(
    ("name", "tables", "scored"),
    [
        ("gpt2", 1, 1),
        ("mamba-130m", 1, 1),
        ("t5-small", 1, 1),
        ("whisper-tiny", 1, 1),
        ("llama-2-7b", 2, 1),
        ("bert-base-uncased", 1, 0),
    ],
)
def test_one_more_token_in_the_vocabulary(name: str, tables: int, scored: int) -> None:
    """One row in every table that is not shared; the last layer scores the token at every position."""
    network = shapecalc.load(name)
    variables = network.graph.variables
    before, after = network.infer(), network.infer(vars={"vocab": variables["vocab"] + 1})
    assert after.total.params - before.total.params == tables * variables["hidden"]
    length = variables["target_seq"] if "target_seq" in variables else variables["seq"]
    assert after.total.macs - before.total.macs == scored * length * variables["hidden"]


@pytest.mark.parametrize(
    ("name", "layer", "owner"),
    [("gpt2", "lm_head", "wte"), ("t5-small", "target_embedding", "shared"), ("t5-small", "lm_head", "shared"),
     ("whisper-tiny", "proj_out", "embed_tokens")],
)  # fmt: skip
def test_a_tied_table_is_counted_once(name: str, layer: str, owner: str) -> None:
    row = infer(name)[layer]
    assert (row.shares, row.params) == (owner, 0)
    assert row.macs == (0 if row.kind == "embedding" else row.activations * row.in_features)


def test_whisper_does_not_train_its_encoders_positions() -> None:
    """OpenAI's own count leaves them out: 37,184,640 for tiny."""
    total = infer("whisper-tiny").total
    assert total.params - total.trainable == 1_500 * 384
    assert total.trainable == 37_184_640


def test_only_the_first_layers_of_t5_have_relative_biases() -> None:
    tables = [row.name for row in infer("t5-small").rows if "relative_attention" in row.sizing.weight_shapes]
    assert len(tables) == 2
    assert [name.split(".")[:2] for name in tables] == [["encoder", "0"], ["decoder", "0"]]


def test_the_decoder_of_t5_attends_to_the_encoder() -> None:
    report = infer("t5-small", seq=11, target_seq=7)
    crossing = [row for row in report.rows if row.name.endswith("cross_attention")]
    assert [tuple(shape.sizes for shape in row.sizing.inputs) for row in crossing] == [((7, 512), (11, 512))] * 6
    assert {row.from_[1] for row in crossing} == {"encoded"}


def test_grouped_queries_have_fewer_keys_and_values() -> None:
    grouped = infer("llama-3-8b")
    whole = infer("llama-3-8b", kv_heads=32)
    assert whole.total.params - grouped.total.params == 32 * 2 * 4096 * (32 - 8) * 128
    assert cache(whole) == 4 * cache(grouped)


def test_seq2seq_is_the_papers_384_million() -> None:
    """Sutskever et al. 2014, section 3.4: 384M parameters, 64M of them recurrent (32M in each LSTM)."""
    report = infer("seq2seq_lstm")
    assert report.total.params == 384_000_000
    assert report["encoder"].params == report["decoder"].params == 32_000_000
    longer = infer("seq2seq_lstm", source_length=50)
    assert longer.total.macs - report.total.macs == 25 * 32_000_000


# ── the key/value cache ───────────────────────────────────────────────────────────────────────────────────────────


def cache(report: Report) -> int:
    """Return how many elements a decoder caches for each token."""
    rows = [row for row in report.rows if row.kind == "multi_head_attention"]
    return sum(row.node.layer.kv_cache(*row.sizing.inputs) for row in rows)


def documented(heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading of docs/language-models.md, of the members that it names."""
    text = (Path(__file__).parents[2] / "docs" / "language-models.md").read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [cells for cells in table if cells[0] in KNOWN]


@pytest.mark.parametrize("cells", documented("The key/value cache"), ids=lambda cells: cells[0])
def test_the_documented_cache_agrees_with_reports(cells: list[str]) -> None:
    name, layers, kv_heads, head_dim, numbers, kib, whole = cells
    mib, length = (int(found.replace(",", "")) for found in re.findall(r"[\d,]+", whole))
    kept = cache(infer(name))
    assert kept == 2 * int(layers) * int(kv_heads) * int(head_dim) == int(numbers.replace(",", ""))
    assert f"{2 * kept // 1024} KiB" == kib
    assert 2 * kept * length == mib * 2**20
    assert shapecalc.load(name).graph.variables["seq"] == length


@pytest.mark.parametrize("cells", documented("The cost of one more token"), ids=lambda cells: cells[0])
def test_the_documented_cost_of_a_token_agrees_with_reports(cells: list[str]) -> None:
    name, (alone, each) = cells[0], (int(cell.replace(",", "")) for cell in cells[1:])
    one, two = (infer(name, seq=seq).total.macs for seq in (1, 2))
    assert one == alone
    assert two - 2 * one == 2 * each, "at length 2 both tokens attend to one token more"


def states(report: Report) -> int:
    """Return how many elements a decoder keeps of a text, however long it is."""
    return sum(row.node.layer.state_cache(*row.sizing.inputs) for row in report.rows)


@pytest.mark.parametrize("cells", documented("State-space models"), ids=lambda cells: cells[0])
def test_the_documented_states_agree_with_reports(cells: list[str]) -> None:
    name, layers, params, kept, mib, macs = cells
    report = infer(name, seq=1)
    assert report.total.params == int(params.replace(",", ""))
    assert shapecalc.load(name).graph.variables["layers"] == int(layers)
    assert states(report) == states(infer(name)) == int(kept.replace(",", ""))
    assert f"{shapecalc.load(name).memory(activations=16).state_cache / 2**20:.1f} MiB" == mib
    assert report.total.macs == int(macs.replace(",", ""))
    assert cache(report) == 0


def test_the_documented_tables_are_found() -> None:
    assert len(documented("State-space models")) == 10
    assert len(documented("The key/value cache")) == 7
    assert len(documented("The cost of one more token")) == 3


# ── where transformers is installed ───────────────────────────────────────────────────────────────────────────────


def config(name: str) -> tuple[str, str, dict[str, Any]]:
    """Return the model's class, its configuration's class and arguments, from the variables of the specification."""
    v = shapecalc.load(name).graph.variables
    if name.startswith(("bert", "roberta")):
        family = "Bert" if name.startswith("bert") else "Roberta"
        return f"{family}Model", f"{family}Config", {
            "vocab_size": v["vocab"], "hidden_size": v["hidden"], "num_hidden_layers": v["layers"],
            "num_attention_heads": v["heads"], "intermediate_size": 4 * v["hidden"],
            "max_position_embeddings": v["context"], "type_vocab_size": v["segment_types"],
        }  # fmt: skip
    if name.startswith("distilbert"):
        return "DistilBertModel", "DistilBertConfig", {}
    if name.startswith("gpt2"):
        sizes = {"n_embd": v["hidden"], "n_layer": v["layers"], "n_head": v["heads"]}
        return "GPT2LMHeadModel", "GPT2Config", sizes
    if name.startswith(("llama", "mixtral")):
        family = "Llama" if name.startswith("llama") else "Mixtral"
        return f"{family}ForCausalLM", f"{family}Config", {
            "vocab_size": v["vocab"], "hidden_size": v["hidden"], "intermediate_size": v["feed_forward"],
            "num_hidden_layers": v["layers"], "num_attention_heads": v["heads"], "num_key_value_heads": v["kv_heads"],
        }  # fmt: skip
    if name.startswith("mamba"):
        family = "Mamba2" if name.startswith("mamba2") else "Mamba"
        heads = {"num_heads": 2 * v["hidden"] // 64, "n_groups": 1, "chunk_size": 4, "tie_word_embeddings": True}
        return f"{family}ForCausalLM", f"{family}Config", {
            "vocab_size": v["vocab"], "hidden_size": v["hidden"], "num_hidden_layers": v["layers"],
            **(heads if family == "Mamba2" else {}),
        }  # fmt: skip
    if name.startswith("t5"):
        return "T5ForConditionalGeneration", "T5Config", {
            "vocab_size": v["vocab"], "d_model": v["hidden"], "d_kv": v["head_dim"], "d_ff": v["feed_forward"],
            "num_layers": v["layers"], "num_heads": v["heads"],
        }  # fmt: skip
    if name.startswith("whisper"):
        each = {
            f"{half}_{word}": number
            for half in ("encoder", "decoder")
            for word, number in (("layers", v["layers"]), ("attention_heads", v["heads"]), ("ffn_dim", 4 * v["hidden"]))
        }
        return "WhisperForConditionalGeneration", "WhisperConfig", {
            "vocab_size": v["vocab"], "d_model": v["hidden"], **each,
        }  # fmt: skip
    vision, text = v["width"], v["text_width"]
    return "CLIPModel", "CLIPConfig", {
        "projection_dim": v["projection"],
        "text_config": {"hidden_size": text, "intermediate_size": 4 * text, "num_hidden_layers": v["text_depth"],
                        "num_attention_heads": text // 64, "projection_dim": v["projection"]},
        "vision_config": {"hidden_size": vision, "intermediate_size": 4 * vision, "num_hidden_layers": v["depth"],
                          "num_attention_heads": vision // 64, "patch_size": v["patch"],
                          "projection_dim": v["projection"]},
    }  # fmt: skip


def inputs_of(name: str, torch: Any) -> dict[str, Any]:
    v = shapecalc.load(name).graph.variables
    tokens = torch.zeros(1, v["seq"], dtype=torch.long)
    if name.startswith("whisper"):
        return {"input_features": torch.zeros(1, v["mels"], v["frames"]), "decoder_input_ids": tokens}
    if name.startswith("t5"):
        return {"input_ids": tokens, "decoder_input_ids": torch.zeros(1, v["target_seq"], dtype=torch.long)}
    if name.startswith("clip"):
        image = torch.zeros(1, 3, 224, 224)
        return {"input_ids": tokens, "pixel_values": image, "attention_mask": torch.ones_like(tokens)}
    return {"input_ids": tokens}


@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in KNOWN if name not in STATE_SPACE])
def test_figures_agree_with_the_installed_transformers(name: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    model_class, config_class, sizes = config(name)
    eager: dict[str, str] = {} if name.startswith("t5") else {"attn_implementation": "eager"}
    if name.startswith("mixtral"):
        eager["experts_implementation"] = "batched_mm"  # the loop over experts depends on data
    with torch.device("meta"):
        model = getattr(transformers, model_class)(getattr(transformers, config_class)(**sizes, **eager)).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(**inputs_of(name, torch))
    total = infer(name).total
    assert sum(parameter.numel() for parameter in model.parameters()) == total.params
    assert counter.get_total_flops() == 2 * total.macs
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == total.trainable


@pytest.mark.slow
@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", STATE_SPACE)
def test_state_space_models_agree_with_the_installed_transformers(name: str) -> None:
    """Parameters and matrix products: the flop counter has another convolution, over its padding, and no recurrence."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from torch.utils.flop_counter import FlopCounterMode

    length = 4
    model_class, config_class, sizes = config(name)
    with torch.device("meta"):
        model = getattr(transformers, model_class)(getattr(transformers, config_class)(**sizes)).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, length, dtype=torch.long), use_cache=False)
    counts = {str(word): flops // 2 for word, flops in counter.get_flop_counts()["Global"].items()}
    v, total = shapecalc.load(name).graph.variables, infer(name, seq=length).total
    inner = 2 * v["hidden"]
    channels = inner + 2 * v["state"] if name.startswith("mamba2") else inner
    steps = length * v["layers"] * (channels * 4 + 3 * inner * v["state"])
    assert sum(parameter.numel() for parameter in model.parameters()) == total.params == total.trainable
    assert counts.get("aten.mm", 0) + counts.get("aten.addmm", 0) == total.macs - steps
