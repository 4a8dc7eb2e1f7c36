"""A report as JSON: `report.to_dict()`, the stable contract, with one line for each layer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapecalc.report import Report

__all__ = ["draw", "write_contract"]


def draw(report: Report) -> str:
    """Return the report as JSON."""
    return write_contract(report.to_dict())


def write_contract(contract: dict[str, Any]) -> str:
    """Return an object as JSON, with one line for each item of its lists."""
    entries = [f"  {json.dumps(key)}: {_write(value)}" for key, value in contract.items()]
    return "{\n" + ",\n".join(entries) + "\n}"


def _write(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join([f"    {_encode(item)}" for item in value]) + "\n  ]"
    return _encode(value)


_readable = json.JSONEncoder(ensure_ascii=False).encode
_ascii = json.JSONEncoder().encode


def _encode(value: Any) -> str:
    """Return a value as JSON in one line, in which nothing is left that a terminal would act on."""
    text = _readable(value)
    return text if text.isprintable() else _ascii(value)
