"""What is known of models works: calls cost what they cost, and what a model cannot take is refused or named."""

import json
from pathlib import Path
from typing import Any

import pytest

from hostler.errors import PromptTooLong
from tests.end_to_end.gate import CHAT, MESSAGES, Gate, Setup, chat, gate, messages, provider, request
from tests.end_to_end.machine import CHAT_USAGE, Asked, Line, Machine, machine
from tests.waiting import wait_until

PRICED = {"input_price": 2.0, "output_price": 10.0, "cache_read_price": 0.5}
COST = (11 * 2 + 7 * 10) / 1e6
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SEES = [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, IMAGE]}]


def facts(folder: Path, **models: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.json").write_text(json.dumps({"models": models}))


def checks(mode: str) -> Setup:
    return Setup(models={"checks": mode})


class Telling(Machine):
    """A machine that says what its replies cost."""

    told: dict[str, Any]

    async def serve(self, asked: Asked, line: Line) -> None:
        usage = {**CHAT_USAGE, **self.told}
        choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        await line.whole({"id": "1", "model": "m", "object": "chat.completion", "choices": [choice], "usage": usage})


async def costs(door: Gate, count: int) -> list[float | None]:
    return [row.cost for row in await door.wait_rows(count)]


async def test_a_call_costs_its_tokens_by_the_price_passed_through_translated_and_streamed(tmp_path: Path) -> None:
    facts(tmp_path, **{"a/*": PRICED})
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        for path, body in (
            (CHAT, chat("a/m")),
            (CHAT, chat("a/m", stream=True, stream_options={"include_usage": True})),
            (MESSAGES, messages("a/m")),
            (MESSAGES, messages("a/m", stream=True)),
        ):
            assert (await door.ask(path, body)).status == 200
        assert await costs(door, 4) == pytest.approx([COST] * 4)


async def test_an_unknown_price_is_unknown_and_a_machine_of_ones_own_is_free(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a), provider("b", a, "vllm")) as door:
        assert (await door.ask(CHAT, chat("a/m"))).status == 200
        assert (await door.ask(CHAT, chat("b/m"))).status == 200
        assert await costs(door, 2) == [None, 0.0]


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0.25, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}}, 0.75),
        ({"cost_in_usd_ticks": 12_345_000_000}, 1.2345),
        ({"cost": {"total_cost": 0.125}}, 0.125),
        ({"cost": "dear"}, COST),
        ({"cost": -1}, COST),
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_what_the_vendor_says_that_it_costs_wins(
    tmp_path: Path, path: str, told: dict[str, Any], cost: float
) -> None:
    facts(tmp_path, **{"a/m": PRICED})
    telling = Telling()
    telling.told = told
    async with machine(telling) as a, gate(tmp_path, provider("a", a)) as door:
        assert (await door.ask(path, chat("a/m") if path == CHAT else messages("a/m"))).status == 200
        assert await costs(door, 1) == pytest.approx([cost])


