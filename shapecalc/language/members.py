"""The networks of a path, a name, a text or Python objects: a specification, or the members of a family."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, ShapecalcError, UsageError
from shapecalc.language import Specification, read_specification
from shapecalc.language.configs import find_config, read_config
from shapecalc.language.files import locate, read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.language.document import Reader
    from shapecalc.model.graph import Graph
    from shapecalc.source import Value

__all__ = ["Member", "find_member", "find_members"]


class Member(NamedTuple):
    """One network of a specification: itself, or a member of its family; and warnings about how it was found.

    `settings` are variables that were read from the config of a model, `title` is its name.
    """

    specification: Specification
    variant: str = ""
    file: str = ""
    warnings: tuple[Problem, ...] = ()
    settings: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    title: str = ""

    @property
    def name(self) -> str:
        """The name of the specification in errors."""
        return self.specification.name

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these variables and input sizes, and all problems."""
        graph, problems = self.specification.build({**self.settings, **variables}, inputs=inputs, variant=self.variant)
        graph = graph._replace(name=self.title) if self.title else graph
        return graph._replace(warnings=(*self.warnings, *graph.warnings)) if self.warnings else graph, problems

    def reread(self, text: str) -> Member:
        """Return the same member of another text of the specification."""
        reader = _reader(self.file, self.name) if self.file and self.file != "-" else None
        return self._replace(specification=read_specification(text, self.name, reader))


def find_member(spec: Any) -> Member:
    """Return the network of a path, a bare name, a text, or Python objects.

    Errors: `UsageError` if there is no such file, or the objects have another type.
    """
    if isinstance(spec, str) and "\n" in spec and not os.path.exists(spec):
        return Member(read_specification(spec, "<text>"))
    if isinstance(spec, (str, os.PathLike)):
        config = find_config(os.fspath(spec))
        if config:
            family = read_config(config)
            name = os.path.basename(family.path)
            specification = read_specification(read_bytes(family.path), name, _reader(family.path, name))
            return Member(specification, "", family.path, settings=family.variables, title=family.name)
        found = locate(os.fspath(spec))
        reader = None if found.path == "-" else _reader(found.path, found.name)
        specification = read_specification(read_bytes(found.path, found.name), found.name, reader)
        variant = found.variant
        if not variant and specification.variants:
            variant = _default_variant(specification)
        return Member(specification, variant, found.path, found.instead)
    if isinstance(spec, bytes):
        return Member(read_specification(spec, "<bytes>"))
    if isinstance(spec, (dict, list, tuple)):
        return Member(read_specification(spec, "<layers>" if not isinstance(spec, dict) else "<dict>"))
    raise UsageError(f"a specification is a path, a name, text, a dict or a list of layers, not {type(spec).__name__}")


def find_members(spec: str) -> list[Member]:
    """Return every network of a path or bare name: all members, for the file of a family.

    Errors: `UsageError` if there is no such file.
    """
    if find_config(spec):
        return [find_member(spec)]
    variant = locate(spec).variant
    member = find_member(spec)
    specification = member.specification
    if variant or not specification.variants:
        return [member]
    names = list(specification.variants)
    if specification.document is not None and "expect" in specification.document.keys:
        names.insert(0, "")
    return [member._replace(variant=name) for name in names]


def _default_variant(specification: Specification) -> str:
    """Return the default member of a family: that of the file's own variables, or else the first."""
    document = specification.document
    return "" if document is None or "expect" in document.keys else specification.variants[0]


def _reader(path: str, shown: str) -> Reader:
    """Return the reader of the files that a specification uses: only from its own folder and below.

    `shown` is the name of the specification in errors.
    """
    root = os.path.realpath(os.path.dirname(os.path.abspath(path)))

    def read(name: str, mark: Mark) -> tuple[Value | None, list[Problem]]:
        from shapecalc.source import read_text

        try:
            target = os.path.realpath(os.path.join(root, name))
            is_inside = os.path.commonpath((root, target)) == root
            is_file = os.path.isfile(target)
        except (OSError, ValueError):  # a name that no file can have
            is_inside, is_file = True, False
        if not is_inside:
            hint = "a file is used from the specification's own folder, or one below it"
            return None, [Problem(f"{name} is outside the folder of the specification", mark, hint=hint)]
        if not is_file:
            hint = "its name is relative to the file that uses it"
            return None, [Problem(f"there is no file {name} beside the specification", mark, hint=hint)]
        try:
            return read_text(read_bytes(target), os.path.join(os.path.dirname(shown), name))
        except ShapecalcError as error:
            return None, [problem._replace(mark=mark) for problem in error.problems]

    return read
