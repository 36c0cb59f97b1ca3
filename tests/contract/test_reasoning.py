"""Reasoning in each form, over three turns: shown as what it is, kept byte for byte for its maker, for nobody else."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final, Literal

from hostler.core.messages import Message, Origin, Reasoning, Text
from hostler.core.requests import ReasoningOptions
from hostler.core.requests import Reply as Told
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES
from hostler.providers.fake.gemini import packed
from hostler.providers.fake.script import Call, Dialect, Reply
from tests.contract.case import Case, Place, case, cases
from tests.contract.talk import Talk, answered, answered_plainly, opaque, thoughts, user

CLOCK = Tool(name="clock", description="The time of day.", parameters={"type": "object", "properties": {}})
THINKING = ReasoningOptions(effort="medium")
HIDDEN = ReasoningOptions(effort="medium", hidden=True)
SEALS = ("c2VhbC1vbmU=", "c2VhbC10d28=")
THOUGHTS = ("First I look at the clock.", "Once more, to be sure.")
SIGNING: Final = (OPENAI_RESPONSES, ANTHROPIC, GEMINI)
"""Wires whose makers sign or encrypt."""
GoesBack = Literal["signed", "readable", "not at all"]
Answered = Callable[..., list[Message]]


def thinking(*, calls: bool, **more: object) -> tuple[Reply, ...]:
    """Two replies with reasoning, which call or say something; and a last one without."""
    made: list[Reply] = []
    for thought, seal in zip(THOUGHTS, SEALS, strict=True):
        said = {"calls": (Call(name="clock"),)} if calls else {"text": "Noon."}
        made.append(Reply(reasoning=thought, signature=seal, **said, **more))  # type: ignore[arg-type]
    return (*made, Reply(text="Done."))


BEFORE_CALLS: Final = thinking(calls=True)
ASKED: Final = Dialect(summaries="asked")
VENDORS: Final = {
    OPENAI_CHAT: Place(provider="deepseek", dialect="deepseek"),
    OPENAI_RESPONSES: Place(dialect="openai"),
    ANTHROPIC: Place(model="claude-sonnet-5", dialect="anthropic-adaptive"),
    GEMINI: Place(model="gemini-2.5-pro", dialect="gemini-2.5"),
    OLLAMA: Place(dialect="ollama"),
    DASHSCOPE: Place(dialect="dashscope-cumulative"),
}
OTHER_VENDORS: Final = {
    OPENAI_CHAT: Place(provider="openrouter", dialect="openrouter"),
    OPENAI_RESPONSES: Place(dialect="openai-reasoning"),
    ANTHROPIC: Place(model="claude-opus-4-1"),
    GEMINI: Place(model="gemini-3-flash", dialect="gemini"),
    OLLAMA: Place(dialect=Dialect(tool_ids="missing", summaries="asked")),
}


def goes_back(talk: Talk) -> GoesBack:
    """What this vendor wants to see again of its reasoning."""
    place = talk.case.place(talk.wire)
    if place.provider == "openrouter" or (talk.wire in SIGNING and place.dialect != "gemini-2.5"):
        return "signed"
    return "readable" if talk.wire in (OLLAMA, GEMINI) or place.provider in ("deepseek", "mistral") else "not at all"


async def three_turns(talk: Talk, answer: Answered, *, reasoning: ReasoningOptions = THINKING) -> list[Told]:
    """The conversation: the replies of all turns."""
    history, told = [user("What time is it?")], list[Told]()
    for _ in range(3):
        told.append(await talk.ask(history, tools=[CLOCK], reasoning=reasoning))
        history += answer(told[-1], *("12:00" for _ in told[-1].tool_calls))
        if not told[-1].tool_calls:
            history.append(user("Really?"))
    assert told[-1].text == "Done."
    return told


def seals(talk: Talk) -> list[bool]:
    """For each turn's seal whether it stands in the last request, where they do in their order."""
    marks = [packed(seal) if talk.wire == GEMINI else seal for seal in SEALS]
    places = [talk.sent.find(mark) for mark in marks]
    assert all(talk.sent.count(mark) <= 1 for mark in marks)
    assert all(one < other for one, other in pairwise(places) if one >= 0)
    return [place >= 0 for place in places]


