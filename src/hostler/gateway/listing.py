"""`/v1/models` in the shapes of the wires that share the path.

Knows: how each wire lists models. Does not know: where models come from (registry).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import msgspec

from hostler.core.wires import ANTHROPIC, GEMINI, Wire
from hostler.engines.engine import EngineStatus
from hostler.errors import ModelNotFound, WireError
from hostler.registry.resolver import ModelEntry, Resolver
from hostler.wire import gemini_operations, model_cards
from hostler.wire.fields import parse_object, text_or_none
from hostler.wire.scan import MAX_MODEL

MOST_PER_PAGE = 1000
DEFAULT_PAGE = 20
MOST_DIGITS = 18


def list_models(resolver: Resolver, wire: Wire, *, query: str) -> bytes:
    """The models that a picker should offer now, as JSON; machines that are down are left out.

    The `anthropic` wire pages by `limit`, `after_id` and `before_id`; the others list all.
    """
    entries = [entry for entry in resolver.models() if entry.listed]
    if wire == GEMINI:
        counting = _counting(resolver)
        return gemini_operations.encode_models([_gemini_card(entry, counting) for entry in entries])
    if wire == ANTHROPIC:
        return msgspec.json.encode(_page(entries, query))
    return msgspec.json.encode({"object": "list", "data": [_chat_card(entry) for entry in entries]})


def show_model(resolver: Resolver, wire: Wire, *, name: str) -> bytes:
    """One model as JSON; any name that a request could use, aliases and bare names included. Raises ModelNotFound."""
    if len(name) > MAX_MODEL:
        raise ModelNotFound(f"There is no model with a name of {len(name)} characters.")
    entry = _find(resolver, name)
    if wire == GEMINI:
        return gemini_operations.encode_model(_gemini_card(entry, _counting(resolver))._replace(name=name))
    card = _message_card(entry) if wire == ANTHROPIC else _chat_card(entry)
    return msgspec.json.encode({**card, "id": name})


def ollama_page(resolver: Resolver, page: str, *, body: bytes = b"", loaded: Sequence[EngineStatus] = ()) -> bytes:
    """What the `ollama` wire shows of models: `tags`, `show` (its body names the model), `ps` or `version`.

    Raises ModelNotFound, and WireError for a body without a model.
    """
    if page == "version":
        return model_cards.encode_version()
    if page == "show":
        members = parse_object(body)
        name = text_or_none(members, "model") or text_or_none(members, "name")
        if not name:
            raise WireError("model: is missing.")
        return model_cards.encode_show(replace(_ollama_card(_find(resolver, name)), name=name))
    entries = {entry.id: entry for entry in resolver.models() if entry.listed}
    if page == "tags":
        return model_cards.encode_tags(_ollama_card(entry) for entry in entries.values())
    return model_cards.encode_ps(
        replace(_ollama_card(entries[engine.model_id]), memory=engine.predicted_bytes)
        for engine in loaded
        if engine.state == "ready" and engine.model_id in entries
    )


def _find(resolver: Resolver, name: str) -> ModelEntry:
    wanted = str(resolver.model_id(name))
    entry = next((e for e in resolver.models() if e.id == wanted), None)
    if entry is None:
        resolver.resolve(name)  # raises what a request for it would get
        raise ModelNotFound(
            f"'{name}' is not among the models known at its provider.", hint="It may be served all the same."
        )
    return entry


def _ollama_card(entry: ModelEntry) -> model_cards.ModelCard:
    return model_cards.ModelCard(name=entry.id, created=entry.created, size=entry.size, facts=entry.capabilities)


def _counting(resolver: Resolver) -> frozenset[str]:
    """The providers that can count a request's tokens."""
    providers = (entry.provider for entry in resolver.providers())
    return frozenset(each.id for each in providers if each.side("count_tokens", GEMINI).path("count_tokens"))


def _gemini_card(entry: ModelEntry, counting: frozenset[str]) -> gemini_operations.ModelCard:
    facts = entry.capabilities
    return gemini_operations.ModelCard(
        name=entry.id,
        input_limit=entry.context,
        output_limit=facts.max_output.value if facts.max_output else None,
        thinking=facts.reasoning.value if facts.reasoning else None,
        methods=("generateContent", "streamGenerateContent", *(("countTokens",) if entry.provider in counting else ())),
    )


def _chat_card(entry: ModelEntry) -> Mapping[str, object]:
    card: dict[str, object] = {
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.owned_by,
    }
    if entry.context is not None:
        card["context_length"] = entry.context
    return card


def _message_card(entry: ModelEntry) -> Mapping[str, object]:
    card: dict[str, object] = {
        "type": "model",
        "id": entry.id,
        "display_name": entry.id,
        "created_at": datetime.fromtimestamp(entry.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",  # it is served
    }
    if entry.context is not None:
        card["max_input_tokens"] = entry.context
    return card


def _page(entries: list[ModelEntry], query: str) -> Mapping[str, object]:
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = asked.get("limit", str(DEFAULT_PAGE))
    digits = limit.isascii() and limit.isdigit() and len(limit) <= MOST_DIGITS
    if not digits or not 1 <= int(limit) <= MOST_PER_PAGE:
        raise WireError(f"limit: must be a number from 1 to {MOST_PER_PAGE}.")
    ids = [entry.id for entry in entries]
    if asked.get("after_id") in ids:
        entries = entries[ids.index(asked["after_id"]) + 1 :]
    elif asked.get("before_id") in ids:
        entries = entries[max(0, ids.index(asked["before_id"]) - int(limit)) : ids.index(asked["before_id"])]
    page = entries[: int(limit)]
    return {
        "data": [_message_card(entry) for entry in page],
        "has_more": len(entries) > len(page),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
