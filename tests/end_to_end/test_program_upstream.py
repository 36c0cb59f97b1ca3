"""A vendor that is a program on this machine: asked through the gateway like any other, and ended with its call."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.gate import CHAT, MESSAGES, Gate, Setup, chat, gate, messages, request
from tests.waiting import wait_until

STAND_IN = Path(__file__).parent.parent / "providers" / "stand_in_gemini.py"
MODEL = "gemini-cli/flash"


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """A PATH on which the stand-in is `gemini`; folders are made below the test's own."""
    program = tmp_path / "bin" / "gemini"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    program.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PIDS": str(tmp_path / "pids"),
        "OPENAI_API_KEY": "sk-other",
        "HTTPS_PROXY": "http://127.0.0.1:1",  # so that no vendor is asked for its models
        "GEMINI_API_KEY": "its-own",
    }
    return Setup(environment=environment)


def says(text: str, **more: Any) -> dict[str, Any]:
    return {**chat(MODEL, **more), "messages": [{"role": "user", "content": text}]}


async def answer(door: Gate, text: str, **more: Any) -> str:
    reply = await door.ask(CHAT, says(text, **more))
    assert reply.status == 200, reply.body
    return json.loads(reply.body)["choices"][0]["message"]["content"]


async def test_both_faces_get_its_answer_whole_and_streamed(tmp_path: Path, setup: Setup) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        reply = await door.ask(CHAT, chat(MODEL))
        body = json.loads(reply.body)
        assert body["choices"][0]["message"]["content"] == "Hello, ümlaut"
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["usage"]["prompt_tokens"] == 12 and body["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
        assert body["usage"]["completion_tokens"] == 18
        assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10
        assert reply.headers[b"x-hostler-model"] == MODEL.encode()
        streamed = (await door.ask(CHAT, chat(MODEL, stream=True))).body.decode()
        assert '"content":"Hel"' in streamed and streamed.endswith("data: [DONE]\n\n")
        spoken = json.loads((await door.ask(MESSAGES, messages(MODEL))).body)
        assert [block["text"] for block in spoken["content"]] == ["Hello, ümlaut"]
        assert spoken["stop_reason"] == "end_turn"
        assert await answer(door, "use your tools") == "nothing here"
        rows = await door.wait_rows(4)
        assert {(row.outcome, row.provider, row.output) for row in rows} == {("ok", "gemini-cli", 8)}
    assert left_behind() == []


async def test_it_runs_in_an_empty_folder_with_its_own_keys_and_the_asked_model(tmp_path: Path, setup: Setup) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        seen = json.loads(await answer(door, "show what was seen"))
    assert "--model=flash" in seen["arguments"] and "--output-format=stream-json" in seen["arguments"]
    assert seen["prompt"] == "show what was seen"
    assert (seen["folder"], seen["keys"], seen["leads"]) == ([], ["GEMINI_API_KEY"], True)


async def test_a_models_name_cannot_become_an_option(tmp_path: Path, setup: Setup) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        body = {**says("seen"), "model": "gemini-cli/--yolo"}
        seen = json.loads(json.loads((await door.ask(CHAT, body)).body)["choices"][0]["message"]["content"])
    assert "--model=--yolo" in seen["arguments"] and "--yolo" not in seen["arguments"]


async def test_what_a_prompt_cannot_say_is_named_and_history_is_told(tmp_path: Path, setup: Setup) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    body = {
        **chat(MODEL, temperature=0.5, max_tokens=9, tools=[tool], logit_bias={"1": 2}),
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
            {"role": "user", "content": "seen"},
        ],
    }
    async with gate(tmp_path / "g", setup=setup) as door:
        reply = await door.ask(CHAT, body)
    dropped = set(reply.headers[b"x-hostler-dropped"].decode().split(","))
    assert dropped == {"temperature", "max_tokens", "tools", "logit_bias"}
    prompt = json.loads(json.loads(reply.body)["choices"][0]["message"]["content"])["prompt"]
    lines = ["System: Be brief.", "User: one", 'Assistant: [calls f with {"a":1}]', "Tool: [result: 42]", "User: seen"]
    assert prompt.endswith("\n\n".join(lines))


async def test_a_slash_at_the_beginning_is_no_command_of_the_program(tmp_path: Path, setup: Setup) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        prompt = json.loads(await answer(door, "/quit seen"))["prompt"]
    assert not prompt.startswith("/") and prompt.endswith("User: /quit seen")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("does", "status", "words"),
    [
        ("logged-out", 401, "run `gemini` once in a terminal"),
        ("crash", 502, "status 134: node:internal: out of memory"),
        ("quota", 429, "exhausted your daily quota"),
        ("no-words", 502, "empty response"),
        ("broken", 502, "without a result"),
    ],
)
async def test_its_failures_in_words(
    does: str, status: int, words: str, streams: bool, tmp_path: Path, setup: Setup
) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        reply = await door.ask(CHAT, says(does, stream=streams))
        if streams and does == "broken":  # a part of it had been forwarded
            assert (reply.status, words in reply.body.decode()) == (200, True)
        else:
            assert (reply.status, words in json.loads(reply.body)["error"]["message"]) == (status, True), reply.body
        (row,) = await door.wait_rows(1)
        assert row.outcome == "error"


async def test_who_hangs_up_ends_the_program_and_all_that_it_started(tmp_path: Path, setup: Setup) -> None:
    async with gate(tmp_path / "g", setup=setup) as door:
        client = await door.client()
        client.send(request(CHAT, says("hang", stream=True)))
        assert (await client.head())[0] == 200
        await wait_until(lambda: len(pids(setup)) == 2)
        started = pids(setup)
        assert all(psutil.pid_exists(pid) for pid in started)
        await client.close()
        (row,) = await door.wait_rows(1)
        assert row.outcome == "cancelled"
        await wait_until(lambda: not any(alive(pid) for pid in started), 2.0)
    assert left_behind() == []


async def test_silence_within_an_answer_has_its_limit(tmp_path: Path, setup: Setup) -> None:
    short = Setup(environment=setup.environment, upstream={"idle_s": 0.2})
    async with gate(tmp_path / "g", setup=short) as door:
        reply = await door.ask(CHAT, says("hang"))
    assert (reply.status, "silent for too long" in reply.body.decode()) == (504, True), reply.body


async def test_without_the_program_its_name_is_told(tmp_path: Path) -> None:
    async with gate(tmp_path / "g", setup=Setup(environment={"PATH": str(tmp_path)})) as door:
        reply = await door.ask(CHAT, chat(MODEL))
    assert "The program 'gemini' of provider 'gemini-cli' is not on PATH." in reply.body.decode()


def left_behind() -> list[Path]:
    return list(Path(tempfile.gettempdir()).iterdir())


def pids(setup: Setup) -> list[int]:
    file = Path(setup.environment["PIDS"])
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
