"""The providers file as text: its records, its JSON Schema, what is wrong with a text and on which line.

Knows: keys, kinds, defaults, near names. Does not know: where the file lies, keys' values, what a recipe means.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct

from hostler.engines.recipe import OTHER_NAMES, Recipe, recipe_from_dict
from hostler.errors import ConfigError
from hostler.providers.kinds import ENGINE, HERE, KINDS
from hostler.providers.provider import read_base_url
from hostler.providers.vendors import VENDORS
from hostler.registry.json_places import Path, line_of, show
from hostler.system.address import split_url

MAX_BYTES: Final = 1 << 20
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MODEL_PATTERN: Final = r"^[^\s\x00-\x1f\x7f/](?:[^\s\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f/])?$"
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
KNOBS: Final = tuple(field.name for field in dataclasses.fields(Recipe))
DOCS: Final = "See docs/providers.md."

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING: Final = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive"),
        *("expect", "te", "trailer", "upgrade", "accept-encoding"),
    )
)
"""Headers that belong to our own framing of a request; a second opinion on them would smuggle requests."""

Seconds = Annotated[float, Meta(ge=0, le=86_400, description="Seconds; 0: no limit.")]


Knob = Annotated[object, Meta(extra_json_schema={"description": "A knob; its own record checks it."})]


class TimeoutsEntry(Struct, frozen=True, rename="camel"):
    """Limits for this provider; what is left out comes from [upstream] in settings.toml."""

    connect: Annotated[Seconds | None, Meta(description="To make a connection, TLS included.")] = None
    first_byte: Annotated[Seconds | None, Meta(description="Silence until a reply's first byte.")] = None
    idle: Annotated[Seconds | None, Meta(description="Silence within a reply.")] = None


class EngineModel(Struct, frozen=True, rename="camel"):
    """One model that hostler starts an engine for."""

    id: Annotated[str, Meta(pattern=MODEL_PATTERN, description="The model's name behind the provider's id.")]
    recipe: Annotated[dict[str, Knob], Meta(description="Engine, model file and knobs.")]


class ProviderEntry(Struct, frozen=True, rename="camel"):
    """One machine, or one hosted account."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="Stands before the slash in model ids.")]
    kind: Annotated[str, Meta(description="What answers there.")]
    label: Annotated[str, Meta(description="For people; the id if left out.", max_length=200)] = ""
    base_url: Annotated[str | None, Meta(description="http(s)://host[:port][/path], with or without /v1.")] = None
    api_key_env: Annotated[
        Annotated[str, Meta(pattern=VARIABLE_PATTERN)] | None,
        Meta(description="Name of the environment variable that holds the key."),
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Sent with every request.")] = {}
    timeouts: TimeoutsEntry = TimeoutsEntry()
    enabled: Annotated[bool, Meta(description="false: known, but not used.")] = True
    tags: Annotated[tuple[str, ...], Meta(description="Free words.")] = ()
    sidecar_url: Annotated[str | None, Meta(description="A helper service on that machine; kept for later.")] = None
    models: Annotated[tuple[EngineModel, ...], Meta(description=f"For kind '{ENGINE}' only.")] = ()


class Document(Struct, frozen=True, rename="camel"):
    """The whole file."""

    schema: Annotated[str | None, Meta(description="Where editors find this schema.")] = msgspec.field(
        default=None, name="$schema"
    )
    default_provider: Annotated[
        str | None, Meta(description="Provider of model names without a provider; the first entry if left out.")
    ] = None
    providers: tuple[ProviderEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong or odd in a text: where (`providers[1].baseUrl`), on which line from 1, what, and what to do."""

    place: str
    line: int | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        place = f"{self.place}: " if self.place else ""
        return f"{line}{place}{self.message}{' ' + self.hint if self.hint else ''}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a text holds. `document` is None when `errors` is not empty; `warnings` may stand beside either."""

    document: Document | None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Refused(Exception):
    """A text that is no JSON object as we want it."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.problem = Problem("", line, message)


def check(data: bytes) -> Checked:
    """Read a text and say everything that is wrong with it. Never raises."""
    try:
        text, tree = load_object(data)
    except Refused as refused:
        return Checked(None, (refused.problem,))
    warnings = tuple(_problem(text, path, message=message) for path, message in _unknown_keys(tree))
    try:
        document = msgspec.convert(tree, Document)
    except msgspec.ValidationError as error:
        path, message = _read_validation(str(error))
        return Checked(None, (_problem(text, path, message=message),), warnings)
    errors = tuple(_problem(text, path, message=message) for path, message in _faults(document))
    return Checked(None if errors else document, errors, warnings)


def parse(data: bytes, where: str) -> Document:
    """Read a text, or raise ConfigError with its first error and how many more there are."""
    checked = check(data)
    if checked.document is None:
        raise refusal(checked, where)
    return checked.document


def refusal(checked: Checked, where: str) -> ConfigError:
    """The errors of a text as one ConfigError; `where` is the file's path."""
    more = len(checked.errors) - 1
    also = f" (and {more} more)" if more else ""
    return ConfigError(f"{where}: {checked.errors[0]}{also}", hint=DOCS)


def schema() -> dict[str, object]:
    """The JSON Schema of the file, made from the records that read it."""
    (root, recipe), components = msgspec.json.schema_components([Document, Recipe], ref_template="#/$defs/{name}")
    definitions = cast("dict[str, dict[str, object]]", components)
    for definition in definitions.values():
        definition["additionalProperties"] = False
    entry = definitions[ProviderEntry.__name__]
    properties = cast("dict[str, dict[str, object]]", entry["properties"])
    properties["kind"]["enum"] = list(KINDS)
    cast("dict[str, object]", definitions[EngineModel.__name__]["properties"])["recipe"] = recipe
    entry["if"] = {"properties": {"kind": {"const": ENGINE}}, "required": ["kind"]}
    entry["then"] = {"properties": {"baseUrl": False}}
    entry["else"] = {"properties": {"models": False}, "required": ["baseUrl"]}
    whole: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hostler providers file",
        **root,
        "$defs": definitions,
    }
    # through JSON, so that defaults are lists and numbers as they are in the published file
    return msgspec.json.decode(msgspec.json.encode(whole), type=dict[str, object])


def load_object(data: bytes) -> tuple[str, object]:
    """A text and the JSON object that it holds, in which no key stands twice. Raises Refused."""
    if len(data) > MAX_BYTES:
        raise Refused(f"the file is larger than {MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("the file is not UTF-8", line=data.count(b"\n", 0, error.start) + 1) from None
    try:
        tree = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Refused(f"no valid JSON: {error.msg}", line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise Refused(str(error) or "nested too deeply") from None
    if not isinstance(tree, dict):
        raise Refused("the file must hold a JSON object")
    return text, cast("object", tree)


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise Refused(f"the key '{twin}' stands twice in one object")
    return members


def _no_constant(name: str) -> object:
    raise Refused(f"{name} is not JSON")


def _problem(text: str, path: Path, *, message: str) -> Problem:
    return Problem(show(path), line_of(text, path), message)


_AT: Final = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<place>.*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


def _read_validation(text: str) -> tuple[Path, str]:
    """Turn msgspec's "Expected ... - at `$.providers[1].baseUrl`" into a path and a sentence."""
    found = _AT.match(text)
    assert found
    steps = _STEP.findall(found["place"] or "")
    path = tuple(int(index) if index else name for name, index in steps if index or name)
    message = found["message"]
    if ID_PATTERN in message:
        message = "an id is letters, digits, '.', '_' and '-' (at most 64), starting with a letter or digit, no slash"
    elif repr(MODEL_PATTERN)[1:-1] in message:
        message = "a model id holds no spaces, and no slash at either end (at most 200 characters)"
    elif VARIABLE_PATTERN in message:
        message = "apiKeyEnv is the NAME of an environment variable, not the key itself"
    return path, message[:1].lower() + message[1:]


def _unknown_keys(tree: object) -> Iterator[tuple[Path, str]]:
    """Keys that no record has, with the nearest one that does."""
    yield from _unknown_in(tree, _names(Document), path=())
    for i, entry in enumerate(_items(tree, "providers")):
        at: Path = ("providers", i)
        yield from _unknown_in(entry, _names(ProviderEntry), path=at)
        yield from _unknown_in(_member(entry, "timeouts"), _names(TimeoutsEntry), path=(*at, "timeouts"))
        for j, model in enumerate(_items(entry, "models")):
            yield from _unknown_in(model, _names(EngineModel), path=(*at, "models", j))
            yield from _unknown_in(_member(model, "recipe"), KNOBS, path=(*at, "models", j, "recipe"))


def _names(record: type[Struct]) -> tuple[str, ...]:
    return record.__struct_encode_fields__


def _unknown_in(value: object, known: tuple[str, ...], *, path: Path) -> Iterator[tuple[Path, str]]:
    if not isinstance(value, dict):
        return
    for key in cast("dict[str, object]", value):
        if key not in known:
            yield (*path, key), f"unknown key '{key}' is ignored{_near_key(key, known)}"


def _near_key(key: str, known: tuple[str, ...]) -> str:
    folded = {name.lower().replace("_", ""): name for name in known}
    plain = key.lower().strip("-").replace("-", "_")
    near = OTHER_NAMES.get(plain) if known is KNOBS else None
    if near is None:
        near = next((folded[n] for n in difflib.get_close_matches(plain.replace("_", ""), folded, 1)), None)
    return f"; did you mean '{near}'?" if near else f"; known are {', '.join(known)}"


def read_recipe(knobs: Mapping[str, object]) -> Recipe:
    """The recipe of an entry without the knobs that nobody knows (`check` warned of them). Raises ConfigError."""
    return recipe_from_dict({name: value for name, value in knobs.items() if name in KNOBS}, "recipe")


def _member(value: object, key: str) -> object:
    return cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None


def _items(value: object, key: str) -> list[object]:
    items = _member(value, key)
    return cast("list[object]", items) if isinstance(items, list) else []


def _faults(document: Document) -> Iterator[tuple[Path, str]]:
    """What the records' types cannot say."""
    seen: dict[str, int] = {}
    for i, entry in enumerate(document.providers):
        at: Path = ("providers", i)
        # in Python `$` also matches before a line end, which no id may hold
        if "\n" in entry.id or any("\n" in model.id for model in entry.models):
            yield (*at, "id"), "an id holds no line end"
        if entry.id in seen:
            yield (*at, "id"), f"the id '{entry.id}' is taken by providers[{seen[entry.id]}]"
        seen.setdefault(entry.id, i)
        if entry.kind not in KINDS:
            yield (*at, "kind"), f"unknown kind '{entry.kind}'{near_name(entry.kind, list(KINDS))}"
            continue
        for key, message in (*_kind_faults(entry), *_url_faults(entry), *_header_faults(entry)):
            yield (*at, *key), message
    known = [*seen, *(name for name in (HERE, *VENDORS) if name not in seen)]
    wanted = document.default_provider
    if wanted is not None and wanted not in known:
        yield ("defaultProvider",), f"there is no provider '{wanted}'{near_name(wanted, known)}"


def near_name(name: str, known: list[str]) -> str:
    """`; did you mean 'x'?`, or which names there are."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"


def _kind_faults(entry: ProviderEntry) -> Iterator[tuple[Path, str]]:
    if entry.id == HERE and entry.kind != ENGINE:
        yield ("kind",), f"'{HERE}' is this machine's own engines: its kind is '{ENGINE}'"
    elif entry.kind == ENGINE:
        if entry.base_url is not None:
            yield ("baseUrl",), f"kind '{ENGINE}' is started by hostler and has no baseUrl"
        seen: set[str] = set()
        for j, model in enumerate(entry.models):
            if model.id in seen:
                yield ("models", j, "id"), f"the model '{model.id}' stands twice"
            seen.add(model.id)
            try:
                read_recipe(model.recipe)
            except ConfigError as error:
                yield ("models", j), error.text
    else:
        if entry.base_url is None:
            yield (), f"kind '{entry.kind}' needs a baseUrl"
        if entry.models:
            yield ("models",), f"models is for kind '{ENGINE}' only; other servers are asked what they have"


def _url_faults(entry: ProviderEntry) -> Iterator[tuple[Path, str]]:
    if entry.base_url is not None:
        try:
            read_base_url(entry.base_url, KINDS[entry.kind])
        except ConfigError as error:
            yield ("baseUrl",), error.message
    if entry.sidecar_url is not None:
        try:
            split_url(entry.sidecar_url)
        except ConfigError as error:
            yield ("sidecarUrl",), error.message


def _header_faults(entry: ProviderEntry) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for name, value in entry.headers.items():
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            yield ("headers", name), "this is no header name"
        elif lower in _FRAMING:
            yield ("headers", name), f"'{name}' is set by hostler itself"
        elif lower in seen:
            yield ("headers", name), f"the header '{name}' stands twice"
        elif not (value.isascii() and value.isprintable()):
            # never shown: it may be a secret
            yield ("headers", name), "the value must be printable ASCII"
        seen.add(lower)
