"""Calls of Python as the layers that they mean: `nn.Conv2d(3, 64, 7)`, `F.relu(x + identity)`, `x.view(-1, 8)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.language.calls import EQUALS, named, read_call, split_parts
from shapecalc.language.foreign import tiled
from shapecalc.language.tensors import RUNNING, Operand, as_merge, is_number, listed_names, note_on, read_operand
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import Choice
from shapecalc.layers.base.axis_numbers import AxisNumbers
from shapecalc.layers.base.cell import Cell
from shapecalc.layers.base.layer import stated_rank
from shapecalc.layers.base.per_axis import Padding
from shapecalc.layers.base.sizes import Sizes
from shapecalc.source import short

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.language.calls import Call
    from shapecalc.layers.base.layer import Layer

__all__ = ["SEQUENCE", "Place", "as_next_item", "cell_of", "hint_for_call", "is_cell", "layer_after", "layer_of"]

SEQUENCE = "layers in sequence need no kind around them: list them here, or name them as a block under `blocks:`"


class Place(NamedTuple):
    """Where an item is: the names of layers and inputs there, and whether it is a branch of a merge."""

    known: Collection[str] = ()
    is_branch: bool = False


def hint_for_call(call: Call, place: Place) -> str:
    """Return the hint for a call in place of an item; empty for a call of anything but layers."""
    cls = find_kind(call.word)
    given = call.of_input(cls, place.known) or call
    if cls and cls.on_batch_axis and re.fullmatch(r"\w+: \[?0\]?", named(cls, given.arguments or (), call).shown):
        return cls.on_batch_axis
    return _hint_on_tensors(call, cls, place.known) or _hint_for_layer(call, cls, place)


def _hint_on_tensors(call: Call, cls: type[Layer] | None, known: Collection[str]) -> str:
    """Return the hint for what is called with tensors, or is a method of one; empty for other calls."""
    arguments = call.arguments or ()
    if call.word == "repeat" and arguments and not call.is_own:
        return _repeated(arguments, Operand(call.owner), known)
    if cls and cls.branches and call.owner and arguments and all(map(str.isidentifier, arguments)):
        return _merge(call._replace(arguments=(), operands=(call.owner, *arguments)), cls, known)
    function = call.of_input(cls, known)
    if function and cls and cls.branches and not call.is_own:
        return _merge(function, cls, known)
    several = _of_several(call, cls, known)
    if several or not function or is_number(function.operands[0]):
        return several
    return _function(function, cls, known)


def _hint_for_layer(call: Call, cls: type[Layer] | None, place: Place) -> str:
    """Return the hint for the call of a layer's class; empty for any other."""
    if call.is_own and (cls is None or cls.required_arguments()):
        return _own_layer(call, cls)
    arguments = call.arguments or ()
    of_cell = _of_cell(arguments)
    if of_cell:
        return of_cell
    inner = [found for found in map(read_call, arguments) if found and found.arguments is not None]
    if len(inner) == len(arguments) > 0 and all(find_kind(one.word) for one in inner) and (not cls or cls.branches):
        wrapped = _parametrized(call, inner[0]) if len(inner) == 1 and not cls else ""
        return wrapped or (hint_for_call(inner[0], place) if cls and len(inner) == 1 else SEQUENCE)
    if cls is None or not (call.prefix or call.arguments is not None):
        return ""
    if cls.inputs == (0, 0) and len(inner) == len(arguments) == 1:
        return _of_tensor(call, inner[0], cls)
    hint = _method(call, cls) or layer_of(f"- {call.word}", cls, _as_pairs(cls, call), call)
    return _applied(hint, Operand(call.owner), place.known, call.target)


def _own_layer(call: Call, cls: type[Layer] | None) -> str:
    """Return the hint for an attribute of the module, `self.fc1(x)`, of which only the name is known."""
    like = cls or find_kind(call.word.rstrip("0123456789_"))
    such = f", such as `- {_with_required(like)}`" if like else ""
    return f"write the layer that `{call.prefix}{call.word}` is{such}"


def _with_required(cls: type[Layer]) -> str:
    shown = named(cls, ()).shown
    return f"{cls.kind}: {{{shown}}}" if shown else cls.kind


def _function(call: Call, cls: type[Layer] | None, known: Collection[str]) -> str:
    """Return the hint for a function of a tensor, `F.relu(x)`, or for a layer that is called with one."""
    is_layer = cls and not (call.is_own and cls.required_arguments())
    if not cls and not call.is_own and not (read_call(call.operands[0]) and "(" in call.operands[0]):
        return ""
    operand = read_operand(call.operands[0], known)
    if not (operand.name or operand.item):
        last = f"`- {call.word}`" if is_layer else f"what `{call.prefix}{call.word}` is"
        if read_call(call.operands[0]):
            return f"write each call as an item of its own, the inner one first and {last} last"
        return f"write each operation as an item of its own, the inner ones first and {last} last"
    if not cls or not is_layer:
        return _applied(_own_layer(call, cls), operand, known)
    is_function = not call.word[:1].isupper()
    hint = layer_of(f"- {call.word}", cls, _as_pairs(cls, call), call, is_function=is_function)
    return _applied(hint, operand, known, call.target)


