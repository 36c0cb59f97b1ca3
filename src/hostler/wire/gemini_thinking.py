"""Thinking as the gemini wire asks for it, both ways: levels and budgets. Knows which models take which; no contents.

Facts: ai.google.dev/gemini-api/docs/thinking and /docs/openai, which maps efforts to budgets.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, cast

from hostler.core.requests import Effort, ReasoningOptions
from hostler.wire import fields
from hostler.wire.dialects import Dialect
from hostler.wire.efforts import EFFORTS, effort_word, nearest_effort
from hostler.wire.proto_json import read_object

Json = dict[str, object]
_LEVELS: Final = ("minimal", "low", "medium", "high", "xhigh")
_BUDGETS: Final[Mapping[str, int]] = {
    "none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576,
}  # fmt: skip
"""Thinking budgets in tokens by effort, as the vendor's own compatible endpoint maps them."""


def generation(model: str) -> int | None:
    """The model's generation by its name; the vendor's `-latest` names point at the third or a later one."""
    found = re.search(r"gemini-(\d+)", model)
    if found is not None:
        return int(found[1])
    return 3 if re.search(r"gemini-[a-z-]+-latest$", model) else None


def read_thinking(value: object, extra: Json) -> ReasoningOptions | None:
    path = "generationConfig.thinkingConfig"
    config = read_object(value or {}, path)
    budget = fields.whole_or_none(config, "thinkingBudget", path=f"{path}.")
    shown = fields.flag_or_none(config, "includeThoughts", path=f"{path}.") or False
    level = (fields.text_or_none(config, "thinkingLevel", path=f"{path}.") or "").lower()
    effort = cast("Effort", level) if level in EFFORTS else None
    if effort is None and level not in ("", "thinking_level_unspecified"):
        extra["generationConfig.thinkingConfig"] = value
        return None
    if budget is None and effort is None and not shown:
        return None
    mode: dict[int, Literal["off", "adaptive"]] = {0: "off", -1: "adaptive"}
    if budget is None:
        return ReasoningOptions(effort=effort, hidden=not shown)
    return ReasoningOptions(mode.get(budget, "on"), effort, budget if budget > 0 else None, not shown)


def write_thinking(options: ReasoningOptions, dialect: Dialect, *, model: str, dropped: set[str]) -> Json:
    """Models of the second generation take a budget in tokens, later ones a level; both at once are refused."""
    thinking: Json = {"includeThoughts": not options.hidden}
    is_off = options.effort == "none" or (options.mode == "off" and options.effort is None)
    if (generation(model) or 3) >= 3 and dialect.adaptive_thinking:
        effort, lost = effort_word(options, dialect.efforts, name="reasoning_effort")
        dropped |= lost - {"thinking"}
        if effort is not None:
            level = nearest_effort(effort, _LEVELS) or effort
            thinking["thinkingLevel"] = level.upper()
            if level != effort:
                dropped.add("reasoning_effort")
    elif options.budget is not None:
        thinking["thinkingBudget"] = options.budget
    elif options.effort is not None or is_off:
        effort = nearest_effort(options.effort or "none", dialect.efforts)
        thinking["thinkingBudget"] = _BUDGETS[effort or "minimal"]
    elif options.mode is not None:
        thinking["thinkingBudget"] = -1
    if is_off:
        del thinking["includeThoughts"]
    return thinking
