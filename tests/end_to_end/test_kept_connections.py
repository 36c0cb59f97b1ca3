"""A connection that stays open says much the same again and again; what differs must count every time."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hostler.accounts.keys import Keys
from hostler.accounts.tables import MIGRATIONS
from hostler.system.store import Store
from tests.end_to_end import machine as wire
from tests.end_to_end.faces import FACES, KINDS, OTHER, ask_of, ended_well, error_of
from tests.end_to_end.gate import CHAT, HOST, MESSAGES, Setup, chat, gate, provider, request
from tests.end_to_end.machine import Asked, Line, Machine, machine
from tests.system.http_server.door import Client, Reply

KEYED = Setup(gateway={"keys": ("key-1", "key-2")})
AGAIN = 4
"""Times after which whatever is remembered of a head is."""


async def ask(client: Client, data: bytes) -> Any:
    client.send(data)
    return await client.reply()


GOOD = {"Authorization": "Bearer key-1"}
CHANGES: tuple[tuple[str, Mapping[str, str], int], ...] = (
    ("a wrong key", {"Authorization": "Bearer key-x"}, 401),
    ("another good key", {"Authorization": "Bearer key-2"}, 200),
    ("no key", {}, 401),
    ("a key elsewhere", {"x-api-key": "key-1"}, 200),
    ("two keys", {"Authorization": "Bearer key-x", "x-api-key": "key-1"}, 401),
    ("a foreign origin", {**GOOD, "Origin": "http://evil.example"}, 403),
    ("another letter case", {"authorization": "Bearer key-1"}, 200),
    ("one more header", {**GOOD, "x-more": "1"}, 200),
    ("a coding", {**GOOD, "Transfer-Encoding": "chunked"}, 400),
    ("a question", {**GOOD, "Expect": "something"}, 417),
)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("name", "headers", "status"), CHANGES, ids=[name for name, _, _ in CHANGES])
async def test_a_head_that_differs_is_read_anew(
    face: str, name: str, headers: Mapping[str, str], status: int, tmp_path: Path
) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a, KINDS[face]), setup=KEYED) as door:
        client = await door.client()
        body = ask_of(face, "a/m")
        for _ in range(AGAIN):
            assert (await ask(client, request(face, body, GOOD))).status == 200
        reply = await ask(client, request(face, body, headers))
        assert reply.status == status, name
        if not reply.closes:
            assert (await ask(client, request(face, body, GOOD))).status == 200
        assert len(a.calls) == AGAIN + (status == 200) + (not reply.closes)


@pytest.mark.parametrize("lengths", ["two lengths", "no length", "a sign", "spaces", "a list", "a word"])
async def test_a_length_that_is_none_is_refused_also_behind_good_heads(lengths: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        client = await door.client()
        data = request(CHAT, chat("a/m"))
        for _ in range(AGAIN):
            assert (await ask(client, data)).status == 200
        head, _, body = data.partition(b"\r\n\r\n")
        number = str(len(body)).encode()
        line = b"Content-Length: " + number
        wrong = {
            "two lengths": line + b"\r\n" + line,
            "no length": b"X-Nothing: 1",
            "a sign": b"Content-Length: +" + number,
            "spaces": b"Content-Length: " + number[:1] + b" " + number[1:],
            "a list": b"Content-Length: " + number + b", " + number,
            "a word": b"Content-Length: many",
        }[lengths]
        reply = await ask(client, head.replace(line, wrong) + b"\r\n\r\n" + body)
        assert reply.status == 400, reply
        assert len(a.calls) == AGAIN


async def test_each_body_counts_by_its_own_length(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        client = await door.client()
        names = [f"a/{'m' * size}" for size in (1, 90, 5, 400, 1, 10, 100)]
        for name in names:
            client.send(request(CHAT, chat(name)))
        for name in names:
            reply = await client.reply()
            assert reply.headers[b"x-hostler-model"].decode() == name and json.loads(reply.body)["model"] == name
        assert [each.json["model"] for each in a.calls] == [name[2:] for name in names]


async def test_paths_and_methods_change_on_one_connection(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), provider("b", a, "anthropic")) as door:
        client = await door.client()
        for face in (*FACES, *FACES, CHAT, CHAT, CHAT, MESSAGES):
            reply = await ask(client, request(face, ask_of(face, "a/m")))
            assert reply.status == 200 and ("choices" in json.loads(reply.body)) is (face == CHAT)
        for path in (CHAT + "?x=1", CHAT + "/", "/v1/chat/completion"):
            reply = await ask(client, request(path, chat("a/m")))
            assert reply.status == (404 if path.endswith("completion") else 200)
            if reply.closes:
                client = await door.client()
        foreign = request(CHAT, chat("a/m")).replace(HOST, b"Host: localhosx")
        assert (await ask(client, foreign)).status == 403


@pytest.mark.slow
async def test_a_key_that_another_process_makes_or_revokes_counts_on_open_connections(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        open_to_all, keyed = await door.client(), await door.client()
        data = request(CHAT, chat("a/m"), {"Authorization": "Bearer nothing"})
        for _ in range(AGAIN):
            assert (await ask(open_to_all, data)).status == 200
        with closing(Store.open(door.app.settings.data_dir / "hostler.db", MIGRATIONS)) as store:
            elsewhere = Keys(store)
            record, secret = elsewhere.create("first")
            good = request(CHAT, chat("a/m"), {"Authorization": f"Bearer {secret}"})
            assert await becomes(401, open_to_all, data)
            for _ in range(AGAIN):
                assert (await ask(keyed, good)).status == 200
            elsewhere.revoke(record.id)
            assert await becomes(401, keyed, good)


async def becomes(status: int, client: Client, data: bytes) -> bool:
    """Whether the same request on the same connection is answered so within a second or two."""
    async with asyncio.timeout(20):
        while (await ask(client, data)).status != status:
            pass
    return True


REPLIES: tuple[str, ...] = (
    *("same",) * AGAIN,
    *("other header", "same", "gzip", "same", "stream", "same", "chunked", "same", "large", "same", "page", "same"),
    *("refusal", "same", "empty", "same", "other order", "same", "two segments", "same", "bytewise", "same"),
)


def answer_of(kind: str) -> Any:
    return wire.messages if kind == "anthropic" else wire.chat


async def say(line: Line, kind: str, what: str, *, number: int) -> None:
    """The reply `number` of an upstream of this kind, in one of its forms."""
    (tree,) = answer_of(kind)("m", f"reply {number}", stream=False)
    body = json.dumps(tree).encode()
    length = b"content-length: %d" % len(body)
    kind_line, extra = b"content-type: application/json", b"x-extra: same"
    plain = b"\r\n".join((b"HTTP/1.1 200 OK", kind_line, extra, length, b"", body))
    in_pieces = {
        "same": (plain,),
        "other header": (plain.replace(b"x-extra: same", b"x-extra: else"),),
        "empty": (plain.partition(length)[0] + b"content-length: 0\r\n\r\n",),
        "other order": (b"\r\n".join((b"HTTP/1.1 200 OK", length, extra, kind_line, b"", body)),),
        "two segments": (plain[:-30], plain[-30:]),
        "bytewise": tuple(plain[at : at + 1] for at in range(len(plain))),
    }
    if what in in_pieces:
        for piece in in_pieces[what]:
            await line.send(piece)
    elif what in ("stream", "chunked"):
        frames = answer_of(kind)("m", f"reply {number}", stream=True) if what == "stream" else (body[:20], body[20:])
        await line.begin(wire.EVENTS if what == "stream" else wire.JSON, x_extra=what)
        for frame in frames:
            await line.chunk(frame)
        await line.end()
    else:
        await say_at_once(line, what, tree, body)


async def say_at_once(line: Line, what: str, tree: Any, body: bytes) -> None:
    match what:
        case "gzip":
            await line.whole(gzip.compress(body), content_encoding="gzip", x_extra="gzip")
        case "large":
            await line.whole({**tree, "pad": "x" * (1 << 21)}, x_extra="large")
        case "page":
            await line.whole(b"<html>reply</html>", kind="text/html")
        case _:
            await line.whole({"type": "error", "error": {"type": "x", "message": "reply"}}, 429)


def check(face: str, what: str, reply: Reply, *, number: int, ours: bool) -> None:
    """Whether a client got what its upstream said that time; `ours`: both speak the same wire."""
    if what in ("page", "refusal"):
        assert reply.status == (502 if what == "page" else 429)
        assert json.loads(reply.body)["error"]["message"] if ours else error_of(face, reply)
        return
    if what == "empty":
        assert reply.status == (200 if ours else 502) and (not ours or reply.body == b"")
        return
    if what == "stream":
        assert ended_well(face, reply.body) and str(number).encode() in reply.body
    else:
        assert f"reply {number}" in json.dumps(json.loads(reply.body)), what
        assert reply.headers[b"content-type"].startswith(b"application/json")
    extra = {"other header": "else"}.get(what, what if what in ("gzip", "chunked", "large", "stream") else "same")
    assert not ours or reply.headers[b"x-extra"].decode() == extra, what
    assert b"content-encoding" not in reply.headers


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("ours", [True, False], ids=["same wire", "translated"])
async def test_each_reply_of_a_kept_upstream_is_read_for_itself(face: str, ours: bool, tmp_path: Path) -> None:
    kind = (KINDS if ours else OTHER)[face]

    async def script(_: Asked, line: Line) -> None:
        number = len(a.calls) - 1
        await say(line, kind, REPLIES[number], number=number)

    a = Machine(script=script)
    async with machine(a), gate(tmp_path, provider("a", a, kind)) as door:
        client = await door.client()
        for number, what in enumerate(REPLIES):
            reply = await ask(client, request(face, ask_of(face, "a/m", stream=what == "stream")))
            check(face, what, reply, number=number, ours=ours)
            if reply.closes:
                client = await door.client()
        assert a.opened <= 4, "the connection was kept but for what had to be cut"
