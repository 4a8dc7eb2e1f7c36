"""Checkpoints of several files: an index of shards (`model.safetensors.index.json`), and the folder of a model."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.contents import Checkpoint, broken, check_objects, first_repeated, open_file
from shapecalc.errors import Problem, UsageError, count_noun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.checkpoints.contents import StoredTensor

__all__ = ["find_in_folder", "is_part", "read_index", "read_parts"]

_LONGEST = 32 * 2**20
_ENDINGS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".pt2", ".onnx")
_USUAL = ("model", "pytorch_model", "diffusion_pytorch_model", "consolidated", "adapter_model")
_NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|rng_state.*|scaler)\.(bin|pt|pth)")
_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.\w+)")
_LISTED = 6


def find_in_folder(folder: str) -> Sequence[str]:
    """Return the files of the checkpoint in a folder: an index, one file, or its parts. Errors: `UsageError`.

    Where there are several formats of one model, safetensors come first, as the transformers library reads them.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UsageError(Problem(f"{folder} cannot be read: {error.strerror or error}")) from None
    for ending in _ENDINGS:
        indices = [name for name in names if name.endswith(f"{ending}.index.json")]
        files = [name for name in names if name.endswith(ending) and not _NO_WEIGHTS.fullmatch(name)]
        for found in (indices, files):
            usual = [name for name in found if name.partition(".")[0] in _USUAL]
            chosen = usual[:1] or found
            if chosen and (len(chosen) == 1 or _are_parts(chosen)):
                return [os.path.join(folder, name) for name in chosen]
            if chosen:
                listed = ", ".join(chosen[:_LISTED]) + (", …" if len(chosen) > _LISTED else "")
                raise UsageError(Problem(f"{folder} has several checkpoints", hint=f"name one of them: {listed}"))
    hint = f"it is looked for by the names of files: *{', *'.join(_ENDINGS)}"
    raise UsageError(Problem(f"{folder} has no checkpoint in it", hint=hint))


def is_part(path: str) -> bool:
    """Return whether a file is a part of a checkpoint by its name: model-00001-of-00003.safetensors."""
    return _PART.fullmatch(os.path.basename(path)) is not None


def _are_parts(names: Sequence[str]) -> bool:
    """Return whether files are the parts of one checkpoint: model-00001-of-00003.safetensors."""
    found = [_PART.fullmatch(name) for name in names]
    return len({(part[1], part[3], part[4]) if part else None for part in found} - {None}) == 1 and all(found)


def read_parts(paths: Sequence[str], read: Callable[[str], Checkpoint]) -> Checkpoint:
    """Return the tensors of the parts of a checkpoint, by their names. Errors: as `read`, for each part."""
    part = _PART.fullmatch(os.path.basename(paths[0]))
    assert part is not None
    there = {os.path.basename(path) for path in paths}
    every = [f"{part[1]}-{number:05}-of-{part[3]}{part[4]}" for number in range(1, int(part[3]) + 1)]
    missing: dict[str, Sequence[str]] = {name: () for name in every if name not in there}
    return _joined(os.path.dirname(paths[0]), [read(path)._replace(notes=()) for path in paths], missing, [])


def read_index(path: str, read: Callable[[str], Checkpoint]) -> Checkpoint:
    """Return the tensors of all shards beside an index; those that are not there are its `missing`.

    Errors: `CheckpointError` for an index that is none, or names a file elsewhere; `UsageError` without any shard; as
    `read`, for each shard.
    """
    index = _read_json(path)
    listed = _weight_map(path, index)
    folder = os.path.dirname(path)
    shards: dict[str, list[str]] = {}
    for tensor, name in listed.items():
        shards.setdefault(name, []).append(tensor)
    there = [name for name in sorted(shards) if os.path.isfile(os.path.join(folder, name))]
    if not there:
        raise UsageError(
            Problem(
                f"the only file that {path} lists is not beside it"
                if len(shards) == 1
                else f"none of the {len(shards):,} files that {path} lists is beside it",
                hint=f"their headers are read: the first is {min(shards)[:200]}",
            )
        )
    parts = [read(os.path.join(folder, name)) for name in there]
    missing = {name: tensors for name, tensors in shards.items() if name not in there}
    return _joined(path, parts, missing, _differences(dict(zip(there, parts, strict=True)), shards))


def _read_json(path: str) -> Any:
    import json

    stream, size = open_file(path)
    with stream:
        if size > _LONGEST:
            raise broken(path, f"it has {size:,} bytes: an index has at most {_LONGEST:,}")
        content = stream.read(_LONGEST)
        check_objects(path, content)
        try:
            return json.loads(content.decode("utf-8-sig"))
        except RecursionError:
            raise broken(path, "it is nested too deeply") from None
        except UnicodeDecodeError:
            raise broken(path, "it is not UTF-8") from None
        except ValueError as error:
            raise broken(path, f"it is not JSON: {str(error)[:80].lower()}") from None


def _weight_map(path: str, index: Any) -> dict[str, str]:
    """Return the file of each tensor of an index."""
    found = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(found, dict) or not found:
        hint = "an index of shards is model.safetensors.index.json; a config.json goes after --against"
        raise broken(path, "it has no weight_map of tensors and their files", hint)
    for tensor, name in found.items():
        if not isinstance(name, str) or name != os.path.basename(name) or name in ("", ".", "..") or "\\" in name:
            shown = str(name)[:100]
            raise broken(
                path, f"the file of {tensor[:200]} is {shown!r}: it must be the name of a file beside the index"
            )
    return found


def _differences(parts: dict[str, Checkpoint], shards: dict[str, list[str]]) -> list[str]:
    """Return sentences on tensors that an index and its shards do not agree on."""
    notes = []
    for name, part in parts.items():
        own, listed = {tensor.name for tensor in part.tensors}, set(shards[name])
        sides = {
            f"listed in the index, but not in {name}": listed - own,
            f"in {name}, but not in the index": own - listed,
        }
        for words, names in sides.items():
            if names:
                shown = ", ".join(sorted(names)[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
                is_ = "is" if len(names) == 1 else "are"
                notes.append(f"{count_noun(len(names), 'tensor')} {is_} {words}: {shown}.")
    return notes


_SHOWN = 3


def _joined(path: str, parts: Sequence[Checkpoint], missing: dict[str, Any], notes: list[str]) -> Checkpoint:
    tensors: list[StoredTensor] = [tensor for part in parts for tensor in part.tensors]
    twice = first_repeated(tensor.name for tensor in tensors)
    if twice:
        raise broken(path, f"its tensor {twice[:200]} is in two of its files")
    size = sum(part.size for part in parts)
    return Checkpoint(path, parts[0].format, tensors, len(parts), size, missing, notes)
