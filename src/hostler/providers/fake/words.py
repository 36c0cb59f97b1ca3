"""Knows the words in which each vendor refuses, by status. Does not know when, or the shape around the words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hostler.providers.fake.script import Wire


@dataclass(frozen=True, slots=True)
class Words:
    """An error's type (on the gemini wire its status, on the dashscope wire its code), code and message."""

    kind: str
    message: str
    code: str | None = None


_OPENAI: Final = {
    400: Words("invalid_request_error", "We could not parse the JSON body of your request."),
    401: Words("invalid_request_error", "Incorrect API key provided: sk-fake.", "invalid_api_key"),
    402: Words("insufficient_quota", "Insufficient Balance", "insufficient_quota"),
    403: Words("invalid_request_error", "Country or region not supported", "unsupported_country_region_territory"),
    404: Words("invalid_request_error", "The model does not exist or you do not have access to it.", "model_not_found"),
    413: Words(
        "invalid_request_error", "Request too large: the maximum size of a request is 64 MB.", "request_too_large"
    ),
    422: Words(
        "invalid_request_error", "The request was well-formed but could not be followed.", "unprocessable_entity"
    ),
    429: Words("requests", "Rate limit reached for requests. Please try again in 1s.", "rate_limit_exceeded"),
    500: Words("server_error", "The server had an error while processing your request. Sorry about that!"),
    503: Words("server_error", "The engine is currently overloaded, please try again later"),
    529: Words("server_error", "The engine is currently overloaded, please try again later", "overloaded"),
}
_ANTHROPIC: Final = {
    400: Words("invalid_request_error", "messages: Field required"),
    401: Words("authentication_error", "invalid x-api-key"),
    402: Words("billing_error", "Your credit balance is too low to access the API. Please go to Plans & Billing."),
    403: Words("permission_error", "Your API key does not have permission to use the specified resource."),
    404: Words("not_found_error", "model: unknown"),
    413: Words("request_too_large", "Request exceeds the maximum size"),
    429: Words("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: Words("api_error", "Internal server error"),
    504: Words("timeout_error", "The request timed out while processing."),
    529: Words("overloaded_error", "Overloaded"),
}
_GEMINI: Final = {
    400: Words("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: Words(
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential.",
    ),
    402: Words("FAILED_PRECONDITION", "Billing is not enabled for this project. Please enable billing to continue."),
    403: Words("PERMISSION_DENIED", "The caller does not have permission"),
    404: Words("NOT_FOUND", "Requested entity was not found."),
    413: Words("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    429: Words(
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    499: Words("CANCELLED", "The operation was cancelled."),
    500: Words("INTERNAL", "An internal error has occurred. Please retry."),
    503: Words("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: Words("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    529: Words("UNAVAILABLE", "The model is overloaded. Please try again later."),
}
_OLLAMA: Final = {
    400: Words("", "missing request body"),
    401: Words("", "unauthorized"),
    402: Words("", "you've reached your usage limit, please upgrade to continue"),
    403: Words("", "this model requires a subscription, upgrade for access"),
    404: Words("", "model 'unknown' not found"),
    413: Words("", "http: request body too large"),
    429: Words("", "too many concurrent requests"),
    500: Words("", "llama runner process has terminated: exit status 2"),
    503: Words("", "server busy, please try again.  maximum pending requests exceeded"),
    529: Words("", "server busy, please try again.  maximum pending requests exceeded"),
}
_DASHSCOPE: Final = {
    400: Words("InvalidParameter", "Required parameter(s) missing or invalid, please check the request parameters."),
    401: Words("InvalidApiKey", "Invalid API-key provided."),
    402: Words("Arrearage", "Access denied, please make sure your account is in good standing."),
    403: Words("AccessDenied", "Access denied."),
    404: Words("ModelNotFound", "Model can not be found."),
    413: Words("InvalidParameter", "Exceeded limit on max bytes per request: 6291456"),
    429: Words("Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    500: Words("InternalError", "An internal error has occured, please try again later or contact service support."),
    503: Words("ModelServingError", "Too many requests. Your requests are being throttled due to system capacity "
               "limits. Please try again later."),
    529: Words("ModelServingError", "Too many requests. Your requests are being throttled due to system capacity "
               "limits. Please try again later."),
}  # fmt: skip
_TABLES: Final[Mapping[Wire, Mapping[int, Words]]] = {
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
    "anthropic": _ANTHROPIC,
    "gemini": _GEMINI,
    "ollama": _OLLAMA,
    "dashscope": _DASHSCOPE,
}


def words_for(wire: Wire, status: int) -> Words:
    """The vendor's words for a status; for one that stands nowhere those of its class."""
    table = _TABLES[wire]
    return table.get(status) or table[500 if status >= 500 else 400]
