"""What the page is shown of engines, machines, models and pulls, as records that are JSON as they stand.

Knows: the shapes that the API's answers, the stream's snapshot and the events have in common, and how they are made
from the parts' own records. Does not know: HTTP, when they are sent. `msgspec.json.encode` takes them as they are,
`msgspec.to_builtins` makes plain dicts of them.
"""

import ipaddress
from collections.abc import Mapping
from typing import Literal

import msgspec

from hostler.core.capabilities import as_json
from hostler.engines.engine import EngineStatus
from hostler.providers.provider import Provider
from hostler.registry.directory import Directory
from hostler.registry.resolver import ModelEntry, ProviderEntry
from hostler.system.process import private_bytes
from hostler.workbench.model_sizes import UNKNOWN, Sizes

EngineStage = Literal["starting", "ready", "stopping", "stopped", "failed", "waiting"]
PullStage = Literal["running", "done", "failed", "cancelled"]
Reach = Literal["unknown", "up", "down"]
ModelReach = Literal["ready", "down", "unknown"]
ResidentStage = Literal["loading", "loaded", "unloading", "failed"]


class Problem(msgspec.Struct, frozen=True):
    """An error as people and programs see it; `hint` says what to do, "" when nobody knows."""

    code: str
    message: str
    hint: str = ""


class Memory(msgspec.Struct, frozen=True):
    """Bytes of this machine's main memory."""

    total: int
    available: int


class EngineState(msgspec.Struct, frozen=True):
    """One engine. Sizes in bytes, times in unix milliseconds, `fraction` of the loading 0 to 1."""

    model: str
    state: EngineStage
    in_flight: int = 0
    pid: int | None = None
    port: int | None = None
    memory: int | None = None
    predicted: int | None = None
    since: int | None = None
    fraction: float | None = None
    error: Problem | None = None
    last_used: int | None = None


class ResidentModel(msgspec.Struct, frozen=True):
    """A model in another machine's memory. `memory` and `accelerated` (its part on accelerators) in bytes, `context` in
    tokens, `until` in unix milliseconds: when its server unloads it if nobody asks. None: the server does not say."""

    model: str
    state: ResidentStage
    memory: int | None = None
    accelerated: int | None = None
    context: int | None = None
    until: int | None = None
    error: Problem | None = None


class MachineMemory(msgspec.Struct, frozen=True):
    """What a machine holds in memory. `loads`: its models can be loaded and unloaded from here; `renews`: loading one
    that is loaded keeps it warm; `problem`: why it could not be asked, "" when it could."""

    provider: str
    loads: bool
    renews: bool
    models: tuple[ResidentModel, ...] = ()
    problem: str = ""


class ProviderView(msgspec.Struct, frozen=True):
    """One provider and its machine. `since` in unix milliseconds; `reason` and `advice` are "" when all is well;
    `discovers`: it can be asked which models it has."""

    id: str
    label: str
    kind: str
    wire: str
    state: Reach
    since: int | None
    reason: str
    advice: str
    ready: bool
    models: int
    tags: tuple[str, ...]
    base_url: str
    local: bool
    default: bool
    discovers: bool


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact of a model: what, who says so, and when (ISO date)."""

    value: bool | int | float | str
    source: str
    as_of: str
    uncertain: bool = False


class ModelView(msgspec.Struct, frozen=True):
    """One model. `context` in tokens, `size` bytes on its machine's disk, `needs` predicted bytes in memory, `problem`
    why it could not be loaded, as far as its file tells."""

    id: str
    provider: str
    model: str
    state: ModelReach
    context: int | None
    capabilities: dict[str, Fact]
    local: bool
    engine: EngineState | None = None
    size: int | None = None
    needs: int | None = None
    problem: Problem | None = None


class PullState(msgspec.Struct, frozen=True):
    """One download; `done` and `total` in bytes, `model` its id once it is there, "" before."""

    id: str
    spec: str
    state: PullStage
    done: int
    total: int | None = None
    model: str = ""
    error: Problem | None = None


def engine_state(status: EngineStatus, *, now_ms: int) -> EngineState:
    """An engine as the page sees it; asks the system for its memory (about 0.1 ms). `now_ms` in unix milliseconds."""
    stage: EngineStage = "waiting" if status.state == "starting" and status.waits_for else status.state
    error = None
    if status.error is not None:
        hint = status.error_hint or ""
        message = status.error.removesuffix(hint).rstrip() or status.error
        error = Problem(status.error_code or "", message, hint)
    if status.in_flight:
        last_used = now_ms
    else:
        last_used = None if status.idle_s is None else now_ms - round(status.idle_s * 1000)
    return EngineState(
        model=status.model_id,
        state=stage,
        in_flight=status.in_flight,
        pid=status.pid,
        port=status.port,
        memory=private_bytes(status.pid) if status.pid else None,
        predicted=status.predicted_bytes or None,
        since=_ms(status.since),
        fraction=status.fraction,
        error=error,
        last_used=last_used,
    )


def provider_view(entry: ProviderEntry, directory: Directory | None = None) -> ProviderView:
    """A provider as the page sees it. `directory`, where it is at hand, tells which one is the default."""
    provider, machine = entry.provider, entry.machine
    refusal = provider.refusal()
    reason, advice = machine.reason, ""
    if refusal is not None:
        reason, advice = refusal.message, refusal.hint or ""
    elif machine.state == "down":
        advice = _advice(provider)
    return ProviderView(
        id=provider.id,
        label=provider.label,
        kind=provider.kind,
        wire=provider.wire,
        state="up" if provider.ours and refusal is None else machine.state,
        since=_ms(machine.since),
        reason=reason,
        advice=advice,
        ready=refusal is None,
        models=entry.models,
        tags=provider.tags,
        base_url=address_of(provider),
        local=provider.local or provider.ours,
        default=entry.default if directory is None else provider.id == directory.default,
        discovers=refusal is None and not provider.ours and provider.listing != "none",
    )


def model_view(
    entry: ModelEntry,
    *,
    providers: Mapping[str, Provider],
    engine: EngineState | None = None,
    sizes: Sizes = UNKNOWN,
) -> ModelView:
    """A model as the page sees it; `sizes` of one that engines here would run."""
    provider = providers.get(entry.provider)
    return ModelView(
        id=entry.id,
        provider=entry.provider,
        model=entry.model,
        state=entry.state,
        context=entry.context,
        capabilities=msgspec.convert(as_json(entry.capabilities), dict[str, Fact]),
        local=provider is not None and (provider.local or provider.ours),
        engine=engine,
        size=sizes.disk or entry.size or None,
        needs=sizes.memory,
        problem=None if sizes.problem is None else Problem(*sizes.problem),
    )


def address_of(provider: Provider) -> str:
    """Where a provider is, for people; "" for engines of ours, whose ports change."""
    if provider.ours:
        return ""
    scheme = "https" if provider.address.tls else "http"
    return f"{scheme}://{provider.address.authority}{provider.prefix}"


def _advice(provider: Provider) -> str:
    if provider.local or is_near(provider.address.host):
        return f"Start the server at {address_of(provider)}, or mend its address in the providers file."
    return "Check the network, the key and the vendor's status page; its models come back by themselves."


def is_near(host: str) -> bool:
    """Whether an address is this machine's or its network's, so that what is wrong with it is for its owner to mend."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".home.arpa"))


def _ms(seconds: float | None) -> int | None:
    return round(seconds * 1000) if seconds else None
