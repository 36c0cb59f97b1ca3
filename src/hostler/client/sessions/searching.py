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
from hostler.client.sessions.tokens import parted, whole
from hostler.errors import RequestError
from hostler.system.store import Row, Store, Value

MAX_QUERY: Final = 1000
"""Characters of a search; what is longer is cut."""
MAX_HITS: Final = 200
_WORDS: Final = 16
_PIECE: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_SNIPPET_TOKENS: Final = 20
_LONG: Final = 100_000
_AROUND: Final = 80

_IN_TITLES: Final = (
    "SELECT sessions.id, sessions.title, NULL, '', snippet(title_search, 0, char(2), char(3), '…', 20), "
    "sessions.created_ms FROM title_search JOIN sessions ON sessions.row = title_search.rowid "
    "WHERE title_search MATCH ? AND sessions.deleted_ms IS NULL ORDER BY title_search.rank LIMIT ?"
)
# SQLite weighs every match of a text before it cuts one out, which takes a second where a long text has many.
_IN_MESSAGES: Final = (
    "SELECT sessions.id, sessions.title, messages.id, messages.role, "
    f"CASE WHEN length(messages.parts) < {_LONG} THEN "
    f"snippet(message_search, 0, char(2), char(3), '…', {_SNIPPET_TOKENS}) END, messages.created_ms "
    "FROM message_search JOIN messages ON messages.row = message_search.rowid "
    "JOIN sessions ON sessions.id = messages.session WHERE message_search MATCH ? AND messages.deleted_ms IS NULL "
    "AND sessions.deleted_ms IS NULL ORDER BY message_search.rank LIMIT ?"
)


def search(store: Store, text: str, *, limit: int) -> tuple[Hit, ...]:
    """Titles and messages that hold all words of `text`: titles first, then the best fitting messages.

    A word finds what begins with it, in any case and with any accents; in scripts without spaces between words it finds
    them anywhere. "Words in quotes" stand together just so.
    """
    query = match_of(text)
    if not query:
        return ()
    limit = max(1, min(limit, MAX_HITS))
    found = store.query(_IN_TITLES, (query, limit))
    if len(found) < limit:
        found += store.query(_IN_MESSAGES, (query, limit - len(found)))
    return tuple(_hit(store, row, text=text) for row in found)


def _hit(store: Store, row: Row, *, text: str) -> Hit:
    session, title, message, role, snippet, created = row
    if snippet is None:
        ((long,),) = store.query(
            "SELECT text FROM message_texts WHERE row = (SELECT row FROM messages WHERE id = ?)", (message,)
        )
        snippet = cut_out(str(long or ""), text)
    fields = (session, title, message, role, whole(str(snippet)), created)
    return Hit(**dict(zip(Hit.__struct_fields__, fields, strict=True)))  # pyright: ignore[reportArgumentType]  # by column


def cut_out(long: str, text: str) -> str:
    """A snippet of a long text: around the first of the words that stands there just so, else its beginning."""
    for phrase, word in _PIECE.findall(text[:MAX_QUERY]):
        if found := re.search(re.escape(phrase or word), long, re.IGNORECASE):
            at, end = found.span()
            before = ("…" if at > _AROUND else "") + long[max(at - _AROUND, 0) : at]
            after = long[end : end + _AROUND] + ("…" if end + _AROUND < len(long) else "")
            return f"{before}\x02{long[at:end]}\x03{after}"
    return long[: 2 * _AROUND] + ("…" if len(long) > 2 * _AROUND else "")


def match_of(text: str) -> str:
    """What FTS5 is asked for what a person typed, "" for nothing to look for; no character of it is an operator."""
    terms: list[str] = []
    for phrase, word in _PIECE.findall(text[:MAX_QUERY].replace("\0", " "))[:_WORDS]:
        piece = phrase or word
        if any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co" for c in piece):
            terms.append(f'"{parted(piece)}"' + ("" if phrase else " *"))
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


def ids(store: Store) -> tuple[str, ...]:
    """Every session that is not deleted, the newest first."""
    found = store.query("SELECT id FROM sessions WHERE deleted_ms IS NULL ORDER BY updated_ms DESC, id DESC")
    return tuple(str(id) for (id,) in found)


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
