"""How much to think, in the words of this wire and of one model. Knows `thinking` and the effort; no other field.

Facts: platform.claude.com/docs/en/build-with-claude/thinking and .../effort: which forms a model refuses is data.
"""

from dataclasses import dataclass, field
from typing import Final

from hostler.core.requests import ReasoningOptions
from hostler.wire.dialects import Dialect, ThinkingForm
from hostler.wire.efforts import budget_of, effort_of, nearest_effort

_WORDS: Final = ("low", "medium", "high", "xhigh", "max")
_MIN_BUDGET: Final = 1024
_CALM: Final = ("low", "medium", "high")
"""Efforts that go with thinking that is off: several models refuse the higher ones then."""


@dataclass(slots=True)
class Thinking:
    """What is sent: `thinking` (empty: nothing) and the effort; and the names of what was asked for besides."""

    thinking: dict[str, object] = field(default_factory=dict[str, object])
    effort: str | None = None
    dropped: set[str] = field(default_factory=set[str])


def as_asked(options: ReasoningOptions) -> Thinking:
    """For a client of this wire, who knows the model: what it said."""
    out = Thinking(effort=options.effort if options.effort in _WORDS else None)
    match options.mode:
        case "off":
            out.thinking = {"type": "disabled"}
        case "adaptive":
            out.thinking = {"type": "adaptive"}
        case "on" if options.budget is None:
            out.thinking = {"type": "adaptive"}
        case "on":
            out.thinking = {"type": "enabled", "budget_tokens": options.budget}
        case None:
            pass
    if options.hidden and out.thinking and options.mode != "off":
        out.thinking["display"] = "omitted"
    return out


def as_understood(options: ReasoningOptions, dialect: Dialect, *, max_tokens: int) -> Thinking:
    """For a client of another wire: the nearest form that the model does not refuse."""
    out = Thinking()
    known = tuple(word for word in _WORDS if word in dialect.efforts)
    if options.mode == "off" or (options.mode is None and options.effort == "none"):
        _set_off(options, dialect, out=out, known=known)
    elif options.mode is not None or options.effort is not None or options.budget is not None:
        form = _form(options, dialect)
        if form == "adaptive":
            _measure(options, out=out, known=known)
        elif form == "enabled":
            _spend(options, max_tokens, out=out)
        else:
            out.dropped.add("thinking")
    if options.hidden and out.thinking.get("type") in ("adaptive", "enabled"):
        out.thinking["display"] = "omitted"
    return out


def _form(options: ReasoningOptions, dialect: Dialect) -> ThinkingForm | None:
    measures = dialect.adaptive_thinking and "adaptive" in dialect.thinking_forms
    if "enabled" in dialect.thinking_forms and (options.budget is not None or not measures):
        return "enabled"
    return "adaptive" if measures else None


def _set_off(options: ReasoningOptions, dialect: Dialect, *, out: Thinking, known: tuple[str, ...]) -> None:
    form = next((form for form in ("disabled", "between_tools") if form in dialect.thinking_forms), None)
    if form is None:
        out.dropped.add("thinking")
    else:
        out.thinking = {"type": form}
    if options.effort not in (None, "none"):
        _say_effort(options.effort, out=out, known=tuple(word for word in known if word in _CALM or form is None))


def _measure(options: ReasoningOptions, *, out: Thinking, known: tuple[str, ...]) -> None:
    # summaries by name: what models do by themselves differs, and clients of other wires expect something readable
    out.thinking = {"type": "adaptive", "display": "summarized"}
    effort = options.effort
    if options.budget is not None:
        out.dropped.add("thinking.budget_tokens")
        effort = effort or effort_of(options.budget)
    if effort not in (None, "none"):
        _say_effort(effort, out=out, known=known)


def _say_effort(effort: str, *, out: Thinking, known: tuple[str, ...]) -> None:
    out.effort = nearest_effort(effort, known)
    if out.effort != effort:
        out.dropped.add("reasoning_effort")


def _spend(options: ReasoningOptions, max_tokens: int, *, out: Thinking) -> None:
    """A budget in tokens, with room for an answer behind the thinking, as the vendor demands."""
    effort = options.effort or "medium"
    budget = options.budget if options.budget is not None else budget_of("medium" if effort == "none" else effort)
    budget = min(max(budget, _MIN_BUDGET), max_tokens - 1)
    if budget < _MIN_BUDGET:
        out.dropped.add("thinking")
    else:
        out.thinking = {"type": "enabled", "budget_tokens": budget}
