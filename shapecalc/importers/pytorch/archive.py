"""Archives of torch.export: a zip file, of which the JSON of the program is read, and what is stated of its tensors.

Weights are not read, and no pickle in an archive is ever executed.
"""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.checkpoints.exported import held_tensors
from shapecalc.errors import CheckpointError
from shapecalc.importers.files import broken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from shapecalc.checkpoints.exported import HeldTensor

__all__ = ["FORMAT", "HOW", "Archive", "read_archive"]

FORMAT = "a .pt2 file of torch.export"

_LARGEST = 2**30
_LARGEST_COMPRESSED = 2**26
"""The most bytes of a program: PyTorch stores it as it is, so that more is only in a file that is as large."""
_MOST_ENTRIES = 200_000
HOW = 'export the module itself: torch.export.save(torch.export.export(module.eval(), (example,)), "model.pt2")'


_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, lzma.LZMAError, EOFError, RuntimeError, OSError, ValueError,
           KeyError)  # fmt: skip
"""What reading a damaged archive raises."""


class Archive(NamedTuple):
    """What is read of an archive: the JSON of its program, and what it says of its weights and constants."""

    program: Any
    held: dict[str, HeldTensor]


def read_archive(stream: IO[bytes], name: str) -> Archive:
    """Return the program of an archive. Errors: `SpecError` for a broken file, and for another sort of archive."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            if len(names) > _MOST_ENTRIES:
                raise broken(name, FORMAT, f"it has {len(names):,} entries")
            program = _program_of(names, name)
            return Archive(_document(archive, program, name), held_tensors(archive, name))
    except CheckpointError as error:
        raise broken(name, FORMAT, error.problems[0].message.removeprefix(f"{name}: ")) from None
    except _DAMAGE as error:
        message = str(error) or type(error).__name__
        raise broken(name, FORMAT, f"the archive is damaged or cut off ({message[:120]})") from None


def _program_of(names: Sequence[str], name: str) -> str:
    """Return the entry that is the program. Errors: `SpecError` that says what else the archive is."""
    found = [one for one in names if one.endswith(".json") and "/models/" in f"/{one}"]
    found = sorted(found, key=lambda one: (not one.endswith("/model.json"), one))
    found += [one for one in names if one.rpartition("/")[2] == "serialized_exported_program.json"]
    if found:
        return found[0]
    if any("/aotinductor/" in f"/{one}" for one in names):
        raise broken(name, FORMAT, "it is a compiled package of AOTInductor, without the graph", hint=HOW)
    if any("/code/" in f"/{one}" or one.endswith("/constants.pkl") for one in names):
        raise broken(name, FORMAT, "it is a TorchScript archive (torch.jit.save), which is a program and no graph",
                     hint=HOW)  # fmt: skip
    if any(one.endswith("data.pkl") for one in names):
        raise broken(name, FORMAT, "it is a checkpoint (torch.save): weights, without the network",
                     hint=f"shapecalc weights shows what it holds; for the layers, {HOW}")  # fmt: skip
    raise broken(name, FORMAT, "the archive has no program (models/model.json)")


def _document(archive: zipfile.ZipFile, entry: str, name: str) -> Any:
    """Return the JSON of an entry, of bounded size. Errors: `SpecError`."""
    info = archive.getinfo(entry)
    most = _LARGEST if info.compress_type == zipfile.ZIP_STORED else _LARGEST_COMPRESSED
    if info.file_size > most:
        raise broken(name, FORMAT, f"its {entry} has {info.file_size:,} bytes: at most {most:,} are read")
    with archive.open(info) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise broken(name, FORMAT, f"its {entry} has more than {most:,} bytes")
    try:
        return json.loads(data)
    except RecursionError:
        raise broken(name, FORMAT, f"its {entry} is nested too deeply") from None
    except ValueError as error:
        raise broken(name, FORMAT, f"its {entry} is not JSON: {str(error)[:120]}") from None
