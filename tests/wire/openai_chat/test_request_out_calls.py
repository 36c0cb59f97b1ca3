"""Calls in a request's history: what goes back beside them, and to whom."""

import msgspec

from hostler.core.messages import Message, Origin, ToolCall
from hostler.core.requests import ChatRequest
from hostler.core.wires import GEMINI, OPENAI_CHAT
from hostler.wire.dialects import Dialect
from hostler.wire.openai_chat import encode_request


def test_what_a_vendor_added_to_a_call_goes_back_to_its_own_wire_alone() -> None:
    block = b'{"extra_content":{"google":{"thought_signature":"c2ln"}}}'
    for wire, extra, lost in (
        (OPENAI_CHAT, {"google": {"thought_signature": "c2ln"}}, ()),
        (GEMINI, None, ("messages[].tool_calls[].opaque",)),
    ):
        called = ToolCall(id="c1", name="f", opaque=block, origin=Origin("v", wire, "m"))
        request = ChatRequest(model="m", messages=(Message("assistant", (called,)),))
        encoded = encode_request(request, Dialect())
        (message,) = msgspec.json.decode(encoded.body)["messages"]
        assert message["tool_calls"][0].get("extra_content") == extra
        assert encoded.dropped == lost
