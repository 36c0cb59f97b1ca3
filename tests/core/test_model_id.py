"""Ids split at the first slash, and only at a known provider."""

from hypothesis import assume, given
from hypothesis import strategies as st

from hostler.core.model_id import ModelId, parse

KNOWN = ("a", "b.c", "openai")


@given(st.sampled_from(KNOWN), st.text(min_size=1))
def test_what_was_joined_is_split_again(provider: str, model: str) -> None:
    composite = ModelId(provider, model)
    assert parse(str(composite), known=KNOWN, default="b.c") == composite


@given(st.text())
def test_everything_else_is_a_bare_name_of_the_default(name: str) -> None:
    assume(name.partition("/")[0] not in KNOWN)
    assert parse(name, known=KNOWN, default="a") == ModelId("a", name)


@given(st.text(min_size=1))
def test_the_default_takes_slashed_names_behind_its_own_id(name: str) -> None:
    assert parse(f"a/{name}", known=KNOWN, default="a") == ModelId("a", name)
    assert str(ModelId("a", name)) == f"a/{name}"
