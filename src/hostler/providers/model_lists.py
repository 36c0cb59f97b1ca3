"""How each kind of server is asked which models it has, and how its answers are read.

Knows: paths and fields of the listings, as a dialogue of questions and answers. Does not know: sockets, state, time.
A survey is a generator: it yields an `Ask`, gets an `Answer` (None when an optional question had no good one) and
returns the models. Facts come from the servers' own words; what they do not say stays unknown.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

import msgspec

from hostler.core.capabilities import NOTHING_KNOWN, Capabilities, Scalar, facts, make
from hostler.errors import UpstreamGarbled
from hostler.providers.provider import Provider

MAX_SHOWN: Final = 64
"""Models whose own page is asked for, one question each."""
MAX_PAGES: Final = 20
PAGE: Final = 1000
MAX_NAME: Final = 512
MAX_PRICE: Final = 1e6
"""US dollars per million tokens that are believed."""
_DECIMAL: Final = r"\d{1,6}(?:\.\d{1,20})?(?:[eE]-\d{1,2})?"

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model as a machine listed it. `created` in unix seconds, `size` in bytes on its disk; 0: it did not say."""

    name: str
    facts: Capabilities = NOTHING_KNOWN
    owned_by: str = ""
    created: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: GET `path`, or POST where there is a body. Without a good answer to one that is not `optional` the
    machine counts as down."""

    path: str
    body: bytes | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply's status, its headers (lower-cased names) and its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json | None:
        """The JSON object in the body, a bare list as the `data` of one; None when it holds anything else."""
        try:
            value = cast("object", msgspec.json.decode(self.body))
        except (msgspec.DecodeError, RecursionError):
            return None
        if isinstance(value, list):
            return {"data": cast("object", value)}
        return cast("Json", value) if isinstance(value, dict) else None


Survey = Generator[Ask, Answer | None, tuple[KnownModel, ...]]


def survey(provider: Provider, today: str) -> Survey:
    """The dialogue for one provider; `today` (ISO date) dates the facts. Raises UpstreamGarbled from within."""
    match provider.listing:
        case "none":
            return _nothing()
        case "list":
            return _list(provider, today)
        case "cards":
            return _cards(provider, today)
        case "props":
            return _props(provider, today)
        case "tags":
            return _tags(provider, today)
        case "native":
            return _native(provider, today)
        case "resources":
            return _resources(provider, today)


def _nothing() -> Survey:
    yield from ()
    return ()


# ---------------------------------------------------------------- the chat wire's list, and what servers add to it


def _list(provider: Provider, today: str) -> Survey:
    answer = yield Ask(provider.other_path("/models"))
    return tuple(_from_list(answer, today))


def _from_list(answer: Answer | None, today: str) -> Iterator[KnownModel]:
    for item in _objects(_required(answer), "data"):
        name = _name(item, "id")
        if name:
            facts = make(_list_facts(item), source="GET /v1/models", as_of=today)
            yield KnownModel(name, facts, _text(item, "owned_by"), _whole(item, "created") or 0)


def _list_facts(item: Json) -> dict[str, Scalar | None]:
    """Fields that servers put beside the wire's own: llama.cpp (`architecture`, `meta`), vLLM (`max_model_len`),
    OpenRouter (`pricing`, `supported_parameters`, `top_provider`), Mistral (`capabilities`), Groq, Together."""
    meta, modalities = _object(item, "meta"), _object(item, "architecture").get("input_modalities")
    abilities = _object(item, "capabilities")
    output = _whole(_object(item, "top_provider"), "max_completion_tokens") or _whole(item, "max_completion_tokens")
    facts: dict[str, Scalar | None] = {
        "model_discovery": True,
        "context_window": (
            _whole(item, "max_model_len")
            or _whole(meta, "n_ctx")
            or _whole(item, "context_length")
            or _whole(item, "context_window")
            or _whole(item, "max_context_length")
            or _whole(meta, "n_ctx_train")
        ),
        "max_output": output,
        "vision": _flag(abilities, "vision"),
        "audio": _flag(abilities, "audio"),
        "tool_calling": _flag(abilities, "function_calling"),
        "reasoning": _flag(abilities, "reasoning"),
        **_list_prices(_object(item, "pricing")),
    }
    taken = item.get("supported_parameters")
    if isinstance(taken, list):
        names = cast("list[object]", taken)
        facts |= {
            "tool_calling": "tools" in names,
            "reasoning": "reasoning" in names,
            "structured_output": "structured_outputs" in names,
        }
    if isinstance(modalities, list):
        names = cast("list[object]", modalities)
        facts |= {"vision": "image" in names, "audio": "audio" in names, "video": "video" in names}
    return facts


def _list_prices(pricing: Json) -> dict[str, Scalar | None]:
    """Prices as text in US dollars per token (OpenRouter), or as numbers per million tokens (Together).

    A price of -1, as routers have, is none.
    """
    per_token = {
        "input_price": "prompt",
        "output_price": "completion",
        "cache_read_price": "input_cache_read",
        "cache_write_price": "input_cache_write",
    }
    found: dict[str, Scalar | None] = {}
    for field, key in per_token.items():
        price = _decimal(pricing.get(key))
        found[field] = None if price is None else float(f"{price * 1e6:.10g}")
    if found["input_price"] is None:
        found |= {"input_price": _price(pricing, "input"), "output_price": _price(pricing, "output")}
    if found["input_price"] is None:
        return {}
    return {**found, "cost_tracking": True}


def _decimal(value: object) -> float | None:
    """A price that is written as text."""
    return float(value) if isinstance(value, str) and re.fullmatch(_DECIMAL, value) else None


def _price(page: Json, key: str) -> float | None:
    value = page.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < MAX_PRICE else None


# ---------------------------------------------------------------- a list with a card of capabilities per model


def _cards(provider: Provider, today: str) -> Survey:
    models: list[KnownModel] = []
    path = f"{provider.other_path('/models')}?limit={PAGE}"
    after = ""
    for _ in range(MAX_PAGES):
        page = _required((yield Ask(path + (f"&after_id={after}" if after else ""))))
        models += (_from_card(item, today) for item in _objects(page, "data") if _is_alive(item))
        after = _text(page, "last_id")
        if page.get("has_more") is not True or not after.isascii() or not after.replace("-", "").isalnum():
            break
    return tuple(models)


def _is_alive(item: Json) -> bool:
    return bool(_name(item, "id")) and _text(item, "lifecycle") != "retired"


def _from_card(item: Json, today: str) -> KnownModel:
    card = _object(item, "capabilities")
    tools = _object(card, "server_tools")
    facts: dict[str, Scalar | None] = {
        "model_discovery": True,
        "context_window": _whole(item, "max_input_tokens"),
        "max_output": _whole(item, "max_tokens"),
        "vision": _flag(_object(card, "image_input"), "supported"),
        "reasoning": _flag(_object(card, "thinking"), "supported"),
        "structured_output": _flag(_object(card, "structured_outputs"), "supported"),
        "web_search": _flag(_object(tools, "web_search"), "supported"),
        "code_execution": _flag(_object(tools, "code_execution"), "supported"),
    }
    known = make(facts, source="GET /v1/models", as_of=today)
    return KnownModel(_text(item, "id"), known, "", _unix(_text(item, "created_at")))


# ---------------------------------------------------------------- pages of resource names


def _resources(provider: Provider, today: str) -> Survey:
    models: list[KnownModel] = []
    path = f"{provider.other_path('/models')}?pageSize={PAGE}"
    after = ""
    for _ in range(MAX_PAGES):
        page = _required((yield Ask(path + (f"&pageToken={after}" if after else ""))))
        models += (_from_resource(item, today) for item in _objects(page, "models") if _name(item, "name"))
        after = _text(page, "nextPageToken")
        if not after.isascii() or not after.replace("-", "").replace("_", "").replace("=", "").isalnum():
            break
    return tuple(models)


def _from_resource(item: Json, today: str) -> KnownModel:
    methods = item.get("supportedGenerationMethods")
    given = cast("list[object]", methods) if isinstance(methods, list) else None
    facts: dict[str, Scalar | None] = {
        "model_discovery": True,
        "context_window": _whole(item, "inputTokenLimit"),
        "max_output": _whole(item, "outputTokenLimit"),
        "reasoning": _flag(item, "thinking"),
        "streaming": None if given is None else "generateContent" in given or "bidiGenerateContent" in given,
        "caching": None if given is None else "createCachedContent" in given or None,
    }
    return KnownModel(_text(item, "name").removeprefix("models/"), make(facts, source="GET models", as_of=today))


# ---------------------------------------------------------------- the list, and a page of the server's properties


def _props(provider: Provider, today: str) -> Survey:
    answer = yield Ask(provider.other_path("/models"))
    models = tuple(_from_list(answer, today))
    if len(models) != 1:
        # a router's properties are those of no model in particular, and asking for one would load it
        return models
    answer = yield Ask(f"{provider.prefix}/props", optional=True)
    page = answer.json() if answer else None
    if page is None:
        return models
    facts = make(_props_facts(page), source="GET /props", as_of=today)
    return (replace(models[0], facts=_refined(models[0].facts, facts)),)


def _props_facts(page: Json) -> dict[str, Scalar | None]:
    modalities, template = _object(page, "modalities"), _object(page, "chat_template_caps")
    tools = [_flag(template, name) for name in ("supports_tools", "supports_tool_calls")]
    return {
        "context_window": _whole(_object(page, "default_generation_settings"), "n_ctx"),
        "vision": _flag(modalities, "vision"),
        "audio": _flag(modalities, "audio"),
        "video": _flag(modalities, "video"),
        "tool_calling": None if None in tools else all(tools),
    }


# ---------------------------------------------------------------- tags, and a page per model


def _tags(provider: Provider, today: str) -> Survey:
    page = _required((yield Ask(f"{provider.prefix}/api/tags")))
    models: list[KnownModel] = []
    for item in _objects(page, "models"):
        name = _name(item, "model") or _name(item, "name")
        if not name:
            continue
        facts = make({"model_discovery": True}, source="GET /api/tags", as_of=today)
        known = KnownModel(name, facts, size=_whole(item, "size") or 0)
        if len(models) < MAX_SHOWN:
            body = msgspec.json.encode({"model": name})
            answer = yield Ask(f"{provider.prefix}/api/show", body, optional=True)
            shown = answer.json() if answer else None
            known = replace(known, facts=_refined(known.facts, _show_facts(shown or {}, today)))
        models.append(known)
    return tuple(models)


def _show_facts(page: Json, today: str) -> Capabilities:
    abilities = page.get("capabilities")
    facts: dict[str, Scalar | None] = {}
    if isinstance(abilities, list):
        names = cast("list[object]", abilities)
        facts = {
            "tool_calling": "tools" in names,
            "vision": "vision" in names,
            "audio": "audio" in names,
            "reasoning": "thinking" in names,
        }
        if "embedding" in names and "completion" not in names:
            facts["streaming"] = False
    trained = next((_whole(_object(page, "model_info"), key) for key in _context_keys(page)), None)
    served = _num_ctx(_text(page, "parameters"))
    facts["context_window"] = served or trained
    known = make(facts, source="POST /api/show", as_of=today)
    if known.context_window is not None and not served:
        # the server cuts prompts at a window of its own choosing, which may be smaller than the model's
        known = replace(known, context_window=replace(known.context_window, uncertain=True))
    return known


def _context_keys(page: Json) -> list[str]:
    return [key for key in _object(page, "model_info") if key.endswith(".context_length")]


def _num_ctx(parameters: str) -> int | None:
    for line in parameters.splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx" and value.strip().isdecimal():
            return int(value)
    return None


# ---------------------------------------------------------------- a native list beside the wire's own


def _native(provider: Provider, today: str) -> Survey:
    answer = yield Ask(provider.other_path("/models"))
    models = tuple(_from_list(answer, today))
    facts: dict[str, Capabilities] = {}
    sizes: dict[str, int] = {}
    for path, read in (("/api/v1/models", _native_v1), ("/api/v0/models", _native_v0)):
        answer = yield Ask(f"{provider.prefix}{path}", optional=True)
        page = answer.json() if answer else None
        if page is not None:
            facts = {name: make(given, source=f"GET {path}", as_of=today) for name, given in read(page)}
            sizes = {_text(item, "key"): _whole(item, "size_bytes") or 0 for item in _objects(page, "models")}
        if facts:
            break
    return tuple(
        replace(
            model,
            facts=_refined(model.facts, facts.get(model.name, NOTHING_KNOWN)),
            size=sizes.get(model.name, 0),
        )
        for model in models
    )


def _native_v1(page: Json) -> Iterator[tuple[str, dict[str, Scalar | None]]]:
    for item in _objects(page, "models"):
        abilities = _object(item, "capabilities")
        loaded = _objects(item, "loaded_instances")
        windows = [_whole(_object(instance, "config"), "context_length") for instance in loaded]
        yield (
            _text(item, "key"),
            {
                "context_window": next((w for w in windows if w), None) or _whole(item, "max_context_length"),
                "vision": _flag(abilities, "vision"),
                "tool_calling": _flag(abilities, "trained_for_tool_use"),
                "streaming": False if _text(item, "type") == "embedding" else None,
            },
        )


def _native_v0(page: Json) -> Iterator[tuple[str, dict[str, Scalar | None]]]:
    for item in _objects(page, "data"):
        kind, abilities = _text(item, "type"), item.get("capabilities")
        names = cast("list[object]", abilities) if isinstance(abilities, list) else None
        yield (
            _text(item, "id"),
            {
                "context_window": _whole(item, "loaded_context_length") or _whole(item, "max_context_length"),
                "vision": kind == "vlm" if kind in ("llm", "vlm") else None,
                "tool_calling": None if names is None else "tool_use" in names,
                "streaming": False if kind == "embeddings" else None,
            },
        )


def _refined(first: Capabilities, closer: Capabilities) -> Capabilities:
    """Two answers of one server: the closer look replaces the first and contradicts nothing."""
    return replace(first, **facts(closer))  # pyright: ignore[reportArgumentType]  # each fact comes from its own field


# ---------------------------------------------------------------- reading foreign JSON without trusting it


def _required(answer: Answer | None) -> Json:
    page = answer.json() if answer else None
    if page is None:
        raise UpstreamGarbled("The model list is not a JSON object.")
    return page


def _objects(page: Json, key: str) -> list[Json]:
    items = page.get(key)
    if not isinstance(items, list):
        return []
    return [cast("Json", item) for item in cast("list[object]", items) if isinstance(item, dict)]


def _object(page: Json, key: str) -> Json:
    value = page.get(key)
    return cast("Json", value) if isinstance(value, dict) else {}


def _text(page: Json, key: str) -> str:
    value = page.get(key)
    return value if isinstance(value, str) else ""


def _name(page: Json, key: str) -> str:
    """A model's name; "" for one that could not stand in a request or on a screen."""
    value = _text(page, key)
    return value if len(value) <= MAX_NAME and value.isprintable() else ""


def _whole(page: Json, key: str) -> int | None:
    """A positive number of tokens or seconds; servers write 0 for "not known"."""
    value = page.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 53 else None


def _flag(page: Json, key: str) -> bool | None:
    value = page.get(key)
    return value if isinstance(value, bool) else None


def _unix(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
