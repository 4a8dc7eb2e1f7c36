"""A change of an argument, of the size of an input, or of the layers: what is changed, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.errors import Insertion, Mark
    from shapecalc.layers.base.layer import Layer
    from shapecalc.questions.solve.editing import Edit

__all__ = ["ArgumentChange"]


class ArgumentChange(NamedTuple):
    """One change: an argument of the layers at one location, or (`layers` empty) the size of an input.

    `composite` is the kind whose argument it is, if the layers are those of a composite: its effect is known only after
    it is written into the text. If `adds`, `argument` is the item of a layer that is added before each of the layers
    (`new` is `before`), or (`on_input`) on one of several inputs, where its effect is known only from the text too.
    If `block` is one, it gets an argument more, where it is declared or in a use of it; these are `besides` another
    change. `layer` is the one whose argument it is. `overrides`: the input has its size from the caller, not from the
    text. `is_given` is whether the argument is written in the text: what is not has its default.
    """

    layers: tuple[str, ...]
    argument: str
    old: Any
    new: Any
    cost: float
    mark: Mark | None = None
    edit: Edit | None = None
    nodes: tuple[int, ...] = ()
    composite: str = ""
    adds: bool = False
    on_input: Insertion | None = None
    block: str = ""
    besides: tuple[ArgumentChange, ...] = ()
    layer: Layer | None = None
    overrides: bool = False
    is_given: bool = True

    def text(self) -> str:
        """Return the change in words."""
        where = self.layers[0] if self.layers else "the input"
        more = f" (and {count_noun(len(self.layers) - 1, 'more layer')})" if len(self.layers) > 1 else ""
        if self.adds:
            added = self.on_input
            if added is None:
                return f"{where}{more}: {self.argument} before it"
            if added.instead:
                return f"{where}{more}: when: {added.when} on its input {added.input + 1}, not {added.instead}"
            after = f" and {added.after}" if added.after else ""
            only = f", when: {added.when}" if added.when else ""
            return f"{where}{more}: {self.argument}{after} on its input {added.input + 1}{only}"
        if self.new is None:
            return f"{where}{more}: {self.argument} left out, not {_shown(self.old)}"
        if not self.is_given:
            return f"{where}{more}: {self.argument} {_shown(self.new)} added"
        show = _shown if self.layers else _as_sizes
        old = "" if self.old is None else f", not {show(self.old)}"
        old += " (given, not in the file)" if self.overrides else ""
        return f"{where}{more}: {self.argument} {show(self.new)}{old}"

    @property
    def is_tried_as_text(self) -> bool:
        """Whether its effect is known only after it is written into the text."""
        return bool(self.composite or self.block) or self.on_input is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the change in the form of the JSON contract."""
        where = {"file": self.mark.source.name, "line": self.edit.line} if self.mark and self.edit else {}
        lines = {"old_line": self.edit.old, "new_line": self.edit.new} if self.edit else {}
        return {
            "layers": list(self.layers), "argument": self.argument, "old": self.old, "new": self.new,
            "written": self.is_given, **where, **lines,
        }  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str([*value]) if isinstance(value, (list, tuple)) else str(value)


def _as_sizes(value: Sequence[int]) -> str:
    return "×".join(map(str, value))
