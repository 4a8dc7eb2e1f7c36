"""Lists of layers to nodes: sequence, branches, blocks, repetition, conditions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Mark, Problem
from shapecalc.language.entries import Effort, Entry, branches_of, listed, read_entry, work_of, wrong_number
from shapecalc.language.expansion import MAX_LAYERS, Proto, Written, key_of
from shapecalc.language.making import Maker, uncounted_weights
from shapecalc.language.reports import Reports, TooMuchError
from shapecalc.language.scope import (
    Flow,
    MergeBranches,
    Scope,
    full_name,
    read_name,
    read_reference,
    reference_text,
    varies_by_turn,
)
from shapecalc.language.turns import is_on, turns_of
from shapecalc.language.values import BadValueError, bad, condition, items_within
from shapecalc.layers import find_kind
from shapecalc.layers.base.layer import Composite, Layer
from shapecalc.source import ListValue, MapValue, Scalar, read_text, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.language.turns import Turn
    from shapecalc.source import Value

__all__ = ["GraphBuilder", "Proto"]

_STEPS_OF_A_BLOCK = 4
_MOST_TRIALS = 8


class GraphBuilder(Written):
    """Expands lists of layers to nodes, and collects their problems."""

    def __init__(self, blocks: Mapping[str, BlockDefinition], variables: Mapping[str, Any]) -> None:
        super().__init__(blocks)
        self.variables = variables
        reports = Reports()
        self.problems = reports.problems
        self.report = reports.add
        self._entries: dict[int, Entry | Problem] = {}
        self._maker = Maker(reports.add)
        self._bodies: dict[str, ListValue] = {}
        self._lists = items_within(variables.values())
        self._work: dict[str, Effort] = {}
        self._tried: Counter[str] = Counter()

    def expand(
        self, entries: Sequence[Value], scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...]
    ) -> tuple[Flow, ...]:
        """Expand a list of layers, each on the output of the one above; return the output of the last one."""
        for value in entries:
            entry = self._entry(value, scope)
            try:
                if isinstance(entry, Problem):
                    raise BadValueError(entry)  # noqa: TRY301  (it is handled as that of an item is)
                flow = self._item(entry, scope, variables, flow)
            except BadValueError as error:
                self.report(error.problem, scope)
                kind, mark = ("layer", value.mark) if isinstance(entry, Problem) else entry[:2]
                flow = self._broken(scope, kind, mark, flow)
                scope.define_broken(value, flow, len(self.nodes))
        return flow

    def _entry(self, value: Value, scope: Scope, *, is_branch: bool = False) -> Entry | Problem:
        entry = self._entries.get(id(value))
        if entry is None:
            entry = self._entries[id(value)] = read_entry(value, self.blocks, scope.names, is_branch=is_branch)
        return entry

    def _broken(self, scope: Scope, kind: str, mark: Mark, flow: tuple[Flow, ...]) -> tuple[Flow, ...]:
        return (self._add(self._proto(full_name(scope, kind), None, flow, mark, scope, frozen=False), scope),)

    @staticmethod
    def _proto(
        name: str, layer: Layer | None, inputs: tuple[Flow, ...], mark: Mark, scope: Scope, *, frozen: bool
    ) -> Proto:
        return Proto(name, layer, inputs, scope.mark or mark, scope.uses, scope.block, frozen)

    def _item(
        self, entry: Entry, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...]
    ) -> tuple[Flow, ...]:
        self._count_steps(entry, scope, entry.work, self._lists + scope.lists)
        own = entry.own
        if not own:
            return self._one(entry, scope, variables, flow, "")
        if not is_on(entry, variables):
            return self._skip(entry, scope, variables, flow)
        if not entry.is_repeated:
            flow = self._given(entry, scope, variables, flow)
            name = read_name(own["name"], variables) if "name" in own else ""
            return self._one(entry, scope, variables, flow, name)
        start = len(self.nodes)
        by_turn = varies_by_turn(entry)
        flow = flow if by_turn else self._given(entry, scope, variables, flow)
        for turn, name in self._turns(entry, scope, variables):
            flow = self._given(entry, scope, turn, flow) if by_turn else flow
            if is_on(entry, turn, in_turn=True):
                flow = self._one(entry, scope, turn, flow, name)
            elif name:
                self._pass_on(name, scope, flow)
        if "name" in own and not entry.has_template:
            scope.define(read_name(own["name"], variables), flow, (start, len(self.nodes)))
        return flow

    @staticmethod
    def _given(entry: Entry, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...]) -> tuple[Flow, ...]:
        """Return the inputs of an item: those that its `from` names, or else the current ones."""
        if "from" not in entry.own:
            return flow
        return tuple([read_reference(item, scope, variables) for item in listed(entry.own["from"])])

    def _turns(self, entry: Entry, scope: Scope, variables: Mapping[str, Any]) -> Iterator[tuple[Turn, str]]:
        """Yield the variables of every iteration of a repeated item, and the name of its copy."""
        base = entry.own.get("name")
        for turn in turns_of(entry.own, variables, MAX_LAYERS):
            self._count_steps(entry, scope, entry.work, self._lists + scope.lists)
            name = read_name(base, turn) if base is not None else ""
            yield turn, name if not name or entry.has_template else f"{name}.{turn['i']}"

    def _skip(
        self, entry: Entry, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...]
    ) -> tuple[Flow, ...]:
        """Return the input of a layer that is switched off; the layer's name then refers to it."""
        if varies_by_turn(entry):
            return flow
        flow = self._given(entry, scope, variables, flow)
        if "name" in entry.own and not entry.is_repeated:
            self._pass_on(read_name(entry.own["name"], variables), scope, flow)
        return flow

    def _pass_on(self, name: str, scope: Scope, flow: tuple[Flow, ...]) -> None:
        """Bind the name of a layer that is left out to its input, unless another layer has the name."""
        if name not in scope.spans:
            scope.define(name, flow, (len(self.nodes), len(self.nodes)))

    def _one(
        self, entry: Entry, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...], name: str
    ) -> tuple[Flow, ...]:
        """Expand an item once."""
        start = len(self.nodes)
        block = self._definition(entry.kind, scope)
        cls = None if block else find_kind(entry.kind)
        if not name:
            name = scope.made_up_name(cls.kind if cls else entry.kind)
        elif scope.is_taken(name):
            earlier = scope.marks.get(name)
            raise BadValueError(
                Problem(
                    f"two layers are called {name}" if name not in scope.inputs else f"{name} is the name of an input",
                    entry.own["name"].mark,
                    hint="rename one of them",
                    also=(("the other one:", earlier),) if earlier else (),
                )
            )
        if "name" in entry.own:
            scope.marks[name] = entry.own["name"].mark
        frozen = scope.frozen or ("frozen" in entry.own and condition(entry.own["frozen"], variables, "frozen"))
        held = uncounted_weights(entry, cls)
        if block:
            flows = self._block(block, entry, scope, variables, flow, name, frozen)
        elif cls is not None and issubclass(cls, Composite):
            flows = self._composite(cls, entry, scope, variables, flow, name, frozen)
        else:
            assert cls is not None
            inputs, layer = self._layer(cls, entry, scope, variables, flow)
            proto = self._proto(full_name(scope, name), layer, inputs, entry.mark, scope, frozen=frozen)
            proto.held = held
            flows = (self._add(proto, scope),)
            start = len(self.nodes) - 1
            if layer and layer.output_names():
                scope.output_names[name] = layer.output_names()
        scope.define(name, flows, (start, len(self.nodes)))
        if "share" in entry.own:
            owner = reference_text(entry.own["share"], variables)
            if owner != name or not entry.is_repeated:  # among copies that share weights, the owner has them
                read_reference(entry.own["share"], scope, variables)
                self.shares.append((start, len(self.nodes), scope.pending(owner, 0, entry.own["share"].mark)))
        return flows

    def _definition(self, kind: str, scope: Scope) -> BlockDefinition | None:
        """Return the block with a name: none within a composite.

        Within a block that has the name of a kind, that name is the kind.
        """
        block = None if scope.mark else self.blocks.get(kind)
        return None if block and kind in scope.stack and find_kind(kind) else block

    def _layer(
        self, cls: type[Layer], entry: Entry, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...]
    ) -> tuple[tuple[Flow, ...], Layer | None]:
        """Return the inputs of a layer, and the layer itself (None if its arguments are wrong)."""
        value = entry.value
        if cls.branches:
            branches, value = branches_of(cls, entry, self.blocks, scope.names)
            if branches is not None:
                merge = MergeBranches(cls.operator, branches)
                flow = tuple([end for one in branches for end in self._branch(one, scope, variables, flow, merge)])
        if cls.inputs == (0, 0) and "from" not in entry.own:
            flow = ()
        elif len(flow) > 1 and "from" not in entry.own and not cls.branches:
            flow = flow[:1]
        return flow, self._maker.layer(cls, entry, value, scope, variables)

    def _branch(
        self, branch: Value, scope: Scope, variables: Mapping[str, Any], flow: tuple[Flow, ...], merge: MergeBranches
    ) -> tuple[Flow, ...]:
        """Return the outputs of a branch of a merge: one, or for an item with `for` one for each of its values."""
        if isinstance(branch, Scalar):
            return (read_reference(branch, scope, variables, merge),)
        if isinstance(branch, ListValue):
            return self.expand(branch.items, scope, variables, flow)[:1]
        if isinstance(branch, MapValue) and {*branch.keys()} == {"for", "from"}:  # only references
            own = dict(zip(branch.keys(), [item for _, item in branch.pairs], strict=True))
            turns = list(turns_of(own, variables, MAX_LAYERS))
            self._add_steps(len(turns), branch.mark, scope)
            return tuple([read_reference(item, scope, turn) for turn in turns for item in listed(own["from"])])
        entry = self._entry(branch, scope, is_branch=True)
        if isinstance(entry, Problem) or "for" not in entry.own:
            return self.expand([branch], scope, variables, flow)[:1]
        ends: list[Flow] = []
        try:
            if not is_on(entry, variables):
                return ()
            for turn, name in self._turns(entry, scope, variables):
                if is_on(entry, turn, in_turn=True):
                    ends += self._one(entry, scope, turn, self._given(entry, scope, turn, flow), name)[:1]
        except BadValueError as error:
            self.report(error.problem, scope)
            ends += self._broken(scope, entry.kind, entry.mark, flow)
        return tuple(ends)

    def _block(
        self, block: BlockDefinition, entry: Entry, scope: Scope, variables: Mapping[str, Any],
        flow: tuple[Flow, ...], name: str, frozen: bool,
    ) -> tuple[Flow, ...]:  # fmt: skip
        if block.name in scope.stack:
            cycle = " → ".join((*scope.stack[scope.stack.index(block.name) :], block.name))
            raise bad(f"the block {block.name} uses itself: {cycle}", entry.mark, "a block cannot contain itself")
        self._check_room(entry.mark, scope)
        work = self._work.get(block.name)
        if work is None:
            own = work_of(block.values())
            work = self._work[block.name] = Effort(_STEPS_OF_A_BLOCK + own.steps + len(self.variables) // 10, own.walks)
        self._count_steps(entry, scope, work, self._lists)
        given = block.bind(entry, variables, self.variables)
        lists = items_within(given[argument] for argument in block.arguments)
        self._count_steps(entry, scope, Effort(0, 1), lists)
        inner = self._inner_scope(block.name, block.layers.items, scope, flow, name, frozen)
        inner.mark = scope.mark
        inner.lists = lists
        shown = ", ".join(f"{key}={shown_value(given[key])}" for key in block.arguments)
        words = f"used here, with {shown}:" if shown else "used here:"
        inner.uses = scope.uses if scope.mark else ((words, entry.mark), *scope.uses)
        try:
            key = (id(block), frozen, len(flow), *[key_of(given[argument]) for argument in block.arguments])
        except TypeError:  # a symbol, or an array
            key = None

        def write_out() -> tuple[Flow, ...]:
            flows = self.expand(block.layers.items, inner, given, flow)
            return tuple(read_reference(item, inner, given) for item in block.outputs) if block.outputs else flows

        before = len(self.problems)
        flows = self._expansion(key, block, inner, flow, write_out)
        if len(self.problems) > before and isinstance(entry.value, ListValue):
            self._try_by_name(block, entry, scope, variables, flow, before)
        return flows

    def _try_by_name(
        self, block: BlockDefinition, entry: Entry, scope: Scope, variables: Mapping[str, Any],
        flow: tuple[Flow, ...], before: int,
    ) -> None:  # fmt: skip
        """Replace the problems of a block whose first argument is a list by one, if its items as arguments fit better.

        That is tried a few times for a block, and not within a trial; its steps count towards the limit.
        """
        named = block.by_name(entry)
        if named is None or self._tried[block.name] == _MOST_TRIALS:
            return
        self._tried[block.name] += 1
        trial = GraphBuilder(self.blocks, self.variables)
        trial._tried, trial.steps = Counter(dict.fromkeys(self.blocks, _MOST_TRIALS)), self.steps
        around = Scope(scope.prefix, scope.inputs, set(), scope.waiting)
        around.stack = scope.stack
        try:
            trial._block(block, named, around, variables, flow, block.name, scope.frozen)
        except (BadValueError, TooMuchError):
            before = len(self.problems)
        self.steps = trial.steps
        if len(trial.problems) < len(self.problems) - before:
            del self.problems[before:]
            first = next(iter(block.arguments))
            message = f"the whole list is the value of {first}, the first argument of the block {block.name}"
            self.report(block.error(message, named.mark, named.value).problem, scope)

    def _composite(
        self, cls: type[Composite], entry: Entry, scope: Scope, variables: Mapping[str, Any],
        flow: tuple[Flow, ...], name: str, frozen: bool,
    ) -> tuple[Flow, ...]:  # fmt: skip
        self._check_room(entry.mark, scope)
        layer = self._maker.layer(cls, entry, entry.value, scope, variables)
        flow = flow if "from" in entry.own else flow[:1]
        wrong = wrong_number(entry, layer, len(flow), variables) if layer else None
        if wrong:
            self.report(wrong, scope)
        if layer is None or wrong:
            return self._broken(scope, name, entry.mark, flow)
        body = self._bodies.get(cls.kind)
        if body is None:
            value, problems = read_text(cls.layers, f"<{cls.kind}>")
            assert isinstance(value, ListValue), problems
            body = self._bodies[cls.kind] = value
        inner = self._inner_scope(cls.kind, body.items, scope, flow, name, frozen)
        inner.mark = scope.mark or entry.mark
        inner.uses = scope.uses
        values = layer.values()
        key = (id(layer), frozen, len(flow))
        return self._expansion(key, layer, inner, flow, lambda: self.expand(body.items, inner, values, flow))
