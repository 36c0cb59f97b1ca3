"""Responses that a client goes on from by their id alone, for upstreams that store none.

Knows: which items a response stands for, and that they are kept beside opaque state, under the same bound. Does not
know: what an item says, how long a client means to come back.
"""

import msgspec

from hostler.core.messages import Origin
from hostler.core.wires import OPENAI_RESPONSES
from hostler.errors import ResponseNotFound
from hostler.routing.opaque import KeptPart, KeptReply, OpaqueStore
from hostler.wire.stored_items import continued, input_items

_US = Origin("", OPENAI_RESPONSES, "")
"""Whoever answered: the conversation goes on with any model."""
_PREVIOUS = b'"previous_response_id"'


class _Asked(msgspec.Struct):
    previous_response_id: str | None = None
    store: bool | None = None


class _Response(msgspec.Struct):
    id: str = ""
    output: list[msgspec.Raw] = []


class _Event(msgspec.Struct):
    response: _Response | None = None


class StoredResponses:
    """The responses of one key."""

    def __init__(self, keeper: OpaqueStore, key_id: str) -> None:
        self._keeper = keeper
        self._key_id = key_id

    def takes(self, body: bytes, *, stored_there: bool) -> bool:
        """Whether a request that could pass through must not: it goes on from what is kept here, whoever answered
        then; or its upstream keeps nothing (`stored_there`), and the client means to go on from the reply."""
        if stored_there and _PREVIOUS not in body:
            return False
        asked = _asked(body)
        if asked.previous_response_id and self._find(asked.previous_response_id) is not None:
            return True
        return not stored_there and (asked.store is not False or bool(asked.previous_response_id))

    def standing(self, body: bytes) -> bytes:
        """The request as one that stands for itself. Raises ResponseNotFound for what is not kept, or no more."""
        previous = _asked(body).previous_response_id
        if not previous:
            return body
        kept = self._find(previous)
        if kept is None:
            raise ResponseNotFound(
                f"Previous response with id '{previous[:200]}' not found.",
                hint="It was never stored here, or too much came since: send the conversation instead.",
            )
        return continued(body, [part.opaque or b"" for part in kept])

    def keep(self, standing: bytes, reply: bytes) -> None:
        """Remember a conversation with its reply: a whole one, or the last events of a stream."""
        if _asked(standing).store is False:
            return
        response = _response(reply)
        if response is None or not response.id:
            return
        items = [*input_items(standing), *(bytes(item) for item in response.output)]
        kept = tuple(KeptPart("item", "", opaque=item) for item in items)
        self._keeper.share((self._key_id, _US, response.id), kept)

    def _find(self, response_id: str) -> KeptReply | None:
        return self._keeper.find((self._key_id, _US, response_id))


def _asked(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Asked()  # the codec tells what is wrong with it


def _response(reply: bytes) -> _Response | None:
    if reply.startswith(b"{"):
        return msgspec.json.decode(reply, type=_Response)
    for line in reversed(reply.split(b"\n")):
        if line.startswith(b"data: {"):
            return msgspec.json.decode(line[6:], type=_Event).response
    return None
