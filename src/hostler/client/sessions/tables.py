"""Where the SQL of the sessions' tables is: `Store.open(path, ..., MIGRATIONS)`. Knows nothing else."""

from pathlib import Path
from typing import Final

from hostler.system.store import Migrations

MIGRATIONS: Final = Migrations("sessions", Path(__file__).parent / "migrations")
