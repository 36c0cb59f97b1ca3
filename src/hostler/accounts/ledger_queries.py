"""Questions to the ledger's tables. Knows their columns; does not know how rows get there, and shows nothing itself."""

from dataclasses import dataclass
from typing import Final, Literal

from hostler.accounts.ledger import Outcome
from hostler.accounts.ledger_rows import ATTEMPT_COLUMNS, REQUEST_COLUMNS
from hostler.system.store import Row, Store

MAX_ROWS: Final = 10_000

By = Literal["model", "key_id", "provider", "face", "outcome"]

_TOTALS: Final = (
    "count(*), sum(outcome = 'ok'), sum(input), sum(cache_read), sum(cache_write), sum(output), sum(reasoning), "
    "sum(cost), sum(cost IS NULL AND outcome = 'ok')"
)


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request that is over. Times in µs, `started_us` since the epoch; None is unknown."""

    id: int
    request_id: str
    started_us: int
    key_id: str | None
    face: str
    operation: str
    model: str | None
    provider: str | None
    upstream_model: str | None
    stream: bool
    status: int | None
    outcome: Outcome
    attempts: int
    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cost: float | None
    ttft_us: int | None
    duration_us: int | None
    error: str | None
    dropped: str | None
    waited_us: int | None
    """Until the first upstream could be asked (lane, engine start); None when there was none."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One upstream attempt of a request (`request` is its row's id). Times in µs."""

    request: int
    attempt: int
    started_us: int
    waited_us: int
    provider: str
    upstream_model: str
    status: int | None
    outcome: Outcome
    ttft_us: int | None
    duration_us: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the requests of one group; a sum is None when no row knew the number.

    `cost` in US dollars adds up what is known; `unpriced` counts good replies whose cost is not.
    """

    group: str | None
    requests: int
    ok: int
    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cost: float | None
    unpriced: int


def recent(store: Store, limit: int = 50, *, before: int | None = None) -> list[RequestRow]:
    """The newest requests, newest first; `before` is the `id` of the last row of the page before. Blocks."""
    rows = store.query(
        f"SELECT {REQUEST_COLUMNS} FROM requests WHERE id < ? ORDER BY id DESC LIMIT ?",
        (before if before is not None else 1 << 62, min(limit, MAX_ROWS)),
    )
    return [_request(row) for row in rows]


def find(store: Store, request_id: str) -> RequestRow | None:
    """The request with this id. Looks through the table from its newest end, since ids are rarely asked for."""
    rows = store.query(
        f"SELECT {REQUEST_COLUMNS} FROM requests WHERE request_id = ? ORDER BY id DESC LIMIT 1", (request_id,)
    )
    return _request(rows[0]) if rows else None


def attempts(store: Store, request: int) -> list[AttemptRow]:
    """The attempts of the request with this row id, in order."""
    rows = store.query(f"SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE request = ? ORDER BY attempt", (request,))
    return [AttemptRow(*row) for row in rows]  # pyright: ignore[reportArgumentType]  # by column order


def totals(store: Store, *, since_us: int = 0, by: By = "model") -> list[Totals]:
    """Sums of the requests that started at or after `since_us` (unix µs), per group, most requests first. Blocks."""
    rows = store.query(
        f"SELECT {by}, {_TOTALS} FROM requests WHERE id >= ? AND started_us >= ? GROUP BY {by} ORDER BY count(*) DESC",
        (since_us, since_us),
    )
    return [Totals(*row) for row in rows]  # pyright: ignore[reportArgumentType]  # by column order


def _request(row: Row) -> RequestRow:
    values = list(row)
    values[9] = bool(values[9])
    return RequestRow(*values)  # pyright: ignore[reportArgumentType]  # by column order
