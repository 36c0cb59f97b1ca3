"""Pages where JSON was expected."""

import pytest

from hostler.wire import anthropic, openai_chat
from hostler.wire.pages import plain_words

PAGE = "<html>\r\n<head><title>502 Bad\nGateway</title></head>\r\n<body><h1>Sorry</h1></body></html>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("not a page", "not a page"),
        ("a < b > c", "a < b > c"),
        (PAGE, "502 Bad Gateway"),
        ("<!DOCTYPE html><TITLE lang=en>Busy</TITLE><p>x", "Busy"),
        ("<html><title></title><h1>Busy</h1><p>now", "Busy now"),
        ("<html><title>no end", "no end"),
        ("<html>İ<title>folded</title>", "İ folded"),
        ("<body>plain", "plain"),
    ],
)
def test_a_page_is_told_in_its_own_words(text: str, words: str) -> None:
    assert plain_words(text, 100) == words


def test_the_length_has_a_bound() -> None:
    assert plain_words("x" * 300, 10) == "x" * 10
    assert len(plain_words("<html>" + "word " * 300, 10)) == 10


@pytest.mark.parametrize("piece", ["<", "<title", "<title>", "</title", "<!", ">"])
def test_no_page_takes_long(piece: str) -> None:
    assert isinstance(plain_words("<html>" + piece * (200_000 // len(piece)), 100), str)


def test_both_wires_tell_it_alike() -> None:
    for wire in (anthropic, openai_chat):
        assert wire.decode_error(502, {}, PAGE.encode()).message == "502 Bad Gateway"
