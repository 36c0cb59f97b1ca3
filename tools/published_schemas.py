"""Reduce a vendor's published API description to the JSON Schemas that our tests judge by.

    .venv/bin/python tools/published_schemas.py openai openapi.json     # or .yaml, as the vendor publishes it

writes `build/published/openai.json`: field names, types, required ones, enums; no prose. It is not kept in the
repository: who has a description at hand lets `tests/published` judge by it too.

Knows: OpenAPI 3.0 and 3.1. Does not know: what is judged by it.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

OUT: Final = Path(__file__).parent.parent / "build" / "published"
"""Where `tests/published` looks for them."""

ROOTS: Final[Mapping[str, Mapping[str, str]]] = {
    "openai": {
        "chat": "CreateChatCompletionResponse",
        "chat.chunk": "CreateChatCompletionStreamResponse",
        "completion": "CreateCompletionResponse",
        "response": "Response",
        "response.event": "ResponseStreamEvent",
        "openai.embeddings": "CreateEmbeddingResponse",
        "openai.models": "ListModelsResponse",
        "openai.model": "Model",
        "openai.error": "ErrorResponse",
    },
    "ollama": {
        "ollama.chat": "ChatResponse",
        "ollama.generate": "GenerateResponse",
        "ollama.embed": "EmbedResponse",
        "ollama.tags": "ListResponse",
        "ollama.ps": "PsResponse",
        "ollama.show": "ShowResponse",
        "ollama.version": "VersionResponse",
        "ollama.error": "ErrorResponse",
    },
}
"""By vendor: what the tests call a document, and the description's own name of it."""

_KEPT: Final = frozenset(
    ("type", "enum", "const", "required", "items", "properties", "additionalProperties", "anyOf", "oneOf", "allOf",
     "$ref", "minimum", "maximum", "minItems", "maxItems", "pattern")
)  # fmt: skip
_COMPONENTS: Final = "#/components/schemas/"

Json = dict[str, Any]


def reduced(description: Json, roots: Mapping[str, str]) -> Json:
    """The schemas of `roots` and of all that they reach, and where they are from. KeyError for a missing root."""
    schemas = cast("Json", description["components"]["schemas"])
    found: Json = {}
    waiting = list(roots.values())
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _lean(schemas[name], schemas)
            waiting += _names(found[name])
    info = cast("Json", description["info"])
    return {
        "source": f"{info['title']} {info['version']}",
        "roots": {document: f"#/$defs/{name}" for document, name in roots.items()},
        "$defs": dict(sorted(found.items())),
    }


def _lean(schema: Any, schemas: Json) -> Any:
    """A schema without prose: `nullable` as a type, and parts that only together make an object as that object."""
    if not isinstance(schema, dict):
        return schema
    told = cast("Json", schema)
    if "allOf" in told:
        told = _joined(told, schemas)
    lean: Json = {}
    for key, value in told.items():
        if key == "properties":
            lean[key] = {name: _lean(each, schemas) for name, each in value.items()}
        elif key in ("anyOf", "oneOf"):
            lean["anyOf"] = [_lean(each, schemas) for each in value]
        elif key in ("items", "additionalProperties"):
            lean[key] = _lean(value, schemas)
        elif key == "$ref":
            lean[key] = value.replace(_COMPONENTS, "#/$defs/")
        elif key in _KEPT:
            lean[key] = value
    return {"anyOf": [lean, {"type": "null"}]} if told.get("nullable") else lean


def _joined(schema: Json, schemas: Json) -> Json:
    """What an `allOf` amounts to: all fields of its parts, the later ones first."""
    whole: Json = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        told = _resolved(part, schemas)
        if "allOf" in told:
            told = _joined(told, schemas)
        for key, value in told.items():
            if key == "properties":
                whole[key] = {**whole.get(key, {}), **value}
            elif key == "required":
                whole[key] = sorted({*whole.get(key, ()), *value})
            else:
                whole.setdefault(key, value)
    return whole


def _resolved(schema: Json, schemas: Json) -> Json:
    while "$ref" in schema:
        schema = schemas[str(schema["$ref"]).removeprefix(_COMPONENTS)]
    return schema


def _names(lean: Any) -> Iterable[str]:
    """The schemas that a lean one refers to."""
    if isinstance(lean, dict):
        for key, value in cast("Json", lean).items():
            if key == "$ref":
                yield value.removeprefix("#/$defs/")
            else:
                yield from _names(value)
    elif isinstance(lean, list):
        for each in cast("list[Any]", lean):
            yield from _names(each)


def read(file: Path) -> Json:
    """A description, in either of the forms that vendors publish."""
    if file.suffix == ".json":
        return json.loads(file.read_bytes())
    from ruamel.yaml import YAML  # lazy: most descriptions are JSON, too

    return YAML(typ="safe").load(file)


def main(arguments: list[str]) -> int:
    """`VENDOR DESCRIPTION`: write what the tests look for."""
    if len(arguments) != 2 or arguments[0] not in ROOTS:
        print(f"usage: published_schemas.py {'|'.join(ROOTS)} DESCRIPTION", file=sys.stderr)
        return 2
    vendor, file = arguments
    OUT.mkdir(parents=True, exist_ok=True)
    schemas = reduced(read(Path(file)), ROOTS[vendor])
    (OUT / f"{vendor}.json").write_text(json.dumps(schemas, separators=(",", ":")))
    print(f"{OUT / f'{vendor}.json'}: {len(schemas['$defs'])} schemas of {schemas['source']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
