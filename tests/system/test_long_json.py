"""Long JSON is the same as written and read in one go, wherever its slices end."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, UnsetType

from hostler.system.long_json import SLICE, decode_long_text, encode_long, sliced

PIECES = ("a", "\\", '"', "\n", "\x00", "é", "日本", "🐴", "\\\\\\", " ", "\u2028")


class Leaf(msgspec.Struct, frozen=True, tag_field="type", tag="leaf"):
    text: str
    opaque: bytes | UnsetType = UNSET


class Tree(msgspec.Struct, frozen=True):
    name: str
    leaves: tuple[Leaf, ...] = ()
    more: dict[str, object] | None = None


@pytest.mark.slow
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.integers(0, 3))
def test_a_long_text_is_written_and_read_as_it_is(pattern: list[str], shift: int) -> None:
    """Each pattern meets the slices' ends at another place."""
    unit = "".join(pattern)
    text = "x" * shift + unit * (2 * SLICE // len(unit) + 5)
    written = encode_long(text)
    assert written == msgspec.json.encode(text)
    assert decode_long_text(Raw(written)) == text


def test_escapes_that_another_wrote_are_not_cut() -> None:
    text = "\ud83d\udc34".encode("utf-16", "surrogatepass").decode("utf-16") * SLICE
    written = b'"' + b"\\ud83d\\udc34" * SLICE + b'"'
    assert decode_long_text(Raw(written)) == text


@pytest.mark.parametrize("length", [0, 5, SLICE, SLICE + 1, 3 * SLICE])
def test_records_are_written_as_ever(length: int) -> None:
    text = "ab\n" * (length // 3)
    tree = Tree(text, (Leaf(text), Leaf("short", b"raw")), {"list": [text, 1, None], "leaf": Leaf(text)})
    assert encode_long(tree) == msgspec.json.encode(tree)
    assert (sliced(tree) is tree) == (len(text) <= SLICE), "what is short costs nothing"


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_long_text(Raw(b'"a"b"'))
