"""What is laid out, and where it then is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shapecalc.renderers.pictures.scene import Point

__all__ = [
    "ARROW_ROOM", "BORDER", "BOX_GAP", "CHANNEL", "LANE", "STRAIGHT", "UNSEEN", "Arrangement", "Card", "Cluster",
    "Placed",
]  # fmt: skip

BOX_GAP = 22.0
"""Between boxes of a row."""
LANE = 10.0
"""Between parallel lines."""
CHANNEL = 22.0
"""Between rows where lines go straight down."""
ARROW_ROOM = 13.0
"""From the lowest line that goes across to the row below."""
BORDER = 12.0
"""From the border of a cluster to what is in it."""
STRAIGHT = 0.01
"""Points are at the same height, or below one another, if they are nearer."""

UNSEEN = ""
"""What edges are of that are none: one end is only to be below the other."""


class Card(NamedTuple):
    """A box to place: its key and size. One that `follows` belongs to the box above it."""

    key: str
    width: float
    height: float
    follows: bool = False


class Cluster(NamedTuple):
    """Cards and clusters in a frame, which come in this order wherever edges do not say otherwise.

    `head` is the height of the strip along its top, for a title, of which `before` is left of all lines that enter, and
    `after` right of them.
    """

    key: str
    members: tuple[Card | Cluster, ...]
    head: float = 0.0
    before: float = 0.0
    after: float = 0.0


class Placed(NamedTuple):
    """Where a card or a cluster is."""

    x: float
    y: float
    width: float
    height: float


class Arrangement(NamedTuple):
    """A layout: where cards and clusters are, and the corners of each edge from its start to its end.

    `heads` has where what is at the right of the head of a cluster ends.
    """

    width: float
    height: float
    places: dict[str, Placed]
    routes: dict[tuple[str, str], tuple[Point, ...]]
    heads: dict[str, float]
