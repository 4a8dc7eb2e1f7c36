"""`shapecalc serve`: the command as it is run; what the server does is in tests/server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from running import run
from serving import IS_SKIPPED, SMALL, Server, until

from shapecalc.errors import UsageError

COMMAND = [sys.executable, "-c", "from shapecalc.__main__ import main; main()", "serve", "--no-browser"]
WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("starlette", "uvicorn"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "starlette" else found(name, package)
from shapecalc.__main__ import main
main()
"""

needs_the_extra = pytest.mark.skipif(IS_SKIPPED, reason="it needs the extra serve")


def exists(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@needs_the_extra
@pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_ended(tmp_path, number, status):
    spec = tmp_path / "net.yaml"
    spec.write_text(SMALL)
    server = Server([*COMMAND, "--port", "0", str(spec)], preexec_fn=os.setpgrp)
    try:
        assert server.send("GET", "/api/start").json["text"] == SMALL
        assert server.ask("look", SMALL).json["totals"]["params"] == 112
        workers = server.workers()
        assert len(workers) >= 2
        started = time.monotonic()
        os.killpg(server.process.pid, number)  # as a terminal does
        assert server.process.wait(20) == status
        assert time.monotonic() - started < 5
        assert until(lambda: not any(map(exists, workers)), 5)
        assert server.process.stdout.read() == "Ctrl-C ends it.\n"
        assert server.process.stderr.read().strip() == ""
    finally:
        server.end()


@needs_the_extra
@pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc")
def test_workers_end_with_a_server_that_is_killed():
    server = Server([*COMMAND, "--port", "0"])
    workers = server.workers()
    server.process.kill()
    server.process.wait(20)
    assert until(lambda: not any(map(exists, workers)), 10)
    server.end()


@needs_the_extra
def test_it_begins_with_what_is_named(tmp_path):
    from shapecalc.server.beginning import Beginning

    assert Beginning("").read() == {"text": "", "name": "", "variant": "", "inputs": {}, "variables": {}}
    bundled = Beginning("resnet50")
    assert (bundled.read()["name"], bundled.read()["variant"]) == ("resnet.yaml", "resnet50")
    assert "  resnet152:" in bundled.read()["text"], "the whole family, so that the page lists its variants"
    assert bundled.folder == ""
    family = tmp_path / "family.yaml"
    family.write_text(SMALL + "vars: {a: 1}\nvariants: {small: {vars: {a: 2}}, large: {vars: {a: 3}}}\n")
    member = Beginning(f"{family}:large")
    assert (member.read()["variant"], member.folder) == ("large", str(tmp_path))
    digits = Beginning("docs/digits.onnx", "1x28x28").read()
    assert (digits["name"], digits["inputs"]) == ("digits.yaml", {})
    assert "1x28x28" in digits["text"]
    set_beside = Beginning(str(family), "3x64x64", {"a": 4}).read()
    assert (set_beside["inputs"], set_beside["variables"]) == ({"": "3x64x64"}, {"a": 4})
    assert "conv" in Beginning("docs/digits.pt2", "1x28x28").read()["text"]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": "gpt2", "n_layer": 2}))
    assert "layers:" in Beginning(str(config)).read()["text"]


@needs_the_extra
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("unet", "--set", "nope=10"), "there is no variable nope to set"),
        (("unet", "--input", "x"), "'x' is not a size"),
        (("unet:small", "--port", "0"), "unet.yaml has no variant small"),
    ],
)
def test_what_cannot_be_set_ends_the_command(given, message):
    ran = run("serve", "--no-browser", *given)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


@needs_the_extra
def test_a_wrong_text_or_value_is_shown_by_the_page(tmp_path):
    from shapecalc.server.beginning import Beginning

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("vars: {a: 1}\nlayers: [conv: {\n")
    assert Beginning(str(wrong), None, {"a": 2}).read()["variables"] == {"a": 2}
    assert Beginning("unet", None, {"width": -1}).read()["variables"] == {"width": -1}


@needs_the_extra
def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("serve", "--no-browser", "--port", port)
    assert ran.status == 2
    assert f"port {port} of 127.0.0.1 cannot be listened on: Address already in use" in ran.err
    assert "--port" in ran.err


@needs_the_extra
@pytest.mark.parametrize(("spec", "words"), [("nowhere", "there is no file nowhere"), ("docs/alexnet.svg", "")])
def test_what_is_no_network_is_an_error_of_the_command(spec, words):
    if words:
        ran = run("serve", "--no-browser", spec)
        assert (ran.status, ran.out) == (2, "")
        assert words in ran.err


@needs_the_extra
def test_it_listens_on_ipv6_too():
    from shapecalc.server.guard import RequestGuard
    from shapecalc.server.running import listen

    try:
        address = listen("::1", 0)
    except UsageError:
        pytest.skip("this machine has no IPv6")
    address.socket.close()
    assert re.fullmatch(rf"http://\[::1\]:{address.port}/#token=[\w-]{{32}}", address.url)
    assert RequestGuard(None, address.token, address.hosts, address.port)._is_own(f"[::1]:{address.port}")


@needs_the_extra
def test_another_host_than_this_machine_is_said_to_be_one():
    server = subprocess.Popen([*COMMAND, "--port", "0", "--host", "0.0.0.0"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        url = server.stdout.readline()
        assert re.fullmatch(r"http://[^:]+:\d+/#token=[\w-]{32}\n", url)
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)
    assert said.startswith("Listening on 0.0.0.0: whoever can reach this machine and has the address below can use it")


def test_without_the_extra_it_is_named():
    ran = subprocess.run([sys.executable, "-c", WITHOUT, "serve"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == (
        "the live page needs starlette, which is not installed\n   install it with: pip install 'shapecalc-nn[serve]'\n"
    )


def test_no_other_command_loads_the_server():
    code = "import sys, io, contextlib\nfrom shapecalc.__main__ import main\nsys.argv = ['shapecalc', 'summary', 'lenet5']\n"
    code += (
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()\nprint(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "shapecalc.model.report" in loaded
    assert not [
        name
        for name in loaded
        if name.startswith(("shapecalc.server", "shapecalc.editor", "starlette", "uvicorn", "asyncio"))
    ]


@needs_the_extra
@pytest.mark.skipif(os.name == "nt", reason="it has no /bin/false")
def test_a_server_whose_workers_do_not_start_is_an_error():
    code = (
        "import sys\nfrom shapecalc.server import pool, running\nfrom shapecalc.errors import UsageError\n"
        "sys.executable = '/bin/false'\n"
        "try: running.run(running.listen('127.0.0.1', 0), dict, '', print, pool.Limits(workers=1))\n"
        "except UsageError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.startswith("no process starts that works requests out")
    assert ran.stderr == ""
