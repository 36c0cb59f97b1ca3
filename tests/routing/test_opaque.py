"""Opaque reasoning comes back to its own origin, in order, within bounds, and can be shared between processes."""

from dataclasses import replace

from hostler.core.messages import Message, Origin, Part, Reasoning, Text, ToolCall
from hostler.core.requests import ChatRequest
from hostler.core.wires import ANTHROPIC
from hostler.routing.opaque import OpaqueStore, Place

ORIGIN = Origin("vendor", ANTHROPIC, "model")
OTHER = Origin("vendor", ANTHROPIC, "another")


def signed(text: str) -> Reasoning:
    return Reasoning(text=text, opaque=b'{"signature":"' + text.encode() + b'"}', origin=ORIGIN)


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="f")


def history(*parts: Part) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("assistant", parts),))


def test_opaque_state_of_another_model_is_left_out_and_a_clients_own_is_not() -> None:
    foreign = (
        signed("a"),
        Text(text="b", opaque=b"{}", origin=ORIGIN),
        ToolCall(id="1", name="f", opaque=b"{}", origin=ORIGIN),
    )
    store = OpaqueStore()
    assert store.restore("", ORIGIN, request=history(*foreign)).messages[0].parts == foreign
    bare = tuple(replace(part, opaque=None) for part in foreign)
    assert store.restore("", OTHER, request=history(*foreign)).messages[0].parts == bare
    unnamed = tuple(replace(part, origin=Origin("", ANTHROPIC, "")) for part in foreign)
    assert store.restore("", OTHER, request=history(*unnamed)).messages[0].parts == unnamed


def test_reasoning_stands_before_its_call_again_for_its_own_key_and_origin_only() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(signed("a"), call("1"), signed("b"), signed("c"), call("2"), call("3")))
    back = store.restore("key", ORIGIN, request=history(call("1"), call("2"), call("3")))
    assert back.messages[0].parts == (signed("a"), call("1"), signed("b"), signed("c"), call("2"), call("3"))
    plain = history(call("1"))
    assert store.restore("another key", ORIGIN, request=plain) == plain
    assert store.restore("key", OTHER, request=plain) == plain


def test_what_the_client_carries_itself_is_left_alone() -> None:
    store = OpaqueStore()
    store.keep("key", ORIGIN, parts=(signed("kept"), call("1")))
    carried = history(signed("carried"), call("1"))
    assert store.restore("key", ORIGIN, request=carried) == carried


def test_what_was_used_least_recently_goes_first() -> None:
    store = OpaqueStore(most_entries=2)
    for name in "12":
        store.keep("key", ORIGIN, parts=(signed(name), call(name)))
    store.restore("key", ORIGIN, request=history(call("1")))
    store.keep("key", ORIGIN, parts=(signed("3"), call("3")))
    assert [place[2] for place, _ in store.entries()] == ["1", "3"]
    small = OpaqueStore(most_bytes=1)
    small.keep("key", ORIGIN, parts=(signed("1"), call("1")))
    assert not list(small.entries())


def test_one_store_tells_another_what_it_keeps_and_not_what_it_was_told() -> None:
    first, second = OpaqueStore(), OpaqueStore()
    heard: list[tuple[Place, tuple[Reasoning, ...]]] = []
    first.on_kept = lambda place, reasoning: heard.append((place, reasoning))
    second.on_kept = lambda place, reasoning: heard.append((place, reasoning))
    first.keep("key", ORIGIN, parts=(signed("a"), call("1")))
    for place, reasoning in tuple(heard):
        second.put(place, reasoning)
    assert len(heard) == 1
    assert list(second.entries()) == list(first.entries())
