"""Names of sessions and folders: made from what was said first, and kept within bounds. Pure."""

from typing import Final

from hostler.errors import RequestError

MADE: Final = 80
LONGEST: Final = 200
LONGEST_FOLDER: Final = 100
LONGEST_SYSTEM: Final = 1_000_000
_READ: Final = 10_000
"""Characters that are looked at: a long text is pasted in one line, and each character of it costs."""
_SHORTEST_CUT: Final = 20
_MORE: Final = "…"


def title_from(text: str) -> str:
    """The first line that says something, at most 80 characters, cut between words where there are any."""
    line = next((found for line in text[:_READ].splitlines() if (found := one_line(line))), "")
    if len(line) <= MADE:
        return line
    cut = line[: MADE - len(_MORE) + 1]
    space = cut.rfind(" ")
    return cut[: space if space >= _SHORTEST_CUT else -1].rstrip(" ,;:-") + _MORE


def checked(text: str, what: str, *, limit: int = LONGEST) -> str:
    """A name as it is kept: one line. Raises RequestError when it is longer than `limit` characters."""
    line = one_line(text)
    if len(line) > limit:
        raise RequestError(f"The {what} has {len(line)} characters; at most {limit} are kept.")
    return line


def one_line(text: str) -> str:
    """Without control characters, white space as single spaces."""
    return " ".join("".join(c if c.isprintable() or c.isspace() or ord(c) > 0x9F else " " for c in text).split())
