"""The operations of a framework that layers become.

The kind of an operation is `CLASS|FORWARD`: the class of a module (empty for none), and the expression of its output,
in which `{0}` is its first input, `{*}` are all of them, `{m}` is the module, and `{name}` an argument.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.reasons import reason_of
from shapecalc.exporters.structure.parts import Operation
from shapecalc.layers.base.shape import CHW, HWC

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from shapecalc.exporters.sites import Site
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

    Writer = Callable[[Site], Operation]

__all__ = [
    "Writers",
    "broadcast",
    "call",
    "check_experts",
    "module",
    "moved",
    "operations_of",
    "sliced",
    "with_axes",
    "without_uncounted",
]


def operations_of(
    report: Report,
    sites: Iterable[Site],
    writers: Writers,
    framework: str,
    finish: Callable[[Row, Site, Operation], Operation],
) -> list[Operation]:
    """Return what each layer is in a framework, completed by `finish` with what any layer may have.

    Errors: `UsageError` with the first layer that has no counterpart.
    """
    found = []
    for row, site in zip(report.rows, sites, strict=True):
        try:
            operation = _operation(site, writers.get(site.layer.kind, _refuse))
            found.append(finish(row, site, _cast(site, operation)))
        except NoCounterpartError as error:  # noqa: PERF203  (its row is named)
            message = f"{clean(row.name)} ({row.kind}) cannot be written for {framework}: {error}"
            raise UsageError(Problem(message, row.node.mark)) from None
    return found


def _operation(site: Site, write: Writer) -> Operation:
    """Return what a writer makes of a site: of a sequence with channels last as of a feature map, where it must be."""
    if site.layout != CHW or not site.needs_map:
        return write(site)
    if len(site.inputs) > 1 or len(site.outputs) > 1:
        raise NoCounterpartError("several sequences with channels last")
    return moved(write(site.as_map()), ["0"], back=site.stays_alike(site.outputs[0]))


_CASTS = {CHW: ("{}.float()", "{}.long()"), HWC: ('ops.cast({}, "float32")', 'ops.cast({}, "int32")')}
"""How a tensor is cast to fractions and to whole numbers, by the layout of the framework."""


_PROMOTING = frozenset({"add", "average", "concat", "div", "maximum", "minimum", "mul", "pointwise", "sub"})
"""Kinds that frameworks write for whole numbers, and for both in one."""


def _cast(site: Site, operation: Operation) -> Operation:
    """Return an operation with those of its inputs cast that have another type than it needs."""
    if not site.casts:
        return operation

    def cast(found: re.Match[str]) -> str:
        to_integers = site.casts.get(int(found[1]))
        stays = to_integers is None or (not to_integers and site.layer.kind in _PROMOTING)
        return found[0] if stays else _CASTS[site.layout][bool(to_integers)].format(found[0])

    name, _, forward = operation.kind.partition("|")
    first, *steps = forward.replace("{*}", ", ".join([f"{{{i}}}" for i in range(len(site.inputs))])).split(";")
    first = re.sub(r"\{(\d)\}(?!\.shape\[0\])", cast, first)
    return operation._replace(kind=f"{name}|{';'.join([first, *steps])}")


def moved(operation: Operation, inputs: Collection[str], *, back: bool, to_first: bool = True) -> Operation:
    """Return an operation with the last axis of inputs, by their numbers, as the first behind the batch, and back.

    Without `to_first` it is the other way round.
    """
    there, again = (".movedim(-1, 1)", ".movedim(1, -1)")[:: 1 if to_first else -1]
    text = re.sub(
        r"\{(\d)\}(?!\.shape\[0\])", lambda found: found[0] + there if found[1] in inputs else found[0], operation.kind
    )
    if back:
        name, _, forward = text.partition("|")
        text = f"{name}|({forward}){again}" if re.search(r" [^\s,]+ ", forward) else text + again
    return operation._replace(kind=text)


def without_uncounted(row: Row, _: Site, operation: Operation) -> Operation:
    """Return an operation of a layer whose weights all count. Errors: `NoCounterpartError` for any other."""
    if not row.node.held:
        return operation
    names = ", ".join(sorted(row.node.held))
    raise NoCounterpartError(f"some of its weights ({names}) are constants, or those of another layer")


def _refuse(site: Site) -> Operation:
    raise NoCounterpartError(reason_of(site.layer.kind, "PyTorch" if site.layout == CHW else "Keras"))


class Writers(dict[str, "Writer"]):
    """A table of kinds: how each is written, by functions that return its operation."""

    def of(self, *kinds: str) -> Callable[[Writer], Writer]:
        """Return a decorator that adds a function for kinds."""

        def add(function: Writer) -> Writer:
            self.update(dict.fromkeys(kinds, function))
            return function

        return add


def module(name: str, forward: str = "{m}({0})", **arguments: Any) -> Operation:
    """Return the operation of a module, or of a layer of Keras."""
    return Operation(f"{name}|{forward}", arguments)


def call(forward: str, **arguments: Any) -> Operation:
    """Return the operation of a function."""
    return Operation(f"|{forward}", arguments)


def check_experts(site: Site) -> None:
    """Check that experts are such as the helpers write. Errors: `NoCounterpartError`."""
    site.refuse("limit", "bias", "correction_bias")
    if not site.given["gated"] or site.given["activation"] != "silu":
        raise NoCounterpartError("experts without a gate, or with another activation")


def with_axes(added: int, number: int = 0) -> str:
    """Return an input by its number, with so many axes of size 1 behind the batch."""
    return f"{{{number}}}" + (f"[:{', None' * added}]" if added else "")


def broadcast(site: Site) -> list[str]:
    """Return the inputs of an element-wise kind: those with fewer axes get more behind the batch."""
    most = max(x.rank for x in site.inputs)
    return [with_axes(most - x.rank, number) for number, x in enumerate(site.inputs)]


def sliced(site: Site) -> Operation:
    """Return the operation of a slice, which frameworks write as Python does."""
    given = site.given
    if given["step"] < 0:
        return _sliced_backwards(site)
    axis = site.axis(given["dim"])
    begin, end, step = given["start"], given["end"], given["step"]
    text = f"{'' if begin is None else begin}:{'' if end is None else end}{'' if step == 1 else f':{step}'}"
    return call(f"{{0}}[{':, ' * axis}{text}]")


def _sliced_backwards(site: Site) -> Operation:
    """Return the operation of a slice with a negative step: a flip. Errors: `NoCounterpartError` for a part of it."""
    axis, given = site.axis(site.given["dim"]), site.given
    size = site.size(site.x)[axis - 1]
    if given["step"] != -1 or site.size(site.outputs[0])[axis - 1] != size:
        raise NoCounterpartError("a negative step")
    return call("{0}.flip({dim})" if site.layout == CHW else "ops.flip({0}, axis={dim})", dim=axis)
