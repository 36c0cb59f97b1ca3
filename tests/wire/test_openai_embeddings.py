"""Embeddings in the shape of the chat wire's vendor: what one side writes the other reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.embeddings import EmbeddingReply, EmbeddingRequest
from hostler.core.usage import Usage
from hostler.errors import Unsupported, UpstreamGarbled, WireError
from hostler.wire.openai_embeddings import (
    decode_embeddings,
    decode_embeddings_reply,
    encode_embeddings,
    encode_embeddings_reply,
)

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.text(), min_size=1), st.none() | st.integers(1, 4096))
def test_a_request_comes_back(texts: list[str], dimensions: int | None) -> None:
    request = EmbeddingRequest(model="m", texts=tuple(texts), dimensions=dimensions, extra={"user": "u"})
    assert decode_embeddings(encode_embeddings(request)) == request


@given(st.lists(st.lists(floats, min_size=1), min_size=1), st.sampled_from(("float", "base64")), st.integers(0, 99))
def test_vectors_come_back_in_either_form(vectors: list[list[float]], form: str, tokens: int) -> None:
    reply = EmbeddingReply(vectors=tuple(map(tuple, vectors)), model="m", usage=Usage(input=tokens))
    assert decode_embeddings_reply(encode_embeddings_reply(reply, batch=True, form=form)) == reply


def test_the_index_counts_and_not_the_order() -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    assert decode_embeddings_reply(json.dumps({"data": data}).encode()).vectors == ((1.0,), (2.0,))


def test_one_text_is_a_list_of_one() -> None:
    assert decode_embeddings(b'{"model":"m","input":"x"}').texts == ("x",)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"model":"m"}', b'{"model":"m","input":[]}', b'{"model":1,"input":"x"}', b"["]
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_embeddings(body)


@pytest.mark.parametrize("value", [[1, 2], [[1, 2], [3]]])
def test_token_ids_mean_nothing_to_another_model(value: object) -> None:
    with pytest.raises(Unsupported, match="token ids"):
        decode_embeddings(json.dumps({"model": "m", "input": value}).encode())


@pytest.mark.parametrize(
    "body", [b"{}", b"[", b'{"data":[{}]}', b'{"data":[{"embedding":"?"}]}', b'{"data":[{"embedding":["x"]}]}']
)
def test_what_is_no_reply_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        decode_embeddings_reply(body)
