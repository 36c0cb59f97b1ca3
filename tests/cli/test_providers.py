"""`hostler providers`: lists, checks, edits."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Run


@pytest.fixture
def file(own_folders: Path) -> Path:
    """Where the providers file would be."""
    path = own_folders / "config" / "hostler" / "llama-providers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_vendors_without_keys_are_listed_with_the_variable(run: Run) -> None:
    for arguments in (("providers",), ("providers", "list")):
        listed = run(*arguments)
        assert "here (default)" in listed.out
        assert "OPENAI_API_KEY" in listed.out
    rows = {row["id"]: row for row in run("providers", "list", "--json").json}
    assert rows["here"]["default"] and rows["here"]["ready"] and not rows["openai"]["ready"]


def test_a_program_on_the_path_is_listed_with_a_word_on_its_terms(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "The program 'gemini' of provider 'gemini-cli' is not on PATH." in run("providers", "list").out
    program = tmp_path / "gemini"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    listed = next(line for line in run("providers", "list").out.splitlines() if line.startswith("gemini-cli"))
    assert "not on PATH" not in listed and "its terms" in listed


def test_a_machine_is_added_and_removed(run: Run, file: Path, vendor: str) -> None:
    added = run("providers", "add", "desk", "--kind", "llama.cpp", "--url", vendor, "--tag", "gpu", "--label", "Desk")
    assert added.status == 0 and added.out == ""
    assert f"'desk' is in {file}" in added.err
    entry = {"id": "desk", "kind": "llama.cpp", "label": "Desk", "baseUrl": vendor, "tags": ["gpu"]}
    assert read(file) == {"defaultProvider": "here", "providers": [entry]}
    again = run("providers", "add", "desk", "--kind", "llama.cpp", "--url", vendor)
    assert again.status == 1 and "there is a provider 'desk' already" in again.err
    removed = run("providers", "remove", "desk")
    assert removed.status == 0 and "The file as it was:" in removed.err
    assert read(file)["providers"] == []
    assert run("providers", "remove", "desk").status == 1


def test_the_default_is_changed(run: Run, file: Path, vendor: str) -> None:
    run("providers", "add", "desk", "--kind", "llama.cpp", "--url", vendor, "--default")
    assert read(file)["defaultProvider"] == "desk"
    assert run("providers", "default", "here").status == 0
    assert read(file)["defaultProvider"] == "here"
    assert run("providers", "default", "nobody").status == 1


def test_a_misspelt_kind_names_its_neighbour_and_writes_nothing(run: Run, file: Path) -> None:
    ended = run("providers", "add", "x", "--kind", "olama", "--url", "http://127.0.0.1:1")
    assert ended.status == 1
    assert "did you mean 'ollama'" in ended.err
    assert not file.exists()


def test_check_says_where_the_file_is_wrong(run: Run, file: Path) -> None:
    file.write_text('{"providers": [\n {"id": "a", "kind": "olama", "baseUrl": "http://127.0.0.1:1"}]}')
    ended = run("providers", "check")
    assert ended.status == 1
    assert "line 2: providers[0].kind: unknown kind 'olama'" in ended.out
    checked = run("providers", "check", "--json")
    assert checked.status == 1
    assert "olama" in checked.json["errors"][0]


def test_check_asks_every_machine(run: Run, fake: str, file: Path) -> None:
    good = run("providers", "check")
    assert good.status == 0
    assert "up        fake:" in good.out
    assert run("providers", "add", "off", "--kind", "ollama", "--url", "http://127.0.0.1:1").status == 0
    ended = run("providers", "check")
    assert ended.status == 1
    assert "down      off:" in ended.out
    assert run("providers", "check", "--offline").status == 0


def test_check_of_those_that_are_named(run: Run, fake: str, file: Path) -> None:
    run("providers", "add", "off", "--kind", "ollama", "--url", "http://127.0.0.1:1")
    assert run("providers", "check", "fake").status == 0
    checked = run("providers", "check", "off", "--json")
    assert checked.status == 1
    (check,) = checked.json["checks"]
    assert (check["id"], check["state"]) == ("off", "down") and "Nothing listens at 127.0.0.1:1." in check["text"]
    ended = run("providers", "check", "fale")
    assert ended.status == 3 and "did you mean 'fake'" in ended.err
    ended = run("providers", "check", "openai")
    assert ended.status == 1 and "OPENAI_API_KEY" in ended.out


def test_check_takes_a_missing_key_of_ones_own_entry_for_a_fault(run: Run, file: Path) -> None:
    assert run("providers", "check").status == 0
    run(
        "providers",
        "add",
        "cloud",
        "--kind",
        "openai-compatible",
        "--url",
        "http://127.0.0.1:1",
        "--key-env",
        "CLOUD_KEY",
    )
    ended = run("providers", "check", "--offline")
    assert ended.status == 1
    assert "CLOUD_KEY" in ended.out


def test_path_and_schema(run: Run, file: Path) -> None:
    assert run("providers", "path").out == f"{file}\n"
    assert run("providers", "schema").json["title"] == "hostler providers file"


def test_edits_and_the_path_tell_programs_what_they_did(run: Run, file: Path, vendor: str) -> None:
    assert run("providers", "path", "--json").json == {"path": str(file), "exists": False}
    added = run("providers", "add", "desk", "--kind", "llama.cpp", "--url", vendor, "--json")
    assert (added.json, added.err) == ({"id": "desk", "path": str(file), "backup": None, "reloaded": False}, "")
    made = run("providers", "default", "desk", "--json").json
    assert (made["id"], Path(made["backup"]).parent) == ("desk", file.parent)
    run("providers", "default", "here")
    removed = run("providers", "remove", "desk", "--json").json
    assert "desk" in Path(removed["backup"]).read_text() and read(file)["providers"] == []
    assert run("providers", "path", "--json").json["exists"]
