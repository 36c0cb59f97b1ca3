"""Each fault that a script can ask for, seen byte by byte."""

import asyncio
import gzip
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from tests.fakes import RawReply, raw_open, raw_post, raw_read, serving

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
TEXT = "one two three four five"


async def ask(
    reply: dict[str, object], *, path: str = CHAT, stream: bool = True, body: dict[str, object] | None = None
) -> RawReply:
    """What a fake with this one reply answers to a plain question."""
    async with serving({"models": [{"id": "m", "replies": [{"text": TEXT, **reply}]}]}) as fake:
        return await raw_post(fake.address, path, question(stream=stream, **(body or {})))


def question(**more: object) -> dict[str, object]:
    """A small request that both wires take."""
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}


def datas(body: bytes) -> list[str]:
    """The `data:` values of plainly framed events."""
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


def said(body: bytes) -> str:
    """The text of a plainly framed chat stream."""
    chunks = [msgspec.json.decode(data) for data in datas(body) if data != "[DONE]"]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("retry", "header", "value"),
    [
        ({"after_s": 3}, "retry-after", "3"),
        ({"after_s": 0.5}, "retry-after", "0.5"),
        ({"after_ms": 250}, "retry-after-ms", "250"),
        ({"should_retry": True}, "x-should-retry", "true"),
        ({"should_retry": False}, "x-should-retry", "false"),
        ({"limits": True}, "x-ratelimit-remaining-requests", "0"),
    ],
)
async def test_retry_hints(retry: dict[str, object], header: str, value: str) -> None:
    reply = await ask({"failure": {"status": 429, "retry": retry}})
    assert reply.status == 429
    assert reply.headers[header] == value
    assert reply.json["error"]["code"] == "rate_limit_exceeded"


async def test_retry_hint_as_a_date() -> None:
    reply = await ask({"failure": {"status": 503, "retry": {"date_s": 60}}})
    ahead = parsedate_to_datetime(reply.headers["retry-after"]) - datetime.now(UTC)
    assert 50 < ahead.total_seconds() < 61


async def test_rate_limit_headers_of_the_other_wire() -> None:
    reply = await ask({"failure": {"status": 429, "retry": {"limits": True}}}, path=MESSAGES)
    assert reply.headers["anthropic-ratelimit-input-tokens-remaining"] == "0"
    assert reply.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert reply.json == {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "This request would exceed your account's rate limit. Please try again later.",
        },
        "request_id": "req_fake1",
    }


async def test_own_words_headers_and_body() -> None:
    worded = await ask({"failure": {"status": 418, "kind": "tea", "code": "pot", "message": "Short and stout."}})
    assert (worded.status, worded.json) == (
        418,
        {"error": {"message": "Short and stout.", "type": "tea", "param": None, "code": "pot"}},
    )
    raw = await ask({"failure": {"status": 500, "body": "oops", "headers": {"Content-Type": "text/plain", "X-A": "b"}}})
    assert (raw.body, raw.headers["content-type"], raw.headers["x-a"]) == (b"oops", "text/plain", "b")
    page = await ask({"failure": {"status": 502, "page": True}})
    assert page.headers["content-type"] == "text/html"
    assert b"<h1>502 Bad Gateway</h1>" in page.body


# ---------------------------------------------------------------------------- breaking off


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_reset_after_pieces(path: str) -> None:
    reply = await ask({"broken": {"how": "reset", "after_chunks": 2}}, path=path)
    assert reply.reset
    assert not reply.whole
    assert b"three" not in reply.data


async def test_close_after_pieces_is_an_orderly_close_without_an_end() -> None:
    reply = await ask({"broken": {"how": "close", "after_chunks": 2}})
    assert not reply.reset
    assert not reply.whole
    assert said(reply.body) == "one two "
    assert not reply.data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("count", [0, 1, 100, 333])
async def test_close_after_bytes(count: int) -> None:
    reply = await ask({"broken": {"how": "close", "after_bytes": count}})
    assert reply.status == 200
    assert len(reply.body) == count
    assert not reply.whole


async def test_a_plain_reply_ends_before_its_announced_length() -> None:
    reply = await ask({"broken": {"how": "close", "after_bytes": 40}}, stream=False)
    assert int(reply.headers["content-length"]) > len(reply.body) == 40
    reset = await ask({"broken": {"how": "reset"}}, stream=False)
    assert reset.reset
    assert not reset.whole


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_nothing_at_all_comes_back(how: str) -> None:
    reply = await ask({"broken": {"how": how, "before_head": True}})
    assert reply.data == b""
    assert reply.reset == (how == "reset")


async def test_an_error_inside_the_stream() -> None:
    chat = await ask({"broken": {"how": "error", "after_chunks": 2, "kind": "k", "message": "m"}})
    assert chat.whole
    assert said(chat.body.partition(b'data: {"error"')[0]) == "one two "
    assert datas(chat.body)[-1] == '{"error":{"message":"m","type":"k","param":null,"code":null}}'
    other = await ask({"broken": {"how": "error", "after_chunks": 0}}, path=MESSAGES)
    assert other.body.endswith(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
        b'"request_id":"req_fake"}\n\n'
    )
    assert b"one" not in other.body


