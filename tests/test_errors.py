"""Suggestions for unknown words: the nearest one, or none."""

from __future__ import annotations

import pytest

from shapecalc.errors import did_you_mean
from shapecalc.layers import kind_words


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("convv", "conv"), ("cnv", "conv"), ("rellu", "relu"), ("lstmm", "lstm"), ("linaer", "linear"),
        ("softmx", "softmax"), ("dens", "dense"), ("batchnrm", "batch_norm"), ("attention", "self_attention"),
        ("max-pol", "max_pool"), ("LSTN", "lstm"), ("transformer", "transformer_encoder_layer"),
    ],
)  # fmt: skip
def test_a_close_word_is_suggested(word, meant):
    assert str(did_you_mean(word, kind_words, "none", lists=False)) == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("leaky", "leaky_relu"), ("lrelu", "leaky_relu"), ("L-ReLU", "leaky_relu"), ("sigm", "sigmoid"), ("rel", "relu"),
        ("hswish", "hardswish"), ("h_swish", "hardswish"), ("hsigmoid", "hardsigmoid"), ("htanh", "hardtanh"),
        ("qgelu", "quick_gelu"), ("swich", "swish"), ("sigmod", "sigmoid"), ("softpl", "softplus"),
        ("gap", "global_avg_pool"), ("bnorm", "batch_norm"), ("mpool", "max_pool"), ("dwconv", "depthwise_conv"),
        ("sepconv", "separable_conv"),
    ],
)  # fmt: skip
def test_a_short_name_stands_for_the_word_that_it_abbreviates(word, meant):
    assert str(did_you_mean(word, kind_words, "none", lists=False)) == f"did you mean {meant}?"


@pytest.mark.parametrize("word", ["foo", "bar", "hyena", "retnet", "rwkv", "s4", "ntm", "unet", "kan", "x"])
def test_a_word_of_another_family_is_not(word):
    assert str(did_you_mean(word, kind_words, "none", lists=False)) == "none"


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("parameters", "params", True), ("widht", "width", True), ("yes", "layers", False),
        ("ab", "abc", True), ("kernal_size", "kernel_size", True), ("stde", "stride", False),
    ],
)  # fmt: skip
def test_how_close_a_suggestion_must_be(word, known, meant):
    assert (str(did_you_mean(word, [known], "none", lists=False)) != "none") is meant


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("pad", ["bias", "padding_mode", "padding"], "padding"),
        ("out", ["in_channels", "out_channels"], "out_channels"),
        ("input_shape", ["inputs", "input", "outputs"], "input"),
        ("conv1_relu", ["conv1", "conv1_relu1"], "conv1_relu1"),
        ("paddin", ["padding_mode", "padding"], "padding"),
        ("bert-base", ["roberta-base", "bert-base-uncased", "bert-base-cased"], "bert-base-cased"),
        ("Bert_Base", ["roberta-base", "bert-base-uncased", "bert-base-cased"], "bert-base-cased"),
        ("self", ["selu", "self_attention"], "self_attention"),
        ("conv_", ["conv_lstm", "conv"], "conv"),
        ("bert-bsae-cased", ["bert-base-uncased", "bert-base-cased"], "bert-base-cased"),
    ],
)
def test_beginnings_and_parts(word, known, meant):
    assert str(did_you_mean(word, known)) == f"did you mean {meant}?"


def test_two_letters_are_the_beginning_of_nothing():
    assert str(did_you_mean("pa", ["padding_mode", "bias"])) == "known here: bias, padding_mode"
