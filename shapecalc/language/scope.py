"""Names: what a list of layers may refer to, and references to names that come later."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, did_you_mean
from shapecalc.language.turns import loops_of
from shapecalc.language.values import bad, word
from shapecalc.layers import find_kind
from shapecalc.model.graph import Reference
from shapecalc.source import ListValue, MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.language.entries import Entry
    from shapecalc.source import Value

__all__ = [
    "Flow",
    "MergeBranches",
    "Pending",
    "Scope",
    "declared_names",
    "full_name",
    "read_name",
    "read_reference",
    "reference_text",
    "varies_by_turn",
]

_REFERENCE = r"(?P<name>[^\[\]]+?)(\[(?P<output>[0-9]{1,4}|[^\W\d]\w{0,99})\])?"
_BRACES = r"\{([^{}]*)\}"
_INSIDE = (
    "inside a block only its own layers and its inputs can be named: "
    "`input`, and `input2` where it is used with `from: [a, b]`"
)
_MAX_NAME = 100
_MAX_FILLED = 1_000
"""The maximum length of a reference, with the names of the blocks around its target."""


class MergeBranches(NamedTuple):
    """The merge that a reference is a branch of: Python's sign for its kind, and all its branches."""

    operator: str = ""
    branches: Sequence[Value] = ()


_NO_MERGE = MergeBranches()


class Pending(NamedTuple):
    """A reference to a name that may come later; with the merge that it is a branch of, if it is one."""

    scope: Scope
    name: str
    output: int | str
    mark: Mark
    merge: MergeBranches = _NO_MERGE


Flow = Reference | Pending
"""One tensor on its way from layer to layer."""


