"""Every kind of event has a record, a row in the docs and a place in the JSON Schema; what is wrong is refused."""

import re
from pathlib import Path

import msgspec
import pytest

import hostler
from hostler.client.sessions.parts import ReasoningPart, TextPart
from hostler.client.sessions.records import Message
from hostler.system.event_log import EventLog
from hostler.workbench.event_schema import SCHEMA, STORED, State, json_schema, validate
from tests.workbench.events import Recorder

SOURCE = Path(hostler.__file__).parent
FAMILIES = "|".join(sorted({kind.partition(".")[0] for kind in SCHEMA}))
KIND = re.compile(rf'"((?:{FAMILIES})\.[a-z_]+)"')
PUBLISHED = re.compile(r"""publish\(\s*f?["']([^"']+)["']""")


def named() -> dict[str, str]:
    """What looks like a kind of event in the source: kind to file."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        if path.is_relative_to(SOURCE / "wire"):  # wires publish nothing; `message.tool_calls` is a field there
            continue
        if path.name == "event_schema.py" or ("publish" not in text and "events" not in text):
            continue
        kinds = {kind for kind in KIND.findall(text) if not kind.endswith((".db", ".py", ".json"))} | set(
            PUBLISHED.findall(text)
        )
        found.update(dict.fromkeys(kinds, path.name))
    return found


def rows() -> dict[str, str]:
    """The table of docs/events.md: kind to its row."""
    text = (SOURCE.parents[1] / "docs" / "events.md").read_text("utf-8")
    return {row[0]: row[1] for row in re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|(.*)$", text, re.MULTILINE)}


def test_every_kind_that_is_published_has_a_record() -> None:
    assert {kind: where for kind, where in named().items() if kind not in SCHEMA} == {}
    assert {"engine.ready", "machine.down", "providers.loaded", "worker.ended"} <= set(named()), "the search finds them"


def test_every_kind_has_its_row_and_no_row_is_stale() -> None:
    assert set(rows()) == set(SCHEMA)


def test_every_row_names_the_fields_and_what_is_kept() -> None:
    for kind, row in rows().items():
        for name in SCHEMA[kind].__struct_fields__:
            assert f"`{name}`" in row, (kind, name)
        assert row.endswith("| yes |" if kind in STORED else "| |"), kind
    assert set(SCHEMA) >= STORED
    assert not {"message.delta", "engine.log", "engine.progress", "pull.progress"} & STORED


def test_the_json_schema_is_a_union_told_apart_by_kind() -> None:
    schemas = json_schema()
    event = msgspec.convert(schemas["Event"], dict[str, object])
    discriminator = msgspec.convert(event["discriminator"], dict[str, object])
    assert discriminator["propertyName"] == "kind"
    mapping = msgspec.convert(discriminator["mapping"], dict[str, str])
    assert set(mapping) == set(SCHEMA)
    for kind, reference in mapping.items():
        schema = msgspec.convert(schemas[reference.rpartition("/")[2]], dict[str, object])
        properties = msgspec.convert(schema["properties"], dict[str, dict[str, object]])
        assert properties["kind"]["const"] == kind
        assert schema["required"] == ["seq", "at", "kind", "data"]
    text = msgspec.json.encode(schemas).decode()
    assert set(re.findall(r'#/components/schemas/(\w+)"', text)) <= set(schemas), "nothing refers to what is not there"


def test_what_is_always_sent_is_required_in_the_schema() -> None:
    schemas = msgspec.convert(json_schema(), dict[str, dict[str, object]])
    assert set(schemas["State"]["required"]) == set(State.__struct_fields__)  # type: ignore[call-overload]
    assert "usage" in schemas["Message"]["required"]  # type: ignore[operator]
    assert schemas["Params"].get("required", []) == []
    assert "opaque" not in schemas["TextPart"]["required"]  # type: ignore[operator]


def message(*parts: TextPart | ReasoningPart) -> Message:
    return Message(id="m_1", session="s_1", parent=None, role="assistant", created=1, parts=parts)


DELTA = {"session": "s", "message": "m", "part": 0, "type": "text", "at": 0, "text": "x"}


def test_good_events_are_valid() -> None:
    validate("message.delta", DELTA)
    validate("engine.ready", {"model": "here/demo", "pid": 1, "port": 2, "took_s": 1})
    validate("message.created", {"session": "s_1", "message": message(TextPart(text="x"))})


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("message.deltas", DELTA),
        ("message.delta", {**DELTA, "extra": 1}),
        ("message.delta", {**DELTA, "at": "0"}),
        ("message.delta", {**DELTA, "type": "image"}),
        ("message.delta", {}),
        ("message.created", {"session": "s_1", "message": message(ReasoningPart(text="x", opaque=b"secret"))}),
        ("message.restored", {"session": "s_1", "messages": [message(TextPart(text="x", opaque=b"secret"))]}),
    ],
)
def test_bad_events_are_not(kind: str, data: object) -> None:
    with pytest.raises(ValueError, match=r"\."):
        validate(kind, data)


def test_the_recorder_sees_all_and_complains_of_what_is_wrong() -> None:
    log = EventLog(capacity=4)
    log.publish("of before", {})
    with Recorder(log) as recorder:
        log.publish("session.deleted", {"id": "s"})
        assert recorder.kinds() == ["session.deleted"]
        log.publish("preferences.changed", {"keys": []})
    assert recorder.kinds() == ["session.deleted", "preferences.changed"]
    with pytest.raises(AssertionError, match="no event kind 'x'"), Recorder(log):
        log.publish("x")
    with pytest.raises(AssertionError, match="were not recorded"), Recorder(log):
        for _ in range(9):
            log.publish("session.deleted", {"id": "s"})
