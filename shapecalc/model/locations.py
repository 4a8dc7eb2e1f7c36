"""Locations in the text of a specification: what is written there, and where the layer that a hint adds is written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from shapecalc.model.graph import Reference
from shapecalc.source import ListValue, MapValue, Scalar, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.errors import Insertion, Mark
    from shapecalc.model.graph import Graph, Node
    from shapecalc.model.rows import Sizing
    from shapecalc.source import Value

__all__ = ["argument_words", "branches_at", "entry_at", "has_from", "key_beside", "location_of"]


def entry_at(text: str, mark: Mark) -> tuple[Scalar, Value | None] | None:
    """Return the kind of the item at a mark, and what is written after it; None if there is none."""
    found = _entries_of(text, mark.source.name).get(mark[1:3])
    return found[:2] if found else None


@lru_cache(maxsize=1)
def _entries_of(text: str, name: str) -> dict[tuple[int, int], tuple[Scalar, Value | None, MapValue | None]]:
    """Return the entries of a text by their line and column: many hints may be on one text."""
    root, _ = read_text(text, name)
    return {entry[0].mark[1:3]: entry for entry in _entries(root)} if root else {}


def _entries(root: Value) -> Iterator[tuple[Scalar, Value | None, MapValue | None]]:
    """Yield every word of a text that may be a kind, with its arguments, and the mapping that it is a key of."""
    waiting: list[Value] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ListValue):
            waiting += value.items
            yield from ((item, None, None) for item in value.items if isinstance(item, Scalar))
        elif isinstance(value, MapValue):
            waiting += [item for _, item in value.pairs]
            yield from ((key, item, value) for key, item in value.pairs)


def branches_at(text: str, mark: Mark) -> Value | None:
    """Return what is written as the branches of the merge at a mark: a list, or one name; None if there is nothing."""
    _, given = entry_at(text, mark) or (None, None)
    return given.get("branches") if isinstance(given, MapValue) else given


def key_beside(text: str, mark: Mark, word: str) -> Value | None:
    """Return the value of a layer-level key of the item at a mark; None if there is none."""
    found = _entries_of(text, mark.source.name).get(mark[1:3])
    return found[2].get(word) if found and found[2] else None


def argument_words(text: str, mark: Mark, block: str) -> MapValue | None:
    """Return the `args:` of a block in the text with a mark, each with its default; None if it has none there."""
    value, _ = read_text(text, mark.source.name)
    for key in ("blocks", block, "args"):
        value = value.get(key) if isinstance(value, MapValue) else None
    return value if isinstance(value, MapValue) and value.pairs else None


def location_of(
    layer: Insertion, graph: Graph, index: int, sizings: Sequence[Sizing | None], name_of_node: str = "it"
) -> str:
    """Return the text that says where to write a layer that an input of another (`name_of_node`) needs.

    The input is the layer above, the end of a branch, or any layer by its name, which the new one's then replaces. No
    layer is needed where another output of the same layer has the sizes that are due: the state of an encoder.
    """
    node = graph.nodes[index]
    ref = node.inputs[layer.input]
    source = sizings[ref.node] if layer.due and ref.node >= 0 else None
    fitting = [i for i, output in enumerate(source.outputs) if output.sizes == layer.due] if source else []
    if fitting:
        meant = f"{graph.nodes[ref.node].name}[{layer.input if layer.input in fitting else fitting[0]}]"
        return f'write "{meant}" in place of {graph.name_of(ref)}: it is {"×".join(map(str, layer.due))}'
    is_above = ref == Reference(index - 1) or (ref.node < 0 and not index)
    begins_branch = node.layer is not None and not node.layer.branches and node.mark is not None and node.mark.line > 0
    if (is_above or begins_branch) and len(node.inputs) == 1 and not has_from(node.mark):
        return layer.before(name_of_node)
    prefix = f"{graph.blocks[node.block].name}." if node.block >= 0 else ""
    full = _name_of(graph, ref, node.block)
    name = full.removeprefix(prefix)
    if prefix and name == full:  # an input of the block
        name = _written_from(layer, node)
        if name != full and not re.fullmatch(r"input\d*", name):
            return _location_on_input(layer, node, name_of_node)
    if _is_within(graph, ref.node, node):
        return f"write {layer.items()} after {name}, at the end of its branch"
    begins = next((i for i in range(index, 0, -1) if not _is_within(graph, i - 1, node)), 0)
    own = f"{re.sub(r'[^0-9A-Za-z_]+', '_', name).strip('_')}_{layer.kind}"
    while any(own == one.name.removeprefix(prefix) for one in graph.nodes):
        own += "_"
    from_ = f'"{name}"' if "[" in name else name
    others = [other for number, other in enumerate(node.inputs) if number != layer.input]
    is_merge = node.layer is not None and node.layer.branches and not has_from(node.mark)
    if begins < index or (is_merge and Reference(index - 1) in others):  # else another would begin at the item
        written = _written_branch(layer, node) or ("[]" if graph.nodes[begins].inputs == (ref,) else from_)
        return _in_place_of(layer, written, is_alone=_is_alone(node.mark))
    return f"write {layer.items(from_, own)} before {name_of_node}, and {own} in place of {name}"


def _location_on_input(layer: Insertion, node: Node, name_of_node: str) -> str:
    """Return the text that says where to write a layer on an input of a block, which has the name that a merge has."""
    if written := _written_branch(layer, node):
        return _in_place_of(layer, written, is_alone=_is_alone(node.mark))
    on = f"on its input {layer.input + 1}" if len(node.inputs) > 1 else f"before {name_of_node}"
    return f"write {layer.items()} {on}"


def _written_from(layer: Insertion, node: Node) -> str:
    """Return the name that an item has for its input under `from:`; empty for none."""
    mark = node.mark
    given = key_beside(mark.source.text, mark, "from") if mark and mark.line else None
    items = given.items if isinstance(given, ListValue) else [given]
    item = items[layer.input] if layer.input < len(items) else None
    return item.text if isinstance(item, Scalar) else ""


def _written_branch(layer: Insertion, node: Node) -> str:
    """Return what a merge has as a branch, a name or the empty list; empty for a list of layers and for none."""
    mark = node.mark
    if not (node.layer and node.layer.branches and mark and mark.line):
        return ""
    given = branches_at(mark.source.text, mark)
    if isinstance(given, ListValue):
        branch = given.items[layer.input] if layer.input < len(given.items) else None
    else:  # one name: the first input is the layer above
        branch = given if layer.input == 1 else None
    if isinstance(branch, ListValue):
        return "" if branch.items else "[]"
    if not isinstance(branch, Scalar) or branch.value is None:
        return ""
    return f'"{branch.text}"' if branch.quoted else branch.text


def _in_place_of(layer: Insertion, given: str, *, is_alone: bool = False) -> str:
    """Return the text of a branch in place of what is written: a name, alone or in a list, or the empty list."""
    branch = layer.branch("" if given == "[]" else given)
    return f"write `{f'[[], {branch}]' if is_alone else branch}` in place of {given.strip(chr(34))}"


def _is_alone(mark: Mark | None) -> bool:
    """Return whether a merge at a location has one name in place of a list, `add: shortcut`."""
    given = branches_at(mark.source.text, mark) if mark and mark.line else None
    return isinstance(given, Scalar) and given.value is not None


def _is_within(graph: Graph, index: int, node: Node) -> bool:
    """Return whether a layer is written within the item of another: in a branch of it that is a list."""
    mark = graph.nodes[index].mark if index >= 0 else None
    if mark is None or node.mark is None or mark.source is not node.mark.source:
        return False
    return mark.line >= node.mark.line and mark.column > node.mark.column


def _name_of(graph: Graph, ref: Reference, block: int) -> str:
    """Return the name of a tensor as a layer in a block refers to it: for the output of another block, that block's."""
    name, outer, inner = graph.name_of(ref), -1, graph.nodes[ref.node].block if ref.node >= 0 else block
    while inner not in (block, -1):
        outer, inner = inner, graph.blocks[inner].parent
    if outer < 0 or inner != block or ref.output:
        return name
    own = graph.blocks[outer].name
    after = graph.nodes[ref.node + 1].name if ref.node + 1 < len(graph.nodes) else ""
    return name if after.startswith(f"{own}.") else own


def has_from(mark: Mark | None) -> bool:
    """Return whether an item at a location names its input, on its own line or on those around that belong to it."""
    if mark is None or not mark.line:
        return False
    above = mark.line
    while mark.column > 1 < above and not mark.source.line(above)[: mark.column - 1].strip():
        above -= 1
        if re.match(r"[\s-]*from\s*:", mark.source.line(above)):
            return True
    number, line = mark.line, mark.source.line(mark.line)
    while line and not re.search(r"(?:^|[\s{,])from\s*:", line):
        number += 1
        line = mark.source.line(number)
        if len(line) - len(line.lstrip()) < mark.column - 1:
            return False
    return bool(line)
