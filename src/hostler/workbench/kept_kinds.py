"""Which kinds of events outlive a restart. Knows names only, so that a start need not load the records behind them."""

from typing import Final

STORED: Final = frozenset(
    {
        "engine.ready", "engine.failed", "engine.crashed", "engine.stopped", "worker.ready", "worker.ended",
        "providers.loaded", "providers.refused", "overrides.loaded", "overrides.refused", "machine.up",
        "machine.down", "models.changed", "session.deleted", "pull.done", "pull.failed",
    }
)  # fmt: skip
"""Kinds that are kept over a restart: what is over and has no table of its own, as sessions and messages have."""
