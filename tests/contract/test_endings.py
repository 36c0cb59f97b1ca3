"""Why a reply ended: each vendor's word for it as one of ours, its own word kept."""

from typing import get_args

from hostler.core.messages import Message, Refusal
from hostler.core.requests import FinishReason
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES
from hostler.providers.fake.script import Call, Reply
from tests.contract.case import Case, case, cases
from tests.contract.talk import Talk, answered, user


@case(Reply(text="That is all."), shows="stop")
async def test_the_end(talk: Talk) -> None:
    reply = await talk.ask("Hello")
    assert (reply.text, reply.finish) == ("That is all.", "stop")
    assert reply.raw_finish in ("stop", "completed", "end_turn", "STOP")


@case(Reply(text="That is not", finish="length"), shows="length")
async def test_too_long(talk: Talk) -> None:
    reply = await talk.ask("Hello", max_tokens=20)
    assert (reply.text, reply.finish) == ("That is not", "length")
    assert "20" in talk.sent


@case(Reply(text="Not even that.", finish="length"), shows="length")
async def test_hardly_anything(talk: Talk) -> None:
    """A limit below what a wire takes is raised, and that is told."""
    reply = await talk.ask("Hello", max_tokens=1)
    assert reply.finish == "length"
    assert ("max_tokens" in await talk.dropped()) == (talk.wire == OPENAI_RESPONSES)


@case(Reply(finish="length", calls=(Call(name="clock", raw='{"at": "no'),)), shows="length")
async def test_too_long_within_a_call(talk: Talk) -> None:
    """A call that was cut is not one to be made."""
    reply = await talk.ask("Hello", max_tokens=20)
    assert reply.finish == "length"


@case(Reply(text="One, two,", finish="stop_sequence"), shows="stop")
async def test_a_stop_sequence(talk: Talk) -> None:
    reply = await talk.ask("Count.", stop=["three", "four"])
    assert reply.text == "One, two,"
    assert reply.finish == ("stop_sequence" if talk.wire == ANTHROPIC else "stop")
    assert reply.stop_sequence == ("three" if talk.wire == ANTHROPIC else None)
    assert ("three" in talk.sent) == ("stop" not in await talk.dropped())


@case(Reply(refusal="I cannot help with this."), Reply(text="Gladly."), shows="refusal")
async def test_a_refusal(talk: Talk) -> None:
    """Its words are told, as what they are where the wire says so; and the conversation goes on behind it."""
    reply = await talk.ask(history := [user("Do harm.")])
    if talk.wire == GEMINI:  # whose refusals have no content
        assert reply.finish in ("refusal", "content_filter")
    else:
        assert reply.text == "I cannot help with this."
    if talk.wire in (OPENAI_CHAT, OPENAI_RESPONSES):
        assert [type(part) for part in reply.parts] == [Refusal]
    if talk.wire not in (OLLAMA, DASHSCOPE):  # where it is a text like any other
        assert reply.finish in ("refusal", "content_filter")
    history += [*answered(reply)] if reply.parts else []
    assert (await talk.ask([*history, user("Then help.")])).text == "Gladly."


@case(Reply(text="First you", finish="content_filter"), shows="refusal")
async def test_a_filter(talk: Talk) -> None:
    reply = await talk.ask("Do harm.")
    assert reply.text == "First you"
    assert reply.finish in ("content_filter", "refusal")


@cases(*(Case(f"ends-{word}", (), (Reply(text="Oh.", finish=word),)) for word in ("pause", "brand_new_reason")))
async def test_other_words(talk: Talk) -> None:
    """A word that nobody told us about ends a reply like any other; no text is lost, nothing fails."""
    reply = await talk.ask("Hello")
    assert reply.text == "Oh."
    assert reply.finish in get_args(FinishReason) and reply.finish != "error"


@case(Reply(text="Wait", finish="length", calls=(Call(name="clock"),)), Reply(text="Gladly."), shows="length")
async def test_gone_on_after_a_cut(talk: Talk) -> None:
    """What was cut can stand in a history: its call is told to have been interrupted."""
    reply = await talk.ask(history := [user("Tell me.")], max_tokens=20)
    assert reply.finish == "length"
    kept = Message("assistant", reply.parts)
    assert (await talk.ask([*history, kept, user("Go on.")])).text == "Gladly."
    assert "interrupted" in talk.sent


@case(Reply(text="Half a sen", finish="length"), Reply(text="tence."), shows="length")
async def test_an_answer_begun(talk: Talk) -> None:
    """A conversation that ends with the beginning of an answer is gone on with."""
    reply = await talk.ask(history := [user("Tell me.")], max_tokens=20)
    assert (await talk.ask([*history, *answered(reply)])).text == "tence."
    assert "Half a sen" in talk.sent
