"""All that our encoders write is what the vendors publish: replies, streams and errors, whatever an upstream said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, fold
from hostler.core.embeddings import EmbeddingReply
from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.core.wires import ANTHROPIC, GEMINI, OLLAMA, OPENAI_CHAT, Wire
from hostler.errors import UpstreamBroken
from hostler.wire.codecs import codec_of, counting_of, embedding_of
from tests.published.faces import FACES, judge_stream
from tests.published.judge import complaints
from tests.published.strategies import ERRORS, asked, streams

ASKED = Asked("mine/model", "abc", 1_763_630_000)
wires = pytest.mark.parametrize("wire", FACES)


@pytest.mark.slow
@given(deltas=streams(), asked=asked)
def test_whole_replies(deltas: list[Delta], asked: Asked) -> None:
    reply = fold(deltas)
    codecs = [(codec_of(wire), documents.whole) for wire, documents in FACES.items()]
    for codec, document in [*codecs, (codec_of(OLLAMA, "generate"), "ollama.generate")]:
        try:
            body = codec.encode_response(reply, asked).body
        except UpstreamBroken:
            assert reply.finish == "error"  # on most wires an error, and no reply
        else:
            assert not complaints(document, body)


@pytest.mark.slow
@given(deltas=streams(), asked=asked)
def test_streams(deltas: list[Delta], asked: Asked) -> None:
    for wire in FACES:
        encoder = codec_of(wire).stream_encoder(asked)
        wrong, failed = judge_stream(wire, encoder.encode(deltas) + encoder.finish())
        assert not wrong
        assert not failed or fold(deltas).finish == "error"


@pytest.mark.slow
@given(deltas=streams(), asked=asked)
def test_streams_of_other_forms(deltas: list[Delta], asked: Asked) -> None:
    encoder = codec_of(GEMINI).stream_encoder(replace(asked, as_array=True))
    wrong, _ = judge_stream(GEMINI, encoder.encode(deltas) + encoder.finish(), "array")
    assert not wrong
    encoder = codec_of(OLLAMA, "generate").stream_encoder(asked)
    for line in (encoder.encode(deltas) + encoder.finish()).splitlines():
        document = "ollama.error" if line.startswith(b'{"error"') else "ollama.generate"
        assert not complaints(document, line)


@pytest.mark.slow
@given(deltas=streams(), asked=asked, place=st.integers(0, 30))
def test_streams_that_break(deltas: list[Delta], asked: Asked, place: int) -> None:
    for wire in FACES:
        encoder = codec_of(wire).stream_encoder(asked)
        wrong, failed = judge_stream(wire, encoder.encode(deltas[:place]) + encoder.fail(ERRORS[0]))
        assert failed and not wrong
    encoder = codec_of(GEMINI).stream_encoder(replace(asked, as_array=True))
    wrong, failed = judge_stream(GEMINI, encoder.encode(deltas[:place]) + encoder.fail(ERRORS[0]), "array")
    assert failed and not wrong


@wires
def test_errors(wire: Wire) -> None:
    codec = codec_of(wire)
    for error in ERRORS:
        assert not complaints(FACES[wire].error, codec.encode_error(error, "req_1"))
        wrong, failed = judge_stream(wire, codec.stream_encoder(ASKED).fail(error))
        assert failed and not wrong


VECTORS = EmbeddingReply(vectors=((0.5, -1.0), (0.0, 2.0)), model="a/m", usage=Usage(input=3))


@pytest.mark.parametrize(
    ("wire", "batch", "document"),
    [
        (OPENAI_CHAT, True, "openai.embeddings"),
        (GEMINI, True, "gemini.embeddings"),
        (GEMINI, False, "gemini.embedding"),
        (OLLAMA, True, "ollama.embed"),
        (OLLAMA, False, "ollama.embeddings"),
    ],
)
def test_embeddings(wire: Wire, batch: bool, document: str) -> None:
    assert not complaints(document, embedding_of(wire).encode_embeddings_reply(VECTORS, batch=batch))


@pytest.mark.parametrize(("wire", "document"), [(ANTHROPIC, "anthropic.count"), (GEMINI, "gemini.count")])
def test_counts_of_tokens(wire: Wire, document: str) -> None:
    assert not complaints(document, counting_of(wire).encode_count_tokens_reply(7))
