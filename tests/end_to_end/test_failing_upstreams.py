"""Upstreams that break, refuse, lie or keep silent: the client hears of it in its own face's shape, and never a
broken reply as a whole one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import machine as wire
from tests.end_to_end.faces import FACES, KINDS, OTHER, ask_of, broke_loudly, ended_well, error_of, text_of
from tests.end_to_end.gate import CHAT, MESSAGES, Gate, Setup, gate, provider, request
from tests.end_to_end.machine import Asked, Line, Machine, machine

Cut = Callable[[Line], Awaitable[None]]
WAYS = ("same wire", "translated")


def kind_of(face: str, way: str) -> str:
    return (KINDS if way == "same wire" else OTHER)[face]


def stream_of(kind: str, text: str) -> list[bytes]:
    """A good stream of an upstream of this kind."""
    return (wire.messages if kind == "anthropic" else wire.chat)("m", text, stream=True)


async def shut(line: Line) -> None:
    """Close without the last chunk."""
    line.writer.close()
    line.close_after = True


async def reset(line: Line) -> None:
    line.reset()


async def cut_frame(line: Line) -> None:
    """End in the middle of a frame."""
    await line.chunk(b'data: {"type": "content_block_delta", "choices": [{"del')
    await shut(line)


async def garbage(line: Line) -> None:
    """Lose the framing."""
    await line.send(b"zzz this is no chunk\r\n")


async def finished_early(line: Line) -> None:
    """Close in good form, but without the wire's own end."""
    await line.end()


CUTS = {"shut": shut, "reset": reset, "cut in a frame": cut_frame, "garbage": garbage}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("after", [1, 4])
async def test_a_stream_that_breaks_never_looks_whole(
    face: str, way: str, cut: str, after: int, tmp_path: Path
) -> None:
    kind = kind_of(face, way)

    async def script(_: Asked, line: Line) -> None:
        await line.begin()
        for frame in stream_of(kind, "one two three")[:after]:
            await line.chunk(frame)
        await CUTS[cut](line)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        client = await door.client()
        client.send(request(face, ask_of(face, "a/m", stream=True)))
        reply = await client.reply()
        if reply.status == 200:
            broke_loudly(face, reply.body)
            assert await client.rest() == b"", "in-band error, then close"
        else:
            assert reply.status == 502
            error_of(face, reply)
        (row,) = await door.wait_rows(1)
        assert row.outcome == "error" and row.error and row.error.startswith("upstream")


@pytest.mark.parametrize("face", FACES)
async def test_a_translated_stream_without_its_end_mark_is_broken(face: str, tmp_path: Path) -> None:
    kind = OTHER[face]

    async def script(_: Asked, line: Line) -> None:
        await line.begin()
        for frame in stream_of(kind, "one two three")[:4]:
            await line.chunk(frame)
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=True))
        broke_loudly(face, reply.body)
        assert "one" in text_of(face, reply.body)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("within", [True, False], ids=["within a line", "between lines"])
async def test_an_error_among_lines_has_a_line_of_its_own(way: str, *, within: bool, tmp_path: Path) -> None:
    """Ollama's clients read each line as JSON, and fall over an empty one before they see the error."""
    line_of_ollama = b'{"model":"m","message":{"role":"assistant","content":"one"},"done":false}\n'
    piece = line_of_ollama if way == "same wire" else wire.chat("m", "one", stream=True)[1]

    async def script(_: Asked, line: Line) -> None:
        await line.begin("application/x-ndjson" if way == "same wire" else wire.EVENTS)
        await line.chunk(piece + piece[:20] if within else piece)
        await shut(line)

    kind = "ollama" if way == "same wire" else "openai-compatible"
    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        body = {"model": "a/m", "messages": [{"role": "user", "content": "hello"}]}
        lines = (await door.ask("/api/chat", body)).body.split(b"\n")
        assert all(lines[:-1]) and lines[-1] == b""
        assert json.loads(lines[-2])["error"]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_stream_ended_by_the_connection_is_whole_only_with_its_end_mark(
    face: str, whole: bool, tmp_path: Path
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.begin(chunked=False)
        for frame in stream_of(KINDS[face], "one two three")[: None if whole else 4]:
            await line.send(frame)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, KINDS[face])) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=True))
        assert ended_well(face, reply.body) is whole
        if not whole:
            broke_loudly(face, reply.body)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("framed", [True, False])
