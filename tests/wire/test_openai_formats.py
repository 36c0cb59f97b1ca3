"""Structured output survives the way there and back, and what cannot be said is named."""

import pytest

from hostler.core.requests import OutputFormat
from hostler.errors import WireError
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.openai_formats import read_response_format, write_response_format

FORMS = [
    OutputFormat("json_object"),
    OutputFormat("json_schema", {"type": "object"}, "horse", True, "A horse."),
    OutputFormat("json_schema", {"type": "object"}, "horse"),
]


@pytest.mark.parametrize("form", FORMS)
def test_forms_come_back(form: OutputFormat) -> None:
    dropped: set[str] = set()
    assert read_response_format(write_response_format(form, PLAIN, dropped=dropped), "here") == form
    assert not dropped


def test_a_dialect_without_schemas_gets_any_object() -> None:
    dropped: set[str] = set()
    assert write_response_format(FORMS[1], Dialect(json_schema=False), dropped=dropped) == {"type": "json_object"}
    assert dropped == {"response_format.json_schema"}


def test_odd_forms_are_read_or_refused() -> None:
    assert read_response_format(None, "here") is None
    assert read_response_format({"type": "text"}, "here") is None
    assert read_response_format({"type": "json_schema", "schema": {}}, "here") == OutputFormat("json_schema", {})
    for wrong, place in ((7, "here"), ({"type": "xml"}, "here.type"), ({"type": "json_schema"}, "schema")):
        with pytest.raises(WireError, match=place):
            read_response_format(wrong, "here")
