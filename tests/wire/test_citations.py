"""Sources of an answer: read from each wire that names some, written on each that can, and never sent to a stranger."""

import json
from typing import Any

import pytest

from hostler.core.deltas import fold, unfold
from hostler.core.messages import Citation, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.wire import anthropic
from hostler.wire.anthropic.unsigned import has_unsigned, without_unsigned
from hostler.wire.codecs import codec_of

A, B = Citation("https://a.example/1", "A"), Citation("https://b.example", "")
ASKED = Asked("m", "r1", 1_763_600_000)
WIRES: tuple[Wire, ...] = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI)
REPLY = Reply(
    parts=(
        Text(text="Hay is dear. ", citations=(A,)),
        Text(text="Oats too.", citations=(A, B)),
        ToolCall(id="c", name="f"),
    ),
    finish="tool_calls",
)


def cited(reply: Reply) -> set[Citation]:
    return {citation for part in reply.parts if isinstance(part, Text) for citation in part.citations}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", WIRES)
def test_sources_survive_on_each_wire_that_has_a_place_for_them(wire: Wire, *, stream: bool) -> None:
    codec = codec_of(wire)
    if stream:
        encoder = codec.stream_encoder(ASKED)
        data = encoder.encode(unfold(REPLY)) + encoder.finish()
        decoder = codec.stream_decoder()
        reply = fold([*decoder.feed(data), *decoder.flush()])
    else:
        reply = codec.decode_response(codec.encode_response(REPLY, ASKED).body)
    assert reply.text == "Hay is dear. Oats too."
    assert cited(reply) == {A, B}


def chat(message: dict[str, Any], **more: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hay.", **message}, "finish_reason": "stop"}
    return json.dumps({"id": "1", "choices": [choice], **more}).encode()


SEARCHED = {"title": "A", "url": A.url, "date": "2026-01-01"}
CHUNK = {"web": {"uri": A.url, "title": "A"}}


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (OPENAI_CHAT, chat({"annotations": [{"type": "url_citation", "url_citation": {"url": A.url, "title": "A"}}]})),
        (OPENAI_CHAT, chat({}, citations=[A.url], search_results=[SEARCHED])),
        (GEMINI, {"groundingMetadata": {"groundingChunks": [CHUNK, CHUNK]}}),
        (GEMINI, {"groundingMetadata": {"groundingChunks": [{"retrievedContext": {"uri": A.url, "title": "A"}}]}}),
        (GEMINI, {"citationMetadata": {"citationSources": [{"uri": A.url, "title": "A", "startIndex": 1}]}}),
    ],
)
def test_vendors_name_sources_in_many_places(wire: Wire, body: Any) -> None:
    if wire == GEMINI:
        content = {"parts": [{"text": "Hay."}], "role": "model"}
        body = json.dumps({"candidates": [{"content": content, "finishReason": "STOP", **body}]}).encode()
    (text,) = codec_of(wire).decode_response(body).parts
    assert isinstance(text, Text) and text.citations == (A,)


def test_a_list_of_sources_in_each_chunk_is_told_once() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hay. "}}], "citations": [A.url, B.url]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "citations": [A.url, B.url]}
    data = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (chunk, chunk, last))
    (text,) = fold(codec_of(OPENAI_CHAT).stream_decoder().feed(data)).parts
    assert isinstance(text, Text) and text.citations == (Citation(A.url), B)


def test_sources_of_another_maker_do_not_reach_a_vendor_that_would_refuse_them() -> None:
    content = json.loads(anthropic.encode_response(REPLY, ASKED).body)["content"]
    own = {
        "type": "web_search_result_location",
        "url": A.url,
        "title": "A",
        "encrypted_index": "c2ln",
        "cited_text": "x",
    }
    theirs = {"type": "text", "text": "Theirs.", "citations": [own]}
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": [*content, theirs]}]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
    assert has_unsigned(body)
    first, second, _, last = json.loads(without_unsigned(body))["messages"][1]["content"]
    assert not first["citations"] and not second["citations"]
    assert last == theirs


def test_sources_that_we_marked_are_no_opaque_state_in_a_history() -> None:
    content = json.loads(anthropic.encode_response(REPLY, ASKED).body)["content"]
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": content}]}
    (message,) = anthropic.decode_request(json.dumps(body).encode()).messages
    assert [part.opaque for part in message.parts if isinstance(part, Text)] == [None, None]
