"""Scripts are read strictly, and followed rule by rule."""

from pathlib import Path

import pytest

from hostler.errors import ConfigError
from hostler.providers.fake.answer import example_of, pieces_of, signature_of
from hostler.providers.fake.asked import Asked, AskedTool, Course
from hostler.providers.fake.json_values import Json
from hostler.providers.fake.reading import KEYS, parse_script, read_script
from hostler.providers.fake.script import Chunks, Model, Reply, When

GOOD = """
strict: true
models:
  - id: m
    replies: [{text: hi}]
"""


def test_sources(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(GOOD, "utf-8")
    wanted = parse_script(GOOD, "x")
    assert wanted.strict
    assert read_script(file) == read_script(GOOD) == read_script(wanted) == wanted
    assert read_script({"strict": True, "models": [{"id": "m", "replies": [{"text": "hi"}]}]}) == wanted
    assert read_script('{"models": [{"id": "m"}]}').models[0].replies == (Reply(echo=True),)
    assert read_script("- id: m").models[0].id == "m"
    assert {"echo", "tools", "think", "slow", "fail-429"} <= {model.id for model in read_script(None).models}


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("models: [{id: m, replys: []}]", "x, models[0]: unknown key 'replys'", "Did you mean 'replies'?"),
        ("models: [{id: m, replies: [{txt: a}]}]", "x, models[0].replies[0]: unknown key 'txt'", "'text'"),
        ("models: [{id: m, replies: [{broken: {how: rest}}]}]", "models[0].replies[0].broken.how: 'rest'", None),
        ("models: [{id: m, replies: [{pace: {first_s: soon}}]}]", "models[0].replies[0].pace.first_s: Expected", None),
        ("models: [{replies: []}]", "models[0]: Object missing required field `id`", None),
        ("models: [{id: m, replies: []}]", "the model 'm' has no reply", None),
        ("models: []", "there is no model", None),
        ("- id: m\n- id: m", "models[1]: the model 'm' is there twice", None),
        ("- {id: m, replies: [{when: {matches: '('}}]}", "models[0].replies[0].when.matches: missing )", None),
        ("models:\n  - id: [", "x, line 2", None),
        ("models: \x07", "x", None),
        ("", "x: Expected `object`, got `null`", None),
    ],
)
def test_what_is_wrong_is_named(text: str, place: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text, "x")
    assert place in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_script(tmp_path / "missing.yaml")
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_script(file)


def asked(**more: object) -> Asked:
    """A chat request for model `m`."""
    fields: dict[str, object] = {"wire": "openai-chat", "operation": "chat", "model": "m", "text": "hello there"}
    return Asked(**{**fields, **more})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        (When(contains="there"), asked(), asked(text="nobody")),
        (When(matches="^hel+o"), asked(), asked(text="oh hello")),
        (When(system="brief"), asked(system="be brief"), asked()),
        (When(tool_result=True), asked(tool_result=True), asked()),
        (When(tool_result=False), asked(), asked(tool_result=True)),
        (When(offers="write"), asked(tools=(AskedTool("read", {}), AskedTool("write", {}))), asked()),
        (When(stream=True), asked(stream=True), asked()),
        (When(wire="anthropic"), asked(wire="anthropic"), asked()),
        (When(operation="embeddings"), asked(operation="embeddings"), asked()),
        (When(contains="there", stream=True), asked(stream=True), asked()),
    ],
)
def test_rules(when: When, yes: Asked, no: Asked) -> None:
    course = Course(Model(id="m", replies=(Reply(when=when, text="rule"), Reply(text="row"))))
    assert course.next_reply(yes).text == "rule"
    assert course.next_reply(no).text == "row"


def test_the_nth_request_and_the_row() -> None:
    replies = (Reply(text="1"), Reply(when=When(nth=2), text="second"), Reply(text="2"))
    course = Course(Model(id="m", replies=replies))
    assert [course.next_reply(asked()).text for _ in range(5)] == ["1", "second", "2", "2", "2"]
    course = Course(Model(id="m", replies=replies, after="cycle"))
    assert [course.next_reply(asked()).text for _ in range(5)] == ["1", "second", "2", "1", "2"]


def test_a_reply_that_is_given_so_many_times() -> None:
    replies = (Reply(when=When(contains="there", times=2), text="again"), Reply(text="row"))
    course = Course(Model(id="m", replies=replies))
    texts = ("there", "nobody", "there", "there")
    for _ in range(2):
        assert [course.next_reply(asked(text=text)).text for text in texts] == ["again", "row", "again", "row"]
        course.begin_again()


def test_counting_tokens_uses_nothing_up() -> None:
    course = Course(Model(id="m", replies=(Reply(text="1"), Reply(text="2"))))
    assert course.next_reply(asked(operation="count_tokens")) is None
    assert course.next_reply(asked()).text == "1"
    only = Course(Model(id="m", replies=(Reply(when=When(contains="x")),)))
    assert only.next_reply(asked()) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example"),
        ({"type": ["integer", "null"], "minimum": 5}, 5),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 4}, 4),
        ({"default": "x", "type": "string"}, "x"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "null"}, None),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, 1),
        ({"type": "object", "properties": {"a": {}, "b": {"type": "string"}}, "required": ["b"]}, {"b": "example"}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "example"}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}, 1),
    ],
)
def test_examples_fit_their_schema(schema: Json, value: object) -> None:
    assert example_of(schema) == value


def test_a_schema_that_holds_itself_ends() -> None:
    schema: Json = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(example_of(schema), dict)


def test_pieces_and_signatures() -> None:
    text = "two  words\nand 🐴"
    for chunks in (Chunks(), Chunks(size=3), Chunks(by="characters"), Chunks(by="whole")):
        assert "".join(pieces_of(text, chunks)) == text
    assert pieces_of("", Chunks(by="whole")) == ()
    assert signature_of("a") == signature_of("a") != signature_of("b")


def test_every_key_and_model_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "fake.md").read_text("utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page and f"`{key}: " not in page and f" {key}: " not in page] == []
    names = {
        model.id.replace("fail-", "-") if model.id[5:].isdigit() else model.id for model in read_script(None).models
    }
    assert [name for name in names if f"`{name}`" not in page] == ["-400"]  # the first of its row stands there whole
