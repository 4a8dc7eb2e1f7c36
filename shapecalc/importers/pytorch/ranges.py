"""For which sizes of its inputs, and values of its dynamic dimensions, a program was exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Problem
from shapecalc.importers.dimensions import size_of, symbols_of
from shapecalc.importers.inputs import called, shown_dims
from shapecalc.importers.tensors import sizes_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shapecalc.importers.inputs import InputSizes, ValueInfo

__all__ = ["HINT", "exported_for", "hint_on_sizes", "wrong_sizes"]

HINT = "dynamic_shapes of torch.export allow other sizes"


def hint_on_sizes(stated: Iterable[Sequence[int | str]], axes: Iterable[int]) -> str:
    """Return how to export a program for other sizes of its inputs; empty where it was exported for several.

    `stated` are their sizes, `axes` those of the batch. Features, and the channels of a map, stay as they are.
    """
    free = []
    for dims, batch in zip(stated, axes, strict=True):
        others = [axis for axis in range(len(dims)) if axis != max(batch, 0)]
        if any(isinstance(dims[axis], str) for axis in others):
            return ""
        free.append(others[1:] if len(dims) > 3 else others[: len(dims) - 2] or others)
    shapes = ["{" + ", ".join(f"{axis}: AUTO" for axis in one) + "}" for one in free]
    return (
        "it was exported for the sizes of its example alone. For others, with AUTO = torch.export.Dim.AUTO: "
        f"torch.export.export(module, examples, dynamic_shapes=({', '.join(shapes)}{',' * (len(shapes) == 1)}))"
    )


def exported_for(infos: Iterable[ValueInfo], axes: Mapping[str, int], sizes: InputSizes) -> str:
    """Return the note on inputs with other sizes than those that the program was exported for; empty for none.

    The graph is that of the export: what `forward` computed of such a size is written in it as a number.
    """
    own = []
    for info in infos:
        dims = [size for axis, size in enumerate(info.dims or ()) if axis != axes[info.name]]
        shape = sizes.inputs[info.name][0].sizes if info.name in sizes.inputs else ()
        if any(size_of(a, sizes.variables) != b for a, b in zip(dims, shape, strict=False)):
            own.append(f"{info.name} = {sizes_text(dims)}")
    if not own:
        return ""
    return (
        f"exported for {', '.join(own)} alone, and not run by PyTorch at other sizes: what forward computed of them, "
        f"as the sizes of a reshape, is still that of the export. {HINT}"
    )


def _axis_of(key: str, infos: Iterable[ValueInfo]) -> tuple[str, ...]:
    """Return which axis of an input a dimension is, or follows from: the first one."""
    every = [(info, axis, size) for info in infos for axis, size in enumerate(info.dims or ()) if isinstance(size, str)]
    found = next((one for one in every if key == one[2] or key in symbols_of(one[2])), None)
    if found is None:
        return ()
    info, axis, size = found
    return (f"axis {axis} of {called(info.name)} is {size.replace('*', '·')}: it is {shown_dims(info.dims or ())}",)


def wrong_sizes(
    name: str, infos: Iterable[ValueInfo], ranges: Mapping[str, tuple[int | None, int | None]], known: Mapping[str, int]
) -> list[Problem]:
    """Return the problems of values of dimensions that the program of this name was not exported for.

    An expression, as `4*s39`, has a value of its own if its variable has none for it, or another one.
    """
    found = []
    for key, value in known.items():
        least, most = ranges.get(key, (None, None))
        if symbols_of(key) != (key,):
            others = " and ".join(f"{one} = {known[one]}" for one in symbols_of(key) if one in known)
            span = key.replace("*", "·") + (f" with {others}" if others else "")
            found.append(Problem(f"{name} was exported for {span}, not {value}", why=_axis_of(key, infos)))
        elif (least is not None and value < least and least > 2) or (most is not None and value > most):
            span = f"at least {least}" if most is None else f"from {least or 1} to {most}"
            found.append(Problem(f"{name} was exported for {key} {span}, not {value}", why=_axis_of(key, infos)))
    return found
