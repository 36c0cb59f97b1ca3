"""The API's application: all endpoints under one prefix, errors in one shape, its own description.

Knows: which groups of endpoints there are. Does not know: what they do; who may call (the gateway has checked).
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, cast

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hostler import __version__
from hostler.errors import HostlerError, MethodNotAllowed, NotFound, UpstreamError
from hostler.workbench.api.document import document
from hostler.workbench.api.endpoint import JSON, Endpoint, InvalidBody, add_endpoint
from hostler.workbench.api.engines import EnginesApi
from hostler.workbench.api.models import ModelsApi
from hostler.workbench.api.preferences import PreferencesApi
from hostler.workbench.api.prompts import PromptsApi
from hostler.workbench.api.pulls import PullsApi
from hostler.workbench.api.sessions import SessionsApi
from hostler.workbench.api.shapes import Refusal
from hostler.workbench.api.transfer import TransferApi
from hostler.workbench.api.turns import TurnsApi
from hostler.workbench.parts import WorkbenchParts
from hostler.workbench.views import Problem

PREFIX: Final = "/hostler/api"
GROUPS: Final = (TransferApi, SessionsApi, TurnsApi, ModelsApi, EnginesApi, PullsApi, PreferencesApi, PromptsApi)
SERVER_ERROR: Final = 500

_log = logging.getLogger(__name__)


def make_app(parts: WorkbenchParts) -> FastAPI:
    """The application over these parts; it has no lifespan."""
    app = FastAPI(
        title="hostler",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    router = APIRouter(prefix=PREFIX, redirect_slashes=False)
    endpoints = all_endpoints(parts)
    for endpoint in endpoints:
        add_endpoint(router, endpoint)
    app.include_router(router)
    _describe(app, endpoints)
    app.add_exception_handler(HostlerError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_no_route)
    app.add_exception_handler(Exception, _on_bug)
    return app


def all_endpoints(parts: WorkbenchParts) -> list[Endpoint]:
    """Every endpoint but the document's; fixed paths come before those that would take them."""
    return [endpoint for group in GROUPS for endpoint in group(parts).endpoints()]


def _describe(app: FastAPI, endpoints: list[Endpoint]) -> None:
    """Serve the OpenAPI document, made when it is first asked for."""
    made: list[bytes] = []

    async def openapi() -> Response:
        if not made:
            made.append(msgspec.json.encode(document(app, endpoints)))
        return Response(made[0], media_type=JSON)

    app.add_api_route(f"{PREFIX}/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    app.state.endpoints = endpoints


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HostlerError)
    status = error.status
    if isinstance(error, UpstreamError) and status < SERVER_ERROR:
        status = HTTPStatus.BAD_GATEWAY  # an upstream's 401 says nothing about who called us
    headers = {"retry-after": f"{error.retry_after:.0f}"} if error.retry_after is not None else {}
    return _refusal(error, status, headers=headers)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = cast("Mapping[str, object]", error.errors()[0])
    name = str(cast("tuple[object, ...]", first.get("loc") or ("request",))[-1])
    invalid = InvalidBody(f"{name}: {first.get('msg', 'is wrong')}.")
    return _refusal(invalid, invalid.status)


async def _on_no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told: HostlerError = NotFound(f"The API has no {request.url.path}.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        told = MethodNotAllowed(f"{request.url.path} does not take {request.method}.")
    elif error.status_code != HTTPStatus.NOT_FOUND:
        told = HostlerError(str(error.detail))
    return _refusal(told, error.status_code, headers=error.headers)


async def _on_bug(_request: Request, error: Exception) -> Response:
    """The named edge of an endpoint: whoever called must hear of it. The server logs the error itself."""
    del error
    return _refusal(HostlerError("hostler failed at this request.", hint="Its log says why."), SERVER_ERROR)


def _refusal(error: HostlerError, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    body = Refusal(error=Problem(error.code, error.message, error.hint or ""))
    return Response(msgspec.json.encode(body), status, headers=dict(headers or {}), media_type=JSON)
