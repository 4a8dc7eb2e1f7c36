"""A report as JSON: `report.to_dict()`, the stable contract, with one line for each layer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from shapecalc.renderers.view import View

__all__ = ["draw"]


def draw(view: View) -> str:
    """Return the report as JSON. Errors: `UsageError` where a part of the contract was asked for."""
    options = {
        "columns": bool(view.asked or view.added),
        "depth": view.is_depth_given,
        "flops": view.flops,
    }
    for option, is_given in options.items():
        if is_given:
            raise UsageError(Problem(f"JSON takes no {option}: it always holds everything", mend="or use CSV"))
    entries = [f"  {json.dumps(key)}: {_write(value)}" for key, value in view.report.to_dict().items()]
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
