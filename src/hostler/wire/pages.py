"""What a page says that came where JSON was expected, from a proxy for example. Knows HTML just well enough for that.

Nothing here looks at a character more than a few times: whoever sends pages must not choose how long that takes.
"""

import re
from typing import Final

_PAGE: Final = re.compile(r"(?i)<(!doctype|html|head|body)")
_TAG: Final = re.compile(r"<[^<>]*>")
_READ: Final = 100_000
"""Characters of a page that are looked at."""


def plain_words(text: str, longest: int) -> str:
    """Plain text as it is; of an HTML page its title, else its words. At most `longest` characters."""
    if not _PAGE.match(text):
        return text[:longest]
    page = text[:_READ]
    words = _TAG.sub(" ", _title(page)).split() or _TAG.sub(" ", page).split()
    return " ".join(words)[:longest]


def _title(page: str) -> str:
    folded = page.lower()
    if len(folded) != len(page):  # a letter that grows when it is folded: places would not fit
        return ""
    start = folded.find(">", folded.find("<title") % (len(folded) + 1))
    end = folded.find("</title", start)
    return page[start + 1 : end] if 0 <= start < end else ""
