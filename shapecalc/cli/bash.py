"""Completion in bash, which separates words at each `=` and `:`, and puts what it is offered on its line as it is."""

from __future__ import annotations

import os
import re

from click.shell_completion import BashComplete, CompletionItem, add_completion_class

__all__ = ["as_typed"]

_SEPARATORS = ("=", ":")
_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")
"""What has a meaning of its own in a shell."""


@add_completion_class
class _Bash(BashComplete):
    """The words of bash, which makes three of `--sort=params`, of `width=64` and of `family.yaml:small`."""

    name = "bash"

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that, each as it was typed."""
        args, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in [*args, incomplete]:
            is_option = word.startswith("-") and not word[1:2].isdigit()
            if joined and (word in _SEPARATORS or (joined[-1].endswith(_SEPARATORS) and not is_option)):
                joined[-1] += word
            else:
                joined.append(word)
        typed = joined[-1].removesuffix("" if incomplete in _SEPARATORS else incomplete)
        self.cut = typed.partition("=")[2] if typed.startswith("-") else typed
        return joined[:-1], joined[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return what bash puts in place of its word."""
        return super().format_completion(CompletionItem(item.value.removeprefix(self.cut), item.type))


def as_typed(word: str) -> str:
    """Return a word as it is typed into the shell.

    zsh and fish see to that; bash puts the word on its line as it is, after click's function for bash has read two
    backslashes as one.
    """
    if os.environ.get("_SHAPECALC_COMPLETE") != "bash_complete":
        return word
    return word if _is_quoted(os.environ.get("COMP_WORDS", "")) else _SPECIAL.sub(r"\\\\\1", word)


def _is_quoted(line: str) -> bool:
    """Return whether a command line ends within quotes."""
    quote, escaped = "", False
    for sign in line:
        if escaped:
            escaped = False
        elif sign == "\\" and quote != "'":
            escaped = True
        elif sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
    return bool(quote)
