"""Price tiers as text: `200000: 6/22.5/0.6/7.5` is what a request costs whose prompt is longer than 200,000 tokens.

Knows: the notation: tokens, then US dollars per million tokens read anew, written, read from and written into a cache,
`-` where nobody knows; several tiers stand with semicolons between them. Does not know: what they are used for.
"""

import math
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

# texts, which `re` compiles when they are first used: most processes start without ever meeting a tier
_TIER: Final = r"(\d{1,12}): *([^/;]+)/([^/;]+)/([^/;]+)/([^/;]+)"
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,12})?"
_UNKNOWN: Final = "-"


class Rates(NamedTuple):
    """US dollars per million tokens; None: nobody knows."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None


class Tier(NamedTuple):
    """What all tokens of a request cost whose prompt has more than `above` tokens."""

    above: int
    rates: Rates


def read_tiers(text: str) -> tuple[Tier, ...] | None:
    """The tiers, the lowest first; None for a text that is none of this notation."""
    tiers: list[Tier] = []
    for piece in text.split(";"):
        found = re.fullmatch(_TIER, piece.strip())
        rates = [_rate(group.strip()) for group in found.groups()[1:]] if found else [math.nan]
        if found is None or any(rate is not None and math.isnan(rate) for rate in rates):
            return None
        tiers.append(Tier(int(found[1]), Rates(*rates)))
    return tuple(sorted(tiers, key=lambda tier: tier.above))


def write_tiers(tiers: Iterable[Tier]) -> str:
    """The reverse of `read_tiers`."""
    return "; ".join(
        f"{tier.above}: {'/'.join(map(_text, (r.input, r.output, r.cache_read, r.cache_write)))}"
        for tier in tiers
        for r in (tier.rates,)
    )


def _rate(text: str) -> float | None:
    """A rate, None for an unknown one, NaN for what is none."""
    if text == _UNKNOWN:
        return None
    return float(text) if re.fullmatch(_NUMBER, text) else math.nan


def _text(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{rate:.12f}".rstrip("0").rstrip(".")
