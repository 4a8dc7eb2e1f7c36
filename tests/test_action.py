"""The action (action.yml) in sample repositories: its steps are run as GitHub runs them, with an API of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from repositories import OWN, commit, git, new_repository

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
MARK = "<!-- shapecalc: changes -->\n"

pytestmark = [
    pytest.mark.slow,  # most of a second for each job: four processes
    pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="its steps are for bash"),
]


def net(width=8):
    return f"name: net\ninput: 3x8x8\nlayers:\n  - conv: {{out_channels: {width}, kernel_size: 3}}\n  - fc: 10\n"


BROKEN = "input: 3x8x8\nlayers:\n  - conv: {out_channels: 8, kernel_size: 9}\n"


class GitHub(ThreadingHTTPServer):
    """The part of GitHub's API that comments: `comments` of one pull request, and whether writing them is allowed."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments, self.requests, self.status, self.login = [], [], 200, ""

    def add(self, body, user):
        self.comments.append({"id": len(self.comments) + 1, "body": body, "user": user})
        return self.comments[-1]


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        server, text = self.server, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.requests.append((self.command, self.path, self.headers["Authorization"]))
        given = json.loads(text) if text else {}
        if self.path == "/user":
            return self.answer(200 if server.login else 403, {"login": server.login})
        if self.command == "GET":
            page = int(re.search(r"&page=(\d+)", self.path)[1])
            return self.answer(200, server.comments[100 * page - 100 : 100 * page])
        if server.status != 200:
            return self.answer(server.status, {"message": "Resource not accessible by integration"})
        if self.command == "PATCH":
            one = server.comments[int(self.path.rpartition("/")[2]) - 1]
            one["body"] = given["body"]
            return self.answer(200, one)
        user = {"login": server.login or "github-actions[bot]", "type": "User" if server.login else "Bot"}
        return self.answer(201, server.add(given["body"], user))

    do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    with GitHub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def repository(tmp_path):
    folder = new_repository(tmp_path / "work")
    commit(folder, {"models/net.yaml": net(), "models/old.yaml": net(4), "other.yaml": "a: 1\n"})
    return folder


class Job:
    """A job with one step, the action: `run` runs its steps, and keeps what they print, write and set."""

    def __init__(self, folder, github, *, inputs=None, event=None, install=False):
        self.folder, self.install = folder, install
        self.temp = folder.parent / "temp"
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir()
        for name in ("summary", "event", "home"):
            (self.temp / name).touch()
        if event:
            (self.temp / "event").write_text(json.dumps(event))
        self.inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | (inputs or {})
        self.steps = {"python": {"python-path": sys.executable}, "install": {"python": sys.executable}}
        self.outcomes, self.status, self.out = {"install": "success"}, 0, ""
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.temp / "home"), **OWN, "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(ROOT), "GITHUB_EVENT_PATH": str(self.temp / "event"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"), "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))},
        }  # fmt: skip

    def value(self, text):
        """Return a text with its expressions replaced; only those that the action has are known."""
        known = {"github.token": "secret", **{f"inputs.{name}": value for name, value in self.inputs.items()}}
        for name, outputs in self.steps.items():
            known |= {f"steps.{name}.outputs.{key}": value for key, value in outputs.items()}
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.value(known.get(found[1], "")), text)

    def run(self):
        for step in STEPS:
            name = step.get("id", "")
            if "uses" in step or (name == "install" and not self.install):
                continue
            assert step["shell"] == "bash"
            if self.status and "cancelled()" not in step.get("if", ""):
                continue
            output = self.temp / f"output-{name}"
            output.touch()
            script = self.temp / "script.sh"
            script.write_text(step["run"])
            ran = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", script], check=False, cwd=self.folder, text=True,
                capture_output=True, encoding="utf-8",
                env={**self.environment, "GITHUB_OUTPUT": str(output), **{key: self.value(text) for key, text in step["env"].items()}},
            )  # fmt: skip
            self.out += ran.stdout + ran.stderr
            self.outcomes[name] = "failure" if ran.returncode else "success"
            self.status = self.status or ran.returncode
            lines = output.read_text(encoding="utf-8").splitlines()
            self.steps.setdefault(name, {}).update(line.split("=", 1) for line in lines)
        return self

    @property
    def summary(self):
        return (self.temp / "summary").read_text(encoding="utf-8")

    def output(self, name):
        return self.value(ACTION["outputs"][name]["value"])


