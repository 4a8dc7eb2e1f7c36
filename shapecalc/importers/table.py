"""The table of the operations of a format: their functions, which register themselves by a decorator."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["OperationTable"]

Function = TypeVar("Function")


class OperationTable(Generic[Function]):
    """Functions by the names of operations. Called with names, it is the decorator that adds the function of these.

    `families` are the modules of the folder of a format that add to it: they are loaded at the first question.
    """

    def __init__(self, folder: str = "", families: Sequence[str] = ()) -> None:
        self._modules = [f"shapecalc.importers.{folder}.{family}" for family in families]
        self._functions: dict[str, Function] = {}

    def __call__(self, *names: str) -> Callable[[Function], Function]:
        """Return the decorator that adds the function of the operations of these names."""

        def add(function: Function) -> Function:
            self.add(names, function)
            return function

        return add

    def add(self, names: Sequence[str], function: Function) -> None:
        """Add the function of the operations of these names."""
        self._functions.update(dict.fromkeys(names, function))

    def find(self, name: str) -> Function | None:
        """Return the function of an operation, or None."""
        if self._modules:
            self._load()
        return self._functions.get(name)

    @property
    def names(self) -> Collection[str]:
        """The names of all operations."""
        self._load()
        return self._functions.keys()

    def _load(self) -> None:
        for module in self._modules:
            import_module(module)
        self._modules = []  # last, so that another thread does not take a part for all
