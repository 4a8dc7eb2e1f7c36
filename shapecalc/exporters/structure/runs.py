"""Equal copies in sequence, as one part that is repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.exporters.structure.parts import Local, Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.structure.parts import Body

__all__ = ["join_copies", "numbered"]


def join_copies(body: Body, are_equal: Callable[[Part, Part], bool]) -> None:
    """Join parts that are equal, each on the output of the one before, which nothing else uses."""
    parts = body.parts
    uses: dict[int, list[tuple[int, Local]]] = {}
    for index, part in enumerate(parts):
        for local in part.inputs:
            uses.setdefault(local.part, []).append((index, local))
    joined: list[Part] = []
    places: list[int] = []
    for index, part in enumerate(parts):
        before = joined[-1] if joined else None
        if (
            before is not None
            and part.inputs == (Local(index - 1),)
            and len(before.inputs) == 1
            and len(uses[index - 1]) == 1
            and are_equal(parts[index - 1], part)
            and _follows(before.names[-1], part.names[0])
        ):
            before.stop = part.stop
            before.count += 1
            before.names += part.names
        else:
            joined.append(Part(part.start, part.stop, list(part.names), part.body, 1, part.inputs, part.share))
        places.append(len(joined) - 1)
    for part in joined:
        part.inputs = tuple([x if x.part < 0 else x._replace(part=places[x.part]) for x in part.inputs])
    body.parts = joined


def numbered(name: str) -> tuple[str, int]:
    """Return a name without the number at its end, and that number; -1 for none."""
    found = re.fullmatch(r"(.*?)(0|[1-9]\d{0,5})", name)
    return (found[1], int(found[2])) if found else (name, -1)


def _follows(name: str, after: str) -> bool:
    """Return whether copies may have these names, one after the other: those of blocks that were found have none."""
    first, second = numbered(name), numbered(after)
    return name == after == "" or (first[0] == second[0] and first[1] >= 0 and second[1] == first[1] + 1)
