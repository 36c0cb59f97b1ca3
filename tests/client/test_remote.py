"""A client of a gateway elsewhere; the fake vendor stands where the gateway would."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from hostler.client.client import ModelInfo
from hostler.client.http import GatewayDoor
from hostler.client.remote import gateway_provider, open_remote
from hostler.core.deltas import TextDelta
from hostler.core.messages import Message, Origin, Reasoning, Text
from hostler.core.requests import ChatRequest, ReasoningOptions
from hostler.core.wires import OPENAI_CHAT
from hostler.errors import ConfigError, HostlerError, UpstreamGarbled, UpstreamRefused, UpstreamUnreachable
from hostler.providers.fake import FakeVendor
from hostler.wire import openai_chat
from tests.end_to_end.machine import Asked, Line, Machine, machine


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeVendor, str]]:
    """A fake vendor and its address."""
    vendor = FakeVendor(None)
    async with vendor.serving("127.0.0.1", 0) as address:
        yield vendor, address


async def test_names_go_to_the_gateway_as_they_are(fake: tuple[FakeVendor, str]) -> None:
    _, address = fake
    async with open_remote(address, "the-token") as client:
        reply = await client.ask("echo", "well met")
        assert "well met" in reply.text
        assert reply.usage.known
        text = [delta.text async for delta in client.stream("echo", "again") if isinstance(delta, TextDelta)]
        assert "again" in "".join(text)
        assert ModelInfo("echo") in [ModelInfo(info.id) for info in await client.models()]


def test_nothing_of_a_conversation_is_lost_on_the_way_to_a_gateway() -> None:
    details = b'[{"type":"reasoning.encrypted","data":"x"}]'
    thought = Reasoning(text="hm", origin=Origin("", OPENAI_CHAT, ""), opaque=details)
    request = ChatRequest(
        model="m",
        messages=(Message("user", (Text(text="hi", cache="1h"),)), Message("assistant", (thought, Text(text="ho")))),
        reasoning=ReasoningOptions(budget=2000, hidden=True),
        cache="5m",
        cache_key="k",
    )
    encoded = openai_chat.encode_request(request, gateway_provider("http://127.0.0.1:8484", "").dialect)
    assert encoded.dropped == ()
    there = openai_chat.decode_request(encoded.body)
    assert (there.messages, there.reasoning) == (request.messages, request.reasoning)
    assert (there.cache, there.cache_key) == ("5m", "k")


async def test_what_the_gateway_refuses_is_told_in_its_words(fake: tuple[FakeVendor, str]) -> None:
    _, address = fake
    async with open_remote(address) as client:
        with pytest.raises(UpstreamRefused) as refused:
            await client.ask("fail-400", "x")
        assert refused.value.status == 400


async def test_nobody_is_there() -> None:
    async with open_remote("http://127.0.0.1:1") as client:
        with pytest.raises(UpstreamUnreachable):
            await client.ask("echo", "x")
        with pytest.raises(UpstreamUnreachable, match="does not answer"):
            await client.models()


async def test_an_address_that_is_none() -> None:
    with pytest.raises(ConfigError):
        async with open_remote("ftp://somewhere"):
            pass


def test_an_address_with_and_without_its_version_is_the_same() -> None:
    plain, versioned = (gateway_provider(f"http://127.0.0.1:8484{path}", "t") for path in ("", "/v1"))
    assert plain.address == versioned.address
    assert plain.path("chat") == versioned.path("chat") == "/v1/chat/completions"
    assert plain.auth == (b"authorization", b"Bearer t")
    assert gateway_provider("http://127.0.0.1:8484", "").auth is None


async def test_a_small_question_gets_json_or_the_error_that_was_told() -> None:
    async def answer(asked: Asked, line: Line) -> None:
        if asked.path == "/good":
            await line.whole({"token": asked.header("authorization")})
        elif asked.path == "/refused":
            told = {"code": "model_not_found", "message": "There is no model 'x'.", "hint": "Near ids: y."}
            await line.whole({"error": told}, 404)
        elif asked.path == "/bare":
            await line.whole({}, 500)
        else:
            await line.whole(b"<html>", 502, "text/html")

    async with machine(Machine(script=answer)) as server:
        door = GatewayDoor(server.url, "t")
        assert await asyncio.to_thread(door.ask, "POST", "/good") == {"token": "Bearer t"}
        with pytest.raises(HostlerError) as refused:
            await asyncio.to_thread(door.ask, "POST", "/refused")
        error = refused.value
        assert (error.code, error.status, error.message) == ("model_not_found", 404, "There is no model 'x'.")
        assert error.hint == "Near ids: y."
        with pytest.raises(HostlerError, match="status 500"):
            await asyncio.to_thread(door.ask, "POST", "/bare")
        with pytest.raises(UpstreamGarbled, match="is no hostler"):
            await asyncio.to_thread(door.ask, "POST", "/page")


async def test_a_certificate_must_name_the_host_and_be_trusted() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("desk.example").configure_cert(context)
    async with machine(context=context) as server:
        with pytest.raises(UpstreamUnreachable, match="does not answer"):
            await asyncio.to_thread(GatewayDoor(server.url).ask, "GET", "/v1/models")
