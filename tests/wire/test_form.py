"""The model is found in a form exactly as every reader of RFC 7578 finds it, or the form is refused."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.errors import WireError
from hostler.wire.form import find_model, is_form

TYPE = b"multipart/form-data; boundary=XX"


def form(*fields: tuple[str, bytes], boundary: str = "XX") -> bytes:
    parts = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value for head, value in fields
    ]
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])


@given(st.binary(max_size=300), st.sampled_from(("m", "box/whisper-1", "a/b/c:d", "ü")))
def test_a_real_clients_form(data: bytes, name: str) -> None:
    request = httpx2.Request(
        "POST", "http://x", data={"model": name, "language": "en"}, files={"file": ("a.wav", data)}
    )
    body = request.read()
    found = find_model(body, request.headers["content-type"].encode())
    assert found.name == name
    again = found.replaced(body, "other")
    assert find_model(again, request.headers["content-type"].encode()).name == "other"
    assert len(again) == len(body) - len(name.encode()) + 5


def test_the_forms_that_are_ours_to_read() -> None:
    assert is_form(b"Multipart/Form-Data; boundary=x")
    assert not is_form(b"application/json")
    assert not is_form(None)
    assert find_model(b"\r\n" + form(('name="model"', b"m")), b'multipart/form-data; boundary="XX"').name == "m"
    assert find_model(form(('name="file"; filename="model"', b"--X"), ('name="model"', b"m")), TYPE).name == "m"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (form(('name="file"', b"x")), TYPE, "missing"),
        (form(('name="model"', b"a"), ('name="model"', b"b")), TYPE, "more than once"),
        (form(('name="model"', b"a"), ('name="Model"', b"b")), TYPE, "lower case"),
        (form(('name="model"; name="x"', b"a")), TYPE, "no plain name"),
        (form(("name*=utf-8''model", b"a")), TYPE, "no plain name"),
        (form((r'name="mo\del"', b"a")), TYPE, "no plain name"),
        (form(("name=model", b"a")), TYPE, "no plain name"),
        (form(('name="model"', b"")), TYPE, "must be a name"),
        (form(('name="model"', b"a\r\nb")), TYPE, "must be a name"),
        (form(('name="model"', b"\xff")), TYPE, "UTF-8"),
        (form(('name="model"', b"a"))[:-8], TYPE, "ends in the middle"),
        (form(('name="model"', b"a"), boundary="YY"), TYPE, "own boundary"),
        (form(('name="model"', b"a")), b"multipart/form-data", "no boundary"),
        (form(*[('name="x"', b"")] * 300), TYPE, "more than 256"),
    ],
)
def test_what_readers_would_disagree_about_is_refused(body: bytes, kind: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        find_model(body, kind)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(body: bytes) -> None:
    with pytest.raises(WireError):
        find_model(b"--XX\r\n" + body, TYPE)
