"""How each kind of server is told to load a model or to unload it, and asked which ones it holds in memory.

Knows: paths and fields, as dialogues of questions and answers like those of model_lists. Does not know: sockets, time,
who wants it. Kinds without a row in `LOADERS` have no such calls: they serve what they were started with.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, cast
from urllib.parse import quote

import msgspec

from hostler.errors import UpstreamBroken
from hostler.providers.kinds import KINDS, Loading
from hostler.providers.model_lists import Answer, Ask
from hostler.providers.provider import Provider

Stage = Literal["loading", "loaded", "unloading"]
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A model in a server's memory. Sizes in bytes and the window in tokens, None where the server does not say.

    `accelerated` is the part of `memory` on accelerators; `until`, unix ms, when an unused one is unloaded;
    `instances` the server's own names of its copies.
    """

    name: str
    stage: Stage
    memory: int | None = None
    accelerated: int | None = None
    context: int | None = None
    until: int | None = None
    instances: tuple[str, ...] = ()


Residents = Generator[Ask, Answer | None, tuple[Resident, ...] | None]
"""What is in memory; None from a server of this kind that has no such calls (another mode, an older version)."""
Order = Generator[Ask, Answer | None, None]


@dataclass(frozen=True, slots=True)
class Loader:
    """The calls of one kind. `renews`: loading what is loaded begins its idle time anew, which keeps it warm."""

    residents: Callable[[Provider], Residents]
    load: Callable[[Provider, str], Order]
    unload: Callable[[Provider, str], Order]
    renews: bool


def loader_of(provider: Provider) -> Loader | None:
    """How a provider's models are loaded; None for kinds that have no calls for it."""
    return LOADERS.get(KINDS[provider.kind].loading)


# ---------------------------------------------------------------- a request without a prompt, and how long it keeps


def _kept(provider: Provider) -> Residents:
    page = _page((yield Ask(f"{provider.prefix}/api/ps")))
    return tuple(
        Resident(
            name=name,
            stage="loaded",
            memory=_whole(item, "size"),
            accelerated=_whole(item, "size_vram", least=0),
            context=_whole(item, "context_length"),
            until=_until(item),
        )
        for item in _objects(page, "models")
        if (name := _text(item, "model") or _text(item, "name"))
    )


def _keep(provider: Provider, model: str) -> Order:
    yield Ask(f"{provider.prefix}/api/generate", _json(model=model, stream=False))


def _let_go(provider: Provider, model: str) -> Order:
    yield Ask(f"{provider.prefix}/api/generate", _json(model=model, stream=False, keep_alive=0))


def _until(item: Json) -> int | None:
    try:
        return int(datetime.fromisoformat(_text(item, "expires_at")).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None


# ---------------------------------------------------------------- a door to each model's own server


_RUNNING: Final[Mapping[str, Stage]] = {
    "ready": "loaded",
    "starting": "loading",
    "stopping": "unloading",
    "shutdown": "unloading",
}


def _running(provider: Provider) -> Residents:
    page = _page((yield Ask(f"{provider.prefix}/running")))
    return tuple(
        Resident(name=name, stage=stage)
        for item in _objects(page, "running")
        if (name := _text(item, "model")) and (stage := _RUNNING.get(_text(item, "state")))
    )


def _knock(provider: Provider, model: str) -> Order:
    """Any request to the model's own server starts it; that server may have no such page, so the list is asked."""
    yield Ask(f"{provider.prefix}/upstream/{quote(model)}/health", optional=True)
    running = yield from _running(provider)
    if not any(resident.name == model and resident.stage != "unloading" for resident in running or ()):
        raise UpstreamBroken(f"{provider.address} did not start '{model}'.", hint="Its log says why.")


def _stop(provider: Provider, model: str) -> Order:
    yield Ask(f"{provider.prefix}/api/models/unload/{quote(model)}", b"")


# ---------------------------------------------------------------- instances with names of their own


def _instances(provider: Provider) -> Residents:
    answer = yield Ask(f"{provider.prefix}/api/v1/models", optional=True)
    if answer is None:
        return None
    found: list[Resident] = []
    for item in _objects(_page(answer), "models"):
        loaded = _objects(item, "loaded_instances")
        name, ids = _text(item, "key"), tuple(filter(None, (_text(instance, "id") for instance in loaded)))
        if name and ids:
            context = _whole(_object(loaded[0], "config"), "context_length")
            found.append(Resident(name=name, stage="loaded", context=context, instances=ids))
    return tuple(found)


def _instantiate(provider: Provider, model: str) -> Order:
    """Nothing for a model that is loaded: it would get a second copy."""
    if not (yield from _ids(provider, model)):
        yield Ask(f"{provider.prefix}/api/v1/models/load", _json(model=model))


def _dispose(provider: Provider, model: str) -> Order:
    for instance in (yield from _ids(provider, model)):
        yield Ask(f"{provider.prefix}/api/v1/models/unload", _json(instance_id=instance))


def _ids(provider: Provider, model: str) -> Generator[Ask, Answer | None, tuple[str, ...]]:
    loaded = yield from _instances(provider)
    return next((resident.instances for resident in loaded or () if resident.name == model), ())


# ---------------------------------------------------------------- a list with the status of each model


_STATUS: Final[Mapping[str, Stage]] = {
    "loaded": "loaded",
    "sleeping": "loaded",
    "loading": "loading",
    "unloading": "unloading",
}


def _statuses(provider: Provider) -> Residents:
    items = _objects(_page((yield Ask(provider.other_path("/models")))), "data")
    if not any(_object(item, "status") for item in items):
        return None  # one model, given at its start
    return tuple(
        Resident(name=name, stage=stage)
        for item in items
        if (name := _text(item, "id")) and (stage := _STATUS.get(_text(_object(item, "status"), "value")))
    )


def _begin(provider: Provider, model: str) -> Order:
    if not any(resident.name == model for resident in (yield from _statuses(provider)) or ()):
        yield Ask(f"{provider.prefix}/models/load", _json(model=model))


def _end(provider: Provider, model: str) -> Order:
    yield Ask(f"{provider.prefix}/models/unload", _json(model=model))


LOADERS: Final[Mapping[Loading, Loader]] = {
    "keep_alive": Loader(_kept, _keep, _let_go, renews=True),
    "upstream": Loader(_running, _knock, _stop, renews=True),
    "instances": Loader(_instances, _instantiate, _dispose, renews=False),
    "router": Loader(_statuses, _begin, _end, renews=False),
}


# ---------------------------------------------------------------- reading foreign JSON without trusting it


def _json(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


def _page(answer: Answer | None) -> Json:
    return (answer.json() if answer else None) or {}


def _objects(page: Json, key: str) -> list[Json]:
    items = page.get(key)
    return list(_those(cast("list[object]", items))) if isinstance(items, list) else []


def _those(items: list[object]) -> Iterator[Json]:
    for item in items:
        if isinstance(item, dict):
            yield cast("Json", item)


def _object(page: Json, key: str) -> Json:
    value = page.get(key)
    return cast("Json", value) if isinstance(value, dict) else {}


def _text(page: Json, key: str) -> str:
    value = page.get(key)
    return value if isinstance(value, str) else ""


def _whole(page: Json, key: str, *, least: int = 1) -> int | None:
    value = page.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value < 1 << 53 else None
