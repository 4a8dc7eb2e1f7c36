"""The networks of a path, a name, a text or Python objects: a specification, or the members of a family."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, ShapecalcError, SpecError, UsageError, did_you_mean
from shapecalc.importers import find_import, import_bytes
from shapecalc.language import Specification, read_specification, specification_of
from shapecalc.language.files import (
    MAX_BYTES,
    STDIN,
    Found,
    bundled_folder,
    find_config,
    hint_for_network,
    is_config,
    locate,
    read_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.language.configs import ConfiguredFamily
    from shapecalc.language.document import Reader
    from shapecalc.model.graph import Graph
    from shapecalc.model.origin import Origin
    from shapecalc.source import Value

__all__ = ["Member", "choose", "find_member", "find_members", "find_origin", "find_origins", "read_edited"]

_MOST_LISTED = 6
NOTHING_EDITED: Mapping[str, str] = MappingProxyType({})
_STDIN_NAME = "<stdin>"


class Member(NamedTuple):
    """One network of a specification: itself, or a member of its family; and warnings about how it was found.

    `note` is about a member that was not asked for by name; `config` is what the config of a model says of it.
    """

    specification: Specification
    variant: str = ""
    file: str = ""
    warnings: tuple[Problem, ...] = ()
    note: str = ""
    config: ConfiguredFamily | None = None

    @property
    def name(self) -> str:
        """The name of the specification in errors."""
        return self.specification.name

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these variables and input sizes, and all problems."""
        config = self.config
        settings = {**config.variables, **variables} if config else variables
        graph, problems = self.specification.build(settings, inputs=inputs, variant=self.variant)
        if config:
            graph = graph._replace(
                name=config.name,
                naming=config.naming,
                stored=config.stored,
                stated_context=config.context,
                fields=config.fields,
            )
        if config and config.mark:
            of = (("with the fields of this config:", config.mark),)
            graph = graph._replace(nodes=tuple([node._replace(uses=(*node.uses, *of)) for node in graph.nodes]))
            problems = [problem._replace(also=(*problem.also, *of)) for problem in problems]
        if self.warnings or self.note:
            notes = (self.note, *graph.notes) if self.note else graph.notes
            graph = graph._replace(warnings=(*self.warnings, *graph.warnings), notes=notes)
        return graph, problems

    def reread(self, text: str) -> Member:
        """Return the same member of another text of the specification."""
        reader = _reader(self.file, self.name) if self.file and self.file != STDIN else None
        return self._replace(specification=read_specification(text, self.name, reader))


def find_origin(spec: Any, variant: str = "") -> Origin:
    """Return the origin of a network: what `find_member` finds, or an origin itself; with a `variant`, that of it.

    Errors: as `find_member`; `UsageError` for a variant of what has none.
    """
    if isinstance(spec, Member):
        return choose(spec, variant)
    origin: Origin | None = None
    if isinstance(spec, (str, os.PathLike)) and os.fspath(spec) == STDIN:
        return _read_stdin(variant)
    if isinstance(spec, bytes):
        origin = import_bytes(spec, "<bytes>")
    elif isinstance(spec, str) and "\n" in spec and not os.path.exists(spec):
        origin = import_bytes(spec.encode("utf-8", "replace"), "<text>")
    elif isinstance(spec, (str, os.PathLike)):
        path = os.fspath(spec)
        origin = find_import(path)
        file, _, member = path.rpartition(":")
        if origin is None and file and not os.path.exists(path) and find_import(file):
            raise _no_variant(file, member)
    else:
        from shapecalc.model.origin import is_origin  # no command has one

        origin = spec if is_origin(spec) else None
    if origin is None:
        return find_member(spec, variant)
    if variant:
        raise _no_variant(origin.name, variant)
    return origin


def _read_stdin(variant: str) -> Origin:
    """Return the network of standard input. Errors: `UsageError` for one that is too large."""
    content = read_bytes(STDIN, _STDIN_NAME)
    try:
        origin = import_bytes(content, _STDIN_NAME)
    except SpecError:
        if len(content) <= MAX_BYTES:
            raise
        message = f"standard input has more than {MAX_BYTES // 2**20} MiB, which is as much as is read of a pipe"
        raise UsageError(Problem(message, hint="name the file: then only what is needed of it is read")) from None
    if origin is None:
        return _read(content, Found(STDIN, _STDIN_NAME), variant)
    if variant:
        raise _no_variant(origin.name, variant)
    return origin


def _no_variant(file: str, variant: str) -> UsageError:
    return UsageError(Problem(f"{file} has no variant {variant}", hint=f"variants are of specifications: write {file}"))


def find_origins(spec: str) -> list[Origin]:
    """Return the origins of a path or bare name: all members of a family, or one imported file.

    Errors: as `find_origin`.
    """
    found = find_origin(spec) if spec == STDIN else find_import(spec)
    if isinstance(found, Member):
        return [*_all_of(found, spec)]
    return [found] if found is not None else [*find_members(spec)]


