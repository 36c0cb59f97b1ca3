"""What a new compatible vendor costs: one row of at most ten lines, in one file, and nothing else."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from hostler.providers.fake import FakeVendor
from tests.fakes import StartFake, fake_vendor

__all__ = ["fake_vendor"]
pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent.parent / "providers" / "hostler_with_a_row.py"
PATIENCE = 30.0
KEY = "acme-secret"
ROW = """\
        Vendor(
            id="acme",
            label="Acme AI",
            wire=OPENAI_CHAT,
            base_url="{address}/v1",
            env=("ACME_API_KEY",),
            dialect=_OLD_LIMIT,
            docs="https://acme.example/docs",
            checked="2026-11-20",
        ),
"""


def row(fake: FakeVendor) -> str:
    return ROW.format(address=fake.address)


@asynccontextmanager
async def up(fake: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of a hostler that knows Acme."""
    monkeypatch.setenv("ACME_API_KEY", KEY)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        row(fake),
        *("up", "--port", "0", "--json", "--no-engine", "--no-workbench", "--no-browser"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        text = b""
        async with asyncio.timeout(PATIENCE):
            while not text.endswith(b"}\n"):
                line = await process.stdout.readline()
                assert line, text
                text += line
        yield json.loads(text)["address"]
    finally:
        process.terminate()
        assert await process.wait() == 0


async def run(fake: FakeVendor, *arguments: str) -> Any:
    """A command of that hostler; what it printed as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), row(fake), *arguments, "--json", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return json.loads(out)


def test_the_row_has_at_most_ten_lines() -> None:
    assert len(ROW.splitlines()) <= 10


async def test_one_row_is_all_that_a_new_vendor_needs(fake_vendor: StartFake, monkeypatch: pytest.MonkeyPatch) -> None:
    script = {"models": [{"id": "acme-1", "replies": [{"text": "Hello from Acme."}]}], "keys": [KEY]}
    fake = await fake_vendor(script, strict=True)  # it takes no other key
    async with up(fake, monkeypatch) as address:
        await _chat(address)
        await _messages(address)
        await _listed(address)
    (checked,) = (await run(fake, "providers", "check", "acme"))["checks"]
    assert checked["state"] == "up"
    rows = {one["id"]: one for one in await run(fake, "providers", "list")}
    assert (rows["acme"]["label"], rows["acme"]["key"], rows["acme"]["ready"]) == ("Acme AI", "ACME_API_KEY", True)


async def _chat(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        asked: Any = {"model": "acme/acme-1", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}
        whole = await client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "Hello from Acme."
        assert whole.usage is not None and whole.usage.completion_tokens > 0
        stream = await client.chat.completions.create(**asked, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(pieces) == "Hello from Acme." and len(pieces) > 1


async def _messages(address: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=address, api_key="none", max_retries=0) as client:
        asked: Any = {"model": "acme/acme-1", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}
        whole = await client.messages.create(**asked)
        assert [block.text for block in whole.content if block.type == "text"] == ["Hello from Acme."]
        async with client.messages.stream(**asked) as stream:
            assert await stream.get_final_text() == "Hello from Acme."


async def _listed(address: str) -> None:
    """Found by itself, within moments of the start."""
    async with httpx2.AsyncClient(timeout=PATIENCE) as client, asyncio.timeout(PATIENCE):
        while True:
            models = (await client.get(f"{address}/v1/models")).json()["data"]
            if "acme/acme-1" in [model["id"] for model in models]:
                return
