"""`shapecalc changes`: what changed in the specifications of a repository between two commits."""

from __future__ import annotations

import json
import os

import pytest
from repositories import commit, git, new_repository, write
from running import run


def net(width=8, *, more=""):
    return f"name: net\ninput: 3x8x8\nlayers:\n  - conv: {{out_channels: {width}, kernel_size: 3}}\n{more}  - fc: 10\n"


BROKEN = "input: 3x8x8\nlayers:\n  - conv: {out_channels: 8, kernel_size: 9}\n"
FAMILY = "input: 4\nvars: {width: 3}\nlayers: [{fc: {out_features: width}}]\nvariants: {small: {vars: {width: 2}}, large: {vars: {width: LARGE}}}\n"
START = {
    "models/net.yaml": net(), "models/old.yaml": net(4), "models/same.yaml": net(2), "models/named.yaml": net(5, more="  - relu\n  - relu\n"),
    "models/was_bad.yaml": BROKEN, "models/bad.yaml": net(6), "models/family.yaml": FAMILY.replace("LARGE", "5"),
    "other.yaml": "services: {web: 1}\n", "models/part.yml": "layers: [relu]\ninput: 3\n",
}  # fmt: skip
NEXT = {
    "models/net.yaml": net(16), "models/old.yaml": None, "models/new.yaml": net(7), "models/named.yaml": None,
    "models/renamed.yaml": START["models/named.yaml"], "models/was_bad.yaml": net(3), "models/bad.yaml": BROKEN,
    "models/family.yaml": FAMILY.replace("LARGE", "6"), "other.yaml": "services: {web: 2}\n",
}  # fmt: skip
EXPECTED = {
    "models/bad.yaml": "broken", "models/family.yaml:large": "changed", "models/net.yaml": "changed", "models/new.yaml": "added",
    "models/old.yaml": "removed", "models/renamed.yaml": "renamed", "models/was_bad.yaml": "changed",
}  # fmt: skip


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = new_repository(tmp_path / "sample")
    monkeypatch.chdir(folder)
    return folder


def changes(*words):
    ran = run("changes", *words, "--format", "json")
    assert (ran.status, ran.err) == (0, "")
    return json.loads(ran.out)


def statuses(*words):
    return {one["name"]: one["status"] for one in changes(*words)["networks"]}


def test_every_change(repository):
    first = commit(repository, START)
    second = commit(repository, NEXT)
    assert statuses(f"{first}..{second}") == statuses(first) == EXPECTED
    found = changes("HEAD~..HEAD")
    assert found["counts"] == {"added": 1, "removed": 1, "renamed": 1, "changed": 3, "broken": 1, "same": 3}
    assert (found["a"], found["b"]) == (first[:12], second[:12])
    by_name = {one["name"]: one for one in found["networks"]}
    # 3·3·3·8 + 8 and 8·6·6·10 + 10 parameters; twice the channels
    totals = [by_name["models/net.yaml"][side]["total"]["params"] for side in "ab"]
    assert totals == [224 + 2890, 448 + 5770]
    assert by_name["models/net.yaml"]["diff"]["counts"]["changed"] == 2
    assert by_name["models/renamed.yaml"]["was"] == "models/named.yaml"
    assert by_name["models/old.yaml"]["b"] is None
    assert by_name["models/new.yaml"]["a"] is None
    assert by_name["models/was_bad.yaml"]["a"]["problems"][0]["file"] == "models/was_bad.yaml"
    assert by_name["models/bad.yaml"]["b"]["problems"][0]["line"] == 3
    assert statuses("HEAD") == {}
    assert git(repository, "status", "--porcelain") == ""


TEXT = """\
3 of 3 networks changed

broken: bad.yaml

   bad.yaml:3:5: conv1 (conv): the 9×9 window does not fit its 8×8 input
       3 │   - conv: {out_channels: 8, kernel_size: 9}
         │     ^^^^
      the padded input is 8 + 2·0 = 8 high; kernel_size 9 with dilation 1 reaches 9
      padding: 1 would fit, or kernel_size at most 8; with this stack the smallest input that works is 9×9

changed: net.yaml

   Layer  Kind  Output  Params   MACs  Arguments
─────────────────────────────────────────────────────
−  conv1  conv  8×6×6      224  7,776  out_channels=8
+               9×6×6      252  8,748  out_channels=9
−  fc1    fc    10       2,890  2,880
+                        3,250  3,240

layers: 2 changed, 0 added, 0 removed, 0 the same
params: 3,114 → 3,502 (+388, +12.5 %)
MACs: 10,656 → 11,988 (+1,332, +12.5 %)
activations: 298 → 334 (+36, +12.1 %)

added: new.yaml

3,114 params, 10,656 MACs, 298 activations

COMMIT → the working tree
"""

