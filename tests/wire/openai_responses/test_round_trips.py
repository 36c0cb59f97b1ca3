"""What is written on the Responses wire can be read again; the way through other wires is in `test_every_pair`."""

import pytest
from hypothesis import given

from hostler.core.requests import ChatRequest
from hostler.core.wires import OPENAI_RESPONSES
from hostler.wire import openai_responses
from hostler.wire.dialects import PLAIN
from tests.wire.pairs import said
from tests.wire.strategies import requests


@pytest.mark.slow
@given(requests(OPENAI_RESPONSES))
def test_a_request_comes_back_as_it_was(request: ChatRequest) -> None:
    back = openai_responses.decode_request(openai_responses.encode_request(request, PLAIN).body)
    assert said(back.messages) == said(request.messages)
    assert [(t.name, t.description) for t in back.tools] == [(t.name, t.description) for t in request.tools]
    assert (back.tool_choice, back.max_tokens, back.stream) == (request.tool_choice, request.max_tokens, request.stream)
    assert (back.output_format is None) == (request.output_format is None)
