"""A real server in another process, with a client that says exactly what it sends."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

NEEDED = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
IS_SKIPPED = bool(NEEDED) and not os.environ.get("SHAPECALC_REQUIRE_SERVER")

PROGRAM = """
import json, sys
from shapecalc.server.beginning import Beginning
from shapecalc.server.pool import Limits
from shapecalc.server.running import listen, run
beginning = Beginning(sys.argv[1])
beginning.read()
address = listen("127.0.0.1", 0)
ready = lambda: print(address.url, flush=True)
run(address, beginning.read, beginning.folder, ready, Limits(**json.loads(sys.argv[2])))
"""
SMALL = "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}, relu]\n"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A server that is running: `url` is what it printed."""

    def __init__(self, command: list[str], **rest: Any) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **rest)
        found = select.select([self.process.stdout], [], [], 60)[0]
        self.url = self.process.stdout.readline().strip() if found else ""
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#token=([\w-]{32})", self.url)
        assert match, (self.url, self.process.poll())
        self.port, self.token = int(match[1]), match[2]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: bytes | None = None, *, seconds: float = 60, **headers: Any) -> Reply:
        """Send a request with these headers (names with _ for -); one that is None is not sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        own = {"host": self.host, "x_shapecalc_token": self.token, "content_type": "application/json", **headers}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in own.items():
                for one in value if isinstance(value, list) else [value]:
                    if one is not None:
                        connection.putheader(name.replace("_", "-"), one)
            if body is not None and not {"transfer_encoding", "content_length"} & {*own}:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.send(body or b"")
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        except ConnectionResetError:  # it was closed while there was more to send, before what it said was read
            return Reply(0, {}, b"")
        finally:
            connection.close()

    def ask(
        self, do: str, text: str | None = None, *, path: str = "/api/answer", headers: Any = None, **more: Any
    ) -> Reply:
        request = {"do": do, "text": text, "name": "net.yaml", **more}
        return self.send("POST", path, json.dumps(request).encode(), **headers or {})

    def workers(self) -> list[int]:
        """The ids of the processes that it has started."""
        own = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in own.read_text().split()]

    def sockets(self) -> int:
        """How many sockets it has open."""
        own = Path(f"/proc/{self.process.pid}/fd")
        return sum(os.readlink(one).startswith("socket:") for one in own.iterdir())

    def memory(self) -> int:
        """The bytes of memory that it and its workers have now."""
        return sum(resident(pid) for pid in (self.process.pid, *self.workers()))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()


def resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


@contextlib.contextmanager
def serving(spec: str = "", **limits: Any):
    """Run a server with limits of its own."""
    server = Server([sys.executable, "-c", PROGRAM, spec, json.dumps(limits)])
    try:
        yield server
    finally:
        server.end()


def until(holds, seconds: float = 20) -> bool:
    """Wait until something holds; return whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
