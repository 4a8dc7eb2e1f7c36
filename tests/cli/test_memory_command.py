"""`shapecalc memory`."""

from __future__ import annotations

import json
import re

import pytest
from running import run

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.renderers.cells import show_bytes


def test_optimizers_have_the_names_of_pytorch_too() -> None:
    adam = run("memory", "lenet5", "--optimizer", "adam").out
    assert run("memory", "lenet5", "--optimizer", "Adam").out == adam
    assert (
        shapecalc.load("lenet5").memory(optimizer="AdamW").to_dict()
        == shapecalc.load("lenet5").memory(optimizer="adamw").to_dict()
    )


def test_parts_peak_and_footnotes():
    ran = run("memory", "resnet50", columns=100)
    assert ran.status == 0
    assert "activations, at the peak    7,225,344  6.89 MiB" in ran.out
    assert "total                     109,665,952   105 MiB" in ran.out
    assert "Activation memory peaks while layer1.0.downsample.conv1 runs:" in ran.out
    assert "without in-place layers the peak at inference is 9.19 MiB" in " ".join(ran.out.split())
    assert "Not counted: kernel workspaces" in ran.out


def test_training():
    ran = run("memory", "alexnet", "--training", "--batch", "128", columns=100)
    for words in (
        "gradients of weights                     249,513,376",
        "state of adam                            499,026,752",
        "582 MiB of activations are saved for the backward pass, as in PyTorch",
        "for a batch of 128",
    ):
        assert words in ran.out
    mixed = run("memory", "alexnet", "--mixed-precision", columns=100)
    assert "state of adam, master copy" in mixed.out
    assert "Gradients of weights have 16 bits" in " ".join(mixed.out.split())
    assert "has no state" in run("memory", "alexnet", "--optimizer", "sgd").out


def test_the_largest_batch():
    out = " ".join(run("memory", "resnet50", "--budget", "24GiB").out.split())
    assert "The largest batch that fits into 25,769,803,776 bytes (24.0 GiB) is 3,552." in out
    none = " ".join(run("memory", "resnet50", "--budget", "1MiB").out.split())
    assert (
        "1,048,576 bytes (1.00 MiB) are not enough for one sample, which needs 97.7 MiB + 6.89 MiB for each sample."
        in none
    )


def test_layers():
    ran = run("memory", "lenet5", "--layers", columns=120)
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["tanh1", "–", "18.4", "KiB", "18.4", "KiB", "████████", "80.0%", "c1"] in rows
    narrow = run("memory", "resnet50", "--layers", columns=80)
    assert max(map(len, narrow.out.splitlines())) <= 80
    assert "Activation memory peaks" not in narrow.out


def words(text):
    """A text without its line breaks."""
    return " ".join(text.split())


def test_orders_and_in_place():
    assert "in the order with the minimum peak" in words(run("memory", "googlenet", "--order", "best").out)
    assert "No layer runs in place" in words(run("memory", "googlenet", "--in-place", "none").out)
    printed = words(run("memory", "googlenet", "--in-place", "activations,add").out)
    assert "Element-wise layers (activations, add) run in place" in printed


def test_kv_cache_is_shown_if_there_is_one():
    out = " ".join(run("memory", "llama-2-7b", "--activations", "fp16", "--weights", "4").out.split())
    assert "524,288 bytes (512 KiB) for each past token of a sample, at 16 bits; not in the total" in out
    assert "KV cache" not in run("memory", "resnet50").out
    assert "KV cache" not in run("memory", "vit_b_16").out  # it attends, but never decodes


def test_the_cross_attention_cache_is_shown_separately():
    out = " ".join(run("memory", "whisper-tiny", "--activations", "fp16").out.split())
    assert "6,144 bytes (6.00 KiB) for each past token of a sample, at 16 bits; not in the total." in out
    assert (
        "Cross-attention caches the keys and values of the source once: 6,144 bytes (6.00 KiB) for each source token, "
        "9,216,000 bytes (8.79 MiB) for a sample; not in the total."
    ) in out
    assert "Cross-attention" not in run("memory", "gpt2").out


def test_json_equals_to_dict():
    ran = run("memory", "alexnet", "--format", "json", "--weights", "8", "--budget", "1GB", "--optimizer", "momentum")
    expected = shapecalc.load("alexnet").memory(weights=8, budget="1GB", optimizer="momentum")
    assert json.loads(ran.out) == json.loads(json.dumps(expected.to_dict()))


def test_output_goes_to_a_file(tmp_path):
    file = tmp_path / "memory.txt"
    assert run("memory", "lenet5", "-o", file, columns=80, color=True).out == ""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("LeNet-5")
    assert "\x1b" not in text


