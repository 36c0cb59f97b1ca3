"""`hostler doctor`: what it finds, and that it can fail."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostler.registry import local_servers
from tests.cli.program import Run


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port that hostler would take: one that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    monkeypatch.setenv("HOSTLER_GATEWAY_PORT", str(port))
    yield port


def checks(run: Run, status: int = 0) -> dict[str, Any]:
    """Findings by what they are about."""
    ended = run("doctor", "--json")
    assert ended.status == status, ended.out
    assert ended.json["good"] is (status == 0)
    return {check["what"]: check for check in ended.json["checks"]}


def test_a_sound_machine(run: Run) -> None:
    found = checks(run)
    assert all(check["state"] != "broken" for check in found.values())
    for what in (
        "python",
        "engine extra",
        "settings",
        "data folder",
        "disk",
        "hostler",
        "port",
        "engine",
        "memory",
        "keys",
    ):
        assert what in found
    shown = run("doctor")
    assert shown.status == 0
    assert "good     python: 3." in shown.out and "Nothing is broken." in shown.err


def test_keys_in_the_environment_are_named_and_never_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OPENAI_API_KEY" in checks(run)["vendor keys"]["todo"]
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # so that the vendor itself is not asked
    ended = run("doctor")
    assert "good     vendor keys: ANTHROPIC_API_KEY" in ended.out
    assert "sk-very-secret" not in ended.out + ended.err


def test_a_broken_providers_file(run: Run, own_folders: Path) -> None:
    file = own_folders / "config" / "hostler" / "llama-providers.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"providers": [}')
    check = checks(run, 1)["providers file"]
    assert check["state"] == "broken" and "line 1" in check["text"] and "providers check" in check["todo"]


def test_settings_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTLER_GATEWAY_WORKERS", "many")
    assert "HOSTLER_GATEWAY_WORKERS" in checks(run, 1)["settings"]["text"]


def test_a_port_that_somebody_else_has(run: Run, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        check = checks(run, 1)["port"]
    assert str(free_port) in check["text"] and "--port" in check["todo"]


def test_an_address_beyond_this_machine_without_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTLER_GATEWAY_HOST", "0.0.0.0")
    assert checks(run, 1)["keys"]["todo"] == "hostler keys create NAME"
    run("keys", "create", "a")
    assert checks(run)["keys"]["text"] == "1 in force"


def test_tls_files_that_are_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTLER_GATEWAY_TLS_CERT", "nowhere.pem")
    assert checks(run, 1)["TLS"]["state"] == "broken"


def test_a_data_folder_that_cannot_be(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOSTLER_DATA_DIR", str(tmp_path / "file" / "data"))
    assert checks(run, 1)["data folder"]["state"] == "broken"


def test_a_secret_that_others_can_read(run: Run, own_folders: Path) -> None:
    token = own_folders / "data" / "token"
    token.parent.mkdir(parents=True)
    token.write_text("x" * 40)
    token.chmod(0o644)
    assert checks(run)["token"]["todo"] == f"chmod 600 {token}"


def test_a_machine_that_is_down(run: Run) -> None:
    run("providers", "add", "off", "--kind", "ollama", "--url", "http://127.0.0.1:1")
    check = checks(run)["provider off"]
    assert check["state"] == "warning" and "hostler providers remove off" in check["todo"]


def test_without_an_engine_it_says_how_to_get_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTLER_ENGINE_LLAMA_SERVER", "/nowhere/llama-server")
    check = checks(run)["engine"]
    assert check["state"] == "warning" and "llama_server" in check["todo"]


def test_a_server_that_runs_here_is_offered(run: Run, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(vendor.rpartition(":")[2])
    probe = local_servers.probe_local_servers
    monkeypatch.setattr(
        "hostler.cli.work.checks.probe_local_servers", lambda directory: probe(directory, ports=(port,))
    )
    (found,) = (check for what, check in checks(run).items() if what.startswith("found "))
    words = found["todo"].split()
    assert words[:3] == ["hostler", "providers", "add"] and vendor in words
    assert run(*words[1:]).status == 0
    (known,) = (check for what, check in checks(run).items() if what.startswith("found "))
    assert known["state"] == "good" and f"known as '{words[3]}'" in known["text"]


def test_aliases_that_lead_in_a_circle(run: Run, own_folders: Path) -> None:
    file = own_folders / "config" / "hostler" / "settings.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[aliases]\nfast = "quick"\nquick = "fast"\n')
    check = checks(run, 1)["aliases"]
    assert check["state"] == "broken" and "fast -> quick -> fast" in check["text"]
    file.write_text('[aliases]\nfast = "here/demo"\n')
    assert checks(run)["aliases"]["state"] == "good"
