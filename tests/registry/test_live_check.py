"""The live check against servers of every kind of wrong, and against good ones."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from hostler.providers.kinds import KINDS
from hostler.providers.provider import (
    Access,
    Credentials,
    Endpoint,
    Provider,
    auth_header,
    from_vendor,
    read_base_url,
    wire_defaults,
)
from hostler.providers.vendors import VENDORS
from hostler.registry.live_check import Finding, Probe, check_live
from hostler.system.address import Address
from tests.fakes import StartFake, fake_vendor

__all__ = ["fake_vendor"]
SECRET = "sk-very-secret"
STAND_IN = Path(__file__).parent.parent / "providers" / "stand_in_gemini.py"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port while the block runs."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def says(status: int, body: object, *lines: str, by_path: dict[str, tuple[int, object]] | None = None) -> Serve:
    """A server that answers every request so, or by the path's last part."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1].partition("?")[0].rpartition("/")[2]
        code, said = (by_path or {}).get(path, (status, body))
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        kind = "text/html" if isinstance(said, bytes) else "application/json"
        more = "".join(f"{line}\r\n" for line in lines)
        length = f"content-length: {len(data)}\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {code} X\r\ncontent-type: {kind}\r\n{more}{length}".encode() + data)
        await writer.drain()

    return serve


def at(
    port: int, kind: str = "openai-compatible", *, key: str = "", tls: bool = False, host: str = "127.0.0.1"
) -> Provider:
    row = KINDS[kind]
    return Provider(
        id="box",
        label="Box",
        kind=kind,
        wire=row.wire,
        address=Address(host, port, tls),
        auth=auth_header(row.auth, key) if key else None,
        key_from="BOX_KEY" if key else "",
        dialect=row.dialect,
        defaults=wire_defaults(row.wire, row.dialect),
    )


async def check(provider: Provider, *, open_list: bool = False, timeout_s: float = 5.0) -> Finding:
    (finding,) = await check_live([Probe(provider, open_list=open_list)], {}, timeout_s=timeout_s)
    return finding


async def answered(serve: Serve, *, key: str = SECRET, kind: str = "openai-compatible", **more: bool) -> Finding:
    async with listening(serve) as port:
        return await check(at(port, kind, key=key), **more)


ERROR = {"error": {"message": f"Incorrect key {SECRET} provided.", "type": "invalid_request_error", "code": "bad_key"}}
LIST = {"object": "list", "data": [{"id": "a"}, {"id": "b"}]}
NO_MODEL = {"error": {"message": "The model `hostler-check` does not exist.", "code": "model_not_found"}}


@pytest.mark.parametrize(
    ("status", "state", "words", "hint"),
    [
        (401, "refused", "The key (BOX_KEY) is not accepted.", "Check BOX_KEY"),
        (402, "refused", "no credit left", "billing"),
        (403, "refused", "may not do this", "lack a right"),
        (404, "wrong", "no such API", "before /v1"),
        (429, "refused", "quota", "limits"),
        (500, "down", "in trouble itself: it answered 500", "later"),
        (529, "down", "529", "later"),
        (418, "wrong", "418", "base URL"),
    ],
)
async def test_statuses_in_words(status: int, state: str, words: str, hint: str) -> None:
    finding = await answered(says(status, ERROR))
    assert (finding.state, finding.good) == (state, False)
    assert words in finding.text and hint in finding.hint
    assert 'says: "Incorrect key ... provided."' in finding.text
    assert SECRET not in repr(finding)


async def test_without_a_key_401_asks_for_one() -> None:
    finding = await answered(says(401, ERROR), key="")
    assert "It wants a key, and there is none." in finding.text and "hostler providers login box" in finding.hint


async def test_a_list_is_all_that_is_asked() -> None:
    finding = await answered(says(500, {}, by_path={"models": (200, LIST)}))
    assert (finding.state, finding.models, finding.text) == ("up", 2, "2 models")


async def test_a_list_for_everybody_proves_no_key() -> None:
    by_path = {"models": (200, LIST), "completions": (401, ERROR)}
    finding = await answered(says(500, {}, by_path=by_path), open_list=True)
    assert finding.state == "refused" and "BOX_KEY" in finding.text
    by_path["completions"] = (404, NO_MODEL)
    finding = await answered(says(500, {}, by_path=by_path), open_list=True)
    assert (finding.state, finding.models) == ("up", 2)


async def test_without_a_list_the_refusal_of_a_models_name_proves_the_rest() -> None:
    finding = await answered(says(404, b"", by_path={"completions": (400, NO_MODEL)}))
    assert (finding.state, finding.text) == ("up", "answers and takes the key")
    finding = await answered(says(404, b"<html>not here</html>"))
    assert finding.state == "wrong" and "before /v1" in finding.hint


