"""What a request can cost: its size, time and memory are limited, and no request harms another."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import IS_SKIPPED, SMALL, resident, serving, until

pytestmark = [
    pytest.mark.skipif(IS_SKIPPED, reason="it needs the extra serve"),
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc"),
]

MIB = 2**20
LONG = "input: 8\nlayers: [" + "relu, " * 95_000 + "relu]\n"
"""Ten seconds of work."""
ALIASES = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 20))
HOSTILE = {
    "many layers": LONG,
    "an alias bomb": f"a0: &a0 [x]\n{ALIASES}input: 8\nlayers: [relu]\n",
    "brackets": "[" * 400_000,
    "too many layers": "input: 8\nlayers: [" + "relu, " * 150_000 + "]",
    "errors everywhere": "input: 8\nlayers:\n" + "  - conv: {kernel: 3}\n" * 20_000,
    "a large power": "input: 8\nlayers: [{fc: 9**9**9}]\n",
    "a long line": "input: 8\nlayers: [{fc: " + "9" * 900_000 + "}]\n",
    "surrogates": "input: 8\nlayers: [relu] # \ud800\udfff\ud83d",
}
SECONDS = 1.5


@pytest.fixture(scope="module")
def server():
    with serving(workers=2, seconds=SECONDS, file_seconds=8, arrival=1.5, patience=40, memory=700 * MIB) as running:
        yield running


def small(server, **headers):
    return server.ask("look", SMALL, headers=headers)


def test_a_request_that_takes_too_long_is_stopped(server):
    started = time.monotonic()
    reply = server.ask("look", LONG)
    assert reply.status == 503
    assert reply.json["error"]["message"] == "this takes more than 1.5 seconds: it was stopped"
    assert SECONDS <= time.monotonic() - started < SECONDS + 15
    assert small(server).status == 200


def test_a_request_that_needs_too_much_memory_is_stopped(server):
    files = [{"name": "a.yaml", "base64": base64.b64encode(b"\0" * 8 * MIB).decode()}]
    assert server.ask("read", path="/api/read", files=files).status == 200
    with serving(workers=1, memory=100 * MIB) as narrow:
        reply = narrow.ask("read", path="/api/read", files=files)
        assert reply.json["ok"] is False
        assert "memory" in reply.json["error"]["message"]
        assert small(narrow).status == 200


def test_a_killed_worker_is_replaced(server):
    assert until(lambda: len(server.workers()) == 2)
    before = server.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    replies = [small(server).status for _ in range(4)]
    assert replies == [200] * 4
    assert until(lambda: len(server.workers()) == 2)
    assert not {*before} & {*server.workers()}


def test_a_worker_that_is_killed_at_work_harms_its_own_request_alone(server):
    before = {*server.workers()}
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(server.ask, "look", LONG)
        time.sleep(0.5)
        busy = max(before, key=resident)
        os.kill(busy, signal.SIGKILL)
        assert [one.status for one in pool.map(lambda _: small(server), range(6))] == [200] * 6
        assert slow.result().json["error"]["kind"] == "slow", "it is tried a second time, and takes too long"


def test_the_newest_edit_wins():
    with serving(workers=2, seconds=100) as server:
        check_the_newest_wins(server)


def check_the_newest_wins(server):
    headers = {"x_shapecalc_page": "p1", "x_shapecalc_do": "look"}
    with ThreadPoolExecutor(4) as pool:
        old = pool.submit(server.ask, "look", LONG, headers={**headers, "x_shapecalc_number": "1"})
        time.sleep(0.4)
        other = server.ask("look", SMALL, headers={**headers, "x_shapecalc_page": "p2", "x_shapecalc_number": "1"})
        started = time.monotonic()
        new = server.ask("look", SMALL, headers={**headers, "x_shapecalc_number": "2"})
        reply = old.result()
        assert time.monotonic() - started < 8, "before the old one could have been answered"
    assert (other.status, new.status) == (200, 200)
    assert (reply.status, reply.json["error"]["kind"]) == (409, "overtaken")
    late = server.ask("look", SMALL, headers={**headers, "x_shapecalc_number": "1"})
    assert late.status == 409, "one that arrives after a newer one"


def test_a_client_that_ends_frees_its_worker(server):
    body = json.dumps({"do": "look", "text": LONG}).encode()
    head = (f"POST /api/answer HTTP/1.1\r\nhost: {server.host}\r\nx-shapecalc-token: {server.token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n").encode()  # fmt: skip
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(head + body)
            time.sleep(0.02)
    started = time.monotonic()
    assert small(server).status == 200
    assert time.monotonic() - started < 9 * SECONDS, "not the time of ten requests"


@pytest.mark.parametrize("path", ["/api/answer", "/api/read"])
def test_a_body_has_a_maximum_length(server, path):
    most = {"/api/answer": 4, "/api/read": 96}[path] * MIB
    assert server.send("POST", path, b"", content_length=str(most + 1)).status == 413
    if path == "/api/answer":
        endless = b"%x\r\n%s\r\n" % (MIB, b" " * MIB)
        reply = server.send("POST", path, endless * 6, transfer_encoding="chunked")
        assert reply.status in (0, 413)
        if reply.status:
            assert reply.json["error"]["message"] == "this is more than 4 MiB, which is as much as is read"


def test_bodies_together_have_a_maximum_length():
    with serving(workers=1, bodies=3 * MIB, arrival=20) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(_head(server, 4 * MIB) + b" " * (2 * MIB))
            time.sleep(0.5)
            reply = server.send("POST", "/api/answer", b" " * (2 * MIB))
            assert (reply.status, reply.json["error"]["kind"]) == (503, "busy")
            assert small(server).status == 200
        assert until(lambda: server.send("POST", "/api/answer", b" " * (2 * MIB)).status == 200)
        assert server.send("POST", "/api/answer", b" " * (2 * MIB)).status == 200, "what was answered is not held"


def _head(server, length):
    return (f"POST /api/answer HTTP/1.1\r\nhost: {server.host}\r\nx-shapecalc-token: {server.token}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n").encode()  # fmt: skip


def test_a_body_that_arrives_too_slowly_is_not_waited_for(server):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(_head(server, 100) + b"{")
        started = time.monotonic()
        assert client.recv(100).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 15


@pytest.mark.slow  # it waits for what is slow
def test_connections_that_stall_are_ended():
    with serving(workers=1, seconds=60, stall=2) as server, contextlib.ExitStack() as opened:
        idle = server.sockets()

        def connect():
            return opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))

        silent, half, reading_nothing = connect(), connect(), connect()
        half.sendall(_head(server, 10)[:-4])
        body = json.dumps(
            {"do": "export", "format": "json", "text": "input: 8\nlayers: [{relu: {}, repeat: 25000}]\n"}
        ).encode()
        reading_nothing.sendall(_head(server, len(body)) + body)
        for client in (silent, half):
            client.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(10) == b""
        assert until(lambda: server.sockets() == idle, 60)
        reading_nothing.settimeout(30)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while part := reading_nothing.recv(1 << 20):
                received += len(part)
        whole = server.send("POST", "/api/answer", body).body
        assert 0 < received < len(whole), "what the buffers of the system held"
        assert small(server).status == 200


@pytest.mark.slow  # it waits for what is slow
def test_too_many_requests_are_told_to_come_back():
    with serving(workers=1, waiting=1, seconds=2, patience=60) as server, ThreadPoolExecutor(8) as pool:
        replies = [*pool.map(lambda _: server.ask("look", LONG), range(8))]
    kinds = [reply.json["error"]["kind"] for reply in replies]
    assert {reply.status for reply in replies} == {503}
    assert kinds.count("busy") == 6, "one is worked out, and one waits"


def test_what_is_no_request_is_answered_in_words(server):
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"do": 3}',
        b'{"do": "sing"}',
        b"1e999",
        b"NaN",
    ):
        reply = server.send("POST", "/api/answer", body)
        assert reply.status == 200
        assert reply.json["ok"] is False
        assert "Traceback" not in reply.json["error"]["message"]


@pytest.mark.slow  # it waits for what is slow
def test_a_hundred_edits_at_once():
    """Of which some are hostile: the others are answered, the memory is bounded, and no process stays behind."""
    with serving(workers=2, seconds=SECONDS, patience=60, memory=700 * MIB) as server:
        assert small(server).status == 200
        idle = server.memory()
        peak = [0]
        done = threading.Event()

        def watch():
            while not done.wait(0.02):
                peak[0] = max(peak[0], server.memory())

        watching = threading.Thread(target=watch)
        watching.start()
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for number, client in enumerate(slow):  # that send half of a head, or of a body, or read nothing
            client.sendall(_head(server, 10)[: -4 if number % 2 else None] + b"{"[number % 2 :])
        texts = [*HOSTILE.values()]
        started = time.monotonic()

        def edit(number):
            if number % 12 == 0:
                return "hostile", server.ask("look", texts[number // 12 % len(texts)])
            text = SMALL.replace("4", str(number + 1))
            return number, server.ask(
                "look", text, headers={"x_shapecalc_page": f"page{number}", "x_shapecalc_number": "1"}
            )

        try:
            with ThreadPoolExecutor(100) as pool:
                replies = [*pool.map(edit, range(100))]
        finally:
            done.set()
            watching.join()
            for client in slow:
                client.close()
        seconds = time.monotonic() - started
        for kind, reply in replies:
            assert reply.status in (200, 503) if kind == "hostile" else reply.status == 200, (kind, reply.body[:200])
            if kind != "hostile":
                assert reply.json["totals"]["params"] == 28 * (kind + 1), "its own answer"
        print(f"{seconds:.1f} s; {idle // MIB} MiB idle, {peak[0] // MIB} MiB at most")
        assert seconds < 60
        assert peak[0] < 1000 * MIB
        assert until(lambda: len(server.workers()) == 2 and server.memory() < idle + 250 * MIB)
        process = server.process
    assert process.poll() is not None


def test_answers_that_are_not_read_are_held_up_to_a_length():
    from shapecalc.server.bodies import Bodies
    from shapecalc.server.replies import AnswerReply

    async def check():
        bodies, sent, reads = Bodies(5 * MIB), [], asyncio.Event()

        async def send(message):
            sent.append(message)
            await reads.wait()

        first = asyncio.ensure_future(AnswerReply(b"1" * (3 * MIB), bodies)({}, None, send))
        await asyncio.sleep(0)
        assert bodies.held == 3 * MIB
        reads.set()
        refused = []

        async def note(message):
            refused.append(message)

        bodies.held = 3 * MIB
        await AnswerReply(b"2" * (3 * MIB), bodies)({"type": "http"}, None, note)
        assert refused[0]["status"] == 503
        await first
        assert b"".join(message.get("body", b"") for message in sent) == b"1" * (3 * MIB)
        assert [message.get("more_body") for message in sent[1:]] == [*[True] * (len(sent) - 2), False]
        assert bodies.held == 0

    asyncio.run(check())
