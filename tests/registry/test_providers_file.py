"""The providers file on disk: last good state, reload, and starts that never fail."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hostler.registry.providers_file import FileStatus, ProvidersFile
from hostler.registry.resolver import Resolver
from tests.registry.cases import document, machine, settings

Told = list[tuple[str, dict[str, object]]]


def make(folder: Path, data: bytes | None = None, **more: str) -> tuple[ProvidersFile, Told]:
    told: Told = []
    at = settings(folder, legacy=more.get("legacy", ""))
    if data is not None:
        at.providers_file.write_bytes(data)
    return ProvidersFile(at, lambda kind, body: told.append((kind, body))), told


@asynccontextmanager
async def watching(file: ProvidersFile) -> AsyncIterator[None]:
    task = asyncio.create_task(file.watch(0.005))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def changed(file: ProvidersFile) -> FileStatus:
    async with asyncio.timeout(20):
        return await file.wait_changed()


def replace(path: Path, data: bytes) -> None:
    """As careful editors write: a new file, renamed over the old one."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


def test_without_a_file_there_is_here_and_nothing_is_wrong(tmp_path: Path) -> None:
    file, told = make(tmp_path)
    assert (file.directory.source, file.directory.default, file.status.error) == ("built-in", "here", "")
    assert list(file.directory.recipes["here"]) == ["demo"]
    assert told == []


def test_the_old_single_url_is_one_provider(tmp_path: Path) -> None:
    file, _ = make(tmp_path, legacy="http://127.0.0.1:8080")
    assert (file.directory.source, file.directory.default) == ("legacy", "local")
    assert file.directory.providers["local"].path("chat") == "/v1/chat/completions"


def test_a_bad_old_url_does_not_stop_the_start(tmp_path: Path) -> None:
    file, _ = make(tmp_path, legacy="nonsense")
    assert file.directory.default == "here"
    assert "LLAMA_BASE_URL" in file.status.error


def test_the_file_wins_over_the_old_url(tmp_path: Path) -> None:
    file, told = make(tmp_path, document(machine("a")), legacy="http://127.0.0.1:8080")
    assert (file.directory.source, file.directory.default) == ("file", "a")
    assert told[0][0] == "providers.loaded"


def test_a_file_that_is_broken_at_the_start_is_reported_and_the_built_in_rest_works(tmp_path: Path) -> None:
    file, told = make(tmp_path, b'{"providers": [\n{"id": "a"}]}')
    assert file.directory.default == "here"
    assert "line 2" in file.status.error
    assert told[-1][0] == "providers.refused"


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    at = settings(tmp_path)
    at.providers_file.mkdir()
    assert "cannot be read" in ProvidersFile(at).status.error


def test_here_in_the_file_adds_to_the_built_in_one(tmp_path: Path) -> None:
    entry = {"id": "here", "kind": "engine", "label": "Mine", "models": [{"id": "m", "recipe": {"path": "m.gguf"}}]}
    file, _ = make(tmp_path, document(entry))
    assert list(file.directory.recipes["here"]) == ["demo", "m"]
    assert file.directory.providers["here"].label == "Mine"
    assert file.directory.recipes["here"]["m"].path == str(tmp_path / "data" / "m.gguf")


def test_entries_become_providers_with_their_limits_headers_and_keys(tmp_path: Path) -> None:
    entry = machine(
        "a",
        "anthropic",
        headers={"anthropic-version": "2026-10-21", "X-Team": "blue"},
        timeouts={"idle": 5},
        apiKeyEnv="A_KEY",
        tags=["gpu"],
        sidecarUrl="http://127.0.0.1:1",
    )
    (tmp_path / "llama-providers.json").write_bytes(document(entry))
    at = settings(tmp_path, environment={"A_KEY": "k"})
    provider = ProvidersFile(at).directory.providers["a"]
    assert provider.sent == ((b"x-api-key", b"k"), (b"anthropic-version", b"2026-10-21"), (b"x-team", b"blue"))
    assert provider.defaults == ()
    assert (provider.timeouts.idle_s, provider.timeouts.connect_s) == (5, at.upstream.connect_s)
    assert (provider.tags, provider.sidecar, provider.refusal()) == (("gpu",), "http://127.0.0.1:1", None)
    without = ProvidersFile(settings(tmp_path)).directory.providers["a"]
    assert without.missing_key == "A_KEY"
    refusal = without.refusal()
    assert refusal is not None
    assert "A_KEY" in refusal.message


