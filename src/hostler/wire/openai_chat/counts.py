"""Usage and finish reasons between the chat wire and the core. Knows every vendor's spelling; knows no frames.

Sources: the published schema for `usage`; DeepSeek's `prompt_cache_hit_tokens`; Moonshot's `cached_tokens`; the
`cache_creation_input_tokens` of Qwen; llama.cpp's `timings`; xAI, which leaves reasoning out of `completion_tokens` and
may leave cached tokens out of `prompt_tokens`.
"""

from typing import Final

from hostler.core.requests import Asked, FinishReason
from hostler.core.usage import Usage
from hostler.wire.fields import Members, as_count, as_members
from hostler.wire.reported_cost import reported_cost

_FROM_WIRE: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "context",  # Mistral
    "model_context_window_exceeded": "context",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",  # Zhipu
    "refusal": "refusal",
    "pause_turn": "pause",
    "error": "error",  # Mistral, OpenRouter
    "insufficient_system_resource": "error",  # DeepSeek
    "abort": "error",  # vLLM, SGLang
    "network_error": "error",  # Zhipu
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


def read_finish(raw: str, *, calls: bool, refused: bool, stopped: bool = False) -> FinishReason:
    """The core's reason; several servers say stop, or nothing, where calls wait for their results."""
    reason = _FROM_WIRE.get(raw) or _FROM_WIRE.get(raw.lower(), "unknown")
    if calls and reason in ("stop", "unknown"):
        return "tool_calls"
    if refused and reason == "stop":
        return "refusal"
    return "stop_sequence" if stopped and reason == "stop" else reason


def write_finish(reason: FinishReason, *, calls: bool, refused: bool) -> str:
    """The wire's word; `error` is the one that lies outside its published list, so that no failure looks whole."""
    if reason in ("unknown", "pause") and calls:
        return "tool_calls"
    if reason == "refusal" and refused:  # the refusal itself says it
        return "stop"
    return _TO_WIRE[reason]


def read_stop(raw: str, met: object) -> str | None:
    """The stop sequence that was met, where a server tells it (vLLM, SGLang); a number there is a token's."""
    return met if raw == "stop" and isinstance(met, str) and met else None


def read_usage(said: Members) -> Usage:
    """Five disjoint counts out of `usage`; published counts of the whole include cached and reasoning tokens."""
    prompt, completion = as_count(said.get("prompt_tokens")), as_count(said.get("completion_tokens"))
    of_prompt = as_members(said.get("prompt_tokens_details"))
    cached = _first(of_prompt, _CACHED)
    if cached is None:
        cached = _first(said, _CACHED)
    written = _first(of_prompt, _WRITTEN)
    if written is None:
        written = _first(said, _WRITTEN)
    reasoning = as_count(as_members(said.get("completion_tokens_details")).get("reasoning_tokens"))
    if reasoning is None:
        reasoning = as_count(said.get("reasoning_tokens"))
    extra = (cached or 0) + (written or 0)
    total = as_count(said.get("total_tokens"))
    if (
        prompt is not None
        and extra
        and not _is_left_out(extra, prompt, other=completion or 0, reasoning=reasoning or 0, total=total)
    ):
        prompt -= extra
    if completion is not None and reasoning:
        whole = (prompt or 0) + (extra if prompt is not None else 0)
        if not _is_left_out(reasoning, completion, other=whole, reasoning=0, total=total):
            completion -= reasoning
    return Usage(prompt, cached, written, completion, reasoning, reported_cost(said))


_CACHED: Final = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")


def _first(members: Members, names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in members and (count := as_count(members[name])) is not None:
            return count
    return None


def _is_left_out(part: int, count: int, *, other: int, reasoning: int, total: int | None) -> bool:
    """Whether the vendor left `part` out of `count`: told by its size, or by the total with the other count."""
    if part > count:
        return True
    if total is None or total in (count + other, count + other + reasoning):
        return False
    return total in (count + part + other, count + part + other + reasoning)


def with_timings(usage: Usage, timings: Members) -> Usage:
    """Counts, with what llama.cpp's server says only in its timings: how much of the prompt came from its cache."""
    if not usage.known:
        return read_timings(timings)
    cached = as_count(timings.get("cache_n"))
    if cached is None or usage.cache_read is not None or usage.input is None or cached > usage.input:
        return usage
    return usage._replace(input=usage.input - cached, cache_read=cached)


def read_timings(timings: Members) -> Usage:
    """llama.cpp's own counts; they stand in where `usage` is missing."""
    return Usage(
        input=as_count(timings.get("prompt_n")),
        cache_read=as_count(timings.get("cache_n")),
        output=as_count(timings.get("predicted_n")),
    )


def write_usage(usage: Usage, asked: Asked) -> dict[str, object]:
    """`usage`, always in numbers: clients do arithmetic on it. Our own count stands in for an unknown prompt."""
    prompt = asked.prompt_of(usage)
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
