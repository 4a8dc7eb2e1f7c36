"""A network as a directed acyclic graph of layers, in the order of computation. Immutable."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

from collections.abc import Iterable
from typing import Any, NamedTuple

from shapecalc.errors import Mark, Problem
from shapecalc.layers.base.layer import Layer
from shapecalc.layers.base.shape import Shape

__all__ = [
    "BYTES", "COUNT", "OF_LAYERS", "OF_NETWORKS", "ONE_AXIS", "SIZE", "Block", "Bounds", "Expectation", "Graph", "Node",
    "Reference", "Stored",
]  # fmt: skip

COUNT, BYTES, SIZE = "a count", "bytes", "a size"

_COUNTS = dict.fromkeys(("weights", "biases", "params", "active_params", "trainable", "buffers", "macs"), COUNT)
OF_NETWORKS = {**_COUNTS, "layers": COUNT, "memory": BYTES, "output": SIZE}
"""The figures of a network that can be expected, and their types; `layers` is the number of layers."""
OF_LAYERS = {
    **_COUNTS, "in_features": COUNT, "out_features": COUNT, "output_bytes": BYTES, "input": SIZE, "output": SIZE,
}  # fmt: skip
"""What can be expected of a layer or a block."""
ONE_AXIS = "the input is one axis of"
"""How the note on a size that is a product, `3*32*32`, begins."""


class Reference(NamedTuple):
    """One output of a node, or (with `node` negative) an input of the network: -1 is the first input, -2 the second."""

    node: int
    output: int = 0


class Node(NamedTuple):
    """One layer of a network, with its inputs.

    `layer` is None where the specification of the layer was wrong (a graph to be reported on, not to be used).
    `shares` is the index of the node whose weights this one uses; `held` are the names of those of its weights that are
    not counted: constants, or those that other nodes hold, where it shares only some; `block` is the index of the
    innermost block that it is in, or -1; `mark` is its location in the source, `uses` are the uses of the blocks
    around it, outwards.
    """

    name: str
    layer: Layer | None
    inputs: tuple[Reference, ...]
    mark: Mark | None = None
    uses: tuple[tuple[str, Mark], ...] = ()
    shares: int = -1
    frozen: bool = False
    block: int = -1
    held: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """The name of the layer's kind."""
        return self.layer.kind if self.layer else "?"

    @property
    def marks(self) -> tuple[bool, frozenset[str]]:
        """Which of its weights are not trained, or not counted."""
        return self.frozen, self.held


class Block(NamedTuple):
    """A named group of layers: its scoped name, its block definition, and the block around it (-1: none)."""

    name: str
    kind: str
    parent: int = -1


class Bounds(NamedTuple):
    """Comparisons that a figure must all meet: as written, and each as its sign and number."""

    text: str
    parts: tuple[tuple[str, int], ...]

    def unmet(self, found: int) -> list[int]:
        """Return the numbers of the comparisons that a figure does not meet."""
        from shapecalc.text.comparisons import SIGNS  # most expectations are numbers

        return [number for sign, number in self.parts if not SIGNS[sign](found, number)]


class Expectation(NamedTuple):
    """One line of `expect:`: a figure, and its expected value: a number, a size, or `Bounds`.

    `name_mark` is where the layer, block or output is named that the figure is of; None for one of the network.
    """

    what: str
    expected: Any
    mark: Mark
    name_mark: Mark | None = None


class Stored(NamedTuple):
    """How the file of a model says that it is stored: formats of weights and activations, and the name of the file.

    `note` is what of it is not understood; `unconverted` are the modules, by their names in the library, whose weights
    keep 16 bits; `quantised` is how weights are quantised, in words: `int8, int4`. `widths` are the bits of tensors of
    the file that have others than `weights`.
    """

    weights: str
    activations: str
    origin: str
    note: str = ""
    unconverted: tuple[str, ...] = ()
    quantised: str = ""
    widths: dict[str, int] = {}  # noqa: RUF012  (never changed)


class StatedContext(NamedTuple):
    """The longest sequence that the file of a model states, in tokens, the name of the file, and that of the field."""

    tokens: int
    origin: str
    field: str = "max_position_embeddings"


