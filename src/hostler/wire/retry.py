"""When to try again, as an error reply says it in its headers or its body. Knows the forms in use; decides nothing.

Headers: `retry-after-ms`, `retry-after` in seconds or as an HTTP date (RFC 9110, section 10.2.3), `x-should-retry`.
Bodies: `metadata.headers` of a vendor behind OpenRouter, `retry_after`, a `RetryInfo` (google.rpc), and words.
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from hostler.wire.fields import Members, as_items, as_members, as_text

_SPAN: Final = (
    r"(?:(\d+) ?h(?:ours?)?(?![a-z]) ?)?"
    r"(?:(\d+) ?m(?:in(?:utes?)?)?(?![a-z]) ?)?"
    r"(?:(\d+(?:\.\d+)?) ?(ms|milliseconds?|s(?:ec(?:onds?)?)?)(?![a-z]))?"
)
_TOLD: Final = re.compile(
    rf"(?i)\b(?:try(?:ing)? again|retry(?:ing)?|wait)(?: your request)? (?:in|after|for|at least) {_SPAN}"
)
_DELAY: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_LONGEST_SEARCHED = 4000


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


def wait_told(error: Members) -> float | None:
    """Seconds to wait by the error object of a body; `metadata` and `details` are vendors' own."""
    metadata = as_members(error.get("metadata"))
    seconds = retry_after({name: str(value) for name, value in as_members(metadata.get("headers")).items()})
    if seconds is not None:
        return seconds
    for members, name in ((error, "retry_after"), (metadata, "retry_after"), (metadata, "retry_after_seconds")):
        value = members.get(name)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = _number(str(value))
            if seconds is not None:
                return seconds
    for item in as_items(error.get("details")):
        delay = _DELAY.fullmatch(as_text(as_members(item).get("retryDelay")))
        if delay is not None:
            return float(delay[1])
    return wait_in_words(as_text(error.get("message")))


def wait_in_words(message: str) -> float | None:
    """Seconds to wait as a message says them: "Please try again in 1m2.5s"."""
    told = _TOLD.search(message[:_LONGEST_SEARCHED])
    if told is None or not any(told.groups()):
        return None
    hours, minutes, rest, unit = told.groups()
    seconds = float(rest or 0) / (1000 if (unit or "").lower().startswith("m") else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None
