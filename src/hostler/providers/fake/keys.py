"""Knows where each vendor looks for a key, and what it says when there is none or another. Does not know the keys."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from hostler.providers.fake.asked import Fault
from hostler.providers.fake.script import Wire

_AZURE: Final = "api-key"
"""The header of OpenAI's wires where Azure serves them."""


def check_key(wire: Wire, headers: Mapping[str, str], *, query: str, keys: Sequence[str]) -> None:
    """Raise Fault in the vendor's words unless the request brings one of the keys; without keys all are welcome."""
    if keys and (sent := _sent(wire, headers, query=query)) not in keys:
        raise _unsubscribed() if _AZURE in headers else _refused(wire, sent)


def _sent(wire: Wire, headers: Mapping[str, str], *, query: str) -> str:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    match wire:
        case "anthropic":
            return headers.get("x-api-key") or bearer
        case "gemini":
            return headers.get("x-goog-api-key") or parse_qs(query).get("key", [""])[0] or bearer
        case "openai-chat" | "openai-responses":
            return bearer or headers.get(_AZURE, "")
        case _:
            return bearer


def _unsubscribed() -> Fault:
    text = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource."
    )
    return Fault(text, 401, code="401")


def _refused(wire: Wire, sent: str) -> Fault:
    match wire:
        case "anthropic":
            text = "invalid x-api-key" if sent else "x-api-key header is required"
            return Fault(text, 401, kind="authentication_error")
        case "gemini":
            if sent:
                return Fault("API key not valid. Please pass a valid API key.", kind="API_KEY_INVALID")
            text = (
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
                "or other form of API consumer identity to call this API."
            )
            return Fault(text, 403)
        case "ollama":
            return Fault("unauthorized", 401)
        case "dashscope":
            return Fault("Invalid API-key provided." if sent else "No API-key provided.", 401, kind="InvalidApiKey")
        case "openai-chat" | "openai-responses":
            text = f"Incorrect API key provided: {sent[:3]}***." if sent else "You didn't provide an API key."
            return Fault(text, 401, kind="invalid_request_error", code="invalid_api_key")
