"""Specifications of a git repository: those of a commit, of the working tree, or of the index (what is staged)."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.recognition import is_specification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Snapshot", "renamed", "snapshots", "users_of"]

_DIGITS = 12
"""As many digits of a commit are shown."""
_ENDINGS = (".yaml", ".yml")
_LISTED = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_MAX_BYTES = 2**20
"""As much as is read of a file of a commit: no specification is as long, and a repository may have large files."""


class Snapshot(NamedTuple):
    """The YAML files of a commit, or of the working tree: their texts by their paths from the top of the repository.

    `folder` is where they are as files, so that specifications find the files that they use; `commit` is empty for the
    working tree, and a tree for the index; `name` is how it is called.
    """

    folder: str
    commit: str
    texts: Mapping[str, bytes]
    name: str

    def file(self, path: str) -> str:
        """Return where the file of a path is."""
        return os.path.join(self.folder, *path.split("/"))


@contextlib.contextmanager
def snapshots(
    range_: str, patterns: Sequence[str], *, staged: bool = False
) -> Iterator[tuple[Snapshot, Snapshot, list[str]]]:
    """Open two snapshots, and list the paths of the specifications that the patterns match in either of them.

    `range_` is a commit, which is compared with the working tree, or `staged` with the index; `A..B`; or `A...B`, where
    the common ancestor of both is compared with B. A pattern is a file, a folder, or a glob: `models/**/*.yaml`.
    Errors: `UsageError`, also if no file matches a pattern, or no specification any of them.
    """
    if staged and ".." in range_:
        hint = "give one commit with --staged, such as HEAD"
        raise UsageError(Problem(f"{range_} is two commits: what is staged is compared with one", hint=hint))
    base, dots, head = range_.partition("...") if "..." in range_ else range_.partition("..")
    top = _git("rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n")
    prefix = _git("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
    wanted = [_regex(prefix, pattern) for pattern in patterns or ["."]]
    first = _commit(base or "HEAD")
    last = _commit(head or "HEAD") if dots else _tree() if staged else ""
    if dots == "...":
        first = _ancestor(first, last, range_)
    with contextlib.ExitStack() as stack:
        names = (first[:_DIGITS], "the index" if staged else last[:_DIGITS] or "the working tree")
        before, after = (
            stack.enter_context(_opened(top, commit, name)) for commit, name in zip((first, last), names, strict=True)
        )
        every = {**before.texts, **after.texts}
        for pattern, regex in zip(patterns, wanted, strict=False):
            if not any(map(regex.fullmatch, every)) and not _is_top(pattern, prefix):
                raise UsageError(_no_match(pattern, prefix, every))
        paths = sorted(
            path
            for path in every
            if any(regex.fullmatch(path) for regex in wanted)
            and any(is_specification(one.texts[path], of_blocks=False) for one in (before, after) if path in one.texts)
        )
        if not paths and not all(_is_top(pattern, prefix) for pattern in patterns):
            hint = "a specification has `layers:` and an `input:`"
            raise UsageError(Problem(f"{_listed(patterns)}: no specification among these files", hint=hint))
        yield before, after, paths


def users_of(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that specifications use, and these specifications: those that are not given themselves.

    They are those of the repository, from this folder down; outside of a repository there are none.
    """
    listed = _run(*_LISTED)
    texts = dict(_read_all("", (listed or b"").decode("utf-8", "surrogateescape").split("\0")))
    uses = {path: {os.path.realpath(os.path.join(os.path.dirname(path), name)) for name in _used_in(text)}
            for path, text in texts.items()}  # fmt: skip
    changed = {os.path.realpath(path) for path in files}
    found: dict[str, None] = {}
    waiting = set(changed)
    while waiting:
        users = [path for path, used in uses.items() if path not in found and not used.isdisjoint(waiting)]
        found.update(dict.fromkeys(users))
        waiting = {os.path.realpath(path) for path in users}
    every = set().union(*uses.values())
    used = [path for path in files if os.path.realpath(path) in every]
    return used, [path for path in found if os.path.realpath(path) not in changed]


def _used_in(text: bytes) -> set[str]:
    """Return the files that a specification names under `use:`."""
    found = re.search(rb"(?m)^['\"]?use['\"]?[ \t]*:(.*(?:\n(?:[ \t-].*)?)*)", text)
    return set(re.findall(r"[^\s'\"\[\],:]+\.ya?ml", found[1].decode("utf-8", "replace"))) if found else set()


def _is_top(pattern: str, prefix: str) -> bool:
    """Return whether a pattern is the folder itself, or one above: there may be nothing in it."""
    return posixpath.normpath(posixpath.join(prefix, pattern.replace(os.sep, "/"))) in (".", prefix.rstrip("/"))


def _listed(patterns: Sequence[str]) -> str:
    return ", ".join(map(clean, patterns))


def _no_match(pattern: str, prefix: str, paths: Iterable[str]) -> Problem:
    """Return the problem of a pattern that no file matches, with the hint of what is there."""
    own = [posixpath.relpath(path, prefix or ".") for path in paths]
    hint = did_you_mean(pattern, own) or "it is relative to this folder; a glob of all below it is '**/*.yaml'"
    return Problem(f"no YAML file of the repository matches {clean(pattern)}", hint=hint)


