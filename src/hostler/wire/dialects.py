"""Dialects: the ways in which one vendor or engine departs from its wire, as data.

Knows: which departures exist and their defaults. Does not know: which vendor has which (rows in `providers`).
"""

import re
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal

ThinkingForm = Literal["adaptive", "enabled", "disabled", "between_tools"]
"""How the messages wire is told to think: by the model's own measure, within a budget, not at all, or only between
calls."""
ThinkingAs = Literal["effort", "object", "switch", "flag", "template"]
"""How the chat wire is told to think: `reasoning_effort`; `reasoning: {effort, max_tokens, enabled}`;
`thinking: {type}` beside the effort; `enable_thinking` with `thinking_budget`; `chat_template_kwargs`."""
ForcedChoice = Literal["always", "without-thinking", "never"]
"""When a tool may be forced: "without-thinking" turns thinking off for it."""
Prefill = Literal["free", "marked", "none"]
"""Whether a conversation may end with the beginning of the answer; "marked": with `prefix: true` beside it."""
CacheMarks = Literal["none", "breakpoint", "cache_control"]
"""How the chat wire marks the end of a prefix worth caching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRule:
    """What differs for the models in whose name `pattern` is found; `forbidden` adds up, None changes nothing."""

    pattern: str
    forbidden: tuple[str, ...] = ()
    temperature_or_top_p: bool | None = None
    max_tokens_default: int | None = None
    efforts: tuple[str, ...] | None = None
    adaptive_thinking: bool | None = None
    thinking_forms: tuple[ThinkingForm, ...] | None = None
    thinking_as: ThinkingAs | None = None
    bound_thinking: bool | None = None
    forced_tool_choice: ForcedChoice | None = None
    developer_role: bool | None = None
    mid_system: bool | None = None
    json_schema: bool | None = None
    prefill: Prefill | None = None
    cache_marks: CacheMarks | None = None
    stream_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Departures from a wire. Every field's default is the wire's own published behaviour."""

    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Where replies carry readable thinking; the first one found counts."""
    reasoning_tags: tuple[str, ...] = ()
    """Names of tags in which thinking may open a reply's text: `<think>...</think>`. Further in it is only text."""
    reasoning_back: Literal["never", "tool-turns", "always"] = "never"
    """Whether readable thinking must be sent back in history. "tool-turns": with each answer once there are tools,
    empty where none is known."""
    reasoning_back_as: Literal["field", "tags", "chunks"] = "field"
    """Where it goes: in `reasoning_fields[0]`, within the text in the first of `reasoning_tags`, or as a chunk of the
    content of its own."""
    max_tokens_field: str = "max_completion_tokens"
    """Name of the limit on output tokens."""
    max_tokens_default: int | None = None
    """Sent where the client gave none and the wire demands one."""
    forbidden: tuple[str, ...] = ()
    """Parameters that are refused even at their defaults: dropped and named."""
    forbidden_since: tuple[tuple[str, tuple[str, ...]], ...] = (("2026-10-21", ("temperature", "top_p", "top_k")),)
    """The same, from an `api_version` on (of the messages wire, platform.claude.com/docs/en/api/versioning)."""
    temperature_or_top_p: bool = False
    """Only one of the two may be given."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Parameters that go by another name: the wire's own, and theirs."""
    constants: tuple[tuple[str, str | int | bool], ...] = ()
    """Parameters that every request needs."""
    named_tool_choice: bool = True
    """Object form of `tool_choice`; without it, only the named tool is sent, with "required"."""
    tool_choice: bool = True
    """`tool_choice` at all."""
    forced_tool_choice: ForcedChoice = "always"
    """Whether a choice may force a call; where not, the model is left to choose, and the loss is named."""
    parallel_tool_calls: bool = True
    """The `parallel_tool_calls` switch."""
    allowed_tools: bool = True
    """A choice among some of the tools; without it, only those are offered."""
    custom_tools: bool = True
    """Free-form tools; without them they are offered as functions with one string."""
    tool_id_pattern: str = r"[A-Za-z0-9_-]{1,64}"
    """Tool call ids must match; others are mapped to ones that do, reversibly."""
    tool_name_pattern: str = ""
    """Names of tools must match, likewise; empty: as the wire's own vendor publishes."""
    tool_result_media: bool = False
    """Images within tool results; without it they follow as a user message."""
    developer_role: bool = True
    """`developer` messages; without it they are sent as `system`."""
    mid_system: bool = True
    """`system` messages behind the first turn; without it they become wrapped user text."""
    json_schema: bool = True
    """Structured output by schema. Without it any JSON object is asked for, and the schema told in words."""
    inline_refs: bool = False
    """Schemas may not refer to `$defs`: each reference is replaced by what it refers to."""
    strict_schemas: bool = True
    """A schema to be followed strictly must close every object and require every property."""
    adaptive_thinking: bool = True
    """The model measures its own thinking, by effort; without it an effort is sent as a budget in tokens."""
    thinking_forms: tuple[ThinkingForm, ...] = ("adaptive", "enabled", "disabled")
    """What of `thinking` on the messages wire is not refused; another form is sent as the nearest, and named."""
    bound_thinking: bool = False
    """Thinking that comes back must stand behind what it was made behind; what does not is left out, if asked so."""
    thinking_as: ThinkingAs = "effort"
    """How thinking is asked for on the chat wire."""
    stream_usage: bool = True
    """`stream_options.include_usage` is understood."""
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    """Efforts that are understood; another one is sent as the nearest below it (else above it) and named."""
    text_parts: bool = True
    """Several texts in one message as an array of parts; without it they are joined by an empty line."""
    user_after_results: bool = True
    """The user may speak right behind results of tools; without it, the assistant says a word between the two."""
    prefill: Prefill = "free"
    """Whether the last message may be the assistant's; where not, the user asks to go on from there."""
    cache_marks: CacheMarks = "none"
    """Prompt-cache breakpoints on the chat wire, at most four."""
    audio_data_url: bool = False
    """Sound on the chat wire is a `data:` URL, not bare base64."""
    stream_only: bool = False
    """Only streams are served: a whole reply is folded from one."""
    thinking_stream_only: bool = False
    """The same of replies with thinking."""
    stores_responses: bool = True
    """Responses can be gone on from by their ids; where not, they are kept by us."""
    counts_input: bool = False
    """The responses wire's count of input tokens is there."""
    incremental_output: bool = True
    """Streams of the dashscope wire can be had piece by piece; without it each piece repeats all before it."""
    models: tuple[ModelRule, ...] = ()
    """What differs by model; all rules that match count, in their order."""
    num_ctx: int | None = None
    """Context window in tokens to ask for, of a server that else takes a small one and cuts prompts without a word."""
    usual_ctx: int | None = None
    """What it takes unless it is told; `num_ctx` is then set for each request that needs more."""
    api_version: str = ""
    """Value of the wire's version header; empty: the wire's own default."""

    def of(self, model: str) -> "Dialect":
        """The dialect that `model` speaks, with its API version's refusals."""
        return _resolved(self, model) if self.models or self.api_version else self

    def wants_thinking(self, *, calls: bool) -> bool:
        """Whether what a model thought goes back with what it said; `calls`: it called tools there."""
        return self.reasoning_back == "always" or (self.reasoning_back == "tool-turns" and calls)

    def depart(self, body: dict[str, object]) -> set[str]:
        """Leave out of a request's fields, rename and add what the vendor wants so; what was left out."""
        dropped = {name for name in self.forbidden if name in body}
        for name in dropped:
            del body[name]
        for name, theirs in self.renamed:
            if name in body:
                body[theirs] = body.pop(name)
        for name, value in self.constants:
            body.setdefault(name, value)
        return dropped

    def __hash__(self) -> int:
        return hash((self.max_tokens_field, self.api_version, len(self.models)))  # of all fields it costs every request


PLAIN: Final = Dialect()
"""No departure from the wire at all."""


@lru_cache(maxsize=1024)
def _resolved(dialect: Dialect, model: str) -> Dialect:
    forbidden = dialect.forbidden
    for since, names in dialect.forbidden_since:
        if dialect.api_version >= since:
            forbidden += names
    changes: dict[str, Any] = {}  # the names are those of `Dialect`, which a test holds
    for rule in dialect.models:
        if re.search(rule.pattern, model, re.IGNORECASE):
            forbidden += rule.forbidden
            given = {field.name: getattr(rule, field.name) for field in fields(rule)}
            changes |= {name: value for name, value in given.items() if name not in _OF_RULE and value is not None}
    return replace(dialect, **changes, forbidden=tuple(dict.fromkeys(forbidden)), models=())


_OF_RULE: Final = ("pattern", "forbidden")
