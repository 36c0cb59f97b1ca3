"""Knows the habits of known vendors, by name: how each departs from the wire that it serves.

Does not know how a habit is carried out; each wire's modules do.
"""

from collections.abc import Mapping
from typing import Final

from hostler.providers.fake.script import PLAIN, Dialect

_CURRENT_OPENAI: Final = Dialect(
    reasoning="hidden",
    summaries="asked",
    forbidden=("max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"),
)

PRESETS: Final[Mapping[str, Dialect]] = {
    "openai": Dialect(reasoning="hidden", summaries="asked"),
    "openai-reasoning": _CURRENT_OPENAI,
    "azure": Dialect(reasoning="hidden", summaries="asked"),
    "anthropic": PLAIN,
    "anthropic-adaptive": Dialect(thinking=("adaptive", "disabled"), forced_tools=False, prefill=False),
    "anthropic-preserved": Dialect(bound=True, thinking=("adaptive", "disabled"), forced_tools=False, prefill=False),
    "gemini": Dialect(summaries="asked"),
    "gemini-2.5": Dialect(summaries="asked", signatures=False, tool_ids="missing"),
    "deepseek": Dialect(
        counts="hits",
        fields=("*",),
        keep_alive="keep-alive",
        reasoning_back="calls",
        forced_tools=False,
        schemas=False,
        forbidden=("max_completion_tokens",),
    ),
    "mistral": Dialect(
        reasoning="chunks",
        errors="object",
        fields=("random_seed", "safe_prompt", "prompt_mode", "document_image_limit"),
        message_fields=("prefix",),
        tool_ids="nine",
        tool_id=r"[a-zA-Z0-9]{9}",
        turns="answered",
        fragments=False,
        forbidden=("max_completion_tokens", "seed", "stream_options", "logprobs"),
    ),
    "xai": Dialect(
        counts="apart",
        cost="ticks",
        errors="flat",
        fields=("search_parameters", "deferred"),
        fragments=False,
        forbidden=("stop", "presence_penalty", "frequency_penalty", "logit_bias"),
    ),
    "openrouter": Dialect(
        reasoning="reasoning_details",
        errors="coded",
        cost="usd",
        fields=("*",),
        keep_alive="OPENROUTER PROCESSING",
    ),
    "groq": Dialect(reasoning="reasoning", fragments=False, fields=("reasoning_format", "include_reasoning")),
    "vllm": Dialect(reasoning="reasoning", errors="coded", fields=("*",), system="first", turns="alternate"),
    "minimax": Dialect(reasoning="tags", fields=("*",), forced_tools=False, schemas=False),
    "qwen": Dialect(stream_only=True, fields=("*",), running_usage=True),
    "dashscope-cumulative": Dialect(text="cumulative"),
    "dashscope-incremental": Dialect(text="incremental", stream_only=True),
    "llama.cpp": Dialect(errors="coded", fields=("*",), system="first"),
    "ollama": Dialect(
        reasoning="reasoning",
        tool_index="zero",
        fragments=False,
        fields=("*",),
        forced_tools=False,
        summaries="asked",
    ),
    "ollama-old": Dialect(
        tool_ids="missing", tool_index="missing", fragments=False, finish_calls="stop", fields=("*",)
    ),
    "compatible": Dialect(
        reasoning="reasoning",
        errors="detail",
        tool_index="missing",
        finish_open="absent",
        finish_calls="stop",
        fields=("*",),
    ),
}
"""Habits by the name that a script gives."""


def dialect_named(given: str | Dialect) -> Dialect:
    """The habits under a name, or those that are given one by one. Raises KeyError for a name that nobody knows."""
    return PRESETS[given] if isinstance(given, str) else given
