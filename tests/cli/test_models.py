"""`hostler models` without a hostler that runs: the files and the machines themselves."""

import json
from pathlib import Path

import pytest

from tests.cli.program import Run
from tests.engines.models import Hollow, hollow


def test_the_built_in_model_is_there(run: Run) -> None:
    listed = run("models")
    assert listed.status == 0
    assert listed.out.splitlines()[1].split() == ["here/demo", "ready", "1024"]


def test_json(run: Run) -> None:
    (row,) = run("models", "--json").json
    assert (row["id"], row["provider"], row["model"], row["state"], row["context"]) == (
        "here/demo",
        "here",
        "demo",
        "ready",
        1024,
    )
    assert row["capabilities"]["tool_calling"]["value"] is True


def test_models_of_a_machine_are_asked_for(run: Run, fake: str) -> None:
    ids = [row["id"] for row in run("models", "--json").json]
    assert {"fake/echo", "fake/tools", "here/demo"} <= set(ids)


def test_models_of_a_machine_that_is_down_are_hidden_but_not_forgotten(run: Run, fake: str, own_folders: Path) -> None:
    assert "fake/echo" in run("models").out
    file = own_folders / "config" / "hostler" / "llama-providers.json"
    text = json.loads(file.read_text())
    text["providers"][0]["baseUrl"] = "http://127.0.0.1:1"
    file.write_text(json.dumps(text))
    listed = run("models")
    assert "fake/echo" not in listed.out
    assert "more are on machines that are down; --all lists them" in listed.err
    assert "fake/echo" in run("models", "--all").out


@pytest.mark.parametrize("name", ["here/demo", "demo"])
def test_one_model_by_any_name(name: str, run: Run) -> None:
    shown = run("models", "show", name)
    assert shown.status == 0
    assert shown.out.startswith("here/demo\n  provider here, upstream name demo, ready")
    assert "context_window" in shown.out
    assert run("models", "show", name, "--json").json["id"] == "here/demo"


def test_an_unknown_model_names_its_neighbours(run: Run) -> None:
    ended = run("models", "show", "here/demu")
    assert (ended.status, ended.out) == (3, "")
    assert "There is no model 'here/demu'" in ended.err
    assert "Near ids: here/demo." in ended.err


def test_a_vendor_without_a_key_names_the_variable(run: Run) -> None:
    ended = run("models", "show", "openai/gpt-x")
    assert ended.status == 3
    assert "OPENAI_API_KEY" in ended.err


def test_a_model_that_its_machine_does_not_list(run: Run, fake: str) -> None:
    ended = run("models", "show", "fake/secret")
    assert ended.status == 3
    assert "not among the models known at its provider" in ended.err


def test_a_model_of_this_machine_has_the_window_that_its_file_tells(run: Run, own_folders: Path) -> None:
    file = own_folders / "config" / "hostler" / "llama-providers.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    recipe = {"path": str(hollow(own_folders, Hollow(context=2048)))}
    entry = {"id": "here", "kind": "engine", "models": [{"id": "mine", "recipe": recipe}]}
    file.write_text(json.dumps({"providers": [entry]}))
    rows = {row["id"]: row for row in run("models", "--json").json}
    assert rows["here/mine"]["context"] == 2048
    assert rows["here/mine"]["capabilities"]["context_window"]["source"] == "model file"
