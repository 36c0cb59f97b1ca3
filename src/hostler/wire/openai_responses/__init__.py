"""The wire `openai-responses`: responses, both directions. Knows the published format and the ways servers bend it.

Does not know sockets, providers, keys or stored responses. The names are those of `codec.Codec`.
"""

from typing import Final

from hostler.core.requests import ChatRequest
from hostler.core.wires import OPENAI_RESPONSES
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.openai_errors import decode_error as decode_error
from hostler.wire.openai_errors import encode_error as encode_error
from hostler.wire.openai_responses.request import decode_request as decode_request
from hostler.wire.openai_responses.request import encode_request as encode_request
from hostler.wire.openai_responses.response import decode_response as decode_response
from hostler.wire.openai_responses.stream import StreamDecoder as StreamDecoder
from hostler.wire.openai_responses.stream import StreamEncoder as StreamEncoder
from hostler.wire.openai_responses.stream import encode_response as encode_response
from hostler.wire.responses_counts import decode_count_tokens_reply as decode_count_tokens_reply
from hostler.wire.responses_counts import encode_count_tokens_reply as encode_count_tokens_reply
from hostler.wire.responses_counts import only_counted

NAME: Final = OPENAI_RESPONSES
KEEPALIVE: Final = b": keep-alive\n\n"
STREAM_TYPE: Final = b"text/event-stream"
REQUEST_ID: Final = b"x-request-id"
decode_count_tokens = decode_request
stream_decoder: Final = StreamDecoder
stream_encoder: Final = StreamEncoder


def encode_count_tokens(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body that asks how many tokens a request has."""
    return only_counted(encode_request(request, dialect))
