"""Endpoints of turns and messages: say, regenerate, go on, stop, edit, delete.

Knows: which answers come at once (202: the replies run by themselves). Does not know: how replies are made.
"""

import base64
import binascii
from typing import Final

from hostler.client.sessions.parts import DocumentPart, ImagePart, Parts, TextPart
from hostler.client.sessions.records import Message
from hostler.client.sessions.requests import Begun, Edit, Edited, NewTurn
from hostler.errors import RequestError
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint, InvalidBody
from hostler.workbench.parts import WorkbenchParts

IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class TurnsApi:
    """Answers for turns."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._sessions = parts.sessions
        self._turns = parts.turns

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        one = "/messages/{message}"
        return [
            Endpoint("POST", "/sessions/{session}/turns", self.begin_turn, status=202),
            Endpoint("POST", f"{one}/regenerate", self.regenerate, status=202),
            Endpoint("POST", f"{one}/continue", self.continue_reply, status=202),
            Endpoint("POST", f"{one}/stop", self.stop_reply),
            Endpoint("POST", f"{one}/edit", self.edit_message, status=202),
            Endpoint("DELETE", one, self.delete_message),
            Endpoint("POST", f"{one}/restore", self.restore_message),
        ]

    async def begin_turn(self, session: str, body: shapes.TurnBody) -> Begun:
        """Say something; the replies begin and run by themselves."""
        turn = NewTurn(parent=body.parent, parts=said(body.parts), models=body.models, params=body.params)
        begun: Begun = await self._turns.begin(session, turn)
        return Begun(user=begun.user.public(), replies=_public(begun.replies))

    async def regenerate(self, message: str, body: shapes.RegenerateBody) -> shapes.Replies:
        """Further replies beside this one, by the same model or others."""
        return shapes.Replies(replies=_public(await self._turns.regenerate(message, body.models, params=body.params)))

    async def continue_reply(self, message: str) -> shapes.Replies:
        """Go on with a reply that ended early, in the same message."""
        return shapes.Replies(replies=(await self._turns.continue_(message),))

    async def stop_reply(self, message: str) -> shapes.OneMessage:
        """Stop a reply; the answer comes when it has really ended."""
        await self._sessions.message(message)
        return shapes.OneMessage(message=await self._turns.stop(message))

    async def edit_message(self, message: str, body: shapes.EditBody) -> Edited:
        """The message in other words, as a new sibling; with `send` a person's is answered."""
        old: Message = await self._sessions.message(message)
        models = body.models if body.send else ()
        if body.send and not models and old.role == "user":
            models = await self._models_before(old)
        parts = said(body.parts) if old.role == "user" else body.parts
        edited: Edited = await self._turns.edit(message, Edit(parts=parts, models=models, params=body.params))
        return Edited(message=edited.message.public(), replies=_public(edited.replies))

    async def delete_message(self, message: str) -> shapes.GoneMessages:
        """Delete a message and all below it; what runs there is stopped. It can be restored for a week."""
        await self._stop_below(await self._sessions.message(message))
        return shapes.GoneMessages(ids=await self._sessions.delete_message(message))

    async def restore_message(self, message: str) -> shapes.Messages:
        """Undo the deletion that took this message along."""
        return shapes.Messages(messages=await self._sessions.restore_message(message))

    async def _models_before(self, asked: Message) -> tuple[str, ...]:
        """Who answered this message, without repetition; else the session's model. Raises RequestError for nobody."""
        opened = await self._sessions.get(asked.session)
        models = tuple(dict.fromkeys(m.model for m in opened.messages if m.parent == asked.id and m.model))
        if not models and opened.session.model:
            models = (opened.session.model,)
        if not models:
            raise RequestError("No model was named, and none has answered yet.", hint="Choose a model first.")
        return models

    async def _stop_below(self, top: Message) -> None:
        if not self._turns.running():
            return
        below = {top.id}
        for each in (await self._sessions.get(top.session)).messages:  # parents come before children
            if each.parent in below:
                below.add(each.id)
        await self._turns.stop_all(below)


def said(parts: Parts) -> Parts:
    """Parts that a person may send. Raises InvalidBody, which names the place."""
    for place, part in enumerate(parts):
        match part:
            case TextPart() | DocumentPart():
                pass
            case ImagePart(media_type=kind, data=data):
                _check_image(kind, data, f"parts[{place}]")
            case _:
                raise InvalidBody(f"parts[{place}]: a person's message holds text, documents and images.")
    return parts


def _check_image(kind: str, data: str, place: str) -> None:  # signature: an image and where it is
    if kind not in IMAGES:
        raise InvalidBody(f"{place}.media_type: an image is one of {', '.join(sorted(IMAGES))}.")
    try:
        base64.b64decode(data[:1024].ljust(-(-len(data[:1024]) // 4) * 4, "="), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidBody(f"{place}.data: an image's data is base64.") from None
    if not data or len(data) % 4:
        raise InvalidBody(f"{place}.data: an image's data is base64.")


def _public(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(message.public() for message in messages)
