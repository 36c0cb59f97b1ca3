"""The Responses face over upstreams of other wires, with the official SDK as the client: stored responses and all."""

from pathlib import Path

import openai
import pytest

from tests.end_to_end.gate import gate, provider
from tests.end_to_end.machine import Machine, machine


def client_of(address: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0)


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_goes_on_from_a_responses_id_alone(tmp_path: Path, kind: str, stream: bool) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a, kind)) as door, client_of(door.address) as client:

        async def ask(text: str, previous: str | None = None) -> openai.types.responses.Response:
            more = {"previous_response_id": previous} if previous else {}
            if not stream:
                return await client.responses.create(model="a/m", input=text, instructions="Be brief.", **more)
            async with client.responses.stream(model="a/m", input=text, instructions="Be brief.", **more) as events:
                numbers = [event.sequence_number async for event in events]
                assert numbers == sorted(set(numbers))
                return await events.get_final_response()

        first = await ask("one")
        second = await ask("two", first.id)
        third = await ask("three", second.id)
        assert first.output_text and third.output_text
        assert (first.status, first.usage is not None and first.usage.total_tokens > 0) == ("completed", True)
        sent = str(a.calls[-1].json["messages"])
        assert [word for word in ("one", "two", "three") if word in sent] == ["one", "two", "three"]
        assert sent.count(first.output_text) >= 2, "both answers are part of the conversation"
        assert str(a.calls[-1].json).count("Be brief.") == 1, "instructions are not carried on"


async def test_what_was_not_stored_is_not_found(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door, client_of(door.address) as client:
        unstored = await client.responses.create(model="a/m", input="one", store=False)
        for previous in (unstored.id, "resp_never"):
            with pytest.raises(openai.NotFoundError, match="not found"):
                await client.responses.create(model="a/m", input="two", previous_response_id=previous)
        assert len(a.calls) == 1, "nothing was sent"


async def test_an_upstream_of_the_same_wire_keeps_its_own(tmp_path: Path) -> None:
    async def answer(asked: object, line: object) -> None:
        await line.whole(  # type: ignore[attr-defined]
            {"id": "resp_up", "object": "response", "model": "m", "output": [], "status": "completed"}
        )

    upstream = Machine(script=answer)
    async with machine(upstream), gate(tmp_path, provider("a", upstream, "openai-responses")) as door:
        reply = await door.ask("/v1/responses", {"model": "a/m", "input": "x", "previous_response_id": "resp_theirs"})
        assert reply.status == 200
        (asked,) = upstream.calls
        assert (asked.path, asked.json["previous_response_id"]) == ("/v1/responses", "resp_theirs")
