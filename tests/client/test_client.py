"""The client over functions of one's own: requests, replies, errors, and who is told to stop."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from hostler.client.asking import request_of
from hostler.client.client import Client, ModelInfo
from hostler.core.deltas import Delta, Failed, Finished, Started, TextDelta, ToolCallDelta, ToolCallStarted, UsageDelta
from hostler.core.messages import Message, Origin, Text, ToolCall
from hostler.core.tools import Tool, function_tool
from hostler.core.usage import Usage
from hostler.errors import ModelNotFound, UpstreamBroken
from hostler.providers.provider import Access, Credentials, from_vendor
from hostler.providers.vendors import VENDORS
from hostler.registry.resolver import Candidate, Route
from hostler.routing.call import Call
from hostler.routing.outlets import Take

HELLO = (Started("1", "m"), TextDelta("Hel"), TextDelta("lo"), Finished("stop"), UsageDelta(Usage(input=3, output=2)))


@dataclass
class Performer:
    """Stands where dispatch and resolver are."""

    deltas: tuple[Delta, ...] = HELLO
    calls: list[Call] = field(default_factory=list)
    closed: int = 0
    route: Route | None = None

    async def feed(self, call: Call, take: Take) -> None:
        self.calls.append(call)
        try:
            for delta in self.deltas:
                if isinstance(delta, Failed):
                    raise delta.error
                take([delta])
                await asyncio.sleep(0)
        finally:
            self.closed += 1

    def resolve(self, name: str) -> Route:
        if name == "nothing":
            raise ModelNotFound("There is no model 'nothing'.")
        return self.route or Route(name, ())

    async def models(self) -> tuple[ModelInfo, ...]:
        return (ModelInfo("a/b", 10),)

    @property
    def client(self) -> Client:
        return Client(self.feed, self.resolve, models=self.models)


async def test_a_whole_reply() -> None:
    performer = Performer()
    reply = await performer.client.ask("a/b", "Hi", system="Be brief.", max_tokens=5, temperature=0.5, stop=["x"])
    assert (reply.text, reply.finish, reply.usage.output, reply.tool_calls) == ("Hello", "stop", 2, ())
    (call,) = performer.calls
    request = call.request
    assert request is not None
    assert (call.plan.asked, call.plan.stream, call.plan.route.asked) == ("a/b", True, "a/b")
    assert request.messages == (
        Message("system", (Text(text="Be brief."),)),
        Message("user", (Text(text="Hi"),)),
    )
    assert (request.max_tokens, request.sampling.temperature, request.sampling.stop) == (5, 0.5, ("x",))


async def test_as_it_comes() -> None:
    assert [delta async for delta in Performer().client.stream("a/b", "Hi")] == list(HELLO)


async def test_leaving_early_stops_the_upstream() -> None:
    performer = Performer()
    async with aclosing(performer.client.stream("a/b", "Hi")) as deltas:
        async for _ in deltas:
            break
    assert performer.closed == 1


async def test_every_call_has_an_id_of_its_own() -> None:
    performer = Performer()
    for client in (performer.client, performer.client):
        await client.ask("a/b", "Hi")
        await client.ask("a/b", "Hi")
    assert len({call.id for call in performer.calls}) == 4


async def test_a_stream_that_failed_raises_its_error() -> None:
    performer = Performer((TextDelta("Hel"), Failed(UpstreamBroken("it broke"))))
    with pytest.raises(UpstreamBroken, match="it broke"):
        await performer.client.ask("a/b", "Hi")
    assert performer.closed == 1


async def test_a_name_that_leads_nowhere_is_not_called() -> None:
    performer = Performer()
    with pytest.raises(ModelNotFound):
        await performer.client.ask("nothing", "Hi")
    assert performer.calls == []


def known(vendor: str) -> Route:
    """A route to a vendor's model, as its row says."""
    provider = from_vendor(VENDORS[vendor], Access(credentials=Credentials({VENDORS[vendor].env[0]: "k"})))
    return Route(f"{vendor}/m", (Candidate(f"{vendor}/m", "m", provider),))


async def test_a_reply_names_its_maker_so_that_it_can_go_back() -> None:
    reply = await Performer(route=known("anthropic")).client.ask("anthropic/m", "Hi")
    assert [part.origin for part in reply.parts if isinstance(part, Text)] == [Origin("anthropic", "anthropic", "m")]


async def test_a_vendor_is_asked_by_the_wire_that_it_prefers() -> None:
    for vendor, wire in (("openai", "openai-responses"), ("qwen", "dashscope"), ("deepseek", "openai-chat")):
        performer = Performer(route=known(vendor))
        reply = await performer.client.ask(f"{vendor}/m", "Hi")
        (way,) = performer.calls[0].plan.ways
        assert (way.candidate.provider.wire, reply.parts) == (
            wire,
            (Text(text="Hello", origin=Origin(vendor, wire, "m")),),
        )


async def test_tool_calls_of_a_reply() -> None:
    performer = Performer((ToolCallStarted(0, "c1", "add"), ToolCallDelta(0, '{"a":'), ToolCallDelta(0, "1}")))
    reply = await performer.client.ask("a/b", "Hi")
    assert reply.tool_calls == (ToolCall(id="c1", name="add", arguments='{"a":1}'),)
    assert reply.text == ""


async def test_models() -> None:
    assert await Performer().client.models() == (ModelInfo("a/b", 10),)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_tools_in_every_form() -> None:
    plain = Tool(name="plain")
    request = request_of("m", "Hi", tools=[plain, add, function_tool(add, name="plus")])
    assert [tool.name for tool in request.tools] == ["plain", "add", "plus"]
    assert request.tools[1].description == "Add two numbers."
    nameless: list[Callable[[int], int]] = [lambda x: x]
    with pytest.raises(TypeError, match="no tool name"):
        request_of("m", "Hi", tools=nameless)


def test_a_prompt_in_every_form() -> None:
    message = Message("user", (Text(text="Hi"),))
    assert request_of("m", "Hi").messages == request_of("m", message).messages == (message,)
    assert request_of("m", [message, message]).messages == (message, message)
