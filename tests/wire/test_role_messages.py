"""Messages are put in an order that wires with roles take, and nothing of them is lost on the way."""

from dataclasses import replace

from hostler.core.messages import Media, Message, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest
from hostler.wire.dialects import PLAIN
from hostler.wire.role_messages import in_order

IMAGE = Media(kind="image", media_type="image/png", data="aGk=")
NOTE = Media(kind="document", media_type="text/plain", text="a note", name="n.txt")
CALL = Message("assistant", (ToolCall(id="a/b", name="f"),))


def ordered(*messages: Message, mid_system: bool = True, media: bool = False) -> tuple[tuple[Message, ...], set[str]]:
    dialect = replace(PLAIN, mid_system=mid_system, tool_result_media=media)
    found, lost = in_order(ChatRequest(model="m", messages=messages), dialect, spelled=lambda id_: id_.upper())
    return tuple(found), lost


def test_results_stand_alone_and_before_what_is_said_beside_them() -> None:
    one, two = (ToolResult(call_id=id_, content=(Text(text=id_),)) for id_ in ("a/b", "c"))
    said = Message("user", (Text(text="and?"), one, two))
    assert ordered(CALL, said) == (
        (CALL, Message("tool", (one,)), Message("tool", (two,)), Message("user", (Text(text="and?"),))), set[str]()
    )  # fmt: skip


def test_media_of_results_follow_all_of_them_but_documents_in_words_stay() -> None:
    result = ToolResult(call_id="a/b", content=(Text(text="seen"), IMAGE, NOTE))
    other = ToolResult(call_id="c", content=(Text(text="too"),))
    found, _ = ordered(CALL, Message("tool", (result,)), Message("tool", (other,)), Message("user", (NOTE,)))
    told = Text(text="[image: see the next user message]")
    label = Text(text="From the result of tool call A/B:")
    assert found[1:] == (
        Message("tool", (replace(result, content=(Text(text="seen"), NOTE, told)),)),
        Message("tool", (other,)),
        Message("user", (label, IMAGE)),
        Message("user", (NOTE,)),
    )
    assert ordered(CALL, Message("tool", (result,)), media=True)[0][1] == Message("tool", (result,))


def test_late_system_text_is_the_users_with_its_mark_and_its_media() -> None:
    first, hello = Message("developer", (Text(text="Be brief."),)), Message("user", (Text(text="Hello."),))
    late = Message("system", (Text(text="Now in French."), Text(text="Please.", cache="5m"), IMAGE))
    found, lost = ordered(first, hello, late, mid_system=False)
    wrapped = Text(text="<system>\nNow in French.\n\nPlease.\n</system>", cache="5m")
    assert found == (Message("system", first.parts), hello, Message("user", (wrapped, IMAGE)))
    assert lost == {"messages[].role"}
    assert ordered(first, hello, late)[0] == (Message("system", first.parts), hello, late)


def test_names_are_told_as_lost() -> None:
    found, lost = ordered(Message("user", (Text(text="Hello."),), "ann"))
    assert (found[0].name, lost) == ("", {"messages[].name"})
