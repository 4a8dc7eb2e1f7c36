"""`shapecalc speed` and `shapecalc devices`: what is shown, selected and plotted, and wrong use."""

from __future__ import annotations

import json

import pytest
from running import run


def lines_of(out):
    return [line for line in out.split("\n\n")[1].splitlines() if "─" not in line]


def test_the_table_adds_up():
    ran = run("speed", "lenet5", "--device", "t4", columns=80)
    assert ran.status == 0
    assert ran.out.startswith("LeNet-5 · input 32×32×1 · NVIDIA T4 16 GB\n\nLayer ")
    assert max(map(len, ran.out.splitlines())) <= 80
    found = json.loads(run("speed", "lenet5", "--device", "t4", "--format", "json").out)
    assert len(lines_of(ran.out)) == 2 + len(found["layers"])
    assert f"{sum(layer['macs'] for layer in found['layers']):,}" in lines_of(ran.out)[-1]
    assert "Lower bounds on time, never predictions." in ran.out


def test_a_decoder_has_a_second_table():
    ran = run("speed", "gpt2", "--device", "h100", "--batch", "4", "--prompt", "100", "--depth", "1", columns=80)
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "Decoding, batch 4" in ran.out
    assert "first token, after 100" in ran.out
    assert "next token, after 100" in ran.out
    assert "h.0–11 ×12" in ran.out
    for format_ in ("markdown", "html"):
        assert (
            "next token, after 100"
            in run("speed", "gpt2", "--device", "h100", "--prompt", "100", "--format", format_).out
        )


@pytest.mark.parametrize(
    ("column", "key"), [("time", "seconds"), ("bytes", "bytes"), ("macs", "macs"), ("intensity", "intensity")]
)
def test_lines_are_sorted_and_cut(column, key):
    layers = json.loads(run("speed", "alexnet", "--device", "l4", "--format", "json").out)["layers"]
    largest = sorted(layers, key=lambda layer: -(layer[key] or 0))[:3]
    ran = run("speed", "alexnet", "--device", "l4", "--sort", f"-{column}", "--top", "3")
    assert [line.split()[0] for line in lines_of(ran.out)[1:-1]] == [layer["name"] for layer in largest]
    assert "3 of 21 lines shown, largest" in ran.out


def test_top_alone_has_the_longest_times():
    assert [
        [
            line.split()[0]
            for line in lines_of(run("speed", "alexnet", "--device", "l4", *words, "--top", "4").out)[1:-1]
        ]
        for words in ((), ("--sort", "-time"))
    ] == [["fc1", "fc2", "fc3", "conv4"]] * 2


def test_kinds_are_selected():
    ran = run("speed", "alexnet", "--device", "l4", "--kind", "fc")
    assert [line.split()[0] for line in lines_of(ran.out)[1:-1]] == ["fc1", "fc2", "fc3"]


def test_a_block_says_what_sets_most_of_its_time():
    ran = run("speed", "llama-3-8b", "--device", "h100", "--depth", "1")
    assert "compute 88%" in next(line for line in ran.out.splitlines() if line.startswith("layers.0–31"))


def test_weights_that_do_not_fit_are_noted():
    noted = run("speed", "llama-3-70b", "--device", "h100", "--depth", "1").out
    assert "are more than the 80.0 GB of the device" in " ".join(noted.split())
    assert "are more than" not in run("speed", "llama-3-8b", "--device", "h100", "--depth", "1").out


@pytest.mark.parametrize(("words", "status", "message"), [
    ((), 2, "no device is named"),
    (("--device", "h10"), 2, "did you mean h100?"),
    (("--device", "./none.yaml"), 2, "there is no file ./none.yaml"),
    (("--device", "/"), 2, "is a directory"),
    (("--device", "h100", "--sort", "weights"), 2, "there is no column weights"),
    (("--device", "h100", "--format", "json", "--top", "2"), 2, "--top does not apply"),
    (("--device", "h100", "--plot", "x.bmp"), 2, "use the suffix .svg, .html, .png or .pdf"),
    (("--device", "h100", "--plot", "x.svg", "--output", "x.svg"), 2, "no"),
    (("--device", "h100", "--context", "3"), 2, "is not a decoder"),
    (("--device", "h100", "--weights", "65"), 2, "the bits of weights"),
    (("--device", "h100", "--prompt", "0"), 2, "is not a decoder"),
])  # fmt: skip
def test_wrong_use(words, status, message):
    ran = run("speed", "lenet5", *words)
    assert ran.status == status
    assert message in ran.err


