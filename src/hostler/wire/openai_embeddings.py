"""Embeddings as the vendor of the chat wire publishes them, both ways; many servers share this shape.

Knows: requests and replies of `/v1/embeddings`. Does not know: who speaks it.
"""

from array import array
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.usage import Usage
from hostler.errors import Unsupported, UpstreamGarbled, WireError
from hostler.wire.fields import as_count, as_items, as_members, as_text, need_text, parse_object, whole_or_none

BASE64: Final = "base64"
"""The `encoding_format` in which a vector is little-endian 32-bit floats."""
_READ: Final = ("model", "input", "dimensions")


def decode_embeddings(body: bytes) -> EmbeddingRequest:
    """The texts of a request. Raises WireError, and Unsupported for token ids, which mean nothing to another model."""
    members = parse_object(body)
    value = members.get("input")
    items = [value] if isinstance(value, str) else as_items(value)
    if not items:
        raise WireError("input: must be a text or a list of texts.")
    if any(isinstance(item, int | list) for item in items):
        raise Unsupported("input: token ids can only go to a server of this wire; send texts.")
    return EmbeddingRequest(
        model=need_text(members.get("model"), "model"),
        texts=tuple(need_text(item, f"input[{index}]") for index, item in enumerate(items)),
        dimensions=whole_or_none(members, "dimensions"),
        extra={key: value for key, value in members.items() if key not in _READ and value is not None},
    )


def encode_embeddings(request: EmbeddingRequest) -> bytes:
    """The body for `/v1/embeddings`."""
    body: dict[str, object] = {"model": request.model, "input": request.texts, **request.extra}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return msgspec.json.encode(body)


def decode_embeddings_reply(body: bytes) -> EmbeddingReply:
    """The vectors; raises UpstreamGarbled when there are none."""
    try:
        members = as_members(msgspec.json.decode(body))
        found = [as_members(item) for item in as_items(members["data"])]
        places = [as_count(item.get("index")) for item in found]
        if None not in places and len(set(places)) == len(places):
            found = [item for _, item in sorted(zip(places, found, strict=True), key=lambda pair: pair[0] or 0)]
        vectors = tuple(_vector(item["embedding"]) for item in found)
    except (KeyError, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise UpstreamGarbled("The reply holds no embeddings.") from error
    counted = as_count(as_members(members.get("usage")).get("prompt_tokens"))
    return EmbeddingReply(vectors=vectors, model=as_text(members.get("model")), usage=Usage(input=counted))


def encode_embeddings_reply(reply: EmbeddingReply, *, batch: bool, form: object = "float") -> bytes:
    """The vectors for a client; `form` is the `encoding_format` that it asked for. `batch` makes no difference here."""
    del batch
    data = [
        {"object": "embedding", "index": index, "embedding": _written(vector) if form == BASE64 else vector}
        for index, vector in enumerate(reply.vectors)
    ]
    tokens = reply.usage.prompt_tokens
    body = {
        "object": "list",
        "data": data,
        "model": reply.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return msgspec.json.encode(body)


def _vector(value: object) -> tuple[float, ...]:
    if isinstance(value, str):
        return tuple(array("f", b64decode(value, validate=True)))
    return msgspec.convert(value, tuple[float, ...])


def _written(vector: tuple[float, ...]) -> str:
    return b64encode(array("f", vector).tobytes()).decode()
