"""Dialects: the ways in which one vendor or engine departs from its wire, as data.

Knows: which departures exist and their defaults. Does not know: which vendor has which (rows in `providers`).
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Departures from a wire. Every field's default is the wire's own published behaviour."""

    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    """Where replies carry readable thinking; the first one found counts."""
    reasoning_back: Literal["never", "tool-turns", "always"] = "never"
    """Whether readable thinking must be sent back in history, in `reasoning_fields[0]`."""
    max_tokens_field: str = "max_completion_tokens"
    """Name of the limit on output tokens."""
    max_tokens_default: int | None = None
    """Sent where the client gave none and the wire demands one."""
    forbidden: tuple[str, ...] = ()
    """Parameters that are refused even at their defaults: dropped and named."""
    named_tool_choice: bool = True
    """Object form of `tool_choice`; without it, only the named tool is sent, with "required"."""
    tool_choice: bool = True
    """`tool_choice` at all."""
    parallel_tool_calls: bool = True
    """The `parallel_tool_calls` switch."""
    tool_id_pattern: str = r"[A-Za-z0-9_-]{1,64}"
    """Tool call ids must match; others are mapped to ones that do, reversibly."""
    tool_result_media: bool = False
    """Images within tool results; without it they follow as a user message."""
    developer_role: bool = True
    """`developer` messages; without it they are sent as `system`."""
    mid_system: bool = True
    """`system` messages behind the first turn; without it they become wrapped user text."""
    json_schema: bool = True
    """Structured output by schema."""
    adaptive_thinking: bool = True
    """The model measures its own thinking, by effort; without it an effort is sent as a budget in tokens."""
    stream_usage: bool = True
    """`stream_options.include_usage` is understood."""
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    """Efforts that are understood; another one is sent as the nearest below it (else above it) and named."""
    text_parts: bool = True
    """Several texts in one message as an array of parts; without it they are joined by an empty line."""
    api_version: str = ""
    """Value of the wire's version header; empty: the wire's own default."""


PLAIN: Final = Dialect()
"""No departure from the wire at all."""