def test_a_wrong_file_of_a_device_is_cited(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("bandwidth: 1 TB/s\npeak:\n  fp16: fast\n")
    ran = run("speed", "lenet5", "--device", str(path))
    assert ran.status == 1
    assert ran.err == (
        f"{path}:3:9: the peak of fp16 is 'fast'\n    3 │   fp16: fast\n      │         ^^^^\n"
        "   write a rate with its unit: 989.4 TFLOP/s, or 1979 TOP/s\n"
    ).replace("'fast'", "fast")


def test_an_incomplete_network_has_no_bounds(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 3x4x4\nlayers: [{conv: {out_channels: 2, kernel_size: 9}}]\n")
    ran = run("speed", str(path), "--device", "h100")
    assert ran.status == 1
    assert "does not fit" in ran.err


def test_devices_are_listed_and_printed(tmp_path):
    ran = run("devices", columns=80)
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    assert "24 devices." in ran.out
    names = [device["key"] for device in json.loads(run("devices", "--format", "json").out)["devices"]]
    assert names == sorted(names)
    assert [line.split()[0] for line in ran.out.split("\n\n")[0].splitlines()[2:]] == names
    found = json.loads(run("devices", "h100", "nvidia", "--format", "json").out)["devices"]
    assert {device["key"] for device in found} == {"h100", "h100-pcie", "h200"}, "the source of H200 names the H100"
    assert run("devices", "nothing").status == 2
    path = tmp_path / "copy.yaml"
    assert run("devices", "--show", "l4", "-o", str(path)).status == 0
    copy = json.loads(run("speed", "lenet5", "--device", str(path), "--format", "json").out)
    bundled = json.loads(run("speed", "lenet5", "--device", "l4", "--format", "json").out)
    assert copy["layers"] == bundled["layers"]
    assert copy["device"]["key"] == ""
    assert run("devices", "--show", "l5").status == 2
    assert run("devices", "--show", "l4", "x").status == 2


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["svg", "html", "png", "pdf"])
def test_a_roofline_is_plotted(suffix, tmp_path):
    if suffix in ("png", "pdf"):
        pytest.importorskip("matplotlib")
    path = tmp_path / f"roofline.{suffix}"
    ran = run("speed", "gpt2", "--device", "h100", "--plot", str(path))
    assert ran.status == 0
    start = path.read_bytes()[:300]
    assert {"svg": b"<svg", "html": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix] in path.read_bytes()[:1000], (
        start
    )


def test_a_plot_names_the_layers_the_limits_and_the_ridge(tmp_path):
    path = tmp_path / "roofline.svg"
    assert run("speed", "resnet50", "--device", "h100", "--plot", str(path)).status == 0
    text = path.read_text(encoding="utf-8")
    for words in ("resnet50", "NVIDIA H100 SXM5 80 GB", "ridge 295 FLOP/B", "memory 3.35 TB/s", "fp16 peak 989 TFLOP/s",
                  "51 layers memory-bound", "3 layers compute-bound", "whole network", "layer1.0.conv3 ×6"):  # fmt: skip
        assert words in text, words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bits", "words"),
    [("q8_0", "q8_0 weights (on average 8.5 bits), 16-bit activations"), ("4.5", "4.5-bit weights, 16-bit act")],
)
def test_a_plot_names_the_format_of_weights(bits, words, tmp_path):
    path = tmp_path / "roofline.svg"
    assert run("speed", "llama-3-8b", "--device", "h100", "--weights", bits, "--plot", str(path)).status == 0
    assert words in path.read_text(encoding="utf-8")


def test_networks_without_arithmetic_are_plotted(tmp_path):
    spec, path = tmp_path / "flat.yaml", tmp_path / "roofline.svg"
    spec.write_text("name: $\\\\frac{a}$\ninput: [8]\nlayers: [relu]\n")
    assert run("speed", str(spec), "--device", "h100", "--plot", str(path)).status == 0
    assert path.stat().st_size > 1000
