"""Serves the front end as it was built: pages, hashed assets, their compressed copies.

Knows: the folder `dist`, which names may be kept for ever, what a page may do (its policy). Does not know: who may see
what (the files hold no data), the API. A request is looked up in a table of the files that exist; no path of a client
ever reaches the file system.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hostler.system.http_server import Exchange, Headers

DIST: Final = Path(__file__).parent / "dist"
INDEX: Final = "/index.html"
DIAGRAM: Final = "/diagram.html"
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    b"connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
DIAGRAM_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; "
    b"frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""Of the frame that draws diagrams: Mermaid writes styles into the document that it measures in. It asks nobody."""
_FOR_EVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Final = (b"cache-control", b"no-cache")
_SAFETY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_PAGE_SAFETY: Final = (
    (b"content-security-policy", POLICY),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_DIAGRAM_SAFETY: Final = ((b"content-security-policy", DIAGRAM_POLICY), (b"x-frame-options", b"SAMEORIGIN"))
_CODINGS: Final = ((".br", b"br"), (".gz", b"gzip"))
"""Best first."""
_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".ico": b"image/x-icon",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".map": b"application/json",
    ".mjs": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".ttf": b"font/ttf",
    ".txt": b"text/plain; charset=utf-8",
    ".wasm": b"application/wasm",
    ".webmanifest": b"application/manifest+json",
    ".webp": b"image/webp",
    ".woff": b"font/woff",
    ".woff2": b"font/woff2",
}
_UNKNOWN: Final = b"application/octet-stream"
_CODING: Final = re.compile(rb"[ \t]*([a-z*]+)[ \t]*(?:;[ \t]*q=([0-9.]+))?[ \t]*")


@dataclass(slots=True)
class _Entry:
    """One file of the table. Its bytes are read when they are first asked for, and then kept."""

    file: str
    headers: Headers
    codings: tuple[tuple[str, bytes], ...]
    """Suffix and name of the compressed copies that lie beside it."""
    tag: bytes = b""
    kept: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def read(self, suffix: str) -> bytes:
        """The file, or its compressed copy. Raises OSError."""
        data = self.kept.get(suffix)
        if data is None:
            data = self.kept[suffix] = Path(self.file + suffix).read_bytes()
        if not self.tag:
            digest = hashlib.blake2b(self.kept.get("") or Path(self.file).read_bytes(), digest_size=12)
            self.tag = b'W/"' + digest.hexdigest().encode() + b'"'
        return data


class StaticPages:
    """The built front end, or nothing where it was not built. A new build is seen with the next page asked for."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is another build than the one that came with hostler."""
        self._folder = folder or DIST
        self._index = self._folder / INDEX[1:]
        self._built = 0
        self._table: dict[str, _Entry] = {}

    @property
    def built(self) -> bool:
        """Whether there is a front end to serve."""
        self._look()
        return INDEX in self._table

    def answer(self, exchange: Exchange, path: str) -> bool:
        """Serve the file at `path`, or the page where the app has its places; False when there is neither.

        A place may end like a file: /models/desk/name-2.5 is one, /favicon.ico and what is under /assets/ are not.
        """
        entry = self._table.get(path)
        if entry is None and not path.startswith("/assets/") and (path.count("/") > 1 or "." not in path):
            self._look()
            entry = self._table.get(INDEX)
        elif entry is None and not self._table:
            self._look()
            entry = self._table.get(path)
        return entry is not None and _serve(exchange, entry)

    def _look(self) -> None:
        """Make the table anew if there is another build than last time."""
        try:
            built = self._index.stat().st_mtime_ns
        except OSError:
            self._built, self._table = 0, {}
            return
        if built != self._built:
            self._built, self._table = built, _table_of(self._folder)


def _table_of(folder: Path) -> dict[str, _Entry]:
    base = os.fspath(folder)  # text: a path object per file takes ten times as long, and the first page waits for it
    names = {f"{root[len(base) :]}/{name}" for root, _, files in os.walk(base) for name in files}
    originals = [name for name in names if not (name.endswith((".br", ".gz")) and name[:-3] in names)]
    return {
        name: _Entry(
            base + name,
            _headers_of(name),
            tuple((suffix, coding) for suffix, coding in _CODINGS if name + suffix in names),
        )
        for name in originals
    }


def _headers_of(name: str) -> Headers:
    kind = _TYPES.get(Path(name).suffix, _UNKNOWN)
    keep = _FOR_EVER if name.startswith("/assets/") else _ASK_AGAIN
    # an image of vectors is a document too, and could be opened as one
    page = _PAGE_SAFETY if kind.startswith((b"text/html", b"image/svg")) else ()
    page = _DIAGRAM_SAFETY if name == DIAGRAM else page
    return ((b"content-type", kind), keep, (b"vary", b"accept-encoding"), *_SAFETY, *page)


def _serve(exchange: Exchange, entry: _Entry) -> bool:
    suffix, coding = _choose(exchange.header(b"accept-encoding") or b"", entry.codings)
    try:
        body = entry.read(suffix)
    except OSError:  # built anew in this moment; the page is asked for again then
        return False
    headers = [*entry.headers, (b"etag", entry.tag)]
    if entry.tag in (exchange.header(b"if-none-match") or b"").replace(b" ", b"").split(b","):
        exchange.respond(304, headers, b"")
        return True
    if coding:
        headers.append((b"content-encoding", coding))
    exchange.respond(200, headers, body)
    return True


def _choose(accepted: bytes, there: tuple[tuple[str, bytes], ...]) -> tuple[str, bytes]:
    """Suffix and coding of the best copy that the client takes; both empty: the file itself."""
    takes: set[bytes] = set()
    for part in accepted.lower().split(b","):
        found = _CODING.fullmatch(part)
        if found is not None and (found[2] is None or found[2].strip(b"0.")):
            takes.add(found[1])
    return next(((suffix, coding) for suffix, coding in there if coding in takes), ("", b""))
