"""Titles that are made of what somebody said."""

from hostler.client.sessions.titles import MADE, title_from


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    """Megabytes that are pasted in one line kept everything else for a second."""
    assert title_from("\n" * 20_000 + "late") == ""
    assert title_from("x" * (5 << 20)) == "x" * (MADE - 1) + "…"
