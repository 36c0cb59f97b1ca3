"""Counts, embeddings and lists of models, both ways."""

import msgspec
import pytest

from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.usage import Usage
from hostler.errors import UpstreamGarbled, WireError
from hostler.wire.gemini import (
    ModelCard,
    decode_count_tokens,
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

HI = {"contents": [{"parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    "body", [HI, {"generateContentRequest": {"model": "models/m", **HI}}, {"generate_content_request": HI}]
)
def test_a_count_in_every_form(body: object) -> None:
    assert [message.role for message in decode_count_tokens(msgspec.json.encode(body)).messages] == ["user"]


def test_a_count_both_ways() -> None:
    assert decode_count_tokens_reply(encode_count_tokens_reply(7)) == 7
    assert decode_count_tokens_reply(b"{}") == 0
    for body in (b"oops", b'{"totalTokens":"many"}'):
        with pytest.raises(UpstreamGarbled):
            decode_count_tokens_reply(body)


def test_one_text_to_embed() -> None:
    body = {"model": "models/e", "content": {"parts": [{"text": "a"}, {"text": "b"}]}, "task_type": "QUESTION"}
    request = decode_embeddings(msgspec.json.encode(body))
    assert request == EmbeddingRequest(model="", texts=("ab",), extra={"taskType": "QUESTION"})


def test_texts_to_embed_both_ways() -> None:
    request = EmbeddingRequest(model="e", texts=("a", "b"), dimensions=2, extra={"taskType": "QUESTION"})
    body = encode_embeddings(request)
    assert [one["model"] for one in msgspec.json.decode(body)["requests"]] == ["models/e", "models/e"]
    assert decode_embeddings(body) == EmbeddingRequest(
        model="", texts=("a", "b"), dimensions=2, extra={"taskType": "QUESTION"}
    )


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"requests":[]}', b'{"requests":[{}]}', b'{"requests":"x"}'])
def test_what_is_no_request_for_embeddings(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_embeddings(body)


@pytest.mark.parametrize("batch", [True, False])
def test_vectors_both_ways(batch: bool) -> None:
    reply = EmbeddingReply(vectors=((1.0, 0.5),), usage=Usage(input=3))
    assert decode_embeddings_reply(encode_embeddings_reply(reply, batch=batch)) == reply


@pytest.mark.parametrize("body", [b"", b"{}", b'{"embeddings":[{}]}', b'{"embedding":{"values":["x"]}}'])
def test_what_is_no_reply_with_vectors(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        decode_embeddings_reply(body)


def test_no_vectors_are_no_reply() -> None:
    with pytest.raises(UpstreamGarbled):
        encode_embeddings_reply(EmbeddingReply(vectors=()), batch=False)


def test_models_both_ways() -> None:
    cards = (ModelCard("a", "A", 10, 5, thinking=True), ModelCard("b", "b", methods=("embedContent",)))
    assert decode_models(encode_models(cards)) == (cards, "")
    assert msgspec.json.decode(encode_model(cards[1]))["supportedGenerationMethods"] == ["embedContent"]
    page = b'{"models":[{"name":"models/x"}],"nextPageToken":"t"}'
    assert decode_models(page) == ((ModelCard("x", methods=()),), "t")
    with pytest.raises(UpstreamGarbled):
        decode_models(b"oops")
