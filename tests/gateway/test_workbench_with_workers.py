"""The workbench behind gateway workers: the owner answers, through whichever worker a browser met."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.end_to_end.gate import Gate, Setup, gate, get, request
from tests.system.http_server.door import Client

pytestmark = pytest.mark.slow
EVENTS = "/hostler/api/events"


@pytest.fixture(params=[1, 2])
async def door(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Gate]:
    setup = Setup(gateway={"workers": request.param, "drain_s": 20.0}, workbench={"enabled": True})
    async with gate(tmp_path, setup=setup) as door:
        yield door


def cookie(door: Gate) -> dict[str, str]:
    return {"cookie": f"hostler_token={door.app.token}"}


async def follow(door: Gate) -> Client:
    """A stream of events whose snapshot has come."""
    client = await door.client()
    client.send(get(EVENTS, f"Cookie: hostler_token={door.app.token}".encode()))
    status, headers = await client.head()
    assert (status, headers[b"content-type"]) == (200, b"text/event-stream")
    async with asyncio.timeout(10):
        await client.reader.readuntil(b"event: snapshot")
    return client


async def test_link_cookie_api_and_refusals(door: Gate) -> None:
    link = await door.ask(f"/?token={door.app.token}")
    assert (link.status, b"hostler_token=" in link.headers[b"set-cookie"]) == (303, True)
    made = await door.ask("/hostler/api/sessions", {"title": "one"}, cookie(door))
    assert made.status == 201
    (session,) = json.loads((await door.ask("/hostler/api/sessions", headers=cookie(door))).body)["sessions"]
    assert session["title"] == "one"
    client = await door.client()
    for method in (b"DELETE", b"POST"):
        data = request("/hostler/api/sessions/" + session["id"], None, cookie(door)).replace(b"GET", method, 1)
        assert (await client.ask(data)).status == (200 if method == b"DELETE" else 405)
    for path in ("/hostler/api/sessions", EVENTS, "/hostler/api/none"):
        assert (await door.ask(path)).status == 401
        foreign = {**cookie(door), "origin": "http://evil.example"}
        assert (await door.ask(path, headers=foreign)).status == 403


async def test_events_come_as_they_happen_and_end_with_the_server(door: Gate) -> None:
    followers = [await follow(door) for _ in range(3)]
    await door.ask("/hostler/api/sessions", {"title": "news"}, cookie(door))
    for follower in followers:
        async with asyncio.timeout(10):
            await follower.reader.readuntil(b"session.created")
    door.stop.set()
    async with asyncio.timeout(10):  # and not after the 20 s that calls get
        await asyncio.gather(*[follower.rest() for follower in followers])
        await door.stopped()
