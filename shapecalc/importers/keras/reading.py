"""The config of a model, out of an archive, a JSON file, or an attribute of an HDF5 file. Nothing else is read."""

from __future__ import annotations

import json
import zipfile
import zlib
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError, Problem, SpecError
from shapecalc.files import input_file
from shapecalc.importers.files import broken, check_first_bytes, mapped

if TYPE_CHECKING:
    import mmap

__all__ = ["FORMAT", "HDF5", "ZIP", "config_of_bytes", "config_of_file", "parsed"]

FORMAT = "a Keras model"
HDF5, ZIP = b"\x89HDF", b"PK\3\4"

_CONFIG = "config.json"
_FORMS = {".keras": "a zip archive", ".h5": "an HDF5 file", ".hdf5": "an HDF5 file"}
"""What files of these names are; some hold JSON all the same."""
_ATTRIBUTE = "model_config"
_LARGEST = 2**28
"""The most bytes of a config: that of a model of 100,000 layers has about a quarter of them."""
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, NotImplementedError)


def config_of_file(path: str, name: str) -> Any:
    """Return the config of the model in a file. Errors: `SpecError`, `MissingExtraError`, `OSError`."""
    with mapped(path, name, FORMAT) as data:
        head = data[:4]
        if not head.startswith((HDF5, ZIP)):
            return _of_text(data, name)
    if head.startswith(HDF5):
        return _of_hdf5(path, name)
    with input_file(path) as stream:
        return _of_archive(stream, name)


def config_of_bytes(data: bytes, name: str) -> Any:
    """Return the config of the model in the bytes of a file. Errors: `SpecError`, `MissingExtraError`."""
    if data.startswith(HDF5):
        return _of_hdf5(BytesIO(data), name)
    if data.startswith(ZIP):
        return _of_archive(BytesIO(data), name)
    if not data:
        raise broken(name, FORMAT, "it is empty")
    return _of_text(data, name)


def _of_text(data: bytes | mmap.mmap, name: str) -> Any:
    check_first_bytes(data, name, FORMAT)
    form = next((form for end, form in _FORMS.items() if name.lower().endswith(end)), "")
    if form and data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        raise broken(name, FORMAT, f"it is not {form}, as Keras writes under this name")
    if len(data) > _LARGEST:
        raise broken(name, FORMAT, f"its JSON has {len(data):,} bytes")
    return parsed(data[:], name)


def _of_archive(stream: IO[bytes], name: str) -> Any:
    """Return the config in a `.keras` archive: only that member of it is unpacked, up to a limit."""
    try:
        with zipfile.ZipFile(stream) as archive:
            if _CONFIG not in archive.namelist():
                raise broken(name, FORMAT, f"it is a zip archive without {_CONFIG}")
            with archive.open(_CONFIG) as member:
                text = member.read(_LARGEST + 1)
    except _BROKEN_ZIP as error:
        raise broken(name, FORMAT, f"its archive is broken ({error})") from None
    if len(text) > _LARGEST:
        raise broken(name, FORMAT, f"its {_CONFIG} unpacks to more than {_LARGEST:,} bytes")
    return parsed(text, name)


def _of_hdf5(source: str | BytesIO, name: str) -> Any:
    """Return the config in an attribute of an HDF5 file."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("reading .h5 files of Keras", "h5py", "keras") from None
    try:
        with h5py.File(source, "r") as file:
            found = file.attrs.get(_ATTRIBUTE)
            held = list(file)[:3]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise broken(name, FORMAT, f"it is not a whole HDF5 file ({error})") from None
    if not isinstance(found, (str, bytes)):
        what = f"it holds weights alone ({', '.join(held)})" if held else "it is empty"
        message = f"{name} cannot be read as {FORMAT}: it has no attribute {_ATTRIBUTE}: {what}"
        raise SpecError(Problem(message, hint="save the whole model: model.save(…)"))
    return parsed(found.encode() if isinstance(found, str) else found, name)


def parsed(text: bytes, name: str) -> Any:
    """Return the values of a JSON text. Errors: `SpecError`."""
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise broken(name, FORMAT, f"it is not a text in UTF-8 (byte {error.start:,})") from None
    except json.JSONDecodeError as error:
        raise broken(
            name, FORMAT, f"its JSON is broken at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise broken(name, FORMAT, "its JSON is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise broken(name, FORMAT, f"its JSON is broken: {error}") from None
