"""Speed and size as ratios, measured in one run on one machine.

`python benchmarks/run.py [NAME…]`; exits with 1 above a limit.

Whole processes are run in turn with those that they are compared to, and medians are compared, so that a busy machine
slows both. Run it with the interpreter of the environment in which shapecalc is installed.
"""

from __future__ import annotations

import copy
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 15
SHAPECALC = [sys.executable, "-c", "from shapecalc.__main__ import main; main()"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

Result = tuple[str, float, float, str]
"""The name of a measurement, its figure, its limit (negative: a minimum), and its unit."""


def process(command: list[str]) -> tuple[float, float]:
    """Return the wall seconds and the peak memory (MiB) of a whole process."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command} failed")
    child.returncode = 0
    return seconds, usage.ru_maxrss / 1024


def paired(command: list[str], other: list[str], runs: int = RUNS) -> tuple[float, float]:
    """Return the median of the ratios of time, and the difference of median peak memory in MiB, of two commands."""
    process(command), process(other)
    pairs = [(process(command), process(other)) for _ in range(runs)]
    times = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    memory = [statistics.median(pair[side][1] for pair in pairs) for side in (0, 1)]
    return times[0] / times[1], memory[0] - memory[1]


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


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def processor(function: Callable[[], object]) -> float:
    """Return the seconds of the processor, which other processes do not slow."""
    start = time.process_time()
    function()
    return time.process_time() - start


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


def onnx_files() -> Iterator[Result]:
    """Files of ONNX: against the library's own reading and inference of shapes; and graphs of many nodes."""
    import shapecalc

    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    own = "import onnx, sys; onnx.shape_inference.infer_shapes(onnx.load(sys.argv[1]))"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg16.onnx"
        _write_vgg16(path)
        commands = [*SHAPECALC, "summary", str(path)], [sys.executable, "-c", own, str(path)]
        runs = [[process(command) for _ in range(3)] for command in commands]
        (seconds, memory), (its_seconds, its_memory) = (map(min, zip(*run, strict=True)) for run in runs)
        size = f"summary of VGG-16's file of {path.stat().st_size / 2**20:,.0f} MiB / onnx.load, infer_shapes"
        yield f"{size}: time", seconds / its_seconds, 0.1, "×"
        yield f"{size}: peak memory", memory / its_memory, 0.05, "×"
    seconds = {}
    for count in (10_000, 100_000):
        data = _onnx_chain(count)
        seconds[count] = min(processor(lambda data=data: shapecalc.load(data).infer()) for _ in range(3))
    yield "10,000 imported nodes", seconds[10_000], 0.5, "s"
    yield "100,000 imported nodes / 10,000", seconds[100_000] / seconds[10_000], 13, "×"
    data = _onnx_arithmetic(560, 10)
    best = min(processor(lambda: shapecalc.load(data).infer()) for _ in range(3))
    yield "6,160 nodes, 5,600 of them shape arithmetic", best, 0.5, "s"


def _write_vgg16(path: Path) -> None:
    """Write VGG-16 as PyTorch exports it, with its weights in the file, which are a hole of 528 MiB."""
    from crafted_onnx import field, graph, node, tensor, value, varint

    nodes, weights, features, name = [], [], 3, "x"
    sizes = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]
    for number, size in enumerate(sizes):
        own, name = name, f"t{number}"
        if not size:
            nodes.append(node("MaxPool", [own], [name], kernel_shape=[2, 2], strides=[2, 2]))
            continue
        nodes.append(
            node("Conv", [own, f"w{number}", f"b{number}"], [f"c{number}"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        )
        nodes.append(node("Relu", [f"c{number}"], [name]))
        weights += [(f"w{number}", [size, features, 3, 3]), (f"b{number}", [size])]
        features = size
    nodes.append(node("Flatten", [name], ["f0"]))
    for number, (inputs, outputs) in enumerate(((25088, 4096), (4096, 4096), (4096, 1000))):
        nodes.append(node("Gemm", [f"f{number}", f"v{number}", f"d{number}"], [f"g{number}"], transB=1))
        nodes.append(node("Relu", [f"g{number}"], [f"f{number + 1}"]))
        weights += [(f"v{number}", [outputs, inputs]), (f"d{number}", [outputs])]
    start = graph(nodes, [value("x", [1, 3, 224, 224])], [value("f3", [1, 1000])])
    heads = [(tensor(word, dims, raw=b"")[:-1], 4 * math.prod(dims)) for word, dims in weights]
    held = [(head + varint(size), size) for head, size in heads]
    framed = [(varint(5 << 3 | 2) + varint(len(head) + size) + head, size) for head, size in held]
    length = len(start) + sum(len(head) + size for head, size in framed)
    with path.open("wb") as file:
        file.write(field(1, 8) + field(8, field(2, 17)) + varint(7 << 3 | 2) + varint(length) + start)
        for head, size in framed:
            file.write(head)
            file.truncate(file.tell() + size)
            file.seek(size, os.SEEK_CUR)


def _onnx_chain(count: int) -> bytes:
    """Convolutions, activations, residual sums and pools, in blocks."""
    from crafted_onnx import model, node, tensor, value

    nodes, weights = [], []
    for i in range(count):
        own, name = f"t{i}", f"/layer{i // 100}/block{i // 10}"
        if i % 4 == 0:
            nodes.append(
                node("Conv", [own, f"w{i}", f"b{i}"], [f"t{i + 1}"], f"{name}/conv{i}/Conv", pads=[1, 1, 1, 1])
            )
            weights += [tensor(f"w{i}", [16, 16, 3, 3]), tensor(f"b{i}", [16])]
        elif i % 4 == 2:
            nodes.append(node("Add", [own, f"t{i - 1}"], [f"t{i + 1}"], f"{name}/Add_{i}"))
        else:
            words = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]} if i % 4 == 3 else {}
            nodes.append(node("MaxPool" if words else "Relu", [own], [f"t{i + 1}"], f"{name}/own{i}/Own", **words))
    return model(nodes, [value("t0", [1, 16, 32, 32])], [value(f"t{count}", None)], weights=weights)


