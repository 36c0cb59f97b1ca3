"""Structured output as the chat wire and those after it ask for it: `response_format`. Knows no other field."""

from hostler.core.requests import OutputFormat
from hostler.errors import WireError
from hostler.wire.dialects import Dialect
from hostler.wire.fields import as_members, as_text, need_members


def read_response_format(value: object, path: str) -> OutputFormat | None:
    """What a client asks for; the schema may stand flat, too. Raises WireError."""
    asked = need_members(value or {}, path)
    match asked.get("type"):
        case None | "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            form = as_members(asked.get("json_schema")) or asked
            schema, strict = need_members(form.get("schema"), f"{path}.json_schema.schema"), form.get("strict")
            name, description = as_text(form.get("name")), as_text(form.get("description"))
            return OutputFormat("json_schema", schema, name, strict if isinstance(strict, bool) else None, description)
        case other:
            raise WireError(f"{path}.type: {other!r} is none of text, json_object, json_schema.")


def write_response_format(asked: OutputFormat, dialect: Dialect, *, dropped: set[str]) -> dict[str, object]:
    """The same for a server; a dialect without schemas gets any JSON object."""
    if asked.kind == "json_schema" and not dialect.json_schema:
        dropped.add("response_format.json_schema")
    elif asked.schema is not None:
        form: dict[str, object] = {"name": asked.name or "reply", "schema": asked.schema}
        if asked.strict is not None:
            form["strict"] = asked.strict
        if asked.description:
            form["description"] = asked.description
        return {"type": "json_schema", "json_schema": form}
    return {"type": "json_object"}
