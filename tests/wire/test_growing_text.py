"""New text is found in pieces that are new, and in pieces that repeat all before them, without being told which."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.wire.growing_text import GrowingText, Pieces


def read(pieces: list[str], *, repeat: bool | None = None, end: bool = True) -> str:
    growing = GrowingText(Pieces(repeat))
    text = "".join(growing.take(piece) for piece in pieces)
    return text + growing.take("", last=True) if end else text


PIECES = [
    ["The ", "quick ", "brown fox."],
    ["ha", "haha", "!"],  # a piece that happens to begin with all before it
    ["ha", "ha", "ha", "", "no"],
    ["=", "==", "===", "x"],
    ["a"],
    ["", "", "a", "", "b"],
    ["The whole text at once, and no more of it.", ""],
]


@pytest.mark.parametrize("pieces", PIECES)
def test_pieces_that_are_new_are_passed_on(pieces: list[str]) -> None:
    assert read(pieces) == "".join(pieces)


@pytest.mark.parametrize("pieces", PIECES)
def test_pieces_that_repeat_give_only_what_is_new(pieces: list[str]) -> None:
    assert read(list(accumulate(pieces)), repeat=True) == "".join(pieces)


@pytest.mark.parametrize("text", ["The quick brown fox.", "ja, ja, ja, und noch einmal ja", "öäü🐴öäü🐴öäü🐴öäü"])
def test_that_pieces_repeat_is_found_out(text: str) -> None:
    growing = GrowingText(Pieces(None))
    given_out = [growing.take(text[:end]) for end in range(1, len(text) + 1)]
    assert "".join(given_out) == text
    assert given_out[0] == text[0]
    assert given_out[-1] == text[-1]


def test_a_last_piece_that_repeats_decides_for_short_texts() -> None:
    growing = GrowingText(Pieces(None))
    assert [growing.take("Yes"), growing.take("Yes", last=True)] == ["Yes", ""]
    growing = GrowingText(Pieces(None))
    assert [growing.take("Y"), growing.take("Ye"), growing.take("Yes", last=True)] == ["Y", "", "es"]


def test_what_one_text_tells_holds_for_all_texts_of_a_reply() -> None:
    pieces = Pieces(None)
    one, other, third = GrowingText(pieces), GrowingText(pieces), GrowingText(pieces)
    assert [other.take("a"), other.take("ab")] == ["a", ""]
    assert [one.take("The quick brown"), one.take("The quick brown fox")] == ["The quick brown", " fox"]
    assert other.take("", last=True) == "b"
    assert [third.take("x"), third.take("xy")] == ["x", "y"]


def test_a_server_that_does_not_repeat_although_it_was_to_loses_nothing() -> None:
    assert read(["The ", "quick ", "", "fox"], repeat=True) == "The quick fox"


@pytest.mark.slow
@given(st.lists(st.text("ab ", max_size=4), max_size=12))
def test_asked_for_either_way_nothing_is_lost_or_doubled(pieces: list[str]) -> None:
    assert read(list(accumulate(pieces)), repeat=True) == "".join(pieces)
    assert read(pieces, repeat=False) == "".join(pieces)