class Scope:
    """The names of one list of layers (branches share those of the list around them; blocks have their own).

    `flows` are the tensors of each name, `spans` the range of layers; `taken` the names that must not be generated;
    `inputs` the input tensors; `waiting` (one set for all scopes of a network) the names of unresolved references.
    """

    def __init__(
        self, prefix: str, inputs: Mapping[str, Flow], taken: set[str], waiting: set[Scope] | None = None
    ) -> None:
        self.prefix = prefix
        self.waiting: set[Scope] = set() if waiting is None else waiting
        self.flows: dict[str, tuple[Flow, ...]] = {name: (flow,) for name, flow in inputs.items()}
        self.spans: dict[str, tuple[int, int]] = {}
        self.inputs = dict(inputs)
        self.marks: dict[str, Mark] = {}
        self.output_names: dict[str, tuple[str, ...]] = {}
        self.taken = taken
        self.counts: dict[str, int] = {}
        self.block = -1
        self.lists = 0
        self.uses: tuple[tuple[str, Mark], ...] = ()
        self.mark: Mark | None = None
        self.frozen = False
        self.stack: tuple[str, ...] = ()
        self.broken_copies: list[tuple[re.Pattern[str], tuple[Flow, ...]]] = []

    def made_up_name(self, kind: str) -> str:
        """Return the name of an unnamed layer: its kind and its number in the list."""
        while True:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            name = f"{kind}{self.counts[kind]}"
            if name not in self.taken and name not in self.flows:
                return name

    def is_taken(self, name: str) -> bool:
        """Return whether a name belongs to an input, or to a layer that its `when` does not leave out."""
        span = self.spans.get(name, (0, 0))
        return name in self.inputs or span[0] < span[1]

    def define_broken(self, value: Value, flow: tuple[Flow, ...], end: int) -> None:
        """Define the name of an item with a problem, so that references to it are none: it is the output of `flow`.

        So are several names in a list, which are a problem themselves, and a name in place of the kind: `conv1: {…}`.
        """
        given = value.get("name") if isinstance(value, MapValue) else None
        keys = [key for key, _ in value.pairs if key.text[-1:].isdigit()] if isinstance(value, MapValue) else []
        numbered = [key for key in keys if find_kind(key.text.rstrip("0123456789").rstrip("_"))]
        for name in [*(given.items if isinstance(given, ListValue) else [given]), *numbered]:
            if isinstance(name, Scalar) and isinstance(name.value, str) and name.text not in self.flows:
                self.define(name.text, flow, (end - 1, end))
                parts = re.split(r"\{[^{}]*\}", name.text)
                if len(parts) > 1:  # its copies have names that an expression gives: `c2` of `c{i}`
                    self.broken_copies.append((re.compile(".+".join(map(re.escape, parts))), flow))

    def define(self, name: str, flows: tuple[Flow, ...], span: tuple[int, int]) -> None:
        """Bind a name to the outputs of a layer or block."""
        self.flows[name] = flows
        self.spans[name] = span

    def pending(self, name: str, output: int | str, mark: Mark, merge: MergeBranches = _NO_MERGE) -> Pending:
        """Return a reference to a name of this scope that may come later."""
        self.waiting.add(self)
        return Pending(self, name, output, mark, merge)

    def release(self) -> None:
        """Release the tensors of the names when all are resolved: scopes and references would keep each other alive."""
        for scope in self.waiting:
            scope.flows = dict.fromkeys(scope.flows, ())
            scope.broken_copies = []
            scope.inputs = dict.fromkeys(scope.inputs, Reference(-1))
        self.waiting.clear()

    def names(self, others: Collection[str] = ()) -> list[str]:
        """Return the names that may be meant by another: of those with an expression, only their values."""
        return [name for name in (*self.flows, *self.taken) if name not in others and "{" not in name]

    def _outputs_of(self, nodes: Collection[int]) -> set[str]:
        """Return the names of the outputs of nodes."""
        if not nodes:
            return set()
        ends = {name: [flow for flow in flows if isinstance(flow, Reference)] for name, flows in self.flows.items()}
        return {name for name, flows in ends.items() if any(flow.node in nodes for flow in flows)}

    def _unknown(
        self,
        pending: Pending,
        blocks: Mapping[str, BlockDefinition],
        never: Collection[str],
        within: Callable[[str], Sequence[str]],
    ) -> Problem:
        """Return the problem of a name that nothing has; `never` are those that cannot be meant.

        `within` returns the layers of that name within blocks here.
        """
        from shapecalc.language.references import (  # only when something is wrong
            Unknown,
            hint_for_reference,
            hint_within,
        )

        inside = self.stack[-1] if self.stack else ""
        known = [name for name in self.flows if name not in never] if never else self.flows
        unknown = Unknown(pending.name, pending.output, known, self.taken, len(self.inputs), inside, *pending.merge)
        names = partial(self.names, {pending.name, *never})
        habit = hint_for_reference(unknown, blocks) or hint_within(within(pending.name))
        hint = habit or did_you_mean(pending.name, names)
        message = f"no layer, block or input is called {pending.name} here"
        if pending.name in blocks and habit:
            message = f"{pending.name} is a block, and not the name of a layer or of an input here"
        return Problem(message, pending.mark, why=(_INSIDE,) if self.stack else (), hint=hint)

    def look_up(
        self,
        pending: Pending,
        blocks: Mapping[str, BlockDefinition],
        dependents: Callable[[], Collection[int]],
        within: Callable[[str], Sequence[str]],
    ) -> Flow | Problem:
        """Return what a name refers to, or its problem.

        `dependents` returns the nodes that cannot be meant, `within` the layers of a name within blocks here.
        """
        flows = self.flows.get(pending.name)
        if flows is None:
            flows = next((flow for copies, flow in self.broken_copies if copies.fullmatch(pending.name)), None)
        if flows is None:
            return self._unknown(pending, blocks, self._outputs_of(dependents()), within)
        output = pending.output
        if isinstance(output, str):
            names = self.output_names.get(pending.name, ())
            if output not in names:
                known = ", ".join(f"[{number}] {name}" for number, name in enumerate(names))
                otherwise = f"its outputs are {known}" if names else "they have numbers: write 0 for the first"
                hint = did_you_mean(output, names, otherwise, lists=False)
                return Problem(f"{pending.name} has no output called {output}", pending.mark, hint=hint)
            output = names.index(output)
        if len(flows) > 1 and output >= len(flows):
            return Problem(f"{pending.name} has {len(flows)} outputs: there is no {pending.name}[{output}]",
                           pending.mark,
                           hint=f"they are {pending.name}[0] to {pending.name}[{len(flows) - 1}]")  # fmt: skip
        flow = flows[output if len(flows) > 1 else 0]
        if not output or len(flows) > 1:
            return flow
        return flow._replace(output=output) if isinstance(flow, Pending) else Reference(flow.node, output)


