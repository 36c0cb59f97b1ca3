"""What the gemini wire has beside chat: counts of tokens, embeddings and lists of models, both ways.

Knows the bodies of `:countTokens` (its reply), `:embedContent`, `:batchEmbedContents` and `models`; model and operation
are in the path. Does not know the chat. Facts: ai.google.dev/api/embeddings, /api/models, /api/tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.fields import (
    Members,
    as_count,
    as_items,
    as_members,
    as_text,
    need_items,
    parse_object,
    whole_or_none,
)
from hostler.wire.proto_json import read_object

Json = dict[str, object]


class ModelCard(NamedTuple):
    """A model in the vendor's list. Limits in tokens; None: not said. `methods`: the operations of its path."""

    name: str
    label: str = ""
    input_limit: int | None = None
    output_limit: int | None = None
    thinking: bool | None = None
    methods: tuple[str, ...] = ("generateContent", "streamGenerateContent", "countTokens")


def decode_count_tokens_reply(body: bytes) -> int:
    """The count that an upstream gave; raises UpstreamGarbled when there is none."""
    count = as_count(_reply(body).get("totalTokens", 0))  # proto JSON may leave a 0 out
    if count is None:
        raise UpstreamGarbled("The reply is no token count.")
    return count


def encode_count_tokens_reply(tokens: int) -> bytes:
    """The reply to a count, for a client."""
    return msgspec.json.encode({"totalTokens": tokens})


def decode_embeddings(body: bytes) -> EmbeddingRequest:
    """The texts of `:embedContent` or `:batchEmbedContents`; `model` is empty. Raises WireError."""
    members = read_object(parse_object(body), "body")
    batch = need_items(members.get("requests", [members]), "requests")
    requests = [read_object(item, f"requests[{index}]") for index, item in enumerate(batch)]
    if not requests or any("content" not in request for request in requests):
        raise WireError("requests[].content is required.")
    texts = tuple(_text(request["content"]) for request in requests)
    extra = {
        key: value for key, value in requests[0].items() if key not in ("model", "content", "outputDimensionality")
    }
    return EmbeddingRequest(
        model="", texts=texts, dimensions=whole_or_none(requests[0], "outputDimensionality"), extra=extra
    )


def encode_embeddings(request: EmbeddingRequest) -> bytes:
    """The body for `:batchEmbedContents`."""
    rest = {**request.extra, **({} if request.dimensions is None else {"outputDimensionality": request.dimensions})}
    model = f"models/{request.model}"
    requests = [{"model": model, "content": {"parts": [{"text": text}]}, **rest} for text in request.texts]
    return msgspec.json.encode({"requests": requests})


def decode_embeddings_reply(body: bytes) -> EmbeddingReply:
    """The vectors of either operation; raises UpstreamGarbled when there are none."""
    members = _reply(body)
    said = as_items(members.get("embeddings")) or [members.get("embedding")]
    try:
        vectors = tuple(msgspec.convert(as_members(one)["values"], tuple[float, ...]) for one in said)
    except (KeyError, msgspec.ValidationError) as error:
        raise UpstreamGarbled("The reply holds no embeddings.") from error
    counted = as_count(as_members(members.get("usageMetadata")).get("promptTokenCount"))
    return EmbeddingReply(vectors=vectors, usage=Usage(input=counted))


def encode_embeddings_reply(reply: EmbeddingReply, *, batch: bool) -> bytes:
    """The vectors for a client of `:batchEmbedContents`, or the one of `:embedContent`. Raises UpstreamGarbled."""
    vectors = [{"values": vector} for vector in reply.vectors]
    if not vectors:
        raise UpstreamGarbled("The reply holds no embeddings.")
    body: Json = {"embeddings": vectors} if batch else {"embedding": vectors[0]}
    if reply.usage.known:
        body["usageMetadata"] = {"promptTokenCount": reply.usage.prompt_tokens}
    return msgspec.json.encode(body)


def decode_models(body: bytes) -> tuple[tuple[ModelCard, ...], str]:
    """One page of the list, and the token of the next page (empty: this is the last). Raises UpstreamGarbled."""
    members = _reply(body)
    cards = tuple(
        ModelCard(
            name=as_text(model.get("name")).removeprefix("models/"),
            label=as_text(model.get("displayName")),
            input_limit=as_count(model.get("inputTokenLimit")),
            output_limit=as_count(model.get("outputTokenLimit")),
            thinking=thinking if isinstance(thinking := model.get("thinking"), bool) else None,
            methods=tuple(map(as_text, as_items(model.get("supportedGenerationMethods")))),
        )
        for model in map(as_members, as_items(members.get("models")))
    )
    return cards, as_text(members.get("nextPageToken"))


def encode_models(cards: Sequence[ModelCard]) -> bytes:
    """The whole list for a client, as one page."""
    return msgspec.json.encode({"models": [_card(card) for card in cards]})


def encode_model(card: ModelCard) -> bytes:
    """One model for a client."""
    return msgspec.json.encode(_card(card))


def _card(card: ModelCard) -> Json:
    limits = {"inputTokenLimit": card.input_limit, "outputTokenLimit": card.output_limit, "thinking": card.thinking}
    return {
        "name": f"models/{card.name}",
        "displayName": card.label or card.name,
        **{key: value for key, value in limits.items() if value is not None},
        "supportedGenerationMethods": card.methods,
    }


def _reply(body: bytes) -> Members:
    try:
        return parse_object(body)
    except WireError as error:
        raise UpstreamGarbled(f"The upstream's reply cannot be read: {error.message}") from error


def _text(content: object) -> str:
    return "".join(as_text(as_members(part).get("text")) for part in as_items(as_members(content).get("parts")))
