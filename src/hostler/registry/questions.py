"""Dialogues with other machines: who is asked, how an answer is judged, what a failure means.

Knows: which statuses count as an answer, and that a dialogue ends with its result. Does not know: HTTP
(http_asker), what the questions are about.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hostler.errors import UpstreamError, UpstreamRefused
from hostler.providers.model_lists import Answer, Ask
from hostler.providers.provider import Header, Provider
from hostler.system.address import Address

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and the headers that every question carries."""

    address: Address
    headers: tuple[Header, ...] = ()


class Asker(Protocol):
    """Whoever carries questions. `ask` raises UpstreamError when there was no whole answer, of whatever status."""

    async def ask(self, target: Target, question: Ask) -> Answer: ...
    async def close(self) -> None: ...


def target_of(provider: Provider) -> Target:
    """How a provider is asked: with its key and headers, and those that its wire demands."""
    return Target(provider.address, (*provider.sent, *provider.defaults))


async def converse(asker: Asker, target: Target, *, dialogue: Generator[Ask, Answer | None, Result]) -> Result:
    """Carry a dialogue to its end. Raises UpstreamError when a question that is not optional got no good answer."""
    try:
        question = next(dialogue)
        while True:
            question = dialogue.send(await _answer(asker, target, question=question))
    except StopIteration as done:
        return done.value
    finally:
        dialogue.close()


async def _answer(asker: Asker, target: Target, *, question: Ask) -> Answer | None:
    try:
        answer = await asker.ask(target, question)
    except UpstreamError:
        if question.optional:
            return None
        raise
    if 200 <= answer.status < 300:
        return answer
    if question.optional:
        return None
    raise UpstreamRefused(refusal_text(target, question, answer=answer), status=answer.status, body=answer.body[:2000])


def refusal_text(target: Target, question: Ask, *, answer: Answer) -> str:
    """What an error status means for a person."""
    asked = f"{target.address} answered {answer.status} to {question.path.partition('?')[0]}"
    match answer.status:
        case 401 | 403:
            return f"{asked}: it wants another API key."
        case 503:
            return f"{asked}: it is loading or overloaded."
        case _:
            return f"{asked}."
