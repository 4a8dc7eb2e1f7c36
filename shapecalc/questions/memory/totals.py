"""The total of `shapecalc memory` for many networks: the same question about each setting of a search or a sweep.

One by one a total is that of `memory`. For many settings in one pass the tensors and their liveness, which are the same
for all settings that only change sizes, are planned once, by `memory`'s own plan, and evaluated here on sizes of any
kind of number; whether a layer can overwrite one of its inputs is decided for each setting. That is for numbers of bits
and steps of decoding; formats by name, prompts and scores of attention are asked one by one.
"""

from __future__ import annotations

from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import UP_TO, Constraint, matched, maximum, prod, total
from shapecalc.errors import Problem, ShapeError, UsageError, did_you_mean
from shapecalc.model.generic_inference import infer_generic
from shapecalc.model.inference import infer
from shapecalc.model.rows import own
from shapecalc.questions.memory import memory
from shapecalc.questions.memory.cache import ContextError, cache_of, cached_elements
from shapecalc.questions.memory.implementation import FLASH
from shapecalc.questions.memory.in_place import ALL, read_in_place
from shapecalc.questions.memory.plan import MemoryPlan, make_plan, stored
from shapecalc.questions.memory.serving.capacity import (
    LAST,
    ServedDecoder,
    Serving,
    check_serving,
    read_serving,
)
from shapecalc.questions.memory.serving.decoding import with_length
from shapecalc.questions.memory.training.options import TRAINING
from shapecalc.questions.memory.weights.formats import parse_format, read_bits
from shapecalc.questions.memory.weights.stored_bytes import read_storing
from shapecalc.questions.memory.widths import USUAL_BITS, choose_widths
from shapecalc.text.units import parse_bits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from shapecalc.layers.base.layer import WeightShapes
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.generic_inference import GenericReport
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing, Totals
    from shapecalc.questions.memory.results import Widths

__all__ = ["OPTIONS", "Live", "MemoryQuestion", "read_question"]

OPTIONS = ("weights", "weights_of", "activations", "buffers", "in_place", "order", "attention",
            "context", "kv_bits", "prefill", "logits", *TRAINING)  # fmt: skip
"""The options of `memory` that decide its total."""

_IN_ONE_PASS = ("weights", "activations", "buffers", "context", "kv_bits")
"""Those that many settings can have in one pass."""


_USUAL: dict[str, tuple[Any, ...]] = {"weights_of": ((), [], {}), "attention": (FLASH,), "logits": (LAST,)}
"""Values as good as none."""


class Live(NamedTuple):
    """What is the same for all settings that only change sizes: the plan of the live tensors, and the bits.

    At a `context` the plan is that of a step of decoding, and `axes` are those of inputs that the sequence of the
    decoder is (`shapecalc.questions.memory.serving.decoding`).
    """

    plan: MemoryPlan
    widths: Widths
    kv_bits: int | Fraction
    context: int | None = None
    axes: tuple[tuple[str, int], ...] = ()


