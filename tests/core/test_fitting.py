"""Requests and what their models are known to take: only a plain no speaks against one, and what goes is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.capabilities import Capabilities, Fact, Scalar, make
from hostler.core.fitting import BYTES_PER_TOKEN, Limits, fitted, least_tokens, limits_of, misfits, window_to_ask
from hostler.core.history import repair
from hostler.core.messages import Media, Message, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, ReasoningOptions, ToolChoice
from hostler.core.tools import Tool

TOOL = Tool(name="look")
IMAGE = Media(kind="image", data="AAAA", media_type="image/png")


def said(text: str, *, role: str = "user") -> Message:
    return Message(role, (Text(text=text),))  # type: ignore[arg-type]


def asked(*messages: Message, **more: object) -> ChatRequest:
    return replace(ChatRequest(model="m", messages=messages or (said("hello"),)), **more)  # type: ignore[arg-type]


def limits(checks: str = "error", **facts: Scalar) -> Limits:
    found = limits_of("a/m", make(facts, source="x"), checks=checks)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_nothing_is_held_against_what_nobody_knows_or_doubts() -> None:
    assert limits_of("a/m", Capabilities(), checks="error") is None
    assert limits_of("a/m", make({"vision": True, "tool_calling": True}, source="x"), checks="error") is None
    doubted = Capabilities(
        vision=Fact(False, "x", uncertain=True),
        tool_calling=Fact(False, "x", uncertain=True),
        context_window=Fact(10, "x", uncertain=True),
    )
    assert limits_of("a/m", doubted, checks="error") is None
    assert limits_of("a/m", make({"vision": False}, source="x"), checks="off") is None


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Message("user", (Text(text="see"), IMAGE)), "messages[0].content[1]"),
        (Message("tool", (ToolResult(call_id="1", content=(IMAGE,)),)), "messages[0].content[0].content[0]"),
    ],
)
def test_an_image_for_a_blind_model_is_found_where_it_stands(message: Message, path: str) -> None:
    (found,) = misfits(limits(vision=False), asked(message))
    assert found.path == path
    assert "'a/m' takes no image" in found.message
    assert misfits(limits(audio=False, video=False), asked(message)) == ()


def test_tools_for_a_model_that_calls_none() -> None:
    (found,) = misfits(limits(tool_calling=False), asked(tools=(TOOL,)))
    assert (found.path, found.message) == ("tools", "'a/m' calls no tools, and the request offers 1.")
    assert misfits(limits(tool_calling=False), asked()) == ()
    assert misfits(limits(tool_calling=False), asked(tools=(TOOL,), tool_choice=ToolChoice("none"))) == ()


def test_a_prompt_longer_than_the_window() -> None:
    short, long = said("word " * 100), said("word " * 1000)
    assert misfits(limits(context_window=200), asked(short)) == ()
    (found,) = misfits(limits(context_window=200), asked(long))
    assert "the prompt is too long: at least 833 tokens > 200 maximum" in found.message
    assert found.tokens == 833


def test_tokens_are_never_counted_too_high() -> None:
    assert least_tokens(asked(said(" " * 60_000))) == 0
    assert least_tokens(asked(said("-" * 60_000))) == 0
    assert least_tokens(asked(said("日本語" * 100))) == 900 // BYTES_PER_TOKEN


def test_what_does_not_fit_goes_and_is_named() -> None:
    request = asked(
        Message("user", (Text(text="see"), IMAGE)), tools=(TOOL,), tool_choice=ToolChoice("required"), max_tokens=5000
    )
    all_of_it = limits("degrade", vision=False, tool_calling=False, max_output=100)
    found, lost = fitted(all_of_it, request)
    assert lost == ("max_tokens", "messages[].image", "tools")
    assert misfits(all_of_it, found) == ()
    assert (found.tools, found.tool_choice, found.max_tokens) == ((), None, 100)
    assert found.messages[0].parts[0] == Text(text="see")
    assert isinstance(found.messages[0].parts[1], Text)


def test_where_misfits_are_refused_only_wishes_go() -> None:
    request = asked(Message("user", (IMAGE,)), tools=(TOOL,), reasoning=ReasoningOptions(effort="high"))
    found, lost = fitted(limits(vision=False, tool_calling=False, reasoning=False), request)
    assert lost == ("thinking",)
    assert found == replace(request, reasoning=None)


def test_the_oldest_turns_go_and_the_last_and_the_system_stay() -> None:
    call = Message("assistant", (ToolCall(id="1", name="look"),))
    result = Message("tool", (ToolResult(call_id="1", content=(Text(text="x " * 300),)),))
    system, last = said("be good", role="system"), said("and now?")
    request = asked(system, said("a " * 300), call, result, said("b " * 30), said("fine", role="assistant"), last)
    found, lost = fitted(limits("degrade", context_window=30), request)
    assert lost == ("messages",)
    assert found.messages == (system, *request.messages[4:])
    tight, _ = fitted(limits("degrade", context_window=5), request)
    assert tight.messages == (system, last)


ROLES = st.sampled_from(["user", "assistant"])


@given(
    st.lists(st.builds(lambda role, n: said("x " * n, role=role), ROLES, st.integers(1, 200)), min_size=1, max_size=8)
)
def test_a_shortened_history_needs_no_repair_that_it_did_not_need_before(messages: list[Message]) -> None:
    whole = repair(messages).messages
    found, lost = fitted(limits("degrade", context_window=40), asked(*whole))
    assert found.messages == whole[len(whole) - len(found.messages) :]
    assert not repair(found.messages).repairs
    assert bool(lost) == (found.messages != whole)
    assert not lost or least_tokens(found) < least_tokens(asked(*whole))


@pytest.mark.parametrize(
    ("known", "words", "window"),
    [
        (None, 9000, None),  # nobody knows what it could take
        (Fact(32768, "x"), 10, None),
        (Fact(2048, "x"), 9000, None),
        (Fact(32768, "x"), 9000, 32768),
        (Fact(131072, "x", uncertain=True), 9000, 16384),
        (Fact(10000, "x", uncertain=True), 9000, 10000),
    ],
)
def test_a_window_is_asked_for_where_the_usual_one_is_too_small(
    known: Fact[int] | None, words: int, window: int | None
) -> None:
    assert window_to_ask(known, asked(said("hay " * words)), usual=4096) == window


def test_a_long_answer_needs_a_window_too() -> None:
    assert window_to_ask(Fact(32768, "x", uncertain=True), asked(max_tokens=6000), usual=4096) == 8192
