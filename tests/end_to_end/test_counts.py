"""Tokens of a request, counted by OpenAI for clients of every format that counts, and by others for OpenAI's."""

import json
from pathlib import Path

import anthropic
import openai
import pytest
from google.genai import errors

from tests.end_to_end.gate import gate
from tests.end_to_end.test_more_faces import gemini
from tests.fakes import serving

SCRIPT = "strict: true\nmodels: [{id: m}]"
WORDS = "one two three four five"


async def test_each_format_counts_with_the_others(tmp_path: Path) -> None:
    kinds = {"openai": "openai-responses", "anthropic": "anthropic", "gemini": "gemini"}
    async with serving(SCRIPT) as fake:
        entries = [{"id": name, "kind": kind, "baseUrl": fake.address} for name, kind in kinds.items()]
        async with (
            gate(tmp_path, *entries) as door,
            anthropic.AsyncAnthropic(base_url=door.address, api_key="x") as messages,
            openai.AsyncOpenAI(base_url=f"{door.address}/v1", api_key="x") as sdk,
        ):
            client = gemini(door.address)
            for name in kinds:
                counts: list[list[int]] = []
                for text in (WORDS, f"{WORDS} six"):
                    asked = [{"role": "user", "content": text}]
                    told = await messages.messages.count_tokens(model=f"{name}/m", messages=asked)  # type: ignore[arg-type]
                    counted = await sdk.responses.input_tokens.count(model=f"{name}/m", input=text)
                    again = await client.aio.models.count_tokens(model=f"{name}/m", contents=text)
                    counts.append([told.input_tokens, counted.input_tokens, again.total_tokens or 0])
                assert min(counts[0]) >= len(WORDS.split())
                assert [more - less for less, more in zip(*counts, strict=True)] == [1, 1, 1]
            assert "store" not in json.dumps([call.json for call in fake.requests if "input_tokens" in call.path])
            await client.aio.aclose()


async def test_only_models_that_can_be_counted_are_listed_so(tmp_path: Path) -> None:
    async with serving(SCRIPT) as fake:
        entries = [
            {"id": "openai", "kind": "openai-responses", "baseUrl": fake.address},
            {"id": "other", "kind": "openai-compatible", "baseUrl": fake.address},
        ]
        async with gate(tmp_path, *entries) as door:
            await door.app.discovery.refresh()
            client = gemini(door.address)
            listed = {m.name: m.supported_actions or [] async for m in await client.aio.models.list()}
            assert "countTokens" in listed["models/openai/m"] and "countTokens" not in listed["models/other/m"]
            with pytest.raises(errors.ClientError, match="no way to do count tokens"):
                await client.aio.models.count_tokens(model="other/m", contents="x")
            await client.aio.aclose()