async def test_silence_lasts_until_the_client_goes() -> None:
    async with serving() as fake:
        body = question(model="stall", stream=True)
        reader, writer = await raw_open(fake.address, CHAT, body)
        await fake.wait_chunks(3)
        await reader.readuntil(b"will ")
        assert fake.requests[0].outcome == "running"
        writer.close()
        await fake.wait_closed()
        await fake.wait_idle()
        assert fake.requests[0].outcome == "client gone"


# ---------------------------------------------------------------------------- framing


async def test_line_ends_comments_and_other_fields() -> None:
    reply = await ask({"framing": {"line_end": "crlf", "comments": True, "fields": True}}, path=MESSAGES)
    assert reply.body.startswith(b": comment 0\r\nevent:message_start\r\nid: 0\r\nretry: 3000\r\nunknown\r\ndata:{")
    assert b"\n" not in reply.body.replace(b"\r\n", b"")
    old = await ask({"framing": {"line_end": "cr"}})
    assert b"\n" not in old.body
    assert old.body.endswith(b"data: [DONE]\r\r")


async def test_data_over_several_lines_is_the_same_json() -> None:
    plain, folded = await ask({"text": 'a, "b", {c'}), await ask({"text": 'a, "b", {c', "framing": {"multiline": True}})
    events = [event.replace("data: ", "") for event in folded.body.decode().split("\n\n") if event]
    assert all("\n" in event for event in events[:-1])
    unlike = [
        (msgspec.json.decode(a), msgspec.json.decode(b))
        for a, b in zip(datas(plain.body)[:-1], events[:-1], strict=True)
    ]
    assert all({**a, "created": 0} == {**b, "created": 0} for a, b in unlike)


async def test_no_end_marker() -> None:
    assert b"[DONE]" not in (await ask({"framing": {"done": False}})).body
    assert b"message_stop" not in (await ask({"framing": {"done": False}}, path=MESSAGES)).body


@pytest.mark.parametrize(
    ("mode", "asked", "objects", "nulls"),
    [
        ("once", True, 1, 7),
        ("once", False, 0, 0),
        ("twice", True, 2, 7),
        ("every", True, 8, 0),
        ("unasked", False, 1, 0),
        ("never", True, 0, 7),
    ],
)
async def test_usage_on_the_chat_wire(mode: str, asked: bool, objects: int, nulls: int) -> None:
    options = {"stream_options": {"include_usage": True}} if asked else {}
    reply = await ask({"framing": {"usage": mode}}, body=options)
    assert reply.body.count(b'"usage":{') == objects
    assert reply.body.count(b'"usage":null') == nulls


@pytest.mark.parametrize(("mode", "objects", "ends"), [("once", 2, 1), ("twice", 3, 2), ("never", 0, 1)])
async def test_usage_on_the_messages_wire(mode: str, objects: int, ends: int) -> None:
    reply = await ask({"framing": {"usage": mode}}, path=MESSAGES)
    assert reply.body.count(b'"usage":{') == objects
    assert reply.body.count(b"event: message_delta") == ends


async def test_wrong_content_type() -> None:
    assert (await ask({"framing": {"content_type": "text/plain"}})).headers["content-type"] == "text/plain"
    plain = await ask({"framing": {"content_type": "text/html"}}, stream=False)
    assert (plain.headers["content-type"], plain.status) == ("text/html", 200)


async def test_gzip() -> None:
    whole = await ask({"framing": {"gzip": True}}, stream=False)
    assert whole.headers["content-encoding"] == "gzip"
    assert b"one two" in gzip.decompress(whole.body)
    stream = await ask({"framing": {"gzip": True}})
    unpacker = zlib.decompressobj(wbits=31)
    first = unpacker.decompress(stream.chunks[0] + stream.chunks[1])
    assert said(first) == "one "
    assert said(gzip.decompress(stream.body)) == TEXT


async def test_ends_of_a_body() -> None:
    closed = await ask({"framing": {"body": "close"}})
    assert "transfer-encoding" not in closed.headers
    assert (closed.headers["connection"], said(closed.body)) == ("close", TEXT)
    length = await ask({"framing": {"body": "length"}})
    assert int(length.headers["content-length"]) == len(length.body)
    assert said(length.body) == TEXT


async def test_characters_cut_in_two() -> None:
    text = "Grüße, 世界 🐴"
    reply = await ask({"text": text, "framing": {"cut_characters": True}})
    assert said(reply.body) == text
    cut = [chunk for chunk in reply.chunks if chunk[-1] >= 0x80]
    assert len(cut) == sum(sign > "\x7f" for sign in text)
    with pytest.raises(UnicodeDecodeError):
        cut[0].decode()


async def test_writes_of_any_size() -> None:
    reply = await ask({"framing": {"write_size": 5}})
    assert {len(chunk) for chunk in reply.chunks[:-1]} == {5}
    assert said(reply.body) == TEXT


