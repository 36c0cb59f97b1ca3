"""Calls come out whole and in the order in which they began, whatever their pieces do."""

from hostler.core.deltas import ToolCallDelta, ToolCallEnded, ToolCallStarted
from hostler.core.messages import ToolCall
from hostler.wire.whole_calls import WholeCalls


def test_a_call_waits_for_those_before_it() -> None:
    calls = WholeCalls("r")
    for delta in (ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g", True), ToolCallDelta(1, "y")):
        assert calls.take(delta) == []
    assert calls.take(ToolCallDelta(0, "{")) == calls.take(ToolCallEnded(1, b"state")) == []
    assert calls.take(ToolCallDelta(0, "}")) == []
    assert calls.take(ToolCallEnded(0)) == [
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="g", arguments="y", custom=True, opaque=b"state"),
    ]
    assert calls.rest() == []


def test_what_never_ended_is_the_rest_and_has_an_id() -> None:
    calls = WholeCalls("r")
    calls.take(ToolCallStarted(0, "", "f"))
    calls.take(ToolCallDelta(0, '{"x'))
    calls.take(ToolCallStarted(1, "b", "g"))
    assert calls.take(ToolCallEnded(1)) == []
    assert calls.rest() == [ToolCall(id="call_r_0", name="f", arguments='{"x'), ToolCall(id="b", name="g")]


def test_pieces_of_a_call_that_never_began_are_nobodys() -> None:
    calls = WholeCalls("r")
    assert calls.take(ToolCallDelta(0, "{}")) == calls.take(ToolCallEnded(0)) == calls.rest() == []
