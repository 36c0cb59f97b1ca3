"""What is left when hostler is killed, and what a second one may do (issue, section 8.4)."""

import json
import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostler.accounts.ledger_queries import RequestRow, recent
from hostler.accounts.tables import MIGRATIONS
from hostler.engines.leftovers import read_records
from hostler.system.process import ProcessId, is_alive
from hostler.system.store import Store
from tests.end_to_end import scripted_llama
from tests.end_to_end.faces import FACES, ask_of
from tests.end_to_end.gate import CHAT, request
from tests.end_to_end.process import Running, Up, first_words, running, start
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def scripted(folder: Path, *names: str) -> Up:
    """Engines that stream for as long as they are listened to."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [scripted_llama.recipe(folder, name, slots=4) for name in names]
    return Up(
        providers=[{"id": "here", "kind": "engine", "models": models}],
        settings=f'[engine]\nllama_server = "{scripted_llama.executable(folder)}"\nstop_grace_s = 1.0\n',
    )


def holding(face: str, name: str) -> bytes:
    body = {**ask_of(face, f"here/{name}", stream=True), "messages": [{"role": "user", "content": "hold"}]}
    return request(face, body)


def streaming(hostler: Running, face: str, name: str) -> socket.socket:
    """A call whose stream has begun."""
    client = socket.create_connection(("127.0.0.1", hostler.port), timeout=20)
    client.sendall(holding(face, name))
    seen = b""
    while b"you said" not in seen:
        piece = client.recv(65536)
        assert piece, seen
        seen += piece
    return client


def ask(hostler: Running, face: str, body: Any) -> tuple[int, Any]:
    with closing(socket.create_connection(("127.0.0.1", hostler.port), timeout=20)) as client:
        client.sendall(request(face, body, {"Connection": "close"}))
        reply = b""
        while piece := client.recv(65536):
            reply += piece
    head, _, text = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(text)


def engines_of(hostler: Running) -> list[ProcessId]:
    return [record.engine for record in read_records(hostler.data / "engines")]


def family(pid: int) -> list[psutil.Process]:
    """A process's descendants."""
    return psutil.Process(pid).children(recursive=True)


def rows_of(folder: Path) -> list[RequestRow]:
    with closing(Store.open(folder / "data" / "hostler.db", MIGRATIONS)) as store:
        return recent(store)[::-1]


def gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


