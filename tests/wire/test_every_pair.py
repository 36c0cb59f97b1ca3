"""From each wire to each other and back, over generated conversations: what must survive the way.

A client speaks A and its upstream B, so each way is A, core, B, core, and the same back.
"""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hostler.core.deltas import (
    Delta,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
    unfold,
)
from hostler.core.history import repair
from hostler.core.messages import Message, Refusal
from hostler.core.requests import ChatRequest, FinishReason, Reply
from hostler.core.usage import Usage
from hostler.core.wires import Wire
from hostler.errors import Unsupported
from tests.wire.pairs import (
    ENDS,
    LEAST_TOKENS,
    PAIRS,
    answered,
    carries,
    chosen,
    counted,
    form_of,
    media_in,
    missing,
    offered,
    parts_of,
    said,
    sent,
    speaks,
    story,
    streamed,
    thinking,
)
from tests.wire.strategies import MEDIA, media_of, replies, requests, texts, wild_histories, wild_replies

pytestmark = pytest.mark.slow
pairs = pytest.mark.parametrize(("a", "b"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
FINISHES: tuple[FinishReason, ...] = ("stop", "stop_sequence", "length", "context", "content_filter", "refusal")
fewer = settings(max_examples=max(10, settings().max_examples // 4))


@pairs
@fewer
@given(data=st.data())
def test_a_request_survives(a: Wire, b: Wire, data: st.DataObject) -> None:
    asked = data.draw(requests(a, media=media_of(a)))
    assume(speaks(asked))
    asked, _ = sent(a, asked)
    if not carries(b, asked):
        with pytest.raises(Unsupported, match=r"take|cannot be sent"):
            sent(b, asked)
        return
    there, lost = sent(b, asked)
    back, lost_too = sent(a, there)
    most = asked.max_tokens or 0
    ways: list[tuple[ChatRequest, Wire]] = [(there, b), (back, a)]
    for read, wire in ways:
        assert said(read.messages) == said(asked.messages)
        assert [tool.name for tool in read.tools] == offered(b, asked)
        most = max(most, LEAST_TOKENS.get(wire, 0))
        assert read.max_tokens == most
    descriptions = {tool.name: (tool.description, tool.parameters) for tool in asked.tools}
    assert all((tool.description, tool.parameters) == descriptions[tool.name] for tool in back.tools)
    assert back.tool_choice == chosen(b, asked)
    _assert_kept_or_named(asked, back, lost={*lost, *lost_too})


def _assert_kept_or_named(asked: ChatRequest, back: ChatRequest, *, lost: set[str]) -> None:
    if back.tool_choice != asked.tool_choice and asked.tool_choice is not None and asked.tool_choice.mode != "auto":
        assert "tool_choice" in lost or len(back.tools) < len(asked.tools) or len(asked.tools) == 1
    for name in ("temperature", "top_p", "top_k", "stop"):
        assert getattr(back.sampling, name) == getattr(asked.sampling, name) or name in lost
    assert form_of(back) == form_of(asked) or any(name.startswith("response_format") for name in lost)


@pairs
@fewer
@given(reply=replies(finishes=FINISHES))
def test_a_reply_survives(a: Wire, b: Wire, reply: Reply) -> None:
    wires: list[Wire] = []
    read = reply
    for wire in (a, b, a):
        wires.append(wire)
        read = answered(wire, read)
        assert parts_of(read) == parts_of(reply)
        assert counted(read.usage, *wires) == counted(reply.usage, *wires)
        assert ENDS[read.finish] == ENDS[reply.finish]


@pairs
@fewer
@given(reply=replies(finishes=FINISHES), data=st.data())
def test_a_stream_survives(a: Wire, b: Wire, reply: Reply, data: st.DataObject) -> None:
    wires: list[Wire] = []
    deltas = unfold(reply)
    for wire in (a, b, a):
        wires.append(wire)
        deltas = streamed(wire, deltas, data=data)
        read = fold(deltas)
        assert parts_of(read) == parts_of(reply)
        assert counted(read.usage, *wires) == counted(reply.usage, *wires)
        assert ENDS[read.finish] == ENDS[reply.finish]


@pairs
@fewer
@given(data=st.data())
def test_a_wild_history_is_repaired_and_survives(a: Wire, b: Wire, data: st.DataObject) -> None:
    wild = data.draw(wild_histories(a, media_of(a, only="data").filter(lambda part: part.kind in MEDIA[b])))
    messages = repair(wild).messages
    asked = ChatRequest(model="m", messages=messages, max_tokens=100, wire=a)
    told = story(messages, a, b)
    ways: list[Wire] = [b, a]
    for wire in ways:
        asked, _ = sent(wire, replace(asked, messages=repair(asked.messages).messages))
        assert not missing(told, story(asked.messages, a, b))
        assert media_in(asked.messages) == media_in(messages)


@st.composite
def interleaved(draw: st.DrawFn) -> list[Delta]:
    """Calls whose fragments come in any order, with text and thinking before them."""
    deltas: list[Delta] = [Started("x", "y"), ReasoningDelta("Which one?"), TextDelta(draw(texts))]
    count = draw(st.integers(1, 3))
    deltas += [ToolCallStarted(slot, f"call_{slot}", "f") for slot in range(count)]
    pieces = {slot: ['{"a"', ":", f'"{slot}"', "}"] for slot in range(count)}
    for slot in draw(st.permutations([slot for slot in range(count) for _ in range(4)])):
        deltas.append(ToolCallDelta(slot, pieces[slot].pop(0)))
    deltas += [ToolCallEnded(slot) for slot in range(count)]
    usage = Usage(input=3, cache_read=2, cache_write=1, output=5, reasoning=4)
    return [*deltas, Finished("tool_calls", "tool_calls"), UsageDelta(usage)]


@pairs
@fewer
@given(deltas=interleaved(), data=st.data())
def test_interleaved_calls_survive_and_never_overlap(
    a: Wire, b: Wire, deltas: list[Delta], data: st.DataObject
) -> None:
    told, wires = fold(deltas), list[Wire]()
    for wire in (a, b, a):
        wires.append(wire)
        deltas = streamed(wire, deltas, data=data)
        read = fold(deltas)
        assert parts_of(read) == parts_of(told)
        assert counted(read.usage, *wires) == counted(told.usage, *wires)
        assert read.finish == "tool_calls"


def _assert_same(read: Reply, reply: Reply, *, wires: list[Wire]) -> None:
    told, meant = ("".join(story([Message("assistant", each.parts)], *wires)) for each in (read, reply))
    assert told == meant
    assert "".join(thinking(read).split()) == "".join(thinking(reply).split())
    ids = [call.id for call in read.tool_calls]
    assert all(ids) and len(set(ids)) == len(ids)
    assert {k: v or 0 for k, v in counted(read.usage, *wires).items()} == {
        k: v or 0 for k, v in counted(reply.usage, *wires).items()
    }
    refused = any(isinstance(part, Refusal) for part in reply.parts)
    assert ENDS[read.finish] == ENDS[reply.finish] or (refused and ENDS[read.finish] == "filtered")


@pairs
@fewer
@given(reply=wild_replies(), data=st.data())
def test_a_wild_reply_survives_whole_and_streamed(a: Wire, b: Wire, reply: Reply, data: st.DataObject) -> None:
    whole, deltas, wires = reply, unfold(reply), list[Wire]()
    for wire in (b, a):
        wires.append(wire)
        whole = answered(wire, whole)
        deltas = streamed(wire, deltas, data=data)
        _assert_same(whole, reply, wires=wires)
        _assert_same(fold(deltas), reply, wires=wires)
