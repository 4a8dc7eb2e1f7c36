"""A report as JSON: `report.to_dict()`, the stable contract, with one line for each layer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapecalc.report import Report

__all__ = ["draw"]


def draw(report: Report) -> str:
    """Return the report as JSON."""
    entries = [f"  {json.dumps(key)}: {_write(value)}" for key, value in report.to_dict().items()]
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
