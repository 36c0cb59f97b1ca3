"""Lists and full-text search over the sessions, blocking reads.

Knows: pages, what people type into a search box, FTS5's query language. Does not know: who asks.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from hostler.client.sessions import rows
from hostler.client.sessions.records import Folder, Hit, SessionSummary
from hostler.client.sessions.requests import MAX_PAGE, SessionPage, SessionQuery
from hostler.errors import RequestError
from hostler.system.store import Row, Store, Value

MAX_QUERY: Final = 1000
"""Characters of a search; what is longer is cut."""
MAX_HITS: Final = 200
_WORDS: Final = 16
_PIECE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_SNIPPET_TOKENS: Final = 20

_IN_TITLES: Final = (
    "SELECT sessions.id, sessions.title, NULL, '', snippet(title_search, 0, char(2), char(3), '…', 20), "
    "sessions.created_ms FROM title_search JOIN sessions ON sessions.row = title_search.rowid "
    "WHERE title_search MATCH ? AND sessions.deleted_ms IS NULL ORDER BY title_search.rank LIMIT ?"
)
# The limit is within, so that only what is shown is cut into snippets: that reads the whole text again.
_IN_MESSAGES: Final = (
    "SELECT sessions.id, sessions.title, messages.id, messages.role, "
    f"snippet(message_search, 0, char(2), char(3), '…', {_SNIPPET_TOKENS}), messages.created_ms "
    "FROM message_search JOIN messages ON messages.row = message_search.rowid "
    "JOIN sessions ON sessions.id = messages.session WHERE message_search MATCH ? AND messages.deleted_ms IS NULL "
    "AND sessions.deleted_ms IS NULL ORDER BY message_search.rank LIMIT ?"
)


def search(store: Store, text: str, *, limit: int) -> tuple[Hit, ...]:
    """Titles and messages that hold all words of `text`: titles first, then the best fitting messages.

    A word finds what begins with it, in any case and with any accents; "words in quotes" stand together just so.
    """
    query = match_of(text)
    if not query:
        return ()
    limit = max(1, min(limit, MAX_HITS))
    found = store.query(_IN_TITLES, (query, limit))
    if len(found) < limit:
        found += store.query(_IN_MESSAGES, (query, limit - len(found)))
    return tuple(Hit(**dict(zip(Hit.__struct_fields__, row, strict=True))) for row in found)  # pyright: ignore[reportArgumentType]  # by column


def match_of(text: str) -> str:
    """What FTS5 is asked for what a person typed, "" for nothing to look for; no character of it is an operator."""
    terms: list[str] = []
    for phrase, word in _PIECE.findall(text[:MAX_QUERY].replace("\0", " "))[:_WORDS]:
        piece = phrase or word
        if any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co" for c in piece):
            terms.append(f'"{piece}"' if phrase else f'"{piece}" *')
    return " ".join(terms)


def page(store: Store, query: SessionQuery, *, is_prior: Callable[[str, int], bool]) -> SessionPage:
    """One page of the list: pinned first, then the newest."""
    if query.limit < 1:
        raise RequestError("A page has at least one session.")
    limit = min(query.limit, MAX_PAGE)
    conditions, values = ["deleted_ms IS NULL"], list[Value]()
    if query.folder is not None:
        conditions.append("folder = ?")
        values.append(query.folder)
    if query.text.strip():
        condition, found = _titled(query.text)
        conditions.append(condition)
        values += found
    if query.before is not None:
        updated, id = query.before
        pinned = store.query("SELECT pinned FROM sessions WHERE id = ?", (id,))
        conditions.append("(pinned, updated_ms, id) < (?, ?, ?)")
        values += [pinned[0][0] if pinned else 0, updated, id]
    sql = (
        f"SELECT {rows.SUMMARY} FROM sessions WHERE {' AND '.join(conditions)} "
        "ORDER BY pinned DESC, updated_ms DESC, id DESC LIMIT ?"
    )
    found_rows = store.query(sql, (*values, limit + 1))
    shown = tuple(_summary(row, is_prior) for row in found_rows[:limit])
    return SessionPage(sessions=shown, more=len(found_rows) > limit)


def folders(store: Store) -> tuple[Folder, ...]:
    """All folders that hold sessions, by name."""
    found = store.query(
        "SELECT folder, count(*) FROM sessions WHERE deleted_ms IS NULL AND folder <> '' GROUP BY 1 ORDER BY 1"
    )
    return tuple(Folder(name=str(name), sessions=int(str(count))) for name, count in found)


def _titled(text: str) -> tuple[str, list[Value]]:
    """A condition on titles: all words, or just this somewhere in it (which alone finds the middle of a word)."""
    text = text.strip()[:MAX_QUERY]
    like = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
    query = match_of(text)
    if not query:
        return "title LIKE ? ESCAPE '\\'", [like]
    return (
        "(title LIKE ? ESCAPE '\\' OR row IN (SELECT rowid FROM title_search WHERE title_search MATCH ?))",
        [like, query],
    )


def _summary(row: Row, is_prior: Callable[[str, int], bool]) -> SessionSummary:
    return rows.summary_of(row, prior=is_prior(str(row[0]), int(str(row[3]))))