MARKDOWN = """\
**3 of 3 networks changed**

| network |  | params | MACs | activations | output |
| :--- | :--- | ---: | ---: | ---: | :--- |
| bad.yaml | broken | 3,114 | 10,656 | 298 | 10 |
| net.yaml | changed | 3,114 → 3,502 (+12.5 %) | 10,656 → 11,988 (+12.5 %) | 298 → 334 (+12.1 %) | 10 |
| new.yaml | added | 3,114 | 10,656 | 298 | 10 |

<details><summary>broken: bad.yaml</summary>

```
bad.yaml:3:5: conv1 (conv): the 9×9 window does not fit its 8×8 input
"""


def test_the_text_and_the_table(repository):
    first = commit(repository, {"net.yaml": net(), "bad.yaml": net()})
    write(repository, {"net.yaml": net(9), "bad.yaml": BROKEN, "new.yaml": net()})
    assert run("changes", "HEAD").out == TEXT.replace("COMMIT", first[:12])
    markdown = run("changes", "HEAD", "--format", "markdown").out
    assert markdown.startswith(MARKDOWN)
    assert markdown.endswith(f"</details>\n\n{first[:12]} → the working tree\n")
    assert run("changes", "HEAD", "--format", "html").out.count("<details>") == 2


def test_exit_code(repository):
    commit(repository, {"net.yaml": net()})
    assert run("changes", "HEAD", "--exit-code").status == 0
    write(repository, {"net.yaml": net().replace("kernel_size: 3", "kernel_size: 3, padding: 1")})
    assert run("changes", "HEAD").status == 0
    assert run("changes", "HEAD", "--exit-code").status == 1


def test_sizes_that_change_alone(repository):
    commit(repository, {"net.yaml": "input: 3x8x8\nlayers: [relu]\n"})
    write(repository, {"net.yaml": "input: 3x9x8\nlayers: [relu]\n"})
    out = run("changes", "HEAD").out
    assert "\ninput: 3×8×8 → 3×9×8\noutput: 3×8×8 → 3×9×8\n" in out


def test_a_range_from_the_common_ancestor(repository):
    commit(repository, {"net.yaml": net()})
    git(repository, "switch", "-q", "-c", "feature")
    commit(repository, {"mine.yaml": net(3)})
    git(repository, "switch", "-q", "main")
    commit(repository, {"net.yaml": net(9)})
    assert statuses("main..feature") == {"mine.yaml": "added", "net.yaml": "changed"}
    assert statuses("main...feature") == {"mine.yaml": "added"}
    assert statuses("feature..") == {"mine.yaml": "removed", "net.yaml": "changed"}


@pytest.mark.parametrize(("patterns", "found"), [
    (["models/net.yaml"], ["models/net.yaml"]),
    (["models"], ["models/a/deep.yaml", "models/net.yaml"]),
    (["models/*.yaml"], ["models/net.yaml"]),
    (["models/**/*.yaml"], ["models/a/deep.yaml", "models/net.yaml"]),
    (["**/*.yml", "x?.yaml"], ["xy.yaml", "y.yml"]),
    (["./models/../x*"], ["xy.yaml"]),
    ([], ["models/a/deep.yaml", "models/net.yaml", "xy.yaml", "y.yml"]),
])  # fmt: skip
def test_patterns(repository, patterns, found):
    commit(repository, {"models/x.txt": ""})
    write(repository, dict.fromkeys(("models/net.yaml", "models/a/deep.yaml", "xy.yaml", "y.yml"), net()))
    assert sorted(statuses("HEAD", *patterns)) == found


def test_patterns_are_relative_to_the_folder(repository, monkeypatch):
    commit(repository, {"models/net.yaml": net(), "net.yaml": net(4)})
    write(repository, {"models/net.yaml": net(5), "net.yaml": net(6)})
    monkeypatch.chdir(repository / "models")
    assert [*statuses("HEAD")] == [*statuses("HEAD", "net.yaml")] == ["models/net.yaml"]
    assert [*statuses("HEAD", "../net.yaml")] == ["net.yaml"]


def test_a_used_file_that_changes(repository):
    """A specification is found changed by a file that it uses, of the commit itself."""
    block = "blocks:\n  stem:\n    layers: [{conv: {out_channels: WIDTH, kernel_size: 3}}]\n"
    top = "use: parts/blocks.yaml\ninput: 3x8x8\nlayers: [stem]\n"
    first = commit(repository, {"net.yaml": top, "parts/blocks.yaml": block.replace("WIDTH", "4")})
    second = commit(repository, {"parts/blocks.yaml": block.replace("WIDTH", "6")})
    third = commit(repository, {"parts/blocks.yaml": block.replace("WIDTH", "8")})
    for range_, channels in ((f"{first}..{second}", [4, 6]), (f"{second}..{third}", [6, 8]), (first, [4, 8])):
        (network,) = changes(range_)["networks"]
        assert network["name"] == "net.yaml"
        assert [next(iter(network[side]["outputs"].values()))[0] for side in "ab"] == channels


def test_before_the_first_commit(repository):
    write(repository, {"net.yaml": net()})
    assert statuses("HEAD") == {"net.yaml": "added"}