def find_member(spec: Any, variant: str = "") -> Member:
    """Return the network of a path, a bare name, a text, or Python objects; of a family, that of a `variant`.

    Errors: `UsageError` if there is no such file or variant, or the objects have another type.
    """
    if isinstance(spec, str) and "\n" in spec and not os.path.exists(spec):
        return _read(spec, Found("", "<text>"), variant)
    if isinstance(spec, (str, os.PathLike)):
        config = find_config(os.fspath(spec))
        found = Found(config, config) if config else locate(os.fspath(spec))
        return _read(read_bytes(found.path, found.name), found, variant or found.variant)
    if isinstance(spec, bytes):
        return _read(spec, Found("", "<bytes>"), variant)
    if isinstance(spec, (dict, list, tuple)):
        name = "<dict>" if isinstance(spec, dict) else "<layers>"
        return choose(Member(read_specification(spec, name)), variant)
    message = f"a specification is a path, a name, text, a dict or a list of layers, not {type(spec).__name__}"
    raise UsageError(Problem(message, hint=_in_memory(type(spec))))


def _in_memory(cls: type) -> str:
    """Return the hint for a module of PyTorch or a model of Keras; empty for any other object. Neither is imported."""
    roots = {one.__module__.partition(".")[0] for one in cls.__mro__}
    if "keras" in roots or "tf_keras" in roots:
        return "write shapecalc.from_keras(model)"
    return "write shapecalc.from_torch(module, example): it reads a module in memory" if "torch" in roots else ""


def _read(content: str | bytes, found: Found, variant: str) -> Member:
    """Return the network of a content that was found: of a specification, or of the config of a model."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if find_config(found.path) or is_config(raw):
        if variant:
            raise UsageError(Problem(f"{found.name} is the config of a model: it has no variant {variant}"))
        return _configured(raw, found.name)
    is_file = found.path not in ("", STDIN)
    reader = _reader(found.path, found.name) if is_file else None
    member = Member(read_specification(content, found.name, reader), "", found.path, found.instead)
    return choose(member, variant) if variant or not found.path else _by_default(member)


def read_edited(text: str | Value, path: str, name: str, edited: Mapping[str, str] = NOTHING_EDITED) -> Member:
    """Return the network of a text that is edited, or of its value, in place of what its file (if any) contains.

    Of a family it is the default member. `edited` are texts of other files by their real paths, for those that the
    specification uses.
    """
    reader = _reader(path, name, edited) if path else None
    if isinstance(text, str):
        specification = read_specification(text, name, reader)
    else:
        specification = specification_of(text, (), name, reader)
    return _by_default(Member(specification, "", path))


def _configured(content: bytes, name: str) -> Member:
    """Return the network of the config of a model: a bundled family with the variables that the config sets."""
    from shapecalc.language.configs import read_config  # only for the configs of models

    family = read_config(content, name)
    file = os.path.basename(family.path)
    specification = read_specification(read_bytes(family.path), file, _reader(family.path, file))
    return Member(specification, "", family.path, config=family)


def choose(member: Member, variant: str) -> Member:
    """Return the member of a family with this name; the same member for none. Errors: `UsageError` for another name."""
    variants = member.specification.variants
    if not variant or member.specification.document is None:  # what cannot be read is reported as such
        return member
    if variant not in variants:
        hint = did_you_mean(variant, variants, "it has no `variants:`")
        raise UsageError(Problem(f"{member.name} has no variant {variant}", hint=hint))
    return member._replace(variant=variant, note="")


def find_members(spec: str) -> list[Member]:
    """Return every network of a path or bare name: all members, for the file of a family.

    Errors: `UsageError` if there is no such file.
    """
    return _all_of(find_member(spec), spec)


def _all_of(member: Member, spec: str) -> list[Member]:
    specification = member.specification
    if member.config or not specification.variants or locate(spec).variant:
        return [member]
    names = list(specification.variants)
    if specification.document is not None and "expect" in specification.document.keys:
        names.insert(0, "")
    return [member._replace(variant=name, note="") for name in names]


def _by_default(member: Member) -> Member:
    """Return the default member of a family: that of the file's own variables if it has `expect:`, or else the first.

    The first has a note that names it, unless it has the name of its file.
    """
    specification = member.specification
    document = specification.document
    if not specification.variants or document is None or "expect" in document.keys:
        return member
    first, *others = specification.variants
    stem, _ = os.path.splitext(os.path.basename(specification.name))
    note = "" if first == stem else _note_on(first, others, member)
    return member._replace(variant=first, note=note)


def _note_on(first: str, others: list[str], member: Member) -> str:
    """Return the note on the first member of a family, where none was named: how to choose another."""
    is_bundled = os.path.dirname(member.file) == bundled_folder()
    if not others:
        return "" if is_bundled else f"this is {first}, the only variant"
    another, *more = others[: _MOST_LISTED + 1]
    if member.file == STDIN or any(character.isspace() for character in member.name):
        how = f"in a file, as FILE:{another}"
    elif is_bundled:
        how = f"by its name: {another}"
    else:
        how = f"with {member.name}:{another}"
    listed = ", ".join([*more, *(["…"] if len(others) > 1 + len(more) else [])])
    count = f"{len(others) + 1:,}"
    return f"this is {first}, the first of {count} variants: choose another {how}{f' (or {listed})' if more else ''}"


def _reader(path: str, shown: str, edited: Mapping[str, str] = NOTHING_EDITED) -> Reader:
    """Return the reader of the files that a specification uses: only from its own folder and below.

    `shown` is the name of the specification in errors; `edited` are the texts of files that are not saved.
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
            hint = hint_for_network(name) or "its name is relative to the file that uses it"
            return None, [Problem(f"there is no file {name} beside the specification", mark, hint=hint)]
        try:
            content = edited[target] if target in edited else read_bytes(target)
            return read_text(content, os.path.join(os.path.dirname(shown), name))
        except ShapecalcError as error:
            return None, [problem._replace(mark=mark) for problem in error.problems]

    return read
