"""The data of every kind of event, and of the snapshot that comes before them, as records with a JSON Schema.

Knows: kinds and their shapes, and which kinds are worth keeping over a restart. Does not know: who publishes them, the
log, how they are sent.
"""

from collections.abc import Mapping
from typing import Final, Literal, cast

import msgspec

from hostler.client.sessions.records import Message, Params, SessionSummary
from hostler.workbench.kept_kinds import STORED
from hostler.workbench.views import EngineState, MachineMemory, Memory, ProviderView, PullState

__all__ = ["SCHEMA", "STORED", "Data", "State", "TurnState", "json_schema", "validate"]
REFERENCE: Final = "#/components/schemas/{name}"


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event tells."""


class EngineStarting(Data, frozen=True):
    """An engine is started; `predicted_bytes` of memory."""

    model: str
    predicted_bytes: int
    recipe_id: str


class EngineWaiting(Data, frozen=True):
    """A start waits until the models in `waits_for` are unloaded."""

    model: str
    waits_for: tuple[str, ...]


class EngineProgress(Data, frozen=True):
    """A model is loading: seconds so far, the log's last line, and 0 to 1 where that is known."""

    model: str
    elapsed_s: float
    line: str
    fraction: float | None


class EngineReady(Data, frozen=True):
    """An engine answers, after `took_s` seconds."""

    model: str
    pid: int
    port: int
    took_s: float


class EngineEnded(Data, frozen=True):
    """An engine failed to start, or crashed; it is left alone for `retry_after_s` seconds."""

    model: str
    code: str
    message: str
    log_tail: tuple[str, ...]
    retry_after_s: float


class EngineReason(Data, frozen=True):
    """An engine is asked to end, or has ended, and why."""

    model: str
    reason: str


class EngineLog(Data, frozen=True):
    """New lines of an engine's log."""

    model: str
    lines: tuple[str, ...]


class WorkerReady(Data, frozen=True):
    """A gateway worker takes connections."""

    worker: int
    pid: int


class WorkerEnded(Data, frozen=True):
    """A gateway worker ended unasked and is started again in `restart_in_s` seconds."""

    worker: int
    reason: str
    restart_in_s: float


class ProvidersLoaded(Data, frozen=True):
    """The providers file was read."""

    path: str
    providers: tuple[str, ...]
    default: str
    warnings: tuple[str, ...]


class ProvidersRefused(Data, frozen=True):
    """The providers file cannot be used; the last good state stays."""

    path: str
    error: str


class OverridesLoaded(Data, frozen=True):
    """The overrides file was read, or taken away."""

    path: str
    models: int


class OverridesRefused(Data, frozen=True):
    """The overrides file cannot be used; the last good state stays."""

    path: str
    error: str


class MachineModels(Data, frozen=True):
    """A machine answers, or lists other models than before."""

    provider: str
    models: tuple[str, ...]


class MachineDown(Data, frozen=True):
    """A machine does not answer well."""

    provider: str
    reason: str


class MachineMemoryTold(Data, frozen=True):
    """What a machine holds in memory now."""

    machine: MachineMemory


class SessionTold(Data, frozen=True):
    """A session as it is now."""

    session: SessionSummary


class SessionDeleted(Data, frozen=True):
    """A session is gone; it may be restored for a week."""

    id: str


class MessageTold(Data, frozen=True):
    """A message as it is now."""

    session: str
    message: Message


class MessageDelta(Data, frozen=True):
    """More of a running reply: `text` belongs to part number `part`, behind its first `at` UTF-16 code units."""

    session: str
    message: str
    part: int
    type: Literal["text", "reasoning"]
    at: int
    text: str


class MessagesDeleted(Data, frozen=True):
    """Messages are gone, with all below them."""

    session: str
    ids: tuple[str, ...]


class MessagesRestored(Data, frozen=True):
    """Messages that had been deleted are back."""

    session: str
    messages: tuple[Message, ...]


class PreferencesChanged(Data, frozen=True):
    """Preferences with these keys have other values now."""

    keys: tuple[str, ...]


class PullTold(Data, frozen=True):
    """A download as it is now."""

    pull: PullState