def test_a_key_that_could_forge_headers_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "llama-providers.json").write_bytes(document(machine("a", apiKeyEnv="A_KEY")))
    refusal = ProvidersFile(settings(tmp_path, environment={"A_KEY": "x\r\ny: z"})).directory.providers["a"].refusal()
    assert refusal is not None
    assert "y: z" not in refusal.text


def test_an_auth_header_of_the_entrys_own_wins(tmp_path: Path) -> None:
    entry = machine("a", headers={"Authorization": "Basic eA=="}, apiKeyEnv="A_KEY")
    file, _ = make(tmp_path, document(entry))
    provider = file.directory.providers["a"]
    assert provider.sent == ((b"authorization", b"Basic eA=="),)
    assert provider.refusal() is None


@pytest.mark.parametrize("how", ["in place", "renamed"])
async def test_an_edit_is_taken_while_running(tmp_path: Path, how: str) -> None:
    file, told = make(tmp_path, document(machine("a")))
    resolver = Resolver(file)
    assert resolver.resolve("m").candidates[0].provider.id == "a"
    async with watching(file):
        write = file.path.write_bytes if how == "in place" else lambda data: replace(file.path, data)
        write(document(machine("bb")))
        status = await changed(file)
    assert status.error == ""
    assert resolver.resolve("m").candidates[0].provider.id == "bb"
    assert [kind for kind, _ in told] == ["providers.loaded", "providers.loaded"]


async def test_an_edit_of_the_same_size_and_time_is_seen_when_the_file_was_replaced(tmp_path: Path) -> None:
    file, _ = make(tmp_path, document(machine("a")))
    stamp = file.path.stat()
    async with watching(file):
        replace(file.path, document(machine("b")))
        os.utime(file.path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert "b" in (await changed(file)).directory.providers


async def test_a_bad_edit_keeps_the_last_good_state_and_says_so_once(tmp_path: Path) -> None:
    file, told = make(tmp_path, document(machine("a")))
    good = file.directory
    async with watching(file):
        file.path.write_bytes(b'{"providers": [{"id": "x"}]}')
        status = await changed(file)
        assert "missing required field" in status.error
        assert file.directory is good
        file.path.write_bytes(document(machine("c")))
        status = await changed(file)
    assert status.error == ""
    assert "c" in file.directory.providers
    assert [kind for kind, _ in told] == ["providers.loaded", "providers.refused", "providers.loaded"]


async def test_half_a_file_is_read_again_before_anybody_is_told(tmp_path: Path) -> None:
    whole = document(machine("b"))
    file, told = make(tmp_path, document(machine("a")))
    file.path.write_bytes(whole[:20])
    reading = file._read(file._signature, always=False)
    file._take(reading, settled=False)
    assert file.status.error == ""
    file.path.write_bytes(whole)
    async with watching(file):
        await changed(file)
    assert "b" in file.directory.providers
    assert all(kind == "providers.loaded" for kind, _ in told)


async def test_a_deleted_file_leaves_the_built_in_rest_and_may_come_back(tmp_path: Path) -> None:
    file, _ = make(tmp_path, document(machine("a")), legacy="http://127.0.0.1:8080")
    data = file.path.read_bytes()
    async with watching(file):
        file.path.unlink()
        assert (await changed(file)).directory.default == "local"
        file.path.write_bytes(data)
        assert (await changed(file)).directory.default == "a"


async def test_warnings_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, told = make(tmp_path, document(machine("a", lable="x")))
    assert "did you mean 'label'?" in str(file.status.warnings[0])
    assert "label" in str(told[0][1]["warnings"])
    assert "label" in caplog.text
