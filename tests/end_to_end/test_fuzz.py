"""Malformed input of every kind, through a gateway in a process of its own: nothing crashes, every refusal is well
formed in the face's shape, and no broken reply passes for a whole one (issue, section 8.6)."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end import machine as wire
from tests.end_to_end.faces import FACES, broke_loudly, check_error, ended_well, error_of
from tests.end_to_end.gate import CHAT, COUNT, EMBEDDINGS, HOST, MESSAGES, get, request
from tests.end_to_end.machine import Asked, Line, Machine, machine
from tests.end_to_end.mutations import changed, encoded, spoilt
from tests.end_to_end.process import Running, Up, running
from tests.end_to_end.samples import BODIES, CHAT_FRAMES, CHAT_REPLY, MESSAGES_FRAMES, MESSAGES_REPLY
from tests.system.http_server.door import Client, Reply

pytestmark = pytest.mark.slow
CASES = 250
PATIENCE = 30.0


@contextlib.contextmanager
def fuzzed(folder: Path, a: Machine) -> Iterator[Running]:
    """A gateway over one machine as both kinds; it must be as well afterwards as before."""
    providers = [
        {"id": "chat", "kind": "llama.cpp", "baseUrl": a.url},
        {"id": "messages", "kind": "anthropic", "baseUrl": a.url},
    ]
    with running(folder, Up(providers=providers, flags=("--no-engine",))) as hostler:
        process = psutil.Process(hostler.pid)
        yield hostler
        assert process.is_running() and hostler.process.poll() is None
        assert hostler.stop() == 0
        said = hostler.said()
        assert "Traceback" not in said and "unexpectedly" not in said and "failed in its handler" not in said, said[
            -3000:
        ]


@contextlib.asynccontextmanager
async def calling(hostler: Running) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", hostler.port, limit=1 << 22)
    client = Client(reader, writer)
    try:
        yield client
    finally:
        await client.close()


async def ask(hostler: Running, data: bytes) -> Reply:
    async with asyncio.timeout(PATIENCE), calling(hostler) as client:
        client.send(data)
        return await client.reply()


async def good(asked: Asked, line: Line) -> None:
    """Answers anything that is JSON."""
    body = asked.json
    answer = wire.ANSWERS[asked.path]
    if body.get("stream"):
        await line.begin()
        for frame in answer("m", "fine", stream=True):
            await line.chunk(frame)
        await line.end()
    else:
        (reply,) = answer("m", "fine", stream=False)
        await line.whole(reply)


def check(path: str, reply: Reply, *, stream: bool) -> str:
    """A reply is a good one, or a well-formed refusal; never a 500."""
    face = CHAT if path in (CHAT, EMBEDDINGS) else MESSAGES
    assert reply.status != 500, reply
    if reply.status != 200:
        error_of(face, reply)
        return "refused"
    if not stream:
        tree = json.loads(reply.body)
        assert isinstance(tree, dict) and "error" not in tree
        return "good"
    if ended_well(face, reply.body):
        return "good"
    broke_loudly(face, reply.body)
    return "broken"


@pytest.mark.parametrize("path", BODIES)
async def test_requests_that_say_something_wrong(path: str, tmp_path: Path) -> None:
    dice = random.Random(path)
    seen: Counter[str] = Counter()
    async with machine(Machine(script=good)) as a:
        with fuzzed(tmp_path, a) as hostler:
            for number in range(CASES):
                model = "chat/m" if number % 2 or path in (COUNT, EMBEDDINGS) else "messages/m"
                stream = path in FACES and number % 3 == 0
                body = changed({**BODIES[path], "model": model, "stream": stream}, dice, ("model", "stream"))
                data = encoded(body) if number % 5 else spoilt(encoded(body), dice)
                reply = await ask(hostler, request(path, data))
                assert reply.status < 500 or number % 5 == 0, (body, reply)
                seen[check(path, reply, stream=reply.headers.get(b"transfer-encoding") == b"chunked")] += 1
    assert seen["good"] > 10 and (seen["refused"] > 10 or path == EMBEDDINGS), seen


def ill_stream(kind: str, dice: random.Random, number: int) -> bytes:
    """A stream with a wrong frame in it, or wrong bytes, or cut."""
    frames = MESSAGES_FRAMES if kind == MESSAGES else CHAT_FRAMES
    frames = changed(list(frames), dice)
    if number % 4 == 0:
        dice.shuffle(frames)
    lines = [
        wire.event(f) if kind == MESSAGES and isinstance(f, dict) and isinstance(f.get("type"), str) else wire.data(f)
        for f in frames
    ]
    data = b"".join(lines) + (b"data: [DONE]\n\n" if kind == CHAT else b"")
    return spoilt(data, dice) if number % 3 == 0 else data


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("face", FACES)
async def test_upstreams_that_say_something_wrong(face: str, kind: str, tmp_path: Path) -> None:
    dice = random.Random(f"{face} {kind}")
    said: list[tuple[bool, bytes]] = []

    async def script(_: Asked, line: Line) -> None:
        stream, data = said[-1]
        if not stream:
            await line.whole(data)
            return
        await line.begin()
        for at in range(0, len(data), 700):
            await line.chunk(data[at : at + 700])
        await line.end()

    async with machine(Machine(script=script)) as a:
        with fuzzed(tmp_path, a) as hostler:
            model = "chat/m" if kind == CHAT else "messages/m"
            for number in range(CASES):
                stream = number % 2 == 0
                reply_tree = changed(CHAT_REPLY if kind == CHAT else MESSAGES_REPLY, dice)
                whole = encoded(reply_tree)
                said.append(
                    (
                        stream,
                        ill_stream(kind, dice, number) if stream else spoilt(whole, dice) if number % 5 == 1 else whole,
                    )
                )
                body = {
                    "model": model,
                    "max_tokens": 9,
                    "messages": [{"role": "user", "content": "hi"}],
                    "stream": stream,
                }
                reply = await ask(hostler, request(face, body))
                if face != kind:
                    check(face, reply, stream=stream and reply.status == 200)
                elif stream:
                    assert reply.body == said[-1][1], "byte for byte, whatever it is"
                else:
                    assert reply.status == 200


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("face", FACES)
async def test_refusals_of_upstreams_that_are_no_refusals(face: str, kind: str, tmp_path: Path) -> None:
    dice = random.Random(f"{face} {kind} refusals")
    error: Any = {
        "error": {"message": "no", "type": "invalid_request_error", "code": "x", "param": None},
        "type": "error",
    }
    said: list[tuple[int, bytes]] = []

    async def script(_: Asked, line: Line) -> None:
        status, data = said[-1]
        await line.whole(
            data, status, retry_after=dice.choice(["1", "x", "-5", "1e9", "Fri, 20 Nov 2026 10:00:00 GMT"])
        )

    async with machine(Machine(script=script)) as a:
        with fuzzed(tmp_path, a) as hostler:
            model = "chat/m" if kind == CHAT else "messages/m"
            for number in range(80):
                data = encoded(changed(error, dice))
                said.append(
                    (
                        dice.choice([400, 401, 404, 413, 422, 429, 500, 503, 529, 599]),
                        spoilt(data, dice) if number % 3 == 0 else data,
                    )
                )
                body = {
                    "model": model,
                    "max_tokens": 9,
                    "messages": [{"role": "user", "content": "hi"}],
                    "stream": number % 2 == 0,
                }
                reply = await ask(hostler, request(face, body))
                assert reply.status == said[-1][0]
                tree = json.loads(reply.body)
                if reply.body == said[-1][1]:
                    assert face == kind and isinstance(tree["error"]["message"], str), (
                        "the upstream's own, in its shape"
                    )
                else:
                    check_error(face, tree)


def ill_http(dice: random.Random) -> bytes:
    """A request with something wrong in its bytes; often two on one connection."""
    body = json.dumps({"model": "chat/m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"\r\ncontent-type: application/json\r\n"
    good = dice.choice(
        [
            request(CHAT, body),
            head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
            get("/v1/models"),
            get("/", method=b"HEAD"),
            request(MESSAGES, body, {"Expect": "100-continue"}),
        ]
    )
    if dice.random() < 0.1:
        return dice.randbytes(dice.randint(1, 400))
    return spoilt(good, dice) + (get("/health") if dice.random() < 0.3 else b"")


async def test_bytes_that_are_hardly_http(tmp_path: Path) -> None:
    dice = random.Random("http")
    statuses: Counter[int] = Counter()
    async with machine(Machine(script=good)) as a:
        with fuzzed(tmp_path, a) as hostler:
            for _ in range(600):
                async with asyncio.timeout(PATIENCE), calling(hostler) as client:
                    client.send(ill_http(dice))
                    with contextlib.suppress(ConnectionError):
                        client.writer.write_eof()
                        answer = await client.rest()
                        assert not answer or answer.startswith(b"HTTP/1.1 "), answer
                        if answer:
                            statuses[int(answer[9:12])] += 1
                        assert b" 500 " not in answer.partition(b"\r\n")[0]
            assert (await ask(hostler, get("/health"))).status == 200
            body = {"model": "chat/m", "messages": [{"role": "user", "content": "hi"}]}
            assert (await ask(hostler, request(CHAT, body))).status == 200
    assert statuses[400] > 20, statuses
