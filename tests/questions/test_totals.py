"""The same question of memory has the same bytes in memory, sweep, solve and expectations, whatever its options."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
from searching import some

import shapecalc
from shapecalc.network import solve
from shapecalc.questions.memory import memory
from shapecalc.questions.memory.totals import OPTIONS, read_question

pytest.importorskip("numpy")

from shapecalc.network import sweep

HEADS = {"num_heads": 2, "is_causal": True, "bias": False}
WINDOWED: Any = {
    "name": "windowed", "input": [6], "vars": {"width": 32, "vocab": 100},
    "layers": [
        {"embedding": {"num_embeddings": "vocab", "embedding_dim": "width"}},
        {"mha": {**HEADS, "window": 4}}, {"linear": "2 * width"}, "gelu", {"linear": "width"}, {"mha": HEADS},
        {"linear": {"out_features": "vocab", "bias": False}, "name": "head"},
    ],
}  # fmt: skip
POSITIONS: Any = {
    "name": "positions", "input": [4], "vars": {"width": 8, "positions": 40},
    "layers": [{"embedding": {"num_embeddings": 50, "embedding_dim": "width"}},
               {"position_embedding": {"num_positions": "positions"}}, {"mha": HEADS}, {"linear": 50}],
}  # fmt: skip
CONSTANT: Any = {
    "name": "constant", "input": [5, 8], "vars": {"width": 8},
    "layers": [{"linear": "width", "name": "a"}, {"constant": {"size": [5, "width"]}, "name": "c"},
               {"add": ["a", "c"]}, {"linear": 3}],
}  # fmt: skip

NETWORKS: dict[str, tuple[Any, dict[str, list[Any]]]] = {
    "windows": (WINDOWED, {"width": [16, 32, 48], "vocab": [100, 256]}),
    "positions": (POSITIONS, {"width": [8, 16], "positions": [10, 40, 400]}),
    "gpt2": ("gpt2", {"layers": [1, 3]}),
    "grouped": ("llama-3.2-1b", {"hidden": [1024, 2048], "layers": [2, 5]}),
    "latent": ("deepseek-v2-lite", {"layers": [2, 3]}),
    "a source": ("t5-small", {"layers": [1, 2]}),
    "states": ("mamba-130m", {"hidden": [256, 768]}),
    "both": ("jamba-v0.1", {"layers": [8], "hidden": [512, 1024]}),
    "experts": ("mixtral-8x7b", {"layers": [1, 2], "hidden": [512, 768]}),
    "no decoder": ("resnet18", {"classes": [10, 1000]}),
    "a constant": (CONSTANT, {"width": [4, 8]}),
}

OF_ANY: list[dict[str, Any]] = [
    {}, {"weights": 16, "activations": 16, "buffers": 16}, {"weights": 4, "activations": "8"},
    {"weights": "4.5", "activations": 16}, {"weights": "q4_k_m", "activations": 16}, {"weights": "nf4"},
    {"activations": 16, "attention": "eager"}, {"in_place": "none"}, {"optimizer": "adamw"},
]  # fmt: skip
OF_DECODERS: list[dict[str, Any]] = [
    {"context": 9}, {"context": "9", "activations": 16, "kv_bits": 8}, {"context": 300, "kv_bits": "q8_0", "weights": "iq2_xs"},
    {"context": 12, "prefill": True}, {"context": 12, "prefill": 5, "logits": "all", "attention": "eager"},
    {"context": 30, "weights": 3, "activations": 16, "buffers": 8},
]  # fmt: skip

CASES = [
    (name, options, 3 if (i + j) % 2 else 1)
    for i, name in enumerate(NETWORKS)
    for j, options in enumerate((*OF_ANY, *(OF_DECODERS if name not in ("no decoder", "a constant") else ())))
]


def totals(network: Any, axes: dict[str, list[Any]], options: dict[str, Any], batch: int) -> dict[tuple[Any, ...], int]:
    """Return the total of `memory` for every setting that can be asked."""
    found = {}
    for values in itertools.product(*axes.values()):
        with suppress(shapecalc.UsageError, shapecalc.ShapeError):
            found[values] = network.memory(vars=dict(zip(axes, values, strict=True)), batch=batch, **options).total
    return found


@pytest.mark.parametrize(("name", "options", "batch"), some(CASES, 30))
def test_the_same_question_has_the_same_bytes(name: str, options: dict[str, Any], batch: int) -> None:
    spec, axes = NETWORKS[name]
    network = shapecalc.load(spec)
    due = totals(network, axes, options, batch)
    swept = sweep(network, vars=axes, batch=batch, **options)
    rows = {tuple(row[var] for var in axes): row["memory"] for row in swept.to_dicts() if row["valid"]}
    assert rows == due
    answer = solve(network, find=axes, memory=2**60, batch=batch, **options)
    assert {tuple(found.settings.values()): found.amounts["memory"] for found in answer.solutions} == due


def test_every_option_is_among_them() -> None:
    used = {name for options in (*OF_ANY, *OF_DECODERS) for name in options}
    assert used >= {"weights", "activations", "buffers", "context", "kv_bits", "prefill", "logits", "attention"}
    assert used < {*OPTIONS}


@pytest.mark.parametrize("name", some([*NETWORKS], 5))
def test_an_expectation_has_them_too(name: str) -> None:
    spec, axes = NETWORKS[name]
    network = shapecalc.load(spec, vars={var: values[0] for var, values in axes.items()})
    swept = sweep(network, vars={var: values[:1] for var, values in axes.items()})
    if isinstance(spec, dict):
        own = {**spec, "vars": {**spec["vars"], **network.variables}, "expect": {"memory": int(swept["memory"][0])}}
        shapecalc.load(own).check()
    assert memory(network.infer()).total == swept["memory"][0]


def test_numbers_of_bits_are_asked_in_one_pass() -> None:
    question = read_question({"weights": 4, "activations": 16, "context": "8k", "kv_bits": 8, "attention": "flash"})
    assert question.is_for_many(shapecalc.load(WINDOWED).graph)
    assert question.context == 8192
    for options in ({"weights": "q4_k_m"}, {"context": 8, "prefill": True}, {"weights_of": ["head=4"]}):
        assert not read_question(options).is_for_many(shapecalc.load(WINDOWED).graph)
    many = solve(WINDOWED, find={"vocab": range(10, 90)}, memory=2**40, weights=4, activations=16, context=50)
    assert many.how == "many settings in one pass"
    one = solve(WINDOWED, find={"vocab": range(10, 90)}, memory=2**40, weights="q8_0", activations=16, context=50)
    assert one.how == "each setting built on its own"


@pytest.mark.parametrize("options", [{}, {"weights": 3, "activations": 5, "buffers": 3}])
def test_a_constant_is_in_memory_once_and_every_tensor_is_whole_bytes(options: dict[str, Any]) -> None:
    network, axes = shapecalc.load(CONSTANT), {"width": [5, 7, 9]}
    assert sweep(network, vars=axes, batch=3, **options)["memory"].tolist() == [
        *totals(network, axes, options, 3).values()
    ]


def test_macs_are_for_the_batch() -> None:
    answer = solve(WINDOWED, find={"width": [8, 16]}, macs="1G", batch=3)
    assert {one.settings["width"]: one.amounts["macs"] for one in answer.solutions} == {
        width: 3 * shapecalc.load(WINDOWED, vars={"width": width}).infer().total.macs for width in (8, 16)
    }
    assert "MACs: for a batch of 3" in answer.render()


def test_a_context_that_is_too_long_for_a_setting() -> None:
    axes = {"positions": [10, 20, 40]}
    assert sweep(POSITIONS, vars=axes, context=19)["valid"].tolist() == [False, True, True]
    assert sweep(POSITIONS, vars=axes, context=20)["valid"].tolist() == [False, False, True]
    assert sweep(POSITIONS, vars=axes, context=20, prefill=True)["valid"].tolist() == [False, True, True]
    for context, settings in ((19, {20, 40}), (20, {40})):
        found = solve(POSITIONS, find=axes, memory=2**40, context=context).solutions
        assert {solution.settings["positions"] for solution in found} == settings
    assert not sweep(POSITIONS, vars=axes, context=100)["valid"].any()


def test_the_widths_of_a_config_are_those_of_a_sweep(tmp_path: Any) -> None:
    config = tmp_path / "config.json"
    config.write_text(
        '{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "dtype": "bfloat16"}', encoding="utf-8"
    )
    network = shapecalc.load(str(config))
    assert sweep(network)["memory"][0] == network.memory().total == network.memory(weights=16, activations=16).total
    found = solve(network, find={"layers": [1, 2]}, memory="1GiB")
    assert found.solutions[0].amounts["memory"] == network.memory().total
    assert "bits" not in found.to_dict()
    assert "bits per element" not in found.render()
    assert solve(network, find={"layers": [1]}, memory="1GiB", bits=16).to_dict()["bits"] == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "q9"}, "the format of weights is 'q9', which is not known"),
        ({"activations": 0}, "the bits of activations are 0: they must be a number from 1 to 64"),
        ({"kv_bits": "x"}, "the bits of the KV cache are 'x': they must be a number from 1 to 64"),
        ({"context": -1}, "the context is -1"),
        ({"prefill": True}, "prefill is for a context"),
        ({"budget": "1GiB"}, "budget is not an option of the memory of many networks"),
        ({"table": True}, "table is not an option of the memory of many networks"),
        ({"weights_of": "lm=4"}, "no layer or block with weights of its own is named lm"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        sweep(WINDOWED, vars={"width": [8, 16]}, **options)
    assert caught.value.problems[0].message == message


def test_options_without_a_budget_of_memory() -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        solve("gpt2", find="layers", params="5M", kv_bits=8)
    assert caught.value.problems[0].message == "kv bits is for a budget of memory"
    with pytest.raises(shapecalc.UsageError, match="stride is an argument of a kind of layer, but gpt2 is not one"):
        solve("gpt2", find="layers", memory="1GiB", stride=8)


def test_the_question_is_in_the_answer() -> None:
    answer = solve(WINDOWED, find={"width": [8, 16]}, memory="1GiB", weights_of={"head*": "q8_0"}, context=7, batch=2)
    text = " ".join(answer.render(width=300).split())
    assert "and the cache of 7 past tokens, for a batch of 2; the total of `shapecalc memory" in text
    assert "`shapecalc memory --weights-of 'head*=q8_0' --context 7 --batch 2`" in text
    data = answer.to_dict()
    assert "bits" not in data
    assert (data["context"], data["batch"]) == (7, 2)
    assert data["memory"] == {"weights_of": {"head*": "q8_0"}, "context": 7}
    assert solve(WINDOWED, find={"width": [8]}, memory="1GiB", bits=8).to_dict()["bits"] == 8
