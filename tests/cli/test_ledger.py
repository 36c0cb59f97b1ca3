"""`hostler usage` and `hostler logs`."""

import json
from pathlib import Path

import pytest

from tests.cli.program import Run


@pytest.fixture
def called(run: Run, fake: str) -> None:
    """Two good calls and a failed one."""
    run("chat", "fake/usage", "a", stdin="")
    run("chat", "fake/usage", "b", stdin="")
    run("chat", "fake/fail-500", "c", stdin="")


def test_nothing_yet(run: Run) -> None:
    assert run("logs").err == "No calls yet.\n"
    assert run("usage").err == "No calls in the last 24 hours.\n"
    assert run("usage", "--hours", "0").err == "No calls yet.\n"
    assert (run("logs", "--json").json, run("usage", "--json").json) == ([], [])


@pytest.mark.usefixtures("called")
def test_sums_by_model_and_outcome(run: Run) -> None:
    rows = {row["group"]: row for row in run("usage", "--json").json}
    assert (rows["fake/usage"]["requests"], rows["fake/usage"]["ok"], rows["fake/usage"]["output"]) == (2, 2, 6)
    assert rows["fake/usage"]["cost"] is None  # nobody told the price
    shown = run("usage")
    assert "fake/usage" in shown.out and shown.out.splitlines()[1].split()[-1] == "-"
    outcomes = {row["group"]: row["requests"] for row in run("usage", "--by", "outcome", "--json").json}
    assert outcomes == {"ok": 2, "error": 1}
    assert run("usage", "--by", "key").status == 0


@pytest.mark.usefixtures("called")
def test_the_latest_calls_newest_last(run: Run) -> None:
    rows = run("logs", "--json").json
    assert [(row["model"], row["outcome"]) for row in rows] == [
        ("fake/usage", "ok"),
        ("fake/usage", "ok"),
        ("fake/fail-500", "error"),
    ]
    last = run("logs", "-n", "1").out.splitlines()[-1].split()
    assert last[3] == "fake/fail-500" and last[7:9] == ["-/-", "-"], "what nobody said is not 0"


def test_a_cost_is_an_estimate_or_free_or_not_known(run: Run, fake: str, own_folders: Path) -> None:
    config = own_folders / "config" / "hostler"
    file = config / "llama-providers.json"
    document = json.loads(file.read_text())
    document["providers"].append({**document["providers"][0], "id": "mine", "kind": "vllm"})
    file.write_text(json.dumps(document))
    prices = {"input_price": 1, "output_price": 2}
    (config / "models.json").write_text(json.dumps({"models": {f"{fake}/usage": prices}}))
    for model in (f"{fake}/usage", f"{fake}/echo", "mine/echo"):
        run("chat", model, "a", stdin="")
    costs = {line.split()[0]: line.split("  ")[-1].strip() for line in run("usage").out.splitlines()[1:]}
    assert costs == {f"{fake}/usage": "~$0.000033", f"{fake}/echo": "-", "mine/echo": "Free (local)"}
    assert "Free (local)" in run("logs", "-n", "1").out


@pytest.mark.usefixtures("called")
def test_one_call_with_its_attempts(run: Run) -> None:
    request = run("logs", "--json").json[0]["request_id"]
    one = run("logs", request, "--json").json
    assert one["request"]["request_id"] == request
    assert [(attempt["provider"], attempt["upstream_model"]) for attempt in one["attempts"]] == [("fake", "usage")]
    assert "upstream model" in run("logs", request).out
    missing = run("logs", "call-nothing")
    assert missing.status == 3 and "There is no call 'call-nothing'" in missing.err
