"""From one wire to the other and back: what must survive the way. Knows the public doors of both wires."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import (
    Delta,
    Failed,
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
from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, WIRES, Wire
from hostler.errors import UpstreamRefused
from hostler.wire import anthropic, openai_chat
from hostler.wire.codec import StreamDecoder, StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import Dialect
from tests.wire.anthropic.judge import read_stream
from tests.wire.strategies import cuts, replies, requests, texts

ASKED = Asked("mine/model", "abc", 1_700_000_000)
DIALECT = Dialect()


def said(messages: Sequence[Message]) -> list[object]:
    """A conversation as a flat list: who said what, calls and their results in order; blank text left out."""
    told: list[object] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        for part in message.parts:
            match part:
                case Text(text=text) | Refusal(text=text):
                    told.append((role, text))
                case ToolCall():
                    told.append(("call", part.id, part.name, msgspec.json.decode(part.arguments or "{}")))
                case ToolResult():
                    told.append(("result", part.call_id, visible_text(part.content).strip()))
                case Media():
                    told.append((role, part.kind, part.data, part.url))
                case Reasoning():
                    pass
    return [item for item in told if not (isinstance(item, tuple) and len(item) == 2 and not item[1].strip())]


def with_secret(request: ChatRequest) -> ChatRequest:
    """The same request with all thinking made recognisable."""
    messages = [
        Message(
            m.role, tuple(Reasoning(text="S3CRET", origin=p.origin) if isinstance(p, Reasoning) else p for p in m.parts)
        )
        for m in request.messages
    ]
    return ChatRequest(model=request.model, messages=tuple(messages), tools=request.tools, wire=request.wire)


@pytest.mark.slow
@given(requests(OPENAI_CHAT))
def test_a_chat_request_survives_the_way_through_anthropic(request: ChatRequest) -> None:
    there = anthropic.decode_request(anthropic.encode_request(request, DIALECT).body)
    back = openai_chat.decode_request(openai_chat.encode_request(there, DIALECT).body)
    if any(m.role != "system" and said([m]) for m in request.messages):
        assert said(back.messages) == said(request.messages)
    assert [(tool.name, tool.description) for tool in back.tools] == [(t.name, t.description) for t in request.tools]
    assert back.tool_choice == request.tool_choice
    assert back.max_tokens == request.max_tokens


@pytest.mark.slow
@given(requests(ANTHROPIC, media=False))
def test_an_anthropic_request_survives_the_way_through_chat(request: ChatRequest) -> None:
    there = openai_chat.decode_request(openai_chat.encode_request(request, DIALECT).body)
    back = anthropic.decode_request(anthropic.encode_request(there, DIALECT).body)
    if any(m.role != "system" and said([m]) for m in request.messages):
        assert said(back.messages) == said(request.messages)
    assert back.tool_choice == request.tool_choice


@pytest.mark.slow
@given(st.sampled_from([OPENAI_CHAT, ANTHROPIC]).flatmap(lambda wire: requests(wire, media=False)))
def test_readable_thinking_never_becomes_visible_text_on_the_way(request: ChatRequest) -> None:
    hidden = with_secret(request)
    assert b"S3CRET" not in anthropic.encode_request(hidden, DIALECT).body
    for policy in ("never", "tool-turns", "always"):
        dialect = Dialect(reasoning_back=policy)
        back = openai_chat.decode_request(openai_chat.encode_request(hidden, dialect).body)
        assert "S3CRET" not in str(said(back.messages))


def test_thinking_that_we_showed_an_anthropic_client_returns_to_a_vendor_that_wants_it() -> None:
    reply = Reply(parts=(Reasoning(text="Oats."), ToolCall(id="call_1", name="feed", arguments="{}")), finish="stop")
    content = msgspec.json.decode(anthropic.encode_response(reply, ASKED).body)["content"]
    history = {"model": "m", "messages": [{"role": "assistant", "content": content}]}
    request = anthropic.decode_request(msgspec.json.encode(history))
    body = openai_chat.encode_request(request, Dialect(reasoning_back="tool-turns")).body
    assert msgspec.json.decode(body)["messages"][0]["reasoning_content"] == "Oats."


def test_signed_thinking_never_reaches_the_chat_wire() -> None:
    block = {"type": "thinking", "thinking": "S3CRET", "signature": "c2ln"}
    history = {"model": "m", "messages": [{"role": "assistant", "content": [block, {"type": "text", "text": "ok"}]}]}
    request = anthropic.decode_request(msgspec.json.encode(history))
    encoded = openai_chat.encode_request(request, Dialect(reasoning_back="always"))
    assert b"S3CRET" not in encoded.body and b"c2ln" not in encoded.body
    assert encoded.dropped == ("messages[].reasoning",)


def parts_of(reply: Reply) -> tuple[str, str, list[tuple[str, str, object]]]:
    """Visible text, thinking, and calls."""

    def joined(kind: type[Part]) -> str:
        return "".join(
            part.text
            for part in reply.parts
            if isinstance(part, kind) and not isinstance(part, ToolCall | ToolResult | Media) and part.text
        )

    calls = [
        (part.id, part.name, msgspec.json.decode(part.arguments or "{}"))
        for part in reply.parts
        if isinstance(part, ToolCall)
    ]
    return joined(Text), joined(Reasoning), calls


@pytest.mark.slow
@given(replies())
def test_a_reply_survives_chat_anthropic_chat(reply: Reply) -> None:
    first = openai_chat.decode_response(openai_chat.encode_response(reply, ASKED).body)
    second = anthropic.decode_response(anthropic.encode_response(first, ASKED).body)
    third = openai_chat.decode_response(openai_chat.encode_response(second, ASKED).body)
    for each in (first, second, third):
        assert parts_of(each) == parts_of(reply)
        assert each.usage == reply.usage
    assert third.finish == first.finish


def through(
    encoder: StreamEncoder, deltas: Sequence[Delta], decoder: StreamDecoder, data: st.DataObject
) -> list[Delta]:
    """Deltas written by one wire's encoder, cut anyhow, and read again."""
    body = encoder.encode(deltas) + encoder.finish()
    read = [delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)]
    return [*read, *decoder.flush()]


