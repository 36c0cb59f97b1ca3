"""Tool names fit what an upstream accepts, stay different, stay the same over turns, and come back as they were."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.deltas import Delta, TextDelta, ToolCallDelta, ToolCallStarted
from hostler.core.messages import Message, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT, WIRES, Wire
from hostler.errors import ConfigError
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.tool_names import PUBLISHED, accepted_names, with_own_names

any_name = st.text(min_size=1, max_size=140) | st.from_regex(r"[a-z._/:-]{1,12}", fullmatch=True)
patterns = st.sampled_from([*PUBLISHED.values(), r"[a-z0-9_]{1,20}", r"[A-Za-z][A-Za-z0-9_]{0,39}"])


def offering(*names: str, wire: Wire | None = None, called: tuple[str, ...] = ()) -> ChatRequest:
    """A request that offers tools, after calls in its history."""
    calls = tuple(ToolCall(id=f"call_{place}", name=name) for place, name in enumerate(called))
    results = tuple(ToolResult(call_id=call.id, name=call.name, content=(Text(text="ok"),)) for call in calls)
    history = (Message("assistant", calls), Message("tool", results)) if calls else ()
    messages = (Message("user", (Text(text="Go on."),)), *history)
    return ChatRequest(model="m", messages=messages, tools=tuple(Tool(name=name) for name in names), wire=wire)


@pytest.mark.slow
@given(st.lists(any_name, unique=True, min_size=1, max_size=5), patterns)
def test_every_name_fits_stays_apart_and_comes_back(names: list[str], pattern: str) -> None:
    dialect = Dialect(tool_name_pattern=pattern)
    request = replace(
        offering(*names, called=tuple(names[:2])), tool_choice=ToolChoice("auto", allowed=tuple(names[:2]))
    )
    sent, images = accepted_names(request, dialect, wire=OPENAI_CHAT)
    wire = [tool.name for tool in sent.tools]
    assert all(re.fullmatch(pattern, name) for name in wire)
    assert len(set(wire)) == len(names)
    assert sent.tool_choice == ToolChoice("auto", allowed=tuple(wire[:2]))
    parts = [part for message in sent.messages for part in message.parts]
    assert [part.name for part in parts if isinstance(part, ToolCall)] == wire[:2]
    assert [part.name for part in parts if isinstance(part, ToolResult)] == wire[:2]
    started = [ToolCallStarted(slot, f"id_{slot}", name) for slot, name in enumerate(wire)]
    back = with_own_names(started, images)
    assert [delta.name for delta in back if isinstance(delta, ToolCallStarted)] == names
    assert all(re.fullmatch(pattern, name) is None for name in images.values()), "a name that fits is left alone"


@pytest.mark.slow
@given(st.lists(any_name, unique=True, min_size=2, max_size=5))
def test_a_names_image_depends_on_no_other(names: list[str]) -> None:
    first, _ = accepted_names(offering(*names), PLAIN, wire=OPENAI_CHAT)
    second, _ = accepted_names(offering(*reversed(names[1:])), PLAIN, wire=OPENAI_CHAT)
    assert [tool.name for tool in second.tools] == [tool.name for tool in first.tools][:0:-1]


def test_an_image_tells_of_its_name() -> None:
    names = ("fs.read", "github/search-issues", "x" * 200, "天气")
    sent, _ = accepted_names(offering(*names), PLAIN, wire=ANTHROPIC)
    read, search, long, weather = (tool.name for tool in sent.tools)
    assert re.fullmatch(r"fs_read_[0-9a-f]{8}", read)
    assert re.fullmatch(r"github_search-issues_[0-9a-f]{8}", search)
    assert re.fullmatch(r"x{55}_[0-9a-f]{8}", long)
    assert re.fullmatch(r"_[0-9a-f]{8}", weather)


def test_an_image_that_is_a_name_already_is_not_taken() -> None:
    (image,) = (tool.name for tool in accepted_names(offering("fs.read"), PLAIN, wire=ANTHROPIC)[0].tools)
    sent, images = accepted_names(offering("fs.read", image), PLAIN, wire=ANTHROPIC)
    first, second = (tool.name for tool in sent.tools)
    assert second == image != first
    assert images == {first: "fs.read"}


@pytest.mark.parametrize("wire", WIRES)
def test_a_client_of_the_same_wire_and_names_that_fit_are_left_alone(wire: Wire) -> None:
    own = offering("fs.read", "a b", wire=wire)
    assert accepted_names(own, PLAIN, wire=wire) == (own, {})
    good = replace(offering("fs_read", "B-2"), tool_choice=ToolChoice("named", "fs_read"))
    assert accepted_names(good, PLAIN, wire=wire) == (good, {})


def test_what_one_vendor_takes_and_another_does_not() -> None:
    request = offering("fs.read", "_x", "9lives", "n" * 100)
    changed = {wire: set(accepted_names(request, PLAIN, wire=wire)[1].values()) for wire in WIRES}
    assert changed == {
        "openai-chat": {"fs.read", "n" * 100},
        "openai-responses": {"fs.read", "n" * 100},
        "anthropic": {"fs.read"},
        "gemini": {"9lives", "n" * 100},
        "ollama": set(),
        "dashscope": {"fs.read", "n" * 100},
    }


def test_a_tool_that_the_vendor_runs_keeps_its_name() -> None:
    server = Tool(name="web.search", server=b'{"type":"web_search"}')
    request = replace(offering("fs.read"), tools=(server, Tool(name="fs.read")))
    sent, _ = accepted_names(request, PLAIN, wire=ANTHROPIC)
    assert sent.tools[0] == server


def test_names_of_the_history_count_too_and_the_choice_follows() -> None:
    request = replace(offering("a.b", called=("gone/tool", "")), tool_choice=ToolChoice("named", "a.b"))
    sent, images = accepted_names(request, PLAIN, wire=ANTHROPIC)
    assert sorted(images.values()) == ["a.b", "gone/tool"]
    assert sent.tool_choice == ToolChoice("named", sent.tools[0].name)
    gone, nameless = (part for part in sent.messages[1].parts if isinstance(part, ToolCall))
    assert images[gone.name] == "gone/tool" and nameless.name == ""


def test_other_deltas_and_names_that_nobody_offered_are_left_alone() -> None:
    deltas: list[Delta] = [TextDelta("fs_read"), ToolCallStarted(0, "x", "made_up"), ToolCallDelta(0, "{}")]
    assert list(with_own_names(deltas, {"fs_read": "fs.read"})) == deltas


def test_a_pattern_that_cannot_be_met_is_named() -> None:
    with pytest.raises(ConfigError, match="nothing_else"):
        accepted_names(offering("a"), Dialect(tool_name_pattern="nothing_else"), wire=GEMINI)