async def test_a_vendors_price_comes_from_the_snapshot(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": "k"}
    async with machine() as a, gate(tmp_path, provider("openai", a), setup=Setup(environment=environment)) as door:
        assert (await door.ask(CHAT, chat("openai/gpt-4o"))).status == 200
        (cost,) = await costs(door, 1)
        assert cost is not None
        assert 0 < cost < 0.01


async def test_a_changed_override_counts_for_the_next_call_of_the_same_connection(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        client = await door.client()
        client.send(request(CHAT, chat("a/m")))
        assert (await client.reply()).status == 200
        facts(tmp_path, **{"a/m": PRICED})
        await wait_until(lambda: door.app.matrix.capabilities("a/m").input_price is not None, 10)
        client.send(request(CHAT, chat("a/m")))
        assert (await client.reply()).status == 200
        assert await costs(door, 2) == [None, pytest.approx(COST)]


@pytest.mark.parametrize(
    ("known", "body", "code", "told"),
    [
        ({"vision": False}, chat("a/m", messages=SEES), "unsupported", "takes no image"),
        ({"tool_calling": False}, chat("a/m", tools=[TOOL]), "unsupported", "calls no tools"),
        (
            {"context_window": 100},
            chat("a/m", messages=[{"role": "user", "content": "long " * 200}]),
            "context_length_exceeded",
            "prompt is too long",
        ),
    ],
)
async def test_what_a_model_is_known_not_to_take_is_refused_before_it_is_asked(
    tmp_path: Path, known: dict[str, Any], body: dict[str, Any], code: str, told: str
) -> None:
    facts(tmp_path, **{"a/m": known})
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(CHAT, body)
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, code)
        assert told in json.loads(reply.body)["error"]["message"]
        assert not a.calls
        (row,) = await door.wait_rows(1)
        assert (row.outcome, row.error, row.model) == ("refused", code, "a/m")
        assert (await door.ask(CHAT, chat("a/m"))).status == 200


async def test_switched_off_everything_is_sent(tmp_path: Path) -> None:
    facts(tmp_path, **{"a/m": {"vision": False, "tool_calling": False}})
    async with machine() as a, gate(tmp_path, provider("a", a), setup=checks("off")) as door:
        assert (await door.ask(CHAT, chat("a/m", messages=SEES, tools=[TOOL]))).status == 200
        assert a.calls[0].json["messages"] == SEES


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic"])
async def test_degraded_a_request_loses_what_does_not_fit_and_says_so(tmp_path: Path, kind: str) -> None:
    facts(tmp_path, **{"a/m": {"vision": False, "tool_calling": False}})
    async with machine() as a, gate(tmp_path, provider("a", a, kind), setup=checks("degrade")) as door:
        reply = await door.ask(CHAT, chat("a/m", messages=SEES, tools=[TOOL]))
        assert reply.status == 200
        assert reply.headers[b"x-hostler-dropped"] == b"messages[].image,tools"
        (asked,) = a.calls
        assert "tools" not in asked.json
        assert "AAAA" not in asked.body.decode()
        assert "what is it?" in asked.body.decode()
        (row,) = await door.wait_rows(1)
        assert row.dropped == "messages[].image,tools"


async def test_degraded_a_request_that_fits_passes_byte_for_byte(tmp_path: Path) -> None:
    facts(tmp_path, **{"a/m": {"vision": False}})
    body = b'{ "x_new":{"a":[1 ,2.0]},"model" : "a/m","messages":[{"role":"user","content":"an image of words"}]}'
    async with machine() as a, gate(tmp_path, provider("a", a), setup=checks("degrade")) as door:
        reply = await door.ask(CHAT, body)
        assert reply.status == 200
        assert b"x-hostler-dropped" not in reply.headers
        assert a.calls[0].body == body.replace(b'"a/m"', b'"m"')


async def test_a_wire_that_demands_a_limit_is_given_the_models_own(tmp_path: Path) -> None:
    facts(tmp_path, **{"a/small": {"max_output": 4096}})
    async with machine() as a, gate(tmp_path, provider("a", a, "anthropic")) as door:
        for model in ("a/small", "a/other"):
            assert (await door.ask(CHAT, chat(model))).status == 200
        assert (await door.ask(CHAT, chat("a/small", max_tokens=9000))).headers[b"x-hostler-dropped"] == b"max_tokens"
        small, other, longer = (asked.json["max_tokens"] for asked in a.calls)
        assert (small, longer) == (4096, 4096)
        assert other > 4096


async def test_calls_from_python_are_held_to_the_same(tmp_path: Path) -> None:
    facts(tmp_path, **{"a/m": {"context_window": 100}})
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        with pytest.raises(PromptTooLong, match="prompt is too long"):
            await door.app.client().ask("a/m", "long " * 200)
        assert not a.calls
        assert (await door.app.client().ask("a/m", "short")).text


async def test_a_long_prompt_gets_the_window_that_it_needs(tmp_path: Path) -> None:
    """Ollama takes a small one unless it is told, and cuts what is longer without a word."""

    async def script(asked: Asked, line: Line) -> None:
        message = {"role": "assistant", "content": "hi"}
        await line.whole({"model": "m", "message": message, "done": True, "done_reason": "stop"})

    facts(tmp_path, **{"a/m": {"context_window": 32768}})
    async with machine(Machine(script=script)) as a, gate(tmp_path, provider("a", a, "ollama")) as door:
        for text in ("hello", "hay " * 9000):
            body = chat("a/m", messages=[{"role": "user", "content": text}])
            assert (await door.ask(CHAT, body)).status == 200
        short, long = (each.json.get("options", {}) for each in a.calls if each.path == "/api/chat")
        assert "num_ctx" not in short and long["num_ctx"] == 32768
