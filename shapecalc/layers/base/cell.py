"""The argument that is a layer: the cell of a recurrent layer, a kind with its own arguments."""

from __future__ import annotations

from typing import Any

from shapecalc.errors import Hint, LayerError, did_you_mean
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import Argument
from shapecalc.layers.base.layer import Layer

__all__ = ["Cell"]


class Cell(Argument):
    """One step of a recurrence: a kind that is a cell, with its arguments, as an item of `layers:` has them.

    As plain data it is a name, or a mapping of one name to the arguments; a layer keeps the layer that it is.
    """

    is_layer = True
    expected = "a cell with its arguments, such as {lstm_cell: {hidden_size: 64}}"

    @staticmethod
    def kinds() -> list[type[Layer]]:
        """Return the kinds that can be a cell."""
        from shapecalc.layers import KINDS  # it loads every family

        return [cls for cls in KINDS.values() if cls.is_cell]

    def kind_of(self, word: str) -> type[Layer]:
        """Return the kind of a name. Errors: `LayerError` if there is none, or it is no cell."""
        cls = find_kind(word)
        if cls is not None and cls.is_cell:
            return cls
        what = f"{word} is not a step of a recurrence" if cls else f"there is no kind of layer called {word}"
        raise LayerError(f"{self.name} must be a cell, but {what}", hint=Hint(lambda: self._meant(word)),
                         argument=self.name)  # fmt: skip

    def _meant(self, word: str) -> str:
        """Return the hint for a name that is no cell."""
        names = [cls.kind for cls in self.kinds()]
        near = str(did_you_mean(word, names, lists=False))
        return near or f"cells are {', '.join(names)}; one of your own is a block: docs/language.md, Recurrent cells"

    def read(self, value: Any) -> Layer:
        if isinstance(value, Layer):
            self.kind_of(value.kind)
            return value
        if isinstance(value, str):
            value = {value: None}
        if not isinstance(value, dict) or len(value) != 1:
            raise self.refuse(value)
        ((word, given),) = value.items()
        cls = self.kind_of(str(word))
        if not isinstance(given, dict):
            first = cls.first_argument(str(word))
            given = {} if given is None or first is None else {first.name: given}
        names = cls.argument_names()
        return cls(**{names.get(str(name), str(name)): one for name, one in given.items()}).under_words(given)

    def refuse(self, value: Any) -> LayerError:
        if not isinstance(value, (list, tuple)):
            return super().refuse(value)
        return LayerError(
            f"{self.name} must be one cell, not a list",
            hint="for cells on top of each other, write a layer for each: return_sequences: false only in the last",
            argument=self.name,
            found=value,
        )

    def schema(self) -> dict[str, Any]:
        words = [word for cls in self.kinds() for word in (cls.kind, *cls.also)]
        alone = {"enum": words}
        given = {"type": "object", "properties": {word: {} for word in words}, "additionalProperties": False}
        return {"anyOf": [alone, {**given, "minProperties": 1, "maxProperties": 1}]}
