"""The same wire on both sides: what was not asked to change does not change (invariant 3)."""

import asyncio
import gzip
import json
import zlib
from pathlib import Path

import pytest

from tests.end_to_end.gate import CHAT, MESSAGES, Gate, Setup, chat, gate, messages, provider, request
from tests.end_to_end.machine import CHAT_USAGE, EVENTS, Asked, Line, Machine, event, machine
from tests.end_to_end.machine import chat as chat_reply
from tests.end_to_end.machine import messages as messages_reply

BODY = b'{ "temperature" : 1.50e0, "x_new":{"a":[1 ,2.0]},"model" : "a/m","note":"\\u00e9\xc3\xa9","messages":[]\n}'
FRAMES = (
    b": a comment\r\n\r\n",
    b'data:{"x_new":1,"model":"m","choices":[]}\r\n\r\nevent: odd\ndata: 1\ndata: 2\n',
    b"\ndata: \xe2\x82",
    b"\xac\n\nid: 7\nretry: 5\n\n",
    b"data: [DONE]\n\n",
)


async def test_a_request_keeps_every_other_byte(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        assert (await door.ask(CHAT, BODY)).status == 200
        (asked,) = a.calls
        assert asked.body == BODY.replace(b'"a/m"', b'"m"')


async def test_headers_of_the_wire_travel_and_those_of_the_hop_do_not(tmp_path: Path) -> None:
    headers = {
        "anthropic-beta": "one,two",
        "anthropic-version": "2099-01-01",
        "x-custom": "kept",
        "X-Api-Key": "a client's secret",
        "Authorization": "Bearer a client's secret",
        "Cookie": "a=secret",
        "X-Forwarded-For": "10.1.2.3",
        "X-Hostler-Thing": "ours",
        "Sec-Fetch-Mode": "cors",
        "Accept-Encoding": "gzip, br",
        "Connection": "keep-alive",
    }
    async with machine() as a, gate(tmp_path, provider("a", a, "anthropic")) as door:
        reply = await door.ask(MESSAGES + "?beta=true", messages("a/m"), headers)
        assert reply.status == 200
        (asked,) = a.calls
        got = dict(asked.headers)
        assert got["anthropic-beta"] == "one,two" and got["x-custom"] == "kept"
        assert got["anthropic-version"] == "2099-01-01"
        assert got["accept-encoding"] == "identity"
        assert got["host"] == f"127.0.0.1:{a.port}"
        assert "secret" not in str(asked.headers) and "10.1.2.3" not in str(asked.headers)
        assert not [name for name in got if name.startswith(("x-hostler", "sec-", "x-forwarded"))]
        assert len(got) == len(asked.headers), "no header twice"


async def test_a_provider_gets_its_own_key_and_never_the_clients(tmp_path: Path) -> None:
    setup = Setup(gateway={"keys": ("door-key",)}, environment={"THE_KEY": "upstream-key"})
    async with machine() as a, machine() as b:
        providers = (provider("a", a, apiKeyEnv="THE_KEY"), provider("b", b, "anthropic", apiKeyEnv="THE_KEY"))
        async with gate(tmp_path, *providers, setup=setup) as door:
            for path, body in ((CHAT, chat("a/m")), (MESSAGES, messages("b/m"))):
                assert (await door.ask(path, body, {"Authorization": "Bearer door-key"})).status == 200
        assert a.calls[0].header("authorization") == "Bearer upstream-key"
        assert b.calls[0].header("x-api-key") == "upstream-key"
        assert "door-key" not in str(a.asked) + str(b.asked)


async def test_a_stream_passes_byte_for_byte(tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.begin(x_odd="kept")
        for frame in FRAMES:
            await line.chunk(frame)
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, chat("a/m", stream=True))
        assert reply.body == b"".join(FRAMES)
        assert reply.headers[b"content-type"] == EVENTS.encode() and reply.headers[b"x-odd"] == b"kept"


async def test_a_reply_keeps_unknown_fields_and_loses_what_is_not_the_clients(tmp_path: Path) -> None:
    text = (
        b'{"model":"m", "x_new" : 1.50, "choices":[{"model":"m"}], "usage":{"prompt_tokens":2,"completion_tokens":1}}'
    )

    async def script(_: Asked, line: Line) -> None:
        own = {"x_odd": "kept", "openai_processing_ms": "5", "x_request_id": "theirs", "set_cookie": "a=b"}
        await line.whole(text, kind="application/json; charset=utf-8", access_control_allow_origin="*", **own)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, chat("a/m"))
        assert reply.body == text.replace(b'"m"', b'"a/m"', 1)
        assert reply.headers[b"content-type"] == b"application/json; charset=utf-8"
        assert reply.headers[b"x-odd"] == b"kept" and reply.headers[b"openai-processing-ms"] == b"5"
        assert reply.headers[b"x-request-id"].startswith(b"req-")
        assert not {b"set-cookie", b"access-control-allow-origin"} & reply.headers.keys()
        (row,) = await door.wait_rows(1)
        assert (row.input, row.output, row.outcome) == (2, 1, "ok")


