"""The names that every wire exports, as a protocol, and the records they share.

Knows: the shape of a codec. Does not know: any wire.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from hostler.core.deltas import Delta
from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.requests import Asked, ChatRequest, Reply
from hostler.core.wires import Wire
from hostler.errors import HostlerError, UpstreamRefused
from hostler.wire.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes to send, and the names of what the wire could not express (`x-hostler-dropped`), sorted and unique.

    A name is a path in the client's words: `top_k`, `tools[].strict`, `messages[].reasoning`.
    """

    body: bytes
    dropped: tuple[str, ...] = ()


class StreamDecoder(Protocol):
    """Bytes in, deltas out. `feed` takes any cut of the bytes; `flush` is called once when the body ended.

    A stream that ended without its wire's end marker yields `Failed(UpstreamBroken)` from `flush`, unless the
    finish reason had been given. In-band errors yield `Failed(UpstreamRefused)`.
    """

    def feed(self, data: bytes) -> list[Delta]: ...
    def flush(self) -> list[Delta]: ...


class StreamEncoder(Protocol):
    """Deltas in, bytes out. `finish` writes what ends a good stream; `fail` an error in the wire's own form.

    After `fail` the caller ends the body. Deltas of kind `Failed` are never passed to `encode`.
    """

    dropped: set[str]

    def encode(self, deltas: Iterable[Delta]) -> bytes: ...
    def finish(self) -> bytes: ...
    def fail(self, error: HostlerError) -> bytes: ...


class UpstreamCodec(Protocol):
    """The half of a codec that faces an upstream."""

    STREAM_TYPE: ClassVar[bytes]
    """Content type of a stream."""

    @staticmethod
    def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded: ...
    @staticmethod
    def decode_response(body: bytes, dialect: Dialect = ...) -> Reply: ...
    @staticmethod
    def stream_decoder(dialect: Dialect = ...) -> StreamDecoder: ...
    @staticmethod
    def decode_error(  # signature: the order of HTTP itself
        status: int, headers: Mapping[str, str], body: bytes
    ) -> UpstreamRefused: ...


class Counting(Protocol):
    """What the package of a wire exports that counts tokens."""

    @staticmethod
    def decode_count_tokens(body: bytes) -> ChatRequest: ...
    @staticmethod
    def encode_count_tokens(request: ChatRequest, dialect: Dialect) -> Encoded: ...
    @staticmethod
    def decode_count_tokens_reply(body: bytes) -> int: ...
    @staticmethod
    def encode_count_tokens_reply(tokens: int) -> bytes: ...


class Embedding(Protocol):
    """What the package of a wire exports that makes embeddings. `form`: how a vector is written, where that varies."""

    @staticmethod
    def decode_embeddings(body: bytes) -> EmbeddingRequest: ...
    @staticmethod
    def encode_embeddings(request: EmbeddingRequest) -> bytes: ...
    @staticmethod
    def decode_embeddings_reply(body: bytes) -> EmbeddingReply: ...
    @staticmethod
    def encode_embeddings_reply(reply: EmbeddingReply, *, batch: bool, **form: object) -> bytes: ...


class Codec(UpstreamCodec, Protocol):
    """What a wire's package exports at its top level."""

    NAME: ClassVar[Wire]
    KEEPALIVE: ClassVar[bytes]
    """A sign of life within a stream that every client of the wire passes over; empty where there is none."""
    REQUEST_ID: ClassVar[bytes]
    """The header in which the wire's own clients look for the request's id."""

    @staticmethod
    def decode_request(body: bytes) -> ChatRequest: ...
    @staticmethod
    def encode_response(reply: Reply, asked: Asked) -> Encoded: ...
    @staticmethod
    def stream_encoder(asked: Asked) -> StreamEncoder: ...
    @staticmethod
    def encode_error(error: HostlerError, request_id: str) -> bytes: ...