class Graph(NamedTuple):
    """A network: named inputs, nodes in the order of computation, and the outputs.

    `steps` is the number of steps of its expansion, at least one for each layer; `warnings` is what is valid but
    probably a mistake; `naming` has the names of its parameters in the library that it was read from the config of;
    `is_written` is whether a person wrote it as a specification, with mistakes that people make; `switches` are the
    variables that are false and with which it would have further inputs; `includes_batch` is whether its sizes are
    those of a whole batch, as where that is could not be found; `sequences` are inputs of length ×
    features; `tensors` are the tensors of a file that are weights of its layers, with their names and sizes there, by
    the names of the layers; `fields` are those of a model's config that each variable follows from; `is_folded` is
    whether exporters of its format fold weights, or leave some out; `held` are axes of inputs that keep their sizes in
    questions about others: the input's name, and which axis of its size; `unused` are the names and sizes of
    parameters that a module holds and no layer uses.
    """

    name: str
    inputs: dict[str, Shape]
    nodes: tuple[Node, ...]
    outputs: tuple[Reference, ...]
    layout: str = "CHW"
    source: str = ""
    blocks: tuple[Block, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    notes: tuple[str, ...] = ()
    variables: dict[str, Any] = {}  # noqa: RUF012  (never written on)
    file: str = ""
    output_names: tuple[str, ...] = ()
    steps: int = 0
    input_marks: dict[str, Mark] = {}  # noqa: RUF012  (never written on)
    warnings: tuple[Problem, ...] = ()
    naming: Any = None  # a `Naming`, which most networks have not
    stored: Stored | None = None
    stated_context: StatedContext | None = None
    fields: dict[str, tuple[str, ...]] = {}  # noqa: RUF012  (never written on)
    is_written: bool = True
    switches: dict[str, str] = {}  # noqa: RUF012  (never written on)
    includes_batch: bool = False
    tensors: dict[str, dict[str, tuple[int, ...]]] = {}  # noqa: RUF012  (never written on)
    sequences: frozenset[str] = frozenset()
    is_folded: bool = False
    held: frozenset[tuple[str, int]] = frozenset()
    unused: dict[str, tuple[int, ...]] = {}  # noqa: RUF012  (never written on)

    @property
    def sample(self) -> str:
        """What its sizes and MACs are of, in words."""
        return "the whole input" if self.includes_batch else "one sample"

    def named_outputs(self) -> dict[str, Reference]:
        """Return the outputs by their names under `outputs:`, or else those of the layers."""
        names = self.output_names or tuple(self.name_of(ref) for ref in self.outputs)
        return dict(zip(names, self.outputs, strict=True))

    def sized_axes(self, name: str) -> tuple[int, ...]:
        """Return the axes of an input besides channels or features: the spatial ones, the length, or the only one."""
        shape = self.inputs[name]
        if shape.rank == 1 or name in self.sequences:
            return (0,)
        return tuple([axis for axis in range(shape.rank) if axis != shape.channel_axis])

    def free_axes(self, name: str) -> tuple[int, ...]:
        """Return the axes of an input that may have other sizes: those besides channels that are not held."""
        axes = self.sized_axes(name)
        return tuple([axis for axis in axes if (name, axis) not in self.held]) if self.held else axes

    def readers(self) -> dict[int, int]:
        """Return how often each node, or input, is read: by layers, and as an output of the network."""
        found: dict[int, int] = {}
        for ref in (*[ref for node in self.nodes for ref in node.inputs], *self.outputs):
            found[ref.node] = found.get(ref.node, 0) + 1
        return found

    def needed_for(self, ends: Iterable[int]) -> set[int]:
        """Return these nodes and all that they depend on: by their inputs, or as the holders of their weights."""
        needed = set(ends)
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in needed:
                node = self.nodes[index]
                needed.update(ref.node for ref in node.inputs)
                needed.add(node.shares)
        return needed

    def blocks_around(self, nodes: Iterable[Node]) -> set[int]:
        """Return the indices of all blocks that some layers stand in."""
        around: set[int] = set()
        for node in nodes:
            block = node.block
            while block >= 0 and block not in around:
                around.add(block)
                block = self.blocks[block].parent
        return around

    def name_of(self, reference: Reference) -> str:
        """Return the name of a reference: `conv1`, `split1[1]`, `input`."""
        if reference.node < 0:
            return list(self.inputs)[-1 - reference.node]
        name = self.nodes[reference.node].name
        return f"{name}[{reference.output}]" if reference.output else name
