"""Notes on layers that are valid here but probably a mistake: PyTorch would refuse them, or they lose something."""

from __future__ import annotations

from typing import Any

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

WORDS = {"embedding": {"num_embeddings": 10, "embedding_dim": 64}}
CONV = {"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}}
SWAP = {"transpose": {"dim0": 1, "dim1": 2}}
FIX = "put `- transpose: {dim0: 1, dim1: 2}` before it"


def notes(size: Any, layers: list[Any], **more: Any) -> tuple[str, ...]:
    """Return the notes on a network; a dict of sizes are several inputs."""
    return (
        shapecalc.load({"inputs" if isinstance(size, dict) else "input": size, "layers": layers, **more}).infer().notes
    )


@pytest.mark.parametrize(
    ("size", "layers", "note"),
    [
        # The batch axis in a size: x.view(-1, 2880), and a parameter of torch.zeros(1, 16, 64).
        ("20x12x12", [{"view": [-1, 2880]}, {"linear": 10}],
         "reshape1 outputs 1×2880: sizes are without the batch axis, so that its -1 is 1; leave it out: [2880], "
         "or write `- flatten`"),
        (800, [{"reshape": [-1, 8, 100]}],
         "reshape1 outputs 1×8×100: sizes are without the batch axis, so that its -1 is 1; leave it out: [8, 100]"),
        ("16x64", [{"parameter": [1, 16, 64]}, {"add": ["input", "parameter1"]}],
         "add1 turns 16×64 into 1×16×64: a parameter is written without the batch axis, [16, 64], without the 1 in front"),
        (64, [{"parameter": [1, 1, 64]}, "relu", {"mul": ["relu1", "input"]}],
         "mul1 turns 64 into 1×1×64: a parameter is written without the batch axis, [64], without the 1s in front"),
        (64, [{"parameter": [2, 64]}, {"chunk": 2}, {"add": ["chunk1[1]", "input"]}],
         "add1 turns 64 into 1×64: a parameter is written without the batch axis, [64], without the 1 in front"),
        ("3*8*8", ["relu"], "the input is one axis of 192: write 3x8x8 for 3 axes"),
        # Inputs with different numbers of axes: (N, 64) + (N, 10, 64) is an error in PyTorch.
        ({"a": 64, "b": "10x64"}, [{"add": ["a", "b"]}],
         "add1 matches 64 with 10×64 from the last axis on, but PyTorch would match the batch axis of 64 with the 10: "
         "a reshape to 2 axes says which of them are meant"),
        (64, [{"parameter": [10, 64]}, {"maximum": ["input", "parameter1"]}],
         "maximum1 matches 64 with 10×64 from the last axis on, but PyTorch would match the batch axis of 64 with the "
         "10: a reshape to 2 axes says which of them are meant"),
        # The order of the axes.
        (50, [WORDS, {"dropout": 0.1}, CONV],
         f"conv1 reads 50×64 as channels × length, but embedding1 outputs length × features: {FIX}"),
        ("50x64", [{"lstm": 64}, "global_avg_pool"],
         f"global_avg_pool1 reads 50×64 as channels × length, but lstm1 outputs length × features: {FIX}"),
        ("64x7x7", ["to_tokens", {"conv1d": {"out_channels": 8, "kernel_size": 3}}],
         f"conv1 reads 49×64 as channels × length, but to_tokens1 outputs length × features: {FIX}"),
        ("1x100", [CONV, "relu", {"lstm": 64}],
         f"lstm1 reads the last axis of 8×100 as features, but conv1 outputs channels × length: {FIX}"),
        ("80x300", [CONV, {"add": ["conv1", {"conv": {"out_channels": 8, "kernel_size": 1}}]}, {"mha": 6}],
         f"multi_head_attention1 reads the last axis of 8×300 as features, but conv1 outputs channels × length: {FIX}"),
        ("3x8x8", [CONV, {"mha": 2}],
         "multi_head_attention1 reads the last axis of 8×8×8 as features, but conv1 outputs channels × height × width: "
         "put `- to_tokens` before it"),
        ("3x8x8", [CONV, "layer_norm", "rms_norm"],
         "layer_norm1 reads the last axis of 8×8×8 as features, but conv1 outputs channels × height × width: "
         "give it axis: channels (and 1 layer more)"),
        # nn.MultiheadAttention(512, …): the number alone is num_heads here.
        ("50x512", [{"MultiheadAttention": 512}],
         "multi_head_attention1 has 512 heads of 1 feature each: write {embed_dim: 512, num_heads: …} if that is the width"),
        # Queries, keys and values: qkv.chunk(3, dim=-1) of a sequence.
        ("576x768", [{"linear": 2304}, {"chunk": 3}, {"concat": ["chunk1[0]", "chunk1[1]", "chunk1[2]"]}],
         "chunk1 cuts 576×2304 along its length, to 192×2304: dim: -1 cuts the features, to 576×768"),
        ("64x64", [{"mha": 2}, {"split": 32}, {"add": ["split1[0]", "split1[1]"]}],
         "split1 cuts 64×64 along its length, to 32×64: dim: -1 cuts the features, to 64×32"),
        ("10x96", [{"chunk": 3}, {"concat": ["chunk1[0]", "chunk1[1]", "chunk1[2]"]}],
         "chunk1 has pieces of 4 and 2: 10 is not divisible by 3; dim: -1 cuts the features, to pieces of 32"),
        ("64x9x9", [{"chunk": 3}, {"concat": ["chunk1[0]", "chunk1[1]", "chunk1[2]"]}],
         "chunk1 has pieces of 22 and 20: 64 is not divisible by 3"),
        # nn.MaxPool2d(3, 2) outputs 64×27×27, nn.LPPool2d(2, 3) 64×18×18 and nn.Unfold(3, 2) 576×2601 (PyTorch 2.13.0).
        ("64x55x55", [{"MaxPool2d": [3, 2]}],
         "max_pool1 has a window of 3×2 and a stride of 3×2: write {kernel_size: 3, stride: 2}, "
         "or {kernel_size: [3, 2]} if that is meant"),
        ("64x55x55", [{"lp_pool": [2, 3]}],
         "lp_pool1 has a window of 2×3 and a stride of 2×3: write {norm_type: 2, kernel_size: 3}, "
         "or {kernel_size: [2, 3]} if that is meant"),
        ("64x9x55x55", [{"avg_pool": [3, 2, 1]}],
         "avg_pool1 has a window of 3×2×1 and a stride of 3×2×1: write {kernel_size: 3, stride: 2, padding: 1}, "
         "or {kernel_size: [3, 2, 1]} if that is meant"),
        ("64x55x55", [{"Unfold": [3, 2]}],
         "unfold1 has a window of 3×2: write {kernel_size: 3, dilation: 2}, or {kernel_size: [3, 2]} if that is meant"),
        # nn.Upsample((14, 14)) outputs 14×14; a number alone is the factor here.
        ("64x7x7", [{"Upsample": [14, 14]}],
         "upsample1 enlarges its input 14 times; for an output of that size write {size: [14, 14]}, as nn.Upsample has it"),
        ("64x7x7", [{"Upsample": 9}],
         "upsample1 enlarges its input 9 times; for an output of that size write {size: 9}, as nn.Upsample has it"),
        # Keras' words, and PyTorch's biases.
        ("10x64", [{"LSTM": {"units": 256, "return_sequences": False}}],
         "lstm1 has two biases in every gate, as in PyTorch; Keras, which says `units`, has one: convention: keras"),
        # torch.nn.Conv2d(3, 8, 3, stride=2, padding="same") raises a ValueError; Keras' Conv2D does not.
        ("3x9x9", [{"Conv2d": {"out_channels": 8, "kernel_size": 3, "stride": [1, 2], "padding": "same"}},
                   {"Conv2d": {"out_channels": 8, "kernel_size": 3, "padding": "same"}},
                   {"Conv2D": {"filters": 8, "kernel_size": 3, "strides": 2, "padding": "same"}},
                   {"conv2d": {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": "same"}}],
         "conv1 has padding: same with a stride, which PyTorch refuses; here it is as in Keras: output = ⌈input / stride⌉"),
        # A piece that is lost.
        ("8x9x9", [{"chunk": 2}, "relu"],
         "chunk1 has 2 outputs, of which only the first is used: chunk1[1] is the next"),
        # A merge whose other input was forgotten.
        ("8x9x9", [CONV, "add"], "add1 has one input: name the others too, as in add: [conv1, input]"),
        ("8x9x9", ["mul"], "mul1 has one input: name the others too, as in mul: [input, …]"),
        ({"a": 3, "b": 4}, [{"relu": None, "from": "a"}, "concat", {"concat": ["concat1", "b"]}],
         "concat1 has one input: name the others too, as in concat: [relu1, …]"),
        # A batch axis, which nothing combines.
        ("32x20", [{"Embedding": {"num_embeddings": 1000, "embedding_dim": 64}},
                   {"TransformerEncoderLayer": {"d_model": 64, "nhead": 4}}, {"Linear": 10}],
         "no layer combines the 32 along the first axis: write 20, not 32x20, if 32 is the batch"),
        ("32x20x64", [{"MultiheadAttention": {"embed_dim": 64, "num_heads": 4}}],
         "no layer combines the 32 along the first axis: write 20x64, not 32x20x64, if 32 is the batch"),
        ("32x20x64", [{"TransformerEncoderLayer": {"d_model": 64, "nhead": 4}}],
         "no layer combines the 32 along the first axis: write 20x64, not 32x20x64, if 32 is the batch"),
        ("8x32x16", [{"moe": {"dim": 16, "num_experts": 4, "top_k": 2, "hidden_dim": 8}}],
         "no layer combines the 8 along the first axis: write 32x16, not 8x32x16, if 8 is the batch"),
        (9, [WORDS, {"embedding": {"num_embeddings": 9, "embedding_dim": 4}, "name": "positions"}],
         "positions reads the features of embedding1 as token ids: write `from: input` below it"),
        ("32x50x64", [{"transformer_encoder_layer": {"d_model": 64, "nhead": 4}}, {"linear": 2}],
         "no layer combines the 32 along the first axis: write 50x64, not 32x50x64, if 32 is the batch"),
        ("32x784", [{"Linear": 128}, "ReLU", {"Linear": 10}],
         "no layer combines the 32 along the first axis: write 784, not 32x784, if 32 is the batch"),
        ({"a": "32x9", "b": "32x7"}, [{"Linear": 4, "from": "a"}, {"Linear": 4, "from": "b"}, {"add": ["linear1", "linear2"]}],
         "no layer combines the 32 along the first axis: write 9, not 32x9 and 7, not 32x7, if 32 is the batch"),
        # One sample, as torch.zeros(1, 784): its axis is there to the end, or combined where another was meant.
        ("1x784", [{"Linear": 128}, {"Linear": 10}],
         "sizes are given without the batch axis: write 784, not 1x784, if 1 is the batch"),
        ("1x20", [{"Embedding": {"num_embeddings": 1000, "embedding_dim": 64}},
                  {"TransformerEncoderLayer": {"d_model": 64, "nhead": 4}}, {"mean": 1}, {"Linear": 2}],
         "sizes are given without the batch axis: write 20, not 1x20, if 1 is the batch"),
        ("1x20x64", [{"TransformerEncoderLayer": {"d_model": 64, "nhead": 4}}],
         "sizes are given without the batch axis: write 20x64, not 1x20x64, if 1 is the batch"),
    ],
)  # fmt: skip
def test_doubtful_layers_have_a_note(size, layers, note):
    assert notes(size, layers) == (note,)


@pytest.mark.parametrize(
    ("size", "row", "is_doubtful"),
    [
        ("16x30x30", 400, True),  # 16·5·5, as computed for another size of the image
        ("16x8x8", 256, True),  # 16·4·4: whole channels
        ("16x8x8", 512, True),
        ("8x6x6", 96, True),
        ("5x9x4", 6, True),
        ("16x30x30", 900, False),  # channels × positions
        ("16x30x30", 30, False),
        ("16x30x30", 10, False),
        ("197x12x64", 768, False),  # heads joined
        ("197x768", 64, False),
        (14400, 400, False),
    ],
)
def test_rows_of_a_reshape_whose_number_was_the_batch(size, row, is_doubtful):
    found = notes(size, [{"reshape": [-1, row]}])
    assert [note.partition(" ")[0] for note in found] == (["reshape1"] if is_doubtful else [])
    if is_doubtful:
        assert notes(size, ["flatten"]) == ()


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_norm_within_a_layer_whose_width_is_stated_is_not_doubted(norm_first):
    """It cannot be given an axis: d_model is that of the features, or there is an error."""
    layer = {"TransformerEncoderLayer": {"d_model": 10, "nhead": 2, "norm_first": norm_first}}
    assert notes("3x10x10", [{"conv": {"out_channels": 8, "kernel_size": 1}}, layer]) == ()


def test_a_tensor_that_is_added_to_itself():
    conv = {"conv": {"out_channels": 4, "kernel_size": 1}, "name": "a"}
    note = ("add1 adds a to itself: name the other input too, as in add: [a, …]",)
    assert notes("3x8x8", [conv, {"add": "a"}]) == note
    assert notes("3x8x8", [conv, "relu", {"add": "a"}]) == ()
    assert notes("3x8x8", [conv, {"mul": ["a", "a"]}]) == ()


def test_a_batch_axis_of_one_in_a_reshape_of_a_map():
    note = ("reshape1 outputs 1×400: sizes are without the batch axis, its 1; write `- flatten`",)
    assert notes("16x5x5", [{"view": [1, -1]}]) == note
    assert notes(400, [{"view": [1, -1]}]) == ()
    assert notes("16x5x5", [{"view": [2, -1]}]) == ()


def test_anchors_of_each_position_are_rows():
    assert notes("38x38x84", [{"reshape": [-1, 21]}], layout="HWC") == ()
    assert notes("30x30x16", [{"reshape": [-1, 160]}], layout="HWC") == ()
    assert notes("30x30x16", [{"reshape": [-1, 400]}], layout="HWC") == (
        "reshape1 cuts each sample, 30×30×16 = 14,400 elements, to rows of 400: sizes are without the batch axis, so that "
        "its -1 is not the batch; write `- flatten` for all 14,400",
    )


BIASES = "lstm1 has two biases in every gate, as in PyTorch; Keras, which says `units`, has one: convention: keras"
STEPS = "lstm1 outputs every step; Keras, which says `units`, outputs only the last: return_sequences: false"


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({}, f"{BIASES}, and outputs every step; Keras outputs only the last: return_sequences: false"),
        ({"convention": "keras"}, STEPS),
        ({"use_bias": False}, STEPS),
        ({"return_sequences": False}, BIASES),
        ({"return_sequences": True, "convention": "keras"}, ""),
        ({"return_sequences": False, "convention": "torch"}, ""),
    ],
)
def test_an_lstm_in_words_of_keras(given, note):
    assert notes("50x32", [{"LSTM": {"units": 64, **given}}]) == ((note,) if note else ())


@pytest.mark.parametrize(
    ("size", "layers", "more"),
    [
        (800, [{"reshape": [-1, 100]}], {}),
        ("28*28", [{"fc": 10}], {}),
        ("3*32*32", [{"linear": 10}], {}),
        (8, [{"reshape": [-1]}], {}),
        (8, [{"reshape": [1, -1]}], {}),
        ("16x64", [{"parameter": [16, 64]}, {"add": ["input", "parameter1"]}], {}),
        ("16x64", [{"parameter": 64}, {"add": ["input", "parameter1"]}], {}),
        ("16x64", [{"parameter": [1, 64]}, {"add": ["input", "parameter1"]}], {}),
        ("64x5", [{"parameter": [1, 64]}, {"parameter": 64}, {"add": ["parameter1", "parameter2"]},
                  {"matmul": ["add1", "input"]}], {}),
        ([], [{"parameter": 1}, {"mul": ["input", "parameter1"]}], {}),
        ({"a": "1x64", "b": "10x64"}, [{"add": ["a", "b"]}], {}),
        (50, [WORDS, SWAP, CONV, SWAP, {"lstm": 64}], {}),
        (50, [WORDS, CONV, {"lstm": 64}, "layer_norm"], {"layout": "HWC"}),
        ("5x10", [WORDS, CONV], {}),
        (50, [WORDS, {"conv": {"in_channels": 50, "out_channels": 8, "kernel_size": 3}}], {}),
        ("1x100", [CONV, {"lstm": {"input_size": 100, "hidden_size": 64}}], {}),
        ("3x8x8", [CONV, {"layer_norm": 8}, {"layer_norm": {"axis": "channels"}}, "global_avg_pool", "layer_norm"], {}),
        ("3x56x56", [CONV, {"window_partition": 7}, "layer_norm"], {}),
        ("7x96", [{"linear": 192}, {"conv1d": {"out_channels": 8, "kernel_size": 3}}], {}),
        ("10x3x8x8", [{"conv_lstm": {"out_channels": 4, "kernel_size": 3}}, "layer_norm"], {}),
        ("50x512", [{"MultiheadAttention": {"embed_dim": 512, "num_heads": 512}}], {}),
        ("8x9x9", [{"chunk": 2}, {"relu": None, "from": "chunk1[1]"}], {}),
        ("8x9x9", [{"split": 8}, "relu"], {}),
        # Pieces of channels (a GLU), of a length that is named or that the features do not divide like, and of all.
        ("64x100", [{"conv": {"out_channels": 8, "kernel_size": 1}}, {"chunk": 2}, {"mul": ["chunk1", "chunk1[1]"]}], {}),
        ("64x100", [{"linear": 8}, {"chunk": {"chunks": 2, "dim": 1}}, {"mul": ["chunk1", "chunk1[1]"]}], {}),
        ("64x100", [{"linear": 9}, {"chunk": 2}, {"mul": ["chunk1", "chunk1[1]"]}], {}),
        ("65x8", [{"linear": 8}, {"split": [1, 64]}, {"concat": ["split1", "split1[1]"]}], {}),
        ("65x100", [{"chunk": {"chunks": 2, "axis": 1}}, {"concat": ["chunk1", "chunk1[1]"]}], {}),
        ("4x64x64", [{"mha": 2}, {"chunk": 2}, {"mul": ["chunk1", "chunk1[1]"]}], {}),
        ("576x768", [{"linear": 2304}, {"split": 192}, {"concat": ["split1", "split1[1]", "split1[2]"]}], {}),
        ("8x100", [{"linear": 8}, "flatten", {"chunk": 2}, {"mul": ["chunk1", "chunk1[1]"]}], {}),
        ("28*28", ["relu", {"linear": 10}], {}),
        ("28*28", [{"linear": 10}, {"reshape": [5, 2]}, {"lstm": 4}], {}),
        ("28*28", ["batch_norm", {"linear": 10}], {}),
        ("8x9x9", [{"max_pool": [2, 2]}, {"max_pool": 2}, {"avg_pool": {"kernel_size": [2, 1]}}], {}),
        ("8x9x9", [{"upsample": 8}, {"upsample": {"scale_factor": 14}}, {"interpolate": 14}], {}),
        (50, [WORDS, {"lstm": 8}, "relu"], {}),
        ("10x64", [{"lstm": {"units": 8, "convention": "torch"}}, {"lstm": {"hidden_size": 8}},
                   {"rnn": {"units": 8, "bias": False, "return_sequences": True}},
                       {"gru": {"units": 8, "return_sequences": True}}], {}),
        ("3x8x8", [{"unfold": 3}, {"lstm": 5}], {}),
        # The first axis is a part of the sample: combined with others, of one layer alone, of a batch of one, of a map.
        ("20x64", [{"MultiheadAttention": {"embed_dim": 64, "num_heads": 4}}, {"Linear": 10}], {}),
        ("32x784", [{"Linear": 128}, {"Linear": 10}, "flatten"], {}),
        ("32x784", [{"Linear": 128}, {"Linear": 10}, {"mean": 1}], {}),
        ("32x784", [{"Linear": 10}, "softmax"], {}),
        ("32x16", [{"moe": {"dim": 16, "num_experts": 4, "top_k": 2, "hidden_dim": 8}}], {}),
        (9, [WORDS, {"embedding": {"num_embeddings": 9, "embedding_dim": 64}, "from": "input"}, {"add": "embedding1"}], {}),
        ("1x784", ["flatten", {"Linear": 128}, {"Linear": 10}], {}),
        ("1x1000", [{"Conv1d": {"out_channels": 4, "kernel_size": 3}}, "flatten", {"Linear": 10}], {}),
        ("32x20x64", ["relu", "softmax"], {}),
        ("3x8x8", [{"mul": 0.5}, {"add": {"other": 1}}], {}),
        ("56x56x96", ["layer_norm", {"linear": 384}, "gelu", {"linear": 96}], {"layout": "HWC"}),
        ({"a": "32x9", "b": "31x7"}, [{"Linear": 4, "from": "a"}, {"Linear": 4, "from": "b"},
                                      {"concat": {"dim": 1}, "from": ["linear1", "linear2"]}], {}),
    ],
)  # fmt: skip
def test_what_may_be_meant_has_none(size, layers, more):
    assert notes(size, layers, **more) == ()


def test_within_a_block_names_are_its_own_and_copies_are_counted():
    blocks = {"residual": {"layers": [CONV, "add"]}}
    assert notes("8x9x9", [{"residual": None, "repeat": 3}], blocks=blocks) == (
        "residual1.add1 has one input: name the others too, as in add: [conv1, input] (and 2 layers more)",
    )


@pytest.mark.parametrize("name", some([name for _, name in bundled_members()], 10))
def test_bundled_networks_have_no_notes(name):
    assert shapecalc.load(name).infer().notes == ()
