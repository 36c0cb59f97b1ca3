"""Streams of the Responses wire, both ways: events made from the published schema, whole, cut and broken."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import (
    Cited,
    Delta,
    Failed,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
    unfold,
)
from hostler.core.messages import Citation, Message, Origin, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.tools import Tool
from hostler.core.usage import Usage
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import HostlerError, QueueFull, UpstreamBroken, UpstreamGarbled, UpstreamRefused
from hostler.wire import openai_responses as wire
from hostler.wire.dialects import PLAIN
from tests.wire.openai_responses.judge import client, read_events, read_stream
from tests.wire.strategies import cuts, replies

Json = dict[str, object]
ASKED = Asked("mine/model", "r1", 1_763_630_000)
RESPONSE: Json = {"id": "resp_1", "object": "response", "model": "v", "status": "in_progress", "output": []}
USAGE: Json = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "total_tokens": 14}


def stream(*events: Json, end: Json | None = None, named: bool = True) -> bytes:
    """A stream with these events between its beginning and, if given, its terminal one."""
    everything: list[Json] = [{"type": f"response.{each}", "response": RESPONSE} for each in ("created", "in_progress")]
    everything += events
    if end is not None:
        status = str(end.get("status", "completed"))
        response = RESPONSE | {"status": status, "usage": USAGE} | end
        everything.append({"type": f"response.{status}", "response": response})
    frames = [(str(e["type"]), msgspec.json.encode(e | {"sequence_number": n})) for n, e in enumerate(everything)]
    return b"".join((f"event: {k}\n".encode() if named else b"") + b"data: " + d + b"\n\n" for k, d in frames)


def item(index: int, added: Json, done: Json, *between: Json) -> list[Json]:
    """The events of one output item."""
    middle = [{"output_index": index, "item_id": added.get("id", ""), **each} for each in between]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": added},
        *middle,
        {"type": "response.output_item.done", "output_index": index, "item": done},
    ]


def message(index: int, *texts: str, **more: object) -> list[Json]:
    """The events of a message."""
    start: Json = {"id": f"msg_{index}", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    deltas: list[Json] = [{"type": "response.output_text.delta", "content_index": 0, "delta": text} for text in texts]
    content: list[Json] = [{"type": "output_text", "text": "".join(texts)}]
    return item(index, start, {**start, "status": "completed", "content": content, **more}, *deltas)


def call(index: int, id_: str, *pieces: str, name: str = "f") -> list[Json]:
    """The events of a function call."""
    start: Json = {"id": f"fc_{id_}", "type": "function_call", "call_id": id_, "name": name, "arguments": ""}
    deltas: list[Json] = [{"type": "response.function_call_arguments.delta", "delta": piece} for piece in pieces]
    return item(index, start, {**start, "arguments": "".join(pieces)}, *deltas)


def read(*pieces: bytes) -> list[Delta]:
    """The deltas of a stream that came in these pieces."""
    decoder = wire.stream_decoder()
    return [delta for piece in pieces for delta in decoder.feed(piece)] + decoder.flush()


def error_of(*pieces: bytes) -> HostlerError:
    """The error with which a stream ended."""
    last = read(*pieces)[-1]
    assert isinstance(last, Failed)
    return last.error


def test_text_and_usage() -> None:
    assert read(stream(*message(0, "Hel", "lo"), end={})) == [
        Started("resp_1", "v"),
        TextDelta("Hel"),
        TextDelta("lo"),
        PartEnded(),
        UsageDelta(Usage(5, 4, None, 5, None)),
        Finished("stop", "completed"),
    ]


@pytest.mark.parametrize("tail", [b"", b"data: [DONE]\n\n", b": bye\n\n"])
@pytest.mark.parametrize("named", [True, False])
def test_the_end_mark_of_the_other_wire_may_come_or_not(tail: bytes, named: bool) -> None:
    assert fold(read(stream(*message(0, "x"), end={}, named=named) + tail)).text == "x"


def test_parallel_calls_even_when_their_pieces_interleave() -> None:
    first, second = call(0, "a", '{"x":', "1}"), call(1, "b", "{", "}", name="g")
    mixed = [first[0], second[0], first[1], second[1], second[2], first[2], second[3], first[3]]
    reply = fold(read(stream(*mixed, end={})))
    assert reply.tool_calls == (
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", arguments="{}"),
    )
    assert reply.finish == "tool_calls"


def test_a_call_without_arguments_and_a_free_form_one() -> None:
    start: Json = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c", "name": "p", "input": ""}
    delta: Json = {"type": "response.custom_tool_call_input.delta", "delta": "*** Begin"}
    custom = item(1, start, {**start, "input": "*** Begin"}, delta)
    reply = fold(read(stream(*call(0, "a"), *custom, end={})))
    assert reply.tool_calls == (
        ToolCall(id="a", name="f"),
        ToolCall(id="c", name="p", arguments="*** Begin", custom=True),
    )


def reasoning(*between: Json, **done: object) -> list[Json]:
    """The events of a reasoning item; what is encrypted so far already stands in its first one."""
    start: Json = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "half"}
    return item(0, start, {"id": "rs_1", "type": "reasoning", "summary": [], **done}, *between)


def test_reasoning_in_every_form() -> None:
    summary: list[Json] = [
        {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": "a"},
        {"type": "response.reasoning_summary_text.delta", "summary_index": 1, "delta": "b"},
    ]
    parts = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    [part] = fold(read(stream(*reasoning(*summary, summary=parts), end={}))).parts
    assert part == Reasoning(text="a\n\nb")
    raw: Json = {"type": "response.reasoning_text.delta", "content_index": 0, "delta": "raw"}
    [part] = fold(read(stream(*reasoning(raw, content=[{"type": "reasoning_text", "text": "raw"}]), end={}))).parts
    assert part == Reasoning(text="raw")
    [part] = fold(read(stream(*reasoning(raw, summary[0], encrypted_content="whole"), end={}))).parts
    assert isinstance(part, Reasoning) and part.text == "raw"
    assert b"whole" in (part.opaque or b"") and b"half" not in (part.opaque or b"")


def test_a_phase_and_unknown_items_are_kept_whole() -> None:
    search: Json = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    events = [*item(0, search, search), *message(1, "Hi", phase="final_answer")]
    events.append({"type": "response.something.new", "delta": {"x": 1}, "output_index": 1})
    unknown, text = fold(read(stream(*events, end={}))).parts
    assert isinstance(unknown, Text) and msgspec.json.decode(unknown.opaque or b"") == search
    assert isinstance(text, Text) and text.text == "Hi" and b"final_answer" in (text.opaque or b"")


def test_a_refusal_and_text_of_two_parts() -> None:
    start: Json = {"id": "m", "type": "message", "role": "assistant", "content": []}
    done = {**start, "content": [{"type": "refusal", "refusal": "No."}]}
    reply = fold(read(stream(*item(0, start, done, {"type": "response.refusal.delta", "delta": "No."}), end={})))
    assert (reply.parts, reply.finish) == ((Refusal(text="No."),), "refusal")


def test_what_a_server_tells_only_in_whole_items_or_only_at_the_end() -> None:
    start: Json = {"id": "m", "type": "message", "role": "assistant", "content": []}
    said: Json = {**start, "content": [{"type": "output_text", "text": "Hi"}]}
    asked_for: Json = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    expected = (Text(text="Hi"), ToolCall(id="c", name="f", arguments="{}"))
    whole = [*item(0, start, said), *item(1, asked_for, asked_for)]
    assert fold(read(stream(*whole, end={}))).parts == expected
    assert fold(read(stream(*whole, end={"output": [said, asked_for]}))).parts == expected
    assert fold(read(stream(end={"output": [said, asked_for]}))).parts == expected
    nameless: Json = {"type": "response.function_call_arguments.delta", "delta": "{}", "output_index": 1}
    assert fold(read(stream(*item(0, start, said), nameless, end={"output": [said, asked_for]}))).parts == expected


def test_incomplete_replies() -> None:
    end: Json = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    reply = fold(read(stream(*message(0, "x"), end=end)))
    assert (reply.finish, reply.raw_finish) == ("length", "max_output_tokens")


@pytest.mark.parametrize("cut", range(9))
def test_a_stream_that_ends_early_is_broken(cut: int) -> None:
    whole = stream(*message(0, "x"), *call(1, "a", "{", "}"))
    frames = whole.split(b"\n\n")
    error = error_of(b"\n\n".join(frames[:cut]) + b"\n\n")
    assert isinstance(error, UpstreamBroken)


def test_a_stream_that_is_cut_within_a_character_or_an_event_is_broken() -> None:
    whole = stream(*message(0, "Näbel 🐴"), end={})
    for cut in (whole.index("🐴".encode()) + 2, len(whole) - 30):
        assert isinstance(error_of(whole[:cut]), UpstreamBroken)


FLAT: Json = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}
NESTED: Json = {"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."}}
UNTYPED: Json = {"type": "", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}


@pytest.mark.parametrize("event", [FLAT, NESTED, UNTYPED])
def test_errors_within_a_stream(event: Json) -> None:
    error = error_of(stream(*message(0, "x"), event))
    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.kind, error.message) == (429, "rate_limit_exceeded", "Slow down.")


@pytest.mark.parametrize(("told", "seconds"), [("in 11.5s.", 11.5), ("in 250ms", 0.25), ("later", None)])
def test_the_wait_that_a_message_tells(told: str, seconds: float | None) -> None:
    error = error_of(stream({**FLAT, "message": f"Rate limit. Please try again {told}"}))
    assert error.retry_after == seconds


def test_a_failed_response_is_an_error_and_says_nothing_more() -> None:
    failed: Json = {"status": "failed", "error": {"code": "server_error", "message": "Sorry."}}
    deltas = read(stream(*message(0, "x"), end=failed) + stream(*message(0, "more"), end={}))
    assert isinstance(deltas[-1], Failed) and isinstance(deltas[-1].error, UpstreamRefused)
    assert deltas[-1].error.status == 500
    assert TextDelta("more") not in deltas


def test_a_body_that_is_no_stream_is_garbled() -> None:
    assert isinstance(error_of(b"data: {nonsense\n\n"), UpstreamGarbled)


EVERYTHING = stream(
    *reasoning({"type": "response.reasoning_summary_text.delta", "delta": "hm"}, encrypted_content="gAAA"),
    *message(1, "Näbel ", "\u2028🐴", phase="commentary"),
    *call(2, "a", '{"x":', '"é"}'),
    *call(3, "b"),
    end={},
)


@given(st.data())
def test_any_cut_of_the_bytes_gives_the_same_deltas(data: st.DataObject) -> None:
    body = EVERYTHING.replace(b"\n", b"\r\n") if data.draw(st.booleans()) else EVERYTHING
    assert read(*data.draw(cuts(body))) == read(EVERYTHING)


# ------------------------------------------------------------------------------------------- what we serve


def written(deltas: Sequence[Delta], asked: Asked = ASKED) -> bytes:
    """The whole stream for deltas."""
    encoder = wire.stream_encoder(asked)
    return encoder.encode(deltas) + encoder.finish()


FULL = Reply(
    parts=(
        Reasoning(text="hm"),
        Text(text="line\u2028break 🐴"),
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g"),
        ToolCall(id="c3", name="p", arguments='say "x"\n', custom=True),
        Refusal(text="No more."),
    ),
    finish="tool_calls",
    usage=Usage(1, 2, 3, 4, 5),
)


def test_the_order_of_events() -> None:
    kinds = [event.type for event in read_events(written(unfold(FULL)))]
    assert kinds[:12] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
    ]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == len(FULL.parts)


def test_the_sdk_reads_a_stream_with_a_keep_alive_before_it() -> None:
    read_back = read_stream(wire.KEEPALIVE + written(unfold(FULL)))
    assert read_back.output_text == "line\u2028break 🐴"
    calls = [i for i in read_back.output if i.type == "function_call"]
    assert [(c.call_id, c.name, c.arguments) for c in calls] == [("c1", "f", '{"a":1}'), ("c2", "g", "{}")]
    custom = [i for i in read_back.output if i.type == "custom_tool_call"]
    assert [(c.call_id, c.input) for c in custom] == [("c3", 'say "x"\n')]
    assert len({i.id for i in read_back.output}) == len(FULL.parts)
    assert read_back.usage is not None and read_back.usage.total_tokens == 15


def test_no_raw_line_separator_leaves() -> None:
    assert "\u2028".encode() not in written(unfold(FULL))
    assert b"\xc2\x85" not in written([TextDelta("a\x85b"), ToolCallStarted(0, "c", "f\x85")])


def test_items_never_overlap_although_their_pieces_do() -> None:
    deltas: list[Delta] = [ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g"), ToolCallDelta(1, '{"y":')]
    deltas += [ToolCallDelta(0, "{}"), TextDelta("between"), ToolCallDelta(1, "2}"), ToolCallEnded(1), ToolCallEnded(0)]
    body = written([*deltas, Finished("tool_calls")])
    opened: list[int] = []
    for event in read_events(body):
        if event.type == "response.output_item.added":
            opened.append(event.output_index)
        elif event.type == "response.output_item.done":
            assert opened.pop() == event.output_index
            assert not opened
    expected = [("function_call", "{}"), ("function_call", '{"y":2}'), ("message", "")]
    assert [(i.type, getattr(i, "arguments", "")) for i in read_stream(body).output] == expected


def test_a_reply_without_anything_and_one_that_never_says_how_it_ends() -> None:
    assert read_stream(written([Finished("stop")])).output == []
    assert read_stream(written([TextDelta("x")])).status == "completed"


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_how_a_cut_reply_ends(finish: str, reason: str) -> None:
    last = read_events(written([TextDelta("x"), Finished(finish)]))[-1]  # pyright: ignore[reportArgumentType]
    assert last.type == "response.incomplete" and last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == reason


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamBroken("It broke."), "server_error"),
        (QueueFull("Full.", retry_after=2.0), "rate_limit_exceeded"),
        (UpstreamRefused("Long.", status=400, kind="context_length_exceeded"), "context_length_exceeded"),
        (UpstreamRefused("Bad.", status=400, kind="odd"), "invalid_prompt"),
    ],
)
def test_a_failure_is_told_in_both_manners(error: HostlerError, code: str, begun: bool) -> None:
    encoder = wire.stream_encoder(ASKED)
    body = (encoder.encode([TextDelta("x")]) if begun else b"") + encoder.fail(error)
    frames = [msgspec.json.decode(frame.partition(b"data: ")[2], type=Json) for frame in body.split(b"\n\n") if frame]
    assert [frame["type"] for frame in frames[-2:]] == ["error", "response.failed"]
    assert [frame["sequence_number"] for frame in frames] == list(range(len(frames)))
    response = frames[-1]["response"]
    assert isinstance(response, dict) and response["error"]["code"] == code
    assert ("try again in 2s" in response["error"]["message"]) == (error.retry_after is not None)
    with (
        client(body) as sdk,
        sdk.responses.create(model="m", input="hi", stream=True) as read_back,
        pytest.raises(openai.APIError, match=error.message),
    ):
        list(read_back)


def test_an_upstream_that_failed_midway_ends_no_stream_well() -> None:
    assert b"response.completed" not in written([TextDelta("x"), Finished("error")])
    assert isinstance(error_of(written([TextDelta("x"), Finished("error")])), UpstreamRefused)


def test_a_free_form_tool_of_the_client_that_another_wire_called_with_json() -> None:
    tools = (Tool(name="apply_patch", custom=True),)
    asked = replace(ASKED, request=ChatRequest(model="m", messages=(), tools=tools, wire=OPENAI_RESPONSES))
    deltas: list[Delta] = [ToolCallStarted(0, "c", "apply_patch"), ToolCallDelta(0, '{"input":"*** Begin')]
    deltas += [ToolCallDelta(0, '\\n*** End"}'), ToolCallEnded(0), Finished("tool_calls")]
    [item_] = read_stream(written(deltas, asked)).output
    assert item_.type == "custom_tool_call" and item_.input == "*** Begin\n*** End"
    kinds = [event.type for event in read_events(written(deltas, asked))]
    assert kinds.count("response.custom_tool_call_input.delta") == 1
    whole = wire.encode_response(fold(deltas), replace(asked))
    assert b'"input":"*** Begin\\n*** End"' in whole.body


def test_sealed_reasoning_of_this_wire_is_passed_on_whole() -> None:
    sealed = b'{"type":"reasoning","id":"rs_9","summary":[],"encrypted_content":"gAAA"}'
    alone, shown = [ReasoningSealed(sealed)], [ReasoningDelta("hm"), ReasoningSealed(sealed)]
    [item_] = read_stream(written([*alone, Finished("stop")])).output
    assert item_.type == "reasoning" and (item_.id, item_.encrypted_content) == ("rs_9", "gAAA")
    [item_] = read_stream(written([*shown, Finished("stop")])).output
    assert item_.type == "reasoning" and item_.encrypted_content == "gAAA"


def test_other_wires_seals_are_named_and_leave_no_gap() -> None:
    encoder = wire.stream_encoder(ASKED)
    theirs = b'{"type":"thinking","thinking":"","signature":"S3CRET"}'
    body = encoder.encode([ReasoningSealed(theirs), TextDelta("a"), PartEnded(theirs), PartEnded(theirs)])
    body += encoder.encode([TextDelta("b"), RefusalDelta("c")]) + encoder.finish()
    assert b"S3CRET" not in body
    assert encoder.dropped == {"message.reasoning.opaque", "message.content[].opaque"}
    assert read_stream(body).output_text == "ab"
    assert [event.output_index for event in read_events(body) if event.type == "response.output_item.done"] == [0, 1, 2]


def test_what_waits_for_its_turn_is_not_lost_for_the_opaque_block_that_comes_with_it() -> None:
    cited = b'{"type":"text","citations":[1]}'
    deltas: list[Delta] = [ToolCallStarted(0, "a", "f"), TextDelta("later"), PartEnded(cited)]
    deltas += [ToolCallStarted(1, "b", "g"), ToolCallEnded(1, b'{"thoughtSignature":"x"}'), ToolCallEnded(0)]
    read_back = read_stream(written([*deltas, Finished("tool_calls")]))
    assert [i.type for i in read_back.output] == ["function_call", "message", "function_call"]
    assert read_back.output_text == "later"


def test_an_item_that_came_on_several_lines_leaves_on_one() -> None:
    sealed = b'{\n "type": "reasoning",\n "id": "rs_9",\n "summary": [],\n "encrypted_content": "gAAA"\n}'
    [item_] = read_stream(written([ReasoningSealed(sealed), Finished("stop")])).output
    assert item_.type == "reasoning" and item_.encrypted_content == "gAAA"


def test_what_was_asked_is_repeated() -> None:
    space = {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "f"}]}
    fields: Json = {"temperature": 0.5, "metadata": {"a": "b"}, "parallel_tool_calls": False, "tool_choice": "required"}
    body = msgspec.json.encode({"model": "m", "input": "hi", "tools": [space], **fields})
    asked = replace(ASKED, request=wire.decode_request(body))
    reply = read_stream(written([ToolCallStarted(0, "c", "n__f"), ToolCallEnded(0), Finished("tool_calls")], asked))
    assert (reply.temperature, reply.metadata, reply.parallel_tool_calls) == (0.5, {"a": "b"}, False)
    assert (reply.tool_choice, [tool.type for tool in reply.tools]) == ("required", ["namespace"])
    [item_] = reply.output
    assert item_.type == "function_call" and (item_.namespace, item_.name) == ("n", "f")


@pytest.mark.slow
@given(replies(), st.data())
def test_a_stream_comes_back_as_it_was(reply: Reply, data: st.DataObject) -> None:
    body = written(unfold(reply))
    read_stream(body)
    again = fold(read(*data.draw(cuts(body))))
    assert (again.text, again.finish, again.usage[:5]) == (reply.text, reply.finish, reply.usage[:5])
    assert [(c.id, c.name, c.arguments) for c in again.tool_calls] == [
        (c.id, c.name, c.arguments) for c in reply.tool_calls
    ]


def test_three_turns_with_sealed_reasoning_and_a_phase_stay_byte_for_byte() -> None:
    messages: list[Message] = []
    ours = Origin("desk", OPENAI_RESPONSES, "v")
    for turn in range(3):
        sealed = f"gAAA{turn}=="
        body = stream(
            *reasoning(encrypted_content=sealed), *message(1, "Hm.", phase="commentary"), *call(2, f"c{turn}"), end={}
        )
        reply = fold(read(body), None)
        parts = tuple(replace(p, origin=ours) if isinstance(p, Reasoning | Text) else p for p in reply.parts)
        messages += [Message("user", (Text(text="go"),)), Message("assistant", parts)]
        sent = wire.encode_request(ChatRequest(model="m", messages=tuple(messages)), PLAIN).body
        for earlier in range(turn + 1):
            assert sent.count(f'"encrypted_content":"gAAA{earlier}=="'.encode()) == 1
        assert sent.count(b'"phase":"commentary"') == turn + 1


def test_an_item_with_another_id_in_each_event_is_told_once() -> None:
    events = message(0, "Mi", "st") + call(1, "call_1", "{}")
    for number, each in enumerate(events):
        if "item" in each:
            each["item"] = {**msgspec.convert(each["item"], Json), "id": f"odd_{number}"}
    said = [{"type": "message", "id": "odd", "role": "assistant", "content": [{"type": "output_text", "text": "Mist"}]}]
    called = [{"type": "function_call", "id": "odd_2", "call_id": "call_1", "name": "f", "arguments": "{}"}]
    reply = fold(wire.stream_decoder().feed(stream(*events, end={"output": said + called})))
    assert (reply.text, [call.id for call in reply.tool_calls]) == ("Mist", ["call_1"])


def test_the_sources_of_an_item_of_this_wire_are_those_that_it_names() -> None:
    noted = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2}
    for notes in ([], [noted]):
        content = [{"type": "output_text", "text": "Hay.", "annotations": notes, "logprobs": []}]
        said: Json = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "phase": "commentary"}
        ours = msgspec.json.encode({**said, "content": content})
        encoder = wire.stream_encoder(ASKED)
        cited = Cited(Citation("https://a.example", "A"))
        body = encoder.encode([TextDelta("Hay."), cited, PartEnded(ours), Finished("stop", "stop")]) + encoder.finish()
        told = [msgspec.json.decode(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]
        assert [e["annotation"] for e in told if e["type"] == "response.output_text.annotation.added"] == notes
        assert [e["part"]["annotations"] for e in told if e["type"] == "response.content_part.done"] == [notes]
