"""Calls in a request's history: what goes back beside them, and to whom."""

import msgspec

from hostler.core.messages import Message, Origin, ToolCall
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import GEMINI, OPENAI_CHAT, WIRES
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import Dialect
from hostler.wire.openai_chat import encode_request


def test_what_a_vendor_added_to_a_call_goes_back_to_its_own_wire_alone() -> None:
    block = b'{"type":"function","extra_content":{"google":{"thought_signature":"c2ln"}}}'
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


def test_what_a_vendor_added_to_a_call_is_no_part_of_another_wires_reply() -> None:
    block = b'{"type":"function","extra_content":{"google":{"thought_signature":"c2ln"}}}'
    called = ToolCall(id="c1", name="f", arguments="{}", opaque=block, origin=Origin("v", OPENAI_CHAT, "m"))
    reply = Reply(parts=(called,), finish="tool_calls")
    for wire in WIRES:
        encoded = codec_of(wire).encode_response(reply, Asked("m", "r1", 1_763_600_000))
        (call,) = codec_of(wire).decode_response(encoded.body).tool_calls
        assert (call.name, b"c2ln" in encoded.body, bool(encoded.dropped)) == ("f", False, True)
