"""A dialect is data: by model and by API version."""

from dataclasses import fields

from hostler.wire.dialects import Dialect, ModelRule


def test_rules_that_match_add_up_in_their_order() -> None:
    dialect = Dialect(
        forbidden=("seed",),
        models=(
            ModelRule(pattern="^horse", forbidden=("top_k",), efforts=("low",)),
            ModelRule(pattern="horse-2", forbidden=("top_k", "min_p"), mid_system=False, efforts=("high",)),
        ),
    )
    assert dialect.of("cow") == Dialect(forbidden=("seed",))
    assert dialect.of("horse-1") == Dialect(forbidden=("seed", "top_k"), efforts=("low",))
    second = dialect.of("Horse-2")
    assert second == Dialect(forbidden=("seed", "top_k", "min_p"), efforts=("high",), mid_system=False)
    assert second.of("horse-2") is second


def test_an_api_version_forbids_what_it_and_older_ones_refuse() -> None:
    assert Dialect().of("m").forbidden == Dialect(api_version="2023-06-01").of("m").forbidden == ()
    assert Dialect(api_version="2026-10-21").of("m").forbidden == ("temperature", "top_p", "top_k")
    assert Dialect(api_version="2027-01-01").of("m").forbidden == ("temperature", "top_p", "top_k")


def test_whatever_a_rule_may_say_is_a_field_of_the_dialect() -> None:
    assert {field.name for field in fields(ModelRule)} - {"pattern"} <= {field.name for field in fields(Dialect)}
