"""What the Responses wire has beside responses: counts of tokens, both ways. Knows the bodies of `input_tokens` alone.

Facts: the types of the `openai` SDK 3.51.
"""

from typing import Final

import msgspec
from msgspec import Raw

from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.codec import Encoded
from hostler.wire.fields import as_count, parse_object

_COUNTED: Final = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text",
        "truncation", "conversation", "previous_response_id",
    }
)  # fmt: skip
"""developers.openai.com/api/reference/resources/responses: what a count of input tokens takes."""


def only_counted(encoded: Encoded) -> Encoded:
    """A request's body for `/v1/responses/input_tokens`: the same, without what does not count."""
    body = msgspec.json.decode(encoded.body, type=dict[str, Raw])
    return Encoded(msgspec.json.encode({k: v for k, v in body.items() if k in _COUNTED}), encoded.dropped)


def decode_count_tokens_reply(body: bytes) -> int:
    """The count that an upstream gave; raises UpstreamGarbled when there is none."""
    try:
        count = as_count(parse_object(body).get("input_tokens"))
    except WireError:
        count = None
    if count is None:
        raise UpstreamGarbled("The reply is no token count.")
    return count


def encode_count_tokens_reply(tokens: int) -> bytes:
    """The reply to a count, for a client."""
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
