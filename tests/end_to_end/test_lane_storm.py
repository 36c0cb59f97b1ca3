"""Clients that come and go at any moment before a lane of two slots, on the loop that the gateway really uses."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import scripted_llama
from tests.end_to_end.faces import FACES, ask_of, ended_well
from tests.end_to_end.gate import CHAT, get, request
from tests.end_to_end.process import Running, Up, running
from tests.system.http_server.door import Client

pytestmark = pytest.mark.slow
CLIENTS = 300
WORKING_AT_ONCE = 40


async def connect(hostler: Running) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", hostler.port, limit=1 << 22))


async def ask(hostler: Running, data: bytes) -> Any:
    client = await connect(hostler)
    try:
        client.send(data)
        return await client.reply()
    finally:
        await client.close()


async def status(hostler: Running) -> Any:
    data = get("/hostler/api/control/status", f"authorization: Bearer {hostler.token}".encode())
    return json.loads((await ask(hostler, data)).body)


async def come_and_go(hostler: Running, number: int, dice: random.Random, room: asyncio.Semaphore) -> str:
    """One client: it leaves at once, in the queue, with its answer on the way, or stays to the end."""
    face = FACES[number % 2]
    stays, turns, stream = dice.random() < 0.3, dice.randint(0, 30), dice.random() < 0.5
    body = {**ask_of(face, "here/two", stream=stream), "messages": [{"role": "user", "content": f"word{number}"}]}
    async with room:
        client = await connect(hostler)
        client.send(request(face, body))
        if stays:
            reply = await client.reply()
            assert reply.status in (200, 429), reply
            assert reply.status == 429 or not stream or ended_well(face, reply.body)
            assert reply.status == 429 or f"word{number}".encode() in reply.body, "its own answer and nobody else's"
            await client.close()
            return "stayed"
        for _ in range(turns):
            await asyncio.sleep(0)
        if number % 3:
            client.writer.transport.abort()
        else:
            await client.close()
        return "left"


async def test_no_slot_is_lost_to_clients_that_leave(tmp_path: Path) -> None:
    """The scripted engine ends itself when it gets more calls at once than it has slots."""
    up = Up(
        providers=[{"id": "here", "kind": "engine", "models": [scripted_llama.recipe(tmp_path, "two", slots=2)]}],
        settings=f'[engine]\nllama_server = "{scripted_llama.executable(tmp_path)}"\n[gateway]\nqueue = 16\n',
    )
    dice = random.Random(7)
    with running(tmp_path, up) as hostler:
        assert (await ask(hostler, request(CHAT, ask_of(CHAT, "here/two")))).status == 200
        room = asyncio.Semaphore(WORKING_AT_ONCE)
        ends = await asyncio.gather(*(come_and_go(hostler, number, dice, room) for number in range(CLIENTS)))
        assert ends.count("stayed") > CLIENTS // 5 and ends.count("left") > CLIENTS // 5
        async with asyncio.timeout(20):
            while (seen := await status(hostler))["upstream"]["busy"] or seen["lanes"][0]["in_flight"]:
                pass
        assert [(lane["in_flight"], lane["waiting"]) for lane in seen["lanes"]] == [(0, 0)]
        assert [(engine["in_flight"], engine["state"]) for engine in seen["engines"]] == [(0, "ready")]
        assert (await ask(hostler, request(CHAT, ask_of(CHAT, "here/two")))).status == 200
        assert hostler.stop() == 0
        assert "Traceback" not in hostler.said() and "more calls than slots" not in hostler.said()
