"""A reply that breaks off behind its call: a client may run that call, so what was signed must come back."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import frames
from tests.end_to_end.gate import CHAT, gate
from tests.fakes import serving

TOOL = {"type": "function", "function": {"name": "write", "parameters": {"type": "object", "properties": {}}}}
QUESTION = {"role": "user", "content": "Write it."}
BROKEN = {
    "when": {"tool_result": False},
    "reasoning": "I write it.",
    "chunks": {"by": "whole"},
    "calls": [{"name": "write", "arguments": {"path": "a"}, "fragment": 0}],
    "broken": {"how": "close", "after_chunks": 2},
}
SCRIPT = {"models": [{"id": "m", "replies": [BROKEN, {"text": "Done."}]}], "strict": True}


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "up/m", "reasoning_effort": "low", "tools": [TOOL], "messages": [QUESTION, *messages], **more}


@pytest.mark.parametrize("kind", ["gemini", "anthropic"])
async def test_a_call_out_of_a_broken_reply_takes_its_signature_along(tmp_path: Path, kind: str) -> None:
    async with serving(SCRIPT) as fake, gate(tmp_path, {"id": "up", "kind": kind, "baseUrl": fake.address}) as door:
        broken = frames((await door.ask(CHAT, chat(stream=True))).body)
        assert any("error" in data for _, data in broken if data != "[DONE]"), "the client hears that it broke off"
        deltas = [data["choices"][0]["delta"] for _, data in broken if data != "[DONE]" and data.get("choices")]
        pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
        arguments = "".join(piece["function"].get("arguments", "") for piece in pieces)
        call = {"id": pieces[0]["id"], "type": "function", "function": {"name": "write", "arguments": arguments}}
        result = {"role": "tool", "tool_call_id": call["id"], "content": "written"}
        reply = await door.ask(CHAT, chat({"role": "assistant", "content": None, "tool_calls": [call]}, result))
    assert reply.status == 200 and b"Done." in reply.body, reply.body
