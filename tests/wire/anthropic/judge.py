"""The `anthropic` SDK as a judge of bytes: it reads what we wrote. Knows the SDK; knows none of our codecs."""

from collections.abc import Iterator

import httpx2
from anthropic import Anthropic
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

_EVENT = TypeAdapter[RawMessageStreamEvent](RawMessageStreamEvent)


class _Body(httpx2.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


def read_stream(body: bytes) -> Message:
    """What the SDK's streaming client makes of a whole event stream; it raises for error events."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Body(body))

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        Anthropic(api_key="test", base_url="http://127.0.0.1:9", http_client=http, max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        for event in stream:
            if event.type not in ("text", "input_json", "thinking", "signature", "citation", "message_stop"):
                _EVENT.validate_python(event.model_dump(warnings=False))
        return stream.get_final_message()


def read_message(body: bytes) -> Message:
    """The message that a whole reply holds, checked against the SDK's types."""
    return Message.model_validate_json(body)
