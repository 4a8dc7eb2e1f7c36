"""Who may ask the server: the page from its own address, with the token; nothing that another site can send."""

from __future__ import annotations

import pytest
from serving import IS_SKIPPED, SMALL, serving

pytestmark = pytest.mark.skipif(IS_SKIPPED, reason="it needs the extra serve")


@pytest.fixture(scope="module")
def server():
    with serving(workers=1) as running:
        yield running


def test_the_page_needs_no_token_and_may_do_little(server):
    page = server.send("GET", "/", x_shapecalc_token=None)
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "server" not in page.headers


def test_answers_are_in_no_cache_and_for_no_other_site(server):
    answer = server.ask("look", SMALL)
    assert answer.status == 200
    assert answer.json["totals"]["params"] == 112
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_shapecalc_token": None},
        {"x_shapecalc_token": ""},
        {"x_shapecalc_token": "a" * 32},
        {"x_shapecalc_token": "\xe4" * 32},
        {"host": "evil.example"},
        {"host": "evil.example:{port}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:1"},
        {"host": "127.0.0.1.evil.example:{port}"},
        {"host": "localhost@evil.example:{port}"},
        {"host": "10.0.0.1:{port}"},
        {"host": None},
        {"host": ["127.0.0.1:{port}", "evil.example"]},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost:{port}"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
    ],
    ids=str,
)
def test_a_request_of_others_is_refused(server, headers):
    filled = {
        name: [one.format(port=server.port) for one in value] if isinstance(value, list) else value and value.format(port=server.port)
        for name, value in headers.items()
    }  # fmt: skip
    for method, path in (("POST", "/api/answer"), ("POST", "/api/read"), ("GET", "/api/start")):
        reply = server.send(method, path, b'{"do": "examples"}', **filled)
        assert reply.status in (0, 400, 403), path  # without a host, or with two, it is no HTTP
        assert b"alexnet" not in reply.body
        if reply.status == 403:
            assert reply.json["ok"] is False


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}"])
def test_its_own_names_are_known(server, host):
    host = host.format(port=server.port)
    assert server.ask("look", SMALL, headers={"host": host, "origin": f"http://{host}"}).status == 200


def test_a_file_of_the_page_is_not_part_of_another_site(server):
    inside = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"}
    assert server.send("GET", "/", **inside).status == 403
    assert server.send("GET", "/", **{**inside, "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}).status == 403
    opened = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert server.send("GET", "/", **opened).status == 200, "a link to the page, as that of a terminal in a browser"


def test_no_simple_request_of_a_form_is_accepted(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        reply = server.ask("look", SMALL, headers={"content_type": kind})
        assert (reply.status, reply.json["ok"]) == (415, False)


def test_no_site_is_allowed_by_a_preflight(server):
    asked = {"origin": "http://evil.example", "access_control_request_method": "POST",
             "access_control_request_headers": "x-shapecalc-token"}  # fmt: skip
    reply = server.send("OPTIONS", "/api/answer", **asked)
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]
    assert server.send("OPTIONS", "/api/answer").status == 405


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/%2e%2e/%2e%2e/pyproject.toml", "/..%2f..%2fetc/passwd", "//etc/passwd", "/etc/passwd",
     "/assets/../../__init__.py", "/%2e%2e%5c%2e%2e%5cworker.py", "/worker.py", "/index.html%00.js", "/page/index.html",
     "/" + "a" * 5000, "/%ff%fe"],
)  # fmt: skip
def test_only_files_of_the_page_are_served(server, path):
    reply = server.send("GET", path, seconds=20)
    assert reply.status in (400, 404)
    assert b"root:" not in reply.body
    assert b"import" not in reply.body


def test_unknown_paths_and_methods_are_json(server):
    for method, path, status in (("GET", "/api/nothing", 404), ("GET", "/api/answer", 405), ("POST", "/", 405),
                                 ("DELETE", "/api/answer", 405), ("PUT", "/api/start", 405)):  # fmt: skip
        reply = server.send(method, path)
        assert (reply.status, reply.json["ok"]) == (status, False), (method, path)


def test_what_listens_elsewhere_knows_its_own_names():
    from shapecalc.server.guard import RequestGuard, is_loopback

    guard = RequestGuard(None, "token", ["*", "box", "0.0.0.0"], 80)
    assert [guard._is_own(host) for host in ("box:80", "10.0.0.7:80", "[fe80::1]:80", "localhost", "BOX:80")] == [
        True
    ] * 5
    assert [guard._is_own(host) for host in ("evil.example:80", "10.0.0.7:81", "10.0.0.7.evil:80", "")] == [False] * 4
    assert [is_loopback(host) for host in ("127.0.0.1", "127.8.0.1", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "box", "127.0.0.1.evil")] == [False] * 5
