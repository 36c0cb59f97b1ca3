"""From the Responses wire to the others and back, over generated conversations: what must survive the way."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, fold, unfold
from hostler.core.messages import Media, Message, Reasoning, Refusal, Text, ToolCall, ToolResult, visible_text
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.wire import anthropic, openai_chat, openai_responses
from hostler.wire.codec import Codec, StreamDecoder, StreamEncoder
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN, Dialect
from tests.wire.strategies import cuts, replies, requests

SPOKEN: list[Wire] = [OPENAI_CHAT, ANTHROPIC, OPENAI_RESPONSES]
ASKED = Asked("mine/model", "abc", 1_700_000_000)


def said(messages: Sequence[Message]) -> list[object]:
    """A conversation as a flat list; blank text and thinking left out."""
    told: list[object] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        for part in message.parts:
            match part:
                case Text(text=text) | Refusal(text=text):
                    told += [(role, text)] if text.strip() else []
                case ToolCall():
                    told.append(("call", part.id, part.name, msgspec.json.decode(part.arguments or "{}")))
                case ToolResult():
                    told.append(("result", part.call_id, visible_text(part.content).strip()))
                case Media():
                    told.append((role, part.kind, part.data, part.url))
                case Reasoning():
                    pass
    return told


@pytest.mark.slow
@given(requests(OPENAI_RESPONSES))
def test_a_request_comes_back_as_it_was(request: ChatRequest) -> None:
    back = openai_responses.decode_request(openai_responses.encode_request(request, PLAIN).body)
    assert said(back.messages) == said(request.messages)
    assert [(t.name, t.description) for t in back.tools] == [(t.name, t.description) for t in request.tools]
    assert (back.tool_choice, back.max_tokens, back.stream) == (request.tool_choice, request.max_tokens, request.stream)
    assert (back.output_format is None) == (request.output_format is None)


@pytest.mark.slow
@pytest.mark.parametrize("wire", [OPENAI_CHAT, ANTHROPIC])
@given(data=st.data())
def test_a_request_of_another_wire_survives_the_way_there_and_back(wire: Wire, data: st.DataObject) -> None:
    request = data.draw(requests(wire, media=wire == OPENAI_CHAT))
    if not any(m.role != "system" and said([m]) for m in request.messages):
        return
    there = openai_responses.decode_request(openai_responses.encode_request(request, PLAIN).body)
    assert said(there.messages) == said(request.messages)
    back = codec_of(wire).decode_request(codec_of(wire).encode_request(there, PLAIN).body)
    assert said(back.messages) == said(request.messages)
    assert back.tool_choice == request.tool_choice


@pytest.mark.slow
@given(st.sampled_from(SPOKEN).flatmap(lambda wire: requests(wire, media=False)))
def test_thinking_never_becomes_visible_text(request: ChatRequest) -> None:
    hidden = [
        Message(
            m.role, tuple(Reasoning(text="S3CRET", origin=p.origin) if isinstance(p, Reasoning) else p for p in m.parts)
        )
        for m in request.messages
    ]
    secret = ChatRequest(model=request.model, messages=tuple(hidden), wire=request.wire)
    for policy in ("never", "tool-turns", "always"):
        body = openai_responses.encode_request(secret, Dialect(reasoning_back=policy)).body
        assert "S3CRET" not in str(said(openai_responses.decode_request(body).messages))


def through(
    encoder: StreamEncoder, deltas: Sequence[Delta], decoder: StreamDecoder, *, data: st.DataObject
) -> list[Delta]:
    """Deltas written by one wire's encoder, cut anyhow, and read again."""
    body = encoder.encode(deltas) + encoder.finish()
    read = [delta for piece in data.draw(cuts(body)) for delta in decoder.feed(piece)]
    return [*read, *decoder.flush()]


@pytest.mark.slow
@pytest.mark.parametrize("other", [openai_chat, anthropic])
@given(reply=replies(), data=st.data())
def test_a_stream_survives_the_way_there_and_back(other: Codec, reply: Reply, data: st.DataObject) -> None:
    deltas: Sequence[Delta] = unfold(reply)
    for codec in (other, openai_responses, other):
        deltas = through(codec.stream_encoder(ASKED), deltas, codec.stream_decoder(PLAIN), data=data)
        read = fold(deltas)
        assert (read.text, read.usage[:5]) == (reply.text, reply.usage[:5])
        thought, expected = ("".join(p.text for p in r.parts if isinstance(p, Reasoning)) for r in (read, reply))
        assert thought == expected
        calls, wanted = (
            [(c.id, c.name, msgspec.json.decode(c.arguments or "{}")) for c in r.tool_calls] for r in (read, reply)
        )
        assert calls == wanted
    assert fold(deltas).finish == through_finish(other, reply)


def through_finish(codec: Codec, reply: Reply) -> str:
    """How a wire alone would have told the reply's end."""
    encoder, decoder = codec.stream_encoder(ASKED), codec.stream_decoder(PLAIN)
    return fold([*decoder.feed(encoder.encode(unfold(reply)) + encoder.finish()), *decoder.flush()]).finish
