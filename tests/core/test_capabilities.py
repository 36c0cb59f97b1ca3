"""Capabilities: unknown is never no, later layers win, disagreement shows."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.core.capabilities import (
    FIELDS,
    NOTHING_KNOWN,
    USER,
    Capabilities,
    Fact,
    Scalar,
    answer,
    as_json,
    facts,
    from_json,
    make,
    merge,
)

V1 = (
    *("vendor", "model", "vision", "tool_calling", "caching", "streaming", "model_discovery", "context_window"),
    *("cost_tracking", "input_price", "output_price", "notes"),
)
V2 = (
    *("audio", "video", "grounding", "computer_use", "local", "reasoning", "web_search", "x_search"),
    *("code_execution", "file_search", "mcp_support", "structured_output"),
)


PRICES = ("cache_read_price", "cache_write_price", "batch_input_price", "batch_output_price", "price_tiers")


def test_all_fields_are_defined_and_described() -> None:
    assert (len(V1), len(V2)) == (12, 12)
    assert tuple(FIELDS) == (*V1, *V2, "max_output", "cache_minimum", *PRICES)
    assert tuple(field.name for field in fields(Capabilities)) == tuple(FIELDS)
    assert all(field.doc.endswith(".") for field in FIELDS.values())


def test_what_nobody_said_is_unknown() -> None:
    assert answer(NOTHING_KNOWN.vision) == "unknown"
    assert answer(Fact(False, "x")) == "no"
    assert answer(Fact(True, "x")) == "yes"
    assert facts(NOTHING_KNOWN) == {}
    assert make({"vision": None}, source="x") == NOTHING_KNOWN


def test_a_later_layer_wins_and_disagreement_is_marked() -> None:
    old = make({"vision": True, "context_window": 4096, "notes": "a"}, source="table", as_of="2026-01-01")
    new = make({"vision": True, "context_window": 8192}, source="server", as_of="2026-11-20")
    merged = merge([old, NOTHING_KNOWN, new])
    assert merged.vision == Fact(True, "server", "2026-11-20")
    assert merged.context_window == Fact(8192, "server", "2026-11-20", uncertain=True)
    assert merged.notes == Fact("a", "table", "2026-01-01")
    again = make({"context_window": 8192}, source="third")
    assert merge([old, new, again]).context_window == Fact(8192, "third", uncertain=True)


def test_the_user_is_never_uncertain_and_never_overruled() -> None:
    table = make({"vision": True}, source="table")
    user = make({"vision": False}, source=USER)
    assert merge([table, user]).vision == Fact(False, USER)
    assert merge([user, table]).vision == Fact(False, USER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vison", True),
        ("vision", 1),
        ("context_window", True),
        ("context_window", -1),
        ("notes", 5),
        ("input_price", "1"),
        ("price_tiers", "above 200k"),
    ],
)
def test_wrong_fields_and_kinds_are_refused(name: str, value: Scalar) -> None:
    with pytest.raises(ValueError, match=name):
        make({name: value}, source="x")


VALUE = {
    "answer": st.booleans(),
    "text": st.text(max_size=5),
    "tokens": st.integers(0, 10**7),
    "usd_per_million": st.floats(0, 1000),
    "tiers": st.sampled_from(["200000: 6/22.5/0.6/-", "32000: 2/9/-/-; 128000: 3/12/-/-"]),
}
LAYERS = st.lists(
    st.fixed_dictionaries({}, optional={field.name: VALUE[field.kind] for field in FIELDS.values()}).flatmap(
        lambda values: st.builds(make, st.just(values), source=st.sampled_from(["a", "b", USER]), as_of=st.just("2026"))
    ),
    max_size=3,
)


@settings(max_examples=25)
@given(LAYERS)
def test_facts_survive_json_and_merging_keeps_every_known_field(layers: list[Capabilities]) -> None:
    merged = merge(layers)
    assert from_json(as_json(merged)) == merged
    assert set(facts(merged)) == {name for layer in layers for name in facts(layer)}
    assert merge([merged]) == merged


def test_facts_of_another_version_are_left_out() -> None:
    stored = {
        "vision": {"value": "yes"},
        "tomorrow": {"value": True},
        "audio": {"value": True, "source": "x"},
        "video": {},
    }
    assert from_json(stored) == Capabilities(audio=Fact(True, "x"))
