"""The wire `ollama`: chats, and prompts without roles (`generate`), both directions; embeddings.

Does not know sockets, providers or keys. Names as in `codec.Codec`, twice: this package's own and those of `generate`.
"""

from functools import partial
from typing import ClassVar, Final

from hostler.core.requests import Asked
from hostler.core.wires import OLLAMA, Wire
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.ollama import request, response
from hostler.wire.ollama.request import decode_request, encode_request, loading
from hostler.wire.ollama.response import decode_response, encode_error, encode_response
from hostler.wire.ollama.stream import StreamDecoder, StreamEncoder
from hostler.wire.openai_errors import decode_error

NAME: Final = OLLAMA
KEEPALIVE: Final = b""
STREAM_TYPE: Final = b"application/x-ndjson"
REQUEST_ID: Final = b"x-request-id"
decode_embeddings, encode_embeddings = response.decode_embeddings, response.encode_embeddings
decode_embeddings_reply, encode_embeddings_reply = response.decode_embeddings_reply, response.encode_embeddings_reply


def stream_decoder(dialect: Dialect = PLAIN) -> StreamDecoder:
    """A decoder for one stream, of either form."""
    return StreamDecoder(dialect)


def stream_encoder(asked: Asked) -> StreamEncoder:
    """An encoder for one chat's stream."""
    return StreamEncoder(asked)


class Generate:
    """The codec of prompts without roles; streams and errors are read as those of a chat."""

    NAME: ClassVar[Wire] = OLLAMA
    KEEPALIVE: ClassVar[bytes] = KEEPALIVE
    STREAM_TYPE: ClassVar[bytes] = STREAM_TYPE
    REQUEST_ID: ClassVar[bytes] = REQUEST_ID
    decode_request = staticmethod(request.decode_prompt)
    encode_request = staticmethod(request.encode_prompt)
    decode_response = staticmethod(response.decode_response)
    encode_response = staticmethod(response.encode_prompt_response)
    stream_decoder = staticmethod(stream_decoder)
    stream_encoder = staticmethod(partial(StreamEncoder, prompt=True))
    decode_error = staticmethod(decode_error)
    encode_error = staticmethod(encode_error)


generate: Final = Generate()

__all__ = [
    "KEEPALIVE", "NAME", "REQUEST_ID", "STREAM_TYPE", "Generate", "StreamDecoder", "StreamEncoder",
    "decode_embeddings", "decode_embeddings_reply", "decode_error", "decode_request", "decode_response",
    "encode_embeddings", "encode_embeddings_reply", "encode_error", "encode_request", "encode_response", "generate",
    "loading", "stream_decoder", "stream_encoder",
]  # fmt: skip
