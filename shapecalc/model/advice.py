"""What input would do where a network's does not: the smallest that fits, and the layout that was perhaps meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Hint
from shapecalc.layers.base.ranks import extent, names_of_axes
from shapecalc.layers.base.shape import CHW, HWC
from shapecalc.model.inference import sizings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph

__all__ = ["advised", "layout_doubt", "smallest_input"]

_MOST_NODES = 5_000
_MOST_WORK = 100_000  # nodes sized, over all trials: about a second
_MOST_TRIALS = 60
_MOST_DOUBLINGS = 22

_IMAGE_CHANNELS = (1, 3, 4)
_LEAST_IMAGE = 16


def advised(graph: Graph, problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that sizing a network met, with what its input could be for them not to arise."""
    doubt = layout_doubt(graph)
    if doubt:
        first, *others = problems
        return [first._replace(mend="\n".join(filter(None, (first.mend, doubt)))), *others]
    advice = smallest_input(graph) if any(problem.too_small for problem in problems) else ""
    return [_with_advice(problem, advice) if advice and problem.too_small else problem for problem in problems]


def _with_advice(problem: Problem, advice: str) -> Problem:
    return problem._replace(mend=Hint(lambda: "; ".join(filter(None, (problem.mend, advice)))))


def layout_doubt(graph: Graph) -> str:
    """Return a doubt whether the channels of an image stand where the layout says: nothing where there is none."""
    for shape in graph.inputs.values():
        if shape.rank != 3:
            continue
        odd, *others = shape.sizes if shape.channels_last else shape.sizes[::-1]
        if odd in _IMAGE_CHANNELS and min(others) >= _LEAST_IMAGE:
            if shape.channels_last:
                read, layout, place = "height × width × channels", CHW, "first"
            else:
                read, layout, place = "channels × height × width", HWC, "last"
            return f"sizes are read as {read} here: write layout: {layout} if the channels stand {place}"
    return ""


def smallest_input(graph: Graph) -> str:
    """Return in words how large the one input must be for the network to fit, as `…the smallest input is 259×259`.

    A square input stays one; of any other, the axes that are long enough keep their length. Nothing is returned where
    nothing was found in bounded time, or where larger does not help.
    """
    maps = [name for name, shape in graph.inputs.items() if shape.rank > 1]
    if len(maps) != 1 or len(graph.nodes) > _MOST_NODES:
        return ""
    start = graph.inputs[maps[0]].spatial
    try:
        sizes = _Trials(graph, maps[0]).smallest()
    except _TooMuchError:
        return ""
    if not sizes:
        return ""
    if len(set(start)) == 1:
        return f"with this stack the smallest input that works is {'×'.join(map(str, sizes))}"
    words = [extent(size, name) for name, size in zip(names_of_axes(len(sizes)), sizes, strict=True)]
    longer = [word for word, size, old in zip(words, sizes, start, strict=True) if size > old]
    return f"with this stack the input must be at least {' and '.join(longer)}"


class _TooMuchError(Exception):
    """The work that the question is worth has been done."""


class _Trials:
    """A network tried with other sizes of an input."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name
        self.shape: Shape = graph.inputs[name]
        self.left = min(_MOST_TRIALS, _MOST_WORK // max(1, len(graph.nodes)))

    def problems(self, spatial: Sequence[int]) -> list[Problem]:
        """Return what is wrong with the network for an input of these spatial sizes."""
        self.left -= 1
        if self.left < 0:
            raise _TooMuchError
        sizes = (*spatial, self.shape.channels) if self.shape.channels_last else (self.shape.channels, *spatial)
        inputs = {**self.graph.inputs, self.name: self.shape._replace(sizes=sizes)}
        return sizings_of(self.graph._replace(inputs=inputs))[1]

    def is_large_enough(self, spatial: Sequence[int]) -> bool:
        """Tell whether no window is longer than what it is laid on: once so, it is so for all larger inputs."""
        return not any(problem.too_small for problem in self.problems(spatial))

    def smallest(self) -> tuple[int, ...]:
        """Return the smallest spatial sizes with which nothing is wrong; nothing where none were found."""
        start = self.shape.spatial
        large = start
        for _ in range(_MOST_DOUBLINGS):
            large = tuple(2 * size for size in large)
            if self.is_large_enough(large):
                break
        else:
            return ()
        if len(set(start)) == 1:
            size = self._bisected(large[0] // 2, large[0], lambda size: (size,) * len(start))
            while self.problems((size,) * len(start)):  # large enough, but branches may not meet
                size += 1
            return (size,) * len(start)
        for axis in range(len(start)):
            large = self._shortened(large, axis, start[axis])
        return () if self.problems(large) else large

    def _shortened(self, large: tuple[int, ...], axis: int, least: int) -> tuple[int, ...]:
        """Return sizes that are large enough with one axis as short as it may be, but no shorter than it was."""

        def with_size(size: int) -> tuple[int, ...]:
            return (*large[:axis], size, *large[axis + 1 :])

        is_enough = self.is_large_enough(with_size(least))
        return with_size(least if is_enough else self._bisected(least, large[axis], with_size))

    def _bisected(self, low: int, high: int, sizes: Callable[[int], tuple[int, ...]]) -> int:
        """Return the least number that makes sizes large enough, between one that does not and one that does."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.is_large_enough(sizes(middle)) else (middle, high)
        return high
