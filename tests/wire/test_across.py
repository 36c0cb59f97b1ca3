"""From one wire to another: cases with a story of their own; what holds for every pair is in `test_every_pair`."""

import msgspec
import pytest

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
)
from hostler.core.messages import Reasoning, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.core.wires import WIRES, Wire
from hostler.errors import UpstreamRefused
from hostler.wire import anthropic, openai_chat
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import Dialect
from tests.wire.anthropic.judge import read_stream

ASKED = Asked("mine/model", "abc", 1_700_000_000)
DIALECT = Dialect()


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
