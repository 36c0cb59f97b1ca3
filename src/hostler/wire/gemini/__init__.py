"""The wire `gemini` (generateContent), both ways: requests, replies, streams, counts, embeddings, lists of models.

Knows: its published format, v1 and v1beta. Does not know: keys, addresses, paths (model and operation are there).
"""

from typing import Final

import msgspec

from hostler.core.requests import ChatRequest
from hostler.core.wires import GEMINI
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.fields import parse_object
from hostler.wire.gemini.request import DUMMY_SIGNATURE, decode_request, encode_request
from hostler.wire.gemini.response import decode_response, encode_response
from hostler.wire.gemini.stream import StreamDecoder, StreamEncoder
from hostler.wire.gemini_operations import (
    ModelCard,
    decode_count_tokens_reply,
    decode_embeddings,
    decode_embeddings_reply,
    decode_models,
    encode_count_tokens_reply,
    encode_embeddings,
    encode_embeddings_reply,
    encode_model,
    encode_models,
)
from hostler.wire.proto_json import read_object
from hostler.wire.rpc_status import decode_error, encode_error

NAME: Final = GEMINI
KEEPALIVE: Final = b""
"""None: a comment ends the stream for clients of the SDK with aiohttp."""
STREAM_TYPE: Final = b"text/event-stream"
REQUEST_ID: Final = b"x-request-id"
stream_decoder: Final = StreamDecoder
stream_encoder: Final = StreamEncoder


def decode_count_tokens(body: bytes) -> ChatRequest:
    """The request to count: its contents alone, or a whole request under `generateContentRequest`."""
    members = read_object(parse_object(body), "body")
    inner = members.get("generateContentRequest")
    return decode_request(body if inner is None else msgspec.json.encode(inner))


def encode_count_tokens(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `:countTokens`: all of the request, since tools and system text count too."""
    encoded = encode_request(request, dialect)
    whole = {"model": f"models/{request.model}", **msgspec.json.decode(encoded.body, type=dict[str, msgspec.Raw])}
    return Encoded(msgspec.json.encode({"generateContentRequest": whole}), encoded.dropped)


__all__ = [
    "DUMMY_SIGNATURE", "KEEPALIVE", "NAME", "REQUEST_ID", "STREAM_TYPE", "ModelCard", "StreamDecoder",
    "StreamEncoder", "decode_count_tokens", "decode_count_tokens_reply", "decode_embeddings", "decode_embeddings_reply",
    "decode_error", "decode_models", "decode_request", "decode_response", "encode_count_tokens",
    "encode_count_tokens_reply", "encode_embeddings", "encode_embeddings_reply", "encode_error", "encode_model",
    "encode_models", "encode_request", "encode_response", "stream_decoder", "stream_encoder",
]  # fmt: skip
