"""From journal lines to table rows. Knows the columns of `requests` and `attempts`; does not know journals.

Rows are kept as one flat list of values and inserted 128 at a time: a statement per row would give up the interpreter
lock and fight for it once per row, which costs both threads more than the row itself.
"""

from typing import Final

from hostler.accounts.ledger import Begin, End, Refusal
from hostler.system.store import Connection, Value

REQUEST_COLUMNS: Final = (
    "id, request_id, started_us, key_id, face, operation, model, provider, upstream_model, stream, status, outcome, "
    "attempts, input, cache_read, cache_write, output, reasoning, cost, ttft_us, duration_us, error, dropped, waited_us"
)
ATTEMPT_COLUMNS: Final = (
    "request, attempt, started_us, waited_us, provider, upstream_model, status, outcome, ttft_us, duration_us, error"
)
INTERRUPTED: Final = "interrupted"
_CHUNKS: Final = (128, 16, 4, 1)


class _Table:
    """Values for one table, row after row, and the statements that insert 128, 16, 4 or 1 of them."""

    __slots__ = ("_statements", "_width", "values")

    def __init__(self, name: str, columns: str) -> None:
        self._width = columns.count(",") + 1
        row = "(" + ", ".join("?" * self._width) + ")"
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
    """Rows that wait to be inserted. `count`: requests; `used`: key id to its last use in unix µs."""

    __slots__ = ("_attempts", "_last", "_requests", "count", "used")

    def __init__(self, last: int) -> None:
        """`last` is the largest id in the table."""
        self._last = last
        self._requests = _Table("requests", REQUEST_COLUMNS)
        self._attempts = _Table("several_attempts", ATTEMPT_COLUMNS)
        self.count = 0
        self.used: dict[str, int] = {}

    def add(self, begin: Begin, end: End) -> None:
        """A request of one attempt that is over: nearly all are, so this is written out for speed."""
        started = begin.started // 1000
        duration = end.duration
        kind = begin.kind
        identity = self._identity(started + (duration or 0))
        self._requests.values += (
            identity, begin.request, started, kind.key, kind.face, kind.operation, kind.model, kind.provider,
            kind.upstream, kind.stream, end.status, end.outcome, 1, end.input, end.cache_read, end.cache_write,
            end.output, end.reasoning, end.cost, end.ttft, duration, end.error, end.dropped, end.waited,
        )  # fmt: skip
        if kind.key is not None:
            self.used[kind.key] = started
        self.count += 1

    def add_long(self, lines: list[Begin | End]) -> None:
        """A request of several attempts, or one whose process is gone: attempts without an End are interrupted."""
        begins = {line.attempt: line for line in lines if isinstance(line, Begin)}
        ends = {line.attempt: line for line in lines if isinstance(line, End)}
        first, last = begins[min(begins)], begins[max(begins)]
        final = next((end for end in ends.values() if end.final), None)
        started = first.started // 1000
        waited = ends[first.attempt].waited if first.attempt in ends else 0
        offset = last.started // 1000 - started
        duration = None if final is None else final.duration
        identity = self._identity(last.started // 1000 + (duration or 0))
        for begin in begins.values():
            self._add_attempt(identity, begin, end=ends.get(begin.attempt))
        self._requests.values += (
            identity, first.request, started, first.kind.key, first.kind.face, first.kind.operation, last.kind.model,
            last.kind.provider, last.kind.upstream, first.kind.stream,
        )  # fmt: skip
        if final is None:
            self._requests.values += (None, INTERRUPTED, len(begins), *[None] * 8, INTERRUPTED, None, waited)
        else:
            self._requests.values += (
                final.status, final.outcome, len(begins), final.input, final.cache_read, final.cache_write,
                final.output, final.reasoning, final.cost, None if final.ttft is None else final.ttft + offset,
                None if duration is None else duration + offset, final.error, final.dropped,
                waited,
            )  # fmt: skip
        if first.kind.key is not None:
            self.used[first.kind.key] = started
        self.count += 1

    def add_refusal(self, line: Refusal) -> None:
        """A request without an attempt."""
        started = line.started // 1000
        self._requests.values += (
            self._identity(started + (line.duration or 0)), line.request, started, line.key, line.face,
            line.operation, line.model, None, None, False, line.status, line.outcome, 0, *[None] * 7,
            line.duration, line.error, None, None,
        )  # fmt: skip
        self.count += 1

    def insert(self, connection: Connection) -> None:
        """Insert everything, requests first since attempts refer to them; within the caller's transaction."""
        self._requests.insert(connection)
        self._attempts.insert(connection)

    def clear(self) -> None:
        """Forget what was inserted."""
        self._requests.values.clear()
        self._attempts.values.clear()
        self.used.clear()
        self.count = 0

    def _add_attempt(self, identity: int, begin: Begin, *, end: End | None) -> None:
        waited = 0 if end is None else end.waited
        self._attempts.values += (
            identity, begin.attempt, begin.started // 1000 + waited, waited, begin.kind.provider,
            begin.kind.upstream,
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
