"""How hard a model should think, in one word, for wires whose scale is words. Knows budgets' nearest words; no JSON."""

from typing import Final, get_args

from hostler.core.requests import Effort, ReasoningOptions

EFFORTS: Final[tuple[str, ...]] = get_args(Effort)
"""All words, the least first."""

_BUDGETS: Final = ((2048, "low"), (8192, "medium"))
"""Thinking budgets in tokens up to which an effort is the nearest word; above the last one it is high."""

_MEASURES: Final[dict[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 65_536,
}


def budget_of(effort: Effort) -> int:
    """An effort as a budget in tokens, for those who measure so."""
    return _MEASURES[effort]


def effort_of(budget: int) -> str:
    """A budget in tokens as the nearest word."""
    return next((word for bound, word in _BUDGETS if budget <= bound), "high")


def effort_word(options: ReasoningOptions, known: tuple[str, ...], *, name: str) -> tuple[str | None, set[str]]:
    """The nearest of the words that are known (None: say nothing), and what of the options it does not say.

    `name` is how the wire calls the effort, for a word that had to be replaced by the nearest one.
    """
    dropped: set[str] = set()
    effort: str | None = options.effort
    if effort is None and options.mode == "off":
        effort = "none"
    if effort is None and options.budget is not None:
        effort = effort_of(options.budget)
        dropped.add("thinking.budget_tokens")
    if effort is None:
        return None, dropped | ({"thinking"} if options.mode is not None else set())
    if effort not in known:
        dropped.add(name)
    return nearest_effort(effort, known), dropped


def nearest_effort(effort: str, known: tuple[str, ...]) -> str | None:
    """`effort` itself, else the nearest known word below it, else above it; None where none is known."""
    rank = EFFORTS.index(effort)
    below = [word for word in EFFORTS[: rank + 1] if word in known]
    above = [word for word in EFFORTS[rank:] if word in known]
    return below[-1] if below else above[0] if above else None
