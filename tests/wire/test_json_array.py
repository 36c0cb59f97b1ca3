"""Objects come out of an array however it is cut, and none may outgrow the bound."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import UpstreamGarbled
from hostler.wire.json_array import ArrayDecoder
from tests.wire.strategies import cuts, json_objects


@pytest.mark.slow
@given(st.lists(json_objects, max_size=4), st.booleans(), st.data())
def test_any_cut_gives_the_objects(objects: list[dict[str, object]], wide: bool, data: st.DataObject) -> None:
    body = msgspec.json.encode(objects)
    decoder = ArrayDecoder()
    pieces = data.draw(cuts(msgspec.json.format(body, indent=2) if wide else body))
    assert [msgspec.json.decode(found) for piece in pieces for found in decoder.feed(piece)] == objects


def test_marks_within_strings_are_text() -> None:
    objects = [{"a": '}"{\\'}, {"b": "\\\\"}]
    decoder = ArrayDecoder()
    body = msgspec.json.encode(objects)
    found = [one for place in range(len(body)) for one in decoder.feed(body[place : place + 1])]
    assert [msgspec.json.decode(one) for one in found] == objects


def test_what_stands_between_is_passed_over() -> None:
    assert ArrayDecoder().feed(b"[{}\r\n,\r\n{}]}{}") == [b"{}", b"{}", b"{}"]


def test_an_object_has_a_bound() -> None:
    decoder = ArrayDecoder(max_object=10)
    assert decoder.feed(b'[{"a":1},{"b":2}]') == [b'{"a":1}', b'{"b":2}']
    with pytest.raises(UpstreamGarbled):
        decoder.feed(b'{"a":"0123456789')
