"""`hostler fake`: from a script, and how it ends."""

import asyncio
import json
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.cli.program import ran, started

pytestmark = pytest.mark.slow
SCRIPT = """
models:
  - id: parrot
    replies: [{text: "Pretty Polly."}]
"""


def say(address: str, text: str) -> str:
    """What the parrot answers."""
    body = json.dumps({"model": "parrot", "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    request = urllib.request.Request(address + "/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: str = json.load(answer)["choices"][0]["message"]["content"]
    return content


async def test_it_says_what_its_script_says(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(SCRIPT)
    async with started("fake", "--script", str(script)) as program:
        line = await program.until("open at")
        address = line.split("open at ")[1].split(";")[0]
        assert await asyncio.to_thread(say, address, "hello") == "Pretty Polly."
        program.process.send_signal(signal.SIGINT)
        assert (await program.ended()).status == 0


async def test_a_script_that_is_wrong_names_the_place(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("models:\n  - id: parrot\n    replays: []\n")
    ended = await ran("fake", "--script", str(script))
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("hostler: ") and "replays" in ended.err


async def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = await ran("fake", "--port", str(taken.getsockname()[1]))
    assert (ended.status, ended.out) == (1, "")
    assert "cannot listen on 127.0.0.1" in ended.err