async def test_a_whole_reply_that_breaks_is_a_502(face: str, way: str, framed: bool, tmp_path: Path) -> None:
    kind = kind_of(face, way)

    async def script(_: Asked, line: Line) -> None:
        (reply,) = (wire.messages if kind == "anthropic" else wire.chat)("m", "hello", stream=False)
        body = json.dumps(reply).encode()
        length = b"content-length: %d" % len(body) if framed else b"connection: close"
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%b\r\n\r\n%b" % (length, body[:-30]))
        await shut(line)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 502
        error_of(face, reply)
        (row,) = await door.wait_rows(1)
        assert row.outcome == "error"


REFUSALS: dict[str, Any] = {
    CHAT: {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    MESSAGES: {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}, "request_id": "r"},
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_passes_with_its_status_and_retry_headers(
    face: str, way: str, stream: bool, tmp_path: Path
) -> None:
    kind = kind_of(face, way)
    body = REFUSALS[MESSAGES if kind == "anthropic" else CHAT]

    async def script(_: Asked, line: Line) -> None:
        await line.whole(
            body, 429, retry_after="7", x_ratelimit_remaining_requests="0", x_should_retry="true", x_own="no"
        )

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=stream))
        assert reply.status == 429
        assert reply.headers[b"retry-after"] == b"7"
        assert reply.headers[b"x-ratelimit-remaining-requests"] == b"0" and reply.headers[b"x-should-retry"] == b"true"
        assert "Slow down." in error_of(face, reply)["message"]
        if way == "same wire":
            assert json.loads(reply.body) == body
        (row,) = await door.wait_rows(1)
        assert (row.status, row.outcome, row.error) == (429, "error", "upstream_refused")
        assert len(a.calls) == 1


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (400, "application/json", b'{"error": {"message": "no such field", "type": "invalid_request_error"}}'),
        (401, "application/json", b'{"detail": "who are you"}'),
        (404, "text/html", b"<html><body>404 page</body></html>"),
        (500, "application/json", b"{broken"),
        (503, "text/plain", b""),
        (529, "application/json", b'{"type": "error", "error": {"type": "overloaded_error", "message": "full"}}'),
        (418, "application/json", b'{"error": "a teapot"}'),
        (400, "application/json", b'{"error": {"message": null, "type": 7}}'),
        (400, "application/json", b'[{"error": {"message": "a list"}}]'),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_any_refusal_has_the_faces_shape(
    face: str, way: str, status: int, kind: str, body: bytes, tmp_path: Path
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole(body, status, kind)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind_of(face, way))) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == status
        error = json.loads(reply.body)["error"]
        assert error, reply
        if b"error" not in body:
            error_of(face, reply)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_page_instead_of_an_answer_is_named_when_it_is_translated(
    face: str, stream: bool, tmp_path: Path
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole(b"<html>log in first</html>", kind="text/html")

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, OTHER[face])) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=stream))
        assert reply.status == 502
        assert "text/html" in error_of(face, reply)["message"]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_page_instead_of_an_answer_never_passes_as_one(face: str, stream: bool, tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole(b"<html>log in first</html>", kind="text/html")

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, KINDS[face])) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=stream))
        assert reply.status == 502
        assert "text/html" in error_of(face, reply)["message"]
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error) == ("error", "upstream_garbled")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
async def test_a_machine_that_is_down(face: str, way: str, tmp_path: Path) -> None:
    async with machine() as a:
        entry = provider("a", a, kind_of(face, way))
    async with gate(tmp_path, entry) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=True))
        assert reply.status == 502
        assert str(a.port) in error_of(face, reply)["message"]
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error) == ("error", "upstream_unreachable")


