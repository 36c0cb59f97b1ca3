"""The lines that point clients here say the same everywhere, and hold together as a shell reads them."""

import json
import shlex
from pathlib import Path

import pytest

from hostler.providers.client_lines import ClientLine, client_lines, curl_line

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BASE = "http://127.0.0.1:8484"
LINES = client_lines(BASE, model="here/demo")


@pytest.mark.parametrize("row", LINES, ids=[row.client for row in LINES])
def test_the_page_of_clients_says_what_hostler_prints(row: ClientLine) -> None:
    page = PAGE.read_text("utf-8").splitlines()
    assert row.line in page
    assert f"# {row.client}" + (f": {row.note}" if row.note else "") in page


@pytest.mark.parametrize("row", LINES, ids=[row.client for row in LINES])
def test_a_shell_finds_address_and_key_in_the_line(row: ClientLine) -> None:
    line = next(one.line for one in client_lines(BASE, model="here/demo", key="sk-1") if one.client == row.client)
    words = shlex.split(line)
    assert any(BASE in word for word in words)
    assert row.client == "Ollama clients" or any("sk-1" in word for word in words)


def test_settings_within_lines_are_what_their_client_reads() -> None:
    opencode = next(row.line for row in LINES if row.client == "opencode")
    variable, content = shlex.split(opencode)[0].split("=", 1)
    assert variable == "OPENCODE_CONFIG_CONTENT"
    provider = json.loads(content)["provider"]["hostler"]
    assert provider["options"] == {"baseURL": f"{BASE}/v1", "apiKey": "any"} and "here/demo" in provider["models"]


def test_the_first_call_by_hand_carries_json_and_a_key_where_one_is_asked_for() -> None:
    words = shlex.split(curl_line(BASE, model="here/demo", key="sk-1"))
    assert json.loads(words[-1])["model"] == "here/demo" and "authorization: Bearer sk-1" in words
    assert "authorization" not in curl_line(BASE, model="here/demo")
