"""A gateway before a strict fake vendor that is reached over each of the six wires."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hostler.providers.fake import FakeVendor
from hostler.wire.loss_table import OWN_FIELDS, TO_FACE, TO_WIRE
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

KNOWN = {loss.name for lines in (*TO_WIRE.values(), *TO_FACE.values()) for loss in lines}
KNOWN |= {name for names in OWN_FIELDS.values() for name in names}


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
        told = {name for row in await door.rows() for name in (row.dropped or "").split(",")} - {""}
        assert told <= KNOWN, "a client was told a name that is in no line of the table"
