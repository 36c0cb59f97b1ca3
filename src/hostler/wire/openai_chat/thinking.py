"""How much to think, in each of the ways in which chat servers are told. Knows those fields; knows no other.

Published forms: `reasoning_effort` (OpenAI), `reasoning: {effort, max_tokens, enabled, exclude}` (OpenRouter),
`thinking: {type, budget_tokens}` (DeepSeek), `enable_thinking` with `thinking_budget` (Qwen), and
`chat_template_kwargs: {enable_thinking}` (llama.cpp, vLLM).
"""

from dataclasses import replace
from typing import Final, Literal, cast

from hostler.core.requests import Effort, ReasoningOptions
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import EFFORTS, budget_of, effort_word, nearest_effort
from hostler.wire.fields import Members, as_count, as_members, as_text
from hostler.wire.openai_chat.content_out import Json

FIELDS: Final = frozenset(("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget"))
"""Fields that `read_thinking` looks at; those that it does not understand are the caller's to keep."""

_Mode = Literal["off", "on", "adaptive"]
_MODES: Final[dict[str, _Mode]] = {
    "enabled": "on",
    "disabled": "off",
    "adaptive": "adaptive",
    "auto": "adaptive",
}


def read_thinking(members: Members, extra: Json) -> ReasoningOptions | None:
    """What a request asks for, by whichever names; what of it nobody understands goes to `extra`."""
    options = ReasoningOptions()
    effort = members.get("reasoning_effort")
    if effort in EFFORTS:
        options = replace(options, effort=cast("Effort", effort))
    elif effort is not None:
        extra["reasoning_effort"] = effort  # a measure that only its own upstream may know
    asked = as_members(members.get("reasoning"))
    if asked:
        options = _read_object(asked, options, extra=extra)
    elif members.get("reasoning") is not None:
        extra["reasoning"] = members["reasoning"]
    switch = members.get("thinking")
    mode = _MODES.get(as_text(as_members(switch).get("type")))
    if mode is not None:
        options = replace(options, mode=mode, budget=as_count(as_members(switch).get("budget_tokens")) or None)
    elif switch is not None:
        extra["thinking"] = switch
    return _read_flags(members, options, extra=extra)


def _read_object(asked: Members, options: ReasoningOptions, *, extra: Json) -> ReasoningOptions:
    effort, budget, enabled = asked.get("effort"), as_count(asked.get("max_tokens")), asked.get("enabled")
    rest = {key: value for key, value in asked.items() if key not in ("effort", "max_tokens", "enabled", "exclude")}
    if effort in EFFORTS:
        options = replace(options, effort=cast("Effort", effort))
    elif effort is not None:
        rest["effort"] = effort
    if rest:
        extra["reasoning"] = rest
    if isinstance(enabled, bool):
        options = replace(options, mode="on" if enabled else "off")
    return replace(options, budget=budget or None, hidden=asked.get("exclude") is True)


def _read_flags(members: Members, options: ReasoningOptions, *, extra: Json) -> ReasoningOptions | None:
    kwargs = as_members(members.get("chat_template_kwargs"))
    flag = members.get("enable_thinking", kwargs.get("enable_thinking", kwargs.get("thinking")))
    if isinstance(flag, bool) and options.mode is None:
        options = replace(options, mode="on" if flag else "off")
    elif members.get("enable_thinking") is not None:
        extra["enable_thinking"] = members["enable_thinking"]
    budget = members.get("thinking_budget")
    if as_count(budget):
        options = replace(options, budget=as_count(budget))
    elif budget is not None:
        extra["thinking_budget"] = budget
    return None if options == ReasoningOptions() else options


def write_thinking(options: ReasoningOptions, dialect: Dialect, *, body: Json) -> set[str]:
    """Put what is asked for into `body`, as the dialect says it; the names of what it cannot say."""
    if options.hidden and dialect.thinking_as != "object":
        return {"thinking.display"} | write_thinking(replace(options, hidden=False), dialect, body=body)
    match dialect.thinking_as:
        case "effort":
            return _write_effort(options, dialect, body=body)
        case "object":
            return _write_object(options, dialect, body=body)
        case "switch":
            if is_on(options) is not None:
                body["thinking"] = {"type": "enabled" if is_on(options) else "disabled"}
            return _write_effort(_measured(options), dialect, body=body)
        case "flag":
            return _write_flag(options, body)
        case "template":
            if is_on(options) is not None:
                kwargs = as_members(body.get("chat_template_kwargs"))
                body["chat_template_kwargs"] = {**kwargs, "enable_thinking": is_on(options)}
            return _write_effort(_measured(options), dialect, body=body)


def is_on(options: ReasoningOptions | None) -> bool | None:
    """Whether thinking is asked for; None: that is left to the model."""
    if options is None:
        return None
    if options.mode == "off" or (options.mode is None and options.effort == "none"):
        return False
    given = options.mode is not None or options.effort is not None or options.budget is not None
    return True if given else None


def _measured(options: ReasoningOptions) -> ReasoningOptions:
    """How much alone, where a switch says whether."""
    if not is_on(options):
        return ReasoningOptions()
    return ReasoningOptions(effort=None if options.effort == "none" else options.effort, budget=options.budget)


def _write_effort(options: ReasoningOptions, dialect: Dialect, *, body: Json) -> set[str]:
    effort, dropped = effort_word(options, dialect.efforts, name="reasoning_effort")
    if effort is not None:
        body["reasoning_effort"] = effort
    return dropped


def _write_object(options: ReasoningOptions, dialect: Dialect, *, body: Json) -> set[str]:
    asked: Json = {}
    dropped: set[str] = set()
    effort = options.effort
    if is_on(options) is False:
        asked["enabled"] = False
    elif options.budget is not None:
        asked["max_tokens"] = options.budget
    elif effort not in (None, "none"):
        asked["effort"] = nearest_effort(effort, dialect.efforts)
        dropped = set() if effort in dialect.efforts else {"reasoning_effort"}
    elif is_on(options):
        asked["enabled"] = True
    if options.hidden:
        asked["exclude"] = True
    if asked:
        body["reasoning"] = {**as_members(body.get("reasoning")), **asked}
    return dropped


def _write_flag(options: ReasoningOptions, body: Json) -> set[str]:
    on = is_on(options)
    if on is not None:
        body["enable_thinking"] = on
    budget = options.budget
    if budget is None and options.effort is not None:
        budget = budget_of(options.effort)
    if on and budget:
        body["thinking_budget"] = budget
    return set()
