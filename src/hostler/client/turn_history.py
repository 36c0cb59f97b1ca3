"""What a model is sent of a session: the messages on the way to its reply, as a request has them.

Knows: which messages count, what stands for a document, how a broken-off reply is gone on with. Does not know: the
store, how a request is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, cast, get_args

import msgspec

from hostler.client.asking import Options
from hostler.client.sessions.parts import (
    DocumentPart,
    ImagePart,
    Part,
    Parts,
    ReasoningPart,
    RefusalPart,
    TextPart,
    to_core,
)
from hostler.client.sessions.records import Message, Params
from hostler.core import messages as core
from hostler.core.requests import Effort, ReasoningOptions
from hostler.errors import RequestError, Unsupported

GO_ON: Final = "Continue exactly where you left off, without repeating anything."
LEFT_OUT: Final = "(What was said before is left out.)"
EFFORTS: Final = cast("tuple[Effort, ...]", get_args(Effort))


def conversation(path: Iterable[Message]) -> tuple[core.Message, ...]:
    """The messages from the root on, but for those that say nothing, as replies that failed at once.

    Roles take turns and a person begins, as many models' templates demand: what one role says twice in a row, since
    the answer between failed, is one message; before a reply that begins a session stands that something is left out.
    """
    told: list[core.Message] = []
    for message in path:
        if not _says_something(message):
            continue
        said = core.Message(message.role, _parts(message.parts))
        last = told[-1] if told else None
        if last is not None and last.role == said.role != "system":
            told[-1] = core.Message(said.role, _joined(last.parts, said.parts))
            continue
        if said.role == "assistant" and (last is None or last.role == "system"):
            told.append(core.Message("user", (core.Text(text=LEFT_OUT),)))
        told.append(said)
    return tuple(told)


def continued(path: Sequence[Message], partial: Parts) -> tuple[core.Message, ...]:
    """The conversation up to a reply that broke off, what it had said, and the request to go on.

    Only its text counts: thinking that was not finished cannot be sent, nor calls that were never made.
    """
    said = spoken(partial)
    if not said:
        return conversation(path)
    partly = core.Message("assistant", to_core(said))
    return (*conversation(path), partly, core.Message("user", (core.Text(text=GO_ON),)))


def spoken(parts: Parts) -> Parts:
    """The text among the parts, as far as there is some."""
    return tuple(part for part in parts if isinstance(part, TextPart | RefusalPart) and part.text.strip())


def check_images(path: Iterable[Message], blind: Sequence[str]) -> None:
    """Raises Unsupported when there are images among the messages and these models, by id, are known not to see."""
    if not blind or not any(isinstance(part, ImagePart) for message in path for part in message.parts):
        return
    names = ", ".join(f"'{model}'" for model in blind)
    raise Unsupported(
        f"{names} cannot see images, and there are some in this conversation.",
        hint="Choose a model that can see, or go on from a message before the image.",
    )


def options_of(params: Params, system: str) -> Options:
    """What is said to the model beside the messages. Raises RequestError for an effort that nobody knows."""
    given: dict[str, object] = msgspec.to_builtins(params)  # only what is set, by the names that options have too
    effort = given.pop("effort", None)
    options = cast("Options", given)
    options["system"] = system
    if effort:
        options["reasoning"] = ReasoningOptions(effort=_effort(str(effort)))
    return options


def _effort(text: str) -> Effort:
    if text not in EFFORTS:
        raise RequestError(f"There is no effort '{text[:40]}'.", hint=f"It is one of {', '.join(EFFORTS)}.")
    return text


def _says_something(message: Message) -> bool:
    return bool(spoken(message.parts)) or any(
        not isinstance(part, TextPart | RefusalPart | ReasoningPart) for part in message.parts
    )


def _joined(first: tuple[core.Part, ...], second: tuple[core.Part, ...]) -> tuple[core.Part, ...]:
    """Both in a row; where text meets text it is one, an empty line between: not every upstream parts texts."""
    end, begin = first[-1], second[0]
    if not (isinstance(end, core.Text) and isinstance(begin, core.Text)) or end.opaque or begin.opaque:
        return (*first, *second)
    return (*first[:-1], replace(end, text=f"{end.text}\n\n{begin.text}"), *second[1:])


def _parts(parts: Parts) -> tuple[core.Part, ...]:
    return to_core(tuple(_readable(part) for part in parts))


def _readable(part: Part) -> Part:
    """A document as text with its name: few wires take it as it is."""
    if not isinstance(part, DocumentPart):
        return part
    return TextPart(text=f"Document {part.name or 'without a name'}:\n\n{part.text}\n\nEnd of the document.")
