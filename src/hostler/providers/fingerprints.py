"""Tells what kind of server answers on a port, by what it says and never by the port alone.

Knows: each kind's own marks, as a dialogue of questions and answers, and the ports where local servers usually listen.
Does not know: sockets, the providers file.
"""

from collections.abc import Generator, Mapping
from typing import Final, cast

from hostler.providers.kinds import KINDS
from hostler.providers.model_lists import Answer, Ask, Json

USUAL_PORTS: Final[tuple[int, ...]] = tuple(
    sorted({kind.port for kind in KINDS.values() if kind.port is not None} | {10240, 8081, 8090})
)

_OWNERS: Final[Mapping[str, str]] = {
    "llamacpp": "llama.cpp",
    "llama-swap": "llama-swap",
    "vllm": "vllm",
    "sglang": "sglang",
    "tabbyapi": "tabbyapi",
}
"""`owned_by` in the model list, lower case, of servers that sign their lists."""

Fingerprint = Generator[Ask, Answer | None, str | None]


def fingerprint() -> Fingerprint:
    """The dialogue with one server; its result is a kind, None when it is no model server that we know."""
    listed = yield Ask("/v1/models", optional=True)
    signed = _signature(listed) if listed else None
    if signed:
        return signed
    for kind, question, judge in _MARKS:
        answer = yield Ask(question, optional=True)
        if answer and judge(answer):
            return kind
    # a bare list is a hosted vendor's way; a server here that answers so serves something else
    bare = listed is not None and listed.body.lstrip().startswith(b"[")
    if listed is None or bare or not isinstance((listed.json() or {}).get("data"), list):
        return None
    # mlx_lm.server is built on Python's own HTTP server and signs nothing
    return "mlx" if listed.headers.get("server", "").startswith("BaseHTTP/") else "openai-compatible"


def _signature(listed: Answer) -> str | None:
    page = listed.json() or {}
    if listed.headers.get("server", "").lower().startswith("llama.cpp"):
        return "llama.cpp"
    items = page.get("data")
    for item in cast("list[object]", items) if isinstance(items, list) else []:
        owner = cast("Json", item).get("owned_by") if isinstance(item, dict) else None
        if isinstance(owner, str) and owner.lower() in _OWNERS:
            return _OWNERS[owner.lower()]
    return None


def _is_ollama(answer: Answer) -> bool:
    return answer.body.strip().lower().startswith(b"ollama is running")


def _is_lmstudio(answer: Answer) -> bool:
    return any("compatibility_type" in item or "loaded_context_length" in item for item in _items(answer, "data"))


def _is_new_lmstudio(answer: Answer) -> bool:
    return any("key" in item and "loaded_instances" in item for item in _items(answer, "models"))


def _is_llama_swap(answer: Answer) -> bool:
    return isinstance((answer.json() or {}).get("running"), list)


def _is_sglang(answer: Answer) -> bool:
    page = answer.json() or {}
    return "model_path" in page and "tokenizer_path" in page


def _is_localai(answer: Answer) -> bool:
    page = answer.json() or {}
    return "backends" in page and "loaded_models" in page


def _items(answer: Answer, key: str) -> list[Json]:
    items = (answer.json() or {}).get(key)
    found = cast("list[object]", items) if isinstance(items, list) else []
    return [cast("Json", item) for item in found if isinstance(item, dict)]


_MARKS: Final = (
    ("ollama", "/", _is_ollama),
    ("lmstudio", "/api/v1/models", _is_new_lmstudio),
    ("lmstudio", "/api/v0/models", _is_lmstudio),
    ("llama-swap", "/running", _is_llama_swap),
    ("sglang", "/get_model_info", _is_sglang),
    ("localai", "/system", _is_localai),
)
