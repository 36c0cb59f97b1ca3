"""What a reply costs: a price looked up once, and usage multiplied by it.

Knows: tiers, cache and batch rates, that what the vendor itself reports wins. Does not know: any price.
All of it is an estimate but what was reported: a price list says nothing of discounts, rounding or taxes.
"""

from typing import Final, Literal, NamedTuple

from hostler.core.capabilities import USER, Capabilities, Fact
from hostler.core.price_tiers import Rates, Tier, read_tiers
from hostler.core.usage import Usage

CostState = Literal["known", "estimate", "local", "unknown"]
"""How a cost came to be: told by who charges it, computed from a price list, free since it is local, or not known."""

FREE: Final = "Free (local)"
NOT_KNOWN: Final = "-"
"""What people are shown instead of a sum."""

_MILLION: Final = 1e6
_LIVE: Final = ("GET ", "POST ")


class Price(NamedTuple):
    """What a model's tokens cost. `tiers` are sorted, the lowest first; `batch` holds what batches cost, where known.

    Within the rates a cache's are never None: where nobody named one, the tokens count as read anew, which is the most
    that vendors without a discount take.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    batch: Rates | None = None
    uncertain: bool = False


def price_of(facts: Capabilities) -> Price | None:
    """The price that facts amount to; None where it is not known, or the user says that costs cannot be told.

    Rates that hang together come from sources of one kind: a list price's cache rates do not go with a price of the
    user's own.
    """
    tracked = facts.cost_tracking
    if facts.input_price is None or (tracked is not None and not tracked.value):
        return None
    rank = _rank(facts.input_price)

    def rate(fact: Fact[float] | None) -> float | None:
        return fact.value if fact is not None and _rank(fact) >= rank else None

    base = Rates(
        facts.input_price.value,
        rate(facts.output_price),
        rate(facts.cache_read_price),
        rate(facts.cache_write_price),
    )
    given = facts.price_tiers
    tiers = read_tiers(given.value) if given is not None and _rank(given) >= rank else None
    batch_input, batch_output = rate(facts.batch_input_price), rate(facts.batch_output_price)
    batch = None if batch_input is None else _whole(Rates(batch_input, batch_output))
    return Price(
        rates=_whole(base),
        tiers=tuple(Tier(tier.above, _whole(tier.rates, base)) for tier in tiers or ()),
        batch=batch,
        uncertain=facts.input_price.uncertain or (facts.output_price is not None and facts.output_price.uncertain),
    )


def cost_of(price: Price | None, usage: Usage, *, batch: bool = False) -> float | None:
    """US dollars of one reply: as reported, else by the price; None where either price or usage is not known.

    The tier is that of the whole prompt, cached or not, and counts for all tokens (as vendors publish it).
    """
    if usage.cost is not None:
        return usage.cost
    if price is None or (usage.input is None and usage.cache_read is None):
        return None
    anew, read, written = usage.input or 0, usage.cache_read or 0, usage.cache_write or 0
    rates = price.batch if batch else price.rates
    if price.tiers and not batch:
        for tier in price.tiers:
            if anew + read + written > tier.above:
                rates = tier.rates
    made = None if rates is None else _made(rates, usage)
    if rates is None or made is None:
        return None
    taken = anew * (rates.input or 0.0) + read * (rates.cache_read or 0.0) + written * (rates.cache_write or 0.0)
    return (taken + made) / _MILLION


def _made(rates: Rates, usage: Usage) -> float | None:
    """What the reply's own tokens cost, in millionths; None where their number or their rate is not known."""
    if rates.output is None:  # an embedding's price has none
        return None if usage.output or usage.reasoning else 0.0
    if usage.output is None and usage.reasoning is None:
        return None if rates.output else 0.0
    return ((usage.output or 0) + (usage.reasoning or 0)) * rates.output


def cost_state(cost: float | None, usage: Usage, *, local: bool) -> CostState:
    """How a cost that `cost_of` gave came to be."""
    if local:
        return "local"
    if cost is None:
        return "unknown"
    return "known" if usage.cost is not None else "estimate"


def _whole(rates: Rates, base: Rates | None = None) -> Rates:
    """The rates with what was left out; a tier without an output price has that of the base."""
    output = rates.output if rates.output is not None or base is None else base.output
    read = rates.input if rates.cache_read is None else rates.cache_read
    written = rates.input if rates.cache_write is None else rates.cache_write
    return Rates(rates.input, output, read, written)


def _rank(fact: Fact[float] | Fact[str]) -> int:
    """How close a source is to who pays: a price list, the server's own word, the user's."""
    if fact.source == USER:
        return 2
    return 1 if fact.source.startswith(_LIVE) else 0
