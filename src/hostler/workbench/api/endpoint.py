"""One endpoint as a coroutine over records: what it takes and gives is said once, by its annotations.

Knows: how records become JSON and back, how FastAPI is told of them. Does not know: what any endpoint does.

The framework's own models would say every record a second time, and be slower by far for a long session; so it keeps
to paths and parameters, and `body` and the result go through msgspec, whose schemas the document takes over.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, get_type_hints  # edge: any handler is declared here

import msgspec
from fastapi import APIRouter, Request, Response

from hostler.errors import WireError
from hostler.system.long_json import encode_long

JSON: Final = "application/json"
BODY: Final = "body"
LONG: Final = 256 << 10
"""Bytes from which on JSON is read in a thread."""
REFERENCE: Final = "#/components/schemas/{name}"
_ENCODE: Final = msgspec.json.Encoder().encode


class InvalidBody(WireError):
    """A body that is no JSON, or not what the endpoint takes; the message names the place."""

    status = 422


Handler = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`handler` answers `method path`. Its parameter `body` is the request's JSON as a record, its result the answer's.

    A result that is a Response is sent as it is. `large`: the answer may be long, so it is written in a thread.
    """

    method: str
    path: str
    handler: Handler
    status: int = 200
    large: bool = False

    @property
    def name(self) -> str:
        """What the document calls it."""
        return self.handler.__name__.strip("_")

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def hints(self) -> dict[str, Any]:
        """Parameters and result by name."""
        return get_type_hints(self.handler, include_extras=True)

    @property
    def takes(self) -> Any:
        """The body's type, None without."""
        return self.hints.get(BODY)

    @property
    def gives(self) -> Any:
        """The result's type, None for a response that is made by hand."""
        given = self.hints["return"]
        return None if given is Response else given


def add_endpoint(router: APIRouter, endpoint: Endpoint) -> None:
    """Let the router serve it, and the document name it."""
    success: dict[str, Any] = {"description": "As asked."}
    if endpoint.gives is not None:
        success["content"] = {JSON: {"schema": schema_of(endpoint.gives)}}
    failure = {"description": "Refused.", "content": {JSON: {"schema": {"$ref": REFERENCE.format(name="Refusal")}}}}
    extra: dict[str, Any] = {}
    if endpoint.takes is not None:
        extra["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of(endpoint.takes)}}}
    router.add_api_route(
        endpoint.path,
        _call(endpoint),
        methods=[endpoint.method],
        status_code=endpoint.status,
        response_class=Response,
        response_model=None,
        responses={endpoint.status: success, "default": failure},
        openapi_extra=extra,
        operation_id=endpoint.name,
        summary=endpoint.summary,
        description="",
    )


def _call(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    """The handler as the framework calls it: with the request, and parameters by name."""
    handler, takes = endpoint.handler, endpoint.takes
    signature = inspect.signature(handler)
    wants_request = "request" in signature.parameters
    decoder = None if takes is None else msgspec.json.Decoder(takes)

    async def call(request: Request, **given: object) -> Response:
        if decoder is not None:
            given[BODY] = await _read(await request.body(), decoder)
        if wants_request:
            given["request"] = request
        result = await handler(**given)
        if isinstance(result, Response):
            return result
        data = await asyncio.to_thread(encode_long, result) if endpoint.large else _ENCODE(result)
        return Response(data, endpoint.status, media_type=JSON)

    keyword = inspect.Parameter.KEYWORD_ONLY
    hints = endpoint.hints
    own = [
        parameter.replace(kind=keyword, annotation=hints[name])
        for name, parameter in signature.parameters.items()
        if name not in (BODY, "request")
    ]
    first = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    call.__signature__ = inspect.Signature([first, *own], return_annotation=Response)  # pyright: ignore[reportFunctionMemberAccess]
    return call


async def _read(data: bytes, decoder: msgspec.json.Decoder[Any]) -> object:
    try:
        return await asyncio.to_thread(decoder.decode, data) if len(data) > LONG else decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidBody(_place(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"The body is no JSON: {error}.") from None


def _place(error: str) -> str:
    """`$.parts[0].text` as people write it."""
    what, at, place = error.partition(" - at `")
    name = place.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{name}: {what}." if at and name else f"{what}."


def schema_of(record: Any) -> dict[str, Any]:
    """A reference to the record's schema, or a schema made of such."""
    return msgspec.json.schema_components([record], ref_template=REFERENCE)[0][0]


def records_of(endpoints: "list[Endpoint]") -> list[Any]:
    """Every type that the endpoints take or give, each once."""
    found = [kind for endpoint in endpoints for kind in (endpoint.takes, endpoint.gives) if kind is not None]
    return list({repr(kind): kind for kind in found}.values())