def test_ignored_files_submodules_and_links_are_left_out(repository):
    first = commit(repository, {"x/net.yaml": net()})
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{first},sub.yaml")
    git(repository, "commit", "-q", "-m", "x")
    (repository / "sub.yaml").mkdir()
    write(repository, {"build/net.yaml": net(), ".gitignore": "build/\n"})
    assert statuses("HEAD") == {}
    if os.name != "nt":
        (repository / "link.yaml").symlink_to("/etc/passwd")
        (repository / "x" / "again.yaml").symlink_to("net.yaml")
        second = commit(repository, {})
        (repository / "link.yaml").unlink()
        assert statuses(f"{second}..{second}") == {}
        assert run("changes", f"{second}..{second}", "link.yaml").status == 2


@pytest.mark.parametrize(("words", "text"), [
    (["nope"], "there is no commit nope in this repository"),
    (["main..nope"], "there is no commit nope in this repository"),
    (["--", "--output=x"], "there is no commit --output=x in this repository"),
    (["main...lone"], "the commits of main...lone have no common ancestor here"),
])  # fmt: skip
def test_wrong_commits(repository, words, text):
    commit(repository, {"net.yaml": net()})
    git(repository, "switch", "-q", "--orphan", "lone")
    commit(repository, {"net.yaml": net(3)})
    ran = run("changes", *words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(text)
    assert sorted(os.listdir()) == [".git", "net.yaml"]


def test_outside_a_repository(tmp_path, monkeypatch):
    git(tmp_path, "--version")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    ran = run("changes", "HEAD")
    assert ran.status == 2
    assert ran.err.startswith("git: not a git repository")
    assert "   run it inside a git repository" in ran.err


def test_without_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    ran = run("changes", "HEAD")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "git cannot be run")


def test_hostile_names_of_files(repository):
    name = "-rf; $(touch pwned) `x` |<b>.yaml" if os.name != "nt" else "-rf; $(touch pwned) `x`.yaml"
    commit(repository, {"net.yaml": net()})
    write(repository, {name: net()})
    assert statuses("HEAD") == {name: "added"}
    markdown = run("changes", "HEAD", "--format", "markdown").out
    assert "<b>" not in markdown
    assert r"\`x\`" in markdown
    assert not (repository / "pwned").exists()


def test_no_specifications(repository):
    commit(repository, {"other.yaml": "a: 1\n"})
    assert run("changes", "HEAD").out.startswith("there are no specifications here\n")
    commit(repository, {"net.yaml": net()})
    assert run("changes", "HEAD").out.startswith("1 network: nothing has changed\n")


def test_what_stays_broken_beside_an_edit_has_not_changed(repository):
    first = commit(repository, {"bad.yaml": BROKEN, "net.yaml": net()})
    commit(repository, {"net.yaml": f"# a comment\n{net()}"})
    assert statuses(first) == {}
    commit(repository, {"bad.yaml": f"# a comment\n{BROKEN}"})
    assert statuses(first) == {"bad.yaml": "broken"}


def test_paths_that_match_nothing(repository):
    first = commit(repository, {"models/net.yaml": net(), "models/other.yaml": "services: {}\n"})
    for words, message in (
        (
            ("models/nets.yaml",),
            "no YAML file of the repository matches models/nets.yaml\n   did you mean models/net.yaml?\n",
        ),
        (("models/*.yml", "models/net.yaml"), "no YAML file of the repository matches models/*.yml\n"),
        (("model",), "no YAML file of the repository matches model\n"),
        (("models/other.yaml",), "models/other.yaml: no specification among these files\n"),
    ):
        ran = run("changes", first, *words)
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith(message)
    for words in ((), (".",), ("models/net.yaml",), ("models",), ("models/**/*.yaml",)):
        assert run("changes", first, *words).status == 0
    commit(repository, {"models/net.yaml": None})
    assert statuses(first, "models/net.yaml") == {"models/net.yaml": "removed"}
    ran = run("changes", "models/other.yaml")
    assert (ran.status, ran.err.splitlines()[1].strip()) == (
        2,
        "models/other.yaml is a path: write a commit before it, HEAD for the last",
    )


def test_what_is_staged(repository):
    write(repository, {"a.yaml": net(8)})
    git(repository, "add", "-A")
    assert statuses("--staged") == {"a.yaml": "added"}, "before the first commit"
    commit(repository, {"a.yaml": net(8), "b.yaml": net(8)})
    write(repository, {"a.yaml": net(16), "b.yaml": net(32), "untracked.yaml": net(2)})
    git(repository, "add", "a.yaml")
    write(repository, {"a.yaml": BROKEN})
    found = changes("--staged")
    (one,) = found["networks"]  # 3·3·3·16 + 16 and 16·6·6·10 + 10 parameters
    assert (one["name"], one["status"], one["b"]["total"]["params"]) == ("a.yaml", "changed", 6218)
    assert found["b"] == "the index"
    assert statuses("HEAD") == statuses() == {"a.yaml": "broken", "b.yaml": "changed", "untracked.yaml": "added"}
    assert statuses("HEAD", "--staged", "b.yaml") == {}
    ran = run("changes", "HEAD..HEAD", "--staged")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "HEAD..HEAD is two commits: what is staged is compared with one",
    )
