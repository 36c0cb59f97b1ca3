"""Lines come whole out of bytes that are cut anyhow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import UpstreamGarbled
from hostler.wire.ndjson import LineDecoder
from tests.wire.strategies import cuts

LINES = ['{"a":"ä🐴"}', '{"b":"\u2028"}', "{}", '{"c":[1,2]}']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \n"])
@given(st.data())
def test_any_cut_gives_the_same_lines(end: str, data: st.DataObject) -> None:
    decoder = LineDecoder()
    body = end.join([*LINES, ""]).encode()
    read = [line for piece in data.draw(cuts(body)) for line in decoder.feed(piece)]
    assert [line.decode().strip() for line in read] == LINES
    assert decoder.flush() == []


def test_a_last_line_without_its_end_is_given_at_the_end() -> None:
    decoder = LineDecoder()
    assert decoder.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert decoder.feed(b":2}") == []
    assert decoder.flush() == [b'{"b":2}']
    assert decoder.flush() == []


def test_a_line_that_outgrows_the_bound_is_garbled() -> None:
    decoder = LineDecoder(max_line=8)
    assert decoder.feed(b"1234\n12345678") == [b"1234"]
    with pytest.raises(UpstreamGarbled, match="larger than 8"):
        decoder.feed(b"9")
