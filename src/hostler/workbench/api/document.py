"""The API's OpenAPI document: paths from the framework, records and events from their own schemas.

Knows: how the two are put together. Does not know: what any endpoint does. The front end's types come from it.
"""

from collections.abc import Mapping
from typing import Any  # edge: a JSON document

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import REFERENCE, Endpoint, records_of
from hostler.workbench.event_schema import json_schema


def document(app: FastAPI, endpoints: list[Endpoint]) -> dict[str, Any]:
    """The whole document; `components.schemas.Event` is the union of all events."""
    made = get_openapi(
        title="hostler",
        version=app.version,
        summary="The workbench's API. Every error is a Refusal.",
        routes=app.routes,
    )
    records = [*records_of(endpoints), shapes.Refusal]
    _, components = msgspec.json.schema_components(records, ref_template=REFERENCE)
    taken = {kind.__name__ for each in endpoints if (kind := each.takes) is not None and isinstance(kind, type)}
    schemas: dict[str, Any] = dict(made.get("components", {}).get("schemas", {}))
    schemas.update({name: schema if name in taken else as_sent(schema) for name, schema in components.items()})
    schemas.update(json_schema())
    made["components"] = {"schemas": dict(sorted(schemas.items()))}
    return made


def as_sent(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What is always sent is required, whether or not it has a default."""
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    names = [name for name, field in properties.items() if name in required or "default" in field]
    return {**schema, "required": names} if names else dict(schema)
