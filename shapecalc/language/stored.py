"""How the config.json of a model says that its weights are stored: `dtype` (`torch_dtype`), `quantization_config`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_stored"]

_TYPE = re.compile(r"(?:torch\.)?(b?)float(8|16|32|64)(?:_e\dm\d\w*)?", re.ASCII)
_MOST_GROUP = 10**6
_MOST_SHOWN = 40


def read_stored(fields: Mapping[str, Any], origin: str) -> Stored | None:
    """Return the formats that the fields of a config name; None where they name none.

    What of them is not understood is in the note. `origin` is the name of the file.
    """
    type_ = fields.get("dtype") or fields.get("torch_dtype")
    found = _TYPE.fullmatch(type_) if isinstance(type_, str) else None
    width = ("bf" if found[1] else "fp") + found[2] if found else ""
    quantised = fields.get("quantization_config")
    if not quantised:
        if width or not isinstance(type_, str) or type_ in ("", "auto"):
            return Stored(width, width, origin) if width else None
        note = f"the dtype of {origin} ({type_[:_MOST_SHOWN]}) is not known: give --weights and --activations"
        return Stored("", "", "", note)
    name = _format(quantised) if isinstance(quantised, dict) else ""
    if name:
        assert isinstance(quantised, dict)
        modules, unread = _exceptions(quantised)
        note = f"exceptions in the quantization_config of {origin} are not read: {', '.join(unread)}" if unread else ""
        return Stored(name, width or "16", origin, note, modules, name)
    method = quantised.get("quant_method") if isinstance(quantised, dict) else None
    shown = method if isinstance(method, str) and len(method) <= len(origin) + 40 else "of no known form"
    note = f"the quantization_config of {origin} ({shown}) is not read: give the format with --weights"
    return Stored(width, width, origin if width else "", note, quantised=shown)


def _format(given: Mapping[str, Any]) -> str:
    """Return the format of a `quantization_config`; empty for one that is not known."""
    method, bits, group = given.get("quant_method"), given.get("bits", 4), given.get("group_size", 128)
    if method in ("awq", "gptq"):
        known = type(bits) is int and bits in (3, 4, 8) and type(group) is int and -1 <= group <= _MOST_GROUP and group
        return f"{method}-int{bits}-g{'all' if group < 0 else group}" if known else ""
    if method == "bitsandbytes":
        if given.get("load_in_8bit") is True:
            return "llm.int8"
        double = given.get("bnb_4bit_use_double_quant") is True
        return ("nf4-dq" if double else "nf4") if given.get("load_in_4bit") is True else ""
    if method == "fp8":
        blocks = given.get("weight_block_size")
        return "fp8-tensor" if blocks is None else "fp8-block128" if blocks == [128, 128] else ""
    return "mxfp4" if method == "mxfp4" else ""


_MODULES = ("modules_to_not_convert", "llm_int8_skip_modules", "ignored_layers")
_OTHERS = ("dynamic", "lm_head", "modules_in_block_to_quantize")
"""Exceptions of GPTQ: by patterns with formats of their own; the scores of tokens quantised too; only some modules."""


def _exceptions(given: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """Return the modules that a `quantization_config` excepts, and the fields with exceptions that are not read."""
    found: list[str] = []
    unread = [field for field in _OTHERS if given.get(field)]
    for field in _MODULES:
        names = given.get(field) or []
        if isinstance(names, list) and all(isinstance(name, str) and name for name in names):
            found += names
        else:
            unread.append(field)
    return tuple(dict.fromkeys(found)), unread
