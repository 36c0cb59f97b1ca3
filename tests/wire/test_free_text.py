"""Free-form tools' text within JSON, and efforts and tool offers within a dialect: what several wires share."""

import pytest

from hostler.core.messages import Message, Text, ToolCall
from hostler.core.requests import ChatRequest, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, OPENAI_CHAT
from hostler.wire import openai_chat, openai_responses
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.free_text import input_schema, unwrapped, without_free_text, wrapped
from hostler.wire.tool_offers import offer_tools


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (wrapped('*** Begin\n"x"'), '*** Begin\n"x"'),
        ('{"patch": "x"}', "x"),
        ('{"input": "x", "why": "y"}', "x"),
        ('"x"', "x"),
        ("*** Begin", "*** Begin"),
        ('{"input": 3}', '{"input": 3}'),
        ('{"a": "x", "b": "y"}', '{"a": "x", "b": "y"}'),
        ('{"input": "cut', '{"input": "cut'),
        ("{}", "{}"),
        ("", ""),
    ],
)
def test_the_text_comes_out_of_what_models_make_of_it(arguments: str, text: str) -> None:
    assert unwrapped(arguments) == text


def test_free_form_tools_and_their_calls_become_functions_where_there_are_none() -> None:
    patch = Tool(name="patch", description="Edit.", custom=True, parameters={"definition": "start: /x/"})
    called = Message("assistant", (ToolCall(id="c", name="patch", arguments="*** Begin", custom=True),))
    request = ChatRequest(model="m", messages=(called,), tools=(patch, FEED))
    assert without_free_text(request, PLAIN) == (request, set())
    changed, lost = without_free_text(request, Dialect(custom_tools=False))
    assert lost == {"tools[].custom"}
    told = "Edit.\n\nThe input follows this grammar:\nstart: /x/"
    assert changed.tools == (Tool(name="patch", description=told, parameters=input_schema()), FEED)
    assert changed.messages[0].parts == (ToolCall(id="c", name="patch", arguments='{"input":"*** Begin"}'),)
    for codec in (openai_chat, openai_responses):
        encoded = codec.encode_request(request, Dialect(custom_tools=False))
        assert b'"custom' not in encoded.body and b"*** Begin" in encoded.body
        assert "tools[].custom" in encoded.dropped


def test_the_schema_asks_for_the_one_text() -> None:
    assert input_schema()["required"] == ["input"]


FEED, GROOM, SEARCH = Tool(name="feed"), Tool(name="groom"), Tool(name="web_search", server=b"{}")
ASKED = ChatRequest(model="m", messages=(Message("user", (Text(text="x"),)),), wire=ANTHROPIC)


@pytest.mark.parametrize(
    ("choice", "dialect", "offered", "said", "lost"),
    [
        (None, PLAIN, ("feed", "groom"), None, ()),
        (ToolChoice("named", "feed"), PLAIN, ("feed", "groom"), ToolChoice("named", "feed"), ()),
        (ToolChoice("named", "feed"), Dialect(named_tool_choice=False), ("feed",), ToolChoice("required"), ()),
        (ToolChoice("auto", allowed=("groom",)), Dialect(named_tool_choice=False), ("groom",), ToolChoice("auto"), ()),
        (ToolChoice("required"), Dialect(tool_choice=False), ("feed", "groom"), None, ("tool_choice",)),
        (ToolChoice("none"), Dialect(tool_choice=False), (), None, ()),
    ],
)
def test_what_is_offered_and_said_of_it(
    choice: ToolChoice | None,
    dialect: Dialect,
    offered: tuple[str, ...],
    said: ToolChoice | None,
    lost: tuple[str, ...],
) -> None:
    dropped: set[str] = set()
    request = ChatRequest(model="m", messages=ASKED.messages, tools=(FEED, GROOM, SEARCH), tool_choice=choice)
    tools, told = offer_tools(request, dialect, wire=OPENAI_CHAT, dropped=dropped)
    assert (tuple(tool.name for tool in tools), told) == (offered, said)
    assert dropped == {"tools[].web_search", *lost}
