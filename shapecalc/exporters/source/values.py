"""Values as code of Python."""

from __future__ import annotations

import re
from typing import Any

from shapecalc.exporters.structure.parts import Variable

__all__ = ["code_of"]


def code_of(value: Any, prefix: str = "") -> str:
    """Return a value as code; variables have the prefix `self.` outside of the constructor."""
    if isinstance(value, Variable):
        name = f"{prefix}{value.name}"
        if value.times > 1:
            return f"{name} * {value.times}"
        return f"{name} // {value.over}" if value.over > 1 else name
    if isinstance(value, (tuple, list)):
        inner = ", ".join([code_of(item, prefix) for item in value])
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    return f'"{value}"' if isinstance(value, str) and value.isidentifier() else re.sub(r"e-0(?=\d$)", "e-", repr(value))
