"""The parts of a network, its layers and blocks one within the other; and the definitions that blocks become."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from shapecalc.model.graph import Reference

__all__ = ["BlockParameter", "Body", "Definition", "Item", "Local", "Operation", "Part", "Variable"]


class Operation(NamedTuple):
    """What a layer is in a format: the name of its kind there, and its arguments by name."""

    kind: str
    arguments: dict[str, Any]


class Local(NamedTuple):
    """A tensor within a body: of a part (a negative one is an input: -1 the first), `back` nodes before its last."""

    part: int
    back: int = 0
    output: int = 0


@dataclass
class Part:
    """A layer, or a block with its `body`: the range of its nodes, its name within the body around it, its inputs.

    With a `count` it is so many equal copies, each on the output of the one before; `names` has one for each.
    """

    start: int
    stop: int
    names: list[str]
    body: Body | None = None
    count: int = 1
    inputs: tuple[Local, ...] = ()
    share: tuple[int, int] | None = None

    @property
    def length(self) -> int:
        """The number of nodes of one copy."""
        return (self.stop - self.start) // self.count


@dataclass
class Body:
    """What is in a block: its parts, and the tensors of the whole network that are its inputs.

    `kind` is the name of its definition in the graph, `is_found` whether it is no block of the graph, but a repetition.
    `definition` and `arguments` are what it becomes.
    """

    start: int
    stop: int
    kind: str
    parts: list[Part]
    is_found: bool = False
    inputs: list[Reference] = field(default_factory=list)
    definition: Definition | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    def bodies(self) -> list[Body]:
        """Return the bodies of its parts."""
        return [part.body for part in self.parts if part.body]


class Variable(NamedTuple):
    """The value of a parameter, multiplied or divided by a number."""

    name: str
    times: int = 1
    over: int = 1


@dataclass
class BlockParameter:
    """A parameter of a definition: its name, its value in each body, and the argument that it was made for."""

    name: str
    values: list[Any]
    argument: str
    default: Any = None
    has_default: bool = False


@dataclass
class Item:
    """A part of a definition: an operation, or the use of a `definition`, with its arguments.

    `layer` is the kind of the layer in the graph. `names` are those of its copies, in all bodies alike; None where they
    differ.
    """

    kind: str
    definition: Definition | None
    arguments: dict[str, Any]
    inputs: tuple[Local, ...]
    repeat: Any
    names: list[str] | None
    part: Part
    frozen: bool
    held: frozenset[str]
    layer: str

    @property
    def word(self) -> str:
        """What it is: the name of its definition, or the kind of the layer."""
        return self.definition.name if self.definition else self.layer


@dataclass
class Definition:
    """A block: its parameters and items. `bodies` are those that it was made of, the first of them an example."""

    kind: str
    bodies: list[Body]
    items: list[Item] = field(default_factory=list)
    parameters: dict[str, BlockParameter] = field(default_factory=dict)
    name: str = ""

    @property
    def body(self) -> Body:
        """One of its bodies."""
        return self.bodies[0]