def _of_several(call: Call, cls: type[Layer] | None, known: Collection[str]) -> str:
    """Return the hint for a function of several tensors of a kind that is no merge: `F.bilinear(a, b)`; or empty."""
    arguments = call.arguments or ()
    tensors = [part for part in arguments if part.isidentifier() and part not in ("True", "False", "None")]
    if not cls or cls.inputs == (1, 1) or len(tensors) < 2 or not call.is_function:
        return ""
    given = named(cls, [part for part in arguments if part not in tensors]).shown
    item = f"- {{{call.word}: {{{given}}}, from: [{', '.join(tensors)}]}}"
    return f"write `{item}`{note_on(tensors, known, is_merge=False)}"


def _applied(hint: str, operand: Operand, known: Collection[str], target: str = "") -> str:
    """Return the hint for a layer, with what it is applied to, where that is not the layer above."""
    if operand.item:
        return f"write `{operand.item}` first, then {hint.removeprefix('write ')}{note_on(operand.names, known)}"
    below = [f"`from: {operand.name}`"] if operand.name in known else []
    if below and operand.name in RUNNING:  # programs use these names for the layer above too
        return f"{hint}, with {below[0]} below it if {operand.name} is not the layer above here"
    below += [f"`name: {target}`"] if target else []
    if below:
        return f"{hint}, with {' and '.join(below)} below it"
    if operand.name and operand.name not in RUNNING:
        own, its = f"`name: {operand.name}`", f"`from: {operand.name}`"
        return (
            f"{hint}; if {operand.name} is not the layer above, write {own} below that layer and {its} below this one"
        )
    return hint


_ORDERED = ("-", "/", "**")
"""Operators of which `other` is not the second operand, as in PyTorch's calls."""


def _merge(call: Call, cls: type[Layer], known: Collection[str]) -> str:
    """Return the hint for a function of several tensors: `torch.cat([a, b], 1)`, `torch.add(x, y)`, `Add()([x, y])`."""
    first = call.operands[0]
    is_list = first[:1] in "[("
    rest = call.arguments or ()
    names = listed_names(first) if is_list else [part for part in (*call.operands, *rest) if part.isidentifier()]
    rest = tuple(part for part in rest if is_list or not part.isidentifier())
    if len(names) < 2:
        if not is_list and rest and is_number(rest[0]) and (not cls.arguments or cls.operator in _ORDERED):
            return "a number changes no size: remove the item"
        if not is_list and rest and cls.elementwise and is_number(rest[0]):
            return f"write `- {call.word}: {{{named(cls, rest, call).shown}}}`"
        return (
            f"write its inputs as `- {as_merge(call.word, ['…', '…'], (), named(cls, rest, call).shown)}`, "
            "each a name, a list of layers, or [] for the layer above"
        )
    if any(name not in known for name in names):
        item = as_merge(call.word, names, known, named(cls, rest, call).shown)
        return f"write `- {item}`{note_on(names, known)}"
    return f"{layer_of(f'- {call.word}', cls, rest, call)}, with `from: [{', '.join(names)}]` below it"


def _of_cell(arguments: Sequence[str]) -> str:
    """Return the hint for a layer that runs a cell, `RNN(LSTMCell(64))`; empty for any other."""
    made = {part: read_call(part.removeprefix("cell=")) for part in arguments}
    cells = [(part, call) for part, call in made.items() if call and is_cell(call)]
    if len(cells) != 1:
        return ""
    from shapecalc.layers import KINDS  # it loads every family

    part, cell = cells[0]
    loop, own = next((cls, a) for cls in KINDS.values() for a in cls.arguments.values() if isinstance(a, Cell))
    shown = named(loop, [other for other in arguments if other != part and EQUALS.fullmatch(other)]).shown
    return f"write `- {loop.kind}: {{{shown.replace(f'{own.name}: …', f'{own.name}: {cell_of(cell)}', 1)}}}`"


def is_cell(call: Call) -> bool:
    """Return whether a call makes a cell: `nn.LSTMCell(8, 64)`."""
    cls = find_kind(call.word)
    return cls is not None and cls.is_cell and call.arguments is not None


def cell_of(call: Call) -> str:
    """Return the cell that a call makes, as it is written for a layer that runs it."""
    cls = find_kind(call.word)
    assert cls is not None
    return f"{{{call.word}: {{{named(cls, call.arguments or (), call).shown}}}}}"


def _parametrized(call: Call, inner: Call) -> str:
    """Return the hint for a layer within a function that is one of its arguments: `weight_norm(nn.Conv1d(8, 8, 3))`."""
    cls = find_kind(inner.word)
    choices = (argument for argument in (cls.arguments.values() if cls else ()) if isinstance(argument, Choice))
    name = next((argument.name for argument in choices if call.word in argument.words), "")
    if not cls or not name:
        return ""
    hint = layer_of(f"- {inner.word}", cls, [*(inner.arguments or ()), f"{name}='{call.word}'"], inner)
    return hint.replace(f"'{call.word}'", call.word)