async def test_a_stream_of_lines_comes_as_it_is_made(tmp_path: Path) -> None:
    pieces = b'{"message":{"content":"one"},"done":false}\n', b'{"done":true}\n'
    seen = asyncio.Event()

    async def script(_: Asked, line: Line) -> None:
        await line.begin("application/x-ndjson")
        await line.chunk(pieces[0])
        async with asyncio.timeout(5):
            await seen.wait()
        await line.chunk(pieces[1])
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, "ollama")) as door:
        client = await door.client()
        client.send(request("/api/chat", chat("a/m")))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert pieces[0] in await client.reader.readuntil(pieces[0])
        seen.set()
        assert pieces[1] in await client.reader.readuntil(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("size", [(1 << 20) - 100, (1 << 20) + 1, 3 << 20])
async def test_a_large_reply_comes_whole(size: int, tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole({"model": "m", "choices": [], "pad": "x" * size, "usage": CHAT_USAGE})

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, chat("a/m"))
        tree = json.loads(reply.body)
        assert reply.status == 200 and len(tree["pad"]) == size
        streamed = len(reply.body) > 1 << 20
        assert tree["model"] == ("m" if streamed else "a/m")
        assert (b"transfer-encoding" in reply.headers) == streamed
        (row,) = await door.wait_rows(1)
        assert row.outcome == "ok"


async def compressed(door: Gate, path: str, body: dict[str, object]) -> bytes:
    reply = await door.ask(path, body)
    assert reply.status == 200 and b"content-encoding" not in reply.headers
    (row,) = await door.wait_rows(1)
    assert (row.input, row.output) == (11, 7), "usage is read behind the compression"
    return reply.body


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_reply_is_decoded(coding: str, tmp_path: Path) -> None:
    async def script(asked: Asked, line: Line) -> None:
        plain = json.dumps(chat_reply("m", "hello", stream=False)[0]).encode()
        await line.whole(gzip.compress(plain) if coding == "gzip" else zlib.compress(plain), content_encoding=coding)

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        assert json.loads(await compressed(door, CHAT, chat("a/m")))["model"] == "a/m"


@pytest.mark.parametrize("face", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_compressed_reply_is_decoded_before_it_is_translated(face: str, stream: bool, tmp_path: Path) -> None:
    other = messages_reply if face == CHAT else chat_reply

    async def script(_: Asked, line: Line) -> None:
        frames = other("m", "hello", stream=stream)
        if stream:
            press = zlib.compressobj(wbits=31)
            await line.begin(content_encoding="gzip")
            for frame in frames:
                await line.chunk(press.compress(frame) + press.flush(zlib.Z_SYNC_FLUSH))
            await line.chunk(press.flush())
            await line.end()
        else:
            await line.whole(gzip.compress(json.dumps(frames[0]).encode()), content_encoding="gzip")

    kind = "anthropic" if face == CHAT else "openai-compatible"
    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, kind)) as door:
        body = chat("a/m", stream=stream) if face == CHAT else messages("a/m", stream=stream)
        assert b"hello" in await compressed(door, face, body)


