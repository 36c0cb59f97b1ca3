"""What the ollama wire shows of models: its list, a model's own page, what is loaded, the server's version.

Facts: docs/api.md and api/types.go of ollama 0.33. Clients read the context window and the abilities from these pages.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from hostler.core.capabilities import NOTHING_KNOWN, Capabilities

API_VERSION: Final = "0.33.0"
"""The server whose API this is; clients refuse one that is too old for them."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What clients are shown of a model. `created` in unix seconds, `size` and `memory` in bytes, 0: not known.

    `until`: when it will be unloaded, in unix seconds.
    """

    name: str
    created: int = 0
    size: int = 0
    facts: Capabilities = NOTHING_KNOWN
    memory: int = 0
    until: int = 0


def encode_tags(cards: Iterable[ModelCard]) -> bytes:
    """The reply to `/api/tags`: all models."""
    models = [
        {**_listed(card), "modified_at": _timestamp(card.created), "capabilities": _abilities(card.facts)}
        for card in cards
    ]
    return msgspec.json.encode({"models": models})


def encode_ps(cards: Iterable[ModelCard]) -> bytes:
    """The reply to `/api/ps`: the models that are loaded."""
    models = [
        {
            **_listed(card),
            "expires_at": _timestamp(card.until),
            "size_vram": card.memory,
            "context_length": _window(card),
        }
        for card in cards
    ]
    return msgspec.json.encode({"models": models})


def encode_show(card: ModelCard) -> bytes:
    """The reply to `/api/show`. Clients look for the context window under the name of the architecture."""
    info: Json = {"general.architecture": "hostler", "general.basename": card.name}
    window = _window(card)
    if window:
        info["hostler.context_length"] = window
    return msgspec.json.encode({
        "modelfile": f"FROM {card.name}\n", "parameters": f"num_ctx {window}" if window else "", "template": "",
        "details": _details(card), "model_info": info, "capabilities": _abilities(card.facts),
        "modified_at": _timestamp(card.created),
    })  # fmt: skip


def encode_version() -> bytes:
    """The reply to `/api/version`."""
    return msgspec.json.encode({"version": API_VERSION})


def _listed(card: ModelCard) -> Json:
    digest = hashlib.sha256(card.name.encode("utf-8", "replace")).hexdigest()  # clients show its first 12 digits
    return {"name": card.name, "model": card.name, "size": card.size, "digest": digest, "details": _details(card)}


def _details(card: ModelCard) -> Json:
    keys = ("parent_model", "format", "family", "parameter_size", "quantization_level")
    return {**dict.fromkeys(keys, ""), "families": [], "context_length": _window(card)}


def _window(card: ModelCard) -> int:
    return card.facts.context_window.value if card.facts.context_window else 0


def _abilities(facts: Capabilities) -> list[str]:
    """What is known to be there; of what is unknown nobody is told."""
    known = {"tools": facts.tool_calling, "vision": facts.vision, "thinking": facts.reasoning, "audio": facts.audio}
    return ["completion", *(name for name, fact in known.items() if fact is not None and fact.value)]


def _timestamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
