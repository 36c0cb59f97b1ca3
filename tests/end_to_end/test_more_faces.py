"""The Gemini and Ollama faces over an upstream of another wire, with the official SDKs as clients."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import ollama
import pytest
from google import genai
from google.genai import errors, types

from tests.end_to_end.gate import Setup, gate, provider
from tests.end_to_end.machine import Machine, machine

ENGINES = Setup(engine={"enabled": True})


@asynccontextmanager
async def ollama_client(address: str) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=address)
    try:
        yield client
    finally:
        await client._client.aclose()  # pyright: ignore[reportPrivateUsage]  # it has no door of its own


def gemini(address: str) -> genai.Client:
    """The SDK over httpx2; its other way, aiohttp, warns of itself."""
    more = {"transport": httpx2.AsyncHTTPTransport()}
    return genai.Client(api_key="x", http_options=types.HttpOptions(base_url=address, async_client_args=more))


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic"])
async def test_the_gemini_sdk(tmp_path: Path, kind: str) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a, kind), setup=ENGINES) as door:
        client = gemini(door.address)
        reply = await client.aio.models.generate_content(model="a/m", contents="hello")
        assert reply.text and reply.candidates and reply.candidates[0].finish_reason == "STOP"
        assert reply.usage_metadata and reply.usage_metadata.prompt_token_count
        stream = await client.aio.models.generate_content_stream(model="a/m", contents="hello")
        assert "".join([chunk.text or "" async for chunk in stream]).strip() == reply.text
        assert {call.json["model"] for call in a.calls} == {"m"}
        await door.app.discovery.refresh()
        listed = [model.name async for model in await client.aio.models.list()]
        assert "models/here/demo" in listed
        assert ("models/a/m" in listed) == (kind != "anthropic"), "the machine lists in one shape"
        with pytest.raises(errors.ClientError, match="There is no model"):
            await client.aio.models.generate_content(model="here/nothing", contents="x")
        await client.aio.aclose()


async def test_a_stream_as_one_array(tmp_path: Path) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask("/v1beta/models/a/m:streamGenerateContent", body)
        assert reply.headers[b"content-type"].startswith(b"application/json")
        chunks = json.loads(reply.body)
        assert isinstance(chunks, list) and chunks[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic"])
async def test_the_ollama_sdk(tmp_path: Path, kind: str) -> None:
    async with (
        machine() as a,
        gate(tmp_path, provider("a", a, kind), setup=ENGINES) as door,
        ollama_client(door.address) as client,
    ):
        reply = await client.chat(model="a/m", messages=[{"role": "user", "content": "hello"}])
        assert reply.message.content and reply.done and reply.done_reason == "stop"
        assert reply.model == "a/m" and reply.prompt_eval_count
        parts = [part async for part in await client.chat(model="a/m", messages=[], stream=True)]
        assert "".join(part.message.content or "" for part in parts).strip() == reply.message.content
        assert parts[-1].done
        told = await client.generate(model="a/m", prompt="hello", system="Be brief.")
        assert told.response == reply.message.content
        assert "here/demo" in [model.model for model in (await client.list()).models]
        assert "tools" in ((await client.show("here/demo")).capabilities or [])
        assert (await client.ps()).models == []
        with pytest.raises(ollama.ResponseError) as caught:
            await client.chat(model="here/nothing", messages=[])
        assert caught.value.status_code == 404


async def test_embeddings_go_to_a_server_of_another_shape(tmp_path: Path) -> None:
    async def answer(asked: object, line: object) -> None:
        vectors = [{"index": i, "embedding": [float(i), 1.0]} for i, _ in enumerate(asked.json["input"])]  # type: ignore[attr-defined]
        await line.whole({"data": vectors, "model": "m", "usage": {"prompt_tokens": 3}})  # type: ignore[attr-defined]

    upstream = Machine(script=answer)
    async with (
        machine(upstream),
        gate(tmp_path, provider("a", upstream)) as door,
        ollama_client(door.address) as client,
    ):
        assert (await client.embed(model="a/m", input=["x", "y"])).embeddings == [[0.0, 1.0], [1.0, 1.0]]
        assert (await client.embeddings(model="a/m", prompt="x")).embedding == [0.0, 1.0]
        other = gemini(door.address)
        found = await other.aio.models.embed_content(model="a/m", contents=["x", "y"])
        assert [item.values for item in found.embeddings or []] == [[0.0, 1.0], [1.0, 1.0]]
        await other.aio.aclose()
        assert {asked.path for asked in upstream.calls} == {"/v1/embeddings"}
