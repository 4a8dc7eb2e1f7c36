"""The tensors that a quantised model keeps as they were: those of the modules that its config.json excepts.

A module is excepted by its full name, or by a part or the end of its dotted name, as in transformers
(`should_convert_module`, and before version 5 by any part); in a name `.*` stands for anything.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.model.naming import Naming
    from shapecalc.model.report import Report

__all__ = ["Unconverted", "unconverted_of"]

_NAME = re.compile(r"(?=.{1,200}\Z)(?:[\w-]|\.\*?)+", re.ASCII)
_MOST, _MOST_PATTERNS = 5_000, 20
"""The maximum number of names, and of those with asterisks: a model may have 50,000 modules to match."""


class Unconverted(NamedTuple):
    """The tensors that keep their bits, by their names in the report; and whether every exception is understood."""

    tensors: frozenset[str]
    is_whole: bool


def unconverted_of(report: Report, modules: Sequence[str]) -> Unconverted:
    """Return the tensors of a report that are those of some modules of the library that its config is of."""
    names = [name for name in modules if _NAME.fullmatch(name)]
    patterns = [name for name in names if "*" in name]
    naming = report.graph.naming
    if naming is None or len(names) < len(modules) or max(len(names) - _MOST, len(patterns) - _MOST_PATTERNS) > 0:
        return Unconverted(frozenset(), is_whole=False)
    excepted, namings = _Names(names), _alternatives(naming)
    found, is_whole = set(), True
    for name, shape in report.tensor_shapes().items():
        kept = [excepted.of(_modules(one, name, shape)) for one in namings] if naming.knows(name) else [(True, False)]
        if (True, True) in kept:
            found.add(name)
        elif any(some for some, _ in kept):
            is_whole = False
    return Unconverted(frozenset(found), is_whole)


def _alternatives(naming: Naming) -> list[Naming]:
    """Return a naming for each of its alternatives: also that of older checkpoints, with a module for each expert."""
    most = max(map(len, naming.names.values()), default=0)
    return [
        naming._replace(names={ours: texts[min(i, len(texts) - 1) :][:1] for ours, texts in naming.names.items()})
        for i in range(most)
    ]


def _modules(naming: Naming, name: str, shape: tuple[int, ...]) -> set[str]:
    """Return the modules of the library that have a tensor of ours; of one that is no module's weight, its own name."""
    from shapecalc.model.naming import library_shapes  # only for the configs of models

    return {re.sub(r"\.(weight|bias)$", "", full) for full in library_shapes(naming, {name: shape})}


class _Names:
    """Names of modules to match others against."""

    def __init__(self, names: Sequence[str]) -> None:
        self.plain = {name for name in names if "*" not in name}
        self.ends = tuple(self.plain)
        globs = [name.replace(".*", "*") for name in names if "*" in name]
        self.patterns = [re.compile(translate(glob)) for name in globs for glob in (f"*.{name}.*", f"*{name}.")]

    def of(self, modules: Collection[str]) -> tuple[bool, bool]:
        """Return whether some modules, and whether all, are excepted."""
        kept = {self.has(module) for module in modules}
        return True in kept, kept == {True}

    def has(self, module: str) -> bool:
        """Return whether a module is one of them, within one, or ends as one."""
        parts = module.split(".")
        some = (".".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1))
        if module.endswith(self.ends) or any(part in self.plain for part in some):
            return True
        return any(pattern.match(f".{module}.") for pattern in self.patterns)
