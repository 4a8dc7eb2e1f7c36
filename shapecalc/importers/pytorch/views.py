"""Operations that work in place, on views too: what `y[:, :3] = x` makes of `y`.

A view shares the elements of the tensor that it is made of. What is written into it is in that tensor afterwards: it is
joined of what stays before it, of what was written, and of what stays after it.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.importers.call import OF_MALFORMED
from shapecalc.importers.frame import FailedError
from shapecalc.importers.pytorch.axes import ORDERS, RESHAPES
from shapecalc.importers.pytorch.operations import AtenCall
from shapecalc.importers.pytorch.program import Ref
from shapecalc.importers.rearranging import cut, joined, permuted
from shapecalc.importers.tensors import Constant, Data, NotCoveredError, on_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping, Sequence

    from shapecalc.importers.pytorch.program import AtenNode
    from shapecalc.importers.tensors import NodePlace

    Tensor = Data | Constant

__all__ = ["Views", "is_view"]

_PARTS = ("slice", "narrow", "select")
_OTHERS = ("unbind", "split", "chunk", "split_with_sizes", "expand", "diagonal", "unfold", "as_strided", "expand_as")
"""Further operations whose outputs are views: how what is written into them is in the whole is not worked out."""
_SAME = ("detach", "alias", "view_as", "lift_fresh")
_VIEWS = frozenset((*RESHAPES, *ORDERS, *_PARTS, *_OTHERS, *_SAME))


def is_view(op: str) -> bool:
    """Return whether what an operation outputs is a view of its first input."""
    return _plain(op) in _VIEWS


class _View(NamedTuple):
    """The name of the tensor that a view is made of, and the call that made it; None for all of that tensor."""

    of: str
    call: AtenCall | None


class Views:
    """Which tensors of a graph are views of others.

    `refs` are the names that each of its nodes uses, `outputs` those of the whole graph.
    """

    def __init__(self, refs: Sequence[Sequence[str]] = (), outputs: Iterable[str] = ()) -> None:
        self._views: dict[str, _View] = {}
        self._uses = Counter(chain.from_iterable(refs))
        self._last = {name: number for number, names in enumerate(refs) for name in names}
        self._last.update(dict.fromkeys(outputs, len(refs)))

    def note(self, call: AtenCall) -> None:
        """Note the outputs of a node that are views of its first input."""
        of = _first(call.node)
        if of and is_view(call.name):
            self._views.update(dict.fromkeys(call.node.outputs, _View(of, call)))

    def write(
        self, number: int, node: AtenNode, place: NodePlace, found: Any, scope: MutableMapping[str, Any],
        opaque: Callable[[str, list[Any], str], Any],
    ) -> list[str]:  # fmt: skip
        """Note what a node that works in place makes of its first input, and of what that is a view of.

        `number` is that of the node: what no later one uses stays as it is.
        `opaque` makes the layer of what is not worked out: the named tensor of others. The names of those that changed
        besides the input are returned.
        """
        name = _first(node)
        seen: list[str] = []
        if name in self._views:
            self._leave_out(self._views[name].call, scope[name], self._uses[name])
        scope[name] = found
        self._views.update(dict.fromkeys(node.outputs, _View(name, None)))
        for view in self._used_after(number, name):
            of, call = view
            whole = scope.get(of)
            if call is not None and isinstance(whole, (Data, Constant)) and isinstance(found, (Data, Constant)):
                arguments = {**call.arguments, next(iter(call.arguments)): whole}
                before = len(call.frame.nodes)
                try:
                    found = _written(AtenCall(call.node, place, arguments, call.frame, call.used), whole, found)
                except (NotCoveredError, LayerError, FailedError, *OF_MALFORMED) as error:
                    call.frame.forget(before)
                    found = opaque(of, [whole, found], str(error))
            scope[of] = found
            seen.append(of)
        return seen

    def _used_after(self, number: int, name: str) -> list[_View]:
        """Return what a tensor is a view of, and that again, up to the last one that is used after a node."""
        found: list[_View] = []
        most = 0
        while name in self._views and len(found) < _DEEPEST:
            found.append(self._views[name])
            name = found[-1].of
            if self._last.get(name, -1) > number:
                most = len(found)
        return found[:most]

    @staticmethod
    def _leave_out(call: AtenCall | None, x: Any, uses: int) -> None:
        """Leave out the layer of a view that was made only to be written into, without being read."""
        if call is None:
            return
        places = call.frame.places
        is_last = isinstance(x, Data) and x.ref.node == len(places) - 1 and uses == 1
        if is_last and call.name in _PARTS:
            own = takewhile(lambda place: place.path == call.place.path, reversed(places))
            call.frame.forget(len(places) - len(list(own)))  # the tensor of the module that it cuts, too


_DEEPEST = 64


def _first(node: AtenNode) -> str:
    first = next(iter(node.arguments.values()), None)
    return first.name if isinstance(first, Ref) else ""


def _plain(name: str) -> str:
    return name.removesuffix("_")


def _written(call: AtenCall, whole: Tensor, part: Tensor) -> Tensor:
    """Return a tensor once a part of it, the view that a call makes of it, is another. Errors: `NotCoveredError`."""
    full, plain = whole.full(call.frame.batch), _plain(call.name)
    if plain in _SAME:
        return part
    if isinstance(whole, Constant) and isinstance(part, Constant) and not part.learned:
        return whole._replace(dims=full, items=None)
    if plain in ORDERS:
        order = ORDERS[plain](call, len(full))
        return permuted(call, call.as_data(part), [order.index(axis) for axis in range(len(full))])
    if plain in RESHAPES:
        return _reshaped(call, part, full)
    if plain not in _PARTS:
        raise NotCoveredError(f"it writes into a view that {call.name} makes")
    axis = call.frame.axis(call.number("dim", 0), len(full))
    if plain == "select":
        start = call.number("index", 0) % full[axis]
        kept = range(start, start + 1)
        part = _reshaped(call, part, on_axis(full, axis, 1))
    else:
        start = call.number("start", 0)
        end = start + call.number("length", 1) if plain == "narrow" else call.get("end", full[axis])
        kept = range(full[axis])[start : end : call.number("step", 1)]
    if kept.step != 1:
        raise NotCoveredError("it writes into every so many elements")
    pieces = [_piece(call, whole, axis, 0, kept.start), part, _piece(call, whole, axis, kept.stop, full[axis])]
    return joined(call, [one for one in pieces if one is not None], axis)


def _reshaped(call: AtenCall, x: Tensor, full: tuple[int, ...]) -> Tensor:
    return x._replace(dims=full) if isinstance(x, Constant) else call.frame.reshape(call.place, x, full)


def _piece(call: AtenCall, whole: Tensor, axis: int, start: int, end: int) -> Tensor | None:
    """Return the part of a tensor that stays as it is; None for none of it."""
    if start >= end:
        return None
    if isinstance(whole, Constant) and not whole.learned:
        return Constant(on_axis(whole.dims, axis, end - start))
    return cut(call, call.as_data(whole), axis, start, end)
