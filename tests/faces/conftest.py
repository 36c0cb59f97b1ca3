"""A gateway before a strict fake vendor that is reached over each of the six wires."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hostler.providers.fake import FakeVendor
from tests.end_to_end.gate import Gate, Setup, gate
from tests.fakes import serving

WIRES = {
    "openai-chat": "openai-compatible",
    "openai-responses": "openai-responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
    "dashscope": "dashscope",
}
"""Each wire, and the kind of a provider that speaks it."""


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(strict=True) as fake:
        yield fake


@pytest.fixture
async def door(tmp_path: Path, fake: FakeVendor) -> AsyncIterator[Gate]:
    entries = [
        {"id": wire, "kind": kind, "baseUrl": fake.address, "apiKeyEnv": "FAKE_KEY"} for wire, kind in WIRES.items()
    ]
    async with gate(tmp_path, *entries, setup=Setup(environment={"FAKE_KEY": "sk-fake"})) as door:
        yield door