def test_colour():
    assert "\x1b[" in run("memory", "lenet5", columns=80, color=True).out
    assert "\x1b[" not in run("memory", "lenet5", columns=80).out


def test_every_optimizer_can_be_named():
    from shapecalc.cli.training import OPTIMIZERS
    from shapecalc.questions.memory.training import optimizers

    assert list(OPTIMIZERS) == list(optimizers.OPTIMIZERS)


def test_names_are_escaped():
    text = 'name: "[red]net[/red]"\ninput: [4]\nlayers:\n- fc: 3\n'
    assert "[red]net[/red] · input 4" in run("memory", "-", text=text, columns=80, color=True).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "65"], "the bits of weights are '65': they must be a number from 1 to 64"),
        (["--activations", "half"], "the bits of activations are 'half'"),
        (["--budget", "24G"], "write 24GiB for units of 1,024, 24GB for decimal ones"),
        (["--in-place", "conv"], "conv cannot run in place"),
        (["--order", "best", "--training"], "the best order is for inference, not for training"),
        (["--mixed-precision", "--weights", "8"], "mixed precision has weights of 16 bits, not 8"),
        (["--optimizer", "adan"], "'adan' is not one of"),
        (["--batch", "0"], "0 is not in the range"),
    ],
)
def test_errors(arguments, message):
    ran = run("memory", "lenet5", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_a_shape_error_has_exit_status_1():
    ran = run("memory", "-", text="input: [1, 4, 4]\nlayers:\n- conv: {out_channels: 2, kernel_size: 7}\n")
    assert ran.status == 1
    assert "does not fit" in ran.err


def test_layers_at_a_depth():
    """Blocks are a line each: weights and outputs add up, live memory is the maximum."""
    every, closed = (
        run("memory", "resnet18", *words, "--format", "json") for words in (["--layers"], ["--depth", "1"])
    )
    assert closed.out == every.out, "JSON lists all layers"
    layers = [one for one in json.loads(every.out)["layers"] if one["name"].startswith("layer2.")]
    assert "scopes" not in layers[0]
    drawn = run("memory", "resnet18", "--layers", "--depth", "1").out
    assert run("memory", "resnet18", "--depth", "1").out == drawn, "a depth implies --layers"
    (line,) = [line for line in drawn.splitlines() if line.startswith("layer2")]
    weights = sum(one["weights"] + one["buffers"] for one in layers)
    live = max(one["live"] for one in layers if one["live"])
    shown = [show_bytes(weights), show_bytes(sum(one["output"] for one in layers)), show_bytes(live)]
    assert re.split("  +", line)[1:4] == shown
    assert "4 blocks collapsed; expand with --depth 2. Of a block, weights and outputs are the sums over its" in drawn
    deeper = run("memory", "resnet18", "--depth", "2").out
    assert [line.split()[0] for line in deeper.splitlines() if line.startswith("layer2")] == ["layer2.0", "layer2.1"]
    assert "collapsed" not in run("memory", "resnet18", "--layers").out
    assert run("memory", "resnet18", "--layers", "--depth", "all").out == run("memory", "resnet18", "--layers").out
    assert run("memory", "lenet5", "--depth", "1").out == run("memory", "lenet5", "--layers").out, "it has no blocks"
    with pytest.raises(UsageError, match="depth is 0"):
        shapecalc.load("lenet5").memory().render("text", depth=0)


@pytest.mark.slow
def test_sizes_in_a_layout():
    assert "input 224×224×3" in run("memory", "resnet18", "--layout", "hwc").out
    assert "input 64×96×3" in run("memory", "resnet18", "--layout", "hwc", "--input", "64x96x3").out
    assert json.loads(run("memory", "resnet18", "--layout", "hwc", "--format", "json").out)["inputs"] == {
        "input": [224, 224, 3]
    }  # fmt: skip
    assert (
        run("sizes", "alexnet", "--layout", "chw", "--input", "3x300x200").out
        == run("sizes", "alexnet", "--input", "300x200x3").out
    )
    assert (
        "output = 96 × ⌊(H − 7)/4⌋ × ⌊(W − 7)/4⌋"
        in run("formula", "alexnet", "--layer", "conv1", "--layout", "chw").out
    )
    assert "output = ⌊(H − 7)/4⌋ × ⌊(W − 7)/4⌋ × 96" in run("formula", "alexnet", "--layer", "conv1").out


SERVED = ("memory", "llama-3-8b", "--weights", "q4_k_m", "--activations", "16")


def test_a_table_fits_into_80_columns_and_into_ascii() -> None:
    ran = run(*SERVED, "--table", "--budget", "24GiB", columns=80)
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "  8,192  5.58 GiB  6.58 GiB  8.58 GiB  12.6 GiB  20.6 GiB      over       19" in ran.out
    assert "The largest batch that fits into 25,769,803,776 bytes (24.0 GiB) is" in ran.out


def test_options_of_serving() -> None:
    chunk = words(run(*SERVED, "--context", "8k", "--prefill", "2k", "--attention", "eager", "--kv-bits", "q8_0").out)
    assert "KV cache, 8,192 past tokens" in chunk
    assert "Activations are those of a prefill: the last 2,048 of 8,192 tokens of each sample at once" in chunk
    assert "Eager attention has its scores in memory, and their softmax in fp32" in chunk
    assert "at 8.5 bits; in the total." in chunk
    whole = words(run(*SERVED, "--context", "8k", "--logits", "all", "--prefill").out)
    assert "prefill: all 8,192 tokens of each sample at once. Flash attention" in whole
    step = words(run(*SERVED, "--context", "1", "--weights-of", "lm_head=16").out)
    assert "a step of decoding: one new token of each sample, after 1 past token." in step
    assert "lm_head: 16, on average 5.51 bits for each parameter" in step


def test_bytes_are_shown_once_where_the_units_are_bytes() -> None:
    assert "800 bytes are not enough for one sample" in words(run("memory", "lenet5", "--budget", "800").out)
    for given, hint in {"24": "in bytes: write 24GiB.", "1023": "in bytes: write 1023GiB.", "1024": ""}.items():
        shown = words(run("memory", "lenet5", "--budget", given).out)
        assert ("for each sample. A number alone is " + hint in shown) if hint else "A number alone" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--context", "8kb"], "the context is '8kb'"),
        (["--contexts", "1,x"], "one of the contexts is 'x'"),
        (["--batches", "0"], "one of the batches is 0"),
        (["--prefill", "9"], "prefill is for a context"),
        (["--weights-of", "x"], "'x' is not GLOB=BITS"),
        (["--weights", "q9_0"], "the format of weights is 'q9_0', which is not known"),
    ],
)
def test_errors_of_serving(arguments: list[str], message: str) -> None:
    ran = run("memory", "llama-3-8b", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_training_on_several_devices():
    ran = run("memory", "gpt2", "--set", "seq=64", "--precision", "mixed", "--devices", "8", "--zero", "3",
              "--checkpoint", "blocks", "--lora", "rank=8,targets=c_attn", columns=100)  # fmt: skip
    assert ran.status == 0
    for text in (
        "weights of adapters", "gathered weights of one layer", "loss: log-softmax, gradients",
        "Devices: 8 = 8 (data). All bytes are those of one device.",
        "ZeRO 3: each device has 1/8 of weights, gradients, and the optimizer's state",
        "LoRA (rank=8,targets=c_attn): 294,912 parameters are trained",
        "Checkpointing: of 12 segments (blocks) only the inputs are saved",
    ):  # fmt: skip
        assert text in " ".join(ran.out.split()), text


def test_training_in_json():
    ran = run("memory", "gpt2", "--set", "seq=64", "--tensor", "2", "--pipeline", "3", "--format", "json", columns=80)
    found = json.loads(ran.out)
    assert found["training"]["parallelism"] == {
        "devices": 6, "zero": 0, "tensor": 2, "sequence": False, "pipeline": 3, "expert": 1, "microbatches": 3,
    }  # fmt: skip
    parts = ("gradients", "state", "weight_copies", "adapters", "gathered", "peak")
    assert found["total"] == found["weights"] + found["buffers"] + sum(found["training"][part] for part in parts)


def test_the_parts_add_up_to_the_total():
    for options in (["--precision", "amp"], ["--lora", "rank=4"], ["--devices", "4", "--zero", "3"]):
        ran = run("memory", "gpt2", "--set", "seq=64", "--optimizer", "adamw8bit", *options, columns=100)
        lines = [line for line in ran.out.split("Weights:")[0].splitlines() if "iB" in line]
        amounts = [int(re.search(r" ([\d,]{5,}) ", line)[1].replace(",", "")) for line in lines]
        assert sum(amounts[:-1]) == amounts[-1], options


def test_zero_divides_nothing_on_one_device():
    told = "ZeRO 3 divides nothing, without data parallelism: set --devices (devices= in Python)."
    assert told in run("memory", "lenet5", "--zero", "3").out
    assert "1/1" not in run("memory", "lenet5", "--zero", "3").out
    assert "each device has 1/4 of weights" in run("memory", "lenet5", "--zero", "3", "--devices", "4").out
