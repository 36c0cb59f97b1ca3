"""Tool call ids fit what a dialect accepts, stay different, and stay the same over turns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import ConfigError
from hostler.wire.ids import ToolIds, made_call_id

PATTERNS = [r"[A-Za-z0-9_-]{1,64}", r"[a-zA-Z0-9]{9}", r"[A-Za-z0-9]{1,40}", r"call_[A-Za-z0-9]{24}"]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.lists(st.text(max_size=80), unique=True, max_size=5))
def test_every_id_fits_and_pairs(pattern: str, ids: list[str]) -> None:
    first, second = ToolIds(pattern), ToolIds(pattern)
    wire = [first.to_wire(id_) for id_ in ids]
    assert all(re.fullmatch(pattern, id_) for id_ in wire)
    assert len(set(wire)) == len(ids)
    assert [second.to_wire(id_) for id_ in reversed(ids)] == wire[::-1]
    assert [first.from_wire(id_) for id_ in wire] == ids


def test_an_id_that_fits_is_kept() -> None:
    ids = ToolIds(PATTERNS[0])
    assert ids.to_wire("toolu_01A-b") == "toolu_01A-b"
    assert ids.from_wire("toolu_01A-b") == "toolu_01A-b"


def test_a_pattern_that_cannot_be_met_is_named() -> None:
    with pytest.raises(ConfigError, match="nothing_else"):
        ToolIds("nothing_else").to_wire("call_1")


def test_made_ids_are_the_replys_own() -> None:
    assert made_call_id("resp_a", 0) == made_call_id("chatcmpl-a", 0) == "call_a_0"
    assert made_call_id("a", 1) != made_call_id("a", 0)


def test_calls_of_replies_without_ids_are_told_apart_by_what_they_say() -> None:
    assert made_call_id("", 0, content="f{}") == made_call_id("", 0, content="f{}")
    assert made_call_id("", 0, content="f{}") != made_call_id("", 0, content="g{}")
