"""Usage and finish reasons between the chat wire and the core. Knows every vendor's spelling; knows no frames.

Sources: the published schema for `usage`; DeepSeek's `prompt_cache_hit_tokens`; llama.cpp's `timings`; xAI, which
leaves reasoning out of `completion_tokens` and may leave cached tokens out of `prompt_tokens`.
"""

from typing import Final

from hostler.core.requests import Asked, FinishReason
from hostler.core.usage import Usage
from hostler.wire.fields import Members, as_count, as_members

_FROM_WIRE: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "context",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "error": "error",  # Mistral, OpenRouter
    "insufficient_system_resource": "error",  # DeepSeek
}
_TO_WIRE: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "error": "error",
    "unknown": "stop",
}


def read_finish(raw: str, *, calls: bool, refused: bool) -> FinishReason:
    """The core's reason; several servers say stop, or nothing, where calls wait for their results."""
    reason = _FROM_WIRE.get(raw, "unknown")
    if calls and reason in ("stop", "unknown"):
        return "tool_calls"
    if refused and reason == "stop":
        return "refusal"
    return reason


def write_finish(reason: FinishReason, *, calls: bool, refused: bool) -> str:
    """The wire's word; `error` is the one that lies outside its published list, so that no failure looks whole."""
    if reason in ("unknown", "pause") and calls:
        return "tool_calls"
    if reason == "refusal" and refused:  # the refusal itself says it
        return "stop"
    return _TO_WIRE[reason]


def read_usage(said: Members) -> Usage:
    """Five disjoint counts out of `usage`; published counts of the whole include cached and reasoning tokens."""
    prompt, completion = as_count(said.get("prompt_tokens")), as_count(said.get("completion_tokens"))
    read_details = as_members(said.get("prompt_tokens_details"))
    cached = as_count(read_details.get("cached_tokens"))
    if cached is None:
        cached = as_count(said.get("prompt_cache_hit_tokens"))
    written = as_count(read_details.get("cache_write_tokens"))
    reasoning = as_count(as_members(said.get("completion_tokens_details")).get("reasoning_tokens"))
    plain = prompt
    if prompt is not None and (cached or 0) + (written or 0) <= prompt:
        plain = prompt - (cached or 0) - (written or 0)
    visible = completion
    if completion is not None and reasoning is not None and not _excludes_reasoning(said, reasoning):
        visible = completion - reasoning
    return Usage(plain, cached, written, visible, reasoning)


def _excludes_reasoning(said: Members, reasoning: int) -> bool:
    """Whether the vendor left `reasoning` out of `completion_tokens`: told by its size, or by the total."""
    prompt, completion = as_count(said.get("prompt_tokens")) or 0, as_count(said.get("completion_tokens")) or 0
    total = as_count(said.get("total_tokens"))
    return reasoning > completion or (reasoning > 0 and total == prompt + completion + reasoning)


def read_timings(timings: Members) -> Usage:
    """llama.cpp's own counts; they stand in where `usage` is missing."""
    return Usage(
        input=as_count(timings.get("prompt_n")),
        cache_read=as_count(timings.get("cache_n")),
        output=as_count(timings.get("predicted_n")),
    )


def write_usage(usage: Usage, asked: Asked) -> dict[str, object]:
    """`usage`, always in numbers: clients do arithmetic on it. Our own count stands in for an unknown prompt."""
    known = usage.input is not None or usage.cache_read is not None
    prompt = usage.prompt_tokens if known else asked.prompt_tokens
    details = {"cached_tokens": usage.cache_read or 0}
    if usage.cache_write is not None:
        details["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": prompt + usage.completion_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
    }