class MemoryQuestion(NamedTuple):
    """What is asked of every setting: options of `memory`, without those that are left out, and a batch.

    `is_of_file` is whether the file of the model has bits of its own.
    """

    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    batch: int = 1
    is_of_file: bool = False

    @property
    def context(self) -> int | None:
        """The past tokens of every sample; None without a context."""
        tokens: int | None = self.options.get("context")
        return tokens

    @property
    def bits(self) -> int | None:
        """The bits of every element, if a number is asked for, or nothing; None for others."""
        if self.is_of_file and not {"weights", "activations"} <= {*self.options}:
            return None
        asked = {str(self.options.get(name, USUAL_BITS)) for name in ("weights", "activations", "buffers", "kv_bits")
                 if name != "kv_bits" or name in self.options}  # fmt: skip
        only = asked.pop()
        return int(only) if not asked and only.isdecimal() and "weights_of" not in self.options else None

    def to_dict(self) -> dict[str, Any]:
        """Return the question in the form of the JSON contract."""
        bits = {} if self.bits is None else {"bits": self.bits}
        context = {} if self.context is None else {"context": self.context}
        return {**bits, **context, "batch": self.batch, "memory": self.options}

    def words(self) -> str:
        """Return the options as the command has them: ` --weights q4_k_m --context 8192`."""
        every = [
            f"--{name.replace('_', '-')} {quote(str(value))}"
            for name, one in self.options.items()
            for value in _each(one)
        ]
        return "".join(f" {word}" for word in (*every, *([f"--batch {self.batch}"] if self.batch > 1 else [])))

    def total(self, graph: Graph) -> int:
        """Return the total of `memory` of a network. Errors: `ShapeError`; `UsageError` if it cannot be asked of it."""
        return memory(infer(graph, batch=self.batch), **self.options).total

    def of(self, graph: Graph) -> MemoryQuestion:
        """Return the question to settings of a network.

        Errors: `UsageError` if it cannot be asked of the network's own, unless that has a shape error, or allows for no
        context so long: other settings may.
        """
        with suppress(ContextError, ShapeError):
            self.total(graph)
        return self._replace(is_of_file=graph.stored is not None)

    def is_for_many(self, graph: Graph) -> bool:
        """Return whether many settings of a network can be asked in one pass."""
        return all(name in _IN_ONE_PASS for name in self.options) and self._weight_bits(graph) is not None

    def _weight_bits(self, graph: Graph) -> int | Fraction | None:
        """Return the bits of every weight; None if they differ, or depend on the role of a tensor."""
        weights, file = self.options.get("weights"), graph.stored
        if weights is not None or file is None:
            return parse_format(USUAL_BITS if weights is None else weights).bits
        return None if file.unconverted or file.widths else parse_format(file.weights or USUAL_BITS).bits

    def plan(self, graph: Graph) -> Live | None:
        """Return what is the same for all settings with the structure of a network; None with shape errors.

        Errors: `UsageError` if it cannot be asked of this network.
        """
        may = read_in_place(ALL)[1]
        try:
            report = infer(graph)
        except ShapeError:
            return None
        asked, weights = self.options, self._weight_bits(graph)
        assert weights is not None
        widths = choose_widths(report, weights, asked.get("activations"), asked.get("buffers", USUAL_BITS), None)
        bits = widths.activations
        kv_bits = read_bits(asked["kv_bits"], "the KV cache") if "kv_bits" in asked else bits
        if self.context is None:
            return Live(make_plan(report, bits, may), widths, kv_bits)
        serving = check_serving(Serving(self.context), report, cache_of(report, kv_bits, bits))
        served = ServedDecoder(report, serving, lambda run: make_plan(run, bits, may), bits)
        return Live(served.run_at(self.context)[1], widths, kv_bits, self.context, served.decoder.axes)

    def total_of(self, inferred: GenericReport, totals: Totals, live: Live) -> Any:
        """Return the total on any kind of number; `totals` are the counts of the same network."""
        graph, sizings, widths = inferred.graph, inferred.sizings, live.widths
        mine = [own(node, sizing) for node, sizing in zip(graph.nodes, sizings, strict=True)]
        found = _bytes_of(totals.params, [sizing.weight_shapes for sizing in mine], widths.weights)
        found = found + _bytes_of(totals.buffers, [sizing.buffer_shapes for sizing in mine], widths.buffers)
        if live.context is None:
            return found + _peak_of(graph, sizings, live, self.batch)
        step, ran = graph, sizings
        if live.axes:
            step = with_length(graph, live.axes, 1)
            ran = infer_generic(step, counts=False).sizings
        cache = cached_elements(graph.nodes, sizings).needed(live.context, live.kv_bits, widths.activations)
        return found + _peak_of(step, ran, live, self.batch) + self.batch * cache

    def constraints(self, graph: Graph) -> Iterator[Constraint]:
        """Yield what must hold for a context: no layer works on shorter sequences."""
        limits = [node.layer.longest_sequence() for node in graph.nodes if node.layer] if self.context else []
        for limit in {id(limit): limit for limit in limits if limit is not None}.values():
            yield Constraint((self.context or 0) + 1, UP_TO, limit, "tokens", "positions")


