"""Where the search index parts a text in scripts that put no spaces between words. Pure; knows no SQL.

The index's tokenizer (unicode61) takes a run of letters for one word, so that within Chinese or Japanese only the start
of a sentence would be found. Here each character of such scripts stands alone, by a mark that is nothing to see.
"""

import re
import unicodedata
from typing import Final

from hostler.system.long_json import give_way

MARK: Final = "\u200b"
"""A zero width space, which the tokenizer takes for a gap."""
_RUN: Final = re.compile(
    "["
    "\u0e01-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f"  # kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
    "\uac00-\ud7a3"  # Hangul: words are compounds, and particles are written on to them
    "]+"
)


_PLAIN: Final = re.compile("[\x00-\x7f\u3000-\u3003\u3008-\u3020\uff01-\uff0f\uff1a-\uff20]")
_SLICE: Final = 8 << 10
"""Characters at once: a millisecond of this thread, for which a loop beside it would wait."""


def parted(text: str) -> str:
    """The text with a mark around each character of such a script; composed first, as one may be typed in two ways."""
    if text.isascii():
        return text
    if len(text) <= _SLICE:
        return _parted(text)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        end = _cut(text, at + _SLICE)
        pieces.append(_parted(text[at:end]))
        at = end
        give_way()
    found = "".join(pieces)
    give_way()
    return found


def _parted(text: str) -> str:
    return _RUN.sub(_part, unicodedata.normalize("NFC", text))


def _cut(text: str, at: int) -> int:
    """The next place, from `at` on, with a sign that ends a run, and is composed with nothing that stands before it."""
    found = _PLAIN.search(text, at)
    return found.start() if found else len(text)


def whole(text: str) -> str:
    """A piece of a parted text as people write it."""
    return text.replace(MARK, "")


def _part(run: re.Match[str]) -> str:
    return f"{MARK}{MARK.join(run[0])}{MARK}"
