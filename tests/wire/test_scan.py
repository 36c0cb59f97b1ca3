"""The scan decides who may call what, so it must see the model that the upstream will see, however it is spelt."""

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import WireError
from hostler.wire.scan import MAX_MODEL, BodyScanner, Echo, StreamEcho

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20) | st.sampled_from(
    ["a/m", "org/sub/name:q4", 'a/"quoted"', "a\\b", "é/ß", "m\u2028x", "\x7f", "a/\\u0065", '","model":"evil']
)
tricky = st.sampled_from(["model", "stream", '"model":', '{"model":"evil"}', "mod\\u0065l", "\\", '"', "\n", "MODEL"])
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | tricky
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | tricky, inner, max_size=3),
    max_leaves=8,
)
keys = (texts | tricky).filter(lambda key: key not in ("model", "stream"))


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """A JSON string that means `text`, in any of the spellings that JSON allows."""
    how = draw(st.sampled_from(["plain", "escaped", "mixed"]))
    if how == "plain":
        return json.dumps(text, ensure_ascii=False)
    if how == "escaped":
        return '"' + "".join(f"\\u{unit:04x}" for unit in units(text)) + '"'
    pick = random.Random(draw(st.integers(0, 2**16)))  # spelling, not secrets
    out = ""
    for character in text:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        escaped = "".join(f"\\u{unit:04X}" for unit in units(character))
        out += pick.choice([plain, escaped, "\\/" if character == "/" else plain])
    return f'"{out}"'


def units(text: str) -> list[int]:
    """UTF-16 code units."""
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


spaces = st.sampled_from(["", "", " ", "\n", "\t \r\n"])


@st.composite
def bodies(draw: st.DrawFn, *fixed: tuple[str, Any]) -> bytes:
    """A JSON object with these fields among others, in any order, spacing and spelling."""
    others = draw(st.dictionaries(keys, values, max_size=4))
    fields = draw(st.permutations([*fixed, *others.items()]))
    pieces = []
    for key, value in fields:
        written = draw(spelt(value)) if isinstance(value, str) else json.dumps(value, ensure_ascii=draw(st.booleans()))
        gap = draw(spaces)
        pieces.append(f"{gap}{draw(spelt(key))}{gap}:{draw(spaces)}{written}{gap}")
    return f"{draw(spaces)}{{{','.join(pieces)}}}{draw(spaces)}".encode()


@given(st.data(), names, st.none() | st.booleans())
def test_the_scan_finds_the_top_level_model_and_nothing_else(
    data: st.DataObject, name: str, stream: bool | None
) -> None:
    fields: list[tuple[str, Any]] = [("model", name)]
    if stream is not None:
        fields.append(("stream", stream))
    assert BodyScanner().scan(data.draw(bodies(*fields))) == (name, stream)


@given(st.data(), names, names)
def test_a_spliced_body_says_the_new_model_and_all_else_as_before(data: st.DataObject, name: str, new: str) -> None:
    scanner = BodyScanner()
    body = data.draw(bodies(("model", name), ("stream", True)))
    assert scanner.scan(body) == (name, True)
    spliced = scanner.splice_model(body, name, new)
    assert scanner.scan(spliced) == (new, True)
    before, after = raw(body), raw(spliced)
    assert list(before) == list(after), "the same keys in the same order"
    for key, value in before.items():
        assert key == "model" or bytes(value) == bytes(after[key]), "every other value byte for byte"
    assert json.loads(spliced) == {**json.loads(body), "model": new}, "also by another reader's rules"


