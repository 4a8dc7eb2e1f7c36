"""The order of the steps with the lowest peak of live memory.

The live memory after a set of steps depends only on the set, not on its order: a tensor that overwrites another has the
same size. So an order is a path through the sets, and the best one is the path with the lowest maximum, found by a
best-first search (Dijkstra's algorithm with the maximum instead of the sum). A step that does not raise the maximum of
the path so far, and leaves no more live than before, may always run at once: running it later would lower neither its
cost nor that of others. Beyond a number of sets, a beam search is used instead. Both searches have a limit of steps and
of tensors.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.liveness import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = ["best_order"]

_MOST_SETS = 30_000
_MOST_STEPS = 5_000
"""The maximum number of steps to search: a set of them is an int with a bit for each."""

_MOST_WORK = 300_000
"""The maximum number of tensors that either search looks at: seconds."""

_LONG = 500
"""The number of steps whose sets are ints so long that the limit of tensors is halved (of twice as many: a third)."""

_WIDTH = 24
"""The width of the beam: the number of sets of equal size that are followed, if the work allows it."""


class _State(NamedTuple):
    """A set of steps that are done (as bits): the height of the path to it, what is live, which steps could follow.

    `cost` is the number of tensors to look at to try all of these.
    """

    height: int
    live: int
    done: int
    ready: int
    cost: int


class _Result(NamedTuple):
    height: int
    order: list[int]


def best_order(plan: MemoryPlan, most: int = _MOST_SETS) -> tuple[list[int], bool]:
    """Return the order with the lowest peak, and whether that is proved; at most `most` sets of steps are tried.

    The plan's own order is preferred if it is as good. Errors: `UsageError` for a plan of too many steps.
    """
    if any(step.channel or step.onto for step in plan.steps):
        message = "the best order is not found with depthwise convolutions or residual additions in place"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    given = list(range(len(plan.steps)))
    own = run(plan).peak.live
    if own <= _floor(plan):
        return given, True
    if len(given) > _MOST_STEPS:
        raise UsageError(
            Problem(
                f"the best order is searched among at most {_MOST_STEPS:,} steps, but these are {len(given):,}",
                hint="leave --order best out; or use a part of the network",
            )
        )
    search, work = _Search(plan), _MOST_WORK // (1 + len(given) // _LONG)
    guess = search.beam(work)
    found, is_exact = search.exact(min(own, guess.height), most, work)
    best = found or guess
    return (best.order, is_exact) if best.height < own else (given, is_exact)


def _floor(plan: MemoryPlan) -> int:
    """Return a lower bound of the peak over all orders: what some step reads and writes, or all inputs."""
    floor = sum(storage.size for storage in plan.storages[: plan.inputs])
    for step in plan.steps:
        reads = [plan.storages[storage].size for storage in step.reads]
        writes = sum(plan.storages[storage].size for storage in step.writes)
        saved = writes if step.may_overwrite and len(step.writes) == 1 and writes in reads else 0
        floor = max(floor, sum(reads) + writes - saved)
    return floor


class _Search:
    def __init__(self, plan: MemoryPlan) -> None:
        self.plan = plan
        self.all = (1 << len(plan.steps)) - 1
        self.users = [_bits(storage.users) for storage in plan.storages]
        self.sizes = [storage.size for storage in plan.storages]
        writer = {storage: index for index, step in enumerate(plan.steps) for storage in step.writes}
        self.needs = [_bits(writer[storage] for storage in step.reads if storage in writer) for step in plan.steps]
        self.next = [0] * len(plan.steps)
        for index, step in enumerate(plan.steps):
            for storage in step.reads:
                if storage in writer:
                    self.next[writer[storage]] |= 1 << index

        self.costs = [
            1 + len(step.reads) + followers.bit_count() for step, followers in zip(plan.steps, self.next, strict=True)
        ]

    def start(self) -> _State:
        inputs = range(self.plan.inputs)
        live = sum(self.sizes[i] for i in inputs if self.users[i] or self.plan.storages[i].is_output)
        ready = _bits(index for index, needs in enumerate(self.needs) if not needs)
        return _State(_floor(self.plan), live, 0, ready, sum([self.costs[index] for index in _each(ready)]))

    def after(self, state: _State, index: int) -> _State:
        """Return the state after one more step."""
        step, done = self.plan.steps[index], state.done | 1 << index
        freed, over = 0, 0
        written = sum([self.sizes[storage] for storage in step.writes])
        for storage in step.reads:
            if not self.users[storage] & ~done and not self.plan.storages[storage].is_output:
                freed += self.sizes[storage]
                if step.may_overwrite and len(step.writes) == 1 and self.sizes[storage] == written:
                    over = written
        unread = [s for s in step.writes if not self.users[s] and not self.plan.storages[s].is_output]
        height = max(state.height, state.live + written - over)
        live = state.live + written - freed - sum([self.sizes[storage] for storage in unread])
        ready, cost = state.ready & ~(1 << index), state.cost - self.costs[index]
        for follower in _each(self.next[index]):
            if not self.needs[follower] & ~done:
                ready |= 1 << follower
                cost += self.costs[follower]
        return _State(height, live, done, ready, cost)

    def followers(self, state: _State, most: float = math.inf) -> Iterator[tuple[int, _State]]:
        """Yield the steps that may be best, each with the state after it: only one, if it costs nothing.

        Of many that are ready, at least one is looked at, and no more than `most` tensors.
        """
        found: list[tuple[int, _State]] = []
        for index in _each(state.ready):
            most -= self.costs[index]
            if most < 0 and found:
                break
            new = self.after(state, index)
            if new.height == state.height and new.live <= state.live:
                yield index, new
                return
            found.append((index, new))
        yield from found

    def exact(self, bound: int, most: int, work: float = math.inf) -> tuple[_Result | None, bool]:
        """Return the best order with a peak below `bound`, or None; and whether the search was complete."""
        start = self.start()
        heap = [(start.height, 0, 0, start)]
        came_from: dict[int, tuple[int, int]] = {}
        lowest = {0: start.height}
        tried = count = 0
        while heap:
            height, _, _, state = heapq.heappop(heap)
            if height > lowest[state.done]:
                continue
            if state.done == self.all:
                return _Result(height, _path(came_from, self.all)), True
            tried += 1
            work -= state.cost
            if tried > most or work < 0:
                return None, False
            for index, new in self.followers(state):
                if new.height < min(bound, lowest.get(new.done, bound)):
                    lowest[new.done] = new.height
                    came_from[new.done] = (state.done, index)
                    count += 1
                    heapq.heappush(heap, (new.height, -new.done.bit_count(), count, new))
        return None, True

    def beam(self, work: float = math.inf) -> _Result:
        """Return a good order, from the few best sets of each number of steps; fewer if the sets are large."""
        came_from: dict[int, tuple[int, int]] = {}
        states = [self.start()]
        for number in range(len(self.plan.steps)):
            found: dict[int, tuple[_State, int, int]] = {}
            each, spent = work / (len(self.plan.steps) - number), 0.0  # for sets of this size
            for state in states:
                if spent and spent + state.cost > each:
                    break
                spent += state.cost
                for index, new in self.followers(state, each):
                    if new.done not in found or new.height < found[new.done][0].height:
                        found[new.done] = (new, state.done, index)
            work -= min(spent, each)
            kept = sorted(found.values())[:_WIDTH]
            came_from.update({new.done: (done, index) for new, done, index in kept})
            states = [new for new, _, _ in kept]
        return _Result(states[0].height, _path(came_from, self.all))


def _path(came_from: dict[int, tuple[int, int]], done: int) -> list[int]:
    order = []
    while done:
        done, index = came_from[done]
        order.append(index)
    return order[::-1]


def _bits(numbers: Iterator[int] | frozenset[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def _each(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