async def test_nothing_survives_kill_9_and_the_ledger_says_what_was_interrupted(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with running(second, scripted(second, "other")) as beside, running(first, scripted(first, "one", "two")) as hostler:
        others = streaming(beside, CHAT, "other")
        clients = [streaming(hostler, face, name) for face in FACES for name in ("one", "two")]
        status, _ = ask(hostler, CHAT, {**ask_of(CHAT, "here/one")})
        assert status == 200
        engines, orphans, spared = engines_of(hostler), family(hostler.pid), engines_of(beside)
        assert len(engines) == 2 and len(spared) == 1
        hostler.kill()
        await wait_until(lambda: not any(map(is_alive, engines)))
        await wait_until(lambda: gone(orphans))
        for client in clients:
            client.close()
        assert all(map(is_alive, spared)), "another folder's engine"
        with running(first, scripted(first, "one", "two")) as again:
            status, reply = ask(again, CHAT, ask_of(CHAT, "here/one"))
            assert (status, reply["choices"][0]["message"]["content"]) == (200, "you said hello")
            assert all(map(is_alive, spared))
            assert again.stop() == 0
        rows = rows_of(first)
        assert sorted(row.outcome for row in rows) == ["interrupted"] * 4 + ["ok"] * 2
        assert all(row.provider == "here" and row.model in ("here/one", "here/two") for row in rows)
        others.close()
        status, _ = ask(beside, CHAT, ask_of(CHAT, "here/other"))
        assert status == 200 and engines_of(beside) == spared, "the same engine as before"
        assert beside.stop() == 0
    assert not any(map(is_alive, spared))


async def test_nothing_survives_kill_9_while_an_engine_loads(tmp_path: Path) -> None:
    with (
        running(tmp_path, scripted(tmp_path, "never-ready")) as hostler,
        closing(socket.create_connection(("127.0.0.1", hostler.port), timeout=20)) as client,
    ):
        client.sendall(holding(CHAT, "never-ready"))
        await wait_until(lambda: len(engines_of(hostler)) == 1)
        engines, orphans = engines_of(hostler), family(hostler.pid)
        hostler.kill()
        await wait_until(lambda: not any(map(is_alive, engines)) and gone(orphans))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the real engine is shown on Linux; macOS has the same watcher")
async def test_nothing_survives_kill_9_of_the_real_engine(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    with running(tmp_path) as hostler:
        client = socket.create_connection(("127.0.0.1", hostler.port), timeout=20)
        client.sendall(request(CHAT, ask_of(CHAT, "here/demo", stream=True, max_tokens=4000, ignore_eos=True)))
        assert b"200" in client.recv(4096)
        engines, orphans = engines_of(hostler), family(hostler.pid)
        assert engines
        hostler.kill()
        client.close()
        await wait_until(lambda: not any(map(is_alive, engines)) and gone(orphans))
    with running(tmp_path) as again:
        status, reply = ask(again, CHAT, ask_of(CHAT, "here/demo", max_tokens=3))
        assert status == 200 and reply["usage"]["completion_tokens"] <= 3
        assert again.stop() == 0
    assert [row.outcome for row in rows_of(tmp_path)] in (["interrupted", "ok"], ["ok", "ok"])


def test_a_second_one_on_a_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with running(tmp_path) as hostler:
        second = start(tmp_path)
        try:
            assert first_words(second) == b""
            assert second.wait(10) not in (0, None)
        finally:
            second.kill()
            second.wait(10)
            assert second.stdout is not None
            second.stdout.close()
        assert f"pid {hostler.pid}" in hostler.said() and hostler.address in hostler.said()
        status, _ = ask(hostler, CHAT, ask_of(CHAT, "here/nothing"))
        assert status == 404, "the first one goes on"
        assert hostler.stop() == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(tmp_path, Up(flags=("--port", str(port))))
        try:
            assert first_words(process) == b""
            assert process.wait(10) not in (0, None)
        finally:
            process.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
        assert f"127.0.0.1:{port}" in (tmp_path / "up.log").read_text()


async def test_sigterm_lets_the_running_stream_end_and_takes_the_engine_along(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with running(tmp_path, scripted(tmp_path, "one")) as hostler:
        body = {**ask_of(CHAT, "here/one", stream=True), "messages": [{"role": "user", "content": f"until {go}"}]}
        with closing(socket.create_connection(("127.0.0.1", hostler.port), timeout=20)) as client:
            client.sendall(request(CHAT, body))
            text = client.recv(65536)
            engines = engines_of(hostler)
            os.kill(hostler.pid, signal.SIGTERM)
            await wait_until(lambda: refused(hostler.port))
            assert all(map(is_alive, engines)), "the stream still runs"
            go.touch()
            while piece := client.recv(65536):
                text += piece
        assert text.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert hostler.process.wait(20) == 0
        assert not any(map(is_alive, engines))
    assert [row.outcome for row in rows_of(tmp_path)] == ["ok"]


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("times", [1, 2])
async def test_ctrl_c_ends_it_and_a_second_one_at_once(times: int, tmp_path: Path) -> None:
    with running(tmp_path, scripted(tmp_path, "one")) as hostler:
        if times == 1:
            assert hostler.process.poll() is None
            hostler.process.send_signal(signal.SIGINT)
            assert hostler.process.wait(20) == 0
            return
        client = streaming(hostler, CHAT, "one")
        engines = engines_of(hostler)
        hostler.process.send_signal(signal.SIGINT)
        await wait_until(lambda: refused(hostler.port))
        hostler.process.send_signal(signal.SIGINT)
        hostler.process.wait(20)
        client.close()
        await wait_until(lambda: not any(map(is_alive, engines)))
        assert "Traceback" not in hostler.said()


def test_memory_and_files_stay_where_they_are(tmp_path: Path) -> None:
    """Calls leave neither descriptors nor memory behind."""
    with running(tmp_path, scripted(tmp_path, "one")) as hostler:
        process = psutil.Process(hostler.pid)
        body = ask_of(CHAT, "here/one")
        with closing(socket.create_connection(("127.0.0.1", hostler.port), timeout=20)) as client:
            for number in range(1200):
                client.sendall(request(CHAT, body))
                reply = b""
                while not reply.endswith(b"}]}"):
                    reply += client.recv(65536)
                if number == 200:
                    files, memory = process.num_fds(), process.memory_info().rss
        assert process.num_fds() <= files + 2
        assert process.memory_info().rss - memory < 5 << 20
        assert hostler.stop() == 0
    assert len(rows_of(tmp_path)) == 50, "a page"
