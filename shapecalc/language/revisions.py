"""Specifications of a git repository: those of a commit, or of the working tree."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.language.recognition import is_specification

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Snapshot", "renamed", "snapshots"]

_ENDINGS = (".yaml", ".yml")
_MAX_BYTES = 2**20
"""As much as is read of a file of a commit: no specification is as long, and a repository may have large files."""


class Snapshot(NamedTuple):
    """The YAML files of a commit, or of the working tree: their texts by their paths from the top of the repository.

    `folder` is where they are as files, so that specifications find the files that they use; `commit` is empty for the
    working tree.
    """

    folder: str
    commit: str
    texts: Mapping[str, bytes]

    def file(self, path: str) -> str:
        """Return where the file of a path is."""
        return os.path.join(self.folder, *path.split("/"))


@contextlib.contextmanager
def snapshots(range_: str, patterns: Sequence[str]) -> Iterator[tuple[Snapshot, Snapshot, list[str]]]:
    """Open two snapshots, and list the paths of the specifications that the patterns match in either of them.

    `range_` is a commit, which is compared with the working tree; `A..B`; or `A...B`, where the common ancestor of both
    is compared with B. A pattern is a file, a folder, or a glob: `models/**/*.yaml`. Errors: `UsageError`.
    """
    base, dots, head = range_.partition("...") if "..." in range_ else range_.partition("..")
    top = _git("rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n")
    prefix = _git("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
    wanted = [_regex(prefix, pattern) for pattern in patterns or ["."]]
    first = _commit(base or "HEAD")
    last = _commit(head or "HEAD") if dots else ""
    if dots == "...":
        first = _ancestor(first, last, range_)
    with contextlib.ExitStack() as stack:
        before, after = (stack.enter_context(_opened(top, commit)) for commit in (first, last))
        paths = sorted(
            path
            for path in {**before.texts, **after.texts}
            if any(regex.fullmatch(path) for regex in wanted)
            and any(is_specification(one.texts[path], of_blocks=False) for one in (before, after) if path in one.texts)
        )
        yield before, after, paths


def renamed(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return the new paths of files that git sees as renamed, with their old ones."""
    commits = [before.commit, *([after.commit] if after.commit else [])]
    options = ("--no-ext-diff", "--no-relative", "-M", "--diff-filter=R", "--name-status", "-z")
    output = _git("-C", "." if after.commit else after.folder, "diff", *options, *commits, "--")
    words = output.decode("utf-8", "surrogateescape").split("\0")
    return {new: old for _, old, new in zip(words[::3], words[1::3], words[2::3], strict=False)}


@contextlib.contextmanager
def _opened(top: str, commit: str) -> Iterator[Snapshot]:
    if not commit:
        yield Snapshot(top, "", dict(_working_files(top)))
        return
    import tempfile  # few commands need one

    with tempfile.TemporaryDirectory(prefix="shapecalc-") as folder:
        snapshot = Snapshot(folder, commit, dict(_files_of(top, commit)))
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
    from shapecalc.files import input_file

    listed = _git("-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for path in dict.fromkeys(listed.decode("utf-8", "surrogateescape").split("\0")):
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
        raise UsageError(Problem(f"there is no commit {word} in this repository", hint=hint))
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
