"""Every line of the table of losses arises, and nothing is lost or named that is in no line."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import unfold
from hostler.core.fitting import Limits, fitted
from hostler.core.messages import Citation, Media, MediaKind, Message, Text
from hostler.core.requests import Asked, ChatRequest, ReasoningOptions, Reply
from hostler.core.wires import ANTHROPIC, OLLAMA, OPENAI_RESPONSES, WIRES, Wire
from hostler.errors import Unsupported
from hostler.providers import gemini_cli, vendors
from hostler.wire import ollama
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.loss_table import BY_MODEL, FIELD, SERVER_TOOL, TO_FACE, TO_WIRE, Loss
from tests.wire.loss_samples import FUNCTION, HI, REPLIES, SAMPLES, asking, sample_of
from tests.wire.strategies import replies, requests

SRC = Path(gemini_cli.__file__).parent.parent
ASKED = Asked("m", "r1", 1_700_000_000)
CODECS: dict[str, ModuleType] = {**{wire: codec_of(wire) for wire in WIRES}, "gemini-cli": gemini_cli}  # type: ignore[dict-item]
LINES = [(wire, loss.name) for wire, losses in TO_WIRE.items() for loss in losses]
KEPT = [(wire, name) for wire in WIRES for name in SAMPLES if (wire, name) not in LINES]
REPLY_LINES = [(face, loss.name) for face, losses in TO_FACE.items() for loss in losses]
KEPT_REPLIES = [(face, name) for face in WIRES for name in REPLIES if (face, name) not in REPLY_LINES]


def names_in(lines: tuple[Loss, ...], request: ChatRequest | None = None) -> set[str]:
    """The names that may be told; what stands for names of the client's own is replaced by those."""
    names = {loss.name for loss in lines}
    if request is not None and FIELD in names:
        names |= request.extra.keys()
    if request is not None and SERVER_TOOL in names:
        names |= {f"tools[].{tool.name}" for tool in request.tools if tool.server is not None}
    return names


def encoded(wire: str, request: ChatRequest, dialect: Dialect) -> tuple[bytes, set[str]]:
    there = CODECS[wire].encode_request(request, dialect)
    assert list(there.dropped) == sorted(set(there.dropped))
    return there.body, set(there.dropped)


@pytest.mark.parametrize(("wire", "name"), LINES)
def test_each_line_of_a_request_arises(wire: str, name: str) -> None:
    sample = sample_of(wire, name)
    if (wire, name) == (OLLAMA, "tools"):
        dropped = set(ollama.generate.encode_request(sample.request, PLAIN).dropped)
    else:
        _, dropped = encoded(wire, sample.request, sample.dialect(wire))
    told = {FIELD: "only_theirs", SERVER_TOOL: "tools[].web_search"}.get(name, name)
    assert told in dropped
    assert dropped <= names_in(TO_WIRE[wire], sample.request)


@pytest.mark.parametrize("wire", WIRES)
def test_what_says_no_or_nothing_is_not_lost(wire: Wire) -> None:
    theirs: Wire = OPENAI_RESPONSES if wire == ANTHROPIC else ANTHROPIC
    assert encoded(wire, asking(wire=theirs, extra={"a": None, "b": False}), PLAIN)[1] == set()


SAID_OTHERWISE = {
    (OPENAI_RESPONSES, "thinking.display"): b'"summary"',  # of hidden thinking no summary is asked for
}
"""What shows by what a body does not hold."""


@pytest.mark.parametrize(("wire", "name"), KEPT)
def test_what_is_in_no_line_is_kept_or_refused(wire: str, name: str) -> None:
    sample = sample_of(wire, name)
    try:
        body, dropped = encoded(wire, sample.request, PLAIN)
    except Unsupported:
        return
    assert name not in dropped
    if (wire, name) in SAID_OTHERWISE:
        assert SAID_OTHERWISE[wire, name] not in body
    else:
        assert sample.seen(CODECS[wire].decode_request(body)) == sample.seen(sample.request)


MODELS = ("m", "claude-opus-5", "claude-3-haiku", "gpt-5", "o3", "gemini-2.5-pro", "gemini-3-pro", "qwq", "minimax-m2")


