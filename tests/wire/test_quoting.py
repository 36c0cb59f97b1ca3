"""JSON text that no line reader breaks."""

import msgspec
from hypothesis import given

from hostler.wire.quoting import one_line, quoted
from tests.wire.strategies import texts


@given(texts)
def test_every_text_is_read_as_it_was(text: str) -> None:
    data = quoted(text)
    assert msgspec.json.decode(data) == text
    assert len(data.decode().splitlines()) == 1


def test_line_ends_of_other_alphabets_are_escaped() -> None:
    assert quoted("a\u2028\u2029\x85") == b'"a\\u2028\\u2029\\u0085"'
    assert one_line(b'{"a":"\xe2\x80\xa8"}') == b'{"a":"\\u2028"}'
    assert one_line(b'{"a":\r\n "\\n"}') == b'{"a":   "\\n"}'
