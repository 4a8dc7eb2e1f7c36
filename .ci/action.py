"""What the action runs (action.yml): annotations, the summary of the job, and one comment on the pull request.

    python -I action.py check      annotations for every specification; the exit status is that of `shapecalc check`
    python -I action.py changes    what changed since the base

Everything is read from the environment that GitHub sets, so that it runs anywhere. The comment is found again by a mark
at its beginning. Where it may not be written (a pull request from a fork), the summary of the job has its content.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

MARK = "<!-- shapecalc: changes -->"
MOST = 60_000
"""As many characters of a report are shown: GitHub has 65,536 for a comment."""
BLOCK = "\n\n<details>"
PAGES = 30
"""As many pages of 100 comments are searched."""


def main(what: str) -> int:
    """Run one step of the action; return its exit status."""
    # In a container the workspace belongs to another user: git reads it all the same.
    os.environ.update({"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"})
    return {"check": check, "changes": changes}[what]()


def check() -> int:
    """Print annotations for the specifications; return the exit status of the check."""
    found = git("ls-files", "-z", "--", *[f":(glob){pattern}" for pattern in patterns()])
    if found is None:
        say("error", "this is no repository: the workflow needs actions/checkout first")
        return 1
    files = [name for name in found.split("\0") if name.endswith((".yaml", ".yml")) and os.path.isfile(name)]
    if not files:
        is_chosen = patterns() != ["."]
        say("error" if is_chosen else "warning", f"no YAML file of the repository matches {', '.join(patterns())}")
        return 1 if is_chosen else 0
    return shapecalc("check", "--skip-others", "--format", "github", "--", *files).returncode


def changes() -> int:
    """Write what changed since the base to the summary, and to the comment; return 1 if that shall fail."""
    event = read_event()
    base = find_base(event)
    if not base and os.environ.get("BASE"):
        hint = "base: is a commit, a branch or a tag of the repository, which actions/checkout can fetch"
        say("error", f"there is no commit {os.environ['BASE']} to compare with: {hint}")
        return 1
    if not base:
        say("notice", "there is no commit to compare with: what changed is not shown")
        return 0
    words = ["changes", f"{base}..HEAD", "--exit-code", "--format", "markdown", "--", *patterns()]
    ran = shapecalc(*words, is_captured=True)
    if ran.returncode not in (0, 1) or not ran.stdout:
        say("error", ran.stderr.strip() or "shapecalc changes has failed")
        return ran.returncode or 1
    has_changed = ran.returncode == 1
    quiet = ran.stdout.replace("@", "@\u200b")  # a name is no mention of somebody
    report = shortened(f"### Networks\n\n{quiet}")
    append("GITHUB_STEP_SUMMARY", report)
    append("GITHUB_OUTPUT", f"changed={str(has_changed).lower()}\nreport={written(report)}\n")
    number = (event.get("pull_request") or {}).get("number")
    if os.environ.get("COMMENT") == "true" and isinstance(number, int):
        comment(number, f"{MARK}\n{report}", is_needed=has_changed)
    return 1 if has_changed and os.environ.get("FAIL_ON_CHANGE") == "true" else 0


def patterns() -> list[str]:
    """Return the patterns of the specifications, one of each line: all of them by default."""
    return [line.strip() for line in os.environ.get("SPECS", "").splitlines() if line.strip()] or ["."]


def shapecalc(*words: str, is_captured: bool = False) -> subprocess.CompletedProcess[str]:
    """Run shapecalc, which imports nothing from the folder that it is run in."""
    sys.stdout.flush()
    command = [sys.executable, "-I", "-X", "utf8", "-m", "shapecalc", *words]
    return subprocess.run(command, check=False, capture_output=is_captured, encoding="utf-8")


def git(*words: str) -> str | None:
    """Return the output of git; None if it fails."""
    ran = subprocess.run(["git", *words], check=False, capture_output=True)
    return None if ran.returncode else ran.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def read_event() -> dict[str, Any]:
    """Return what started the workflow."""
    try:
        with open(os.environ["GITHUB_EVENT_PATH"], encoding="utf-8") as stream:
            found = json.load(stream)
    except (KeyError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def find_base(event: dict[str, Any]) -> str:
    """Return the commit to compare with, which a shallow clone fetches; empty if there is none.

    It is the one that a branch began at, where that is there; of a push, what was there before.
    """
    pull = event.get("pull_request") or {}
    given = os.environ.get("BASE", "")
    before = "" if given or pull else str(event.get("before") or "")
    word = given or before or (pull and (merged_into() or str((pull.get("base") or {}).get("sha") or "")))
    if not word or not word.strip("0") or word.startswith("-"):  # a new branch has zeros before
        return ""
    found = commit_of(word) or commit_of(f"origin/{word}")
    if not found and git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", word) is not None:
        found = commit_of("FETCH_HEAD")
    return (found and not before and git("merge-base", found, "HEAD")) or found


def merged_into() -> str:
    """Return what GitHub has merged a pull request into, if that merge is checked out: the base may have gone on."""
    lines = (git("cat-file", "commit", "HEAD") or "").split("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
    is_merge = len(parents) == 2 and commit_of("HEAD") == os.environ.get("GITHUB_SHA")
    return parents[0] if is_merge else ""


def commit_of(word: str) -> str:
    """Return the commit that a word names; empty if there is none."""
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}") or ""


def shortened(report: str) -> str:
    """Return a report without the last of its details, if it is too long for a comment."""
    if len(report) <= MOST:
        return report
    first, *details = report.split(BLOCK)
    while details and len(BLOCK.join([first, *details])) > MOST:
        details.pop()
    kept = BLOCK.join([first, *details])
    table = kept if len(kept) <= MOST else kept[: kept.rindex("\n", 0, MOST)]
    return f"{table.rstrip()}\n\nThe rest is too long to be shown: `shapecalc changes` shows all of it.\n"


def append(variable: str, text: str) -> None:
    """Append a text to a file that the environment names."""
    if os.environ.get(variable):
        with open(os.environ[variable], "a", encoding="utf-8", newline="\n") as stream:
            stream.write(text)


def written(report: str) -> str:
    """Return the path of a file with the report."""
    path = os.path.join(os.environ.get("RUNNER_TEMP") or ".", "shapecalc-changes.md")
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(report)
    return path


def comment(number: int, body: str, *, is_needed: bool) -> None:
    """Write the one comment on a pull request: a new one only if it is needed. It may not be allowed to."""
    try:
        address = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
        old = find_comment(f"{address}/{number}/comments")
        if old:
            call("PATCH", f"{address}/comments/{old}", {"body": body})
        elif is_needed:
            call("POST", f"{address}/{number}/comments", {"body": body})
    except HTTPError as error:
        why = "its token may not comment" if error.code in (401, 403, 404) else f"GitHub answers {error.code}"
        say("notice", f"{why}: the changes are in the summary of the job. A comment needs pull-requests: write.")
    except (URLError, OSError, KeyError, ValueError) as error:
        say("warning", f"no comment could be written: {type(error).__name__}. The changes are in the summary.")


def find_comment(address: str) -> int:
    """Return the number of the comment that a run before has written; 0 if there is none."""
    own = own_name()
    for page in range(1, PAGES + 1):
        found = call("GET", f"{address}?per_page=100&page={page}")
        for one in found:
            user = one.get("user") or {}
            is_own = user.get("login") == own if own else user.get("type") == "Bot"
            if is_own and str(one.get("body", "")).startswith(MARK):
                return int(one["id"])
        if len(found) < 100:
            break
    return 0


def own_name() -> str:
    """Return the name of the user whose token it is; empty for that of a workflow or an app, which have none."""
    try:
        return str(call("GET", "/user").get("login", ""))
    except HTTPError:
        return ""


def call(method: str, address: str, given: dict[str, str] | None = None) -> Any:
    """Return the answer of GitHub."""
    request = Request(
        f"{os.environ.get('GITHUB_API_URL', 'https://api.github.com')}{address}",
        data=json.dumps(given).encode() if given else None,
        method=method,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ.get('TOKEN', '')}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def say(level: str, text: str) -> None:
    """Print an annotation."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title=shapecalc::{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
