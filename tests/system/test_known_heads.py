"""What is remembered of a connection's last head: enough to know it again, and nothing that is large."""

import asyncio
import gc
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hostler.system.http_exchange import Exchange
from hostler.system.http_framing import HeadReader, RequestHead
from hostler.system.http_known_head import MOST_KNOWN, KnownHead, KnownReply, LengthMask, mask_of

HEAD = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
MOST_DIGITS = 18


class NoLink:
    """What an exchange has that is not answered."""

    transport: asyncio.Transport
    write_paused = False

    def reply_ended(self, keep_alive: bool) -> None:
        raise AssertionError(keep_alive)

    def reset(self) -> None:
        raise AssertionError


plain = st.text("abcXYZ019-:;/. ", max_size=12).map(lambda text: text.strip().encode())
firsts = st.sampled_from([b"POST /v1/chat/completions HTTP/1.1", b"POST /9 HTTP/1.1", b"HTTP/1.1 200 OK"])
fields = st.lists(
    st.tuples(st.sampled_from([b"host", b"x-1", b"Server", b"content-lengthy", b"x-content-length", b"date"]), plain),
    max_size=5,
)
blanks = st.sampled_from([b"", b" ", b"\t", b"  "])
lengths = st.integers(0, 10**MOST_DIGITS - 1).map(lambda length: b"%d" % length)
digits = lengths | st.text("0123456789", min_size=1, max_size=MOST_DIGITS).map(str.encode)
bodies = st.binary(max_size=40) | st.sampled_from([b"7\r\n\r\n", b"\r\n\r\n", HEAD, b'{"model":"m"}'])


@st.composite
def cases(draw: st.DrawFn) -> tuple[LengthMask, bytes, bytes]:
    """A mask, with what stands before and after the digits in the head that it is of."""
    lines = [b"%b: %b" % field for field in draw(fields)]
    at = draw(st.integers(0, len(lines)))
    name = draw(st.sampled_from([b"content-length", b"Content-Length", b"CONTENT-LENGTH"]))
    before = b"\r\n".join([draw(firsts), *lines[:at], name + b":" + draw(blanks)])
    after = b"\r\n".join([draw(blanks), *lines[at:]]) + b"\r\n\r\n"
    assert mask_of(before + draw(lengths) + after) == (before, after)
    return LengthMask(before, after), before, after


@given(cases(), digits, bodies)
def test_a_head_that_differs_in_the_digits_alone_is_found(
    case: tuple[LengthMask, bytes, bytes], length: bytes, body: bytes
) -> None:
    mask, before, after = case
    for data in (before + length + after + body, bytearray(before + length + after + body)):
        at = mask.find(data)
        assert data[mask.start : at] == length
        assert data[at + mask.tail :] == body


@given(cases(), digits, bodies, st.data())
def test_any_other_head_is_not(
    case: tuple[LengthMask, bytes, bytes], length: bytes, body: bytes, data: st.DataObject
) -> None:
    """One byte changed, left out or put in, wherever: what the regular expression does not know, the mask must not."""
    mask, before, after = case
    head = before + length + after
    at, end = data.draw(st.integers(0, len(head) - 1)), data.draw(st.integers(0, 1))
    other = data.draw(st.sampled_from([b"", b"0", b"7", b" ", b"\r", b"\n", b"-", b"+", b"x", b"\xb2", b"_"]))
    changed = head[:at] + other + head[at + end :] + body
    same = re.match(re.escape(before) + rb"([0-9]{1,18})" + re.escape(after), changed)
    assert mask.find(changed) == (same.end(1) if same else 0)


@given(cases(), digits, st.data())
def test_a_head_that_is_cut_short_is_not_found(
    case: tuple[LengthMask, bytes, bytes], length: bytes, data: st.DataObject
) -> None:
    mask, before, after = case
    head = before + length + after
    assert mask.find(head[: data.draw(st.integers(0, len(head) - 1))]) == 0


@pytest.mark.parametrize(
    "length", [b"", b"0" * (MOST_DIGITS + 1), b"-5", b"+5", b"5 5", b"5,5", b"0x5", b"\xb2", b"5_0"]
)
def test_what_is_no_plain_length_is_not_found(length: bytes) -> None:
    mask = mask_of(HEAD)
    assert mask is not None
    assert LengthMask(*mask).find(HEAD.replace(b"5", length)) == 0


@given(firsts, fields, st.lists(lengths, max_size=3))
def test_only_a_head_with_exactly_one_length_has_a_mask(
    first: bytes, others: list[tuple[bytes, bytes]], found: list[bytes]
) -> None:
    assume(len(found) != 1)
    lines = [first, *(b"content-length: " + length for length in found), *(b"%b: %b" % field for field in others)]
    assert mask_of(b"\r\n".join(lines) + b"\r\n\r\n") is None


def test_a_known_reply_is_found_as_its_head_is() -> None:
    mask = mask_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nserver: x\r\n\r\n")
    assert mask is not None
    reply = KnownReply(mask, status=200, headers=[(b"server", b"x")])
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 345\r\nserver: x\r\n\r\nbody"
    at = reply.find(data)
    assert data[reply.start : at] == b"345" and data[at + reply.tail :] == b"body"
    assert (reply.status, reply.note) == (200, None)


def test_a_known_head_serves_the_next_request_and_does_not_hold_the_last_ones_body() -> None:
    head = RequestHead()
    HeadReader().read(HEAD, head)
    mask = mask_of(HEAD)
    assert mask is not None
    known = KnownHead(mask, head, epoch=0)
    exchange = Exchange(NoLink(), head)
    exchange.body = bytes(1000)
    # the server's requests have a body of up to 64 MiB, and the connection lives on
    reachable = gc.get_referents(known, known.head)
    assert not any(thing is exchange or thing is exchange.body for thing in reachable)
    again = Exchange(NoLink(), known.head)
    assert (again.path, again.header(b"host"), again.body) == ("/x", b"a", b"")


def test_a_long_head_is_not_kept_with_each_connection() -> None:
    padded = HEAD.replace(b"\r\n\r\n", b"\r\nx: " + b"y" * MOST_KNOWN + b"\r\n\r\n")
    assert mask_of(padded) is None
    assert mask_of(HEAD) is not None
