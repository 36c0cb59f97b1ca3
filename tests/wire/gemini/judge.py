"""The `google-genai` SDK as a judge of bytes: it reads what we wrote. Knows the SDK; knows none of our codecs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from google import genai
from google.genai import types


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server behind the SDK says."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"


@contextmanager
def client(answer: Callable[[str, bytes], Answer]) -> Iterator[genai.Client]:
    """An SDK client whose requests (path with query, body) are answered without any network, and never repeated."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        said = answer(request.url.raw_path.decode(), request.content)
        return httpx2.Response(said.status, headers={"content-type": said.media_type}, content=said.body)

    options = types.HttpOptions(
        base_url="http://127.0.0.1:9",
        client_args={"transport": httpx2.MockTransport(handle)},
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    with genai.Client(api_key="test", http_options=options) as sdk:
        yield sdk


def read_stream(body: bytes) -> list[types.GenerateContentResponse]:
    """What the SDK makes of a whole event stream; it raises for errors in it."""
    with client(lambda _path, _body: Answer(body, media_type="text/event-stream")) as sdk:
        return list(sdk.models.generate_content_stream(model="m", contents="hi"))


def read_reply(body: bytes) -> types.GenerateContentResponse:
    """What the SDK makes of a whole reply."""
    with client(lambda _path, _body: Answer(body)) as sdk:
        return sdk.models.generate_content(model="m", contents="hi")