async def test_a_page_is_no_api() -> None:
    finding = await answered(says(200, b"<html>Welcome</html>"))
    assert finding.state == "wrong" and "no such API (text/html)" in finding.text


@pytest.mark.parametrize("body", [{"hello": 1}, "words", {"data": 5}])
async def test_other_json_is_no_api(body: object) -> None:
    assert (await answered(says(200, body))).state == "wrong"


async def test_a_redirect_is_not_followed() -> None:
    finding = await answered(says(302, {}, "location: https://elsewhere.example/v1"))
    assert finding.state == "wrong" and "elsewhere.example" in finding.text


async def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    finding = await check(at(port))
    assert finding.state == "down" and finding.text == f"Nothing listens at 127.0.0.1:{port}."


async def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    finding = await check(at(443, host="no-such.example"))
    assert finding.state == "down" and finding.text == "There is no host 'no-such.example' (DNS)."


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a web server says to whoever begins with TLS on its plain port."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()


async def test_tls_that_nobody_trusts_and_tls_where_there_is_none() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with listening(says(200, LIST), tls=context) as port:
        finding = await check(at(port, tls=True))
    assert finding.state == "down" and finding.text.startswith("TLS with") and "SSL_CERT_FILE" in finding.hint
    async with listening(plain) as port:
        assert (await check(at(port, tls=True))).text.startswith("TLS with")


async def test_silence() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        finding = await check(at(port), timeout_s=0.2)
    assert finding.state == "down" and "did not answer in time" in finding.text


async def test_no_http_at_all() -> None:
    async def ssh(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await writer.drain()

    async def gone(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    for serve in (ssh, gone):
        finding = await answered(serve)
        assert finding.state == "wrong" and "is no such API" in finding.text


async def test_many_are_checked_at_once_and_told_in_order() -> None:
    waiting = 0
    most = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if waiting == 3:
            all_there.set()
        await all_there.wait()
        waiting -= 1
        await says(200, LIST)(reader, writer)

    all_there = asyncio.Event()
    async with listening(slow) as port:
        probes = [Probe(replace(at(port), id=f"box-{n}")) for n in range(7)]
        found = await check_live(probes, {}, at_once=3)
    assert [finding.id for finding in found] == [f"box-{n}" for n in range(7)]
    assert most == 3 and all(finding.good for finding in found)


def program(folder: Path, does: str) -> Provider:
    """A vendor that is a program, which is a shell script here."""
    path = folder / "gemini"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return from_vendor(VENDORS["gemini-cli"], Access(credentials=Credentials(environment)))


async def test_a_program_is_asked_for_its_version(tmp_path: Path) -> None:
    finding = await check(program(tmp_path, f'exec "{sys.executable}" "{STAND_IN}" "$@"'))
    assert (finding.state, finding.text) == ("up", "version 0.61.0")
    assert "its terms" in finding.hint


async def test_a_program_that_does_not_start_or_end(tmp_path: Path) -> None:
    finding = await check(program(tmp_path, "echo no node here >&2; exit 127"))
    assert (finding.state, finding.text) == ("down", "Gemini CLI ended with status 127: no node here.")
    finding = await check(program(tmp_path, "exec sleep 600"), timeout_s=0.3)
    assert finding.state == "down" and "silent for too long" in finding.text


async def test_what_is_not_ready_says_why() -> None:
    finding = await check(replace(at(1), missing_key="BOX_KEY"))
    assert finding.state == "not ready" and "BOX_KEY" in finding.text and "login box" in finding.hint


async def test_one_deployment_is_asked_for_a_token_and_nothing_else() -> None:
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head.split("\r\n")[0])
        assert f"api-key: {SECRET}" in head
        reply = b'{"choices":[]}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(reply), reply))
        await writer.drain()

    async with listening(serve) as port:
        where: Endpoint = read_base_url(f"http://127.0.0.1:{port}/openai/deployments/d?api-version=1", KINDS["azure"])
        box = replace(at(port, "azure", key=SECRET), prefix=where.prefix, version=where.version, query=where.query)
        finding = await check(box)
    assert finding.good
    assert seen == ["POST /openai/deployments/d/chat/completions?api-version=1 HTTP/1.1"]


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic", "openai-responses"])
async def test_the_fake_vendor_is_up(kind: str, fake_vendor: StartFake) -> None:
    fake = await fake_vendor()
    finding = await check(at(int(fake.address.rpartition(":")[2]), kind, key="any"))
    assert finding.good and finding.models