def around(deltas: Sequence[Delta], data: st.DataObject) -> list[Reply]:
    """What a stream amounts to after chat, after chat and anthropic, and after chat, anthropic and chat."""
    first = through(openai_chat.stream_encoder(ASKED), deltas, openai_chat.stream_decoder(), data)
    second = through(anthropic.stream_encoder(ASKED), first, anthropic.stream_decoder(), data)
    third = through(openai_chat.stream_encoder(ASKED), second, openai_chat.stream_decoder(), data)
    return [fold(first), fold(second), fold(third)]


@pytest.mark.slow
@given(replies(), st.data())
def test_a_stream_survives_chat_anthropic_chat(reply: Reply, data: st.DataObject) -> None:
    first, second, third = around(unfold(reply), data)
    for each in (first, second, third):
        assert parts_of(each) == parts_of(reply)
        assert each.usage == reply.usage
    assert third.finish == first.finish


@st.composite
def interleaved(draw: st.DrawFn) -> list[Delta]:
    """Calls whose fragments come in any order, with text and thinking before them."""
    deltas: list[Delta] = [Started("x", "y"), ReasoningDelta("S3CRET"), TextDelta(draw(texts))]
    count = draw(st.integers(1, 3))
    deltas += [ToolCallStarted(slot, f"call_{slot}", "f") for slot in range(count)]
    pieces = {slot: ['{"a"', ":", f'"{slot}"', "}"] for slot in range(count)}
    for slot in draw(st.permutations([slot for slot in range(count) for _ in range(4)])):
        deltas.append(ToolCallDelta(slot, pieces[slot].pop(0)))
    deltas += [ToolCallEnded(slot) for slot in range(count)]
    usage = Usage(input=3, cache_read=2, cache_write=1, output=5, reasoning=4)
    return [*deltas, Finished("tool_calls", "tool_calls"), UsageDelta(usage)]


@pytest.mark.slow
@given(interleaved(), st.data())
def test_interleaved_calls_survive_and_never_overlap(deltas: list[Delta], data: st.DataObject) -> None:
    expected = fold(deltas)
    for each in around(deltas, data):
        assert parts_of(each) == parts_of(expected)
        assert each.usage == expected.usage
        assert each.finish == "tool_calls"


def test_the_sdk_reads_a_chat_stream_as_messages() -> None:
    chat = openai_chat.stream_encoder(ASKED)
    deltas: list[Delta] = [
        Started("x", "y"),
        ReasoningDelta("Oats?"),
        TextDelta("Feeding."),
        ToolCallStarted(0, "call_1", "feed"),
        ToolCallDelta(0, '{"horse":"Näbel"}'),
        ToolCallEnded(0),
        Finished("tool_calls"),
        UsageDelta(Usage(input=3, output=5)),
    ]
    decoder = openai_chat.stream_decoder()
    read = [*decoder.feed(chat.encode(deltas) + chat.finish()), *decoder.flush()]
    encoder = anthropic.stream_encoder(ASKED)
    message = read_stream(encoder.encode(read) + encoder.finish())
    thinking, text, call = message.content
    assert thinking.type == "thinking" and thinking.thinking == "Oats?"
    assert text.type == "text" and text.text == "Feeding."
    assert call.type == "tool_use" and call.input == {"horse": "Näbel"}
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 3, 5)


def test_an_error_in_a_stream_becomes_the_other_wires_error() -> None:
    chat = openai_chat.stream_decoder()
    deltas = chat.feed(b'data: {"error":{"message":"slow down","type":"rate_limit_error","code":429}}\n\n')
    [failed] = deltas
    assert isinstance(failed, Failed) and isinstance(failed.error, UpstreamRefused)
    [again] = anthropic.stream_decoder().feed(anthropic.stream_encoder(ASKED).fail(failed.error))
    assert isinstance(again, Failed) and isinstance(again.error, UpstreamRefused)
    assert (again.error.status, again.error.message) == (failed.error.status, "slow down")
    [thrice] = openai_chat.stream_decoder().feed(openai_chat.stream_encoder(ASKED).fail(again.error))
    assert isinstance(thrice, Failed)
    assert thrice.error.message == "slow down"


@pytest.mark.parametrize("wire", WIRES)
def test_arguments_over_several_lines_break_no_frame(wire: Wire) -> None:
    codec = codec_of(wire)
    encoder, decoder = codec.stream_encoder(ASKED), codec.stream_decoder(DIALECT)
    arguments = '{\n  "city":\r\n "Paris \u2028 \\n"\n}'
    deltas: list[Delta] = [Started("r", "m"), ToolCallStarted(0, "call_1", "weather"), ToolCallDelta(0, arguments)]
    body = encoder.encode([*deltas, ToolCallEnded(0), Finished("tool_calls")]) + encoder.finish()
    told = [line for line in body.decode().splitlines() if line]
    assert all(line.startswith(("data:", "event:", "id:", ":", "{")) for line in told)
    (call,) = fold([*decoder.feed(body), *decoder.flush()]).parts
    assert isinstance(call, ToolCall)
    assert msgspec.json.decode(call.arguments) == {"city": "Paris \u2028 \n"}
