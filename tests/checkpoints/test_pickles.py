"""Pickles that would run something, or use up time and memory: nothing is run, and each is an error."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
import subprocess
import time
import tracemalloc
from typing import Any

import pytest

from shapecalc.checkpoints.allowed import KNOWN
from shapecalc.checkpoints.pickles import read_pickle
from shapecalc.errors import CheckpointError


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.pair = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.pair


HOSTILE = {
    "os.system": Calls(os.system, "echo run > ran"),
    "eval": Calls(eval, "open('ran', 'w')"),
    "exec": Calls(exec, "open('ran', 'w')"),
    "open": Calls(open, "ran", "w"),
    "getattr": Calls(getattr, "", "join"),
    "__import__": Calls(builtins.__import__, "os"),
    "subprocess": Calls(subprocess.Popen, ["touch", "ran"]),
    "a chain of calls": Calls(getattr, Calls(__import__, "os"), "system"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_run(name: str, protocol: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for function in ("system", "popen"):
        monkeypatch.setattr(os, function, lambda *_: pytest.fail("run"))
    content = pickle.dumps({"w": HOSTILE[name]}, protocol)
    with pytest.raises(CheckpointError, match=r"its pickle names [\w.]+, which is not part of a state dict"):
        read_pickle("f.pt", content)
    assert not list(tmp_path.iterdir())


def test_the_error_names_it_and_what_to_do() -> None:
    with pytest.raises(CheckpointError) as caught:
        read_pickle("f.pt", pickle.dumps(HOSTILE["os.system"]))
    assert str(caught.value) == (
        "f.pt: its pickle names posix.system, which is not part of a state dict: nothing of it was run\n"
        "   save the tensors alone: torch.save(model.state_dict(), FILE), or as safetensors"
    )


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


TRICKS = {
    "a name from the stack": b"\x80\x04" + text("os") + text("system") + b"\x93.",
    "a name of numbers": b"\x80\x04K\x01K\x02\x93.",
    "dots in a name": b"ctorch._utils\n_rebuild_parameter.__globals__\n.",
    "a module below an allowed one": b"ctorch.serialization.os\nsystem\n.",
    "an allowed name of another module": b"cos\n_rebuild_tensor_v2\n.",
    "an extension": b"\x82\x01.",
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\no.",
    "a call of a dict": b"}(tR.",
    "a call of a text": text("system") + b"(tR.",
    "a call without a tuple": b"ctorch\nSize\nK\x01R.",
    "a call with too few arguments": b"ctorch._utils\n_rebuild_tensor_v2\n(tR.",
    "a call of itself": b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN(tNtR.",
    "a persistent id as text": b"P0\n.",
    "a persistent id that is no tuple": b"K\x01Q.",
    "a persistent id of another sort": b"(" + text("module") + b"NNNNtQ.",
    "an empty stack": b"R.",
    "only an end": b".",
    "no end": b"}",
    "nothing": b"",
    "a mark as result": b"(.",
    "a mark in a tuple": b"(K\x01\x86.",
    "no mark": b"K\x01t.",
    "the memo before it is written": b"h\x05.",
    "a memo of nothing": b"q\x00.",
    "a list as a key": b"}]K\x01s.",
    "an odd number of entries": b"}(K\x01u.",
    "items of a number": b"K\x01(K\x02e.",
    "a text longer than the file": b"X\xff\xff\xff\x7fab.",
    "a text of 2^60 bytes": b"\x8d" + struct.pack("<Q", 2**60) + b"ab.",
    "bytes longer than the file": b"\x8e" + struct.pack("<Q", 2**60) + b"ab.",
    "a number longer than the file": b"\x8b\xff\xff\xff\x7f\x01.",
    "a number of very many digits": b"I" + b"9" * 5000 + b"\n.",
    "a line without an end": b"c" + b"a" * 3_000_000,
    "a text that is not UTF-8": b"X\x01\x00\x00\x00\xff.",
    "an unknown byte": b"\xff.",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks(trick: str) -> None:
    tracemalloc.start()
    start = time.process_time()
    if trick in ("a list as a key", "a number of very many digits"):
        read_pickle("f.pt", TRICKS[trick])
    else:
        with pytest.raises(CheckpointError, match=r"f\.pt: its pickle"):
            read_pickle("f.pt", TRICKS[trick])
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert time.process_time() - start < 1


def test_a_memo_of_a_large_number_needs_no_room() -> None:
    tracemalloc.start()
    found, _ = read_pickle("f.pt", b"K\x01r\xff\xff\xff\xffj\xff\xff\xff\xff\x86.")
    assert found == (1, 1)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_billion_laughs() -> None:
    content = b"]q\x00" + b"".join(b"](" + b"h%c" % i * 10 + b"eq%c" % (i + 1) for i in range(40)) + b"."
    found, _ = read_pickle("f.pt", content)
    assert len(found) == 10
    from shapecalc.checkpoints.torch import _walk

    start = time.process_time()
    with pytest.raises(CheckpointError, match="nested too deeply"):
        _walk("f.pt", found)
    assert time.process_time() - start < 1


def test_a_very_long_pickle_ends() -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError, match="it has more than 6,000,000 steps"):
        read_pickle("f.pt", b"N0" * 4_000_000)
    assert time.process_time() - start < 60


test_a_very_long_pickle_ends = pytest.mark.slow(test_a_very_long_pickle_ends)


def test_deep_tuples_end_without_a_crash() -> None:
    content = b"N" + b"\x85" * 1_000_000 + b"."
    found, _ = read_pickle("f.pt", content)
    assert len(found) == 1
    read_pickle("f.pt", b"}" + content[:-1] + b"K\x01s.")


def test_only_tensors_and_plain_values_are_allowed() -> None:
    """No name of the list is one that could do something, were it what it is named after."""
    assert not {name for module, name in KNOWN if module == "builtins"} & {
        "eval", "exec", "getattr", "setattr", "open", "compile", "__import__", "object", "type", "print", "input", "map",
    }  # fmt: skip
    assert {module.partition(".")[0] for module, _ in KNOWN} == {
        "torch", "collections", "builtins", "argparse", "types", "numpy", "_codecs", "datetime", "pathlib", "decimal", "uuid",
    }  # fmt: skip
