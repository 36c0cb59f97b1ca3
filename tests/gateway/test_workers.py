"""Several gateway workers on one port: one engine, its slots and no more, one ledger, one owner (invariant 15)."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostler.app import open_app, serve
from hostler.engines.leftovers import read_records
from hostler.engines.recipe import DEMO_MODEL
from hostler.errors import ConfigError, HostlerError, OwnershipError
from hostler.system.process import ProcessId, identify, is_alive
from tests.end_to_end.gate import CHAT, Gate, Setup, chat, gate, get, provider, request, settings_of
from tests.end_to_end.machine import Asked, Line, machine
from tests.gateway.owner_program import start_owner
from tests.system.http_server.door import Client, Reply
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SLOTS = 2
MODEL = "here/two"
TWO_SLOTS = {"id": "two", "recipe": {"engine": "llama.cpp", "path": str(DEMO_MODEL), "context": 4096, "slots": SLOTS}}
HERE = {"id": "here", "kind": "engine", "models": [TWO_SLOTS]}
SAMPLE_S = 0.002
CONTROL = "/hostler/api/control/"


def shared(**gateway: Any) -> Setup:
    """Two workers, engines on."""
    return Setup(gateway={"workers": 2, **gateway}, engine={}, environment=dict(os.environ))


def worker_of(reply: Reply) -> bytes:
    """Which process answered: request ids begin alike in one process."""
    return reply.headers[b"x-request-id"].rpartition(b"-")[0]


async def connect_to_both(door: Gate, each: int) -> dict[bytes, list[Client]]:
    """Connections to both workers: the kernel deals them out by chance, so as many as it takes."""
    found: dict[bytes, list[Client]] = {}
    for _ in range(500):
        client = await door.client()
        reply = await client.ask(request(CHAT, chat("here/none")))
        assert reply.status == 404
        found.setdefault(worker_of(reply), []).append(client)
        if len(found) == 2 and min(map(len, found.values())) >= each:
            break
    assert len(found) == 2
    return {worker: clients[:each] for worker, clients in found.items()}


async def control(door: Gate, action: str) -> Any:
    """The control API as another command asks it, by way of whichever worker."""
    reply = await door.ask(CONTROL + action, headers={"authorization": f"Bearer {door.app.token}"})
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


class Peak:
    """The most calls in flight, in the lane and at the engine, sampled while others work."""

    def __init__(self, door: Gate) -> None:
        self.lane = self.engine = self.engines = 0
        self._door = door
        self._task = asyncio.ensure_future(self._sample())

    async def _sample(self) -> None:
        while True:
            lanes, engines = self._door.app.lanes.statistics(), self._door.app.supervisor.statistics()
            self.lane = max([self.lane, *(lane.in_flight for lane in lanes)])
            self.engine = max([self.engine, *(engine.in_flight for engine in engines)])
            self.engines = max(self.engines, len(engines))
            await asyncio.sleep(SAMPLE_S)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))


async def test_two_workers_share_one_engine_and_its_slots(tmp_path: Path) -> None:
    async with gate(tmp_path, HERE, setup=shared()) as door:
        clients = await connect_to_both(door, 4)
        peak = Peak(door)
        question = request(CHAT, chat(MODEL, stream=True, max_tokens=40, ignore_eos=True))
        replies = await asyncio.gather(*(client.ask(question) for each in clients.values() for client in each))
        await peak.end()
        assert [reply.status for reply in replies] == [200] * 8
        assert all(reply.body.rstrip().endswith(b"data: [DONE]") for reply in replies)
        assert Counter(map(worker_of, replies)) == dict.fromkeys(clients, 4)
        assert (peak.lane, peak.engine, peak.engines) == (SLOTS, SLOTS, 1)
        rows = [row for row in await door.rows() if row.outcome == "ok"]
        assert Counter(row.request_id.rpartition("-")[0].encode() for row in rows) == dict.fromkeys(clients, 4)
        assert {row.output for row in rows} == {40}
        status = await control(door, "status")
        assert [(w["state"], w["restarts"]) for w in status["workers"]] == [("ready", 0)] * 2
        (engine,) = status["engines"]
        assert psutil.Process(engine["pid"]).ppid() == os.getpid()
        assert {psutil.Process(w["pid"]).ppid() for w in status["workers"]} == {os.getpid()}


async def test_what_a_killed_worker_held_is_free_and_it_comes_back(tmp_path: Path) -> None:
    async with gate(tmp_path, HERE, setup=shared()) as door:
        clients = await connect_to_both(door, SLOTS)
        endless = request(CHAT, chat(MODEL, stream=True, max_tokens=100_000, ignore_eos=True))
        (_, doomed), (_, others) = clients.items()
        for client in doomed:
            client.send(endless)
            assert (await client.head())[0] == 200
        for client in others:
            client.send(request(CHAT, chat(MODEL, max_tokens=1)))
        await wait_until(lambda: [lane.waiting for lane in door.app.lanes.statistics()] == [SLOTS])
        busy = next(w for w in (await control(door, "status"))["workers"] if w["slots"])
        assert busy["slots"] == SLOTS
        os.kill(busy["pid"], signal.SIGKILL)
        for client in others:
            assert (await client.reply()).status == 200
        await wait_until(lambda: any(e.kind == "worker.ended" for e in door.app.events.snapshot()[1]))
        await wait_until(lambda: len([e for e in door.app.events.snapshot()[1] if e.kind == "worker.ready"]) == 3)
        for clients_now in (await connect_to_both(door, 1)).values():
            assert (await clients_now[0].ask(request(CHAT, chat(MODEL, max_tokens=1)))).status == 200
        rows = await door.wait_rows(SLOTS)
        async with asyncio.timeout(10):
            while sum(row.outcome == "interrupted" for row in rows) < SLOTS:
                rows = await door.rows()


async def test_relaying_needs_no_owner_and_keeps_its_rules(tmp_path: Path) -> None:
    async with machine() as desk, gate(tmp_path, provider("desk", desk), setup=shared()) as door:
        clients = await connect_to_both(door, 1)
        for (client,) in clients.values():
            assert (await client.ask(request(CHAT, chat("desk/m")))).status == 200
            foreign = request(CHAT, chat("desk/m")).replace(b"Host: localhost", b"Host: evil.example")
            assert (await client.ask(foreign)).status == 403
        assert door.app.lanes.statistics() == ()


async def test_plain_pages_come_from_the_owner_and_ask_for_the_same_keys(tmp_path: Path) -> None:
    async with gate(tmp_path, HERE, setup=shared()) as door:
        models = json.loads((await door.ask("/v1/models")).body)
        assert MODEL in [model["id"] for model in models["data"]]
        page = await door.ask("/")
        assert page.headers[b"content-type"].startswith(b"text/html") and door.address.encode() in page.body
        head = await door.client()
        head.send(get("/v1/models", method=b"HEAD"))
        assert (await head.reply(to_head=True)).status == 200
        assert (await door.ask("/health")).body == b'{"status":"ok"}'
        assert (await door.ask(f"/v1/models/{MODEL}")).status == 200
        assert (await door.ask("/v1/models/here/none")).status == 404
        assert (await door.ask(CONTROL + "status")).status == 401
        assert (await door.ask("/", headers={"origin": "https://page.example"})).status == 403
        _, secret = await asyncio.to_thread(door.app.keys.create, "laptop")
        for client in (c for each in (await connect_to_both_with(door, secret)).values() for c in each):
            await wait_for_status(client, 401)
            assert (await client.ask(get("/v1/models", b"x-api-key: " + secret.encode()))).status == 200
        assert door.app.owner.info.control != door.address
        assert (await control(door, "status"))["pid"] == os.getpid()


async def connect_to_both_with(door: Gate, secret: str) -> dict[bytes, list[Client]]:
    """One connection to each worker, when a key is asked for."""
    found: dict[bytes, list[Client]] = {}
    while len(found) < 2:
        client = await door.client()
        reply = await client.ask(request(CHAT, chat("here/none"), {"x-api-key": secret}))
        found.setdefault(worker_of(reply), []).append(client)
    return found


async def wait_for_status(client: Client, status: int) -> None:
    """Until a worker has heard of a change."""
    async with asyncio.timeout(10):
        while (await client.ask(get("/v1/models"))).status != status:
            pass


async def test_workers_follow_the_providers_file_and_keep_its_last_good_text(tmp_path: Path) -> None:
    async with machine() as desk, gate(tmp_path, HERE, setup=shared()) as door:
        file = door.app.providers.path
        good = {"providers": [HERE, provider("desk", desk)]}
        file.write_text(json.dumps(good))
        await wait_until(lambda: "desk" in door.app.providers.directory.providers)
        clients = [c for each in (await connect_to_both(door, 1)).values() for c in each]
        for client in clients:
            assert (await client.ask(request(CHAT, chat("desk/m")))).status == 200
        file.write_text("{")
        await wait_until(lambda: door.app.providers.status.error != "")
        victim = (await control(door, "status"))["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        await wait_until(lambda: len([e for e in door.app.events.snapshot()[1] if e.kind == "worker.ready"]) == 3)
        for each in (await connect_to_both(door, 1)).values():  # one of them began after the bad edit
            assert (await each[0].ask(request(CHAT, chat("desk/m")))).status == 200


async def test_running_calls_end_well_and_new_ones_are_turned_away(tmp_path: Path) -> None:
    may_end = asyncio.Event()

    async def slow(_asked: Asked, line: Line) -> None:
        await line.begin()
        await line.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
        await may_end.wait()
        await line.chunk(b"data: [DONE]\n\n")
        await line.end()

    async with machine() as desk, gate(tmp_path, provider("desk", desk), setup=shared(drain_s=10.0)) as door:
        desk.script = slow
        clients = [c for each in (await connect_to_both(door, 1)).values() for c in each]
        for client in clients:
            client.send(request(CHAT, chat("desk/m", stream=True)))
            await client.head()
        door.stop.set()
        await wait_until(lambda: not door.listens())
        assert not door.task.done()
        may_end.set()
        for client in clients:
            assert b"".join([piece async for piece in client.chunks()]).endswith(b"[DONE]\n\n")
        await door.stopped()


def listens(port: int) -> bool:
    """Whether anybody takes connections."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def owner_with_engine(folder: Path) -> Iterator["tuple[subprocess.Popen[bytes], str, list[ProcessId]]"]:
    """An owner that may be killed: its process, its address, and its workers and engine by identity."""
    process = start_owner(folder)
    try:
        assert process.stdout
        address = process.stdout.readline().split()[0].decode()
        body = json.dumps(chat("here/demo", max_tokens=1)).encode()
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as sock:
            sock.sendall(head % (CHAT.encode(), len(body)) + body)
            assert sock.makefile("rb").read().startswith(b"HTTP/1.1 200")
        assert len(read_records(folder / "data" / "engines")) == 1
        children = [identify(child.pid) for child in psutil.Process(process.pid).children(recursive=True)]
        yield process, address, [child for child in children if child is not None]
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


