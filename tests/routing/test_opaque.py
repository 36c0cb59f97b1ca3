"""Opaque state comes back to its own origin, in order, within bounds, and can be shared between processes."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.messages import Message, Origin, Part, Reasoning, Refusal, Text, ToolCall
from hostler.core.requests import ChatRequest
from hostler.core.wires import ANTHROPIC, OPENAI_RESPONSES
from hostler.routing.opaque import MOST_BYTES, KeptPart, KeptReply, OpaqueStore, Place

ORIGIN = Origin("vendor", ANTHROPIC, "model")
OTHER = Origin("vendor", ANTHROPIC, "another")


def signed(text: str) -> Reasoning:
    return Reasoning(text=text, opaque=b'{"signature":"' + text.encode() + b'"}', origin=ORIGIN)


def call(name: str, **more: object) -> ToolCall:
    return ToolCall(id=name, name="f", **more)  # type: ignore[arg-type]


def said(text: str, **more: object) -> Text:
    return Text(text=text, **more)  # type: ignore[arg-type]


def history(*parts: Part) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("assistant", parts),))


def as_a_chat_client_sends_it(parts: tuple[Part, ...]) -> ChatRequest:
    """No reasoning, no opaque state, the text in one piece."""
    text = "".join(part.text for part in parts if isinstance(part, Text | Refusal))
    calls = tuple(replace(part, opaque=None, origin=None) for part in parts if isinstance(part, ToolCall))
    return history(*((Text(text=text),) if text else ()), *calls)


def of_origin(*parts: Part) -> tuple[Part, ...]:
    return tuple(replace(part, origin=ORIGIN) for part in parts)  # type: ignore[call-arg]


def restored(store: OpaqueStore, request: ChatRequest, *, key: str = "key") -> tuple[Part, ...]:
    return store.restore(key, ORIGIN, messages=request.messages)[0].parts


def test_opaque_state_of_another_model_is_left_out_and_a_clients_own_is_not() -> None:
    foreign = (
        signed("a"),
        Text(text="b", opaque=b"{}", origin=ORIGIN),
        ToolCall(id="1", name="f", opaque=b"{}", origin=ORIGIN),
    )
    store = OpaqueStore()
    assert store.restore("", ORIGIN, messages=history(*foreign).messages)[0].parts == foreign
    bare = tuple(replace(part, opaque=None) for part in foreign)
    assert store.restore("", OTHER, messages=history(*foreign).messages)[0].parts == bare
    unnamed = tuple(replace(part, origin=Origin("", ANTHROPIC, "")) for part in foreign)
    assert store.restore("", OTHER, messages=history(*unnamed).messages)[0].parts == unnamed


@pytest.mark.parametrize(
    "reply",
    [
        (signed("a"), call("1"), signed("b"), signed("c"), call("2"), call("3")),
        (signed("a"), said("Let me look."), call("1", arguments='{"x": 1}')),
        (said("Half "), said("and half", opaque=b'{"id":"msg"}'), call("1", opaque=b'{"thoughtSignature":"s"}')),
        (signed("a"), said("No call at all.")),
        (said("Signed at its end.", opaque=b"{}"),),
        (Reasoning(redacted=True, opaque=b"{}", origin=ORIGIN), Refusal(text="I will not.")),
    ],
)
def test_a_reply_stands_in_the_history_again_for_its_own_key_and_origin_only(reply: tuple[Part, ...]) -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=reply)
    plain = as_a_chat_client_sends_it(reply)
    assert restored(store, plain) == of_origin(*reply)
    assert store.restore("another key", ORIGIN, messages=plain.messages) == list(plain.messages)
    assert store.restore("key", OTHER, messages=plain.messages) == list(plain.messages)


def test_arguments_that_a_client_wrote_anew_are_the_same_call() -> None:
    store = OpaqueStore()
    reply = (signed("a"), call("1", arguments='{"x":1,"y":[2]}'))
    store.keep("key", ORIGIN, parts=reply)
    assert restored(store, history(call("1", arguments='{ "y": [2], "x": 1 }'))) == of_origin(*reply)


@pytest.mark.parametrize("before", [(), (said("Changed by the client."),)])
def test_a_call_in_free_text_is_the_functions_call_that_it_was_made_as(before: tuple[Part, ...]) -> None:
    made = call("1", arguments='{"input":"*** Begin Patch"}', opaque=b'{"thoughtSignature":"s"}')
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(said("I patch it."), made))
    back = call("1", arguments="*** Begin Patch", custom=True)
    assert restored(store, history(*before, back))[-1] == replace(made, origin=ORIGIN)
    other = replace(back, arguments="*** End Patch")
    assert restored(store, history(*before, other))[-1] == other


def test_a_client_whose_wire_has_no_ids_gets_it_back_with_the_ids_that_its_calls_have_now() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(signed("a"), call("given-1"), call("given-2", opaque=b"{}")))
    now = history(call("made-1"), call("made-2"))
    assert restored(store, now) == of_origin(signed("a"), call("made-1"), call("made-2", opaque=b"{}"))


def test_an_edited_message_keeps_its_edit_and_gets_back_what_belongs_to_its_calls() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(signed("a"), said("One."), call("1", opaque=b"{}"), signed("b"), call("2")))
    edited = history(said("Two."), call("1"), call("2", arguments='{"changed":true}'))
    assert restored(store, edited) == (
        said("Two."), signed("a"), call("1", opaque=b"{}", origin=ORIGIN), signed("b"),
        call("2", arguments='{"changed":true}'),
    )  # fmt: skip
    other_text = history(said("Another answer."))
    assert restored(store, other_text) == other_text.messages[0].parts


def test_what_the_client_carries_itself_is_left_alone() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(signed("kept"), call("1")))
    carried = history(signed("carried"), call("1"))
    assert store.restore("key", ORIGIN, messages=carried.messages) == list(carried.messages)


def test_a_block_of_the_clients_own_wire_hides_nothing() -> None:
    """A client of the Responses wire brings a message with its annotations back, which Anthropic has no use for."""
    store = OpaqueStore()
    reply = signed("kept"), said("Hay."), call("1")
    store.keep("key", ORIGIN, parts=reply)
    item = said("Hay.", opaque=b'{"type":"message"}', origin=Origin("", OPENAI_RESPONSES, ""))
    assert restored(store, history(item, call("1"))) == of_origin(*reply)


def test_a_reply_without_opaque_state_takes_no_room() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(Reasoning(text="open"), said("text"), call("1")))
    store.keep("key", ORIGIN, parts=(signed("nothing said"),))
    assert not list(store.entries())


def test_what_is_said_twice_gets_back_what_led_to_it_each_time() -> None:
    """Vendors that bind thinking to what stood before it refuse that of another turn."""
    store, turns = OpaqueStore(), list[Message]()
    for number in ("1", "2"):
        turns.append(Message("user", (said(f"Go on, {number}."),)))
        store.keep("key", ORIGIN, parts=(signed(number), said("Done.")), behind=turns)
        turns.append(Message("assistant", (said("Done."),)))
    back = store.restore("key", ORIGIN, messages=[Message("system", (said("New."),)), *turns])
    assert [message.parts[0] for message in back if message.role == "assistant"] == [signed("1"), signed("2")]
    assert restored(store, history(said("Done."))) == of_origin(signed("2"), said("Done.")), "the last one elsewhere"


def test_an_id_that_a_server_gives_in_each_conversation_anew_is_no_name() -> None:
    store, asked = OpaqueStore(), {name: [Message("user", (said(name),))] for name in ("one", "two")}
    for name, before in asked.items():
        store.keep("key", ORIGIN, parts=(signed(name), call("f:0")), behind=before)
    for name, before in asked.items():
        back = store.restore("key", ORIGIN, messages=[*before, Message("assistant", (call("f:0"),))])
        assert back[-1].parts == of_origin(signed(name), call("f:0"))


def test_readable_thinking_is_kept_for_those_who_want_it_back() -> None:
    store = OpaqueStore()
    reply = Reasoning(text="open"), call("1")
    store.keep("key", ORIGIN, parts=reply, readable=True)
    assert restored(store, history(call("1"))) == of_origin(*reply)


def test_what_was_used_least_recently_goes_first() -> None:
    store = OpaqueStore(most_entries=4)
    for name in "12":
        store.keep("key", ORIGIN, parts=(signed(name), said(name)))
    assert restored(store, history(said("1"))) == of_origin(signed("1"), said("1"))
    store.keep("key", ORIGIN, parts=(signed("3"), said("3")))
    assert restored(store, history(said("2"))) == (said("2"),)
    assert restored(store, history(said("1"))) != (said("1"),)
    store.put(("key", ORIGIN, "large"), (KeptPart("item", "", opaque=bytes(MOST_BYTES + 1)),))
    assert restored(store, history(said("1"))) != (said("1"),), "nothing goes for what cannot be kept"
    small = OpaqueStore(most_bytes=1)
    small.keep("key", ORIGIN, parts=(signed("1"), call("1")))
    assert not list(small.entries())


parts = st.lists(
    st.builds(signed, st.text(max_size=5))
    | st.builds(said, st.text(max_size=9), opaque=st.none() | st.just(b"{}"))
    | st.builds(
        call,
        st.sampled_from("123456789"),
        arguments=st.sampled_from(("", "{}", "not json")),
        opaque=st.none() | st.just(b"{}"),
    ),
    max_size=7,
    unique_by=lambda part: part.id if isinstance(part, ToolCall) else id(part),
)


@given(parts)
def test_any_reply_comes_back_whole_or_as_it_was_sent(reply: list[Part]) -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=reply)
    plain = as_a_chat_client_sends_it(tuple(reply))
    back = restored(store, plain)
    assert back in (of_origin(*reply), plain.messages[0].parts)


def test_one_store_tells_another_what_it_keeps_and_not_what_it_was_told() -> None:
    first, second = OpaqueStore(), OpaqueStore()
    heard: list[tuple[Place, KeptReply]] = []
    first.on_kept = lambda place, reply: heard.append((place, reply))
    second.on_kept = lambda place, reply: heard.append((place, reply))
    first.keep("key", ORIGIN, parts=(signed("a"), said("text"), call("1", opaque=b"\x00\xff")))
    for place, reply in tuple(heard):
        sent = msgspec.json.decode(msgspec.json.encode(reply), type=KeptReply)
        second.put(place, sent)
    assert len(heard) == 3, "by its place, by the call's id, and by what was said"
    assert list(second.entries()) == list(first.entries())
