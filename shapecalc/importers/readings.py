"""Where the batch is in the inputs of a file: several readings, of which the one is taken that is understood best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from shapecalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Problem
    from shapecalc.importers.inputs import InputSizes
    from shapecalc.importers.understanding import Understanding
    from shapecalc.model.graph import Graph

__all__ = ["AS_STATED", "NOWHERE", "SECOND", "best_reading"]

AS_STATED, SECOND, NOWHERE = "as stated", "second", "nowhere"
"""Where the batch may be: where names and operations say, or else the first axis; the second of three; nowhere."""

_Sizes = Mapping[str, tuple[Any, ...]]


class Import(Protocol):
    """One import of a file, with sizes of its inputs, and one reading of where the batch is."""

    problems: list[Problem]
    sizes: InputSizes
    understanding: Understanding

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        ...


def best_reading(
    importing: Callable[[_Sizes, Any], Import], given: _Sizes, readings: Sequence[Any] = (AS_STATED, SECOND, NOWHERE)
) -> tuple[Graph, list[Problem]]:
    """Return the graph of a file, read with the batch where most of its nodes are understood.

    `importing` begins an import with sizes of inputs and a reading. Further readings than the first, the likeliest, are
    tried where it may be a length: where the inputs have several sizes there, where not all nodes are understood, or
    where outputs are not of each sample; nowhere only where it is static, of more than 1. That is decided on the sizes
    that the file states, if it does, as given sizes may not fit another reading.
    """
    first = importing(given, readings[0])
    found = first.graph()
    own, seen = first.sizes, first.understanding
    if not (seen.unclear or own.are_apart or seen.lost_outputs):
        return found
    is_unsure = own.are_apart or (own.batch > 1 and seen.unclear > 0)
    graphs, unknown = {0: found}, {}
    sizes = {} if given and not importing({}, readings[0]).problems else given
    for number, reading in enumerate(readings):
        is_last = number == len(readings) - 1
        if is_last and not is_unsure:
            break
        try:
            trial, used = _begun(importing, sizes, given, reading) if number or sizes is not given else (first, given)
        except UsageError:  # these sizes are of another reading
            continue
        is_same = number and not is_unsure and _places(trial) == _places(first)
        if trial.sizes.are_apart or is_same:
            continue
        graph = found if trial is first else trial.graph()
        if used is given:
            graphs[number] = graph
        if not graph[1]:
            seen = trial.understanding
            lost = _ALL if is_last else seen.without_batch + seen.lost_outputs
            unknown[number] = (seen.unclear, lost)
        if unknown.get(number, (1,))[0] == 0 and not trial.understanding.lost_outputs:
            break
    best = min(unknown, key=lambda number: unknown[number], default=0)
    return graphs[best] if best in graphs else importing(given, readings[best]).graph()


def _begun(
    importing: Callable[[_Sizes, Any], Import], sizes: _Sizes, given: _Sizes, reading: Any
) -> tuple[Import, _Sizes]:
    """Return an import with a reading, and the sizes of inputs in it: usual ones where what is dynamic has none."""
    trial = importing(sizes, reading)
    if trial.sizes.usual and sizes is not given:
        sizes, trial = given, importing(given, reading)
    usual = trial.sizes.usual
    return (importing(usual, reading), usual) if usual else (trial, sizes)


def _places(importing: Import) -> dict[str, Any]:
    """Return where the batch is in each input."""
    return {name: batch for name, (_, batch) in importing.sizes.inputs.items()}


_ALL = 2**31
"""How many outputs have lost the batch where it is read as nowhere."""
