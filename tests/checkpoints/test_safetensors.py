"""safetensors: what a header says, and every way in which it can lie."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from crafted_checkpoints import entries, write_header, write_safetensors

from shapecalc.checkpoints import StoredTensor, read_checkpoint
from shapecalc.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "a.weight": ("F32", (2, 3)),
    "b": ("BF16", ()),
    "c": ("F8_E4M3", (0, 5)),
    "d": ("F4", (3, 2)),
    "e": ("I64", (1,)),
}


def test_tensors_are_those_of_the_header(tmp_path: Path) -> None:
    found = read_checkpoint(write_safetensors(tmp_path / "m.safetensors", GOOD))
    assert found.format == "safetensors"
    assert [(t.name, t.dtype, t.shape, t.params, t.bytes) for t in found.tensors] == [
        ("a.weight", "F32", (2, 3), 6, 24), ("b", "BF16", (), 1, 2), ("c", "F8_E4M3", (0, 5), 0, 0),
        ("d", "F4", (3, 2), 6, 3), ("e", "I64", (1,), 1, 8),
    ]  # fmt: skip


@pytest.mark.torch
def test_files_of_the_library(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    types = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
             torch.complex64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)  # fmt: skip
    tensors = {f"t.{kind}": torch.zeros(3, 5).to(kind) for kind in types} | {"é漢": torch.tensor(1.5)}
    library.save_file(tensors, tmp_path / "m.safetensors", metadata={"k": 'v "quoted" \n'})
    found = read_checkpoint(str(tmp_path / "m.safetensors")).tensors
    assert {t.name: (t.shape, t.params, t.bytes) for t in found} == {
        name: (tuple(tensor.shape), tensor.numel(), tensor.nbytes) for name, tensor in tensors.items()
    }


def test_the_order_in_the_header_does_not_matter(tmp_path: Path) -> None:
    header = dict(reversed(entries(GOOD).items()))
    assert len(read_checkpoint(write_header(tmp_path / "m", header, 37)).tensors) == 5


def one(dtype: Any = "F32", shape: Any = (2,), start: Any = 0, end: Any = 8) -> dict[str, Any]:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}}


LIES: dict[str, tuple[Any, int, str]] = {
    "an unknown type": (one("F33"), 8, "its tensor w is of an unknown type, 'F33'"),
    "a type that is a list": (one(["F32"]), 8, "its tensor w is of an unknown type"),
    "other bytes than its sizes": (one(shape=[3]), 8, "its tensor w has 8 bytes, and 3 of F32 are 12"),
    "a negative size": (one(shape=[-2, -1]), 8, "its tensor w cannot have its shape: a size is -2"),
    "a fraction": (one(shape=[2.0]), 8, "its tensor w cannot have its shape: a size is '2.0', not a whole number"),
    "true as a size": (one(shape=[True, 2]), 8, "its tensor w cannot have its shape: a size is 'True'"),
    "a text as shape": (one(shape="2"), 8, "its tensor w cannot have its shape: its shape is not a list"),
    "an object as shape": (one(shape={}), 8, "its tensor w cannot have its shape: its shape is not a list"),
    "lists within a shape": (one(shape=[[2]]), 8, "its tensor w cannot have its shape: a size is"),
    "a huge size": (one(shape=[2**63, 0], end=0), 0, "its tensor w cannot have its shape: a size is 9223372036854775808"),
    "sizes with a huge product": (one(shape=[2**40, 2**40]), 8, "2^63 elements or more"),
    "very many axes": (one(shape=[1] * 100), 8, "it has 100 axes"),
    "offsets in the wrong order": (one(start=8, end=0), 8, "data_offsets [8, 0]: they must be a start and an end"),
    "three offsets": ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 9]}}, 8, "they must be a start and an end"),
    "offsets that are fractions": (one(end=8.0), 8, "they must be a start and an end"),
    "a field left out": ({"w": {"dtype": "F32", "shape": [2]}}, 8, 'its tensor w is not {"dtype": …'),
    "no object": ({"w": 3}, 8, 'its tensor w is not {"dtype": …'),
    "null": ({"w": None}, 8, 'its tensor w is not {"dtype": …'),
    "metadata that is not an object": ({"__metadata__": [1], **one()}, 8, "__metadata__ of its header is not an object"),
    "an overlap": (one() | {"v": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, 12,
                   "its tensor v, at byte 4 of the data, overlaps the tensor before it"),
    "a gap": (one() | {"v": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}}, 16,
              "its tensor v, at byte 12 of the data, leaves a gap of 4 bytes"),
    "data before the first": (one(start=4, end=12), 12, "leaves a gap of 4 bytes"),
    "data cut short": (one(), 7, "its tensors have 8 bytes, and the file has 7 after its header"),
    "data beyond its tensors": (one(), 9, "it has 1 bytes more than its header and its tensors"),
    "data without tensors": ({}, 9, "it has 9 bytes more than its header and its tensors"),
    "a list": (b'        [{"a": 1}]', 0, "its header is not an object of tensors"),
    "no JSON": (b'{"w": ', 0, "its header is not JSON: expecting value"),
    "no UTF-8": (b'{"\xff": 1}', 0, "its header is not UTF-8: byte 2 is 0xff"),
    "deep nesting": (b'{"w":' + b"[" * 200_000, 0, "its header is nested too deeply"),
    "very many objects": (b'{"w":[' + b"{}," * 1_000_001 + b"1]}", 0, "its JSON has 1,000,003 objects and lists, more than"),
    "a number of very many digits": (b'{"w":' + b"9" * 5000 + b"}", 0, "its header is not JSON"),
    "a name twice": (b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
                     4, "w is twice in its header"),
    "a field twice": (b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}}', 4,
                      "data_offsets is twice in its header"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies(lie: str, tmp_path: Path) -> None:
    header, size, words = LIES[lie]
    path = write_header(tmp_path / "m.safetensors", header, size)
    start = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path) if isinstance(header, dict) or lie != "a list" else _read_list(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(path)
    assert time.process_time() - start < 2


def _read_list(path: str) -> None:
    from shapecalc.checkpoints import safetensors

    safetensors.read(path)


def test_no_lie_is_told_by_a_good_file(tmp_path: Path) -> None:
    assert read_checkpoint(write_header(tmp_path / "m.safetensors", one(), 8)).tensors[0].params == 2
    assert read_checkpoint(write_header(tmp_path / "m.safetensors", b"{}", 0)).tensors == []
    spaced = json.dumps(one(), indent=2).replace("{", "{ ").encode() + b"     "
    assert read_checkpoint(write_header(tmp_path / "m.safetensors", spaced, 8)).tensors[0].bytes == 8


COMPACT = b'{"__metadata__":{"format":"pt","k":"{}"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b.\xc3\xa9":{"dtype":'
COMPACT += b'"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"F4","shape":[0,1],"data_offsets":[26,26]}}   '
USUAL = {
    "as the library writes it": COMPACT,
    "as Python's json writes it": json.dumps(json.loads(COMPACT), ensure_ascii=False).encode(),
    "without metadata": b"{" + COMPACT[COMPACT.index(b'"a"') :],
    "in another order": json.dumps(dict([*json.loads(COMPACT).items()][:0:-1]), ensure_ascii=False).encode(),
}
"""Headers in the usual form, of 26 bytes of data."""
ODD = {
    "a control character in a name": (b'"a":', b'"a\x01":'),
    "a line break in a name": (b'"a":', b'"a\n":'),
    "an escape in a name": (b'"a":', b'"\\u0061":'),
    "a wrong escape in a name": (b'"a":', b'"\\a":'),
    "a comma at the end": (b"26,26]}}   ", b"26,26]},"),
    "a comma and a space at the end": (b"26,26]}}   ", b"26,26]}, "),
    "a text without tensors": (COMPACT[COMPACT.index(b'"a"') :], b""),
    "a brace alone": (COMPACT, b"{"),
    "metadata and a comma": (COMPACT[COMPACT.index(b'"a"') :], b" "),
    "metadata alone": (COMPACT[COMPACT.index(b'"a"') - 1 :], b"}"),
    "metadata in metadata": (b'"pt"', b'{"a":' * 3 + b"1" + b"}" * 3),
    "deep metadata": (b'"pt"', b"[" * 100_000 + b"]" * 100_000),
    "very many objects in metadata": (b'"pt"', b"[" + b"{}," * 1_000_001 + b"{}]"),
    "a brace too few": (b"26,26]}}", b"26,26]}"),
    "a brace too many": (b"26,26]}}", b"26,26]}}}"),
    "a brace between": (b"24]},", b"24]}},"),
    "a comma too many": (b"24]},", b"24]},,"),
    "no comma": (b"24]},", b"24]}"),
    "a comma at the start": (b'{"__', b'{,"__'),
    "a comma after the metadata": (b'"{}"},', b'"{}"},,'),
    "no comma after the metadata": (b'"{}"},', b'"{}"}'),
    "more after the metadata": (b'"{}"},', b'"{}"},"x":{},'),
    "more before the metadata": (b'{"__', b'{"x":1,"__'),
    "a field of the metadata that is a tensor": (b'"format":"pt"', b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'),
    "metadata that are a list": (b'{"format":"pt","k":"{}"}', b"[]"),
    "metadata that are a tensor": (b'"a":', b'"__metadata__":'),
    "a name twice": (b'"c":', b'"a":'),
    "a name twice, once escaped": (b'"c":', b'"\\u0061":'),
    "zeros before an offset": (b"[24,26]", b"[024,26]"),
    "zeros before a size": (b"[2,3]", b"[02,3]"),
    "a comma too many in a shape": (b"[2,3]", b"[2,,3]"),
    "spaces in a number": (b"[2,3]", b"[2 2,3]"),
    "a gap": (b"[24,26]", b"[26,28]"),
    "an overlap": (b"[24,26]", b"[23,25]"),
    "a part without elements within another": (b"[26,26]", b"[4,4]"),
    "other bytes": (b"[0,24]", b"[0,23]"),
    "offsets in the wrong order": (b"[26,26]", b"[27,26]"),
    "an unknown type": (b"BF16", b"BF17"),
    "a part of a byte": (b'"F4","shape":[0,1]', b'"F4","shape":[1,1]'),
    "a type that is empty": (b'"BF16"', b'""'),
    "a huge size": (b"[0,1]", b"[0,9223372036854775808]"),
    "a number of very many digits": (b"[0,1]", b"[0," + b"9" * 5000 + b"]"),
    "very many axes": (b"[0,1]", b"[0" + b",1" * 70 + b"]"),
    "no UTF-8": (b"\xc3\xa9", b"\xc3"),
    "text after its end": (b"}}   ", b"}}  x"),
}  # fmt: skip

GOOD_AND_ODD = {"an escape in a name", "a field of the metadata that is a tensor", "metadata in metadata"}


def outcome(path: str) -> Any:
    try:
        return read_checkpoint(path).tensors
    except CheckpointError as error:
        return str(error)


@pytest.mark.parametrize("way", USUAL)
def test_headers_in_the_usual_form_need_no_json_of_their_tensors(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_header(tmp_path / "m", USUAL[way], 26)
    monkeypatch.setattr("shapecalc.checkpoints.safetensors._entries", None)
    assert sorted(read_checkpoint(path).tensors) == [
        StoredTensor("a", "F32", (2, 3), 6, 24), StoredTensor("b.é", "BF16", (), 1, 2),
        StoredTensor("c", "F4", (0, 1), 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_odd_headers_are_read_or_refused_as_their_json_is(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = ODD[odd]
    assert COMPACT.count(old) == 1
    path = write_header(tmp_path / "m", COMPACT.replace(old, new), 26)
    found = outcome(path)
    monkeypatch.setattr("shapecalc.checkpoints.safetensors._tensors_as_written", lambda *_: None)
    assert found == outcome(path)
    assert isinstance(found, str) == (odd not in GOOD_AND_ODD)


def test_changed_headers_are_read_or_refused_as_their_json_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(5)
    paths = []
    for number in range(1500):
        header = bytearray(draw.choice([*USUAL.values()]))
        for _ in range(draw.choice((1, 1, 2, 3))):
            at, way = draw.randrange(len(header)), draw.randrange(3)
            header[at : at + (way != 1)] = b"" if way == 0 else bytes([draw.choice(b'{}[],: "\\0124679abF\x00\n')])
        paths.append(write_header(tmp_path / f"{number}", bytes(header), draw.choice((26, 26, 26, 25))))
    found = [*map(outcome, paths)]
    monkeypatch.setattr("shapecalc.checkpoints.safetensors._tensors_as_written", lambda *_: None)
    assert found == [*map(outcome, paths)]
    assert 20 < sum(not isinstance(one, str) for one in found) < 1400


@pytest.mark.parametrize(
    "piece", [b'"a":{"dtype":"F32","shape":[', b'"a":{"dtype":"', b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0', b'"', b'"a":{']
)  # fmt: skip
def test_headers_that_almost_match_take_time_in_proportion(piece: bytes, tmp_path: Path) -> None:
    path = write_header(tmp_path / "m", b"{" + piece * (2**20 // len(piece)), 0)
    start = time.process_time()
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (2**63, "its header should have 9,223,372,036,854,775,808 bytes, and the file has"),
        (500, "its header should have 500 bytes"),
        (33 * 2**20, "its header has 34,603,008 bytes: at most 33,554,432 are read"),
    ],
)
def test_lengths_of_headers(length: int, words: str, tmp_path: Path) -> None:
    path = write_header(tmp_path / "m.safetensors", one(), 40 * 2**20 if length == 33 * 2**20 else 8, length)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert words in str(caught.value)


def test_sixteen_thousand_tensors_take_no_longer_than_a_few_times_their_json(tmp_path: Path) -> None:
    tensors = {f"model.layers.{i // 12}.experts.{i % 12}.w.weight": ("BF16", (16, 32)) for i in range(16_000)}
    path = write_safetensors(tmp_path / "m.safetensors", tensors)
    content = json.dumps(entries(tensors))
    reading, parsing = [], []
    for _ in range(5):
        start = time.process_time()
        json.loads(content)
        middle = time.process_time()
        assert len(read_checkpoint(path).tensors) == 16_000
        reading.append(time.process_time() - middle)
        parsing.append(middle - start)
    assert min(reading) < 2.5 * min(parsing)
