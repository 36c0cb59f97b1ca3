"""The wire `openai-chat`: chat completions, both directions. Knows the published format and the ways servers bend it.

Does not know sockets, providers or keys. The names are those of `codec.Codec`.
"""

from typing import Final

from hostler.core.requests import Asked
from hostler.core.wires import OPENAI_CHAT
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.openai_chat.bridge import bridge_tool_choice
from hostler.wire.openai_chat.request_in import decode_request
from hostler.wire.openai_chat.request_out import encode_request
from hostler.wire.openai_chat.response import decode_response, encode_response
from hostler.wire.openai_chat.stream_in import StreamDecoder
from hostler.wire.openai_chat.stream_out import StreamEncoder
from hostler.wire.openai_errors import decode_error, encode_error

NAME: Final = OPENAI_CHAT
KEEPALIVE: Final = b": keep-alive\n\n"
STREAM_TYPE: Final = b"text/event-stream"
REQUEST_ID: Final = b"x-request-id"


def stream_decoder(dialect: Dialect = PLAIN) -> StreamDecoder:
    """A decoder for one stream."""
    return StreamDecoder(dialect)


def stream_encoder(asked: Asked) -> StreamEncoder:
    """An encoder for one stream."""
    return StreamEncoder(asked)


__all__ = [
    "KEEPALIVE",
    "NAME",
    "REQUEST_ID",
    "STREAM_TYPE",
    "StreamDecoder",
    "StreamEncoder",
    "bridge_tool_choice",
    "decode_error",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
    "stream_decoder",
    "stream_encoder",
]
