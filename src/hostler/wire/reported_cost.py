"""What an upstream itself says that a reply cost, in US dollars.

Knows: how those vendors spell it that do: `cost` (OpenRouter, whose fee comes on top of what the model's maker takes
where the user's own key there is used; Perplexity writes an object), and `cost_in_usd_ticks` of 1e-10 dollars (xAI).
Does not know: prices.
"""

from typing import Final

from hostler.wire.fields import Members, as_members

_TICK: Final = 1e-10
_MOST: Final = 1e6
"""US dollars for one reply that are believed."""


def reported_cost(usage: Members) -> float | None:
    """US dollars; None where `usage` tells of none."""
    if "cost" not in usage and "cost_in_usd_ticks" not in usage:
        return None
    ticks = _amount(usage.get("cost_in_usd_ticks"), _MOST / _TICK)
    if ticks is not None:
        return ticks * _TICK
    said = usage.get("cost")
    whole = as_members(said)
    if whole:
        return _amount(whole.get("total_cost"), _MOST)
    cost = _amount(said, _MOST)
    if cost is not None and usage.get("is_byok") is True:
        cost += _amount(as_members(usage.get("cost_details")).get("upstream_inference_cost"), _MOST) or 0.0
    return cost


def _amount(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most else None
