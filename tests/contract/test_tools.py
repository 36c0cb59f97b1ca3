"""Calls and their results: one, several, none, broken; chosen, refused, unanswered; each history sent once more."""

import json
from dataclasses import replace

from hostler.core.messages import Media, Message, Text, ToolCall, ToolResult
from hostler.core.requests import ToolChoice
from hostler.core.tools import Tool
from hostler.providers.fake.script import Call, Reply, When
from tests.contract.case import Place, case
from tests.contract.talk import Talk, answered, called, user

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="weather", description="The weather in a city.", parameters=CITY)
CLOCK = Tool(name="clock", description="The time of day.", parameters={"type": "object", "properties": {}})
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OSLO = Call(name="weather", arguments={"city": "Oslo"})
NOW = Call(name="clock")
LONG = Call(name="weather", arguments={"city": "Llanfairpwllgwyngyll"}, fragment=3)
SHORT = Call(name="weather", arguments={"city": "Å"}, fragment=1)
TOLD = Reply(when=When(tool_result=True), text="Told: ", echo=True)
OBJECTS_ALONE = ("anthropic", "gemini", "ollama")
"""Wires whose arguments are JSON objects, not text."""


@case(Reply(calls=(OSLO,)), TOLD, shows="single call")
async def test_a_call_and_its_result(talk: Talk) -> None:
    history = [user("What is the weather in Oslo?")]
    reply = await talk.ask(history, tools=[WEATHER, CLOCK])
    assert (reply.finish, reply.text, called(reply)) == ("tool_calls", "", [("weather", {"city": "Oslo"})])
    assert reply.tool_calls[0].id
    last = await talk.ask([*history, *answered(reply, "Sunny.")], tools=[WEATHER, CLOCK])
    assert (last.text, last.finish) == ("Told: Sunny.", "stop")
    assert await talk.dropped() == set()


@case(Reply(calls=(OSLO, NOW, Call(name="weather", arguments={"city": "Rome"}))), TOLD, shows="parallel calls")
async def test_calls_at_once(talk: Talk) -> None:
    history = [user("Weather and time?")]
    reply = await talk.ask(history, tools=[WEATHER, CLOCK], parallel_tool_calls=True)
    assert called(reply) == [("weather", {"city": "Oslo"}), ("clock", {}), ("weather", {"city": "Rome"})]
    assert len({call.id for call in reply.tool_calls}) == 3
    last = await talk.ask([*history, *answered(reply, "Snow.", "Noon.", "Sun.")], tools=[WEATHER, CLOCK])
    assert last.text.startswith("Told: ") and "Sun." in talk.sent
    assert talk.sent.index("Snow.") < talk.sent.index("Noon.") < talk.sent.index("Sun.")


@case(Reply(text="One moment. ", calls=(LONG, SHORT), interleave=True), TOLD, shows="parallel calls")
async def test_calls_whose_pieces_take_turns(talk: Talk) -> None:
    history = [user("Weather?")]
    reply = await talk.ask(history, tools=[WEATHER])
    assert reply.text == "One moment. "
    assert called(reply) == [("weather", {"city": "Llanfairpwllgwyngyll"}), ("weather", {"city": "Å"})]
    await talk.ask([*history, *answered(reply, "Rain.", "Wind.")], tools=[WEATHER])
    assert "One moment. " in talk.sent and talk.sent.index("Rain.") < talk.sent.index("Wind.")


@case(Reply(calls=(NOW,)), TOLD, shows="call without arguments")
async def test_a_call_without_arguments(talk: Talk) -> None:
    reply = await talk.ask(history := [user("What time is it?")], tools=[CLOCK])
    assert called(reply) == [("clock", {})]
    assert (await talk.ask([*history, *answered(reply, "Noon.")], tools=[CLOCK])).text == "Told: Noon."


@case(Reply(calls=(Call(name="clock", raw=""),)), TOLD, shows="call without arguments")
async def test_a_call_with_nothing_where_arguments_stand(talk: Talk) -> None:
    reply = await talk.ask(history := [user("What time is it?")], tools=[CLOCK])
    assert called(reply) == [("clock", {})]
    assert (await talk.ask([*history, *answered(reply, "Noon.")], tools=[CLOCK])).text == "Told: Noon."


