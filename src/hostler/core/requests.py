"""A chat request and its reply, free of any wire. Knows the fields; does not know how a wire spells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hostler.core.messages import CacheMark, Message, Part, ToolCall, visible_text
from hostler.core.tools import Tool
from hostler.core.usage import Usage
from hostler.core.wires import Wire

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FinishReason = Literal[
    "stop",  # the model came to its end
    "stop_sequence",  # a stop sequence was met
    "length",  # max_tokens was reached
    "context",  # the context window was full
    "tool_calls",  # the model waits for tool results
    "content_filter",  # the vendor's filter cut it
    "refusal",  # the model refused
    "pause",  # a server tool runs; send the reply back as it is
    "error",  # the upstream failed midway
    "unknown",  # a reason that nobody told us about; see Reply.raw_finish
]


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools may or must be called. `named` needs `name`; `allowed` narrows `auto` or `required`."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Structured output: any JSON object, or JSON by a schema."""

    kind: Literal["json_object", "json_schema"]
    schema: Mapping[str, object] | None = None
    name: str = ""
    strict: bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class ReasoningOptions:
    """How much the model should think. `budget` in tokens; `mode` as asked: off, on, or the model's own measure."""

    mode: Literal["off", "on", "adaptive"] | None = None
    effort: Effort | None = None
    budget: int | None = None
    hidden: bool = False

    @property
    def wanted(self) -> bool:
        """Whether it is to think, in whatever words."""
        if self.mode == "off" or self.effort == "none":
            return False
        return self.mode is not None or self.effort is not None or self.budget is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampling parameters; None: not given. Penalties and temperature as the chat wire defines them."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request for one reply.

    `extra` holds the top-level fields that only `wire` knows, as plain JSON values; another wire drops and names
    them. `include_usage`: the client asked for usage in a stream (always true where the wire always sends it).
    `cache`: the vendor shall choose a prompt-cache breakpoint itself, with this time to live; `cache_key` says which
    requests have a prefix in common.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    reasoning: ReasoningOptions | None = None
    output_format: OutputFormat | None = None
    stream: bool = False
    include_usage: bool = False
    user: str = ""
    cache: CacheMark | None = None
    cache_key: str = ""
    wire: Wire | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One whole reply. `raw_finish` is the finish reason as the upstream spelled it, `finish_detail` a refusal's
    category in its words."""

    id: str = ""
    model: str = ""
    parts: tuple[Part, ...] = ()
    finish: FinishReason = "unknown"
    raw_finish: str = ""
    stop_sequence: str | None = None
    finish_detail: str = ""
    usage: Usage = Usage()

    @property
    def text(self) -> str:
        """What a person reads of it: no reasoning, no tool calls."""
        return visible_text(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What the model wants to be called, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class Asked:
    """What an encoder must echo to the client.

    `model` is the id that the client asked for, `id` our reply id without a wire's prefix, `created` in unix
    seconds; `include_usage` whether a stream on the chat wire ends with a usage chunk; `as_array` whether a stream on
    the gemini wire is one JSON array instead of server-sent events. `request` is what the client sent, where it is
    known: some wires repeat parts of it in a reply, or spell a call as its tool was offered. `passed`: the last bytes
    of a stream that went out as an upstream gave them, for an encoder that ends such a stream with an error.
    """

    model: str
    id: str
    created: int
    include_usage: bool = True
    prompt_tokens: int = 0
    as_array: bool = False
    request: ChatRequest | None = None
    passed: bytes = b""

    def prompt_of(self, usage: Usage) -> int:
        """All tokens read; our own count stands in where the upstream did not say."""
        known = usage.input is not None or usage.cache_read is not None
        return usage.prompt_tokens if known else self.prompt_tokens
