"""What stands behind the pages is opened once, by the first who asks, and whoever waits for it is answered."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from hostler.system.asgi import AsgiApp
from hostler.system.http_server import Exchange
from hostler.workbench.static import StaticPages
from hostler.workbench.workbench import EVENTS, Workbench
from tests.end_to_end.gate import get
from tests.system.http_server.door import Client, Door

API = "/hostler/api/sessions"


class Events:
    """Begins a stream for each who asks, and ends them when it drains."""

    def __init__(self) -> None:
        self.open: list[Exchange] = []
        self.drained = self.closed = False

    def answer(self, exchange: Exchange) -> None:
        exchange.start(200, ())
        exchange.write(b"hello")
        self.open.append(exchange)

    def drain(self) -> None:
        self.drained = True
        for exchange in self.open:
            exchange.end()
        self.open.clear()

    async def close(self) -> None:
        self.closed = True


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class Rooms:
    """Opens when it is let, fails as often as it is told to."""

    def __init__(self) -> None:
        self.stream = Events()
        self.opened = self.made = 0
        self.may_open = asyncio.Event()
        self.may_make = asyncio.Event()
        self.faults_at_opening = self.faults_at_making = 0
        self.loop = asyncio.get_running_loop()

    async def open(self) -> "Rooms":
        self.opened += 1
        await self.may_open.wait()
        if self.faults_at_opening:
            self.faults_at_opening -= 1
            raise OSError("the disk is gone")
        return self

    def make_api(self) -> AsgiApp:
        self.made += 1
        asyncio.run_coroutine_threadsafe(self.may_make.wait(), self.loop).result(10)
        if self.faults_at_making:
            self.faults_at_making -= 1
            raise ImportError("no such module")
        return app

    async def close(self) -> None:
        await self.stream.close()


class Stage:
    def __init__(self, door: Door, rooms: Rooms, workbench: Workbench) -> None:
        self.door, self.rooms, self.workbench = door, rooms, workbench

    async def ask(self, path: str = API) -> Client:
        client = await self.door.client()
        client.send(get(path))
        await self.door.request(len(self.door.seen) + 1)
        return client

    def let_all(self) -> None:
        self.rooms.may_open.set()
        self.rooms.may_make.set()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    door, rooms = Door(), Rooms()
    workbench = Workbench(rooms.open, pages=StaticPages(tmp_path))
    await door.listen(workbench.api)
    yield Stage(door, rooms, workbench)
    rooms.may_make.set()
    workbench.drain()
    await workbench.close()
    await door.shut()


async def test_nothing_is_opened_before_somebody_asks(stage: Stage) -> None:
    assert (stage.rooms.opened, stage.rooms.made) == (0, 0)


async def test_all_who_ask_meanwhile_are_answered_by_one_opening(stage: Stage) -> None:
    clients = [await stage.ask(f"{API}/{n}") for n in range(5)]
    stage.let_all()
    assert [(await client.reply()).body for client in clients] == [f"{API}/{n}".encode() for n in range(5)]
    assert (await (await stage.ask()).reply()).headers[b"cache-control"] == b"no-store"
    assert (stage.rooms.opened, stage.rooms.made) == (1, 1)


async def test_events_do_not_wait_for_the_api(stage: Stage) -> None:
    api, events = await stage.ask(), await stage.ask(EVENTS)
    stage.rooms.may_open.set()
    assert (await events.head())[0] == 200
    later = await stage.ask(EVENTS)
    assert (await later.head())[0] == 200
    stage.rooms.may_make.set()
    assert (await api.reply()).status == 200


async def test_who_left_while_it_opened_is_not_answered(stage: Stage) -> None:
    left, stays = await stage.ask(), await stage.ask()
    await left.close()
    stage.let_all()
    assert (await stays.reply()).status == 200


@pytest.mark.parametrize("where", ["opening", "making"])
async def test_a_fault_is_told_to_all_who_wait_and_tried_again(
    stage: Stage, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    setattr(stage.rooms, f"faults_at_{where}", 2)
    client = await stage.door.client()
    with caplog.at_level(logging.CRITICAL):
        client.send(get(API) * 3)  # the second is let in by the first one's answer
        stage.let_all()
        replies = [await client.reply() for _ in range(3)]
    assert [reply.status for reply in replies] == [500, 500, 200]
    assert json.loads(replies[0].body)["error"]["code"] == "internal_error"


async def test_draining_while_it_opens_ends_the_streams_at_once(stage: Stage) -> None:
    events = await stage.ask(EVENTS)
    stage.workbench.drain()
    stage.let_all()
    await (await stage.ask()).reply()
    assert stage.rooms.stream.drained
    stage.rooms.stream.drain()
    await events.reply()


async def test_closing_while_it_opens(stage: Stage) -> None:
    client = await stage.ask()
    await stage.workbench.close()
    stage.door.server.close()
    assert await client.rest() == b""
    assert stage.rooms.made == 0


async def test_only_an_upgrade_gets_a_socket(stage: Stage) -> None:
    stage.let_all()
    reply = await (await stage.ask("/hostler/api/ws/terminal")).reply()
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (404, "not_found")