@cases(
    Case("usual", ("readable reasoning", "signed reasoning", "encrypted reasoning"), BEFORE_CALLS),
    Case("of-vendors", ("readable reasoning",), BEFORE_CALLS, VENDORS),
    Case("of-other-vendors", ("signed reasoning",), BEFORE_CALLS, OTHER_VENDORS),
    Case(
        "in-chunks", ("readable reasoning",), BEFORE_CALLS, {OPENAI_CHAT: Place(provider="mistral", dialect="mistral")}
    ),
)
async def test_before_calls(talk: Talk) -> None:
    told = await three_turns(talk, answered)
    assert [thoughts(reply) for reply in told] == [*THOUGHTS, ""]
    back = goes_back(talk)
    assert seals(talk) == [back == "signed"] * 2
    assert [thought in talk.sent for thought in THOUGHTS] == [back != "not at all"] * 2
    assert ("messages[].reasoning" in await talk.dropped()) == (back == "not at all")


@cases(
    Case("plain-client", ("signed reasoning", "encrypted reasoning"), BEFORE_CALLS),
    Case(
        "plain-client-of-an-old-model", ("signed reasoning",), BEFORE_CALLS, {ANTHROPIC: Place(model="claude-opus-4-1")}
    ),
)
async def test_for_a_client_that_cannot_carry_it(talk: Talk) -> None:
    """It sends texts and calls alone; what was sealed stands in its place again."""
    await three_turns(talk, answered_plainly)
    assert seals(talk) == [talk.wire in SIGNING] * 2
    assert [talk.sent.count(thought) for thought in THOUGHTS] == [int(talk.wire in SIGNING)] * 2


@case(*thinking(calls=False), shows=("readable reasoning", "summarised reasoning", "signed reasoning"))
async def test_before_answers(talk: Talk) -> None:
    told = await three_turns(talk, answered)
    assert [(thoughts(reply), reply.text) for reply in told[:2]] == [(thought, "Noon.") for thought in THOUGHTS]
    assert seals(talk) == [talk.wire in SIGNING] * 2


@case(
    *thinking(calls=False),
    shows="summarised reasoning",
    at={wire: Place(dialect=ASKED, model="gemini-3") for wire in (OPENAI_RESPONSES, GEMINI, OLLAMA)},
)
async def test_shown_to_those_who_ask(talk: Talk) -> None:
    told = await three_turns(talk, answered)
    assert [thoughts(reply) for reply in told] == [*THOUGHTS, ""]


@case(
    *BEFORE_CALLS,
    shows=("empty reasoning with a signature", "encrypted reasoning"),
    at={OPENAI_RESPONSES: Place(dialect="openai"), GEMINI: Place(model="gemini-3-pro", dialect="gemini")},
)
async def test_sealed_without_words(talk: Talk) -> None:
    """A client that wants no reasoning shown: the seal comes alone, and goes back; others say that they show it."""
    told = await three_turns(talk, answered, reasoning=HIDDEN)
    if talk.wire in SIGNING:
        assert [thoughts(reply) for reply in told] == ["", "", ""]
        assert seals(talk) == [True, True] and THOUGHTS[0] not in talk.sent
        assert all(opaque(reply) for reply in told[:2])
    else:
        assert "thinking.display" in await talk.dropped()


@case(
    Reply(reasoning="Part of it.", redacted=SEALS[0], calls=(Call(name="clock"),)),
    Reply(redacted=SEALS[1], text="Noon."),
    Reply(text="Done."),
    shows="redacted reasoning",
)
async def test_redacted(talk: Talk) -> None:
    """One wire has it; on the others nothing takes its place."""
    told = await three_turns(talk, answered)
    redacted = [[part.redacted for part in reply.parts if isinstance(part, Reasoning)] for reply in told]
    if talk.wire == ANTHROPIC:
        assert redacted == [[False, True], [True], []]
        assert seals(talk) == [True, True]
    else:
        assert redacted == [[False], [], []]
        assert not any(seals(talk))
    assert [reply.text for reply in told] == ["", "Noon.", "Done."]


