"""Thinking in tags is told from text, wherever the pieces are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.wire.think_tags import TagSplitter, in_tags, split_tags

THINK = ("think", "thinking")


@pytest.mark.parametrize(
    ("text", "thinking", "rest"),
    [
        ("<think>Oats.</think>Hay", "Oats.", "Hay"),
        ("\n <think>\nOats.\n\nOr hay?\n</think>\n\nHay \n", "Oats.\n\nOr hay?", "Hay \n"),
        ("<thinking>Oats.</thinking> <think>Hay?</think>Both", "Oats.\n\nHay?", "Both"),
        ("<think></think>Hay", "", "Hay"),
        ("<think>cut o", "cut o", ""),
        ("<think>a < b </thin k> </think>c", "a < b </thin k>", "c"),
        ("<think>Oats.</think>\n", "Oats.", ""),
        ("Write <think>so</think>.", "", "Write <think>so</think>."),
        ("<thinner>", "", "<thinner>"),
        ("<thi", "", "<thi"),
        ("  plain", "", "  plain"),
        ("", "", ""),
    ],
)
def test_what_is_thought_and_what_is_said(text: str, thinking: str, rest: str) -> None:
    assert split_tags(text, THINK) == (thinking, rest)


def test_without_names_nothing_is_a_tag() -> None:
    assert split_tags("<think>a</think>b", ()) == ("", "<think>a</think>b")


def test_text_goes_out_as_it_comes() -> None:
    splitter = TagSplitter(THINK)
    assert splitter.feed("Ha") == [(False, "Ha")]
    assert splitter.plain
    assert splitter.feed("<think>") == [(False, "<think>")]
    thinker = TagSplitter(THINK)
    assert thinker.feed("<think>One") == [(True, "One")]
    assert thinker.feed(" two </th") == [(True, " two")]
    assert not thinker.plain
    assert thinker.feed("ink>Ha") == [(False, "Ha")]


_pieces = st.sampled_from(["<think>", "</think>", "<", ">", "think", "</", " ", "\n", "a", "oats", "🐴", "<thinking>"])
_blanks = st.text(" \n", max_size=2)


@given(st.lists(_pieces, max_size=12).map("".join), st.data())
def test_any_cut_says_the_same(text: str, data: st.DataObject) -> None:
    splitter = TagSplitter(THINK)
    said: dict[bool, str] = {True: "", False: ""}
    rest = text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        for is_thinking, piece in splitter.feed(rest[:size]):
            assert piece
            said[is_thinking] += piece
        rest = rest[size:]
    for is_thinking, piece in splitter.flush():
        said[is_thinking] += piece
    assert (said[True], said[False]) == split_tags(text, THINK)


@given(st.text(min_size=1).map(str.strip).filter(bool), st.text().map(str.strip))
def test_what_is_put_in_tags_comes_out_again(thinking: str, text: str) -> None:
    if "</think>" not in thinking and not text.startswith("<"):
        assert split_tags(in_tags(thinking, "think") + text, ("think",)) == (thinking, text)
