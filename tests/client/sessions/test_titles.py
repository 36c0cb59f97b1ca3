"""Titles that are made of what somebody said."""

from hostler.client.sessions.titles import MADE, title_from


def test_the_first_line_that_says_something_cut_between_words() -> None:
    assert title_from("\n \n  Why   is it?\nMore") == "Why is it?"
    long = title_from("word " * 50)
    assert len(long) <= MADE and long.endswith("word…")


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    """Megabytes that are pasted in one line kept everything else for a second."""
    assert title_from("\n" * 20_000 + "late") == ""
    assert title_from("x" * (5 << 20)) == "x" * (MADE - 1) + "…"
