"""What judges can fail: each breach of a published schema, and of the published order, is seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hostler.core.deltas import unfold
from hostler.core.messages import Citation, Reasoning, Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.wire.codecs import codec_of
from tests.published.faces import FACES, judge_stream, pieces
from tests.published.judge import complaints, departures, excused
from tests.published.order import check_responses
from tests.published.strategies import ERRORS

Json = dict[str, Any]
ASKED = Asked("mine/model", "abc", 1_763_630_000)
REPLY = Reply(
    parts=(
        Reasoning(text="Oats?"),
        Text(text="Feeding.", citations=(Citation("https://example.org/oats"),)),
        ToolCall(id="c_1", name="feed", arguments='{"a":1}'),
    ),
    finish="tool_calls",
    usage=Usage(3, 0, 0, 5, 1),
)


def at(value: Any, path: str) -> tuple[Any, Any]:
    """What holds a place, and its key there. Path: names and numbers, with dots between them."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        value = value[step]
    return value, last


def without(path: str) -> Callable[[Json], None]:
    def change(value: Json) -> None:
        holder, key = at(value, path)
        del holder[key]

    return change


def with_(path: str, new: object) -> Callable[[Json], None]:
    def change(value: Json) -> None:
        holder, key = at(value, path)
        holder[key] = new

    return change


BREACHES: list[tuple[Wire, Callable[[Json], None]]] = [
    (OPENAI_CHAT, without("choices.0.message.refusal")),
    (OPENAI_CHAT, without("choices.0.logprobs")),
    (OPENAI_CHAT, with_("choices.0.finish_reason", "done")),
    (OPENAI_CHAT, with_("choices.0.message.surprise", 1)),
    (OPENAI_CHAT, with_("choices.0.message.tool_calls.0.type", "tool")),
    (OPENAI_CHAT, with_("choices.0.message.tool_calls.0.index", 0)),
    (OPENAI_CHAT, with_("choices.0.message.tool_calls", None)),
    (OPENAI_CHAT, with_("usage.total_tokens", None)),
    (OPENAI_CHAT, with_("created", "now")),
    (OPENAI_RESPONSES, without("instructions")),
    (OPENAI_RESPONSES, without("top_p")),
    (OPENAI_RESPONSES, with_("status", "done")),
    (OPENAI_RESPONSES, without("output.1.content.0.annotations")),
    (OPENAI_RESPONSES, with_("output.1.content.0.type", "text")),
    (OPENAI_RESPONSES, with_("output.2.input", "")),
    (OPENAI_RESPONSES, with_("output.2.type", "tool_call")),
    (OPENAI_RESPONSES, without("usage.input_tokens_details.cache_write_tokens")),
    (OPENAI_RESPONSES, with_("tools", [{"type": "function", "name": "f", "parameters": {}}])),
    (ANTHROPIC, without("usage.output_tokens")),
    (ANTHROPIC, with_("stop_reason", "stop")),
    (ANTHROPIC, with_("content.0.text", "")),
    (ANTHROPIC, without("content.0.signature")),
    (GEMINI, with_("candidates.0.finishReason", "DONE")),
    (GEMINI, with_("candidates.0.content.parts.0.reasoning", "x")),
    (GEMINI, with_("usageMetadata.totalTokenCount", None)),
    (OLLAMA, with_("message.reasoning", "x")),
    (OLLAMA, without("message.role")),
    (OLLAMA, with_("message.tool_calls.0.function.arguments", "{}")),
]


@pytest.mark.parametrize(("wire", "breach"), BREACHES, ids=[f"{wire}-{n}" for n, (wire, _) in enumerate(BREACHES)])
def test_a_breach_of_a_schema_is_seen(wire: Wire, breach: Callable[[Json], None]) -> None:
    value = json.loads(codec_of(wire).encode_response(REPLY, ASKED).body)
    assert not complaints(FACES[wire].whole, json.dumps(value))
    breach(value)
    assert complaints(FACES[wire].whole, json.dumps(value))


def written(wire: Wire) -> bytes:
    encoder = codec_of(wire).stream_encoder(ASKED)
    return encoder.encode(unfold(REPLY)) + encoder.finish()


