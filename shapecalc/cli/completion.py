"""Shell completion: specifications (bundled names and files), layers, variables, kinds."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import click

__all__ = ["complete_bundled", "complete_kinds", "complete_layers", "complete_settings", "complete_specs",
           "complete_targets"]  # fmt: skip

_ENDINGS = (".yaml", ".yml")
_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")
"""What has a meaning of its own in a shell."""


def _items(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(_typed(word)) for word in dict.fromkeys(words) if word.startswith(incomplete)]


def _typed(word: str) -> str:
    """Return a word as it is typed into the shell.

    zsh and fish see to that; bash puts the word on its line as it is, after click's function for bash has read two
    backslashes as one.
    """
    if os.environ.get("_SHAPECALC_COMPLETE") != "bash_complete":
        return word
    begun = os.environ.get("COMP_WORDS", "").rsplit(None, 1)[-1:]
    return word if begun and begun[0].startswith(("'", '"')) else _SPECIAL.sub(r"\\\\\1", word)


def complete_bundled(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the bundled networks that start with the word."""
    from shapecalc.language.files import bundled_members  # needed for completion only

    return _items([name for _, name in bundled_members()], incomplete)


def complete_specs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the bundled networks, YAML files and folders that start with the word."""
    bundled, found = complete_bundled(ctx, param, incomplete), list(_files(incomplete))
    if not bundled and len(found) == 1 and found[0].endswith(os.sep):  # else the shell would end the word there
        found += _files(found[0])
    return [*bundled, *_items(found, incomplete)]


def _files(incomplete: str) -> Iterable[str]:
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
            elif name.endswith(_ENDINGS):
                yield path


def _of_network(words_of: Callable[[Any], Sequence[str]]) -> Callable[..., list[CompletionItem]]:
    """Return a function that completes words of the network that the command names."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        from shapecalc.errors import ShapecalcError
        from shapecalc.network import load

        spec = ctx.params.get("spec") or ctx.params.get("target") or ctx.params.get("first")
        # `args` while an option is being typed
        spec = spec or next(iter(ctx.params.get("specs") or ctx.args), None)
        if not spec or spec == "-":
            return []
        try:
            return _items(words_of(load(spec)), incomplete)
        except ShapecalcError:
            return []

    return complete


def _layers(network: Any) -> Sequence[str]:
    graph = network.graph
    return [*[node.name for node in graph.nodes], *[block.name for block in graph.blocks]]


complete_layers = _of_network(_layers)
complete_settings = _of_network(
    lambda network: [f"{name}={_shown(value)}" for name, value in network.graph.variables.items()]
)


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