def renamed(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return the new paths of files that git sees as renamed, with their old ones."""
    commits = [before.commit, *([after.commit] if after.commit else [])]
    options = ("--no-ext-diff", "--no-relative", "-M", "--diff-filter=R", "--name-status", "-z")
    output = _git("-C", "." if after.commit else after.folder, "diff", *options, *commits, "--")
    words = output.decode("utf-8", "surrogateescape").split("\0")
    return {new: old for _, old, new in zip(words[::3], words[1::3], words[2::3], strict=False)}


@contextlib.contextmanager
def _opened(top: str, commit: str, name: str) -> Iterator[Snapshot]:
    if not commit:
        yield Snapshot(top, "", dict(_working_files(top)), name)
        return
    import tempfile  # few commands need one

    with tempfile.TemporaryDirectory(prefix="shapecalc-") as folder:
        snapshot = Snapshot(folder, commit, dict(_files_of(top, commit)), name)
        from shapecalc.files import created_file

        for path, text in snapshot.texts.items():
            target = snapshot.file(path)
            with contextlib.suppress(OSError):  # a name that this system does not have: its file is then missing
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with created_file(target, None) as stream:
                    stream.write(text)
        yield snapshot


def _working_files(top: str) -> Iterator[tuple[str, bytes]]:
    """Yield the YAML files of the working tree that git does not ignore."""
    listed = _git("-C", top, *_LISTED)
    yield from _read_all(top, listed.decode("utf-8", "surrogateescape").split("\0"))


def _read_all(top: str, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the YAML files among paths of a folder."""
    from shapecalc.files import input_file

    for path in dict.fromkeys(paths):
        file = os.path.join(top, *path.split("/"))
        if path.endswith(_ENDINGS) and os.path.isfile(file):
            with contextlib.suppress(OSError), input_file(file) as stream:
                yield path, stream.read(_MAX_BYTES)


def _files_of(top: str, commit: str) -> Iterator[tuple[str, bytes]]:
    """Yield the YAML files of a commit: no links, nothing outside the repository."""
    blobs: dict[str, bytes] = {}
    for entry in filter(None, _git("-C", top, "ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0")):
        facts, _, name = entry.partition(b"\t")
        mode, _, blob, size = facts.split()
        path = name.decode("utf-8", "surrogateescape")
        is_inside = not {"", ".", "..", ".git"} & {*path.split("/")} and not (_ON_WINDOWS and re.search(_NO_NAME, path))
        if mode.startswith(b"100") and path.endswith(_ENDINGS) and is_inside and int(size) <= _MAX_BYTES:
            blobs[path] = blob
    content = _git("-C", top, "cat-file", "--batch", given=b"\n".join([*blobs.values(), b""]))
    start = 0
    for path in blobs:
        head = content.index(b"\n", start) + 1
        start = head + int(content[start:head].split()[-1]) + 1
        yield path, content[head : start - 1]


_NO_NAME = r'[\\:*?"<>|]'
_ON_WINDOWS = os.name == "nt"


def _commit(word: str) -> str:
    """Return the name of a commit in hexadecimal digits. Errors: `UsageError` if there is none."""
    found = _run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")
    if found is None and word == "HEAD":  # before the first commit there is nothing
        found = _git("hash-object", "-t", "tree", "--stdin")
    if found is None:
        hint = "a shallow clone has few commits: fetch it first, with git fetch or fetch-depth: 0 in GitHub Actions"
        if os.path.exists(word):
            hint = f"{clean(word)} is a path: write a commit before it, HEAD for the last"
        raise UsageError(Problem(f"there is no commit {word} in this repository", hint=hint))
    return found.decode("ascii").strip()


def _tree() -> str:
    """Return the tree of the index: what the next commit has. Errors: `UsageError` while a merge has conflicts."""
    found = _run("write-tree")
    if found is None:
        raise UsageError(Problem("what is staged cannot be read: a merge has conflicts", hint="resolve them first"))
    return found.decode("ascii").strip()


def _ancestor(first: str, last: str, range_: str) -> str:
    found = _run("merge-base", first, last)
    if found is None:
        hint = "a shallow clone may not have it; .. compares the two commits themselves"
        raise UsageError(Problem(f"the commits of {range_} have no common ancestor here", hint=hint))
    return found.decode("ascii").strip()


def _regex(prefix: str, pattern: str) -> re.Pattern[str]:
    """Return what matches the paths of a pattern: a file, all in a folder, or those of a glob."""
    path = posixpath.normpath(posixpath.join("/", prefix, pattern.replace(os.sep, "/")))[1:]
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", path)
    globs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(globs.get(part) or re.escape(part) for part in parts)
    return re.compile(f"{body}(?:/.*)?" if body else ".*", re.DOTALL)


def _git(*words: str, given: bytes = b"") -> bytes:
    """Return the output of git. Errors: `UsageError`, with its own words."""
    output = _run(*words, given=given, is_needed=True)
    assert output is not None
    return output


def _run(*words: str, given: bytes = b"", is_needed: bool = False) -> bytes | None:
    """Return the output of git, or None if it fails. Errors: `UsageError` without git, or if its output is needed."""
    import subprocess

    try:
        ran = subprocess.run(["git", *words], capture_output=True, check=False, input=given)  # noqa: S603, S607
    except OSError:
        raise UsageError(Problem("git cannot be run", hint="install git: the commits are read with it")) from None
    if ran.returncode == 0:
        return ran.stdout
    if not is_needed:
        return None
    said = ran.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ").split("\n")[0]
    raise UsageError(Problem(f"git: {said}", hint="run it inside a git repository" if "not a git" in said else ""))
