"""From journal lines to table rows. Knows the columns of `requests` and `attempts`; does not know journals.

Rows are kept as one flat list of values and inserted 128 at a time: a statement per row would give up the interpreter
lock and fight for it once per row, which costs both threads more than the row itself.
"""

from typing import Final

from hostler.accounts.ledger import End, Refusal
from hostler.accounts.ledger_kinds import Kind, store_kinds
from hostler.system.store import Connection, Value

REQUEST_COLUMNS: Final = (
    "id, request_id, started_us, key_id, face, operation, model, provider, upstream_model, stream, status, outcome, "
    "attempts, input, cache_read, cache_write, output, reasoning, cost, ttft_us, duration_us, error, dropped, waited_us"
)
ATTEMPT_COLUMNS: Final = (
    "request, attempt, started_us, waited_us, provider, upstream_model, status, outcome, ttft_us, duration_us, error"
)
INTERRUPTED: Final = "interrupted"
UNKNOWN: Final = -1
"""Bound for an unknown count or cost: sqlite3 takes three times as long to bind None as to bind a number."""

Begun = tuple[int, int, Kind]
"""An attempt that began: its number, wall clock in unix ns, kind."""

_PLAIN: Final = "id, request_id, started_us, kind, status, input, output, cost, ttft_us, duration_us, waited_us"
_COUNTED: Final = f"{_PLAIN}, cache_read, cache_write, reasoning"
_FULL: Final = (
    "id, request_id, started_us, kind, status, outcome, attempts, input, cache_read, cache_write, output, reasoning, "
    "cost, ttft_us, duration_us, error, dropped, waited_us"
)
_OFTEN_UNKNOWN: Final = ("cache_read", "cache_write", "reasoning", "cost")
_CHUNKS: Final = (128, 16, 4, 1)


class _Table:
    """Values for one table, row after row, and the statements that insert 128, 16, 4 or 1 of them."""

    __slots__ = ("_statements", "_width", "values")

    def __init__(self, name: str, columns: str) -> None:
        self._width = columns.count(",") + 1
        bound = [f"nullif(?, {UNKNOWN})" if column in _OFTEN_UNKNOWN else "?" for column in columns.split(", ")]
        row = f"({', '.join(bound)})"
        self._statements = [(n, f"INSERT INTO {name} ({columns}) VALUES {', '.join([row] * n)}") for n in _CHUNKS]
        self.values: list[Value] = []

    def insert(self, connection: Connection) -> None:
        at, end, width = 0, len(self.values), self._width
        for rows, sql in self._statements:
            step = rows * width
            while at + step <= end:
                connection.execute(sql, self.values[at : at + step])
                at += step


class Rows:
    """Rows that wait to be inserted. `count`: requests; `used`: kind to the start of its last request in unix µs."""

    __slots__ = ("_attempts", "_counted", "_full", "_last", "_plain", "count", "used")

    def __init__(self, last: int) -> None:
        """`last` is the largest id in the table."""
        self._last = last
        self._plain = _Table("request_rows", _PLAIN)
        self._counted = _Table("request_rows", _COUNTED)
        self._full = _Table("request_rows", _FULL)
        self._attempts = _Table("several_attempts", ATTEMPT_COLUMNS)
        self.count = 0
        self.used: dict[Kind, int] = {}

    def add(self, request: str, begun: Begun, *, end: End) -> None:
        """A request of one attempt that is over: nearly all are, so this is written out for speed."""
        _, started, kind = begun
        started //= 1000
        duration, cost = end.duration, end.cost
        over = started if duration is None else started + duration
        last = self._last
        self._last = identity = over if over > last else last + 1
        self.used[kind] = started
        self.count += 1
        if end.outcome != "ok" or end.error is not None or end.dropped is not None:
            self._full.values += (
                identity, request, started, kind.id, end.status, end.outcome, 1, end.input, end.cache_read,
                end.cache_write, end.output, end.reasoning, cost, end.ttft, duration, end.error, end.dropped,
                end.waited,
            )  # fmt: skip
            return
        read, write, reasoning = end.cache_read, end.cache_write, end.reasoning
        row = (
            identity, request, started, kind.id, end.status, end.input, end.output, UNKNOWN if cost is None else cost,
            end.ttft, duration, end.waited,
        )  # fmt: skip
        if read is None and write is None and reasoning is None:
            self._plain.values += row
        else:
            self._counted.values += row
            self._counted.values += (
                UNKNOWN if read is None else read, UNKNOWN if write is None else write,
                UNKNOWN if reasoning is None else reasoning,
            )  # fmt: skip

    def add_long(self, request: str, steps: list[Begun | End]) -> None:
        """A request of several attempts, or one whose process is gone: attempts without an End are interrupted."""
        begun = {step[0]: step for step in steps if isinstance(step, tuple)}
        ends = {step.attempt: step for step in steps if isinstance(step, End)}
        (first, began, _), (_, began_last, kind) = begun[min(begun)], begun[max(begun)]
        final = next((end for end in ends.values() if end.final), None)
        started = began // 1000
        waited = ends[first].waited if first in ends else 0
        offset = began_last // 1000 - started
        duration = None if final is None else final.duration
        identity = self._identity(began_last // 1000 + (duration or 0))
        for step in begun.values() if len(begun) > 1 else ():  # one attempt is told by its request's row
            self._add_attempt(identity, step, end=ends.get(step[0]))
        self._full.values += (identity, request, started, kind.id)
        if final is None:
            self._full.values += (None, INTERRUPTED, len(begun), *[None] * 8, INTERRUPTED, None, waited)
        else:
            self._full.values += (
                final.status, final.outcome, len(begun), final.input, final.cache_read, final.cache_write,
                final.output, final.reasoning, final.cost, None if final.ttft is None else final.ttft + offset,
                None if duration is None else duration + offset, final.error, final.dropped, waited,
            )  # fmt: skip
        self.used[kind] = started
        self.count += 1

    def add_refusal(self, line: Refusal, kind: Kind) -> None:
        """A request without an attempt."""
        started = line.started // 1000
        self._full.values += (
            self._identity(started + (line.duration or 0)), line.request, started, kind.id, line.status, line.outcome,
            0, *[None] * 7, line.duration, line.error, None, None,
        )  # fmt: skip
        self.used[kind] = started
        self.count += 1

    def insert(self, connection: Connection) -> None:
        """Insert everything, requests first since attempts refer to them; within the caller's transaction."""
        store_kinds(connection, self.used, last_request=self._last)
        self._plain.insert(connection)
        self._counted.insert(connection)
        self._full.insert(connection)
        self._attempts.insert(connection)

    def clear(self) -> None:
        """Forget what was inserted."""
        self._plain.values.clear()
        self._counted.values.clear()
        self._full.values.clear()
        self._attempts.values.clear()
        self.used.clear()
        self.count = 0

    def _add_attempt(self, identity: int, begun: Begun, *, end: End | None) -> None:
        attempt, started, kind = begun
        waited = 0 if end is None else end.waited
        self._attempts.values += (
            identity, attempt, started // 1000 + waited, waited, kind.call.provider, kind.call.upstream,
        )  # fmt: skip
        if end is None:
            self._attempts.values += (None, INTERRUPTED, None, None, INTERRUPTED)
        else:
            ttft = None if end.ttft is None else end.ttft - waited
            duration = None if end.duration is None else end.duration - waited
            self._attempts.values += (end.status, end.outcome, ttft, duration, end.error)

    def _identity(self, over: int) -> int:
        """The row's id: when the request was over in unix µs, but always larger than the ones before."""
        self._last = max(self._last + 1, over)
        return self._last
