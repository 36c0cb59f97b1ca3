"""What the fake demands on the anthropic wire of reasoning, and what single models there refuse."""

from collections.abc import AsyncIterator

import anthropic
import pytest

from hostler.providers.fake import FakeVendor
from hostler.providers.fake.answer import signature_of
from hostler.providers.fake.anthropic_requests import check, read
from hostler.providers.fake.asked import Fault, Rules
from hostler.providers.fake.dialects import PRESETS
from hostler.providers.fake.script import PLAIN, Dialect
from tests.fakes import serving

VERSION = {"anthropic-version": "2023-06-01"}
USER = {"role": "user", "content": "hi"}
TOOL = {"name": "t", "input_schema": {"type": "object"}}
SCRIPT = """
- id: free
  replies: [{reasoning: "Let me see.", redacted: "c2VjcmV0", call_first_tool: true, text: "Done."}]
- id: bound
  dialect: anthropic-preserved
  replies: [{when: {tool_result: true}, text: "Done."}, {reasoning: "Let me see.", call_first_tool: true}]
"""


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


@pytest.fixture
async def claude(fake: FakeVendor) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=fake.address, api_key="k", max_retries=0) as client:
        yield client


def result_of(message: object) -> dict[str, object]:
    """The user's message with the result of its call."""
    call = next(block for block in message.content if block.type == "tool_use")
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "ok"}]}


async def test_a_signature_holds_for_its_conversation_alone(claude: anthropic.AsyncAnthropic) -> None:
    async def ask(turns: list[object], **more: object) -> object:
        return await claude.messages.create(model="bound", max_tokens=99, messages=turns, tools=[TOOL], **more)

    first = await ask([USER], system="Be brief.")
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    turns = [USER, said, result_of(first)]
    assert (await ask(turns, system="Be brief.")).content[0].text == "Done."
    marked = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    assert await ask([{"role": "user", "content": marked}, *turns[1:]], system="Be brief.")
    for changed in ([{"role": "user", "content": "ho"}, *turns[1:]], turns):
        with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
            await ask(changed, system="Be long." if changed is turns else "Be brief.")
    dropping = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    with pytest.raises(anthropic.BadRequestError, match="requires the `anthropic-beta"):
        await ask(turns, system="Be long.", thinking=dropping)
    beta = {"anthropic-beta": "another,thinking-binding-controls-2026-08-01"}
    assert await ask(turns, system="Be long.", thinking=dropping, extra_headers=beta)


async def test_text_that_is_left_out_keeps_its_signature(claude: anthropic.AsyncAnthropic) -> None:
    asked = {"model": "free", "max_tokens": 2000, "messages": [USER], "tools": [TOOL]}
    hidden = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    whole = await claude.messages.create(**asked, thinking=hidden)
    async with claude.messages.stream(**asked, thinking=hidden) as stream:
        final = await stream.get_final_message()
    for message in (whole, final):
        assert (message.content[0].thinking, message.content[0].signature) == ("", signature_of("Let me see."))
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in final.content]}
    again = {**asked, "messages": [USER, said, result_of(final)], "thinking": hidden}
    assert (await claude.messages.create(**again)).content
    said["content"][1]["data"] = "b3RoZXI="
    with pytest.raises(anthropic.BadRequestError, match="Invalid `data` in `redacted_thinking` block"):
        await claude.messages.create(**again)
    del said["content"][:2]
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking` or `redacted_thinking`, but found"):
        await claude.messages.create(**again)


def said(*blocks: dict[str, object], role: str = "user") -> dict[str, object]:
    """A message of blocks."""
    return {"role": role, "content": list(blocks)}


def image(**source: object) -> dict[str, object]:
    """A message with an image."""
    return said({"type": "image", "source": source})


THOUGHT = {"type": "thinking", "thinking": "x", "signature": signature_of("x")}
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("dialect", "body", "message"),
    [
        (PLAIN, {"thinking": {"type": "sometimes"}}, "Input tag 'sometimes'"),
        (PLAIN, {"thinking": {"type": "adaptive"}, "temperature": 0}, "may only be set to 1 when thinking"),
        (PLAIN, {"messages": [USER, said(THOUGHT, role="assistant"), USER]}, "final block in an assistant message"),
        (PLAIN, {"messages": [said(*[MARKED] * 5)]}, "blocks with cache_control may be provided. Found 5"),
        (PLAIN, {"messages": [image(type="base64", media_type="image/bmp", data="YQ==")]}, "should be 'image/jpeg'"),
        (PLAIN, {"messages": [image(type="base64", media_type="image/png", data="data:x")]}, "Invalid base64 data"),
        (PLAIN, {"messages": [image(type="bytes")]}, "Input tag 'bytes'"),
        (PRESETS["anthropic-adaptive"], {"thinking": {"type": "enabled", "budget_tokens": 1024}},
         '"thinking.type.enabled" is not supported for this model'),
        (PRESETS["anthropic-adaptive"], {"tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
        (PRESETS["anthropic-adaptive"], {"messages": [USER, {"role": "assistant", "content": "x"}]}, "prefill"),
        (Dialect(tools=False), {"tools": [TOOL]}, "tool use is not supported"),
        (Dialect(forbidden=("top_k",)), {"top_k": 3}, "top_k: Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_it_refuses(dialect: Dialect, body: dict[str, object], message: str) -> None:
    asked = read("messages", {"model": "m", "max_tokens": 2000, "messages": [USER], **body})
    with pytest.raises(Fault) as caught:
        check(asked, Rules(dialect, VERSION))
    assert message in caught.value.message


def test_citations_by_version() -> None:
    cited = said({"type": "text", "text": "x", "citations": [{"type": "char_location"}]})
    asked = read("messages", {"model": "m", "max_tokens": 9, "messages": [cited]})
    check(asked, Rules(headers=VERSION))
    with pytest.raises(Fault, match="citations: Extra inputs"):
        check(asked, Rules(headers={"anthropic-version": "2026-10-21"}))
