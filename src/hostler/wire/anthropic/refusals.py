"""Error replies of this wire, both ways. Knows their shape and headers; does not know when to try again."""

from collections.abc import Mapping

import msgspec

from hostler.errors import HostlerError, UpstreamRefused
from hostler.wire.anthropic.vocabulary import STATUS_BY_ERROR, ErrorBody, error_object
from hostler.wire.pages import plain_words
from hostler.wire.retry import retry_after, retry_headers, wait_in_words

_LONGEST_MESSAGE = 500


class _Refusal(msgspec.Struct):
    error: ErrorBody = msgspec.field(default_factory=ErrorBody)
    message: str = ""  # of gateways before the vendor, some of which have `detail` instead
    detail: str = ""


def decode_error(  # signature: codec.Codec
    status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamRefused:
    """What an upstream's error reply says; a body of another form becomes the message as far as it is text."""
    try:
        told = msgspec.json.decode(body, type=_Refusal)
        error = told.error if told.error.message else ErrorBody(told.error.type, told.message or told.detail)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = ErrorBody(message=plain_words(body.decode("utf-8", "replace").strip(), _LONGEST_MESSAGE))
    wait = retry_after(headers)
    return UpstreamRefused(
        error.message or f"The upstream answered with status {status}.",
        status=status,
        kind=error.type,
        body=body,
        headers=retry_headers(headers),
        retry_after=wait_in_words(error.message) if wait is None else wait,
    )


def refused_in_band(error: ErrorBody, body: bytes) -> UpstreamRefused:
    """An error event inside a stream that began with status 200: its type says which status was meant."""
    status = STATUS_BY_ERROR.get(error.type, 500)
    message = error.message or "The upstream reported an error in its stream."
    return UpstreamRefused(message, status=status, kind=error.type, body=body, retry_after=wait_in_words(error.message))


def encode_error(error: HostlerError, request_id: str) -> bytes:
    """The JSON body of an error reply; its HTTP status is `error.status`."""
    return msgspec.json.encode({"type": "error", "error": error_object(error), "request_id": request_id})
