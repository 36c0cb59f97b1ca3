"""Every event of these tests is held against its schema."""

from tests.workbench.events import checked_events

__all__ = ["checked_events"]
