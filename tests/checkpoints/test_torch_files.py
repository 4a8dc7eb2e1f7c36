"""State dicts of PyTorch: files that torch.save wrote, and archives that lie."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from shapecalc.checkpoints import read_checkpoint
from shapecalc.checkpoints.torch import MAGIC
from shapecalc.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

WAYS: dict[str, dict[str, Any]] = {
    "zip": {}, "protocol 3": {"pickle_protocol": 3}, "protocol 4": {"pickle_protocol": 4},
    "protocol 5": {"pickle_protocol": 5}, "before 1.6": {"_use_new_zipfile_serialization": False},
}  # fmt: skip


def saved(torch: Any, value: Any, path: Path, way: str = "zip") -> list[tuple[Any, ...]]:
    torch.save(value, path, **WAYS[way])
    return [(t.name, t.dtype, t.shape, t.params, t.bytes, t.shares) for t in read_checkpoint(str(path)).tensors]


@pytest.mark.torch
@pytest.mark.parametrize("way", WAYS)
def test_types_and_nested_dicts(way: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
             "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
             "C64": torch.complex64, "C128": torch.complex128, "F8_E4M3": torch.float8_e4m3fn,
             "F8_E5M2": torch.float8_e5m2}  # fmt: skip
    new = {} if way == "before 1.6" else {"U16": torch.uint16, "U32": torch.uint32, "F8_E8M0": torch.float8_e8m0fnu}
    tensors = {name: torch.zeros(2, 3).to(kind) for name, kind in {**kinds, **new}.items()}
    value = {"state_dict": tensors, "epoch": 3, "args": {"lr": 1e-3, "betas": (0.9, 0.99), "name": "é" * 300, "none": None},
             "optimizer": {"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": [{"params": [0]}]}}  # fmt: skip
    expected = [(f"state_dict.{name}", name, (2, 3), 6, tensor.nbytes, "") for name, tensor in tensors.items()]
    expected.append(("optimizer.state.0.exp_avg", "F32", (4,), 4, 16, ""))
    assert saved(torch, value, tmp_path / "m.pt", way) == expected
    assert {"state_dict", "optimizer"} <= {*read_checkpoint(str(tmp_path / "m.pt")).containers}


@pytest.mark.torch
@pytest.mark.parametrize("way", WAYS)
def test_shared_storages_count_once(way: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weight, line, square, pool = torch.zeros(4, 5), torch.zeros(10), torch.zeros(4, 4), torch.zeros(100)
    value = {"a": weight, "tied": weight, "t": weight.t(), "row": weight[1], "x": line[:6], "y": line[4:], "cut": torch.zeros(9)[:2],
             "even": square[:, ::2], "odd": square[:, 1::2], "expanded": torch.zeros(1).expand(1000),
             "p": torch.nn.Parameter(torch.zeros(3, 2)), "empty": torch.zeros(0, 3), "scalar": torch.tensor(1.0), "held": pool[:50], "part": pool[10:20]}  # fmt: skip
    assert saved(torch, value, tmp_path / "m.pt", way) == [
        ("a", "F32", (4, 5), 20, 80, ""), ("tied", "F32", (4, 5), 0, 0, "a"), ("t", "F32", (5, 4), 0, 0, "a"),
        ("row", "F32", (5,), 0, 0, "a"), ("x", "F32", (6,), 6, 24, ""), ("y", "F32", (6,), 4, 16, ""),
        ("cut", "F32", (2,), 2, 8, ""), ("even", "F32", (4, 2), 8, 32, ""), ("odd", "F32", (4, 2), 8, 32, ""),
        ("expanded", "F32", (1000,), 1, 4, ""), ("p", "F32", (3, 2), 6, 24, ""), ("empty", "F32", (0, 3), 0, 0, ""),
        ("scalar", "F32", (), 1, 4, ""), ("held", "F32", (50,), 50, 200, ""), ("part", "F32", (10,), 0, 0, "held"),
    ]  # fmt: skip


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # quantised tensors are on their way out
def test_state_dicts_of_modules(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))
    expected = [(name, tuple(tensor.shape)) for name, tensor in net.state_dict().items()]
    assert [(one[0], one[2]) for one in saved(torch, net.state_dict(), tmp_path / "m.pt")] == expected
    quantised = {"q": torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.qint8),
                 "meta": torch.zeros(2, 3, device="meta")}  # fmt: skip
    assert [one[:5] for one in saved(torch, quantised, tmp_path / "m.pt")] == [
        ("q", "QI8", (2, 3), 6, 6), ("meta", "F32", (2, 3), 6, 0),
    ]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("way", WAYS)
def test_the_largest_of_a_storage_has_the_elements(way: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.zeros(4, 5)
    assert saved(torch, {"b": weight[0], "a": weight, "c": weight}, tmp_path / "m.pt", way) == [
        ("b", "F32", (5,), 0, 0, "a"), ("a", "F32", (4, 5), 20, 80, ""), ("c", "F32", (4, 5), 0, 0, "a"),
    ]  # fmt: skip


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # the layout of compressed rows is said to be in beta
@pytest.mark.parametrize("way", ["zip", "before 1.6"])
def test_sparse_tensors_are_what_they_store(way: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    dense = torch.eye(3)
    dense[0, 2] = 1
    assert saved(torch, {"s": dense.to_sparse(), "w": torch.zeros(2)}, tmp_path / "m.pt", way) == [
        ("s.indices", "I64", (2, 4), 8, 64, ""), ("s.values", "F32", (4,), 4, 16, ""), ("w", "F32", (2,), 2, 8, ""),
    ]  # fmt: skip
    note = "counted are the values that are stored, not the zeros between them."
    assert read_checkpoint(str(tmp_path / "m.pt")).notes == [f"1 sparse tensor: {note}"]
    value = {"r": dense.to_sparse_csr(), "p": torch.nn.Parameter(dense.to_sparse_csc())}
    assert [one[:5] for one in saved(torch, value, tmp_path / "m.pt", way)] == [
        (f"{name}.{part}", dtype, (size,), size, size * unit)
        for name in "rp"
        for part, dtype, size, unit in (
            ("compressed_indices", "I64", 4, 8), ("plain_indices", "I64", 4, 8), ("values", "F32", 4, 4),
        )
    ]  # fmt: skip
    assert read_checkpoint(str(tmp_path / "m.pt")).notes == [f"2 sparse tensors: {note}"]


SPARSE = b"ctorch._utils\n_rebuild_sparse_tensor\n(N%btR"


@pytest.mark.parametrize("parts", [b"N", b"(t", b"(" + b"N" * 3 + b"t"])
def test_sparse_tensors_without_parts(parts: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="its pickle cannot be read"):
        read_checkpoint(archive(tmp_path / "m.pt", entry(SPARSE % parts)))


@pytest.mark.torch
def test_whole_modules_are_refused_by_name(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for way in ("zip", "before 1.6"):
        with pytest.raises(
            CheckpointError, match=r"its pickle names torch\.nn\.modules\.linear\.Linear, which is not part"
        ):
            saved(torch, torch.nn.Linear(2, 3), tmp_path / "m.pt", way)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # TorchScript is on its way out
def test_a_torchscript_archive(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    try:
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), tmp_path / "m.pt")
    except (RuntimeError, AttributeError, DeprecationWarning):
        pytest.skip("this PyTorch has no TorchScript")
    with pytest.raises(CheckpointError, match="it is a TorchScript archive, which holds code"):
        read_checkpoint(str(tmp_path / "m.pt"))


# ---- archives that are written here ----------------------------------------------------------------------------------


class Id:
    """Stands for a storage in a pickle: its persistent id."""

    def __init__(self, kind: str, key: str, elements: Any) -> None:
        self.kind, self.key, self.elements = kind, key, elements


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"I%d\n" % value


def tensor(shape: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1), offset: int = 0, held: int = 6,
           key: str = "0", kind: bytes = b"FloatStorage") -> bytes:  # fmt: skip
    """The opcodes of a tensor, as PyTorch writes them."""
    storage = b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + number(held) + b"tQ"
    sizes = [b"(" + b"".join(map(number, numbers)) + b"t" for numbers in (shape, strides)]
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + b"".join(sizes) + b"\x89Ntr"[:-1] + b"R"


def archive(path: Path, content: bytes, storages: dict[str, int] | None = None, name: str = "m/data.pkl") -> str:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, content)
        for key, size in (storages or {"0": 24}).items():
            file.writestr(f"m/data/{key}", bytes(size))
    return str(path)


def entry(value: bytes) -> bytes:
    return b"\x80\x02}" + text("w") + value + b"s."


def test_an_archive_that_is_written_here(tmp_path: Path) -> None:
    (found,) = read_checkpoint(archive(tmp_path / "m.pt", entry(tensor()))).tensors
    assert (found.name, found.dtype, found.shape, found.bytes) == ("w", "F32", (2, 3), 24)


LIES: dict[str, tuple[bytes, dict[str, int], str]] = {
    "a storage that is missing": (entry(tensor()), {"1": 24}, "its storage m/data/0 is missing, and its tensors need 24"),
    "a storage that is short": (entry(tensor()), {"0": 20}, "its storage m/data/0 has 20 bytes, and its tensors need 24"),
    "a tensor beyond its storage": (entry(tensor(offset=1)), {"0": 24}, "its tensor w goes beyond its storage, which has 24 bytes"),
    "a huge stride": (entry(tensor(strides=(2**62, 1))), {"0": 24}, "its tensor w goes beyond its storage"),
    "a negative size": (entry(tensor((-2, 3))), {"0": 24}, "its tensor w cannot have its shape: a size is -2"),
    "a negative stride": (entry(tensor(strides=(-3, 1))), {"0": 24}, "its strides and its offset are not whole numbers"),
    "a negative offset": (entry(tensor(offset=-1)), {"0": 24}, "its strides and its offset are not whole numbers"),
    "a huge size": (entry(tensor((2**70,), (1,))), {"0": 24}, "a size is 1180591620717411303424"),
    "strides of other axes": (entry(tensor((6,))), {"0": 24}, "its strides and its offset are not whole numbers"),
    "a storage without elements": (entry(tensor(held=-5)), {"0": 24}, "its storage m/data/0 has 24 bytes, and its tensors need -20"),
    "no tensors": (b"\x80\x02K\x01.", {"0": 24}, "it holds no tensors"),
    "deep dicts": (b"\x80\x02" + b"}" + (text("a") + b"}") * 40 + text("w") + tensor() + b"s" * 41 + b".", {"0": 24},
                   "is nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_an_archive_that_lies(lie: str, tmp_path: Path) -> None:
    content, storages, words = LIES[lie]
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(archive(tmp_path / "m.pt", content, storages))
    assert words in str(caught.value)


def test_other_archives(tmp_path: Path) -> None:
    for name, words in (("w.npy", "numpy arrays"), ("config.json", "a model of Keras"), ("x", "without the data.pkl")):
        with pytest.raises(CheckpointError, match=words):
            read_checkpoint(archive(tmp_path / "m.pt", b"", name=name))
    archive(tmp_path / "m.pt", entry(tensor()))
    content = (tmp_path / "m.pt").read_bytes()
    (tmp_path / "m.pt").write_bytes(content[:-9])
    with pytest.raises(CheckpointError, match="its zip archive is broken: file is not a zip file"):
        read_checkpoint(str(tmp_path / "m.pt"))
    encrypted = bytearray(content)
    encrypted[content.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "m.pt").write_bytes(encrypted)
    with pytest.raises(CheckpointError, match="its zip archive is encrypted"):
        read_checkpoint(str(tmp_path / "m.pt"))


def test_a_zip_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("m/data.pkl", bytes(33 * 2**20))
    with pytest.raises(CheckpointError, match="its pickle has 34,603,008 bytes: at most"):
        read_checkpoint(str(tmp_path / "m.pt"))


def test_the_older_format(tmp_path: Path) -> None:
    head = MAGIC + b"." + b"\x80\x02M\xe9\x03." + b"\x80\x02}."
    end = b"\x80\x02]."
    content = head + entry(tensor()) + end
    assert head.startswith(pickle.dumps(0x1950A86A20F9469CFC6C, 2)[:14])
    path = tmp_path / "m.pt"
    path.write_bytes(content + struct.pack("<Q", 6) + bytes(24))
    assert read_checkpoint(str(path)).tensors[0].shape == (2, 3)
    path.write_bytes(content + bytes(31))
    with pytest.raises(CheckpointError, match="its storages need 32 bytes, and the file has 31 after its pickles"):
        read_checkpoint(str(path))
    path.write_bytes(MAGIC + b"." + b"\x80\x02K\x05." + b"\x80\x02}." + entry(tensor()) + end)
    with pytest.raises(CheckpointError, match="it is of the protocol 5 of PyTorch: 1001 is known"):
        read_checkpoint(str(path))
    for cut in range(len(MAGIC), len(content), 5):
        path.write_bytes(content[:cut])
        with pytest.raises(CheckpointError, match=r"its pickle cannot be read|its storages need"):
            read_checkpoint(str(path))


def test_content_of_pickles_is_that_of_python(tmp_path: Path) -> None:
    """What Python's pickle writes of dicts, lists and numbers is read by all its protocols."""
    value = {"a": [1, -5, 2**40, 1.5, None, True, False, "é", b"\0\1", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
             "b": {"c": {3: "d"}}, "e": frozenset({1}), "f": {1, 2}, "g": bytearray(b"x"), "h": 2**700}  # fmt: skip
    value["again"] = value["a"]
    for protocol in range(6):
        content = io.BytesIO()
        pickle.dump(value, content, protocol)
        from shapecalc.checkpoints.pickles import read_pickle

        found, end = read_pickle("f", content.getvalue())
        assert end == len(content.getvalue())
        assert found["a"][:8] == [1, -5, 2**40, 1.5, None, True, False, "é"]
        assert found["a"][9:] == [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]
        assert found["b"] == {"c": {3: "d"}}
        assert found["again"] is found["a"]
