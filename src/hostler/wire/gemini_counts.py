"""Usage and finish reasons between the gemini wire and the core. Knows their words and what counts hold; no frames.

Facts: ai.google.dev/api/generate-content#FinishReason, #UsageMetadata and the types of the `google-genai` SDK 3.4.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hostler.core.requests import Asked, FinishReason
from hostler.core.usage import Usage
from hostler.wire.fields import as_count, as_members

Json = dict[str, object]
_BLOCKED: Final = (
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "JAILBREAK", "PUP_LIMITED_DISABLED",
    "OTHER",
)  # fmt: skip
"""Finish reasons of a reply that was held back; `OTHER` says only that it did not come to its own end."""
FAILURES: Final = (
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
)  # fmt: skip
"""Finish reasons of a reply that its model spoiled."""
_FROM_WIRE: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(_BLOCKED, "content_filter"),
    **dict.fromkeys(FAILURES, "error"),
}
_TO_WIRE: Final[Mapping[FinishReason, str]] = {
    "length": "MAX_TOKENS",
    "context": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
}


def read_finish(raw: str, *, calls: bool) -> FinishReason:
    """The core's reason; the wire says STOP also where calls wait for their results."""
    reason = _FROM_WIRE.get(raw, "unknown")
    return "tool_calls" if calls and reason in ("stop", "unknown") else reason


def write_finish(finish: FinishReason, raw: str) -> str:
    """The finish reason for a client: the wire's own word survives; calls that wait are a plain STOP here."""
    return raw if _FROM_WIRE.get(raw) == finish else _TO_WIRE.get(finish, "STOP")


def read_usage(raw: msgspec.Raw) -> Usage:
    """Five disjoint counts: the prompt's count holds the cached tokens, the candidates' leaves the thoughts out.

    What server tools put into the prompt is counted beside it (`toolUsePromptTokenCount`).
    """
    said = as_members(msgspec.json.decode(raw))
    prompt, cached = as_count(said.get("promptTokenCount")), as_count(said.get("cachedContentTokenCount"))
    if prompt is not None:
        prompt = max(prompt - (cached or 0), 0) + (as_count(said.get("toolUsePromptTokenCount")) or 0)
    output, thoughts = as_count(said.get("candidatesTokenCount")), as_count(said.get("thoughtsTokenCount"))
    return Usage(input=prompt, cache_read=cached, output=output, reasoning=thoughts)


def write_usage(usage: Usage, asked: Asked) -> Json:
    """`usageMetadata`, always in numbers: clients do arithmetic on it. An unknown prompt is as long as we counted."""
    prompt = asked.prompt_of(usage)
    counts: Json = {"promptTokenCount": prompt, "candidatesTokenCount": usage.output or 0}
    if usage.cache_read is not None:
        counts["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning is not None:
        counts["thoughtsTokenCount"] = usage.reasoning
    counts["totalTokenCount"] = prompt + usage.completion_tokens
    return counts