@case(
    Reply(redacted=SEALS[0], calls=(Call(name="clock"),)),
    Reply(redacted=SEALS[1], calls=(Call(name="clock"),)),
    Reply(text="Done."),
    shows="redacted reasoning",
)
async def test_redacted_for_a_client_that_cannot_carry_it(talk: Talk) -> None:
    await three_turns(talk, answered_plainly)
    assert seals(talk) == [talk.wire == ANTHROPIC] * 2


@case(
    Reply(text="<think>\nI look at\nthe clock.\n</think>\n\nNoon, <think>as ever</think>."),
    Reply(text="<think></think>Still noon."),
    Reply(text="Done."),
    shows="tagged reasoning",
)
async def test_in_tags(talk: Talk) -> None:
    """At the beginning of what open models say it is reasoning; anywhere else, and of other makers, it is text."""
    told = await three_turns(talk, answered)
    if talk.wire in (OPENAI_CHAT, OLLAMA):
        assert (thoughts(told[0]).strip(), told[0].text) == ("I look at\nthe clock.", "Noon, <think>as ever</think>.")
        assert (thoughts(told[1]), told[1].text) == ("", "Still noon.")
        assert "messages[].reasoning" in await talk.dropped() or "the clock." in talk.sent
        assert '"content": "Noon, <think>as ever</think>."' in talk.sent
    else:
        assert [thoughts(reply) for reply in told] == ["", "", ""]
        assert told[0].text.startswith("<think>\nI look") and talk.sent.count("<think>") == 3


@case(
    Reply(reasoning=THOUGHTS[0], signature=SEALS[0]),
    Reply(reasoning=THOUGHTS[1], signature=SEALS[1], text="Noon."),
    Reply(text="Done."),
    shows="readable reasoning",
)
async def test_and_nothing_said(talk: Talk) -> None:
    """A reply that is all reasoning is no answer to go back with; the next one is."""
    told = await three_turns(talk, answered)
    assert [(thoughts(reply), reply.text) for reply in told[:2]] == [(THOUGHTS[0], ""), (THOUGHTS[1], "Noon.")]
    assert seals(talk)[1] == (talk.wire in SIGNING)


@case(Reply(echo=True), shows="signed reasoning")
async def test_of_another_maker(talk: Talk) -> None:
    """Sealed reasoning of one vendor reaches no other: neither seal nor words, and that is told."""
    maker = OPENAI_RESPONSES if talk.wire == ANTHROPIC else ANTHROPIC
    block = b'{"type":"thinking","thinking":"Secret.","signature":"c2VhbC1vbmU="}'
    sealed = Reasoning(text="Secret.", origin=Origin("elsewhere", maker, "other"), opaque=block)
    history = [user("Hello"), Message("assistant", (sealed, Text(text="Hi."))), user("Go on.")]
    assert (await talk.ask(history)).text == "Go on."
    assert "Secret." not in talk.sent and SEALS[0] not in talk.sent and "Hi." in talk.sent
    assert "messages[].reasoning" in await talk.dropped()


@case(Reply(echo=True), shows="signed reasoning")
async def test_of_another_model_of_the_wire(talk: Talk) -> None:
    """The same wire is not the same maker: a seal stays with its model."""
    block = b'{"type":"thinking","thinking":"Secret.","signature":"c2VhbC1vbmU="}'
    sealed = Reasoning(text="Secret.", origin=Origin("elsewhere", talk.wire, "other"), opaque=block)
    history = [user("Hello"), Message("assistant", (sealed, Text(text="Hi."))), user("Go on.")]
    assert (await talk.ask(history)).text == "Go on."
    assert SEALS[0] not in talk.sent and "Hi." in talk.sent
