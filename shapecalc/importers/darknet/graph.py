"""From the sections of a cfg to a graph: one after the other, each with the outputs of those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem, did_you_mean
from shapecalc.importers.blocks import graph_of
from shapecalc.importers.call import Guard
from shapecalc.importers.darknet.calls import SectionCall, SectionOutput, UnknownSizeError, find_section
from shapecalc.importers.darknet.cfg import LARGEST, SIZES, OptionError
from shapecalc.importers.frame import FailedError, Frame
from shapecalc.importers.inputs import ValueInfo, input_tensors
from shapecalc.importers.tensors import LOST, NodePlace, Unsized
from shapecalc.importers.understanding import LAYER, Understanding
from shapecalc.model.graph import Graph, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.importers.darknet.cfg import Cfg, CfgSection, Option
    from shapecalc.layers.base.shape import Shape

__all__ = ["CfgImport"]

_INPUT = "input"
_MULTIPLE = 32
_YOLO = ("yolo", "region", "detection")


class CfgImport:
    """One import of a file, with the size of its input."""

    def __init__(self, cfg: Cfg, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> None:
        self.cfg = cfg
        self.problems: list[Problem] = []
        self.frame = Frame(cfg.source.name)
        self.understanding = Understanding("section", has_arithmetic=False)
        self.warnings = self.understanding.warnings
        self.warnings += cfg.warnings
        self.unused: dict[tuple[str, str], tuple[Option, int, set[str]]] = {}
        self.outputs: list[SectionOutput | Unsized] = []
        self.heads: list[int] = []
        self.shape = self._input_shape(variables, inputs)

    def graph(self) -> tuple[Graph, list[Problem]]:
        """Return the graph, and the problems that keep it from being built."""
        cfg = self.cfg
        if not cfg.sections and not self.problems:
            self.problems.append(Problem(f"{cfg.source.name} has no layer: there is no section after [net]"))
        if self.shape is not None:
            data = self.frame.add_input(_INPUT, self.shape, LOST)
            self._run(SectionOutput(data, len(self.shape.sizes) == 3))
        self.warnings += self._unused()
        graph = graph_of(
            self.frame, cfg.source.name, self._results(), notes=self._notes(), warnings=tuple(self.warnings.listed())
        )
        return graph, self.problems

    # The input.

    def _input_shape(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> Shape | None:
        """Return the size of the input: as given, or as [net] states it; None for a problem."""
        try:
            stated = self._stated()
        except OptionError as error:
            self.problems.append(error.at(error.mark or self.cfg.net.mark, "[net]"))
            return None
        infos = [ValueInfo(_INPUT, stated)]
        found = input_tensors(infos, {_INPUT: -1}, variables, inputs, self.problems, self.cfg.source.name).inputs
        return found[_INPUT][0] if _INPUT in found else None

    def _stated(self) -> tuple[int, ...]:
        """Return the size that [net] states: that of an image, or the length of a list. Errors: `OptionError`."""
        options = self.cfg.net.options
        sizes = {name: options[name].number() for name in SIZES if name in options}
        for name, size in sizes.items():
            if not 0 <= size < LARGEST:
                raise OptionError(f"{name} is {size}: no size is", options[name].mark)
        image = tuple(sizes.get(name, 0) for name in ("channels", "height", "width"))
        if all(image):
            return image
        if sizes.get("inputs"):
            return (sizes["inputs"],)
        missing = [name for name, size in zip(("channels", "height", "width"), image, strict=True) if not size]
        message = (
            f"it does not state the size of the input: {' and '.join(missing)} {'is' if missing[1:] == [] else 'are'}"
        )
        raise OptionError(f"{message} missing or 0", hint="write width=416, height=416 and channels=3, or inputs=256")

    # The sections.

    def _run(self, before: SectionOutput | Unsized) -> None:
        """Work through the sections."""
        previous: CfgSection | None = None
        for section in self.cfg.sections:
            start = len(self.frame.nodes)
            before = self._result(section, before, previous)
            self.outputs.append(before)
            self.understanding.counts[self.understanding.sort_of(self.frame.nodes[start:], [before], LAYER)] += 1
            previous = section
        self._check_multiple()

    def _result(
        self, section: CfgSection, before: SectionOutput | Unsized, previous: CfgSection | None
    ) -> SectionOutput | Unsized:
        """Return the output of a section, or the node that stands for it where it could not be read."""
        place = NodePlace(f"[{section.type}]", (), f"{len(self.outputs)}_{section.type}", section.mark)
        refs = [before.data.ref if isinstance(before, SectionOutput) else before.ref]
        start = len(self.frame.nodes)
        try:
            section.check()
            kind = find_section(section.type)
            call = SectionCall(section, kind, self.outputs, before, self.frame, previous)
            place = call.place
            with Guard(f"[{section.type}]"):
                found = kind.function(call)
        except FailedError as error:
            return Unsized(Reference(error.index))
        except UnknownSizeError as error:
            refs, problem = [error.tensor.ref], LayerError("the size of its input is not known")
        except LayerError as error:
            mark = getattr(error, "mark", None)
            place, problem = place._replace(mark=mark or section.mark), error
        else:
            self._note(call)
            return found
        self.frame.forget(start)
        return self.frame.unresolved(place, section.type, refs, problem)

    def _note(self, call: SectionCall) -> None:
        """Take over what a section says of itself."""
        self.warnings += call.warnings
        self.understanding.agreeing += call.agreeing
        if call.kind.is_head:
            self.heads.append(call.index)
        for option in call.unused():
            first, count, known = self.unused.get((call.kind.name, option.name), (option, 0, call.known))
            self.unused[call.kind.name, option.name] = (first, count + 1, known)

    def _unused(self) -> Iterator[Problem]:
        """Yield the warnings on options that darknet does not know: each once, at its first line."""
        for (kind, name), (first, count, known) in self.unused.items():
            message = f"darknet has no option {name[:40]} here, and ignores it"
            hint = did_you_mean(name[:40], known, lists=False)
            yield Problem(message, first.mark, f"[{kind}]", hint=hint, copies=count)

    def _check_multiple(self) -> None:
        """Warn of an image that a detector of YOLO does not divide evenly, as darknet does."""
        assert self.shape is not None
        sizes = self.shape.sizes[1:]
        last = self.cfg.sections[-1].type if self.cfg.sections else ""
        if last in _YOLO and any(size % _MULTIPLE for size in sizes):
            height, width = sizes or (1, 1)
            message = f"width {width} and height {height} are not both multiples of {_MULTIPLE}, as YOLO needs"
            self.warnings.append(Problem(message, self.cfg.net.mark, "[net]"))

    def _results(self) -> tuple[Reference, ...]:
        """Return the outputs of the network: those of its detectors, and of the last section."""
        found = [self.outputs[index] for index in dict.fromkeys([*self.heads, len(self.outputs) - 1]) if self.outputs]
        return tuple([x.data.ref if isinstance(x, SectionOutput) else x.ref for x in found])

    def _notes(self) -> tuple[str, ...]:
        notes = [self.understanding.note(with_stated=self.understanding.agreeing > 0)]
        steps = self.cfg.net.options.get("time_steps")
        if steps and steps.text.isdecimal() and int(steps.text) > 1:
            notes.append(f"sizes and MACs are of one of its {int(steps.text):,} time steps")
        return tuple(notes)
