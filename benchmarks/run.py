"""Speed and size as ratios, measured in one run on one machine.

`python benchmarks/run.py [NAME…]`; exits with 1 above a limit.

Whole processes are run in turn with those that they are compared to, and medians are compared, so that a busy machine
slows both. Run it with the interpreter of the environment in which shapecalc is installed.
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imported import archives, imported_nodes, onnx_files
from measuring import ENVIRONMENT, SHAPECALC, paired, process, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measuring import Result


def start_up() -> Iterator[Result]:
    """A summary of AlexNet against importing the libraries that it needs: in colour, and as JSON."""
    for words, options, imports, color in (
        ("summary alexnet in colour", [], "click, yaml, rich.table, rich.console", "1"),
        ("summary alexnet --format json", ["--format", "json"], "click, yaml", "0"),
    ):
        ENVIRONMENT["FORCE_COLOR"] = color
        bare = [sys.executable, "-c", f"import {imports}"]
        ratio, memory = paired([*SHAPECALC, "summary", "alexnet", *options], bare)
        yield f"{words} / import {imports}: time", ratio, 1.4, "×"
        yield f"{words} / import {imports}: peak memory", memory, 15, "MiB more"


def larger_networks() -> Iterator[Result]:
    """ResNet-152 and Llama-2-7B against AlexNet, as whole processes."""
    for name in ("resnet152", "llama-2-7b"):
        ratio, _ = paired([*SHAPECALC, "summary", name], [*SHAPECALC, "summary", "alexnet"])
        yield f"summary {name} / summary alexnet: time", ratio, 2.0, "×"


def zoo() -> Iterator[Result]:
    """Every bundled network: read, inferred and checked against its expectations."""
    seconds = statistics.median(process([*SHAPECALC, "check", "--all"])[0] for _ in range(3))
    yield "check --all", seconds, 5, "s"


def _layers(count: int, *, alike: bool) -> list[object]:
    block: list[object] = []
    for i in range(count // 4):
        channels = 16 if alike else 16 + i % 997
        block += [{"conv": {"out_channels": channels, "kernel_size": 3, "padding": 1}}, "batch_norm", "relu",
                  {"max_pool": {"kernel_size": 3, "stride": 1, "padding": 1}}]  # fmt: skip
    return block


def throughput() -> Iterator[Result]:
    """Inference against a deep copy of the dicts that the network was read from.

    A CNN whose layers repeat, and one with hardly any equal layers.
    """
    import shapecalc

    for words, alike, limit in (("CNN layers, repeating", True, 2), ("CNN layers, all different", False, 3.3)):
        spec = {"input": [3, 64, 64], "layers": _layers(40_000, alike=alike)}
        network = shapecalc.load(spec)
        pairs = [(timed(network.infer), timed(partial(copy.deepcopy, spec))) for _ in range(7)]
        inferring, copying = (min(column) for column in zip(*pairs, strict=True))
        yield f"{words}: inferred ({40_000 / inferring:,.0f} a second) / copied", inferring / copying, limit, "×"


def _chain(count: int) -> str:
    turn = "- conv: {out_channels: 16, kernel_size: 3, padding: 1}\n- relu\n"
    return "input: 3x32x32\nlayers:\n" + turn * (count // 2)


def _deep(count: int) -> str:
    """Branches within branches, 12 deep, repeated."""
    inner = "- relu"
    for _ in range(12):
        indented = "\n".join("    " + line for line in inner.splitlines())
        inner = f"- add:\n  - []\n  -\n{indented}\n"
    return "input: 3x8x8\nlayers:\n" + inner * (count // 13)


def _wide(count: int) -> str:
    """One layer with many inputs."""
    names = "".join(f"- relu:\n  name: r{i}\n  from: input\n" for i in range(count))
    return f"input: 3x8x8\nlayers:\n{names}- concat: [{', '.join(f'r{i}' for i in range(count))}]\n"


def linear() -> Iterator[Result]:
    """Reading, inferring and writing as JSON: twice the layers, at most 2.2 times the time."""
    with tempfile.TemporaryDirectory() as folder:
        for words, make, count in (("sequence", _chain, 50_000), ("deep nesting", _deep, 20_000),
                                   ("wide fan-in", _wide, 10_000)):  # fmt: skip
            seconds = []
            for size in (count, 2 * count):
                path = Path(folder) / f"{size}.yaml"
                path.write_text(make(size))
                command = [*SHAPECALC, "summary", str(path), "--format", "json"]
                seconds.append(min(process(command)[0] for _ in range(2)))
            yield f"{words}: {2 * count:,} layers / {count:,}", seconds[1] / seconds[0], 2.2, "×"


def questions() -> Iterator[Result]:
    """A sweep against a loop of inferences; an explanation against a summary."""
    import shapecalc
    from shapecalc import sweep

    spec = str(Path(__file__).with_name("alexnet_width.yaml"))
    network = shapecalc.load(spec)
    variants = 1_000_000
    loop = timed(lambda: [network.infer(input=[227 + 4 * i, 227, 3], vars={"width": 16 + i}) for i in range(50)]) / 50
    sizes = [(227 + i, 227, 3) for i in range(1000)]
    seconds = min(timed(lambda: sweep(spec, vars={"width": range(16, 1016)}, input=sizes)) for _ in range(3))
    yield "sweep of a million AlexNets", seconds, 2, "s"
    yield "sweep of a million AlexNets: faster than a loop of infer()", loop * variants / seconds, -100, "×"
    ratio, _ = paired([*SHAPECALC, "explain", "resnet50"], [*SHAPECALC, "summary", "resnet50"], 7)
    yield "explain resnet50 / summary resnet50: time", ratio, 3.0, "×"


def live_page() -> Iterator[Result]:
    """What follows a keystroke on the live page, against reading and inferring the network alone."""
    import shapecalc
    from shapecalc.editor.engine import answer

    text = answer({"do": "example", "name": "resnet50"})["text"]
    look = partial(answer, {"do": "look", "text": text, "name": "resnet50.yaml"})
    pairs = [(timed(look), timed(lambda: shapecalc.load(text).infer())) for _ in range(25)]
    looking, inferring = (min(column) for column in zip(*pairs, strict=True))
    yield f"look at resnet50 ({1000 * looking:.0f} ms) / read and inferred", looking / inferring, 2.5, "×"


def checkpoints() -> Iterator[Result]:
    """The headers of 16,000 tensors, and of a few, as whole processes: against Python alone, and with click.

    Starting Python and importing click, which reads the options of every command, take almost 4 × the bare interpreter,
    and JSON's reader alone 2 × more for the header of 16,000 tensors.
    """
    bare, library = [sys.executable, "-I", "-c", "pass"], [sys.executable, "-c", "import click"]
    with tempfile.TemporaryDirectory() as folder:
        for count, limits in ((16_000, (11, 3.0)), (300, (6, 1.8))):
            path = Path(folder) / f"{count}.safetensors"
            _write_checkpoint(path, count)
            command = [*SHAPECALC, "weights", str(path)]
            for words, other, limit in zip(("python -I -c pass", "import click"), (bare, library), limits, strict=True):
                yield f"weights of {count:,} tensors / {words}: time", paired(command, other)[0], limit, "×"


def _write_checkpoint(path: Path, count: int) -> None:
    """Write a header as the safetensors library does, of tensors whose data is a hole."""
    tensors = {
        f"model.layers.{i // 12}.mlp.experts.{i % 12}.up_proj.weight": {
            "dtype": "BF16", "shape": [16, 32], "data_offsets": [1024 * i, 1024 * (i + 1)],
        }
        for i in range(count)
    }  # fmt: skip
    header = json.dumps(tensors, separators=(",", ":")).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 1024 * count)


BENCHMARKS = {
    f.__name__: f
    for f in (
        start_up,
        larger_networks,
        zoo,
        throughput,
        linear,
        questions,
        live_page,
        checkpoints,
        imported_nodes,
        onnx_files,
        archives,
    )
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    worst = 0
    for name in names:
        for words, figure, limit, unit in BENCHMARKS[name]():
            good = figure >= -limit if limit < 0 else figure <= limit
            worst |= not good
            told = f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.2f}"
            bound = f"at least {-limit:,}" if limit < 0 else f"at most {limit:,}"
            print(f"{'ok  ' if good else 'SLOW'}  {told:>10} {unit:<9} ({bound})  {words}", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
