"""What single models of a vendor refuse or want, by name. Knows names and departures; no address, no wire's JSON.

Facts: platform.claude.com/docs (thinking and what it is bound to, effort, forced tools, mid-conversation system
messages, prefill) and developers.openai.com/api/docs/guides (reasoning, prompt caching), read 2026-11-20. A model that
nobody told us about is taken for one like its family's newest.
"""

from typing import Final

from hostler.wire.dialects import ModelRule

_UNSAMPLED: Final = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
)  # fmt: skip

CLAUDE: Final = (
    # before 4.6: a budget instead of the model's own measure; only the newest of them knows efforts
    ModelRule(
        pattern=r"claude-(3|(opus|sonnet|haiku)-4(-[0-5]|-20\d+|@|$)(?!\d))",
        adaptive_thinking=False,
        thinking_forms=("enabled", "disabled"),
        efforts=(),
    ),
    ModelRule(pattern=r"claude-(3|(opus|sonnet)-4(-0|-20\d+|@|$)(?!\d))", json_schema=False),
    ModelRule(pattern=r"claude-3", max_tokens_default=4096),
    ModelRule(pattern=r"claude-(opus|sonnet)-4-6", efforts=("low", "medium", "high", "max")),
    ModelRule(pattern=r"claude-((opus|sonnet|haiku)-(4-[6-9]|[5-9])|fable|mythos)", prefill="none"),
    ModelRule(
        pattern=r"claude-(opus-4-[78]|(opus|sonnet|haiku)-[5-9]|fable|mythos)",
        thinking_forms=("adaptive", "disabled"),
        forbidden=("temperature", "top_p", "top_k"),
    ),
    ModelRule(pattern=r"claude-(opus-5-5|fable|mythos)", thinking_forms=("adaptive",)),
    ModelRule(pattern=r"claude-sonnet-5-5", thinking_forms=("adaptive", "between_tools")),
    ModelRule(pattern=r"claude-((opus|sonnet)-5-5|(fable|mythos)-5-[12])", forced_tool_choice="never"),
    ModelRule(
        pattern=r"claude-((opus|sonnet|haiku)-(5-[5-9]|[6-9])|(fable|mythos)-(5-[1-9]|[6-9]))", bound_thinking=True
    ),
    ModelRule(pattern=r"claude-(opus-4-8|opus-5|fable-5|mythos-5)", mid_system=True),
)

OPENAI: Final = (
    ModelRule(pattern=r"^(gpt-[34]|chatgpt|gpt-5-chat)", efforts=()),
    ModelRule(
        pattern=r"^(o\d|gpt-5(?![.\d]*-chat|\.[1-4])|gpt-[6-9])",  # from 5.1 to 5.4 they think only when asked to
        forbidden=_UNSAMPLED,
    ),
    ModelRule(pattern=r"^o\d", efforts=("low", "medium", "high")),
    ModelRule(pattern=r"^gpt-5(-mini|-nano)?(-\d|$)", efforts=("minimal", "low", "medium", "high")),
    ModelRule(pattern=r"^gpt-5\.[1-9]", efforts=("none", "low", "medium", "high", "xhigh")),
    ModelRule(pattern=r"^gpt-(5\.[6-9]|[6-9])", cache_marks="breakpoint"),
)

MINIMAX: Final = (ModelRule(pattern=r"(?i)minimax-m2", thinking_forms=("enabled",)),)
"""The older ones always think."""

QWEN: Final = (ModelRule(pattern=r"(?i)qwq|qvq|omni|-thinking", stream_only=True),)
