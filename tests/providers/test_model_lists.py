"""Foreign answers are read without trust: whatever a server says, the survey ends with models or one clear error."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.core.capabilities import answer, facts
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
    pricing prompt completion input output supported_parameters top_provider max_completion_tokens
    nextPageToken inputTokenLimit outputTokenLimit supportedGenerationMethods
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


def listed(listing: Listing, page: object) -> dict[str, object]:
    """The facts of the one model of a list."""
    (model,) = carry(listing, [msgspec.json.encode(page)])
    return {name: fact.value for name, fact in facts(model.facts).items()}


def test_a_router_tells_prices_windows_and_what_parameters_a_model_takes() -> None:
    item = {
        "id": "maker/m",
        "context_length": 200000,
        "architecture": {"input_modalities": ["text", "image"]},
        "pricing": {
            "prompt": "0.000003",
            "completion": "0.000015",
            "input_cache_read": "3e-7",
            "input_cache_write": "0.00000375",
            "image": "0.0048",
        },
        "top_provider": {"max_completion_tokens": 64000},
        "supported_parameters": ["tools", "reasoning", "structured_outputs", "temperature"],
    }
    assert listed("list", {"data": [item]}) == {
        "vision": True,
        "tool_calling": True,
        "model_discovery": True,
        "context_window": 200000,
        "cost_tracking": True,
        "input_price": 3.0,
        "output_price": 15.0,
        "audio": False,
        "video": False,
        "reasoning": True,
        "structured_output": True,
        "max_output": 64000,
        "cache_read_price": 0.3,
        "cache_write_price": 3.75,
    }


@pytest.mark.parametrize("pricing", [{"prompt": "-1", "completion": "-1"}, {"prompt": "free"}, {"input": True}, {}])
def test_a_price_that_is_none_is_unknown(pricing: object) -> None:
    found = listed("list", {"data": [{"id": "m", "pricing": pricing}]})
    assert not {"input_price", "output_price", "cost_tracking"} & set(found)


def test_a_bare_list_with_prices_per_million_is_read_too() -> None:
    item = {"id": "m", "context_length": 5, "pricing": {"input": 0.2, "output": 0.6, "hourly": 0}}
    found = listed("list", [item])
    assert (found["input_price"], found["output_price"], found["context_window"]) == (0.2, 0.6, 5)


def test_a_vendor_tells_its_models_abilities_and_their_whole_window() -> None:
    abilities = {"completion_chat": True, "function_calling": True, "vision": False, "audio": True, "reasoning": True}
    found = listed("list", {"data": [{"id": "m", "max_context_length": 131072, "capabilities": abilities}]})
    assert found == {
        "vision": False,
        "tool_calling": True,
        "model_discovery": True,
        "context_window": 131072,
        "audio": True,
        "reasoning": True,
    }


def test_resources_are_listed_page_by_page() -> None:
    model = {
        "name": "models/m-1",
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent"],
        "thinking": True,
    }
    embeds = {"name": "models/e-1", "inputTokenLimit": 2048, "supportedGenerationMethods": ["embedContent"]}
    pages = [{"models": [model], "nextPageToken": "Ch-a_b="}, {"models": [embeds]}]
    first, second = carry("resources", [msgspec.json.encode(page) for page in pages])
    assert (first.name, second.name) == ("m-1", "e-1")
    assert {name: fact.value for name, fact in facts(first.facts).items()} == {
        "caching": True,
        "streaming": True,
        "model_discovery": True,
        "context_window": 1048576,
        "reasoning": True,
        "max_output": 65536,
    }
    assert answer(second.facts.streaming) == "no"
    assert answer(second.facts.caching) == "unknown"
