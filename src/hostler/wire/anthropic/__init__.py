"""The wire `anthropic` (the Messages API): requests, replies, streams, errors, token counts, both ways.

Knows: its published format, API versions 2023-06-01 and 2026-10-21. Does not know: who speaks it, keys, addresses.
"""

from typing import Final

from hostler.core.wires import ANTHROPIC
from hostler.wire.anthropic.refusals import decode_error, encode_error
from hostler.wire.anthropic.request_decode import decode_request
from hostler.wire.anthropic.request_encode import FALLBACK_MAX_TOKENS, encode_count_tokens, encode_request
from hostler.wire.anthropic.response import (
    decode_count_tokens_reply,
    decode_response,
    encode_count_tokens_reply,
    encode_response,
)
from hostler.wire.anthropic.stream_decode import StreamDecoder, stream_decoder
from hostler.wire.anthropic.stream_encode import KEEPALIVE, StreamEncoder, stream_encoder
from hostler.wire.anthropic.unsigned import has_unsigned, without_unsigned
from hostler.wire.anthropic.vocabulary import UNSIGNED_SIGNATURE

NAME: Final = ANTHROPIC
VERSION_HEADER: Final = b"anthropic-version"
"""The request header that every client of this wire sends, and no other."""
STREAM_TYPE: Final = b"text/event-stream; charset=utf-8"
REQUEST_ID: Final = b"request-id"

decode_count_tokens = decode_request

__all__ = [
    "FALLBACK_MAX_TOKENS",
    "KEEPALIVE",
    "NAME",
    "REQUEST_ID",
    "STREAM_TYPE",
    "UNSIGNED_SIGNATURE",
    "VERSION_HEADER",
    "StreamDecoder",
    "StreamEncoder",
    "decode_count_tokens",
    "decode_count_tokens_reply",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_count_tokens",
    "encode_count_tokens_reply",
    "encode_error",
    "encode_request",
    "encode_response",
    "has_unsigned",
    "stream_decoder",
    "stream_encoder",
    "without_unsigned",
]