async def test_a_compressed_stream_comes_as_it_is_made(tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        press = zlib.compressobj(wbits=31)
        await line.begin(content_encoding="gzip")
        for frame in chat_reply("m", "one two", stream=True):
            await line.chunk(press.compress(frame) + press.flush(zlib.Z_SYNC_FLUSH))
        await line.chunk(press.flush())
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        body = await compressed(door, CHAT, chat("a/m", stream=True))
        assert body == b"".join(chat_reply("m", "one two", stream=True))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_damaged_compression_is_an_error(
    stream: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(_: Asked, line: Line) -> None:
        await line.whole(
            b"\x1f\x8b\x08 this is no gzip", kind=EVENTS if stream else "application/json", content_encoding="gzip"
        )

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, chat("a/m", stream=stream))
        assert b"upstream_garbled" in reply.body or b"compressed" in reply.body, reply
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error) == ("error", "upstream_garbled")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_compression_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    async def script(_: Asked, line: Line) -> None:
        whole = gzip.compress(json.dumps(chat_reply("m", "hello", stream=False)[0]).encode())
        await line.whole(whole[:-20], content_encoding="gzip")

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a)) as door:
        assert (await door.ask(CHAT, chat("a/m"))).status == 502


async def test_a_named_tool_choice_is_bridged_for_engines_that_lack_it(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("one", "two")]
    choice = {"type": "function", "function": {"name": "two"}}
    async with machine() as a, machine() as b:
        async with gate(tmp_path, provider("a", a, "llama.cpp"), provider("b", b)) as door:
            for name in ("a/m", "b/m"):
                reply = await door.ask(CHAT, chat(name, tools=tools, tool_choice=choice))
                assert reply.status == 200
            body = messages("a/m", tools=[{"name": n, "input_schema": {"type": "object"}} for n in ("one", "two")])
            await door.ask(MESSAGES, {**body, "tool_choice": {"type": "tool", "name": "two"}})
        for asked in a.calls:
            assert asked.json["tool_choice"] == "required"
            assert [tool["function"]["name"] for tool in asked.json["tools"]] == ["two"]
        assert b.calls[0].json["tool_choice"] == choice and len(b.calls[0].json["tools"]) == 2


async def test_the_rows_say_what_was_not_taken_over(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(MESSAGES, messages("a/m", top_k=5, metadata={"user_id": "u"}, container="c1"))
        assert reply.status == 200
        assert b"container" in reply.headers[b"x-hostler-dropped"]
        (row,) = await door.wait_rows(1)
        assert row.dropped and "container" in row.dropped, "invariant 4: in the header and in the log row"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_rows_say_what_got_lost_on_the_way_back(stream: bool, tmp_path: Path) -> None:
    block = {"type": "thinking", "thinking": "so", "signature": "c2ln"}
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}

    async def script(asked: Asked, line: Line) -> None:
        if not asked.json.get("stream"):
            await line.whole({**start, "content": [block], "stop_reason": "end_turn", "usage": {"output_tokens": 1}})
            return
        await line.begin()
        message = {**start, "content": [], "stop_reason": None, "usage": {"output_tokens": 1}}
        await line.chunk(event({"type": "message_start", "message": message}))
        await line.chunk(
            event({"type": "content_block_start", "index": 0, "content_block": {**block, "signature": ""}})
        )
        delta = {"type": "signature_delta", "signature": "c2ln"}
        await line.chunk(event({"type": "content_block_delta", "index": 0, "delta": delta}))
        await line.chunk(event({"type": "content_block_stop", "index": 0}))
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        await line.chunk(event({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}))
        await line.chunk(event({"type": "message_stop"}))
        await line.end()

    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, "anthropic")) as door:
        reply = await door.ask(CHAT, chat("a/m", stream=stream))
        assert reply.status == 200
        (row,) = await door.wait_rows(1)
        assert row.outcome == "ok" and row.dropped and "reasoning" in row.dropped
