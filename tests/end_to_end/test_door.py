"""Who may come in, what is refused before a model is called, and how each face is told (issue, sections 5 and 8.7)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hostler.app import serve
from hostler.errors import ConfigError
from tests.end_to_end.faces import FACES, ask_of, error_of
from tests.end_to_end.gate import CHAT, HOST, MESSAGES, Gate, Setup, gate, get, provider, request, settings_of
from tests.end_to_end.machine import machine
from tests.system.http_server.door import Reply

PAGE = "https://page.example"


async def raw(door: Gate, data: bytes, *, to_head: bool = False) -> Reply:
    client = await door.client()
    client.send(data)
    return await client.reply(to_head=to_head)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:8484",
        b"localhost.evil.example",
        b"10.1.2.3",
        b"[2001:db8::1]:80",
        b"127.0.0.1.x",
    ],
)
async def test_a_foreign_host_is_refused(face: str, host: bytes, tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        data = request(face, ask_of(face, "here/demo")).replace(HOST, b"Host: " + host)
        reply = await raw(door, data)
        assert reply.status == 403 and reply.closes
        assert "allowed_hosts" in error_of(face, reply)["message"]


@pytest.mark.parametrize(
    "host", [b"localhost", b"LOCALHOST:1", b"127.0.0.1:8484", b"127.9.9.9", b"[::1]:8484", b"[::1]"]
)
async def test_this_machines_own_names_are_good(host: bytes, tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        assert (await raw(door, get("/health").replace(HOST, b"Host: " + host))).status == 200


async def test_allowed_hosts_open_the_door_on_purpose(tmp_path: Path) -> None:
    async with gate(tmp_path, setup=Setup(gateway={"allowed_hosts": ("My.Host",)})) as door:
        assert (await raw(door, get("/health").replace(HOST, b"Host: my.host:99"))).status == 200
        assert (await raw(door, get("/health").replace(HOST, b"Host: your.host"))).status == 403


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("origin", [PAGE, "null", "http://localhost.evil.example", "http://localhost:1", "file://"])
async def test_a_foreign_origin_is_refused(face: str, origin: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(face, ask_of(face, "a/m"), {"Origin": origin})
        assert reply.status == 403
        assert "allowed_origins" in error_of(face, reply)["message"]
        for path in ("/v1/models", "/", "/health"):
            assert (await door.ask(path, headers={"Origin": origin})).status == 403
        assert not a.calls


def preflight(path: str, origin: str) -> bytes:
    asked = b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-stainless-os, authorization"
    return get(path, b"Origin: " + origin.encode(), *asked.split(b"\r\n"), method=b"OPTIONS")


async def test_an_allowed_origin_may_preflight_and_read_the_answer(tmp_path: Path) -> None:
    setup = Setup(gateway={"allowed_origins": (PAGE,), "keys": ("secret",)}, engine={})
    async with machine() as a, gate(tmp_path, provider("a", a), setup=setup) as door:
        reply = await raw(door, preflight(CHAT, PAGE))
        assert reply.status == 204
        assert reply.headers[b"access-control-allow-origin"] == PAGE.encode()
        assert b"POST" in reply.headers[b"access-control-allow-methods"]
        assert reply.headers[b"access-control-allow-headers"] == b"x-stainless-os, authorization"
        assert (await raw(door, preflight(CHAT, "https://other.example"))).status == 403
        own = {"Origin": PAGE, "Authorization": "Bearer secret"}
        answers: list[tuple[int, Reply]] = [
            (200, await door.ask(CHAT, ask_of(CHAT, "a/m"), own)),
            (200, await door.ask(CHAT, ask_of(CHAT, "a/m", stream=True), own)),
            (200, await door.ask("/v1/models", headers=own)),
            (404, await door.ask(CHAT, ask_of(CHAT, "here/nothing"), own)),
            (404, await door.ask("/v1/models/here/nothing", headers=own)),
            (401, await door.ask(CHAT, ask_of(CHAT, "a/m"), {"Origin": PAGE})),
            (404, await door.ask("/nowhere", headers=own)),
            (405, await door.ask(CHAT, headers=own)),
        ]
        for status, answer in answers:
            assert answer.status == status
            assert answer.headers.get(b"access-control-allow-origin") == PAGE.encode(), answer


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_beyond_this_machine_only_with_a_key(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"refusing to listen on .*no key exists") as caught:
        await serve(settings_of(tmp_path, (), Setup(gateway={"host": host})), lambda _: None)
    assert caught.value.hint and "hostler keys create" in caught.value.hint


async def test_beyond_this_machine_every_call_needs_the_key(tmp_path: Path) -> None:
    setup = Setup(gateway={"host": "0.0.0.0", "keys": ("secret",)})
    async with machine() as a, gate(tmp_path, provider("a", a), setup=setup) as door:
        for face in FACES:
            reply = await door.ask(face, ask_of(face, "a/m"))
            assert reply.status == 401
            error_of(face, reply)
            assert (await door.ask(face, ask_of(face, "a/m"), {"x-api-key": "wrong"})).status == 401
            assert (await door.ask(face, ask_of(face, "a/m"), {"x-api-key": "secret"})).status == 200
        assert (await door.ask("/v1/models")).status == 401
        assert (await door.ask("/health")).status == 200


KEYS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("", {"Authorization": "Bearer secret"}),
    ("", {"authorization": "bearer secret"}),
    ("", {"x-api-key": "secret"}),
    ("", {"x-goog-api-key": "secret"}),
    ("?key=secret", {}),
    ("?beta=true&key=secret", {}),
)


@pytest.mark.parametrize("face", FACES)
async def test_a_key_may_stand_wherever_clients_put_it(face: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), setup=Setup(gateway={"keys": ("secret",)})) as door:
        for query, headers in KEYS:
            assert (await door.ask(face + query, ask_of(face, "a/m"), headers)).status == 200
        for query, headers in (("", {}), ("?key=", {}), ("", {"Authorization": "Basic secret"}), ("?key=%ff", {})):
            reply = await door.ask(face + query, ask_of(face, "a/m"), headers)
            assert reply.status == 401
            error_of(face, reply)
        rows = await door.rows()
        assert [row.outcome for row in rows].count("refused") == 4
        assert "secret" not in str(rows)


async def test_probes_without_a_body(tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        for path, kind in (("/", b"text/html"), ("/v1/models", b"application/json"), ("/health", b"application/json")):
            seen = await raw(door, get(path, method=b"HEAD"), to_head=True)
            full = await door.ask(path)
            assert seen.status == full.status == 200 and full.body
            assert seen.headers[b"content-type"] == full.headers[b"content-type"]
            assert full.headers[b"content-type"].startswith(kind)
            assert seen.headers[b"content-length"] == full.headers[b"content-length"]
        client = await door.client()
        client.send(get("/", method=b"HEAD") + get("/health"))
        assert (await client.reply(to_head=True)).status == 200
        assert json.loads((await client.reply()).body) == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        (b"GET", CHAT, b"POST"),
        (b"HEAD", MESSAGES, b"POST"),
        (b"DELETE", MESSAGES, b"POST"),
        (b"POST", "/v1/models", b"GET, HEAD"),
        (b"PUT", "/", b"GET, HEAD"),
        (b"PATCH", "/v1/models/a/m", b"GET, HEAD"),
    ],
)
async def test_the_wrong_method_is_told_the_right_one(method: bytes, path: str, allowed: bytes, tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        data = get(path, b"Content-Length: 0", method=method)
        reply = await raw(door, data, to_head=method == b"HEAD")
        assert (reply.status, reply.headers[b"allow"]) == (405, allowed)
        if method != b"HEAD":
            error_of(MESSAGES if path == MESSAGES else CHAT, reply)


@pytest.mark.parametrize("face", FACES)
async def test_sizes_have_bounds(face: str, tmp_path: Path) -> None:
    setup = Setup(gateway={"max_body_mb": 1, "max_head_kb": 8})
    async with machine() as a, gate(tmp_path, provider("a", a), setup=setup) as door:
        large = ask_of(face, "a/m", pad="x" * (1 << 20))
        reply = await door.ask(face, large)
        assert reply.status == 413 and reply.closes
        error = error_of(face, reply)
        assert face == CHAT or error["type"] == "request_too_large"
        reply = await door.ask(face, ask_of(face, "a/m"), {"x-pad": "x" * 9000})
        assert reply.status == 431 and reply.closes
        error_of(CHAT, reply)  # a head that is too long names no face
        reply = await door.ask(face, ask_of(face, "a/m", pad="x" * ((1 << 20) - 400)))
        assert reply.status == 200 and len(a.calls) == 1


@pytest.mark.parametrize("face", FACES)
async def test_who_asks_first_is_told_to_continue_or_not(face: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), setup=Setup(gateway={"keys": ("secret",)})) as door:
        whole = request(face, ask_of(face, "a/m"), {"Expect": "100-continue", "x-api-key": "secret"})
        head, _, body = whole.partition(b"\r\n\r\n")
        client = await door.client()
        client.send(head + b"\r\n\r\n")
        assert (await client.head())[0] == 100
        client.send(body)
        assert (await client.reply()).status == 200
        refused = await raw(door, head.replace(b"secret", b"wrong") + b"\r\n\r\n")
        assert refused.status == 401, "without the body having been sent"


@pytest.mark.parametrize("face", FACES)
async def test_a_model_that_is_not_there_has_neighbours(face: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), setup=Setup(engine={})) as door:
        await door.app.discovery.refresh()
        reply = await door.ask(face, ask_of(face, "here/dmeo"))
        assert reply.status == 404
        message = error_of(face, reply)["message"]
        assert "here/dmeo" in message and "here/demo" in message
        reply = await door.ask(face, ask_of(face, "openai/some-model"))
        assert reply.status == 503
        assert "OPENAI_API_KEY" in error_of(face, reply)["message"]
        rows = await door.wait_rows(2)
        assert [(row.outcome, row.error) for row in rows] == [
            ("refused", "model_not_found"),
            ("refused", "provider_not_ready"),
        ]


BODIES: tuple[tuple[bytes, str], ...] = (
    (b"", "JSON"),
    (b"{", "JSON"),
    (b"[]", "body"),
    (b"null", "body"),
    (b'"a/m"', "body"),
    (b"{}", "model"),
    (b'{"model": null, "messages": []}', "model"),
    (b'{"model": "", "messages": []}', "model"),
    (b'{"model": 7, "messages": []}', "model"),
    (b'{"model": "a/m", "model": "a/x", "messages": []}', "model"),
    (b'{"model": "a/m", "mod\\u0065l": "a/x", "messages": []}', "model"),
    (b'{"model": "a/m", "stream": "yes", "messages": []}', "stream"),
    (b'{"model": "a/m", "stream": true, "stream": false, "messages": []}', "stream"),
    (b'{"model": "a/m\xff", "messages": []}', "JSON"),
    (b'{"model": "a/\\ud800", "messages": []}', "JSON"),
    (b'{"model": "a/m", "messages": ' + b"[" * 100_000, "nested"),
    (b'{"model": "a/m", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("body", "named"), BODIES, ids=lambda value: repr(value)[:24])
async def test_a_body_that_asks_for_nothing_clear_is_a_400(
    face: str, body: bytes, named: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a, "anthropic")) as door:
        reply = await door.ask(face, body)
        assert reply.status == 400, reply
        assert named in error_of(face, reply)["message"]
        assert not a.calls
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("face", FACES)
async def test_a_model_name_has_a_bound(face: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(face, ask_of(face, "a/" + "x" * 100_000))
        assert reply.status == 400, "it would stand in every header, cache and row"
        error_of(face, reply)
        assert len(reply.body) < 2000


@pytest.mark.parametrize("name", ["a/m\r\nx-evil: 1", "a/\x00", "a/é☃", "a/ m", 'a/"m"', "a/m%0d%0a"])
async def test_a_model_name_may_hold_anything_and_breaks_nothing(name: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        for face in FACES:
            reply = await door.ask(face, ask_of(face, name))
            assert reply.status == 200
            assert json.loads(reply.body)["model"] == name
            assert b"x-evil" not in reply.headers and reply.headers[b"x-hostler-model"].startswith(b"a/")
        assert [each.json["model"] for each in a.calls] == [name[2:]] * 2


async def test_the_control_api_takes_the_folders_token_only(tmp_path: Path) -> None:
    async with gate(tmp_path, setup=Setup(gateway={"keys": ("secret",)})) as door:
        path = "/hostler/api/control/status"
        for headers in ({}, {"Authorization": "Bearer secret"}, {"Authorization": "Bearer "}):
            reply = await door.ask(path, headers=headers)
            assert reply.status == 401
            assert door.app.token.encode() not in reply.body
        own = {"Authorization": f"Bearer {door.app.token}"}
        status: Any = json.loads((await door.ask(path, headers=own)).body)
        assert status["pid"] and status["upstream"]["busy"] == 0
        assert (await door.ask("/hostler/api/control/nothing", headers=own)).status == 404
        assert (await door.ask(path, headers={**own, "Origin": PAGE})).status == 403


async def test_the_front_page_keeps_silent_once_there_are_keys(tmp_path: Path) -> None:
    async with machine() as a:
        async with gate(tmp_path, provider("secret-desk", a), setup=Setup(engine={})) as door:
            page = await door.ask("/")
            assert b"secret-desk" in page.body and b"here/demo" in page.body
            assert b"default-src 'none'" in page.headers[b"content-security-policy"]
        async with gate(tmp_path, provider("secret-desk", a), setup=Setup(gateway={"keys": ("k",)})) as door:
            assert b"secret-desk" not in (await door.ask("/")).body
