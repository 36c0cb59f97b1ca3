"""`hostler usage` and `hostler logs`: questions to the ledger. Knows what is printed, not how rows get there."""

import contextlib
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Final

from hostler.accounts.ledger_queries import RequestRow, Totals, attempts, find, recent, totals
from hostler.accounts.tables import MIGRATIONS
from hostler.cli.exits import DONE
from hostler.cli.ledger import LogsOptions, UsageOptions
from hostler.cli.options import Places
from hostler.cli.work import known
from hostler.cli.work.output import say, show_json, show_table
from hostler.cli.work.settings import load
from hostler.core.pricing import FREE, NOT_KNOWN
from hostler.errors import HostlerError, NotFound
from hostler.registry.providers_file import ProvidersFile
from hostler.system.owner import make_private
from hostler.system.store import Store

_HEADS: Final = ("time", "request", "model", "face", "outcome", "status", "tokens", "cost", "ms", "error")


@contextlib.contextmanager
def _store(places: Places) -> Generator[Store]:
    """The database, with everything in it that the hostler that runs has journalled."""
    settings = load(places)
    door = known.running(settings)
    if door is not None:
        with contextlib.suppress(HostlerError):
            door.ask("POST", f"{known.CONTROL}flush")
    make_private(settings.data_dir)
    store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS)
    try:
        yield store
    finally:
        store.close()


def show_usage(options: UsageOptions) -> int:
    """Sums per group."""
    since = int((time.time() - options.hours * 3600) * 1e6) if options.hours else 0
    with _store(options) as store:
        rows = totals(store, since_us=since, by="key_id" if options.by == "key" else options.by)
    if options.json:
        show_json(rows)
    elif rows:
        heads = (options.by, "calls", "good", "input", "cached", "output", "reasoning", "cost")
        local = _local(options) if options.by in ("model", "provider") else frozenset[str]()
        show_table(heads, [_sums(row, local) for row in rows])
    else:
        say("No calls yet." if not options.hours else f"No calls in the last {options.hours:g} hours.")
    return DONE


def show_logs(options: LogsOptions) -> int:
    """The latest calls, or one. Raises NotFound for an id that nobody knows."""
    with _store(options) as store:
        if options.request is not None:
            return _show_one(store, options.request, options=options)
        rows = recent(store, options.lines)[::-1]
    if options.json:
        show_json(rows)
    elif rows:
        local = _local(options)
        show_table(_HEADS, [_cells(row, local) for row in rows])
    else:
        say("No calls yet.")
    return DONE


def _show_one(store: Store, request_id: str, *, options: LogsOptions) -> int:
    row = find(store, request_id)
    if row is None:
        raise NotFound(f"There is no call '{request_id}'.", hint="`hostler logs` shows the latest.")
    tries = attempts(store, row.id)
    if options.json:
        show_json({"request": row, "attempts": tries})
        return DONE
    show_table(_HEADS, [_cells(row, _local(options))])
    cells = [
        (
            str(t.attempt),
            t.provider,
            t.upstream_model,
            t.outcome,
            _shown(t.status),
            _millis(t.duration_us),
            t.error or "",
        )
        for t in tries
    ]
    if cells:
        show_table(("attempt", "provider", "upstream model", "outcome", "status", "ms", "error"), cells)
    return DONE


def _cells(row: RequestRow, local: frozenset[str]) -> tuple[str, ...]:
    started = datetime.fromtimestamp(row.started_us / 1e6, UTC).astimezone()
    read = (row.input, row.cache_read, row.cache_write)
    written = (row.output, row.reasoning)
    return (
        f"{started:%m-%d %H:%M:%S}",
        row.request_id,
        row.model or "-",
        row.face,
        row.outcome,
        _shown(row.status),
        f"{_total(read)}/{_total(written)}",
        _cost(row.cost, row.provider, local=local),
        _millis(row.duration_us),
        row.error or "",
    )


def _local(places: Places) -> frozenset[str]:
    """The providers on the user's own machines."""
    directory = ProvidersFile(load(places)).directory
    return frozenset(provider.id for provider in directory.providers.values() if provider.local)


def _sums(row: Totals, local: frozenset[str]) -> tuple[str, ...]:
    cost = _cost(row.cost, (row.group or "").partition("/")[0], local=local)
    if row.cost is not None and row.unpriced:
        cost += f" and {row.unpriced} calls of unknown cost"
    counts = (row.input, row.cache_read, row.output, row.reasoning)
    return (row.group or "-", str(row.requests), str(row.ok), *map(_shown, counts), cost)


def _cost(cost: float | None, provider: str | None, *, local: frozenset[str]) -> str:
    """A sum as an estimate: the ledger does not tell what a vendor reported from what was computed."""
    if cost is None:
        return NOT_KNOWN
    return FREE if not cost and provider in local else f"~${cost:.6f}"


def _total(counts: tuple[int | None, ...]) -> str:
    known = [count for count in counts if count is not None]
    return str(sum(known)) if known else "-"


def _shown(number: int | None) -> str:
    return "-" if number is None else str(number)


def _millis(micros: int | None) -> str:
    return "-" if micros is None else f"{micros / 1000:.0f}"
