"""The `openai` SDK as a judge of bytes: it and the published types read what we wrote. Knows none of our codecs."""

from collections.abc import Iterator
from typing import cast

import httpx2
import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.wire.openai_responses.published import REQUIRED

_EVENT = TypeAdapter[ResponseStreamEvent](ResponseStreamEvent)


class _Body(httpx2.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


def client(body: bytes, *, status: int = 200, stream: bool = True) -> openai.OpenAI:
    """An SDK client to which everything is answered with `body`."""
    kind = "text/event-stream" if stream else "application/json"

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={"content-type": kind}, stream=_Body(body))

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="test", base_url="http://127.0.0.1:9/v1", http_client=http, max_retries=0)


def read_events(body: bytes) -> list[ResponseStreamEvent]:
    """The events of a whole stream, each checked against the published types and its required fields."""
    events: list[ResponseStreamEvent] = []
    with client(body) as sdk, sdk.responses.create(model="m", input="hi", stream=True) as stream:
        for event in stream:
            plain = event.model_dump(warnings=False)
            events.append(_EVENT.validate_python(plain))
            check_required(event.type, event.to_dict())
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return events


def read_stream(body: bytes) -> Response:
    """What the SDK's own accumulator makes of a whole stream; it raises for events in a wrong order."""
    last = read_events(body)[-1]
    with client(body) as sdk, sdk.responses.stream(model="m", input="hi") as stream:
        stream.until_done()
        if last.type == "response.incomplete":  # of which the SDK gives no final response
            return last.response
        return stream.get_final_response()


def read_response(body: bytes) -> Response:
    """A whole reply, checked against the published types and its required fields."""
    response = Response.model_validate_json(body)
    check_required("response", response.to_dict())
    return response


def check_required(kind: str, members: dict[str, object]) -> None:
    """Nothing that the published description requires may be missing, in the object or in what it holds."""
    missing = REQUIRED[kind] - members.keys()
    assert not missing, (kind, missing)
    inner: list[object] = [members.get("item"), members.get("response")]
    output = members.get("output")
    inner += cast("list[object]", output) if isinstance(output, list) else []
    for each in inner:
        if isinstance(each, dict):
            held = cast("dict[str, object]", each)
            check_required(str(held.get("type", "response")), held)
