"""Shell completion: specifications (bundled names and files), layers, variables, kinds, and the words of options."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from shapecalc.cli.bash import as_typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import click

    from shapecalc.network import Network
    from shapecalc.questions.sweep.plan import SweepPlan

    _Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

__all__: list[str] = []  # complete_*, which `options.completed` finds by name

_ENDINGS = (".yaml", ".yml")
_CHECKPOINTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".index.json")


def _items(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(as_typed(word)) for word in dict.fromkeys(words) if word.startswith(incomplete)]


def _word_completer(
    words_of: Callable[[click.Context], Iterable[str]], signs: str = "", *, several: bool = True, once: bool = False
) -> _Completer:
    """Return a function that completes one word, or `several` with commas.

    Each may have one of the signs before it; the first word alone where it has it `once`.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        head, comma, _ = incomplete.rpartition(",") if several else ("", "", "")
        before = [word.strip().lstrip(signs) for word in head.split(",")]
        own = "" if once and comma else signs
        words = [word for word in _offered(words_of, ctx) if word not in before]
        return _items([f"{head}{comma}{sign}{word}" for sign in ("", *own) for word in words], incomplete)

    return complete


def _offered(words_of: Callable[[Any], Iterable[str]], asked: Any) -> list[str]:
    """Return words; none where the specification is wrong, or what they are about is not installed."""
    from shapecalc.errors import ShapecalcError

    try:
        return list(words_of(asked))
    except (ShapecalcError, ImportError):
        return []


def complete_among(words: Iterable[str]) -> _Completer:
    """Return a function that completes one of these words."""
    listed = tuple(words)
    return _word_completer(lambda _: listed, several=False)


