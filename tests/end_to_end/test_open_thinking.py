"""A chat client with a vendor of its own wire that demands its thinking back: the client need know nothing of it."""

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.end_to_end.gate import gate
from tests.fakes import serving

SCRIPT = """
strict: true
dialect: deepseek
models:
  - id: m
    replies:
      - {when: {tool_result: true, times: 1}, reasoning: "Once more.", calls: [{name: f, arguments: {}}]}
      - {when: {tool_result: true}, reasoning: "That will do.", text: "Done."}
      - {reasoning: "I need the tool.", calls: [{name: f, arguments: {}}]}
"""
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("carries", [False, True])
async def test_calls_come_back_with_the_thinking_that_led_to_them(tmp_path: Path, carries: bool) -> None:
    async with serving(SCRIPT) as fake:
        entry = {"id": "deepseek", "kind": "openai-compatible", "baseUrl": f"{fake.address}/v1"}
        async with gate(tmp_path, entry) as door, openai.AsyncOpenAI(base_url=f"{door.address}/v1", api_key="x") as sdk:
            turns: list[Any] = [{"role": "user", "content": "Go."}]
            for _ in range(3):
                reply = await sdk.chat.completions.create(model="deepseek/m", messages=turns, tools=[TOOL])
                message = reply.choices[0].message
                back = message.model_dump(exclude_none=True)
                if not carries:
                    back.pop("reasoning_content")
                turns.append(back)
                turns += [{"role": "tool", "tool_call_id": c.id, "content": "ok"} for c in message.tool_calls or ()]
            assert message.content == "Done."
            sent = [turn["reasoning_content"] for turn in fake.requests[-1].json["messages"] if "tool_calls" in turn]
            assert sent == ["I need the tool.", "Once more."]
