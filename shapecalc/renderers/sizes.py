"""Legal and exact input sizes as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import join_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.sizes import AxisSizes, LegalSizes

__all__ = ["draw_sizes"]

_LAYERS = 3


def draw_sizes(answer: LegalSizes) -> str:
    """Return which input sizes a network takes, axis by axis."""
    lines = [answer.name or "the network"]
    for entry in answer.axes:
        lines += ["", _heading(entry, named=len(answer.axes) > 1), *_body(entry)]
    return join_lines([*lines, "", _footer(answer)])


def _heading(entry: AxisSizes, *, named: bool) -> str:
    axes = " and ".join(entry.axes)
    if len(entry.axes) > 1:
        axes += ", always equal" if entry.together else ", each"
    of = f" of {' and '.join(entry.inputs)}" if named or len(entry.inputs) > 1 else ""
    return f"{axes}{of}" + (", always equal" if len(entry.inputs) > 1 else "")


def _body(entry: AxisSizes) -> Iterator[str]:
    yield f"  legal     {entry.legal.text()}"
    if not entry.legal.smallest:
        return
    yield f"  smallest  {entry.legal.smallest:,}"
    same = entry.exact._replace(searched=entry.legal.searched) == entry.legal
    yield f"  exact     {'all of them' if same else entry.exact.text()}"
    for size in dict.fromkeys(entry.given):
        first, *rest = _verdict(entry, size)
        yield f"  here      {first}"
        yield from (f"            {line}" for line in rest)


def _verdict(entry: AxisSizes, size: int) -> list[str]:
    """Say of the size as it is given what it is, and which are the nearest that are better."""
    if size not in entry.legal:
        return [f"{size:,} is not legal: {_nearest(entry.legal.nearest(size))}"]
    if size in entry.exact:
        return [f"{size:,} is legal and exact"]
    more = len(entry.rounded) - _LAYERS
    layers = ", ".join(entry.rounded[:_LAYERS]) + (f" and {more} more" if more > 0 else "")
    told = [f"{size:,} is legal, but not exact: it is rounded at", layers or "a merge"]
    near = entry.exact.nearest(size)
    return [*told, _nearest(near)] if near else told


def _nearest(sizes: Sequence[int]) -> str:
    told = " and ".join(f"{size:,}" for size in sizes)
    return f"the nearest {'is' if len(sizes) == 1 else 'are'} {told}"


def _footer(answer: LegalSizes) -> str:
    if not answer.axes:
        return "no input has an axis whose size could change"
    searched = max((entry.legal.searched for entry in answer.axes), default=0)
    return f"every size to {searched:,} tried; inference agrees at {answer.verified} sizes chosen there and beyond"
