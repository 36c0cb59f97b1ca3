"""What is left of a vendor's description: structure, all that is reached, no prose; and that it judges."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.published.strict import Schemas
from tools import published_schemas
from tools.published_schemas import main, reduced

Json = dict[str, Any]
REF = "#/components/schemas/"
DESCRIPTION: Json = {
    "info": {"title": "Stable API", "version": "1.2"},
    "components": {
        "schemas": {
            "Horse": {
                "allOf": [
                    {"$ref": f"{REF}Named"},
                    {
                        "type": "object",
                        "required": ["food"],
                        "properties": {
                            "food": {"oneOf": [{"$ref": f"{REF}Oats"}, {"$ref": f"{REF}Hay"}]},
                            "description": {"type": "string", "nullable": True, "description": "prose"},
                        },
                    },
                ],
                "description": "prose",
                "x-meta": {"example": "prose"},
            },
            "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "Oats": {
                "type": "object",
                "required": ["type", "grams"],
                "properties": {"type": {"enum": ["oats"]}, "grams": {"type": "integer", "minimum": 1}},
            },
            "Hay": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string", "enum": ["hay"]}},
            },
            "Cart": {"type": "object", "description": "not reached"},
        }
    },
}
GOOD: Json = {"name": "Näbel", "food": {"type": "oats", "grams": 5}, "description": None}


def test_structure_is_kept_and_prose_is_not() -> None:
    told = reduced(DESCRIPTION, {"horse": "Horse"})
    assert sorted(told["$defs"]) == ["Hay", "Horse", "Oats"]
    assert told["source"] == "Stable API 1.2"
    assert sorted(told["$defs"]["Horse"]["required"]) == ["food", "name"]
    assert "prose" not in json.dumps(told) and "x-meta" not in json.dumps(told)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"description": "fast"}, True),
        ({"food": {"type": "hay"}}, True),
        ({"food": {"type": "hay", "grams": 5}}, False),
        ({"food": {"type": "oats", "grams": 0}}, False),
        ({"food": {"type": "carrot"}}, False),
        ({"food": {}}, False),
        ({"food": None}, False),
        ({"name": None}, False),
        ({"colour": "bay"}, False),
    ],
)
def test_what_is_left_judges_strictly(change: Json, good: bool) -> None:
    told = reduced(DESCRIPTION, {"horse": "Horse"})
    complaints = Schemas(told["roots"], told["$defs"]).complaints("horse", GOOD | change)
    assert bool(complaints) is not good


def test_a_document_that_the_description_lacks_is_an_error() -> None:
    with pytest.raises(KeyError):
        reduced(DESCRIPTION, {"cat": "Cat"})


def test_both_forms_of_a_description_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_schemas, "OUT", tmp_path / "out")
    monkeypatch.setattr(published_schemas, "ROOTS", {"stable": {"horse": "Named"}})
    for name in ("description.json", "description.yaml"):  # JSON is YAML
        (tmp_path / name).write_text(json.dumps(DESCRIPTION))
        assert main(["stable", str(tmp_path / name)]) == 0
        assert json.loads((tmp_path / "out" / "stable.json").read_text())["roots"] == {"horse": "#/$defs/Named"}
    assert main(["stable"]) == main(["elsewhere", "x"]) == 2