def read_question(given: Mapping[str, Any], batch: int = 1) -> MemoryQuestion:
    """Return a question from options of `memory`, of which None and False are left out.

    Errors: `UsageError` for an unknown option, or a wrong value that is so for every network.
    """
    asked = {name: value for name, value in given.items() if value is not None and value is not False}
    asked = {name: value for name, value in asked.items() if name not in _USUAL or value not in _USUAL[name]}
    for name in asked:
        if name not in OPTIONS:
            message, variable = f"{name} is not an option of the memory of many networks", f'vars={{"{name}": …}}'
            hint = did_you_mean(name, OPTIONS, f"for a variable, write {variable}", lists=False)
            raise UsageError(Problem(message, hint=hint))
    serving = read_serving({name: asked[name] for name in Serving._fields if name in asked and name != "attention"})
    if "context" in asked:
        asked["context"] = serving.context
    if "weights" in asked or "weights_of" in asked:
        read_storing(asked.get("weights", USUAL_BITS), asked.get("weights_of", ()))
    for name in ("activations", "buffers"):
        if name in asked:
            parse_bits(asked[name], name)
    if "kv_bits" in asked:
        read_bits(asked["kv_bits"], "the KV cache")
    return MemoryQuestion(asked, batch)


def _each(value: Any) -> list[Any]:
    """Return the values of an option as the command repeats it."""
    if isinstance(value, dict):
        return [f"{name}={one}" for name, one in value.items()]
    return [*value] if isinstance(value, (list, tuple)) else [value]


def _bytes_of(elements: Any, layers: Sequence[WeightShapes], bits: int | Fraction) -> Any:
    """Return the bytes of the tensors of layers, each rounded up to whole bytes; `elements` are those of all."""
    if type(bits) is int and bits % 8 == 0:
        return elements * (bits // 8)
    return total(stored(prod(sizes), bits) for shapes in layers for sizes in shapes.values())


def _sizes(graph: Graph, sizings: Sequence[Sizing], live: Live, batch: int) -> list[Any]:
    """Return the bytes of every storage of a plan; those of equal shape are one object."""
    plan, bits = live.plan, live.widths.activations
    known: dict[tuple[int, bool], Any] = {}

    def size(shape: Shape, *, of_samples: bool) -> Any:
        key = id(shape), of_samples
        if key not in known:
            each = stored(shape.elements, bits)
            known[key] = each * batch if of_samples and batch > 1 else each
        return known[key]

    sizes: list[Any] = [0] * len(plan.storages)
    for i, shape in enumerate(graph.inputs.values()):
        sizes[i] = size(shape, of_samples=True) if plan.storages[i].size else 0  # what a step does not read
    for step in plan.steps:
        of_samples = bool(graph.nodes[step.node].inputs)  # of a constant there is one for all samples
        for storage, shape in zip(step.writes, sizings[step.node].outputs, strict=True):
            sizes[storage] = size(shape, of_samples=of_samples)
    return sizes


def _peak_of(graph: Graph, sizings: Sequence[Sizing], live: Live, batch: int) -> Any:
    """Return the peak, by the rules of `shapecalc.questions.memory.liveness`, on any kind of number.

    A storage that is overwritten is not needed after this step, so later liveness does not depend on which settings
    overwrite it.
    """
    plan, sizes = live.plan, _sizes(graph, sizings, live, batch)
    storages = plan.storages
    left = [len(storage.users) for storage in storages]
    held = set(range(plan.inputs))
    now: Any = sum((sizes[i] for i in held), start=0)
    most = now
    for i in [i for i in held if not left[i] and not storages[i].is_output]:
        held.discard(i)
        now = now - sizes[i]
    for step in plan.steps:
        before = now
        for i in step.writes:
            held.add(i)
            now = now + sizes[i]
        written, saved = sizes[step.writes[0]], 0
        if step.may_overwrite and len(step.writes) == 1:
            over = [sizes[i] for i in step.reads if left[i] == 1 and not storages[i].is_output]
            saved = matched(written, over)
        most = maximum(most, before if saved is written else now - saved)
        for i in step.reads:
            left[i] -= 1
        touched = dict.fromkeys((*step.reads, *step.writes))
        gone = [i for i in touched if i in held and not left[i] and not storages[i].is_output]
        held.difference_update(gone)
        if len(gone) == len(step.writes) == 1 and sizes[gone[0]] is written:
            now = before  # as much is freed as is written
        else:
            for i in gone:
                now = now - sizes[i]
    return most
