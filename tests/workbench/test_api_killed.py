"""A real `hostler up` that is killed in the middle of a reply: what came is there, and can be gone on with."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from hostler.providers.fake import FakeVendor
from tests.end_to_end.process import Up
from tests.fakes import serving
from tests.waiting import wait_until
from tests.web.server import Server
from tests.workbench.api_stage import SCRIPT

pytestmark = pytest.mark.slow


def kept(server: Server, message: str) -> str:
    """What of a running reply is in the database."""
    with sqlite3.connect(f"file:{server.data / 'hostler.db'}?mode=ro", uri=True) as database:
        pieces = database.execute("SELECT text FROM reply_pieces WHERE message = ? ORDER BY part, number", (message,))
        return "".join(text for (text,) in pieces)


async def test_killed_in_the_middle(tmp_path: Path) -> None:
    async with serving(SCRIPT) as fake:
        server = Server(tmp_path, Up(({"id": "far", "kind": "openai-compatible", "baseUrl": fake.address},)))
        await server.start()
        try:
            await killed_in_the_middle(server, fake)
        finally:
            await server.kill()


async def killed_in_the_middle(server: Server, fake: FakeVendor) -> None:
    session = (await server.api("/sessions", {}))["id"]
    turn = {"parts": [{"type": "text", "text": "Count"}], "models": ["far/held"]}
    (reply,) = (await server.api(f"/sessions/{session}/turns", turn))["replies"]
    await wait_until(lambda: "one two" in kept(server, reply["id"]))
    await server.kill()
    await server.start()
    opened = await server.api(f"/sessions/{session}")
    left = opened["messages"][1]
    assert (left["state"], left["parts"][0]["text"]) == ("interrupted", "one two ")
    assert opened["session"]["running"] is False
    (resumed,) = (await server.api(f"/messages/{reply['id']}/continue", {}))["replies"]
    assert resumed["state"] == "streaming"
    fake.release()
    async with asyncio.timeout(10):
        while (message := (await server.api(f"/sessions/{session}"))["messages"][1])["state"] != "complete":
            assert message["state"] == "streaming"
    assert message["parts"][0]["text"] == "one two one two three four"
