"""What is said, and by whom: text in every character, system text in every place, histories in order."""

import asyncio

from hostler.core.messages import Message, Text
from hostler.providers.fake.script import Chunks, Reply, When
from tests.contract.case import case
from tests.contract.talk import Talk, answered, user

ODD = (
    'Grüße, 世界, 🐴👩\u200d👧, e\u0301; "quotes", \\slashes, \t tabs, \u2028 lines\r\nand\n\nends </think>, data: x\n'
)


@case(Reply(text="Good morning to you."), shows=("plain", "stop"))
async def test_plain(talk: Talk) -> None:
    reply = await talk.ask("Good morning!")
    assert (reply.text, reply.finish, reply.tool_calls) == ("Good morning to you.", "stop", ())
    assert [type(part) for part in reply.parts] == [Text]
    assert reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0
    (received,) = talk.received
    assert (received.stream, received.status) == (talk.streamed, 200)


@case(Reply(when=When(system="Be brief."), text="Hi."), Reply(text="Nobody told me how."), shows="system")
async def test_system(talk: Talk) -> None:
    assert (await talk.ask("Hello", system="Be brief.")).text == "Hi."


@case(Reply(text="Ahoy."), shows="system")
async def test_system_text_between_turns(talk: Talk) -> None:
    history = [user("Hello"), Message("assistant", (Text(text="Hi."),)), user("Go on.")]
    told = Message("system", (Text(text="Talk like a sailor."),))
    reply = await talk.ask([*history[:2], told, history[2]], system="Be brief.")
    assert reply.text == "Ahoy."
    assert "Be brief." in talk.sent and "Talk like a sailor." in talk.sent
    moved = talk.wire in ("anthropic", "gemini", "dashscope")
    assert ("messages[].role" in await talk.dropped()) == moved
    assert ("<system>" in talk.sent) == moved


@case(Reply(echo=True), shows="multi-turn")
async def test_three_turns(talk: Talk) -> None:
    history: list[Message] = []
    for turn, text in enumerate(("One.", "Zwei.", "三。"), 1):
        history.append(user(text))
        reply = await talk.ask(history, system="Count.")
        assert reply.text == text
        history += answered(reply)
        assert len(talk.received) == turn
    assert talk.sent.index("One.") < talk.sent.rindex("One.") < talk.sent.index("Zwei.") < talk.sent.index("三。")
    assert await talk.dropped() == set()


@case(Reply(echo=True), shows="multi-turn")
async def test_a_history_that_needs_repair(talk: Talk) -> None:
    history = [user("Hello", ""), user("again"), Message("assistant", (Text(text=""),)), user("and again")]
    reply = await talk.ask(history)
    assert reply.text.split() == ["Hello", "again", "and", "again"]


@case(Reply(text=ODD, chunks=Chunks(by="characters")), shows="plain")
async def test_every_character(talk: Talk) -> None:
    reply = await talk.ask(ODD)
    assert reply.text == ODD
    assert ODD in _texts(talk.received[-1].json)


@case(Reply(text=" ".join(f"word{number}" for number in range(1500))), shows="stream")
async def test_much_text(talk: Talk) -> None:
    reply = await talk.ask("Talk.")
    assert reply.text.split() == [f"word{number}" for number in range(1500)]
    assert reply.usage.output == 1500


@case(Reply(text=""), Reply(text="Now I speak."), shows="plain")
async def test_nothing_said(talk: Talk) -> None:
    """An empty reply is a good one, and can stand in a history."""
    reply = await talk.ask(history := [user("Say nothing.")])
    assert (reply.text, reply.tool_calls, reply.finish) == ("", (), "stop")
    assert (await talk.ask([*history, *answered(reply), user("Speak.")])).text == "Now I speak."


@case(Reply(echo=True), shows="plain")
async def test_many_at_once(talk: Talk) -> None:
    """Each gets its own answer."""
    words = [f"number{n}" for n in range(12)]
    replies = await asyncio.gather(*(talk.ask(word) for word in words))
    assert [reply.text for reply in replies] == words


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for inner in value.values() for text in _texts(inner)]
        case list():
            return [text for inner in value for text in _texts(inner)]
        case _:
            return []