def raw(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


@given(st.data(), names)
def test_a_model_deeper_down_is_no_model(data: st.DataObject, name: str) -> None:
    body = data.draw(bodies(("metadata", {"model": name, "stream": True}), ("x", [{"model": name}])))
    assert BodyScanner().scan(body) == (None, None)


@pytest.mark.parametrize("field", ["model", "stream"])
@given(st.data())
def test_a_field_that_stands_twice_is_refused_however_it_is_spelt(field: str, data: st.DataObject) -> None:
    one, two = ("a/m", "b/m") if field == "model" else (True, False)
    first, second = data.draw(spelt(field)), data.draw(spelt(field))
    between = data.draw(st.sampled_from(["", '"x": {"model": "c/m"},', '"y": [1, 2],']))
    body = f"{{{first}: {json.dumps(one)}, {between} {second}: {json.dumps(two)}}}".encode()
    with pytest.raises(WireError, match="twice"):
        BodyScanner().scan(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"1",
        b"null",
        b"{}{}",
        b'{"model":"a"}x',
        b'{"model":}',
        b'{"model":"a",}',
        b'{model:"a"}',
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        BodyScanner().scan(body)


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        BodyScanner().scan(body)
    except WireError:
        return
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize("model", [7, [], {}, True, 1.5])
def test_a_model_that_is_no_name_is_refused(model: object) -> None:
    with pytest.raises(WireError, match="model"):
        BodyScanner().scan(json.dumps({"model": model}).encode())


def test_null_is_as_good_as_nothing_and_too_long_is_too_long() -> None:
    scanner = BodyScanner()
    assert scanner.scan(b'{"model":null,"stream":null}') == scanner.scan(b"{}")
    assert scanner.scan(json.dumps({"model": "x" * MAX_MODEL}).encode()) == ("x" * MAX_MODEL, None)
    with pytest.raises(WireError, match=str(MAX_MODEL)):
        scanner.scan(json.dumps({"model": "x" * (MAX_MODEL + 1)}).encode())


def test_a_scanner_forgets_the_body_before() -> None:
    scanner = BodyScanner()
    for _ in range(3):
        with pytest.raises(WireError):
            scanner.scan(b'{"model":"a","model":"b"}')
        with pytest.raises(WireError):
            scanner.scan(b'{"model":"a","stream":tru')
        assert scanner.scan(b'{"model":"a"}') == ("a", None)


@given(st.data(), names, names)
def test_a_reply_echoes_the_asked_model_and_keeps_the_rest(data: st.DataObject, found: str, asked: str) -> None:
    body = data.draw(bodies(("model", found), ("choices", [{"model": "x", "message": {"content": '"model":"y"'}}])))
    echoed = Echo(asked, found).write(body, found)
    assert json.loads(echoed) == {**json.loads(body), "model": asked}


@pytest.mark.parametrize("pad", [0, 600])
def test_a_reply_that_names_its_model_deeper_down_too_echoes_at_the_top(pad: int) -> None:
    tree = {"pad": "x" * pad, "parts": [{"model": "m"}], "model": "m", "usage": {"x": 1}}
    for body in (msgspec.json.encode(tree), json.dumps(tree, indent=1).encode()):
        assert json.loads(Echo("a/m", "m").write(body, "m")) == {**tree, "model": "a/m"}


@given(names, names, st.lists(texts, max_size=4), st.integers(1, 40))
def test_an_engines_stream_names_the_asked_model_in_any_cut(own: str, asked: str, said: list[str], size: int) -> None:
    frames = [
        b"data: " + msgspec.json.encode({"id": "c", "model": own, "choices": [{"delta": {"content": text}}]}) + b"\n\n"
        for text in said
    ]
    stream = b"".join(frames) + b"data: [DONE]\n\n"
    echo = StreamEcho(own, asked)
    out = b"".join(echo.feed(stream[i : i + size]) for i in range(0, len(stream), size)) + echo.flush()
    lines = [line[6:] for line in out.split(b"\n\n") if line.startswith(b"data: {")]
    assert [json.loads(line)["model"] for line in lines] == [asked] * len(said)
    assert [json.loads(line)["choices"][0]["delta"]["content"] for line in lines] == said
    assert out.endswith(b"data: [DONE]\n\n")


def test_a_text_that_quotes_the_field_is_not_touched() -> None:
    """In JSON its quotes are escaped, so the search for the field cannot meet it."""
    frame = b"data: " + msgspec.json.encode({"model": "here/demo", "choices": ['"model":"here/demo"']}) + b"\n\n"
    out = StreamEcho("here/demo", "gpt").feed(frame)
    assert json.loads(out[6:]) == {"model": "gpt", "choices": ['"model":"here/demo"']}


BAD = (b"\xff", b"\xed\xa0\x80", b"\xc3")


@given(st.data(), names, names, st.sampled_from(BAD))
def test_what_the_scan_passed_over_may_be_no_utf_8(data: st.DataObject, name: str, new: str, bad: bytes) -> None:
    """The parser skips what it does not look for, unread; nothing behind it may fall over that."""
    scanner = BodyScanner()
    body = data.draw(bodies(("model", name), ("x-marked", "here: MARK"), ("MARK", 1))).replace(b"MARK", bad)
    try:
        asked, _ = scanner.scan(body)
        spliced = scanner.splice_model(body, asked or "", new)
    except WireError:
        return
    assert scanner.scan(spliced) == (new, None)
    assert isinstance(Echo(new, name).write(body, name), bytes)
