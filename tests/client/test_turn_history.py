"""What a model is sent of a session."""

import pytest

from hostler.client.sessions.parts import (
    DocumentPart,
    ImagePart,
    OriginRecord,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
)
from hostler.client.sessions.records import Message, Params, Role
from hostler.client.turn_history import GO_ON, LEFT_OUT, check_images, continued, conversation, options_of
from hostler.core import messages as core
from hostler.core.requests import ReasoningOptions
from hostler.errors import RequestError, Unsupported


def message(role: Role, *parts: Part) -> Message:
    return Message(id="m", session="s", parent=None, role=role, parts=parts, created=0)


HELLO = message("user", TextPart(text="Hello"))
HI = message("assistant", ReasoningPart(text="Hm."), TextPart(text="Hi."))


def test_what_says_nothing_is_left_out() -> None:
    path = [HELLO, message("assistant"), message("assistant", ReasoningPart(text="Hm."), TextPart(text=" ")), HELLO, HI]
    assert [m.role for m in conversation(path)] == ["user", "assistant"]
    call = message("assistant", ToolCallPart(id="1", name="f"))
    assert conversation([HELLO, call])[1].parts == (core.ToolCall(id="1", name="f"),)


def test_what_one_role_says_twice_in_a_row_is_one_message() -> None:
    """A reply between them failed or says nothing: templates of many models demand that roles take turns."""
    image = ImagePart(media_type="image/png", data="AA==")
    failed = message("assistant")
    path = [HELLO, failed, message("user", TextPart(text="There?")), failed, message("user", image), HI, HI]
    sent = conversation(path)
    assert [m.role for m in sent] == ["user", "assistant"]
    said, seen = sent[0].parts
    assert said == core.Text(text="Hello\n\nThere?") and isinstance(seen, core.Media)
    assert [type(part) for part in sent[1].parts] == [core.Reasoning, core.Text, core.Reasoning, core.Text]


def test_text_that_a_wire_sealed_is_not_joined() -> None:
    sealed = message("user", TextPart(text="a", opaque=b"{}"))
    (sent,) = conversation([sealed, HELLO])
    assert [part.text for part in sent.parts if isinstance(part, core.Text)] == ["a", "Hello"]


def test_a_session_that_begins_with_a_reply_begins_with_a_person_for_the_model() -> None:
    """As the later part of a session has it that was forked off at a reply."""
    system = message("system", TextPart(text="Be brief."))
    for path, roles in (([HI, HELLO], ["user", "assistant", "user"]), ([system, HI], ["system", "user", "assistant"])):
        sent = conversation(path)
        assert [m.role for m in sent] == roles
        assert sent[roles.index("user")].parts == (core.Text(text=LEFT_OUT),)


def test_opaque_state_goes_along_with_its_origin() -> None:
    origin = OriginRecord(provider="p", wire="anthropic", model="m")
    _, sent = conversation(
        [HELLO, message("assistant", ReasoningPart(opaque=b"{}", origin=origin), TextPart(text="Hi."))]
    )
    assert sent.parts[0] == core.Reasoning(opaque=b"{}", origin=core.Origin("p", "anthropic", "m"))


def test_a_document_is_text_with_its_name() -> None:
    (sent,) = conversation([message("user", DocumentPart(name="notes.txt", text="Buy milk."))])
    (part,) = sent.parts
    assert isinstance(part, core.Text) and "notes.txt" in part.text and "Buy milk." in part.text


def test_going_on_sends_what_was_said_and_asks_for_the_rest() -> None:
    sent = continued([HELLO], HI.parts)
    assert [m.role for m in sent] == ["user", "assistant", "user"]
    assert sent[1].parts == (core.Text(text="Hi."),)
    assert sent[2].parts == (core.Text(text=GO_ON),)
    assert continued([HELLO], (ReasoningPart(text="Hm."),)) == conversation([HELLO]), "nothing to go on from"


def test_a_model_that_cannot_see_is_named() -> None:
    seen = message("user", ImagePart(media_type="image/png", data="AA=="))
    check_images([HELLO, HI], ["here/demo"])
    check_images([seen], [])
    with pytest.raises(Unsupported, match="'here/demo' cannot see images"):
        check_images([HELLO, seen], ["here/demo"])


def test_only_what_is_set_is_said() -> None:
    assert options_of(Params(), "") == {"system": ""}
    params = Params(temperature=0.0, top_k=3, stop=("x",), effort="low", max_tokens=9, frequency_penalty=0.5)
    assert options_of(params, "Be brief.") == {
        "system": "Be brief.",
        "temperature": 0.0,
        "top_k": 3,
        "stop": ("x",),
        "max_tokens": 9,
        "frequency_penalty": 0.5,
        "reasoning": ReasoningOptions(effort="low"),
    }
    with pytest.raises(RequestError, match="no effort 'loud'"):
        options_of(Params(effort="loud"), "")
