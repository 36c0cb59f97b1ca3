"""The retry and rate-limit headers of an error reply. Knows their published forms; decides nothing.

Forms: `retry-after-ms`, `retry-after` in seconds or as an HTTP date (RFC 9110, section 10.2.3), `x-should-retry`.
"""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say when and whether to try again, with lower-cased names."""
    return {
        name: value
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in {"retry-after", "retry-after-ms", "x-should-retry"} or "ratelimit" in name
    }


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from 0 up; a date counts from the reply's own `date` header, without which it says nothing."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(lower.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = lower.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(lower["date"])).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):  # TypeError: one date has a zone, the other has none
        return None
    return max(wait, 0.0)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None