@pytest.mark.parametrize("vendor", vendors.VENDORS.values(), ids=lambda vendor: vendor.id)
def test_no_vendors_departures_lead_out_of_the_table(vendor: vendors.Vendor) -> None:
    for side in (vendor.main, *vendor.also):
        for name in SAMPLES:
            request = sample_of(side.wire, name).request
            for model in MODELS:
                try:
                    _, dropped = encoded(side.wire, replace(request, model=model), side.dialect)
                except Unsupported:
                    continue
                assert dropped <= names_in(TO_WIRE[side.wire], request)


@pytest.mark.slow
@given(st.sampled_from(WIRES).flatmap(requests))
def test_no_conversation_leads_out_of_the_table(request: ChatRequest) -> None:
    for wire in WIRES:
        try:
            _, dropped = encoded(wire, request, PLAIN)
        except Unsupported:
            continue
        assert dropped <= names_in(TO_WIRE[wire], request)


@pytest.mark.slow
@given(replies())
def test_no_reply_leads_out_of_the_table(reply: Reply) -> None:
    for face in WIRES:
        codec = codec_of(face)
        encoder = codec.stream_encoder(ASKED)
        encoder.encode(unfold(reply))
        encoder.finish()
        assert {*codec.encode_response(reply, ASKED).dropped, *encoder.dropped} <= names_in(TO_FACE[face])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("face", "name"), REPLY_LINES)
def test_each_line_of_a_reply_arises(face: str, name: str, *, stream: bool) -> None:
    dropped = lost_on_the_way_back(face, name, stream=stream)
    assert dropped <= names_in(TO_FACE[face])
    if (face, name, stream) != (ANTHROPIC, "message.tool_calls[].arguments", True):  # streams hold them as a text
        assert name in dropped


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("face", "name"), KEPT_REPLIES)
def test_what_is_in_no_line_of_replies_is_kept(face: str, name: str, *, stream: bool) -> None:
    assert lost_on_the_way_back(face, name, stream=stream) == set()
    reply, codec = REPLIES[name], codec_of(cast("Wire", face))
    back = codec.decode_response(codec.encode_response(reply, ASKED).body)
    assert [(call.name, call.arguments) for call in back.tool_calls] == [
        (call.name, call.arguments) for call in reply.tool_calls
    ]
    assert (back.stop_sequence, back.finish_detail) == (reply.stop_sequence, reply.finish_detail)
    assert cited(back) == cited(reply)


def cited(reply: Reply) -> list[Citation]:
    return [citation for part in reply.parts if isinstance(part, Text) for citation in part.citations]


def lost_on_the_way_back(face: str, name: str, *, stream: bool) -> set[str]:
    operation = "generate" if (face, name) == (OLLAMA, "message.tool_calls") else "chat"
    codec = codec_of(cast("Wire", face), operation)
    reply = REPLIES[name]
    if not stream:
        whole = codec.encode_response(reply, ASKED)
        assert b"S3CRET" not in whole.body
        return set(whole.dropped)
    encoder = codec.stream_encoder(ASKED)
    assert b"S3CRET" not in encoder.encode(unfold(reply)) + encoder.finish()
    return encoder.dropped


def by_model() -> dict[str, tuple[Limits, ChatRequest]]:
    """For each name a model of which something is known, and a request that does not fit it."""
    known = Limits("p/m", degrade=True)
    long = asking(Message("user", (Text(text="x" * 999),)), HI)
    kinds: tuple[MediaKind, ...] = ("image", "audio", "video")
    return {
        "thinking": (known._replace(thoughtless=True), asking(reasoning=ReasoningOptions("on"))),
        "max_tokens": (known._replace(max_output=9), asking(max_tokens=10)),
        "tools": (known._replace(toolless=True), asking(tools=(FUNCTION,))),
        "messages": (known._replace(window=50), long),
        **{
            f"messages[].{kind}": (
                known._replace(blind=frozenset((kind,))),
                asking(Message("user", (Media(kind=kind, data="AAAA"),))),
            )
            for kind in kinds
        },
    }


@pytest.mark.parametrize("name", sorted(names_in(BY_MODEL)))
def test_each_line_of_what_a_model_cannot_take_arises(name: str) -> None:
    limits, request = by_model()[name]
    assert fitted(limits, request)[1] == (name,)
