"""Sound and images pass through: forms keep their boundary, replies are files as they came."""

from pathlib import Path

import openai
import pytest

from tests.end_to_end.gate import Setup, gate, provider
from tests.end_to_end.machine import Asked, Line, Machine, machine

SOUND = bytes(range(256)) * 9000
"""Longer than any reply that is held, and nothing that could be JSON."""


async def answer(asked: Asked, line: Line) -> None:
    """What a server with these paths answers, spelt by hand."""
    match asked.path:
        case "/v1/audio/speech":
            assert asked.json == {"model": "tts", "input": "hi", "voice": "v"}
            await line.whole(SOUND, kind="audio/wav")
        case "/v1/audio/transcriptions":
            kind = asked.header("content-type") or ""
            assert kind.startswith("multipart/form-data; boundary=")
            assert f"--{kind.rpartition('=')[2]}--".encode() in asked.body
            assert b'name="model"\r\n\r\nwhisper/large\r\n' in asked.body
            assert SOUND in asked.body
            await line.whole({"text": "hello"})
        case "/v1/images/generations":
            assert asked.json["model"] == "painter"
            await line.whole({"created": 1, "data": [{"b64_json": "AA=="}]})
        case _:
            await line.whole({"error": {"message": "no such path", "type": "x"}}, status=404)


async def test_the_sdks_sound_and_images(tmp_path: Path) -> None:
    async with machine(Machine(script=answer)) as a, gate(tmp_path, provider("a", a)) as door:
        async with openai.AsyncOpenAI(base_url=f"{door.address}/v1", api_key="x", max_retries=0) as client:
            spoken = await client.audio.speech.create(model="a/tts", input="hi", voice="v")
            assert spoken.content == SOUND
            assert spoken.response.headers["content-type"] == "audio/wav"
            assert spoken.response.headers["x-hostler-model"] == "a/tts"
            heard = await client.audio.transcriptions.create(model="a/whisper/large", file=("a.wav", SOUND))
            assert heard.text == "hello"
            painted = await client.images.generate(model="a/painter", prompt="a horse")
            assert painted.data is not None and painted.data[0].b64_json == "AA=="
            with pytest.raises(openai.NotFoundError, match="no such path"):
                await client.images.edit(model="a/x", image=b"png", prompt="p")
            with pytest.raises(openai.BadRequestError, match="model: must be a name"):
                await client.audio.transcriptions.create(model="", file=("a.wav", b"1"))
        rows = await door.wait_rows(5)
        assert [(row.operation, row.status, row.model) for row in rows[:3]] == [
            ("speech", 200, "a/tts"), ("transcriptions", 200, "a/whisper/large"), ("images", 200, "a/painter"),
        ]  # fmt: skip


async def test_a_model_that_works_with_text_is_not_asked(tmp_path: Path) -> None:
    async with gate(tmp_path, setup=Setup(engine={"enabled": True})) as door:
        reply = await door.ask("/v1/audio/speech", {"model": "here/demo", "input": "x", "voice": "v"})
        assert (reply.status, b"works with text" in reply.body) == (400, True)
