"""The wire `dashscope`: the vendor's own generation services, both directions.

Does not know sockets, providers or keys. The names are those of `codec.Codec`. A stream is asked for by a header
(`X-DashScope-SSE: enable`), and which of its two services answers a model is in the path: both are the provider's.
"""

from typing import Final

from hostler.core.requests import Asked
from hostler.core.wires import DASHSCOPE
from hostler.wire.dashscope.request import decode_request, encode_request
from hostler.wire.dashscope.response import decode_response, encode_error, encode_response
from hostler.wire.dashscope.stream import StreamDecoder, StreamEncoder
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.openai_errors import decode_error

NAME: Final = DASHSCOPE
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
    "KEEPALIVE", "NAME", "REQUEST_ID", "STREAM_TYPE", "StreamDecoder", "StreamEncoder", "decode_error",
    "decode_request", "decode_response", "encode_error", "encode_request", "encode_response", "stream_decoder",
    "stream_encoder",
]  # fmt: skip
