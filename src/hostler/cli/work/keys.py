"""`hostler keys`: makes, lists and revokes keys, whether or not hostler runs: the database serves several processes.

Knows: what is printed. Does not know: how keys are kept (accounts).
"""

import contextlib
from collections.abc import Generator
from datetime import UTC, datetime

from hostler.accounts.keys import KeyRow, Keys
from hostler.accounts.tables import MIGRATIONS
from hostler.cli.exits import DONE
from hostler.cli.keys import CreateOptions, RevokeOptions
from hostler.cli.options import Listing, Places
from hostler.cli.work.output import say, show, show_json, show_table
from hostler.cli.work.settings import load
from hostler.system.owner import make_private
from hostler.system.store import Store


@contextlib.contextmanager
def _keys(places: Places) -> Generator[Keys]:
    settings = load(places)
    make_private(settings.data_dir)
    store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS)
    try:
        yield Keys(store, fixed=settings.gateway.keys, require_key=settings.gateway.require_key)
    finally:
        store.close()


def create(options: CreateOptions) -> int:
    """Print a new key on standard output, alone, so that a shell can take it."""
    with _keys(options) as keys:
        row, secret = keys.create(options.name)
    if options.json:
        show_json({"id": row.id, "name": row.name, "key": secret})
        return DONE
    say(f"Key '{row.name}' ({row.id}). It is shown this once:")
    show(secret)
    return DONE


def show_all(options: Listing) -> int:
    """All keys that were made; those in settings.toml are counted on standard error."""
    with _keys(options) as keys:
        rows, usable = keys.rows(), keys.usable
    if options.json:
        show_json(rows)
        return DONE
    fixed = usable - sum(row.revoked_us is None for row in rows)
    if rows:
        show_table(("id", "name", "key", "made", "last used", "state"), [_cells(row) for row in rows])
    elif not fixed:
        say("There are no keys: on this machine none is needed, and from elsewhere nobody gets in.")
    if fixed > 0:
        say(f"{fixed} more stand in the settings.")
    return DONE


def revoke(options: RevokeOptions) -> int:
    """Revoke or forget one."""
    with _keys(options) as keys:
        row = keys.forget(options.name_or_id) if options.forget else keys.revoke(options.name_or_id)
        left = keys.usable
    if options.json:
        show_json(row)
        return DONE
    say(f"Key '{row.name}' ({row.id}) is {'forgotten' if options.forget else 'revoked'}; {left} remain in force.")
    return DONE


def _cells(row: KeyRow) -> tuple[str, ...]:
    state = "in force" if row.revoked_us is None else f"revoked {_day(row.revoked_us)}"
    return row.id, row.name, f"{row.prefix}...", _day(row.created_us), _day(row.last_used_us), state


def _day(micros: int | None) -> str:
    if micros is None:
        return "-"
    return datetime.fromtimestamp(micros / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
