"""Prices: tiers, cache and batch rates; what is not known is never 0, and what was reported wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.capabilities import USER, Scalar, make, merge
from hostler.core.price_tiers import Rates, Tier, read_tiers, write_tiers
from hostler.core.pricing import Price, cost_of, cost_state, price_of
from hostler.core.usage import UNKNOWN, Usage

LISTED: dict[str, Scalar | None] = {
    "input_price": 3.0,
    "output_price": 15.0,
    "cache_read_price": 0.3,
    "cache_write_price": 3.75,
    "batch_input_price": 1.5,
    "batch_output_price": 7.5,
    "price_tiers": "200000: 6/22.5/0.6/7.5",
}


def price(**changes: Scalar | None) -> Price:
    found = price_of(make({**LISTED, **changes}, source="list"))
    assert found is not None
    return found


def test_each_bucket_has_its_own_rate() -> None:
    usage = Usage(input=1000, cache_read=2000, cache_write=400, output=100, reasoning=50)
    expected = (1000 * 3 + 2000 * 0.3 + 400 * 3.75 + 150 * 15) / 1e6
    assert cost_of(price(), usage) == pytest.approx(expected)


def test_a_tier_counts_for_the_whole_request_by_its_whole_prompt() -> None:
    at_the_edge = Usage(input=100_000, cache_read=100_000, output=1000)
    assert cost_of(price(), at_the_edge) == pytest.approx((100_000 * 3 + 100_000 * 0.3 + 15_000) / 1e6)
    above = Usage(input=100_000, cache_read=100_001, output=1000)
    assert cost_of(price(), above) == pytest.approx((100_000 * 6 + 100_001 * 0.6 + 22_500) / 1e6)


def test_of_several_tiers_the_highest_that_is_passed_counts() -> None:
    steps = price(price_tiers="128000: 3/15/-/-; 32000: 2.4/12/-/-", input_price=1.2, output_price=6.0)
    assert cost_of(steps, Usage(input=1000, output=0)) == pytest.approx(0.0012)
    assert cost_of(steps, Usage(input=33_000, output=0)) == pytest.approx(33_000 * 2.4 / 1e6)
    assert cost_of(steps, Usage(input=200_000, cache_read=1000, output=0)) == pytest.approx(201_000 * 3 / 1e6)


def test_a_cache_without_a_rate_costs_what_reading_anew_does() -> None:
    plain = price(cache_read_price=None, cache_write_price=None, price_tiers=None)
    assert cost_of(plain, Usage(input=1, cache_read=2, cache_write=3, output=0)) == pytest.approx(6 * 3 / 1e6)


def test_batches_have_rates_of_their_own_or_no_known_cost() -> None:
    usage = Usage(input=1000, output=100)
    assert cost_of(price(), usage, batch=True) == pytest.approx((1500 + 750) / 1e6)
    assert cost_of(price(batch_input_price=None), usage, batch=True) is None


def test_what_is_not_known_is_never_nothing() -> None:
    usage = Usage(input=10, output=10)
    assert price_of(make({"output_price": 1.0}, source="list")) is None
    assert cost_of(None, usage) is None
    assert cost_of(price(), UNKNOWN) is None
    assert cost_of(price(), Usage(output=5)) is None
    assert cost_of(price(), Usage(input=5)) is None
    assert cost_of(price(output_price=None, price_tiers=None), usage) is None


def test_a_reply_without_output_has_a_price_all_the_same() -> None:
    embedding = price(output_price=None, price_tiers=None)
    assert cost_of(embedding, Usage(input=1000)) == pytest.approx(0.003)


def test_what_was_reported_wins_also_without_a_price() -> None:
    usage = Usage(input=10, output=10, cost=0.5)
    assert cost_of(price(), usage) == 0.5
    assert cost_of(None, usage) == 0.5
    assert Usage(cost=0.1).replaced_by(Usage(input=3)).cost == 0.1
    assert Usage(cost=0.1).replaced_by(Usage(cost=0.2)).cost == 0.2


def test_the_state_says_how_a_cost_came_to_be() -> None:
    assert cost_state(0.0, UNKNOWN, local=True) == "local"
    assert cost_state(None, UNKNOWN, local=False) == "unknown"
    assert cost_state(0.1, Usage(input=1, output=1), local=False) == "estimate"
    assert cost_state(0.1, Usage(cost=0.1), local=False) == "known"


def test_the_user_may_say_that_costs_cannot_be_told() -> None:
    facts = merge([make(LISTED, source="list"), make({"cost_tracking": False}, source=USER)])
    assert price_of(facts) is None


@pytest.mark.parametrize("source", [USER, "GET /v1/models"])
def test_rates_of_a_list_do_not_mix_with_a_closer_price(source: str) -> None:
    found = price_of(
        merge([make(LISTED, source="list"), make({"input_price": 1.0, "output_price": 2.0}, source=source)])
    )
    assert found is not None
    assert (found.rates, found.tiers, found.batch) == (Rates(1.0, 2.0, 1.0, 1.0), (), None)


def test_disagreement_shows() -> None:
    facts = merge([make({"input_price": 2.0}, source="a"), make({"input_price": 1.0, "output_price": 1.0}, source="b")])
    found = price_of(facts)
    assert found is not None
    assert found.uncertain


@pytest.mark.parametrize(
    "text",
    ["", "200000", "200000: 6/22.5/0.6", "x: 1/2/3/4", "1: -1/2/3/4", "1: 1e3/2/3/4", "1: nan/2/3/4", "1:1/2/3/4;"],
)
def test_what_is_no_tier_is_none(text: str) -> None:
    assert read_tiers(text) is None


RATE = st.none() | st.integers(0, 10**9).map(lambda n: n / 1000)


@given(
    st.lists(st.builds(Tier, st.integers(0, 10**9), st.builds(Rates, RATE, RATE, RATE, RATE)), min_size=1, max_size=3)
)
def test_tiers_survive_their_notation(tiers: list[Tier]) -> None:
    again = read_tiers(write_tiers(tiers))
    assert again == tuple(sorted(tiers, key=lambda tier: tier.above))
