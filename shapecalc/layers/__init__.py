"""The layer kinds, one family a file. A module in this folder is found by being here."""

from __future__ import annotations

import os
from importlib import import_module

from shapecalc.layer import KINDS, Layer, find_kind

__all__ = ["KINDS", "Layer", "find_kind"]

for _file in sorted(os.listdir(os.path.dirname(__file__))):
    _name, _ending = os.path.splitext(_file)
    if _ending == ".py" and not _name.startswith("_"):
        import_module(f"{__name__}.{_name}")
