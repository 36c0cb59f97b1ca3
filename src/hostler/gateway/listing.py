"""`/v1/models` in the shapes of the wires that share the path.

Knows: how each wire lists models. Does not know: where models come from (registry).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

import msgspec

from hostler.core.wires import ANTHROPIC, Wire
from hostler.errors import ModelNotFound, WireError
from hostler.registry.resolver import ModelEntry, Resolver
from hostler.wire.scan import MAX_MODEL

MOST_PER_PAGE = 1000
DEFAULT_PAGE = 20
MOST_DIGITS = 18


def list_models(resolver: Resolver, wire: Wire, *, query: str) -> bytes:
    """The models that a picker should offer now, as JSON; machines that are down are left out.

    The `anthropic` wire pages by `limit`, `after_id` and `before_id`; the other lists all.
    """
    entries = [entry for entry in resolver.models() if entry.listed]
    if wire == ANTHROPIC:
        return msgspec.json.encode(_page(entries, query))
    return msgspec.json.encode({"object": "list", "data": [_chat_card(entry) for entry in entries]})


def show_model(resolver: Resolver, wire: Wire, *, name: str) -> bytes:
    """One model as JSON; any name that a request could use, aliases and bare names included. Raises ModelNotFound."""
    if len(name) > MAX_MODEL:
        raise ModelNotFound(f"There is no model with a name of {len(name)} characters.")
    wanted = str(resolver.model_id(name))
    entry = next((e for e in resolver.models() if e.id == wanted), None)
    if entry is None:
        resolver.resolve(name)  # raises what a request for it would get
        raise ModelNotFound(
            f"'{name}' is not among the models known at its provider.", hint="It may be served all the same."
        )
    card = _message_card(entry) if wire == ANTHROPIC else _chat_card(entry)
    return msgspec.json.encode({**card, "id": name})


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
