"""The Responses face over upstreams of other wires, with the official SDK as the client: stored responses and all."""

from pathlib import Path

import openai
import pytest

from tests.end_to_end.gate import gate, provider
from tests.end_to_end.machine import Machine, machine
from tests.fakes import serving


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
            with pytest.raises(openai.BadRequestError, match="not found") as caught:
                await client.responses.create(model="a/m", input="two", previous_response_id=previous)
            assert caught.value.code == "previous_response_not_found"
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


SCRIPT = "strict: true\nmodels: [{id: m, replies: [{text: One.}, {text: Two.}, {text: Three.}]}]"


async def test_a_conversation_that_is_kept_here_goes_on_with_any_model(tmp_path: Path) -> None:
    async with serving(SCRIPT) as fake:
        entries = [{"id": kind, "kind": kind, "baseUrl": fake.address} for kind in ("anthropic", "openai-responses")]
        async with gate(tmp_path, *entries) as door, client_of(door.address) as client:
            first = await client.responses.create(model="anthropic/m", input="one")
            second = await client.responses.create(
                model="openai-responses/m", input="two", previous_response_id=first.id
            )
            await client.responses.create(model="openai-responses/m", input="three", previous_response_id=second.id)
            sent = str(fake.requests[-1].json["input"])
            assert [word for word in ("one", "One.", "two", "Two.", "three") if word not in sent] == []


@pytest.mark.parametrize(("vendor", "path"), [("deepseek", ""), ("openrouter", "/api/v1")])
async def test_a_vendor_that_keeps_no_responses_has_them_kept_here(tmp_path: Path, vendor: str, path: str) -> None:
    """DeepSeek ignores `previous_response_id`, OpenRouter refuses it, and `store` with it."""
    async with serving(SCRIPT) as fake:
        entry = {"id": vendor, "kind": "openai-responses", "baseUrl": f"{fake.address}{path}"}
        async with gate(tmp_path, entry) as door, client_of(door.address) as client:
            first = await client.responses.create(model=f"{vendor}/m", input="one", store=True)
            more = {"input": "two", "previous_response_id": first.id}
            assert (await client.responses.create(model=f"{vendor}/m", **more)).output_text == "Two."
            asked = fake.requests[-1].json
            assert "one" in str(asked["input"]) and "One." in str(asked["input"])
            for call in (call for call in fake.requests if call.path.endswith("/responses")):
                assert (call.json["store"], "previous_response_id" in call.json) == (False, False)
            await client.responses.create(model=f"{vendor}/m", input="x", store=False, metadata={"a": "b"})
            assert fake.requests[-1].json["metadata"] == {"a": "b"}, "who keeps it himself is passed through"
