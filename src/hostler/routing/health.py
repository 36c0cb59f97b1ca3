"""Health of providers: after failures in a row a provider is left alone for a while.

Knows: failures, successes, cool-down times. Does not know: why an attempt failed, clocks (time is handed in).
"""

from dataclasses import dataclass

FAILURES = 3
"""Failures in a row after which a provider counts as ill."""
COOL_DOWN = 10.0
"""Seconds of the first cool-down; each further failure doubles it."""
LONGEST = 300.0
"""Seconds of the longest cool-down."""


@dataclass(slots=True)
class _Record:
    failures: int = 0
    ill_until: float = 0.0


class Health:
    """Failures in a row per provider. A call that the client cancelled is neither success nor failure."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def note_success(self, provider: str) -> None:
        """The provider answered."""
        if self._records:
            self._records.pop(provider, None)

    def note_failure(self, provider: str, now: float) -> None:
        """The provider did not answer, or answered with a fault of its own."""
        record = self._records.setdefault(provider, _Record())
        record.failures += 1
        if record.failures >= FAILURES:
            record.ill_until = now + min(LONGEST, COOL_DOWN * 2 ** (record.failures - FAILURES))

    def is_ill(self, provider: str, now: float) -> bool:
        """Whether to try others first."""
        record = self._records.get(provider)
        return record is not None and now < record.ill_until
