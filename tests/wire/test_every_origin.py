"""Opaque state goes back to its own origin, byte for byte, and nowhere else; thinking is never visible text.

For every wire that has opaque state and every other one: requests, whole replies, streams.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.core.deltas import fold, unfold
from hostler.core.messages import Origin, Part, Reasoning, Text, ToolCall
from hostler.core.wires import OPENAI_CHAT, WIRES, Wire
from hostler.routing.opaque import OpaqueStore
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN, Dialect
from tests.wire.pairs import ASKED, PAIRS, answered, arguments_of, said, sent
from tests.wire.sealed import SEALED, THOUGHT, going_on, replying, sealed_answers
from tests.wire.strategies import requests

pytestmark = pytest.mark.slow
SECRET = "c2VjcmV0IHNlYWw"
DETAILS = ("reasoning_content", "reasoning_details")
GIVING_BACK = [
    PLAIN,
    Dialect(reasoning_back="always", reasoning_fields=DETAILS),
    Dialect(reasoning_back="tool-turns", reasoning_fields=DETAILS),
    Dialect(reasoning_back="always", reasoning_back_as="chunks"),
]
abroad = pytest.mark.parametrize(("made", "other"), [pair for pair in PAIRS if pair[0] in SEALED], ids=str)
fewer = settings(max_examples=max(10, settings().max_examples // 4))


@abroad
@fewer
@given(data=st.data())
def test_history_goes_abroad_without_its_seals(made: Wire, other: Wire, data: st.DataObject) -> None:
    answer = data.draw(sealed_answers(made, SECRET))
    origin = data.draw(st.sampled_from([Origin("", made, ""), Origin("p", made, "m"), None]))
    request = going_on(answer, wire=made, origin=origin)
    encoded = codec_of(other).encode_request(request, data.draw(st.sampled_from(GIVING_BACK)))
    assert SECRET.encode() not in encoded.body
    assert encoded.dropped or origin is None
    there = codec_of(other).decode_request(encoded.body)
    assert THOUGHT not in str(said(there.messages))
    calls = [part for message in there.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [(call.name, arguments_of(call)) for call in calls] == [
        (part.name, arguments_of(part)) for part in answer if isinstance(part, ToolCall)
    ]
    told = "".join(str(item) for item in said(there.messages))
    assert all(not isinstance(part, Text) or not part.text.strip() or repr(part.text)[1:-1] in told for part in answer)


@pytest.mark.parametrize("made", SEALED)
@fewer
@given(data=st.data())
def test_history_comes_home_with_all_of_them(made: Wire, data: st.DataObject) -> None:
    answer = data.draw(sealed_answers(made, SECRET))
    request = going_on(answer, wire=made, origin=Origin("", made, ""))
    dialect = Dialect(reasoning_back="always", reasoning_fields=DETAILS)
    body = codec_of(made).encode_request(request, dialect).body
    blocks = [part.opaque for part in answer if part.opaque is not None]
    assert body.count(SECRET.encode()) == len(blocks)
    read = codec_of(made).decode_request(body)
    again = codec_of(made).encode_request(read, dialect).body
    assert again.count(SECRET.encode()) == len(blocks)


def _is_plain(part: Part) -> bool:
    return not isinstance(part, Text | Reasoning | ToolCall) or part.opaque is None


@abroad
@fewer
@given(data=st.data())
def test_a_reply_and_its_stream_go_abroad_without_their_seals(made: Wire, other: Wire, data: st.DataObject) -> None:
    answer = data.draw(sealed_answers(made, SECRET))
    reply = answered(made, replying(answer))
    encoded = codec_of(other).encode_response(reply, ASKED)
    encoder = codec_of(other).stream_encoder(ASKED)
    streamed = encoder.encode(unfold(reply)) + encoder.finish()
    assert SECRET.encode() not in encoded.body
    assert SECRET.encode() not in streamed
    decoder = codec_of(other).stream_decoder(PLAIN)
    for read in (codec_of(other).decode_response(encoded.body), fold([*decoder.feed(streamed), *decoder.flush()])):
        assert read.text == reply.text
        assert THOUGHT not in read.text
        assert [(call.name, arguments_of(call)) for call in read.tool_calls] == [
            (call.name, arguments_of(call)) for call in reply.tool_calls
        ]
    if any(not _is_plain(part) for part in reply.parts):
        assert encoded.dropped and encoder.dropped


@pytest.mark.parametrize("made", SEALED)
@fewer
@given(data=st.data())
def test_another_maker_on_the_same_wire_gets_none_of_it(made: Wire, data: st.DataObject) -> None:
    answer = data.draw(sealed_answers(made, SECRET))
    ours = Origin("p", made, "m")
    stranger = data.draw(st.sampled_from([Origin("q", made, "m"), Origin("p", made, "n")]))
    store = OpaqueStore()
    store.keep("key", ours, parts=answer)
    kept = going_on(answer, wire=made, origin=ours)
    bare = going_on(tuple(part for part in answer if _is_plain(part)), wire=OPENAI_CHAT, origin=None)
    dialect = Dialect(reasoning_back="always", reasoning_fields=DETAILS)
    for request in (kept, bare):
        for key in ("key", "another key"):
            messages = store.restore(key, stranger, messages=request.messages)
            body = codec_of(made).encode_request(replace(request, messages=tuple(messages)), dialect).body
            assert SECRET.encode() not in body


@pytest.mark.parametrize("wire", WIRES)
@fewer
@given(data=st.data())
def test_readable_thinking_is_nowhere_visible_text(wire: Wire, data: st.DataObject) -> None:
    asked = data.draw(requests(wire, media=False))
    messages = tuple(
        replace(m, parts=tuple(replace(p, text=THOUGHT) if isinstance(p, Reasoning) else p for p in m.parts))
        for m in asked.messages
    )
    request = replace(asked, messages=messages)
    for other in WIRES:
        for policy in ("never", "tool-turns", "always"):
            dialect = Dialect(reasoning_back=policy)
            body = codec_of(other).encode_request(request, dialect).body
            assert policy != "never" or other == wire or THOUGHT.encode() not in body
            there = codec_of(other).decode_request(body)
            assert THOUGHT not in str(said(there.messages)), other
            assert THOUGHT not in str(said(sent(wire, there)[0].messages)), other
