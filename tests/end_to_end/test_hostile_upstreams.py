"""Upstreams that mean harm, or are merely odd: what they may not do to us, to the client, or to the next call."""

import asyncio
import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from hostler.accounts.ledger import Ledger
from hostler.errors import StorageError
from hostler.routing import translate
from hostler.wire import anthropic, openai_chat
from tests.end_to_end import machine as wire
from tests.end_to_end.faces import FACES, ask_of, broke_loudly, error_of, text_of
from tests.end_to_end.gate import CHAT, EMBEDDINGS, MESSAGES, Gate, Setup, gate, provider, request
from tests.end_to_end.machine import Asked, Line, Machine, machine
from tests.end_to_end.test_failing_upstreams import WAYS, kind_of, stream_of
from tests.system.http_server.door import Client
from tests.waiting import wait_until

TOO_EARLY_OR_LATE = "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"
BOMB = gzip.compress(b" " * (64 << 20), 9)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
async def test_an_error_with_a_senseless_date_is_answered(face: str, way: str, tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole({}, 429, retry_after=TOO_EARLY_OR_LATE, date="Mon, 01 Jan 2024 00:00:00 GMT")

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind_of(face, way))) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 429
        await door.wait_idle()


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
async def test_an_upstream_sends_no_client_elsewhere(status: int, face: str, way: str, tmp_path: Path) -> None:
    """A client that follows would take its key and its words along."""

    async def script(_: Asked, line: Line) -> None:
        lines = [f"HTTP/1.1 {status} X", "location: http://127.0.0.1:1/v1/messages", "content-length: 0"]
        await line.send(wire.head(lines))

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind_of(face, way))) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 502
        assert b"location" not in reply.headers
        assert str(status) in error_of(face, reply)["message"]
        assert [row.outcome for row in await door.wait_rows(1)] == ["error"]


@pytest.mark.parametrize("status", [204, 205])
@pytest.mark.parametrize("kind", [wire.JSON, wire.EVENTS])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_without_content_is_an_error_and_what_follows_it_is_in_step(
    status: int, kind: str, face: str, way: str, tmp_path: Path
) -> None:
    """A client reads no body after such a status: whatever were sent as one would be the next reply's beginning."""

    async def script(asked: Asked, line: Line) -> None:
        if len(a.calls) > 1:
            await a.serve(asked, line)
        else:
            length = [] if status == 204 else ["content-length: 0"]  # which a 204 must not have
            await line.send(wire.head([f"HTTP/1.1 {status} X", f"content-type: {kind}", *length]))

    a = Machine(script=script)
    async with machine(a), gate(tmp_path, provider("a", a, kind_of(face, way))) as door:
        client = await door.client()
        for stream, expected in ((kind == wire.EVENTS, 502), (False, 200)):
            reply = await client.ask(request(face, ask_of(face, "a/m", stream=stream)))
            assert reply.status == expected
            if expected == 502:
                assert error_of(face, reply)["message"]
            else:
                assert b"machine as m" in reply.body
        assert [row.outcome for row in await door.wait_rows(2)] == ["error", "ok"]


OURS: dict[str, Any] = {
    "x_hostler_model": "other/model",
    "x_hostler_attempts": "77",
    "x_hostler_dropped": "all",
    "clear_site_data": '"*"',
    "refresh": "0; url=http://127.0.0.1:1/",
    "location": "http://127.0.0.1:1/",
    "access_control_allow_private_network": "true",
    "service_worker_allowed": "/",
    "www_authenticate": "Basic",
    "report_to": "{}",
}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstream_does_not_speak_for_us(*, stream: bool, tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        if not stream:
            await line.whole(wire.chat("m", "hi", stream=False)[0], x_vendor="kept", **OURS)
            return
        await line.begin(x_vendor="kept", **OURS)
        for frame in wire.chat("m", "hi", stream=True):
            await line.chunk(frame)
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m", stream=stream))
        assert reply.status == 200
        assert reply.headers[b"x-vendor"] == b"kept"
        assert reply.headers[b"x-hostler-model"] == b"a/m"
        assert reply.headers[b"x-hostler-attempts"] == b"1"
        strange = {name.replace("_", "-").encode() for name in OURS} - {b"x-hostler-model", b"x-hostler-attempts"}
        assert not strange & set(reply.headers)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("kind", [wire.JSON, wire.EVENTS])
@pytest.mark.parametrize("way", WAYS)
async def test_a_reply_that_unfolds_to_a_thousandfold_is_refused(
    status: int, kind: str, way: str, tmp_path: Path
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole(BOMB, status, kind, content_encoding="gzip")

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind_of(CHAT, way))) as door:
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
        assert len(reply.body) < 1000
        if reply.status == 200:  # the head of a stream was out by then
            broke_loudly(CHAT, reply.body)
        else:
            assert reply.status == 502