async def test_neither_workers_nor_engine_outlive_a_killed_owner(tmp_path: Path) -> None:
    with owner_with_engine(tmp_path) as (process, address, family):
        assert len(family) >= 3
        process.kill()
        await wait_until(lambda: not any(map(is_alive, family)))
        # waited for: another test that runs beside this one may be given the port that has just become free
        await wait_until(lambda: not listens(int(address.rpartition(":")[2])))


async def test_sigterm_ends_all_of_them_and_a_second_owner_is_refused_before(tmp_path: Path) -> None:
    with owner_with_engine(tmp_path) as (process, address, family):
        with pytest.raises(OwnershipError, match=address):
            async with open_app(settings_of(tmp_path, [], shared())):
                pass
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
        assert not any(map(is_alive, family))


async def test_a_port_that_a_stranger_has_is_not_shared(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            await serve(settings_of(tmp_path, [], shared(port=port)), lambda _: None)


async def test_a_worker_that_cannot_begin_says_why(tmp_path: Path) -> None:
    setup = shared()
    broken = {**setup.environment, "PYTHONPATH": str(tmp_path / "broken")}
    (tmp_path / "broken" / "hostler").mkdir(parents=True)
    (tmp_path / "broken" / "hostler" / "__init__.py").write_text("raise SystemExit('no such luck')")
    settings = settings_of(tmp_path, [], Setup(setup.gateway, setup.engine, environment=broken))
    with pytest.raises(HostlerError, match=r"could not begin: exit status 1.*no such luck"):
        await serve(settings, lambda _: None)
