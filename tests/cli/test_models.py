"""`hostler models` without a hostler that runs: the files and the machines themselves."""

import json
from pathlib import Path

import pytest

from tests.cli.program import Run
from tests.engines.models import Hollow, hollow


def test_the_built_in_model_is_there(run: Run) -> None:
    listed = run("models")
    assert listed.status == 0
    assert listed.out.splitlines()[1].split() == ["here/demo", "ready", "1024", "Free", "(local)", "tools"]


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


def override(own_folders: Path, **models: object) -> Path:
    file = own_folders / "config" / "hostler" / "models.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"models": models}))
    return file


def test_only_models_that_are_known_to_have_it(run: Run, fake: str, own_folders: Path) -> None:
    override(own_folders, **{"fake/echo": {"vision": True, "tool_calling": True}, "fake/tools": {"vision": False}})
    found = run("models", "--capability", "vision", "--capability", "tool_calling", "--json").json
    assert [row["id"] for row in found] == ["fake/echo"]
    assert "fake/echo" in run("models", "--capability", "vision").out
    none = run("models", "--capability", "x_search")
    assert (none.status, none.out) == (0, "")
    assert "No model is known to have x_search." in none.err
    assert run("models", "--capability", "telepathy").status == 2


def test_prices_and_doubts_are_shown(run: Run, fake: str, own_folders: Path) -> None:
    override(
        own_folders,
        **{"fake/echo": {"input_price": 0.25, "output_price": 2, "price_tiers": "200000: 0.5/4/-/-"}},
    )
    assert "$0.25/$2" in run("models").out
    shown = run("models", "show", "fake/echo").out
    assert "$0.25 per million tokens" in shown
    assert "above 200,000: $0.5 in, $4 out" in shown


def test_a_vendors_model_is_shown_without_its_key(run: Run) -> None:
    shown = run("models", "show", "openai/gpt-4o")
    assert shown.status == 0
    assert "OPENAI_API_KEY" in shown.err
    assert "openai/gpt-4o" in shown.out
    assert "litellm" in shown.out
    assert run("models", "show", "openai/gpt-4o", "--json").json["capabilities"]["vision"]["value"] is True


def test_machines_are_asked_again(run: Run, fake: str) -> None:
    told = run("models", "refresh")
    assert told.status == 0
    assert any(line.split()[:2] == ["fake", "up"] for line in told.out.splitlines())
    assert {"fake", "here"} <= {row["id"] for row in run("models", "refresh", "--json").json}


def test_an_overrides_file_that_is_not_used_is_told_of(run: Run, own_folders: Path) -> None:
    override(own_folders, **{"here/demo": {"vison": True}})
    for command in (("models",), ("models", "show", "demo"), ("doctor",)):
        ended = run(*command)
        assert "Did you mean 'vision'?" in ended.out + ended.err, command
