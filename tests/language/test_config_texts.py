"""The config.json of encoders, encoder-decoders and speech: heads, windows, what is refused, and how a config is found."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

import shapecalc

if TYPE_CHECKING:
    from pathlib import Path

BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 32, "num_attention_heads": 4,
        "num_hidden_layers": 2, "intermediate_size": 40, "vocab_size": 50}  # fmt: skip
T5 = {"model_type": "t5", "d_model": 32, "d_ff": 48, "num_layers": 1, "num_heads": 2, "d_kv": 8, "vocab_size": 50}
WAVES = {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"], "num_hidden_layers": 1}
LLAMA = {"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def written(folder: Path, config: Any, name: str = "config.json") -> str:
    (folder / name).write_text(json.dumps(config, indent=2), encoding="utf-8")
    return str(folder / name)


def outputs(folder: Path, config: dict[str, Any], **variables: int) -> list[tuple[int, ...]]:
    return [*shapecalc.load(written(folder, config)).infer(vars=variables).outputs.values()]


@pytest.mark.parametrize(
    ("classes", "due"),
    [
        (["BertForMaskedLM"], [(9, 50)]),
        (["BertLMHeadModel"], [(9, 50)]),
        (["BertModel"], [(9, 32), (32,)]),
        (None, [(9, 32), (32,)]),
        (["BertForPreTraining"], [(9, 50), (2,)]),
        (["BertForSequenceClassification"], [(3,)]),
        (["BertForMultipleChoice"], [(1,)]),
        (["BertForTokenClassification"], [(9, 3)]),
    ],
)
def test_the_class_decides_on_the_outputs(classes: Any, due: list[tuple[int, ...]], tmp_path: Path) -> None:
    config = {**BERT, "architectures": classes, "id2label": {"0": "a", "1": "b", "2": "c"}}
    assert outputs(tmp_path, config, seq=9) == due


def test_a_class_has_its_own_number_of_labels_by_default(tmp_path: Path) -> None:
    bart = {"model_type": "bart", "architectures": ["BartForSequenceClassification"], "d_model": 32}
    assert outputs(tmp_path, bart, seq=4) == [(3,)]
    assert outputs(tmp_path, {**bart, "id2label": {"0": "a", "1": "b"}}, seq=4) == [(2,)]
    assert outputs(tmp_path, {**bart, "num_labels": 5}, seq=4) == [(5,)]


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        ({**BERT, "architectures": None}, 20),
        ({**BERT, "architectures": None, "model_type": "roberta"}, 18),
        ({**BERT, "architectures": None, "model_type": "roberta", "pad_token_id": 3}, 16),
        ({"model_type": "opt", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}, 20),
        ({"model_type": "bart", "d_model": 32, "encoder_layers": 1, "decoder_layers": 1}, 20),
    ],
)
def test_the_longest_text_is_that_of_the_positions_in_transformers(config: Any, longest: int, tmp_path: Path) -> None:
    network = shapecalc.load(written(tmp_path, {**config, "max_position_embeddings": 20}))
    network.infer(vars={"seq": longest})  # as long as the classes run, and no longer, in transformers 5.24
    with pytest.raises(shapecalc.ShapeError, match="length of the input"):
        network.infer(vars={"seq": longest + 1})


@pytest.mark.parametrize(("member", "longest"), [("roberta-base", 512), ("opt-125m", 2048), ("bart-base", 1024)])
def test_the_longest_text_of_a_member_leaves_out_rows_of_no_position(member: str, longest: int) -> None:
    rows = [row for row in shapecalc.load(member).infer().rows if row.kind == "position_embedding"]
    assert {row.node.layer.longest_sequence() for row in rows} == {longest}
    assert {row.params // row.sizing.inputs[0].sizes[-1] for row in rows} == {longest + 2}


def test_the_default_length_is_no_more_than_the_positions(tmp_path: Path) -> None:
    assert outputs(tmp_path, {**BERT, "max_position_embeddings": 40}) == [(40, 50)]
    assert outputs(tmp_path, BERT) == [(128, 50)]
    assert outputs(tmp_path, {"model_type": "gpt2", "n_embd": 24, "n_layer": 1, "n_positions": 30}) == [(30, 50257)]


def test_an_encoder_alone_has_one_input(tmp_path: Path) -> None:
    both = shapecalc.load(written(tmp_path, {**T5, "architectures": ["T5ForConditionalGeneration"]}))
    alone = shapecalc.load(written(tmp_path, {**T5, "architectures": ["T5EncoderModel"]}))
    assert [*both.graph.inputs] == ["tokens", "targets"]
    assert [*alone.graph.inputs] == ["tokens"]
    old = shapecalc.load(written(tmp_path, {**T5, "architectures": ["T5WithLMHeadModel"]}))
    assert old.infer().total == both.infer().total


def test_global_and_local_layers_alternate(tmp_path: Path) -> None:
    config = {**BERT, "model_type": "modernbert", "architectures": ["ModernBertModel"], "num_hidden_layers": 4,
              "local_attention": 8}  # fmt: skip

    def windows(**more: Any) -> list[int | None]:
        report = shapecalc.load(written(tmp_path, {**config, **more})).infer()
        return [row.node.layer.window for row in report if row.kind == "multi_head_attention"]

    assert windows() == [None, 8, 8, None]
    assert windows(global_attn_every_n_layers=2) == [None, 8, None, 8]
    assert windows(layer_types=["sliding_attention", *["full_attention"] * 3]) == [8, None, None, None]


def test_only_decoders_cache(tmp_path: Path) -> None:
    bert = shapecalc.load(written(tmp_path, {**BERT, "architectures": ["BertLMHeadModel"]}))
    decoder = shapecalc.load(written(tmp_path, {**BERT, "architectures": ["BertLMHeadModel"], "is_decoder": True}))
    assert not bert.memory().kv_cache
    assert decoder.memory().kv_cache


def test_shared_layers_count_once_and_run_each_time(tmp_path: Path) -> None:
    albert = {**BERT, "model_type": "albert", "architectures": ["AlbertModel"], "embedding_size": 8}
    found = {
        (layers, groups): shapecalc.load(
            written(tmp_path, {**albert, "num_hidden_layers": layers, "num_hidden_groups": groups})
        ).infer().total
        for layers, groups in ((2, 1), (4, 1), (4, 2), (4, 4))
    }  # fmt: skip
    assert found[2, 1].params == found[4, 1].params < found[4, 2].params < found[4, 4].params
    assert found[2, 1].macs < found[4, 1].macs == found[4, 2].macs == found[4, 4].macs


ALBERT = {**BERT, "model_type": "albert", "architectures": ["AlbertModel"], "embedding_size": 8}
MODERN = {**BERT, "model_type": "modernbert", "architectures": ["ModernBertModel"]}
DEBERTA = {**BERT, "model_type": "deberta-v2", "architectures": ["DebertaV2Model"]}
WRONG = {
    "heads": ({**BERT, "num_attention_heads": 5}, ":7:3: num_attention_heads is 5: hidden_size % num_attention_heads == 0"),
    "no heads": ({**BERT, "num_attention_heads": 0}, ":7:3: num_attention_heads is 0: "),
    "heads of a decoder": ({**LLAMA, "num_attention_heads": 5}, ":5:3: num_attention_heads is 5: "),
    "activation": ({**BERT, "hidden_act": "gelo"}, ':11:3: hidden_act is "gelo": it must be another word'),
    "a function that is no activation there": ({**BERT, "hidden_act": "softmax"}, 'hidden_act is "softmax"'),
    "activation of a decoder": ({**LLAMA, "hidden_act": "bogus"}, ':6:3: hidden_act is "bogus"'),
    "types of layers": ({**LLAMA, "model_type": "qwen2", "num_key_value_heads": 4, "layer_types": ["bogus", "full_attention"]},
                        ':7:3: layer_types is ["bogus", "full_attention"]: it must be another word'),
    "number of types": ({**MODERN, "layer_types": ["full_attention"]},
                        ":11:3: layer_types is [full_attention]: len(layer_types) in [0, num_hidden_layers] must hold"),
    "no words": ({**BERT, "vocab_size": 0}, ":10:3: vocab_size is 0: vocab_size > 0 must hold"),
    "cross-attention": ({**BERT, "add_cross_attention": True}, ":11:3: add_cross_attention is true: "),
    "labels": ({**BERT, "num_labels": "many"}, ':11:3: num_labels is "many": it must be a whole number of at least 1'),
    "no labels": ({**BERT, "num_labels": 0}, ":11:3: num_labels is 0: "),
    "a list of labels": ({**BERT, "id2label": ["a"]}, ':11:3: id2label is ["a"]: it must be an object of labels'),
    "dropout": ({**BERT, "hidden_dropout_prob": 5}, ":11:3: hidden_dropout_prob is 5: hidden_dropout_prob <= 1 must hold"),
    "not a number": ({**BERT, "hidden_dropout_prob": float("nan")}, ":11:3: hidden_dropout_prob is NaN: it must be a number"),
    "more groups than layers": ({**ALBERT, "num_hidden_groups": 5}, ":12:3: num_hidden_groups is 5: "),
    "kind of scores": ({**DEBERTA, "pos_att_type": "p2c|x2x"}, ':11:3: pos_att_type is "p2c|x2x": it must be another word'),
    "below -1": ({**DEBERTA, "position_buckets": -2}, "position_buckets is -2: it must be a whole number from -1 to "),
    "pooling": ({**MODERN, "classifier_pooling": "max"}, ':11:3: classifier_pooling is "max"'),
    "never global": ({**MODERN, "global_attn_every_n_layers": 0}, ":11:3: global_attn_every_n_layers is 0: "),
    "a gate alone": ({**T5, "feed_forward_proj": "gated"}, ":9:3: feed_forward_proj is [gated]: "),
    "two activations": ({**T5, "feed_forward_proj": "gelu-relu"}, ":9:3: feed_forward_proj is [gelu, relu]: "),
    "unequal lists": ({**WAVES, "conv_dim": [8]}, "len(conv_stride) == len(conv_dim) and conv_stride[i] > 0 must hold"),
    "norm": ({**WAVES, "feat_extract_norm": "batch"}, 'feat_extract_norm is "batch": it must be another word'),
    "kernel of nothing": ({**WAVES, "conv_kernel": [10, 3, 3, 3, 3, 2, 0]}, "conv_kernel[i] > 0 must hold"),
    "no vocabulary": ({**WAVES, "vocab_size": None}, "vocab_size is 0: vocab_size > 0 or task != 'ctc' must hold"),
    "two answers": ({"model_type": "distilbert", "architectures": ["DistilBertForQuestionAnswering"], "num_labels": 3},
                    "num_labels is 3: task != 'question_answering' or num_labels == 2 must hold"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_transformers_refuses_is_refused_at_its_field(name: str, tmp_path: Path) -> None:
    config, message = WRONG[name]
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(written(tmp_path, config)).infer()
    assert message in str(caught.value)


def test_a_width_of_heads_of_its_own_is_allowed(tmp_path: Path) -> None:
    for kind in ("mistral", "qwen2", "granite", "phi"):  # whose classes do not refuse it
        config = {**LLAMA, "model_type": kind, "hidden_size": 33, "num_key_value_heads": 4, "head_dim": 8}
        assert shapecalc.load(written(tmp_path, config)).infer().total.params


def test_a_text_with_bars_is_a_list(tmp_path: Path) -> None:
    config = {**DEBERTA, "relative_attention": True, "position_buckets": 4}
    one, other = (
        shapecalc.load(written(tmp_path, {**config, "pos_att_type": given})).infer().total
        for given in (["p2c", "c2p"], "P2C | c2p")
    )
    assert one == other
    assert one.macs > shapecalc.load(written(tmp_path, {**config, "pos_att_type": "c2p"})).infer().total.macs


def test_a_config_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    due = shapecalc.load(written(tmp_path, BERT)).infer().total
    other = shapecalc.load(written(tmp_path, BERT, "my-bert.cfg"))
    assert other.infer().total == due
    assert other.name == "my-bert"
    text = json.dumps(BERT, indent=2)
    assert shapecalc.load(text).infer().total == shapecalc.load(text.encode()).infer().total == due
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + text.encode())))
    piped = shapecalc.load("-")
    assert piped.infer().total == due
    assert piped.name == "bert"


def test_a_specification_in_json_is_no_config(tmp_path: Path) -> None:
    spec = {"name": "n", "input": [4], "vars": {"model_type": 3}, "layers": [{"fc": "model_type"}]}
    assert shapecalc.load(written(tmp_path, spec, "spec.cfg")).infer().outputs == {"fc1": (3,)}


def test_a_config_has_no_variants(tmp_path: Path) -> None:
    path = written(tmp_path, BERT, "bert.cfg")
    with pytest.raises(shapecalc.UsageError, match="is the config of a model: it has no variant large"):
        shapecalc.load(f"{path}:large")


def test_errors_of_a_config_on_standard_input_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({**BERT, "vocab_size": -1}, indent=2)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with pytest.raises(shapecalc.SpecError, match="<stdin>:10:3: vocab_size is -1"):
        shapecalc.load("-")


def test_encoder_and_decoder_have_heads_of_their_own(tmp_path: Path) -> None:
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 8, "d_model": 32, "encoder_layers": 1,
             "decoder_layers": 1}  # fmt: skip
    for kind in ("bart", "whisper"):
        report = shapecalc.load(written(tmp_path, {"model_type": kind, **heads})).infer()
        found = [row.node.layer.num_heads for row in report if row.kind == "multi_head_attention"]
        assert found == [4, 8, 8]
