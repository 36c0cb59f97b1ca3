"""The lines that `hostler up` prints for clients, run as they are printed: each brings its client here.

`make test-agents` runs this. Only what makes a client answer at once, and end, is added behind a line.
"""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from hostler.providers.client_lines import ClientLine, client_lines
from tests.agents.casts import INSTALLED, MODEL, surroundings
from tests.agents.stage import KINDS, Ended, Place, Play, Scene, perform

pytestmark = pytest.mark.timeout(300)

ASKED = "Say hello."
SAID = "Hello from the other side."
PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
PROGRAMS = (INSTALLED / "node/node_modules/.bin", INSTALLED / "aider/venv/bin", INSTALLED / "llm/venv/bin")
OPENAI = f"""
import openai
asked = [{{"role": "user", "content": "{ASKED}"}}]
print(openai.OpenAI().chat.completions.create(model="{MODEL}", messages=asked).choices[0].message.content)
"""
ANTHROPIC = f"""
import anthropic
asked = [{{"role": "user", "content": "{ASKED}"}}]
print(anthropic.Anthropic().messages.create(model="{MODEL}", messages=asked, max_tokens=99).content[0].text)
"""
OLLAMA = f"""
import ollama
print(ollama.chat(model="{MODEL}", messages=[{{"role": "user", "content": "{ASKED}"}}]).message.content)
"""
PYTHON = shlex.quote(sys.executable)
TAILS = {
    "OpenAI SDKs": f"; {PYTHON} -c {shlex.quote(OPENAI)}",
    "Anthropic SDKs": f"; {PYTHON} -c {shlex.quote(ANTHROPIC)}",
    "Claude Code": f" -p '{ASKED}'",
    "Codex": f" exec --skip-git-repo-check '{ASKED}'",
    "Gemini CLI": f" --skip-trust -p '{ASKED}'",
    "Qwen Code": f" -p '{ASKED}'",
    "aider": f" --no-git --yes-always --message '{ASKED}'",
    "opencode": f" run '{ASKED}'",
    "Ollama clients": f"; {PYTHON} -c {shlex.quote(OLLAMA)}",
}
LINES = client_lines("http://127.0.0.1:8484", model=MODEL)
WIRES = {
    "OpenAI SDKs": "gemini",
    "Anthropic SDKs": "openai-responses",
    "Claude Code": "openai-chat",
    "Codex": "anthropic",
    "Gemini CLI": "ollama",
    "Qwen Code": "dashscope",
    "aider": "anthropic",
    "opencode": "openai-responses",
    "Ollama clients": "anthropic",
}


def shell(line: str, place: Place) -> Play:
    """A line in a shell that finds all agents."""
    variables = surroundings(place, INSTALLED / "node" / "none")
    variables["PATH"] = ":".join((*map(str, PROGRAMS), variables["PATH"]))
    return Play(("/bin/sh", "-c", line), variables, 120.0)


def scene(wire: str) -> Scene:
    """A vendor that says one thing."""
    assert wire in KINDS
    return Scene(wire, {"models": [{"id": "worker", "replies": [{"text": SAID}]}], "dialect": "compatible"})


def check(ended: Ended) -> None:
    assert ended.status == 0 and SAID in ended.out, str(ended)
    assert ended.rows and all(row.outcome == "ok" for row in ended.rows), str(ended)


@pytest.mark.parametrize("row", LINES, ids=[row.client for row in LINES])
def test_a_printed_line_works(row: ClientLine, tmp_path: Path) -> None:
    def play(place: Place) -> Play:
        heed(row.note, place)
        line = next(one.line for one in client_lines(place.gateway, model=MODEL) if one.client == row.client)
        return shell(line + TAILS[row.client], place)

    check(perform(tmp_path, scene(WIRES[row.client]), play))


def heed(note: str, place: Place) -> None:
    """Do what a note says of a file in the home folder."""
    found = re.search(r"(\{.*\}) in ~/(\S+)", note)
    if found:
        file = place.home / found[2]
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(json.loads(found[1])))


def test_the_file_of_models_on_the_page_of_clients_works_for_llm(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(- model_id: .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, "the page shows no such file"

    def play(place: Place) -> Play:
        models = found[1].replace("http://127.0.0.1:8484", place.gateway).replace("here/demo", MODEL)
        (tmp_path / "models.yaml").write_text(models)
        line = f'folder=$(dirname "$(llm logs path)"); mkdir -p "$folder"; cp {tmp_path}/models.yaml "$folder"/'
        return shell(f"{line}extra-openai-models.yaml; llm -m {MODEL} '{ASKED}'", place)

    check(perform(tmp_path, scene("gemini"), play))


def test_claude_code_believes_the_window_that_it_is_told(tmp_path: Path) -> None:
    found = re.search(r"`(CLAUDE_CODE_MAX_CONTEXT_TOKENS=(\d+))`", PAGE.read_text("utf-8"))
    assert found, "the page does not say it"

    def play(place: Place) -> Play:
        line = next(one.line for one in client_lines(place.gateway, model=MODEL) if one.client == "Claude Code")
        return shell(f"{found[1]} {line} -p '{ASKED}' --output-format json", place)

    ended = perform(tmp_path, scene("openai-chat"), play)
    check(ended)
    assert json.loads(ended.out)["modelUsage"][MODEL]["contextWindow"] == int(found[2])
