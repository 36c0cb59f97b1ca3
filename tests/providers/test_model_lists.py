"""Foreign answers are read without trust: whatever a server says, the survey ends with models or one clear error."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.core.wires import OPENAI_CHAT
from hostler.errors import UpstreamGarbled
from hostler.providers.fingerprints import fingerprint
from hostler.providers.model_lists import Answer, Ask, KnownModel, survey
from hostler.providers.provider import Provider
from hostler.providers.vendors import Listing
from hostler.system.address import Address

WORDS = """
    data models id key name model created owned_by meta n_ctx n_ctx_train max_model_len architecture input_modalities
    capabilities supported image_input thinking has_more last_id modalities vision default_generation_settings
    chat_template_caps supports_tools supports_tool_calls model_info x.context_length parameters type
    loaded_instances config context_length max_context_length created_at lifecycle server_tools
"""
KEYS = st.sampled_from(WORDS.split())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["m", "org/m", "image", "tools", "num_ctx 5", "num_ctx ５", "2026-01-01T00:00:00Z", "9999-99", "\n"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


def provider(listing: Listing) -> Provider:
    return Provider(
        id="box",
        label="Box",
        kind="openai-compatible",
        wire=OPENAI_CHAT,
        address=Address("box", 80),
        listing=listing,
    )


def carry(listing: Listing, answers: list[bytes | None]) -> tuple[KnownModel, ...]:
    """Answer a survey from a list (None: no good answer), its last entry for ever."""
    dialogue = survey(provider(listing), "2026-11-20")
    try:
        question = next(dialogue)
        for i in range(1000):
            body = answers[min(i, len(answers) - 1)]
            good = None if body is None and question.optional else Answer(200, {}, body or b"{}")
            question = dialogue.send(good)
            assert isinstance(question, Ask)
            assert question.path.isprintable()
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the survey asks without end")


@settings(max_examples=50)
@given(
    st.sampled_from(["none", "list", "cards", "props", "tags", "native"]),
    st.lists(VALUES | st.none(), min_size=1, max_size=3),
)
def test_no_answer_brings_a_survey_down(listing: Listing, pages: list[object]) -> None:
    answers = [None if page is None else msgspec.json.encode(page) for page in pages]
    try:
        models = carry(listing, answers)
    except UpstreamGarbled:
        return
    for model in models:
        assert model.name
        assert model.name.isprintable()


@settings(max_examples=25)
@given(st.lists(VALUES, min_size=1, max_size=3), st.text(max_size=10))
def test_no_answer_brings_a_fingerprint_down(pages: list[object], server: str) -> None:
    dialogue = fingerprint()
    next(dialogue)
    with pytest.raises(StopIteration):
        for i in range(100):
            dialogue.send(Answer(200, {"server": server}, msgspec.json.encode(pages[min(i, len(pages) - 1)])))


def test_names_that_could_not_stand_on_a_screen_are_left_out() -> None:
    listed = msgspec.json.encode({"data": [{"id": "good"}, {"id": "bad\n"}, {"id": ""}, {"id": "x" * 1000}, {"id": 5}]})
    assert [model.name for model in carry("list", [listed])] == ["good"]


def test_a_list_without_end_is_cut() -> None:
    page = msgspec.json.encode({"data": [{"id": "m"}], "has_more": True, "last_id": "m"})
    assert len(carry("cards", [page])) == 20