def pull(base, number=7):
    return {"pull_request": {"number": number, "base": {"sha": base}}}


def test_a_pull_request(repository, github):
    base = commit(repository, {"models/moved.yaml": net(6), "models/was_bad.yaml": BROKEN})
    commit(repository, {"models/net.yaml": net(16), "models/new.yaml": net(3), "models/old.yaml": None, "models/bad.yaml": BROKEN,
                        "models/moved.yaml": None, "models/renamed.yaml": net(6), "models/was_bad.yaml": net(5)})  # fmt: skip
    job = Job(repository, github, event=pull(base)).run()
    assert job.status == 1, "a specification is broken"
    assert (
        "::error file=models/bad.yaml,line=3,col=5,title=shapecalc::conv1 (conv): the 9×9 window does not fit"
        in job.out
    )
    assert "ok     models/net.yaml: net, 6,218 parameters" in job.out
    assert "other.yaml" not in job.out
    (comment,) = github.comments
    assert comment["body"] == MARK + job.summary
    table = [line for line in job.summary.splitlines() if line.startswith("| models")]
    assert [[cell.strip() for cell in line.split("|")[1:4]] for line in table] == [
        ["models/bad.yaml", "broken", "–"],
        ["models/net.yaml", "changed", "3,114 → 6,218 (+99.7 %)"],
        ["models/new.yaml", "added", "1,174"],
        ["models/old.yaml", "removed", "1,562"],
        ["models/renamed.yaml (was models/moved.yaml)", "renamed", "2,338"],
        ["models/was_bad.yaml", "changed", "1,950"],
    ]
    assert "conv1 (conv): the 9×9 window does not fit its 8×8 input" in job.summary
    assert job.output("changed") == "true"
    assert Path(job.output("report")).read_text(encoding="utf-8") == job.summary
    assert {token for *_, token in github.requests} == {"Bearer secret"}
    assert git(repository, "status", "--porcelain") == ""


def test_one_comment_is_kept_up_to_date(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    for number in range(250):
        github.add(f"words {number}", {"login": "somebody", "type": "User"})
    github.add("of another workflow", {"login": "github-actions[bot]", "type": "Bot"})
    github.add(f"{MARK}of another", {"login": "somebody", "type": "User"})
    for width, text in ((16, "3,114 → 6,218"), (9, "3,114 → 3,502"), (8, "nothing has changed")):
        commit(repository, {"models/net.yaml": net(width)})
        job = Job(repository, github, event=pull(base)).run()
        assert (job.status, len(github.comments)) == (0, 253)
        assert text in github.comments[-1]["body"]
        assert job.output("changed") == str(width != 8).lower()
    assert github.comments[251]["body"] == f"{MARK}of another"


def test_nothing_changed_is_no_comment(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"other.yaml": "a: 2\n"})
    job = Job(repository, github, event=pull(base)).run()
    assert (job.status, github.comments, job.output("changed")) == (0, [], "false")
    assert "2 networks: nothing has changed" in job.summary


def test_a_token_of_a_user(repository, github):
    github.login = "somebody"
    base = git(repository, "rev-parse", "HEAD")
    for width in (3, 5):
        commit(repository, {"models/net.yaml": net(width)})
        assert Job(repository, github, event=pull(base)).run().status == 0
    assert len(github.comments) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_pull_request_from_a_fork_may_not_comment(repository, github, status):
    github.status = status
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, event=pull(base)).run()
    assert (job.status, github.comments) == (0, [])
    assert "3,114 → 3,502" in job.summary
    words = "GitHub answers 500" if status == 500 else "its token may not comment"
    assert f"::notice title=shapecalc::{words}: the changes are in the summary of the job" in job.out