async def test_an_error_without_end_is_cut_off(tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.begin("text/plain", status=500)
        while not line.writer.transport.is_closing():
            await line.chunk(b"no " * 10_000)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
        assert reply.status == 500
        assert error_of(CHAT, reply)["message"].startswith("no no")


@pytest.mark.parametrize("face", FACES)
async def test_a_stream_without_end_for_a_client_that_asked_for_none_is_cut_off(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translate, "LARGEST_REPLY", 1 << 16)
    first, second, third, *_ = stream_of(kind_of(face, "translated"), "one two three")

    async def script(_: Asked, line: Line) -> None:
        await line.begin()
        await line.chunk(first + second)
        while not line.writer.transport.is_closing():
            await line.chunk(third * 50)

    kind = kind_of(face, "translated")
    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 502
        error_of(face, reply)


LONG = {"object": "list", "model": "m", "data": [{"index": n, "embedding": [0.5] * 400} for n in range(700)]}


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_long_reply_that_breaks_never_looks_whole(*, chunked: bool, tmp_path: Path) -> None:
    whole = json.dumps(LONG).encode()

    async def script(_: Asked, line: Line) -> None:
        await line.begin(wire.JSON, chunked=chunked)
        half = whole[: len(whole) - 100_007]
        await (line.chunk(half) if chunked else line.send(half))
        line.close_after = True

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        client = await door.client()
        client.send(request(EMBEDDINGS, {"model": "a/m", "input": "x"}))
        with pytest.raises((ConnectionError, EOFError)):
            await client.reply()
        assert [row.outcome for row in await door.wait_rows(1)] == ["error"]


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_long_reply_that_is_whole_passes(*, chunked: bool, tmp_path: Path) -> None:
    whole = json.dumps(LONG).encode() + b"\n"

    async def script(_: Asked, line: Line) -> None:
        await line.begin(wire.JSON, chunked=chunked)
        if chunked:
            await line.chunk(whole)
            await line.end()
        else:
            await line.send(whole)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(EMBEDDINGS, {"model": "a/m", "input": "x"})
        assert (reply.status, reply.body) == (200, whole)


async def test_a_client_that_is_slow_at_the_end_leaves_a_good_connection_behind(tmp_path: Path) -> None:
    whole = json.dumps(LONG).encode()

    async def script(asked: Asked, line: Line) -> None:
        await line.whole(whole if asked.path == EMBEDDINGS else wire.chat("m", "hi", stream=False)[0])

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        for _ in range(3):
            reply = await door.ask(EMBEDDINGS, {"model": "a/m", "input": "x"})
            assert reply.body == whole
            reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
            assert reply.status == 200


async def small_client(door: Gate) -> Client:
    """One for which this machine keeps next to nothing that was not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", door.port))
    client = Client(*await asyncio.open_connection(sock=sock))
    door.clients.append(client)
    return client


@pytest.mark.slow
async def test_a_client_that_reads_nothing_of_a_translated_reply_leaves_a_good_connection_behind(
    tmp_path: Path,
) -> None:
    """It is written once the upstream's is whole, when the connection is the next call's already."""
    text = "x" * (4 << 20)

    async def script(_: Asked, line: Line) -> None:
        await line.whole(wire.chat("m", text if len(a.calls) == 1 else "short", stream=False)[0])

    a = Machine(script=script)
    async with machine(a), gate(tmp_path, provider("a", a)) as door:
        slow = await small_client(door)
        slow.send(request(MESSAGES, ask_of(MESSAGES, "a/m", stream=True)))
        await wait_until(lambda: len(a.calls) == 1 and door.app.pool.statistics().unused == 1)
        opened = a.opened
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
        assert reply.status == 200 and b"short" in reply.body
        assert a.opened == opened, "on the same connection"
        assert text_of(MESSAGES, (await slow.reply()).body) == text


async def test_a_clients_header_does_not_take_the_place_of_the_providers_own(tmp_path: Path) -> None:
    sent = {"X-Team": "theirs", "X-Kept": "1", "Authorization": "Bearer mine"}
    setup = Setup(environment={"A_KEY": "sk-p"})
    async with (
        machine() as a,
        gate(tmp_path, provider("a", a, headers={"x-team": "ours"}, apiKeyEnv="A_KEY"), setup=setup) as door,
    ):
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m"), sent)
        assert reply.status == 200
        (call,) = a.calls
        assert [value for name, value in call.headers if name == "x-team"] == ["ours"]
        assert [value for name, value in call.headers if name == "authorization"] == ["Bearer sk-p"]
        assert call.header("x-kept") == "1"


async def test_headers_that_a_client_calls_its_connections_own_do_not_travel(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(MESSAGES, ask_of(MESSAGES, "a/m"), {"Connection": "x-hop, keep-alive", "X-Hop": "1"})
        assert reply.status == 200
        reply = await door.ask(CHAT, ask_of(CHAT, "a/m"), {"Connection": "x-hop, keep-alive", "X-Hop": "1"})
        assert reply.status == 200
        assert [call.header("x-hop") for call in a.calls] == [None, None]


def _fail(*_: object) -> None:
    raise ValueError("a bug")


@pytest.mark.parametrize("face", FACES)
async def test_a_reply_that_cannot_be_written_is_no_success_in_the_ledger(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_chat if face == CHAT else anthropic, "encode_response", _fail)
    async with machine() as a, gate(tmp_path, provider("a", a, kind_of(face, "translated"))) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 500
        error_of(face, reply)
        assert [row.outcome for row in await door.wait_rows(1)] == ["error"]


async def test_a_full_disk_is_told_and_leaves_nothing_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: object) -> None:
        raise StorageError("the disk is full")

    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "begin", begin)
            reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
            assert reply.status == 500
            assert "the disk is full" in error_of(CHAT, reply)["message"]
        await door.wait_idle()
        assert (await door.ask(CHAT, ask_of(CHAT, "a/m"))).status == 200
        assert len(a.calls) == 1
