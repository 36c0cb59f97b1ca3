"""What is written on the gemini wire can be read again; the way through other wires is in `test_every_pair`."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import fold, unfold
from hostler.core.messages import Reasoning
from hostler.core.requests import ChatRequest, Reply
from hostler.core.wires import GEMINI
from hostler.wire import gemini
from hostler.wire.dialects import PLAIN
from tests.wire.pairs import ASKED, ENDS, counted, parts_of, said, streamed
from tests.wire.strategies import replies, requests


@pytest.mark.slow
@given(requests(GEMINI))
def test_a_request_is_read_as_it_was_written(request: ChatRequest) -> None:
    again = gemini.decode_request(gemini.encode_request(replace(request, model="gemini-3-pro"), PLAIN).body)
    assert said(again.messages) == said(request.messages)
    thoughts = [part for message in request.messages for part in message.parts if isinstance(part, Reasoning)]
    assert [part for message in again.messages for part in message.parts if isinstance(part, Reasoning)] == thoughts
    named = request.output_format and replace(request.output_format, name="")
    assert (again.tools, again.tool_choice, again.output_format) == (request.tools, request.tool_choice, named)
    assert (again.max_tokens, again.sampling) == (request.max_tokens, request.sampling)


@pytest.mark.slow
@given(replies(), st.data())
def test_a_stream_as_one_array_is_read_as_it_was_written(reply: Reply, data: st.DataObject) -> None:
    read = fold(streamed(GEMINI, unfold(reply), data=data, asked=replace(ASKED, as_array=True)))
    assert parts_of(read) == parts_of(reply)
    assert counted(read.usage, GEMINI) == counted(reply.usage, GEMINI)
    assert ENDS[read.finish] == ENDS[reply.finish]
