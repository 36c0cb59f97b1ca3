"""What goes wrong: refusals in each vendor's own words, errors within a stream, and streams that break off."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.translation.answers import Answer, Counts, Draw, Exchange, Served, dumps

Json = dict[str, Any]
Source = Callable[[Draw], Exchange]
_WORDS = {
    400: ("invalid_request_error", "INVALID_ARGUMENT", "InvalidParameter"),
    401: ("authentication_error", "UNAUTHENTICATED", "InvalidApiKey"),
    402: ("billing_error", "FAILED_PRECONDITION", "Arrearage"),
    403: ("permission_error", "PERMISSION_DENIED", "AccessDenied"),
    404: ("not_found_error", "NOT_FOUND", "ModelNotFound"),
    413: ("request_too_large", "INVALID_ARGUMENT", "RequestTooLarge"),
    429: ("rate_limit_error", "RESOURCE_EXHAUSTED", "Throttling.RateQuota"),
    500: ("api_error", "INTERNAL", "InternalError"),
    503: ("server_error", "UNAVAILABLE", "ServiceUnavailable"),
}
_NOTHING = Answer((), "odd", Counts(0, 0, 0, 0, 0))


def _bodies(wire: str, status: int, told: str) -> list[object]:
    """Bodies that vendors and servers of a wire put beside a status."""
    plain, google, alibaba = _WORDS[status]
    match wire:
        case "openai-chat":
            return [
                {"error": {"message": told, "type": plain, "param": None, "code": "some_code"}},
                {"error": {"message": told, "code": status, "metadata": {"provider_name": "X", "raw": "{}"}}},
                {"object": "error", "message": told, "type": "BadRequestError", "param": None, "code": status},
                {"error": told},
                {"detail": told},
                {"message": told, "request_id": "r"},
                {"error": {"code": status, "message": told, "type": "server_error"}},
                {"code": "x", "error": told},
                [{"error": {"code": status, "message": told, "status": google}}],
            ]
        case "openai-responses":
            return [
                {"error": {"message": told, "type": plain, "param": "input", "code": None}},
                {"code": "The service said", "error": told},
                {"detail": told},
            ]
        case "anthropic":
            return [
                {"type": "error", "error": {"type": plain, "message": told}, "request_id": "req_1"},
                {"type": "error", "error": {"type": plain, "message": told, "http_code": str(status)}},
                {"error": {"type": plain, "message": told}},
                {"message": told},
            ]
        case "gemini":
            details = [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}]
            return [
                {"error": {"code": status, "message": told, "status": google, "details": details}},
                [{"error": {"code": status, "message": told, "status": google}}],
            ]
        case "ollama":
            return [{"error": told}]
        case _:
            return [{"code": alibaba, "message": told, "request_id": "r"}]


def each_fault(wire: str, sources: list[Source]) -> list[Source]:
    """Sources of faults on a wire; streams that break are broken ones of `sources`."""

    def refused(draw: Draw) -> Exchange:
        status = draw.one(tuple(_WORDS))
        told = f"Refused {draw.id('', 6)}: the Straße is closed, 世界"
        body = dumps(draw.one(_bodies(wire, status, told))).encode()
        made = draw.one(sources)(draw)
        headers = (("retry-after", "7"),) if status == 429 else ()
        served = Served(body, (body,), status=status, headers=headers)
        return replace(
            made, shape=f"refused with {status}", served=served, answer=_NOTHING, fails=status, told=told, states=()
        )

    def cut(draw: Draw) -> Exchange:
        made = _streaming(draw, sources)
        share = draw.number(1, max(len(made.served.frames) - _tail(made), 1))
        frames = made.served.frames[:share]
        ending = draw.chance(0.5)
        served = replace(made.served, frames=frames, cut=ending)
        how = "reset" if ending else "plain end"
        return replace(made, shape=f"broken off, {how}", served=served, fails=0, states=(), modes=("stream",))

    def in_band(draw: Draw) -> Exchange:
        made = _streaming(draw, sources)
        share = draw.number(0, max(len(made.served.frames) - _tail(made), 1))
        told = f"Overloaded {draw.id('', 6)}"
        frames = (*made.served.frames[:share], draw.one(_in_band(wire, told)))
        served = replace(made.served, frames=frames)
        return replace(
            made, shape="error within the stream", served=served, fails=0, told=told, states=(), modes=("stream",)
        )

    return [refused, refused, refused, cut, in_band]


def _tail(made: Exchange) -> int:
    """Frames at the end without which the answer would still be whole, and the one that makes it so."""
    frames = made.served.frames
    for behind, frame in enumerate(reversed(frames)):
        if _ends(made.wire, frame):
            last = behind
            break
    else:
        return len(frames)
    earlier = [n for n, frame in enumerate(frames) if _ends(made.wire, frame)]
    return max(last + 1, len(frames) - earlier[0])


def _ends(wire: str, frame: bytes) -> bool:
    """Whether this frame tells how the answer ended."""
    match wire:
        case "openai-chat":
            return b'"finish_reason":"' in frame
        case "openai-responses":
            return any(b'"type":"response.%b"' % word in frame for word in (b"completed", b"incomplete", b"failed"))
        case "anthropic":
            return b'"type":"message_delta"' in frame
        case "gemini":
            return b'"finishReason"' in frame or b'"blockReason"' in frame
        case "ollama":
            return b'"done":true' in frame
        case _:
            return b'"finish_reason":"' in frame and b'"finish_reason":"null"' not in frame


def _streaming(draw: Draw, sources: list[Source]) -> Exchange:
    """One with something before its end."""
    while True:
        made = draw.one(sources)(draw)
        if len(made.served.frames) > _tail(made) + 1:
            return made


def _in_band(wire: str, told: str) -> list[bytes]:
    error: Json = {"message": told, "type": "server_error", "code": 502}
    match wire:
        case "openai-chat":
            top = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            routed = {"error": {"code": 502, "message": told}, "choices": [{"index": 0, "delta": {"content": ""},
                      "finish_reason": "error"}]}  # fmt: skip
            return [
                f"data: {dumps({'error': error})}\n\n".encode(),
                f"data: {dumps({**top, **routed})}\n\n".encode(),
                f"event: error\ndata: {dumps({'error': error})}\n\n".encode(),
                f"error: {dumps(error)}\n\n".encode(),
                f"data: {dumps({'object': 'error', 'message': told, 'code': 500})}\n\n".encode(),
            ]
        case "openai-responses":
            failed = {"id": "r", "object": "response", "created_at": 1, "status": "failed", "model": "m", "output": [],
                      "error": {"code": "server_error", "message": told}, "incomplete_details": None, "usage": None,
                      "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}  # fmt: skip
            flat = {"type": "error", "sequence_number": 9, "code": "server_error", "message": told, "param": None}
            nested = {"type": "error", "sequence_number": 9, "error": {"type": "server_error", "message": told}}
            ended = {"type": "response.failed", "sequence_number": 9, "response": failed}
            return [
                f"event: error\ndata: {dumps(flat)}\n\n".encode(),
                f"event: error\ndata: {dumps(nested)}\n\n".encode(),
                f"event: response.failed\ndata: {dumps(ended)}\n\n".encode(),
                f"data: {dumps({'error': error})}\n\n".encode(),
            ]
        case "anthropic":
            plain = {"type": "error", "error": {"type": "overloaded_error", "message": told}}
            return [
                f"event: error\ndata: {dumps(plain)}\n\n".encode(),
                f"data: {dumps(plain)}\n\n".encode(),
                f"event: error\ndata: {dumps({'error': {'type': 'api_error', 'message': told}})}\n\n".encode(),
            ]
        case "gemini":
            plain = {"error": {"code": 503, "message": told, "status": "UNAVAILABLE"}}
            return [f"data: {dumps(plain)}\r\n\r\n".encode(), f"{dumps(plain)}\n".encode()]
        case "ollama":
            return [f"{dumps({'error': told})}\n".encode()]
        case _:
            plain = {"code": "InternalError.Algo", "message": told, "request_id": "r"}
            return [f"id:9\nevent:error\n:HTTP_STATUS/500\ndata:{dumps(plain)}\n\n".encode()]
