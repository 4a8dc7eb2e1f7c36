"""Hints for references to names that no layer has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean
from shapecalc.language.foreign import sliced
from shapecalc.layers import find_kind
from shapecalc.source import MapValue, Scalar, flow_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["Unknown", "hint_for_index", "hint_for_reference", "hint_within"]

_LONGEST = 200
_MOST = 3


class Unknown(NamedTuple):
    """A name that no layer, block or input of its scope has, and the output of it that is meant.

    `known` are those that have one, `stated` the names that are written, `inputs` how many inputs there are, `inside`
    the block around (empty for none), and, if it is a branch of a merge, Python's sign for that and all its branches.
    """

    name: str
    output: int | str
    known: Collection[str]
    stated: Collection[str]
    inputs: int
    inside: str
    operator: str
    branches: Sequence[Value]

    @property
    def is_alone(self) -> bool:
        """Whether it is the one name of a merge, whose other branch is the layer above: `add: x`."""
        return len(self.branches) == 2 and self.branches[0].mark == self.branches[1].mark


def hint_for_reference(unknown: Unknown, blocks: Mapping[str, BlockDefinition]) -> str:
    """Return the hint for an unknown name that is one of these habits, or empty; `blocks` are those of the file."""
    name, known = unknown.name, unknown.known
    if name.removeprefix("-").isdigit():
        return "layers are referred to by name, not by number: give that one a `name:`"
    hint = _further_input(unknown, blocks.get(unknown.inside)) or _several(unknown)
    is_of_programs = name in _OF_PROGRAMS.split() and name not in known and name not in blocks
    if not hint and unknown.branches and not is_of_programs:
        is_sequence = name not in blocks and sum(_is_in_place(branch, known) for branch in unknown.branches) > 1
        hint = _branch_of(name, () if is_sequence else known, blocks)
        if hint and is_sequence:
            written = _as_sequence(unknown)
            hint = f"{written}; otherwise {hint}" if written else hint + _IN_SEQUENCE
    if not hint and is_of_programs:
        above = "`[]` for the layer above, " if unknown.branches and not unknown.is_alone else ""
        hint = f"write {above}`input` for the input, or `name: {name}` below the layer that is meant"
    return clean(hint or _copy(name, known) or _numbered(name, known, unknown.stated) or _attribute(name, known))


_OF_PROGRAMS = "x y out inputs identity residual shortcut skip inp"
"""What programs call the tensors of a residual connection."""

_IN_SEQUENCE = (
    "; the items here are branches side by side: layers in sequence are one branch, "
    "a list of its own (`- - …` and below it `  - …`), and the input alone is `- []`"
)


def _as_sequence(unknown: Unknown) -> str:
    """Return the hint for layers in sequence that are written as branches, with the list that they are; or empty.

    Some of them have arguments, and they follow each other. The others are names; the input, if there are none.
    """
    branches, known = unknown.branches, (*unknown.known, *unknown.stated)
    at = [number for number, branch in enumerate(branches) if _is_in_place(branch, known)]
    is_whole = [*range(at[0], at[-1] + 1)] == at
    if not is_whole or not any(isinstance(branch, MapValue) for branch in branches):
        return ""
    shown = [flow_text(branch) for branch in branches]
    sequence = f"[{', '.join(shown[at[0] : at[-1] + 1])}]"
    listed = f"[{', '.join([*shown[: at[0]], sequence, *(shown[at[-1] + 1 :] if len(at) < len(shown) else ['[]'])])}]"
    return f"layers in sequence are one branch: write the list as `{listed}`" if len(listed) <= _LONGEST else ""


def hint_within(names: Sequence[str]) -> str:
    """Return the hint for a name that layers within blocks have; empty where there are none."""
    more = " or the like" if len(names) > _MOST else ""
    return clean(f"did you mean {' or '.join(names[:_MOST])}{more}?") if names else ""


def _several(unknown: Unknown) -> str:
    """Return the hint for several names in one text, `a, b`, or those of a merge with its sign: `add: a + b`."""
    text = f"{unknown.name}[{unknown.output}]" if unknown.output else unknown.name
    is_alone = not unknown.branches or unknown.is_alone
    for sign in (",", unknown.operator, None):  # None: at spaces
        inner = text[1:-1] if text[:1] == "(" and text[-1:] == ")" else text
        parts = [part.strip() for part in inner.split(sign)] if sign != "" and is_alone else []
        if len(parts) > 1 and all(re.fullmatch(r"[^\W\d][\w.]*(\[\w+\])?", part) for part in parts):
            quoted = [f'"{part}"' if "[" in part else part for part in parts]
            return f"write a list: [{', '.join(quoted)}]"
    return ""


def _further_input(unknown: Unknown, block: BlockDefinition | None) -> str:
    """Return the hint for what a block does not have as an input yet: `input2`, or an argument that names a layer."""
    name, number = unknown.name, unknown.inputs + 1
    others = ", ".join("abcdefgh"[:number])
    if block and name in block.arguments and number <= len("abcdefgh"):
        return (
            f"an argument is a value, not a layer: name each input where {block.name} is used, "
            f"as in `from: [{others}]`, and write `input{number}` here for the last"
        )
    if block and re.fullmatch(r"input[1-9]\d*", name):
        has = "one input" if number == 2 else f"{number - 1} inputs"
        return f"{block.name} has {has} where it is used: name each there, as in `from: [{others}]`"
    return ""


def _branch_of(name: str, known: Collection[str], blocks: Mapping[str, BlockDefinition]) -> str:
    """Return the hint for a branch that is the name of a kind or a block; empty for any other name.

    A layer of that kind without a name may be meant, which is called by its number too.
    """
    bare = name.removeprefix("-")
    block, cls = blocks.get(bare), find_kind(bare)
    if not block and not cls:
        return ""
    required = [key for key, value in block.arguments.items() if value is None] if block else []
    if cls and not block:
        required = [*cls.required_arguments()]
    given = f": {{{', '.join(f'{key}: …' for key in required)}}}" if required else ""
    listed = f"write `[{bare}{given}]`"
    what = "block" if block else "layer"
    numbered = _unnamed(bare if block or not cls else cls.kind, known)
    if numbered and bare == name:
        return f"did you mean {numbered[-1]}? For a new branch of one {what}, {listed}"
    return f"a branch of one {what} is a list: {listed}"


def _unnamed(kind: str, known: Collection[str]) -> list[str]:
    """Return the layers that are called by their kind and their number."""
    return [one for one in known if re.fullmatch(rf"{re.escape(kind)}\d+", one)]


def _is_in_place(branch: Value, known: Collection[str]) -> bool:
    """Return whether a branch is a layer that is written in its place: not a name, nor a list."""
    if isinstance(branch, MapValue):
        return any(find_kind(key.text) for key, _ in branch.pairs)
    text = branch.text if isinstance(branch, Scalar) else ""
    return bool(text) and text not in known and find_kind(text) is not None


def _copy(name: str, known: Collection[str]) -> str:
    """Return the hint for a copy of a repeated layer: `m1` or `m_1`, which is `m.1`."""
    found = re.fullmatch(r"(.+?)[_-]?(\d+)", name)
    copies = [one for one in known if found and one.startswith(f"{found[1]}.") and one[len(found[1]) + 1 :].isdigit()]
    if not found or not copies:
        return ""
    meant = f"{found[1]}.{int(found[2])}"
    return f"did you mean {meant}?" if meant in copies else f"the copies of {found[1]} are {copies[0]} to {copies[-1]}"


def hint_for_index(text: str) -> str:
    """Return the hint for a reference with an index that no output has, `lstm[-1]` or `x[:, 0]`."""
    hint = "write a name, or name[1] for its second output"
    found = re.fullmatch(r"\s*([^\W\d][\w.]*(?:\[\d\])?)\s*(\[[-\d:,\s]+\])", text)
    if not found:
        return hint
    name, is_output = (f'"{found[1]}"', True) if found[1].endswith("]") else (found[1], False)
    alone = re.fullmatch(r"\[\s*(-?\d+)\s*\]" if is_output else r"\[\s*(-1)\s*\]", found[2])
    cut = sliced(f"[:, {alone[1]}]" if alone else found[2])  # axis 1 is the first here: the layers of a state
    item = re.match(r"write `- (slice: {.*?})`", cut)
    if not item:
        return f"{hint}: outputs are counted from 0"
    what = "its last step" if "start: -1}" in cut and not is_output else "a part of it"
    first = "" if is_output else f"{hint}; for {what}, "
    return clean(f"{first}write `- {{{item[1]}, from: {name}}}`{cut[item.end() :]}")


def _attribute(name: str, known: Collection[str]) -> str:
    """Return the hint for an output by a name that it does not have, `lstm.h`, `qkv0`: its number; empty for others."""
    bare = name.rstrip("0123456789")
    if bare in known and bare != name:
        return f'did you mean {bare}? Outputs have their number in brackets: "{bare}[{int(name[len(bare) :])}]"'
    owner, dot, which = name.rpartition(".")
    if not dot or owner not in known:
        return ""
    if re.fullmatch(r"[1-9]\d?|0", which):
        return f'outputs have their number in brackets: "{owner}[{which}]"'
    return f"did you mean {owner}? If it has several outputs, they have numbers: {owner}[1] is the second"


def _numbered(name: str, known: Collection[str], stated: Collection[str]) -> str:
    """Return the hint for a layer that is called by another name of its kind: `conv2d1`, which is `conv1`.

    Keras counts `conv2d`, `conv2d_1`: there only the names are told. So are none that are written (`stated`).
    """
    digits = len(name) - len(name.rstrip("0123456789"))
    if any(one.startswith(name) for one in known):
        return ""
    for count in range(digits, 0, -1):
        word, number = name[:-count], name[-count:]
        cls = find_kind(word.rstrip("_"))
        unnamed = [one for one in _unnamed(cls.kind, known) if one not in stated] if cls else []
        if cls and unnamed:
            if f"{cls.kind}{number}" in unnamed and not word.endswith("_"):
                return f"did you mean {cls.kind}{number}?"
            shown = f"{unnamed[0]} to {unnamed[-1]}" if len(unnamed) > 1 else unnamed[0]
            outputs = f'; its outputs are "{shown}[0]", "{shown}[1]", …' if shown in unnamed and _cuts(cls) else ""
            if len(unnamed) == 1:
                return f"the layer of kind {cls.kind} without a name is called {shown} here{outputs}"
            return f"layers of kind {cls.kind} without a name are called {shown} here, in order"
    return ""


def _cuts(cls: type[Layer]) -> bool:
    """Return whether layers of a kind always have several outputs."""
    return all(isinstance(example.output, list) for example in cls.examples)
