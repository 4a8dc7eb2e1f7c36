"""Branches found again: which items stand in a list, and which in the branches of a merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shapecalc.exporters.structure.parts import Local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.structure.parts import Item

__all__ = ["Branch", "Element", "arrange"]

_DEEPEST = 5
_WALKED = 400


class Element(NamedTuple):
    """An item in a list; a merge with the branches written in it, all from the tensor `source`.

    `source` is None for an item that does not continue one tensor; `depth` how deep branches are nested in it.
    """

    item: int
    source: Local | None
    branches: tuple[Branch, ...] = ()
    depth: int = 0

    @property
    def output(self) -> Local:
        """The tensor that the next item continues."""
        return Local(self.item)


Branch: TypeAlias = "list[Element] | Local"
"""A list of items, or the name of a tensor."""


def arrange(items: Sequence[Item], is_merge: Callable[[Item], bool]) -> list[Element]:
    """Return the items in order, with those that lead to a merge alone as its branches."""
    row: list[Element] = []
    for index, item in enumerate(items):
        if len(item.inputs) > 1 and is_merge(item):
            merge = _with_branches(index, item, row)
            if merge is not None:
                taken = sum(_count(branch) for branch in merge.branches)
                del row[len(row) - taken :]
                row.append(merge)
                continue
        row.append(Element(index, item.inputs[0] if len(item.inputs) == 1 else None))
    return row


def _count(branch: Branch) -> int:
    return 0 if isinstance(branch, Local) else len(branch)


def _with_branches(index: int, item: Item, row: Sequence[Element]) -> Element | None:
    """Return a merge with the last items as its branches; None where they are no branches of it alone."""
    for fork in _forks(item, row):
        branches = _parse(item, row, fork)
        if branches is not None:
            depth = 1 + max((one.depth for branch in branches if not isinstance(branch, Local) for one in branch),
                            default=0)  # fmt: skip
            return Element(index, fork, branches, depth) if depth <= _DEEPEST else None
    return None


def _forks(item: Item, row: Sequence[Element]) -> list[Local]:
    """Return the tensors from which branches may start: inputs of the merge, and that of the last chain of items."""
    found = [*item.inputs]
    for back, element in enumerate(reversed(row[-_WALKED:]), 1):
        before = row[-back - 1].output if back < len(row) else None
        if element.source is None or element.source != before:
            if element.source is not None:
                found.append(element.source)
            break
    return [*dict.fromkeys(found)]


def _parse(item: Item, row: Sequence[Element], fork: Local) -> tuple[Branch, ...] | None:
    end, some = len(row), False
    lists = 0
    branches: list[Branch] = []
    for tensor in reversed(item.inputs):
        if tensor == fork:
            branches.append([])
            lists += 1
            continue
        start = _start_of(row, end, fork) if end and tensor == row[end - 1].output else -1
        if start < 0:
            branches.append(tensor)
            continue
        branches.append([*row[start:end]])
        end, some = start, True
        lists += 1
    return tuple(reversed(branches)) if some and lists > 1 else None


def _start_of(row: Sequence[Element], end: int, fork: Local) -> int:
    """Return where the branch begins that ends before an index; -1 for none from this fork."""
    for start in range(end - 1, max(-1, end - _WALKED), -1):
        source = row[start].source
        if source == fork:
            return start
        if start == 0 or source is None or source != row[start - 1].output:
            return -1
    return -1
