"""How the usual clients are pointed at an address: the variables and flags that they themselves read.

Knows: other programs' names for base URL and key. Does not know: who shows the lines, and whether a key is needed.
Source: the clients' own documentation, and runs of each against a loopback server (November 2026).
"""

import json
from dataclasses import dataclass

ANY_KEY = "any"
"""Clients insist on some key; where none is asked for, any word does."""

GEMINI_SETTINGS = '{"security":{"auth":{"selectedType":"gemini-api-key"}}}'
"""Without it Gemini CLI takes an address of one's own for a way to sign in that it does not offer."""


@dataclass(frozen=True, slots=True)
class ClientLine:
    """One kind of client, and the line that points it here, for a POSIX shell; `note` is what the line cannot say."""

    client: str
    line: str
    note: str = ""


def client_lines(base: str, *, model: str, key: str = ANY_KEY) -> tuple[ClientLine, ...]:
    """Lines for a gateway at `base` (http://127.0.0.1:8484), its `model` id and a key or a placeholder for one."""
    variables = f"OPENAI_BASE_URL={base}/v1 OPENAI_API_KEY={key}"
    return (
        ClientLine("OpenAI SDKs", f"export {variables}"),
        ClientLine("Anthropic SDKs", f"export ANTHROPIC_BASE_URL={base} ANTHROPIC_API_KEY={key}"),
        ClientLine("Claude Code", f"ANTHROPIC_BASE_URL={base} ANTHROPIC_AUTH_TOKEN={key} claude --model {model}"),
        ClientLine(
            "Codex",
            f"HOSTLER_KEY={key} codex -m {model} -c model_provider=hostler -c 'model_providers.hostler={{"
            f'name="hostler",base_url="{base}/v1",env_key="HOSTLER_KEY",wire_api="responses"}}\'',
        ),
        ClientLine(
            "Gemini CLI",
            f"GOOGLE_GEMINI_BASE_URL={base} GEMINI_API_KEY={key} gemini -m {model}",
            f'asks once how to sign in: "Use Gemini API Key"; not with {GEMINI_SETTINGS} in ~/.gemini/settings.json',
        ),
        ClientLine("Qwen Code", f"{variables} OPENAI_MODEL={model} qwen --auth-type openai"),
        ClientLine("aider", f"OPENAI_API_BASE={base}/v1 OPENAI_API_KEY={key} aider --model openai/{model}"),
        ClientLine(
            "opencode",
            f"OPENCODE_CONFIG_CONTENT='{_opencode(base, model=model, key=key)}' opencode -m hostler/{model}",
            "for good: the same JSON in opencode.json",
        ),
        ClientLine("Ollama clients", f"export OLLAMA_HOST={base}"),
    )


def _opencode(base: str, *, model: str, key: str) -> str:
    """Settings of opencode with hostler as a provider."""
    nothing_more: dict[str, str] = {}
    options = {"baseURL": f"{base}/v1", "apiKey": key}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {model: nothing_more}}
    return json.dumps({"provider": {"hostler": provider}}, separators=(",", ":"))


def curl_line(base: str, *, model: str, key: str = "") -> str:
    """A first call by hand; with a key only where one is asked for."""
    auth = f" -H 'authorization: Bearer {key}'" if key else ""
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return f"curl {base}/v1/chat/completions{auth} -H 'content-type: application/json' -d '{body}'"
