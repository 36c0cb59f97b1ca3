"""Whatever comes in: nothing is raised, every answer is well-formed, and the next good request is served."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.system.http_server import Limits
from tests.system.http_server.door import Door, post

GOOD = (
    b"GET /a?b HTTP/1.1\r\nHost: here\r\n\r\n",
    post(b"some body", b"X-One: two"),
    b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n4\r\nabcd\r\n0\r\nx:\r\n\r\n",
    b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    post(b"body", b"Expect: 100-continue"),
    b"OPTIONS * HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
)
SPICE = (
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b",", b"0", b"\xff", b"\r\n\r\n", b"HTTP/1.1", b"ffffffff",
    b"Content-Length: 7\r\n", b"Host: there\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
)  # fmt: skip
LIMITS = Limits(max_head=2000, max_body=2000)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A row of good requests with pieces cut out, doubled, replaced and thrown in."""
    message = b"".join(draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(message)))
        stop = draw(st.integers(start, min(len(message), start + 12)))
        piece = draw(st.one_of(st.sampled_from(SPICE), st.binary(max_size=6), st.just(message[start:stop] * 2)))
        message = message[:start] + piece + message[stop:]
    return message


messages = st.one_of(mutated(), st.binary(max_size=200))


def split(raw: bytes, methods: list[str]) -> list[int]:
    """The statuses of the replies in `raw`, each checked for being whole; `methods` are of the requests served."""
    statuses: list[int] = []
    while raw:
        head, end, raw = raw.partition(b"\r\n\r\n")
        assert end, head
        line, *fields = head.split(b"\r\n")
        version, status, _ = line.split(b" ", 2)
        assert version == b"HTTP/1.1"
        if status == b"100":
            continue
        headers = dict(field.split(b": ", 1) for field in fields)
        assert len(headers) == len(fields)
        served = len(statuses) < len(methods)
        silent = methods[len(statuses)] == "HEAD" if served else not raw  # the last may be a refusal of a HEAD
        length = 0 if silent else int(headers[b"content-length"])
        assert len(raw) >= length
        raw = raw[length:]
        statuses.append(int(status))
        if not served:
            assert headers[b"connection"] == b"close"
            assert not raw
            assert 400 <= statuses[-1] <= 505
    return statuses


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(message=messages, cut=st.integers(0, 100))
async def test_any_bytes_are_answered_well_and_do_no_harm(message: bytes, cut: int) -> None:
    door = Door()
    asyncio.get_running_loop().set_exception_handler(note_into(door))
    await door.listen(limits=LIMITS)
    client = await door.client()
    client.send(message[:cut])
    await asyncio.sleep(0)
    client.send(message[cut:])
    try:
        client.writer.write_eof()
        raw = await client.rest()
    except OSError:  # bytes that came after the end of a connection that was asked to close
        assert not door.seen[-1].keep_alive
    else:
        statuses = split(raw, [exchange.method for exchange in door.seen])
        assert len(statuses) - len(door.seen) == door.server.statistics().refused
    await door.still_well()
    await door.shut()


def note_into(door: Door) -> Any:
    return lambda loop, context: door.complaints.append(context)


def test_the_judge_can_say_no() -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert split(whole * 2, ["GET", "GET"]) == [200, 200]
    for broken in (whole[:-1], whole + b"x", whole[:20], whole.replace(b"1.1", b"1.0")):
        with pytest.raises(AssertionError):
            split(broken, ["GET"])
