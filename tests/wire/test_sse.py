"""Server-sent events come out whole, however the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import UpstreamGarbled
from hostler.wire.sse import SseDecoder, SseEvent
from tests.wire.strategies import cuts

STREAM = (
    b"\xef\xbb\xbfdata: first\n\n"
    b": a comment\n\n"
    b"event: named\ndata: zw\xc3\xb6lf \xf0\x9f\x90\xb4\nid: 7\nretry: 10\n\n"
    b"data:no space\r\n\r\n"
    b"data: line one\rdata: line two\r\r"
    b"data\n\n"
    b"data:  two spaces\n\n\n\n"
    b"event: nameless\n\n"
    b"unknown: field\ndata: {}\n: comment within\n\n"
)
EVENTS = [
    SseEvent("", b"first"),
    SseEvent("named", "zwölf 🐴".encode()),
    SseEvent("", b"no space"),
    SseEvent("", b"line one\nline two"),
    SseEvent("", b""),
    SseEvent("", b" two spaces"),
    SseEvent("", b"{}"),
]


def decode(pieces: list[bytes]) -> list[SseEvent]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.flush()


def test_all_forms_in_one_piece() -> None:
    assert decode([STREAM]) == EVENTS


def test_byte_by_byte() -> None:
    assert decode([STREAM[i : i + 1] for i in range(len(STREAM))]) == EVENTS


@given(cuts(STREAM))
def test_any_cut_gives_the_same_events(pieces: list[bytes]) -> None:
    assert decode(pieces) == EVENTS


@given(
    st.lists(st.sampled_from([b"data: x", b"data:", b"event: e", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"q"])),
    st.data(),
)
def test_any_cut_of_any_stream_gives_what_one_piece_gives(words: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(words)
    assert decode(data.draw(cuts(stream))) == decode([stream])


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    decode([data])


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends_mean_the_same(end: bytes) -> None:
    lines = [b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""]
    assert decode([end.join(lines)]) == [SseEvent("a", b"1\n2"), SseEvent("", b"3")]


def test_a_line_feed_after_a_carriage_return_ends_no_second_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\ndata: b\r") == []
    assert decoder.feed(b"\n\r") == [SseEvent("", b"a\nb")]
    assert decoder.feed(b"\ndata: c\n\n") == [SseEvent("", b"c")]


def test_the_last_event_needs_no_blank_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.flush() == [SseEvent("", b"[DONE]")]
    assert decoder.flush() == []


def test_an_object_that_stands_bare_between_events_is_one() -> None:
    decoder = SseDecoder()
    events = decoder.feed(b'data: 1\n\n{"error":\n {"code": 500}}\n\n{"a":1}')
    assert [event.data for event in [*events, *decoder.flush()]] == [b"1", b'{"error":\n {"code": 500}}', b'{"a":1}']


def test_an_error_may_be_a_field_of_its_own() -> None:
    """As llama.cpp's server had it until 2025."""
    assert decode([b'data: 1\n\nerror: {"code":500}\n\n']) == [SseEvent("", b"1"), SseEvent("error", b'{"code":500}')]


def test_half_a_byte_order_mark_is_data_of_its_own() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"\xef\xbb") == []
    assert decoder.feed(b"data: x\n\n") == []  # a field of another name
    assert decoder.feed(b"data: y\n\n") == [SseEvent("", b"y")]


def test_an_event_without_end_is_refused() -> None:
    decoder = SseDecoder(max_event=100)
    for _ in range(10):
        assert decoder.feed(b"data: 456\n") == []
    with pytest.raises(UpstreamGarbled, match="100 bytes"):
        decoder.feed(b"data: 456\n")


def test_the_bound_is_for_one_event() -> None:
    decoder = SseDecoder(max_event=30)
    for _ in range(10):
        assert decoder.feed(b"data: 123456789") == []
        assert decoder.feed(b"\n\n") == [SseEvent("", b"123456789")]
