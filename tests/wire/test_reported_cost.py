"""What vendors say that a reply cost: each in its own words, and nothing that could not be a sum."""

import pytest

from hostler.wire.openai_chat.counts import read_usage as read_chat
from hostler.wire.reported_cost import reported_cost
from hostler.wire.responses_usage import read_usage as read_responses


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}}, 0.51),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.5}}, 0.01),
        ({"cost": 0.01, "is_byok": True, "cost_details": None}, 0.01),
        ({"cost": {"total_cost": 0.125, "input_tokens_cost": 0.1}}, 0.125),
        ({"cost": {"request_cost": 1}}, None),
        ({"cost_in_usd_ticks": 12_345_000_000}, 1.2345),
        ({"cost_in_usd_ticks": None, "cost": True}, None),
        ({"cost": "1"}, None),
        ({"cost": -0.1}, None),
        ({"cost": 1e9}, None),
        ({}, None),
    ],
)
def test_a_cost_in_every_spelling(said: dict[str, object], cost: float | None) -> None:
    assert reported_cost(said) == (None if cost is None else pytest.approx(cost))
    assert read_chat(said).cost == reported_cost(said)
    assert read_responses(said).cost == reported_cost(said)
