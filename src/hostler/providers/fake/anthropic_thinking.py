"""Knows what Anthropic demands of reasoning: how it is asked for, signed, bound to its conversation, and sent back.

Written after the published API reference; does not know anything else of requests or replies.
"""

import re
from typing import Final

import msgspec

from hostler.providers.fake.answer import signature_of
from hostler.providers.fake.asked import Fault, Rules
from hostler.providers.fake.json_values import (
    Json,
    array_at,
    is_array,
    is_number,
    is_object,
    object_at,
    objects_of,
    text_at,
)

_LEAST_BUDGET: Final = 1024
_KINDS: Final = ("adaptive", "enabled", "disabled", "between_tools")
_BINDING: Final = "thinking-binding-controls-2026-08-01"
_MADE: Final = re.compile(r"fake-[0-9a-f]{40}")
_REASONING: Final = ("thinking", "redacted_thinking")


def bound_signature(reasoning: str, body: Json, *, messages: list[Json]) -> str:
    """A signature that holds only behind these messages, with the body's system text and tools.

    What marks a place for the cache is not compared, nor whether a text stands alone or in a list.
    """
    before = [body.get("system"), body.get("tools"), [[m.get("role"), _parts(m.get("content"))] for m in messages]]
    return signature_of(reasoning + msgspec.json.encode(_unmarked(before), order="sorted").decode())


def _parts(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _unmarked(value: object) -> object:
    if is_object(value):
        return {name: _unmarked(inner) for name, inner in value.items() if name != "cache_control"}
    return [_unmarked(one) for one in value] if is_array(value) else value


def check_asked(body: Json, rules: Rules) -> None:
    """Raise Fault for a way of asking for reasoning that is refused."""
    thinking = object_at(body, "thinking")
    kind = thinking.get("type")
    if not thinking:
        return
    if "block_binding" in thinking and _BINDING not in rules.headers.get("anthropic-beta", ""):
        raise Fault(f"thinking.block_binding: this field requires the `anthropic-beta: {_BINDING}` header.")
    if kind not in _KINDS:
        names = ", ".join(f"'{name}'" for name in _KINDS)
        raise Fault(f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: {names}")
    if kind not in rules.dialect.thinking:
        raise Fault(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind in ("enabled", "adaptive") and body.get("temperature") not in (None, 1):
        raise Fault("`temperature` may only be set to 1 when thinking is enabled.")
    if kind == "enabled":
        _check_budget(thinking, body)


def _check_budget(thinking: Json, body: Json) -> None:
    budget = thinking.get("budget_tokens")
    if not is_number(budget):
        raise Fault("thinking.enabled.budget_tokens: Field required")
    if budget < _LEAST_BUDGET:
        raise Fault("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    limit = body.get("max_tokens")
    if is_number(limit) and budget >= limit:
        raise Fault("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if text_at(object_at(body, "tool_choice"), "type") in ("any", "tool"):
        raise Fault("Thinking may not be enabled when tool_choice forces tool use.")
    _check_leading(objects_of(body.get("messages")))


def _check_leading(messages: list[Json]) -> None:
    """With manual thinking the calls that are being answered must stand behind their reasoning."""
    if not messages or not _kinds(messages[-1], "tool_result"):
        return
    place = len(messages) - 2
    kinds = [text_at(block, "type") for block in array_at(messages[place], "content")]
    if kinds and kinds[0] not in _REASONING:
        raise Fault(
            f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. "
            "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
            "lastmost set of `tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`."
        )


def _kinds(message: Json, kind: str) -> bool:
    return any(text_at(block, "type") == kind for block in array_at(message, "content"))


def check_returned(body: Json, rules: Rules) -> None:
    """Raise Fault for reasoning that does not come back as it was given."""
    messages = objects_of(body.get("messages"))
    for place, message in enumerate(messages):
        blocks = array_at(message, "content")
        for number, block in enumerate(blocks):
            where = f"messages.{place}.content.{number}"
            if text_at(block, "type") == "redacted_thinking" and text_at(block, "data") not in rules.signatures:
                raise Fault(f"{where}: Invalid `data` in `redacted_thinking` block")
            if text_at(block, "type") == "thinking":
                _check_block(block, (body, messages[:place]), where=where, rules=rules)
        if blocks and text_at(blocks[-1], "type") in _REASONING:
            raise Fault(f"messages.{place}: The final block in an assistant message cannot be `thinking`.")


def _check_block(block: object, before: tuple[Json, list[Json]], *, where: str, rules: Rules) -> None:
    signature, text = text_at(block, "signature"), text_at(block, "thinking")
    if signature in rules.signatures:
        return
    if not _MADE.fullmatch(signature):
        raise Fault(f"{where}: Invalid `signature` in `thinking` block")
    if rules.dialect.bound:
        binding = object_at(object_at(before[0], "thinking"), "block_binding")
        dropped = binding.get("prefix_mismatch_behavior") == "drop_block"
        if text and not dropped and signature != bound_signature(text, before[0], messages=before[1]):
            raise Fault(
                f"{where}: `thinking` block is bound to a different conversation and cannot be used here. The system "
                "prompt, tools and messages before it must be the same as when it was created."
            )
    elif text and signature != signature_of(text):  # text that was left out cannot be compared
        raise Fault(f"{where}: Invalid `signature` in `thinking` block")