def complete_bundled(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the bundled networks that start with the word."""
    from shapecalc.language.files import bundled_members  # needed for completion only

    return _items([name for _, name in bundled_members()], incomplete)


def complete_specs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the bundled networks, YAML files and folders that start with the word, and the variants of one file."""
    bundled, found = complete_bundled(ctx, param, incomplete), list(_files(incomplete))
    if not bundled and len(found) == 1 and found[0].endswith(os.sep):  # else the shell would end the word there
        found += _files(found[0])
    file, colon, _ = incomplete.rpartition(":")
    if not colon and len(found) == 1:
        file = found[0]
    return [*bundled, *_items([*found, *_offered(_variants, file)], incomplete)]


def _variants(file: str) -> Iterable[str]:
    """Yield `FILE:VARIANT` for every member of the family that a file describes."""
    if os.path.isfile(file):
        from shapecalc.language.members import find_member

        for variant in find_member(file).specification.variants:
            yield f"{file}:{variant}"


def complete_checkpoints(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the files of weights, and the folders, that start with the word."""
    return _items(_files(incomplete, _CHECKPOINTS), incomplete)


def _files(incomplete: str, endings: tuple[str, ...] = _ENDINGS) -> Iterable[str]:
    """Yield the YAML files and folders that start with the word; hidden ones only if it starts with a dot."""
    folder, start = os.path.split(incomplete)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    for name, is_folder in found:
        if "\n" not in name and name.startswith(start) and (start or not name.startswith(".")):
            path = os.path.join(folder, name)
            if is_folder:
                yield f"{path}{os.sep}"
            elif name.endswith(endings):
                yield path


def _of_network(
    words_of: Callable[[Network], Iterable[str]],
) -> _Completer:
    """Return a function that completes words of the network that the command is about."""
    return _word_completer(lambda ctx: words_of(_network_of(ctx)), several=False)


def _network_of(ctx: click.Context) -> Network:
    """Return the network that the command is about. Errors: `ShapecalcError`, also where none is named yet."""
    from shapecalc.network import load

    return load(_spec_of(ctx))


def _spec_of(ctx: click.Context) -> str:
    """Return the specification that the command names. Errors: `UsageError` where it names none yet."""
    from shapecalc.errors import UsageError

    spec = next(filter(None, map(ctx.params.get, ("spec", "target", "first", "against"))), None)
    # `args` while an option is being typed
    spec = spec or next(iter(ctx.params.get("specs") or ctx.args), None)
    if not spec or spec == "-":
        raise UsageError("no network is named")
    return str(spec)


def _layers(network: Network) -> Sequence[str]:
    graph = network.graph
    return [*[node.name for node in graph.nodes], *[block.name for block in graph.blocks]]


def _settings(network: Network) -> Sequence[str]:
    return [f"{name}={_shown(value)}" for name, value in network.graph.variables.items()]


complete_layers = _of_network(_layers)
complete_settings = _of_network(_settings)


def _shown(value: Any) -> str:
    """Return the value of a variable, to be edited; empty if it would need quotes in the shell."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if text.replace("_", "").replace(".", "").replace("-", "").isalnum() else ""


def complete_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the kinds of layer that start with the word."""
    from shapecalc.layers import KINDS  # it loads every family

    return _items(KINDS, incomplete)


def complete_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the kinds of layer and the specifications that start with the word."""
    return [*complete_kinds(ctx, param, incomplete), *complete_specs(ctx, param, incomplete)]


def _kinds_there(network: Network) -> list[str]:
    """Return the kinds of layers and of blocks in a network."""
    graph = network.graph
    return [*dict.fromkeys([*[node.kind for node in graph.nodes], *[block.kind for block in graph.blocks]])]


def _names_there(network: Network) -> list[str]:
    """Return all words that `--kind` finds something by: `linear`, `dense`, `Linear`."""
    from shapecalc.layers import find_kind

    kinds = [kind for node in network.graph.nodes if node.layer for kind in (node.kind, *node.layer.is_a)]
    names = [name for kind in dict.fromkeys(kinds) if (cls := find_kind(kind)) for name in (kind, *cls.also)]
    capitals = ["".join(part[:1].upper() + part[1:] for part in name.split("_")) for name in names]
    return [*_kinds_there(network), *names, *capitals]


def complete_kinds_there(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the kinds of the network, once begun by any of their names; all kinds where no network is named yet."""
    words_of = _names_there if incomplete else _kinds_there
    return _of_network(words_of)(ctx, param, incomplete) or complete_kinds(ctx, param, incomplete)


def _columns(_: click.Context) -> Iterable[str]:
    from shapecalc.renderers.columns import COLUMNS

    return COLUMNS


def _sortable(_: click.Context) -> Iterable[str]:
    from shapecalc.renderers.selection import sortable

    return sortable()


def _sortable_by_speed(_: click.Context) -> Iterable[str]:
    from shapecalc.renderers.answers.speed import SORTABLE

    return SORTABLE


def _devices(_: click.Context) -> Iterable[str]:
    from shapecalc.questions.speed import bundled_devices

    return bundled_devices()


def _quantities(_: click.Context) -> Iterable[str]:
    from shapecalc.questions.formula import QUANTITIES

    return QUANTITIES


def _symbols(network: Network) -> Iterable[str]:
    from shapecalc.questions.formula.symbols import symbol_names

    return symbol_names(network.graph)


def _searched(network: Network) -> Iterable[str]:
    from shapecalc.questions.solve.settings import searchable

    return searchable(network.graph)


def _in_place(_: click.Context) -> Iterable[str]:
    from shapecalc.questions.memory.in_place import words_in_place

    return words_in_place()


def _bits(_: click.Context) -> Iterable[str]:
    from shapecalc.text.units import FORMATS_OF_NUMBERS

    return FORMATS_OF_NUMBERS


def _formats_of_weights(_: click.Context) -> Iterable[str]:
    from shapecalc.questions.memory.weights.formats import format_names
    from shapecalc.text.units import FORMATS_OF_NUMBERS

    return (*FORMATS_OF_NUMBERS, *format_names())


def _rows_of(plan_of: Callable[..., SweepPlan]) -> Callable[[click.Context], Iterable[str]]:
    """Return a function that returns the columns of the sweep of a command, or of any where it is not valid."""

    def columns(ctx: click.Context) -> Iterable[str]:
        from shapecalc.errors import ShapecalcError
        from shapecalc.questions.sweep.plan import COLUMNS_OF_ANY, comparable

        try:
            return comparable(plan_of(_spec_of(ctx), ctx.params["settings"], ctx.params["inputs"]).columns)
        except ShapecalcError:
            return comparable(COLUMNS_OF_ANY)

    return columns


def _key(name: str) -> Callable[[click.Context], Iterable[str]]:
    """Return a function that returns the values of a key of the bundled specifications."""

    def values(_: click.Context) -> Iterable[str]:
        from shapecalc.language.files import bundled_members
        from shapecalc.language.members import find_members

        for path in dict.fromkeys(path for path, _ in bundled_members()):
            document = find_members(path)[0].specification.document
            if document:
                yield document.text(name)

    return values


complete_columns = _word_completer(_columns, "+", once=True)
complete_line_order = _word_completer(_sortable, "+", several=False)
complete_speed_order = _word_completer(_sortable_by_speed, "+", several=False)
complete_quantities = _word_completer(_quantities)
complete_symbols = _of_network(_symbols)
complete_searched = _of_network(_searched)
complete_in_place = _word_completer(_in_place)
complete_bits = _word_completer(_bits, several=False)
complete_formats_of_weights = _word_completer(_formats_of_weights, several=False)
complete_depth = complete_among(("all", "auto"))
complete_families = _word_completer(_key("family"), several=False)
complete_tasks = _word_completer(_key("task"), several=False)


def complete_devices(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the bundled devices, YAML files and folders that start with the word."""
    return _items([*_offered(_devices, ctx), *_files(incomplete)], incomplete)


def complete_rows(plan_of: Callable[..., SweepPlan], signs: str) -> _Completer:
    """Return a function that completes columns of a sweep, each behind one of the signs or none."""
    return _word_completer(_rows_of(plan_of), signs)


def complete_condition(plan_of: Callable[..., SweepPlan]) -> _Completer:
    """Return a function that completes the last word of a condition to a column of a sweep."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        begun = re.search(r"(?<![\w.])([^\W\d]\w*)?$", incomplete)
        head = incomplete[: begun.start()] if begun else incomplete
        return _items([f"{head}{word}" for word in _offered(_rows_of(plan_of), ctx)], incomplete) if begun else []

    return complete