def _method(call: Call, cls: type[Layer]) -> str:
    """Return the hint for a method of a tensor with a size or an axis in each argument: `x.view(-1, 8)`; or empty."""
    first, arguments = cls.first_argument(), call.arguments or ()
    if call.is_of_library or not call.prefix or len(arguments) < 2 or not isinstance(first, (Sizes, AxisNumbers)):
        return ""
    sizes = arguments[1:] if isinstance(first, Sizes) else arguments  # without the batch
    return layer_of(f"- {call.word}", cls, [f"[{', '.join(sizes)}]"])


def _repeated(arguments: Sequence[str], operand: Operand, known: Collection[str]) -> str:
    """Return the hint for `x.repeat(1, 2, 1)`, whose first number is for the batch axis."""
    times = split_parts(arguments[0][1:-1]) if arguments[0][:1] in "[(" else [*arguments]
    first, *rest = times
    is_batch = first == "1" or not is_number(first)
    if not rest or not is_batch:
        return f"{_applied(tiled(', '.join(times)), operand, known)}, if none of these is the batch axis"
    if {*rest} == {"1"}:
        return "remove it: it repeats along the batch axis alone"
    return _applied(tiled(", ".join(rest)), operand, known)


def _of_tensor(call: Call, made: Call, cls: type[Layer]) -> str:
    """Return the hint for `nn.Parameter(torch.zeros(1, 1, 64))`: the size of the tensor, without the batch axis."""
    plain = [part for part in made.arguments or () if not EQUALS.fullmatch(part)]
    sizes = split_parts(plain[0][1:-1]) if plain and plain[0][:1] in "[(" else plain
    if not isinstance(cls.first_argument(), Sizes) or not made.prefix or not sizes:
        return layer_of(f"- {call.word}", cls, call.arguments or (), call)
    without = f"[{', '.join(sizes[1:])}]"
    note, shown = "", f"[{', '.join(sizes)}]"
    if sizes[0] == "1" and len(sizes) == 2:
        note = f", or {without} in place of {shown} if the 1 is the batch axis"
    elif sizes[0] == "1" and len(sizes) > 2:
        note, shown = ", without the 1 in front, which is the batch axis", without
    return _applied(f"write `- {call.word}: {shown}`", Operand(), (), call.target) + note


def _as_pairs(cls: type[Layer], call: Call) -> list[str]:
    """Return arguments with PyTorch's paddings, the last axis first, as pairs: `(1, 2, 3, 4)` of `ZeroPad2d`.

    A function, `F.pad`, pads as many of the last axes as it has pairs: these are named.
    """
    rank, first, parts = stated_rank(call.word), cls.first_argument(), [*(call.arguments or ())]
    if not isinstance(first, Padding) or first.minimum >= 0:
        return parts
    axes = next((argument.name for argument in cls.arguments.values() if isinstance(argument, AxisNumbers)), "")
    found = []
    for part in parts:
        numbers = re.fullmatch(r"[\[(](?a:-?\w+(?:, *-?\w+)*)[\])]", part)
        sides = re.findall(r"-?\w+", part) if numbers else []
        is_whole = len(sides) == 2 * rank if rank else call.is_functional and axes and not len(sides) % 2
        pairs = [f"[{a}, {b}]" for a, b in zip(sides[::2], sides[1::2], strict=True)] if is_whole else []
        found.append(f"[{', '.join(reversed(pairs))}]" if pairs else part)
        if pairs and not rank:
            found[-1:] = [f"{first.name}={found[-1]}", f"{axes}={[*range(-len(pairs), 0)]}"]
    return found


def layer_of(
    item: str, cls: type[Layer], parts: Sequence[str], call: Call | None = None, *, is_function: bool = False
) -> str:
    """Return the hint for the arguments of a call: the layer with them, and all that the call has besides."""
    shown, left, strange = named(cls, parts, call, is_function=is_function)
    hint = f"write `{item}{f': {{{shown}}}' if shown else ''}`"
    if left:
        hint += f", and give {short(', '.join(left))} by name"
    for word, value in strange.items():
        layer = layer_after(cls, value)
        hint += f"; then `- {layer}` as the next item" if layer else f"; {cls.kind} has no argument {short(word)}"
    return hint


def as_next_item(layer: str) -> str:
    """Return the hint for a layer that is written among the arguments of another, or beside it."""
    return f"{layer.partition(':')[0]} is a layer of its own: write `- {layer}` as the next item"


def layer_after(cls: type[Layer], text: str) -> str:
    """Return the item of the layer that `'relu'` or `nn.ReLU()` names, if it may follow a kind; empty for any other."""
    call = read_call(text.strip("'\" "))
    kind = find_kind(call.word) if call and not cls.activates else None
    if not call or not kind or kind.required_arguments():
        return ""
    shown, left, strange = named(kind, call.arguments or (), call)
    return f"{call.word}: {{…}}" if left or strange else f"{call.word}: {{{shown}}}" if shown else call.word
