"""The smallest changes that fix the shape errors of a network: one argument, the input size, or two changes.

Each change is tried on the graph by inference; those that are shown have then been written into the text of the
specification, which was read and inferred again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers.base.layer import KINDS
from shapecalc.model.answer import Answer
from shapecalc.model.inference import infer, sizings_of
from shapecalc.questions.solve.applying import applied
from shapecalc.questions.solve.argument_change import ArgumentChange
from shapecalc.questions.solve.changes import candidates
from shapecalc.questions.solve.editing import (
    Edit,
    add_argument,
    edit_argument,
    edit_input,
    insert_before,
    insert_on_input,
    is_given,
    leave_out,
)
from shapecalc.questions.solve.noted import changes_of_layers, changes_of_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph

__all__ = ["ArgumentChange", "Fix", "Fixes", "find_fixes"]

VERSION = 1
"""The version of the JSON contract."""

_MOST_TRIALS = 6_000
_MOST_WORK = 200_000
"""The maximum number of layers inferred, over all trials: seconds."""

_REREAD = 20
"""The number of layers that are inferred in the time of reading one again."""
_SEARCHED = 40
"""The number of times that a network is inferred in the time of searching for sizes of its inputs."""
_BEAM = 24
_TOLD = 12


class Fix(NamedTuple):
    """Changes that together fix the network, and the resulting sizes of its outputs."""

    changes: tuple[ArgumentChange, ...]
    outputs: dict[str, tuple[int, ...]]

    @property
    def cost(self) -> float:
        """The total cost of the changes."""
        return sum(change.cost for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fix in the form of the JSON contract."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "outputs": {name: list(sizes) for name, sizes in self.outputs.items()},
        }


class _FixesFields(NamedTuple):
    name: str
    problems: tuple[Problem, ...]
    fixes: tuple[Fix, ...]
    trials: int
    is_cut_short: bool = False
    notes: tuple[str, ...] = ()


class Fixes(Answer, _FixesFields):
    """The problems of a network and the fixes found, the smallest first; `trials` is the number of changes tried.

    `is_cut_short` is whether the limit of work ended the search. Of a network without problems, `notes` are those on
    what is probably a mistake, and the fixes are what they say.
    """

    __slots__ = ()
    drawn_by = "answers.solve.draw_fixes"
    table = "fixes"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.name,
            "problems": [problem.headline for problem in self.problems],
            "fixes": [fix.to_dict() for fix in self.fixes],
            "trials": self.trials,
            "cut_short": self.is_cut_short,
            "notes": list(self.notes),
        }


def find_fixes(
    graph: Graph, reread: Callable[[str], Graph | None], given: Collection[str] = (), notes: Sequence[str] = ()
) -> Fixes:
    """Return the smallest changes that fix all shape errors of a graph, or what the notes on it say if it has none.

    `reread` returns the graph of a changed text of the specification, None if it is not valid any more. `given` are the
    inputs whose sizes are not those of the text.
    """
    search = _Search(graph, reread, given, notes)
    return search.answer() if search.problems else search.answer_to_notes()


class _Search:
    """One search for fixes: the network, and what was tried."""

    def __init__(
        self, graph: Graph, reread: Callable[[str], Graph | None], given: Collection[str], notes: Sequence[str]
    ) -> None:
        self.graph, self.reread, self.given, self.notes = graph, reread, given, notes
        self.trials = 0
        self.work = _MOST_WORK
        self.sizings, self.problems = sizings_of(graph)

    def answer(self) -> Fixes:
        single, better = self._tried(self.graph, ())
        found: list[tuple[ArgumentChange, ...]] = [(change, *change.besides) for change in single]
        better += [(change, 0) for _, change in changes_of_layers(self.graph, self.sizings, self.notes)]
        better.sort(key=lambda pair: (pair[1], pair[0].cost))
        # What a hint names may need a second change that only states the size that follows.
        is_fixed = bool(found)
        for first, _ in [pair for pair in better if not is_fixed or pair[0].cost < 0][:_BEAM]:
            seconds, _ = self._tried(applied(self.graph, first), (first,))
            found += [(first, second) for second in seconds if not is_fixed or second.cost <= 0]
        found.sort(key=lambda changes: sum(change.cost for change in changes))
        fixes: list[Fix] = []
        seen = set()
        for changes in found:
            key = frozenset((change.layers, change.argument, str(change.new)) for change in changes)
            fix = None if key in seen else self._verified(changes)
            seen.add(key)
            if fix is not None:
                fixes.append(fix)
            if len(fixes) == _TOLD:
                break
        return Fixes(self.graph.name, tuple(self.problems), tuple(fixes), self.trials, self.is_cut_short())

    def answer_to_notes(self) -> Fixes:
        """Return the changes that the notes on a network without problems say, each of which makes its note go."""
        found = [*changes_of_notes(self.graph, self.sizings, self.notes)] if not self.given else []
        fixes = [fix for note, change in found if (fix := self._verified((change,), note))]
        return Fixes(self.graph.name, (), tuple(fixes), len(found), notes=tuple(self.notes))

    def is_cut_short(self) -> bool:
        """Return whether the limit of trials is reached."""
        return self.trials >= _MOST_TRIALS or self.work < 0

    def _tried(
        self, graph: Graph, before: tuple[ArgumentChange, ...]
    ) -> tuple[list[ArgumentChange], list[tuple[ArgumentChange, int]]]:
        """Return the changes that fix everything, and those that reduce the problems, with the number left."""
        sizings, problems = sizings_of(graph)
        good: list[ArgumentChange] = []
        better: list[tuple[ArgumentChange, int]] = []
        self.work -= _SEARCHED * len(graph.nodes) if before else 0
        if self.is_cut_short():
            return good, better
        for change in candidates(graph, sizings, problems, self.given):
            if any(change.layers == other.layers and change.argument == other.argument for other in before):
                continue
            if change.is_tried_as_text and before and change.cost >= 0:  # reading the text takes long
                continue
            self.work -= len(graph.nodes) * (_REREAD if change.is_tried_as_text else 1)
            if self.is_cut_short():
                break
            self.trials += 1
            changed = self._written((*before, change)) if change.is_tried_as_text else applied(graph, change)
            if changed is None:
                continue
            sizes, left = sizings_of(changed)
            missing = sum(sizing is None for sizing in sizes)
            if not left:
                good.append(change)
            elif missing < sum(sizing is None for sizing in sizings) and not change.is_tried_as_text:
                better.append((change, missing))
        return good, better

    def _written(self, changes: tuple[ArgumentChange, ...]) -> Graph | None:
        """Return the graph of the text with changes written into it; None if they cannot be written."""
        mark = changes[-1].mark
        assert mark is not None  # (a change of a composite has a location)
        text = mark.source.text
        for one in sorted((*changes, *changes[-1].besides), key=_from_below):
            edit = _edit(text, one) if one.mark and one.mark.source.name == self.graph.file else None
            if edit is None:
                return None
            text = edit.text
        return self.reread(text)

    def _verified(self, changes: tuple[ArgumentChange, ...], note: str = "") -> Fix | None:
        """Return the fix as written into the text; None if the changed text still has problems, or a note."""
        texts: dict[str, str] = {}
        written: dict[int, ArgumentChange] = {}
        for number in sorted(range(len(changes)), key=lambda i: _from_below(changes[i])):
            change = changes[number]
            source = change.mark.source if change.mark and change.mark.line and not change.overrides else None
            edit = None
            if source is not None and source.text:
                text = texts.get(source.name, source.text)
                edit = _edit(text, change)
                if edit is None:
                    return None
                texts[source.name] = edit.text
            is_given = source is None or _is_given(source.text, change)
            written[number] = change._replace(edit=edit, is_given=is_given)
        graph = self._changed(changes, texts)
        if graph is None:
            return None
        sizings, problems = sizings_of(graph)
        if problems or (note and note in infer(graph).notes):
            return None
        outputs = {}
        for name, ref in graph.named_outputs().items():
            sizing = sizings[ref.node]
            if sizing is not None:
                outputs[name] = sizing.outputs[ref.output].in_layout(graph.layout)
        whole = [written[number] for number in range(len(changes))]
        last = whole[-1]
        if last.edit and last.mark:  # written from below, the last one may not have been the last
            whole[-1] = last._replace(edit=last.edit._replace(text=texts[last.mark.source.name]))
        return Fix(tuple(whole), outputs)

    def _changed(self, changes: tuple[ArgumentChange, ...], texts: dict[str, str]) -> Graph | None:
        """Return the graph with changes made: that of the changed text of the specification, if it is in one."""
        main = self.graph.file
        is_read = set(texts) == {main}
        graph = self.reread(texts[main]) if is_read else self.graph
        for change in changes:
            is_left = change.overrides if is_read else not change.is_tried_as_text
            graph = applied(graph, change) if graph and is_left else graph
        return graph


def _from_below(change: ArgumentChange) -> tuple[int, bool]:
    """Return the order in which changes are written, from the end of the text: a line that is added moves no other."""
    line = change.mark.line if change.mark and change.layers else 0
    return -line, change.adds


def _is_given(text: str, change: ArgumentChange) -> bool:
    """Return whether what is changed is written in the text: not a default, nor a layer that is added."""
    layer = _layer_of(change)
    if change.block:
        return False
    if not change.layers or change.adds or layer is None or change.mark is None:
        return not change.adds
    return is_given(text, change.mark, layer, change.argument)


def _layer_of(change: ArgumentChange) -> Layer | type[Layer] | None:
    """Return the layer whose argument is changed: of a composite its kind, as none of its layers is in the text."""
    return KINDS[change.composite] if change.composite else change.layer


def _edit(text: str, change: ArgumentChange) -> Edit | None:
    assert change.mark is not None  # (the caller made sure)
    if change.block:
        return add_argument(text, change.mark, change.block, change.argument, change.new)
    if change.adds:
        added = change.on_input
        return insert_on_input(text, change.mark, added) if added else insert_before(text, change.mark, change.argument)
    if not change.layers:
        return edit_input(text, change.argument, "x".join(map(str, change.new)))
    layer = _layer_of(change)
    if layer is None:
        return None
    if change.new is None:
        return leave_out(text, change.mark, layer, change.argument)
    return edit_argument(text, change.mark, layer, change.argument, change.new)