@case(Reply(calls=(Call(name="weather", raw='{"city": "Os'),)), TOLD, shows="bad JSON arguments")
async def test_arguments_that_are_no_json(talk: Talk) -> None:
    """What the model wrote is told as it is, and can stand in a history."""
    reply = await talk.ask(history := [user("Weather?")], tools=[WEATHER])
    (call,) = reply.tool_calls
    text_travels = talk.wire not in OBJECTS_ALONE or (talk.wire == "anthropic" and talk.streamed)
    assert (call.arguments == '{"city": "Os') == text_travels
    broken = replace(call, arguments='{"city": "Os', opaque=None)
    turn = [
        Message("assistant", (broken,)),
        Message("tool", (ToolResult(call_id=call.id, content=(Text(text="Eh?"),)),)),
    ]
    assert (await talk.ask([*history, *turn], tools=[WEATHER])).text == "Told: Eh?"
    lost = "messages[].tool_calls[].arguments"
    assert (lost in await talk.dropped()) == ("INVALID_JSON" in talk.sent) == (talk.wire in OBJECTS_ALONE)
    assert json.dumps('{"city": "Os')[1:-1] in talk.sent


@case(Reply(call_first_tool=True), shows="single call")
async def test_a_call_that_must_be_made(talk: Talk) -> None:
    for choice in (ToolChoice("required"), ToolChoice("named", "clock")):
        reply = await talk.ask("Hello", tools=[CLOCK], tool_choice=choice)
        assert called(reply) == [("clock", {})]
    lost = await talk.dropped()
    assert ("tool_choice" in lost) == (talk.wire == "ollama")


@case(Reply(call_first_tool=True, text="I called nothing."), shows="single call")
async def test_a_named_tool_among_others(talk: Talk) -> None:
    reply = await talk.ask("Hello", tools=[WEATHER, CLOCK], tool_choice=ToolChoice("named", "clock"))
    assert called(reply) == [("clock", {})]


@case(Reply(call_first_tool=True, text="I called nothing."), shows="single call")
async def test_no_call_although_there_are_tools(talk: Talk) -> None:
    reply = await talk.ask("Hello", tools=[WEATHER, CLOCK], tool_choice=ToolChoice("none"))
    assert (reply.text, reply.tool_calls) == ("I called nothing.", ())


@case(TOLD, shows="single call")
async def test_a_result_that_is_an_error(talk: Talk) -> None:
    call = ToolCall(id="call_1", name="clock", arguments="{}")
    result = ToolResult(call_id="call_1", name="clock", content=(Text(text="It stopped."),), is_error=True)
    reply = await talk.ask([user("Time?"), Message("assistant", (call,)), Message("tool", (result,))], tools=[CLOCK])
    assert reply.text == "Told: It stopped."
    kept = talk.wire in ("anthropic", "gemini")
    assert ("messages[].content[].is_error" in await talk.dropped()) != kept


@case(Reply(echo=True), shows="multi-turn")
async def test_calls_and_results_without_each_other(talk: Talk) -> None:
    """An unanswered call is told to be interrupted, a result that nobody asked for is left out."""
    call = ToolCall(id="call_1", name="clock", arguments="{}")
    lost = ToolResult(call_id="call_2", name="weather", content=(Text(text="Nobody asked."),))
    history = [user("Time?"), Message("assistant", (call,)), Message("tool", (lost,)), user("Never mind.")]
    assert (await talk.ask(history, tools=[CLOCK])).finish == "stop"
    assert talk.sent.index("interrupted") < talk.sent.index("Never mind.") and "Nobody asked." not in talk.sent


