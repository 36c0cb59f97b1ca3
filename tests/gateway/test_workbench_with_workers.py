"""The workbench behind gateway workers: the owner answers, through whichever worker a browser met."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hostler.rooms import OpenRooms
from tests.end_to_end.gate import Gate, Setup, gate, get, request
from tests.system.http_server.door import Client
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
EVENTS = "/hostler/api/events"
SOCKET = "/hostler/api/ws/echo"


class Room:
    """A room that has a WebSocket: it says what it hears, and takes its leave when told."""

    open = 0

    async def talk(self, scope: Any, receive: Any, send: Any) -> None:
        assert (scope["type"], scope["path"]) == ("websocket", SOCKET)
        await receive()
        await send({"type": "websocket.accept"})
        self.open += 1
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "bye":
                await send({"type": "websocket.close", "code": 4000})
                break
            await send({**message, "type": "websocket.send"})
        self.open -= 1


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """The API has no WebSockets yet but for this one. The owner's process is the test's."""
    room, made = Room(), OpenRooms.make_api

    def make_api(rooms: OpenRooms) -> Any:
        api = made(rooms)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await (room.talk if scope["type"] == "websocket" else api)(scope, receive, send)

        return app

    monkeypatch.setattr(OpenRooms, "make_api", make_api)
    return room


@pytest.fixture(params=[1, 2])
async def door(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Gate]:
    setup = Setup(gateway={"workers": request.param, "drain_s": 40.0}, workbench={"enabled": True})
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
    async with asyncio.timeout(20):
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
        async with asyncio.timeout(20):
            await follower.reader.readuntil(b"session.created")
    door.stop.set()
    async with asyncio.timeout(20):  # and not after the 40 s that calls get
        await asyncio.gather(*[follower.rest() for follower in followers])
        await door.stopped()


async def socket(door: Gate, headers: dict[str, str], path: str = SOCKET) -> ClientConnection:
    return await connect(f"ws://localhost:{door.port}{path}", additional_headers=headers, proxy=None, open_timeout=20)


async def test_websockets_pass_in_both_directions_and_end_as_the_room_says(door: Gate) -> None:
    async with await socket(door, cookie(door)) as first, await socket(door, cookie(door)) as second:
        for each, text in ((first, "héllo"), (second, "")):
            await each.send(text)
            assert await each.recv() == text
        large = bytes(range(256)) * 4096
        await first.send(large)
        assert await first.recv() == large
        await second.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            await second.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000
    # the one that hung up is forgotten, and calls go on
    assert (await door.ask("/hostler/api/sessions", headers=cookie(door))).status == 200


async def test_a_websocket_of_a_stranger_or_a_foreign_page_is_not_opened(door: Gate) -> None:
    for headers, status in (({}, 401), ({**cookie(door), "origin": "http://evil.example"}, 403)):
        with pytest.raises(InvalidStatus) as refused:
            await socket(door, headers)
        assert refused.value.response.status_code == status


async def test_a_path_without_a_websocket_says_so_and_nothing_slips_in_behind(door: Gate) -> None:
    """What follows on the connection of an upgrade that was refused is not read past the checks of this process."""
    client = await door.client()
    lines = [f"{name}: {value}".encode() for name, value in cookie(door).items()]
    upgrade = get("/hostler/api/sessions", b"Connection: Upgrade", b"Upgrade: websocket", *lines)
    client.send(upgrade + get("/health"))
    assert (await client.reply()).status == 200
    if door.app.settings.gateway.workers > 1:
        assert await client.rest() == b""
    else:
        assert (await client.reply()).status == 200


async def test_open_websockets_take_leave_when_the_server_ends(door: Gate) -> None:
    opened = [await socket(door, cookie(door)) for _ in range(3)]
    door.stop.set()
    for each in opened:
        async with asyncio.timeout(20):  # and not after the 40 s that calls get
            with pytest.raises(ConnectionClosed) as closed:
                await each.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    async with asyncio.timeout(20):
        await door.stopped()


async def test_a_websocket_whose_client_vanishes_is_forgotten(door: Gate, room: Room) -> None:
    opened = await socket(door, cookie(door))
    await wait_until(lambda: room.open == 1)
    opened.transport.abort()
    await wait_until(lambda: room.open == 0)
