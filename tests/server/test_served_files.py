"""Files: those in the folder of SPEC, which it uses, and no others."""

from __future__ import annotations

import json

import pytest
from serving import IS_SKIPPED, serving

from shapecalc.questions.speed.devices import device_text

pytestmark = pytest.mark.skipif(IS_SKIPPED, reason="it needs the extra serve")

SECRET = "blocks: {secret: {layers: [{conv: {out_channels: 4242, kernel_size: 1}}]}}\n"
USING = "use: {}\ninput: 3x8x8\nlayers: [{{secret: }}]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("top")
    inside = top / "inside"
    (inside / "parts").mkdir(parents=True)
    (top / "secret.yaml").write_text(SECRET)
    (inside / "own.yaml").write_text(SECRET.replace("4242", "5"))
    (inside / "parts" / "deep.yaml").write_text(SECRET.replace("4242", "6"))
    (inside / "link.yaml").symlink_to(top / "secret.yaml")
    (inside / "up").symlink_to(top)
    (inside / "parts" / "back.yaml").symlink_to(inside / "own.yaml")
    (inside / "net.yaml").write_text(USING.format("own.yaml"))
    return inside


@pytest.fixture(scope="module")
def server(folder):
    with serving(str(folder / "net.yaml"), workers=1) as running:
        yield running


def test_the_page_begins_with_the_text_as_it_is_now(server, folder):
    found = server.send("GET", "/api/start").json
    assert found == {
        "ok": True,
        "text": USING.format("own.yaml"),
        "name": "net.yaml",
        "variant": "",
        "inputs": {},
        "variables": {},
    }
    (folder / "net.yaml").write_text("input: 3x8x8\nlayers: [relu, wrong\n")
    assert server.send("GET", "/api/start").json["text"].endswith("wrong\n"), "also one with errors"


@pytest.mark.parametrize(
    ("name", "params"), [("own.yaml", 20), ("parts/deep.yaml", 24), ("./own.yaml", 20), ("parts/back.yaml", 20)]
)
def test_files_beside_it_are_used(server, name, params):
    found = server.ask("look", USING.format(name)).json
    assert found["totals"]["params"] == params, found["diagnostics"]


def test_no_file_outside_the_folder_is_read(server, folder):
    outside = folder.parent / "secret.yaml"
    names = ["../secret.yaml", str(outside), "link.yaml", "up/secret.yaml", "parts/../../secret.yaml", "%2e%2e/secret.yaml",
             "..\\\\secret.yaml", f"file://{outside}", "/etc/passwd", "/proc/self/environ", "~/.netrc", "/dev/zero", "up"]  # fmt: skip
    for name in names:
        reply = server.ask("look", USING.format(json.dumps(name)))
        assert reply.status == 200
        assert reply.json["totals"] is None, name
        assert b"4242" not in reply.body
        assert b"root:" not in reply.body
        assert reply.json["diagnostics"][0]["level"] == "error"


@pytest.mark.parametrize(
    "name", ["../secret.yaml", "../../net.yaml", "/etc/passwd", "a/../../b.yaml", "..", "", "\0", "C:\\x.yaml"]
)
def test_the_name_of_a_text_is_no_path(server, name):
    found = server.ask("look", USING.format("../secret.yaml"), name=name).json
    assert found["totals"] is None
    assert server.ask("look", USING.format("own.yaml"), name=name).json["totals"]["params"] == 20


def test_no_question_reads_a_file(server, folder):
    text = "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]\n"
    outside = str(folder.parent / "secret.yaml")
    (folder.parent / "device.yaml").write_text(device_text("h100"))
    assert "h100" in server.ask("memory", text, device="h100").json["speed"].lower()
    assert server.ask("memory", text, device=str(folder.parent / "device.yaml")).json["ok"] is False
    for more in (
        {"device": outside},
        {"weights": outside},
        {"budget": outside},
        {"optimizer": outside},
        {"lora": outside},
    ):
        found = server.ask("memory", text, **more).json
        assert found["ok"] is False, more
        assert "4242" not in json.dumps(found)
    for name in (outside, "../../pyproject", "../inside/own"):
        assert server.ask("example", name=name).json["ok"] is False
    files = [{"name": outside, "base64": ""}]
    assert server.ask("read", path="/api/read", files=files).json.get("text", "") == ""


def test_without_a_file_only_bundled_ones_are_used():
    with serving("deeplabv3_resnet50", workers=1) as server:
        start = server.send("GET", "/api/start").json
        assert (start["name"], start["variant"]) == ("deeplabv3.yaml", "deeplabv3_resnet50")
        found = server.ask("look", start["text"], name=start["name"]).json
        assert found["is_complete"], found["diagnostics"]
        assert server.ask("look", USING.format("../pyproject.toml"), name=start["name"]).json["totals"] is None
