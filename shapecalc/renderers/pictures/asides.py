"""What a graph has beside its lines: tensors of which only the size is used, and weights that are stored only."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shapecalc.exporters.chart import Group, is_unused

if TYPE_CHECKING:
    from shapecalc.exporters.chart import Chart, Vertex

    _Path = tuple[Group | Vertex, ...]

__all__ = ["lines_of", "size_references", "stored_last"]


def lines_of(chart: Chart) -> dict[tuple[str, str], None]:
    """Return between which vertices there are lines: where more than a size goes from one to the other."""
    return dict.fromkeys((edge.start, edge.end) for edge in chart.edges if edge.is_read)


def size_references(chart: Chart) -> dict[str, str]:
    """Return of which tensors only the sizes are used, in words, by the key of the vertex that uses them."""
    lines = lines_of(chart)
    only = [edge for edge in chart.edges if (edge.start, edge.end) not in lines]
    paths = _paths(chart.group) if only else {}
    found: dict[str, dict[str, None]] = {}
    for edge in only:
        user = paths[edge.end]
        source = next(one for one in paths[edge.start] if one not in user)
        name = source.title if isinstance(source, Group) else source.lines[0]
        around = next(one for one in reversed(user) if isinstance(one, Group) and one in paths[edge.start])
        own = name.removeprefix(f"{around.title}.") if around is not chart.group else name
        found.setdefault(edge.end, {})[own] = None
    return {end: f"size of {', '.join(names)}" for end, names in found.items()}


def _paths(group: Group, *around: Group) -> dict[str, _Path]:
    """Return what each vertex is in, outermost first, and itself, by its key."""
    found: dict[str, _Path] = {}
    for member in group.members:
        if isinstance(member, Group):
            found.update(_paths(member, *around, group))
        else:
            found[member.key] = (*around, group, member)
    return found


def stored_last(chart: Chart) -> dict[tuple[str, str], None]:
    """Move weights that are stored only after all that is used; return which of them follow what."""
    found: dict[tuple[str, str], None] = {}
    waiting = [chart.group]
    for group in waiting:
        waiting += [member for member in group.members if isinstance(member, Group)]
        stored = [one for one in group.members if _is_stored(one)]
        used = [one for one in group.members if one not in stored]
        group.members[:] = [*used, *stored]
        chain = [*used[-1:], *stored]
        found.update({(one.key, other.key): None for one, other in pairwise(chain) if other in stored})
    return found


def _is_stored(member: Vertex | Group) -> bool:
    if isinstance(member, Group):
        return all(map(_is_stored, member.members))
    return bool(member.rows) and all(map(is_unused, member.rows))