def _onnx_arithmetic(count: int, of_each: int) -> bytes:
    """Reshapes to sizes that nodes compute of the input's own, as PyTorch's exporter writes Swin's."""
    from crafted_onnx import INT64, model, node, tensor, value

    nodes = []
    for i in range(count):
        x = f"t{i}"
        nodes.append(node("Shape", [x], [f"s{i}"]))
        nodes.append(node("Gather", [f"s{i}", "zero"], [f"a{i}.0"]))
        nodes += [node("Mul", [f"a{i}.{n}", "one"], [f"a{i}.{n + 1}"]) for n in range(of_each - 4)]
        nodes.append(node("Unsqueeze", [f"a{i}.{of_each - 4}", "axes"], [f"u{i}"]))
        nodes.append(node("Concat", [f"u{i}", "rest" if i % 2 else "apart"], [f"z{i}"], axis=0))
        nodes.append(node("Reshape", [x, f"z{i}"], [f"t{i + 1}"]))
    ints = {"zero": [0], "one": [1], "axes": [0], "rest": [-1], "apart": [3, 32, 32]}
    weights = [tensor(name, [] if name in ("zero", "one") else [len(some)], some, INT64) for name, some in ints.items()]
    return model(nodes, [value("t0", [1, 3, 32, 32])], [value(f"t{count}", None)], weights=weights)


def archives() -> Iterator[Result]:
    """A .pt2 archive of torchvision's ResNet-50 against the bundled specification; archives of many nodes."""
    archive = str(Path(__file__).with_name("resnet50.pt2"))
    ratio, _ = paired([*SHAPECALC, "summary", archive], [*SHAPECALC, "summary", "resnet50"])
    yield "summary resnet50.pt2 / summary resnet50: time", ratio, 1.5, "×"
    seconds = []
    for count in (10_000, 100_000):
        data = _archive(count)
        work = partial(_inferred, data)
        seconds.append(min(processor(work) for _ in range(5 if count < 50_000 else 2)))
    yield "a .pt2 archive of 10,000 nodes (11 MB of JSON), read and inferred", seconds[0], 1.0, "s"
    yield "a .pt2 archive of 100,000 nodes / 10,000", seconds[1] / seconds[0], 14, "×"


def _inferred(data: bytes) -> object:
    import shapecalc

    return shapecalc.load(data).infer()


def _archive(count: int) -> bytes:
    """Return an archive of convolutions, normalisations and activations, each with weights of its own."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from crafted_pt2 import T, archive, node, program

    nodes, tensors, last = [], {"x": (1, 8, 16, 16)}, "x"
    for i in range(count // 3):
        module, weights = f"body.{i}", {"c": (8, 8, 3, 3), "n": (8,), "m": (8,)}
        tensors |= {f"p_{name}{i}": dims for name, dims in weights.items()}
        nodes += [
            node("aten.conv2d.default", f"c{i}", f"{module}.conv", "net.py:5", input=T(last),
                 weight=T(f"p_c{i}"), bias=None, stride=[1, 1], padding=[1, 1]),
            node("aten.batch_norm.default", f"b{i}", f"{module}.norm", "net.py:5", input=T(f"c{i}"),
                 weight=T(f"p_n{i}"), bias=T(f"p_m{i}"), running_mean=None, running_var=None,
                 training=False, momentum=0.1, eps=1e-5),
            node("aten.relu.default", f"r{i}", module, "net.py:6", self=T(f"b{i}")),
        ]  # fmt: skip
        last = f"r{i}"
        tensors |= dict.fromkeys((f"c{i}", f"b{i}", f"r{i}"), (1, 8, 16, 16))
    params = [name for name in tensors if name.startswith("p_")]
    return archive(program(nodes, tensors, params=params, outputs=[last]))


BENCHMARKS = {
    f.__name__: f
    for f in (start_up, larger_networks, zoo, throughput, linear, questions, checkpoints, onnx_files, archives)
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
