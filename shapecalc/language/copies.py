"""Specifications to start from: a copy of a bundled one, and a commented starter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shapecalc.language.files import find_bundled, no_such_spec, read_bytes
from shapecalc.language.members import find_member
from shapecalc.source.values import ListValue

if TYPE_CHECKING:
    from shapecalc.language.members import Member

__all__ = ["STARTER", "bundled_text", "starting_files"]

STARTER = """\
# A network of your own: `shapecalc summary FILE` shows its sizes, `shapecalc check FILE` checks its expectations.
# The language: https://github.com/shapecalc/shapecalc/blob/main/docs/language.md
name: mine
input: 3x32x32                          # channels × height × width; `layout: HWC` for height × width × channels
vars: {width: 32, classes: 10}          # names for numbers: change one with --set width=64
blocks:
  stage:                                # layers to reuse, with arguments
    args: {channels: width}
    layers:
      - conv: {out_channels: channels, kernel_size: 3, padding: same, bias: false}
      - batch_norm
      - relu
      - max_pool: 2
layers:
  - stage
  - stage: {channels: 2 * width}
  - flatten                             # input sizes and channels are inferred: give only the outputs
  - fc: classes
    name: classifier
expect:                                 # expectations: `shapecalc check FILE` checks them
  output: 10
"""
"""A small specification that shows the main features of the language."""


def bundled_text(name: str) -> str:
    """Return the text of a bundled specification; of a member of a family, the family's with only that member.

    Errors: `UsageError` for an unknown name.
    """
    return _own_text(_bundled(name))


def starting_files(name: str) -> dict[str, str]:
    """Return the texts of a bundled specification and of the files that it uses, by the names that they need.

    The specification itself is the first, under its own name. Errors: as `bundled_text`.
    """
    member = _bundled(name)
    bare = name.removesuffix(".yaml")
    return {f"{bare}.yaml": _own_text(member), **_used(member.file)}


def _bundled(name: str) -> Member:
    found = find_bundled(name)
    if found is None:
        raise no_such_spec(name, f"there is no bundled specification {name}")
    return find_member(found.path)._replace(variant=found.variant, file=found.path)


def _own_text(member: Member) -> str:
    text = _text_of(member.file)
    document = member.specification.document
    if not member.variant or document is None:
        return text
    lines = text.splitlines(keepends=True)
    starts = sorted(variant.mark.line - 1 for variant in document.variants.values())
    own = document.variants[member.variant].mark.line - 1
    end = next((start for start in starts if start > own), _end_of_section(lines, own))
    return "".join([*lines[: starts[0]], *lines[own:end], *lines[_end_of_section(lines, starts[-1]) :]])


def _end_of_section(lines: list[str], start: int) -> int:
    """Return the first line after `start` that belongs to another section."""
    return next((i for i in range(start, len(lines)) if lines[i][:1] not in (" ", "\n", "#", "\t")), len(lines))


def _text_of(path: str) -> str:
    return read_bytes(path).decode("utf-8")


def _used(path: str) -> dict[str, str]:
    """Return the files that a bundled one uses, and those that they use."""
    found: dict[str, str] = {}
    waiting = [path]
    while waiting:
        document = find_member(waiting.pop()).specification.document
        use = document.keys.get("use") if document else None
        for item in use.items if isinstance(use, ListValue) else [use] if use else []:
            name = getattr(item, "text", "")
            if name and name not in found:
                neighbour = os.path.join(os.path.dirname(path), name)
                found[name] = _text_of(neighbour)
                waiting.append(neighbour)
    return found
