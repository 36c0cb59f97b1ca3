"""A broken history is repaired by one policy, and a good one is left alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.history import INTERRUPTED, repair
from hostler.core.messages import Message, Part, Text, ToolCall, ToolResult


def user(text: str) -> Message:
    return Message("user", (Text(text=text),))


def calls(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(id=i, name="f") for i in ids))


def result(id_: str, text: str = "r") -> ToolResult:
    return ToolResult(call_id=id_, content=(Text(text=text),))


def tool(*ids: str) -> Message:
    return Message("tool", tuple(result(i) for i in ids))


def interrupted(id_: str) -> ToolResult:
    return ToolResult(call_id=id_, content=(Text(text=INTERRUPTED),), is_error=True, name="f")


@pytest.mark.parametrize(
    ("history", "sent", "repairs"),
    [
        pytest.param((user("a"), calls("1"), tool("1")), (user("a"), calls("1"), tool("1")), (), id="good"),
        pytest.param(
            (user("a"), calls("1", "2"), tool("1"), tool("2")),
            (user("a"), calls("1", "2"), tool("1", "2")),
            (),
            id="a message for each result",
        ),
        pytest.param(
            (user("a"), calls("1", "2"), tool("2")),
            (user("a"), calls("1", "2"), Message("tool", (interrupted("1"), result("2")))),
            ("call '1' had no result and is told to have been interrupted",),
            id="a call without its result",
        ),
        pytest.param(
            (user("a"), calls("1"), user("b"), tool("1")),
            (user("a"), calls("1"), tool("1"), user("b")),
            ("the result of call '1' was moved to where the call stands",),
            id="a late result",
        ),
        pytest.param(
            (tool("9"), user("a"), calls("1"), tool("1", "1")),
            (user("a"), calls("1"), tool("1")),
            (
                "a result of call '9' without its call was left out",
                "a result of call '1' without its call was left out",
            ),
            id="results without a call",
        ),
        pytest.param(
            (user("a"), calls("1"), tool("1"), calls("1"), tool("1")),
            (user("a"), calls("1"), tool("1"), calls("1"), tool("1")),
            (),
            id="an id that comes again",
        ),
        pytest.param(
            (user("a"), calls("1"), calls("2"), tool("1"), tool("2")),
            (user("a"), calls("1", "2"), tool("1", "2")),
            ("two messages of the assistant in a row were merged",),
            id="a message for each call",
        ),
        pytest.param(
            (user(""), user("a"), Message("assistant", (Text(text=""), ToolCall(id="1", name="f"))), tool("1")),
            (user("a"), calls("1"), tool("1")),
            ("messages[0]: empty text was left out", "messages[2]: empty text was left out"),
            id="empty texts",
        ),
        pytest.param(
            (user("a"), calls("1"), Message("user", (result("1"), Text(text="b")))),
            (user("a"), calls("1"), tool("1"), user("b")),
            (),
            id="results within what the user says",
        ),
    ],
)
def test_the_policy(history: tuple[Message, ...], sent: tuple[Message, ...], repairs: tuple[str, ...]) -> None:
    repaired = repair(history)
    assert repaired.messages == sent
    assert repaired.repairs == repairs


def test_empty_text_that_carries_opaque_state_stays() -> None:
    history = (user("a"), Message("assistant", (Text(text="", opaque=b"{}"),)))
    assert repair(history).messages == history


ids = st.sampled_from("123")
PARTS: dict[str, st.SearchStrategy[Part]] = {
    "user": st.builds(Text, text=st.sampled_from(("", "a", "b"))) | st.builds(result, ids),
    "assistant": st.builds(Text, text=st.sampled_from(("", "a", "b"))) | st.builds(ToolCall, id=ids, name=st.just("f")),
    "tool": st.builds(result, ids),
}
messages = st.sampled_from(("user", "assistant", "tool")).flatmap(
    lambda role: st.lists(PARTS[role], max_size=3).map(lambda found: Message(role, tuple(found)))  # type: ignore[arg-type]
)


@given(st.lists(messages, max_size=8))
def test_afterwards_every_call_has_its_result_and_nothing_else_is_lost(history: list[Message]) -> None:
    repaired = repair(history)
    sent = repaired.messages
    for place, message in enumerate(sent):
        asked = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if asked:
            assert [part.call_id for part in sent[place + 1].parts if isinstance(part, ToolResult)] == asked
        if message.role == "tool":
            assert any(isinstance(part, ToolCall) for part in sent[place - 1].parts)
        assert message.parts
    kept = Counter(p for m in history for p in m.parts if not isinstance(p, ToolResult) and p != Text(text=""))
    assert Counter(p for m in sent for p in m.parts if not isinstance(p, ToolResult)) == kept
    assert repair(sent).messages == sent, "a second time changes nothing"
    assert not repair(sent).repairs