async def test_pings_come_first() -> None:
    chat, messages = await ask({"framing": {"pings": 2}}), await ask({"framing": {"pings": 1}}, path=MESSAGES)
    assert chat.body.startswith(b": ping\n\n: ping\n\ndata: {")
    assert messages.body.startswith(b'event: ping\ndata: {"type": "ping"}\n\nevent: message_start\n')


# ---------------------------------------------------------------------------- content


async def test_pieces() -> None:
    exact = await ask({"chunks": {"pieces": ["He", "", "llo"]}})
    assert exact.body.count(b'"delta":{"content"') == 3
    assert said(exact.body) == "Hello"
    pairs = await ask({"text": "abcde", "chunks": {"by": "characters", "size": 2}})
    assert b'{"content":"ab"}' in pairs.body
    assert b'{"content":"e"}' in pairs.body
    whole = await ask({"chunks": {"by": "whole"}}, path=MESSAGES)
    assert whole.body.count(b"text_delta") == 1


CALLS = [
    {"name": "a", "arguments": {"x": "1234567890"}, "fragment": 6},
    {"name": "b", "id": "own", "arguments": {}},
    {"name": "c", "raw": '{"broken', "fragment": 0},
]


async def test_calls_in_turn_and_interleaved() -> None:
    reply = await ask({"text": "", "calls": CALLS, "interleave": True})
    deltas = [msgspec.json.decode(data)["choices"][0]["delta"] for data in datas(reply.body)[:-1]]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [call["index"] for call in calls] == [0, 1, 2, 0, 1, 2, 0, 0]
    assert calls[1]["id"] == "own"
    assert [call["function"]["arguments"] for call in calls if call["index"] == 0] == ["", '{"x":"', "123456", '7890"}']
    assert calls[5]["function"]["arguments"] == '{"broken'
    plain = await ask({"text": "", "calls": CALLS})
    order = [
        msgspec.json.decode(d)["choices"][0]["delta"].get("tool_calls", [{}])[0].get("index")
        for d in datas(plain.body)[:-1]
    ]
    assert [at for at in order if at is not None] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert msgspec.json.decode(datas(plain.body)[-2])["choices"][0]["finish_reason"] == "tool_calls"


async def test_calls_as_blocks() -> None:
    reply = await ask({"calls": CALLS[:2]}, path=MESSAGES)
    events = [msgspec.json.decode(data) for data in datas(reply.body)]
    assert [e["type"].removeprefix("content_block_") for e in events if e.get("index") == 2] == [
        "start",
        "delta",
        "stop",
    ]
    fragments = [
        e["delta"]["partial_json"] for e in events if e.get("index") == 1 and e["type"] == "content_block_delta"
    ]
    assert fragments == ["", '{"x":"', "123456", '7890"}']
    woven = await ask({"text": "", "calls": CALLS[:2], "interleave": True}, path=MESSAGES)
    places = [msgspec.json.decode(data).get("index") for data in datas(woven.body)]
    assert places == [None, 0, 1, 0, 1, 0, 0, 0, 0, 1, None, None]


@pytest.mark.parametrize(
    ("finish", "chat", "messages"),
    [
        ("stop", "stop", "end_turn"),
        ("length", "length", "max_tokens"),
        ("content_filter", "content_filter", "refusal"),
        ("stop_sequence", "stop", "stop_sequence"),
        ("pause", "stop", "pause_turn"),
        ("brand_new", "brand_new", "brand_new"),
    ],
)
async def test_finish(finish: str, chat: str, messages: str) -> None:
    for stream in (True, False):
        assert f'"finish_reason":"{chat}"'.encode() in (await ask({"finish": finish}, stream=stream)).body
        reply = await ask({"finish": finish}, path=MESSAGES, stream=stream)
        assert f'"stop_reason":"{messages}"'.encode() in reply.body


async def test_reasoning_fields_and_refusals() -> None:
    reply = await ask({"reasoning": "a b", "framing": {"reasoning_field": "reasoning"}})
    assert b'{"reasoning":"a "}' in reply.body
    refused = await ask({"text": "", "refusal": "No."}, stream=False)
    message = refused.json["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "No.")
    signed = await ask({"reasoning": "a b", "signature": "sig"}, path=MESSAGES)
    assert b'{"type":"signature_delta","signature":"sig"}' in signed.body


# ---------------------------------------------------------------------------- pace


async def test_pace() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    reply = await ask({"text": "a b c", "pace": {"head_s": 0.02, "first_s": 0.02, "between_s": 0.02}})
    assert loop.time() - began >= 0.08
    assert said(reply.body) == "a b c"


async def test_hold_until_released() -> None:
    script = {"models": [{"id": "m", "replies": [{"text": "a b c", "hold_after": 1}]}]}
    async with serving(script) as fake:
        reader, writer = await raw_open(fake.address, CHAT, question(stream=True))
        await fake.wait_chunks(1)
        await reader.readuntil(b'"a "')
        assert fake.requests[0].chunks == 1
        fake.release()
        rest = await raw_read(reader)
        assert b'"c"' in rest.data
        writer.close()