class TurnState(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that is being written, as far as it has come."""

    session: str
    message: Message


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a page must know before it follows events: all that moves, as it stands."""

    version: str
    turns: tuple[TurnState, ...]
    engines: tuple[EngineState, ...]
    machines: tuple[ProviderView, ...]
    pulls: tuple[PullState, ...]
    memory: Memory


SCHEMA: Final[Mapping[str, type[Data]]] = {
    "engine.starting": EngineStarting,
    "engine.waiting": EngineWaiting,
    "engine.progress": EngineProgress,
    "engine.ready": EngineReady,
    "engine.failed": EngineEnded,
    "engine.crashed": EngineEnded,
    "engine.stopping": EngineReason,
    "engine.stopped": EngineReason,
    "engine.log": EngineLog,
    "worker.ready": WorkerReady,
    "worker.ended": WorkerEnded,
    "providers.loaded": ProvidersLoaded,
    "providers.refused": ProvidersRefused,
    "overrides.loaded": OverridesLoaded,
    "overrides.refused": OverridesRefused,
    "machine.up": MachineModels,
    "machine.down": MachineDown,
    "machine.memory": MachineMemoryTold,
    "models.changed": MachineModels,
    "session.created": SessionTold,
    "session.changed": SessionTold,
    "session.deleted": SessionDeleted,
    "message.created": MessageTold,
    "message.delta": MessageDelta,
    "message.changed": MessageTold,
    "message.deleted": MessagesDeleted,
    "message.restored": MessagesRestored,
    "preferences.changed": PreferencesChanged,
    "pull.progress": PullTold,
    "pull.done": PullTold,
    "pull.failed": PullTold,
}
"""Kind to the record of its data."""


def validate(kind: str, data: object) -> Data:
    """An event's data as its record. Raises ValueError: no such kind, another shape, or what no browser may see."""
    if kind not in SCHEMA:
        raise ValueError(f"there is no event kind '{kind}'")
    try:
        record = msgspec.json.decode(msgspec.json.encode(data), type=SCHEMA[kind])
    except msgspec.ValidationError as error:
        raise ValueError(f"{kind}: {error}") from None
    for message in _messages(record):
        if message != message.public():
            raise ValueError(f"{kind}: a part of message {message.id} tells what only the database keeps")
    return record


def json_schema() -> dict[str, object]:
    """Components for the OpenAPI document, by name: `Event`, one per kind, `State`, `Gap`, and all they refer to."""
    records = (*dict.fromkeys(SCHEMA.values()), State)
    _, components = msgspec.json.schema_components(records, ref_template=REFERENCE)
    schemas: dict[str, object] = {name: _as_sent(schema) for name, schema in components.items()}
    mapping = {kind: REFERENCE.format(name=_name(kind)) for kind in SCHEMA}
    for kind, record in SCHEMA.items():
        schemas[_name(kind)] = _event(kind, record)
    schemas["Event"] = {
        "title": "Event",
        "description": "One thing that happened.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }
    schemas["Snapshot"] = _record({"seq": {"type": "integer"}, "state": {"$ref": REFERENCE.format(name="State")}})
    schemas["Gap"] = _record({"first": {"type": "integer"}, "last": {"type": "integer"}})
    return schemas


def _as_sent(schema: Mapping[str, object]) -> dict[str, object]:
    """What is always sent is required, whether or not it has a default; only `Params` leaves out what is unset."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or schema.get("title") == Params.__name__:
        return dict(schema)
    required = set(cast("list[str]", schema.get("required", [])))
    known = cast("dict[str, dict[str, object]]", properties)
    return {**schema, "required": [name for name, field in known.items() if name in required or "default" in field]}


def _event(kind: str, record: type[Data]) -> dict[str, object]:
    return _record(
        {
            "seq": {"type": "integer", "description": "Grows with every event, also over restarts."},
            "at": {"type": "integer", "description": "Unix milliseconds."},
            "kind": {"type": "string", "const": kind},
            "data": {"$ref": REFERENCE.format(name=record.__name__)},
        }
    )


def _record(properties: dict[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _name(kind: str) -> str:
    """`message.delta` to `MessageDeltaEvent`."""
    return "".join(word.capitalize() for word in kind.split(".")) + "Event"


def _messages(record: Data) -> tuple[Message, ...]:
    match record:
        case MessageTold(message=message):
            return (message,)
        case MessagesRestored(messages=messages):
            return messages
        case _:
            return ()
