"""Exporters: a report to PyTorch and Keras source, ONNX and other formats. One module a format, loaded when it is used.

The module of a format has `write(report, depth, reread)`, which returns the text of the file, or its bytes. `depth` is
how deep blocks are expanded (None: all), in a format with `has_depth`; `reread` returns the report of the text of a
specification, for a format that checks what it wrote. Errors of these: `UsageError` for a network that the format
cannot express.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report

__all__ = ["FORMATS", "check_name", "convert", "format_of_file", "lost_widths"]


class _Format(NamedTuple):
    """A format: its module, what it is in one line, the ends of the names of its files, and whether blocks collapse.

    `pruned` is what it leaves out: nothing; `layers` that no output depends on; or `measures` too, as losses. One that
    `keeps_unused` has such layers where they have parameters; in others an output has to depend on a layer.
    """

    module: str
    doc: str
    suffixes: tuple[str, ...]
    has_depth: bool = False
    pruned: str = ""
    keeps_unused: bool = False


FORMATS = {
    "yaml": _Format("yaml", "a specification of shapecalc, with blocks and repeats found again", (".yaml", ".yml"),
                    pruned="layers"),
    "pytorch": _Format("pytorch", "source of a PyTorch module, with blocks as classes", (".py",), pruned="measures",
                       keeps_unused=True),
    "keras": _Format("keras", "source of a Keras model, of the functional API, with blocks as functions", (),
                     pruned="measures"),
    "onnx": _Format("onnx", "a model for onnxruntime and Netron, without weights", (".onnx",), pruned="measures",
                    keeps_unused=True),
    "dot": _Format("dot", "a graph for Graphviz, with blocks as clusters", (".dot", ".gv"), has_depth=True),
    "mermaid": _Format("mermaid", "a flowchart for Mermaid, with blocks as subgraphs",
                       (".mmd", ".mermaid"), has_depth=True),
    "scalesim": _Format("scalesim", "SCALE-Sim's table of layers, with padding as a part of the input", (".csv",)),
    "timeloop": _Format("timeloop", "Timeloop's problems, one document per layer, with padding as a part of the input",
                        (".timeloop.yaml", ".timeloop.yml")),
}  # fmt: skip
"""The formats by name; the first suffix of each is the usual one."""
_SOURCE = "pytorch"
"""The format whose suffixes a format without any uses: it is source too."""
_OF_KERAS = (".keras", ".h5", ".hdf5")
_OF_PYTORCH = (".pt", ".pth", ".pt2", ".pkl")


def convert(
    report: Report, to: str, depth: int | str | None = None, reread: Callable[[str], Report] | None = None
) -> str | bytes:
    """Return a network in a format, as the text of a file, or its bytes.

    Errors: `UsageError` for an unknown format, for a `depth` in one without, and for a network that it cannot express.
    """
    found = FORMATS.get(to) if isinstance(to, str) else None
    if found is None:
        hint = did_you_mean(to, FORMATS) if isinstance(to, str) else f"the formats are {', '.join(FORMATS)}"
        raise UsageError(Problem(f"there is no format {clean(str(to))} to convert to", hint=hint))
    if depth is not None and not found.has_depth:
        with_depth = " and ".join(name for name, one in FORMATS.items() if one.has_depth)
        raise UsageError(Problem(f"{to} has no depth: it has all blocks", hint=f"{with_depth} collapse blocks"))
    note = ""
    if found.pruned:
        from shapecalc.exporters.pruning import pruned  # pictures and tables have all layers

        report, note = pruned(report, measures=found.pruned == "measures", keeps_unused=found.keeps_unused)
    written: str | bytes = import_module(f"shapecalc.exporters.{found.module}").write(report, depth, reread)
    return f"# {note}\n{written}" if note and isinstance(written, str) else written


def lost_widths(graph: Graph, to: str) -> Problem | None:
    """Return a warning where weights are quantised: no format of networks says how wide they are stored."""
    how = graph.stored.quantised if graph.stored else ""
    if not how or not FORMATS[to].pruned:
        return None
    message = (
        f"weights of {clean(graph.name)} are quantised ({how}): {to} does not keep that, and has them in full width"
    )
    hint = "sizes, parameters and MACs are the same; for its memory, read the file itself, or give --weights"
    return Problem(message, hint=hint)


def _named_by(name: str) -> str:
    """Return the format that the name of a file ends with; empty for any other name."""
    lower = name.lower()
    ends = {end: to for to, one in FORMATS.items() for end in one.suffixes if lower.endswith(end)}
    return ends[max(ends, key=len)] if ends else ""


def _check_binary(name: str) -> None:
    """Check that the name of a file is not that of a model with its weights. Errors: `UsageError`."""
    suffix = os.path.splitext(name)[1]
    if suffix.lower() in _OF_KERAS:
        message = f"{clean(name)}: Keras writes {suffix}, with the weights of the model"
        raise UsageError(Problem(message, hint=f"for its source, write --to keras -o {clean(name)[: -len(suffix)]}.py"))
    if suffix.lower() in _OF_PYTORCH:
        message = f"{clean(name)}: PyTorch is written as source, without weights, not as {suffix}"
        raise UsageError(Problem(message, hint=f"write -o {clean(name)[: -len(suffix)]}.py"))


def check_name(name: str, to: str) -> None:
    """Check that the name of a file is not that of another format. Errors: `UsageError`."""
    _check_binary(name)
    suffixes, named = FORMATS[to].suffixes or FORMATS[_SOURCE].suffixes, _named_by(name)
    if named and not name.lower().endswith(tuple([f".{one.rpartition('.')[2]}" for one in suffixes])):
        message = f"{clean(name)} is the name of another format ({named}) than {to}"
        raise UsageError(Problem(message, hint=f"name it {suffixes[0]}, or write --to {named}"))


def format_of_file(name: str) -> str:
    """Return the format that the name of a file ends with. Errors: `UsageError` for any other name."""
    found = _named_by(name)
    if found:
        return found
    _check_binary(name)
    suffix = os.path.splitext(name)[1]
    message = f"no format has the suffix {suffix}" if suffix else "the name has no suffix"
    own = [one.suffixes[0] for one in FORMATS.values() if one.suffixes]
    hint = f"name it {', '.join(own[:-1])} or {own[-1]}, or choose with --to"
    raise UsageError(Problem(f"{clean(name)}: {clean(message)}", hint=hint))