def read_reference(value: Value, scope: Scope, variables: Mapping[str, Any], merge: MergeBranches = _NO_MERGE) -> Flow:
    """Return the tensor that a reference names: `conv1`, or `split1[1]` for its second output, or by its name.

    Expressions in braces, `{i + 1}`, are evaluated, and a name of a `for` around it is replaced by its value.
    """
    text = reference_text(value, variables)
    found = re.fullmatch(_REFERENCE, text)
    if not found:
        from shapecalc.language.references import hint_for_index  # only when something is wrong

        raise bad(f"'{text}' is not a reference", value.mark, hint_for_index(text))
    name, which = found["name"].strip(), found["output"] or "0"
    output = int(which) if which.isdecimal() else which
    flows = scope.flows.get(name)
    if flows and not output and len(flows) == 1:
        return flows[0]  # already defined: the usual case
    return scope.pending(name, output, value.mark, merge)


def reference_text(value: Value, variables: Mapping[str, Any]) -> str:
    """Return the text of a reference, with its expressions evaluated."""
    text = word(value, "a reference")
    if "{" in text:
        return _filled(text, value, variables)
    loops = loops_of(variables)
    found = re.fullmatch(_REFERENCE, text) if loops else None
    given = variables[found["name"]] if found and found["name"] in loops else None
    return f"{given}{text[found.end('name') :]}" if found and isinstance(given, str) else text


def varies_by_turn(entry: Entry) -> bool:
    """Return whether an item's `from` names other layers in every turn of its loop."""
    return entry.is_repeated and "from" in entry.own and _changes_by_turn(entry.own["from"], entry.loop_names)


def _changes_by_turn(value: Value, names: Collection[str]) -> bool:
    """Return whether references differ between iterations of a loop with these names."""
    for item in value.items if isinstance(value, ListValue) else [value]:
        text = item.text if isinstance(item, Scalar) else ""
        words = {text.partition("[")[0]}
        for part in re.findall(_BRACES, text):
            words.update(re.findall(r"[^\W\d]\w*", part))
        if words & {*names}:
            return True
    return False


def _filled(text: str, value: Value, variables: Mapping[str, Any]) -> str:
    """Return a text with the values of the expressions in its braces."""

    def fill(match: re.Match[str]) -> str:
        from shapecalc.language.expressions import ExpressionError, parse

        try:
            return str(parse(match[1]).evaluate(variables))
        except ExpressionError as error:
            raise bad(error.message, value.mark, error.hint) from None

    filled = re.sub(_BRACES, fill, text)
    if len(filled) > _MAX_FILLED:
        raise bad(f"a name has at most {_MAX_NAME} characters, this one {len(filled):,}", value.mark)
    return filled


def read_name(value: Value, variables: Mapping[str, Any]) -> str:
    """Return the given name of a layer; `{i + 1}` within it is the value of the expression."""
    if isinstance(value, ListValue):
        hint = "give one name: of a layer with several outputs these are a[0], a[1], …"
        raise bad("a name must be a word, not a list", value.mark, hint)
    text = word(value, "a name")
    name = _filled(text, value, variables) if "{" in text else text
    if len(name) > _MAX_NAME:
        raise bad(f"a name has at most {_MAX_NAME} characters, this one {len(name):,}", value.mark)
    if not name.isprintable() or any(c in "[]{}" for c in name) or name != name.strip():
        raise bad("a name has no brackets, braces or control characters in it", value.mark)
    return name


def full_name(scope: Scope, name: str) -> str:
    """Return the full name: with the names of the blocks around it."""
    return f"{scope.prefix}{name}"


def declared_names(entries: Sequence[Value]) -> set[str]:
    """Return the names that a list of layers defines, in its branches too."""
    names: set[str] = set()
    everything = list(entries)
    for entry in everything:  # it grows on the way
        if isinstance(entry, ListValue):
            everything += entry.items
        elif isinstance(entry, MapValue):
            for key, value in entry.pairs:
                if not isinstance(value, Scalar):
                    everything.append(value)
                elif key.text == "name":
                    names.add(value.text)
    return names
