"""Benchmarks of files of other formats."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import SHAPECALC, compared, paired, process
from residual import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measuring import Result


def imported_nodes() -> Iterator[Result]:
    """The same network of 10,000 nodes in every format, read and inferred, against plain Python; and ten times it."""
    for words, (make, most) in FORMATS.items():
        seconds, ratio = compared(partial(_inferred, make(10_000)), 5)
        yield f"{words} of 10,000 nodes ({seconds:.2f} s) / plain Python", ratio, 13, "×"
        longer, _ = compared(partial(_inferred, make(most)), 1)
        yield f"{words} of {most:,} nodes / 10,000", longer / seconds, 1.3 * most / 10_000, "×"


def _inferred(data: bytes) -> object:
    import shapecalc

    return shapecalc.load(data).infer()


def onnx_files() -> Iterator[Result]:
    """Files of ONNX: against the library's own reading and inference of shapes; and shape arithmetic."""
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
    seconds, ratio = compared(partial(_inferred, _onnx_arithmetic(560, 10)), 5)
    yield f"6,160 nodes, 5,600 of them shape arithmetic ({seconds:.2f} s) / plain Python", ratio, 4, "×"


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
    """A .pt2 archive of torchvision's ResNet-50 against the bundled specification."""
    archive = str(Path(__file__).with_name("resnet50.pt2"))
    ratio, _ = paired([*SHAPECALC, "summary", archive], [*SHAPECALC, "summary", "resnet50"])
    yield "summary resnet50.pt2 / summary resnet50: time", ratio, 1.5, "×"
