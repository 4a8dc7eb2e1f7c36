"""Good files with a few bytes changed, cut, doubled or inserted: each is read, or is an error of ours; quickly."""

from __future__ import annotations

import contextlib
import random
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from crafted_checkpoints import gguf_bytes, write_safetensors
from test_torch_files import archive, entry, tensor

import shapecalc
from shapecalc.checkpoints.torch import MAGIC
from shapecalc.errors import ShapecalcError

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = 60


def good(kind: str, path: Path) -> bytes:
    if kind == "safetensors":
        write_safetensors(path, {"a.0.w": ("F32", (2, 3)), "a.1.w": ("F32", (2, 3)), "q.qweight": ("I32", (4, 8)),
                                 "q.scales": ("F16", (1, 8)), "q.qzeros": ("I32", (1, 1))})  # fmt: skip
    elif kind == "gguf":
        header, size = gguf_bytes({"t": ("Q4_K", (2, 256)), "h.0.w": ("F16", (2, 3))})
        path.write_bytes(header + bytes(size))
    elif kind == "zip":
        archive(path, entry(tensor()))
    else:
        path.write_bytes(
            MAGIC + b".\x80\x02M\xe9\x03.\x80\x02}." + entry(tensor()) + b"\x80\x02].\6" + bytes(7) + bytes(24)
        )
    return path.read_bytes()


def changed(content: bytes, draw: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 5, 20))):
        at, count = draw.randrange(len(found) + 1), draw.randrange(1, 30)
        way = draw.randrange(5)
        if way == 0:
            found[at : at + 1] = bytes([draw.choice((0, 1, 127, 255, draw.randrange(256), *b"{[Rcr]}"))])
        elif way == 1:
            del found[at : at + count]
        elif way == 2:
            found[at:at] = draw.randbytes(count % 9)
        elif way == 3:
            found[at:at] = found[at : at + count]
        else:
            del found[len(found) - draw.randrange(len(found) + 1) // 8 :]
    return bytes(found)


@pytest.mark.parametrize("kind", ["safetensors", "gguf", "zip", "before 1.6", "pickle"])
def test_changed_files(kind: str, tmp_path: Path) -> None:
    path, draw = tmp_path / "m", random.Random(17)
    content = entry(tensor()) if kind == "pickle" else good(kind, path)
    read = 0
    for _ in range(CHANGES):
        if kind == "pickle":
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("m/data.pkl", changed(content, draw))
                file.writestr("m/data/0", bytes(24))
        else:
            path.write_bytes(changed(content, draw))
        start = time.process_time()
        with contextlib.suppress(ShapecalcError):
            found = shapecalc.weights(path)
            for format_ in ("text", "csv", "json"):
                found.render(format_)
            read += 1
        assert time.process_time() - start < 2
    assert read < CHANGES
