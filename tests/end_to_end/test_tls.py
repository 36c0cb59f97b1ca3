"""TLS on both sides: the gateway's own port, and upstreams of a private authority."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import openai
import pytest
import trustme

from hostler.app import serve
from hostler.errors import ConfigError
from tests.end_to_end.faces import FACES, KINDS, ask_of, ended_well, error_of
from tests.end_to_end.gate import Gate, Setup, gate, get, request, settings_of
from tests.end_to_end.machine import machine
from tests.end_to_end.process import Up, running
from tests.system.http_server.door import Client
from tests.system.test_upstream import shut


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The gateway's certificate and key, and the authority's own."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    paths = {name: tmp_path / f"{name}.pem" for name in ("cert", "key", "ca")}
    for blob in issued.cert_chain_pems:
        blob.write_to_path(paths["cert"], append=True)
    issued.private_key_pem.write_to_path(paths["key"])
    authority.cert_pem.write_to_path(paths["ca"])
    return {name: str(path) for name, path in paths.items()}


def tls_of(files: dict[str, str]) -> Setup:
    return Setup(gateway={"tls_cert": files["cert"], "tls_key": files["key"]})


async def secure_client(door: Gate, ca: str) -> Client:
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection("localhost", door.port, ssl=context, limit=1 << 22)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    client = Client(reader, writer)
    door.clients.append(client)
    return client


async def test_the_port_speaks_tls_to_an_upstream_that_does_too(
    authority: trustme.CA, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", files["ca"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with machine(context=context) as a:
        providers = [{"id": k, "kind": k, "baseUrl": f"https://localhost:{a.port}"} for k in KINDS.values()]
        async with gate(tmp_path, *providers, setup=tls_of(files)) as door:
            assert door.address.startswith("https://127.0.0.1:")
            client = await secure_client(door, files["ca"])
            for face in FACES:
                for kind in KINDS.values():
                    for stream in (False, True):
                        client.send(request(face, ask_of(face, f"{kind}/m", stream=stream)))
                        reply = await client.reply()
                        assert reply.status == 200 and (not stream or ended_well(face, reply.body))
            plain = await door.client()
            plain.send(get("/health"))
            with contextlib.suppress(ConnectionError):
                assert await plain.rest() == b"", "no answer in the clear"


async def test_an_upstream_that_nobody_vouches_for_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with machine(context=context) as a:
        entry = {"id": "a", "kind": "openai-compatible", "baseUrl": f"https://localhost:{a.port}"}
        async with gate(tmp_path, entry) as door:
            for face in FACES:
                reply = await door.ask(face, ask_of(face, "a/m"))
                assert reply.status == 502
                assert "TLS" in error_of(face, reply)["message"]


@pytest.mark.slow
async def test_a_providers_own_limit_to_connect_counts(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await shut(writer)

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    entry = {"id": "a", "kind": "openai-compatible", "baseUrl": url, "timeouts": {"connect": 0.2}}
    async with gate(tmp_path, entry, setup=Setup(upstream={"connect_s": 8.0})) as door, asyncio.timeout(4):
        for face in FACES:
            reply = await door.ask(face, ask_of(face, "a/m"))
            assert reply.status == 502
            assert "0.2 s" in error_of(face, reply)["message"]
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize("broken", ["no key", "no certificate", "missing", "swapped"])
async def test_bad_files_are_named(broken: str, files: dict[str, str], tmp_path: Path) -> None:
    given = {
        "no key": {"tls_cert": files["cert"]},
        "no certificate": {"tls_key": files["key"]},
        "missing": {"tls_cert": str(tmp_path / "nowhere.pem"), "tls_key": files["key"]},
        "swapped": {"tls_cert": files["key"], "tls_key": files["cert"]},
    }[broken]
    with pytest.raises(ConfigError, match=r"TLS|cert"):
        await serve(settings_of(tmp_path, (), Setup(gateway=given)), lambda _: None)


@pytest.mark.slow
def test_the_same_in_a_process_with_an_sdk(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", files["ca"])
    flags = ("--tls-cert", files["cert"], "--tls-key", files["key"], "--no-engine")
    with running(tmp_path / "up", Up(flags=flags)) as hostler:
        assert hostler.address.startswith("https://")
        base = f"https://localhost:{hostler.port}/v1"
        with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
            assert client.models.list().object == "list"
        assert hostler.stop() == 0
