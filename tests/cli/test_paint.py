"""How a reply looks: what is printed for good, what is harmless to a terminal."""

import io

import pytest

from hostler.cli.work.paint import Plain, harmless, last_lines, split_whole


class Terminal(io.StringIO):
    """A standard output that is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("one line", ""),
        ("a paragraph\n\n", ""),
        ("a paragraph\n\nthe next", "a paragraph\n\n"),
        ("a\n\nb\n\nc", "a\n\nb\n\n"),
        ("```py\nx = 1\n\ny = 2", ""),
        ("```py\nx = 1\n\ny = 2\n```\n\nafter", "```py\nx = 1\n\ny = 2\n```\n\n"),
        ("~~~\n```\n\nstill in it", ""),
        ("- item\n\n  goes on", ""),
        ("text\n\n    code", ""),
    ],
)
def test_what_no_further_text_can_change_is_split_off(text: str, whole: str) -> None:
    assert split_whole(text) == (whole, text[len(whole) :])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_splitting_loses_nothing(size: int) -> None:
    text = "# Title\n\nSome *text*.\n\n```py\nx\n\ny\n```\n\n1. a\n\n2. b\n\nend"
    printed, pending = "", ""
    for start in range(0, len(text), size):
        whole, pending = split_whole(pending + text[start : start + size])
        printed += whole
    assert printed + pending == text


def test_a_block_higher_than_the_screen_shows_its_end() -> None:
    assert last_lines("a\nb\nc\nd", 2) == "c\nd"
    assert last_lines("```py\na\nb\nc", 3) == "```py\nb\nc"
    assert last_lines("a\nb", 5) == "a\nb"


def test_a_model_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\tc\nd\x9bK\r") == "a[2Jb\tc\ndK"


def test_plain_text_is_raw_in_a_pipe_and_harmless_on_a_terminal() -> None:
    for out, text in ((io.StringIO(), "a\x1bb\n"), (Terminal(), "ab\n")):
        shown = Plain(out)
        shown.text("a\x1b")
        shown.text("b")
        shown.end()
        assert out.getvalue() == text


def test_the_last_line_is_ended_once() -> None:
    for fragments, text in ((["a", "b"], "ab\n"), (["a\n"], "a\n"), ([], ""), ([""], "")):
        out = io.StringIO()
        shown = Plain(out)
        for fragment in fragments:
            shown.text(fragment)
        shown.end()
        assert out.getvalue() == text
