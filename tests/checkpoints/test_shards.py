"""Indices of shards, folders of models, and files that are no checkpoint."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from crafted_checkpoints import write_safetensors

from shapecalc.checkpoints import read_checkpoint
from shapecalc.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def sharded(folder: Path, *names: str, index: Any = None) -> str:
    for name in names:
        write_safetensors(folder / name, {f"w{name[10]}": ("F32", (2,)), f"v{name[10]}": ("F32", (3,))})
    weight_map = {"w1": ONE, "v1": ONE, "w2": TWO, "v2": TWO}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 40}, "weight_map": weight_map} if index is None else index))
    return str(path)


def test_all_shards(tmp_path: Path) -> None:
    found = read_checkpoint(sharded(tmp_path, ONE, TWO))
    assert [tensor.name for tensor in found.tensors] == ["w1", "v1", "w2", "v2"]
    assert (found.files, found.missing, list(found.notes)) == (2, {}, [])
    assert found.size == sum((tmp_path / name).stat().st_size for name in (ONE, TWO))


def test_missing_shards(tmp_path: Path) -> None:
    found = read_checkpoint(sharded(tmp_path, TWO))
    assert [tensor.name for tensor in found.tensors] == ["w2", "v2"]
    assert found.missing == {ONE: ["w1", "v1"]}
    (tmp_path / TWO).unlink()
    with pytest.raises(UsageError, match=r"none of the 2 files that .* lists is beside it"):
        read_checkpoint(str(tmp_path / "model.safetensors.index.json"))
    sharded(tmp_path, index={"weight_map": {"w": "gone.safetensors"}})
    with pytest.raises(UsageError, match=r"the only file that .* lists is not beside it"):
        read_checkpoint(str(tmp_path / "model.safetensors.index.json"))


def test_shards_that_do_not_agree_with_their_index(tmp_path: Path) -> None:
    index = {"weight_map": {"w1": ONE, "x": ONE, "w2": TWO, "v2": TWO}}
    found = read_checkpoint(sharded(tmp_path, ONE, TWO, index=index))
    assert list(found.notes) == [
        f"1 tensor is listed in the index, but not in {ONE}: x.",
        f"1 tensor is in {ONE}, but not in the index: v1.",
    ]
    write_safetensors(tmp_path / TWO, {"w1": ("F32", (2,))})
    with pytest.raises(CheckpointError, match="its tensor w1 is in two of its files"):
        read_checkpoint(sharded(tmp_path, ONE, index=index))


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", 3, None, "a\\b"])
def test_files_elsewhere_are_not_read(name: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="it must be the name of a file beside the index"):
        read_checkpoint(sharded(tmp_path, ONE, index={"weight_map": {"w": name}}))


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {}}, 3])
def test_an_index_without_files(index: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="it has no weight_map of tensors and their files"):
        read_checkpoint(sharded(tmp_path, index=index))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "it is not JSON"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[" + b"{}," * 1_000_001, "its JSON has 1,000,002 objects and lists"),
    ],
)
def test_an_index_that_is_broken(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(str(tmp_path / "model.safetensors.index.json"))


def names_in(path: Path) -> list[str]:
    return [tensor.name for tensor in read_checkpoint(str(path)).tensors]


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no checkpoint in it"):
        read_checkpoint(str(tmp_path))
    (tmp_path / "training_args.bin").write_bytes(b"x")
    write_safetensors(tmp_path / "other.safetensors", {"o": ("F32", (1,))})
    assert names_in(tmp_path) == ["o"]
    write_safetensors(tmp_path / "another.safetensors", {"a": ("F32", (1,))})
    with pytest.raises(
        UsageError, match=r"has several checkpoints\n   name one of them: another\.safetensors, other\.saf"
    ):
        read_checkpoint(str(tmp_path))
    write_safetensors(tmp_path / "model.safetensors", {"m": ("F32", (1,))})
    assert names_in(tmp_path) == ["m"]
    sharded(tmp_path, ONE, TWO)
    assert names_in(tmp_path) == ["w1", "v1", "w2", "v2"]


def test_parts_without_an_index(tmp_path: Path) -> None:
    write_safetensors(tmp_path / TWO, {"w": ("F32", (1,))})
    found = read_checkpoint(str(tmp_path))
    assert (found.files, found.missing) == (1, {ONE: ()})


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 4976698672\n"
NO_CHECKPOINTS = {
    "nothing": (b"", "it is empty"),
    "a pointer": (POINTER, "it is a pointer of Git LFS to the file of 4,976,698,672 bytes, not the file"),
    "a pointer that lies": (POINTER.replace(b"4976698672", b"9" * 50), "it is a pointer of Git LFS to the file, not the file"),
    "a web page": (b"\n<!DOCTYPE html><html>404</html>", "it is a web page, not a checkpoint"),
    "another page": (b"<HTML>", "it is a web page"),
    "XML": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "it is a web page"),
    "JSON": (b'{"error": "not found"}', "it is JSON, not a checkpoint"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "it is a file of HDF5, as Keras writes them"),
    "a pickle": (b"\x80\x04}.", "it is a pickle, but not one of torch.save"),
    "gzip": (b"\x1f\x8b\x08", "it is compressed (gzip)"),
    "a tar": (b"x" * 257 + b"ustar\0" + b"x" * 300, "it is a tar archive, the format of PyTorch before version 0.1.10"),
    "ggml": (b"lmgg\1\0\0\0", "it is of the format before GGUF"),
    "numpy": (b"\x93NUMPY\1\0", "it is an array of numpy"),
    "noise": (bytes(range(200, 256)), "its format is not known: it begins with the bytes c8 c9 ca cb"),
    "a byte": (b"\0", "its format is not known: it begins with the bytes 00"),
    "a length alone": (struct.pack("<Q", 5), "its format is not known"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_CHECKPOINTS)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "x"])
def test_files_that_are_no_checkpoint(case: str, name: str, tmp_path: Path) -> None:
    content, words = NO_CHECKPOINTS[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(tmp_path / name))
    assert str(caught.value).startswith(f"{tmp_path / name}: {words}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {})
    with pytest.raises(UsageError, match=r"there is no file .*modl.safetensors\n   did you mean .*model.safetensors\?"):
        read_checkpoint(str(tmp_path / "modl.safetensors"))
    with pytest.raises(UsageError, match="there is no file"):
        read_checkpoint(str(tmp_path / "nowhere" / "x"))
    with pytest.raises(UsageError, match=r"cannot be read|there is no file"):
        read_checkpoint("a\0b")
    with pytest.raises(UsageError, match="is not a file"):
        read_checkpoint("/dev/zero")


def test_the_only_archive_of_an_export_in_a_folder_is_read(tmp_path):
    from shapecalc.checkpoints.shards import find_in_folder

    for name in ("model.pt2", "net.onnx"):
        file = tmp_path / name
        file.write_bytes(b"")
        assert find_in_folder(str(tmp_path)) == [str(file)]
        file.unlink()
