"""Structured output: by a schema, or any JSON; and what it looks like where a model knows neither."""

import json

from hostler.core.requests import OutputFormat
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, DASHSCOPE, OPENAI_CHAT
from hostler.providers.fake.script import Reply
from tests.contract.case import Place, case
from tests.contract.talk import Talk

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "legs": {"type": "integer"}},
    "required": ["name", "legs"],
    "additionalProperties": False,
}
HORSE = OutputFormat("json_schema", SCHEMA, name="horse", strict=True, description="A horse.")
ANSWER = Reply(text='{"name": "Grani", "legs": 4}')


@case(ANSWER, shows="structured output")
async def test_by_a_schema(talk: Talk) -> None:
    reply = await talk.ask("Describe a horse.", output_format=HORSE)
    assert json.loads(reply.text) == {"name": "Grani", "legs": 4}
    assert '"legs"' in talk.sent and '"integer"' in talk.sent
    assert "response_format.json_schema" not in await talk.dropped()


@case(
    ANSWER,
    shows="structured output",
    at={OPENAI_CHAT: Place(provider="deepseek", dialect="deepseek"), ANTHROPIC: Place(model="claude-opus-4-0")},
)
async def test_by_a_schema_that_a_model_cannot_follow(talk: Talk) -> None:
    """It is told in words then, and that it is."""
    assert json.loads((await talk.ask("Describe a horse.", output_format=HORSE)).text)["legs"] == 4
    told_in_words = talk.wire in (OPENAI_CHAT, ANTHROPIC)
    assert ("response_format.json_schema" in await talk.dropped()) == told_in_words
    assert "legs" in talk.sent


@case(ANSWER, shows="structured output")
async def test_any_json(talk: Talk) -> None:
    reply = await talk.ask("Describe a horse.", output_format=OutputFormat("json_object"))
    assert json.loads(reply.text)["legs"] == 4
    assert ("response_format" in await talk.dropped()) == (talk.wire == ANTHROPIC)


@case(ANSWER, shows="structured output")
async def test_a_schema_beside_tools(talk: Talk) -> None:
    tool = Tool(name="clock", parameters={"type": "object", "properties": {}})
    reply = await talk.ask("Describe a horse.", output_format=HORSE, tools=[tool])
    assert json.loads(reply.text)["name"] == "Grani"


@case(ANSWER, shows="structured output")
async def test_a_schema_that_refers_to_itself(talk: Talk) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "foals": {"type": "array", "items": {"$ref": "#/$defs/horse"}}},
        "$defs": {"horse": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    }
    reply = await talk.ask("Describe a horse.", output_format=OutputFormat("json_schema", schema, name="horse"))
    assert json.loads(reply.text)["name"] == "Grani"
    assert talk.wire == DASHSCOPE or "foals" in talk.sent