def framed(events: list[tuple[str, Any]]) -> bytes:
    """Events as bytes again, numbered anew where they are."""
    for number, (_, data) in enumerate(events):
        if data is not None and "sequence_number" in data:
            data["sequence_number"] = number
    lines = [
        f"event: {name}\n" * bool(name) + f"data: {json.dumps(data) if data else '[DONE]'}\n\n" for name, data in events
    ]
    return "".join(lines).encode()


def test_the_places_of_events_matter() -> None:
    """No event may be missing, come twice, or change places with the next one."""
    events = pieces(written(OPENAI_RESPONSES), "events")
    assert judge_stream(OPENAI_RESPONSES, framed(events)) == ([], False)
    for place in range(len(events)):
        for changed in (
            events[:place] + events[place + 1 :],
            events[: place + 1] + events[place:],
            [*events[:place], *reversed(events[place : place + 2]), *events[place + 2 :]],
        ):
            swapped = len(changed) == len(events) and changed != events
            free = swapped and any(name.endswith("annotation.added") for name, _ in events[place : place + 2])
            if changed != events and not free:  # an annotation may come anywhere within its part
                with pytest.raises((AssertionError, IndexError)):
                    check_responses(pieces(framed(json.loads(json.dumps(changed))), "events"))


@pytest.mark.parametrize(
    ("kind", "breach"),
    [
        ("response.output_text.delta", with_("delta", "Eating.")),
        ("response.output_text.done", with_("text", "Eating.")),
        ("response.content_part.done", with_("part.text", "Eating.")),
        ("response.output_text.delta", with_("item_id", "msg_other")),
        ("response.output_text.delta", with_("output_index", 0)),
        ("response.output_text.delta", with_("content_index", 1)),
        ("response.reasoning_summary_text.delta", with_("summary_index", 1)),
        ("response.function_call_arguments.done", with_("arguments", "{}")),
        ("response.output_item.done", with_("item.id", "other")),
        ("response.created", with_("response.id", "resp_other")),
        ("response.created", with_("sequence_number", 1)),
        ("response.completed", with_("response.status", "incomplete")),
        ("response.completed", with_("response.output", [])),
        ("response.in_progress", with_("type", "response.queued")),
    ],
)
def test_an_event_that_says_another_thing_than_the_others_is_seen(kind: str, breach: Callable[[Json], None]) -> None:
    body = written(OPENAI_RESPONSES)
    events = pieces(body, "events")
    breach(next(data for name, data in events if name == kind))
    lines = [f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events]
    assert judge_stream(OPENAI_RESPONSES, "".join(lines).encode())[0]


def test_chunks_out_of_order_are_seen() -> None:
    chunks = pieces(written(OPENAI_CHAT), "events")
    assert judge_stream(OPENAI_CHAT, framed(chunks)) == ([], False)
    for changed in (chunks[1:], chunks[:-1], chunks[:-3] + chunks[-2:], [*chunks[:-2], *reversed(chunks[-2:])]):
        assert judge_stream(OPENAI_CHAT, framed(changed))[0]


def test_each_departure_that_is_excused_is_met() -> None:
    custom = ToolCall(id="c_2", name="patch", arguments="x", custom=True)
    details = Reasoning(opaque=b'[{"type":"reasoning.text","signature":"c2ln"}]')
    failed = Reply(parts=(*REPLY.parts, custom, details), finish="error")
    bodies: list[tuple[str, bytes]] = []
    for wire, documents in FACES.items():
        encoder = codec_of(wire).stream_encoder(ASKED)
        stream = encoder.encode(unfold(failed)) + encoder.finish()
        for body in (written(wire), stream):
            told = pieces(body, documents.framing)
            bodies += [(documents.piece, json.dumps(value).encode()) for _, value in told if value]
        bodies.append((documents.whole, codec_of(wire).encode_response(REPLY, ASKED).body))
        for error in ERRORS:
            bodies.append((documents.error, codec_of(wire).encode_error(error, "req_1")))
            told = pieces(codec_of(wire).stream_encoder(ASKED).fail(error), documents.framing)
            bodies += [(documents.in_stream, json.dumps(value).encode()) for _, value in told]
    bodies.append(("chat", codec_of(OPENAI_CHAT).encode_response(failed, ASKED).body))
    met = {departure for document, body in bodies for departure in departures(document, body)}
    assert met == excused({document for document, _ in bodies})
