"""A chat client with a model that binds its thinking to what stood before it: it may say and edit what it likes."""

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.gate import CHAT, gate
from tests.fakes import serving

SCRIPT = """
strict: true
dialect: anthropic-preserved
models:
  - id: claude-opus-5-5
    replies:
      - {when: {tool_result: true}, reasoning: "It has come.", text: "Done."}
      - {when: {contains: call}, reasoning: "I need the tool.", calls: [{name: f, arguments: {}}]}
      - {reasoning: "Nothing to it.", text: "Done."}
"""
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def back(message: Any) -> dict[str, Any]:
    """A reply as a chat client sends it back."""
    return {name: message[name] for name in ("role", "content", "tool_calls") if name in message}


async def test_a_chat_client_never_meets_the_binding(tmp_path: Path) -> None:
    async with serving(SCRIPT) as fake:
        entry = {"id": "anthropic", "kind": "anthropic", "baseUrl": fake.address}
        async with gate(tmp_path, entry) as door:
            turns: list[dict[str, Any]] = []

            async def ask(*said: dict[str, Any]) -> dict[str, Any]:
                turns.extend(said)
                body = {"model": "anthropic/claude-opus-5-5", "messages": turns, "tools": TOOLS}
                reply = await door.ask(CHAT, body)
                assert reply.status == 200, reply.body
                turns.append(back(json.loads(reply.body)["choices"][0]["message"]))
                return turns[-1]

            for number in range(2):
                called = await ask({"role": "user", "content": f"Please call, {number}."})
                result = {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "ok"}
                assert (await ask(result))["content"] == "Done."
                assert (await ask({"role": "user", "content": "Again."}))["content"] == "Done."
            brought = fake.requests[-1].json["messages"]
            assert (
                sum(block["type"] == "thinking" for m in brought for block in m["content"] if m["role"] == "assistant")
                == 5
            ), "none is lost"
            turns[0] = {"role": "user", "content": "Something else."}
            assert (await ask({"role": "user", "content": "And now?"}))["content"] == "Done."
