"""Where the SQL of the sessions' tables is, and its own function: `Store.open(path, ..., MIGRATIONS)`."""

from pathlib import Path
from typing import Final

from hostler.client.sessions.tokens import parted
from hostler.system.store import Migrations

MIGRATIONS: Final = Migrations("sessions", Path(__file__).parent / "migrations", {"parted": parted})