def test_without_an_answer_of_github(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, event=pull(base))
    job.environment["GITHUB_API_URL"] = "http://127.0.0.1:9"
    assert job.run().status == 0
    assert "::warning title=shapecalc::no comment could be written" in job.out


def test_comments_can_be_turned_off(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, inputs={"comment": "false"}, event=pull(base)).run()
    assert (job.status, github.requests) == (0, [])
    assert "3,114 → 3,502" in job.summary


def test_fail_on_change(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    assert Job(repository, github, inputs={"fail-on-change": "true"}, event=pull(base)).run().status == 0
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, inputs={"fail-on-change": "true"}, event=pull(base)).run()
    assert (job.status, len(github.comments)) == (1, 1)


def test_a_shallow_clone_of_the_merge(repository, github, tmp_path):
    """As actions/checkout makes it: the commit that merges the pull request, without its parents."""
    git(repository, "switch", "-q", "-c", "feature")
    commit(repository, {"models/net.yaml": net(9)})
    git(repository, "switch", "-q", "main")
    base = commit(repository, {"models/late.yaml": net(2)})
    git(repository, "merge", "-q", "--no-edit", "feature")
    git(repository, "branch", "merge")
    git(repository, "reset", "-q", "--hard", base)
    shallow = tmp_path / "shallow" / "work"
    shallow.parent.mkdir()
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=merge", repository.as_uri(), str(shallow))
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")  # as GitHub's
    job = Job(shallow, github, event=pull(git(repository, "rev-parse", "main~")))  # the base has gone on since
    job.environment["GITHUB_SHA"] = git(shallow, "rev-parse", "HEAD")
    assert job.run().status == 0
    assert "**1 of 3 networks changed**" in job.summary
    assert "3,114 → 3,502" in job.summary


def test_a_commit_that_is_not_to_be_had(repository, github):
    job = Job(repository, github, event=pull("0123456789" * 4)).run()
    assert (job.status, job.summary, job.output("changed")) == (0, "", "")
    assert "::notice title=shapecalc::there is no commit to compare with" in job.out


def test_a_branch_behind_its_base(repository, github):
    """What the base has got since is no change of the pull request."""
    git(repository, "switch", "-q", "-c", "feature")
    commit(repository, {"models/net.yaml": net(9)})
    git(repository, "switch", "-q", "main")
    base = commit(repository, {"models/late.yaml": net(2)})
    git(repository, "switch", "-q", "feature")
    for inputs, event in (({}, pull(base)), ({"base": "main"}, {})):
        job = Job(repository, github, inputs=inputs, event=event).run()
        assert "**1 of 2 networks changed**" in job.summary


def test_a_push(repository, github):
    before = git(repository, "rev-parse", "HEAD")
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, event={"before": before}).run()
    assert "3,114 → 3,502" in job.summary
    assert github.requests == []
    git(repository, "reset", "-q", "--hard", before)
    commit(repository, {"models/net.yaml": net(10)})
    forced = git(repository, "rev-parse", "HEAD@{2}")
    assert "3,502 → 3,890" in Job(repository, github, event={"before": forced}).run().summary
    job = Job(repository, github, event={"before": "0" * 40}).run()  # of a new branch
    assert (job.status, job.summary) == (0, "")


@pytest.mark.parametrize(("specs", "checked"), [
    ("models/*.yaml\nmore", ["models/net.yaml", "models/old.yaml", "more/a/x.yml"]),
    ("**/net.yaml", ["models/net.yaml"]),
    ("", ["models/net.yaml", "models/old.yaml", "more/a/x.yml"]),
    ("none/*.yaml", []),
])  # fmt: skip
def test_the_specifications_that_are_chosen(repository, github, specs, checked):
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"more/a/x.yml": net(2), "build.txt": "", "models/net.yaml": net(9)})
    job = Job(repository, github, inputs={"specs": specs}, event=pull(base)).run()
    assert re.findall(r"ok     (\S+):", job.out) == checked
    assert ("::error title=shapecalc::no YAML file of the repository matches none/*.yaml" in job.out) == (not checked)
    assert (job.status != 0) == (not checked)
    assert ("more/a/x.yml | added" in job.summary) == ("more/a/x.yml" in checked)