@case(Reply(echo=True), shows="multi-turn")
async def test_ids_of_another_maker(talk: Talk) -> None:
    """Ids that a wire would refuse are made ones that it takes, and still pair."""
    ids = ("fc|1:ü/" + "x" * 90, "a b", "a_b", "")
    calls = tuple(ToolCall(id=id_, name="clock", arguments="{}") for id_ in ids)
    results = tuple(
        ToolResult(call_id=id_, name="clock", content=(Text(text=f"Time {n}."),)) for n, id_ in enumerate(ids)
    )
    history = [user("Time?"), Message("assistant", calls), Message("tool", results), user("Thanks.")]
    assert (await talk.ask(history, tools=[CLOCK])).finish == "stop"
    assert [talk.sent.count(f"Time {n}.") for n in range(4)] == [1, 1, 1, 1]


@case(Reply(call_first_tool=True), TOLD, shows="single call")
async def test_a_tool_of_free_text(talk: Talk) -> None:
    tool = Tool(name="patch", description="Applies a patch.", custom=True)
    reply = await talk.ask(history := [user("Mend it.")], tools=[tool])
    (call,) = reply.tool_calls
    assert call.name == "patch"
    assert (call.custom, call.arguments) in ((True, "example"), (False, '{"input":"example"}'))
    assert ("tools[].custom" in await talk.dropped()) == (talk.wire != "openai-responses")
    assert (await talk.ask([*history, *answered(reply, "Done.")], tools=[tool])).text == "Told: Done."


@case(Reply(calls=(NOW,)), TOLD, shows="image", at={"dashscope": Place(model="qwen3-vl")})
async def test_an_image_in_a_result(talk: Talk) -> None:
    reply = await talk.ask(history := [user("Look at the clock.")], tools=[CLOCK])
    (call,) = reply.tool_calls
    seen = (Text(text="A clock:"), Media(kind="image", media_type="image/png", data=PNG))
    result = Message("tool", (ToolResult(call_id=call.id, name="clock", content=seen),))
    reply = await talk.ask([*history, Message("assistant", reply.parts), result], tools=[CLOCK])
    assert reply.text.startswith("Told: ") or talk.wire not in ("openai-responses", "anthropic", "gemini")
    assert talk.sent.count(PNG) == 1 and "A clock:" in talk.sent


@case(Reply(call_first_tool=True), TOLD, shows="single call")
async def test_a_schema_with_everything(talk: Talk) -> None:
    """References, unions, bounds and nesting: no vendor refuses it, and the call fits it."""
    schema = {
        "type": "object",
        "properties": {
            "who": {"$ref": "#/$defs/person"},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"$ref": "#/$defs/person"}, "minItems": 1, "maxItems": 3},
            "kind": {"enum": ["a", "b"]},
        },
        "required": ["who", "kind"],
        "additionalProperties": False,
        "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    }
    tool = Tool(name="meet", parameters=schema)
    reply = await talk.ask(history := [user("Meet.")], tools=[tool])
    assert called(reply) == [("meet", {"who": {"name": "example"}, "kind": "a"})]
    assert (await talk.ask([*history, *answered(reply, "Met.")], tools=[tool])).text == "Told: Met."


@case(Reply(calls=(NOW,)), Reply(calls=(OSLO,)), Reply(text="Done."), shows=("single call", "multi-turn"))
async def test_a_loop_of_calls(talk: Talk) -> None:
    history = [user("Do it.")]
    for result in ("Noon.", "Sunny."):
        reply = await talk.ask(history, tools=[CLOCK, WEATHER])
        assert reply.finish == "tool_calls"
        history += answered(reply, result)
    assert (await talk.ask(history, tools=[CLOCK, WEATHER])).text == "Done."
    assert talk.sent.index("Noon.") < talk.sent.index("Sunny.")


HUGE = {"text": "Grüße, 世界! " * 1500, "deep": [[[[{"a": [1, 2.5, None, True, '"\\\n']}]]]]}


@case(Reply(calls=(Call(name="write", arguments=HUGE, fragment=997),)), TOLD, shows="single call")
async def test_a_call_with_much_to_say(talk: Talk) -> None:
    tool = Tool(name="write", parameters={"type": "object", "properties": {"text": {"type": "string"}}})
    reply = await talk.ask(history := [user("Write.")], tools=[tool])
    assert called(reply) == [("write", HUGE)]
    assert (await talk.ask([*history, *answered(reply, "Written. " * 200)], tools=[tool])).text.startswith("Told: Wri")