PAIRS = tuple((face, kind) for face in FACES for kind in KINDS.values())
"""Every face with every kind of upstream; a machine that serves both kinds tells them apart by the path."""


def both(a: Machine, **more: Any) -> list[dict[str, Any]]:
    """One machine as two providers, named by their kind."""
    return [provider(kind, a, kind, **more) for kind in KINDS.values()]


def kind_at(asked: Asked) -> str:
    return KINDS[asked.path]


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True])
async def test_silence_ends_at_its_limit(begun: bool, tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        if begun:
            await line.begin()
            for frame in stream_of(kind_at(asked), "one two")[:4]:
                await line.chunk(frame)
        await line.gone()

    async def ask(face: str, kind: str) -> None:
        reply = await door.ask(face, ask_of(face, f"{kind}/m", stream=True))
        if begun:
            assert "silent" in broke_loudly(face, reply.body)["message"]
        else:
            assert reply.status == 504
            assert "silent" in error_of(face, reply)["message"]

    limits = {"firstByte": 0.1, "idle": 0.1}
    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a, timeouts=limits)) as door:
        await asyncio.gather(*(ask(*pair) for pair in PAIRS))
        for row in await door.wait_rows(len(PAIRS)):
            assert (row.status, row.error) == (504, "upstream_timeout")


@pytest.mark.parametrize("face", FACES)
async def test_an_in_band_error_of_the_upstream_reaches_the_other_face(face: str, tmp_path: Path) -> None:
    kind = OTHER[face]
    error = {"error": {"message": "The GPU fell off.", "type": "server_error", "code": None, "param": None}}
    in_band = wire.data(error)
    if kind == "anthropic":
        in_band = wire.event({"type": "error", "error": {"type": "overloaded_error", "message": "The GPU fell off."}})

    async def script(_: Asked, line: Line) -> None:
        await line.begin()
        for frame in [*stream_of(kind, "one two")[:4], in_band]:
            await line.chunk(frame)
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=True))
        assert "The GPU fell off." in broke_loudly(face, reply.body)["message"]
        (row,) = await door.wait_rows(1)
        assert row.outcome == "error"