def test_a_base_that_does_not_exist(repository, github):
    job = Job(repository, github, inputs={"base": "relase-1"}).run()
    assert job.status == 1
    assert "::error title=shapecalc::there is no commit relase-1 to compare with: base: is a commit" in job.out


def test_no_specifications(tmp_path, github):
    folder = new_repository(tmp_path / "work")
    base = commit(folder, {"a.txt": ""})
    job = Job(folder, github, event=pull(base)).run()
    assert (job.status, github.comments) == (0, [])
    assert "there are no specifications here" in job.summary


def test_hostile_names_and_files(repository, github):
    base = git(repository, "rev-parse", "HEAD")
    names = [
        "--output=pwned.yaml",
        "$(touch pwned) `touch pwned`; touch pwned.yaml",
        "::error file=x::pwned.yaml",
        "@team <b>|.yaml",
    ]
    commit(repository, {name: net() for name in names})
    bad = dict.fromkeys(
        ("shapecalc/__init__.py", "yaml.py", "json.py"), "import os; open('pwned', 'w'); raise SystemExit(3)\n"
    )
    commit(repository, {**bad, "new\n::error::pwned.yaml": net()})
    inputs = {"specs": ".\n--output=pwned*\n$(touch pwned)*\n*`touch pwned`*"}
    job = Job(repository, github, inputs=inputs, event=pull(base)).run()
    assert job.status == 0, job.out
    assert not [name for name in os.listdir(repository) if name.startswith("pwned")]
    assert [line for line in job.out.splitlines() if line.startswith("::")] == []
    (comment,) = github.comments
    assert "@team" not in comment["body"]
    assert "<b>" not in comment["body"]
    git(repository, "branch", "$(touch${IFS}pwned)")
    for base in ("$(touch${IFS}pwned)", "--upload-pack=touch pwned", "main; touch pwned"):
        Job(repository, github, inputs={"base": base}).run()
    assert not (repository / "pwned").exists()


def test_a_long_report_fits_a_comment(repository, github):
    base = commit(repository, {f"models/{n}.yaml": deep(n) for n in range(60)})
    commit(repository, {f"models/{n}.yaml": deep(n + 1) for n in range(60)})
    job = Job(repository, github, event=pull(base)).run()
    (comment,) = github.comments
    assert 40_000 < len(comment["body"]) < 65_536
    assert comment["body"].count("<details>") == comment["body"].count("</details>") > 5
    assert comment["body"].count("| models/") == 60
    assert comment["body"].endswith("`shapecalc changes` shows all of it.\n")
    assert job.output("changed") == "true"


def deep(width):
    return "input: 3x64x64\nlayers:\n" + f"  - conv: {{out_channels: {width + 1}, kernel_size: 3, padding: 1}}\n" * 12


def test_its_inputs_reach_the_shell_as_variables_alone():
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        if "uses" in step:
            assert re.fullmatch(r"actions/setup-python@[0-9a-f]{40}", step["uses"])
    assert set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8"))) == set(
        ACTION["inputs"]
    )


def test_the_whole_action(repository, github):
    if not os.environ.get("SHAPECALC_REQUIRE_HOOKS"):
        pytest.skip("it installs packages")
    base = git(repository, "rev-parse", "HEAD")
    commit(repository, {"models/net.yaml": net(9)})
    job = Job(repository, github, event=pull(base), install=True).run()
    assert (job.status, job.outcomes) == (0, {"install": "success", "check": "success", "changes": "success"}), job.out
    assert job.steps["install"]["python"].startswith(str(job.temp))
    assert "3,114 → 3,502" in github.comments[0]["body"]


@pytest.mark.parametrize(("schema", "file"), [("actions", "action.yml"), ("workflows", ".github/workflows/ci.yml")])
def test_the_schemas_of_github(schema, file):
    if not os.environ.get("SHAPECALC_REQUIRE_HOOKS"):
        pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.github-{schema}", ROOT / file]
    subprocess.run(command, check=True)