@pytest.mark.slow
@pytest.mark.parametrize("then", ["whole reply", "refusal", "stream", "break"])
async def test_whatever_follows_a_keep_alive_is_still_well_formed(
    then: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    go = asyncio.Event()

    async def script(asked: Asked, line: Line) -> None:
        await go.wait()
        kind = kind_at(asked)
        match then:
            case "whole reply":
                (reply,) = (wire.messages if kind == "anthropic" else wire.chat)("m", "hello", stream=False)
                await line.whole(reply)
            case "refusal":
                await line.whole(REFUSALS[asked.path], 429)
            case "stream":
                await line.begin()
                for frame in stream_of(kind, "hello"):
                    await line.chunk(frame)
                await line.end()
            case _:
                await reset(line)

    async def ask(face: str, kind: str) -> None:
        client = await door.client()
        client.send(request(face, ask_of(face, f"{kind}/m", stream=True)))
        status, headers = await client.head()
        assert status == 200 and headers[b"content-type"].startswith(b"text/event-stream")
        pieces = client.chunks()
        async with asyncio.timeout(20):
            first = await anext(pieces)
            assert first.startswith(b"event: ping" if face == MESSAGES else b":")
            assert await anext(pieces) == first, "again after the next silence"
            go.set()
            body = first + b"".join([piece async for piece in pieces])
        if then in ("stream", "whole reply"):
            if then == "whole reply" and KINDS[face] == kind:
                assert ended_well(face, body) or broke_loudly(face, body)
            else:
                assert ended_well(face, body) and text_of(face, body).strip() == "hello"
        else:
            broke_loudly(face, body)

    setup = Setup(gateway={"keepalive_s": 0.05})
    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a), setup=setup) as door:
        await asyncio.gather(*(ask(*pair) for pair in PAIRS))
        await door.wait_rows(len(PAIRS))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_kept_connection_that_was_closed_is_replaced_without_a_word(tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        if len(a.calls) == 2:
            line.reset()  # as a server that closes idle connections does, when the request is on its way
            return
        await a.serve(asked, line)

    a = Machine(script=script)
    async with machine(a), gate(tmp_path, provider("a", a)) as door:
        for _ in range(2):
            assert (await door.ask(CHAT, ask_of(CHAT, "a/m"))).status == 200
        assert len(a.calls) == 3 and a.calls[1].body == a.calls[2].body
        rows = await door.wait_rows(2)
        assert [(row.outcome, row.attempts) for row in rows] == [("ok", 1), ("ok", 1)]


async def twice(door: Gate, body: dict[str, Any]) -> list[int]:
    return [(await door.ask(CHAT, body)).status for _ in range(2)]


async def test_a_second_answer_is_nobodys(tmp_path: Path) -> None:
    """A reply that is followed by another in one segment: response splitting."""

    async def script(_: Asked, line: Line) -> None:
        good = b'{"model":"m","choices":[],"n":1}'
        evil = b'{"model":"m","choices":[],"n":"evil"}'
        one = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        await line.send(one % (len(good), good) + one % (len(evil), evil))

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        for _ in range(2):
            reply = await door.ask(CHAT, ask_of(CHAT, "a/m"))
            assert b"evil" not in reply.body
            assert reply.status == 502 or json.loads(reply.body)["n"] == 1


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"])
async def test_interim_answers_are_passed_over(interim: bytes, tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        await line.send(interim)
        await a.serve(asked, line)

    a = Machine(script=script)
    async with machine(a), gate(tmp_path, provider("a", a)) as door:
        assert await twice(door, ask_of(CHAT, "a/m")) == [200, 200]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 400_000,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"",
    ],
    ids=["ssh", "two lengths", "huge head", "upgrade", "bad chunk", "tls", "nothing"],
)
@pytest.mark.parametrize("face", FACES)
async def test_what_is_no_http_is_a_502(
    face: str, answer: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.send(answer)
        await shut(line)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(face, ask_of(face, "a/m"))
        assert reply.status == 502
        error_of(face, reply)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply_that_is_nested_too_deeply_harms_nobody(
    face: str, way: str, stream: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deep = b'{"model":"m","choices":' + b"[" * 100_000 + b"]" * 100_000 + b',"usage":{"prompt_tokens":1}}'

    async def script(_: Asked, line: Line) -> None:
        if stream:
            await line.whole(b"data: " + deep + b"\n\n", kind=wire.EVENTS)
        else:
            await line.whole(deep)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind_of(face, way))) as door:
        reply = await door.ask(face, ask_of(face, "a/m", stream=stream))
        if way == "same wire":
            assert deep in reply.body
        else:
            assert reply.status == 502
        await door.wait_rows(1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("number", [2**64, -(2**70), -1, None])
async def test_counts_that_nobody_has_are_unknown_and_harm_no_ledger(number: object, tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        (reply,) = wire.ANSWERS[asked.path]("m", "hello", stream=False)
        await line.whole({**reply, "usage": dict.fromkeys(reply["usage"], number)})

    async with machine(Machine(script=script)) as a, gate(tmp_path, *both(a)) as door:
        for pair in PAIRS:
            face, kind = pair
            assert (await door.ask(face, ask_of(face, f"{kind}/m"))).status == 200
        for row in await door.wait_rows(len(PAIRS)):
            assert (row.outcome, row.input, row.output) == ("ok", None, None)


async def test_a_face_that_the_upstream_lacks_is_refused_by_name(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), provider("b", a, "anthropic")) as door:
        reply = await door.ask("/v1/messages/count_tokens", ask_of(MESSAGES, "a/m"))
        assert reply.status == 400
        assert "count tokens" in error_of(MESSAGES, reply)["message"]
        reply = await door.ask("/v1/embeddings", {"model": "b/m", "input": "x"})
        assert reply.status == 400
        assert "embeddings" in error_of(CHAT, reply)["message"]
        assert not a.calls
